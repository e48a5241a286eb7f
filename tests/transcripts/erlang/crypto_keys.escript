#!/usr/bin/env escript
%% crypto: keys, agreements, signatures and encryption with asymmetric keys. What is random is not shown, only checked.
-module(crypto_keys_transcript).
-mode(compile).
-compile(nowarn_deprecated_function).

main(_) ->
    agreements(), curves(), signatures(), encryption(), srp(), random(), errors().

p(X) -> io:format("~0kp~n", [X]).

%% RFC 7748, 5.2 and 6; RFC 3526's group of 1536 bits; random keys of both sides agree.
agreements() ->
    A = binary:decode_hex(<<"77076d0a7318a57d3c16c17251b26645df4f3f7cafe5d4e3c13a60d1c2a8f5b8">>),
    p([hex(element(1, crypto:generate_key(C, X, bytes(N)))) || {C, X, N} <- [{eddh, x25519, 32}, {eddh, x448, 56}, {eddsa, ed25519, 32}, {eddsa, ed448, 57}]]),
    p([hex(crypto:compute_key(eddh, element(1, crypto:generate_key(eddh, x25519, bytes(32))), A, x25519)), hex(crypto:compute_key(eddh, bytes(56), bytes(56), x448))]),
    [begin {PubA, PrivA} = crypto:generate_key(K, C), {PubB, PrivB} = crypto:generate_key(K, C),
           p({K, C, byte_size(PubA), byte_size(PrivA), crypto:compute_key(K, PubA, PrivB, C) =:= crypto:compute_key(K, PubB, PrivA, C)}) end
     || {K, C} <- [{eddh, x25519}, {eddh, x448}, {ecdh, secp256r1}, {ecdh, secp384r1}, {ecdh, secp521r1}, {ecdh, secp256k1}, {ecdh, brainpoolP256r1}, {ecdh, sect283k1}, {ecdh, c2pnb163v1}]],
    {P, G} = {prime(), 2},
    {Pub, Priv} = crypto:generate_key(dh, [P, G], 123456789012345678901234567890), {Pub2, Priv2} = crypto:generate_key(dh, [P, G]),
    p({byte_size(Pub), crypto:compute_key(dh, Pub, Priv2, [P, G]) =:= crypto:compute_key(dh, Pub2, Priv, [P, G])}),
    {_, Short} = crypto:generate_key(dh, [P, G, 200]), p(byte_size(Short) =< 25),
    p(hex(crypto:compute_key(dh, 1234567, 89, [P, G]))).

%% Each curve: the public key of a private key, by name and by its numbers.
curves() ->
    Named = [C || C <- lists:sort(crypto:ec_curves()), not lists:member(C, [x25519, x448, ed25519, ed448])],
    p(length(Named)),
    [p({C, err(fun() -> {Public, Private} = crypto:generate_key(ecdh, C, 1234567890123456789), {erlang:crc32(Public), byte_size(Public), byte_size(Private)} end),
        err(fun() -> erlang:crc32(element(1, crypto:generate_key(ecdh, crypto:ec_curve(C), 1234567890123456789))) end),
        err(fun() -> {Pub, Priv} = crypto:generate_key(ecdh, C), erlang:crc32(crypto:compute_key(ecdh, Pub, Priv, C)) >= 0 end),
        err(fun() -> {Pub, Priv} = crypto:generate_key(ecdh, C), crypto:verify(ecdsa, sha256, "data", crypto:sign(ecdsa, sha256, "data", [Priv, C]), [Pub, C]) end)})
     || C <- Named],
    %% A curve of our own: secp256k1 with twice its generator.
    {Field, Coefficients, _, Order, Cofactor} = crypto:ec_curve(secp256k1),
    {Twice, _} = crypto:generate_key(ecdh, secp256k1, 2),
    Own = {Field, Coefficients, Twice, Order, Cofactor},
    p([err(fun() -> hex(element(1, crypto:generate_key(ecdh, Own, 3))) end), err(fun() -> tuple_size(crypto:generate_key(ecdh, Own)) end)]).

