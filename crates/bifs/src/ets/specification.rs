//! Compiled match specifications as terms, and running them outside tables.

use super::{Failure, badarg};
use crate::tracing::Actions;
use oxbeam_bif_macros::bif;
use oxbeam_ets::{Dialect, GuardCaller, MatchSpec, Runner};
use oxbeam_runtime::{BifContext, BifResult, Process, ProcessState, Vm};
use oxbeam_term::{Atom, Heap, MagicObject, Pid, Term, atoms};
use std::sync::Arc;

/// The guard BIFs of the machine, called for the process that runs a match specification.
pub(super) struct Guards<'c, 'h> {
    vm: &'h Vm,
    heap: &'h Heap,
    process: &'h Arc<Process>,
    state: &'c mut ProcessState,
    reductions: &'c mut i32,
}

impl<'c, 'h> Guards<'c, 'h> {
    pub(super) fn of(cx: &'c mut BifContext<'h>) -> Guards<'c, 'h> {
        Guards { vm: cx.vm, heap: cx.heap, process: cx.process, state: cx.state, reductions: cx.reductions }
    }
}

impl GuardCaller for Guards<'_, '_> {
    fn call<'s>(&'s mut self, function: Atom, arguments: &[Term<'s>]) -> Option<Term<'s>> {
        let entry = self.vm.bif(atoms::ERLANG, function, arguments.len() as u8)?;
        let mut cx = BifContext {
            vm: self.vm,
            heap: self.heap,
            process: self.process,
            state: self.state,
            reductions: self.reductions,
        };
        (entry.code)(&mut cx, arguments).ok()
    }
    fn caller(&self) -> Pid {
        self.process.pid()
    }
}

/// Compiles a match specification for tables; the empty one matches nothing.
pub(super) fn compile<'h>(
    cx: &BifContext<'h>,
    spec: Term<'h>,
    key_index: Option<usize>,
) -> Result<MatchSpec, Failure<'h>> {
    if spec.is_nil() {
        return Ok(MatchSpec::empty());
    }
    MatchSpec::compile(spec, Dialect::Table, key_index, cx.atoms()).map_err(|_| badarg(cx))
}

/// The compiled match specification that a magic reference keeps.
pub(super) fn shared_spec(term: Term<'_>) -> Option<Arc<MagicObject>> {
    let reference = term.as_reference()?;
    reference.downcast::<MatchSpec>()?;
    reference.shared_object()
}

/// Compiles a match specification for `match_spec_run_r/3`.
#[bif("ets:match_spec_compile/1")]
fn match_spec_compile<'h>(cx: &mut BifContext<'h>, spec: Term<'h>) -> BifResult<'h> {
    match MatchSpec::compile(spec, Dialect::Table, None, cx.atoms()) {
        Ok(spec) => Ok(cx.heap.magic_reference(cx.vm.next_reference().0, Vm::magic(spec))),
        Err(_) => cx.badarg(),
    }
}

/// Is it a compiled match specification?
#[bif("ets:is_compiled_ms/1")]
fn is_compiled_ms<'h>(_cx: &mut BifContext<'h>, term: Term<'h>) -> BifResult<'h> {
    Ok(Term::boolean(shared_spec(term).is_some()))
}

/// Runs a compiled match specification on the elements of a list; puts the results in front of `results`, each before
/// the one of the element before.
///
/// # Errors
///
/// `badarg` for a list that is none, and when the specification is not compiled.
#[bif("ets:match_spec_run_r/3")]
fn match_spec_run_r<'h>(cx: &mut BifContext<'h>, list: Term<'h>, spec: Term<'h>, results: Term<'h>) -> BifResult<'h> {
    let Some(shared) = shared_spec(spec) else { return cx.badarg() };
    let Some(program) = shared.0.downcast_ref::<MatchSpec>() else { return cx.badarg() };
    let (heap, atoms) = (cx.heap, cx.atoms());
    let mut walk = list.list_iter();
    let mut results = results;
    let mut runner = Runner::default();
    let mut left = *cx.reductions;
    {
        let mut guards = Guards::of(cx);
        for element in walk.by_ref() {
            if let Some(result) = runner.run(program, element, heap, atoms, &mut guards) {
                results = heap.cons(result, results);
            }
            left -= 1;
            if left <= 0 {
                break;
            }
        }
    }
    let used = usize::try_from(*cx.reductions - left).unwrap_or(0);
    let rest = walk.tail();
    if rest.is_nil() {
        cx.spend(used);
        return Ok(results);
    }
    if rest.as_cons().is_none() {
        return cx.badarg();
    }
    cx.spend(used);
    cx.again(run_again, &[rest, spec, results])
}

fn run_again<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    let &[list, spec, results] = arguments else { return cx.badarg() };
    match_spec_run_r(cx, list, spec, results)
}

/// Tries a match specification: `{ok, Result, Flags, Warnings}`, or `{error, Errors}` when it is wrong.
///
/// # Errors
///
/// `badarg` unless `kind` is `table`, or `trace` with a list to match.
#[bif("erlang:match_spec_test/3")]
fn match_spec_test<'h>(cx: &mut BifContext<'h>, against: Term<'h>, spec: Term<'h>, kind: Atom) -> BifResult<'h> {
    let dialect = match kind {
        atoms::TABLE => Dialect::Table,
        atoms::TRACE if against.is_list() => Dialect::Trace,
        _ => return cx.badarg(),
    };
    let (heap, atoms) = (cx.heap, cx.atoms());
    match MatchSpec::compile(spec, dialect, None, atoms) {
        Ok(program) => {
            let mut flags = Vec::new();
            let result = if dialect == Dialect::Table {
                Runner::default().run(&program, against, heap, atoms, &mut Guards::of(cx))
            } else {
                let mut actions = Actions::trial(cx);
                let result = Runner::default().run(&program, against, heap, atoms, &mut actions);
                flags.extend(actions.return_trace.then_some(atoms::RETURN_TRACE));
                flags.extend(actions.exception_trace.then_some(atoms::EXCEPTION_TRACE));
                result
            };
            let flags: Vec<Term<'h>> = flags.into_iter().map(Term::atom).collect();
            let result = result.unwrap_or(Term::FALSE);
            Ok(heap.tuple(&[Term::atom(atoms::OK), result, heap.list(&flags), Term::NIL]))
        }
        Err(errors) => {
            let errors: Vec<Term<'h>> =
                errors.iter().map(|text| heap.tuple(&[Term::atom(atoms::ERROR), heap.string(text)])).collect();
            Ok(heap.tuple(&[Term::atom(atoms::ERROR), heap.list(&errors)]))
        }
    }
}
