//! A shell in a pseudo-terminal, and the side of the person in front of it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcgetpgrp, tcsetwinsize};

/// A window's columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: u16,
    pub(super) rows: u16,
}

impl Size {
    fn window(self) -> Winsize {
        Winsize { ws_row: self.rows, ws_col: self.columns, ws_xpixel: 0, ws_ypixel: 0 }
    }
}

/// The terminal with the shell in it. Dropping it ends the shell and its foreground programs.
#[derive(Debug)]
pub(super) struct PseudoTerminal {
    /// The person's side; nothing once the terminal was closed.
    person: Option<OwnedFd>,
    shell: Child,
    /// The modes before anything ran.
    modes: Termios,
}

impl PseudoTerminal {
    /// Starts `sh` with an empty history and the prompt `$ ` in `folder`.
    ///
    /// # Errors
    ///
    /// When the system has no pseudo-terminal left, or no `setsid`.
    pub(super) fn start(size: Size, folder: &Path, environment: &[(OsString, OsString)]) -> io::Result<PseudoTerminal> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let person = openpt(flags)?;
        grantpt(&person)?;
        unlockpt(&person)?;
        let program = ioctl_tiocgptpeer(&person, flags)?;
        tcsetwinsize(&person, size.window())?;
        let modes = tcgetattr(&program)?;
        let shell = Command::new("setsid")
            // Whoever started the tests may ignore signals (`nohup` does), and a shell passes that on.
            .args(["--ctty", "env", "--default-signal", "sh", "-i"])
            .current_dir(folder)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env_remove("ENV")
            .env("PS1", "$ ")
            .stdin(program.try_clone()?)
            .stdout(program.try_clone()?)
            .stderr(program)
            .spawn()?;
        Ok(PseudoTerminal { person: Some(person), shell, modes })
    }

    /// What was written within `timeout`; nothing when nothing was, or when nobody holds the terminal any more.
    pub(super) fn read(&self, timeout: Duration) -> io::Result<Vec<u8>> {
        let Some(person) = &self.person else { return Ok(Vec::new()) };
        let timeout = Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: timeout.subsec_nanos().into() };
        let mut descriptors = [PollFd::new(person, PollFlags::IN)];
        poll(&mut descriptors, Some(&timeout))?;
        if !descriptors[0].revents().contains(PollFlags::IN) {
            return Ok(Vec::new());
        }
        let mut buffer = vec![0; 1 << 16];
        match rustix::io::read(person, &mut buffer) {
            Ok(length) => buffer.truncate(length),
            Err(rustix::io::Errno::IO) => buffer.clear(),
            Err(errno) => return Err(errno.into()),
        }
        Ok(buffer)
    }

    /// Writes as much as the terminal takes now; says how much that was.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let Some(person) = &self.person else { return Ok(bytes.len()) };
        let mut descriptors = [PollFd::new(person, PollFlags::OUT)];
        poll(&mut descriptors, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
        if !descriptors[0].revents().contains(PollFlags::OUT) {
            return Ok(0);
        }
        // A terminal's line holds 4096 bytes; small pieces never wait.
        Ok(rustix::io::write(person, &bytes[..bytes.len().min(256)])?)
    }

    /// Changes the window's size: programs get SIGWINCH.
    pub(super) fn resize(&self, size: Size) -> io::Result<()> {
        match &self.person {
            Some(person) => Ok(tcsetwinsize(person, size.window())?),
            None => Ok(()),
        }
    }

    /// Are the modes those from before the first program?
    pub(super) fn is_as_found(&self) -> io::Result<bool> {
        let Some(person) = &self.person else { return Ok(true) };
        let now = tcgetattr(person.as_fd())?;
        Ok(now.input_modes == self.modes.input_modes
            && now.output_modes == self.modes.output_modes
            && now.local_modes == self.modes.local_modes)
    }

    /// The leader of the programs in the foreground.
    pub(super) fn foreground(&self) -> Option<Pid> {
        tcgetpgrp(self.person.as_ref()?).ok()
    }

    /// Sends a signal to the leader of the programs in the foreground.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        let leader = self.foreground().ok_or_else(|| io::Error::other("no program is in the foreground"))?;
        Ok(kill_process(leader, signal)?)
    }

    /// Closes the person's side, as when the window is closed.
    pub(super) fn close(&mut self) {
        self.person = None;
    }
}

/// Has the program ended? One that nobody waited for counts as ended.
pub(super) fn has_ended(program: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", program.as_raw_nonzero())).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
    matches!(state, None | Some('Z' | 'X'))
}

impl Drop for PseudoTerminal {
    fn drop(&mut self) {
        // The shell started every other program in groups of their own; the one in front is the one that may hang.
        if let Some(group) = self.foreground() {
            let _ = kill_process_group(group, Signal::KILL);
        }
        self.close();
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
