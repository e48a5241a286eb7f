%% Small integers in loops: the longest Collatz sequence.
-module(bench_integers).
-export([run/1]).

run(N) -> longest(N, 0, 0).

longest(0, Length, Start) -> {Length, Start};
longest(N, Length, Start) ->
    case steps(N, 0) of
        More when More > Length -> longest(N - 1, More, N);
        _ -> longest(N - 1, Length, Start)
    end.

steps(1, Count) -> Count;
steps(N, Count) when N band 1 =:= 0 -> steps(N bsr 1, Count + 1);
steps(N, Count) -> steps(3 * N + 1, Count + 1).
