//! The process dictionary.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Term, atoms};

fn undefined<'h>() -> Term<'h> {
    Term::atom(atoms::UNDEFINED)
}

/// All keys and values, as a list of pairs.
fn pairs<'h>(cx: &mut BifContext<'h>) -> Term<'h> {
    let pairs = cx.dictionary_pairs();
    cx.spend(pairs.len() / 8);
    let pairs: Vec<Term<'h>> = pairs.into_iter().map(|(key, value)| cx.heap.tuple(&[key, value])).collect();
    cx.heap.list(&pairs)
}

/// All keys and values.
#[bif("erlang:get/0")]
fn get_all<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(pairs(cx))
}

/// The value of `key`, or `undefined`.
#[bif("erlang:get/1")]
fn get<'h>(cx: &mut BifContext<'h>, key: Term<'h>) -> BifResult<'h> {
    Ok(cx.dictionary_get(key).unwrap_or_else(undefined))
}

/// Sets the value of `key`; returns the old one, or `undefined`.
#[bif("erlang:put/2")]
fn put<'h>(cx: &mut BifContext<'h>, key: Term<'h>, value: Term<'h>) -> BifResult<'h> {
    Ok(cx.dictionary_put(key, value).unwrap_or_else(undefined))
}

/// Removes everything; returns it.
#[bif("erlang:erase/0")]
fn erase_all<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let all = pairs(cx);
    cx.dictionary_clear();
    Ok(all)
}

/// Removes `key`; returns its value, or `undefined`.
#[bif("erlang:erase/1")]
fn erase<'h>(cx: &mut BifContext<'h>, key: Term<'h>) -> BifResult<'h> {
    Ok(cx.dictionary_erase(key).unwrap_or_else(undefined))
}

/// All keys.
#[bif("erlang:get_keys/0")]
fn get_keys<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let keys: Vec<Term<'h>> = cx.dictionary_pairs().into_iter().map(|(key, _)| key).collect();
    cx.spend(keys.len() / 8);
    Ok(cx.heap.list(&keys))
}

/// The keys that have this value.
#[bif("erlang:get_keys/1")]
fn get_keys_of<'h>(cx: &mut BifContext<'h>, value: Term<'h>) -> BifResult<'h> {
    let pairs = cx.dictionary_pairs();
    cx.spend(pairs.len() / 8);
    let keys: Vec<Term<'h>> =
        pairs.into_iter().filter(|(_, other)| other.is_exactly(value)).map(|(key, _)| key).collect();
    Ok(cx.heap.list(&keys))
}
