%% Nodes: connecting and disconnecting, being told of it, names, groups, locks, and peers that misbehave.
%% What needs a node that nobody else talks to starts one, by `peer`.
-module(cluster_nodes).
-export([features/0, feature/2]).
%% What runs on other nodes.
-export([sleeper/0, collector/1, resolve/3, counter/1, forward/2, watch_reasons/0, seen/1]).
-import(cluster, [further/1, further/2, receive_one/0, nothing/0, down/1, until/1, on/4, named/1, fresh/1, host/0]).

-define(WAIT, 20000).

features() ->
    [disconnect, lost_relations, node_monitors, node_monitor_options, no_connect, unknown_node, global_names, global_locks,
     global_exits, global_conflict, pg_groups, pg_monitor, net_adm, hidden, no_connect_all, cookies, restart, stop_and_start,
     new_names, busy, busy_options, ticks, tick_kill, pending_signals, controllers, foreign_sender,
     blocked, texts, cached_atoms, hostile_handshakes, hostile_packets,
     %% Last: when lost and new connections follow each other as fast as that, OTP's `global` sometimes waits for ever for
     %% the end of a negotiation that it takes for another one; on OTP's own machine as well.
     reconnect].

sleeper() -> receive after infinity -> ok end.
collector(Seen) ->
    receive
        {seen, From} -> From ! {self(), lists:reverse(Seen)}, collector(Seen);
        Message -> collector([Message | Seen])
    end.
counter(Count) ->
    receive
        {data, _} -> counter(Count + 1);
        {count, From} -> From ! {self(), Count}
    end.
forward(To, Node) -> net_kernel:monitor_nodes(true), receive {nodedown, Node} = Down -> To ! {self(), Down} end.

seen(Collector) -> Collector ! {seen, self()}, receive {Collector, Seen} -> Seen after ?WAIT -> exit(no_collector) end.
wait_seen(Collector, Message) -> until(fun() -> lists:member(Message, seen(Collector)) end).

%% --- connections ---------------------------------------------------------------------------------------------------------

feature(disconnect, Peer) ->
    process_flag(trap_exit, true),
    true = monitor_node(Peer, true),
    true = monitor_node(Peer, true),
    Pid = spawn_link(Peer, ?MODULE, sleeper, []),
    Monitor = monitor(process, Pid),
    true = erlang:disconnect_node(Peer),
    Seen = [receive_one(), receive_one(), receive_one(), receive_one()],
    true = lists:sort(Seen) =:= lists:sort([{'EXIT', Pid, noconnection}, {'DOWN', Monitor, process, Pid, noconnection}, {nodedown, Peer},
                                            {nodedown, Peer}]),
    [] = nodes(),
    false = erlang:disconnect_node(Peer),
    false = erlang:disconnect_node(named("nobody")),
    until(fun() -> net_kernel:connect_node(Peer) end),
    %% The far end was told, too.
    undefined = on(Peer, erlang, process_info, [Pid]),
    nothing();
%% Texts of pids, ports and references of a connected node are turned back.
feature(texts, Peer) ->
    Pid = rpc:call(Peer, erlang, whereis, [init]),
    [Port | _] = rpc:call(Peer, erlang, ports, []),
    Reference = rpc:call(Peer, erlang, make_ref, []),
    Alias = rpc:call(Peer, erlang, alias, []),
    Pid = list_to_pid(pid_to_list(Pid)),
    Port = list_to_port(port_to_list(Port)),
    Reference = list_to_ref(ref_to_list(Reference)),
    Alias = list_to_ref(ref_to_list(Alias)),
    true = rpc:call(Peer, erlang, '=:=', [Pid, list_to_pid(pid_to_list(Pid))]),
    {'EXIT', {badarg, _}} = catch list_to_pid("<1000000.1.0>"),
    nothing();
