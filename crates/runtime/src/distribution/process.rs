//! What a process has to do with other nodes: kept in its own state, and ended when a connection is.

use super::{NodeEntry, Prepared};
use crate::monitor::{AliasKind, LinkTarget, MonitorTarget, RemotePid};
use crate::process::{Process, ProcessMain, ProcessState, RareFields};
use crate::{Signal, Vm};

use oxbeam_term::{Atom, Heap, LocalReference, OwnedTerm, Pid, Term, atoms};
use std::sync::Arc;

/// A process of another node that watches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RemoteWatcher {
    /// Who.
    pub watcher: RemotePid,
    /// Under which name, if not by pid.
    pub name: Option<Atom>,
}

/// A process that another node was asked to spawn.
pub struct SpawnRequest {
    /// The node.
    pub node: Atom,
    /// First element of the reply.
    pub tag: OwnedTerm,
    /// Is a reply wanted that says that it worked?
    pub reply_success: bool,
    /// Is a reply wanted that says that it failed?
    pub reply_error: bool,
    /// Link?
    pub link: bool,
    /// The monitor's tag and alias, if one was asked for.
    pub monitor: Option<(Option<OwnedTerm>, Option<AliasKind>)>,
    /// Nobody is interested any more (`spawn_request_abandon/1`).
    pub abandoned: bool,
}

/// What has come of noting an interest in a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interest {
    /// The process is told when it is gone.
    Taken,
    /// It is gone already.
    Gone,
    /// An earlier one is gone, and the process has not handled that yet. The signal is on its way.
    Stale,
}

fn node_down_message(heap: &Heap, node: Atom) -> Term<'_> {
    heap.tuple(&[Term::atom(atoms::NODEDOWN), Term::atom(node)])
}

/// The signal that a connection is gone.
pub(super) fn node_down(node: Atom, connection: u32) -> Signal {
    Signal::Task(Box::new(move |vm, process, main| {
        let Some(main) = main else { return };
        if main.state.rare.connections.get(&node) == Some(&connection) {
            vm.node_gone(process, main, node);
        }
    }))
}

