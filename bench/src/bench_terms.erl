%% Terms to bytes and back, sorted, compared and hashed.
-module(bench_terms).
-export([run/1]).

run(N) ->
    Terms = [{I rem 97, #{id => I, name => integer_to_list(I)}, [I, I / 2, <<I:32>>], 1 bsl (I rem 200)} || I <- lists:seq(1, N)],
    Bytes = term_to_binary(Terms),
    Terms = binary_to_term(Bytes),
    Sorted = lists:keysort(1, lists:usort(Terms)),
    {byte_size(Bytes), erlang:phash2(Sorted), length(lists:ukeysort(1, Sorted))}.
