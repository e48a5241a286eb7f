%% Messages around a ring of a hundred processes.
-module(bench_ring).
-export([run/1]).

run(Rounds) ->
    Self = self(),
    First = lists:foldl(fun(_, Next) -> spawn_link(fun() -> pass(Next) end) end, Self, lists:seq(1, 100)),
    loop(Rounds, First, 0).

loop(0, First, Sum) ->
    First ! stop,
    receive stop -> Sum end;
loop(N, First, Sum) ->
    First ! {token, N},
    receive {token, M} -> loop(N - 1, First, Sum + M) end.

pass(Next) ->
    receive
        stop -> Next ! stop;
        Message -> Next ! Message, pass(Next)
    end.
