//! Recording: what the real system prints becomes the expectation.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::{Material, Runner, Transcript, diff, mask, terminal};

/// The real system is given plenty of time: recording is done by hand.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Why a transcript was not recorded.
#[derive(Debug)]
pub enum BlessError {
    /// The command or the file could not be used.
    Io(io::Error),
    /// Two runs printed different things; the difference is inside.
    NotDeterministic(String),
}

impl fmt::Display for BlessError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlessError::Io(error) => write!(formatter, "{error}"),
            BlessError::NotDeterministic(difference) => {
                write!(formatter, "two runs on the real system differ:\n{difference}")
            }
        }
    }
}

impl From<io::Error> for BlessError {
    fn from(error: io::Error) -> Self {
        BlessError::Io(error)
    }
}

/// Runs `transcript` twice on the real system and, if both runs agree, writes its expectation.
/// Answers whether the file changed.
///
/// # Errors
///
/// See [`BlessError`].
pub fn bless(transcript: &Transcript, root: &Path, reference: &Runner) -> Result<bool, BlessError> {
    let first = seen(transcript, root, reference, TIMEOUT)?;
    let second = seen(transcript, root, reference, TIMEOUT)?;
    if first != second {
        return Err(BlessError::NotDeterministic(diff(&first, &second)));
    }
    if fs::read_to_string(&transcript.expected).is_ok_and(|old| old == first) {
        return Ok(false);
    }
    fs::write(&transcript.expected, first)?;
    Ok(true)
}

/// What a person sees, masked, with the way the program ended as the last line.
pub(crate) fn seen(transcript: &Transcript, root: &Path, runner: &Runner, timeout: Duration) -> io::Result<String> {
    let command = match &transcript.material {
        Material::Command(command) => command,
        Material::Session(script) => return terminal::record(script, runner, timeout),
    };
    let output = runner.run(command, root, timeout)?;
    let mut text = mask(&output.text, &root.to_string_lossy());
    if !text.is_empty() && !text.ends_with('\n') {
        text.push_str("[no newline at the end]\n");
    }
    text.push_str(&format!("[{}]\n", output.ending));
    Ok(text)
}
