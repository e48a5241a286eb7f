#!/usr/bin/env escript
%% OTP's own resolver, asking a name server of this script over the loopback, by UDP and by TCP.
-module(dns_transcript).
-mode(compile).

main(_) ->
    {ok, U} = gen_udp:open(0, [binary, {ip, loopback}, {active, false}]),
    {ok, Port} = inet:port(U),
    {ok, L} = gen_tcp:listen(Port, [binary, {ip, loopback}, {active, false}, {packet, 2}]),
    spawn_link(fun() -> serve_udp(U) end),
    spawn_link(fun() -> serve_tcp(L) end),
    Options = [{nameservers, [{{127, 0, 0, 1}, Port}]}, {timeout, 2000}, {retry, 1}],
    P = fun(X) -> io:format("~p~n", [X]) end,
    P([inet_res:lookup(N, in, T, Options) || {N, T} <- [{"host.test", a}, {"host.test", aaaa}, {"alias.test", a}, {"host.test", mx}, {"host.test", txt}, {"nobody.test", a}]]),
    {ok, Answer} = inet_res:resolve("host.test", in, a, Options), P(length(inet_dns:msg(Answer, anlist))),
    P([inet_res:getbyname("host.test", a, 1000), inet_res:gethostbyaddr({192, 0, 2, 1}, 10)]),
    P(inet_res:resolve("nobody.test", in, a, Options)),
    P(length(inet_res:lookup("many.test", in, a, Options))),
    P([inet_res:lookup("host.test", in, a, [usevc, {usevc, true} | Options]), inet_res:lookup("host.test", in, a, [{usevc, true} | Options])]),
    ok = inet_db:set_lookup([dns]), ok = inet_db:add_ns({127, 0, 0, 1}, Port), ok = inet_db:set_timeout(2000),
    P([inet:gethostbyname("host.test"), inet:getaddr("alias.test", inet), inet:gethostbyname("host.test", inet6), inet:gethostbyaddr({192, 0, 2, 1}), inet:gethostbyname("nobody.test")]).

serve_udp(U) ->
    {ok, {Host, Port, Query}} = gen_udp:recv(U, 0),
    gen_udp:send(U, Host, Port, answer(Query, udp)),
    serve_udp(U).

serve_tcp(L) ->
    {ok, S} = gen_tcp:accept(L),
    case gen_tcp:recv(S, 0) of
        {ok, Query} -> gen_tcp:send(S, answer(Query, tcp));
        _ -> ok
    end,
    gen_tcp:close(S),
    serve_tcp(L).

answer(Query, Way) ->
    {ok, Message} = inet_dns:decode(Query),
    [Question] = inet_dns:msg(Message, qdlist),
    {Name, Type} = {inet_dns:dns_query(Question, domain), inet_dns:dns_query(Question, type)},
    Answers = [inet_dns:make_rr([{domain, D}, {type, T}, {class, in}, {ttl, 60}, {data, Data}]) || {D, T, Data} <- records(Name, Type)],
    Cut = Way =:= udp andalso length(Answers) > 50,
    Header = inet_dns:make_header(inet_dns:msg(Message, header), [{qr, true}, {ra, true}, {tc, Cut}, {rcode, case Answers of [] -> 3; _ -> 0 end}]),
    inet_dns:encode(inet_dns:make_msg([{header, Header}, {qdlist, [Question]}, {anlist, case Cut of true -> []; false -> Answers end}])).

records("alias.test", a) -> [{"alias.test", cname, "host.test"} | records("host.test", a)];
records("host.test", a) -> [{"host.test", a, {192, 0, 2, 1}}, {"host.test", a, {192, 0, 2, 2}}];
records("host.test", aaaa) -> [{"host.test", aaaa, {8193, 3512, 0, 0, 0, 0, 0, 1}}];
records("host.test", mx) -> [{"host.test", mx, {10, "mail.test"}}];
records("host.test", txt) -> [{"host.test", txt, ["some", "text"]}];
records("1.2.0.192.in-addr.arpa", ptr) -> [{"1.2.0.192.in-addr.arpa", ptr, "host.test"}];
records("many.test", a) -> [{"many.test", a, {10, 0, N div 256, N rem 256}} || N <- lists:seq(1, 300)];
records(_, _) -> [].
