//! System monitors, whose events come from the machine, and dynamic trace tags, of which there are none. Tracing itself is in `tracing/`.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, MonitorSettings};
use oxbeam_term::{Term, atoms};

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
