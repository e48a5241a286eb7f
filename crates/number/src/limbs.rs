//! Magnitudes as limbs of 64 bits, the least significant first: what is done with them where they lie.
//!
//! For numbers of a few dozen limbs, where taking them over into another representation costs more than the
//! calculation; for larger ones the other ways of this crate are faster.

use std::cmp::Ordering;

/// A product of more limbs than this in both factors is better left to an asymptotically faster way.
pub const SCHOOL_LIMBS_MAX: usize = 48;

/// The limbs without the leading zeros.
pub fn trimmed(limbs: &[u64]) -> &[u64] {
    let length = limbs.iter().rposition(|limb| *limb != 0).map_or(0, |last| last + 1);
    &limbs[..length]
}

/// Order of two magnitudes without leading zeros.
pub fn compare(a: &[u64], b: &[u64]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

/// `a + b` into `sum`, which has one limb more than the longer of both.
pub fn add(a: &[u64], b: &[u64], sum: &mut [u64]) {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    debug_assert!(sum.len() == long.len() + 1);
    let mut carry = false;
    for index in 0..long.len() {
        let other = short.get(index).copied().unwrap_or(0);
        let (partial, first) = long[index].overflowing_add(other);
        let (whole, second) = partial.overflowing_add(u64::from(carry));
        (sum[index], carry) = (whole, first | second);
    }
    sum[long.len()] = u64::from(carry);
}

/// `a - b` into `difference`, which has as many limbs as `a`; `a` is not less than `b`.
pub fn subtract(a: &[u64], b: &[u64], difference: &mut [u64]) {
    debug_assert!(compare(a, b).is_ge() && difference.len() == a.len());
    let mut borrow = false;
    for (index, place) in difference.iter_mut().enumerate() {
        let other = b.get(index).copied().unwrap_or(0);
        let (partial, first) = a[index].overflowing_sub(other);
        let (whole, second) = partial.overflowing_sub(u64::from(borrow));
        (*place, borrow) = (whole, first | second);
    }
    debug_assert!(!borrow);
}

/// `target + a * factor` into `target`, which is as long as `a`; gives the limb that is carried.
fn add_multiple(target: &mut [u64], a: &[u64], factor: u64) -> u64 {
    let mut carry = 0;
    for (place, limb) in target.iter_mut().zip(a) {
        let product = u128::from(*limb) * u128::from(factor) + u128::from(*place) + u128::from(carry);
        (*place, carry) = (product as u64, (product >> 64) as u64);
    }
    carry
}

/// `target - a * factor` into `target`, which is as long as `a`; gives the limb that is borrowed.
fn subtract_multiple(target: &mut [u64], a: &[u64], factor: u64) -> u64 {
    let mut borrow = 0;
    for (place, limb) in target.iter_mut().zip(a) {
        let product = u128::from(*limb) * u128::from(factor) + u128::from(borrow);
        let (difference, under) = place.overflowing_sub(product as u64);
        (*place, borrow) = (difference, (product >> 64) as u64 + u64::from(under));
    }
    borrow
}

/// `a * b` into `product`, which has as many limbs as both together.
pub fn multiply(a: &[u64], b: &[u64], product: &mut [u64]) {
    debug_assert!(product.len() == a.len() + b.len());
    product.fill(0);
    for (index, factor) in b.iter().enumerate() {
        product[index + a.len()] = add_multiple(&mut product[index..index + a.len()], a, *factor);
    }
}

/// `a` divided by one limb, which is not 0: the quotient into `a`; gives the rest.
fn divide_by_limb(a: &mut [u64], divisor: u64) -> u64 {
    let mut rest = 0u64;
    for limb in a.iter_mut().rev() {
        let value = u128::from(rest) << 64 | u128::from(*limb);
        (*limb, rest) = ((value / u128::from(divisor)) as u64, (value % u128::from(divisor)) as u64);
    }
    rest
}

/// Shifts to the left by less than a limb; what is shifted out is lost.
fn shift_left(limbs: &mut [u64], by: u32) {
    if by == 0 {
        return;
    }
    let mut carry = 0;
    for limb in limbs {
        (*limb, carry) = (*limb << by | carry, *limb >> (64 - by));
    }
}

/// `a >> by` into `shifted`, which has `a.len() - by / 64` limbs.
pub fn shift_right(a: &[u64], by: usize, shifted: &mut [u64]) {
    let (whole, part) = (by / 64, by % 64);
    debug_assert!(shifted.len() == a.len() - whole);
    for (index, place) in shifted.iter_mut().enumerate() {
        let above = a.get(whole + index + 1).copied().unwrap_or(0);
        *place = if part == 0 { a[whole + index] } else { a[whole + index] >> part | above << (64 - part) };
    }
}

/// Divides `work[..n]` by `divisor`, neither with leading zeros and the divisor of at least one limb and not longer:
/// the rest goes to the first `divisor.len()` limbs of `work`, the quotient to `quotient`, of `n - divisor.len() + 1`
/// limbs. `work` has one limb more than `n`, which is 0; `scaled` has room for the divisor.
///
/// Knuth, The Art of Computer Programming, volume 2, 4.3.1, algorithm D.
pub fn divide(work: &mut [u64], divisor: &[u64], scaled: &mut [u64], quotient: &mut [u64]) {
    let (count, n) = (divisor.len(), work.len() - 1);
    debug_assert!(count != 0 && n >= count && work[n] == 0 && quotient.len() == n - count + 1);
    if let [limb] = divisor {
        let rest = divide_by_limb(&mut work[..n], *limb);
        quotient.copy_from_slice(&work[..n]);
        work.fill(0);
        work[0] = rest;
        return;
    }
    // The divisor's highest bit must be set for the guesses below to be good.
    let shift = divisor[count - 1].leading_zeros();
    scaled.copy_from_slice(divisor);
    shift_left(scaled, shift);
    shift_left(work, shift);
    let (high, next) = (scaled[count - 1], scaled[count - 2]);
    for index in (0..quotient.len()).rev() {
        let top = u128::from(work[index + count]) << 64 | u128::from(work[index + count - 1]);
        let mut guess = top / u128::from(high);
        let mut rest = top % u128::from(high);
        while guess >> 64 != 0 || guess * u128::from(next) > (rest << 64 | u128::from(work[index + count - 2])) {
            guess -= 1;
            rest += u128::from(high);
            if rest >> 64 != 0 {
                break;
            }
        }
        let mut guess = guess as u64;
        let borrow = subtract_multiple(&mut work[index..index + count], scaled, guess);
        let (difference, under) = work[index + count].overflowing_sub(borrow);
        work[index + count] = difference;
        if under {
            // One too many: rare.
            guess -= 1;
            let carry = add_multiple(&mut work[index..index + count], scaled, 1);
            work[index + count] = work[index + count].wrapping_add(carry);
        }
        quotient[index] = guess;
    }
    // The rest is shifted back.
    if shift != 0 {
        for index in 0..count {
            work[index] = work[index] >> shift | work[index + 1] << (64 - shift);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigUint;

    fn number(limbs: &[u64]) -> BigUint {
        BigUint::from_bytes_le(&limbs.iter().flat_map(|limb| limb.to_le_bytes()).collect::<Vec<_>>())
    }

    /// Limbs of many shapes: few and many, with runs of ones and zeros that make guesses wrong and carries long.
    fn samples() -> Vec<Vec<u64>> {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut all = Vec::new();
        for length in [1, 2, 3, 4, 7, 12] {
            for _ in 0..8 {
                let mut limbs: Vec<u64> = (0..length)
                    .map(|_| match next() % 5 {
                        0 => 0,
                        1 => u64::MAX,
                        2 => 1 << 63,
                        _ => next(),
                    })
                    .collect();
                let last = limbs.last_mut().expect("not empty");
                *last = (*last).max(1);
                all.push(limbs);
            }
        }
        all
    }

    #[test]
    fn as_the_other_representation_calculates() {
        for a in samples() {
            for b in samples() {
                let mut sum = vec![0; a.len().max(b.len()) + 1];
                add(&a, &b, &mut sum);
                assert_eq!(number(&sum), number(&a) + number(&b));
                let mut product = vec![7; a.len() + b.len()];
                multiply(&a, &b, &mut product);
                assert_eq!(number(&product), number(&a) * number(&b));
                assert_eq!(compare(&a, &b), number(&a).cmp(&number(&b)));
                if compare(&a, &b).is_lt() {
                    continue;
                }
                let mut difference = vec![7; a.len()];
                subtract(&a, &b, &mut difference);
                assert_eq!(number(&difference), number(&a) - number(&b));
                let (mut work, mut scaled) = (a.clone(), vec![0; b.len()]);
                work.push(0);
                let mut quotient = vec![7; a.len() - b.len() + 1];
                divide(&mut work, &b, &mut scaled, &mut quotient);
                assert_eq!(number(&quotient), number(&a) / number(&b));
                assert_eq!(number(&work[..b.len()]), number(&a) % number(&b));
            }
        }
    }

    #[test]
    fn shifts() {
        for a in samples() {
            for by in [0, 1, 63, 64, 65, 130].into_iter().filter(|by| by / 64 < a.len()) {
                let mut shifted = vec![7; a.len() - by / 64];
                shift_right(&a, by, &mut shifted);
                assert_eq!(number(&shifted), number(&a) >> by);
            }
        }
    }
}
