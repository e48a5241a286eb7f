//! Outcomes of cases: reading what a run wrote, the recorded results of the real system, and the comparison of both.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use oxbeam_conformance::ExpectedFailures;

use super::{Suite, text};
use crate::transcripts::root;

/// How a case ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// As it should.
    Passed,
    /// Otherwise, or not at all.
    Failed,
    /// It did not want to run here.
    Skipped,
}

const WORDS: [(&str, Outcome); 3] =
    [("passed", Outcome::Passed), ("failed", Outcome::Failed), ("skipped", Outcome::Skipped)];

impl Outcome {
    fn parse(word: &str) -> Option<Self> {
        WORDS.iter().find(|(name, _)| *name == word).map(|(_, outcome)| *outcome)
    }

    fn word(self) -> &'static str {
        WORDS.iter().find(|(_, outcome)| *outcome == self).expect("every outcome has its word").0
    }
}

/// The cases of one suite.
#[derive(Default)]
pub struct Results {
    /// By name: the outcome, and what was said about it.
    pub cases: BTreeMap<String, (Outcome, String)>,
    /// Started, and not ended.
    open: BTreeSet<String>,
    /// How long the suite took.
    pub seconds: f64,
}

impl Results {
    /// Understands the file that `tests/suites/suite_runner.erl` describes.
    pub fn parse(text: &str) -> Self {
        let mut results = Self::default();
        for line in text.lines() {
            let mut fields = line.splitn(3, '\t');
            let (word, name) = (fields.next().unwrap_or_default(), fields.next().map(plain));
            let Some(name) = name else { continue };
            if let Some(outcome) = Outcome::parse(word) {
                results.open.remove(&name);
                results.cases.insert(name, (outcome, fields.next().unwrap_or_default().into()));
            } else if word == "start" {
                results.open.insert(name);
            }
        }
        results
    }

    /// Cases that were running failed, for this reason.
    pub fn close(&mut self, file: &Path, why: &str) -> Result<(), String> {
        let mut file = fs::OpenOptions::new().append(true).open(file).map_err(text)?;
        for name in std::mem::take(&mut self.open) {
            writeln!(file, "failed\t{name}\t{why}").map_err(text)?;
            self.cases.insert(name, (Outcome::Failed, why.into()));
        }
        Ok(())
    }

    /// How many cases ended so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.cases.values().filter(|(found, _)| *found == outcome).count()
    }
}

/// A name that can stand between quotation marks.
fn plain(name: &str) -> String {
    name.replace('"', "'").replace('\\', "/")
}

/// What the real system answered.
#[derive(Default)]
pub struct Recorded {
    suites: BTreeMap<Suite, Results>,
    /// Seconds in which it compiled `lib/elixir`.
    pub elixir_seconds: Option<f64>,
}

fn folder() -> PathBuf {
    root().join("tests/suites/results")
}

const COMPILATION: &str = "lib/elixir";

impl Recorded {
    /// Reads `tests/suites/results`. Each line is SUITE, CASE, OUTCOME; or SUITE, nothing, seconds.
    pub fn read() -> Result<Self, String> {
        let mut recorded = Self::default();
        for entry in fs::read_dir(folder()).map_err(text)? {
            let path = entry.map_err(text)?.path();
            let app = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            for line in fs::read_to_string(&path).map_err(text)?.lines() {
                let fields: Vec<&str> = line.split('\t').collect();
                let [name, case, value] = fields[..] else {
                    return Err(format!("{}: {line} is no result", path.display()));
                };
                recorded.add(&app, name, case, value).ok_or_else(|| format!("{}: {line}", path.display()))?;
            }
        }
        Ok(recorded)
    }

    fn add(&mut self, app: &str, name: &str, case: &str, value: &str) -> Option<()> {
        if name == COMPILATION {
            self.elixir_seconds = Some(value.parse().ok()?);
            return Some(());
        }
        let results = self.suites.entry(Suite { app: app.into(), name: name.into() }).or_default();
        if case.is_empty() {
            results.seconds = value.parse().ok()?;
        } else {
            results.cases.insert(case.into(), (Outcome::parse(value)?, String::new()));
        }
        Some(())
    }

