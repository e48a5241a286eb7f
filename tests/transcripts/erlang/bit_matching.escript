#!/usr/bin/env escript
%% Matching: at any bit, up to the last one, of any size, in short and long binaries.
-mode(compile).

main(_) ->
    Binaries = [bytes(N) || N <- [0, 1, 2, 3, 7, 8, 9, 15, 16, 63, 64, 65, 80, 300]],
    Shifted = [begin <<_:Shift, Rest/bits>> = Binary, Rest end || Binary <- Binaries, Shift <- [1, 3, 7], bit_size(Binary) > Shift],
    All = Binaries ++ Shifted,
    [show(Name, [Match(Bits) || Bits <- All]) || {Name, Match} <- matches()],
    io:format("~p~n", [[ends(N) || N <- lists:seq(1, 12)]]),
    io:format("~p~n", [many(20000, 0)]),
    io:format("~p~n", [characters(<<"aé€😀"/utf8, 16#c0, 16#80>>, [])]).

bytes(N) -> << <<((I * 73 + 41) band 255)>> || I <- lists:seq(1, N) >>.

show(Name, Results) -> io:format("~s: ~p ~p~n", [Name, erlang:phash2(Results), lists:sublist([R || R <- Results, R =/= no], 3)]).

matches() ->
    [{"byte", fun(<<A, _/bits>>) -> A; (_) -> no end},
     {"byte exactly", fun(<<A>>) -> A; (_) -> no end},
     {"bytes", fun(<<A, B, C, _/binary>>) -> {A, B, C}; (<<A, B, _/bits>>) -> {A, B}; (_) -> no end},
     {"eight bytes", fun(<<A, B, C, D, E, F, G, H, R/bits>>) -> {A, B, C, D, E, F, G, H, bit_size(R)}; (_) -> no end},
     {"parts of a byte", fun(<<A:1, B:2, C:5, D:3, _/bits>>) -> {A, B, C, D}; (_) -> no end},
     {"16 and 32", fun(<<A:16, B:32, R/bits>>) -> {A, B, bit_size(R)}; (<<A:16, R/bits>>) -> {A, bit_size(R)}; (_) -> no end},
     {"little", fun(<<A:16/little, B:24/little, C:32/little, _/bits>>) -> {A, B, C}; (_) -> no end},
     {"signed", fun(<<A:8/signed, B:16/signed-little, C:5/signed, _/bits>>) -> {A, B, C}; (_) -> no end},
     {"56 and 57", fun(<<A:56, B:57, _/bits>>) -> {A, B}; (<<A:56, _/bits>>) -> A; (_) -> no end},
     {"64", fun(<<A:64, B:64/signed-little, _/bits>>) -> {A, B}; (<<A:64/signed, _/bits>>) -> A; (_) -> no end},
     {"large", fun(<<A:200, _/bits>>) -> A; (_) -> no end},
     {"value", fun(<<114, 187, R/binary>>) -> {bytes, byte_size(R)}; (<<114, R/bits>>) -> {first, bit_size(R)}; (_) -> no end},
     {"value of 40 bits", fun(<<114:8, 187:8, 4:8, 77:8, 150:8, R/bits>>) -> bit_size(R); (_) -> no end},
     {"skip", fun(<<_:13, A:11, _/bits>>) -> A; (_) -> no end},
     {"unit", fun(<<A:4, R/binary>>) -> {A, R}; (<<A:4, _:3, R/binary>>) -> {A, three, R}; (_) -> no end},
     {"unit of 3", fun(<<A:2/unit:3, _/binary-unit:3>>) -> A; (_) -> no end},
     {"part", fun(<<A:3/binary, B:70/binary, R/bits>>) -> {A, erlang:phash2(B), bit_size(R)}; (<<A:3/binary, R/bits>>) -> {A, R}; (_) -> no end},
     {"tail", fun(<<_, _, R/bits>>) -> {bit_size(R), erlang:phash2(R)}; (_) -> no end},
     {"size from the match", fun(<<N, R:(N rem 9)/bits, B, _/bits>>) -> {N, R, B}; (_) -> no end},
     {"text", fun(<<A/utf8, B/utf8, _/bits>>) -> {A, B}; (<<A/utf8, _/bits>>) -> A; (_) -> no end},
     {"nothing", fun(<<>>) -> empty; (_) -> no end}].

%% Reads that end with the binary.
ends(N) ->
    Bytes = bytes(N),
    Bits = N * 8,
    <<All:Bits>> = Bytes,
    Half = Bits div 2,
    <<_:Half, Rest:(Bits - Half)>> = Bytes,
    {All, Rest}.

%% More in a row than the native stack would take if one of them used it.
many(0, Sum) -> Sum;
many(N, Sum) ->
    <<A, B:16>> = <<N:24>>,
    <<C:4, D:7, E:5>> = <<N:16>>,
    <<F:16, G:8>> = <<N:24>>,
    <<_:1, H, I:7>> = <<N:16>>,
    many(N - 1, Sum + A + B + C + D + E + F + G + H + I).

characters(<<C/utf8, Rest/binary>>, List) -> characters(Rest, [C | List]);
characters(Rest, List) -> {lists:reverse(List), Rest}.
