//! `cargo xtask network`: what connections cost on this machine and on the real one.
//!
//! The machine under test runs a server of `bench/network`; the other ends of the connections are here, or in `wrk`, so
//! their cost is not counted. Idle connections: memory and processor time while they are open, and that all live and
//! end. HTTP, plain and over TLS: requests per second, processor time per request, errors. Both machines run in turns.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::transcripts::{options, root};

/// How long idle connections are watched.
const WATCHED: Duration = Duration::from_secs(10);
/// How long the machine may settle before memory is read.
const SETTLING: Duration = Duration::from_secs(2);
/// What opening and closing of all connections may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Clock ticks of `/proc/PID/stat` in a second, on every Linux that Rust knows.
const TICKS: f64 = 100.0;

struct Options {
    connections: usize,
    /// Seconds of each HTTP round.
    seconds: u32,
    rounds: usize,
    only: String,
}

/// How the machines are started: words in front of `erl` and `elixir`.
struct Machine {
    name: &'static str,
    words: Vec<String>,
}

/// Options: `--real COMMAND`, `--machine FOLDER` (default: `bin`), `--connections N` (10,000), `--seconds N` (60),
/// `--rounds N` (1), `--only idle|tcp|tls`.
pub fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let (mut real, mut folder) = (None, root().join("bin"));
    let (mut connections, mut seconds, mut rounds) = ("10000".to_string(), "60".to_string(), "1".to_string());
    let mut only = String::new();
    let known = ["--real", "--machine", "--connections", "--seconds", "--rounds", "--only"];
    options(arguments, &known, |name, value| match name {
        "--real" => real = Some(value),
        "--machine" => folder = root().join(value),
        "--connections" => connections = value,
        "--seconds" => seconds = value,
        "--rounds" => rounds = value,
        _ => only = value,
    })?;
    let number = |text: &str| text.parse::<u32>().map_err(|_| format!("{text} is not a number"));
    let options = Options {
        connections: number(&connections)? as usize,
        seconds: number(&seconds)?,
        rounds: number(&rounds)? as usize,
        only,
    };
    let mut machines = Vec::new();
    if let Some(real) = real {
        machines.push(Machine { name: "real", words: real.split_whitespace().map(String::from).collect() });
    }
    machines.push(Machine { name: "ours", words: vec![format!("{}/", folder.display())] });
    let mut good = true;
    if options.runs("idle") {
        good &= idle(&machines, &options)?;
    }
    for kind in ["tcp", "tls"].into_iter().filter(|kind| options.runs(kind)) {
        good &= http(&machines, kind, &options)?;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Options {
    fn runs(&self, part: &str) -> bool {
        self.only.is_empty() || self.only == part
    }
}

/// A machine with a server in it.
struct Server {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pid: u32,
    port: u16,
}

impl Machine {
    /// `program` with `arguments`. A word that ends with a slash is a folder of programs.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut words = self.words.clone();
        match words.last_mut() {
            Some(folder) if folder.ends_with('/') => folder.push_str(program),
            _ => words.push(program.into()),
        }
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(arguments).current_dir(root());
        command
    }
    fn start(&self, program: &str, arguments: &[&str]) -> Result<Server, String> {
        let mut command = self.command(program, arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(text)?;
        let input = child.stdin.take().expect("it is piped");
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        output.read_line(&mut line).map_err(text)?;
        let mut fields = line.split_whitespace().skip(1).map(str::parse::<u32>);
        match (fields.next(), fields.next()) {
            (Some(Ok(pid)), Some(Ok(port))) => Ok(Server { child, input, output, pid, port: port as u16 }),
            _ => Err(format!("the {} server does not start: {line}", self.name)),
        }
    }
}

impl Server {
    fn connections(&mut self) -> Result<usize, String> {
        self.input.write_all(b"count\n").map_err(text)?;
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(text)?;
        line.trim().parse().map_err(|_| format!("the server answers {line:?}"))
    }
    fn await_connections(&mut self, wanted: usize) -> Result<(), String> {
        let start = Instant::now();
        while self.connections()? != wanted {
            if start.elapsed() > PATIENCE {
                return Err(format!("{} connections are open, not {wanted}", self.connections()?));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
    /// Resident memory in bytes.
    fn memory(&self) -> Result<f64, String> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).map_err(text)?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kilobytes = line.trim().trim_end_matches(" kB").parse::<f64>().map_err(|error| error.to_string())?;
        Ok(kilobytes * 1024.0)
    }
    /// Processor time in seconds.
    fn processor(&self) -> Result<f64, String> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).map_err(text)?;
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        // The fields `utime` and `stime`, counted from the state behind the name.
        let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        Ok(ticks / TICKS)
    }
    fn stop(mut self) -> Result<(), String> {
        self.input.write_all(b"stop\n").map_err(text)?;
        drop(self.input);
        self.child.wait().map_err(text)?;
        Ok(())
    }
}

