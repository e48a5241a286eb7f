#!/usr/bin/env escript
%% Makes test trees of OTP: build_otp_suites.escript SOURCES TARGET APP=FOLDER...
%%
%% SOURCES is the source package's folder, FOLDER that of the application's tests in it; TARGET gets test_server/ and
%% APP_test/ for each application, compiled, with the programs and libraries that the suites start and load.
%% Needs make and a C compiler.

main([Sources, Target | Applications]) ->
    ok = filelib:ensure_path(Target),
    TestServer = test_server(Sources, Target),
    true = code:add_patha(TestServer),
    Trees = [tree(Sources, Target, string:split(Application, "=")) || Application <- Applications],
    compile_all(Trees, includes(Sources, TestServer)),
    {ok, Variables} = file:consult(filename:join(TestServer, "variables")),
    [make(filename:dirname(File), Variables) || Tree <- Trees, File <- filelib:wildcard(Tree ++ "/*_SUITE_data/Makefile.src")].

%% What all applications' tests use is made once.
test_server(Sources, Target) ->
    Tree = filename:join(Target, "test_server"),
    case filelib:is_regular(filename:join(Tree, "variables")) of
        true -> ok;
        false ->
            "" = os:cmd("rm -rf '" ++ Tree ++ "'"),
            copy(filename:join(Sources, "lib/common_test/test_server"), Tree),
            compile_all([Tree], includes(Sources, Tree)),
            install(Tree)
    end,
    Tree.

%% The suites of ssl include its private headers, and one of public_key's that is made when OTP is built.
includes(Sources, TestServer) ->
    Lib = filename:join(Sources, "lib"),
    [{i, Folder} || Folder <- [TestServer, Lib, filename:join(Lib, "ssl/src"), filename:join(code:lib_dir(public_key), "include")]].

tree(Sources, Target, [App, Path]) ->
    Tree = filename:join(Target, App ++ "_test"),
    "" = os:cmd("rm -rf '" ++ Tree ++ "'"),
    copy(filename:join(Sources, Path), Tree),
    [copy(filename:join(Sources, File), Tree) || File <- borrowed(App)],
    Tree.

%% Suites use these modules of other applications' tests.
borrowed("emulator") -> ["lib/stdlib/test/error_info_lib.erl" | borrowed("kernel")];
borrowed("kernel") -> ["lib/kernel/examples/gen_tcp_dist/src/gen_tcp_dist.erl"];
borrowed(_) -> [].

copy(From, To) -> "" = os:cmd("cp -r '" ++ From ++ "' '" ++ To ++ "' 2>&1").

%% Compiles on as many processes as there are schedulers; says which modules do not compile.
compile_all(Folders, Includes) ->
    Files = [File || Folder <- Folders, File <- filelib:wildcard(Folder ++ "/*.erl")],
    Share = fun(Rest) -> [File || {Index, File} <- lists:enumerate(Files), Index rem workers() =:= Rest] end,
    Monitors = [spawn_monitor(fun() -> [compile(File, Includes) || File <- Share(Rest)] end) || Rest <- lists:seq(0, workers() - 1)],
    [receive {'DOWN', Monitor, process, _, _} -> ok end || {_, Monitor} <- Monitors].

workers() -> erlang:system_info(schedulers_online).

compile(File, Includes) ->
    Folder = filename:dirname(File),
    case (catch compile:file(File, [return_errors, debug_info, {outdir, Folder}, {i, Folder} | Includes])) of
        {ok, _} -> ok;
        Failed -> io:format("~ts does not compile: ~0tP~n", [filename:basename(File), Failed, 12])
    end.

%% Writes the file `variables`: the compiler and its options, as OTP's own tests find them.
install(TestServer) ->
    ok = file:set_cwd(TestServer),
    code:add_patha(TestServer),
    ts:install().

make(Folder, Variables) ->
    ok = file:set_cwd(Folder),
    ok = ts_lib:subst_file("Makefile.src", "Makefile", Variables),
    %% The sources were written for older compilers.
    case string:find(os:cmd("make -k CC='gcc -fpermissive -w' 2>&1"), "Error") of
        nomatch -> ok;
        Failed ->
            io:format("~ts: ~ts~n", [filename:basename(Folder), string:slice(Failed, 0, 200)]),
            %% Else the suite would try again, and leave out all its cases.
            [ok = file:delete(File) || File <- ["Makefile.src", "Makefile"]]
    end.
