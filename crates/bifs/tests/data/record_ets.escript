#!/usr/bin/env escript
%% Records what ets:*/N and erlang:match_spec_test/3 of the real system answer to a sequence of calls, for the tests of
%% the BIFs: escript record_ets.escript ets.etf
main([File]) ->
    Cases = [record(Call) || Call <- calls()],
    ok = file:write_file(File, term_to_binary(Cases, [compressed])).

record({F, Args}) -> record({ets, F, Args});
record({M, F, Args}) ->
    Outcome = try {value, apply(M, F, Args)}
              catch Class:Reason:Stack -> {raise, Class, Reason, cause(Stack)} end,
    {M, F, Args, Outcome}.

cause([{_, _, _, Location} | _]) ->
    case proplists:get_value(error_info, Location) of
        #{cause := Cause} -> Cause;
        _ -> none
    end.

calls() ->
    creation() ++ basics(s, set) ++ basics(o, ordered_set) ++ bags() ++ counters() ++ elements() ++ ordered() ++
        selects() ++ replaces() ++ keypos() ++ large() ++ information() ++ specifications().

new(Name, Options) -> {new, [Name, [named_table | Options]]}.

creation() ->
    [{new, [x, Options]} || Options <- [foo, [foo], [{keypos, 0}], [{keypos, a}], [{heir, foo, bar}], [{a, b}], [set | bag],
                                        [{write_concurrency, foo}], [{read_concurrency, 1}], [{heir, a}], "a", [1]]] ++
    [{new, ["x", []]}, {new, [1, foo]}, new(t, []), new(t, []), {info, [t, type]}, {info, [t, name]}, {delete, [t]},
     {delete, [t]}, {info, [t]}, {info, [t, size]}, {info, ["t", size]}, {info, [1]}, {whereis, [t]}, {whereis, [1]},
     {lookup, [t, 1]}, {lookup, ["t", 1]}, {insert, [t, {1}]}, {first, [t]}, {select, [t, [{'_', [], ['$_']}]]},
     {rename, [t, u]}, {safe_fixtable, [t, true]}, {give_away, [t, 1, 2]}, {setopts, [t, []]}, {take, [1, 1]}].

