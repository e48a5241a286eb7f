# Links tie processes together: the end of one is a signal to the other.
# Every rule of exit signals, one by one.

defmodule Show do
  # What arrives in the mailbox within a moment.
  def next do
    receive do
      {:EXIT, _pid, reason} -> {:EXIT, reason}
      {:DOWN, _reference, :process, _object, reason} -> {:DOWN, reason}
      other -> other
    after
      100 -> :nothing
    end
  end

  # The reason with which a process ends that runs `function`.
  def ending(function) do
    {_pid, reference} = spawn_monitor(function)
    receive(do: ({:DOWN, ^reference, _, _, reason} -> reason), after: (200 -> :still_alive))
  end

  def wait, do: receive(do: (:stop -> :ok))
end

IO.puts("-- a linked process without trap_exit goes down with the other, unless the reason is :normal")
IO.inspect(Show.ending(fn -> spawn_link(fn -> exit(:broken) end); Show.wait() end))
IO.inspect(Show.ending(fn -> spawn_link(fn -> exit(:normal) end); Show.wait() end))
IO.inspect(Show.ending(fn -> spawn_link(fn -> :returns end); Show.wait() end))
IO.inspect(Show.ending(fn -> spawn_link(fn -> exit({:shutdown, 1}) end); Show.wait() end))

IO.puts("-- links reach in both directions, and through chains")
parent = self()
IO.inspect(Show.ending(fn ->
  child = spawn_link(fn -> spawn_link(fn -> send(parent, {:grandchild, self()}); Show.wait() end); Show.wait() end)
  send(parent, {:child, child})
  receive(do: ({:go} -> :ok), after: (50 -> exit(:tired)))
end))
for tag <- [:child, :grandchild] do
  receive do: ({^tag, pid} -> Process.sleep(20); IO.inspect({tag, Process.alive?(pid)}))
end

IO.puts("-- trap_exit turns the signal into a message")
IO.inspect(Process.flag(:trap_exit, true), label: "was trapping")
spawn_link(fn -> exit(:broken) end)
IO.inspect(Show.next())
spawn_link(fn -> :ok end)
IO.inspect(Show.next(), label: "even :normal")
spawn_link(fn -> exit(:kill) end)
IO.inspect(Show.next(), label: "exit(:kill) of its own is a reason like any other")

IO.puts("-- exit/2 sends a signal without ending the sender")
for reason <- [:normal, :kill, :killed, :shutdown, {:any, "term"}] do
  IO.inspect({
    reason,
    Show.ending(fn -> receive(do: (:stop -> :ok), after: (0 -> Process.exit(self(), reason); Show.wait())) end)
  }, label: "to itself")
end

for trap <- [false, true], reason <- [:normal, :kill, :other] do
  {pid, reference} = spawn_monitor(fn ->
    Process.flag(:trap_exit, trap)
    send(parent, :ready)
    receive(do: ({:EXIT, ^parent, reason} -> exit({:trapped, reason})))
  end)
  receive do: (:ready -> :ok)
  Process.exit(pid, reason)
  result = receive(do: ({:DOWN, ^reference, _, _, reason} -> reason), after: (50 -> :still_alive))
  IO.inspect({[trap: trap, reason: reason], result})
end

IO.puts("-- :kill ends the process with :killed, and that is what its links see")
victim = spawn_link(&Show.wait/0)
Process.exit(victim, :kill)
IO.inspect(Show.next())

IO.puts("-- link and unlink")
pid = spawn(&Show.wait/0)
IO.inspect(Process.link(pid))
IO.inspect(Process.info(pid, :links) == {:links, [self()]}, label: "linked")
IO.inspect(Process.link(pid), label: "again")
IO.inspect(Process.unlink(pid))
IO.inspect(Process.info(pid, :links))
Process.exit(pid, :unseen)
IO.inspect(Show.next())
IO.inspect(Process.link(pid), label: "to the dead while trapping")
IO.inspect(Show.next())
IO.inspect(Process.link(self()), label: "to itself")
Process.flag(:trap_exit, false)
IO.puts("without trapping, linking to the dead is an error of the caller:")
try do
  Process.link(pid)
rescue
  error -> IO.inspect(error)
end

IO.puts("-- an exit signal only takes effect through a link that is still there")
IO.inspect(Show.ending(fn ->
  pid = spawn_link(&Show.wait/0)
  Process.unlink(pid)
  Process.exit(pid, :gone)
  receive(do: (:stop -> :ok), after: (20 -> exit(:survived)))
end))
