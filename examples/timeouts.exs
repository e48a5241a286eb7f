# Waiting for a while, and timers.

# Nothing comes: the `after` branch answers.
answer =
  receive do
    {:hello, message} -> message
  after
    50 -> "nothing after 50 ms"
  end

IO.inspect(answer)

# Zero looks into the mailbox without waiting.
send(self(), :there)
look = fn -> receive(do: (message -> message), after: (0 -> :empty)) end
IO.inspect({look.(), look.()})

# Waiting time has passed, and not much more.
started = System.monotonic_time(:millisecond)
receive(do: (:never -> :ok), after: (100 -> :ok))
elapsed = System.monotonic_time(:millisecond) - started
IO.inspect(elapsed >= 100 and elapsed < 2000, label: "waited about 100 ms")

# Messages that do not match do not restart the clock.
parent = self()
spawn(fn -> for _ <- 1..5, do: (send(parent, :noise); Process.sleep(20)) end)
started = System.monotonic_time(:millisecond)
receive(do: (:never -> :ok), after: (150 -> IO.puts("timed out among noise")))
for _ <- 1..5, do: receive(do: (:noise -> :ok))
IO.inspect(System.monotonic_time(:millisecond) - started < 2000, label: "in time")

# The time may be computed; :infinity waits forever.
spawn(fn -> send(parent, :at_last) end)
receive(do: (:at_last -> IO.puts("at last")), after: (:infinity -> :never))

for time <- [-1, :soon, 1.5] do
  try do
    receive(do: (:never -> :ok), after: (time -> :ok))
  rescue
    error -> IO.inspect({time, error})
  end
end

# Timers send a message later; they can be read and cancelled.
timer = Process.send_after(self(), :ring, 10)
receive do: (:ring -> IO.puts("ring"))
IO.inspect(Process.read_timer(timer), label: "left on a timer that has fired")
IO.inspect(Process.cancel_timer(timer), label: "cancelling it")

timer = Process.send_after(self(), :never, 60_000)
left = Process.read_timer(timer)
IO.inspect(left > 50_000 and left <= 60_000, label: "time left")
IO.inspect(is_integer(Process.cancel_timer(timer)), label: "cancelled")
IO.inspect(Process.cancel_timer(timer), label: "cancelled again")

# start_timer puts the timer's reference into its message.
timer = :erlang.start_timer(5, self(), :payload)
receive do: ({:timeout, ^timer, payload} -> IO.inspect(payload))

# Cancelling without waiting: the answer arrives as a message.
timer = :erlang.start_timer(60_000, self(), :payload)
IO.inspect(:erlang.cancel_timer(timer, async: true, info: true))
receive do: ({:cancel_timer, ^timer, left} -> IO.inspect(left > 0, label: "answered later"))

# Several timers fire in the order of their times, whatever the order of starting them.
for time <- [60, 20, 40], do: Process.send_after(self(), {:fired, time}, time)
IO.inspect(for(_ <- 1..3, do: receive(do: ({:fired, time} -> time))))

# A timer for a registered name; and one for a process that is gone by then.
Process.register(self(), :clock)
Process.send_after(:clock, :by_name, 5)
receive do: (message -> IO.inspect(message))
Process.send_after(spawn(fn -> :ok end), :nobody, 1)

# :timer is a process of its own for intervals.
{:ok, interval} = :timer.send_interval(5, :tick)
for number <- 1..3, do: receive(do: (:tick -> IO.puts("tick #{number}")))
IO.inspect(:timer.cancel(interval))
{microseconds, result} = :timer.tc(fn -> Enum.sum(1..1000) end)
IO.inspect({is_integer(microseconds), result})
