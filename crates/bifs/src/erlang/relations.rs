//! Who is linked to whom and monitors whom, for `erts_debug:get_internal_state/1`: of a process, or of the connection to a node.
//!
//! In OTP a connection has lists of its own. Here the processes know what they have to do with other nodes, so all are asked.

use super::process::{await_result, reply};
use oxbeam_runtime::{
    BifContext, BifResult, LinkTarget, MonitorTarget, ProcessState, RemotePid, Signal, SystemTask, Vm,
};
use oxbeam_term::{Atom, Heap, OwnedTerm, Pid, Term, atoms};
use parking_lot::Mutex;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `{link_list, Pid | Node}`.
///
/// # Errors
///
/// `badarg` for anything else.
pub(super) fn links_of<'h>(cx: &mut BifContext<'h>, subject: Term<'h>) -> BifResult<'h> {
    match subject.as_atom() {
        Some(node) => ask_all(cx, node, links_with),
        None => ask(cx, subject, links),
    }
}

/// `{monitor_list, Pid | Node}`.
///
/// # Errors
///
/// `badarg` for anything else.
pub(super) fn monitors_of<'h>(cx: &mut BifContext<'h>, subject: Term<'h>) -> BifResult<'h> {
    match subject.as_atom() {
        Some(node) => ask_all(cx, node, monitors_with),
        None => ask(cx, subject, monitors),
    }
}

/// Asks a process (or the caller) for a list about itself.
fn ask<'h>(
    cx: &mut BifContext<'h>,
    subject: Term<'h>,
    list: for<'t> fn(&'t Heap, &ProcessState, Pid) -> Term<'t>,
) -> BifResult<'h> {
    let Some(pid) = subject.as_pid() else { return cx.badarg() };
    if pid == cx.pid() && !cx.process.has_signals() {
        return Ok(list(cx.heap, cx.state, pid));
    }
    let reference = cx.make_reference();
    let (requester, owned) = (cx.pid(), cx.own(reference));
    let task: SystemTask = Box::new(move |vm, _, main| {
        reply(vm, requester, &owned, |heap| match main {
            Some(main) => list(heap, &main.state, pid),
            None => Term::atom(atoms::UNDEFINED),
        });
    });
    if cx.vm.signal_pid(pid, Signal::Task(task)) {
        await_result(cx, reference)
    } else {
        Ok(Term::atom(atoms::UNDEFINED))
    }
}

/// What all processes have to do with a node.
struct Gathering {
    requester: Pid,
    reference: OwnedTerm,
    node: Atom,
    found: Mutex<Vec<OwnedTerm>>,
    /// How many have not answered.
    left: AtomicUsize,
}

impl Gathering {
    /// Somebody has answered; the last one tells the requester.
    fn answered(&self, vm: &Vm) {
        if self.left.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        reply(vm, self.requester, &self.reference, |heap| {
            let lists = self.found.lock();
            let all = lists.iter().flat_map(|list| list.term().list_iter().collect::<Vec<_>>());
            let all: Vec<Term<'_>> = all.map(|entry| heap.copy_in(entry)).collect();
            heap.list(&all)
        });
    }
}

/// Asks all processes what they have to do with a node; each answers after the signals that it has been sent.
fn ask_all<'h>(
    cx: &mut BifContext<'h>,
    node: Atom,
    list: for<'t> fn(&'t Heap, &ProcessState, Pid, Atom) -> Vec<Term<'t>>,
) -> BifResult<'h> {
    let reference = cx.make_reference();
    let pids = cx.vm.processes.pids();
    let gathering = Arc::new(Gathering {
        requester: cx.pid(),
        reference: cx.own(reference),
        node,
        found: Mutex::default(),
        left: AtomicUsize::new(pids.len()),
    });
    for pid in pids {
        let all = gathering.clone();
        let task: SystemTask = Box::new(move |vm, _, main| {
            if let Some(main) = main {
                let found = OwnedTerm::build(vm.literals(), |heap| {
                    let entries = list(heap, &main.state, pid, all.node);
                    heap.list(&entries)
                });
                all.found.lock().push(found);
            }
            all.answered(vm);
        });
        if !cx.vm.signal_pid(pid, Signal::Task(task)) {
            gathering.answered(cx.vm);
        }
    }
    await_result(cx, reference)
}

fn link_entry<'t>(heap: &'t Heap, kind: Atom, other: Term<'t>, id: Term<'t>) -> Term<'t> {
    heap.tuple(&[Term::atom(atoms::ERL_LINK), Term::atom(kind), other, Term::atom(atoms::LINKED), id])
}

/// A number for a link to another node, the same at the process and at the connection.
fn link_id(heap: &Heap, local: Pid, remote: RemotePid) -> Term<'_> {
    let mut hasher = DefaultHasher::new();
    (local, remote).hash(&mut hasher);
    heap.unsigned(hasher.finish())
}

/// The links of a process to processes of a node.
fn links_with<'t>(heap: &'t Heap, state: &ProcessState, owner: Pid, node: Atom) -> Vec<Term<'t>> {
    let remote = state.links.keys().filter_map(|end| match end {
        LinkTarget::Remote(pid) if pid.node == node => Some(*pid),
        _ => None,
    });
    remote.map(|pid| link_entry(heap, atoms::DIST_PROCESS, Term::pid(owner), link_id(heap, owner, pid))).collect()
}

