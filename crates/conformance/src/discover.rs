//! Where transcripts live, and how each is started.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// One program with its recorded output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// Folder and file without extension, such as `examples/mailbox`; filters and lists of failures use it.
    pub name: String,
    /// What a person types in the root of the repository, such as `elixir examples/mailbox.exs`.
    pub command: Vec<String>,
    /// The file with the output of the real system.
    pub expected: PathBuf,
}

/// A folder of programs of one kind.
struct Collection {
    name: &'static str,
    folder: &'static str,
    extension: &'static str,
    program: &'static str,
}

const COLLECTIONS: [Collection; 3] = [
    Collection { name: "examples", folder: "examples", extension: "exs", program: "elixir" },
    Collection { name: "erlang", folder: "tests/transcripts/erlang", extension: "escript", program: "escript" },
    Collection { name: "commands", folder: "tests/transcripts/commands", extension: "sh", program: "sh" },
];

/// All transcripts below `root` whose name contains `pattern`, by name, and how many others there are.
///
/// # Errors
///
/// When one of the folders cannot be read.
pub fn discover(root: &Path, pattern: Option<&str>) -> io::Result<(Vec<Transcript>, usize)> {
    let mut all = Vec::new();
    for collection in &COLLECTIONS {
        all.extend(programs(root, collection)?);
    }
    all.sort_by(|left, right| left.name.cmp(&right.name));
    let total = all.len();
    all.retain(|transcript| pattern.is_none_or(|pattern| transcript.name.contains(pattern)));
    let left_out = total - all.len();
    Ok((all, left_out))
}

fn programs(root: &Path, collection: &Collection) -> io::Result<Vec<Transcript>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(collection.folder))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != collection.extension) {
            continue;
        }
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let script = format!("{}/{stem}.{}", collection.folder, collection.extension);
        found.push(Transcript {
            name: format!("{}/{stem}", collection.name),
            command: vec![collection.program.to_string(), script],
            expected: root.join("tests/transcripts").join(collection.name).join(format!("{stem}.expected")),
        });
    }
    Ok(found)
}
