//! Checks that need a build of their own: `cargo xtask gc-stress`, `loom`, `miri`, `fuzz`.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::transcripts;

/// One transcript may take this many seconds when every safepoint collects.
const STRESS_TIMEOUT_SECONDS: &str = "900";
/// Transcripts that wait for a program that says nothing more wait this many seconds then.
const STRESS_PAUSE_SECONDS: &str = "30";

/// Crates whose tests have heaps that something collects.
const STRESS_PACKAGES: [&str; 7] =
    ["oxbeam-term", "oxbeam-etf", "oxbeam-ets", "oxbeam-runtime", "oxbeam-bifs", "oxbeam-interpreter", "oxbeam"];

/// Transcripts that print how often a heap is collected, or that it was not since the process hibernates: neither is so then.
const TELL_OF_COLLECTIONS: [&str; 3] = ["erlang/hibernation", "erlang/tracing", "erlang/tracing_tools"];

/// Builds with `--cfg gc_stress` in a target folder of its own; runs the crates' tests and replays the transcripts so.
///
/// Options: those of `cargo xtask transcripts`, and `--part crates` or `--part transcripts` for one of the two.
pub fn gc_stress(arguments: &[String]) -> Result<ExitCode, String> {
    let (mut part, mut only, mut replaying) = (None, None, Vec::new());
    transcripts::options(arguments, &["--part", "--only", "--timeout", "--jobs"], |name, value| match name {
        "--part" => part = Some(value),
        _ => {
            replaying.extend([name.to_string(), value.clone()]);
            if name == "--only" {
                only = Some(value);
            }
        }
    })?;
    let parts = match part.as_deref() {
        None => (true, true),
        Some("crates") => (true, false),
        Some("transcripts") => (false, true),
        Some(other) => return Err(format!("there is no part {other}: crates or transcripts")),
    };
    let target = transcripts::root().join("target/gc_stress");
    let mut result = ExitCode::SUCCESS;
    if parts.0 {
        let packages = STRESS_PACKAGES.iter().flat_map(|package| ["--package", package]);
        result = run(stress_cargo("test", &target).arg("--quiet").args(packages).arg("--").args(only))?;
    }
    if parts.1 {
        let built = run(stress_cargo("build", &target).args(["--package", "oxbeam-cli"]))?;
        if built != ExitCode::SUCCESS {
            return Ok(built);
        }
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let replayed = run(Command::new(program)
            .args(["transcripts", "--timeout", STRESS_TIMEOUT_SECONDS])
            .args(TELL_OF_COLLECTIONS.iter().flat_map(|name| ["--except", name]))
            .args(replaying)
            .env("TRANSCRIPT_PAUSE", STRESS_PAUSE_SECONDS)
            .env("TRANSCRIPT_STEP", STRESS_TIMEOUT_SECONDS)
            .env("OXBEAM_BINARY", binary(&target)))?;
        if replayed != ExitCode::SUCCESS {
            result = replayed;
        }
    }
    Ok(result)
}

/// `cargo TASK` for code that collects at every safepoint: optimised, since it does hundreds of times the work, and with
/// assertions.
fn stress_cargo(task: &str, target: &Path) -> Command {
    let mut command = Command::new(cargo());
    command
        .args([task, "--target-dir"])
        .arg(target)
        .env("RUSTFLAGS", "--cfg gc_stress")
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "3")
        .current_dir(transcripts::root());
    command
}

/// Runs the models of the `runtime` crate's protocols under loom, in a target folder of their own.
pub fn loom(arguments: &[String]) -> Result<ExitCode, String> {
    let root = transcripts::root();
    let all = ["loom_tests".to_string()];
    run(Command::new(cargo())
        .args(["test", "--package", "oxbeam-runtime", "--lib", "--target-dir"])
        .arg(root.join("target/loom"))
        .args(if arguments.is_empty() { &all } else { arguments })
        .env("RUSTFLAGS", "--cfg loom")
        .current_dir(&root))
}

