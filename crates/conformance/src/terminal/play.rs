//! Plays a session, to record it or to compare it with what was recorded.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::pseudo_terminal::{PseudoTerminal, has_ended};
use super::screen::{CURSOR, Picture, Screen};
use super::session::{Action, Session, Step};
use crate::{Runner, diff, mask};

/// How long a screen must not change to be taken for finished, when recording.
const QUIET: Duration = Duration::from_millis(400);
/// The same while replaying a step that shows nothing new: nobody can say when that is over.
const NOTHING_NEW: Duration = Duration::from_millis(150);
/// How long one step may take, whatever the time-out of the session is.
const STEP: Duration = Duration::from_secs(20);

/// As [`STEP`], or so many seconds as `TRANSCRIPT_STEP` says, for a machine that is slow on purpose.
fn step_limit() -> Duration {
    let seconds = std::env::var("TRANSCRIPT_STEP").ok().and_then(|seconds| seconds.parse().ok());
    seconds.map_or(STEP, Duration::from_secs)
}

/// A step with more rows is shown by its ends.
const LONG: usize = 200;
/// Rows shown of each end.
const SHOWN: usize = 20;

/// Plays the session in the file `script` and tells what was seen after each step.
///
/// # Errors
///
/// When the script is wrong, or a step does not come to its end.
pub(crate) fn record(script: &Path, runner: &Runner, timeout: Duration) -> io::Result<String> {
    let mut stage = Stage::set(script, runner)?;
    let deadline = Instant::now() + timeout;
    let mut text = String::new();
    for step in &stage.session()? {
        let seen = stage.play(step, &|_| None, deadline)?;
        if !seen.finished {
            return Err(io::Error::other(format!("no end of the step `{}`:\n{text}{}", step.title, seen.text)));
        }
        text.push_str(&seen.text);
    }
    Ok(text)
}

/// Plays the session in the file `script` until a step shows something else than `expected`; tells the difference.
///
/// # Errors
///
/// When the script is wrong, or the terminal cannot be made.
pub(crate) fn difference(
    script: &Path,
    expected: &str,
    runner: &Runner,
    timeout: Duration,
) -> io::Result<Option<String>> {
    let mut stage = Stage::set(script, runner)?;
    let deadline = Instant::now() + timeout;
    let (mut passed, mut rest) = (0, expected);
    for step in &stage.session()? {
        // Steps have their titles in front; what follows is what was seen, up to the next title.
        let title = format!("{TITLE}{}\n", step.title);
        if !rest.starts_with(&title) {
            return Ok(Some(format!("    the script was changed at `{}`: record it again\n", step.title)));
        }
        let length = rest[title.len() - 1..].find(&format!("\n{TITLE}")).map_or(rest.len(), |end| title.len() + end);
        let wanted = &rest[..length];
        let nothing_new = wanted.len() == title.len();
        let seen = stage.play(step, &|text| Some((text == wanted, nothing_new)), deadline)?;
        if seen.text != wanted {
            let done = &expected[..passed];
            return Ok(Some(diff(&format!("{done}{wanted}"), &format!("{done}{}", seen.text))));
        }
        passed += length;
        rest = &rest[length..];
    }
    Ok(None)
}

/// Stands in front of the step's line in the transcript.
const TITLE: &str = "──── ";

/// A terminal with a session in it.
struct Stage {
    script: String,
    terminal: PseudoTerminal,
    screen: Screen,
    /// What was there before the step.
    before: Picture,
    folder: Folder,
}

/// What was seen of a step.
struct Seen {
    text: String,
    finished: bool,
}

/// The folder of one session, removed with it.
struct Folder(PathBuf);

