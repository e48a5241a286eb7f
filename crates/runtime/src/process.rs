//! A process: what others may touch, and what only its owner of the moment may.
//!
//! States (in the process's inbox, under its lock; see `inbox.rs`):
//!
//! ```text
//!   Queued --scheduler takes it--> Running --slice over--> Queued
//!                                     |--receive finds nothing--> Waiting --any signal--> Queued
//!                                     |--dirty BIF--> Dirty --call over--> Running
//!                                     '--ends--> Dead
//! ```
//!
//! Whoever moved the process to Running owns its [`ProcessMain`] until it moves it on. Signals only ever go through
//! the inbox; a sender that finds Waiting moves it to Queued and hands it to a scheduler, under the same lock, so no
//! wake-up is lost. Between the two it owns the main part, and may put a message there itself (`Inbox::claim`). While Dirty, whoever holds the dirty lock owns it (see `dirty.rs`).

use crate::distribution::{RemoteWatcher, SpawnRequest};
use crate::inbox::Inbox;
use crate::mailbox::Mailbox;
use crate::monitor::{LinkTarget, Monitor, RemoteReference, Watcher};
use crate::{AliasKind, BifFunction, LastCalls, Signal, SmallMap};
use oxbeam_term::{
    Atom, Heap, HeapOptions, LeavingLiterals, LiteralRange, LocalReference, OwnedTerm, Pid, Term, Word, atoms,
};
use smallvec::SmallVec;
use std::cell::UnsafeCell;
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

/// Scheduling priority.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Priority {
    /// Runs less often than normal.
    Low = 0,
    /// The default.
    Normal = 1,
    /// Before all normal ones.
    High = 2,
    /// Before everything; for the system.
    Max = 3,
}

impl Priority {
    /// Its atom.
    pub fn atom(self) -> Atom {
        match self {
            Priority::Low => atoms::LOW,
            Priority::Normal => atoms::NORMAL,
            Priority::High => atoms::HIGH,
            Priority::Max => atoms::MAX,
        }
    }
    /// The priority of this atom.
    pub fn of(term: Term<'_>) -> Option<Priority> {
        match term.as_atom()? {
            atoms::LOW => Some(Priority::Low),
            atoms::NORMAL => Some(Priority::Normal),
            atoms::HIGH => Some(Priority::High),
            atoms::MAX => Some(Priority::Max),
            _ => None,
        }
    }
    pub(crate) fn from_number(number: u8) -> Priority {
        match number {
            0 => Priority::Low,
            1 => Priority::Normal,
            2 => Priority::High,
            _ => Priority::Max,
        }
    }
}

/// Where a process is in its life, see the module's documentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunStatus {
    /// In a run queue.
    Queued,
    /// Owned by a scheduler.
    Running,
    /// Until a signal comes.
    Waiting,
    /// In a dirty call, or queued for one. Others handle its signals meanwhile.
    Dirty,
    /// Ended; no signal is taken any more.
    Dead,
}

/// Kinds of things that a process may have and that are given back when it ends: most processes have none, and ending
/// one should not ask everybody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holding(u32);

impl Holding {
    /// Owned or fixed ETS tables.
    pub const TABLES: Holding = Holding(1);
    /// Timers that send to it.
    pub const TIMERS: Holding = Holding(1 << 1);
    /// Open files.
    pub const FILES: Holding = Holding(1 << 2);
    /// The terminal.
    pub const TERMINAL: Holding = Holding(1 << 3);
    /// Sockets.
    pub const SOCKETS: Holding = Holding(1 << 4);
    /// Processes or ports that it traces.
    pub const TRACEES: Holding = Holding(1 << 5);
    /// Distribution: its end is the end of connections.
    pub const DISTRIBUTION: Holding = Holding(1 << 6);
    /// Schedulers that it blocks.
    pub const SCHEDULERS: Holding = Holding(1 << 7);

    pub(crate) fn is_nothing(self) -> bool {
        self.0 == 0
    }
    pub(crate) fn includes(self, other: Holding) -> bool {
        self.0 & other.0 != 0
    }
}

