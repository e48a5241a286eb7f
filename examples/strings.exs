# Strings are UTF-8; Unicode is taken seriously.

IO.puts("-- characters, code points, bytes")
for text <- ["hello", "héllo", "日本語", "e\u0301", "👨‍👩‍👧‍👦", "🇳🇴🇧🇷", "\r\n", "", "ß"] do
  IO.inspect({text, String.length(text), length(String.codepoints(text)), byte_size(text), String.graphemes(text)})
end

IO.inspect({String.upcase("straße ǆ"), String.downcase("ÀÉÎ ΑΣ", :greek), String.capitalize("ÿes we can"), String.upcase("ıi", :turkic)})
IO.inspect({String.reverse("noe\u0301l"), String.at("日本語", 1), String.slice("日本語です", 1..3), String.slice("abc", -2, 2), String.first(""), String.last("abé")})
IO.inspect({String.normalize("é", :nfd) |> byte_size(), String.normalize("e\u0301", :nfc) |> byte_size(), String.equivalent?("é", "e\u0301"), "é" == "e\u0301"})
IO.inspect({String.valid?("é"), String.valid?(<<0xFF>>), String.replace_invalid(<<"a", 0xFF, "b">>), String.printable?("a\u0000")})

IO.puts("-- searching and splitting")
IO.inspect({String.split("  a b  c "), String.split("a,b,,c", ","), String.split("a,b,,c", ",", trim: true), String.split("a1b2", ["1", "2"]), String.split("abc", ""), String.split("a-b-c", "-", parts: 2)})
IO.inspect({String.contains?("elixir", ["x", "y"]), String.starts_with?("elixir", "eli"), String.ends_with?("elixir", ["r"]), String.match?("abc", ~r/b/)})
IO.inspect({String.replace("banana", "a", "o"), String.replace("banana", "a", "o", global: false), String.replace("banana", ~r/a(.)/, "<\\1>"), String.replace("abc", ["a", "c"], &String.upcase/1)})
IO.inspect({String.trim("\t x \n"), String.trim_leading("xxy", "x"), String.trim_trailing("yxx", "x"), String.pad_leading("7", 3, "0"), String.pad_trailing("é", 3, ["-", "+"])})
IO.inspect({String.jaro_distance("martha", "marhta"), String.bag_distance("abc", "abd"), String.myers_difference("fox", "fix"), String.duplicate("ab", 3)})
IO.inspect({String.to_charlist("é日"), List.to_string([233, "b", [99]]), String.chunk("abc" <> <<255>>, :valid), String.next_codepoint("éa"), String.split_at("日本語", -1)})
IO.inspect({String.to_atom("an atom"), String.to_existing_atom("ok"), :"with spaces", :é, :"é日", Atom.to_string(:é)})
IO.inspect(String.splitter("1,2 3,4", [" ", ","]) |> Enum.map(&String.to_integer/1))
IO.inspect(~w(a b c)a ++ ~c"list" ++ [~s(interp #{1 + 1}), ~S(no #{interp})])

IO.puts("-- inspecting")
IO.inspect("control \a\b\d\e\f\0\t \" \\ \u200B \uFEFF")
IO.inspect(<<0, 1, 255>>)
IO.inspect("é", binaries: :as_binaries)
IO.inspect(~c"abc", charlists: :as_lists)
IO.puts(inspect(String.duplicate("long ", 30), printable_limit: 20))
IO.puts(inspect(Enum.to_list(1..200)))
IO.puts(inspect(%{a: %{b: [c: {1, 2.0, "three", ~D[2024-02-29]}]}}, pretty: true, width: 20))

IO.puts("-- Erlang's string module and unicode")
IO.inspect({:string.length(["a", ?é, "e\u0301"]), :string.uppercase("straße"), :string.casefold("HÉ"), :string.to_graphemes("e\u0301a")})
IO.inspect({:string.split("a b c", " ", :all), :string.find("hello", "l"), :string.pad("x", 4, :both), :string.trim("  x "), :string.prefix("abc", "ab"), :string.to_integer("12x")})
IO.inspect({:string.lexemes("a, b;c", ~c", ;"), :string.reverse("e\u0301a"), :string.equal("É", "é", true), :string.nth_lexeme("a.b.c", 2, ~c".")})
IO.inspect({:unicode.characters_to_list(<<0xC3, 0xA9, 0xFF, 1>>), :unicode.characters_to_binary(<<0xC3>>), :unicode.characters_to_binary([233, 0x1F600], :unicode, {:utf16, :little})})
IO.inspect({:unicode.characters_to_binary(<<233, 234>>, :latin1), :unicode.characters_to_binary("é", :utf8, :latin1), :unicode.bom_to_encoding(<<0xEF, 0xBB, 0xBF, "x">>)})
IO.inspect({:unicode.characters_to_nfkd_binary("ﬁ①"), :unicode.characters_to_nfc_list("e\u0301"), :unicode.characters_to_nfkc_binary("ｱ")})

IO.puts("-- errors")
for function <- [
      fn -> String.to_existing_atom("surely no such atom " <> "here") end,
      fn -> String.upcase(apply(fn -> :atom end, [])) end,
      fn -> List.to_string([0xD800]) end,
      fn -> "a" <> apply(fn -> 1 end, []) end,
      fn -> "#{apply(fn -> {1, 2} end, [])}" end,
      fn -> :binary.list_to_bin([256]) end
    ] do
  try do
    IO.inspect(function.())
  rescue
    error -> IO.puts("#{inspect(error.__struct__)}: #{Exception.message(error)}")
  end
end
