//! Which schedulers may work: `schedulers_online`, and blocking all but one.
//!
//! Schedulers are numbered from 0, and those below a limit may work. One that is not allowed any more comes here after its
//! slice, hands what stands in its queue to others and waits. Whoever queues something looks at the limit again *afterwards*: if
//! it went down meanwhile, and the queue was emptied before, the waiting scheduler is asked to empty it once more. The limit and
//! the lengths of queues have one order (`SeqCst`), so one of the two sees the other, and nothing lies in a queue that nobody
//! serves.

use crate::sync::{AtomicUsize, Condvar, Mutex, Ordering, full_fence, wait};

/// The limit, and those above it.
pub(crate) struct Online {
    limit: AtomicUsize,
    /// How many wait here.
    suspended: Mutex<usize>,
    changed: Condvar,
}

impl Online {
    /// All of `count` schedulers may work.
    pub(crate) fn new(count: usize) -> Online {
        Online { limit: AtomicUsize::new(count), suspended: Mutex::new(0), changed: Condvar::new() }
    }
    /// How many may work.
    #[inline]
    pub(crate) fn limit(&self) -> usize {
        self.limit.load(Ordering::Acquire)
    }
    /// Something was queued for scheduler `number`, which might not work any more: then it is asked to look at its queue.
    pub(crate) fn check(&self, number: usize) {
        full_fence();
        if number >= self.limit.load(Ordering::SeqCst) {
            self.wake();
        }
    }
    /// From now on the first `limit` may work; the others come here after their slices.
    pub(crate) fn set_limit(&self, limit: usize) {
        let _suspended = self.suspended.lock();
        self.limit.store(limit, Ordering::SeqCst);
        self.changed.notify_all();
    }
    /// Lets all that wait here look again whether they may go, and at their queues.
    pub(crate) fn wake(&self) {
        let _suspended = self.suspended.lock();
        self.changed.notify_all();
    }
    /// How many wait here.
    pub(crate) fn suspended(&self) -> usize {
        *self.suspended.lock()
    }
    /// Scheduler `number`, which may not work, waits here until it may or must go: `must_go` says so. `has_work` says whether
    /// something stands in its queue, which `hand_over` empties; `is_settled` is called when it waits.
    pub(crate) fn suspend(
        &self,
        number: usize,
        must_go: impl Fn() -> bool,
        has_work: impl Fn() -> bool,
        hand_over: impl Fn(),
        is_settled: impl Fn(),
    ) {
        let mut told = false;
        let mut suspended = self.suspended.lock();
        *suspended += 1;
        while number >= self.limit() && !must_go() {
            full_fence();
            if has_work() {
                drop(suspended);
                hand_over();
                suspended = self.suspended.lock();
            } else if !told {
                told = true;
                drop(suspended);
                is_settled();
                suspended = self.suspended.lock();
            } else {
                suspended = wait(&self.changed, suspended);
            }
        }
        *suspended -= 1;
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::Priority;
    use crate::run_queue::{RunQueues, Turn};
    use loom::sync::Arc;
    use loom::thread;

    /// The second of two schedulers is told to stop while somebody queues a job for the last one that may work. What is
    /// queued for the first counts as done at once. A job that stays in the queue of the second is a deadlock, which loom
    /// reports.
    struct Machine {
        online: Online,
        queues: RunQueues<usize>,
        done: AtomicUsize,
    }

    impl Machine {
        fn enqueue(&self, job: usize) {
            let home = self.online.limit() - 1;
            if home == 0 {
                self.done.fetch_add(1, Ordering::SeqCst);
                self.online.wake();
                return;
            }
            self.queues.enqueue(home, false, Turn::Before(Priority::Normal), job);
            self.online.check(home);
        }
    }

    #[test]
    fn no_job_stays_with_who_may_not_work() {
        loom::model(|| {
            let machine =
                Arc::new(Machine { online: Online::new(2), queues: RunQueues::new(2), done: AtomicUsize::new(0) });
            let sender = {
                let machine = machine.clone();
                thread::spawn(move || machine.enqueue(7))
            };
            machine.online.set_limit(1);
            machine.online.suspend(
                1,
                || machine.done.load(Ordering::SeqCst) == 1,
                || machine.queues.lengths()[1] != 0,
                // SAFETY: this thread is that scheduler.
                || unsafe { machine.queues.drain(1) }.into_iter().for_each(|(_, job)| machine.enqueue(job)),
                || {},
            );
            sender.join().unwrap();
            assert_eq!(machine.online.suspended(), 0);
        });
    }

    /// Who may not work is let go when it may again.
    #[test]
    fn a_higher_limit_lets_go() {
        loom::model(|| {
            let online = Arc::new(Online::new(1));
            let setter = {
                let online = online.clone();
                thread::spawn(move || online.set_limit(2))
            };
            online.suspend(1, || false, || false, || {}, || {});
            setter.join().unwrap();
            assert_eq!((online.limit(), online.suspended()), (2, 0));
        });
    }
}
