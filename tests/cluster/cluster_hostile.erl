%% A node made of a socket: shakes hands as a node does, and then sends what it is told to.
-module(cluster_hostile).
-export([connect/1, packets/2]).

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
    Garbage = binary:copy(<<16#ff>>, 1000),
    [[<<0>>], [<<131>>], [<<131, 0>>], [<<131, 68>>], [<<112>>], [<<112, 131>>], [Garbage], [<<131, 68, 0>>], [<<131, 68, 255>>],
     [<<131, 68, 1, 0, 0>>], [<<131, 68, 1, 16#ff, 0, 255, "a">>], [<<131, 68, 1, 8, 0, 1, 255>>],
     [<<131, 69, 1:64, 0:64, 0>>], [<<131, 70, 1:64, 1:64, 0>>], [<<131, 69, 1:64, 3:64, 0, 104>>, <<131, 70, 1:64, 1:64, 0>>],
     [<<131, 69, 1:64, 3:64, 0, 104>>, <<131, 70, 2:64, 2:64, 0>>],
     [<<131, 69, 1:64, 2:64, 0, 104>>, <<131, 70, 1:64, 1:64, 255>>]] ++
    %% As on a connection without headers, and as on this one.
    [passed(Control, Payload) || {Control, Payload} <- messages(Victim) ++ unnoticed(Victim)] ++
    [headed(Control, Payload) || {Control, Payload} <- messages(Victim)] ++
    [[<<112, 131, Term/binary>>] || Term <- terms()] ++ [[<<131, 68, 0, Term/binary>>] || Term <- terms()] ++
    [bad_payload(Collector)].

%% Control messages that are none, with payloads.
messages(Victim) ->
    [{junk, none}, {{}, none}, {{99}, none}, {{a}, none}, {{1}, none}, {{1, 2, 3}, none}, {{1, Victim}, none}, {{1, self(), Victim}, none},
     {{1, a, b}, none}, {{2, '', 5}, x}, {{6, a, '', hostile_collector}, x}, {{6, self(), '', 5}, x},
     {{2, '', Victim, more}, x}, {{6, self(), '', hostile_collector, more}, x}, {{1, self(), Victim, more}, none},
     {{3, self(), Victim, kill}, none}, {{8, self(), Victim, kill}, none}, {{8, Victim}, none},
     {{24, self(), Victim}, kill}, {{26, self(), Victim}, kill}, {{19, self(), Victim, a}, none}, {{19, 1, Victim, make_ref()}, none},
     {{20, 1, 2, 3}, none}, {{21, 1, 2, 3, 4}, none}, {{28, 1, 2, 3}, x},
     {{29, a, b, c, d, e}, []}, {{29, make_ref(), self(), self(), {a, b}, []}, []}, {{31, a, b, c, d}, none}, {{33, self(), 1}, x},
     {{35, 0, self(), Victim}, none}, {{35, a, b, c}, none}, {{36, -1, self(), Victim}, none}, {{7, 1, Victim}, none},
     {{1 bsl 70, 1, 2}, none}].

%% With the right header these do nothing: nobody looks at what is wrong with them.
unnoticed(Victim) ->
    Stranger = list_to_pid("<0.1.0>"),
    [{{2, '', Stranger}, none}, {{22, self(), Victim}, none},
     {{29, make_ref(), self(), self(), {erlang, register, 2}, []}, [hostile_spawned, b]}].

%% What is no term, without a version byte.
terms() ->
    [<<104, 3, 97, 22, 88>>, <<108, 255, 255, 255, 255, 97, 1>>, <<105, 255, 255, 255, 255, 97, 1>>, <<116, 255, 255, 255, 255, 97, 1>>,
     <<82, 0>>, <<80, 0, 0, 1, 0, 1, 2, 3>>, <<104, 3, 97, 2, 100, 0, 1, 255, 97, 1>>].

%% A message to a process that looks at it.
bad_payload(To) -> [<<131, 68, 0, (bare({22, self(), To}))/binary, 109, 255, 255, 255, 255, 0>>].

passed(Control, none) -> [<<112, (term_to_binary(Control))/binary>>];
passed(Control, Payload) -> [<<112, (term_to_binary(Control))/binary, (term_to_binary(Payload))/binary>>].
headed(Control, none) -> [<<131, 68, 0, (bare(Control))/binary>>];
headed(Control, Payload) -> [<<131, 68, 0, (bare(Control))/binary, (bare(Payload))/binary>>].
bare(Term) -> <<131, Bare/binary>> = term_to_binary(Term), Bare.
