//! Signals from other nodes. What is malformed ends the connection, and does nothing else; payloads wait in bytes until they
//! are needed (`external.rs`).

use super::control::{self as operation, SPAWNED_LINK, SPAWNED_MONITOR};
use super::external::{self, ExternalTerm};
use super::process::RemoteWatcher;
use super::{NodeEntry, Prepared};
use crate::monitor::{LinkTarget, Monitor, MonitorTarget, RemotePid, RemoteReference};
use crate::process::{Process, ProcessMain};
use crate::{Sender, Signal, Vm, VmContext, trace_flag};
use oxbeam_etf::DecodeError;
use oxbeam_etf::distribution::Message;
use oxbeam_term::{Heap, HeapOptions, LiteralRange, LocalReference, OwnedTerm, Pid, Term, Value, atoms};
use std::cell::Cell;
use std::sync::Arc;

type Outcome = Result<(), DecodeError>;
/// What is no control message.
const MALFORMED: DecodeError = DecodeError::Identifier;

/// Does what a message says.
pub(super) fn dispatch(vm: &Vm, entry: &Arc<NodeEntry>, connection: u32, message: Message) -> Outcome {
    let heap = Heap::new(HeapOptions { literals: vm.literals(), ..HeapOptions::default() });
    let (control, position) = match message.control(&heap, &VmContext { vm }) {
        Ok(found) => found,
        Err(error) => {
            vm.report_corrupted_term(entry, &message, message.start());
            return Err(error);
        }
    };
    let from = Prepared { entry: entry.clone(), connection, flags: entry.info().flags };
    let outcome = obey(vm, from, control, message, position);
    if outcome.is_err() {
        vm.report_invalid_message(control);
    }
    outcome
}

fn obey(vm: &Vm, from: Prepared, control: Term<'_>, message: Message, position: usize) -> Outcome {
    let elements = control.as_tuple().ok_or(MALFORMED)?.elements();
    let number = elements.first().and_then(|number| number.as_small()).ok_or(MALFORMED)?;
    if operation::elements(number) != Some(elements.len()) {
        return Err(MALFORMED);
    }
    let incoming = Incoming { vm, from, message: Cell::new(Some(message)), position, arguments: &elements[1..] };
    match number {
        operation::LINK => incoming.link(),
        operation::UNLINK_ID => incoming.unlink(false),
        operation::UNLINK_ID_ACK => incoming.unlink(true),
        // {Cookie or sender, To}
        operation::SEND | operation::SEND_SENDER => incoming.send(None),
        operation::SEND_TT | operation::SEND_SENDER_TT => incoming.send(incoming.token(2)?),
        operation::REG_SEND => incoming.send_name(None),
        operation::REG_SEND_TT => incoming.send_name(incoming.token(3)?),
        operation::ALIAS_SEND => incoming.send_alias(None),
        operation::ALIAS_SEND_TT => incoming.send_alias(incoming.token(2)?),
        operation::GROUP_LEADER => incoming.group_leader(),
        operation::EXIT => incoming.link_exit(incoming.reason(2)?, None),
        operation::EXIT_TT => incoming.link_exit(incoming.reason(3)?, incoming.token(2)?),
        operation::PAYLOAD_EXIT => incoming.link_exit(incoming.reason_payload()?, None),
        operation::PAYLOAD_EXIT_TT => incoming.link_exit(incoming.reason_payload()?, incoming.token(2)?),
        operation::EXIT2 => incoming.exit(incoming.reason(2)?),
        operation::EXIT2_TT => incoming.exit(incoming.reason(3)?),
        operation::PAYLOAD_EXIT2 | operation::PAYLOAD_EXIT2_TT => incoming.exit(incoming.reason_payload()?),
        operation::MONITOR_P => incoming.monitor(),
        operation::DEMONITOR_P => incoming.demonitor(),
        operation::MONITOR_P_EXIT => incoming.down(incoming.reason(3)?),
        operation::PAYLOAD_MONITOR_P_EXIT => incoming.down(incoming.reason_payload()?),
        operation::SPAWN_REQUEST => super::receive_spawn::request(&incoming, None),
        operation::SPAWN_REQUEST_TT => super::receive_spawn::request(&incoming, incoming.token(5)?),
        operation::SPAWN_REPLY | operation::SPAWN_REPLY_TT => incoming.spawn_reply(),
        _ => Err(MALFORMED),
    }
}

