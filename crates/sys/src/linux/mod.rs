//! Linux.

pub mod address;
pub mod cached_file;
pub mod child;
pub mod clock;
pub mod cpu_sup;
pub mod descriptor;
pub mod file;
pub mod memsup;
pub mod name;
pub mod network;
pub mod numbers;
pub mod poll;
pub mod random;
pub mod signals;
pub mod socket;
pub mod terminal;
