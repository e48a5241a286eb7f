# GenServer: the process behind most Elixir programs.

defmodule Stack do
  use GenServer

  # Client
  def start_link(items, options \\ []), do: GenServer.start_link(__MODULE__, items, options)
  def push(server, item), do: GenServer.cast(server, {:push, item})
  def pop(server), do: GenServer.call(server, :pop)

  # Server
  @impl true
  def init({:stop, reason}), do: {:stop, reason}
  def init(:ignore), do: :ignore
  def init({:continue, items}), do: {:ok, items, {:continue, :reverse}}
  def init({:timeout, items}), do: {:ok, items, 20}

  def init(items) do
    Process.flag(:trap_exit, true)
    {:ok, items}
  end

  @impl true
  def handle_continue(:reverse, items), do: {:noreply, Enum.reverse(items)}

  @impl true
  def handle_call(:pop, _from, [item | rest]), do: {:reply, item, rest}
  def handle_call(:pop, _from, []), do: {:reply, nil, []}
  def handle_call(:all, _from, items), do: {:reply, items, items}
  def handle_call({:stop, reason}, _from, items), do: {:stop, reason, :stopping, items}
  def handle_call(:silent, _from, items), do: {:noreply, items}

  def handle_call(:later, from, items) do
    Process.send_after(self(), {:answer, from}, 10)
    {:noreply, items}
  end

  def handle_call(:sleepy, _from, items), do: {:reply, :ok, items, :hibernate}

  @impl true
  def handle_cast({:push, item}, items), do: {:noreply, [item | items]}
  def handle_cast(:stop, items), do: {:stop, :normal, items}

  @impl true
  def handle_info({:answer, from}, items) do
    GenServer.reply(from, :answered_later)
    {:noreply, items}
  end

  def handle_info(:timeout, items) do
    IO.puts("timeout in the server")
    {:noreply, items}
  end

  def handle_info(message, items) do
    IO.inspect(message, label: "info")
    {:noreply, items}
  end

  @impl true
  def terminate(reason, items) do
    IO.inspect({reason, items}, label: "terminate")
  end
end

IO.puts("-- calls, casts, infos")
{:ok, stack} = Stack.start_link([1, 2])
IO.inspect(Stack.push(stack, 3))
IO.inspect([Stack.pop(stack), Stack.pop(stack), Stack.pop(stack), Stack.pop(stack)])
send(stack, :a_message)
IO.inspect(GenServer.call(stack, :all))
IO.inspect(GenServer.call(stack, :later))
IO.inspect(GenServer.call(stack, :sleepy))
IO.inspect(GenServer.call(stack, :all), label: "awake again")
IO.inspect(:sys.get_state(stack))
IO.inspect(:sys.replace_state(stack, fn _ -> [:replaced] end))
:sys.suspend(stack)
GenServer.cast(stack, {:push, :while_suspended})
:sys.resume(stack)
IO.inspect(GenServer.call(stack, :all))
IO.inspect(GenServer.stop(stack))

IO.puts("-- starting")
Process.flag(:trap_exit, true)
IO.inspect(Stack.start_link({:stop, :no_way}))
IO.inspect(Stack.start_link(:ignore))
IO.inspect(receive(do: (message -> message), after: (20 -> "no exit signals: they were taken out")))
{:ok, stack} = Stack.start_link({:continue, [1, 2, 3]})
IO.inspect(GenServer.call(stack, :all))
{:ok, _} = Stack.start_link({:timeout, []}, name: :sleeper)
Process.sleep(50)

IO.puts("-- names")
{:ok, _} = GenServer.start_link(Stack, [:local], name: Stack)
IO.inspect(Stack.pop(Stack))
{:ok, _} = GenServer.start_link(Stack, [:global], name: {:global, :stack})
IO.inspect(Stack.pop({:global, :stack}))
GenServer.stop({:global, :stack})
IO.inspect(GenServer.whereis({:global, :nobody}))
{:error, {:already_started, _}} = GenServer.start_link(Stack, [], name: Stack)
IO.inspect(GenServer.cast(:nobody, :lost))

IO.puts("-- how calls fail")
attempt = fn server, message ->
  try do
    GenServer.call(server, message, 30)
  catch
    :exit, {reason, {GenServer, :call, _}} -> IO.inspect(reason, label: "exit")
  end
end

attempt.(:nobody, :pop)
attempt.(Stack, :silent)
IO.inspect(attempt.(Stack, {:stop, :normal}))
attempt.(spawn(fn -> receive do: (_ -> exit(:died_meanwhile)) end), :pop)

try do
  GenServer.call(self(), :pop)
catch
  :exit, {reason, _} -> IO.inspect(reason)
end

IO.puts("-- ending")
{:ok, stack} = Stack.start_link([:x])
IO.inspect(GenServer.stop(stack, :shutdown))
receive do: ({:EXIT, ^stack, reason} -> IO.inspect(reason))
{:ok, stack} = Stack.start_link([:y])
GenServer.cast(stack, :stop)
receive do: ({:EXIT, ^stack, reason} -> IO.inspect(reason))
