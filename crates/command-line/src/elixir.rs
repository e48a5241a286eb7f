//! `elixir`, `elixirc`, `iex` and `mix`: an `erl` that runs Elixir's own command line, which reads what follows
//! `-extra`. Options for `erl` are taken out here, the others stay in their order.

mod help;

use crate::{Command, Exit, Plan, Program, Surroundings, concat, erl, list};
use std::collections::VecDeque;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Reads the command line of one of Elixir's programs.
pub(crate) fn plan(
    program: Program,
    mut arguments: Vec<Vec<u8>>,
    surroundings: Surroundings<'_>,
) -> Result<Plan, Exit> {
    let asks_for_help = matches!(arguments.first().map(Vec::as_slice), Some(b"-h" | b"--help"));
    match program {
        Program::Mix => {
            arguments.insert(0, concat(&[surroundings.installation.elixir_bytes(), b"/bin/mix"]));
        }
        Program::Iex if asks_for_help => return Err(Exit::failing(help::IEX)),
        Program::Iex => {
            arguments.splice(0..0, list(&["--no-halt", "--erl", "-user elixir", "+iex"]));
        }
        Program::Elixirc if asks_for_help || arguments.is_empty() => return Err(Exit::failing(help::ELIXIRC)),
        Program::Elixirc => arguments.insert(0, b"+elixirc".to_vec()),
        _ => {}
    }
    elixir(arguments, surroundings)
}

fn elixir(arguments: Vec<Vec<u8>>, surroundings: Surroundings<'_>) -> Result<Plan, Exit> {
    let only = if arguments.len() == 1 { arguments.first().map(Vec::as_slice) } else { None };
    match only {
        Some(b"-h" | b"--help") => return Err(Exit::failing(help::ELIXIR)),
        Some(b"--short-version") => return Err(short_version(&surroundings)),
        _ if arguments.is_empty() => return Err(Exit::failing(help::ELIXIR)),
        _ => {}
    }
    let options = Options::read(arguments)?;
    let erl_arguments = options.erl_arguments(&surroundings);
    if let Some((pipe, log)) = &options.pipe_to {
        return run_in_background(erl_arguments, pipe, log, surroundings);
    }
    dry_run(b"erl", &erl_arguments, &surroundings)?;
    erl::plan(erl_arguments, surroundings).map(|launch| Plan::Start(Box::new(launch)))
}

/// Elixir's version, from its application file.
fn short_version(surroundings: &Surroundings<'_>) -> Exit {
    let file = surroundings.installation.elixir.join("lib/elixir/ebin/elixir.app");
    match (surroundings.read_file)(&file) {
        Ok(text) => match version_in(&String::from_utf8_lossy(&text)) {
            Some(version) => Exit::printing(format!("{version}\n")),
            None => Exit::failing(format!("elixir: no version in {}\n", file.display())),
        },
        Err(error) => Exit::failing(format!("elixir: cannot read {}: {error}\n", file.display())),
    }
}

fn version_in(application: &str) -> Option<&str> {
    let (_, after) = application.split_once("{vsn,")?;
    after.split('"').nth(1)
}

/// What the options in front of the script say.
#[derive(Default)]
struct Options {
    /// Flags for `erl` that are split at white space, as the shell would.
    flags: Vec<Vec<u8>>,
    /// Flags for `erl` that are taken as they are.
    exact_flags: Vec<Vec<u8>>,
    /// `-extra` and everything for Elixir.
    extra: Vec<Vec<u8>>,
    shell: bool,
    pipe_to: Option<(Vec<u8>, Vec<u8>)>,
}

fn shell_words(text: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    text.split(|byte| matches!(byte, b' ' | b'\t' | b'\n')).filter(|word| !word.is_empty()).map(<[u8]>::to_vec)
}

