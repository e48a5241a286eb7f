%% Funs, folds and exceptions.
-module(bench_funs).
-export([run/1]).

run(N) ->
    Numbers = lists:seq(1, N),
    Add = fun(By) -> fun(X) -> X + By end end,
    Mapped = lists:map(Add(7), lists:filter(fun(X) -> X rem 3 =/= 0 end, Numbers)),
    lists:foldl(fun(X, {Sum, Caught}) ->
                        try check(X) of
                            Value -> {Sum + Value, Caught}
                        catch
                            throw:{skipped, _} -> {Sum, Caught + 1}
                        end
                end, {0, 0}, Mapped).

check(X) when X rem 5 =:= 0 -> throw({skipped, X});
check(X) -> X.
