# Match patterns and match specifications: queries that run inside the table.

# The order of a map's keys is no promise: print them sorted.
Inspect.Opts.default_inspect_fun(&Inspect.inspect(&1, %{&2 | custom_options: [sort_maps: true]}))

people = :ets.new(:people, [:ordered_set])

:ets.insert(people, [
  {1, "ann", 31, %{city: "Oslo"}},
  {2, "bob", 17, %{city: "Rome"}},
  {3, "cid", 45, %{city: "Oslo"}},
  {4, "dan", 17, %{}},
  {5, :eve, 2.5, {:tuple, [1, 2, 3]}}
])

IO.puts("-- patterns")
IO.inspect(:ets.match(people, {:"$1", :_, 17, :_}))
IO.inspect(:ets.match(people, {:"$2", :"$1", :_, :_}))
IO.inspect(:ets.match_object(people, {:_, :_, :_, %{city: "Oslo"}}))
IO.inspect(:ets.match(people, {:_, :_, :"$1", {:tuple, [:"$2" | :"$3"]}}))
IO.inspect(:ets.match(people, :"$1", 2) |> elem(0))

IO.puts("-- specifications")
select = fn spec -> IO.inspect(:ets.select(people, spec)) end
select.([{{:"$1", :"$2", :"$3", :_}, [{:>, :"$3", 30}], [{{:"$1", :"$2"}}]}])
select.([{{:_, :"$1", :"$2", :_}, [{:andalso, {:is_binary, :"$1"}, {:==, {:rem, :"$2", 2}, 1}}], [:"$1"]}])
select.([{{:"$1", :_, :"$2", :_}, [{:orelse, {:<, :"$1", 2}, {:is_float, :"$2"}}], [[:"$1", {:*, :"$2", 2}]]}])
select.([{{:"$1", :_, :_, :"$2"}, [{:is_map, :"$2"}, {:is_map_key, :city, :"$2"}], [{:map_get, :city, :"$2"}]}])
select.([{{:"$1", :_, :_, :_}, [{:==, {:-, :"$1", 1}, {:const, 2}}], [:"$_"]}])
select.([{{1, :_, :_, :_}, [], [:"$$"]}, {{:"$1", :_, 17, :_}, [], [:"$1"]}])
select.([{{:"$1", :_, :"$2", :_}, [{:xor, {:>, :"$1", 2}, {:==, :"$2", 17}}], [%{id: :"$1", age: :"$2"}]}])
select.([{{:"$1", :_, :_, :"$2"}, [], [{{{:is_tuple, :"$2"}, {:is_record, :"$2", :tuple, 2}}}]}])
select.([{{:"$1", :"$2", :"$3", :_}, [{:>, {:abs, {:-, 20, :"$3"}}, {:length, [1, 2, 3]}}, {:"/=", :"$2", :eve}], [{:binary_part, :"$2", 0, 1}]}])

# An error in a guard means "no"; in the result, the object is not there either.
select.([{{:"$1", :"$2", :_, :_}, [{:>, {:hd, :"$2"}, 0}], [:"$1"]}])
select.([{{:"$1", :"$2", :_, :_}, [], [{:byte_size, :"$2"}]}])

IO.puts("-- in pieces")
{first, continuation} = :ets.select(people, [{{:"$1", :_, :_, :_}, [], [:"$1"]}], 2)
{second, continuation} = :ets.select(continuation)
{third, continuation} = :ets.select(continuation)
IO.inspect({first, second, third, :ets.select(continuation)})
{last, _} = :ets.select_reverse(people, [{{:"$1", :_, :_, :_}, [], [:"$1"]}], 2)
IO.inspect({last, :ets.select_reverse(people, [{{:"$1", :_, :_, :_}, [], [:"$1"]}])})

IO.puts("-- counting, deleting, replacing")
IO.inspect(:ets.select_count(people, [{{:_, :_, 17, :_}, [], [true]}]))
IO.inspect(:ets.select_replace(people, [{{:"$1", :"$2", 17, :"$3"}, [], [{{:"$1", :"$2", 18, :"$3"}}]}]))
IO.inspect(:ets.match(people, {:"$1", :_, 18, :_}))
IO.inspect(:ets.select_delete(people, [{{:"$1", :_, :_, :_}, [{:>=, :"$1", 4}], [true]}]))
IO.inspect(:ets.match_delete(people, {1, :_, :_, :_}))
IO.inspect(:ets.tab2list(people) |> Enum.map(&elem(&1, 0)))

IO.puts("-- compiled, without a table")
spec = [{{:"$1", :"$2"}, [{:>, :"$1", :"$2"}], [{:+, :"$1", :"$2"}]}]
compiled = :ets.match_spec_compile(spec)
IO.inspect(:ets.match_spec_run([{1, 2}, {2, 1}, :other, {5, 3}], compiled))
IO.inspect(:ets.is_compiled_ms(compiled))
IO.inspect(:ets.test_ms({3, 1}, spec))
IO.inspect(:ets.test_ms({3, 1}, [{{:"$1"}, [{:no_such_guard, :"$1"}], [:"$1"]}]))

try do
  :ets.select(people, [{{:"$1"}, [:bad], :not_a_list}])
rescue
  error -> IO.puts(Exception.message(error))
end
