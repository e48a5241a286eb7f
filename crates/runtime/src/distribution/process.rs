//! What a process has to do with other nodes: kept in its own state, and ended when a connection is.

use super::{NodeEntry, Prepared};
use crate::monitor::{AliasKind, LinkTarget, MonitorTarget, RemotePid};
use crate::process::{Process, ProcessState, RareFields};
use crate::{Signal, Vm};
use oxbeam_term::{Atom, LocalReference, OwnedTerm, Pid, Term, atoms};
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

/// The signal that a connection is gone.
pub(super) fn node_down(node: Atom, connection: u32) -> Signal {
    Signal::Task(Box::new(move |vm, process, main| {
        let Some(main) = main else { return };
        if main.state.rare.connections.get(&node) == Some(&connection) {
            vm.node_gone(process, &mut main.state, node);
        }
    }))
}

impl Vm {
    /// Notes that the process has something to do with the node, so that it is told when the connection is gone. False when it is
    /// gone already.
    pub fn take_interest(&self, process: &Arc<Process>, state: &mut ProcessState, to: &Prepared) -> bool {
        let node = to.entry.name;
        match state.rare.connections.get(&node) {
            Some(&known) if known == to.connection => return true,
            Some(_) => self.node_gone(process, state, node),
            None => {}
        }
        if !to.entry.add_interested(to.connection, process.pid()) {
            return false;
        }
        state.rare.connections.insert(node, to.connection);
        true
    }
    /// Ends everything that the process had to do with the node.
    fn node_gone(&self, process: &Arc<Process>, state: &mut ProcessState, node: Atom) {
        let noconnection = || Vm::own_atom(atoms::NOCONNECTION);
        let of_node = |target: &&LinkTarget| matches!(target, LinkTarget::Remote(pid) if pid.node == node);
        let links: Vec<LinkTarget> = state.links.keys().filter(of_node).copied().collect();
        for target in links {
            state.links.remove(&target);
            let from = OwnedTerm::build(self.literals(), |heap| target.term(heap));
            self.signal(process, Signal::Exit { from, reason: noconnection() });
        }
        for (reference, monitor) in state.monitors.iter() {
            let is_of_node = match monitor.target {
                MonitorTarget::Remote(pid) => pid.node == node,
                MonitorTarget::RemoteName(_, of) => of == node,
                _ => false,
            };
            if is_of_node {
                self.signal(process, Signal::Down { reference: *reference, reason: noconnection() });
            }
        }
        let Some(rare) = state.rare.if_set() else { return };
        rare.connections.remove(&node);
        rare.pending_unlinks.retain(|target, _| !matches!(target, LinkTarget::Remote(pid) if pid.node == node));
        rare.remote_watchers.retain(|_, watcher| watcher.watcher.node != node);
        for _ in 0..rare.watched_nodes.remove(&node).unwrap_or(0) {
            self.tell_node_down(process.pid(), node);
        }
        let lost =
            |(reference, request): (&LocalReference, &SpawnRequest)| (request.node == node).then_some(*reference);
        let requests: Vec<LocalReference> = rare.spawn_requests.iter().filter_map(lost).collect();
        for reference in requests {
            if let Some(request) = rare.spawn_requests.remove(&reference) {
                self.tell_spawn_failed(process.pid(), reference, &request, Term::atom(atoms::NOCONNECTION));
            }
        }
    }
    /// `{nodedown, Node}` for `monitor_node/2`.
    pub fn tell_node_down(&self, pid: Pid, node: Atom) {
        self.send_built(pid, |heap| heap.tuple(&[Term::atom(atoms::NODEDOWN), Term::atom(node)]));
    }
    /// `{Tag, Reference, error, Reason}` for a spawn request, if that is wanted.
    pub(super) fn tell_spawn_failed(
        &self,
        pid: Pid,
        reference: LocalReference,
        request: &SpawnRequest,
        reason: Term<'_>,
    ) {
        if request.reply_error && !request.abandoned {
            self.tell_spawned(pid, reference, request, atoms::ERROR, reason);
        }
    }
    pub(super) fn tell_spawned(
        &self,
        pid: Pid,
        reference: LocalReference,
        request: &SpawnRequest,
        outcome: Atom,
        value: Term<'_>,
    ) {
        let is_alias = matches!(request.monitor, Some((_, Some(_))));
        self.send_built(pid, |heap| {
            let reference = match is_alias {
                true => heap.alias_reference(reference.0, pid),
                false => heap.reference(reference.0),
            };
            heap.tuple(&[heap.copy_in(request.tag.term()), reference, Term::atom(outcome), heap.copy_in(value)])
        });
    }
    /// A process ends: those of other nodes that watch it are told.
    pub(crate) fn end_remote_relations(&self, pid: Pid, rare: &mut RareFields, reason: &OwnedTerm) {
        if rare.monitors_nodes {
            self.forget_nodes_monitor(pid);
        }
        for (reference, RemoteWatcher { watcher, name }) in std::mem::take(&mut rare.remote_watchers) {
            let Some(to) = self.prepare(watcher.node, false) else { continue };
            let from = |_: &oxbeam_term::Heap| name.map_or(Term::pid(pid), Term::atom);
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
