//! Open descriptors of any kind, as ports use them: reading and writing without waiting.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use rustix::buffer::spare_capacity;
use rustix::fs::OFlags;
use rustix::io::Errno as SysErrno;

use crate::Result;

/// What a read gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// some bytes, at least one
    Data(Vec<u8>),
    /// nothing now
    WouldBlock,
    /// the end
    Closed,
}

/// An open descriptor; dropping it closes it.
#[derive(Debug)]
pub struct Descriptor {
    descriptor: OwnedFd,
}

impl Descriptor {
    /// A copy of the descriptor `number` (`{fd, In, Out}` ports, standard streams): dropping it leaves the
    /// original open. `ebadf` if there is none.
    pub fn copy_of(number: RawFd) -> Result<Descriptor> {
        if number < 0 {
            return Err(crate::Errno::EBADF);
        }
        // SAFETY: the number is only handed to one system call, which refuses it if it is not open.
        let original = unsafe { BorrowedFd::borrow_raw(number) };
        Ok(Descriptor { descriptor: rustix::io::fcntl_dupfd_cloexec(original, 3)? })
    }

    /// Makes reads and writes return at once, or wait. All copies of a descriptor share this.
    pub fn set_nonblocking(&self, nonblocking: bool) -> Result<()> {
        let mut flags = rustix::fs::fcntl_getfl(&self.descriptor)?;
        flags.set(OFlags::NONBLOCK, nonblocking);
        Ok(rustix::fs::fcntl_setfl(&self.descriptor, flags)?)
    }

    /// One read of at most `size` bytes.
    pub fn read(&self, size: usize) -> Result<ReadOutcome> {
        read(&self.descriptor, size)
    }

    /// Would a small write (a page, for a pipe) go through at once, even if the descriptor is one that waits?
    pub fn has_room(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let mut descriptors = [PollFd::new(&self.descriptor, PollFlags::OUT)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut descriptors, Some(&now)).is_ok_and(|ready| ready > 0)
    }

    /// One write of as much of `buffers` as there is room for, and its size: 0 if there is none now.
    pub fn write(&self, buffers: &[&[u8]]) -> Result<usize> {
        let slices: Vec<IoSlice<'_>> = buffers.iter().take(1024).map(|buffer| IoSlice::new(buffer)).collect();
        match rustix::io::writev(&self.descriptor, &slices) {
            Err(SysErrno::AGAIN | SysErrno::INTR) => Ok(0),
            outcome => Ok(outcome?),
        }
    }
}

impl From<OwnedFd> for Descriptor {
    fn from(descriptor: OwnedFd) -> Self {
        Descriptor { descriptor }
    }
}

impl From<Descriptor> for OwnedFd {
    fn from(descriptor: Descriptor) -> Self {
        descriptor.descriptor
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

pub(super) fn read(descriptor: &OwnedFd, size: usize) -> Result<ReadOutcome> {
    let mut data = Vec::with_capacity(size);
    match rustix::io::read(descriptor, spare_capacity(&mut data)) {
        Ok(0) => Ok(ReadOutcome::Closed),
        Ok(_) => Ok(ReadOutcome::Data(data)),
        Err(SysErrno::AGAIN | SysErrno::INTR) => Ok(ReadOutcome::WouldBlock),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Errno;

    #[test]
    fn without_waiting() {
        let (read, write) = std::io::pipe().unwrap();
        let (read, write) = (Descriptor::from(OwnedFd::from(read)), Descriptor::from(OwnedFd::from(write)));
        read.set_nonblocking(true).unwrap();
        write.set_nonblocking(true).unwrap();
        assert_eq!(read.read(10), Ok(ReadOutcome::WouldBlock));
        assert_eq!(write.write(&[b"ab", b"c"]), Ok(3));
        assert_eq!(read.read(2), Ok(ReadOutcome::Data(b"ab".to_vec())));
        let block = vec![0; 1 << 20];
        let room = write.write(&[&block]).unwrap();
        assert!(0 < room && room < block.len());
        assert_eq!(write.write(&[&block]), Ok(0));
        drop(read);
        // A program that another test is starting may hold a copy until it runs.
        while write.write(&[b"x"]) == Ok(0) {
            std::thread::yield_now();
        }
        // The test harness, like every Rust program, ignores SIGPIPE.
        assert_eq!(write.write(&[b"x"]), Err(Errno::EPIPE));
        assert_eq!(Descriptor::copy_of(-1).unwrap_err(), Errno::EBADF);
        assert_eq!(Descriptor::copy_of(1_000_000).unwrap_err(), Errno::EBADF);
        Descriptor::copy_of(2).unwrap();
    }
}
