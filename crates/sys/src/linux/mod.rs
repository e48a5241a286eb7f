//! Linux.

pub mod child;
pub mod clock;
pub mod file;
pub mod name;
pub mod poll;
pub mod signals;
pub mod terminal;
