//! Signals: everything one process may do to another, in one queue and in order.
//!
//! A signal is handled by its receiver, when it is scheduled or when its `receive` finds no message. So a receiver's
//! links, monitors and flags are touched by itself only. What a signal asks of a process that has ended is answered
//! by [`Signal::refuse`].

use crate::distribution::ExternalTerm;
use crate::mailbox::Message;
use crate::monitor::{AliasKind, LinkTarget, Monitor, MonitorTarget, Watcher};
use crate::process::{DirtyState, Holding, Process, ProcessMain};
use crate::sequential::MessageToken;
use crate::{BifContext, Sender, Vm, trace_flag};
use oxbeam_term::{Atom, Heap, LocalReference, OwnedTerm, Pid, Term, Word, atoms};
use std::sync::Arc;

/// Work that one process does for another: `None` when the process has ended.
pub type SystemTask = Box<dyn FnOnce(&Vm, &Arc<Process>, Option<&mut ProcessMain>) + Send>;

/// A signal.
pub enum Signal {
    /// An ordinary message.
    Message(OwnedTerm),
    /// A message that the machine itself made: it leaves the receiver's sequential trace token alone.
    SystemMessage(OwnedTerm),
    /// A message sent through an alias.
    AliasMessage {
        /// The alias.
        alias: LocalReference,
        /// The message.
        message: OwnedTerm,
    },
    /// A message from another node, which its receiver decodes.
    External {
        /// The alias that it was sent through.
        alias: Option<LocalReference>,
        /// The message.
        message: Box<ExternalTerm>,
    },
    /// A signal whose reason comes from another node, and is decoded when the signal is handled.
    ExternalReason {
        /// Why.
        reason: Box<ExternalTerm>,
        /// The signal with this reason.
        signal: Box<dyn FnOnce(OwnedTerm) -> Signal + Send>,
    },
    /// `exit/2`.
    Exit {
        /// Who sent it: a pid, port or node name.
        from: OwnedTerm,
        /// Why.
        reason: OwnedTerm,
    },
    /// The other end of a link ended.
    LinkExit {
        /// The other end.
        from: LinkTarget,
        /// Why.
        reason: OwnedTerm,
    },
    /// `link/1`.
    Link {
        /// Who links.
        from: LinkTarget,
    },
    /// `unlink/1`.
    Unlink {
        /// Who unlinks.
        from: LinkTarget,
        /// To be sent back.
        id: u64,
    },
    /// The other end has handled our unlink.
    UnlinkAck {
        /// The other end.
        from: LinkTarget,
        /// Which unlink.
        id: u64,
    },
    /// `monitor/2`.
    Monitor {
        /// The monitor.
        reference: LocalReference,
        /// Who watches.
        watcher: Pid,
        /// Under which name.
        name: Option<Atom>,
    },
    /// `demonitor/1`.
    Demonitor {
        /// The monitor.
        reference: LocalReference,
    },
    /// What we monitor ended.
    Down {
        /// The monitor.
        reference: LocalReference,
        /// Why.
        reason: OwnedTerm,
    },
    /// A signal that carries a sequential trace token.
    WithToken {
        /// The token.
        token: OwnedTerm,
        /// The signal.
        signal: Box<Signal>,
    },
    /// A message whose receiver wants to know who sent it.
    From {
        /// Who did.
        sender: crate::Sender,
        /// How the message comes.
        signal: Box<Signal>,
    },
    /// Something that the receiver does for somebody else.
    Task(SystemTask),
    /// Only wakes the receiver.
    Wake,
}

