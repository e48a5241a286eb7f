# Errors, exits and throws: catching them, and where they came from.

defmodule Faults do
  defexception [:code, message: "a fault"]

  @impl true
  def exception(code) when is_integer(code), do: %__MODULE__{code: code, message: "fault number #{code}"}
  def exception(options), do: struct(__MODULE__, options)
end

defmodule Deep do
  def run(0), do: raise(Faults, 7)
  def run(n), do: 1 + run(n - 1)

  def tail(0), do: :erlang.error(:at_the_end)
  def tail(n), do: tail(n - 1)

  def clause(:only_this), do: :ok

  def guarded(x) when is_integer(x) and x > 0, do: x

  def cleanup(how) do
    try do
      how.()
    else
      :special -> :else_branch
      other -> {:returned, other}
    rescue
      error in [ArithmeticError, ArgumentError] -> {:rescued, error.__struct__}
      error in Faults -> {:fault, error.code}
    catch
      :throw, value -> {:thrown, value}
      :exit, reason -> {:exited, reason}
      :error, reason when is_atom(reason) -> {:erlang_error, reason}
    after
      IO.write("after; ")
    end
  end
end

IO.puts("-- every way out of try")
for how <- [fn -> :special end, fn -> 5 end, fn -> div(1, String.to_integer("0")) end, fn -> raise Faults, 3 end, fn -> throw(:ball) end, fn -> exit(:enough) end, fn -> :erlang.error(:custom) end, fn -> raise ArgumentError end, fn -> hd(apply(fn -> [] end, [])) end] do
  IO.inspect(Deep.cleanup(how))
end

IO.puts("-- stack traces")
trace = fn function ->
  try do
    function.()
  catch
    kind, reason -> IO.puts(Exception.format(kind, reason, __STACKTRACE__))
  end
end

trace.(fn -> Deep.run(2) end)
trace.(fn -> Deep.tail(1000) end)
trace.(fn -> Deep.clause(:other) end)
trace.(fn -> Deep.guarded(-1) end)
trace.(fn -> apply(Deep, :no_such_function, [1, 2]) end)
trace.(fn -> apply(:no_such_module, :f, []) end)
trace.(fn -> apply(fn a, b -> a + b end, [1]) end)
trace.(fn -> apply(apply(fn -> :not_a_function end, []), []) end)
trace.(fn -> Enum.map([1, 0], fn x -> div(10, x) end) end)
trace.(fn -> throw({:a, :ball}) end)
trace.(fn -> exit({:shutdown, 3}) end)
trace.(fn -> [1, 2] = Enum.to_list(apply(fn -> 1..3 end, [])) end)
trace.(fn -> if apply(fn -> :not_boolean end, []) and true, do: 1 end)
trace.(fn -> cond do: (apply(fn -> false end, []) -> 1) end)
trace.(fn -> with {:ok, x} <- apply(fn -> :error end, []), do: x, else: (:other -> 1) end)
trace.(fn -> (fn :a -> 1 end).(apply(fn -> :b end, [])) end)
trace.(fn -> apply(fn -> "é" end, []) |> String.to_existing_atom() |> Atom.to_charlist() |> List.first() |> Kernel.+(:x) end)
trace.(fn -> struct!(Faults, nope: 1) end)
trace.(fn -> Keyword.fetch!([a: 1], :b) end)
trace.(fn -> :lists.nth(5, [1, 2]) end)
trace.(fn -> :erlang.list_to_integer(~c"abc") end)
trace.(fn -> :maps.map(:not_a_fun, %{}) end)
trace.(fn -> Date.new!(2024, 2, 30) end)

IO.puts("-- raising again")
try do
  try do
    Deep.run(0)
  rescue
    error -> reraise(%{error | message: "seen, and passed on"}, __STACKTRACE__)
  end
rescue
  error -> IO.inspect({Exception.message(error), hd(__STACKTRACE__) |> elem(1)})
end

try do
  :erlang.raise(:error, :made_up, [{Nowhere, :made_up, 3, [file: ~c"nowhere.ex", line: 99]}])
catch
  kind, reason -> IO.inspect({kind, reason, __STACKTRACE__})
end

IO.puts("-- normalising")
for reason <- [:badarg, :badarith, {:badmatch, 1}, {:case_clause, 2}, :undef, :system_limit, {:badkey, :k}, {:badmap, 1}, {:badfun, 2}, {:badarity, {&is_atom/1, [1, 2]}}, {:unknown, 1}] do
  IO.puts(Exception.format_banner(:error, reason, []))
end

IO.puts(Exception.format_exit({:noproc, {GenServer, :call, [:name, :request, 5000]}}))
IO.puts(Exception.format_exit({{%RuntimeError{message: "x"}, []}, {Mod, :fun, 2}}))
IO.inspect(catch_it = try(do: throw(1), catch: (x -> x + 1)))
IO.inspect(is_integer(catch_it))

IO.puts("-- at last, an error that nobody catches: the script ends with status 1")
Deep.run(1)
