#!/usr/bin/env escript
%% re: every option, and what the patterns mean.
-module(regular_expressions_transcript).
-mode(compile).

main(_) ->
    P = fun(X) -> io:format("~ktp~n", [X]) end,
    R = fun(S, Re, O) -> io:format("~ts ~w: ~tp~n", [Re, O, catch re:run(S, Re, O)]) end,
    L = {capture, all, list},
    [R("abcabcabc", Re, O) || Re <- ["b(c)", "(?<n>c)(a)?", "x", "^a", "c$", "(a|ab)(c|bcd)?"], O <- [[], [global], [L], [global, L], [{capture, none}], [{capture, first, binary}], [{capture, [1, 0], list}], [{offset, 3}], [anchored], [notbol], [noteol], [notempty]]],
    [R(S, Re, [L]) || {S, Re} <- [{"foobar", "foo(?=bar)"}, {"foobar", "(?<=foo)bar"}, {"foobaz", "foo(?!bar)"}, {"xbar", "(?<!foo)bar"}, {"aaa", "a{2}"}, {"aaa", "a{2,}?"}, {"aaa", "a*?$"}, {"aaab", "a++b"}, {"abab", "(ab)\\1"}, {"abba", "(?<x>a)(?<y>b)\\k<y>\\k<x>"},
        {"a\nb", "a.b"}, {"a\nb", "a\\Nb"}, {"a\r\nb", "a\\Rb"}, {"tab\there", "\\t"}, {"x-y_z", "[\\w-]+"}, {"12ab", "[^0-9]+"}, {"a]b", "[]]"}, {"\\", "\\\\"}, {"A1 b2", "[[:upper:]][[:digit:]]"}, {"((a)b)", "\\((?:[^()]++|(?R))*\\)"}, {"ac", "a(?:b|c|d){0,3}"},
        {"abc", "(?i:B)"}, {"aBC", "a(?i)bc"}, {"foo.bar", "\\Qo.b\\E"}, {"aab", "(?|(a)(b)|(x))"}, {"ab", "(?#comment)ab"}, {"x", "(x)?(?(1)|y)"}, {"word end", "\\bend\\b"}, {"abc", "\\Aabc\\z"}, {"ab12", "\\D+\\d+"}, {"\x{e9}", "\\xe9"}, {"a b", "a\\sb"}, {"a.b", "a\\.b"}, {"aXb", "a[A-Z]b"}, {"foobar", "foo\\Kbar"},
        {"2024-02-29", "(\\d{4})-(\\d\\d)-(\\d\\d)"}, {"", ""}, {"abc", "(*FAIL)|c"}, {"abcd", "(?>a|ab)c"}, {"abcd", "(?1)c(ab)|abc"}]],
    [R(<<"été Ünï日本"/utf8>>, Re, [unicode, L]) || Re <- ["\\w+", "\\p{L}+", "[é-ü]", "(?i)ü", "\\X", ".{3}$", "\\P{Latin}+", "\\x{65e5}", "(*UCP)\\w+"]],
    [R("one\ntwo\r\nthree", Re, [L | O]) || Re <- ["^t\\w+$", "e.t", "o$"], O <- [[multiline], [dotall], [multiline, {newline, crlf}], [{newline, anycrlf}, multiline, global], [firstline], [dollar_endonly]]],
    R("AbC", "abc", [caseless, L]), R("a b c", "a b c", [extended]), R("aaa", "a+", [ungreedy, L]), R("abc", "(a)(b)", [no_auto_capture, L]), R("abab", "(?<a>a)|(?<a>b)", [dupnames, {capture, [a], list}]),
    P(re:split("a,b;c", "[,;]")), P(re:split("a,b;c", "([,;])", [{return, list}, {parts, 2}])), P(re:split("abc", "", [{return, list}, trim])), P(re:split(" a b ", " ", [trim, {return, list}])),
    P(re:replace("abc", "(b)", "<\\1&\\g{1}>", [{return, list}])), P(re:replace("aXbX", "X", "\\\\&", [global, {return, binary}])), P(re:replace("abc", "b", fun(W, S) -> [W, W, lists:flatten(io_lib:format("~p", [S]))] end, [{return, list}])),
    {ok, C} = re:compile("(?<first>a)(?<second>b)?"), P(element(1, C)), P(re:run("xab", C, [{capture, all_names, binary}])), P(re:inspect(C, namelist)),
    [P({Re, case re:compile(Re) of {ok, M} -> {ok, element(1, M)}; Error -> Error end}) || Re <- ["(", ")", "[", "a**", "(?z)", "\\", "(?<1>a)", "[b-a]", "{", "a{3,1}", "(?P=x)", "\\g{5}", "(?<a>x)(?<a>y)", "[[:nope:]]", "\\c", "(?(9)a)", "(?'n", "a{99999}", "\\x{110000}", "(?C256)"]],
    P(catch re:run("a", "(")), P(catch re:run("a", "a", [bad])), P(re:run("a", "(", [report_errors])), P(re:run("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "(a+)+b", [{match_limit, 100}, report_errors])), P(re:run("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "(a?){30}a{30}", [{capture, none}])),
    Long = lists:duplicate(100000, $x), P(re:run(Long ++ "y", "x*y", [{capture, first}])), P(length(re:split(lists:duplicate(1000, "ab,"), ",", [{return, list}]))), P(re:run([<<"ab">>, $c, ["d"]], "c(d)", [L])).
