%% A node made of a socket: shakes hands as a node does, and then sends what it is told to.
-module(cluster_hostile).
-export([connect/1, packets/2, passed/2]).

-define(FLAGS, 16#d07df7fbd).

%% Connects to a node with the right cookie. Returns the socket in passive mode, and the name it has there.
connect(Peer) ->
    [Short, Host] = string:split(atom_to_list(Peer), "@"),
    {port, Port, _} = erl_epmd:port_please(Short, Host),
    {ok, Socket} = gen_tcp:connect("127.0.0.1", Port, [binary, {active, false}, {packet, 2}]),
    Name = list_to_binary(atom_to_list(cluster:fresh("hostile")) ++ "@" ++ Host),
    ok = gen_tcp:send(Socket, <<$N, ?FLAGS:64, 77:32, (byte_size(Name)):16, Name/binary>>),
    {ok, <<"sok">>} = gen_tcp:recv(Socket, 0, 5000),
    {ok, <<$N, _:64, Challenge:32, _/binary>>} = gen_tcp:recv(Socket, 0, 5000),
    Cookie = atom_to_list(erlang:get_cookie()),
    ok = gen_tcp:send(Socket, <<$r, 4711:32, (erlang:md5([Cookie | integer_to_list(Challenge)]))/binary>>),
    {ok, <<$a, _/binary>>} = gen_tcp:recv(Socket, 0, 5000),
    ok = inet:setopts(Socket, [{packet, raw}]),
    {Socket, binary_to_atom(Name)}.

%% Lists of packets of which the last one, at the latest, is none that a node sends.
packets(Victim, Collector) ->
    Stranger = list_to_pid("<0.1.0>"),
    Garbage = binary:copy(<<16#ff>>, 1000),
    [[<<0>>], [<<131>>], [<<131, 0>>], [<<131, 68>>], [<<112>>], [<<112, 131>>], [Garbage], [<<131, 68, 0>>], [<<131, 68, 255>>],
     [<<131, 68, 1, 0, 0>>], [<<131, 68, 1, 16#ff, 0, 255, "a">>], [<<131, 68, 1, 8, 0, 1, 255>>],
     [<<131, 69, 1:64, 0:64, 0>>], [<<131, 70, 1:64, 1:64, 0>>], [<<131, 69, 1:64, 3:64, 0, 104>>, <<131, 70, 1:64, 1:64, 0>>],
     [<<131, 69, 1:64, 3:64, 0, 104>>, <<131, 70, 2:64, 2:64, 0>>],
     [<<131, 69, 1:64, 2:64, 0, 104>>, <<131, 70, 1:64, 1:64, 255>>],
     passed(junk), passed({}), passed({99}), passed({a}), passed({1}), passed({1, 2, 3}), passed({1, Victim}), passed({1, self(), Victim}),
     passed({1, a, b}), passed({2, '', Stranger}), passed({2, '', 5}, x), passed({6, a, '', hostile_collector}, x),
     passed({6, self(), '', 5}, x), passed({2, '', Victim, more}, x), passed({6, self(), '', hostile_collector, more}, x),
     passed({1, self(), Victim, more}), passed({22, self(), Victim}), passed({3, self(), Victim, kill}), passed({8, self(), Victim, kill}),
     passed({8, Victim}), passed({24, self(), Victim}, kill), passed({26, self(), Victim}, kill), passed({19, self(), Victim, a}),
     passed({19, 1, Victim, make_ref()}), passed({20, 1, 2, 3}), passed({21, 1, 2, 3, 4}), passed({28, 1, 2, 3}, x),
     passed({29, make_ref(), self(), self(), {erlang, register, 2}, []}, [hostile_spawned, b]),
     passed({29, a, b, c, d, e}, []), passed({29, make_ref(), self(), self(), {a, b}, []}, []),
     passed({31, a, b, c, d}), passed({33, self(), 1}, x), passed({35, 0, self(), Victim}), passed({35, a, b, c}),
     passed({36, -1, self(), Victim}), passed({7, 1, Victim}), passed({1 bsl 70, 1, 2}),
     [<<112, 131, 104, 3, 97, 22, 88>>], [<<112, (term_to_binary({22, 1, Collector}))/binary, 131, 109, 255, 255, 255, 255, 0>>],
     [<<112, 131, 108, 255, 255, 255, 255, 97, 1>>], [<<112, 131, 105, 255, 255, 255, 255, 97, 1>>],
     [<<112, 131, 116, 255, 255, 255, 255, 97, 1>>], [<<112, 131, 82, 0>>], [<<112, 131, 80, 0, 0, 1, 0, 1, 2, 3>>],
     [<<112, 131, 104, 3, 97, 2, 100, 0, 1, 255, 97, 1>>]].

passed(Control) -> [<<112, (term_to_binary(Control))/binary>>].
passed(Control, Payload) -> [<<112, (term_to_binary(Control))/binary, (term_to_binary(Payload))/binary>>].
