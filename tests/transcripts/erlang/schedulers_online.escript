#!/usr/bin/env escript
%% -*- erlang -*-
%%! +S 4:4 +SDcpu 4:4

%% Schedulers online, blocking all but one, and how long they worked.

main(_) ->
    info(),
    [flag(schedulers_online, Value) || Value <- [1, 0, 5, a]],
    info(),
    io:format("~p~n", [used()]),
    [flag(schedulers_online, Value) || Value <- [4, 3]],
    [flag(dirty_cpu_schedulers_online, Value) || Value <- [2, 1, 4, 9, 0]],
    info(),
    flag(schedulers_online, 2),
    io:format("~p~n", [used() -- [1, 2]]),
    flag(schedulers_online, 4),
    info(),
    blocking(),
    wall_time().

blocking() ->
    [begin flag(multi_scheduling, block), info(), io:format("~p~n", [used()]) end || _ <- [1, 2]],
    [begin flag(multi_scheduling, unblock), io:format("~p~n", [blockers()]) end || _ <- [1, 2, 3]],
    [flag(multi_scheduling, Value) || Value <- [block_normal, unblock]],
    io:format("~p ~p~n", [used(), blockers()]),
    flag(multi_scheduling, unblock_normal),
    flag(multi_scheduling, other),
    flag(multi_scheduling, []),
    %% Whoever blocks and ends does not block any more.
    Self = self(),
    {Pid, Monitor} = spawn_monitor(fun() ->
        flag(multi_scheduling, block),
        flag(multi_scheduling, block_normal),
        Self ! blocked,
        receive stop -> ok end
    end),
    receive blocked -> ok end,
    flag(multi_scheduling, block),
    io:format("~p~n", [blockers()]),
    flag(multi_scheduling, unblock),
    io:format("~p~n", [erlang:system_info(multi_scheduling_blockers) =:= [Pid]]),
    Pid ! stop,
    receive {'DOWN', Monitor, _, _, _} -> ok end,
    await(fun() -> erlang:system_info(multi_scheduling) =:= enabled end),
    io:format("~p~n", [blockers()]).

%% Who blocks, as roles: the order of pids in the lists is not promised.
blockers() ->
    Role = fun(Pid) when Pid =:= self() -> self; (_) -> other end,
    Roles = fun(Item) -> lists:sort([Role(Pid) || Pid <- erlang:system_info(Item)]) end,
    {erlang:system_info(multi_scheduling), Roles(multi_scheduling_blockers), Roles(normal_multi_scheduling_blockers)}.

wall_time() ->
    io:format("~p~n", [erlang:statistics(scheduler_wall_time)]),
    [flag(scheduler_wall_time, Value) || Value <- [other, true, true]],
    work(200000),
    Times = lists:sort(erlang:statistics(scheduler_wall_time)),
    All = lists:sort(erlang:statistics(scheduler_wall_time_all)),
    io:format("~p ~p~n", [[Number || {Number, _, _} <- Times], [Number || {Number, _, _} <- All]]),
    io:format("~p~n", [lists:all(fun({_, Active, Total}) -> 0 =< Active andalso Active =< Total end, All)]),
    io:format("~p~n", [lists:sum([Active || {Number, Active, _} <- Times, Number =< 4]) > 0]),
    later(Times),
    [flag(scheduler_wall_time, false) || _ <- [1, 2, 3]],
    io:format("~p ~p~n", [erlang:statistics(scheduler_wall_time), erlang:statistics(scheduler_wall_time_all)]).

%% Times only grow.
later(Before) ->
    work(200000),
    After = lists:sort(erlang:statistics(scheduler_wall_time)),
    Grows = fun({{Number, Active1, Total1}, {Number, Active2, Total2}}) -> Active2 >= Active1 andalso Total2 > Total1 end,
    io:format("~p~n", [lists:all(Grows, lists:zip(Before, After))]).

work(0) -> ok;
work(Count) -> work(Count - 1).

flag(Name, Value) ->
    Result = try erlang:system_flag(Name, Value) catch Class:Reason -> {Class, Reason} end,
    io:format("~p ~p: ~p~n", [Name, Value, Result]).

info() ->
    Items = [schedulers, schedulers_online, schedulers_state, dirty_cpu_schedulers, dirty_cpu_schedulers_online,
             multi_scheduling],
    io:format("~p~n", [[{Item, erlang:system_info(Item)} || Item <- Items]]),
    [Normal, {dirty_cpu, All, Online, _}, {dirty_io, _, _, _}] = erlang:system_info(all_schedulers_state),
    io:format("~p~n", [{Normal, All, Online}]).

%% The schedulers that run twenty processes.
used() ->
    Self = self(),
    Pids = [spawn_link(fun() -> work(1000), Self ! {self(), erlang:system_info(scheduler_id)} end) || _ <- lists:seq(1, 20)],
    lists:usort([receive {Pid, Number} -> Number end || Pid <- Pids]).

await(Condition) ->
    case Condition() of
        true -> ok;
        false -> timer:sleep(5), await(Condition)
    end.
