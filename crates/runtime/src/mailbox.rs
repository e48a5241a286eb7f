//! A process's own queue of messages, in the order they arrived.
//!
//! Messages have consecutive numbers; taking one out of the middle leaves a hole that is skipped, so that neither
//! receive markers nor the save position ever move. Messages keep their own memory until `receive` looks at them, so a
//! collection does not look at those; small ones come to the heap then, others when they are taken or a collection begins. A
//! message of another node is in bytes until somebody looks at it; if it is malformed it is gone then.

use crate::Vm;
use crate::distribution::ExternalTerm;
use crate::sequential::MessageToken;
use oxbeam_term::{Heap, LeavingLiterals, LiteralRange, LocalReference, OwnedTerm, Term, Word};
use std::collections::VecDeque;

/// A message in the queue.
pub enum Message {
    /// With its own memory.
    Owned(OwnedTerm),
    /// Built on the receiver's heap (an exit or down message); a root of collections.
    OnHeap(Word),
    /// From another node, in bytes.
    External(Box<ExternalTerm>),
}

/// What `receive` finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peek {
    /// A message, as a raw word.
    Message(Word),
    /// One of another node, to be decoded first ([`Mailbox::decode_next`]).
    External,
    /// The end of the queue.
    End,
}

impl Message {
    /// The raw word of the message, unless it is in bytes.
    pub fn word(&self) -> Option<Word> {
        match self {
            Message::Owned(owned) => Some(owned.term().word()),
            Message::OnHeap(word) => Some(*word),
            Message::External(_) => None,
        }
    }
    /// Words of memory that it owns.
    fn words(&self) -> usize {
        match self {
            Message::Owned(owned) => owned.words(),
            Message::OnHeap(_) => 0,
            Message::External(term) => term.size().div_ceil(size_of::<Word>()),
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
/// Messages up to this many words are copied to the heap when `receive` looks at them; larger ones become fragments of it.
const SMALL_WORDS_MAX: usize = 64;
/// How far behind the first message they are: one that does not match stays on the heap, and collections look for those.
const NEAR_FRONT: usize = 8;
/// Queues up to this length are not closed up and do not give memory back.
const HOLES_KEPT: usize = 64;
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
    on_heap: u32,
    /// How many are in bytes.
    external: u32,
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
            Message::Owned(_) | Message::External(_) => MessageToken::None,
        };
        self.push_with(message, token);
    }
    /// Adds a message at the end.
    pub fn push_with(&mut self, message: Message, token: MessageToken) {
        match &message {
            Message::OnHeap(_) => self.on_heap += 1,
            Message::External(_) => self.external += 1,
            Message::Owned(_) => {}
        }
        self.words += message.words();
        self.count += 1;
        self.messages.push_back(Some(Slot { message, token }));
    }
    /// Adds a copy of `message`, which lives elsewhere, at the end: on the receiver's `heap` if it is small, near the front and
    /// has room there, else with memory of its own. Returns its words.
    pub(crate) fn push_copy(&mut self, heap: &Heap, message: Term<'_>) -> usize {
        if self.messages.len() < NEAR_FRONT
            && let Some((copy, words)) = heap.copy_in_small(message, SMALL_WORDS_MAX)
        {
            let message = match words {
                0 => Message::Owned(OwnedTerm::immediate(copy.word())),
                _ => Message::OnHeap(copy.word()),
            };
            self.push_with(message, MessageToken::None);
            return words;
        }
        let owned = OwnedTerm::copy(message, heap.options().literals);
        let words = owned.words();
        self.push_with(Message::Owned(owned), MessageToken::None);
        words
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
    /// The message that `receive` looks at next.
    #[inline]
    pub fn peek(&mut self) -> Peek {
        loop {
            let index = (self.save - self.first) as usize;
            match self.messages.get(index) {
                Some(Some(slot)) => {
                    let Some(word) = slot.message.word() else { return Peek::External };
                    self.looking = true;
                    return Peek::Message(word);
                }
                Some(None) => self.save += 1,
                None => return Peek::End,
            }
        }
    }
    /// As [`Mailbox::look`], if there is nothing to do but to read: the usual case while many messages do not match.
    #[inline(always)]
    pub fn look_behind(&mut self) -> Option<Word> {
        let index = (self.save - self.first) as usize;
        match self.messages.get(index) {
            Some(Some(Slot { message: Message::Owned(owned), .. })) if index >= NEAR_FRONT => {
                self.looking = true;
                Some(owned.term().word())
            }
            Some(Some(Slot { message: Message::OnHeap(word), .. })) => Some(*word),
            _ => None,
        }
    }
    /// As [`Mailbox::peek`], for a `receive` that may well take the message: a small one near the front comes to the heap at once,
    /// if that has room, and its memory is free again. Others stay as they are until they are taken.
    #[inline]
    pub fn look(&mut self, heap: &Heap) -> Peek {
        loop {
            let index = (self.save - self.first) as usize;
            let slot = match self.messages.get_mut(index) {
                Some(Some(slot)) => slot,
                Some(None) => {
                    self.save += 1;
                    continue;
                }
                None => return Peek::End,
            };
            let owned = match &mut slot.message {
                Message::Owned(owned) => owned,
                Message::OnHeap(word) => return Peek::Message(*word),
                Message::External(_) => return Peek::External,
            };
            let words = owned.words();
            if (1..=SMALL_WORDS_MAX).contains(&words) && index < NEAR_FRONT && heap.has_room(words) {
                let owned = std::mem::replace(owned, OwnedTerm::immediate(Word::NIL));
                let word = heap.move_in(owned).word();
                slot.message = Message::OnHeap(word);
                self.words -= words;
                self.on_heap += 1;
                return Peek::Message(word);
            }
            self.looking = true;
            return Peek::Message(owned.term().word());
        }
    }
    /// As [`Mailbox::peek`], with what is in bytes decoded; `None` at the end.
    pub fn peek_decoded(&mut self, vm: &Vm) -> Option<Word> {
        loop {
            match self.peek() {
                Peek::Message(word) => return Some(word),
                Peek::External => {
                    self.decode_next(vm);
                }
                Peek::End => return None,
            }
        }
    }
    /// Decodes the message that `receive` looks at next, if it is in bytes; it is gone if it is malformed. Returns the bytes
    /// of memory that it took.
    #[cold]
    pub fn decode_next(&mut self, vm: &Vm) -> usize {
        self.decode_at((self.save - self.first) as usize, vm)
    }
    /// Decodes all messages. Malformed ones are gone.
    pub fn decode_all(&mut self, vm: &Vm) {
        for index in 0..self.messages.len() {
            if self.external == 0 {
                break;
            }
            self.decode_at(index, vm);
        }
    }
    /// What is malformed leaves a hole: positions do not move.
    fn decode_at(&mut self, index: usize, vm: &Vm) -> usize {
        let Some(place) = self.messages.get_mut(index) else { return 0 };
        let Some(Slot { message: Message::External(term), .. }) = place else { return 0 };
        let (size, decoded) = (term.size(), term.decode(vm));
        self.external -= 1;
        self.words -= size.div_ceil(size_of::<Word>());
        match (decoded, place) {
            (Some(decoded), Some(slot)) => {
                self.words += decoded.words();
                slot.message = Message::Owned(decoded);
            }
            (_, place) => {
                *place = None;
                self.count -= 1;
            }
        }
        size
    }
    /// Is there a message that `receive` has not looked at?
    pub fn has_next(&self) -> bool {
        let index = (self.save - self.first) as usize;
        self.messages.iter().skip(index).any(Option::is_some)
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
    #[inline(always)]
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
            self.words -= message.words();
            match message {
                Message::Owned(owned) => {
                    heap.adopt(owned);
                }
                Message::OnHeap(_) => self.on_heap -= 1,
                // `receive` takes what it has looked at.
                Message::External(_) => self.external -= 1,
            }
            self.close_up(index);
        }
        self.save = self.first;
    }
    /// The place at this index has become a hole.
    #[inline]
    fn close_up(&mut self, index: usize) {
        if index != 0 || self.messages.len() > HOLES_KEPT {
            return self.trim();
        }
        self.messages.pop_front();
        self.first += 1;
        if let Some(None) = self.messages.front() {
            self.trim();
        }
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
        if self.messages.is_empty() && self.messages.capacity() > HOLES_KEPT {
            self.messages.shrink_to(16);
        }
        // Holes in the middle cost a step each time they are passed: close them when they are the majority.
        if self.messages.len() > HOLES_KEPT && self.messages.len() > self.count * 2 && self.markers.is_empty() {
            self.messages.retain(Option::is_some);
            self.epoch = self.epoch.wrapping_add(1) & 0xfff;
        }
    }
    /// Copies of all messages in order, on `heap`, but of those in bytes ([`Mailbox::decode_all`]).
    pub fn copies<'t>(&self, heap: &'t Heap) -> Vec<Term<'t>> {
        let words = self.iter().filter_map(Message::word);
        // SAFETY: the memory of each message lives while it is in the queue, which is borrowed.
        words.map(|word| heap.copy_in(unsafe { Term::from_raw(word) })).collect()
    }
    /// Removes the first message that `unwanted` names; used by `demonitor(Ref, [flush])`.
    pub fn remove_where(&mut self, vm: &Vm, mut unwanted: impl FnMut(Term<'_>) -> bool) -> bool {
        self.decode_all(vm);
        let mut removed = false;
        for slot in &mut self.messages {
            let Some(Slot { message, .. }) = slot else { continue };
            let Some(word) = message.word() else { continue };
            // SAFETY: the message's memory lives while it is in the queue.
            if unwanted(unsafe { Term::from_raw(word) }) {
                if let Message::OnHeap(_) = message {
                    self.on_heap -= 1;
                }
                self.words -= message.words();
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
        let words = self.messages.iter_mut().flatten().filter_map(|slot| match &mut slot.message {
            Message::OnHeap(word) => Some(word),
            Message::Owned(_) | Message::External(_) => None,
        });
        // Not further than to the last one: most stand in front of a queue that may be long.
        words.take(self.on_heap as usize)
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
        let Peek::Message(word) = main.state.messages.peek() else { panic!("the message is there") };
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

    fn process() -> ProcessMain {
        let options = HeapOptions::default();
        ProcessMain::new(options, options.min_heap_words, OwnedTerm::immediate(Word::NIL), None)
    }

    /// Small messages are copied to the heap by the first look, with the binaries that they own; what stays in the queue survives
    /// collections, and so does what was taken.
    #[test]
    fn small_messages_move_to_the_heap_when_they_are_looked_at() {
        let mut main = process();
        let bytes = [7; 1000];
        let message = |number: i64| {
            OwnedTerm::build(LiteralRange::EMPTY, |heap| {
                let list = heap.list(&[Term::small(number), heap.float(2.5)]);
                heap.tuple(&[list, heap.binary(&bytes), heap.binary(b"few bytes")])
            })
        };
        for number in 0..3 {
            main.state.messages.push(Message::Owned(message(number)));
        }
        let mut live = [Word::NIL; 2];
        for _ in 0..2 {
            let Peek::Message(_) = main.state.messages.look(&main.heap) else { panic!("the message is there") };
            main.state.messages.advance();
        }
        assert!(main.state.messages.iter().take(2).all(|message| matches!(message, Message::OnHeap(_))));
        assert!(matches!(main.state.messages.iter().last(), Some(Message::Owned(_))));
        assert_eq!(main.heap.large_binaries().len(), 2);
        main.collect(0, &mut live);
        main.state.messages.rewind();
        main.state.messages.advance();
        let Peek::Message(word) = main.state.messages.look(&main.heap) else { panic!("the message is there") };
        live[0] = word;
        main.state.messages.take(&main.heap);
        main.state.force_major = true;
        main.collect(0, &mut live);
        // SAFETY: the collections updated the root.
        let elements = unsafe { Term::from_raw(live[0]) }.as_tuple().unwrap().elements();
        assert_eq!(elements[0].as_cons().unwrap().head().as_small(), Some(1));
        assert_eq!(elements[1].as_binary().as_deref(), Some(&bytes[..]));
        assert_eq!(elements[2].as_binary().as_deref(), Some(&b"few bytes"[..]));
        assert_eq!(main.state.messages.len(), 2);
        assert_eq!(main.heap.large_binaries().len(), 2);
    }

    /// A heap without room, a large message and one far behind: they wait with their own memory.
    #[test]
    fn other_messages_keep_their_memory_until_they_are_taken() {
        let mut main = process();
        let message = |words: usize| {
            OwnedTerm::build(LiteralRange::EMPTY, |heap| heap.tuple_from(words - 1, |at| Term::small(at as i64)))
        };
        main.state.messages.push(Message::Owned(message(SMALL_WORDS_MAX + 1)));
        for _ in 0..NEAR_FRONT {
            main.state.messages.push(Message::Owned(message(SMALL_WORDS_MAX)));
        }
        while let Peek::Message(_) = main.state.messages.look(&main.heap) {
            main.state.messages.advance();
        }
        let on_heap = main.state.messages.iter().map(|message| matches!(message, Message::OnHeap(_)));
        // The block of 233 words has room for three.
        assert_eq!(on_heap.collect::<Vec<_>>(), [false, true, true, true, false, false, false, false, false]);
        let words = (NEAR_FRONT - 3) * SMALL_WORDS_MAX + SMALL_WORDS_MAX + 1;
        assert_eq!(main.state.messages.words(), words);
    }
}
