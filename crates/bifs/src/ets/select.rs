//! Searching tables: `select`, `match` and `match_object` in all forms, counting, deleting and replacing.
//!
//! A search looks at a limited number of objects under the table's lock, then lets others run. Between two such steps
//! it is three terms: the table's reference, a magic reference to the compiled specification, and where to go on, which
//! is the number of a slot or, in ordered tables, the last key. Continuations of searches with a limit hold the same,
//! in the tuples that `ets:repair_continuation/2` knows.

use super::specification::{Guards, compile, shared_spec};
use super::{Failure, Found, badarg, because, find};
use oxbeam_bif_macros::bif;
use oxbeam_ets::{
    Access, Body, Change, KeyBound, Keys, MatchSpec, Object, Position, Runner, Step, TableState, TableType, Visit,
    VisitMut, object,
};
use oxbeam_runtime::{BifContext, BifResult, Vm};
use oxbeam_term::{MagicObject, Term, atoms};
use std::sync::Arc;

/// Keys that are looked at before others may use the table.
const STEP_KEYS: usize = 1000;

/// A search that is under way.
struct Search<'h> {
    table: Found<'h>,
    spec: Arc<MagicObject>,
    position: Position<'h>,
    reverse: bool,
}

fn spec_of(shared: &MagicObject) -> Option<&MatchSpec> {
    shared.0.downcast_ref()
}

/// The keys' bound that a specification sets.
fn bound(spec: &MatchSpec) -> Option<&KeyBound> {
    match spec.keys() {
        Keys::Bound(bound) => Some(bound),
        Keys::Any | Keys::Among(_) => None,
    }
}

impl<'h> Search<'h> {
    /// Looks on, at most [`STEP_KEYS`] keys and until there are `limit` results. True when everything was looked at.
    fn step(
        &mut self,
        cx: &mut BifContext<'h>,
        limit: usize,
        results: &mut Vec<Term<'h>>,
    ) -> Result<bool, Failure<'h>> {
        let Search { table, spec, position, reverse } = self;
        let state = table.read(cx, Access::Read)?;
        let Some(spec) = spec_of(spec) else { return Ok(true) };
        let (heap, atoms) = (cx.heap, cx.atoms());
        let mut runner = Runner::default();
        let mut guards = Guards::of(cx);
        let mut each = |objects: &[Object]| {
            results
                .extend(objects.iter().filter_map(|object| runner.run(spec, object.term(), heap, atoms, &mut guards)));
            if results.len() >= limit { Step::Stop } else { Step::Continue }
        };
        if let Keys::Among(keys) = spec.keys() {
            let mut keys: Vec<Term<'_>> = keys.iter().map(|key| key.term()).collect();
            if state.kind() == TableType::OrderedSet {
                keys.sort_by(|a, b| a.compare(*b, atoms));
                if *reverse {
                    keys.reverse();
                }
            }
            for key in keys {
                let _ = each(state.get(key, atoms));
            }
            return Ok(true);
        }
        match state.visit(*position, bound(spec), *reverse, STEP_KEYS, atoms, each) {
            Visit::Done => return Ok(true),
            Visit::Index(index) => *position = Position::Index(index),
            Visit::After(object) => *position = Position::After(heap.copy_in(object.key())),
        }
        Ok(false)
    }
}

/// A position as a term: `[]` at the start, the number of a slot, or a key in a list.
fn position_term<'h>(cx: &BifContext<'h>, position: Position<'h>) -> Term<'h> {
    match position {
        Position::Start => Term::NIL,
        Position::Index(index) => cx.heap.integer(index as i64),
        Position::After(key) => cx.heap.cons(key, Term::NIL),
    }
}

