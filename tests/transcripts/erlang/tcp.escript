#!/usr/bin/env escript
%% TCP sockets: connecting, accepting, sending, ending, owners, and what goes wrong.
-module(tcp_transcript).
-mode(compile).

main(_) ->
    process_flag(trap_exit, true),
    {ok, L} = gen_tcp:listen(0, [binary, {ip, loopback}, {active, false}]),
    {ok, Port} = inet:port(L),
    [begin io:format("-- ~p~n", [Part]), part(Part, L, Port) end
     || Part <- [names, errors, accepting, active, owners, ends, half_close, sending, busy, resets, files, inet6, local, descriptors]].

p(Term) -> io:format("~p~n", [Term]).

pair(L, Port, Options) ->
    {ok, C} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, false} | Options]),
    {ok, S} = gen_tcp:accept(L),
    {C, S}.

message() -> receive Message -> Message after 5000 -> nothing end.
none() -> receive Message -> Message after 20 -> nothing end.

part(names, L, Port) ->
    {C, S} = pair(L, Port, []),
    {ok, {Host, _} = Own} = inet:sockname(C),
    p([inet:peername(C) =:= inet:sockname(L), inet:peername(S) =:= {ok, Own}, Host, inet:peername(L)]),
    p([prim_inet:getstatus(X) || X <- [L, C, S]]), p([prim_inet:gettype(X) || X <- [L, C]]),
    p([inet:setopts(C, [{nodelay, true}, {keepalive, true}]), inet:getopts(C, [nodelay, keepalive, active, mode, packet, linger, exit_on_close])]),
    ok = gen_tcp:send(C, <<"12345">>), ok = gen_tcp:send(C, <<"678">>), {ok, _} = gen_tcp:recv(S, 8),
    p(inet:getstat(C, [send_cnt, send_oct, send_max, send_avg, send_pend, recv_cnt])), p(inet:getstat(S, [recv_oct])),
    p([erlang:port_info(C, name), inet:port(S) =:= {ok, Port}]),
    gen_tcp:close(C), gen_tcp:close(S);
part(errors, L, Port) ->
    {ok, Free} = gen_tcp:listen(0, [{ip, loopback}]), {ok, FreePort} = inet:port(Free), ok = gen_tcp:close(Free),
    p([gen_tcp:connect({127, 0, 0, 1}, FreePort, []), gen_tcp:connect({127, 0, 0, 1}, FreePort, [], 1000)]),
    p([gen_tcp:listen(Port, [{ip, loopback}]), gen_tcp:accept(L, 10), gen_tcp:accept(L, 0)]),
    {C, S} = pair(L, Port, []),
    p([gen_tcp:accept(C), gen_tcp:recv(L, 0), gen_tcp:send(L, "x"), gen_tcp:shutdown(L, write), prim_inet:connect(C, {127, 0, 0, 1}, Port)]),
    p([inet:setopts(C, [{active, 'maybe'}]), inet:setopts(C, [nonsense]), inet:getopts(C, [nonsense]), catch inet:setopts(not_a_socket, [])]),
    ok = gen_tcp:close(C), ok = gen_tcp:close(C),
    p([gen_tcp:send(C, "x"), gen_tcp:recv(C, 0), inet:peername(C), inet:setopts(C, [{active, true}]), gen_tcp:shutdown(C, write)]),
    p([gen_tcp:recv(S, 0), gen_tcp:recv(S, 0), gen_tcp:send(S, "x"), prim_inet:getstatus(S), inet:getopts(S, [active])]),
    gen_tcp:close(S), p([catch gen_tcp:connect({127, 0, 0, 1}, Port, [no_such_option]), catch gen_tcp:connect({1, 2, 3}, Port, [])]);
