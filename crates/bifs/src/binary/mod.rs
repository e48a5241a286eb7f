//! Module `binary`: parts, copies and numbers here, searching in [`search`].
//!
//! All of them take binaries only: a bitstring that is not whole bytes is `badarg`.

mod pattern;
pub(crate) mod search;

use crate::iolist::iodata_work;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Atom, BIG_BITS_MAX, Bits, Integer, Term, atoms};
use std::borrow::Cow;

/// Largest binary that `copy/2` makes; more is `system_limit`.
const COPY_BYTES_MAX: usize = 1 << 40;
/// Bytes that one reduction pays for.
const BYTES_PER_REDUCTION: usize = 256;

/// The byte at `position`, counted from 0.
///
/// # Errors
///
/// `badarg` when it lies outside.
#[bif("binary:at/2")]
fn at<'h>(cx: &mut BifContext<'h>, subject: Bits<'h>, position: usize) -> BifResult<'h> {
    byte_at(cx, subject, position)
}

/// The first byte; `badarg` for `<<>>`.
#[bif("binary:first/1")]
fn first<'h>(cx: &mut BifContext<'h>, subject: Bits<'h>) -> BifResult<'h> {
    byte_at(cx, subject, 0)
}

/// The last byte; `badarg` for `<<>>`.
#[bif("binary:last/1")]
fn last<'h>(cx: &mut BifContext<'h>, subject: Bits<'h>) -> BifResult<'h> {
    match subject.byte_size().checked_sub(1) {
        Some(position) => byte_at(cx, subject, position),
        None => cx.badarg(),
    }
}

fn byte_at<'h>(cx: &BifContext<'h>, subject: Bits<'h>, position: usize) -> BifResult<'h> {
    if !subject.is_binary() || position >= subject.byte_size() {
        return cx.badarg();
    }
    let byte = oxbeam_term::bits::read_bits8(subject.data(), subject.bit_offset() + position * 8, 8);
    Ok(Term::small(i64::from(byte)))
}

/// The part `{Position, Length}`; a negative length reaches back from the position.
///
/// # Errors
///
/// `badarg` when it does not lie within the binary.
#[bif("binary:part/2")]
fn part_2<'h>(cx: &mut BifContext<'h>, subject: Bits<'h>, part: Term<'h>) -> BifResult<'h> {
    let Some(&[position, length]) = part.as_tuple_of::<2>() else { return cx.badarg() };
    match (position.as_i64(), length.as_i64()) {
        (Some(position), Some(length)) => part_3(cx, subject, position, length),
        _ => cx.badarg(),
    }
}

/// `binary:part(Subject, {Position, Length})`.
#[bif("binary:part/3")]
fn part_3<'h>(cx: &mut BifContext<'h>, subject: Bits<'h>, position: i64, length: i64) -> BifResult<'h> {
    match range(subject, position, length) {
        Some((start, end)) => Ok(cx.heap.sub_bitstring(subject, subject.bit_offset() + start * 8, (end - start) * 8)),
        None => cx.badarg(),
    }
}

/// Start and end of a part, if it lies within a binary.
fn range(subject: Bits<'_>, position: i64, length: i64) -> Option<(usize, usize)> {
    let other = position.checked_add(length)?;
    let (start, end) = (usize::try_from(position.min(other)).ok()?, usize::try_from(position.max(other)).ok()?);
    (subject.is_binary() && end <= subject.byte_size()).then_some((start, end))
}

/// A copy that refers to no larger binary.
#[bif("binary:copy/1")]
fn copy_1<'h>(cx: &mut BifContext<'h>, subject: Cow<'h, [u8]>) -> BifResult<'h> {
    cx.work(subject.len() / BYTES_PER_REDUCTION)?;
    Ok(cx.heap.binary(&subject))
}

/// `count` copies one after the other.
///
/// # Errors
///
/// `system_limit` when the result would not fit into memory.
#[bif("binary:copy/2")]
fn copy_2<'h>(cx: &mut BifContext<'h>, subject: Cow<'h, [u8]>, count: u64) -> BifResult<'h> {
    let Some(count) = usize::try_from(count).ok().filter(|_| !subject.is_empty()) else {
        return Ok(cx.heap.binary(&[]));
    };
    match subject.len().checked_mul(count).filter(|&size| size <= COPY_BYTES_MAX) {
        Some(size) => {
            cx.work(size / BYTES_PER_REDUCTION)?;
            Ok(cx.heap.binary_from_vec(subject.repeat(count)))
        }
        None => Err(cx.raise(atoms::SYSTEM_LIMIT)),
    }
}

/// `binary:decode_unsigned(Subject, big)`.
#[bif("binary:decode_unsigned/1")]
fn decode_unsigned_1<'h>(cx: &mut BifContext<'h>, subject: Cow<'h, [u8]>) -> BifResult<'h> {
    decode_unsigned_2(cx, subject, atoms::BIG)
}

