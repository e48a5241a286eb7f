//! Signals on their way to other nodes.

use super::control::{self as operation, flag};
use super::output::Outgoing;
use super::payload::{EncodedPayload, Payload};
use super::{ChannelState, NodeEntry};
use crate::Vm;
use crate::monitor::{LinkTarget, Monitor, MonitorTarget, RemotePid, RemoteReference};
use oxbeam_etf::SystemLimit;
use oxbeam_term::{Atom, Heap, HeapOptions, LocalReference, OwnedTerm, Pid, Term, atoms};
use std::sync::Arc;

/// A channel that takes signals.
#[derive(Clone)]
pub struct Prepared {
    /// The node.
    pub entry: Arc<NodeEntry>,
    /// The number of the connection.
    pub connection: u32,
    /// What the node understands.
    pub flags: u64,
}

/// What another node is to spawn.
pub struct SpawnCall<'t> {
    /// Its name for the requester.
    pub reference: Term<'t>,
    /// The requester.
    pub from: Pid,
    /// Group leader of the new process.
    pub group_leader: Term<'t>,
    /// Module and function.
    pub function: (Atom, Atom),
    /// Arguments: a proper list.
    pub arguments: Term<'t>,
    /// How many.
    pub arity: usize,
    /// Options for the new process.
    pub options: Term<'t>,
    /// The requester's sequential trace token.
    pub token: Option<OwnedTerm>,
}

/// The name of a message's sender where there is none to be told.
const NO_NAME: &str = "";

