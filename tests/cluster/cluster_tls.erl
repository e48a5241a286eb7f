%% What nodes need to talk over TLS: a certificate for this host with its key, and a file of options.
-module(cluster_tls).
-export([files/1]).

%% Writes the files to a folder.
files(Folder) ->
    Key = {namedCurve, secp256r1},
    Chain = #{root => [{key, Key}, {digest, sha256}], peer => [{key, Key}, {digest, sha256}]},
    #{server_config := Options} = public_key:pkix_test_data(#{server_chain => Chain, client_chain => Chain}),
    {KeyType, KeyBytes} = proplists:get_value(key, Options),
    ok = write(Folder, "certificate.pem", [{'Certificate', proplists:get_value(cert, Options), not_encrypted}]),
    ok = write(Folder, "key.pem", [{KeyType, KeyBytes, not_encrypted}]),
    Common = [{certfile, file(Folder, "certificate.pem")}, {keyfile, file(Folder, "key.pem")}, {verify, verify_none}],
    Terms = [{server, Common}, {client, Common}],
    ok = file:write_file(file(Folder, "tls.config"), io_lib:format("~p.~n", [Terms])).

file(Folder, Name) -> filename:join(Folder, Name).
write(Folder, Name, Entries) -> file:write_file(file(Folder, Name), public_key:pem_encode(Entries)).
