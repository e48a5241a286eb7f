#!/usr/bin/env escript
%% Segments that cannot be built: which one it is, what is wrong with it, and the text that the shell prints.
-module(segment_errors_transcript).
-mode(compile).

main(_) ->
    [try build(Number, A, B) of
         Built -> io:format("~p ~p~n", [Number, Built])
     catch
         error:Reason:Stack ->
             [{_, _, _, Information} | _] = Stack,
             Cause = maps:get(cause, proplists:get_value(error_info, Information, #{cause => none})),
             io:format("~p ~p ~p ~p~n", [Number, Reason, Cause, maps:get(general, erl_erts_errors:format_error(Reason, Stack), none)])
     end || {Number, A, B} <- cases()],
    ok.

%% One thing is wrong in each: with several, which is told first is not promised.
cases() ->
    [{1, <<"a">>, name}, {1, name, <<"a">>}, {2, <<"a">>, name}, {2, name, <<"a">>}, {2, <<"a">>, <<"b">>}, {3, <<"a">>, 1}, {4, none, name},
     {4, none, 1 bsl 70}, {5, 1.0, name}, {5, name, 1}, {5, 1.0, 1 bsl 2000}, {6, 1, name}, {6, name, 8}, {6, 1, 1 bsl 70}, {6, 1, -1}, {7, <<"a">>, name},
     {7, 1, 65}, {7, <<"a">>, 16#d800}, {8, <<"a">>, 2}, {8, <<"a">>, 1}, {9, 65, name}, {9, name, 65}, {9, 16#110000, 65}].

build(1, A, B) -> <<1:32, "xyz", A/binary, B/binary>>;
build(2, A, B) -> <<A/binary, B/binary>>;
build(3, A, B) -> <<B/binary, A/binary>>;
build(4, _, B) -> <<"abc", 7, B:32>>;
build(5, A, B) -> <<A/float, B/float>>;
build(6, A, B) -> <<A:B>>;
build(7, A, B) -> <<"abc", A/binary, 1, "def", 2:16, B/utf8>>;
build(8, A, B) -> <<1, A:B/binary>>;
build(9, A, B) -> <<B/utf16, "text", A/utf32>>.
