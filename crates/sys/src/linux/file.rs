//! Files, links and directories: the primitives behind OTP's `prim_file`.
//!
//! Paths are raw bytes. Reads and writes go on until the buffer is done, the file ends or an error
//! occurs, as `prim_file` expects; interrupted calls are repeated.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use rustix::buffer::spare_capacity;
use rustix::fs::{Access as AccessCheck, Advice as FadviseAdvice, FallocateFlags, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno as SysErrno;

use crate::{Errno, Result};

/// How a file is opened: the modes `prim_file:open/2` passes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenModes {
    /// `read`
    pub read: bool,
    /// `write`: creates the file, and empties it unless `read` is given too
    pub write: bool,
    /// `append`: implies `write`
    pub append: bool,
    /// `exclusive`: implies `write`; fails if the file exists
    pub exclusive: bool,
    /// `sync`: every write reaches the disk before it returns
    pub sync: bool,
    /// `directory`: the path must be a directory
    pub directory: bool,
    /// `skip_type_check`: directories may be opened without `directory`
    pub skip_type_check: bool,
}

impl OpenModes {
    /// Applies the rules that some modes imply others: no `read` or `write` at all means `read`.
    fn completed(mut self) -> Self {
        if self.append || self.exclusive {
            self.write = true;
        } else if !self.write {
            self.read = true;
        }
        self
    }

    /// Does a file that is opened so stay as it is?
    pub(super) fn only_reads(self) -> bool {
        !self.completed().write
    }

    fn flags(self) -> OFlags {
        let mut flags = match (self.read, self.write) {
            (_, false) => OFlags::RDONLY,
            (false, true) => OFlags::WRONLY | OFlags::CREATE,
            (true, true) => OFlags::RDWR | OFlags::CREATE,
        };
        if self.write && !self.read && !self.append {
            flags |= OFlags::TRUNC;
        }
        flags.set(OFlags::APPEND, self.append);
        flags.set(OFlags::EXCL, self.exclusive);
        flags.set(OFlags::SYNC, self.sync);
        flags.set(OFlags::DIRECTORY, self.directory);
        flags | OFlags::CLOEXEC
    }
}

/// Where [`File::seek`] counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    /// `bof`
    Beginning,
    /// `cur`
    Current,
    /// `eof`
    End,
}

/// What [`File::advise`] announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// `normal`
    Normal,
    /// `random`
    Random,
    /// `sequential`
    Sequential,
    /// `will_need`
    WillNeed,
    /// `dont_need`
    DontNeed,
    /// `no_reuse`
    NoReuse,
}

/// An open file. Dropping it closes it; [`File::close`] also reports the error.
#[derive(Debug)]
pub struct File {
    descriptor: OwnedFd,
}

impl File {
    /// Opens `path`. A directory is `eisdir` unless the modes ask for one.
    pub fn open(path: &[u8], modes: OpenModes) -> Result<File> {
        let modes = modes.completed();
        let path = native_path(path)?;
        let permissions = if modes.directory { 0o777 } else { 0o666 };
        let descriptor = retry(|| rustix::fs::open(path, modes.flags(), Mode::from_raw_mode(permissions)))?;
        if !modes.directory && !modes.skip_type_check && is_directory(descriptor.as_fd()) {
            return Err(Errno::EISDIR);
        }
        Ok(File { descriptor })
    }

    /// Takes over a descriptor that is open already (`prim_file:file_desc_to_ref/2`).
    pub fn from_descriptor(descriptor: RawFd) -> Result<File> {
        // SAFETY: the call takes any number and only reports whether it is an open descriptor.
        if descriptor < 0 || unsafe { libc::fcntl(descriptor, libc::F_GETFL) } < 0 {
            return Err(Errno::EBADF);
        }
        // SAFETY: the descriptor is open (checked above), and the caller hands it over: from now on
        // this value alone closes it.
        let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
        Ok(File { descriptor })
    }

