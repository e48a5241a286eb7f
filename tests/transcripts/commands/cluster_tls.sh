# Nodes that talk over TLS.
CLUSTER_TLS=1 sh tests/cluster/features.sh erl erl names terms large_terms sends order links exits monitors spawns rpc fragments disconnect \
  reconnect no_connect
