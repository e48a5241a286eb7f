# A release made by Mix: it takes its runtime system along.
folder=$(mktemp -d)
cd "$folder" || exit
mix new demo --sup > /dev/null
cd demo || exit
cat > lib/demo/application.ex <<'PROGRAM'
defmodule Demo.Application do
  use Application

  def start(_type, _args) do
    IO.puts("demo starts")
    Supervisor.start_link([Demo.Counter], strategy: :one_for_one, name: Demo.Supervisor)
  end

  def stop(_state), do: IO.puts("demo has stopped")
end
PROGRAM
cat > lib/demo/counter.ex <<'PROGRAM'
defmodule Demo.Counter do
  use Agent

  def start_link(_), do: Agent.start_link(fn -> 0 end, name: __MODULE__)
  def next, do: Agent.get_and_update(__MODULE__, &{&1, &1 + 1})
end
PROGRAM
sed -i 's/extra_applications: \[:logger\]/extra_applications: [:logger, :os_mon]/' mix.exs
mkdir config
cat > config/runtime.exs <<'PROGRAM'
import Config
config :demo, greeting: System.get_env("GREETING", "hello")
PROGRAM
MIX_ENV=prod mix release
echo "status $?"
demo=_build/prod/rel/demo/bin/demo
export RELEASE_NODE="demo$$" RELEASE_COOKIE=release
export ERL_EPMD_PORT=$((20000 + $$ % 10000))
$demo version
GREETING=hi $demo eval 'IO.puts(Application.get_env(:demo, :greeting)); IO.inspect(Application.started_applications() |> Enum.map(&elem(&1, 0)) |> Enum.sort())'
echo "status $?"
$demo eval 'raise "not today"' 2>&1 | head -n 1
$demo eval 'System.halt(3)'
echo "status $?"
$demo start > started.log 2>&1 &
tries=0
until $demo rpc ':ready' > ready.log 2>&1 || [ $tries -ge 100 ]; do
  tries=$((tries + 1))
  sleep 0.2
done
$demo rpc 'IO.puts(Demo.Counter.next()); IO.puts(Demo.Counter.next()); IO.puts(Application.get_env(:demo, :greeting))'
echo "status $?"
$demo rpc 'IO.inspect({is_list(:memsup.get_system_memory_data()), is_integer(:cpu_sup.nprocs())})'
$demo rpc 'IO.puts(:code.root_dir() == String.to_charlist(System.fetch_env!("RELEASE_ROOT")))'
[ "$($demo pid)" -gt 0 ] && echo "has a pid"
$demo stop
echo "status $?"
wait
echo "status $?"
cat started.log
$demo stop > stopped.log 2>&1
echo "status $?"
epmd -kill > /dev/null 2>&1
cd /
rm -r "$folder"
