//! Files that a thread of its own reads and parses before they are loaded.
//!
//! A machine that starts loads the same modules each time, most of them one after the other, and parsing a file needs nothing of
//! the machine. What is parsed ahead is only taken when the loader comes with the same bytes, so a wrong guess costs time and
//! nothing else; and no atom is made before its module is loaded.

use oxbeam_beam_file::{BeamFile, LoadError};
use oxbeam_runtime::Vm;
use parking_lot::{Condvar, Mutex};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Bytes of files that may wait for their loading.
const WAITING_BYTES_MAX: usize = 2 << 20;
/// How often the thread looks whether the machine is still there.
const PATIENCE: Duration = Duration::from_millis(50);

#[derive(Default)]
struct ParsedAhead {
    /// `None` unless the machine starts.
    files: Mutex<Option<Files>>,
    /// A file was loaded.
    taken: Condvar,
}

#[derive(Default)]
struct Files {
    /// By name of the module.
    states: HashMap<String, State>,
    /// Sizes of those that are parsed.
    waiting_bytes: usize,
}

enum State {
    /// The thread is at it.
    Parsing,
    Parsed(Box<BeamFile>),
    /// The loader had it before.
    Loaded,
}

/// What the thread does about a file.
enum Turn {
    Parse,
    Skip,
    Wait,
    End,
}

/// Reads and parses these files, each named `MODULE.beam`, in this order and on a thread of its own. What cannot be read or
/// parsed is left out.
pub fn parse_ahead(vm: &Arc<Vm>, files: Vec<PathBuf>) {
    *vm.extension::<ParsedAhead>().files.lock() = Some(Files::default());
    let vm = Arc::downgrade(vm);
    // Without the thread each file is parsed when it is loaded.
    let _ = std::thread::Builder::new().name("parser".into()).spawn(move || {
        for path in files {
            let Some(module) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            loop {
                let Some(vm) = Weak::upgrade(&vm).filter(|vm| !vm.is_halting()) else { return };
                let ahead = vm.extension::<ParsedAhead>();
                match ahead.turn(module) {
                    Turn::Parse => ahead.parse(module, &path),
                    Turn::Skip => {}
                    Turn::Wait => continue,
                    Turn::End => return,
                }
                break;
            }
        }
    });
}

impl ParsedAhead {
    fn turn(&self, module: &str) -> Turn {
        let mut files = self.files.lock();
        match &mut *files {
            None => Turn::End,
            Some(files) if files.states.contains_key(module) => Turn::Skip,
            Some(known) if known.waiting_bytes > WAITING_BYTES_MAX => {
                self.taken.wait_for(&mut files, PATIENCE);
                Turn::Wait
            }
            Some(files) => {
                files.states.insert(module.to_owned(), State::Parsing);
                Turn::Parse
            }
        }
    }
    fn parse(&self, module: &str, path: &Path) {
        let Some(file) = std::fs::read(path).ok().and_then(|bytes| BeamFile::parse(&bytes).ok()) else { return };
        if let Some(files) = &mut *self.files.lock()
            && let Some(state @ State::Parsing) = files.states.get_mut(module)
        {
            files.waiting_bytes += file.size();
            *state = State::Parsed(Box::new(file));
        }
    }
    fn take(&self, module: &str) -> Option<BeamFile> {
        let mut files = self.files.lock();
        let files = files.as_mut()?;
        match files.states.insert(module.to_owned(), State::Loaded)? {
            State::Parsed(file) => {
                files.waiting_bytes -= file.size();
                self.taken.notify_one();
                Some(*file)
            }
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
    let ahead = vm.extension::<ParsedAhead>();
    *ahead.files.lock() = None;
    ahead.taken.notify_one();
}
