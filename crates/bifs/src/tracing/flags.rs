//! Trace flags by name.

use super::{LEGACY, Traces, name};
use oxbeam_runtime::{BifContext, LinkTarget, Vm, trace_flag as flag};
use oxbeam_term::{Atom, Heap, Term, atoms};

/// All flags with their names, in the order in which `trace_info/2` lists them.
const FLAGS: [(&str, u32); 21] = [
    ("running_procs", flag::RUNNING_PROCS),
    ("running_ports", flag::RUNNING_PORTS),
    ("ports", flag::PORTS),
    ("scheduler_id", flag::SCHEDULER_ID),
    ("silent", flag::SILENT),
    ("return_to", flag::RETURN_TO),
    ("arity", flag::ARITY),
    ("garbage_collection", flag::GARBAGE_COLLECTION),
    ("exiting", flag::EXITING),
    ("running", flag::RUNNING),
    ("set_on_first_link", flag::SET_ON_FIRST_LINK),
    ("set_on_link", flag::SET_ON_LINK),
    ("set_on_first_spawn", flag::SET_ON_FIRST_SPAWN),
    ("procs", flag::PROCS),
    ("call", flag::CALL),
    ("set_on_spawn", flag::SET_ON_SPAWN),
    ("receive", flag::RECEIVE),
    ("send", flag::SEND),
    ("monotonic_timestamp", flag::MONOTONIC_TIMESTAMP),
    ("strict_monotonic_timestamp", flag::STRICT_MONOTONIC_TIMESTAMP),
    ("timestamp", flag::TIMESTAMP),
];

/// Flags that say how messages look, or that are for processes and ports.
pub(super) const MODIFIERS: u32 = flag::SILENT
    | flag::TIMESTAMP
    | flag::MONOTONIC_TIMESTAMP
    | flag::STRICT_MONOTONIC_TIMESTAMP
    | flag::SCHEDULER_ID
    | flag::RECEIVE
    | flag::SEND;
/// Flags that ports may have.
pub(super) const OF_PORTS: u32 = MODIFIERS | flag::PORTS | flag::RUNNING_PORTS;
/// Flags that processes may have.
pub(super) const OF_PROCESSES: u32 = !(flag::PORTS | flag::RUNNING_PORTS);

fn all() -> u32 {
    FLAGS.iter().fold(0, |all, (_, bit)| all | bit)
}

/// The bit of a flag, or of `all`.
pub(super) fn bit(vm: &Vm, term: Term<'_>) -> Option<u32> {
    let atom = term.as_atom()?;
    if atom == atoms::ALL {
        return Some(all());
    }
    let text = vm.atoms.text(atom);
    FLAGS.iter().find(|(name, _)| *name == text).map(|(_, bit)| *bit)
}

/// The flags, as `trace_info/2` lists them.
pub(super) fn list<'h>(vm: &Vm, heap: &'h Heap, flags: u32) -> Term<'h> {
    let names: Vec<Term<'h>> =
        FLAGS.iter().filter(|(_, bit)| flags & bit != 0).map(|(text, _)| name(vm, text)).collect();
    heap.list(&names)
}

/// What a list of flags asks for.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) flags: u32,
    pub(super) tracer: Option<LinkTarget>,
    pub(super) cpu_timestamp: bool,
}

/// Reads a list of flags. A session that has a tracer takes no other.
pub(super) fn parse(vm: &Vm, list: Term<'_>, takes_tracer: bool) -> Option<Wanted> {
    let mut wanted = Wanted::default();
    for item in list.to_vec()? {
        if item.as_tuple().is_some() {
            wanted.tracer = Some(tracer_of(vm, item, Some(atoms::TRACER)).filter(|_| takes_tracer)?);
        } else if item.as_atom().is_some_and(|atom| vm.atoms.text(atom) == "cpu_timestamp") {
            wanted.cpu_timestamp = true;
        } else {
            wanted.flags |= bit(vm, item)?;
        }
    }
    Some(wanted)
}

/// The tracer that a term names: a pid or port, alone, with the module `erl_tracer`, or behind a tag.
pub(super) fn tracer_of(vm: &Vm, term: Term<'_>, tag: Option<Atom>) -> Option<LinkTarget> {
    let is_own = |module: Term<'_>| module.as_atom().is_some_and(|module| vm.atoms.text(module) == "erl_tracer");
    let state = match (tag, term.as_tuple().map(|tuple| tuple.elements())) {
        (_, None) => term,
        (Some(tag), Some([first, state])) if first.is_atom(tag) => *state,
        (Some(tag), Some([first, module, state])) if first.is_atom(tag) && is_own(*module) => *state,
        (None, Some([module, state])) if is_own(*module) => *state,
        _ => return None,
    };
    match (state.as_pid(), state.as_port()) {
        (Some(pid), _) => Some(LinkTarget::Process(pid)),
        (_, Some(port)) => Some(LinkTarget::Port(port)),
        _ => None,
    }
}

/// Has this session a tracer of its own?
pub(super) fn session_tracer(traces: &Traces, session: u64) -> Option<LinkTarget> {
    traces.read().sessions.get(&session)?.tracer
}

/// Is it the session of `erlang:trace/3`?
pub(super) fn is_legacy(session: u64) -> bool {
    session == LEGACY
}

/// `badarg` because of a flag or an option.
pub(super) fn bad_option<'h, T>(cx: &BifContext<'h>) -> Result<T, Box<oxbeam_runtime::Interrupt<'h>>> {
    cx.badarg_because(atoms::BADOPT)
}