impl Signal {
    /// Does it only concern the queue of messages?
    pub(crate) fn is_message(&self) -> bool {
        match self {
            Signal::WithToken { signal, .. } => signal.is_message(),
            Signal::Message(_)
            | Signal::SystemMessage(_)
            | Signal::AliasMessage { .. }
            | Signal::External { .. }
            | Signal::From { .. }
            | Signal::Down { .. }
            | Signal::Wake => true,
            Signal::ExternalReason { .. }
            | Signal::Exit { .. }
            | Signal::LinkExit { .. }
            | Signal::Link { .. }
            | Signal::Unlink { .. }
            | Signal::UnlinkAck { .. }
            | Signal::Monitor { .. }
            | Signal::Demonitor { .. }
            | Signal::Task(_) => false,
        }
    }
    /// What a signal does when its receiver has ended.
    pub(crate) fn refuse(self, vm: &Vm, dead: &Arc<Process>) {
        let pid = dead.pid();
        let noproc = || Vm::own_atom(atoms::NOPROC);
        match self {
            Signal::Link { from } => vm.link_exit(from, LinkTarget::Process(pid), noproc()),
            Signal::Unlink { from, id } => vm.acknowledge_unlink(from, pid, id),
            Signal::Monitor { reference, watcher, .. } => {
                vm.signal_pid(watcher, Signal::Down { reference, reason: noproc() });
            }
            Signal::Task(task) => task(vm, dead, None),
            Signal::Message(_)
            | Signal::SystemMessage(_)
            | Signal::WithToken { .. }
            | Signal::From { .. }
            | Signal::AliasMessage { .. }
            | Signal::External { .. }
            | Signal::ExternalReason { .. }
            | Signal::Exit { .. }
            | Signal::LinkExit { .. }
            | Signal::UnlinkAck { .. }
            | Signal::Demonitor { .. }
            | Signal::Down { .. }
            | Signal::Wake => {}
        }
    }
}

impl Vm {
    /// Tells the end `to` of a link that `from` ended.
    pub fn link_exit(&self, to: LinkTarget, from: LinkTarget, reason: OwnedTerm) {
        match to {
            LinkTarget::Process(pid) => {
                self.signal_pid(pid, Signal::LinkExit { from, reason });
            }
            LinkTarget::Port(port) => self.schedulers_port_exit(port, from, reason),
            LinkTarget::Remote(to) => self.send_remote_link_exit(from, to, reason.term(), None),
        }
    }
    fn acknowledge_unlink(&self, to: LinkTarget, from: Pid, id: u64) {
        match to {
            LinkTarget::Process(pid) => {
                self.signal_pid(pid, Signal::UnlinkAck { from: LinkTarget::Process(from), id });
            }
            LinkTarget::Remote(to) => self.send_remote_unlink_ack(from, to, id),
            LinkTarget::Port(_) => {}
        }
    }
    /// Handles all signals that have arrived. The caller owns the process. True when one of them was a message.
    pub fn handle_signals(&self, process: &Arc<Process>, main: &mut ProcessMain) -> bool {
        let signals = if process.incoming.is_empty() { Vec::new() } else { process.incoming.take() };
        self.handle_these_signals(process, main, signals)
    }
    /// As [`Vm::handle_signals`], of signals that the caller has taken out.
    pub(crate) fn handle_these_signals(
        &self,
        process: &Arc<Process>,
        main: &mut ProcessMain,
        mut signals: Vec<Signal>,
    ) -> bool {
        if main.state.dirty == DirtyState::No
            && let Some(rare) = main.state.rare.if_set()
        {
            let postponed = std::mem::take(rare.postponed.get_mut());
            if !postponed.is_empty() {
                signals.splice(0..0, postponed);
            }
        }
        if signals.is_empty() {
            return false;
        }
        let before = main.state.messages.len();
        for signal in signals {
            self.handle_signal(process, main, signal);
        }
        self.queue_has_grown(process, &mut main.state.messages);
        main.state.messages.len() > before
    }

