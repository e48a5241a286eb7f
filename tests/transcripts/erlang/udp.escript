#!/usr/bin/env escript
%% UDP sockets: datagrams with and without addresses, modes, ancillary data, multicast, what goes wrong.
-module(udp_transcript).
-mode(compile).
-define(LOOPBACK, {127, 0, 0, 1}).

main(_) ->
    [begin io:format("-- ~p~n", [Part]), part(Part) end
     || Part <- [plain, active, modes, connected, errors, ancillary, inet6, local, multicast, large_options, names]].

p(Term) -> io:format("~p~n", [Term]).
open(Options) -> {ok, S} = gen_udp:open(0, [{ip, loopback} | Options]), {ok, P} = inet:port(S), {S, P}.
next() -> receive M when element(1, M) =:= inet_async -> next(); M -> shown(M) after 2000 -> nothing end.
none() -> receive M -> M after 20 -> nothing end.
shown(Message) when is_tuple(Message) -> list_to_tuple([if is_port(E) -> socket; is_integer(E), E > 1024 -> port; true -> E end || E <- tuple_to_list(Message)]);
shown(Message) -> Message.
received({ok, Message}) -> {ok, shown(Message)};
received(Error) -> Error.

part(plain) ->
    {A, PA} = open([{active, false}]), {B, _} = open([binary, {active, false}]),
    p([gen_udp:send(B, ?LOOPBACK, PA, "one"), gen_udp:send(B, {?LOOPBACK, PA}, <<"two">>), gen_udp:send(B, {inet, {loopback, PA}}, [<<"th">>, "ree"]), gen_udp:send(B, ?LOOPBACK, PA, "")]),
    p([received(gen_udp:recv(A, 0)) || _ <- [1, 2, 3, 4]]), p([gen_udp:recv(A, 0, 20), gen_udp:recv(A, 0, 0)]),
    {ok, {_, Port, _}} = begin gen_udp:send(B, ?LOOPBACK, PA, "x"), gen_udp:recv(A, 0) end, p({ok, Port} =:= inet:port(B)),
    Large = binary:copy(<<"0123456789">>, 1000), ok = inet:setopts(A, [{buffer, 100000}]),
    p(gen_udp:send(B, ?LOOPBACK, PA, Large)), {ok, {_, _, Got}} = gen_udp:recv(A, 0), p(Got =:= binary_to_list(Large)),
    ok = inet:setopts(A, [{buffer, 10}]), gen_udp:send(B, ?LOOPBACK, PA, Large), p(received(gen_udp:recv(A, 0))),
    p(gen_udp:send(B, ?LOOPBACK, PA, binary:copy(<<"x">>, 70000))),
    p(inet:getstat(B, [send_cnt, send_oct, send_max])), gen_udp:close(A), gen_udp:close(B);
part(active) ->
    {A, PA} = open([]), {B, _} = open([]), Send = fun(D) -> ok = gen_udp:send(B, ?LOOPBACK, PA, D) end,
    Send("one"), p(next()), ok = inet:setopts(A, [{active, once}]), Send("two"), p(next()), Send("three"), p([none(), inet:getopts(A, [active])]),
    p(received(gen_udp:recv(A, 0))), ok = inet:setopts(A, [{active, 2}]), [Send(integer_to_list(N)) || N <- [1, 2, 3]], p([next() || _ <- [1, 2, 3]]),
    p(received(gen_udp:recv(A, 0))), ok = inet:setopts(A, [{active, true}]), p([none(), gen_udp:recv(A, 0)]),
    Self = self(), Pid = spawn_link(fun() -> receive go -> Self ! {other, next()} end end), ok = gen_udp:controlling_process(A, Pid), Send("other"), Pid ! go, p(receive M -> M end),
    gen_udp:close(B), p(gen_udp:send(B, ?LOOPBACK, PA, "x"));
part(modes) ->
    [begin {A, PA} = open(Options), {B, _} = open([]), gen_udp:send(B, ?LOOPBACK, PA, "abcd"), p({Options, next()}),
           ok = inet:setopts(A, [{active, false}]), gen_udp:send(B, ?LOOPBACK, PA, "efgh"), p(received(gen_udp:recv(A, 0))), gen_udp:close(A), gen_udp:close(B) end
     || Options <- [[list], [binary], [{header, 2}], [binary, {header, 2}], [binary, {header, 9}]]];
part(connected) ->
    {A, PA} = open([{active, false}]), {B, PB} = open([binary]), {C, _} = open([]),
    p([gen_udp:connect(B, ?LOOPBACK, PA), gen_udp:send(B, "short"), received(gen_udp:recv(A, 0)), inet:peername(B) =:= {ok, {?LOOPBACK, PA}}, prim_inet:getstatus(B)]),
    p([gen_udp:send(A, ?LOOPBACK, PB, "answer"), next(), gen_udp:send(C, ?LOOPBACK, PB, "stranger"), none()]),
    p([gen_udp:send(A, "nowhere"), gen_udp:connect(B, {127, 0, 0, 1}, PA)]), [gen_udp:close(S) || S <- [A, B, C]];
part(errors) ->
    {A, PA} = open([{active, false}]),
    p(gen_udp:open(PA, [{ip, loopback}])),
    p([gen_udp:open(0, [{ip, {192, 0, 2, 1}}]), inet:setopts(A, [{read_packets, 0}]), inet:setopts(A, [{read_packets, 3}]), inet:getopts(A, [read_packets, high_watermark])]),
    Self = self(), spawn(fun() -> Self ! {got, received(patient(A))} end), wait(fun() -> element(2, prim_inet:recvfrom(A, 0, 0)) =:= ealready end), p(gen_udp:recv(A, 0)),
    gen_udp:send(A, ?LOOPBACK, PA, "self"), p(receive {got, G} -> G end), gen_udp:close(A), p(gen_udp:recv(A, 0)),
    {B, _} = open([{active, false}]), {Gone, Port} = open([]), gen_udp:close(Gone), ok = gen_udp:connect(B, ?LOOPBACK, Port),
    ok = gen_udp:send(B, "x"), p([gen_udp:recv(B, 0, 1000), gen_udp:send(B, "x")]), ok = inet:setopts(B, [{active, true}]), p(next()), gen_udp:close(B);
