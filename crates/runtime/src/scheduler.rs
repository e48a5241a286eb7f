//! Schedulers: one thread per core with run queues by priority, work stealing, and pools for dirty work.
//!
//! A process is in exactly one run queue when its status is Queued. A scheduler takes from its own queues first, then
//! steals (`run_queue.rs`); with nothing to do it sleeps until a process is queued for it or another scheduler wants help (`sleep.rs`).

use crate::blocking::Wanted;
use crate::dirty_pool::DirtyPool;
use crate::online::Online;
use crate::pause::Gate;
use crate::process::{Collected, DirtyState, Process};
use crate::run_queue::{RunQueues, Turn};
use crate::table::ProcessesAtHand;
use crate::wall_time::IdleTime;
use crate::{Vm, VmOptions};
use oxbeam_term::{OwnedTerm, Pid, atoms};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// Reductions in a slice, as in OTP.
pub const SLICE_REDUCTIONS: i32 = 4000;

/// Reductions of short slices that one step of a scheduler's activity may stand for.
const UNTOLD_REDUCTIONS_MAX: u64 = 1000;

/// Which pool a dirty BIF runs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirtyKind {
    /// Long computations.
    Cpu,
    /// Blocking work.
    Io,
}

/// Why the engine stopped running a process.
pub enum Outcome {
    /// Its slice is used up.
    Yield,
    /// It waits for a signal.
    Wait,
    /// It called a dirty BIF, saved in its state.
    Dirty(DirtyKind),
    /// Its dirty BIF is done: back to an ordinary scheduler.
    Clean,
    /// It ended while its dirty BIF was at work; [`Vm::leave_dirty_call`] said so.
    Ended,
    /// It ended, with this reason.
    Exit(OwnedTerm),
}

struct Scheduler {
    counters: Counters,
    at_hand: ProcessesAtHand,
}

/// What a scheduler has done so far. Each has its own, on cache lines of its own: they change with every slice.
#[derive(Default)]
#[repr(align(128))]
struct Counters {
    slices: AtomicU64,
    reductions: AtomicU64,
    collections: AtomicU64,
    reclaimed_words: AtomicU64,
}

/// Adds to a counter that only the calling thread changes.
#[inline]
fn add(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
}

/// What all schedulers have done so far.
#[derive(Clone, Copy, Default, Debug)]
pub struct SchedulerTotals {
    /// Slices run.
    pub slices: u64,
    /// Reductions of all slices that are over.
    pub reductions: u64,
    /// Garbage collections.
    pub collections: u64,
    /// Words that they gave back.
    pub reclaimed_words: u64,
}

/// What the threads of schedulers have spent their time on, in nanoseconds: the ordinary ones, then the dirty ones for
/// computations, then those for blocking work.
pub struct ThreadTimes {
    /// Without anything to do.
    pub idle: Vec<u64>,
    /// Collecting, while [`Schedulers::time_collections`] was on.
    pub collecting: Vec<u64>,
}

/// What a scheduler thread is at: odd while it works on a process, and another number each time.
#[derive(Default)]
#[repr(align(64))]
struct Activity(AtomicU64);