fn position_of(term: Term<'_>) -> Position<'_> {
    match (term.as_cons(), term.as_usize()) {
        (Some(cell), _) => Position::After(cell.head()),
        (None, Some(index)) => Position::Index(index),
        (None, None) => Position::Start,
    }
}

// --- everything at once ----------------------------------------------------------------------------------------------

fn select_all<'h>(cx: &mut BifContext<'h>, table: Term<'h>, spec: MatchSpec, reverse: bool) -> BifResult<'h> {
    let table = find(cx, table)?;
    let search = Search { table, spec: Vm::magic(spec), position: Position::Start, reverse };
    collect(cx, search, Term::NIL)
}

/// Goes on with a search; `found` are the results so far, the last one first.
fn collect<'h>(cx: &mut BifContext<'h>, mut search: Search<'h>, mut found: Term<'h>) -> BifResult<'h> {
    let mut results = Vec::new();
    loop {
        let done = search.step(cx, usize::MAX, &mut results)?;
        if done {
            break;
        }
        if cx.spend(STEP_KEYS) {
            for result in results {
                found = cx.heap.cons(result, found);
            }
            let spec = cx.heap.magic_reference(cx.vm.next_reference().0, search.spec.clone());
            let position = position_term(cx, search.position);
            let table = search.table.reference(cx);
            return cx.again(collect_again, &[table, spec, position, Term::boolean(search.reverse), found]);
        }
    }
    cx.spend(results.len() / 4 + 1);
    let mut list = cx.heap.list(&results);
    if !found.is_nil() {
        let earlier: Vec<Term<'h>> = found.list_iter().collect();
        for result in earlier {
            list = cx.heap.cons(result, list);
        }
    }
    Ok(list)
}

fn collect_again<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    let &[table, spec, position, reverse, found] = arguments else { return cx.badarg() };
    let Some(spec) = shared_spec(spec) else { return cx.badarg() };
    let table = find(cx, table)?;
    let reverse = reverse.as_boolean() == Some(true);
    collect(cx, Search { table, spec, position: position_of(position), reverse }, found)
}

/// The specification of a `select` that was given as a term.
fn table_spec<'h>(
    cx: &BifContext<'h>,
    table: Term<'h>,
    spec: Term<'h>,
    access: Access,
) -> Result<MatchSpec, Failure<'h>> {
    let key_index = readable_key_index(cx, table, access)?;
    compile(cx, spec, Some(key_index))
}

fn readable_key_index<'h>(cx: &BifContext<'h>, table: Term<'h>, access: Access) -> Result<usize, Failure<'h>> {
    let table = find(cx, table)?;
    drop(table.read(cx, access)?);
    Ok(table.options.key_index)
}

fn pattern_spec<'h>(
    cx: &BifContext<'h>,
    table: Term<'h>,
    pattern: Term<'h>,
    body: Body,
) -> Result<MatchSpec, Failure<'h>> {
    let key_index = readable_key_index(cx, table, Access::Read)?;
    MatchSpec::compile_pattern(pattern, body, key_index, cx.atoms()).ok_or_else(|| badarg(cx))
}

/// What a match specification gives for the objects that it matches.
#[bif("ets:select/2")]
fn select<'h>(cx: &mut BifContext<'h>, table: Term<'h>, spec: Term<'h>) -> BifResult<'h> {
    let spec = table_spec(cx, table, spec, Access::Read)?;
    select_all(cx, table, spec, false)
}
/// As `select/2`, ordered tables from the end.
#[bif("ets:select_reverse/2")]
fn select_reverse<'h>(cx: &mut BifContext<'h>, table: Term<'h>, spec: Term<'h>) -> BifResult<'h> {
    let spec = table_spec(cx, table, spec, Access::Read)?;
    select_all(cx, table, spec, true)
}
/// The values of a pattern's variables, for each object that it matches.
#[bif("ets:match/2")]
fn match_bindings<'h>(cx: &mut BifContext<'h>, table: Term<'h>, pattern: Term<'h>) -> BifResult<'h> {
    let spec = pattern_spec(cx, table, pattern, Body::Bindings)?;
    select_all(cx, table, spec, false)
}
/// The objects that a pattern matches.
#[bif("ets:match_object/2")]
fn match_object<'h>(cx: &mut BifContext<'h>, table: Term<'h>, pattern: Term<'h>) -> BifResult<'h> {
    let spec = pattern_spec(cx, table, pattern, Body::Object)?;
    select_all(cx, table, spec, false)
}

