//! The built-in functions, by family. Each is one item: name, documentation, contract, code.
//!
//! Start with any file; `build.rs` collects what is marked `#[bif]` into [`table`].
#![forbid(unsafe_code)]

pub(crate) mod asn1;
pub(crate) mod atomics;
pub(crate) mod binary;
pub(crate) mod code;
pub(crate) mod coverage;
#[cfg(test)]
mod data_tests;
pub(crate) mod erlang;
pub mod ets;
pub mod io;
pub mod iolist;
pub(crate) mod lists;
pub(crate) mod maps;
pub(crate) mod math;
pub mod os;
pub(crate) mod persistent_term;
pub mod printable;
pub(crate) mod re;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod tracing;
pub(crate) mod unicode;

/// Sets the environment variables that Erlang code and its programs see.
pub fn set_environment(vm: &oxbeam_runtime::Vm, variables: Vec<(Vec<u8>, Vec<u8>)>) {
    vm.extension::<os::Environment>().replace(variables);
}

pub use code::parsed_ahead::{parse as parse_file, parse_ahead};
pub use erlang::node::{WarningsAs, set_warning_map};

/// Gives a machine what the families of BIFs need in it beside their functions. Called once when it is built.
pub fn install(vm: &oxbeam_runtime::Vm) {
    io::install(vm);
    erlang::timer::install(vm);
    ets::install(vm);
    tracing::install(vm);
}

include!(concat!(env!("OUT_DIR"), "/table.rs"));
