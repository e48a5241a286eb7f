# What the log says when a GenServer goes down.

settle = fn ->
  Process.sleep(100)
  Enum.each([:logger_proxy, :logger_std_h_default], &:sys.get_state/1)
end

defmodule Fragile do
  use GenServer

  @impl true
  def init(state), do: {:ok, state}

  @impl true
  def handle_call(:divide, _from, state), do: {:reply, 1 / state.zero, state}
  def handle_call({:exit, reason}, _from, _state), do: exit(reason)
  def handle_call(:bad_return, _from, _state), do: :what

  @impl true
  def handle_cast(:crash, state), do: raise("cast crashed with #{inspect(state)}")
end

down = fn function ->
  {:ok, pid} = GenServer.start(Fragile, %{zero: 0})
  reference = Process.monitor(pid)

  exits =
    try do
      function.(pid)
      false
    catch
      :exit, {_reason, {module, function, _arguments}} -> {module, function}
    end

  receive do: ({:DOWN, ^reference, _, _, _} -> settle.())
  if exits, do: IO.inspect(exits, label: "caller exits")
end

IO.puts("-- an error in a call")
down.(&GenServer.call(&1, :divide))
IO.puts("-- an error in a cast")
down.(&GenServer.cast(&1, :crash))
IO.puts("-- a wrong answer")
down.(&GenServer.call(&1, :bad_return))
IO.puts("-- an exit")
down.(&GenServer.call(&1, {:exit, :on_purpose}))
IO.puts("-- shutdown is no failure")
down.(&GenServer.call(&1, {:exit, {:shutdown, :on_purpose}}))
IO.puts("-- no clause")
down.(&GenServer.cast(&1, :unknown))
IO.puts("-- an unexpected message is only logged")
{:ok, pid} = GenServer.start(Fragile, %{}, name: :fragile)
send(pid, :surprise)
:sys.get_state(pid)
settle.()
IO.inspect(Process.alive?(pid))
