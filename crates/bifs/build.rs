//! Collects the items marked `#[bif("module:function/arity")]` into one table, so that nobody keeps a list by hand.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=src");
    let mut table =
        String::from("/// Every BIF of this crate.\npub fn table() -> Vec<oxbeam_runtime::BifEntry> {\n    vec![\n");
    collect(Path::new("src"), "crate", &mut table);
    table.push_str("    ]\n}\n");
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts");
    fs::write(Path::new(&out).join("table.rs"), table).expect("the output folder can be written");
}

fn collect(folder: &Path, module: &str, table: &mut String) {
    let mut entries: Vec<_> =
        fs::read_dir(folder).expect("src can be read").flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.is_dir() {
            collect(&path, &format!("{module}::{name}"), table);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let inside = if name == "lib" || name == "mod" { module.to_owned() } else { format!("{module}::{name}") };
            let text = fs::read_to_string(&path).expect("a source file can be read");
            collect_file(&text, &inside, table);
        }
    }
}

fn collect_file(text: &str, module: &str, table: &mut String) {
    let mut marked = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[bif(") {
            marked = true;
        } else if marked && let Some(position) = line.find("fn ") {
            let name: String = line[position + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let _ = writeln!(table, "        {module}::BIF_{name},");
            marked = false;
        }
    }
}
