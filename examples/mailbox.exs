# Messages wait in the mailbox until they are received, in the order of their arrival.

IO.inspect(send(self(), {:hello, "world"}), label: "send answers with the message")

text =
  receive do
    {:hello, text} -> text
    {:world, _text} -> "won't match"
  end

IO.inspect(text)

# The process goes on after sending; the messages are read later.
send(self(), {:ok, "Mensagem de sucesso"})
IO.puts("Meu processo está destravado")

receive do
  {:ok, conteudo} -> IO.puts(conteudo)
end

# Order is kept between two processes.
parent = self()
spawn(fn -> for number <- 1..5, do: send(parent, {:number, number}) end)
IO.inspect(for(_ <- 1..5, do: receive(do: ({:number, number} -> number))), label: "in order")

# Parent and child exchange their pids.
child = spawn(fn -> receive do: ({:ping, from} -> send(from, {:pong, self()})) end)
send(child, {:ping, self()})

receive do
  {:pong, ^child} -> IO.puts("Got pong from #{inspect(child)}")
end

spawn(fn -> send(parent, {:hello, self()}) end)
receive do: ({:hello, pid} -> IO.puts("Got hello from #{inspect(pid)}, not me: #{pid != self()}"))

# A process waits in `receive` for as long as it takes; afterwards it is gone.
waiting = spawn(fn -> receive do: (text -> IO.puts(text)) end)
IO.inspect(Process.alive?(waiting), label: "alive while waiting")
reference = Process.monitor(waiting)
send(waiting, "Texto para exibir no processo filho")
receive do: ({:DOWN, ^reference, _, _, reason} -> IO.inspect(reason, label: "afterwards"))
IO.inspect(Process.alive?(waiting), label: "alive")

# What the mailbox holds can be looked at from outside.
box = spawn(fn -> receive do: (:stop -> :ok) end)
for message <- [:one, {:two, 2}, "three"], do: send(box, message)
IO.inspect(Process.info(box, :message_queue_len))
IO.inspect(Process.info(box, :messages))
send(box, :stop)

# Messages are copied: the receiver's data is equal, never shared state.
map = Map.new(1..40, &{&1, Integer.to_string(&1)})
pid = spawn(fn -> receive do: ({from, map} -> send(from, Map.put(map, 1, :changed))) end)
send(pid, {self(), map})
receive do: (changed -> IO.inspect({map[1], changed[1], map_size(changed)}, label: "original and changed copy"))

# flush, as in the shell: take everything that is there.
defmodule Mailbox do
  def flush do
    receive do
      message ->
        IO.inspect(message)
        flush()
    after
      0 -> :ok
    end
  end
end

for message <- [:hello, 1.5, %{a: [1, 2]}, "text"], do: send(self(), message)
IO.inspect(Mailbox.flush())
