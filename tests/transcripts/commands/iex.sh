# The lessons on processes, typed into the shell. The first line names the machine, and is left out. The pause before
# the end leaves no doubt that the last prompt is out by then.
{ cat <<'TYPED'
spawn(fn -> 1 + 2 end)
self()
Process.alive?(self())
send(self(), {:hello, "world"})
receive do
  {:hello, msg} -> msg
  {:world, _msg} -> "won't match"
end
receive do
  {:hello, msg} -> msg
after
  10 -> "nothing after 10 ms"
end
parent = self()
spawn(fn -> send(parent, {:hello, self()}) end)
receive do: ({:hello, pid} -> "Got hello from #{inspect(pid)}")
send(self(), :hello)
flush()
1 / 0
"text" <> 1
{:ok, pid} = Agent.start_link(fn -> %{} end)
Agent.update(pid, fn map -> Map.put(map, :hello, :world) end)
Agent.get(pid, fn map -> Map.get(map, :hello) end)
{:module, name, _, _} = defmodule Procs do
  def greeter(name), do: IO.puts("Hello #{name}")
end; name
Procs.greeter("world")
v(2) == self()
TYPED
sleep "${TRANSCRIPT_PAUSE:-3}"; } | iex 2>&1 | sed 1d
