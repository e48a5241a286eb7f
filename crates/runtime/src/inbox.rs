//! What arrives for a process, and whether it runs: one lock guards both, so that no wake-up is lost.
//!
//! Whoever gets `true` from [`Inbox::park`] or an answer that asks for it from [`Inbox::put`] and [`Inbox::park`] has
//! the one right to queue the process; it is in a run queue at most once. So has whoever claims a process that waits
//! ([`Inbox::claim`]), and until then it owns the process.

use crate::process::RunStatus;
use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering};

/// What became of a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Delivery {
    /// The process has ended; the signal is gone.
    Refused,
    /// It is in the queue, and the process will see it.
    Taken,
    /// As `Taken`, and the caller must queue the process.
    MustQueue,
    /// As `Taken`: the process is in a dirty call, and the caller must see to it that somebody handles its signals.
    MustHandle,
}

/// Signals that have arrived and were not handled yet, with the status of the process.
pub(crate) struct Inbox<S> {
    state: Mutex<State<S>>,
    /// Is there a signal? Changed under the lock, and looked at without: a signal that is on its way is as good as one that
    /// comes later, as long as nobody falls asleep over it, and [`Inbox::park`] looks under the lock.
    arrived: AtomicBool,
    /// Does the process wait? Changed under the lock, and looked at without by those who would like to claim it.
    waits: AtomicBool,
}

pub(crate) struct State<S> {
    /// Was it waiting before the signals woke it?
    woken: bool,
    /// Is there a signal that does not wait for the end of a dirty call?
    urgent: bool,
    signals: Vec<S>,
    status: RunStatus,
}

impl<S> Inbox<S> {
    /// Of a process that its maker is about to queue.
    pub(crate) fn new() -> Inbox<S> {
        let state = State { woken: false, urgent: false, signals: Vec::new(), status: RunStatus::Queued };
        Inbox { state: Mutex::new(state), arrived: AtomicBool::new(false), waits: AtomicBool::new(false) }
    }
    /// Puts a signal into the queue. An `urgent` one does not wait for the end of a dirty call.
    pub(crate) fn put(&self, signal: S, urgent: bool) -> Delivery {
        let mut state = self.state.lock();
        if state.status != RunStatus::Dead {
            self.arrived.store(true, Ordering::Release);
        }
        let first_urgent = urgent && !state.urgent;
        state.urgent |= urgent;
        match state.status {
            RunStatus::Dead => Delivery::Refused,
            RunStatus::Queued | RunStatus::Running => {
                state.signals.push(signal);
                Delivery::Taken
            }
            RunStatus::Dirty => {
                state.signals.push(signal);
                if first_urgent { Delivery::MustHandle } else { Delivery::Taken }
            }
            RunStatus::Waiting => {
                state.signals.push(signal);
                self.wake(&mut state);
                Delivery::MustQueue
            }
        }
    }
    fn wake(&self, state: &mut State<S>) {
        state.woken = true;
        state.status = RunStatus::Queued;
        self.waits.store(false, Ordering::Relaxed);
    }
    /// Wakes a process that waits, and lets the caller do what a signal would have done: it owns the process, since nobody else
    /// can until it stands in a run queue, where the caller must put it. False when the process does not wait.
    pub(crate) fn claim(&self) -> bool {
        if !self.waits.load(Ordering::Relaxed) {
            return false;
        }
        let mut state = self.state.lock();
        let waits = state.status == RunStatus::Waiting;
        if waits {
            debug_assert!(state.signals.is_empty(), "a process waits with signals to be handled");
            self.wake(&mut state);
        }
        waits
    }
    /// A scheduler took the process from a run queue: it owns it now. Was it waiting before, and what has arrived?
    pub(crate) fn start(&self) -> (bool, Vec<S>) {
        let mut state = self.state.lock();
        debug_assert!(state.status == RunStatus::Queued, "a process that was queued twice");
        state.status = RunStatus::Running;
        (std::mem::take(&mut state.woken), self.take_from(&mut state))
    }
    fn take_from(&self, state: &mut State<S>) -> Vec<S> {
        state.urgent = false;
        self.arrived.store(false, Ordering::Relaxed);
        std::mem::take(&mut state.signals)
    }
    /// The caller becomes the owner of a process that waits; it parks it again. False when it does not wait.
    pub(crate) fn start_waiting(&self) -> bool {
        if !self.waits.load(Ordering::Relaxed) {
            return false;
        }
        let mut state = self.state.lock();
        let waits = state.status == RunStatus::Waiting;
        if waits {
            state.status = RunStatus::Running;
            self.waits.store(false, Ordering::Relaxed);
        }
        waits
    }
    /// The owner gives the process up to queue it again.
    pub(crate) fn requeue(&self) {
        self.state.lock().status = RunStatus::Queued;
    }
    /// The owner gives the process up for a dirty call. True when signals have come that somebody must handle
    /// meanwhile.
    pub(crate) fn enter_dirty(&self) -> bool {
        let mut state = self.state.lock();
        state.status = RunStatus::Dirty;
        state.urgent
    }
    /// The dirty call is over, or about to begin: the caller, who holds the dirty lock, owns the process. False when
    /// it has ended.
    pub(crate) fn leave_dirty(&self) -> bool {
        let mut state = self.state.lock();
        if state.status == RunStatus::Dead {
            return false;
        }
        debug_assert!(state.status == RunStatus::Dirty, "the end of a dirty call that had not begun");
        state.status = RunStatus::Running;
        true
    }
    /// The owner gives the process up until a signal comes; false when one has come, so that it must queue it again.
    pub(crate) fn park(&self) -> bool {
        let mut state = self.state.lock();
        let waits = state.signals.is_empty();
        state.status = if waits { RunStatus::Waiting } else { RunStatus::Queued };
        self.waits.store(waits, Ordering::Relaxed);
        waits
    }
    /// The owner takes everything that has arrived.
    pub(crate) fn take(&self) -> Vec<S> {
        self.take_from(&mut self.state.lock())
    }
    /// The process ends: nothing arrives any more. What had arrived.
    pub(crate) fn end(&self) -> Vec<S> {
        let mut state = self.state.lock();
        state.status = RunStatus::Dead;
        self.take_from(&mut state)
    }
    /// Has nothing arrived? What comes at this moment may be overlooked.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        !self.arrived.load(Ordering::Acquire)
    }
    /// Where the process is in its life.
    pub(crate) fn status(&self) -> RunStatus {
        self.state.lock().status
    }
    /// Keeps everything as it is: nobody can become or cease to be the owner meanwhile.
    pub(crate) fn freeze(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock()
    }
}

