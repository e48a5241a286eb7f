//! What match specifications of tracing do beside their message.

use super::flags::{bit, parse, session_tracer};
use super::message::is_enabled;
use super::tracees::set_flags;
use super::{LEGACY, Traces, sequential};
use crate::erlang::system::Settings;
use oxbeam_ets::GuardCaller;
use oxbeam_runtime::{BifContext, Frame, LinkTarget, Process, ProcessState, Vm, return_addresses, trace_flag as flag};
use oxbeam_term::{Atom, Heap, Pid, Term, atoms};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What runs a match specification for a process.
pub(crate) struct Actions<'c, 'h> {
    vm: &'h Vm,
    heap: &'h Heap,
    process: &'h Arc<Process>,
    state: &'c mut ProcessState,
    reductions: &'c mut i32,
    session: u64,
    /// Is it only tried (`erlang:match_spec_test/3`), so that nothing may change?
    trial: bool,
    /// `return_trace` was called.
    pub(crate) return_trace: bool,
    /// `exception_trace` was called.
    pub(crate) exception_trace: bool,
}

impl<'c, 'h> Actions<'c, 'h> {
    /// For an event that a session traces.
    pub(super) fn new(cx: &'c mut BifContext<'h>, session: u64) -> Actions<'c, 'h> {
        Actions {
            vm: cx.vm,
            heap: cx.heap,
            process: cx.process,
            state: cx.state,
            reductions: cx.reductions,
            session,
            trial: false,
            return_trace: false,
            exception_trace: false,
        }
    }
    /// For `erlang:match_spec_test/3`: nothing changes but what the specification says.
    pub(crate) fn trial(cx: &'c mut BifContext<'h>) -> Actions<'c, 'h> {
        Actions { trial: true, ..Actions::new(cx, LEGACY) }
    }
    fn context(&mut self) -> BifContext<'_> {
        BifContext {
            vm: self.vm,
            heap: self.heap,
            process: self.process,
            state: self.state,
            reductions: self.reductions,
        }
    }
    fn frames(&self, depth: usize) -> Vec<Frame> {
        if self.trial {
            return Vec::new();
        }
        // Trace frames on the stack are no functions.
        let addresses = return_addresses(self.heap, depth.saturating_add(16).max(64));
        addresses.into_iter().filter_map(|address| self.vm.frame_at(address)).take(depth).collect()
    }
    fn caller_term(&self, with_line: bool) -> Term<'h> {
        let Some(caller) = self.frames(1).pop() else { return Term::atom(atoms::UNDEFINED) };
        let mut parts =
            vec![Term::atom(caller.module), Term::atom(caller.function), Term::small(i64::from(caller.arity))];
        if with_line {
            parts.push(match &caller.location {
                Some((file, line)) => self.heap.tuple(&[self.heap.string(file), Term::small(i64::from(*line))]),
                None => Term::atom(atoms::UNDEFINED),
            });
        }
        self.heap.tuple(&parts)
    }
    fn stack_term(&self, depth: usize) -> Term<'h> {
        let depth = depth.min(self.vm.backtrace_depth.load(Ordering::Relaxed) as usize);
        let frames: Vec<Term<'h>> =
            self.frames(depth).iter().map(|frame| self.vm.frame_term(self.heap, frame)).collect();
        self.heap.list(&frames)
    }
    fn own(&self) -> LinkTarget {
        LinkTarget::Process(self.process.pid())
    }
    /// The process that an argument names.
    fn process_of(&self, term: Term<'_>) -> Option<LinkTarget> {
        if let Some(name) = term.as_atom() {
            return self.vm.registry.whereis(name).filter(|target| matches!(target, LinkTarget::Process(_)));
        }
        term.as_pid().filter(|pid| self.vm.process(*pid).is_some()).map(LinkTarget::Process)
    }
    /// The tracer that the session, or the caller in it, has.
    fn tracer(&self, of: LinkTarget) -> Option<LinkTarget> {
        let traces = self.vm.extension::<Traces>();
        session_tracer(&traces, self.session)
            .or_else(|| Some(traces.read().sessions.get(&self.session)?.tracees.get(&of)?.tracer))
    }
    fn change(&self, who: LinkTarget, tracer: Option<LinkTarget>, off: u32, on: u32) -> bool {
        !self.trial && set_flags(self.vm, self.session, who, tracer, off, on)
    }
    /// `enable_trace` and `disable_trace`: one flag, of the caller or of another process.
    fn one_flag(&self, arguments: &[Term<'_>], on: bool) -> Option<Term<'h>> {
        let (who, wanted, tracer) = match arguments {
            [wanted] => (self.own(), wanted, self.tracer(self.own())),
            [who, wanted] => (self.process_of(*who)?, wanted, self.tracer(self.own())),
            _ => return None,
        };
        let bit = bit(self.vm, *wanted)?;
        self.change(who, tracer, if on { 0 } else { bit }, if on { bit } else { 0 });
        Some(Term::TRUE)
    }
    /// `trace`: flags off, flags on, of the caller or of another process.
    fn many_flags(&self, arguments: &[Term<'_>]) -> Option<Term<'h>> {
        let (who, off, on) = match arguments {
            [off, on] => (self.own(), off, on),
            [who, off, on] => (self.process_of(*who)?, off, on),
            _ => return None,
        };
        let takes_tracer = session_tracer(&self.vm.extension::<Traces>(), self.session).is_none();
        let (off, on) = (parse(self.vm, *off, takes_tracer)?, parse(self.vm, *on, takes_tracer)?);
        if off.cpu_timestamp || on.cpu_timestamp {
            return None;
        }
        let tracer = on.tracer.or(off.tracer).or_else(|| self.tracer(self.own()));
        if tracer.is_some_and(|tracer| tracer != who && !is_enabled(self.vm, tracer, Some(who))) {
            return None;
        }
        Some(Term::boolean(self.change(who, tracer, off.flags, on.flags)))
    }
    fn silence(&self, on: Option<bool>) {
        match on {
            Some(true) => self.set_silent(flag::SILENT, 0),
            Some(false) => self.set_silent(0, flag::SILENT),
            None => {}
        }
    }
    fn set_silent(&self, on: u32, off: u32) {
        if self.trial {
            return;
        }
        let traces = self.vm.extension::<Traces>();
        let mut state = traces.write();
        let own = self.own();
        let session = state.sessions.get_mut(&self.session);
        if let Some(traced) = session.and_then(|session| session.tracees.get_mut(&own)) {
            traced.flags = traced.flags & !off | on;
        }
        state.publish(self.vm, own);
    }
    fn control_word(&self, new: Option<Term<'_>>) -> Option<Term<'h>> {
        let settings = self.vm.extension::<Settings>();
        let old = match new {
            Some(new) if !self.trial => {
                let new = u32::try_from(new.as_u64()?).ok()?;
                settings.trace_control_word.swap(new, Ordering::Relaxed)
            }
            Some(new) => {
                u32::try_from(new.as_u64()?).ok()?;
                settings.trace_control_word.load(Ordering::Relaxed)
            }
            None => settings.trace_control_word.load(Ordering::Relaxed),
        };
        Some(self.heap.unsigned(old.into()))
    }
    /// What is known of the process, as text.
    fn dump(&self) -> Term<'h> {
        let text = crate::erlang::process_text::process_text(self.vm, self.process, self.heap, self.state);
        self.heap.binary(text.as_bytes())
    }
}

impl GuardCaller for Actions<'_, '_> {
    fn call<'s>(&'s mut self, function: Atom, arguments: &[Term<'s>]) -> Option<Term<'s>> {
        let entry = self.vm.bif(atoms::ERLANG, function, arguments.len() as u8)?;
        (entry.code)(&mut self.context(), arguments).ok()
    }
    fn action<'s>(&'s mut self, action: Atom, arguments: &[Term<'s>]) -> Option<Term<'s>> {
        match (self.vm.atoms.text(action), arguments) {
            ("return_trace", _) => self.return_trace = true,
            ("exception_trace", _) => self.exception_trace = true,
            ("silent", [on]) => self.silence(on.as_boolean()),
            ("caller", _) => return Some(self.caller_term(false)),
            ("caller_line", _) => return Some(self.caller_term(true)),
            ("current_stacktrace", []) => return Some(self.stack_term(usize::MAX)),
            ("current_stacktrace", [depth]) => return Some(self.stack_term(depth.as_usize()?)),
            ("is_seq_trace", _) => return Some(Term::boolean(self.state.rare.seq_trace_token.is_some())),
            ("get_seq_token", _) => {
                let token = self.state.rare.seq_trace_token.as_ref();
                return Some(token.map_or(Term::NIL, |token| self.heap.copy_in(token.term())));
            }
            ("set_seq_token", [item, value]) => {
                let (item, value) = (*item, *value);
                let trial = self.trial;
                let mut cx = self.context();
                return match trial {
                    true => sequential::item(&cx, item),
                    false => sequential::set(&mut cx, item, value).map(|_| Term::TRUE),
                };
            }
            ("enable_trace", arguments) => return self.one_flag(arguments, true),
            ("disable_trace", arguments) => return self.one_flag(arguments, false),
            ("trace", arguments) => return self.many_flags(arguments),
            ("get_tcw", _) => return self.control_word(None),
            ("set_tcw", [new]) => return self.control_word(Some(*new)),
            ("process_dump", _) => return Some(self.dump()),
            ("display", [term]) => {
                let text = oxbeam_term::display_text(*term, None, &self.vm.atoms);
                println!("{text}");
            }
            _ => return None,
        }
        Some(Term::TRUE)
    }
    fn caller(&self) -> Pid {
        self.process.pid()
    }
}
