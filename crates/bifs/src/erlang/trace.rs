//! Sequential tracing, dynamic trace tags, system monitors and profiles: what OTP's and Elixir's own code asks of them.
//! The system monitor's events come from the machine; the profiler's settings are kept and told, but its events do not
//! come. Tracing itself is in `tracing.rs`.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, MonitorSettings};
use oxbeam_term::{OwnedTerm, Pid, Term, atoms};
use parking_lot::Mutex;

/// Settings of the system profiler, as given.
#[derive(Default)]
struct SystemSettings {
    profile: Mutex<Option<(OwnedTerm, OwnedTerm)>>,
}

/// A heap smaller than this many words is never a large one.
const LARGE_HEAP_MIN: usize = 16_384;

/// Takes over one option of `system_monitor/2`.
fn monitor_option(settings: &mut MonitorSettings, option: Term<'_>) -> Option<()> {
    match option.as_atom() {
        Some(atoms::BUSY_PORT) => settings.busy_port = true,
        Some(atoms::BUSY_DIST_PORT) => settings.busy_dist_port = true,
        Some(_) => return None,
        None => {
            let [name, value] = *option.as_tuple_of::<2>()?;
            match name.as_atom()? {
                atoms::LONG_GC => settings.long_gc = Some(value.as_usize()?.max(1)),
                atoms::LONG_SCHEDULE => settings.long_schedule = Some(value.as_usize()?.max(1)),
                atoms::LARGE_HEAP => settings.large_heap = Some(value.as_usize()?.max(LARGE_HEAP_MIN)),
                atoms::LONG_MESSAGE_QUEUE => {
                    let [low, high] = *value.as_tuple_of::<2>()?;
                    let limits = (low.as_usize()?, high.as_usize()?);
                    settings.long_message_queue = Some(limits).filter(|(low, high)| low < high);
                    settings.long_message_queue?;
                }
                _ => return None,
            }
        }
    }
    Some(())
}

/// `{Pid, Options}`, or `undefined`.
fn monitor_term<'h>(cx: &BifContext<'h>, settings: Option<MonitorSettings>) -> Term<'h> {
    let Some(settings) = settings.filter(|settings| cx.vm.process(settings.pid).is_some()) else {
        return Term::atom(atoms::UNDEFINED);
    };
    let number = |value: usize| cx.heap.unsigned(value as u64);
    let pair = |name, value| cx.heap.tuple(&[Term::atom(name), value]);
    let options = [
        settings.busy_dist_port.then_some(Term::atom(atoms::BUSY_DIST_PORT)),
        settings.busy_port.then_some(Term::atom(atoms::BUSY_PORT)),
        settings.large_heap.map(|words| pair(atoms::LARGE_HEAP, number(words))),
        settings.long_schedule.map(|time| pair(atoms::LONG_SCHEDULE, number(time))),
        settings.long_gc.map(|time| pair(atoms::LONG_GC, number(time))),
        settings.long_message_queue.map(|(low, high)| {
            let limits = cx.heap.tuple(&[number(low), number(high)]);
            pair(atoms::LONG_MESSAGE_QUEUE, limits)
        }),
    ];
    let options: Vec<Term<'h>> = options.into_iter().flatten().collect();
    cx.heap.tuple(&[Term::pid(settings.pid), cx.heap.list(&options)])
}

/// The system monitor's settings, `{Pid, Options}` or `undefined`.
#[bif("erlang:system_monitor/0")]
fn system_monitor<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(monitor_term(cx, cx.vm.system_monitor.settings()))
}

/// Sets the system monitor, as `{Pid, Options}` or `undefined`; returns the settings before.
///
/// # Errors
///
/// `badarg` for bad settings.
#[bif("erlang:system_monitor/1")]
fn system_monitor_set<'h>(cx: &mut BifContext<'h>, settings: Term<'h>) -> BifResult<'h> {
    if settings.is_atom(atoms::UNDEFINED) {
        return Ok(monitor_term(cx, cx.vm.system_monitor.set(None)));
    }
    match settings.as_tuple_of::<2>() {
        Some([pid, options]) => system_monitor_with(cx, *pid, *options),
        None => cx.badarg(),
    }
}

