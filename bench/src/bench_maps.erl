%% Maps: small ones as records are, and a large one that counts.
-module(bench_maps).
-export([run/1]).

run(N) -> loop(N, #{name => start, count => 0, last => none}, #{}).

loop(0, State, Counts) -> {State, map_size(Counts), maps:fold(fun(K, V, Sum) -> Sum + K * V end, 0, Counts)};
loop(N, #{count := Count} = State, Counts) ->
    Key = (N * N) rem 5003,
    More = maps:update_with(Key, fun(V) -> V + 1 end, 1, Counts),
    loop(N - 1, State#{count := Count + maps:get(Key, More), last := Key}, More).