/// Runs the tests of terms, heaps and tables under Miri.
pub fn miri(arguments: &[String]) -> Result<ExitCode, String> {
    let install = "rustup toolchain install nightly && rustup +nightly component add miri rust-src";
    require("+nightly", &["miri", "--version"], install)?;
    run(rustup_cargo()
        .args(["+nightly", "miri", "test", "--package", "oxbeam-term", "--package", "oxbeam-ets", "--lib"])
        .args(arguments)
        // Locks would spend most of the time on exchanges that fail for no reason.
        // Words hold tagged addresses as integers: the provenance of what they point to is exposed when they are made.
        .env(
            "MIRIFLAGS",
            "-Zmiri-permissive-provenance -Zmiri-disable-isolation -Zmiri-compare-exchange-weak-failure-rate=0",
        )
        .current_dir(transcripts::root()))
}

/// Fuzz targets, each with the folder of its seeds in `fuzz/seeds`.
const FUZZ_TARGETS: [(&str, &str); 5] = [
    ("beam_file", "beam"),
    ("load", "beam"),
    ("external_term", "external_term"),
    ("match_spec", "match_spec"),
    ("regex", "regex"),
];
const FUZZ_SECONDS: &str = "240";
/// One input may take this many seconds; they are small, so more means that work is out of proportion.
const FUZZ_INPUT_SECONDS: &str = "20";

/// Runs fuzz targets one after the other, each for `--seconds`; what is found lies in `fuzz/artifacts/TARGET`.
pub fn fuzz(arguments: &[String]) -> Result<ExitCode, String> {
    let (mut seconds, mut only) = (FUZZ_SECONDS.to_string(), None);
    transcripts::options(arguments, &["--seconds", "--only"], |name, value| match name {
        "--seconds" => seconds = value,
        _ => only = Some(value),
    })?;
    let targets: Vec<_> =
        FUZZ_TARGETS.into_iter().filter(|(name, _)| only.as_ref().is_none_or(|only| name.contains(only))).collect();
    if targets.is_empty() {
        return Err(format!("no fuzz target is named like {}", only.unwrap_or_default()));
    }
    require("+nightly", &["fuzz", "--version"], "rustup toolchain install nightly && cargo install cargo-fuzz")?;
    let fuzz = transcripts::root().join("fuzz");
    let mut failed = Vec::new();
    for (target, seeds) in targets {
        println!("== {target}");
        let corpus = fuzz.join("corpus").join(target);
        std::fs::create_dir_all(&corpus).map_err(|error| format!("{}: {error}", corpus.display()))?;
        let ended = run(rustup_cargo()
            .args(["+nightly", "fuzz", "run", target])
            .args([corpus, fuzz.join("seeds").join(seeds)])
            .args(["--", "-print_final_stats=1", "-rss_limit_mb=4096"])
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-timeout={FUZZ_INPUT_SECONDS}"))
            .current_dir(&fuzz))?;
        if ended != ExitCode::SUCCESS {
            failed.push(target);
        }
    }
    if failed.is_empty() {
        println!("fuzz: no finding");
        return Ok(ExitCode::SUCCESS);
    }
    println!("fuzz: {} did not end well; what was found lies in fuzz/artifacts", failed.join(", "));
    Ok(ExitCode::FAILURE)
}

/// Fails with what to install when `cargo TOOLCHAIN ARGUMENTS` does not run.
fn require(toolchain: &str, arguments: &[&str], install: &str) -> Result<(), String> {
    let output = rustup_cargo().arg(toolchain).args(arguments).output();
    if output.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    Err(format!("cargo {toolchain} {} does not run; install it: {install}", arguments.join(" ")))
}

/// rustup's `cargo`, which takes a toolchain as its first argument: not the one that runs this program.
fn rustup_cargo() -> Command {
    let mut command = Command::new("cargo");
    for variable in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "RUSTDOC"] {
        command.env_remove(variable);
    }
    command
}

fn binary(target: &Path) -> std::path::PathBuf {
    target.join("debug").join(format!("oxbeam{}", std::env::consts::EXE_SUFFIX))
}

fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}

fn run(command: &mut Command) -> Result<ExitCode, String> {
    let status = command.status().map_err(|error| format!("{}: {error}", command.get_program().to_string_lossy()))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
