%% Calls of a gen_server.
-module(bench_server).
-behaviour(gen_server).
-export([run/1]).
-export([init/1, handle_call/3, handle_cast/2]).

run(N) ->
    {ok, Server} = gen_server:start_link(?MODULE, [], []),
    Sum = loop(N, Server, 0),
    gen_server:stop(Server),
    Sum.

loop(0, _, Sum) -> Sum;
loop(N, Server, Sum) ->
    gen_server:cast(Server, {add, N}),
    loop(N - 1, Server, Sum + gen_server:call(Server, take)).

init([]) -> {ok, 0}.

handle_call(take, _, State) -> {reply, State, 0}.

handle_cast({add, N}, State) -> {noreply, State + N}.
