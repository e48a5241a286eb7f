//! Calls of traced functions, and their ends.
//!
//! A trace frame is three small integers: the entry of a function with the frame's kind in the low bits, the session, and what depends on
//! the kind.

use super::accounting::Cost;
use super::message::{Note, is_enabled};
use super::{Actions, Condition, Messages, Traced};
use oxbeam_ets::Runner;
use oxbeam_runtime::{BifContext, Class, LinkTarget, TraceFrame, TracePoint, trace_flag as flag};
use oxbeam_term::{Atom, Heap, Pid, Port, Term, atoms};
use std::sync::atomic::Ordering;

/// `return_trace`: the third number is the meta tracer, or 0.
const RETURN: i64 = 0;
/// `exception_trace`, likewise.
const EXCEPTION: i64 = 1;
/// The flag `return_to`.
const RETURN_TO: i64 = 2;
/// `call_time` and `call_memory`: the entry is that of the function that had the costs before, the third number says which costs.
const COSTS: i64 = 3;
const KIND_BITS: u32 = 2;

fn frame(kind: i64, entry: u64, session: u64, data: i64) -> TraceFrame {
    [(entry as i64) << KIND_BITS | kind, session as i64, data]
}

/// A tracer as a small integer other than 0.
fn pack(tracer: LinkTarget) -> i64 {
    match tracer {
        LinkTarget::Process(Pid { number, serial }) => i64::from(serial) << 30 | i64::from(number) << 2 | 1,
        LinkTarget::Port(Port(number)) => (number as i64) << 2 | 2,
        // No tracer is of another node; this unpacks to none.
        LinkTarget::Remote(_) => 3,
    }
}

fn unpack(packed: i64) -> Option<LinkTarget> {
    match packed & 3 {
        1 => {
            Some(LinkTarget::Process(Pid { number: (packed >> 2) as u32 & 0xfff_ffff, serial: (packed >> 30) as u32 }))
        }
        2 => Some(LinkTarget::Port(Port(packed as u64 >> 2))),
        _ => None,
    }
}

/// What a session wants of a call.
struct Wanted {
    session: u64,
    /// How the session traces the caller, if it does.
    traced: Option<Traced>,
    /// A message for the caller's tracer.
    told: Option<Condition>,
    /// A message for a tracer of the function's own.
    meta: Option<(Condition, LinkTarget)>,
    costs: bool,
}

impl Messages {
    /// Counts the call, and says what else is to be done about it.
    fn wanted(&self, pid: Pid, point: &TracePoint) -> Vec<Wanted> {
        let state = self.0.read();
        let mut all = Vec::new();
        for (&number, session) in &state.sessions {
            let Some(wanted) = session.points.get(&point.entry) else { continue };
            let traced = session.tracees.get(&LinkTarget::Process(pid)).copied();
            let traced = traced.filter(|traced| traced.flags & flag::CALL != 0);
            if point.is_global() {
                if let (Some(condition), Some(_)) = (&wanted.global, traced) {
                    let told = Some(condition.clone());
                    all.push(Wanted { session: number, traced, told, meta: None, costs: false });
                }
                continue;
            }
            if let Some(count) = wanted.count.as_ref().filter(|count| count.active) {
                count.calls.fetch_add(1, Ordering::Relaxed);
            }
            let told = wanted.local.clone().filter(|_| traced.is_some());
            let meta = wanted.meta.as_ref().and_then(|meta| Some((meta.condition.clone(), meta.tracer?)));
            let active = |cost: Cost| cost.account(wanted).is_some_and(|account| !account.paused);
            let costs = traced.is_some() && Cost::BOTH.into_iter().any(active);
            if told.is_some() || meta.is_some() || costs {
                all.push(Wanted { session: number, traced, told, meta, costs });
            }
        }
        all
    }

    pub(super) fn function_called<'h>(
        &self,
        cx: &mut BifContext<'h>,
        point: &TracePoint,
        arguments: &[Term<'h>],
        on_top: &[TraceFrame],
    ) -> Vec<TraceFrame> {
        let mut frames = Vec::new();
        if cx.state.flags.sensitive {
            return frames;
        }
        for wanted in self.wanted(cx.pid(), point) {
            if let (Some(condition), Some(traced)) = (&wanted.told, wanted.traced) {
                self.tell_call(cx, point, arguments, (wanted.session, condition, traced), on_top, &mut frames);
            }
            if let Some((condition, tracer)) = &wanted.meta {
                self.tell_meta_call(cx, point, arguments, (wanted.session, condition, *tracer), &mut frames);
            }
            if wanted.costs {
                self.count_costs(cx, point, wanted.session, on_top.is_empty(), &mut frames);
            }
        }
        frames
    }

