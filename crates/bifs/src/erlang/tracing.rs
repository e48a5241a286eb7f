//! Tracing: sessions, which processes and functions they trace, and the messages to their tracers.
//!
//! Everything is kept in [`Traces`]; the machine keeps only trace points (`oxbeam_runtime::Tracing`) and, in each
//! process, the union of its flags. Tracers are processes.

use oxbeam_bif_macros::bif;
use oxbeam_ets::{Dialect, GuardCaller, MatchSpec, Runner};
use oxbeam_runtime::{
    BifContext, BifResult, Class, EventParts, Frame, Process, TraceFrame, TracePoint, Tracer, Vm, trace_flag as flag,
};
use oxbeam_term::{Atom, Heap, OwnedTerm, Pid, Term, atoms};
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

// Flags that concern only the messages; the others are the machine's.
const ARITY: u32 = 1 << 16;
const RETURN_TO: u32 = 1 << 17;
const SILENT: u32 = 1 << 18;
const TIMESTAMP: u32 = 1 << 19;
const MONOTONIC: u32 = 1 << 20;
const STRICT_MONOTONIC: u32 = 1 << 21;

const FLAGS: [(&str, u32); 12] = [
    ("send", flag::SEND),
    ("receive", flag::RECEIVE),
    ("procs", flag::PROCS),
    ("call", flag::CALL),
    ("set_on_spawn", flag::SET_ON_SPAWN),
    ("set_on_first_spawn", flag::SET_ON_FIRST_SPAWN),
    ("arity", ARITY),
    ("return_to", RETURN_TO),
    ("silent", SILENT),
    ("timestamp", TIMESTAMP),
    ("monotonic_timestamp", MONOTONIC),
    ("strict_monotonic_timestamp", STRICT_MONOTONIC),
];

// What a trace frame is for.
const FRAME_RETURN: i64 = 1;
const FRAME_EXCEPTION: i64 = 2;
const FRAME_RETURN_TO: i64 = 4;
const FRAME_TIME: i64 = 8;

/// How one session traces one process.
#[derive(Clone, Copy)]
struct Traced {
    flags: u32,
    tracer: Pid,
}

/// A match specification as given and compiled; neither when every call counts.
#[derive(Clone)]
struct Condition {
    source: Option<OwnedTerm>,
    program: Option<Arc<MatchSpec>>,
}

/// What one session wants of one function.
#[derive(Default)]
struct Point {
    condition: Option<(bool, Condition)>,
    count: Option<AtomicU64>,
    count_paused: bool,
    time: Option<Mutex<HashMap<Pid, (u64, u64)>>>,
    time_paused: bool,
}

impl Point {
    fn is_empty(&self) -> bool {
        self.condition.is_none() && self.count.is_none() && self.time.is_none()
    }
}

#[derive(Default)]
struct Session {
    tracer: Option<Pid>,
    processes: HashMap<Pid, Traced>,
    new: Option<Traced>,
    points: HashMap<u64, Point>,
}

#[derive(Default)]
struct State {
    sessions: BTreeMap<u64, Session>,
}

/// All tracing of a machine. Session 0 is that of `erlang:trace/3`.
#[derive(Default)]
pub(crate) struct Traces {
    state: RwLock<State>,
    /// Which function's time runs, for processes under `call_time`, and since when.
    clocks: Mutex<HashMap<Pid, (u64, u64)>>,
}

struct Messages(Arc<Traces>);

/// Lets the machine's trace points lead here.
pub fn install(vm: &Vm) {
    vm.tracing.set_tracer(Box::new(Messages(vm.extension::<Traces>().clone())));
}

fn name<'h>(vm: &Vm, text: &str) -> Term<'h> {
    Term::atom(vm.atoms.intern(text).unwrap_or(atoms::UNDEFINED))
}

/// Sends a trace message; a tracer that is gone traces no more.
fn tell(vm: &Vm, pid: Pid, traced: Traced, what: &str, parts: EventParts<'_>) -> bool {
    if vm.process(traced.tracer).is_none() {
        return false;
    }
    vm.send_built(traced.tracer, |heap| {
        let stamp = stamp(vm, heap, traced.flags);
        let tag = if stamp.is_some() { "trace_ts" } else { "trace" };
        let mut elements = vec![name(vm, tag), Term::pid(pid), name(vm, what)];
        elements.extend(parts(heap));
        elements.extend(stamp);
        heap.tuple(&elements)
    });
    true
}

