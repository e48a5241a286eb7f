//! Binaries and bitstrings: sizes, parts, lists of bytes.

use super::iolist::BYTES_PER_REDUCTION;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Bits, Term, bits};

/// Number of bytes that the bits need; `badarg` for what is not a bitstring.
#[bif("erlang:byte_size/1", guard)]
fn byte_size<'h>(cx: &mut BifContext<'h>, bits: Bits<'h>) -> BifResult<'h> {
    Ok(cx.heap.unsigned(bits.byte_size() as u64))
}

/// Number of bits; `badarg` for what is not a bitstring.
#[bif("erlang:bit_size/1", guard)]
fn bit_size<'h>(cx: &mut BifContext<'h>, bits: Bits<'h>) -> BifResult<'h> {
    Ok(cx.heap.unsigned(bits.bit_size() as u64))
}

/// The bytes from `start` on; with a negative `length`, those before `start`.
pub(crate) fn part<'h>(cx: &mut BifContext<'h>, of: Bits<'h>, start: i64, length: i64) -> BifResult<'h> {
    let range = || {
        let end = start.checked_add(length)?;
        let (first, last) = if length < 0 { (end, start) } else { (start, end) };
        let (first, last) = (usize::try_from(first).ok()?, usize::try_from(last).ok()?);
        (last <= of.bit_size() / 8).then_some((first, last - first))
    };
    match range() {
        Some((first, length)) if of.is_binary() => {
            Ok(cx.heap.sub_bitstring(of, of.bit_offset() + first * 8, length * 8))
        }
        _ => cx.badarg(),
    }
}

/// `length` bytes of a binary from `start` on; with a negative `length`, those before `start`.
///
/// # Errors
///
/// `badarg` when the part does not lie within the binary.
#[bif("erlang:binary_part/3", guard)]
fn binary_part<'h>(cx: &mut BifContext<'h>, of: Bits<'h>, start: i64, length: i64) -> BifResult<'h> {
    part(cx, of, start, length)
}

/// As `binary_part/3`, for `{Start, Length}`.
#[bif("erlang:binary_part/2", guard)]
fn binary_part_of_tuple<'h>(cx: &mut BifContext<'h>, of: Bits<'h>, place: Term<'h>) -> BifResult<'h> {
    match place.as_tuple_of().and_then(|[start, length]| Some((start.as_i64()?, length.as_i64()?))) {
        Some((start, length)) => part(cx, of, start, length),
        None => cx.badarg(),
    }
}

/// `{First, Rest}`: the first `size` bytes of a bitstring, and what follows.
///
/// # Errors
///
/// `badarg` when there are fewer.
#[bif("erlang:split_binary/2")]
fn split_binary<'h>(cx: &mut BifContext<'h>, of: Bits<'h>, size: usize) -> BifResult<'h> {
    if size > of.bit_size() / 8 {
        return cx.badarg();
    }
    let first = cx.heap.sub_bitstring(of, of.bit_offset(), size * 8);
    let rest = cx.heap.sub_bitstring(of, of.bit_offset() + size * 8, of.bit_size() - size * 8);
    Ok(cx.heap.tuple(&[first, rest]))
}

/// The bytes as a list; `badarg` for what is not a binary.
#[bif("erlang:binary_to_list/1")]
fn binary_to_list<'h>(cx: &mut BifContext<'h>, of: Bits<'h>) -> BifResult<'h> {
    if of.is_binary() { bitstring_to_list(cx, of) } else { cx.badarg() }
}

/// The bytes from the `first` to the `last` (counting from 1) as a list.
///
/// # Errors
///
/// `badarg` unless `1 <= first <= last <= byte_size(Binary)`.
#[bif("erlang:binary_to_list/3")]
fn binary_to_list_of_part<'h>(cx: &mut BifContext<'h>, of: Bits<'h>, first: usize, last: usize) -> BifResult<'h> {
    if !(1 <= first && first <= last && last <= of.bit_size() / 8 && of.is_binary()) {
        return cx.badarg();
    }
    cx.work((last - first) / BYTES_PER_REDUCTION)?;
    let bytes = of.to_bytes();
    Ok(cx.heap.byte_list(&bytes[first - 1..last], Term::NIL))
}

/// The bytes as a list; bits behind the last whole byte are a bitstring at its end.
#[bif("erlang:bitstring_to_list/1")]
fn bitstring_to_list<'h>(cx: &mut BifContext<'h>, of: Bits<'h>) -> BifResult<'h> {
    let (whole, rest_bits) = (of.bit_size() / 8, of.bit_size() % 8);
    cx.work(whole / BYTES_PER_REDUCTION)?;
    let bytes = of.to_bytes();
    let tail = match rest_bits {
        0 => Term::NIL,
        count => {
            let last = bits::read_bits8(&bytes, whole * 8, count) << (8 - count);
            let last = cx.heap.bitstring_from_vec(vec![last], count);
            cx.heap.cons(last, Term::NIL)
        }
    };
    Ok(cx.heap.byte_list(&bytes[..whole], tail))
}
