# Compiles a project of several modules, and runs the result.
folder=$(mktemp -d)
elixirc -o "$folder" examples/project/lib/*.ex
echo "status $?"
ls "$folder"
elixir -pa "$folder" examples/project/run.exs
echo "status $?"
# The compiled modules serve Erlang as well.
erl -noshell -pa "$folder" -pa "$(elixir -e 'IO.write(:code.lib_dir(:elixir))')/ebin" -eval '
  io:format("~p~n", ['"'Elixir.Project.Shape'"':area('"'Elixir.Project.Square'"':new(7))]), halt().'
# A mistake is reported with its place, and nothing is left behind.
printf 'defmodule Broken do\n  def f(x), do: undefined_function(x)\n  def g, do: unknown_variable\nend\n' > "$folder/broken.ex"
(cd "$folder" && elixirc broken.ex)
echo "status $?"
printf 'defmodule Broken do\n  def f(\nend\n' > "$folder/broken.ex"
(cd "$folder" && elixirc broken.ex)
echo "status $?"
rm -r "$folder"
