//! Arithmetic of integers of any size, and their relation to floats, with Erlang's semantics.

use crate::integer::Integer;
use crate::limbs::{self, Limbs};
use num_bigint::{BigInt, Sign};
use num_traits::{FromPrimitive, Signed};

/// The most 64-bit words that an integer may have; what would need more raises `system_limit`.
pub const MAX_LIMBS: usize = 65_535;
/// The most bits that an integer's absolute value may have.
pub const MAX_BITS: u64 = MAX_LIMBS as u64 * 64;

/// The result would be larger than [`MAX_BITS`] allows: `error:system_limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemLimit;

/// Where results of operations go: the heap of a process.
pub trait Build {
    /// A result in place.
    type Built;
    /// Gives `write` room for an integer of so many limbs at most, all zero; `write` fills it and says whether the
    /// integer is below zero (which it may say of zero). Leading zeros are dropped.
    ///
    /// # Errors
    /// [`SystemLimit`] when more than [`MAX_LIMBS`] limbs are left.
    fn build(self, limbs_max: usize, write: impl FnOnce(&mut [u64]) -> bool) -> Result<Self::Built, SystemLimit>;
}

/// Below this many limbs of the smaller factor, a product is made a limb at a time: the library does the same there,
/// but would have to copy both factors and the result.
const PLAIN_PRODUCT_LIMBS: usize = 32;

/// `A + B`.
pub fn add<B: Build>(to: B, a: Limbs<'_>, b: Limbs<'_>) -> Result<B::Built, SystemLimit> {
    let (long, short) = if a.magnitude.len() >= b.magnitude.len() { (a, b) } else { (b, a) };
    if a.negative == b.negative || short.is_zero() {
        return to.build(long.magnitude.len() + 1, |result| {
            limbs::add(result, long.magnitude, short.magnitude);
            long.negative
        });
    }
    let (larger, smaller) =
        if limbs::compare(long.magnitude, short.magnitude).is_lt() { (short, long) } else { (long, short) };
    to.build(larger.magnitude.len(), |result| {
        limbs::subtract(result, larger.magnitude, smaller.magnitude);
        larger.negative
    })
}

/// `A - B`.
pub fn subtract<B: Build>(to: B, a: Limbs<'_>, b: Limbs<'_>) -> Result<B::Built, SystemLimit> {
    add(to, a, b.negated())
}

/// `A * B`. Refuses before computing what cannot fit.
pub fn multiply<B: Build>(to: B, a: Limbs<'_>, b: Limbs<'_>) -> Result<B::Built, SystemLimit> {
    // The product has at least bits(a) + bits(b) - 1 bits.
    if !a.is_zero() && !b.is_zero() && a.bits() + b.bits() - 1 > MAX_BITS {
        return Err(SystemLimit);
    }
    let negative = a.negative != b.negative;
    let (long, short) = if a.magnitude.len() >= b.magnitude.len() { (a, b) } else { (b, a) };
    if short.magnitude.len() > PLAIN_PRODUCT_LIMBS {
        return big(to, &(from_limbs(a) * from_limbs(b)));
    }
    to.build(long.magnitude.len() + short.magnitude.len(), |result| {
        limbs::multiply(result, long.magnitude, short.magnitude);
        negative
    })
}

/// `-A`.
pub fn negate<B: Build>(to: B, a: Limbs<'_>) -> Result<B::Built, SystemLimit> {
    to.build(a.magnitude.len(), |result| {
        result.copy_from_slice(a.magnitude);
        !a.negative
    })
}

/// `A div B`, truncating towards zero.
///
/// # Panics
/// When `B` is zero, which is `badarith`.
pub fn div<B: Build>(to: B, a: Limbs<'_>, b: Limbs<'_>) -> Result<B::Built, SystemLimit> {
    match (a.to_u128(), b.to_u128()) {
        (Some(x), Some(y)) => double(to, x / y, a.negative != b.negative),
        _ => big(to, &(from_limbs(a) / from_limbs(b))),
    }
}

/// `A rem B`, with the sign of `A`.
///
/// # Panics
/// When `B` is zero, which is `badarith`.
pub fn rem<B: Build>(to: B, a: Limbs<'_>, b: Limbs<'_>) -> Result<B::Built, SystemLimit> {
    match (a.to_u128(), b.to_u128()) {
        (Some(x), Some(y)) => double(to, x % y, a.negative),
        _ => big(to, &(from_limbs(a) % from_limbs(b))),
    }
}

/// An integer of at most two limbs.
pub fn double<B: Build>(to: B, magnitude: u128, negative: bool) -> Result<B::Built, SystemLimit> {
    to.build(2, |result| {
        result.copy_from_slice(&[magnitude as u64, (magnitude >> 64) as u64]);
        negative
    })
}

/// An integer that the library made.
pub fn big<B: Build>(to: B, value: &BigInt) -> Result<B::Built, SystemLimit> {
    let words = value.magnitude().iter_u64_digits();
    to.build(words.len(), |result| {
        result.iter_mut().zip(words).for_each(|(limb, word)| *limb = word);
        value.is_negative()
    })
}

