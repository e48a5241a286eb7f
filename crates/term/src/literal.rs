//! Where literals live: one range of addresses, given out in blocks: one for each version of a module's code and for each
//! persistent term.
//!
//! Reserving the whole range at once makes "is it a literal?" a single comparison. Pages that were never written take
//! no memory.
//!
//! A block that is dropped *retires*: terms anywhere may still refer to its literals. Retired blocks are released one after
//! the other:
//!
//! ```text
//!   retired --leave_next--> leaving --have_left, release--> free
//! ```
//!
//! While a block is leaving, its literals are no literals to those who copy terms: they are copied like everything else,
//! so nobody passes them on. Meanwhile each process takes those that it refers to onto its own heap
//! ([`crate::Heap::take_in`]). When all have done so the block is free.

use crate::block::Block;
use crate::copy::{Copier, duplicate_objects};
use crate::heap::{LiteralRange, join_chains, release_chain};
use crate::{Term, Word};
use parking_lot::Mutex;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::{BTreeMap, VecDeque};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes reserved for literals (OTP's default for its literal allocator).
const LITERAL_AREA_BYTES: usize = if cfg!(miri) { 1 << 20 } else { 1 << 30 };
const LITERAL_AREA_WORDS: usize = LITERAL_AREA_BYTES / 8;

/// The literals of one machine.
pub struct LiteralArea(Arc<Area>);

struct Area {
    /// The first word says which literals are leaving, see [`LiteralRange::kept`].
    start: *mut u64,
    state: Mutex<State>,
}

struct State {
    /// Free runs of words: first word, length.
    free: BTreeMap<usize, usize>,
    used_words: usize,
    retired: VecDeque<Retired>,
}

/// A run of literals that nobody stores into any more.
struct Retired {
    first: usize,
    words: usize,
    off_heap: *mut u64,
}

/// Neighbours that have retired leave together, up to so many words.
const TOGETHER_WORDS_MAX: usize = 1 << 22;

impl State {
    /// Adds to what has retired. Blocks are released one at a time, and what waits for that must not pile up.
    fn retire(&mut self, new: Retired) {
        let neighbour = self.retired.iter_mut().find(|old| {
            let touches = old.first + old.words == new.first || new.first + new.words == old.first;
            touches && old.words + new.words <= TOGETHER_WORDS_MAX
        });
        match neighbour {
            None => self.retired.push_back(new),
            Some(old) => {
                old.first = old.first.min(new.first);
                old.words += new.words;
                old.off_heap = join_chains(new.off_heap, old.off_heap);
            }
        }
    }
}

// SAFETY: the area is only written where its block has room, and only where no term points yet.
unsafe impl Send for Area {}
// SAFETY: as above; the lists are behind a lock.
unsafe impl Sync for Area {}

/// Literals that live and retire together.
pub struct LiteralBlock {
    area: Arc<Area>,
    first: usize,
    capacity: usize,
    used: usize,
    off_heap: *mut u64,
}

// SAFETY: only the block's owner writes to it, and what it holds is owned by the area.
unsafe impl Send for LiteralBlock {}
// SAFETY: shared access writes nothing.
unsafe impl Sync for LiteralBlock {}

/// Literals that are leaving.
pub struct LeavingLiterals {
    area: Arc<Area>,
    retired: Retired,
}

// SAFETY: what it refers to is not written while it lives.
unsafe impl Send for LeavingLiterals {}
// SAFETY: as above.
unsafe impl Sync for LeavingLiterals {}

impl LiteralArea {
    /// An empty area.
    pub fn new() -> LiteralArea {
        // SAFETY: the layout is not empty.
        let start = unsafe { alloc_zeroed(Area::layout()) }.cast::<u64>();
        if start.is_null() {
            handle_alloc_error(Area::layout());
        }
        let free = BTreeMap::from([(1, LITERAL_AREA_WORDS - 1)]);
        LiteralArea(Arc::new(Area {
            start,
            state: Mutex::new(State { free, used_words: 0, retired: VecDeque::new() }),
        }))
    }
    /// The range of addresses.
    pub fn range(&self) -> LiteralRange {
        LiteralRange { start: self.0.start as usize, length: LITERAL_AREA_BYTES }
    }
    /// Words in use, retired ones included.
    pub fn used_words(&self) -> usize {
        self.0.state.lock().used_words
    }
    /// A block with room for `words`; `None` when the area is full.
    pub fn block(&self, words: usize) -> Option<LiteralBlock> {
        let first = self.0.take(words)?;
        let area = self.0.clone();
        Some(LiteralBlock { area, first, capacity: words, used: 0, off_heap: ptr::null_mut() })
    }
    /// A block with copies of these terms, and where they are.
    pub fn store(&self, terms: &[Term<'_>]) -> Option<(LiteralBlock, Vec<Word>)> {
        let words = terms.iter().map(|term| crate::size_in_words_shared(*term, LiteralRange::EMPTY)).sum();
        let mut block = self.block(words)?;
        let stored = terms.iter().map(|term| block.store_shared(*term)).collect::<Option<Vec<Word>>>()?;
        Some((block, stored))
    }
    /// Are there retired blocks?
    pub fn has_retired(&self) -> bool {
        !self.0.state.lock().retired.is_empty()
    }
    /// The next retired block begins to leave.
    ///
    /// # Panics
    /// When another one is leaving.
    pub fn leave_next(&self) -> Option<LeavingLiterals> {
        let retired = self.0.state.lock().retired.pop_front()?;
        let span = (retired.first as u64) << 32 | retired.words as u64;
        let before = self.0.leaving().swap(span, Ordering::SeqCst);
        assert!(before == 0, "two blocks of literals that leave at once");
        Some(LeavingLiterals { area: self.0.clone(), retired })
    }
}

impl Default for LiteralArea {
    fn default() -> LiteralArea {
        LiteralArea::new()
    }
}

impl Area {
    fn layout() -> Layout {
        Layout::from_size_align(LITERAL_AREA_BYTES, 8).expect("a constant layout")
    }
    fn leaving(&self) -> &AtomicU64 {
        // SAFETY: the first word is used for nothing else, and lives as long as the area.
        unsafe { AtomicU64::from_ptr(self.start) }
    }
    fn take(&self, words: usize) -> Option<usize> {
        if words == 0 {
            return Some(1);
        }
        let mut state = self.state.lock();
        let (&first, &length) = state.free.iter().find(|(_, length)| **length >= words)?;
        state.free.remove(&first);
        if length > words {
            state.free.insert(first + words, length - words);
        }
        state.used_words += words;
        Some(first)
    }
    fn give_back(&self, mut first: usize, mut words: usize) {
        if words == 0 {
            return;
        }
        let mut state = self.state.lock();
        state.used_words -= words;
        if let Some((&before, &length)) = state.free.range(..first).next_back()
            && before + length == first
        {
            state.free.remove(&before);
            (first, words) = (before, words + length);
        }
        if let Some(length) = state.free.remove(&(first + words)) {
            words += length;
        }
        state.free.insert(first, words);
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        for retired in &self.state.get_mut().retired {
            release_chain(retired.off_heap);
        }
        // SAFETY: allocated by `new` with the same layout.
        unsafe { dealloc(self.start.cast(), Area::layout()) };
    }
}

impl LiteralBlock {
    /// Stores a copy of `term`, with everything that it refers to; `None` when the block has no room for it.
    pub fn store(&mut self, term: Term<'_>) -> Option<Word> {
        self.store_by(term, crate::size_in_words(term, LiteralRange::EMPTY), false)
    }
    /// As [`LiteralBlock::store`]; what is referred to several times is stored once.
    fn store_shared(&mut self, term: Term<'_>) -> Option<Word> {
        self.store_by(term, crate::size_in_words_shared(term, LiteralRange::EMPTY), true)
    }
    fn store_by(&mut self, term: Term<'_>, words: usize, shared: bool) -> Option<Word> {
        if words > self.capacity - self.used {
            return None;
        }
        let start = self.area.start.wrapping_add(self.first + self.used);
        let mut copier = Copier::new(start, self.off_heap, LiteralRange::EMPTY.kept());
        // SAFETY: there is room for the copy at `start`, which nobody uses yet.
        let root =
            unsafe { if shared { copier.copy_shared(term.word(), start) } else { copier.copy(term.word(), start) } };
        self.used += words;
        self.off_heap = copier.off_heap;
        Some(root)
    }
    /// Gives back the room that is left.
    pub fn finish(&mut self) {
        let left = self.capacity - self.used;
        self.capacity = self.used;
        self.area.give_back(self.first + self.used, left);
    }
    /// Words in use.
    pub fn words(&self) -> usize {
        self.used
    }
}

impl Drop for LiteralBlock {
    fn drop(&mut self) {
        self.finish();
        if self.used != 0 {
            let retired = Retired { first: self.first, words: self.used, off_heap: self.off_heap };
            self.area.state.lock().retire(retired);
        }
    }
}

impl LeavingLiterals {
    pub(crate) fn contains(&self, pointer: *const u64) -> bool {
        (pointer as usize).wrapping_sub(self.start() as usize) < self.retired.words * 8
    }
    pub(crate) fn start(&self) -> *mut u64 {
        self.area.start.wrapping_add(self.retired.first)
    }
    /// A copy of all of them, the chain of what they own off the heap, and the words of their large binaries.
    pub(crate) fn duplicate(&self) -> (Block, *mut u64, usize) {
        let block = Block::new(self.retired.words);
        let mut chain = ptr::null_mut();
        let from = (self.start().cast_const(), self.retired.words);
        // SAFETY: the literals are whole objects, and the block has the same size.
        let virtual_words = unsafe { duplicate_objects(from, block.start, &mut chain) };
        (block, chain, virtual_words)
    }
    /// Nobody passes them on any more, so that the next block may leave.
    pub fn have_left(&self) {
        self.area.leaving().store(0, Ordering::SeqCst);
    }
    /// Frees them, after [`LeavingLiterals::have_left`].
    ///
    /// # Safety
    /// No term anywhere refers to them.
    pub unsafe fn release(self) {
        release_chain(self.retired.off_heap);
        self.area.give_back(self.retired.first, self.retired.words);
    }
}
