# :gen_statem: a state machine as a process.

# The order of a map's keys is no promise: print them sorted.
Inspect.Opts.default_inspect_fun(&Inspect.inspect(&1, %{&2 | custom_options: [sort_maps: true]}))

defmodule Door do
  @behaviour :gen_statem

  def start_link(code), do: :gen_statem.start_link(__MODULE__, code, [])
  def press(door, digit), do: :gen_statem.cast(door, {:press, digit})
  def state(door), do: :gen_statem.call(door, :state)

  @impl true
  def callback_mode, do: [:state_functions, :state_enter]

  @impl true
  def init(code), do: {:ok, :locked, %{code: code, entered: []}}

  def locked(:enter, old, data) do
    IO.inspect({old, :locked}, label: "enter")
    {:keep_state, %{data | entered: []}}
  end

  def locked(:cast, {:press, digit}, data) do
    entered = Enum.take([digit | data.entered], length(data.code))

    if Enum.reverse(entered) == data.code do
      {:next_state, :open, data}
    else
      {:keep_state, %{data | entered: entered}, [{:state_timeout, 30, :forget}]}
    end
  end

  def locked(:state_timeout, :forget, data) do
    IO.puts("forgotten: #{inspect(Enum.reverse(data.entered))}")
    {:keep_state, %{data | entered: []}}
  end

  def locked({:call, from}, :walk_through, _data), do: {:keep_state_and_data, [:postpone | log(from)]}
  def locked({:call, from}, :state, _data), do: {:keep_state_and_data, [{:reply, from, :locked}]}

  def open(:enter, old, _data) do
    IO.inspect({old, :open}, label: "enter")
    {:keep_state_and_data, [{:state_timeout, 50, :close}]}
  end

  def open(:state_timeout, :close, data), do: {:next_state, :locked, data}
  def open({:call, from}, :walk_through, _data), do: {:keep_state_and_data, [{:reply, from, :welcome}]}
  def open({:call, from}, :state, _data), do: {:keep_state_and_data, [{:reply, from, :open}]}
  def open(:cast, {:press, _}, _data), do: :keep_state_and_data

  defp log(_from), do: []

  @impl true
  def terminate(reason, state, _data), do: IO.inspect({reason, state}, label: "terminate")
end

{:ok, door} = Door.start_link([1, 2, 3])
IO.inspect(Door.state(door))
Door.press(door, 1)
Door.press(door, 2)
Process.sleep(80)

# A request that comes too early is postponed until the state changes.
walker = Task.async(fn -> :gen_statem.call(door, :walk_through) end)
Process.sleep(10)
for digit <- [1, 2, 3], do: Door.press(door, digit)
IO.inspect(Task.await(walker))
IO.inspect(Door.state(door))
Process.sleep(120)
IO.inspect(Door.state(door))
IO.inspect(:sys.get_state(door))
:gen_statem.stop(door)

# One callback for all states; internal events and named timeouts.
defmodule Countdown do
  @behaviour :gen_statem
  @impl true
  def callback_mode, do: :handle_event_function
  @impl true
  def init({parent, number}), do: {:ok, number, parent, [{:next_event, :internal, :tick}]}

  @impl true
  def handle_event(_type, :tick, 0, parent) do
    send(parent, :lift_off)
    {:stop, :normal}
  end

  def handle_event(_type, :tick, number, parent) do
    send(parent, {:count, number})
    {:next_state, number - 1, parent, [{{:timeout, :clock}, 5, :tick}]}
  end
end

Process.flag(:trap_exit, true)
{:ok, countdown} = :gen_statem.start_link(Countdown, {self(), 3}, [])
for _ <- 1..5, do: receive(do: ({:EXIT, ^countdown, reason} -> IO.inspect(reason); message -> IO.inspect(message)))
