# What the `elixir` command accepts, and how it ends.
elixir -e 'IO.puts "hello"'
elixir -e 'IO.puts "one"' -e 'IO.puts "two"'; echo "status $?"
elixir -e 'IO.inspect System.argv()' -- a --b c
elixir -e 'raise "no"'; echo "status $?"
elixir -e 'exit({:shutdown, 3})'; echo "status $?"
elixir -e 'System.halt(5)'; echo "status $?"
elixir -e 'throw :ball'; echo "status $?"
elixir -e 'exit(:bad)'; echo "status $?"
elixir -e '1 +'; echo "status $?"
elixir -e 'undefined_thing'; echo "status $?"
elixir no_such_file.exs; echo "status $?"
echo 'line from stdin' | elixir -e 'IO.inspect IO.gets("prompt: ")'
printf 'a\nb\n' | elixir -e 'IO.stream() |> Enum.map(&String.upcase/1) |> IO.inspect()'
printf 'raw' | elixir -e 'IO.inspect IO.binread(:stdio, :eof)'
elixir -e 'IO.puts(:stderr, "to stderr")' 2>/dev/null
elixir -e 'IO.puts(:stderr, "to stderr")' 2>&1 >/dev/null
elixir -e 'spawn_link(fn -> exit(:linked) end); Process.sleep(1000)'; echo "status $?"
elixir -e 'spawn(fn -> IO.puts("Estou em outro processo") end); Process.sleep(50)'
elixir --version | tail -n 1
elixir --short-version
elixir --no-such-option; echo "status $?"
elixir --erl "+S 1" -e 'IO.inspect :erlang.system_info(:schedulers)'
elixir -e 'Process.register(self(), :me); send(:me, 1); receive do x -> IO.inspect(x) end'
elixir --logger-sasl-reports true examples/supervisor_reports.exs
