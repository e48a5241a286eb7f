//! A process's own queue of messages, in the order they arrived.
//!
//! Messages have consecutive numbers; taking one out of the middle leaves a hole that is skipped, so that neither
//! receive markers nor the save position ever move. Messages keep their own memory until they are received, so a
//! collection does not look at them; only the one that `receive` looks at joins the heap before a collection.

use crate::sequential::MessageToken;
use oxbeam_term::{Heap, LeavingLiterals, LiteralRange, LocalReference, OwnedTerm, Term, Word};
use std::collections::VecDeque;

/// A message in the queue.
pub enum Message {
    /// With its own memory.
    Owned(OwnedTerm),
    /// Built on the receiver's heap (an exit or down message); a root of collections.
    OnHeap(Word),
}

impl Message {
    /// The raw word of the message.
    pub fn word(&self) -> Word {
        match self {
            Message::Owned(owned) => owned.term().word(),
            Message::OnHeap(word) => *word,
        }
    }
}

/// A place in the queue.
struct Slot {
    message: Message,
    token: MessageToken,
}

/// Markers kept at a time; OTP keeps as many.
const MARKERS_MAX: usize = 8;
/// Bits of a message number that a marker keeps.
const MARKER_MASK: u64 = (1 << 48) - 1;

/// The queue.
#[derive(Default)]
pub struct Mailbox {
    messages: VecDeque<Option<Slot>>,
    /// Number of the first slot.
    first: u64,
    /// Number of the next message that `receive` looks at.
    save: u64,
    count: usize,
    on_heap: usize,
    /// Words of memory that the messages own.
    words: usize,
    /// Is `receive` looking at the message at the save position, so that registers may refer to its parts?
    looking: bool,
    /// Does the system monitor know it as a long one?
    pub(crate) is_long: bool,
    markers: Vec<(LocalReference, u64)>,
    /// Counts how often messages were renumbered, 12 bits.
    epoch: u16,
}