    /// What a match specification says of a call, and the frames it asks for.
    fn evaluate<'h>(
        &self,
        cx: &mut BifContext<'h>,
        session: u64,
        condition: &Condition,
        arguments: &[Term<'h>],
    ) -> (Term<'h>, Option<i64>) {
        let Some(program) = &condition.program else { return (Term::TRUE, None) };
        let (heap, atoms) = (cx.heap, cx.atoms());
        let list = heap.list(arguments);
        let mut actions = Actions::new(cx, session);
        let result = Runner::default().run(program, list, heap, atoms, &mut actions);
        let kind = match (actions.exception_trace, actions.return_trace) {
            (true, _) => Some(EXCEPTION),
            (_, true) => Some(RETURN),
            _ => None,
        };
        match result {
            Some(result) => (result, kind),
            None => (Term::FALSE, None),
        }
    }

    fn tell_call<'h>(
        &self,
        cx: &mut BifContext<'h>,
        point: &TracePoint,
        arguments: &[Term<'h>],
        (session, condition, traced): (u64, &Condition, Traced),
        on_top: &[TraceFrame],
        frames: &mut Vec<TraceFrame>,
    ) {
        let tracee = LinkTarget::Process(cx.pid());
        if !is_enabled(cx.vm, traced.tracer, Some(tracee)) {
            if traced.tracer != tracee {
                self.forget_tracer(cx.vm, traced.tracer);
            }
            return;
        }
        let (result, kind) = self.evaluate(cx, session, condition, arguments);
        // The specification may have changed how the process is traced; its tracer is told of this call nevertheless.
        let now = self.0.read().sessions.get(&session).and_then(|session| session.tracees.get(&tracee).copied());
        let flags = now.map_or(0, |now| now.flags);
        if flags & flag::SILENT != 0 {
            return;
        }
        let told = !result.is_atom(atoms::FALSE);
        if told && flags & flag::RETURN_TO != 0 && !point.is_global() {
            let is_there = |frame: &TraceFrame| frame[0] & 3 == RETURN_TO && frame[1] == session as i64;
            if !on_top.iter().any(is_there) {
                frames.push(frame(RETURN_TO, 0, session, 0));
            }
        }
        frames.extend(kind.map(|kind| frame(kind, point.entry, session, 0)));
        if told {
            self.send_call(cx, point, arguments, Traced { flags, ..traced }, result);
        }
    }

    fn tell_meta_call<'h>(
        &self,
        cx: &mut BifContext<'h>,
        point: &TracePoint,
        arguments: &[Term<'h>],
        (session, condition, tracer): (u64, &Condition, LinkTarget),
        frames: &mut Vec<TraceFrame>,
    ) {
        if !is_enabled(cx.vm, tracer, Some(LinkTarget::Process(cx.pid()))) {
            if tracer != LinkTarget::Process(cx.pid()) {
                self.forget_meta_tracer(session, point.entry, tracer);
            }
            return;
        }
        let (result, kind) = self.evaluate(cx, session, condition, arguments);
        frames.extend(kind.map(|kind| frame(kind, point.entry, session, pack(tracer))));
        if !result.is_atom(atoms::FALSE) {
            self.send_call(cx, point, arguments, meta_traced(tracer), result);
        }
    }

    fn send_call<'h>(
        &self,
        cx: &BifContext<'h>,
        point: &TracePoint,
        arguments: &[Term<'h>],
        traced: Traced,
        result: Term<'h>,
    ) {
        let note = Note::new(LinkTarget::Process(cx.pid()), "call").with_result(result);
        note.send(cx.vm, &self.0.read(), traced, &|heap| {
            let last = if traced.flags & flag::ARITY != 0 {
                Term::small(i64::from(point.arity))
            } else {
                heap.list(&arguments.iter().map(|argument| heap.copy_in(*argument)).collect::<Vec<_>>())
            };
            vec![heap.tuple(&[Term::atom(point.module), Term::atom(point.function), last])]
        });
    }

