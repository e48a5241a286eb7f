#!/usr/bin/env escript
%% crypto: what is supported, digests, message authentication codes, keys from passwords, and their errors.
-module(crypto_digests_transcript).
-mode(compile).

main(_) ->
    P = fun(X) -> io:format("~0kp~n", [X]) end,
    E = fun(F) -> P(err(F)) end,
    %% Lists: their order is that of the library's tables, which is no promise.
    [P({What, lists:sort(crypto:supports(What))}) || What <- [hashs, ciphers, public_keys, macs, curves, rsa_opts]],
    P([Key || {Key, _} <- crypto:supports()]),
    [{Name, Version, Text}] = crypto:info_lib(), P({Name, Version > 16#30000000, is_binary(Text)}),
    P({crypto:info_fips(), crypto:enable_fips_mode(true), crypto:enable_fips_mode(false)}),
    P(lists:sort(maps:keys(crypto:info()))),
    [P({H, crypto:hash_info(H)}) || H <- lists:sort(crypto:supports(hashs))],
    Data = [<<"abc">>, [$d, "ef"], binary:copy(<<"xyz">>, 100)],
    Digests = lists:sort(crypto:supports(hashs)) -- [shake128, shake256],
    [P({H, hex(crypto:hash(H, Data))}) || H <- Digests],
    %% FIPS 180 and RFC 1320, 1321: "abc" and the empty text.
    [P({H, hex(crypto:hash(H, "abc")), hex(crypto:hash(H, ""))}) || H <- [md4, md5, sha, sha256, sha512, sha3_256]],
    Long = binary:copy(<<"0123456789">>, 30000),
    [P({H, hex(crypto:hash(H, Long))}) || H <- [md5, sha256, blake2b]],
    %% In pieces; a state can be used again.
    S0 = crypto:hash_init(sha256), S1 = crypto:hash_update(S0, "ab"), S2 = crypto:hash_update(S1, "c"),
    P([hex(crypto:hash_final(S)) || S <- [S0, S1, S2, S2, crypto:hash_update(S1, "C")]]),
    [P({H, hex(crypto:hash_final(crypto:hash_update(crypto:hash_init(H), "abc"))), hex(crypto:hash_xof(H, "abc", 8 * 50)), crypto:hash_xof(H, "abc", 12)})
     || H <- [shake128, shake256]],
    %% Less than all of a digest that has one length.
    [P({H, N, err(fun() -> hex(crypto:hash_xof(H, "abc", N)) end)}) || H <- Digests, N <- [0, 8, 128, 8 * maps:get(size, crypto:hash_info(H))]],
    [E(F) || F <- [fun() -> crypto:hash(foo, "abc") end, fun() -> crypto:hash("sha", "abc") end, fun() -> crypto:hash(shake128, "abc") end, fun() -> crypto:hash(sha, abc) end,
                   fun() -> crypto:hash_init(foo) end, fun() -> crypto:hash_update(foo, "a") end, fun() -> crypto:hash_final(make_ref()) end, fun() -> crypto:hash_info(foo) end,
                   fun() -> crypto:hash_xof(sha256, "abc", 128) end, fun() -> crypto:hash_xof(shake128, "abc", -1) end, fun() -> crypto:hash_xof(shake128, "abc", a) end]],
    %% Codes.
    [P({H, hex(crypto:mac(hmac, H, "key", Data))}) || H <- Digests],
    [P({byte_size(K), hex(crypto:mac(hmac, sha256, K, "abc"))}) || K <- [<<>>, <<0:512>>, binary:copy(<<"k">>, 200)]],
    Cmacs = [{aes_128_cbc, 16}, {aes_192_cbc, 24}, {aes_256_cbc, 32}, {aes_cbc, 16}, {blowfish_cbc, 16}, {des_cbc, 8}, {des_ede3_cbc, 24}, {rc2_cbc, 16}],
    [P({C, err(fun() -> hex(crypto:mac(cmac, C, binary:part(key(), 0, N), Data)) end)}) || {C, N} <- Cmacs],
    P(hex(crypto:mac(poly1305, key(), "Cryptographic Forum Research Group"))),
    P([hex(crypto:macN(hmac, sha, "key", "data", 7)), hex(crypto:mac(hmac, sha512, "k", Long)), hex(crypto:mac(cmac, aes_128_cbc, <<1:128>>, Long))]),
    M = crypto:mac_init(hmac, sha256, "key"), crypto:mac_update(M, "ab"), crypto:mac_update(M, ["c"]), crypto:mac_update(M, Long),
    P([hex(crypto:mac_final(M)), err(fun() -> crypto:mac_final(M) end), err(fun() -> crypto:mac_update(M, "a") end)]),
    M2 = crypto:mac_init(poly1305, key()), crypto:mac_update(M2, "abc"), P(hex(crypto:mac_finalN(M2, 5))),
    M3 = crypto:mac_init(cmac, aes_256_cbc, key()), crypto:mac_update(M3, "abc"), P(hex(crypto:mac_final(M3))),
    [E(F) || F <- [fun() -> crypto:mac(foo, sha, "k", "d") end, fun() -> crypto:mac(hmac, foo, "k", "d") end, fun() -> crypto:mac(hmac, sha, k, "d") end, fun() -> crypto:mac(hmac, sha, "k", d) end,
                   fun() -> crypto:mac(cmac, foo, "k", "d") end, fun() -> crypto:mac(cmac, aes_128_cbc, "k", "d") end, fun() -> crypto:mac(cmac, aes_128_gcm, <<0:128>>, "d") end,
                   fun() -> crypto:mac(poly1305, "k", "d") end, fun() -> crypto:mac(hmac, shake128, "k", "d") end, fun() -> crypto:mac_init(foo, sha, "k") end,
                   fun() -> crypto:mac_init(hmac, foo, "k") end, fun() -> crypto:mac_init(poly1305, "k") end, fun() -> crypto:mac_init(cmac, aes_128_cbc, "k") end,
                   fun() -> crypto:mac_update(foo, "a") end, fun() -> crypto:mac_update(crypto:mac_init(hmac, sha, "k"), a) end, fun() -> crypto:mac_final(a) end]],
    %% RFC 6070.
    P([hex(crypto:pbkdf2_hmac(sha, <<"password">>, <<"salt">>, N, 20)) || N <- [1, 2, 4096]]),
    P([hex(crypto:pbkdf2_hmac(H, <<"p">>, <<>>, 3, 70)) || H <- [sha224, sha256, sha384, sha512]]),
    [E(F) || F <- [fun() -> crypto:pbkdf2_hmac(md5, <<"p">>, <<"s">>, 1, 16) end, fun() -> crypto:pbkdf2_hmac(foo, <<"p">>, <<"s">>, 1, 16) end, fun() -> crypto:pbkdf2_hmac(sha, "p", <<"s">>, 1, 16) end,
                   fun() -> crypto:pbkdf2_hmac(sha, <<"p">>, "s", 1, 16) end, fun() -> crypto:pbkdf2_hmac(sha, <<"p">>, <<"s">>, 0, 16) end, fun() -> crypto:pbkdf2_hmac(sha, <<"p">>, <<"s">>, 1, 0) end,
                   fun() -> crypto:pbkdf2_hmac(sha, <<"p">>, <<"s">>, a, 16) end, fun() -> crypto:pbkdf2_hmac(sha, <<"p">>, <<"s">>, 1, -1) end]],
    P([crypto:hash_equals(<<"abc">>, <<"abc">>), crypto:hash_equals(<<"abc">>, <<"abd">>), crypto:hash_equals(<<>>, <<>>)]),
    [E(F) || F <- [fun() -> crypto:hash_equals(<<"abc">>, <<"ab">>) end, fun() -> crypto:hash_equals("abc", "abc") end]],
    P([crypto:exor(<<"abc">>, "ABC"), crypto:exor(Long, Long) =:= <<0:(8 * 300000)>>, crypto:exor(<<>>, [])]),
    [E(F) || F <- [fun() -> crypto:exor(<<"abc">>, <<"ab">>) end, fun() -> crypto:exor(abc, <<"abc">>) end]],
    P([crypto:mod_pow(3, 1000, 7919), crypto:mod_pow(<<3>>, <<3, 232>>, <<30, 239>>), crypto:mod_pow(2, 10, 1 bsl 300), crypto:mod_pow(2, 10, 1), crypto:bytes_to_integer(<<1, 0, 0>>)]),
    [E(F) || F <- [fun() -> crypto:mod_pow(3, 2, 0) end, fun() -> crypto:mod_pow(a, 2, 7) end]].

key() -> << <<N>> || N <- lists:seq(1, 32) >>.
hex(B) -> binary:encode_hex(B, lowercase).

%% What a call raises, and what crypto's own report makes of it.
err(F) ->
    try F()
    catch error:R:S -> err(R, hd(S));
          C:R -> {C, R}
    end.

err(R, {crypto, N, _, I}) ->
    case proplists:get_value(error_info, I) of
        #{erl_function_arg_num := Argument} -> {error, R, N, Argument};
        _ -> {error, R, N}
    end;
err(R, _) ->
    {error, R}.
