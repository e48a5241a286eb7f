# Binaries and bit syntax.

IO.puts("-- building")
IO.inspect(<<1, 2, 3>>)
IO.inspect(<<256 + 1, -1>>, label: "the low eight bits")
IO.inspect(<<1000::16, 1000::little-16, -1::signed-24>>)
IO.inspect(<<3.14::float, 1.5::float-32, -0.0::float-16>>)
IO.inspect(<<"text", "é"::utf8, "é"::utf16, "é"::utf32-little>>)
IO.inspect(<<5::3, 1::1>>)
IO.inspect(<<1::1, 2::2, 3::3, 4::4, 5::5>>)
IO.inspect(<<(<<7::3>>)::bitstring, (<<1, 2>>)::binary>>)
IO.inspect(<<0x123456789ABCDEF0123456789::100>>)
IO.inspect({byte_size(<<1::9>>), bit_size(<<1::9>>), is_binary(<<1::9>>), is_bitstring(<<1::9>>)})
size = 12
IO.inspect(<<1::size(size), 2::size(size)-unit(2)>>)

IO.puts("-- matching")
<<version::4, header::4, length::16, rest::binary>> = <<0x45, 0, 20, "payload">>
IO.inspect({version, header, length, rest})
<<n, name::binary-size(n), tail::bits>> = <<3, "abcdef", 1::1>>
IO.inspect({n, name, tail})
<<a::signed-8, b::unsigned-8, c::little-signed-32, f::float-64>> = <<255, 255, -5::little-32, 2.5::float>>
IO.inspect({a, b, c, f})
<<char::utf8, others::binary>> = "éa"
IO.inspect({char, others})

parse = fn
  <<>> -> :empty
  <<"GET ", path::binary>> -> {:get, path}
  <<1::1, rest::bitstring>> -> {:high_bit, bit_size(rest)}
  <<x::utf8, _::binary>> when x > 127 -> {:wide, x}
  <<_::binary-size(3)>> -> :three
  <<_, _::bits>> -> :other
  _ -> :not_a_binary
end

IO.inspect(Enum.map([<<>>, "GET /", <<255, 1>>, "abc", "ab", <<0::3>>, :atom], parse))
IO.inspect(match?(<<_::float-64>>, <<0x7FF0000000000000::64>>), label: "infinity is no float")
IO.inspect(match?(<<_::utf8>>, <<0xED, 0xA0, 0x80>>), label: "surrogates are no characters")

IO.puts("-- comprehensions")
IO.inspect(for <<byte <- "hello">>, do: byte - 32)
IO.inspect(for <<r::5, g::6, b::5 <- <<0xF800::16, 0x07E0::16>> >>, do: {r, g, b})
IO.inspect(for <<bit::1 <- <<0b10110::5>> >>, into: "", do: Integer.to_string(bit))
IO.inspect(for x <- [1, 2, 3], into: <<>>, do: <<x::4>>)
IO.inspect(for <<c::utf8 <- "aé日">>, do: c)

IO.puts("-- taking apart and joining")
big = :binary.copy("0123456789", 1000)
IO.inspect({binary_part(big, 5000, 5), binary_slice(big, -3, 3), byte_size(big)})
IO.inspect(Enum.reduce(1..10_000, "", fn n, acc -> acc <> <<n>> end) |> :erlang.md5() |> Base.encode16())
IO.inspect({:binary.split("a,b;c", [",", ";"], [:global]), :binary.match("haystack", ["st", "ack"]), :binary.matches("banana", "an")})
IO.inspect({:binary.replace("a.b.c", ".", "-", [:global]), :binary.longest_common_prefix(["prefix", "prelude"]), :binary.at("abc", 1)})
IO.inspect({:binary.encode_unsigned(1_000_000), :binary.decode_unsigned(<<1, 0, 0>>, :little), :binary.bin_to_list("abc", 1, 2)})
IO.inspect(IO.iodata_to_binary(["a", [?b, ["c" | "d"]], <<1, 2>>]))
IO.inspect(:erlang.split_binary("abcdef", 2))
IO.inspect(:erlang.bitstring_to_list(<<1, 2, 3::3>>))
IO.inspect(:erlang.list_to_bitstring([<<1::3>>, <<2::5>>, 3]))

IO.puts("-- order")
IO.inspect(Enum.sort([<<2>>, <<1, 2>>, <<1>>, <<1::1>>, <<>>, <<0::3>>, "a", <<0x61::7>>]))

IO.puts("-- errors")
minus_one = String.to_integer("-1")
for function <- [
      fn -> <<1::size(minus_one)>> end,
      fn -> <<apply(fn -> :atom end, [])>> end,
      fn -> <<apply(fn -> "text" end, [])::float>> end,
      fn -> <<0xD800 + apply(fn -> 0 end, [])::utf8>> end,
      fn -> binary_part("abc", 2, 5) end,
      fn -> byte_size(apply(fn -> :atom end, [])) end,
      fn -> :binary.at("abc", 3) end
    ] do
  try do
    IO.inspect(function.())
  rescue
    error -> IO.puts(Exception.message(error))
  end
end
