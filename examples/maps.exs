# Maps, small and large.

# The order of a map's keys is no promise: print them sorted.
Inspect.Opts.default_inspect_fun(&Inspect.inspect(&1, %{&2 | custom_options: [sort_maps: true]}))

map = %{:a => 1, "b" => 2, 3 => :c, 4.0 => [4], {5} => %{}}
IO.inspect(map)
IO.inspect({map.a, map["b"], map[3], map[3.0], map[4.0], map[{5}], map[:none]})
IO.inspect(%{map | a: :changed}.a)
%{"b" => two, a: one} = map
IO.inspect({one, two, map_size(map)})
IO.inspect(Map.keys(%{b: 1, a: 2, c: 3}) |> Enum.sort(), label: "keys come in no promised order")
IO.inspect(Map.to_list(%{"z" => 1, "y" => 2, 1 => 3, 1.0 => 4, nil => 5}) |> Enum.sort())
IO.inspect({Map.merge(%{a: 1, b: 2}, %{b: 3, c: 4}), Map.merge(%{a: 1}, %{a: 2}, fn :a, x, y -> x + y end)})
IO.inspect({Map.pop(%{a: 1}, :a), Map.pop(%{}, :a, :none), Map.split(%{a: 1, b: 2}, [:a]), Map.take(%{a: 1, b: 2}, [:b, :z])})
IO.inspect({Map.update(%{a: 1}, :a, 0, &(&1 + 1)), Map.update(%{}, :a, 0, &(&1 + 1)), Map.put_new(%{a: 1}, :a, 2)})
IO.inspect({Map.fetch(%{a: nil}, :a), Map.fetch(%{}, :a), Map.has_key?(%{a: nil}, :a), Map.get_and_update(%{a: 1}, :a, &{&1, &1 * 2})})
IO.inspect({Map.new([a: 1, a: 2]), Map.filter(%{a: 1, b: 2}, fn {_, v} -> v > 1 end), Map.reject(%{a: 1}, fn _ -> true end)})
IO.inspect({put_in(%{a: %{b: 1}}, [:a, :b], 2), update_in(%{a: %{b: 1}}.a.b, &(&1 + 1)), get_in(%{a: [%{n: 1}, %{n: 2}]}, [:a, Access.all(), :n])})

IO.puts("-- more than 32 keys: another representation, the same behaviour")
for size <- [31, 32, 33, 1000] do
  map = Map.new(1..size, &{&1, &1 * &1})
  less = Map.delete(map, size)
  IO.inspect({size, map_size(map), map[size], less[size], map == Map.put(less, size, size * size), Map.equal?(map, less)})
end

large = Map.new(1..10_000, &{"key #{&1}", &1})
IO.inspect({map_size(large), large["key 7777"], large["key 0"], large |> Map.values() |> Enum.sum()})
shrunk = Enum.reduce(11..10_000, large, &Map.delete(&2, "key #{&1}"))
IO.inspect(shrunk)
IO.inspect(shrunk == Map.new(1..10, &{"key #{&1}", &1}))
IO.inspect(:erlang.phash2(large))
IO.inspect(Enum.reduce(large, 0, fn {_, value}, sum -> sum + value end))

IO.puts("-- order and equality")
IO.inspect(Enum.sort([%{b: 1}, %{a: 2}, %{a: 1}, %{}, %{a: 1, b: 0}, %{1 => 1}, %{1.0 => 0}]))
IO.inspect({%{1 => :a} == %{1.0 => :a}, %{a: 1} == %{a: 1.0}, %{a: 1} === %{a: 1.0}})
IO.inspect(%{%{a: 1} => :nested}[%{a: 1}])

IO.puts("-- iterators")
iterator = :maps.iterator(%{c: 3, a: 1, b: 2}, :ordered)
{key, value, iterator} = :maps.next(iterator)
IO.inspect({key, value, :maps.to_list(iterator)})
IO.inspect(:maps.to_list(:maps.iterator(%{1 => :a, 2 => :b}, :reversed)))
IO.inspect({:maps.fold(fn _, v, sum -> v + sum end, 0, %{a: 1, b: 2}), :maps.groups_from_list(&rem(&1, 2), [1, 2, 3])})

IO.puts("-- errors")
for function <- [
      fn -> Map.fetch!(%{a: 1}, :b) end,
      fn -> %{map | z: 1} end,
      fn -> apply(fn -> %{a: 1} end, []).b end,
      fn -> apply(fn -> 5 end, []) |> Map.get(:a) end,
      fn -> apply(fn -> 5 end, []) |> map_size() end,
      fn -> :maps.get(:z, %{}) end,
      fn -> :maps.update(:z, 1, %{}) end,
      fn -> :maps.from_list([:not_a_pair]) end
    ] do
  try do
    IO.inspect(function.())
  rescue
    error -> IO.puts("#{inspect(error.__struct__)}: #{Exception.message(error)}")
  end
end