%% Atoms are told once in the life of a connection; thousands share its 2048 places.
feature(cached_atoms, Peer) ->
    Echo = spawn(Peer, cluster_signals, echo, []),
    Atoms = [list_to_atom("cached " ++ integer_to_list(Number)) || Number <- lists:seq(1, 5000)],
    Long = [list_to_atom(lists:duplicate(255, 16#1f608 + Number)) || Number <- lists:seq(1, 3)],
    Large = binary:copy(<<7>>, 200000),
    Messages = [lists:sublist(Atoms, Start, Length) || {Start, Length} <- [{1, 1}, {1, 3}, {2, 1}, {1, 300}, {2040, 20}, {1, 5000}]]
        ++ [Long, {Large, lists:sublist(Atoms, 700, 400)}, {lists:sublist(Atoms, 4000, 100), Large, Long}],
    [Message = cluster:echoed(Echo, Message) || _ <- lists:seq(1, 5), Message <- Messages],
    Echo ! stop,
    nothing();
feature(reconnect, Peer) ->
    [begin
         erlang:disconnect_node(Peer),
         Echo = spawn(Peer, cluster_signals, echo, []),
         N = cluster:echoed(Echo, N),
         Echo ! stop
     end || N <- lists:seq(1, 30)],
    nothing();
feature(lost_relations, Peer) ->
    %% All that hangs on a connection comes to an end when the other node is killed.
    process_flag(trap_exit, true),
    {_, Node} = further([]),
    Pid = spawn_link(Node, ?MODULE, sleeper, []),
    {Pid2, Monitor2} = spawn_monitor(Node, ?MODULE, sleeper, []),
    Named = monitor(process, {kernel_sup, Node}),
    Forward = spawn(Peer, ?MODULE, forward, [self(), Node]),
    pong = on(Peer, net_adm, ping, [Node]),
    Request = erpc:send_request(Node, timer, sleep, [100000]),
    erpc:cast(Node, erlang, halt, []),
    receive {'EXIT', Pid, noconnection} -> ok after ?WAIT -> exit(no_exit) end,
    receive {'DOWN', Monitor2, process, Pid2, noconnection} -> ok after ?WAIT -> exit(no_down) end,
    receive {'DOWN', Named, process, {kernel_sup, Node}, noconnection} -> ok after ?WAIT -> exit(no_named_down) end,
    receive {Forward, {nodedown, Node}} -> ok after ?WAIT -> exit(no_nodedown) end,
    {error, {erpc, noconnection}} = cluster:tried(fun() -> erpc:receive_response(Request, ?WAIT) end),
    Late = monitor(process, Pid),
    receive {'DOWN', Late, process, Pid, noconnection} -> ok after ?WAIT -> exit(no_late_down) end,
    true = link(Pid),
    receive {'EXIT', Pid, noconnection} -> ok after ?WAIT -> exit(no_late_exit) end;
feature(node_monitors, Peer) ->
    ok = net_kernel:monitor_nodes(true),
    ok = net_kernel:monitor_nodes(true),
    true = erlang:disconnect_node(Peer),
    [{nodedown, Peer}, {nodedown, Peer}] = [receive_one(), receive_one()],
    until(fun() -> net_kernel:connect_node(Peer) end),
    [{nodeup, Peer}, {nodeup, Peer}] = [receive_one(), receive_one()],
    ok = net_kernel:monitor_nodes(false),
    true = erlang:disconnect_node(Peer),
    nothing();
feature(node_monitor_options, Peer) ->
    Collectors = [{Options, spawn_link(fun() -> ok = net_kernel:monitor_nodes(true, Options), collector([]) end)}
                  || Options <- [[], #{}, [nodedown_reason], [{node_type, all}], [{node_type, hidden}], [{node_type, visible}, nodedown_reason],
                                 #{node_type => all, nodedown_reason => true}, #{connection_id => true, nodedown_reason => true},
                                 [connection_id, {node_type, all}]]],
    [seen(Collector) || {_, Collector} <- Collectors],
    true = erlang:disconnect_node(Peer),
    until(fun() -> net_kernel:connect_node(Peer) end),
    {Far, Node} = further(["-hidden"]),
    true = net_kernel:connect_node(Node),
    until(fun() -> lists:member(Node, nodes(hidden)) end),
    peer:stop(Far),
    until(fun() -> not lists:member(Node, nodes(hidden)) end),
    timer:sleep(100),
    Plain = fun(#{connection_id := Id} = Map, List) when is_integer(Id) -> {Map#{connection_id := id}, List};
               (Info, _) when is_list(Info) ->
                    {lists:sort([case One of {connection_id, Id} when is_integer(Id) -> {connection_id, id}; _ -> One end || One <- Info]), x};
               (Info, _) -> {Info, x}
            end,
    Shown = fun({What, Which}) -> {What, shown_node(Which, Peer)};
               ({What, Which, Info}) -> {What, shown_node(Which, Peer), element(1, Plain(Info, x))}
            end,
    [begin
         io:format("  ~0tkp~n", [Options]),
         [io:format("    ~0tkp~n", [Shown(Message)]) || Message <- seen(Collector)]
     end || {Options, Collector} <- Collectors],
    [begin unlink(Collector), exit(Collector, kill) end || {_, Collector} <- Collectors],
    ok = net_kernel:monitor_nodes(true),
    ok = net_kernel:monitor_nodes(true, [nodedown_reason, {node_type, all}]),
    ok = net_kernel:monitor_nodes(true, #{connection_id => true}),
    erts_debug:set_internal_state(available_internal_state, true),
    Self = self(),
    Mine = lists:sort([Asked || {Pid, Asked} <- erts_debug:get_internal_state(monitoring_nodes), Pid =:= Self]),
    erts_debug:set_internal_state(available_internal_state, false),
    [[], [], [nodedown_reason, {node_type, all}]] = Mine,
    [error = element(1, net_kernel:monitor_nodes(true, Options)) || Options <- [bad, [bad], [{node_type, bad}], #{bad => 1}]],
    ok;
feature(no_connect, Peer) ->
    Echo = spawn(Peer, cluster_signals, echo, []),
    true = erlang:disconnect_node(Peer),
    noconnect = erlang:send(Echo, {self(), x}, [noconnect]),
    noconnect = erlang:send({rex, Peer}, x, [noconnect]),
    noconnect = erlang:send(Echo, {self(), x}, [nosuspend, noconnect]),
    [] = nodes(),
    nothing(),
    ok = erlang:send(Echo, {self(), y}, []),
    {Echo, y} = receive_one(),
    Echo ! stop;
feature(unknown_node, _) ->
    Nobody = named("nobody"),
    process_flag(trap_exit, true),
    {nobody, Nobody} ! x,
    Pid = spawn_link(Nobody, ?MODULE, sleeper, []),
    receive {'EXIT', Pid, noconnection} -> ok after ?WAIT -> exit(no_exit) end,
    Monitor = monitor(process, {x, Nobody}),
    receive {'DOWN', Monitor, process, {x, Nobody}, noconnection} -> ok after ?WAIT -> exit(no_down) end,
    {Pid2, Monitor2} = spawn_monitor(Nobody, ?MODULE, sleeper, []),
    receive {'DOWN', Monitor2, process, Pid2, noconnection} -> ok after ?WAIT -> exit(no_down) end,
    true = monitor_node(Nobody, true),
    receive {nodedown, Nobody} -> ok after ?WAIT -> exit(no_nodedown) end,
    false = net_kernel:connect_node(Nobody),
    false = net_kernel:connect_node('no_host_here'),
    true = net_kernel:connect_node(node()),
    {'EXIT', {{nodedown, Nobody}, _}} = (catch gen_server:call({x, Nobody}, y)),
    nothing();

%% --- names, locks, groups ------------------------------------------------------------------------------------------------

feature(global_names, Peer) ->
    ok = global:sync(),
    Mine = spawn(fun sleeper/0),
    yes = global:register_name(mine, Mine),
    Mine = on(Peer, global, whereis_name, [mine]),
    no = on(Peer, global, register_name, [mine, on(Peer, erlang, whereis, [init])]),
    Theirs = spawn(Peer, ?MODULE, collector, [[]]),
    yes = on(Peer, global, register_name, [theirs, Theirs]),
    Theirs = global:whereis_name(theirs),
    [mine, theirs] = [Name || Name <- lists:sort(global:registered_names()), lists:member(Name, [mine, theirs])],
    global:send(theirs, hello),
    [hello] = seen(Theirs),
    {'EXIT', {badarg, _}} = (catch global:send(nobody, hello)),
    yes = global:re_register_name(mine, Theirs),
    Theirs = on(Peer, global, whereis_name, [mine]),
    global:unregister_name(mine),
    undefined = on(Peer, global, whereis_name, [mine]),
    exit(Theirs, kill),
    until(fun() -> global:whereis_name(theirs) =:= undefined end),
    until(fun() -> on(Peer, global, whereis_name, [theirs]) =:= undefined end),
    {ok, Server} = gen_server:start({global, cluster_global}, cluster_server, 5, []),
    5 = on(Peer, gen_server, call, [{global, cluster_global}, get]),
    {error, {already_started, Server}} = on(Peer, gen_server, start, [{global, cluster_global}, cluster_server, 6, []]),
    5 = on(Peer, gen_server, call, [{via, global, cluster_global}, get]),
    ok = gen_server:stop(Server);
feature(global_locks, Peer) ->
    Nodes = [node(), Peer],
    true = global:set_lock({resource, self()}, Nodes),
    false = on(Peer, global, set_lock, [{resource, somebody}, Nodes, 0]),
    true = global:set_lock({resource, self()}, Nodes, 0),
    true = global:del_lock({resource, self()}, Nodes),
    true = global:del_lock({resource, self()}, Nodes),
    done = global:trans({resource, self()}, fun() -> false = on(Peer, global, set_lock, [{resource, other}, Nodes, 0]), done end, Nodes),
    aborted = global:trans({resource, self()},
                           fun() -> aborted = on(Peer, global, trans, [{resource, other}, fun() -> x end, Nodes, 0]) end, Nodes),
    %% A lock goes with its owner.
    Self = self(),
    Owner = spawn(fun() -> Self ! {locked, global:set_lock({resource, self()}, Nodes)}, receive stop -> ok end end),
    {locked, true} = receive_one(),
    false = global:set_lock({resource, self()}, Nodes, 0),
    Owner ! stop,
    until(fun() -> global:set_lock({resource, self()}, Nodes, 0) end),
    true = global:del_lock({resource, self()}, Nodes);
feature(global_exits, Peer) ->
    {Far, Node} = further([]),
    true = net_kernel:connect_node(Node),
    ok = global:sync(),
    ok = on(Node, global, sync, []),
    Pid = spawn(Node, ?MODULE, sleeper, []),
    yes = on(Node, global, register_name, [far_away, Pid]),
    Pid = global:whereis_name(far_away),
    until(fun() -> on(Peer, global, whereis_name, [far_away]) =:= Pid end),
    peer:stop(Far),
    until(fun() -> global:whereis_name(far_away) =:= undefined end),
    until(fun() -> on(Peer, global, whereis_name, [far_away]) =:= undefined end);
feature(global_conflict, _) ->
    %% Two nodes that do not know each other register the same name, and meet.
    {Far, Node} = further(["-connect_all", "false", "-kernel", "prevent_overlapping_partitions", "false"]),
    Mine = spawn(fun sleeper/0),
    Theirs = peer:call(Far, erlang, spawn, [?MODULE, sleeper, []]),
    peer:stop(Far),
    {Far2, Node2} = further([]),
    Theirs2 = peer:call(Far2, erlang, spawn, [?MODULE, sleeper, []]),
    yes = peer:call(Far2, global, register_name, [conflict, Theirs2, {?MODULE, resolve}]),
    yes = global:register_name(conflict, Mine, fun ?MODULE:resolve/3),
    true = net_kernel:connect_node(Node2),
    ok = global:sync(),
    until(fun() -> is_pid(global:whereis_name(conflict)) andalso
                       global:whereis_name(conflict) =:= peer:call(Far2, global, whereis_name, [conflict]) end),
    Lower = case node() < Node2 of true -> Mine; false -> Theirs2 end,
    until(fun() -> global:whereis_name(conflict) =:= Lower end),
    global:unregister_name(conflict),
    true = is_pid(Theirs) andalso is_atom(Node),
    peer:stop(Far2);
feature(pg_groups, Peer) ->
    {ok, _} = pg:start_link(cluster_scope),
    {ok, Scope} = on(Peer, pg, start, [cluster_scope]),
    Mine = spawn(fun sleeper/0),
    Theirs = spawn(Peer, ?MODULE, sleeper, []),
    ok = pg:join(cluster_scope, group, Mine),
    ok = on(Peer, pg, join, [cluster_scope, group, [Theirs, Theirs]]),
    until(fun() -> length(pg:get_members(cluster_scope, group)) =:= 3 end),
    until(fun() -> length(on(Peer, pg, get_members, [cluster_scope, group])) =:= 3 end),
    [Mine] = pg:get_local_members(cluster_scope, group),
    [Theirs, Theirs] = on(Peer, pg, get_local_members, [cluster_scope, group]),
    ok = on(Peer, pg, leave, [cluster_scope, group, Theirs]),
    until(fun() -> length(pg:get_members(cluster_scope, group)) =:= 2 end),
    exit(Theirs, kill),
    until(fun() -> pg:get_members(cluster_scope, group) =:= [Mine] end),
    [group] = pg:which_groups(cluster_scope),
    Again = spawn(Peer, ?MODULE, sleeper, []),
    ok = on(Peer, pg, join, [cluster_scope, other, Again]),
    until(fun() -> pg:get_members(cluster_scope, other) =:= [Again] end),
    erlang:disconnect_node(Peer),
    until(fun() -> pg:get_members(cluster_scope, other) =:= [] end),
    until(fun() -> net_kernel:connect_node(Peer) end),
    until(fun() -> pg:get_members(cluster_scope, other) =:= [Again] end),
    until(fun() -> on(Peer, pg, get_members, [cluster_scope, group]) =:= [Mine] end),
    exit(Scope, shutdown);
feature(pg_monitor, Peer) ->
    {ok, _} = pg:start_link(cluster_watched),
    {ok, Scope} = on(Peer, pg, start, [cluster_watched]),
    {Reference, #{}} = pg:monitor_scope(cluster_watched),
    Pid = spawn(Peer, ?MODULE, sleeper, []),
    ok = on(Peer, pg, join, [cluster_watched, group, Pid]),
    {Reference, join, group, [Pid]} = receive_one(),
    {Group, [Pid]} = pg:monitor(cluster_watched, group),
    exit(Pid, kill),
    [{Reference, leave, group, [Pid]}, {Group, leave, group, [Pid]}] =
        lists:sort(fun(A, _) -> element(1, A) =:= Reference end, [receive_one(), receive_one()]),
    exit(Scope, shutdown);
feature(net_adm, Peer) ->
    {ok, Names} = net_adm:names(),
    [Short | _] = string:split(atom_to_list(Peer), "@"),
    {_, Port} = lists:keyfind(Short, 1, Names),
    true = is_integer(Port),
    true = list_to_atom(net_adm:localhost()) =/= '',
    {error, _} = net_adm:names("no.such.host.invalid"),
    pong = on(Peer, net_adm, ping, [node()]),
    {ok, Info} = net_kernel:nodes_info(),
    [Peer] = [Node || {Node, _} <- Info, Node =:= Peer],
    {ok, Facts} = net_kernel:node_info(Peer),
    [[up], [normal]] = [[proplists:get_value(Key, Facts)] || Key <- [state, type]],
    [Here, Host] = string:split(atom_to_list(node()), "@"),
    {port, _, 6} = erl_epmd:port_please(Here, Host),
    noport = erl_epmd:port_please("nobody", Host);

%% --- kinds of nodes ------------------------------------------------------------------------------------------------------

feature(hidden, Peer) ->
    {Far, Node} = further(["-hidden"]),
    pong = net_adm:ping(Node),
    [Node] = nodes(hidden),
    false = lists:member(Node, nodes()),
    true = lists:member(Node, nodes(connected)),
    [] = peer:call(Far, erlang, nodes, []),
    Here = node(),
    [Here] = peer:call(Far, erlang, nodes, [hidden]),
    false = lists:member(Node, on(Peer, erlang, nodes, [known])),
    {ok, hidden} = net_kernel:node_info(Node, type),
    Node = on(Node, erlang, node, []),
    undefined = on(Node, global, whereis_name, [x]),
    peer:stop(Far);
feature(no_connect_all, Peer) ->
    {Far, Node} = further(["-connect_all", "false"]),
    pong = peer:call(Far, net_adm, ping, [Peer]),
    until(fun() -> lists:member(Node, on(Peer, erlang, nodes, [])) end),
    timer:sleep(300),
    [Peer] = peer:call(Far, erlang, nodes, []),
    {Far2, Node2} = further([]),
    pong = peer:call(Far2, net_adm, ping, [Peer]),
    Here = node(),
    until(fun() -> lists:sort(peer:call(Far2, erlang, nodes, [])) =:= lists:sort([Here, Peer]) orelse
                       lists:sort(peer:call(Far2, erlang, nodes, [])) =:= lists:sort([Here, Node, Peer]) end),
    true = lists:member(Node2, nodes()),
    peer:stop(Far),
    peer:stop(Far2);
feature(cookies, Peer) ->
    {Far, Node} = further(["-setcookie", "another"]),
    pang = net_adm:ping(Node),
    pang = peer:call(Far, net_adm, ping, [node()]),
    Cookie = erlang:get_cookie(),
    true = erlang:set_cookie(Node, another),
    another = erlang:get_cookie(Node),
    pong = net_adm:ping(Node),
    true = erlang:disconnect_node(Node),
    Cookie = erlang:get_cookie(),
    true = peer:call(Far, erlang, set_cookie, [Cookie]),
    true = erlang:set_cookie(Node, Cookie),
    pong = peer:call(Far, net_adm, ping, [Peer]),
    {'EXIT', {badarg, _}} = (catch erlang:set_cookie(1, x)),
    peer:stop(Far);
feature(restart, Peer) ->
    Name = fresh("again"),
    {Far, Node} = further([], #{name => Name}),
    Old = spawn(Node, cluster_signals, echo, []),
    Reference = on(Node, erlang, make_ref, []),
    x = cluster:echoed(Old, x),
    peer:stop(Far),
    {Far2, Node} = further([], #{name => Name}),
    pong = net_adm:ping(Node),
    noproc = down(Old),
    false = Reference =:= on(Node, erlang, make_ref, []),
    Old ! {self(), lost},
    New = spawn(Node, cluster_signals, echo, []),
    y = cluster:echoed(New, y),
    false = New =:= Old,
    true = Old =:= cluster:echoed(spawn(Peer, cluster_signals, echo, []), Old),
    process_flag(trap_exit, true),
    link(Old),
    {'EXIT', Old, noproc} = receive_one(),
    exit(Old, kill),
    z = cluster:echoed(New, z),
    unlink(Far2),
    peer:stop(Far2);
feature(stop_and_start, Peer) ->
    %% A node without a name gets one, loses it, and gets another.
    {ok, Far, nonode@nohost} = started(peer:start_link(#{connection => standard_io, args => ["-pa", filename:dirname(code:which(?MODULE))]})),
    {error, not_found} = peer:call(Far, net_kernel, stop, []),
    false = peer:call(Far, erlang, is_alive, []),
    [] = peer:call(Far, erlang, nodes, []),
    ignored = peer:call(Far, net_kernel, connect_node, [Peer]),
    First = fresh("first"),
    {ok, _} = peer:call(Far, net_kernel, start, [[First, shortnames]]),
    true = peer:call(Far, erlang, set_cookie, [erlang:get_cookie()]),
    FirstNode = named(atom_to_list(First)),
    FirstNode = peer:call(Far, erlang, node, []),
    {error, {already_started, _}} = peer:call(Far, net_kernel, start, [fresh("second"), #{name_domain => shortnames}]),
    pong = net_adm:ping(FirstNode),
    Pid = spawn(FirstNode, ?MODULE, sleeper, []),
    Monitor = monitor(process, Pid),
    ok = peer:call(Far, net_kernel, stop, []),
    {'DOWN', Monitor, process, Pid, noconnection} = receive_one(),
    nonode@nohost = peer:call(Far, erlang, node, []),
    pang = net_adm:ping(FirstNode),
    Second = fresh("second"),
    {ok, _} = peer:call(Far, net_kernel, start, [Second, #{name_domain => shortnames, net_ticktime => 30, hidden => true}]),
    SecondNode = named(atom_to_list(Second)),
    true = peer:call(Far, erlang, set_cookie, [erlang:get_cookie()]),
    pong = net_adm:ping(SecondNode),
    true = lists:member(SecondNode, nodes(hidden)),
    30 = peer:call(Far, net_kernel, get_net_ticktime, []),
    #{started := dynamic, name_type := static, name_domain := shortnames, name := SecondNode} = peer:call(Far, net_kernel, get_state, []),
    peer:stop(Far);
feature(new_names, Peer) ->
    #{started := static, name_type := static} = net_kernel:get_state(),
    {error, not_allowed} = net_kernel:stop(),
    %% A name that the other node gives.
    {ok, Far, _} = started(peer:start_link(#{connection => standard_io, args => ["-setcookie", atom_to_list(erlang:get_cookie())]})),
    {ok, _} = peer:call(Far, net_kernel, start, [undefined, #{name_domain => shortnames}]),
    nonode@nohost = peer:call(Far, erlang, node, []),
    true = peer:call(Far, net_kernel, connect_node, [Peer]),
    Given = peer:call(Far, erlang, node, []),
    true = lists:member(Given, on(Peer, erlang, nodes, [connected])),
    #{name_type := dynamic} = peer:call(Far, net_kernel, get_state, []),
    Given = rpc:call(Peer, rpc, call, [Given, erlang, node, []]),
    peer:stop(Far);

%% --- nodes that do not listen --------------------------------------------------------------------------------------------

feature(busy, _) ->
    {Far, Node} = further([]),
    pong = net_adm:ping(Node),
    Counter = spawn(Node, ?MODULE, counter, [0]),
    Id = on(Node, os, getpid, []),
    Self = self(),
    Watcher = spawn_link(fun() -> erlang:system_monitor(self(), [busy_dist_port]), Self ! watching, collector([]) end),
    watching = receive_one(),
    os:cmd("kill -STOP " ++ Id),
    Data = binary:copy(<<1>>, 100000),
    %% It asks for the count itself: what somebody else sends may come before its last messages.
    Sender = spawn_link(fun() ->
                            [Counter ! {data, Data} || _ <- lists:seq(1, 300)],
                            Counter ! {count, Self},
                            Self ! {sent, self()}
                        end),
    until(fun() -> process_info(Sender, status) =:= {status, suspended} end),
    Suspended = fun() -> [ok || {monitor, Pid, busy_dist_port, _} <- seen(Watcher), Pid =:= Sender] =/= [] end,
    until(Suspended),
    nosuspend = erlang:send(Counter, {data, Data}, [nosuspend]),
    nosuspend = erlang:send({rex, Node}, x, [nosuspend]),
    false = erlang:send_nosuspend(Counter, {data, Data}),
    nothing(),
    os:cmd("kill -CONT " ++ Id),
    true = lists:sort([{sent, Sender}, {Counter, 300}]) =:= lists:sort([receive_one(), receive_one()]),
    ok = erlang:send(Counter, {data, Data}, [nosuspend]),
    unlink(Watcher),
    exit(Watcher, kill),
    peer:stop(Far);
feature(busy_options, _) ->
    %% Who waits for a busy node can be killed, sends without waiting if it wants, and is let go when the node is gone.
    {Far, Node} = further([]),
    pong = net_adm:ping(Node),
    Counter = spawn(Node, ?MODULE, counter, [0]),
    Id = on(Node, os, getpid, []),
    os:cmd("kill -STOP " ++ Id),
    Data = binary:copy(<<1>>, 100000),
    Flood = fun() -> [Counter ! {data, Data} || _ <- lists:seq(1, 300)] end,
    {Killed, Monitor} = spawn_monitor(Flood),
    {Freed, Monitor2} = spawn_monitor(Flood),
    until(fun() -> process_info(Killed, status) =:= {status, suspended} andalso process_info(Freed, status) =:= {status, suspended} end),
    exit(Killed, kill),
    {'DOWN', Monitor, process, Killed, killed} = receive_one(),
    {Async, Monitor3} = spawn_monitor(fun() -> process_flag(async_dist, true), [Counter ! {data, x} || _ <- lists:seq(1, 1000)] end),
    {'DOWN', Monitor3, process, Async, normal} = receive_one(),
    {Other, Monitor4} = spawn_monitor(fun() -> exit(Counter, nothing), link(Counter), unlink(Counter) end),
    timer:sleep(100),
    unlink(Far),
    os:cmd("kill -KILL " ++ Id),
    [{'DOWN', Monitor2, process, Freed, normal}, {'DOWN', Monitor4, process, Other, _}] =
        lists:sort(fun(A, _) -> element(2, A) =:= Monitor2 end, [receive_one(), receive_one()]);
feature(ticks, _) ->
    %% Quiet connections stay: their ends tick.
    Arguments = ["-kernel", "net_ticktime", "2", "-hidden"],
    {Far, _} = further(Arguments),
    {Far2, Node2} = further(Arguments),
    true = peer:call(Far, net_kernel, connect_node, [Node2]),
    Collector = peer:call(Far, erlang, spawn, [?MODULE, watch_reasons, []]),
    timer:sleep(6000),
    [Node2] = peer:call(Far, erlang, nodes, [connected]),
    [] = peer:call(Far, ?MODULE, seen, [Collector]),
    peer:stop(Far2),
    same(fun() -> peer:call(Far, ?MODULE, seen, [Collector]) end, [{nodedown, Node2, [{nodedown_reason, connection_closed}, {node_type, hidden}]}]),
    peer:stop(Far);
feature(tick_kill, _) ->
    %% One that hangs is disconnected.
    Arguments = ["-kernel", "net_ticktime", "2", "-hidden"],
    {Far, _} = further(Arguments),
    {Far2, Node2} = further(Arguments),
    true = peer:call(Far, net_kernel, connect_node, [Node2]),
    Collector = peer:call(Far, erlang, spawn, [?MODULE, watch_reasons, []]),
    Id = peer:call(Far2, os, getpid, []),
    os:cmd("kill -STOP " ++ Id),
    same(fun() -> peer:call(Far, ?MODULE, seen, [Collector]) end, [{nodedown, Node2, [{nodedown_reason, net_tick_timeout}, {node_type, hidden}]}]),
    os:cmd("kill -CONT " ++ Id),
    until(fun() -> peer:call(Far, net_adm, ping, [Node2]) =:= pong end),
    peer:stop(Far2),
    peer:stop(Far);
feature(pending_signals, Peer) ->
    %% What is sent while a connection is being made waits for it, in order.
    Collector = spawn(Peer, ?MODULE, collector, [[]]),
    [begin
         erlang:disconnect_node(Peer),
         [Collector ! {Round, N} || N <- lists:seq(1, 100)],
         link(Collector),
         unlink(Collector),
         wait_seen(Collector, {Round, 100})
     end || Round <- lists:seq(1, 5)],
    true = seen(Collector) =:= [{Round, N} || Round <- lists:seq(1, 5), N <- lists:seq(1, 100)],
    exit(Collector, kill);
feature(controllers, Peer) ->
    %% Who carries the signals, as both ends see it.
    [begin
         {Other, Port} = lists:keyfind(Other, 1, on(Node, erlang, system_info, [dist_ctrl])),
         true = is_port(Port) orelse is_pid(Port),
         on(Node, erts_debug, set_internal_state, [available_internal_state, true]),
         Port = on(Node, erts_debug, get_internal_state, [{dist_ctrl, Other}]),
         undefined = on(Node, erts_debug, get_internal_state, [{dist_ctrl, nobody@nowhere}]),
         {{node_references, [_ | _]}, {dist_references, [_ | _]}} = on(Node, erts_debug, get_internal_state, [node_and_dist_references])
     end || {Node, Other} <- [{node(), Peer}, {Peer, node()}]];
feature(foreign_sender, Peer) ->
    %% Who sends to a name may be a process of any node.
    Collector = spawn(Peer, ?MODULE, collector, [[]]),
    true = on(Peer, erlang, register, [named_collector, Collector]),
    {Socket, _} = cluster_hostile:connect(Peer),
    [<<131, Control/binary>>, <<131, Message/binary>>] = [term_to_binary(Term) || Term <- [{6, self(), '', named_collector}, hello]],
    ok = gen_tcp:send(Socket, framed4(<<131, 68, 0, Control/binary, Message/binary>>)),
    wait_seen(Collector, hello),
    gen_tcp:close(Socket),
    exit(Collector, kill);
feature(blocked, Peer) ->
    %% A node whose threads stand still answers afterwards.
    on(Peer, erts_debug, set_internal_state, [available_internal_state, true]),
    erpc:cast(Peer, erts_debug, set_internal_state, [block, 1000]),
    timer:sleep(200),
    {error, {erpc, timeout}} = cluster:tried(fun() -> erpc:call(Peer, erlang, node, [], 200) end),
    Peer = on(Peer, erlang, node, []);
feature(hostile_handshakes, Peer) ->
    [Short | _] = string:split(atom_to_list(Peer), "@"),
    {port, Port, _} = erl_epmd:port_please(Short, host()),
    Name = <<"hostile@", (list_to_binary(host()))/binary>>,
    Flags = 16#d07df7fbd,
    Greeting = <<$N, Flags:64, 77:32, (byte_size(Name)):16, Name/binary>>,
    Pieces = [<<>>, <<0>>, <<0, 0>>, <<255, 255>>, <<0, 1, $N>>, <<0, 5, "Nabcd">>, <<0, 3, "xyz">>, binary:copy(<<255>>, 100000),
              <<"GET / HTTP/1.0\r\n\r\n">>, <<0, 9, $N, Flags:64>>, framed(<<$N, 0:64, 77:32, 3:16, "a@b">>),
              framed(<<$N, Flags:64, 77:32, 60000:16, "a@b">>), framed(<<$N, Flags:64, 77:32, 2:16, 255, 255>>),
              framed(<<$n, 5:16, Flags:32, "old@", (list_to_binary(host()))/binary>>), framed(Greeting),
              [framed(Greeting), framed(<<$r, 0:32, 0:128>>)], [framed(Greeting), framed(<<"junk">>)],
              [framed(Greeting), framed(<<$r, 1>>)], [framed(Greeting), framed(crypto:strong_rand_bytes(60000))]],
    [begin
         {ok, Socket} = gen_tcp:connect("127.0.0.1", Port, [binary, {active, false}]),
         [gen_tcp:send(Socket, Piece) || Piece <- if is_list(Parts) -> Parts; true -> [Parts] end],
         timer:sleep(10),
         gen_tcp:close(Socket)
     end || Parts <- Pieces],
    pong = net_adm:ping(Peer),
    Here = node(),
    [Here] = on(Peer, erlang, nodes, [connected]);
feature(hostile_packets, Peer) ->
    %% A node that knows the cookie and then sends what is no packet: it is disconnected, nothing else happens.
    Victim = spawn(Peer, ?MODULE, sleeper, []),
    Collector = spawn(Peer, ?MODULE, collector, [[]]),
    true = on(Peer, erlang, register, [hostile_collector, Collector]),
    Processes = length(on(Peer, erlang, processes, [])),
    %% What the peer has to say to a hostile node that is gone shall not make it look for that node's host: where names are asked of
    %% a server that does not answer, its net_kernel accepts nobody meanwhile.
    ok = on(Peer, application, set_env, [kernel, dist_auto_connect, never]),
    [begin
         {Socket, Leader} = cluster_hostile:connect(Peer),
         ok = gen_tcp:send(Socket, [framed4(Packet) || Packet <- Packets]),
         case gen_tcp:recv(Socket, 0, 5000) of
             {error, closed} -> ok;
             {error, econnreset} -> ok;
             {ok, More} -> closed(Socket, {Index, More});
             Other -> exit({not_closed, Index, Other})
         end,
         true = is_atom(Leader)
     end || {Index, Packets} <- lists:enumerate(cluster_hostile:packets(Victim, Collector))],
    ok = on(Peer, application, unset_env, [kernel, dist_auto_connect]),
    pong = net_adm:ping(Peer),
    until(fun() -> on(Peer, erlang, nodes, [connected]) =:= [node()] end),
    undefined = on(Peer, erlang, whereis, [hostile_spawned]),
    %% No process is left of each; a few of the node's own may have started meanwhile.
    until(fun() -> length(on(Peer, erlang, processes, [])) =< Processes + 5 end),
    true = is_list(on(Peer, erlang, process_info, [Victim])),
    [] = seen(Collector),
    exit(Victim, kill),
    exit(Collector, kill).

closed(Socket, What) ->
    case gen_tcp:recv(Socket, 0, 5000) of
        {ok, _} -> closed(Socket, What);
        {error, timeout} -> exit({not_closed, What});
        {error, _} -> ok
    end.

framed(Bytes) -> <<(byte_size(Bytes)):16, Bytes/binary>>.
framed4(Bytes) -> <<(iolist_size(Bytes)):32, (iolist_to_binary(Bytes))/binary>>.

started({ok, Far}) -> {ok, Far, nonode@nohost};
started({ok, Far, Node}) -> {ok, Far, Node}.

shown_node(Peer, Peer) -> peer;
shown_node(_, _) -> further.

watch_reasons() -> ok = net_kernel:monitor_nodes(true, [nodedown_reason, {node_type, all}]), collector([]).
resolve(_, Pid1, Pid2) -> case node(Pid1) < node(Pid2) of true -> Pid1; false -> Pid2 end.

same(Fun, Expected) ->
    try until(fun() -> Fun() =:= Expected end) catch exit:never -> exit({never_same, Fun(), Expected}) end.
