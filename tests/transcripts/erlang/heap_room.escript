#!/usr/bin/env escript
%% Instructions that ask for room for what is built after them: small heaps of all sizes, cells on both sides of a binary.
-module(heap_room).
-mode(compile).

main(_) ->
    Self = self(),
    Sums = [begin
                {Pid, Ref} = spawn_opt(fun() -> Self ! {self(), loop(200, Size, [], 0)} end, [monitor, {min_heap_size, Size}]),
                receive {Pid, Sum} -> demonitor(Ref, [flush]), Sum; {'DOWN', Ref, _, _, Reason} -> Reason end
            end || Size <- lists:seq(1, 400)],
    io:format("~p ~p~n", [length(Sums), lists:usort(Sums)]).

loop(0, _, Kept, Sum) -> Sum + length(Kept);
loop(N, Size, Kept, Sum) ->
    A = cells(N, Kept),
    B = padded(A, <<N:16>>),
    C = appended(<<>>, N rem 9, B),
    D = tuples({N, Sum / 2}, C),
    {X, Y, F} = list_to_tuple(D),
    loop(N - 1, Size, lists:sublist([N | Kept], N rem 17), (Sum + erlang:phash2([X, Y, F()])) band 16#ffffff).

cells(N, T) -> [<<N:8, 83:16>>, [<<(N * 3):24>> | T], {<<N:32, "some more bytes">>, [N | T]} | T].
padded(T, B) -> {[<<B/binary, 0:(byte_size(B) * 8)>>, T | B], [T, <<B/binary>>]}.
appended(Acc, 0, T) -> [Acc, [Acc | [T]]];
appended(Acc, N, T) -> appended(<<Acc/binary, N:8, (N + 1):8>>, N - 1, [N | T]).
tuples({A, F}, T) -> [F * 1.5, [<<F:64/float>>, {A, F + 1.0} | T], fun() -> {A, F, T} end].
