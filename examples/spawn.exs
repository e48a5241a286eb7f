# Starting processes: every piece of Elixir code runs in one.

# `spawn` answers at once with the identifier of the new process, not with the result of the function.
pid = spawn(fn -> 1 + 2 end)
IO.inspect(is_pid(pid), label: "spawn answers with a pid")
IO.inspect(pid, label: "and it prints as")

# A process ends when its function returns. A monitor tells when.
reference = Process.monitor(pid)

receive do
  {:DOWN, ^reference, :process, ^pid, reason} ->
    IO.puts("ended: #{reason in [:normal, :noproc]}")
end

IO.inspect(Process.alive?(pid), label: "alive after its function returned")
IO.inspect(Process.alive?(self()), label: "alive, the one that asks")
IO.inspect(pid == self(), label: "the same process")

# A message to a dead process vanishes; sending still answers with the message.
IO.inspect(send(pid, "Texto para exibir"), label: "sent to the dead")

# Module, function, arguments: MFA for short.
defmodule Procs do
  def greeter(name), do: IO.puts("Hello #{name}")

  def report(parent, name) do
    greeter(name)
    send(parent, {:greeted, name, self()})
  end
end

parent = self()
child = spawn(Procs, :report, [parent, "world"])

receive do
  {:greeted, name, ^child} -> IO.puts("#{name} was greeted by the child")
end

# Functions of Erlang modules are spawned in the same way.
spawn(:erlang, :send, [self(), :from_erlang])
receive do: (message -> IO.inspect(message))

# spawn_monitor starts and monitors in one step, so there is no moment in between.
{pid, reference} = spawn_monitor(fn -> exit({:shutdown, :done}) end)
receive do: ({:DOWN, ^reference, _, ^pid, reason} -> IO.inspect(reason, label: "exit reason"))

# spawn_opt and Process.spawn take options.
{pid, reference} =
  Process.spawn(fn -> exit(Process.info(self(), :priority)) end, [:monitor, priority: :low, min_heap_size: 1000])

receive do: ({:DOWN, ^reference, _, ^pid, reason} -> IO.inspect(reason, label: "asked of itself"))

# What cannot be started is refused.
for function <- [fn -> spawn(:not_a_fun) end, fn -> spawn(Procs, :greeter, :not_a_list) end, fn -> spawn(fn _ -> :ok end) end] do
  try do
    function.()
  rescue
    error -> IO.puts("#{inspect(error.__struct__)}: #{Exception.message(error)}")
  end
end

# A fun that takes an argument can be started; the process then ends with a report, which comes through the logger.
Process.sleep(100)
Enum.each([:logger_proxy, :logger_std_h_default], &:sys.get_state/1)
