#!/usr/bin/env escript
%% The programs of os_mon: memory and processors, of which only what holds everywhere is printed.
-module(os_mon_transcript).
-mode(compile).
-export([main/1]).

main(_) ->
    logger:set_primary_config(level, none),
    {ok, _} = application:ensure_all_started(os_mon),
    memory(),
    processors(),
    ended_programs(),
    io:format("stopped: ~p~n", [application:stop(os_mon)]).

memory() ->
    Data = memsup:get_system_memory_data(),
    io:format("system memory: ~p~n", [lists:sort([Key || {Key, Bytes} <- Data, is_integer(Bytes), Bytes >= 0])]),
    {Total, Allocated, {Worst, WorstBytes}} = memsup:get_memory_data(),
    io:format("memory: ~p ~p ~p~n", [0 < Allocated andalso Allocated =< Total, is_pid(Worst), WorstBytes > 0]),
    io:format("the same total: ~p~n", [proplists:get_value(system_total_memory, Data) =:= Total]),
    io:format("fits /proc/meminfo: ~p~n", [abs(proplists:get_value(total_memory, Data) - Total) < 4096]).

processors() ->
    Online = erlang:system_info(logical_processors_online),
    io:format("loads: ~p~n", [[is_integer(cpu_sup:F()) || F <- [avg1, avg5, avg15]]]),
    io:format("threads: ~p~n", [cpu_sup:nprocs() > 0]),
    io:format("busy: ~p~n", [is_float(cpu_sup:util())]),
    {All, Busy, NotBusy, []} = cpu_sup:util([detailed]),
    io:format("processors: ~p~n", [length(All) =:= Online]),
    io:format("kinds: ~p ~p~n", [lists:sort(proplists:get_keys(Busy)), lists:sort(proplists:get_keys(NotBusy))]),
    io:format("adds up: ~p~n", [abs(100 - lists:sum([Share || {_, Share} <- Busy ++ NotBusy])) < 0.001]),
    Each = cpu_sup:util([per_cpu]),
    io:format("each: ~p~n", [[Number || {Number, _, _, []} <- Each] =:= lists:seq(0, Online - 1)]).

%% A port to one of the programs, talked to directly.
ended_programs() ->
    Cpu = os_mon:open_port("cpu_sup", [stream, exit_status]),
    true = port_command(Cpu, "p"),
    io:format("ping: ~p~n", [receive {Cpu, Ping} -> Ping end]),
    true = port_command(Cpu, "q"),
    io:format("cpu_sup: ~p~n", [receive {Cpu, {exit_status, Code}} -> Code end]),
    Memory = os_mon:open_port("memsup", [{packet, 1}, exit_status]),
    true = port_command(Memory, [9]),
    true = port_command(Memory, [1]),
    io:format("digits: ~p~n", [[receive {Memory, {data, Data}} -> list_to_integer(Data, 16) > 0 end || _ <- [used, total]]]),
    true = port_command(Memory, [3]),
    io:format("memsup: ~p~n", [receive {Memory, {exit_status, Ended}} -> Ended end]).
