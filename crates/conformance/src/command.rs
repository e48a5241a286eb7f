//! Runs one command under a time-out and collects what a person would see.

use std::ffi::OsString;
use std::io::{self, PipeReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long output may still trickle in after the program has ended.
const DRAIN: Duration = Duration::from_secs(5);

/// Which system runs the commands.
#[derive(Clone, Debug)]
pub enum Runner {
    /// The programs `elixir`, `erl`, ... of this folder.
    Folder(PathBuf),
    /// A command to put in front, such as one that enters a container holding the real system.
    Prefix(Vec<String>),
}

/// Standard output and standard error in the order they were written, and how the program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// What was printed; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// `exit status: 0`, `signal: 9 (SIGKILL)`, or the time-out that was exceeded.
    pub ending: String,
}

impl Runner {
    /// Runs `command` in `folder`, ending it and everything it started after `timeout`.
    ///
    /// # Errors
    ///
    /// When the program cannot be started.
    pub fn run(&self, command: &[String], folder: &Path, timeout: Duration) -> io::Result<Output> {
        let (reader, writer) = io::pipe()?;
        let mut process = self.command(command);
        process.current_dir(folder).stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        for name in ["ERL_FLAGS", "ERL_AFLAGS", "ERL_ZFLAGS", "ERL_LIBS", "ELIXIR_ERL_OPTIONS", "NO_COLOR"] {
            process.env_remove(name);
        }
        process.env("LANG", "C.UTF-8").env("TERM", "dumb");
        // A process group of its own: ending it reaches the programs it started, and nothing else.
        std::os::unix::process::CommandExt::process_group(&mut process, 0);
        let mut child = process.spawn()?;
        drop(process); // closes our copy of the pipe's writing end
        let chunks = collect(reader);
        let status = wait(&mut child, timeout)?;
        let text = drain(&chunks);
        let ending = match status {
            Some(status) => status.to_string(),
            None => format!("ended after the time-out of {} s", timeout.as_secs()),
        };
        Ok(Output { text, ending })
    }

    fn command(&self, command: &[String]) -> Command {
        let (program, arguments) = command.split_first().expect("a transcript's command has a program");
        match self {
            Runner::Folder(folder) => {
                let own = folder.join(program);
                let mut process = if own.exists() { Command::new(own) } else { Command::new(program) };
                // A home without anybody's settings; what enters the reference may need the real one.
                process.args(arguments).env("PATH", path_with(folder)).env("HOME", std::env::temp_dir());
                process
            }
            Runner::Prefix(prefix) => {
                let mut words = prefix.iter().chain(command);
                let first = words.next().expect("the command is not empty");
                let mut process = Command::new(first);
                process.args(words);
                process
            }
        }
    }
}

/// The search path with `folder` in front, for shell scripts that say `elixir`.
fn path_with(folder: &Path) -> OsString {
    let mut path = OsString::from(folder);
    if let Some(rest) = std::env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    path
}

/// Reads the pipe on a thread: a program that prints more than a pipe holds must not stall.
fn collect(mut reader: PipeReader) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 1 << 16];
        while let Ok(length @ 1..) = reader.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Waits until the channel closes; a process left behind with the pipe open gets [`DRAIN`] and no more.
fn drain(chunks: &mpsc::Receiver<Vec<u8>>) -> String {
    let deadline = Instant::now() + DRAIN;
    let mut bytes = Vec::new();
    while let Ok(chunk) = chunks.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        bytes.extend(chunk);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The exit status, or `None` when the time-out passed and the process group was killed.
fn wait(child: &mut Child, timeout: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            kill_group(child)?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// The child leads its own group, so the group's number is the child's.
fn kill_group(child: &mut Child) -> io::Result<()> {
    Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).stderr(Stdio::null()).status()?;
    child.kill()?; // harmless when the line above did it
    child.wait()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, timeout: Duration) -> Output {
        let command = ["sh", "-c", script].map(String::from);
        Runner::Prefix(vec!["env".into()]).run(&command, Path::new("/"), timeout).expect("sh runs")
    }

    #[test]
    fn both_streams_arrive_in_order() {
        let output = sh("echo one; echo two >&2; echo three; exit 3", Duration::from_secs(20));
        assert_eq!(output.text, "one\ntwo\nthree\n");
        assert_eq!(output.ending, "exit status: 3");
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_what_it_started() {
        let started = Instant::now();
        let output = sh("echo before; sleep 100 & sleep 100", Duration::from_millis(300));
        assert_eq!(output.text, "before\n");
        assert_eq!(output.ending, "ended after the time-out of 0 s");
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}
