//! Integers and their text in radix 2 to 36: `list_to_integer/1,2`, `integer_to_binary/1,2` and friends.

use crate::arithmetic::MAX_BITS;
use num_bigint::{BigInt, Sign};
use num_traits::ToPrimitive;

/// An integer in its smallest form: `Big` never holds what fits in 64 bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Integer {
    /// Fits in 64 bits (not necessarily in a small term: that boundary is the term's business).
    Small(i64),
    /// Needs more than 64 bits.
    Big(BigInt),
}

impl Integer {
    /// The same value as a [`BigInt`].
    pub fn into_big(self) -> BigInt {
        match self {
            Integer::Small(value) => BigInt::from(value),
            Integer::Big(value) => value,
        }
    }
}

impl From<i64> for Integer {
    fn from(value: i64) -> Self {
        Integer::Small(value)
    }
}

impl From<BigInt> for Integer {
    fn from(value: BigInt) -> Self {
        match value.to_i64() {
            Some(small) => Integer::Small(small),
            None => Integer::Big(value),
        }
    }
}

/// Why a text is not an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseIntegerError {
    /// Not an optional sign followed by digits of the radix, or no such radix: `badarg`.
    NotAnInteger,
    /// More bits than the machine's largest integer: `system_limit`.
    SystemLimit,
}

/// Up to this many digits (of any radix) are read by one straight pass.
const DIRECT_DIGITS: usize = 64;

/// Reads an optional sign and digits of `radix` (2 to 36, letters of either case); nothing else is allowed.
pub fn parse_integer(text: &[u8], radix: u32) -> Result<Integer, ParseIntegerError> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if !(2..=36).contains(&radix) || digits.is_empty() {
        return Err(ParseIntegerError::NotAnInteger);
    }
    if let Some(value) = parse_small(digits, radix)? {
        return Ok(Integer::Small(if negative { -value } else { value }));
    }
    let first = digits.iter().position(|&digit| digit != b'0').unwrap_or(digits.len());
    let digits = &digits[first..];
    // Each digit carries more than this many bits; longer texts are refused before any arithmetic.
    let bits_per_digit = radix.ilog2() as u64;
    if (digits.len() as u64 - 1) * bits_per_digit > MAX_BITS {
        return Err(ParseIntegerError::SystemLimit);
    }
    let value = parse_big(digits, radix);
    if value.bits() > MAX_BITS {
        return Err(ParseIntegerError::SystemLimit);
    }
    Ok(Integer::from(if negative { -value } else { value }))
}

/// The value if it stays within `i64`; checks every digit in any case.
fn parse_small(digits: &[u8], radix: u32) -> Result<Option<i64>, ParseIntegerError> {
    let mut value = Some(0i64);
    for &byte in digits {
        let digit = (byte as char).to_digit(radix).ok_or(ParseIntegerError::NotAnInteger)?;
        value =
            value.and_then(|value| value.checked_mul(radix as i64)).and_then(|value| value.checked_add(digit as i64));
    }
    Ok(value)
}

/// Divide and conquer: pieces of [`DIRECT_DIGITS`] digits are joined pairwise, with the powers of the
/// radix squared at each level, so that the cost is that of a few large multiplications.
fn parse_big(digits: &[u8], radix: u32) -> BigInt {
    let mut pieces: Vec<BigInt> =
        digits.rchunks(DIRECT_DIGITS).map(|piece| BigInt::parse_bytes(piece, radix).unwrap_or_default()).collect();
    let mut power = BigInt::from(radix).pow(DIRECT_DIGITS as u32);
    while pieces.len() > 1 {
        pieces = join_pairs(pieces, &power);
        if pieces.len() > 1 {
            power = &power * &power;
        }
    }
    pieces.pop().unwrap_or_default()
}

fn join_pairs(pieces: Vec<BigInt>, power: &BigInt) -> Vec<BigInt> {
    let mut joined = Vec::with_capacity(pieces.len().div_ceil(2));
    let mut pieces = pieces.into_iter();
    while let Some(low) = pieces.next() {
        joined.push(match pieces.next() {
            Some(high) => high * power + low,
            None => low,
        });
    }
    joined
}