// --- some at a time --------------------------------------------------------------------------------------------------

fn select_some<'h>(
    cx: &mut BifContext<'h>,
    table: Term<'h>,
    spec: MatchSpec,
    limit: Term<'h>,
    reverse: bool,
) -> BifResult<'h> {
    let limit = limit.as_usize().filter(|&limit| limit > 0).ok_or_else(|| badarg(cx))?;
    let table = find(cx, table)?;
    let search = Search { table, spec: Vm::magic(spec), position: Position::Start, reverse };
    collect_some(cx, search, limit, Vec::new())
}

/// Goes on with a search until there are `limit` results.
fn collect_some<'h>(
    cx: &mut BifContext<'h>,
    mut search: Search<'h>,
    limit: usize,
    mut results: Vec<Term<'h>>,
) -> BifResult<'h> {
    let mut done = false;
    while !done && results.len() < limit {
        done = search.step(cx, limit, &mut results)?;
        if !done && results.len() < limit && cx.spend(STEP_KEYS) {
            let rest = cx.heap.list(&results);
            let state = continuation(cx, &search, limit, rest, false)?;
            return cx.again(some_again, &[state]);
        }
    }
    cx.spend(results.len() / 4 + 1);
    if results.is_empty() {
        return Ok(Term::atom(atoms::END_OF_TABLE));
    }
    let rest = split_chunk(&search, limit, &mut results);
    let next = if done && rest.is_empty() {
        Term::atom(atoms::END_OF_TABLE)
    } else {
        let rest = cx.heap.list(&rest);
        continuation(cx, &search, limit, rest, done)?
    };
    let results = cx.heap.list(&results);
    Ok(cx.heap.tuple(&[results, next]))
}

/// `{Table, Slot, Limit, Spec, Rest, RestLength}`; for ordered tables `{Table, LastKey, EndCondition, Limit, Spec, Rest,
/// Reverse, Got}`. `Rest` are results not yet given out.
fn continuation<'h>(
    cx: &BifContext<'h>,
    search: &Search<'h>,
    limit: usize,
    rest: Term<'h>,
    done: bool,
) -> Result<Term<'h>, Failure<'h>> {
    let heap = cx.heap;
    let ordered = search.table.options.kind == TableType::OrderedSet;
    let spec = heap.magic_reference(cx.vm.next_reference().0, search.spec.clone());
    let limit = heap.integer(limit as i64);
    let got = heap.integer(rest.list_iter().count() as i64);
    if !ordered {
        let slot = match search.position {
            _ if done => Term::small(-1),
            Position::Index(index) => heap.integer(index as i64),
            Position::Start | Position::After(_) => Term::small(0),
        };
        // As in OTP the reference, also when the table was named: another one may have the name when the search goes on.
        return Ok(heap.tuple(&[search.table.reference(cx), slot, limit, spec, rest, got]));
    }
    // Nothing was looked at yet only if the search yielded before its first object: `[]` in place of the end condition
    // says that there is a key, `true` that there is none.
    let (key, condition) = match search.position {
        Position::After(key) => (key, Term::NIL),
        Position::Start | Position::Index(_) => (Term::NIL, Term::TRUE),
    };
    let reverse = Term::small(i64::from(search.reverse));
    Ok(heap.tuple(&[search.table.given(), key, condition, limit, spec, rest, reverse, got]))
}

fn some_again<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    select_more(cx, arguments[0])
}

