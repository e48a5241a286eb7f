//! Oxbeam as a library: build a `Vm`, run Erlang and Elixir code in it.