signatures() ->
    {RsaPublic, RsaPrivate} = rsa(), [E, N, D | _] = RsaPrivate,
    Text = <<"Some text to be signed">>,
    %% Deterministic ones.
    [p({H, err(fun() -> erlang:crc32(crypto:sign(rsa, H, Text, RsaPrivate)) end)}) || H <- [md4, md5, ripemd160, sha, sha224, sha256, sha384, sha512, sha3_256, sha3_512, blake2b, shake128, none]],
    p([hex(crypto:sign(rsa, sha256, [Text, "!"], [E, N, D])), erlang:crc32(crypto:sign(rsa, sha256, {digest, crypto:hash(sha256, Text)}, RsaPrivate))]),
    p([hex(crypto:sign(eddsa, none, Text, [bytes(32), ed25519])), hex(crypto:sign(eddsa, none, Text, [bytes(57), ed448]))]),
    [p({O, err(fun() -> S = crypto:sign(rsa, H, Text, RsaPrivate, O), {byte_size(S), crypto:verify(rsa, H, Text, S, RsaPublic, O), crypto:verify(rsa, H, [Text, "x"], S, RsaPublic, O)} end)})
     || H <- [sha, sha256, sha512], O <- [[], [{rsa_padding, rsa_pkcs1_padding}], [{rsa_padding, rsa_pkcs1_pss_padding}], [{rsa_padding, rsa_pkcs1_pss_padding}, {rsa_pss_saltlen, -1}],
                                         [{rsa_padding, rsa_pkcs1_pss_padding}, {rsa_pss_saltlen, 0}], [{rsa_padding, rsa_pkcs1_pss_padding}, {rsa_pss_saltlen, 500}],
                                         [{rsa_mgf1_md, sha}, {rsa_padding, rsa_pkcs1_pss_padding}], [{rsa_padding, rsa_x931_padding}], [{rsa_padding, rsa_no_padding}]]],
    [begin {Pub, Priv} = crypto:generate_key(G, C), S = crypto:sign(K, H, Text, [Priv, C]),
           p({K, C, H, crypto:verify(K, H, Text, S, [Pub, C]), crypto:verify(K, H, <<"other">>, S, [Pub, C]), crypto:verify(K, H, Text, <<S/binary, 1>>, [Pub, C]), crypto:verify(K, H, Text, <<>>, [Pub, C])}) end
     || {K, G, C, H} <- [{ecdsa, ecdh, secp256r1, sha256}, {ecdsa, ecdh, secp521r1, sha512}, {ecdsa, ecdh, secp256k1, sha}, {ecdsa, ecdh, brainpoolP512t1, sha384}, {eddsa, eddsa, ed25519, none}, {eddsa, eddsa, ed448, none}]],
    %% RFC 6979, A.2.5: the library's nonces are random, its verification is not.
    Ec = [binary:decode_hex(<<"0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB67903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299">>), secp256r1],
    R = binary:decode_hex(<<"EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716">>), S256 = binary:decode_hex(<<"F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8">>),
    p([crypto:verify(ecdsa, sha256, Data, <<48, 70, 2, 33, 0, R/binary, 2, 33, 0, S256/binary>>, Ec) || Data <- [<<"sample">>, <<"test">>]]),
    {Public, Private} = dss(),
    Signature = crypto:sign(dss, sha, Text, Private), p([crypto:verify(dss, sha, Text, Signature, Public), crypto:verify(dss, sha, "other", Signature, Public)]),
    p([crypto:privkey_to_pubkey(rsa, RsaPrivate) =:= RsaPublic, err(fun() -> crypto:privkey_to_pubkey(dss, Private) end), err(fun() -> crypto:privkey_to_pubkey(ecdsa, [1, secp256r1]) end),
       err(fun() -> crypto:privkey_to_pubkey(rsa, [1, 2]) end)]).

