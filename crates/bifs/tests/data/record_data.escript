#!/usr/bin/env escript
%% Records what BIFs about data answer on the real system: `escript record_data.escript FAMILY` writes FAMILY.etf beside
%% itself. Each case is {Module, Function, Arguments, {value, Value} | {raise, Class, Reason, Cause | none}}.
-mode(compile).

main(Families) ->
    [record(list_to_atom(Family)) || Family <- Families].

record(Family) ->
    Cases = [{M, F, A, answer(M, F, A)} || {M, F, A} <- calls(Family)],
    File = filename:join(filename:dirname(escript:script_name()), atom_to_list(Family) ++ ".etf"),
    ok = file:write_file(File, term_to_binary(Cases, [{compressed, 9}])),
    io:format("~s: ~p~n", [File, length(Cases)]).

answer(M, F, A) ->
    try {value, apply(M, F, A)}
    catch Class:Reason:Stack ->
        Cause = case Stack of
                    [{_, _, _, Info} | _] -> maps:get(cause, proplists:get_value(error_info, Info, #{}), none);
                    _ -> none
                end,
        {raise, Class, Reason, Cause}
    end.

numbers() ->
    [0, 1, -1, 2, 3, -3, 7, 10, 255, -256, 0.0, -0.0, 1.0, -1.5, 2.5, 3.5, -2.5, 0.1, 1.0e22, -1.0e300, 1.0e-300,
     (1 bsl 59) - 1, 1 bsl 59, -(1 bsl 59), -(1 bsl 59) - 1, (1 bsl 60) - 1, 1 bsl 60, -(1 bsl 60), -(1 bsl 60) - 1,
     1 bsl 62, (1 bsl 63) - 1, 1 bsl 63, -(1 bsl 63), -(1 bsl 63) - 1, (1 bsl 64) - 1, 1 bsl 64, 1 bsl 64 + 12345,
     -(1 bsl 100), 1 bsl 200 + 1, 9007199254740993, 9007199254740992.0, 9007199254740991.5, 1.8446744073709552e19,
     1.0e100, 1 bsl 2000].

terms() ->
    [a, b, true, false, [], [1], [1, 2, 3], [1, 2 | 3], [a, [b], "cd"], {}, {a}, {a, b}, {a, 1, <<"x">>}, {{a}, []},
     #{}, #{1 => a}, #{1 => a, 2.0 => b, <<"k">> => []}, maps:from_keys(lists:seq(1, 40), x), <<>>, <<1, 2, 3>>,
     <<5:3>>, <<1, 2, 5:3>>, binary:copy(<<"long ">>, 30), "text", 'A b', 'x\x{e9}', '\x{400}', fun lists:map/2,
     fun erlang:self/0, list_to_pid("<0.1.0>"), list_to_pid("<0.7.3>"), list_to_ref("#Ref<0.1.2.3>"),
     list_to_port("#Port<0.5>"), 1, -1, 1.0, 1 bsl 70, 255, 256, 0].

few() -> [a, [], [1, 2], {}, {a, b}, #{1 => 2}, <<"ab">>, <<1:3>>, 0, 1, 2, 3, -1, 4, 1.0, 1 bsl 70, -(1 bsl 70), true].

one(M, Fs, Pool) -> [{M, F, [A]} || F <- Fs, A <- Pool].
two(M, Fs, As, Bs) -> [{M, F, [A, B]} || F <- Fs, A <- As, B <- Bs].

calls(operators) ->
    two(erlang, ['+', '-', '*', '/', 'div', 'rem', 'band', 'bor', 'bxor'], numbers() ++ [a], numbers() ++ [a])
    ++ two(erlang, ['bsl', 'bsr'], numbers(), [0, 1, -1, 3, 59, 60, 61, 63, 64, -64, 100, -300, a, 1.0, -(1 bsl 80)])
    ++ [{erlang, F, [1, 1 bsl 80]} || F <- ['bsl', 'bsr']]
    ++ two(erlang, ['==', '=:=', '<', '>=', max, min], numbers() ++ terms(), numbers() ++ terms())
    ++ two(erlang, ['and', 'or', 'xor'], few(), few() ++ [false])
    ++ one(erlang, ['+', '-', 'bnot', abs, trunc, round, ceil, floor, float, 'not'], numbers() ++ few())
    ++ one(erlang, [is_atom, is_boolean, is_integer, is_float, is_number, is_pid, is_port, is_reference, is_list,
                    is_tuple, is_map, is_binary, is_bitstring, is_function], numbers() ++ terms())
    ++ two(erlang, [is_function, is_record], terms(), few())
    ++ [{erlang, is_record, [A, B, C]} || A <- terms(), B <- [a, b, 1], C <- [1, 2, -1, 1 bsl 70, a]]
    ++ two(erts_internal, [cmp_term], numbers() ++ terms(), numbers() ++ terms())
    ++ one(erts_internal, [term_type], few() ++ [fun lists:map/2, list_to_pid("<0.1.0>"), "x"]);
calls(data) ->
    one(erlang, [tuple_size, size, tuple_to_list, list_to_tuple, hd, tl, length, byte_size, bit_size, binary_to_list,
                 bitstring_to_list, list_to_binary, list_to_bitstring, iolist_to_binary, iolist_size, iolist_to_iovec],
        terms() ++ iolists())
    ++ two(erlang, [element, delete_element], few(), terms())
    ++ [{erlang, F, [I, T, v]} || F <- [setelement, insert_element], I <- few(), T <- terms()]
    ++ [{erlang, append_element, [T, v]} || T <- terms()]
    ++ two(erlang, [make_tuple], few() ++ [1 bsl 24], [v])
    ++ [{erlang, make_tuple, [A, v, L]} || A <- few(), L <- [[], [{1, x}, {1, y}], [{2, x} | a], [{3, x}], [{0, x}], [x], x, [{1 bsl 70, x}]]]
    ++ two(erlang, ['++', append, '--', subtract], terms(), terms())
    ++ [{erlang, '--', [lists:seq(1, 100) ++ lists:seq(1, 50), [X rem 40 || X <- lists:seq(1, 90)]]},
        {erlang, '--', [[1, 1.0, 0.0, -0.0, 1], [1.0, -0.0, 5]]}, {erlang, '--', [[c, a, b, a, d, a, e], [a, a]]}]
    ++ [{lists, F, [K, P, L]} || F <- [keyfind, keymember, keysearch], K <- [a, 1, 1.0, x], P <- few(),
        L <- [[], [{a, 1}, {b, 1.0}, c, {x}, {1, 2, 3}], [{1.0, a} | b], a, [{1, 1} | a]]]
    ++ two(lists, [member], terms(), terms())
    ++ two(lists, [reverse], terms(), few())
    ++ [{lists, reverse, [lists:seq(1, 300), [x]]}]
    ++ [{erlang, F, [B, S, L]} || F <- [binary_part, binary_to_list], B <- [<<1, 2, 3>>, <<1, 2, 3:3>>, binary:copy(<<"0123456789">>, 20), a],
        S <- few(), L <- few() ++ [-2, -3, 150]]
    ++ [{erlang, binary_part, [B, P]} || B <- [<<1, 2, 3>>, a], P <- [{0, 1}, {1, -1}, {3, 1}, {0, 4}, {a, 1}, {1, 1 bsl 70}, x, {1}]]
    ++ [{erlang, split_binary, [B, P]} || B <- [<<1, 2, 3>>, <<1, 2, 3:3>>, binary:copy(<<"0123456789">>, 20), a], P <- few() ++ [100, 200, 201]];
calls(conversions) ->
    one(erlang, [atom_to_list, integer_to_list, integer_to_binary, float_to_list, float_to_binary, pid_to_list,
                 port_to_list, ref_to_list, fun_to_list], numbers() ++ terms())
    ++ one(erlang, [list_to_atom, list_to_existing_atom, list_to_float, list_to_pid, list_to_port, list_to_ref],
           texts() ++ terms())
    ++ one(erlang, [binary_to_float], [iolist_to_binary(T) || T <- texts()] ++ terms())
    ++ one(string, [list_to_float], texts() ++ terms())
    ++ two(erlang, [atom_to_binary], [a, 'A b', 'x\x{e9}', '\x{400}', 1, true, ''], [latin1, utf8, unicode, x, 1])
    ++ two(erlang, [binary_to_atom, binary_to_existing_atom],
           [<<"a">>, <<"x\x{e9}">>, <<"x\x{e9}"/utf8>>, <<255>>, <<"\x{400}"/utf8>>, <<1:3>>, a, <<>>, <<16#ed, 16#a0, 16#80>>,
            binary:copy(<<"a">>, 255), binary:copy(<<"b">>, 256), binary:copy(<<"\x{400}"/utf8>>, 255),
            <<0:254/unit:8, 255>>, <<0:255/unit:8, 255>>, <<0:254/unit:8, 195>>, <<255, 0:1019/unit:8>>, <<255, 0:1020/unit:8>>],
           [latin1, utf8, unicode, x, 1])
    ++ two(erlang, [integer_to_list, integer_to_binary], numbers() ++ [a], [2, 3, 8, 10, 16, 36, 37, 1, 0, -1, a, 1 bsl 70])
    ++ two(erlang, [float_to_list, float_to_binary],
           [0.0, -0.0, 1.5, -2.25, 123.456, 1.0e22, 9.995, 1.0e-10, 1.7976931348623157e308, 5.0e-324, a, 1],
           [[], [short], [compact], [{decimals, 0}], [{decimals, 2}], [{decimals, 4}, compact], [compact, {decimals, 10}],
            [{decimals, 20}], [{decimals, 253}], [{decimals, 254}], [{decimals, -1}], [{scientific, 0}], [{scientific, 3}],
            [{scientific, 249}], [{scientific, 250}], [{scientific, -1}], [{scientific, a}], [short, {decimals, 1}],
            [{decimals, 1}, short], [x], [short | x], x, [{decimals, 1 bsl 70}]])
    ++ [{erts_internal, term_to_string, [T, L]} || L <- [undefined, 5, 8, 0, a],
        T <- numbers() ++ terms(), not (is_map(T) andalso map_size(T) > 1)];
calls(maps) ->
    Maps = [#{}, #{1 => a}, #{1 => a, 1.0 => b}, #{0.0 => p, -0.0 => m}, maps:from_list([{X, X * X} || X <- lists:seq(1, 32)]),
            maps:from_list([{X, X * X} || X <- lists:seq(1, 33)]), maps:from_list([{X * 7, {X}} || X <- lists:seq(1, 500)]), x, []],
    Keys = [1, 1.0, 0.0, -0.0, 7, 33, 3500, a, {}],
    two(erlang, [map_get, is_map_key], Keys, Maps) ++ two(maps, [get, find, is_key, remove, take], Keys, Maps)
    ++ one(erlang, [map_size], Maps) ++ one(maps, [keys, values], Maps)
    ++ two(maps, [merge], Maps, Maps)
    ++ [{maps, F, [K, v, M]} || F <- [put, update], K <- Keys, M <- Maps]
    ++ one(maps, [from_list], [[], [{1, a}], [{1, a}, {1, b}, {1.0, c}], [{X rem 40, X} || X <- lists:seq(1, 90)], [a], [{1}], x, [{1, 2} | x]])
    ++ two(maps, [from_keys], [[], [1], [1, 1, 2], lists:seq(1, 50), x, [1 | x]], [v])
    %% How many pairs come at once depends on the reductions left.
    ++ [{erts_internal, map_next, [P, M, I]} || P <- [0, a, -1, 5], M <- Maps, I <- [iterator, [], [x], y],
        (P =:= 0 andalso I =:= iterator) orelse not is_map(M) orelse map_size(M) < 100]
    ++ one(erts_internal, [map_to_tuple_keys], Maps);
calls(math) ->
    Numbers = [0, 0.0, -0.0, 1, -1, 0.5, -0.5, 0.1, 0.3, 0.7, 1.1, 1.5, 2, 2.5, 3.7, 10, -3, 100.25, 1.0e-5, 1.0e-300, 1.0e10, 709.7, 711, 1.0e300,
               1 bsl 70, 1 bsl 2000, a, 0.9999, 1.0001, 3.141592653589793],
    one(math, [acos, acosh, asin, asinh, atan, atanh, ceil, cos, cosh, erf, erfc, exp, floor, log, log10, log2, sin, sinh, sqrt, tan, tanh], Numbers)
    ++ two(math, [atan2, fmod, pow], Numbers, Numbers);
calls(hashes) ->
    one(erlang, [phash2], numbers() ++ terms())
    ++ two(erlang, [phash, phash2], numbers() ++ terms(), [1, 2, 1000, 1 bsl 27, 1 bsl 32])
    ++ two(erlang, [phash, phash2], [a], [0, -1, (1 bsl 32) + 1, a, 1.0, 1 bsl 70])
    ++ one(erlang, [md5, crc32, adler32], iolists() ++ terms())
    ++ two(erlang, [crc32, adler32], [0, 1, 16#ffffffff, 1 bsl 31, 12345, 1 bsl 32, -1, a], [<<>>, <<1, 2, 3>>, "abc", a, binary:copy(<<255>>, 10000)])
    ++ [{erlang, F, [A, B, C]} || F <- [crc32_combine, adler32_combine], A <- [0, 1, 16#1234abc, 1 bsl 32, -1, a], B <- [0, 1, 16#abcdef, a],
        C <- [0, 1, 2, 100, 70000, 16#ffffffff, 1 bsl 32, -1, a]]
    ++ [{erlang, md5_update, [<<>>, <<>>]}, {erlang, md5_final, [x]}, {erlang, md5_final, [<<1>>]}];
calls(external) ->
    Terms = [T || T <- numbers() ++ terms(), not (is_map(T) andalso map_size(T) > 1)],
    one(erlang, [term_to_binary, external_size], Terms)
    ++ one(erlang, [term_to_iovec], [T || T <- Terms, not (is_binary(T) andalso byte_size(T) > 64)])
    ++ two(erlang, [term_to_binary, external_size], Terms ++ [lists:seq(1, 1000), binary:copy(<<"abc">>, 500)],
           [[], [compressed], [{compressed, 9}], [{compressed, 0}], [{minor_version, 0}], [{minor_version, 1}], [deterministic]])
    ++ two(erlang, [term_to_binary, external_size, term_to_iovec], [a],
           [[{compressed, 10}], [{minor_version, 3}], [x], x, [compressed | x], [{compressed, a}], [{local, 1}]])
    ++ [{erlang, F, [term_to_binary(T, O)]} || F <- [binary_to_term], T <- Terms, O <- [[], [compressed], [{minor_version, 0}]]]
    ++ two(erlang, [binary_to_term], [<<>>, <<131>>, <<131, 97, 1, 2>>, <<131, 97>>, <<131, 97, 1:3>>, a, <<130, 97, 1>>, <<131, 107, 0, 2, 1, 2>>,
                                      <<131, 108, 255, 255, 255, 255>>, <<131, 104, 1, 106, 1>>, <<131, 116, 0, 0, 0, 2, 97, 1, 97, 2, 97, 1, 97, 3>>],
           [[], [safe], [used], [safe, used], [x], x, [safe | x]]);
calls(packets) ->
    Types = [raw, 0, 1, 2, 4, asn1, sunrm, cdr, fcgi, tpkt, line, http, http_bin, httph, httph_bin, ssl_tls],
    [{erlang, decode_packet, [T, B, O]} || T <- Types, B <- packets(),
     O <- [[], [{packet_size, 5}], [{line_length, 6}], [{line_delimiter, $b}]]]
    ++ [{erlang, decode_packet, [T, B, O]} || T <- [foo, 3, raw, line, "x"], B <- [<<"abc\n">>, <<1:3>>, a, <<"abcd">>],
        O <- [[x], x, [{packet_size, -1}], [{packet_size, a}], [{line_delimiter, 256}], [{line_length, 2} | x], [{packet_size, 1 bsl 70}]]]
    ++ [{erlang, decode_packet, [T, iolist_to_binary(B), []]} || T <- [http, http_bin], B <- http_lines()]
    ++ [{erlang, decode_packet, [T, iolist_to_binary([B, "\r\nX"]), []]} || T <- [httph, httph_bin], B <- http_headers()].

packets() ->
    [<<>>, <<0>>, <<1>>, <<1, 2>>, <<0, 0, 0, 0>>, <<0, 0, 0, 3, 1, 2, 3, 4>>, <<0, 2, 1, 2, 3>>, <<2, 97, 98, 99>>, <<0, 0, 0, 9, 1>>,
     <<255, 255, 255, 255, 1>>, <<128, 0, 0, 2, 1, 2, 3>>, <<"abc\ndef\n">>, <<"abc">>, <<"abcdefghij">>, <<"abcdefghij\n">>, <<"\n">>,
     <<"\r\n">>, <<"\r\nx">>, <<"a\r\n b\r\nc">>, <<48, 3, 1, 2, 3, 4>>, <<48, 129, 2, 1, 2, 3>>, <<48, 130, 0, 2, 1, 2, 3>>, <<48, 133, 1, 1, 1, 1, 1>>,
     <<16#1f, 16#81, 1, 2, 9, 9, 9>>, <<16#1f, 16#81>>, <<48, 128, 0, 0>>, <<48, 131, 0, 0, 1, 7, 8>>, <<48, 132, 0, 0, 0, 1, 7, 8>>,
     <<3, 0, 0, 6, 1, 2, 3>>, <<3, 0, 0, 3>>, <<3, 0, 0, 9, 1>>, <<1, 5, 0, 1, 0, 2, 1, 0, 9, 9, 0, 7>>, <<2, 5, 0, 1, 0, 2, 1, 0, 9, 9, 0, 7>>,
     <<1, 5, 0, 1, 0, 2, 1, 0, 9>>, <<"GIOP", 1, 2, 0, 0, 0, 0, 0, 2, 1, 2, 3>>, <<"GIOP", 1, 2, 1, 0, 2, 0, 0, 0, 1, 2, 3>>, <<"GIOX", 1, 2, 1, 0, 2, 0, 0, 0, 1, 2, 3>>,
     <<"GIOP", 1>>, <<22, 3, 1, 0, 2, 9, 9, 7>>, <<22, 3, 1, 0, 2>>, <<22, 2, 1, 0, 2, 9, 9, 7>>, <<128, 6, 1, 3, 0, 1, 2, 3, 9>>, <<16#80, 46, 1, 3, 1>>,
     <<20, 3, 3, 0, 0>>, <<99, 3, 3, 0, 1, 5>>, <<128, 6, 1, 3, 1, 1, 2, 3, 9>>, <<128, 3, 1, 3, 1, 9>>].

http_lines() ->
    ["GET / HTTP/1.1\r\n", "GET /x?y=1#z HTTP/1.0\n", "GET / HTTP/1.1", "OPTIONS * HTTP/1.1\r\nrest", "PATCH /a HTTP/1.1\r\n", "get / HTTP/1.1\r\n",
     "GET http://h/p HTTP/1.1\r\n", "GET http://h:80/p HTTP/1.1\r\n", "GET https://h:443 HTTP/1.1\r\n", "GET https://h HTTP/1.1\r\n", "GET ftp://h/p HTTP/1.1\r\n", "GET foo HTTP/1.1\r\n",
     "GET a:b HTTP/1.1\r\n", "CONNECT h:443 HTTP/1.1\r\n", "GET http://[::1]:80/p HTTP/1.1\r\n", "GET http://[::1]/p HTTP/1.1\r\n", "GET http://h:x/p HTTP/1.1\r\n",
     "GET HTTP://h/p HTTP/1.1\r\n", "GET /\r\n", "GET / \r\n", "GET\r\n", "GET /a b HTTP/1.1\r\n", "GET / HTTP/1\r\n", "GET / HTTP/12.34\r\n", "GET / http/1.1\r\n", "GET   /   HTTP/1.1  \r\n",
     " GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\n", "PUT / HTTP/1.1\r\n", "HEAD / HTTP/1.1\r\n", "DELETE / HTTP/1.1\r\n", "TRACE / HTTP/1.1\r\n",
     "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200\r\n", "HTTP/1.1 200 \r\n", "HTTP/1.0 404 Not Found\n", "HTTP/1.1 20x OK\r\n", "HTTP/1.1  200  OK  \r\n", "HTTP/1.1\r\n", "HTTP/1.x 200 OK\r\n",
     "HTTP/1.1 99999 OK\r\n", "\r\n", "\n", "\r\nGET / HTTP/1.1\r\n", "GET\t/\tHTTP/1.1\r\n", "GET /\x{e9} HTTP/1.1\r\n", "G(T / HTTP/1.1\r\n", "VERYLONGMETHODNAMETHATISLONG / HTTP/1.1\r\n",
     "GET  HTTP/1.1\r\n", "GET http:// HTTP/1.1\r\n", "GET http://h HTTP/1.1\r\n", "GET : HTTP/1.1\r\n", "GET *x HTTP/1.1\r\n", "GET http://h:8x/p HTTP/1.1\r\n", "GET http://h:/p HTTP/1.1\r\n", "GET http://h:0/p HTTP/1.1\r\n", "GET x HTTP/1.1\r\n", "GET / HTTP/1.1 x\r\n", "GET http://h?x HTTP/1.1\r\n", "GET http://h:123456/ HTTP/1.1\r\n", "http/1.1 200 OK\r\n", "HTTP/1.1 2 OK\r\n", "HTTP/1.1 -200 OK\r\n"].

http_headers() ->
    Known = ["Cache-Control", "Connection", "Date", "Pragma", "Transfer-Encoding", "Upgrade", "Via", "Accept", "Accept-Charset",
             "Accept-Encoding", "Accept-Language", "Authorization", "From", "Host", "If-Modified-Since", "If-Match", "If-None-Match", "If-Range",
             "If-Unmodified-Since", "Max-Forwards", "Proxy-Authorization", "Range", "Referer", "User-Agent", "Age", "Location", "Proxy-Authenticate", "Public",
             "Retry-After", "Server", "Vary", "Warning", "Www-Authenticate", "Allow", "Content-Base", "Content-Encoding", "Content-Language", "Content-Length",
             "Content-Location", "Content-Md5", "Content-Range", "Content-Type", "Etag", "Expires", "Last-Modified", "Accept-Ranges", "Set-Cookie", "Set-Cookie2",
             "X-Forwarded-For", "Cookie", "Keep-Alive", "Proxy-Connection"],
    [[K, ": v"] || K <- Known] ++ [[string:lowercase(K), ":v "] || K <- Known]
    ++ ["", "A:b", "x-foo-BAR: v", "X-FOO: v", "xfoo_bar.baz: v", "A : b", "A b: c", "A", ": v", "A:", "A:  ", "A: b  ", "A:\tb\t", "(a: b", "HOST: h", "hOST: h", "content-MD5: x", "www-authenticate: x",
        "a: b\r\n c", "a: b\n\tc\r\n d", "averyveryverylongheadernamethatislongerthantwenty: v", "A-veryveryverylong-header: v", "a-b-: v", "-a: v", "a: \x{e9}", "\x{e9}: v", "a\x{e9}: v", "a: b: c", "twentycharacters-abcd: v", "nineteencharacters-x: v", "ETag: x", "TE: x"].

texts() ->
    ["1.0", "1", "-1.5", "+1.5", "1.5e3", "1.5E-3", "1.5e", "1.5e+", "1.5x", ".5", "1.", "1,5", "1.5e400", "1.0e-400", "", "-", "x", " 1.5", "1.5 ", "00.50", "1.5e5x",
     "<0.1.0>", "<0.1>", "<0.1.0", "<0.1.0>x", "<0.268435456.0>", "<0.268435455.268435455>", "<00.01.00>", "<1.1.0>", "<-1.1.0>", "<0.1.0.0>", "0.1.0>", "< 0.1.0>", "<0.a.0>",
     "#Ref<0.1.2.3>", "#Ref<0.1.2>", "#Ref<0.1.2.3.4>", "#Ref<0.1.2.262144>", "#Ref<0.1.2.262143>", "#Ref<0.4294967296.2.3>", "#Ref<1.1.2.3>", "Ref<0.1.2.3>", "#Ref<0.0.0.0>",
     "#Port<0.1>", "#Port<0.72057594037927935>", "#Port<0.1>x", "#Port<1.1>", "#Port<0.>", "#Port<.1>",
     lists:duplicate(255, $a), lists:duplicate(256, $a), "a", "b", "true"].

iolists() ->
    ["", "abc", [<<"abc">>, $d | <<"ef">>], [[[["a"]], <<>>], []], [256], [-1], [a], [1 | 2], [<<1:3>>], [1, <<1:3>> | <<2>>], [<<5:3>>, <<5:3>>, 7],
     [binary:copy(<<"x">>, 300), "ab", binary:copy(<<"y">>, 100), binary:copy(<<"z">>, 600)], lists:duplicate(300, $q), [[1, 2 | <<3>>], 4 | <<5>>], [1.0], {a}, [<<1, 2>> | a],
     binary:copy(<<"0123456789abcdef">>, 7), "0123456789012345678901234567890123456789012345678901234", "01234567890123456789012345678901234567890123456789012345", "0123456789012345678901234567890123456789012345678901234567890123"].
