//! Hashes and checksums: `phash2/1,2`, `md5/1`, `crc32/1,2`, `adler32/1,2`.

use super::iolist::BYTES_PER_REDUCTION;
use super::md5::Md5;
use crate::iolist::iodata_work;
use crc32fast::Hasher as Crc32;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, Interrupt};
use oxbeam_term::{Term, in_range, phash, phash2};
use std::borrow::Cow;

/// Largest range of a hash.
const RANGE_MAX: u64 = 1 << 32;
/// Terms, or few bytes, that are hashed on an ordinary scheduler.
const UNITS_MAX: usize = 32 * 1024;
/// And for one reduction.
const UNITS_PER_REDUCTION: usize = 8;
/// Bits of `phash2/1`.
const PHASH2_BITS: u32 = 27;
/// The modulus of Adler-32.
const ADLER_BASE: u64 = 65521;
/// So many bytes can be added up before the sums need to be reduced.
const ADLER_CHUNK: usize = 5552;

/// What `hash` makes within its budget, which is counted as reductions. What needs more than an ordinary scheduler has
/// time for is hashed on a dirty one.
fn claimed<'h, T>(
    cx: &mut BifContext<'h>,
    hash: impl Fn(&BifContext<'h>, &mut usize) -> Option<T>,
) -> Result<T, Box<Interrupt<'h>>> {
    let mut budget = if cx.is_dirty() { usize::MAX } else { UNITS_MAX };
    let before = budget;
    let result = hash(cx, &mut budget);
    match result {
        Some(result) => {
            cx.spend((before - budget) / UNITS_PER_REDUCTION);
            Ok(result)
        }
        None => Err(cx.hand_over()),
    }
}

/// OTP's oldest hash, 1 to `range`.
///
/// # Errors
///
/// `badarg` unless `range` is 1 to 2^32.
#[bif("erlang:phash/2")]
fn phash_of_range<'h>(cx: &mut BifContext<'h>, term: Term<'h>, range: u64) -> BifResult<'h> {
    if !(1..=RANGE_MAX).contains(&range) {
        return cx.badarg();
    }
    let hash = claimed(cx, |cx, budget| phash(term, range, cx.atoms(), budget))?;
    Ok(cx.heap.unsigned(hash))
}

/// The portable hash, 27 bits.
#[bif("erlang:phash2/1")]
fn phash2_of_default_range<'h>(cx: &mut BifContext<'h>, term: Term<'h>) -> BifResult<'h> {
    let hash = claimed(cx, |cx, budget| phash2(term, cx.atoms(), budget))?;
    Ok(cx.heap.unsigned((hash & ((1 << PHASH2_BITS) - 1)).into()))
}

/// The portable hash, 0 to `range` - 1.
///
/// # Errors
///
/// `badarg` unless `range` is 1 to 2^32.
#[bif("erlang:phash2/2")]
fn phash2_of_range<'h>(cx: &mut BifContext<'h>, term: Term<'h>, range: u64) -> BifResult<'h> {
    if !(1..=RANGE_MAX).contains(&range) {
        return cx.badarg();
    }
    let hash = claimed(cx, |cx, budget| phash2(term, cx.atoms(), budget))?;
    Ok(cx.heap.unsigned(in_range(hash, range).into()))
}

/// The bytes of I/O data, whose reductions are claimed.
fn data<'h>(cx: &mut BifContext<'h>, term: Term<'h>) -> Result<Option<Cow<'h, [u8]>>, Box<Interrupt<'h>>> {
    let Some(bytes) = iodata_work(cx, term)? else { return Ok(None) };
    cx.work(bytes.len() / BYTES_PER_REDUCTION)?;
    Ok(Some(bytes))
}

/// MD5 of I/O data, 16 bytes; `badarg` for what is none.
#[bif("erlang:md5/1")]
fn md5<'h>(cx: &mut BifContext<'h>, term: Term<'h>) -> BifResult<'h> {
    let Some(bytes) = data(cx, term)? else { return cx.badarg() };
    let mut md5 = Md5::new();
    md5.update(&bytes);
    Ok(cx.heap.binary(&md5.finish()))
}

/// The state of an MD5 of nothing.
#[bif("erlang:md5_init/0")]
fn md5_init<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(cx.heap.binary(&Md5::new().save()))
}

