//! The process table: pids to processes.
//!
//! A pid's number counts up with each spawn and wraps at the table's size; its low bits choose the slot. When a
//! number comes around again its serial differs, so an old pid never finds a new process.

use crate::Process;
use oxbeam_term::Pid;
use parking_lot::Mutex;
use std::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const CHUNK_BITS: usize = 10;
const CHUNK: usize = 1 << CHUNK_BITS;

type Slots = Box<[Mutex<Option<Arc<Process>>>]>;

/// Processes that a scheduler keeps at hand.
const AT_HAND: usize = 1024;

/// Processes that one scheduler has sent something to or run last, by the low bits of their pids: one that is found here costs no
/// lock and no counting. Whoever takes one out puts it back. What has ended may stay for a while, as in anybody's hand.
pub(crate) struct ProcessesAtHand(UnsafeCell<Box<[Option<Arc<Process>>]>>);

// SAFETY: the functions that use it are called by one thread at a time, which they ask for.
unsafe impl Sync for ProcessesAtHand {}

impl ProcessesAtHand {
    pub(crate) fn new() -> ProcessesAtHand {
        ProcessesAtHand(UnsafeCell::new((0..AT_HAND).map(|_| None).collect()))
    }
    /// Takes out the process with this pid.
    ///
    /// # Safety
    /// Nobody else uses this meanwhile.
    pub(crate) unsafe fn take(&self, pid: Pid) -> Option<Arc<Process>> {
        // SAFETY: by the caller's promise; the reference ends here.
        let place = unsafe { &mut (&mut *self.0.get())[pid.number as usize % AT_HAND] };
        place.take_if(|process| process.pid() == pid)
    }
    /// Keeps a process; gives back the one that stood in its place.
    ///
    /// # Safety
    /// As for [`ProcessesAtHand::take`].
    pub(crate) unsafe fn put(&self, process: Arc<Process>) -> Option<Arc<Process>> {
        // SAFETY: as above.
        let place = unsafe { &mut (&mut *self.0.get())[process.pid().number as usize % AT_HAND] };
        place.replace(process)
    }
}

/// The processes of one machine.
pub struct ProcessTable {
    chunks: Box<[OnceLock<Slots>]>,
    limit: usize,
    next: AtomicU64,
    count: AtomicUsize,
}

impl ProcessTable {
    /// A table for at most `limit` processes, rounded up to a power of two as OTP does.
    pub fn new(limit: usize) -> ProcessTable {
        let limit = limit.clamp(1024, 1 << 27).next_power_of_two();
        ProcessTable {
            chunks: (0..limit / CHUNK).map(|_| OnceLock::new()).collect(),
            limit,
            next: AtomicU64::new(0),
            count: AtomicUsize::new(0),
        }
    }
    /// How many processes there may be.
    pub fn limit(&self) -> usize {
        self.limit
    }
    /// How many there are.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
    fn slot(&self, index: usize) -> &Mutex<Option<Arc<Process>>> {
        let chunk = self.chunks[index >> CHUNK_BITS].get_or_init(|| (0..CHUNK).map(|_| Mutex::new(None)).collect());
        &chunk[index & (CHUNK - 1)]
    }
    /// Makes a process with a free pid and enters it; `None` when the table is full.
    pub(crate) fn insert(&self, make: impl FnOnce(Pid) -> Arc<Process>) -> Option<Arc<Process>> {
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.limit {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        loop {
            let data = self.next.fetch_add(1, Ordering::Relaxed);
            let mut slot = self.slot(data as usize & (self.limit - 1)).lock();
            if slot.is_some() {
                continue;
            }
            // As in OTP the number shown has 28 bits at most and the serial the rest of the counter.
            let bits = self.limit.trailing_zeros();
            let pid =
                Pid { number: (data & (self.limit as u64 - 1)) as u32, serial: (data >> bits) as u32 & 0xfff_ffff };
            let process = make(pid);
            *slot = Some(process.clone());
            return Some(process);
        }
    }
    /// The process with this pid.
    pub fn get(&self, pid: Pid) -> Option<Arc<Process>> {
        if pid.number as usize >= self.limit {
            return None;
        }
        let chunk = self.chunks[pid.number as usize >> CHUNK_BITS].get()?;
        let slot = chunk[pid.number as usize & (CHUNK - 1)].lock();
        slot.as_ref().filter(|process| process.pid() == pid).cloned()
    }
    pub(crate) fn remove(&self, pid: Pid) {
        let mut slot = self.slot(pid.number as usize).lock();
        if slot.as_ref().is_some_and(|process| process.pid() == pid) {
            let process = slot.take();
            drop(slot);
            drop(process);
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }
    /// All pids, in order of their numbers.
    pub fn pids(&self) -> Vec<Pid> {
        let mut pids: Vec<Pid> = Vec::with_capacity(self.count());
        for chunk in self.chunks.iter().filter_map(OnceLock::get) {
            pids.extend(chunk.iter().filter_map(|slot| slot.lock().as_ref().map(|process| process.pid())));
        }
        pids
    }
}
