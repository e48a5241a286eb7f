# What a process keeps for itself: dictionary, flags, group leader, memory.

# The order of a map's keys is no promise: print them sorted.
Inspect.Opts.default_inspect_fun(&Inspect.inspect(&1, %{&2 | custom_options: [sort_maps: true]}))

IO.puts("-- the dictionary")
IO.inspect(Process.put(:a, 1))
IO.inspect(Process.put(:a, 2))
IO.inspect({Process.get(:a), Process.get(:b), Process.get(:b, :default)})
IO.inspect(Process.put({:any, ["term"]}, %{x: 1.5}))
IO.inspect(Process.get({:any, ["term"]}))
IO.inspect(:erlang.get_keys(2))
IO.inspect(Process.get_keys() |> Enum.filter(&(&1 in [:a, {:any, ["term"]}])) |> Enum.sort())
IO.inspect(Process.delete(:a))
IO.inspect(Process.delete(:a))
for n <- 1..1000, do: Process.put({:n, n}, n)
IO.inspect(Enum.sum(for n <- 1..1000, do: Process.get({:n, n})))
for n <- 1..1000, do: Process.delete({:n, n})
IO.inspect(Process.get({:n, 500}))
IO.inspect(Task.async(fn -> Process.get({:any, ["term"]}) end) |> Task.await(), label: "in another process")
IO.inspect(spawn_monitor(fn -> exit(:erlang.erase()) end) |> then(fn {_, r} -> receive(do: ({:DOWN, ^r, _, _, all} -> all)) end))

IO.puts("-- flags")
for {flag, value} <- [trap_exit: true, priority: :high, min_heap_size: 1000, min_bin_vheap_size: 50_000, message_queue_data: :off_heap, fullsweep_after: 10, save_calls: 5, sensitive: true] do
  before = Process.flag(flag, value)
  IO.inspect({flag, before, Process.flag(flag, before) >= value})
end

IO.inspect(:erlang.process_flag(:max_heap_size, %{size: 0, kill: true, error_logger: false}))

for {flag, value} <- [trap_exit: :maybe, priority: :highest, no_such: 1] do
  try do
    Process.flag(flag, value)
  rescue
    error -> IO.puts(Exception.message(error))
  end
end

IO.puts("-- too much memory")
{_, reference} = spawn_monitor(fn ->
  Process.flag(:max_heap_size, %{size: 10_000, kill: true, error_logger: false})
  Enum.to_list(1..1_000_000) |> length()
end)
receive do: ({:DOWN, ^reference, _, _, reason} -> IO.inspect(reason))

IO.puts("-- priorities: all of them get their turn")
parent = self()
for priority <- [:low, :normal, :high, :max] do
  Process.spawn(fn -> send(parent, {priority, Enum.sum(1..100_000)}) end, priority: priority)
end
IO.inspect(Enum.sort(for _ <- 1..4, do: receive(do: (message -> message))))

IO.puts("-- an endless loop does not keep others from working")
defmodule Endless, do: (def loop, do: loop())
loops = for _ <- 1..4, do: spawn(Endless, :loop, [])
IO.inspect(1..10 |> Task.async_stream(&(&1 * &1)) |> Enum.map(&elem(&1, 1)))
for loop <- loops, do: Process.exit(loop, :kill)

IO.puts("-- the group leader: where output goes")
{:ok, device} = StringIO.open("line one\nline two\n")
{pid, reference} = Process.spawn(fn ->
  Process.group_leader(self(), device)
  IO.puts("not on the screen")
  IO.write("read: " <> IO.gets("prompt> "))
  spawn(fn -> IO.puts("inherited by children") end)
  Process.sleep(20)
end, [:monitor])
receive do: ({:DOWN, ^reference, _, ^pid, _} -> IO.inspect(StringIO.contents(device)))

IO.puts("-- memory is given back")
{_, reference} = spawn_monitor(fn -> exit(byte_size(:erlang.term_to_binary(Enum.to_list(1..200_000)))) end)
receive do: ({:DOWN, ^reference, _, _, size} -> IO.inspect(size))
IO.inspect(:erlang.garbage_collect())
IO.inspect(:erlang.memory() |> Keyword.keys())