    /// The descriptor's number (`prim_file:get_handle/1`).
    pub fn descriptor(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }

    /// Closes the file and reports what went wrong; the descriptor is gone either way.
    pub fn close(self) -> Result<()> {
        // SAFETY: `into_raw_fd` gave the descriptor up, so it is closed exactly once.
        if unsafe { libc::close(self.descriptor.into_raw_fd()) } < 0 {
            return Err(Errno::last());
        }
        Ok(())
    }

    /// Reads up to `size` bytes; fewer only at the end of the file, where the answer is empty.
    pub fn read(&self, size: usize) -> Result<Vec<u8>> {
        fill(size, |space, _| Ok(rustix::io::read(&self.descriptor, space)?.0.len()))
    }

    /// Like [`File::read`], at `offset` and without moving the file's position.
    pub fn pread(&self, offset: u64, size: usize) -> Result<Vec<u8>> {
        fill(size, |space, filled| {
            Ok(rustix::io::pread(&self.descriptor, space, position_after(offset, filled)?)?.0.len())
        })
    }

    /// Writes all of `buffers` and returns the number of bytes.
    pub fn write(&self, buffers: &[&[u8]]) -> Result<usize> {
        drain(buffers, |slices, _| rustix::io::writev(&self.descriptor, slices))
    }

    /// Like [`File::write`], at `offset` and without moving the file's position.
    pub fn pwrite(&self, offset: u64, buffers: &[&[u8]]) -> Result<usize> {
        drain(buffers, |slices, written| {
            rustix::io::pwritev(&self.descriptor, slices, position_after(offset, written)?)
        })
    }

    /// Moves the position and returns the new one, counted from the beginning.
    pub fn seek(&self, whence: Whence, offset: i64) -> Result<u64> {
        use rustix::fs::SeekFrom;
        let position = match whence {
            Whence::Beginning => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::EINVAL)?),
            Whence::Current => SeekFrom::Current(offset),
            Whence::End => SeekFrom::End(offset),
        };
        Ok(rustix::fs::seek(&self.descriptor, position)?)
    }

    /// Waits until everything written is on the disk; `data_only` leaves out metadata such as times.
    pub fn sync(&self, data_only: bool) -> Result<()> {
        if data_only {
            rustix::fs::fdatasync(&self.descriptor)?;
        } else {
            rustix::fs::fsync(&self.descriptor)?;
        }
        Ok(())
    }

    /// Cuts the file off at the current position.
    pub fn truncate(&self) -> Result<()> {
        let position = rustix::fs::tell(&self.descriptor)?;
        Ok(rustix::fs::ftruncate(&self.descriptor, position)?)
    }

    /// Reserves space on the disk.
    pub fn allocate(&self, offset: i64, length: i64) -> Result<()> {
        let (Ok(start), Ok(size)) = (u64::try_from(offset), u64::try_from(length)) else {
            return Err(Errno::EINVAL);
        };
        if retry(|| rustix::fs::fallocate(&self.descriptor, FallocateFlags::empty(), start, size)).is_ok() {
            return Ok(());
        }
        // File systems without the operation: the C library writes the blocks instead.
        // SAFETY: the descriptor is open as long as `self` lives; the call touches no memory of ours.
        match unsafe { libc::posix_fallocate(self.descriptor.as_raw_fd(), offset, length) } {
            0 => Ok(()),
            errno => Err(Errno(errno)),
        }
    }

    /// Tells the kernel how the file will be used. Refusals are ignored, as in ERTS: it is only advice.
    pub fn advise(&self, offset: i64, length: i64, advice: Advice) {
        let advice = match advice {
            Advice::Normal => FadviseAdvice::Normal,
            Advice::Random => FadviseAdvice::Random,
            Advice::Sequential => FadviseAdvice::Sequential,
            Advice::WillNeed => FadviseAdvice::WillNeed,
            Advice::DontNeed => FadviseAdvice::DontNeed,
            Advice::NoReuse => FadviseAdvice::NoReuse,
        };
        if let (Ok(offset), Ok(length)) = (u64::try_from(offset), u64::try_from(length)) {
            let _ = rustix::fs::fadvise(&self.descriptor, offset, std::num::NonZeroU64::new(length), advice);
        }
    }

    /// What [`read_info`] tells, for an open file.
    pub fn info(&self) -> Result<FileInfo> {
        let stat = rustix::fs::fstat(&self.descriptor)?;
        Ok(FileInfo::new(&stat, access_from_mode(&stat)))
    }

    /// Reads the rest of the file.
    pub fn read_to_end(&self) -> Result<Vec<u8>> {
        let expected = self.info()?.size as usize;
        let mut content = Vec::new();
        // One byte more than the size, so that the common case meets the end in one call.
        reserve(&mut content, expected.saturating_add(1))?;
        loop {
            if content.len() == content.capacity() {
                reserve(&mut content, 64 * 1024)?;
            }
            if retry(|| rustix::io::read(&self.descriptor, spare_capacity(&mut content)))? == 0 {
                return Ok(content);
            }
        }
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// The kind of a file, as in `#file_info.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// `device`
    Device,
    /// `directory`
    Directory,
    /// `regular`
    Regular,
    /// `symlink`
    Symlink,
    /// `other`
    Other,
}