part(ancillary) ->
    {A, PA} = open([{active, false}, {recvtos, true}, {recvttl, true}]), {B, _} = open([{tos, 16}, {ttl, 33}]),
    p([inet:getopts(A, [recvtos, recvttl]), inet:getopts(B, [tos, ttl])]), ok = gen_udp:send(B, ?LOOPBACK, PA, "x"), p(sorted(received(gen_udp:recv(A, 0)))),
    ok = gen_udp:send(B, {?LOOPBACK, PA}, [{tos, 8}, {ttl, 7}], "y"), p(sorted(received(gen_udp:recv(A, 0)))), ok = inet:setopts(A, [{active, true}]),
    ok = gen_udp:send(B, {?LOOPBACK, PA}, [{ttl, 9}], "z"), {udp, socket, _, _, Anc, D} = next(), p({lists:sort(Anc), D}), p([gen_udp:send(B, {?LOOPBACK, PA}, [{mtu, 9}], "z")]),
    ok = inet:setopts(A, [{recvtos, false}, {recvttl, false}]), gen_udp:send(B, ?LOOPBACK, PA, "w"), p(next()), gen_udp:close(A), gen_udp:close(B);
part(inet6) ->
    case gen_udp:open(0, [inet6, {ip, loopback}]) of
        {ok, A} -> {ok, PA} = inet:port(A), {ok, B} = gen_udp:open(0, [inet6, {ip, {0, 0, 0, 0, 0, 0, 0, 1}}]), p([gen_udp:send(B, {0, 0, 0, 0, 0, 0, 0, 1}, PA, "six"), next()]),
                   ok = gen_udp:send(B, {inet6, {loopback, PA}}, "tagged"), p(next()),
                   ok = inet:setopts(A, [{recvtclass, true}]), ok = gen_udp:send(B, {{0, 0, 0, 0, 0, 0, 0, 1}, PA}, [{tclass, 8}], "class"), p(next()), gen_udp:close(A), gen_udp:close(B);
        Error -> p(Error)
    end;
part(local) ->
    [file:delete(N) || N <- ["udp_transcript_a", "udp_transcript_b"]],
    {ok, A} = gen_udp:open(0, [{ifaddr, {local, "udp_transcript_a"}}]), {ok, B} = gen_udp:open(0, [{ifaddr, {local, "udp_transcript_b"}}]), {ok, C} = gen_udp:open(0, [local]),
    p([gen_udp:send(B, {local, "udp_transcript_a"}, 0, "named"), next(), gen_udp:send(C, {local, "udp_transcript_a"}, 0, "nameless"), next(), inet:sockname(A), inet:sockname(C), inet:port(B)]),
    p(gen_udp:send(B, {local, "udp_transcript_c"}, 0, "x")), ok = inet:setopts(A, [{active, false}]), ok = gen_udp:send(B, {local, "udp_transcript_a"}, 0, "passive"), p(gen_udp:recv(A, 0)),
    [gen_udp:close(S) || S <- [A, B, C]], [file:delete(N) || N <- ["udp_transcript_a", "udp_transcript_b"]];
part(multicast) ->
    {ok, A} = gen_udp:open(0, [{multicast_loop, true}, {multicast_ttl, 3}]), p(inet:getopts(A, [multicast_loop, multicast_ttl])),
    p([inet:setopts(A, [{add_membership, {{224, 0, 0, 251}, ?LOOPBACK}}]), inet:setopts(A, [{drop_membership, {{224, 0, 0, 251}, ?LOOPBACK}}]), inet:setopts(A, [{multicast_if, ?LOOPBACK}]), inet:setopts(A, [{add_membership, x}])]), gen_udp:close(A);
%% SO_LINGER with too much room: what does not fit the answer is refused.
part(large_options) ->
    {A, _} = open([]), Fits = fun(Options) -> element(1, inet:getopts(A, Options)) end,
    p([{Size, Fits([{raw, 1, 13, Size}]), Fits([{raw, 1, 13, <<0:Size/unit:8>>}]), Fits([{raw, 1, 13, 8}, {raw, 1, 13, Size}])} || Size <- [1024, 65501, 65502, 65522, 65523, 65536]]), gen_udp:close(A);
part(names) ->
    p([inet:getaddrs("127.0.0.1", inet), inet:getaddr({1, 2, 3, 4}, inet), inet:gethostbyname("127.0.0.1"), inet:getaddr("::1", inet6)]),
    {ok, All} = inet:getifaddrs(), [{Name, Lo}] = [I || {_, O} = I <- All, lists:member({addr, ?LOOPBACK}, O)], p({Name, lists:member(loopback, proplists:get_value(flags, Lo)), proplists:get_value(netmask, Lo)}),
    p([lists:member(Name, element(2, inet:getiflist())), inet:ifget(Name, [addr, netmask, mtu, flags]), inet:ifget("nosuchif", [addr]), is_list(element(2, inet:gethostname()))]).

sorted({ok, {H, P, Anc, D}}) -> {ok, {H, P, lists:sort(Anc), D}}.
patient(A) -> case gen_udp:recv(A, 0) of {error, ealready} -> patient(A); R -> R end.
wait(F) -> case F() of true -> ok; _ -> receive after 5 -> wait(F) end end.
