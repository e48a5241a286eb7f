//! Minor and major collection (Cheney, two generations), as OTP's `erl_gc.c` does it.
//!
//! Young objects below the high-water mark survived one collection: a minor collection moves them to the old
//! generation, and other survivors to a new block. What decides whether an object moves is where it lies: in the
//! block, in a fragment that the heap owns, and in a major collection in the old generation. Everything else
//! (literals, messages still in the queue) stays.
//!
//! A moved object leaves its new address behind: a boxed object in place of its header, a cons cell as
//! `[Word::NONE | new address]`.

use crate::block::Block;
use crate::heap::release_off_heap;
use crate::word::POISON;
use crate::{Header, Heap, Word};
use std::ptr;

/// Which collection took place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CollectionKind {
    /// Only the young generation.
    Minor,
    /// Everything.
    Major,
}

impl Heap {
    /// Collects, and makes room for `need` words in the block. `roots` are all words outside the stack that may hold
    /// terms of this heap; they are updated. `force_major` asks for a full sweep.
    pub fn collect(&mut self, need: usize, roots: &mut [&mut [Word]], force_major: bool) -> CollectionKind {
        self.close_overflow();
        self.overflow_lost.set(0);
        self.collections += 1;
        let force_major = force_major || self.stress_wants_major();
        let major = force_major || self.needs_major();
        let old_before = self.old_top;
        let kind = if major {
            let block = self.new_block(self.young_words() + self.old_used_words() + self.fragment_words.get(), need);
            self.major(block, need, roots)
        } else {
            self.minor(need, roots)
        };
        self.virtual_words.set(0);
        if cfg!(gc_stress) || cfg!(debug_assertions) {
            // A walk over the whole old generation each time would make work on large heaps quadratic.
            let whole = cfg!(test) || self.old_used_words() < 1000 || self.collections % 256 == 0;
            let from = if whole || old_before.is_null() { self.old.start } else { old_before };
            self.verify(roots, from);
        }
        kind
    }

    /// Right after a major collection: moves everything once more, into a block without any room, for a process that will
    /// not run soon. Whoever wants to run it must collect before, since there is no room for return addresses either.
    pub fn fit(&mut self, roots: &mut [&mut [Word]]) {
        debug_assert!(
            self.old.words == 0 && self.fragment_words.get() == 0,
            "memory is fitted after a major collection"
        );
        let block = Block::new((self.young_words() + self.stack_words()).max(1));
        self.major(block, 0, roots);
    }

    /// Must the next collection be a full sweep?
    pub fn needs_major(&self) -> bool {
        let old_room = (self.old.end() as usize).wrapping_sub(self.old_top as usize) / 8;
        self.minor_since_full >= self.options.fullsweep_after || (self.old.words != 0 && old_room < self.mature_words())
    }

    /// Words of the young generation that have survived a collection.
    pub fn recent_words(&self) -> usize {
        self.mature_words()
    }

    /// Number of collections so far.
    pub fn collections(&self) -> u64 {
        self.collections
    }

    fn mature_words(&self) -> usize {
        (self.high_water as usize - self.block.start as usize) / 8
    }

    fn young_words(&self) -> usize {
        (self.top.get() as usize - self.block.start as usize) / 8
    }

    fn minor(&mut self, need: usize, roots: &mut [&mut [Word]]) -> CollectionKind {
        let mature = self.mature_words();
        if mature > 0 && self.old.words == 0 {
            self.old = Block::new(next_heap_size(mature * 2));
            self.old_top = self.old.start;
        }
        let bound = self.young_words() - mature + self.fragment_words.get();
        let block = self.new_block(bound, need);
        let fragments = self.take_fragments();
        let mut mover = Mover {
            block: (self.block.start as usize, self.young_words() * 8),
            mature: (self.block.start as usize, mature * 8),
            old: (0, 0),
            fragments: ranges_of(&fragments),
            to: block.start,
            to_old: self.old_top,
        };
        let old_start = self.old_top;
        // SAFETY: `new_block` has room for all young survivors, the old generation for all mature ones; roots and
        // stack hold terms of this heap.
        unsafe {
            mover.move_roots(roots);
            mover.move_words(self.stack_top.get(), self.stack_words());
            let (mut scan, mut scan_old) = (block.start, old_start);
            while scan < mover.to || scan_old < mover.to_old {
                scan = mover.scan_young(scan);
                scan_old = mover.scan_old(scan_old);
            }
        }
        let (to, to_old) = (mover.to, mover.to_old);
        let old_range = (self.old.start as usize, self.old.words * 8);
        self.sweep_young_chain(old_range);
        self.old_top = to_old;
        self.install(block, to, need, CollectionKind::Minor);
        self.minor_since_full += 1;
        CollectionKind::Minor
    }

