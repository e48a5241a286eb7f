# Terms, signals and calls between two nodes.
sh tests/cluster/features.sh erl erl cluster_signals
