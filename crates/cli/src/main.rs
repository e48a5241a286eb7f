//! The `oxbeam` command: OTP's and Elixir's command lines, and a few tools.
//!
//! `oxbeam erl ARGS` and its kin are what the launchers in `bin/` become. What their arguments mean is the business
//! of `oxbeam-command-line`; this file gathers what that has to know, and does what it says.

#![forbid(unsafe_code)]

mod port_mapper;

use oxbeam::{BadNames, Boot, BreakHandling, ETS_TABLES_MIN, MaxHeapSize, NameEncoding, VmOptions, WarningsAs};
use oxbeam_beam_file::BeamFile;
use oxbeam_command_line::{
    self as flags, Command, Environment, Exit, Installation, Launch, Plan, Program, Surroundings, plan,
};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::thread;

const USAGE: &str = "\
Usage: oxbeam [--setup FOLDER] COMMAND [arguments]

Commands, with the arguments of the originals:
  erl, erlc, escript, elixir, elixirc, iex, mix

Tools:
  check-load FOLDER...   Load every .beam file in these folders and below, and report those that fail
  disasm FILE            Print the instructions in a .beam file
  inet_gethost WORKERS   Look host names up for OTP's kernel, as a port program
  memsup, cpu_sup        Tell OTP's os_mon of memory and processors, as port programs
  epmd [-daemon]         Map nodes of this host to ports, as OTP's epmd does
  guard-terminal MODES   Give a terminal its modes back when the machine has ended, as a program beside it

  --setup FOLDER         The folder that bin/setup made (default: .setup beside target/)
  --release FOLDER       A release made by Mix, in place of the set-up
  -V, --version          Print Oxbeam's version
  -h, --help             Print this text

The launchers in bin/ call this program, and bin/setup when it is needed.
";

/// The exit status of wrong usage, and of something that Oxbeam lacks (BSD's sysexits).
const STATUS_USAGE: i32 = 64;

fn main() {
    process::exit(run(env::args_os().skip(1).collect()));
}

/// What stands in front of the command.
#[derive(Default)]
struct Settings {
    setup: Option<PathBuf>,
    /// The root of a release, in place of a set-up.
    release: Option<PathBuf>,
    /// This process is the one that `-detached` left behind.
    in_background: bool,
}

fn run(arguments: Vec<OsString>) -> i32 {
    let mut settings = Settings::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--setup") => match arguments.next() {
                Some(folder) => settings.setup = Some(folder.into()),
                None => return wrong_usage("--setup needs a folder"),
            },
            Some("--release") => match arguments.next() {
                Some(folder) => settings.release = Some(folder.into()),
                None => return wrong_usage("--release needs a folder"),
            },
            Some("--in-background") => settings.in_background = true,
            Some("-h" | "--help") => return print(&Exit { output: USAGE.into(), ..Exit::default() }),
            Some("-V" | "--version") => {
                let output = format!("Oxbeam {}\n", env!("CARGO_PKG_VERSION")).into_bytes();
                return print(&Exit { output, ..Exit::default() });
            }
            Some("check-load") => return check_load(&arguments.map(PathBuf::from).collect::<Vec<_>>()),
            Some("epmd") => return port_mapper::run(&arguments.collect::<Vec<_>>()),
            Some("inet_gethost") => return look_up_hosts(arguments.next()),
            Some("memsup") => return port_program("memsup", oxbeam_sys::memsup::run(io::stdin(), port_output())),
            Some("cpu_sup") => return port_program("cpu_sup", oxbeam_sys::cpu_sup::run(io::stdin(), port_output())),
            Some("guard-terminal") => {
                oxbeam_sys::terminal::guard(&arguments.next().unwrap_or_default().to_string_lossy());
                return 0;
            }
            Some("disasm") => return disassemble(&arguments.map(PathBuf::from).collect::<Vec<_>>()),
            Some(name) if Program::named(name).is_some() => {
                return Program::named(name).map_or(STATUS_USAGE, |program| {
                    run_program(program, arguments.map(OsString::into_vec).collect(), &settings)
                });
            }
            _ => return wrong_usage(&format!("there is no command {}", argument.display())),
        }
    }
    wrong_usage("what shall be done?")
}

fn wrong_usage(message: &str) -> i32 {
    complain(message);
    eprint!("{USAGE}");
    STATUS_USAGE
}

fn complain(message: &str) {
    eprintln!("oxbeam: {message}");
}

/// Prints what a command line ends with. That nobody reads it is no reason to fail.
fn print(exit: &Exit) -> i32 {
    let _ = io::stdout().write_all(&exit.output).and_then(|()| io::stdout().flush());
    let _ = io::stderr().write_all(&exit.errors);
    i32::from(exit.status)
}

fn default_setup() -> PathBuf {
    let executable = env::current_exe().and_then(fs::canonicalize).unwrap_or_default();
    executable.ancestors().nth(3).unwrap_or(Path::new(".")).join(".setup")
}