    /// Handles one signal. The caller owns the process.
    pub(crate) fn handle_signal(&self, process: &Arc<Process>, main: &mut ProcessMain, signal: Signal) {
        if main.state.exiting.is_some() {
            // It ends as soon as this returns; what comes after the exit signal finds it gone.
            signal.refuse(self, process);
            return;
        }
        let state = &mut main.state;
        match signal {
            Signal::Message(message) => self.take_message(process, main, message, MessageToken::None),
            Signal::SystemMessage(message) => self.take_message(process, main, message, MessageToken::Unchanged),
            Signal::From { sender, signal } => {
                main.state.rare.message_sender = Some(sender);
                self.handle_signal(process, main, *signal);
                main.state.rare.message_sender = None;
            }
            Signal::AliasMessage { alias, message } => {
                if self.use_alias(process, main, alias) {
                    self.take_message(process, main, message, MessageToken::None);
                }
            }
            Signal::External { alias, message } => {
                if alias.is_none_or(|alias| self.use_alias(process, main, alias)) {
                    self.take_external(process, main, message);
                }
            }
            Signal::ExternalReason { reason, signal } => {
                if let Some(reason) = reason.decode(self) {
                    self.handle_signal(process, main, signal(reason));
                }
            }
            Signal::Exit { from, reason } => self.exit_signal(process, main, from, reason),
            // The call may be making this link just now (`open_port/2`).
            Signal::LinkExit { from, reason } if state.dirty != DirtyState::No && !state.links.contains_key(&from) => {
                state.rare.postponed.get_mut().push(Signal::LinkExit { from, reason });
            }
            Signal::LinkExit { from, reason } => {
                state.rare.if_set().map(|rare| rare.pending_unlinks.remove(&from));
                if state.links.remove(&from).is_some() {
                    self.linked_exit(process, main, from, reason);
                    if main.state.exiting.is_none() {
                        self.trace_event(process, trace_flag::PROCS, "getting_unlinked", &|heap| vec![from.term(heap)]);
                    }
                }
            }
            Signal::Link { from } => {
                if !state.rare.pending_unlinks.contains_key(&from) {
                    state.links.insert(from, ());
                    self.trace_event(process, trace_flag::PROCS, "getting_linked", &|heap| vec![from.term(heap)]);
                }
            }
            Signal::Unlink { from, id } => {
                self.trace_event(process, trace_flag::PROCS, "getting_unlinked", &|heap| vec![from.term(heap)]);
                state.links.remove(&from);
                self.acknowledge_unlink(from, process.pid(), id);
            }
            Signal::UnlinkAck { from, id } => {
                if state.rare.pending_unlinks.get(&from) == Some(&id) {
                    state.rare.pending_unlinks.remove(&from);
                }
            }
            Signal::Monitor { reference, watcher, name } => {
                state.watchers.insert(reference, Watcher { watcher, name });
            }
            Signal::Demonitor { reference } => {
                state.watchers.remove(&reference);
            }
            Signal::Down { reference, reason } => self.down(process, main, reference, &reason),
            Signal::WithToken { token, signal } => {
                let before = state.messages.len();
                self.handle_signal(process, main, *signal);
                if main.state.messages.len() > before {
                    main.state.messages.set_last_token(token);
                }
            }
            Signal::Task(task) => task(self, process, Some(main)),
            Signal::Wake => {
                // A timer that is due has fired, most likely just now.
                if state.receive_timer.is_some_and(|timer| timer.due <= self.clock.elapsed()) {
                    state.receive_timer = None;
                }
            }
        }
    }

