# What Elixir's own modules do with another node. `elixir.sh` starts both, and has the near one compile this and send the code to the other.
defmodule Cluster.Counter do
  use GenServer

  def start(name), do: GenServer.start(__MODULE__, 0, name: name)
  def init(count), do: {:ok, count}
  def handle_call({:add, more}, _from, count), do: {:reply, count + more, count + more}
  def handle_call(:where, {from, _}, count), do: {:reply, {node(), node(from)}, count}
  def handle_call(:slow, _from, count), do: {:noreply, count}
  def handle_call(:crash, _from, _count), do: exit(:asked_to)

  def handle_cast({:tell, to, word}, count) do
    send(to, {word, node()})
    {:noreply, count}
  end

  def handle_info({:plain, to}, count) do
    send(to, {:plain, node()})
    {:noreply, count}
  end
end

defmodule Cluster.Listeners do
  def start, do: spawn(&init/0)

  defp init do
    {:ok, _} = Registry.start_link(keys: :duplicate, name: Cluster.Topics)
    Process.sleep(:infinity)
  end

  def listen(topic, to), do: spawn(fn -> listen_on(topic, to) end)

  defp listen_on(topic, to) do
    {:ok, _} = Registry.register(Cluster.Topics, topic, :listener)
    send(to, :listening)

    receive do
      {:published, text} -> send(to, {:heard, node(), text})
    end
  end

  def publish(topic, text) do
    Registry.dispatch(Cluster.Topics, topic, fn entries ->
      for {pid, :listener} <- entries, do: send(pid, {:published, text})
    end)
  end
end

