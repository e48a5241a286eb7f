# A crash stays where it happens: it is logged, and everybody else goes on.

# The report of a crash reaches the logger a moment after the monitor's message,
# and passes through two of the logger's processes; this waits until both have done their work.
settle = fn ->
  Process.sleep(100)
  Enum.each([:logger_proxy, :logger_std_h_default], &:sys.get_state/1)
end

crash = fn function ->
  {_, reference} = spawn_monitor(function)
  receive do: ({:DOWN, ^reference, _, _, reason} -> reason)
end

defmodule Faulty do
  def divide(a, b), do: div(a, b)
  def only_one(1), do: :one
  def nested(list), do: Enum.map(list, fn x -> only_one(x) end)
  def no_match(x), do: {:ok, _} = x

  def choose(x) do
    case x do
      1 -> :one
    end
  end
end

IO.puts("-- raise")
reason = crash.(fn -> raise "oops" end)
settle.()
{%RuntimeError{message: message}, trace} = reason
IO.inspect({message, is_list(trace)}, label: "what the monitor saw")

IO.puts("-- errors of the machine and of Elixir")
crash.(fn -> Faulty.divide(1, String.to_integer("0")) end)
settle.()
crash.(fn -> Faulty.nested([1, 2]) end)
settle.()
crash.(fn -> Faulty.no_match({:error, :enoent}) end)
settle.()
crash.(fn -> Faulty.choose(:two) end)
settle.()
crash.(fn -> apply(Faulty, :missing, [1]) end)
settle.()
crash.(fn -> apply(NoSuchModule, :run, []) end)
settle.()
crash.(fn -> :erlang.binary_to_atom(String.duplicate("x", 300)) end)
settle.()
crash.(fn -> Map.fetch!(%{a: 1}, :b) end)
settle.()

IO.puts("-- throw and exit")
crash.(fn -> throw(:ball) end)
settle.()
IO.inspect(crash.(fn -> exit(:my_reason) end), label: "an exit is not an error; nothing is logged")
settle.()
crash.(fn -> :erlang.error(:some_erlang_reason) end)
settle.()
crash.(fn -> :erlang.error({:tuple, [1, 2]}, [:a]) end)
settle.()

IO.puts("-- spawned by module, function and arguments")
{_, reference} = spawn_monitor(Faulty, :divide, [1, 0])
receive do: ({:DOWN, ^reference, _, _, {reason, _}} -> IO.inspect(reason))
settle.()

IO.puts("-- others are not touched")
survivor = spawn(fn -> receive do: ({:ask, from} -> send(from, :alive_and_well)) end)
for _ <- 1..3, do: crash.(fn -> exit(:kill) end)
send(survivor, {:ask, self()})
receive do: (answer -> IO.inspect(answer))

IO.puts("-- a linked crash takes the other one along, and says so once")
crash.(fn ->
  spawn_link(fn -> raise ArgumentError, "from below" end)
  receive do: (:never -> :ok)
end)
settle.()

IO.puts("-- and still here: #{Process.alive?(self())}")