impl Vm {
    /// Notes that the process has something to do with the node, so that it is told when the connection is gone.
    pub fn take_interest(&self, process: &Process, state: &mut ProcessState, to: &Prepared) -> Interest {
        let node = to.entry.name;
        match state.rare.connections.get(&node) {
            Some(&known) if known == to.connection => return Interest::Taken,
            Some(_) => return Interest::Stale,
            None => {}
        }
        if !to.entry.add_interested(to.connection, process.pid()) {
            return Interest::Gone;
        }
        state.rare.connections.insert(node, to.connection);
        Interest::Taken
    }
    /// As [`Vm::take_interest`] when a signal is handled: what is stale ends here. False when the connection is gone.
    pub(super) fn take_interest_now(&self, process: &Arc<Process>, main: &mut ProcessMain, to: &Prepared) -> bool {
        let mut interest = self.take_interest(process, &mut main.state, to);
        if interest == Interest::Stale {
            self.node_gone(process, main, to.entry.name);
            interest = self.take_interest(process, &mut main.state, to);
        }
        interest == Interest::Taken
    }
    /// Ends everything that the process had to do with the node.
    fn node_gone(&self, process: &Arc<Process>, main: &mut ProcessMain, node: Atom) {
        let noconnection = || Vm::own_atom(atoms::NOCONNECTION);
        let of_node = |target: &&LinkTarget| matches!(target, LinkTarget::Remote(pid) if pid.node == node);
        let is_of_node = |target: MonitorTarget| match target {
            MonitorTarget::Remote(pid) => pid.node == node,
            MonitorTarget::RemoteName(_, of) => of == node,
            _ => false,
        };
        let links: Vec<LinkTarget> = main.state.links.keys().filter(of_node).copied().collect();
        let monitors = main.state.monitors.iter().filter(|(_, monitor)| is_of_node(monitor.target));
        let monitors: Vec<LocalReference> = monitors.map(|(reference, _)| *reference).collect();
        for reference in monitors {
            self.handle_signal(process, main, Signal::Down { reference, reason: noconnection() });
        }
        for from in links {
            self.handle_signal(process, main, Signal::LinkExit { from, reason: noconnection() });
        }
        let Some(rare) = main.state.rare.if_set() else { return };
        rare.connections.remove(&node);
        rare.pending_unlinks.retain(|target, _| !matches!(target, LinkTarget::Remote(pid) if pid.node == node));
        rare.remote_watchers.retain(|_, watcher| watcher.watcher.node != node);
        let watched = rare.watched_nodes.remove(&node).unwrap_or(0);
        let lost =
            |(reference, request): (&LocalReference, &SpawnRequest)| (request.node == node).then_some(*reference);
        let requests: Vec<LocalReference> = rare.spawn_requests.iter().filter_map(lost).collect();
        let requests = requests.into_iter().filter_map(|one| Some((one, rare.spawn_requests.remove(&one)?)));
        for (reference, request) in requests.collect::<Vec<_>>() {
            self.tell_spawn_failed(process, main, reference, &request, Term::atom(atoms::NOCONNECTION));
        }
        for _ in 0..watched {
            let message = OwnedTerm::build(self.literals(), |heap| node_down_message(heap, node));
            self.handle_signal(process, main, Signal::SystemMessage(message));
        }
    }
    /// `{nodedown, Node}` for `monitor_node/2`.
    pub fn tell_node_down(&self, pid: Pid, node: Atom) {
        self.send_built(pid, |heap| node_down_message(heap, node));
    }
    /// `{Tag, Reference, error, Reason}` for a spawn request, if that is wanted.
    pub(super) fn tell_spawn_failed(
        &self,
        process: &Arc<Process>,
        main: &mut ProcessMain,
        reference: LocalReference,
        request: &SpawnRequest,
        reason: Term<'_>,
    ) {
        if request.reply_error && !request.abandoned {
            self.tell_spawned(process, main, reference, request, (atoms::ERROR, reason));
        }
    }
    /// `{Tag, Reference, ok | error, Value}`, at its place between the other signals.
    pub(super) fn tell_spawned(
        &self,
        process: &Arc<Process>,
        main: &mut ProcessMain,
        reference: LocalReference,
        request: &SpawnRequest,
        (outcome, value): (Atom, Term<'_>),
    ) {
        let is_alias = matches!(request.monitor, Some((_, Some(_))));
        let message = OwnedTerm::build(self.literals(), |heap| {
            let reference = match is_alias {
                true => heap.alias_reference(reference.0, process.pid()),
                false => heap.reference(reference.0),
            };
            heap.tuple(&[heap.copy_in(request.tag.term()), reference, Term::atom(outcome), heap.copy_in(value)])
        });
        self.handle_signal(process, main, Signal::SystemMessage(message));
    }
    /// A process that ends with a large reason waits for busy channels to those that are told of it. It is woken when they
    /// are not any more; signals find it gone meanwhile.
    pub(crate) fn waits_to_end(&self, process: &Process, state: &mut ProcessState, reason: &OwnedTerm) -> bool {
        let asynchronous = state.flags.async_dist;
        let Some(rare) = state.rare.if_set().filter(|rare| !asynchronous && !rare.connections.is_empty()) else {
            return false;
        };
        let entries: Vec<_> = rare.connections.keys().filter_map(|&node| self.node_table().get(node)).collect();
        if !entries.iter().any(|entry| entry.is_busy(self)) {
            return false;
        }
        self.is_large(reason.term()) && entries.iter().any(|entry| entry.suspend_if_busy(self, process.pid(), || true))
    }
    /// A process ends: those of other nodes that watch it are told.
    pub(crate) fn end_remote_relations(&self, pid: Pid, rare: &mut RareFields, reason: &OwnedTerm) {
        if rare.monitors_nodes {
            self.forget_nodes_monitor(pid);
        }
        for (reference, RemoteWatcher { watcher, name }) in std::mem::take(&mut rare.remote_watchers) {
            let Some(to) = self.prepare(watcher.node, false) else { continue };
            let from = |_: &Heap| name.map_or(Term::pid(pid), Term::atom);
            self.send_remote_down(&to, |heap| from(heap), watcher, reference, reason.term());
        }
        for node in std::mem::take(&mut rare.connections).into_keys() {
            if let Some(entry) = self.node_table().get(node) {
                entry.remove_interested(pid);
            }
        }
    }
}

impl NodeEntry {
    fn add_interested(&self, connection: u32, pid: Pid) -> bool {
        let mut channel = self.channel.lock();
        let is_present = channel.connection == connection && channel.state != super::ChannelState::Idle;
        if is_present {
            channel.interested.insert(pid);
        }
        is_present
    }
    fn remove_interested(&self, pid: Pid) {
        self.channel.lock().interested.remove(&pid);
    }
}
