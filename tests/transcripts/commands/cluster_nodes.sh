# Nodes that connect, disconnect, have names in common, and misbehave.
sh tests/cluster/features.sh erl erl cluster_nodes
