# Names for processes.

wait = fn -> receive(do: (:stop -> :ok)) end
pid = spawn(wait)

IO.inspect(Process.register(pid, :printer))
IO.inspect(Process.whereis(:printer) == pid)
IO.inspect(Process.info(pid, :registered_name))
IO.inspect(:printer in Process.registered())
IO.inspect(Process.whereis(:nobody))
IO.inspect(Process.info(self(), :registered_name), label: "a process without a name")

# Messages go to a name as they go to a pid; to an unknown one they are an error.
parent = self()
echo = spawn(fn -> receive do: (message -> send(parent, {:echo, message})) end)
Process.register(echo, :echo)
IO.inspect(send(:echo, "hello"))
receive do: (message -> IO.inspect(message))
IO.inspect(send({:printer, node()}, :look), label: "name and node")
IO.inspect(send({:nobody, node()}, :look), label: "an unknown name with a node vanishes")

explain = fn function ->
  try do
    IO.inspect(function.())
  rescue
    error -> IO.puts(Exception.message(error))
  end
end

explain.(fn -> send(:nobody, :hello) end)
explain.(fn -> Process.register(pid, :another_name) end)
explain.(fn -> Process.register(self(), :printer) end)
explain.(fn -> Process.register(self(), :undefined) end)
explain.(fn -> Process.register(self(), nil) end)
explain.(fn -> Process.register(self(), "text") end)
explain.(fn -> Process.unregister(:nobody) end)

# The name is free again when the process ends, or when it is taken away.
reference = Process.monitor(pid)
send(:printer, :stop)
receive do: ({:DOWN, ^reference, _, _, _} -> IO.inspect(Process.whereis(:printer)))
explain.(fn -> Process.register(pid, :printer) end)
Process.register(self(), :me)
IO.inspect(Process.unregister(:me))
IO.inspect(Process.whereis(:me))

# Names for the whole cluster, here of one node.
IO.inspect(:global.register_name({:any, "term"}, self()))
IO.inspect(:global.whereis_name({:any, "term"}) == self())
IO.inspect(:global.register_name({:any, "term"}, spawn(wait)))
IO.inspect(:global.registered_names())
IO.inspect(:global.unregister_name({:any, "term"}))

# Groups of processes.
{:ok, _} = :pg.start_link()
members = for _ <- 1..3, do: spawn(wait)
IO.inspect(:pg.join(:group, members))
IO.inspect(Enum.sort(:pg.get_members(:group)) == Enum.sort(members))
send(hd(members), :stop)
Process.sleep(20)
IO.inspect(length(:pg.get_local_members(:group)))
IO.inspect({:pg.which_groups(), :pg.leave(:group, tl(members)), :pg.which_groups()})
IO.inspect(node())
IO.inspect(Node.alive?())
