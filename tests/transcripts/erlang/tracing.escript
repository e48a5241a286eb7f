#!/usr/bin/env escript
-module(tracing).
-mode(compile).
-export([main/1, work/1, local/1, sum/2, recurse/1, thrower/1, with_bif/1, deep/1]).
%% What tracers are told: every flag, kind of pattern and action of match specifications.
%% What different processes do comes in no certain order, so that is shown process by process.
main(_) ->
    section("calls", fun calls/0), section("returns and exceptions", fun returns/0), section("meta", fun meta/0),
    section("bifs", fun bifs/0), section("match specifications", fun specs/0), section("messages", fun messages/0),
    section("processes", fun procs/0), section("inherited flags", fun inherited/0), section("scheduling", fun scheduling/0),
    section("stamps", fun stamps/0), section("ports", fun ports/0), section("on_load", fun on_load/0), section("counts", fun counts/0),
    section("information", fun information/0), section("sessions", fun sessions/0), section("errors", fun errors/0),
    section("tracers that are gone", fun gone/0).

work(X) -> local(X).
local(X) -> X + 1.
sum([H | T], N) -> sum(T, N + H);
sum([], N) -> N.
recurse(0) -> done;
recurse(N) -> R = recurse(N - 1), id(R).
id(X) -> X.
thrower(X) -> throw(X).
with_bif(X) -> L = integer_to_list(X), list_to_atom(L).
deep(X) -> Y = work(X), id(Y).

section(Name, F) -> io:format("== ~s~n", [Name]), F().
flush() -> [io:format("~0p~n", [M]) || M <- all()], ok.
all() -> R = erlang:trace_delivered(all), receive {trace_delivered, all, R} -> rest() end.
rest() -> receive M -> [M | rest()] after 0 -> [] end.
ended(P) -> R = monitor(process, P), receive {'DOWN', R, process, P, _} -> ok end.
%% Returns when the process has handled what was sent to it before, links among that.
settled(P) -> process_info(P, links), ok.
%% Returns when the server has answered all before.
answered(P) -> P ! {answer, self()}, receive answer -> ok end.
off() -> erlang:trace(all, false, [all]), erlang:trace_pattern({'_','_','_'}, false, [local, meta, call_count, call_time, call_memory]),
         erlang:trace_pattern({'_','_','_'}, false, []), erlang:trace_pattern(send, true, []), erlang:trace_pattern('receive', true, []), ok.
%% Runs a function in a process that is traced with these flags.
traced(Flags, F) ->
    {P, R} = spawn_monitor(fun() -> receive go -> F() end end),
    erlang:trace(P, true, Flags), P ! go,
    receive {'DOWN', R, process, P, _} -> ok end, [io:format("~0p~n", [M]) || M <- lists:keysort(2, all())], off(), P.

calls() ->
    [begin io:format("-- ~p~n", [Kind]),
           erlang:trace_pattern({?MODULE, '_', '_'}, Spec, Kind),
           traced([call | More], fun() -> ?MODULE:deep(1), work(2), ?MODULE:sum([1, 2], 0) end) end
     || {Kind, Spec, More} <- [{[global], true, []}, {[local], true, []}, {[local], true, [arity]}, {[local], true, [return_to]},
                               {[global], true, [return_to]}, {[local], [{[1], [], []}], []}, {[local], true, [silent]}]].
returns() ->
    [begin io:format("-- ~p~n", [{Action, Flags}]),
           erlang:trace_pattern({?MODULE, '_', '_'}, [{'_', [], [{Action}]}], [local]),
           traced([call | Flags], fun() -> catch ?MODULE:thrower(a), recurse(2), sum([1], 0), (try ?MODULE:thrower(b) catch _ -> ok end) end) end
     || Action <- [return_trace, exception_trace], Flags <- [[], [return_to]]],
    io:format("-- nobody catches~n"),
    erlang:trace_pattern({?MODULE, thrower, 1}, [{'_', [], [{exception_trace}]}], [local]),
    logger:set_primary_config(level, none),
    traced([call], fun() -> ?MODULE:thrower(c) end), logger:set_primary_config(level, notice).
