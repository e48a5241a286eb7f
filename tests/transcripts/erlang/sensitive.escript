#!/usr/bin/env escript
%% What others learn of a process that is sensitive.
-module(sensitive_transcript).
-mode(compile).

main(_) ->
    information(),
    traced(),
    sequentially().

information() ->
    put(foo, bar),
    self() ! message,
    [begin
         io:format("~p~n", [process_flag(sensitive, Sensitive)]),
         io:format("~p ~p ~p ~p ~p~n", [
             element(2, process_info(self(), dictionary)),
             process_info(self(), {dictionary, foo}),
             process_info(self(), messages),
             process_info(self(), message_queue_len),
             element(2, process_info(self(), backtrace)) =:= <<>>
         ])
     end || Sensitive <- [true, false]],
    receive message -> ok end.

%% Messages, spawns and collections are told before and after, calls too.
traced() ->
    Self = self(),
    Collector = spawn_link(fun() -> collect([]) end),
    Sink = spawn_link(fun() -> receive stop -> ok end end),
    1 = erlang:trace(self(), true, [send, 'receive', procs, garbage_collection, call, {tracer, Collector}]),
    erlang:trace_pattern({lists, sum, 1}, true, [global]),
    [begin
         process_flag(sensitive, Sensitive),
         Sink ! Step,
         self() ! {own, Step},
         receive {own, Step} -> ok end,
         register(Step, self()),
         unregister(Step),
         lists:sum([0, 0]),
         garbage_collect()
     end || {Step, Sensitive} <- [{before, false}, {hidden, true}, {later, false}]],
    io:format("~p~n", [lists:sort(element(2, erlang:trace_info(self(), flags)))]),
    erlang:trace(self(), false, [all]),
    erlang:trace_pattern({lists, sum, 1}, false, [global]),
    Delivered = erlang:trace_delivered(Self),
    receive {trace_delivered, Self, Delivered} -> ok end,
    [io:format("~p~n", [Event]) || Event <- events(Collector), is_ours(Event)],
    Sink ! stop.

is_ours({send, To, _}) -> lists:member(To, [before, hidden, later]);
is_ours({'receive', {own, _}}) -> true;
is_ours({Name, _}) -> lists:member(Name, [register, unregister, call]);
is_ours({Name, _, _}) -> lists:member(Name, [register, unregister]);
is_ours(Name) -> Name =:= gc_major_start.

collect(Events) ->
    receive
        {trace, _, gc_major_start, _} -> collect([gc_major_start | Events]);
        {trace, _, send, Message, _} -> collect([{send, Message, there} | Events]);
        {trace, _, Name, What} -> collect([{Name, What} | Events]);
        {trace, _, _, _, _} -> collect(Events);
        {events, From} -> From ! {events, lists:reverse(Events)}, collect([]);
        stop -> ok
    end.

events(Collector) -> Collector ! {events, self()}, receive {events, Events} -> Events end.

sequentially() ->
    Self = self(),
    Tracer = spawn_link(fun() -> (fun Loop(Seen) -> receive {seen, From} -> From ! {seen, lists:reverse(Seen)}; {seq_trace, 17, Event} -> Loop([element(1, Event) | Seen]); _ -> Loop(Seen) end end)([]) end),
    seq_trace:set_system_tracer(Tracer),
    [begin
         process_flag(sensitive, Sensitive),
         Echo = spawn(fun() -> receive {Pid, Message} -> Pid ! {reply, Message} end end),
         [seq_trace:set_token(Flag, Value) || {Flag, Value} <- [{label, 17}, {'receive', true}, {send, true}, {print, true}]],
         seq_trace:print(17, "started"),
         Echo ! {Self, hello},
         receive {reply, hello} -> ok end,
         seq_trace:set_token([])
     end || Sensitive <- [false, true]],
    process_flag(sensitive, false),
    timer:sleep(100),
    seq_trace:set_system_tracer(false),
    Tracer ! {seen, self()},
    receive {seen, Seen} -> io:format("~p~n", [Seen]) end.
