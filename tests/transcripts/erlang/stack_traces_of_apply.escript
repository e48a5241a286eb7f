#!/usr/bin/env escript
%% Who stands first in the stack trace when a function that raises is applied, and in the last place of a function.
-module(stack_traces_of_apply).
-export([main/1]).
main(_) ->
  io:format("~p~n", [catch_it(fun erlang:error/1, [x])]),
  io:format("~p~n", [catch_it2(erlang, error, [x])]),
  io:format("~p~n", [catch_it2(erlang, hd, [x])]),
  io:format("~p~n", [catch_it(fun erlang:hd/1, [x])]),
  io:format("~p~n", [catch_it2(erlang, exit, [x])]),
  io:format("~p~n", [catch_it2(erlang, throw, [x])]),
  io:format("~p~n", [catch_it2(erlang, error, [x, [a]])]),
  io:format("~p~n", [catch_it2(erlang, raise, [error, x, [{a,b,1,[]}]])]),
  io:format("~p~n", [catch_it2(erlang, list_to_atom, [x])]),
  io:format("~p~n", [catch_it2(erlang, '+', [x, 1])]),
  io:format("~p~n", [catch_it2(maps, get, [x, #{}])]),
  io:format("~p~n", [catch_tail(erlang, error, [x])]),
  io:format("~p~n", [catch_tail(erlang, hd, [x])]).

catch_it(F, Args) ->
  try apply(F, Args) catch _:_:S -> S end.
catch_it2(M, F, Args) ->
  try apply(M, F, Args) catch _:_:S -> S end.
catch_tail(M, F, Args) ->
  try tail(M, F, Args) catch _:_:S -> S end.
tail(M, F, Args) -> apply(M, F, Args).