fn run_program(program: Program, arguments: Vec<Vec<u8>>, settings: &Settings) -> i32 {
    let found = match &settings.release {
        Some(root) => Installation::of_release(root),
        None => Installation::find(&settings.setup.clone().unwrap_or_else(default_setup)),
    };
    let installation = match found {
        Ok(installation) => installation,
        Err(error) => {
            complain(&error.to_string());
            return 1;
        }
    };
    let surroundings = Surroundings {
        environment: env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec())).collect(),
        installation: &installation,
        output_is_terminal: io::stdout().is_terminal() && io::stderr().is_terminal(),
        processors: thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX)),
        current_directory: env::current_dir().unwrap_or_default().into_os_string().into_vec(),
        read_file: &|path| fs::read(path),
    };
    match plan(program, arguments, surroundings) {
        Err(exit) => print(&exit),
        Ok(Plan::Execute(command)) => execute(&command),
        Ok(Plan::Start(launch)) if launch.detached && !settings.in_background => go_to_background(),
        Ok(Plan::Start(launch)) => {
            print(&Exit { output: launch.announcement.clone(), errors: launch.warnings.clone(), status: 0 });
            start_machine(*launch)
        }
    }
}

/// Becomes another program.
fn execute(command: &Command) -> i32 {
    for folder in &command.directories {
        if let Err(error) = fs::create_dir_all(OsStr::from_bytes(folder)) {
            complain(&format!("cannot make the folder {}: {error}", String::from_utf8_lossy(folder)));
            return 1;
        }
    }
    let Some((program, arguments)) = command.arguments.split_first() else {
        return wrong_usage("no program to run");
    };
    let variables: &Environment = &command.environment;
    let error = process::Command::new(OsStr::from_bytes(program))
        .args(arguments.iter().map(|argument| OsStr::from_bytes(argument)))
        .env_clear()
        .envs(variables.iter().map(|(name, value)| (OsStr::from_bytes(name), OsStr::from_bytes(value))))
        .exec();
    complain(&format!("cannot run {}: {error}", String::from_utf8_lossy(program)));
    1
}

/// Starts this command line again in a session of its own and without a terminal.
fn go_to_background() -> i32 {
    let child = env::current_exe().and_then(|executable| {
        process::Command::new("setsid")
            .arg(executable)
            .arg("--in-background")
            .args(env::args_os().skip(1))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
    });
    match child {
        Ok(_) => 0,
        Err(error) => {
            complain(&format!("cannot go to the background: {error}"));
            1
        }
    }
}

/// The program that OTP's kernel starts to look up host names; OTP's own wants a newer C library than Debian 12 has.
fn look_up_hosts(workers: Option<OsString>) -> i32 {
    let workers = workers.and_then(|workers| workers.to_str()?.parse().ok()).unwrap_or(1);
    port_program("inet_gethost", oxbeam_sys::inet_gethost::run(workers, io::stdin(), port_output()))
}

/// Standard output as it is: Rust's own writes line by line, and a port's owner may take what comes at once for the
/// whole answer.
fn port_output() -> Box<dyn Write + Send> {
    match io::stdout().as_fd().try_clone_to_owned() {
        Ok(descriptor) => Box::new(fs::File::from(descriptor)),
        Err(_) => Box::new(io::stdout()),
    }
}

/// The exit status of one of OTP's port programs, which are modes of this command.
fn port_program(name: &str, outcome: io::Result<()>) -> i32 {
    match outcome {
        Ok(()) => 0,
        // Its port was closed: nobody is there to be told.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 1,
        Err(error) => {
            complain(&format!("{name}: {error}"));
            1
        }
    }
}

/// A machine that panics shall not leave the terminal in the modes of its shell.
fn restore_terminal_after_panic() {
    let Some(modes) = oxbeam_sys::terminal::SavedModes::of_input() else { return };
    let show = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |information| {
        let _ = modes.restore();
        show(information);
    }));
}

