# Looking at processes from the outside.

defmodule Sample do
  def start, do: spawn(__MODULE__, :init, [self()])

  def init(parent) do
    Process.put(:purpose, "to be looked at")
    Process.put({:a, 1}, [1, 2])
    send(parent, :ready)
    wait()
  end

  def wait do
    receive do
      :stop -> :ok
    end
  end
end

pid = Sample.start()
receive do: (:ready -> :ok)
Process.sleep(10)

IO.puts("-- one item, several items")
for item <- [
      :current_function, :initial_call, :status, :message_queue_len, :messages, :links, :monitors, :monitored_by,
      :trap_exit, :priority, :error_handler, :registered_name, :dictionary, :catchlevel, :suspending, :fullsweep_after,
      :message_queue_data, :min_heap_size, :sequential_trace_token, :parent, :label
    ] do
  case Process.info(pid, item) do
    {:dictionary, dictionary} -> IO.inspect({:dictionary, Enum.sort(dictionary)})
    {^item, value} -> IO.inspect({item, if(value == self(), do: :me, else: value)})
    other -> IO.inspect(other)
  end
end

IO.inspect(Process.info(pid, [:status, :priority, :trap_exit]))
IO.inspect(Process.info(pid, {:dictionary, :purpose}))
IO.inspect(Process.info(pid, :group_leader) == {:group_leader, Process.group_leader()})
{:current_stacktrace, stacktrace} = Process.info(pid, :current_stacktrace)
IO.inspect(stacktrace)
IO.inspect(Process.info(pid, :current_location))

IO.puts("-- amounts")
amounts = Process.info(pid, [:memory, :heap_size, :total_heap_size, :stack_size, :reductions])
IO.inspect(Enum.all?(amounts, fn {_, amount} -> is_integer(amount) and amount >= 0 end))
IO.inspect(Keyword.keys(amounts))
{:garbage_collection, collection} = Process.info(pid, :garbage_collection)
IO.inspect(Keyword.keys(collection))
IO.inspect({:binary, []} == Process.info(pid, :binary))

IO.puts("-- the usual items")
IO.inspect(pid |> Process.info() |> Keyword.keys())

IO.puts("-- of itself")
IO.inspect(Process.info(self(), :status))
IO.inspect(Process.info(self(), :message_queue_len))

IO.puts("-- all processes")
processes = Process.list()
IO.inspect(pid in processes and self() in processes)
IO.inspect(Enum.all?([:init, :code_server, :kernel_sup, :user, :logger, :elixir_sup], &(Process.whereis(&1) in processes)))
IO.inspect(length(processes) == length(Enum.uniq(processes)))
IO.inspect(is_integer(:erlang.system_info(:process_count)) and :erlang.system_info(:process_limit) >= 100_000)

# The listing that `:shell_default.i()` prints in the shell, here of two processes.
{:ok, device} = StringIO.open("")
leader = Process.group_leader()
Process.group_leader(self(), device)
:c.i([Process.whereis(:init), pid])
Process.group_leader(self(), leader)
{_, listing} = StringIO.contents(device)
[columns, names | lines] = String.split(listing, "\n")
IO.puts(columns)
IO.puts(names)
IO.inspect(Enum.any?(lines, &(&1 =~ ~r/^init +init:\w+\/\d +\d+ *$/)))
IO.inspect(Enum.any?(lines, &(&1 =~ ~r/^<0\.0\.0> +erl_init:start\/2 +\d+ +\d+ +0 *$/)))

IO.puts("-- the dead, and wrong questions")
reference = Process.monitor(pid)
send(pid, :stop)
receive do: ({:DOWN, ^reference, _, _, _} -> :ok)
IO.inspect({Process.info(pid), Process.info(pid, :status), Process.info(pid, [:status])})

for function <- [fn -> Process.info(self(), :no_such_item) end, fn -> :erlang.process_info(:not_a_pid) end] do
  try do
    function.()
  rescue
    error -> IO.puts(Exception.message(error))
  end
end

IO.puts("-- labels, suspending, hibernating")
pid = spawn(fn -> Process.set_label({:worker, 7}); Sample.wait() end)
Process.sleep(10)
IO.inspect(Process.info(pid, :label))
IO.inspect({:erlang.suspend_process(pid), Process.info(pid, :status), :erlang.resume_process(pid), Process.info(pid, :status)})
sleeper = spawn(fn -> :erlang.hibernate(Sample, :wait, []) end)
Process.sleep(10)
IO.inspect(Process.info(sleeper, [:current_function, :status]))
IO.inspect({send(sleeper, :stop), Process.sleep(10), Process.alive?(sleeper)})
IO.inspect(:erlang.garbage_collect(pid))
IO.inspect({:c.pid(0, 0, 0) == Process.whereis(:init), :erlang.pid_to_list(Process.whereis(:init))})
