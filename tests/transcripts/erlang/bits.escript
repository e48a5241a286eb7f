#!/usr/bin/env escript
%% Bit syntax in its corners.
-module(bits_transcript).
-mode(compile).

main(_) ->
    S = id(5), N = id(-3), F = id(2.5), B = id(<<1, 2, 3>>), Bits = id(<<5:3>>),
    P = fun(X) -> io:format("~kw~n", [X]) end,
    P([<<S:4>>, <<N:8>>, <<N:16/little>>, <<F/float>>, <<F:32/float-little>>, <<F:16/float>>, <<B/binary, Bits/bits>>, <<Bits/bits, B/binary>>]),
    P([<<S:S>>, <<S:S/unit:8>>, <<0:0>>, <<B:2/binary>>, <<(1 bsl 70 + 1):72>>, <<(1 bsl 70 + 1):72/little>>, <<-1:70>>, <<N:3/signed>>]),
    P([<<16#1F600/utf8>>, <<16#1F600/utf16>>, <<16#1F600/utf16-little>>, <<16#E9/utf32>>, <<"é"/utf8>>, <<"abc":16>>, <<"ab"/utf16>>]),
    P([begin <<A:3, R/bits>> = <<255, 1>>, {A, R} end, begin <<A1:7/signed, _/bits>> = <<254>>, A1 end, begin <<A2:12/little, _:4>> = <<16#AB, 16#CD>>, A2 end]),
    P([begin <<L, D:L/binary, R1/binary>> = <<2, "abcd">>, {L, D, R1} end, begin <<L2:4, D2:L2/bits, _/bits>> = <<16#3F, 16#F0>>, {L2, D2} end]),
    P([m(<<>>), m(<<1>>), m(<<1:7>>), m(<<"GET">>), m(<<3.5/float>>), m(<<16#7FF8:16, 0:48>>), m(<<0:64, 1>>), m(a), m(<<"é"/utf8>>)]),
    P([X || <<X:3>> <= <<16#FACE:16>>]),
    P([{X, Y} || <<X:4, Y:4>> <= <<1, 2, 3>>, X =/= Y]),
    P(<< <<(X * 2):6>> || X <- [1, 2, 3] >>),
    P(<< <<Y, X>> || <<X, Y>> <= <<1, 2, 3, 4, 5>> >>),
    P([C || <<C/utf8>> <= <<"aé日😀"/utf8>>]),
    P(loop(1000, <<>>)),
    P([byte_size(Bits), bit_size(Bits), is_binary(Bits), is_bitstring(Bits), bit_size(<<Bits/bits, Bits/bits, 1:2>>)]),
    P([bitstring_to_list(<<1, 2:4>>), list_to_bitstring([<<1:4>>, <<2:4>>, [3, <<4:1>>]]), binary_part(B, {3, -2}), split_binary(B, 1)]),
    P([<<1:1>> < <<1:2>>, <<2:2>> > <<1:1>>, <<128>> > <<1:1>>, <<"ab">> < <<"b">>, <<1, 2>> =:= <<258:16>>, <<1:4, 2:4>> =:= <<18>>]),
    Sub = binary:part(binary:copy(<<"0123456789">>, 100), 500, 7), P({Sub, binary:referenced_byte_size(binary:copy(Sub))}),
    %% One binary appended to twice: both results must be right.
    Base = append(<<>>, 300), A3 = <<Base/binary, "one">>, B3 = <<Base/binary, "two">>, P({binary:last(Base), binary:part(A3, 300, 3), binary:part(B3, 300, 3), byte_size(Base)}),
    [P(err(Fun)) || Fun <- [fun() -> <<(id(a))>> end, fun() -> <<1:(id(-1))>> end, fun() -> <<(id(1.5)):8>> end, fun() -> <<(id(x))/binary>> end, fun() -> <<B:4/binary>> end,
                            fun() -> <<(id(16#D800))/utf8>> end, fun() -> <<(id(a))/float>> end, fun() -> <<1:(id(a))>> end, fun() -> <<_:4, _/binary>> = B end, fun() -> <<(id(<<1:3>>))/binary>> end]],
    P([binary:match(B, <<2>>), binary:matches(<<"abcabc">>, [<<"bc">>, <<"a">>]), binary:split(<<"a//b/c">>, <<"/">>, [global, trim_all]), binary:replace(<<"aXbX">>, <<"X">>, <<"[]">>, [global, {insert_replaced, 1}])]),
    P([binary:decode_unsigned(<<1, 2, 3>>), binary:decode_unsigned(<<1, 2, 3>>, little), binary:encode_unsigned(1 bsl 65), binary:longest_common_suffix([<<"abc">>, <<"xbc">>]), binary:first(B), binary:bin_to_list(B, 1, 2)]),
    P(binary:match(<<"hay needle hay">>, binary:compile_pattern([<<"needle">>, <<"nee">>]))).

id(X) -> X.
m(<<>>) -> empty;
m(<<"GET">>) -> get;
m(<<X:7>>) -> {seven, X};
m(<<X/float>>) -> {float, X};
m(<<C/utf8>>) -> {char, C};
m(<<_, _/binary>>) -> some;
m(_) -> none.
loop(0, Acc) -> erlang:phash2(Acc);
loop(N, Acc) -> loop(N - 1, <<Acc/bits, N:13>>).
append(B, 0) -> B;
append(B, N) -> append(<<B/binary, (N band 255)>>, N - 1).
err(F) -> try F() catch C:E -> {C, E} end.
