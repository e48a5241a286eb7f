# Task: a process that computes one thing.

IO.puts("-- async and await")
task = Task.async(fn -> 21 * 2 end)
IO.inspect(task.owner == self())
IO.inspect(Task.await(task))

tasks = for number <- 1..5, do: Task.async(fn -> Process.sleep(rem(number * 7, 5) * 5); number * number end)
IO.inspect(Task.await_many(tasks), label: "in the order of asking")
IO.inspect(Task.async(String, :upcase, ["mfa"]) |> Task.await())

IO.puts("-- yield, shutdown, timeouts")
task = Task.async(fn -> Process.sleep(:infinity) end)
IO.inspect(Task.yield(task, 10))
IO.inspect(Task.shutdown(task, :brutal_kill))
task = Task.async(fn -> :quick end)
IO.inspect(Task.yield(task))
task = Task.async(fn -> Process.sleep(:infinity) end)

try do
  Task.await(task, 10)
catch
  :exit, {:timeout, {module, function, [%Task{}, timeout]}} -> IO.inspect({module, function, timeout})
end

Task.shutdown(task, :brutal_kill)
IO.inspect(Task.completed({:ok, 1}) |> Task.await())
slow_and_fast = [Task.async(fn -> :fast end), Task.async(fn -> Process.sleep(:infinity) end)]
[{_, fast}, {slow, nil}] = Task.yield_many(slow_and_fast, 50)
IO.inspect({fast, Task.shutdown(slow)})

IO.puts("-- async_stream")
1..6 |> Task.async_stream(&(&1 * 10), max_concurrency: 2) |> Enum.to_list() |> IO.inspect()

[1, :forever, 3]
|> Task.async_stream(fn x -> if x == :forever, do: Process.sleep(:infinity), else: x end, timeout: 50, on_timeout: :kill_task)
|> Enum.to_list()
|> IO.inspect()

["b", "a"] |> Task.async_stream(String, :duplicate, [3], ordered: true) |> Enum.map(&elem(&1, 1)) |> IO.inspect()

1..20
|> Task.async_stream(&rem(&1, 3), ordered: false)
|> Enum.frequencies_by(fn {:ok, remainder} -> remainder end)
|> IO.inspect()

IO.puts("-- a task that fails takes its owner along, unless the owner traps exits")
Process.flag(:trap_exit, true)
Logger.configure(level: :none)
task = Task.async(fn -> exit(:reason) end)

try do
  Task.await(task)
catch
  :exit, {reason, {Task, :await, _}} -> IO.inspect(reason)
end

pid = task.pid
receive do: ({:EXIT, ^pid, reason} -> IO.inspect(reason))
task = Task.async(fn -> raise "oops" end)
IO.inspect(match?({:exit, {%RuntimeError{message: "oops"}, [_ | _]}}, Task.yield(task)))
pid = task.pid
receive do: ({:EXIT, ^pid, {error, _trace}} -> IO.inspect(error))

IO.puts("-- ignore")
task = Task.async(fn -> :later end)
IO.inspect(Task.ignore(task))

IO.puts("-- callers")
Task.async(fn -> IO.inspect(Process.get(:"$callers") == [task.owner]) end) |> Task.await()

IO.puts("-- Task.Supervisor")
{:ok, supervisor} = Task.Supervisor.start_link()
task = Task.Supervisor.async_nolink(supervisor, fn -> exit(:alone) end)
IO.inspect(Task.yield(task))
task = Task.Supervisor.async(supervisor, fn -> :linked end)
IO.inspect(Task.await(task))
parent = self()
{:ok, child} = Task.Supervisor.start_child(supervisor, fn -> send(parent, :from_child); Process.sleep(:infinity) end)
receive do: (:from_child -> IO.inspect(Task.Supervisor.children(supervisor) == [child]))
IO.inspect(Task.Supervisor.terminate_child(supervisor, child))
IO.inspect(Task.Supervisor.children(supervisor))
IO.inspect(Task.Supervisor.async_stream_nolink(supervisor, [1, 0], &div(10, &1)) |> Enum.map(&elem(&1, 0)))
