//! `erl`: gathers arguments from the command line, variables and files, and sorts them into the emulator's and
//! Erlang's.
//!
//! The result is the argument list that OTP's `erlexec` gives to the emulator (`erl -emu_args_exit` prints it):
//! emulator flags with `+` turned into `-`; `--`; `-root`, `-bindir`, `-progname`; `--`; `-home`; `--`; then
//! everything else, a `--` after each source of arguments so that one cannot continue the other's last flag; and
//! `-extra` with what followed it anywhere, last.

use crate::tuning::allocator_flag_wants_value;
use crate::words::{Comments, split};
use crate::{Environment, Exit, Installation, Launch, Surroundings, concat, emulator, list};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const SEPARATOR: &[u8] = b"--";

/// What Erlang code starts to have another node: `erl` in the `PATH` made here.
const PROGRAM_NAME: &str = "erl";

const USAGE: &str = "Usage: erl [flags for Erlang] [+flags for the emulator] [-extra arguments]\n\
    All flags of OTP 27's erl are taken; its manual page describes them. -version prints the version,\n\
    -emu_args_exit what the emulator would get.\n";

/// Reads an `erl` command line.
pub(crate) fn plan(arguments: Vec<Vec<u8>>, surroundings: Surroundings<'_>) -> Result<Launch, Exit> {
    let arguments = gather(arguments, &surroundings)?;
    let other_emulator = asks_for_other_emulator(&arguments)?;
    let Surroundings { mut environment, installation, processors, .. } = surroundings;
    environment.set("EMU", "beam");
    environment.set("ROOTDIR", installation.root_bytes());
    environment.set("BINDIR", installation.program_bytes());
    environment.set("PROGNAME", PROGRAM_NAME);
    let path = search_path(environment.get("PATH"), installation);
    environment.set("PATH", path);
    let emulator_name = match environment.get("ESCRIPT_NAME") {
        Some(script) => script.to_vec(),
        None => concat(&[installation.program_bytes(), b"/beam.smp"]),
    };
    let mut sorter = Sorter::new(emulator_name, environment);
    sorter.other_emulator = other_emulator;
    sorter.sort(&arguments)?;
    sorter.finish(installation, processors)
}

/// `PATH` with OTP's folders in front: programs that Erlang code starts find the same `erl`.
fn search_path(path: Option<&[u8]>, installation: &Installation) -> Vec<u8> {
    let (root, programs) = (installation.root_bytes(), installation.program_bytes());
    let Some(path) = path else {
        return concat(&[programs, b":", root, b"/bin"]);
    };
    if !path.windows(root.len()).any(|window| window == root) {
        return concat(&[programs, b":", root, b"/bin:", path]);
    }
    let mut result = programs.to_vec();
    for folder in path.split(|byte| *byte == b':').filter(|folder| *folder != programs) {
        result.push(b':');
        result.extend_from_slice(folder);
    }
    result
}

// --- gathering -------------------------------------------------------------------------------------------------

/// The arguments of all sources in order, with `-extra …` or `++S …` at the end.
#[derive(Default)]
struct Gathered {
    arguments: Vec<Vec<u8>>,
    extra: Vec<Vec<u8>>,
    /// `-S Module Argument…` on the command line takes everything; the doubled sign tells it from one in a variable.
    run: Vec<Vec<u8>>,
}

fn gather(command_line: Vec<Vec<u8>>, surroundings: &Surroundings<'_>) -> Result<Vec<Vec<u8>>, Exit> {
    let mut gathered = Gathered::default();
    let environment = &surroundings.environment;
    for variable in ["ERL_OTP27_FLAGS", "ERL_AFLAGS"] {
        gathered.add_variable(variable, environment, surroundings)?;
    }
    if !command_line.is_empty() {
        gathered.add(command_line, true, surroundings)?;
        gathered.arguments.push(SEPARATOR.to_vec());
    }
    for variable in ["ERL_FLAGS", "ERL_ZFLAGS"] {
        gathered.add_variable(variable, environment, surroundings)?;
    }
    let Gathered { mut arguments, mut extra, mut run } = gathered;
    if !extra.is_empty() {
        arguments.push(b"-extra".to_vec());
        arguments.append(&mut extra);
    }
    arguments.append(&mut run);
    Ok(arguments)
}

