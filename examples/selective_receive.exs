# `receive` takes the first message that matches, and leaves the others where they are.

for message <- [:c, :b, :a, {:number, 3}, {:number, 12}, {:number, "7"}, :d], do: send(self(), message)

receive do: (:a -> IO.puts("a came third, and was taken first"))

# Guards take part in the choice.
receive do
  {:number, number} when is_integer(number) and number > 10 -> IO.inspect(number, label: "over ten")
end

receive do
  {:number, text} when is_binary(text) -> IO.inspect(text, label: "a text")
end

# Clauses are tried in order for each message; an error in a guard is a plain "no".
receive do
  message when hd(message) == 1 -> IO.inspect(message, label: "never")
  message when is_atom(message) -> IO.inspect(message, label: "first atom left")
end

IO.inspect(Process.info(self(), :messages), label: "left")

# A pinned variable compares instead of binding.
wanted = :d
receive do: (^wanted -> IO.puts("found #{wanted}"))

# Answers find their question by a unique reference, however full the mailbox is.
defmodule Server do
  def start, do: spawn(&loop/0)

  defp loop do
    receive do
      {:square, from, reference, number} ->
        send(from, {reference, number * number})
        loop()
    end
  end

  def square(server, number) do
    reference = make_ref()
    send(server, {:square, self(), reference, number})
    receive do: ({^reference, answer} -> answer)
  end
end

for number <- 1..10_000, do: send(self(), {:unrelated, number})
server = Server.start()
IO.inspect(Enum.map(1..10, &Server.square(server, &1)), label: "squares")
IO.inspect(Enum.sum(for number <- 1..1000, do: Server.square(server, number)), label: "sum of a thousand")

# The ten thousand are still there, in order.
IO.inspect(Process.info(self(), :message_queue_len))
first = for _ <- 1..3, do: receive(do: ({:unrelated, number} -> number))
IO.inspect(first)

# Priority by nesting: urgent messages first, then anything.
defmodule Priority do
  def next do
    receive do
      {:urgent, what} -> {:urgent, what}
    after
      0 -> receive do: (other -> other)
    end
  end
end

send(self(), {:urgent, "fire"})
IO.inspect(Priority.next())
IO.inspect(Priority.next())