    /// Moves everything that is alive into `block`, which has room for it.
    fn major(&mut self, block: Block, need: usize, roots: &mut [&mut [Word]]) -> CollectionKind {
        let old_words = self.old_used_words();
        let fragments = self.take_fragments();
        let mut mover = Mover {
            block: (self.block.start as usize, self.young_words() * 8),
            mature: (0, 0),
            old: (self.old.start as usize, old_words * 8),
            fragments: ranges_of(&fragments),
            to: block.start,
            to_old: ptr::null_mut(),
        };
        // SAFETY: `block` has room for everything that may survive; roots and stack hold terms of this heap.
        unsafe {
            mover.move_roots(roots);
            mover.move_words(self.stack_top.get(), self.stack_words());
            let mut scan = block.start;
            while scan < mover.to {
                scan = mover.scan_young(scan);
            }
        }
        let to = mover.to;
        let chain_old = std::mem::replace(&mut self.off_heap_old, ptr::null_mut());
        let mut kept = ptr::null_mut();
        sweep_chain(self.off_heap.get(), &mut |object| chain_push(&mut kept, object));
        sweep_chain(chain_old, &mut |object| chain_push(&mut kept, object));
        self.off_heap.set(kept);
        self.install(block, to, need, CollectionKind::Major);
        self.old = Block::empty();
        self.old_top = ptr::null_mut();
        self.high_water = self.top.get();
        self.minor_since_full = 0;
        self.adjust_virtual_limit();
        CollectionKind::Major
    }

    /// A block for the survivors: `bound` words at most, the stack, `need` words more.
    fn new_block(&self, bound: usize, need: usize) -> Block {
        let least = bound + self.stack_words() + need + 2 * crate::heap::STACK_RESERVE_WORDS;
        Block::new(least.max(self.next_block_words).max(self.options.min_heap_words))
    }

    fn take_fragments(&mut self) -> Vec<Block> {
        self.fragment_words.set(0);
        std::mem::take(self.fragments.get_mut())
    }

    /// Makes `block`, filled up to `top`, the heap's block: the stack moves to its end.
    fn install(&mut self, block: Block, top: *mut u64, need: usize, kind: CollectionKind) {
        let stack_words = self.stack_words();
        let live = (top as usize - block.start as usize) / 8;
        let wanted = live + stack_words + need + 2 * crate::heap::STACK_RESERVE_WORDS;
        self.next_block_words = self.size_after(kind, block.words, wanted);
        let block = fit_block(block, self.next_block_words);
        let top = block.start.wrapping_add(live);
        let stack_top = block.end().wrapping_sub(stack_words);
        // SAFETY: the block has room for the stack behind the survivors (`new_block`, `fit_block`).
        unsafe { ptr::copy_nonoverlapping(self.stack_top.get(), stack_top, stack_words) };
        #[cfg(gc_stress)]
        self.poison_left(kind);
        self.block = block;
        self.top.set(top);
        self.high_water = top;
        self.stack_top.set(stack_top);
    }

    /// Words that the block should have after a collection that left `wanted` words in one of `words`.
    ///
    /// Shrinks when OTP does (`erl_gc.c`: `minor_collection`, `adjust_after_fullsweep`). What a minor collection leaves
    /// is often little because the rest just became old: small blocks stay, and large ones keep a size in proportion to
    /// the old generation, or else a process with much data would collect all the time.
    fn size_after(&self, kind: CollectionKind, words: usize, wanted: usize) -> usize {
        const SMALL_WORDS: usize = 3000;
        const LARGE_WORDS: usize = 8000;
        if wanted > words / 4 * 3 {
            return next_heap_size(words + 1);
        }
        if wanted * 4 >= words {
            return words;
        }
        let smaller = match kind {
            CollectionKind::Major => wanted * 2,
            CollectionKind::Minor if words > LARGE_WORDS || words > SMALL_WORDS.max(self.old.words) => {
                (wanted * 3).max(self.old_used_words() / 8)
            }
            CollectionKind::Minor => return words,
        };
        next_heap_size(smaller).max(self.options.min_heap_words).min(words)
    }

    fn adjust_virtual_limit(&mut self) {
        let mut live = 0;
        for (_, size, _) in self.large_binaries() {
            live += size / 8;
        }
        self.virtual_limit = (live * 2).max(self.options.min_virtual_words);
    }

