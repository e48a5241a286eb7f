//! Booting OTP: the preloaded modules, `erl_init`, and the system processes.

use crate::start_modules;
use oxbeam_beam_file::BeamFile;
use oxbeam_bifs::WarningsAs;
use oxbeam_bifs::io::signals::BreakHandling;
use oxbeam_bifs::io::{BadNames, NameEncoding, System};
use oxbeam_interpreter::Interpreter;
use oxbeam_runtime::{Prepared, Priority, SpawnOptions, Vm, VmOptions};
use oxbeam_term::{Atom, Heap, HeapOptions, Pid, Term};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Modules that are loaded before any Erlang code runs, in OTP 27's order.
const PRELOADED: [&str; 22] = [
    "erts_code_purger",
    "erl_init",
    "init",
    "prim_buffer",
    "prim_eval",
    "prim_inet",
    "prim_file",
    "zlib",
    "socket_registry",
    "prim_socket",
    "prim_net",
    "prim_zip",
    "erl_prim_loader",
    "erlang",
    "erts_internal",
    "erl_tracer",
    "erts_literal_area_collector",
    "erts_trace_cleaner",
    "erts_dirty_process_signal_handler",
    "atomics",
    "counters",
    "persistent_term",
];

/// Processes that the machine itself starts beside `init`, with their priorities.
const SYSTEM_PROCESSES: [(&str, Option<&str>, Priority); 6] = [
    ("erts_code_purger", None, Priority::High),
    ("erts_literal_area_collector", None, Priority::High),
    ("erts_dirty_process_signal_handler", None, Priority::Normal),
    ("erts_dirty_process_signal_handler", None, Priority::High),
    ("erts_dirty_process_signal_handler", None, Priority::Max),
    ("erts_trace_cleaner", None, Priority::Normal),
];

/// How OTP is booted.
pub struct Boot {
    /// Sizes and limits of the machine.
    pub options: VmOptions,
    /// OTP's root folder, the one that holds `lib`.
    pub root: PathBuf,
    /// Module that boots: `erl_init` hands it the arguments.
    pub boot_module: String,
    /// Arguments of `erl_init:start/2`.
    pub init_arguments: Vec<Vec<u8>>,
    /// Environment variables as Erlang code and its programs see them.
    pub environment: Vec<(Vec<u8>, Vec<u8>)>,
    /// Do all of Unicode's letters count as printable (`+pc unicode`), and not only Latin-1's?
    pub printable_unicode: bool,
    /// How file names are encoded (as the locale says unless given), and what becomes of names that mean nothing.
    pub file_names: (Option<NameEncoding>, BadNames),
    /// What `error_logger` makes of warnings.
    pub warnings_as: WarningsAs,
    /// Let the machine handle the operating system's signals (only a program that is the machine may), and what it
    /// does with Ctrl-C.
    pub handle_signals: Option<BreakHandling>,
}

/// Why a machine could not be booted.
#[derive(Debug)]
pub enum BootError {
    /// A preloaded module could not be read.
    Read(PathBuf, std::io::Error),
    /// A preloaded module could not be loaded.
    Load(PathBuf, String),
    /// OTP's own folder is not where it should be.
    NoOtp(PathBuf),
}

impl fmt::Display for BootError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BootError::Read(path, error) => write!(formatter, "cannot read {}: {error}", path.display()),
            BootError::Load(path, error) => write!(formatter, "cannot load {}: {error}", path.display()),
            BootError::NoOtp(path) => write!(formatter, "there is no OTP 27 in {}: run bin/setup", path.display()),
        }
    }
}

impl std::error::Error for BootError {}

/// A machine with all BIFs, without processes and threads.
pub fn new_machine(options: VmOptions) -> Arc<Vm> {
    let mut bifs = oxbeam_bifs::table();
    bifs.extend(oxbeam_crypto::table());
    let vm = Vm::new(options, Box::new(Interpreter::new()), bifs);
    oxbeam_bifs::install(&vm);
    vm
}

