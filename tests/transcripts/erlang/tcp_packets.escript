#!/usr/bin/env escript
%% What a TCP socket makes of the same bytes: packet types, list and binary mode, headers, active and passive.
-module(tcp_packets_transcript).
-mode(compile).

main(_) ->
    {ok, L} = gen_tcp:listen(0, [{ip, loopback}, {active, false}, {reuseaddr, true}]),
    io:format("-- packets~n"),
    [packets(L, Name, Options, Data) || {Name, Options, Data} <- streams(), Active <- [false, true],
                                        begin io:format("~p ~p ", [Name, Active]), put(active, Active), true end],
    io:format("-- modes~n"),
    [begin put(active, Active), io:format("~p ~p ", [Options, Active]), packets(L, mode, Options, <<3, "abc", 2, "de", 0, 1, "f">>) end
     || Options <- [[list], [binary], [{header, 2}], [binary, {header, 2}], [binary, {header, 0}], [binary, {deliver, port}]],
        Active <- [false, true], {Options, Active} =/= {[binary, {deliver, port}], false}],
    io:format("-- exact lengths~n"),
    exact(L),
    io:format("-- what is sent~n"),
    sent(L),
    io:format("-- switching~n"),
    switching(L),
    io:format("-- putting back~n"),
    with(L, [binary], [binary], fun(C, S) ->
        ok = gen_tcp:send(S, "world"), p(gen_tcp:recv(C, 5)), p(gen_tcp:unrecv(C, <<"hello ">>)), ok = gen_tcp:send(S, "!"), p(gen_tcp:recv(C, 7)) end).

p(Term) -> io:format("~p~n", [Term]).

%% Connects with one set of options, accepts with another.
with(L, ConnectOptions, AcceptOptions, F) ->
    {ok, Port} = inet:port(L),
    {ok, C} = gen_tcp:connect({127, 0, 0, 1}, Port, [{active, false} | ConnectOptions]),
    {ok, S} = gen_tcp:accept(L),
    ok = inet:setopts(S, AcceptOptions),
    Result = F(C, S),
    gen_tcp:close(C), gen_tcp:close(S),
    Result.

