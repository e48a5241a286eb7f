%% Processes that are spawned, monitored, and end.
-module(bench_spawn).
-export([run/1]).

run(N) -> loop(N, 0).

loop(0, Sum) -> Sum;
loop(N, Sum) ->
    {Pid, Monitor} = spawn_monitor(fun() -> exit({done, N}) end),
    receive {'DOWN', Monitor, process, Pid, {done, Value}} -> loop(N - 1, Sum + Value) end.
