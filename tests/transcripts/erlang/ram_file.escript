#!/usr/bin/env escript
%% Files in memory: file:open/2 with the mode ram.
main(_) ->
    {ok, File} = file:open(<<"some text">>, [ram, read, write, binary]),
    show(read, [file:read(File, 4), file:position(File, cur), file:read(File, 100), file:read(File, 1), file:read(File, 0)]),
    show(write, [file:write(File, ["and ", <<"more">>]), ram_file:get_file(File), ram_file:get_size(File)]),
    show(pread, [file:pread(File, 5, 4), file:pread(File, [{0, 2}, {100, 1}, {3, 0}]), file:pread(File, -1, 4)]),
    show(pwrite, [file:pwrite(File, 0, "SOME"), file:pwrite(File, [{20, "far"}, {5, "TEXT"}]), ram_file:get_file(File)]),
    show(position, [file:position(File, Where) || Where <- [3, {cur, 2}, {eof, -3}, {bof, 1}, {cur, -100}, eof, {eof, 4}]]),
    show(truncate, [file:truncate(File), ram_file:get_size(File), file:position(File, 2), file:truncate(File), ram_file:get_file(File)]),
    show(others, [file:sync(File), file:datasync(File), file:advise(File, 0, 1, normal), file:advise(File, 0, 1, what),
                  file:allocate(File, 0, 10)]),
    show(close, [file:close(File), file:read(File, 1), file:close(File)]),
    {ok, Reader} = file:open("a list", [ram]),
    show(reader, [file:read(Reader, 3), file:write(Reader, "x"), file:truncate(Reader), ram_file:get_file(Reader)]),
    {ok, Writer} = file:open("old", [ram, write]),
    show(writer, [file:read(Writer, 3), file:write(Writer, "x"), ram_file:get_file(Writer)]),
    {ok, From} = file:open("from here", [ram, read]),
    show(copy, [file:copy(From, Writer), ram_file:get_file(Writer), file:open("", [ram, nothing]), file:open(atom, [ram])]),
    show(driver, [is_port(open_port({spawn_driver, "ram_file_drv"}, [])), element(1, element(2, catch open_port({spawn_driver, "no_such_drv"}, [])))]).

show(What, Results) -> io:format("~p: ~p~n", [What, Results]).
