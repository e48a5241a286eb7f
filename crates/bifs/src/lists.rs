//! BIFs of module `lists`.

use crate::erlang::list::{ELEMENTS_PER_REDUCTION, SLICE_ELEMENTS};
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, Interrupt};
use oxbeam_term::{Term, atoms};

/// The elements of `list` in reverse order, in front of `tail`; `badarg` for what is not a proper list.
#[bif("lists:reverse/2")]
fn reverse<'h>(cx: &mut BifContext<'h>, list: Term<'h>, tail: Term<'h>) -> BifResult<'h> {
    if list.is_nil() {
        return Ok(tail);
    }
    reverse_from(cx, &[list, tail])
}

fn reverse_from<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    let (mut rest, mut result) = (arguments[0], arguments[1]);
    loop {
        let mut walk = rest.list_iter();
        let mut walked = 0;
        for element in walk.by_ref().take(SLICE_ELEMENTS) {
            result = cx.heap.cons(element, result);
            walked += 1;
        }
        rest = walk.tail();
        if rest.is_nil() {
            cx.spend(walked / ELEMENTS_PER_REDUCTION);
            return Ok(result);
        }
        if rest.as_cons().is_none() {
            return cx.badarg();
        }
        if cx.spend(walked / ELEMENTS_PER_REDUCTION) {
            return cx.again(reverse_from, &[rest, result]);
        }
    }
}

/// Is `element` in the list (`=:=`)? `badarg` when what was walked is not a list.
#[bif("lists:member/2")]
fn member<'h>(cx: &mut BifContext<'h>, element: Term<'h>, list: Term<'h>) -> BifResult<'h> {
    member_from(cx, &[element, list])
}

fn member_from<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    let (element, mut rest) = (arguments[0], arguments[1]);
    loop {
        let mut walk = rest.list_iter();
        let mut slice = walk.by_ref().take(SLICE_ELEMENTS);
        if slice.any(|other| other.is_exactly(element)) {
            return Ok(Term::TRUE);
        }
        rest = walk.tail();
        if rest.is_nil() {
            return Ok(Term::FALSE);
        }
        if rest.as_cons().is_none() {
            return cx.badarg();
        }
        if cx.spend(SLICE_ELEMENTS / ELEMENTS_PER_REDUCTION) {
            return cx.again(member_from, &[element, rest]);
        }
    }
}

/// The first tuple of the list whose `position`th element is `key` (`==`), if any. Elements that are no such tuples
/// are passed over.
fn find<'h>(
    cx: &mut BifContext<'h>,
    key: Term<'h>,
    position: i64,
    list: Term<'h>,
) -> Result<Option<Term<'h>>, Box<Interrupt<'h>>> {
    let Some(index) = usize::try_from(position).ok().and_then(|position| position.checked_sub(1)) else {
        return cx.badarg();
    };
    let mut walk = list.list_iter();
    loop {
        let mut walked = 0;
        let found = walk.by_ref().take(SLICE_ELEMENTS).find(|item| {
            walked += 1;
            item.as_tuple().and_then(|tuple| tuple.elements().get(index)).is_some_and(|element| element.equals(key))
        });
        if found.is_none() && walked == SLICE_ELEMENTS {
            cx.work(walked / ELEMENTS_PER_REDUCTION)?;
            continue;
        }
        cx.spend(walked / ELEMENTS_PER_REDUCTION);
        return match found {
            None if !walk.tail().is_nil() => cx.badarg(),
            found => Ok(found),
        };
    }
}

/// The first tuple whose `position`th element equals `key`, or `false`.
///
/// # Errors
///
/// `badarg` unless `position` is a positive integer, and when what was walked is not a list.
#[bif("lists:keyfind/3")]
fn keyfind<'h>(cx: &mut BifContext<'h>, key: Term<'h>, position: i64, list: Term<'h>) -> BifResult<'h> {
    Ok(find(cx, key, position, list)?.unwrap_or(Term::FALSE))
}

/// Is there a tuple whose `position`th element equals `key`? Errors as for `keyfind/3`.
#[bif("lists:keymember/3")]
fn keymember<'h>(cx: &mut BifContext<'h>, key: Term<'h>, position: i64, list: Term<'h>) -> BifResult<'h> {
    Ok(Term::boolean(find(cx, key, position, list)?.is_some()))
}

/// `{value, Tuple}` of the first tuple whose `position`th element equals `key`, or `false`. Errors as for `keyfind/3`.
#[bif("lists:keysearch/3")]
fn keysearch<'h>(cx: &mut BifContext<'h>, key: Term<'h>, position: i64, list: Term<'h>) -> BifResult<'h> {
    match find(cx, key, position, list)? {
        Some(found) => Ok(cx.heap.tuple(&[Term::atom(atoms::VALUE), found])),
        None => Ok(Term::FALSE),
    }
}
