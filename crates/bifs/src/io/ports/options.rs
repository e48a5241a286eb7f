//! What `open_port/2` is asked for.

use super::framing::Framing;
use crate::io::System;
use crate::io::names::{NameEncoding, NameRules};
use crate::io::system::environment as environment_of;
use oxbeam_runtime::BifContext;
use oxbeam_term::{Term, atoms};

/// Lines without a length: as long as this.
const LINE_LENGTH_DEFAULT: usize = 512;
/// A port is busy from this many bytes of waiting output on, unless told otherwise.
const BUSY_HIGH_DEFAULT: usize = 8192;

/// First argument.
pub(crate) enum Name {
    /// `{spawn, Command}`: a driver's name or a command for the shell.
    Spawn(Vec<u8>),
    /// `{spawn_driver, Command}`
    Driver(Vec<u8>),
    /// `{spawn_executable, Path}`
    Executable(Vec<u8>),
    /// `{fd, In, Out}`
    Descriptors(i32, i32),
}

/// Second argument.
pub(crate) struct Settings {
    pub(crate) framing: Framing,
    pub(crate) use_stdio: bool,
    pub(crate) stderr_to_stdout: bool,
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) exit_status: bool,
    pub(crate) eof: bool,
    pub(crate) binary: bool,
    pub(crate) parallelism: bool,
    pub(crate) environment: Option<Vec<Vec<u8>>>,
    pub(crate) arguments: Option<Vec<Vec<u8>>>,
    pub(crate) arg0: Option<Vec<u8>>,
    pub(crate) working_directory: Option<Vec<u8>>,
    /// Busy from this many bytes of waiting output on, no longer busy below the second number; `None` for never.
    pub(crate) busy_limits: Option<(usize, usize)>,
}

/// What is wrong with the arguments: the atom that `erlang:open_port/2` makes an error of.
pub(crate) enum Refused {
    BadArgument,
    BadOption,
}

/// Both arguments.
pub(crate) fn parse<'h>(cx: &BifContext<'h>, name: Term<'h>, settings: Term<'h>) -> Result<(Name, Settings), Refused> {
    let encoding = cx.vm.extension::<System>().name_encoding();
    let (settings, directory) = parse_settings(cx, encoding, settings).ok_or(Refused::BadOption)?;
    let name = parse_name(cx, encoding, name).ok_or(Refused::BadArgument)?;
    let is_executable = matches!(name, Name::Executable(_));
    if (settings.arguments.is_some() || settings.arg0.is_some()) && !is_executable {
        return Err(Refused::BadArgument);
    }
    if settings.exit_status && matches!(name, Name::Descriptors(..)) {
        return Err(Refused::BadArgument);
    }
    let mut settings = settings;
    if let Some(directory) = directory.filter(|directory| !directory.is_nil()) {
        let rules = NameRules { atom: true, empty: false };
        let directory = encoding.to_native(directory, rules, cx.atoms()).ok_or(Refused::BadArgument)?;
        settings.working_directory = Some(directory);
    }
    Ok((name, settings))
}

fn parse_name<'h>(cx: &BifContext<'h>, encoding: NameEncoding, name: Term<'h>) -> Option<Name> {
    let elements = name.as_tuple()?.elements();
    let kind = elements.first()?.as_atom()?;
    match (kind, &elements[1..]) {
        (atoms::FD, [input, output]) => {
            let number = |term: &Term<'h>| term.as_small().map(|number| number as i32);
            Some(Name::Descriptors(number(input)?, number(output)?))
        }
        (atoms::SPAWN | atoms::SPAWN_DRIVER | atoms::SPAWN_EXECUTABLE, [command]) => {
            let rules = NameRules { atom: true, empty: false };
            let command = encoding.to_native(*command, rules, cx.atoms())?;
            Some(match kind {
                atoms::SPAWN => Name::Spawn(command),
                atoms::SPAWN_DRIVER => Name::Driver(command),
                _ => Name::Executable(command),
            })
        }
        _ => None,
    }
}

