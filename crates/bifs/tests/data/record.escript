#!/usr/bin/env escript
%% Records what BIFs of the real system answer: `escript record.escript FAMILY` writes FAMILY.etf beside itself.
%% Each case is {Module, Function, Arguments, {value, Value} | {raise, Class, Reason, Cause | none}}.
-mode(compile).

main([Family]) ->
    logger:set_primary_config(level, none),
    _ = rand:seed(exsss, {1, 2, 3}),
    _ = code:ensure_loaded(list_to_atom(Family)),
    Calls = lists:usort(calls(list_to_atom(Family))),
    Cases = [{M, F, A, answer(M, F, A)} || {M, F, A} <- Calls],
    File = filename:join(filename:dirname(escript:script_name()), Family ++ ".etf"),
    ok = file:write_file(File, term_to_binary([C || C <- Cases, is_plain(C)], [compressed])),
    io:format("~s: ~p~n", [File, length(Cases)]).

%% In a process of its own: OTP 27 ends the caller of re:run/3 when the offset is beyond the end.
answer(M, F, A) ->
    {Pid, Monitor} = spawn_monitor(fun() -> exit({answer, answer_here(M, F, A)}) end),
    receive
        {'DOWN', Monitor, process, Pid, {answer, Answer}} -> Answer;
        {'DOWN', Monitor, process, Pid, _} -> died
    end.

%% This NIF is not exported; its only caller exits with the reason.
answer_here(asn1rt_nif, decode_ber_tlv_raw, A) ->
    case answer_here(asn1rt_nif, decode_ber_tlv, A) of
        {raise, exit, {error, {asn1, Reason}}, _} -> {value, {error, Reason}};
        Answer -> Answer
    end;
