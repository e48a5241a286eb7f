# Programs of the operating system: System.cmd and ports.

IO.puts("-- System.cmd")
IO.inspect(System.cmd("echo", ["hello", "two words"]))
IO.inspect(System.cmd("sh", ["-c", "echo out; echo err >&2; exit 3"], stderr_to_stdout: true))
IO.inspect(System.cmd("sh", ["-c", "echo $GREETING; pwd"], env: [{"GREETING", "from the environment"}], cd: "/"))
IO.inspect(System.cmd("printf", ["a\\nb\\n"], into: [], lines: 80))
IO.inspect(System.shell("printf '%s' \"$((6 * 7))\" | cat"))
IO.inspect(System.cmd("sh", ["-c", "kill -9 $$"]))
IO.inspect(byte_size(elem(System.cmd("head", ["-c", "300000", "/dev/zero"]), 0)))

try do
  System.cmd("no-such-program-here", [])
rescue
  error -> IO.inspect(error)
end

IO.puts("-- a port as a partner")
port = Port.open({:spawn, "cat"}, [:binary])
IO.inspect(Port.info(port, :name))
IO.inspect(Port.info(port, :connected) == {:connected, self()})
IO.inspect(Port.command(port, ["hello ", "port"]))
receive do: ({^port, {:data, data}} -> IO.inspect(data))
send(port, {self(), {:command, "by message"}})
receive do: ({^port, {:data, data}} -> IO.inspect(data))
IO.inspect(port in Port.list())
IO.inspect(Port.close(port))
IO.inspect(Port.info(port))

try do
  Port.command(port, "too late")
rescue
  error -> IO.puts(Exception.message(error))
end

IO.puts("-- lines, packets, exit status")
port = Port.open({:spawn_executable, "/bin/sh"}, [:binary, :exit_status, {:line, 5}, args: ["-c", "printf 'ab\\nlonger line\\nend'; exit 7"]])

collect = fn collect, port, seen ->
  receive do
    {^port, {:exit_status, status}} -> Enum.reverse([{:exit_status, status} | seen])
    {^port, {:data, data}} -> collect.(collect, port, [data | seen])
  after
    5000 -> {:timeout, seen}
  end
end

IO.inspect(collect.(collect, port, []))
port = Port.open({:spawn, "cat"}, [:binary, packet: 2])
Port.command(port, "one")
Port.command(port, "second")
for _ <- 1..2, do: receive(do: ({^port, {:data, data}} -> IO.inspect(data)))
Port.close(port)
port = Port.open({:spawn, "sh -c 'exit 0'"}, [:exit_status])
IO.inspect(collect.(collect, port, []))

IO.puts("-- links, monitors and owners")
Process.flag(:trap_exit, true)
port = Port.open({:spawn, "cat"}, [:binary])
reference = Port.monitor(port)
Port.close(port)
receive do: ({:DOWN, ^reference, :port, ^port, reason} -> IO.inspect(reason))
receive do: ({:EXIT, ^port, reason} -> IO.inspect(reason))
parent = self()
{pid, reference} = spawn_monitor(fn -> send(parent, {:port, Port.open({:spawn, "cat"}, [])}) end)
receive do: ({:port, port} -> receive(do: ({:DOWN, ^reference, _, ^pid, _} -> (Process.sleep(20); IO.inspect(Port.info(port))))))
port = Port.open({:spawn, "cat"}, [:binary])
Process.register(port, :cat)
IO.inspect({Process.whereis(:cat) == port, Port.info(:cat, :registered_name)})
send(:cat, {self(), {:command, "by name"}})
receive do: ({^port, {:data, data}} -> IO.inspect(data))
send(port, {self(), :close})
receive do: ({^port, :closed} -> IO.puts("closed"))

for arguments <- [[{:spawn_executable, "/no/such/file"}, []], [{:spawn, "cat"}, [:no_option]]] do
  try do
    apply(Port, :open, arguments)
  rescue
    error -> IO.inspect(error)
  end
end

IO.puts("-- the environment of this program")
System.put_env("OXBEAM_EXAMPLE", "é")
IO.inspect({System.get_env("OXBEAM_EXAMPLE"), System.fetch_env("NO_SUCH_VARIABLE"), System.delete_env("OXBEAM_EXAMPLE"), System.get_env("OXBEAM_EXAMPLE", "default")})
IO.inspect({System.argv(), :os.type(), is_binary(System.pid()), System.find_executable("sh") != nil, System.find_executable("no-such")})
IO.inspect({System.os_time(:second) > 1_600_000_000, System.unique_integer([:positive, :monotonic]) < System.unique_integer([:positive, :monotonic])})
IO.inspect(:os.cmd(~c"echo from os:cmd"))
System.at_exit(fn status -> IO.puts("leaving with #{status}") end)
exit({:shutdown, 4})