impl Options {
    /// Reads the options up to the script. As in Elixir's own launcher the arguments stand in a ring: `-extra` comes
    /// behind the last, what Elixir reads moves behind that, and so an option at the very end that misses its value
    /// takes `-extra` for it.
    fn read(arguments: Vec<Vec<u8>>) -> Result<Options, Exit> {
        let mut options = Options::default();
        let mut unread = arguments.len();
        let mut ring: VecDeque<Vec<u8>> = arguments.into();
        ring.push_back(b"-extra".to_vec());
        while 0 < unread {
            let option = ring.front().cloned().unwrap_or_default();
            if let Some(values) = elixir_values(&option) {
                options.shell |= option == b"+iex";
                let moved = unread.min(1 + values);
                ring.rotate_left(moved);
                unread -= moved;
            } else if let Some(values) = erl_values(&option) {
                if ring.len() < 1 + values {
                    let message = concat(&[b"elixir: ", &option, b" needs more values\n"]);
                    return Err(Exit { status: 2, ..Exit::failing(message) });
                }
                let mut taken = ring.drain(..=values).skip(1);
                options.read_for_erl(&option, || taken.next().unwrap_or_default());
                drop(taken);
                unread = unread.saturating_sub(1 + values);
            } else {
                ring.rotate_left(unread);
                unread = 0;
            }
        }
        options.extra = ring.into();
        Ok(options)
    }

    /// Deals with an option that is for `erl`.
    fn read_for_erl(&mut self, option: &[u8], mut value: impl FnMut() -> Vec<u8>) {
        let same = |flag: &str, value: Vec<u8>| vec![flag.as_bytes().to_vec(), value];
        match option {
            b"--hidden" => self.flags.extend(list(&["-hidden"])),
            b"--logger-otp-reports" => self.logger_flag("handle_otp_reports", value()),
            b"--logger-sasl-reports" => self.logger_flag("handle_sasl_reports", value()),
            b"--erl" => self.flags.extend(shell_words(&value())),
            b"--cookie" => self.exact_flags.extend(same("-setcookie", value())),
            b"--sname" => self.exact_flags.extend(same("-sname", value())),
            b"--name" => self.exact_flags.extend(same("-name", value())),
            b"--erl-config" => self.exact_flags.extend(same("-config", value())),
            b"--vm-args" => self.exact_flags.extend(same("-args_file", value())),
            b"--boot" => self.exact_flags.extend(same("-boot", value())),
            b"--boot-var" => {
                let (name, folder) = (value(), value());
                self.exact_flags.extend([b"-boot_var".to_vec(), name, folder]);
            }
            b"--pipe-to" => self.pipe_to = Some((value(), value())),
            _ => {}
        }
    }

    fn logger_flag(&mut self, reports: &str, value: Vec<u8>) {
        if matches!(value.as_slice(), b"true" | b"false") {
            self.flags.extend(list(&["-logger", reports]));
            self.flags.push(value);
        }
    }

    fn erl_arguments(&self, surroundings: &Surroundings<'_>) -> Vec<Vec<u8>> {
        let programs = concat(&[surroundings.installation.elixir_bytes(), b"/bin"]);
        let mut result = list(&["-noshell", "-elixir_root"]);
        result.push(concat(&[&programs, b"/../lib"]));
        result.extend([b"-pa".to_vec(), concat(&[&programs, b"/../lib/elixir/ebin"])]);
        result.extend(shell_words(surroundings.environment.get("ELIXIR_ERL_OPTIONS").unwrap_or_default()));
        if surroundings.output_is_terminal && surroundings.environment.filled("NO_COLOR").is_none() {
            result.extend(list(&["-elixir", "ansi_enabled", "true"]));
        }
        if !self.shell {
            result.extend(list(&["-s", "elixir", "start_cli"]));
        }
        for part in [&self.flags, &self.exact_flags, &self.extra] {
            result.extend_from_slice(part);
        }
        result
    }
}

