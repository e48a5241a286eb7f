#!/usr/bin/env escript
%% What a process that hibernates keeps: its arguments and nothing else. What it has again when it wakes up.

-module(hibernation_transcript).
-mode(compile).

main(_) ->
    [kept(Arguments) || Arguments <- [[], [1], [{self(), make_ref()}], [lists:seq(1, 1000)], [binary:copy(<<"a">>, 100)]]],
    least(),
    again(),
    filled().

%% A few words may be left over.
kept(Arguments) ->
    Pid = spawn(fun() -> work(), erlang:hibernate(erlang, list_to_tuple, [Arguments]) end),
    wait(Pid),
    [{heap_size, Heap}, {total_heap_size, Total}] = process_info(Pid, [heap_size, total_heap_size]),
    io:format("little: ~p, all in one: ~p~n", [Heap =< erts_debug:size([Arguments]) + 8, Heap =:= Total]),
    exit(Pid, kill).

work() -> lists:sum(lists:seq(1, 10000)).

wait(Pid) ->
    case process_info(Pid, [current_function, status]) of
        [{current_function, {erlang, hibernate, 3}}, {status, waiting}] -> ok;
        _ -> receive after 1 -> wait(Pid) end
    end.

%% The smallest size that was asked for counts again when it wakes up.
least() ->
    Self = self(),
    Awake = fun() -> receive wake -> Self ! process_info(self(), [min_heap_size, heap_size]) end end,
    Pid = spawn_opt(fun() -> erlang:hibernate(erlang, apply, [Awake, []]) end, [{min_heap_size, 15000}]),
    wait(Pid),
    {heap_size, Asleep} = process_info(Pid, heap_size),
    io:format("asleep: ~p~n", [Asleep =< 20]),
    Pid ! wake,
    receive [{min_heap_size, Least}, {heap_size, Size}] -> io:format("awake: ~p~n", [{Least, Size >= Least}]) end.

%% Again and again, with signals that are no messages in between.
again() ->
    Pid = spawn(fun() -> put(key, lists:seq(1, 50)), loop(0) end),
    [begin
         wait(Pid),
         {dictionary, [{key, List}]} = process_info(Pid, dictionary),
         50 = length(List),
         link(Pid),
         erlang:garbage_collect(Pid),
         unlink(Pid),
         Pid ! {self(), N},
         receive {N, Depth} -> Depth = N * 100 end
     end || N <- lists:seq(1, 100)],
    io:format("woken 100 times~n").

loop(_) -> receive {From, N} -> From ! {N, deep(N * 100)} after 0 -> ok end, erlang:hibernate(erlang, apply, [fun loop/1, [0]]).

deep(0) -> 0;
deep(N) -> 1 + deep(N - 1).

%% Somebody who suspends it, and messages that come meanwhile.
filled() ->
    Self = self(),
    Pid = spawn(fun() -> erlang:hibernate(erlang, apply, [fun() -> Self ! all(5) end, []]) end),
    wait(Pid),
    true = erlang:suspend_process(Pid),
    [Pid ! {N, lists:seq(1, N)} || N <- lists:seq(1, 5)],
    io:format("~p~n", [process_info(Pid, [status, message_queue_len])]),
    true = erlang:resume_process(Pid),
    receive Got -> io:format("~w~n", [Got]) end.

all(0) -> [];
all(N) -> receive Message -> [Message | all(N - 1)] end.
