//! Fetching the suites' sources and building them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::{Suite, System, text};
use crate::transcripts::root;

/// Applications of Elixir, in the order in which they run.
const ELIXIR: [&str; 6] = ["eex", "logger", "ex_unit", "iex", "elixir", "mix"];
/// Applications of OTP, with the folder of their tests in its sources.
const OTP: [(&str, &str); 6] = [
    ("compiler", "lib/compiler/test"),
    ("stdlib", "lib/stdlib/test"),
    ("emulator", "erts/emulator/test"),
    ("kernel", "lib/kernel/test"),
    ("crypto", "lib/crypto/test"),
    ("ssl", "lib/ssl/test"),
];

/// Modules that are named like suites and test nothing.
const NO_TESTS: [&str; 1] = ["crypto_collect_labmachine_info_SUITE"];

/// Whether the application is one of Elixir's.
pub fn is_elixir(app: &str) -> bool {
    ELIXIR.contains(&app)
}

/// Fetches the sources, when they are not there.
pub fn sources() -> Result<(), String> {
    run(Command::new(root().join("bin/setup")).args(["--skip-build", "--suites"]))
}

/// All suites, found in the sources.
pub fn suites() -> Result<Vec<Suite>, String> {
    let sources = root().join(".setup/suites");
    let mut suites = Vec::new();
    for app in ELIXIR {
        let folder = sources.join("elixir/lib").join(app);
        let mut files = Vec::new();
        test_files(&folder.join("test"), &mut files).map_err(text)?;
        let names = files.iter().filter_map(|file| file.strip_prefix(&folder).ok()?.to_str().map(String::from));
        suites.extend(names.map(|name| Suite { app: app.into(), name }));
    }
    for (app, folder) in OTP {
        for entry in fs::read_dir(sources.join("erlang").join(folder)).map_err(text)? {
            let name = entry.map_err(text)?.file_name().to_string_lossy().into_owned();
            let is_suite = |module: &&str| {
                module.ends_with("_SUITE") && !module.ends_with("_bench_SUITE") && !NO_TESTS.contains(module)
            };
            if let Some(module) = name.strip_suffix(".erl").filter(is_suite) {
                suites.push(Suite { app: app.into(), name: module.into() });
            }
        }
    }
    suites.sort_by_key(|suite| (!is_elixir(&suite.app), suite.clone()));
    Ok(suites)
}

fn test_files(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "fixtures") {
                test_files(&path, files)?;
            }
        } else if path.to_string_lossy().ends_with("_test.exs") {
            files.push(path);
        }
    }
    Ok(())
}

/// Builds what the suites need, where it is not built yet. Returns the seconds that compiling `lib/elixir` took, if it did.
pub fn build(system: &System, folder: &Path, suites: &[Suite]) -> Result<Option<f64>, String> {
    fs::create_dir_all(&system.folder).map_err(text)?;
    let mut seconds = None;
    if suites.iter().any(|suite| is_elixir(&suite.app)) {
        seconds = build_elixir(system)?;
    }
    let used = |(app, _): &&(&str, &str)| suites.iter().any(|suite| suite.app == *app);
    let applications: Vec<_> = OTP.iter().filter(used).collect();
    if !applications.is_empty() {
        build_otp(folder, &applications)?;
    }
    Ok(seconds)
}

/// Each system compiles its own Elixir: that is a test, and the tests write into its folders.
fn build_elixir(system: &System) -> Result<Option<f64>, String> {
    let tree = system.folder.join("elixir");
    let stamp = system.folder.join("elixir.built");
    if stamp.exists() {
        return Ok(None);
    }
    let _ = fs::remove_dir_all(&tree);
    run(Command::new("cp").arg("-r").arg(root().join(".setup/suites/elixir")).arg(&tree))?;
    println!("building Elixir in {}", tree.display());
    let log = system.folder.join("elixir.log");
    let mut seconds = None;
    for (target, timed) in [("erlang", false), ("stdlib", true), ("compile", false)] {
        let started = Instant::now();
        let mut command = system.command(&tree, &[])?;
        command.args(["make", target]);
        append_output(&mut command, &log)?;
        run(&mut command).map_err(|error| format!("{error}; see {}", log.display()))?;
        if timed {
            seconds = Some(started.elapsed().as_secs_f64());
        }
    }
    fs::write(stamp, "").map_err(text)?;
    Ok(seconds)
}

/// OTP's test modules are compiled by this machine's compiler, for all systems: `cargo xtask compiler-bytes` shows that
/// its output is the same. Each application's tests are built when they are run for the first time.
fn build_otp(folder: &Path, applications: &[&(&str, &str)]) -> Result<(), String> {
    let (tree, log) = (folder.join("otp"), folder.join("otp.log"));
    let built = |app: &str| tree.join(format!("{app}.built"));
    let missing: Vec<_> = applications.iter().filter(|(app, _)| !built(app).exists()).collect();
    if !missing.is_empty() {
        println!("building OTP's suites in {}", tree.display());
        let mut command = Command::new(root().join("bin/escript"));
        command.arg(root().join("tests/suites/build_otp_suites.escript"));
        command.arg(root().join(".setup/suites/erlang")).arg(&tree);
        command.args(missing.iter().map(|(app, path)| format!("{app}={path}")));
        append_output(&mut command, &log)?;
        run(&mut command).map_err(|error| format!("{error}; see {}", log.display()))?;
        for (app, _) in missing {
            fs::write(built(app), "").map_err(text)?;
        }
    }
    let own = tree.join("own");
    fs::create_dir_all(&own).map_err(text)?;
    run(Command::new(root().join("bin/erlc")).arg("-o").arg(own).arg(root().join("tests/suites/suite_runner.erl")))
}

/// Sends what the command prints to the end of a file.
pub fn append_output(command: &mut Command, log: &Path) -> Result<(), String> {
    let output = fs::OpenOptions::new().create(true).append(true).open(log).map_err(text)?;
    command.stdout(output.try_clone().map_err(text)?).stderr(output);
    Ok(())
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = format!("{command:?}");
    let status = command.status().map_err(|error| format!("{name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed")) }
}