defmodule Cluster.Program do
  alias Cluster.{Counter, Listeners}

  def main(far, modules) do
    Process.flag(:trap_exit, true)
    say("connect", Node.connect(far))
    for {module, code} <- modules, do: {:module, ^module} = :erpc.call(far, :code, :load_binary, [module, ~c"sent", code])
    for node <- [node(), far], do: :ok = :erpc.call(node, Logger, :configure, [[level: :none]])
    for {name, check} <- checks(), do: say(name, outcome(check, far))
  end

  defp outcome(check, far) do
    check.(far)
  catch
    :error, {:exception, reason, _stacktrace} -> {:error, :exception, reason}
    kind, reason -> {kind, reason}
  end

  # Names of nodes and identifiers differ from run to run.
  defp say(name, result), do: IO.puts("#{name}: #{inspect(plain(result))}")

  defp plain(node) when node == node(), do: :near
  defp plain(atom) when is_atom(atom), do: if(to_string(atom) =~ ~r/^far.*@/, do: :far, else: atom)
  defp plain(tuple) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> plain() |> List.to_tuple()
  defp plain([head | tail]), do: [plain(head) | plain(tail)]
  defp plain(pid) when is_pid(pid), do: {:pid, plain(node(pid))}
  defp plain(reference) when is_reference(reference), do: {:reference, plain(node(reference))}
  defp plain(map) when is_map(map) and not is_struct(map), do: Map.new(map, fn {key, value} -> {plain(key), plain(value)} end)
  defp plain(other), do: other

  defp checks do
    [
      {"ping", fn far -> {:net_adm.ping(far), :net_adm.ping(:nobody@nowhere), far in Node.list()} end},
      {"names", &names/1},
      {"GenServer.call by name", &call_by_name/1},
      {"GenServer.call by pid", &call_by_pid/1},
      {"GenServer.call that fails", &failing_calls/1},
      {"GenServer.cast and send", &casts/1},
      {"GenServer.multi_call", fn far -> start_both(far) && GenServer.multi_call([node(), far, :nobody@nowhere], :multi, {:add, 2}) end},
      {"GenServer.abcast", fn far -> {GenServer.abcast([node(), far], :multi, {:tell, self(), :abcast}), both(:abcast)} end},
      {"global name", &global_name/1},
      {"GenServer.whereis", fn far -> {GenServer.whereis({:multi, far}) == {:multi, far}, GenServer.whereis({:multi, node()})} end},
      {"Task.Supervisor.async", &tasks/1},
      {"Task.Supervisor.async_nolink that ends badly", &bad_task/1},
      {"Task.Supervisor.async_stream", &stream/1},
      {"Agent", &agent/1},
      {"Registry at each node", &publish/1},
      {"DynamicSupervisor", &dynamic_supervisor/1},
      {"Node.spawn_link", &spawned/1},
      {"Node.spawn_monitor", &watched/1},
      {"erpc raises", fn far -> :erpc.call(far, fn -> raise ArgumentError, "there" end) end},
      {"erpc.multicall", fn far -> :erpc.multicall([node(), far], fn -> node() end) end},
      {":rpc", fn far -> {:rpc.call(far, Enum, :sum, [[1, 2, 3]]), :rpc.multicall([node(), far], Kernel, :node, [])} end},
      {"group leader", &group_leader/1},
      {"Node.monitor", &monitor/1}
    ]
  end

  defp names(_far) do
    {:ok, names} = :net_adm.names()
    names |> Enum.map(fn {name, port} -> {name |> to_string() |> String.replace(~r/[0-9]/, ""), is_integer(port)} end) |> Enum.sort()
  end

  defp remote(far, name) do
    {:ok, pid} = :erpc.call(far, Counter, :start, [name])
    pid
  end

  defp start_both(far), do: {Counter.start(:multi), remote(far, :multi)}

  defp call_by_name(far) do
    remote(far, :counter)
    {GenServer.call({:counter, far}, {:add, 3}), GenServer.call({:counter, far}, {:add, 4}), GenServer.call({:counter, far}, :where)}
  end

  defp call_by_pid(far) do
    pid = :erpc.call(far, Process, :whereis, [:counter])
    {node(pid), GenServer.call(pid, :where), :erpc.call(far, Process, :alive?, [pid])}
  end

  defp failing_calls(far) do
    {:ok, _} = :erpc.call(far, Counter, :start, [:doomed])
    caught = fn target, request, timeout -> outcome(fn _ -> GenServer.call(target, request, timeout) end, far) end

    [
      caught.({:nobody, far}, :where, 5000),
      caught.({:counter, far}, :slow, 50),
      caught.({:counter, :nobody@nowhere}, :where, 5000),
      caught.({:doomed, far}, :crash, 5000)
    ]
  end

  defp casts(far) do
    GenServer.cast({:counter, far}, {:tell, self(), :cast})
    first = receive(do: ({:cast, node} -> node))
    send({:counter, far}, {:plain, self()})
    {first, receive(do: ({:plain, node} -> node))}
  end

  defp both(word) do
    nodes = for _ <- 1..2, do: receive(do: ({^word, node} -> plain(node)))
    Enum.sort(nodes)
  end

  defp global_name(far) do
    {:ok, pid} = :erpc.call(far, Counter, :start, [{:global, :everywhere}])
    :global.sync()
    {GenServer.call({:global, :everywhere}, :where), :global.whereis_name(:everywhere) == pid, Counter.start({:global, :everywhere})}
  end

  # A supervisor that outlives the call which starts it.
  defp supervisor(far, module, arguments) do
    {:ok, pid} = :erpc.call(far, fn -> with({:ok, pid} <- apply(module, :start_link, arguments), do: Process.unlink(pid) && {:ok, pid}) end)
    pid
  end

  defp tasks(far) do
    supervisor(far, Task.Supervisor, [[name: :tasks]])
    closure = %{a: 1}
    one = Task.Supervisor.async({:tasks, far}, fn -> {node(), closure, self()} end)
    two = Task.Supervisor.async({:tasks, far}, Kernel, :+, [20, 22])
    late = Task.Supervisor.async_nolink({:tasks, far}, Process, :sleep, [:infinity])
    {Task.await(one), Task.await_many([two]), Task.yield(late, 20), Task.shutdown(late, :brutal_kill)}
  end

  defp bad_task(far) do
    task = Task.Supervisor.async_nolink({:tasks, far}, fn -> exit({:shutdown, node()}) end)
    Task.yield(task)
  end

  defp stream(far), do: {:tasks, far} |> Task.Supervisor.async_stream(1..6, &{&1 * &1, node()}, max_concurrency: 2) |> Enum.to_list()

  defp agent(far) do
    {:ok, agent} = :erpc.call(far, fn -> Agent.start(fn -> %{} end, name: :agent) end)
    Agent.update({:agent, far}, &Map.put(&1, :from, node()))
    Agent.update(agent, Map, :put, [:at, far])
    Agent.cast(agent, fn state -> Map.put(state, :cast, node()) end)
    {Agent.get({:agent, far}, & &1), Agent.get_and_update(agent, &{map_size(&1), %{}}), Agent.stop({:agent, far})}
  end

  defp publish(far) do
    for node <- [node(), far], do: :erpc.call(node, Listeners, :start, [])
    Process.sleep(200)
    for node <- [node(), far], do: :erpc.call(node, Listeners, :listen, [:news, self()])
    for _ <- 1..2, do: receive(do: (:listening -> :ok))
    :erpc.multicall([node(), far], Listeners, :publish, [:news, "hello"])
    Enum.sort(for _ <- 1..2, do: receive(do: ({:heard, node, text} -> {plain(node), text})))
  end

  defp dynamic_supervisor(far) do
    supervisor(far, DynamicSupervisor, [[strategy: :one_for_one, name: :dynamic]])
    {:ok, child} = DynamicSupervisor.start_child({:dynamic, far}, {Agent, fn -> :first end})
    {node(child), Agent.get(child, & &1), DynamicSupervisor.count_children({:dynamic, far})}
  end

  defp spawned(far) do
    pid = Node.spawn_link(far, fn -> exit({:ended, node()}) end)
    receive(do: ({:EXIT, ^pid, reason} -> reason))
  end

  defp watched(far) do
    {pid, reference} = Node.spawn_monitor(far, fn -> Process.exit(self(), :kill) end)
    receive(do: ({:DOWN, ^reference, :process, ^pid, reason} -> reason))
  end

  defp group_leader(far) do
    {:ok, device} = StringIO.open("")
    Process.group_leader(self(), device)
    :erpc.call(far, fn -> IO.puts("printed") end)
    Process.group_leader(self(), Process.whereis(:user))
    StringIO.contents(device)
  end

  defp monitor(far) do
    Node.monitor(far, true)
    :erpc.cast(far, System, :halt, [])
    {receive(do: ({:nodedown, node} -> node)), Node.list()}
  end
end
