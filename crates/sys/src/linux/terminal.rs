//! The terminal: what OTP's `prim_tty` asks of it.
//!
//! Widths of characters are in [`crate::char_width`], capabilities in [`crate::terminfo`]; that the window
//! changed size or that the program was resumed is told by [`super::signals`] (SIGWINCH, SIGCONT).

use std::ffi::{CStr, c_char};
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno as SysErrno;
use rustix::termios::{ControlModes, InputModes, LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Termios};

use super::descriptor::{ReadOutcome, read};
use super::file::retry;
use super::signals::ignore_signal;
use crate::{Errno, Result};

/// So many bytes go through at once where there is room: less than a page, which a pipe that has room takes.
const AT_ONCE_MAX: usize = 1024;

/// One of the three descriptors every program starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandardStream {
    /// `stdin`
    Input,
    /// `stdout`
    Output,
    /// `stderr`
    Error,
}

impl StandardStream {
    fn with<T>(self, use_it: impl FnOnce(BorrowedFd<'_>) -> T) -> T {
        match self {
            StandardStream::Input => use_it(std::io::stdin().as_fd()),
            StandardStream::Output => use_it(std::io::stdout().as_fd()),
            StandardStream::Error => use_it(std::io::stderr().as_fd()),
        }
    }
}

/// Whether a standard stream is a terminal; `ebadf` if it is closed.
pub fn is_terminal(stream: StandardStream) -> Result<bool> {
    stream.with(|descriptor| match rustix::termios::tcgetattr(descriptor) {
        Ok(_) => Ok(true),
        Err(SysErrno::NOTTY | SysErrno::INVAL) => Ok(false),
        Err(_) => Err(Errno::EBADF),
    })
}

/// A person's answer in the break menu, when the program reads it without `prim_tty`.
///
/// Waits for a line (or whatever a terminal hands over at once) and returns its first byte; nothing at the end of input.
pub fn read_key() -> Option<u8> {
    let mut buffer = [0; 64];
    StandardStream::Input.with(|input| {
        let mut descriptors = [PollFd::from_borrowed_fd(input, PollFlags::IN)];
        retry(|| rustix::event::poll(&mut descriptors, None)).ok()?;
        match retry(|| rustix::io::read(input, &mut buffer)) {
            Ok(1..) => Some(buffer[0]),
            Ok(0) | Err(_) => None,
        }
    })
}

/// The modes of the terminal that standard input is, as they are now.
#[derive(Clone, Debug)]
pub struct SavedModes(Termios);

impl SavedModes {
    /// Nothing when standard input is no terminal.
    pub fn of_input() -> Option<SavedModes> {
        StandardStream::Input.with(|input| rustix::termios::tcgetattr(input)).ok().map(SavedModes)
    }
    /// Gives the terminal these modes.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    pub fn restore(&self) -> Result<()> {
        Ok(StandardStream::Input.with(|input| rustix::termios::tcsetattr(input, OptionalActions::Now, &self.0))?)
    }
    /// The same modes with no key that sends SIGINT (`+Bc`).
    #[must_use]
    pub fn without_interrupt_key(&self) -> SavedModes {
        let mut modes = self.0.clone();
        modes.special_codes[SpecialCodeIndex::VINTR] = 0;
        SavedModes(modes)
    }
}

impl SavedModes {
    /// The modes as text for [`guard`].
    fn to_text(&self) -> String {
        let Termios { input_modes, output_modes, control_modes, local_modes, special_codes, .. } = &self.0;
        let flags = [input_modes.bits(), output_modes.bits(), control_modes.bits(), local_modes.bits()];
        let keys = KEYS.map(|key| u32::from(special_codes[key]));
        let words: Vec<String> = flags.into_iter().chain(keys).map(|number| format!("{number:x}")).collect();
        words.join(":")
    }
    /// `present` with the modes of a text.
    fn from_text(text: &str, mut present: Termios) -> Option<SavedModes> {
        let words = text.split(':').map(|word| u32::from_str_radix(word, 16).ok());
        let numbers: Vec<u32> = words.collect::<Option<_>>()?;
        let [input, output, control, local, keys @ ..] = &numbers[..] else { return None };
        present.input_modes = InputModes::from_bits_retain(*input);
        present.output_modes = OutputModes::from_bits_retain(*output);
        present.control_modes = ControlModes::from_bits_retain(*control);
        present.local_modes = LocalModes::from_bits_retain(*local);
        for (key, code) in KEYS.into_iter().zip(keys) {
            present.special_codes[key] = u8::try_from(*code).ok()?;
        }
        Some(SavedModes(present))
    }
}

