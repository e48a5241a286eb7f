//! Files that a thread of its own reads and parses before they are loaded.
//!
//! A machine that starts loads the same modules each time, most of them one after the other, and parsing a file needs nothing of
//! the machine. What is parsed ahead is only taken when the loader comes with the same bytes, so a wrong guess costs time and
//! nothing else; and no atom is made before its module is loaded.

use oxbeam_beam_file::{BeamFile, LoadError};
use oxbeam_runtime::Vm;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

/// By name of the module; `None` unless a machine starts.
#[derive(Default)]
struct ParsedAhead(Mutex<Option<HashMap<String, State>>>);

enum State {
    /// The thread is at it.
    Parsing,
    Parsed(Box<BeamFile>),
    /// The loader had it before.
    Loaded,
}

/// Reads and parses these files, each named `MODULE.beam`, in this order and on a thread of its own. What cannot be read or
/// parsed is left out.
pub fn parse_ahead(vm: &Arc<Vm>, files: Vec<PathBuf>) {
    *vm.extension::<ParsedAhead>().0.lock() = Some(HashMap::new());
    let vm = Arc::downgrade(vm);
    // Without the thread each file is parsed when it is loaded.
    let _ = std::thread::Builder::new().name("parser".into()).spawn(move || {
        for path in files {
            let Some(vm) = Weak::upgrade(&vm).filter(|vm| !vm.is_halting()) else { return };
            let ahead = vm.extension::<ParsedAhead>();
            let Some(module) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            if ahead.begin(module)
                && let Some(file) = std::fs::read(&path).ok().and_then(|bytes| BeamFile::parse(&bytes).ok())
            {
                ahead.keep(module, file);
            }
        }
    });
}

impl ParsedAhead {
    /// Is this module still to be loaded?
    fn begin(&self, module: &str) -> bool {
        match &mut *self.0.lock() {
            Some(files) if !files.contains_key(module) => {
                files.insert(module.to_owned(), State::Parsing);
                true
            }
            _ => false,
        }
    }
    fn keep(&self, module: &str, file: BeamFile) {
        if let Some(state @ State::Parsing) = self.0.lock().as_mut().and_then(|files| files.get_mut(module)) {
            *state = State::Parsed(Box::new(file));
        }
    }
    fn take(&self, module: &str) -> Option<BeamFile> {
        match self.0.lock().as_mut()?.insert(module.to_owned(), State::Loaded)? {
            State::Parsed(file) => Some(*file),
            State::Parsing | State::Loaded => None,
        }
    }
}

/// What [`BeamFile::parse`] makes of these bytes, which are to be `module`.
///
/// # Errors
/// Those of [`BeamFile::parse`].
pub fn parse(vm: &Vm, module: &str, bytes: &[u8]) -> Result<BeamFile, LoadError> {
    match vm.extension::<ParsedAhead>().take(module) {
        Some(file) if file.is_parsed_from(bytes) => Ok(file),
        _ => BeamFile::parse(bytes),
    }
}

/// Forgets what was parsed and not loaded: the machine has started.
pub(super) fn forget(vm: &Vm) {
    *vm.extension::<ParsedAhead>().0.lock() = None;
}