/// What this process may do with a file, as in `#file_info.access`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// may be read
    pub read: bool,
    /// may be written
    pub write: bool,
}

/// The fields of Erlang's `#file_info{}`; times are seconds since 1970 in universal time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// bytes
    pub size: u64,
    /// type
    pub kind: FileKind,
    /// access
    pub access: Access,
    /// last read
    pub access_time: i64,
    /// last written
    pub modification_time: i64,
    /// last change of metadata
    pub change_time: i64,
    /// permissions and file type
    pub mode: u32,
    /// number of hard links
    pub links: u64,
    /// device the file is on
    pub major_device: u64,
    /// device the file is, for a device
    pub minor_device: u64,
    /// inode number
    pub inode: u64,
    /// owner
    pub uid: u32,
    /// group
    pub gid: u32,
}

impl FileInfo {
    #[allow(
        clippy::unnecessary_cast,
        clippy::useless_conversion,
        reason = "which integer types the fields of `stat` have differs between architectures"
    )]
    fn new(stat: &Stat, access: Access) -> FileInfo {
        use rustix::fs::FileType;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::CharacterDevice | FileType::BlockDevice => FileKind::Device,
            FileType::Directory => FileKind::Directory,
            FileType::RegularFile => FileKind::Regular,
            FileType::Symlink => FileKind::Symlink,
            FileType::Fifo | FileType::Socket | FileType::Unknown => FileKind::Other,
        };
        FileInfo {
            size: stat.st_size as u64,
            kind,
            access,
            access_time: stat.st_atime as i64,
            modification_time: stat.st_mtime as i64,
            change_time: stat.st_ctime as i64,
            mode: stat.st_mode,
            links: stat.st_nlink as u64,
            major_device: stat.st_dev as u64,
            minor_device: stat.st_rdev as u64,
            inode: stat.st_ino as u64,
            uid: stat.st_uid,
            gid: stat.st_gid,
        }
    }
}

/// Facts about the file `path`, or about the link itself unless `follow_links`.
pub fn read_info(path: &[u8], follow_links: bool) -> Result<FileInfo> {
    let path = native_path(path)?;
    let stat = if follow_links { rustix::fs::stat(path)? } else { rustix::fs::lstat(path)? };
    let access = Access {
        read: rustix::fs::access(path, AccessCheck::READ_OK).is_ok(),
        write: rustix::fs::access(path, AccessCheck::WRITE_OK).is_ok(),
    };
    Ok(FileInfo::new(&stat, access))
}