    fn sweep_young_chain(&mut self, old_range: (usize, usize)) {
        let (mut young, mut old) = (ptr::null_mut(), self.off_heap_old);
        sweep_chain(self.off_heap.get(), &mut |object| {
            if within(object, old_range) { chain_push(&mut old, object) } else { chain_push(&mut young, object) }
        });
        self.off_heap.set(young);
        self.off_heap_old = old;
    }

    /// Checks that every pointer in the young generation, the stack and the roots, and in the old generation from
    /// `old_from`, leads to a whole object, and none from old to young. Done in debug builds.
    fn verify(&self, roots: &[&mut [Word]], old_from: *mut u64) {
        for &word in roots.iter().flat_map(|root| root.iter()).chain(self.stack()) {
            self.verify_word(word);
        }
        self.verify_area(self.block.start, self.top.get(), &|word| self.verify_word(word));
        self.verify_area(old_from, self.old_top, &|word| {
            self.verify_word(word);
            assert!(!word.is_pointer() || !self.block.contains(word.pointer()), "an old object refers to a young one");
        });
    }

    fn verify_word(&self, word: Word) {
        assert!(!word.is_header(), "a header where a term should be: {word:?}");
        assert!(word.0 != POISON, "a word of memory that was given back");
        if !word.is_pointer() {
            return;
        }
        let pointer = word.pointer();
        assert!(!pointer.is_null(), "a null pointer in a term");
        if self.block.contains(pointer) {
            assert!(pointer < self.top.get(), "a pointer into free memory");
        }
        // SAFETY: a pointer leads to an object; that is what is checked.
        let first = Word(unsafe { *pointer });
        if word.is_boxed() {
            assert!(first.is_header(), "a boxed pointer to something without a header: {word:?} to {first:?}");
        } else {
            assert!(!first.is_header() && first.0 != POISON, "a list pointer to {first:?}");
        }
    }

    fn verify_area(&self, mut scan: *mut u64, end: *mut u64, check: &dyn Fn(Word)) {
        while scan < end {
            // SAFETY: both generations hold whole objects from start to end.
            unsafe {
                let word = Word(*scan);
                if word.is_header() {
                    let header = Header(word.0);
                    let (first, last) = header.term_words();
                    for index in first..last {
                        check(Word(*scan.add(index)));
                    }
                    scan = scan.add(header.arity() + 1);
                } else {
                    check(word);
                    scan = scan.add(1);
                }
            }
        }
    }

    /// Poisons what a collection leaves: the young generation with its stack, in a major one the old generation too.
    #[cfg(gc_stress)]
    fn poison_left(&self, kind: CollectionKind) {
        crate::block::poison(self.block.start, self.young_words());
        crate::block::poison(self.stack_top.get(), self.stack_words());
        if kind == CollectionKind::Major {
            crate::block::poison(self.old.start, self.old_used_words());
        }
    }
}

/// Sizes that heaps have, as OTP's: 12, 38, then Fibonacci-like to about a million words, then a fifth more each time.
pub fn next_heap_size(words: usize) -> usize {
    let (mut smaller, mut size) = (12, 38);
    while size < words {
        if size < 833_026 {
            (smaller, size) = (size, size + smaller + 1);
        } else {
            size += size / 5;
        }
    }
    size
}

/// Gives back what a collection turned out not to need of a large block.
fn fit_block(block: Block, words: usize) -> Block {
    const LARGE_WORDS: usize = 1 << 16;
    if cfg!(miri) || block.words < LARGE_WORDS || words * 2 > block.words {
        return block;
    }
    shrink(block, words)
}

/// Shrinks a block in place; a block that would have to move stays as it is, since pointers lead into it.
fn shrink(block: Block, words: usize) -> Block {
    debug_assert!(words <= block.words);
    let old = std::mem::ManuallyDrop::new(block);
    let layout = std::alloc::Layout::array::<u64>(old.words).expect("checked when allocated");
    // SAFETY: the block was allocated with this layout, and the new size is not zero.
    let start = unsafe { std::alloc::realloc(old.start.cast(), layout, words * 8) }.cast::<u64>();
    if start.is_null() {
        return Block { start: old.start, words: old.words };
    }
    if start == old.start {
        return Block { start, words };
    }
    // The system's allocator never moves a block that shrinks; pointers into it would be lost.
    eprintln!("oxbeam: the memory allocator moved a block that it was asked to shrink");
    std::process::abort();
}

fn within(pointer: *const u64, (start, bytes): (usize, usize)) -> bool {
    (pointer as usize).wrapping_sub(start) < bytes
}

fn chain_push(chain: &mut *mut u64, object: *mut u64) {
    // SAFETY: `object` is a whole object with a link as its second word.
    unsafe { *object.add(1) = *chain as u64 };
    *chain = object;
}