fn stamp<'h>(vm: &Vm, heap: &'h Heap, flags: u32) -> Option<Term<'h>> {
    if flags & STRICT_MONOTONIC != 0 {
        let unique = vm.next_reference().0[0] as i64;
        return Some(heap.tuple(&[heap.integer(vm.clock.monotonic()), heap.integer(unique)]));
    }
    if flags & MONOTONIC != 0 {
        return Some(heap.integer(vm.clock.monotonic()));
    }
    (flags & TIMESTAMP != 0).then(|| {
        let microseconds = vm.clock.system() / 1000;
        let (seconds, rest) = (microseconds / 1_000_000, microseconds % 1_000_000);
        heap.tuple(&[Term::small(seconds / 1_000_000), Term::small(seconds % 1_000_000), Term::small(rest)])
    })
}

/// The union of a process's flags over all sessions, where the machine looks.
fn publish(vm: &Vm, state: &State, pid: Pid) {
    if let Some(process) = vm.process(pid) {
        let flags = state.sessions.values().filter_map(|session| session.processes.get(&pid));
        process.set_trace_flags(flags.fold(0, |all, traced| all | traced.flags));
    }
}

/// What runs a match specification on a traced call.
struct Actions<'c, 'h> {
    vm: &'h Vm,
    heap: &'h Heap,
    process: &'h Arc<Process>,
    state: &'c mut oxbeam_runtime::ProcessState,
    reductions: &'c mut i32,
    caller: Option<Frame>,
    frame: i64,
    silent: Option<bool>,
}

