#!/usr/bin/env escript
%% The scanner, the parser, the evaluator, the compiler and the code server, in memory.
-module(compiler_transcript).
-mode(compile).

main(_) ->
    P = fun(X) -> io:format("~kp~n", [X]) end,
    [P(erl_scan:string(S)) || S <- ["X = foo(1, 2.5e3, \"s\", $a, 'q a').", "16#FF 2#101 1_000 <<1:8>>", "\"open", "a b c. d", "?MACRO -> #{}"]],
    {ok, T, _} = erl_scan:string("fun(X) when X > 1 -> [X | Y] end."), P(erl_parse:parse_exprs(T)),
    {ok, T2, _} = erl_scan:string("foo(."), P(erl_parse:parse_exprs(T2)),
    Eval = fun(S) -> {ok, Ts, _} = erl_scan:string(S), {ok, Es} = erl_parse:parse_exprs(Ts), try erl_eval:exprs(Es, [{'A', 10}]) of {value, V, B} -> P({V, erl_eval:bindings(B)}) catch C:E -> P({C, E}) end end,
    [Eval(S) || S <- ["A + 1.", "B = A * 2, B + 1.", "lists:map(fun(X) -> X * A end, [1, 2]).", "case A of 10 -> yes; _ -> no end.", "[X || X <- lists:seq(1, 5), X rem 2 == 0].", "try throw(a) catch T -> {T} end.",
                      "<<X:4, R/bits>> = <<255, 1:1>>, {X, R}.", "F = fun G(0) -> 1; G(N) -> N * G(N - 1) end, F(20).", "#{a => 1, b => #{c => 2}}.", "undefined_here:f().", "A = 11.", "receive x -> 1 after 0 -> none end.", "begin Y = 1, Y end + 1.", "if A > 100 -> big; true -> small end."]],
    Forms = forms(["-module(made).", "-export([f/1, g/1, h/0]).", "-record(r, {a = 1, b}).",
                   "f(0) -> 1; f(N) when N > 0 -> N * f(N - 1).", "g(#r{a = A} = R) -> {A, R#r{b = 2}}; g(L) -> [X + 1 || X <- L].", "h() -> try error(x) catch error:x:S -> length(S) > 0 end."]),
    {ok, made, Bin} = compile:forms(Forms, [deterministic]),
    P({code:load_binary(made, "made.erl", Bin), made:f(25), made:g({r, 5, x}), made:g([1, 2]), made:h()}),
    P([made:module_info(module), lists:sort(made:module_info(exports)), erlang:function_exported(made, f, 1), code:is_loaded(made), binary:encode_hex(made:module_info(md5))]),
    {ok, {made, Chunks}} = beam_lib:chunks(Bin, [exports, atoms, imports]), P(Chunks), P(lists:sort([Id || {Id, _} <- element(3, beam_lib:all_chunks(Bin))])), {ok, {made, Md5}} = beam_lib:md5(Bin), P(binary:encode_hex(Md5)),
    P(erlang:phash2(Bin)),
    %% The file as a part of a larger binary, and at a place that is not a byte's.
    Size = byte_size(Bin), <<_:3/binary, Part:Size/binary, _/bits>> = <<1, 2, 3, Bin/binary, 4>>, <<_:3, Unaligned:Size/binary, _/bits>> = <<0:3, Bin/binary, 31:5>>,
    P([code:get_chunk(B, "AtU8") || B <- [Bin, Part, Unaligned]]), P([binary:encode_hex(code:module_md5(B)) || B <- [Bin, Part, Unaligned]]),
    P(compile:forms(forms(["-module(bad).", "-export([f/0]).", "f() -> X.", "g() -> 1."]), [return])),
    {ok, made, Asm} = compile:forms(forms(["-module(made).", "-export([id/1]).", "id({X, _}) -> X."]), ['S']), P(Asm), file:delete("made.S"),
    {ok, made, Core} = compile:forms(forms(["-module(made).", "-export([id/1]).", "id([X | _]) -> X."]), [to_core]), io:format("~s~n", [core_pp:format(Core)]),
    io:format("~s~n", [erl_pp:form(hd(lists:reverse(Forms)))]),
    P([code:purge(made), code:delete(made), code:purge(made), code:is_loaded(made), catch made:f(1)]),
    logger:set_primary_config(level, none), % where the loader finds fault is its own affair
    P([code:load_binary(junk, "junk", <<"not code">>), code:load_file(no_such_module), code:ensure_loaded(lists), code:which(lists) =/= non_existing, code:get_mode()]),
    P(erlang:get_module_info(lists, module)),
    P([M || M <- [lists, maps, erlang, init, prim_file], erlang:module_loaded(M)]),
    P({code:which(erlang), erlang:is_builtin(erlang, self, 0), erlang:is_builtin(lists, map, 2)}).

forms(Lines) -> [begin {ok, T, _} = erl_scan:string(L), {ok, F} = erl_parse:parse_form(T), F end || L <- Lines].
