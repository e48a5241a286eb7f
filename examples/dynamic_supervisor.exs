# Children that come and go: DynamicSupervisor and PartitionSupervisor.

# The order of a map's keys is no promise: print them sorted.
Inspect.Opts.default_inspect_fun(&Inspect.inspect(&1, %{&2 | custom_options: [sort_maps: true]}))

defmodule Session do
  use GenServer, restart: :transient
  def start_link(user), do: GenServer.start_link(__MODULE__, user)
  def user(session), do: GenServer.call(session, :user)
  @impl true
  def init(:bad), do: {:stop, :bad_user}
  def init(user), do: {:ok, user}
  @impl true
  def handle_call(:user, _from, user), do: {:reply, user, user}
  @impl true
  def handle_cast({:exit, reason}, user), do: {:stop, reason, user}
end

Logger.configure(level: :none)
Process.flag(:trap_exit, true)

IO.puts("-- DynamicSupervisor")
{:ok, supervisor} = DynamicSupervisor.start_link(strategy: :one_for_one, max_children: 3)
{:ok, ann} = DynamicSupervisor.start_child(supervisor, {Session, "ann"})
{:ok, _bob} = DynamicSupervisor.start_child(supervisor, {Session, "bob"})
{:ok, carla} = DynamicSupervisor.start_child(supervisor, {Session, "carla"})
IO.inspect(DynamicSupervisor.start_child(supervisor, {Session, "dave"}))
IO.inspect(Session.user(ann))

users = fn ->
  Process.sleep(20)
  supervisor |> DynamicSupervisor.which_children() |> Enum.map(fn {:undefined, pid, :worker, [Session]} -> Session.user(pid) end) |> Enum.sort()
end

IO.inspect(users.())
GenServer.cast(ann, {:exit, :crashed})
IO.inspect({users.(), Process.alive?(ann)}, label: "ann crashed, and is back as another process")
GenServer.cast(carla, {:exit, :normal})
IO.inspect(users.(), label: "carla left")
IO.inspect(DynamicSupervisor.count_children(supervisor))
IO.inspect(DynamicSupervisor.terminate_child(supervisor, ann), label: "the old ann")
IO.inspect(DynamicSupervisor.start_child(supervisor, {Session, :bad}))
IO.inspect(DynamicSupervisor.stop(supervisor))

IO.puts("-- many")
{:ok, supervisor} = DynamicSupervisor.start_link(strategy: :one_for_one)
sessions = for n <- 1..1000, do: elem(DynamicSupervisor.start_child(supervisor, {Session, n}), 1)
IO.inspect(sessions |> Enum.map(&Session.user/1) |> Enum.sum())
for session <- Enum.take(sessions, 999), do: DynamicSupervisor.terminate_child(supervisor, session)
IO.inspect(DynamicSupervisor.count_children(supervisor))
DynamicSupervisor.stop(supervisor)
IO.inspect(Enum.any?(sessions, &Process.alive?/1))

IO.puts("-- PartitionSupervisor")
counter = %{id: :counter, start: {Agent, :start_link, [fn -> 0 end]}}
{:ok, _} = PartitionSupervisor.start_link(child_spec: counter, name: Counters, partitions: 4)
IO.inspect(PartitionSupervisor.partitions(Counters))
for key <- 0..99, do: Agent.update({:via, PartitionSupervisor, {Counters, key}}, &(&1 + 1))

for {partition, pid, _, _} <- Enum.sort(PartitionSupervisor.which_children(Counters)) do
  IO.inspect({partition, Agent.get(pid, & &1)})
end

# Keys that are not integers are hashed, the same way on every machine.
where = fn key ->
  pid = GenServer.whereis({:via, PartitionSupervisor, {Counters, key}})
  Enum.find_value(PartitionSupervisor.which_children(Counters), fn {partition, ^pid, _, _} -> partition; _ -> nil end)
end

IO.inspect(for key <- [:a, "text", {1, 2.5}, [1, 2], nil, %{a: 1}], do: {key, where.(key)})
IO.inspect(PartitionSupervisor.count_children(Counters))
