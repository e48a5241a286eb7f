//! `dyntrace`, as in a machine built without dynamic tracing.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Term, atoms};

/// Is there dynamic tracing? No.
#[bif("dyntrace:available/0", nif)]
fn available<'h>(_cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(Term::FALSE)
}

/// Emits a probe: `error`, since there are none.
#[bif("dyntrace:user_trace_s1/1", nif)]
fn user_trace_s1<'h>(_cx: &mut BifContext<'h>, _text: Term<'h>) -> BifResult<'h> {
    Ok(Term::atom(atoms::ERROR))
}

/// Emits a probe with numbers and texts: `error`, since there are none.
#[bif("dyntrace:user_trace_i4s4/9", nif)]
fn user_trace_i4s4<'h>(_cx: &mut BifContext<'h>, _arguments: &[Term<'h>]) -> BifResult<'h> {
    Ok(Term::atom(atoms::ERROR))
}

/// Emits a numbered probe with numbers and texts: `error`, since there are none.
#[bif("dyntrace:user_trace_n/10", nif)]
fn user_trace_n<'h>(_cx: &mut BifContext<'h>, _arguments: &[Term<'h>]) -> BifResult<'h> {
    Ok(Term::atom(atoms::ERROR))
}

/// Should the tracer `dyntrace` go on? `remove`: it traces nothing.
#[bif("dyntrace:enabled/3", nif)]
fn enabled<'h>(cx: &mut BifContext<'h>, _tag: Term<'h>, _state: Term<'h>, _tracee: Term<'h>) -> BifResult<'h> {
    Ok(Term::atom(cx.intern("remove")?))
}

/// Traces nothing.
#[bif("dyntrace:trace/5", nif)]
fn trace<'h>(_cx: &mut BifContext<'h>, _arguments: &[Term<'h>]) -> BifResult<'h> {
    Ok(Term::atom(atoms::OK))
}
