//! Words that never move, in runs that come and go: instructions, and what instructions refer to by index.

use parking_lot::Mutex;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

/// A table of words that is reserved at once and never moves, so an engine may read it without a lock. Pages that were
/// never written take no memory.
pub struct Area<W>(Arc<Table<W>>);

struct Table<W> {
    base: *mut W,
    words: usize,
    /// Free runs: first index, length.
    free: Mutex<BTreeMap<usize, usize>>,
}

// SAFETY: the words are plain numbers. A run belongs to one owner, who writes constants before anybody knows their index,
// and instructions as atomics.
unsafe impl<W> Send for Table<W> {}
// SAFETY: as above.
unsafe impl<W> Sync for Table<W> {}

/// Words that are freed together.
pub struct Run<W> {
    table: Arc<Table<W>>,
    first: usize,
    count: usize,
}

impl<W: Copy> Area<W> {
    /// An area of so many words.
    pub(crate) fn new(words: usize) -> Area<W> {
        // SAFETY: the layout is not empty.
        let base = unsafe { alloc_zeroed(Table::<W>::layout(words)) }.cast::<W>();
        if base.is_null() {
            handle_alloc_error(Table::<W>::layout(words));
        }
        Area(Arc::new(Table { base, words, free: Mutex::new(BTreeMap::from([(0, words)])) }))
    }
    /// Address of word 0.
    pub fn base(&self) -> *const W {
        self.0.base
    }
    /// Takes a run and fills it; `None` when there is no room.
    pub fn add(&self, words: &[W]) -> Option<Run<W>> {
        let run = self.reserve(words.len())?;
        // SAFETY: these places lie within the table, and nobody knows them yet.
        unsafe { std::ptr::copy_nonoverlapping(words.as_ptr(), self.0.base.add(run.first), words.len()) };
        Some(run)
    }
    fn reserve(&self, count: usize) -> Option<Run<W>> {
        let mut free = self.0.free.lock();
        let (&first, &length) = free.iter().find(|(_, length)| **length >= count)?;
        free.remove(&first);
        if length > count {
            free.insert(first + count, length - count);
        }
        Some(Run { table: self.0.clone(), first, count })
    }
}

impl<W> Run<W> {
    /// Index of the first word.
    pub fn first(&self) -> u32 {
        self.first as u32
    }
    /// How many there are.
    pub fn count(&self) -> u32 {
        self.count as u32
    }
    /// Is this index one of them?
    pub fn holds(&self, index: u32) -> bool {
        (self.first..self.first + self.count).contains(&(index as usize))
    }
    /// Address of word 0 of the area.
    pub(crate) fn base(&self) -> *const W {
        self.table.base
    }
}

impl Run<u32> {
    /// The word at this index of the area, if it is one of these.
    pub(crate) fn word(&self, index: u32) -> Option<&AtomicU32> {
        // SAFETY: the word belongs to this run, lies in the table, and is written as an atomic only once it is known.
        self.holds(index).then(|| unsafe { AtomicU32::from_ptr(self.table.base.add(index as usize)) })
    }
}

impl<W> Drop for Run<W> {
    fn drop(&mut self) {
        let mut free = self.table.free.lock();
        let (mut first, mut count) = (self.first, self.count);
        if let Some((&before, &length)) = free.range(..first).next_back()
            && before + length == first
        {
            free.remove(&before);
            (first, count) = (before, count + length);
        }
        if let Some(length) = free.remove(&(first + count)) {
            count += length;
        }
        if count != 0 {
            free.insert(first, count);
        }
    }
}

impl<W> Table<W> {
    fn layout(words: usize) -> Layout {
        Layout::array::<W>(words).expect("the layout of an area")
    }
}

impl<W> Drop for Table<W> {
    fn drop(&mut self) {
        // SAFETY: allocated by `new` with the same layout.
        unsafe { dealloc(self.base.cast(), Self::layout(self.words)) };
    }
}

#[cfg(test)]
mod tests {
    use super::Area;

    #[test]
    fn freed_runs_become_one() {
        let area = Area::<u32>::new(64);
        let runs: Vec<_> = (0..4).map(|word| area.add(&[word; 16]).unwrap()).collect();
        assert!(area.add(&[0]).is_none());
        let firsts: Vec<u32> = runs.iter().map(super::Run::first).collect();
        assert_eq!(firsts, [0, 16, 32, 48]);
        assert!(runs[1].holds(31) && !runs[1].holds(32));
        drop(runs);
        assert_eq!(area.add(&[0; 64]).unwrap().first(), 0);
    }
}