part(accepting, L, Port) ->
    Self = self(),
    Waiting = [spawn_link(fun() -> R = gen_tcp:accept(L, T), Self ! {accepted, element(1, R), status(R), N}, receive stop -> ok end end)
               || {N, T} <- [{1, infinity}, {2, 60}, {3, infinity}], pause()],
    p(prim_inet:getstatus(L)), p(message()),
    {ok, C1} = gen_tcp:connect({127, 0, 0, 1}, Port, []), p(message()),
    exit(lists:nth(3, Waiting), kill), p(element(3, message())), p(prim_inet:getstatus(L)),
    {ok, C2} = gen_tcp:connect({127, 0, 0, 1}, Port, []), {ok, S2} = gen_tcp:accept(L), p({links, linked(S2)}),
    %% The end of the first closes its socket: what C1 is told of that may overtake the other's exit signal.
    [exit(W, kill) || W <- Waiting], p([receive {'EXIT', W, Why} -> Why after 5000 -> nothing end || W <- lists:droplast(Waiting)]),
    p(message_tag(message())), [gen_tcp:close(X) || X <- [C1, C2, S2]], flush();
part(active, L, Port) ->
    {C, S} = pair(L, Port, [{active, once}]),
    ok = gen_tcp:send(S, "one"), p(shown(message())), ok = gen_tcp:send(S, "two"), p(none()), p(gen_tcp:recv(C, 0)),
    ok = inet:setopts(C, [{active, true}]), p([gen_tcp:recv(C, 0), inet:getopts(C, [active])]), ok = gen_tcp:send(S, "three"), p(shown(message())),
    ok = inet:setopts(C, [{active, false}]), ok = gen_tcp:send(S, "four"), p(none()), p(gen_tcp:recv(C, 0)),
    ok = inet:setopts(C, [{active, true}]), ok = gen_tcp:close(S), p([shown(message()), shown(none())]),
    p([erlang:port_info(C), gen_tcp:send(C, "x")]);
part(owners, L, Port) ->
    {C, S} = pair(L, Port, []), Self = self(),
    Other = spawn_link(fun() -> receive {take, X} -> Self ! {other, shown(message()), X =:= X} end, receive stop -> ok end end),
    ok = gen_tcp:controlling_process(C, Other), p([gen_tcp:controlling_process(C, self()), linked(C), erlang:port_info(C, connected) =:= {connected, Other}]),
    Other ! {take, C}, ok = inet:setopts(C, [{active, true}]), ok = gen_tcp:send(S, "to the other"), p(message()),
    unlink(Other), exit(Other, kill), p(gen_tcp:recv(S, 0)), gen_tcp:close(S);
part(ends, L, Port) ->
    {C, S} = pair(L, Port, [{exit_on_close, false}]),
    ok = gen_tcp:send(S, "last words"), ok = gen_tcp:close(S),
    p([gen_tcp:recv(C, 0), gen_tcp:recv(C, 0), prim_inet:getstatus(C), gen_tcp:recv(C, 0)]), gen_tcp:close(C),
    {C2, S2} = pair(L, Port, []), Self = self(),
    Reader = spawn_link(fun() -> Self ! {reader, gen_tcp:recv(C2, 0)} end), Reads = [{status, waiting}, {current_function, {prim_inet, recv0, 3}}],
    wait_status(fun() -> process_info(Reader, [status, current_function]) =:= Reads end), p(prim_inet:async_recv(C2, 0, 0)),
    ok = gen_tcp:close(C2), p(message()), unlink(Reader), gen_tcp:close(S2), flush(),
    {C3, S3} = pair(L, Port, []), exit(C3, some_reason), p(shown_exit(message())), p(gen_tcp:recv(S3, 0)), gen_tcp:close(S3),
    {C4, S4} = pair(L, Port, []), M = monitor(port, C4), ok = gen_tcp:close(C4), receive {'DOWN', M, Type, _, Why} -> p({Type, Why}) end, gen_tcp:close(S4);
