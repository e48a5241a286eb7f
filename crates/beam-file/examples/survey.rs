//! Parses every `.beam` below the folders given: how long it takes, what fails, how often each instruction is
//! there. With `--md5` it prints `module md5` instead, with `--disassemble` the text of each.
//!
//! `cargo run --release -p oxbeam-beam-file --example survey -- /usr/lib/erlang /usr/lib/elixir`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use oxbeam_beam_file::{BeamFile, Op, disassemble};

fn main() -> std::process::ExitCode {
    let (options, folders): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|arg| arg.starts_with("--"));
    let mut paths = Vec::new();
    folders.iter().for_each(|folder| collect(Path::new(folder), &mut paths));
    paths.sort();
    let files: Vec<Vec<u8>> = paths.iter().filter_map(|path| std::fs::read(path).ok()).collect();

    let mut elapsed = Duration::ZERO;
    let mut totals = BTreeMap::new();
    let (mut failures, mut operands, mut code_bytes, mut literals) = (0, 0, 0, 0);
    for (path, bytes) in paths.iter().zip(&files) {
        let start = Instant::now();
        let file = BeamFile::parse(bytes);
        elapsed += start.elapsed();
        match &file {
            Err(error) => {
                failures += 1;
                eprintln!("{}: {error}", path.display());
            }
            Ok(file) => {
                let code = file.code().unwrap_or_default();
                code.instructions.iter().for_each(|instruction| *totals.entry(instruction.op).or_insert(0u64) += 1);
                operands += code.operands.len();
                code_bytes += file.chunk(*b"Code").map_or(0, <[u8]>::len);
                literals += file.literals.len();
                print(file, &options);
            }
        }
    }
    if options.is_empty() {
        totals.iter().for_each(|(op, count): (&Op, _)| println!("{}\t{}\t{count}", op.number(), op.name()));
    }
    let instructions: u64 = totals.values().sum();
    eprintln!(
        "{} files, {failures} failures, {instructions} instructions, {operands} operands, {literals} literals, \
         {code_bytes} bytes of code in {elapsed:?}",
        files.len(),
    );
    if failures == 0 { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}

fn print(file: &BeamFile, options: &[String]) {
    if options.iter().any(|option| option == "--md5") {
        let md5: String = file.md5.iter().map(|byte| format!("{byte:02x}")).collect();
        println!("{} {md5}", file.module);
    }
    if options.iter().any(|option| option == "--disassemble") {
        println!("{}", disassemble(file));
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    if folder.extension().is_some_and(|extension| extension == "beam") {
        paths.push(folder.to_owned());
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        collect(&entry.path(), paths);
    }
}
