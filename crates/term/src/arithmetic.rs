//! Arithmetic on number terms: what the operators of guards and bodies do.
//!
//! Fast paths for small integers; the rest goes through [`oxbeam_number`]. Nothing here raises: an operation that
//! cannot be done says why.

use crate::{Heap, Term, Value};
use num_bigint::BigInt;
use oxbeam_number::{self as number, Integer as Number};

/// Why an operation failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArithmeticError {
    /// `badarith`.
    BadArith,
    /// `system_limit`: the result would be too large.
    SystemLimit,
}

/// A number term, or why there is none.
pub type Outcome<'h> = Result<Term<'h>, ArithmeticError>;

use ArithmeticError::BadArith;

impl From<number::SystemLimit> for ArithmeticError {
    fn from(_: number::SystemLimit) -> ArithmeticError {
        ArithmeticError::SystemLimit
    }
}

/// Either kind of number, as the operators see it.
enum Operand {
    Integer(Number),
    Float(f64),
}

fn operand(term: Term<'_>) -> Option<Operand> {
    Some(match term.value() {
        Value::Small(value) => Operand::Integer(Number::Small(value)),
        Value::Big(big) => Operand::Integer(Number::Big(big.to_bigint())),
        Value::Float(float) => Operand::Float(float),
        _ => return None,
    })
}

fn integer_operand(term: Term<'_>) -> Result<Number, ArithmeticError> {
    match operand(term) {
        Some(Operand::Integer(integer)) => Ok(integer),
        _ => Err(BadArith),
    }
}

fn to_float(integer: &Number) -> Result<f64, ArithmeticError> {
    match integer {
        Number::Small(value) => Ok(*value as f64),
        Number::Big(big) => number::to_f64(big).ok_or(BadArith),
    }
}

impl Heap {
    /// An integer term of a calculated number.
    pub fn number(&self, value: &Number) -> Term<'_> {
        match value {
            Number::Small(small) => self.integer(*small),
            Number::Big(big) => self.bigint(big),
        }
    }
    /// A float term, unless the value is not finite.
    pub fn finite(&self, value: f64) -> Outcome<'_> {
        if value.is_finite() { Ok(self.float(value)) } else { Err(BadArith) }
    }
}

fn binary<'h>(
    heap: &'h Heap,
    a: Term<'h>,
    b: Term<'h>,
    small: impl Fn(i64, i64) -> Option<i64>,
    big: impl Fn(&BigInt, &BigInt) -> Result<Number, number::SystemLimit>,
    float: impl Fn(f64, f64) -> f64,
) -> Outcome<'h> {
    let (a, b) = (operand(a).ok_or(BadArith)?, operand(b).ok_or(BadArith)?);
    match (a, b) {
        (Operand::Integer(Number::Small(a)), Operand::Integer(Number::Small(b))) => match small(a, b) {
            Some(value) => Ok(heap.integer(value)),
            None => Ok(heap.number(&big(&a.into(), &b.into())?)),
        },
        (Operand::Integer(a), Operand::Integer(b)) => Ok(heap.number(&big(&a.into_big(), &b.into_big())?)),
        (Operand::Float(a), Operand::Float(b)) => heap.finite(float(a, b)),
        (Operand::Float(a), Operand::Integer(b)) => heap.finite(float(a, to_float(&b)?)),
        (Operand::Integer(a), Operand::Float(b)) => heap.finite(float(to_float(&a)?, b)),
    }
}