    fn write(&self) -> Result<(), String> {
        let mut files: BTreeMap<&str, String> = BTreeMap::new();
        if let Some(seconds) = self.elixir_seconds {
            let _ = writeln!(files.entry("elixir").or_default(), "{COMPILATION}\t\t{seconds:.1}");
        }
        for (suite, results) in &self.suites {
            let file = files.entry(&suite.app).or_default();
            let _ = writeln!(file, "{}\t\t{:.1}", suite.name, results.seconds);
            for (case, (outcome, _)) in &results.cases {
                let _ = writeln!(file, "{}\t{case}\t{}", suite.name, outcome.word());
            }
        }
        for (app, text_of_app) in files {
            fs::write(folder().join(format!("{app}.tsv")), text_of_app).map_err(text)?;
        }
        Ok(())
    }
}

/// Writes what the real system answered into the recorded results, beside those of other suites.
pub fn record(results: &BTreeMap<Suite, Results>, elixir_seconds: Option<f64>) -> Result<(), String> {
    fs::create_dir_all(folder()).map_err(text)?;
    let mut recorded = Recorded::read()?;
    recorded.elixir_seconds = elixir_seconds.or(recorded.elixir_seconds);
    for (suite, results) in results {
        let cases = results.cases.clone();
        recorded.suites.insert(suite.clone(), Results { cases, seconds: results.seconds, ..Results::default() });
    }
    recorded.write()
}

/// One line of the table.
#[derive(Default)]
struct Score {
    cases: usize,
    real: usize,
    ours: usize,
    seconds_real: f64,
    seconds_ours: f64,
}

/// Prints the differences that are not listed, and the table. Says whether all is as expected.
pub fn report(results: &BTreeMap<Suite, Results>, recorded: &Recorded, expected: &ExpectedFailures) -> bool {
    let mut scores: BTreeMap<&str, Score> = BTreeMap::new();
    let mut as_expected = true;
    for (suite, ours) in results {
        let Some(real) = recorded.suites.get(suite) else {
            println!("{suite}: the real system's results are not recorded");
            continue;
        };
        let score = scores.entry(&suite.app).or_default();
        score.cases += real.cases.len();
        score.seconds_real += real.seconds;
        score.seconds_ours += ours.seconds;
        for (case, _) in real.cases.iter().filter(|(_, (outcome, _))| *outcome == Outcome::Passed) {
            let found = ours.cases.get(case);
            let passed = found.is_some_and(|(outcome, _)| *outcome == Outcome::Passed);
            score.real += 1;
            score.ours += usize::from(passed);
            let left_out = expected.reason(&suite.to_string()).is_some();
            as_expected &= left_out || judge(&format!("{suite}/{case}"), found, passed, expected);
        }
    }
    print_table(&scores);
    as_expected
}

/// Whether the case did what is expected of it. A reason that begins with `unsteady` expects both.
fn judge(name: &str, found: Option<&(Outcome, String)>, passed: bool, expected: &ExpectedFailures) -> bool {
    match expected.reason(name) {
        Some(reason) if passed && !reason.starts_with("unsteady") => {
            println!("FAILED {name}: passes; take it off tests/suites/expected_failures.toml");
            false
        }
        None if !passed => {
            println!("FAILED {name}: {}", found.map_or("did not run", |(_, why)| why.as_str()));
            false
        }
        _ => true,
    }
}

fn print_table(scores: &BTreeMap<&str, Score>) {
    println!(
        "{:<10} {:>6} {:>6} {:>6} {:>8} {:>8} {:>8}",
        "suites", "cases", "real", "ours", "of real", "real s", "ours s"
    );
    for (app, score) in scores {
        #[expect(clippy::cast_precision_loss, reason = "counts of cases are small")]
        let share = 100.0 * score.ours as f64 / (score.real.max(1)) as f64;
        println!(
            "{app:<10} {:>6} {:>6} {:>6} {share:>6.2} % {:>8.0} {:>8.0}",
            score.cases, score.real, score.ours, score.seconds_real, score.seconds_ours
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_started_and_did_not_end_is_open() {
        let results = Results::parse("start\ta/b\npassed\ta/b\t\nstart\tc \"d\"\nfailed\te\twhy\nend\n");
        assert_eq!(results.cases["a/b"], (Outcome::Passed, String::new()));
        assert_eq!(results.cases["e"], (Outcome::Failed, "why".into()));
        assert!(results.open.contains("c 'd'"));
    }
}
