//! Sequential tracing: the token that travels with messages, `{Flags, Label, Serial, Sender, Last}`.
//!
//! A process that has a token sends it along with messages and with the exit signals of its links and gives it to processes that it spawns; who takes a message
//! out of the queue has that message's token from then on. What the token's flags name is told to the sequential tracer.

use crate::{Process, ProcessState, SequentialEvent, Signal, SpawnOptions, Vm};
use oxbeam_term::{Heap, LiteralRange, OwnedTerm, Pid, Term, Word, atoms};
use std::sync::atomic::Ordering;

/// Token flag: tell of messages that are sent.
pub const SEND: i64 = 1;
/// Token flag: tell of messages that are received.
pub const RECEIVE: i64 = 2;
/// Token flag: tell what `seq_trace:print/1` is given.
pub const PRINT: i64 = 4;

/// What a message says about the token of the process that receives it.
#[derive(Default)]
pub enum MessageToken {
    /// It came without: the receiver has none afterwards.
    #[default]
    None,
    /// The machine itself made it: the receiver's token stays.
    Unchanged,
    /// It is this.
    Carried(Box<OwnedTerm>),
}

impl ProcessState {
    /// Forgets the token, the serials and the tokens of waiting messages.
    pub fn reset_sequential_trace(&mut self) {
        if let Some(rare) = self.rare.if_set() {
            (rare.seq_trace_token, rare.seq_trace_counts) = (None, (0, 0));
        }
        self.messages.clear_tokens();
    }
    /// Takes a token over; a process that is spawned with one starts counting there.
    pub(crate) fn inherit_token(&mut self, token: OwnedTerm, is_new: bool) {
        let serial = token.term().as_tuple_of::<5>().and_then(|parts| parts[2].as_small()).unwrap_or(0);
        let sent = if is_new { serial } else { self.rare.seq_trace_counts.0.max(serial) };
        self.rare.seq_trace_counts = (sent, serial);
        self.rare.seq_trace_token = Some(token);
    }
}

/// What a signal is as a message.
fn message_of(signal: &Signal, literals: oxbeam_term::LiteralRange) -> Option<OwnedTerm> {
    let exit = |from: &dyn for<'h> Fn(&'h Heap) -> Term<'h>, reason: &OwnedTerm| {
        OwnedTerm::build(literals, |heap| {
            heap.tuple(&[Term::atom(atoms::UPPER_EXIT), from(heap), heap.copy_in(reason.term())])
        })
    };
    Some(match signal {
        Signal::Message(message) | Signal::AliasMessage { message, .. } => message.clone(),
        Signal::LinkExit { from, reason } => exit(&|heap| from.term(heap), reason),
        _ => return None,
    })
}

