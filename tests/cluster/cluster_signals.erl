%% Terms, signals and calls between two nodes.
-module(cluster_signals).
-export([features/0, feature/2]).
%% What runs on the other node.
-export([echo/0, call_me/1, sleeper/0, forever/0, killer/1, die/1, count_messages/2, sender/3, local_fun/1, try_apply/1, square/1]).
-import(cluster, [echoed/2, receive_one/0, nothing/0, down/1, until/1, on/4, named/1, tried/1]).

-define(WAIT, 20000).

features() ->
    [names, terms, large_terms, funs, sends, registered, order, links, link_exits, unlinks, exits, monitors, monitor_names,
     demonitors, spawns, spawn_monitors, spawn_options, spawn_requests, spawn_abandon, aliases, group_leaders, rpc, erpc, erpc_many,
     behaviours, bad_arguments, fragments, fragment_exits, atoms, async, trace_token, code_loading, external_terms].

echo() -> receive {From, Term} -> From ! {self(), Term}, echo(); stop -> ok end.
call_me(From) -> From ! {self(), node()}, receive after infinity -> ok end.
sleeper() -> receive after infinity -> ok end.
forever() -> receive stop -> ok end.
killer(Reason) -> receive go -> exit(Reason) end.
die(Reason) -> exit(Reason).
count_messages(From, Count) -> [receive {number, N} -> ok end || N <- lists:seq(1, Count)], From ! {self(), counted}.
sender(To, Count, Payload) -> [To ! {self(), N, Payload} || N <- lists:seq(1, Count)], ok.
local_fun(X) -> fun(Y) -> {X, Y, node()} end.
try_apply(Fun) -> catch Fun().
square(N) -> N * N.

parse(Text) ->
    {ok, Tokens, _} = erl_scan:string(Text),
    {Forms, []} = lists:foldl(fun({dot, _} = Dot, {Done, Open}) ->
                                      {ok, Form} = erl_parse:parse_form(lists:reverse([Dot | Open])),
                                      {[Form | Done], []};
                                 (Token, {Done, Open}) -> {Done, [Token | Open]}
                              end, {[], []}, Tokens),
    {ok, lists:reverse(Forms)}.

%% --- terms and messages --------------------------------------------------------------------------------------------------

