#!/usr/bin/env escript
-module(iovecs).
%% Into which binaries term_to_iovec/1,2 cuts terms: large ones are elements of their own.
-mode(compile).
-export([main/1]).
main(_) ->
    B = fun(N) -> binary:copy(<<7>>, N) end,
    Large = B(1000),
    <<_:8, Inside:100/binary, _/binary>> = Large,
    <<_:3, Shifted:800/bitstring, _/bitstring>> = Large,
    <<Bits:801/bitstring, _/bitstring>> = Large,
    <<Small:20/binary, _/binary>> = Large,
    Terms = [{none, a}, {small, B(64)}, {one, B(65)}, {two, [B(65), B(65)]}, {many, [B(65) || _ <- lists:seq(1, 100)]}, {tuple, {a, B(100), b, B(200), c}},
        {inside, Inside}, {shifted, Shifted}, {bits, Bits}, {part, [Small, Small]}, {map, #{k => B(70)}}, {list, lists:seq(1, 20000)},
        {mixed, {lists:seq(1, 20000), B(70), lists:seq(1, 20000)}}],
    [begin IO = term_to_iovec(T), T = binary_to_term(iolist_to_binary(IO)),
      S = [byte_size(E) || E <- IO], io:format("~p ~p ~w~n", [N, length(S), lists:sublist(S, 12)]) end || {N, T} <- Terms],
    io:format("~w~n", [[byte_size(E) || E <- term_to_iovec({a, B(100)}, [{compressed, 0}])]]),

    io:format("~w~n", [[byte_size(E) || E <- term_to_iovec({a, B(10000)}, [local])]]),
    [io:format("local ~w~n", [[byte_size(E) || E <- term_to_iovec(T, [local])]]) || T <- [a, lists:seq(1, 1000), B(100), {B(100), x}]].