/// A message that is being handled.
pub(super) struct Incoming<'c> {
    pub(super) vm: &'c Vm,
    pub(super) from: Prepared,
    /// `None` once its payload is taken.
    message: Cell<Option<Message>>,
    position: usize,
    arguments: &'c [Term<'c>],
}

/// Why something has ended.
enum Reason {
    Decoded(OwnedTerm),
    External(Box<ExternalTerm>),
}

impl Reason {
    /// The signal that has the reason in it.
    fn signal(self, make: impl FnOnce(OwnedTerm) -> Signal + Send + 'static) -> Signal {
        match self {
            Reason::Decoded(reason) => make(reason),
            Reason::External(reason) => Signal::ExternalReason { reason, signal: Box::new(make) },
        }
    }
}

/// A sequential trace token that comes with a signal.
pub(super) type Token = Option<OwnedTerm>;

fn with_token(token: Token, signal: Signal) -> Signal {
    match token {
        Some(token) => Signal::WithToken { token, signal: Box::new(signal) },
        None => signal,
    }
}

/// Whom a signal is for.
enum Receiver {
    Local(Pid),
    /// A process of an earlier life of this node.
    Gone,
}

impl<'c> Incoming<'c> {
    pub(super) fn argument(&self, index: usize) -> Result<Term<'c>, DecodeError> {
        self.arguments.get(index).copied().ok_or(MALFORMED)
    }
    pub(super) fn own_argument(&self, index: usize) -> Result<OwnedTerm, DecodeError> {
        Ok(OwnedTerm::copy(self.argument(index)?, self.vm.literals()))
    }
    fn reason(&self, index: usize) -> Result<Reason, DecodeError> {
        self.own_argument(index).map(Reason::Decoded)
    }
    fn reason_payload(&self) -> Result<Reason, DecodeError> {
        self.payload().map(Reason::External)
    }
    /// The payload, once.
    fn payload(&self) -> Result<Box<ExternalTerm>, DecodeError> {
        let message = self.message.take().ok_or(MALFORMED)?;
        Ok(ExternalTerm::new(message, self.position, self.from.entry.clone(), self.from.connection))
    }
    pub(super) fn decoded_payload(&self) -> Result<OwnedTerm, DecodeError> {
        let message = self.message.take().ok_or(MALFORMED)?;
        external::decode(self.vm, &message, self.position)
    }
    /// A process of the peer.
    pub(super) fn remote_pid(&self, index: usize) -> Result<RemotePid, DecodeError> {
        let pid = RemotePid::of(self.argument(index)?).ok_or(MALFORMED)?;
        if pid.node == self.from.entry.name { Ok(pid) } else { Err(MALFORMED) }
    }
    /// A sequential trace token: `{Flags, Label, Serial, Sender, Last}`; or an empty list for none.
    pub(super) fn token(&self, index: usize) -> Result<Option<OwnedTerm>, DecodeError> {
        let token = self.argument(index)?;
        if token.is_nil() {
            return Ok(None);
        }
        let [flags, _, serial, sender, last] = *token.as_tuple_of::<5>().ok_or(MALFORMED)?;
        let are_numbers = [flags, serial, last].iter().all(|number| number.as_small().is_some());
        // No literals in it: nobody looks there when code goes.
        if are_numbers && sender.is_pid() {
            Ok(Some(OwnedTerm::copy(token, LiteralRange::EMPTY)))
        } else {
            Err(MALFORMED)
        }
    }
    fn receiver(&self, index: usize) -> Result<Receiver, DecodeError> {
        match self.argument(index)?.value() {
            Value::Pid(pid) => Ok(Receiver::Local(pid)),
            Value::ExternalPid(pid) if pid.node() == self.vm.node().0 => Ok(Receiver::Gone),
            _ => Err(MALFORMED),
        }
    }
    fn signal(&self, index: usize, signal: Signal) -> Outcome {
        if let Receiver::Local(pid) = self.receiver(index)? {
            self.vm.signal_pid(pid, signal);
        }
        Ok(())
    }
    /// Has a process do something; with `None` when it ends before it could. False when it is gone already, and nothing
    /// happens.
    #[must_use]
    fn ask(&self, pid: Pid, task: impl FnOnce(&Vm, &Arc<Process>, Option<&mut ProcessMain>) + Send + 'static) -> bool {
        self.vm.signal_pid(pid, Signal::Task(Box::new(task)))
    }

    // --- messages ------------------------------------------------------------------------------------------------

    /// Sends a message to a process that may be gone.
    fn message(&self, pid: Pid, message: Signal) {
        if let Some(process) = self.vm.process(pid) {
            self.vm.signal_of(Sender::Node(self.from.entry.name), &process, message);
        }
    }
    fn send(&self, token: Token) -> Outcome {
        let message = self.payload()?;
        if let Receiver::Local(pid) = self.receiver(1)? {
            self.message(pid, with_token(token, Signal::External { alias: None, message }));
        }
        Ok(())
    }
    /// `{From, Cookie, Name}`: `From` is a process of any node.
    fn send_name(&self, token: Token) -> Outcome {
        if !self.argument(0)?.is_pid() {
            return Err(MALFORMED);
        }
        let name = self.argument(2)?.as_atom().ok_or(MALFORMED)?;
        let message = self.payload()?;
        match self.vm.registry.whereis(name) {
            Some(LinkTarget::Process(pid)) => {
                self.message(pid, with_token(token, Signal::External { alias: None, message }));
            }
            Some(LinkTarget::Port(_) | LinkTarget::Remote(_)) | None => {}
        }
        Ok(())
    }
    /// `{From, Alias}`: `From` is not looked at.
    fn send_alias(&self, token: Token) -> Outcome {
        let message = self.payload()?;
        match self.argument(1)?.value() {
            Value::Reference(reference) => {
                if let Some(pid) = reference.alias_of() {
                    let message = Signal::External { alias: Some(reference.number()), message };
                    self.message(pid, with_token(token, message));
                }
                Ok(())
            }
            Value::ExternalReference(_) => Ok(()),
            _ => Err(MALFORMED),
        }
    }
    /// `{From, To}`: `From` is the new leader, of any node.
    fn group_leader(&self) -> Outcome {
        if !self.argument(0)?.is_pid() {
            return Err(MALFORMED);
        }
        let leader = self.own_argument(0)?;
        if let Receiver::Local(pid) = self.receiver(1)? {
            let _ = self.ask(pid, move |_, _, main| {
                if let Some(main) = main {
                    main.state.group_leader = leader;
                }
            });
        }
        Ok(())
    }

    // --- links and exits -----------------------------------------------------------------------------------------

    /// `{From, To}`
    fn link(&self) -> Outcome {
        let from = self.remote_pid(0)?;
        let to = self.from.clone();
        let Receiver::Local(pid) = self.receiver(1)? else {
            self.vm.refuse_remote_link(&to, self.argument(1)?, from);
            return Ok(());
        };
        let refuse = {
            let to = to.clone();
            move |vm: &Vm| vm.refuse_remote_link(&to, Term::pid(pid), from)
        };
        let asked = self.ask(pid, move |vm, process, main| {
            let Some(main) = main else { return refuse(vm) };
            let target = LinkTarget::Remote(from);
            if main.state.rare.pending_unlinks.contains_key(&target) {
                return;
            }
            if vm.take_interest_now(process, main, &to) {
                main.state.links.insert(target, ());
                vm.trace_event(process, trace_flag::PROCS, "getting_linked", &|heap| vec![from.term(heap)]);
            } else {
                let from = OwnedTerm::build(vm.literals(), |heap| from.term(heap));
                vm.handle_signal(process, main, Signal::Exit { from, reason: Vm::own_atom(atoms::NOCONNECTION) });
            }
        });
        if !asked {
            self.vm.refuse_remote_link(&self.from, Term::pid(pid), from);
        }
        Ok(())
    }
    /// `{Id, From, To}`
    fn unlink(&self, is_acknowledgement: bool) -> Outcome {
        let id = self.argument(0)?.as_u64().filter(|&id| id != 0).ok_or(MALFORMED)?;
        let remote = self.remote_pid(1)?;
        let Receiver::Local(pid) = self.receiver(2)? else { return Ok(()) };
        let from = LinkTarget::Remote(remote);
        if is_acknowledgement {
            self.vm.signal_pid(pid, Signal::UnlinkAck { from, id });
        } else if !self.vm.signal_pid(pid, Signal::Unlink { from, id }) {
            self.vm.send_remote_unlink_ack(pid, remote, id);
        }
        Ok(())
    }
    /// `{From, To}`
    fn link_exit(&self, reason: Reason, token: Token) -> Outcome {
        let from = LinkTarget::Remote(self.remote_pid(0)?);
        self.signal(1, with_token(token, reason.signal(move |reason| Signal::LinkExit { from, reason })))
    }
    /// `{From, To}`
    fn exit(&self, reason: Reason) -> Outcome {
        self.remote_pid(0)?;
        let from = self.own_argument(0)?;
        self.signal(1, reason.signal(move |reason| Signal::Exit { from, reason }))
    }

    // --- monitors ------------------------------------------------------------------------------------------------

    /// `{From, To, Reference}`: `To` is a pid or a name.
    fn monitor(&self) -> Outcome {
        let watcher = self.remote_pid(0)?;
        let reference = RemoteReference::of(self.argument(2)?).ok_or(MALFORMED)?;
        let (name, target) = match self.argument(1)?.as_atom() {
            Some(name) => (
                Some(name),
                match self.vm.registry.whereis(name) {
                    Some(LinkTarget::Process(pid)) => Some(pid),
                    _ => None,
                },
            ),
            None => match self.receiver(1)? {
                Receiver::Local(pid) => (None, Some(pid)),
                Receiver::Gone => (None, None),
            },
        };
        let shown = Arc::new(self.own_argument(1)?);
        let to = self.from.clone();
        let refuse = {
            let to = to.clone();
            move |vm: &Vm| {
                let noproc = Term::atom(atoms::NOPROC);
                vm.send_remote_down(&to, |heap| heap.copy_in(shown.term()), watcher, reference, noproc);
            }
        };
        let Some(pid) = target.filter(|&pid| self.vm.process(pid).is_some()) else {
            refuse(self.vm);
            return Ok(());
        };
        let refuse_now = refuse.clone();
        let asked = self.ask(pid, move |vm, process, main| match main {
            Some(main) => {
                if vm.take_interest_now(process, main, &to) {
                    main.state.rare.remote_watchers.insert(reference, RemoteWatcher { watcher, name });
                }
            }
            None => refuse(vm),
        });
        // It was there just now, and has ended.
        if !asked {
            refuse_now(self.vm);
        }
        Ok(())
    }
    /// `{From, To, Reference}`
    fn demonitor(&self) -> Outcome {
        self.remote_pid(0)?;
        let reference = RemoteReference::of(self.argument(2)?).ok_or(MALFORMED)?;
        let target = match self.argument(1)?.as_atom() {
            Some(name) => match self.vm.registry.whereis(name) {
                Some(LinkTarget::Process(pid)) => Some(pid),
                _ => None,
            },
            None => match self.receiver(1)? {
                Receiver::Local(pid) => Some(pid),
                Receiver::Gone => None,
            },
        };
        if let Some(pid) = target {
            let _ = self.ask(pid, move |_, _, main| {
                if let Some(rare) = main.and_then(|main| main.state.rare.if_set()) {
                    rare.remote_watchers.remove(&reference);
                }
            });
        }
        Ok(())
    }
    /// `{From, To, Reference}`: what `To` watched has ended.
    fn down(&self, reason: Reason) -> Outcome {
        let reference = match self.argument(2)?.value() {
            Value::Reference(reference) => reference.number(),
            Value::ExternalReference(_) => return Ok(()),
            _ => return Err(MALFORMED),
        };
        self.signal(1, reason.signal(move |reason| Signal::Down { reference, reason }))
    }

    // --- spawning ------------------------------------------------------------------------------------------------

    /// `{Request, To, Flags, Result}`
    fn spawn_reply(&self) -> Outcome {
        let request = match self.argument(0)?.value() {
            Value::Reference(reference) => reference.number(),
            Value::ExternalReference(_) => return Ok(()),
            _ => return Err(MALFORMED),
        };
        let Receiver::Local(pid) = self.receiver(1)? else { return Ok(()) };
        let flags = self.argument(2)?.as_small().ok_or(MALFORMED)?;
        let (child, result) = (RemotePid::of(self.argument(3)?), self.own_argument(3)?);
        if child.is_none() && result.term().as_atom().is_none() {
            return Err(MALFORMED);
        }
        let to = self.from.clone();
        let orphan = move |vm: &Vm| {
            if let Some(child) = child.filter(|_| flags & SPAWNED_LINK != 0) {
                vm.send_remote_link_exit(LinkTarget::Process(pid), child, Term::atom(atoms::NOPROC), None);
            }
        };
        let asked = self.ask(pid, move |vm, process, main| {
            let Some(main) = main else { return orphan(vm) };
            vm.spawn_answered(process, main, &to, request, flags, child, &result);
        });
        if !asked {
            orphan(self.vm);
        }
        Ok(())
    }
}

