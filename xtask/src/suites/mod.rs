//! `cargo xtask suites`: the suites that Elixir and OTP test themselves with.
//!
//! The sources come from Debian's source packages (`bin/setup --suites`), are built by the machine under test, and run
//! one suite (Elixir: one test file) in one machine at a time, so that a crash or a hang costs one suite. What the real
//! system answers, case by case, is recorded in `tests/suites/results`. Start with [`run`].

mod build;
mod results;
mod running;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use oxbeam_conformance::ExpectedFailures;

use crate::transcripts::{options, root};
use results::{Outcome, Recorded, Results};

const HELP: &str = "\
cargo xtask suites [--only APP[/SUITE][,...]] [--quick] [--machine FOLDER] [--jobs N] [--limit SECONDS]
    Run the suites of Elixir (elixir, eex, ex_unit, iex, logger, mix) and OTP (emulator, stdlib, kernel, compiler,
    crypto, ssl) with the programs in FOLDER (default: bin), compare with the real system's recorded results, and print the score.
    The first run fetches and builds the suites into .setup/suites and target/suites (minutes; needs make and a C compiler).
      --only     names of applications, or parts of the names of suites behind a slash: elixir, stdlib/lists, ssl/ssl_sni_SUITE
      --quick    a part that takes two or three minutes
      --jobs     suites at a time (1)
      --limit    seconds in which a case must end (120); then the machine is ended, and the case has hung
    A case that passes on the real system and not here must be listed in tests/suites/expected_failures.toml.
cargo xtask suites --record COMMAND [--only ...] [--jobs N] [--limit SECONDS]
    Run them on the real system, which `COMMAND erl` starts (`env` when it is on the path), and write tests/suites/results.
cargo xtask suites --list
    Print the names of all suites.
";

/// What runs the suites: programs in a folder, or a command in front of them.
pub struct System {
    /// Words in front of every command; empty for a machine of ours.
    prefix: Vec<String>,
    /// The folder that stands first in `PATH`.
    programs: Option<PathBuf>,
    /// Where its trees and its results are.
    folder: PathBuf,
}

struct Options {
    only: Vec<String>,
    quick: bool,
    jobs: usize,
    limit: Duration,
    record: bool,
    system: System,
}

/// One suite of one application; Elixir's are test files.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suite {
    /// The application's name.
    app: String,
    /// `lists_SUITE`, or `test/elixir/list_test.exs`.
    name: String,
}

impl std::fmt::Display for Suite {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.app, self.name)
    }
}

