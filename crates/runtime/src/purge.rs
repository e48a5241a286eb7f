//! Purging old code: its funs stand still, every process is asked whether it runs it, and then it is gone.
//!
//! ```text
//!   prepare_purge --nobody runs it--> purge
//!        '-----------somebody does---> abort_purge
//! ```
//!
//! In between no process may begin to run the old code. Calls by name reach the current code; calls of the old code's
//! funs find no address and wait ([`Vm::waits_for_purge`]). Purged code is freed at once: an address in it that still
//! stands in a stack trace is looked up among the code that is loaded, and not found.

use crate::module_code::ModuleCode;
use crate::{CodeTable, ProcessState, Vm};
use oxbeam_term::{Atom, FunEntry, Pid};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The funs of old code that is being purged.
pub(crate) struct PurgingFuns {
    module: Atom,
    /// Each with the address of its code.
    entries: Vec<(&'static FunEntry, u64)>,
    /// Processes that wait to call one.
    waiting: Vec<Pid>,
}

impl CodeTable {
    fn stop_funs(&self, name: Atom, old: &ModuleCode) {
        // Locked throughout: whoever finds no address asks here.
        let mut purging = self.purging_funs.lock();
        let mut entries = Vec::new();
        for (entry, _) in &old.lambdas {
            let here = entry.address.load(Ordering::Relaxed);
            let here = if old.holds(here) { entry.address.swap(0, Ordering::SeqCst) } else { 0 };
            if here != 0 {
                entries.push((*entry, here));
            }
        }
        *purging = Some(PurgingFuns { module: name, entries, waiting: Vec::new() });
    }
}

impl Vm {
    /// The old code of a module is going to be purged; false when there is none.
    pub fn prepare_purge(&self, name: Atom) -> bool {
        let Some(old) = self.code.old(name) else { return false };
        self.code.stop_funs(name, &old);
        true
    }
    /// The old code stays: its funs can be called again.
    pub fn abort_purge(&self, name: Atom) {
        self.end_purge(name, |(entry, address)| {
            let _ = entry.address.compare_exchange(0, address, Ordering::SeqCst, Ordering::Relaxed);
        });
    }
    /// Throws old code away; false when there is none. No process runs it any more.
    pub fn purge(&self, name: Atom) -> bool {
        let old = self.code.modules.write().get_mut(&name).and_then(|module| module.old.take());
        let Some(old) = old else { return false };
        let current = self.code.current(name);
        self.end_purge(name, |(entry, _)| {
            // The same module loaded twice has the same entries: then the funs go on in the current code.
            let lambdas = current.iter().flat_map(|current| current.lambdas.iter().map(move |one| (current, one)));
            for (current, (other, function)) in lambdas {
                if std::ptr::eq(*other, entry) {
                    entry.address.store(current.entry_address(*function), Ordering::SeqCst);
                }
            }
        });
        self.forget_code(old);
        true
    }
    fn end_purge(&self, name: Atom, settle: impl Fn((&'static FunEntry, u64))) {
        let ended = {
            let mut purging = self.code.purging_funs.lock();
            let ended = purging.take_if(|purging| purging.module == name);
            ended.iter().flat_map(|funs| funs.entries.iter()).for_each(|one| settle(*one));
            ended
        };
        for pid in ended.into_iter().flat_map(|funs| funs.waiting) {
            self.resume_process(pid, 1);
        }
    }
    fn forget_code(&self, code: Arc<ModuleCode>) {
        code.unregister(&self.code);
        self.tracing.forget(&code);
        drop(code);
        self.literals_retired();
    }
    /// Is this fun's code being purged? Then the caller, who found no address, is suspended from the end of its slice
    /// until that is decided.
    pub fn waits_for_purge(&self, caller: Pid, state: &mut ProcessState, entry: &FunEntry) -> bool {
        let mut purging = self.code.purging_funs.lock();
        let Some(funs) = &mut *purging else { return false };
        if !funs.entries.iter().any(|(one, _)| std::ptr::eq(*one, entry)) {
            return false;
        }
        funs.waiting.push(caller);
        state.rare.suspended += 1;
        true
    }
}
