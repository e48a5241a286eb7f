//! What waits in a channel to be sent.
//!
//! What one process sends stays in order. A large message goes in fragments, between which the messages of others pass; what
//! its sender has sent since then waits until it is through. A message of which the sender is not known passes nothing and is
//! passed by nothing.

use oxbeam_etf::SentAtoms;
use oxbeam_etf::distribution::{Fragments, Framing, needs_fragments, packet};
use oxbeam_term::{Atom, AtomTable, Pid};
use std::collections::VecDeque;

/// Large messages that may be under way before senders of further ones wait.
const STREAMS_MAX: usize = 4;

/// A message on its way out: external terms, each with its version byte.
pub(super) struct Outgoing {
    /// Who sends it, if that is known.
    pub(super) sender: Option<Pid>,
    /// The atoms that the terms refer to by index.
    pub(super) atoms: Vec<Atom>,
    pub(super) control: Vec<u8>,
    pub(super) payload: Vec<u8>,
}

/// A large message that is being sent.
struct Stream {
    sender: Option<Pid>,
    fragments: Fragments,
    /// What its sender has sent since.
    followers: VecDeque<Outgoing>,
}

/// What waits in a channel.
#[derive(Default)]
pub(super) struct Output {
    queue: VecDeque<Outgoing>,
    /// Those that are being sent, the next one to send a fragment first.
    streams: VecDeque<Stream>,
    /// Does a fragment come next, if there is one?
    fragment_next: bool,
    sequence: u64,
    /// What the peer was told of atoms.
    sent_atoms: SentAtoms,
    /// Bytes of everything that waits.
    size: usize,
    /// Of these, bytes in `streams`, without followers.
    streamed: usize,
}

impl Outgoing {
    fn size(&self) -> usize {
        self.control.len() + self.payload.len()
    }
}

impl Output {
    pub(super) fn push(&mut self, message: Outgoing) {
        self.size += message.size();
        self.queue.push_back(message);
    }
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.streams.is_empty()
    }
    /// Bytes of everything that waits.
    pub(super) fn size(&self) -> usize {
        self.size
    }
    /// Bytes that wait, without those of large messages that are being sent.
    pub(super) fn queued(&self) -> usize {
        self.size - self.streamed
    }
    /// Is a large message of the process being sent?
    pub(super) fn sends_stream_of(&self, pid: Pid) -> bool {
        self.streams.iter().any(|stream| stream.sender == Some(pid))
    }
    /// Are as many large messages being sent as may be?
    pub(super) fn is_full_of_streams(&self) -> bool {
        self.streams.len() >= STREAMS_MAX
    }
    /// The next packet, without a length in front.
    pub(super) fn next_packet(&mut self, framing: Framing, atoms: &AtomTable) -> Option<Vec<u8>> {
        loop {
            if self.is_turn_of_fragment() {
                return self.next_fragment();
            }
            let message = self.queue.pop_front()?;
            if let Some(stream) = self.streams.iter_mut().find(|stream| stream.sender == message.sender) {
                stream.followers.push_back(message);
                continue;
            }
            self.size -= message.size();
            self.fragment_next = true;
            let header = self.sent_atoms.header(&message.atoms, atoms);
            if !needs_fragments(framing, &message.control, &message.payload) {
                return Some(packet(framing, &header, &message.control, &message.payload));
            }
            self.sequence += 1;
            let fragments = Fragments::new(self.sequence, &header, &message.control, message.payload);
            self.size += fragments.size();
            self.streamed += fragments.size();
            // The one whose header was made now goes before all others that come.
            self.streams.push_front(Stream { sender: message.sender, fragments, followers: VecDeque::new() });
            return self.next_fragment();
        }
    }
    fn is_turn_of_fragment(&self) -> bool {
        let Some(message) = self.queue.front() else { return !self.streams.is_empty() };
        let unknown = message.sender.is_none() || self.streams.iter().any(|stream| stream.sender.is_none());
        !self.streams.is_empty() && (self.fragment_next || unknown)
    }
    fn next_fragment(&mut self) -> Option<Vec<u8>> {
        self.fragment_next = false;
        let mut stream = self.streams.pop_front()?;
        let before = stream.fragments.size();
        let packet = stream.fragments.next_packet();
        let left = stream.fragments.size();
        self.size -= before - left;
        self.streamed -= before - left;
        if left > 0 {
            self.streams.push_back(stream);
        } else {
            for message in stream.followers.into_iter().rev() {
                self.queue.push_front(message);
            }
        }
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sender: Option<u32>, text: u8, length: usize) -> Outgoing {
        let sender = sender.map(|number| Pid { number, serial: 0 });
        Outgoing { sender, atoms: Vec::new(), control: vec![131, text], payload: vec![text; length] }
    }

    /// For each packet the byte that its message is made of.
    fn sent(messages: Vec<Outgoing>) -> String {
        let (mut output, atoms) = (Output::default(), AtomTable::new(1 << 10));
        for message in messages {
            output.push(message);
        }
        let mut order = String::new();
        while let Some(packet) = output.next_packet(Framing::Fragments, &atoms) {
            order.push(char::from(*packet.last().unwrap()));
        }
        assert!(output.is_empty() && output.size() == 0 && output.queued() == 0);
        order
    }

    #[test]
    fn small_messages_pass_large_ones_of_others() {
        let large = 200_000;
        assert_eq!(sent(vec![message(Some(1), b'a', large), message(Some(2), b'b', 1)]), "abaaa");
        assert_eq!(sent(vec![message(Some(1), b'a', large), message(Some(1), b'b', 1)]), "aaaab");
        let of_three = vec![
            message(Some(1), b'a', large),
            message(Some(2), b'B', large),
            message(Some(1), b'c', 1),
            message(Some(3), b'd', 1),
        ];
        assert_eq!(sent(of_three), "aBdaBaBacB");
    }

    #[test]
    fn unknown_senders_keep_all_order() {
        let large = 100_000;
        assert_eq!(
            sent(vec![message(Some(1), b'a', large), message(None, b'b', 1), message(Some(2), b'c', 1)]),
            "aabc"
        );
        assert_eq!(sent(vec![message(None, b'a', large), message(Some(2), b'c', 1)]), "aac");
    }
}
