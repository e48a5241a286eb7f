//! Tracing, as far as the machine itself takes part: where functions have trace points, which processes are traced, and
//! whom to tell. What is traced and how it is told is decided by a [`Tracer`].
//!
//! A traced function's first instruction is replaced by the engine's breakpoint; the point keeps the original. When only
//! external calls count, the function's export leads to a stub with a breakpoint instead. Nothing is paid for functions
//! and processes that are not traced but one look at [`Process::trace_flags`] for an event.

use crate::{BifContext, Class, LastCall, LinkTarget, ModuleCode, Process, ProcessMain, Vm};
use oxbeam_term::{Atom, Heap, Pid, Port, Term};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// Trace flags of processes and ports. [`flags`](trace_flag) are kept by the tracer for each session; a process knows the union.
pub mod trace_flag {
    /// Messages sent.
    pub const SEND: u32 = 1;
    /// Messages received.
    pub const RECEIVE: u32 = 1 << 1;
    /// Spawning, ending, links, names.
    pub const PROCS: u32 = 1 << 2;
    /// Calls of traced functions.
    pub const CALL: u32 = 1 << 3;
    /// Coming to run and ceasing to (`running`).
    pub const RUNNING: u32 = 1 << 4;
    /// Processes that it spawns get its flags.
    pub const SET_ON_SPAWN: u32 = 1 << 5;
    /// The first process that it spawns gets its flags.
    pub const SET_ON_FIRST_SPAWN: u32 = 1 << 6;
    /// Processes that it links to get its flags.
    pub const SET_ON_LINK: u32 = 1 << 7;
    /// The first process that it links to gets its flags.
    pub const SET_ON_FIRST_LINK: u32 = 1 << 8;
    /// Collections.
    pub const GARBAGE_COLLECTION: u32 = 1 << 9;
    /// Being scheduled while ending.
    pub const EXITING: u32 = 1 << 10;
    /// As `RUNNING`, for work in ports too.
    pub const RUNNING_PROCS: u32 = 1 << 11;
    /// A port's coming to run and ceasing to.
    pub const RUNNING_PORTS: u32 = 1 << 12;
    /// A port's opening, closing, links, names.
    pub const PORTS: u32 = 1 << 13;
    /// Arities instead of arguments.
    pub const ARITY: u32 = 1 << 16;
    /// Where traced calls return to.
    pub const RETURN_TO: u32 = 1 << 17;
    /// No messages about calls.
    pub const SILENT: u32 = 1 << 18;
    /// Messages carry `erlang:now/0`.
    pub const TIMESTAMP: u32 = 1 << 19;
    /// Messages carry the monotonic time.
    pub const MONOTONIC_TIMESTAMP: u32 = 1 << 20;
    /// Messages carry the monotonic time and a unique number.
    pub const STRICT_MONOTONIC_TIMESTAMP: u32 = 1 << 21;
    /// Messages carry the number of the scheduler.
    pub const SCHEDULER_ID: u32 = 1 << 22;
    /// Those that concern a process's slices.
    pub const SCHEDULING: u32 = RUNNING | RUNNING_PROCS | CALL;
}

/// A function's trace point.
#[derive(Debug)]
pub struct TracePoint {
    /// Address of the breakpoint.
    pub at: u64,
    /// Address of the function's entry.
    pub entry: u64,
    /// The instruction that stood there.
    pub original: u32,
    /// Module.
    pub module: Atom,
    /// Function.
    pub function: Atom,
    /// Arity.
    pub arity: u8,
}

impl TracePoint {
    /// Does it see external calls only?
    pub fn is_global(&self) -> bool {
        self.at != self.entry
    }
}

/// What the engine keeps on the stack until a traced call returns; small integers.
pub type TraceFrame = [i64; 3];

/// What builds the parts of a trace message behind its name.
pub type EventParts<'e> = &'e dyn for<'h> Fn(&'h Heap) -> Vec<Term<'h>>;

