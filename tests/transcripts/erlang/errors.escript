#!/usr/bin/env escript
%% Exceptions: classes, reasons, stack traces, and the texts of error_info.
-module(errors_transcript).
-mode(compile).

main(_) ->
    Show = fun(F) ->
        try F(), io:format("no error~n")
        catch C:E:S -> io:format("~kp ~kp~n  ~kp~n", [C, E, [frame(Fr) || Fr <- S, element(1, Fr) =/= escript, element(1, Fr) =/= init, element(1, Fr) =/= prim_eval]])
        end end,
    [Show(F) || F <- [
        fun() -> one(id(3)) end, fun() -> clause(id(b)) end, fun() -> case id(1) of 2 -> ok end end, fun() -> if_none(id(1)) end,
        fun() -> {ok, _} = id(error) end, fun() -> try id(1) of 2 -> ok after ok end end, fun() -> (id(foo))(1) end, fun() -> (fun(A) -> A end)(id(1), 2) end,
        fun() -> no_module:f(1) end, fun() -> lists:no_function(1, 2) end, fun() -> throw(id(x)) end, fun() -> exit(id(x)) end, fun() -> error(id(x)) end,
        fun() -> error(id(x), [a, b]) end, fun() -> error(id(x), [a], [{error_info, #{}}]) end, fun() -> deep(5) end, fun() -> tail(100) end,
        fun() -> hd(id([])) end, fun() -> element(id(3), {1, 2}) end, fun() -> id(a) + 1 end, fun() -> id(1) div 0 end, fun() -> -id(a) end, fun() -> not id(1) end,
        fun() -> id(1) and true end, fun() -> id(1) andalso true end, fun() -> length(id([1 | 2])) end, fun() -> tuple_size(id([])) end, fun() -> (id(#{}))#{a := 1} end,
        fun() -> (id(1))#{a => 1} end, fun() -> map_get(a, id(#{})) end, fun() -> lists:map(fun(X) -> 1 / X end, [1, 0]) end, fun() -> apply(id(lists), id(reverse), [1, 2, 3, 4]) end,
        fun() -> binary_to_atom(id(<<255>>)) end, fun() -> list_to_existing_atom(id("no such atom at all")) end, fun() -> id(1) bsl (1 bsl 62) end, fun() -> [X || X <- id(a)] end,
        fun() -> << <<X>> || <<X>> <= id(a) >> end, fun() -> spawn(id(1)) end, fun() -> receive after id(a) -> ok end end,
        fun() -> erlang:raise(error, made_up, [{m, f, 1, [{file, "x.erl"}, {line, 3}]}]) end]],
    io:format("~n-- texts~n"),
    Text = fun({M, F, A}) ->
        try apply(M, F, A) of R -> io:format("~kw:~kw~kw gives ~kw~n", [M, F, A, R])
        catch error:E:S ->
            [{M1, F1, A1, I} | _] = S,
            case proplists:get_value(error_info, I) of
                undefined -> io:format("~kw:~kw ~kp no info~n", [M1, F1, E]);
                Info -> Module = maps:get(module, Info, M1),
                        io:format("~kw:~kw/~kw ~kp ~kp~n", [M1, F1, if is_list(A1) -> length(A1); true -> A1 end, E, texts(Module, E, S)])
            end
        end end,
    Pid = self(), T = ets:new(t, [ordered_set]), R = make_ref(),
    [Text(X) || X <- [
        {erlang, abs, [a]}, {erlang, '+', [1, a]}, {erlang, '++', [a, b]}, {erlang, '--', [[1], a]}, {erlang, append_element, [a, 1]}, {erlang, apply, [1, f, []]}, {erlang, atom_to_list, [1]},
        {erlang, atom_to_binary, [a, klingon]}, {erlang, binary_part, [<<1>>, 2, 3]}, {erlang, binary_to_integer, [<<"x">>]}, {erlang, binary_to_list, [<<1, 2>>, 2, 1]}, {erlang, binary_to_term, [<<1>>]},
        {erlang, cancel_timer, [a]}, {erlang, delete_element, [3, {a}]}, {erlang, demonitor, [a]}, {erlang, display, [1, 2]}, {erlang, element, [0, {a}]}, {erlang, exit, [a, b]}, {erlang, float, [a]},
        {erlang, float_to_list, [1.0, [bad]]}, {erlang, fun_info, [1]}, {erlang, function_exported, [1, 2, 3]}, {erlang, group_leader, [a, b]}, {erlang, hd, [1]}, {erlang, insert_element, [5, {}, a]},
        {erlang, integer_to_list, [a]}, {erlang, integer_to_list, [1, 99]}, {erlang, iolist_size, [[256]]}, {erlang, length, [[a | b]]}, {erlang, link, [a]}, {erlang, list_to_atom, [[-1]]}, {erlang, list_to_binary, [[300]]},
        {erlang, list_to_integer, ["1a"]}, {erlang, list_to_pid, ["x"]}, {erlang, list_to_tuple, [[a | b]]}, {erlang, make_tuple, [-1, a]}, {erlang, map_size, [1]}, {erlang, monitor, [process, 1]}, {erlang, monitor, [thing, Pid]},
        {erlang, open_port, [x, []]}, {erlang, process_flag, [trap_exit, 1]}, {erlang, process_info, [Pid, x]}, {erlang, register, [a, 1]}, {erlang, register, [undefined, Pid]}, {erlang, send, [a_name, 1]}, {erlang, send_after, [-1, Pid, x]},
        {erlang, setelement, [1, {}, x]}, {erlang, spawn_opt, [fun() -> ok end, [bad]]}, {erlang, split_binary, [<<1>>, 5]}, {erlang, start_timer, [a, b, c]}, {erlang, system_flag, [x, 1]}, {erlang, system_info, [x]}, {erlang, term_to_binary, [a, [x]]},
        {erlang, tuple_to_list, [a]}, {erlang, unregister, [nobody_here]}, {erlang, whereis, [1]}, {erlang, phash2, [a, 0]}, {erlang, statistics, [x]}, {erlang, trunc, [a]}, {erlang, universaltime_to_localtime, [a]},
        {ets, insert, [T, a]}, {ets, insert, [R, {1}]}, {ets, lookup, [a, b]}, {ets, new, [1, []]}, {ets, new, [a, [b]]}, {ets, update_counter, [T, a, 1]}, {ets, update_element, [T, a, {1, 2}]}, {ets, select, [T, a]}, {ets, give_away, [T, a, b]}, {ets, next, [a, b]}, {ets, lookup_element, [T, a, 1]},
        {maps, get, [a, #{}]}, {maps, keys, [a]}, {maps, from_list, [[a]]}, {maps, merge, [#{}, 1]}, {maps, fold, [a, b, c]}, {maps, take, [a, 1]}, {maps, update, [a, 1, #{}]},
        {lists, keyfind, [a, 0, []]}, {lists, member, [a, b]}, {lists, reverse, [a, b]}, {lists, nth, [0, []]}, {lists, keysort, [0, []]}, {binary, at, [<<1>>, 5]}, {binary, copy, [a]}, {binary, match, [<<>>, <<>>]}, {binary, part, [<<1>>, 1, 1]},
        {binary, split, [a, b]}, {binary, encode_unsigned, [-1]}, {math, sqrt, [-1]}, {math, log, [a]}, {os, getenv, [1]}, {os, putenv, ["a=b", ""]}, {re, run, [1, "a"]}, {re, compile, ["(a"]}, {unicode, characters_to_list, [a]}, {unicode, characters_to_binary, [1]},
        {io, format, ["~p", []]}, {io, put_chars, [a]}, {persistent_term, get, [no_key]}, {atomics, new, [0, []]}, {atomics, get, [a, 1]}, {counters, new, [a, b]}, {code, load_file, [1]}, {erl_ddll, try_load, [1, 2, 3]}, {zlib, compress, [a]}, {calendar, day_of_the_week, [{2024, 13, 1}]}]].

%% Some reasons have no text: OTP's own function then fails.
texts(Module, E, S) ->
    try maps:map(fun(_, V) -> lists:flatten([V]) end, Module:format_error(E, S)) catch error:function_clause -> no_text end.

id(X) -> X.
one(X) -> two(X) + 1.
two(X) -> X + id(a).
clause(a) -> ok.
if_none(X) -> if X > 1 -> ok end.
deep(0) -> error(bottom);
deep(N) -> [N | deep(N - 1)].
tail(0) -> error(bottom);
tail(N) -> tail(N - 1).
frame({M, F, A, I}) -> {M, F, A, [{file, filename:basename(proplists:get_value(file, I, ""))}, {line, proplists:get_value(line, I, 0)}]}.