/// Runs suites and compares them with the recorded results, or records those. `--help` tells the options.
pub fn run(arguments: &[String]) -> Result<ExitCode, String> {
    if arguments.iter().any(|argument| argument == "--help") {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let folder = root().join("target/suites");
    let list = arguments.iter().any(|argument| argument == "--list");
    let options = parse(arguments, &folder)?;
    build::sources()?;
    let mut suites = build::suites()?;
    let expected = ExpectedFailures::read(&root().join("tests/suites/expected_failures.toml")).map_err(text)?;
    suites.retain(|suite| options.selects(suite));
    if list {
        suites.iter().for_each(|suite| println!("{suite}"));
        return Ok(ExitCode::SUCCESS);
    }
    if suites.is_empty() {
        return Err("no suite has such a name; cargo xtask suites --list prints them".into());
    }
    let elixir_seconds = build::build(&options.system, &folder, &suites)?;
    // A suite that is listed as a whole is not run, and counts as failed.
    let (left_out, suites): (Vec<Suite>, Vec<Suite>) =
        suites.into_iter().partition(|suite| !options.record && expected.reason(&suite.to_string()).is_some());
    let mut results = run_all(&options, &suites);
    results.extend(left_out.into_iter().map(|suite| (suite, Results::default())));
    if options.record {
        results::record(&results, elixir_seconds)?;
        return Ok(ExitCode::SUCCESS);
    }
    let recorded = Recorded::read()?;
    if let (Some(ours), Some(real)) = (elixir_seconds, recorded.elixir_seconds) {
        println!("lib/elixir compiled in {ours:.0} s; on the real system in {real:.0} s: {:.2} times", ours / real);
    }
    Ok(if results::report(&results, &recorded, &expected) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn parse(arguments: &[String], folder: &Path) -> Result<Options, String> {
    let flags = ["--quick", "--list"];
    let (flagged, valued): (Vec<String>, Vec<String>) =
        arguments.iter().cloned().partition(|argument| flags.contains(&argument.as_str()));
    let mut machine = root().join("bin");
    let (mut record, mut only) = (None, Vec::new());
    let (mut jobs, mut limit) = ("1".to_string(), "120".to_string());
    options(&valued, &["--only", "--machine", "--record", "--jobs", "--limit"], |name, value| match name {
        "--only" => only = value.split(',').map(String::from).collect(),
        "--machine" => machine = PathBuf::from(value),
        "--record" => record = Some(value),
        "--jobs" => jobs = value,
        _ => limit = value,
    })?;
    let number = |text: &str| text.parse::<usize>().map_err(|_| format!("{text} is not a number"));
    let system = match &record {
        Some(command) => System {
            prefix: command.split_whitespace().map(String::from).collect(),
            programs: None,
            folder: folder.join("real"),
        },
        None => System {
            prefix: Vec::new(),
            programs: Some(std::path::absolute(machine).map_err(text)?),
            folder: folder.join("ours"),
        },
    };
    Ok(Options {
        only,
        quick: flagged.iter().any(|flag| flag == "--quick"),
        jobs: number(&jobs)?.max(1),
        limit: Duration::from_secs(number(&limit)? as u64),
        record: record.is_some(),
        system,
    })
}

/// Suites that take a few seconds each and touch most of the machine.
const QUICK: &[&str] = &[
    "eex/",
    "logger/",
    "elixir/test/elixir/kernel/",
    "elixir/test/elixir/task",
    "elixir/test/elixir/map",
    "elixir/test/elixir/string_test",
    "elixir/test/elixir/process",
    "elixir/test/elixir/stream_test",
    "ex_unit/test/ex_unit/c",
    "compiler/bs_match_SUITE",
    "compiler/map_SUITE",
    "compiler/guard_SUITE",
    "stdlib/lists_SUITE",
    "stdlib/maps_SUITE",
    "stdlib/re_SUITE",
    "emulator/exception_SUITE",
    "emulator/fun_SUITE",
    "emulator/monitor_SUITE",
    "emulator/receive_SUITE",
];

impl Options {
    fn selects(&self, suite: &Suite) -> bool {
        let name = suite.to_string();
        let named = |pattern: &String| match pattern.split_once('/') {
            None => suite.app == *pattern,
            // `ssl_sni_SUITE` is not to mean `openssl_sni_SUITE` as well.
            Some((app, name)) if name.ends_with("_SUITE") => suite.app == app && suite.name == name,
            Some((app, part)) => suite.app == app && suite.name.contains(part),
        };
        (self.only.is_empty() || self.only.iter().any(named))
            && (!self.quick || QUICK.iter().any(|prefix| name.starts_with(prefix)))
    }
}

/// Runs the suites, `jobs` at a time.
fn run_all(options: &Options, suites: &[Suite]) -> BTreeMap<Suite, Results> {
    let next = AtomicUsize::new(0);
    let all = Mutex::new(BTreeMap::new());
    let worker = || {
        while let Some(suite) = suites.get(next.fetch_add(1, Ordering::Relaxed)) {
            let results = match running::run(&options.system, suite, options.limit) {
                Ok(results) => results,
                Err(error) => {
                    println!("{suite}: {error}");
                    Results::default()
                }
            };
            let passed = results.count(Outcome::Passed);
            println!("{suite}: {passed} of {} cases passed ({:.1} s)", results.cases.len(), results.seconds);
            all.lock().expect("no worker panics").insert(suite.clone(), results);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            scope.spawn(worker);
        }
    });
    all.into_inner().expect("no worker panics")
}

fn text(error: std::io::Error) -> String {
    error.to_string()
}
