#!/usr/bin/env escript
%% What a process is about before, while and after it is suspended; where it is; what becomes of a heap that grows by literals.
-module(suspended_processes_transcript).
-mode(compile).

main(_) ->
    [begin
         io:format("~p~n", [[about(Pid, 100) || _ <- [1, 2]]]),
         exit(Pid, kill)
     end || Pid <- [spawn(fun busy/0), spawn(fun() -> receive never -> ok end end)]],
    displayed(),
    literals().

%% Whether it says the right thing every time.
about(Pid, Times) ->
    {status, First} = process_info(Pid, status),
    Kind = case First of waiting -> waiting; _ -> active end,
    Seen = [begin
                true = erlang:suspend_process(Pid),
                {status, suspended} = process_info(Pid, status),
                true = erlang:resume_process(Pid),
                case process_info(Pid, status) of
                    {status, waiting} -> waiting;
                    {status, _} -> active
                end
            end || _ <- lists:seq(1, Times)],
    {Kind, lists:usort(Seen)}.

busy() -> busy().

displayed() ->
    Dead = spawn(fun() -> ok end),
    receive after 50 -> ok end,
    [io:format("~p~n", [try erlang:process_display(Pid, What) catch error:Reason -> Reason end])
     || {Pid, What} <- [{Dead, backtrace}, {self(), other}, {name, backtrace}]].

%% Literals that a purge gives to those who use them count.
literals() ->
    Source = ["-module(literals_of_a_heap).", "-export([term/0]).", lists:flatten(io_lib:format("term() -> ~w.", [lists:seq(1, 5000)]))],
    Forms = [begin {ok, Tokens, _} = erl_scan:string(Line), {ok, Form} = erl_parse:parse_form(Tokens), Form end || Line <- Source],
    {ok, Module, Code} = compile:forms(Forms),
    [begin
         {module, Module} = erlang:load_module(Module, Code),
         {Pid, Monitor} = spawn_opt(fun() -> Term = Module:term(), receive go -> length(Term) end end,
                                    [monitor, {max_heap_size, #{size => Size, kill => true, error_logger => false}}]),
         receive after 50 -> ok end,
         true = erlang:delete_module(Module),
         true = erlang:purge_module(Module),
         receive {'DOWN', Monitor, process, Pid, Reason} -> io:format("~p: ~p~n", [Size, Reason])
         after Wait -> io:format("~p: lives~n", [Size]), exit(Pid, kill) end
     end || {Size, Wait} <- [{1024, 10000}, {1000000, 500}]].
