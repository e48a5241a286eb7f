//! Checks that need a build of their own: `cargo xtask gc-stress`, `loom`, `miri`.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::transcripts;

/// One transcript may take this many seconds when every safepoint collects.
const STRESS_TIMEOUT_SECONDS: &str = "900";

/// Builds with `--cfg gc_stress` in a target folder of its own, and replays the transcripts with that.
///
/// Options: those of `cargo xtask transcripts`.
pub fn gc_stress(arguments: &[String]) -> Result<ExitCode, String> {
    let root = transcripts::root();
    let target = root.join("target/gc_stress");
    let built = run(Command::new(cargo())
        .args(["build", "--package", "oxbeam-cli", "--target-dir"])
        .arg(&target)
        .env("RUSTFLAGS", "--cfg gc_stress")
        .current_dir(&root))?;
    if built != ExitCode::SUCCESS {
        return Ok(built);
    }
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    run(Command::new(program)
        .args(["transcripts", "--timeout", STRESS_TIMEOUT_SECONDS])
        .args(arguments)
        .env("OXBEAM_BINARY", binary(&target)))
}

/// Runs the models of the `runtime` crate's protocols under loom, in a target folder of their own.
pub fn loom(arguments: &[String]) -> Result<ExitCode, String> {
    let root = transcripts::root();
    run(Command::new(cargo())
        .args(["test", "--package", "oxbeam-runtime", "--lib", "--target-dir"])
        .arg(root.join("target/loom"))
        .args(["loom_tests"])
        .args(arguments)
        .env("RUSTFLAGS", "--cfg loom")
        .current_dir(&root))
}

/// Runs the tests of the `term` crate under Miri.
pub fn miri(arguments: &[String]) -> Result<ExitCode, String> {
    run(Command::new("cargo")
        .args(["+nightly", "miri", "test", "--package", "oxbeam-term", "--lib"])
        .args(arguments)
        // Words hold tagged addresses as integers: the provenance of what they point to is exposed when they are made.
        .env("MIRIFLAGS", "-Zmiri-permissive-provenance -Zmiri-disable-isolation")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO")
        .current_dir(transcripts::root()))
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
