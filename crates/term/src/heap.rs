//! A process's heap: one block that heap and stack share, an old generation, and fragments.
//!
//! ```text
//!   block:  | heap, grows up -> top |  free  | stack_top <- stack, grows down |
//! ```
//!
//! Allocation is a bump of `top`. When the block is full, allocation goes on in a *fragment* and nothing moves; the next
//! collection brings fragments home. Objects that own something outside the heap (large binaries, magic references)
//! are chained through their second word, so that a collection can release what died.

use crate::binary::SharedBinary;
use crate::block::Block;
use crate::{BinaryHandle, HEAP_BINARY_BYTES_MAX, Header, Kind, OwnedTerm, Term, Word};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Words kept free between heap and stack, so that a call can always push its return address.
pub const STACK_RESERVE_WORDS: usize = 4;

/// Where literals live: pointers into this range are never copied nor traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiteralRange {
    /// First address of the range. What stands there says which literals are leaving.
    pub(crate) start: usize,
    /// Length in bytes.
    pub(crate) length: usize,
}

/// The literals that copies of terms share, at one moment: all but those that are leaving.
#[derive(Clone, Copy)]
pub(crate) struct KeptLiterals {
    range: LiteralRange,
    leaving: LiteralRange,
}

impl KeptLiterals {
    #[inline(always)]
    pub(crate) fn contains(self, pointer: *const u64) -> bool {
        self.range.contains(pointer) && !self.leaving.contains(pointer)
    }
}

impl LiteralRange {
    /// A range that holds nothing.
    pub const EMPTY: LiteralRange = LiteralRange { start: 0, length: 0 };
    /// Does the range hold this address?
    #[inline(always)]
    pub fn contains(self, pointer: *const u64) -> bool {
        (pointer as usize).wrapping_sub(self.start) < self.length
    }
    /// Which literals a copy that begins now shares. One copy must use one answer from start to end.
    #[inline(always)]
    pub(crate) fn kept(self) -> KeptLiterals {
        let mut leaving = LiteralRange::EMPTY;
        if self.length != 0 {
            // SAFETY: a range that is not empty is that of a literal area (its fields are this crate's), which outlives
            // the heaps and terms of its machine; its first word is only used like this.
            let span = unsafe { AtomicU64::from_ptr(self.start as *mut u64) }.load(Ordering::SeqCst);
            let (first, words) = ((span >> 32) as usize, (span & 0xffff_ffff) as usize);
            leaving = LiteralRange { start: self.start + first * 8, length: words * 8 };
        }
        KeptLiterals { range: self, leaving }
    }
}

/// What a magic reference refers to.
pub struct MagicObject(pub Box<dyn Any + Send + Sync>);

/// Sizes and limits of a heap, as `spawn_opt/2` sets them.
#[derive(Clone, Copy, Debug)]
pub struct HeapOptions {
    /// Lower bound of a block's size, in words, from the first collection on; usually of the first block too.
    pub min_heap_words: usize,
    /// Lower bound of the virtual heap of large binaries, in words.
    pub min_virtual_words: usize,
    /// Minor collections before a full one.
    pub fullsweep_after: u32,
    /// Where literals live.
    pub literals: LiteralRange,
}

impl Default for HeapOptions {
    fn default() -> HeapOptions {
        HeapOptions {
            min_heap_words: 233,
            min_virtual_words: 46422,
            fullsweep_after: 65535,
            literals: LiteralRange::EMPTY,
        }
    }
}

/// A process's heap and stack.
pub struct Heap {
    pub(crate) options: HeapOptions,
    pub(crate) block: Block,
    pub(crate) top: Cell<*mut u64>,
    pub(crate) stack_top: Cell<*mut u64>,
    pub(crate) high_water: *mut u64,
    pub(crate) old: Block,
    pub(crate) old_top: *mut u64,
    pub(crate) fragments: RefCell<Vec<Block>>,
    /// Words in fragments (whole blocks; for accounting and for the decision to collect).
    pub(crate) fragment_words: Cell<usize>,
    /// The unused part of the overflow fragment that allocation is going on in.
    pub(crate) overflow_top: Cell<*mut u64>,
    pub(crate) overflow_end: Cell<*mut u64>,
    /// Words of overflow fragments that were left unused.
    pub(crate) overflow_lost: Cell<usize>,
    /// Chain of objects in the young generation and fragments that own something off the heap.
    pub(crate) off_heap: Cell<*mut u64>,
    /// The same for the old generation.
    pub(crate) off_heap_old: *mut u64,
    /// Words of large binaries referred to since the last collection.
    pub(crate) virtual_words: Cell<usize>,
    pub(crate) virtual_limit: usize,
    pub(crate) minor_since_full: u32,
    pub(crate) collections: u64,
    pub(crate) next_block_words: usize,
    /// Counts of `--cfg gc_stress`, see [`Heap::stress_wants_collection`].
    #[cfg(gc_stress)]
    pub(crate) stress: Stress,
}