/// How many values an option has that Elixir itself reads; nothing if it is not one.
fn elixir_values(argument: &[u8]) -> Option<usize> {
    Some(match argument {
        b"+elixirc" | b"+iex" | b"-v" | b"--no-halt" | b"--color" | b"--no-color" => 0,
        b"-e" | b"-r" | b"-pr" | b"-pa" | b"-pz" | b"--eval" | b"--remsh" | b"--dot-iex" | b"--dbg" => 1,
        b"--rpc-eval" => 2,
        _ => return None,
    })
}

/// How many values an option has that is turned into one of `erl`; nothing if it is not one.
fn erl_values(argument: &[u8]) -> Option<usize> {
    Some(match argument {
        b"--hidden" => 0,
        b"--logger-otp-reports"
        | b"--logger-sasl-reports"
        | b"--erl"
        | b"--cookie"
        | b"--sname"
        | b"--name"
        | b"--erl-config"
        | b"--vm-args"
        | b"--boot" => 1,
        b"--boot-var" | b"--pipe-to" => 2,
        _ => return None,
    })
}

/// `ELIXIR_CLI_DRY_RUN` asks for the command in place of its run.
fn dry_run(command: &[u8], arguments: &[Vec<u8>], surroundings: &Surroundings<'_>) -> Result<(), Exit> {
    if surroundings.environment.filled("ELIXIR_CLI_DRY_RUN").is_none() {
        return Ok(());
    }
    Err(Exit::printing(concat(&[command, b" ", &arguments.join(&b' '), b"\n"])))
}

/// `--pipe-to` starts `run_erl`, which keeps the program's terminal in a named pipe.
fn run_in_background(
    erl_arguments: Vec<Vec<u8>>,
    pipe: &[u8],
    log: &[u8],
    surroundings: Surroundings<'_>,
) -> Result<Plan, Exit> {
    let root = &surroundings.installation.root;
    let program = |name: &str| root.join(Path::new("bin").join(name)).as_os_str().as_bytes().to_vec();
    let is_dry_run = surroundings.environment.filled("ELIXIR_CLI_DRY_RUN").is_some();
    let erl = if is_dry_run { b"erl".to_vec() } else { program("erl") };
    let mut command = Vec::new();
    for part in std::iter::once(&erl).chain(&erl_arguments) {
        command.push(b' ');
        for byte in part {
            if !byte.is_ascii_alphanumeric() && !b"_/-".contains(byte) {
                command.push(b'\\');
            }
            command.push(*byte);
        }
    }
    let mut arguments = list(&["-daemon"]);
    arguments.extend([concat(&[pipe, b"/"]), concat(&[log, b"/"]), command]);
    dry_run(b"run_erl", &arguments, &surroundings)?;
    arguments.insert(0, program("run_erl"));
    Ok(Plan::Execute(Command {
        arguments,
        directories: vec![pipe.to_vec(), log.to_vec()],
        environment: surroundings.environment,
    }))
}

#[cfg(test)]
mod tests {
    use crate::Program;
    use crate::testing::{Fixture, text};

    fn dry_run(fixture: Fixture, program: Program, arguments: &[&str]) -> String {
        let exit = fixture.variable("ELIXIR_CLI_DRY_RUN", "1").plan_list(program, arguments).unwrap_err();
        assert_eq!(exit.status, 0, "{}", text(&exit.errors));
        text(&exit.output).trim_end().to_owned()
    }

    const START: &str = "erl -noshell -elixir_root /elixir/bin/../lib -pa /elixir/bin/../lib/elixir/ebin";

