#!/usr/bin/env escript
%% Truncated, corrupted and hostile external terms; names and values beyond the limits; very deep terms.
-module(hostile_terms_transcript).
-mode(compile).

main(_) ->
    Term = {atom, 'é', [1, -1, 255, 256, 1 bsl 40, -(1 bsl 90), 1.5], "text", <<"bytes">>, <<5:3>>, #{a => 1, "b" => [c | d]}, fun lists:map/2, [[]], {}, maps:from_keys(lists:seq(1, 50), x)},
    [begin
        Bytes = term_to_binary(Term, Options),
        io:format("~p truncated: ~p~n", [Options, count([decode(binary:part(Bytes, 0, N)) || N <- lists:seq(0, byte_size(Bytes) - 1)])]),
        lists:foldl(fun(_, Seed) -> flipped(Bytes, Seed) end, 88172645463325252, lists:seq(1, 2000))
     end || Options <- [[], [compressed], [{minor_version, 0}], [deterministic]]],
    io:format("still alive~n"),
    [io:format("~kw: ~kw~n", [B, decode(B)]) || B <- [
        <<>>, <<131>>, <<130, 97, 1>>, <<131, 97>>, <<131, 255>>, <<131, 108, -1:32, 106>>, <<131, 104, 255>>, <<131, 105, -1:32>>, <<131, 116, -1:32>>,
        <<131, 109, -1:32, 1>>, <<131, 109, 16#7FFFFFFF:32, 1>>, <<131, 110, 255, 0, 1>>, <<131, 111, -1:32, 0, 1>>, <<131, 110, 0, 0>>, <<131, 110, 1, 0, 0>>, <<131, 110, 1, 1, 5>>, <<131, 110, 9, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0>>,
        <<131, 77, 1:32, 0, 5>>, <<131, 77, 1:32, 9, 5>>, <<131, 77, 0:32, 3>>, <<131, 77, 1:32, 3, 255>>, <<131, 119, 2, 255, 255>>, <<131, 119, 2, 195, 169>>, <<131, 100, 0, 1, 233>>,
        <<131, 118, 256:16, (binary:copy(<<"a">>, 256))/binary>>, <<131, 118, 510:16, (binary:copy(<<"é"/utf8>>, 255))/binary>>, <<131, 118, 512:16, (binary:copy(<<"é"/utf8>>, 256))/binary>>,
        <<131, 80, -1:32, 120, 156>>, <<131, 80, 10:32, (zlib:compress(<<97, 1>>))/binary>>, <<131, 80, 2:32, (zlib:compress(<<97, 1>>))/binary>>, <<131, 80, 1:32, (zlib:compress(<<97, 1>>))/binary>>, <<131, 80, 0:32>>,
        <<131, 70, 16#7FF0000000000000:64>>, <<131, 70, 16#7FF8000000000000:64>>, <<131, 70, 1:64>>, <<131, 99, "1.50000000000000000000e+00", 0:40>>, <<131, 99, "junk", 0:216>>,
        <<131, 116, 2:32, 97, 1, 97, 2, 97, 1, 97, 3>>, <<131, 113, 97, 1, 97, 2, 97, 3>>, <<131, 113, 119, 1, "m", 119, 1, "f", 97, 255>>, <<131, 113, 119, 1, "m", 119, 1, "f", 98, -1:32>>,
        <<131, 107, 3:16, "ab">>, <<131, 107, 0:16>>, <<131, 108, 0:32, 97, 1>>, <<131, 108, 0:32, 106>>, <<131, 97, 1, 97, 2>>, <<131, 82, 0>>, <<131, 68, 0, 97, 1>>, <<131, 88, 1, 2, 3>>, <<131, 90, 255:16, 0>>, <<131, 112, 20:32, 1>>,
        <<131, 103, 97, 1, 0:32, 0:32, 0>>, <<131, 114, 6:16, 119, 1, "n", 0, 0:192>>]],
    [io:format("used ~kw: ~kw~n", [B, error_of(fun() -> binary_to_term(B, O) end)]) || {B, O} <- [
        {<<131, 97, 1, 2>>, [used]}, {<<131, 97, 1>>, [junk]}, {<<131, 97, 1>>, junk}, {<<131, 119, 20, "never seen atom here">>, [safe]}, {<<131, 97, 1:7>>, []}, {"list", []}]],
    Deep = fun(Tag, End, N) -> decode_size(iolist_to_binary([131, binary:copy(Tag, N), End])) end,
    io:format("deep lists: ~p~n", [Deep(<<108, 1:32>>, [106, binary:copy(<<106>>, 1000000)], 1000000)]),
    io:format("deep lists, cut off: ~p~n", [Deep(<<108, 1:32>>, [], 1000000)]),
    io:format("deep tuples: ~p~n", [Deep(<<104, 1>>, <<97, 1>>, 1000000)]),
    io:format("deep maps, cut off: ~p~n", [Deep(<<116, 1:32, 97, 1>>, [], 1000000)]),
    Nested = nest(1000000, []),
    io:format("nested: ~p ~p ~p~n", [Nested =:= nest(1000000, []), erlang:phash2(Nested) =:= erlang:phash2(Nested), byte_size(term_to_binary(Nested))]),
    io:format("copied: ~p~n", [begin self() ! Nested, receive M -> M == Nested end end]),
    io:format("iolists: ~p ~p~n", [iolist_size(nest(1000000, [65])), error_of(fun() -> iolist_to_binary(nest(1000000, [a])) end)]),
    io:format("flattened: ~p~n", [length(lists:flatten(nest(1000, [x])))]),
    erlang:garbage_collect(),
    [io:format("~ts: ~kw~n", [Text, error_of(F)]) || {Text, F} <- [
        {"atom of 255", fun() -> length(atom_to_list(list_to_atom(lists:duplicate(255, $a)))) end}, {"atom of 256", fun() -> list_to_atom(lists:duplicate(256, $b)) end},
        {"atom of 255 wide", fun() -> length(atom_to_list(list_to_atom(lists:duplicate(255, 16#10FFFF)))) end}, {"atom of a binary of 256", fun() -> binary_to_atom(binary:copy(<<"c">>, 256)) end},
        {"existing atom of 256", fun() -> list_to_existing_atom(lists:duplicate(256, $d)) end}, {"atom of junk", fun() -> list_to_atom([1, 2 | 3]) end}, {"atom of a surrogate", fun() -> list_to_atom([16#D800]) end},
        {"atom beyond Unicode", fun() -> list_to_atom([16#110000]) end}, {"atom of half a character", fun() -> binary_to_atom(<<195>>) end},
        {"huge shift", fun() -> 1 bsl (1 bsl 70) end}, {"huge shift of nothing", fun() -> 0 bsl (1 bsl 70) end}, {"huge shift right", fun() -> -5 bsr (1 bsl 70) end}, {"huge tuple", fun() -> erlang:make_tuple(1 bsl 40, x) end}, {"negative tuple", fun() -> erlang:make_tuple(-1, x) end},
        {"huge binary", fun() -> binary:copy(<<1, 2, 3>>, 1 bsl 62) end}, {"huge field", fun() -> <<1:(1 bsl 67)>> end}, {"negative field", fun() -> <<1:(-1 * length([x]))>> end}, {"huge duplicate", fun() -> erlang:element(1 bsl 70, {a}) end},
        {"huge split", fun() -> split_binary(<<1>>, 1 bsl 70) end}, {"huge part", fun() -> binary_part(<<1>>, 1 bsl 70, -(1 bsl 70)) end}, {"huge integer text", fun() -> length(integer_to_list(list_to_integer(lists:duplicate(20000, $9)))) end},
        {"integer of junk", fun() -> list_to_integer("12x") end}, {"integer in base 37", fun() -> list_to_integer("1", 37) end}, {"float of junk", fun() -> list_to_float("1.0e400") end}, {"float without digits", fun() -> list_to_float("1.") end},
        {"pid of junk", fun() -> list_to_pid("<0.1>") end}, {"huge pid", fun() -> list_to_pid("<0.99999999999999999999.0>") end}, {"reference of junk", fun() -> list_to_ref("#Ref<1>") end}, {"port of junk", fun() -> list_to_port("#Port<x.y>") end},
        {"timer", fun() -> erlang:send_after(1 bsl 64, self(), x) end}, {"negative timer", fun() -> erlang:start_timer(-1, self(), x) end}, {"heap size", fun() -> spawn_opt(fun() -> ok end, [{min_heap_size, -1}]) end},
        {"hash range", fun() -> erlang:phash2(x, (1 bsl 32) + 1) end}, {"float power", fun() -> math:pow(10, 400) end}, {"float of a big integer", fun() -> float(1 bsl 1024) end}]].

%% Made in one step: a loop would take too long when every step collects garbage.
nest(N, Term) ->
    <<131, External/binary>> = term_to_binary(Term),
    binary_to_term(iolist_to_binary([131, binary:copy(<<108, 1:32>>, N), External, binary:copy(<<106>>, N)])).

decode(Bytes) -> try binary_to_term(Bytes) catch error:Reason -> Reason end.

decode_size(Bytes) -> try {ok, byte_size(term_to_binary(binary_to_term(Bytes)))} catch error:Reason -> Reason end.

flipped(Bytes, Seed0) ->
    Seed = xorshift(Seed0),
    At = Seed rem byte_size(Bytes),
    <<Before:At/binary, Byte, After/binary>> = Bytes,
    case decode(<<Before/binary, (Byte bxor (1 bsl ((Seed bsr 40) rem 8))), After/binary>>) of
        badarg -> ok;
        Decoded -> term_to_binary(Decoded)
    end,
    Seed.

count(Results) -> lists:sort(maps:to_list(lists:foldl(fun(R, M) -> maps:update_with(R, fun(N) -> N + 1 end, 1, M) end, #{}, Results))).

error_of(F) -> try F() catch C:E -> {C, E} end.

xorshift(X0) ->
    X1 = (X0 bxor (X0 bsl 13)) band 16#FFFFFFFFFFFFFFFF,
    X2 = X1 bxor (X1 bsr 7),
    (X2 bxor (X2 bsl 17)) band 16#FFFFFFFFFFFFFFFF.
