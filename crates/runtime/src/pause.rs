//! Stopping the schedulers for a while, to look at all processes at rest.
//!
//! Whoever wants it closes the gate and wakes all schedulers; each comes to the gate after its slice and waits there.
//! When all ordinary schedulers wait, no process can begin to run: what a dirty scheduler is in the middle of goes on,
//! but none of them takes a new process. A machine that is about to end closes the gate and leaves it so.

use crate::process::Process;
use crate::{RunStatus, Vm};
use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How often who waits for the schedulers looks whether the machine ends.
const PATIENCE: Duration = Duration::from_millis(20);

/// Where schedulers wait.
#[derive(Default)]
pub(crate) struct Gate {
    /// How many keep it closed.
    closers: AtomicUsize,
    /// How many ordinary schedulers wait.
    waiting: Mutex<usize>,
    changed: Condvar,
}

impl Gate {
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
            self.changed.wait(&mut waiting);
        }
        *waiting -= usize::from(ordinary);
    }
    /// One more keeps it closed.
    fn close(&self) {
        self.closers.fetch_add(1, Ordering::SeqCst);
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
        let gate = &self.schedulers.gate;
        gate.close();
        let paused = Paused { vm: self };
        self.schedulers.wake_all();
        let mut waiting = gate.waiting.lock();
        while *waiting < self.schedulers.count() {
            if self.is_halting() {
                drop(waiting);
                return None;
            }
            gate.changed.wait_for(&mut waiting, PATIENCE);
        }
        drop(waiting);
        Some(paused)
    }
}

impl Paused<'_> {
    /// The machine.
    pub fn vm(&self) -> &Vm {
        self.vm
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
