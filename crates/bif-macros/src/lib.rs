//! The `#[bif]` attribute.
#![forbid(unsafe_code)]
