//! What the machine itself says through Erlang's logger.

use crate::Vm;
use oxbeam_term::{Heap, OwnedTerm, Pid, Term, atoms};
use parking_lot::Mutex;

/// Who gets the machine's log messages (`erlang:system_flag(system_logger, Pid)`).
#[derive(Default)]
pub struct SystemLogger {
    pid: Mutex<Option<Pid>>,
}

impl SystemLogger {
    /// Sets the receiver; returns the one before.
    pub fn set(&self, pid: Option<Pid>) -> Option<Pid> {
        std::mem::replace(&mut *self.pid.lock(), pid)
    }
    /// The receiver.
    pub fn get(&self) -> Option<Pid> {
        *self.pid.lock()
    }
}

impl Vm {
    /// Says that a process exceeded its `max_heap_size`.
    pub fn report_heap_too_large(&self, process: &std::sync::Arc<crate::Process>, main: &crate::ProcessMain) {
        let limit = main.state.rare.max_heap_size;
        if !limit.error_logger {
            return;
        }
        let (pid, total, size) = (process.pid(), main.heap.total_words(), limit.size);
        let format = "     Process:            ~p ~n     Context:            maximum heap size reached~n     \
                      Max Heap Size:      ~p~n     Total Heap Size:    ~p~n     Kill:               ~p~n     \
                      Error Logger:       ~p~n     Message Queue Len:  ~p~n     Stacktrace:         ~p~n";
        let depth = self.backtrace_depth.load(std::sync::atomic::Ordering::Relaxed).max(1) as usize;
        let frames = self.frames(Some(main.state.current_address).filter(|at| *at != 0), &main.heap, depth);
        self.log_error(pid, &main.state.group_leader, format, |heap| {
            let frames: Vec<Term<'_>> = frames.iter().map(|frame| self.frame_term(heap, frame)).collect();
            vec![
                Term::pid(pid),
                Term::small(size as i64),
                Term::small(total as i64),
                Term::boolean(limit.kill),
                Term::boolean(limit.error_logger),
                Term::small(main.state.messages.len() as i64),
                heap.list(&frames),
            ]
        });
    }
    /// Sends an error report to the logger: `format` and its arguments as for `io:format/2`.
    pub fn log_error(
        &self,
        about: Pid,
        group_leader: &OwnedTerm,
        format: &str,
        arguments: impl for<'h> FnOnce(&'h Heap) -> Vec<Term<'h>>,
    ) {
        let logger = self.extension::<SystemLogger>().get().filter(|pid| self.process(*pid).is_some()).or_else(|| {
            match self.registry.whereis(atoms::LOGGER) {
                Some(crate::LinkTarget::Process(pid)) => Some(pid),
                _ => None,
            }
        });
        let Some(logger) = logger else { return };
        let microseconds = self.clock.system() / 1000;
        self.send_built(logger, |heap| {
            let atoms_table = &self.atoms;
            let tags = [(Term::atom(atoms::EMULATOR), Term::TRUE), (Term::atom(atoms::TAG), Term::atom(atoms::ERROR))];
            let metadata = [
                (Term::atom(atoms::PID), Term::pid(about)),
                (Term::atom(atoms::GL), heap.copy_in(group_leader.term())),
                (Term::atom(atoms::TIME), heap.integer(microseconds)),
                (Term::atom(atoms::ERROR_LOGGER), heap.map_from_pairs(&tags, atoms_table)),
            ];
            let arguments = arguments(heap);
            heap.tuple(&[
                Term::atom(atoms::LOG),
                Term::atom(atoms::ERROR),
                heap.string(format),
                heap.list(&arguments),
                heap.map_from_pairs(&metadata, atoms_table),
            ])
        });
    }
}