impl Vm {
    /// Gets ready to send to a node. With `connect`, a connection is asked for if there is none. `None` when there will be none.
    pub fn prepare(&self, node: Atom, connect: bool) -> Option<Prepared> {
        if !self.has_name() || node == self.node().0 {
            return None;
        }
        let entry = if connect { self.node_entry(node) } else { self.node_table().get(node)? };
        let mut channel = entry.channel.lock();
        let mut ask = None;
        if channel.state == ChannelState::Idle {
            let Some(LinkTarget::Process(kernel)) = self.registry.whereis(atoms::NET_KERNEL).filter(|_| connect) else {
                return None;
            };
            self.leave_idle(&mut channel);
            ask = Some(kernel);
        }
        let (connection, flags) = (channel.connection, channel.flags);
        drop(channel);
        if let Some(kernel) = ask {
            self.send_built(kernel, |heap| {
                heap.tuple(&[Term::atom(atoms::AUTO_CONNECT), Term::atom(node), entry.handle(connection, heap)])
            });
        }
        Some(Prepared { entry, connection, flags })
    }
    /// Sends a message to a node. Nothing happens when the connection is gone: processes are told of that otherwise.
    ///
    /// # Errors
    /// When it is too large for the format.
    pub(super) fn post(
        &self,
        to: &Prepared,
        payload: Payload<'_>,
        control: impl for<'h> FnOnce(&'h Heap) -> Vec<Term<'h>>,
    ) -> Result<(), SystemLimit> {
        let heap = Heap::new(HeapOptions { literals: self.literals(), ..HeapOptions::default() });
        let control = heap.tuple(&control(&heap));
        let sender = operation::sender(control);
        let (atoms, control, payload) = to.encode(self, control, payload)?;
        let message = Outgoing { sender, atoms: atoms.into_atoms(), control, payload };
        self.append(to, message);
        Ok(())
    }
    /// As [`Vm::post`], where nobody can be told: the connection ends when the message is too large, as in OTP.
    pub(super) fn post_or_end(
        &self,
        to: &Prepared,
        payload: Payload<'_>,
        control: impl for<'h> FnOnce(&'h Heap) -> Vec<Term<'h>>,
    ) {
        if self.post(to, payload, control).is_err() {
            self.kill_connection(&to.entry, to.connection);
        }
    }
    fn append(&self, to: &Prepared, message: Outgoing) {
        let mut channel = to.entry.channel.lock();
        if channel.state == ChannelState::Idle || channel.connection != to.connection {
            return;
        }
        channel.output.push(message);
        let controller = channel.controller.filter(|_| !channel.writing && channel.state == ChannelState::Connected);
        if let Some(controller) = controller {
            channel.writing = true;
            drop(channel);
            self.start_writing(&to.entry, controller);
        }
    }
    fn empty_atom(&self) -> Term<'static> {
        Term::atom(self.atoms.intern(NO_NAME).unwrap_or(atoms::UNDEFINED))
    }
    /// `To ! Message`.
    pub fn send_remote(
        &self,
        to: &Prepared,
        from: Pid,
        target: RemotePid,
        message: Payload<'_>,
        token: Option<&OwnedTerm>,
    ) {
        if to.flags & flag::SEND_SENDER != 0 {
            self.post_or_end(to, message, |heap| {
                let number = [operation::SEND_SENDER, operation::SEND_SENDER_TT];
                with_token(heap, number, vec![Term::pid(from), target.term(heap)], token)
            });
        } else {
            let none = self.empty_atom();
            self.post_or_end(to, message, |heap| {
                with_token(heap, [operation::SEND, operation::SEND_TT], vec![none, target.term(heap)], token)
            });
        }
    }
    /// `{Name, Node} ! Message`.
    pub fn send_remote_name(
        &self,
        to: &Prepared,
        from: Pid,
        name: Atom,
        message: Payload<'_>,
        token: Option<&OwnedTerm>,
    ) {
        let none = self.empty_atom();
        self.post_or_end(to, message, |heap| {
            let number = [operation::REG_SEND, operation::REG_SEND_TT];
            with_token(heap, number, vec![Term::pid(from), none, Term::atom(name)], token)
        });
    }
    /// `Alias ! Message`.
    pub fn send_remote_alias(
        &self,
        to: &Prepared,
        from: Pid,
        alias: RemoteReference,
        message: Payload<'_>,
        token: Option<&OwnedTerm>,
    ) {
        if to.flags & flag::ALIAS != 0 {
            self.post_or_end(to, message, |heap| {
                let number = [operation::ALIAS_SEND, operation::ALIAS_SEND_TT];
                with_token(heap, number, vec![Term::pid(from), alias.term(heap)], token)
            });
        }
    }
    /// `link/1`.
    pub fn send_remote_link(&self, to: &Prepared, from: Pid, target: RemotePid) {
        self.post_or_end(to, Payload::None, |heap| {
            vec![Term::small(operation::LINK), Term::pid(from), target.term(heap)]
        });
    }
    /// `unlink/1`, or its acknowledgement.
    pub fn send_remote_unlink(&self, from: Pid, target: RemotePid, id: u64) {
        self.send_unlink_operation(operation::UNLINK_ID, from, target, id);
    }
    pub(crate) fn send_remote_unlink_ack(&self, from: Pid, target: RemotePid, id: u64) {
        self.send_unlink_operation(operation::UNLINK_ID_ACK, from, target, id);
    }
    fn send_unlink_operation(&self, number: i64, from: Pid, target: RemotePid, id: u64) {
        let Some(to) = self.prepare(target.node, false) else { return };
        self.post_or_end(&to, Payload::None, |heap| {
            vec![Term::small(number), heap.unsigned(id), Term::pid(from), target.term(heap)]
        });
    }
    /// The end `from` of a link has ended.
    pub(crate) fn send_remote_link_exit(
        &self,
        from: LinkTarget,
        target: RemotePid,
        reason: Term<'_>,
        token: Option<&OwnedTerm>,
    ) {
        let (LinkTarget::Process(from), Some(to)) = (from, self.prepare(target.node, false)) else { return };
        let plain = [operation::EXIT, operation::EXIT_TT];
        let with_payload = [operation::PAYLOAD_EXIT, operation::PAYLOAD_EXIT_TT];
        self.send_exit_operation(&to, (plain, with_payload), (Term::pid(from), target), reason, None, token);
    }
    /// There is no process to link to. It may be one of an earlier life of this node.
    pub(super) fn refuse_remote_link(&self, to: &Prepared, wanted: Term<'_>, from: RemotePid) {
        let numbers = ([operation::EXIT, operation::EXIT_TT], [operation::PAYLOAD_EXIT, operation::PAYLOAD_EXIT_TT]);
        self.send_exit_operation(to, numbers, (wanted, from), Term::atom(atoms::NOPROC), None, None);
    }
    /// `exit/2`. The reason comes encoded, too, for nodes that take it as a payload.
    pub fn send_remote_exit(
        &self,
        to: &Prepared,
        from: Pid,
        target: RemotePid,
        reason: Term<'_>,
        encoded: EncodedPayload,
    ) {
        let plain = [operation::EXIT2, operation::EXIT2_TT];
        let with_payload = [operation::PAYLOAD_EXIT2, operation::PAYLOAD_EXIT2_TT];
        self.send_exit_operation(to, (plain, with_payload), (Term::pid(from), target), reason, Some(encoded), None);
    }
    fn send_exit_operation(
        &self,
        to: &Prepared,
        (plain, with_payload): ([i64; 2], [i64; 2]),
        (from, target): (Term<'_>, RemotePid),
        reason: Term<'_>,
        encoded: Option<EncodedPayload>,
        token: Option<&OwnedTerm>,
    ) {
        if to.flags & flag::EXIT_PAYLOAD != 0 {
            let payload = encoded.map_or(Payload::Term(reason), Payload::Encoded);
            self.post_or_end(to, payload, |heap| with_token(heap, with_payload, ends(heap, from, target), token));
        } else {
            self.post_or_end(to, Payload::None, |heap| {
                let mut control = with_token(heap, plain, ends(heap, from, target), token);
                control.push(heap.copy_in(reason));
                control
            });
        }
    }
    /// `group_leader/2`.
    pub fn send_remote_group_leader(&self, to: &Prepared, leader: Term<'_>, target: RemotePid) {
        self.post_or_end(to, Payload::None, |heap| {
            vec![Term::small(operation::GROUP_LEADER), heap.copy_in(leader), target.term(heap)]
        });
    }
    /// `monitor/2`; false when the node does not know monitors.
    pub fn send_remote_monitor(
        &self,
        to: &Prepared,
        watcher: Pid,
        target: MonitorTarget,
        reference: LocalReference,
        is_alias: bool,
    ) -> bool {
        if to.flags & flag::DIST_MONITOR == 0 {
            return false;
        }
        self.post_or_end(to, Payload::None, |heap| {
            let (target, reference) = monitor_terms(heap, watcher, target, reference, is_alias);
            vec![Term::small(operation::MONITOR_P), Term::pid(watcher), target, reference]
        });
        true
    }
    pub(crate) fn send_remote_demonitor(&self, watcher: Pid, reference: LocalReference, monitor: &Monitor) {
        let node = match monitor.target {
            MonitorTarget::Remote(pid) => pid.node,
            MonitorTarget::RemoteName(_, node) => node,
            _ => return,
        };
        let Some(to) = self.prepare(node, false) else { return };
        self.post_or_end(&to, Payload::None, |heap| {
            let (target, reference) = monitor_terms(heap, watcher, monitor.target, reference, monitor.carries_owner);
            vec![Term::small(operation::DEMONITOR_P), Term::pid(watcher), target, reference]
        });
    }
    /// A process that another node watches has ended, or is not there.
    pub(super) fn send_remote_down(
        &self,
        to: &Prepared,
        from: impl for<'h> Fn(&'h Heap) -> Term<'h>,
        watcher: RemotePid,
        reference: RemoteReference,
        reason: Term<'_>,
    ) {
        if to.flags & flag::EXIT_PAYLOAD != 0 {
            self.post_or_end(to, Payload::Term(reason), |heap| {
                let number = Term::small(operation::PAYLOAD_MONITOR_P_EXIT);
                vec![number, from(heap), watcher.term(heap), reference.term(heap)]
            });
        } else {
            self.post_or_end(to, Payload::None, |heap| {
                let number = Term::small(operation::MONITOR_P_EXIT);
                vec![number, from(heap), watcher.term(heap), reference.term(heap), heap.copy_in(reason)]
            });
        }
    }
    /// Asks a node to spawn; false when it cannot.
    pub fn send_spawn_request(&self, to: &Prepared, call: &SpawnCall<'_>) -> bool {
        if to.flags & flag::SPAWN == 0 {
            return false;
        }
        let sent = self.post(to, Payload::Term(call.arguments), |heap| {
            let (module, function) = call.function;
            let arity = Term::small(i64::try_from(call.arity).unwrap_or(0));
            let function = heap.tuple(&[Term::atom(module), Term::atom(function), arity]);
            let (reference, leader) = (heap.copy_in(call.reference), heap.copy_in(call.group_leader));
            let numbers = [operation::SPAWN_REQUEST, operation::SPAWN_REQUEST_TT];
            let request = vec![reference, Term::pid(call.from), leader, function, heap.copy_in(call.options)];
            with_token(heap, numbers, request, call.token.as_ref())
        });
        sent.is_ok()
    }
    pub(super) fn send_spawn_reply(
        &self,
        to: &Prepared,
        request: RemoteReference,
        requester: RemotePid,
        flags: i64,
        result: Term<'_>,
    ) {
        self.post_or_end(to, Payload::None, |heap| {
            let number = Term::small(operation::SPAWN_REPLY);
            vec![number, request.term(heap), requester.term(heap), Term::small(flags), heap.copy_in(result)]
        });
    }
}

