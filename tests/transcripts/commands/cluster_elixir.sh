# Elixir's own modules between two nodes.
sh tests/cluster/elixir.sh elixir elixir