encryption() ->
    {Public, Private} = rsa(),
    [p({O, err(fun() -> Text = binary:copy(<<7>>, Size), C = crypto:public_encrypt(rsa, Text, Public, O), {byte_size(C), crypto:private_decrypt(rsa, C, Private, O) =:= Text} end)})
     || {Size, O} <- [{16, rsa_pkcs1_padding}, {0, rsa_pkcs1_padding}, {117, []}, {118, []}, {16, rsa_pkcs1_oaep_padding}, {86, [{rsa_padding, rsa_pkcs1_oaep_padding}]}, {87, [{rsa_padding, rsa_pkcs1_oaep_padding}]},
                      {16, [{rsa_padding, rsa_pkcs1_oaep_padding}, {rsa_oaep_md, sha256}]}, {16, [{rsa_pad, rsa_pkcs1_oaep_padding}, {rsa_oaep_md, sha256}, {rsa_mgf1_md, sha}, {rsa_oaep_label, <<"label">>}]},
                      {128, rsa_no_padding}, {127, rsa_no_padding}, {16, rsa_x931_padding}]],
    [p({O, err(fun() -> C = crypto:private_encrypt(rsa, binary:copy(<<7>>, Size), Private, O), {erlang:crc32(C), crypto:public_decrypt(rsa, C, Public, O)} end)})
     || {Size, O} <- [{16, rsa_pkcs1_padding}, {117, []}, {118, []}, {128, rsa_no_padding}, {16, rsa_x931_padding}, {16, rsa_pkcs1_oaep_padding}]],
    p(hex(crypto:public_encrypt(rsa, <<1:1024>>, Public, rsa_no_padding))),
    {[E, N], [E, N, D, P, Q, E1, E2, C]} = crypto:generate_key(rsa, {512, 65537}),
    [A, B, F, X, Y, Z, U, V] = [binary:decode_unsigned(T) || T <- [E, N, D, P, Q, E1, E2, C]],
    p({A, bit_size(N), B =:= X * Y, A * F rem ((X - 1) * (Y - 1) div gcd(X - 1, Y - 1)), Z =:= F rem (X - 1), U =:= F rem (Y - 1), V * Y rem X}).

%% RFC 5054, appendix B.
srp() ->
    N = 16#EEAF0AB9ADB38DD69C33F80AFA8FC5E86072618775FF3C0B9EA2314C9C256576D674DF7496EA81D3383B4813D692C6E0E0D5D8E250B98BE48E495C1D6089DAD15DC7D7B46154D6B6CE8EF4AD69B15D4982559B297BCF1885C529F566660E57EC68EDBC3C05726CC02FD4CBF4976EAA9AFD5138FE8376435B9FC61D2FC0EB06E3,
    Prime = binary:encode_unsigned(N), Generator = <<2>>,
    X = crypto:hash(sha, [binary:decode_hex(<<"BEB25379D1A8581EB5A727673A2441EE">>), crypto:hash(sha, "alice:password123")]),
    Verifier = crypto:mod_pow(Generator, X, Prime),
    A = binary:decode_hex(<<"60975527035CF2AD1989806F0407210BC81EDC04E2762A56AFD529DDDA2D4393">>), B = binary:decode_hex(<<"E487CB59D31AC550471E81F00F6928E01DDA08E974A004F49E61F5D105284D20">>),
    [begin {PubA, A} = crypto:generate_key(srp, {user, [Generator, Prime, V]}, A), {PubB, B} = crypto:generate_key(srp, {host, [Verifier, Generator, Prime, V]}, B),
           Host = crypto:compute_key(srp, PubA, {PubB, B}, {host, [Verifier, Prime, V]}), User = crypto:compute_key(srp, PubB, {PubA, A}, {user, [X, Prime, Generator, V]}),
           p({V, hex(PubA), hex(PubB), hex(Host), Host =:= User, crypto:compute_key(srp, Prime, {PubB, B}, {host, [Verifier, Prime, V]})}) end || V <- ['6a', '6', '3']].

