#!/usr/bin/env escript
%% OTP's ssl on this machine against other programs' TLS, both ways: openssl, curl and Python. Loopback only.
%%
%% Prints a line for each check: `ok`, `skipped` when the program is not there, or `FAILED` with what was seen. Ends
%% with status 1 when one failed. `crates/conformance/tests/tls_programs.rs` runs it.
-module(tls_programs).
-mode(compile).

-define(PATIENCE, 20000).

main(_) ->
    {ok, _} = application:ensure_all_started(ssl),
    {ok, _} = application:ensure_all_started(inets),
    logger:set_primary_config(level, none),
    Folder = filename:join(filename:basedir(user_cache, "tls_programs"), os:getpid()),
    ok = filelib:ensure_path(Folder),
    Outcomes = try checks(credentials(Folder)) after file:del_dir_r(Folder) end,
    halt(case lists:member(failed, Outcomes) of true -> 1; false -> 0 end).

checks(Files) ->
    Versions = [{'tlsv1.2', "1.2"}, {'tlsv1.3', "1.3"}],
    [check(Program, [Program, " ", What, ", TLS ", Text], fun() -> Check(Files, Version, Text) end)
     || {Program, What, Check} <- list(), {Version, Text} <- Versions]
    ++ [check("curl", "curl does not trust an unknown authority", fun() -> distrust(Files) end),
        check("openssl", "openssl s_client without the certificate that is asked for", fun() -> nameless(Files) end)].

list() ->
    [{"openssl", "s_client", fun s_client/3}, {"openssl", "s_server", fun s_server/3},
     {"openssl", "s_client with a certificate", fun s_client_known/3}, {"openssl", "s_server -www for httpc", fun s_server_www/3},
     {"curl", "with httpd", fun curl/3}, {"python3", "as client", fun python_client/3}, {"python3", "as server", fun python_server/3}].

check(Program, Name, Check) ->
    case os:find_executable(Program) of
        false -> io:format("skipped: ~ts: no ~ts here~n", [Name, Program]), skipped;
        _ ->
            try Check() of
                ok -> io:format("ok: ~ts~n", [Name]), ok;
                Seen -> io:format("FAILED: ~ts: ~tp~n", [Name, Seen]), failed
            catch
                Class:Reason:Trace -> io:format("FAILED: ~ts: ~tp~n", [Name, {Class, Reason, Trace}]), failed
            end
    end.

%% Files with the authority's certificate, and certificate and key of server and client.
credentials(Folder) ->
    Key = [{key, {rsa, 2048, 65537}}, {digest, sha256}],
    Name = [{extensions, [{'Extension', {2, 5, 29, 17}, false, [{dNSName, "localhost"}]}]}],
    #{server_config := Server, client_config := Client} =
        public_key:pkix_test_data(#{server_chain => #{root => Key, intermediates => [], peer => Name ++ Key},
                                    client_chain => #{root => Key, intermediates => [], peer => Key}}),
    maps:from_list([{Role, write(Folder, Role, Config)} || {Role, Config} <- [{server, Server}, {client, Client}]]).

%% Each side trusts the authorities in its own file `cacerts`.
write(Folder, Role, Config) ->
    Path = fun(What) -> filename:join(Folder, lists:concat([Role, "_", What, ".pem"])) end,
    {KeyType, KeyDer} = proplists:get_value(key, Config),
    Certificates = [{'Certificate', Der, not_encrypted} || Der <- proplists:get_value(cacerts, Config)],
    Entries = #{cacerts => Certificates, cert => [{'Certificate', proplists:get_value(cert, Config), not_encrypted}],
                key => [{KeyType, KeyDer, not_encrypted}]},
    maps:map(fun(What, Entry) -> ok = file:write_file(Path(What), public_key:pem_encode(Entry)), Path(What) end, Entries).

options(Role, Files) ->
    #{cacerts := Authorities, cert := Certificate, key := Key} = maps:get(Role, Files),
    [{cacertfile, Authorities}, {certfile, Certificate}, {keyfile, Key}, {active, false}, {mode, binary}].

%% --- this machine as server ------------------------------------------------------------------------------------------

%% A server that sends the first line back, turned round; gives what Work makes of its port.
with_server(Files, Options, Work) ->
    {ok, Listen} = ssl:listen(0, Options ++ options(server, Files) ++ [{ip, {127, 0, 0, 1}}, {packet, line}, {reuseaddr, true}]),
    {ok, {_, Port}} = ssl:sockname(Listen),
    spawn_link(fun() -> serve(Listen) end),
    try Work(Port) after ssl:close(Listen) end.

