//! Arithmetic of integers of any size, and their relation to floats, with Erlang's semantics.

use crate::integer::Integer;
use num_bigint::{BigInt, Sign};
use num_traits::{FromPrimitive, Signed, ToPrimitive, Zero};
use std::cmp::Ordering;

/// The most 64-bit words that an integer may have; what would need more raises `system_limit`.
pub const MAX_LIMBS: usize = 65_535;
/// The most bits that an integer's absolute value may have.
pub const MAX_BITS: u64 = MAX_LIMBS as u64 * 64;

/// The result would be larger than [`MAX_BITS`] allows: `error:system_limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemLimit;

fn checked(value: BigInt) -> Result<Integer, SystemLimit> {
    if value.bits() > MAX_BITS { Err(SystemLimit) } else { Ok(Integer::from(value)) }
}

/// `A + B`.
pub fn add(a: &BigInt, b: &BigInt) -> Result<Integer, SystemLimit> {
    checked(a + b)
}

/// `A - B`.
pub fn subtract(a: &BigInt, b: &BigInt) -> Result<Integer, SystemLimit> {
    checked(a - b)
}

/// `A * B`. Refuses before computing what cannot fit.
pub fn multiply(a: &BigInt, b: &BigInt) -> Result<Integer, SystemLimit> {
    // The product has at least bits(a) + bits(b) - 1 bits.
    if !a.is_zero() && !b.is_zero() && a.bits() + b.bits() - 1 > MAX_BITS {
        return Err(SystemLimit);
    }
    checked(a * b)
}

/// `-A`.
pub fn negate(a: &BigInt) -> Integer {
    Integer::from(-a)
}

/// `A div B`, truncating towards zero; `None` when `B` is zero (`badarith`).
pub fn div(a: &BigInt, b: &BigInt) -> Option<Integer> {
    (!b.is_zero()).then(|| Integer::from(a / b))
}

/// `A rem B`, with the sign of `A`; `None` when `B` is zero (`badarith`).
pub fn rem(a: &BigInt, b: &BigInt) -> Option<Integer> {
    (!b.is_zero()).then(|| Integer::from(a % b))
}

/// `A band B` on two's complement of endless width.
pub fn band(a: &BigInt, b: &BigInt) -> Result<Integer, SystemLimit> {
    checked(a & b)
}

/// `A bor B` on two's complement of endless width.
pub fn bor(a: &BigInt, b: &BigInt) -> Result<Integer, SystemLimit> {
    checked(a | b)
}

/// `A bxor B` on two's complement of endless width.
pub fn bxor(a: &BigInt, b: &BigInt) -> Result<Integer, SystemLimit> {
    checked(a ^ b)
}

/// `bnot A`, which is `-A - 1`.
pub fn bnot(a: &BigInt) -> Result<Integer, SystemLimit> {
    checked(-a - 1)
}

/// `A bsl B`; a negative `B` shifts right.
pub fn bsl(a: &Integer, b: &Integer) -> Result<Integer, SystemLimit> {
    match b {
        Integer::Small(shift) => shift_left(a, *shift),
        Integer::Big(shift) if shift.is_negative() => Ok(shift_right(a, u64::MAX)),
        Integer::Big(_) => shift_left(a, i64::MAX),
    }
}

/// `A bsr B`, rounding towards minus infinity; a negative `B` shifts left.
pub fn bsr(a: &Integer, b: &Integer) -> Result<Integer, SystemLimit> {
    match b {
        Integer::Small(shift) if *shift >= 0 => Ok(shift_right(a, shift.unsigned_abs())),
        Integer::Small(shift) => shift_left(a, shift.checked_neg().unwrap_or(i64::MAX)),
        Integer::Big(shift) if shift.is_negative() => shift_left(a, i64::MAX),
        Integer::Big(_) => Ok(shift_right(a, u64::MAX)),
    }
}

fn shift_left(a: &Integer, shift: i64) -> Result<Integer, SystemLimit> {
    if shift <= 0 {
        return Ok(shift_right(a, shift.unsigned_abs()));
    }
    let shift = shift as u64;
    match a {
        Integer::Small(0) => Ok(Integer::Small(0)),
        // The sign bit and `shift` copies of it must be above the value.
        Integer::Small(value) if shift < 64 && sign_bits(*value) > shift => Ok(Integer::Small(value << shift)),
        _ => {
            let big = a.clone().into_big();
            if big.bits().saturating_add(shift) > MAX_BITS {
                return Err(SystemLimit);
            }
            Ok(Integer::from(big << shift))
        }
    }
}

/// How many of the highest bits equal the sign bit, itself included.
fn sign_bits(value: i64) -> u64 {
    (if value < 0 { value.leading_ones() } else { value.leading_zeros() }) as u64
}

