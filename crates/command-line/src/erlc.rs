//! `erlc`: an `erl` that runs `erl_compile` with everything after `-extra`.

use crate::words::is_space;
use crate::{Command, Exit, Plan, Surroundings, concat, erl, list};

/// Reads an `erlc` command line.
pub(crate) fn plan(arguments: Vec<Vec<u8>>, mut surroundings: Surroundings<'_>) -> Result<Plan, Exit> {
    let erl = concat(&[surroundings.installation.root_bytes(), b"/bin/erl"]);
    let own_name = concat(&[surroundings.installation.root_bytes(), b"/bin/erlc"]);
    let warnings = check_server_variable(&surroundings);
    let emulator = surroundings.environment.filled("ERLC_EMULATOR").map(<[u8]>::to_vec);
    surroundings.environment.set("ESCRIPT_NAME", own_name);
    surroundings.environment.set("ERLC_CONFIGURATION", emulator.as_deref().unwrap_or(&erl));
    let arguments = emulator_arguments(arguments)?;
    if let Some(emulator) = emulator {
        let mut words: Vec<Vec<u8>> =
            emulator.split(|byte| is_space(*byte)).filter(|word| !word.is_empty()).map(<[u8]>::to_vec).collect();
        words.extend(arguments);
        return Ok(Plan::Execute(Command {
            arguments: words,
            directories: Vec::new(),
            environment: surroundings.environment,
        }));
    }
    let mut launch = erl::plan(arguments, surroundings)?;
    launch.warnings.splice(0..0, warnings);
    Ok(Plan::Start(Box::new(launch)))
}

/// The compile server is an Erlang node that `erlc` talks to as a C node. It only saves time, so that not using it
/// when asked to is allowed.
fn check_server_variable(surroundings: &Surroundings<'_>) -> Vec<u8> {
    match surroundings.environment.get("ERLC_USE_SERVER") {
        None | Some(b"yes" | b"true" | b"no" | b"false") => Vec::new(),
        Some(other) => concat(&[
            b"erlc: Warning: Ignoring unrecognized value '",
            other,
            b"' for environment value ERLC_USE_SERVER\n",
        ]),
    }
}

fn emulator_arguments(arguments: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Exit> {
    let mut first: Vec<Vec<u8>> = Vec::new();
    let mut extra = Vec::new();
    let mut arguments = arguments.into_iter().peekable();
    while let Some(argument) = arguments.next() {
        match argument.as_slice() {
            b"-d" | b"-no-server" | b"-server" => {}
            b"-smp" => first.insert(0, argument),
            [b'-', b'p', letter @ (b'a' | b'z'), value @ ..] => {
                let value = if value.is_empty() {
                    arguments
                        .next_if(|next| !next.starts_with(b"-"))
                        .ok_or_else(|| Exit::failing("erlc: No value given to -p option\n"))?
                } else {
                    value.to_vec()
                };
                first.splice(0..0, [vec![b'-', b'p', *letter], value]);
            }
            _ => extra.push(argument),
        }
    }
    let mut result = list(&["+S1"]);
    result.append(&mut first);
    result.extend(list(&["+sbtu", "+A0", "-noinput", "-mode", "minimal", "-boot", "no_dot_erlang"]));
    result.extend(list(&["-s", "erl_compile", "compile_cmdline", "-extra"]));
    result.append(&mut extra);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, text};
    use crate::{Plan, Program};

    // As the real erlc starts an emulator that prints its arguments (ERLC_EMULATOR=echo).
    #[test]
    fn what_the_emulator_gets() {
        let fixture = Fixture::new().variable("ERLC_EMULATOR", "echo -n");
        let plan = fixture.plan(Program::Erlc, "-o out +debug_info -pa a -pzb -d -smp -W x.erl").unwrap();
        let Plan::Execute(command) = plan else { panic!("ERLC_EMULATOR is executed") };
        assert_eq!(
            text(&command.arguments.join(&b' ')),
            "echo -n +S1 -smp -pz b -pa a +sbtu +A0 -noinput -mode minimal -boot no_dot_erlang \
             -s erl_compile compile_cmdline -extra -o out +debug_info -W x.erl"
        );
        let exit = Fixture::new().plan(Program::Erlc, "-pa -o").unwrap_err();
        assert_eq!((text(&exit.errors).as_str(), exit.status), ("erlc: No value given to -p option\n", 1));
    }
}
