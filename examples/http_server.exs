# An HTTP server over plain TCP sockets, and clients that talk to it. With a port as its argument it serves until it is ended:
#
#     elixir examples/http_server.exs 8080

defmodule HttpServer do
  @moduledoc "One process accepts; each connection has a process of its own, which parses with `packet: :http_bin`."

  def listen(port) do
    options = [:binary, packet: :http_bin, active: false, reuseaddr: true, backlog: 1024, ip: :loopback, nodelay: true]
    :gen_tcp.listen(port, options)
  end

  def accept(listener) do
    case :gen_tcp.accept(listener) do
      {:ok, socket} ->
        pid = spawn(fn -> receive do: (:go -> serve(socket)) end)
        :ok = :gen_tcp.controlling_process(socket, pid)
        send(pid, :go)
        accept(listener)

      {:error, :closed} ->
        :ok
    end
  end

  defp serve(socket) do
    case :gen_tcp.recv(socket, 0, 30_000) do
      {:ok, {:http_request, method, {:abs_path, path}, version}} ->
        headers = headers(socket, %{})
        body = body(socket, headers)
        keep? = keep?(version, headers)
        {status, answer} = respond(method, path, body)

        :ok =
          :gen_tcp.send(socket, [
            "HTTP/1.1 ", status, "\r\ncontent-length: ", Integer.to_string(IO.iodata_length(answer)),
            if(keep?, do: "\r\n\r\n", else: "\r\nconnection: close\r\n\r\n"), answer
          ])

        if keep?, do: serve(socket), else: :gen_tcp.close(socket)

      {:ok, {:http_error, _line}} ->
        :gen_tcp.send(socket, "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
        :gen_tcp.close(socket)

      {:error, _closed_or_late} ->
        :gen_tcp.close(socket)
    end
  end

  defp headers(socket, seen) do
    case :gen_tcp.recv(socket, 0, 30_000) do
      {:ok, {:http_header, _, name, _, value}} -> headers(socket, Map.put(seen, to_string(name), value))
      {:ok, :http_eoh} -> seen
    end
  end

  defp body(socket, %{"Content-Length" => length}) when length != "0" do
    :ok = :inet.setopts(socket, packet: :raw)
    {:ok, body} = :gen_tcp.recv(socket, String.to_integer(length), 30_000)
    :ok = :inet.setopts(socket, packet: :http_bin)
    body
  end

  defp body(_socket, _headers), do: ""

  defp keep?(version, headers) do
    case {version, String.downcase(Map.get(headers, "Connection", ""))} do
      {_, "close"} -> false
      {{1, 1}, _} -> true
      {_, "keep-alive"} -> true
      _ -> false
    end
  end

  defp respond(:GET, "/", _body), do: {"200 OK", "Hello, world!\n"}
  defp respond(:GET, "/large", _body), do: {"200 OK", String.duplicate("0123456789", 50_000)}
  defp respond(:POST, "/echo", body), do: {"200 OK", ["You said: ", body, "\n"]}
  defp respond(method, path, _body), do: {"404 Not Found", "Nothing for #{method} #{path}\n"}
end

defmodule Client do
  def connect(port) do
    {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, port, [:binary, packet: :http_bin, active: false])
    socket
  end

  def request(socket, lines) do
    :ok = :gen_tcp.send(socket, lines)
    {:ok, {:http_response, _version, status, _phrase}} = :gen_tcp.recv(socket, 0, 10_000)
    length = content_length(socket, 0)
    :ok = :inet.setopts(socket, packet: :raw)
    body = if length > 0, do: elem(:gen_tcp.recv(socket, length, 10_000), 1), else: ""
    :ok = :inet.setopts(socket, packet: :http_bin)
    {status, body}
  end

  defp content_length(socket, found) do
    case :gen_tcp.recv(socket, 0, 10_000) do
      {:ok, {:http_header, _, :"Content-Length", _, value}} -> content_length(socket, String.to_integer(value))
      {:ok, {:http_header, _, _, _, _}} -> content_length(socket, found)
      {:ok, :http_eoh} -> found
    end
  end
end

case System.argv() do
  [port | _] ->
    {:ok, listener} = HttpServer.listen(String.to_integer(port))
    for _ <- 2..8, do: spawn_link(fn -> HttpServer.accept(listener) end)
    HttpServer.accept(listener)

  [] ->
    {:ok, listener} = HttpServer.listen(0)
    {:ok, port} = :inet.port(listener)
    acceptor = Task.async(fn -> HttpServer.accept(listener) end)

    IO.puts("-- one connection, several requests")
    socket = Client.connect(port)
    IO.inspect(Client.request(socket, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    IO.inspect(Client.request(socket, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"))
    IO.inspect(Client.request(socket, "DELETE /thing HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    {status, body} = Client.request(socket, "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
    IO.inspect({status, byte_size(body)})

    IO.puts("-- the server closes when it is asked to, and after nonsense")
    IO.inspect(Client.request(socket, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n"))
    IO.inspect(:gen_tcp.recv(socket, 0, 10_000))
    socket = Client.connect(port)
    IO.inspect(Client.request(socket, "nonsense\r\n"))
    IO.inspect(:gen_tcp.recv(socket, 0, 10_000))

    IO.puts("-- fifty clients at once, twenty requests each")

    answers =
      1..50
      |> Enum.map(fn _ ->
        Task.async(fn ->
          socket = Client.connect(port)
          answers = for _ <- 1..20, do: Client.request(socket, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
          :gen_tcp.close(socket)
          answers
        end)
      end)
      |> Task.await_many(30_000)
      |> List.flatten()

    IO.inspect(Enum.frequencies(answers))

    IO.puts("-- the end")
    :gen_tcp.close(listener)
    IO.inspect(Task.await(acceptor))
    IO.inspect(:gen_tcp.connect({127, 0, 0, 1}, port, []))
end
