#!/usr/bin/env escript
%% Records what the real system's term_to_binary makes of many terms: `escript record.escript > terms.txt`.
%% One line for each term: its text, the plain external form and those of each set of options, in hexadecimal.

main(_) ->
    io:setopts([{encoding, unicode}]),
    io:format("# text | plain | minor_version 0 | minor_version 1 | deterministic~n"),
    [record(Text) || Text <- texts()].

record(Text) ->
    {ok, Tokens, _} = erl_scan:string(Text ++ "."),
    {ok, Exprs} = erl_parse:parse_exprs(Tokens),
    {value, Term, _} = erl_eval:exprs(Exprs, []),
    Forms = [hex(term_to_binary(Term, Options))
             || Options <- [[], [{minor_version, 0}], [{minor_version, 1}], [deterministic]]],
    io:format("~ts~n", [lists:join(" | ", [Text | Forms])]).

hex(Bytes) ->
    binary:encode_hex(Bytes, lowercase).

texts() ->
    integers() ++ floats() ++ atoms() ++ lists() ++ tuples() ++ bits() ++ maps() ++ others() ++ mixed().

integers() ->
    Edges = [0, 1, -1, 127, 128, 255, 256, -128, -256, 65535, 65536, (1 bsl 31) - 1, 1 bsl 31, -(1 bsl 31),
             -(1 bsl 31) - 1, 1 bsl 32, (1 bsl 59) - 1, 1 bsl 59, -(1 bsl 59), -(1 bsl 59) - 1, (1 bsl 60) - 1,
             1 bsl 60, -(1 bsl 60), -(1 bsl 60) - 1, (1 bsl 63) - 1, 1 bsl 63, -(1 bsl 63), -(1 bsl 63) - 1,
             (1 bsl 64) - 1, 1 bsl 64, -(1 bsl 64), 123456789012345678901234567890],
    [integer_to_list(N) || N <- Edges]
        ++ ["1 bsl 2031", "(1 bsl 2040) - 1", "1 bsl 2040", "-(1 bsl 2040)", "-((1 bsl 2040) - 1)", "1 bsl 3000"].

floats() ->
    ["0.0", "-0.0", "1.0", "-1.5", "3.141592653589793", "1.0e308", "1.7976931348623157e308", "5.0e-324",
     "2.2250738585072014e-308", "0.1", "1.0e22", "1.0e-7", "123456789.125", "9007199254740993.0"].

atoms() ->
    ["a", "''", "nonode@nohost", "'hello world'", "'å'", "'日本語'", "'Ω'",
     "list_to_atom(lists:duplicate(255, $a))", "list_to_atom(lists:duplicate(255, 16#e5))",
     "list_to_atom(lists:duplicate(255, 16#3a9))", "list_to_atom(lists:duplicate(128, 16#3a9))",
     "list_to_atom(lists:duplicate(127, 16#3a9))", "list_to_atom(lists:duplicate(255, 16#1f600))"].

lists() ->
    ["[]", "[1]", "[0,255]", "[256]", "[-1]", "[1,2|3]", "[a|b]", "[[]]", "[[[]],[]]", "[1,2,a]", "[a,1,2]",
     "\"hello\"", "[1.0]", "[$a|<<\"x\">>]", "lists:duplicate(300, 7)",
     "[x | lists:duplicate(20, 7)]", "lists:seq(250, 260)", "[[1,2],[3,4]|[5,6]]",
     "[{a,1},{b,[2,3]}]"].

tuples() ->
    ["{}", "{a}", "{1,2,3}", "{{{}}}", "list_to_tuple(lists:seq(1, 255))", "list_to_tuple(lists:seq(1, 256))",
     "{[1,2],{},<<1>>,x}"].

bits() ->
    ["<<>>", "<<1,2,3>>", "<<\"hello\">>", "<<1:1>>", "<<5:3>>", "<<1,2,3:7>>", "<<0:64/unit:8>>", "<<0:65/unit:8>>",
     "<<7:523>>", "begin <<_:3, B/bits>> = <<1,2,3,4>>, B end", "begin <<_:3, B:16/bits, _/bits>> = <<1,2,3,4>>, B end",
     "begin <<_:8, B/bits>> = binary:copy(<<1,2,3,4>>, 40), B end"].

maps() ->
    ["#{}", "#{a => 1}", "#{b => 1, a => 2, c => 3}", "#{1 => a, 1.0 => b}", "#{#{} => #{}}",
     "#{zebra => 1, apple => 2, mango => #{y => 1, x => 2}}", "#{[] => 1, {} => 2, <<>> => 3, \"s\" => 4, 0 => 5}",
     "maps:from_keys(lists:seq(1, 32), v)", "maps:from_keys(lists:seq(1, 33), v)",
     "maps:from_list([{N, N * N} || N <- lists:seq(1, 200)])", "maps:from_list([{integer_to_binary(N), N} || N <- lists:seq(1, 150)])",
     "maps:from_list([{{N, [N]}, #{N => float(N)}} || N <- lists:seq(1, 100)])",
     "#{big => maps:from_keys([float(N) || N <- lists:seq(1, 40)], #{b => 1, a => 2}), other => [#{2.0 => a, 2 => b}]}"].

others() ->
    ["list_to_pid(\"<0.0.0>\")", "list_to_pid(\"<0.12345.7>\")", "list_to_port(\"#Port<0.3>\")",
     "list_to_ref(\"#Ref<0.1.2.3>\")", "list_to_ref(\"#Ref<0.1.2.262143>\")",
     "binary_to_term(<<131,88,119,3,\"a@b\",1:32,2:32,3:32>>)", "binary_to_term(<<131,88,119,13,\"nonode@nohost\",1:32,2:32,3:32>>)",
     "binary_to_term(<<131,120,119,3,\"a@b\",16#112233445566:64,3:32>>)",
     "binary_to_term(<<131,90,3:16,119,3,\"a@b\",9:32,1:32,2:32,3:32>>)",
     "binary_to_term(<<131,90,5:16,119,3,\"a@b\",9:32,1:32,2:32,3:32,4:32,5:32>>)",
     "binary_to_term(<<131,90,1:16,119,3,\"a@b\",9:32,16#ffffffff:32>>)",
     "fun lists:map/2", "fun erlang:'+'/2", "fun 'Ω':'å'/255",
     "binary_to_term(<<131,112,0,0,0,0,2,1:128,3:32,2:32,119,3,\"mod\",97,3,98,5:32,88,119,13,\"nonode@nohost\",0:32,0:32,0:32,97,1,107,2:16,1,2>>)",
     "binary_to_term(<<131,112,0,0,0,0,0,-1:128,0:32,0:32,119,3,\"mod\",97,0,98,5:32,88,119,13,\"nonode@nohost\",0:32,0:32,0:32>>)"].

mixed() ->
    ["{ok, [#{name => <<\"x\">>, tags => [a, b, \"c\"]}, {error, {bad, 1.5, [1 bsl 70]}}]}",
     "lists:foldl(fun(N, Acc) -> {N, Acc} end, [], lists:seq(1, 300))",
     "lists:foldl(fun(_, Acc) -> [Acc] end, [], lists:seq(1, 300))",
     "[fun lists:map/2 | <<1:5>>]"].
