//! The built-in functions, by family. Each is one item: name, documentation, contract, code.
//!
//! Start with any file; `build.rs` collects what is marked `#[bif]` into [`table`].
#![forbid(unsafe_code)]

pub(crate) mod erlang;
pub(crate) mod lists;
pub mod io;
pub(crate) mod iolist;
pub(crate) mod re;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod unicode;

include!(concat!(env!("OUT_DIR"), "/table.rs"));
