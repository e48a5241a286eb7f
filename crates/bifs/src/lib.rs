//! The built-in functions.
#![forbid(unsafe_code)]
