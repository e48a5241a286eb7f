#!/usr/bin/env escript
-module(introspection).
-mode(compile).
%% Drivers that are part of the machine, dynamic tracing that is not there, the tracer's own functions, trace files.
main(_) ->
    P = fun(N, F) -> io:format("~p: ~p~n", [N, try F() catch C:E -> {C, E} end]) end,
    P(lock_counting, fun() -> [erts_debug:lcnt_clear(), erts_debug:lcnt_collect(), catch_(fun() -> erts_debug:lcnt_control(mask) end), catch_(fun() -> erts_debug:lcnt_control(mask, []) end)] end),
    P(code, fun() -> [erts_debug:interpreter_size(), erts_debug:disassemble({lists, reverse, 2})] end),
    T = ets:new(t, [ordered_set]), ets:insert(T, [{a, 1}, {b, 2}]),
    P(raw, fun() -> [erts_internal:ets_raw_first(T), erts_internal:ets_raw_next(T, a), erts_internal:ets_raw_next(T, b)] end),
    P(driver_gone, fun() -> R = erl_ddll:monitor(driver, {nodrv, loaded}), receive M -> setelement(2, M, element(2, M) =:= R) end end),
    P(driver_unload, fun() -> R = erl_ddll:monitor(driver, {nodrv, unloaded}), receive M -> setelement(2, M, element(2, M) =:= R) end end),
    P(driver_there, fun() -> R = erl_ddll:monitor(driver, {tcp_inet, loaded}), receive M -> setelement(2, M, element(2, M) =:= R) end end),
    P(driver_bad, fun() -> [catch_(fun() -> erl_ddll:monitor(foo, x) end), erl_ddll:demonitor(make_ref()), catch_(fun() -> erl_ddll:demonitor(x) end)] end),
    P(driver_info, fun() -> [erl_ddll:info(tcp_inet, processes), erl_ddll:info(tcp_inet), catch_(fun() -> erl_ddll:info(nodrv, processes) end), catch_(fun() -> erl_ddll:info(tcp_inet, foo) end)] end),
    P(dyntrace, fun() -> [dyntrace:available(), dyntrace:p(), dyntrace:p(1), dyntrace:user_trace_s1("x"), dyntrace:put_tag(<<"x">>), dyntrace:enabled(call, x, self()), dyntrace:trace(call, x, self(), m, #{})] end),
    P(enabled, fun() -> Q = spawn(fun() -> ok end), timer:sleep(20), [erl_tracer:enabled(Tag, Tr, To) || {Tag, Tr, To} <- [{trace_status, self(), Q}, {call, self(), self()}, {call, Q, self()}, {trace_status, Q, self()}, {call, x, self()}]] end),
    P(trace, fun() -> erl_tracer:trace(call, self(), self(), {a, b, [1]}, #{extra => x, match_spec_result => y, scheduler_id => 3}), receive M -> setelement(2, M, pid) end end),
    P(trace_seq, fun() -> erl_tracer:trace(seq_trace, self(), label, {a, b, [1]}, #{}), receive M -> M end end),
    P(trace_ts, fun() -> erl_tracer:trace(send, self(), x, y, #{timestamp => monotonic}), receive M -> {element(1, M), tuple_size(M), is_integer(element(5, M))} end end),
    P(signals, fun() -> [{S, catch_(fun() -> os:set_signal(S, default) end)} || S <- [sigusr1, sigstop, sigtstp, sigcont, sigwinch, siginfo, sigint, nothing]] end),
    P(trace_file, fun trace_file/0).
catch_(F) -> try F() catch C:E -> {C, E} end.
trace_file() ->
    File = "trace_file_" ++ os:getpid(), S = self(),
    {ok, _} = dbg:tracer(port, dbg:trace_port(file, File)), dbg:p(self(), [c]), dbg:tp(lists, seq, 2, []), lists:seq(1, 2), lists:seq(3, 4), ok = dbg:flush_trace_port(), dbg:stop(), timer:sleep(50),
    C = dbg:trace_client(file, File, {fun(end_of_trace, _) -> S ! over; (M, _) -> S ! setelement(2, M, pid) end, []}), R = (fun L() -> receive over -> []; M -> [M | L()] after 2000 -> [none] end end)(),
    true = is_pid(C), {ok, <<0, Size:32, _:Size/binary, 0, _/binary>>} = file:read_file(File), file:delete(File), R.
