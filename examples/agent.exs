# Agent: state behind a process.

# The order of a map's keys is no promise: print them sorted.
Inspect.Opts.default_inspect_fun(&Inspect.inspect(&1, %{&2 | custom_options: [sort_maps: true]}))

{:ok, pid} = Agent.start_link(fn -> %{} end)
IO.inspect(Agent.update(pid, fn map -> Map.put(map, :hello, :world) end))
IO.inspect(Agent.get(pid, fn map -> Map.get(map, :hello) end))
IO.inspect(Agent.get(pid, & &1))
IO.inspect(Agent.get_and_update(pid, &Map.pop(&1, :hello)))
IO.inspect(Agent.get(pid, Map, :keys, []))
IO.inspect(Agent.update(pid, Map, :put, [:number, 1]))
IO.inspect(Agent.cast(pid, fn map -> Map.update!(map, :number, &(&1 + 1)) end))
IO.inspect(Agent.get(pid, & &1.number))

# Buckets: a registered name, and many clients at once.
defmodule Bucket do
  use Agent

  def start_link(options), do: Agent.start_link(fn -> 0 end, options)
  def add(bucket, number), do: Agent.update(bucket, &(&1 + number))
  def total(bucket), do: Agent.get(bucket, & &1)
end

{:ok, _} = Bucket.start_link(name: :bucket)
1..100 |> Task.async_stream(&Bucket.add(:bucket, &1)) |> Stream.run()
IO.inspect(Bucket.total(:bucket))
IO.inspect(Bucket.child_spec(name: :bucket))
{:error, {:already_started, other}} = Bucket.start_link(name: :bucket)
IO.inspect(other == Process.whereis(:bucket))

# The function runs inside the agent.
IO.inspect(Agent.get(:bucket, fn _ -> self() end) == other)

# Calls time out; the agent does not notice.
try do
  Agent.get(:bucket, fn state -> Process.sleep(100) && state end, 10)
catch
  :exit, {:timeout, {GenServer, :call, [name, _, 10]}} -> IO.inspect(name, label: "too slow")
end

IO.inspect(Agent.get(:bucket, & &1))

# Stopping, and calling what has stopped.
IO.inspect(Agent.stop(:bucket))

try do
  Agent.get(:bucket, & &1)
catch
  :exit, {:noproc, {GenServer, :call, [:bucket | _]}} -> IO.puts("no bucket")
end

# An agent whose start fails.
Process.flag(:trap_exit, true)
Logger.configure(level: :none)
{:error, {error, _trace}} = Agent.start(fn -> raise "no state" end)
IO.inspect(error)

# An error in a function ends the agent, and so those linked to it.
{:ok, agent} = Agent.start_link(fn -> 1 end)

try do
  Agent.update(agent, fn 2 -> 3 end)
catch
  :exit, {{reason, _trace}, {GenServer, :call, _}} -> IO.inspect(reason)
end

receive do: ({:EXIT, ^agent, {reason, _trace}} -> IO.inspect(reason))
