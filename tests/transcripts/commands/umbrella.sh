# An umbrella project with three applications: a server on a table, a protocol, and who uses both.
# Runs tests, without what depends on the machine and on the time.
tests() {
  mix test --seed 0 "$@" > "$folder/tests.log" 2>&1
  result=$?
  sed 's/Finished in .*/Finished/; s/, max_cases.*//; s/ ([0-9.]*ms)//' "$folder/tests.log"
  echo "status $result"
}
folder=$(mktemp -d)
cd "$folder" || exit
mix new park --umbrella > /dev/null
cd park/apps || exit
mix new store --sup > /dev/null
mix new shapes > /dev/null
mix new front > /dev/null
cat > store/lib/store/application.ex <<'PROGRAM'
defmodule Store.Application do
  use Application

  def start(_type, _args), do: Supervisor.start_link([Store], strategy: :one_for_one)
end
PROGRAM
cat > store/lib/store.ex <<'PROGRAM'
defmodule Store do
  use GenServer

  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
  def put(key, value), do: GenServer.call(__MODULE__, {:put, key, value})

  def get(key) do
    case :ets.lookup(__MODULE__, key) do
      [{^key, value}] -> {:ok, value}
      [] -> :error
    end
  end

  @impl true
  def init(_), do: {:ok, :ets.new(__MODULE__, [:named_table, read_concurrency: true])}

  @impl true
  def handle_call({:put, key, value}, _from, table) do
    :ets.insert(table, {key, value})
    {:reply, :ok, table}
  end
end
PROGRAM
cat > store/test/store_test.exs <<'PROGRAM'
defmodule StoreTest do
  use ExUnit.Case, async: true

  test "what was put can be got" do
    assert Store.put(:a, 1) == :ok
    assert Store.get(:a) == {:ok, 1}
  end

  test "a server that ends is started again, without its table" do
    Store.put(:b, 2)
    server = Process.whereis(Store)
    monitor = Process.monitor(server)
    Process.exit(server, :kill)
    assert_receive {:DOWN, ^monitor, :process, ^server, :killed}
    :sys.get_state(wait(server))
    assert Store.get(:b) == :error
  end

  defp wait(old) do
    case Process.whereis(Store) do
      new when new in [nil, old] -> wait(old)
      new -> new
    end
  end
end
PROGRAM
cat > shapes/lib/shapes.ex <<'PROGRAM'
defprotocol Shapes do
  @fallback_to_any true
  def area(shape)
end

defmodule Shapes.Square do
  defstruct side: 1
end

defimpl Shapes, for: Shapes.Square do
  def area(square), do: square.side * square.side
end

defimpl Shapes, for: Any do
  def area(_), do: :unknown
end
PROGRAM
cat > shapes/test/shapes_test.exs <<'PROGRAM'
defmodule ShapesTest do
  use ExUnit.Case, async: true

  test "areas" do
    assert Shapes.area(%Shapes.Square{side: 3}) == 9
    assert Shapes.area("text") == :unknown
    assert Protocol.consolidated?(Shapes)
  end
end
PROGRAM
# The order of applications that do not depend on each other is that of a hash table: here each depends on the one before.
sed -i 's/# {:sibling_app_in_umbrella, in_umbrella: true}/{:shapes, in_umbrella: true}/' store/mix.exs
sed -i 's/# {:sibling_app_in_umbrella, in_umbrella: true}/{:store, in_umbrella: true}, {:shapes, in_umbrella: true}/' front/mix.exs
cat > front/lib/front.ex <<'PROGRAM'
defmodule Front do
  @doc """
  Keeps the area of a shape.

      iex> Front.keep(:small, %Shapes.Square{side: 2})
      4
  """
  def keep(name, shape) do
    area = Shapes.area(shape)
    :ok = Store.put(name, area)
    area
  end

  def main(arguments), do: IO.puts("called with #{inspect(arguments)}")
  def never_called, do: :nothing
end
PROGRAM
cat > front/test/front_test.exs <<'PROGRAM'
defmodule FrontTest do
  use ExUnit.Case, async: true
  doctest Front

  test "areas are kept" do
    assert Front.keep(:large, %Shapes.Square{side: 10}) == 100
    assert Store.get(:large) == {:ok, 100}
  end

  @tag :slow
  test "fails" do
    assert Front.keep(:large, %Shapes.Square{side: 10}) == 99
  end
end
PROGRAM
cd ..
mix compile
echo "status $?"
tests --exclude slow
tests
cd apps/front || exit
tests --exclude slow --trace
tests --exclude slow --cover
tests --exclude slow --stale
tests --exclude slow --stale
for partition in 1 2; do
  export MIX_TEST_PARTITION=$partition
  tests --exclude slow --partitions 2
done
tests --failed
mix xref graph
mix xref callers Store
mix format --check-formatted 2>&1 | sed "s|$folder||" | head -n 8
mix format && mix format --check-formatted
echo "status $?"
sed -i 's/version: "0.1.0",/version: "0.1.0", escript: [main_module: Front],/' mix.exs
mix escript.build
./front one "two three"
mix archive.build
echo "status $?"
mix run -e 'IO.inspect(Front.keep(:run, %Shapes.Square{}))'
mix deps
cd ../..
mix cmd --app shapes pwd | tail -n 1 | grep -c apps/shapes
cd /
rm -r "$folder"