    /// Puts a message into the queue.
    fn take_message(&self, process: &Arc<Process>, main: &mut ProcessMain, message: OwnedTerm, token: MessageToken) {
        if process.trace_flags() & trace_flag::RECEIVE != 0 {
            self.trace_receive(process, main, message.term());
        }
        main.state.messages.push_with(Message::Owned(message), token);
    }
    /// Puts a message of another node into the queue, as it came unless a tracer is to see it.
    fn take_external(&self, process: &Arc<Process>, main: &mut ProcessMain, message: Box<ExternalTerm>) {
        if process.trace_flags() & trace_flag::RECEIVE == 0 {
            main.state.messages.push(Message::External(message));
        } else if let Some(message) = message.decode(self) {
            self.take_message(process, main, message, MessageToken::None);
        }
    }
    #[cold]
    fn trace_receive(&self, process: &Arc<Process>, main: &mut ProcessMain, message: Term<'_>) {
        let Some(tracer) = self.tracing.tracer() else { return };
        let sender = main.state.rare.message_sender.unwrap_or(Sender::System);
        let mut reductions = 0;
        let ProcessMain { heap, state } = main;
        let mut context = BifContext { vm: self, heap, process, state, reductions: &mut reductions };
        tracer.received(&mut context, sender, message);
    }
    /// Puts a message into the queue that was built on the receiver's heap.
    fn take_built(&self, process: &Arc<Process>, main: &mut ProcessMain, message: Word) {
        if process.trace_flags() & trace_flag::RECEIVE != 0 {
            // SAFETY: it is on the heap of the process, which is not collected here.
            self.trace_receive(process, main, unsafe { Term::from_raw(message) });
        }
        main.state.messages.push(Message::OnHeap(message));
    }

    /// A message comes through an alias: may it? Ends an alias that is for one message only.
    pub(crate) fn use_alias(&self, process: &Process, main: &mut ProcessMain, alias: LocalReference) -> bool {
        let state = &mut main.state;
        let kind =
            state.rare.aliases.get(&alias).copied().or_else(|| state.monitors.get(&alias).and_then(|one| one.alias));
        match kind {
            None => return false,
            Some(AliasKind::ReplyOnly) => {
                state.rare.aliases.remove(&alias);
            }
            Some(AliasKind::Reply) => {
                state.rare.aliases.remove(&alias);
                if let Some(monitor) = state.monitors.remove(&alias) {
                    self.send_demonitor(process.pid(), alias, &monitor);
                }
            }
            Some(AliasKind::Explicit | AliasKind::Demonitor) => {}
        }
        true
    }

    /// Tells the target of a monitor that is gone at this end.
    pub fn send_demonitor(&self, watcher: Pid, reference: LocalReference, monitor: &Monitor) {
        match monitor.target {
            MonitorTarget::Process(pid) | MonitorTarget::Name(_, pid) => {
                self.signal_watcher(pid, reference, None);
            }
            MonitorTarget::Port(port) | MonitorTarget::PortName(_, port) => self.port_demonitor(port, reference),
            MonitorTarget::Remote(_) | MonitorTarget::RemoteName(..) => {
                self.send_remote_demonitor(watcher, reference, monitor);
            }
            MonitorTarget::TimeOffset | MonitorTarget::Gone(_) | MonitorTarget::GonePort(_) => {}
        }
    }

    /// `exit/2` arrived.
    fn exit_signal(&self, process: &Arc<Process>, main: &mut ProcessMain, from: OwnedTerm, reason: OwnedTerm) {
        let state = &mut main.state;
        if reason.term().is_atom(atoms::KILL) {
            state.exiting = Some(Vm::own_atom(atoms::KILLED));
        } else if state.flags.trap_exit {
            self.push_exit_message(process, main, from.term(), reason.term());
        } else if !reason.term().is_atom(atoms::NORMAL) {
            // `exit(self(), normal)` ends the caller; the BIF sees to that by itself.
            state.exiting = Some(reason);
        }
    }

    /// A linked process or port ended.
    fn linked_exit(&self, process: &Arc<Process>, main: &mut ProcessMain, from: LinkTarget, reason: OwnedTerm) {
        if main.state.flags.trap_exit {
            let from = oxbeam_term::OwnedTerm::build(self.literals(), |heap| from.term(heap));
            self.push_exit_message(process, main, from.term(), reason.term());
        } else if !reason.term().is_atom(atoms::NORMAL) {
            main.state.exiting = Some(reason);
        }
    }

