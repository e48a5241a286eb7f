//! Arithmetic on numbers and bytes (`bn.c`, `math.c`, `hash_equals.c`).

use crate::library::{count, iodata};
use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::error::ErrorStack;
use openssl::memcmp;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::Term;
use std::borrow::Cow;

/// The number that a binary holds, the most significant byte first.
pub(crate) fn big_number(term: Term<'_>) -> Option<BigNum> {
    let bytes = term.as_binary().filter(|bytes| bytes.len() <= i32::MAX as usize)?;
    BigNum::from_slice(&bytes).ok()
}

/// A binary with the number's bytes, the most significant first; empty for 0.
pub(crate) fn number_binary<'h>(cx: &BifContext<'h>, number: &BigNumRef) -> Term<'h> {
    cx.heap.binary(&number.to_vec())
}

/// `Base^Exponent rem Modulus`, plain (`Header` 0) or with a length of four bytes before it (4).
///
/// # Errors
///
/// `badarg` for what are no such numbers, and when the modulus is 0.
#[bif("crypto:mod_exp_nif/4", nif)]
fn mod_exp<'h>(
    cx: &mut BifContext<'h>,
    base: Term<'h>,
    exponent: Term<'h>,
    modulus: Term<'h>,
    header: u32,
) -> BifResult<'h> {
    let (Some(base), Some(exponent), Some(modulus)) = (big_number(base), big_number(exponent), big_number(modulus))
    else {
        return cx.badarg();
    };
    let Ok(power) = power(&base, &exponent, &modulus) else { return cx.badarg() };
    match header {
        0 => Ok(number_binary(cx, &power)),
        4 => Ok(cx.heap.binary(&with_length(power.to_vec()))),
        _ => cx.badarg(),
    }
}

fn power(base: &BigNumRef, exponent: &BigNumRef, modulus: &BigNumRef) -> Result<BigNum, ErrorStack> {
    let mut power = BigNum::new()?;
    power.mod_exp(base, exponent, modulus, &mut *BigNumContext::new()?)?;
    Ok(power)
}

/// The bytes behind their length. A zero before them keeps the number from looking negative.
fn with_length(bytes: Vec<u8>) -> Vec<u8> {
    let sign = bytes.first().is_some_and(|first| *first >= 0x80);
    let mut all = ((bytes.len() + usize::from(sign)) as u32).to_be_bytes().to_vec();
    all.extend(sign.then_some(0));
    all.extend(bytes);
    all
}

/// Each byte of one datum with that of the other, exclusive or.
///
/// # Errors
///
/// `badarg` unless both are I/O lists of the same length.
#[bif("crypto:do_exor/2", nif)]
fn exor<'h>(cx: &mut BifContext<'h>, one: Term<'h>, other: Term<'h>) -> BifResult<'h> {
    let (Some(one), Some(other)) = (iodata(one), iodata(other)) else { return cx.badarg() };
    if one.len() != other.len() {
        return cx.badarg();
    }
    count(cx, one.len());
    Ok(cx.heap.binary_from_vec(one.iter().zip(&*other).map(|(one, other)| one ^ other).collect()))
}

/// Compares two binaries of the same length in a time that does not tell where they differ.
///
/// # Errors
///
/// `badarg` unless they are two such binaries.
#[bif("crypto:hash_equals_nif/2", nif)]
fn hash_equals<'h>(cx: &mut BifContext<'h>, one: Cow<'h, [u8]>, other: Cow<'h, [u8]>) -> BifResult<'h> {
    if one.len() != other.len() {
        return cx.badarg();
    }
    Ok(Term::boolean(memcmp::eq(&one, &other)))
}