fn select_more<'h>(cx: &mut BifContext<'h>, continuation: Term<'h>) -> BifResult<'h> {
    if continuation.is_atom(atoms::END_OF_TABLE) {
        return Ok(continuation);
    }
    if let Some(&[table, slot, limit, spec, rest, _]) = continuation.as_tuple_of::<6>() {
        let (Some(slot), Some(limit)) = (slot.as_i64(), limit.as_usize()) else { return cx.badarg() };
        let (Some(spec), Some(rest)) = (shared_spec(spec), rest.to_vec()) else { return cx.badarg() };
        // A search that has come to its end has results to give out only.
        let position = Position::Index(usize::try_from(slot).unwrap_or(usize::MAX));
        return resume(cx, table, TableType::Set, Search2 { spec, position, reverse: false }, limit, rest);
    }
    if let Some(&[table, key, condition, limit, spec, rest, reverse, _]) = continuation.as_tuple_of::<8>() {
        let (Some(limit), Some(reverse)) = (limit.as_usize(), reverse.as_small()) else { return cx.badarg() };
        let (Some(spec), Some(rest)) = (shared_spec(spec), rest.to_vec()) else { return cx.badarg() };
        let position = if condition.is_nil() { Position::After(key) } else { Position::Start };
        return resume(
            cx,
            table,
            TableType::OrderedSet,
            Search2 { spec, position, reverse: reverse != 0 },
            limit,
            rest,
        );
    }
    if let Some(table) = continuation.as_tuple().and_then(|tuple| tuple.elements().first()) {
        find(cx, *table)?;
    }
    cx.badarg()
}

/// A search whose table is not known yet.
struct Search2<'h> {
    spec: Arc<MagicObject>,
    position: Position<'h>,
    reverse: bool,
}

fn resume<'h>(
    cx: &mut BifContext<'h>,
    table: Term<'h>,
    kind: TableType,
    search: Search2<'h>,
    limit: usize,
    rest: Vec<Term<'h>>,
) -> BifResult<'h> {
    let table = find(cx, table)?;
    drop(table.read(cx, Access::Read)?);
    if (table.options.kind == TableType::OrderedSet) != (kind == TableType::OrderedSet) || limit == 0 {
        return cx.badarg();
    }
    let Search2 { spec, position, reverse } = search;
    let keys_known = spec_of(&spec).is_some_and(|spec| matches!(spec.keys(), Keys::Among(_)));
    if keys_known && !matches!(position, Position::Start) {
        // All keys were looked at in the first step: only the rest is left.
        let search = Search { table, spec, position, reverse };
        return give_out(cx, &search, limit, rest);
    }
    collect_some(cx, Search { table, spec, position, reverse }, limit, rest)
}

/// Leaves in `results` what is given out next, and returns the rest.
///
/// As in OTP the objects of one key of an unordered table come from the end: with a limit of 1 the one inserted last is
/// the first.
fn split_chunk<'h>(search: &Search<'h>, limit: usize, results: &mut Vec<Term<'h>>) -> Vec<Term<'h>> {
    if search.table.options.kind == TableType::OrderedSet {
        return results.split_off(results.len().min(limit));
    }
    let given = results.split_off(results.len().saturating_sub(limit));
    std::mem::replace(results, given)
}

fn give_out<'h>(cx: &mut BifContext<'h>, search: &Search<'h>, limit: usize, mut rest: Vec<Term<'h>>) -> BifResult<'h> {
    if rest.is_empty() {
        return Ok(Term::atom(atoms::END_OF_TABLE));
    }
    let later = split_chunk(search, limit, &mut rest);
    let next = if later.is_empty() {
        Term::atom(atoms::END_OF_TABLE)
    } else {
        let later = cx.heap.list(&later);
        continuation(cx, search, limit, later, true)?
    };
    let results = cx.heap.list(&rest);
    Ok(cx.heap.tuple(&[results, next]))
}