meta() ->
    S = self(), T = spawn_link(fun L() -> receive {answer, Q} -> Q ! answer, L(); M -> S ! {meta, setelement(tuple_size(M), M, stamp)}, L() end end),
    erlang:trace_pattern({?MODULE, local, 1}, [{'_', [], [{return_trace}]}], [{meta, T}]),
    io:format("~p~n", [[element(1, erlang:trace_info({?MODULE, local, 1}, I)) || I <- [meta, meta_match_spec]]]),
    work(5), answered(T), flush(), erlang:trace_pattern({?MODULE, local, 1}, [{[6], [], []}], [{meta, T}]), work(5), work(6), answered(T), flush(),
    unlink(T), exit(T, kill), ended(T), work(6), io:format("~p~n", [erlang:trace_info({?MODULE, local, 1}, meta)]), off().
bifs() ->
    erlang:trace_pattern({erlang, '_', '_'}, false, []),
    [erlang:trace_pattern({erlang, F, 1}, [{'_', [], [{return_trace}]}], [local]) || F <- [integer_to_list, list_to_atom]],
    traced([call, return_to], fun() -> ?MODULE:with_bif(7), catch list_to_atom(id(x)), apply(erlang, id(integer_to_list), [8]) end),
    erlang:trace_pattern({lists, reverse, 2}, [{'_', [], [{message, {caller}}]}], []),
    traced([call], fun() -> lists:reverse([1, 2, 3]), lists:reverse([1], [2]) end).
specs() ->
    Try = fun(Spec, Flags) -> io:format("-- ~0p~n", [Spec]), erlang:trace_pattern({?MODULE, local, 1}, Spec, [local]), traced([call | Flags], fun() -> deep(1), work(2) end) end,
    Try([{['$1'], [{'>', '$1', 1}], [{message, {{big, '$1', {self}}}}]}], []),
    Try([{'_', [], [{message, {caller}}]}], []), Try([{'_', [], [{message, {current_stacktrace, 1}}]}], []),
    Try([{'_', [], [{message, false}]}], []), Try([{[1], [], [{silent, true}]}, {'_', [], []}], []),
    Try([{'_', [], [{enable_trace, arity}]}], []), Try([{[1], [], [{disable_trace, call}]}, {'_', [], []}], []),
    Try([{'_', [], [{trace, [call], [arity]}]}], []), Try([{'_', [], [{message, {trace, [arity], []}}]}], []),
    Try([{'_', [], [{message, {is_seq_trace}}]}], []), Try([{'_', [], [{set_seq_token, label, 17}, {message, {get_seq_token}}]}], []),
    Try([{'_', [{'=:=', {get_tcw}, 0}], [{message, {set_tcw, 3}}]}], []), io:format("~p~n", [erlang:system_flag(trace_control_word, 0)]),
    [io:format("~0p~n", [erlang:match_spec_test([1], [{'_', [], B}], trace)]) || B <- [[{return_trace}], [{exception_trace}], [{return_trace}, {exception_trace}], [{caller}],
       [{message, {set_seq_token, label, 1}}], [{enable_trace}], [{trace, 1}], [{message, 1, 2}], [{current_stacktrace, a}], [{current_stacktrace, -1}]]],
    [io:format("~0p~n", [catch_tag(fun() -> erlang:trace_pattern(E, [{'_', [], B}], []) end)]) || E <- [send, 'receive'], B <- [[], [{caller}], [{enable_trace, send}], [{message, x}]]], off().
catch_tag(F) -> try F() catch C:E:S -> {C, E, [proplists:get_value(error_info, I) || {_, _, _, I} <- [hd(S)]]} end.
messages() ->
    Dead = spawn(fun() -> ok end), ended(Dead),
    traced([send], fun() -> self() ! one, Dead ! two, catch (nobody ! three), erlang:send(self(), four), {nobody, node()} ! five, receive one -> ok end end),
    traced(['receive'], fun() -> self() ! one, receive one -> ok end, receive after 10 -> ok end, erlang:send_after(1, self(), two), receive two -> ok end end),
    erlang:trace_pattern(send, [{['_', one], [], []}, {['_', two], [], [{message, pattern}]}], []),
    io:format("~p~n", [erlang:trace_info(send, match_spec)]),
    traced([send], fun() -> self() ! one, self() ! two end),
    erlang:trace_pattern(send, [{['_', {const, x}], [], []}, {['_', two], [], [{message, pattern}]}], []),
    traced([send], fun() -> self() ! one, self() ! two end),
    Me = self(),
    erlang:trace_pattern('receive', [{['$1', '$2', '$3'], [], [{message, {{'$1', {'=:=', '$2', Me}, '$3'}}}]}], []),
    traced(['receive'], fun() -> self() ! one, receive one -> ok end, receive after 10 -> ok end end).
