//! Trace sessions: made and destroyed by module `trace`. A session is named by a strong reference, which keeps it alive, or by a weak
//! one, `{Name, Number}`.

use super::flags::{bad_option, tracer_of};
use super::functions::update_breakpoints;
use super::{LEGACY, Session, State, Traces, publish_new};
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, Interrupt, Vm};
use oxbeam_term::{Atom, Heap, Term, atoms};
use std::sync::Weak;

/// What a strong reference keeps. The session ends with the last one.
struct SessionHandle {
    number: u64,
    vm: Weak<Vm>,
}

impl Drop for SessionHandle {
    fn drop(&mut self) {
        let (number, vm) = (self.number, self.vm.clone());
        let Some(machine) = vm.upgrade() else { return };
        if !machine.extension::<Traces>().read().sessions.contains_key(&number) {
            return;
        }
        // On a thread of its own: whoever drops references may hold locks.
        let work = move || {
            if let Some(vm) = vm.upgrade() {
                destroy(&vm, number);
            }
        };
        let _ = std::thread::Builder::new().name("trace session".into()).spawn(work);
    }
}

/// `badarg` with the cause `session`.
pub(super) fn bad_session<'h, T>(cx: &BifContext<'h>) -> Result<T, Box<Interrupt<'h>>> {
    cx.badarg_because(cx.intern("session")?)
}

fn weak_session(state: &State, name: Term<'_>, number: Term<'_>) -> Option<u64> {
    let (name, number) = (name.as_atom()?, number.as_small()?);
    let found = state.sessions.iter().find(|(_, session)| session.name == name && session.weak == Some(number));
    found.map(|(number, _)| *number)
}

/// The number of a session that may have ended.
fn number_of(vm: &Vm, term: Term<'_>) -> Option<u64> {
    let [first, second] = term.as_tuple_of::<2>()?;
    if let Some(handle) = first.as_reference().and_then(|reference| reference.downcast::<SessionHandle>()) {
        let [name, weak] = second.as_tuple_of::<2>()?;
        let traces = vm.extension::<Traces>();
        let state = traces.read();
        let fits = state
            .sessions
            .get(&handle.number)
            .is_none_or(|session| name.is_atom(session.name) && weak.as_small() == session.weak);
        return fits.then_some(handle.number);
    }
    weak_session(&vm.extension::<Traces>().read(), *first, *second)
}

/// The number of a living session.
pub(super) fn session_of<'h>(cx: &BifContext<'h>, term: Term<'_>) -> Result<u64, Box<Interrupt<'h>>> {
    let exists = |number: &u64| cx.vm.extension::<Traces>().read().sessions.contains_key(number);
    match number_of(cx.vm, term).filter(exists) {
        Some(number) => Ok(number),
        None => bad_session(cx),
    }
}

/// The weak reference of a session.
pub(super) fn weak_term<'h>(heap: &'h Heap, session: &Session) -> Term<'h> {
    let number = session.weak.map_or(Term::atom(atoms::DEFAULT), Term::small);
    heap.tuple(&[Term::atom(session.name), number])
}

/// Makes a trace session with this tracer, or `undefined` for none; `{StrongReference, WeakReference}`.
///
/// # Errors
///
/// `badarg` for bad arguments.
#[bif("erts_internal:trace_session_create/3")]
fn trace_session_create<'h>(cx: &mut BifContext<'h>, name: Atom, tracer: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    let given = if tracer.is_atom(atoms::UNDEFINED) { None } else { tracer_of(cx.vm, tracer, None) };
    if !options.is_nil() || (given.is_none() && !tracer.is_atom(atoms::UNDEFINED)) {
        return cx.badarg();
    }
    let traces = cx.vm.extension::<Traces>();
    let mut state = traces.write();
    let number = state.next_session;
    state.next_session += 1;
    let session = Session::new(name, Some(number as i64 - 1), given);
    let weak = weak_term(cx.heap, &session);
    state.sessions.insert(number, session);
    drop(state);
    let handle = SessionHandle { number, vm: std::sync::Arc::downgrade(&cx.vm.arc()) };
    let strong = cx.heap.magic_reference(cx.vm.next_reference().0, Vm::magic(handle));
    Ok(cx.heap.tuple(&[strong, weak]))
}

/// Ends a session; false when it has ended already.
///
/// # Errors
///
/// `badarg`, with the cause `badopt`, for what is no session.
#[bif("erts_internal:trace_session_destroy/1")]
fn trace_session_destroy<'h>(cx: &mut BifContext<'h>, session: Term<'h>) -> BifResult<'h> {
    match number_of(cx.vm, session).filter(|number| *number != LEGACY) {
        Some(number) => Ok(Term::boolean(destroy(cx.vm, number))),
        None => bad_option(cx),
    }
}

fn destroy(vm: &Vm, number: u64) -> bool {
    let traces = vm.extension::<Traces>();
    let mut state = traces.write();
    let Some(ended) = state.sessions.remove(&number) else { return false };
    traces.clocks.lock().end_session(number);
    for who in ended.tracees.keys() {
        state.publish(vm, *who);
    }
    for entry in ended.points.keys() {
        update_breakpoints(vm, &mut state, *entry);
    }
    publish_new(vm, &state);
    true
}

/// Removes old trace sessions from a process: they are removed when they end.
#[bif("erts_trace_cleaner:send_trace_clean_signal/1")]
fn send_trace_clean_signal<'h>(_cx: &mut BifContext<'h>, _pid: Term<'h>) -> BifResult<'h> {
    Ok(Term::TRUE)
}

/// Are there old trace sessions to remove?
#[bif("erts_trace_cleaner:check/0")]
fn trace_cleaner_check<'h>(_cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(Term::FALSE)
}

/// Sends `{trace_delivered, Who, Reference}` once all trace messages have been delivered; returns the reference.
///
/// Trace messages are in their tracers' queues before the event's process goes on.
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