/// Sets the system monitor; returns the settings before.
///
/// # Errors
///
/// `badarg` for bad settings.
#[bif("erlang:system_monitor/2")]
fn system_monitor_with<'h>(cx: &mut BifContext<'h>, pid: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    if pid.is_atom(atoms::UNDEFINED) || options.is_nil() {
        return system_monitor_set(cx, Term::atom(atoms::UNDEFINED));
    }
    let Some(pid) = pid.as_pid().filter(|pid| cx.vm.process(*pid).is_some()) else { return cx.badarg() };
    let mut settings = MonitorSettings {
        pid,
        long_gc: None,
        long_schedule: None,
        large_heap: None,
        long_message_queue: None,
        busy_port: false,
        busy_dist_port: false,
    };
    let list = options.to_vec();
    if list.and_then(|list| list.into_iter().try_for_each(|one| monitor_option(&mut settings, one).map(drop))).is_none()
    {
        return cx.badarg();
    }
    Ok(monitor_term(cx, cx.vm.system_monitor.set(Some(settings))))
}

/// The system profiler's settings, `{Pid, Options}` or `undefined`.
#[bif("erlang:system_profile/0")]
fn system_profile<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let settings = cx.vm.extension::<SystemSettings>();
    let profile = settings.profile.lock();
    Ok(match &*profile {
        Some((who, options)) => cx.heap.tuple(&[cx.heap.copy_in(who.term()), cx.heap.copy_in(options.term())]),
        None => Term::atom(atoms::UNDEFINED),
    })
}

/// Sets the system profiler; returns the settings before.
///
/// # Errors
///
/// `badarg` for bad settings.
#[bif("erlang:system_profile/2")]
fn system_profile_set<'h>(cx: &mut BifContext<'h>, who: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    if options.to_vec().is_none() || !(who.is_pid() || who.is_port() || who.is_atom(atoms::UNDEFINED)) {
        return cx.badarg();
    }
    let before = system_profile(cx)?;
    let off = who.is_atom(atoms::UNDEFINED) || options.is_nil();
    let now = if off { None } else { Some((cx.own(who), cx.own(options))) };
    *cx.vm.extension::<SystemSettings>().profile.lock() = now;
    Ok(before)
}

/// Sends `{trace_delivered, Who, Reference}` once all trace messages have been delivered; returns the reference.
///
/// # Errors
///
/// `badarg` unless `who` is a pid of this node or `all`.
#[bif("erlang:trace_delivered/1")]
fn trace_delivered<'h>(cx: &mut BifContext<'h>, who: Term<'h>) -> BifResult<'h> {
    if who.as_pid().is_none() && !who.is_atom(atoms::ALL) {
        return cx.badarg();
    }
    let reference = cx.make_reference();
    let message = cx.heap.tuple(&[Term::atom(atoms::TRACE_DELIVERED), who, reference]);
    cx.vm.send_message(cx.pid(), cx.own(message));
    Ok(reference)
}

/// Parts of a sequential trace token: label, flags, serial.
#[derive(Clone, Copy)]
struct Token<'h> {
    flags: i64,
    label: Term<'h>,
    serial: i64,
    sender: Term<'h>,
    last: i64,
}

const SEND: i64 = 1;
const RECEIVE: i64 = 2;
const PRINT: i64 = 4;
const TIMESTAMP: i64 = 8;
const MONOTONIC_TIMESTAMP: i64 = 16;
const STRICT_MONOTONIC_TIMESTAMP: i64 = 32;

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
fn token_item<'h>(cx: &BifContext<'h>, item: Term<'h>) -> Option<Term<'h>> {
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

/// Sets an item of the caller's sequential trace token; returns its value before.
///
/// # Errors
///
/// `badarg` for an unknown item or a bad value.
#[bif("erlang:seq_trace/2")]
fn seq_trace<'h>(cx: &mut BifContext<'h>, item: Term<'h>, value: Term<'h>) -> BifResult<'h> {
    if item.is_atom(atoms::SEQUENTIAL_TRACE_TOKEN) {
        if !value.is_nil() {
            return cx.badarg();
        }
        cx.state.rare.if_set().map(|rare| rare.seq_trace_token.take());
        return Ok(Term::TRUE);
    }
    let Some(before) = token_item(cx, item) else { return cx.badarg() };
    let fresh = Token {
        flags: 0,
        label: Term::small(0),
        serial: 0,
        sender: Term::pid(cx.pid()),
        last: cx.state.rare.seq_trace_counts.1,
    };
    let mut token = token(cx).unwrap_or(fresh);
    if let Some(bit) = flag_bit(item) {
        let Some(on) = value.as_boolean() else { return cx.badarg() };
        token.flags = if on { token.flags | bit } else { token.flags & !bit };
    } else if item.is_atom(atoms::LABEL) {
        token.label = value;
    } else {
        let Some([last, serial]) = value.as_tuple_of::<2>() else { return cx.badarg() };
        let (Some(last), Some(serial)) = (last.as_small(), serial.as_small()) else { return cx.badarg() };
        (token.last, token.serial) = (last, serial);
        cx.state.rare.seq_trace_counts = (serial, last);
    }
    store_token(cx, token);
    Ok(before)
}