fn shift_right(a: &Integer, shift: u64) -> Integer {
    match a {
        Integer::Small(value) => Integer::Small(value >> shift.min(63)),
        Integer::Big(value) if shift >= value.bits() => Integer::Small(if value.is_negative() { -1 } else { 0 }),
        Integer::Big(value) => Integer::from(value >> shift),
    }
}

/// The float nearest to `value` by OTP 27's own method; `None` if it is too large (`badarg`, `badarith`).
///
/// OTP 27 adds up the 64-bit words as floats, most significant first, rounding at each step, so the
/// last bit may differ from the correctly rounded one.
pub fn to_f64(value: &BigInt) -> Option<f64> {
    const WORD: f64 = 18_446_744_073_709_551_616.0;
    let mut result = 0.0f64;
    for word in value.magnitude().iter_u64_digits().rev() {
        result = result * WORD + word as f64;
        if !result.is_finite() {
            return None;
        }
    }
    Some(if value.is_negative() { -result } else { result })
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

/// Compares the exact values, as `==` and `<` do: nothing is rounded beyond 2^53. `float` is finite.
pub fn compare_small_float(integer: i64, float: f64) -> Ordering {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0; // 2^63
    if float >= LIMIT {
        return Ordering::Less;
    }
    if float < -LIMIT {
        return Ordering::Greater;
    }
    let whole = float.trunc();
    integer.cmp(&(whole as i64)).then_with(|| 0.0f64.partial_cmp(&(float - whole)).unwrap_or(Ordering::Equal))
}

/// Compares the exact values, as `==` and `<` do. `float` is finite.
pub fn compare_big_float(integer: &BigInt, float: f64) -> Ordering {
    if let Some(small) = integer.to_i64() {
        return compare_small_float(small, float);
    }
    if integer.bits() > 1024 {
        return if integer.is_negative() { Ordering::Less } else { Ordering::Greater };
    }
    let whole = float.trunc();
    match BigInt::from_f64(whole) {
        Some(whole_integer) => {
            integer.cmp(&whole_integer).then_with(|| 0.0f64.partial_cmp(&(float - whole)).unwrap_or(Ordering::Equal))
        }
        None if float > 0.0 => Ordering::Less,
        None => Ordering::Greater,
    }
}

/// The integer whose absolute value has these 64-bit words, least significant first.
pub fn from_limbs(limbs: &[u64], negative: bool) -> BigInt {
    let words = limbs.iter().flat_map(|&limb| [limb as u32, (limb >> 32) as u32]).collect();
    BigInt::new(if negative { Sign::Minus } else { Sign::Plus }, words)
}

/// The 64-bit words of the absolute value, least significant first and without leading zeros, and the sign.
pub fn to_limbs(value: &BigInt) -> (Vec<u64>, bool) {
    (value.magnitude().to_u64_digits(), value.is_negative())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integer::parse_integer;

    fn big(text: &str) -> BigInt {
        parse_integer(text.as_bytes(), 10).unwrap().into_big()
    }

    fn power(bits: u32) -> BigInt {
        BigInt::from(1) << bits
    }

    #[test]
    fn division_truncates() {
        let a = -power(70) - 1;
        assert_eq!(div(&a, &big("1180591620717411303424")), Some(Integer::Small(-1)));
        assert_eq!(rem(&a, &big("1180591620717411303424")), Some(Integer::Small(-1)));
        assert_eq!(div(&a, &BigInt::zero()), None);
    }

    #[test]
    fn shifts_of_either_sign() {
        let huge = Integer::from(power(100));
        let minus_huge = Integer::from(-power(100));
        let five = Integer::Small(5);
        assert_eq!(bsl(&Integer::Small(0), &huge), Ok(Integer::Small(0)));
        assert_eq!(bsl(&Integer::Small(-5), &minus_huge), Ok(Integer::Small(-1)));
        assert_eq!(bsr(&five, &huge), Ok(Integer::Small(0)));
        assert_eq!(bsr(&five, &minus_huge), Err(SystemLimit));
        assert_eq!(bsr(&Integer::Small(0), &minus_huge), Ok(Integer::Small(0)));
        assert_eq!(bsl(&Integer::Small(-1), &Integer::Small(63)), Ok(Integer::Small(i64::MIN)));
        assert_eq!(bsl(&Integer::Small(1), &Integer::Small(63)), Ok(Integer::from(power(63))));
        assert_eq!(bsr(&Integer::from(-power(64) - 1), &Integer::Small(64)), Ok(Integer::Small(-2)));
        assert_eq!(bsl(&Integer::Small(7), &Integer::Small(i64::MIN)), Ok(Integer::Small(0)));
        assert_eq!(bsr(&Integer::Small(7), &Integer::Small(i64::MIN)), Err(SystemLimit));
    }

    // 1 bsl 4194239 works in the real system and 1 bsl 4194240 does not; likewise the others.
    #[test]
    fn limit_of_size() {
        let one = Integer::Small(1);
        assert!(bsl(&one, &Integer::Small(4_194_239)).is_ok());
        assert_eq!(bsl(&one, &Integer::Small(4_194_240)), Err(SystemLimit));
        assert!(multiply(&power(2_097_119), &power(2_097_120)).is_ok());
        assert_eq!(multiply(&power(2_097_120), &power(2_097_120)), Err(SystemLimit));
        let top: BigInt = power(4_194_239) + (power(4_194_239) - 1);
        assert_eq!(bnot(&top), Err(SystemLimit));
        assert!(bnot(&power(4_194_239)).is_ok());
        assert_eq!(add(&top, &BigInt::from(1)), Err(SystemLimit));
        assert_eq!(subtract(&-top, &BigInt::from(1)), Err(SystemLimit));
    }

    #[test]
    fn bits_are_twos_complement() {
        let a = -power(64);
        assert_eq!(band(&a, &(power(65) - 1)), Ok(Integer::from(power(64))));
        assert_eq!(bor(&a, &BigInt::from(1)), Ok(Integer::from(BigInt::from(1) - power(64))));
        assert_eq!(bxor(&a, &BigInt::from(-1)), Ok(Integer::from(power(64) - 1)));
        assert_eq!(bnot(&a), Ok(Integer::from(power(64) - 1)));
    }

    #[test]
    fn floats_of_integers_as_otp_rounds_them() {
        let hex = |text: &str| parse_integer(text.as_bytes(), 16).unwrap().into_big();
        assert_eq!(to_f64(&(power(64) + 1)), Some(1.8446744073709552e19));
        assert_eq!(to_f64(&(power(117) + power(64) + 1)), Some(1.661534994731145e35));
        assert_eq!(to_f64(&hex("FFFFFFFFFFFFFBFFFFFFFFFFFFFFFF")), Some(1.3292279957849157e36));
        assert_eq!(to_f64(&hex("3FFFFFFFFFFFFFFFFFFFFFFFFFFFF")), Some(2.076918743413931e34));
        assert_eq!(to_f64(&hex("20000000000000FFFFFFFFFFFFFFFFFFF")), Some(6.80564733841877e38));
        assert_eq!(to_f64(&power(1024)), None);
        assert_eq!(to_f64(&(power(1024) - 1)), None);
        assert_eq!(to_f64(&(power(1024) - power(970) - 1)), Some(f64::MAX));
        assert_eq!(to_f64(&(power(1024) - power(970))), None);
    }

    #[test]
    fn floats_to_integers() {
        assert_eq!(float_round(2.5), Some(Integer::Small(3)));
        assert_eq!(float_round(-2.5), Some(Integer::Small(-3)));
        assert_eq!(float_round(0.49999999999999994), Some(Integer::Small(0)));
        assert_eq!(float_floor(-0.5), Some(Integer::Small(-1)));
        assert_eq!(float_ceil(-0.5), Some(Integer::Small(0)));
        assert_eq!(float_truncate(1.0e22), Some(Integer::from(big("10000000000000000000000"))));
        assert_eq!(float_truncate(f64::NAN), None);
        assert_eq!(float_truncate(f64::INFINITY), None);
    }

    #[test]
    fn comparison_is_exact() {
        assert_eq!(compare_small_float(9_007_199_254_740_993, 9_007_199_254_740_992.0), Ordering::Greater);
        assert_eq!(compare_small_float(1, 1.5), Ordering::Less);
        assert_eq!(compare_small_float(-1, -1.5), Ordering::Greater);
        assert_eq!(compare_small_float(i64::MAX, 9.223372036854776e18), Ordering::Less);
        assert_eq!(compare_small_float(0, -0.0), Ordering::Equal);
        assert_eq!(compare_big_float(&power(70), 1180591620717411303424.0), Ordering::Equal);
        assert_eq!(compare_big_float(&(power(70) + 1), 1180591620717411303424.0), Ordering::Greater);
        assert_eq!(compare_big_float(&-power(2000), f64::MIN), Ordering::Less);
        assert_eq!(compare_big_float(&power(64), 0.5), Ordering::Greater);
    }

    #[test]
    fn limbs() {
        let value = from_limbs(&[1, 2, 0], true);
        assert_eq!(value, BigInt::from(-1) - power(65));
        assert_eq!(to_limbs(&value), (vec![1, 2], true));
        assert_eq!(to_limbs(&BigInt::zero()), (vec![], false));
    }
}
