#!/usr/bin/env escript
%% Floats and integers as text, and their arithmetic.
-module(floats_transcript).
-mode(compile).

main(_) ->
    Floats = [0.0, -0.0, 1.0, -1.5, 0.1, 0.2, 0.3, 1/3, 2/3, 1.0e-7, 1.0e-4, 123456.789, 1.0e15, 1.0e16, 1.0e17, 1.0e21, 1.0e22, 1.0e23,
              4.35, 9.995, 5.0e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 9007199254740991.0, 9007199254740992.0, 3.0e-5,
              1.2345678901234567e19, 4.0e-10, 299792458.0, 6.02214076e23, 1.0e100],
    [io:format("~w ~p ~s ~s ~s~n", [F, -F, float_to_list(F), float_to_list(F, [short]), float_to_list(F, [{scientific, 5}])]) || F <- Floats],
    [io:format("~s ~s ~s~n", [float_to_list(F, [{decimals, 0}]), float_to_list(F, [{decimals, 4}]), float_to_list(F, [{decimals, 10}, compact])])
     || F <- Floats, abs(F) < 1.0e20],
    [io:format("~s ~w ~w~n", [S, catch list_to_float(S), catch binary_to_float(list_to_binary(S))])
     || S <- ["1.0", "-0.0", "1.5e3", "1.0E-5", "1e5", "1.", ".5", "1.0e400", "0.1e-400", "+1.0", " 1.0", "9007199254740993.0", "1.0e+10", "2.2250738585072011e-308"]],
    [io:format("~w: ~w ~w ~w ~w~n", [F, trunc(F), round(F), floor(F), ceil(F)]) || F <- [0.5, -0.5, 1.5, 2.5, -2.5, 0.49999999999999994, 1.0e18, -1.0e25, 4503599627370497.5]],
    [io:format("~w -> ~w~n", [I, catch float(I)]) || I <- [1, (1 bsl 53) + 1, (1 bsl 53) + 3, 1 bsl 63, (1 bsl 64) - 1, 10 bsl 100, (1 bsl 1024) - 1, 1 bsl 1024]],
    io:format("~w~n", [[1.0e308 * 1.0, 1 / 3.0, 7 div 2, -7 div 2, -7 rem 3, 7 rem -3, 5 / 5, 2.0 - 1, -(0.0), abs(-0.0), 3 * 1.5]]),
    Try = fun(F) -> try F() catch C:E -> {C, E} end end,
    Zero = list_to_integer("0"), Big = list_to_float("1.0e308"),
    io:format("~w~n", [[Try(fun() -> 1 / Zero end), Try(fun() -> 1.0 / 0.0 * Zero end), Try(fun() -> Big * 10 end), Try(fun() -> Big + Big end),
                        Try(fun() -> math:log(Zero) end), Try(fun() -> math:sqrt(-1 - Zero) end), Try(fun() -> math:pow(Zero, -1) end), Try(fun() -> math:exp(1000) end)]]),
    io:format("~w~n", [[math:sin(1.0), math:cos(1), math:tan(0.5), math:asin(1), math:acos(0.5), math:atan(2), math:sinh(1), math:cosh(1), math:tanh(0.3),
                        math:asinh(1), math:acosh(2), math:atanh(0.5), math:log2(8), math:log10(1000), math:log(2), math:exp(0.5), math:pow(2, 10),
                        math:erf(0.5), math:erfc(0.5), math:floor(-1.5), math:ceil(1.2), math:fmod(5.5, 2), math:tau()]]),
    %% Integers
    Ints = [0, 1, -1, 255, 1 bsl 59, (1 bsl 59) - 1, -(1 bsl 59), -(1 bsl 59) - 1, 1 bsl 60, 1 bsl 63, -(1 bsl 63), 1 bsl 64, -(1 bsl 64), 1 bsl 127, (1 bsl 200) - 1],
    [io:format("~w ~.16B ~.2B ~.36B~n", [I, I, I, I]) || I <- Ints],
    [io:format("~w ", [{I band J, I bor J, I bxor J}]) || I <- Ints, J <- [-1, 16#FFFFFFFF, -(1 bsl 65)]],
    io:nl(),
    [io:format("~w ", [[I bsl S, I bsr S]]) || I <- [1, -1, 12345678901234567890, -12345678901234567890], S <- [0, 1, 64, -1, -70]],
    io:nl(),
    [io:format("~w ", [{I div J, I rem J, I * J, I + J, I - J}]) || I <- [1 bsl 64, -(1 bsl 65) + 1, 123456789012345678901234567890], J <- [3, -7, 1 bsl 32, (1 bsl 64) + 1, -98765432109876543210]],
    io:nl(),
    [io:format("~w ", [catch list_to_integer(S, B)]) || {S, B} <- [{"ff", 16}, {"-FF", 16}, {"zz", 36}, {"2", 2}, {"", 10}, {"+5", 10}, {"1_000", 10}, {"123456789012345678901234567890", 10}]],
    io:nl(),
    F = fun(Self, N) when N > 1 -> N * Self(Self, N - 1); (_, _) -> 1 end,
    io:format("~w~n~w~n", [F(F, 100), erlang:phash2(F(F, 1000))]),
    io:format("~w~n", [length(integer_to_list(F(F, 2000)))]),
    N = F(F, 200), io:format("~w~n", [[N div F(F, 198), N rem (F(F, 190) + 1) > 0, list_to_integer(integer_to_list(N)) =:= N, binary_to_integer(integer_to_binary(N, 7), 7) =:= N]]).