procs() ->
    traced([procs], fun() ->
        P = spawn(fun() -> receive x -> ok end end), link(P), unlink(P), Q = spawn_link(fun() -> receive x -> ok end end), register(name, self()), unregister(name), register(again, self()),
        process_flag(trap_exit, true), exit(Q, bye), receive {'EXIT', Q, bye} -> ok end, exit(P, kill), exit(over) end),
    P = spawn(fun() -> receive x -> ok end end), erlang:trace(P, true, [procs]),
    link(P), unlink(P), P ! x, ended(P), flush(), off().
inherited() ->
    [begin io:format("-- ~p~n", [Flag]),
           traced([procs, Flag], fun() ->
               P1 = spawn(fun() -> receive x -> ok end end), P2 = spawn(fun() -> receive x -> ok end end), link(P1), link(P2), settled(P1), settled(P2),
               [begin unlink(P), P ! x, ended(P) end || P <- [P1, P2]] end) end || Flag <- [set_on_spawn, set_on_first_spawn, set_on_link, set_on_first_link]],
    io:format("-- new processes~n"), erlang:trace(new_processes, true, [procs]), P = spawn(fun() -> ok end), ended(P), erlang:trace(new_processes, false, [all]),
    [io:format("~0p~n", [M]) || M <- all(), element(2, M) =:= P], off().
scheduling() ->
    Kinds = fun(Flags, Last, F) -> S = self(), T = spawn(fun L() -> receive {get, P} -> P ! {kinds, get()}, L(); M -> put(element(3, M), element(tuple_size(M), M)), L() end end),
              {P, R} = spawn_monitor(fun() -> receive go -> F() end end), erlang:trace(P, true, [{tracer, T} | Flags]), P ! go,
              receive {'DOWN', R, process, P, _} -> ok end,
              %% The last scheduling of a process comes after its end.
              (fun Get() -> T ! {get, S}, receive {kinds, Ks} -> case lists:keymember(Last, 1, Ks) of true -> Ks; false -> timer:sleep(5), Get() end end end)() end,
    io:format("~p~n", [lists:sort([K || {K, _} <- Kinds([running], in, fun() -> receive after 1 -> ok end end)])]),
    io:format("~p~n", [lists:sort([K || {K, _} <- Kinds([exiting], out_exited, fun() -> ok end)])]),
    [io:format("~p ~p~n", [K, lists:sort([I || {I, N} <- V, is_integer(N)])]) || {K, V} <- lists:sort(Kinds([garbage_collection], gc_major_end, fun() -> erlang:garbage_collect() end))].
stamps() ->
    [begin erlang:trace_pattern({?MODULE, local, 1}, true, [local]), io:format("-- ~p~n", [F]),
           {P, R} = spawn_monitor(fun() -> receive go -> work(1) end end), erlang:trace(P, true, [call, F]), P ! go, receive {'DOWN', R, _, _, _} -> ok end,
           receive M -> L = element(tuple_size(M), M), io:format("~p ~p ~p~n", [element(1, M), tuple_size(M), case L of {A, B, C} when is_integer(A), is_integer(B), is_integer(C) -> now; {A, B} when is_integer(A), is_integer(B) -> strict; I when is_integer(I) -> integer end]) end, off() end
     || F <- [timestamp, monotonic_timestamp, strict_monotonic_timestamp, scheduler_id]].
