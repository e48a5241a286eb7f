#!/usr/bin/env escript
%% phash2, checksums, and the external term format, byte by byte.
-module(hashes_and_bytes_transcript).
-mode(compile).

terms() ->
    [0, 1, -1, 255, 256, 1 bsl 27, 1 bsl 28, 1 bsl 31, 1 bsl 32, -(1 bsl 31), 1 bsl 60, -(1 bsl 60), 1 bsl 64, -(1 bsl 64), 1 bsl 128, (1 bsl 500) - 1,
     0.0, -0.0, 1.0, 1.5e300, -2.25, a, ab, hello, 'é', '', [], "a", "hello", lists:seq(1, 20), [1 | 2], [a, [b]], [1000, 2000], [255, 256],
     {}, {a}, {a, 1, 2.0}, {1, {2, {3}}}, list_to_tuple(lists:seq(1, 300)), <<>>, <<1>>, <<"abc">>, <<"hello world, this is long">>, <<5:3>>, <<1, 2, 3:7>>,
     binary:copy(<<"x">>, 100), #{}, #{a => 1}, #{1 => 2, 3 => 4}, #{a => #{b => [c]}}, fun lists:map/2, fun erlang:self/0].

main(_) ->
    [io:format("~kP ~w ~w ~w~n", [T, 6, erlang:phash2(T), erlang:phash2(T, 1 bsl 32), erlang:phash(T, 1 bsl 32)]) || T <- terms()],
    M = maps:from_list([{I, I * I} || I <- lists:seq(1, 1000)]),
    io:format("large: ~w ~w ~w~n", [erlang:phash2(M), erlang:phash2(lists:seq(1, 100000)), erlang:phash2(binary:copy(<<"0123456789">>, 10000))]),
    Slice = binary:part(<<"xxhello">>, 2, 5), <<_:3, Odd:40/bits, _/bits>> = <<0:3, "hello", 0:5>>,
    io:format("~w~n", [erlang:phash2(Slice) =:= erlang:phash2(<<"hello">>) andalso erlang:phash2(Odd) =:= erlang:phash2(<<"hello">>)]),
    io:format("~w ~w ~w~n", [erlang:crc32(<<"123456789">>), erlang:adler32(<<"Wikipedia">>), erlang:crc32([<<"12">>, "3456", [[7 + $0, $8], <<"9">>]])]),
    io:format("~w ~w~n", [erlang:crc32(17, <<"abc">>), erlang:adler32_combine(erlang:adler32("ab"), erlang:adler32("cd"), 2)]),
    io:format("~s~n", [binary:encode_hex(erlang:md5("The quick brown fox"))]),
    C = erlang:md5_update(erlang:md5_update(erlang:md5_init(), "The quick "), <<"brown fox">>),
    io:format("~s~n", [binary:encode_hex(erlang:md5_final(C), lowercase)]),
    [io:format("~kP ~s~n", [T, 6, short(term_to_binary(T))]) || T <- terms()],
    [true = (binary_to_term(term_to_binary(T)) =:= T) || T <- [M | terms()]],
    [true = (binary_to_term(term_to_binary(T, [compressed])) =:= T) || T <- [M | terms()]],
    [true = (erlang:external_size(T) =:= byte_size(term_to_binary(T))) || T <- terms()],
    io:format("~s~n", [short(term_to_binary(fun main/1))]),
    io:format("~w~n", [base64:encode(<<0, 255, "any carnal pleas">>)]),
    io:format("~w ~w~n", [base64:decode("YW55IGNhcm5hbA=="), catch base64:decode("Y!W")]),
    io:format("~w~n", [zlib:uncompress(zlib:compress(binary:copy(<<"ab">>, 20)))]),
    io:format("~w ~w~n", [byte_size(zlib:gzip(binary:copy(<<"ab">>, 10000))) < 100, zlib:gunzip(zlib:gzip(<<"x">>))]),
    io:format("~w~n", [zlib:unzip(zlib:zip(<<"raw deflate">>))]),
    Z = zlib:open(), ok = zlib:deflateInit(Z, best_compression), D = [zlib:deflate(Z, "one "), zlib:deflate(Z, "two", finish)], ok = zlib:deflateEnd(Z), zlib:close(Z),
    io:format("~w ~w~n", [zlib:uncompress(D), catch zlib:uncompress(<<"junk">>)]).

short(B) -> binary:encode_hex(binary:part(B, 0, min(60, byte_size(B)))).
