//! OTP's `ssl` on the machine in `bin/` against `openssl`, `curl` and Python, both ways. What is not installed is skipped.

use std::path::Path;
use std::process::Command;

#[test]
fn other_programs_talk_tls_with_the_machine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate lies in crates/");
    let output = Command::new(root.join("bin/escript"))
        .arg("tests/tls/programs.escript")
        .current_dir(root)
        .output()
        .expect("the machine can be started");
    let printed = String::from_utf8_lossy(&output.stdout);
    printed.lines().filter(|line| !line.starts_with("ok")).for_each(|line| println!("{line}"));
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
}
