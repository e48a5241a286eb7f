//! Dirty calls: who owns a process meanwhile, and who handles its signals.
//!
//! A dirty call works on a [`Shadow`]: it reads its arguments on the process's heap, which nobody collects, and builds
//! its result on a heap of its own. So the process itself is free for others:
//!
//! ```text
//!   Running --enter_dirty_call--> Dirty --leave_dirty_call--> Running
//!                                   '--killed: by whoever handles its signals--> Dead
//! ```
//!
//! While it is Dirty, whoever holds `Process::dirty` owns its main part. Signals other than messages are handled at
//! once: the sender asks one of OTP's `erts_dirty_process_signal_handler` processes, which calls
//! [`Vm::handle_dirty_signals`]. A process that is killed is Dead for everybody at once; its memory stays until
//! [`Vm::leave_dirty_call`] finds that out. What cannot be done meanwhile (collecting, moving terms) is postponed.

use crate::process::{DirtyState, Priority, Process, ProcessMain, ProcessState, RunStatus};
use crate::{LinkTarget, Signal, Vm};
use oxbeam_term::{Heap, OwnedTerm, Pid, Word, atoms};
use std::sync::Arc;
use std::sync::OnceLock;

/// The processes that handle signals of processes in dirty calls, by priority.
#[derive(Default)]
pub(crate) struct DirtySignalHandlers(OnceLock<[Pid; 3]>);

/// What became of a request to handle the signals of a process in a dirty call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirtyHandling {
    /// They are handled.
    Done,
    /// It is not in a dirty call any more: it handles them by itself.
    Normal,
    /// It has ended.
    Gone,
}

/// Words of a shadow's first block: enough for most results.
const SHADOW_WORDS: usize = 38;

/// What a dirty call works with in place of its process.
pub struct Shadow {
    /// Where results are built.
    pub heap: Heap,
    /// Links made here become links of the process; nothing else is looked at.
    pub state: ProcessState,
}

impl Shadow {
    /// For a call of a process with this heap.
    pub fn new(heap: &Heap) -> Shadow {
        let ProcessMain { heap, state } =
            ProcessMain::new(*heap.options(), SHADOW_WORDS, OwnedTerm::immediate(Word::NIL), None);
        Shadow { heap, state }
    }
    /// The call is over and the caller owns the process again: the results become part of its heap, where they are.
    pub fn merge(self, main: &mut ProcessMain) {
        main.heap.absorb(self.heap);
        for (target, ()) in self.state.links {
            main.state.links.insert(target, ());
        }
    }
    /// The process was killed during the call: links that the call made end with it.
    pub fn abandon(self, vm: &Vm, pid: Pid) {
        for (target, ()) in self.state.links {
            vm.link_exit(target, LinkTarget::Process(pid), Vm::own_atom(atoms::KILLED));
        }
    }
}

impl Vm {
    /// Sets who handles signals of processes in dirty calls: for those of priority normal and low, high, and max.
    pub fn set_dirty_signal_handlers(&self, handlers: [Pid; 3]) {
        let _ = self.dirty_handlers.0.set(handlers);
    }
    pub(crate) fn ask_dirty_signal_handler(&self, process: &Process) {
        let Some([normal, high, max]) = self.dirty_handlers.0.get() else { return };
        let handler = match process.priority() {
            Priority::Low | Priority::Normal => normal,
            Priority::High => high,
            Priority::Max => max,
        };
        let message = OwnedTerm::immediate(oxbeam_term::Term::pid(process.pid()).word());
        self.signal_pid(*handler, Signal::Message(message));
    }
    /// The owner of a process gives it up: it is queued for a dirty call, or in one.
    pub fn enter_dirty_call(&self, process: &Arc<Process>, how: DirtyState) {
        // SAFETY: the caller owns the process.
        unsafe { process.main() }.state.dirty = how;
        if how == DirtyState::Running {
            self.changes_activity();
        }
        if process.incoming.enter_dirty() {
            self.ask_dirty_signal_handler(process);
        }
    }
    /// A dirty call is over, or begins after waiting in a queue: the caller owns the process again. False when it was
    /// killed meanwhile; the rest of its memory is freed then.
    pub fn leave_dirty_call(&self, process: &Arc<Process>) -> bool {
        let _owned = process.dirty.lock();
        let alive = process.incoming.leave_dirty();
        // SAFETY: nobody handles its signals now, and nobody will: it is Running, or Dead.
        let main = unsafe { process.main() };
        if main.state.dirty == DirtyState::Running {
            self.changes_activity();
        }
        main.state.dirty = DirtyState::No;
        if !alive {
            self.free_memory(process, main);
            self.dirty_call_of_ended(process.pid());
        }
        alive
    }
    /// Handles the signals of a process in a dirty call.
    pub fn handle_dirty_signals(&self, pid: Pid) -> DirtyHandling {
        let Some(process) = self.process(pid) else { return DirtyHandling::Gone };
        let _owned = process.dirty.lock();
        match process.status() {
            RunStatus::Dirty => {}
            RunStatus::Dead => return DirtyHandling::Gone,
            RunStatus::Queued | RunStatus::Running | RunStatus::Waiting => return DirtyHandling::Normal,
        }
        // SAFETY: it is Dirty, and stays so as long as the lock is held.
        let main = unsafe { process.main() };
        self.handle_signals(&process, main);
        if let Some(reason) = main.state.exiting.take() {
            self.terminate(&process, reason);
        }
        DirtyHandling::Done
    }
}

impl ProcessState {
    /// Does `task` when the dirty call that the process is in is over.
    pub fn postpone(&mut self, task: crate::SystemTask) {
        debug_assert!(self.dirty != DirtyState::No, "postponed until the end of a dirty call that is none");
        self.rare.postponed.get_mut().push(Signal::Task(task));
    }
}
