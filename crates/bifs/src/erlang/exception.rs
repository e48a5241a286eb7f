//! Raising exceptions: `error`, `exit`, `throw`, `raise`, `nif_error`.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, Class, Exception, Interrupt, Trace};
use oxbeam_term::{Term, atoms};
use std::sync::atomic::Ordering;

fn raise<'h>(class: Class, reason: Term<'h>, trace: Trace<'h>) -> BifResult<'h> {
    Err(Box::new(Interrupt::Raise(Exception { class, reason, trace, cause: None })))
}

/// Where the exceptions of these functions come from: their caller.
fn caller<'h>(arguments: Option<Term<'h>>, error_info: Option<Term<'h>>) -> Trace<'h> {
    Trace::Caller { arguments: arguments.filter(|list| list.is_list()), error_info }
}

/// Raises an error with this reason.
#[bif("erlang:error/1")]
fn error<'h>(_cx: &mut BifContext<'h>, reason: Term<'h>) -> BifResult<'h> {
    raise(Class::Error, reason, caller(None, None))
}

/// As `error/1`, with the caller's arguments in the stack trace if they are a list.
#[bif("erlang:error/2")]
fn error_with_arguments<'h>(_cx: &mut BifContext<'h>, reason: Term<'h>, arguments: Term<'h>) -> BifResult<'h> {
    raise(Class::Error, reason, caller(Some(arguments), None))
}

/// As `error/2`, with the map of `{error_info, Map}` in `options` in the stack trace. Wrong options are ignored, all.
#[bif("erlang:error/3")]
fn error_with_options<'h>(
    _cx: &mut BifContext<'h>,
    reason: Term<'h>,
    arguments: Term<'h>,
    options: Term<'h>,
) -> BifResult<'h> {
    raise(Class::Error, reason, caller(Some(arguments), error_info(options)))
}

fn error_info(options: Term<'_>) -> Option<Term<'_>> {
    let mut info = None;
    let mut walk = options.list_iter();
    for option in walk.by_ref() {
        let [key, map] = option.as_tuple_of::<2>()?;
        if !key.is_atom(atoms::ERROR_INFO) || !map.is_map() {
            return None;
        }
        info = Some(*map);
    }
    info.filter(|_| walk.tail().is_nil())
}

/// Raises an exit with this reason.
#[bif("erlang:exit/1")]
fn exit<'h>(_cx: &mut BifContext<'h>, reason: Term<'h>) -> BifResult<'h> {
    raise(Class::Exit, reason, caller(None, None))
}

/// Throws a value.
#[bif("erlang:throw/1")]
fn throw<'h>(_cx: &mut BifContext<'h>, value: Term<'h>) -> BifResult<'h> {
    raise(Class::Throw, value, caller(None, None))
}

/// What the Erlang stub of a NIF that is not loaded does: an error with this reason. It stands first in the trace.
#[bif("erlang:nif_error/1")]
fn nif_error<'h>(_cx: &mut BifContext<'h>, reason: Term<'h>) -> BifResult<'h> {
    raise(Class::Error, reason, Trace::Bif)
}

/// As `nif_error/1`; the arguments show only as those of `nif_error/2` itself.
#[bif("erlang:nif_error/2")]
fn nif_error_with_arguments<'h>(_cx: &mut BifContext<'h>, reason: Term<'h>, _arguments: Term<'h>) -> BifResult<'h> {
    raise(Class::Error, reason, Trace::Bif)
}

/// Raises an exception with this class, reason and stack trace. What cannot be raised is not: the value is `badarg`.
#[bif("erlang:raise/3")]
fn raise_given<'h>(cx: &mut BifContext<'h>, class: Term<'h>, reason: Term<'h>, trace: Term<'h>) -> BifResult<'h> {
    let (Some(class), Some(entries)) = (Class::of(class), trace.to_vec()) else {
        return Ok(Term::atom(atoms::BADARG));
    };
    let Some(mut entries) = entries.into_iter().map(|entry| stack_entry(cx, entry)).collect::<Option<Vec<_>>>() else {
        return Ok(Term::atom(atoms::BADARG));
    };
    let depth = cx.vm.backtrace_depth.load(Ordering::Relaxed) as usize;
    entries.truncate(depth.max(1));
    raise(class, reason, Trace::Given(cx.heap.list(&entries)))
}

