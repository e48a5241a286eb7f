# What processes may share without messages: persistent terms, atomics, counters.

# The order of a map's keys is no promise: print them sorted.
Inspect.Opts.default_inspect_fun(&Inspect.inspect(&1, %{&2 | custom_options: [sort_maps: true]}))

IO.puts("-- persistent_term: written seldom, read for nothing")
IO.inspect(:persistent_term.put({:config, 1}, %{list: Enum.to_list(1..5), text: "text"}))
IO.inspect(:persistent_term.get({:config, 1}))
IO.inspect(Task.async(fn -> :persistent_term.get({:config, 1}).text end) |> Task.await())
IO.inspect(:persistent_term.get(:none, :default))
IO.inspect({:persistent_term.erase({:config, 1}), :persistent_term.erase({:config, 1})})

try do
  :persistent_term.get(:none)
rescue
  error -> IO.puts(Exception.message(error))
end

# Whoever holds an erased term keeps it.
:persistent_term.put(:held, Enum.map(1..1000, &Integer.to_string/1))
held = :persistent_term.get(:held)
:persistent_term.erase(:held)
:erlang.garbage_collect()
IO.inspect({length(held), List.last(held), :persistent_term.get(:held, :gone)})

IO.puts("-- atomics: 64 bits each")
array = :atomics.new(3, signed: true)
IO.inspect(:atomics.info(array) |> Map.delete(:memory))
IO.inspect(:atomics.put(array, 1, 10))
IO.inspect([:atomics.add(array, 1, 5), :atomics.add_get(array, 1, 5), :atomics.sub_get(array, 1, 30), :atomics.get(array, 1)])
IO.inspect([:atomics.exchange(array, 2, 7), :atomics.compare_exchange(array, 2, 7, 8), :atomics.compare_exchange(array, 2, 7, 9)])
:atomics.put(array, 3, 0x7FFFFFFFFFFFFFFF)
IO.inspect(:atomics.add_get(array, 3, 1), label: "wraps around")
unsigned = :atomics.new(1, signed: false)
IO.inspect(:atomics.sub_get(unsigned, 1, 1), label: "without a sign")

for function <- [
      fn -> :atomics.get(array, 4) end,
      fn -> :atomics.get(array, 0) end,
      fn -> :atomics.put(array, 1, 0x8000000000000000) end,
      fn -> :atomics.new(0, []) end,
      fn -> :atomics.new(1, signed: :maybe) end,
      fn -> :atomics.add(make_ref(), 1, 1) end
    ] do
  try do
    IO.inspect(function.())
  rescue
    error -> IO.puts(Exception.message(error))
  end
end

IO.puts("-- counters")
for option <- [:atomics, :write_concurrency] do
  counters = :counters.new(2, [option])
  1..10 |> Task.async_stream(fn _ -> for(_ <- 1..1000, do: :counters.add(counters, 1, 1)) end) |> Stream.run()
  :counters.sub(counters, 2, 5)
  IO.inspect({option, :counters.get(counters, 1), :counters.get(counters, 2), :counters.info(counters).size})
  :counters.put(counters, 1, -1)
  IO.inspect(:counters.get(counters, 1))
end
