//! Terms from other nodes that are still in bytes.
//!
//! A message waits in its receiver's queue as it came, and is decoded when the receiver looks at it; a reason of an exit
//! when the signal is handled. So what is large burdens the one that it is for, and not the connection. References to
//! atoms of the cache are resolved when the message comes (`oxbeam_etf::distribution`), since the cache changes. What is
//! malformed is as if it had not come; it ends the connection that brought it, if that is still there.

use super::{ChannelState, Controller, NodeEntry};
use crate::{Signal, Vm, VmContext};
use oxbeam_etf::DecodeError;
use oxbeam_etf::distribution::Message;
use oxbeam_term::{Atom, OwnedTerm, Term, atoms, display_text};
use std::fmt::Write;
use std::sync::Arc;

/// A term in the bytes that another node has sent.
pub struct ExternalTerm {
    message: Message,
    /// Where it begins.
    position: usize,
    entry: Arc<NodeEntry>,
    connection: u32,
}

impl ExternalTerm {
    pub(super) fn new(message: Message, position: usize, entry: Arc<NodeEntry>, connection: u32) -> Box<ExternalTerm> {
        Box::new(ExternalTerm { message, position, entry, connection })
    }
    /// Bytes of memory that it takes.
    pub fn size(&self) -> usize {
        size_of::<ExternalTerm>() + self.message.size()
    }
    /// The term. When it is malformed that is logged, and the connection that it came over ends.
    pub fn decode(&self, vm: &Vm) -> Option<OwnedTerm> {
        let outcome = decode(vm, &self.message, self.position);
        if outcome.is_err() {
            vm.report_corrupted_term(&self.entry, &self.message, self.position);
            vm.kill_connection(&self.entry, self.connection);
        }
        outcome.ok()
    }
}

/// The payload that begins at `position`, with memory of its own.
pub(super) fn decode(vm: &Vm, message: &Message, position: usize) -> Result<OwnedTerm, DecodeError> {
    let mut outcome = Ok(());
    let term = OwnedTerm::build(vm.literals(), |heap| match message.payload(position, heap, &VmContext { vm }) {
        Ok(term) => term,
        Err(error) => {
            outcome = Err(error);
            Term::NIL
        }
    });
    outcome.map(|()| term)
}

impl Vm {
    /// Ends a connection whose peer has sent what it should not have, unless it is gone already.
    pub fn kill_connection(&self, entry: &NodeEntry, connection: u32) {
        let info = entry.info();
        if info.state != ChannelState::Connected || info.connection != connection {
            return;
        }
        match info.controller {
            Some(Controller::Port(port)) => {
                if let Some(ports) = self.ports() {
                    ports.exit(self, port, Vm::own_atom(atoms::KILL));
                }
            }
            Some(Controller::Process(pid)) => {
                self.connection_lost(entry, connection, Vm::own_atom(atoms::KILLED));
                let from = Vm::own_atom(entry.name());
                self.signal_pid(pid, Signal::Exit { from, reason: Vm::own_atom(atoms::KILL) });
            }
            None => {}
        }
    }
    /// As OTP's `bad_dist_ext` (`external.c`) words it.
    pub(super) fn report_corrupted_term(&self, entry: &NodeEntry, message: &Message, position: usize) {
        let mut text = self.corrupted("external term", entry);
        text.push_str("<<...");
        push_bytes(&mut text, message.bytes_from(position), ",");
        text.push_str("\nATOM_CACHE_REF translations: ");
        let translations = message.atoms().iter().enumerate();
        let translations: Vec<String> =
            translations.map(|(index, atom)| format!("{index}={}", self.show_atom(*atom))).collect();
        text.push_str(if translations.is_empty() { "none" } else { "" });
        text.push_str(&translations.join(", "));
        self.log_warning_text(&text);
    }
    /// As OTP's `erts_prepare_dist_ext` (`external.c`) words it.
    pub(super) fn report_corrupted_header(&self, entry: &NodeEntry, packet: &[u8]) {
        let mut text = self.corrupted("distribution header", entry);
        text.push_str("<<");
        push_bytes(&mut text, packet, "");
        self.log_warning_text(&text);
    }
    /// As OTP's `erts_net_message` (`dist.c`) words it.
    pub(super) fn report_invalid_message(&self, control: Term<'_>) {
        let control = display_text(control, Some(INVALID_MESSAGE_LENGTH), &self.atoms);
        self.log_error_text(&format!("Invalid distribution message: {control}"));
    }
    fn corrupted(&self, what: &str, entry: &NodeEntry) -> String {
        let (node, peer) = (self.show_atom(self.node().0), self.show_atom(entry.name()));
        format!("{node} got a corrupted {what} from {peer} on distribution channel {}\n", entry.name().0)
    }
    fn show_atom(&self, atom: Atom) -> String {
        display_text(Term::atom(atom), None, &self.atoms)
    }
}

/// How much of an invalid control message is told.
const INVALID_MESSAGE_LENGTH: usize = 200;

/// How many bytes of a malformed term are told.
const BYTES_TOLD_MAX: usize = 64 * 1024;

/// The bytes as numbers, with commas between them and `first` in front, and the end of a binary.
fn push_bytes(text: &mut String, bytes: &[u8], first: &str) {
    let mut separator = first;
    for byte in &bytes[..bytes.len().min(BYTES_TOLD_MAX)] {
        // Writing to a string does not fail.
        let _ = write!(text, "{separator}{byte}");
        separator = ",";
    }
    text.push_str(if bytes.len() > BYTES_TOLD_MAX { ",...>>" } else { ">>" });
}
