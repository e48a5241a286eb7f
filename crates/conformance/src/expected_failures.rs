//! Lists of tests known to fail.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// Names of tests that fail, each with the reason. One that passes although listed is a failure too.
#[derive(Debug, Default)]
pub struct ExpectedFailures(BTreeMap<String, String>);

impl ExpectedFailures {
    /// Reads a list such as `tests/expected_failures.toml`; no file means no failures.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or a line is not `"name" = "reason"`.
    pub fn read(file: &Path) -> io::Result<Self> {
        match fs::read_to_string(file) {
            Ok(text) => Self::parse(&text).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Understands the little of TOML that the list needs: comments, one table heading, pairs of strings.
    fn parse(text: &str) -> Result<Self, String> {
        let mut failures = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', '[']) {
                continue;
            }
            let (name, reason) =
                pair(line).ok_or_else(|| format!("expected_failures.toml:{number}: expected \"name\" = \"reason\""))?;
            failures.insert(name.to_string(), reason.to_string());
        }
        Ok(Self(failures))
    }

    /// Why the test of this name is expected to fail.
    #[must_use]
    pub fn reason(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

fn pair(line: &str) -> Option<(&str, &str)> {
    // Names of tests may have equals signs.
    let (name, reason) = line.split_once("\" = \"")?;
    Some((name.strip_prefix('"')?, reason.strip_suffix('"').filter(|reason| !reason.is_empty())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_map_to_reasons() {
        let list = ExpectedFailures::parse("# known\n[transcripts]\n\"examples/tcp\" = \"no sockets yet\"\n");
        assert_eq!(list.expect("parses").reason("examples/tcp"), Some("no sockets yet"));
        assert!(ExpectedFailures::parse("examples/tcp = 1").is_err());
        assert!(ExpectedFailures::parse("\"examples/tcp\" = \"\"").is_err());
    }
}
