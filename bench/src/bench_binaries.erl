%% Bit syntax: records are built, taken apart, and their text is split.
-module(bench_binaries).
-export([run/1]).

run(N) ->
    Data = << <<I:16, (I rem 7):3, 0:5, (text(I))/binary, 0>> || I <- lists:seq(1, N) >>,
    parse(Data, 0, []).

text(I) -> <<"name=", (integer_to_binary(I))/binary, ";kind=x">>.

parse(<<Id:16, Kind:3, _:5, Rest/binary>>, Sum, Seen) ->
    {Text, More} = text(Rest, 0, Rest),
    [<<"name=", Number/binary>>, _] = binary:split(Text, <<";">>),
    parse(More, (Sum + Id * Kind + binary_to_integer(Number)) band 16#ffffffff, [Kind | Seen]);
parse(<<>>, Sum, Seen) -> {Sum, length(Seen)}.

text(<<0, Rest/binary>>, Length, Whole) -> {binary:part(Whole, 0, Length), Rest};
text(<<_, Rest/binary>>, Length, Whole) -> text(Rest, Length + 1, Whole).
