//! Tasks of the project: `cargo xtask help` lists them.
#![forbid(unsafe_code)]

use std::process::ExitCode;

mod bench;
mod bif_status;
mod checks;
mod cluster;
mod compiler_bytes;
mod network;
mod suites;
mod tidy;
mod transcripts;

const HELP: &str = "\
cargo xtask bless [--reference COMMAND] [--only PATTERN] [--jobs N]
    Record what the real system prints for every transcript. COMMAND is put in front of `elixir FILE`;
    it may also stand in the environment variable OXBEAM_REFERENCE.
cargo xtask transcripts [--only PATTERN] [--except NAME] [--machine FOLDER] [--timeout SECONDS] [--jobs N]
    Replay the transcripts with the programs in FOLDER (default: bin).
cargo xtask compiler-bytes [--only PATTERN] [--machine FOLDER] [--record COMMAND]
    Compile all of stdlib with FOLDER's erlc and compare the bytes with the real erlc's; --record writes the
    expected sums with `COMMAND erlc`.
cargo xtask suites [--only APP[/SUITE]] [--quick] [--machine FOLDER] [--jobs N] [--record COMMAND]
    Run the suites that Elixir and OTP test themselves with, and compare with the real system's recorded results, case by
    case. cargo xtask suites --help tells more.
cargo xtask bench --real COMMAND [--machine FOLDER] [--only PATTERN] [--rounds N] [--json FILE]
    Run the programs in bench/ on FOLDER's erl and on the real one, which COMMAND starts (`erl`), in turns; print how many times
    as long they take, and check that both give the same answers. FILE (target/bench/latest.json) keeps every figure.
cargo xtask network [--real COMMAND] [--machine FOLDER] [--connections N] [--seconds N] [--rounds N] [--only idle|tcp|tls]
    Measure what N idle connections (10,000) cost, and HTTP, plain and over TLS, under wrk with 200 connections for N seconds (60).
cargo xtask gc-stress [--part crates|transcripts] [--only PATTERN] [--timeout SECONDS] [--jobs N]
    Build the machine so that it collects at every safepoint and checks its heaps; run the crates' tests and replay the
    transcripts so.
cargo xtask cluster [--real ERL] [--machine FOLDER] [--only NAME] [--soak SECONDS]
    Check what two nodes do together, in all four directions when ERL starts a real node; or, with --soak, make a storm over
    two nodes of each kind.
cargo xtask loom [NAME]
    Check the signal queue's and the schedulers' protocols under all orders of execution (loom).
cargo xtask miri [ARGUMENT...]
    Run the tests of terms, heaps, collection and tables under Miri (nightly toolchain with the components miri and rust-src).
cargo xtask fuzz [--only PATTERN] [--seconds N]
    Run the fuzz targets, each for N seconds (240; nightly toolchain and cargo-fuzz); findings go to fuzz/artifacts.
cargo xtask tidy
    Check what no compiler checks: layers, unsafe code, globals, links, words.
cargo xtask bif-status [--check]
    Write docs/missing-bifs.md: what OTP has in C and this machine does not. With --check, only compare.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = arguments.split_first().map_or(("help", &[][..]), |(task, rest)| (task.as_str(), rest));
    let result = match task {
        "bless" => transcripts::record(rest),
        "transcripts" => transcripts::replay(rest),
        "bench" => bench::run(rest),
        "network" => network::run(rest),
        "compiler-bytes" => compiler_bytes::run(rest),
        "suites" => suites::run(rest),
        "gc-stress" => checks::gc_stress(rest),
        "cluster" => cluster::run(rest),
        "loom" => checks::loom(rest),
        "miri" => checks::miri(rest),
        "fuzz" => checks::fuzz(rest),
        "tidy" => tidy(),
        "bif-status" => bif_status(rest),
        "help" | "--help" => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        unknown => Err(format!("unknown task {unknown}; cargo xtask help lists them")),
    };
    result.unwrap_or_else(|message| {
        eprintln!("xtask: {message}");
        ExitCode::FAILURE
    })
}

fn tidy() -> Result<ExitCode, String> {
    let findings = tidy::check(&transcripts::root())?;
    for finding in &findings {
        println!("{finding}");
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn bif_status(arguments: &[String]) -> Result<ExitCode, String> {
    let only_check = match arguments {
        [] => false,
        [option] if option == "--check" => true,
        _ => return Err("bif-status takes --check or nothing".into()),
    };
    if bif_status::run(&transcripts::root(), only_check)? {
        return Ok(ExitCode::SUCCESS);
    }
    println!("docs/missing-bifs.md is out of date: run cargo xtask bif-status");
    Ok(ExitCode::FAILURE)
}
