#!/usr/bin/env escript
%% What others may do to a process while it is in a dirty call: here it opens a FIFO that nobody writes to.
-module(dirty_signals_transcript).
-mode(compile).

main(_) ->
    Fifo = filename:join("/tmp", "dirty_signals_" ++ os:getpid()),
    [] = os:cmd("mkfifo " ++ Fifo),
    try
        looks(Fifo),
        requests(Fifo),
        linked(Fifo),
        trapping(Fifo),
        many(Fifo)
    after
        file:delete(Fifo)
    end.

%% A process that blocks in the call, with a monitor.
blocked(Fifo, Prepare) ->
    {P, M} = spawn_monitor(fun() -> Prepare(), file:open(Fifo, [read, raw]) end),
    until(fun() -> process_info(P, current_function) =:= {current_function, {prim_file, open_nif, 2}} end),
    {P, M}.

until(Condition) -> until(Condition, 1000).
until(Condition, N) when N > 0 -> Condition() orelse begin timer:sleep(5), until(Condition, N - 1) end.

%% Lets the call end: its other end is opened.
release(Fifo) ->
    {ok, F} = file:open(Fifo, [write, raw]),
    ok = file:close(F).

down(M) -> receive {'DOWN', M, process, _, Why} -> Why after 20000 -> no_down end.

looks(Fifo) ->
    {P, M} = blocked(Fifo, fun() -> put(key, value), register(victim, self()) end),
    io:format("~p~n", [process_info(P, [status, current_function, current_location, registered_name, dictionary])]),
    io:format("~p~n", [process_info(P, [message_queue_len, links, trap_exit, priority])]),
    P ! hello,
    io:format("~p~n", [process_info(P, [message_queue_len, messages])]),
    io:format("alive: ~p~n", [is_process_alive(P)]),
    link(P),
    io:format("linked: ~p~n", [process_info(P, links) =:= {links, [self()]}]),
    unlink(P),
    io:format("unlinked: ~p~n", [process_info(P, links)]),
    exit(P, normal),
    io:format("normal does nothing: ~p~n", [is_process_alive(P)]),
    exit(P, stop),
    io:format("down: ~p~n", [down(M)]),
    io:format("gone: ~p~n", [{is_process_alive(P), process_info(P), whereis(victim), lists:member(P, processes())}]),
    io:format("monitor: ~p~n", [down(monitor(process, P))]),
    io:format("its name is free: ~p~n", [register(victim, self())]),
    unregister(victim),
    release(Fifo).

requests(Fifo) ->
    {P, M} = blocked(Fifo, fun() -> ok end),
    io:format("old code: ~p~n", [erlang:check_process_code(P, lists)]),
    io:format("collecting: ~p~n", [erlang:garbage_collect(P, [{async, collected}])]),
    receive {garbage_collect, collected, _} -> io:format("too early~n") after 0 -> ok end,
    io:format("suspended: ~p~n", [erlang:suspend_process(P, [asynchronous])]),
    io:format("resumed: ~p~n", [erlang:resume_process(P)]),
    release(Fifo),
    receive {garbage_collect, collected, Done} -> io:format("collected: ~p~n", [Done]) end,
    io:format("down: ~p~n", [down(M)]).

linked(Fifo) ->
    process_flag(trap_exit, true),
    {P, M} = blocked(Fifo, fun() -> ok end),
    link(P),
    exit(P, kill),
    receive {'EXIT', P, Why} -> io:format("exit: ~p~n", [Why]) end,
    io:format("down: ~p~n", [down(M)]),
    process_flag(trap_exit, false),
    release(Fifo).

trapping(Fifo) ->
    {P, M} = blocked(Fifo, fun() -> process_flag(trap_exit, true) end),
    exit(P, stop),
    io:format("still there: ~p~n", [is_process_alive(P)]),
    {messages, [{'EXIT', From, stop}]} = process_info(P, messages),
    io:format("from here: ~p~n", [From =:= self()]),
    exit(P, kill),
    io:format("down: ~p~n", [down(M)]),
    release(Fifo).

many(Fifo) ->
    Killed = [begin {P, M} = blocked(Fifo, fun() -> ok end), exit(P, {shutdown, N}), down(M) end || N <- [1, 2, 3]],
    io:format("~p~n", [Killed]),
    release(Fifo).
