//! The machine: one value owns everything.

use crate::Holding;
use crate::bif::BifEntry;
use crate::code::{CodeTable, LoadError, Prepared};
use crate::extensions::Extensions;
use crate::monitor::LinkTarget;
use crate::scheduler::{Outcome, Schedulers};
use crate::{Clock, MaxHeapSize, Process, ProcessMain, ProcessTable, Registry, TimerService};
use oxbeam_beam_file::BeamFile;
use oxbeam_term::{
    ATOM_LIMIT_DEFAULT, Atom, AtomTable, Export, LiteralRange, LocalReference, MagicObject, OwnedTerm, Pid, Port,
};
use parking_lot::{Mutex, RwLock};
use std::any::Any;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

/// What executes code.
pub trait Engine: Send + Sync {
    /// Makes a module of a file, without publishing it. Its functions are decoded later ([`crate::ModuleCode::decode`]).
    ///
    /// # Errors
    /// When the file holds something that this machine cannot execute.
    fn prepare(&self, vm: &Vm, file: BeamFile) -> Result<Prepared, LoadError>;
    /// Runs a process that the caller owns until it yields, waits or ends. `budget` is its reductions.
    fn run(&self, vm: &Vm, process: &Arc<Process>, main: &mut ProcessMain, dirty: bool, budget: i32) -> Outcome;
    /// The instruction word that stands at the entry of a traced function.
    fn breakpoint(&self) -> u32 {
        0
    }
    /// The instruction word of a stub that external calls of a traced function pass.
    fn export_breakpoint(&self) -> u32 {
        0
    }
    /// Address of the instruction that a process starts at to apply the saved registers (module, function, arguments).
    fn apply_address(&self) -> u64;
}

/// What is done with each process that ends, by its last owner.
pub type ExitHook = Box<dyn Fn(&Vm, &Arc<Process>, &mut crate::ProcessState) + Send + Sync>;

/// What the signals of links and monitors need of ports.
pub trait Ports: Send + Sync {
    /// A process linked to the port ended (or called `exit/2` on it).
    fn link_exit(&self, vm: &Vm, port: Port, from: LinkTarget, reason: OwnedTerm);
    /// A monitor of the port was removed.
    fn demonitor(&self, vm: &Vm, port: Port, reference: LocalReference);
    /// A process links to the port; false when there is no such port.
    fn link(&self, _vm: &Vm, _port: Port, _from: Pid) -> bool {
        false
    }
    /// A process unlinks from the port.
    fn unlink(&self, _vm: &Vm, _port: Port, _from: Pid) {}
    /// A process monitors the port; false when there is no such port.
    fn monitor(&self, _vm: &Vm, _port: Port, _reference: LocalReference, _watcher: Pid) -> bool {
        false
    }
    /// The port got a name or lost it, as this event of tracing says.
    fn named(&self, _vm: &Vm, _port: Port, _event: &str, _name: Atom) {}
    /// A message was sent to the port (`Port ! {Owner, {command, Data}}` and the like).
    fn message(&self, _vm: &Vm, _port: Port, _from: Pid, _message: OwnedTerm) {}
    /// Signals to another node wait for the port to carry them. Must not wait for the port.
    fn distribution_output(&self, _vm: &Vm, _port: Port) {}
    /// `exit/2` on the port.
    fn exit(&self, vm: &Vm, port: Port, reason: OwnedTerm);
}

/// What new processes get unless they say otherwise; `erlang:system_flag/2` changes it.
pub struct SpawnDefaults {
    /// `min_heap_size`, in words.
    pub min_heap_words: AtomicUsize,
    /// `min_bin_vheap_size`, in words.
    pub min_virtual_words: AtomicUsize,
    /// `fullsweep_after`.
    pub fullsweep_after: AtomicU32,
    /// `max_heap_size`.
    pub max_heap_size: Mutex<MaxHeapSize>,
}

/// Bytes that came and went through ports (`statistics(io)`).
#[derive(Default)]
pub struct PortBytes {
    /// Delivered to owners of ports.
    pub received: AtomicU64,
    /// Sent to ports.
    pub sent: AtomicU64,
}

/// Bytes in use, as `erlang:memory/0` tells them. Who owns memory keeps its counter up to date.
#[derive(Default)]
pub struct MemoryCounters {
    /// Heaps of processes.
    pub processes: AtomicI64,
    /// Most processes alive at once since free memory was last given back to the system.
    pub(crate) process_peak: AtomicUsize,
}

/// ETS tables that OTP has places for unless told to have more.
pub const ETS_TABLES_MIN: usize = 8192;

