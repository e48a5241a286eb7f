//! The C library's mathematics: Rust's own differs in the last bit of some functions and lacks others.

/// Names a function of the C library safely.
macro_rules! functions {
    ($($(#[$documentation:meta])* $name:ident($($argument:ident),*);)*) => {
        mod c {
            unsafe extern "C" {
                $(pub fn $name($($argument: f64),*) -> f64;)*
            }
        }
        $($(#[$documentation])*
        pub fn $name($($argument: f64),*) -> f64 {
            // SAFETY: a function of numbers alone, with the standard's signature.
            unsafe { c::$name($($argument),*) }
        })*
    };
}

functions! {
    /// Arc cosine.
    acos(x);
    /// Inverse hyperbolic cosine.
    acosh(x);
    /// Arc sine.
    asin(x);
    /// Inverse hyperbolic sine.
    asinh(x);
    /// Arc tangent.
    atan(x);
    /// Inverse hyperbolic tangent.
    atanh(x);
    /// The whole number above, as a float.
    ceil(x);
    /// Cosine.
    cos(x);
    /// Hyperbolic cosine.
    cosh(x);
    /// Error function.
    erf(x);
    /// Complementary error function.
    erfc(x);
    /// Exponential function.
    exp(x);
    /// The whole number below, as a float.
    floor(x);
    /// Natural logarithm.
    log(x);
    /// Logarithm to base 10.
    log10(x);
    /// Logarithm to base 2.
    log2(x);
    /// Sine.
    sin(x);
    /// Hyperbolic sine.
    sinh(x);
    /// Square root.
    sqrt(x);
    /// Tangent.
    tan(x);
    /// Hyperbolic tangent.
    tanh(x);
    /// Angle of the point (`y`, `x`): its first argument is the ordinate.
    atan2(x, y);
    /// Remainder of a division, with the sign of `x`.
    fmod(x, y);
    /// `x` to the power of `y`.
    pow(x, y);
}
