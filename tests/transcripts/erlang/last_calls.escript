#!/usr/bin/env escript
%% What a process did last: `process_flag(save_calls, N)` and `process_info(P, last_calls)`.
-module(last_calls_transcript).
-mode(compile).
-export([outer/1, inner/1, waits/1, sends/1, applied/2, next/0, called/0]).

main(_) ->
    {module, timer} = code:ensure_loaded(timer),
    flags(),
    [shown(Name, Work) || {Name, Work} <- works()],
    depth(),
    hidden(),
    of_another(),
    of_children().

%% --- the flag ----------------------------------------------------------------------------------------------------

flags() ->
    io:format("~p~n", [process_info(self(), last_calls)]),
    [io:format("~p: ~p~n", [N, catch_error(fun() -> process_flag(save_calls, N) end)])
     || N <- [0, 5, 10000, 3, 10001, -1, a, 1.0, 1 bsl 70, 0, 0]],
    [io:format("~p: ~p~n", [N, catch_error(fun() -> process_flag(self(), save_calls, N) end)]) || N <- [7, 8, b, 10001, 0]],
    io:format("~p~n", [catch_error(fun() -> process_flag(self(), trap_exit, true) end)]),
    io:format("~p~n", [catch_error(fun() -> process_flag(nobody, save_calls, 1) end)]).

catch_error(Work) ->
    try Work() catch error:Reason -> {error, Reason} end.

%% --- what is saved -----------------------------------------------------------------------------------------------

works() ->
    [{functions, fun() -> ?MODULE:outer(3) end},
     {bifs, fun() -> maps:put(a, 1, #{}), lists:reverse([1, 2], [3]), id(erlang:make_ref()), lists:keyfind(a, 1, []) end},
     {guards, fun() -> {length(id([1])), is_integer(id(2)), self(), element(1, id({a})), hd(id([1])), map_size(id(#{}))} end},
     {sends, fun() -> ?MODULE:sends(self()) end},
     {name, fun() -> register(myself, self()), myself ! one, myself ! two, flush(2), unregister(myself) end},
     {no_name, fun() -> catch_error(fun() -> no_such_name ! x end) end},
     {gone, fun() -> P = spawn(fun() -> ok end), timer:sleep(1), P ! x end},
     {alias, fun() -> A = alias(), A ! x, flush(1), unalias(A), A ! y end},
     {elsewhere, fun() -> {name, 'nobody@nowhere'} ! x, {no_such_name, node()} ! y end},
     {receives, fun() -> self() ! a, self() ! b, receive b -> ok end, receive a -> ok end end},
     {times, fun() -> ?MODULE:waits(0), ?MODULE:waits(2) end},
     {applies, fun() -> apply(id(?MODULE), id(next), []), apply(id(lists), id(sum), id([[1]])), ?MODULE:applied(lists, max) end},
     {external_fun, fun() -> F = fun ?MODULE:next/0, F(), G = fun lists:sum/1, G(id([1])), H = fun erlang:abs/1, H(id(-1)) end},
     {local_fun, fun() -> F = fun(X) -> X end, F(1), lists:map(F, [1, 2]) end},
     {undefined, fun() -> catch_error(fun() -> ?MODULE:no_such_function(1) end) end},
     {raised, fun() -> catch_error(fun() -> erlang:error(x) end), catch_error(fun() -> binary_to_atom(id(1)) end) end},
     {dirty, fun() -> binary_to_term(term_to_binary(lists:seq(1, 5))) end},
     {dictionary, fun() -> put(a, 1), id(get(a)), erase(a) end},
     {tables, fun() -> T = ets:new(t, []), ets:insert(T, {a, 1}), ets:lookup(T, a), ets:delete(T) end}].

outer(0) -> done;
outer(N) -> local(N), ?MODULE:inner(N - 1).
inner(N) -> outer(N).
local(N) -> N.
next() -> ?MODULE:called().
called() -> ok.
waits(T) -> receive never -> ok after T -> ok end.
sends(P) -> P ! a, erlang:send(P, b), erlang:send(P, c, []), erlang:send_nosuspend(P, d), flush(4).
applied(M, F) -> apply(M, F, [[1, 2]]).
flush(0) -> ok;
flush(N) -> receive _ -> flush(N - 1) end.
id(X) -> X.

shown(Name, Work) ->
    process_flag(save_calls, 40),
    Work(),
    {last_calls, Calls} = process_info(self(), last_calls),
    process_flag(save_calls, 0),
    io:format("~p:~n", [Name]),
    [io:format("    ~0p~n", [Call]) || Call <- Calls].

%% --- how many, whose ---------------------------------------------------------------------------------------------

depth() ->
    [begin
         process_flag(save_calls, N),
         [?MODULE:called() || _ <- lists:seq(1, 20)],
         {last_calls, Calls} = process_info(self(), last_calls),
         process_flag(save_calls, 0),
         io:format("~p ~p~n", [length(Calls), lists:usort([Call || {?MODULE, called, _} = Call <- Calls])])
     end || N <- [1, 2, 10]].

%% A sensitive process saves nothing; changing the flag forgets what was saved.
hidden() ->
    process_flag(save_calls, 10),
    %% It takes effect with the next call at the latest.
    called(),
    ?MODULE:called(),
    process_flag(sensitive, true),
    ?MODULE:next(),
    process_flag(sensitive, false),
    io:format("~p~n", [process_info(self(), last_calls)]),
    process_flag(save_calls, 11),
    io:format("~p~n", [process_info(self(), last_calls)]),
    process_flag(save_calls, 0).

of_another() ->
    Pid = spawn_link(fun loop/0),
    Pid ! {self(), 0},
    receive {Pid, 0} -> ok end,
    io:format("~p ~p~n", [process_flag(Pid, save_calls, 6), process_info(Pid, last_calls)]),
    [begin Pid ! {self(), N}, receive {Pid, N} -> ok end end || N <- [1, 2]],
    timer:sleep(20),
    io:format("~p~n", [process_info(Pid, [last_calls])]),
    io:format("~p~n", [process_flag(Pid, save_calls, 0)]),
    unlink(Pid),
    exit(Pid, kill),
    timer:sleep(10),
    io:format("~p~n", [catch_error(fun() -> process_flag(Pid, save_calls, 1) end)]).

loop() ->
    receive {From, N} -> From ! {self(), ?MODULE:inner(0) =:= done andalso N}, loop() end.

of_children() ->
    process_flag(save_calls, 10),
    Self = self(),
    Child = spawn_link(fun() -> Self ! {self(), process_info(self(), last_calls)} end),
    receive {Child, Told} -> io:format("~p~n", [Told]) end,
    process_flag(save_calls, 0).
