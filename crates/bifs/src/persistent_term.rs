//! Module `persistent_term`: values that all processes read without copying. They are stored as literals.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{LiteralBlock, OwnedTerm, Term, atoms, internal_hash};
use parking_lot::RwLock;
use std::collections::HashMap;

/// A key and its value, in literals of their own.
struct Entry {
    key: OwnedTerm,
    value: OwnedTerm,
    literals: LiteralBlock,
}

impl Entry {
    /// Words that it takes, the entry itself included.
    fn words(&self) -> usize {
        self.literals.words() + 3
    }
}

/// The persistent terms of a machine, by hash of their keys.
#[derive(Default)]
struct PersistentTerms {
    entries: RwLock<HashMap<u64, Vec<Entry>>>,
}

/// Entries that the table keeps room for, however few there are.
const LEAST_ROOM: usize = 64;

impl PersistentTerms {
    /// Entries that the table has room for without growing.
    fn room(&self) -> usize {
        self.entries.read().capacity()
    }
}

/// Gives back room when less than a quarter is in use.
fn shrink(entries: &mut HashMap<u64, Vec<Entry>>) {
    if entries.capacity() > LEAST_ROOM && entries.len() * 4 < entries.capacity() {
        entries.shrink_to(entries.len() + entries.len() / 2);
    }
}

/// `#{table => Places}`: what `erts_debug:get_internal_state(persistent_term)` tells.
pub(crate) fn internal_state<'h>(cx: &BifContext<'h>) -> BifResult<'h> {
    let places = cx.vm.extension::<PersistentTerms>().room();
    let table = Term::atom(cx.intern("table")?);
    Ok(cx.heap.map_from_pairs(&[(table, cx.heap.unsigned(places as u64))], cx.atoms()))
}

/// Calls `look` with the value of `key`, copied to the caller's heap (which copies nothing of a literal).
fn find<'h>(cx: &BifContext<'h>, key: Term<'h>) -> Option<Term<'h>> {
    let terms = cx.vm.extension::<PersistentTerms>();
    let entries = terms.entries.read();
    let entry = entries.get(&internal_hash(key))?.iter().find(|entry| entry.key.term().is_exactly(key))?;
    Some(cx.heap.copy_in(entry.value.term()))
}

/// All keys and values.
#[bif("persistent_term:get/0")]
fn get_all<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let terms = cx.vm.extension::<PersistentTerms>();
    let entries = terms.entries.read();
    let pairs: Vec<Term<'h>> = entries
        .values()
        .flatten()
        .map(|entry| cx.heap.tuple(&[cx.heap.copy_in(entry.key.term()), cx.heap.copy_in(entry.value.term())]))
        .collect();
    Ok(cx.heap.list(&pairs))
}

/// The value of `key`.
///
/// # Errors
///
/// `badarg` when there is none.
#[bif("persistent_term:get/1")]
fn get<'h>(cx: &mut BifContext<'h>, key: Term<'h>) -> BifResult<'h> {
    match find(cx, key) {
        Some(value) => Ok(value),
        None => cx.badarg(),
    }
}

/// The value of `key`, or `default`.
#[bif("persistent_term:get/2")]
fn get_default<'h>(cx: &mut BifContext<'h>, key: Term<'h>, default: Term<'h>) -> BifResult<'h> {
    Ok(find(cx, key).unwrap_or(default))
}

/// Sets the value of `key`.
///
/// # Errors
///
/// `system_limit` when there is no room for literals.
#[bif("persistent_term:put/2")]
fn put<'h>(cx: &mut BifContext<'h>, key: Term<'h>, value: Term<'h>) -> BifResult<'h> {
    if find(cx, key).is_some_and(|old| old.is_exactly(value)) {
        return Ok(Term::atom(atoms::OK));
    }
    let Some((literals, stored)) = cx.vm.code.literals.store(&[key, value]) else {
        return Err(cx.raise(atoms::SYSTEM_LIMIT));
    };
    cx.spend(literals.words() / 8);
    let entry = Entry { key: OwnedTerm::immediate(stored[0]), value: OwnedTerm::immediate(stored[1]), literals };
    {
        let terms = cx.vm.extension::<PersistentTerms>();
        let mut entries = terms.entries.write();
        let bucket = entries.entry(internal_hash(key)).or_default();
        match bucket.iter_mut().find(|entry| entry.key.term().is_exactly(key)) {
            // What processes still hold lives on until they have been asked.
            Some(place) => *place = entry,
            None => bucket.push(entry),
        }
    }
    cx.vm.literals_retired();
    if says_dynamic_name(cx, key) {
        cx.vm.set_named_by_others(!value.is_atom(atoms::FALSE));
    }
    Ok(Term::atom(atoms::OK))
}

/// Is it the key under which OTP's libraries say that other nodes name this one (`erts_internal:dynamic_node_name/1`)?
fn says_dynamic_name(cx: &BifContext<'_>, key: Term<'_>) -> bool {
    let Some([module, name]) = key.as_tuple_of::<2>() else { return false };
    module.is_atom(atoms::ERTS_INTERNAL) && name.as_atom().is_some_and(|name| cx.text(name) == "dynamic_node_name")
}

/// Removes `key`; true when it was there.
#[bif("persistent_term:erase/1")]
fn erase<'h>(cx: &mut BifContext<'h>, key: Term<'h>) -> BifResult<'h> {
    let terms = cx.vm.extension::<PersistentTerms>();
    let removed = remove(&mut terms.entries.write(), key);
    cx.vm.literals_retired();
    if says_dynamic_name(cx, key) {
        cx.vm.set_named_by_others(false);
    }
    Ok(Term::boolean(removed))
}

fn remove(entries: &mut HashMap<u64, Vec<Entry>>, key: Term<'_>) -> bool {
    let hash = internal_hash(key);
    let Some(bucket) = entries.get_mut(&hash) else { return false };
    let before = bucket.len();
    bucket.retain(|entry| !entry.key.term().is_exactly(key));
    let removed = bucket.len() < before;
    if bucket.is_empty() {
        entries.remove(&hash);
        shrink(entries);
    }
    removed
}

/// Removes everything.
#[bif("erts_internal:erase_persistent_terms/0")]
fn erase_all<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    cx.vm.extension::<PersistentTerms>().entries.write().clear();
    shrink(&mut cx.vm.extension::<PersistentTerms>().entries.write());
    cx.vm.literals_retired();
    Ok(Term::TRUE)
}

/// Number and size in bytes of all persistent terms, with a word for each place in their table.
#[bif("persistent_term:info/0")]
fn info<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let terms = cx.vm.extension::<PersistentTerms>();
    let entries = terms.entries.read();
    let count = entries.values().map(Vec::len).sum::<usize>();
    let words = entries.values().flatten().map(Entry::words).sum::<usize>();
    let pairs = [
        (Term::atom(atoms::COUNT), cx.heap.unsigned(count as u64)),
        (Term::atom(atoms::MEMORY), cx.heap.unsigned((words + entries.capacity()) as u64 * 8)),
    ];
    Ok(cx.heap.map_from_pairs(&pairs, cx.atoms()))
}