impl GuardCaller for Actions<'_, '_> {
    fn call<'s>(&'s mut self, function: Atom, arguments: &[Term<'s>]) -> Option<Term<'s>> {
        let entry = self.vm.bif(atoms::ERLANG, function, arguments.len() as u8)?;
        let mut cx = BifContext {
            vm: self.vm,
            heap: self.heap,
            process: self.process,
            state: self.state,
            reductions: self.reductions,
        };
        (entry.code)(&mut cx, arguments).ok()
    }
    fn action<'s>(&'s mut self, action: Atom, arguments: &[Term<'s>]) -> Option<Term<'s>> {
        match self.vm.atoms.text(action) {
            "return_trace" => self.frame |= FRAME_RETURN,
            "exception_trace" => self.frame |= FRAME_RETURN | FRAME_EXCEPTION,
            "silent" => self.silent = arguments.first().and_then(|on| on.as_boolean()),
            form @ ("caller" | "caller_line") => {
                let Some(caller) = &self.caller else { return Some(Term::atom(atoms::UNDEFINED)) };
                let mut parts =
                    vec![Term::atom(caller.module), Term::atom(caller.function), Term::small(i64::from(caller.arity))];
                if form == "caller_line" {
                    parts.push(match &caller.location {
                        Some((file, line)) => self.heap.tuple(&[self.heap.string(file), Term::small(i64::from(*line))]),
                        None => Term::atom(atoms::UNDEFINED),
                    });
                }
                return Some(self.heap.tuple(&parts));
            }
            "is_seq_trace" => return Some(Term::boolean(self.state.rare.seq_trace_token.is_some())),
            "get_seq_token" => {
                let token = self.state.rare.seq_trace_token.as_ref();
                return Some(token.map_or(Term::NIL, |token| self.heap.copy_in(token.term())));
            }
            // Not there: the specification's value says so.
            _ => return None,
        }
        Some(Term::TRUE)
    }
    fn caller(&self) -> Pid {
        self.process.pid()
    }
}

impl Messages {
    fn stop_charging(&self, state: &State, pid: Pid, now: u64) {
        if let Some((entry, since)) = self.0.clocks.lock().remove(&pid) {
            charge(state, pid, entry, 0, now.saturating_sub(since));
        }
    }
    fn caller(cx: &BifContext<'_>) -> Option<Frame> {
        let mut addresses = oxbeam_runtime::return_addresses(cx.heap, 8);
        addresses.find_map(|address| cx.vm.frame_at(address))
    }
}

fn charge(state: &State, pid: Pid, entry: u64, calls: u64, nanoseconds: u64) {
    for session in state.sessions.values() {
        if let Some(Point { time: Some(time), time_paused: false, .. }) = session.points.get(&entry) {
            let mut time = time.lock();
            let sum = time.entry(pid).or_default();
            *sum = (sum.0 + calls, sum.1 + nanoseconds);
        }
    }
}

impl Tracer for Messages {
    fn called<'h>(
        &self,
        cx: &mut BifContext<'h>,
        point: &TracePoint,
        arguments: &[Term<'h>],
        nested: bool,
    ) -> Option<TraceFrame> {
        let state = self.0.state.read();
        let pid = cx.pid();
        let mut frame = 0;
        let mut timed = false;
        let mut silent = None;
        for (number, session) in &state.sessions {
            let Some(wanted) = session.points.get(&point.entry) else { continue };
            if let Some(count) = wanted.count.as_ref().filter(|_| !wanted.count_paused && !point.is_global()) {
                count.fetch_add(1, Ordering::Relaxed);
            }
            let Some(&traced) = session.processes.get(&pid).filter(|traced| traced.flags & flag::CALL != 0) else {
                continue;
            };
            timed |= wanted.time.is_some() && !point.is_global();
            let Some((global, condition)) = &wanted.condition else { continue };
            if *global != point.is_global() {
                continue;
            }
            let mut actions = Actions {
                vm: cx.vm,
                heap: cx.heap,
                process: cx.process,
                caller: Self::caller(cx),
                state: cx.state,
                reductions: cx.reductions,
                frame: 0,
                silent: None,
            };
            let message = match &condition.program {
                None => Some(Term::TRUE),
                Some(program) => {
                    let list = cx.heap.list(arguments);
                    Runner::default().run(program, list, cx.heap, &cx.vm.atoms, &mut actions)
                }
            };
            let Some(message) = message else { continue };
            frame |= actions.frame;
            if actions.silent.is_some() {
                silent = Some((*number, actions.silent == Some(true)));
            }
            if traced.flags & RETURN_TO != 0 && !global {
                frame |= FRAME_RETURN_TO;
            }
            let is_silent = silent.map_or(traced.flags & SILENT != 0, |(_, on)| on);
            if is_silent || message.is_atom(atoms::FALSE) {
                continue;
            }
            tell(cx.vm, pid, traced, "call", &|heap| {
                let last = if traced.flags & ARITY != 0 {
                    Term::small(i64::from(point.arity))
                } else {
                    heap.list(&arguments.iter().map(|argument| heap.copy_in(*argument)).collect::<Vec<_>>())
                };
                let mut parts = vec![heap.tuple(&[Term::atom(point.module), Term::atom(point.function), last])];
                if !message.is_atom(atoms::TRUE) {
                    parts.push(heap.copy_in(message));
                }
                parts
            });
        }
        let mut previous = 0;
        if timed {
            let now = cx.vm.clock.elapsed();
            let before = self.0.clocks.lock().insert(pid, (point.entry, now));
            if let Some((entry, since)) = before {
                charge(&state, pid, entry, 0, now.saturating_sub(since));
                previous = entry;
            }
            charge(&state, pid, point.entry, 1, 0);
            // A call in tail position shares its caller's frame, which ends both.
            if !nested {
                frame |= FRAME_TIME;
            }
        }
        drop(state);
        if let Some((session, on)) = silent {
            self.set_silent(cx.vm, session, pid, on);
        }
        if nested && frame & (FRAME_RETURN | FRAME_EXCEPTION | FRAME_TIME) == 0 {
            return None;
        }
        let entry = i64::try_from(point.entry).ok()?;
        (frame != 0).then_some([entry << 4 | frame, previous as i64])
    }

    fn returned<'h>(&self, cx: &mut BifContext<'h>, [what, previous]: TraceFrame, value: Term<'h>, to: u64) {
        let (entry, frame) = ((what >> 4) as u64, what & 15);
        let state = self.0.state.read();
        let pid = cx.pid();
        if frame & FRAME_TIME != 0 {
            self.time_returned(cx, &state, previous as u64);
        }
        let Some((code, function, _)) = cx.vm.code.describe(entry) else { return };
        let to = cx.vm.frame_at(to);
        for session in state.sessions.values() {
            let Some(&traced) = session.processes.get(&pid).filter(|traced| traced.flags & flag::CALL != 0) else {
                continue;
            };
            if traced.flags & SILENT != 0 || session.points.get(&entry).is_none_or(|point| point.condition.is_none()) {
                continue;
            }
            if frame & FRAME_RETURN != 0 {
                tell(cx.vm, pid, traced, "return_from", &|heap| {
                    vec![function_term(heap, code.module, function.name, function.arity), heap.copy_in(value)]
                });
            }
            if frame & FRAME_RETURN_TO != 0 && traced.flags & RETURN_TO != 0 {
                tell(cx.vm, pid, traced, "return_to", &|heap| {
                    vec![match &to {
                        Some(to) => function_term(heap, to.module, to.function, to.arity),
                        None => Term::atom(atoms::UNDEFINED),
                    }]
                });
            }
        }
    }

    fn raised<'h>(&self, cx: &mut BifContext<'h>, [what, previous]: TraceFrame, class: Class, reason: Term<'h>) {
        let (entry, frame) = ((what >> 4) as u64, what & 15);
        let state = self.0.state.read();
        let pid = cx.pid();
        if frame & FRAME_TIME != 0 {
            self.time_returned(cx, &state, previous as u64);
        }
        let Some((code, function, _)) = cx.vm.code.describe(entry).filter(|_| frame & FRAME_EXCEPTION != 0) else {
            return;
        };
        for session in state.sessions.values() {
            let traced = session.processes.get(&pid).filter(|traced| traced.flags & flag::CALL != 0);
            let Some(&traced) = traced.filter(|traced| traced.flags & SILENT == 0) else { continue };
            if session.points.get(&entry).is_some_and(|point| point.condition.is_some()) {
                tell(cx.vm, pid, traced, "exception_from", &|heap| {
                    let what = heap.tuple(&[Term::atom(class.atom()), heap.copy_in(reason)]);
                    vec![function_term(heap, code.module, function.name, function.arity), what]
                });
            }
        }
    }