/// Walks a chain after objects were moved: survivors go to `keep` at their new address, the others are released.
fn sweep_chain(mut object: *mut u64, keep: &mut dyn FnMut(*mut u64)) {
    while !object.is_null() {
        // SAFETY: the chain runs through objects of the from-space, which is still in memory; only the header of a
        // moved one was overwritten.
        unsafe {
            let next = *object.add(1) as *mut u64;
            let first = Word(*object);
            if first.is_boxed() {
                keep(first.pointer());
            } else {
                release_off_heap(object);
            }
            object = next;
        }
    }
}

fn ranges_of(fragments: &[Block]) -> Vec<(usize, usize)> {
    let mut ranges: Vec<_> = fragments.iter().map(|block| (block.start as usize, block.words * 8)).collect();
    ranges.sort_unstable();
    ranges
}

struct Mover {
    block: (usize, usize),
    mature: (usize, usize),
    old: (usize, usize),
    fragments: Vec<(usize, usize)>,
    to: *mut u64,
    to_old: *mut u64,
}

impl Mover {
    #[inline(always)]
    fn moves(&self, pointer: *const u64) -> bool {
        within(pointer, self.block)
            || within(pointer, self.old)
            || (!self.fragments.is_empty() && self.in_fragments(pointer))
    }

    fn in_fragments(&self, pointer: *const u64) -> bool {
        let index = self.fragments.partition_point(|&(start, _)| start <= pointer as usize);
        index > 0 && within(pointer, self.fragments[index - 1])
    }

    /// The word that `word` must become.
    ///
    /// # Safety
    /// `word` is a live term, or one whose object was moved already.
    #[inline(always)]
    unsafe fn moved(&mut self, word: Word) -> Word {
        if !word.is_pointer() || !self.moves(word.pointer()) {
            return word;
        }
        let source = word.pointer();
        // SAFETY: `source` is a whole object or a forwarding mark; there is room for all survivors.
        unsafe {
            let first = Word(*source);
            if word.is_cons() {
                if first == Word::NONE {
                    return Word(*source.add(1));
                }
                let target = self.room(source, 2);
                *target = first.0;
                *target.add(1) = *source.add(1);
                let moved = Word::from_cons(target);
                *source = Word::NONE.0;
                *source.add(1) = moved.0;
                return moved;
            }
            if !first.is_header() {
                debug_assert!(first.is_boxed(), "a boxed pointer to something without a header: {word:?} to {first:?}");
                return first;
            }
            let size = Header(first.0).arity() + 1;
            let target = self.room(source, size);
            ptr::copy_nonoverlapping(source, target, size);
            let moved = Word::from_boxed(target);
            *source = moved.0;
            moved
        }
    }

    #[inline(always)]
    fn room(&mut self, source: *const u64, words: usize) -> *mut u64 {
        let next = if within(source, self.mature) { &mut self.to_old } else { &mut self.to };
        let target = *next;
        *next = target.wrapping_add(words);
        target
    }

    unsafe fn move_roots(&mut self, roots: &mut [&mut [Word]]) {
        for word in roots.iter_mut().flat_map(|root| root.iter_mut()) {
            // SAFETY: roots hold terms.
            *word = unsafe { self.moved(*word) };
        }
    }

    unsafe fn move_words(&mut self, start: *mut u64, count: usize) {
        for index in 0..count {
            // SAFETY: `count` words from `start` hold terms or return addresses.
            unsafe {
                let word = start.add(index);
                *word = self.moved(Word(*word)).0;
            }
        }
    }

    unsafe fn scan_young(&mut self, mut scan: *mut u64) -> *mut u64 {
        while scan < self.to {
            // SAFETY: whole objects lie between `scan` and `to`.
            scan = unsafe { self.scan_object(scan) };
        }
        scan
    }

    unsafe fn scan_old(&mut self, mut scan: *mut u64) -> *mut u64 {
        while scan < self.to_old {
            // SAFETY: whole objects lie between `scan` and `to_old`.
            scan = unsafe { self.scan_object(scan) };
        }
        scan
    }

    #[inline(always)]
    unsafe fn scan_object(&mut self, scan: *mut u64) -> *mut u64 {
        // SAFETY: `scan` is at the start of an object, or at a word of a cons cell.
        unsafe {
            let word = Word(*scan);
            if !word.is_header() {
                *scan = self.moved(word).0;
                return scan.add(1);
            }
            let header = Header(word.0);
            let (first, end) = header.term_words();
            for index in first..end {
                let part = scan.add(index);
                *part = self.moved(Word(*part)).0;
            }
            scan.add(header.arity() + 1)
        }
    }
}
