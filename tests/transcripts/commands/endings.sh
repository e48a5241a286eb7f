# How the machine ends: halt, init:stop, signals, errors while starting, closed output, ended input.
export ERL_CRASH_DUMP_BYTES=0
folder=$(mktemp -d)
for status in 0 1 2 127 128 254 255 256 257; do erl -noshell -eval "halt($status)."; echo "halt($status): status $?"; done
erl -noshell -eval 'halt("a slogan").'; echo "status $?"
erl -noshell -eval 'halt("").'; echo "status $?"
sh -c 'ulimit -c 0; erl -noshell -eval "halt(abort)."' 2>/dev/null; echo "status $?"
erl -noshell -eval 'io:format("~p~n", [[element(1, element(2, (catch halt(X)))) || X <- [-1, a, 1.0, [a], <<"text">>]]]), halt().'; echo "status $?"
erl -noshell -eval 'io:format("flushed"), halt(3, [{flush, true}]).'; echo " status $?"
# Output that nobody reads, for a while.
slow='P = open_port({spawn, "sleep 2"}, []), spawn(fun() -> port_command(P, binary:copy(<<0>>, 10000000)) end), timer:sleep(300),'
erl -noshell -eval "$slow halt(3, [{flush_timeout, 100}])."; echo "flush_timeout: status $?"
erl -noshell +zhft 200 -eval "$slow halt(3)."; echo "+zhft: status $?"
erl -noshell +zhft 200 -eval "$slow halt(3, [{flush, false}])."; echo "no flush: status $?"
erl -noshell +zhft 60000 -eval "$slow halt(4, [{flush_timeout, 100}])."; echo "the shorter one: status $?"
erl -noshell +zhft infinity -eval 'halt(5, [{flush_timeout, 100}]).'; echo "in time: status $?"
erl -noshell -eval 'io:format("~p~n", [[element(1, element(2, (catch halt(0, O)))) || O <- [[{flush, maybe}], [x], flush]]]), halt().'; echo "status $?"
for status in 0 7 255; do erl -noshell -eval "init:stop($status)."; echo "init:stop($status): status $?"; done
erl -noshell -eval 'init:stop("stopped with a text").'; echo "status $?"
erl -noshell -eval 'io:put_chars(lists:duplicate(100000, $a)), halt().' | wc -c
erl -noshell -eval 'error(uncaught).' 2>&1 | sed -n '1,/^init terminating/p' | grep -v 'Crash dump'
erl -noshell -eval 'error(uncaught).' >/dev/null 2>&1; echo "status $?"
erl -noshell -eval 'foo(' 2>&1 | grep -v 'Crash dump'
erl -noshell -s no_such_module 2>&1 | grep -v 'Crash dump'
erl -noshell -s lists no_such_function 2>&1 | grep -v 'Crash dump'
erl -noshell -s no_such_module >/dev/null 2>&1; echo "status $?"
(cd "$folder" && erl -noshell -boot no_such_boot -s erlang halt 2>&1 | grep -v 'Crash dump')
(cd "$folder" && erl -noshell -boot no_such_boot -s erlang halt) >/dev/null 2>&1; echo "status $?"
printf 'not a boot file' > "$folder/junk.boot"
(cd "$folder" && erl -noshell -boot ./junk -s erlang halt) >/dev/null 2>&1; echo "status $?"
erl -noshell -config "$folder/no_such_config" -s erlang halt >/dev/null 2>&1; echo "status $?"
printf '[{kernel, [' > "$folder/bad.config"
erl -noshell -config "$folder/bad" -s erlang halt >/dev/null 2>&1; echo "status $?"
erl +no_such_flag 2>&1 | tr -d '\r' | head -n 1
erl +no_such_flag >/dev/null 2>&1; echo "status $?"
erl +S junk -noshell -s erlang halt >/dev/null 2>&1; echo "status $?"
erl +P 1 -noshell -s erlang halt >/dev/null 2>&1; echo "status $?"
erl -noshell -eval 'io:format("ready~n"), os:cmd("kill -TERM " ++ os:getpid()), timer:sleep(infinity).'; echo "TERM: status $?"
for signal in QUIT USR1; do
    erl -noshell -eval "os:cmd(\"kill -$signal \" ++ os:getpid()), timer:sleep(infinity)."; echo "$signal: status $?"
done
erl -noshell -eval 'os:set_signal(sigterm, ignore), os:cmd("kill -TERM " ++ os:getpid()), timer:sleep(100), io:format("ignored~n"), halt(5).'; echo "status $?"
sh -c 'ulimit -c 0; erl -noshell -eval "os:cmd(\"kill -KILL \" ++ os:getpid()), timer:sleep(20000)."' >/dev/null 2>&1; echo "status $?"
erl -noshell -eval 'os:set_signal(sighup, ignore), os:cmd("kill -HUP " ++ os:getpid()), io:format("alive~n"), halt(4).'; echo "status $?"
erl -noshell -eval 'io:format("~p ~p~n", [io:get_line(""), io:read("")]), halt().' </dev/null; echo "status $?"
printf 'no newline' | erl -noshell -eval 'io:format("~p ~p~n", [io:get_line(""), io:get_line("")]), halt().'
printf 'a b\n{1, 2\n' | erl -noshell -eval 'io:format("~p ~p~n", [io:fread("", "~a ~d"), io:read("")]), halt().'
printf '\377\376\n' | erl -noshell -eval 'io:format("~p~n", [io:get_line("")]), halt().'
erl -noshell -eval '[io:format("~p~n", [N]) || N <- lists:seq(1, 3000)], halt().' 2>/dev/null | head -n 1
printf '1+1.\n' | erl -noinput -s init stop; echo "status $?"
printf '#!/usr/bin/env escript\n-module(raises).\nmain(_) -> error(uncaught).\n' > "$folder/raises"
escript "$folder/raises" 2>&1 | sed "s|$folder|folder|"
escript "$folder/raises" >/dev/null 2>&1; echo "status $?"
printf '#!/usr/bin/env escript\n-module(no_main).\nf() -> 1.\n' > "$folder/no_main"
escript "$folder/no_main" 2>&1 | sed "s|$folder|folder|"
printf '\377\000\001' > "$folder/junk"
escript "$folder/junk" >/dev/null 2>&1; echo "status $?"
escript "$folder/missing" 2>&1 | sed "s|$folder|folder|"
: > "$folder/empty"
escript "$folder/empty" >/dev/null 2>&1; echo "status $?"
rm -r "$folder"