ports() ->
    erlang:trace(new_ports, true, [ports, send, 'receive']),
    P = open_port({spawn, "cat"}, [binary]), register(cat, P), port_command(P, "hello"), receive {P, {data, D}} -> io:format("~p~n", [D]) end,
    P ! {self(), {command, <<"x">>}}, receive {P, {data, E}} -> io:format("~p~n", [E]) end, unlink(P), link(P),
    unregister(cat), port_close(P), erlang:trace(new_ports, false, [all]), flush(), io:format("~p~n", [erlang:trace_info(P, flags)]),
    {ok, L} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}]), {ok, Number} = inet:port(L), {ok, C} = gen_tcp:connect({127, 0, 0, 1}, Number, [{active, once}]), {ok, S} = gen_tcp:accept(L),
    %% What it is at ends before it is traced, and before that ends.
    timer:sleep(50), erlang:trace(C, true, [send, running_ports]), ok = gen_tcp:send(S, "hello"), receive {tcp, C, F} -> io:format("~p~n", [F]) end, timer:sleep(50), erlang:trace(C, false, [running_ports]), ok = gen_tcp:send(C, "hello"), receive {tcp, S, "hello"} -> ok end,
    erlang:trace(C, false, [all]), flush(), [gen_tcp:close(X) || X <- [C, S, L]], off().
on_load() ->
    erlang:trace_pattern(on_load, true, [local, call_count]),
    io:format("~p~n", [[erlang:trace_info(on_load, I) || I <- [traced, match_spec, meta, call_count, all]]]),
    {ok, M, B} = compile:forms([{attribute, 1, module, fresh}, {attribute, 1, export, [{f, 0}]}, {function, 1, f, 0, [{clause, 1, [], [], [{atom, 1, ok}]}]}]),
    {module, M} = code:load_binary(M, "fresh.erl", B), erlang:trace_pattern(on_load, false, [local, call_count]),
    traced([call], fun() -> fresh:f(), fresh:f() end),
    {module, M} = code:load_binary(M, "fresh.erl", B), io:format("~p ~p~n", [erlang:trace_info({M, f, 0}, traced), erlang:trace_info(on_load, traced)]), off().
counts() ->
    erlang:trace_pattern({?MODULE, sum, 2}, true, [call_count]), sum([1, 2, 3], 0), io:format("~p~n", [erlang:trace_info({?MODULE, sum, 2}, call_count)]),
    erlang:trace_pattern({?MODULE, sum, 2}, pause, [call_count]), sum([1], 0), io:format("~p~n", [erlang:trace_info({?MODULE, sum, 2}, call_count)]),
    erlang:trace_pattern({?MODULE, sum, 2}, restart, [call_count]), sum([1], 0), io:format("~p~n", [erlang:trace_info({?MODULE, sum, 2}, call_count)]), off(),
    erlang:trace_pattern({?MODULE, '_', '_'}, true, [call_time, call_memory]), erlang:trace(self(), true, [call]), deep(3), sum([1, 2, 3], 0), erlang:trace(self(), false, [call]),
    [begin {call_time, T} = erlang:trace_info({?MODULE, F, A}, call_time), {call_memory, W} = erlang:trace_info({?MODULE, F, A}, call_memory),
           io:format("~p ~p ~p~n", [F, [C || {_, C, _, _} <- T], [{C, N} || {_, C, N} <- W]]) end || {F, A} <- [{deep, 1}, {work, 1}, {sum, 2}, {with_bif, 1}]], off().
information() ->
    erlang:trace(self(), true, [all]), io:format("~p~n", [erlang:trace_info(self(), flags)]), erlang:trace(self(), false, [all]), io:format("~p~n", [[erlang:trace_info(self(), I) || I <- [flags, tracer]]]),
    [begin erlang:trace(W, true, [send, timestamp]), io:format("~p ~p~n", [W, erlang:trace_info(W, flags)]), erlang:trace(W, false, [all]) end || W <- [new_processes, new_ports, new]],
    io:format("~p~n", [[catch_tag(fun() -> erlang:trace_info(W, I) end) || {W, I} <- [{{lists, map, 2}, all}, {{lists, nope, 0}, traced}, {{lists, map, '_'}, traced}, {foo, flags}, {self(), foo}, {send, match_spec}, {list_to_pid("<0.9999.0>"), flags}]]]),
    erlang:trace_pattern({lists, map, 2}, [{'_', [], []}], [local, call_count]), io:format("~p~n", [erlang:trace_info({lists, map, 2}, all)]),
    erlang:trace_pattern({lists, map, 2}, true, [global]), io:format("~p~n", [erlang:trace_info({lists, map, 2}, all)]), off().
