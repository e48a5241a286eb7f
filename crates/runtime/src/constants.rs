//! Words that instructions refer to by index: literals, atoms, integers, addresses of export cells.

use parking_lot::Mutex;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The constants of one machine, in blocks: one for each version of a module's code.
///
/// The table is reserved at once and never moves, so an engine may read it without a lock.
pub struct Constants(Arc<Table>);

struct Table {
    base: *mut u64,
    /// Free runs: first index, length.
    free: Mutex<BTreeMap<usize, usize>>,
}

const CONSTANTS_MAX: usize = if cfg!(miri) { 1 << 14 } else { 1 << 25 };

// SAFETY: a constant is written once while its block lives, before its index is given to anybody.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

/// Constants that are freed together.
pub struct ConstantBlock {
    table: Arc<Table>,
    first: usize,
    count: usize,
}

impl Constants {
    pub(crate) fn new() -> Constants {
        // SAFETY: the layout is not empty.
        let base = unsafe { alloc_zeroed(Table::layout()) }.cast::<u64>();
        if base.is_null() {
            handle_alloc_error(Table::layout());
        }
        Constants(Arc::new(Table { base, free: Mutex::new(BTreeMap::from([(0, CONSTANTS_MAX)])) }))
    }
    /// Address of constant 0.
    pub fn base(&self) -> *const u64 {
        self.0.base
    }
    /// Adds constants; `None` when the table is full.
    pub fn add(&self, words: &[u64]) -> Option<ConstantBlock> {
        let mut free = self.0.free.lock();
        let (&first, &length) = free.iter().find(|(_, length)| **length >= words.len())?;
        free.remove(&first);
        if length > words.len() {
            free.insert(first + words.len(), length - words.len());
        }
        // SAFETY: these places lie within the table, and no index of them is in use.
        unsafe { std::ptr::copy_nonoverlapping(words.as_ptr(), self.0.base.add(first), words.len()) };
        Some(ConstantBlock { table: self.0.clone(), first, count: words.len() })
    }
}

impl ConstantBlock {
    /// Index of the first.
    pub fn first(&self) -> u32 {
        self.first as u32
    }
}

impl Drop for ConstantBlock {
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

impl Table {
    fn layout() -> Layout {
        Layout::array::<u64>(CONSTANTS_MAX).expect("a constant layout")
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // SAFETY: allocated by `new` with the same layout.
        unsafe { dealloc(self.base.cast(), Self::layout()) };
    }
}
