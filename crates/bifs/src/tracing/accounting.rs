//! `call_time` and `call_memory`: what calls of functions cost the processes that make them.
//!
//! For each session and process a [`Clock`] says which function its costs go to now, and since when. A call puts the called function in the
//! caller's place; a trace frame on the stack brings that back when the call returns. A call in tail position has no frame of its own:
//! the frame below ends both.

use super::{Point, State};
use oxbeam_runtime::BifContext;
use oxbeam_term::Pid;
use parking_lot::Mutex;
use std::collections::HashMap;

/// Costs of a function's calls, by process: how many, and nanoseconds or words.
#[derive(Default)]
pub(super) struct Account {
    pub(super) paused: bool,
    pub(super) sums: Mutex<HashMap<Pid, (u64, i64)>>,
}

impl Account {
    fn charge(&self, pid: Pid, calls: u64, amount: i64) {
        let mut sums = self.sums.lock();
        let sum = sums.entry(pid).or_default();
        *sum = (sum.0 + calls, sum.1 + amount);
    }
}

/// What is being counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cost {
    Time,
    Memory,
}

impl Cost {
    pub(super) const BOTH: [Cost; 2] = [Cost::Time, Cost::Memory];
    /// Its bit in a trace frame.
    pub(super) fn bit(self) -> i64 {
        match self {
            Cost::Time => 1,
            Cost::Memory => 2,
        }
    }
    pub(super) fn account(self, point: &Point) -> Option<&Account> {
        match self {
            Cost::Time => point.time.as_ref(),
            Cost::Memory => point.memory.as_ref(),
        }
    }
    /// Where the caller's clock stands now.
    fn now(self, cx: &BifContext<'_>) -> i64 {
        match self {
            Cost::Time => cx.vm.clock.elapsed() as i64,
            Cost::Memory => (cx.heap.used_words() as u64 + cx.state.reclaimed_ever) as i64,
        }
    }
}

/// Which function costs go to (0 for none), and since when.
#[derive(Clone, Copy, Default)]
struct Clock {
    entry: u64,
    since: i64,
}

/// All clocks that run, by session, process and cost.
#[derive(Default)]
pub(super) struct Clocks(HashMap<(Pid, u64, u8), Clock>);

fn charge(state: &State, session: u64, entry: u64, cost: Cost, pid: Pid, calls: u64, amount: i64) {
    let point = state.sessions.get(&session).and_then(|session| session.points.get(&entry));
    if let Some(account) = point.and_then(|point| cost.account(point)) {
        account.charge(pid, calls, amount);
    }
}

/// Is it the function that the caller was spawned to run?
fn starts_with(cx: &BifContext<'_>, entry: u64) -> bool {
    let function = cx.vm.code.describe(entry);
    function.is_some_and(|(code, one, _)| (code.module, one.name, one.arity) == cx.state.initial_call)
}

impl Clocks {
    /// A function is called; returns the one that had the costs before.
    pub(super) fn call(&mut self, state: &State, cx: &BifContext<'_>, session: u64, entry: u64, cost: Cost) -> u64 {
        let (pid, now) = (cx.pid(), cost.now(cx));
        let key = (pid, session, cost.bit() as u8);
        let before = self.0.insert(key, Clock { entry, since: now });
        if before.is_none() && cost == Cost::Memory && starts_with(cx, entry) {
            // What a process is born with belongs to its first function.
            self.0.insert(key, Clock { entry, since: 0 });
        }
        let before = before.unwrap_or_default();
        if before.entry != 0 {
            charge(state, session, before.entry, cost, pid, 0, now - before.since);
        }
        charge(state, session, entry, cost, pid, 1, 0);
        before.entry
    }
    /// A call returns to one of `previous`.
    pub(super) fn returned(&mut self, state: &State, cx: &BifContext<'_>, session: u64, previous: u64, cost: Cost) {
        let (pid, now) = (cx.pid(), cost.now(cx));
        let Some(clock) = self.0.get_mut(&(pid, session, cost.bit() as u8)) else { return };
        let before = std::mem::replace(clock, Clock { entry: previous, since: now });
        if before.entry != 0 {
            charge(state, session, before.entry, cost, pid, 0, now - before.since);
        }
    }
    /// A process comes to run or ceases to: its time does not run meanwhile.
    pub(super) fn scheduled(&mut self, state: &State, pid: Pid, runs: bool, now: u64) {
        if self.0.is_empty() {
            return;
        }
        for session in state.sessions.keys() {
            let Some(clock) = self.0.get_mut(&(pid, *session, Cost::Time.bit() as u8)) else { continue };
            if !runs && clock.entry != 0 {
                charge(state, *session, clock.entry, Cost::Time, pid, 0, now as i64 - clock.since);
            }
            clock.since = now as i64;
        }
    }
    /// A process has ended.
    pub(super) fn end(&mut self, state: &State, pid: Pid, now: u64) {
        if self.0.is_empty() {
            return;
        }
        self.scheduled(state, pid, false, now);
        for session in state.sessions.keys() {
            for cost in Cost::BOTH {
                self.0.remove(&(pid, *session, cost.bit() as u8));
            }
        }
    }
    /// A session has ended.
    pub(super) fn end_session(&mut self, session: u64) {
        self.0.retain(|(_, of, _), _| *of != session);
    }
}
