%% Calls that are not last: Takeuchi's function.
-module(bench_calls).
-export([run/1]).

run(N) -> [tak(18, 12, 6) || _ <- lists:seq(1, N)].

tak(X, Y, Z) when Y < X -> tak(tak(X - 1, Y, Z), tak(Y - 1, Z, X), tak(Z - 1, X, Y));
tak(_, _, Z) -> Z.
