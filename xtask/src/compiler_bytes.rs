//! `cargo xtask compiler-bytes`: OTP's compiler on this machine writes the bytes that it writes on the real one.
//!
//! A compiler exercises maps, sorting, binaries, floats, `term_to_binary` and deflate on large inputs, and any
//! difference shows. The expected sums are recorded from the real `erlc`; they belong to one release of stdlib.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::transcripts::{options, root};

/// Compiles every module of stdlib and compares the sums of the files.
///
/// Options: `--machine FOLDER` (default: `bin`), `--record COMMAND` (writes the sums of what `COMMAND erlc` makes),
/// `--only PATTERN` (the names of modules).
pub fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let (mut machine, mut record, mut only) = (root().join("bin"), None, String::new());
    options(arguments, &["--machine", "--record", "--only"], |name, value| match name {
        "--machine" => machine = PathBuf::from(value),
        "--record" => record = Some(value),
        "--only" => only = value,
        _ => unreachable!("only known names arrive"),
    })?;
    let stdlib = sources()?;
    let erlc = match &record {
        Some(command) => format!("{command} erlc"),
        None => std::path::absolute(machine.join("erlc")).map_err(|error| error.to_string())?.display().to_string(),
    };
    let output = root().join("target/compiler-bytes");
    let _ = fs::remove_dir_all(&output);
    fs::create_dir_all(&output).map_err(|error| format!("{}: {error}", output.display()))?;
    let modules = modules(&stdlib, &only)?;
    let made = sums(&compile(&erlc, &stdlib, &output, &modules)?, &output)?;
    let header = format!("# {}", release(&stdlib));
    let file = root().join("tests/compiler-bytes.sha256");
    if record.is_some() {
        let text = format!("{header}\n{}\n", made.join("\n"));
        fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        println!("compiler-bytes: {} sums recorded", made.len());
        return Ok(ExitCode::SUCCESS);
    }
    let expected = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    if expected.lines().next() != Some(&header) {
        return Err(format!("the sums were not recorded for {}; record them again", release(&stdlib)));
    }
    Ok(report(&expected, &made, modules.len()))
}

fn report(expected: &str, made: &[String], modules: usize) -> ExitCode {
    let expected: Vec<&str> = expected.lines().collect();
    let different: Vec<&String> = made.iter().filter(|line| !expected.contains(&line.as_str())).collect();
    for line in &different {
        println!("differs  {}", line.split_whitespace().last().unwrap_or(line));
    }
    let missing = modules - made.len();
    println!(
        "compiler-bytes: {} the same, {} differ, {missing} not made",
        made.len() - different.len(),
        different.len()
    );
    if different.is_empty() && missing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The folder of stdlib's sources, which `bin/setup` gets when they are not there.
fn sources() -> Result<PathBuf, String> {
    let find = || {
        let places = [root().join(".setup/lib/erlang/lib"), root().join(".setup/sources")];
        let folders = places.iter().filter_map(|place| fs::read_dir(place).ok()).flatten().flatten();
        let mut stdlib = folders.filter(|entry| entry.file_name().to_string_lossy().starts_with("stdlib-"));
        stdlib.find(|entry| entry.path().join("src/lists.erl").exists()).map(|entry| entry.path())
    };
    if let Some(found) = find() {
        return Ok(found);
    }
    let setup = Command::new(root().join("bin/setup")).args(["--skip-build", "--sources"]).status();
    match setup {
        Ok(status) if status.success() => find().ok_or("bin/setup brought no sources of stdlib".into()),
        Ok(_) => Err("bin/setup --sources failed".into()),
        Err(error) => Err(format!("bin/setup: {error}")),
    }
}

/// Which stdlib it is, such as `stdlib-6.2.2.1`.
fn release(stdlib: &Path) -> String {
    stdlib.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn modules(stdlib: &Path, only: &str) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(stdlib.join("src")).map_err(|error| format!("{}: {error}", stdlib.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".erl") && name.contains(only)).collect();
    names.sort();
    Ok(names)
}

/// Compiles the modules with the include path of stdlib's own makefile, and says which files came of it.
fn compile(erlc: &str, stdlib: &Path, output: &Path, modules: &[String]) -> Result<Vec<String>, String> {
    let mut words = erlc.split(' ').map(String::from);
    let program = words.next().unwrap_or_default();
    let libraries = root().join(".setup/lib/erlang/lib");
    let mut includes = vec![];
    for entry in fs::read_dir(&libraries).map_err(|error| format!("{}: {error}", libraries.display()))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("stdlib-") || name.starts_with("kernel-") {
            includes.push(format!("-I{}", entry.path().join("include").display()));
        }
    }
    let mut command = Command::new(&program);
    command.args(words).arg("+deterministic").args(includes).arg("-o").arg(output).args(modules);
    // Its warnings are about documentation that is not in the sources; what went wrong shows in the files.
    let result = command.current_dir(stdlib.join("src")).output().map_err(|error| format!("{program}: {error}"))?;
    if !result.status.success() {
        print!("{}{}", String::from_utf8_lossy(&result.stdout), String::from_utf8_lossy(&result.stderr));
    }
    let files = modules.iter().map(|name| name.replace(".erl", ".beam"));
    Ok(files.filter(|name| output.join(name).exists()).collect())
}

fn sums(files: &[String], folder: &Path) -> Result<Vec<String>, String> {
    let result = Command::new("sha256sum").arg("--").args(files).current_dir(folder).output();
    let result = result.map_err(|error| format!("sha256sum: {error}"))?;
    Ok(String::from_utf8_lossy(&result.stdout).lines().map(String::from).collect())
}