/// The settings, and the value of `cd`, whose mistakes count against the first argument.
fn parse_settings<'h>(
    cx: &BifContext<'h>,
    encoding: NameEncoding,
    list: Term<'h>,
) -> Option<(Settings, Option<Term<'h>>)> {
    let mut settings = Settings {
        framing: Framing::Stream,
        use_stdio: true,
        stderr_to_stdout: false,
        read: false,
        write: false,
        exit_status: false,
        eof: false,
        binary: false,
        parallelism: false,
        environment: None,
        arguments: None,
        arg0: None,
        working_directory: None,
        busy_limits: Some((BUSY_HIGH_DEFAULT, BUSY_HIGH_DEFAULT / 2)),
    };
    let (mut packet, mut line, mut directory) = (None, None, None);
    for option in list.to_vec()? {
        if let Some(atom) = option.as_atom() {
            match cx.text(atom) {
                "stream" => packet = None,
                "use_stdio" => settings.use_stdio = true,
                "nouse_stdio" => settings.use_stdio = false,
                "stderr_to_stdout" => settings.stderr_to_stdout = true,
                "line" => line = Some(LINE_LENGTH_DEFAULT),
                "binary" => settings.binary = true,
                "in" => settings.read = true,
                "out" => settings.write = true,
                "eof" => settings.eof = true,
                "exit_status" => settings.exit_status = true,
                "hide" | "overlapped_io" => {}
                _ => return None,
            }
            continue;
        }
        let [key, value] = *option.as_tuple_of::<2>()?;
        match cx.text(key.as_atom()?) {
            "packet" => packet = Some(value.as_usize().filter(|bytes| matches!(bytes, 1 | 2 | 4))?),
            "line" => line = Some(value.as_usize().filter(|&length| length > 0)?),
            "env" => settings.environment = Some(environment(cx, encoding, value)?),
            "args" => settings.arguments = Some(arguments(cx, encoding, value)?),
            "arg0" => settings.arg0 = Some(encoding.to_native(value, ARGUMENT, cx.atoms())?),
            "cd" => directory = Some(value),
            "parallelism" => settings.parallelism = value.as_boolean()?,
            "busy_limits_port" => settings.busy_limits = busy_limits(cx, value)?,
            "busy_limits_msgq" => {
                busy_limits(cx, value)?;
            }
            _ => return None,
        }
    }
    if !settings.read && !settings.write {
        (settings.read, settings.write) = (true, true);
    }
    if (line.is_some() && packet.is_some()) || (settings.stderr_to_stdout && !settings.use_stdio) {
        return None;
    }
    settings.framing = match (packet, line) {
        (Some(bytes), _) => Framing::Packet(bytes),
        (None, Some(length)) => Framing::Line(length),
        (None, None) => Framing::Stream,
    };
    Some((settings, directory))
}

const ARGUMENT: NameRules = NameRules { atom: false, empty: true };

fn arguments<'h>(cx: &BifContext<'h>, encoding: NameEncoding, list: Term<'h>) -> Option<Vec<Vec<u8>>> {
    list.to_vec()?.into_iter().map(|argument| encoding.to_native(argument, ARGUMENT, cx.atoms())).collect()
}

/// `disabled` or `{Low, High}`, as (high, low).
fn busy_limits<'h>(cx: &BifContext<'h>, value: Term<'h>) -> Option<Option<(usize, usize)>> {
    if value.as_atom().is_some_and(|atom| cx.text(atom) == "disabled") {
        return Some(None);
    }
    let [low, high] = *value.as_tuple_of::<2>()?;
    let valid = |size: &usize| (1..usize::MAX - 1).contains(size);
    let (low, high) = (low.as_usize().filter(valid)?, high.as_usize().filter(valid)?);
    Some(Some((high, low.min(high))))
}

/// The machine's environment with the changes of `{env, [{Name, Value | false}]}`.
fn environment<'h>(cx: &BifContext<'h>, encoding: NameEncoding, list: Term<'h>) -> Option<Vec<Vec<u8>>> {
    let mut entries = environment_of(cx.vm);
    for pair in list.to_vec()? {
        let [name, value] = *pair.as_tuple_of::<2>()?;
        let name = encoding.to_native(name, NameRules::default(), cx.atoms())?;
        if name.contains(&b'=') {
            return None;
        }
        let prefix = [&name[..], b"="].concat();
        entries.retain(|entry| !entry.starts_with(&prefix));
        if !value.is_nil() && !value.is_atom(atoms::FALSE) {
            let value = encoding.to_native(value, ARGUMENT, cx.atoms())?;
            entries.push([prefix, value].concat());
        }
    }
    Some(entries)
}