/// What is counted with `--cfg gc_stress`.
#[cfg(gc_stress)]
#[derive(Default)]
pub(crate) struct Stress {
    safepoints: Cell<u32>,
    since_major: usize,
}

// SAFETY: a heap owns everything that its pointers reach, apart from literals (never written) and counted objects.
unsafe impl Send for Heap {}

impl Heap {
    /// A heap whose first block has the smallest size.
    pub fn new(options: HeapOptions) -> Heap {
        Heap::with_first_block(options, options.min_heap_words)
    }
    /// A heap whose first block has `words`, which may be fewer than the smallest size: most processes wait for a message
    /// before they need more than a few words, and many never do anything else. With 0 it has no block at all, as that of
    /// a process that has ended.
    pub fn with_first_block(options: HeapOptions, words: usize) -> Heap {
        let block = if words == 0 { Block::empty() } else { Block::new(words.max(2 * STACK_RESERVE_WORDS)) };
        Heap {
            options,
            top: Cell::new(block.start),
            stack_top: Cell::new(block.end()),
            high_water: block.start,
            next_block_words: block.words,
            block,
            old: Block::empty(),
            old_top: ptr::null_mut(),
            fragments: RefCell::new(Vec::new()),
            fragment_words: Cell::new(0),
            overflow_top: Cell::new(ptr::null_mut()),
            overflow_end: Cell::new(ptr::null_mut()),
            overflow_lost: Cell::new(0),
            off_heap: Cell::new(ptr::null_mut()),
            off_heap_old: ptr::null_mut(),
            virtual_words: Cell::new(0),
            virtual_limit: options.min_virtual_words,
            minor_since_full: 0,
            collections: 0,
            #[cfg(gc_stress)]
            stress: Stress::default(),
        }
    }

    // --- for the engine: registers it caches -------------------------------------------------------------------

