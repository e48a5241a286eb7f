# Terms as bytes: the external term format, and hashes.

hex = fn binary -> Base.encode16(binary, case: :lower) end

terms = [
  0, 255, 256, -1, 2_147_483_647, 2_147_483_648, -2_147_483_648, 2 ** 64, -(2 ** 100), 2 ** 2100 |> rem(2 ** 2050 - 1),
  1.5, -0.0, :atom, :é, nil, true, "", "binary é", <<1::3>>, <<255, 5::4>>,
  [], [1, 2, 3], [1, 300], ~c"charlist", [1 | 2], {}, {1}, {:a, {:b}}, %{}, %{a: 1}, %{1 => 2, "k" => [1.0]},
  &String.upcase/1, &:lists.map/2, [[[]]], {:nested, [%{x: {1, "2", 3.0}}]}
]

IO.puts("-- to bytes and back")
for term <- terms do
  bytes = :erlang.term_to_binary(term)
  IO.puts("#{inspect(term, limit: 8)} #{hex.(bytes) |> String.slice(0, 80)} #{byte_size(bytes)} #{:erlang.external_size(term)}")
  ^term = :erlang.binary_to_term(bytes)
end

IO.puts("-- options")
long = Enum.to_list(1..1000)
IO.inspect(for level <- [0, 1, 6, 9], do: :erlang.binary_to_term(:erlang.term_to_binary(long, compressed: level)) == long)
IO.inspect(byte_size(:erlang.term_to_binary(String.duplicate("a", 10_000), [:compressed])) < 100)
IO.inspect(hex.(:erlang.term_to_binary({1, 1.0}, minor_version: 0)))
IO.inspect(hex.(:erlang.term_to_binary(%{c: 1, a: 2, b: 3}, [:deterministic])))
IO.inspect(hex.(IO.iodata_to_binary(:erlang.term_to_iovec({:a, "b"}))))
IO.inspect(:erlang.binary_to_term(<<131, 97, 5, 1, 2, 3>>, [:used]))
IO.inspect(:erlang.binary_to_term(:erlang.term_to_binary(self())) == self())
reference = make_ref()
IO.inspect(:erlang.binary_to_term(:erlang.term_to_binary(reference)) == reference)
function = fn x -> x + 1 end
IO.inspect(:erlang.binary_to_term(:erlang.term_to_binary(function)).(1))

IO.puts("-- older and unusual encodings are read as well")
for bytes <- [
      <<131, 100, 0, 1, "a">>, <<131, 115, 2, "ok">>, <<131, 99, "1.50000000000000000000e+00", 0, 0, 0, 0, 0>>, <<131, 107, 0, 2, 1, 2>>,
      <<131, 110, 1, 0, 5>>, <<131, 110, 3, 1, 1, 0, 0>>, <<131, 111, 0, 0, 0, 1, 0, 9>>, <<131, 104, 1, 106>>, <<131, 77, 0, 0, 0, 1, 3, 160>>,
      <<131, 119, 2, "é">>, <<131, 108, 0, 0, 0, 1, 97, 1, 97, 2>>, <<131, 116, 0, 0, 0, 1, 97, 1, 97, 2>>
    ] do
  IO.inspect({hex.(bytes), :erlang.binary_to_term(bytes)})
end

IO.puts("-- what is wrong is refused")
for bytes <- [
      <<>>, <<130, 97, 1>>, <<131>>, <<131, 97>>, <<131, 98, 1, 2>>, <<131, 109, 255, 255, 255, 255, 1>>, <<131, 104, 200, 97, 1>>, <<131, 108, 127, 255, 255, 255>>,
      <<131, 116, 0, 0, 0, 2, 97, 1, 97, 1, 97, 1, 97, 2>>, <<131, 119, 1, 255>>, <<131, 70, 0x7FF0000000000000::64>>, <<131, 77, 0, 0, 0, 1, 9, 1>>,
      <<131, 80, 0, 0, 1, 0, 1, 2, 3>>, <<131, 1>>, <<131, 113, 97, 1, 97, 2, 97, 3>>, <<131, 99, "not a float", 0::160>>
    ] do
  try do
    IO.inspect({hex.(bytes), :erlang.binary_to_term(bytes)})
  rescue
    error -> IO.puts("#{hex.(bytes)}: #{Exception.message(error) |> String.replace("\n", " ")}")
  end
end

try do
  :erlang.binary_to_term(<<131, 119, 20, "no_atom_of_that_name">>, [:safe])
rescue
  error -> IO.puts(Exception.message(error))
end

IO.puts("-- hashes: the same on every machine and in every release")
for term <- terms, do: IO.puts("#{inspect(term, limit: 5)} #{:erlang.phash2(term)} #{:erlang.phash2(term, 1000)} #{:erlang.phash(term, 1000)}")
IO.inspect({:erlang.crc32("hello"), :erlang.adler32("hello"), hex.(:erlang.md5(["he", "llo"])), :erlang.crc32_combine(:erlang.crc32("he"), :erlang.crc32("llo"), 3)})
IO.inspect({:erlang.phash2(Enum.to_list(1..10_000)), :erlang.phash2(Map.new(1..100, &{&1, &1})), :erlang.phash2(String.duplicate("long", 5000))})
IO.inspect({Base.encode64("any + / text"), Base.url_decode64("-_8="), Base.encode32("x"), Base.decode16("zz")})
