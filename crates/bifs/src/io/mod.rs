//! The outside world: files, ports, the terminal, compression, signals of the operating system.
//!
//! All calls of the operating system go through `oxbeam_sys`. What the families share (readiness, child programs, the
//! encoding of names) is one [`System`] per machine, started on first use.

pub(crate) mod break_menu;
pub(crate) mod buffer;
pub(crate) mod ddll;
pub(crate) mod names;
pub mod ports;
pub(crate) mod prim_file;
pub(crate) mod prim_net;
pub(crate) mod prim_tty;
pub mod signals;
pub(crate) mod socket;
mod system;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod tracer;
pub(crate) mod zlib;

pub use names::{BadNames, NameEncoding};
pub use ports::PortTable;
pub use prim_file::set_janitor as set_file_janitor;
pub use system::System;

use oxbeam_runtime::Vm;

/// Connects files and ports with the machine's processes; called once when a machine is built.
pub fn install(vm: &Vm) {
    prim_file::install(vm);
    prim_tty::install(vm);
    ports::install(vm);
    socket::install(vm);
}

/// Gives all terminals their modes back: to be called when the program ends.
pub fn restore_terminals(vm: &Vm) {
    prim_tty::restore(vm);
    vm.extension::<break_menu::BreakMenu>().take_key_back();
}
