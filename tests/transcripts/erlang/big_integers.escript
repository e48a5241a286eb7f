#!/usr/bin/env escript
%% Integers of all sizes, many of them where limbs are full or empty: all operators, as hashes and as a law.
-mode(compile).

main(_) ->
    Numbers = numbers(),
    [io:format("~s ~p~n", [Name, erlang:phash2([result(Operator, A, B) || A <- Numbers, B <- Numbers], 1 bsl 32)])
     || {Name, Operator} <- operators()],
    io:format("~p~n", [[{A, B} || A <- Numbers, B <- Numbers, B =/= 0, (A div B) * B + A rem B =/= A]]),
    io:format("~p~n", [[A || A <- Numbers, list_to_integer(integer_to_list(A)) =/= A]]),
    io:format("~p~n", [[erlang:phash2(A bsr Shift) || A <- Numbers, Shift <- [0, 1, 63, 64, 65, 200, -1, -64, -100]] =:=
                       [erlang:phash2(shifted(A, Shift)) || A <- Numbers, Shift <- [0, 1, 63, 64, 65, 200, -1, -64, -100]]]),
    io:format("~p~n", [[erlang:phash2(A bsr 65) || A <- lists:sublist(Numbers, 30)]]),
    io:format("~p~n", [factorial(60) div factorial(57)]).

operators() ->
    [{"+", fun(A, B) -> A + B end}, {"-", fun(A, B) -> A - B end}, {"*", fun(A, B) -> A * B end},
     {"div", fun(A, B) -> A div B end}, {"rem", fun(A, B) -> A rem B end}, {"band", fun(A, B) -> A band B end},
     {"bor", fun(A, B) -> A bor B end}, {"bxor", fun(A, B) -> A bxor B end}, {"<", fun(A, B) -> A < B end},
     {"==", fun(A, B) -> A == B end}, {"/", fun(A, B) -> A / B end}].

result(Operator, A, B) ->
    try Operator(A, B) catch error:Reason -> Reason end.

shifted(A, Shift) when Shift >= 0 -> floor_div(A, power(Shift));
shifted(A, Shift) -> A * power(-Shift).

floor_div(A, B) when A >= 0 -> A div B;
floor_div(A, B) -> -((-A + B - 1) div B).

power(0) -> 1;
power(N) -> 2 * power(N - 1).

numbers() ->
    Edges = [(1 bsl Bits) + Off || Bits <- [59, 60, 63, 64, 127, 128, 192, 640], Off <- [-1, 0, 1]],
    Long = [long(N, N * 7919) || N <- [1, 2, 3, 5, 9, 20, 49, 60]],
    Positive = [0, 1, 2, 10, 1000003] ++ Edges ++ Long,
    Positive ++ [-N || N <- Positive, N =/= 0].

%% So many limbs: runs of ones, zeros and others.
long(0, _) -> 0;
long(N, Seed) ->
    Next = (Seed * 6364136223846793005 + 1442695040888963407) band 16#ffffffffffffffff,
    Limb = case Next rem 4 of
               0 -> 0;
               1 -> 16#ffffffffffffffff;
               2 -> 1 bsl 63;
               3 -> Next
           end,
    (long(N - 1, Next) bsl 64) bor (Limb bor 1).

factorial(0) -> 1;
factorial(N) -> N * factorial(N - 1).