/// `A band B` on two's complement of endless width.
pub fn band<B: Build>(to: B, a: Limbs<'_>, b: Limbs<'_>) -> Result<B::Built, SystemLimit> {
    let (of_a, of_b) = (a.magnitude.len(), b.magnitude.len());
    let limbs = match (a.negative, b.negative) {
        (false, false) => of_a.min(of_b),
        (false, true) => of_a,
        (true, false) => of_b,
        (true, true) => of_a.max(of_b) + 1,
    };
    let negative = a.negative && b.negative;
    to.build(limbs, |result| {
        limbs::bitwise(result, a, b, negative, |a, b| a & b);
        negative
    })
}

/// `A bor B` on two's complement of endless width.
pub fn bor<B: Build>(to: B, a: Limbs<'_>, b: Limbs<'_>) -> Result<B::Built, SystemLimit> {
    let negative = a.negative || b.negative;
    to.build(a.magnitude.len().max(b.magnitude.len()) + 1, |result| {
        limbs::bitwise(result, a, b, negative, |a, b| a | b);
        negative
    })
}

/// `A bxor B` on two's complement of endless width.
pub fn bxor<B: Build>(to: B, a: Limbs<'_>, b: Limbs<'_>) -> Result<B::Built, SystemLimit> {
    let negative = a.negative != b.negative;
    to.build(a.magnitude.len().max(b.magnitude.len()) + 1, |result| {
        limbs::bitwise(result, a, b, negative, |a, b| a ^ b);
        negative
    })
}

/// `bnot A`, which is `-A - 1`.
pub fn bnot<B: Build>(to: B, a: Limbs<'_>) -> Result<B::Built, SystemLimit> {
    add(to, a.negated(), Limbs { magnitude: &[1], negative: true })
}

/// `A bsl B`; a negative `B` shifts right, rounding towards minus infinity. What is beyond 64 bits is as good as the
/// largest or smallest `i64`.
pub fn bsl<B: Build>(to: B, a: Limbs<'_>, by: i64) -> Result<B::Built, SystemLimit> {
    if by < 0 { shift_right(to, a, by.unsigned_abs()) } else { shift_left(to, a, by.unsigned_abs()) }
}

/// `A bsr B`; a negative `B` shifts left.
pub fn bsr<B: Build>(to: B, a: Limbs<'_>, by: i64) -> Result<B::Built, SystemLimit> {
    if by < 0 { shift_left(to, a, by.unsigned_abs()) } else { shift_right(to, a, by.unsigned_abs()) }
}

fn shift_left<B: Build>(to: B, a: Limbs<'_>, by: u64) -> Result<B::Built, SystemLimit> {
    if a.is_zero() {
        return negate(to, a);
    }
    if a.bits().saturating_add(by) > MAX_BITS {
        return Err(SystemLimit);
    }
    to.build(a.magnitude.len() + (by / 64) as usize + 1, |result| {
        limbs::shift_left(result, a.magnitude, by);
        a.negative
    })
}

fn shift_right<B: Build>(to: B, a: Limbs<'_>, by: u64) -> Result<B::Built, SystemLimit> {
    if by >= a.bits() {
        return double(to, a.negative.into(), a.negative);
    }
    to.build(a.magnitude.len() - (by / 64) as usize + 1, |result| {
        limbs::shift_right(result, a.magnitude, by, a.negative);
        a.negative
    })
}

/// The float nearest to `value` by OTP 27's own method; `None` if it is too large (`badarg`, `badarith`).
///
/// OTP 27 adds up the 64-bit words as floats, most significant first, rounding at each step, so the
/// last bit may differ from the correctly rounded one.
pub fn to_f64(value: Limbs<'_>) -> Option<f64> {
    const WORD: f64 = 18_446_744_073_709_551_616.0;
    let mut result = 0.0f64;
    for &word in value.magnitude.iter().rev() {
        result = result * WORD + word as f64;
        if !result.is_finite() {
            return None;
        }
    }
    Some(if value.negative { -result } else { result })
}

/// `trunc(Float)`; `None` for what is not a finite number.
pub fn float_truncate(value: f64) -> Option<Integer> {
    let value = value.trunc();
    if value.abs() < 9_007_199_254_740_992.0 {
        return Some(Integer::Small(value as i64));
    }
    BigInt::from_f64(value).map(Integer::from)
}

/// `round(Float)`: halves go away from zero.
pub fn float_round(value: f64) -> Option<Integer> {
    float_truncate(value.round())
}

/// `floor(Float)`.
pub fn float_floor(value: f64) -> Option<Integer> {
    float_truncate(value.floor())
}

/// `ceil(Float)`.
pub fn float_ceil(value: f64) -> Option<Integer> {
    float_truncate(value.ceil())
}

/// The integer as the library has it.
pub fn from_limbs(value: Limbs<'_>) -> BigInt {
    let mut words = Vec::with_capacity(value.magnitude.len() * 2);
    for &limb in value.magnitude {
        words.extend([limb as u32, (limb >> 32) as u32]);
    }
    BigInt::new(if value.negative { Sign::Minus } else { Sign::Plus }, words)
}

#[cfg(test)]
#[path = "arithmetic_tests.rs"]
mod tests;