    fn event(&self, vm: &Vm, process: &Process, wanted: u32, what: &str, parts: EventParts<'_>) {
        let state = self.0.state.read();
        let pid = process.pid();
        for session in state.sessions.values() {
            if let Some(&traced) = session.processes.get(&pid)
                && traced.flags & wanted != 0
                && traced.tracer != pid
            {
                tell(vm, pid, traced, what, parts);
            }
        }
    }

    fn spawned(&self, vm: &Vm, parent: Option<&Process>, child: &Process, parts: EventParts<'_>) {
        let mut state = self.0.state.write();
        let (above, below) = (parent.map(Process::pid), child.pid());
        for session in state.sessions.values_mut() {
            let from = above.and_then(|pid| session.processes.get(&pid).copied());
            if let (Some(traced), Some(pid)) = (from, above)
                && traced.flags & flag::PROCS != 0
            {
                tell(vm, pid, traced, "spawn", &|heap| {
                    let mut all = vec![Term::pid(below)];
                    all.extend(parts(heap));
                    all
                });
            }
            let inherits = |traced: &Traced| traced.flags & (flag::SET_ON_SPAWN | flag::SET_ON_FIRST_SPAWN) != 0;
            let mut given = session.new;
            if let Some(mut traced) = from.filter(inherits) {
                if traced.flags & flag::SET_ON_FIRST_SPAWN != 0 {
                    traced.flags &= !(flag::SET_ON_FIRST_SPAWN | flag::SET_ON_SPAWN);
                    session.processes.extend(above.map(|pid| (pid, traced)));
                }
                given = Some(traced);
            }
            let Some(traced) = given.filter(|traced| traced.tracer != below) else { continue };
            session.processes.insert(below, traced);
            if traced.flags & flag::PROCS != 0 {
                tell(vm, below, traced, "spawned", &|heap| {
                    let mut all = vec![above.map_or(Term::atom(atoms::UNDEFINED), Term::pid)];
                    all.extend(parts(heap));
                    all
                });
            }
            child.set_trace_flags(child.trace_flags() | traced.flags);
        }
    }

    fn ended(&self, vm: &Vm, pid: Pid) {
        let mut state = self.0.state.write();
        self.stop_charging(&state, pid, vm.clock.elapsed());
        for session in state.sessions.values_mut() {
            session.processes.remove(&pid);
        }
    }
}

impl Messages {
    fn time_returned(&self, cx: &BifContext<'_>, state: &State, previous: u64) {
        let now = cx.vm.clock.elapsed();
        self.stop_charging(state, cx.pid(), now);
        if previous != 0 {
            self.0.clocks.lock().insert(cx.pid(), (previous, now));
        }
    }
    fn set_silent(&self, vm: &Vm, session: u64, pid: Pid, on: bool) {
        let mut state = self.0.state.write();
        let traced = state.sessions.get_mut(&session).and_then(|session| session.processes.get_mut(&pid));
        if let Some(traced) = traced {
            traced.flags = if on { traced.flags | SILENT } else { traced.flags & !SILENT };
        }
        publish(vm, &state, pid);
    }
}

fn function_term<'h>(heap: &'h Heap, module: Atom, function: Atom, arity: u8) -> Term<'h> {
    heap.tuple(&[Term::atom(module), Term::atom(function), Term::small(i64::from(arity))])
}

// --- sessions ----------------------------------------------------------------------------------------------------------

/// The number of a session term; a weak and a strong reference are the same here.
fn session_number(term: Term<'_>) -> Option<u64> {
    if let Some([reference, _]) = term.as_tuple_of::<2>() {
        return session_number(*reference);
    }
    if term.as_atom().is_some() {
        return Some(0);
    }
    Some(term.as_reference()?.number().0[0])
}