serve(Listen) ->
    {ok, Transport} = ssl:transport_accept(Listen),
    case ssl:handshake(Transport, ?PATIENCE) of
        {ok, Socket} ->
            case ssl:recv(Socket, 0, ?PATIENCE) of
                {ok, Line} -> ok = ssl:send(Socket, [turned(Line), "\n"]), ssl:close(Socket);
                {error, _} -> ok
            end;
        {error, _} -> ok
    end.

turned(Line) -> lists:reverse(string:trim(binary_to_list(Line))).

s_client(Files, Version, Text) ->
    with_server(Files, [{versions, [Version]}], fun(Port) -> contains("olleh", ask_s_client(Files, Port, [], Text)) end).

s_client_known(Files, Version, Text) ->
    #{client := #{cert := Certificate, key := Key}} = Files,
    Options = [{versions, [Version]}, {verify, verify_peer}, {fail_if_no_peer_cert, true}],
    Arguments = ["-cert", Certificate, "-key", Key],
    with_server(Files, Options, fun(Port) -> contains("olleh", ask_s_client(Files, Port, Arguments, Text)) end).

nameless(Files) ->
    with_server(Files, [{verify, verify_peer}, {fail_if_no_peer_cert, true}], fun(Port) ->
        case ask_s_client(Files, Port, [], "1.3") of
            {_, Text} = Seen ->
                case string:find(Text, "olleh") of nomatch -> contains("alert", Seen); _ -> Seen end
        end
    end).

