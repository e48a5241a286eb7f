//! Releasing literals of purged code and persistent terms that are gone, with OTP's `erts_literal_area_collector`.
//!
//! That process takes one retired block after the other ([`Vm::next_leaving_literals`]), and asks each process to take
//! what it still refers to onto its own heap ([`Vm::request_taking_in`]). From the beginning on nobody passes the block's
//! literals on: copies of terms copy them. The request comes to a process behind all messages that were sent before.
//! When all have answered nobody refers to the block.
//!
//! Two things are waited for beside the answers. A scheduler may be in the middle of copying a term when the block begins
//! to leave: the collector asks nobody before each scheduler has ended what it was at (`Schedulers::have_moved_on`). And a
//! process that was killed in a dirty call answers nothing, while the call still reads its arguments.

use crate::process::{DirtyState, Process, ProcessMain};
use crate::{Signal, SystemTask, Vm};
use oxbeam_term::{LeavingLiterals, OwnedTerm, Pid, Term, atoms};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

/// What is leaving.
#[derive(Default)]
pub(crate) struct LiteralRelease {
    collector: OnceLock<Pid>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    leaving: Option<Arc<LeavingLiterals>>,
    /// Processes that may refer to what is leaving.
    holders: HashSet<Pid>,
    /// What is referred to by nothing but dirty calls of processes that have ended.
    held: Vec<(Arc<LeavingLiterals>, HashSet<Pid>)>,
    /// Who asked a process, and the name of the request.
    requests: HashMap<Pid, (Pid, OwnedTerm)>,
    /// Processes that have ended, but for a dirty call.
    zombies: HashSet<Pid>,
}

impl Vm {
    /// Sets the process that releases literals.
    pub fn set_literal_collector(&self, collector: Pid) {
        let _ = self.literal_release.collector.set(collector);
    }
    /// Literals have retired: the collector looks at them in its own time.
    pub fn literals_retired(&self) {
        if let Some(collector) = self.literal_release.collector.get()
            && self.code.literals.has_retired()
        {
            let message = OwnedTerm::immediate(Term::atom(atoms::COPY_LITERALS).word());
            self.signal_pid(*collector, Signal::Message(message));
        }
    }
    pub(crate) fn wake_literal_collector(&self) {
        if let Some(collector) = self.literal_release.collector.get() {
            self.signal_pid(*collector, Signal::Wake);
        }
    }
    /// Every process has answered for the last block: it is freed. The next one begins to leave; false when there is none.
    pub fn next_leaving_literals(&self) -> bool {
        let mut state = self.literal_release.state.lock();
        let State { leaving, holders, held, zombies, .. } = &mut *state;
        if let Some(left) = leaving.take() {
            left.have_left();
            held.push((left, std::mem::take(holders)));
        }
        for (literals, mut holders) in std::mem::take(held) {
            holders.retain(|pid| self.process(*pid).is_some() || zombies.contains(pid));
            match Arc::try_unwrap(literals) {
                // SAFETY: every process that was there when the block began to leave has taken in what it referred to,
                // or is gone with its memory; nobody has passed such terms on since; and code and tables that referred
                // to the block are gone.
                Ok(literals) if holders.is_empty() => unsafe { literals.release() },
                Ok(literals) => held.push((Arc::new(literals), holders)),
                Err(literals) => held.push((literals, holders)),
            }
        }
        *leaving = self.code.literals.leave_next().map(Arc::new);
        leaving.is_some()
    }
    /// Everybody knows of the block that is leaving: from now on only the processes that are there may refer to it.
    pub fn note_literal_holders(&self) {
        let mut state = self.literal_release.state.lock();
        state.holders = self.processes.pids().into_iter().chain(state.zombies.iter().copied()).collect();
    }
    /// Asks a process to take in what it refers to of the block that is leaving; the requester gets
    /// `{copy_literals, Id, ok}`.
    pub fn request_taking_in(&self, pid: Pid, requester: Pid, id: OwnedTerm) {
        let Some(process) = self.process(pid) else { return literals_taken_in(self, requester, &id) };
        if process.incoming.start_waiting() {
            // It has handled everything that was sent to it, and has nothing to do: the caller does it in its place.
            self.literal_release.state.lock().requests.insert(pid, (requester, id));
            // SAFETY: this thread just moved the process to Running.
            let main = unsafe { process.main() };
            self.take_in_literals(&process, main);
            if main.wants_attention() {
                process.incoming.requeue();
                self.schedulers.enqueue(process);
            } else if !process.incoming.park() {
                self.schedulers.enqueue(process);
            }
            return;
        }
        let of_ended = id.clone();
        let task: SystemTask = Box::new(move |vm, process, main| match main {
            None => literals_taken_in(vm, requester, &id),
            Some(main) => {
                vm.literal_release.state.lock().requests.insert(process.pid(), (requester, id));
                main.state.take_in_literals = true;
            }
        });
        if !self.signal_system_task(&process, task) {
            literals_taken_in(self, requester, &of_ended);
        }
    }
    /// Does what [`Vm::request_taking_in`] asks for. Nothing but what the process saves refers to its heap.
    pub(crate) fn take_in_literals(&self, process: &Arc<Process>, main: &mut ProcessMain) {
        debug_assert!(main.state.dirty == DirtyState::No, "literals taken in under a dirty call");
        main.state.take_in_literals = false;
        let leaving = self.literal_release.state.lock().leaving.clone();
        if let Some(leaving) = leaving {
            main.take_in(&leaving, self.literals());
            // The heap may have become larger than it may be, which a collection finds out.
            main.state.force_minor |= (1..main.heap.total_words()).contains(&main.state.rare.max_heap_size.size);
        }
        self.answer_taking_in(process.pid(), true);
    }
    /// Answers the request that a process got: it has taken in what it referred to, or it has ended.
    pub(crate) fn answer_taking_in(&self, pid: Pid, done: bool) {
        let request = {
            let mut state = self.literal_release.state.lock();
            if done {
                state.holders.remove(&pid);
            }
            state.requests.remove(&pid)
        };
        if let Some((requester, id)) = request {
            literals_taken_in(self, requester, &id);
        }
    }
    /// A process ends in a dirty call, whose arguments stay in use.
    pub(crate) fn ends_in_dirty_call(&self, pid: Pid) {
        self.literal_release.state.lock().zombies.insert(pid);
    }
    /// The dirty call of a process that has ended is over, and its memory freed.
    pub(crate) fn dirty_call_of_ended(&self, pid: Pid) {
        self.literal_release.state.lock().zombies.remove(&pid);
        self.literals_retired();
    }
}

fn literals_taken_in(vm: &Vm, requester: Pid, id: &OwnedTerm) {
    vm.send_built(requester, |heap| {
        heap.tuple(&[Term::atom(atoms::COPY_LITERALS), heap.copy_in(id.term()), Term::atom(atoms::OK)])
    });
}
