# What the `erl` command accepts, and how it ends.
erl -noshell -eval 'io:format("~p~n", [erlang:system_info(otp_release)]), halt().'
erl -noshell -eval 'halt(3).'; echo "status $?"
erl -noinput -eval 'io:format("~p ~p~n", [init:get_plain_arguments(), init:get_argument(x)]), halt().' -x 1 2 -extra a b
erl -noshell -s erlang halt; echo "status $?"
erl -noshell -run io put_chars text -s init stop; echo " status $?"
erl -noshell +S 1 -eval 'io:format("~p~n", [erlang:system_info(schedulers_online)]), init:stop(2).'; echo "status $?"
erl -noshell -eval 'io:format("~ts~n", [<<"日本語 é"/utf8>>]), io:format(standard_error, "error~n", []), halt().'
printf 'hello\n{term, 1}.\n' | erl -noshell -eval 'io:format("~p ~p~n", [io:get_line(""), io:read("")]), halt().'
printf 'X = 1 + 2.\nX * 2.\nlists:seq(1, X).\n1/0.\nfoo:bar().\nself() ! hi, flush().\nf(X), X = 5.\nhalt().\n' | erl -noinput -eval 'ok.' -s erlang halt; echo "status $?"
folder=$(mktemp -d)
printf -- '-module(m).\n-export([f/1, main/0]).\nf(X) when X > 0 -> X * 2.\nmain() -> io:format("~%sp~n", [f(21)]).\n' '' > "$folder/m.erl"
(cd "$folder" && erlc m.erl && ls && erl -noshell -s m main -s erlang halt); echo "status $?"
printf -- '-module(bad).\n-export([f/0, g/0]).\nf() -> X.\nh() -> 1.\n' > "$folder/bad.erl"
(cd "$folder" && erlc bad.erl); echo "status $?"
(cd "$folder" && erlc missing.erl); echo "status $?"
printf 'not a beam file' > "$folder/junk.beam"
(cd "$folder" && erl -noshell -kernel logger_level none -eval 'io:format("~p~n", [code:load_file(junk)]), halt().')
printf '#!/usr/bin/env escript\nmain(A) -> io:format("~%sp~n", [A]), halt(7).\n' '' > "$folder/s"
escript "$folder/s" a 1 'b c'; echo "status $?"
printf '#!/usr/bin/env escript\nmain(_) -> foo(.\n' > "$folder/s2"
(cd "$folder" && escript s2); echo "status $?"
rm -r "$folder"
