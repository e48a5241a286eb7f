//! Running one suite in a machine of its own, and going on after that machine died or hung.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::build::{append_output, is_elixir};
use super::results::Results;
use super::{Suite, System, text};
use crate::transcripts::root;

/// A suite whose machine dies or hangs is started again this many times, for the cases that are left.
const RESTARTS: usize = 8;
/// How often a running suite is looked at.
const PERIOD: Duration = Duration::from_millis(50);
/// What is left of a run is ended after this many times the limit of one case.
const SUITE_LIMITS: u32 = 8;

impl System {
    /// A command that runs in `folder` with the system's programs first in `PATH`, and an environment of its own.
    pub fn command(&self, folder: &Path, environment: &[(&str, &Path)]) -> Result<Command, String> {
        let home = self.folder.join("home");
        fs::create_dir_all(&home).map_err(text)?;
        let mut words = self.prefix.clone();
        words.extend(["env".into(), "LANG=C.UTF-8".into(), format!("HOME={}", home.display())]);
        if let Some(programs) = &self.programs {
            let path = std::env::var("PATH").unwrap_or_default();
            words.push(format!("PATH={}:{path}", programs.display()));
        }
        words.extend(environment.iter().map(|(name, value)| format!("{name}={}", value.display())));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(folder).stdin(Stdio::null());
        Ok(command)
    }
}

enum Ended {
    Finished,
    Died,
    Hung,
}

/// Runs a suite; a case may take `limit`.
pub fn run(system: &System, suite: &Suite, limit: Duration) -> Result<Results, String> {
    let folder = system.folder.join("runs").join(&suite.app).join(suite.name.replace('/', "_"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(text)?;
    let file = folder.join("results");
    fs::write(&file, "").map_err(text)?;
    let started = Instant::now();
    let mut results = Results::default();
    for _ in 0..=RESTARTS {
        let before = results.cases.len();
        let mut command = command(system, suite, &folder, &file)?;
        append_output(&mut command, &folder.join("log"))?;
        let ended = watch(&mut command, &file, limit, limit * SUITE_LIMITS)?;
        results = Results::parse(&fs::read_to_string(&file).map_err(text)?);
        match ended {
            Ended::Finished => break,
            Ended::Died => results.close(&file, "the machine ended")?,
            Ended::Hung => results.close(&file, "no end within the limit")?,
        }
        // ExUnit runs all of a file again, and a suite that cannot start does not get further the next time.
        if is_elixir(&suite.app) || results.cases.len() == before {
            break;
        }
    }
    results.seconds = started.elapsed().as_secs_f64();
    Ok(results)
}

fn command(system: &System, suite: &Suite, folder: &Path, results: &Path) -> Result<Command, String> {
    let own = root().join("tests/suites");
    if is_elixir(&suite.app) {
        let tree = system.folder.join("elixir");
        let rebar3 = root().join(".setup/suites/rebar3");
        let environment = [("SUITE_RESULTS", results), ("REBAR3", rebar3.as_path())];
        let mut command = system.command(&tree.join("lib").join(&suite.app), &environment)?;
        command.arg(tree.join("bin/elixir"));
        if suite.app == "elixir" {
            command.args(["--sname", "primary"]);
        }
        command.arg("-r").arg(own.join("case_formatter.exs"));
        let helper = if suite.app == "elixir" { "test/elixir/test_helper.exs" } else { "test/test_helper.exs" };
        command.args(["-r", helper, "-r", &suite.name]);
        return Ok(command);
    }
    let trees = system.folder.with_file_name("otp");
    let tests = trees.join(format!("{}_test", suite.app));
    let mut command = system.command(folder, &[])?;
    command.args(["erl", "-noinput", "-boot", "start_sasl", "-sasl", "errlog_type", "error", "-sname"]);
    command.arg(format!("suites_{}_{}", std::process::id(), suite.name));
    command.arg("-pa").arg(trees.join("test_server")).arg(trees.join("own")).arg(&tests);
    command.args(["-run", "suite_runner", "main"]);
    command.arg(&tests).arg(&suite.name).arg(results).arg(folder);
    Ok(command)
}

/// Waits for the command's end. It is ended, with all that it started, when its results file has not grown for `limit`,
/// or after `all`.
fn watch(command: &mut Command, results: &Path, limit: Duration, all: Duration) -> Result<Ended, String> {
    let mut child = command.process_group(0).spawn().map_err(text)?;
    let started = Instant::now();
    let (mut length, mut grown) = (0, started);
    loop {
        let now = fs::metadata(results).map_err(text)?.len();
        if now != length {
            (length, grown) = (now, Instant::now());
        }
        if child.try_wait().map_err(text)?.is_some() {
            let text = fs::read_to_string(results).map_err(text)?;
            end_group(child.id());
            return Ok(if text.lines().last() == Some("end") { Ended::Finished } else { Ended::Died });
        }
        if grown.elapsed() > limit || started.elapsed() > all {
            end_group(child.id());
            child.wait().map_err(text)?;
            return Ok(Ended::Hung);
        }
        std::thread::sleep(PERIOD);
    }
}

/// Ends the processes that were started and have not left the group.
fn end_group(leader: u32) {
    let _ = Command::new("kill").args(["-KILL", "--", &format!("-{leader}")]).stderr(Stdio::null()).status();
}
