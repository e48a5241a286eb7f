//! Modules `atomics` and `counters`: arrays of 64-bit numbers that all processes change without locks.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, Interrupt, Vm};
use oxbeam_term::{Reference, Term, atoms};
use std::sync::atomic::{AtomicU64, Ordering};

/// Set in the options of `atomics_new/2` for numbers with a sign.
const OPTION_SIGNED: u64 = 1;
/// Most numbers in an array.
const NUMBERS_MAX: usize = 1 << 40;

/// An array of `atomics`.
struct Atomics {
    numbers: Box<[AtomicU64]>,
    signed: bool,
}

/// An array of `counters` made for concurrent writing.
struct Counters {
    numbers: Box<[AtomicU64]>,
}

fn numbers(count: usize) -> Option<Box<[AtomicU64]>> {
    if count == 0 || count > NUMBERS_MAX {
        return None;
    }
    let mut numbers = Vec::new();
    numbers.try_reserve_exact(count).ok()?;
    numbers.resize_with(count, || AtomicU64::new(0));
    Some(numbers.into_boxed_slice())
}

impl Atomics {
    fn value(&self, term: Term<'_>) -> Option<u64> {
        if self.signed { term.as_i64().map(i64::cast_unsigned) } else { term.as_u64() }
    }
    fn term<'h>(&self, cx: &BifContext<'h>, value: u64) -> Term<'h> {
        if self.signed { cx.heap.integer(value.cast_signed()) } else { cx.heap.unsigned(value) }
    }
}

/// What is added: anything that has 64 bits, with a sign or without.
fn increment_of(term: Term<'_>) -> Option<u64> {
    term.as_i64().map(i64::cast_unsigned).or_else(|| term.as_u64())
}

/// The size of a new array: `badarg` unless it is positive, `system_limit` for one that no machine has.
fn size_of_array<'h>(cx: &BifContext<'h>, count: Term<'h>) -> Result<usize, Box<Interrupt<'h>>> {
    match count.as_usize() {
        Some(0) => cx.badarg(),
        Some(count) => Ok(count),
        None if count.as_integer().is_some_and(|count| !count.is_negative()) => Err(cx.raise(atoms::SYSTEM_LIMIT)),
        None => cx.badarg(),
    }
}

/// The array and the number at `index`, counted from 1.
fn at<'h>(array: Reference<'h>, index: Term<'h>) -> Option<(&'h Atomics, &'h AtomicU64)> {
    let atomics = array.downcast::<Atomics>()?;
    Some((atomics, atomics.numbers.get(index.as_usize()?.checked_sub(1)?)?))
}

fn counter<'h>(array: Reference<'h>, index: Term<'h>) -> Option<&'h AtomicU64> {
    array.downcast::<Counters>()?.numbers.get(index.as_usize()?.checked_sub(1)?)
}

/// A new array of `count` zeros.
///
/// # Errors
///
/// `badarg` unless `count` is positive; `system_limit` when there is no memory.
#[bif("erts_internal:atomics_new/2")]
fn atomics_new<'h>(cx: &mut BifContext<'h>, count: Term<'h>, options: u64) -> BifResult<'h> {
    let count = size_of_array(cx, count)?;
    let Some(numbers) = numbers(count) else { return Err(cx.raise(atoms::SYSTEM_LIMIT)) };
    let object = Vm::magic(Atomics { numbers, signed: options & OPTION_SIGNED != 0 });
    Ok(cx.heap.magic_reference(cx.vm.next_reference().0, object))
}

/// Sets a number.
///
/// # Errors
///
/// `badarg` for a bad array, index or value.
#[bif("atomics:put/3")]
fn atomics_put<'h>(cx: &mut BifContext<'h>, array: Reference<'h>, index: Term<'h>, value: Term<'h>) -> BifResult<'h> {
    match at(array, index).and_then(|(atomics, number)| Some((number, atomics.value(value)?))) {
        Some((number, value)) => {
            number.store(value, Ordering::SeqCst);
            Ok(Term::atom(atoms::OK))
        }
        None => cx.badarg(),
    }
}

/// Reads a number.
///
/// # Errors
///
/// `badarg` for a bad array or index.
#[bif("atomics:get/2")]
fn atomics_get<'h>(cx: &mut BifContext<'h>, array: Reference<'h>, index: Term<'h>) -> BifResult<'h> {
    match at(array, index) {
        Some((atomics, number)) => Ok(atomics.term(cx, number.load(Ordering::SeqCst))),
        None => cx.badarg(),
    }
}

/// Adds to a number, wrapping around.
///
/// # Errors
///
/// `badarg` for a bad array, index or increment.
#[bif("atomics:add/3")]
fn atomics_add<'h>(
    cx: &mut BifContext<'h>,
    array: Reference<'h>,
    index: Term<'h>,
    increment: Term<'h>,
) -> BifResult<'h> {
    atomics_add_get(cx, array, index, increment)?;
    Ok(Term::atom(atoms::OK))
}

/// Adds to a number, wrapping around; returns the result.
///
/// # Errors
///
/// `badarg` for a bad array, index or increment.
#[bif("atomics:add_get/3")]
fn atomics_add_get<'h>(
    cx: &mut BifContext<'h>,
    array: Reference<'h>,
    index: Term<'h>,
    increment: Term<'h>,
) -> BifResult<'h> {
    let Some((atomics, number)) = at(array, index) else { return cx.badarg() };
    let Some(increment) = increment_of(increment) else { return cx.badarg() };
    let before = number.fetch_add(increment, Ordering::SeqCst);
    Ok(atomics.term(cx, before.wrapping_add(increment)))
}

