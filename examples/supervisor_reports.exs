# What the log says when a supervised process ends. With `elixir --logger-sasl-reports true` it says more.

settle = fn ->
  Process.sleep(100)
  Enum.each([:logger_proxy, :logger_std_h_default], &:sys.get_state/1)
end

defmodule Worker do
  use GenServer
  def start_link(name), do: GenServer.start_link(__MODULE__, name, name: name)
  @impl true
  def init(name), do: {:ok, name}
  @impl true
  def handle_cast(:crash, name), do: raise("#{name} is broken")
end

defmodule FailsToStart do
  def start_link, do: {:error, :not_today}
end

Process.flag(:trap_exit, true)

IO.puts("-- a crash, and a new start")
{:ok, supervisor} = Supervisor.start_link([{Worker, :first}], strategy: :one_for_one, max_restarts: 1)
settle.()
GenServer.cast(:first, :crash)
settle.()
IO.inspect(Process.alive?(Process.whereis(:first)), label: "started again")

IO.puts("-- a second crash is one too many")
GenServer.cast(:first, :crash)
reason = receive do: ({:EXIT, ^supervisor, reason} -> reason)
settle.()
IO.inspect(reason)

IO.puts("-- a child that does not start")
failing = %{id: :failing, start: {FailsToStart, :start_link, []}}
result = Supervisor.start_link([failing], strategy: :one_for_one)
settle.()
IO.inspect(result)