/// Sets the permission bits, dropping set-uid and set-gid if the kernel refuses those.
pub fn set_permissions(path: &[u8], permissions: u32) -> Result<()> {
    let path = native_path(path)?;
    let wanted = Mode::from_raw_mode(permissions & 0o6777);
    if rustix::fs::chmod(path, wanted).is_ok() {
        return Ok(());
    }
    Ok(rustix::fs::chmod(path, wanted - (Mode::SUID | Mode::SGID))?)
}

/// Sets owner and group; -1 leaves one as it is.
pub fn set_owner(path: &[u8], uid: i32, gid: i32) -> Result<()> {
    let uid = (uid != -1).then(|| Uid::from_raw(uid as u32));
    let gid = (gid != -1).then(|| Gid::from_raw(gid as u32));
    Ok(rustix::fs::chown(native_path(path)?, uid, gid)?)
}

/// Sets the times of access and modification, in seconds since 1970.
pub fn set_time(path: &[u8], access_time: i64, modification_time: i64) -> Result<()> {
    let seconds = |tv_sec| rustix::fs::Timespec { tv_sec, tv_nsec: 0 };
    let times =
        rustix::fs::Timestamps { last_access: seconds(access_time), last_modification: seconds(modification_time) };
    let flags = rustix::fs::AtFlags::empty();
    Ok(rustix::fs::utimensat(rustix::fs::CWD, native_path(path)?, &times, flags)?)
}

/// Where the symbolic link `path` points.
pub fn read_link(path: &[u8]) -> Result<Vec<u8>> {
    Ok(rustix::fs::readlink(native_path(path)?, Vec::new())?.into_bytes())
}

/// The names in the directory `path`, without `.` and `..`, in the order ERTS gives them:
/// the last entry the system names comes first.
pub fn list_dir(path: &[u8]) -> Result<Vec<Vec<u8>>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = retry(|| rustix::fs::open(native_path(path).map_err(sys_errno)?, flags, Mode::empty()))?;
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::new(directory)? {
        let Ok(entry) = entry else { break };
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name.to_vec());
        }
    }
    names.reverse();
    Ok(names)
}

/// Renames a file; a non-empty target directory is `eexist`.
pub fn rename(source: &[u8], destination: &[u8]) -> Result<()> {
    let source = native_path(source)?;
    match rustix::fs::rename(source, native_path(destination)?) {
        Ok(()) => Ok(()),
        Err(SysErrno::NOTEMPTY) => Err(Errno::EEXIST),
        Err(_) if source == b"/" => Err(Errno::EINVAL),
        Err(errno) => Err(errno.into()),
    }
}

/// Makes a hard link.
pub fn make_hard_link(existing: &[u8], new: &[u8]) -> Result<()> {
    Ok(rustix::fs::link(native_path(existing)?, native_path(new)?)?)
}

/// Makes a symbolic link at `new` that says `existing`.
pub fn make_soft_link(existing: &[u8], new: &[u8]) -> Result<()> {
    Ok(rustix::fs::symlink(native_path(existing)?, native_path(new)?)?)
}

/// Makes a directory.
pub fn make_dir(path: &[u8]) -> Result<()> {
    Ok(rustix::fs::mkdir(native_path(path)?, Mode::from_raw_mode(0o777))?)
}

/// Removes a file; a directory is `eperm`.
pub fn del_file(path: &[u8]) -> Result<()> {
    match rustix::fs::unlink(native_path(path)?) {
        Err(SysErrno::ISDIR) => Err(Errno::EPERM),
        outcome => Ok(outcome?),
    }
}