/// How a machine is built.
#[derive(Clone, Debug)]
pub struct VmOptions {
    /// Scheduler threads; 0 means one for each core.
    pub schedulers: usize,
    /// How many of them work from the start; 0 means all.
    pub schedulers_online: usize,
    /// Dirty schedulers for computations; 0 means one for each core.
    pub dirty_cpu_schedulers: usize,
    /// How many of them work from the start; 0 means all.
    pub dirty_cpu_schedulers_online: usize,
    /// Dirty schedulers for blocking work.
    pub dirty_io_schedulers: usize,
    /// Processes at most.
    pub process_limit: usize,
    /// Ports at most.
    pub port_limit: usize,
    /// Atoms at most.
    pub atom_limit: u32,
    /// Default `min_heap_size`, in words.
    pub min_heap_words: usize,
    /// Default `min_bin_vheap_size`, in words.
    pub min_virtual_words: usize,
    /// Default `max_heap_size`.
    pub max_heap_size: MaxHeapSize,
    /// Default `fullsweep_after`.
    pub fullsweep_after: u32,
    /// Are the message queues of new processes `off_heap`?
    pub off_heap_messages: bool,
    /// Do new processes send to other nodes without waiting (`async_dist`)?
    pub async_distribution: bool,
    /// Bytes that may wait for another node before senders are suspended.
    pub distribution_busy_bytes: usize,
    /// How long the end of the machine waits for output, if not for as long as that takes.
    pub halt_flush_limit: Option<std::time::Duration>,
    /// Does every ETS table count as `compressed`?
    pub ets_always_compressed: bool,
    /// ETS tables that there are places for; more work too, as in OTP.
    pub ets_table_limit: usize,
    /// Threads for drivers: only told.
    pub async_threads: usize,
    /// Are ports `{parallelism, true}` unless they say otherwise? Only told.
    pub port_parallelism: bool,
}

impl Default for VmOptions {
    fn default() -> VmOptions {
        VmOptions {
            schedulers: 0,
            schedulers_online: 0,
            dirty_cpu_schedulers: 0,
            dirty_cpu_schedulers_online: 0,
            dirty_io_schedulers: 10,
            process_limit: 1_048_576,
            port_limit: 65_536,
            atom_limit: ATOM_LIMIT_DEFAULT,
            min_heap_words: 233,
            min_virtual_words: 46_422,
            max_heap_size: MaxHeapSize::NONE,
            fullsweep_after: 65_535,
            off_heap_messages: false,
            async_distribution: false,
            distribution_busy_bytes: 1 << 20,
            halt_flush_limit: None,
            ets_always_compressed: false,
            ets_table_limit: ETS_TABLES_MIN,
            async_threads: 1,
            port_parallelism: false,
        }
    }
}

/// A machine. Shared by its threads; [`Vm::shut_down`] ends them.
pub struct Vm {
    /// How it was built.
    pub options: VmOptions,
    /// Atoms.
    pub atoms: AtomTable,
    /// Code.
    pub code: CodeTable,
    /// Processes.
    pub processes: ProcessTable,
    /// Registered names.
    pub registry: Registry,
    /// Schedulers.
    pub schedulers: Schedulers,
    /// Timers.
    pub timers: TimerService,
    /// Time.
    pub clock: Arc<Clock>,
    /// What new processes get.
    pub defaults: SpawnDefaults,
    /// Trace points.
    pub tracing: crate::Tracing,
    /// Who is told of large and slow processes.
    pub system_monitor: crate::SystemMonitor,
    /// Memory in use.
    pub memory: MemoryCounters,
    /// What went through ports.
    pub port_bytes: PortBytes,
    /// Built-in functions.
    pub bifs: Vec<BifEntry>,
    bif_index: HashMap<(Atom, Atom, u8), usize>,
    engine: Box<dyn Engine>,
    next_reference: AtomicU64,
    /// The part of references that tells this machine's from those of others that have had, or will have, its name.
    reference_seed: u64,
    next_unique: AtomicI64,
    /// State that a family of BIFs keeps in the machine, by type.
    extensions: Extensions,
    exit: Mutex<Option<i32>>,
    halted: parking_lot::Condvar,
    halting: AtomicBool,
    /// Depth of stack traces (`erlang:system_flag(backtrace_depth, N)`).
    pub backtrace_depth: AtomicU32,
    exit_hooks: RwLock<Vec<(Holding, ExitHook)>>,
    ports: RwLock<Option<Arc<dyn Ports>>>,
    pub(crate) literal_release: crate::literal_release::LiteralRelease,
    pub(crate) dirty_handlers: crate::dirty::DirtySignalHandlers,
    this: OnceLock<Weak<Vm>>,
}