/// The state after more I/O data; `badarg` for what is no such state or data.
#[bif("erlang:md5_update/2")]
fn md5_update<'h>(cx: &mut BifContext<'h>, state: Cow<'h, [u8]>, term: Term<'h>) -> BifResult<'h> {
    let (Some(mut md5), Some(bytes)) = (Md5::load(&state), data(cx, term)?) else { return cx.badarg() };
    md5.update(&bytes);
    Ok(cx.heap.binary(&md5.save()))
}

/// The MD5 that a state has come to; `badarg` for what is no state.
#[bif("erlang:md5_final/1")]
fn md5_final<'h>(cx: &mut BifContext<'h>, state: Cow<'h, [u8]>) -> BifResult<'h> {
    match Md5::load(&state) {
        Some(md5) => Ok(cx.heap.binary(&md5.finish())),
        None => cx.badarg(),
    }
}

fn crc32_from<'h>(cx: &mut BifContext<'h>, start: u32, term: Term<'h>) -> BifResult<'h> {
    let Some(bytes) = data(cx, term)? else { return cx.badarg() };
    let mut crc = Crc32::new_with_initial(start);
    crc.update(&bytes);
    Ok(cx.heap.unsigned(crc.finalize().into()))
}

/// CRC-32 of I/O data; `badarg` for what is none.
#[bif("erlang:crc32/1")]
fn crc32<'h>(cx: &mut BifContext<'h>, term: Term<'h>) -> BifResult<'h> {
    crc32_from(cx, 0, term)
}

/// CRC-32 that goes on from another; `badarg` unless that is 32 bits and the data is I/O data.
#[bif("erlang:crc32/2")]
fn crc32_more<'h>(cx: &mut BifContext<'h>, start: u32, term: Term<'h>) -> BifResult<'h> {
    crc32_from(cx, start, term)
}

/// The CRC-32 of two pieces of data from those of each; `length` is that of the second. `badarg` for what is not
/// 32 bits.
#[bif("erlang:crc32_combine/3")]
fn crc32_combine<'h>(cx: &mut BifContext<'h>, first: u32, second: u32, length: u32) -> BifResult<'h> {
    if length == 0 {
        // As in zlib.
        return Ok(cx.heap.unsigned(u64::from(first ^ second)));
    }
    let mut crc = Crc32::new_with_initial(first);
    crc.combine(&Crc32::new_with_initial_len(second, length.into()));
    Ok(cx.heap.unsigned(crc.finalize().into()))
}

fn adler(start: u32, bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (u64::from(start & 0xffff) % ADLER_BASE, u64::from(start >> 16) % ADLER_BASE);
    for chunk in bytes.chunks(ADLER_CHUNK) {
        for &byte in chunk {
            low += u64::from(byte);
            high += low;
        }
        low %= ADLER_BASE;
        high %= ADLER_BASE;
    }
    (high << 16 | low) as u32
}

fn adler32_from<'h>(cx: &mut BifContext<'h>, start: u32, term: Term<'h>) -> BifResult<'h> {
    let Some(bytes) = data(cx, term)? else { return cx.badarg() };
    Ok(cx.heap.unsigned(adler(start, &bytes).into()))
}

/// Adler-32 of I/O data; `badarg` for what is none.
#[bif("erlang:adler32/1")]
fn adler32<'h>(cx: &mut BifContext<'h>, term: Term<'h>) -> BifResult<'h> {
    adler32_from(cx, 1, term)
}

/// Adler-32 that goes on from another; `badarg` unless that is 32 bits and the data is I/O data.
#[bif("erlang:adler32/2")]
fn adler32_more<'h>(cx: &mut BifContext<'h>, start: u32, term: Term<'h>) -> BifResult<'h> {
    adler32_from(cx, start, term)
}

/// The Adler-32 of two pieces of data from those of each; `length` is that of the second. `badarg` for what is not
/// 32 bits.
#[bif("erlang:adler32_combine/3")]
fn adler32_combine<'h>(cx: &mut BifContext<'h>, first: u32, second: u32, length: u32) -> BifResult<'h> {
    if length == 0 {
        // As in zlib.
        return Ok(cx.heap.unsigned(first.into()));
    }
    let half = |sum: u32| (u64::from(sum & 0xffff), u64::from(sum >> 16));
    let ((low, high), (low2, high2)) = (half(first), half(second));
    let length = u64::from(length) % ADLER_BASE;
    // The first data's sum is added once for each byte of the second; both start from 1.
    let sum = (length * low + high + high2 + ADLER_BASE - length) % ADLER_BASE;
    Ok(cx.heap.unsigned(sum << 16 | (low + low2 + ADLER_BASE - 1) % ADLER_BASE))
}
