# A running process takes on a new version of its module without losing its state.

# The order of a map's keys is no promise: print them sorted.
Inspect.Opts.default_inspect_fun(&Inspect.inspect(&1, %{&2 | custom_options: [sort_maps: true]}))

Code.compiler_options(ignore_module_conflict: true)

version = fn number ->
  Code.compile_string("""
  defmodule Ticker do
    def start, do: spawn(__MODULE__, :loop, [0])

    # A call with the module's name goes to the newest version; a local call stays in its own.
    def loop(state) do
      receive do
        {:tick, from} ->
          send(from, {:state, #{number}, state + #{number}})
          __MODULE__.loop(state + #{number})

        {:tick_locally, from} ->
          send(from, {:state, #{number}, state + #{number}})
          loop(state + #{number})
      end
    end

    def version, do: #{number}
    def fun, do: fn -> #{number} end
  end
  """)
end

defmodule Ask do
  def tick(pid, how \\ :tick) do
    send(pid, {how, self()})
    receive(do: ({:state, version, state} -> {version, state}), after: (500 -> :no_answer))
  end
end

version.(1)
pid = apply(Ticker, :start, [])
IO.inspect([Ask.tick(pid), Ask.tick(pid)], label: "version 1")

version.(100)
IO.inspect(apply(Ticker, :version, []))
IO.inspect(Ask.tick(pid), label: "the receive was entered by version 1")
IO.inspect(Ask.tick(pid), label: "now version 100, the same process and state")
IO.inspect(:erlang.check_process_code(pid, Ticker), label: "runs old code")
IO.inspect(:code.soft_purge(Ticker))

IO.puts("-- local calls stay in the old version")
IO.inspect(Ask.tick(pid, :tick_locally))
version.(1000)
IO.inspect([Ask.tick(pid, :tick_locally), Ask.tick(pid, :tick_locally)])
IO.inspect(:erlang.check_process_code(pid, Ticker), label: "runs old code")
IO.inspect(:erlang.check_old_code(Ticker), label: "there is old code")
IO.inspect(:code.soft_purge(Ticker), label: "refuses to kill")

IO.puts("-- purging ends those who run old code")
reference = Process.monitor(pid)
IO.inspect(:code.purge(Ticker))
receive do: ({:DOWN, ^reference, _, _, reason} -> IO.inspect(reason))
IO.inspect(:erlang.check_old_code(Ticker))

IO.puts("-- a function value belongs to the version that made it")
old = apply(Ticker, :fun, [])
external = Function.capture(Ticker, :version, 0)
version.(2)
IO.inspect({old.(), external.(), apply(Ticker, :fun, []).()})

IO.puts("-- deleting a module")
:code.purge(Ticker)
version.(3)
:code.purge(Ticker)
IO.inspect({:code.delete(Ticker), :code.is_loaded(Ticker)})

try do
  apply(Ticker, :version, [])
rescue
  error -> IO.inspect(error.__struct__)
end

IO.inspect({:code.soft_purge(Ticker), :erlang.check_old_code(Ticker)})

IO.puts("-- a server told to change its state's shape")
defmodule Server do
  use GenServer
  @impl true
  def init(state), do: {:ok, state}
  @impl true
  def handle_call(:state, _from, state), do: {:reply, state, state}
  @impl true
  def code_change(old_version, state, extra), do: {:ok, %{old: old_version, was: state, extra: extra}}
end

{:ok, server} = GenServer.start_link(Server, [:list])
:ok = :sys.suspend(server)
IO.inspect(:sys.change_code(server, Server, "1.0", :why))
:ok = :sys.resume(server)
IO.inspect(GenServer.call(server, :state))