/// Makes a trace session with this tracer; ended by `trace_session_destroy/1`.
///
/// # Errors
///
/// `badarg` for bad arguments, and for tracers that are no living processes.
#[bif("erts_internal:trace_session_create/3")]
fn trace_session_create<'h>(
    cx: &mut BifContext<'h>,
    _name: Atom,
    tracer: Term<'h>,
    options: Term<'h>,
) -> BifResult<'h> {
    let Some(tracer) = tracer.as_pid().filter(|pid| cx.vm.process(*pid).is_some()) else { return cx.badarg() };
    if !options.is_nil() {
        return cx.badarg();
    }
    let reference = cx.make_reference();
    let Some(number) = session_number(reference) else { return cx.badarg() };
    let traces = cx.vm.extension::<Traces>();
    let session = Session { tracer: Some(tracer), ..Session::default() };
    traces.state.write().sessions.insert(number, session);
    Ok(cx.heap.tuple(&[reference, reference]))
}

/// Ends a session; false when it has ended already.
#[bif("erts_internal:trace_session_destroy/1")]
fn trace_session_destroy<'h>(cx: &mut BifContext<'h>, session: Term<'h>) -> BifResult<'h> {
    let Some(number) = session_number(session).filter(|number| *number != 0) else { return cx.badarg() };
    let traces = cx.vm.extension::<Traces>();
    let mut state = traces.state.write();
    let Some(ended) = state.sessions.remove(&number) else { return Ok(Term::FALSE) };
    for pid in ended.processes.keys() {
        publish(cx.vm, &state, *pid);
    }
    for entry in ended.points.keys() {
        update_breakpoints(cx.vm, &state, *entry);
    }
    new_processes(cx.vm, &state);
    Ok(Term::TRUE)
}

fn new_processes(vm: &Vm, state: &State) {
    let any = state.sessions.values().any(|session| session.new.is_some());
    vm.tracing.new_processes.store(any, Ordering::Relaxed);
}

// --- processes ---------------------------------------------------------------------------------------------------------

/// Switches flags of processes in the session of `erlang:trace/3`; returns how many processes match.
///
/// # Errors
///
/// `badarg` for bad arguments, and for a process that another tracer traces.
#[bif("erts_internal:trace/3")]
fn trace<'h>(cx: &mut BifContext<'h>, who: Term<'h>, on: bool, flags: Term<'h>) -> BifResult<'h> {
    set_trace(cx, 0, who, on, flags)
}

/// As `trace/3`, in a session.
///
/// # Errors
///
/// As `trace/3`, and for a session that has ended.
#[bif("erts_internal:trace/4")]
fn trace_in<'h>(cx: &mut BifContext<'h>, session: Term<'h>, who: Term<'h>, on: bool, flags: Term<'h>) -> BifResult<'h> {
    match session_number(session) {
        Some(number) => set_trace(cx, number, who, on, flags),
        None => cx.badarg(),
    }
}

fn flags_of(cx: &BifContext<'_>, list: Term<'_>, on: bool) -> Option<(u32, Option<Pid>)> {
    let (mut flags, mut tracer) = (0, None);
    for item in list.to_vec()? {
        if let Some([tag, pid]) = item.as_tuple_of::<2>() {
            tracer = Some(pid.as_pid().filter(|_| tag.is_atom(atoms::TRACER))?);
            continue;
        }
        let text = cx.text(item.as_atom()?);
        flags |= match text {
            "all" if on => {
                let stamps = SILENT | TIMESTAMP | MONOTONIC | STRICT_MONOTONIC;
                FLAGS.iter().fold(0, |all, (_, bit)| all | bit) & !stamps | TIMESTAMP
            }
            "all" => u32::MAX,
            // Switching off what cannot be on.
            "cpu_timestamp" | "garbage_collection" | "ports" | "running" | "running_ports" | "running_procs"
            | "exiting" | "set_on_link" | "set_on_first_link"
                if !on =>
            {
                0
            }
            _ => FLAGS.iter().find(|(name, _)| *name == text)?.1,
        };
    }
    Some((flags, tracer))
}