impl Vm {
    /// A machine without processes; [`Vm::start`] starts its threads.
    pub fn new(options: VmOptions, engine: Box<dyn Engine>, bifs: Vec<BifEntry>) -> Arc<Vm> {
        let atoms = AtomTable::new(options.atom_limit);
        let clock = Arc::new(Clock::new());
        let code = CodeTable::new();
        let mut bif_index = HashMap::with_capacity(bifs.len());
        for (index, bif) in bifs.iter().enumerate() {
            let module = atoms.intern(bif.module).expect("the atom table has room for the BIFs' names");
            let function = atoms.intern(bif.function).expect("the atom table has room for the BIFs' names");
            bif_index.insert((module, function, bif.arity), index);
            if !bif.flags.nif {
                code.export(module, function, bif.arity).bif.store(index as u64 + 1, Ordering::Release);
            }
        }
        let vm = Arc::new(Vm {
            processes: ProcessTable::new(options.process_limit),
            schedulers: Schedulers::new(&options),
            timers: TimerService::new(clock.clone()),
            registry: Registry::default(),
            atoms,
            code,
            clock,
            defaults: SpawnDefaults {
                min_heap_words: AtomicUsize::new(oxbeam_term::next_heap_size(options.min_heap_words)),
                min_virtual_words: AtomicUsize::new(oxbeam_term::next_heap_size(options.min_virtual_words)),
                fullsweep_after: AtomicU32::new(options.fullsweep_after),
                max_heap_size: Mutex::new(options.max_heap_size),
            },
            tracing: crate::Tracing::default(),
            system_monitor: crate::SystemMonitor::default(),
            memory: MemoryCounters::default(),
            port_bytes: PortBytes::default(),
            bifs,
            bif_index,
            engine,
            next_reference: AtomicU64::new(RandomState::new().hash_one(0u64) >> 1),
            // As large as OTP's, with room for the counter above it.
            reference_seed: RandomState::new().hash_one(1u64) >> 33,
            next_unique: AtomicI64::new(1),
            extensions: Extensions::new(),
            exit: Mutex::new(None),
            halted: parking_lot::Condvar::new(),
            halting: AtomicBool::new(false),
            backtrace_depth: AtomicU32::new(8),
            exit_hooks: RwLock::default(),
            ports: RwLock::default(),
            literal_release: Default::default(),
            dirty_handlers: Default::default(),
            this: OnceLock::new(),
            options,
        });
        let _ = vm.this.set(Arc::downgrade(&vm));
        vm
    }
    /// The machine itself, counted.
    pub fn arc(&self) -> Arc<Vm> {
        self.this.get().and_then(Weak::upgrade).expect("a machine that is used is alive")
    }
    /// What executes code.
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }
    /// The BIF with this name.
    pub fn bif(&self, module: Atom, function: Atom, arity: u8) -> Option<&BifEntry> {
        self.bif_index.get(&(module, function, arity)).map(|&index| &self.bifs[index])
    }
    /// The BIF behind an export.
    pub fn bif_of(&self, export: &Export) -> Option<&BifEntry> {
        let index = export.bif.load(Ordering::Acquire);
        if index == 0 { None } else { self.bifs.get(index as usize - 1) }
    }
    /// Where literals live.
    pub fn literals(&self) -> LiteralRange {
        self.code.literals.range()
    }
    /// Numbers of a new reference.
    pub fn next_reference(&self) -> LocalReference {
        let number = self.next_reference.fetch_add(1, Ordering::Relaxed);
        // As OTP shows them: three 32-bit numbers; the least significant has 18 bits.
        let low = number & 0x3_ffff;
        let middle = (number >> 18) & 0xffff_ffff;
        LocalReference([low | middle << 32, self.reference_seed + (number >> 50)])
    }
    /// A number for `erlang:unique_integer/1`, strictly increasing.
    pub fn next_unique(&self) -> i64 {
        self.next_unique.fetch_add(1, Ordering::Relaxed)
    }
    /// Name and creation of this node.
    pub fn node(&self) -> (Atom, u32) {
        self.atoms.this_node()
    }
    /// Sets name and creation of this node.
    pub fn set_node(&self, name: Atom, creation: u32) {
        self.atoms.set_this_node(name, creation);
    }
    /// State of type `T` that belongs to this machine, made on first use. Each family of BIFs keeps what it needs
    /// (tables, ports, timers by reference, ...) in a type of its own.
    pub fn extension<T: Default + Send + Sync + 'static>(&self) -> &Arc<T> {
        self.extensions.get()
    }
    /// Wraps an object so that a magic reference can keep it.
    pub fn magic(object: impl Any + Send + Sync) -> Arc<MagicObject> {
        Arc::new(MagicObject(Box::new(object)))
    }
    /// Starts the machine's threads.
    pub fn start(&self) {
        self.schedulers.start(&self.arc());
        let vm = self.arc();
        let timers = std::thread::Builder::new().name("timers".into()).spawn(move || vm.timers.run(&vm));
        timers.expect("the system can start a thread");
    }
    /// Ends the machine with this exit status: `wait` returns it, schedulers stop after their current slice.
    pub fn halt(&self, status: i32) {
        self.halting.store(true, Ordering::Release);
        let mut exit = self.exit.lock();
        if exit.is_none() {
            *exit = Some(status);
        }
        self.schedulers.request_stop();
        self.halted.notify_all();
    }
    /// Is the machine ending?
    pub fn is_halting(&self) -> bool {
        self.halting.load(Ordering::Relaxed)
    }
    /// Waits until the machine ends; returns its exit status.
    pub fn wait(&self) -> i32 {
        let mut exit = self.exit.lock();
        loop {
            if let Some(status) = *exit {
                return status;
            }
            self.halted.wait(&mut exit);
        }
    }
    /// Stops and joins all threads. Everything is freed with the last `Arc`.
    pub fn shut_down(&self) {
        self.halt(0);
        self.timers.stop();
        self.schedulers.stop();
    }
    /// Reason of a process's end, as a term of its own.
    pub fn own_atom(atom: Atom) -> OwnedTerm {
        OwnedTerm::immediate(oxbeam_term::Word::atom(atom))
    }
    /// Registers what is done with each process that ends and has (see [`Process::holds`]) what `holding` names.
    pub fn add_exit_hook(&self, holding: Holding, hook: ExitHook) {
        self.exit_hooks.write().push((holding, hook));
    }
    pub(crate) fn run_exit_hooks(&self, process: &Arc<Process>, state: &mut crate::ProcessState) {
        let held = process.held();
        if held.is_nothing() {
            return;
        }
        for (_, hook) in self.exit_hooks.read().iter().filter(|(holding, _)| held.includes(*holding)) {
            hook(self, process, state);
        }
    }
    /// Sets what links and monitors of ports do.
    pub fn set_ports(&self, ports: Arc<dyn Ports>) {
        *self.ports.write() = Some(ports);
    }
    /// The ports.
    pub fn ports(&self) -> Option<Arc<dyn Ports>> {
        self.ports.read().clone()
    }
    pub(crate) fn schedulers_port_exit(&self, port: Port, from: LinkTarget, reason: OwnedTerm) {
        if let Some(ports) = self.ports() {
            ports.link_exit(self, port, from, reason);
        }
    }
    pub(crate) fn port_demonitor(&self, port: Port, reference: LocalReference) {
        if let Some(ports) = self.ports() {
            ports.demonitor(self, port, reference);
        }
    }
    /// A system process must not end: the machine goes down, as OTP's does.
    pub(crate) fn system_process_ended(&self, process: &Arc<Process>, reason: &OwnedTerm) {
        let reason = oxbeam_term::display_text(reason.term(), None, &self.atoms);
        eprintln!("Runtime terminating: system process {} terminated: {reason}", process.pid());
        self.halt(1);
    }
    /// A process ended. When most of very many have, the memory they leave goes back to the system.
    pub(crate) fn give_back_memory(&self) {
        const MANY: usize = 1 << 14;
        let (count, peak) = (self.processes.count(), &self.memory.process_peak);
        let before = peak.load(Ordering::Relaxed);
        if before < MANY || count > before / 8 {
            return;
        }
        if peak.compare_exchange(before, count, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            // A thread of its own: it takes many milliseconds, and nothing waits for it.
            let work = || oxbeam_sys::memory::give_back();
            let _ = std::thread::Builder::new().name("memory".into()).spawn(work);
        }
    }
    /// Finds a process.
    pub fn process(&self, pid: Pid) -> Option<Arc<Process>> {
        self.processes.get(pid)
    }
    /// As [`Vm::process`], for something short: one that is at hand costs nothing ([`Vm::put_back`]). It may have ended.
    pub(crate) fn process_at_hand(&self, pid: Pid) -> Option<Arc<Process>> {
        self.schedulers.take_at_hand(pid).or_else(|| self.processes.get(pid))
    }
    /// Keeps what [`Vm::process_at_hand`] gave at hand.
    pub(crate) fn put_back(&self, process: Arc<Process>) {
        self.schedulers.keep_at_hand(process);
    }
}