    /// First free word.
    #[inline(always)]
    pub fn top(&self) -> *mut u64 {
        self.top.get()
    }
    /// Sets the first free word.
    ///
    /// # Safety
    /// `top` lies in the block, and every word below it is part of a whole object.
    #[inline(always)]
    pub unsafe fn set_top(&self, top: *mut u64) {
        debug_assert!(top <= self.stack_top.get());
        self.top.set(top);
    }
    /// Lowest word of the stack in use.
    #[inline(always)]
    pub fn stack_top(&self) -> *mut u64 {
        self.stack_top.get()
    }
    /// Sets the lowest word of the stack in use.
    ///
    /// # Safety
    /// `stack_top` lies between `top` and the block's end, and every word from there holds a term or return address.
    #[inline(always)]
    pub unsafe fn set_stack_top(&self, stack_top: *mut u64) {
        debug_assert!(stack_top <= self.block.end() && stack_top >= self.block.start);
        self.stack_top.set(stack_top);
    }
    /// Address behind the highest word of the stack.
    #[inline(always)]
    pub fn stack_end(&self) -> *mut u64 {
        self.block.end()
    }
    /// The words of the stack, the most recent first.
    pub fn stack(&self) -> &[Word] {
        let (top, end) = (self.stack_top.get(), self.block.end());
        // SAFETY: the stack lies between these two inside the block.
        unsafe { std::slice::from_raw_parts(top.cast(), end.offset_from_unsigned(top)) }
    }
    /// Is there room in the block for `words` of heap or stack?
    #[inline(always)]
    pub fn has_room(&self, words: usize) -> bool {
        (self.stack_top.get() as usize).saturating_sub(self.top.get() as usize) >= (words + STACK_RESERVE_WORDS) * 8
    }
    /// Should the process collect at its next safepoint, because of fragments or large binaries?
    #[inline(always)]
    pub fn wants_collection(&self) -> bool {
        self.fragment_words.get() > self.block.words
            || self.virtual_words.get() > self.virtual_limit
            || self.stress_wants_collection()
    }
    /// With `--cfg gc_stress`: collect at this safepoint? At each one, as long as the stack and what is young are small.
    /// Else so often that a safepoint costs the same: a deep stack is looked through by every collection.
    #[cfg(gc_stress)]
    fn stress_wants_collection(&self) -> bool {
        const WORDS_A_SAFEPOINT: usize = 2000;
        let young = (self.top.get() as usize - self.block.start as usize) / 8;
        let words = young + self.stack_words() + self.fragment_words.get();
        let safepoints = self.stress.safepoints.get().wrapping_add(1);
        self.stress.safepoints.set(safepoints);
        safepoints as usize % (1 + words / WORDS_A_SAFEPOINT) == 0
    }
    #[cfg(not(gc_stress))]
    #[inline(always)]
    fn stress_wants_collection(&self) -> bool {
        false
    }
    /// With `--cfg gc_stress`: should this collection be a major one? Seldom when much is old, so that it costs about as
    /// much as the minor ones since the last: this many words a collection.
    #[cfg(gc_stress)]
    pub(crate) fn stress_wants_major(&mut self) -> bool {
        const WORDS_A_COLLECTION: usize = 200;
        self.stress.since_major += 1;
        let wanted = self.stress.since_major > 6 + self.old_used_words() / WORDS_A_COLLECTION;
        if wanted {
            self.stress.since_major = 0;
        }
        wanted
    }
    #[cfg(not(gc_stress))]
    pub(crate) fn stress_wants_major(&mut self) -> bool {
        false
    }

    // --- sizes ---------------------------------------------------------------------------------------------------

    /// Words of heap in use (young generation without stack, old generation, fragments).
    pub fn used_words(&self) -> usize {
        let young = (self.top.get() as usize - self.block.start as usize) / 8;
        let old = (self.old_top as usize).wrapping_sub(self.old.start as usize) / 8;
        let unused = (self.overflow_end.get() as usize - self.overflow_top.get() as usize) / 8;
        young + old + self.fragment_words.get() - unused - self.overflow_lost.get()
    }
    /// Words of all blocks.
    pub fn total_words(&self) -> usize {
        self.block.words + self.old.words + self.fragment_words.get()
    }
    /// Words of the young block, stack included (`process_info(heap_size)`).
    pub fn block_words(&self) -> usize {
        self.block.words
    }
    /// Words of the old generation's block.
    pub fn old_block_words(&self) -> usize {
        self.old.words
    }
    /// Words of large binaries that it refers to since the last collection.
    pub fn virtual_words(&self) -> usize {
        self.virtual_words.get()
    }
    /// Words of the old generation in use.
    pub fn old_used_words(&self) -> usize {
        (self.old_top as usize).wrapping_sub(self.old.start as usize) / 8
    }
    /// Words of the stack in use.
    pub fn stack_words(&self) -> usize {
        (self.block.end() as usize - self.stack_top.get() as usize) / 8
    }
    /// Minor collections since the last full one.
    pub fn minor_collections(&self) -> u32 {
        self.minor_since_full
    }
    /// The options this heap was made with.
    pub fn options(&self) -> &HeapOptions {
        &self.options
    }
    /// Changes options that take effect at the next collection.
    pub fn options_mut(&mut self) -> &mut HeapOptions {
        &mut self.options
    }
    /// Large binaries referred to, with their sizes in bytes and reference counts (`process_info(binary)`).
    pub fn large_binaries(&self) -> Vec<(usize, usize, usize)> {
        let mut found = Vec::new();
        for chain in [self.off_heap.get(), self.off_heap_old] {
            let mut object = chain;
            while !object.is_null() {
                // SAFETY: the chain runs through live objects of this heap.
                unsafe {
                    if Header(*object).is(Kind::BinaryReference) {
                        let shared = *object.add(2) as *const SharedBinary;
                        let size = SharedBinary::slice(shared).len();
                        found.push((shared as usize, size, SharedBinary::reference_count(shared)));
                    }
                    object = *object.add(1) as *mut u64;
                }
            }
        }
        found
    }