fn set_trace<'h>(cx: &mut BifContext<'h>, number: u64, who: Term<'h>, on: bool, flags: Term<'h>) -> BifResult<'h> {
    let Some((flags, tracer)) = flags_of(cx, flags, on) else { return cx.badarg() };
    let vm = cx.vm;
    let traces = vm.extension::<Traces>();
    let mut state = traces.state.write();
    if number == 0 {
        state.sessions.entry(0).or_default();
    }
    let Some(session) = state.sessions.get_mut(&number) else { return cx.badarg() };
    let tracer = tracer.or(session.tracer).unwrap_or(cx.pid());
    if vm.process(tracer).is_none() {
        return cx.badarg();
    }
    let change = |place: Option<Traced>| -> Option<Traced> {
        let flags = if on { place.map_or(0, |traced| traced.flags) | flags } else { place?.flags & !flags };
        let tracer = place.map_or(tracer, |traced| traced.tracer);
        (flags != 0).then_some(Traced { flags, tracer })
    };
    if let Some(pid) = who.as_pid() {
        let other = session
            .processes
            .get(&pid)
            .is_some_and(|traced| traced.tracer != tracer && vm.process(traced.tracer).is_some());
        if vm.process(pid).is_none() || on && other {
            return cx.badarg();
        }
        if !other {
            let changed = change(session.processes.remove(&pid));
            session.processes.extend(changed.map(|traced| (pid, traced)));
        }
        publish(vm, &state, pid);
        return Ok(Term::small(1));
    }
    let Some(which) = who.as_atom().map(|atom| vm.atoms.text(atom)) else { return cx.badarg() };
    let (existing, new) = match which {
        "all" | "processes" => (true, true),
        "existing" | "existing_processes" => (true, false),
        "new" | "new_processes" => (false, true),
        "ports" | "existing_ports" | "new_ports" => (false, false),
        _ => return cx.badarg(),
    };
    if new {
        session.new = change(session.new);
    }
    let mut count = 0;
    if existing {
        for pid in vm.processes.pids() {
            let before = session.processes.get(&pid).copied();
            if pid == tracer || before.is_some_and(|traced| traced.tracer != tracer && on) {
                continue;
            }
            count += 1;
            session.processes.remove(&pid);
            session.processes.extend(change(before).map(|traced| (pid, traced)));
        }
        for pid in vm.processes.pids() {
            publish(vm, &state, pid);
        }
    }
    new_processes(vm, &state);
    Ok(Term::small(count))
}

// --- functions ---------------------------------------------------------------------------------------------------------

/// Sets what is traced of functions in the session of `erlang:trace_pattern/3`; returns how many functions match.
///
/// # Errors
///
/// `badarg` for bad arguments.
#[bif("erts_internal:trace_pattern/3")]
fn trace_pattern<'h>(cx: &mut BifContext<'h>, what: Term<'h>, spec: Term<'h>, flags: Term<'h>) -> BifResult<'h> {
    set_pattern(cx, 0, what, spec, flags)
}

/// As `trace_pattern/3`, in a session.
///
/// # Errors
///
/// As `trace_pattern/3`, and for a session that has ended.
#[bif("erts_internal:trace_pattern/4")]
fn trace_pattern_in<'h>(
    cx: &mut BifContext<'h>,
    session: Term<'h>,
    what: Term<'h>,
    spec: Term<'h>,
    flags: Term<'h>,
) -> BifResult<'h> {
    match session_number(session) {
        Some(number) => set_pattern(cx, number, what, spec, flags),
        None => cx.badarg(),
    }
}

/// Kinds of patterns.
#[derive(Clone, Copy, Default)]
struct Kinds {
    local: bool,
    count: bool,
    time: bool,
}

fn kinds_of(cx: &BifContext<'_>, flags: Term<'_>) -> Option<Kinds> {
    let mut kinds = Kinds::default();
    for item in flags.to_vec()? {
        match cx.text(item.as_atom()?) {
            "global" => {}
            "local" => kinds.local = true,
            "call_count" => kinds.count = true,
            "call_time" => kinds.time = true,
            _ => return None,
        }
    }
    Some(kinds)
}

/// Entries of the functions that a pattern names, with what an external call goes through.
fn matching(vm: &Vm, module: Atom, function: Atom, arity: Option<u8>, local: bool) -> Vec<(Atom, Atom, u8, u64)> {
    let any = |atom: Atom| atom == atoms::UNDERSCORE;
    let modules = if any(module) { vm.code.loaded() } else { vec![module] };
    let mut found = Vec::new();
    for module in modules {
        let Some(code) = vm.code.current(module) else { continue };
        let wanted =
            |name: Atom, has: u8| (any(function) || name == function) && arity.is_none_or(|arity| arity == has);
        if local {
            let functions = code.functions.iter().filter(|one| wanted(one.name, one.arity));
            found.extend(functions.map(|one| (module, one.name, one.arity, code.address(one.entry))));
        } else {
            let exports = code.exports.iter().filter(|(name, has, _)| wanted(*name, *has));
            found.extend(exports.map(|(name, has, offset)| (module, *name, *has, code.address(*offset))));
        }
    }
    found
}

