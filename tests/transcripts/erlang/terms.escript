#!/usr/bin/env escript
%% Term order, equality, and how terms print.
-module(terms_transcript).
-mode(compile).

main(_) ->
    Fun = fun lists:map/2,
    Terms = [1, 1.0, -1, 1 bsl 70, -(1 bsl 70), 1.0e30, 0.0, -0.0, a, b, 'A b', true, [], [1], [1, 2], [1 | 2], {}, {1}, {1, 2},
             {a, 1}, {a, 1.0}, #{}, #{a => 1}, #{a => 2}, #{b => 1}, #{1 => a}, #{1.0 => a}, #{a => 1, b => 1}, <<>>, <<1>>, <<1, 2>>,
             <<1:1>>, <<2:7>>, "abc", <<"abc">>, Fun, [[]], {[]}, [a, [b, {c}]], 'é', <<"é"/utf8>>],
    [io:format("~kp~n", [T]) || T <- lists:sort(Terms)],
    io:format("~kw~n", [lists:usort(Terms)]),
    io:format("pairs: ~w~n", [[{T > U, T == U, T =:= U, T /= U} || T <- [1, 1.0, a, {1}, {1.0}, #{1 => 1}, #{1.0 => 1}], U <- [1, 1.0, {1}, #{1 => 1}]]]),
    io:format("exact: ~w~n", [[9007199254740993 == 9007199254740992.0, 9007199254740993 > 9007199254740992.0, (1 bsl 1023) * 2 > 1.7e308,
                               0.0 == -0.0, 0.0 =:= -0.0, [1] == [1.0], lists:max([1, 1.0]), lists:max([1.0, 1]), max(1, 1.0), min(1.0, 1)]]),
    io:format("kinds by order: ~w~n", [lists:sort([<<>>, [], #{}, {}, a, 1])]),
    P = self(), R = make_ref(), F = fun() -> ok end,
    io:format("~w~n", [[number < atom, 1 < a, a < R, R < F, F < P, P < {}, {} < #{}, #{} < [], [] < [1], [1] < <<>>]]),
    %% Printing
    io:format("~p ~w ~p ~w~n", ["text", "text", [104, 233], [104, 233]]),
    io:format("~tp ~tw ~ts ~tp~n", ["日本", 'é', <<"é"/utf8>>, <<"日"/utf8>>]),
    io:format("~p~n", [lists:seq(1, 60)]),
    io:format("~kp~n", [{a_rather_long_atom, [{key, "value", 1.5}, {another_key, <<"binary">>, #{map => [1, 2, 3], other => {deep, [er]}}}], 'quoted atom'}]),
    io:format("~P ~W~n", [lists:seq(1, 100), 10, {a, [b, [c, [d]]]}, 5]),
    io:format("~s|~10s|~-10s|~.3s|~10.3.*s~n", ["abc", "abc", "abc", "abcdef", $*, "abcdef"]),
    io:format("~.36B ~.16X ~.10#~n", [123456789, 255, "0x", 77]),
    io:format("~c~c~3c~n", [$a, 233, $x]),
    io:format("~f ~.2f ~e ~.3e ~g ~.3g ~10.2f|~-10.2f|~n", [1.5, 2.675, 12345.678, 0.00012, 1.0e10, 0.1, 3.14159, 3.14159]),
    io:format("~i~w ~~ ~w~n", [ignored, shown, atom]),
    [io:format("~w ", [A]) || A <- ['', a, 'A', 'a b', 'a@b_1', 'é', 'if', '\n', '\\', 'ab\'c', "'"]],
    io:nl(),
    [io:format("~p ", [L]) || L <- ["\"q\"", "\t\n\e", [0], [255], [256], "", [a | b], [[]], {}, [$a | $b]]],
    io:nl(),
    [io:format("~p ", [B]) || B <- [<<"plain">>, <<0>>, <<"a", 200>>, <<1:3>>, <<"ab", 1:1>>, <<"\n">>]],
    io:nl(),
    Bad = fun(Format, Arguments) -> try io:format(Format, Arguments) catch C:E -> io:format("~p ~p~n", [C, E]) end end,
    Bad("~p~n", []), Bad("~q", [1]), Bad("~s", [x1]), Bad("~d", [1]), Bad("~b", [a]), Bad("~c", [-1]), io:nl().
