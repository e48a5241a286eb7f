//! What tracers are sent.

use super::{State, Traced, target_term};
use crate::erlang::time::{mega_tuple, unique_now};
use crate::io::PortTable;
use oxbeam_etf::{EncodeOptions, encode};
use oxbeam_runtime::{EventParts, LinkTarget, Vm, VmContext, trace_flag as flag};
use oxbeam_term::{Heap, OwnedTerm, Term, atoms};

/// Is there such a process or port?
pub(super) fn exists(vm: &Vm, target: LinkTarget) -> bool {
    match target {
        LinkTarget::Process(pid) => vm.process(pid).is_some(),
        LinkTarget::Port(port) => vm.extension::<PortTable>().get(port).is_some(),
        LinkTarget::Remote(_) => false,
    }
}

/// Would the tracer take a message about this process or port? None is told about itself.
pub(super) fn is_enabled(vm: &Vm, tracer: LinkTarget, tracee: Option<LinkTarget>) -> bool {
    tracee != Some(tracer) && exists(vm, tracer)
}

/// A message to a tracer.
pub(super) struct Note<'n> {
    /// What is traced.
    pub(super) tracee: LinkTarget,
    /// What happened.
    pub(super) what: &'n str,
    /// What the match specification says, unless it is `true`.
    pub(super) result: Option<Term<'n>>,
    /// Does it come while a port is locked?
    pub(super) from_port: bool,
}

impl<'n> Note<'n> {
    pub(super) fn new(tracee: LinkTarget, what: &'n str) -> Note<'n> {
        Note { tracee, what, result: None, from_port: matches!(tracee, LinkTarget::Port(_)) }
    }
    /// With what the match specification says.
    pub(super) fn with_result(self, result: Term<'n>) -> Note<'n> {
        Note { result: Some(result).filter(|result| !result.is_atom(atoms::TRUE)), ..self }
    }
    /// Sends it; false when the tracer is gone.
    pub(super) fn send(&self, vm: &Vm, state: &State, traced: Traced, parts: EventParts<'_>) -> bool {
        if !exists(vm, traced.tracer) {
            return false;
        }
        if traced.tracer != self.tracee {
            let cpu = state.cpu_timestamp;
            deliver(vm, traced.tracer, self.from_port, &|heap| self.build(vm, heap, traced.flags, cpu, parts));
        }
        true
    }
    fn build<'h>(&self, vm: &Vm, heap: &'h Heap, flags: u32, cpu: bool, parts: EventParts<'_>) -> Term<'h> {
        let stamp = stamp(vm, heap, flags, cpu);
        let tag = if stamp.is_some() { atoms::TRACE_TS } else { atoms::TRACE };
        let mut elements = vec![Term::atom(tag), target_term(self.tracee), super::name(vm, self.what)];
        elements.extend(parts(heap));
        elements.extend(self.result.map(|result| heap.copy_in(result)));
        if flags & flag::SCHEDULER_ID != 0 {
            elements.push(Term::small(vm.schedulers.current() as i64));
        }
        elements.extend(stamp);
        heap.tuple(&elements)
    }
}

/// Sends a message to a tracer; a port gets it in the external format. While another port is locked that is done later.
pub(super) fn deliver(vm: &Vm, tracer: LinkTarget, from_port: bool, build: &dyn for<'h> Fn(&'h Heap) -> Term<'h>) {
    match tracer {
        LinkTarget::Process(pid) => vm.send_built(pid, build),
        LinkTarget::Remote(_) => {}
        LinkTarget::Port(port) => {
            let message = OwnedTerm::build(vm.literals(), build);
            let Ok(bytes) = encode(message.term(), &VmContext { vm }, EncodeOptions::default()) else { return };
            let command = move |vm: &Vm| {
                if let Some(object) = vm.extension::<PortTable>().get(port) {
                    object.command(vm, bytes);
                }
            };
            if !from_port {
                return command(vm);
            }
            vm.timers.start(vm.clock.elapsed(), move |vm| command(vm));
        }
    }
}

/// The timestamp that flags ask for.
pub(super) fn stamp<'h>(vm: &Vm, heap: &'h Heap, flags: u32, cpu: bool) -> Option<Term<'h>> {
    if flags & flag::TIMESTAMP != 0 {
        let microseconds = if cpu { oxbeam_sys::clock::process_cpu_ns() / 1000 } else { unique_now(vm) };
        return Some(mega_tuple(heap, microseconds));
    }
    if flags & flag::STRICT_MONOTONIC_TIMESTAMP != 0 {
        return Some(heap.tuple(&[heap.integer(vm.clock.monotonic()), heap.integer(vm.next_unique())]));
    }
    (flags & flag::MONOTONIC_TIMESTAMP != 0).then(|| heap.integer(vm.clock.monotonic()))
}

/// The timestamp that the option `timestamp` of `erl_tracer:trace/5` asks for.
pub(crate) fn stamp_named<'h>(vm: &Vm, heap: &'h Heap, kind: Term<'_>) -> Option<Term<'h>> {
    let (flags, cpu) = match vm.atoms.text(kind.as_atom()?) {
        "timestamp" => (flag::TIMESTAMP, false),
        "cpu_timestamp" => (flag::TIMESTAMP, true),
        "monotonic" => (flag::MONOTONIC_TIMESTAMP, false),
        "strict_monotonic" => (flag::STRICT_MONOTONIC_TIMESTAMP, false),
        _ => return None,
    };
    stamp(vm, heap, flags, cpu)
}

/// Sends a tracer a copy of a term.
pub(crate) fn deliver_copy(vm: &Vm, tracer: LinkTarget, message: Term<'_>) {
    deliver(vm, tracer, false, &|heap| heap.copy_in(message));
}