ask_s_client(#{client := #{cacerts := Authorities}}, Port, More, Version) ->
    Protocol = case Version of "1.2" -> "-tls1_2"; "1.3" -> "-tls1_3" end,
    run("openssl", ["s_client", "-connect", address(Port), Protocol, "-CAfile", Authorities, "-verify_return_error", "-verify_hostname",
                    "localhost", "-ign_eof", "-brief" | More], "hello\n").

python_client(#{client := #{cacerts := Authorities}} = Files, Version, _) ->
    Program = "import socket, ssl, sys\n"
              "context = ssl.create_default_context(cafile=sys.argv[2])\n"
              "with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as plain:\n"
              "  with context.wrap_socket(plain, server_hostname='localhost') as secure:\n"
              "    secure.sendall(b'hello\\n')\n"
              "    print(secure.version(), secure.makefile().readline())\n",
    with_server(Files, [{versions, [Version]}], fun(Port) ->
        contains("olleh", run("python3", ["-c", Program, integer_to_list(Port), Authorities], ""))
    end).

curl(#{client := #{cacerts := Authorities}} = Files, Version, Text) ->
    with_httpd(Files, Version, fun(Port) ->
        contains("a page", run("curl", ["-s", "-S", "--cacert", Authorities, "--tlsv" ++ Text, "--noproxy", "*", "--resolve",
                                        "localhost:" ++ integer_to_list(Port) ++ ":127.0.0.1", url(Port, "/page.txt")], ""))
    end).

%% Status 60: the peer's certificate cannot be checked with known authorities.
distrust(Files) ->
    with_httpd(Files, 'tlsv1.3', fun(Port) ->
        case run("curl", ["-s", "--noproxy", "*", "--resolve", "localhost:" ++ integer_to_list(Port) ++ ":127.0.0.1", url(Port, "/")], "") of
            {60, _} -> ok;
            Seen -> Seen
        end
    end).

with_httpd(#{server := #{key := Key}} = Files, Version, Work) ->
    Folder = filename:dirname(Key),
    ok = file:write_file(filename:join(Folder, "page.txt"), "a page\n"),
    Secure = [Option || Option <- options(server, Files), not lists:member(element(1, Option), [active, mode])],
    {ok, Pid} = inets:start(httpd, [{port, 0}, {bind_address, {127, 0, 0, 1}}, {server_name, "localhost"}, {server_root, Folder},
                                    {document_root, Folder}, {modules, [mod_get]}, {socket_type, {ssl, [{versions, [Version]} | Secure]}}]),
    [{port, Port}] = httpd:info(Pid, [port]),
    try Work(Port) after inets:stop(httpd, Pid) end.

%% --- this machine as client ------------------------------------------------------------------------------------------

s_server(Files, Version, Text) -> turned_by(Files, Version, "openssl", fun(Port) -> s_server_arguments(Files, Port, Text) ++ ["-rev"] end).

python_server(#{server := #{cert := Certificate, key := Key}} = Files, Version, _) ->
    Program = "import socket, ssl, sys\n"
              "context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
              "context.load_cert_chain(sys.argv[2], sys.argv[3])\n"
              "listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
              "while True:\n"
              "  try:\n"
              "    with context.wrap_socket(listener.accept()[0], server_side=True) as secure:\n"
              "      secure.sendall(secure.makefile().readline().strip()[::-1].encode() + b'\\n')\n"
              "  except OSError: pass\n",
    turned_by(Files, Version, "python3", fun(Port) -> ["-c", Program, integer_to_list(Port), Certificate, Key] end).

%% The program is a server that turns a line round.
turned_by(Files, Version, Program, Arguments) ->
    with_program(Program, Arguments, fun(Port) ->
        {ok, Socket} = connect(Files, Version, Port, 100),
        {ok, [{protocol, Version}]} = ssl:connection_information(Socket, [protocol]),
        ok = ssl:send(Socket, "hello\n"),
        Answer = ssl:recv(Socket, 0, ?PATIENCE),
        ssl:close(Socket),
        case Answer of {ok, <<"olleh", _/binary>>} -> ok; Seen -> Seen end
    end).

s_server_www(#{client := #{cacerts := Authorities}} = Files, Version, Text) ->
    with_program("openssl", fun(Port) -> s_server_arguments(Files, Port, Text) ++ ["-www"] end, fun(Port) ->
        {ok, First} = connect(Files, Version, Port, 100),
        ssl:close(First),
        Secure = [{verify, verify_peer}, {cacertfile, Authorities}, {server_name_indication, "localhost"}, {versions, [Version]}],
        case httpc:request(get, {"https://" ++ address(Port) ++ "/", []}, [{ssl, Secure}, {timeout, ?PATIENCE}], []) of
            {ok, {{_, 200, _}, _, Page}} -> contains("s_server", {0, Page});
            Seen -> Seen
        end
    end).

s_server_arguments(#{server := #{cert := Certificate, key := Key}}, Port, Text) ->
    Protocol = case Text of "1.2" -> "-tls1_2"; "1.3" -> "-tls1_3" end,
    ["s_server", "-accept", address(Port), "-cert", Certificate, "-key", Key, Protocol, "-quiet"].

%% The program takes a moment until it listens.
connect(Files, Version, Port, Tries) ->
    Options = [{versions, [Version]}, {server_name_indication, "localhost"}, {verify, verify_peer}, {packet, line} | options(client, Files)],
    case ssl:connect({127, 0, 0, 1}, Port, Options, ?PATIENCE) of
        {error, econnrefused} when Tries > 0 -> timer:sleep(100), connect(Files, Version, Port, Tries - 1);
        Outcome -> Outcome
    end.

%% --- programs --------------------------------------------------------------------------------------------------------

address(Port) -> "127.0.0.1:" ++ integer_to_list(Port).
url(Port, Path) -> "https://localhost:" ++ integer_to_list(Port) ++ Path.

contains(Part, {_, Text} = Seen) -> case string:find(Text, Part) of nomatch -> Seen; _ -> ok end.

start(Program, Arguments) ->
    open_port({spawn_executable, os:find_executable(Program)}, [{args, Arguments}, exit_status, stderr_to_stdout, binary, use_stdio]).

%% Runs a program with this input: its status and what it prints.
run(Program, Arguments, Input) ->
    Port = start(Program, Arguments),
    Input =:= "" orelse port_command(Port, Input),
    collect(Port, []).

collect(Port, Seen) ->
    receive
        {Port, {data, Data}} -> collect(Port, [Seen, Data]);
        {Port, {exit_status, Status}} -> {Status, unicode:characters_to_list(Seen)}
    after ?PATIENCE ->
        stop(Port),
        {no_end, unicode:characters_to_list(Seen)}
    end.

%% Starts a server program on a free port, and ends it after the work.
with_program(Program, Arguments, Work) ->
    {ok, Free} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}, {reuseaddr, true}]),
    {ok, Port} = inet:port(Free),
    ok = gen_tcp:close(Free),
    Server = start(Program, Arguments(Port)),
    try Work(Port) after stop(Server) end.

stop(Port) ->
    case erlang:port_info(Port, os_pid) of
        {os_pid, Pid} -> os:cmd("kill " ++ integer_to_list(Pid)), catch port_close(Port);
        undefined -> ok
    end.
