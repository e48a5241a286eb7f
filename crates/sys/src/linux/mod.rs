//! Linux.

pub mod child;
pub mod clock;
pub mod descriptor;
pub mod file;
pub mod name;
pub mod poll;
pub mod random;
pub mod signals;
pub mod terminal;
