//! Replaying: each transcript runs on this machine and is compared with its expectation.

use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::record::seen;
use crate::{ExpectedFailures, Material, Runner, Transcript, diff, discover, terminal};

/// What to replay, and on what.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The root of the repository; programs run in it.
    pub root: PathBuf,
    /// The folder with `elixir`, `erl`, ...
    pub machine: PathBuf,
    /// Only transcripts whose name contains this.
    pub only: Option<String>,
    /// Not the transcripts with these names.
    pub except: Vec<String>,
    /// How long one program may take.
    pub timeout: Duration,
    /// How many run at a time.
    pub jobs: usize,
}

/// The outcome of one transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Printed what the real system prints.
    Passed,
    /// A session that differed at first, as the text shows, and passed when it was played again.
    PassedAgain(String),
    /// Did not; the text shows the difference.
    Failed(String),
    /// Failed, as `tests/expected_failures.toml` says it does.
    FailedAsExpected,
    /// Listed as failing, yet it passed: the list must lose a line.
    SurprisePass,
}

/// The outcome of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Same output as the real system.
    pub passed: usize,
    /// Different output, or a surprise pass.
    pub failed: usize,
    /// Known failures.
    pub failed_as_expected: usize,
    /// Left out by the filter.
    pub left_out: usize,
}

impl Summary {
    /// Whether nothing failed and something ran.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failed == 0 && self.passed + self.failed_as_expected > 0
    }

    fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Passed | Verdict::PassedAgain(_) => self.passed += 1,
            Verdict::Failed(_) | Verdict::SurprisePass => self.failed += 1,
            Verdict::FailedAsExpected => self.failed_as_expected += 1,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skipped = self.failed_as_expected + self.left_out;
        write!(formatter, "{} passed, {} failed, {skipped} skipped", self.passed, self.failed)?;
        if self.failed_as_expected > 0 {
            write!(formatter, " ({} of them known failures)", self.failed_as_expected)?;
        }
        Ok(())
    }
}

impl Replay {
    /// The transcripts of the repository at `root`, on the machine in its `bin`.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        let machine = root.join("bin");
        Self { root, machine, only: None, except: Vec::new(), timeout: Duration::from_secs(120), jobs: 2 }
    }

    /// Runs them all, telling `report` about each as it ends.
    ///
    /// # Errors
    ///
    /// When the transcripts or the list of expected failures cannot be read, or there is no machine to run them on.
    pub fn run(&self, report: &(dyn Fn(&Transcript, &Verdict, Duration) + Sync)) -> io::Result<Summary> {
        let elixir = self.machine.join("elixir");
        if !elixir.exists() {
            return Err(io::Error::other(format!("there is no {}", elixir.display())));
        }
        let expected_failures = ExpectedFailures::read(&self.root.join("tests/expected_failures.toml"))?;
        let (mut transcripts, mut left_out) = discover(&self.root, self.only.as_deref())?;
        let found = transcripts.len();
        transcripts.retain(|transcript| !self.except.contains(&transcript.name));
        left_out += found - transcripts.len();
        let queue = Mutex::new(VecDeque::from(transcripts));
        let summary = Mutex::new(Summary { left_out, ..Summary::default() });
        let worker = || {
            while let Some(transcript) = lock(&queue).pop_front() {
                let started = Instant::now();
                let verdict = self.judge(&transcript, &expected_failures);
                let mut summary = lock(&summary);
                summary.count(&verdict);
                report(&transcript, &verdict, started.elapsed()); // still locked: reports do not mix
            }
        };
        thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(worker);
            }
        });
        let summary = *lock(&summary);
        Ok(summary)
    }

    /// A session that differs is played once more: what two processes do at once may come out in another way, rarely, on
    /// the real system too.
    fn judge(&self, transcript: &Transcript, expected_failures: &ExpectedFailures) -> Verdict {
        let expected_to_fail = expected_failures.reason(&transcript.name).is_some();
        let Some(difference) = self.difference(transcript) else {
            return if expected_to_fail { Verdict::SurprisePass } else { Verdict::Passed };
        };
        if expected_to_fail {
            return Verdict::FailedAsExpected;
        }
        if !matches!(transcript.material, Material::Session(_)) {
            return Verdict::Failed(difference);
        }
        match self.difference(transcript) {
            None => Verdict::PassedAgain(difference),
            Some(last) => Verdict::Failed(last),
        }
    }

    /// The difference, or why there is nothing to compare; `None` when both are the same.
    fn difference(&self, transcript: &Transcript) -> Option<String> {
        self.compare(transcript).unwrap_or_else(|error| Some(format!("    {error}\n")))
    }

    fn compare(&self, transcript: &Transcript) -> io::Result<Option<String>> {
        let expected = fs::read_to_string(&transcript.expected).map_err(|error| {
            io::Error::other(format!("{}: {error}; record it: cargo xtask bless", transcript.expected.display()))
        })?;
        let runner = Runner::Folder(self.machine.clone());
        if let Material::Session(script) = &transcript.material {
            return terminal::difference(script, &expected, &runner, self.timeout);
        }
        let actual = seen(transcript, &self.root, &runner, self.timeout)?;
        Ok((expected != actual).then(|| diff(&expected, &actual)))
    }
}

/// A worker that panicked has left a whole queue and whole counts behind: poison means nothing here.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
