#!/usr/bin/env escript
%% erts_debug:dirty_cpu/2, dirty_io/2 and dirty/3: where a call runs, what it raises, and what becomes of one whose process is ended.

-module(dirty_calls_transcript).
-mode(compile).

main(_) ->
    [show(Function, Arguments) || {Function, Arguments} <- calls()],
    [show(Function, More ++ [error, Reason])
     || Reason <- [badarg, undef, badarith, system_limit, noproc, notsup, other, {1, "a"}],
        {Function, More} <- [{dirty_cpu, []}, {dirty_io, []}, {dirty, [normal]}, {dirty, [dirty_cpu]}, {dirty, [dirty_io]}]],
    Self = self(),
    io:format("sent: ~p~n", [receive {What, Self} -> What after 0 -> nothing end]),
    copies({make_ref(), <<"abc">>, [1.5]}),
    ended(),
    purged().

calls() ->
    [{dirty_cpu, [yield, 1]}, {dirty_cpu, [wait, -1]}, {dirty_cpu, [wait, a]}, {dirty_io, [wait, 1]},
     {dirty_io, [reschedule, 3]}, {dirty_io, [reschedule, -2]}, {dirty_io, [reschedule, 1000]}, {dirty_cpu, [reschedule, 1000]},
     {dirty, [normal, reschedule, 1000]}, {dirty, [dirty_io, reschedule, 1001]},
     {dirty_io, [send, self()]}, {dirty_io, [send, a]}, {dirty_io, [scheduler, other]},
     {dirty_cpu, [scheduler, type]}, {dirty_io, [scheduler, type]}, {dirty, [normal, scheduler, type]},
     {dirty, [dirty_cpu, scheduler, type]}, {dirty, [dirty_io, scheduler, type]}, {dirty, [other, scheduler, type]},
     {dirty, [1, scheduler, type]}].

show(Function, Arguments) ->
    Shown = [case Argument of Pid when is_pid(Pid) -> pid; _ -> Argument end || Argument <- Arguments],
    try apply(erts_debug, Function, Arguments) of
        Value -> io:format("~p ~p: ~p~n", [Function, Shown, Value])
    catch
        Class:Reason:Stack ->
            [{Module, Name, In, _} | _] = Stack,
            io:format("~p ~p: ~p ~p in ~p:~p, same arguments: ~p~n", [Function, Shown, Class, Reason, Module, Name, In =:= Arguments])
    end.

copies(Term) ->
    Copies = erts_debug:dirty_cpu(copy, Term),
    io:format("copies: ~p, all the same: ~p~n", [length(Copies), lists:all(fun(Copy) -> Copy =:= Term end, Copies)]).

%% A process that is ended in a dirty call is gone at once, and the call goes on.
ended() ->
    Self = self(),
    [begin
         {Pid, Monitor} = spawn_monitor(fun() -> erts_debug:dirty_cpu(Command, Self), Self ! {back, self()} end),
         receive {alive, Pid} -> ok end,
         exit(Pid, Reason),
         receive {'DOWN', Monitor, process, Pid, Down} -> io:format("~p: ~p~n", [Command, Down]) end,
         io:format("~p~n", [{is_process_alive(Pid), process_info(Pid, status), lists:member(Pid, processes())}]),
         io:format("~p~n", [receive {back, Pid} -> back after 1200 -> nothing end])
     end || {Command, Reason} <- [{alive_waitexiting, go}, {alive_waitexitingonly, kill}]].

%% Code that a process in a dirty call returns to is in use, so a purge ends the process.
purged() ->
    Source = ["-module(purged).", "-export([call/1]).", "call(Fun) -> Fun(), purged:never()."],
    Forms = [begin {ok, Tokens, _} = erl_scan:string(Line), {ok, Form} = erl_parse:parse_form(Tokens), Form end || Line <- Source],
    {ok, purged, Code} = compile:forms(Forms),
    {module, purged} = erlang:load_module(purged, Code),
    Self = self(),
    {Pid, Monitor} = spawn_monitor(fun() -> purged:call(fun() -> Self ! inside, erts_debug:dirty_io(wait, 4000) end) end),
    receive inside -> ok end,
    receive after 200 -> ok end,
    io:format("in the call: ~p~n", [process_info(Pid, current_function)]),
    true = erlang:delete_module(purged),
    io:format("runs old code: ~p~n", [erlang:check_process_code(Pid, purged)]),
    io:format("purged: ~p~n", [erlang:purge_module(purged)]),
    receive {'DOWN', Monitor, process, Pid, Reason} -> io:format("~p~n", [Reason]) end.
