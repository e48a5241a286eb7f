# A storm over four nodes: sh storm.sh SECONDS ERL ERL ERL ERL. The first program also runs who makes it.
seconds=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
export ERL_EPMD_PORT=$((20000 + $$ % 10000))
compile="[{ok, _} = compile:file(F, [report, {outdir, \"$folder\"}]) || F <- filelib:wildcard(\"$here/*.erl\")], halt()."
"$1" -noshell -eval "$compile" && "$1" -noinput -pa "$folder" -seconds "$seconds" -programs "$@" -s cluster_storm main
status=$?
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  epmd -kill >/dev/null && break
  sleep 0.2
done
rm -r "$folder"
exit $status