part(half_close, L, Port) ->
    {C, S} = pair(L, Port, []),
    ok = gen_tcp:send(C, "request"), ok = gen_tcp:shutdown(C, write), p([gen_tcp:recv(S, 0), gen_tcp:recv(S, 0)]), gen_tcp:close(S),
    p([gen_tcp:recv(C, 0), gen_tcp:send(C, "x")]), gen_tcp:close(C),
    {C2, S2} = pair(L, Port, [{exit_on_close, false}]), ok = inet:setopts(S2, [{exit_on_close, false}]),
    ok = gen_tcp:send(C2, "request"), ok = gen_tcp:shutdown(C2, write), p([gen_tcp:recv(S2, 0), gen_tcp:recv(S2, 0)]),
    p([gen_tcp:send(S2, "answer"), gen_tcp:recv(C2, 0), gen_tcp:send(C2, "x"), gen_tcp:shutdown(C2, read_write), gen_tcp:shutdown(C2, read)]),
    gen_tcp:close(C2), gen_tcp:close(S2);
part(sending, L, Port) ->
    {C, S} = pair(L, Port, [{delay_send, true}]),
    [ok = gen_tcp:send(C, integer_to_list(N)) || N <- lists:seq(1, 9)], p(gen_tcp:recv(S, 9)),
    p([inet:getopts(C, [delay_send, high_watermark, low_watermark, send_timeout, send_timeout_close])]),
    p([inet:setopts(C, [{high_watermark, 100}]), inet:getopts(C, [high_watermark, low_watermark]), inet:setopts(C, [{low_watermark, 200}]), inet:getopts(C, [high_watermark, low_watermark])]),
    gen_tcp:close(C), gen_tcp:close(S);
part(busy, L, Port) ->
    {C, S} = pair(L, Port, [{sndbuf, 4096}, {send_timeout, 100}]), ok = inet:setopts(S, [{recbuf, 4096}]),
    Data = binary:copy(<<"0123456789">>, 100000),
    p(send_until(C, Data, 100)), p(element(1, inet:getstat(C, [send_pend]))),
    {ok, [{send_pend, Pending}]} = inet:getstat(C, [send_pend]), p(Pending > 0),
    widen(C, S), Reader = spawn_link(fun() -> drain(S) end), wait_status(fun() -> inet:getstat(C, [send_pend]) =:= {ok, [{send_pend, 0}]} end), p(gen_tcp:send(C, "more")),
    unlink(Reader), gen_tcp:close(C), gen_tcp:close(S), flush(),
    {C2, S2} = pair(L, Port, [{sndbuf, 4096}, {send_timeout, 50}, {send_timeout_close, true}]), p([send_until(C2, Data, 100), gen_tcp:send(C2, "x"), gen_tcp:recv(C2, 0)]), gen_tcp:close(S2), gen_tcp:close(C2),
    {C3, S3} = pair(L, Port, [{sndbuf, 4096}]), Self = self(),
    _ = [spawn(fun() -> Self ! {sent, send_until(C3, Data, 3)} end) || _ <- [1, 2]], p(none()), widen(C3, S3), spawn(fun() -> drain(S3) end), p([message(), message()]),
    gen_tcp:close(C3), gen_tcp:close(S3), flush();
part(resets, L, Port) ->
    [begin {C, S} = pair(L, Port, [{show_econnreset, Show}, {active, Active}]), ok = inet:setopts(S, [{linger, {true, 0}}]), ok = gen_tcp:close(S),
           case Active of false -> p([gen_tcp:recv(C, 0), gen_tcp:recv(C, 0)]); true -> p([shown(message()), case Show of true -> shown(message()); false -> same end]), flush() end,
           gen_tcp:close(C) end || Show <- [false, true], Active <- [false, true]];
part(files, L, Port) ->
    Name = "tcp_transcript_file", Data = binary:copy(<<"file data ">>, 30000), ok = file:write_file(Name, Data),
    {C, S} = pair(L, Port, []), Self = self(), spawn_link(fun() -> Self ! {got, gen_tcp:recv(S, byte_size(Data) + 8)} end),
    ok = gen_tcp:send(C, "head"), p(file:sendfile(Name, C)), ok = gen_tcp:send(C, "tail"), {got, {ok, Got}} = message(), p(Got =:= <<"head", Data/binary, "tail">>), flush(),
    {ok, F} = file:open(Name, [raw, read, binary]), p(file:sendfile(F, C, 5, 10, [])), p(gen_tcp:recv(S, 10)), p(file:sendfile(F, C, 299995, 0, [])), p(gen_tcp:recv(S, 5)),
    gen_tcp:close(S), _ = send_until(C, "x", 10), p(file:sendfile(F, C, 0, 0, [])), file:close(F), file:delete(Name), gen_tcp:close(C), flush();
