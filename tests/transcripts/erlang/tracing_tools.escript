#!/usr/bin/env escript
-module(tracing_tools).
-mode(compile).
-include_lib("stdlib/include/ms_transform.hrl").
-export([main/1, fib/1, list/1]).
%% dbg, cprof, tprof, eprof, fprof: OTP's own tools on top of tracing.
main(_) ->
    section("dbg"), dbg(), section("cprof"), cprof(), section("tprof"), tprof(), section("eprof"), eprof(), section("fprof"), fprof().
section(N) -> io:format("== ~s~n", [N]).
fib(N) when N < 2 -> N;
fib(N) -> ?MODULE:fib(N - 1) + fib(N - 2).
list(N) -> [X * X || X <- lists:seq(1, N)].
dbg() ->
    S = self(), {ok, _} = dbg:tracer(process, {fun(M, N) -> S ! {N, M}, N + 1 end, 1}),
    io:format("~p~n", [[dbg:p(self(), [c, return_to]), dbg:tp(?MODULE, fib, 1, []), dbg:tpl(?MODULE, list, x), dbg:tp(lists, seq, 2, cx)]]),
    fib(3), list(2), timer:sleep(50),
    flush(), io:format("~p~n", [[dbg:ctp(?MODULE, fib, 1), dbg:ctpl(), dbg:p(all, clear) =/= x]]), fib(2), list(1), flush(),
    io:format("~p~n", [dbg:fun2ms(fun([X, Y]) when X > Y -> return_trace() end)]),
    dbg:tpe(send, [{['_', hello], [], []}]), dbg:p(self(), [s]), self() ! hello, self() ! bye, timer:sleep(20), receive hello -> ok end, receive bye -> ok end, flush(), dbg:stop(),
    {ok, _} = dbg:tracer(), dbg:p(self(), [call]), dbg:tp(?MODULE, list, 1, [{'_', [], [{return_trace}]}]), ?MODULE:list(3), timer:sleep(50), dbg:stop(), timer:sleep(20).
flush() -> receive {N, M} when is_integer(N) -> io:format("~p ~0p~n", [N, M]), flush() after 50 -> ok end.
cprof() -> cprof:start(?MODULE), fib(5), list(2), cprof:pause(), {?MODULE, _, L} = cprof:analyse(?MODULE), io:format("~p~n", [lists:sort([X || {{_, F, _}, _} = X <- L, F =:= fib orelse F =:= list])]), cprof:stop().
tprof() ->
    {_, {call_count, C}} = tprof:profile(fun() -> fib(4) end, #{type => call_count, report => return, pattern => {?MODULE, '_', '_'}}), io:format("~p~n", [lists:sort(C)]),
    {_, {call_time, T}} = tprof:profile(fun() -> fib(4) end, #{type => call_time, report => return, pattern => {?MODULE, '_', '_'}}), io:format("~p~n", [lists:sort([{M, F, [N || {_, N, _} <- P]} || {M, F, P} <- T])]),
    {_, {call_memory, W}} = tprof:profile(fun() -> list(10) end, #{type => call_memory, report => return, pattern => [{?MODULE, '_', '_'}]}), io:format("~p~n", [lists:sort([{M, F, [{N, X} || {_, N, X} <- P]} || {M, F, P} <- W])]).
eprof() -> {ok, R} = eprof:profile([], fun() -> fib(6) end, {?MODULE, '_', '_'}), eprof:log("/dev/null"), io:format("~p ~p~n", [R, eprof:stop()]).
fprof() ->
    File = "fprof_" ++ os:getpid() ++ ".trace", Out = File ++ ".out",
    %% Enough for a while: fprof links to the process that reads the file when that reads already, and fails when it has ended.
    377 = fprof:apply(fun(N) -> fib(N) end, [14], [{file, File}]), ok = fprof:profile([{file, File}]), ok = fprof:analyse([{dest, Out}, totals, {details, true}]),
    {ok, Terms} = file:consult(Out), file:delete(File), file:delete(Out), [io:format("~p ~p~n", [M, C]) || {_, {{?MODULE, fib, 1} = M, C, _, _}, _} <- Terms], fprof:stop().
