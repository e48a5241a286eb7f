//! Which functions are traced, and which messages.

use super::flags::{bad_option, session_tracer, tracer_of};
use super::on_load::OnLoad;
use super::sessions::{bad_session, session_of};
use super::{Account, Condition, Count, EventPattern, LEGACY, Meta, Point, Session, State, Traces};
use oxbeam_bif_macros::bif;
use oxbeam_ets::{Dialect, MatchSpec};
use oxbeam_runtime::{BifContext, BifResult, LinkTarget, Vm};
use oxbeam_term::{Atom, Term, atoms};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Sets what is traced of functions, or which messages, in the session of `erlang:trace_pattern/3`; returns how many functions match.
///
/// # Errors
///
/// `badarg` for bad arguments; with the causes `badopt`, `match_spec` or `call_count`.
#[bif("erts_internal:trace_pattern/3")]
fn trace_pattern<'h>(cx: &mut BifContext<'h>, what: Term<'h>, spec: Term<'h>, flags: Term<'h>) -> BifResult<'h> {
    set_pattern(cx, LEGACY, what, spec, flags)
}

/// As `trace_pattern/3`, in a session.
///
/// # Errors
///
/// As `trace_pattern/3`, and with the cause `session` for a session that has ended.
#[bif("erts_internal:trace_pattern/4")]
fn trace_pattern_in<'h>(
    cx: &mut BifContext<'h>,
    session: Term<'h>,
    what: Term<'h>,
    spec: Term<'h>,
    flags: Term<'h>,
) -> BifResult<'h> {
    let number = session_of(cx, session)?;
    set_pattern(cx, number, what, spec, flags)
}

/// Kinds of tracing that a pattern is for; global tracing when there is none.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kinds {
    pub(super) local: bool,
    pub(super) meta: bool,
    pub(super) count: bool,
    pub(super) time: bool,
    pub(super) memory: bool,
}

impl Kinds {
    /// Is one of them set, so that it is about breakpoints in functions?
    pub(super) fn breakpoint(self) -> bool {
        self != Kinds::default()
    }
}

/// Kinds, the tracer of meta tracing, and whether `global` was among them.
fn kinds_of(
    cx: &BifContext<'_>,
    own: Option<LinkTarget>,
    flags: Term<'_>,
) -> Option<(Kinds, Option<LinkTarget>, bool)> {
    let (mut kinds, mut tracer, mut global) = (Kinds::default(), None, false);
    for item in flags.to_vec()? {
        if item.as_tuple().is_some() {
            if own.is_some() {
                return None;
            }
            tracer = Some(tracer_of(cx.vm, item, Some(atoms::META))?);
            kinds.meta = true;
            continue;
        }
        let text = cx.text(item.as_atom()?);
        if text == "global" {
            if kinds.breakpoint() {
                return None;
            }
            global = true;
            continue;
        }
        if global {
            return None;
        }
        match text {
            "local" => kinds.local = true,
            "meta" => {
                kinds.meta = true;
                tracer = tracer.or(own).or(Some(LinkTarget::Process(cx.pid())));
            }
            "call_count" => kinds.count = true,
            "call_time" => kinds.time = true,
            "call_memory" => kinds.memory = true,
            _ => return None,
        }
    }
    Some((kinds, tracer, global))
}

/// What a pattern asks for.
#[derive(Clone)]
pub(super) enum Order {
    Off,
    On(Condition),
    Restart,
    Pause,
}

impl Order {
    pub(super) fn is_on(&self) -> bool {
        !matches!(self, Order::Off)
    }
    pub(super) fn condition(&self) -> Condition {
        match self {
            Order::On(condition) => condition.clone(),
            _ => Condition::default(),
        }
    }
}

fn order_of(cx: &BifContext<'_>, what: Term<'_>, spec: Term<'_>) -> Option<Order> {
    match spec.as_atom().map(|atom| cx.text(atom)) {
        Some("true") => return Some(Order::On(Condition::default())),
        Some("false") => return Some(Order::Off),
        Some("restart") => return Some(Order::Restart),
        Some("pause") => return Some(Order::Pause),
        Some(_) => return None,
        None if spec.is_nil() => return Some(Order::On(Condition::default())),
        None => {}
    }
    let dialect = match what.as_atom() {
        Some(atoms::SEND) => Dialect::Send,
        Some(atoms::RECEIVE) => Dialect::Receive,
        _ => Dialect::Trace,
    };
    let program = MatchSpec::compile(spec, dialect, None, cx.atoms()).ok()?;
    Some(Order::On(Condition { source: Some(Arc::new(cx.own(spec))), program: Some(Arc::new(program)) }))
}

