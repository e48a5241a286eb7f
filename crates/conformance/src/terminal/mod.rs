//! Sessions: what a person types into a shell in a terminal, and what the screen shows after each step.
//!
//! A [`Session`] is a script of steps (`session.rs`). It is played in a real pseudo-terminal, which a POSIX shell has as
//! its controlling terminal ([`PseudoTerminal`]); a model of the screen ([`Screen`]) takes what is written. Recording waits
//! after each step until the prompt is back and the screen is quiet; replaying waits until the screen shows what was
//! recorded, so it is as fast as the machine and does not depend on time.

mod play;
mod pseudo_terminal;
mod screen;
mod session;

pub(crate) use play::{difference, record};
