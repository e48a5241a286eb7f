//! The system monitor: one process that is told when another does something large or slow.
//!
//! Whether anybody listens is one word of flags, so that it costs nearly nothing while nobody does.

use crate::distribution::Controller;
use crate::mailbox::Mailbox;
use crate::process::{Collected, ProcessMain};
use crate::{Process, Vm, trace_flag};
use oxbeam_term::{Heap, Pid, Port, Term, Word, atoms};
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const COLLECTION: u32 = 1;
const SCHEDULE: u32 = 2;
const QUEUE: u32 = 4;
const BUSY_PORT: u32 = 8;
const BUSY_CONNECTION: u32 = 16;

/// Who is told of what.
#[derive(Clone, Copy, Debug)]
pub struct MonitorSettings {
    /// Who is told.
    pub pid: Pid,
    /// Collections that take more milliseconds.
    pub long_gc: Option<usize>,
    /// Slices that take more milliseconds.
    pub long_schedule: Option<usize>,
    /// Heaps of this many words.
    pub large_heap: Option<usize>,
    /// Queues that grow to the second number of messages, until they are down to the first.
    pub long_message_queue: Option<(usize, usize)>,
    /// Processes that wait for a busy port.
    pub busy_port: bool,
    /// Processes that wait for a busy connection.
    pub busy_dist_port: bool,
}

impl MonitorSettings {
    fn flags(&self) -> u32 {
        [
            (COLLECTION, self.long_gc.is_some() || self.large_heap.is_some()),
            (SCHEDULE, self.long_schedule.is_some()),
            (QUEUE, self.long_message_queue.is_some()),
            (BUSY_PORT, self.busy_port),
            (BUSY_CONNECTION, self.busy_dist_port),
        ]
        .into_iter()
        .fold(0, |flags, (flag, on)| if on { flags | flag } else { flags })
    }
}

/// The system monitor of one machine.
#[derive(Default)]
pub struct SystemMonitor {
    flags: AtomicU32,
    settings: RwLock<Option<MonitorSettings>>,
    /// Milliseconds that a monitored collection sleeps, so that tests can make one long.
    pub collection_sleep: AtomicU32,
}

impl SystemMonitor {
    /// The settings, if there is a monitor.
    pub fn settings(&self) -> Option<MonitorSettings> {
        *self.settings.read()
    }
    /// Sets or removes the monitor; returns the settings before.
    pub fn set(&self, settings: Option<MonitorSettings>) -> Option<MonitorSettings> {
        let mut current = self.settings.write();
        self.flags.store(settings.map_or(0, |settings| settings.flags()), Ordering::Relaxed);
        std::mem::replace(&mut *current, settings)
    }
    #[inline]
    fn wants(&self, flag: u32) -> bool {
        self.flags.load(Ordering::Relaxed) & flag != 0
    }
    fn remove(&self, pid: Pid) {
        let mut current = self.settings.write();
        if current.is_some_and(|settings| settings.pid == pid) {
            self.flags.store(0, Ordering::Relaxed);
            *current = None;
        }
    }
}

/// Where and when a slice began.
pub(crate) struct SliceStart {
    at: Instant,
    address: u64,
}

