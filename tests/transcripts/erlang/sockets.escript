#!/usr/bin/env escript
%% OTP's `socket`, `net`, and gen_tcp on top of `socket`.
-module(sockets_transcript).
-mode(compile).

main(_) ->
    [begin io:format("-- ~p~n", [Part]), part(Part) end
     || Part <- [streams, waiting, cancelling, closing, datagrams, messages, options, local, vectors, files, descriptors, owners, registry, backend, names]].

p(Term) -> io:format("~kp~n", [Term]).
any() -> #{family => inet, addr => loopback, port => 0}.

pair() ->
    {ok, L} = socket:open(inet, stream, tcp), ok = socket:bind(L, any()), ok = socket:listen(L), {ok, Address} = socket:sockname(L),
    {ok, C} = socket:open(inet, stream), ok = socket:connect(C, Address), {ok, S} = socket:accept(L), ok = socket:close(L), {C, S}.
udp() -> {ok, S} = socket:open(inet, dgram, udp), ok = socket:bind(S, any()), {ok, Address} = socket:sockname(S), {S, Address}.
message() -> receive M -> M after 5000 -> nothing end.
none() -> receive M -> M after 20 -> nothing end.
tag({'$socket', _, Tag, {_, Reason}}) -> {Tag, Reason};
tag({'$socket', _, Tag, Ref}) when is_reference(Ref) -> Tag;
tag(Other) -> Other.
kind({select, {select_info, Operation, Ref}}) when is_reference(Ref) -> {select, Operation};
kind({select, {{select_info, Operation, Ref}, Data}}) when is_reference(Ref) -> {select, Operation, Data};
kind(Other) -> Other.

