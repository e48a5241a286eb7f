//! The built-in functions, by family. Each is one item: name, documentation, contract, code.
//!
//! Start with any file; `build.rs` collects what is marked `#[bif]` into [`table`].
#![forbid(unsafe_code)]

pub(crate) mod atomics;
pub(crate) mod erlang;
pub mod io;
pub(crate) mod iolist;
pub(crate) mod lists;
pub mod os;
pub(crate) mod persistent_term;
pub(crate) mod re;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod unicode;

/// Connects the families with the machine; called once when a machine is built.
pub fn install(vm: &oxbeam_runtime::Vm) {
    io::install(vm);
}

/// Sets the environment variables that Erlang code and its programs see.
pub fn set_environment(_vm: &oxbeam_runtime::Vm, _variables: Vec<(Vec<u8>, Vec<u8>)>) {}

/// Gives a machine what the families of BIFs need in it beside their functions. Called once when it is built.
pub fn install(vm: &oxbeam_runtime::Vm) {
    erlang::timer::install(vm);
}
pub(crate) mod maps;
pub(crate) mod math;

include!(concat!(env!("OUT_DIR"), "/table.rs"));
