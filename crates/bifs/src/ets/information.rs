//! `ets:info/1,2`.

use super::{Found, badarg, failure, look_up};
use oxbeam_bif_macros::bif;
use oxbeam_ets::{Access, TableError, TableState};
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Atom, Kind, Term, atoms};

/// The items that `info/1` lists, in its order.
const ITEMS: [Atom; 15] = [
    atoms::ID,
    atoms::DECENTRALIZED_COUNTERS,
    atoms::READ_CONCURRENCY,
    atoms::WRITE_CONCURRENCY,
    atoms::COMPRESSED,
    atoms::MEMORY,
    atoms::OWNER,
    atoms::HEIR,
    atoms::NAME,
    atoms::SIZE,
    atoms::NODE,
    atoms::NAMED_TABLE,
    atoms::TYPE,
    atoms::KEYPOS,
    atoms::PROTECTION,
];

/// Facts about a table as a list of pairs, or `undefined` when there is no such table.
#[bif("ets:info/1")]
fn info<'h>(cx: &mut BifContext<'h>, table: Term<'h>) -> BifResult<'h> {
    let table = match look_up(cx, table) {
        Ok(table) => table,
        Err(TableError::Id) => return Ok(Term::atom(atoms::UNDEFINED)),
        Err(error) => return Err(failure(cx, error)),
    };
    let Ok(state) = (*table).read(cx.pid(), Access::Info) else { return Ok(Term::atom(atoms::UNDEFINED)) };
    let pairs: Vec<Term<'h>> = ITEMS
        .iter()
        .filter_map(|&item| Some(cx.heap.tuple(&[Term::atom(item), fact(cx, &table, &state, item)?])))
        .collect();
    Ok(cx.heap.list(&pairs))
}

/// One fact about a table, or `undefined` when there is no such table.
#[bif("ets:info/2")]
fn info_item<'h>(cx: &mut BifContext<'h>, table: Term<'h>, item: Term<'h>) -> BifResult<'h> {
    let table = match look_up(cx, table) {
        Ok(table) => table,
        Err(TableError::Id) => return Ok(Term::atom(atoms::UNDEFINED)),
        Err(error) => return Err(failure(cx, error)),
    };
    let Ok(state) = (*table).read(cx.pid(), Access::Info) else { return Ok(Term::atom(atoms::UNDEFINED)) };
    match item.as_atom().and_then(|item| fact(cx, &table, &state, item)) {
        Some(fact) => Ok(fact),
        None => Err(badarg(cx)),
    }
}

fn fact<'h>(cx: &BifContext<'h>, table: &Found<'h>, state: &TableState, item: Atom) -> Option<Term<'h>> {
    let heap = cx.heap;
    let options = &table.options;
    Some(match item {
        atoms::ID => table.reference(cx),
        atoms::DECENTRALIZED_COUNTERS => Term::boolean(options.decentralized_counters),
        atoms::READ_CONCURRENCY => Term::boolean(options.read_concurrency),
        atoms::WRITE_CONCURRENCY => options.write_concurrency.term(cx.heap),
        atoms::COMPRESSED => Term::boolean(options.compressed),
        atoms::MEMORY => heap.integer(state.words() as i64),
        atoms::OWNER => Term::pid(state.owner),
        atoms::HEIR => state.heir.as_ref().map_or(Term::atom(atoms::NONE), |heir| Term::pid(heir.pid)),
        atoms::NAME => Term::atom(state.name),
        atoms::SIZE => heap.integer(state.len() as i64),
        atoms::NODE => Term::atom(cx.vm.node().0),
        atoms::NAMED_TABLE => Term::boolean(options.named),
        atoms::TYPE => Term::atom(state.kind().atom()),
        atoms::KEYPOS => heap.integer(state.key_index() as i64 + 1),
        atoms::PROTECTION => Term::atom(state.protection.atom()),
        atoms::FIXED => Term::boolean(state.is_fixed()),
        atoms::SAFE_FIXED | atoms::SAFE_FIXED_MONOTONIC_TIME => fixations(cx, state, item),
        atoms::STATS => statistics(cx, state),
        atoms::BINARY => binaries(cx, state),
        _ => return None,
    })
}

fn fixations<'h>(cx: &BifContext<'h>, state: &TableState, item: Atom) -> Term<'h> {
    if !state.is_fixed() {
        return Term::FALSE;
    }
    let heap = cx.heap;
    let pairs: Vec<Term<'h>> = state
        .fixations
        .iter()
        .map(|fixation| heap.tuple(&[Term::pid(fixation.pid), heap.integer(fixation.count as i64)]))
        .collect();
    let (monotonic, microseconds) = state.fixed_since;
    let since = if item == atoms::SAFE_FIXED {
        let seconds = microseconds.div_euclid(1_000_000);
        let parts = [seconds / 1_000_000, seconds % 1_000_000, microseconds.rem_euclid(1_000_000)];
        heap.tuple(&parts.map(|part| heap.integer(part)))
    } else {
        heap.integer(monotonic)
    };
    heap.tuple(&[since, heap.list(&pairs)])
}

/// Buckets and the lengths of their chains: `{Buckets, Average, Deviation, ExpectedDeviation, Shortest, Longest,
/// NonFixedDeleted, Locks}`, of which an index of open addressing has only the first two and the objects that were deleted while the table is fixed.
fn statistics<'h>(cx: &BifContext<'h>, state: &TableState) -> Term<'h> {
    let Some((buckets, average, kept)) = state.statistics() else { return Term::FALSE };
    let deviation = (average * (1.0 - 1.0 / buckets as f64)).sqrt();
    let heap = cx.heap;
    let longest = i64::from(!state.is_empty());
    heap.tuple(&[
        heap.integer(buckets as i64),
        heap.float(average),
        heap.float(deviation),
        heap.float(deviation),
        Term::small(0),
        Term::small(longest),
        heap.integer(kept as i64),
        Term::small(1),
    ])
}

/// The large binaries in the table: `{Address, Bytes, References}` each.
fn binaries<'h>(cx: &BifContext<'h>, state: &TableState) -> Term<'h> {
    let mut found = Vec::new();
    state.visit(oxbeam_ets::Position::Start, None, false, usize::MAX, cx.atoms(), |objects| {
        for object in objects {
            collect_binaries(cx, object.term(), &mut found);
        }
        oxbeam_ets::Step::Continue
    });
    cx.heap.list(&found)
}

fn collect_binaries<'h>(cx: &BifContext<'h>, term: Term<'_>, found: &mut Vec<Term<'h>>) {
    let mut pending = vec![term];
    while let Some(term) = pending.pop() {
        if let Some(cell) = term.as_cons() {
            pending.push(cell.tail());
            pending.push(cell.head());
        } else if term.boxed_kind() == Some(Kind::Tuple)
            && let Some(tuple) = term.as_tuple()
        {
            pending.extend(tuple.elements());
        } else if term.is_map() {
            pending.extend(term.map_iter().flat_map(|(key, value)| [key, value]));
        } else if let Some((binary, _)) = term.as_bits().and_then(|bits| bits.shared()) {
            let bytes = binary.as_slice();
            let heap = cx.heap;
            let address = heap.unsigned(bytes.as_ptr().addr() as u64);
            found.push(heap.tuple(&[address, heap.integer(bytes.len() as i64), Term::small(1)]));
        }
    }
}
