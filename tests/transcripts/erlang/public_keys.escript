#!/usr/bin/env escript
%% public_key: PEM and DER, certificates made and validated, and SSH's key formats.
-module(public_keys_transcript).
-mode(compile).

%% The records of public_key.hrl, whose file comes with OTP's sources only.
-record('ECPrivateKey', {version, privateKey, parameters, publicKey, attributes}).
-record('ECPoint', {point}).
-record('RSAPublicKey', {modulus, publicExponent}).
-record('RSAPrivateKey', {version, modulus, publicExponent, rest1, rest2, rest3, rest4, rest5, rest6, rest7}).
-record('OTPCertificate', {tbsCertificate, signatureAlgorithm, signature}).
-record('SignatureAlgorithm', {algorithm, parameters}).

main(_) ->
    pem(), certificates(), encrypted(), ssh_formats(), system().

p(X) -> io:format("~0kp~n", [X]).

pem() ->
    [Entry] = public_key:pem_decode(ec_pem()),
    Key = public_key:pem_entry_decode(Entry),
    p({element(1, Key), Key#'ECPrivateKey'.parameters, byte_size(Key#'ECPrivateKey'.privateKey)}),
    p(public_key:pem_encode([public_key:pem_entry_encode('ECPrivateKey', Key)]) =:= ec_pem()),
    Signature = public_key:sign(<<"text">>, sha256, Key),
    Public = {#'ECPoint'{point = Key#'ECPrivateKey'.publicKey}, Key#'ECPrivateKey'.parameters},
    p([public_key:verify(Text, sha256, Signature, Public) || Text <- [<<"text">>, <<"other">>]]),
    Rsa = public_key:generate_key({rsa, 1024, 65537}), RsaPublic = #'RSAPublicKey'{modulus = Rsa#'RSAPrivateKey'.modulus, publicExponent = 65537},
    [begin Der = public_key:der_encode(Type, K), p({Type, public_key:der_decode(Type, Der) =:= K}) end || {Type, K} <- [{'RSAPrivateKey', Rsa}, {'RSAPublicKey', RsaPublic}]],
    p([public_key:pem_entry_decode(public_key:pem_entry_encode('SubjectPublicKeyInfo', K)) =:= K || K <- [RsaPublic, Public]]),
    p(public_key:pem_entry_decode(hd(public_key:pem_decode(public_key:pem_encode([public_key:pem_entry_encode('PrivateKeyInfo', Rsa)])))) =:= Rsa),
    p(public_key:decrypt_private(public_key:encrypt_public(<<"secret">>, RsaPublic), Rsa)),
    p(public_key:decrypt_public(public_key:encrypt_private(<<"secret">>, Rsa), RsaPublic)),
    p(public_key:verify(<<"text">>, sha, public_key:sign(<<"text">>, sha, Rsa, [{rsa_padding, rsa_pkcs1_pss_padding}]), RsaPublic, [{rsa_padding, rsa_pkcs1_pss_padding}])).

certificates() ->
    [begin
         #{server_config := Server, client_config := Client} =
             public_key:pkix_test_data(#{server_chain => #{root => [{key, K}], intermediates => [[{key, K}]], peer => [{key, K}]},
                                         client_chain => #{root => [{key, K}], intermediates => [], peer => [{key, K}]}}),
         Cert = proplists:get_value(cert, Server), Cas = proplists:get_value(cacerts, Server), Trusted = proplists:get_value(cacerts, Client),
         Otp = public_key:pkix_decode_cert(Cert, otp), Plain = public_key:pkix_decode_cert(Cert, plain),
         [Intermediate] = [C || C <- Cas, public_key:pkix_is_issuer(Cert, C)],
         [Root] = [C || C <- Trusted, public_key:pkix_is_self_signed(C), public_key:pkix_is_issuer(Intermediate, C)],
         p({K, public_key:pkix_encode('OTPCertificate', Otp, otp) =:= Cert, public_key:pkix_encode('Certificate', Plain, plain) =:= Cert, length(Cas),
            (Otp#'OTPCertificate'.signatureAlgorithm)#'SignatureAlgorithm'.algorithm}),
         p([element(1, public_key:pkix_path_validation(Root, Chain, [])) || Chain <- [[Intermediate, Cert], [Intermediate]]]),
         p([public_key:pkix_path_validation(Root, [Cert], []), public_key:pkix_path_validation(Root, [Intermediate, damaged(Cert)], [])]),
         Decoded = (public_key:pkix_decode_cert(Intermediate, otp))#'OTPCertificate'.tbsCertificate,
         Public = element(3, element(8, Decoded)),
         p({element(1, Public), public_key:pkix_verify_hostname(Cert, [{dns_id, net_adm:localhost()}]), public_key:pkix_verify_hostname(Cert, [{dns_id, "elsewhere"}])})
     end || K <- [{rsa, 1024, 65537}, {namedCurve, secp256r1}, {namedCurve, secp384r1}, {namedCurve, ed25519}, {namedCurve, ed448}]],
    Self = public_key:pkix_test_root_cert("A name", []), p([lists:sort(maps:keys(Self)), public_key:pkix_is_self_signed(maps:get(cert, Self))]).

damaged(Cert) -> Size = byte_size(Cert) - 1, <<Start:Size/binary, Last>> = Cert, <<Start/binary, (Last bxor 1)>>.

%% Encrypted files: OpenSSL wrote the first one, the others are made here.
encrypted() ->
    [Entry] = public_key:pem_decode(encrypted_pem()),
    p({element(1, Entry), element(1, element(3, Entry)), element(1, public_key:pem_entry_decode(Entry, "secret"))}),
    Key = public_key:pem_entry_decode(hd(public_key:pem_decode(ec_pem()))),
    [begin Salt = binary:part(<<"0123456789abcdef">>, 0, N), E = public_key:pem_entry_encode('ECPrivateKey', Key, {{Cipher, Salt}, "password"}), [E2] = public_key:pem_decode(public_key:pem_encode([E])),
           p({Cipher, erlang:crc32(public_key:pem_encode([E])), public_key:pem_entry_decode(E2, "password") =:= Key}) end || {Cipher, N} <- [{"DES-CBC", 8}, {"DES-EDE3-CBC", 8}, {"AES-128-CBC", 16}, {"AES-256-CBC", 16}]].

ssh_formats() ->
    Line = <<"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl someone@example\n">>,
    [{Key, Info}] = ssh_file:decode(Line, public_key), p({Key, Info}),
    p([ssh_file:encode([{Key, Info}], openssh_key), ssh:hostkey_fingerprint(sha256, Key), ssh:hostkey_fingerprint(md5, Key)]),
    Rsa = public_key:pem_entry_decode(hd(public_key:pem_decode(ec_pem()))),
    p(ssh_file:encode([{{#'ECPoint'{point = Rsa#'ECPrivateKey'.publicKey}, Rsa#'ECPrivateKey'.parameters}, [{comment, "me"}]}], openssh_key)).

%% The system's certificates, where it has some.
system() ->
    p(case public_key:cacerts_load() of
          ok -> [is_list(public_key:cacerts_get()), lists:all(fun(C) -> is_binary(element(2, C)) end, public_key:cacerts_get()), public_key:cacerts_clear(), public_key:cacerts_clear()];
          {error, _} -> [true, true, true, false]
      end),
    p(public_key:cacerts_load("/no/such/file")).

ec_pem() -> <<"-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIBBcvpTojKNNie19w9Hw41otNd7IBsJYT1/Ce00cQ8IYoAoGCCqGSM49\nAwEHoUQDQgAExM6gUYmsS9al9iN2v90k1FDgcgiXrrAOychHHIs2gmab8CH5MIkI\nce0SFEy6So0WubFl+Rq8Ds0Vasggx+yMfQ==\n-----END EC PRIVATE KEY-----\n\n">>.
encrypted_pem() -> <<"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiY6Cft/TwOCQICCAAw\nDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEO2PJiThG+3hQgMoH37yIDsEQPgS\nDivE0fq8Llfiay1l24dalPzoK7hSwC3+r45PGex7E+0ACTN73JHEBhGLjZ7mj64z\naXH1bmE32D7QNenwWmc=\n-----END ENCRYPTED PRIVATE KEY-----\n\n">>.
