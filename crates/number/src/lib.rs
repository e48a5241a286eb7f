//! Numbers exactly as Erlang/OTP 27 has them: text of floats and integers, arithmetic of integers
//! of any size, comparison of integers with floats.
//!
//! Knows nothing of terms, heaps or processes: everything works on `i64`, [`BigInt`], `f64` and bytes.
//! Start with [`Integer`] and [`float_to_short`].
#![forbid(unsafe_code)]

mod arithmetic;
mod float;
mod integer;

pub use arithmetic::{
    MAX_BITS, MAX_LIMBS, SystemLimit, add, band, bnot, bor, bsl, bsr, bxor, compare_big_float, compare_small_float,
    div, float_ceil, float_floor, float_round, float_truncate, from_limbs, multiply, negate, rem, subtract, to_f64,
    to_limbs,
};
pub use float::{float_to_decimals, float_to_scientific, float_to_short, parse_float};
pub use integer::{Integer, ParseIntegerError, integer_to_text, parse_integer};
pub use num_bigint::{BigInt, Sign};
