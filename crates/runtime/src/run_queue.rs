//! Run queues: one for each scheduler, with stealing, and the sleep of those that find nothing.
//!
//! What is in a queue is in it once, and whoever takes it out owns it. A length beside each queue is looked at first, so
//! that thieves leave the locks of empty queues alone. It is raised under the lock before anybody is woken, and
//! `Sleepers` sees to it that a scheduler does not fall asleep beside work that another thread queues for it. What a
//! scheduler queues for itself it takes itself; others help when it asks ([`RunQueues::ask_for_help`]). The one that it takes
//! next stands beside the queue, without a lock.

use crate::Priority;
use crate::sleep::Sleepers;
use crate::sync::{AtomicBool, AtomicUsize, Mutex, Ordering, UnsafeCell};
use std::collections::VecDeque;

/// A process of low priority is passed over this many times while there are normal ones.
const LOW_PASSED_OVER: u32 = 7;

/// While others that were just woken ran for so many reductions in all, one that computes waits: as many as are
/// in its own slice.
const WOKEN_REDUCTIONS: u64 = crate::SLICE_REDUCTIONS as u64;

/// A scheduler that sleeps is woken to help when the processes that stand in one queue have waited for so many reductions
/// in all: each for as many as were run meanwhile. So a few that hand work to each other stay on one scheduler, in the
/// order in which they were queued. As in OTP (`+swt medium`).
const HELP_AFTER: usize = 10 * crate::SLICE_REDUCTIONS as usize;

/// And so many for each slice, however short it was.
const HELP_AFTER_SLICE: usize = crate::SLICE_REDUCTIONS as usize / 10;

/// The queues of one scheduler, by priority.
///
/// Processes of normal priority stand in two: those that used up their last two slices, and all others, which go first. So
/// who waits for messages and does little is not held up by those that compute, as long as it leaves them half of the
/// time.
struct RunQueue<T> {
    queues: [VecDeque<T>; 4],
    /// Of normal priority: those that used up their last two slices.
    computing: VecDeque<T>,
    /// Normal processes taken since the last one of low priority.
    passed_over: u32,
    /// Did the last one that was taken go before those that compute?
    went_before: bool,
    /// What such processes have used since one of those that compute had its turn.
    used_before: u64,
}

impl<T> RunQueue<T> {
    fn new() -> RunQueue<T> {
        RunQueue {
            queues: [const { VecDeque::new() }; 4],
            computing: VecDeque::new(),
            passed_over: 0,
            went_before: false,
            used_before: 0,
        }
    }
    fn push(&mut self, turn: Turn, process: T) {
        match turn {
            Turn::After(Priority::Normal) => self.computing.push_back(process),
            Turn::After(priority) | Turn::Before(priority) => self.queues[priority as usize].push_back(process),
        }
    }
    /// Takes the next one; the last one taken used so many reductions.
    fn pop(&mut self, used: u64) -> Option<T> {
        if std::mem::take(&mut self.went_before) {
            self.used_before += used;
        }
        for priority in [Priority::Max, Priority::High] {
            if let Some(process) = self.queues[priority as usize].pop_front() {
                return Some(process);
            }
        }
        if self.passed_over >= LOW_PASSED_OVER
            && let Some(process) = self.queues[Priority::Low as usize].pop_front()
        {
            self.passed_over = 0;
            return Some(process);
        }
        if let Some(process) = self.pop_normal() {
            self.passed_over += 1;
            return Some(process);
        }
        self.queues[Priority::Low as usize].pop_front()
    }
    fn pop_normal(&mut self) -> Option<T> {
        if self.computing.is_empty() || self.used_before < WOKEN_REDUCTIONS {
            if let Some(process) = self.queues[Priority::Normal as usize].pop_front() {
                self.went_before = true;
                return Some(process);
            }
        }
        self.used_before = 0;
        self.computing.pop_front().or_else(|| self.queues[Priority::Normal as usize].pop_front())
    }
    fn drain(&mut self) -> Vec<(Turn, T)> {
        let RunQueue { queues: [low, normal, high, max], computing, .. } = self;
        let before = [(max, Priority::Max), (high, Priority::High), (normal, Priority::Normal), (low, Priority::Low)];
        let mut all = Vec::new();
        for (queue, priority) in before {
            all.extend(queue.drain(..).map(|process| (Turn::Before(priority), process)));
        }
        all.extend(computing.drain(..).map(|process| (Turn::After(Priority::Normal), process)));
        all
    }
    fn steal(&mut self) -> Option<T> {
        let [low, normal, high, max] = &mut self.queues;
        [max, high, normal, &mut self.computing, low].into_iter().find_map(VecDeque::pop_back)
    }
    /// Takes so many from the back, those that compute first; they come in the order in which they stood.
    fn give(&mut self, count: usize) -> Vec<(Turn, T)> {
        let [low, normal, high, max] = &mut self.queues;
        let queues = [
            (Turn::After(Priority::Normal), &mut self.computing),
            (Turn::Before(Priority::Low), low),
            (Turn::Before(Priority::Normal), normal),
            (Turn::Before(Priority::High), high),
            (Turn::Before(Priority::Max), max),
        ];
        let mut given = Vec::new();
        for (turn, queue) in queues {
            let kept = queue.len().saturating_sub(count - given.len());
            given.extend(queue.split_off(kept).into_iter().map(|process| (turn, process)));
        }
        given
    }
}

