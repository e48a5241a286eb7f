%% Floats: two bodies around a heavy one, in small steps.
-module(bench_floats).
-export([run/1]).

run(N) -> step(N, {1.0, 0.0, 0.0, 0.9}, {0.0, 2.1, -0.68, 0.0}).

step(0, {X, Y, _, _}, {V, W, _, _}) -> {round(X * 1.0e6), round(Y * 1.0e6), round(V * 1.0e6), round(W * 1.0e6)};
step(N, A, B) -> step(N - 1, move(A), move(B)).

move({X, Y, U, V}) ->
    Square = X * X + Y * Y,
    Pull = -1.0e-4 / (Square * math:sqrt(Square)),
    U1 = U + X * Pull,
    V1 = V + Y * Pull,
    {X + U1 * 1.0e-4, Y + V1 * 1.0e-4, U1, V1}.
