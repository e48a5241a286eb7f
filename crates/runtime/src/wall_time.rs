//! How long a thread had nothing to do, for `statistics(scheduler_wall_time)`.

use std::sync::atomic::{AtomicU64, Ordering};

/// The idle time of one thread, in nanoseconds of the machine's clock. Only that thread changes it.
#[derive(Default)]
#[repr(align(64))]
pub(crate) struct IdleTime {
    total: AtomicU64,
    /// Since when it is idle, plus one; 0 while it is not.
    since: AtomicU64,
}

impl IdleTime {
    /// The thread has nothing to do from now on.
    pub(crate) fn begins(&self, now: u64) {
        self.since.store(now + 1, Ordering::Relaxed);
    }
    /// The thread has something to do again.
    pub(crate) fn ends(&self, now: u64) {
        let since = self.since.load(Ordering::Relaxed);
        if since != 0 {
            let total = self.total.load(Ordering::Relaxed) + (now + 1).saturating_sub(since);
            self.total.store(total, Ordering::Relaxed);
            self.since.store(0, Ordering::Relaxed);
        }
    }
    /// Has the thread nothing to do, as far as another thread can see it?
    pub(crate) fn is_idle(&self) -> bool {
        self.since.load(Ordering::Relaxed) != 0
    }
    /// Idle time until now, as far as another thread can see it.
    pub(crate) fn until(&self, now: u64) -> u64 {
        let since = self.since.load(Ordering::Relaxed);
        let running = if since == 0 { 0 } else { (now + 1).saturating_sub(since) };
        self.total.load(Ordering::Relaxed) + running
    }
}
