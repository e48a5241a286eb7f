#!/usr/bin/env escript
%% Junk given to match specifications, regular expressions, formats, scanners and converters.
-module(junk_arguments_transcript).
-mode(compile).

main(_) ->
    T = ets:new(t, [ordered_set]),
    ets:insert(T, [{1, a}, {2, b}]),
    [io:format("select ~kw: ~kw~n", [S, error_of(fun() -> ets:select(T, S) end)]) || S <- [
        junk, [], [[]], [junk], [{}], [{'_', [], []}], [{'_', [], ['$_']}], [{{'$1', '$2'}, [], ['$3']}], [{'$1', [], ['$$']}], [{{'$1', '_'}, [{'>', '$1', 1}], ['$1']}], [{'_', [junk], ['$_']}],
        [{'_', [{no_such_guard, 1}], ['$_']}], [{'_', [{'+', 1, a}], ['$_']}], [{'_', [{hd, []}], ['$_']}], [{'_', [true | junk], ['$_']}], [{'_', [], ['$_'] ++ junk}], [{'_', [], [{1, 2}]}], [{'_', [], [{{1, 2}}]}], [{'_', [], [{const}]}], [{'_', [], [{const, {1, 2}}]}],
        [{{'$100000001', '_'}, [], ['$100000001']}], [{{'$99999999999999999999', '_'}, [], [x]}], [{'_', [{'element', 5, '$_'}], ['$_']}], [{'_', [{'div', 1, 0}], ['$_']}], [{'_', [], [{'div', 1, 0}]}], [{'_', [], [{return_trace}]}], [{'_', [], [{'self'}, {'message', x}]}],
        [{#{a => '$1'}, [], ['$1']}], [{'_', [], [#{a => {'+', 1, 2}}]}], [{'_', [{'and'}], [x]}], [{'_', [{'or', true}], [x]}], [{'_', [{is_atom, a, b}], [x]}], [{'_', [{is_record, '$_', 1}], ['$_']}], [{'_', [{is_record, '$_', 1, 2}], ['$_']}], [{'_', [], []} | junk]]],
    [io:format("~ts: ~kw~n", [Name, error_of(F)]) || {Name, F} <- [
        {"match_spec_compile", fun() -> ets:match_spec_compile(junk) end}, {"match_spec_run", fun() -> ets:match_spec_run([{1}], junk) end}, {"match_spec_run of a list", fun() -> ets:match_spec_run([1 | 2], ets:match_spec_compile([{'_', [], ['$_']}])) end},
        {"test_ms", fun() -> ets:test_ms({1}, [{'_', [{foo}], ['$_']}]) end}, {"match_spec_test", fun() -> erlang:match_spec_test({1}, [{'_', [], [{'div', 1, 0}]}], table) end}, {"select limit", fun() -> ets:select(T, [{'_', [], ['$_']}], 0) end},
        {"select continuation", fun() -> ets:select({T, 1, 2, <<>>, [], 0}) end}, {"select_count", fun() -> ets:select_count(T, [{'_', [], [1]}]) end}, {"select_delete", fun() -> ets:select_delete(no_table, []) end}, {"select_replace", fun() -> ets:select_replace(T, [{{'$1', '_'}, [], [{{{'+', '$1', 1}, x}}]}]) end},
        {"match", fun() -> ets:match(T, {'$1', '$1'}) end}, {"insert", fun() -> ets:insert(T, [{x}, junk]) end}, {"insert nothing", fun() -> ets:insert(T, {}) end}, {"update_counter", fun() -> ets:update_counter(T, 1, {2, 1}) end}, {"update_element", fun() -> ets:update_element(T, 1, {9, x}) end},
        {"new", fun() -> ets:new("name", []) end}, {"new option", fun() -> ets:new(name, [junk]) end}, {"new keypos", fun() -> ets:new(name, [{keypos, 0}]) end}, {"lookup_element", fun() -> ets:lookup_element(T, 7, 1) end}, {"info", fun() -> ets:info(T, junk) end}]],
    io:format("~n-- regular expressions~n"),
    [io:format("~kp: ~kp~n", [P, error_of(fun() -> case re:compile(P) of {error, {_, At}} -> {error, At}; {ok, _} -> ok end end)]) || P <- [
        "(", ")", "[", "[z-a]", "*", "a**", "a{2,1}", "(?<n>a)(?<n>b)", "\\", "(?P<", "\\1", "(?z)", "[[:junk:]]", "\\p{Junk}", "(?(1)a|b|c)", "(?<=a*)b", "", junk, [1 | 2], [300]]],
    [io:format("re ~ts: ~kp~n", [Name, error_of(F)]) || {Name, F} <- [
        {"run", fun() -> re:run("a", "(") end}, {"option", fun() -> re:run("a", "a", [junk]) end}, {"negative offset", fun() -> re:run("a", "a", [{offset, -1}]) end}, {"bad UTF-8", fun() -> re:run(<<255>>, "a", [unicode]) end},
        {"bad pattern UTF-8", fun() -> re:compile(<<255>>, [unicode]) end}, {"not compiled", fun() -> re:run("a", {re_pattern, 0, 0, 0, <<>>}) end}, {"catastrophe", fun() -> re:run(lists:duplicate(40, $a), "(a+)+$x", [report_errors]) end},
        {"capture", fun() -> re:run("a", "a", [{capture, [5, name], list}]) end}, {"replace", fun() -> re:replace("a", "a", "\\9", [{return, list}]) end}, {"split", fun() -> re:split("a", "", [{parts, -1}]) end}, {"empty split", fun() -> re:split("abc", "", [{return, list}]) end}]],
    io:format("~n-- formats~n"),
    [io:format("~kw ~kw: ~kw~n", [F, A, error_of(fun() -> lists:flatten(io_lib:format(F, A)) end)]) || {F, A} <- [
        {"~", []}, {"~p", []}, {"~p", [1, 2]}, {"~z", [1]}, {"~s", [1]}, {"~s", [[a]]}, {"~s", [[256]]}, {"~ts", [[16#110000]]}, {"~ts", [<<255>>]}, {"~c", [a]}, {"~c", [-1]}, {"~tc", [16#110000]}, {"~d", [1]}, {"~b", [1.5]}, {"~.37b", [1]}, {"~.1b", [1]}, {"~f", [a]}, {"~e", [1]},
        {"~.99f", [1.0]}, {"~.254f", [1.0]}, {"~-5p|", [1]}, {"~*p", [a, 1]}, {"~99999999999999999999p", [1]}, {"~P", [1]}, {"~P", [[1, 2, 3], a]}, {"~i~p", [1, 2]}, {"~x", [1, 1]}, {junk, []}, {"~p", junk}, {[1 | 2], []}, {"~+", [1]}, {"~#", [255]}, {<<"~p">>, [x]}, {"~~~n", []}]],
    io:format("~kw~n", [error_of(fun() -> io:format("~p", []) end)]),
    io:format("~kw~n", [error_of(fun() -> io:format(no_such_device, "x", []) end)]),
    io:format("~kw~n", [error_of(fun() -> io:put_chars(user, [a]) end)]),
    io:format("~kw~n", [error_of(fun() -> io:setopts([junk]) end)]),
    io:format("~kw~n", [error_of(fun() -> io:request(user, junk) end)]),
    io:format("~n-- scanners and converters~n"),
    [io:format("~kp: ~kp~n", [S, error_of(fun() -> erl_scan:string(S) end)]) || S <- [
        "\"open", "'open", "$", "16#", "37#1", "1.0e400", "1.0e", "\"\\x{110000}\"", "\"\\x{", "@", "\\", [0, 1, 2], [255, 16#110000], "<<<>>>", "a.b.", "\"\"\"\nopen", "~s\"sigil", "1__0", "1_0", "$\\^", "'" ++ lists:duplicate(256, $a) ++ "'", junk, [a]]],
    [io:format("parse ~kp: ~kp~n", [S, error_of(fun() -> {ok, Tokens, _} = erl_scan:string(S), erl_parse:parse_exprs(Tokens) end)]) || S <- ["1 +.", "fun.", "(((.", "[1|2|3].", "case x of end.", "<<1:>>.", "#{a := }.", "1 2.", "."]],
    [io:format("~ts: ~kp~n", [Name, error_of(F)]) || {Name, F} <- [
        {"to_integer", fun() -> [string:to_integer(S) || S <- ["", "x", "+", "-", "+-1", "1x", "12345678901234567890z", " 1", [$1 | junk], junk, <<"5é"/utf8>>, <<255>>, [1, a]]] end},
        {"to_float", fun() -> [string:to_float(S) || S <- ["", "1", "1.", ".5", "1.5e", "1.5e999", "1.5x", "1,5", junk, <<"1.5">>]] end},
        {"characters_to_list", fun() -> [unicode:characters_to_list(B) || B <- [<<255>>, <<195>>, [<<195>>, <<169>>], [16#D800], [16#110000], <<237, 160, 128>>]] end},
        {"characters_to_binary", fun() -> unicode:characters_to_binary(junk) end}, {"characters of a list", fun() -> unicode:characters_to_binary([a]) end}, {"characters of bits", fun() -> unicode:characters_to_list(<<1:3>>) end}, {"encoding", fun() -> unicode:characters_to_list(<<1>>, junk) end},
        {"length", fun() -> string:length(<<255>>) end}, {"uppercase", fun() -> string:uppercase(junk) end}, {"decode_unsigned", fun() -> binary:decode_unsigned(junk) end}, {"base64", fun() -> base64:decode("a$b") end}, {"short base64", fun() -> base64:decode("abc") end}, {"hex", fun() -> binary:decode_hex(<<"0g">>) end},
        {"json", fun() -> json:decode(<<"[1, 2">>) end}, {"json text", fun() -> json:decode(<<"\"", 255, "\"">>) end}, {"inflate", fun() -> zlib:uncompress(<<"junk">>) end}, {"gunzip", fun() -> zlib:gunzip(<<31, 139, 8>>) end},
        {"match", fun() -> binary:match(<<"a">>, []) end}, {"empty pattern", fun() -> binary:match(<<"a">>, <<>>) end}, {"scope", fun() -> binary:match(<<"a">>, <<"a">>, [{scope, {5, 1}}]) end}, {"compiled", fun() -> binary:match(<<"a">>, {bm, make_ref()}) =:= x end},
        {"open", fun() -> file:open("a" ++ [0], [read]) end}, {"consult", fun() -> file:consult(junk) end}, {"getenv", fun() -> os:getenv("a" ++ [0]) end}, {"putenv", fun() -> os:putenv("a=b", "c") end}, {"cmd", fun() -> os:cmd(junk) end}]].

error_of(F) -> try F() catch C:E -> {C, E} end.
