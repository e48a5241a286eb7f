%% Trees of tuples that are rebuilt, and the garbage that they leave.
-module(bench_trees).
-export([run/1]).

run(N) ->
    Tree = insert(N, 1, gb_trees:empty()),
    {gb_trees:size(Tree), fold(gb_trees:next(gb_trees:iterator(Tree)), 0)}.

insert(0, _, Tree) -> Tree;
insert(N, Last, Tree) ->
    Key = (Last * 69069 + 1) band 16#fffff,
    insert(N - 1, Key, gb_trees:enter(Key, {N, [Key]}, Tree)).

fold(none, Sum) -> Sum;
fold({Key, {N, [Key]}, Iterator}, Sum) -> fold(gb_trees:next(Iterator), (Sum + Key * N) band 16#ffffffff).
