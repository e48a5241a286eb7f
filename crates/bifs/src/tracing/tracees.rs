//! Which processes and ports are traced.

use super::flags::{MODIFIERS, OF_PORTS, OF_PROCESSES, Wanted, bad_option, is_legacy, parse, session_tracer};
use super::message::exists;
use super::sessions::{bad_session, session_of};
use super::{LEGACY, Session, Traced, Traces, publish_new};
use crate::io::PortTable;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, LinkTarget, Vm};
use oxbeam_term::{Term, atoms};

/// Switches flags of processes in the session of `erlang:trace/3`; returns how many processes and ports match.
///
/// # Errors
///
/// `badarg` for bad arguments, and for a process that another tracer traces; with the cause `badopt` for bad flags.
#[bif("erts_internal:trace/3")]
fn trace<'h>(cx: &mut BifContext<'h>, who: Term<'h>, on: Term<'h>, flags: Term<'h>) -> BifResult<'h> {
    set_trace(cx, LEGACY, who, on, flags)
}

/// As `trace/3`, in a session.
///
/// # Errors
///
/// As `trace/3`, and with the cause `session` for a session that has ended.
#[bif("erts_internal:trace/4")]
fn trace_in<'h>(
    cx: &mut BifContext<'h>,
    session: Term<'h>,
    who: Term<'h>,
    on: Term<'h>,
    flags: Term<'h>,
) -> BifResult<'h> {
    let number = session_of(cx, session)?;
    set_trace(cx, number, who, on, flags)
}

/// Changes the flags of one tracee in a session (`start_trace` in OTP's `erl_bif_trace.c`); false when another tracer traces it already.
fn change(vm: &Vm, session: &mut Session, who: LinkTarget, tracer: Option<LinkTarget>, on: bool, mask: u32) -> bool {
    let before = session.tracees.get(&who).copied();
    if on && before.is_some_and(|before| Some(before.tracer) != tracer && exists(vm, before.tracer)) {
        return false;
    }
    let flags = before.map_or(0, |before| before.flags);
    let flags = if on { flags | mask } else { flags & !mask };
    match tracer.or(before.map(|before| before.tracer)) {
        Some(tracer) if flags != 0 => {
            session.tracees.insert(who, Traced { flags, tracer });
        }
        _ => {
            session.tracees.remove(&who);
        }
    }
    true
}

/// Which processes and ports a name stands for: existing and new processes, existing and new ports.
fn groups(text: &str) -> Option<[bool; 4]> {
    Some(match text {
        "all" => [true, true, true, true],
        "existing" => [true, false, true, false],
        "new" => [false, true, false, true],
        "processes" => [true, true, false, false],
        "existing_processes" => [true, false, false, false],
        "new_processes" => [false, true, false, false],
        "ports" => [false, false, true, true],
        "existing_ports" => [false, false, true, false],
        "new_ports" => [false, false, false, true],
        _ => return None,
    })
}

fn set_trace<'h>(cx: &mut BifContext<'h>, number: u64, who: Term<'h>, on: Term<'h>, list: Term<'h>) -> BifResult<'h> {
    let vm = cx.vm;
    let traces = vm.extension::<Traces>();
    let own = session_tracer(&traces, number);
    let Some(wanted) = parse(vm, list, own.is_none()) else { return bad_option(cx) };
    let Some(on) = on.as_boolean() else { return cx.badarg() };
    let tracer = wanted.tracer.or(if on { own.or(Some(LinkTarget::Process(cx.pid()))) } else { None });
    let one = match (who.as_pid(), who.as_port()) {
        (Some(pid), _) => Some(LinkTarget::Process(pid)),
        (_, Some(port)) => Some(LinkTarget::Port(port)),
        _ => None,
    };
    if let Some(who) = one {
        if wanted.cpu_timestamp || !exists(vm, who) {
            return cx.badarg();
        }
        let mut state = traces.write();
        let Some(session) = state.sessions.get_mut(&number) else { return bad_session(cx) };
        if !change(vm, session, who, tracer, on, wanted.flags) {
            drop(state);
            let text = "** can only have one tracer per process\n";
            vm.log_error(cx.pid(), &cx.state.group_leader, "~ts", |heap| vec![heap.string(text)]);
            return cx.badarg();
        }
        state.publish(vm, who);
        // It may have ended since.
        if !exists(vm, who) {
            for session in state.sessions.values_mut() {
                session.tracees.remove(&who);
            }
        }
        return Ok(Term::small(1));
    }
    set_groups(cx, number, who, on, &wanted, tracer)
}