    // --- allocation ----------------------------------------------------------------------------------------------

    /// Room for `words`, uninitialised. Never collects; goes to a fragment when the block is full.
    ///
    /// The caller must fill every word before the next collection.
    #[inline]
    pub fn allocate(&self, words: usize) -> *mut u64 {
        let top = self.top.get();
        if self.has_room(words) {
            self.top.set(top.wrapping_add(words));
            return top;
        }
        self.allocate_overflow(words)
    }

    #[cold]
    fn allocate_overflow(&self, words: usize) -> *mut u64 {
        let top = self.overflow_top.get();
        if (self.overflow_end.get() as usize - top as usize) / 8 >= words {
            self.overflow_top.set(top.wrapping_add(words));
            return top;
        }
        self.close_overflow();
        let size = words.max(64).max(self.block.words / 4).max(self.fragment_words.get() / 4);
        let block = Block::new(size);
        let start = block.start;
        self.overflow_top.set(start.wrapping_add(words));
        self.overflow_end.set(block.end());
        self.fragment_words.set(self.fragment_words.get() + size);
        self.fragments.borrow_mut().push(block);
        start
    }

    /// Fills what is left of the overflow fragment, so that fragments hold whole objects only.
    pub(crate) fn close_overflow(&self) {
        let unused = (self.overflow_end.get() as usize - self.overflow_top.get() as usize) / 8;
        self.overflow_lost.set(self.overflow_lost.get() + unused);
        // SAFETY: nobody uses the words between the two, which lie in one fragment.
        unsafe { fill(self.overflow_top.get(), self.overflow_end.get()) };
        self.overflow_top.set(ptr::null_mut());
        self.overflow_end.set(ptr::null_mut());
    }

