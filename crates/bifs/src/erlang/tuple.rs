//! Tuples: `element/2`, `setelement/3` and relatives.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Atom, Term, Tuple};

/// Largest arity of a tuple, as in OTP.
pub const TUPLE_ARITY_MAX: usize = (1 << 24) - 1;

/// Elements of a tuple that are written for one reduction.
const ELEMENTS_PER_REDUCTION: usize = 64;

/// The elements, when `term` is a tuple whose first element is `tag`.
pub(crate) fn is_tagged<'h>(term: Term<'h>, tag: Atom) -> Option<&'h [Term<'h>]> {
    let elements = term.as_tuple()?.elements();
    elements.first()?.is_atom(tag).then_some(elements)
}

/// A position counted from 1 as an index, if it is at most `last`.
fn index_of(position: i64, last: usize) -> Option<usize> {
    let index = usize::try_from(position).ok()?.checked_sub(1)?;
    (index < last).then_some(index)
}

/// A new tuple; `badarg` when it would be too large.
fn build<'h>(cx: &mut BifContext<'h>, elements: &[Term<'h>]) -> BifResult<'h> {
    if elements.len() > TUPLE_ARITY_MAX {
        return cx.badarg();
    }
    cx.work(elements.len() / ELEMENTS_PER_REDUCTION)?;
    Ok(cx.heap.tuple(elements))
}

/// A new tuple of the elements of these slices; `badarg` when it would be too large.
fn build_of_parts<'h>(cx: &mut BifContext<'h>, parts: &[&[Term<'h>]]) -> BifResult<'h> {
    let arity = parts.iter().map(|part| part.len()).sum::<usize>();
    if arity > TUPLE_ARITY_MAX {
        return cx.badarg();
    }
    cx.work(arity / ELEMENTS_PER_REDUCTION)?;
    Ok(cx.heap.tuple_of_parts(parts))
}

/// Returns the `index`th element of `tuple`, counting from 1.
///
/// # Errors
///
/// `badarg` unless `1 <= index && index <= tuple_size(tuple)`.
#[bif("erlang:element/2", guard)]
fn element<'h>(cx: &mut BifContext<'h>, index: i64, tuple: Tuple<'h>) -> BifResult<'h> {
    match index_of(index, tuple.elements().len()) {
        Some(index) => Ok(tuple.elements()[index]),
        None => cx.badarg(),
    }
}

/// A copy of `tuple` with `value` as its `index`th element, counting from 1.
///
/// # Errors
///
/// `badarg` unless `1 <= index && index <= tuple_size(tuple)`.
#[bif("erlang:setelement/3")]
fn setelement<'h>(cx: &mut BifContext<'h>, index: i64, tuple: Tuple<'h>, value: Term<'h>) -> BifResult<'h> {
    let Some(index) = index_of(index, tuple.elements().len()) else { return cx.badarg() };
    let elements = tuple.elements();
    build_of_parts(cx, &[&elements[..index], &[value], &elements[index + 1..]])
}

/// Number of elements.
#[bif("erlang:tuple_size/1", guard)]
fn tuple_size<'h>(_cx: &mut BifContext<'h>, tuple: Tuple<'h>) -> BifResult<'h> {
    Ok(Term::small(tuple.elements().len() as i64))
}

/// Number of elements of a tuple, or of whole bytes of a bitstring.
#[bif("erlang:size/1", guard)]
fn size<'h>(cx: &mut BifContext<'h>, term: Term<'h>) -> BifResult<'h> {
    if let Some(tuple) = term.as_tuple() {
        return tuple_size(cx, tuple);
    }
    match term.as_bits() {
        Some(bits) => Ok(cx.heap.unsigned((bits.bit_size() / 8) as u64)),
        None => cx.badarg(),
    }
}

/// A tuple of `arity` times `value`; `badarg` when that is too large.
#[bif("erlang:make_tuple/2")]
fn make_tuple<'h>(cx: &mut BifContext<'h>, arity: usize, value: Term<'h>) -> BifResult<'h> {
    if arity > TUPLE_ARITY_MAX {
        return cx.badarg();
    }
    build(cx, &vec![value; arity])
}

/// A tuple of `arity` elements: those of `list` (`{Position, Value}`, the last one counts), `value` elsewhere.
///
/// # Errors
///
/// `badarg` for positions outside the tuple, for what is no such list, and when the tuple is too large.
#[bif("erlang:make_tuple/3")]
fn make_tuple_with<'h>(cx: &mut BifContext<'h>, arity: usize, value: Term<'h>, list: Term<'h>) -> BifResult<'h> {
    if arity > TUPLE_ARITY_MAX {
        return cx.badarg();
    }
    let mut elements = vec![value; arity];
    let mut walk = list.list_iter();
    for item in walk.by_ref() {
        let Some([position, element]) = item.as_tuple_of() else { return cx.badarg() };
        let Some(index) = position.as_i64().and_then(|position| index_of(position, arity)) else { return cx.badarg() };
        elements[index] = *element;
    }
    if !walk.tail().is_nil() {
        return cx.badarg();
    }
    build(cx, &elements)
}

/// A copy of `tuple` with `value` behind its elements.
#[bif("erlang:append_element/2")]
fn append_element<'h>(cx: &mut BifContext<'h>, tuple: Tuple<'h>, value: Term<'h>) -> BifResult<'h> {
    build_of_parts(cx, &[tuple.elements(), &[value]])
}

/// A copy of `tuple` with `value` put in as its `index`th element, counting from 1.
///
/// # Errors
///
/// `badarg` unless `1 <= index && index <= tuple_size(tuple) + 1`.
#[bif("erlang:insert_element/3")]
fn insert_element<'h>(cx: &mut BifContext<'h>, index: i64, tuple: Tuple<'h>, value: Term<'h>) -> BifResult<'h> {
    let Some(index) = index_of(index, tuple.elements().len() + 1) else { return cx.badarg() };
    let (before, behind) = tuple.elements().split_at(index);
    build_of_parts(cx, &[before, &[value], behind])
}

/// A copy of `tuple` without its `index`th element, counting from 1.
///
/// # Errors
///
/// `badarg` unless `1 <= index && index <= tuple_size(tuple)`.
#[bif("erlang:delete_element/2")]
fn delete_element<'h>(cx: &mut BifContext<'h>, index: i64, tuple: Tuple<'h>) -> BifResult<'h> {
    let Some(index) = index_of(index, tuple.elements().len()) else { return cx.badarg() };
    let elements = tuple.elements();
    build_of_parts(cx, &[&elements[..index], &elements[index + 1..]])
}

/// The elements as a list.
#[bif("erlang:tuple_to_list/1")]
fn tuple_to_list<'h>(cx: &mut BifContext<'h>, tuple: Tuple<'h>) -> BifResult<'h> {
    cx.work(tuple.elements().len() / ELEMENTS_PER_REDUCTION)?;
    Ok(cx.heap.list(tuple.elements()))
}

/// A tuple of the elements; `badarg` for what is not a proper list or too long.
#[bif("erlang:list_to_tuple/1")]
fn list_to_tuple<'h>(cx: &mut BifContext<'h>, list: Term<'h>) -> BifResult<'h> {
    match list.to_vec() {
        Some(elements) => build(cx, &elements),
        None => cx.badarg(),
    }
}
