#!/usr/bin/env escript
%% Segments of more bits than any binary here has, and large integers of which most is 0.
-module(huge_sizes_transcript).
-mode(compile).

main(_) ->
    Binaries = [<<>>, <<1>>, <<1, 2, 3>>, <<0:1000>>],
    Funs = [fun tail_32/1, fun tail_33/1, fun tail_47/1, fun tail_64/1, fun exactly/1, fun middle/1, fun whole/1, fun units/1],
    [io:format("~p ~p: ~p~n", [erlang:fun_info(Fun, name), bit_size(Binary), catch Fun(Binary)]) || Fun <- Funs, Binary <- Binaries],
    Bits = 1 bsl 23,
    [io:format("~p~n", [catch integer(Bits, <<Value:Bits, 13>>)]) || Value <- [0, 1, 1 bsl 64]],
    io:format("~p~n", [catch little(Bits, <<1, 0:(Bits - 8), 13>>)]).

tail_32(<<A, _:16#1_0000_0000>>) -> A; tail_32(_) -> other.
tail_33(<<A, _:16#2_0000_0000, _/bits>>) -> A; tail_33(_) -> other.
tail_47(<<A, _:16#8000_0000_0000>>) -> A; tail_47(_) -> other.
tail_64(<<A, _:16#1_0000_0000_0000_0000>>) -> A; tail_64(_) -> other.
exactly(<<_:16#1_0000_0000_0000>>) -> huge; exactly(<<A>>) -> A; exactly(_) -> other.
middle(<<_, _:16#4_0000_0000, A, _/binary>>) -> A; middle(<<A, _/binary>>) -> {short, A}; middle(_) -> other.
whole(<<A:16#1_0000_0000_0000_0000>>) -> A; whole(_) -> other.
units(<<_:16#1000_0000/unit:128, _/binary>>) -> huge; units(_) -> other.

integer(Bits, Binary) -> <<Value:Bits, 13>> = Binary, Value.
little(Bits, Binary) -> case Binary of <<Value:Bits/little, 13>> when Value < 1000 -> Value; _ -> none end.
