//! Blocks: runs of words on the C heap, in which terms live.
//!
//! Most blocks are small and live shortly: messages, the first heaps of processes, the first heap after those. The C
//! library's own cache for each thread keeps seven of a size and none beyond a kilobyte, which a collection that frees the messages of a
//! slice overruns. So each thread keeps some free blocks of the usual sizes for itself ([`Cache`]).

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::UnsafeCell;
use std::ptr;

/// A run of words on the C heap.
pub(crate) struct Block {
    pub(crate) start: *mut u64,
    pub(crate) words: usize,
}

impl Block {
    pub(crate) const fn empty() -> Block {
        Block { start: ptr::null_mut(), words: 0 }
    }
    #[inline]
    pub(crate) fn new(words: usize) -> Block {
        if words == 0 {
            return Block::empty();
        }
        let start = cached(words).unwrap_or_else(|| allocate(words));
        Block { start, words }
    }
    /// Address behind the last word.
    pub(crate) fn end(&self) -> *mut u64 {
        self.start.wrapping_add(self.words)
    }
    #[inline(always)]
    pub(crate) fn contains(&self, pointer: *const u64) -> bool {
        (pointer as usize).wrapping_sub(self.start as usize) < self.words * 8
    }
}

impl Drop for Block {
    #[inline]
    fn drop(&mut self) {
        if self.words == 0 {
            return;
        }
        // The rest, which may be large and was hardly used, is left to the collector: it knows what was in use.
        #[cfg(gc_stress)]
        poison(self.start, self.words.min(64));
        if !keep(self.start, self.words) {
            free(self.start, self.words);
        }
    }
}

/// Fills memory that goes back with words that are no terms, so that whoever still looks at it is found out.
#[cfg(gc_stress)]
pub(crate) fn poison(start: *mut u64, words: usize) {
    for index in 0..words {
        // SAFETY: the caller owns that many words, and nobody uses them any more.
        unsafe { *start.add(index) = crate::word::POISON };
    }
}

#[inline(never)]
fn allocate(words: usize) -> *mut u64 {
    let layout = Layout::array::<u64>(words).expect("a heap block's size fits the address space");
    // SAFETY: the layout is not empty: blocks of no words have no memory.
    let start = unsafe { alloc(layout) }.cast::<u64>();
    if start.is_null() {
        handle_alloc_error(layout);
    }
    start
}

#[inline(never)]
fn free(start: *mut u64, words: usize) {
    // SAFETY: allocated by `allocate` (or shrunk to this size), and nobody uses it any more.
    unsafe { dealloc(start.cast(), Layout::array::<u64>(words).expect("checked when allocated")) };
}

/// Blocks up to this many words have a list for each size.
const SMALL_WORDS_MAX: usize = 32;
/// Free blocks kept of each small size.
const SMALL_KEPT: u32 = 64;
/// Sizes of young heaps that have lists too, and how many free blocks are kept of each.
const HEAPS: [(usize, u32); 6] = [(233, 32), (376, 16), (610, 8), (987, 4), (1598, 4), (2586, 2)];
const LISTS: usize = SMALL_WORDS_MAX + 1 + HEAPS.len();

/// The free blocks that a thread keeps: a list for each size, linked through their first words.
struct Cache {
    heads: [*mut u64; LISTS],
    counts: [u32; LISTS],
}

struct CacheCell(UnsafeCell<Cache>);

thread_local! {
    static CACHE: CacheCell =
        const { CacheCell(UnsafeCell::new(Cache { heads: [ptr::null_mut(); LISTS], counts: [0; LISTS] })) };
}

/// The list of blocks of this size, and how long it may be.
#[inline(always)]
fn list_of(words: usize) -> Option<(usize, u32)> {
    if words <= SMALL_WORDS_MAX {
        return Some((words, SMALL_KEPT));
    }
    let at = HEAPS.iter().position(|(size, _)| *size == words)?;
    Some((SMALL_WORDS_MAX + 1 + at, HEAPS[at].1))
}

/// A block that this thread kept.
#[inline]
fn cached(words: usize) -> Option<*mut u64> {
    let (list, _) = list_of(words)?;
    let take = |cell: &CacheCell| {
        // SAFETY: the cache belongs to this thread, and nothing is called while the reference lives.
        let cache = unsafe { &mut *cell.0.get() };
        let block = cache.heads[list];
        if block.is_null() {
            return None;
        }
        cache.counts[list] -= 1;
        // SAFETY: a block in a list is free, and its first word is the next one's address (`keep`).
        cache.heads[list] = unsafe { *block.cast() };
        Some(block)
    };
    // A thread that ends has no cache any more.
    CACHE.try_with(take).ok().flatten()
}

/// Keeps a free block for this thread; false when it has enough of that size.
#[inline]
fn keep(start: *mut u64, words: usize) -> bool {
    let Some((list, most)) = list_of(words) else { return false };
    let put = |cell: &CacheCell| {
        // SAFETY: as in `cached`.
        let cache = unsafe { &mut *cell.0.get() };
        if cache.counts[list] >= most {
            return false;
        }
        cache.counts[list] += 1;
        // SAFETY: the block has at least one word, and nobody uses it any more.
        unsafe { *start.cast() = cache.heads[list] };
        cache.heads[list] = start;
        true
    };
    CACHE.try_with(put).unwrap_or(false)
}

impl Drop for CacheCell {
    fn drop(&mut self) {
        let cache = self.0.get_mut();
        let heaps = HEAPS.iter().map(|(words, _)| *words);
        for (list, words) in (0..=SMALL_WORDS_MAX).chain(heaps).enumerate() {
            let mut block = std::mem::replace(&mut cache.heads[list], ptr::null_mut());
            while !block.is_null() {
                // SAFETY: as in `cached`.
                let next = unsafe { *block.cast() };
                free(block, words);
                block = next;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_blocks_are_used_again_and_not_without_end() {
        for words in [1, 2, SMALL_WORDS_MAX, SMALL_WORDS_MAX + 1, 233, 234, 610] {
            let blocks: Vec<Block> = (0..100).map(|_| Block::new(words)).collect();
            for (number, block) in blocks.iter().enumerate() {
                // SAFETY: the blocks are this test's own, and of at least one word.
                unsafe { *block.end().sub(1) = number as u64 };
            }
            // SAFETY: as above.
            assert!(blocks.iter().enumerate().all(|(number, block)| unsafe { *block.end().sub(1) } == number as u64));
            let last = blocks.last().map(|block| block.start);
            drop(blocks);
            let kept = list_of(words).map_or(0, |(list, most)| {
                let count = CACHE.with(|cell| {
                    // SAFETY: nothing else uses this thread's cache now.
                    unsafe { &*cell.0.get() }.counts[list]
                });
                assert_eq!(count, most.min(100));
                count
            });
            let again: Vec<Block> = (0..kept).map(|_| Block::new(words)).collect();
            assert!(kept == 0 || last.is_some());
            drop(again);
        }
        // What a thread keeps goes with it.
        std::thread::spawn(|| drop(Block::new(5))).join().expect("the thread ends well");
    }
}
