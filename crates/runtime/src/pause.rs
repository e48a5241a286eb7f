//! Stopping the schedulers for a while, to look at all processes at rest.
//!
//! Whoever wants it closes the gate and wakes all schedulers; each comes to the gate after its slice and waits there.
//! When all ordinary schedulers wait, no process can begin to run: what a dirty scheduler is in the middle of goes on,
//! but none of them takes a new process. A machine that is about to end closes the gate and leaves it so.

use crate::process::Process;
use crate::sync::{AtomicUsize, Condvar, Mutex, Ordering, full_fence, wait, wait_for};
use crate::{RunStatus, Vm};
use std::time::Duration;

/// How often who waits for the schedulers looks whether the machine ends.
const PATIENCE: Duration = Duration::from_millis(20);

/// Where schedulers wait.
pub(crate) struct Gate {
    /// How many keep it closed.
    closers: AtomicUsize,
    /// How many ordinary schedulers wait.
    waiting: Mutex<usize>,
    changed: Condvar,
}

impl Gate {
    /// An open one.
    pub(crate) fn new() -> Gate {
        Gate { closers: AtomicUsize::new(0), waiting: Mutex::new(0), changed: Condvar::new() }
    }
    /// Must schedulers come and wait?
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closers.load(Ordering::SeqCst) != 0
    }
    /// Waits while the gate is closed, as one of the ordinary schedulers or as somebody that nobody waits for.
    pub(crate) fn pass(&self, ordinary: bool) {
        let mut waiting = self.waiting.lock();
        *waiting += usize::from(ordinary);
        self.changed.notify_all();
        while self.is_closed() {
            waiting = wait(&self.changed, waiting);
        }
        *waiting -= usize::from(ordinary);
    }
    /// One more keeps it closed.
    fn close(&self) {
        self.closers.fetch_add(1, Ordering::SeqCst);
        full_fence();
    }
    /// Closes it and waits until `count` ordinary schedulers stand before it; `wake_all` wakes those that sleep. False when
    /// `is_hopeless` says that they will not come. The caller opens it again in both cases.
    fn close_for_all(&self, count: usize, wake_all: impl FnOnce(), is_hopeless: impl Fn() -> bool) -> bool {
        self.close();
        wake_all();
        let mut waiting = self.waiting.lock();
        while *waiting < count {
            if is_hopeless() {
                return false;
            }
            waiting = wait_for(&self.changed, waiting, PATIENCE);
        }
        true
    }
    /// One less keeps it closed.
    fn open(&self) {
        let _waiting = self.waiting.lock();
        let fewer = |closers: usize| Some(closers.saturating_sub(1));
        let _ = self.closers.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer);
        self.changed.notify_all();
    }
    /// Lets everybody go on, whoever closed it.
    pub(crate) fn open_wide(&self) {
        let _waiting = self.waiting.lock();
        self.closers.store(0, Ordering::SeqCst);
        self.changed.notify_all();
    }
}

/// All schedulers are stopped while this lives.
pub struct Paused<'v> {
    vm: &'v Vm,
}

impl Vm {
    /// Lets no process run any more, once the slices of now are over: the machine is about to end, and only ports go on.
    pub fn stop_processes(&self) {
        self.schedulers.gate.close();
    }
    /// Stops all schedulers; nothing when the machine ends meanwhile. One thread at a time may do so, and none that
    /// is a scheduler.
    pub fn pause(&self) -> Option<Paused<'_>> {
        let schedulers = &self.schedulers;
        let paused = Paused { vm: self };
        let all = schedulers.gate.close_for_all(schedulers.count(), || schedulers.wake_all(), || self.is_halting());
        all.then_some(paused)
    }
}

impl Paused<'_> {
    /// The machine.
    pub fn vm(&self) -> &Vm {
        self.vm
    }
    /// No timer runs either while the result lives.
    pub fn hold_timers(&self) -> impl Drop + '_ {
        self.vm.timers.hold()
    }
    /// Shows a process to `look`: with its main part when nobody owns that now.
    pub(crate) fn with<R>(
        &self,
        process: &Process,
        look: impl FnOnce(RunStatus, Option<&crate::process::ProcessMain>) -> R,
    ) -> R {
        let incoming = process.incoming.freeze();
        let status = incoming.status();
        let main = match status {
            // SAFETY: a process that waits or is queued has no owner, and cannot get one: the queue is locked, and no
            // scheduler takes processes while the gate is closed, which it is as long as `self` lives.
            RunStatus::Waiting | RunStatus::Queued => Some(&*unsafe { process.main() }),
            RunStatus::Running | RunStatus::Dirty | RunStatus::Dead => None,
        };
        look(status, main)
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        self.vm.schedulers.gate.open();
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::Priority;
    use crate::run_queue::{RunQueues, Turn};
    use loom::sync::Arc;
    use loom::thread;

    /// A scheduler with its queue, as in `scheduler.rs`, and how many processes run at the moment.
    struct Machine {
        gate: Gate,
        queues: RunQueues<usize>,
        running: AtomicUsize,
        done: AtomicUsize,
    }

    impl Machine {
        fn new() -> Arc<Machine> {
            Arc::new(Machine {
                gate: Gate::new(),
                queues: RunQueues::new(1),
                running: AtomicUsize::new(0),
                done: AtomicUsize::new(0),
            })
        }
        /// Works until so much is done. A wake-up that is lost is a deadlock, which loom reports.
        fn run(&self, jobs: usize) {
            while self.done.load(Ordering::SeqCst) < jobs {
                if self.gate.is_closed() {
                    self.gate.pass(true);
                // SAFETY: the caller is the scheduler.
                } else if unsafe { self.queues.take(0, 0) }.is_some() {
                    self.running.fetch_add(1, Ordering::SeqCst);
                    self.running.fetch_sub(1, Ordering::SeqCst);
                    self.done.fetch_add(1, Ordering::SeqCst);
                } else {
                    self.queues.sleep(0, || self.gate.is_closed());
                }
            }
        }
    }

    fn bounded() -> loom::model::Builder {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder
    }

    /// While the gate is closed nothing runs, whether the scheduler slept, worked or was between the two; afterwards it
    /// goes on.
    #[test]
    fn nothing_runs_behind_a_closed_gate() {
        bounded().check(|| {
            let machine = Machine::new();
            let scheduler = {
                let machine = machine.clone();
                thread::spawn(move || machine.run(1))
            };
            assert!(machine.gate.close_for_all(1, || machine.queues.wake_all(), || false));
            assert_eq!(machine.running.load(Ordering::SeqCst), 0);
            machine.queues.enqueue(0, false, Turn::Before(Priority::Normal), 7);
            assert_eq!(machine.done.load(Ordering::SeqCst), 0, "a process ran behind a closed gate");
            machine.gate.open();
            scheduler.join().unwrap();
        });
    }

    /// Closed again at once after it was opened: who still stands there counts for the second time as well, or comes
    /// back, and is let go in the end.
    #[test]
    fn it_may_be_closed_again_at_once() {
        bounded().check(|| {
            let machine = Machine::new();
            let scheduler = {
                let machine = machine.clone();
                thread::spawn(move || machine.run(1))
            };
            for _ in 0..2 {
                assert!(machine.gate.close_for_all(1, || machine.queues.wake_all(), || false));
                assert_eq!(machine.running.load(Ordering::SeqCst), 0);
                machine.gate.open();
            }
            machine.queues.enqueue(0, false, Turn::Before(Priority::Normal), 7);
            scheduler.join().unwrap();
        });
    }
}