/// An item of the caller's sequential trace token, as `{Item, Value}`; `[]` without one.
///
/// # Errors
///
/// `badarg` for an unknown item.
#[bif("erlang:seq_trace_info/1")]
fn seq_trace_info<'h>(cx: &mut BifContext<'h>, item: Term<'h>) -> BifResult<'h> {
    match token_item(cx, item) {
        Some(value) if value.is_nil() && token(cx).is_none() => Ok(value),
        Some(value) => Ok(cx.heap.tuple(&[item, value])),
        None => cx.badarg(),
    }
}

/// Tells the sequential tracer something; false since there is none.
#[bif("erlang:seq_trace_print/1")]
fn seq_trace_print<'h>(_cx: &mut BifContext<'h>, _what: Term<'h>) -> BifResult<'h> {
    Ok(Term::FALSE)
}

/// As `seq_trace_print/1`, if the token has this label.
#[bif("erlang:seq_trace_print/2")]
fn seq_trace_print_for<'h>(cx: &mut BifContext<'h>, label: Term<'h>, _what: Term<'h>) -> BifResult<'h> {
    if label.as_small().is_none() && label.as_atom().is_none() && token(cx).is_none() {
        return Ok(Term::FALSE);
    }
    Ok(Term::FALSE)
}

// Dynamic trace tags: as in a machine built without dynamic tracing.

/// Sets the dynamic trace tag; there is none.
#[bif("erlang:dt_put_tag/1")]
fn dt_put_tag<'h>(_cx: &mut BifContext<'h>, _tag: Term<'h>) -> BifResult<'h> {
    Ok(Term::atom(atoms::UNDEFINED))
}

/// The dynamic trace tag.
#[bif("erlang:dt_get_tag/0")]
fn dt_get_tag<'h>(_cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(Term::atom(atoms::UNDEFINED))
}

/// The dynamic trace tag's data.
#[bif("erlang:dt_get_tag_data/0")]
fn dt_get_tag_data<'h>(_cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(Term::atom(atoms::UNDEFINED))
}

/// Puts the dynamic trace tag in front of `data`.
#[bif("erlang:dt_prepend_vm_tag_data/1")]
fn dt_prepend_vm_tag_data<'h>(_cx: &mut BifContext<'h>, data: Term<'h>) -> BifResult<'h> {
    Ok(data)
}

/// Puts the dynamic trace tag behind `data`.
#[bif("erlang:dt_append_vm_tag_data/1")]
fn dt_append_vm_tag_data<'h>(_cx: &mut BifContext<'h>, data: Term<'h>) -> BifResult<'h> {
    Ok(data)
}

/// Spreads the dynamic trace tag to messages.
///
/// # Errors
///
/// `badarg` unless `on` is a boolean.
#[bif("erlang:dt_spread_tag/1")]
fn dt_spread_tag<'h>(cx: &mut BifContext<'h>, on: Term<'h>) -> BifResult<'h> {
    if on.as_boolean().is_some() { Ok(Term::TRUE) } else { cx.badarg() }
}

/// Undoes `dt_spread_tag/1`.
#[bif("erlang:dt_restore_tag/1")]
fn dt_restore_tag<'h>(_cx: &mut BifContext<'h>, _state: Term<'h>) -> BifResult<'h> {
    Ok(Term::TRUE)
}

/// Removes old trace sessions from a process: there are none.
#[bif("erts_trace_cleaner:send_trace_clean_signal/1")]
fn send_trace_clean_signal<'h>(_cx: &mut BifContext<'h>, _pid: Pid) -> BifResult<'h> {
    Ok(Term::TRUE)
}

/// Are there old trace sessions to remove?
#[bif("erts_trace_cleaner:check/0")]
fn trace_cleaner_check<'h>(_cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(Term::FALSE)
}

/// Is there another area of old literals? Never: literals live as long as the machine.
#[bif("erts_literal_area_collector:release_area_switch/0")]
fn release_area_switch<'h>(_cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(Term::FALSE)
}

/// Asks a process to copy old literals it refers to; it never does.
#[bif("erts_literal_area_collector:send_copy_request/3")]
fn send_copy_request<'h>(cx: &mut BifContext<'h>, pid: Pid, area: Term<'h>, kind: Term<'h>) -> BifResult<'h> {
    let request = cx.heap.tuple(&[area, kind, Term::pid(pid)]);
    let answer = cx.heap.tuple(&[Term::atom(atoms::COPY_LITERALS), request, Term::atom(atoms::OK)]);
    cx.vm.send_message(cx.pid(), cx.own(answer));
    Ok(Term::atom(atoms::OK))
}
