//! What happens to traced processes and ports apart from calls.

use super::calls::function_term;
use super::message::{Note, exists};
use super::{Actions, EventPattern, Messages, Session, State, Traced};
use oxbeam_ets::Runner;
use oxbeam_runtime::{
    BifContext, EventParts, LinkTarget, Process, ProcessMain, Sender, Signal, Vm, trace_flag as flag,
};
use oxbeam_term::{Heap, Pid, Term, atoms};
use std::sync::Arc;

/// How sessions trace something, for those that have one of these flags.
fn tracing_with<'s>(
    state: &'s State,
    who: LinkTarget,
    wanted: u32,
) -> impl Iterator<Item = (u64, &'s Session, Traced)> {
    state.sessions.iter().filter_map(move |(number, session)| {
        let traced = session.tracees.get(&who).copied().filter(|traced| traced.flags & wanted != 0)?;
        Some((*number, session, traced))
    })
}

impl Messages {
    /// Tells those who want to know of it.
    pub(super) fn happened(&self, vm: &Vm, who: LinkTarget, wanted: u32, what: &str, parts: EventParts<'_>) {
        let mut gone = None;
        {
            let state = self.0.read();
            for (_, session, traced) in tracing_with(&state, who, wanted) {
                // Messages of ports go by no pattern, but by whether there is one.
                if wanted == flag::SEND && !session.send.on {
                    continue;
                }
                if !Note::new(who, what).send(vm, &state, traced, parts) {
                    gone = Some(traced.tracer);
                }
            }
        }
        if let (Some(gone), LinkTarget::Process(_)) = (gone, who) {
            self.forget_tracer(vm, gone);
        }
    }