/// Among the trace flags of a process: it is sensitive, and nothing of it is told. No tracer asks for this one.
const SENSITIVE: u32 = 1 << 31;

/// A process, as everybody sees it.
pub struct Process {
    pid: Pid,
    pub(crate) incoming: Inbox<Signal>,
    priority: AtomicU8,
    /// Atom index of the registered name plus one.
    registered: AtomicU32,
    /// Is it one that the machine cannot do without? Its end ends the machine.
    pub(crate) system: bool,
    /// Reductions executed, for statistics; the current slice is not counted yet.
    pub reductions: AtomicU64,
    /// Bytes of its heap when it was last looked at, for `erlang:memory/0`.
    pub(crate) heap_bytes: AtomicU64,
    trace_flags: AtomicU32,
    /// What it has that must be given back when it ends, a [`Holding`].
    held: AtomicU32,
    /// Says who owns the main part while the status is Dirty.
    pub(crate) dirty: parking_lot::Mutex<()>,
    main: UnsafeCell<ProcessMain>,
}

// SAFETY: `main` is only touched by its owner of the moment, as [`Process::main`] asks; everything else synchronises by itself.
unsafe impl Sync for Process {}
// SAFETY: as above; a heap may move between threads with its process.
unsafe impl Send for Process {}

/// What only the process's owner touches.
pub struct ProcessMain {
    /// Heap and stack.
    pub heap: Heap,
    /// Everything else.
    pub state: ProcessState,
}

/// Where a process goes on when it is scheduled next.
#[derive(Clone, Copy)]
pub enum Resume {
    /// At this code address, with the saved registers.
    Code(u64),
    /// By calling this BIF function with the saved registers as its arguments, as the code at `return_to` did.
    Bif(SavedCall),
}

/// A BIF call to be made (again).
#[derive(Clone, Copy)]
pub struct SavedCall {
    /// The function.
    pub function: BifFunction,
    /// Number of saved registers that are its arguments.
    pub arity: u8,
    /// Instruction to go on at once it has returned a value.
    pub return_to: u64,
    /// Does the call stand in tail position, so that its value is returned to the caller?
    pub tail: bool,
    /// Module of the BIF, for the stack trace.
    pub module: Atom,
    /// Name of the BIF, for the stack trace.
    pub name: Atom,
    /// May the dirty part run now (set when the process is on a dirty scheduler)?
    pub dirty: bool,
}

/// Flags that `process_flag/2` sets.
#[derive(Clone, Copy, Default, Debug)]
pub struct Flags {
    /// Exit signals become messages.
    pub trap_exit: bool,
    /// No tracing, no data in crash dumps.
    pub sensitive: bool,
    /// `message_queue_data` is `off_heap`. Messages stay outside the heap until they are received either way; this
    /// says whether they count towards `max_heap_size`.
    pub off_heap: bool,
    /// Distributed sends do not suspend.
    pub async_dist: bool,
}

/// `max_heap_size`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MaxHeapSize {
    /// In words; 0 means no limit.
    pub size: usize,
    /// Kill the process?
    pub kill: bool,
    /// Log an error?
    pub error_logger: bool,
    /// Count shared binaries?
    pub include_shared_binaries: bool,
}

impl MaxHeapSize {
    /// No limit.
    pub const NONE: MaxHeapSize =
        MaxHeapSize { size: 0, kill: true, error_logger: true, include_shared_binaries: false };
}

/// What a collection found out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Collected {
    /// All is well.
    Fine,
    /// `max_heap_size` is exceeded; whether the process must be killed for that is part of the limit.
    TooLarge,
}

/// How far a dirty call is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirtyState {
    /// There is none.
    No,
    /// It waits for a dirty scheduler.
    Queued,
    /// It is being made.
    Running,
}

