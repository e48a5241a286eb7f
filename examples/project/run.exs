# Uses the modules that `elixirc` made of lib/.
alias Project.{Describe, Rectangle, Report, Shape, Square}

{:ok, _} = Report.start_link()
Report.add(Square.new(3))
Report.add(%Rectangle{width: 2, height: 1.5})
Report.add(Square.new(1))
Enum.each(Report.lines(), &IO.puts/1)

IO.inspect(Report.measures())
IO.inspect({Report.doubled(Square.new(2)), Report.halved(%Rectangle{width: 3, height: 3})})
IO.inspect([Square.new(2), %Rectangle{}])
IO.puts(Describe.text({:no, "implementation of its own"}))
IO.inspect(Shape.impl_for(%Rectangle{}))

try do
  Shape.area(:round)
rescue
  error in Protocol.UndefinedError -> IO.puts(Exception.message(error))
end

try do
  Square.new(-1)
rescue
  FunctionClauseError -> IO.puts("no negative squares: #{Exception.format_stacktrace_entry(hd(__STACKTRACE__))}")
end