    fn push_exit_message(&self, process: &Arc<Process>, main: &mut ProcessMain, from: Term<'_>, reason: Term<'_>) {
        let heap: &Heap = &main.heap;
        let elements = [Term::atom(atoms::UPPER_EXIT), heap.copy_in(from), heap.copy_in(reason)];
        let message = heap.tuple(&elements).word();
        self.take_built(process, main, message);
    }

    fn down(&self, process: &Arc<Process>, main: &mut ProcessMain, reference: LocalReference, reason: &OwnedTerm) {
        let ProcessMain { heap, state } = main;
        let heap: &Heap = heap;
        let Some(monitor) = state.monitors.remove(&reference) else { return };
        if matches!(monitor.alias, Some(AliasKind::Explicit)) {
            state.rare.aliases.insert(reference, AliasKind::Explicit);
        }
        let named = |name: Atom| heap.tuple(&[Term::atom(name), Term::atom(self.node().0)]);
        let (kind, object) = match monitor.target {
            MonitorTarget::Process(pid) => (atoms::PROCESS, Term::pid(pid)),
            MonitorTarget::Name(name, _) | MonitorTarget::Gone(name) => (atoms::PROCESS, named(name)),
            MonitorTarget::Port(port) => (atoms::PORT, Term::port(port)),
            MonitorTarget::PortName(name, _) | MonitorTarget::GonePort(name) => (atoms::PORT, named(name)),
            MonitorTarget::Remote(pid) => (atoms::PROCESS, pid.term(heap)),
            MonitorTarget::RemoteName(name, node) => {
                (atoms::PROCESS, heap.tuple(&[Term::atom(name), Term::atom(node)]))
            }
            MonitorTarget::TimeOffset => (atoms::TIME_OFFSET, Term::atom(atoms::CLOCK_SERVICE)),
        };
        let tag = monitor.tag.as_ref().map_or(Term::atom(atoms::DOWN), |tag| heap.copy_in(tag.term()));
        let reference = match monitor.carries_owner {
            true => heap.alias_reference(reference.0, process.pid()),
            false => heap.reference(reference.0),
        };
        let elements = [tag, reference, Term::atom(kind), object, heap.copy_in(reason.term())];
        let message = heap.tuple(&elements).word();
        self.take_built(process, main, message);
    }