impl Vm {
    /// Counts up the serial of a process's token for something that it sends; the token, if it has one.
    pub fn next_token(&self, state: &mut ProcessState, sender: Pid) -> Option<OwnedTerm> {
        let token = state.rare.seq_trace_token.as_ref()?;
        let wanted = !self.tracing.sequential.load(Ordering::Relaxed)
            || self.tracing.tracer().is_none_or(|tracer| tracer.sequential_enabled(self, sender));
        if !wanted {
            return Some(token.clone());
        }
        let [flags, label, _, _, _] = *token.term().as_tuple_of::<5>()?;
        let (serial, last) = (state.rare.seq_trace_counts.0.checked_add(1)?, state.rare.seq_trace_counts.1);
        // No literals in it: nobody looks there when code goes.
        let next = OwnedTerm::build(LiteralRange::EMPTY, |heap| {
            let (flags, label) = (heap.copy_in(flags), heap.copy_in(label));
            heap.tuple(&[flags, label, heap.integer(serial), Term::pid(sender), heap.integer(last)])
        });
        state.rare.seq_trace_counts.0 = serial;
        state.rare.seq_trace_token = Some(next.clone());
        Some(next)
    }
    /// A signal from a process to `receiver`, with the sender's token if it has one.
    #[inline]
    pub fn with_token(&self, state: &mut ProcessState, sender: Pid, receiver: Term<'_>, signal: Signal) -> Signal {
        if state.rare.seq_trace_token.is_none() {
            return signal;
        }
        self.carry_token(state, sender, receiver, signal)
    }
    #[cold]
    fn carry_token(&self, state: &mut ProcessState, sender: Pid, receiver: Term<'_>, signal: Signal) -> Signal {
        let Some(token) = self.next_token(state, sender) else { return signal };
        if let Some(message) = message_of(&signal, self.literals()) {
            self.tell_sequential(state, &token, SEND, receiver, message.term(), Some(sender));
        }
        Signal::WithToken { token, signal: Box::new(signal) }
    }
    /// Tells the sequential tracer what a process did, if there is one, the token's flags say so and the process is not
    /// sensitive.
    pub fn tell_sequential(
        &self,
        state: &ProcessState,
        token: &OwnedTerm,
        kind: i64,
        receiver: Term<'_>,
        message: Term<'_>,
        process: Option<Pid>,
    ) {
        let flags = token.term().as_tuple_of::<5>().and_then(|parts| parts[0].as_small()).unwrap_or(0);
        if flags & kind != 0
            && !state.flags.sensitive
            && self.tracing.sequential.load(Ordering::Relaxed)
            && let Some(tracer) = self.tracing.tracer()
        {
            let event = SequentialEvent { token: token.term(), kind, receiver, message, process };
            tracer.sequential(self, &event);
        }
    }
    /// The message at the save position is received: its token becomes the process's.
    #[inline]
    pub fn receive_token(&self, process: &Process, state: &mut ProcessState) {
        match state.messages.take_token() {
            MessageToken::Unchanged => {}
            MessageToken::None => {
                state.rare.if_set().map(|rare| rare.seq_trace_token.take());
            }
            MessageToken::Carried(token) => self.token_received(process, state, *token),
        }
    }
    #[cold]
    fn token_received(&self, process: &Process, state: &mut ProcessState, token: OwnedTerm) {
        let word = state.messages.peek_decoded(self).unwrap_or(Word::NIL);
        // SAFETY: the message is in the queue, where its memory lives on.
        let message: Term<'_> = unsafe { Term::from_raw(word) };
        self.tell_sequential(state, &token, RECEIVE, Term::pid(process.pid()), message, Some(process.pid()));
        state.inherit_token(token, false);
    }
    /// A process is spawned by one that has a token: it gets that. The tracer sees a request that is sent and received, and its reply.
    pub(crate) fn pass_token_on(
        &self,
        (parent, state): (Pid, &mut ProcessState),
        (child, child_state): (Pid, &mut ProcessState),
        arguments: &[Term<'_>],
        options: &SpawnOptions,
    ) {
        let Some(token) = self.next_token(state, parent) else { return };
        child_state.inherit_token(token.clone(), true);
        let Some(reply_token) = self.next_token(child_state, child) else { return };
        let last = reply_token.term().as_tuple_of::<5>().and_then(|parts| parts[2].as_small()).unwrap_or(0);
        if self.tracing.sequential.load(Ordering::Relaxed) {
            let reference = self.next_reference();
            let (module, function, arity) = child_state.initial_call;
            let request = OwnedTerm::build(self.literals(), |heap| {
                let copies: Vec<Term<'_>> = arguments.iter().map(|argument| heap.copy_in(*argument)).collect();
                let flags = [(options.link, atoms::LINK), (options.monitor.is_some(), atoms::MONITOR)];
                let flags: Vec<Term<'_>> =
                    flags.into_iter().filter(|(on, _)| *on).map(|(_, name)| Term::atom(name)).collect();
                heap.tuple(&[
                    Term::atom(atoms::SPAWN_REQUEST),
                    heap.reference(reference.0),
                    Term::pid(parent),
                    heap.copy_in(state.group_leader.term()),
                    heap.tuple(&[Term::atom(module), Term::atom(function), Term::small(i64::from(arity))]),
                    heap.list(&flags),
                    Term::atom(atoms::SPAWN_REPLY),
                    heap.list(&copies),
                ])
            });
            let reply = OwnedTerm::build(self.literals(), |heap| {
                let (tag, ok) = (Term::atom(atoms::SPAWN_REPLY), Term::atom(atoms::OK));
                heap.tuple(&[tag, heap.reference(reference.0), ok, Term::pid(child)])
            });
            for (token, receiver, message) in [(&token, child, &request), (&reply_token, parent, &reply)] {
                for kind in [SEND, RECEIVE] {
                    self.tell_sequential(state, token, kind, Term::pid(receiver), message.term(), Some(parent));
                }
            }
        }
        state.rare.seq_trace_counts = (last, last);
    }
}
