//! Where OTP's and Elixir's files are.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A set-up: OTP's root and Elixir's folder.
#[derive(Clone, Debug)]
pub struct Installation {
    /// OTP's root (`code:root_dir/0`), with `lib`, `bin` and `releases`.
    pub root: PathBuf,
    /// OTP's programs: `erts-VERSION/bin` in the root.
    pub programs: PathBuf,
    /// The runtime system's version, such as `15.2.7`.
    pub erts_version: String,
    /// Elixir's folder, with `bin` and `lib`.
    pub elixir: PathBuf,
}

/// Why a folder is not a set-up.
#[derive(Debug)]
pub enum InstallationError {
    /// A folder cannot be read.
    Unreadable(PathBuf, io::Error),
    /// There is no `erts-VERSION` folder in OTP's root.
    NoRuntimeSystem(PathBuf),
}

impl fmt::Display for InstallationError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InstallationError::Unreadable(path, error) => {
                write!(out, "cannot read {}: {error}; run bin/setup first", path.display())
            }
            InstallationError::NoRuntimeSystem(path) => {
                write!(out, "{} has no erts-VERSION folder; run bin/setup --force", path.display())
            }
        }
    }
}

impl std::error::Error for InstallationError {}

impl Installation {
    /// The set-up in `directory`, which `bin/setup` made: `lib/erlang` and `lib/elixir` are in it.
    pub fn find(directory: &Path) -> Result<Installation, InstallationError> {
        let directory =
            fs::canonicalize(directory).map_err(|error| InstallationError::Unreadable(directory.to_owned(), error))?;
        Self::in_root(directory.join("lib/erlang"), directory.join("lib/elixir"))
    }

    /// OTP's root itself, such as a release made by Mix: its programs are in it, Elixir is among its applications.
    pub fn of_release(root: &Path) -> Result<Installation, InstallationError> {
        let root = fs::canonicalize(root).map_err(|error| InstallationError::Unreadable(root.to_owned(), error))?;
        Self::in_root(root.clone(), root)
    }

    fn in_root(root: PathBuf, elixir: PathBuf) -> Result<Installation, InstallationError> {
        let unreadable = |error| InstallationError::Unreadable(root.clone(), error);
        let mut versions = Vec::new();
        for entry in fs::read_dir(&root).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            if let Some(version) = name.to_str().and_then(|name| name.strip_prefix("erts-")) {
                versions.push(version.to_owned());
            }
        }
        versions.sort();
        let Some(erts_version) = versions.pop() else {
            return Err(InstallationError::NoRuntimeSystem(root));
        };
        Ok(Installation { programs: root.join(format!("erts-{erts_version}/bin")), elixir, root, erts_version })
    }

    pub(crate) fn root_bytes(&self) -> &[u8] {
        self.root.as_os_str().as_bytes()
    }

    pub(crate) fn program_bytes(&self) -> &[u8] {
        self.programs.as_os_str().as_bytes()
    }

    pub(crate) fn elixir_bytes(&self) -> &[u8] {
        self.elixir.as_os_str().as_bytes()
    }
}
