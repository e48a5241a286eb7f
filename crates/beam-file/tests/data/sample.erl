%% Compiled with OTP 27.3.4's `erlc +deterministic` into sample.beam.
-module(sample).
-export([area/1, big/0, classify/1, matcher/1, adder/1, wait/1, safely/1]).

area({square, Side}) when is_integer(Side) -> Side * Side;
area({circle, Radius}) when is_float(Radius) -> 3.14159 * Radius * Radius;
area(#{width := Width, height := Height}) -> Width * Height.

big() -> {-1, 70000, -9223372036854775808, 9223372036854775808, -170141183460469231731687303715884105729}.

classify(X) when X =:= 'ünï'; X =:= b; X =:= c -> {atom, X, [$a, 1.5, <<"bytes">>]};
classify([H | _]) -> H.

matcher(<<Size:16, Body:Size/binary, "tail", Rest/bits>>) -> <<(byte_size(Body)):32/little, Body/binary, Rest/bits>>.

adder(N) -> fun(X) -> X + N end.

wait(Timeout) ->
    receive
        {From, Message} -> From ! Message
    after Timeout -> timeout
    end.

safely(F) ->
    try F() of
        Value -> {ok, Value}
    catch
        Class:Reason:Trace -> {Class, Reason, Trace}
    end.