/// Words of a variable or a file. The `--` keeps what follows apart, but `-extra` needs none.
fn words_with_separator(text: &[u8], comments: Comments) -> Vec<Vec<u8>> {
    let mut words = split(text, comments);
    if !words.is_empty() && !words.iter().any(|word| word == b"-extra") {
        words.push(SEPARATOR.to_vec());
    }
    words
}

impl Gathered {
    fn add_variable(
        &mut self,
        name: &str,
        environment: &Environment,
        surroundings: &Surroundings<'_>,
    ) -> Result<(), Exit> {
        let words = words_with_separator(environment.get(name).unwrap_or_default(), Comments::Literal);
        self.add(words, false, surroundings)
    }

    fn add(&mut self, words: Vec<Vec<u8>>, typed: bool, surroundings: &Surroundings<'_>) -> Result<(), Exit> {
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word.as_slice() {
                b"-args_file" => {
                    let file = words.next().ok_or_else(|| missing(b"-args_file"))?;
                    self.add_file(&file, surroundings)?;
                }
                b"-extra" => {
                    self.extra.extend(words.by_ref());
                    self.arguments.push(SEPARATOR.to_vec());
                }
                b"-S" if typed => {
                    self.run.push(b"++S".to_vec());
                    let escape = |word: Vec<u8>| if word == SEPARATOR { b"\\--".to_vec() } else { word };
                    self.run.extend(words.by_ref().map(escape));
                    self.arguments.push(SEPARATOR.to_vec());
                }
                _ => self.arguments.push(word),
            }
        }
        Ok(())
    }

    /// Files may name files; each is read where it is named.
    fn add_file(&mut self, name: &[u8], surroundings: &Surroundings<'_>) -> Result<(), Exit> {
        const NESTING_MAXIMUM: usize = 1000;
        let mut open = vec![read_arguments_file(name, surroundings)?.into_iter()];
        while let Some(words) = open.last_mut() {
            let Some(word) = words.next() else {
                open.pop();
                continue;
            };
            match word.as_slice() {
                b"-args_file" => {
                    let file = words.next().ok_or_else(|| missing(b"-args_file"))?;
                    if open.len() == NESTING_MAXIMUM {
                        let message = concat(&[b"Arguments file \"", &file, b"\" includes itself.\n"]);
                        return Err(usage(&message));
                    }
                    open.push(read_arguments_file(&file, surroundings)?.into_iter());
                }
                b"-extra" => self.extra.extend(words.by_ref()),
                _ => self.arguments.push(word),
            }
        }
        Ok(())
    }
}

fn read_arguments_file(name: &[u8], surroundings: &Surroundings<'_>) -> Result<Vec<Vec<u8>>, Exit> {
    match (surroundings.read_file)(Path::new(OsStr::from_bytes(name))) {
        Ok(text) => Ok(words_with_separator(&text, Comments::Allowed)),
        Err(error) => {
            let text = error.to_string();
            let reason = text.split(" (os error").next().unwrap_or_default();
            let place = surroundings.current_directory.as_slice();
            let message = concat(&[
                b"Failed to open arguments file \"",
                name,
                b"\" at \"",
                place,
                b"\": ",
                reason.as_bytes(),
                b"\n",
            ]);
            Err(usage(&message))
        }
    }
}

fn usage(message: &[u8]) -> Exit {
    Exit::failing(concat(&[message, USAGE.as_bytes()]))
}

fn missing(flag: &[u8]) -> Exit {
    usage(&concat(&[b"Missing argument(s) for '", flag, b"'.\n"]))
}

fn error(message: &str) -> Exit {
    Exit::failing(format!("erlexec: {message}\n"))
}