impl Vm {
    /// Sends `{monitor, Who, Event, Information}`. A monitor is not told about itself; one that has ended is removed.
    fn tell_monitor(
        &self,
        monitor: Pid,
        who: Pid,
        event: oxbeam_term::Atom,
        information: impl for<'h> FnOnce(&'h Heap) -> Term<'h>,
    ) {
        if monitor == who {
            return;
        }
        if self.process(monitor).is_none() {
            self.system_monitor.remove(monitor);
            return;
        }
        self.send_built(monitor, |heap| {
            heap.tuple(&[Term::atom(atoms::MONITOR), Term::pid(who), Term::atom(event), information(heap)])
        });
    }

    /// Collects as [`ProcessMain::collect`] does; tells the system monitor and the tracer.
    pub fn collect(&self, process: &Process, main: &mut ProcessMain, need: usize, live: &mut [Word]) -> Collected {
        if process.trace_flags() & trace_flag::GARBAGE_COLLECTION != 0 {
            return self.collect_traced(process, main, need, live);
        }
        self.collect_monitored(process, main, need, live)
    }

    #[cold]
    fn collect_traced(&self, process: &Process, main: &mut ProcessMain, need: usize, live: &mut [Word]) -> Collected {
        let tell = |name: &str, words: Option<usize>, main: &ProcessMain| {
            self.trace_event(process, trace_flag::GARBAGE_COLLECTION, name, &|heap| {
                vec![collection_info(main, words, heap)]
            });
        };
        let major = main.state.force_major || main.heap.needs_major();
        let (start, end) = if major { ("gc_major_start", "gc_major_end") } else { ("gc_minor_start", "gc_minor_end") };
        let before = main.state.reclaimed_ever;
        tell(start, Some(need), main);
        let collected = self.collect_monitored(process, main, need, live);
        if collected == Collected::TooLarge {
            tell("gc_max_heap_size", None, main);
        }
        if collected == Collected::Fine || !main.state.rare.max_heap_size.kill {
            tell(end, Some((main.state.reclaimed_ever - before) as usize), main);
        }
        collected
    }

    fn collect_monitored(
        &self,
        process: &Process,
        main: &mut ProcessMain,
        need: usize,
        live: &mut [Word],
    ) -> Collected {
        if !self.system_monitor.wants(COLLECTION) {
            return self.schedulers.timed_collection(self, || main.collect(need, live));
        }
        let start = Instant::now();
        let collected = self.schedulers.timed_collection(self, || main.collect(need, live));
        std::thread::sleep(Duration::from_millis(self.system_monitor.collection_sleep.load(Ordering::Relaxed).into()));
        if let Some(settings) = self.system_monitor.settings() {
            self.collection_done(&settings, process.pid(), &main.heap, start.elapsed());
        }
        collected
    }

    fn collection_done(&self, settings: &MonitorSettings, pid: Pid, heap: &Heap, took: Duration) {
        let milliseconds = took.as_millis() as usize;
        if settings.long_gc.is_some_and(|limit| milliseconds > limit) {
            self.tell_monitor(settings.pid, pid, atoms::LONG_GC, |target| sizes(heap, Some(milliseconds), target));
        }
        if settings.large_heap.is_some_and(|limit| heap.block_words() + heap.old_block_words() >= limit) {
            self.tell_monitor(settings.pid, pid, atoms::LARGE_HEAP, |target| sizes(heap, None, target));
        }
    }

    /// A slice begins: `Some` when the system monitor wants to know of long ones.
    #[inline]
    pub(crate) fn slice_starts(&self, main: &ProcessMain) -> Option<SliceStart> {
        let wanted = self.system_monitor.wants(SCHEDULE);
        wanted.then(|| SliceStart { at: Instant::now(), address: main.state.current_address })
    }

    /// A slice has ended.
    pub(crate) fn slice_ends(&self, process: &Process, main: &ProcessMain, start: &SliceStart) {
        let milliseconds = start.at.elapsed().as_millis() as usize;
        let Some(settings) = self.system_monitor.settings() else { return };
        if settings.long_schedule.is_none_or(|limit| milliseconds <= limit) {
            return;
        }
        let (from, to) = (self.frame_at(start.address), self.frame_at(main.state.current_address));
        self.tell_monitor(settings.pid, process.pid(), atoms::LONG_SCHEDULE, |heap| {
            let place = |frame: &Option<crate::Frame>| match frame {
                None => Term::atom(atoms::UNDEFINED),
                Some(frame) => {
                    let arity = Term::small(i64::from(frame.arity));
                    heap.tuple(&[Term::atom(frame.module), Term::atom(frame.function), arity])
                }
            };
            let pair = |name, value| heap.tuple(&[Term::atom(name), value]);
            heap.list(&[
                pair(atoms::TIMEOUT, heap.unsigned(milliseconds as u64)),
                pair(atoms::IN, place(&from)),
                pair(atoms::OUT, place(&to)),
            ])
        });
    }

    /// Messages have come to a queue.
    #[inline]
    pub(crate) fn queue_has_grown(&self, process: &Process, messages: &mut Mailbox) {
        if self.system_monitor.wants(QUEUE) && !messages.is_long {
            self.look_at_queue(process, messages);
        }
    }

    /// A message has left a queue.
    #[inline]
    pub fn queue_has_shrunk(&self, process: &Process, messages: &mut Mailbox) {
        if messages.is_long {
            self.look_at_queue(process, messages);
        }
    }

    #[cold]
    fn look_at_queue(&self, process: &Process, messages: &mut Mailbox) {
        let settings = self.system_monitor.settings();
        let Some((pid, (low, high))) = settings.and_then(|all| Some((all.pid, all.long_message_queue?))) else {
            messages.is_long = false;
            return;
        };
        let is_long = if messages.is_long { messages.len() > low } else { messages.len() >= high };
        if is_long != messages.is_long {
            messages.is_long = is_long;
            self.tell_monitor(pid, process.pid(), atoms::LONG_MESSAGE_QUEUE, |_| Term::boolean(is_long));
        }
    }

    /// A process has to wait for a busy port.
    pub fn waits_for_port(&self, process: &Arc<Process>, port: Port) {
        if self.system_monitor.wants(BUSY_PORT)
            && let Some(settings) = self.system_monitor.settings()
        {
            self.tell_monitor(settings.pid, process.pid(), atoms::BUSY_PORT, |_| Term::port(port));
        }
    }

    /// A process has to wait for a busy connection, which this port or process carries.
    pub fn waits_for_connection(&self, process: &Arc<Process>, controller: Controller) {
        if self.system_monitor.wants(BUSY_CONNECTION)
            && let Some(settings) = self.system_monitor.settings()
        {
            self.tell_monitor(settings.pid, process.pid(), atoms::BUSY_DIST_PORT, |_| match controller {
                Controller::Port(port) => Term::port(port),
                Controller::Process(pid) => Term::pid(pid),
            });
        }
    }
}

