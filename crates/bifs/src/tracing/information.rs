//! `trace_info`: what is traced.

use super::flags::{bad_option, list};
use super::functions::matching;
use super::message::exists;
use super::sessions::{bad_session, session_of, weak_term};
use super::{Condition, EventPattern, LEGACY, Point, Session, State, Traced, Traces, name, target_term};
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, LinkTarget, Vm};
use oxbeam_term::{Heap, Term, atoms};
use std::sync::atomic::Ordering;

/// What is traced, in the session of `erlang:trace/3`.
///
/// # Errors
///
/// `badarg` for bad arguments.
#[bif("erlang:trace_info/2")]
fn trace_info<'h>(cx: &mut BifContext<'h>, what: Term<'h>, item: Term<'h>) -> BifResult<'h> {
    info(cx, LEGACY, what, item)
}

/// What is traced, in a session; for the session `any`, which sessions trace it.
///
/// # Errors
///
/// `badarg` for bad arguments; with the cause `session` for a session that has ended.
#[bif("erts_internal:trace_info/3")]
fn trace_info_in<'h>(cx: &mut BifContext<'h>, session: Term<'h>, what: Term<'h>, item: Term<'h>) -> BifResult<'h> {
    if session.is_atom(atoms::ANY) {
        return sessions_of(cx, what, item);
    }
    let number = session_of(cx, session)?;
    info(cx, number, what, item)
}

/// The process or port of this node that a term names.
fn tracee_of(term: Term<'_>) -> Option<LinkTarget> {
    match (term.as_pid(), term.as_port()) {
        (Some(pid), _) => Some(LinkTarget::Process(pid)),
        (_, Some(port)) => Some(LinkTarget::Port(port)),
        _ => None,
    }
}

/// The entry of the function that a term names: `Err` for what names none, `Ok(None)` for one that does not exist.
fn function_of(vm: &Vm, what: Term<'_>) -> Result<Option<u64>, ()> {
    let Some([module, function, arity]) = what.as_tuple_of::<3>() else { return Err(()) };
    let (Some(module), Some(function), Some(arity)) = (module.as_atom(), function.as_atom(), arity.as_small()) else {
        return Err(());
    };
    let any = module == atoms::UNDERSCORE || function == atoms::UNDERSCORE;
    let Some(arity) = u8::try_from(arity).ok().filter(|_| !any) else { return Ok(None) };
    Ok(matching(vm, module, function, Some(arity)).first().map(|found| found.entry))
}

/// `{session, Sessions}`: those that trace something.
fn sessions_of<'h>(cx: &mut BifContext<'h>, what: Term<'h>, item: Term<'h>) -> BifResult<'h> {
    let is_session = item.as_atom().is_some_and(|item| cx.text(item) == "session");
    let traces = cx.vm.extension::<Traces>();
    let state = traces.read();
    let pair = |value| Ok(cx.heap.tuple(&[item, value]));
    let all = |wanted: &dyn Fn(&Session) -> bool| {
        let terms: Vec<Term<'h>> =
            sessions_in_order(&state).filter(|s| wanted(s)).map(|s| weak_term(cx.heap, s)).collect();
        cx.heap.list(&terms)
    };
    if what.as_tuple().is_some() {
        let (Ok(entry), true) = (function_of(cx.vm, what), is_session) else { return cx.badarg() };
        return match entry {
            None => pair(Term::atom(atoms::UNDEFINED)),
            Some(entry) => pair(all(&|session| session.points.contains_key(&entry))),
        };
    }
    if let Some(who) = tracee_of(what) {
        if !is_session {
            return cx.badarg();
        }
        if !exists(cx.vm, who) {
            return Ok(Term::atom(atoms::UNDEFINED));
        }
        return pair(all(&|session| session.tracees.contains_key(&who)));
    }
    let Some(which) = what.as_atom() else { return bad_option(cx) };
    if !is_session {
        return cx.badarg();
    }
    let wanted: &dyn Fn(&Session) -> bool = match cx.text(which) {
        "any" => &|_| true,
        "on_load" => &|session| session.on_load.on,
        "send" => &|session| session.send.on,
        "receive" => &|session| session.receive.on,
        "new" | "new_processes" => &|session| session.new_processes.is_some(),
        "new_ports" => &|session| session.new_ports.is_some(),
        _ => return bad_option(cx),
    };
    pair(all(wanted))
}

/// Sessions as OTP lists them: the oldest first, the one of `erlang:trace/3` last.
fn sessions_in_order(state: &State) -> impl Iterator<Item = &Session> {
    let (legacy, others) = (state.sessions.get(&LEGACY), state.sessions.range(LEGACY + 1..));
    others.map(|(_, session)| session).chain(legacy)
}

