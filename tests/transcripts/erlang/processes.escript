#!/usr/bin/env escript
%% Processes on the level of Erlang: signals, requests, limits.
-module(processes_transcript).
-mode(compile).

main(_) ->
    P = fun(X) -> io:format("~kp~n", [X]) end,
    Self = self(),
    %% spawn_request answers with a message.
    Id = spawn_request(fun() -> Self ! {child, self()} end, [monitor, {reply_tag, my_reply}]),
    receive {my_reply, Id, ok, Pid} -> receive {child, Pid} -> P(spawned) end end,
    receive {'DOWN', Id, process, Pid, R0} -> P(R0) end,
    Id2 = spawn_request(fun() -> ok end, [bad_option | []]), receive {spawn_reply, Id2, error, R1} -> P(R1) after 100 -> P(none) end,
    P(catch spawn_opt(fun() -> ok end, [bad])),
    {Pid3, Mon3} = spawn_opt(fun() -> exit(process_info(self(), [priority, min_heap_size, fullsweep_after, message_queue_data])) end, [link, monitor, {priority, low}, {min_heap_size, 500}, {fullsweep_after, 3}, {message_queue_data, off_heap}]),
    unlink(Pid3), receive {'DOWN', Mon3, _, _, R3} -> P(R3) end,
    %% Exit signals.
    process_flag(trap_exit, true),
    [begin W = spawn_link(fun() -> receive {exit, X} -> exit(X) end end), W ! {exit, R}, receive {'EXIT', W, Got} -> P({R, Got}) end end || R <- [normal, kill, killed, {a, b}]],
    [begin W = spawn_link(fun() -> process_flag(trap_exit, Trap), Self ! ready, receive {'EXIT', _, X} -> exit({caught, X}) after 30 -> exit(nothing) end end),
           receive ready -> exit(W, R) end, receive {'EXIT', W, Got} -> P({Trap, R, Got}) end end || Trap <- [true, false], R <- [normal, kill, other]],
    P(catch exit(self(), kill_me_not)), receive {'EXIT', Self, X1} -> P({to_self, X1}) end,
    %% Order: everything from one sender arrives in the order sent.
    W1 = spawn_link(fun() -> [Self ! {n, N} || N <- lists:seq(1, 1000)], exit(done) end),
    P([receive {n, N} -> N; {'EXIT', W1, _} -> exit_too_early end || N <- lists:seq(1, 1000)] =:= lists:seq(1, 1000)),
    receive {'EXIT', W1, done} -> P(in_order) end,
    %% Monitors and aliases.
    A = alias([reply]), spawn(fun() -> A ! {A, 1}, A ! {A, 2} end), receive {A, V} -> P(V) end, P(receive {A, _} -> late after 30 -> dropped end),
    M1 = monitor(process, spawn(fun() -> receive stop -> ok end end), [{alias, demonitor}, {tag, gone}]), P(demonitor(M1, [info])), P(unalias(M1)),
    M2 = monitor(process, nobody), P(receive {'DOWN', M2, process, O, Re} -> {O, Re} end),
    P(catch monitor(process, {name, 'other@host'}) =/= error), receive {'DOWN', _, process, O2, Re2} -> P({O2, Re2}) after 2000 -> P(none) end,
    M4 = monitor(time_offset, clock_service), P(demonitor(M4)),
    %% Receive with guards; nested; after 0.
    [self() ! X || X <- [1, a, {2, b}, "s", 3]],
    P(receive X2 when is_tuple(X2) -> X2 end), P(receive X3 when is_integer(X3), X3 > 1 -> X3 end), P(process_info(self(), messages)), P(receive nothing -> 1 after 0 -> timeout end),
    P(flush()),
    %% A hundred thousand messages, taken from behind.
    [self() ! N || N <- lists:seq(1, 20000)], P([receive 20000 -> last end, receive N5 -> N5 end, process_info(self(), message_queue_len)]), _ = flush(),
    %% Suspended, hibernated, resumed.
    W2 = spawn_link(fun L() -> receive {get, F} -> F ! {self(), got}, L(); hibernate -> erlang:hibernate(erlang, apply, [L, []]) end end),
    P([erlang:suspend_process(W2), process_info(W2, status), catch erlang:suspend_process(W2, [unless_suspending]), erlang:resume_process(W2), catch erlang:resume_process(W2)]),
    W2 ! hibernate, timer:sleep(20), P(process_info(W2, current_function)), W2 ! {get, self()}, receive {W2, got} -> P(awake) end,
    %% Timers
    T1 = erlang:start_timer(10, self(), tick), receive {timeout, T1, Tick} -> P(Tick) end,
    T2 = erlang:send_after(100000, self(), never), P([is_integer(erlang:read_timer(T2)), is_integer(erlang:cancel_timer(T2)), erlang:cancel_timer(T2), erlang:read_timer(T2, [{async, false}])]),
    T3 = erlang:send_after(erlang:monotonic_time(millisecond) + 5, self(), absolute, [{abs, true}]), P(is_reference(T3)), receive absolute -> P(absolute) end,
    %% Links of linked processes; the dictionary; the group leader.
    W3 = spawn(fun() -> link(W2), link(Self), receive stop -> exit(stopped) end end), timer:sleep(10), {links, Ls} = process_info(W3, links), P(lists:sort(Ls) =:= lists:sort([W2, Self])),
    W3 ! stop, P(lists:sort([receive {'EXIT', Who, R5} -> {Who =:= W3, R5} end, receive {'EXIT', Who2, R6} -> {Who2 =:= W3, R6} end])),
    P(is_process_alive(W2)),
    P(catch link(W2)), P(receive {'EXIT', W2, R7} -> R7 after 100 -> none end),
    P([put(k, 1), put(k, 2), get(k), get(), erase(k), erase(k)]),
    %% Limits
    {_, Mon5} = spawn_monitor(fun() -> process_flag(max_heap_size, #{size => 5000, kill => true, error_logger => false}), lists:seq(1, 1000000) end), receive {'DOWN', Mon5, _, _, R8} -> P(R8) end,
    P([is_integer(erlang:system_info(I)) || I <- [process_limit, process_count, atom_limit, atom_count, port_limit, schedulers, schedulers_online, wordsize]]),
    P([erlang:system_info(I) || I <- [otp_release, machine, wordsize, threads, smp_support, heap_type, multi_scheduling, endian, {wordsize, external}]]),
    P(lists:sublist(erlang:system_info(heap_sizes), 25)).

flush() -> receive X -> [X | flush()] after 0 -> [] end.
