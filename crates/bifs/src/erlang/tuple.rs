//! Tuples: `element/2`, `setelement/3` and relatives.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Term, Tuple};

/// Largest arity of a tuple, as in OTP.
pub const TUPLE_ARITY_MAX: usize = (1 << 24) - 1;

/// Returns the `index`th element of `tuple`, counting from 1.
///
/// # Errors
///
/// `badarg` unless `1 <= index && index <= tuple_size(tuple)`.
#[bif("erlang:element/2", guard)]
fn element<'h>(cx: &mut BifContext<'h>, index: i64, tuple: Tuple<'h>) -> BifResult<'h> {
    match usize::try_from(index).ok().and_then(|index| tuple.elements().get(index.checked_sub(1)?)) {
        Some(element) => Ok(*element),
        None => cx.badarg(),
    }
}

/// Number of elements.
#[bif("erlang:tuple_size/1", guard)]
fn tuple_size<'h>(_cx: &mut BifContext<'h>, tuple: Tuple<'h>) -> BifResult<'h> {
    Ok(Term::small(tuple.elements().len() as i64))
}
