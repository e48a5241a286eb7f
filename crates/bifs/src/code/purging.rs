//! Purging old code, in the steps that OTP's `erts_code_purger` takes.
//!
//! That process alone purges: it prepares, asks every process whether it runs the old code (`check_process_code`
//! requests), and completes or aborts. What the literals of purged code and of persistent terms need on top stands in
//! the runtime's `literal_release.rs`; `erts_literal_area_collector` drives it by the BIFs here.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, Interrupt, ModuleCode, Trap};
use oxbeam_term::{Atom, Pid, Term, atoms};
use parking_lot::Mutex;
use std::sync::Arc;

/// The purge that is going on.
#[derive(Default)]
struct Purging(Mutex<Option<Purge>>);

struct Purge {
    module: Atom,
    /// Old code that code with a failed `on_load` function took the place of.
    put_aside: Option<Arc<ModuleCode>>,
}

/// One step of a purge. `prepare`: is there old code? `prepare_on_load`: the same for code whose `on_load` function
/// failed. Then `complete`: throws it away, `true`; or `abort`: leaves it, `false`.
///
/// # Errors
///
/// `notsup` unless `erts_code_purger` calls; `badarg` for a step that is not next.
#[bif("erts_internal:purge_module/2")]
fn purge_module<'h>(cx: &mut BifContext<'h>, module: Term<'h>, step: Term<'h>) -> BifResult<'h> {
    if cx.process.registered_name() != Some(atoms::ERTS_CODE_PURGER) {
        return Err(cx.raise(atoms::NOTSUP));
    }
    let (Some(module), Some(step)) = (module.as_atom(), step.as_atom()) else { return cx.badarg() };
    let purging = cx.vm.extension::<Purging>();
    let mut going_on = purging.0.lock();
    match (step, going_on.as_ref().map(|purge| purge.module)) {
        (atoms::PREPARE, None) => {
            let has_old = cx.vm.prepare_purge(module);
            *going_on = has_old.then_some(Purge { module, put_aside: None });
            Ok(Term::boolean(has_old))
        }
        (atoms::PREPARE_ON_LOAD, None) => {
            let old = cx.vm.code.retire_pending(module);
            let has_old = old.is_some() && cx.vm.prepare_purge(module);
            *going_on = old.map(|put_aside| Purge { module, put_aside });
            Ok(Term::boolean(has_old))
        }
        (atoms::ABORT, Some(current)) if current == module => {
            *going_on = None;
            cx.vm.abort_purge(module);
            Ok(Term::FALSE)
        }
        (atoms::COMPLETE, Some(current)) if current == module => {
            let purged = cx.vm.purge(module);
            if let Some(code) = going_on.take().and_then(|purge| purge.put_aside) {
                cx.vm.code.restore_old(module, code);
            }
            Ok(Term::boolean(purged))
        }
        _ => cx.badarg(),
    }
}

/// Has the module old code?
#[bif("erlang:check_old_code/1")]
fn check_old_code<'h>(cx: &mut BifContext<'h>, module: Atom) -> BifResult<'h> {
    Ok(Term::boolean(cx.vm.code.old(module).is_some()))
}

/// The literals that every process was asked about are freed; the next ones begin to leave. False when there are none.
///
/// # Errors
///
/// `notsup` unless a system process calls.
#[bif("erts_literal_area_collector:release_area_switch/0")]
fn release_area_switch<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    if !cx.process.is_system() {
        return Err(cx.raise(atoms::NOTSUP));
    }
    if !cx.vm.next_leaving_literals() {
        return Ok(Term::FALSE);
    }
    cx.vm.schedulers.watch_activity();
    cx.again(wait_for_schedulers, &[])
}

/// Goes on when no scheduler is at what it was at any more.
fn wait_for_schedulers<'h>(cx: &mut BifContext<'h>, _arguments: &[Term<'h>]) -> BifResult<'h> {
    if !cx.vm.schedulers.have_moved_on() {
        return Err(Box::new(Interrupt::Trap(Trap::Wait)));
    }
    cx.vm.note_literal_holders();
    Ok(Term::TRUE)
}

/// Asks a process to take in what it refers to of the literals that are leaving. The caller gets
/// `{copy_literals, {Area, Kind, Pid}, ok}`.
///
/// # Errors
///
/// `notsup` unless a system process calls.
#[bif("erts_literal_area_collector:send_copy_request/3")]
fn send_copy_request<'h>(cx: &mut BifContext<'h>, pid: Pid, area: Term<'h>, kind: Term<'h>) -> BifResult<'h> {
    if !cx.process.is_system() {
        return Err(cx.raise(atoms::NOTSUP));
    }
    let id = cx.own(cx.heap.tuple(&[area, kind, Term::pid(pid)]));
    cx.vm.request_taking_in(pid, cx.pid(), id);
    Ok(Term::atom(atoms::OK))
}
