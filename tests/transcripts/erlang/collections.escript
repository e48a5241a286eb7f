#!/usr/bin/env escript
%% The collections of stdlib.
-module(collections_transcript).
-mode(compile).

main(_) ->
    P = fun(X) -> io:format("~kp~n", [X]) end,
    L = [3, 1, 2, 3, 1.0, a, "s", {1}, b],
    P([lists:sort(L), lists:usort(L), lists:reverse(L), lists:nth(2, L), lists:last(L), lists:sublist(L, 2, 3), lists:split(2, L), lists:partition(fun is_integer/1, L)]),
    P([lists:keyfind(b, 1, [{a, 1}, {b, 2}]), lists:keystore(a, 1, [{a, 1}], {a, 9}), lists:keysort(2, [{1, b}, {2, a}, {3, b}]), lists:keymerge(1, [{1, a}], [{1, b}]), lists:keytake(a, 1, [{a, 1}, {a, 2}]), lists:ukeysort(1, [{1, a}, {1.0, b}])]),
    P([lists:foldl(fun(X, A) -> [X | A] end, [], "abc"), lists:mapfoldl(fun(X, A) -> {X * 2, A + X} end, 0, [1, 2]), lists:zip([1, 2], [a, b]), lists:zipwith3(fun(A, B, C) -> A + B + C end, [1], [2], [3]), lists:unzip3([{1, 2, 3}])]),
    P([lists:merge([1, 4], [2, 3]), lists:seq(10, 1, -3), lists:flatten([[1, [2]], [], 3]), lists:append([[1], [2]]), lists:duplicate(2, x), lists:max([1, a, "x"]), lists:sum([1, 2.5]), lists:prefix("ab", "abc"), lists:dropwhile(fun(X) -> X < 3 end, [1, 3, 1]), lists:enumerate(5, "ab"), lists:uniq([1, 1.0, 1])]),
    P([[1, 2, 3, 2, 1] -- [1, 2], [1] ++ 2, lists:subtract("abc", "b"), lists:delete(2, [1, 2, 2]), lists:member(1.0, [1]), lists:search(fun(X) -> X > 1 end, [1, 2]), lists:join(x, [1, 2])]),
    P(erlang:phash2(lists:sort([erlang:phash2(N) || N <- lists:seq(1, 20000)]))),
    M = maps:from_list([{N, N} || N <- lists:seq(1, 5)]),
    P([maps:fold(fun(K, V, A) -> K + V + A end, 0, M), maps:map(fun(_, V) -> V * 2 end, M), maps:filter(fun(K, _) -> K > 3 end, M), maps:with([1, 9], M), maps:without([1], M), maps:find(1, M), maps:take(1, M), maps:merge_with(fun(_, A, B) -> A + B end, M, #{1 => 10}), maps:intersect(M, #{1 => x}), maps:update_with(1, fun(V) -> V + 1 end, M), maps:put(6, 6, M), maps:keys(M), maps:values(M), maps:filtermap(fun(_, V) -> V > 4 end, M), maps:from_keys([a], 1)]),
    P(#{K => V || K := V <- M, V > 2}), #{1 := One} = M, P({One, M#{1 := x}, maps:is_key(9, M), is_map_key(1, M), map_size(M)}),
    Big = lists:foldl(fun(N, A) -> A#{{k, N} => N} end, #{}, lists:seq(1, 5000)), P({map_size(Big), maps:get({k, 4999}, Big), erlang:phash2(lists:sort(maps:to_list(Big))), map_size(maps:merge(Big, M)), Big =:= maps:from_list(lists:reverse(maps:to_list(Big)))}),
    S = sets:from_list([1, 2, 3, 2], [{version, 2}]), P([lists:sort(sets:to_list(sets:union(S, sets:from_list([9], [{version, 2}])))), sets:is_element(2, S), sets:size(S), ordsets:subtract([1, 2, 3], [2]), gb_sets:to_list(gb_sets:from_list([3, 1, 2])), gb_sets:smallest(gb_sets:from_list("ba")), sets:to_list(sets:from_list([x]))]),
    G = lists:foldl(fun(N, T) -> gb_trees:insert(N, N * N, T) end, gb_trees:empty(), [5, 3, 8, 1]), P([gb_trees:to_list(G), gb_trees:lookup(3, G), gb_trees:take_smallest(G), gb_trees:is_defined(4, G), gb_trees:larger(3, G), element(1, gb_trees:next(gb_trees:iterator_from(4, G)))]),
    D = dict:store(b, 2, dict:from_list([{a, 1}])), P([lists:sort(dict:to_list(dict:update_counter(a, 5, D))), orddict:append(a, 2, [{a, [1]}])]),
    Q = queue:in(3, queue:from_list([1, 2])), P([queue:out(Q), queue:to_list(queue:reverse(Q)), queue:peek_r(Q), queue:len(Q), queue:filter(fun(X) -> X > 1 end, Q), queue:split(1, Q)]),
    A = array:set(5, x, array:from_list([a, b])), P([array:to_list(A), array:size(A), array:get(100, A), array:sparse_to_orddict(A), array:foldl(fun(I, V, Acc) -> [{I, V} | Acc] end, [], array:from_list("ab"))]),
    Gr = digraph:new(), [digraph:add_vertex(Gr, V) || V <- [a, b, c, d]], [digraph:add_edge(Gr, X, Y) || {X, Y} <- [{a, b}, {b, c}, {a, c}]], P([digraph:get_path(Gr, a, c), digraph_utils:topsort(Gr) =/= false, digraph_utils:is_acyclic(Gr), lists:sort(digraph_utils:reachable([b], Gr)), digraph:no_edges(Gr)]),
    P([proplists:get_value(a, [{a, 1}, b]), proplists:get_bool(b, [b]), proplists:get_all_values(a, [{a, 1}, {a, 2}]), proplists:compact([{a, true}]), proplists:to_map([a, {b, 2}]), proplists:delete(a, [a, {a, 1}, b])]),
    P([calendar:day_of_the_week({2024, 2, 29}), calendar:is_leap_year(2100), calendar:date_to_gregorian_days({2000, 1, 1}), calendar:datetime_to_gregorian_seconds({{1970, 1, 1}, {0, 0, 0}}), calendar:iso_week_number({2021, 1, 3}), calendar:last_day_of_the_month(2024, 2), calendar:time_difference({{2024, 1, 1}, {0, 0, 0}}, {{2024, 1, 2}, {1, 1, 1}}), calendar:system_time_to_rfc3339(1700000000, [{offset, "Z"}]), calendar:rfc3339_to_system_time("2023-11-14T22:13:20Z"), calendar:gregorian_days_to_date(738945), calendar:valid_date(2023, 2, 29)]),
    [begin R0 = rand:seed_s(Alg, {1, 2, 3}), {X1, R1} = rand:uniform_s(1000000, R0), {X2, R2} = rand:uniform_s(R1), {X3, R3} = rand:normal_s(R2), {X4, _} = rand:uniform_s(1 bsl 100, R3), P({Alg, X1, X2, X3, X4}) end || Alg <- [exsss, exrop, exs1024s, exro928ss, dummy]],
    rand:seed(exsss, 42), P([rand:uniform(100) || _ <- lists:seq(1, 10)]), P(rand:bytes(5)), P(element(1, random_list())),
    P([string:tokens("a b  c", " "), string:join(["a", "b"], "-"), string:to_upper("aé"), string:str("hello", "l"), string:substr("hello", 2, 3), string:centre("x", 5), string:chr("abc", $b), string:concat("a", "b"), string:uppercase(<<"ß"/utf8>>), string:titlecase("abc"), string:slice("日本語", 1), string:replace("aXbX", "X", "-", all), string:take("abc1", "abc"), string:is_empty(<<>>), string:next_grapheme("e\x{301}x"), string:to_float("1.5x"), string:jaro_similarity("abc", "abd")]),
    P([unicode:characters_to_binary("日本"), unicode:characters_to_list(<<"é"/utf8>>), unicode:characters_to_binary([16#D800]), unicode:characters_to_nfd_list("é"), io_lib:printable_unicode_list("日"), io_lib:printable_latin1_list([256]), io_lib:format("~ts", ["é"]), lists:flatten(io_lib:write({a, "b"})), io_lib:write_string("a\"b"), io_lib:write_atom('A b'), lists:flatten(io_lib:print([1, {a}], 1, 80, -1)), io_lib:fread("~d ~s", "12 abc rest"), io_lib:chars_length(["ab", [<<"é"/utf8>>]])]),
    P([erl_anno:line(erl_anno:new(5)), filename:join("a", "b"), filename:extension("a.b.c"), uri_string:parse("http://user@host:80/p?q=1#f"), uri_string:quote("a b/é")]),
    P(uri_string:compose_query([{"a", "1 2"}, {"b", "é"}])),
    P(iolist_to_binary(json:encode(#{<<"a">> => [1, 2.5, null, true, <<"é\n"/utf8>>]}))), P(json:decode(<<"{\"k\": [1, -2.5e3, \"\\u00e9\", {}]}">>)),
    P(catch json:decode(<<"[1,">>)).

random_list() -> {ok, [rand:uniform() || _ <- "abc"]}.
