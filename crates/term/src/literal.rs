//! Where literals live: one range of addresses, filled from the start.
//!
//! Reserving the whole range at once makes "is it a literal?" a single comparison. Pages that were never written take
//! no memory.

use crate::copy::Copier;
use crate::heap::release_chain;
use crate::{LiteralRange, Term, Word};
use parking_lot::Mutex;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};

/// Bytes reserved for literals (OTP's default for its literal allocator).
const LITERAL_AREA_BYTES: usize = if cfg!(miri) { 1 << 20 } else { 1 << 30 };

/// The literals of one machine.
pub struct LiteralArea {
    start: *mut u64,
    state: Mutex<State>,
}

struct State {
    used_words: usize,
    off_heap: *mut u64,
}

// SAFETY: the area is only written under the lock, and only where no term points yet.
unsafe impl Send for LiteralArea {}
// SAFETY: as above.
unsafe impl Sync for LiteralArea {}

impl LiteralArea {
    /// An empty area.
    pub fn new() -> LiteralArea {
        let layout = Self::layout();
        // SAFETY: the layout is not empty.
        let start = unsafe { alloc_zeroed(layout) }.cast::<u64>();
        if start.is_null() {
            handle_alloc_error(layout);
        }
        LiteralArea { start, state: Mutex::new(State { used_words: 0, off_heap: std::ptr::null_mut() }) }
    }
    fn layout() -> Layout {
        Layout::from_size_align(LITERAL_AREA_BYTES, 8).expect("a constant layout")
    }
    /// The range of addresses.
    pub fn range(&self) -> LiteralRange {
        LiteralRange { start: self.start as usize, length: LITERAL_AREA_BYTES }
    }
    /// Words in use.
    pub fn used_words(&self) -> usize {
        self.state.lock().used_words
    }
    /// Stores a copy of `term`; `None` when the area is full. What is a literal already stays where it is.
    pub fn store(&self, term: Term<'_>) -> Option<Word> {
        let range = self.range();
        let words = crate::copy::size_in_words(term, range);
        let mut state = self.state.lock();
        if (state.used_words + words) * 8 > LITERAL_AREA_BYTES {
            return None;
        }
        let start = self.start.wrapping_add(state.used_words);
        let mut copier = Copier::new(start, state.off_heap, range);
        // SAFETY: there is room for the copy behind `start`, which nobody uses yet.
        let root = unsafe { copier.copy(term.word(), start) };
        state.used_words += words;
        state.off_heap = copier.off_heap;
        Some(root)
    }
}

impl Default for LiteralArea {
    fn default() -> LiteralArea {
        LiteralArea::new()
    }
}

impl Drop for LiteralArea {
    fn drop(&mut self) {
        release_chain(self.state.get_mut().off_heap);
        // SAFETY: allocated by `new` with the same layout.
        unsafe { dealloc(self.start.cast(), Self::layout()) };
    }
}