feature(names, Peer) ->
    pong = net_adm:ping(Peer),
    pang = net_adm:ping(named("nobody")),
    [Peer] = nodes(),
    [Peer] = nodes(connected),
    true = lists:member(Peer, nodes(known)),
    [] = nodes(hidden),
    [{Peer, #{node_type := visible, connection_id := Id}}] = nodes(visible, #{node_type => true, connection_id => true}),
    true = is_integer(Id),
    Peer = on(Peer, erlang, node, []),
    Nodes = on(Peer, erlang, nodes, []),
    Nodes = [node()],
    true = is_alive(),
    Peer = node(on(Peer, erlang, whereis, [init])),
    {ok, up} = net_kernel:node_info(Peer, state),
    {ok, normal} = net_kernel:node_info(Peer, type);
feature(terms, Peer) ->
    Echo = spawn(Peer, ?MODULE, echo, []),
    Port = hd(erlang:ports()),
    Terms = [0, 1, -1, 255, 256, 1 bsl 27, -(1 bsl 27), 1 bsl 59, 1 bsl 60, 1 bsl 64, -(1 bsl 64), 1 bsl 3000, 0.0, -0.0, 1.5e300,
             [], [1], "text", [a | b], lists:seq(1, 300), lists:duplicate(70000, $x), {}, {1}, list_to_tuple(lists:seq(1, 300)),
             <<>>, <<1>>, <<1:1>>, <<5:3>>, binary:copy(<<"b">>, 65), binary:copy(<<"b">>, 100000), #{}, #{a => 1},
             maps:from_list([{N, N * N} || N <- lists:seq(1, 100)]), a, true, 'äöü', '日本語', '', list_to_atom(lists:duplicate(255, $n)),
             self(), Echo, make_ref(), Port, on(Peer, erlang, make_ref, []), hd(on(Peer, erlang, ports, [])),
             whereis(init), on(Peer, erlang, whereis, [init]), alias(), fun lists:map/2, fun ?MODULE:nobody/7,
             [#{self() => {Port, [Echo]}}]],
    [case echoed(Echo, Term) of
         Back when Back =:= Term -> ok;
         Back -> exit({changed, Term, Back})
     end || Term <- Terms],
    Echo ! stop;
feature(large_terms, Peer) ->
    Echo = spawn(Peer, ?MODULE, echo, []),
    [begin
         Term = {Size, crypto:strong_rand_bytes(Size), lists:seq(1, Size div 100)},
         Term = echoed(Echo, Term)
     end || Size <- [65000, 65536, 70000, 131072, 1000000, 5000000]],
    Deep = lists:foldl(fun(_, Inner) -> {Inner} end, nil, lists:seq(1, 200000)),
    true = echoed(Echo, Deep) =:= Deep;
feature(funs, Peer) ->
    {1, 2, Peer} = on(Peer, erlang, apply, [local_fun(1), [2]]),
    Theirs = on(Peer, ?MODULE, local_fun, [3]),
    {3, 4, Node} = Theirs(4),
    Node = node(),
    true = Theirs =:= local_fun(3),
    Echo = spawn(Peer, ?MODULE, echo, []),
    Mine = local_fun({self(), "environment"}),
    true = Mine =:= echoed(Echo, Mine),
    %% A fun of a module that the other node does not have.
    Code = "-module(cluster_only_here).\n-export([f/1]).\nf(X) -> fun() -> X end.\n",
    {ok, Forms} = parse(Code),
    {ok, cluster_only_here, Binary} = compile:forms(Forms),
    {module, _} = code:load_binary(cluster_only_here, "cluster_only_here.beam", Binary),
    Foreign = cluster_only_here:f(9),
    true = Foreign =:= echoed(Echo, Foreign),
    {'EXIT', {undef, [{Foreign, [], []} | _]}} = on(Peer, ?MODULE, try_apply, [Foreign]);
feature(sends, Peer) ->
    Self = self(),
    Pid = spawn(Peer, ?MODULE, call_me, [Self]),
    {Pid, Peer} = receive_one(),
    Echo = spawn(Peer, ?MODULE, echo, []),
    x = echoed(Echo, x),
    ok = erlang:send(Echo, {Self, one}, []),
    {Echo, one} = receive_one(),
    ok = erlang:send(Echo, {Self, two}, [nosuspend, noconnect]),
    {Echo, two} = receive_one(),
    true = erlang:send_nosuspend(Echo, {Self, three}),
    {Echo, three} = receive_one(),
    true = erlang:send_nosuspend(Echo, {Self, four}, [noconnect]),
    {Echo, four} = receive_one(),
    erlang:send_after(10, Self, local),
    local = receive_one(),
    {'EXIT', {badarg, _}} = (catch erlang:send_after(10, Echo, remote)),
    {nobody, Peer} ! dropped,
    nothing();
feature(registered, Peer) ->
    Echo = spawn(Peer, ?MODULE, echo, []),
    true = on(Peer, erlang, register, [cluster_echo, Echo]),
    {cluster_echo, Peer} ! {self(), by_name},
    {Echo, by_name} = receive_one(),
    ok = erlang:send({cluster_echo, Peer}, {self(), again}, [noconnect]),
    {Echo, again} = receive_one(),
    {'EXIT', {badarg, _}} = (catch register(cluster_echo, Echo)),
    {cluster_echo, node()} ! nobody_here,
    Echo ! stop,
    noproc = begin down(Echo), down({cluster_echo, Peer}) end;
feature(order, Peer) ->
    Counters = [spawn(Peer, ?MODULE, count_messages, [self(), 20000]) || _ <- [1, 2]],
    [[Counter ! {number, N} || Counter <- Counters] || N <- lists:seq(1, 20000)],
    [receive {Counter, counted} -> ok after ?WAIT -> exit(lost) end || Counter <- Counters],
    Sender = spawn(Peer, ?MODULE, sender, [self(), 20000, <<0:800>>]),
    [receive {Sender, N, <<0:800>>} -> ok after ?WAIT -> exit({lost, N}) end || N <- lists:seq(1, 20000)],
    nothing();

%% --- links, exits, monitors ----------------------------------------------------------------------------------------------

feature(links, Peer) ->
    process_flag(trap_exit, true),
    Pid = spawn(Peer, ?MODULE, killer, [{reason, [1, self()]}]),
    true = link(Pid),
    {links, Links} = process_info(self(), links),
    true = lists:member(Pid, Links),
    true = lists:member(self(), element(2, on(Peer, erlang, process_info, [Pid, links]))),
    Self = self(),
    Pid ! go,
    {'EXIT', Pid, {reason, [1, Self]}} = receive_one(),
    true = link(Pid),
    {'EXIT', Pid, noproc} = receive_one(),
    Other = spawn_link(Peer, ?MODULE, die, [normal]),
    {'EXIT', Other, normal} = receive_one(),
    {links, []} = process_info(self(), links),
    nothing();
feature(link_exits, Peer) ->
    %% The near end's exit ends the far end.
    Far = spawn(Peer, ?MODULE, sleeper, []),
    Near = spawn(fun() -> link(Far), receive Reason -> exit(Reason) end end),
    Monitor = monitor(process, Far),
    Near ! {out_of, here},
    receive {'DOWN', Monitor, process, Far, {out_of, here}} -> ok after ?WAIT -> exit(no_exit) end,
    Far2 = spawn(Peer, ?MODULE, forever, []),
    Near2 = spawn(fun() -> link(Far2), receive Reason -> exit(Reason) end end),
    Near2 ! normal,
    Monitor2 = monitor(process, Far2),
    receive {'DOWN', Monitor2, _, _, Unexpected} -> exit({ended, Unexpected}) after 200 -> ok end,
    exit(Far2, kill),
    receive {'DOWN', Monitor2, process, Far2, killed} -> ok after ?WAIT -> exit(no_kill) end;
feature(unlinks, Peer) ->
    process_flag(trap_exit, true),
    [begin
         Pid = spawn_link(Peer, ?MODULE, killer, [gone]),
         true = unlink(Pid),
         true = link(Pid),
         true = unlink(Pid),
         Pid ! go,
         down(Pid)
     end || _ <- lists:seq(1, 50)],
    nothing();
feature(exits, Peer) ->
    process_flag(trap_exit, true),
    Pid = spawn_link(Peer, ?MODULE, sleeper, []),
    true = exit(Pid, normal),
    nothing(),
    true = exit(Pid, [some, "reason"]),
    {'EXIT', Pid, [some, "reason"]} = receive_one(),
    Self = self(),
    Killer = spawn(Peer, erlang, exit, [Self, from_afar]),
    {'EXIT', Killer, from_afar} = receive_one(),
    true = exit(Pid, nobody),
    nothing();
feature(monitors, Peer) ->
    Pid = spawn(Peer, ?MODULE, killer, [{why, <<1>>}]),
    Monitor = monitor(process, Pid),
    {monitors, [{process, Pid}]} = process_info(self(), monitors),
    true = {monitored_by, [self()]} =:= on(Peer, erlang, process_info, [Pid, monitored_by]),
    Pid ! go,
    {'DOWN', Monitor, process, Pid, {why, <<1>>}} = receive_one(),
    Late = monitor(process, Pid),
    {'DOWN', Late, process, Pid, noproc} = receive_one(),
    Tagged = monitor(process, Pid, [{tag, {tag, [1]}}]),
    {{tag, [1]}, Tagged, process, Pid, noproc} = receive_one(),
    nothing();
feature(monitor_names, Peer) ->
    Pid = spawn(Peer, ?MODULE, killer, [because]),
    true = on(Peer, erlang, register, [cluster_named, Pid]),
    Monitor = monitor(process, {cluster_named, Peer}),
    {monitors, [{process, {cluster_named, Peer}}]} = process_info(self(), monitors),
    Pid ! go,
    {'DOWN', Monitor, process, {cluster_named, Peer}, because} = receive_one(),
    None = monitor(process, {cluster_named, Peer}),
    {'DOWN', None, process, {cluster_named, Peer}, noproc} = receive_one();
%% So often, since what is asked of a process in the moment of its end must be answered as well.
feature(demonitors, Peer) ->
    [begin
         Pid = spawn(Peer, ?MODULE, killer, [because]),
         Monitor = monitor(process, Pid),
         true = demonitor(Monitor),
         Pid ! go,
         down(Pid),
         true = demonitor(Monitor, [flush]),
         false = demonitor(Monitor, [info])
     end || _ <- lists:seq(1, 1000)],
    nothing();

%% --- spawning ------------------------------------------------------------------------------------------------------------

feature(spawns, Peer) ->
    Self = self(),
    Pid = spawn(Peer, fun() -> Self ! {self(), node(), group_leader()} end),
    Leader = group_leader(),
    {Pid, Peer, Leader} = receive_one(),
    Peer = node(Pid),
    process_flag(trap_exit, true),
    Linked = spawn_link(Peer, fun() -> exit(linked) end),
    {'EXIT', Linked, linked} = receive_one(),
    Undef = spawn_link(Peer, no_such_module, f, [1]),
    {'EXIT', Undef, {undef, [{no_such_module, f, [1], []} | _]}} = receive_one();
feature(spawn_monitors, Peer) ->
    {Pid, Monitor} = spawn_monitor(Peer, ?MODULE, die, [ending]),
    {'DOWN', Monitor, process, Pid, ending} = receive_one(),
    {Pid2, Monitor2} = spawn_monitor(Peer, fun() -> exit({fun_ended, node()}) end),
    {'DOWN', Monitor2, process, Pid2, {fun_ended, Peer}} = receive_one();
feature(spawn_options, Peer) ->
    Self = self(),
    {Pid, Monitor} = spawn_opt(Peer, ?MODULE, call_me, [Self], [monitor, {priority, high}, {min_heap_size, 5000}, {fullsweep_after, 7},
                                                              {message_queue_data, off_heap}]),
    {Pid, Peer} = receive_one(),
    [{priority, high}, {message_queue_data, off_heap}] = on(Peer, erlang, process_info, [Pid, [priority, message_queue_data]]),
    {garbage_collection, Collection} = on(Peer, erlang, process_info, [Pid, garbage_collection]),
    7 = proplists:get_value(fullsweep_after, Collection),
    exit(Pid, stop),
    {'DOWN', Monitor, process, Pid, stop} = receive_one(),
    {Pid2, Monitor2} = spawn_opt(Peer, fun() -> exit(tagged) end, [{monitor, [{tag, my_tag}]}]),
    {my_tag, Monitor2, process, Pid2, tagged} = receive_one(),
    {'EXIT', {badarg, _}} = (catch spawn_opt(Peer, ?MODULE, sleeper, [], [bad_option])),
    {'EXIT', {badarg, _}} = (catch spawn_opt(Peer, ?MODULE, sleeper, [], [{priority, nonsense}]));
feature(spawn_requests, Peer) ->
    Request = spawn_request(Peer, ?MODULE, die, [r], [monitor]),
    {spawn_reply, Request, ok, Pid} = receive_one(),
    {'DOWN', Request, process, Pid, r} = receive_one(),
    Tagged = spawn_request(Peer, ?MODULE, die, [r], [{reply_tag, {my, tag}}]),
    {{my, tag}, Tagged, ok, Pid2} = receive_one(),
    Peer = node(Pid2),
    _ = spawn_request(Peer, ?MODULE, die, [r], [{reply, no}]),
    _ = spawn_request(Peer, ?MODULE, die, [r], [{reply, error_only}]),
    nothing(),
    Bad = spawn_request(Peer, ?MODULE, die, [r], [bad]),
    {spawn_reply, Bad, error, badopt} = receive_one(),
    Fun = spawn_request(Peer, fun() -> ok end, [link]),
    process_flag(trap_exit, true),
    {spawn_reply, Fun, ok, Pid3} = receive_one(),
    {'EXIT', Pid3, normal} = receive_one(),
    Nowhere = spawn_request(named("nobody"), ?MODULE, die, [r], [monitor, link]),
    {spawn_reply, Nowhere, error, noconnection} = receive_one(),
    nothing();
feature(spawn_abandon, Peer) ->
    process_flag(trap_exit, true),
    [begin
         Request = spawn_request(Peer, ?MODULE, sleeper, [], [link, {reply_tag, Tag}]),
         case spawn_request_abandon(Request) of
             true -> ok;
             false -> receive {Tag, Request, ok, Pid} -> unlink(Pid), exit(Pid, kill) after ?WAIT -> exit(no_reply) end
         end
     end || Tag <- lists:seq(1, 20)],
    nothing(),
    false = spawn_request_abandon(make_ref());
feature(aliases, Peer) ->
    Self = self(),
    Alias = alias(),
    spawn(Peer, fun() -> Alias ! by_alias end),
    by_alias = receive_one(),
    true = unalias(Alias),
    Pid = spawn(Peer, fun() -> Alias ! dropped, Self ! after_it end),
    after_it = receive_one(),
    down(Pid),
    Once = alias([reply]),
    Pid2 = spawn(Peer, fun() -> Once ! first, Once ! second, Self ! third end),
    first = receive_one(),
    third = receive_one(),
    down(Pid2),
    Server = spawn(Peer, fun Loop() -> receive {call, To, N} -> To ! {To, N}, Loop(); stop -> ok end end),
    Monitored = monitor(process, Server, [{alias, reply_demonitor}]),
    Server ! {call, Monitored, 1},
    {Monitored, 1} = receive_one(),
    Explicit = monitor(process, Server, [{alias, explicit_unalias}]),
    Server ! {call, Explicit, 1},
    {Explicit, 1} = receive_one(),
    Server ! stop,
    {'DOWN', Explicit, process, Server, normal} = receive_one(),
    %% An alias of a process of the other node.
    Theirs = spawn(Peer, fun() -> Self ! {alias, alias()}, receive M -> Self ! {got, M} end end),
    {alias, TheirAlias} = receive_one(),
    TheirAlias ! hello,
    {got, hello} = receive_one(),
    down(Theirs),
    TheirAlias ! nobody,
    nothing();
feature(group_leaders, Peer) ->
    Self = self(),
    Pid = spawn(Peer, fun() -> receive go -> Self ! {leader, group_leader()}, io:put_chars("written") end end),
    true = group_leader(Self, Pid),
    until(fun() -> on(Peer, erlang, process_info, [Pid, group_leader]) =:= {group_leader, Self} end),
    Pid ! go,
    {leader, Self} = receive_one(),
    {io_request, From, As, Request} = receive_one(),
    {put_chars, unicode, <<"written">>} = Request,
    From ! {io_reply, As, ok};

%% --- calls ---------------------------------------------------------------------------------------------------------------

feature(rpc, Peer) ->
    Peer = rpc:call(Peer, erlang, node, []),
    {badrpc, {'EXIT', {undef, _}}} = rpc:call(Peer, no, such, []),
    {badrpc, {'EXIT', {why, _}}} = rpc:call(Peer, erlang, error, [why]),
    {badrpc, {'EXIT', why}} = rpc:call(Peer, erlang, exit, [why]),
    thrown = rpc:call(Peer, erlang, throw, [thrown]),
    {badrpc, timeout} = rpc:call(Peer, timer, sleep, [5000], 50),
    {badrpc, nodedown} = rpc:call(named("nobody"), erlang, node, []),
    Peer = rpc:block_call(Peer, erlang, node, []),
    Key = rpc:async_call(Peer, erlang, node, []),
    Peer = rpc:yield(Key),
    Nodes = lists:sort([node(), Peer]),
    {Results, [Nobody]} = rpc:multicall([named("nobody") | Nodes], erlang, node, []),
    Nodes = lists:sort(Results),
    Nobody = named("nobody"),
    true = rpc:cast(Peer, erlang, send, [self(), cast]),
    cast = receive_one(),
    [1, 4, 9] = rpc:pmap({?MODULE, square}, [], [1, 2, 3]),
    {[], [Nobody]} = rpc:multi_server_call([Nobody], rex, x),
    abcast = rpc:eval_everywhere(Nodes, erlang, send, [self(), everywhere]),
    [everywhere, everywhere] = [receive_one(), receive_one()];
feature(erpc, Peer) ->
    Peer = erpc:call(Peer, fun() -> node() end),
    6 = erpc:call(Peer, lists, sum, [[1, 2, 3]]),
    {error, {exception, why, [{?MODULE, _, _, _} | _]}} = tried(fun() -> erpc:call(Peer, fun() -> erlang:error(why) end) end),
    {exit, {exception, why}} = tried(fun() -> erpc:call(Peer, fun() -> exit(why) end) end),
    {exit, {signal, killed}} = tried(fun() -> erpc:call(Peer, fun() -> exit(self(), kill), receive after infinity -> ok end end) end),
    {throw, why} = tried(fun() -> erpc:call(Peer, fun() -> throw(why) end) end),
    {error, {erpc, timeout}} = tried(fun() -> erpc:call(Peer, timer, sleep, [10000], 50) end),
    {error, {erpc, noconnection}} = tried(fun() -> erpc:call(named("nobody"), erlang, node, []) end),
    {error, {erpc, badarg}} = tried(fun() -> erpc:call(Peer, 1, 2, []) end),
    nothing();
feature(erpc_many, Peer) ->
    [{ok, Here}, {ok, Peer}, {error, {erpc, noconnection}}] = erpc:multicall([node(), Peer, named("nobody")], erlang, node, []),
    Here = node(),
    Request = erpc:send_request(Peer, erlang, node, []),
    no_response = erpc:check_response(other, Request),
    {response, Peer} = erpc:wait_response(Request, ?WAIT),
    Requests = lists:foldl(fun(N, All) -> erpc:send_request(Peer, ?MODULE, square, [N], N, All) end, erpc:reqids_new(), [1, 2, 3]),
    {One, OneLabel, Two} = erpc:receive_response(Requests, ?WAIT, true),
    One = OneLabel * OneLabel,
    2 = erpc:reqids_size(Two),
    ok = erpc:multicast([Peer, node()], erlang, send, [self(), cast]),
    [cast, cast] = [receive cast -> cast after ?WAIT -> none end || _ <- [1, 2]],
    ok;
feature(behaviours, Peer) ->
    %% Behaviours' own calls between nodes: `code_server` answers no calls, `gen_server`s of OTP do.
    Rex = {rex, Peer},
    Peer = gen_server:call(Rex, {call, erlang, node, [], group_leader()}),
    {'EXIT', {{nodedown, Nobody}, _}} = (catch gen_server:call({rex, named("nobody")}, x)),
    Nobody = named("nobody"),
    {'EXIT', {noproc, _}} = (catch gen_server:call({no_such_server, Peer}, x)),
    {[{_, _}, {_, _}], [Nobody]} = gen_server:multi_call([node(), Peer, Nobody], rex, {call, erlang, node, [], group_leader()}),
    ok = gen_server:cast(Rex, unknown),
    {ok, Manager} = on(Peer, gen_event, start, []),
    ok = gen_event:notify(Manager, x),
    [] = gen_event:which_handlers(Manager),
    ok = gen_event:stop(Manager),
    {status, _, _, _} = sys:get_status({kernel_sup, Peer}),
    true = is_list(supervisor:which_children({kernel_sup, Peer})),
    {ok, Agent} = on(Peer, gen_server, start, [cluster_server, 7, []]),
    7 = gen_server:call(Agent, get),
    Request = gen_server:send_request(Agent, get),
    {reply, 7} = gen_server:wait_response(Request, ?WAIT),
    ok = gen_server:stop(Agent),
    normal = case down(Agent) of noproc -> normal; Other -> Other end;
feature(bad_arguments, Peer) ->
    Pid = spawn(Peer, ?MODULE, sleeper, []),
    Bad = [fun() -> is_process_alive(Pid) end, fun() -> process_info(Pid) end, fun() -> process_info(Pid, links) end,
           fun() -> register(somebody, Pid) end, fun() -> erlang:suspend_process(Pid) end, fun() -> garbage_collect(Pid) end,
           fun() -> erlang:trace(Pid, true, [call]) end, fun() -> process_flag(Pid, save_calls, 0) end,
           fun() -> erlang:monitor(process, {1, Peer}) end, fun() -> erlang:monitor(port, {x, Peer}) end,
           fun() -> monitor(process, {x, 1}) end, fun() -> spawn(Peer, 1, f, []) end, fun() -> spawn(Peer, m, f, [a | b]) end,
           fun() -> spawn(1, m, f, []) end, fun() -> monitor_node(1, true) end, fun() -> monitor_node(Peer, perhaps) end,
           fun() -> net_kernel:monitor_nodes(1) end, fun() -> erlang:disconnect_node(1) end, fun() -> erlang:setnode(x, 1) end,
           fun() -> erlang:send(Pid, x, [y]) end, fun() -> erlang:send({x, 1}, y) end, fun() -> {a, b, c} ! d end,
           fun() -> nodes(nonsense) end, fun() -> link({x, Peer}) end, fun() -> exit({x, Peer}, y) end,
           fun() -> link(hd(on(Peer, erlang, ports, []))) end, fun() -> port_command(hd(on(Peer, erlang, ports, [])), "x") end,
           fun() -> erlang:port_info(hd(on(Peer, erlang, ports, []))) end, fun() -> ets:give_away(ets:new(t, []), Pid, x) end,
           fun() -> erlang:dist_get_stat(x) end, fun() -> erts_internal:create_dist_channel(1, 2, 3) end,
           fun() -> group_leader({x, Peer}, self()) end, fun() -> erts_internal:new_connection(node()) end],
    [io:format("  ~2b ~0tp~n", [Index, answered(Fun)]) || {Index, Fun} <- lists:enumerate(Bad)],
    exit(Pid, kill);
feature(fragments, Peer) ->
    %% Large messages of several processes to several, between small ones.
    Counters = [spawn(Peer, fun() -> fragment_counter(0) end) || _ <- lists:seq(1, 4)],
    Payload = binary:copy(<<"0123456789abcdef">>, 40000),
    Senders = [spawn_monitor(fun() ->
                                     [Counter ! {self(), N, if N rem 7 =:= 0 -> Payload; true -> N end}
                                      || N <- lists:seq(1, 50), Counter <- Counters]
                             end) || _ <- lists:seq(1, 4)],
    [receive {'DOWN', Monitor, _, _, normal} -> ok after ?WAIT -> exit(sender) end || {_, Monitor} <- Senders],
    [begin
         Counter ! {total, self(), length(Senders) * 50},
         receive {Counter, total, 200, Bytes} -> Bytes = 28 * byte_size(Payload) after ?WAIT -> exit(lost) end
     end || Counter <- Counters];
feature(fragment_exits, Peer) ->
    process_flag(trap_exit, true),
    Reason = {large, binary:copy(<<7>>, 700000), lists:seq(1, 100000)},
    Pid = spawn_link(Peer, ?MODULE, killer, [Reason]),
    Monitor = monitor(process, Pid),
    Pid ! go,
    receive {'EXIT', Pid, Reason} -> ok after ?WAIT -> exit(no_exit) end,
    receive {'DOWN', Monitor, process, Pid, Reason} -> ok after ?WAIT -> exit(no_down) end,
    Sleeper = spawn(Peer, ?MODULE, sleeper, []),
    Monitor2 = monitor(process, Sleeper),
    exit(Sleeper, Reason),
    receive {'DOWN', Monitor2, process, Sleeper, Reason} -> ok after ?WAIT -> exit(no_down) end,
    {Spawned, Monitor3} = spawn_monitor(Peer, ?MODULE, die, [Reason]),
    receive {'DOWN', Monitor3, process, Spawned, Reason} -> ok after ?WAIT -> exit(no_down) end;
feature(atoms, Peer) ->
    %% More atoms than a cache has places, several times over, and more in one message than a header has room for.
    Echo = spawn(Peer, ?MODULE, echo, []),
    Atoms = [list_to_atom("cluster_atom_" ++ integer_to_list(N)) || N <- lists:seq(1, 5000)],
    [Atom = echoed(Echo, Atom) || _ <- [1, 2], Atom <- Atoms],
    true = echoed(Echo, Atoms) =:= Atoms,
    Map = maps:from_list([{Atom, Atom} || Atom <- lists:sublist(Atoms, 254)]),
    true = echoed(Echo, Map) =:= Map,
    Wide = [list_to_atom(lists:duplicate(200, $a + N) ++ [16#65E5]) || N <- lists:seq(0, 20)],
    true = echoed(Echo, Wide) =:= Wide;
feature(async, Peer) ->
    false = process_flag(async_dist, true),
    {async_dist, true} = process_info(self(), async_dist),
    Counter = spawn(Peer, ?MODULE, count_messages, [self(), 1000]),
    [Counter ! {number, N} || N <- lists:seq(1, 1000)],
    receive {Counter, counted} -> ok after ?WAIT -> exit(lost) end,
    true = process_flag(async_dist, false);
feature(trace_token, Peer) ->
    Self = self(),
    Pid = spawn(Peer, fun() -> receive M -> Self ! {M, seq_trace:get_token(label)} end end),
    seq_trace:set_token(label, 17),
    Pid ! traced,
    {traced, {label, 17}} = receive_one(),
    {label, 17} = seq_trace:get_token(label),
    seq_trace:set_token([]),
    Spawned = begin seq_trace:set_token(label, 18), spawn(Peer, fun() -> Self ! {self(), seq_trace:get_token(label)} end) end,
    {Spawned, {label, 18}} = receive_one(),
    seq_trace:set_token([]);
feature(code_loading, Peer) ->
    {ok, Forms} = parse("-module(cluster_loaded).\n-export([f/0]).\nf() -> node().\n"),
    {ok, Module, Binary} = compile:forms(Forms),
    {module, Module} = on(Peer, code, load_binary, [Module, "cluster_loaded.beam", Binary]),
    Peer = rpc:call(Peer, Module, f, []),
    true = on(Peer, code, delete, [Module]),
    true = on(Peer, code, is_loaded, [lists]) =/= false;
feature(external_terms, _) ->
    Terms = [{erts_debug:dist_ext_to_term({a}, <<131, 104, 2, 97, 1, 97, 2>>)}, tried(fun() -> erts_debug:dist_ext_to_term({}, <<131, 97, 1>>) end),
             erts_debug:dist_ext_to_term({a, b}, <<131, 104, 2, 82, 0, 82, 1>>),
             tried(fun() -> erts_debug:dist_ext_to_term({a, b}, <<131, 104, 2, 82, 0, 82, 7>>) end),
             tried(fun() -> erts_debug:dist_ext_to_term({a, 1}, <<131, 82, 0>>) end),
             tried(fun() -> erts_debug:dist_ext_to_term([], <<131, 82, 0>>) end),
             tried(fun() -> erts_debug:dist_ext_to_term({a}, <<>>) end),
             tried(fun() -> erts_debug:dist_ext_to_term({a}, <<97, 1>>) end),
             tried(fun() -> erts_debug:dist_ext_to_term({a}, <<131, 97, 1, 2>>) end),
             tried(fun() -> erts_debug:dist_ext_to_term({a}, x) end)],
    [io:format("  ~0tp~n", [Term]) || Term <- Terms].

answered(Fun) ->
    case tried(Fun) of
        Answer when is_reference(Answer) -> reference;
        Answer when is_pid(Answer) -> pid;
        Answer when is_tuple(Answer), is_reference(element(1, Answer)) -> handle;
        Answer -> Answer
    end.

fragment_counter(Bytes) ->
    receive {total, From, Count} -> fragment_counter(From, Count, 0, #{}, Bytes) end.
fragment_counter(From, Count, Count, _, Bytes) -> From ! {self(), total, Count, Bytes};
fragment_counter(From, Count, Seen, Last, Bytes) ->
    receive
        {Sender, N, Payload} ->
            N = maps:get(Sender, Last, 0) + 1,
            More = if is_binary(Payload) -> byte_size(Payload); true -> 0 end,
            fragment_counter(From, Count, Seen + 1, Last#{Sender => N}, Bytes + More)
    end.
