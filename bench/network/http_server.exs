# The server that `cargo xtask network` puts under wrk: `elixir http_server.exs tcp|tls`. A process for each
# connection reads requests and answers them, until the other end closes. Prints `listening PID PORT`; a line on standard
# input, or its end, ends the machine.
defmodule HttpServer do
  @body "Hello, world!\n"
  @response "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: #{byte_size(@body)}\r\n\r\n#{@body}"

  def main([kind]) do
    transport = if kind == "tls", do: :ssl, else: :gen_tcp
    options = [:binary, active: false, reuseaddr: true, backlog: 1024, nodelay: true, ip: {127, 0, 0, 1}]
    {:ok, listener} = transport.listen(0, options ++ credentials(transport))
    spawn_link(fn -> accept(transport, listener) end)
    IO.puts("listening #{System.pid()} #{port(transport, listener)}")
    IO.gets("")
    System.halt(0)
  end

  defp port(:gen_tcp, listener), do: listener |> :inet.port() |> elem(1)
  defp port(:ssl, listener), do: listener |> :ssl.sockname() |> elem(1) |> elem(1)

  defp credentials(:gen_tcp), do: []

  defp credentials(:ssl) do
    {:ok, _} = Application.ensure_all_started(:ssl)
    key = [digest: :sha256, key: {:namedCurve, :secp256r1}]
    chain = %{root: key, intermediates: [], peer: key}
    %{server_config: config} = :public_key.pkix_test_data(%{server_chain: chain, client_chain: chain})
    Keyword.take(config, [:cert, :key, :cacerts])
  end

  defp accept(:gen_tcp, listener) do
    {:ok, socket} = :gen_tcp.accept(listener)
    :ok = :gen_tcp.controlling_process(socket, spawn(fn -> serve(:gen_tcp, socket, "") end))
    accept(:gen_tcp, listener)
  end

  defp accept(:ssl, listener) do
    {:ok, socket} = :ssl.transport_accept(listener)
    process = spawn(fn -> shake_hands(socket) end)
    :ok = :ssl.controlling_process(socket, process)
    send(process, :go)
    accept(:ssl, listener)
  end

  defp shake_hands(socket) do
    receive do: (:go -> :ok)

    with {:ok, socket} <- :ssl.handshake(socket) do
      serve(:ssl, socket, "")
    end
  end

  defp serve(transport, socket, buffer) do
    case :binary.split(buffer, "\r\n\r\n") do
      [request, rest] ->
        "GET " <> _ = request
        :ok = transport.send(socket, @response)
        serve(transport, socket, rest)

      [_] ->
        case transport.recv(socket, 0) do
          {:ok, data} -> serve(transport, socket, buffer <> data)
          {:error, _} -> transport.close(socket)
        end
    end
  end
end

HttpServer.main(System.argv())
