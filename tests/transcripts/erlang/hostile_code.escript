#!/usr/bin/env escript
%% Truncated and broken object code is refused and the machine goes on. Flipped bits are for the fuzz target: OTP's loader
%% trusts the compiler and may crash.
-module(hostile_code_transcript).
-mode(compile).

main(_) ->
    logger:set_primary_config(level, none),
    {ok, victim, Code} = compile:forms(forms(), [binary, deterministic, no_spawn_compiler_process]),
    {module, victim} = code:load_binary(victim, "victim.beam", Code),
    io:format("whole: ~p~n", [victim:f(3)]),
    io:format("truncated: ~p~n", [count([load(binary:part(Code, 0, N)) || N <- lists:seq(0, byte_size(Code) - 5)])]),
    io:format("other name: ~p~n", [code:load_binary(other_name, "other_name.beam", Code)]),
    [io:format("~ts: ~kp~n", [Name, load(Bytes)]) || {Name, Bytes} <- [
        {"empty", <<>>}, {"text", <<"hello">>}, {"only a header", <<"FOR1", 4:32, "BEAM">>}, {"zeros", <<0:80000>>}, {"ones", <<-1:80000>>},
        {"wrong form", replace(Code, <<"FOR1">>, <<"FOR2">>)}, {"wrong kind", replace(Code, <<"BEAM">>, <<"MEAB">>)},
        {"no atoms", replace(Code, <<"AtU8">>, <<"XtU8">>)}, {"no code", replace(Code, <<"Code">>, <<"Xode">>)},
        {"no imports", replace(Code, <<"ImpT">>, <<"XmpT">>)}, {"no exports", replace(Code, <<"ExpT">>, <<"XxpT">>)},
        {"no strings", replace(Code, <<"StrT">>, <<"XtrT">>)}, {"huge", <<"FOR1", 16#FFFFFFFF:32, "BEAM", "AtU8", 16#FFFFFFFF:32>>},
        {"compressed junk", <<31, 139, 8, 0, 1, 2, 3, 4>>}, {"compressed, cut off", binary:part(zlib:gzip(Code), 0, 100)}]],
    {module, victim} = code:load_binary(victim, "victim.beam", zlib:gzip(Code)),
    io:format("compressed: ~p~n", [victim:f(3)]),
    [io:format("code:load_binary(~kp): ~kp~n", [A, catch_error(fun() -> code:load_binary(victim, "victim.beam", A) end)]) || A <- [<<>>, <<1:3>>, "list", atom]],
    [io:format("beam_lib ~p: ~kp~n", [Q, strip(beam_lib:chunks(B, [Q]))]) || Q <- [exports, "Code", abstract_code, "None"], B <- [<<>>, binary:part(Code, 0, 60)]].

strip({error, beam_lib, E}) -> element(1, E);
strip(Other) -> Other.

%% Prepares the code without making it the module's code.
load(Bytes) ->
    case erlang:prepare_loading(victim, Bytes) of
        {error, Reason} -> {error, Reason};
        Prepared when is_reference(Prepared) -> prepared
    end.

replace(Code, From, To) -> binary:replace(Code, From, To).

count(Results) -> lists:sort(maps:to_list(lists:foldl(fun(R, M) -> maps:update_with(R, fun(N) -> N + 1 end, 1, M) end, #{}, Results))).

catch_error(F) -> try F() catch C:E -> {C, E} end.

forms() ->
    Lines = ["-module(victim).", "-export([f/1, g/2, h/1]).",
        "f(X) -> Fs = [fun(Y) -> {X, Y} end, fun erlang:abs/1], [F(X) || F <- Fs].",
        "g(<<A:12, B/bits>>, #{key := V} = M) when is_float(V) -> {A, B, M#{other => 1.5}, \"text\", [1, 2, {3, <<\"four\">>}]};"
        "g(a, b) -> receive {x, Y} -> Y; stop -> ok after 10 -> late end.",
        "h(X) -> try catch_me(X) of 1 -> one; 2 -> two; 3 -> three; a -> b; b -> c catch error:E:S -> {E, S} after self() ! done end.",
        "catch_me(X) -> <<X:16/little, (X + 123456789012345678901234567890):128>>."],
    [begin {ok, T, _} = erl_scan:string(L), {ok, F} = erl_parse:parse_form(T), F end || L <- Lines].
