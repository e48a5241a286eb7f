#!/usr/bin/env escript
%% crypto: calls with random arguments, right ones and wrong ones, from one seed. Each line is a call and its answer or error.
-module(crypto_random_calls_transcript).
-mode(compile).

main(_) ->
    rand:seed(exsss, 20),
    [begin {F, As} = call(), R = try {ok, apply(crypto, F, As)} catch C:E:S -> {C, E, fa(S)} end,
           io:format("~p ~p ~s: ~0kp~n", [N, F, lists:join(" ", [short(A) || A <- As]), norm(R)]) end || N <- lists:seq(1, 600)].
fa([{M, F, A, _} | _]) when is_list(A) -> {M, F, length(A)};
fa([{M, F, A, _} | _]) -> {M, F, A}.
short(A) when is_atom(A) -> atom_to_list(A);
short(X) -> integer_to_list(erlang:phash2(X, 10000)).
norm({ok, B}) when is_binary(B), byte_size(B) > 40 -> {ok, byte_size(B), erlang:crc32(B)};
norm({ok, {A, B}}) when is_binary(A), is_binary(B) -> {ok, {byte_size(A), erlang:crc32(A), byte_size(B), erlang:crc32(B)}};
norm({ok, R}) when is_reference(R) -> {ok, ref};
norm(X) -> X.
pick(L) -> lists:nth(rand:uniform(length(L)), L).
junk() -> pick([a, <<>>, <<1>>, <<1:7>>, [], [1, 2], [1 | a], "abc", -1, 0, 1, 1 bsl 70, 1.5, {}, {a, b}, #{}, undefined, true, false, <<0:128>>, [<<1>>, [2]], [300], none]).
bin() -> bin(pick([0, 1, 7, 8, 12, 15, 16, 17, 24, 31, 32, 33, 56, 57, 64, 100, 1000])).
bin(N) -> << <<(X * 37 + N)>> || X <- lists:seq(1, N) >>.
m(V) -> case rand:uniform(8) of 1 -> junk(); _ -> V end.
hash() -> pick([md4, md5, sha, sha224, sha256, sha384, sha512, sha3_224, sha3_256, sha3_384, sha3_512, shake128, shake256, blake2b, blake2s, ripemd160, sm3, foo]).
cipher() -> pick(lists:sort(crypto:supports(ciphers))).
kv(C) -> try #{key_length := K, iv_length := V} = crypto:cipher_info(C), {pick([bin(K), bin(K), bin(K), bin()]), pick([bin(V), bin(V), bin(V), bin()])} catch _:_ -> {bin(), bin()} end.
opts() -> pick([true, false, [], [{encrypt, true}], [{encrypt, false}], [{padding, pkcs_padding}], [{encrypt, false}, {padding, pkcs_padding}], [{padding, none}], [{padding, zero}], [{padding, undefined}], [{encrypt, false}, {padding, zero}], [{encrypt, false}, {padding, none}], [{padding, x}], [{x, y}], undefined]).
curve() -> pick([secp256r1, secp384r1, secp256k1, brainpoolP256r1, sect163k1, wtls7, x25519, x448, ed25519, ed448, foo, secp112r1, crypto:ec_curve(secp256r1), setelement(4, crypto:ec_curve(secp256r1), <<7>>), setelement(3, crypto:ec_curve(secp256r1), <<4, 1, 2>>), setelement(5, crypto:ec_curve(secp256r1), none), setelement(1, crypto:ec_curve(sect163k1), {characteristic_two_field, 163, {ppbasis, 3, 2, 1}}), setelement(1, crypto:ec_curve(sect163k1), {characteristic_two_field, 163, pick([{tpbasis, 7}, {tpbasis, 0}, {tpbasis, 200}, onbasis, foo, {ppbasis, 3, 6, 7}, {tpbasis, a}, {x, 1}, {ppbasis, 1, 2, a}, {1, 2, 3}])}), setelement(1, crypto:ec_curve(secp256r1), {prime_field, <<0>>}), {a, b, c, d, e}]).
rsa_priv() -> pick([[65537, 3233, 2753], [17, 3233, 2753], [3, 33, 7], [a, b, c], [1, 2], [0, 0, 0], [1, 1, 1, 1, 1, 1, 1, 1], [17, 3233, 2753, 61, 53, 53, 49, 38]]).
rsa_pub() -> pick([[65537, 3233], [17, 3233], [0, 0], [1], [a, b], [3, 1 bsl 2000 + 1], [3, (1 bsl 1024) - 105]]).
sopts() -> pick([[], [], [{rsa_padding, rsa_pkcs1_pss_padding}], [{rsa_padding, rsa_x931_padding}], [{rsa_padding, rsa_no_padding}], [{rsa_pss_saltlen, 3}], [{rsa_mgf1_md, sha}], foo, [foo], [{a, b}], [{rsa_padding, rsa_pkcs1_pss_padding}, {rsa_pss_saltlen, pick([-2, -1, 0, 20, 1000000])}]]).
call() -> (call0())().
call0() ->
    C = cipher(), {K, V} = kv(C),
    pick([fun() -> {hash, [m(hash()), m(bin())]} end, fun() -> {hash_xof, [m(hash()), m(bin()), m(pick([0, 8, 9, 128, 100]))]} end, fun() -> {hash_init, [m(hash())]} end, fun() -> {hash_info, [m(hash())]} end, fun() -> {cipher_info, [m(C)]} end,
          fun() -> {mac, [m(hmac), m(hash()), m(bin()), m(bin())]} end, fun() -> {mac, [m(cmac), m(C), m(K), m(bin())]} end, fun() -> {mac, [m(poly1305), m(pick([bin(32), bin()])), m(bin())]} end, fun() -> {mac_init, [m(pick([hmac, cmac, poly1305])), m(pick([hash(), C])), m(pick([K, bin(32)]))]} end,
          fun() -> {crypto_one_time, [m(C), m(K), m(V), m(bin()), m(opts())]} end, fun() -> {crypto_one_time, [m(C), m(K), m(bin()), m(opts())]} end, fun() -> {crypto_init, [m(C), m(K), m(V), m(opts())]} end,
          fun() -> K2 = case C of chacha20_poly1305 when byte_size(K) < 32 -> bin(32); _ -> K end, {crypto_one_time_aead, [C, K2, m(V), m(bin()), m(bin()), m(pick([true, false]))]} end,
          fun() -> K2 = case C of chacha20_poly1305 when byte_size(K) < 32 -> bin(32); _ -> K end, {crypto_one_time_aead, [C, K2, m(V), m(bin()), m(bin()), m(pick([0, 4, 12, 16, 17, bin(16), bin(4)])), m(pick([true, false]))]} end,
          fun() -> {exor, [m(bin()), m(bin())]} end, fun() -> {hash_equals, [m(bin(8)), m(pick([bin(8), bin()]))]} end, fun() -> {mod_pow, [m(pick([3, bin()])), m(pick([7, bin()])), m(pick([101, bin(), 0, <<>>]))]} end,
          fun() -> {pbkdf2_hmac, [m(hash()), m(bin()), m(bin()), m(pick([1, 3, 101, 0])), m(pick([1, 16, 65, 0]))]} end,
          fun() -> Cu = m(curve()), {generate_key, [m(pick([ecdh, eddh, eddsa])), Cu, pick([1, 2, 12345678901234567890, bin(), bin(32), bin(57), bin(56)])]} end,
          fun() -> {compute_key, [m(pick([ecdh, eddh])), m(pick([bin(), bin(32), bin(56), <<4, (bin(64))/binary>>])), m(pick([bin(), bin(32), bin(56), 5])), m(curve())]} end,
          fun() -> {compute_key, [dh, m(pick([5, bin(), 0, 1])), m(pick([7, bin()])), m(pick([[23, 5], [101, 2], [(1 bsl 1024) - 105, 2], [1 bsl 1030 - 1, 3], [0, 0], [4, 2], [], [1], [1, 2, 3]]))]} end,
          fun() -> {verify, [m(pick([rsa, dss, ecdsa, eddsa])), m(pick([hash(), none])), m(pick([bin(), {digest, bin(20)}, {digest, bin(32)}])), m(bin()), m(pick([rsa_pub(), [bin(32), ed25519], [<<4, (bin(64))/binary>>, secp256r1], [1, 2, 3, 4], [23, 11, 4, 8], [bin(), curve()]])), m(sopts())]} end,
          fun() -> {public_encrypt, [m(pick([rsa, dss])), m(bin()), m(rsa_pub()), pick([rsa_no_padding, [{rsa_padding, rsa_no_padding}], foo, [foo], [{rsa_oaep_md, foo}], a])]} end,
          fun() -> {public_decrypt, [m(rsa), m(bin()), m(rsa_pub()), m(pick([rsa_no_padding, rsa_pkcs1_padding, foo, []]))]} end,
          fun() -> {private_encrypt, [m(rsa), m(bin()), m(rsa_priv()), m(pick([rsa_no_padding, rsa_pkcs1_padding, foo, []]))]} end,
          fun() -> {sign, [m(pick([rsa, eddsa])), m(pick([hash(), none])), m(pick([bin(), {digest, bin(20)}])), m(pick([rsa_priv(), [bin(32), ed25519], [bin(57), ed448]])), m(pick([[], foo, [foo]]))]} end,
          fun() -> {privkey_to_pubkey, [m(pick([rsa, dss, ecdsa])), m(pick([rsa_priv(), [23, 11, 4, 3], [5, secp256r1]]))]} end]).
