#!/usr/bin/env escript
%% Objects of one key of a bag, a few at a time: from the one inserted last.
main(_) ->
    [chunks(Type) || Type <- [bag, duplicate_bag]].

chunks(Type) ->
    Table = ets:new(table, [Type]),
    [ets:insert(Table, {Key, Number}) || Number <- lists:seq(1, 5), Key <- [plain, {a, tuple}]],
    {Last, _} = ets:select(Table, [{{plain, '$1'}, [], ['$1']}], 1),
    io:format("~p ~p~n", [Type, Last]),
    [io:format("~p ~p ~p~n", [Limit, all(ets:select(Table, [{{{a, tuple}, '$1'}, [], ['$1']}], Limit)),
                              all(ets:select(Table, [{{'$2', '$1'}, [{'=:=', '$2', plain}], ['$1']}], Limit))])
        || Limit <- [2, 3, 7]],
    io:format("~p ~p~n", [all(ets:match(Table, {plain, '$1'}, 2)), all(ets:match_object(Table, {plain, '_'}, 2))]).

all('$end_of_table') -> [];
all({Chunk, Continuation}) when tuple_size(Continuation) > 4; is_atom(Continuation) -> [Chunk | all(next(Chunk, Continuation))].

next(_, '$end_of_table') -> '$end_of_table';
next([[_] | _], Continuation) -> ets:match(Continuation);
next([Object | _], Continuation) when is_tuple(Object) -> ets:match_object(Continuation);
next(_, Continuation) -> ets:select(Continuation).
