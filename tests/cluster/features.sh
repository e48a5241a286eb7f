# Checks what two nodes do together: sh features.sh NEAR FAR [NAME...], where NEAR and FAR start `erl`, and names are those of
# features or of the modules that have them. Prints a line for each feature. `epmd` on the path maps the nodes. With CLUSTER_TLS=1 they
# talk over TLS.
near=$1 far=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
cd "$folder" || exit
export ERL_EPMD_PORT=$((20000 + $$ % 10000))
compile="[{ok, _} = compile:file(F, [report, {outdir, \"$folder\"}]) || F <- filelib:wildcard(\"$here/*.erl\")], halt()."
if $near -noshell -eval "$compile" >compiled.log 2>&1; then
  common="-noinput -setcookie cluster$$ -pa $folder -kernel logger_level emergency"
  if [ -n "$CLUSTER_TLS" ]; then
    $near -noinput -pa "$folder" -eval "cluster_tls:files(\"$folder\"), halt()."
    common="$common -proto_dist inet_tls -ssl_dist_optfile $folder/tls.config"
  fi
  $far $common -sname "far$$" </dev/null >far.log 2>&1 &
  far_id=$!
  $near $common -sname "near$$" -peer "far$$" ${1:+-only "$@"} -s cluster main
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 "$far_id" 2>/dev/null || break
    sleep 0.2
  done
  kill "$far_id" 2>/dev/null
  wait "$far_id" 2>/dev/null
  cat far.log
else
  cat compiled.log
fi
# Nodes that have just ended are forgotten in a moment.
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  epmd -kill >/dev/null && break
  sleep 0.2
done
cd /
rm -r "$folder"
