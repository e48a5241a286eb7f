# A new project, and its tests: one that passes, then one that does not.
folder=$(mktemp -d)
cd "$folder" || exit 1
mix new demo
cd demo || exit 1
mix test --seed 0 2>&1 | sed -n '/^Running/,$p' | sed 's/Finished in .*/Finished/; s/, max_cases.*//'
printf 'defmodule SumTest do\n  use ExUnit.Case, async: true\n  test "sums" do\n    assert Enum.sum([1, 2]) == 4\n  end\nend\n' > test/sum_test.exs
mix test --seed 0 --no-color > out.txt 2>&1
echo "status $?"
sed 's/Finished in .*/Finished/; s/, max_cases.*//' out.txt
cd / && rm -r "$folder"
