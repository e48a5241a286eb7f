#!/usr/bin/env escript
%% TLS 1.2 and 1.3 over the loopback interface: server and client in one machine, certificates checked.
-module(tls_transcript).
-mode(compile).

main(_) ->
    {ok, _} = application:ensure_all_started(ssl),
    logger:set_primary_config(level, none),
    [Rsa, Ec, Ed] = [chains(Key) || Key <- [{rsa, 2048, 65537}, {namedCurve, secp256r1}, {namedCurve, ed25519}]],
    [p({Name, Version, talk(Chains, both([{versions, [Version]}]))}) || Version <- ['tlsv1.2', 'tlsv1.3'], {Name, Chains} <- [{rsa, Rsa}, {ec, Ec}, {ed25519, Ed}]],
    p({defaults, talk(Ec, both([]))}),
    [p({ssl:suite_to_openssl_str(Suite), element(1, talk(chains_for(Suite, Rsa, Ec), both([{versions, [Version]}, {ciphers, [Suite]}])))})
     || Version <- ['tlsv1.2', 'tlsv1.3'], Suite <- suites(Version)],
    [p({Group, element(1, talk(Ec, both([{versions, ['tlsv1.3']}, {supported_groups, [Group]}])))}) || Group <- [x25519, x448, secp256r1, secp384r1, secp521r1, ffdhe2048]],
    Demand = [{verify, verify_peer}, {fail_if_no_peer_cert, true}],
    [p({client_certificate, V, talk(Ec, {[{versions, [V]} | Demand], [{versions, [V]}]})}) || V <- ['tlsv1.2', 'tlsv1.3']],
    p({alpn, talk(Ec, {[{alpn_preferred_protocols, [<<"h2">>, <<"http/1.1">>]}], [{alpn_advertised_protocols, [<<"http/1.1">>]}]})}),
    %% What must not work.
    {Server, Client} = Ec, {_, Other} = Rsa,
    p({unknown_authority, talk({Server, Other}, both([{versions, ['tlsv1.3']}]))}),
    p({wrong_name, talk(Ec, {[], [{server_name_indication, "elsewhere.example"}]})}),
    p({no_version, talk(Ec, {[{versions, ['tlsv1.2']}], [{versions, ['tlsv1.3']}]})}),
    p({no_client_certificate, talk({Server, proplists:delete(cert, proplists:delete(key, Client))}, {[{versions, ['tlsv1.2']} | Demand], [{versions, ['tlsv1.2']}]})}),
    [large(Ec, V) || V <- ['tlsv1.2', 'tlsv1.3']],
    [renewed(Ec, V) || V <- ['tlsv1.2', 'tlsv1.3']],
    active(Ec),
    http(Ec).

p(X) -> io:format("~0kp~n", [X]).
both(Options) -> {Options, Options}.

