//! `cargo xtask tidy`: rules that no compiler knows.
//!
//! - A crate depends only on crates that stand above it in `[workspace] members`.
//! - Unsafe code stays in a few crates, and each use of it says why it is sound.
//! - Every crate takes part in the workspace's lints (`missing_docs` among them), and every file says what it is.
//! - There are no globals.
//! - The map names every crate, the index every page, and links lead somewhere.
//! - Nothing names somebody's machine.

use std::fs;
use std::path::{Path, PathBuf};

/// Crates that may hold unsafe code; all others forbid it.
const UNSAFE_CRATES: [&str; 7] = ["term", "ets", "runtime", "interpreter", "sys", "regex", "libcrypto"];
/// Crates that never see each other, whatever their order.
const SIBLINGS: [(&str, &str); 1] = [("oxbeam-interpreter", "oxbeam-bifs")];
/// What no file of the project says. In two parts, so that this one does not either.
const WORDS: [(&str, &str); 8] = [
    ("/wo", "rk/"),
    ("/root", "/."),
    ("/Use", "rs/"),
    ("reference", "-beam"),
    ("crates", ".io"),
    ("npm", "js.org"),
    ("pypi", ".org"),
    ("deb.debian", ".org"),
];
/// What makes a global.
const GLOBALS: [(&str, &str); 4] = [("static ", "mut "), ("Lazy", "Lock<"), ("lazy_", "static!"), ("once_", "cell")];
/// Lines above a use of unsafe code among which its reason is looked for.
const REASON_WITHIN: usize = 12;
/// Files that others make, or that are no text.
const NOT_OURS: [&str; 2] = ["Cargo.lock", "LICENSE"];

/// Complaints, in the order found.
#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn add(&mut self, place: impl std::fmt::Display, what: impl std::fmt::Display) {
        self.0.push(format!("{place}: {what}"));
    }
}

/// Checks the project in `root`; returns what is wrong.
pub fn check(root: &Path) -> Result<Vec<String>, String> {
    let mut findings = Findings::default();
    let members = members(root)?;
    for (position, member) in members.iter().enumerate() {
        check_crate(root, &members, position, member, &mut findings)?;
    }
    let mut files = Vec::new();
    collect(root, &mut files)?;
    files.sort();
    for path in &files {
        let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
        let Ok(text) = fs::read_to_string(path) else { continue };
        check_words(&name, &text, &mut findings);
        if path.extension().is_some_and(|extension| extension == "rs") {
            check_source(&name, &text, &mut findings);
        }
        if path.extension().is_some_and(|extension| extension == "md") {
            check_links(root, path, &name, &text, &mut findings);
        }
    }
    check_map(root, &members, &mut findings)?;
    Ok(findings.0)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The workspace's members, in order.
fn members(root: &Path) -> Result<Vec<String>, String> {
    let text = read(&root.join("Cargo.toml"))?;
    let list = text.split_once("members = [").and_then(|(_, rest)| rest.split_once(']'));
    let (list, _) = list.ok_or("Cargo.toml: no list of members")?;
    Ok(list.split('"').skip(1).step_by(2).map(String::from).collect())
}

/// Name of a member's package.
fn package(member: &str) -> String {
    match member.strip_prefix("crates/") {
        Some("oxbeam") => "oxbeam".into(),
        Some(name) => format!("oxbeam-{name}"),
        None => member.into(),
    }
}

fn check_crate(
    root: &Path,
    members: &[String],
    position: usize,
    member: &str,
    findings: &mut Findings,
) -> Result<(), String> {
    let folder = root.join(member);
    let manifest = read(&folder.join("Cargo.toml"))?;
    let place = format!("{member}/Cargo.toml");
    let above: Vec<String> = members[..position].iter().map(|member| package(member)).collect();
    let below: Vec<String> = members[position..].iter().map(|member| package(member)).collect();
    let own = package(member);
    for dependency in dependencies(&manifest) {
        if below.contains(&dependency) {
            findings.add(&place, format!("{dependency} does not stand above {own} in the workspace"));
        }
        if SIBLINGS
            .iter()
            .any(|(one, other)| (*one == own && *other == dependency) || (*other == own && *one == dependency))
        {
            findings.add(&place, format!("{own} and {dependency} must not know each other"));
        }
        if dependency.starts_with("oxbeam") && !above.contains(&dependency) && !below.contains(&dependency) {
            findings.add(&place, format!("{dependency} is no member of the workspace"));
        }
    }
    if !manifest.contains("[lints]\nworkspace = true") {
        findings.add(&place, "has no [lints] workspace = true");
    }
    let roots = ["src/lib.rs", "src/main.rs"].map(|name| folder.join(name));
    let name = member.rsplit('/').next().unwrap_or(member);
    for source in roots.iter().filter(|path| path.exists()) {
        let forbids = read(source)?.contains("#![forbid(unsafe_code)]");
        if !forbids && !UNSAFE_CRATES.contains(&name) {
            findings.add(source.strip_prefix(root).unwrap_or(source).display(), "has no #![forbid(unsafe_code)]");
        }
    }
    Ok(())
}

/// Names in the sections of ordinary and build dependencies. Tests may use what they like.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line == "[dependencies]" || line == "[build-dependencies]";
        } else if inside && line.starts_with(|first: char| first.is_ascii_alphabetic()) {
            names.extend(line.split(['.', ' ', '=']).next().map(String::from));
        }
    }
    names
}

