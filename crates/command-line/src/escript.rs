//! `escript`: an `erl` that runs a script, with flags that the script's `%%!` line may add.

use crate::{Command, Exit, Plan, Surroundings, concat, erl, list};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Reads an `escript` command line.
pub(crate) fn plan(arguments: Vec<Vec<u8>>, mut surroundings: Surroundings<'_>) -> Result<Plan, Exit> {
    let options = arguments.iter().take_while(|argument| argument.starts_with(b"-")).count();
    let Some(script) = arguments.get(options) else {
        return Err(Exit::failing("escript: Missing filename\n\n"));
    };
    let contents = (surroundings.read_file)(Path::new(OsStr::from_bytes(script)))
        .map_err(|_| Exit::failing(concat(&[b"escript: Failed to open file: ", script, b"\n"])))?;
    let mut result = list(&["+B", "-noshell", "-boot", "no_dot_erlang"]);
    result.extend(flags_in_script(&contents));
    result.extend(list(&["-run", "escript", "start"]));
    result.extend(arguments[..options].iter().map(|option| option[1..].to_vec()));
    result.push(b"-extra".to_vec());
    result.extend_from_slice(&arguments[options..]);
    surroundings.environment.set("ESCRIPT_NAME", script.as_slice());
    if let Some(emulator) = surroundings.environment.filled("ESCRIPT_EMULATOR") {
        result.insert(0, emulator.to_vec());
        return Ok(Plan::Execute(Command {
            arguments: result,
            directories: Vec::new(),
            environment: surroundings.environment,
        }));
    }
    erl::plan(result, surroundings).map(|launch| Plan::Start(Box::new(launch)))
}

/// The words of the second or third line, if it begins with `%%!`.
fn flags_in_script(contents: &[u8]) -> Vec<Vec<u8>> {
    let flags = contents.split(|byte| *byte == b'\n').skip(1).take(2).find_map(|line| line.strip_prefix(b"%%!"));
    flags.unwrap_or_default().split(|byte| *byte == b' ').filter(|word| !word.is_empty()).map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, text};
    use crate::{Plan, Program};

    fn emulator_arguments(script: &str, arguments: &str) -> String {
        let fixture = Fixture::new().variable("ESCRIPT_EMULATOR", "echo").file("/s", script);
        let Plan::Execute(command) = fixture.plan(Program::Escript, arguments).unwrap() else {
            panic!("ESCRIPT_EMULATOR is executed");
        };
        text(&command.arguments.join(&b' '))
    }

    // As the real escript starts an emulator that prints its arguments (ESCRIPT_EMULATOR=echo).
    #[test]
    fn what_the_emulator_gets() {
        assert_eq!(
            emulator_arguments("#!x\n%%! -sname a  +S 1\nmain(_) -> ok.\n", "-c -i /s a -b"),
            "echo +B -noshell -boot no_dot_erlang -sname a +S 1 -run escript start c i -extra /s a -b"
        );
        assert_eq!(
            emulator_arguments("#!x\n%% x\n%%! -a\n%%! -b\n", "/s"),
            "echo +B -noshell -boot no_dot_erlang -a -run escript start -extra /s"
        );
        assert_eq!(emulator_arguments("", "/s"), "echo +B -noshell -boot no_dot_erlang -run escript start -extra /s");
    }

    #[test]
    fn complaints() {
        let message = |arguments: &str| text(&Fixture::new().plan(Program::Escript, arguments).unwrap_err().errors);
        assert_eq!(message(""), "escript: Missing filename\n\n");
        assert_eq!(message("/none"), "escript: Failed to open file: /none\n");
    }
}
