//! File operations that do not wait: what the kernel has in its caches is answered at once, and for everything else the
//! answer is `None` and nothing has happened.
//!
//! Paths are looked up with `RESOLVE_CACHED` (Linux 5.12) and contents are read with `RWF_NOWAIT` (4.14), as `io_uring`
//! does before it hands an operation to a thread. A kernel or a file system without them gives `None`.

use std::io::IoSliceMut;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::{Errno as SysErrno, ReadWriteFlags};

use super::file::{self, File, FileInfo, OpenModes};
use crate::{Errno, Result};

/// The most bytes that are read at once: copying them takes some tens of microseconds.
const BYTES_MAX: usize = 256 * 1024;

/// Has the kernel refused to look something up in its caches only? Then it is not asked again.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// [`file::read_info`].
pub fn read_info(path: &[u8], follow_links: bool) -> Option<Result<FileInfo>> {
    match look_up(path, follow_links)? {
        // The access to a link is that to its target, which has not been looked up.
        Ok(stat) if kind(&stat) == FileType::Symlink => None,
        Ok(_) => Some(file::read_info(path, follow_links)),
        Err(errno) => Some(Err(errno)),
    }
}

/// [`File::open`], of a regular file and only for reading: opening others may wait, or have effects.
pub fn open(path: &[u8], modes: OpenModes) -> Option<Result<File>> {
    if !modes.only_reads() {
        return None;
    }
    match look_up(path, true)? {
        Ok(stat) if kind(&stat) == FileType::RegularFile => Some(File::open(path, modes)),
        Ok(_) => None,
        Err(errno) => Some(Err(errno)),
    }
}

/// [`file::read_file`].
pub fn read_file(path: &[u8]) -> Option<Result<Vec<u8>>> {
    let file = match open(path, OpenModes { read: true, ..OpenModes::default() })? {
        Ok(file) => file,
        Err(errno) => return Some(Err(errno)),
    };
    read_at(&file, 0, usize::MAX).map(Ok)
}

/// [`File::read`].
pub fn read(file: &File, size: usize) -> Option<Result<Vec<u8>>> {
    let position = rustix::fs::tell(file).ok()?;
    let bytes = read_at(file, position, size)?;
    let after = rustix::fs::SeekFrom::Start(position.checked_add(bytes.len() as u64)?);
    Some(rustix::fs::seek(file, after).map(|_| bytes).map_err(Errno::from))
}

/// [`File::pread`].
pub fn pread(file: &File, offset: u64, size: usize) -> Option<Result<Vec<u8>>> {
    read_at(file, offset, size).map(Ok)
}

/// Does nothing happen to the disk, or to whoever is at the other end, when the file is closed?
pub fn closes_at_once(file: &File) -> bool {
    let reads = rustix::fs::fcntl_getfl(file).is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDONLY);
    reads && rustix::fs::fstat(file).is_ok_and(|stat| kind(&stat) == FileType::RegularFile)
}

fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// What `path` names, or why it names nothing, if that is in the kernel's caches.
fn look_up(path: &[u8], follow_links: bool) -> Option<Result<Stat>> {
    if REFUSED.load(Ordering::Relaxed) {
        return None;
    }
    let path = match file::native_path(path) {
        Ok(path) => path,
        Err(errno) => return Some(Err(errno)),
    };
    let mut flags = OFlags::PATH | OFlags::CLOEXEC;
    flags.set(OFlags::NOFOLLOW, !follow_links);
    match rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED) {
        Ok(named) => rustix::fs::fstat(named).ok().map(Ok),
        Err(errno @ (SysErrno::NOENT | SysErrno::NOTDIR | SysErrno::ACCESS | SysErrno::LOOP)) => {
            Some(Err(errno.into()))
        }
        Err(SysErrno::NOSYS | SysErrno::PERM | SysErrno::INVAL) => {
            REFUSED.store(true, Ordering::Relaxed);
            None
        }
        Err(_) => None,
    }
}

