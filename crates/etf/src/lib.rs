//! The external term format, both ways: `term_to_binary`, `binary_to_term`, literals of modules.
//!
//! Knows nothing of processes, modules or nodes: a [`EncodeContext`] or [`DecodeContext`] answers what depends on
//! them. Both directions are explicit state machines over a work stack ([`Encoder`], [`Decoder`]), so that deep terms
//! need no Rust stack and big ones can be done in steps; [`encode`] and [`decode`] run them to their end.
//!
//! What comes in is never trusted: a count is believed only as far as bytes are left to pay for it.
#![forbid(unsafe_code)]

mod atom_cache;
mod compress;
mod context;
mod decode;
pub mod distribution;
mod encode;
mod reader;
mod tag;

pub use atom_cache::{CACHE_SIZE, MessageAtoms, SentAtoms, WithMessageAtoms, cache_place};
pub use context::{DecodeContext, EncodeContext, FunIdentity, Node, reference_from_words, reference_words};
pub use decode::{DecodeOptions, Decoded, Decoder, decode};
pub use encode::{COMPRESSION_DEFAULT, EncodeOptions, Encoder, LOCAL_HEAD_BYTES, encode, encoded_size};
pub use reader::DecodeError;

/// Something is too large for the format (`system_limit`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SystemLimit;

impl std::fmt::Display for SystemLimit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the term is too large for the external format")
    }
}

impl std::error::Error for SystemLimit {}
