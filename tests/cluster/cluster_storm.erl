%% A storm over four nodes: between each two of them processes send numbered messages, while connections are cut and nodes killed and
%% started again. What may never happen: a message twice, one before another that was sent before it, a gap where no connection
%% was cut. Each round ends with a calm, in which every message must arrive.
%%
%% `main/0` is run by a node that is not part of it: `-seconds N -programs ERL ERL ERL ERL`.
-module(cluster_storm).
-export([main/0, receiver/1, sender/3, watcher/0, calls/2]).

-define(WAIT, 60000).
-define(CHAOS, 8000).
-define(CALM_MESSAGES, 3000).
%% Messages on their way from one sender.
-define(WINDOW, 100).

-record(node, {index, name, node, peer, program, id}).

main() ->
    {ok, [[Seconds]]} = init:get_argument(seconds),
    {ok, [Programs]} = init:get_argument(programs),
    rand:seed(exsss, erlang:timestamp()),
    process_flag(trap_exit, true),
    Nodes = [start(Index, Program) || {Index, Program} <- lists:enumerate(Programs)],
    End = erlang:monotonic_time(second) + list_to_integer(Seconds),
    Totals = rounds(Nodes, End, #{}),
    io:format("~0tkp~n", [Totals]),
    Bad = [Key || Key <- [lost, duplicated, damaged, unanswered, unexplained_gaps], maps:get(Key, Totals, 0) > 0],
    io:format("storm: ~ts~n", [case Bad of [] -> "nothing lost or duplicated, order kept"; _ -> io_lib:format("FAILED ~p", [Bad]) end]),
    halt(length(Bad)).

start(Index, Program) -> start(Index, Program, list_to_atom("storm" ++ integer_to_list(Index) ++ "x" ++ os:getpid())).
start(Index, Program, Name) ->
    Arguments = ["-pa", filename:dirname(code:which(?MODULE)), "-setcookie", "storm", "-connect_all", "false", "-kernel",
                 "prevent_overlapping_partitions", "false", "-kernel", "logger_level", "emergency"],
    {ok, Peer, Node} = peer:start(#{name => Name, exec => Program, connection => standard_io, args => Arguments, wait_boot => ?WAIT}),
    Id = peer:call(Peer, os, getpid, []),
    Watcher = peer:call(Peer, erlang, spawn, [?MODULE, watcher, []]),
    true = peer:call(Peer, erlang, register, [storm_watcher, Watcher]),
    #node{index = Index, name = Name, node = Node, peer = Peer, program = Program, id = Id}.

rounds(Nodes, End, Totals) ->
    case erlang:monotonic_time(second) < End of
        true ->
            {Nodes1, Totals1} = chaos(Nodes, add(rounds, 1, Totals)),
            Totals2 = calm(Nodes1, Totals1),
            rounds(Nodes1, End, Totals2);
        false -> Totals
    end.

add(Key, Count, Totals) -> maps:update_with(Key, fun(Sum) -> Sum + Count end, Count, Totals).

%% --- chaos ---------------------------------------------------------------------------------------------------------------

chaos(Nodes, Totals) ->
    Streams = [stream(From, To) || From <- Nodes, To <- Nodes, From =/= To],
    [peer:cast(Node#node.peer, ?MODULE, calls, [[Other#node.node || Other <- Nodes], 200]) || Node <- Nodes],
    Stop = erlang:monotonic_time(millisecond) + ?CHAOS,
    {Nodes1, Totals1} = disturb(Nodes, Stop, Totals),
    Survivors = [Stream || {From, To, _, _} = Stream <- Streams, lists:member(From, Nodes1), lists:member(To, Nodes1)],
    Totals2 = lists:foldl(fun finish/2, Totals1, Survivors),
    {Nodes1, Totals2}.

stream(From, To) ->
    Receiver = peer:call(To#node.peer, erlang, spawn, [?MODULE, receiver, [From#node.node]]),
    Sender = peer:call(From#node.peer, erlang, spawn, [?MODULE, sender, [Receiver, infinity, To#node.node]]),
    {From, To, Sender, Receiver}.

disturb(Nodes, Stop, Totals) ->
    timer:sleep(rand:uniform(400)),
    case erlang:monotonic_time(millisecond) < Stop of
        true ->
            {Nodes1, Totals1} = disturb_once(rand:uniform(8), Nodes, Totals),
            disturb(Nodes1, Stop, Totals1);
        false -> {Nodes, Totals}
    end.

disturb_once(1, Nodes, Totals) ->
    %% Kills a node, and starts it again.
    Node = lists:nth(rand:uniform(length(Nodes)), Nodes),
    os:cmd("kill -KILL " ++ Node#node.id),
    catch peer:stop(Node#node.peer),
    receive {'EXIT', _, _} -> ok after 0 -> ok end,
    New = start(Node#node.index, Node#node.program, Node#node.name),
    {lists:keyreplace(Node#node.index, #node.index, Nodes, New), add(kills, 1, Totals)};
disturb_once(2, Nodes, Totals) ->
    %% One does not answer for a moment.
    Node = lists:nth(rand:uniform(length(Nodes)), Nodes),
    os:cmd("kill -STOP " ++ Node#node.id),
    timer:sleep(rand:uniform(1000)),
    os:cmd("kill -CONT " ++ Node#node.id),
    {Nodes, add(pauses, 1, Totals)};
disturb_once(_, Nodes, Totals) ->
    [From, To | _] = shuffle(Nodes),
    peer:call(From#node.peer, erlang, disconnect_node, [To#node.node]),
    {Nodes, add(cuts, 1, Totals)}.

shuffle(List) -> [Element || {_, Element} <- lists:sort([{rand:uniform(), Element} || Element <- List])].

%% Ends a stream between nodes that live, and judges it.
finish({From, To, Sender, Receiver}, Totals) ->
    Sent = peer:call(From#node.peer, erlang, apply, [fun ask/2, [Sender, stop]], ?WAIT),
    {Received, Gaps, Duplicated, Damaged, Last} = peer:call(To#node.peer, erlang, apply, [fun ask/2, [Receiver, stop]], ?WAIT),
    Cuts = max(cuts(From, To), cuts(To, From)),
    Lost = Last =/= Sent,
    Explained = Gaps =< Cuts,
    case Explained andalso not Lost andalso Duplicated + Damaged =:= 0 of
        true -> ok;
        false -> io:format("~p -> ~p: sent ~p last ~p received ~p gaps ~p cuts ~p duplicated ~p damaged ~p~n",
                           [From#node.program, To#node.program, Sent, Last, Received, Gaps, Cuts, Duplicated, Damaged])
    end,
    Counts = [{sent, Sent}, {received, Received}, {gaps, Gaps}, {duplicated, Duplicated}, {damaged, Damaged},
              {lost, if Lost -> 1; true -> 0 end}, {unexplained_gaps, if Explained -> 0; true -> 1 end}],
    lists:foldl(fun({Key, Count}, Sum) -> add(Key, Count, Sum) end, Totals, Counts).

cuts(From, To) -> peer:call(From#node.peer, erlang, apply, [fun ask/2, [storm_watcher, {cuts, To#node.node}]], ?WAIT).

ask(Process, Question) ->
    Reference = make_ref(),
    Process ! {Question, self(), Reference},
    receive {Reference, Answer} -> Answer after ?WAIT -> exit({no_answer, Process, Question}) end.

%% --- calm ----------------------------------------------------------------------------------------------------------------

calm(Nodes, Totals) ->
    Pairs = [{From, To} || From <- Nodes, To <- Nodes, From =/= To],
    [connect(From, To, 100) || {From, To} <- Pairs],
    Streams = [begin
                   Receiver = peer:call(To#node.peer, erlang, spawn, [?MODULE, receiver, [From#node.node]]),
                   Sender = peer:call(From#node.peer, erlang, spawn, [?MODULE, sender, [Receiver, ?CALM_MESSAGES, To#node.node]]),
                   {From, To, Sender, Receiver}
               end || {From, To} <- Pairs],
    lists:foldl(fun({From, To, Sender, Receiver}, Sum) ->
                        All = ?CALM_MESSAGES + 1,
                        All = peer:call(From#node.peer, erlang, apply, [fun ask/2, [Sender, finished]], ?WAIT),
                        case peer:call(To#node.peer, erlang, apply, [fun ask/2, [Receiver, stop]], ?WAIT) of
                            {All, 0, 0, 0, All} -> add(calm, All, Sum);
                            Other ->
                                io:format("calm ~p -> ~p: ~p~n", [From#node.program, To#node.program, Other]),
                                add(lost, 1, Sum)
                        end
                end, Totals, Streams).

connect(From, To, 0) -> exit({no_connection, From, To});
connect(From, To, Left) ->
    case peer:call(From#node.peer, net_kernel, connect_node, [To#node.node]) of
        true -> ok;
        _ -> timer:sleep(100), connect(From, To, Left - 1)
    end.

%% --- on the nodes --------------------------------------------------------------------------------------------------------

%% Counts how often each connection ended.
watcher() ->
    ok = net_kernel:monitor_nodes(true, [{node_type, all}]),
    watcher(#{}).
watcher(Cuts) ->
    receive
        {nodedown, Node, _} -> watcher(add(Node, 1, Cuts));
        {{cuts, Node}, From, Reference} -> From ! {Reference, maps:get(Node, Cuts, 0)}, watcher(Cuts);
        _ -> watcher(Cuts)
    end.

%% Sends `Count` messages, or until it is stopped, never more than a window ahead of the other end.
sender(Receiver, Count, Node) ->
    sender(Receiver, Count, Node, monitor(process, Receiver), 0, 0).
sender(Receiver, Count, Node, Monitor, Sent, Acknowledged) ->
    Ready = Sent < Count andalso Sent - Acknowledged < ?WINDOW,
    receive
        {acknowledged, N} -> sender(Receiver, Count, Node, Monitor, Sent, max(N, Acknowledged));
        {'DOWN', Monitor, process, Receiver, noconnection} ->
            timer:sleep(rand:uniform(50)),
            sender(Receiver, Count, Node, monitor(process, Receiver), Sent, Sent);
        {'DOWN', Monitor, process, Receiver, _} -> ok;
        {stop, From, Reference} ->
            %% A last message that certainly arrives: what is unanswered is sent again with a new number.
            From ! {Reference, last(Receiver, Sent, Monitor)};
        {finished, From, Reference} when Sent =:= Count -> From ! {Reference, last(Receiver, Sent, Monitor)}
    after if Ready -> 0; true -> infinity end ->
        Receiver ! message(Sent + 1),
        sender(Receiver, Count, Node, Monitor, Sent + 1, Acknowledged)
    end.

last(Receiver, Sent, Monitor) ->
    Receiver ! {self(), last, Sent + 1},
    receive
        {last_acknowledged, N} when N =:= Sent + 1 -> N;
        {'DOWN', Monitor, process, Receiver, noconnection} -> last(Receiver, Sent + 1, monitor(process, Receiver))
    after ?WAIT -> exit(last_unanswered)
    end.

message(N) ->
    Size = case rand:uniform(200) of 1 -> rand:uniform(100000); _ -> rand:uniform(20) end,
    {self(), N, Size, binary:copy(<<N:32>>, Size), {storm, [N], make_ref()}}.

receiver(Node) -> receiver(Node, 0, 0, 0, 0, 0).
receiver(Node, Last, Received, Gaps, Duplicated, Damaged) ->
    receive
        {Sender, N, Size, Payload, {storm, [Same], _}} ->
            N rem (?WINDOW div 4) =:= 0 andalso (Sender ! {acknowledged, N}),
            Intact = N =:= Same andalso Payload =:= binary:copy(<<N:32>>, Size),
            counted(Node, Last, Received, Gaps, Duplicated, if Intact -> Damaged; true -> Damaged + 1 end, N);
        {Sender, last, N} ->
            Sender ! {last_acknowledged, N},
            counted(Node, Last, Received, Gaps, Duplicated, Damaged, N);
        {stop, From, Reference} -> From ! {Reference, {Received, Gaps, Duplicated, Damaged, Last}}
    end.

counted(Node, Last, Received, Gaps, Duplicated, Damaged, N) when N =:= Last + 1 ->
    receiver(Node, N, Received + 1, Gaps, Duplicated, Damaged);
counted(Node, Last, Received, Gaps, Duplicated, Damaged, N) when N > Last ->
    receiver(Node, N, Received + 1, Gaps + 1, Duplicated, Damaged);
counted(Node, Last, Received, Gaps, Duplicated, Damaged, _) ->
    receiver(Node, Last, Received + 1, Gaps, Duplicated + 1, Damaged).

%% Besides the messages: calls, spawns, links and monitors, which end in one way or another.
calls(_, 0) -> ok;
calls(Nodes, Left) ->
    Node = lists:nth(rand:uniform(length(Nodes)), Nodes),
    case rand:uniform(4) of
        1 -> catch erpc:call(Node, erlang, node, [], 5000);
        2 -> {Pid, Monitor} = spawn_monitor(Node, erlang, exit, [done]),
             receive {'DOWN', Monitor, process, Pid, _} -> ok end;
        3 -> {_, Monitor} = spawn_monitor(fun() -> spawn_link(Node, erlang, exit, [linked]), receive after infinity -> ok end end),
             receive {'DOWN', Monitor, process, _, _} -> ok end;
        4 -> catch gen_server:call({rex, Node}, {call, erlang, node, [], group_leader()}, 5000)
    end,
    timer:sleep(20),
    calls(Nodes, Left - 1).