/// A pattern for functions: no name stands behind one that is left open.
fn function_pattern(what: Term<'_>) -> Option<(Atom, Atom, Option<i64>)> {
    let [module, function, arity] = what.as_tuple_of::<3>()?;
    let (module, function) = (module.as_atom()?, function.as_atom()?);
    let open = |atom: Atom| atom == atoms::UNDERSCORE;
    let arity = match arity.is_atom(atoms::UNDERSCORE) {
        true => None,
        false => Some(arity.as_small()?),
    };
    let fits = !(open(module) && !open(function)) && !((open(module) || open(function)) && arity.is_some());
    fits.then_some((module, function, arity))
}

fn set_pattern<'h>(
    cx: &mut BifContext<'h>,
    number: u64,
    what: Term<'h>,
    spec: Term<'h>,
    flags: Term<'h>,
) -> BifResult<'h> {
    let vm = cx.vm;
    let traces = vm.extension::<Traces>();
    let own = session_tracer(&traces, number);
    let Some((kinds, tracer, global)) = kinds_of(cx, own, flags) else { return bad_option(cx) };
    let Some(order) = order_of(cx, what, spec) else { return cx.badarg_because(cx.intern("match_spec")?) };
    let counts = kinds.count || kinds.time || kinds.memory;
    if counts && !kinds.local && !kinds.meta && matches!(&order, Order::On(condition) if condition.source.is_some()) {
        return cx.badarg_because(cx.intern("call_count")?);
    }
    let none = cx.intern("none")?;
    if what.is_atom(atoms::ON_LOAD) {
        let mut state = traces.write();
        let Some(session) = state.sessions.get_mut(&number) else { return bad_session(cx) };
        OnLoad::change(&mut session.on_load, &order, kinds, tracer);
        return Ok(Term::small(0));
    }
    if let Some(event) = what.as_atom() {
        let plain = !global && !kinds.breakpoint() && matches!(order, Order::On(_) | Order::Off);
        let mut state = traces.write();
        let Some(session) = state.sessions.get_mut(&number) else { return bad_session(cx) };
        let place = match event {
            atoms::SEND if plain => &mut session.send,
            atoms::RECEIVE if plain => &mut session.receive,
            _ => return cx.badarg_because(none),
        };
        *place = EventPattern { on: order.is_on(), condition: order.condition() };
        return Ok(Term::small(1));
    }
    let Some((module, function, arity)) = function_pattern(what) else { return cx.badarg_because(none) };
    let arity = match arity.map(u8::try_from) {
        None => None,
        Some(Ok(arity)) => Some(arity),
        // There are no such functions.
        Some(Err(_)) => return Ok(Term::small(0)),
    };
    let mut state = traces.write();
    let count = set_points(vm, &mut state, number, (module, function, arity), &order, kinds, tracer);
    Ok(Term::small(count as i64))
}

/// Sets the points of all functions that match (`erts_set_trace_pattern` in OTP's `erl_bif_trace.c`); returns how many do.
pub(super) fn set_points(
    vm: &Vm,
    state: &mut State,
    number: u64,
    (module, function, arity): (Atom, Atom, Option<u8>),
    order: &Order,
    kinds: Kinds,
    tracer: Option<LinkTarget>,
) -> usize {
    let functions = matching(vm, module, function, arity);
    let Some(session) = state.sessions.get_mut(&number) else { return 0 };
    let mut count = 0;
    for function in &functions {
        if kinds.breakpoint() || function.exported {
            count += 1;
        }
        set_function(session, function, order, kinds, tracer);
    }
    for function in &functions {
        update_breakpoints(vm, state, function.entry);
    }
    count
}