/// An entry of a stack trace, with a location if it had none: `{M, F, A}`, `{M, F, A, Location}`, `{Fun, Arguments}` or
/// `{Fun, Arguments, Location}`.
fn stack_entry<'h>(cx: &BifContext<'h>, entry: Term<'h>) -> Option<Term<'h>> {
    let elements = entry.as_tuple()?.elements();
    let is_named = |elements: &[Term<'_>]| elements[0].as_atom().is_some() && elements[1].as_atom().is_some();
    match elements {
        [fun, arguments] if fun.is_fun() => Some(cx.heap.tuple(&[*fun, *arguments, Term::NIL])),
        [fun, _, location] if fun.is_fun() => location.is_list().then_some(entry),
        [module, function, arity] if is_named(elements) => {
            Some(cx.heap.tuple(&[*module, *function, *arity, Term::NIL]))
        }
        [_, _, _, location] if is_named(elements) => location.is_list().then_some(entry),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Answer, call, in_process};
    use oxbeam_runtime::{BifContext, Trace};
    use oxbeam_term::{Term, atoms};

    fn raised<'h>(cx: &mut BifContext<'h>, entry: &[Term<'h>]) -> Option<Term<'h>> {
        let trace = cx.heap.list(&[cx.heap.tuple(entry)]);
        let arguments = [Term::atom(atoms::ERROR), Term::small(1), trace];
        match call(cx, atoms::ERLANG, atoms::RAISE, &arguments).expect("raise/3 is a BIF") {
            Answer::Raise(exception) => match exception.trace {
                Trace::Given(list) => list.as_cons().map(oxbeam_term::Cons::head),
                Trace::Bif | Trace::Caller { .. } => None,
            },
            Answer::Value(value) => {
                assert!(value.is_atom(atoms::BADARG));
                None
            }
            Answer::Call(..) => None,
        }
    }

    // Recorded from OTP 27: which stack traces `raise/3` takes, and what becomes of their entries.
    #[test]
    fn entries_of_given_stack_traces() {
        in_process(|cx| {
            let (a, one) = (Term::atom(atoms::APPLY), Term::small(1));
            let fun = cx.heap.external_fun(cx.vm.code.export(atoms::ERLANG, atoms::SELF, 0));
            for (entry, expected) in [
                (vec![a, a, one], Some(vec![a, a, one, Term::NIL])),
                (vec![a, a, a], Some(vec![a, a, a, Term::NIL])),
                (vec![a, a, Term::small(256), Term::NIL], Some(vec![a, a, Term::small(256), Term::NIL])),
                (vec![fun, one], Some(vec![fun, one, Term::NIL])),
                (vec![fun, one, Term::NIL], Some(vec![fun, one, Term::NIL])),
                (vec![a, a], None),
                (vec![a, a, one, a], None),
                (vec![one, a, one, Term::NIL], None),
            ] {
                let found = raised(cx, &entry);
                assert_eq!(found.is_some(), expected.is_some());
                if let (Some(found), Some(expected)) = (found, expected) {
                    assert!(found.is_exactly(cx.heap.tuple(&expected)));
                }
            }
        });
    }

    // Recorded from OTP 27: options of `error/3` count only if all of them are good.
    #[test]
    fn error_information() {
        in_process(|cx| {
            let map = cx.heap.map_from_pairs(&[], cx.atoms());
            let good = cx.heap.tuple(&[Term::atom(atoms::ERROR_INFO), map]);
            let bad = cx.heap.tuple(&[Term::atom(atoms::ERROR_INFO), Term::atom(atoms::APPLY)]);
            let heap = cx.heap;
            assert!(super::error_info(heap.list(&[good])).is_some());
            assert!(super::error_info(heap.list(&[good, good])).is_some());
            assert!(super::error_info(heap.list(&[good, bad])).is_none());
            assert!(super::error_info(heap.list_with_tail(&[good], Term::TRUE)).is_none());
            assert!(super::error_info(Term::NIL).is_none());
            assert!(super::error_info(Term::atom(atoms::APPLY)).is_none());
        });
    }
}