impl Folder {
    /// All names are of one length: they may be on the screen.
    fn new() -> io::Result<Folder> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("oxbeam-{:08}-{number:03}", process::id()));
        fs::create_dir(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Stage {
    fn set(script: &Path, runner: &Runner) -> io::Result<Stage> {
        let script = fs::read_to_string(script)?;
        let session = Session::parse(&script).map_err(io::Error::other)?;
        let folder = Folder::new()?;
        for (name, content) in &session.files {
            fs::write(folder.0.join(name), content)?;
        }
        let programs = programs(runner, &folder.0)?;
        let mut environment = vec![("PATH".into(), programs)];
        if matches!(runner, Runner::Folder(_)) {
            // As in `command.rs`: what enters the real system may need the person's home.
            environment.push(("HOME".into(), env::temp_dir().into()));
        }
        environment
            .extend([("LANG", "C.UTF-8"), ("TERM", "xterm-256color")].map(|(name, value)| (name.into(), value.into())));
        environment.extend(session.variables.iter().map(|(name, value)| (name.into(), value.into())));
        let terminal = PseudoTerminal::start(session.size, &folder.0, &environment)?;
        let screen = Screen::new(session.size, session.colours);
        let mut stage = Stage { script, terminal, screen, before: Picture::default(), folder };
        let deadline = Instant::now() + step_limit();
        while stage.screen.before_cursor() != "$ " {
            stage.take(Duration::from_millis(20))?;
            if Instant::now() > deadline {
                return Err(io::Error::other("the shell shows no prompt"));
            }
        }
        Ok(stage)
    }

    fn session(&self) -> io::Result<Vec<Step>> {
        Session::parse(&self.script).map(|session| session.steps).map_err(io::Error::other)
    }

    /// Gives the screen what was written within `wait`; was anything?
    fn take(&mut self, wait: Duration) -> io::Result<bool> {
        let bytes = self.terminal.read(wait)?;
        self.screen.write(&bytes);
        Ok(!bytes.is_empty())
    }

    /// Does a step and waits for its end. `compare` is asked what it thinks of what is there: whether that is what it
    /// waits for, and whether that is nothing, so that it has to stay so for a while. When it says nothing, the step's own conditions count.
    fn play(
        &mut self,
        step: &Step,
        compare: &dyn Fn(&str) -> Option<(bool, bool)>,
        deadline: Instant,
    ) -> io::Result<Seen> {
        let deadline = deadline.min(Instant::now() + step_limit());
        let program = self.terminal.foreground();
        let mut input = self.act(&step.action)?;
        // Something comes of keys, at least their echo; not so of a signal.
        let mut changed = !matches!(step.action, Action::Type(_));
        let (mut quiet_since, mut looked) = (Instant::now(), false);
        loop {
            let sent = self.terminal.write(&input)?;
            input.drain(..sent);
            if self.take(Duration::from_millis(5))? || sent > 0 {
                (quiet_since, looked) = (Instant::now(), false);
                changed = true;
                if quiet_since < deadline && !step.unfinished {
                    continue;
                }
            }
            if step.action == Action::HangUp {
                let ended = program.is_none_or(has_ended);
                if ended || Instant::now() > deadline {
                    let what = if ended { "the program has ended" } else { "the program still runs" };
                    return Ok(Seen { text: format!("{TITLE}{}\n[{what}]\n", step.title), finished: true });
                }
                continue;
            }
            if step.unfinished && self.is_complete(step) {
                return Ok(Seen { text: format!("{TITLE}{}\n", step.title), finished: true });
            }
            let quiet = quiet_since.elapsed();
            let late = Instant::now() > deadline;
            let finished = if looked {
                false
            } else {
                match compare(&self.text(step)?) {
                    // What is masked or left out may hide that the step is not over.
                    Some((wanted, nothing_new)) => {
                        looked = !nothing_new;
                        wanted && (!nothing_new || quiet >= NOTHING_NEW) && self.is_complete(step)
                    }
                    None => quiet >= QUIET && changed && self.is_complete(step),
                }
            };
            if finished || late {
                let text = self.text(step)?;
                self.before = self.screen.picture();
                return Ok(Seen { text, finished });
            }
        }
    }

    /// Does what a person does; returns the keys that are still to be typed.
    fn act(&mut self, action: &Action) -> io::Result<Vec<u8>> {
        match action {
            Action::Type(bytes) => return Ok(bytes.clone()),
            Action::Resize(size) => {
                self.terminal.resize(*size)?;
                self.screen.resize(*size);
            }
            Action::Signal(signal) => self.terminal.signal(*signal)?,
            Action::HangUp => self.terminal.close(),
        }
        Ok(Vec::new())
    }

    /// Are a new prompt and the awaited text there, as far as the step wants them?
    fn is_complete(&mut self, step: &Step) -> bool {
        let picture = self.screen.picture();
        let rows = picture.since(&self.before);
        let prompt = !step.until_prompt || !rows.is_empty() && is_prompt(&self.screen.before_cursor());
        let shows = |text: &str| rows.iter().any(|row| row.replace(CURSOR, "").contains(text));
        prompt && step.until_text.as_deref().is_none_or(shows)
    }

    /// What the step shows, as the transcript has it.
    fn text(&mut self, step: &Step) -> io::Result<String> {
        let picture = self.screen.picture();
        let rows = picture.since(&self.before);
        let mut text: String = rows.iter().flat_map(|row| [row.as_str(), "\n"]).collect();
        text = mask(&text, &self.folder.0.to_string_lossy());
        let mut lines: Vec<String> = text.lines().map(|line| tidy(line, step.loosely)).collect();
        if let Some(only) = &step.only {
            lines.retain(|line| line.contains(only.as_str()));
        }
        if step.sorted {
            lines.sort();
        }
        shorten(&mut lines);
        if self.screen.before_cursor() == "$ " && !self.terminal.is_as_found()? {
            lines.push("[the terminal is not left as it was found]".into());
        }
        let mut text = format!("{TITLE}{}\n", step.title);
        text.extend(lines.iter().flat_map(|line| [line.as_str(), "\n"]));
        Ok(text)
    }
}

/// What only the banner of a system tells, and what masks leave of numbers when the step does not care for them.
fn tidy(line: &str, loosely: bool) -> String {
    if line.starts_with("Erlang/OTP 27 [erts-") {
        return "Erlang/OTP 27 [_]".into();
    }
    if !loosely {
        return line.into();
    }
    let mut text = String::new();
    for character in line.trim_start().chars() {
        let next = if character.is_ascii_digit() { '_' } else { character };
        if !(matches!(next, '_' | ' ') && text.ends_with(next)) {
            text.push(next);
        }
    }
    text
}

/// Replaces the middle of many lines by their number and a sum of their bytes.
fn shorten(lines: &mut Vec<String>) {
    if lines.len() <= LONG {
        return;
    }
    let middle = SHOWN..lines.len() - SHOWN;
    // FNV-1a
    let sum = lines[middle.clone()]
        .iter()
        .flat_map(|line| line.bytes().chain([b'\n']))
        .fold(0xcbf2_9ce4_8422_2325, |sum: u64, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let instead = format!("[{} more rows, checksum {sum:016x}]", middle.len());
    lines.splice(middle, [instead]);
}

/// Does this text in front of the cursor ask for input? A POSIX shell's, IEx's, Erlang's and its job control's do.
fn is_prompt(text: &str) -> bool {
    let Some(text) = text.strip_suffix(' ') else { return false };
    // A program that ends in the middle of a line leaves the shell's prompt there.
    if matches!(text.trim_start(), "-->" | "..") || text.rsplit(' ').next() == Some("$") {
        return true;
    }
    let Some(text) = text.strip_suffix('>') else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.strip_suffix(')') {
        Some(text) => {
            let count = text.rsplit(['(', ')']).next();
            is_iex(text) && count.is_some_and(digits)
        }
        None => digits(text) || (is_iex(text) || text.starts_with('(')) && text.rsplit(')').next().is_some_and(digits),
    }
}

fn is_iex(text: &str) -> bool {
    ["iex(", "...(", "pry(", "dbg("].iter().any(|start| text.starts_with(start))
}

/// The search path of the session: with the machine's programs, or with ones that enter the real system.
fn programs(runner: &Runner, folder: &Path) -> io::Result<OsString> {
    let machine = match runner {
        Runner::Folder(machine) => machine.clone(),
        Runner::Prefix(prefix) => {
            // The real system may see this folder too: there, its own programs are meant.
            let path = env::var("PATH").unwrap_or_default();
            let own = folder.join(".programs");
            fs::create_dir(&own)?;
            for name in ["iex", "erl", "elixir"] {
                let program = own.join(name);
                fs::write(&program, format!("#!/bin/sh\nPATH='{path}' exec {} {name} \"$@\"\n", prefix.join(" ")))?;
                fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
            }
            own
        }
    };
    let mut path = OsString::from(machine);
    if let Some(rest) = env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts() {
        for prompt in ["$ ", "iex(1)> ", "iex(a@b)3> ", "...(12)> ", "1> ", " --> ", " .. ", "(a@b)1> "] {
            assert!(is_prompt(prompt), "{prompt}");
        }
        for text in ["iex(1)> 1", "iex(1)>", "> ", "a 1> "] {
            assert!(!is_prompt(text), "{text}");
        }
    }

    #[test]
    fn a_session_is_what_was_recorded() {
        let folder = Folder::new().expect("a folder");
        let script = folder.0.join("a.session");
        fs::write(&script, "variable A=b\n$ echo $A\ntype ec\nkeys \"ho x\" Enter\n").expect("written");
        let runner = Runner::Folder("/".into());
        let recorded = record(&script, &runner, STEP).expect("recorded");
        assert!(recorded.contains("$ echo $A\nb\n$ ▏"), "{recorded}");
        assert_eq!(difference(&script, &recorded, &runner, STEP).expect("played"), None);
        let other = recorded.replace("\nb\n", "\nc\n");
        assert!(difference(&script, &other, &runner, Duration::from_secs(1)).expect("played").is_some());
    }
}
