# ETS: tables in memory, shared by all processes of the node.

IO.puts("-- set: one object per key")
set = :ets.new(:animals, [:set, :public])
IO.inspect(:ets.insert(set, [{:cat, "meow", 4}, {:dog, "woof", 4}, {:duck, "quack", 2}]))
IO.inspect(:ets.lookup(set, :cat))
IO.inspect(:ets.lookup(set, :cow))
IO.inspect(:ets.insert(set, {:cat, "purr", 4}))
IO.inspect(:ets.lookup_element(set, :cat, 2))
IO.inspect(:ets.lookup_element(set, :cow, 2, "silent"))
IO.inspect(:ets.insert_new(set, {:cat, "hiss", 4}))
IO.inspect(:ets.member(set, :duck))
IO.inspect(:ets.update_element(set, :duck, [{2, "QUACK"}, {3, 3}]))
IO.inspect(:ets.take(set, :duck))
IO.inspect({:ets.delete(set, :dog), :ets.tab2list(set), :ets.info(set, :size)})
IO.inspect({:ets.lookup(set, 1), :ets.insert(set, {1, :int}), :ets.insert(set, {1.0, :float}), :ets.lookup(set, 1)})

IO.puts("-- ordered_set: by term order, 1 and 1.0 being the same key")
ordered = :ets.new(:ordered, [:ordered_set])
:ets.insert(ordered, for(key <- [3, :atom, "text", 1.0, 1, {1, 2}, [1], %{a: 1}, {0}, 2.5], do: {key}))
IO.inspect(:ets.tab2list(ordered))
IO.inspect([:ets.first(ordered), :ets.next(ordered, 2.5), :ets.prev(ordered, :atom), :ets.last(ordered)])
IO.inspect({:ets.next(ordered, 2.7), :ets.next(ordered, "zzz"), :ets.first_lookup(ordered), :ets.prev_lookup(ordered, 3)})
IO.inspect(:ets.slot(ordered, 2))

IO.puts("-- bag and duplicate_bag")
for type <- [:bag, :duplicate_bag] do
  bag = :ets.new(type, [type])
  :ets.insert(bag, [{:a, 1}, {:a, 2}, {:a, 1}, {:b, 1}])
  IO.inspect({type, :ets.lookup(bag, :a), :ets.lookup_element(bag, :a, 2)})
  :ets.delete_object(bag, {:a, 1})
  IO.inspect({:ets.lookup(bag, :a), :ets.info(bag, :size)})
end

IO.puts("-- names, options, information")
named = :ets.new(:named, [:named_table, :protected, keypos: 2, read_concurrency: true])
IO.inspect(named)
:ets.insert(:named, {"value", :key})
IO.inspect(:ets.lookup(:named, :key))
IO.inspect(for item <- [:name, :type, :keypos, :protection, :named_table, :size, :heir, :read_concurrency, :compressed], do: {item, :ets.info(:named, item)})
IO.inspect(:ets.info(:named, :owner) == self())
IO.inspect(:ets.rename(:named, :renamed))
IO.inspect({:ets.whereis(:named), is_reference(:ets.whereis(:renamed)), :ets.info(:named)})

IO.puts("-- errors")
for function <- [
      fn -> :ets.lookup(:named, :key) end,
      fn -> :ets.insert(set, :not_a_tuple) end,
      fn -> :ets.insert(:renamed, {:too_short}) end,
      fn -> :ets.new(:renamed, [:named_table]) end,
      fn -> :ets.new(:x, [:no_such_option]) end,
      fn -> :ets.lookup_element(set, :none, 2) end,
      fn -> :ets.update_counter(set, :cat, 1) end,
      fn -> :ets.next(set, :unknown) end
    ] do
  try do
    IO.inspect(function.())
  rescue
    error in ArgumentError -> IO.puts(error.message)
  end
end

IO.puts("-- counters")
counters = :ets.new(:counters, [:public, write_concurrency: true])
:ets.insert(counters, {:hits, 0, 10})
IO.inspect(:ets.update_counter(counters, :hits, 5))
IO.inspect(:ets.update_counter(counters, :hits, [{2, 1}, {3, -20}]))
IO.inspect(:ets.update_counter(counters, :hits, {2, 1, 6, 0}), label: "over the threshold")
IO.inspect(:ets.update_counter(counters, :new, {2, 3}, {:new, 100}))
1..8 |> Task.async_stream(fn _ -> for(_ <- 1..1000, do: :ets.update_counter(counters, :hits, 1)) end) |> Stream.run()
IO.inspect(:ets.lookup(counters, :hits), label: "eight writers, nothing lost")

IO.puts("-- folding, and many objects")
big = :ets.new(:big, [:ordered_set])
:ets.insert(big, for(n <- 1..50_000, do: {n, n * n}))
IO.inspect({:ets.info(big, :size), :ets.foldl(fn {n, _}, sum -> sum + n end, 0, big), :ets.lookup(big, 777)})
IO.inspect(:ets.foldr(fn {n, _}, _ -> n end, nil, big))
IO.inspect(:ets.delete_all_objects(big))
IO.inspect({:ets.info(big, :size), :ets.first(big), :ets.delete(big), :ets.info(big)})