/// A process's own data beside its heap.
pub struct ProcessState {
    /// Where to go on.
    pub resume: Resume,
    /// X registers saved while it does not run.
    pub registers: SavedRegisters,
    /// While it runs: address behind the instruction that called the current BIF; else where it stopped.
    pub current_address: u64,
    /// Its messages.
    pub messages: Mailbox,
    /// Process dictionary: key and value words, in order of insertion.
    pub(crate) dictionary: Dictionary,
    /// Links.
    pub links: SmallMap<LinkTarget, ()>,
    /// Monitors that it set.
    pub monitors: SmallMap<LocalReference, Monitor>,
    /// Monitors set on it.
    pub watchers: SmallMap<LocalReference, Watcher>,
    /// Flags.
    pub flags: Flags,
    /// Group leader: a pid.
    pub group_leader: OwnedTerm,
    /// Who spawned it.
    pub parent: Option<Pid>,
    /// Module that handles calls to undefined functions.
    pub error_handler: Atom,
    /// First function it ran.
    pub initial_call: (Atom, Atom, u8),
    /// When `receive ... after` gives up (nanoseconds of the machine's clock), once it waits.
    pub receive_deadline: Option<u64>,
    /// The timer that wakes it then.
    pub receive_timer: Option<crate::TimerId>,
    /// Set when something decided that the process ends: with this reason, before it runs again.
    pub exiting: Option<OwnedTerm>,
    /// Words that collections gave back since the machine was told.
    pub(crate) reclaimed_words: u64,
    /// Words that collections gave back since it was spawned.
    pub reclaimed_ever: u64,
    /// Does it hibernate: nothing but a message makes it run?
    pub hibernating: bool,
    /// The next collection is a full one.
    pub force_major: bool,
    /// Collect at the next opportunity.
    pub force_minor: bool,
    /// While signals are handled before a slice: was it waiting for them?
    pub was_waiting: bool,
    /// Did it use up its last slice?
    pub(crate) computes: bool,
    /// Is it in a dirty call or queued for one?
    pub dirty: DirtyState,
    /// Is it to take in literals that are leaving, as soon as it does not run?
    pub(crate) take_in_literals: bool,
    /// What few processes need.
    pub rare: RareState,
}

/// What few processes need: one that does not, does not pay for it. Reading what was never set gives the value of a new
/// process; the first write makes room.
#[derive(Default)]
pub struct RareState(Option<Box<RareFields>>);

/// The fields of [`RareState`].
pub struct RareFields {
    /// Unlinks that the other end has not acknowledged, with their numbers. What it does about the old link until then
    /// does not count: two processes that link and unlink at the same time would end up with half a link.
    pub pending_unlinks: BTreeMap<LinkTarget, u64>,
    /// Number of the last unlink.
    pub last_unlink: u64,
    /// Aliases without a monitor.
    pub aliases: BTreeMap<LocalReference, AliasKind>,
    /// `proc_lib:set_label/1`.
    pub label: Option<OwnedTerm>,
    /// How often `suspend_process/1` was called on it.
    pub suspended: u32,
    /// Did it wait for a message when it was suspended?
    pub suspended_waiting: bool,
    /// Processes that it has suspended, and how often.
    pub suspending: BTreeMap<Pid, u32>,
    /// Heap limit.
    pub max_heap_size: MaxHeapSize,
    /// Sequential trace token (`seq_trace`).
    pub seq_trace_token: Option<OwnedTerm>,
    /// Serial numbers of sequential tracing: the last one it sent with, and the last one it received.
    pub seq_trace_counts: (i64, i64),
    /// Who sent the message that is being put into the queue, if somebody wants to know.
    pub(crate) message_sender: Option<crate::Sender>,
    /// What it did last, if it asked for that (`save_calls`).
    pub last_calls: Option<LastCalls>,
    /// Signals that must wait until its dirty call is over. The lock makes it something that a constant may hold.
    pub(crate) postponed: parking_lot::Mutex<Vec<Signal>>,
    /// Has it subscribed to nodes coming and going?
    pub monitors_nodes: bool,
    /// Nodes that it has, or had, something to do with, and the number of the connection.
    pub connections: BTreeMap<Atom, u32>,
    /// Monitors that processes of other nodes have set on it.
    pub remote_watchers: BTreeMap<RemoteReference, RemoteWatcher>,
    /// Nodes that it watches (`monitor_node/2`), and how often.
    pub watched_nodes: BTreeMap<Atom, u32>,
    /// Processes that it has asked other nodes to spawn.
    pub spawn_requests: BTreeMap<LocalReference, SpawnRequest>,
    /// Does it wait for a busy connection?
    pub waits_for_channel: bool,
    /// Does it wait for a busy port?
    pub waits_for_port: bool,
    /// Heap options set by `process_flag/2`, taken over by the next collection.
    pub heap_options: Option<HeapOptions>,
}

