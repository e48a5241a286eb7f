//! Time as the machine sees it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// OTP's `erlang:system_info(start_time)`: where Erlang monotonic time begins, in nanoseconds.
pub const MONOTONIC_START: i64 = -576_460_752_000_000_000;

/// The machine's clock: monotonic since it was built, and the system's.
pub struct Clock {
    started: Instant,
    started_system: i64,
}

impl Clock {
    /// A clock that starts now.
    pub fn new() -> Clock {
        Clock { started: Instant::now(), started_system: system_nanoseconds() }
    }
    /// Nanoseconds since the machine was built.
    pub fn elapsed(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }
    /// Erlang monotonic time in nanoseconds.
    pub fn monotonic(&self) -> i64 {
        MONOTONIC_START + self.elapsed() as i64
    }
    /// Operating system time in nanoseconds since 1970.
    pub fn system(&self) -> i64 {
        system_nanoseconds()
    }
    /// What added to monotonic time gives system time.
    pub fn offset(&self) -> i64 {
        self.started_system - MONOTONIC_START
    }
    /// The instant of this many nanoseconds since the machine was built.
    pub fn instant(&self, elapsed: u64) -> Instant {
        self.started + Duration::from_nanos(elapsed)
    }
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::new()
    }
}

fn system_nanoseconds() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_nanos() as i64,
        Err(before) => -(before.duration().as_nanos() as i64),
    }
}
