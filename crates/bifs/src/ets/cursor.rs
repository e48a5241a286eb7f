//! Walking over keys: `first/1`, `next/2` and relatives, `slot/2`.

use super::{Failure, badarg, find, list_of};
use oxbeam_bif_macros::bif;
use oxbeam_ets::{Access, Object, Slot, TableState};
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Term, atoms};

/// Which key.
#[derive(Clone, Copy)]
enum Step<'h> {
    First,
    Last,
    Next(Term<'h>),
    Previous(Term<'h>),
}

/// The objects at the key that `step` says: `None` when an unordered table does not have the key it starts from.
fn step<'t>(cx: &BifContext<'_>, state: &'t TableState, step: Step<'_>) -> Option<&'t [Object]> {
    match step {
        Step::First => Some(state.first()),
        Step::Last => Some(state.last()),
        Step::Next(key) => state.next(key, cx.atoms()),
        Step::Previous(key) => state.previous(key, cx.atoms()),
    }
}

/// The key, or with `objects` the key and its objects.
fn walk<'h>(cx: &mut BifContext<'h>, table: Term<'h>, to: Step<'h>, objects: bool) -> Result<Term<'h>, Failure<'h>> {
    let table = find(cx, table)?;
    let state = table.read(cx, Access::Read)?;
    // OTP refuses what its own answer is at the end, also in tables that could tell what is behind it.
    if let Step::Next(key) | Step::Previous(key) = to
        && key.is_atom(atoms::END_OF_TABLE)
    {
        return Err(badarg(cx));
    }
    let found = step(cx, &state, to).ok_or_else(|| badarg(cx))?;
    let Some(first) = found.first() else { return Ok(Term::atom(atoms::END_OF_TABLE)) };
    let key = cx.heap.copy_in(first.key());
    if objects { Ok(cx.heap.tuple(&[key, list_of(cx, found)])) } else { Ok(key) }
}

/// The first key, or `'$end_of_table'`.
#[bif("ets:first/1")]
fn first<'h>(cx: &mut BifContext<'h>, table: Term<'h>) -> BifResult<'h> {
    walk(cx, table, Step::First, false)
}
/// The last key, or `'$end_of_table'`; the first one when keys have no order.
#[bif("ets:last/1")]
fn last<'h>(cx: &mut BifContext<'h>, table: Term<'h>) -> BifResult<'h> {
    walk(cx, table, Step::Last, false)
}
/// The key behind `key`, or `'$end_of_table'`.
///
/// # Errors
///
/// `badarg` when an unordered table has no such key (of fixed tables also keys that were removed count).
#[bif("ets:next/2")]
fn next<'h>(cx: &mut BifContext<'h>, table: Term<'h>, key: Term<'h>) -> BifResult<'h> {
    walk(cx, table, Step::Next(key), false)
}
/// The key before `key`, or `'$end_of_table'`; as `next/2` when keys have no order.
#[bif("ets:prev/2")]
fn prev<'h>(cx: &mut BifContext<'h>, table: Term<'h>, key: Term<'h>) -> BifResult<'h> {
    walk(cx, table, Step::Previous(key), false)
}
/// As `first/1`, with the objects: `{Key, Objects}`.
#[bif("ets:first_lookup/1")]
fn first_lookup<'h>(cx: &mut BifContext<'h>, table: Term<'h>) -> BifResult<'h> {
    walk(cx, table, Step::First, true)
}
/// As `last/1`, with the objects: `{Key, Objects}`.
#[bif("ets:last_lookup/1")]
fn last_lookup<'h>(cx: &mut BifContext<'h>, table: Term<'h>) -> BifResult<'h> {
    walk(cx, table, Step::Last, true)
}
/// As `next/2`, with the objects: `{Key, Objects}`.
#[bif("ets:next_lookup/2")]
fn next_lookup<'h>(cx: &mut BifContext<'h>, table: Term<'h>, key: Term<'h>) -> BifResult<'h> {
    walk(cx, table, Step::Next(key), true)
}
/// As `prev/2`, with the objects: `{Key, Objects}`.
#[bif("ets:prev_lookup/2")]
fn prev_lookup<'h>(cx: &mut BifContext<'h>, table: Term<'h>, key: Term<'h>) -> BifResult<'h> {
    walk(cx, table, Step::Previous(key), true)
}

/// The objects in a slot, counted from 0; `'$end_of_table'` for the one behind the last.
#[bif("ets:slot/2")]
fn slot<'h>(cx: &mut BifContext<'h>, table: Term<'h>, number: Term<'h>) -> BifResult<'h> {
    let table = find(cx, table)?;
    let state = table.read(cx, Access::Read)?;
    match number.as_usize().and_then(|number| state.slot(number)) {
        Some(Slot::Objects(objects)) => Ok(list_of(cx, objects)),
        Some(Slot::End) => Ok(Term::atom(atoms::END_OF_TABLE)),
        None => Err(badarg(cx)),
    }
}

/// As `first/1`, for debuggers.
#[bif("erts_internal:ets_raw_first/1")]
fn raw_first<'h>(cx: &mut BifContext<'h>, table: Term<'h>) -> BifResult<'h> {
    first(cx, table)
}

/// As `next/2`, for debuggers.
#[bif("erts_internal:ets_raw_next/2")]
fn raw_next<'h>(cx: &mut BifContext<'h>, table: Term<'h>, key: Term<'h>) -> BifResult<'h> {
    next(cx, table, key)
}