/// OTP chooses between builds of the emulator with `-emu_type`, `-emu_flavor` and `-smp`; there is one Oxbeam.
/// Returns whether another one is asked for, which is an error only if the emulator is to be started.
fn asks_for_other_emulator(arguments: &[Vec<u8>]) -> Result<bool, Exit> {
    let (mut build, mut flavor) = (&b"opt"[..], &b"smp"[..]);
    let mut arguments = arguments.iter().map(Vec::as_slice).peekable();
    while let Some(argument) = arguments.next() {
        match argument {
            b"-extra" => break,
            b"-smp" => match arguments.next_if(|next| matches!(*next, b"auto" | b"enable" | b"disable")) {
                Some(b"disable") => return Err(no_smp_disable()),
                _ => continue,
            },
            b"-smpdisable" => return Err(no_smp_disable()),
            b"-emu_type" | b"-emu_flavor" => {
                let value = arguments.next().filter(|next| *next != SEPARATOR).ok_or_else(|| missing(argument))?;
                *(if argument == b"-emu_type" { &mut build } else { &mut flavor }) = value;
            }
            _ => {}
        }
    }
    Ok(build != b"opt" || !matches!(flavor, b"smp" | b"jit"))
}

fn no_smp_disable() -> Exit {
    usage(b"Argument '-smp disable' not supported. Use \"+S 1\" instead.\n")
}

// --- sorting ---------------------------------------------------------------------------------------------------

/// What `-emu_args` and its kin ask for.
#[derive(Default, PartialEq, Eq)]
enum Show {
    #[default]
    Nothing,
    Command,
    ArgumentsAndExit,
    QuotedAndExit,
}

struct Sorter {
    environment: Environment,
    emulator: Vec<Vec<u8>>,
    erlang: Vec<Vec<u8>>,
    show: Show,
    detached: bool,
    nohup: bool,
    distributed: bool,
    start_port_mapper: bool,
    port_mapper: Option<Vec<u8>>,
    other_protocol: bool,
    no_port_mapper: bool,
    halt_afterwards: bool,
    other_emulator: bool,
}

impl Sorter {
    fn new(emulator_name: Vec<u8>, environment: Environment) -> Sorter {
        let mut erlang = Vec::new();
        for (flag, variable) in [("-home", "HOME"), ("-epmd_port", "ERL_EPMD_PORT")] {
            if let Some(value) = environment.get(variable) {
                erlang.extend([flag.as_bytes().to_vec(), value.to_vec()]);
            }
        }
        erlang.push(SEPARATOR.to_vec());
        Sorter {
            environment,
            emulator: vec![emulator_name],
            erlang,
            show: Show::Nothing,
            detached: false,
            nohup: false,
            distributed: false,
            start_port_mapper: true,
            port_mapper: None,
            other_protocol: false,
            no_port_mapper: false,
            halt_afterwards: false,
            other_emulator: false,
        }
    }

