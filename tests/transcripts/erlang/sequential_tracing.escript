#!/usr/bin/env escript
-module(sequential_tracing).
-mode(compile).
%% seq_trace: the token, where it travels, and what the system tracer is told. And system_profile.
main(_) ->
    S = self(), T = spawn_link(fun L() -> receive {dump, P} -> P ! dumped, L(); M -> S ! {told, M}, L() end end),
    false = seq_trace:set_system_tracer(T), io:format("~p~n", [seq_trace:get_system_tracer() =:= T]),
    A1 = [seq_trace:set_token(send, true), seq_trace:get_token(send), seq_trace:set_token(label, {a, [1]}), seq_trace:get_token(label), seq_trace:get_token(serial), seq_trace:set_token('receive', true), seq_trace:set_token(print, true)],
    A2 = setelement(4, seq_trace:get_token(), pid), seq_trace:set_token([]), io:format("~p~n~p~n", [A1, A2]),
    Echo = spawn(fun() -> echo() end), token([send, 'receive', print]), Echo ! {S, hello}, receive {Echo, hello} -> ok end,
    seq_trace:print(note), seq_trace:set_token(label, 5), seq_trace:print(5, labelled), seq_trace:print(6, not_told),
    A3 = [seq_trace:get_token(serial), setelement(4, seq_trace:get_token(), pid)], quiet(), io:format("~p~n", [A3]),
    section("spawn"),
    token([send, 'receive']), {P, R} = spawn_monitor(fun() -> self() ! x, receive x -> ok end end), receive {'DOWN', R, process, P, _} -> ok end, A4 = seq_trace:get_token(serial), quiet(), io:format("~p~n", [A4]),
    section("exit signals"),
    process_flag(trap_exit, true), Q = spawn_link(fun() -> receive die -> exit(dead) end end), token([send, 'receive']), Q ! die, receive {'EXIT', Q, dead} -> ok end, quiet(),
    Z = spawn(fun() -> process_flag(trap_exit, true), S ! ready, receive {'EXIT', _, why} -> ok end, S ! seen end), receive ready -> ok end,
    token([send, 'receive']), exit(Z, why), receive seen -> ok end, quiet(),
    section("stamps"),
    Bits = [begin seq_trace:set_token([]), seq_trace:set_token(F, true), B = element(1, seq_trace:get_token()), seq_trace:set_token([]), {F, B} end
            || F <- [send, 'receive', print, timestamp, monotonic_timestamp, strict_monotonic_timestamp]], io:format("~p~n", [Bits]),
    [begin token([send, F]), self() ! x, receive x -> ok end, seq_trace:set_token([]),
           receive {told, M} -> io:format("~p ~p~n", [tuple_size(M), case element(4, M) of {A, B, C} when is_integer(A), is_integer(B), is_integer(C) -> now; {A, B} when is_integer(A), is_integer(B) -> strict; I when is_integer(I) -> integer end]) end end
     || F <- [timestamp, monotonic_timestamp, strict_monotonic_timestamp]],
    section("names, aliases, timers"),
    register(me, self()), token([send, 'receive']), me ! named, receive named -> ok end, A = alias(), A ! aliased, receive aliased -> ok end,
    erlang:send_after(1, self(), timed), receive timed -> ok end, A6 = seq_trace:get_token(send), quiet(), io:format("~p~n", [A6]),
    section("other messages"),
    token([send]), Plain = spawn_plain(S), receive {Plain, plain} -> ok end, io:format("~p~n", [seq_trace:get_token()]),
    section("reset"),
    token([send]), seq_trace:reset_trace(), io:format("~p ~p~n", [seq_trace:get_token(), e(fun() -> seq_trace:set_token(foo, true) end)]),
    io:format("~p ~p~n", [e(fun() -> erlang:seq_trace(label_x, 1) end), e(fun() -> erlang:seq_trace(serial, {a, b}) end)]),
    T = seq_trace:set_system_tracer(false), io:format("~p ~p~n", [seq_trace:get_system_tracer(), e(fun() -> seq_trace:set_system_tracer(foo) end)]),
    profile().
e(F) -> try F() catch C:R -> {C, R} end.
spawn_plain(S) -> Tk = seq_trace:set_token([]), P = spawn(fun() -> S ! {self(), plain} end), seq_trace:set_token(Tk), P.
echo() -> receive {F, M} -> F ! {self(), M}, echo() end.
section(N) -> io:format("== ~s~n", [N]).
token(Flags) -> seq_trace:set_token([]), [seq_trace:set_token(F, true) || F <- Flags], seq_trace:set_token(label, 1), seq_trace:set_token(serial, {0, 0}).
quiet() -> seq_trace:set_token([]), quiet_loop().
quiet_loop() -> receive {told, M} -> io:format("~0p~n", [M]), quiet_loop() after 60 -> ok end.
profile() ->
    section("system_profile"),
    Me = self(),
    io:format("~p~n", [[erlang:system_profile(Me, [runnable_procs, exclusive]), erlang:system_profile() =:= {Me, [exclusive, runnable_procs]}, element(2, erlang:system_profile(Me, [scheduler, runnable_ports, timestamp])), element(2, erlang:system_profile()), e(fun() -> erlang:system_profile(Me, [foo]) end), e(fun() -> erlang:system_profile(foo, [scheduler]) end)]]),
    erlang:system_profile(undefined, []), flush_all(),
    erlang:system_profile(Me, [runnable_procs, monotonic_timestamp]), P = spawn(fun() -> receive x -> ok end end), timer:sleep(20), P ! x, timer:sleep(20), erlang:system_profile(undefined, []),
    [io:format("~p ~p~n", [A, tuple_size(M)]) || {profile, X, A, _, Ts} = M <- flush_all(), X =:= P, is_integer(Ts)].
flush_all() -> receive M -> [M | flush_all()] after 20 -> [] end.
