//! Surroundings for tests.

use crate::{Environment, Exit, Installation, Plan, Program, Surroundings, plan};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A set-up in `/otp` and `/elixir`, two processors, `HOME` in `/home/me`, output that is no terminal.
pub(crate) struct Fixture {
    environment: Environment,
    files: HashMap<PathBuf, String>,
    terminal: bool,
}

impl Fixture {
    pub(crate) fn new() -> Fixture {
        let mut environment = Environment::default();
        environment.set("HOME", "/home/me");
        Fixture { environment, files: HashMap::new(), terminal: false }
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Fixture {
        self.environment.set(name, value);
        self
    }

    pub(crate) fn file(mut self, name: &str, contents: &str) -> Fixture {
        self.files.insert(name.into(), contents.into());
        self
    }

    pub(crate) fn terminal(mut self) -> Fixture {
        self.terminal = true;
        self
    }

    /// Plans a command line that is split at spaces.
    pub(crate) fn plan(self, program: Program, arguments: &str) -> Result<Plan, Exit> {
        self.plan_list(program, &arguments.split_whitespace().collect::<Vec<_>>())
    }

    pub(crate) fn plan_list(self, program: Program, arguments: &[&str]) -> Result<Plan, Exit> {
        let installation = Installation {
            root: "/otp".into(),
            programs: "/otp/erts-15.2.7/bin".into(),
            erts_version: "15.2.7".into(),
            elixir: "/elixir".into(),
        };
        let read_file = |path: &Path| match self.files.get(path) {
            Some(contents) => Ok(contents.clone().into_bytes()),
            None => Err(io::Error::from_raw_os_error(2)),
        };
        let surroundings = Surroundings {
            environment: self.environment.clone(),
            installation: &installation,
            output_is_terminal: self.terminal,
            processors: 2,
            current_directory: b"/here".to_vec(),
            read_file: &read_file,
        };
        plan(program, crate::list(arguments), surroundings)
    }
}
