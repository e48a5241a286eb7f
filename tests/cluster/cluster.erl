%% What nodes do together, seen from one of two: `main/0` checks one feature after the other against the node that the argument
%% `-peer` names, and prints a line for each. Both nodes have these modules in their code path; `-only` chooses features or modules.
-module(cluster).
-export([main/0, further/1, further/2, echoed/2, receive_one/0, nothing/0, down/1, until/1, on/4, named/1, fresh/1, host/0, tried/1]).

-define(WAIT, 20000).
-define(FEATURE_MAX, 60000).

main() ->
    {ok, [[Name]]} = init:get_argument(peer),
    Peer = named(Name),
    Only = case init:get_argument(only) of
               {ok, Chosen} -> [list_to_atom(One) || One <- lists:append(Chosen)];
               error -> []
           end,
    Features = [{Module, Feature} || Module <- [cluster_signals, cluster_nodes], Feature <- Module:features(),
                                     Only =:= [] orelse lists:member(Feature, Only) orelse lists:member(Module, Only)],
    case connect(Peer, 200) of
        true -> [check(Module, Feature, Peer) || {Module, Feature} <- Features];
        false -> say("no connection to ~p", [Peer])
    end,
    catch erpc:cast(Peer, erlang, halt, []),
    timer:sleep(200),
    halt().

connect(_, 0) -> false;
connect(Peer, Left) ->
    case net_kernel:connect_node(Peer) of
        true -> true;
        _ -> timer:sleep(100), connect(Peer, Left - 1)
    end.

say(Format, Arguments) -> io:format(Format ++ "~n", Arguments).

check(Module, Feature, Peer) ->
    connect(Peer, 50),
    {Pid, Monitor} = spawn_monitor(fun() -> Module:feature(Feature, Peer), exit(works) end),
    receive
        {'DOWN', Monitor, process, Pid, works} -> say("~s: works", [Feature]);
        {'DOWN', Monitor, process, Pid, Reason} -> say("~s: ~0tp", [Feature, Reason])
    after ?FEATURE_MAX ->
        Where = process_info(Pid, [current_stacktrace, messages]),
        exit(Pid, kill),
        say("~s: does not end, ~0tp", [Feature, Where])
    end.

echoed(Echo, Term) ->
    Echo ! {self(), Term},
    receive {Echo, Back} -> Back after ?WAIT -> exit({no_echo, Term}) end.

receive_one() -> receive Message -> Message after ?WAIT -> exit(no_message) end.
nothing() -> receive Message -> exit({unexpected, Message}) after 100 -> ok end.
down(Pid) ->
    Monitor = monitor(process, Pid),
    receive {'DOWN', Monitor, process, _, Reason} -> Reason after ?WAIT -> exit(no_down) end.
until(Condition) -> until(Condition, 200).
until(_, 0) -> exit(never);
until(Condition, Left) ->
    case Condition() of
        true -> ok;
        _ -> timer:sleep(50), until(Condition, Left - 1)
    end.
on(Peer, Module, Function, Arguments) -> erpc:call(Peer, Module, Function, Arguments, ?WAIT).
host() -> lists:last(string:split(atom_to_list(node()), "@")).
named(Name) -> list_to_atom(Name ++ "@" ++ host()).
fresh(Prefix) -> list_to_atom(Prefix ++ integer_to_list(erlang:unique_integer([positive])) ++ os:getpid()).

%% A further node, with arguments and options of its own.
further(Arguments) -> further(Arguments, #{}).
further(Arguments, Options) ->
    Cookie = case lists:member("-setcookie", Arguments) of true -> []; false -> ["-setcookie", atom_to_list(erlang:get_cookie())] end,
    Common = ["-pa", filename:dirname(code:which(?MODULE)), "-kernel", "logger_level", "emergency"],
    Merged = maps:merge(#{name => fresh("further"), connection => standard_io, args => Arguments ++ Cookie ++ Common}, Options),
    {ok, Peer, Node} = peer:start_link(Merged),
    {Peer, Node}.

tried(Fun) -> try Fun() catch Class:Reason -> {Class, Reason} end.
