# Monitors watch in one direction and never harm the watcher.

defmodule Show do
  def down do
    receive do
      {:DOWN, reference, :process, object, reason} when is_reference(reference) ->
        {:DOWN, if(is_pid(object), do: :pid, else: object), reason}
      other -> other
    after
      100 -> :nothing
    end
  end

  def wait, do: receive(do: (:stop -> :ok))
end

IO.puts("-- reasons, as the monitor sees them")
functions = [
  returns: fn -> :anything end,
  normal: fn -> exit(:normal) end,
  shutdown: fn -> exit(:shutdown) end,
  kill: fn -> exit(:kill) end,
  throws: fn -> exit({{:nocatch, :ball}, []}) end,
  big: fn -> exit({:tuple, [1, 2.0, "three"], %{four: 4}}) end
]

for {name, function} <- functions do
  spawn_monitor(function)
  IO.inspect({name, Show.down()})
end

for reason <- [:kill, :killed, :shutdown, :because] do
  {pid, _} = spawn_monitor(&Show.wait/0)
  Process.exit(pid, reason)
  IO.inspect({reason, Show.down()}, label: "sent from outside")
end

IO.puts("-- nobody there")
{pid, _} = spawn_monitor(fn -> :ok end)
Show.down()
Process.monitor(pid)
IO.inspect(Show.down())
Process.monitor(:no_such_name)
IO.inspect(Show.down())

IO.puts("-- by name")
pid = spawn(&Show.wait/0)
Process.register(pid, :worker)
Process.monitor(:worker)
send(:worker, :stop)
IO.inspect(Show.down())

IO.puts("-- each monitor is its own")
pid = spawn(&Show.wait/0)
references = for _ <- 1..3, do: Process.monitor(pid)
IO.inspect(length(Enum.uniq(references)))
IO.inspect(Process.demonitor(hd(references)))
IO.inspect(Process.demonitor(hd(references)), label: "twice")
{:monitors, monitors} = Process.info(self(), :monitors)
IO.inspect(length(monitors))
{:monitored_by, watchers} = Process.info(pid, :monitored_by)
IO.inspect(watchers == [self(), self()])
send(pid, :stop)
IO.inspect([Show.down(), Show.down(), Show.down()])

IO.puts("-- demonitor with flush and info")
{pid, reference} = spawn_monitor(fn -> :ok end)
Process.sleep(20)
IO.inspect(Process.alive?(pid))
IO.inspect(Process.demonitor(reference, [:flush]))
IO.inspect(Show.down())
{_, reference} = spawn_monitor(&Show.wait/0)
IO.inspect(Process.demonitor(reference, [:flush, :info]))
IO.inspect(Process.demonitor(reference, [:info]))

IO.puts("-- a tag of one's own")
pid = spawn(&Show.wait/0)
reference = Process.monitor(pid, tag: {:my, :tag})
Process.exit(pid, :bye)
receive do: ({{:my, :tag}, ^reference, :process, ^pid, reason} -> IO.inspect(reason))

IO.puts("-- aliases: a name for one answer only")
alias_reference = Process.alias([:reply])
server = spawn(fn -> receive do: ({:ask, to} -> for(n <- 1..3, do: send(to, {:answer, n}))) end)
send(server, {:ask, alias_reference})
IO.inspect([Show.down(), Show.down()])
alias_reference = Process.alias()
IO.inspect(Process.unalias(alias_reference))
IO.inspect(Process.unalias(alias_reference))
send(alias_reference, :late)
IO.inspect(Show.down())
{pid, reference} = :erlang.spawn_opt(fn -> receive do: ({:ask, to} -> send(to, :reply)) end, monitor: [alias: :reply_demonitor])
send(pid, {:ask, reference})
IO.inspect(Show.down())
IO.inspect(Show.down())

IO.puts("-- the watcher may end first: nothing happens to the watched")
parent = self()
watched = spawn(&Show.wait/0)
{_, reference} = spawn_monitor(fn -> Process.monitor(watched); send(parent, :set) end)
receive do: (:set -> :ok)
receive do: ({:DOWN, ^reference, _, _, _} -> IO.inspect(Process.alive?(watched)))
IO.inspect(Process.info(watched, :monitored_by))

try do
  Process.demonitor(:not_a_reference)
rescue
  error -> IO.puts(Exception.message(error))
end
