# Processes are cheap: a hundred thousand of them at once.
count = 100_000
parent = self()

# They end on their own...
processes = Enum.map(0..count, fn _ -> spawn(fn -> 2 + 2 end) end)
IO.inspect(length(processes), label: "started")
IO.inspect(Enum.all?(processes, &is_pid/1), label: "all are pids")
IO.inspect(processes |> Enum.uniq() |> length(), label: "all are different")
IO.inspect(hd(processes) == List.last(processes), label: "first and last are the same")

# ... or stay, each with its own state, until they are asked to stop.
defmodule Counter do
  def loop(parent, state) do
    receive do
      {:add, number} -> loop(parent, state + number)
      :report -> send(parent, {:state, state})
    end
  end
end

counters = for number <- 1..count, do: spawn(Counter, :loop, [parent, number])
IO.inspect(Enum.all?(counters, &Process.alive?/1), label: "alive at the same time")

Enum.each(counters, &send(&1, {:add, 1}))
Enum.each(counters, &send(&1, :report))

sum =
  Enum.reduce(1..count, 0, fn _, sum ->
    receive do: ({:state, state} -> sum + state)
  end)

IO.inspect(sum, label: "sum of their states")

# A ring: each passes the token on to the next.
last =
  Enum.reduce(1..count, parent, fn _, next ->
    spawn(fn -> receive do: (token -> send(next, token + 1)) end)
  end)

send(last, 0)
receive do: (token -> IO.inspect(token, label: "the token has been through"))