fn set_pattern<'h>(
    cx: &mut BifContext<'h>,
    number: u64,
    what: Term<'h>,
    spec: Term<'h>,
    flags: Term<'h>,
) -> BifResult<'h> {
    let Some(kinds) = kinds_of(cx, flags) else { return cx.badarg() };
    let vm = cx.vm;
    if what.is_atom(atoms::ON_LOAD) {
        // Only what is loaded already can be traced.
        return cx.badarg();
    }
    let Some([module, function, arity]) = what.as_tuple_of::<3>() else { return cx.badarg() };
    let (Some(module), Some(function)) = (module.as_atom(), function.as_atom()) else { return cx.badarg() };
    let arity = match (arity.as_small(), arity.is_atom(atoms::UNDERSCORE)) {
        (Some(arity), _) if (0..=255).contains(&arity) => Some(arity as u8),
        (None, true) => None,
        _ => return cx.badarg(),
    };
    let text = spec.as_atom().map(|atom| cx.text(atom));
    let condition = match text {
        Some("true") => Some(Condition { source: None, program: None }),
        Some("false") => None,
        Some("restart" | "pause") if kinds.count || kinds.time => None,
        Some(_) => return cx.badarg(),
        None if spec.is_nil() => Some(Condition { source: None, program: None }),
        None => match MatchSpec::compile(spec, Dialect::Trace, None, cx.atoms()) {
            Ok(program) => Some(Condition { source: Some(cx.own(spec)), program: Some(Arc::new(program)) }),
            Err(_) => return cx.badarg(),
        },
    };
    let traces = vm.extension::<Traces>();
    let mut state = traces.state.write();
    if number == 0 {
        state.sessions.entry(0).or_default();
    }
    let local = kinds.local || kinds.count || kinds.time;
    let found = matching(vm, module, function, arity, local);
    let Some(session) = state.sessions.get_mut(&number) else { return cx.badarg() };
    for (_, _, _, entry) in &found {
        let point = session.points.entry(*entry).or_default();
        set_point(point, kinds, text, condition.as_ref());
        if point.is_empty() {
            session.points.remove(entry);
        }
    }
    for (_, _, _, entry) in &found {
        update_breakpoints(vm, &state, *entry);
    }
    Ok(Term::small(found.len() as i64))
}

fn set_point(point: &mut Point, kinds: Kinds, text: Option<&str>, condition: Option<&Condition>) {
    let (pause, restart) = (text == Some("pause"), text == Some("restart"));
    if kinds.count {
        match (&point.count, condition) {
            (Some(_), None) if pause => point.count_paused = true,
            (Some(_), Some(_)) => point.count_paused = false,
            (Some(count), None) if restart => {
                count.store(0, Ordering::Relaxed);
                point.count_paused = false;
            }
            (None, Some(_)) => point.count = Some(AtomicU64::new(0)),
            (_, None) if text == Some("false") => point.count = None,
            _ => {}
        }
    }
    if kinds.time {
        match (&point.time, condition) {
            (Some(_), None) if pause => point.time_paused = true,
            (Some(_), Some(_)) => point.time_paused = false,
            (Some(time), None) if restart => {
                time.lock().clear();
                point.time_paused = false;
            }
            (None, Some(_)) => point.time = Some(Mutex::default()),
            (_, None) if text == Some("false") => point.time = None,
            _ => {}
        }
    }
    if !kinds.count && !kinds.time {
        point.condition = condition.map(|condition| (!kinds.local, condition.clone()));
    }
}

/// Puts breakpoints where a session wants them, and takes the others away.
fn update_breakpoints(vm: &Vm, state: &State, entry: u64) {
    let points = || state.sessions.values().filter_map(|session| session.points.get(&entry));
    let global = points().any(|point| matches!(point.condition, Some((true, _))));
    let local = points()
        .any(|point| point.count.is_some() || point.time.is_some() || matches!(point.condition, Some((false, _))));
    if local {
        vm.set_breakpoint(entry);
    } else {
        vm.clear_breakpoint(entry);
    }
    let Some((code, function, _)) = vm.code.describe(entry) else { return };
    let Some(export) = vm.code.existing_export(code.module, function.name, function.arity) else { return };
    if global {
        vm.set_export_breakpoint(export, entry);
    } else {
        vm.clear_export_breakpoint(export);
    }
}

// --- what is traced ----------------------------------------------------------------------------------------------------

/// What is traced, in the session of `erlang:trace_info/2`.
///
/// # Errors
///
/// `badarg` for bad arguments.
#[bif("erlang:trace_info/2")]
fn trace_info<'h>(cx: &mut BifContext<'h>, what: Term<'h>, item: Term<'h>) -> BifResult<'h> {
    info(cx, 0, what, item)
}

/// What is traced, in a session.
///
/// # Errors
///
/// `badarg` for bad arguments.
#[bif("erts_internal:trace_info/3")]
fn trace_info_in<'h>(cx: &mut BifContext<'h>, session: Term<'h>, what: Term<'h>, item: Term<'h>) -> BifResult<'h> {
    match session_number(session) {
        Some(number) => info(cx, number, what, item),
        None => cx.badarg(),
    }
}