/// Sets a number; returns the old one.
///
/// # Errors
///
/// `badarg` for a bad array, index or value.
#[bif("atomics:exchange/3")]
fn atomics_exchange<'h>(
    cx: &mut BifContext<'h>,
    array: Reference<'h>,
    index: Term<'h>,
    value: Term<'h>,
) -> BifResult<'h> {
    let Some((atomics, number)) = at(array, index) else { return cx.badarg() };
    let Some(value) = atomics.value(value) else { return cx.badarg() };
    Ok(atomics.term(cx, number.swap(value, Ordering::SeqCst)))
}

/// Sets a number if it is `expected`: `ok`, or what it is.
///
/// # Errors
///
/// `badarg` for a bad array, index or value.
#[bif("atomics:compare_exchange/4")]
fn atomics_compare_exchange<'h>(
    cx: &mut BifContext<'h>,
    array: Reference<'h>,
    index: Term<'h>,
    expected: Term<'h>,
    desired: Term<'h>,
) -> BifResult<'h> {
    let Some((atomics, number)) = at(array, index) else { return cx.badarg() };
    let (Some(expected), Some(desired)) = (atomics.value(expected), atomics.value(desired)) else {
        return cx.badarg();
    };
    match number.compare_exchange(expected, desired, Ordering::SeqCst, Ordering::SeqCst) {
        Ok(_) => Ok(Term::atom(atoms::OK)),
        Err(actual) => Ok(atomics.term(cx, actual)),
    }
}

/// Bytes of an array of this many numbers.
fn bytes(count: usize) -> u64 {
    count as u64 * 8 + 40
}

/// Size, range and memory of an array.
///
/// # Errors
///
/// `badarg` for anything that is no array.
#[bif("atomics:info/1")]
fn atomics_info<'h>(cx: &mut BifContext<'h>, array: Reference<'h>) -> BifResult<'h> {
    let Some(atomics) = array.downcast::<Atomics>() else { return cx.badarg() };
    let (min, max) = match atomics.signed {
        true => (i64::MIN.cast_unsigned(), i64::MAX.cast_unsigned()),
        false => (u64::MIN, u64::MAX),
    };
    let pairs = [
        (Term::atom(atoms::SIZE), cx.heap.unsigned(atomics.numbers.len() as u64)),
        (Term::atom(atoms::MAX), atomics.term(cx, max)),
        (Term::atom(atoms::MIN), atomics.term(cx, min)),
        (Term::atom(atoms::MEMORY), cx.heap.unsigned(bytes(atomics.numbers.len()))),
    ];
    Ok(cx.heap.map_from_pairs(&pairs, cx.atoms()))
}

/// A new array of `count` counters.
///
/// # Errors
///
/// `badarg` unless `count` is positive; `system_limit` when there is no memory.
#[bif("erts_internal:counters_new/1")]
fn counters_new<'h>(cx: &mut BifContext<'h>, count: Term<'h>) -> BifResult<'h> {
    let count = size_of_array(cx, count)?;
    let Some(numbers) = numbers(count) else { return Err(cx.raise(atoms::SYSTEM_LIMIT)) };
    Ok(cx.heap.magic_reference(cx.vm.next_reference().0, Vm::magic(Counters { numbers })))
}

/// Reads a counter.
///
/// # Errors
///
/// `badarg` for a bad array or index.
#[bif("erts_internal:counters_get/2")]
fn counters_get<'h>(cx: &mut BifContext<'h>, array: Reference<'h>, index: Term<'h>) -> BifResult<'h> {
    match counter(array, index) {
        Some(number) => Ok(cx.heap.integer(number.load(Ordering::Acquire).cast_signed())),
        None => cx.badarg(),
    }
}

/// Adds to a counter, wrapping around.
///
/// # Errors
///
/// `badarg` for a bad array, index or increment.
#[bif("erts_internal:counters_add/3")]
fn counters_add<'h>(
    cx: &mut BifContext<'h>,
    array: Reference<'h>,
    index: Term<'h>,
    increment: Term<'h>,
) -> BifResult<'h> {
    let Some(number) = counter(array, index) else { return cx.badarg() };
    let Some(increment) = increment_of(increment) else { return cx.badarg() };
    number.fetch_add(increment, Ordering::AcqRel);
    Ok(Term::atom(atoms::OK))
}

/// Sets a counter.
///
/// # Errors
///
/// `badarg` for a bad array, index or value.
#[bif("erts_internal:counters_put/3")]
fn counters_put<'h>(cx: &mut BifContext<'h>, array: Reference<'h>, index: Term<'h>, value: i64) -> BifResult<'h> {
    let Some(number) = counter(array, index) else { return cx.badarg() };
    number.store(value.cast_unsigned(), Ordering::Release);
    Ok(Term::atom(atoms::OK))
}

/// Size and memory of an array of counters.
///
/// # Errors
///
/// `badarg` for anything that is no such array.
#[bif("erts_internal:counters_info/1")]
fn counters_info<'h>(cx: &mut BifContext<'h>, array: Reference<'h>) -> BifResult<'h> {
    let Some(counters) = array.downcast::<Counters>() else { return cx.badarg() };
    let pairs = [
        (Term::atom(atoms::SIZE), cx.heap.unsigned(counters.numbers.len() as u64)),
        (Term::atom(atoms::MEMORY), cx.heap.unsigned(bytes(counters.numbers.len()))),
    ];
    Ok(cx.heap.map_from_pairs(&pairs, cx.atoms()))
}