/// `A + B`.
pub fn add<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Outcome<'h> {
    binary(heap, a, b, i64::checked_add, number::add, |a, b| a + b)
}
/// `A - B`.
pub fn subtract<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Outcome<'h> {
    binary(heap, a, b, i64::checked_sub, number::subtract, |a, b| a - b)
}
/// `A * B`.
pub fn multiply<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Outcome<'h> {
    binary(heap, a, b, i64::checked_mul, number::multiply, |a, b| a * b)
}
/// `A / B`, always a float.
pub fn divide<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Outcome<'h> {
    let float = |term| match operand(term).ok_or(BadArith)? {
        Operand::Integer(integer) => to_float(&integer),
        Operand::Float(float) => Ok(float),
    };
    let (a, b) = (float(a)?, float(b)?);
    if b == 0.0 { Err(BadArith) } else { heap.finite(a / b) }
}
/// `A div B`.
pub fn integer_divide<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Outcome<'h> {
    match (integer_operand(a)?, integer_operand(b)?) {
        (_, Number::Small(0)) => Err(BadArith),
        (Number::Small(a), Number::Small(b)) if b != -1 => Ok(heap.integer(a / b)),
        (a, b) => Ok(heap.number(&number::div(&a.into_big(), &b.into_big()).ok_or(BadArith)?)),
    }
}
/// `A rem B`.
pub fn remainder<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Outcome<'h> {
    match (integer_operand(a)?, integer_operand(b)?) {
        (_, Number::Small(0)) => Err(BadArith),
        (Number::Small(_), Number::Small(-1)) => Ok(Term::small(0)),
        (Number::Small(a), Number::Small(b)) => Ok(heap.integer(a % b)),
        (a, b) => Ok(heap.number(&number::rem(&a.into_big(), &b.into_big()).ok_or(BadArith)?)),
    }
}
/// `-A`.
pub fn negate<'h>(heap: &'h Heap, a: Term<'h>) -> Outcome<'h> {
    match operand(a).ok_or(BadArith)? {
        Operand::Float(float) => Ok(heap.float(-float)),
        Operand::Integer(Number::Small(value)) if value != i64::MIN => Ok(heap.integer(-value)),
        Operand::Integer(integer) => Ok(heap.number(&number::negate(&integer.into_big()))),
    }
}
/// `abs(A)`.
pub fn absolute<'h>(heap: &'h Heap, a: Term<'h>) -> Outcome<'h> {
    match operand(a).ok_or(BadArith)? {
        Operand::Float(float) => Ok(heap.float(float.abs())),
        Operand::Integer(Number::Small(value)) if value >= 0 => Ok(a),
        Operand::Integer(Number::Big(big)) if big.sign() == num_bigint::Sign::Plus => Ok(a),
        Operand::Integer(_) => negate(heap, a),
    }
}

macro_rules! bitwise {
    ($($(#[$documentation:meta])* $name:ident, $operator:tt, $big:path;)*) => {
        $($(#[$documentation])*
        pub fn $name<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Outcome<'h> {
            match (integer_operand(a)?, integer_operand(b)?) {
                (Number::Small(a), Number::Small(b)) => Ok(heap.integer(a $operator b)),
                (a, b) => Ok(heap.number(&$big(&a.into_big(), &b.into_big())?)),
            }
        })*
    };
}
bitwise! {
    /// `A band B`.
    band, &, number::band;
    /// `A bor B`.
    bor, |, number::bor;
    /// `A bxor B`.
    bxor, ^, number::bxor;
}

/// `bnot A`.
pub fn bnot<'h>(heap: &'h Heap, a: Term<'h>) -> Outcome<'h> {
    match integer_operand(a)? {
        Number::Small(value) => Ok(heap.integer(!value)),
        Number::Big(big) => Ok(heap.number(&number::bnot(&big)?)),
    }
}
/// `A bsl B`; a negative `B` shifts right.
pub fn shift_left<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Outcome<'h> {
    let (a, b) = (integer_operand(a)?, integer_operand(b)?);
    if let (Number::Small(value), Number::Small(by @ 0..=62)) = (&a, &b)
        && let shifted = value << by
        && shifted >> by == *value
    {
        return Ok(heap.integer(shifted));
    }
    Ok(heap.number(&number::bsl(&a, &b)?))
}
/// `A bsr B`; a negative `B` shifts left.
pub fn shift_right<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Outcome<'h> {
    let (a, b) = (integer_operand(a)?, integer_operand(b)?);
    if let (Number::Small(value), Number::Small(by @ 0..=62)) = (&a, &b) {
        return Ok(heap.integer(value >> by));
    }
    Ok(heap.number(&number::bsr(&a, &b)?))
}

fn rounded<'h>(heap: &'h Heap, a: Term<'h>, round: impl Fn(f64) -> Option<Number>) -> Outcome<'h> {
    match a.as_float() {
        Some(float) => Ok(heap.number(&round(float).ok_or(BadArith)?)),
        None if a.is_integer() => Ok(a),
        None => Err(BadArith),
    }
}
/// `trunc(A)`.
pub fn truncate<'h>(heap: &'h Heap, a: Term<'h>) -> Outcome<'h> {
    rounded(heap, a, number::float_truncate)
}
/// `round(A)`.
pub fn round<'h>(heap: &'h Heap, a: Term<'h>) -> Outcome<'h> {
    rounded(heap, a, number::float_round)
}
/// `floor(A)`.
pub fn floor<'h>(heap: &'h Heap, a: Term<'h>) -> Outcome<'h> {
    rounded(heap, a, number::float_floor)
}
/// `ceil(A)`.
pub fn ceiling<'h>(heap: &'h Heap, a: Term<'h>) -> Outcome<'h> {
    rounded(heap, a, number::float_ceil)
}
/// `float(A)`; `None` for what is no number or too large.
pub fn as_float(a: Term<'_>) -> Option<f64> {
    match operand(a)? {
        Operand::Float(float) => Some(float),
        Operand::Integer(integer) => to_float(&integer).ok(),
    }
}