/// Who decides what is told.
pub trait Tracer: Send + Sync {
    /// A function with a point is called. `on_top` are the trace frames at the top of the stack, the topmost first: those of calls that this
    /// one takes the place of. The frames that it gives are put there, the first one lowest, and come back with the call's end.
    fn called<'h>(
        &self,
        context: &mut BifContext<'h>,
        point: &TracePoint,
        arguments: &[Term<'h>],
        on_top: &[TraceFrame],
    ) -> Vec<TraceFrame>;
    /// The call returns this value, to the code at this address.
    fn returned<'h>(&self, context: &mut BifContext<'h>, frame: TraceFrame, value: Term<'h>, to: u64);
    /// An exception ends calls, the innermost first; `handler` is an address in the function that catches it.
    fn raised<'h>(
        &self,
        context: &mut BifContext<'h>,
        frames: &[TraceFrame],
        class: Class,
        reason: Term<'h>,
        handler: Option<u64>,
    );
    /// A process with the flag `SEND` sends a message.
    fn sent<'h>(&self, context: &mut BifContext<'h>, to: Term<'h>, message: Term<'h>);
    /// A process with the flag `RECEIVE` gets a message, from a process if that is known. The context is the receiver's.
    fn received<'h>(&self, context: &mut BifContext<'h>, from: Sender, message: Term<'_>);
    /// Something happened to a process or port that has one of these flags.
    fn event(&self, vm: &Vm, who: LinkTarget, flag: u32, name: &str, parts: EventParts<'_>);
    /// A process was spawned, perhaps linked to its parent; it does not run yet.
    fn spawned(&self, vm: &Vm, parent: Option<&Process>, child: &Process, linked: bool, parts: EventParts<'_>);
    /// A process with a flag `SET_ON_LINK` or `SET_ON_FIRST_LINK` links to another.
    fn linking(&self, vm: &Vm, from: Pid, to: Pid);
    /// A process with one of the flags `SCHEDULING` comes to run or ceases to, at this address.
    fn scheduled(&self, vm: &Vm, process: &Process, main: &ProcessMain, runs: bool, address: u64);
    /// A traced process or port has ended.
    fn ended(&self, vm: &Vm, who: LinkTarget);
    /// Tells the sequential tracer of something that has to do with a token, a tuple as `sequential.rs` describes it.
    fn sequential(&self, vm: &Vm, event: &SequentialEvent<'_>);
    /// The system profiler asks for this event.
    fn profiled(&self, vm: &Vm, event: &ProfileEvent);
    /// Does the sequential tracer, if there is one, want to know of this process?
    fn sequential_enabled(&self, vm: &Vm, pid: Pid) -> bool;
}

/// Who sent a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sender {
    /// A process of this node.
    Process(Pid),
    /// Somebody at another node.
    Node(oxbeam_term::Atom),
    /// The machine itself, or a port.
    System,
    /// The clock: the message is `timeout`.
    Clock,
}

/// What the system profiler asks for.
pub mod profile_flag {
    /// Schedulers that have work or none.
    pub const SCHEDULER: u32 = 1;
    /// Processes that have work or none.
    pub const PROCESSES: u32 = 2;
    /// Ports that have work or none.
    pub const PORTS: u32 = 4;
}

/// What the system profiler is told.
pub enum ProfileEvent {
    /// A scheduler gets up or goes to sleep.
    Scheduler {
        /// Which, from 1.
        number: usize,
        /// Does it have work?
        active: bool,
        /// How many have work now.
        count: usize,
    },
    /// A process can run, or cannot any more.
    Process {
        /// Which.
        pid: Pid,
        /// Can it?
        active: bool,
        /// Where it is.
        place: Option<(Atom, Atom, u8)>,
    },
    /// A port has work, or none any more.
    Port {
        /// Which.
        port: Port,
        /// Does it have work?
        active: bool,
    },
}

/// What the sequential tracer is told.
pub struct SequentialEvent<'e> {
    /// The token.
    pub token: Term<'e>,
    /// Which of the token's flags asks for it.
    pub kind: i64,
    /// To whom: a pid or port, or `[]`.
    pub receiver: Term<'e>,
    /// The message.
    pub message: Term<'e>,
    /// The process that it happens in, if that matters.
    pub process: Option<Pid>,
}

/// The trace points of one machine.
#[derive(Default)]
pub struct Tracing {
    points: RwLock<HashMap<u64, Arc<TracePoint>>>,
    tracer: OnceLock<Box<dyn Tracer>>,
    /// Are processes traced from their birth, whoever spawns them?
    pub new_processes: AtomicBool,
    /// Are there points, or were there? Frames may lie on stacks then.
    active: AtomicBool,
    /// Have BIFs points?
    pub bifs: AtomicBool,
    /// What the system profiler asks for: [`profile_flag`].
    pub profile: AtomicU32,
    /// Is there a sequential tracer?
    pub sequential: AtomicBool,
}

impl Tracing {
    /// Sets who decides; once.
    pub fn set_tracer(&self, tracer: Box<dyn Tracer>) {
        let _ = self.tracer.set(tracer);
    }
    /// Who decides.
    pub fn tracer(&self) -> Option<&dyn Tracer> {
        self.tracer.get().map(|tracer| &**tracer)
    }
    /// The point whose breakpoint is at this address.
    pub fn point(&self, address: u64) -> Option<Arc<TracePoint>> {
        self.points.read().get(&address).cloned()
    }
    /// Have BIFs points?
    #[inline(always)]
    pub fn traces_bifs(&self) -> bool {
        self.bifs.load(Ordering::Relaxed)
    }
    /// Can there be trace frames on stacks?
    #[inline]
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }
    /// Adds a point whose breakpoint is about to be put there.
    pub fn add(&self, point: TracePoint) {
        self.active.store(true, Ordering::Relaxed);
        self.points.write().insert(point.at, Arc::new(point));
    }
    /// Forgets the points of code that is purged.
    pub(crate) fn forget(&self, code: &ModuleCode) {
        self.points.write().retain(|_, point| !code.holds(point.entry));
    }
    /// Forgets a point; its breakpoint is gone already.
    pub fn remove(&self, at: u64) {
        self.points.write().remove(&at);
    }
}