/// Removes an empty directory; `eexist` if it is not empty, `einval` if it is the current one and not empty.
pub fn del_dir(path: &[u8]) -> Result<()> {
    let path = native_path(path)?;
    match rustix::fs::rmdir(path) {
        Err(SysErrno::NOTEMPTY | SysErrno::EXIST) if is_current_dir(path) => Err(Errno::EINVAL),
        Err(SysErrno::NOTEMPTY) => Err(Errno::EEXIST),
        outcome => Ok(outcome?),
    }
}

/// The working directory of the operating system's process.
pub fn get_cwd() -> Result<Vec<u8>> {
    Ok(rustix::process::getcwd(Vec::new())?.into_bytes())
}

/// Changes the working directory of the operating system's process.
pub fn set_cwd(path: &[u8]) -> Result<()> {
    Ok(rustix::process::chdir(native_path(path)?)?)
}

/// The whole content of a file.
pub fn read_file(path: &[u8]) -> Result<Vec<u8>> {
    File::open(path, OpenModes { read: true, ..OpenModes::default() })?.read_to_end()
}

/// `path` without the zero bytes `prim_file` may put at its end; one elsewhere is `einval`.
pub(super) fn native_path(path: &[u8]) -> Result<&[u8]> {
    let end = path.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let path = &path[..end];
    if path.contains(&0) { Err(Errno::EINVAL) } else { Ok(path) }
}

fn sys_errno(errno: Errno) -> SysErrno {
    SysErrno::from_raw_os_error(errno.0)
}

pub(crate) fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(SysErrno::INTR) => {}
            outcome => return outcome,
        }
    }
}

fn position_after(offset: u64, done: usize) -> rustix::io::Result<u64> {
    offset.checked_add(done as u64).ok_or(SysErrno::INVAL)
}

fn reserve(buffer: &mut Vec<u8>, size: usize) -> Result<()> {
    buffer.try_reserve_exact(size).map_err(|_| Errno::ENOMEM)
}

/// Calls `read` with the space left and the number of bytes there, until `size` bytes are there or no more come.
fn fill(
    size: usize,
    mut read: impl FnMut(&mut [MaybeUninit<u8>], usize) -> rustix::io::Result<usize>,
) -> Result<Vec<u8>> {
    let mut buffer: Vec<u8> = Vec::new();
    reserve(&mut buffer, size)?;
    while buffer.len() < size {
        let filled = buffer.len();
        let count = retry(|| read(&mut buffer.spare_capacity_mut()[..size - filled], filled))?;
        if count == 0 {
            break;
        }
        // SAFETY: the kernel wrote `count` bytes to the start of the space after `filled`, and that
        // space ends at `size`, within the capacity.
        unsafe { buffer.set_len(filled + count) };
    }
    Ok(buffer)
}

/// The most slices one `writev` takes.
const SLICES_MAX: usize = 1024;

/// Calls `write` with what is left of `buffers` and the number of bytes written, until nothing is left.
fn drain(
    buffers: &[&[u8]],
    mut write: impl FnMut(&[IoSlice<'_>], usize) -> rustix::io::Result<usize>,
) -> Result<usize> {
    let mut written = 0;
    for chunk in buffers.chunks(SLICES_MAX) {
        let mut slices: Vec<IoSlice<'_>> = chunk.iter().map(|slice| IoSlice::new(slice)).collect();
        let mut rest = &mut slices[..];
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            let count = retry(|| write(rest, written))?;
            if count == 0 {
                return Ok(written);
            }
            written += count;
            IoSlice::advance_slices(&mut rest, count);
        }
    }
    Ok(written)
}

fn is_directory(descriptor: BorrowedFd<'_>) -> bool {
    rustix::fs::fstat(descriptor)
        .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Directory)
}

fn is_current_dir(path: &[u8]) -> bool {
    match (rustix::fs::stat(path), rustix::fs::stat(".")) {
        (Ok(path), Ok(current)) => path.st_ino == current.st_ino && path.st_dev == current.st_dev,
        _ => false,
    }
}

