#!/usr/bin/env escript
%% What the machine tells of its allocators and of the time of its threads: the shapes, and what can be compared.
-module(measurements_transcript).
-mode(compile).

main(_) ->
    io:format("~p~n", [erlang:system_info(alloc_util_allocators)]),
    {_, _, _, Settings} = erlang:system_info(allocator),
    io:format("~p~n", [[lists:member({e, true}, proplists:get_value(A, Settings)) || A <- [binary_alloc, ets_alloc]]]),
    Before = bytes(binary_alloc),
    Binary = binary:copy(<<"0123456789">>, 1000000),
    %% Others may have been given back meanwhile.
    io:format("~p~n", [bytes(binary_alloc) - Before > byte_size(Binary) - 1000000]),
    Table = ets:new(table, []),
    Objects = bytes(ets_alloc),
    ets:insert(Table, [{N, lists:duplicate(100, N)} || N <- lists:seq(1, 1000)]),
    io:format("~p~n", [bytes(ets_alloc) - Objects > 1000000]),
    [io:format("~p: ~p~n", [A, bytes(A) > 0]) || A <- [eheap_alloc, ll_alloc, literal_alloc, fix_alloc]],
    [io:format("~p~n", [shape(erlang:system_info(Item))]) || Item <- [{allocator_sizes, [ets_alloc]}, {allocator_sizes, ets_alloc}]],
    [fails(fun() -> erlang:system_info(Item) end) || Item <- [{allocator_sizes, nothing}, {allocator, nothing}]],
    Memory = erlang:memory(),
    [io:format("~p~n", [proplists:get_value(Kind, Memory) >= Least]) || {Kind, Least} <- [{binary, byte_size(Binary)}, {ets, 1000000}]],
    true = ets:delete(Table),
    io:format("~p~n", [erlang:memory(ets) < proplists:get_value(ets, Memory) - 1000000]),
    threads(),
    ports().

%% All blocks of an allocator.
bytes(Allocator) ->
    Instances = erlang:system_info({allocator_sizes, Allocator}),
    lists:sum([Size || {instance, _, Kinds} <- Instances, {_, [{blocks, [{_, [{size, Size, _, _}]}]} | _]} <- Kinds]).

%% The first instance's, without sizes.
shape([{Name, Instances}]) when is_atom(Name) -> {Name, shape(Instances)};
shape([{instance, 0, Kinds} | _]) -> [{Kind, [element(1, Pair) || Pair <- Pairs]} || {Kind, Pairs} <- Kinds].

fails(Fun) -> try Fun() of Value -> io:format("~p~n", [Value]) catch Class:Reason -> io:format("~p ~p~n", [Class, Reason]) end.

threads() ->
    io:format("~p~n", [erlang:system_flag(microstate_accounting, true)]),
    spin(erlang:monotonic_time(millisecond) + 300),
    Lists = [lists:seq(1, N) || N <- lists:seq(1, 2000)],
    2001000 = lists:sum([length(List) || List <- Lists]),
    io:format("~p~n", [erlang:system_flag(microstate_accounting, false)]),
    Threads = erlang:statistics(microstate_accounting),
    Schedulers = [Counters || #{type := scheduler, counters := Counters} <- Threads],
    io:format("~p ~p~n", [length(Schedulers) =:= erlang:system_info(schedulers), lists:sort(maps:keys(hd(Schedulers)))]),
    Sum = fun(State) -> erlang:convert_time_unit(lists:sum([maps:get(State, C) || C <- Schedulers]), perf_counter, millisecond) end,
    io:format("~p ~p~n", [Sum(emulator) + Sum(gc) >= 200, Sum(gc) >= 0]),
    IO = [C || #{type := dirty_io_scheduler, counters := C} <- Threads],
    io:format("~p ~p~n", [length(IO), lists:all(fun(#{sleep := Sleep}) -> Sleep >= 0 end, IO)]),
    io:format("~p~n", [erlang:system_flag(microstate_accounting, reset)]),
    io:format("~p~n", [lists:sum([lists:sum(maps:values(C)) || #{counters := C} <- erlang:statistics(microstate_accounting)])]),
    fails(fun() -> erlang:system_flag(microstate_accounting, 1) end).

spin(Until) -> case erlang:monotonic_time(millisecond) < Until of true -> spin(Until); false -> ok end.

%% What goes through ports is counted for each and for all.
ports() ->
    {ok, Listening} = gen_tcp:listen(0, [binary, {ip, {127, 0, 0, 1}}]),
    {ok, Number} = inet:port(Listening),
    {ok, A} = gen_tcp:connect({127, 0, 0, 1}, Number, [binary]),
    {ok, B} = gen_tcp:accept(Listening),
    {{input, Input}, {output, Output}} = erlang:statistics(io),
    ok = gen_tcp:send(A, <<0:80000>>),
    received(B, 10000),
    Cat = open_port({spawn, "cat"}, [binary]),
    port_command(Cat, <<"hello">>),
    receive {Cat, {data, _}} -> ok end,
    io:format("~p~n", [[erlang:port_info(Port, Item) || Port <- [A, B, Cat], Item <- [input, output]]]),
    {{input, InputNow}, {output, OutputNow}} = erlang:statistics(io),
    io:format("~p ~p~n", [InputNow - Input, OutputNow - Output]),
    io:format("~p~n", [[is_binary(erlang:system_info(Item)) || Item <- [info, loaded, procs]]]),
    io:format("~p ~p~n", [erlang:system_info(cpu_quota), erlang:system_info(update_cpu_info)]).

received(_, 0) -> ok;
received(Socket, Left) -> receive {tcp, Socket, Data} -> received(Socket, Left - byte_size(Data)) end.
