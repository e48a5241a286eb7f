//! Sequential tracing as programs see it: the token's items, and the sequential tracer.

use super::flags::tracer_of;
use super::message::{deliver, is_enabled, stamp};
use super::{Traces, name, target_term};
use oxbeam_bif_macros::bif;
use oxbeam_runtime::sequential::{PRINT, RECEIVE, SEND};
use oxbeam_runtime::{BifContext, BifResult, LinkTarget, SequentialEvent, Signal, SystemTask, Vm, trace_flag as flag};
use oxbeam_term::{Term, atoms};
use std::sync::atomic::Ordering;

/// Parts of a sequential trace token: label, flags, serial.
#[derive(Clone, Copy)]
struct Token<'h> {
    flags: i64,
    label: Term<'h>,
    serial: i64,
    sender: Term<'h>,
    last: i64,
}

const TIMESTAMP: i64 = 8;
const STRICT_MONOTONIC_TIMESTAMP: i64 = 16;
const MONOTONIC_TIMESTAMP: i64 = 32;

fn token<'h>(cx: &BifContext<'h>) -> Option<Token<'h>> {
    let token = cx.heap.copy_in(cx.state.rare.seq_trace_token.as_ref()?.term());
    let [flags, label, serial, sender, last] = *token.as_tuple_of::<5>()?;
    Some(Token { flags: flags.as_small()?, label, serial: serial.as_small()?, sender, last: last.as_small()? })
}

fn store_token<'h>(cx: &mut BifContext<'h>, token: Token<'h>) {
    let term = cx.heap.tuple(&[
        Term::small(token.flags),
        token.label,
        Term::small(token.serial),
        token.sender,
        Term::small(token.last),
    ]);
    cx.state.rare.seq_trace_token = Some(cx.own(term));
}

fn flag_bit(name: Term<'_>) -> Option<i64> {
    Some(match name.as_atom()? {
        atoms::SEND => SEND,
        atoms::RECEIVE => RECEIVE,
        atoms::PRINT => PRINT,
        atoms::TIMESTAMP => TIMESTAMP,
        atoms::MONOTONIC_TIMESTAMP => MONOTONIC_TIMESTAMP,
        atoms::STRICT_MONOTONIC_TIMESTAMP => STRICT_MONOTONIC_TIMESTAMP,
        _ => return None,
    })
}

/// One item of the token, or `[]` without one.
pub(super) fn item<'h>(cx: &BifContext<'h>, item: Term<'h>) -> Option<Term<'h>> {
    let token = token(cx);
    if let Some(bit) = flag_bit(item) {
        return Some(Term::boolean(token.is_some_and(|token| token.flags & bit != 0)));
    }
    Some(match (item.as_atom()?, token) {
        (atoms::LABEL | atoms::SERIAL, None) => Term::NIL,
        (atoms::LABEL, Some(token)) => token.label,
        (atoms::SERIAL, Some(token)) => cx.heap.tuple(&[Term::small(token.last), Term::small(token.serial)]),
        _ => return None,
    })
}

/// Sets an item of the caller's token; its value before. `None` for an unknown item or a bad value.
pub(super) fn set<'h>(cx: &mut BifContext<'h>, item: Term<'h>, value: Term<'h>) -> Option<Term<'h>> {
    if item.is_atom(atoms::SEQUENTIAL_TRACE_TOKEN) {
        if !value.is_nil() {
            return None;
        }
        let before = cx.state.rare.seq_trace_token.take();
        return Some(before.map_or(Term::NIL, |token| cx.heap.copy_in(token.term())));
    }
    let fresh = Token {
        flags: 0,
        label: Term::small(0),
        serial: 0,
        sender: Term::pid(cx.pid()),
        last: cx.state.rare.seq_trace_counts.1,
    };
    let mut token = token(cx).unwrap_or(fresh);
    let before;
    if let Some(bit) = flag_bit(item) {
        let on = value.as_boolean()?;
        before = Term::boolean(token.flags & bit != 0);
        token.flags = if on { token.flags | bit } else { token.flags & !bit };
    } else if item.is_atom(atoms::LABEL) {
        before = token.label;
        token.label = value;
    } else if item.is_atom(atoms::SERIAL) {
        let [last, serial] = value.as_tuple_of::<2>()?;
        let (last, serial) = (last.as_small()?, serial.as_small()?);
        before = cx.heap.tuple(&[Term::small(token.last), Term::small(token.serial)]);
        (token.last, token.serial) = (last, serial);
        cx.state.rare.seq_trace_counts = (serial, last);
    } else {
        return None;
    }
    store_token(cx, token);
    Some(before)
}

/// Sets an item of the caller's sequential trace token; returns its value before.
///
/// # Errors
///
/// `badarg` for an unknown item or a bad value.
#[bif("erlang:seq_trace/2")]
fn seq_trace<'h>(cx: &mut BifContext<'h>, item: Term<'h>, value: Term<'h>) -> BifResult<'h> {
    match set(cx, item, value) {
        Some(before) => Ok(before),
        None => cx.badarg(),
    }
}

