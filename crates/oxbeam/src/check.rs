//! Does every module load? `oxbeam check-load DIR...`.

use crate::boot::{new_machine, prepare};
use crate::{Vm, VmOptions};
use std::path::{Path, PathBuf};

/// A module that does not load.
#[derive(Debug)]
pub struct CheckFailure {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// What a check found.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// Files that load.
    pub loaded: usize,
    /// Files that do not.
    pub failures: Vec<CheckFailure>,
}

/// Decodes every `.beam` file below `folders` (or given as a file).
///
/// # Errors
/// When a folder cannot be read.
pub fn check_load(folders: &[PathBuf]) -> std::io::Result<CheckReport> {
    let mut files = Vec::new();
    for folder in folders {
        collect(folder, &mut files)?;
    }
    files.sort();
    let vm = new_machine(VmOptions::default());
    let mut report = CheckReport::default();
    for path in files {
        let outcome = std::fs::read(&path).map_err(|error| error.to_string()).and_then(|bytes| load_check(&vm, &bytes));
        match outcome {
            Ok(()) => report.loaded += 1,
            Err(reason) => report.failures.push(CheckFailure { path, reason }),
        }
    }
    Ok(report)
}

/// Decodes one `.beam` file on a machine, and throws the result away.
///
/// # Errors
/// Why it does not load.
pub fn load_check(vm: &Vm, bytes: &[u8]) -> Result<(), String> {
    let prepared = prepare(vm, bytes)?;
    prepared.code.decode_all(vm).map_err(|error| error.to_string())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "beam") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{new_machine, prepare};
    use crate::VmOptions;

    const SAMPLE: &[u8] = include_bytes!("../../beam-file/tests/data/sample.beam");

    /// What is wrong with a function is found when that is decoded; the others can still be called.
    #[test]
    fn functions_are_decoded_one_by_one() {
        let vm = new_machine(VmOptions::default());
        assert_eq!(super::load_check(&vm, SAMPLE), Ok(()));
        // `deallocate` of another number of words than there are.
        let places = (1..SAMPLE.len()).filter(|at| SAMPLE[at - 1] == 18 && SAMPLE[*at] & 0x0f == 0);
        let mut refused = 0;
        for place in places {
            let mut bytes = SAMPLE.to_vec();
            bytes[place] = 0x50;
            let Ok(prepared) = prepare(&vm, &bytes) else { continue };
            let code = prepared.code;
            let functions = 0..code.functions().count() as u32;
            let errors: Vec<String> = functions
                .clone()
                .filter_map(|one| code.decode(&vm, one).err())
                .map(|error| error.to_string())
                .collect();
            assert!(errors.len() < functions.len(), "{errors:?}");
            refused += errors.iter().filter(|error| error.contains("a frame is dropped that is not there")).count();
            assert!(functions.filter(|one| code.decode(&vm, *one).is_err()).count() == errors.len());
        }
        assert!(refused > 0);
    }
}