/// What idle connections cost.
fn idle(machines: &[Machine], options: &Options) -> Result<bool, String> {
    let target = root().join("target/bench");
    fs::create_dir_all(&target).map_err(text)?;
    let compiled = Command::new(root().join("bin/erlc"))
        .arg("-o")
        .arg(&target)
        .arg(root().join("bench/network/idle_server.erl"))
        .status();
    if !compiled.map_err(text)?.success() {
        return Err("idle_server.erl does not compile".into());
    }
    println!(
        "{} idle connections\n{:<6} {:>9} {:>9} {:>9} {:>9} {:>12} {:>9} {:>9} {:>9}",
        options.connections,
        "",
        "start MB",
        "open MB",
        "used MB",
        "end MB",
        "bytes each",
        "open s",
        "cpu s",
        "idle cpu"
    );
    for _ in 0..options.rounds {
        for machine in machines {
            let mut server =
                machine.start("erl", &["-noshell", "-pa", "target/bench", "-run", "idle_server", "main"])?;
            println!("{:<6} {}", machine.name, watch_idle(&mut server, options.connections)?);
            server.stop()?;
        }
    }
    Ok(true)
}

fn watch_idle(server: &mut Server, count: usize) -> Result<String, String> {
    let megabytes = |bytes: f64| bytes / 1_048_576.0;
    std::thread::sleep(SETTLING);
    let (before, start) = (server.memory()?, Instant::now());
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        connections.push(TcpStream::connect(("127.0.0.1", server.port)).map_err(text)?);
    }
    server.await_connections(count)?;
    let (seconds, processor) = (start.elapsed().as_secs_f64(), server.processor()?);
    std::thread::sleep(SETTLING);
    let (open, busy) = (server.memory()?, server.processor()?);
    std::thread::sleep(WATCHED);
    let idle = server.processor()? - busy;
    for connection in &mut connections {
        connection.write_all(b"x").map_err(text)?;
        connection.read_exact(&mut [0]).map_err(text)?;
    }
    std::thread::sleep(SETTLING);
    let used = server.memory()?;
    drop(connections);
    server.await_connections(0)?;
    std::thread::sleep(SETTLING);
    let end = server.memory()?;
    #[expect(clippy::cast_precision_loss, reason = "counts of connections are small")]
    let each = (open - before) / count as f64;
    Ok(format!(
        "{:>9.1} {:>9.1} {:>9.1} {:>9.1} {each:>12.0} {seconds:>9.2} {processor:>9.2} {idle:>9.2}",
        megabytes(before),
        megabytes(open),
        megabytes(used),
        megabytes(end)
    ))
}

/// What HTTP requests cost.
fn http(machines: &[Machine], kind: &str, options: &Options) -> Result<bool, String> {
    println!(
        "HTTP over {kind}, 200 connections\n{:<6} {:>12} {:>16} {:>9}",
        "", "requests/s", "cpu us/request", "errors"
    );
    let mut good = true;
    for _ in 0..options.rounds {
        for machine in machines {
            let server = machine.start("elixir", &["bench/network/http_server.exs", kind])?;
            let scheme = if kind == "tls" { "https" } else { "http" };
            let before = server.processor()?;
            let output = Command::new("wrk")
                .args(["-c200", "-t1", &format!("-d{}", options.seconds)])
                .arg(format!("{scheme}://127.0.0.1:{}/", server.port))
                .output()
                .map_err(|error| format!("wrk: {error}"))?;
            let processor = server.processor()? - before;
            let report = String::from_utf8_lossy(&output.stdout).into_owned();
            let (requests, rate) = (field(&report, " requests in", false), field(&report, "Requests/sec:", true));
            let (Some(requests), Some(rate)) = (requests, rate) else { return Err(format!("wrk says {report}")) };
            let errors: Vec<&str> =
                report.lines().filter(|line| line.contains("Socket errors") || line.contains("Non-2xx")).collect();
            good &= errors.is_empty();
            let told = if errors.is_empty() { "none".into() } else { errors.join(" ") };
            println!("{:<6} {rate:>12.0} {:>16.2} {told:>9}", machine.name, processor / requests * 1e6);
            server.stop()?;
        }
    }
    Ok(good)
}

/// The number in front of the words, or behind them.
fn field(report: &str, words: &str, behind: bool) -> Option<f64> {
    let (before, after) = report.split_once(words)?;
    let word = if behind { after.split_whitespace().next() } else { before.split_whitespace().last() };
    word?.parse().ok()
}

fn text(error: std::io::Error) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn reports_of_wrk_are_read() {
        let report = "Running\n  52 threads\n  12345 requests in 10.00s, 1.2MB read\nRequests/sec:   1234.50\n";
        assert_eq!(field(report, " requests in", false), Some(12345.0));
        assert_eq!(field(report, "Requests/sec:", true), Some(1234.5));
        assert_eq!(field(report, "Timeouts:", true), None);
    }
}
