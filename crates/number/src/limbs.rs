//! Integers as words: the operations that are one pass over them.
//!
//! What needs more than that (division, the product of two large numbers, text) the library does.

use std::cmp::Ordering;

/// An integer of any size, in place: sign, and 64-bit words ("limbs") of the absolute value.
#[derive(Clone, Copy, Debug)]
pub struct Limbs<'a> {
    /// Least significant first, without leading zeros; none for zero.
    pub magnitude: &'a [u64],
    /// Is it below zero? Never with zero.
    pub negative: bool,
}

impl<'a> Limbs<'a> {
    /// An integer of a word; `place` keeps its limb.
    pub fn of_small(value: i64, place: &'a mut u64) -> Limbs<'a> {
        *place = value.unsigned_abs();
        let magnitude = if value == 0 { &[] } else { std::slice::from_ref(place) };
        Limbs { magnitude, negative: value < 0 }
    }
    /// The same with the other sign.
    pub fn negated(self) -> Limbs<'a> {
        Limbs { negative: !self.negative && !self.is_zero(), ..self }
    }
    /// Is it zero?
    pub fn is_zero(self) -> bool {
        self.magnitude.is_empty()
    }
    /// Bits of the absolute value.
    pub fn bits(self) -> u64 {
        self.magnitude.last().map_or(0, |last| self.magnitude.len() as u64 * 64 - u64::from(last.leading_zeros()))
    }
    /// The absolute value, if it has at most two limbs.
    pub(crate) fn to_u128(self) -> Option<u128> {
        match *self.magnitude {
            [] => Some(0),
            [low] => Some(low.into()),
            [low, high] => Some(u128::from(high) << 64 | u128::from(low)),
            _ => None,
        }
    }
}

/// How many of these limbs are left without leading zeros.
pub fn significant(limbs: &[u64]) -> usize {
    limbs.iter().rposition(|&limb| limb != 0).map_or(0, |last| last + 1)
}

/// Compares absolute values.
pub(crate) fn compare(a: &[u64], b: &[u64]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

/// `result = long + short`; `result` is all zero and has a limb more than `long`.
pub(crate) fn add(result: &mut [u64], long: &[u64], short: &[u64]) {
    let (low, high) = long.split_at(short.len());
    let (result_low, result_high) = result.split_at_mut(short.len());
    let mut carry = false;
    for ((out, &a), &b) in result_low.iter_mut().zip(low).zip(short) {
        (*out, carry) = a.carrying_add(b, carry);
    }
    for (out, &a) in result_high.iter_mut().zip(high) {
        (*out, carry) = a.overflowing_add(carry.into());
    }
    if let Some(last) = result.last_mut() {
        *last = carry.into();
    }
}

/// `result = larger - smaller`; `result` has as many limbs as `larger`.
pub(crate) fn subtract(result: &mut [u64], larger: &[u64], smaller: &[u64]) {
    let (low, high) = larger.split_at(smaller.len());
    let (result_low, result_high) = result.split_at_mut(smaller.len());
    let mut borrow = false;
    for ((out, &a), &b) in result_low.iter_mut().zip(low).zip(smaller) {
        (*out, borrow) = a.borrowing_sub(b, borrow);
    }
    for (out, &a) in result_high.iter_mut().zip(high) {
        (*out, borrow) = a.overflowing_sub(borrow.into());
    }
}

/// `result = a * b`, each limb of `b` in turn; `result` is all zero and has as many limbs as both together.
pub(crate) fn multiply(result: &mut [u64], a: &[u64], b: &[u64]) {
    for (start, &factor) in b.iter().enumerate() {
        let row = &mut result[start..];
        let mut carry = 0;
        for (out, &limb) in row.iter_mut().zip(a) {
            (*out, carry) = limb.carrying_mul_add(factor, *out, carry);
        }
        row[a.len()] = carry;
    }
}

/// Limbs of two's complement of endless width to the absolute value and back: both ways negate what is negative.
struct Complement {
    mask: u64,
    carry: bool,
}

impl Complement {
    fn new(negative: bool) -> Complement {
        Complement { mask: if negative { u64::MAX } else { 0 }, carry: negative }
    }
    #[inline(always)]
    fn next(&mut self, limb: u64) -> u64 {
        let (result, carry) = (limb ^ self.mask).overflowing_add(self.carry.into());
        self.carry = carry;
        result
    }
}

/// `operator` on each bit of two's complement, as far as `result` reaches, which must be far enough. `negative` is the
/// sign of the result.
pub(crate) fn bitwise(
    result: &mut [u64],
    a: Limbs<'_>,
    b: Limbs<'_>,
    negative: bool,
    operator: impl Fn(u64, u64) -> u64,
) {
    let (mut of_a, mut of_b, mut of_result) =
        (Complement::new(a.negative), Complement::new(b.negative), Complement::new(negative));
    for (index, out) in result.iter_mut().enumerate() {
        let a = of_a.next(a.magnitude.get(index).copied().unwrap_or(0));
        let b = of_b.next(b.magnitude.get(index).copied().unwrap_or(0));
        *out = of_result.next(operator(a, b));
    }
}

/// `result = magnitude << bits`; `result` is all zero and has `bits / 64 + 1` limbs more than `magnitude`.
pub(crate) fn shift_left(result: &mut [u64], magnitude: &[u64], bits: u64) {
    let (whole, part) = ((bits / 64) as usize, bits % 64);
    let result = &mut result[whole..];
    if part == 0 {
        return result[..magnitude.len()].copy_from_slice(magnitude);
    }
    let mut carry = 0;
    for (out, &limb) in result.iter_mut().zip(magnitude) {
        *out = limb << part | carry;
        carry = limb >> (64 - part);
    }
    result[magnitude.len()] = carry;
}

/// `result = magnitude >> bits`, one more if `round_up` and a bit that was set falls off. `bits` is less than those of
/// `magnitude`; `result` is all zero and has `bits / 64` limbs less, and one more for the carry.
pub(crate) fn shift_right(result: &mut [u64], magnitude: &[u64], bits: u64, round_up: bool) {
    let (whole, part) = ((bits / 64) as usize, bits % 64);
    let (lost, kept) = magnitude.split_at(whole);
    for (index, out) in result.iter_mut().enumerate().take(kept.len()) {
        let above = kept.get(index + 1).copied().unwrap_or(0);
        *out = if part == 0 { kept[index] } else { kept[index] >> part | above << (64 - part) };
    }
    let inexact = lost.iter().any(|&limb| limb != 0) || kept[0] & ((1 << part) - 1) != 0;
    if round_up && inexact {
        let mut carry = true;
        for out in result {
            (*out, carry) = out.overflowing_add(carry.into());
        }
    }
}
