# Checks what Elixir's own modules do with another node: sh elixir.sh NEAR FAR, where NEAR and FAR start `elixir`. Prints a line for
# each check. `epmd` on the path maps the nodes.
here=$(cd "$(dirname "$0")" && pwd)
export ERL_EPMD_PORT=$((20000 + $$ % 10000))
common="--cookie cluster$$ --erl"
quiet="-kernel logger_level emergency"
$2 --sname "far$$" $common "$quiet" --no-halt -e ':ok' </dev/null >/dev/null 2>&1 &
far_id=$!
for attempt in $(seq 1 100); do
  epmd -names 2>/dev/null | grep -q "name far$$ " && break
  sleep 0.1
done
$1 --sname "near$$" $common "$quiet" -e "
  [_, host] = node() |> to_string() |> String.split(\"@\")
  modules = Code.compile_file(\"$here/elixir.ex\")
  Cluster.Program.main(:\"far$$@#{host}\", modules)" </dev/null
kill "$far_id" 2>/dev/null
wait "$far_id" 2>/dev/null
# Nodes that have just ended are forgotten in a moment.
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  epmd -kill >/dev/null && break
  sleep 0.2
done