impl RareFields {
    /// Those of a new process.
    const fn new() -> RareFields {
        RareFields {
            pending_unlinks: BTreeMap::new(),
            last_unlink: 0,
            aliases: BTreeMap::new(),
            label: None,
            suspended: 0,
            suspending: BTreeMap::new(),
            max_heap_size: MaxHeapSize::NONE,
            seq_trace_token: None,
            seq_trace_counts: (0, 0),
            message_sender: None,
            suspended_waiting: false,
            last_calls: None,
            postponed: parking_lot::const_mutex(Vec::new()),
            monitors_nodes: false,
            connections: BTreeMap::new(),
            remote_watchers: BTreeMap::new(),
            watched_nodes: BTreeMap::new(),
            spawn_requests: BTreeMap::new(),
            waits_for_channel: false,
            waits_for_port: false,
            heap_options: None,
        }
    }
}

impl RareState {
    /// The fields, if any was ever set: for writes that have nothing to do otherwise.
    pub fn if_set(&mut self) -> Option<&mut RareFields> {
        self.0.as_deref_mut()
    }
}

impl Deref for RareState {
    type Target = RareFields;

    fn deref(&self) -> &RareFields {
        static NEW: RareFields = RareFields::new();
        self.0.as_deref().unwrap_or(&NEW)
    }
}

impl DerefMut for RareState {
    fn deref_mut(&mut self) -> &mut RareFields {
        self.0.get_or_insert_with(|| Box::new(RareFields::new()))
    }
}

/// X registers of a process that does not run: most wait with none, or were just spawned with three.
pub type SavedRegisters = SmallVec<[Word; 3]>;

/// A process dictionary.
#[derive(Default)]
pub struct Dictionary {
    pub(crate) words: Vec<Word>,
    /// Positions of immediate keys, which no collection changes; kept once there are many keys.
    pub(crate) index: Option<Box<std::collections::HashMap<Word, usize>>>,
}

