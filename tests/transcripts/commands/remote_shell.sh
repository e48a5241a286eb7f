# Shells that work at another node.
export ERL_EPMD_PORT=$((20000 + $$ % 10000))
start() {
  elixir --name "$1@127.0.0.1" --cookie shells --no-halt -e ':ok' </dev/null >/dev/null 2>&1 &
  for attempt in $(seq 1 100); do
    epmd -names 2>/dev/null | grep -q "name $1 " && break
    sleep 0.1
  done
}
start far1
printf 'node()\nIO.puts("from %%{a: 1}")\nEnum.map(1..3, & &1 * 2)\nnode(self())\nnode(Process.group_leader())\nraise "here"\nx = 5\nx + 1\n' |
  iex --name near1@127.0.0.1 --cookie shells --remsh far1@127.0.0.1 | sed 's/ \[jit[:a-z]*\]//'
first=$!
start far2
printf 'node().\nlists:seq(1, 3).\nio:format("text~%sn").\nnode(self()).\n1/0.\n' '' |
  erl -name near2@127.0.0.1 -setcookie shells -remsh far2@127.0.0.1 | sed 's/ \[jit[:a-z]*\]//'
kill "$first" $! 2>/dev/null
wait "$first" $! 2>/dev/null
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  epmd -kill >/dev/null && break
  sleep 0.2
done