fn ends<'h>(heap: &'h Heap, from: Term<'_>, target: RemotePid) -> Vec<Term<'h>> {
    vec![heap.copy_in(from), target.term(heap)]
}

/// A control message that may have a sequential trace token as its last element. Of the numbers, the second is that with a token.
fn with_token<'h>(
    heap: &'h Heap,
    numbers: [i64; 2],
    elements: Vec<Term<'h>>,
    token: Option<&OwnedTerm>,
) -> Vec<Term<'h>> {
    let mut control = vec![Term::small(numbers[usize::from(token.is_some())])];
    control.extend(elements);
    control.extend(token.map(|token| heap.copy_in(token.term())));
    control
}

/// What a monitor watches and its reference, as the other node is told.
fn monitor_terms(
    heap: &Heap,
    watcher: Pid,
    target: MonitorTarget,
    reference: LocalReference,
    is_alias: bool,
) -> (Term<'_>, Term<'_>) {
    let target = match target {
        MonitorTarget::Remote(pid) => pid.term(heap),
        MonitorTarget::RemoteName(name, _) => Term::atom(name),
        _ => Term::atom(atoms::UNDEFINED),
    };
    let reference = match is_alias {
        true => heap.alias_reference(reference.0, watcher),
        false => heap.reference(reference.0),
    };
    (target, reference)
}
