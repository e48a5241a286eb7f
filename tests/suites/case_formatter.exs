# An ExUnit formatter that writes the outcome of each case to the file that SUITE_RESULTS names, as suite_runner.erl
# does. Suites of ExUnit start runs of their own inside: only the first formatter of the system writes.
defmodule CaseFormatter do
  use GenServer

  def init(_options) do
    first? = Process.whereis(__MODULE__) == nil
    if first?, do: Process.register(self(), __MODULE__)
    {:ok, if(first?, do: System.fetch_env!("SUITE_RESULTS"))}
  end

  def handle_cast(event, results) do
    if results, do: write(results, line(event))
    {:noreply, results}
  end

  defp line({:test_started, test}), do: ["start\t", name(test)]

  defp line({:test_finished, %{state: state} = test}) do
    case state do
      nil -> ["passed\t", name(test), "\t"]
      {:failed, failures} -> ["failed\t", name(test), "\t", failures |> List.first() |> reason()]
      {:invalid, _module} -> ["failed\t", name(test), "\tsetup_all failed"]
      {_skipped_or_excluded, reason} -> ["skipped\t", name(test), "\t", one_line(reason)]
    end
  end

  defp line({:suite_finished, _times}), do: ["end"]
  defp line(_event), do: nil

  defp name(test), do: one_line("#{inspect(test.module)} #{test.name}")

  defp reason({kind, error, stack}), do: kind |> Exception.format_banner(error, stack) |> one_line()
  defp reason(nothing), do: inspect(nothing)

  defp one_line(text), do: text |> to_string() |> String.replace(~r/\s+/, " ") |> String.slice(0, 500)

  defp write(_results, nil), do: :ok
  # Not through the file server, which tests replace.
  defp write(results, line), do: :ok = :file.write_file(results, [line, "\n"], [:append, :raw])
end

# Persistent: loading the application sets its own otherwise.
Application.put_env(:ex_unit, :formatters, [ExUnit.CLIFormatter, CaseFormatter], persistent: true)
Application.put_env(:ex_unit, :seed, 0, persistent: true)