    // The expected commands are what the real elixir prints with ELIXIR_CLI_DRY_RUN=1, with its own folder.
    #[test]
    fn commands() {
        use Program::{Elixir, Elixirc, Iex, Mix};
        let cli = "-s elixir start_cli";
        let cases: &[(Program, &[&str], String)] = &[
            (Elixir, &["-e", "1"], format!("{cli} -extra -e 1")),
            (Elixir, &["a.exs", "--sname", "x"], format!("{cli} -extra a.exs --sname x")),
            (
                Elixir,
                &["--sname", "a b", "--erl", "+S 2  -x", "-S", "mix", "test"],
                format!("{cli} +S 2 -x -sname a b -extra -S mix test"),
            ),
            (
                Elixir,
                &["--cookie", "c", "--hidden", "--name", "n", "--no-halt", "-r", "f", "s"],
                format!("{cli} -hidden -setcookie c -name n -extra --no-halt -r f s"),
            ),
            (
                Elixir,
                &["--logger-otp-reports", "false", "--logger-sasl-reports", "maybe", "s"],
                format!("{cli} -logger handle_otp_reports false -extra s"),
            ),
            (
                Elixir,
                &["--boot", "b", "--boot-var", "V", "d", "--erl-config", "c", "--vm-args", "/v", "s"],
                format!("{cli} -boot b -boot_var V d -config c -args_file /v -extra s"),
            ),
            (
                Elixir,
                &["--rpc-eval", "n", "1", "-pa", "x", "--", "y"],
                format!("{cli} -extra --rpc-eval n 1 -pa x -- y"),
            ),
            (Elixir, &["--version"], format!("{cli} -extra --version")),
            (Elixir, &["-e"], format!("{cli} -extra -e")),
            (Elixir, &["--dbg", "-r", "--name"], format!("{cli} -name -extra --dbg -r")),
            (Elixirc, &["-o", "out", "x.ex"], format!("{cli} -extra +elixirc -o out x.ex")),
            (Iex, &[], "-user elixir -extra --no-halt +iex".into()),
            (Iex, &["-S", "mix"], "-user elixir -extra --no-halt +iex -S mix".into()),
            (
                Iex,
                &["--remsh", "n", "--dot-iex", "", "--sname", "a"],
                "-user elixir -sname a -extra --no-halt +iex --remsh n --dot-iex ".into(),
            ),
            (Mix, &["test", "-h"], format!("{cli} -extra /elixir/bin/mix test -h")),
        ];
        for (program, arguments, expected) in cases {
            let expected = format!("{START} {expected}");
            assert_eq!(dry_run(Fixture::new(), *program, arguments), expected.trim_end(), "{arguments:?}");
        }
    }

    #[test]
    fn variables_and_terminal() {
        let fixture = || Fixture::new().variable("ELIXIR_ERL_OPTIONS", "+S  1 -a");
        assert_eq!(
            dry_run(fixture().terminal(), Program::Elixir, &["x"]),
            format!("{START} +S 1 -a -elixir ansi_enabled true -s elixir start_cli -extra x")
        );
        assert_eq!(
            dry_run(fixture().terminal().variable("NO_COLOR", "1"), Program::Elixir, &["x"]),
            format!("{START} +S 1 -a -s elixir start_cli -extra x")
        );
    }

    #[test]
    fn background() {
        let expected = r"run_erl -daemon p/ l/  erl -noshell -elixir_root /elixir/bin/\.\./lib -pa /elixir/bin/\.\./lib/elixir/ebin -s elixir start_cli -extra a\ b";
        assert_eq!(dry_run(Fixture::new(), Program::Elixir, &["--pipe-to", "p", "l", "a b"]), expected);
    }

    #[test]
    fn help_and_version() {
        for (program, arguments) in [
            (Program::Elixir, ""),
            (Program::Elixir, "-h"),
            (Program::Elixirc, ""),
            (Program::Elixirc, "--help x"),
            (Program::Iex, "-h"),
        ] {
            let exit = Fixture::new().plan(program, arguments).unwrap_err();
            assert_eq!(exit.status, 1);
            assert!(text(&exit.errors).starts_with(&format!("Usage: {} ", program.name())));
        }
        let fixture =
            Fixture::new().file("/elixir/lib/elixir/ebin/elixir.app", "{application,elixir,\n [{vsn,\"1.18.3\"},");
        assert_eq!(text(&fixture.plan(Program::Elixir, "--short-version").unwrap_err().output), "1.18.3\n");
    }
}
