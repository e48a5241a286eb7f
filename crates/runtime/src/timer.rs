//! Timers: one thread that sleeps until the next one is due.

use crate::Vm;
use crate::clock::Clock;
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A timer, by when it is due and a number that makes it unique.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct TimerId {
    /// When it is due, in nanoseconds of the machine's clock.
    pub due: u64,
    /// Makes it unique.
    pub number: u64,
}

/// Later than any time of the clock.
const NEVER: u64 = u64::MAX;

type Action = Box<dyn FnOnce(&Arc<Vm>) + Send>;

struct Timers {
    pending: BTreeMap<TimerId, Action>,
    next_number: u64,
    /// When the thread wakes by itself: not after the first timer is due, and often before, since cancelling the first does
    /// not wake it. So time-outs that are set and cancelled over and over do not wake it at all.
    wakes_at: u64,
    stopped: bool,
}

/// The timers of one machine.
pub struct TimerService {
    timers: Mutex<Timers>,
    changed: Condvar,
    clock: Arc<Clock>,
}

impl TimerService {
    pub(crate) fn new(clock: Arc<Clock>) -> TimerService {
        let timers = Timers { pending: BTreeMap::new(), next_number: 0, wakes_at: 0, stopped: false };
        TimerService { timers: Mutex::new(timers), changed: Condvar::new(), clock }
    }
    /// Runs `action` on the timer thread when the clock reaches `due`. It must be quick.
    pub fn start(&self, due: u64, action: impl FnOnce(&Arc<Vm>) + Send + 'static) -> TimerId {
        let mut timers = self.timers.lock();
        timers.next_number += 1;
        let id = TimerId { due, number: timers.next_number };
        let earliest = due < timers.wakes_at;
        if earliest {
            timers.wakes_at = due;
        }
        timers.pending.insert(id, Box::new(action));
        drop(timers);
        if earliest {
            self.changed.notify_one();
        }
        id
    }
    /// Takes a timer back; false when it has run, is running or never was.
    pub fn cancel(&self, id: TimerId) -> bool {
        let action = self.timers.lock().pending.remove(&id);
        action.is_some()
    }
    /// The timer thread's work, until [`TimerService::stop`].
    pub(crate) fn run(&self, vm: &Arc<Vm>) {
        let mut timers = self.timers.lock();
        while !timers.stopped {
            let now = self.clock.elapsed();
            let first = timers.pending.first_key_value().map(|(id, _)| *id);
            if let Some(id) = first.filter(|id| id.due <= now) {
                if let Some(action) = timers.pending.remove(&id) {
                    parking_lot::MutexGuard::unlocked(&mut timers, || action(vm));
                }
                continue;
            }
            if timers.wakes_at <= now {
                timers.wakes_at = first.map_or(NEVER, |id| id.due);
            }
            match timers.wakes_at {
                NEVER => self.changed.wait(&mut timers),
                due => {
                    self.changed.wait_until(&mut timers, self.clock.instant(due));
                }
            }
        }
    }
    /// No timer runs, is set or taken back while the result lives.
    pub(crate) fn hold(&self) -> impl Drop + '_ {
        self.timers.lock()
    }
    pub(crate) fn stop(&self) {
        self.timers.lock().stopped = true;
        self.changed.notify_all();
    }
}
