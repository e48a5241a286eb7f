//! Random numbers that cannot be guessed (`rand.c`).

use crate::number::{big_number, number_binary};
use openssl::bn::{BigNum, BigNumRef};
use openssl::error::ErrorStack;
use openssl::rand::rand_bytes;
use oxbeam_bif_macros::bif;
use oxbeam_libcrypto::seed;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Term, atoms};
use std::borrow::Cow;

/// So many bytes, or `false` when there are not enough to be had.
///
/// # Errors
///
/// `badarg` for what is no number below 2^31.
#[bif("crypto:strong_rand_bytes_nif/1", nif)]
fn strong_rand_bytes<'h>(cx: &mut BifContext<'h>, count: u32) -> BifResult<'h> {
    if count > i32::MAX as u32 {
        return cx.badarg();
    }
    let mut bytes = Vec::new();
    if bytes.try_reserve_exact(count as usize).is_err() {
        return Ok(Term::boolean(false));
    }
    bytes.resize(count as usize, 0);
    Ok(match rand_bytes(&mut bytes) {
        Ok(()) => cx.heap.binary_from_vec(bytes),
        Err(_) => Term::boolean(false),
    })
}

fn below(range: &BigNumRef) -> Result<BigNum, ErrorStack> {
    let mut number = BigNum::new()?;
    range.rand_range(&mut number)?;
    Ok(number)
}

/// A number from 0 to one below the given one, both as binaries; `false` when that is 0.
///
/// # Errors
///
/// `badarg` for what is no binary.
#[bif("crypto:strong_rand_range_nif/1", nif)]
fn strong_rand_range<'h>(cx: &mut BifContext<'h>, range: Term<'h>) -> BifResult<'h> {
    let Some(range) = big_number(range) else { return cx.badarg() };
    Ok(below(&range).map_or(Term::boolean(false), |number| number_binary(cx, &number)))
}

/// The number that a binary holds behind a length of four bytes.
fn counted(term: Term<'_>) -> Option<BigNum> {
    let bytes = term.as_binary().filter(|bytes| bytes.len() <= i32::MAX as usize)?;
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    (u32::from_be_bytes(*length) as usize == rest.len()).then(|| BigNum::from_slice(rest).ok())?
}

/// A number from `Low` to one below `High`, all of them behind lengths of four bytes.
///
/// # Errors
///
/// `badarg` for what are no such numbers, and when there is none between them.
#[bif("crypto:rand_uniform_nif/2", nif)]
fn rand_uniform<'h>(cx: &mut BifContext<'h>, low: Term<'h>, high: Term<'h>) -> BifResult<'h> {
    let (Some(low), Some(high)) = (counted(low), counted(high)) else { return cx.badarg() };
    let number = below(&(&high - &low)).map(|number| &number + &low);
    let Ok(number) = number else { return cx.badarg() };
    let bytes = number.to_vec();
    let mut all = (bytes.len() as u32).to_be_bytes().to_vec();
    all.extend(bytes);
    Ok(cx.heap.binary(&all))
}

/// Mixes bytes into the generator.
///
/// # Errors
///
/// `badarg` for what is no binary below 2^31 bytes.
#[bif("crypto:rand_seed_nif/1", nif)]
fn rand_seed<'h>(cx: &mut BifContext<'h>, bytes: Cow<'h, [u8]>) -> BifResult<'h> {
    if bytes.len() > i32::MAX as usize {
        return cx.badarg();
    }
    seed(&bytes);
    Ok(Term::atom(atoms::OK))
}