/// The digits of `value` in `radix` (2 to 36), upper case, with a minus sign if negative.
pub fn integer_to_text(value: &Integer, radix: u32) -> Vec<u8> {
    match value {
        Integer::Small(value) => small_to_text(*value, radix),
        Integer::Big(value) => big_to_text(value, radix),
    }
}

fn small_to_text(value: i64, radix: u32) -> Vec<u8> {
    if radix == 10 {
        return value.to_string().into_bytes();
    }
    let mut digits = Vec::with_capacity(65);
    let mut rest = value.unsigned_abs();
    let radix = radix.clamp(2, 36) as u64;
    loop {
        digits.push(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[(rest % radix) as usize]);
        rest /= radix;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        digits.push(b'-');
    }
    digits.reverse();
    digits
}

fn big_to_text(value: &BigInt, radix: u32) -> Vec<u8> {
    let (sign, mut digits) = value.to_radix_be(radix.clamp(2, 36));
    for digit in &mut digits {
        *digit += if *digit < 10 { b'0' } else { b'A' - 10 };
    }
    if sign == Sign::Minus {
        digits.insert(0, b'-');
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, radix: u32) -> Option<String> {
        let value = parse_integer(text.as_bytes(), radix).ok()?;
        String::from_utf8(integer_to_text(&value, 10)).ok()
    }

    // Answers of list_to_integer/2.
    #[test]
    fn signs_and_digits() {
        for (text, radix, answer) in [
            ("+5", 10, Some("5")),
            ("-5", 10, Some("-5")),
            ("", 10, None),
            ("+", 10, None),
            ("-", 10, None),
            ("1_0", 10, None),
            ("zZ", 36, Some("1295")),
            ("-0", 10, Some("0")),
            ("ff", 16, Some("255")),
            ("12", 2, None),
            (" 1", 10, None),
            ("1 ", 10, None),
            ("+-1", 10, None),
            ("5", 1, None),
            ("5", 37, None),
            ("-9223372036854775808", 10, Some("-9223372036854775808")),
            ("123456789012345678901234567890", 10, Some("123456789012345678901234567890")),
        ] {
            assert_eq!(parse(text, radix).as_deref(), answer, "{text:?} in radix {radix}");
        }
    }

    #[test]
    fn the_smallest_i64_is_small() {
        assert_eq!(parse_integer(b"-9223372036854775808", 10), Ok(Integer::Small(i64::MIN)));
    }

    #[test]
    fn limit_is_65535_limbs() {
        assert!(parse_integer(&vec![b'F'; 1_048_560], 16).is_ok());
        assert_eq!(parse_integer(&vec![b'F'; 1_048_561], 16), Err(ParseIntegerError::SystemLimit));
        let mut zeros = vec![b'0'; 2_048_561];
        zeros.push(b'1');
        assert_eq!(parse_integer(&zeros, 16), Ok(Integer::Small(1)));
    }

    #[test]
    fn long_texts_survive_a_round_trip() {
        for length in [63, 64, 65, 127, 128, 129, 1000, 10_000] {
            for radix in [2, 7, 10, 16, 36] {
                let text: Vec<u8> = (0..length).map(|i| b"1011010"[i % 7]).collect();
                let value = parse_integer(&text, radix).unwrap();
                assert_eq!(integer_to_text(&value, radix), text);
            }
        }
    }

    #[test]
    fn text_is_upper_case() {
        assert_eq!(integer_to_text(&Integer::Small(-255), 16), b"-FF");
        assert_eq!(integer_to_text(&Integer::Small(i64::MIN), 36), b"-1Y2P0IJ32E8E8");
        let big = BigInt::from(0xABCDEFu64) << 64u32;
        assert_eq!(integer_to_text(&Integer::from(big), 16), b"ABCDEF0000000000000000");
    }
}
