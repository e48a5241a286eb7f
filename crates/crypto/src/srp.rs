//! The numbers of the Secure Remote Password protocol (`srp.c`).

use crate::failure::error_atom;
use crate::number::{big_number, number_binary};
use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::error::ErrorStack;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::Term;

/// All arguments as numbers, `None` when one is none.
fn numbers<const N: usize>(terms: [Term<'_>; N]) -> Option<[BigNum; N]> {
    let numbers: Option<Vec<BigNum>> = terms.into_iter().map(big_number).collect();
    numbers?.try_into().ok()
}

/// The number, or `error` when it could not be computed or the protocol forbids it.
fn answer<'h>(cx: &BifContext<'h>, number: Result<Option<BigNum>, ErrorStack>) -> BifResult<'h> {
    Ok(number.ok().flatten().map_or(error_atom(), |number| number_binary(cx, &number)))
}

/// `base ^ exponent rem modulus`, in a time that does not tell the exponent.
fn secret_power(
    base: &BigNumRef,
    exponent: &mut BigNum,
    modulus: &BigNumRef,
    context: &mut BigNumContext,
) -> Result<BigNum, ErrorStack> {
    exponent.set_const_time();
    let mut power = BigNum::new()?;
    power.mod_exp(base, exponent, modulus, context)?;
    Ok(power)
}

/// Is the number a multiple of the modulus? Such values are forbidden.
fn is_multiple(number: &BigNumRef, modulus: &BigNumRef, context: &mut BigNumContext) -> Result<bool, ErrorStack> {
    let mut rest = BigNum::new()?;
    rest.nnmod(number, modulus, context)?;
    Ok(rest.num_bits() == 0)
}

/// The host's public value, `k*v + g^b rem N`.
///
/// # Errors
///
/// `badarg` for what is no binary.
#[bif("crypto:srp_value_B_nif/5", nif)]
fn srp_value_b<'h>(
    cx: &mut BifContext<'h>,
    multiplier: Term<'h>,
    verifier: Term<'h>,
    generator: Term<'h>,
    exponent: Term<'h>,
    prime: Term<'h>,
) -> BifResult<'h> {
    let Some(numbers) = numbers([multiplier, verifier, generator, exponent, prime]) else { return cx.badarg() };
    answer(cx, value_b(numbers))
}

fn value_b([multiplier, verifier, generator, mut exponent, prime]: [BigNum; 5]) -> Result<Option<BigNum>, ErrorStack> {
    let mut context = BigNumContext::new()?;
    let mut product = BigNum::new()?;
    product.mod_mul(&multiplier, &verifier, &prime, &mut context)?;
    let power = secret_power(&generator, &mut exponent, &prime, &mut context)?;
    let mut value = BigNum::new()?;
    value.mod_add(&power, &product, &prime, &mut context)?;
    Ok((!is_multiple(&value, &prime, &mut context)?).then_some(value))
}

/// The user's secret, `(B - k * g^x) ^ (a + u * x) rem N`.
///
/// # Errors
///
/// `badarg` for what is no binary.
#[bif("crypto:srp_user_secret_nif/7", nif)]
fn srp_user_secret<'h>(
    cx: &mut BifContext<'h>,
    private: Term<'h>,
    scrambler: Term<'h>,
    host_public: Term<'h>,
    multiplier: Term<'h>,
    generator: Term<'h>,
    exponent: Term<'h>,
    prime: Term<'h>,
) -> BifResult<'h> {
    let numbers = numbers([private, scrambler, host_public, multiplier, generator, exponent, prime]);
    let Some(numbers) = numbers else { return cx.badarg() };
    answer(cx, user_secret(numbers))
}

fn user_secret(numbers: [BigNum; 7]) -> Result<Option<BigNum>, ErrorStack> {
    let [private, scrambler, host_public, multiplier, generator, mut exponent, prime] = numbers;
    let mut context = BigNumContext::new()?;
    if is_multiple(&host_public, &prime, &mut context)? {
        return Ok(None);
    }
    let power = secret_power(&generator, &mut exponent, &prime, &mut context)?;
    let mut product = BigNum::new()?;
    product.mod_mul(&multiplier, &power, &prime, &mut context)?;
    let mut base = BigNum::new()?;
    base.mod_sub(&host_public, &product, &prime, &mut context)?;
    let mut sum = &private + &(&scrambler * &exponent);
    secret_power(&base, &mut sum, &prime, &mut context).map(Some)
}

/// The host's secret, `(A * v^u) ^ b rem N`.
///
/// # Errors
///
/// `badarg` for what is no binary.
#[bif("crypto:srp_host_secret_nif/5", nif)]
fn srp_host_secret<'h>(
    cx: &mut BifContext<'h>,
    verifier: Term<'h>,
    private: Term<'h>,
    scrambler: Term<'h>,
    user_public: Term<'h>,
    prime: Term<'h>,
) -> BifResult<'h> {
    let Some(numbers) = numbers([verifier, private, scrambler, user_public, prime]) else { return cx.badarg() };
    answer(cx, host_secret(numbers))
}

fn host_secret(
    [verifier, mut private, mut scrambler, user_public, prime]: [BigNum; 5],
) -> Result<Option<BigNum>, ErrorStack> {
    let mut context = BigNumContext::new()?;
    if is_multiple(&user_public, &prime, &mut context)? {
        return Ok(None);
    }
    let power = secret_power(&verifier, &mut scrambler, &prime, &mut context)?;
    let mut base = BigNum::new()?;
    base.mod_mul(&user_public, &power, &prime, &mut context)?;
    secret_power(&base, &mut private, &prime, &mut context).map(Some)
}