impl<S> State<S> {
    pub(crate) fn status(&self) -> RunStatus {
        self.status
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.signals.is_empty()
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicUsize;
    use loom::thread;

    /// A process with its run queue, which holds nothing but it: the count says how often it stands there.
    struct Model {
        inbox: Inbox<usize>,
        queued: AtomicUsize,
    }

    impl Model {
        fn enqueue(&self) {
            assert_eq!(self.queued.fetch_add(1, Ordering::SeqCst), 0, "queued twice");
        }
        fn send(&self, signal: usize) {
            if self.inbox.put(signal, false) == Delivery::MustQueue {
                self.enqueue();
            }
        }
        /// A slice as a scheduler runs it, if the process is queued: handles what came, then waits.
        fn slice(&self) -> Vec<usize> {
            if self.queued.swap(0, Ordering::SeqCst) == 0 {
                return Vec::new();
            }
            let (_, mut seen) = self.inbox.start();
            // What came since, as `receive` looks for it.
            if !self.inbox.is_empty() {
                seen.extend(self.inbox.take());
            }
            if !self.inbox.park() {
                self.enqueue();
            }
            seen
        }
    }

    #[test]
    fn no_signal_is_lost_and_nobody_is_queued_twice() {
        loom::model(|| {
            let model = Arc::new(Model { inbox: Inbox::new(), queued: AtomicUsize::new(1) });
            let senders: Vec<_> = [1, 2]
                .map(|signal| {
                    let model = model.clone();
                    thread::spawn(move || model.send(signal))
                })
                .into();
            let mut seen = model.slice();
            for sender in senders {
                sender.join().unwrap();
            }
            // Whatever happened: as long as a signal is not handled, the process stands in the queue.
            while seen.len() < 2 {
                assert_eq!(model.queued.load(Ordering::SeqCst), 1, "a wake-up was lost");
                seen.extend(model.slice());
            }
            seen.sort_unstable();
            assert_eq!(seen, [1, 2]);
        });
    }

    #[test]
    fn two_schedulers_never_own_a_process_both() {
        loom::model(|| {
            let model = Arc::new(Model { inbox: Inbox::new(), queued: AtomicUsize::new(1) });
            let other = model.clone();
            let scheduler = thread::spawn(move || other.slice().len());
            model.send(1);
            let mut seen = model.slice().len() + scheduler.join().unwrap();
            while seen < 1 {
                assert_eq!(model.queued.load(Ordering::SeqCst), 1, "a wake-up was lost");
                seen += model.slice().len();
            }
            assert_eq!(seen, 1);
        });
    }

    /// Senders that claim the process or put a signal, whichever they can, and a scheduler: one of them at a time owns the
    /// process, and no signal is lost.
    #[test]
    fn who_claims_a_process_owns_it() {
        struct Claimed {
            model: Model,
            owned: AtomicUsize,
            /// What the owner of the moment has seen.
            seen: AtomicUsize,
        }
        impl Claimed {
            fn own(&self, signals: usize) {
                assert_eq!(self.owned.swap(1, Ordering::Relaxed), 0, "owned twice");
                let seen = self.seen.load(Ordering::Relaxed);
                self.seen.store(seen + signals, Ordering::Relaxed);
                self.owned.store(0, Ordering::Relaxed);
            }
            fn send(&self) {
                if self.model.inbox.claim() {
                    self.own(1);
                    self.model.enqueue();
                } else {
                    self.model.send(1);
                }
            }
            fn slice(&self) {
                if self.model.queued.swap(0, Ordering::SeqCst) == 0 {
                    return;
                }
                let (_, signals) = self.model.inbox.start();
                self.own(signals.len());
                if !self.model.inbox.park() {
                    self.model.enqueue();
                }
            }
        }
        loom::model(|| {
            let model = Model { inbox: Inbox::new(), queued: AtomicUsize::new(1) };
            let shared = Arc::new(Claimed { model, owned: AtomicUsize::new(0), seen: AtomicUsize::new(0) });
            let senders: Vec<_> = [1, 2]
                .map(|_| {
                    let shared = shared.clone();
                    thread::spawn(move || shared.send())
                })
                .into();
            shared.slice();
            for sender in senders {
                sender.join().unwrap();
            }
            while shared.model.queued.load(Ordering::SeqCst) == 1 {
                shared.slice();
            }
            assert_eq!(shared.seen.load(Ordering::Relaxed), 2, "a signal was lost");
        });
    }

    #[test]
    fn somebody_is_asked_once_to_handle_the_signals_of_a_dirty_call() {
        loom::model(|| {
            let model = Arc::new(Model { inbox: Inbox::new(), queued: AtomicUsize::new(0) });
            model.inbox.start();
            let senders: Vec<_> = [1, 2]
                .map(|signal| {
                    let model = model.clone();
                    thread::spawn(move || usize::from(model.inbox.put(signal, true) == Delivery::MustHandle))
                })
                .into();
            let mut asked = usize::from(model.inbox.enter_dirty());
            for sender in senders {
                asked += sender.join().unwrap();
            }
            assert_eq!(asked, 1);
            assert!(model.inbox.leave_dirty());
            assert_eq!(model.inbox.take().len(), 2);
        });
    }

    #[test]
    fn a_signal_to_a_dying_process_is_refused_or_returned() {
        loom::model(|| {
            let model = Arc::new(Model { inbox: Inbox::new(), queued: AtomicUsize::new(0) });
            model.inbox.start();
            let other = model.clone();
            let sender = thread::spawn(move || other.inbox.put(7, true));
            let late = model.inbox.end();
            match sender.join().unwrap() {
                Delivery::Refused => assert!(late.is_empty()),
                Delivery::Taken => assert_eq!(late, [7]),
                Delivery::MustQueue | Delivery::MustHandle => panic!("a running process is never queued by others"),
            }
        });
    }
}
