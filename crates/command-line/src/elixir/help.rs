//! What Elixir's programs say about themselves when asked for help.

pub(super) const ELIXIR: &str = "\
Usage: elixir [options] [script.exs] [arguments for the script]

To run code:
  -e, --eval CODE              Run CODE
  -r PATTERN                   Run the files that match PATTERN
  -pr PATTERN                  The same, all files at once
  -S NAME                      Run the script NAME, found in PATH
  --rpc-eval NODE CODE         Run CODE on another node
  --no-halt                    Go on when the code has ended

To find code:
  -pa FOLDER, -pz FOLDER       Put FOLDER first, or last, into the code path

To set the runtime system up:
  --erl FLAGS                  Give FLAGS to erl
  --vm-args FILE               Give the flags in FILE to erl
  --erl-config FILE            Configure applications from FILE.config
  --boot FILE                  Start with FILE.boot
  --boot-var NAME FOLDER       Say what NAME stands for in FILE.boot
  --pipe-to FOLDER LOGS        Run in the background; to_erl FOLDER connects
  --color, --no-color          Use colours, or do not
  --logger-otp-reports BOOL    Log OTP's reports, or do not
  --logger-sasl-reports BOOL   Log SASL's reports, or do not

To be a node:
  --sname NAME, --name NAME    Give the node a short or a full name
  --cookie COOKIE              Set its cookie
  --hidden                     Hide it from other nodes

Alone:
  -h, --help                   Print this text
  -v, --version                Print the versions of OTP and Elixir
  --short-version              Print the version of Elixir

What follows the script, or --, is for the script. erl also gets the flags in ELIXIR_ERL_OPTIONS.
";

pub(super) const ELIXIRC: &str = "\
Usage: elixirc [options of elixir] [options] file.ex ...

  -o FOLDER                    Put compiled modules into FOLDER
  --ignore-module-conflict     Do not warn when a module is defined again
  --no-debug-info              Leave debugging information out of modules
  --no-docs                    Leave documentation out of modules
  --profile time               Say what compiling takes its time for
  --verbose                    Say what is compiled
  --warnings-as-errors         Fail when there are warnings
  -h, --help                   Print this text
  -v, --version                Print the versions of OTP and Elixir

erl also gets the flags in ELIXIR_ERL_OPTIONS, Erlang's compiler the options in ERL_COMPILER_OPTIONS.
";

pub(super) const IEX: &str = "\
Usage: iex [options] [script.exs] [arguments for the script]

  --dbg pry                    Let dbg/2 stop at IEx.pry/0
  --dot-iex FILE               Run FILE first, not .iex.exs or ~/.iex.exs; nothing if FILE is empty
  --remsh NODE                 Be a shell of another node

All options of elixir are options of iex; elixir --help lists them.
";
