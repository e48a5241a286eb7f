//! What a process did last, kept when it asks for that (`process_flag(save_calls, N)`).

use oxbeam_term::Atom;
use std::collections::VecDeque;

/// Something that a process did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastCall {
    /// It called a function with its module's name, or a BIF: module, function, arity.
    Function(Atom, Atom, u8),
    /// It sent a message.
    Send,
    /// It took a message out of its queue.
    Receive,
    /// A receive's time was over.
    Timeout,
}

/// The last calls of a process: a ring of fixed depth.
#[derive(Debug)]
pub struct LastCalls {
    calls: VecDeque<LastCall>,
    depth: u32,
}

impl LastCalls {
    /// How many calls OTP saves at most.
    pub const DEPTH_MAX: u32 = 10_000;

    /// Room for the last `depth` calls, at least one.
    pub fn new(depth: u32) -> LastCalls {
        let depth = depth.max(1);
        LastCalls { calls: VecDeque::with_capacity(depth as usize), depth }
    }
    /// How many are kept.
    pub fn depth(&self) -> u32 {
        self.depth
    }
    /// Keeps `call`; the oldest makes room.
    pub fn save(&mut self, call: LastCall) {
        if self.calls.len() == self.depth as usize {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }
    /// What is kept, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = LastCall> {
        self.calls.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::{LastCall, LastCalls};

    #[test]
    fn the_oldest_makes_room() {
        let mut calls = LastCalls::new(2);
        for call in [LastCall::Send, LastCall::Receive, LastCall::Timeout] {
            calls.save(call);
        }
        assert_eq!(calls.iter().collect::<Vec<_>>(), [LastCall::Receive, LastCall::Timeout]);
    }
}