part(inet6, _, _) ->
    case gen_tcp:listen(0, [inet6, {ip, {0, 0, 0, 0, 0, 0, 0, 1}}, {active, false}]) of
        {ok, L} ->
            {ok, Port} = inet:port(L), {ok, C} = gen_tcp:connect({0, 0, 0, 0, 0, 0, 0, 1}, Port, [inet6]), {ok, S} = gen_tcp:accept(L),
            {ok, {Peer, _}} = inet:peername(S), p(Peer), p(prim_inet:gettype(C)), p(inet:getopts(L, [ipv6_v6only])), ok = gen_tcp:send(S, "six"), p(shown(message())),
            [gen_tcp:close(X) || X <- [C, S, L]], flush();
        Error -> p(Error)
    end;
part(local, _, _) ->
    Name = "tcp_transcript_socket", file:delete(Name),
    {ok, L} = gen_tcp:listen(0, [{ifaddr, {local, Name}}, {active, false}]), p([inet:sockname(L), inet:port(L), file:read_link_info(Name) =/= {error, enoent}]),
    {ok, C} = gen_tcp:connect({local, Name}, 0, [{active, true}]), {ok, S} = gen_tcp:accept(L), p([inet:peername(C), inet:sockname(C), inet:peername(S)]),
    ok = gen_tcp:send(S, "local"), p(shown(message())), [gen_tcp:close(X) || X <- [C, S, L]], flush(), file:delete(Name),
    p([gen_tcp:connect({local, "no_such_socket"}, 0, []), gen_tcp:listen(0, [{ifaddr, {local, lists:duplicate(108, $x)}}])]),
    {ok, A} = gen_tcp:listen(0, [{ifaddr, {local, <<0, "abstract of transcript">>}}]), p(inet:sockname(A)), gen_tcp:close(A);
part(descriptors, L, Port) ->
    {C, S} = pair(L, Port, []), {ok, Descriptor} = inet:getfd(C), {ok, D} = gen_tcp:fdopen(Descriptor, [binary, {active, false}]),
    ok = gen_tcp:send(S, "by descriptor"), p(gen_tcp:recv(D, 0)), p(inet:peername(D) =:= inet:peername(C)), gen_tcp:close(D), gen_tcp:close(C), gen_tcp:close(S), p(gen_tcp:fdopen(99999, [])).

pause() -> receive after 20 -> true end.
status({ok, S}) -> {ok, Status} = prim_inet:getstatus(S), Status;
status({error, Reason}) -> Reason.
linked(S) -> lists:member(S, element(2, process_info(self(), links))).
message_tag(Message) when is_tuple(Message) -> element(1, Message);
message_tag(Message) -> Message.
shown(Message) when is_tuple(Message) -> list_to_tuple([if is_port(E) -> socket; true -> E end || E <- tuple_to_list(Message)]);
shown(Message) -> Message.
shown_exit({'EXIT', P, Reason}) when is_port(P) -> {'EXIT', socket, Reason}.
flush() -> receive _ -> flush() after 20 -> ok end.
wait_status(F) -> case F() of true -> ok; _ -> receive after 5 -> wait_status(F) end end.
send_until(_, _, 0) -> ok;
send_until(C, Data, N) -> case gen_tcp:send(C, Data) of ok -> send_until(C, Data, N - 1); Error -> Error end.
%% With the smallest buffers each segment waits for the kernel's timers.
widen(C, S) -> ok = inet:setopts(C, [{sndbuf, 1 bsl 20}]), ok = inet:setopts(S, [{recbuf, 1 bsl 20}]).
drain(S) -> case gen_tcp:recv(S, 0) of {ok, _} -> drain(S); _ -> ok end.
