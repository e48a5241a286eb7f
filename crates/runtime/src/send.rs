//! Sending: how a signal reaches a process, and whom a term names.

use crate::inbox::Delivery;
use crate::monitor::{LinkTarget, Watcher};
use crate::process::{Priority, Process, ProcessMain, RunStatus};
use crate::run_queue::Turn;
use crate::{BifContext, Sender, Signal, SystemTask, Vm};
use oxbeam_term::{Atom, LocalReference, OwnedTerm, Pid, Port, Term};
use std::sync::Arc;

/// Whom a message is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Destination {
    /// A local process.
    Process(Pid),
    /// A local port.
    Port(Port),
    /// The process that this reference is an alias of.
    Alias(Pid, LocalReference),
    /// Nobody: a reference that is no alias, or a pid of an earlier incarnation of this node.
    Nobody,
}

impl Vm {
    /// Puts a signal into a process's queue and wakes it. False when the process has ended; the signal is dropped then.
    pub fn signal(&self, process: &Arc<Process>, signal: Signal) -> bool {
        let urgent = !signal.is_message();
        match process.incoming.put(signal, urgent) {
            Delivery::Refused => return false,
            Delivery::Taken => {}
            Delivery::MustQueue => {
                if self.is_profiled(crate::profile_flag::PROCESSES) {
                    // Nobody else has it before it is in a run queue.
                    self.profile_process(process, true);
                }
                self.schedulers.enqueue(process.clone());
            }
            Delivery::MustHandle => self.ask_dirty_signal_handler(process),
        }
        true
    }
    /// As [`Vm::signal`], for a message that a process sends.
    pub fn signal_from(&self, sender: Pid, process: &Arc<Process>, signal: Signal) -> bool {
        self.signal_of(Sender::Process(sender), process, signal)
    }
    /// As [`Vm::signal`], for a message of this sender.
    pub(crate) fn signal_of(&self, sender: Sender, process: &Arc<Process>, signal: Signal) -> bool {
        if process.trace_flags() & crate::trace_flag::RECEIVE == 0 {
            return self.signal(process, signal);
        }
        // The message may be tokened: the token is for the message itself.
        let signal = match signal {
            Signal::WithToken { token, signal } => {
                Signal::WithToken { token, signal: Box::new(Signal::From { sender, signal }) }
            }
            signal => Signal::From { sender, signal: Box::new(signal) },
        };
        self.signal(process, signal)
    }
    /// Sends a message of the process that this thread runs to `to`: a pid, or an alias of this process. Returns the words that
    /// were copied.
    ///
    /// A receiver that waits has handled all signals; so the sender may put the message into its queue, on its heap. So is one
    /// to the sender itself, if nothing else has arrived. Others get a signal.
    pub fn send_from(
        &self,
        cx: &mut BifContext<'_>,
        pid: Pid,
        alias: Option<LocalReference>,
        to: Term<'_>,
        message: Term<'_>,
    ) -> usize {
        let sender = cx.process.pid();
        let is_plain = cx.state.rare.seq_trace_token.is_none();
        if pid == sender {
            if is_plain && alias.is_none() && cx.process.trace_flags() == 0 && !cx.process.has_signals() {
                let words = cx.state.messages.push_copy(cx.heap, message);
                self.queue_has_grown(cx.process, &mut cx.state.messages);
                return words;
            }
            return self.send_signal(cx, &cx.process.clone(), alias, to, message);
        }
        let Some(process) = self.process_at_hand(pid) else { return 0 };
        if is_plain && process.trace_flags() == 0 && self.schedulers.current() != 0 && process.incoming.claim() {
            return self.send_to_claimed(process, alias, message);
        }
        let words = self.send_signal(cx, &process, alias, to, message);
        self.put_back(process);
        words
    }
    fn send_signal(
        &self,
        cx: &mut BifContext<'_>,
        process: &Arc<Process>,
        alias: Option<LocalReference>,
        to: Term<'_>,
        message: Term<'_>,
    ) -> usize {
        let message = OwnedTerm::copy(message, self.literals());
        let words = message.words();
        let signal = match alias {
            Some(alias) => Signal::AliasMessage { alias, message },
            None => Signal::Message(message),
        };
        let sender = cx.process.pid();
        let signal = self.with_token(cx.state, sender, to, signal);
        self.signal_from(sender, process, signal);
        words
    }
    /// Puts a message into the queue of a process that the caller has claimed, and queues the process.
    fn send_to_claimed(&self, process: Arc<Process>, alias: Option<LocalReference>, message: Term<'_>) -> usize {
        // SAFETY: the caller claimed the process, which this thread does not run; nobody else has it before it is in a run queue.
        let main = unsafe { process.main() };
        let mut words = 0;
        if main.state.exiting.is_none() && alias.is_none_or(|alias| self.use_alias(&process, main, alias)) {
            let ProcessMain { heap, state } = main;
            words = state.messages.push_copy(heap, message);
            self.queue_has_grown(&process, &mut state.messages);
        }
        if self.is_profiled(crate::profile_flag::PROCESSES) {
            self.profile_process(&process, true);
        }
        self.schedulers.enqueue(process);
        words
    }
    /// A process sets a monitor on another, or takes it back. One that waits need not be woken for that. False when it has ended.
    pub fn signal_watcher(&self, pid: Pid, reference: LocalReference, watcher: Option<Watcher>) -> bool {
        let Some(process) = self.process_at_hand(pid) else { return false };
        if self.schedulers.current() != 0 && process.incoming.start_waiting() {
            // SAFETY: this thread just moved the process to Running, and does not run it.
            let main = unsafe { process.main() };
            let lives = main.state.exiting.is_none();
            if lives {
                match watcher {
                    Some(watcher) => main.state.watchers.insert(reference, watcher),
                    None => main.state.watchers.remove(&reference),
                };
            }
            if !process.incoming.park() {
                self.schedulers.enqueue(process.clone());
            }
            if lives {
                self.put_back(process);
                return true;
            }
        }
        let signal = match watcher {
            Some(Watcher { watcher, name }) => Signal::Monitor { reference, watcher, name },
            None => Signal::Demonitor { reference },
        };
        self.signal_at_hand(process, signal)
    }
    /// As [`Vm::signal`], for what [`Vm::process_at_hand`] gave.
    fn signal_at_hand(&self, process: Arc<Process>, signal: Signal) -> bool {
        let taken = self.signal(&process, signal);
        if taken {
            self.put_back(process);
        }
        taken
    }
    /// As [`Vm::signal`] of work for the system: a process that waits does it before others of its priority have their turn.
    pub(crate) fn signal_system_task(&self, process: &Arc<Process>, task: SystemTask) -> bool {
        match process.incoming.put(Signal::Task(task), true) {
            Delivery::Refused => return false,
            Delivery::Taken => {}
            Delivery::MustQueue => {
                self.schedulers.enqueue_at(process.clone(), Turn::Before(Priority::High.max(process.priority())))
            }
            Delivery::MustHandle => self.ask_dirty_signal_handler(process),
        }
        true
    }
    /// As [`Vm::signal`], by pid.
    pub fn signal_pid(&self, pid: Pid, signal: Signal) -> bool {
        self.process_at_hand(pid).is_some_and(|process| self.signal_at_hand(process, signal))
    }
    /// Sends a message to a process by pid; nothing happens when it has ended.
    pub fn send_message(&self, pid: Pid, message: OwnedTerm) {
        self.signal_pid(pid, Signal::SystemMessage(message));
    }
    /// Builds a message and sends it.
    pub fn send_built(&self, pid: Pid, build: impl for<'h> FnOnce(&'h oxbeam_term::Heap) -> Term<'h>) {
        if let Some(process) = self.process(pid) {
            self.signal(&process, Signal::SystemMessage(OwnedTerm::build(self.literals(), build)));
        }
    }
    /// Whom a term names: `Ok(None)` for an unregistered name, `Err` for a term that names nobody ever.
    pub fn destination(&self, term: Term<'_>) -> Result<Option<Destination>, ()> {
        if let Some(pid) = term.as_pid() {
            return Ok(Some(Destination::Process(pid)));
        }
        if let Some(name) = term.as_atom() {
            return Ok(self.registered(name));
        }
        if let Some(port) = term.as_port() {
            return Ok(Some(Destination::Port(port)));
        }
        if let Some(reference) = term.as_reference() {
            return Ok(Some(match reference.alias_of() {
                Some(pid) => Destination::Alias(pid, reference.number()),
                None => Destination::Nobody,
            }));
        }
        if let Some([name, node]) = term.as_tuple_of::<2>()
            && let (Some(name), Some(node)) = (name.as_atom(), node.as_atom())
        {
            let here = node == self.node().0;
            return Ok(Some(self.registered(name).filter(|_| here).unwrap_or(Destination::Nobody)));
        }
        if term.is_reference() || term.is_pid() || term.is_port() {
            return Ok(Some(Destination::Nobody));
        }
        Err(())
    }
    fn registered(&self, name: Atom) -> Option<Destination> {
        Some(match self.registry.whereis(name)? {
            LinkTarget::Process(pid) => Destination::Process(pid),
            LinkTarget::Port(port) => Destination::Port(port),
            LinkTarget::Remote(_) => Destination::Nobody,
        })
    }
    /// Registers a process; false when the name or the process has one already.
    pub fn register_process(&self, name: Atom, process: &Arc<Process>) -> bool {
        if process.registered_name().is_some() || !self.registry.insert(name, LinkTarget::Process(process.pid())) {
            return false;
        }
        process.set_registered_name(Some(name));
        self.trace_event(process, crate::trace_flag::PROCS, "register", &|_| vec![Term::atom(name)]);
        // A process that ended meanwhile has looked for its name already.
        if process.status() == RunStatus::Dead {
            self.registry.remove_exactly(name, LinkTarget::Process(process.pid()));
            return false;
        }
        true
    }
    /// Registers a port; false when the name is taken.
    pub fn register_port(&self, name: Atom, port: Port) -> bool {
        let done = self.registry.insert(name, LinkTarget::Port(port));
        if let (true, Some(ports)) = (done, self.ports()) {
            ports.named(self, port, "register", name);
        }
        done
    }
    /// Removes a registered name; returns what it stood for.
    pub fn unregister(&self, name: Atom) -> Option<LinkTarget> {
        let target = self.registry.remove(name)?;
        if let LinkTarget::Process(pid) = target
            && let Some(process) = self.process(pid)
        {
            process.set_registered_name(None);
            self.trace_event(&process, crate::trace_flag::PROCS, "unregister", &|_| vec![Term::atom(name)]);
        }
        if let (LinkTarget::Port(port), Some(ports)) = (target, self.ports()) {
            ports.named(self, port, "unregister", name);
        }
        Some(target)
    }
}
