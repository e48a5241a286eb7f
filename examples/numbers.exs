# Integers without limit, floats, and how they print.
import Bitwise

IO.puts("-- big integers")
factorial = Enum.reduce(1..60, &(&1 * &2))
IO.inspect(factorial)
IO.inspect(2 ** 200)
IO.inspect(-(2 ** 64) - 1)
IO.inspect(div(factorial, 2 ** 64))
IO.inspect({rem(factorial + 7, 1_000_000_007), rem(-factorial - 7, 1_000_000_007), div(-7, 2), rem(-7, 2), Integer.mod(-7, 2), Integer.floor_div(-7, 2)})
IO.inspect(Integer.to_string(factorial, 36))
IO.inspect(String.to_integer("zzzzzzzzzzzzzzzzzzzz", 36))
IO.inspect(Integer.digits(2 ** 70))
IO.inspect(Integer.gcd(factorial, 2 ** 100))
IO.inspect({(1 <<< 100) ||| 1, (1 <<< 100) >>> 98, band(-1, 2 ** 70), bxor(2 ** 65, -1), bnot(2 ** 65), -1 >>> 200, (-(2 ** 70)) >>> 3})
IO.inspect(Enum.reduce(1..1000, {0, 1}, fn _, {a, b} -> {b, a + b} end) |> elem(0))
IO.inspect({Integer.pow(3, 100), Integer.extended_gcd(240, 46)})
{a, b} = {1_152_921_504_606_846_975, -1_152_921_504_606_846_976}
IO.inspect({a + 1, b - 1, a * 2, b * 2, -b, abs(b), a * a, b * b, a - b, a + b})
IO.inspect({9_223_372_036_854_775_807 + 1, -9_223_372_036_854_775_808 - 1, 4_294_967_296 * 4_294_967_296})
digits = Integer.to_string(7 ** 5000)
IO.inspect({String.length(digits), String.slice(digits, 0, 20), String.to_integer(digits) == 7 ** 5000})
IO.inspect(div(7 ** 5000, 7 ** 4990) == 7 ** 10)

IO.puts("-- floats")
for float <- [0.1, 1.0, -0.0, 100.0, 1.0e15, 1.0e16, 123456789012345680.0, 1.0e21, 1.0e22, 1.0e23, 5.0e-324, 1.7976931348623157e308, 1.0e-5, 0.0001, 123.456, 1.0e100, 9007199254740993.0, 0.30000000000000004, 2.5e-7] do
  IO.puts("#{float} #{inspect(float)} #{if float < 1.0e200, do: :erlang.float_to_binary(float, [:compact, decimals: 3])} #{:erlang.float_to_binary(float, scientific: 4)}")
end

IO.inspect({0.1 + 0.2, 1 / 3, 2 / 1, 1.0e308 * 10.0e-10, -7.5 / 2, 10 / 4})
IO.inspect({trunc(-2.7), round(2.5), round(-2.5), round(0.49999999999999994), floor(-2.5), ceil(-2.5), trunc(1.0e20), round(1.0e300) |> rem(1000)})
IO.inspect({Float.round(2.675, 2), Float.floor(1.29, 1), Float.ceil(1.21, 1), Float.ratio(0.75), Float.parse("1.5e3xyz"), Float.to_string(1.0e10)})
IO.inspect({1 == 1.0, 1 === 1.0, 0.0 == -0.0, 0.0 === -0.0, 9007199254740993 == 9007199254740992.0, 2 ** 1000 > 1.0e300, 2 ** 53 + 1 > 9007199254740992.0})
IO.inspect({:math.sqrt(2), :math.pow(2, 0.5), :math.sin(1), :math.atan2(1, -1), :math.log(10), :math.exp(1), :math.fmod(7.5, 2), :math.pi()})
IO.inspect({Float.max_finite(), Float.min_finite(), Float.pow(2.0, 10)})
IO.inspect(Enum.sort([3, 2.5, 1.0, 1, -1, 2 ** 70, 1.0e30, -2 ** 70, 0.0]))

IO.puts("-- text to numbers")
IO.inspect([Integer.parse("12abc"), Integer.parse("-0x1"), Integer.parse("ff", 16), Integer.parse(""), Float.parse("1."), Float.parse(".5"), Float.parse("-1e5")])

IO.puts("-- errors")
zero = String.to_integer("0")

for function <- [
      fn -> div(1, zero) end,
      fn -> 1.0 / zero end,
      fn -> rem(1, zero) end,
      fn -> 1.0e308 * (10 + zero) end,
      fn -> :math.sqrt(-1 + zero) end,
      fn -> :math.log(zero) end,
      fn -> 1 + apply(fn -> :a end, []) end,
      fn -> 1 <<< (2 ** 62 + zero) end,
      fn -> String.to_integer("12x") end,
      fn -> String.to_float("12") end,
      fn -> :erlang.float_to_binary(1.0, decimals: 300) end,
      fn -> trunc(apply(fn -> "1" end, [])) end,
      fn -> (2 ** 2000 + zero) / 1.5 end
    ] do
  try do
    IO.inspect(function.())
  rescue
    error -> IO.puts("#{inspect(error.__struct__)}: #{Exception.message(error)}")
  end
end