/// Up to `size` bytes of a regular file, fewer only at its end.
fn read_at(file: &File, offset: u64, size: usize) -> Option<Vec<u8>> {
    let stat = rustix::fs::fstat(file).ok().filter(|stat| kind(stat) == FileType::RegularFile)?;
    let left = u64::try_from(stat.st_size).ok()?.saturating_sub(offset);
    let expected = usize::try_from(left).ok()?.min(size);
    // A size of nothing is also what files say that have no size, such as those of `/proc`.
    if stat.st_size == 0 || expected > BYTES_MAX {
        return None;
    }
    // At the end one byte is asked for: whoever may not read learns it from the kernel.
    let mut bytes = vec![0; expected.max(1)];
    let count = rustix::io::preadv2(file, &mut [IoSliceMut::new(&mut bytes)], offset, ReadWriteFlags::NOWAIT).ok()?;
    bytes.truncate(count);
    // Fewer: the rest is on the disk, or the file has just become shorter.
    (count == expected).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    /// A folder for one test, removed at its end.
    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let folder = std::env::temp_dir().join(format!("oxbeam-cached-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            Folder(folder)
        }
        fn path(&self, name: &str) -> Vec<u8> {
            self.0.join(name).as_os_str().as_bytes().to_vec()
        }
        fn write(&self, name: &str, content: &[u8]) -> Vec<u8> {
            std::fs::write(self.0.join(name), content).unwrap();
            self.path(name)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// Whatever is answered at once is what the waiting operation answers.
    #[test]
    fn answers_are_those_of_the_operations_that_wait() {
        let folder = Folder::new("answers");
        let small = folder.write("small", b"some bytes");
        let large = folder.write("large", &vec![7; BYTES_MAX + 1]);
        let empty = folder.write("empty", b"");
        std::os::unix::fs::symlink("small", folder.0.join("link")).unwrap();
        let names = [small, large, empty, folder.path("link"), folder.path("missing"), folder.path("small/below")];
        for path in names.iter().chain([&folder.path(""), &b"/proc/self/status".to_vec(), &b"a\0b".to_vec()]) {
            if let Some(content) = read_file(path) {
                assert_eq!(content, file::read_file(path));
            }
            for follow_links in [false, true] {
                if let Some(info) = read_info(path, follow_links) {
                    let (info, waited) = (info, file::read_info(path, follow_links));
                    assert_eq!(info.map(|info| info.inode), waited.map(|info| info.inode));
                }
            }
        }
    }

    #[test]
    fn what_may_wait_has_no_answer() {
        let folder = Folder::new("waits");
        let large = folder.write("large", &vec![7; BYTES_MAX + 1]);
        assert!(read_file(&large).is_none());
        let fifo = folder.path("fifo");
        let created = std::process::Command::new("mkfifo").arg(folder.0.join("fifo")).status().unwrap();
        assert!(created.success());
        assert!(open(&fifo, OpenModes::default()).is_none());
        assert!(open(&large, OpenModes { write: true, ..OpenModes::default() }).is_none());
        assert!(read_file(b"/proc/self/status").is_none());
    }

    #[test]
    fn reading_moves_the_position_only_when_it_answers() {
        let folder = Folder::new("position");
        let path = folder.write("file", b"0123456789");
        let file = File::open(&path, OpenModes::default()).unwrap();
        for expected in [&b"0123"[..], b"4567", b"89", b""] {
            let bytes = read(&file, 4).unwrap_or_else(|| file.read(4));
            assert_eq!(bytes.unwrap(), expected);
        }
        assert_eq!(pread(&file, 3, 2).unwrap_or_else(|| file.pread(3, 2)).unwrap(), b"34");
        assert_eq!(pread(&file, 30, 2).unwrap_or_else(|| file.pread(30, 2)).unwrap(), b"");
        assert!(closes_at_once(&file));
        let written = File::open(&path, OpenModes { append: true, ..OpenModes::default() }).unwrap();
        assert!(pread(&written, 30, 2).is_none(), "it may not be read");
        assert!(!closes_at_once(&written));
    }
}
