# A table belongs to a process and ends with it, unless it is handed on.

parent = self()
wait = fn -> receive(do: (:stop -> :ok)) end

make = fn options, name ->
  {pid, reference} = spawn_monitor(fn ->
    table = :ets.new(name, options)
    :ets.insert(table, {:key, :value})
    send(parent, {:table, table})
    wait.()
  end)
  receive do: ({:table, table} -> {pid, reference, table})
end

stop = fn {pid, reference, _table} ->
  send(pid, :stop)
  receive do: ({:DOWN, ^reference, _, _, _} -> Process.sleep(10))
end

try_to = fn function ->
  try do
    function.()
  rescue
    error in ArgumentError -> String.split(error.message, "\n") |> Enum.at(2)
  end
end

IO.puts("-- protection")
for protection <- [:private, :protected, :public] do
  {_, _, table} = owner = make.([protection], :table)
  IO.inspect({protection, try_to.(fn -> :ets.lookup(table, :key) end), try_to.(fn -> :ets.insert(table, {:a, 1}) end)})
  stop.(owner)
  IO.inspect(try_to.(fn -> :ets.lookup(table, :key) end), label: "after its owner")
end

IO.puts("-- heir")
{pid, _, table} = owner = make.([{:heir, self(), :gift}], :table)
stop.(owner)
receive do: ({:"ETS-TRANSFER", ^table, ^pid, data} -> IO.inspect(data))
IO.inspect({:ets.lookup(table, :key), :ets.info(table, :owner) == self()})

IO.puts("-- give_away")
receiver = spawn(fn -> receive do: ({:"ETS-TRANSFER", t, from, data} -> send(parent, {:got, from == parent, data, :ets.lookup(t, :key)}); wait.()) end)
IO.inspect(:ets.give_away(table, receiver, "take it"))
receive do: ({:got, from_parent, data, objects} -> IO.inspect({from_parent, data, objects}))
IO.inspect(try_to.(fn -> :ets.give_away(table, self(), :back) end))
IO.inspect(:ets.info(table, :owner) == receiver)
Process.exit(receiver, :kill)
receive do: ({:"ETS-TRANSFER", ^table, ^receiver, data} -> IO.inspect(data, label: "the heir is still the same"))
IO.inspect(:ets.info(table, :owner) == self())

IO.puts("-- walking while the table changes")
table = :ets.new(:table, [:set, :public])
:ets.insert(table, for(n <- 1..100, do: {n}))
IO.inspect(:ets.safe_fixtable(table, true))
walk = fn walk, key, seen ->
  if key == :"$end_of_table" do
    seen
  else
    :ets.delete(table, key)
    walk.(walk, :ets.next(table, key), [key | seen])
  end
end
IO.inspect(walk.(walk, :ets.first(table), []) |> Enum.sort() == Enum.to_list(1..100))
IO.inspect(:ets.safe_fixtable(table, false))
IO.inspect(:ets.info(table, :size))

IO.puts("-- saved and read again")
folder = Path.join(System.tmp_dir!(), "oxbeam_ets_#{System.pid()}")
File.mkdir_p!(folder)
file = folder |> Path.join("table") |> String.to_charlist()
:ets.insert(table, for(n <- 1..10, do: {n, Integer.to_string(n)}))
IO.inspect(:ets.tab2file(table, file, extended_info: [:md5sum]))
{:ok, again} = :ets.file2tab(file, verify: true)
IO.inspect(Enum.sort(:ets.tab2list(again)) == Enum.sort(:ets.tab2list(table)))
File.rm_rf!(folder)

IO.puts("-- copies: what is stored does not change, whatever happens to the original")
big = String.duplicate("x", 1000)
:ets.insert(table, {:big, big, [big, %{inner: big}]})
[{:big, same, [same, %{inner: same}]}] = :ets.lookup(table, :big)
IO.inspect(same == big)
