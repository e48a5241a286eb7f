# Structs, protocols, behaviours and macros.

# The order of a map's keys is no promise: print them sorted.
Inspect.Opts.default_inspect_fun(&Inspect.inspect(&1, %{&2 | custom_options: [sort_maps: true]}))

defmodule Point do
  @enforce_keys [:x]
  @derive {Inspect, only: [:x, :y]}
  defstruct [:x, y: 0, secret: "hidden"]
end

defmodule Circle do
  defstruct radius: 1.0
end

defprotocol Shape do
  @doc "How large it is."
  @fallback_to_any true
  def area(shape)
  def name(shape, prefix \\ "a")
end

defimpl Shape, for: Circle do
  def area(%{radius: r}), do: Float.round(3.0 * r * r, 2)
  def name(_, prefix), do: prefix <> " circle"
end

defimpl Shape, for: [Integer, BitString] do
  def area(value), do: {@for, value}
  def name(value, prefix), do: "#{prefix} #{inspect(value)}"
end

defimpl Shape, for: Any do
  def area(_), do: :unknown
  def name(other, _), do: "something else: #{inspect(other)}"
end

defimpl String.Chars, for: Point do
  def to_string(%{x: x, y: y}), do: "(#{x}; #{y})"
end

defimpl Enumerable, for: Circle do
  def count(circle), do: {:ok, trunc(circle.radius)}
  def member?(_, _), do: {:error, __MODULE__}
  def slice(_), do: {:error, __MODULE__}
  def reduce(circle, acc, fun), do: Enumerable.List.reduce(Enum.to_list(1..trunc(circle.radius)), acc, fun)
end

# A struct can be named in code that is compiled after it: in another module of the same file.
defmodule Demo do
  def run do
    IO.puts("-- structs")
    point = %Point{x: 1}
    IO.inspect(point)
    IO.inspect({point.secret, %{point | y: 5}, is_struct(point, Point), point.__struct__, Map.from_struct(point)})
    IO.puts("as text: #{point}")
    IO.inspect(match?(%Point{x: 1}, point) and not match?(%Circle{}, point))
    IO.inspect(match?(%_{radius: 1.0}, %Circle{}))
    IO.inspect(struct(Point, x: 3, unknown: 4))

    try do
      struct!(Point, y: 1)
    rescue
      error -> IO.puts(Exception.message(error))
    end

    IO.puts("-- protocols")
    for value <- [%Circle{radius: 2.0}, 42, "text", point, :atom, [1]], do: IO.inspect({Shape.area(value), Shape.name(value), Shape.impl_for(value)})
    IO.inspect({Enum.map(%Circle{radius: 4.0}, &(&1 * &1)), Enum.count(%Circle{radius: 9.9}), 3 in %Circle{radius: 3.5}})
    IO.inspect(Protocol.assert_impl!(Shape, Circle))

    try do
      Enum.map(point, & &1)
    rescue
      error in Protocol.UndefinedError -> IO.puts(Exception.message(error))
    end
  end
end

Demo.run()

IO.puts("-- macros")
defmodule Control do
  defmacro unless_zero(number, do: block) do
    quote do
      value = unquote(number)
      if value != 0, do: unquote(block), else: :was_zero
    end
  end

  defmacro trace(expression) do
    text = Macro.to_string(expression)

    quote do
      result = unquote(expression)
      IO.puts("#{unquote(text)} = #{inspect(result)}")
      result
    end
  end

  for {name, number} <- [one: 1, two: 2] do
    def unquote(name)(), do: unquote(number)
  end

  defmacro __using__(options) do
    quote bind_quoted: [options: options] do
      @before_compile Control
      Module.register_attribute(__MODULE__, :step, accumulate: true)
      def options, do: unquote(Macro.escape(options))
    end
  end

  defmacro __before_compile__(env) do
    steps = Module.get_attribute(env.module, :step) |> Enum.reverse()
    quote do: (def steps, do: unquote(steps))
  end

  defguard is_small(number) when is_integer(number) and number < 10
end

defmodule UsesControl do
  use Control, depth: %{max: 3}
  import Control
  require Integer
  @step :first
  @step :second

  def check(n) when is_small(n) and Integer.is_odd(n), do: :small_and_odd
  def check(_), do: :other

  def run do
    value = 10
    {unless_zero(value - 10, do: :never), unless_zero(value, do: value * 2), trace(value + Control.one() * 2)}
  end
end

IO.inspect({UsesControl.run(), UsesControl.steps(), UsesControl.options(), UsesControl.check(7), UsesControl.check(70)})
IO.inspect(quote do: fn x -> x + unquote(1 + 1) end)
IO.puts(Macro.to_string(quote do: (if a > 1, do: [b | c], else: %{d: 1})))
IO.inspect(Macro.expand(quote(do: unless(true, do: 1)), __ENV__) |> elem(0))
IO.inspect(Code.eval_string("a + b * 2", a: 1, b: 2) |> elem(0))
IO.inspect(Macro.prewalk(quote(do: 1 + 2), fn n when is_integer(n) -> n * 10; other -> other end) |> Code.eval_quoted() |> elem(0))

IO.puts("-- behaviours and reflection")
defmodule Greeter do
  @callback greet(String.t()) :: String.t()
  @optional_callbacks greet: 1
end

defmodule Polite do
  @behaviour Greeter
  @moduledoc false
  @impl true
  def greet(name), do: "Good day, #{name}"
  defdelegate upcase(text), to: String
  def defaults(a, b \\ a, c \\ 3), do: {a, b, c}
end

IO.inspect({Polite.greet("Ann"), Polite.upcase("x"), Polite.defaults(1), Polite.defaults(1, 2), Greeter.behaviour_info(:callbacks)})
IO.inspect({Polite.__info__(:functions), function_exported?(Polite, :greet, 1), Polite.module_info(:module), Code.ensure_loaded?(NoSuchModule)})
IO.inspect(Function.info(&Polite.greet/1) |> Keyword.take([:module, :name, :arity, :type]))
