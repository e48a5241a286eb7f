//! `ram_file_drv`: the driver behind `file:open/2` with the mode `ram`, a file in memory (OTP's `ram_file_drv.c`).
//!
//! Each command has one answer, but those that the driver does not know have none. Numbers are 32 bits, big-endian.

use oxbeam_sys::{Errno, Result as SysResult};
use oxbeam_term::{Heap, Term};

/// The driver's name.
pub(crate) const DRIVER: &[u8] = b"ram_file_drv";

/// Bits of the mode that a file is opened with.
const READ: u32 = 1;
const WRITE: u32 = 2;

/// A file in memory.
pub(crate) struct RamFile {
    /// Whether contents are sent as binaries.
    binary: bool,
    /// 0 until it is opened.
    mode: u32,
    bytes: Vec<u8>,
    position: usize,
}

/// What the driver answers.
pub(crate) enum Answer {
    Done,
    Number(usize),
    Contents(Vec<u8>),
    Failed(Errno),
}

impl Answer {
    fn of<T>(result: SysResult<T>, answer: impl FnOnce(T) -> Answer) -> Answer {
        result.map_or_else(Answer::Failed, answer)
    }
    /// The bytes in front of contents.
    fn header(&self) -> Vec<u8> {
        let number = |kind: u8, number: usize| {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            std::iter::once(kind).chain(number.to_be_bytes()).collect()
        };
        match self {
            Answer::Done => vec![0],
            Answer::Failed(errno) => std::iter::once(1).chain(errno.name().bytes()).collect(),
            Answer::Contents(bytes) => number(2, bytes.len()),
            Answer::Number(value) => number(3, *value),
        }
    }
    /// The answer as the data of a port: a list of bytes that may end in a binary.
    pub(crate) fn term<'h>(self, heap: &'h Heap, binary: bool) -> Term<'h> {
        let header = self.header();
        let tail = match self {
            Answer::Contents(bytes) if binary => heap.binary(&bytes),
            Answer::Contents(bytes) => heap.byte_list(&bytes, Term::NIL),
            Answer::Done | Answer::Number(_) | Answer::Failed(_) => Term::NIL,
        };
        heap.byte_list(&header, tail)
    }
}

/// A number at the front of a command, and what is behind it.
fn number(command: &[u8]) -> Option<(i32, &[u8])> {
    let (number, rest) = command.split_first_chunk()?;
    Some((i32::from_be_bytes(*number), rest))
}

fn count(number: i32) -> SysResult<usize> {
    usize::try_from(number).map_err(|_| Errno::EINVAL)
}

impl RamFile {
    /// A file that is not opened yet; `binary` is the port's option.
    pub(crate) fn new(binary: bool) -> RamFile {
        RamFile { binary, mode: 0, bytes: Vec::new(), position: 0 }
    }
    /// Whether contents are sent as binaries.
    pub(crate) fn is_binary(&self) -> bool {
        self.binary
    }
    /// Carries out a command: the answer, `None` for what the driver does not know.
    pub(crate) fn command(&mut self, command: &[u8]) -> Option<Answer> {
        let (&code, rest) = command.split_first()?;
        Some(match code {
            1 => self.open(rest)?,
            2 => {
                let length = number(rest)?.0;
                let from = self.position;
                let read = count(length).and_then(|length| self.read(from, length));
                Answer::of(read, |bytes| {
                    self.position = from + bytes.len();
                    Answer::Contents(bytes)
                })
            }
            3 => {
                let (offset, rest) = number(rest)?;
                Answer::of(self.seek(offset, number(rest)?.0), Answer::Number)
            }
            4 => Answer::of(self.write(self.position, rest), |length| {
                self.position += length;
                Answer::Number(length)
            }),
            9 | 19 | 38 | 39 => Answer::of(self.opened(READ | WRITE, Errno::EBADF), |()| Answer::Done),
            14 => Answer::of(self.truncate(), |()| Answer::Done),
            17 => {
                let (offset, rest) = number(rest)?;
                let length = number(rest)?.0;
                let read = count(offset).and_then(|offset| self.read(offset, count(length)?));
                Answer::of(read, Answer::Contents)
            }
            18 => {
                let (offset, rest) = number(rest)?;
                Answer::of(count(offset).and_then(|offset| self.write(offset, rest)), Answer::Number)
            }
            30 => Answer::Contents(self.bytes.clone()),
            37 => Answer::Number(self.bytes.len()),
            _ => return None,
        })
    }
    fn open(&mut self, rest: &[u8]) -> Option<Answer> {
        let (mode, contents) = rest.split_first_chunk()?;
        self.mode = u32::from_be_bytes(*mode);
        self.bytes = contents.to_vec();
        self.position = 0;
        Some(Answer::Number(0))
    }
    /// Fails unless the file is open for one of these.
    fn opened(&self, modes: u32, errno: Errno) -> SysResult<()> {
        if self.mode & modes == 0 { Err(errno) } else { Ok(()) }
    }
    fn read(&self, from: usize, length: usize) -> SysResult<Vec<u8>> {
        self.opened(READ, Errno::EBADF)?;
        let there = self.bytes.get(from..).unwrap_or_default();
        Ok(there[..length.min(there.len())].to_vec())
    }
    fn write(&mut self, from: usize, bytes: &[u8]) -> SysResult<usize> {
        self.opened(WRITE, Errno::EBADF)?;
        let end = from.checked_add(bytes.len()).filter(|&end| i32::try_from(end).is_ok()).ok_or(Errno::EINVAL)?;
        self.reach(end)?;
        self.bytes[from..end].copy_from_slice(bytes);
        Ok(bytes.len())
    }
    /// Fills up with zeros to a length.
    fn reach(&mut self, end: usize) -> SysResult<()> {
        if end > self.bytes.len() {
            self.bytes.try_reserve(end - self.bytes.len()).map_err(|_| Errno::ENOMEM)?;
            self.bytes.resize(end, 0);
        }
        Ok(())
    }
    fn seek(&mut self, offset: i32, origin: i32) -> SysResult<usize> {
        self.opened(READ | WRITE, Errno::EBADF)?;
        let base = match origin {
            0 => 0,
            1 => self.position,
            2 => self.bytes.len(),
            _ => return Err(Errno::EINVAL),
        };
        self.position = base.checked_add_signed(offset as isize).ok_or(Errno::EINVAL)?;
        Ok(self.position)
    }
    fn truncate(&mut self) -> SysResult<()> {
        self.opened(WRITE, Errno::EACCES)?;
        if i32::try_from(self.position).is_err() {
            return Err(Errno::EINVAL);
        }
        self.bytes.truncate(self.position);
        self.reach(self.position)
    }
}
