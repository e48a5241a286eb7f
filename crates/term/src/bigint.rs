//! Big integers on the heap: sign in the header, magnitude in 64-bit limbs.

use crate::{Heap, Kind, Term, Word};
use num_bigint::{BigInt, BigUint, Sign};
use num_traits::ToPrimitive;

/// Bits in the largest integer the machine makes; beyond that is `system_limit`, as in OTP 27.
pub const BIG_BITS_MAX: u64 = 4_194_304;

/// A big integer on a heap: always outside the small range.
#[derive(Clone, Copy)]
pub struct Big<'h> {
    pub(crate) term: Term<'h>,
}

impl<'h> Big<'h> {
    /// The limbs of the magnitude, least significant first.
    pub fn limbs(self) -> &'h [u64] {
        self.term.boxed_words()
    }
    /// Is it below zero?
    pub fn is_negative(self) -> bool {
        self.term.header().is(Kind::BigNegative)
    }
    /// As a number to calculate with.
    pub fn to_bigint(self) -> BigInt {
        let mut digits = Vec::with_capacity(self.limbs().len() * 2);
        for &limb in self.limbs() {
            digits.push(limb as u32);
            digits.push((limb >> 32) as u32);
        }
        let sign = if self.is_negative() { Sign::Minus } else { Sign::Plus };
        BigInt::from_biguint(sign, BigUint::new(digits))
    }
}

impl Heap {
    /// An integer term: small if it fits.
    pub fn integer(&self, value: i64) -> Term<'_> {
        match Word::try_small(value) {
            Some(word) => Term::from_word(word),
            None => self.big_from_limbs(value < 0, &[value.unsigned_abs()]),
        }
    }
    /// An unsigned integer term.
    pub fn unsigned(&self, value: u64) -> Term<'_> {
        match i64::try_from(value) {
            Ok(value) => self.integer(value),
            Err(_) => self.big_from_limbs(false, &[value]),
        }
    }
    /// An integer term of any size.
    pub fn bigint(&self, value: &BigInt) -> Term<'_> {
        match value.to_i64() {
            Some(small) => self.integer(small),
            None => {
                let (sign, limbs) = value.to_u64_digits();
                self.big_from_limbs(sign == Sign::Minus, &limbs)
            }
        }
    }
    /// A big integer from its limbs, which must be outside the small range and have no leading zero limb.
    fn big_from_limbs(&self, negative: bool, limbs: &[u64]) -> Term<'_> {
        let kind = if negative { Kind::BigNegative } else { Kind::BigPositive };
        self.boxed(kind, limbs)
    }
}