fn monitor_entry<'t>(
    heap: &'t Heap,
    kind: Atom,
    direction: Atom,
    reference: Term<'t>,
    other: Term<'t>,
    name: Option<Atom>,
) -> Term<'t> {
    let name = name.map_or(Term::NIL, Term::atom);
    heap.tuple(&[Term::atom(atoms::ERL_MONITOR), Term::atom(kind), Term::atom(direction), reference, other, name])
}

/// `monitor_node/2`: `count` is how often.
fn node_entry<'t>(heap: &'t Heap, direction: Atom, other: Term<'t>, count: Term<'t>) -> Term<'t> {
    let (tag, kind) = (Term::atom(atoms::ERL_MONITOR), Term::atom(atoms::NODE));
    heap.tuple(&[tag, kind, Term::atom(direction), Term::NIL, other, count])
}

/// The monitors between a process and a node, as the connection has them: the ends are the other way round.
fn monitors_with<'t>(heap: &'t Heap, state: &ProcessState, owner: Pid, node: Atom) -> Vec<Term<'t>> {
    let mut all = Vec::new();
    let process = |direction, reference, name| {
        monitor_entry(heap, atoms::DIST_PROCESS, direction, reference, Term::pid(owner), name)
    };
    for (reference, monitor) in state.monitors.iter() {
        let name = match monitor.target {
            MonitorTarget::Remote(pid) if pid.node == node => None,
            MonitorTarget::RemoteName(name, of) if of == node => Some(name),
            _ => continue,
        };
        let reference = match monitor.carries_owner {
            true => heap.alias_reference(reference.0, owner),
            false => heap.reference(reference.0),
        };
        all.push(process(atoms::TARGET, reference, name));
    }
    for (reference, one) in state.rare.remote_watchers.iter().filter(|(_, one)| one.watcher.node == node) {
        all.push(process(atoms::ORIGIN, reference.term(heap), one.name));
    }
    if state.rare.watched_nodes.contains_key(&node) {
        all.push(node_entry(heap, atoms::TARGET, Term::pid(owner), Term::NIL));
    }
    all
}

/// `{erl_link, Kind, OtherEnd, State, Id}` for each link.
fn links<'t>(heap: &'t Heap, state: &ProcessState, owner: Pid) -> Term<'t> {
    let link = |end: &LinkTarget| match end {
        LinkTarget::Process(pid) => link_entry(heap, atoms::PROCESS, Term::pid(*pid), Term::NIL),
        LinkTarget::Port(port) => link_entry(heap, atoms::PORT, Term::port(*port), Term::NIL),
        LinkTarget::Remote(pid) => link_entry(heap, atoms::DIST_PROCESS, pid.term(heap), link_id(heap, owner, *pid)),
    };
    let links: Vec<Term<'t>> = state.links.keys().map(link).collect();
    heap.list(&links)
}

/// `{erl_monitor, Kind, Direction, Reference, OtherEnd, Name}` for each monitor set by or on the process.
fn monitors<'t>(heap: &'t Heap, state: &ProcessState, owner: Pid) -> Term<'t> {
    let mut all = Vec::new();
    for (reference, monitor) in state.monitors.iter() {
        let (kind, other, name) = match monitor.target {
            MonitorTarget::Process(pid) => (atoms::PROCESS, Term::pid(pid), None),
            MonitorTarget::Name(name, pid) => (atoms::PROCESS, Term::pid(pid), Some(name)),
            MonitorTarget::Port(port) => (atoms::PORT, Term::port(port), None),
            MonitorTarget::PortName(name, port) => (atoms::PORT, Term::port(port), Some(name)),
            MonitorTarget::Remote(pid) => (atoms::DIST_PROCESS, pid.term(heap), None),
            MonitorTarget::RemoteName(name, node) => (atoms::DIST_PROCESS, Term::atom(node), Some(name)),
            MonitorTarget::TimeOffset => (atoms::TIME_OFFSET, Term::atom(atoms::CLOCK_SERVICE), None),
            MonitorTarget::Gone(_) | MonitorTarget::GonePort(_) => continue,
        };
        let reference = match monitor.carries_owner {
            true => heap.alias_reference(reference.0, owner),
            false => heap.reference(reference.0),
        };
        all.push(monitor_entry(heap, kind, atoms::ORIGIN, reference, other, name));
    }
    for (reference, watcher) in state.watchers.iter() {
        let reference = heap.reference(reference.0);
        all.push(monitor_entry(
            heap,
            atoms::PROCESS,
            atoms::TARGET,
            reference,
            Term::pid(watcher.watcher),
            watcher.name,
        ));
    }
    for (reference, one) in &state.rare.remote_watchers {
        let (reference, watcher) = (reference.term(heap), one.watcher.term(heap));
        all.push(monitor_entry(heap, atoms::DIST_PROCESS, atoms::TARGET, reference, watcher, one.name));
    }
    for (&node, &count) in &state.rare.watched_nodes {
        all.push(node_entry(heap, atoms::ORIGIN, Term::atom(node), Term::small(count.into())));
    }
    heap.list(&all)
}
