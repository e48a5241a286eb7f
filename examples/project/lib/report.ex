defmodule Project.Report do
  @moduledoc "A server that collects shapes and reports on them."
  use GenServer
  use Project.Units
  alias Project.{Describe, Rectangle, Shape, Square}

  @measures :doubled
  defmeasure :doubled do
    Shape.area(shape) * 2
  end

  @measures :halved
  defmeasure :halved do
    Shape.area(shape) / 2
  end

  def start_link(options \\ []), do: GenServer.start_link(__MODULE__, options, name: __MODULE__)
  def add(shape), do: GenServer.cast(__MODULE__, {:add, shape})
  def lines, do: GenServer.call(__MODULE__, :lines)

  @impl true
  def init(_options), do: {:ok, []}

  @impl true
  def handle_cast({:add, shape}, shapes), do: {:noreply, [shape | shapes]}

  @impl true
  def handle_call(:lines, _from, shapes) do
    lines = for shape <- Enum.sort_by(shapes, &Shape.area/1), do: line(shape)
    {:reply, lines, shapes}
  end

  defp line(%Square{} = square), do: "square: #{Describe.text(square)}"
  defp line(%Rectangle{} = rectangle), do: "rectangle: #{Describe.text(rectangle)} (#{with_unit(Shape.area(rectangle))})"
end