    /// A boxed object with these words after its header.
    pub(crate) fn boxed(&self, kind: Kind, words: &[u64]) -> Term<'_> {
        let object = self.allocate(words.len() + 1);
        // SAFETY: `allocate` gave room for header and words.
        unsafe {
            *object = Header::new(kind, words.len()).0;
            ptr::copy_nonoverlapping(words.as_ptr(), object.add(1), words.len());
        }
        Term::from_word(Word::from_boxed(object))
    }

    /// A boxed object of at most `words_max` words after its header: `fill` gets them all zero, and says what kind of object
    /// it is and how many words of it stay. What does not stay is free again, all of it for `None`.
    pub(crate) fn boxed_up_to(
        &self,
        words_max: usize,
        fill: impl FnOnce(&mut [u64]) -> Option<(Kind, usize)>,
    ) -> Option<Term<'_>> {
        let object = self.allocate(words_max + 1);
        // SAFETY: `allocate` gave room for header and words, which nobody else knows of.
        let words = unsafe {
            *object = Header::new(Kind::BigPositive, words_max).0;
            ptr::write_bytes(object.add(1), 0, words_max);
            std::slice::from_raw_parts_mut(object.add(1), words_max)
        };
        let filled = fill(words);
        let used = filled.map_or(0, |(_, kept)| kept.min(words_max) + 1);
        self.give_back(object.wrapping_add(used), object.wrapping_add(words_max + 1));
        let (kind, kept) = filled?;
        // SAFETY: as above; the words that stay are behind the header.
        unsafe { *object = Header::new(kind, kept.min(words_max)).0 };
        Some(Term::from_word(Word::from_boxed(object)))
    }

    /// Frees the last words of the object that was allocated last.
    fn give_back(&self, from: *mut u64, end: *mut u64) {
        if self.top.get() == end {
            self.top.set(from);
        } else if self.overflow_top.get() == end {
            self.overflow_top.set(from);
        } else {
            // SAFETY: the words belonged to an object, which goes on without them.
            unsafe { fill(from, end) };
        }
    }

    /// A boxed object whose first word after the header is `first`, the others `rest`.
    pub(crate) fn boxed_of_parts<'h>(&'h self, kind: Kind, first: Term<'h>, rest: &[Term<'h>]) -> Term<'h> {
        let object = self.allocate(rest.len() + 2);
        // SAFETY: `allocate` gave room for header, first word and the others.
        unsafe {
            *object = Header::new(kind, rest.len() + 1).0;
            *object.add(1) = first.word().0;
            ptr::copy_nonoverlapping(words_of(rest).as_ptr(), object.add(2), rest.len());
        }
        Term::from_word(Word::from_boxed(object))
    }

    /// A copy of one boxed object that owns nothing off the heap; what it refers to is shared.
    pub(crate) fn boxed_copy<'h>(&'h self, term: Term<'h>) -> Term<'h> {
        self.boxed(term.header().kind(), term.boxed_words())
    }

    /// Chains an object that owns something off the heap.
    fn chain(&self, object: *mut u64) {
        // SAFETY: `object` was just allocated with at least three words.
        unsafe { *object.add(1) = self.off_heap.get() as u64 };
        self.off_heap.set(object);
    }

    /// A cons cell.
    #[inline]
    pub fn cons<'h>(&'h self, head: Term<'h>, tail: Term<'h>) -> Term<'h> {
        let cell = self.allocate(2);
        // SAFETY: `allocate` gave room for two words.
        unsafe {
            *cell = head.word().0;
            *cell.add(1) = tail.word().0;
        }
        Term::from_word(Word::from_cons(cell))
    }
    /// A tuple of these elements.
    pub fn tuple<'h>(&'h self, elements: &[Term<'h>]) -> Term<'h> {
        self.boxed(Kind::Tuple, words_of(elements))
    }
    /// A tuple of the elements of several slices, one behind the other.
    pub fn tuple_of_parts<'h>(&'h self, parts: &[&[Term<'h>]]) -> Term<'h> {
        let arity = parts.iter().map(|part| part.len()).sum();
        let object = self.allocate(arity + 1);
        // SAFETY: `allocate` gave room for header and elements.
        unsafe {
            *object = Header::new(Kind::Tuple, arity).0;
            let mut place = object.add(1);
            for part in parts {
                ptr::copy_nonoverlapping(words_of(part).as_ptr(), place, part.len());
                place = place.add(part.len());
            }
        }
        Term::from_word(Word::from_boxed(object))
    }
    /// A tuple of `arity` elements, each made by `element` (from index 0).
    pub fn tuple_from<'h>(&'h self, arity: usize, mut element: impl FnMut(usize) -> Term<'h>) -> Term<'h> {
        let elements: Vec<Term<'h>> = (0..arity).map(&mut element).collect();
        self.tuple(&elements)
    }
    /// A proper list of these elements.
    pub fn list<'h>(&'h self, elements: &[Term<'h>]) -> Term<'h> {
        self.list_with_tail(elements, Term::NIL)
    }
    /// A list of these elements that ends in `tail`.
    pub fn list_with_tail<'h>(&'h self, elements: &[Term<'h>], tail: Term<'h>) -> Term<'h> {
        if elements.is_empty() {
            return tail;
        }
        let cells = self.allocate(elements.len() * 2);
        for (index, element) in elements.iter().enumerate() {
            // SAFETY: two words were allocated for each element.
            unsafe {
                let cell = cells.add(index * 2);
                *cell = element.word().0;
                *cell.add(1) = if index + 1 == elements.len() { tail.word().0 } else { Word::from_cons(cell.add(2)).0 };
            }
        }
        Term::from_word(Word::from_cons(cells))
    }
    /// A list of `count` elements that ends in `tail`.
    ///
    /// # Panics
    /// When there are fewer elements.
    pub fn list_of<'h>(&'h self, count: usize, elements: impl Iterator<Item = Term<'h>>, tail: Term<'h>) -> Term<'h> {
        if count == 0 {
            return tail;
        }
        let cells = self.allocate(count * 2);
        let mut written = 0;
        for element in elements.take(count) {
            // SAFETY: two words were allocated for each element.
            unsafe {
                let cell = cells.add(written * 2);
                *cell = element.word().0;
                *cell.add(1) = Word::from_cons(cell.add(2)).0;
            }
            written += 1;
        }
        assert!(written == count, "fewer elements than promised");
        // SAFETY: the last cell was written.
        unsafe { *cells.add(count * 2 - 1) = tail.word().0 };
        Term::from_word(Word::from_cons(cells))
    }
    /// A list of bytes as integers, in front of `tail`.
    pub fn byte_list<'h>(&'h self, bytes: &[u8], tail: Term<'h>) -> Term<'h> {
        self.list_of(bytes.len(), bytes.iter().map(|&byte| Term::small(i64::from(byte))), tail)
    }
    /// A list of the characters of `text`.
    pub fn string(&self, text: &str) -> Term<'_> {
        if text.is_ascii() {
            return self.byte_list(text.as_bytes(), Term::NIL);
        }
        let characters = text.chars().map(|character| Term::small(i64::from(character as u32)));
        self.list_of(text.chars().count(), characters, Term::NIL)
    }
    /// A float.
    pub fn float(&self, value: f64) -> Term<'_> {
        self.boxed(Kind::Float, &[value.to_bits()])
    }
    /// A binary with a copy of `bytes`.
    pub fn binary(&self, bytes: &[u8]) -> Term<'_> {
        if bytes.len() <= HEAP_BINARY_BYTES_MAX {
            return self.heap_bits(bytes, bytes.len() * 8);
        }
        self.binary_from_vec(bytes.to_vec())
    }
    /// A binary of `bytes`; large ones are not copied.
    pub fn binary_from_vec(&self, bytes: Vec<u8>) -> Term<'_> {
        let bit_size = bytes.len() * 8;
        self.bitstring_from_vec(bytes, bit_size)
    }
    /// A bitstring of the first `bit_size` bits of `bytes`; large ones are not copied.
    pub fn bitstring_from_vec(&self, bytes: Vec<u8>, bit_size: usize) -> Term<'_> {
        debug_assert!(bytes.len() == bit_size.div_ceil(8));
        if bytes.len() <= HEAP_BINARY_BYTES_MAX {
            return self.heap_bits(&bytes, bit_size);
        }
        let reference = self.binary_reference(BinaryHandle::new(bytes));
        self.sub_bits(reference, 0, bit_size)
    }
    /// A bitstring of `bit_size` bits that `fill` writes into zeroed bytes. It writes no others, and does not allocate.
    pub fn bitstring_with(&self, bit_size: usize, fill: impl FnOnce(&mut [u8])) -> Term<'_> {
        let length = bit_size.div_ceil(8);
        if length <= HEAP_BINARY_BYTES_MAX {
            let data_words = length.div_ceil(8);
            let object = self.allocate(2 + data_words);
            // SAFETY: `allocate` gave room for header, size and data; `fill` gets the data, all of it zero.
            unsafe {
                *object = Header::new(Kind::HeapBits, 1 + data_words).0;
                *object.add(1) = bit_size as u64;
                ptr::write_bytes(object.add(2), 0, data_words);
                fill(std::slice::from_raw_parts_mut(object.add(2).cast(), length));
                if bit_size % 8 != 0 {
                    *object.add(2).cast::<u8>().add(length - 1) &= 0xff << (8 - bit_size % 8);
                }
            }
            return Term::from_word(Word::from_boxed(object));
        }
        let mut bytes = vec![0; length];
        fill(&mut bytes);
        self.bitstring_from_vec(bytes, bit_size)
    }
    /// A binary that lives on the heap whatever its size (at most a few hundred bytes by convention).
    pub(crate) fn heap_bits(&self, bytes: &[u8], bit_size: usize) -> Term<'_> {
        let data_words = bytes.len().div_ceil(8);
        let object = self.allocate(2 + data_words);
        // SAFETY: `allocate` gave room for header, size and data; the last data word is cleared before the bytes go in.
        unsafe {
            *object = Header::new(Kind::HeapBits, 1 + data_words).0;
            *object.add(1) = bit_size as u64;
            if data_words != 0 {
                *object.add(1 + data_words) = 0;
            }
            let data = object.add(2).cast::<u8>();
            ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len());
            if bit_size % 8 != 0 {
                *data.add(bytes.len() - 1) &= 0xff << (8 - bit_size % 8);
            }
        }
        Term::from_word(Word::from_boxed(object))
    }
    pub(crate) fn binary_reference(&self, handle: BinaryHandle) -> Word {
        let words = handle.as_slice().len().div_ceil(8);
        self.virtual_words.set(self.virtual_words.get() + words);
        let object = self.allocate(3);
        // SAFETY: `allocate` gave room for three words; `chain` fills the second.
        unsafe {
            *object = Header::new(Kind::BinaryReference, 2).0;
            *object.add(2) = handle.into_raw() as u64;
        }
        self.chain(object);
        Word::from_boxed(object)
    }
    pub(crate) fn sub_bits(&self, reference: Word, bit_offset: usize, bit_size: usize) -> Term<'_> {
        self.boxed(Kind::SubBits, &[reference.0, bit_offset as u64, bit_size as u64])
    }
    /// A reference made of these two numbers.
    pub fn reference(&self, number: [u64; 2]) -> Term<'_> {
        self.boxed(Kind::Reference, &number)
    }
    /// A reference that is also an alias of the local process `pid`.
    pub fn alias_reference(&self, number: [u64; 2], pid: crate::Pid) -> Term<'_> {
        self.boxed(Kind::Reference, &[number[0], number[1], Term::pid(pid).word().0])
    }
    /// A reference that keeps `object` alive.
    pub fn magic_reference(&self, number: [u64; 2], object: Arc<MagicObject>) -> Term<'_> {
        let cell = self.allocate(5);
        // SAFETY: `allocate` gave room for five words; `chain` fills the second.
        unsafe {
            *cell = Header::new(Kind::MagicReference, 4).0;
            *cell.add(2) = Arc::into_raw(object) as u64;
            *cell.add(3) = number[0];
            *cell.add(4) = number[1];
        }
        self.chain(cell);
        Term::from_word(Word::from_boxed(cell))
    }
    /// A pid of another node, or of another incarnation of this one.
    pub fn external_pid(&self, node: crate::Atom, creation: u32, number: u32, serial: u32) -> Term<'_> {
        self.boxed(
            Kind::ExternalPid,
            &[Word::atom(node).0, creation.into(), u64::from(number) | u64::from(serial) << 32],
        )
    }
    /// A port of another node.
    pub fn external_port(&self, node: crate::Atom, creation: u32, number: u64) -> Term<'_> {
        self.boxed(Kind::ExternalPort, &[Word::atom(node).0, creation.into(), number])
    }
    /// A reference of another node, from its 32-bit numbers (at most 5, the first the least significant).
    pub fn external_reference(&self, node: crate::Atom, creation: u32, ids: &[u32]) -> Term<'_> {
        let mut words = vec![Word::atom(node).0, u64::from(creation) | (ids.len() as u64) << 32];
        words.extend(ids.chunks(2).map(|pair| u64::from(pair[0]) | u64::from(pair.get(1).copied().unwrap_or(0)) << 32));
        self.boxed(Kind::ExternalReference, &words)
    }
    /// A local fun with this environment.
    ///
    /// # Safety
    /// `entry` outlives the heap (the machine owns it).
    pub unsafe fn fun<'h>(&'h self, entry: *const crate::FunEntry, environment: &[Term<'h>]) -> Term<'h> {
        let object = self.allocate(2 + environment.len());
        // SAFETY: `allocate` gave room for header, entry and environment.
        unsafe {
            *object = Header::new(Kind::Fun, 1 + environment.len()).0;
            *object.add(1) = entry as u64;
            ptr::copy_nonoverlapping(words_of(environment).as_ptr(), object.add(2), environment.len());
        }
        Term::from_word(Word::from_boxed(object))
    }
    /// An external fun. Exports live as long as the machine, hence longer than any heap.
    pub fn external_fun(&self, export: &'static crate::Export) -> Term<'_> {
        self.boxed(Kind::ExternalFun, &[ptr::from_ref(export) as u64])
    }
    /// A flat map of a keys tuple (in the order of flat maps, see `map.rs`) and its values.
    pub(crate) fn flat_map<'h>(&'h self, keys: Term<'h>, values: &[Term<'h>]) -> Term<'h> {
        self.boxed_of_parts(Kind::FlatMap, keys, values)
    }

    // --- fragments -----------------------------------------------------------------------------------------------

    /// Takes over a term built outside: its block becomes a fragment of this heap, without copying.
    pub fn adopt(&self, owned: OwnedTerm) -> Term<'_> {
        let (root, block, chain, virtual_words) = owned.into_parts();
        if block.words != 0 {
            // SAFETY: what stood in front of the term's own words is not needed any more.
            unsafe { fill(block.start, block.start.wrapping_add(crate::copy::PREFIX_WORDS)) };
            self.fragment_words.set(self.fragment_words.get() + block.words);
            self.virtual_words.set(self.virtual_words.get() + virtual_words);
            self.link_chain(chain);
            self.fragments.borrow_mut().push(block);
        }
        Term::from_word(root)
    }
    /// Takes over all objects of another heap, where they are: its blocks become fragments of this one. Its stack is
    /// gone. The objects may refer to this heap, and the caller's terms of the other one stay valid.
    pub fn absorb(&self, mut other: Heap) {
        self.link_chain(other.off_heap.replace(ptr::null_mut()));
        self.link_chain(std::mem::replace(&mut other.off_heap_old, ptr::null_mut()));
        self.virtual_words.set(self.virtual_words.get() + other.virtual_words.get());
        other.close_overflow();
        let mut blocks = std::mem::take(other.fragments.get_mut());
        if other.top.get() != other.block.start {
            // SAFETY: the words between top and end are free, or its stack, which is gone.
            unsafe { fill(other.top.get(), other.block.end()) };
            blocks.push(std::mem::replace(&mut other.block, Block::empty()));
        }
        let old = std::mem::replace(&mut other.old, Block::empty());
        // SAFETY: the words between these two are free.
        unsafe { fill(other.old_top, old.end()) };
        blocks.push(old);
        for block in blocks.into_iter().filter(|block| block.words != 0) {
            self.fragment_words.set(self.fragment_words.get() + block.words);
            self.fragments.borrow_mut().push(block);
        }
    }
    /// Puts a chain of off-heap objects in front of this heap's.
    pub(crate) fn link_chain(&self, chain: *mut u64) {
        self.off_heap.set(join_chains(chain, self.off_heap.get()));
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        release_chain(self.off_heap.get());
        release_chain(self.off_heap_old);
    }
}

