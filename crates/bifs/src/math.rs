//! Module `math`: the C library's functions, to the last bit.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_sys::math;
use oxbeam_term::{Term, arithmetic, atoms};

/// A number as a float: `badarg` for what is none, `badarith` for one that is too large.
fn number<'h>(cx: &BifContext<'h>, term: Term<'h>) -> Result<f64, Box<oxbeam_runtime::Interrupt<'h>>> {
    match arithmetic::as_float(term) {
        Some(value) => Ok(value),
        None if term.is_number() => Err(cx.raise(atoms::BADARITH)),
        None => cx.badarg(),
    }
}

fn one<'h>(cx: &BifContext<'h>, x: Term<'h>, function: impl Fn(f64) -> f64) -> BifResult<'h> {
    let x = number(cx, x)?;
    cx.heap.finite(function(x)).map_err(|_| cx.raise(atoms::BADARITH))
}

fn two<'h>(cx: &BifContext<'h>, x: Term<'h>, y: Term<'h>, function: impl Fn(f64, f64) -> f64) -> BifResult<'h> {
    let (x, y) = (number(cx, x)?, number(cx, y)?);
    cx.heap.finite(function(x, y)).map_err(|_| cx.raise(atoms::BADARITH))
}

/// Arc cosine. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:acos/1")]
fn acos<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::acos)
}

/// Inverse hyperbolic cosine. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:acosh/1")]
fn acosh<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::acosh)
}

/// Arc sine. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:asin/1")]
fn asin<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::asin)
}

/// Inverse hyperbolic sine. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:asinh/1")]
fn asinh<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::asinh)
}

/// Arc tangent. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:atan/1")]
fn atan<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::atan)
}

/// Inverse hyperbolic tangent. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:atanh/1")]
fn atanh<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::atanh)
}

/// The whole number above, as a float. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:ceil/1")]
fn ceil<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::ceil)
}

/// Cosine. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:cos/1")]
fn cos<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::cos)
}

/// Hyperbolic cosine. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:cosh/1")]
fn cosh<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::cosh)
}

/// Error function. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:erf/1")]
fn erf<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::erf)
}

/// Complementary error function. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:erfc/1")]
fn erfc<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::erfc)
}

/// Exponential function. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:exp/1")]
fn exp<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::exp)
}

/// The whole number below, as a float. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:floor/1")]
fn floor<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::floor)
}

/// Natural logarithm. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:log/1")]
fn log<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::log)
}

/// Logarithm to base 10. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:log10/1")]
fn log10<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::log10)
}

/// Logarithm to base 2. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:log2/1")]
fn log2<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::log2)
}

/// Sine. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:sin/1")]
fn sin<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::sin)
}

/// Hyperbolic sine. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:sinh/1")]
fn sinh<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::sinh)
}

/// Square root. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:sqrt/1")]
fn sqrt<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::sqrt)
}

/// Tangent. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:tan/1")]
fn tan<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::tan)
}

/// Hyperbolic tangent. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:tanh/1")]
fn tanh<'h>(cx: &mut BifContext<'h>, x: Term<'h>) -> BifResult<'h> {
    one(cx, x, math::tanh)
}

/// Angle of the point (`x`, `y`), given as `atan2(Y, X)`. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:atan2/2")]
fn atan2<'h>(cx: &mut BifContext<'h>, x: Term<'h>, y: Term<'h>) -> BifResult<'h> {
    two(cx, x, y, math::atan2)
}

/// Remainder of a division, with the sign of `x`. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:fmod/2")]
fn fmod<'h>(cx: &mut BifContext<'h>, x: Term<'h>, y: Term<'h>) -> BifResult<'h> {
    two(cx, x, y, math::fmod)
}

/// `x` to the power of `y`. `badarg` for what is no number, `badarith` where the result is none.
#[bif("math:pow/2")]
fn pow<'h>(cx: &mut BifContext<'h>, x: Term<'h>, y: Term<'h>) -> BifResult<'h> {
    two(cx, x, y, math::pow)
}