basics(T, Type) ->
    [new(T, [Type]), {info, [T, size]}, {lookup, [T, a]}, {member, [T, a]}, {first, [T]}, {last, [T]},
     {first_lookup, [T]}, {last_lookup, [T]}, {slot, [T, -1]}, {slot, [T, a]},
     {insert, [T, {a, 1}]}, {insert, [T, {a, 2, "x"}]}, {lookup, [T, a]}, {info, [T, size]}, {first, [T]}, {next, [T, a]},
     {next, [T, zz]}, {prev, [T, a]}, {prev, [T, zz]}, {next_lookup, [T, a]}, {first_lookup, [T]},
     {insert, [T, a]}, {insert, [T, {}]}, {insert, [T, [{b, 1}, c]]}, {insert, [T, [{b, 1} | c]]}, {insert, [T, []]},
     {member, [T, b]}, {insert_new, [T, {a, 3}]}, {insert_new, [T, [{b, 1}, {a, 3}]]}, {insert_new, [T, []]},
     {insert_new, [T, [{b, 1}, {b, 2}]]}, {lookup, [T, b]}, {insert_new, [T, [{c} | d]]},
     {insert, [T, [{1, int}, {1.0, float}, {1 bsl 80, big}, {"list", l}, {{t, u}, t}, {#{k => v}, m}, {<<"bin">>, b}, {[], n}]]},
     {lookup, [T, 1 bsl 80]}, {lookup, [T, "list"]}, {lookup, [T, {t, u}]}, {lookup, [T, #{k => v}]}, {lookup, [T, <<"bin">>]},
     {lookup, [T, []]}, {lookup, [T, 1]}, {lookup, [T, 1.0]}, {info, [T, size]},
     {lookup_element, [T, a, 2]}, {lookup_element, [T, a, 4]}, {lookup_element, [T, a, 0]}, {lookup_element, [T, a, x]},
     {lookup_element, [T, none, 2]}, {lookup_element, [T, none, 2, dflt]}, {lookup_element, [T, a, 2, dflt]},
     {lookup_element, [T, none, 0, dflt]}, {lookup_element, [T, a, 9, dflt]}, {lookup_element, [T, a, 1 bsl 70]},
     {delete_object, [T, {a, 2}]}, {member, [T, a]}, {delete_object, [T, {a, 2, "x"}]}, {member, [T, a]},
     {delete_object, [T, x]}, {delete_object, [T, {}]}, {delete, [T, <<"bin">>]}, {delete, [T, <<"bin">>]},
     {member, [T, <<"bin">>]}, {take, [T, {t, u}]}, {take, [T, {t, u}]}, {info, [T, size]},
     {safe_fixtable, [T, foo]}, {safe_fixtable, [T, false]}, {safe_fixtable, [T, true]}, {info, [T, fixed]},
     {safe_fixtable, [T, false]}, {info, [T, fixed]}, {info, [T, safe_fixed]},
     {internal_delete_all, [T, undefined]}, {internal_delete_all, [T, undefined]}, {info, [T, size]}, {first, [T]},
     {insert, [T, [{N, N * N} || N <- lists:seq(1, 50)]]}, {info, [T, size]}] ++
    [{delete, [T, N]} || N <- lists:seq(1, 50, 2)] ++ [{lookup, [T, N]} || N <- lists:seq(1, 50)] ++
    [{info, [T, size]}, {rename, [T, renamed]}, {lookup, [T, 2]}, {lookup, [renamed, 2]}, {rename, [renamed, 1]},
     new(other, []), {rename, [renamed, other]}, {delete, [renamed]}, {delete, [other]}].

bags() ->
    [new(b, [bag]), new(d, [duplicate_bag])] ++
    lists:append([[{insert, [T, [{1, a}, {1, b}, {1, a}, {2, x}]]}, {lookup, [T, 1]}, {lookup_element, [T, 1, 2]},
      {lookup_element, [T, 1, 3]}, {insert, [T, {1, a, b}]}, {lookup_element, [T, 1, 3]}, {insert_new, [T, {1, c}]},
      {info, [T, size]}, {delete_object, [T, {1, a}]}, {lookup, [T, 1]}, {info, [T, size]}, {match_object, [T, {1, '_'}]},
      {match, [T, {1, '$1'}]}, {select, [T, [{{1, '$1'}, [{'==', '$1', b}], ['$1']}]]}, {update_counter, [T, 1, 1]},
      {update_element, [T, 1, {2, a}]}, {internal_select_delete, [T, [{{1, b}, [], [true]}]]}, {lookup, [T, 1]},
      {take, [T, 1]}, {member, [T, 1]}, {insert, [T, {1, z}]}, {lookup, [T, 1]}, {delete, [T, 1]}, {delete, [T, 2]},
      {info, [T, size]}, {insert, [T, [{7, N} || N <- lists:seq(1, 5)]]}, {match_object, [T, {7, '_'}, 5]},
      {match_object, [T, {7, '_'}, 50]}, {match_object, [T, {8, '_'}, 5]}, {first, [T]}, {first_lookup, [T]}, {next, [T, 7]},
      {last, [T]}, {select_count, [T, [{{7, '$1'}, [{'<', '$1', 3}], [true]}]]}] || T <- [b, d]]) ++
    [{select_replace, [b, [{'_', [], ['$_']}]]}, {select_replace, [d, [{{7, 3}, [], [{{7, three}}]}]]}, {lookup, [d, 7]},
     {delete, [b]}, {delete, [d]}].

counters() ->
    [new(c, []), {insert, [c, {k, 1, a, 5}]}] ++
    [{update_counter, [c, k, Op]} || Op <- [1, -1, {2, 5}, {4, 10, 12, 0}, {4, 1, 12, 0}, {4, -20, -5, 3}, {2, 0}, [{2, 1}, {2, 1}, {4, 1}],
        [], {3, 1}, {1, 1}, {5, 1}, {0, 1}, {-1, 1}, {a, 1}, {2, a}, {2, 1.0}, {2, 1, 2}, {2, 1, a, 2}, {2, 1, 2, a}, foo, [foo], [1],
        [{2, 1} | x], [{2, 1}, {1, 1}], [{2, 1}, {9, 1}], {2, 1 bsl 70}, {2, -(1 bsl 70)}, {2, 1, 1 bsl 71, 0}, {2, 1 bsl 72, 1 bsl 71, 1 bsl 65}]] ++
    [{lookup, [c, k]}, {update_counter, [c, nokey, 1]}, {update_counter, [c, nokey, foo]},
     {update_counter, [c, n1, 1, {x, 10}]}, {update_counter, [c, n1, 1, {x, 10}]}, {lookup, [c, n1]}, {lookup, [c, x]},
     {update_counter, [c, n2, 1, {x}]}, {update_counter, [c, n2, 1, x]}, {update_counter, [c, n2, {2, 1}, {}]},
     {update_counter, [c, n2, {2, 1}, {x, y}]}, {update_counter, [c, n2, [{3, 1}, {3, 2, 10, 0}], {a, b, 0}]}, {lookup, [c, n2]},
     {update_counter, [c, n3, [], {a, b}]}, {lookup, [c, n3]}, {update_counter, [c, k, {2, 1}, x]}, {info, [c, size]}, {delete, [c]}].

elements() ->
    [new(e, []), {insert, [e, {k, 1, "two", 3.0}]}] ++
    [{update_element, [e, k, Spec]} || Spec <- [{2, x}, {2, 7}, {3, [a, {b}]}, [{2, 1}, {4, y}], [{2, 1}, {2, 9}], [], {1, a}, {0, a}, {-1, a}, {5, a},
        {x, a}, foo, [foo], [{2, 1} | a], [{2, z}, {9, 1}], [{2, z}, {1, 1}], {2, 1, 2}, {1 bsl 80, a}]] ++
    [{lookup, [e, k]}, {update_element, [e, no, {2, x}]}, {update_element, [e, no, {9, x}]}, {update_element, [e, no, {1, x}]}, {update_element, [e, no, foo]},
     {update_element, [e, n, {2, x}, {a, b}]}, {lookup, [e, n]}, {update_element, [e, n, {2, y}, {a, b}]}, {lookup, [e, n]},
     {update_element, [e, m, {3, x}, {a, b}]}, {update_element, [e, m, {1, x}, {a, b}]}, {update_element, [e, m, {2, x}, b]},
     {update_element, [e, m, {2, x}, {}]}, {member, [e, m]}, {delete, [e]}].

ordered() ->
    [new(o, [ordered_set]), {insert, [o, [{N, N rem 7} || N <- [30, 5, 17, 2, 44, 9, 1, 28, 50, 3, 11, 40, 22, 7, 35, 19]]]},
     {insert, [o, [{a, 1}, {"s", 2}, {{x, 1}, 3}, {{x, 2}, 4}, {{y, 1}, 5}, {{x}, 6}, {{x, 1, 1}, 7}, {[x | y], 8}, {[x, z], 9}, {<<1>>, 10}, {#{}, 11}, {1.5, 12}]]},
     {first, [o]}, {last, [o]}, {next, [o, 4]}, {prev, [o, 4]}, {next, [o, 5]}, {prev, [o, 5]}, {prev, [o, 1]}, {next, [o, <<1>>]}, {next, [o, <<2>>]},
     {next, [o, 2.0]}, {lookup, [o, 2.0]}, {insert, [o, {2.0, changed}]}, {lookup, [o, 2]}, {member, [o, 2.0]}, {next_lookup, [o, 5]}, {prev_lookup, [o, 5]},
     {last_lookup, [o]}, {match_object, [o, '_']}, {match, [o, {'$1', '$2'}]}, {select, [o, [{'_', [], ['$_']}]]}, {select_reverse, [o, [{'_', [], ['$_']}]]},
     {match_object, [o, {{x, '_'}, '_'}]}, {match_object, [o, {{'_', 1}, '_'}]}, {match_object, [o, {[x | '_'], '_'}]}, {match_object, [o, {{x, '$1'}, '$1'}]},
     {select_reverse, [o, [{{{x, '_'}, '_'}, [], ['$_']}]]}, {match_object, [o, {{'$1', '$1'}, '_'}]}, {match_object, [o, {2, '_'}]}, {match_object, [o, {2.0, '_'}]},
     {select, [o, [{{30, '$1'}, [], ['$_']}, {{5, '$1'}, [], ['$1']}]]}, {select, [o, [{{5, '$1'}, [], ['$_']}, {{30, '$1'}, [], ['$1']}]]},
     {select, [o, [{{'$1', 5}, [], ['$1']}]]}, {select, [o, [{'_', [], ['$_']}], 100]}, {select, [o, [{{99, '_'}, [], ['$_']}], 1]}, {select, [o, [{'_', [], ['$_']}], 29]}] ++
    [{slot, [o, N]} || N <- [0, 1, 15, 27, 28, 29, 30]] ++
    [{internal_select_delete, [o, [{{'$1', '_'}, [{is_integer, '$1'}, {'>', '$1', 20}], [true]}]]}, {match, [o, {'$1', '_'}]},
     {internal_select_delete, [o, [{{{x, '_'}, '_'}, [], [true]}]]}, {match, [o, {'$1', '_'}]}, {info, [o, size]}, {delete, [o]}].

selects() ->
    [new(q, [ordered_set]), {insert, [q, [{1, a, "x"}, {2, b, {p, 3}}, {3, c, #{m => 1, n => 2}}, {4, a, [1, 2, 3]}]]}] ++
    [{select, [q, MS]} || MS <- specs()] ++ [{select_count, [q, MS]} || MS <- specs()] ++
    [{F, [q, P]} || F <- [match, match_object],
        P <- ['_', '$1', {}, a, {'_', '_', '_'}, {'$1', a, '_'}, {'$3', '$2', '$1'}, {'$1', '$1', '_'}, {'_', '_', #{m => '$5'}}, {'_', '_', #{q => '_'}},
              {'_', '_', #{}}, {'_', '_', {p, '$0'}}, {'_', '_', ['$1' | '$2']}, {2, '$1', '_'}, {'_', '_', #{'$1' => 1}}, {'_', '_', #{'_' => 1}}, [x]]] ++
    [{select, [q, [{'_', [], ['$_']}], L]} || L <- [0, -1, a, 5]] ++ [{select, [q, foo, 1]}, {match, [q, '_', 0]}, {match_object, [q, '_', a]},
     {select, ['$end_of_table']}, {match, ['$end_of_table']}, {match_object, ['$end_of_table']}, {select_reverse, ['$end_of_table']}, {select, [foo]}, {match, [{a, b}]},
     {select, [{q, 1, 1, foo, [], 0}]}, {select_reverse, [1]}, {delete, [q]}].

specs() ->
    [foo, [], [foo], [{a}], [{'_', [], []}], [{'_', foo, ['$_']}], [{'_', [], ['$_']} | x], {'_', [], ['$_']},
     [{'$1', [], ['$1']}], [{{'$1', '$2', '_'}, [], [{{'$2', '$1'}}]}], [{{'$1', '_', '_'}, [{'>', '$1', 2}], [true]}],
     [{{'$1', '_', '_'}, [{'andalso', {'>', '$1', 1}, {'<', '$1', 4}}], ['$1', true]}], [{{'$1', a, '_'}, [], [true]}, {{'$1', '_', '_'}, [], [false]}],
     [{{'$1', '_', '$2'}, [{is_list, '$2'}], [{length, '$2'}]}], [{{'$1', '_', '$2'}, [], [{length, '$2'}]}], [{{'$1', '_', '_'}, [{bad}], ['$1']}],
     [{{'$1', '_', '_'}, [], ['$2']}], [{{'_', '_', '$1'}, [{is_map, '$1'}], [{map_get, m, '$1'}]}], [{{'_', '_', '$1'}, [], [#{k => '$1'}]}],
     [{{'$1', '$2', '_'}, [{'or', {'==', '$2', b}, {'==', '$1', 4}}], ['$$']}], [{{2, '$2', {p, '$3'}}, [], [['$2', '$3' | tail]]}],
     [{{'$1', '_', '_'}, [{const, true}], [{const, {'$1'}}]}], [{{'$1', '_', '_'}, [{'not', {'==', '$1', 1}}], [{element, 2, '$_'}]}],
     [{{'$1', '_', '_'}, [], [{'+', '$1', 0.5}]}], [{{'$1', '_', '_'}, ['$1'], ['$1']}], [{{'$1', '_', '_'}, [], [{{}}]}], [{{'$1', '_', '_'}, [], [{}]}]].

replaces() ->
    [new(r, [ordered_set]), {insert, [r, [{N, N, x} || N <- lists:seq(1, 6)]]}] ++
    [{select_replace, [r, MS]} || MS <-
        [[], foo, [{{'$1', '$2', '_'}, [], [{{'$1', '$2', y}}]}], [{{'$1', '$2', '_'}, [], [{{'$2', '$1', y}}]}], [{{'$1', '_', '_'}, [{'<', '$1', 3}], [{{'$1', low}}]}],
         [{'$1', [], ['$1']}], [{'_', [], ['$_']}], [{{'$1', '_', '_'}, [], ['$1']}], [{'_', [], [{{{element, 1, '$_'}, e}}]}], [{'_', [], [{{{element, 2, '$_'}, e}}]}],
         [{{5, '_'}, [], [{{5, five}}]}], [{{5, '_'}, [], [{const, {5, const}}]}], [{{5, '_'}, [], [{const, {6, const}}]}], [{{'$1', '_'}, [], [{const, {6, const}}]}],
         [{{{'$1'}, '_'}, [], [{{{{'$1'}}, z}}]}], [{{'$1', '_'}, [], [{{'$1'}}]}], [{{'_', '_'}, [], [{{'_', z}}]}], [{{'$1'}, [], [foo]}], [{{'$1'}, [], [foo, '$_']}]]] ++
    [{match_object, [r, '_']}, {delete, [r]}].

keypos() ->
    [new(k, [{keypos, 2}]), {insert, [k, {a}]}, {insert, [k, {1, a}]}, {lookup, [k, a]}, {lookup, [k, 1]}, {update_counter, [k, a, {1, 5}]}, {update_counter, [k, a, 1]},
     {update_counter, [k, a, {2, 5}]}, {update_element, [k, a, {1, 3}]}, {update_element, [k, a, {2, 3}]}, {match_object, [k, {'_', a}]}, {match_object, [k, {3, '_'}]},
     {match_object, [k, {3}]}, {insert, [k, {3, a, b}]}, {lookup, [k, a]}, {first, [k]}, {delete_object, [k, {3, a, c}]}, {info, [k, size]}, {info, [k, keypos]}, {delete, [k]}].

large() ->
    Half = [{{'$1', '_'}, [{'>', '$1', 5000}], [true]}],
    lists:append([[new(l, [Type]), {insert, [l, [{N, N} || N <- lists:seq(1, 10000)]]}, {info, [l, size]}, {select_count, [l, Half]}, {lookup, [l, 7777]},
     {internal_select_delete, [l, Half]}, {info, [l, size]}, {select_count, [l, Half]}, {insert, [l, [{N, x} || N <- lists:seq(9000, 12000)]]}, {info, [l, size]},
     {lookup_element, [l, 12000, 2]}, {select_count, [l, [{{'_', x}, [], [true]}]]}, {member, [l, 5001]}, {member, [l, 5000]}, {internal_delete_all, [l, undefined]}, {delete, [l]}]
     || Type <- [set, ordered_set, bag, duplicate_bag]]) ++
    [new(l, [ordered_set]), {insert, [l, [{(N * 7919) rem 10007, N} || N <- lists:seq(1, 10006)]]}, {match, [l, {'$1', '_'}]}, {select_reverse, [l, [{{'$1', '$2'}, [], ['$2']}]]}, {delete, [l]}].

information() ->
    lists:append([[new(i, O)] ++ [{info, [i, I]} || I <- [decentralized_counters, read_concurrency, write_concurrency, compressed, heir, name, size, node, named_table, type, keypos,
        protection, fixed, safe_fixed, safe_fixed_monotonic_time, binary, foo, "x"]] ++ [{setopts, [i, {protection, private}]}, {info, [i, protection]}, {setopts, [i, [{heir, none}]]},
        {setopts, [i, [{heir, none}, {heir, none}]]}, {setopts, [i, {keypos, 1}]}, {setopts, [i, foo]}, {setopts, [i, [{heir, none} | a]]}, {setopts, [i, []]}, {delete, [i]}]
     || O <- [[], [ordered_set, public, compressed, {keypos, 3}, {read_concurrency, true}], [bag, {write_concurrency, true}], [{write_concurrency, auto}, {decentralized_counters, false}],
              [{write_concurrency, true}, private], [ordered_set, {write_concurrency, true}, {heir, none}], [set, bag, ordered_set, duplicate_bag]]]).

specifications() ->
    Guards = [{'and'}, {'or'}, {'not'}, {'not', true, false}, {'andalso'}, {'xor', true}, {'and', true}, {'andalso', true, foo}, {'andalso', true, true, true}, {'orelse', false, foo},
        {'orelse', true, foo}, {'orelse', foo, true}, {'xor', true, false}, {'xor', true, foo}, {is_integer, '$1'}, {is_integer, 1, 2}, {const, 1}, {const}, {const, true}, {'>', '$1'}, {}, {{}}, {{1}}, {1, 2},
        "a", '$1', '$_', '$$', [{is_integer, '$1'}], {'or', true, foo}, {'or', foo, true}, {'and', foo, true}, {'==', {{1, '$2'}}, '$_'}, {'=:=', [1, '$2'], '$$'}],
    Bodies = [{'andalso', true, foo}, {'andalso', foo, true}, {'orelse', false, foo}, {'and', foo, true}, {'or', true, foo}, {'or', foo, true}, {'not', foo}, {{'$1', {'/', '$1', 0}}}, {'+', {'/', 1, 0}, 1}, [],
        "abc", ['$1' | '$2'], {is_record, '$_', a}, {is_record, {const, {a, 1}}, a, 2}, {is_record, {const, {a, 1}}, a, 3}, {is_record, '$_', '$1', 2}, #{a => '$1', '$2' => b}, #{a => {'+', '$1', 1}},
        #{{{'$1'}} => {{'$2', [x, '$1']}}}, {map_get, a, #{a => 1}}, {map_get, b, #{a => 1}}, {map_size, #{a => 1}}, {map_size, 1}, {is_map_key, a, #{a => 1}}, {is_map_key, a, 1}, {binary_part, <<"abc">>, 1, 1}, {binary_part, <<"abc">>, {{1, 1}}},
        {bit_size, <<1>>}, {byte_size, <<1>>}, {ceil, 1.5}, {floor, 1.5}, {min, 1, 2}, {max, 1, 2}, {size, <<1, 2>>}, {size, '$_'}, {element, 1, '$_'}, {element, 9, '$_'}, {hd, [1]}, {hd, []}, {tl, [1, 2]}, {length, [1, 2]},
        {length, [1 | 2]}, {abs, -1}, {round, 1.5}, {trunc, 1.5}, {float, 1}, {node}, {node, {self}}, {node, 1}, {'band', 1, 3}, {'bor', 1, 2}, {'bxor', 1, 3}, {'bnot', 1}, {'bsl', 1, 3}, {'bsr', 8, 1}, {'div', 7, 2}, {'rem', 7, 2},
        {'-', 1}, {'+', 1}, {'*', 3, 4}, {'+', 1 bsl 59, 1 bsl 59}, {'+', 1.5, 1}, {'+', a, 1}, {'==', 1, 1.0}, {'=:=', 1, 1.0}, {'/=', 1, 1}, {'=/=', 1, 1.0}, {'>=', 1, 1}, {'=<', 1, 1}, {'<', a, 1}, {'>', a, 1}, {is_function, 1}, {is_function, 1, 2},
        {is_boolean, true}, {is_bitstring, <<1:1>>}, {is_binary, <<1:1>>}, {is_seq_trace}, {message, 1}, {return_trace}, {exception_trace}, {display, 1}, {process_dump}, {enable_trace, a}, {trace, a, b}, {silent, true}, {caller}, {caller_line},
        {current_stacktrace}, {get_seq_token}, {set_seq_token, a, b}, {get_tcw}, {set_tcw, 1}, {tuple_size, '$_'}, {is_alive}, {setelement, 1, '$_', a}, {make_ref}, {unknown, 1, 2, 3, 4}, {is_atom}, {element, 1}, {foo, bar, '$3'}, '$3', {{'$3'}},
        [{foo}], {1, 2}, {{1, 2}, 3}, {{1}, {2}}, {const, '$1'}, {const, {1, 2}}, '$01', {"a"}, {}, {{}}, '$$', '$_', '$*', {'Quoted name'}, {{'$1', '$2', {{}}, [[{{'$1'}}]]}}],
    Others = [{{1, #{a => 1, b => 2}}, [{{'_', #{a => '$1'}}, [], ['$1']}]}, {{1, #{a => 1}}, [{{'_', #{c => '$1'}}, [], ['$1']}]}, {{1, #{a => 1}}, [{{'_', #{'$1' => 1}}, [], ['$1']}]}, {{1, #{a => 1}}, [{{'_', #{'_' => 1}}, [], ['$_']}]},
        {{1, #{a => 1}}, [{{'$1', #{a => '$1'}}, [], ['$1']}]}, {{1, #{{x, '_'} => 1, b => 2}}, [{{'_', #{{x, '_'} => 1}}, [], ['$_']}]}, {{1, maps:from_list([{X, X} || X <- lists:seq(1, 50)])}, [{{'_', #{3 => '$1'}}, [], ['$1']}]},
        {{1, 2}, [{{'$1', '$1'}, [], [ok]}]}, {{1, 1}, [{{'$1', '$1'}, [], [ok]}]}, {{1, 1.0}, [{{'$1', '$1'}, [], [ok]}]}, {{1.0}, [{{1}, [], [ok]}]}, {{1, 2}, [{{'$100000000', '$99999999999'}, [], ['$$', '$100000000']}]}, {{1, 2}, [{{'$2', '$1'}, [], ['$$']}]},
        {{1, 2}, [{{'$10', '$9'}, [], ['$$']}]}, {{1, 2}, [{{'$2'}, [], ['$1']}, {{'$1', '$2'}, [], ['$1']}]}, {{1, 2}, [{'$1', [], ['$1']}]}, {{1, 2}, [{foo, [], ['$$']}]}, {{1, 2}, [{[a], [], ['$$']}]}, {foo, [{'$1', [], ['$$']}]}, {foo, [{'_', [], ['$$']}]},
        {{1, 2}, [{'$1', foo, ['$1']}]}, {{1, 2}, [{'$1', [], foo}]}, {{1, 2}, [{'$1', [true | x], [foo]}]}, {{1, 2}, [{'$1', [], [foo | bar]}]}, {{1, 2}, [{'_', [], [true]} | foo]}, {{1, 2}, [{'_', []}]}, {{1, 2}, {'_', [], [true]}}, {{1, 2}, []},
        {{1, 2}, [{'$1', [{'/', '$1', 0}], ['$1']}]}, {{1, 2}, [{'$1', [{'bogus', '$9'}, {hd}], ['$7']}, {'$2', [], ['$3']}]}, {{1, [a, b | c]}, [{{'_', ['$1' | '$2']}, [], [{{'$1', '$2'}}]}]}, {{1, <<"abc">>}, [{{'_', <<"abc">>}, [], [{{'$_', '$$'}}]}]},
        {{1, <<"abc">>}, [{{'_', <<"abd">>}, [], [{{'$_', '$$'}}]}]}, {{1, 2.5, 1 bsl 70}, [{{1, 2.5, 1 bsl 70}, [], [ok]}]}],
    [{erlang, match_spec_test, [{1, 2}, [{{'$1', '$2'}, [G], [ok]}], table]} || G <- Guards] ++
    [{erlang, match_spec_test, [{1, 2}, [{{'$1', '$2'}, [], [B]}], table]} || B <- Bodies] ++
    [{erlang, match_spec_test, [A, S, table]} || {A, S} <- Others] ++
    [{erlang, match_spec_test, [[1, 2], [{['$1', '$2'], [{'<', '$1', '$2'}], [{{'$2'}}]}], trace]}, {erlang, match_spec_test, [a, [{'_', [], [true]}], trace]},
     {erlang, match_spec_test, [{1}, [{'_', [], [true]}], foo]}, {match_spec_compile, [foo]}, {match_spec_compile, [[]]}, {match_spec_compile, [[{a}]]}, {is_compiled_ms, [a]},
     {match_spec_run_r, [[], a, []]}].
