//! What `erl`, `erlc`, `escript`, `elixir`, `elixirc`, `iex` and `mix` make of their arguments and environment.
//!
//! Everything here is a function from arguments, variables and a few facts about the surroundings to a [`Plan`];
//! nothing is started, printed or changed. The one thing read is a file, through [`Surroundings::read_file`].
//! Knows nothing of the machine itself. Start with [`plan`]; `erl.rs` is where every road ends.

#![forbid(unsafe_code)]

mod elixir;
mod emulator;
mod environment;
mod erl;
mod erlc;
mod escript;
mod installation;
mod numbers;
mod tuning;
mod words;

pub use emulator::{
    BreakHandling, EmulatorOptions, FileNameEncoding, FileNameWarning, MaximumHeap, MessageQueueData,
    PrintableCharacters, Schedulers, TimeWarpMode, WarningsAs,
};
pub use environment::Environment;
pub use installation::{Installation, InstallationError};

use std::io;
use std::path::Path;

/// The programs that OTP and Elixir offer on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Erlang itself.
    Erl,
    /// The Erlang compiler.
    Erlc,
    /// Runs an Erlang script.
    Escript,
    /// Runs Elixir scripts and expressions.
    Elixir,
    /// The Elixir compiler.
    Elixirc,
    /// Elixir's shell.
    Iex,
    /// Elixir's build tool.
    Mix,
}

impl Program {
    /// The program that goes by `name`.
    pub fn named(name: &str) -> Option<Program> {
        Some(match name {
            "erl" => Program::Erl,
            "erlc" => Program::Erlc,
            "escript" => Program::Escript,
            "elixir" => Program::Elixir,
            "elixirc" => Program::Elixirc,
            "iex" => Program::Iex,
            "mix" => Program::Mix,
            _ => return None,
        })
    }

    /// The name a person types.
    pub fn name(self) -> &'static str {
        match self {
            Program::Erl => "erl",
            Program::Erlc => "erlc",
            Program::Escript => "escript",
            Program::Elixir => "elixir",
            Program::Elixirc => "elixirc",
            Program::Iex => "iex",
            Program::Mix => "mix",
        }
    }
}

/// What a command line is read against.
pub struct Surroundings<'a> {
    /// The environment variables.
    pub environment: Environment,
    /// Where OTP's and Elixir's files are.
    pub installation: &'a Installation,
    /// Whether standard output and standard error both are terminals.
    pub output_is_terminal: bool,
    /// Processors this program may run on: the number of schedulers unless told otherwise.
    pub processors: u32,
    /// The current folder, for messages.
    pub current_directory: Vec<u8>,
    /// Reads a whole file.
    pub read_file: &'a dyn Fn(&Path) -> io::Result<Vec<u8>>,
}

/// What is to be done.
#[derive(Debug)]
pub enum Plan {
    /// Start the machine.
    Start(Box<Launch>),
    /// Become another program (the emulator that `ERLC_EMULATOR` names, or `run_erl`).
    Execute(Command),
}

/// Another program to become.
#[derive(Debug, PartialEq, Eq)]
pub struct Command {
    /// The program, then its arguments.
    pub arguments: Vec<Vec<u8>>,
    /// Folders to make first.
    pub directories: Vec<Vec<u8>>,
    /// The environment it gets.
    pub environment: Environment,
}

/// Everything that the machine has to know to start.
#[derive(Debug)]
pub struct Launch {
    /// What the emulator flags (`+S` and the like) set.
    pub emulator: EmulatorOptions,
    /// What `erl_init:start/2` gets, one binary each: `-root …`, `-home …` and everything that is not an emulator flag.
    pub init_arguments: Vec<Vec<u8>>,
    /// The emulator's whole argument list, itself first: `erlang:system_info(emu_args)`.
    pub emulator_arguments: Vec<Vec<u8>>,
    /// The environment as it shall be seen by `os:getenv` and by programs that Erlang code starts.
    pub environment: Environment,
    /// To be printed to standard output before anything else (`-emu_args`).
    pub announcement: Vec<u8>,
    /// To be printed to standard error before anything else.
    pub warnings: Vec<u8>,
    /// Run in the background, detached from the terminal (`-detached`).
    pub detached: bool,
    /// Do not end when the terminal hangs up (`-nohup`).
    pub nohup: bool,
    /// The shell command that starts the port mapper, if the node is to be a distributed one.
    pub port_mapper: Option<Vec<u8>>,
}

/// The end of the program without starting the machine.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// To be printed to standard output.
    pub output: Vec<u8>,
    /// To be printed to standard error.
    pub errors: Vec<u8>,
    /// The exit status.
    pub status: u8,
}

impl Exit {
    /// Ends well, with something to print.
    pub(crate) fn printing(output: impl Into<Vec<u8>>) -> Exit {
        Exit { output: output.into(), ..Exit::default() }
    }

    /// Ends with status 1 and a message.
    pub(crate) fn failing(errors: impl Into<Vec<u8>>) -> Exit {
        Exit { errors: errors.into(), status: 1, ..Exit::default() }
    }
}

/// Reads the command line of `program`: `arguments` does not include the program's own name.
///
/// # Errors
///
/// The text and exit status to end with, when the arguments ask for help or a version, or are wrong.
pub fn plan(program: Program, arguments: Vec<Vec<u8>>, surroundings: Surroundings<'_>) -> Result<Plan, Exit> {
    match program {
        Program::Erl => erl::plan(arguments, surroundings).map(|launch| Plan::Start(Box::new(launch))),
        Program::Erlc => erlc::plan(arguments, surroundings),
        Program::Escript => escript::plan(arguments, surroundings),
        Program::Elixir | Program::Elixirc | Program::Iex | Program::Mix => {
            elixir::plan(program, arguments, surroundings)
        }
    }
}

/// Joins byte strings into one.
pub(crate) fn concat(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// Turns string literals into an argument list.
pub(crate) fn list(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

#[cfg(test)]
mod testing;
