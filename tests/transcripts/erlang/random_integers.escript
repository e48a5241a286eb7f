%%! -noshell
-module(random_integers).
-mode(compile).
%% Operators on integers of any size and either sign, thousands of pairs: the numbers are random but always the same. A line is the
%% hash of all answers of one operator, so that one wrong bit shows.

main(_) ->
    Pairs = pairs(2500, 123456789, []),
    [io:format("~p ~p~n", [Name, hash(Function, Pairs)]) || {Name, Function} <- operators()],
    ok.

operators() ->
    [{add, fun(A, B) -> A + B end}, {subtract, fun(A, B) -> A - B end}, {multiply, fun(A, B) -> A * B end},
     {'div', fun(A, B) -> A div B end}, {'rem', fun(A, B) -> A rem B end}, {float, fun(A, B) -> A / B end},
     {'band', fun(A, B) -> A band B end}, {'bor', fun(A, B) -> A bor B end}, {'bxor', fun(A, B) -> A bxor B end},
     {'bnot', fun(A, _) -> bnot A end}, {negate, fun(A, _) -> -A end}, {abs, fun(A, _) -> abs(A) end},
     {'bsl', fun(A, B) -> A bsl (B rem 3000) end}, {'bsr', fun(A, B) -> A bsr (B rem 3000) end},
     {little_shifts, fun(A, B) -> {A bsl (B rem 65), A bsr (B rem 65)} end},
     {far_shifts, fun(A, B) -> A bsr abs(B) end}, {order, fun(A, B) -> {A < B, A == B, A >= A} end},
     {text, fun(A, B) -> T = integer_to_list(A, 2 + abs(B rem 35)), {T, list_to_integer(T, 2 + abs(B rem 35))} end},
     {decimal, fun(A, _) -> B = integer_to_binary(A), {B, binary_to_integer(B)} end},
     {segments, fun segments/2}, {unsigned, fun unsigned/2}, {external, fun external/2}].

%% Written to binaries and read back, at every alignment and in sizes that cut.
segments(A, B) ->
    Size = abs(B rem 700), Before = abs(B rem 9),
    Bits = <<0:Before, A:Size, A:Size/little, 5:3>>,
    <<_:Before, Big:Size/signed, Little:Size/signed-little, _:3>> = Bits,
    <<_:Before, Positive:Size, Other:Size/little, _:3>> = Bits,
    {Bits, Big, Little, Positive, Other}.

unsigned(A, _) ->
    Big = binary:encode_unsigned(abs(A)), Little = binary:encode_unsigned(abs(A), little),
    {Big, Little, binary:decode_unsigned(Big), binary:decode_unsigned(Little, little)}.

external(A, _) ->
    Binary = term_to_binary(A),
    {Binary, binary_to_term(Binary)}.

hash(Function, Pairs) ->
    Answers = [try Function(A, B) catch error:Reason -> Reason end || {A, B} <- Pairs],
    binary:encode_hex(erlang:md5(term_to_binary(Answers))).

pairs(0, _, Pairs) -> Pairs;
pairs(Left, Seed, Pairs) ->
    {A, Seed1} = integer(Seed),
    {B, Seed2} = integer(Seed1),
    pairs(Left - 1, Seed2, [{A, B} | Pairs]).

%% Bits as they come, bits in long runs (carries go far), or next to a power of two.
integer(Seed) ->
    {Length, Seed1} = below(Seed, 3),
    {Bytes, Seed2} = below(Seed1, element(Length + 1, {10, 60, 500})),
    {Kind, Seed3} = below(Seed2, 6),
    {Magnitude, Seed4} = magnitude(Kind, Bytes, Seed3),
    {Sign, Seed5} = below(Seed4, 2),
    {if Sign =:= 0 -> Magnitude; true -> -Magnitude end, Seed5}.

magnitude(0, Bytes, Seed) ->
    {Add, Seed1} = below(Seed, 5),
    {max(0, (1 bsl (Bytes * 8)) + Add - 2), Seed1};
magnitude(1, Bytes, Seed) ->
    {Run, Seed1} = below(Seed, Bytes * 8 + 1),
    {((1 bsl Run) - 1) bsl (Bytes * 8 - Run), Seed1};
magnitude(_, Bytes, Seed) ->
    lists:foldl(fun(_, {Value, Next}) ->
                        {Byte, Next1} = below(Next, 256),
                        {Value bsl 8 bor Byte, Next1}
                end, {0, Seed}, lists:seq(1, Bytes)).

%% A linear congruential generator.
below(Seed, Limit) ->
    Next = (Seed * 6364136223846793005 + 1442695040888963407) band 16#ffffffffffffffff,
    {(Next bsr 33) rem Limit, Next}.
