//! Spawning processes.

use crate::monitor::{AliasKind, LinkTarget, Monitor, MonitorTarget, Watcher};
use crate::process::{Process, ProcessMain, ProcessState, Resume};
use crate::{MaxHeapSize, Priority, Vm};
use oxbeam_term::{Atom, Heap, HeapOptions, LocalReference, OwnedTerm, Pid, Term};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Words of a process's first block when nobody asked for more: enough to start, wait and answer. What needs more goes on
/// in a block of the smallest usual size after its first collection. (Odd: the allocator's header makes it even.)
const FIRST_BLOCK_WORDS: usize = 25;
/// Words of the first block that the arguments leave free.
const FIRST_FREE_WORDS: usize = 17;

/// What `spawn_opt/4` may ask for.
pub struct SpawnOptions {
    /// Link to the parent.
    pub link: bool,
    /// Let the parent monitor it.
    pub monitor: Option<SpawnMonitor>,
    /// Priority.
    pub priority: Priority,
    /// Size of the first heap, in words.
    pub min_heap_words: Option<usize>,
    /// Lower bound of the virtual heap, in words.
    pub min_virtual_words: Option<usize>,
    /// Minor collections before a full one.
    pub fullsweep_after: Option<u32>,
    /// Limit of the heap.
    pub max_heap_size: Option<MaxHeapSize>,
    /// `message_queue_data`.
    pub off_heap: Option<bool>,
    /// `async_dist`.
    pub async_dist: Option<bool>,
    /// A system process (`erts_internal:spawn_system_process/3`).
    pub system: bool,
}

/// The monitor that a parent sets while spawning.
pub struct SpawnMonitor {
    /// Its reference.
    pub reference: LocalReference,
    /// Its tag in place of `'DOWN'`.
    pub tag: Option<OwnedTerm>,
    /// Is it an alias too?
    pub alias: Option<AliasKind>,
}

impl Default for SpawnOptions {
    fn default() -> SpawnOptions {
        SpawnOptions {
            link: false,
            monitor: None,
            priority: Priority::Normal,
            min_heap_words: None,
            min_virtual_words: None,
            fullsweep_after: None,
            max_heap_size: None,
            off_heap: None,
            async_dist: None,
            system: false,
        }
    }
}

impl Vm {
    /// Spawns a process that applies `module:function` to `arguments` (terms of any heap). `None` when the process
    /// table is full. `parent` is the caller's own state, which gets link and monitor.
    pub fn spawn(
        &self,
        parent: Option<(Pid, &mut ProcessState)>,
        module: Atom,
        function: Atom,
        arguments: &[Term<'_>],
        options: SpawnOptions,
    ) -> Option<Pid> {
        let process = self.create_process(parent, module, function, arguments, options)?;
        let pid = process.pid();
        self.start_process(process);
        Some(pid)
    }
    /// Lets a process run that [`Vm::create_process`] made.
    pub fn start_process(&self, process: Arc<Process>) {
        if self.is_profiled(crate::profile_flag::PROCESSES) {
            self.profile_process(&process, true);
        }
        self.schedulers.enqueue(process);
    }
    /// As [`Vm::spawn`], but the process does not run before [`Vm::start_process`]; signals sent to it before are kept.
    pub fn create_process(
        &self,
        parent: Option<(Pid, &mut ProcessState)>,
        module: Atom,
        function: Atom,
        arguments: &[Term<'_>],
        options: SpawnOptions,
    ) -> Option<Arc<Process>> {
        let heap_options = HeapOptions {
            min_heap_words: options.min_heap_words.unwrap_or(self.defaults.min_heap_words.load(Ordering::Relaxed)),
            min_virtual_words: options
                .min_virtual_words
                .unwrap_or(self.defaults.min_virtual_words.load(Ordering::Relaxed)),
            fullsweep_after: options.fullsweep_after.unwrap_or(self.defaults.fullsweep_after.load(Ordering::Relaxed)),
            literals: self.literals(),
        };
        let first_block_words = match options.min_heap_words {
            Some(words) => words,
            None => {
                let size = |argument: &Term<'_>| oxbeam_term::size_in_words(*argument, self.literals()) + 2;
                FIRST_BLOCK_WORDS.max(arguments.iter().map(size).sum::<usize>() + FIRST_FREE_WORDS)
            }
        };
        let mut parent = parent;
        let leader = parent.as_ref().map(|(_, state)| state.group_leader.clone());
        let parent_pid = parent.as_ref().map(|(pid, _)| *pid);
        let process = self.processes.insert(|pid| {
            let group_leader = leader.unwrap_or_else(|| OwnedTerm::immediate(Term::pid(pid).word()));
            let mut main = ProcessMain::new(heap_options, first_block_words, group_leader, parent_pid);
            let ProcessMain { heap, state } = &mut main;
            let heap: &Heap = heap;
            let copies: Vec<Term<'_>> = arguments.iter().map(|argument| heap.copy_in(*argument)).collect();
            let list = heap.list(&copies);
            state.registers = [Term::atom(module).word(), Term::atom(function).word(), list.word()].into();
            state.resume = Resume::Code(self.engine().apply_address());
            state.initial_call = (module, function, u8::try_from(arguments.len()).unwrap_or(u8::MAX));
            if let Some((above, parent_state)) = parent.as_mut()
                && parent_state.rare.seq_trace_token.is_some()
            {
                self.pass_token_on((*above, parent_state), (pid, state), arguments, &options);
            }
            state.flags.off_heap = options.off_heap.unwrap_or(self.options.off_heap_messages);
            state.flags.async_dist = options.async_dist.unwrap_or(self.options.async_distribution);
            let limit = options.max_heap_size.unwrap_or_else(|| *self.defaults.max_heap_size.lock());
            if limit != MaxHeapSize::NONE {
                state.rare.max_heap_size = limit;
            }
            if let Some(parent) = parent_pid {
                if options.link {
                    state.links.insert(LinkTarget::Process(parent), ());
                }
                if let Some(monitor) = &options.monitor {
                    state.watchers.insert(monitor.reference, Watcher { watcher: parent, name: None });
                }
            }
            Arc::new(Process::new(pid, options.priority, options.system, main))
        })?;
        let count = self.processes.count();
        if count > self.memory.process_peak.load(Ordering::Relaxed) {
            self.memory.process_peak.fetch_max(count, Ordering::Relaxed);
        }
        let pid = process.pid();
        let above = parent_pid.and_then(|pid| self.process(pid));
        let traced = above.as_ref().is_some_and(|parent| parent.trace_flags() != 0);
        if (traced || self.tracing.new_processes.load(Ordering::Relaxed))
            && let Some(tracer) = self.tracing.tracer()
        {
            tracer.spawned(self, above.as_deref(), &process, options.link, &|heap| {
                let copies: Vec<Term<'_>> = arguments.iter().map(|argument| heap.copy_in(*argument)).collect();
                vec![heap.tuple(&[Term::atom(module), Term::atom(function), heap.list(&copies)])]
            });
        }
        if let Some((_, state)) = parent {
            if options.link {
                state.links.insert(LinkTarget::Process(pid), ());
            }
            if let Some(SpawnMonitor { reference, tag, alias }) = options.monitor {
                let target = MonitorTarget::Process(pid);
                state.monitors.insert(reference, Monitor { target, tag, alias, carries_owner: alias.is_some() });
            }
        }
        Some(process)
    }
}
