//! Tracing, as far as the machine itself takes part: where functions have trace points, which processes are traced, and
//! whom to tell. What is traced and how it is told is decided by a [`Tracer`].
//!
//! A traced function's first instruction is replaced by the engine's breakpoint; the point keeps the original. When only
//! external calls count, the function's export leads to a stub with a breakpoint instead. Nothing is paid for functions
//! and processes that are not traced but one look at [`Process::trace_flags`] for an event.

use crate::{BifContext, Class, Process, Vm};
use oxbeam_term::{Atom, Heap, Pid, Term};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Trace flags of processes.
pub mod trace_flag {
    /// Messages sent.
    pub const SEND: u32 = 1;
    /// Messages received.
    pub const RECEIVE: u32 = 1 << 1;
    /// Spawning, ending, links, names.
    pub const PROCS: u32 = 1 << 2;
    /// Calls of traced functions.
    pub const CALL: u32 = 1 << 3;
    /// Processes that it spawns get its flags.
    pub const SET_ON_SPAWN: u32 = 1 << 5;
    /// The first process that it spawns gets its flags.
    pub const SET_ON_FIRST_SPAWN: u32 = 1 << 6;
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
pub type TraceFrame = [i64; 2];

/// What builds the parts of a trace message behind its name.
pub type EventParts<'e> = &'e dyn for<'h> Fn(&'h Heap) -> Vec<Term<'h>>;

/// Who decides what is told.
pub trait Tracer: Send + Sync {
    /// A function with a point is called. `nested`: the caller is a trace frame itself. The frame, if any, comes back with the call's end.
    fn called<'h>(
        &self,
        context: &mut BifContext<'h>,
        point: &TracePoint,
        arguments: &[Term<'h>],
        nested: bool,
    ) -> Option<TraceFrame>;
    /// The call returns this value, to the code at this address.
    fn returned<'h>(&self, context: &mut BifContext<'h>, frame: TraceFrame, value: Term<'h>, to: u64);
    /// The call ends by an exception.
    fn raised<'h>(&self, context: &mut BifContext<'h>, frame: TraceFrame, class: Class, reason: Term<'h>);
    /// Something happened to a process that has one of these flags.
    fn event(&self, vm: &Vm, process: &Process, flag: u32, name: &str, parts: EventParts<'_>);
    /// A process was spawned; it does not run yet.
    fn spawned(&self, vm: &Vm, parent: Option<&Process>, child: &Process, parts: EventParts<'_>);
    /// A traced process has ended.
    fn ended(&self, vm: &Vm, pid: Pid);
}

/// The trace points of one machine.
#[derive(Default)]
pub struct Tracing {
    points: RwLock<HashMap<u64, Arc<TracePoint>>>,
    tracer: OnceLock<Box<dyn Tracer>>,
    /// Are processes traced from their birth, whoever spawns them?
    pub new_processes: AtomicBool,
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
    /// Is there a breakpoint for this function's entry already?
    pub fn add(&self, point: TracePoint) {
        self.points.write().insert(point.at, Arc::new(point));
    }
    /// Forgets the points of code that is purged.
    pub(crate) fn forget(&self, code: &std::ops::Range<u64>) {
        self.points.write().retain(|_, point| !code.contains(&point.entry));
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
            tracer.event(self, process, flag, name, parts);
        }
    }
}