impl Boot {
    /// Builds the machine, loads what is preloaded and starts `init`.
    ///
    /// # Errors
    /// When the preloaded modules cannot be found or loaded.
    pub fn start(self) -> Result<Arc<Vm>, BootError> {
        let vm = new_machine(self.options.clone());
        oxbeam_bifs::set_environment(&vm, self.environment.clone());
        oxbeam_bifs::printable::set_printable_unicode(&vm, self.printable_unicode);
        vm.extension::<System>().set_name_encoding(self.file_names.0, self.file_names.1);
        vm.node_table().set_busy_limit(self.options.distribution_busy_bytes);
        oxbeam_bifs::set_warning_map(&vm, self.warnings_as);
        let preloaded = preloaded_folder(&self.root)?;
        oxbeam_bifs::parse_ahead(&vm, start_modules::files(&self.root, &self.init_arguments));
        load_preloaded(&vm, &preloaded)?;
        if let Some(break_handling) = self.handle_signals
            && let Err(error) = oxbeam_bifs::io::signals::install_signals(&vm, break_handling)
        {
            eprintln!("oxbeam: signals of the operating system are not handled: {}", error.name());
        }
        self.start_init(&vm);
        let mut dirty_signal_handlers = Vec::new();
        for (module, _, priority) in SYSTEM_PROCESSES {
            let options = SpawnOptions { priority, off_heap: Some(true), system: true, ..SpawnOptions::default() };
            let pid = spawn(&vm, module, "start", &[], options);
            if module == "erts_dirty_process_signal_handler" {
                dirty_signal_handlers.extend(pid);
            }
            if let (Some(collector), "erts_literal_area_collector") = (pid, module) {
                vm.set_literal_collector(collector);
            }
        }
        if let Ok(handlers) = dirty_signal_handlers.try_into() {
            vm.set_dirty_signal_handlers(handlers);
        }
        vm.start();
        Ok(vm)
    }

    fn start_init(&self, vm: &Vm) {
        let heap = Heap::new(HeapOptions::default());
        let arguments: Vec<Term<'_>> = self.init_arguments.iter().map(|argument| heap.binary(argument)).collect();
        let module = Term::atom(intern(vm, &self.boot_module));
        let options = SpawnOptions { system: true, ..SpawnOptions::default() };
        spawn(vm, "erl_init", "start", &[module, heap.list(&arguments)], options);
    }
}

fn intern(vm: &Vm, name: &str) -> Atom {
    vm.atoms.intern(name).expect("the atom table has room when the machine starts")
}

fn spawn(vm: &Vm, module: &str, function: &str, arguments: &[Term<'_>], options: SpawnOptions) -> Option<Pid> {
    let (module, function) = (intern(vm, module), intern(vm, function));
    vm.spawn(None, module, function, arguments, options)
}

/// Where the preloaded modules are: among OTP's libraries, or, in a release, with the programs, of which it has a copy.
fn preloaded_folder(root: &Path) -> Result<PathBuf, BootError> {
    let inside = [(root.join("lib"), "ebin"), (root.to_owned(), "bin/preloaded")];
    let found = inside.iter().find_map(|(folder, modules)| {
        let entries = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
        let of_runtime_system =
            |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("erts-"));
        entries.filter(of_runtime_system).map(|path| path.join(modules)).filter(|path| path.is_dir()).max()
    });
    found.ok_or_else(|| BootError::NoOtp(root.to_owned()))
}

fn load_preloaded(vm: &Vm, folder: &Path) -> Result<(), BootError> {
    for module in PRELOADED {
        let path = folder.join(format!("{module}.beam"));
        let bytes = std::fs::read(&path).map_err(|error| BootError::Read(path.clone(), error))?;
        let file = oxbeam_bifs::parse_file(vm, module, &bytes).map_err(|error| error.to_string());
        let prepared = file.and_then(|file| vm.engine().prepare(vm, file).map_err(|error| error.to_string()));
        let mut prepared = prepared.map_err(|error| BootError::Load(path.clone(), error))?;
        // OTP has them so, and so they show.
        if let Some(code) = Arc::get_mut(&mut prepared.code) {
            code.strip();
        }
        let name = prepared.code.module;
        let on_load = prepared.code.on_load.is_some();
        vm.code.publish(&[prepared]).map_err(|error| BootError::Load(path, format!("{error:?}")))?;
        // The preloaded modules with NIFs are finished by `erl_init`, which calls their on_load functions by name.
        if on_load {
            vm.code.finish_on_load(name, true);
        }
    }
    Ok(())
}

/// Waits until the machine halts, and leaves the terminal as it was found. Returns the exit status.
pub fn wait_for_end(vm: &Vm) -> i32 {
    let status = vm.wait();
    oxbeam_bifs::io::restore_terminals(vm);
    status
}

/// Decodes a `.beam` file.
pub fn prepare(vm: &Vm, bytes: &[u8]) -> Result<Prepared, String> {
    let file = BeamFile::parse(bytes).map_err(|error| error.to_string())?;
    vm.engine().prepare(vm, file).map_err(|error| error.to_string())
}