/// The number that the bytes are in base 256, the most significant first (`big`) or last (`little`).
#[bif("binary:decode_unsigned/2")]
fn decode_unsigned_2<'h>(cx: &mut BifContext<'h>, subject: Cow<'h, [u8]>, endianness: Atom) -> BifResult<'h> {
    let significant = match endianness {
        atoms::BIG => subject.len() - subject.iter().take_while(|byte| **byte == 0).count(),
        atoms::LITTLE => subject.len() - subject.iter().rev().take_while(|byte| **byte == 0).count(),
        _ => return cx.badarg(),
    };
    if significant > BIG_BITS_MAX as usize / 8 {
        return Err(cx.raise(atoms::SYSTEM_LIMIT));
    }
    cx.work(subject.len() / BYTES_PER_REDUCTION)?;
    let mut bytes = subject;
    if endianness == atoms::BIG {
        bytes.to_mut().reverse();
    }
    Ok(cx.heap.integer_from_bytes(&bytes, false))
}

/// `binary:encode_unsigned(Value, big)`.
#[bif("binary:encode_unsigned/1")]
fn encode_unsigned_1<'h>(cx: &mut BifContext<'h>, value: Integer<'h>) -> BifResult<'h> {
    encode_unsigned_2(cx, value, atoms::BIG)
}

/// The digits of `value` in base 256, as few as possible but at least one.
///
/// # Errors
///
/// `badarg` for negative numbers.
#[bif("binary:encode_unsigned/2")]
fn encode_unsigned_2<'h>(cx: &mut BifContext<'h>, value: Integer<'h>, endianness: Atom) -> BifResult<'h> {
    if value.is_negative() {
        return cx.badarg();
    }
    let mut place = 0;
    let limbs = value.to_limbs(&mut place);
    let mut bytes: Vec<u8> = limbs.magnitude.iter().flat_map(|limb| limb.to_le_bytes()).collect();
    bytes.truncate(limbs.bits().div_ceil(8).max(1) as usize);
    bytes.resize(bytes.len().max(1), 0);
    match endianness {
        atoms::BIG => bytes.reverse(),
        atoms::LITTLE => {}
        _ => return cx.badarg(),
    }
    Ok(cx.heap.binary_from_vec(bytes))
}

/// `list_to_binary/1` by another name.
#[bif("binary:list_to_bin/1")]
fn list_to_bin<'h>(cx: &mut BifContext<'h>, list: Term<'h>) -> BifResult<'h> {
    match iodata_work(cx, list)? {
        Some(bytes) if list.is_list() => Ok(cx.heap.binary_from_vec(bytes.into_owned())),
        _ => cx.badarg(),
    }
}

/// How many bytes all binaries of a list have in common at their start.
///
/// # Errors
///
/// `badarg` for an empty list and for what is no list of binaries.
#[bif("binary:longest_common_prefix/1")]
fn longest_common_prefix<'h>(cx: &mut BifContext<'h>, binaries: Term<'h>) -> BifResult<'h> {
    common(cx, binaries, |a, b| a.iter().zip(b).take_while(|(a, b)| a == b).count())
}

/// How many bytes all binaries of a list have in common at their end.
///
/// # Errors
///
/// `badarg` for an empty list and for what is no list of binaries.
#[bif("binary:longest_common_suffix/1")]
fn longest_common_suffix<'h>(cx: &mut BifContext<'h>, binaries: Term<'h>) -> BifResult<'h> {
    common(cx, binaries, |a, b| a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count())
}

fn common<'h>(cx: &mut BifContext<'h>, binaries: Term<'h>, in_common: impl Fn(&[u8], &[u8]) -> usize) -> BifResult<'h> {
    let all: Option<Vec<Cow<'h, [u8]>>> =
        binaries.to_vec().and_then(|all| all.into_iter().map(Term::as_binary).collect());
    let Some((first, others)) = all.as_deref().and_then(<[_]>::split_first) else { return cx.badarg() };
    let count = others.iter().map(|other| in_common(first, other)).min().unwrap_or(first.len());
    cx.spend(count * others.len() / BYTES_PER_REDUCTION);
    Ok(Term::small(count as i64))
}

/// How many bytes the binary keeps in memory: all of the binary that it is a part of.
///
/// OTP 27 gives the size of binaries on the heap in bits; we give bytes, as documented.
#[bif("binary:referenced_byte_size/1")]
fn referenced_byte_size<'h>(cx: &mut BifContext<'h>, subject: Bits<'h>) -> BifResult<'h> {
    match subject.shared() {
        Some((whole, _)) => Ok(Term::small(whole.as_slice().len() as i64)),
        // What is not shared answers in bits.
        None => Ok(cx.heap.unsigned(subject.bit_size() as u64)),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn answers_as_the_real_system() {
        let compared = crate::testing::check_recording(include_bytes!("../../tests/data/binary.etf"));
        assert!(compared > 1000);
    }
}