impl Process {
    /// A process that is not in any table yet.
    pub(crate) fn new(pid: Pid, priority: Priority, system: bool, main: ProcessMain) -> Process {
        Process {
            pid,
            incoming: Inbox::new(),
            priority: AtomicU8::new(priority as u8),
            registered: AtomicU32::new(0),
            system,
            reductions: AtomicU64::new(0),
            heap_bytes: AtomicU64::new(0),
            trace_flags: AtomicU32::new(0),
            held: AtomicU32::new(0),
            dirty: parking_lot::Mutex::new(()),
            main: UnsafeCell::new(main),
        }
    }
    /// Its pid.
    pub fn pid(&self) -> Pid {
        self.pid
    }
    /// Its priority.
    pub fn priority(&self) -> Priority {
        Priority::from_number(self.priority.load(Ordering::Relaxed))
    }
    /// Sets its priority, from the next time it is queued.
    pub fn set_priority(&self, priority: Priority) {
        self.priority.store(priority as u8, Ordering::Relaxed);
    }
    /// What of it is told to tracers (see [`crate::trace_flag`]): nothing while it is sensitive.
    #[inline]
    pub fn trace_flags(&self) -> u32 {
        let flags = self.trace_flags.load(Ordering::Relaxed);
        if flags & SENSITIVE == 0 { flags } else { 0 }
    }
    /// Sets what of it is traced.
    pub fn set_trace_flags(&self, flags: u32) {
        let _ =
            self.trace_flags.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| Some(old & SENSITIVE | flags));
    }
    /// Is it kept from tracers?
    pub fn is_sensitive(&self) -> bool {
        self.trace_flags.load(Ordering::Relaxed) & SENSITIVE != 0
    }
    /// Sets whether it is kept from tracers (`process_flag(sensitive, _)`).
    pub fn set_sensitive(&self, sensitive: bool) {
        match sensitive {
            true => self.trace_flags.fetch_or(SENSITIVE, Ordering::Relaxed),
            false => self.trace_flags.fetch_and(!SENSITIVE, Ordering::Relaxed),
        };
    }
    /// Notes that it has something of this kind, so that the exit hooks for it are run when it ends. Whoever gives it
    /// something from outside looks afterwards whether it is [`RunStatus::Dead`]: then the hooks may have run already.
    pub fn holds(&self, holding: Holding) {
        if !self.held().includes(holding) {
            self.held.fetch_or(holding.0, Ordering::SeqCst);
        }
    }
    /// What it may have.
    pub(crate) fn held(&self) -> Holding {
        Holding(self.held.load(Ordering::SeqCst))
    }
    /// Is it a system process?
    pub fn is_system(&self) -> bool {
        self.system
    }
    /// Its registered name.
    pub fn registered_name(&self) -> Option<Atom> {
        match self.registered.load(Ordering::Acquire) {
            0 => None,
            index => Some(Atom(index - 1)),
        }
    }
    pub(crate) fn set_registered_name(&self, name: Option<Atom>) {
        self.registered.store(name.map_or(0, |atom| atom.0 + 1), Ordering::Release);
    }
    /// Where it is in its life.
    pub fn status(&self) -> RunStatus {
        self.incoming.status()
    }
    /// Are there signals that it has not taken yet?
    pub fn has_signals(&self) -> bool {
        !self.incoming.is_empty()
    }
    /// Has it handled everything that was sent to it, for certain?
    pub fn is_quiet(&self) -> bool {
        let incoming = self.incoming.freeze();
        incoming.is_empty() && matches!(incoming.status(), RunStatus::Queued | RunStatus::Waiting)
    }
    /// What only the owner touches.
    ///
    /// # Safety
    /// The caller moved the process to Running, or claimed it and has not queued it, or holds its dirty lock and found it Dirty
    /// (or it was never published), and has no other reference to it.
    #[allow(clippy::mut_from_ref, reason = "exclusive by the process's state, as documented")]
    pub unsafe fn main(&self) -> &mut ProcessMain {
        // SAFETY: by the caller's promise.
        unsafe { &mut *self.main.get() }
    }
}

