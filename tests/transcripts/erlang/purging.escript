#!/usr/bin/env escript
%% What purging does to processes and funs of old code, and that nothing of it stays in memory.
-module(purging_transcript).
-mode(compile).

main(_) ->
    funs(),
    running(),
    waiting(),
    literals(),
    stack_traces(),
    grows("versions of a module", fun(N) -> version(grown, N, smaller(N)), code:purge(grown) end),
    grows("persistent terms", fun(N) -> persistent_term:put(grown, big(N)) end),
    persistent_term:erase(grown),
    held(),
    dirty().

%% Loads a version of a module that gives its number and a literal.
version(Module, N, Literal) ->
    Forms = [{attribute, 1, module, Module},
             {attribute, 1, export, [{F, 0} || F <- [number, literal, old_fun, run]]},
             {function, 1, number, 0, [{clause, 1, [], [], [{integer, 1, N}]}]},
             {function, 2, literal, 0, [{clause, 2, [], [], [erl_parse:abstract(Literal, 2)]}]},
             {function, 3, old_fun, 0, [{clause, 3, [], [], [{'fun', 3, {clauses, [{clause, 3, [], [], [{integer, 3, N}]}]}}]}]},
             {function, 4, run, 0, [{clause, 4, [], [], [{'receive', 4, [{clause, 4, [{atom, 4, crash}], [], [{call, 4, {atom, 4, error}, [{atom, 4, crashed}]}]},
                                                                       {clause, 5, [{atom, 4, stop}], [], [{integer, 4, N}]}]}]}]}],
    {ok, Module, Binary} = compile:forms(Forms, []),
    {module, Module} = code:load_binary(Module, "nowhere", Binary).

%% About a megabyte; and a third of it, for the compiler's sake.
big(N) -> {N, lists:seq(1, 60000), binary:copy(<<N:32>>, 2000)}.
smaller(N) -> [{N, I} || I <- lists:seq(1, 8000)].

%% A fun does not keep old code alive, and cannot be called once that is gone.
funs() ->
    version(subject, 1, a),
    Old = subject:old_fun(),
    {Holder, M} = spawn_monitor(fun() -> receive call -> exit(catch Old()) end end),
    version(subject, 2, b),
    io:format("~p~n", [{Old(), (subject:old_fun())(), erlang:check_process_code(Holder, subject), erlang:check_old_code(subject)}]),
    io:format("soft purge: ~p~n", [code:soft_purge(subject)]),
    io:format("alive: ~p~n", [is_process_alive(Holder)]),
    Holder ! call,
    receive {'DOWN', M, _, _, {'EXIT', {{badfun, F}, _}}} -> io:format("badfun: ~p~n", [F =:= Old]) end,
    io:format("~p~n", [{erlang:fun_info(Old, module), erlang:fun_info(Old, arity), is_function(Old, 0)}]),
    code:delete(subject), code:purge(subject).

%% A process that runs old code is killed by a purge; a soft purge leaves everything.
running() ->
    version(subject, 1, a),
    {P, M} = spawn_monitor(fun() -> subject:run() + 1 end),
    until_in(P, subject),
    version(subject, 2, b),
    io:format("~p~n", [{erlang:check_process_code(P, subject), code:soft_purge(subject), is_process_alive(P), erlang:check_old_code(subject)}]),
    io:format("purge: ~p~n", [code:purge(subject)]),
    receive {'DOWN', M, _, _, Why} -> io:format("~p~n", [Why]) end,
    io:format("again: ~p ~p~n", [code:purge(subject), subject:number()]),
    code:delete(subject), code:purge(subject).

until_in(P, Module) ->
    case process_info(P, current_function) of
        {current_function, {Module, _, _}} -> ok;
        _ -> timer:sleep(2), until_in(P, Module)
    end.

%% Funs that are called again and again while their code is purged or not.
waiting() ->
    version(subject, 1, a),
    Old = subject:old_fun(),
    Callers = [spawn_monitor(fun() -> call_on(Old, 0) end) || _ <- [1, 2, 3, 4]],
    Runner = spawn(fun() -> subject:run() end),
    until_in(Runner, subject),
    version(subject, 2, b),
    io:format("~p~n", [lists:usort([code:soft_purge(subject) || _ <- lists:seq(1, 20)])]),
    io:format("~p~n", [[is_process_alive(P) || {P, _} <- Callers]]),
    io:format("~p~n", [code:purge(subject)]),
    io:format("~p~n", [[receive {'DOWN', M, _, _, Why} -> Why end || {_, M} <- Callers]]),
    code:delete(subject), code:purge(subject).