/// Where in a run queue a process goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// It was woken, is new or gave its slice up.
    Before(Priority),
    /// It used up its last two slices.
    After(Priority),
}

struct Place<T> {
    /// The one that is taken next, while nothing else stands here: only the queue's own scheduler uses this. So processes that
    /// hand work to each other need no lock.
    next: UnsafeCell<Option<T>>,
    /// Is there one, for those who count?
    has_next: AtomicBool,
    queue: Mutex<RunQueue<T>>,
    /// How many stand in the queue proper.
    length: AtomicUsize,
    /// How long those that stood here have waited, in reductions, since another scheduler was woken to help. Only the
    /// queue's own scheduler uses it.
    waited: AtomicUsize,
}

impl<T> Place<T> {
    fn new() -> Place<T> {
        Place {
            next: UnsafeCell::new(None),
            has_next: AtomicBool::new(false),
            queue: Mutex::new(RunQueue::new()),
            length: AtomicUsize::new(0),
            waited: AtomicUsize::new(0),
        }
    }
    /// How many processes stand here.
    fn length(&self) -> usize {
        self.length.load(Ordering::SeqCst) + usize::from(self.has_next.load(Ordering::Relaxed))
    }
    /// Keeps a process as the next one, if nothing else stands here and it goes to the usual place; else gives it back.
    ///
    /// # Safety
    /// The caller is the queue's own scheduler.
    unsafe fn keep_next(&self, turn: Turn, process: T) -> Option<T> {
        if turn != Turn::Before(Priority::Normal)
            || self.has_next.load(Ordering::Relaxed)
            || self.length.load(Ordering::Relaxed) != 0
        {
            return Some(process);
        }
        self.has_next.store(true, Ordering::Relaxed);
        // SAFETY: by the caller's promise; the place is empty.
        unsafe { self.next.with_mut(|next| next.replace(process)) }
    }
    /// Takes the next one out.
    ///
    /// # Safety
    /// The caller is the queue's own scheduler.
    unsafe fn take_next(&self) -> Option<T> {
        if !self.has_next.load(Ordering::Relaxed) {
            return None;
        }
        self.has_next.store(false, Ordering::Relaxed);
        // SAFETY: by the caller's promise.
        unsafe { self.next.with_mut(Option::take) }
    }
    /// The last slice used so many reductions: should another scheduler help?
    fn wants_help(&self, used: usize) -> bool {
        if used == 0 {
            return false;
        }
        // The one that is taken next needs no other scheduler.
        let waiting = self.length().saturating_sub(1);
        let waited = self.waited.load(Ordering::Relaxed);
        let waited = match waiting {
            0 => waited.saturating_sub(used),
            _ => waited.saturating_add(waiting.saturating_mul(used).saturating_add(HELP_AFTER_SLICE)),
        };
        let wants = waited > HELP_AFTER;
        self.waited.store(if wants { 0 } else { waited }, Ordering::Relaxed);
        wants
    }
}