random() ->
    p([byte_size(crypto:strong_rand_bytes(N)) || N <- [0, 1, 1000]]),
    p([crypto:strong_rand_bytes(16) =/= crypto:strong_rand_bytes(16), lists:all(fun(X) -> X >= 5 andalso X < 9 end, [crypto:rand_uniform(5, 9) || _ <- lists:seq(1, 200)]), crypto:rand_uniform(-3, -2)]),
    p([crypto:rand_uniform(1 bsl 100, (1 bsl 100) + 1), crypto:rand_seed(<<"seed">>)]),
    S = crypto:rand_seed_s(), {U, _} = rand:uniform_s(10, S), p(U >= 1 andalso U =< 10),
    S2 = crypto:rand_seed_alg_s(crypto_cache), {F, _} = rand:uniform_s(S2), p(F >= 0 andalso F < 1),
    S3 = crypto:rand_seed_alg_s(crypto_aes, "seed"), {L, _} = lists:mapfoldl(fun(_, A) -> rand:uniform_s(1000, A) end, S3, lists:seq(1, 20)), p(L).

errors() ->
    {Public, Private} = rsa(),
    [p(err(F)) || F <- [fun() -> crypto:strong_rand_bytes(-1) end, fun() -> crypto:strong_rand_bytes(a) end, fun() -> crypto:rand_uniform(3, 3) end, fun() -> crypto:rand_seed("seed") end,
                        fun() -> crypto:generate_key(rsa, {100, 3}) end, fun() -> crypto:generate_key(rsa, {a, 3}) end, fun() -> crypto:generate_key(dh, [1]) end, fun() -> crypto:generate_key(dh, [a, b]) end,
                        fun() -> crypto:generate_key(dh, [prime(), 2, -1]) end, fun() -> crypto:generate_key(ecdh, foo) end, fun() -> crypto:generate_key(ecdh, {1, 2, 3, 4, 5}) end, fun() -> crypto:generate_key(eddsa, foo) end,
                        fun() -> crypto:generate_key(eddh, x25519, <<1>>) end, fun() -> crypto:generate_key(foo, bar) end, fun() -> crypto:generate_key(ecdh, secp256r1, <<>>) end,
                        fun() -> crypto:compute_key(eddh, <<1>>, bytes(32), x25519) end, fun() -> crypto:compute_key(eddh, bytes(32), <<1>>, x25519) end, fun() -> crypto:compute_key(eddh, <<0:256>>, bytes(32), x25519) end,
                        fun() -> crypto:compute_key(eddh, bytes(32), bytes(32), foo) end, fun() -> crypto:compute_key(ecdh, <<4, 1, 2>>, bytes(32), secp256r1) end, fun() -> crypto:compute_key(ecdh, a, bytes(32), secp256r1) end,
                        fun() -> crypto:compute_key(dh, 0, 3, [prime(), 2]) end, fun() -> crypto:compute_key(dh, 5, 3, [prime()]) end, fun() -> crypto:compute_key(dh, a, 3, [prime(), 2]) end,
                        fun() -> crypto:sign(foo, sha, "a", Private) end, fun() -> crypto:sign(rsa, foo, "a", Private) end, fun() -> crypto:sign(rsa, sha, a, Private) end, fun() -> crypto:sign(rsa, sha, {digest, <<1>>}, Private) end,
                        fun() -> crypto:sign(rsa, sha, {foo, <<1>>}, Private) end, fun() -> crypto:sign(rsa, sha, {digest, a}, Private) end, fun() -> crypto:sign(rsa, sha, {digest}, Private) end, fun() -> crypto:sign(rsa, none, a, Private) end,
                        fun() -> crypto:sign(rsa, sha, "a", Public) end, fun() -> crypto:sign(rsa, sha, "a", [a, b, c]) end, fun() -> crypto:sign(rsa, sha, "a", [3, 33, 7]) end, fun() -> crypto:sign(rsa, sha, "a", Private, foo) end,
                        fun() -> crypto:sign(rsa, sha, "a", Private, [foo]) end, fun() -> crypto:sign(rsa, sha, "a", Private, [{foo, 1}]) end, fun() -> crypto:sign(rsa, sha, "a", Private, [{rsa_padding, foo}]) end,
                        fun() -> crypto:sign(rsa, sha, "a", Private, [{rsa_pss_saltlen, -3}]) end, fun() -> crypto:sign(rsa, sha, "a", Private, [{rsa_mgf1_md, 1}]) end, fun() -> crypto:sign(rsa, sha, "a", Private, [{rsa_mgf1_md, foo}]) end,
                        fun() -> crypto:sign(ecdsa, sha, "a", [1, foo]) end, fun() -> is_binary(crypto:sign(ecdsa, sha, "a", [0, secp256r1])) end, fun() -> crypto:sign(ecdsa, sha, "a", foo) end, fun() -> crypto:sign(ecdsa, sha, "a", [1, secp256r1], [{foo, 1}]) end,
                        fun() -> crypto:sign(eddsa, none, "a", [<<1>>, ed25519]) end, fun() -> crypto:sign(eddsa, none, "a", [bytes(32), foo]) end, fun() -> crypto:sign(dss, sha, "a", [1, 2]) end, fun() -> crypto:sign(rsa, sha, "a", #{}) end,
                        fun() -> crypto:verify(rsa, sha, "a", a, Public) end, fun() -> crypto:verify(rsa, sha, "a", <<"a">>, Private) end, fun() -> crypto:verify(rsa, sha, "a", <<"a">>, Public) end,
                        fun() -> crypto:verify(ecdsa, sha, "a", <<"a">>, [<<1>>, secp256r1]) end, fun() -> crypto:verify(eddsa, none, "a", <<"a">>, [<<1>>, ed25519]) end, fun() -> crypto:verify(eddsa, none, "a", <<"a">>, [bytes(32), ed25519]) end,
                        fun() -> crypto:public_encrypt(rsa, "a", Public, []) end, fun() -> crypto:public_encrypt(rsa, <<"a">>, Public, foo) end, fun() -> crypto:public_encrypt(rsa, <<"a">>, Public, [foo]) end,
                        fun() -> crypto:public_encrypt(rsa, <<"a">>, Public, [{foo, 1}]) end, fun() -> crypto:public_encrypt(rsa, <<"a">>, Public, [{rsa_oaep_md, 1}]) end, fun() -> crypto:public_encrypt(rsa, <<"a">>, Public, [{rsa_oaep_label, 1}]) end,
                        fun() -> crypto:public_encrypt(rsa, <<"a">>, Public, [{signature_md, 1}]) end, fun() -> crypto:public_encrypt(rsa, <<"a">>, foo, []) end, fun() -> crypto:public_encrypt(dss, <<"a">>, element(1, dss()), []) end,
                        fun() -> crypto:public_encrypt(foo, <<"a">>, Public, []) end, fun() -> crypto:private_decrypt(rsa, <<"a">>, Private, rsa_pkcs1_oaep_padding) end, fun() -> crypto:public_decrypt(rsa, <<1:1024>>, Public, []) end]].

gcd(A, 0) -> A;
gcd(A, B) -> gcd(B, A rem B).

bytes(N) -> << <<(M * 7 rem 256)>> || M <- lists:seq(1, N) >>.
hex(B) -> binary:encode_hex(B, lowercase).

prime() ->
    16#FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA237327FFFFFFFFFFFFFFFF.

%% Keys of 1024 bits, made for this.
rsa() -> 
    N = 16#AD8D3A55BC343AA14C7BAC95665A3F4A6E808A38DD8289E1F71030C42970F3367BCD748484F7A6093F4C5BF995CA07F795C1C9A2A2213F6205BD18A039534E3DEF1F41F82EBEFCCC0CEB6A69C7AD16BE910E037D37CEC5671398EB9DBA547B35D31E3EECD1595D3B44D2700897329C046CC5ADB699DFB3CE007E58271C516DC9,
    {[65537, N],
     [65537, N,
      16#9EA1CB23588EA8D48C7332D1B0276758625EAD78C2C7B1BE5034854E97CE7D105CE2F3D0B9351F97AE3ADE8AE8662D1819D372B96BD655F803E4CEE08CE55F4A6CEC0AE915D75490CF4640F9B4C4E2FA100323A32CA8EAC4F927570521C2557B14DC302C6FF7C43F5827CB0EC0EF5AA8E5F9A8200CE8A39C8039D53B58E5D4ED,
      16#E0B293BA06D56658BC02E3ACC2C29702D36AC348D7718C31C097B026E1045B261A393437242AC82A04A97A1AE17BB9BF62542D0E5F28F3FFAFA86397463C174F,
      16#C5BAA08971CE192B8431F9A6946A76B649A9193A6E497D93D266156A22CCA5CD1AB2D70A1ACA2D90AFDA84AD2CB1CDE7AFA3ED1209E5EC4B12180E9998B7E367,
      16#659BDB79D0054856F00E4E6E9D53E97DF9A4D9D262BA922F1D6C7AD7DA01624684AD41937DE36AC8B57AFE2091BEA56C8A468E696556DB9FD00B519DE2C0E1B9,
      16#1986FFA4DF0179B4698BBE2C686ADA4AAC75DD60F2CE201D4E83896E3B71EA51F1897743C1B3AA704C93CC9F42EEEDA364C4A81DB5136F0F3E15C704C377B22F,
      16#634FE6C7B1F6E04891F030CA286236E823C76D93348AE3EEA212D21DFFB1B23182B2FD04FBE83FC5612A8A71B4E8C1EB40EAB00422B04C76D6083E7D3F732065]}.
dss() -> 
    Domain = [16#B3C24295C21F5FFFAB19A81EA1F1F94713639ED9DC635C9BA9C1E5E5B3005B3887541C9EE9CE493A0B52671F8AC6E0ED997E252C5E267BC8961DFD668F2DAEAA75A2860EB53FF55AC6EA67D74302659109C92A4464BB66882B8C9379ABC01D38A9A048BC6F9FDC72681A0C70B347EA89A8E776D588753617EB56FC20AC96593D,
              16#CDB85642EA5265A174B93AA450123D28DB06E57F4ED3E53AA6FCB94B,
              16#A8586D06FACC54C0B0E4C4AAD0CBD9D86BAF3E5E3C824EEFCA930E42A5F6922B984B81B13D1A6747928BE9BEFADA5411F99572BB525382E8AADC04EF19F0CE268557CB112544D2A86A95AC10345E2547089D2B65E09247ECD378D27D0B62D3BC94DD2286091025F0EB7D429F273FBE7347E0EE6164EAF35F99F2DC0DC6F1C294],
    {Domain ++ [16#537CAF4B1C2A0273433593651B041013B020951237EBEF78CB27B83D2194E4F7BB25AB261BE5FAF6BA90779DFA0C9A4AD0CAAFC155D21015CAA061E97A0050393D20AE7D559178AEE7498B2FDC830C19119A13BE41F78B18A53FB4EC17129C6ACD96FFE59AB5EFF34A6EC7FEB41AF96252AAFB243BF3F8E4EC0841FF5FFD21DF],
     Domain ++ [16#516B4CB7626B7BCF9A89505597DD90405424CBF73224DA7237C67B44]}.

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