fn info<'h>(cx: &mut BifContext<'h>, number: u64, what: Term<'h>, item: Term<'h>) -> BifResult<'h> {
    let traces = cx.vm.extension::<Traces>();
    let state = traces.read();
    let Some(session) = state.sessions.get(&number) else { return bad_session(cx) };
    let key = item.as_atom().map_or("", |item| cx.text(item));
    let pair = |value| Ok(cx.heap.tuple(&[item, value]));
    if what.as_tuple().is_some() {
        let Ok(entry) = function_of(cx.vm, what) else { return cx.badarg() };
        let Some(entry) = entry else { return pair(Term::atom(atoms::UNDEFINED)) };
        let Some(point) = session.points.get(&entry) else { return pair(Term::FALSE) };
        return match point_value(cx.vm, cx.heap, point, key) {
            Some(value) => pair(value),
            None => cx.badarg(),
        };
    }
    match what.as_atom().map(|which| cx.text(which)) {
        Some("on_load") => {
            return match on_load_value(cx.vm, cx.heap, session, key) {
                Some(value) => pair(value),
                None => cx.badarg(),
            };
        }
        Some(event @ ("send" | "receive")) => {
            let pattern = if event == "send" { &session.send } else { &session.receive };
            return if key == "match_spec" { pair(event_value(cx.heap, pattern)) } else { cx.badarg() };
        }
        _ => {}
    }
    let traced = match (tracee_of(what), what.as_atom().map(|which| cx.text(which))) {
        (Some(who), _) => {
            if matches!(who, LinkTarget::Process(_)) && !matches!(key, "flags" | "tracer") {
                return cx.badarg();
            }
            if !exists(cx.vm, who) {
                return Ok(Term::atom(atoms::UNDEFINED));
            }
            session.tracees.get(&who).copied()
        }
        (_, Some("new" | "new_processes")) => session.new_processes,
        (_, Some("new_ports")) => session.new_ports,
        _ => return bad_option(cx),
    };
    let traced = traced.filter(|traced| exists(cx.vm, traced.tracer));
    match key {
        "flags" => pair(list(cx.vm, cx.heap, traced.map_or(0, |traced| traced.flags))),
        "tracer" => pair(traced.map_or(Term::NIL, |traced: Traced| target_term(traced.tracer))),
        _ => cx.badarg(),
    }
}

fn event_value<'h>(heap: &'h Heap, pattern: &EventPattern) -> Term<'h> {
    match (&pattern.condition.source, pattern.on) {
        (_, false) => Term::FALSE,
        (Some(source), true) => heap.copy_in(source.term()),
        (None, true) => Term::TRUE,
    }
}

fn spec_value<'h>(heap: &'h Heap, condition: Option<&Condition>) -> Term<'h> {
    match condition {
        Some(condition) => condition.source.as_ref().map_or(Term::NIL, |source| heap.copy_in(source.term())),
        None => Term::FALSE,
    }
}

/// All items in a list, as `{Item, Value}`.
fn all_items<'h>(vm: &Vm, heap: &'h Heap, keys: &[&str], value: &dyn Fn(&str) -> Option<Term<'h>>) -> Term<'h> {
    let pairs: Vec<Term<'h>> =
        keys.iter().map(|key| heap.tuple(&[name(vm, key), value(key).unwrap_or(Term::FALSE)])).collect();
    heap.list(&pairs)
}

fn point_value<'h>(vm: &Vm, heap: &'h Heap, point: &Point, key: &str) -> Option<Term<'h>> {
    const KEYS: [&str; 7] =
        ["traced", "match_spec", "meta", "meta_match_spec", "call_memory", "call_time", "call_count"];
    Some(match key {
        "all" => all_items(vm, heap, &KEYS, &|key| match (key, &point.meta) {
            ("meta", None) => Some(Term::FALSE),
            _ => point_value(vm, heap, point, key),
        }),
        "traced" => match (&point.global, &point.local) {
            (Some(_), _) => name(vm, "global"),
            (None, Some(_)) => name(vm, "local"),
            (None, None) => Term::FALSE,
        },
        "match_spec" => spec_value(heap, point.global.as_ref().or(point.local.as_ref())),
        "meta" => {
            let tracer = point.meta.as_ref().and_then(|meta| meta.tracer);
            tracer.map_or(Term::NIL, target_term)
        }
        "meta_match_spec" => spec_value(heap, point.meta.as_ref().map(|meta| &meta.condition)),
        "call_count" => match &point.count {
            Some(count) => heap.unsigned(count.calls.load(Ordering::Relaxed)),
            None => Term::FALSE,
        },
        "call_time" => match &point.time {
            Some(account) => {
                let sums = account.sums.lock();
                let items = sums.iter().map(|(pid, (calls, nanoseconds))| {
                    let microseconds = nanoseconds / 1000;
                    heap.tuple(&[
                        Term::pid(*pid),
                        Term::small(*calls as i64),
                        Term::small(microseconds / 1_000_000),
                        Term::small(microseconds % 1_000_000),
                    ])
                });
                let items: Vec<Term<'h>> = items.collect();
                heap.list(&items)
            }
            None => Term::FALSE,
        },
        "call_memory" => match &point.memory {
            Some(account) => {
                let sums = account.sums.lock();
                let items: Vec<Term<'h>> = sums
                    .iter()
                    .map(|(pid, (calls, words))| {
                        heap.tuple(&[Term::pid(*pid), Term::small(*calls as i64), heap.integer(*words)])
                    })
                    .collect();
                heap.list(&items)
            }
            None => Term::FALSE,
        },
        _ => return None,
    })
}

fn on_load_value<'h>(vm: &Vm, heap: &'h Heap, session: &Session, key: &str) -> Option<Term<'h>> {
    let pattern = &session.on_load;
    if !pattern.on {
        return Some(Term::FALSE);
    }
    let kinds = pattern.kinds;
    let plain = kinds.local || !kinds.breakpoint();
    Some(match key {
        "all" => {
            let keys = ["traced", "match_spec", "meta", "meta_match_spec", "call_count"];
            all_items(vm, heap, &keys, &|key| on_load_value(vm, heap, session, key))
        }
        "traced" if !kinds.breakpoint() => name(vm, "global"),
        "traced" if kinds.local => name(vm, "local"),
        "traced" => Term::FALSE,
        "match_spec" => spec_value(heap, plain.then_some(&pattern.condition)),
        "meta" => pattern.meta_tracer.filter(|_| kinds.meta).map_or(Term::FALSE, target_term),
        "meta_match_spec" => spec_value(heap, kinds.meta.then_some(&pattern.meta_condition)),
        "call_count" => Term::boolean(kinds.count),
        "call_time" => Term::boolean(kinds.time),
        "call_memory" => Term::boolean(kinds.memory),
        _ => return None,
    })
}
