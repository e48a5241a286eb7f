//! Maps: module `maps`, `map_get/2` and relatives, and what OTP's Erlang code asks of their insides.

use crate::erlang::list::elements_of;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, Interrupt};
use oxbeam_term::{Term, atoms};

/// Pairs of a map that are written for one reduction.
const PAIRS_PER_REDUCTION: usize = 16;
/// Pairs that one call of `erts_internal:map_next/3` gives for each reduction left, as in OTP.
const PAIRS_PER_ITERATION: i32 = 4;
/// Pairs given at most at once.
const PAIRS_MAX: usize = 1000;

fn failed<'h>(cx: &BifContext<'h>, reason: oxbeam_term::Atom, what: Term<'h>) -> Box<Interrupt<'h>> {
    Interrupt::error(cx.heap.tuple(&[Term::atom(reason), what]))
}

/// The map itself, or `{badmap, Term}`.
fn map_of<'h>(cx: &BifContext<'h>, map: Term<'h>) -> BifResult<'h> {
    if map.is_map() { Ok(map) } else { Err(failed(cx, atoms::BADMAP, map)) }
}

fn get_value<'h>(cx: &BifContext<'h>, key: Term<'h>, map: Term<'h>) -> BifResult<'h> {
    map_of(cx, map)?.map_get(key).ok_or_else(|| failed(cx, atoms::BADKEY, key))
}

/// The value of `key`; `{badmap, Map}` or `{badkey, Key}` when there is none.
#[bif("erlang:map_get/2", guard)]
fn map_get<'h>(cx: &mut BifContext<'h>, key: Term<'h>, map: Term<'h>) -> BifResult<'h> {
    get_value(cx, key, map)
}

/// As `erlang:map_get/2`.
#[bif("maps:get/2")]
fn get<'h>(cx: &mut BifContext<'h>, key: Term<'h>, map: Term<'h>) -> BifResult<'h> {
    get_value(cx, key, map)
}

/// `{ok, Value}`, or `error` when there is no such key; `{badmap, Map}` for what is no map.
#[bif("maps:find/2")]
fn find<'h>(cx: &mut BifContext<'h>, key: Term<'h>, map: Term<'h>) -> BifResult<'h> {
    match map_of(cx, map)?.map_get(key) {
        Some(value) => Ok(cx.ok(value)),
        None => Ok(Term::atom(atoms::ERROR)),
    }
}

/// Has the map this key? `{badmap, Map}` for what is no map.
#[bif("erlang:is_map_key/2", guard)]
fn is_map_key<'h>(cx: &mut BifContext<'h>, key: Term<'h>, map: Term<'h>) -> BifResult<'h> {
    Ok(Term::boolean(map_of(cx, map)?.is_map_key(key)))
}

/// As `erlang:is_map_key/2`.
#[bif("maps:is_key/2")]
fn is_key<'h>(cx: &mut BifContext<'h>, key: Term<'h>, map: Term<'h>) -> BifResult<'h> {
    is_map_key(cx, key, map)
}

/// Number of keys; `{badmap, Map}` for what is no map.
#[bif("erlang:map_size/1", guard)]
fn map_size<'h>(cx: &mut BifContext<'h>, map: Term<'h>) -> BifResult<'h> {
    Ok(Term::small(map_of(cx, map)?.map_size() as i64))
}

/// A map of a list of `{Key, Value}`; of several with the same key the last one counts. `badarg` for other lists.
#[bif("maps:from_list/1")]
fn from_list<'h>(cx: &mut BifContext<'h>, list: Term<'h>) -> BifResult<'h> {
    let Some(items) = elements_of(cx, list)? else { return cx.badarg() };
    let pair = |item: Term<'h>| item.as_tuple_of().map(|&[key, value]| (key, value));
    let Some(pairs) = items.into_iter().map(pair).collect::<Option<Vec<_>>>() else { return cx.badarg() };
    cx.work(pairs.len() / PAIRS_PER_REDUCTION)?;
    Ok(cx.heap.map_from_pairs(&pairs, cx.atoms()))
}

/// A map of these keys, each with the same value; `badarg` for what is not a proper list.
#[bif("maps:from_keys/2")]
fn from_keys<'h>(cx: &mut BifContext<'h>, keys: Term<'h>, value: Term<'h>) -> BifResult<'h> {
    let Some(keys) = elements_of(cx, keys)? else { return cx.badarg() };
    cx.work(keys.len() / PAIRS_PER_REDUCTION)?;
    let pairs: Vec<_> = keys.into_iter().map(|key| (key, value)).collect();
    Ok(cx.heap.map_from_pairs(&pairs, cx.atoms()))
}