impl ProcessMain {
    /// Of a process with a heap that begins with `first_block_words`.
    pub(crate) fn new(
        options: HeapOptions,
        first_block_words: usize,
        group_leader: OwnedTerm,
        parent: Option<Pid>,
    ) -> ProcessMain {
        ProcessMain {
            heap: Heap::with_first_block(options, first_block_words),
            state: ProcessState {
                resume: Resume::Code(0),
                registers: SavedRegisters::new(),
                current_address: 0,
                messages: Mailbox::default(),
                dictionary: Dictionary::default(),
                links: SmallMap::new(),
                monitors: SmallMap::new(),
                watchers: SmallMap::new(),
                rare: RareState::default(),
                flags: Flags::default(),
                group_leader,
                parent,
                error_handler: atoms::ERROR_HANDLER,
                initial_call: (atoms::UNDEFINED, atoms::UNDEFINED, 0),
                receive_deadline: None,
                receive_timer: None,
                exiting: None,
                reclaimed_words: 0,
                reclaimed_ever: 0,
                hibernating: false,
                force_major: false,
                force_minor: false,
                was_waiting: false,
                computes: false,
                dirty: DirtyState::No,
                take_in_literals: false,
            },
        }
    }
    /// Takes those of the leaving literals that the process refers to onto its heap, and into its messages.
    pub(crate) fn take_in(&mut self, leaving: &LeavingLiterals, literals: LiteralRange) {
        let ProcessMain { heap, state } = self;
        state.messages.settle(heap);
        state.messages.take_in(leaving, literals);
        state.with_roots(&mut [], &mut [], |roots| heap.take_in(leaving, roots));
    }
    /// Should it get a slice although it waits for a signal?
    pub(crate) fn wants_attention(&self) -> bool {
        self.state.take_in_literals || self.state.force_major || self.state.force_minor
    }
    /// Collects with `live` and the process's own data as roots, making room for `need` words.
    pub fn collect(&mut self, need: usize, live: &mut [Word]) -> Collected {
        self.collect_with(need, live, &mut [])
    }
    /// As [`ProcessMain::collect`], with a second set of roots.
    pub fn collect_with(&mut self, need: usize, live: &mut [Word], more: &mut [Word]) -> Collected {
        let ProcessMain { heap, state } = self;
        let force = std::mem::take(&mut state.force_major);
        state.force_minor = false;
        if let Some(options) = state.rare.if_set().and_then(|rare| rare.heap_options.take()) {
            *heap.options_mut() = options;
        }
        state.messages.settle(heap);
        let used = heap.used_words();
        state.with_roots(live, more, |roots| heap.collect(need, roots, force));
        let reclaimed = used.saturating_sub(heap.used_words()) as u64;
        state.reclaimed_words += reclaimed;
        state.reclaimed_ever += reclaimed;
        let limit = state.rare.max_heap_size;
        if limit.size == 0 {
            return Collected::Fine;
        }
        let binaries = match limit.include_shared_binaries {
            true => heap.large_binaries().iter().map(|(_, bytes, _)| bytes.div_ceil(8)).sum(),
            false => 0,
        };
        let messages = if state.flags.off_heap { 0 } else { state.messages.words() };
        if heap.total_words() + binaries + messages > limit.size { Collected::TooLarge } else { Collected::Fine }
    }
    /// Right after a major collection: leaves the heap no room at all ([`Heap::fit`]).
    pub fn fit(&mut self, live: &mut [Word]) {
        let ProcessMain { heap, state } = self;
        state.with_roots(live, &mut [], |roots| heap.fit(roots));
    }
}

impl ProcessState {
    /// Calls `collect` with the words that hold terms of the heap outside of it and its stack.
    fn with_roots<T>(
        &mut self,
        live: &mut [Word],
        more: &mut [Word],
        collect: impl FnOnce(&mut [&mut [Word]]) -> T,
    ) -> T {
        let mut queued: Vec<&mut Word> = self.messages.on_heap_words().collect();
        let mut queued_words: Vec<Word> = queued.iter().map(|word| **word).collect();
        let result = collect(&mut [live, more, &mut self.registers, &mut self.dictionary.words, &mut queued_words]);
        for (place, word) in queued.iter_mut().zip(&queued_words) {
            **place = *word;
        }
        result
    }
}

impl Dictionary {
    const INDEX_FROM: usize = 16;

    fn position(&self, key: Term<'_>) -> Option<usize> {
        if let Some(index) = &self.index
            && !key.word().is_pointer()
        {
            return index.get(&key.word()).copied();
        }
        // SAFETY: the words are roots of the owner's heap, which `key` borrows or outlives.
        (0..self.words.len() / 2).find(|&at| unsafe { Term::from_raw(self.words[at * 2]) }.is_exactly(key))
    }

    fn index_all(&mut self) {
        self.index = (self.words.len() / 2 > Self::INDEX_FROM).then(|| {
            let immediate = (0..self.words.len() / 2).filter(|at| !self.words[at * 2].is_pointer());
            Box::new(immediate.map(|at| (self.words[at * 2], at)).collect())
        });
    }