impl Mailbox {
    /// Adds a message at the end, without a sequential trace token. One that is built on the heap comes from the machine itself.
    pub fn push(&mut self, message: Message) {
        let token = match &message {
            Message::OnHeap(_) => MessageToken::Unchanged,
            Message::Owned(_) => MessageToken::None,
        };
        self.push_with(message, token);
    }
    /// Adds a message at the end.
    pub fn push_with(&mut self, message: Message, token: MessageToken) {
        match &message {
            Message::OnHeap(_) => self.on_heap += 1,
            Message::Owned(owned) => self.words += owned.words(),
        }
        self.count += 1;
        self.messages.push_back(Some(Slot { message, token }));
    }
    /// The last message came with this sequential trace token.
    pub(crate) fn set_last_token(&mut self, token: OwnedTerm) {
        if let Some(Some(slot)) = self.messages.back_mut() {
            slot.token = MessageToken::Carried(Box::new(token));
        }
    }
    /// No message carries a sequential trace token any more.
    pub(crate) fn clear_tokens(&mut self) {
        for slot in self.messages.iter_mut().flatten() {
            if matches!(slot.token, MessageToken::Carried(_)) {
                slot.token = MessageToken::None;
            }
        }
    }
    /// Takes the sequential trace token of the message at the save position.
    #[inline]
    pub(crate) fn take_token(&mut self) -> MessageToken {
        match self.messages.get_mut((self.save - self.first) as usize) {
            Some(Some(slot)) => std::mem::take(&mut slot.token),
            _ => MessageToken::Unchanged,
        }
    }
    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.count
    }
    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
    /// The raw word of the message that `receive` looks at next; `None` at the end.
    pub fn peek(&mut self) -> Option<Word> {
        loop {
            let index = (self.save - self.first) as usize;
            match self.messages.get(index)? {
                Some(slot) => {
                    self.looking = true;
                    return Some(slot.message.word());
                }
                None => self.save += 1,
            }
        }
    }
    /// Before a collection: a message that is being looked at becomes part of the heap. What the patterns and guards
    /// have built refers to it, and may reach the old generation before the message itself would come to the heap.
    pub(crate) fn settle(&mut self, heap: &Heap) {
        if !std::mem::take(&mut self.looking) {
            return;
        }
        let index = (self.save - self.first) as usize;
        if let Some(Some(Slot { message, .. })) = self.messages.get_mut(index)
            && let Message::Owned(owned) = message
            && owned.words() != 0
        {
            let owned = std::mem::replace(owned, OwnedTerm::immediate(Word::NIL));
            self.words -= owned.words();
            *message = Message::OnHeap(heap.adopt(owned).word());
            self.on_heap += 1;
        }
    }
    /// The message at the save position did not match: look at the next one.
    pub fn advance(&mut self) {
        self.looking = false;
        self.save += 1;
    }
    /// Takes the message at the save position out and makes its memory the heap's. The next `receive` starts over.
    pub fn take(&mut self, heap: &Heap) {
        self.looking = false;
        let index = (self.save - self.first) as usize;
        if let Some(slot) = self.messages.get_mut(index)
            && let Some(Slot { message, .. }) = slot.take()
        {
            self.count -= 1;
            match message {
                Message::Owned(owned) => {
                    self.words -= owned.words();
                    heap.adopt(owned);
                }
                Message::OnHeap(_) => self.on_heap -= 1,
            }
            self.trim();
        }
        self.save = self.first;
    }
    /// The next `receive` starts at the first message.
    pub fn rewind(&mut self) {
        self.looking = false;
        self.save = self.first;
    }
    fn trim(&mut self) {
        while let Some(None) = self.messages.front() {
            self.messages.pop_front();
            self.first += 1;
        }
        while let Some(None) = self.messages.back() {
            self.messages.pop_back();
        }
        let end = self.first + self.messages.len() as u64;
        for (_, position) in &mut self.markers {
            *position = (*position).min(end);
        }
        if self.messages.is_empty() && self.messages.capacity() > 64 {
            self.messages.shrink_to(16);
        }
        // Holes in the middle cost a step each time they are passed: close them when they are the majority.
        if self.messages.len() > 64 && self.messages.len() > self.count * 2 && self.markers.is_empty() {
            self.messages.retain(Option::is_some);
            self.epoch = self.epoch.wrapping_add(1) & 0xfff;
        }
    }
    /// Copies of all messages in order, on `heap`.
    pub fn copies<'t>(&self, heap: &'t Heap) -> Vec<Term<'t>> {
        // SAFETY: the memory of each message lives while it is in the queue, which is borrowed.
        self.iter().map(|message| heap.copy_in(unsafe { Term::from_raw(message.word()) })).collect()
    }
    /// Removes the first message that `unwanted` names; used by `demonitor(Ref, [flush])`.
    pub fn remove_where(&mut self, mut unwanted: impl FnMut(Term<'_>) -> bool) -> bool {
        let mut removed = false;
        for slot in &mut self.messages {
            let Some(Slot { message, .. }) = slot else { continue };
            // SAFETY: the message's memory lives while it is in the queue.
            if unwanted(unsafe { Term::from_raw(message.word()) }) {
                match message {
                    Message::OnHeap(_) => self.on_heap -= 1,
                    Message::Owned(owned) => self.words -= owned.words(),
                }
                *slot = None;
                self.count -= 1;
                removed = true;
                break;
            }
        }
        self.trim();
        self.save = self.first;
        removed
    }
    /// All messages in order.
    pub fn iter(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().flatten().map(|slot| &slot.message)
    }
    /// Replaces messages that refer to literals that are leaving by copies that do not.
    pub(crate) fn take_in(&mut self, leaving: &LeavingLiterals, literals: LiteralRange) {
        for slot in self.messages.iter_mut().flatten() {
            if let Message::Owned(owned) = &mut slot.message
                && owned.refers_to(leaving)
            {
                self.words -= owned.words();
                *owned = OwnedTerm::copy(owned.term(), literals);
                self.words += owned.words();
            }
        }
    }
    /// Words of messages that lie on the receiver's heap, to be updated by a collection.
    pub(crate) fn on_heap_words(&mut self) -> impl Iterator<Item = &mut Word> {
        let any = self.on_heap != 0;
        self.messages.iter_mut().take_while(move |_| any).flatten().filter_map(|slot| match &mut slot.message {
            Message::OnHeap(word) => Some(word),
            Message::Owned(_) => None,
        })
    }
    /// A marker for the end of the queue as it is now, to be tied to a reference by [`Mailbox::set_marker`].
    pub fn reserve_marker(&self) -> i64 {
        ((self.first + self.messages.len() as u64) & MARKER_MASK) as i64 | (i64::from(self.epoch) << 48)
    }
    /// Lets a reserved marker stand for `reference`: no message that was there before can contain it.
    pub fn set_marker(&mut self, reference: LocalReference, marker: i64) {
        // Holes were closed since: the number says nothing any more, and the start is always right.
        let valid = marker >> 48 == i64::from(self.epoch);
        let position = if valid { marker as u64 & MARKER_MASK } else { self.first };
        if self.markers.len() == MARKERS_MAX {
            self.markers.remove(0);
        }
        self.markers.push((reference, position));
    }
    /// Forgets the marker of `reference`.
    pub fn clear_marker(&mut self, reference: LocalReference) {
        self.markers.retain(|(marked, _)| *marked != reference);
    }
    /// Lets the next `receive` start at the marker of `reference`, if there is one.
    pub fn use_marker(&mut self, reference: LocalReference) {
        if let Some((_, position)) = self.markers.iter().find(|(marked, _)| *marked == reference) {
            self.save = (*position).max(self.first).min(self.first + self.messages.len() as u64);
        }
    }
    /// Words of memory that queued messages own.
    pub fn words(&self) -> usize {
        self.words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::ProcessMain;
    use oxbeam_term::HeapOptions;

    #[test]
    fn what_a_pattern_built_survives_collections_before_and_after_the_message_is_taken() {
        let mut main = ProcessMain::new(HeapOptions::default(), 12, OwnedTerm::immediate(Word::NIL), None);
        let message = OwnedTerm::build(LiteralRange::EMPTY, |heap| heap.tuple(&[Term::small(1), heap.float(2.5)]));
        main.state.messages.push(Message::Owned(message));
        let word = main.state.messages.peek().unwrap();
        // SAFETY: the message is in the queue.
        let mut live = [main.heap.cons(unsafe { Term::from_raw(word) }, Term::NIL).word()];
        for _ in 0..3 {
            main.collect(0, &mut live);
        }
        main.state.messages.take(&main.heap);
        main.collect(0, &mut live);
        main.state.force_major = true;
        main.collect(0, &mut live);
        // SAFETY: the collections updated the root.
        let list = unsafe { Term::from_raw(live[0]) };
        let tuple = list.as_cons().unwrap().head().as_tuple().unwrap();
        assert_eq!(tuple.elements()[1].as_float(), Some(2.5));
        assert!(main.state.messages.is_empty());
    }
}
