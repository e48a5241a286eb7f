//! `erl_tracer`: the tracer that sends messages.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, LinkTarget};
use oxbeam_term::{Atom, Term};

/// `trace` when messages should go to the tracer, `discard` when not now, `remove` when never again.
#[bif("erl_tracer:enabled/3", nif)]
fn enabled<'h>(cx: &mut BifContext<'h>, tag: Atom, tracer: Term<'h>, tracee: Term<'h>) -> BifResult<'h> {
    let target = match (tracer.as_pid(), tracer.as_port()) {
        (Some(pid), _) => Some(LinkTarget::Process(pid)),
        (_, Some(port)) => Some(LinkTarget::Port(port)),
        (None, None) => None,
    };
    let alive = match target {
        Some(LinkTarget::Remote(_)) => false,
        Some(LinkTarget::Process(pid)) => cx.vm.process(pid).is_some(),
        Some(LinkTarget::Port(port)) => cx.vm.extension::<super::PortTable>().get(port).is_some(),
        None => return Ok(Term::atom(cx.intern("remove")?)),
    };
    let answer = match alive {
        false if cx.text(tag) == "trace_status" => "remove",
        false => "discard",
        true if tracer.is_same(tracee) => "discard",
        true => "trace",
    };
    Ok(Term::atom(cx.intern(answer)?))
}