    fn count_costs(
        &self,
        cx: &BifContext<'_>,
        point: &TracePoint,
        session: u64,
        may_push: bool,
        frames: &mut Vec<TraceFrame>,
    ) {
        let state = self.0.read();
        let mut clocks = self.0.clocks.lock();
        let (mut previous, mut bits) = (0, 0);
        for cost in Cost::BOTH {
            let wanted = state.sessions.get(&session).and_then(|session| session.points.get(&point.entry));
            if wanted.and_then(|wanted| cost.account(wanted)).is_some_and(|account| !account.paused) {
                previous = clocks.call(&state, cx, session, point.entry, cost);
                bits |= cost.bit();
            }
        }
        if bits != 0 && may_push && frames.is_empty() {
            frames.push(frame(COSTS, previous, session, bits));
        }
    }

    pub(super) fn function_returned<'h>(
        &self,
        cx: &mut BifContext<'h>,
        [what, session, data]: TraceFrame,
        value: Term<'h>,
        to: u64,
    ) {
        let (kind, entry, number) = (what & 3, (what >> KIND_BITS) as u64, session as u64);
        let tracee = LinkTarget::Process(cx.pid());
        let state = self.0.read();
        let traced = state.sessions.get(&number).and_then(|session| session.tracees.get(&tracee).copied());
        match kind {
            COSTS => {
                if traced.is_some() {
                    let mut clocks = self.0.clocks.lock();
                    for cost in Cost::BOTH.into_iter().filter(|cost| data & cost.bit() != 0) {
                        clocks.returned(&state, cx, number, entry, cost);
                    }
                }
            }
            RETURN_TO => {
                if let Some(traced) = traced.filter(|traced| traced.flags & flag::RETURN_TO != 0) {
                    self.tell_return_to(cx, &state, traced, to);
                }
            }
            _ => {
                let traced = unpack(data).map(meta_traced).or(traced);
                let Some(traced) = traced.filter(|traced| traced.flags & flag::CALL != 0) else { return };
                let Some((module, function, arity)) = function_at(cx, entry) else { return };
                Note::new(tracee, "return_from").send(cx.vm, &state, traced, &|heap| {
                    vec![function_term(heap, module, function, arity), heap.copy_in(value)]
                });
            }
        }
    }

    fn tell_return_to(&self, cx: &BifContext<'_>, state: &super::State, traced: Traced, to: u64) {
        let to = cx.vm.frame_at(to);
        Note::new(LinkTarget::Process(cx.pid()), "return_to").send(cx.vm, state, traced, &|heap| {
            vec![match &to {
                Some(to) => function_term(heap, to.module, to.function, to.arity),
                None => Term::atom(atoms::UNDEFINED),
            }]
        });
    }

    pub(super) fn functions_left<'h>(
        &self,
        cx: &mut BifContext<'h>,
        frames: &[TraceFrame],
        class: Class,
        reason: Term<'h>,
        handler: Option<u64>,
    ) {
        let tracee = LinkTarget::Process(cx.pid());
        let state = self.0.read();
        let mut returning: Vec<Traced> = Vec::new();
        let mut sessions = Vec::new();
        for &[what, session, data] in frames {
            let traced =
                state.sessions.get(&(session as u64)).and_then(|session| session.tracees.get(&tracee).copied());
            match what & 3 {
                EXCEPTION => {
                    let traced = unpack(data).map(meta_traced).or(traced);
                    let Some(traced) = traced.filter(|traced| traced.flags & flag::CALL != 0) else { continue };
                    let Some((module, function, arity)) = function_at(cx, (what >> KIND_BITS) as u64) else { continue };
                    Note::new(tracee, "exception_from").send(cx.vm, &state, traced, &|heap| {
                        let what = heap.tuple(&[Term::atom(class.atom()), heap.copy_in(reason)]);
                        vec![function_term(heap, module, function, arity), what]
                    });
                }
                RETURN_TO if !sessions.contains(&session) => {
                    sessions.push(session);
                    returning.extend(traced.filter(|traced| traced.flags & flag::RETURN_TO != 0));
                }
                _ => {}
            }
        }
        let Some(handler) = handler else { return };
        for traced in returning {
            self.tell_return_to(cx, &state, traced, handler);
        }
    }
}

/// Meta tracing has flags of its own.
fn meta_traced(tracer: LinkTarget) -> Traced {
    Traced { flags: flag::CALL | flag::TIMESTAMP, tracer }
}

fn function_at(cx: &BifContext<'_>, entry: u64) -> Option<(Atom, Atom, u8)> {
    let (code, function, _) = cx.vm.code.describe(entry)?;
    Some((code.module, function.name, function.arity))
}

pub(super) fn function_term<'h>(heap: &'h Heap, module: Atom, function: Atom, arity: u8) -> Term<'h> {
    heap.tuple(&[Term::atom(module), Term::atom(function), Term::small(i64::from(arity))])
}