    pub(super) fn message_sent<'h>(&self, cx: &mut BifContext<'h>, to: Term<'h>, message: Term<'h>) {
        let exists = to.as_pid().is_none_or(|pid| cx.vm.process(pid).is_some());
        let what = if exists { "send" } else { "send_to_non_existing_process" };
        let matched = [to, message];
        self.message_passed(cx, flag::SEND, what, &matched, &|session| &session.send, &|heap| {
            vec![heap.copy_in(message), heap.copy_in(to)]
        });
    }

    pub(super) fn message_received<'h>(&self, cx: &mut BifContext<'h>, from: Sender, message: Term<'_>) {
        let (node, sender) = match from {
            Sender::Process(pid) => (Term::atom(cx.vm.node().0), Term::pid(pid)),
            Sender::Node(node) => (Term::atom(node), Term::atom(atoms::UNDEFINED)),
            Sender::System => (Term::atom(atoms::SYSTEM), Term::atom(atoms::UNDEFINED)),
            Sender::Clock => (Term::atom(atoms::CLOCK_SERVICE), Term::atom(atoms::UNDEFINED)),
        };
        let has_pattern = self.0.read().sessions.values().any(|session| session.receive.condition.program.is_some());
        let copy = if has_pattern { cx.heap.copy_in(message) } else { Term::NIL };
        let matched = [node, sender, copy];
        self.message_passed(cx, flag::RECEIVE, "receive", &matched, &|session| &session.receive, &|heap| {
            vec![heap.copy_in(message)]
        });
    }

    /// A message passes by: the sessions' patterns say whether it is told.
    fn message_passed<'h>(
        &self,
        cx: &mut BifContext<'h>,
        wanted: u32,
        what: &str,
        matched: &[Term<'h>],
        pattern_of: &dyn Fn(&Session) -> &EventPattern,
        parts: EventParts<'_>,
    ) {
        let who = LinkTarget::Process(cx.pid());
        let tracing: Vec<_> = {
            let state = self.0.read();
            tracing_with(&state, who, wanted)
                .filter(|(_, session, _)| pattern_of(session).on)
                .map(|(number, session, traced)| (number, pattern_of(session).condition.program.clone(), traced))
                .collect()
        };
        for (number, program, traced) in tracing {
            let result = match program {
                None => Term::TRUE,
                Some(program) => {
                    let (heap, atoms) = (cx.heap, cx.atoms());
                    let list = heap.list(matched);
                    let result = Runner::default().run(&program, list, heap, atoms, &mut Actions::new(cx, number));
                    let Some(result) = result.filter(|result| !result.is_atom(atoms::FALSE)) else { continue };
                    let silent =
                        self.0.read().sessions.get(&number).and_then(|session| session.tracees.get(&who).copied());
                    if silent.is_some_and(|traced| traced.flags & flag::SILENT != 0) {
                        continue;
                    }
                    result
                }
            };
            let told = Note::new(who, what).with_result(result).send(cx.vm, &self.0.read(), traced, parts);
            if !told {
                self.forget_tracer(cx.vm, traced.tracer);
            }
        }
    }

    pub(super) fn process_spawned(
        &self,
        vm: &Vm,
        parent: Option<&Process>,
        child: &Process,
        linked: bool,
        parts: EventParts<'_>,
    ) {
        let below = LinkTarget::Process(child.pid());
        let above = parent.map(|parent| LinkTarget::Process(parent.pid()));
        {
            let mut state = self.0.write();
            for session in state.sessions.values_mut() {
                inherit(vm, session, above, below, linked);
            }
            state.publish(vm, below);
            if let Some(above) = above {
                state.publish(vm, above);
            }
        }
        let tell =
            |who: LinkTarget, what: &str, parts: EventParts<'_>| self.happened(vm, who, flag::PROCS, what, parts);
        fn only(other: LinkTarget) -> impl for<'h> Fn(&'h Heap) -> Vec<Term<'h>> {
            move |_| vec![super::target_term(other)]
        }
        if let Some(above) = above {
            tell(above, "spawn", &|heap| with_parts(Some(below), heap, parts));
            if linked {
                tell(above, "link", &only(below));
            }
        }
        tell(below, "spawned", &|heap| with_parts(above, heap, parts));
        if let Some(above) = above.filter(|_| linked) {
            tell(below, "getting_linked", &only(above));
        }
    }

    pub(super) fn process_links(&self, vm: &Vm, from: Pid, to: Pid) {
        const FIRST: u32 = flag::SET_ON_FIRST_LINK;
        const BOTH: u32 = flag::SET_ON_LINK | FIRST;
        let from = LinkTarget::Process(from);
        let mut given: Vec<(u64, Traced)> = Vec::new();
        {
            let mut state = self.0.write();
            for (&number, session) in &mut state.sessions {
                let Some(traced) = session.tracees.get_mut(&from).filter(|traced| traced.flags & BOTH != 0) else {
                    continue;
                };
                let mut handed = *traced;
                if traced.flags & FIRST != 0 {
                    traced.flags &= !BOTH;
                    handed.flags &= !BOTH;
                }
                given.push((number, handed));
            }
            state.publish(vm, from);
        }
        // In order with the link itself: the other one's flags may be changed meanwhile.
        let traces = self.0.clone();
        let task = Box::new(move |vm: &Vm, process: &Arc<Process>, main: Option<&mut ProcessMain>| {
            let who = LinkTarget::Process(process.pid());
            let mut state = traces.write();
            for (number, handed) in given.into_iter().filter(|_| main.is_some()) {
                let Some(session) = state.sessions.get_mut(&number) else { continue };
                let before = session.tracees.get(&who).map_or(0, |before| before.flags);
                session.tracees.insert(who, Traced { flags: before | handed.flags, ..handed });
            }
            state.publish(vm, who);
        });
        vm.signal_pid(to, Signal::Task(task));
    }

    pub(super) fn process_scheduled(&self, vm: &Vm, process: &Process, main: &ProcessMain, runs: bool, address: u64) {
        let pid = process.pid();
        if process.trace_flags() & flag::CALL != 0 {
            self.0.clocks.lock().scheduled(&self.0.read(), pid, runs, vm.clock.elapsed());
        }
        if process.trace_flags() & (flag::RUNNING | flag::RUNNING_PROCS) == 0 || main.state.flags.sensitive {
            return;
        }
        let place = match vm.frame_at(address) {
            Some(frame) => Some((frame.module, frame.function, frame.arity)),
            None if address == 0 => Some(main.state.initial_call),
            None => None,
        };
        let what = if runs { "in" } else { "out" };
        self.happened(vm, LinkTarget::Process(pid), flag::RUNNING | flag::RUNNING_PROCS, what, &|heap| {
            vec![match place {
                Some((module, function, arity)) => function_term(heap, module, function, arity),
                None => Term::small(0),
            }]
        });
    }
}

fn with_parts<'h>(other: Option<LinkTarget>, heap: &'h Heap, parts: EventParts<'_>) -> Vec<Term<'h>> {
    let mut all = vec![other.map_or(Term::atom(atoms::UNDEFINED), super::target_term)];
    all.extend(parts(heap));
    all
}

/// A process that is spawned gets what the session has for new ones, or what its parent hands down.
fn inherit(vm: &Vm, session: &mut Session, above: Option<LinkTarget>, below: LinkTarget, linked: bool) {
    const ON_SPAWN: u32 = flag::SET_ON_SPAWN | flag::SET_ON_FIRST_SPAWN;
    const ON_LINK: u32 = flag::SET_ON_LINK | flag::SET_ON_FIRST_LINK;
    let mut given = session.new_processes;
    if let Some(traced) = above.and_then(|above| session.tracees.get_mut(&above)) {
        let wanted = if linked { ON_SPAWN | ON_LINK } else { ON_SPAWN };
        if traced.flags & wanted != 0 {
            let mut handed = *traced;
            if traced.flags & flag::SET_ON_FIRST_SPAWN != 0 {
                handed.flags &= !ON_SPAWN;
                traced.flags &= !ON_SPAWN;
            }
            if linked && traced.flags & flag::SET_ON_FIRST_LINK != 0 {
                handed.flags &= !ON_LINK;
                traced.flags &= !ON_LINK;
            }
            given = Some(handed);
        }
    }
    if let Some(given) = given.filter(|given| given.flags != 0 && exists(vm, given.tracer)) {
        session.tracees.insert(below, given);
    }
}