    /// Value of `key`.
    pub(crate) fn get(&self, key: Term<'_>) -> Option<Word> {
        self.position(key).map(|at| self.words[at * 2 + 1])
    }
    /// Sets the value of `key`; returns the old one.
    pub(crate) fn put(&mut self, key: Term<'_>, value: Term<'_>) -> Option<Word> {
        if let Some(at) = self.position(key) {
            return Some(std::mem::replace(&mut self.words[at * 2 + 1], value.word()));
        }
        self.words.extend([key.word(), value.word()]);
        match &mut self.index {
            Some(index) if !key.word().is_pointer() => {
                index.insert(key.word(), self.words.len() / 2 - 1);
            }
            Some(_) => {}
            None => self.index_all(),
        }
        None
    }
    /// Removes `key`; returns its value.
    pub(crate) fn erase(&mut self, key: Term<'_>) -> Option<Word> {
        let at = self.position(key)?;
        let value = self.words[at * 2 + 1];
        let last = self.words.len() - 2;
        self.words.swap(at * 2, last);
        self.words.swap(at * 2 + 1, last + 1);
        self.words.truncate(last);
        if let Some(index) = &mut self.index {
            index.remove(&key.word());
            if at * 2 < last && !self.words[at * 2].is_pointer() {
                index.insert(self.words[at * 2], at);
            }
        }
        Some(value)
    }
    /// Removes everything.
    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.index = None;
    }
}

impl ProcessState {
    /// Heap options as `process_flag/2` sees them: those of the next collection.
    pub fn next_heap_options(&self, heap: &Heap) -> HeapOptions {
        self.rare.heap_options.unwrap_or(*heap.options())
    }
}

impl<'h> crate::BifContext<'h> {
    /// Process dictionary: value of `key`.
    pub fn dictionary_get(&self, key: Term<'h>) -> Option<Term<'h>> {
        // SAFETY: dictionary words are roots of the caller's heap, which is not collected during `'h`.
        self.state.dictionary.get(key).map(|word| unsafe { Term::from_raw(word) })
    }
    /// Process dictionary: sets the value of `key` and returns the old one.
    pub fn dictionary_put(&mut self, key: Term<'h>, value: Term<'h>) -> Option<Term<'h>> {
        // SAFETY: as above.
        self.state.dictionary.put(key, value).map(|word| unsafe { Term::from_raw(word) })
    }
    /// Process dictionary: removes `key` and returns its value.
    pub fn dictionary_erase(&mut self, key: Term<'h>) -> Option<Term<'h>> {
        // SAFETY: as above.
        self.state.dictionary.erase(key).map(|word| unsafe { Term::from_raw(word) })
    }
    /// Process dictionary: all pairs.
    pub fn dictionary_pairs(&self) -> Vec<(Term<'h>, Term<'h>)> {
        // SAFETY: as above.
        let term = |word: Word| unsafe { Term::from_raw(word) };
        self.state.dictionary.words.chunks(2).map(|pair| (term(pair[0]), term(pair[1]))).collect()
    }
    /// Process dictionary: removes everything.
    pub fn dictionary_clear(&mut self) {
        self.state.dictionary.clear();
    }
}

impl ProcessState {
    /// The value of a key of the dictionary, copied to `heap`.
    pub fn dictionary_value<'t>(&self, key: Term<'_>, heap: &'t Heap) -> Option<Term<'t>> {
        // SAFETY: as in `dictionary_copy`.
        self.dictionary.get(key).map(|word| heap.copy_in(unsafe { Term::from_raw(word) }))
    }
    /// The dictionary's pairs, copied to `heap` (for `process_info/2` of another process).
    pub fn dictionary_copy<'t>(&self, heap: &'t Heap) -> Vec<(Term<'t>, Term<'t>)> {
        // SAFETY: dictionary words are roots of the process's own heap, and its owner is running this.
        let copy = |word: Word| heap.copy_in(unsafe { Term::from_raw(word) });
        self.dictionary.words.chunks(2).map(|pair| (copy(pair[0]), copy(pair[1]))).collect()
    }
}

/// A million processes are a million of these: growing one is a decision, not an accident.
const _: () = assert!(cfg!(any(gc_stress, loom)) || size_of::<Process>() <= 736);
