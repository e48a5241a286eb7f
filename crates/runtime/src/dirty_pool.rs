//! The threads for dirty work of one kind.
//!
//! Threads are started when there is work for them, and the one that rested last is the first to work again: what it needs
//! is likely to be in its core's caches, and a machine that seldom has much to do keeps few threads.

use crate::process::Process;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) struct DirtyPool {
    queue: Mutex<DirtyQueue>,
    /// By a thread's number: what it rests on.
    wakes: Vec<Condvar>,
}

pub(crate) struct DirtyQueue {
    processes: VecDeque<Arc<Process>>,
    /// How many threads of the pool may work.
    limit: usize,
    /// How many do.
    busy: usize,
    /// How many there are.
    started: usize,
    /// Those that have nothing to do, by when they began to rest.
    resting: Vec<usize>,
}

impl DirtyPool {
    /// A pool of at most so many threads, of which so many may work.
    pub(crate) fn new(threads: usize, limit: usize) -> DirtyPool {
        let queue = DirtyQueue { processes: VecDeque::new(), limit, busy: 0, started: 0, resting: Vec::new() };
        DirtyPool { queue: Mutex::new(queue), wakes: std::iter::repeat_with(Condvar::new).take(threads).collect() }
    }
    /// How many threads there can be.
    pub(crate) fn threads(&self) -> usize {
        self.wakes.len()
    }
    /// How many processes wait for a thread.
    pub(crate) fn queue_length(&self) -> usize {
        self.queue.lock().processes.len()
    }
    /// How many threads may work, and how many do.
    pub(crate) fn load(&self) -> (usize, usize) {
        let queue = self.queue.lock();
        (queue.limit, queue.busy)
    }
    /// Sets how many threads may work.
    pub(crate) fn set_limit(&self, limit: usize) {
        self.queue.lock().limit = limit;
    }
    /// Queues a process. Gives the number of a thread that the caller must start for it, if there is one.
    #[must_use]
    pub(crate) fn enqueue(&self, process: Arc<Process>) -> Option<usize> {
        let mut queue = self.queue.lock();
        queue.processes.push_back(process);
        if let Some(number) = queue.resting.pop() {
            drop(queue);
            self.wakes[number].notify_one();
            return None;
        }
        let next = (queue.started < self.threads()).then_some(queue.started);
        queue.started += usize::from(next.is_some());
        next
    }
    /// Wakes all threads that rest.
    pub(crate) fn wake_all(&self) {
        self.queue.lock().resting.clear();
        self.wakes.iter().for_each(|wake| {
            wake.notify_one();
        });
    }
    /// The queue, for a thread of the pool.
    pub(crate) fn queue(&self) -> MutexGuard<'_, DirtyQueue> {
        self.queue.lock()
    }
    /// Lets thread `number` rest until there may be work.
    pub(crate) fn rest(&self, number: usize, queue: &mut MutexGuard<'_, DirtyQueue>) {
        queue.resting.push(number);
        self.wakes[number].wait(queue);
        queue.resting.retain(|other| *other != number);
    }
}

impl DirtyQueue {
    /// Takes the next process; the thread works from now on.
    pub(crate) fn begin(&mut self) -> Option<Arc<Process>> {
        let next = if self.busy < self.limit { self.processes.pop_front() } else { None };
        self.busy += usize::from(next.is_some());
        next
    }
    /// The thread has done its work.
    pub(crate) fn end(&mut self) {
        self.busy -= 1;
    }
}
