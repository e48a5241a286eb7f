//! Spawning processes.

use crate::monitor::{AliasKind, LinkTarget, Monitor, MonitorTarget, Watcher};
use crate::process::{Process, ProcessMain, ProcessState, Resume};
use crate::{MaxHeapSize, Priority, Vm};
use oxbeam_term::{Atom, Heap, HeapOptions, LocalReference, OwnedTerm, Pid, Term};
use std::sync::Arc;

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
    pub off_heap: bool,
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
            off_heap: false,
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
        let heap_options = HeapOptions {
            min_heap_words: options.min_heap_words.unwrap_or(self.options.min_heap_words),
            min_virtual_words: options.min_virtual_words.unwrap_or(self.options.min_virtual_words),
            fullsweep_after: options.fullsweep_after.unwrap_or(self.options.fullsweep_after),
            literals: self.literals(),
        };
        let leader = parent.as_ref().map(|(_, state)| state.group_leader.clone());
        let parent_pid = parent.as_ref().map(|(pid, _)| *pid);
        let process = self.processes.insert(|pid| {
            let group_leader = leader.unwrap_or_else(|| OwnedTerm::immediate(Term::pid(pid).word()));
            let mut main = ProcessMain::new(heap_options, group_leader, parent_pid);
            let ProcessMain { heap, state } = &mut main;
            let heap: &Heap = heap;
            let copies: Vec<Term<'_>> = arguments.iter().map(|argument| heap.copy_in(*argument)).collect();
            let list = heap.list(&copies);
            state.registers = vec![Term::atom(module).word(), Term::atom(function).word(), list.word()];
            state.resume = Resume::Code(self.engine().apply_address());
            state.initial_call = (module, function, arguments.len() as u8);
            state.flags.off_heap = options.off_heap;
            if let Some(limit) = options.max_heap_size {
                state.max_heap_size = limit;
            } else {
                state.max_heap_size.size = self.options.max_heap_words;
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
        let pid = process.pid();
        if let Some((_, state)) = parent {
            if options.link {
                state.links.insert(LinkTarget::Process(pid), ());
            }
            if let Some(SpawnMonitor { reference, tag, alias }) = options.monitor {
                let target = MonitorTarget::Process(pid);
                state.monitors.insert(reference, Monitor { target, tag, alias });
            }
        }
        self.schedulers.enqueue(process);
        Some(pid)
    }
}
