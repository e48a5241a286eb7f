# Tasks give better reports than bare processes.

settle = fn ->
  Process.sleep(100)
  Enum.each([:logger_proxy, :logger_std_h_default], &:sys.get_state/1)
end

defmodule Work do
  def fail(number), do: raise(ArgumentError, "cannot work with #{number}")
end

IO.puts("-- Task.start: nobody is linked, nobody waits")
{:ok, pid} = Task.start(fn -> raise "oops" end)
reference = Process.monitor(pid)
receive do: ({:DOWN, ^reference, _, _, _} -> :ok)
settle.()

{:ok, pid} = Task.start(Work, :fail, [7])
reference = Process.monitor(pid)
receive do: ({:DOWN, ^reference, _, _, _} -> :ok)
settle.()

IO.puts("-- Task.start_link: the failure reaches the parent")
Process.flag(:trap_exit, true)
{:ok, pid} = Task.start_link(fn -> exit(:bad_day) end)
reason = receive do: ({:EXIT, ^pid, reason} -> reason)
settle.()
IO.inspect(reason)

{:ok, pid} = Task.start_link(fn -> throw(:ball) end)
reason = receive do: ({:EXIT, ^pid, {reason, _trace}} -> reason)
settle.()
IO.inspect(reason)

{:ok, pid} = Task.start_link(fn -> exit(:shutdown) end)
receive do: ({:EXIT, ^pid, reason} -> IO.inspect(reason, label: "not reported"))
settle.()

IO.puts("-- a process without a name against one with")
{:ok, pid} = Task.start(fn -> Process.register(self(), :worker_with_name); Work.fail(8) end)
reference = Process.monitor(pid)
receive do: ({:DOWN, ^reference, _, _, _} -> :ok)
settle.()
IO.puts("-- done")
