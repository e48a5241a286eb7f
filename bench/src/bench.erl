%% What runs one benchmark program: `erl -noshell -pa FOLDER -run bench main MODULE SIZE`.
%% A program is a module with run(Size) that gives a term: the answer, which must be the same on every machine.
%% It is called twice, once with a small size to load what it needs. Prints
%%   result: HASH MICROSECONDS CPU-MILLISECONDS
-module(bench).
-export([main/1]).

main([Module, Size]) ->
    Program = list_to_atom(Module),
    Parent = self(),
    {_, Monitor} = spawn_monitor(fun() -> Parent ! {measured, measure(Program, list_to_integer(Size))} end),
    receive
        {measured, {Answer, Time, Processor}} ->
            io:format("result: ~.16b ~b ~b~n", [erlang:phash2(Answer, 1 bsl 32), Time, Processor]),
            halt(0);
        {'DOWN', Monitor, process, _, Reason} ->
            io:format("failed: ~0p~n", [Reason]),
            halt(1)
    end.

measure(Program, Size) ->
    _ = Program:run(max(1, Size div 20)),
    erlang:garbage_collect(),
    {Processor0, _} = erlang:statistics(runtime),
    Start = erlang:monotonic_time(microsecond),
    Answer = Program:run(Size),
    Time = erlang:monotonic_time(microsecond) - Start,
    {Processor, _} = erlang:statistics(runtime),
    {Answer, Time, Processor - Processor0}.