sessions() ->
    S = trace:session_create(mine, self(), []), {_, Weak} = S, {mine, _} = Weak,
    1 = trace:process(S, self(), true, [call]), 1 = trace:function(S, {?MODULE, local, 1}, true, [local]), S2 = trace:session_create(other, undefined, []), 1 = trace:function(S2, {?MODULE, local, 1}, true, [call_count]),
    work(1), flush(), T = spawn_link(fun L() -> receive {answer, Q} -> Q ! answer, L(); M -> io:format("tracer: ~0p~n", [M]), L() end end), trace:session_destroy(S),
    S3 = trace:session_create(third, T, []), 1 = trace:process(S3, self(), true, [call, send, procs]), 1 = trace:function(S3, {?MODULE, work, 1}, true, [local]), trace:send(S3, [{['_', told], [], []}], []),
    work(2), self() ! told, self() ! untold, R = trace:delivered(S3, self()), receive {trace_delivered, _, R} -> ok end, answered(T),
    io:format("~p~n", [[trace:info(S2, {?MODULE, local, 1}, call_count), trace:info(S3, {?MODULE, work, 1}, traced), trace:info(S3, send, match_spec), [N || {N, _} <- trace:session_info(self())], [N || {N, _} <- trace:session_info({?MODULE, local, 1})], [N || {N, _} <- trace:session_info(all)]]]),
    io:format("~p~n", [[trace:session_destroy(S3), trace:session_destroy(S3), trace:session_destroy(S2), trace:session_info(self())]]), flush(),
    [io:format("~p~n", [catch_tag(F)]) || F <- [fun() -> trace:process(S3, self(), true, [call]) end, fun() -> trace:session_destroy({x, 1}) end, fun() -> trace:session_create(x, y, []) end, fun() -> trace:session_create(x, self(), [a]) end]].
errors() ->
    P = spawn(fun() -> receive x -> ok end end), T = spawn(fun() -> receive x -> ok end end), erlang:trace(P, true, [send, {tracer, T}]), logger:set_primary_config(level, none),
    [io:format("~p~n", [catch_tag(F)]) || F <- [fun() -> erlang:trace(P, true, [send]) end, fun() -> erlang:trace(self(), true, [foo]) end, fun() -> erlang:trace(foo, true, [send]) end, fun() -> erlang:trace(self(), maybe_so, [send]) end,
        fun() -> erlang:trace(list_to_pid("<0.9999.0>"), true, [send]) end, fun() -> erlang:trace(self(), true, [cpu_timestamp]) end, fun() -> erlang:trace_pattern({a, '_', 1}, true, []) end, fun() -> erlang:trace_pattern(x, true, []) end,
        fun() -> erlang:trace_pattern({lists, map, 2}, foo, []) end, fun() -> erlang:trace_pattern({lists, map, 2}, true, [global, local]) end, fun() -> erlang:trace_pattern({lists, map, 2}, [{'_', [], []}], [call_count]) end,
        fun() -> erlang:trace_pattern({lists, map, 2}, true, [{meta, x}]) end, fun() -> erlang:trace_pattern({lists, map, 2}, [{'_', [], [{foo}]}], [local]) end, fun() -> erlang:trace_delivered(x) end, fun() -> erlang:trace_pattern({lists, map, 300}, true, []) end]],
    logger:set_primary_config(level, notice), off().
gone() ->
    P = spawn(fun() -> receive x -> ok end end), {T, R} = spawn_monitor(fun() -> receive x -> ok end end), 1 = erlang:trace(P, true, [send, {tracer, T}]),
    {tracer, T} = erlang:trace_info(P, tracer), exit(T, kill), receive {'DOWN', R, _, _, _} -> ok end, timer:sleep(20),
    io:format("~p ~p~n", [erlang:trace_info(P, flags), erlang:trace(P, true, [procs])]), P ! x, ended(P), flush(), off().
