//! `cargo xtask bench`: how long programs take on this machine and on the real one.
//!
//! Both run the same `.beam` files in turns, so that whatever else the computer does meets both. What is printed is the
//! median of the rounds' ratios, and the smallest and the largest of them: of wall time, and of processor time, which
//! suffers less from a busy computer. Programs lie in `bench/src`; `bench.erl` there runs one of them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::transcripts::{options, root};

/// The programs and their sizes: some tenths of a second each on the real machine.
const PROGRAMS: &[(&str, u32)] = &[
    ("calls", 1_000),
    ("integers", 400_000),
    ("lists", 200_000),
    ("floats", 1_500_000),
    ("trees", 150_000),
    ("maps", 400_000),
    ("funs", 1_000_000),
    ("binaries", 150_000),
    ("text", 15_000),
    ("terms", 50_000),
    ("ring", 8_000),
    ("spawn", 100_000),
    ("server", 100_000),
    ("tables", 100_000),
    (START, 0),
];

/// Not a program: a machine that starts and stops.
const START: &str = "start";

/// One run of one program.
struct Sample {
    answer: String,
    microseconds: f64,
    /// Processor time, if the program told it.
    processor: Option<f64>,
}

/// All runs of one program: pairs of the real machine's and this one's.
struct Measured {
    name: &'static str,
    size: u32,
    rounds: Vec<(Sample, Sample)>,
}

/// Options: `--real COMMAND` (how the real `erl` is started), `--machine FOLDER` (default: `bin`), `--only PATTERN`,
/// `--rounds N` (default: 5), `--json FILE`.
pub fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let folder = PathBuf::from("target/bench");
    let (mut real, mut machine, mut only) = (None, PathBuf::from("bin"), String::new());
    let (mut rounds, mut json) = (Ok(5), root().join(&folder).join("latest.json"));
    options(arguments, &["--real", "--machine", "--only", "--rounds", "--json"], |name, value| match name {
        "--real" => real = Some(value),
        "--machine" => machine = PathBuf::from(value),
        "--only" => only = value,
        "--rounds" => rounds = value.parse::<usize>().map_err(|_| format!("{value} is no number of rounds")),
        "--json" => json = PathBuf::from(value),
        _ => unreachable!("only known names arrive"),
    })?;
    let rounds = rounds?.max(1);
    let real = real.ok_or("which command starts the real erl? Give --real COMMAND")?;
    let real: Vec<&str> = real.split_whitespace().collect();
    let ours = machine.join("erl").display().to_string();
    build(&machine, &folder)?;
    let mut all = Vec::new();
    println!(
        "{:<10} {:>9} {:>10} {:>10} {:>7} {:>15} {:>7}",
        "program", "size", "real ms", "ours ms", "ratio", "spread", "cpu"
    );
    for &(name, size) in PROGRAMS.iter().filter(|(name, _)| name.contains(&only)) {
        let mut measured = Measured { name, size, rounds: Vec::new() };
        for _ in 0..rounds {
            let pair = (sample(&real, &folder, name, size)?, sample(&[&ours], &folder, name, size)?);
            measured.rounds.push(pair);
        }
        println!("{}", measured.line());
        all.push(measured);
    }
    let wall: Vec<f64> = all.iter().map(|measured| median(measured.ratios())).collect();
    let processor: Vec<f64> = all.iter().filter_map(Measured::processor_ratio).collect();
    let (wall, processor) = (geometric_mean(&wall), geometric_mean(&processor));
    println!("geometric mean of {} programs: {wall:.2}; of processor time: {processor:.2}", all.len());
    fs::write(&json, to_json(&all)).map_err(|error| format!("{}: {error}", json.display()))?;
    let different: Vec<&str> = all.iter().filter(|measured| !measured.agrees()).map(|measured| measured.name).collect();
    if different.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("different answers: {}", different.join(", "));
    Ok(ExitCode::FAILURE)
}

/// Compiles the programs, with this machine's own compiler.
fn build(machine: &Path, folder: &Path) -> Result<(), String> {
    let target = root().join(folder);
    fs::create_dir_all(&target).map_err(|error| format!("{}: {error}", target.display()))?;
    let sources = fs::read_dir(root().join("bench/src")).map_err(|error| format!("bench/src: {error}"))?;
    let sources =
        sources.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "erl"));
    let status = Command::new(root().join(machine).join("erlc")).arg("-o").arg(&target).args(sources).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err("the programs do not compile".into()),
        Err(error) => Err(format!("erlc: {error}")),
    }
}