fn set_groups<'h>(
    cx: &mut BifContext<'h>,
    number: u64,
    who: Term<'h>,
    on: bool,
    wanted: &Wanted,
    tracer: Option<LinkTarget>,
) -> BifResult<'h> {
    let vm = cx.vm;
    let name = who.as_atom().map(|atom| vm.atoms.text(atom));
    let Some([processes, new_processes, ports, new_ports]) = name.and_then(groups) else { return cx.badarg() };
    if wanted.cpu_timestamp && !(who.is_atom(atoms::ALL) && is_legacy(number)) {
        return cx.badarg();
    }
    let modifiers = wanted.flags & MODIFIERS != 0;
    let has = |flags: u32, only: bool| wanted.flags & flags & !MODIFIERS != 0 || modifiers && only;
    let (both, traces) = (processes && ports, vm.extension::<Traces>());
    let mut tracees = Vec::new();
    if processes && has(OF_PROCESSES, both || !ports) {
        tracees.extend(vm.processes.pids().into_iter().map(LinkTarget::Process));
    }
    if ports && has(OF_PORTS, both || !processes) {
        tracees.extend(vm.extension::<PortTable>().ports().into_iter().map(LinkTarget::Port));
    }
    let mut state = traces.write();
    if wanted.cpu_timestamp {
        state.cpu_timestamp = on;
    }
    let Some(session) = state.sessions.get_mut(&number) else { return bad_session(cx) };
    let mut count = 0;
    for &tracee in &tracees {
        count += i64::from(change(vm, session, tracee, tracer, on, wanted.flags));
    }
    let change_new = |place: Option<Traced>, mask: u32| -> Option<Traced> {
        let before = place.map_or(0, |traced| traced.flags);
        let flags = if on { before | mask } else { before & !mask };
        let tracer = tracer.or(place.map(|traced| traced.tracer))?;
        (flags != 0).then_some(Traced { flags, tracer })
    };
    if new_processes {
        session.new_processes = change_new(session.new_processes, wanted.flags & OF_PROCESSES);
    }
    if new_ports {
        session.new_ports = change_new(session.new_ports, wanted.flags & OF_PORTS);
    }
    for tracee in tracees {
        state.publish(vm, tracee);
    }
    publish_new(vm, &state);
    Ok(Term::small(count))
}

/// Changes the flags of a process as match specifications do (`set_tracee_flags` in OTP's `erl_db_util.c`). Says whether anything changed.
pub(super) fn set_flags(vm: &Vm, session: u64, who: LinkTarget, tracer: Option<LinkTarget>, off: u32, on: u32) -> bool {
    let traces = vm.extension::<Traces>();
    let mut state = traces.write();
    let Some(session) = state.sessions.get_mut(&session) else { return false };
    let before = session.tracees.get(&who).copied();
    if before.is_none() && (tracer.is_none() || on == 0) {
        return false;
    }
    let flags = before.map_or(0, |before| before.flags);
    let after = tracer.map(|tracer| Traced { flags: flags & !off | on, tracer }).filter(|after| after.flags != 0);
    let changed = match (before, after) {
        (Some(before), Some(after)) => before.flags != after.flags || before.tracer != after.tracer,
        _ => true,
    };
    match after {
        Some(after) => session.tracees.insert(who, after),
        None => session.tracees.remove(&who),
    };
    state.publish(vm, who);
    changed
}