/// As `select/2`, at most `limit` results and a continuation, or `'$end_of_table'`.
#[bif("ets:select/3")]
fn select_limit<'h>(cx: &mut BifContext<'h>, table: Term<'h>, spec: Term<'h>, limit: Term<'h>) -> BifResult<'h> {
    let spec = table_spec(cx, table, spec, Access::Read)?;
    select_some(cx, table, spec, limit, false)
}
/// As `select_reverse/2`, at most `limit` results and a continuation, or `'$end_of_table'`.
#[bif("ets:select_reverse/3")]
fn select_reverse_limit<'h>(
    cx: &mut BifContext<'h>,
    table: Term<'h>,
    spec: Term<'h>,
    limit: Term<'h>,
) -> BifResult<'h> {
    let spec = table_spec(cx, table, spec, Access::Read)?;
    select_some(cx, table, spec, limit, true)
}
/// As `match/2`, at most `limit` results and a continuation, or `'$end_of_table'`.
#[bif("ets:match/3")]
fn match_limit<'h>(cx: &mut BifContext<'h>, table: Term<'h>, pattern: Term<'h>, limit: Term<'h>) -> BifResult<'h> {
    let spec = pattern_spec(cx, table, pattern, Body::Bindings)?;
    select_some(cx, table, spec, limit, false)
}
/// As `match_object/2`, at most `limit` results and a continuation, or `'$end_of_table'`.
#[bif("ets:match_object/3")]
fn match_object_limit<'h>(
    cx: &mut BifContext<'h>,
    table: Term<'h>,
    pattern: Term<'h>,
    limit: Term<'h>,
) -> BifResult<'h> {
    let spec = pattern_spec(cx, table, pattern, Body::Object)?;
    select_some(cx, table, spec, limit, false)
}
/// More results of `select/3`.
#[bif("ets:select/1")]
fn select_continue<'h>(cx: &mut BifContext<'h>, continuation: Term<'h>) -> BifResult<'h> {
    select_more(cx, continuation)
}
/// More results of `select_reverse/3`.
#[bif("ets:select_reverse/1")]
fn select_reverse_continue<'h>(cx: &mut BifContext<'h>, continuation: Term<'h>) -> BifResult<'h> {
    select_more(cx, continuation)
}
/// More results of `match/3`.
#[bif("ets:match/1")]
fn match_continue<'h>(cx: &mut BifContext<'h>, continuation: Term<'h>) -> BifResult<'h> {
    select_more(cx, continuation)
}
/// More results of `match_object/3`.
#[bif("ets:match_object/1")]
fn match_object_continue<'h>(cx: &mut BifContext<'h>, continuation: Term<'h>) -> BifResult<'h> {
    select_more(cx, continuation)
}

// --- counting --------------------------------------------------------------------------------------------------------

/// Number of objects for which a match specification gives `true`.
#[bif("ets:select_count/2")]
fn select_count<'h>(cx: &mut BifContext<'h>, table: Term<'h>, spec: Term<'h>) -> BifResult<'h> {
    let spec = table_spec(cx, table, spec, Access::Read)?;
    let table = find(cx, table)?;
    count(cx, Search { table, spec: Vm::magic(spec), position: Position::Start, reverse: false }, 0)
}

fn count<'h>(cx: &mut BifContext<'h>, mut search: Search<'h>, mut total: usize) -> BifResult<'h> {
    let mut results = Vec::new();
    loop {
        let done = search.step(cx, usize::MAX, &mut results)?;
        total += results.drain(..).filter(|result| result.is_atom(atoms::TRUE)).count();
        if done {
            return Ok(cx.heap.integer(total as i64));
        }
        if cx.spend(STEP_KEYS) {
            let spec = cx.heap.magic_reference(cx.vm.next_reference().0, search.spec.clone());
            let position = position_term(cx, search.position);
            let table = search.table.reference(cx);
            return cx.again(count_again, &[table, spec, position, cx.heap.integer(total as i64)]);
        }
    }
}

fn count_again<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    let &[table, spec, position, total] = arguments else { return cx.badarg() };
    let (Some(spec), Some(total)) = (shared_spec(spec), total.as_usize()) else { return cx.badarg() };
    let table = find(cx, table)?;
    count(cx, Search { table, spec, position: position_of(position), reverse: false }, total)
}

// --- deleting and replacing --------------------------------------------------------------------------------------------

/// What is done with the objects that match.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    /// Those for which the specification gives `true` are removed.
    Delete,
    /// They are replaced by what the specification gives.
    Replace,
}

/// Removes the objects for which a match specification gives `true`; returns how many.
#[bif("ets:internal_select_delete/2")]
fn internal_select_delete<'h>(cx: &mut BifContext<'h>, table: Term<'h>, spec: Term<'h>) -> BifResult<'h> {
    drop(find(cx, table)?.write(cx, Access::Write)?);
    let spec = table_spec(cx, table, spec, Access::Write)?;
    let table = find(cx, table)?;
    let search = Search { table, spec: Vm::magic(spec), position: Position::Start, reverse: false };
    change(cx, search, Action::Delete, 0)
}

