//! `cargo xtask cluster`: nodes of this machine and of the real system together.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::transcripts;

/// Where the lines stand that `tests/cluster/features.sh` prints for two real nodes.
const EXPECTED: [&str; 2] = ["cluster_signals", "cluster_nodes"];
/// What a transcript says of how the program ended.
const STATUS_LINE: &str = "[exit status: 0]";

/// Options: `--real ERL` for the program that starts a real node, `--machine FOLDER` for ours (default: `bin`), `--only NAME`
/// for a feature or a module of features, `--soak SECONDS` for a storm in place of the features.
pub fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let (mut real, mut machine, mut only, mut soak) = (None, None, None, None);
    transcripts::options(arguments, &["--real", "--machine", "--only", "--soak"], |name, value| match name {
        "--real" => real = Some(value),
        "--machine" => machine = Some(PathBuf::from(value)),
        "--only" => only = Some(value),
        _ => soak = Some(value),
    })?;
    let absolute = |path: &Path| path.canonicalize().map_err(|error| format!("{}: {error}", path.display()));
    let machine = absolute(&machine.unwrap_or_else(|| transcripts::root().join("bin")))?;
    let ours = text(&machine.join("erl"));
    let real = real.map(|real| absolute(Path::new(&real)).map(|real| text(&real))).transpose()?;
    match soak {
        Some(seconds) => storm(&machine, &ours, real.as_deref().unwrap_or(&ours), &seconds),
        None => features(&machine, &ours, real.as_deref(), only.as_deref()),
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A script of `tests/cluster`, with `epmd` of the machine.
fn script(machine: &Path, name: &str) -> Command {
    let mut command = Command::new("sh");
    let path = std::env::var("PATH").unwrap_or_default();
    command.arg(transcripts::root().join("tests/cluster").join(name)).stdin(Stdio::null());
    command.env("PATH", format!("{}:{path}", machine.display()));
    command
}

fn storm(machine: &Path, ours: &str, real: &str, seconds: &str) -> Result<ExitCode, String> {
    let status = script(machine, "storm.sh").args([seconds, ours, real, ours, real]).status();
    let ended_well = status.map_err(|error| error.to_string())?.success();
    Ok(if ended_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn features(machine: &Path, ours: &str, real: Option<&str>, only: Option<&str>) -> Result<ExitCode, String> {
    let mut directions = vec![("ours -> ours", ours, ours)];
    if let Some(real) = real {
        let others = [("ours -> real", ours, real), ("real -> ours", real, ours), ("real -> real", real, real)];
        directions.extend(others);
    }
    let mut expected = String::new();
    for name in EXPECTED {
        let path = transcripts::root().join(format!("tests/transcripts/commands/{name}.expected"));
        let lines = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        expected.extend(lines.lines().filter(|line| *line != STATUS_LINE).map(|line| format!("{line}\n")));
    }
    let mut result = ExitCode::SUCCESS;
    for (direction, near, far) in directions {
        let mut command = script(machine, "features.sh");
        let output = command.args([near, far]).args(only).output().map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stdout);
        let works = said.lines().filter(|line| line.ends_with(": works")).count();
        let unexpected: Vec<&str> = said.lines().filter(|line| !expected.lines().any(|other| other == *line)).collect();
        let missing = if only.is_some() { 0 } else { expected.lines().count().saturating_sub(said.lines().count()) };
        println!("{direction}: {works} features work, {} lines differ", unexpected.len() + missing);
        for line in &unexpected {
            println!("    {line}");
        }
        if !unexpected.is_empty() || missing > 0 {
            result = ExitCode::FAILURE;
        }
    }
    Ok(result)
}
