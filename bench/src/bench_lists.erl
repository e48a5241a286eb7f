%% Lists that are taken apart and built: quicksort by hand, and list functions.
-module(bench_lists).
-export([run/1]).

run(N) ->
    Numbers = numbers(N, 4711, []),
    Sorted = sort(Numbers),
    Pairs = lists:zip(Sorted, lists:reverse(Sorted)),
    {Low, High} = lists:partition(fun({A, B}) -> A < B end, Pairs),
    {length(Low), length(High), lists:sum([A * B || {A, B} <- Low, A rem 3 =:= 0]), lists:nth(N div 2 + 1, Sorted)}.

sort([]) -> [];
sort([Pivot | Rest]) -> sort([X || X <- Rest, X < Pivot]) ++ [Pivot | sort([X || X <- Rest, X >= Pivot])].

numbers(0, _, List) -> List;
numbers(N, Last, List) ->
    Next = (Last * 1103515245 + 12345) band 16#7fffffff,
    numbers(N - 1, Next, [Next bsr 4 | List]).
