#!/usr/bin/env escript
%% ETS and match specifications on the level of Erlang.
-module(tables_transcript).
-mode(compile).
-include_lib("stdlib/include/ms_transform.hrl").

main(_) ->
    P = fun(X) -> io:format("~kp~n", [X]) end,
    [begin T = ets:new(t, [Type]), ets:insert(T, [{1, a}, {2, b}, {1.0, c}, {1, d}, {1, a}]),
           P({Type, lists:sort(ets:tab2list(T)), ets:lookup(T, 1), ets:lookup(T, 1.0), ets:member(T, 3), ets:info(T, size)}),
           P([ets:delete_object(T, {1, d}), ets:insert_new(T, {2, x}), ets:insert_new(T, [{7, x}, {8, x}]), lists:sort(ets:tab2list(T)), ets:take(T, 1), ets:info(T, size), ets:delete(T)]) end || Type <- [set, ordered_set, bag, duplicate_bag]],
    T = ets:new(people, [ordered_set, named_table, {keypos, 2}, {read_concurrency, true}]),
    P(T), ets:insert(people, [{p, 1, "ann", 30}, {p, 2, "bob", 20}, {p, 3, "cid", 40}, {q, 4, x, y}]),
    P(ets:select(people, ets:fun2ms(fun({p, I, N, A}) when A > 25, I < 3 -> {N, A + 1} end))),
    P(ets:select(people, ets:fun2ms(fun({_, I, _, _} = O) when I rem 2 =:= 0 -> O end))),
    P(ets:select_count(people, ets:fun2ms(fun({p, _, _, A}) -> is_integer(A) end))),
    P(ets:fun2ms(fun({A, B}) when is_atom(A) andalso B =/= 1 orelse element(1, B) == A -> [A | B] end)),
    P([ets:first(people), ets:last(people), ets:next(people, 2), ets:prev(people, 1), ets:next(people, 2.5), ets:next_lookup(people, 1)]),
    P(ets:foldl(fun(O, A) -> [element(2, O) | A] end, [], people)),
    P([ets:update_element(people, 1, {3, "anna"}), ets:update_element(people, 99, {3, x}), ets:update_element(people, 99, {3, x}, {p, 99, d, 1}), ets:update_counter(people, 1, {4, 5}), ets:update_counter(people, 1, [{4, -50, 0, 7}, {4, 1}]), ets:lookup(people, 99)]),
    {M1, C1} = ets:match(people, {'_', '$1', '$2', '_'}, 2), P(M1), P(element(1, ets:match(C1))), P(ets:match_object(people, {q, '_', '_', '_'})), P(ets:match_spec_run([{1, 2}], ets:match_spec_compile([{{'$1', '$2'}, [], ['$$']}]))),
    P([{I, ets:info(people, I)} || I <- [name, type, keypos, size, protection, named_table, heir, read_concurrency, write_concurrency, compressed, fixed, decentralized_counters]]),
    P([ets:rename(people, folk), ets:info(people), ets:whereis(people), ets:tab2list(folk)]),
    [continued(P, Type) || Type <- [set, bag, ordered_set]],
    io:format("-- matching~n"),
    Test = fun(Tuple, Spec) -> P(ets:test_ms(Tuple, Spec)) end,
    Test({1, 2}, [{{'$1', '$1'}, [], [same]}, {{'$1', '$2'}, [], [{{'$2', '$1'}}]}]),
    Test({a, #{x => 1, y => {z}}}, [{{'_', #{y => '$1'}}, [], ['$1']}]),
    Test({[1, 2, 3]}, [{{[1 | '$1']}, [], [{hd, '$1'}, {tl, '$1'}, {length, '$1'}]}]),
    Test({<<"abc">>, 5}, [{{'$1', '$2'}, [{'=:=', {byte_size, '$1'}, 3}, {is_number, '$2'}], [{binary_part, '$1', 1, 2}, {'bsl', '$2', 3}]}]),
    Test({1.5, -2}, [{{'$1', '$2'}, [{'<', '$2', '$1'}], [{{{trunc, '$1'}, {abs, '$2'}, {'-', '$1', '$2'}, {float, '$2'}, {'div', '$2', 2}, {'/', '$1', '$2'}}}]}]),
    Test({a}, [{{'$1'}, [{'or', {'==', '$1', b}, {'not', {is_atom, {const, 1}}}}], [yes]}]),
    Test({a, 1}, [{'$1', [], [{size, '$1'}, '$1', '$_']}]),
    Test({{x, 1}, {y, 2}}, [{{{'_', '$9'}, '$1000'}, [], ['$$', {element, 2, '$1000'}, {const, '$1'}, {{}}, [], {[a | '$9']}]}] ),
    Test({1}, [{{'$1'}, [], [{'$2'}]}]), Test({1}, [{{'$1'}, [{foo}], [x]}]), Test({1}, []), Test({1}, [{{'$1'}, [], []}]), Test({1}, x),
    Test({5}, [{{'$1'}, [{'andalso', {'>', '$1', 1}, {'orelse', false, {'==', {'rem', '$1', 5}, 0}}, true}], [{'max', '$1', 3}, {'min', 1, 2}, {'bxor', '$1', 1}, {'band', '$1', 4}, {'bnot', '$1'}]}]),
    Test({#{a => 1}}, [{{'$1'}, [], [#{m => '$1', list => ['$1'], {{t}} => 1}, {map_size, '$1'}, {map_get, a, '$1'}]}]),
    Test({node, self}, [{{node, '$1'}, [{is_pid, {self}}, {'==', {node}, nonode@nohost}], [{'=/=', '$1', other}]}]),
    io:format("-- many writers, one table~n"),
    C = ets:new(c, [public, {write_concurrency, true}, {decentralized_counters, true}]), Self = self(),
    [spawn_link(fun() -> [begin ets:update_counter(C, N rem 10, 1, {N rem 10, 0}), ets:insert(C, {{W, N}, W}) end || N <- lists:seq(1, 500)], Self ! done end) || W <- lists:seq(1, 8)],
    [receive done -> ok end || _ <- lists:seq(1, 8)], P({ets:info(C, size), lists:sort([{K, V} || {K, V} <- ets:tab2list(C), is_integer(K)])}),
    ets:safe_fixtable(C, true), Del = fun D('$end_of_table', N) -> N; D(K, N) -> Next = ets:next(C, K), ets:delete(C, K), D(Next, N + 1) end, P({Del(ets:first(C), 0), ets:info(C, size)}), ets:safe_fixtable(C, false),
    O = ets:new(o, [ordered_set]), ets:insert(O, [{erlang:phash2(N), N} || N <- lists:seq(1, 10000)]), P({ets:info(O, size), element(1, hd(ets:tab2list(O))), lists:sort(ets:tab2list(O)) =:= ets:tab2list(O), ets:select_delete(O, [{{'$1', '$2'}, [{'>', '$2', 5000}], [true]}]), ets:info(O, size)}),
    {Part, Cont} = ets:select(O, [{{'_', '$1'}, [], ['$1']}], 1000), P({length(Part), length(walk(ets:select(Cont), []))}),
    Tq = ets:table(O), P(is_function(Tq) orelse is_tuple(Tq)),
    P([ets:is_compiled_ms(x), catch ets:lookup(gone, 1), ets:all() =/= [], ets:delete_all_objects(O), ets:info(O, size)]).

walk('$end_of_table', Acc) -> Acc;
walk({Part, Cont}, Acc) -> walk(ets:select(Cont), Part ++ Acc).

%% A search in a named table goes on while that is renamed, and ends with it, even if another one has the name.
continued(P, Type) ->
    New = fun(Objects) -> ets:new(named, [Type, named_table]), ets:insert(named, Objects) end,
    New([{I, I} || I <- lists:seq(1, 5)]),
    {_, More} = ets:select(named, [{'$1', [], ['$_']}], 2),
    P({Type, is_reference(element(1, More)), tuple_size(More)}),
    ets:rename(named, other),
    P(answer(More)), ets:rename(other, named),
    P(answer(More)), ets:delete(named), New([{9, 9}]),
    P(answer(More)), ets:delete(named),
    P(answer(More)).

answer(More) ->
    try ets:select(More) of {Objects, _} -> length(Objects); End -> End
    catch error:Reason:Trace ->
        [{ets, select, [_], Info} | _] = Trace,
        {Reason, maps:get(cause, proplists:get_value(error_info, Info))}
    end.