/// An item of the caller's sequential trace token, as `{Item, Value}`; `[]` without one.
///
/// # Errors
///
/// `badarg` for an unknown item.
#[bif("erlang:seq_trace_info/1")]
fn seq_trace_info<'h>(cx: &mut BifContext<'h>, item: Term<'h>) -> BifResult<'h> {
    match self::item(cx, item) {
        Some(value) if value.is_nil() && token(cx).is_none() => Ok(value),
        Some(value) => Ok(cx.heap.tuple(&[item, value])),
        None => cx.badarg(),
    }
}

/// Tells the sequential tracer something, if the caller has a token whose flags say so; false without a token.
#[bif("erlang:seq_trace_print/1")]
fn seq_trace_print<'h>(cx: &mut BifContext<'h>, what: Term<'h>) -> BifResult<'h> {
    let pid = cx.pid();
    let Some(token) = cx.vm.next_token(cx.state, pid) else { return Ok(Term::FALSE) };
    cx.vm.tell_sequential(cx.state, &token, PRINT, Term::NIL, what, Some(pid));
    Ok(Term::TRUE)
}

/// As `seq_trace_print/1`, if the token has this label.
#[bif("erlang:seq_trace_print/2")]
fn seq_trace_print_for<'h>(cx: &mut BifContext<'h>, label: Term<'h>, what: Term<'h>) -> BifResult<'h> {
    match token(cx) {
        Some(token) if token.label.is_exactly(label) => seq_trace_print(cx, what),
        _ => Ok(Term::FALSE),
    }
}

/// `system_flag(reset_seq_trace, true)`: all tokens are gone, those of messages too.
pub(crate) fn reset(cx: &mut BifContext<'_>) {
    cx.state.reset_sequential_trace();
    for pid in cx.vm.processes.pids().into_iter().filter(|pid| *pid != cx.process.pid()) {
        let task: SystemTask = Box::new(|_, _, main| {
            if let Some(main) = main {
                main.state.reset_sequential_trace();
            }
        });
        cx.vm.signal_pid(pid, Signal::Task(task));
    }
}

/// `system_flag(sequential_tracer, Tracer)`: the tracer before, or `false`. `None` for what is no tracer.
pub(crate) fn set_tracer<'h>(vm: &Vm, tracer: Term<'h>) -> Option<Term<'h>> {
    let new = match tracer.is_atom(atoms::FALSE) {
        true => None,
        false => Some(tracer_of(vm, tracer, None).filter(|tracer| super::message::exists(vm, *tracer))?),
    };
    let traces = vm.extension::<Traces>();
    vm.tracing.sequential.store(new.is_some(), Ordering::Relaxed);
    let old = std::mem::replace(&mut *traces.sequential_tracer.write(), new);
    Some(shown(vm, old))
}

/// `system_info(sequential_tracer)`.
pub(crate) fn tracer<'h>(vm: &Vm) -> Term<'h> {
    let tracer = *vm.extension::<Traces>().sequential_tracer.read();
    shown(vm, tracer)
}

fn shown<'h>(vm: &Vm, tracer: Option<LinkTarget>) -> Term<'h> {
    tracer.filter(|tracer| super::message::exists(vm, *tracer)).map_or(Term::FALSE, target_term)
}

/// Sends the sequential tracer an event.
pub(super) fn tell(vm: &Vm, traces: &Traces, event: &SequentialEvent<'_>) {
    let tracer = *traces.sequential_tracer.read();
    let Some(tracer) = tracer.filter(|tracer| is_enabled(vm, *tracer, event.process.map(LinkTarget::Process))) else {
        return;
    };
    let Some([flags, label, serial, sender, last]) = event.token.as_tuple_of::<5>() else { return };
    let flags = flags.as_small().unwrap_or(0);
    let kind = match event.kind {
        SEND => "send",
        RECEIVE => "receive",
        _ => "print",
    };
    let stamps = [
        (TIMESTAMP, flag::TIMESTAMP),
        (MONOTONIC_TIMESTAMP, flag::MONOTONIC_TIMESTAMP),
        (STRICT_MONOTONIC_TIMESTAMP, flag::STRICT_MONOTONIC_TIMESTAMP),
    ];
    let stamps = stamps.into_iter().filter(|(bit, _)| flags & bit != 0).fold(0, |all, (_, flag)| all | flag);
    let copies = [*last, *serial, *sender, event.receiver, event.message, *label];
    deliver(vm, tracer, false, &|heap| {
        let [last, serial, sender, receiver, message, label] = copies.map(|term| heap.copy_in(term));
        let counts = heap.tuple(&[last, serial]);
        let what = heap.tuple(&[name(vm, kind), counts, sender, receiver, message]);
        let mut elements = vec![Term::atom(atoms::SEQ_TRACE), label, what];
        elements.extend(stamp(vm, heap, stamps, false));
        heap.tuple(&elements)
    });
}
