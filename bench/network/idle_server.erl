%% The server whose idle connections `cargo xtask network` measures: `erl -noshell -pa FOLDER -run idle_server main`.
%% Each connection has a process that answers every byte with itself. Prints `listening PID PORT`; a line on standard
%% input is a question: `count` is answered with the number of open connections, `stop` ends the machine.
-module(idle_server).
-export([main/0]).

main() ->
    {ok, Listener} = gen_tcp:listen(0, [binary, {ip, {127, 0, 0, 1}}, {active, once}, {backlog, 1024}, {reuseaddr, true}]),
    {ok, Port} = inet:port(Listener),
    Connections = counters:new(1, []),
    spawn_link(fun() -> accept(Listener, Connections) end),
    io:format("listening ~s ~b~n", [os:getpid(), Port]),
    questions(Connections).

questions(Connections) ->
    case io:get_line("") of
        "count\n" -> io:format("~b~n", [counters:get(Connections, 1)]), questions(Connections);
        _ -> halt(0)
    end.

accept(Listener, Connections) ->
    {ok, Socket} = gen_tcp:accept(Listener),
    counters:add(Connections, 1, 1),
    Process = spawn(fun() -> serve(Socket, Connections) end),
    ok = gen_tcp:controlling_process(Socket, Process),
    accept(Listener, Connections).

serve(Socket, Connections) ->
    receive
        {tcp, Socket, Data} ->
            ok = gen_tcp:send(Socket, Data),
            ok = inet:setopts(Socket, [{active, once}]),
            serve(Socket, Connections);
        {tcp_closed, Socket} ->
            counters:sub(Connections, 1, 1)
    end.