    /// Ends a process that the caller owns: names, links, monitors, then its memory.
    pub fn terminate(&self, process: &Arc<Process>, reason: OwnedTerm) {
        // SAFETY: the caller owns the process, and no other reference to its main part is alive.
        let main = unsafe { process.main() };
        let pid = process.pid();
        if self.is_profiled(crate::profile_flag::PROCESSES) {
            self.profile(&crate::ProfileEvent::Process { pid, active: false, place: None });
        }
        if main.state.dirty != DirtyState::No {
            self.ends_in_dirty_call(pid);
        }
        if main.state.take_in_literals {
            self.answer_taking_in(pid, false);
        }
        let mut late =
            main.state.rare.if_set().map(|rare| std::mem::take(rare.postponed.get_mut())).unwrap_or_default();
        late.extend(process.incoming.end());
        // Before the name goes: who finds the name free may take the names of its tables, too.
        self.run_exit_hooks(process, &mut main.state);
        if process.held().includes(Holding::DISTRIBUTION) {
            self.distribution_process_ended(pid, &reason);
        }
        if process.held().includes(Holding::SCHEDULERS) {
            self.forget_blocker(pid);
        }
        // After the status: whoever registers meanwhile looks at that afterwards, so one of the two removes the name.
        let name = process.registered_name();
        if let Some(name) = name {
            self.registry.remove_exactly(name, LinkTarget::Process(pid));
            process.set_registered_name(None);
        }
        self.processes.remove(pid);
        drop(self.schedulers.take_at_hand(pid));
        if process.trace_flags() != 0 {
            self.trace_event(process, trace_flag::PROCS, "exit", &|heap| vec![heap.copy_in(reason.term())]);
            if let Some(name) = name {
                self.trace_event(process, trace_flag::PROCS, "unregister", &|_| vec![Term::atom(name)]);
            }
        }
        // Signals that came late are handled as if the process had lived a little longer.
        main.state.exiting = None;
        // Links and watchers that arrived but were not handled yet count: they get the true reason.
        let mut refused = Vec::new();
        for signal in late {
            match signal {
                Signal::Link { .. } | Signal::Monitor { .. } | Signal::Unlink { .. } | Signal::Demonitor { .. } => {
                    self.handle_signal(process, main, signal);
                }
                other => refused.push(other),
            }
        }
        let state = &mut main.state;
        if let Some(timer) = state.receive_timer.take() {
            self.timers.cancel(timer);
        }
        for (reference, monitor) in std::mem::take(&mut state.monitors) {
            self.send_demonitor(pid, reference, &monitor);
        }
        for (target, ()) in std::mem::take(&mut state.links) {
            match (target, state.rare.seq_trace_token.is_some()) {
                (LinkTarget::Process(other), true) => {
                    let signal = Signal::LinkExit { from: LinkTarget::Process(pid), reason: reason.clone() };
                    let signal = self.with_token(state, pid, Term::pid(other), signal);
                    self.signal_pid(other, signal);
                }
                (LinkTarget::Remote(other), true) => {
                    let token = self.next_token(state, pid);
                    self.send_remote_link_exit(LinkTarget::Process(pid), other, reason.term(), token.as_ref());
                }
                _ => self.link_exit(target, LinkTarget::Process(pid), reason.clone()),
            }
        }
        for (reference, watcher) in std::mem::take(&mut state.watchers) {
            self.signal_pid(watcher.watcher, Signal::Down { reference, reason: reason.clone() });
        }
        if let Some(rare) = state.rare.if_set() {
            self.end_remote_relations(pid, rare, &reason);
        }
        let suspending = state.rare.if_set().map(|rare| std::mem::take(&mut rare.suspending));
        for (suspended, count) in suspending.into_iter().flatten() {
            self.resume_process(suspended, count);
        }
        for signal in refused {
            signal.refuse(self, process);
        }
        if process.trace_flags() != 0 {
            self.trace_event(process, trace_flag::EXITING, "out_exited", &|_| vec![Term::small(0)]);
            if let Some(tracer) = self.tracing.tracer() {
                tracer.ended(self, LinkTarget::Process(pid));
            }
        }
        // A dirty call that goes on uses its arguments; who makes it frees them (`dirty.rs`).
        if main.state.dirty == DirtyState::No {
            self.free_memory(process, main);
        }
        if process.is_system() && !self.is_halting() {
            self.system_process_ended(process, &reason);
        }
    }

    /// Frees what is left of a process that has ended.
    pub(crate) fn free_memory(&self, process: &Process, main: &mut ProcessMain) {
        // The `Arc` may live on in somebody's hand: the heap goes now.
        let options = *main.heap.options();
        *main = ProcessMain::new(options, 0, OwnedTerm::immediate(oxbeam_term::Word::NIL), None);
        crate::scheduler::account_memory(self, process, 0);
        self.give_back_memory();
    }

    /// Undoes `count` suspensions of a process.
    pub fn resume_process(&self, pid: Pid, count: u32) {
        let resume: SystemTask = Box::new(move |_, _, main| {
            if let Some(main) = main {
                main.state.rare.suspended = main.state.rare.suspended.saturating_sub(count);
                // It was parked while it was suspended, whatever it was about.
                if main.state.rare.suspended == 0 {
                    main.state.was_waiting &= main.state.rare.suspended_waiting;
                }
            }
        });
        self.signal_pid(pid, Signal::Task(resume));
    }
}
