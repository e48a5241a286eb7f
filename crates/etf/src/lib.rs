//! The external term format, both ways.
#![forbid(unsafe_code)]