fn set_function(session: &mut Session, function: &Found, order: &Order, kinds: Kinds, tracer: Option<LinkTarget>) {
    if matches!(order, Order::Off) && !session.points.contains_key(&function.entry) {
        return;
    }
    let point = session.points.entry(function.entry).or_default();
    if !kinds.breakpoint() {
        if function.exported {
            point.global = order.is_on().then(|| order.condition());
        }
        if order.is_on() {
            // Global tracing takes the place of all others.
            *point = Point { global: point.global.take(), ..Point::default() };
        }
    } else {
        if order.is_on() {
            point.global = None;
        }
        if kinds.local {
            point.local = order.is_on().then(|| order.condition());
        }
        if kinds.meta {
            point.meta = order.is_on().then(|| Meta { condition: order.condition(), tracer });
        }
        if kinds.count {
            set_count(&mut point.count, order);
        }
        if kinds.time {
            set_account(&mut point.time, order);
        }
        if kinds.memory {
            set_account(&mut point.memory, order);
        }
    }
    if point.is_empty() {
        session.points.remove(&function.entry);
    }
}

fn set_count(place: &mut Option<Count>, order: &Order) {
    match (order, &mut *place) {
        (Order::Off, _) => *place = None,
        (Order::Pause, Some(count)) => count.active = false,
        (Order::On(_) | Order::Restart, Some(count)) => {
            count.calls.store(0, Ordering::Relaxed);
            count.active = true;
        }
        (Order::On(_), None) => *place = Some(Count { calls: AtomicU64::new(0), active: true }),
        (Order::Pause | Order::Restart, None) => {}
    }
}

fn set_account(place: &mut Option<Account>, order: &Order) {
    match (order, &mut *place) {
        (Order::Off, _) => *place = None,
        (Order::Pause, Some(account)) => account.paused = true,
        (Order::On(_) | Order::Restart, Some(account)) => {
            account.sums.lock().clear();
            account.paused = false;
        }
        (Order::On(_), None) => *place = Some(Account::default()),
        (Order::Pause | Order::Restart, None) => {}
    }
}

/// A function that a pattern names.
pub(super) struct Found {
    pub(super) entry: u64,
    exported: bool,
}

/// The functions of current code that a pattern names.
pub(super) fn matching(vm: &Vm, module: Atom, function: Atom, arity: Option<u8>) -> Vec<Found> {
    let any = |atom: Atom| atom == atoms::UNDERSCORE;
    let modules = if any(module) { vm.code.loaded() } else { vec![module] };
    let mut found = Vec::new();
    for module in modules {
        let Some(code) = vm.code.current(module) else { continue };
        let wanted =
            |name: Atom, has: u8| (any(function) || name == function) && arity.is_none_or(|arity| arity == has);
        let exported: std::collections::HashSet<(Atom, u8)> =
            code.exports.iter().map(|(name, arity, _)| (*name, *arity)).collect();
        let functions = (0..).zip(code.functions()).filter(|(_, (name, arity))| wanted(*name, *arity));
        // Breakpoints stand in decoded code. What does not decode cannot be called either.
        found.extend(functions.filter_map(|(index, function)| {
            let entry = code.decode(vm, index).ok()?;
            Some(Found { entry: code.address(entry), exported: exported.contains(&function) })
        }));
    }
    found
}

/// Puts breakpoints where a session wants them, and takes the others away.
pub(super) fn update_breakpoints(vm: &Vm, state: &mut State, entry: u64) {
    let points = || state.sessions.values().filter_map(|session| session.points.get(&entry));
    let global = points().any(|point| point.global.is_some());
    let local = points().any(Point::is_local);
    if local {
        vm.set_breakpoint(entry);
    } else {
        vm.clear_breakpoint(entry);
    }
    let Some((code, function, _)) = vm.code.describe(entry) else { return };
    if vm.bif(code.module, function.name, function.arity).is_some() {
        if local || global {
            state.bifs.insert(entry);
        } else {
            state.bifs.remove(&entry);
        }
        vm.tracing.bifs.store(!state.bifs.is_empty(), Ordering::Relaxed);
    }
    let Some(export) = vm.code.existing_export(code.module, function.name, function.arity) else { return };
    if global {
        vm.set_export_breakpoint(export, entry);
    } else {
        vm.clear_export_breakpoint(export);
    }
}