call_on(Fun, N) ->
    try 1 = Fun() of _ -> call_on(Fun, N + 1) catch error:{badfun, _} -> exit(gone) end.

%% Literals of purged code live on wherever somebody has them.
literals() ->
    version(subject, 1, Literal = {literal, [1, 2, 3], #{a => "text", b => 2.5}, <<"a binary that is long enough to be shared by all that have it, and not copied">>}),
    L = subject:literal(),
    put(kept, L),
    ets:new(kept, [named_table]), ets:insert(kept, {key, L}),
    persistent_term:put(kept, [L]),
    self() ! {queued, L},
    P = spawn(fun() -> receive {ask, From, _} -> From ! {told, L, get(), element(3, L)} end end),
    P ! {ask, self(), L},
    Timer = erlang:start_timer(50, self(), L),
    {Q, M} = spawn_monitor(fun() -> receive stop -> exit(element(2, L)) end end),
    Fun = fun() -> L end,
    code:delete(subject), code:purge(subject),
    [begin version(subject, N, smaller(N)), code:purge(subject) end || N <- lists:seq(2, 5)],
    erlang:garbage_collect(),
    same(Literal, [L, get(kept), ets:lookup_element(kept, key, 2), hd(persistent_term:get(kept)), Fun()]),
    receive {queued, A} -> same(Literal, [A]) end,
    receive {told, B, [], Map} -> same(Literal, [B]), same(element(3, Literal), [Map]) end,
    receive {timeout, Timer, C} -> same(Literal, [C]) end,
    Q ! stop,
    receive {'DOWN', M, _, _, D} -> same(element(2, Literal), [D]) end,
    persistent_term:erase(kept), ets:delete(kept), erase(kept),
    code:delete(subject), code:purge(subject).

same(What, Terms) -> io:format("~p~n", [[T =:= What || T <- Terms]]).

%% The code of a stack trace may be gone before anybody looks at it.
stack_traces() ->
    version(subject, 1, a),
    {P, M} = spawn_monitor(fun() ->
        try subject:run() catch error:crashed:Trace -> exit([{Module, F, A} || {Module, F, A, _} <- Trace, Module =:= subject]) end end),
    until_in(P, subject),
    P ! crash,
    receive {'DOWN', M, _, _, Seen} -> io:format("~p~n", [Seen]) end,
    code:delete(subject), code:purge(subject).

%% Does memory grow by what is replaced?
grows(What, Step) ->
    [Step(N) || N <- lists:seq(1, 5)],
    Before = memory(),
    [Step(N) || N <- lists:seq(6, 30)],
    Grown = memory() - Before,
    io:format("~s: ~p~n", [What, if Grown < 5000000 -> stays; true -> {grows, Grown} end]).

memory() ->
    %% Releasing goes on behind us.
    timer:sleep(300),
    erlang:garbage_collect(),
    erlang:memory(total).

%% A value that somebody still has is not freed with its key.
held() ->
    persistent_term:put(held, Value = big(1)),
    Has = persistent_term:get(held),
    [persistent_term:put(held, big(N)) || N <- lists:seq(2, 30)],
    persistent_term:erase(held),
    timer:sleep(100),
    io:format("held: ~p~n", [Has =:= Value]).

%% So is one that a dirty call works with, whether its process lives or not.
dirty() ->
    Fifo = filename:join("/tmp", "purging_" ++ os:getpid()),
    [] = os:cmd("mkfifo " ++ Fifo),
    Self = self(),
    persistent_term:put(text, binary:copy(<<"0123456789">>, 30000)),
    {P, M} = spawn_monitor(fun() ->
        {ok, F} = file:open(Fifo, [read, write, raw]),
        Self ! {opened, F},
        file:write(F, persistent_term:get(text)) end),
    receive {opened, _} -> ok end,
    until_in(P, prim_file),
    [persistent_term:put(text, big(N)) || N <- lists:seq(1, 10)],
    {ok, R} = file:open(Fifo, [read, raw, binary]),
    Read = fun Read(0) -> []; Read(N) -> {ok, Data} = file:read(R, N), [Data | Read(N - byte_size(Data))] end,
    Got = iolist_to_binary(Read(300000)),
    io:format("written: ~p~n", [Got =:= binary:copy(<<"0123456789">>, 30000)]),
    receive {'DOWN', M, _, _, Why} -> io:format("~p~n", [Why]) end,
    persistent_term:erase(text),
    file:close(R), file:delete(Fifo).
