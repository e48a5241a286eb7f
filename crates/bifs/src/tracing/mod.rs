//! Tracing: sessions, what they trace, and what their tracers are told.
//!
//! Everything is kept in [`Traces`]; the machine keeps only trace points (`oxbeam_runtime::Tracing`) and, in each process and port, the
//! union of its flags over all sessions. Tracers are processes and ports; modules with native code, which OTP allows too, are not.
//!
//! Whoever holds the lock for writing sends nothing, and locks no port. Whoever sends holds it for reading at most, recursively: a port's
//! events come while the port is locked.

mod accounting;
mod actions;
mod calls;
mod events;
mod flags;
pub(crate) mod functions;
pub(crate) mod information;
mod message;
mod on_load;
mod ports;
pub(crate) mod profile;
pub(crate) mod sequential;
pub(crate) mod sessions;
pub(crate) mod tracees;

pub(crate) use actions::Actions;
pub(crate) use message::{deliver_copy, stamp_named};
pub(crate) use on_load::{module_deleted, module_loaded};
pub(crate) use ports::{PortEvent, port_closed, port_opened};

use accounting::{Account, Clocks};
use oxbeam_ets::MatchSpec;
use oxbeam_runtime::{
    BifContext, Class, EventParts, Holding, LinkTarget, Process, ProcessMain, ProfileEvent, Sender, SequentialEvent,
    TraceFrame, TracePoint, Tracer, Vm,
};
use oxbeam_term::{Atom, OwnedTerm, Pid, Term, atoms};
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How one session traces one process or port.
#[derive(Clone, Copy)]
struct Traced {
    /// See `oxbeam_runtime::trace_flag`.
    flags: u32,
    tracer: LinkTarget,
}

/// A match specification as given and compiled; neither when everything counts.
#[derive(Clone, Default)]
struct Condition {
    source: Option<Arc<OwnedTerm>>,
    program: Option<Arc<MatchSpec>>,
}

/// Meta tracing of a function.
#[derive(Clone)]
struct Meta {
    condition: Condition,
    /// None once it was found to be gone.
    tracer: Option<LinkTarget>,
}

/// Counted calls of a function.
struct Count {
    calls: AtomicU64,
    active: bool,
}

/// What one session wants of one function.
#[derive(Default)]
struct Point {
    local: Option<Condition>,
    global: Option<Condition>,
    meta: Option<Meta>,
    count: Option<Count>,
    time: Option<Account>,
    memory: Option<Account>,
}

impl Point {
    fn is_local(&self) -> bool {
        self.local.is_some()
            || self.meta.is_some()
            || self.count.is_some()
            || self.time.is_some()
            || self.memory.is_some()
    }
    fn is_empty(&self) -> bool {
        self.global.is_none() && !self.is_local()
    }
}

/// Which messages sent or received are told: all, unless a pattern was set.
struct EventPattern {
    on: bool,
    condition: Condition,
}

impl Default for EventPattern {
    fn default() -> EventPattern {
        EventPattern { on: true, condition: Condition::default() }
    }
}

/// A trace session.
struct Session {
    name: Atom,
    /// Its number in weak references; none for the session of `erlang:trace/3`.
    weak: Option<i64>,
    /// The tracer of everything in it; that of `erlang:trace/3` has none.
    tracer: Option<LinkTarget>,
    tracees: HashMap<LinkTarget, Traced>,
    new_processes: Option<Traced>,
    new_ports: Option<Traced>,
    /// By the functions' entries.
    points: HashMap<u64, Point>,
    on_load: on_load::OnLoad,
    send: EventPattern,
    receive: EventPattern,
}

impl Session {
    fn new(name: Atom, weak: Option<i64>, tracer: Option<LinkTarget>) -> Session {
        Session {
            name,
            weak,
            tracer,
            tracees: HashMap::new(),
            new_processes: None,
            new_ports: None,
            points: HashMap::new(),
            on_load: on_load::OnLoad::default(),
            send: EventPattern::default(),
            receive: EventPattern::default(),
        }
    }
}

/// The session of `erlang:trace/3`.
const LEGACY: u64 = 0;

struct State {
    /// By their numbers, the oldest first.
    sessions: BTreeMap<u64, Session>,
    next_session: u64,
    /// Do timestamps count computing time?
    cpu_timestamp: bool,
    /// Entries of BIFs that have points.
    bifs: HashSet<u64>,
}

/// All tracing of a machine.
#[derive(Default)]
pub(crate) struct Traces {
    state: RwLock<State>,
    clocks: Mutex<Clocks>,
    sequential_tracer: RwLock<Option<LinkTarget>>,
}

impl Default for State {
    fn default() -> State {
        let legacy = Session::new(atoms::LEGACY, None, None);
        State {
            sessions: BTreeMap::from([(LEGACY, legacy)]),
            next_session: 1,
            cpu_timestamp: false,
            bifs: HashSet::new(),
        }
    }
}

impl Traces {
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read_recursive()
    }
    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write()
    }
}

impl State {
    /// Takes a process or port that is traced no more, or differently now, to where the machine looks.
    fn publish(&self, vm: &Vm, who: LinkTarget) {
        let mut flags = 0;
        for traced in self.sessions.values().filter_map(|session| session.tracees.get(&who)) {
            flags |= traced.flags;
            if let LinkTarget::Process(tracer) = traced.tracer
                && let Some(tracer) = vm.process(tracer)
            {
                tracer.holds(Holding::TRACEES);
            }
        }
        match who {
            LinkTarget::Process(pid) => {
                if let Some(process) = vm.process(pid) {
                    process.set_trace_flags(flags);
                }
            }
            LinkTarget::Port(port) => ports::set_trace_flags(vm, port, flags),
            LinkTarget::Remote(_) => {}
        }
    }
}