/// All files of the project below `folder`.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let outside = [".git", ".setup", "target"].contains(&&*name) || NOT_OURS.contains(&&*name);
        if outside || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn check_words(name: &str, text: &str, findings: &mut Findings) {
    for (number, line) in text.lines().enumerate() {
        for (first, second) in WORDS {
            let word = format!("{first}{second}");
            if line.contains(&word) {
                findings.add(format!("{name}:{}", number + 1), format!("says {word}"));
            }
        }
    }
}

fn check_source(name: &str, text: &str, findings: &mut Findings) {
    if name.contains("/src/") && !(text.starts_with("//!") || text.starts_with("#![doc")) {
        findings.add(name, "does not begin with what it is (//!)");
    }
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        let place = format!("{name}:{}", index + 1);
        if is_unsafe_use(code) {
            let before = &lines[index.saturating_sub(REASON_WITHIN)..=index];
            if !before.iter().any(|line| line.contains("SAFETY:")) {
                findings.add(&place, "unsafe code without a SAFETY comment");
            }
        }
        for (first, second) in GLOBALS {
            if code.contains(&format!("{first}{second}")) {
                findings.add(&place, "a global; the machine's state lives in Vm");
            }
        }
    }
}

/// Does the line begin an unsafe block or implementation?
fn is_unsafe_use(code: &str) -> bool {
    code.split("unsafe").skip(1).any(|rest| {
        let rest = rest.trim_start();
        rest.starts_with('{') || rest.starts_with("impl")
    })
}

/// Links to files of the project lead to files.
fn check_links(root: &Path, path: &Path, name: &str, text: &str, findings: &mut Findings) {
    for rest in text.split("](").skip(1) {
        let Some(target) = rest.split(')').next() else { continue };
        let target = target.split('#').next().unwrap_or_default();
        if target.is_empty() || target.contains("://") || target.contains(' ') {
            continue;
        }
        let folder = path.parent().unwrap_or(root);
        // The list of missing functions is checked by its own task.
        if !folder.join(target).exists() && !target.ends_with("missing-bifs.md") {
            findings.add(name, format!("{target} is not there"));
        }
    }
}

/// The map and the index are complete.
fn check_map(root: &Path, members: &[String], findings: &mut Findings) -> Result<(), String> {
    let map = read(&root.join("ARCHITECTURE.md"))?;
    for member in members {
        if !map.contains(&format!("`{member}`")) {
            findings.add("ARCHITECTURE.md", format!("does not describe `{member}`"));
        }
    }
    let index = read(&root.join("docs/README.md"))?;
    let pages = fs::read_dir(root.join("docs/internals")).map_err(|error| error.to_string())?;
    for page in pages.flatten() {
        let name = page.file_name().to_string_lossy().into_owned();
        if !index.contains(&format!("(internals/{name})")) {
            findings.add("docs/README.md", format!("does not lead to internals/{name}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_dependencies() {
        let manifest = "[package]\nname = \"a\"\n[dependencies]\noxbeam-term.workspace = true\n# why\nryu = \"1\"\n\n[dev-dependencies]\nx = \"1\"\n";
        assert_eq!(dependencies(manifest), ["oxbeam-term", "ryu"]);
    }

    #[test]
    fn knows_unsafe_code() {
        // SAFETY: these are texts.
        assert!(is_unsafe_use("let a = unsafe { *p };"));
        assert!(is_unsafe_use("unsafe impl Send for A {}"));
        assert!(!is_unsafe_use("pub unsafe fn a() {"));
    }

    #[test]
    fn complains_of_sources() {
        let mut findings = Findings::default();
        check_source("a/src/b.rs", "//! B.\nfn f() {\n    unsafe { g() }\n}\n", &mut findings);
        check_source("a/src/c.rs", "//! C.\n// SAFETY: it is.\nunsafe impl Send for C {}\n", &mut findings);
        check_source("a/src/d.rs", "fn f() {}\n", &mut findings);
        assert_eq!(
            findings.0,
            ["a/src/b.rs:3: unsafe code without a SAFETY comment", "a/src/d.rs: does not begin with what it is (//!)",]
        );
    }
}