streams() ->
    Http = <<"GET /index.html?a=b HTTP/1.1\r\nHost: example.org:80\r\nX-Two-Lines: first\r\n second\r\nCONTENT-length: 0\r\n\r\nHTTP/1.0 404 Not Found\r\n\r\nnonsense\r\n* *\r\n">>,
    [{raw, [{packet, raw}], <<"some bytes">>}, {zero, [{packet, 0}], <<"some bytes">>},
     {one, [{packet, 1}], <<3, "abc", 0, 1, "d", 5, "inco">>}, {two, [{packet, 2}], <<0, 3, "abc", 0, 0, 0, 1, "d", 1>>},
     {four, [{packet, 4}], <<0, 0, 0, 3, "abc", 0, 0, 0, 0, 0, 0, 0, 1, "d">>},
     {four_too_long, [{packet, 4}, {packet_size, 10}], <<0, 0, 0, 3, "abc", 0, 0, 0, 11, "d">>},
     {asn1, [{packet, asn1}], <<16#30, 3, "abc", 16#1f, 16#81, 5, 2, "de", 4, 16#81, 1, "f">>},
     {sunrm, [{packet, sunrm}], <<0, 0, 0, 4, "abcd", 16#80, 0, 0, 4, "efgh">>},
     {cdr, [{packet, cdr}], <<"GIOP", 1, 2, 0, 0, 0, 0, 0, 3, "abc", "GIOP", 1, 2, 1, 0, 2, 0, 0, 0, "de">>},
     {cdr_wrong, [{packet, cdr}], <<"GUOP", 1, 2, 0, 0, 0, 0, 0, 3, "abc">>},
     {fcgi, [{packet, fcgi}], <<1, 2, 0, 1, 0, 3, 2, 0, "abcPP", 1, 2, 0, 1, 0, 1, 0, 0, "d">>},
     {tpkt, [{packet, tpkt}], <<3, 0, 0, 7, "abc", 3, 0, 0, 4, 3, 0, 0, 5, "d">>},
     {tpkt_wrong, [{packet, tpkt}], <<4, 0, 0, 7, "abc">>},
     {line, [{packet, line}], <<"first\nsecond\r\n\nlast without end">>},
     {line_cut, [{packet, line}, {buffer, 8}], <<"short\nmuch longer than the buffer\nend\n">>},
     {line_delimiter, [{packet, line}, {line_delimiter, $x}], <<"firstxsec\nondxlast">>},
     {line_too_long, [{packet, line}, {packet_size, 6}], <<"short\nmuch longer\nend\n">>},
     {http, [{packet, http}], Http}, {http_bin, [{packet, http_bin}], Http},
     {httph, [{packet, httph}], <<"Accept: */*\r\nMy-own: 1\r\n\r\nrest\r\nx">>}, {httph_bin, [{packet, httph_bin}], <<"Accept: */*\r\nMy-own: 1\r\n\r\nrest\r\nx">>},
     {http_too_long, [{packet, http_bin}, {buffer, 20}], <<"GET / HTTP/1.1\r\nHost: a-rather-long-name.example.org\r\n\r\n">>},
     {ssl_tls, [{packet, ssl_tls}], <<22, 3, 1, 0, 3, "abc", 16#80, 5, 1, 3, 0, "xy", 23, 3, 3, 0, 0>>}].

packets(L, Name, Options, Data) ->
    {ok, Port} = inet:port(L),
    {ok, C} = gen_tcp:connect({127, 0, 0, 1}, Port, [{active, false} | defaults(Name, Options)]),
    {ok, S} = gen_tcp:accept(L),
    ok = gen_tcp:send(S, Data),
    ok = gen_tcp:shutdown(S, write),
    case get(active) of
        false -> p(passive(C, []));
        true -> inet:setopts(C, [{active, true}]), p(active(C, []))
    end,
    gen_tcp:close(C), gen_tcp:close(S).

defaults(mode, Options) -> [{packet, 1} | Options];
defaults(_, Options) -> Options.

passive(C, Acc) ->
    case gen_tcp:recv(C, 0) of
        {ok, Packet} -> passive(C, [shown(Packet) | Acc]);
        Error -> lists:reverse([Error | Acc])
    end.

active(C, Acc) ->
    receive
        {tcp_closed, C} -> lists:reverse([tcp_closed | Acc]);
        {tcp_error, C, Reason} -> active(C, [{tcp_error, Reason} | Acc]);
        {C, Message} -> active(C, [{port, Message} | Acc]);
        Message when element(2, Message) =:= C -> active(C, [shown(Message) | Acc])
    after 5000 -> lists:reverse([nothing_more | Acc])
    end.

shown(Message) when is_tuple(Message) -> list_to_tuple([if is_port(E) -> socket; true -> E end || E <- tuple_to_list(Message)]);
shown(Message) -> Message.

exact(L) ->
    with(L, [binary], [], fun(C, S) ->
        ok = gen_tcp:send(S, <<"0123456789">>),
        p([gen_tcp:recv(C, 4), gen_tcp:recv(C, 3), gen_tcp:recv(C, 0)]),
        p(gen_tcp:recv(C, 1, 20)), p(gen_tcp:recv(C, 0, 0)),
        ok = gen_tcp:send(S, <<"abc">>), p(gen_tcp:recv(C, 5, 50)),
        ok = gen_tcp:send(S, <<"defg">>), p(gen_tcp:recv(C, 5)), p(gen_tcp:recv(C, 0)),
        p(gen_tcp:recv(C, 100000000)),
        Self = self(),
        spawn(fun() -> Self ! {other, patient(C)} end),
        wait_until(fun() -> element(2, prim_inet:async_recv(C, 0, 0)) =:= ealready end),
        p(gen_tcp:recv(C, 0)),
        ok = gen_tcp:send(S, <<"for the other">>), receive {other, R} -> p(R) end,
        Large = binary:copy(<<"0123456789abcdef">>, 50000),
        spawn(fun() -> gen_tcp:send(S, Large) end),
        {ok, Got} = gen_tcp:recv(C, byte_size(Large)), p(Got =:= Large),
        ok = gen_tcp:send(S, <<"tail">>), ok = gen_tcp:close(S),
        p([gen_tcp:recv(C, 4), gen_tcp:recv(C, 1), gen_tcp:recv(C, 1), gen_tcp:send(C, "x")]) end),
    with(L, [binary, {packet, 2}], [], fun(C, _) -> p(gen_tcp:recv(C, 3)) end).

patient(C) ->
    case gen_tcp:recv(C, 0) of
        {error, ealready} -> patient(C);
        Result -> Result
    end.

wait_until(F) ->
    case catch F() of
        true -> ok;
        _ -> receive after 5 -> wait_until(F) end
    end.

sent(L) ->
    [with(L, [{packet, raw}, binary], [{packet, Type}], fun(C, S) ->
        p({Type, gen_tcp:send(S, [<<"ab">>, "cd", [], [$e | <<"f">>]]), gen_tcp:send(S, <<>>), gen_tcp:send(S, "g")}),
        gen_tcp:shutdown(S, write), p(everything(C, [])) end)
     || Type <- [raw, 1, 2, 4, line, asn1, http]],
    with(L, [{packet, raw}, binary], [{packet, 1}], fun(C, S) ->
        p(gen_tcp:send(S, binary:copy(<<"x">>, 300))), {ok, <<Length, _/binary>>} = gen_tcp:recv(C, 301), p(Length) end).

everything(C, Acc) ->
    case gen_tcp:recv(C, 0) of
        {ok, Data} -> everything(C, [Data | Acc]);
        {error, closed} -> iolist_to_binary(lists:reverse(Acc))
    end.

switching(L) ->
    with(L, [binary, {packet, line}], [], fun(C, S) ->
        ok = gen_tcp:send(S, <<"a line\n", 0, 3, "two", "GET / HTTP/1.0\r\nHost: x\r\n\r\nbody">>),
        p(gen_tcp:recv(C, 0)), ok = inet:setopts(C, [{packet, 2}]), p(gen_tcp:recv(C, 0)),
        ok = inet:setopts(C, [{packet, http_bin}]), p([gen_tcp:recv(C, 0) || _ <- [1, 2, 3]]),
        ok = inet:setopts(C, [{packet, raw}, list]), p(gen_tcp:recv(C, 0)),
        ok = gen_tcp:send(S, <<"once\nagain\nand ", "again\nend\n">>),
        ok = inet:setopts(C, [{packet, line}, {active, once}]), p(next(C)), p(inet:getopts(C, [active, packet])),
        ok = inet:setopts(C, [{active, 2}]), p([next(C), next(C), next(C), inet:getopts(C, [active])]),
        p(inet:setopts(C, [{active, 3}])), p([next(C), inet:getopts(C, [active])]),
        p(inet:setopts(C, [{active, -2}])), p([next(C), inet:getopts(C, [active])]),
        p([inet:setopts(C, [{active, 32767}]), inet:setopts(C, [{active, 1}]), inet:getopts(C, [active]), inet:setopts(C, [{active, 40000}])]) end).

next(C) ->
    receive Message when element(2, Message) =:= C -> shown(Message) after 5000 -> nothing end.
