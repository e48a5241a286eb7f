//! Arithmetic of big integers where they lie: `None` when the general way has to do it.

use crate::{Heap, Integer, Term};
use oxbeam_number::MAX_LIMBS;
use oxbeam_number::limbs::{self, SCHOOL_LIMBS_MAX};
use smallvec::{SmallVec, smallvec};
use std::cmp::Ordering;

/// Where results are calculated; most stay on the Rust stack.
type Buffer = SmallVec<[u64; 40]>;

/// An integer as its sign and the limbs of its magnitude.
struct Number<'h> {
    negative: bool,
    /// Only for a small integer.
    own: [u64; 1],
    /// Only for a big one.
    limbs: &'h [u64],
}

impl<'h> Number<'h> {
    fn of(term: Term<'h>) -> Option<Number<'h>> {
        Some(match term.as_integer()? {
            Integer::Small(value) => Number { negative: value < 0, own: [value.unsigned_abs()], limbs: &[] },
            Integer::Big(big) => Number { negative: big.is_negative(), own: [0], limbs: big.limbs() },
        })
    }
    fn magnitude(&self) -> &[u64] {
        if self.limbs.is_empty() { limbs::trimmed(&self.own) } else { self.limbs }
    }
}

/// Both as numbers, if at least one is big and neither is so large that the general way has to look at the result's size.
fn numbers<'h>(a: Term<'h>, b: Term<'h>) -> Option<(Number<'h>, Number<'h>)> {
    let (a, b) = (Number::of(a)?, Number::of(b)?);
    let length = a.limbs.len() + b.limbs.len();
    (length != 0 && length < MAX_LIMBS).then_some((a, b))
}

fn made<'h>(heap: &'h Heap, negative: bool, magnitude: &[u64]) -> Term<'h> {
    heap.integer_from_limbs(negative, limbs::trimmed(magnitude))
}

/// `a + b`, or `a - b` when `negate`.
fn signed_sum<'h>(heap: &'h Heap, a: &Number<'h>, b: &Number<'h>, negate: bool) -> Term<'h> {
    let (x, y, y_negative) = (a.magnitude(), b.magnitude(), b.negative != negate);
    if a.negative == y_negative {
        let mut sum: Buffer = smallvec![0; x.len().max(y.len()) + 1];
        limbs::add(x, y, &mut sum);
        return made(heap, a.negative, &sum);
    }
    let (larger, smaller, negative) = match limbs::compare(x, y) {
        Ordering::Less => (y, x, y_negative),
        _ => (x, y, a.negative),
    };
    let mut difference: Buffer = smallvec![0; larger.len()];
    limbs::subtract(larger, smaller, &mut difference);
    made(heap, negative, &difference)
}

pub(crate) fn add<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Option<Term<'h>> {
    let (a, b) = numbers(a, b)?;
    Some(signed_sum(heap, &a, &b, false))
}

pub(crate) fn subtract<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Option<Term<'h>> {
    let (a, b) = numbers(a, b)?;
    Some(signed_sum(heap, &a, &b, true))
}

/// Also the product of two small integers that is not small.
pub(crate) fn multiply<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Option<Term<'h>> {
    let (a, b) = (Number::of(a)?, Number::of(b)?);
    let (x, y) = (a.magnitude(), b.magnitude());
    let (long, short) = if x.len() < y.len() { (y, x) } else { (x, y) };
    if short.len() > SCHOOL_LIMBS_MAX || long.len() + short.len() >= MAX_LIMBS {
        return None;
    }
    let mut product: Buffer = smallvec![0; long.len() + short.len()];
    limbs::multiply(long, short, &mut product);
    Some(made(heap, a.negative != b.negative, &product))
}

/// Quotient and rest of the magnitudes.
fn divided(a: &Number<'_>, b: &Number<'_>) -> Option<(Buffer, Buffer)> {
    let (x, y) = (a.magnitude(), b.magnitude());
    if y.is_empty() || y.len() > SCHOOL_LIMBS_MAX {
        return None;
    }
    let mut work: Buffer = SmallVec::from_slice(x);
    if x.len() < y.len() {
        return Some((Buffer::new(), work));
    }
    work.push(0);
    let mut scaled: Buffer = smallvec![0; y.len()];
    let mut quotient: Buffer = smallvec![0; x.len() - y.len() + 1];
    limbs::divide(&mut work, y, &mut scaled, &mut quotient);
    work.truncate(y.len());
    Some((quotient, work))
}

/// `a div b`, towards zero.
pub(crate) fn divide<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Option<Term<'h>> {
    let (a, b) = numbers(a, b)?;
    let (quotient, _) = divided(&a, &b)?;
    Some(made(heap, a.negative != b.negative, &quotient))
}

/// `a rem b`, which has the sign of `a`.
pub(crate) fn remainder<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Option<Term<'h>> {
    let (a, b) = numbers(a, b)?;
    let (_, rest) = divided(&a, &b)?;
    Some(made(heap, a.negative, &rest))
}

/// A bitwise operation on two numbers that are not negative, for which it gives 0 of 0 and 0.
pub(crate) fn bitwise<'h>(
    heap: &'h Heap,
    a: Term<'h>,
    b: Term<'h>,
    operation: impl Fn(u64, u64) -> u64,
) -> Option<Term<'h>> {
    let (a, b) = numbers(a, b)?;
    if a.negative || b.negative {
        return None;
    }
    let (x, y) = (a.magnitude(), b.magnitude());
    let limb = |limbs: &[u64], index: usize| limbs.get(index).copied().unwrap_or(0);
    let value: Buffer = (0..x.len().max(y.len())).map(|index| operation(limb(x, index), limb(y, index))).collect();
    Some(made(heap, false, &value))
}

/// `a bsr b` of a number that is not negative.
pub(crate) fn shift_right<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Option<Term<'h>> {
    let a = Number::of(a).filter(|a| !a.negative && !a.limbs.is_empty())?;
    let by = b.as_usize()?;
    if by / 64 >= a.limbs.len() {
        return Some(Term::small(0));
    }
    let mut shifted: Buffer = smallvec![0; a.limbs.len() - by / 64];
    limbs::shift_right(a.limbs, by, &mut shifted);
    Some(made(heap, false, &shifted))
}
