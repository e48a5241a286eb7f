# Emulator flags that set what the machine tells of itself, and how it starts processes and tables.
show='Info = fun(Key) -> io:format("~p: ~p~n", [Key, erlang:system_info(Key)]) end,
lists:foreach(Info, [thread_pool_size, ets_limit, port_parallelism, message_queue_data, dist_buf_busy_limit, async_dist, max_heap_size]),
io:format("~p ~p~n", [error_logger:warning_map(), process_info(self(), [message_queue_data, async_dist])]),
{Pid, Reference} = spawn_opt(fun() -> receive go -> ok end end, [monitor, {message_queue_data, on_heap}, {async_dist, false}]),
io:format("~p~n", [process_info(Pid, [message_queue_data, async_dist])]),
Pid ! go, receive {_, Reference, _, _, Reason} -> io:format("~p~n", [Reason]) end,
io:format("~p ~p~n", [ets:info(ets:new(plain, []), compressed), ets:info(ets:new(small, [compressed]), compressed)]),
halt().'
echo "== none"
erl -noshell -eval "$show"
echo "== all"
erl +A 7 +e 9000 +ec +hmqd off_heap +spp true +W e +zdbbl 2000 +pad true +hmax 1000000 +hmaxk false +hmaxel false -noshell -eval "$show"

echo "== file names"
names='io:format("~w ~w ~w~n", [file:native_name_encoding(), prim_file:internal_native2name(<<255>>), prim_file:internal_name2native([233])]), halt().'
for flags in +fnu +fnui +fnue +fnl; do erl $flags -noshell -eval "$names"; done
for locale in C C.UTF-8; do LC_ALL=$locale erl +fna -noshell -eval "$names"; done

echo "== mistakes"
erl +fnx -noshell -eval 'halt().' 2>&1 | head -1
erl +W q -noshell -eval 'halt().' 2>&1 | head -1
erl +hmqd here -noshell -eval 'halt().' 2>&1 | head -1
