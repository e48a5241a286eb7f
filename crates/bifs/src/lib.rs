//! The built-in functions, by family. Each is one item: name, documentation, contract, code.
//!
//! Start with any file; `build.rs` collects what is marked `#[bif]` into [`table`].
#![forbid(unsafe_code)]

pub(crate) mod erlang;
pub mod ets;

include!(concat!(env!("OUT_DIR"), "/table.rs"));