fn sample(erl: &[&str], folder: &Path, name: &str, size: u32) -> Result<Sample, String> {
    let mut command = Command::new(erl[0]);
    command.args(&erl[1..]).arg("-noshell").current_dir(root());
    if name == START {
        command.args(["-eval", "halt()."]);
    } else {
        command.arg("-pa").arg(folder).args(["-run", "bench", "main", &format!("bench_{name}"), &size.to_string()]);
    }
    let start = Instant::now();
    let output = command.output().map_err(|error| format!("{}: {error}", erl[0]))?;
    let elapsed = start.elapsed();
    let text = String::from_utf8_lossy(&output.stdout);
    if name == START {
        return Ok(Sample { answer: text.into_owned(), microseconds: elapsed.as_secs_f64() * 1e6, processor: None });
    }
    let result = text.lines().find_map(|line| line.strip_prefix("result: "));
    let mut fields = result.unwrap_or_default().split(' ');
    match (
        fields.next(),
        fields.next().and_then(|time| time.parse().ok()),
        fields.next().and_then(|time| time.parse().ok()),
    ) {
        (Some(answer), Some(microseconds), processor) => Ok(Sample { answer: answer.into(), microseconds, processor }),
        _ => Err(format!("{} did not run bench_{name}: {text}", erl.join(" "))),
    }
}

impl Measured {
    fn ratios(&self) -> Vec<f64> {
        self.rounds.iter().map(|(real, ours)| ours.microseconds / real.microseconds.max(1.0)).collect()
    }
    /// The same of processor time, if the program told it.
    fn processor_ratio(&self) -> Option<f64> {
        let ratio =
            |(real, ours): &(Sample, Sample)| Some(ours.processor? / real.processor.filter(|time| *time > 0.0)?);
        self.rounds.iter().map(ratio).collect::<Option<Vec<f64>>>().map(median)
    }
    fn agrees(&self) -> bool {
        self.rounds.iter().all(|(real, ours)| real.answer == ours.answer && ours.answer == self.rounds[0].1.answer)
    }
    fn line(&self) -> String {
        let milliseconds = |times: Vec<f64>| median(times) / 1000.0;
        let (real, ours): (Vec<f64>, Vec<f64>) =
            self.rounds.iter().map(|(real, ours)| (real.microseconds, ours.microseconds)).unzip();
        let ratios = self.ratios();
        let (low, high) =
            ratios.iter().fold((f64::MAX, 0.0f64), |(low, high), ratio| (low.min(*ratio), high.max(*ratio)));
        let processor =
            self.rounds.iter().map(|(real, ours)| Some(ours.processor? / real.processor.filter(|time| *time > 0.0)?));
        let processor: Option<Vec<f64>> = processor.collect();
        let processor = processor.map_or("-".into(), |ratios| format!("{:.2}", median(ratios)));
        format!(
            "{:<10} {:>9} {:>10.1} {:>10.1} {:>7.2} {:>15} {processor:>7}{}",
            self.name,
            self.size,
            milliseconds(real),
            milliseconds(ours),
            median(ratios),
            format!("{low:.2} .. {high:.2}"),
            if self.agrees() { "" } else { "  DIFFERENT ANSWERS" }
        )
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => (values[count / 2 - 1] + values[count / 2]) / 2.0,
    }
}

fn geometric_mean(ratios: &[f64]) -> f64 {
    (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len().max(1) as f64).exp()
}

fn to_json(all: &[Measured]) -> String {
    let sample = |sample: &Sample| {
        let processor = sample.processor.map_or("null".into(), |time| time.to_string());
        format!("{{\"answer\":{:?},\"microseconds\":{},\"cpu_ms\":{processor}}}", sample.answer, sample.microseconds)
    };
    let mut text = String::from("[");
    for (index, measured) in all.iter().enumerate() {
        let rounds = measured.rounds.iter();
        let rounds: Vec<String> =
            rounds.map(|(real, ours)| format!("{{\"real\":{},\"ours\":{}}}", sample(real), sample(ours))).collect();
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(
            text,
            "{comma}\n{{\"name\":{:?},\"size\":{},\"ratio\":{:.4},\"rounds\":[{}]}}",
            measured.name,
            measured.size,
            median(measured.ratios()),
            rounds.join(",")
        );
    }
    text.push_str("\n]\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn each_program_has_a_file_and_each_file_is_a_program() {
        let mut files: Vec<String> = fs::read_dir(root().join("bench/src"))
            .unwrap()
            .flatten()
            .filter_map(|entry| {
                Some(entry.file_name().to_str()?.strip_suffix(".erl")?.strip_prefix("bench_")?.to_owned())
            })
            .collect();
        files.sort();
        let mut programs: Vec<&str> = PROGRAMS.iter().map(|(name, _)| *name).filter(|name| *name != START).collect();
        programs.sort_unstable();
        assert_eq!(files, programs);
    }
}
