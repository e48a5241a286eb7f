//! `cargo xtask bif-status`: which functions OTP has in C and this machine does not have, in `docs/missing-bifs.md`.
//!
//! OTP's own modules tell. The NIFs of a module begin with the instruction `nif_start`. In modules without any, and in those
//! where every function begins with it, since they do not name their NIFs, a function that OTP has in C is a stub, which
//! does nothing but call `erlang:nif_error/1,2` or itself. What this machine has is marked `#[bif("module:function/arity"` in its sources.

use oxbeam_beam_file::{BeamFile, Code, Function, Op, Operand};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the list stands.
const LIST: &str = "docs/missing-bifs.md";
/// Functions that are instructions of the engine.
const INSTRUCTIONS: [&str; 2] = ["erlang:apply/2", "erlang:apply/3"];
/// Functions that OTP has in C on Windows only. Elsewhere their module does not load its library.
const WINDOWS_ONLY: [&str; 1] = ["pubkey_os_cacerts:os_cacerts/0"];
/// Folders with the functions of this machine.
const FOLDERS: [&str; 2] = ["crates/bifs/src", "crates/crypto/src"];

/// Names `function/arity`, by module.
type Functions = BTreeMap<String, BTreeSet<String>>;

/// Writes the list, or with `only_check` compares it with what it should be. True when it is up to date.
pub fn run(root: &Path, only_check: bool) -> Result<bool, String> {
    let library = root.join(".setup/lib/erlang/lib");
    let library = if library.is_dir() { library } else { root.join(".setup/lib") };
    let mut functions = BTreeSet::new();
    for folder in FOLDERS {
        functions.extend(present(&root.join(folder))?);
    }
    let text = render(&stubs(&library)?, &functions);
    let path = root.join(LIST);
    if only_check {
        return Ok(fs::read_to_string(&path).is_ok_and(|committed| committed == text));
    }
    fs::write(&path, text).map_err(|error| format!("{LIST}: {error}"))?;
    Ok(true)
}

fn render(stubs: &Functions, present: &BTreeSet<String>) -> String {
    let mut text = String::from(
        "# Missing BIFs\n\n\
         Functions that Erlang/OTP 27 has in C and this machine does not have. Calling one raises an error that names it. Written by\n\
         `cargo xtask bif-status` from OTP's own modules; `bin/test` checks that it is up to date.\n\n",
    );
    let (mut has, mut lacks) = (0, 0);
    let mut rows = String::new();
    for (module, functions) in stubs {
        let is_missing = |function: &&String| {
            let name = format!("{module}:{function}");
            !present.contains(&name) && !INSTRUCTIONS.contains(&&*name) && !WINDOWS_ONLY.contains(&&*name)
        };
        let missing: Vec<String> = functions.iter().filter(is_missing).map(|name| format!("`{name}`")).collect();
        has += functions.len() - missing.len();
        lacks += missing.len();
        if missing.len() == functions.len() {
            let _ = writeln!(rows, "| `{module}` | all {} |", functions.len());
        } else if !missing.is_empty() {
            let _ = writeln!(rows, "| `{module}` | {} |", missing.join(", "));
        }
    }
    let _ = write!(text, "{has} are there, {lacks} are missing.\n\n| module | missing |\n|---|---|\n{rows}");
    text
}

/// What this machine has, `module:function/arity`.
fn present(folder: &Path) -> Result<BTreeSet<String>, String> {
    let mut names = BTreeSet::new();
    for path in files(folder, "rs")? {
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let marks = text.split("#[bif(").skip(1).filter_map(|rest| rest.split('"').nth(1));
        names.extend(marks.map(String::from));
    }
    Ok(names)
}

/// The stubs of all modules below `library`.
fn stubs(library: &Path) -> Result<Functions, String> {
    let mut found = Functions::new();
    for path in files(library, "beam")? {
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let file = BeamFile::parse(&bytes).map_err(|error| format!("{}: {error}", path.display()))?;
        let code = file.code().map_err(|error| format!("{}: {error}", path.display()))?;
        let functions = stubs_of(&file, &code);
        if !functions.is_empty() {
            found.entry(file.module.clone()).or_default().extend(functions);
        }
    }
    if found.is_empty() {
        return Err(format!("no modules in {}: run bin/setup", library.display()));
    }
    Ok(found)
}

fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, String> {
    let (mut found, mut pending) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = pending.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|other| other == extension) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// The functions of a module that OTP has in C, `function/arity`.
fn stubs_of(file: &BeamFile, code: &Code) -> Vec<String> {
    let functions = &code.functions;
    let instructions = |function: &Function| &code.instructions[function.body..function.instructions.end];
    let is_nif = |function: &&Function| instructions(function).iter().any(|instruction| instruction.op == Op::NifStart);
    // A module with `on_load` that does not name its NIFs gets the instruction everywhere, here too.
    let everywhere = functions.iter().any(|function| file.atom(function.name) == "module_info" && is_nif(&function));
    let names_nifs = !everywhere && functions.iter().any(|function| is_nif(&function));
    let chosen =
        functions.iter().filter(|function| if names_nifs { is_nif(function) } else { is_stub(file, code, function) });
    chosen.map(|function| format!("{}/{}", file.atom(function.name), function.arity)).collect()
}

/// Does the function consist of one call, of `erlang:nif_error` or of itself by its full name?
fn is_stub(file: &BeamFile, code: &Code, function: &Function) -> bool {
    let mut calls = 0;
    for instruction in &code.instructions[function.body..function.instructions.end] {
        match (instruction.op, code.operands_of(*instruction)) {
            (Op::CallExt | Op::CallExtOnly | Op::CallExtLast, [_, Operand::U(import), ..]) => {
                let Some(import) = file.imports.get(*import as usize) else { return false };
                let (module, name) = (file.atom(import.module), file.atom(import.function));
                let itself =
                    module == file.module && import.function == function.name && import.arity == function.arity;
                if (module, name) != ("erlang", "nif_error") && !itself {
                    return false;
                }
                calls += 1;
            }
            // What makes the arguments, and the frame around the call.
            (
                Op::Label
                | Op::NifStart
                | Op::Line
                | Op::Move
                | Op::Swap
                | Op::Return
                | Op::Allocate
                | Op::AllocateHeap
                | Op::Deallocate
                | Op::TestHeap
                | Op::PutList
                | Op::PutTuple2
                | Op::IntCodeEnd,
                _,
            ) => {}
            _ => return false,
        }
    }
    calls == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_what_is_missing() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let stubs = Functions::from([
            ("a".to_owned(), set(&["f/1", "g/2"])),
            ("b".to_owned(), set(&["f/0"])),
            ("c".to_owned(), set(&["f/0"])),
        ]);
        let text = render(&stubs, &set(&["a:f/1", "c:f/0"]));
        assert!(text.ends_with(
            "2 are there, 2 are missing.\n\n| module | missing |\n|---|---|\n| `a` | `g/2` |\n| `b` | all 1 |\n"
        ));
    }
}