impl Activity {
    fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The schedulers of one machine.
pub struct Schedulers {
    schedulers: Vec<Scheduler>,
    dirty: [DirtyPool; 2],
    next: AtomicUsize,
    queues: RunQueues<Arc<Process>>,
    stopping: AtomicBool,
    /// Schedulers that are up.
    active: AtomicUsize,
    /// How many ordinary schedulers may work.
    pub(crate) online: Online,
    /// What was asked for, of which [`Schedulers::online`] and the limits of the dirty pools are made.
    pub(crate) wanted: Mutex<Wanted>,
    /// Does a process wait until schedulers that may not work have stopped?
    pub(crate) somebody_waits: AtomicBool,
    /// How long each thread was idle: of the ordinary schedulers, then of the dirty ones.
    idle: Vec<IdleTime>,
    /// How long each thread has collected, in nanoseconds, while that is measured.
    collecting: Vec<AtomicU64>,
    /// Is it?
    times_collections: AtomicBool,
    /// Closed while all schedulers shall rest.
    pub(crate) gate: Gate,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Of the ordinary schedulers, then of the dirty ones.
    activities: Vec<Activity>,
    /// Does the collector of literals wait for schedulers to move on?
    watched: AtomicBool,
    /// What they were at when it began to.
    before: Mutex<Vec<u64>>,
}

thread_local! {
    /// Number of the scheduler that this thread is, from 1; 0 elsewhere.
    static CURRENT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    /// Index of this thread's activity, from 1; 0 elsewhere.
    static ACTIVITY: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl Schedulers {
    pub(crate) fn new(options: &VmOptions) -> Schedulers {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = if options.schedulers == 0 { cores } else { options.schedulers };
        let dirty_cpu = if options.dirty_cpu_schedulers == 0 { count } else { options.dirty_cpu_schedulers };
        let some = |wanted: usize, all: usize| if wanted == 0 { all } else { wanted.min(all) };
        let online = some(options.schedulers_online, count);
        let dirty_online = some(options.dirty_cpu_schedulers_online, dirty_cpu);
        let dirty_io = options.dirty_io_schedulers.max(1);
        let threads = count + dirty_cpu + dirty_io;
        Schedulers {
            schedulers: (0..count)
                .map(|_| Scheduler { counters: Counters::default(), at_hand: ProcessesAtHand::new() })
                .collect(),
            dirty: [DirtyPool::new(dirty_cpu, dirty_online), DirtyPool::new(dirty_io, dirty_io)],
            next: AtomicUsize::new(0),
            queues: RunQueues::new(count),
            stopping: AtomicBool::new(false),
            active: AtomicUsize::new(count),
            online: Online::new(online),
            wanted: Mutex::new(Wanted::new(online, dirty_online)),
            somebody_waits: AtomicBool::new(false),
            idle: std::iter::repeat_with(IdleTime::default).take(threads).collect(),
            collecting: std::iter::repeat_with(AtomicU64::default).take(threads).collect(),
            times_collections: AtomicBool::new(false),
            gate: Gate::new(),
            threads: Mutex::default(),
            watched: AtomicBool::new(false),
            before: Mutex::default(),
            activities: std::iter::repeat_with(Activity::default).take(threads).collect(),
        }
    }
    /// What all have done so far.
    pub fn totals(&self) -> SchedulerTotals {
        let mut totals = SchedulerTotals::default();
        for Scheduler { counters, .. } in &self.schedulers {
            totals.slices += counters.slices.load(Ordering::Relaxed);
            totals.reductions += counters.reductions.load(Ordering::Relaxed);
            totals.collections += counters.collections.load(Ordering::Relaxed);
            totals.reclaimed_words += counters.reclaimed_words.load(Ordering::Relaxed);
        }
        totals
    }
    /// How many ordinary schedulers there are.
    pub fn count(&self) -> usize {
        self.schedulers.len()
    }
    /// How many dirty schedulers there are.
    pub fn dirty_count(&self, kind: DirtyKind) -> usize {
        self.dirty[kind as usize].threads()
    }
    /// Number of the scheduler that runs the caller, from 1; 0 outside.
    pub fn current(&self) -> usize {
        CURRENT.get()
    }
    /// Takes a process out of those that the scheduler that calls has at hand.
    pub(crate) fn take_at_hand(&self, pid: Pid) -> Option<Arc<Process>> {
        let scheduler = self.schedulers.get(CURRENT.get().wrapping_sub(1))?;
        // SAFETY: this thread is that scheduler, and no other uses it.
        unsafe { scheduler.at_hand.take(pid) }
    }
    /// Keeps a process at hand, if a scheduler calls.
    pub(crate) fn keep_at_hand(&self, process: Arc<Process>) {
        if let Some(scheduler) = self.schedulers.get(CURRENT.get().wrapping_sub(1)) {
            // SAFETY: as above.
            drop(unsafe { scheduler.at_hand.put(process) });
        }
    }
    /// From now on [`Schedulers::have_moved_on`] says whether every scheduler but the caller's has ended what it is at.
    /// The collector of literals is woken when one does.
    pub fn watch_activity(&self) {
        let own = ACTIVITY.get();
        let mut before = self.before.lock();
        self.watched.store(true, Ordering::SeqCst);
        let numbers = self.activities.iter().map(Activity::now).enumerate();
        *before = numbers.map(|(index, number)| if index + 1 == own { 0 } else { number }).collect();
    }
    /// See [`Schedulers::watch_activity`].
    pub fn have_moved_on(&self) -> bool {
        let before = self.before.lock();
        let is_over = |(activity, before): (&Activity, &u64)| *before % 2 == 0 || activity.now() != *before;
        let all = self.activities.iter().zip(before.iter()).all(is_over);
        if all {
            self.watched.store(false, Ordering::SeqCst);
        }
        all
    }
    /// Lengths of the run queues.
    pub fn queue_lengths(&self) -> Vec<usize> {
        self.queues.lengths()
    }
    /// How many processes wait for a dirty scheduler.
    pub fn dirty_queue_length(&self, kind: DirtyKind) -> usize {
        self.dirty[kind as usize].queue_length()
    }
    /// How many threads have something to do just now: of each ordinary scheduler (0 or 1), then of the dirty ones for
    /// computations and for blocking work.
    pub fn busy_counts(&self) -> Vec<usize> {
        let ordinary = self.idle[..self.schedulers.len()].iter().map(|idle| usize::from(!idle.is_idle()));
        ordinary.chain(self.dirty.iter().map(|pool| pool.load().1)).collect()
    }
    /// How many threads of a dirty pool may work, and how many do.
    pub(crate) fn dirty_load(&self, kind: DirtyKind) -> (usize, usize) {
        self.dirty[kind as usize].load()
    }
    /// Sets how many threads of the dirty pools may work.
    pub(crate) fn set_dirty_limits(&self, limits: [usize; 2]) {
        for (pool, limit) in self.dirty.iter().zip(limits) {
            pool.set_limit(limit);
        }
    }
    /// How long each thread was idle until `now`, in nanoseconds: the ordinary schedulers, then the dirty ones for
    /// computations, then those for blocking work.
    pub fn idle_times(&self, now: u64) -> Vec<u64> {
        self.idle.iter().map(|idle| idle.until(now)).collect()
    }
    /// What each thread's time went to, in the order of [`Schedulers::idle_times`].
    pub fn thread_times(&self, now: u64) -> ThreadTimes {
        let collecting = self.collecting.iter().map(|time| time.load(Ordering::Relaxed)).collect();
        ThreadTimes { idle: self.idle_times(now), collecting }
    }
    /// Turns the measuring of collections on or off.
    pub fn time_collections(&self, on: bool) {
        self.times_collections.store(on, Ordering::Relaxed);
    }
    /// Does a collection, and counts how long it takes while that is measured.
    pub(crate) fn timed_collection<T>(&self, vm: &Vm, collect: impl FnOnce() -> T) -> T {
        if !self.times_collections.load(Ordering::Relaxed) {
            return collect();
        }
        let start = vm.clock.elapsed();
        let result = collect();
        if let Some(time) = ACTIVITY.get().checked_sub(1).and_then(|index| self.collecting.get(index)) {
            add(time, vm.clock.elapsed().saturating_sub(start));
        }
        result
    }
    /// Queues a process that the caller moved to Queued.
    pub(crate) fn enqueue(&self, process: Arc<Process>) {
        let turn = Turn::Before(process.priority());
        self.enqueue_at(process, turn);
    }
    /// As [`Schedulers::enqueue`], with another priority for this once, or behind others.
    pub(crate) fn enqueue_at(&self, process: Arc<Process>, turn: Turn) {
        let here = CURRENT.get();
        let count = self.online.limit();
        let home =
            if (1..=count).contains(&here) { here - 1 } else { self.next.fetch_add(1, Ordering::Relaxed) % count };
        if home + 1 == here {
            // SAFETY: this thread is that scheduler.
            unsafe { self.queues.enqueue_own(home, turn, process) };
            return;
        }
        self.queues.enqueue(home, false, turn, process);
        self.online.check(home);
    }
    fn enqueue_dirty(&self, vm: &Arc<Vm>, kind: DirtyKind, process: Arc<Process>) {
        let Some(number) = self.dirty[kind as usize].enqueue(process) else { return };
        let name = match kind {
            DirtyKind::Cpu => "dirty_cpu",
            DirtyKind::Io => "dirty_io",
        };
        let vm = vm.clone();
        self.spawn(format!("{name}_{}", number + 1), move || run_dirty(&vm, kind, number));
    }
    /// Where the idle time and the activity of a thread for dirty work are.
    fn dirty_index(&self, kind: DirtyKind, number: usize) -> usize {
        let others = if kind == DirtyKind::Io { self.dirty[0].threads() } else { 0 };
        self.schedulers.len() + others + number
    }
    fn spawn(&self, name: String, work: impl FnOnce() + Send + 'static) {
        let thread = std::thread::Builder::new().name(name).stack_size(4 << 20).spawn(work);
        self.threads.lock().push(thread.expect("the system can start a thread"));
    }
    pub(crate) fn start(&self, vm: &Arc<Vm>) {
        let now = vm.clock.elapsed();
        self.idle[self.schedulers.len()..].iter().for_each(|idle| idle.begins(now));
        for home in 0..self.schedulers.len() {
            let vm = vm.clone();
            self.spawn(format!("scheduler_{}", home + 1), move || run_scheduler(&vm, home));
        }
    }
    /// Lets each scheduler stop after its current slice.
    pub(crate) fn request_stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.gate.open_wide();
        self.online.wake();
    }
    /// Wakes all schedulers that sleep.
    pub(crate) fn wake_all(&self) {
        self.queues.wake_all();
        self.online.wake();
        for pool in &self.dirty {
            pool.wake_all();
        }
    }
    pub(crate) fn stop(&self) {
        self.request_stop();
        self.wake_all();
        let threads = std::mem::take(&mut *self.threads.lock());
        let this = std::thread::current().id();
        for thread in threads {
            if thread.thread().id() != this {
                let _ = thread.join();
            }
        }
    }
}

/// A scheduler that panics leaves its process half done and everybody waiting: better that the machine ends.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

impl Vm {
    /// This thread begins to work on a process, or leaves it.
    pub(crate) fn changes_activity(&self) {
        self.counts_activity(1);
    }
    /// Its number goes up by 1, or by 2: then it leaves one process and begins to work on another.
    fn counts_activity(&self, steps: u64) {
        let schedulers = &self.schedulers;
        let Some(index) = ACTIVITY.get().checked_sub(1) else { return };
        let Some(activity) = schedulers.activities.get(index) else { return };
        let ended = activity.0.fetch_add(steps, Ordering::SeqCst);
        if ended % 2 == 1
            && schedulers.watched.load(Ordering::SeqCst)
            && schedulers.before.lock().get(index) == Some(&ended)
        {
            self.wake_literal_collector();
        }
    }
}

fn run_scheduler(vm: &Arc<Vm>, home: usize) {
    let _guard = AbortOnPanic;
    CURRENT.set(home + 1);
    ACTIVITY.set(home + 1);
    let schedulers = &vm.schedulers;
    let mut works = false;
    // Reductions of the last slice, and of all since others were told that this scheduler has left a process.
    let (mut used, mut untold) = (0, 0);
    while !schedulers.stopping.load(Ordering::Relaxed) {
        if schedulers.gate.is_closed() {
            if std::mem::take(&mut works) {
                vm.changes_activity();
            }
            schedulers.gate.pass(true);
            continue;
        }
        if home >= schedulers.online.limit() {
            if std::mem::take(&mut works) {
                vm.changes_activity();
            }
            suspend_scheduler(vm, home);
            continue;
        }
        let just_used = std::mem::take(&mut used);
        if let Some(other) = schedulers.queues.ask_for_help(home, just_used, schedulers.online.limit()) {
            schedulers.online.check(other);
        }
        // SAFETY: this thread is that scheduler.
        match unsafe { schedulers.queues.take(home, just_used) } {
            Some(process) => {
                // Short slices count as one process, as long as nobody waits.
                if !works || untold >= UNTOLD_REDUCTIONS_MAX || schedulers.watched.load(Ordering::Relaxed) {
                    vm.counts_activity(if std::mem::replace(&mut works, true) { 2 } else { 1 });
                    untold = 0;
                }
                used = run_slice(vm, process, &schedulers.schedulers[home].counters);
                untold += used.max(1);
            }
            None => {
                if std::mem::take(&mut works) {
                    vm.changes_activity();
                }
                profile_scheduler(vm, home, false);
                schedulers.queues.sleep(home, || {
                    schedulers.stopping.load(Ordering::SeqCst)
                        || schedulers.gate.is_closed()
                        || home >= schedulers.online.limit()
                });
                profile_scheduler(vm, home, true);
            }
        }
    }
    if works {
        vm.changes_activity();
    }
}

/// A scheduler may not work any more: it hands its processes to others and waits.
fn suspend_scheduler(vm: &Vm, home: usize) {
    let schedulers = &vm.schedulers;
    profile_scheduler(vm, home, false);
    // It queues for others from here on.
    CURRENT.set(0);
    schedulers.online.suspend(
        home,
        || schedulers.stopping.load(Ordering::SeqCst) || schedulers.gate.is_closed(),
        || schedulers.queues.has_work(home),
        || {
            // SAFETY: this thread is that scheduler.
            for (turn, process) in unsafe { schedulers.queues.drain(home) } {
                schedulers.enqueue_at(process, turn);
            }
        },
        || vm.scheduler_has_settled(),
    );
    CURRENT.set(home + 1);
    // Whoever waits for it to begin again looks once more.
    vm.scheduler_has_settled();
    profile_scheduler(vm, home, true);
}

/// A scheduler goes to sleep or gets up.
#[inline]
fn profile_scheduler(vm: &Vm, home: usize, active: bool) {
    let (idle, now) = (&vm.schedulers.idle[home], vm.clock.elapsed());
    if active {
        idle.ends(now);
    } else {
        idle.begins(now);
    }
    let count = &vm.schedulers.active;
    let before = if active { count.fetch_add(1, Ordering::Relaxed) } else { count.fetch_sub(1, Ordering::Relaxed) };
    if vm.is_profiled(crate::profile_flag::SCHEDULER) {
        let count = if active { before + 1 } else { before.saturating_sub(1) };
        vm.profile(&crate::ProfileEvent::Scheduler { number: home + 1, active, count });
    }
}

fn run_dirty(vm: &Arc<Vm>, kind: DirtyKind, number: usize) {
    let _guard = AbortOnPanic;
    let index = vm.schedulers.dirty_index(kind, number);
    ACTIVITY.set(index + 1);
    let pool = &vm.schedulers.dirty[kind as usize];
    let idle = &vm.schedulers.idle[index];
    idle.ends(vm.clock.elapsed());
    let mut queue = pool.queue();
    while !vm.schedulers.stopping.load(Ordering::Relaxed) {
        if vm.schedulers.gate.is_closed() {
            parking_lot::MutexGuard::unlocked(&mut queue, || vm.schedulers.gate.pass(false));
            continue;
        }
        let Some(process) = queue.begin() else {
            idle.begins(vm.clock.elapsed());
            pool.rest(number, &mut queue);
            idle.ends(vm.clock.elapsed());
            continue;
        };
        parking_lot::MutexGuard::unlocked(&mut queue, || {
            if !vm.leave_dirty_call(&process) {
                return;
            }
            vm.changes_activity();
            // SAFETY: this thread just moved the process to Running.
            let main = unsafe { process.main() };
            trace_slice(vm, &process, main, true);
            let outcome = vm.engine().run(vm, &process, main, true, SLICE_REDUCTIONS);
            if !matches!(outcome, Outcome::Ended) {
                trace_slice_end(vm, &process, main, &outcome);
                finish_slice(vm, process, outcome, 0);
            }
            vm.changes_activity();
        });
        queue.end();
        if vm.schedulers.somebody_waits.load(Ordering::SeqCst) {
            parking_lot::MutexGuard::unlocked(&mut queue, || vm.scheduler_has_settled());
        }
    }
}

/// Runs a process for a slice; returns the reductions that it used.
fn run_slice(vm: &Arc<Vm>, process: Arc<Process>, counters: &Counters) -> u64 {
    add(&counters.slices, 1);
    let (woken, signals) = process.incoming.start();
    // SAFETY: this thread just moved the process to Running: it took it from a run queue, where it was once.
    let main = unsafe { process.main() };
    main.state.was_waiting = woken;
    vm.handle_these_signals(&process, main, signals);
    main.state.was_waiting = false;
    if let Some(reason) = main.state.exiting.take() {
        end_process(vm, process, reason);
        return 0;
    }
    if main.state.take_in_literals {
        vm.take_in_literals(&process, main);
    }
    // Nothing runs now, so all roots are where a collection looks for them: for those asked for by somebody else, and
    // for a process that went through its slice without a safepoint at which its fragments could be collected.
    // Hibernation left no room for frames and return addresses.
    let wakes_up = main.state.hibernating && main.state.rare.suspended == 0 && !main.state.messages.is_empty();
    let wanted = wakes_up || main.state.force_major || main.state.force_minor || main.heap.wants_collection();
    if wanted && vm.collect(&process, main, 0, &mut []) == Collected::TooLarge {
        vm.report_heap_too_large(&process, main);
        if main.state.rare.max_heap_size.kill {
            vm.terminate(&process, Vm::own_atom(atoms::KILLED));
            return 0;
        }
    }
    if main.state.rare.suspended > 0 {
        park(vm, process);
        return 0;
    }
    if main.state.hibernating {
        if main.state.messages.is_empty() {
            park(vm, process);
            return 0;
        }
        main.state.hibernating = false;
    }
    let before = process.reductions.load(Ordering::Relaxed);
    let collections = main.heap.collections();
    let start = vm.slice_starts(main);
    trace_slice(vm, &process, main, true);
    let outcome = vm.engine().run(vm, &process, main, false, SLICE_REDUCTIONS);
    trace_slice_end(vm, &process, main, &outcome);
    if let Some(start) = start {
        vm.slice_ends(&process, main, &start);
    }
    let reductions = process.reductions.load(Ordering::Relaxed).wrapping_sub(before);
    add(&counters.reductions, reductions);
    let collections = main.heap.collections().wrapping_sub(collections);
    if collections != 0 {
        add(&counters.collections, collections);
        add(&counters.reclaimed_words, std::mem::take(&mut main.state.reclaimed_words));
    }
    account_memory(vm, &process, (main.heap.total_words() * 8) as u64);
    finish_slice(vm, process, outcome, reductions);
    reductions
}

/// A traced process comes to run or ceases to.
#[inline]
fn trace_slice(vm: &Vm, process: &Process, main: &crate::ProcessMain, runs: bool) {
    if process.trace_flags() & crate::trace_flag::SCHEDULING != 0
        && let Some(tracer) = vm.tracing.tracer()
    {
        tracer.scheduled(vm, process, main, runs, main.state.current_address);
    }
}

fn trace_slice_end(vm: &Vm, process: &Process, main: &crate::ProcessMain, outcome: &Outcome) {
    // The end of a process is told otherwise.
    if !matches!(outcome, Outcome::Exit(_)) && main.state.exiting.is_none() {
        trace_slice(vm, process, main, false);
    }
}

/// Notes the size of a process's heap, in bytes.
pub(crate) fn account_memory(vm: &Vm, process: &Process, bytes: u64) {
    // Only the owner changes it.
    let before = process.heap_bytes.load(Ordering::Relaxed);
    if before != bytes {
        process.heap_bytes.store(bytes, Ordering::Relaxed);
        vm.memory.processes.fetch_add(bytes as i64 - before as i64, Ordering::Relaxed);
    }
}

/// Does with a process what its slice, in which it used so many reductions, ended with.
fn finish_slice(vm: &Arc<Vm>, process: Arc<Process>, outcome: Outcome, used: u64) {
    if matches!(outcome, Outcome::Ended) {
        return;
    }
    // Whatever it did since: what ended it came first.
    // SAFETY: the slice that ends here owns the process, and its references to the main part are gone.
    let main = unsafe { process.main() };
    if let Some(reason) = main.state.exiting.take() {
        end_process(vm, process, reason);
        return;
    }
    // A signal that was handled while it looked for messages asked for something.
    let outcome = if matches!(outcome, Outcome::Wait) && main.wants_attention() { Outcome::Yield } else { outcome };
    match outcome {
        Outcome::Yield | Outcome::Clean => {
            let priority = process.priority();
            let used_up = used >= SLICE_REDUCTIONS as u64 / 2;
            // Once is nothing: others that it has just dealt with would overtake it.
            let used_up = std::mem::replace(&mut main.state.computes, used_up) && used_up;
            process.incoming.requeue();
            let turn = if used_up { Turn::After(priority) } else { Turn::Before(priority) };
            vm.schedulers.enqueue_at(process, turn);
        }
        Outcome::Wait => {
            main.state.computes = false;
            park(vm, process);
        }
        Outcome::Dirty(kind) => {
            vm.enter_dirty_call(&process, DirtyState::Queued);
            vm.schedulers.enqueue_dirty(vm, kind, process);
        }
        Outcome::Ended => {}
        Outcome::Exit(reason) => end_process(vm, process, reason),
    }
}

/// A process ends, or waits until its reason can be sent to other nodes.
fn end_process(vm: &Arc<Vm>, process: Arc<Process>, reason: OwnedTerm) {
    // SAFETY: the caller owns the process, and uses its main part no more.
    let main = unsafe { process.main() };
    if vm.waits_to_end(&process, &mut main.state, &reason) {
        main.state.exiting = Some(reason);
        park(vm, process);
    } else {
        vm.terminate(&process, reason);
    }
}

/// Lets a process wait, unless a signal came meanwhile.
fn park(vm: &Arc<Vm>, process: Arc<Process>) {
    if vm.is_profiled(crate::profile_flag::PROCESSES) && !process.has_signals() {
        vm.profile_process(&process, false);
    }
    if process.incoming.park() {
        vm.schedulers.keep_at_hand(process);
    } else {
        vm.schedulers.enqueue(process);
    }
}
