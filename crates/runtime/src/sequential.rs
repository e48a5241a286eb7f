//! Sequential tracing: the token that travels with messages, `{Flags, Label, Serial, Sender, Last}`.

use crate::{ProcessState, Signal};
use oxbeam_term::{LiteralRange, OwnedTerm, Pid, Term};

impl ProcessState {
    /// Counts up the token's serial for something that is sent; returns the token that goes along.
    pub fn next_token(&mut self, sender: Pid, literals: LiteralRange) -> Option<OwnedTerm> {
        let token = self.rare.seq_trace_token.as_ref()?;
        let [flags, label, _, _, _] = *token.term().as_tuple_of::<5>()?;
        let (serial, last) = (self.rare.seq_trace_counts.0.checked_add(1)?, self.rare.seq_trace_counts.1);
        let next = OwnedTerm::build(literals, |heap| {
            let (flags, label) = (heap.copy_in(flags), heap.copy_in(label));
            heap.tuple(&[flags, label, heap.integer(serial), Term::pid(sender), heap.integer(last)])
        });
        self.rare.seq_trace_counts.0 = serial;
        self.rare.seq_trace_token = Some(next.clone());
        Some(next)
    }
    /// A signal that brings a message, with the sender's token if it has one.
    #[inline]
    pub fn with_token(&mut self, sender: Pid, literals: LiteralRange, message: Signal) -> Signal {
        if self.rare.seq_trace_token.is_none() {
            return message;
        }
        match self.next_token(sender, literals) {
            Some(token) => Signal::WithToken { token, message: Box::new(message) },
            None => message,
        }
    }
    /// The message at the save position is received: its token becomes the process's.
    #[inline]
    pub fn receive_token(&mut self) {
        if self.rare.seq_trace_token.is_none() && !self.messages.has_tokens() {
            return;
        }
        match self.messages.take_token() {
            Ok(Some(token)) => self.inherit_token(token, false),
            Ok(None) => {
                self.rare.if_set().map(|rare| rare.seq_trace_token.take());
            }
            Err(()) => {}
        }
    }
    /// Takes a token over; a process that is spawned with one starts counting there.
    pub(crate) fn inherit_token(&mut self, token: OwnedTerm, is_new: bool) {
        let serial = token.term().as_tuple_of::<5>().and_then(|parts| parts[2].as_small()).unwrap_or(0);
        let sent = if is_new { serial } else { self.rare.seq_trace_counts.0.max(serial) };
        self.rare.seq_trace_counts = (sent, serial);
        self.rare.seq_trace_token = Some(token);
    }
}
