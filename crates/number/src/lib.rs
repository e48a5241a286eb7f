//! Numbers as text and bytes: float formatting and parsing, integers in any radix.
#![forbid(unsafe_code)]