/// Access as the permission bits give it: all there is to ask for a file without a name.
fn access_from_mode(stat: &Stat) -> Access {
    let shift = if stat.st_uid == rustix::process::geteuid().as_raw() {
        6
    } else if stat.st_gid == rustix::process::getegid().as_raw() {
        3
    } else {
        0
    };
    let bits = stat.st_mode >> shift;
    Access { read: bits & 0o4 != 0, write: bits & 0o2 != 0 }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    /// A directory of its own for each test, removed at its end.
    struct Scratch(std::path::PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let path = std::env::temp_dir().join(format!("oxbeam-sys-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Scratch(path)
        }

        fn path(&self, name: &str) -> Vec<u8> {
            self.0.join(name).as_os_str().as_bytes().to_vec()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    const READ: OpenModes = OpenModes {
        read: true,
        write: false,
        append: false,
        exclusive: false,
        sync: false,
        directory: false,
        skip_type_check: false,
    };
    const WRITE: OpenModes = OpenModes { read: false, write: true, ..READ };
    const READ_WRITE: OpenModes = OpenModes { write: true, ..READ };

    #[test]
    fn reading_and_writing() {
        let scratch = Scratch::new("read-write");
        let path = scratch.path("f");
        let file = File::open(&path, WRITE).unwrap();
        assert_eq!(file.write(&[b"hello", b"", b" ", b"world"]), Ok(11));
        assert_eq!(file.pwrite(6, &[b"W"]), Ok(1));
        file.sync(true).unwrap();
        file.close().unwrap();

        let file = File::open(&path, READ).unwrap();
        assert_eq!(file.read(5), Ok(b"hello".to_vec()));
        assert_eq!(file.read(100), Ok(b" World".to_vec()));
        assert_eq!(file.read(1), Ok(Vec::new()));
        assert_eq!(file.pread(6, 100), Ok(b"World".to_vec()));
        assert_eq!(file.seek(Whence::End, -1), Ok(10));
        assert_eq!(file.seek(Whence::Beginning, -1), Err(Errno::EINVAL));
        assert_eq!(file.write(&[b"x"]), Err(Errno::EBADF));
        assert_eq!(read_file(&path), Ok(b"hello World".to_vec()));
        assert_eq!(read_file(b"/proc/self/comm").map(|name| name.is_empty()), Ok(false));
    }

    #[test]
    fn many_slices() {
        let scratch = Scratch::new("slices");
        let path = scratch.path("f");
        let slices = vec![b"ab".as_slice(); 3000];
        assert_eq!(File::open(&path, WRITE).unwrap().write(&slices), Ok(6000));
        assert_eq!(read_file(&path).unwrap().len(), 6000);
    }

    #[test]
    fn open_modes() {
        let scratch = Scratch::new("modes");
        let path = scratch.path("f");
        assert_eq!(File::open(&path, READ).unwrap_err(), Errno::ENOENT);
        File::open(&path, WRITE).unwrap().write(&[b"12345"]).unwrap();
        File::open(&path, OpenModes { append: true, ..OpenModes::default() }).unwrap().write(&[b"6"]).unwrap();
        assert_eq!(read_file(&path), Ok(b"123456".to_vec()));
        let exclusive = OpenModes { exclusive: true, ..OpenModes::default() };
        assert_eq!(File::open(&path, exclusive).unwrap_err(), Errno::EEXIST);
        let file = File::open(&path, READ_WRITE).unwrap();
        assert_eq!(file.seek(Whence::Beginning, 3), Ok(3));
        file.truncate().unwrap();
        assert_eq!(read_file(&path), Ok(b"123".to_vec()), "reading and writing does not empty the file");
        drop(File::open(&path, WRITE).unwrap());
        assert_eq!(read_file(&path), Ok(Vec::new()));
        assert_eq!(File::open(&scratch.path(""), READ).unwrap_err(), Errno::EISDIR);
        File::open(&scratch.path(""), OpenModes { directory: true, ..READ }).unwrap();
        assert_eq!(File::open(&path, OpenModes { directory: true, ..READ }).unwrap_err(), Errno::ENOTDIR);
        assert_eq!(File::open(b"a\0b", READ).unwrap_err(), Errno::EINVAL);
        File::open(&[&path[..], b"\0\0"].concat(), READ).unwrap();
        assert_eq!(File::from_descriptor(-1).unwrap_err(), Errno::EBADF);
    }

    #[test]
    fn space() {
        let scratch = Scratch::new("space");
        let file = File::open(&scratch.path("f"), WRITE).unwrap();
        file.allocate(0, 4096).unwrap();
        file.advise(0, 0, Advice::Sequential);
        assert_eq!(file.info().unwrap().size, 4096);
        assert_eq!(file.allocate(-1, 1), Err(Errno::EINVAL));
        // file:allocate/3 of /dev/null on OTP 27
        assert_eq!(File::open(b"/dev/null", WRITE).unwrap().allocate(0, 10), Err(Errno::ENODEV));
    }

    #[test]
    fn information() {
        let scratch = Scratch::new("info");
        let path = scratch.path("f");
        File::open(&path, WRITE).unwrap().write(&[b"abc"]).unwrap();
        set_permissions(&path, 0o640).unwrap();
        set_time(&path, 1_000_000, 2_000_000).unwrap();
        set_owner(&path, -1, -1).unwrap();
        let info = read_info(&path, true).unwrap();
        assert_eq!((info.size, info.kind, info.mode), (3, FileKind::Regular, 0o100640));
        assert_eq!((info.access_time, info.modification_time, info.links), (1_000_000, 2_000_000, 1));
        assert_eq!(info.access, Access { read: true, write: true });
        let link = scratch.path("l");
        make_soft_link(b"f", &link).unwrap();
        assert_eq!(read_link(&link), Ok(b"f".to_vec()));
        assert_eq!(read_link(&path), Err(Errno::EINVAL));
        assert_eq!(read_info(&link, false).unwrap().kind, FileKind::Symlink);
        assert_eq!(read_info(&link, true).unwrap().kind, FileKind::Regular);
        assert_eq!(read_info(b"/dev/null", true).unwrap().kind, FileKind::Device);
        make_hard_link(&path, &scratch.path("h")).unwrap();
        assert_eq!(read_info(&path, true).unwrap().links, 2);
    }

    #[test]
    fn directories() {
        let scratch = Scratch::new("dirs");
        let (a, b) = (scratch.path("a"), scratch.path("b"));
        make_dir(&a).unwrap();
        assert_eq!(make_dir(&a), Err(Errno::EEXIST));
        File::open(&scratch.path("a/\u{e9}"), WRITE).unwrap();
        File::open(&[&a[..], b"/\xff"].concat(), WRITE).unwrap();
        let mut names = list_dir(&a).unwrap();
        names.sort();
        assert_eq!(names, [b"\xc3\xa9".to_vec(), b"\xff".to_vec()]);
        assert_eq!(list_dir(&b), Err(Errno::ENOENT));
        assert_eq!(del_dir(&a), Err(Errno::EEXIST));
        assert_eq!(del_file(&a), Err(Errno::EPERM));
        make_dir(&b).unwrap();
        File::open(&[&b[..], b"/x"].concat(), WRITE).unwrap();
        assert_eq!(rename(&a, &b), Err(Errno::EEXIST));
        assert_eq!(rename(b"/", &b), Err(Errno::EINVAL));
        del_file(&[&b[..], b"/x"].concat()).unwrap();
        del_dir(&b).unwrap();
        rename(&a, &b).unwrap();
        assert_eq!(get_cwd(), Ok(std::env::current_dir().unwrap().as_os_str().as_bytes().to_vec()));
        assert_eq!(set_cwd(&a), Err(Errno::ENOENT));
    }
}