fn info<'h>(cx: &mut BifContext<'h>, number: u64, what: Term<'h>, item: Term<'h>) -> BifResult<'h> {
    let traces = cx.vm.extension::<Traces>();
    let state = traces.state.read();
    let none = Session::default();
    let session = match state.sessions.get(&number) {
        Some(session) => session,
        None if number == 0 => &none,
        None => return cx.badarg(),
    };
    let Some(key) = item.as_atom() else { return cx.badarg() };
    if let Some([module, function, arity]) = what.as_tuple_of::<3>() {
        let names = (module.as_atom(), function.as_atom(), arity.as_small().and_then(|arity| u8::try_from(arity).ok()));
        let (Some(module), Some(function), Some(arity)) = names else { return cx.badarg() };
        let entry = matching(cx.vm, module, function, Some(arity), true).first().map(|(_, _, _, entry)| *entry);
        let Some(entry) = entry else {
            return Ok(cx.heap.tuple(&[item, Term::atom(atoms::UNDEFINED)]));
        };
        let point = session.points.get(&entry);
        if key == atoms::ALL {
            let Some(point) = point else { return Ok(cx.heap.tuple(&[item, Term::FALSE])) };
            let keys = ["traced", "match_spec", "meta", "meta_match_spec", "call_memory", "call_time", "call_count"];
            let pairs = keys.map(|key| {
                cx.heap.tuple(&[name(cx.vm, key), point_item(cx.heap, cx.vm, Some(point), key).unwrap_or(Term::FALSE)])
            });
            return Ok(cx.heap.tuple(&[item, cx.heap.list(&pairs)]));
        }
        return match point_item(cx.heap, cx.vm, point, cx.text(key)) {
            Some(value) => Ok(cx.heap.tuple(&[item, value])),
            None => cx.badarg(),
        };
    }
    let traced = match (what.as_pid(), what.as_atom()) {
        (Some(pid), _) if cx.vm.process(pid).is_none() => return Ok(Term::atom(atoms::UNDEFINED)),
        (Some(pid), _) => session.processes.get(&pid).copied(),
        (_, Some(which)) if matches!(cx.text(which), "new" | "new_processes") => session.new,
        (_, Some(which)) if matches!(cx.text(which), "new_ports") => None,
        (_, Some(which)) if matches!(cx.text(which), "on_load" | "send" | "receive") => {
            return Ok(cx.heap.tuple(&[item, Term::FALSE]));
        }
        _ => return cx.badarg(),
    };
    let value = match key {
        atoms::FLAGS => {
            let flags = traced.map_or(0, |traced| traced.flags);
            let names: Vec<Term<'h>> =
                FLAGS.iter().filter(|(_, bit)| flags & bit != 0).map(|(text, _)| name(cx.vm, text)).collect();
            cx.heap.list(&names)
        }
        atoms::TRACER => traced.map_or(Term::NIL, |traced| Term::pid(traced.tracer)),
        _ => return cx.badarg(),
    };
    Ok(cx.heap.tuple(&[item, value]))
}

fn point_item<'h>(heap: &'h Heap, vm: &Vm, point: Option<&Point>, key: &str) -> Option<Term<'h>> {
    let condition = point.and_then(|point| point.condition.as_ref());
    Some(match key {
        "traced" => match condition {
            Some((true, _)) => name(vm, "global"),
            Some((false, _)) => name(vm, "local"),
            None => Term::FALSE,
        },
        "match_spec" => match condition {
            Some((_, condition)) => condition.source.as_ref().map_or(Term::NIL, |source| heap.copy_in(source.term())),
            None => Term::FALSE,
        },
        "meta" | "meta_match_spec" | "call_memory" => Term::FALSE,
        "call_count" => match point.and_then(|point| point.count.as_ref()) {
            Some(count) => heap.integer(count.load(Ordering::Relaxed) as i64),
            None => Term::FALSE,
        },
        "call_time" => match point.and_then(|point| point.time.as_ref()) {
            Some(time) => {
                let time = time.lock();
                let items: Vec<Term<'h>> = time
                    .iter()
                    .map(|(pid, (calls, nanoseconds))| {
                        let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000 / 1000);
                        heap.tuple(&[
                            Term::pid(*pid),
                            Term::small(*calls as i64),
                            Term::small(seconds as i64),
                            Term::small(rest as i64),
                        ])
                    })
                    .collect();
                heap.list(&items)
            }
            None => Term::FALSE,
        },
        _ => return None,
    })
}