/// The machine's tracer.
struct Messages(Arc<Traces>);

/// Lets the machine's trace points lead here.
pub fn install(vm: &Vm) {
    let messages = Messages(vm.extension::<Traces>().clone());
    vm.add_exit_hook(
        Holding::TRACEES,
        Box::new(move |vm, process, _| messages.forget_tracer(vm, LinkTarget::Process(process.pid()))),
    );
    vm.tracing.set_tracer(Box::new(Messages(vm.extension::<Traces>().clone())));
}

/// The atom with this name.
fn name<'h>(vm: &Vm, text: &str) -> Term<'h> {
    Term::atom(vm.atoms.intern(text).unwrap_or(atoms::UNDEFINED))
}

/// The pid or port.
fn target_term<'h>(target: LinkTarget) -> Term<'h> {
    match target {
        LinkTarget::Process(pid) => Term::pid(pid),
        // Neither tracers nor tracees are of another node.
        LinkTarget::Remote(_) => Term::atom(atoms::UNDEFINED),
        LinkTarget::Port(port) => Term::port(port),
    }
}

impl Messages {
    /// A tracer that is gone traces no more.
    #[cold]
    fn forget_tracer(&self, vm: &Vm, gone: LinkTarget) {
        let mut state = self.0.write();
        let mut changed = Vec::new();
        for session in state.sessions.values_mut() {
            changed.extend(session.tracees.extract_if(|_, traced| traced.tracer == gone).map(|(who, _)| who));
        }
        for who in changed {
            state.publish(vm, who);
        }
    }
    /// As [`Messages::forget_tracer`], for functions that have the tracer.
    #[cold]
    fn forget_meta_tracer(&self, session: u64, entry: u64, gone: LinkTarget) {
        let mut state = self.0.write();
        let point = state.sessions.get_mut(&session).and_then(|session| session.points.get_mut(&entry));
        if let Some(meta) = point.and_then(|point| point.meta.as_mut()).filter(|meta| meta.tracer == Some(gone)) {
            meta.tracer = None;
        }
    }
}

impl Tracer for Messages {
    fn called<'h>(
        &self,
        cx: &mut BifContext<'h>,
        point: &TracePoint,
        arguments: &[Term<'h>],
        on_top: &[TraceFrame],
    ) -> Vec<TraceFrame> {
        self.function_called(cx, point, arguments, on_top)
    }
    fn returned<'h>(&self, cx: &mut BifContext<'h>, frame: TraceFrame, value: Term<'h>, to: u64) {
        self.function_returned(cx, frame, value, to);
    }
    fn raised<'h>(
        &self,
        cx: &mut BifContext<'h>,
        frames: &[TraceFrame],
        class: Class,
        reason: Term<'h>,
        handler: Option<u64>,
    ) {
        self.functions_left(cx, frames, class, reason, handler);
    }
    fn sent<'h>(&self, cx: &mut BifContext<'h>, to: Term<'h>, message: Term<'h>) {
        self.message_sent(cx, to, message);
    }
    fn received<'h>(&self, cx: &mut BifContext<'h>, from: Sender, message: Term<'_>) {
        self.message_received(cx, from, message);
    }
    fn event(&self, vm: &Vm, who: LinkTarget, flag: u32, what: &str, parts: EventParts<'_>) {
        self.happened(vm, who, flag, what, parts);
    }
    fn spawned(&self, vm: &Vm, parent: Option<&Process>, child: &Process, linked: bool, parts: EventParts<'_>) {
        self.process_spawned(vm, parent, child, linked, parts);
    }
    fn linking(&self, vm: &Vm, from: Pid, to: Pid) {
        self.process_links(vm, from, to);
    }
    fn scheduled(&self, vm: &Vm, process: &Process, main: &ProcessMain, runs: bool, address: u64) {
        self.process_scheduled(vm, process, main, runs, address);
    }
    fn ended(&self, vm: &Vm, who: LinkTarget) {
        let mut state = self.0.write();
        if let LinkTarget::Process(pid) = who {
            self.0.clocks.lock().end(&state, pid, vm.clock.elapsed());
        }
        for session in state.sessions.values_mut() {
            session.tracees.remove(&who);
        }
    }
    fn sequential(&self, vm: &Vm, event: &SequentialEvent<'_>) {
        sequential::tell(vm, &self.0, event);
    }
    fn profiled(&self, vm: &Vm, event: &ProfileEvent) {
        self.profile_event(vm, event);
    }
    fn sequential_enabled(&self, vm: &Vm, pid: Pid) -> bool {
        let tracer = *self.0.sequential_tracer.read();
        tracer.is_none_or(|tracer| message::is_enabled(vm, tracer, Some(LinkTarget::Process(pid))))
    }
}

/// Sets whether processes and ports are traced from their birth, where the machine looks.
fn publish_new(vm: &Vm, state: &State) {
    let processes = state.sessions.values().any(|session| session.new_processes.is_some());
    vm.tracing.new_processes.store(processes, Ordering::Relaxed);
    let ports = state.sessions.values().any(|session| session.new_ports.is_some());
    ports::set_new_traced(vm, ports);
}