/// Sizes and limits as the flags say.
fn machine_options(emulator: &flags::EmulatorOptions) -> VmOptions {
    let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    VmOptions {
        schedulers: emulator.schedulers.total as usize,
        schedulers_online: emulator.schedulers.online as usize,
        dirty_cpu_schedulers: emulator.dirty_cpu_schedulers.total as usize,
        dirty_cpu_schedulers_online: emulator.dirty_cpu_schedulers.online as usize,
        dirty_io_schedulers: emulator.dirty_io_schedulers as usize,
        process_limit: emulator.process_limit as usize,
        port_limit: emulator.port_limit as usize,
        atom_limit: emulator.atom_limit,
        min_heap_words: size(emulator.minimum_heap_words),
        min_virtual_words: size(emulator.minimum_binary_virtual_heap_words),
        max_heap_size: MaxHeapSize {
            size: size(emulator.maximum_heap.size_words),
            kill: emulator.maximum_heap.kill,
            error_logger: emulator.maximum_heap.log,
            include_shared_binaries: emulator.maximum_heap.include_shared_binaries,
        },
        fullsweep_after: u32::from(emulator.fullsweep_after),
        off_heap_messages: emulator.message_queue_data == flags::MessageQueueData::OffHeap,
        async_distribution: emulator.async_distribution,
        distribution_busy_bytes: size(emulator.distribution_buffer_busy_limit),
        halt_flush_limit: emulator.halt_flush_timeout.map(|limit| std::time::Duration::from_millis(limit.into())),
        ets_always_compressed: emulator.ets_always_compressed,
        ets_table_limit: (emulator.ets_table_limit as usize).max(ETS_TABLES_MIN),
        async_threads: emulator.async_threads as usize,
        port_parallelism: emulator.port_parallelism,
    }
}

/// `+fn`.
fn file_names(emulator: &flags::EmulatorOptions) -> (Option<NameEncoding>, BadNames) {
    let Some((encoding, warning)) = emulator.file_name_encoding else { return (None, BadNames::Warning) };
    let encoding = match encoding {
        flags::FileNameEncoding::Latin1 => Some(NameEncoding::Latin1),
        flags::FileNameEncoding::Utf8 => Some(NameEncoding::Utf8),
        flags::FileNameEncoding::Locale => None,
    };
    let bad_names = match warning {
        flags::FileNameWarning::Warning => BadNames::Warning,
        flags::FileNameWarning::Ignore => BadNames::Ignore,
        flags::FileNameWarning::Error => BadNames::Error,
    };
    (encoding, bad_names)
}

/// Runs the machine until it halts; returns its exit status.
fn start_machine(launch: Launch) -> i32 {
    restore_terminal_after_panic();
    if let Some(command) = &launch.port_mapper {
        port_mapper::start(command, &launch.environment);
    }
    let emulator = &launch.emulator;
    let root = launch.environment.get("ROOTDIR").unwrap_or_default().to_vec();
    let boot = Boot {
        options: machine_options(emulator),
        root: PathBuf::from(OsString::from_vec(root)),
        boot_module: String::from_utf8_lossy(&emulator.boot_module).into_owned(),
        init_arguments: launch.init_arguments,
        environment: launch.environment.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect(),
        printable_unicode: emulator.printable_characters == flags::PrintableCharacters::Unicode,
        file_names: file_names(emulator),
        warnings_as: match emulator.warnings_as {
            flags::WarningsAs::Error => WarningsAs::Error,
            flags::WarningsAs::Warning => WarningsAs::Warning,
            flags::WarningsAs::Info => WarningsAs::Info,
        },
        handle_signals: Some(match emulator.break_handling {
            flags::BreakHandling::Menu => BreakHandling::Menu,
            flags::BreakHandling::Terminate => BreakHandling::Terminate,
            flags::BreakHandling::Ignore => BreakHandling::Ignore,
            flags::BreakHandling::InterruptShell => BreakHandling::InterruptShell,
        }),
    };
    match boot.start() {
        Ok(vm) => {
            if let Some(seconds) = env::var("OXBEAM_OVERVIEW_AFTER").ok().and_then(|text| text.parse().ok()) {
                let machine = vm.clone();
                thread::spawn(move || {
                    thread::sleep(std::time::Duration::from_secs(seconds));
                    eprint!("{}", machine.process_overview());
                });
            }
            oxbeam::wait_for_end(&vm)
        }
        Err(error) => {
            complain(&error.to_string());
            1
        }
    }
}

/// Loads every `.beam` file below the given folders.
fn check_load(folders: &[PathBuf]) -> i32 {
    if folders.is_empty() {
        return wrong_usage("check-load needs a folder");
    }
    match oxbeam::check_load(folders) {
        Ok(report) => {
            for failure in &report.failures {
                println!("{}: {}", failure.path.display(), failure.reason);
            }
            println!("{} modules load, {} do not", report.loaded, report.failures.len());
            i32::from(!report.failures.is_empty() || report.loaded == 0)
        }
        Err(error) => {
            complain(&error.to_string());
            1
        }
    }
}

/// Prints the instructions of a `.beam` file.
fn disassemble(files: &[PathBuf]) -> i32 {
    let [path] = files else { return wrong_usage("disasm needs one file") };
    let text = fs::read(path)
        .map_err(|error| error.to_string())
        .and_then(|bytes| BeamFile::parse(&bytes).map_err(|error| error.to_string()))
        .map(|file| oxbeam_beam_file::disassemble(&file));
    match text {
        Ok(text) => print(&Exit { output: text.into_bytes(), ..Exit::default() }),
        Err(error) => {
            complain(&format!("{}: {error}", path.display()));
            1
        }
    }
}
