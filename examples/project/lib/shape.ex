defprotocol Project.Shape do
  @moduledoc "What has an area."

  @doc "The area, in units of the measure the project was compiled with."
  def area(shape)
end

defmodule Project.Square do
  @moduledoc "A square, made by `new/1` only."
  @enforce_keys [:side]
  defstruct [:side, tags: []]

  @type t :: %__MODULE__{side: number, tags: [atom]}

  @spec new(number) :: t
  def new(side) when is_number(side) and side >= 0, do: %__MODULE__{side: side}

  defimpl Project.Shape do
    def area(%{side: side}), do: side * side
  end

  defimpl Inspect do
    import Inspect.Algebra
    def inspect(square, options), do: concat(["#Square<", to_doc(square.side, options), ">"])
  end
end

defmodule Project.Rectangle do
  @moduledoc "A rectangle."
  @derive Project.Describe
  defstruct width: 0, height: 0

  defimpl Project.Shape do
    def area(%{width: width, height: height}), do: width * height
  end
end
