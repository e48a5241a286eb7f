%% Runs one suite of OTP under common_test, and writes the outcome of each case to a file as soon as it is known.
%%
%%   erl ... -run suite_runner main APP_FOLDER SUITE RESULTS LOG_FOLDER
%%
%% Each line of the file is `start CASE`, `OUTCOME CASE REASON` or, at the end, `end`, with tabs between. A case in a
%% group is called GROUP/CASE. Cases that the file has already are left out: after a machine that died or hung, the
%% same command goes on with the rest.
-module(suite_runner).
-behaviour(gen_event).

-export([main/1]).
-export([init/1, handle_event/2, handle_call/2, handle_info/2, terminate/2]).

-define(RAN_BEFORE, "ran before").

main([Folder, Suite, Results, Logs]) ->
    Specification = filename:join(Logs, "suite.spec"),
    Terms = [{logdir, Logs}, {suites, Folder, [list_to_atom(Suite)]}, {event_handler, [?MODULE], [Results]}
             | skipped(Folder, list_to_atom(Suite), ran_before(Results))],
    ok = file:write_file(Specification, [io_lib:format("~tp.~n", [Term]) || Term <- Terms]),
    Result = (catch ct:run_test([{spec, Specification}, {auto_compile, false}, {verbosity, 0}])),
    io:format("~tp~n", [Result]),
    write(Results, ["end"]),
    halt(0).

%% Leaves out cases, each in its innermost group: a case may be in several groups.
skipped(Folder, Suite, Cases) ->
    [case lists:reverse([list_to_atom(Name) || Name <- string:split(Case, "/", all)]) of
         [Name] -> {skip_cases, Folder, Suite, [Name], ?RAN_BEFORE};
         [Name, Group | _] -> {skip_groups, Folder, Suite, Group, {cases, [Name]}, ?RAN_BEFORE}
     end || Case <- Cases].

%% The names of cases that were started, with their groups.
ran_before(Results) ->
    {ok, Text} = file:read_file(Results),
    lists:usort([binary_to_list(Case) || <<"start\t", Case/binary>> <- binary:split(Text, <<"\n">>, [global])]).

%% The state: the file, and the groups that were entered and not left, innermost first.
init([Results]) -> {ok, {Results, []}}.

handle_event({event, Kind, _Node, Data}, {Results, Groups}) ->
    {ok, {Results, event(Kind, Data, Results, Groups)}};
handle_event(_, State) -> {ok, State}.

event(tc_start, {_Suite, {init_per_group, Group, _}}, _, Groups) -> [Group | Groups];
event(tc_done, {_Suite, {init_per_group, Group, _}, {Failed, Why}}, _, [Group | Outer]) when Failed =/= ok -> _ = Why, Outer;
event(tc_done, {_Suite, {end_per_group, Group, _}, _}, _, [Group | Outer]) -> Outer;
event(tc_start, {_Suite, Case}, Results, Groups) ->
    case is_case(Case) of
        true -> write(Results, ["start\t", name(Case, Groups)]);
        false -> ok
    end,
    Groups;
event(tc_done, {_Suite, Case, Outcome}, Results, Groups) -> done(Case, Outcome, Results, Groups);
event(tc_user_skip, {_Suite, Case, Why}, Results, Groups) -> done(Case, {skipped, Why}, Results, Groups);
event(tc_auto_skip, {_Suite, Case, Why}, Results, Groups) -> done(Case, {skipped, Why}, Results, Groups);
event(_, _, _, Groups) -> Groups.

done(_Case, {skipped, ?RAN_BEFORE}, _Results, Groups) -> Groups;
done(Case, Outcome, Results, Groups) ->
    {Word, Why} = case Outcome of
                      ok -> {"passed", ""};
                      {skipped, Reason} -> {"skipped", Reason};
                      {auto_skipped, Reason} -> {"skipped", Reason};
                      {failed, Reason} -> {"failed", Reason};
                      Other -> {"failed", Other}
                  end,
    case is_case(Case) of
        true -> write(Results, [Word, "\t", name(Case, Groups), "\t", one_line(Why)]);
        false -> ok
    end,
    Groups.

is_case({Name, _Group}) -> is_case(Name);
is_case(Name) when is_atom(Name) -> not lists:member(Name, [init_per_suite, end_per_suite, init_per_group, end_per_group]);
is_case(_) -> false.

%% What is left out with its group is named with the group alone.
name({Case, Group}, []) -> name(Case, [Group]);
name({Case, _Group}, Groups) -> name(Case, Groups);
name(Case, Groups) -> lists:join("/", [atom_to_list(Name) || Name <- lists:reverse([Case | Groups])]).

one_line(Text) ->
    Flat = lists:flatten(io_lib:format("~0tP", [Text, 40])),
    [case Char of $\n -> $\s; $\t -> $\s; _ -> Char end || Char <- lists:sublist(Flat, 500)].

write(Results, Line) -> ok = file:write_file(Results, unicode:characters_to_binary([Line, "\n"]), [append]).

handle_call(_, State) -> {ok, ok, State}.
handle_info(_, State) -> {ok, State}.
terminate(_, _) -> ok.
