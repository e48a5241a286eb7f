#!/usr/bin/env escript
%% crypto: long input, which dirty schedulers work on: answers, errors and many processes at once.
-module(crypto_long_calls_transcript).
-mode(compile).

main(_) ->
  L = binary:copy(<<"abc">>, 30000),
  E = fun(F) -> try F() catch C:R:[{M,N,A,I}|_] -> {C,R,M,N,if is_list(A) -> length(A); true -> A end,proplists:get_value(error_info,I)} end end,
  io:format("~0p~n", [E(fun() -> crypto:mac(hmac, sha3, <<"foo">>, L) end)]),
  io:format("~0p~n", [E(fun() -> crypto:crypto_one_time(aes_128_cbc, <<1>>, <<1:128>>, L, true) end)]),
  io:format("~0p~n", [E(fun() -> crypto:crypto_one_time(aes_128_cbc, <<1:128>>, <<1:128>>, [L,1], [{padding,none}]) end)]),
  io:format("~0p~n", [E(fun() -> crypto:pbkdf2_hmac(foo, <<"a">>, <<"b">>, 1000, 16) end)]),
  io:format("~0p~n", [E(fun() -> crypto:generate_key(rsa, {10, 3}) end)]),
  Ps = [spawn_monitor(fun() -> [begin S = crypto:crypto_init(aes_128_ctr, <<1:128>>, <<1:128>>, true), B = crypto:crypto_update(S, [L, X]), true = byte_size(B) =:= 90000 + byte_size(X) end || X <- [<<0:(8*N)>> || N <- lists:seq(1, 40)]], exit(crypto:hash(md5, crypto:mac(hmac, sha, <<"k">>, L))) end) || _ <- lists:seq(1, 20)],
  io:format("~p~n", [lists:usort([receive {'DOWN', M, process, P, R} -> R end || {P, M} <- Ps])]),
  S = crypto:mac_init(hmac, sha, <<"k">>), [crypto:mac_update(S, L) || _ <- lists:seq(1, 5)], io:format("~w~n", [crypto:mac_final(S)]).