    fn sort(&mut self, arguments: &[Vec<u8>]) -> Result<(), Exit> {
        let mut rest = arguments;
        while let Some((argument, following)) = rest.split_first() {
            let taken = match argument.as_slice() {
                b"-extra" => {
                    self.erlang.push(argument.clone());
                    self.erlang.extend_from_slice(following);
                    break;
                }
                b"++S" => {
                    self.erlang.extend(list(&["-noshell", "-S"]));
                    self.erlang.extend_from_slice(following);
                    break;
                }
                [b'+', b'+', ..] => self.pass(&[argument]),
                [b'+', flag @ ..] => self.emulator_flag(argument, flag, following)?,
                [b'-', ..] => self.erlang_flag(argument, following)?,
                _ => self.pass(&[argument]),
            };
            rest = following.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    fn pass(&mut self, arguments: &[&Vec<u8>]) -> usize {
        self.erlang.extend(arguments.iter().map(|argument| (*argument).clone()));
        0
    }

    /// Deals with a flag that begins with `-`; returns how many of the following arguments belong to it.
    fn erlang_flag(&mut self, flag: &Vec<u8>, following: &[Vec<u8>]) -> Result<usize, Exit> {
        let value = || following.first().filter(|next| *next != SEPARATOR).ok_or_else(|| missing(flag));
        match flag.as_slice() {
            b"-name" | b"-sname" | b"-proto_dist" | b"-start_epmd" => {
                let value = value()?;
                self.distribution_flag(flag, value)?;
                self.pass(&[flag, value]);
                return Ok(1);
            }
            b"-env" => {
                let name = value()?;
                let value = following.get(1).filter(|next| *next != SEPARATOR).ok_or_else(|| missing(b"-env"))?;
                self.environment.set(name.as_slice(), value.as_slice());
                return Ok(2);
            }
            b"-epmd" => {
                self.port_mapper = Some(value()?.clone());
                return Ok(1);
            }
            b"-configfd" => {
                if value()? == b"0" {
                    self.erlang.extend(list(&["-noshell", "-noinput"]));
                }
                self.pass(&[flag]);
            }
            b"-make" => {
                self.erlang.extend(list(&["-noshell", "-noinput", "-s", "make", "all_or_nothing"]));
                self.emulator.push(b"-B".to_vec());
                self.halt_afterwards = true;
                return Ok(following.len());
            }
            _ => self.plain_flag(flag)?,
        }
        Ok(0)
    }

    fn plain_flag(&mut self, flag: &Vec<u8>) -> Result<(), Exit> {
        match flag.as_slice() {
            b"-noinput" => self.erlang.extend(list(&["-noshell", "-noinput"])),
            b"-detached" => {
                self.detached = true;
                self.erlang.extend(list(&["-detached", "-noshell", "-noinput"]));
            }
            b"-compile" => {
                self.erlang.extend(list(&["-noshell", "-noinput", "-s", "c", "lc_batch"]));
                self.emulator.push(b"-B".to_vec());
            }
            b"-nohup" => {
                self.nohup = true;
                self.pass(&[flag]);
            }
            b"-no_epmd" => {
                self.no_port_mapper = true;
                self.start_port_mapper = false;
                self.pass(&[flag]);
            }
            b"-version" => self.emulator.push(b"-V".to_vec()),
            b"-emu_args" if self.show == Show::Nothing => self.show = Show::Command,
            b"-emu_args" => {}
            b"-emu_args_exit" if self.show != Show::QuotedAndExit => self.show = Show::ArgumentsAndExit,
            b"-emu_args_exit" => {}
            b"-emu_qouted_cmd_exit" => self.show = Show::QuotedAndExit,
            b"-emu_name_exit" => return Err(Exit::printing("beam.smp\n")),
            b"-keep_window" => {}
            b"-man" => return Err(error("Could not execute the 'man' command.")),
            _ => {
                self.pass(&[flag]);
            }
        }
        Ok(())
    }

    fn distribution_flag(&mut self, flag: &[u8], value: &[u8]) -> Result<(), Exit> {
        match (flag, value) {
            (b"-proto_dist", _) => self.other_protocol = true,
            (b"-start_epmd", b"true") => self.start_port_mapper = true,
            (b"-start_epmd", b"false") => self.start_port_mapper = false,
            (b"-start_epmd", _) => return Err(usage(b"Expected boolean argument for '-start_epmd'.\n")),
            _ => self.distributed = true,
        }
        Ok(())
    }

    /// Passes a flag that begins with `+` on; returns how many of the following arguments are its value.
    fn emulator_flag(&mut self, argument: &[u8], flag: &[u8], following: &[Vec<u8>]) -> Result<usize, Exit> {
        self.emulator.push(concat(&[b"-", flag]));
        let taken = match takes_value(flag) {
            TakesValue::Never => false,
            TakesValue::Always => {
                if following.first().is_none_or(|next| next == SEPARATOR) {
                    return Err(missing(argument));
                }
                true
            }
            TakesValue::OneOf(words) => following.first().is_some_and(|next| words.contains(&next.as_slice())),
            TakesValue::Unknown => return Err(missing(argument)),
        };
        if taken {
            self.emulator.push(following[0].clone());
        }
        Ok(usize::from(taken))
    }

    fn finish(mut self, installation: &Installation, processors: u32) -> Result<Launch, Exit> {
        if self.no_port_mapper && !self.other_protocol {
            return Err(error("Missing -proto_dist option, expected when using -no_epmd."));
        }
        if self.halt_afterwards {
            self.erlang.extend(list(&["-s", "erlang", "halt"]));
        }
        let executable = concat(&[installation.program_bytes(), b"/beam.smp"]);
        self.emulator.push(SEPARATOR.to_vec());
        for (flag, value) in [
            ("-root", installation.root_bytes()),
            ("-bindir", installation.program_bytes()),
            ("-progname", PROGRAM_NAME.as_bytes()),
        ] {
            self.emulator.extend([flag.as_bytes().to_vec(), value.to_vec()]);
        }
        self.emulator.push(SEPARATOR.to_vec());
        self.emulator.append(&mut self.erlang);
        let announcement = self.announcement(&executable)?;
        if self.other_emulator {
            let combinations = "Available combinations are: \n  -emu_flavor smp\n";
            return Err(error(&format!("Invalid emulator type or flavor. {combinations}")));
        }
        let read = emulator::read(&self.emulator, processors, &installation.erts_version, &self.environment)
            .map_err(|exit| Exit { output: announcement.clone(), ..exit })?;
        let port_mapper = (self.distributed && self.start_port_mapper).then(|| {
            let default = concat(&[b"\"", installation.program_bytes(), b"/epmd\" -daemon"]);
            self.port_mapper.take().unwrap_or(default)
        });
        Ok(Launch {
            emulator: read.options,
            init_arguments: self.emulator.get(read.rest..).unwrap_or_default().to_vec(),
            emulator_arguments: self.emulator,
            environment: self.environment,
            announcement,
            warnings: read.warnings,
            detached: self.detached,
            nohup: self.nohup,
            port_mapper,
        })
    }

    fn announcement(&self, executable: &[u8]) -> Result<Vec<u8>, Exit> {
        let arguments = self.emulator.get(1..).unwrap_or_default();
        match self.show {
            Show::Nothing => Ok(Vec::new()),
            Show::Command => Ok(concat(&[b"Executing: ", executable, b" ", &self.emulator.join(&b" "[..]), b"\n\n"])),
            Show::ArgumentsAndExit => Err(Exit::printing(
                arguments.iter().flat_map(|argument| concat(&[argument, b"\n"])).collect::<Vec<u8>>(),
            )),
            Show::QuotedAndExit => {
                let quoted = arguments.iter().flat_map(|argument| concat(&[b"\"", argument, b"\" "]));
                let mut output = concat(&[b"\"", executable, b"\" "]);
                output.extend(quoted);
                output.push(b'\n');
                Err(Exit::printing(output))
            }
        }
    }
}

// --- which emulator flags have a value -------------------------------------------------------------------------

enum TakesValue {
    Never,
    /// The next argument, whatever it is.
    Always,
    /// The next argument, if it is one of these.
    OneOf(&'static [&'static [u8]]),
    /// There is no such flag.
    Unknown,
}

/// Flags that have their value in the next argument if nothing follows in the same.
const WITH_VALUE: &[&str] = &[
    "a", "A", "C", "e", "i", "n", "P", "Q", "t", "T", "R", "W", "K", "S", "SP", "SDcpu", "SDPcpu", "SDio", "IOt",
    "IOp", "IOPt", "IOPp", "IOs", "pc", "pad", "rg", "h", "hms", "hmbs", "hpds", "hmax", "hmaxk", "hmaxel", "hmaxib",
    "hmqd", "sbt", "sbwt", "sbwtdcpu", "sbwtdio", "scl", "sct", "secio", "sfwi", "stbt", "swct", "swt", "swtdcpu",
    "swtdio", "sws", "sss", "sssdcpu", "sssdio", "spp", "sub", "zdbbl", "zdntgc", "zebwt", "zosrl", "zhft",
];

fn takes_value(flag: &[u8]) -> TakesValue {
    match flag {
        [b'J', ..] => TakesValue::Always,
        [b'c'] => TakesValue::OneOf(&[b"true", b"false"]),
        [b'B'] => TakesValue::OneOf(&[b"i", b"c", b"d"]),
        [b'B', letter, ..] if !matches!(letter, b'i' | b'c' | b'd') => TakesValue::Unknown,
        [b'M', rest @ ..] if allocator_flag_wants_value(rest) => TakesValue::Always,
        [b'I', rest @ ..] if !is_poll_flag(rest) => TakesValue::Unknown,
        [b'S', b'D', rest @ ..] if !["cpu", "Pcpu", "io"].iter().any(|kind| rest.starts_with(kind.as_bytes())) => {
            TakesValue::Unknown
        }
        _ if WITH_VALUE.iter().any(|name| name.as_bytes() == flag) => TakesValue::Always,
        _ => TakesValue::Never,
    }
}

fn is_poll_flag(rest: &[u8]) -> bool {
    ["Ot", "Op", "OPt", "OPp", "Os"].iter().any(|name| rest.starts_with(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, text};
    use crate::{Plan, Program};

    fn shown(fixture: Fixture, arguments: &str) -> String {
        let exit = fixture.plan(Program::Erl, &format!("-emu_args_exit {arguments}")).unwrap_err();
        text(&exit.output).replace('\n', " ").trim_end().to_owned()
    }

    const FIXED: &str = "-- -root /otp -bindir /otp/erts-15.2.7/bin -progname erl -- -home /home/me --";

    // The expected lists are what the real erl prints for the same command line, with its own folders.
    #[test]
    fn argument_lists() {
        let cases = [
            ("+S 2:2 +A 4 -noshell -foo bar -extra x", "-S 2:2 -A 4", "-noshell -foo bar -- -- -extra x"),
            ("-noinput -s a", "", "-noshell -noinput -s a --"),
            ("-S foo -- -x", "", "-- -- -noshell -S foo \\-- -x"),
            ("-detached", "", "-detached -noshell -noinput --"),
            ("+B i +c false +c x +Mea min +MBas aobf", "-B i -c false -c -Mea min -MBas aobf", "x --"),
            ("-compile a b", "-B", "-noshell -noinput -s c lc_batch a b --"),
            ("-make a", "-B", "-noshell -noinput -s make all_or_nothing -s erlang halt"),
            ("-sname a -version", "-V", "-sname a --"),
        ];
        for (arguments, emulator, erlang) in cases {
            let expected = format!("{emulator} {FIXED} {erlang}");
            assert_eq!(shown(Fixture::new(), arguments), expected.trim_start(), "{arguments}");
        }
    }

    #[test]
    fn variables_and_files() {
        let fixture = Fixture::new()
            .variable("ERL_AFLAGS", "-a \"b c\" +S 1")
            .variable("ERL_ZFLAGS", "-z -extra q")
            .variable("ERL_FLAGS", "+A 2 -f x\\ y");
        let expected = format!("-S 1 -A 2 {FIXED} -a b c -- -e -- -- -f x y -- -z -- -extra m n q");
        assert_eq!(shown(fixture, "-e -extra m n"), expected);
        let fixture = Fixture::new().file("/args", "# comment\n-a 'b' +P 4000 -args_file /more").file("/more", "-m");
        assert_eq!(shown(fixture, "-x -args_file /args -y"), format!("-P 4000 {FIXED} -x -a b -m -- -- -y --"));
    }

    #[test]
    fn complaints() {
        let first_line = |arguments: &str| {
            let exit = Fixture::new().plan(Program::Erl, arguments).unwrap_err();
            assert_eq!(exit.status, 1);
            text(&exit.errors).lines().next().unwrap().to_owned()
        };
        assert_eq!(first_line("-env A"), "Missing argument(s) for '-env'.");
        assert_eq!(first_line("+S"), "Missing argument(s) for '+S'.");
        assert_eq!(
            first_line("-args_file /nonexist"),
            "Failed to open arguments file \"/nonexist\" at \"/here\": No such file or directory"
        );
        assert_eq!(first_line("+P 3"), "bad number of processes 3");
        assert_eq!(first_line("-smp disable"), "Argument '-smp disable' not supported. Use \"+S 1\" instead.");
        assert_eq!(first_line("-no_epmd"), "erlexec: Missing -proto_dist option, expected when using -no_epmd.");
    }

    #[test]
    fn environment_and_launch() {
        let fixture = Fixture::new().variable("PATH", "/bin:/usr/bin");
        let Plan::Start(launch) = fixture.plan(Program::Erl, "+S 1 -env A b -noshell").unwrap() else {
            panic!("erl starts the machine");
        };
        let value = |name: &str| text(launch.environment.get(name).unwrap());
        assert_eq!(value("PATH"), "/otp/erts-15.2.7/bin:/otp/bin:/bin:/usr/bin");
        assert_eq!((value("A"), value("EMU"), value("ROOTDIR")), ("b".into(), "beam".into(), "/otp".into()));
        assert_eq!(launch.emulator.schedulers.total, 1);
        assert_eq!(text(&launch.init_arguments.join(&b' ')), FIXED[3..].to_owned() + " -noshell --");
        assert_eq!(text(&launch.emulator_arguments[0]), "/otp/erts-15.2.7/bin/beam.smp");
    }
}