/// One chain of off-heap objects behind the other.
pub(crate) fn join_chains(first: *mut u64, second: *mut u64) -> *mut u64 {
    if first.is_null() {
        return second;
    }
    let mut last = first;
    // SAFETY: the chain runs through objects that are still in memory, each with a link as its second word.
    unsafe {
        while *last.add(1) != 0 {
            last = *last.add(1) as *mut u64;
        }
        *last.add(1) = second as u64;
    }
    first
}

/// Fills unused words with something that is an object by itself.
///
/// # Safety
/// The words from `from` to `end` may be written and belong to no object.
pub(crate) unsafe fn fill(from: *mut u64, end: *mut u64) {
    let words = (end as usize).saturating_sub(from as usize) / 8;
    for index in 0..words {
        // SAFETY: by the caller's promise.
        unsafe { *from.add(index) = Word::NIL.0 };
    }
}

/// Releases what the objects of a chain own off the heap.
pub(crate) fn release_chain(mut object: *mut u64) {
    while !object.is_null() {
        // SAFETY: the chain runs through objects that are still in memory, each released once.
        unsafe {
            let next = *object.add(1) as *mut u64;
            release_off_heap(object);
            object = next;
        }
    }
}

/// Releases what one object owns off the heap.
///
/// # Safety
/// `object` is a whole binary reference or magic reference that nobody will use or release again.
pub(crate) unsafe fn release_off_heap(object: *mut u64) {
    // SAFETY: by the caller's promise, the third word owns one reference.
    unsafe {
        let pointer = *object.add(2);
        match Header(*object).kind() {
            Kind::BinaryReference => drop(BinaryHandle::from_raw(pointer as *const SharedBinary)),
            Kind::MagicReference => drop(Arc::from_raw(pointer as *const MagicObject)),
            other => unreachable!("{other:?} in an off-heap chain"),
        }
    }
}

/// The raw words of terms.
pub(crate) fn words_of<'a>(terms: &'a [Term<'_>]) -> &'a [u64] {
    // SAFETY: `Term` is a transparent wrapper of a word.
    unsafe { std::slice::from_raw_parts(terms.as_ptr().cast(), terms.len()) }
}
