#!/usr/bin/env escript
%% crypto: ciphers at once and in pieces, padding, authenticated encryption, and their errors.
-module(crypto_ciphers_transcript).
-mode(compile).

main(_) ->
    P = fun(X) -> io:format("~0kp~n", [X]) end,
    E = fun(F) -> P(err(F)) end,
    Ciphers = lists:sort(crypto:supports(ciphers)),
    Infos = [{C, crypto:cipher_info(C)} || C <- Ciphers],
    [P({C, lists:sort(maps:to_list(I))}) || {C, I} <- Infos],
    Text = <<"The quick brown fox jumps over the lazy dog; 64 bytes of it all.">>,
    Plain = [{C, part(K), part(V)} || {C, #{key_length := K, iv_length := V, prop_aead := false}} <- Infos],
    [P({C, hex(crypto:crypto_one_time(C, K, V, Text, true)), crypto:crypto_one_time(C, K, V, crypto:crypto_one_time(C, K, V, Text, true), false) =:= Text}) || {C, K, V} <- Plain],
    Long = binary:copy(Text, 1000),
    [P({C, erlang:crc32(crypto:crypto_one_time(C, K, V, Long, [{encrypt, true}]))}) || {C, K, V} <- Plain],
    %% NIST SP 800-38A, F.1.1 and F.5.1, first blocks.
    Key = <<16#2b7e151628aed2a6abf7158809cf4f3c:128>>, Block = <<16#6bc1bee22e409f96e93d7e117393172a:128>>,
    P([hex(crypto:crypto_one_time(aes_128_ecb, Key, Block, true)), hex(crypto:crypto_one_time(aes_128_ctr, Key, <<16#f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff:128>>, Block, true))]),
    %% In pieces, with each kind of padding.
    [P({Padding, Data, pieces(aes_128_cbc, Data, [{encrypt, true}, {padding, Padding}])}) || Padding <- [undefined, none, zero, pkcs_padding], Data <- [[], ["abc"], ["0123456789", "abcdef"], [Text, "x"]]],
    {C1, _} = pieces(aes_128_cbc, [Text], [{encrypt, true}, {padding, pkcs_padding}]),
    [P({Padding, pieces(aes_128_cbc, [binary:decode_hex(C1)], [{encrypt, false}, {padding, Padding}])}) || Padding <- [undefined, none, zero, random, pkcs_padding]],
    {C2, D2} = pieces(aes_128_cbc, ["abc"], [{padding, random}]), P({byte_size(C2), D2}),
    P([pieces(C, ["a", [], "bcdefgh", <<"ijklmnopqrstuvwxyz">>], true) || C <- [aes_256_ctr, chacha20, rc4, des_ede3_cbc, aes_128_cfb8, blowfish_ecb]]),
    S = crypto:crypto_init(aes_128_ctr, part(16), part(16), true), One = crypto:crypto_update(S, Long), P({erlang:crc32(One), crypto:crypto_get_data(S)}),
    %% Keys of any length, short and long.
    [P({C, N, err(fun() -> hex(crypto:crypto_one_time(C, binary:copy(<<"k">>, N), part(V), <<"abcdefgh">>, true)) end)}) || {C, V} <- [{rc4, 0}, {blowfish_cbc, 8}, {rc2_cbc, 8}, {des_cbc, 8}, {aes_128_cbc, 16}], N <- [1, 5, 8, 16, 24, 56, 100]],
    %% Authenticated encryption.
    Aeads = [{C, part(K), V} || {C, #{key_length := K, iv_length := V, prop_aead := true}} <- Infos],
    [P({C, N, err(fun() -> aead(C, K, part(N), Text, <<"header">>) end)}) || {C, K, V} <- Aeads, N <- [V, 7, 0, 16]],
    [P({C, aead(C, K, part(V), <<>>, <<>>), aead(C, K, part(V), [Text, "x"], []), erlang:crc32(element(1, crypto:crypto_one_time_aead(C, K, part(V), Long, Text, true)))}) || {C, K, V} <- Aeads],
    [P({C, N, err(fun() -> hex(element(2, crypto:crypto_one_time_aead(C, K, part(V), Text, <<"h">>, N, true))) end)}) || {C, K, V} <- Aeads, N <- [0, 1, 4, 8, 12, 16, 17]],
    %% NIST GCM test case 4 (AES-128).
    GcmKey = <<16#feffe9928665731c6d6a8f9467308308:128>>, GcmIv = <<16#cafebabefacedbaddecaf888:96>>,
    Gcm = <<16#d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39:480>>,
    {Out, Tag} = crypto:crypto_one_time_aead(aes_gcm, GcmKey, GcmIv, Gcm, <<16#feedfacedeadbeeffeedfacedeadbeefabaddad2:160>>, true), P({hex(Out), hex(Tag)}),
    [E(F) || F <- [fun() -> crypto:crypto_one_time_aead(aes_128_gcm, part(16), part(12), "a", "h", <<0:128>>, false) end, fun() -> crypto:crypto_one_time_aead(aes_128_ccm, part(16), part(12), "a", "h", <<0:96>>, false) end,
                   fun() -> crypto:crypto_one_time_aead(aes_128_gcm, part(16), part(12), "a", "h", a, true) end, fun() -> crypto:crypto_one_time_aead(aes_128_gcm, part(16), part(12), "a", "h", a, false) end,
                   fun() -> crypto:crypto_one_time_aead(aes_128_gcm, part(15), part(12), "a", "h", true) end, fun() -> crypto:crypto_one_time_aead(aes_128_cbc, part(16), part(16), "a", "h", true) end,
                   fun() -> crypto:crypto_one_time_aead(aes_128_cbc, part(16), part(16), "a", "h", 16, true) end, fun() -> crypto:crypto_one_time_aead(foo, part(16), part(16), "a", "h", 16, true) end,
                   fun() -> crypto:crypto_one_time_aead(aes_128_gcm, k, part(12), "a", "h", true) end, fun() -> crypto:crypto_one_time_aead(aes_128_gcm, part(16), v, "a", "h", true) end,
                   fun() -> crypto:crypto_one_time_aead(aes_128_gcm, part(16), part(12), a, "h", true) end, fun() -> crypto:crypto_one_time_aead(aes_128_gcm, part(16), part(12), "a", h, true) end,
                   fun() -> crypto:crypto_one_time_aead("aes", part(16), part(12), "a", "h", 16, true) end, fun() -> crypto:crypto_one_time_aead(aes_128_gcm, part(16), part(12), "a", "h", 16, maybe_so) end]],
    %% Other errors.
    One1 = fun(Options) -> fun() -> crypto:crypto_one_time(aes_128_cbc, part(16), part(16), "abc", Options) end end,
    [E(F) || F <- [One1(foo), One1([{encrypt, 1}]), One1([{encrypt, true}, {encrypt, true}]), One1([{padding, foo}]), One1([{padding, none}, {padding, none}]), One1([foo]), One1([{foo, 1}]),
                   One1([{{foo, "bar", <<1, 2>>, 1.5, [a | b]}, 1}]), One1([{'a long name that goes on and on, until no more of it is shown here', 1}]), One1([{encrypt, true} | x]), One1([{padding, none}]), One1(#{}),
                   fun() -> crypto:crypto_one_time(foo, "k", "d", true) end, fun() -> crypto:crypto_one_time("foo", "k", "d", true) end, fun() -> crypto:crypto_one_time(aes_128_cbc, "k", part(16), "d", true) end,
                   fun() -> crypto:crypto_one_time(aes_128_cbc, k, part(16), "d", true) end, fun() -> crypto:crypto_one_time(aes_128_cbc, part(16), "v", "d", true) end, fun() -> crypto:crypto_one_time(aes_128_cbc, part(16), v, "d", true) end,
                   fun() -> crypto:crypto_one_time(aes_128_cbc, part(16), part(16), d, true) end, fun() -> crypto:crypto_one_time(aes_128_cbc, part(16), undefined, "d", true) end, fun() -> crypto:crypto_one_time(aes_128_gcm, part(16), part(12), "d", true) end,
                   fun() -> crypto:crypto_one_time(aes_128_cbc, part(16), part(16), part(16), [{encrypt, false}, {padding, pkcs_padding}]) end, fun() -> crypto:crypto_init(foo, "k", true) end, fun() -> crypto:crypto_init(aes_128_cbc, part(16), true) end,
                   fun() -> crypto:crypto_init(1, part(16), true) end, fun() -> crypto:crypto_update(foo, "a") end, fun() -> crypto:crypto_update(S, a) end, fun() -> crypto:crypto_final(a) end, fun() -> crypto:crypto_get_data(make_ref()) end, fun() -> crypto:cipher_info(foo) end]].

part(N) -> << <<M>> || M <- lists:seq(1, N) >>.
hex(B) -> binary:encode_hex(B, lowercase).

pieces(Cipher, Pieces, Options) ->
    #{key_length := K, iv_length := V} = crypto:cipher_info(Cipher),
    S = crypto:crypto_init(Cipher, part(K), part(V), Options),
    Out = [crypto:crypto_update(S, Piece) || Piece <- Pieces],
    Last = err(fun() -> crypto:crypto_final(S) end),
    case is_binary(Last) of
        true -> {hex(iolist_to_binary([Out, Last])), lists:sort(maps:to_list(crypto:crypto_get_data(S)))};
        false -> {hex(iolist_to_binary(Out)), Last}
    end.

aead(Cipher, Key, Iv, Text, Header) ->
    {Out, Tag} = crypto:crypto_one_time_aead(Cipher, Key, Iv, Text, Header, true),
    Back = crypto:crypto_one_time_aead(Cipher, Key, Iv, Out, Header, Tag, false),
    Wrong = crypto:crypto_one_time_aead(Cipher, Key, Iv, Out, [Header, "x"], Tag, false),
    {hex(Out), hex(Tag), Back =:= iolist_to_binary(Text), Wrong}.

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
