//! Transcripts: programs, what the real system printed for them, and a runner that replays them on this machine.
//!
//! A transcript is a program (an Elixir script, an escript, or a shell script of commands) or a session in a terminal,
//! and a file with what is expected. Recording asks the real system, never this machine; replaying compares. Both sides pass through
//! [`mask`], which hides what differs from run to run: process identifiers, references, times, the folder's path.
//!
//! Knows nothing of the machine's crates: it starts `bin/elixir` and friends as a person would.
//! Start with [`discover`], then [`Replay`].
#![forbid(unsafe_code)]

mod command;
mod diff;
mod discover;
mod expected_failures;
mod mask;
mod record;
mod replay;
mod terminal;

pub use command::{Output, Runner};
pub use diff::diff;
pub use discover::{Material, Transcript, discover};
pub use expected_failures::ExpectedFailures;
pub use mask::mask;
pub use record::{BlessError, bless};
pub use replay::{Replay, Summary, Verdict};
