//! Arithmetic on number terms: what the operators of guards and bodies do.
//!
//! Fast paths for small integers; [`oxbeam_number`] does the rest, from limbs on a heap to limbs on the heap. Nothing here
//! raises: an operation that cannot be done says why.

use crate::{Heap, Integer, Term, Value};
use oxbeam_number::{self as number, Integer as Number, Limbs};

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
enum Operand<'h> {
    Integer(Integer<'h>),
    Float(f64),
}

fn operand(term: Term<'_>) -> Option<Operand<'_>> {
    Some(match term.value() {
        Value::Small(value) => Operand::Integer(Integer::Small(value)),
        Value::Big(big) => Operand::Integer(Integer::Big(big)),
        Value::Float(float) => Operand::Float(float),
        _ => return None,
    })
}

fn integer_operand(term: Term<'_>) -> Result<Integer<'_>, ArithmeticError> {
    term.as_integer().ok_or(BadArith)
}

fn to_float(integer: Integer<'_>) -> Result<f64, ArithmeticError> {
    match integer {
        Integer::Small(value) => Ok(value as f64),
        Integer::Big(big) => number::to_f64(big.to_limbs()).ok_or(BadArith),
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

/// An operation on integers of any size.
type OnLimbs<'h> = fn(&'h Heap, Limbs<'_>, Limbs<'_>) -> Result<Term<'h>, number::SystemLimit>;

fn on_limbs<'h>(heap: &'h Heap, a: Integer<'h>, b: Integer<'h>, operation: OnLimbs<'h>) -> Outcome<'h> {
    let mut places = [0; 2];
    let [of_a, of_b] = &mut places;
    Ok(operation(heap, a.to_limbs(of_a), b.to_limbs(of_b))?)
}

fn binary<'h>(
    heap: &'h Heap,
    a: Term<'h>,
    b: Term<'h>,
    small: impl Fn(i128, i128) -> i128,
    big: OnLimbs<'h>,
    float: impl Fn(f64, f64) -> f64,
) -> Outcome<'h> {
    let (a, b) = (operand(a).ok_or(BadArith)?, operand(b).ok_or(BadArith)?);
    match (a, b) {
        (Operand::Integer(Integer::Small(a)), Operand::Integer(Integer::Small(b))) => {
            Ok(heap.double_integer(small(a.into(), b.into())))
        }
        (Operand::Integer(a), Operand::Integer(b)) => on_limbs(heap, a, b, big),
        (Operand::Float(a), Operand::Float(b)) => heap.finite(float(a, b)),
        (Operand::Float(a), Operand::Integer(b)) => heap.finite(float(a, to_float(b)?)),
        (Operand::Integer(a), Operand::Float(b)) => heap.finite(float(to_float(a)?, b)),
    }
}

/// `A + B`.
pub fn add<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Outcome<'h> {
    binary(heap, a, b, |a, b| a + b, number::add, |a, b| a + b)
}
/// `A - B`.
pub fn subtract<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Outcome<'h> {
    binary(heap, a, b, |a, b| a - b, number::subtract, |a, b| a - b)
}
/// `A * B`.
pub fn multiply<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Outcome<'h> {
    binary(heap, a, b, |a, b| a * b, number::multiply, |a, b| a * b)
}
/// `A / B`, always a float.
pub fn divide<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Outcome<'h> {
    let float = |term| match operand(term).ok_or(BadArith)? {
        Operand::Integer(integer) => to_float(integer),
        Operand::Float(float) => Ok(float),
    };
    let (a, b) = (float(a)?, float(b)?);
    if b == 0.0 { Err(BadArith) } else { heap.finite(a / b) }
}
/// `A div B`.
pub fn integer_divide<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Outcome<'h> {
    match (integer_operand(a)?, integer_operand(b)?) {
        (_, Integer::Small(0)) => Err(BadArith),
        // A small integer is far from the least of a word, so that the quotient fits one.
        (Integer::Small(a), Integer::Small(b)) => Ok(heap.integer(a / b)),
        (a, b) => on_limbs(heap, a, b, number::div),
    }
}
/// `A rem B`.
pub fn remainder<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Outcome<'h> {
    match (integer_operand(a)?, integer_operand(b)?) {
        (_, Integer::Small(0)) => Err(BadArith),
        (Integer::Small(a), Integer::Small(b)) => Ok(Term::small(a % b)),
        (a, b) => on_limbs(heap, a, b, number::rem),
    }
}
/// `-A`.
pub fn negate<'h>(heap: &'h Heap, a: Term<'h>) -> Outcome<'h> {
    match operand(a).ok_or(BadArith)? {
        Operand::Float(float) => Ok(heap.float(-float)),
        Operand::Integer(Integer::Small(value)) => Ok(heap.integer(-value)),
        Operand::Integer(Integer::Big(big)) => Ok(number::negate(heap, big.to_limbs())?),
    }
}
/// `abs(A)`.
pub fn absolute<'h>(heap: &'h Heap, a: Term<'h>) -> Outcome<'h> {
    match operand(a).ok_or(BadArith)? {
        Operand::Float(float) => Ok(heap.float(float.abs())),
        Operand::Integer(integer) if !integer.is_negative() => Ok(a),
        Operand::Integer(_) => negate(heap, a),
    }
}

macro_rules! bitwise {
    ($($(#[$documentation:meta])* $name:ident, $operator:tt, $big:path;)*) => {
        $($(#[$documentation])*
        pub fn $name<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Outcome<'h> {
            match (integer_operand(a)?, integer_operand(b)?) {
                (Integer::Small(a), Integer::Small(b)) => Ok(Term::small(a $operator b)),
                (a, b) => on_limbs(heap, a, b, $big),
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
        Integer::Small(value) => Ok(Term::small(!value)),
        Integer::Big(big) => Ok(number::bnot(heap, big.to_limbs())?),
    }
}

/// How far a shift goes. What needs more than a word is too far in any case.
fn distance(by: Integer<'_>) -> i64 {
    match by {
        Integer::Small(by) => by,
        Integer::Big(by) if by.is_negative() => i64::MIN,
        Integer::Big(_) => i64::MAX,
    }
}
/// `A bsl B`; a negative `B` shifts right.
pub fn shift_left<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Outcome<'h> {
    let (a, by) = (integer_operand(a)?, distance(integer_operand(b)?));
    match (a, by) {
        (Integer::Small(value), 0..=64) => Ok(heap.double_integer(i128::from(value) << by)),
        _ => Ok(number::bsl(heap, a.to_limbs(&mut 0), by)?),
    }
}
/// `A bsr B`; a negative `B` shifts left.
pub fn shift_right<'h>(heap: &'h Heap, a: Term<'h>, b: Term<'h>) -> Outcome<'h> {
    let (a, by) = (integer_operand(a)?, distance(integer_operand(b)?));
    match (a, by) {
        (Integer::Small(value), 0..) => Ok(Term::small(value >> by.min(63))),
        _ => Ok(number::bsr(heap, a.to_limbs(&mut 0), by)?),
    }
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
        Operand::Integer(integer) => to_float(integer).ok(),
    }
}
