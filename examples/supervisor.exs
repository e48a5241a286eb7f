# Supervisors start children again when they end. Children here are named workers that print when they start.

# The order of a map's keys is no promise: print them sorted.
Inspect.Opts.default_inspect_fun(&Inspect.inspect(&1, %{&2 | custom_options: [sort_maps: true]}))

defmodule Worker do
  use GenServer
  def start_link(name), do: GenServer.start_link(__MODULE__, name, name: name)

  @impl true
  def init(name) do
    Process.flag(:trap_exit, true)
    IO.puts("    start #{name}")
    {:ok, name}
  end

  @impl true
  def handle_call({:exit, reason}, _from, name), do: {:stop, reason, :ok, name}

  @impl true
  def terminate(reason, name), do: IO.puts("    stop #{name}: #{inspect(reason)}")
end

Logger.configure(level: :none)
Process.flag(:trap_exit, true)

children = fn options -> for(name <- [:a, :b, :c], do: Supervisor.child_spec({Worker, name}, [id: name] ++ options)) end

# Ends a worker and waits until the supervisor has dealt with it.
stop = fn supervisor, name, reason ->
  IO.puts("  #{name} ends with #{inspect(reason)}")
  reference = Process.monitor(name)
  :ok = GenServer.call(name, {:exit, reason})
  receive do: ({:DOWN, ^reference, _, _, _} -> Process.sleep(20))
  IO.inspect(Supervisor.count_children(supervisor), label: "  count")
end

for strategy <- [:one_for_one, :rest_for_one, :one_for_all] do
  IO.puts("-- #{strategy}")
  {:ok, supervisor} = Supervisor.start_link(children.([]), strategy: strategy)
  before = Process.whereis(:b)
  stop.(supervisor, :b, :crashed)
  IO.inspect(Process.whereis(:b) != before, label: "  another process")
  Supervisor.stop(supervisor)
  receive do: ({:EXIT, ^supervisor, reason} -> IO.inspect(reason))
end

for restart <- [:permanent, :transient, :temporary] do
  IO.puts("-- restart: #{restart}")
  {:ok, supervisor} = Supervisor.start_link(children.(restart: restart), strategy: :one_for_one)
  stop.(supervisor, :a, :normal)
  stop.(supervisor, :b, :crashed)
  stop.(supervisor, :c, {:shutdown, :enough})
  Supervisor.stop(supervisor)
  receive do: ({:EXIT, ^supervisor, _} -> :ok)
end

IO.puts("-- too many restarts")
{:ok, supervisor} = Supervisor.start_link(children.([]), strategy: :one_for_one, max_restarts: 1, max_seconds: 60)
stop.(supervisor, :a, :once)
reference = Process.monitor(:a)
GenServer.call(:a, {:exit, :twice})
receive do: ({:EXIT, ^supervisor, reason} -> IO.inspect(reason))
receive do: ({:DOWN, ^reference, _, _, _} -> :ok)

IO.puts("-- changing children by hand")
{:ok, supervisor} = Supervisor.start_link(children.([]), strategy: :one_for_one)
IO.inspect(Supervisor.terminate_child(supervisor, :b))
IO.inspect(for {id, pid, type, modules} <- Supervisor.which_children(supervisor), do: {id, is_pid(pid), type, modules})
{:ok, pid} = Supervisor.restart_child(supervisor, :b)
IO.inspect(pid == Process.whereis(:b))
IO.inspect(Supervisor.restart_child(supervisor, :b))
IO.inspect(Supervisor.delete_child(supervisor, :b))
IO.inspect(Supervisor.terminate_child(supervisor, :b))
IO.inspect(Supervisor.delete_child(supervisor, :b))
IO.inspect(Supervisor.delete_child(supervisor, :nobody))
{:ok, _} = Supervisor.start_child(supervisor, Supervisor.child_spec({Worker, :d}, id: :d))
{:error, {:already_started, _}} = Supervisor.start_child(supervisor, Supervisor.child_spec({Worker, :d}, id: :d))
Supervisor.stop(supervisor)

IO.puts("-- a supervisor in a supervisor, and a child that cannot start")
defmodule Tree do
  use Supervisor
  def start_link(children), do: Supervisor.start_link(__MODULE__, children)
  @impl true
  def init(children), do: Supervisor.init(children, strategy: :one_for_all)
end

{:ok, top} = Supervisor.start_link([{Tree, children.([])}], strategy: :one_for_one)
IO.inspect(Supervisor.count_children(top))
Process.whereis(:c) |> Process.exit(:kill)
Process.sleep(50)
IO.inspect(Process.alive?(Process.whereis(:c)))
Supervisor.stop(top)
broken = %{id: :broken, start: {Task, :no_such_function, []}}
{:error, {:shutdown, {:failed_to_start_child, :broken, {:EXIT, {reason, _}}}}} = Supervisor.start_link([broken], strategy: :one_for_one)
IO.inspect(reason)