/// What [`SavedModes::to_text`] keeps of the special characters.
const KEYS: [SpecialCodeIndex; 9] = [
    SpecialCodeIndex::VINTR,
    SpecialCodeIndex::VQUIT,
    SpecialCodeIndex::VERASE,
    SpecialCodeIndex::VKILL,
    SpecialCodeIndex::VEOF,
    SpecialCodeIndex::VMIN,
    SpecialCodeIndex::VTIME,
    SpecialCodeIndex::VSUSP,
    SpecialCodeIndex::VSTART,
];

/// A program that gives the terminal its modes back when this one ends without doing so, killed for instance.
///
/// OTP's `erl_child_setup` does the same. The program is told by a pipe that closes; dropping the guard tells it that
/// there is nothing left to do.
#[derive(Debug)]
pub struct TerminalGuard {
    child: Child,
}

impl TerminalGuard {
    /// Starts `program` with `arguments` and the text of `modes`; it calls [`guard`].
    ///
    /// # Errors
    ///
    /// When the program cannot be started.
    pub fn start(program: &Path, arguments: &[&str], modes: &SavedModes) -> std::io::Result<TerminalGuard> {
        let terminal = std::io::stdin().as_fd().try_clone_to_owned()?;
        let child = Command::new(program)
            .args(arguments)
            .arg(modes.to_text())
            .stdin(Stdio::piped())
            .stdout(terminal)
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(TerminalGuard { child })
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        if let Some(mut pipe) = self.child.stdin.take() {
            let _ = pipe.write_all(b".");
        }
        let _ = self.child.wait();
    }
}

/// What the program of a [`TerminalGuard`] does: waits until standard input closes, and unless something was written to it
/// gives the terminal that is standard output the modes of `text`.
pub fn guard(text: &str) {
    for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGHUP, libc::SIGTSTP, libc::SIGTTOU] {
        // The signals of the terminal are meant for the machine; without SIGTTOU, programs in the background may change modes.
        let _ = ignore_signal(signal);
    }
    if !matches!(std::io::stdin().read(&mut [0]), Ok(0)) {
        return;
    }
    let output = std::io::stdout();
    if let Ok(present) = rustix::termios::tcgetattr(&output)
        && let Some(SavedModes(modes)) = SavedModes::from_text(text, present)
    {
        let _ = rustix::termios::tcsetattr(&output, OptionalActions::Now, &modes);
    }
}

/// The options of `tty_init`; `None` leaves a mode as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TerminalModes {
    /// `canon`: the terminal edits lines and hands over whole ones
    pub canonical: Option<bool>,
    /// `echo`: the terminal shows what is typed
    pub echo: Option<bool>,
    /// `sig`: keys such as Ctrl-C send signals
    pub signals: Option<bool>,
}

impl TerminalModes {
    fn apply_to(self, modes: &mut Termios) {
        const SIGNAL_INPUT: InputModes = InputModes::BRKINT
            .union(InputModes::IGNPAR)
            .union(InputModes::ICRNL)
            .union(InputModes::IXON)
            .union(InputModes::IXANY);
        const SIGNAL_LOCAL: LocalModes = LocalModes::ISIG.union(LocalModes::IEXTEN);
        modes.input_modes.remove(InputModes::ISTRIP);
        if let Some(canonical) = self.canonical {
            modes.input_modes.set(InputModes::ICRNL, canonical);
            modes.local_modes.set(LocalModes::ICANON, canonical);
            modes.output_modes.set(OutputModes::OPOST, canonical);
            if !canonical {
                modes.special_codes[SpecialCodeIndex::VMIN] = 1;
                modes.special_codes[SpecialCodeIndex::VTIME] = 0;
            }
        }
        if let Some(echo) = self.echo {
            modes.local_modes.set(LocalModes::ECHO, echo);
        }
        if let Some(signals) = self.signals {
            modes.input_modes.set(SIGNAL_INPUT, signals);
            modes.local_modes.set(SIGNAL_LOCAL, signals);
        }
    }
}

/// Input and output of the user, on a terminal or not.
#[derive(Debug)]
pub struct Terminal {
    input: OwnedFd,
    output: OwnedFd,
    modes: Option<Modes>,
}

#[derive(Debug)]
struct Modes {
    /// As found the first time, to be left as found.
    original: Termios,
    wanted: Termios,
    applied: AtomicBool,
}

impl Terminal {
    /// Standard input and output. The descriptors are copies: dropping the terminal leaves those open.
    pub fn standard() -> Result<Terminal> {
        let copy = |descriptor: BorrowedFd<'_>| rustix::io::fcntl_dupfd_cloexec(descriptor, 3);
        Ok(Terminal::new(StandardStream::Input.with(copy)?, StandardStream::Output.with(copy)?))
    }