/// Replaces each object that a match specification matches by what it gives, which must be an object with the same key;
/// returns how many.
///
/// # Errors
///
/// `badarg` when the specification does not say that keys stay; with cause `table_type` for tables of type `bag`.
#[bif("ets:select_replace/2")]
fn select_replace<'h>(cx: &mut BifContext<'h>, table: Term<'h>, spec: Term<'h>) -> BifResult<'h> {
    let found = find(cx, table)?;
    drop(found.write(cx, Access::Write)?);
    if found.options.kind == TableType::Bag {
        return Err(because(cx, atoms::TABLE_TYPE));
    }
    let compiled = table_spec(cx, table, spec, Access::Write)?;
    if !MatchSpec::keeps_key(spec, found.options.key_index, cx.atoms()) {
        return Err(badarg(cx));
    }
    let search = Search { table: found, spec: Vm::magic(compiled), position: Position::Start, reverse: false };
    change(cx, search, Action::Replace, 0)
}

fn change<'h>(cx: &mut BifContext<'h>, mut search: Search<'h>, action: Action, mut total: usize) -> BifResult<'h> {
    loop {
        let done = change_step(cx, &mut search, action, &mut total)?;
        if done {
            return Ok(cx.heap.integer(total as i64));
        }
        if cx.spend(STEP_KEYS) {
            let spec = cx.heap.magic_reference(cx.vm.next_reference().0, search.spec.clone());
            let position = position_term(cx, search.position);
            let table = search.table.reference(cx);
            let delete = Term::boolean(action == Action::Delete);
            return cx.again(change_again, &[table, spec, position, delete, cx.heap.integer(total as i64)]);
        }
    }
}

fn change_again<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    let &[table, spec, position, delete, total] = arguments else { return cx.badarg() };
    let (Some(spec), Some(total)) = (shared_spec(spec), total.as_usize()) else { return cx.badarg() };
    let table = find(cx, table)?;
    let action = if delete.as_boolean() == Some(true) { Action::Delete } else { Action::Replace };
    change(cx, Search { table, spec, position: position_of(position), reverse: false }, action, total)
}

/// Changes what matches among the next keys. True when everything was looked at.
fn change_step<'h>(
    cx: &mut BifContext<'h>,
    search: &mut Search<'h>,
    action: Action,
    total: &mut usize,
) -> Result<bool, Failure<'h>> {
    let Search { table, spec, position, .. } = search;
    let mut state = table.write(cx, Access::Write)?;
    let Some(spec) = spec_of(spec) else { return Ok(true) };
    let (heap, atoms) = (cx.heap, cx.atoms());
    let key_index = state.key_index();
    let mut runner = Runner::default();
    let mut guards = Guards::of(cx);
    let mut each = |found: &Object| match (runner.run(spec, found.term(), heap, atoms, &mut guards), action) {
        (Some(result), Action::Delete) if result.is_atom(atoms::TRUE) => {
            *total += 1;
            Change::Remove
        }
        (Some(result), Action::Replace) => match object(result, key_index) {
            Some(new) if new.key().is_exactly(found.key()) => {
                *total += 1;
                Change::Replace(new)
            }
            _ => Change::Keep,
        },
        _ => Change::Keep,
    };
    if let Keys::Among(keys) = spec.keys() {
        for key in keys {
            state.visit_key_mut(key.term(), atoms, &mut each);
        }
        return Ok(true);
    }
    let next = state.visit_mut(*position, bound(spec), STEP_KEYS, atoms, each);
    release(state);
    match next {
        VisitMut::Done => return Ok(true),
        VisitMut::Index(index) => *position = Position::Index(index),
        VisitMut::After(key) => *position = Position::After(heap.copy_in(key.term())),
    }
    Ok(false)
}

fn release(state: parking_lot::RwLockWriteGuard<'_, TableState>) {
    drop(state);
}
