//! What the machine itself says through Erlang's logger.

use crate::Vm;
use oxbeam_term::{Atom, Heap, OwnedTerm, Pid, Term, atoms};
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
        self.log((atoms::ERROR, atoms::ERROR), Some((about, group_leader)), format, arguments);
    }
    /// Sends an error report to the logger that is about no process.
    pub(crate) fn log_error_text(&self, text: &str) {
        self.log((atoms::ERROR, atoms::ERROR), None, "~s~n", |heap| vec![heap.string(text)]);
    }
    /// Sends a warning to the logger that is about no process.
    pub(crate) fn log_warning_text(&self, text: &str) {
        self.log((atoms::WARNING, atoms::WARNING_MSG), None, "~s~n", |heap| vec![heap.string(text)]);
    }
    /// The level comes with what the old `error_logger` calls it.
    fn log(
        &self,
        (level, tag): (Atom, Atom),
        about: Option<(Pid, &OwnedTerm)>,
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
            let tags = [(Term::atom(atoms::EMULATOR), Term::TRUE), (Term::atom(atoms::TAG), Term::atom(tag))];
            let mut metadata = vec![
                (Term::atom(atoms::TIME), heap.integer(microseconds)),
                (Term::atom(atoms::ERROR_LOGGER), heap.map_from_pairs(&tags, atoms_table)),
            ];
            if let Some((pid, group_leader)) = about {
                metadata.push((Term::atom(atoms::PID), Term::pid(pid)));
                metadata.push((Term::atom(atoms::GL), heap.copy_in(group_leader.term())));
            }
            let arguments = arguments(heap);
            heap.tuple(&[
                Term::atom(atoms::LOG),
                Term::atom(level),
                heap.string(format),
                heap.list(&arguments),
                heap.map_from_pairs(&metadata, atoms_table),
            ])
        });
    }
}