answer_here(M, F, A) ->
    try {value, apply(M, F, A)}
    catch Class:Reason:Stack ->
        Cause = case Stack of
                    [{_, _, _, Info} | _] ->
                        maps:get(cause, proplists:get_value(error_info, Info, #{}), none);
                    _ -> none
                end,
        {raise, Class, Reason, Cause}
    end.

%% Patterns compiled by another system mean nothing to this one.
is_plain({re, compile, _, {value, {ok, _}}}) -> false;
is_plain({binary, compile_pattern, _, {value, _}}) -> false;
is_plain({_, _, _, {raise, _, {badmatch, _}, _}}) -> false;
%% Of what depends on the moment, on calls before, or on the machine's layout of terms, only the errors count.
is_plain({erlang, F, _, {value, _}}) when F =:= process_flag; F =:= system_time; F =:= monotonic_time;
                                         F =:= time_offset; F =:= alias; F =:= unique_integer -> false;
is_plain({erts_debug, flat_size, [#{}], _}) -> false;
is_plain({_, _, _, died}) -> false;
is_plain(_) -> true.

one(List) -> lists:nth(rand:uniform(length(List)), List).
many(Max, Fun) -> [Fun() || _ <- lists:seq(1, rand:uniform(Max + 1) - 1)].

calls(process) ->
    Times = [0, 1, -1, 86399, 1 bsl 31, -(1 bsl 35), 253402300799, 253402300800, 1 bsl 55, 1 bsl 56, 1 bsl 70, 1.0, a],
    Dates = [{{Y, M, D}, {H, Mi, S}} || {Y, M, D} <- [{1970, 1, 1}, {1600, 2, 29}, {1599, 12, 31}, {1900, 2, 29},
                {2000, 2, 29}, {2024, 12, 31}, {2023, 13, 1}, {2023, 0, 1}, {-1, 1, 1}, {a, 1, 1}, {9999, 12, 31}],
            {H, Mi, S} <- [{0, 0, 0}, {23, 59, 59}, {24, 0, 0}, {1, 60, 0}, {1, 0, 60}, {-1, 0, 0}]],
    Flags = [{F, V} || F <- [trap_exit, error_handler, priority, message_queue_data, min_heap_size,
                             min_bin_vheap_size, max_heap_size, fullsweep_after, sensitive, async_dist, save_calls,
                             monitor_nodes, foo, {monitor_nodes, []}, {monitor_nodes, a}, {a, b}],
                       V <- [true, false, low, max, foo, on_heap, off_heap, 0, 1, 5000, -1, 10001, a, [], "x",
                             #{size => 0}, #{size => 100}, #{size => 1000000, kill => false}, #{kill => true}]],
    Bad = [a, 1, {}, [], [a], #{}, <<>>, 1.0],
    [{erlang, posixtime_to_universaltime, [T]} || T <- Times]
    ++ [{erlang, universaltime_to_posixtime, [D]} || D <- Dates ++ Bad]
    ++ [{erlang, process_flag, [F, V]} || {F, V} <- Flags]
    ++ [{erlang, F, [B]} || B <- Bad, F <- [link, unlink, demonitor, unalias, alias, cancel_timer, read_timer,
                            is_process_alive, process_info, unregister, bump_reductions, dt_spread_tag, node, nodes,
                            resume_process, spawn_request_abandon, trace_delivered, unique_integer, statistics,
                            system_info, monotonic_time, system_time, time_offset, universaltime_to_localtime]]
    ++ [{erlang, F, [B, a]} || B <- Bad, F <- [monitor, register, monitor_node, system_flag, process_info, send,
                               demonitor, group_leader, exit, suspend_process], F =/= group_leader,
                               F =/= suspend_process]
    ++ [{erlang, F, [A, B, C]} || F <- [send_after, start_timer, spawn, spawn_link, monitor, send],
           A <- [a, -1, 1 bsl 62, 1 bsl 70, process], B <- [a, {}], C <- [a, [a | b]]]
    ++ [{erlang, spawn_opt, [m, f, A, O]} || A <- [[], a], O <- [a, [a], [{priority, a}], [{min_heap_size, -1}],
           [{max_heap_size, 10}], [{monitor, a}], [{monitor, [{alias, a}]}], [link | a], [{reply, yes}],
           [{scheduler, 100000}], [{fullsweep_after, -1}]]]
    ++ [{erts_internal, suspend_process, [B, O]} || B <- Bad, O <- [[], [a], a]]
    ++ [{erts_internal, process_flag, [B, F, V]} || B <- Bad, F <- [save_calls, trap_exit], V <- [0, a]]
    ++ [{erts_internal, group_leader, [A, B]} || A <- Bad, B <- Bad]
    ++ [{erts_internal, spawn_request, [M, f, A, O]} || M <- [m, 1], A <- [[], a], O <- [a, [a | b]], {M, A} =/= {m, []}]
    ++ [{erts_internal, atomics_new, [A, O]} || A <- [0, -1, a], O <- [0, 1]]
    ++ [{persistent_term, F, [no_such_key]} || F <- [get, erase]] ++ [{persistent_term, get, [no_such_key, 1]}]
    ++ [{atomics, F, [B, 1]} || F <- [get], B <- Bad] ++ [{atomics, info, [B]} || B <- Bad]
    ++ [{os, getenv, [E]} || E <- [a, "no_such_variable", [a], [-1], [16#110000], "a" ++ [0], ""]]
    ++ [{os, putenv, [E, V]} || E <- [a, "", "=", "a=b", [a]], V <- ["x", a]]
    ++ [{os, unsetenv, [E]} || E <- [a, "", "a=b", [a], "no_such_variable"]]
    ++ [{erlang, halt, [A, O]} || {A, O} <- [{a, []}, {-1, []}, {0, [a]}, {0, a}, {0, [{flush, a}]}, {1.0, []},
                                             {0, [{flush_timeout, -1}]}, {[a], []}]]
    ++ [{erlang, seq_trace_info, [I]} || I <- [label, serial, send, print, timestamp, foo, 1]]
    ++ [{erlang, nodes, [K, M]} || K <- [this, visible, [known, hidden], foo],
           M <- [#{}, #{node_type => true}, #{connection_id => false}, #{foo => true}, a]]
    ++ [{erlang, get, []}, {erlang, erase, []}, {erlang, get_keys, []}, {erlang, get, [a]}, {erlang, put, [a, 1]},
        {erlang, erase, [a]}, {erlang, get_keys, [1]}, {erlang, node, []}, {erlang, is_process_alive, [self]},
        {net_kernel, dflag_unicode_io, [a]}, {error_logger, warning_map, []}, {erts_debug, flat_size, [{a, [1, 2], 1.0}]},
        {erts_debug, flat_size, [#{a => 1}]}, {erts_debug, same, [a, a]}, {erlang, system_profile, []},
        {erlang, system_monitor, []}, {erlang, dt_get_tag, []}, {erts_internal, time_unit, []}];
calls(unicode) ->
    [{unicode, one([characters_to_binary, characters_to_list]),
      [character_data(3), one([utf8, utf8, unicode, latin1])]} || _ <- lists:seq(1, 2000)]
    ++ [{unicode, F, [D, E]} || F <- [characters_to_binary, characters_to_list], E <- [latin1, utf8],
        D <- [foo, [a], [$a, 1.0], <<1:7>>, [<<1:7>>], [$a | <<1:7>>], [16#110000, a], [<<255>>, a], [[<<255>>] | a],
              [1 bsl 59], [1 bsl 70], [-1], [16#d800], [16#ffff], [<<>>], [[]], [], <<>>, [[], <<>> | <<"x">>],
              [<<16#e2>>, <<16#82>>, <<16#ac>>], [<<16#e2>>, <<16#82>>, <<"a">>], [<<16#e2>>, $a], [<<16#e2, 16#82>>],
              [<<16#e2, "a">>], <<16#e2, "a">>, <<16#ed, 16#a0>>, <<16#ed, 16#a0, 16#80>>, <<16#c0>>, <<16#f5>>,
              <<16#f8>>, [<<16#e2>> | <<16#82, 16#ac>>], binary:copy(<<"é"/utf8>>, 1000), lists:seq(1, 2000),
              binary:copy(<<"abc">>, 1000), [binary:copy(<<"abc">>, 1000), 255]]];
calls(re) ->
    Subjects = ["abc", <<"abcbc">>, "cat", <<"a\r\nb\nc">>, <<"aéb€"/utf8>>, <<>>, "", [<<"ab">>, $c | <<"d">>], foo,
                <<1:7>>, <<"abdabbdb">>, [256], <<255>>],
    Patterns = ["b", <<"(?<x>b)(c)?(d)?">>, <<"(|at)">>, <<"">>, <<".">>, <<"^">>, <<"$">>, <<"(a)|(b)|(?<c>c)">>,
                "(", <<"[">>, <<"a(?=b)">>, <<"(?<n>x)|(?<n>b)|(?<m>q)">>, <<"é"/utf8>>, <<"\\C">>, foo, [b | c],
                <<"\\w+">>, <<"b*">>, <<"(?<=a)b">>, <<"X">>, [], {re_pattern, 0, 0, 0, <<"abc">>}, {foo, 1}],
    Captures = [[], [], [{capture, all, list}], [{capture, all, binary}], [{capture, first}], [{capture, none}],
                [{capture, []}], [{capture, all_but_first, binary}], [{capture, all_names, list}],
                [{capture, all_names}], [{capture, [1, x, "x", <<"nope">>, 7, n], binary}], [{capture, [x, 2]}],
                [{capture, [-1]}], [{capture, foo}], [{capture, all, foo}], [{capture, [1 | 2]}], [{capture, [[]]}],
                [{capture, [0, n, c], list}], [{capture, none}, {capture, all, list}],
                [{capture, all, list}, {capture, [1]}]],
    Flags = [unicode, caseless, multiline, dotall, global, global, report_errors, anchored, dupnames, ungreedy,
             notempty, notempty_atstart, notbol, noteol, {newline, crlf}, bsr_unicode, {offset, 1},
             {offset, 0}, {match_limit, 1000}, firstline, extended],
    [{re, run, [one(Subjects), one(Patterns), many(3, fun() -> one(Flags) end) ++ one(Captures)]}
     || _ <- lists:seq(1, 2500)]
    ++ [{re, run, ["abc", "b", O]} || O <- [foo, [foo], [unicode | x], [{offset, -1}], [{offset, 1 bsl 31}],
                                           [{capture, all, binary, x}], [{match_limit, a}], [{newline, x}], [1]]]
    ++ [{re, run, [S, P]} || S <- Subjects, P <- Patterns]
    ++ [{re, run, [S, P, [global, {newline, any}]]} || S <- Subjects, P <- Patterns]
    ++ [{re, compile, [P | O]} || P <- Patterns, O <- [[], [[]], [[unicode]], [[global]], [[foo]]]]
    ++ [{re, inspect, A} || A <- [[foo, namelist], [{re_pattern, 0, 0, 0, <<>>}, namelist], [foo, 1]]]
    ++ [{re, internal_run, ["abc", "b", [], F]} || F <- [true, false, foo]];
calls(binary) ->
    Subject = fun() -> iolist_to_binary(many(12, fun() -> one(["a", "b", "ab", "ba", "abc", "xyz", [0], "bb"]) end)) end,
    Needle = fun() -> one([<<"a">>, <<"b">>, <<"ab">>, <<"abc">>, <<"aba">>, <<"z">>, <<"xy">>, <<0>>]) end,
    Pattern = fun() -> one([Needle(), [Needle()], [Needle(), Needle()], [Needle() || _ <- lists:seq(1, 6)]]) end,
    Scope = fun(S) -> [{scope, {rand:uniform(byte_size(S) + 3) - 2, rand:uniform(byte_size(S) + 3) - 2}}] end,
    Options = fun(S) -> one([[], [], Scope(S), many(1, fun() -> {scope, {0, byte_size(S)}} end)]) end,
    Flags = fun() -> many(3, fun() -> one([global, global, trim, trim_all]) end) end,
    lists:append([begin S = Subject(), P = Pattern(),
                      [{binary, match, [S, P]}, {binary, matches, [S, P]}, {binary, split, [S, P]},
                       {binary, match, [S, P, Options(S)]}, {binary, matches, [S, P, Options(S)]},
                       {binary, split, [S, P, Flags() ++ Options(S)]}, {binary, split, [S, P, [global]]}]
                  end || _ <- lists:seq(1, 400)])
    ++ [{binary, F, [S, P, O]} || F <- [match, matches, split],
        S <- [<<"abc">>, <<>>, foo, <<1:7>>, binary:copy(<<"abcdefghij">>, 30)],
        P <- [<<"b">>, <<>>, [], [<<>>], foo, [<<"b">> | x], {bm, make_ref()}, {ac, x}, {bm}, <<1:9>>, <<"cd">>],
        O <- [[], [global], [trim | x], foo, [foo], [{scope, {0, 1}}], [{scope, {0, 1}}, {scope, {1, 1}}],
              [{scope, {3, -2}}], [{scope, {1 bsl 70, 1}}], [{scope, {3, 0}}], [{scope, 1}], [global, trim_all]]]
    ++ [{binary, F, [S]} || F <- [compile_pattern, copy, decode_unsigned, encode_unsigned, first, last, list_to_bin,
                                  longest_common_prefix, longest_common_suffix],
        S <- [<<>>, <<"abc">>, <<1:9>>, foo, [], [1, "a", [<<"b">>] | <<"c">>], [256], [<<1:9>>], [1 | 2], 0, 1, -1,
              255, 256, 1 bsl 59, 1 bsl 100, -(1 bsl 100), 1.0, [<<"abc">>, <<"abd">>], [<<"xbc">>, <<"bc">>, <<"abc">>],
              [<<"a">> | b], [<<"a">>, b], [<<>>], <<0, 0, 0, 0, 0, 0, 0, 0, 0, 1>>, <<1, 2, 3, 4, 5, 6, 7, 8, 9>>]]
    ++ [{binary, F, [S, X]} || F <- [at, copy, decode_unsigned, encode_unsigned, part],
        S <- [<<>>, <<"abc">>, <<1:9>>, foo, 0, 258, 1 bsl 100, -1, binary:copy(<<"x">>, 200)],
        X <- [0, 1, 2, 3, -1, a, big, little, {0, 1}, {1, 2}, {3, -2}, {3, 1}, {-1, 1}, {0}, {1 bsl 70, 1},
              {0, 1 bsl 70}, {10, 100}]]
    ++ [{binary, copy, [<<1>>, N]} || N <- [1 bsl 62, 1 bsl 70, -(1 bsl 70)]]
    ++ [{binary, part, [S, P, L]} || S <- [<<>>, <<"abc">>, <<1, 2:4>>, foo], P <- [0, 1, 3, 4, -1, a, 1 bsl 64],
                                     L <- [0, 1, -1, 2, -3, a, 1 bsl 64]];
calls(asn1rt_nif) ->
    [{asn1rt_nif, decode_ber_tlv_raw, [cut(ber(3))]} || _ <- lists:seq(1, 700)]
    ++ [{asn1rt_nif, encode_ber_tlv, [ber_term(4)]} || _ <- lists:seq(1, 400)]
    ++ [{asn1rt_nif, encode_per_complete, [per()]} || _ <- lists:seq(1, 500)]
    ++ [{asn1rt_nif, decode_ber_tlv_raw, [D]}
        || D <- [foo, [2, 1, [5]], [], <<1:7>>, binary:copy(<<16#30, 16#80>>, 700), <<2, 16#84, 255, 255, 255, 255, 1>>,
                 <<2, 16#85, 1, 1, 1, 1, 1, 7>>, <<16#1f, 16#81, 16#81, 1, 1, 7>>, <<16#1f, 16#81, 1, 1, 7>>]
                ++ [iolist_to_binary([binary:copy(<<16#30, 16#80>>, N), 2, 1, 1, binary:copy(<<0, 0>>, N)])
                    || N <- [10, 584, 585, 586]]]
    ++ [{asn1rt_nif, encode_ber_tlv, [{T, V}]}
        || T <- [0, 30, 31, 127, 128, 16#3fff, 16#4000, 65535, 65536, 131077, 262144, -1, a, 1 bsl 32],
           V <- [<<>>, [], <<1>>, foo, [{2, <<1>>} | foo], [1], "ab", <<1:7>>, [foo], [{2, <<>>}, {a, <<>>}]]]
    ++ [{asn1rt_nif, encode_ber_tlv, [V]} || V <- [foo, [], {2, <<>>, 3}, [{2, <<>>}]]]
    ++ [{asn1rt_nif, encode_ber_tlv, [{16, [{2, binary:copy(<<7>>, N)}]}]}
        || N <- [127, 128, 255, 256, 65535, 65536]]
    ++ [{asn1rt_nif, encode_per_complete, [V]} || V <- [foo, [], <<>>, [3], [1 | <<0, 1>>], [256]]];
calls(_) -> [].

character_data(0) -> binary();
character_data(Depth) ->
    case rand:uniform(6) of
        1 -> binary();
        _ -> many(5, fun() -> element_of(Depth) end) ++ one([[], [], [], binary(), <<>>])
    end.

element_of(Depth) ->
    case rand:uniform(8) of
        1 -> character_data(Depth - 1);
        2 -> [];
        N when N < 6 -> binary();
        6 -> one([16#d800, 16#10ffff, 16#110000, 255, 256, -1, 127, 128, 16#ffff]);
        _ -> $a + rand:uniform(20)
    end.

binary() ->
    Part = fun() ->
        one([<<"a">>, <<"xyz">>, <<"é"/utf8>>, <<"€"/utf8>>, <<"😀"/utf8>>, <<"é"/utf8>>, <<"€"/utf8>>,
             <<16#e2>>, <<16#e2, 16#82>>, <<16#82>>, <<16#ac>>, <<16#f0, 16#9f>>, <<16#f0, 16#9f, 16#98>>, <<255>>,
             <<16#c3>>, <<16#a9>>, <<16#ed, 16#a0, 16#80>>, <<16#c0, 16#80>>])
    end,
    case rand:uniform(3) of
        1 -> iolist_to_binary(many(3, Part));
        2 -> <<"é€"/utf8>>;
        _ -> Part()
    end.

%% Elements in BER, some of indefinite length.
ber(0) -> ber_primitive();
ber(Depth) ->
    case rand:uniform(4) of
        1 -> ber_primitive();
        2 -> [ber_tag(16#20), 16#80, many(4, fun() -> ber(Depth - 1) end), 0, 0];
        _ ->
            Value = iolist_to_binary(many(4, fun() -> ber(Depth - 1) end)),
            [ber_tag(16#20), ber_length(byte_size(Value)), Value]
    end.

ber_primitive() ->
    Value = binary:copy(<<7>>, one([0, 1, 2, 5, 130, 300])),
    [ber_tag(0), ber_length(byte_size(Value)), Value].

ber_tag(Form) ->
    First = one([0, 64, 128, 192]) bor Form,
    one([[First bor one([1, 2, 16, 30])], [First bor 31, one([5, 31, 127])], [First bor 31, 16#85, 3]]).

ber_length(N) when N < 128 -> one([[N], [N], [16#81, N], [16#82, 0, N]]);
ber_length(N) -> one([[16#82, N div 256, N rem 256], [16#84, 0, 0, N div 256, N rem 256]]).

%% The whole, or with something missing, added or changed.
cut(Data) ->
    Binary = iolist_to_binary(Data),
    At = rand:uniform(min(byte_size(Binary), 40)) - 1,
    <<Head:At/binary, Byte, Tail/binary>> = Binary,
    one([Binary, Binary, <<Binary/binary, 1, 2>>, Head, <<Head/binary, (Byte bxor 128), Tail/binary>>,
         <<Head/binary, (Byte bxor 1), Tail/binary>>, <<Head/binary, Tail/binary>>]).

ber_term(Depth) ->
    Tag = one([0, 2, 16, 30, 31, 127, 128, 131077, 65536 + 300]),
    case rand:uniform(3) of
        1 when Depth > 0 -> {Tag, many(4, fun() -> ber_term(Depth - 1) end)};
        _ -> {Tag, binary:copy(<<1, 2>>, one([0, 1, 63, 64, 70, 200]))}
    end.

%% Instructions as asn1ct makes them.
per() ->
    many(8, fun() ->
        Bytes = many(5, fun() -> rand:uniform(256) - 1 end),
        Flags = many(12, fun() -> rand:uniform(2) - 1 end),
        N = length(Bytes),
        case rand:uniform(12) of
            1 -> [0]; 2 -> [1]; 3 -> [2];
            4 -> B = rand:uniform(8), [10, B, rand:uniform(1 bsl B) - 1];
            5 -> [20, N, Bytes];
            6 -> [21, 0, N, Bytes];
            7 when N > 0 -> U = rand:uniform(8) - 1, [30, U, N, mask(Bytes, U)];
            8 when N > 0 -> U = rand:uniform(8) - 1, [31, U, 0, N, mask(Bytes, U)];
            9 -> [40, length(Flags) + one([0, 0, 3, 9]), length(Flags), Flags];
            10 -> [43, 0, length(Flags) + one([0, 0, 3, 20]), 0, length(Flags), Flags];
            11 -> [45, N * 8 + one([0, 0, 3]), N, Bytes];
            _ -> [47, 0, N * 8 + one([0, 0, 3, 9]), 0, N, Bytes]
        end
    end).

%% Bits that do not count are zero.
mask(Bytes, Unused) ->
    {Init, [Last]} = lists:split(length(Bytes) - 1, Bytes),
    Init ++ [(Last bsr Unused) bsl Unused].
