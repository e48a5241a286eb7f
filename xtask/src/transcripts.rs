//! `cargo xtask bless` and `cargo xtask transcripts`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use oxbeam_conformance::{Replay, Runner, Verdict, bless, discover};

/// Records expectations on the real system.
///
/// Options: `--reference COMMAND` (default: the environment variable `OXBEAM_REFERENCE`), `--only PATTERN`, `--jobs N`.
pub fn record(arguments: &[String]) -> Result<ExitCode, String> {
    let mut reference = std::env::var("OXBEAM_REFERENCE").ok();
    let mut only = None;
    let mut jobs = None;
    options(arguments, &["--reference", "--only", "--jobs"], |name, value| match name {
        "--reference" => reference = Some(value),
        "--only" => only = Some(value),
        "--jobs" => jobs = Some(value),
        _ => unreachable!("only known names arrive"),
    })?;
    let prefix: Vec<String> = reference.unwrap_or_default().split_whitespace().map(String::from).collect();
    if prefix.is_empty() {
        return Err("which command runs the real system? Give --reference COMMAND or set OXBEAM_REFERENCE \
                    (`env` when the real elixir and erl are on the path)"
            .into());
    }
    let root = root();
    let (transcripts, _) = discover(&root, only.as_deref()).map_err(|error| error.to_string())?;
    let jobs = jobs.map_or(Ok(1), |jobs| jobs.parse::<usize>().map_err(|_| format!("{jobs} is not a number")))?;
    let runner = Runner::Prefix(prefix);
    let (next, failures) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let worker = || {
        while let Some(transcript) = transcripts.get(next.fetch_add(1, Ordering::Relaxed)) {
            match bless(transcript, &root, &runner) {
                Ok(true) => println!("recorded  {}", transcript.name),
                Ok(false) => println!("unchanged {}", transcript.name),
                Err(error) => {
                    failures.fetch_add(1, Ordering::Relaxed);
                    println!("FAILED    {}: {error}", transcript.name);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(worker);
        }
    });
    let failed = failures.into_inner();
    println!("{} recorded, {failed} failed", transcripts.len() - failed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Replays transcripts on this machine.
///
/// Options: `--only PATTERN`, `--except NAME` (may be repeated), `--machine FOLDER` (default: `bin`), `--timeout SECONDS`,
/// `--jobs N`.
pub fn replay(arguments: &[String]) -> Result<ExitCode, String> {
    let mut replay = Replay::new(root());
    let mut machine = None;
    let (mut timeout, mut jobs) = (replay.timeout.as_secs(), replay.jobs as u64);
    let mut wrong_number = None;
    let mut number = |value: String, target: &mut u64| match value.parse() {
        Ok(number) => *target = number,
        Err(_) => wrong_number = Some(value),
    };
    options(arguments, &["--only", "--except", "--machine", "--timeout", "--jobs"], |name, value| match name {
        "--only" => replay.only = Some(value),
        "--except" => replay.except.push(value),
        "--machine" => machine = Some(value),
        "--timeout" => number(value, &mut timeout),
        "--jobs" => number(value, &mut jobs),
        _ => unreachable!("only known names arrive"),
    })?;
    if let Some(value) = wrong_number {
        return Err(format!("{value} is not a number"));
    }
    if let Some(machine) = machine {
        replay.machine = std::path::absolute(machine).map_err(|error| error.to_string())?;
    }
    replay.timeout = Duration::from_secs(timeout);
    replay.jobs = usize::try_from(jobs).unwrap_or(1);
    let summary = replay
        .run(&|transcript, verdict, elapsed| {
            let name = &transcript.name;
            let seconds = elapsed.as_secs_f64();
            match verdict {
                Verdict::Passed => println!("passed   {name} ({seconds:.1} s)"),
                Verdict::PassedAgain(difference) => {
                    println!("passed   {name} ({seconds:.1} s, when played again; at first:)\n{difference}");
                }
                Verdict::FailedAsExpected => println!("known    {name} ({seconds:.1} s)"),
                Verdict::SurprisePass => println!("FAILED   {name}: passes; take it off tests/expected_failures.toml"),
                Verdict::Failed(difference) => println!("FAILED   {name} ({seconds:.1} s)\n{difference}"),
            }
        })
        .map_err(|error| error.to_string())?;
    println!("transcripts: {summary}");
    Ok(if summary.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Hands each `--name value` or `--name=value` to `accept`; a name that is not `known` is an error.
pub fn options(arguments: &[String], known: &[&str], mut accept: impl FnMut(&str, String)) -> Result<(), String> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value.to_string())),
            None => (argument.as_str(), arguments.next().cloned()),
        };
        if !known.contains(&name) {
            return Err(format!("unknown option {name}"));
        }
        accept(name, value.ok_or_else(|| format!("{name} needs a value"))?);
    }
    Ok(())
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the root").to_path_buf()
}
