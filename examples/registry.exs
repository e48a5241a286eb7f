# Registry: names and groups for processes of this node.

start = fn registry, key, value ->
  parent = self()

  pid =
    spawn(fn ->
      send(parent, {:registered, Registry.register(registry, key, value) |> elem(0)})
      receive do: (:stop -> :ok)
    end)

  receive do: ({:registered, result} -> {pid, result})
end

stop = fn pid ->
  reference = Process.monitor(pid)
  send(pid, :stop)
  receive do: ({:DOWN, ^reference, _, _, _} -> Process.sleep(20))
end

IO.puts("-- unique")
{:ok, _} = Registry.start_link(keys: :unique, name: Names)
{pid, :ok} = start.(Names, "room 1", :first)
IO.inspect(start.(Names, "room 1", :second) |> elem(1), label: "a second time")
IO.inspect(Registry.lookup(Names, "room 1") == [{pid, :first}])
IO.inspect(Registry.lookup(Names, "room 2"))
IO.inspect(Registry.whereis_name({Names, "room 1"}) == pid)
IO.inspect(Registry.keys(Names, pid))
IO.inspect(Registry.count(Names))
stop.(pid)
IO.inspect(Registry.lookup(Names, "room 1"), label: "gone with its process")

{:ok, _} = Registry.register(Names, :mine, 1)
IO.inspect(Registry.update_value(Names, :mine, &(&1 + 1)))
IO.inspect(Registry.update_value(Names, :other, &(&1 + 1)))
{:error, {:already_registered, other}} = Registry.register(Names, :mine, 3)
IO.inspect(other == self())
IO.inspect(Registry.values(Names, :mine, self()))
IO.inspect(Registry.unregister(Names, :mine))
IO.inspect(Registry.keys(Names, self()))

IO.puts("-- names for servers")
name = {:via, Registry, {Names, {:agent, 1}}}
{:ok, agent} = Agent.start_link(fn -> :state end, name: name)
IO.inspect(Agent.get(name, & &1))
IO.inspect(Agent.start_link(fn -> :other end, name: name) == {:error, {:already_started, agent}})
IO.inspect(GenServer.whereis(name) == agent)

try do
  Agent.get({:via, Registry, {Names, :nobody}}, & &1)
catch
  :exit, {reason, _} -> IO.inspect(reason)
end

IO.puts("-- duplicate: publish and subscribe")
{:ok, _} = Registry.start_link(keys: :duplicate, name: Topics, partitions: 2)
parent = self()

subscribers =
  for number <- 1..3 do
    pid =
      spawn(fn ->
        for topic <- Enum.take(["news", "weather", "sports"], number), do: Registry.register(Topics, topic, number)
        send(parent, :subscribed)
        receive do: ({:publish, topic, text} -> send(parent, {number, topic, text}))
      end)

    receive do: (:subscribed -> pid)
  end

IO.inspect(for topic <- ["news", "weather", "sports", "art"], do: {topic, length(Registry.lookup(Topics, topic))})
IO.inspect(Registry.count_match(Topics, "news", :_, [{:>, :_, 0}]) |> is_integer())
IO.inspect(Registry.match(Topics, "news", 2) |> Enum.map(&elem(&1, 1)))

Registry.dispatch(Topics, "weather", fn entries ->
  for {pid, _} <- entries, do: send(pid, {:publish, "weather", "rain"})
end)

IO.inspect(Enum.sort(for _ <- 1..2, do: receive(do: (message -> message))))
Process.sleep(20)
IO.inspect(Registry.count(Topics), label: "left after two of them ended")
IO.inspect(Registry.select(Topics, [{{:"$1", :_, :"$2"}, [], [{{:"$1", :"$2"}}]}]))
send(hd(subscribers), {:publish, "news", "the last"})
receive do: (message -> IO.inspect(message))
Process.sleep(20)
IO.inspect(Registry.count(Topics))

IO.puts("-- metadata and listeners")
IO.inspect(Registry.put_meta(Names, :owner, "me"))
IO.inspect({Registry.meta(Names, :owner), Registry.meta(Names, :none)})
Process.register(self(), :listener)
{:ok, _} = Registry.start_link(keys: :unique, name: Watched, listeners: [:listener])
{:ok, _} = Registry.register(Watched, :key, :value)
me = self()
receive do: ({:register, Watched, :key, ^me, :value} -> IO.puts("registered"))
Registry.unregister(Watched, :key)
receive do: ({:unregister, Watched, :key, ^me} -> IO.puts("unregistered"))
