//! What the machine asks of the operating system: files, child processes, terminals, readiness, signals, clocks, names.
//!
//! Knows nothing of Erlang terms, processes or schedulers: paths are raw bytes, errors are [`Errno`],
//! events arrive by callback. There are no globals, and nothing here installs a signal handler unless
//! the command asks for it ([`signals::Signals::install`]).
//!
//! Start with [`mod@file`] for the model of a module, and [`poll`] for how events reach the machine.
//! What differs between platforms lives in one folder per platform; the rest is pure computation.

pub mod char_width;
mod char_width_table;
pub mod epmd;
mod errno;
pub mod inet_gethost;
pub mod math;
pub mod memory;
pub mod terminfo;
mod terminfo_names;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::{
    address, cached_file, child, clock, cpu_sup, descriptor, file, memsup, name, network, numbers, poll, random,
    signals, socket, terminal,
};

pub use errno::{Errno, Result, errno_name};
