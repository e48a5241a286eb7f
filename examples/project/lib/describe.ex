defprotocol Project.Describe do
  @moduledoc "A text for people. Can be derived: then it names the fields."
  @fallback_to_any true
  def text(value)
end

defimpl Project.Describe, for: Any do
  defmacro __deriving__(module, struct, _options) do
    fields = struct |> Map.from_struct() |> Map.keys() |> Enum.sort()

    quote do
      defimpl Project.Describe, for: unquote(module) do
        def text(value) do
          fields = Enum.map_join(unquote(fields), ", ", &"#{&1} #{inspect(Map.fetch!(value, &1))}")
          "#{inspect(unquote(module))} with #{fields}"
        end
      end
    end
  end

  def text(value), do: inspect(value)
end

defimpl Project.Describe, for: Project.Square do
  # Uses the other protocol, the struct and the macro of three other files: the compiler finds the order by itself.
  require Project.Units
  def text(square), do: Project.Units.with_unit(Project.Shape.area(square))
end
