//! Arithmetic: what the real system answers, and comparison with other ways to calculate.

use super::*;
use crate::integer::{integer_to_text, parse_integer};
use crate::limbs::significant;
use num_traits::Zero;

/// Results as integers of their own.
struct Owned;

impl Build for Owned {
    type Built = Integer;
    fn build(self, limbs_max: usize, write: impl FnOnce(&mut [u64]) -> bool) -> Result<Integer, SystemLimit> {
        let mut result = vec![0; limbs_max];
        let negative = write(&mut result);
        let magnitude = &result[..significant(&result)];
        if magnitude.len() > MAX_LIMBS {
            return Err(SystemLimit);
        }
        Ok(Integer::from(from_limbs(Limbs { magnitude, negative })))
    }
}

/// An integer as limbs that stand here.
struct Held(Vec<u64>, bool);

impl Held {
    fn new(value: &BigInt) -> Held {
        Held(value.magnitude().to_u64_digits(), value.is_negative())
    }
    fn limbs(&self) -> Limbs<'_> {
        Limbs { magnitude: &self.0, negative: self.1 }
    }
}

macro_rules! of_two {
    ($($name:ident -> $result:ty;)*) => {
        $(fn $name(a: &BigInt, b: &BigInt) -> $result {
            super::$name(Owned, Held::new(a).limbs(), Held::new(b).limbs())
        })*
    };
}
of_two! {
    add -> Result<Integer, SystemLimit>;
    subtract -> Result<Integer, SystemLimit>;
    multiply -> Result<Integer, SystemLimit>;
    band -> Result<Integer, SystemLimit>;
    bor -> Result<Integer, SystemLimit>;
    bxor -> Result<Integer, SystemLimit>;
}

fn div(a: &BigInt, b: &BigInt) -> Option<Integer> {
    (!b.is_zero()).then(|| super::div(Owned, Held::new(a).limbs(), Held::new(b).limbs()).unwrap())
}

fn rem(a: &BigInt, b: &BigInt) -> Option<Integer> {
    (!b.is_zero()).then(|| super::rem(Owned, Held::new(a).limbs(), Held::new(b).limbs()).unwrap())
}

fn negate(a: &BigInt) -> Integer {
    super::negate(Owned, Held::new(a).limbs()).unwrap()
}

fn bnot(a: &BigInt) -> Result<Integer, SystemLimit> {
    super::bnot(Owned, Held::new(a).limbs())
}

/// A shift as far as a word says.
fn distance(by: &Integer) -> i64 {
    match by {
        Integer::Small(by) => *by,
        Integer::Big(by) => {
            if by.is_negative() {
                i64::MIN
            } else {
                i64::MAX
            }
        }
    }
}

fn bsl(a: &Integer, by: &Integer) -> Result<Integer, SystemLimit> {
    super::bsl(Owned, Held::new(&a.clone().into_big()).limbs(), distance(by))
}

fn bsr(a: &Integer, by: &Integer) -> Result<Integer, SystemLimit> {
    super::bsr(Owned, Held::new(&a.clone().into_big()).limbs(), distance(by))
}

fn to_f64(value: &BigInt) -> Option<f64> {
    super::to_f64(Held::new(value).limbs())
}

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

/// Numbers that are random, but always the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit
    }
    /// An integer of either sign: words of any bits, or of those with which carries go far.
    fn integer(&mut self) -> BigInt {
        let limbs = match self.below(4) {
            0 => self.below(4),
            1 => self.below(40),
            _ => self.below(200),
        };
        let kind = self.below(6);
        let mut magnitude: Vec<u64> = (0..limbs)
            .map(|_| match kind {
                0 => 0,
                1 => u64::MAX,
                2 => u64::MAX * self.below(2),
                3 => 1 << self.below(64),
                _ => self.next(),
            })
            .collect();
        if let Some(last) = magnitude.last_mut() {
            *last >>= self.below(64);
            *last |= u64::from(*last == 0);
        }
        from_limbs(Limbs { magnitude: &magnitude, negative: self.below(2) == 1 })
    }
}

/// How many pairs the comparisons below try.
const PAIRS: usize = if cfg!(miri) { 10 } else { 3000 };