part(streams) ->
    {C, S} = pair(), p([socket:send(C, <<"abcdef">>), socket:recv(S, 2), socket:recv(S, 1, 1000), socket:recv(S)]),
    p([socket:recv(S, 0, 0), socket:recv(S, 3, 10), socket:send(C, <<"xy">>), socket:recv(S, 3, 100), socket:send(C, <<"z">>), socket:recv(S, 1)]),
    {ok, #{addr := Host, family := Family}} = socket:peername(C), p({Family, Host}), p(socket:peername(C) =:= socket:sockname(S)),
    p([maps:with([domain, type, protocol, ctype, num_readers], socket:info(C))]),
    Large = binary:copy(<<"0123456789">>, 100000), Self = self(), spawn_link(fun() -> Self ! {sent, socket:send(C, Large)} end),
    {ok, Got} = socket:recv(S, byte_size(Large)), p(Got =:= Large), p(message()),
    ok = socket:send(C, <<"peeked">>), p([socket:recv(S, 3, [peek]), socket:recv(S, 6)]),
    p([socket:shutdown(C, write), socket:recv(S), socket:send(S, <<"still">>), socket:recv(C), socket:close(S), socket:recv(C), socket:close(C)]),
    {ok, L} = socket:open(inet, stream), ok = socket:bind(L, any()), {ok, A} = socket:sockname(L), ok = socket:close(L), {ok, D} = socket:open(inet, stream), p(socket:connect(D, A)), socket:close(D);
part(waiting) ->
    {C, S} = pair(), Self = self(),
    p(kind(socket:recv(S, 0, nowait))), p(none()), ok = socket:send(C, <<"now">>), p(tag(message())), p(socket:recv(S, 0, nowait)),
    p(kind(socket:recv(S, 5, nowait))), ok = socket:send(C, <<"abc">>), p(tag(message())), p(kind(socket:recv(S, 5, nowait))), ok = socket:send(C, <<"de">>), p(tag(message())), p(socket:recv(S, 5, nowait)),
    Readers = [spawn_link(fun() -> Self ! {N, socket:recv(S, 1)}, receive stop -> ok end end) || N <- [1, 2, 3], begin timer:sleep(20), true end],
    timer:sleep(20), p(maps:get(num_readers, socket:info(S))), ok = socket:send(C, <<"abc">>), p([message(), message(), message()]), [R ! stop || R <- Readers],
    Victim = spawn(fun() -> socket:recv(S) end), timer:sleep(20), spawn_link(fun() -> Self ! {after_victim, socket:recv(S)} end), timer:sleep(20), exit(Victim, kill), ok = socket:send(C, <<"for the other">>), p(message()),
    {ok, L} = socket:open(inet, stream), ok = socket:bind(L, any()), ok = socket:listen(L), {ok, A} = socket:sockname(L), p(kind(socket:accept(L, nowait))), p(socket:accept(L, 10)), p(tag(message())),
    {ok, D} = socket:open(inet, stream), p(lists:member(socket:connect(D, A, nowait), [ok]) orelse true), p(element(1, socket:accept(L, 1000))), [socket:close(X) || X <- [C, S, L, D]], flush();
part(cancelling) ->
    {C, S} = pair(), {select, Info} = socket:recv(S, 0, nowait), p(socket:cancel(S, Info)), p(element(1, element(2, socket:cancel(S, Info)))), ok = socket:send(C, <<"x">>), p(none()), p(socket:recv(S)),
    {select, Info2} = socket:recv(S, 0, nowait), ok = socket:send(C, <<"y">>), timer:sleep(50), p(socket:cancel(S, Info2)), p(none()), p(socket:recv(S)), socket:close(C), socket:close(S);
part(closing) ->
    {C, S} = pair(), Self = self(), spawn_link(fun() -> Self ! socket:recv(S) end), timer:sleep(20), {ok, ok} = {ok, socket:close(S)}, p(message()),
    p([socket:recv(S), socket:send(S, <<"x">>), socket:close(S), socket:sockname(S), socket:setopt(S, {socket, keepalive}, true), socket:getopt(S, {otp, rcvbuf}), maps:get(rstates, socket:info(S))]), socket:close(C),
    {D, _} = pair(), {select, _} = socket:recv(D, 0, nowait), ok = socket:close(D), p(tag(message())),
    Owner = spawn(fun() -> {X, Y} = pair(), Self ! {X, Y}, receive stop -> ok end end), {X, _} = message(), p(maps:get(owner, socket:info(X)) =:= Owner), M = monitor(process, Owner), Owner ! stop, receive {'DOWN', M, _, _, _} -> ok end, p(socket:recv(X));
part(datagrams) ->
    {A, AA} = udp(), {B, _} = udp(),
    p([socket:sendto(B, <<"one">>, AA), socket:sendto(B, [<<"t">>, "wo"], AA), socket:sendto(B, <<>>, AA)]),
    {ok, {#{family := inet, addr := H}, D}} = socket:recvfrom(A), p({H, D}), p([element(2, element(2, socket:recvfrom(A))), element(2, element(2, socket:recvfrom(A, 100, [], 1000)))]), p([socket:recvfrom(A, 0, 10), kind(socket:recvfrom(A, 0, nowait))]),
    p([socket:connect(B, AA), socket:send(B, <<"connected">>), tag(message()), socket:recv(A), socket:sendto(B, binary:copy(<<0>>, 70000), AA), catch socket:sendto(B, <<>>, #{family => inet, port => 1, addr => x})]), socket:close(A), socket:close(B);
part(messages) ->
    {A, AA} = udp(), {B, _} = udp(), ok = socket:setopt(A, {ip, recvttl}, true), ok = socket:setopt(A, {ip, recvtos}, true), ok = socket:setopt(A, {ip, pktinfo}, true),
    ok = socket:sendmsg(B, #{addr => AA, iov => [<<"par">>, <<"ts">>], ctrl => [#{level => ip, type => ttl, value => 7}, #{level => ip, type => tos, value => lowdelay}]}),
    {ok, M} = socket:recvmsg(A), p(maps:without([addr, ctrl], M)), p(lists:sort([{T, V} || #{type := T, value := V} <- maps:get(ctrl, M), T =/= pktinfo])), p([maps:with([addr], V) || #{type := pktinfo, value := V} <- maps:get(ctrl, M)]),
    ok = socket:sendto(B, <<"too long">>, AA), {ok, T} = socket:recvmsg(A, 3, 0), p(maps:with([iov, flags], T)),
    p([socket:sendmsg(B, #{addr => AA, iov => [<<"x">>], ctrl => [#{level => ip, type => nonsense, value => 1}]}), socket:sendmsg(B, #{iov => [x]})]), socket:close(A), socket:close(B);
part(options) ->
    {S, _} = udp(), {C, D} = pair(),
    p([{O, socket:setopt(S, O, V), socket:getopt(S, O)} || {O, V} <- [{{socket, broadcast}, true}, {{socket, priority}, 3}, {{ip, tos}, throughput}, {{ip, tos}, 12}, {{ip, ttl}, 9}, {{ip, mtu_discover}, want}, {{ip, multicast_if}, {127, 0, 0, 1}}, {{ip, multicast_ttl}, 4},
        {{otp, rcvbuf}, 1000}, {{otp, rcvctrlbuf}, 500}, {{otp, meta}, {any, [term]}}, {{otp, debug}, false}, {{ip, recvtos}, true}]]),
    p([{O, socket:setopt(C, O, V), socket:getopt(C, O)} || {O, V} <- [{{tcp, nodelay}, true}, {{tcp, keepcnt}, 5}, {{socket, linger}, #{onoff => true, linger => 2}}, {{otp, rcvbuf}, {4, 2048}}, {{socket, keepalive}, true}]]),
    p([socket:getopt(C, O) || O <- [{socket, domain}, {socket, type}, {socket, protocol}, {socket, acceptconn}, {otp, domain}, {ip, msfilter}, {socket, nonsense}, {nonsense, x}]]),
    p([socket:setopt(S, {ip, add_membership}, #{multiaddr => {224, 0, 0, 251}, interface => loopback}), socket:setopt(S, {ip, drop_membership}, #{multiaddr => {224, 0, 0, 251}, interface => loopback}), socket:setopt(S, {ip, ttl}, high), socket:setopt(S, {socket, type}, stream)]),
    p([socket:setopt_native(S, {ip, ttl}, <<11:32/native>>), socket:getopt_native(S, {ip, ttl}, integer), socket:getopt_native(S, {ip, 2}, 4) =:= {ok, <<11:32/native>>}, socket:getopt_native(S, {socket, broadcast}, boolean), socket:setopt_native(S, {0, 9999}, 1)]), [socket:close(X) || X <- [S, C, D]];
part(local) ->
    Name = "sockets_transcript_socket", file:delete(Name), {ok, L} = socket:open(local, stream), p([socket:bind(L, #{family => local, path => Name}), socket:listen(L), socket:sockname(L)]),
    {ok, C} = socket:open(local, stream), p(socket:connect(C, #{family => local, path => Name})), {ok, S} = socket:accept(L), p([socket:send(C, <<"local">>), socket:recv(S), socket:sockname(C)]), [socket:close(X) || X <- [C, S, L]], file:delete(Name),
    p([socket:getopt(L, {socket, protocol}), socket:open(nonsense, stream), socket:open(local, nonsense), catch socket:open(inet, stream, nonsense)]);
part(vectors) ->
    {C, S} = pair(), Many = [<<N>> || N <- lists:seq(1, 200)], p([socket:sendv(C, [<<"a">>, <<"bc">>]), socket:recv(S), socket:sendv(C, Many), socket:recv(S, 200) =:= {ok, iolist_to_binary(Many)}]),
    Long = lists:append(lists:duplicate(20, Many)), ok = socket:sendv(C, Long), {ok, Got} = socket:recv(S, 4000), p(Got =:= iolist_to_binary(Long)), socket:close(C), socket:close(S);
part(files) ->
    Name = "sockets_transcript_file", ok = file:write_file(Name, binary:copy(<<"0123456789">>, 1000)), {C, S} = pair(), {ok, F} = file:open(Name, [raw, read, binary]),
    p([socket:sendfile(C, F), element(2, socket:recv(S, 10000)) =:= element(2, file:read_file(Name)), socket:sendfile(C, F, 5, 3), socket:recv(S), socket:sendfile(C, F, 9999, 0), socket:recv(S)]), file:close(F), file:delete(Name), socket:close(C), socket:close(S);
part(descriptors) ->
    {C, S} = pair(), {ok, Number} = socket:getopt(C, {otp, fd}), {ok, D} = socket:open(Number), p([maps:with([domain, type, protocol], socket:info(D)), socket:send(D, <<"by descriptor">>), socket:recv(S), element(1, maps:get(ctype, socket:info(D)))]), p(socket:open(99999)), [socket:close(X) || X <- [C, D, S]];
part(owners) ->
    {C, S} = pair(), Self = self(), Other = spawn(fun() -> receive {go, X} -> Self ! {other, socket:setopt(X, {otp, controlling_process}, Self)} end end),
    p([socket:setopt(C, {otp, controlling_process}, Other), socket:setopt(C, {otp, meta}, x), socket:getopt(C, {otp, controlling_process}) =:= {ok, Other}]), Other ! {go, C}, p(message()), p(socket:getopt(C, {otp, controlling_process}) =:= {ok, Self}), socket:close(C), socket:close(S);
part(registry) ->
    Before = socket:number_of(), {S, _} = udp(), p([socket:number_of() - Before, length(socket:which_sockets(udp)), socket:which_sockets(udp) =:= [S]]), M = socket:monitor(S), ok = socket:close(S), p(begin {'DOWN', M, socket, S, Why} = message(), Why end),
    p([socket:number_of() - Before, socket:is_supported(ipv6), socket:is_supported(options, ip, ttl), socket:is_supported(options, socket, nonsense), socket:is_supported(msg_flags, peek)]),
    ok = socket:use_registry(false), {Unknown, _} = udp(), p([maps:get(use_registry, socket:info()), socket:number_of() - Before]),
    ok = socket:use_registry(true), {Known, _} = udp(), p([maps:get(use_registry, socket:info()), socket:number_of() - Before]), socket:close(Unknown), socket:close(Known),
    Watching = fun(Pid) -> {_, By} = process_info(Pid, monitored_by), length([R || R <- By, is_reference(R)]) end, Others = Watching(self()), {Watched, _} = udp(), Reader = spawn(fun() -> socket:recv(Watched) end), timer:sleep(20),
    p([Watching(self()) - Others, Watching(Reader)]), socket:close(Watched), p(Watching(self()) - Others);
part(backend) ->
    {ok, L} = gen_tcp:listen(0, [{inet_backend, socket}, binary, {active, false}, {packet, line}, {ip, {127, 0, 0, 1}}]), {ok, Port} = inet:port(L), {ok, C} = gen_tcp:connect({127, 0, 0, 1}, Port, [{inet_backend, socket}, binary]), {ok, S} = gen_tcp:accept(L),
    p([gen_tcp:send(C, "one\ntwo\n"), gen_tcp:recv(S, 0), gen_tcp:recv(S, 0), gen_tcp:recv(S, 0, 10), gen_tcp:send(S, "back"), setelement(2, message(), socket), inet:getopts(S, [packet, active, nodelay])]),
    ok = inet:setopts(S, [{active, once}]), ok = gen_tcp:send(C, "three\nfour\n"), p([setelement(2, message(), socket), none(), gen_tcp:recv(S, 0)]), ok = gen_tcp:close(S), p(setelement(2, message(), socket)), gen_tcp:close(C), gen_tcp:close(L),
    {ok, U} = gen_udp:open(0, [{inet_backend, socket}, {ip, {127, 0, 0, 1}}]), {ok, PU} = inet:port(U), p([gen_udp:send(U, {127, 0, 0, 1}, PU, "to itself"), setelement(4, setelement(2, message(), socket), port)]), gen_udp:close(U);
part(names) ->
    p([net:getnameinfo(#{family => inet, addr => {127, 0, 0, 1}, port => 80}, [numerichost, numericserv]), element(2, net:getaddrinfo("127.0.0.1", "80")), net:getaddrinfo("127.0.0.1", "no such service")]),
    {ok, All} = net:getifaddrs(inet), [Lo] = [I || #{addr := #{addr := {127, 0, 0, 1}}} = I <- All], p(Lo), p([net:if_name2index(maps:get(name, Lo)), net:if_index2name(1), net:if_name2index("nosuchif"), is_list(element(2, net:if_names())), is_list(element(2, net:gethostname()))]),
    {S, _} = udp(), p([socket:ioctl(S, gifaddr, maps:get(name, Lo)), socket:ioctl(S, gifmtu, maps:get(name, Lo)), socket:ioctl(S, gifindex, maps:get(name, Lo)), socket:ioctl(S, nread), socket:ioctl(S, gifname, 1), lists:member(loopback, element(2, socket:ioctl(S, gifflags, maps:get(name, Lo))))]), socket:close(S).

flush() -> receive _ -> flush() after 20 -> ok end.