/// The keys as a list, in no order that is promised; `{badmap, Map}` for what is no map.
#[bif("maps:keys/1")]
fn keys<'h>(cx: &mut BifContext<'h>, map: Term<'h>) -> BifResult<'h> {
    let map = map_of(cx, map)?;
    cx.work(map.map_size() / PAIRS_PER_REDUCTION)?;
    Ok(cx.heap.map_keys(map))
}

/// The values as a list, in the order of `maps:keys/1`; `{badmap, Map}` for what is no map.
#[bif("maps:values/1")]
fn values<'h>(cx: &mut BifContext<'h>, map: Term<'h>) -> BifResult<'h> {
    let map = map_of(cx, map)?;
    cx.work(map.map_size() / PAIRS_PER_REDUCTION)?;
    Ok(cx.heap.map_values(map))
}

/// Both maps in one, the values of the second where both have a key; `{badmap, Term}` for what is no map.
#[bif("maps:merge/2")]
fn merge<'h>(cx: &mut BifContext<'h>, first: Term<'h>, second: Term<'h>) -> BifResult<'h> {
    let (first, second) = (map_of(cx, first)?, map_of(cx, second)?);
    cx.work((first.map_size() + second.map_size()) / PAIRS_PER_REDUCTION)?;
    Ok(cx.heap.map_merge(first, second, cx.atoms()))
}

/// The map with `value` under `key`; `{badmap, Map}` for what is no map.
#[bif("maps:put/3")]
fn put<'h>(cx: &mut BifContext<'h>, key: Term<'h>, value: Term<'h>, map: Term<'h>) -> BifResult<'h> {
    Ok(cx.heap.map_put(map_of(cx, map)?, key, value, cx.atoms()))
}

/// The map with `value` in place of the one that `key` has; `{badmap, Map}` or `{badkey, Key}` when it has none.
#[bif("maps:update/3")]
fn update<'h>(cx: &mut BifContext<'h>, key: Term<'h>, value: Term<'h>, map: Term<'h>) -> BifResult<'h> {
    let updated = cx.heap.map_update_exact(map_of(cx, map)?, key, value, cx.atoms());
    updated.ok_or_else(|| failed(cx, atoms::BADKEY, key))
}

/// The map without `key`; `{badmap, Map}` for what is no map.
#[bif("maps:remove/2")]
fn remove<'h>(cx: &mut BifContext<'h>, key: Term<'h>, map: Term<'h>) -> BifResult<'h> {
    Ok(cx.heap.map_remove(map_of(cx, map)?, key, cx.atoms()))
}

/// `{Value, MapWithoutKey}`, or `error` when there is no such key; `{badmap, Map}` for what is no map.
#[bif("maps:take/2")]
fn take<'h>(cx: &mut BifContext<'h>, key: Term<'h>, map: Term<'h>) -> BifResult<'h> {
    match cx.heap.map_take(map_of(cx, map)?, key, cx.atoms()) {
        Some((value, rest)) => Ok(cx.heap.tuple(&[value, rest])),
        None => Ok(Term::atom(atoms::ERROR)),
    }
}

/// The next pairs of an iterator, see [`oxbeam_term::Heap::map_next`]; `badarg` for what is none.
#[bif("erts_internal:map_next/3")]
fn map_next<'h>(cx: &mut BifContext<'h>, path: Term<'h>, map: Term<'h>, mode: Term<'h>) -> BifResult<'h> {
    let limit = usize::try_from(cx.reductions.saturating_mul(PAIRS_PER_ITERATION)).unwrap_or(1).clamp(1, PAIRS_MAX);
    match cx.heap.map_next(path, map, mode, limit) {
        Some(next) => {
            cx.spend(map.map_size().min(limit) / PAIRS_PER_REDUCTION);
            Ok(next)
        }
        None => cx.badarg(),
    }
}

/// The keys of a small map as a tuple, in its own order; `badarg` for a large map, `{badmap, Term}` for what is none.
#[bif("erts_internal:map_to_tuple_keys/1")]
fn map_to_tuple_keys<'h>(cx: &mut BifContext<'h>, map: Term<'h>) -> BifResult<'h> {
    let map = map_of(cx, map)?;
    map.map_key_tuple().map_or_else(|| cx.badarg(), Ok)
}