    /// Any pair of descriptors.
    pub fn new(input: OwnedFd, output: OwnedFd) -> Terminal {
        Terminal { input, output, modes: None }
    }

    /// The descriptor to register with the poller.
    pub fn input(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }

    /// The descriptor written to.
    pub fn output(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }

    /// Computes modes from the terminal's present ones; [`Terminal::apply`] sets them.
    pub fn prepare(&mut self, modes: TerminalModes) -> Result<()> {
        let present = rustix::termios::tcgetattr(&self.output)?;
        let mut wanted = present.clone();
        modes.apply_to(&mut wanted);
        match &mut self.modes {
            Some(known) => known.wanted = wanted,
            None => self.modes = Some(Modes { original: present, wanted, applied: AtomicBool::new(false) }),
        }
        Ok(())
    }

    /// Sets the prepared modes.
    pub fn apply(&self) -> Result<()> {
        if let Some(modes) = &self.modes {
            rustix::termios::tcsetattr(&self.input, OptionalActions::Now, &modes.wanted)?;
            modes.applied.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Sets the modes found by the first [`Terminal::prepare`], if others were applied. Dropping does it too, but
    /// a program that exits does not drop.
    pub fn restore(&self) -> Result<()> {
        if let Some(modes) = &self.modes
            && modes.applied.swap(false, Ordering::Relaxed)
        {
            rustix::termios::tcsetattr(&self.input, OptionalActions::Now, &modes.original)?;
        }
        Ok(())
    }

    /// Columns and rows; `enotsup` if neither side is a terminal that knows.
    pub fn window_size(&self) -> Result<(u16, u16)> {
        let size = rustix::termios::tcgetwinsize(&self.input).or_else(|_| rustix::termios::tcgetwinsize(&self.output));
        match size {
            Ok(size) if size.ws_col > 0 || size.ws_row > 0 => Ok((size.ws_col, size.ws_row)),
            _ => Err(Errno::ENOTSUP),
        }
    }

    /// Reads what is there, at most `size` bytes. Never waits: somebody else may have read what the poller saw.
    pub fn read(&self, size: usize) -> Result<ReadOutcome> {
        let mut descriptors = [PollFd::new(&self.input, PollFlags::IN)];
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        if retry(|| rustix::event::poll(&mut descriptors, Some(&now)))? == 0 {
            return Ok(ReadOutcome::WouldBlock);
        }
        read(&self.input, size)
    }

    /// Would [`Terminal::write`] of so many bytes not wait? Only for little, and not if the output is a file.
    pub fn has_room(&self, size: usize) -> bool {
        use rustix::fs::FileType;
        let goes_on = |stat: rustix::fs::Stat| match FileType::from_raw_mode(stat.st_mode) {
            FileType::CharacterDevice | FileType::Fifo | FileType::Socket => true,
            FileType::RegularFile
            | FileType::Directory
            | FileType::Symlink
            | FileType::BlockDevice
            | FileType::Unknown => false,
        };
        if size > AT_ONCE_MAX || !rustix::fs::fstat(&self.output).is_ok_and(goes_on) {
            return false;
        }
        let mut descriptors = [PollFd::new(&self.output, PollFlags::OUT)];
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        rustix::event::poll(&mut descriptors, Some(&now)).is_ok_and(|ready| ready > 0)
    }

    /// Writes all of `buffers`, waiting while there is no room.
    pub fn write(&self, buffers: &[&[u8]]) -> Result<()> {
        for buffer in buffers {
            let mut rest = *buffer;
            while !rest.is_empty() {
                match rustix::io::write(&self.output, rest) {
                    Ok(count) => rest = &rest[count..],
                    Err(SysErrno::INTR) => {}
                    Err(SysErrno::AGAIN) => self.wait_for_room()?,
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
        Ok(())
    }

    fn wait_for_room(&self) -> Result<()> {
        let mut descriptors = [PollFd::new(&self.output, PollFlags::OUT)];
        retry(|| rustix::event::poll(&mut descriptors, None))?;
        Ok(())
    }

    /// Whether the other side of a standard stream is still there (`tty_is_open` of OTP 29).
    pub fn is_open(stream: StandardStream) -> Result<bool> {
        stream.with(|descriptor| {
            let mut descriptors = [PollFd::from_borrowed_fd(descriptor, PollFlags::HUP)];
            let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
            retry(|| rustix::event::poll(&mut descriptors, Some(&now)))?;
            Ok(!descriptors[0].revents().contains(PollFlags::HUP))
        })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.restore();
    }
}

unsafe extern "C" {
    // In every C library for Linux, but not in the `libc` crate's list for GNU.
    fn nl_langinfo_l(item: libc::nl_item, locale: libc::locale_t) -> *mut c_char;
}

/// Whether text is UTF-8 according to `LC_ALL`, `LC_CTYPE`, `LANG` and the installed locales.
///
/// The same answer as `setlocale(LC_CTYPE, "")` gives, without changing the locale of the process.
pub fn locale_is_utf8() -> bool {
    // SAFETY: the name is a C string, and a null base means a new locale.
    let locale = unsafe { libc::newlocale(libc::LC_CTYPE_MASK, c"".as_ptr(), std::ptr::null_mut()) };
    if locale.is_null() {
        return false;
    }
    // SAFETY: the locale is valid; the answer is a C string that lives as long as it.
    let utf8 = unsafe { CStr::from_ptr(nl_langinfo_l(libc::CODESET, locale)) } == c"UTF-8";
    // SAFETY: made above, and not used after this.
    unsafe { libc::freelocale(locale) };
    utf8
}

#[cfg(test)]
mod tests {
    use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};

    use super::*;

    /// A terminal and the side of the person in front of it.
    fn terminal() -> (Terminal, OwnedFd) {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let person = openpt(flags).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let input = ioctl_tiocgptpeer(&person, flags).unwrap();
        let output = input.try_clone().unwrap();
        (Terminal::new(input, output), person)
    }

    #[test]
    fn raw_and_back() {
        let (mut terminal, person) = terminal();
        let before = rustix::termios::tcgetattr(&person).unwrap();
        let modes = TerminalModes { canonical: Some(false), echo: Some(false), signals: None };
        terminal.prepare(modes).unwrap();
        terminal.apply().unwrap();
        // Which modes the real shell takes away, read from a pseudo-terminal it ran on.
        let raw = rustix::termios::tcgetattr(&person).unwrap();
        assert_eq!(before.input_modes - raw.input_modes, InputModes::ICRNL);
        assert_eq!(before.output_modes - raw.output_modes, OutputModes::OPOST);
        assert_eq!(before.local_modes - raw.local_modes, LocalModes::ICANON | LocalModes::ECHO);
        rustix::io::write(&person, b"a\r").unwrap();
        assert_eq!(terminal.read(1024), Ok(ReadOutcome::Data(b"a\r".to_vec())));
        terminal.write(&[b"x\n", b"", b"y"]).unwrap();
        let mut seen = [0; 16];
        let count = rustix::io::read(&person, &mut seen).unwrap();
        assert_eq!(&seen[..count], b"x\ny");
        terminal.restore().unwrap();
        let after = rustix::termios::tcgetattr(&person).unwrap();
        assert_eq!(before.local_modes, after.local_modes);
        assert_eq!(before.input_modes, after.input_modes);
        drop(person);
        assert!(matches!(terminal.read(1), Ok(ReadOutcome::Closed) | Err(Errno::EIO)));
    }

    #[test]
    fn modes_as_text() {
        let (_, person) = terminal();
        let modes = SavedModes(rustix::termios::tcgetattr(&person).unwrap());
        let mut other = modes.0.clone();
        other.local_modes = LocalModes::empty();
        other.special_codes[SpecialCodeIndex::VINTR] = 0;
        let SavedModes(back) = SavedModes::from_text(&modes.to_text(), other).unwrap();
        assert_eq!(back.local_modes, modes.0.local_modes);
        assert_eq!(back.special_codes[SpecialCodeIndex::VINTR], 3);
        assert!(SavedModes::from_text("x", back).is_none());
    }

    #[test]
    fn window_size() {
        let (terminal, person) = terminal();
        assert_eq!(terminal.window_size(), Err(Errno::ENOTSUP));
        let size = rustix::termios::Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&person, size).unwrap();
        assert_eq!(terminal.window_size(), Ok((120, 40)));
    }

    #[test]
    fn not_a_terminal() {
        let (read, write) = std::io::pipe().unwrap();
        let mut terminal = Terminal::new(read.into(), write.into());
        assert_eq!(terminal.window_size(), Err(Errno::ENOTSUP));
        assert_eq!(terminal.prepare(TerminalModes::default()), Err(Errno::ENOTTY));
        terminal.write(&[b"abc"]).unwrap();
        assert_eq!(terminal.read(2), Ok(ReadOutcome::Data(b"ab".to_vec())));
        assert!(Terminal::standard().is_ok());
    }
}