// The library, which has code of its own for each operation, is the other way.
#[test]
fn passes_over_limbs_calculate_what_the_library_does() {
    let mut random = Random(88_172_645_463_325_252);
    for _ in 0..PAIRS {
        let (a, b) = (random.integer(), random.integer());
        assert_eq!(add(&a, &b), Ok(Integer::from(&a + &b)), "{a} + {b}");
        assert_eq!(subtract(&a, &b), Ok(Integer::from(&a - &b)), "{a} - {b}");
        assert_eq!(multiply(&a, &b), Ok(Integer::from(&a * &b)), "{a} * {b}");
        assert_eq!(band(&a, &b), Ok(Integer::from(&a & &b)), "{a} band {b}");
        assert_eq!(bor(&a, &b), Ok(Integer::from(&a | &b)), "{a} bor {b}");
        assert_eq!(bxor(&a, &b), Ok(Integer::from(&a ^ &b)), "{a} bxor {b}");
        assert_eq!(bnot(&a), Ok(Integer::from(!&a)), "bnot {a}");
        assert_eq!(negate(&a), Integer::from(-&a), "-{a}");
        assert_eq!(subtract(&a, &a), Ok(Integer::Small(0)));
        let farthest = [130, 14_000][random.below(2) as usize];
        let by = random.below(farthest);
        let (shifted, distance) = (Integer::from(a.clone()), Integer::Small(by as i64));
        assert_eq!(bsl(&shifted, &distance), Ok(Integer::from(&a << by)), "{a} bsl {by}");
        assert_eq!(bsr(&shifted, &distance), Ok(Integer::from(&a >> by)), "{a} bsr {by}");
    }
}

// What the library calculates for us: there is one quotient and one remainder that fit together like this.
#[test]
fn quotients_and_remainders_make_the_dividend() {
    let mut random = Random(3_935_559_000_370_003_845);
    let check = |a: &BigInt, b: &BigInt| {
        let (Some(quotient), Some(remainder)) = (div(a, b), rem(a, b)) else { return assert!(b.is_zero()) };
        let (quotient, remainder) = (quotient.into_big(), remainder.into_big());
        assert_eq!(add(&multiply(&quotient, b).unwrap().into_big(), &remainder), Ok(Integer::from(a.clone())));
        assert!(remainder.magnitude() < b.magnitude(), "{a} rem {b}");
        assert!(remainder.is_zero() || remainder.is_negative() == a.is_negative(), "{a} rem {b}");
    };
    for _ in 0..PAIRS {
        let (a, b) = (random.integer(), random.integer());
        check(&a, &b);
        let product = &a * &b;
        for nearby in [&product - 1, &product + 1, product] {
            check(&nearby, &a);
        }
    }
}

// Digits one by one, by the schoolbook.
fn text(value: &BigInt, radix: u32) -> Vec<u8> {
    let Held(mut limbs, negative) = Held::new(value);
    let mut digits = Vec::new();
    while significant(&limbs) > 0 || digits.is_empty() {
        let mut rest = 0;
        for limb in limbs.iter_mut().rev() {
            let dividend = u128::from(rest) << 64 | u128::from(*limb);
            *limb = (dividend / u128::from(radix)) as u64;
            rest = (dividend % u128::from(radix)) as u64;
        }
        digits.push(char::from_digit(rest as u32, radix).unwrap().to_ascii_uppercase() as u8);
    }
    if negative {
        digits.push(b'-');
    }
    digits.reverse();
    digits
}

#[test]
fn text_of_any_radix_both_ways() {
    let mut random = Random(1_181_783_497_276_652_981);
    for round in 0..PAIRS / 20 {
        let (value, radix) = (random.integer(), 2 + round as u32 % 35);
        let expected = text(&value, radix);
        let value = Integer::from(value);
        assert_eq!(integer_to_text(&value, radix), expected, "in radix {radix}");
        assert_eq!(parse_integer(&expected, radix), Ok(value.clone()), "in radix {radix}");
        assert_eq!(parse_integer(&expected.to_ascii_lowercase(), radix), Ok(value), "in radix {radix}");
    }
}

#[test]
fn limbs() {
    let value = from_limbs(Limbs { magnitude: &[1, 2, 0], negative: true });
    assert_eq!(value, BigInt::from(-1) - power(65));
    assert_eq!(big(super::Integer::from(value.clone()).into_big().to_string().as_str()), value);
    let mut place = 7;
    let zero = Limbs::of_small(0, &mut place);
    assert!(zero.is_zero() && !zero.negated().negative && zero.bits() == 0);
    assert_eq!(Limbs::of_small(i64::MIN, &mut place).bits(), 64);
}
