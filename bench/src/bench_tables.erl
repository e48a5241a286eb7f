%% ETS: insertion, lookup, counters, an ordered walk.
-module(bench_tables).
-export([run/1]).

run(N) ->
    Set = ets:new(set, [set]),
    Ordered = ets:new(ordered, [ordered_set]),
    [begin
         ets:insert(Set, {I, I * 3, <<"value">>}),
         ets:insert(Ordered, {I * 7919 rem 100003, I})
     end || I <- lists:seq(1, N)],
    [ets:update_counter(Set, I, {2, 1}) || I <- lists:seq(1, N, 3)],
    Sum = lists:sum([element(2, hd(ets:lookup(Set, I))) || I <- lists:seq(1, N)]),
    Walked = walk(ets:first(Ordered), Ordered, 0),
    Selected = length(ets:select(Set, [{{'$1', '$2', '_'}, [{'>', '$2', N}], ['$1']}])),
    ets:delete(Set),
    ets:delete(Ordered),
    {Sum, Walked, Selected}.

walk('$end_of_table', _, Count) -> Count;
walk(Key, Table, Count) -> walk(ets:next(Table, Key), Table, Count + 1).
