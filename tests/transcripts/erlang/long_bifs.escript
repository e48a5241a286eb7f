#!/usr/bin/env escript
%%! +S 1
%% Functions with long arguments: their answers are right, and others run meanwhile, with one scheduler.
-module(long_bifs_transcript).
-mode(compile).

main(_) ->
    List = lists:seq(1, 400000),
    Pairs = [{N, N} || N <- List],
    Bytes = [N band 127 || N <- List],
    Binary = list_to_binary(Bytes),
    Map = maps:from_list(Pairs),
    Encoded = term_to_binary(Pairs),
    try_it("term_to_binary", fun() -> erlang:md5(term_to_binary(Pairs)) end),
    try_it("term_to_binary, compressed", fun() -> binary_to_term(term_to_binary(Pairs, [compressed])) =:= Pairs end),
    try_it("binary_to_term", fun() -> binary_to_term(Encoded) =:= Pairs end),
    try_it("binary_to_term, cut off", fun() -> catch binary_to_term(binary:part(Encoded, 0, byte_size(Encoded) - 10)) end),
    try_it("++", fun() -> length(List ++ Pairs) end),
    try_it("++ of what is no list", fun() -> (List ++ a) ++ [] end),
    try_it("--", fun() -> List -- lists:reverse(lists:seq(1, 399999)) end),
    try_it("list_to_binary", fun() -> erlang:crc32(list_to_binary([Bytes, Binary | Binary])) end),
    try_it("iolist_to_binary of what is none", fun() -> iolist_to_binary([Bytes, Binary, a]) end),
    try_it("binary_to_list", fun() -> binary_to_list(Binary) =:= Bytes end),
    try_it("list_to_tuple", fun() -> tuple_size(list_to_tuple(List)) end),
    try_it("maps:from_list", fun() -> maps:from_list(Pairs) =:= Map end),
    try_it("maps:from_keys", fun() -> map_size(maps:from_keys(List, x)) end),
    try_it("maps:merge", fun() -> map_size(maps:merge(Map, maps:from_keys([a, b, 1], y))) end),
    try_it("maps:keys", fun() -> lists:sort(maps:keys(Map)) =:= List end),
    try_it("maps:values", fun() -> lists:sum(maps:values(Map)) end),
    try_it("lists:keyfind", fun() -> lists:keyfind(400000, 2, Pairs) end),
    try_it("lists:keymember", fun() -> lists:keymember(x, 1, Pairs) end),
    try_it("lists:keysearch of what is no list", fun() -> lists:keysearch(x, 1, Pairs ++ y) end),
    try_it("unicode:characters_to_binary", fun() -> erlang:md5(unicode:characters_to_binary([Bytes, Binary, 1024, [Bytes]])) end),
    try_it("unicode:characters_to_binary, error", fun() -> {error, B, R} = unicode:characters_to_binary([Bytes, Bytes, <<255, 1>>, "x"]), {byte_size(B), R} end),
    try_it("unicode:characters_to_list", fun() -> length(unicode:characters_to_list(Binary)) end),
    try_it("md5", fun() -> erlang:md5([Bytes, Binary]) end),
    try_it("adler32", fun() -> erlang:adler32([Bytes, Binary]) end),
    try_it("re:run, backtracking", fun() -> re:run(binary:copy(<<"a">>, 24), "^(a+)+b$", [report_errors]) end),
    try_it("re:run, backtracking, global", fun() -> re:run(binary:copy(<<"a">>, 20), "(x+x+)+y|^(a+)+b$|a$", [global]) end),
    try_it("length", fun() -> length(List) end),
    {'EXIT', {badarg, [{erlang, length, [Improper], _} | _]}} = catch length(lists:seq(1, 500000) ++ [b | c]),
    io:format("length of what is no list: ~P~n", [Improper, 8]),
    Large = (1 bsl length(List)) - 1,
    Digits = integer_to_binary(Large),
    try_it("phash2", fun() -> {erlang:phash2(Pairs), erlang:phash2(Bytes, 1000), erlang:phash2({a, List})} end),
    try_it("phash2 of a map", fun() -> erlang:phash2(Map) end),
    try_it("phash", fun() -> erlang:phash({Pairs, Bytes}, 1 bsl 32) end),
    try_it("external_size", fun() -> erlang:external_size({Pairs, Bytes, Binary}) end),
    try_it("iolist_size", fun() -> iolist_size([Bytes, Binary, Bytes]) end),
    try_it("iolist_size of what is none", fun() -> iolist_size([Bytes, Bytes | a]) end),
    try_it("integer_to_binary", fun() -> erlang:md5(Digits) end),
    try_it("integer_to_list", fun() -> erlang:md5(integer_to_list(Large, 7)) end),
    try_it("binary_to_integer", fun() -> binary_to_integer(Digits) =:= Large end),
    try_it("list_to_integer", fun() -> list_to_integer(binary_to_list(Digits)) =:= Large end),
    try_it("ets:insert", fun() -> ets:insert(T = ets:new(t, []), Pairs), {ets:info(T, size), ets:lookup(T, 77)} end),
    try_it("ets:insert of what is no tuple", fun() -> ets:insert(ets:new(t, []), Pairs ++ [a]) end),
    try_it("ets:insert_new", fun() -> T = ets:new(t, []), {ets:insert_new(T, Pairs), ets:insert_new(T, Pairs)} end),
    Term = {Pairs, Pairs, Pairs},
    [alongside(What, Fun) || {What, Fun} <- [
        {"term_to_binary", fun() -> byte_size(term_to_binary(Term)) end},
        {"phash2", fun() -> erlang:phash2(Term) end},
        {"integer_to_binary", fun() -> byte_size(integer_to_binary(Large)) end}
    ]],
    killed(Pairs).

%% In a process of its own, which others may look at and which has little time to itself.
try_it(What, Fun) ->
    {P, M} = spawn_monitor(fun() -> exit({done, try Fun() catch Class:Reason -> {Class, short(Reason)} end}) end),
    receive {'DOWN', M, process, P, {done, Result}} -> io:format("~s: ~p~n", [What, short(Result)]) end.

short({badarg, _}) -> badarg;
short({'EXIT', {Reason, _}}) -> {'EXIT', Reason};
short(Term) -> Term.

%% How often does this process run while another one makes a single long call?
alongside(What, Fun) ->
    Self = self(),
    {_, M} = spawn_monitor(fun() -> Self ! ready, exit({done, Fun()}) end),
    receive ready -> ok end,
    io:format("others run meanwhile, ~s: ~p~n", [What, turns(M, 0) > 5]).

%% It can be killed as well.
killed(Pairs) ->
    Self = self(),
    {P, M} = spawn_monitor(fun() -> Self ! ready, exit({done, [byte_size(term_to_binary({Pairs, Pairs})) || _ <- lists:seq(1, 1000)]}) end),
    receive ready -> ok end,
    [erlang:yield() || _ <- lists:seq(1, 10)],
    exit(P, stop),
    receive {'DOWN', M, _, _, Why} -> io:format("~p~n", [Why]) end,
    false = is_process_alive(P).

turns(M, N) ->
    receive {'DOWN', M, _, _, {done, _}} -> N after 0 -> erlang:yield(), turns(M, N + 1) end.