// SAFETY: of what is not behind a lock, only `next` is no atomic; the functions that use it are called by one thread at a time, and
// what it holds may go from thread to thread.
unsafe impl<T: Send> Sync for Place<T> {}

/// The queues of all schedulers.
pub(crate) struct RunQueues<T> {
    places: Vec<Place<T>>,
    sleepers: Sleepers,
}

impl<T> RunQueues<T> {
    /// Of `count` schedulers, numbered from 0.
    pub(crate) fn new(count: usize) -> RunQueues<T> {
        RunQueues { places: (0..count).map(|_| Place::new()).collect(), sleepers: Sleepers::new(count) }
    }
    /// How many processes each queue holds.
    pub(crate) fn lengths(&self) -> Vec<usize> {
        self.places.iter().map(Place::length).collect()
    }
    /// A scheduler queues a process with itself.
    ///
    /// # Safety
    /// The caller is scheduler `home`.
    pub(crate) unsafe fn enqueue_own(&self, home: usize, turn: Turn, process: T) {
        // SAFETY: by the caller's promise.
        if let Some(process) = unsafe { self.places[home].keep_next(turn, process) } {
            self.enqueue(home, true, turn, process);
        }
    }
    /// Queues a process with scheduler `home`; `is_caller` says that the caller is that scheduler.
    pub(crate) fn enqueue(&self, home: usize, is_caller: bool, turn: Turn, process: T) {
        let place = &self.places[home];
        {
            let mut queue = place.queue.lock();
            queue.push(turn, process);
            let length = place.length.load(Ordering::Relaxed) + 1;
            // A running scheduler takes them itself, and asks for help when they wait too long.
            if is_caller {
                place.length.store(length, Ordering::Release);
                return;
            }
            place.length.store(length, Ordering::SeqCst);
        }
        if self.sleepers.any() {
            self.sleepers.wake_one(home);
        }
    }
    /// Takes a process from scheduler `home`'s queue, else one from another's. What it took last used so many reductions.
    ///
    /// # Safety
    /// The caller is scheduler `home`.
    pub(crate) unsafe fn take(&self, home: usize, used: u64) -> Option<T> {
        // SAFETY: by the caller's promise.
        if let Some(next) = unsafe { self.places[home].take_next() } {
            if self.places[home].length.load(Ordering::SeqCst) == 0 {
                return Some(next);
            }
            // Others came since, which may go first by their priority.
            self.put_first(home, next);
        }
        let count = self.places.len();
        for offset in 0..count {
            let place = &self.places[(home + offset) % count];
            if place.length.load(Ordering::SeqCst) == 0 {
                continue;
            }
            let mut queue = place.queue.lock();
            let taken = if offset == 0 { queue.pop(used) } else { queue.steal() };
            if taken.is_some() {
                let length = place.length.load(Ordering::Relaxed).saturating_sub(1);
                // A thief takes half of the others as well, so that both have equal shares.
                let more = if offset == 0 { Vec::new() } else { queue.give(length / 2) };
                place.length.store(length.saturating_sub(more.len()), Ordering::Release);
                drop(queue);
                for (turn, process) in more {
                    self.enqueue(home, true, turn, process);
                }
                return taken;
            }
        }
        None
    }
    /// Puts a process of normal priority before all others of that.
    fn put_first(&self, home: usize, process: T) {
        let place = &self.places[home];
        let mut queue = place.queue.lock();
        queue.queues[Priority::Normal as usize].push_front(process);
        place.length.store(place.length.load(Ordering::Relaxed) + 1, Ordering::SeqCst);
    }
    /// Scheduler `home` has run a slice of so many reductions, and nothing runs on it now: if those in its queue have
    /// waited too long, a sleeper is woken to take some. When none of the first `count` schedulers sleeps, the one with
    /// the shortest queue is given some, and named.
    pub(crate) fn ask_for_help(&self, home: usize, used: u64, count: usize) -> Option<usize> {
        if !self.places[home].wants_help(used as usize) {
            return None;
        }
        if self.sleepers.any() {
            self.sleepers.wake_one(home);
            return None;
        }
        let length = |number: usize| self.places[number].length();
        let other = (0..count.min(self.places.len())).filter(|number| *number != home).min_by_key(|at| length(*at))?;
        // The one that is taken next here runs, as one does there.
        let count = length(home).saturating_sub(1 + length(other)) / 2;
        if count == 0 {
            return None;
        }
        let place = &self.places[home];
        let given = {
            let mut queue = place.queue.lock();
            let given = queue.give(count);
            place.length.store(place.length.load(Ordering::Relaxed).saturating_sub(given.len()), Ordering::Release);
            given
        };
        for (turn, process) in given {
            self.enqueue(other, false, turn, process);
        }
        Some(other)
    }
    /// Does something stand in this queue?
    pub(crate) fn has_work(&self, home: usize) -> bool {
        self.places[home].length() != 0
    }
    /// Takes everything out of a queue.
    ///
    /// # Safety
    /// The caller is scheduler `home`.
    pub(crate) unsafe fn drain(&self, home: usize) -> Vec<(Turn, T)> {
        let place = &self.places[home];
        // SAFETY: by the caller's promise.
        if let Some(next) = unsafe { place.take_next() } {
            self.put_first(home, next);
        }
        let mut queue = place.queue.lock();
        place.length.store(0, Ordering::Release);
        queue.drain()
    }
    /// Scheduler `home` sleeps until it is woken, unless there is work in a queue or `must_not` says so.
    pub(crate) fn sleep(&self, home: usize, must_not: impl Fn() -> bool) {
        let is_work = || self.places.iter().any(|place| place.length.load(Ordering::SeqCst) != 0);
        self.sleepers.sleep(home, || is_work() || must_not());
    }
    /// Wakes all that sleep or are about to.
    pub(crate) fn wake_all(&self) {
        self.sleepers.wake_all();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn take<T>(queues: &RunQueues<T>, home: usize, used: u64) -> Option<T> {
        // SAFETY: one thread is all schedulers.
        unsafe { queues.take(home, used) }
    }
    fn drain<T>(queues: &RunQueues<T>, home: usize) -> Vec<(Turn, T)> {
        // SAFETY: as above.
        unsafe { queues.drain(home) }
    }

    #[test]
    fn priorities_come_in_order_and_low_ones_now_and_then() {
        let queues = RunQueues::new(2);
        for number in 0..20 {
            queues.enqueue(0, true, Turn::Before(Priority::Normal), number);
        }
        for (priority, number) in [(Priority::Low, 100), (Priority::High, 200), (Priority::Max, 300)] {
            queues.enqueue(0, true, Turn::Before(priority), number);
        }
        assert_eq!(queues.lengths(), [23, 0]);
        let taken: Vec<i32> = std::iter::from_fn(|| take(&queues, 0, 0)).collect();
        assert_eq!(taken[..9], [300, 200, 0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(taken[9..12], [100, 7, 8]);
        assert_eq!(taken.len(), 23);
    }

    /// Who was woken goes before those that compute, until it has used as much as one of them.
    #[test]
    fn those_that_compute_get_half_of_the_time() {
        let queues = RunQueues::new(1);
        for number in 0..3 {
            queues.enqueue(0, true, Turn::After(Priority::Normal), number);
        }
        for number in 100..110 {
            queues.enqueue(0, true, Turn::Before(Priority::Normal), number);
        }
        let mut used = 0;
        let taken: Vec<u64> = std::iter::from_fn(|| {
            let number = take(&queues, 0, used)?;
            used = if number < 100 { WOKEN_REDUCTIONS } else { WOKEN_REDUCTIONS / 2 };
            Some(number)
        })
        .collect();
        assert_eq!(taken, [100, 101, 0, 102, 103, 1, 104, 105, 2, 106, 107, 108, 109]);
    }

    /// Two that share a scheduler are helped after ten slices, more of them earlier; one that is alone never.
    #[test]
    fn help_is_asked_for_when_many_wait_long() {
        let slices_until_help = |others: usize| {
            let queues = RunQueues::new(2);
            for number in 0..=others {
                queues.enqueue(0, true, Turn::Before(Priority::Normal), number);
            }
            (1..100).find(|_| queues.places[0].wants_help(4000))
        };
        assert_eq!(slices_until_help(0), None);
        assert_eq!(slices_until_help(1), Some(10));
        assert_eq!(slices_until_help(3), Some(4));
        assert_eq!(slices_until_help(100), Some(1));
    }

    /// Who computes is shared out evenly, by a thief and by one who gives.
    #[test]
    fn two_schedulers_get_equal_shares() {
        let queues = RunQueues::new(2);
        for number in 0..9 {
            queues.enqueue(0, true, Turn::After(Priority::Normal), number);
        }
        assert_eq!(take(&queues, 1, 0), Some(8));
        assert_eq!(queues.lengths(), [4, 4]);
        assert_eq!(drain(&queues, 1).into_iter().map(|(_, number)| number).collect::<Vec<_>>(), [4, 5, 6, 7]);
        for number in 10..13 {
            queues.enqueue(0, true, Turn::After(Priority::Normal), number);
        }
        // Seven stand here, of which one runs next, and one runs there.
        assert_eq!((0..10).find_map(|_| queues.ask_for_help(0, 4000, 2)), Some(1));
        assert_eq!(queues.lengths(), [4, 3]);
        assert_eq!((0..100).find_map(|_| queues.ask_for_help(0, 4000, 2)), None);
        assert_eq!((0..100).find_map(|_| queues.ask_for_help(0, 4000, 1)), None, "the others may not work");
    }

    /// What a scheduler queues with itself while nothing else stands there is taken first, unless something of higher priority
    /// comes; thieves leave it alone.
    #[test]
    fn a_scheduler_keeps_the_next_one_to_itself() {
        let queues = RunQueues::new(2);
        // SAFETY: one thread is all schedulers.
        let own = |priority, number| unsafe { queues.enqueue_own(0, Turn::Before(priority), number) };
        own(Priority::Normal, 1);
        own(Priority::Normal, 2);
        assert_eq!(queues.lengths(), [2, 0]);
        assert_eq!(take(&queues, 1, 0), Some(2));
        assert_eq!(take(&queues, 1, 0), None);
        own(Priority::Normal, 3);
        own(Priority::High, 4);
        assert_eq!(std::iter::from_fn(|| take(&queues, 0, 0)).collect::<Vec<_>>(), [4, 1, 3]);
        own(Priority::Normal, 5);
        own(Priority::Normal, 6);
        assert_eq!(drain(&queues, 0).into_iter().map(|(_, number)| number).collect::<Vec<_>>(), [5, 6]);
        assert_eq!((take(&queues, 0, 0), queues.has_work(0)), (None, false));
    }

    #[test]
    fn a_thief_takes_the_last_of_the_highest_priority() {
        let queues = RunQueues::new(2);
        for (priority, number) in [(Priority::Normal, 1), (Priority::High, 2), (Priority::High, 3), (Priority::Low, 4)]
        {
            queues.enqueue(0, true, Turn::Before(priority), number);
        }
        // The first time it takes along who can best wait.
        assert_eq!(std::iter::from_fn(|| take(&queues, 1, 0)).collect::<Vec<_>>(), [3, 4, 2, 1]);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::inbox::{Delivery, Inbox};
    use loom::sync::Arc;
    use loom::thread;

    const NOT_OWNED: usize = usize::MAX;

    fn take<T>(queues: &RunQueues<T>, home: usize, used: u64) -> Option<T> {
        // SAFETY: in each model one thread at a time takes for a scheduler; loom checks that.
        unsafe { queues.take(home, used) }
    }

    fn bounded(preemptions: usize) -> loom::model::Builder {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(preemptions);
        builder
    }

    /// A process as schedulers see it: status and signals, who runs it, and what it has seen.
    struct Process {
        inbox: Inbox<Signal>,
        owner: AtomicUsize,
        seen: AtomicUsize,
        ended: AtomicUsize,
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Signal {
        Message,
        Exit,
    }

    /// Schedulers and processes; the slices are those of `scheduler.rs` with nothing to run but signals.
    struct Machine {
        queues: RunQueues<usize>,
        processes: Vec<Process>,
        /// Signals handled and processes ended that are still awaited; at 0 the schedulers stop.
        awaited: AtomicUsize,
    }

    impl Machine {
        fn new(schedulers: usize, processes: usize, awaited: usize) -> Arc<Machine> {
            let process = |_| Process {
                inbox: Inbox::new(),
                owner: AtomicUsize::new(NOT_OWNED),
                seen: AtomicUsize::new(0),
                ended: AtomicUsize::new(0),
            };
            Arc::new(Machine {
                queues: RunQueues::new(schedulers),
                processes: (0..processes).map(process).collect(),
                awaited: AtomicUsize::new(awaited),
            })
        }
        fn send(&self, to: usize, signal: Signal) -> Delivery {
            let delivery = self.processes[to].inbox.put(signal, false);
            if delivery == Delivery::MustQueue {
                self.queues.enqueue(0, false, Turn::Before(Priority::Normal), to);
            }
            delivery
        }
        /// What was awaited has come; the last one stops the schedulers.
        fn arrived(&self, count: usize) {
            if count != 0 && self.awaited.fetch_sub(count, Ordering::SeqCst) == count {
                self.queues.wake_all();
            }
        }
        fn is_over(&self) -> bool {
            self.awaited.load(Ordering::SeqCst) == 0
        }
        /// One slice: handles what came, then waits, goes to the end of the queue, or ends.
        fn slice(&self, home: usize, number: usize, yields: bool) {
            let process = &self.processes[number];
            let (_, signals) = process.inbox.start();
            assert_eq!(process.owner.swap(home, Ordering::SeqCst), NOT_OWNED, "run by two schedulers");
            assert_eq!(process.ended.load(Ordering::SeqCst), 0, "run after its end");
            process.seen.fetch_add(signals.len(), Ordering::SeqCst);
            assert_eq!(process.owner.swap(NOT_OWNED, Ordering::SeqCst), home);
            let queue_again = if signals.contains(&Signal::Exit) {
                process.ended.store(1, Ordering::SeqCst);
                self.arrived(process.inbox.end().len());
                false
            } else if yields {
                process.inbox.requeue();
                true
            } else {
                !process.inbox.park()
            };
            if queue_again {
                // SAFETY: the caller is this scheduler.
                unsafe { self.queues.enqueue_own(home, Turn::Before(Priority::Normal), number) };
            }
            self.arrived(signals.len());
        }
        /// A scheduler. A wake-up that is lost is a deadlock, which loom reports.
        fn run(&self, home: usize) {
            while !self.is_over() {
                match take(&self.queues, home, 0) {
                    Some(number) => self.slice(home, number, false),
                    None => self.queues.sleep(home, || self.is_over()),
                }
            }
        }
    }

    #[test]
    fn what_is_queued_is_taken_once() {
        bounded(3).check(|| {
            let queues = Arc::new(RunQueues::new(2));
            queues.enqueue(0, true, Turn::Before(Priority::Normal), 1);
            let thief = {
                let queues = queues.clone();
                thread::spawn(move || [take(&queues, 1, 0), take(&queues, 1, 0)])
            };
            queues.enqueue(0, true, Turn::Before(Priority::High), 2);
            let own = take(&queues, 0, 0);
            let stolen = thief.join().unwrap();
            let mut all: Vec<usize> =
                [own, stolen[0], stolen[1], take(&queues, 0, 0), take(&queues, 0, 0)].into_iter().flatten().collect();
            all.sort_unstable();
            assert_eq!(all, [1, 2], "lost, or taken twice");
            assert_eq!(queues.lengths(), [0, 0]);
        });
    }

    #[test]
    fn two_thieves_and_an_owner() {
        bounded(3).check(|| {
            let queues = Arc::new(RunQueues::new(3));
            queues.enqueue(0, true, Turn::Before(Priority::Normal), 1);
            queues.enqueue(0, true, Turn::Before(Priority::Normal), 2);
            let thieves: Vec<_> = [1, 2]
                .map(|home| {
                    let queues = queues.clone();
                    thread::spawn(move || take(&queues, home, 0))
                })
                .into();
            let mut all: Vec<usize> = take(&queues, 0, 0).into_iter().collect();
            all.extend(thieves.into_iter().filter_map(|thief| thief.join().unwrap()));
            all.extend(take(&queues, 0, 0));
            all.sort_unstable();
            assert_eq!(all, [1, 2]);
        });
    }

    /// A process is woken by two senders while two schedulers look for work: it runs on one at a time, sees all, and no
    /// scheduler sleeps beside it.
    #[test]
    fn a_process_is_run_until_it_has_seen_everything() {
        bounded(3).check(|| {
            let machine = Machine::new(2, 1, 2);
            machine.queues.enqueue(0, false, Turn::Before(Priority::Normal), 0);
            let scheduler = {
                let machine = machine.clone();
                thread::spawn(move || machine.run(1))
            };
            let sender = {
                let machine = machine.clone();
                thread::spawn(move || {
                    machine.send(0, Signal::Message);
                    machine.send(0, Signal::Message);
                })
            };
            machine.run(0);
            scheduler.join().unwrap();
            sender.join().unwrap();
            assert_eq!(machine.processes[0].seen.load(Ordering::SeqCst), 2);
        });
    }

    /// Work that one scheduler makes reaches the other, which may be falling asleep: each of two processes that wake
    /// each other is run, wherever it is stolen to.
    #[test]
    fn work_wanders_to_who_is_idle() {
        bounded(3).check(|| {
            let machine = Machine::new(2, 2, 2);
            let scheduler = {
                let machine = machine.clone();
                thread::spawn(move || machine.run(1))
            };
            // As a running scheduler queues what it spawns.
            for number in 0..2 {
                machine.processes[number].inbox.put(Signal::Message, false);
                machine.queues.enqueue(0, true, Turn::Before(Priority::Normal), number);
            }
            machine.run(0);
            scheduler.join().unwrap();
            for process in &machine.processes {
                assert_eq!(process.seen.load(Ordering::SeqCst), 1);
            }
        });
    }

    /// An exit signal races with a message and with a slice that yields: the process ends once, and a message is seen,
    /// or given back at the end, or refused.
    #[test]
    fn an_exit_signal_ends_a_process_once() {
        bounded(3).check(|| {
            let machine = Machine::new(1, 1, 1);
            machine.queues.enqueue(0, false, Turn::Before(Priority::Normal), 0);
            let killer = {
                let machine = machine.clone();
                thread::spawn(move || machine.send(0, Signal::Exit))
            };
            let sender = {
                let machine = machine.clone();
                thread::spawn(move || machine.send(0, Signal::Message))
            };
            if let Some(number) = take(&machine.queues, 0, 0) {
                machine.slice(0, number, true);
            }
            assert!(killer.join().unwrap() != Delivery::Refused, "only its own end refuses");
            let refused = sender.join().unwrap() == Delivery::Refused;
            while let Some(number) = take(&machine.queues, 0, 0) {
                machine.slice(0, number, false);
            }
            let process = &machine.processes[0];
            assert_eq!(process.ended.load(Ordering::SeqCst), 1, "the exit signal was lost");
            assert!(machine.send(0, Signal::Message) == Delivery::Refused);
            let handled = 1usize.wrapping_sub(machine.awaited.load(Ordering::SeqCst));
            assert_eq!(handled, if refused { 1 } else { 2 }, "a signal was lost");
        });
    }
}
