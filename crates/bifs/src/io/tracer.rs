//! `erl_tracer`: the tracer that sends messages.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, LinkTarget};
use oxbeam_term::{Atom, Term, atoms};

/// `trace` when messages should go to the tracer, `discard` when not now, `remove` when never again.
#[bif("erl_tracer:enabled/3", nif)]
fn enabled<'h>(cx: &mut BifContext<'h>, tag: Atom, tracer: Term<'h>, tracee: Term<'h>) -> BifResult<'h> {
    let target = match (tracer.as_pid(), tracer.as_port()) {
        (Some(pid), _) => Some(LinkTarget::Process(pid)),
        (_, Some(port)) => Some(LinkTarget::Port(port)),
        (None, None) => None,
    };
    let alive = target.is_some_and(|target| match target {
        LinkTarget::Remote(_) => false,
        LinkTarget::Process(pid) => cx.vm.process(pid).is_some(),
        LinkTarget::Port(port) => cx.vm.extension::<super::PortTable>().get(port).is_some(),
    });
    let answer = match alive {
        false if cx.text(tag) == "trace_status" => "remove",
        false => "discard",
        true if tracer.is_same(tracee) => "discard",
        true => "trace",
    };
    Ok(Term::atom(cx.intern(answer)?))
}

/// Sends a trace message as the machine does; `options` may have `extra`, `match_spec_result`, `scheduler_id` and `timestamp`.
#[bif("erl_tracer:trace/5", nif)]
fn trace<'h>(
    cx: &mut BifContext<'h>,
    tag: Term<'h>,
    tracer: Term<'h>,
    tracee: Term<'h>,
    message: Term<'h>,
    options: Term<'h>,
) -> BifResult<'h> {
    let option = |name: &str| {
        let key = Term::atom(cx.vm.atoms.existing(name)?);
        if options.is_map() { options.map_get(key) } else { None }
    };
    let stamp = option("timestamp").and_then(|kind| crate::tracing::stamp_named(cx.vm, cx.heap, kind));
    let head = Term::atom(if stamp.is_some() { atoms::TRACE_TS } else { atoms::TRACE });
    let mut parts = match option("extra") {
        Some(extra) => vec![head, tracee, tag, message, extra],
        None if tag.is_atom(atoms::SEQ_TRACE) => vec![tag, tracee, message],
        None => vec![head, tracee, tag, message],
    };
    parts.extend(option("match_spec_result"));
    parts.extend(option("scheduler_id"));
    parts.extend(stamp);
    let message = cx.heap.tuple(&parts);
    let target = match (tracer.as_pid(), tracer.as_port()) {
        (Some(pid), _) => LinkTarget::Process(pid),
        (_, Some(port)) => LinkTarget::Port(port),
        (None, None) => return Ok(Term::atom(atoms::OK)),
    };
    crate::tracing::deliver_copy(cx.vm, target, message);
    Ok(Term::atom(atoms::OK))
}
