//! Where transcripts live, and how each is started.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// One program with its recorded output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// Folder and file without extension, such as `examples/mailbox`; filters and lists of failures use it.
    pub name: String,
    /// What is run.
    pub material: Material,
    /// The file with the output of the real system.
    pub expected: PathBuf,
}

/// What a transcript is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    /// What a person types in the root of the repository, such as `elixir examples/mailbox.exs`.
    Command(Vec<String>),
    /// The script of a session in a terminal.
    Session(PathBuf),
}

/// A folder of programs of one kind.
struct Collection {
    name: &'static str,
    folder: &'static str,
    extension: &'static str,
    /// What runs them; nothing for sessions.
    program: Option<&'static str>,
}

const COLLECTIONS: [Collection; 4] = [
    Collection { name: "examples", folder: "examples", extension: "exs", program: Some("elixir") },
    Collection { name: "erlang", folder: "tests/transcripts/erlang", extension: "escript", program: Some("escript") },
    Collection { name: "commands", folder: "tests/transcripts/commands", extension: "sh", program: Some("sh") },
    Collection { name: "iex", folder: "tests/transcripts/iex", extension: "session", program: None },
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
            material: match collection.program {
                Some(program) => Material::Command(vec![program.to_string(), script]),
                None => Material::Session(root.join(script)),
            },
            expected: root.join("tests/transcripts").join(collection.name).join(format!("{stem}.expected")),
        });
    }
    Ok(found)
}
