defmodule Project.Units do
  @moduledoc "Macros that are expanded in other modules of the project."

  @unit "cm²"

  defmacro with_unit(number) do
    quote do
      "#{unquote(number)} " <> unquote(@unit)
    end
  end

  defmacro defmeasure(name, do: expression) do
    quote do
      def unquote(name)(var!(shape)), do: {unquote(name), unquote(expression)}
    end
  end

  defmacro __using__(_options) do
    quote do
      import Project.Units
      Module.register_attribute(__MODULE__, :measures, accumulate: true)
      @before_compile Project.Units
    end
  end

  defmacro __before_compile__(_env) do
    quote do
      def measures, do: Enum.sort(@measures)
    end
  end
end