impl Vm {
    /// Puts a breakpoint at the entry of a function of the machine's code; nothing happens when one is there.
    pub fn set_breakpoint(&self, entry: u64) {
        if self.tracing.point(entry).is_some() {
            return;
        }
        let Some((code, function, offset)) = self.code.describe(entry) else { return };
        let (module, original) = (code.module, code.word(offset));
        let point = TracePoint { at: entry, entry, original, module, function: function.name, arity: function.arity };
        self.tracing.add(point);
        code.set_word(offset, self.engine().breakpoint());
    }
    /// Takes a breakpoint away.
    pub fn clear_breakpoint(&self, entry: u64) {
        let Some(point) = self.tracing.point(entry) else { return };
        if let Some((code, _, offset)) = self.code.describe(entry) {
            code.set_word(offset, point.original);
        }
        self.tracing.remove(entry);
    }
    /// Lets external calls of a function pass through a breakpoint.
    pub fn set_export_breakpoint(&self, export: &oxbeam_term::Export, entry: u64) {
        if export.address.load(Ordering::Acquire) != entry {
            return;
        }
        // Kept for good: a process may stand at it at any time.
        let stub: &'static [u32; 2] = Box::leak(Box::new([self.engine().export_breakpoint(), 0]));
        let at = stub.as_ptr() as u64;
        let (module, function, arity) = (export.module, export.function, export.arity);
        self.tracing.add(TracePoint { at, entry, original: 0, module, function, arity });
        let _ = export.address.compare_exchange(entry, at, Ordering::AcqRel, Ordering::Acquire);
    }
    /// Lets external calls reach the function itself again. The stub's point stays for those who are at it.
    pub fn clear_export_breakpoint(&self, export: &oxbeam_term::Export) {
        let at = export.address.load(Ordering::Acquire);
        if let Some(point) = self.tracing.point(at).filter(|point| point.is_global()) {
            let _ = export.address.compare_exchange(at, point.entry, Ordering::AcqRel, Ordering::Acquire);
        }
    }
    /// Tells the tracer of an event if the process has one of these flags.
    #[inline]
    pub fn trace_event(&self, process: &Process, flag: u32, name: &str, parts: EventParts<'_>) {
        if process.trace_flags() & flag != 0
            && let Some(tracer) = self.tracing.tracer()
        {
            tracer.event(self, LinkTarget::Process(process.pid()), flag, name, parts);
        }
    }
    /// Does the system profiler ask for this?
    #[inline]
    pub fn is_profiled(&self, flag: u32) -> bool {
        self.tracing.profile.load(Ordering::Relaxed) & flag != 0
    }
    /// Tells the system profiler of an event that it asks for.
    #[cold]
    pub fn profile(&self, event: &ProfileEvent) {
        if let Some(tracer) = self.tracing.tracer() {
            tracer.profiled(self, event);
        }
    }
    /// A process can run, or cannot any more. The caller owns it.
    #[cold]
    pub(crate) fn profile_process(&self, process: &Process, active: bool) {
        // SAFETY: the caller owns the process, and uses no other reference to its main part meanwhile.
        let state = &unsafe { process.main() }.state;
        let place = match self.frame_at(state.current_address) {
            Some(frame) => Some((frame.module, frame.function, frame.arity)),
            None => Some(state.initial_call).filter(|_| state.current_address == 0),
        };
        self.profile(&ProfileEvent::Process { pid: process.pid(), active, place });
    }
    /// A process links to another: the tracer is told, and the other may become traced.
    #[inline]
    pub fn trace_linking(&self, process: &Process, to: Pid) {
        const FLAGS: u32 = trace_flag::SET_ON_LINK | trace_flag::SET_ON_FIRST_LINK;
        if process.trace_flags() & FLAGS != 0
            && let Some(tracer) = self.tracing.tracer()
        {
            tracer.linking(self, process.pid(), to);
        }
    }
}

impl<'h> BifContext<'h> {
    /// Keeps `call` if the caller saves its calls. A sensitive process does not.
    #[inline]
    pub fn save_call(&mut self, call: LastCall) {
        if !self.process.is_sensitive()
            && let Some(calls) = self.state.rare.if_set().and_then(|rare| rare.last_calls.as_mut())
        {
            calls.save(call);
        }
    }
    /// The caller sends a message: tells the tracer if the caller is traced.
    #[inline]
    pub fn trace_send(&mut self, to: Term<'h>, message: Term<'h>) {
        self.save_call(LastCall::Send);
        if self.process.trace_flags() & trace_flag::SEND != 0
            && let Some(tracer) = self.vm.tracing.tracer()
        {
            tracer.sent(self, to, message);
        }
    }
}