suites('tlsv1.2' = V) ->
    [S || #{key_exchange := K, cipher := C} = S <- ssl:cipher_suites(all, V), lists:member(K, [ecdhe_rsa, ecdhe_ecdsa, dhe_rsa]), lists:member(C, [aes_128_gcm, aes_256_gcm, chacha20_poly1305, aes_128_cbc, aes_128_ccm_8])];
suites(V) -> ssl:cipher_suites(exclusive, V).

chains_for(#{key_exchange := ecdhe_ecdsa}, _, Ec) -> Ec;
chains_for(_, Rsa, _) -> Rsa.

chains(Key) ->
    #{server_config := Server, client_config := Client} =
        public_key:pkix_test_data(#{server_chain => #{root => with(Key), intermediates => [with(Key)], peer => with(Key)},
                                    client_chain => #{root => with(Key), intermediates => [], peer => with(Key)}}),
    {Server, Client}.

with(Key) -> [{key, Key}, {digest, sha256}].

listen({Server, _}, Options) ->
    {ok, Listen} = ssl:listen(0, Options ++ Server ++ [{reuseaddr, true}, {active, false}, {mode, binary}, {ip, {127, 0, 0, 1}}]),
    {ok, {_, Port}} = ssl:sockname(Listen),
    {Listen, Port}.

connect({_, Client}, Port, Options) ->
    Name = case lists:keymember(server_name_indication, 1, Options) of true -> []; false -> [{server_name_indication, net_adm:localhost()}] end,
    ssl:connect({127, 0, 0, 1}, Port, Options ++ Name ++ Client ++ [{verify, verify_peer}, {active, false}, {mode, binary}], 5000).

%% A process that accepts one connection and does something with it; its result.
serve(Listen, Work) ->
    spawn_monitor(fun() ->
        {ok, T} = ssl:transport_accept(Listen, 5000),
        exit(case ssl:handshake(T, 5000) of {ok, S} -> Work(S); {error, Reason} -> {error, reason(Reason)} end)
    end).

result({Pid, Monitor}) -> receive {'DOWN', Monitor, process, Pid, Result} -> Result after 10000 -> timeout end.

%% What one connection does: the version, and what arrives; or each side's error.
talk(Chains, {ServerOptions, ClientOptions}) ->
    {Listen, Port} = listen(Chains, ServerOptions),
    Server = serve(Listen, fun(S) ->
        {ok, Data} = ssl:recv(S, 5, 5000), ok = ssl:send(S, ["echo ", Data]), Peer = element(1, ssl:peercert(S)), ssl:close(S), {served, Peer}
    end),
    Client = case connect(Chains, Port, ClientOptions) of
        {ok, S} ->
            {ok, [{protocol, Version}]} = ssl:connection_information(S, [protocol]),
            ok = ssl:send(S, <<"hello">>),
            {Version, ssl:recv(S, 10, 5000), ssl:negotiated_protocol(S), ssl:recv(S, 0, 5000)};
        {error, Reason} -> {error, reason(Reason)}
    end,
    ServerSide = result(Server),
    ssl:close(Listen),
    {Client, ServerSide}.

reason({tls_alert, {Alert, _}}) -> Alert;
reason(Reason) -> Reason.

%% More than one record, both ways at once.
large(Chains, Version) ->
    Data = binary:copy(<<"0123456789abcdef">>, 50000),
    {Listen, Port} = listen(Chains, [{versions, [Version]}]),
    Server = serve(Listen, fun(S) -> ok = ssl:send(S, Data), {ok, Got} = ssl:recv(S, byte_size(Data), 10000), ok = ssl:send(S, "done"), Got =:= Data end),
    {ok, S} = connect(Chains, Port, [{versions, [Version]}]),
    ok = ssl:send(S, Data), {ok, Got} = ssl:recv(S, byte_size(Data), 10000), Done = ssl:recv(S, 4, 5000),
    p({large, Version, Got =:= Data, Done, result(Server)}),
    ssl:close(S), ssl:close(Listen).

%% New keys within a connection, and material exported from it.
renewed(Chains, Version) ->
    {Listen, Port} = listen(Chains, [{versions, [Version]}]),
    Server = serve(Listen, fun(S) -> {ok, <<"one">>} = ssl:recv(S, 3, 5000), {ok, <<"two">>} = ssl:recv(S, 3, 5000), {ok, Key} = ssl:export_key_materials(S, [<<"EXPERIMENTAL-test">>], [<<"context">>], [32]), ok = ssl:send(S, "three"), Key end),
    {ok, S} = connect(Chains, Port, [{versions, [Version]}]),
    ok = ssl:send(S, "one"),
    Renewed = case Version of 'tlsv1.3' -> ssl:update_keys(S, read_write); _ -> ssl:renegotiate(S) end,
    ok = ssl:send(S, "two"), Three = ssl:recv(S, 5, 5000),
    {ok, Key} = ssl:export_key_materials(S, [<<"EXPERIMENTAL-test">>], [<<"context">>], [32]),
    p({renewed, Version, Renewed, Three, result(Server) =:= Key}),
    ssl:close(S), ssl:close(Listen).

%% Messages instead of calls, line by line.
active(Chains) ->
    {Listen, Port} = listen(Chains, []),
    Server = serve(Listen, fun(S) -> ok = ssl:send(S, "first\nsecond\nrest"), ok = ssl:shutdown(S, write), ssl:recv(S, 0, 5000) end),
    {ok, S} = connect(Chains, Port, [{packet, line}]),
    ok = ssl:setopts(S, [{active, once}]),
    First = receive {ssl, S, Line1} -> Line1 after 5000 -> timeout end,
    ok = ssl:setopts(S, [{active, true}]),
    Rest = collect(S),
    ssl:close(S),
    p({active, First, Rest, result(Server)}),
    ssl:close(Listen).

collect(S) -> receive {ssl, S, Line} -> [Line | collect(S)]; {ssl_closed, S} -> [closed]; {ssl_error, S, E} -> [E] after 5000 -> [timeout] end.

%% OTP's HTTP client and server over it.
http({Server, Client}) ->
    {ok, _} = application:ensure_all_started(inets),
    Root = filename:join(os:getenv("TMPDIR", "/tmp"), "tls_transcript_" ++ os:getpid()), ok = filelib:ensure_path(Root),
    ok = file:write_file(filename:join(Root, "page.html"), "<p>over TLS</p>"),
    {ok, Pid} = inets:start(httpd, [{port, 0}, {bind_address, {127, 0, 0, 1}}, {server_name, "localhost"}, {server_root, Root}, {document_root, Root}, {socket_type, {ssl, Server}}]),
    [{port, Port}] = httpd:info(Pid, [port]),
    Url = fun(Path) -> "https://127.0.0.1:" ++ integer_to_list(Port) ++ Path end,
    Get = fun(Path) -> {ok, {{_, Status, _}, _, Body}} = httpc:request(get, {Url(Path), []}, [{ssl, Client ++ [{verify, verify_peer}, {server_name_indication, net_adm:localhost()}]}, {timeout, 5000}], [{body_format, binary}]), {Status, byte_size(Body) < 100 andalso Body} end,
    p({http, Get("/page.html"), element(1, Get("/none.html")), Get("/page.html")}),
    ok = inets:stop(httpd, Pid),
    ok = file:del_dir_r(Root).
