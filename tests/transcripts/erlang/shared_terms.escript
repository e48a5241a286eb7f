#!/usr/bin/env escript
%% What is referred to several times in a term: what keeps it so, and what does not.
-module(shared_terms_transcript).
-mode(compile).

main(_) ->
    Shared = lists:foldl(fun(_, List) -> [List | List] end, [], lists:seq(1, 10)),
    sizes("built", Shared),
    sizes("copied", erts_debug:copy_shared(Shared)),
    Self = self(),
    spawn(fun() -> Self ! Shared end),
    receive Sent -> io:format("sent: ~p~n", [{erts_debug:flat_size(Sent), Sent =:= Shared}]) end,
    ok = persistent_term:put({?MODULE, 1}, Shared),
    sizes("stored", persistent_term:get({?MODULE, 1})),
    sizes("copy of stored", erts_debug:copy_shared(persistent_term:get({?MODULE, 1}))),
    Tuple = {Shared, Shared, [Shared, 1.5]},
    ok = persistent_term:put({?MODULE, 2}, Tuple),
    sizes("a tuple", persistent_term:get({?MODULE, 2})),
    io:format("~p~n", [[erts_debug:same(A, B) || {A, B, _} <- [Tuple, persistent_term:get({?MODULE, 2}), erts_debug:copy_shared(Tuple)]]]),
    Binary = binary:copy(<<"x">>, 1000),
    {One, Two} = erts_debug:copy_shared({Binary, Binary}),
    io:format("~p~n", [{One =:= Binary, erts_debug:same(One, Two)}]),
    io:format("~p~n", [[erts_debug:copy_shared(Small) || Small <- [a, 1, [], {}, #{}, self() =:= self()]]]),
    io:format("~p~n", [try erts_debug:copy_shared([1], other) catch Class:Reason -> {Class, Reason} end]),
    true = persistent_term:erase({?MODULE, 1}),
    true = persistent_term:erase({?MODULE, 2}).

sizes(What, Term) ->
    io:format("~s: ~p words, ~p on the heap, ~p flat~n", [What, erts_debug:size(Term), erts_debug:size_shared(Term), erts_debug:flat_size(Term)]).
