//! The built-in functions, by family. Each is one item: name, documentation, contract, code.
//!
//! Start with any file; `build.rs` collects what is marked `#[bif]` into [`table`].
#![forbid(unsafe_code)]

pub(crate) mod erlang;
pub(crate) mod lists;
pub(crate) mod maps;
pub(crate) mod math;

include!(concat!(env!("OUT_DIR"), "/table.rs"));