impl Vm {
    #[allow(clippy::too_many_arguments, reason = "the parts of one message")]
    fn spawn_answered(
        &self,
        process: &Arc<Process>,
        main: &mut ProcessMain,
        to: &Prepared,
        reference: LocalReference,
        flags: i64,
        child: Option<RemotePid>,
        result: &OwnedTerm,
    ) {
        let pid = process.pid();
        let Some(request) = main.state.rare.if_set().and_then(|rare| rare.spawn_requests.remove(&reference)) else {
            return;
        };
        let Some(child) = child else {
            return self.tell_spawn_failed(process, main, reference, &request, result.term());
        };
        if request.abandoned {
            if flags & SPAWNED_LINK != 0 {
                let reason = self.atoms.intern("abandoned").map_or(Term::NIL, Term::atom);
                self.send_remote_link_exit(LinkTarget::Process(pid), child, reason, None);
            }
            return;
        }
        let connected = self.take_interest_now(process, main, to);
        if request.link && flags & SPAWNED_LINK != 0 {
            self.trace_event(process, trace_flag::PROCS, "link", &|heap| vec![child.term(heap)]);
            main.state.links.insert(LinkTarget::Remote(child), ());
        }
        if request.reply_success {
            self.tell_spawned(process, main, reference, &request, (atoms::OK, result.term()));
        }
        if let Some((tag, alias)) = request.monitor.filter(|_| flags & SPAWNED_MONITOR != 0) {
            let monitor = Monitor { target: MonitorTarget::Remote(child), tag, alias, carries_owner: alias.is_some() };
            main.state.monitors.insert(reference, monitor);
            if !connected {
                self.handle_signal(
                    process,
                    main,
                    Signal::Down { reference, reason: Vm::own_atom(atoms::NOCONNECTION) },
                );
            }
        }
    }
}
