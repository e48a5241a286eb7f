//! Funs: making external ones, and what `fun_info/2` tells of any.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Atom, Fun, Pid, Term, Value, atoms};
use std::sync::atomic::Ordering;

/// `fun Module:Function/Arity`, whether there is such a function or not.
///
/// # Errors
///
/// `badarg` unless the names are atoms and `arity` is 0 to 255.
#[bif("erlang:make_fun/3")]
fn make_fun<'h>(cx: &mut BifContext<'h>, module: Atom, function: Atom, arity: u64) -> BifResult<'h> {
    match u8::try_from(arity) {
        Ok(arity) => Ok(cx.heap.external_fun(cx.vm.code.export(module, function, arity))),
        Err(_) => cx.badarg(),
    }
}

/// The name of the function that a local fun runs; `[]` when its code is not loaded.
fn name_of<'h>(cx: &BifContext<'h>, fun: Fun<'h>) -> Term<'h> {
    let address = fun.entry().address.load(Ordering::Acquire);
    match cx.vm.code.describe(address) {
        Some((_, function, _)) if address != 0 => Term::atom(function.name),
        _ => Term::NIL,
    }
}

fn local_item<'h>(cx: &BifContext<'h>, fun: Fun<'h>, item: Atom) -> Option<Term<'h>> {
    let (heap, entry) = (cx.heap, fun.entry());
    Some(match item {
        atoms::MODULE => Term::atom(entry.module),
        atoms::NAME => name_of(cx, fun),
        atoms::ARITY => Term::small(entry.arity.into()),
        atoms::ENV => heap.list(fun.environment()),
        atoms::TYPE => Term::atom(atoms::LOCAL),
        atoms::INDEX | atoms::NEW_INDEX => heap.unsigned(entry.index.into()),
        atoms::UNIQ => heap.unsigned(entry.old_uniq.into()),
        atoms::NEW_UNIQ => heap.binary(&entry.uniq),
        atoms::PID => Term::pid(Pid { number: 0, serial: 0 }),
        // Entries live as long as the machine: nobody counts who refers to them.
        atoms::REFC => Term::small(1),
        _ => return None,
    })
}

/// `{Item, Value}` of a fun: `module`, `name`, `arity`, `env`, `type`, and for local funs `index`, `new_index`, `uniq`,
/// `new_uniq`, `pid` and `refc`, which are `undefined` for external ones.
///
/// # Errors
///
/// `badarg` for what is no fun and for other items.
#[bif("erlang:fun_info/2")]
fn fun_info<'h>(cx: &mut BifContext<'h>, fun: Term<'h>, item: Atom) -> BifResult<'h> {
    let value = match fun.value() {
        Value::Fun(fun) => local_item(cx, fun, item),
        Value::ExternalFun(fun) => {
            let export = fun.export();
            match item {
                atoms::MODULE => Some(Term::atom(export.module)),
                atoms::NAME => Some(Term::atom(export.function)),
                atoms::ARITY => Some(Term::small(export.arity.into())),
                atoms::ENV => Some(Term::NIL),
                atoms::TYPE => Some(Term::atom(atoms::EXTERNAL)),
                atoms::INDEX | atoms::NEW_INDEX | atoms::UNIQ | atoms::NEW_UNIQ | atoms::PID | atoms::REFC => {
                    Some(Term::atom(atoms::UNDEFINED))
                }
                _ => None,
            }
        }
        _ => None,
    };
    match value {
        Some(value) => Ok(cx.heap.tuple(&[Term::atom(item), value])),
        None => cx.badarg(),
    }
}

/// `{Module, Name, Arity}` of a fun; `badarg` for what is none.
#[bif("erlang:fun_info_mfa/1")]
fn fun_info_mfa<'h>(cx: &mut BifContext<'h>, fun: Term<'h>) -> BifResult<'h> {
    let (module, name, arity) = match fun.value() {
        Value::Fun(fun) => (fun.entry().module, name_of(cx, fun), fun.entry().arity),
        Value::ExternalFun(fun) => (fun.export().module, Term::atom(fun.export().function), fun.export().arity),
        _ => return cx.badarg(),
    };
    Ok(cx.heap.tuple(&[Term::atom(module), name, Term::small(arity.into())]))
}
