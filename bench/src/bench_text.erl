%% Text: formatting, upper case, words.
-module(bench_text).
-export([run/1]).

run(N) ->
    Lines = [io_lib:format("~5w: ~ts is ~.3f of ~p~n", [I, <<"größe"/utf8>>, I / 7, {item, [I, "text"]}]) || I <- lists:seq(1, N)],
    Text = unicode:characters_to_binary(Lines),
    Words = string:lexemes(string:uppercase(Text), " \n:"),
    {byte_size(Text), length(Words), erlang:crc32(lists:join(<<",">>, Words))}.
