//! The fuzz targets without libFuzzer: `mutate TARGET SECONDS [FOLDER...]` changes seeds at random, the same way each
//! time, and runs the target on the results. An input that makes it panic is written to `finding-TARGET`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const TARGETS: [(&str, fn(&[u8]), &str); 5] = [
    ("beam_file", oxbeam_fuzz::beam_file, "beam"),
    ("load", oxbeam_fuzz::load, "beam"),
    ("external_term", oxbeam_fuzz::external_term, "external_term"),
    ("regex", oxbeam_fuzz::regex, "regex"),
    ("match_spec", oxbeam_fuzz::match_spec, "match_spec"),
];
const SLOW: Duration = Duration::from_secs(2);
const INPUT_BYTES_MAX: usize = 1 << 16;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 11) as usize % bound.max(1)
    }
}

fn mutate(random: &mut Random, input: &mut Vec<u8>, other: &[u8]) {
    const INTERESTING: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, 0x0b, 0x83, 0x10];
    for _ in 0..=random.below(6) {
        let at = random.below(input.len());
        let length = (1 + random.below(16)).min(input.len() - at.min(input.len()));
        match random.below(8) {
            _ if input.is_empty() => input.push(random.next() as u8),
            0 => input[at] ^= 1 << random.below(8),
            1 => input[at] = random.next() as u8,
            2 => input[at] = INTERESTING[random.below(INTERESTING.len())],
            3 => drop(input.drain(at..at + length)),
            4 => {
                let part = input[at..at + length].to_vec();
                let to = random.below(input.len());
                input.splice(to..to, part);
            }
            5 if !other.is_empty() => {
                let from = random.below(other.len());
                let part = &other[from..(from + 1 + random.below(32)).min(other.len())];
                input.splice(at..at, part.iter().copied());
            }
            6 => input.truncate(at),
            _ => input[at] = input[at].wrapping_add(random.below(7) as u8).wrapping_sub(3),
        }
    }
    input.truncate(INPUT_BYTES_MAX);
}

fn seeds(folders: &[String]) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for folder in folders {
        let Ok(entries) = std::fs::read_dir(Path::new(folder)) else { continue };
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        seeds.extend(paths.iter().filter_map(|path| std::fs::read(path).ok()));
    }
    seeds
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, seconds, folders @ ..] = arguments.as_slice() else {
        eprintln!("usage: mutate TARGET SECONDS [FOLDER...]");
        return ExitCode::FAILURE;
    };
    let Some((_, run, folder)) = TARGETS.into_iter().find(|(known, _, _)| known == name) else {
        eprintln!("mutate: no target {name}");
        return ExitCode::FAILURE;
    };
    let limit = Duration::from_secs(seconds.parse().unwrap_or(60));
    let mut folders = folders.to_vec();
    folders.push(format!("{}/seeds/{folder}", env!("CARGO_MANIFEST_DIR")));
    let seeds = seeds(&folders);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (started, mut runs) = (Instant::now(), 0u64);
    while started.elapsed() < limit {
        let mut input = seeds.get(random.below(seeds.len())).cloned().unwrap_or_default();
        if runs >= seeds.len() as u64 {
            let other = seeds.get(random.below(seeds.len())).cloned().unwrap_or_default();
            mutate(&mut random, &mut input, &other);
        }
        let before = Instant::now();
        let panicked = catch_unwind(AssertUnwindSafe(|| run(&input))).is_err();
        let slow = before.elapsed() > SLOW;
        runs += 1;
        if panicked || slow {
            let path = format!("finding-{name}");
            let _ = std::fs::write(&path, &input);
            println!("{name}: {} after {runs} inputs; see {path}", if slow { "slow" } else { "panicked" });
            return ExitCode::FAILURE;
        }
    }
    println!("{name}: {runs} inputs without a finding");
    ExitCode::SUCCESS
}
