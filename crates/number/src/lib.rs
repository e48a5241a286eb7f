//! Numbers exactly as Erlang/OTP 27 has them: text of floats and integers, arithmetic of integers
//! of any size, comparison of integers with floats.
//!
//! Knows nothing of terms, heaps or processes: everything works on `i64`, [`Limbs`], [`BigInt`], `f64` and bytes.
//! Start with [`Integer`], [`add`] and [`float_to_short`]. The library for large integers is used here alone: others
//! name [`BigInt`] by this crate.
#![forbid(unsafe_code)]

mod arithmetic;
mod float;
mod integer;
mod limbs;

pub use arithmetic::{
    Build, MAX_BITS, MAX_LIMBS, SystemLimit, add, band, big, bnot, bor, bsl, bsr, bxor, div, double, float_ceil,
    float_floor, float_round, float_truncate, from_limbs, multiply, negate, rem, subtract, to_f64,
};
pub use float::{float_to_decimals, float_to_scientific, float_to_short, parse_float};
pub use integer::{Integer, ParseIntegerError, integer_to_text, parse_integer};
pub use limbs::{Limbs, significant};
pub use num_bigint::{BigInt, Sign};