/// The sizes of a heap, in words, as `process_info(P, garbage_collection_info)` and tracing show them.
pub fn collection_sizes(heap: &Heap, virtual_limit: usize) -> [(oxbeam_term::Atom, usize); 11] {
    let (old, old_used) = (heap.old_block_words(), heap.old_used_words());
    let fragments = heap.total_words().saturating_sub(heap.block_words() + old);
    let binaries: usize = heap.large_binaries().iter().map(|(_, size, _)| size.div_ceil(8)).sum();
    [
        (atoms::OLD_HEAP_BLOCK_SIZE, old),
        (atoms::HEAP_BLOCK_SIZE, heap.block_words()),
        (atoms::MBUF_SIZE, fragments),
        (atoms::RECENT_SIZE, heap.recent_words()),
        (atoms::STACK_SIZE, heap.stack_words()),
        (atoms::OLD_HEAP_SIZE, old_used),
        (atoms::HEAP_SIZE, heap.used_words().saturating_sub(old_used + fragments)),
        (atoms::BIN_VHEAP_SIZE, binaries),
        (atoms::BIN_VHEAP_BLOCK_SIZE, virtual_limit),
        (atoms::BIN_OLD_VHEAP_SIZE, 0),
        (atoms::BIN_OLD_VHEAP_BLOCK_SIZE, virtual_limit),
    ]
}

/// What tracing tells of a collection: `words`, asked for or given back, and the sizes of the heap.
fn collection_info<'t>(main: &ProcessMain, words: Option<usize>, target: &'t Heap) -> Term<'t> {
    let sizes = collection_sizes(&main.heap, main.heap.options().min_virtual_words);
    let pairs = words.map(|words| (atoms::WORDSIZE, words)).into_iter().chain(sizes);
    let pairs: Vec<Term<'t>> =
        pairs.map(|(name, value)| target.tuple(&[Term::atom(name), target.unsigned(value as u64)])).collect();
    target.list(&pairs)
}

/// The sizes of a heap, in words, behind the time that its collection took.
fn sizes<'t>(heap: &Heap, milliseconds: Option<usize>, target: &'t Heap) -> Term<'t> {
    let (old, old_used) = (heap.old_block_words(), heap.old_used_words());
    let fragments = heap.total_words().saturating_sub(heap.block_words() + old);
    let pairs = [
        (atoms::OLD_HEAP_BLOCK_SIZE, old),
        (atoms::HEAP_BLOCK_SIZE, heap.block_words()),
        (atoms::MBUF_SIZE, fragments),
        (atoms::STACK_SIZE, heap.stack_words()),
        (atoms::OLD_HEAP_SIZE, old_used),
        (atoms::HEAP_SIZE, heap.used_words().saturating_sub(old_used + fragments)),
    ];
    let timeout = milliseconds.map(|time| (atoms::TIMEOUT, time));
    let pairs: Vec<Term<'t>> = timeout
        .into_iter()
        .chain(pairs)
        .map(|(name, value)| target.tuple(&[Term::atom(name), target.unsigned(value as u64)]))
        .collect();
    target.list(&pairs)
}
