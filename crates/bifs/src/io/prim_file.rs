//! `prim_file`: files, links and directories.
//!
//! A file is a magic reference. Only one process works on it at a time (its owner), but the owner may be killed in the
//! middle of an operation, and somebody else may close it:
//!
//! ```text
//!   Idle -> Busy    an operation begins      Busy -> Idle      it ends
//!   Idle -> Closed  close/1, owner ended     Busy -> Orphaned  owner ended; the operation closes the file
//! ```
//!
//! An owner that ended leaves closing to the system process of `prim_file`, since it may block.
//!
//! Most operations run on a dirty scheduler. Those that mostly find what they need in the kernel's caches are tried at once
//! ([`at_once_or_waiting`]): going to a dirty scheduler and back takes several times as long as they do.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, DirtyKind, Holding, Interrupt, RunStatus, Vm};
use oxbeam_sys::cached_file;
use oxbeam_sys::file::{self, Access, Advice, File, FileInfo, FileKind, OpenModes, Whence};
use oxbeam_sys::{Errno, Result as SysResult};
use oxbeam_term::{Atom, LocalReference, MagicObject, Pid, Term, atoms};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Smallest and largest time in a `#file_info{}`, the years 1902 and 9999.
const FILE_TIME_MIN: i64 = -2_145_916_800;
const FILE_TIME_MAX: i64 = 253_402_300_799;
/// Binaries written by one call; the rest comes back as `{continue, Rest}`.
const WRITE_BINARIES_MAX: usize = 64;
/// So many bytes read on an ordinary scheduler count as a reduction.
const BYTES_PER_REDUCTION: usize = 512;

/// What the magic reference of an open file keeps.
struct Handle {
    state: Mutex<State>,
    owner: Pid,
}

enum State {
    Idle(File),
    Busy,
    /// Closed by its owner's end while it was busy.
    Orphaned,
    /// The file is still there when its owner ended and nobody has closed it yet.
    Closed(Option<File>),
}

/// The open files of one machine.
#[derive(Default)]
struct OpenFiles {
    by_owner: Mutex<HashMap<Pid, HashMap<LocalReference, Arc<MagicObject>>>>,
    janitor: Mutex<Option<Pid>>,
}

/// Files end with their owners.
pub(crate) fn install(vm: &Vm) {
    vm.add_exit_hook(Holding::FILES, Box::new(|vm, process, _| owner_ended(vm, process.pid())));
}

/// The process that closes the files of owners that ended: the argument of `erlang:load_nif("prim_file", Pid)`.
pub fn set_janitor(vm: &Vm, janitor: Pid) {
    *vm.extension::<OpenFiles>().janitor.lock() = Some(janitor);
}

fn owner_ended(vm: &Vm, owner: Pid) {
    let files = vm.extension::<OpenFiles>();
    let Some(owned) = files.by_owner.lock().remove(&owner) else { return };
    let janitor = *files.janitor.lock();
    for (reference, object) in owned {
        let Some(handle) = object.0.downcast_ref::<Handle>() else { continue };
        let mut state = handle.state.lock();
        match std::mem::replace(&mut *state, State::Orphaned) {
            State::Idle(file) => {
                *state = State::Closed(Some(file));
                drop(state);
                match janitor {
                    Some(janitor) => vm.send_built(janitor, |heap| {
                        let file = heap.magic_reference(reference.0, object.clone());
                        heap.tuple(&[Term::atom(atoms::CLOSE), file])
                    }),
                    None => *handle.state.lock() = State::Closed(None),
                }
            }
            State::Busy | State::Orphaned => {}
            closed @ State::Closed(_) => *state = closed,
        }
    }
}

type Raised<'h> = Box<Interrupt<'h>>;

/// `{error, Posix}`.
fn posix<'h>(cx: &BifContext<'h>, errno: Errno) -> BifResult<'h> {
    let reason = cx.intern(errno.name())?;
    Ok(cx.error(reason))
}

/// `ok` or `{error, Posix}`.
fn done<'h>(cx: &BifContext<'h>, outcome: SysResult<()>) -> BifResult<'h> {
    match outcome {
        Ok(()) => Ok(Term::atom(atoms::OK)),
        Err(errno) => posix(cx, errno),
    }
}

/// `{ok, Binary}` or `{error, Posix}`.
fn binary<'h>(cx: &BifContext<'h>, outcome: SysResult<Vec<u8>>) -> BifResult<'h> {
    match outcome {
        Ok(bytes) => Ok(cx.ok(cx.heap.binary_from_vec(bytes))),
        Err(errno) => posix(cx, errno),
    }
}

/// `{ok, Binary}`, `eof` or `{error, Posix}`.
fn data<'h>(cx: &BifContext<'h>, outcome: SysResult<Vec<u8>>) -> BifResult<'h> {
    match outcome {
        Ok(bytes) if bytes.is_empty() => Ok(Term::atom(atoms::EOF)),
        outcome => binary(cx, outcome),
    }
}

/// A path in native form: a binary that ends in zero bytes and holds no others.
fn native_path(path: Term<'_>) -> SysResult<Vec<u8>> {
    let mut bytes = path.as_binary().ok_or(Errno::EINVAL)?.into_owned();
    let end = bytes.iter().position(|&byte| byte == 0).ok_or(Errno::EINVAL)?;
    if bytes[end..].iter().any(|&byte| byte != 0) {
        return Err(Errno::EINVAL);
    }
    bytes.truncate(end);
    Ok(bytes)
}

fn with_path<'h, T>(path: Term<'h>, operation: impl FnOnce(&[u8]) -> SysResult<T>) -> SysResult<T> {
    operation(&native_path(path)?)
}

fn with_paths<'h>(a: Term<'h>, b: Term<'h>, operation: impl FnOnce(&[u8], &[u8]) -> SysResult<()>) -> SysResult<()> {
    operation(&native_path(a)?, &native_path(b)?)
}

/// On an ordinary scheduler: what `at_once` answers without waiting; when it has no answer, and so has done nothing, the BIF
/// starts again on a dirty one. There it is what `waiting` answers.
fn at_once_or_waiting<'h, T>(
    cx: &BifContext<'h>,
    at_once: impl FnOnce() -> Option<T>,
    waiting: impl FnOnce() -> T,
) -> Result<T, Raised<'h>> {
    if cx.is_dirty() { Ok(waiting()) } else { at_once().ok_or_else(|| cx.hand_over_as(DirtyKind::Io)) }
}

/// [`at_once_or_waiting`] for what works on a path.
fn with_cached_path<'h, T>(
    cx: &BifContext<'h>,
    path: Term<'h>,
    at_once: impl FnOnce(&[u8]) -> Option<SysResult<T>>,
    waiting: impl FnOnce(&[u8]) -> SysResult<T>,
) -> Result<SysResult<T>, Raised<'h>> {
    match native_path(path) {
        Ok(path) => at_once_or_waiting(cx, || at_once(&path), || waiting(&path)),
        Err(errno) => Ok(Err(errno)),
    }
}

/// The handle behind a term, and what names it.
fn handle<'h>(cx: &BifContext<'h>, term: Term<'h>) -> Result<(&'h Handle, LocalReference), Raised<'h>> {
    let reference = term.as_reference();
    match reference.and_then(|reference| Some((reference.downcast::<Handle>()?, reference.number()))) {
        Some(found) => Ok(found),
        None => Err(cx.raise(atoms::BADARG)),
    }
}

/// Works on an open file; `einval` when it is closed.
fn with_file<'h, T>(
    cx: &BifContext<'h>,
    file: Term<'h>,
    operation: impl FnOnce(&File) -> T,
) -> Result<SysResult<T>, Raised<'h>> {
    let (handle, _) = handle(cx, file)?;
    let file = {
        let mut state = handle.state.lock();
        match std::mem::replace(&mut *state, State::Busy) {
            State::Idle(file) => file,
            other => {
                *state = other;
                return Ok(Err(Errno::EINVAL));
            }
        }
    };
    let result = operation(&file);
    let mut state = handle.state.lock();
    *state = match *state {
        State::Busy => State::Idle(file),
        // The owner ended meanwhile: the file is closed here.
        _ => State::Closed(None),
    };
    Ok(Ok(result))
}

fn is_number(term: Term<'_>) -> bool {
    term.is_number()
}

/// Two numbers that are not negative: `Err(true)` when one is no number, `Err(false)` when it does not fit.
fn range(offset: Term<'_>, length: Term<'_>) -> Result<(i64, i64), bool> {
    if !is_number(offset) || !is_number(length) {
        return Err(true);
    }
    match (offset.as_i64(), length.as_i64()) {
        (Some(offset), Some(length)) if offset >= 0 && length >= 0 => Ok((offset, length)),
        _ => Err(false),
    }
}

fn open_modes(cx: &BifContext<'_>, list: Term<'_>) -> OpenModes {
    let mut modes = OpenModes::default();
    for atom in list.list_iter().filter_map(Term::as_atom) {
        match cx.text(atom) {
            "read" => modes.read = true,
            "write" => modes.write = true,
            "exclusive" => modes.exclusive = true,
            "append" => modes.append = true,
            "sync" => modes.sync = true,
            "skip_type_check" => modes.skip_type_check = true,
            "directory" => modes.directory = true,
            // Others are of the layers above.
            _ => {}
        }
    }
    modes
}

/// `{ok, Handle}` for a file that the caller owns from now on.
fn opened<'h>(cx: &BifContext<'h>, file: SysResult<File>) -> BifResult<'h> {
    let file = match file {
        Ok(file) => file,
        Err(errno) => return posix(cx, errno),
    };
    let owner = cx.pid();
    cx.process.holds(Holding::FILES);
    let reference = cx.vm.next_reference();
    let object = Vm::magic(Handle { state: Mutex::new(State::Idle(file)), owner });
    cx.vm.extension::<OpenFiles>().by_owner.lock().entry(owner).or_default().insert(reference, object.clone());
    // An owner that was killed during the call may have looked for its files already.
    if cx.process.status() == RunStatus::Dead {
        owner_ended(cx.vm, owner);
    }
    Ok(cx.ok(cx.heap.magic_reference(reference.0, object)))
}

/// Opens a file: `{ok, Handle}`.
#[bif("prim_file:open_nif/2", nif)]
fn open<'h>(cx: &mut BifContext<'h>, path: Term<'h>, modes: Term<'h>) -> BifResult<'h> {
    if !modes.is_list() {
        return cx.badarg();
    }
    let modes = open_modes(cx, modes);
    let file = with_cached_path(cx, path, |path| cached_file::open(path, modes), |path| File::open(path, modes))?;
    opened(cx, file)
}

/// Takes over an open descriptor: `{ok, Handle}`.
#[bif("prim_file:file_desc_to_ref_nif/1", nif, dirty_io)]
fn file_desc_to_ref<'h>(cx: &mut BifContext<'h>, descriptor: i64) -> BifResult<'h> {
    let Ok(descriptor) = i32::try_from(descriptor) else { return cx.badarg() };
    opened(cx, File::from_descriptor(descriptor))
}

/// Closes a file.
#[bif("prim_file:close_nif/1", nif)]
fn close<'h>(cx: &mut BifContext<'h>, file: Term<'h>) -> BifResult<'h> {
    let (handle, reference) = handle(cx, file)?;
    let file = {
        let mut state = handle.state.lock();
        if let State::Idle(file) = &*state
            && !cx.is_dirty()
            && !cached_file::closes_at_once(file)
        {
            return Err(cx.hand_over_as(DirtyKind::Io));
        }
        match std::mem::replace(&mut *state, State::Closed(None)) {
            State::Idle(file) => file,
            other => {
                *state = other;
                return posix(cx, Errno::EINVAL);
            }
        }
    };
    let files = cx.vm.extension::<OpenFiles>();
    let mut by_owner = files.by_owner.lock();
    if let Some(owned) = by_owner.get_mut(&handle.owner) {
        owned.remove(&reference);
        if owned.is_empty() {
            by_owner.remove(&handle.owner);
        }
    }
    drop(by_owner);
    done(cx, file.close())
}

/// Closes the file of an owner that ended; only `prim_file`'s system process calls this.
#[bif("prim_file:delayed_close_nif/1", nif, dirty_io)]
fn delayed_close<'h>(cx: &mut BifContext<'h>, file: Term<'h>) -> BifResult<'h> {
    let (handle, _) = handle(cx, file)?;
    let mut state = handle.state.lock();
    if let State::Closed(file) = &mut *state {
        let file = file.take();
        drop(state);
        drop(file);
    }
    Ok(Term::atom(atoms::OK))
}

/// The answer of an operation that reads from an open file.
fn read_with<'h>(
    cx: &mut BifContext<'h>,
    file: Term<'h>,
    at_once: impl FnOnce(&File) -> Option<SysResult<Vec<u8>>>,
    waiting: impl FnOnce(&File) -> SysResult<Vec<u8>>,
) -> BifResult<'h> {
    let context = &*cx;
    let operation = |file: &File| at_once_or_waiting(context, || at_once(file), || waiting(file));
    match with_file(context, file, operation)? {
        Ok(outcome) => {
            let outcome = outcome?;
            count_bytes(cx, &outcome);
            data(cx, outcome)
        }
        Err(errno) => posix(cx, errno),
    }
}

/// Reductions for the copying, if an ordinary scheduler did it.
fn count_bytes(cx: &mut BifContext<'_>, outcome: &SysResult<Vec<u8>>) {
    if !cx.is_dirty() {
        cx.spend(outcome.as_ref().map_or(0, Vec::len) / BYTES_PER_REDUCTION);
    }
}

/// Reads at most `size` bytes: `{ok, Data}` or `eof`.
#[bif("prim_file:read_nif/2", nif)]
fn read<'h>(cx: &mut BifContext<'h>, file: Term<'h>, size: Term<'h>) -> BifResult<'h> {
    handle(cx, file)?;
    if !is_number(size) {
        return cx.badarg();
    }
    let Some(size) = size.as_usize() else { return posix(cx, Errno::EINVAL) };
    read_with(cx, file, |file| cached_file::read(file, size), |file| file.read(size))
}

/// Reads at most `size` bytes at `offset`: `{ok, Data}` or `eof`.
#[bif("prim_file:pread_nif/3", nif)]
fn pread<'h>(cx: &mut BifContext<'h>, file: Term<'h>, offset: Term<'h>, size: Term<'h>) -> BifResult<'h> {
    handle(cx, file)?;
    match range(offset, size) {
        Ok((offset, size)) => {
            let (offset, size) = (offset as u64, size as usize);
            read_with(cx, file, |file| cached_file::pread(file, offset, size), |file| file.pread(offset, size))
        }
        Err(true) => cx.badarg(),
        Err(false) => posix(cx, Errno::EINVAL),
    }
}

/// The first binaries of a list, and what is left of it.
type Vectors<'h> = (Vec<std::borrow::Cow<'h, [u8]>>, Term<'h>);

fn vectors<'h>(cx: &BifContext<'h>, list: Term<'h>) -> Result<Vectors<'h>, Raised<'h>> {
    let mut walk = list.list_iter();
    let mut binaries = Vec::new();
    while binaries.len() < WRITE_BINARIES_MAX {
        let Some(element) = walk.next() else { break };
        binaries.push(element.as_binary().ok_or_else(|| cx.raise(atoms::BADARG))?);
    }
    let rest = walk.tail();
    if rest.is_list() { Ok((binaries, rest)) } else { Err(cx.raise(atoms::BADARG)) }
}

/// Writes a list of binaries: `ok`, or `{continue, Rest}` when there are many.
#[bif("prim_file:write_nif/2", nif, dirty_io)]
fn write<'h>(cx: &mut BifContext<'h>, file: Term<'h>, binaries: Term<'h>) -> BifResult<'h> {
    let (binaries, rest) = vectors(cx, binaries)?;
    let slices: Vec<&[u8]> = binaries.iter().map(|binary| &**binary).collect();
    match with_file(cx, file, |file| file.write(&slices))?.and_then(|outcome| outcome) {
        Err(errno) => posix(cx, errno),
        Ok(_) if rest.is_nil() => Ok(Term::atom(atoms::OK)),
        Ok(_) => Ok(cx.heap.tuple(&[Term::atom(cx.intern("continue")?), rest])),
    }
}

/// Writes a list of binaries at `offset`: `ok`, or `{continue, BytesWritten, Rest}` when there are many.
#[bif("prim_file:pwrite_nif/3", nif, dirty_io)]
fn pwrite<'h>(cx: &mut BifContext<'h>, file: Term<'h>, offset: Term<'h>, binaries: Term<'h>) -> BifResult<'h> {
    handle(cx, file)?;
    if !is_number(offset) {
        return cx.badarg();
    }
    let (binaries, rest) = vectors(cx, binaries)?;
    let Some(offset) = offset.as_i64().and_then(|offset| u64::try_from(offset).ok()) else {
        return posix(cx, Errno::EINVAL);
    };
    let slices: Vec<&[u8]> = binaries.iter().map(|binary| &**binary).collect();
    match with_file(cx, file, |file| file.pwrite(offset, &slices))?.and_then(|outcome| outcome) {
        Err(errno) => posix(cx, errno),
        Ok(_) if rest.is_nil() => Ok(Term::atom(atoms::OK)),
        Ok(written) => {
            let written = cx.heap.integer(written as i64);
            Ok(cx.heap.tuple(&[Term::atom(cx.intern("continue")?), written, rest]))
        }
    }
}

/// Moves the position: `{ok, Position}`.
#[bif("prim_file:seek_nif/3", nif, dirty_io)]
fn seek<'h>(cx: &mut BifContext<'h>, file: Term<'h>, from: Atom, offset: i64) -> BifResult<'h> {
    let whence = match cx.text(from) {
        "bof" => Whence::Beginning,
        "cur" => Whence::Current,
        "eof" => Whence::End,
        _ => return cx.badarg(),
    };
    match with_file(cx, file, |file| file.seek(whence, offset))?.and_then(|outcome| outcome) {
        Ok(position) => Ok(cx.ok(cx.heap.integer(position as i64))),
        Err(errno) => posix(cx, errno),
    }
}

/// Waits until everything written is on the disk; metadata too when `data_only` is 0.
#[bif("prim_file:sync_nif/2", nif, dirty_io)]
fn sync<'h>(cx: &mut BifContext<'h>, file: Term<'h>, data_only: i64) -> BifResult<'h> {
    let outcome = with_file(cx, file, |file| file.sync(data_only != 0))?;
    done(cx, outcome.and_then(|outcome| outcome))
}

/// Cuts the file off at its position.
#[bif("prim_file:truncate_nif/1", nif, dirty_io)]
fn truncate<'h>(cx: &mut BifContext<'h>, file: Term<'h>) -> BifResult<'h> {
    let outcome = with_file(cx, file, File::truncate)?;
    done(cx, outcome.and_then(|outcome| outcome))
}

/// Reserves room on the disk.
#[bif("prim_file:allocate_nif/3", nif, dirty_io)]
fn allocate<'h>(cx: &mut BifContext<'h>, file: Term<'h>, offset: Term<'h>, length: Term<'h>) -> BifResult<'h> {
    handle(cx, file)?;
    match range(offset, length) {
        Ok((offset, length)) => {
            let outcome = with_file(cx, file, |file| file.allocate(offset, length))?;
            done(cx, outcome.and_then(|outcome| outcome))
        }
        Err(true) => cx.badarg(),
        Err(false) => posix(cx, Errno::EINVAL),
    }
}

/// Announces how the file will be used.
#[bif("prim_file:advise_nif/4", nif, dirty_io)]
fn advise<'h>(
    cx: &mut BifContext<'h>,
    file: Term<'h>,
    offset: Term<'h>,
    length: Term<'h>,
    advice: Term<'h>,
) -> BifResult<'h> {
    handle(cx, file)?;
    let (offset, length) = match range(offset, length) {
        Ok(range) => range,
        Err(true) => return cx.badarg(),
        Err(false) => return posix(cx, Errno::EINVAL),
    };
    let advice = match advice.as_atom().map(|atom| cx.text(atom)) {
        Some("normal") => Advice::Normal,
        Some("random") => Advice::Random,
        Some("sequential") => Advice::Sequential,
        Some("will_need") => Advice::WillNeed,
        Some("dont_need") => Advice::DontNeed,
        Some("no_reuse") => Advice::NoReuse,
        _ => return posix(cx, Errno::EINVAL),
    };
    let outcome = with_file(cx, file, |file| file.advise(offset, length, advice))?;
    done(cx, outcome)
}

/// Reads the pointer at `offset` (size and place, 32 bits each) and what it points to:
/// `{ok, {Size, Place, Data | eof}}`, or `eof` when there is no pointer or it says more than `size_max`.
#[bif("prim_file:ipread_s32bu_p32bu_nif/3", nif, dirty_io)]
fn ipread<'h>(cx: &mut BifContext<'h>, file: Term<'h>, offset: Term<'h>, size_max: Term<'h>) -> BifResult<'h> {
    handle(cx, file)?;
    if !is_number(offset) || !is_number(size_max) {
        return cx.badarg();
    }
    let (Some(offset), Some(size_max)) = (offset.as_i64(), size_max.as_i64()) else {
        return posix(cx, Errno::EINVAL);
    };
    if offset < 0 || size_max >= 1 << 31 {
        return posix(cx, Errno::EINVAL);
    }
    let outcome = with_file(cx, file, |file| -> SysResult<Option<(u32, u32, Vec<u8>)>> {
        let pointer = file.pread(offset as u64, 8)?;
        let Ok(pointer) = <[u8; 8]>::try_from(pointer) else { return Ok(None) };
        let pointer = u64::from_be_bytes(pointer);
        let (size, place) = ((pointer >> 32) as u32, pointer as u32);
        if i64::from(size) > size_max {
            return Ok(None);
        }
        Ok(Some((size, place, file.pread(u64::from(place), size as usize)?)))
    })?;
    match outcome.and_then(|outcome| outcome) {
        Err(errno) => posix(cx, errno),
        Ok(None) => Ok(Term::atom(atoms::EOF)),
        Ok(Some((size, place, bytes))) => {
            let payload = if bytes.is_empty() { Term::atom(atoms::EOF) } else { cx.heap.binary_from_vec(bytes) };
            let block = [Term::small(size.into()), Term::small(place.into()), payload];
            Ok(cx.ok(cx.heap.tuple(&block)))
        }
    }
}

/// The descriptor's number, as the bytes of a C `int`.
#[bif("prim_file:get_handle_nif/1", nif)]
fn get_handle<'h>(cx: &mut BifContext<'h>, file: Term<'h>) -> BifResult<'h> {
    match with_file(cx, file, File::descriptor)? {
        Ok(descriptor) => Ok(cx.heap.binary(&descriptor.to_ne_bytes())),
        Err(errno) => posix(cx, errno),
    }
}

/// The number of an open file's descriptor; `einval` when the file is closed.
pub(crate) fn descriptor_of<'h>(cx: &BifContext<'h>, file: Term<'h>) -> Result<SysResult<i32>, Raised<'h>> {
    with_file(cx, file, File::descriptor)
}

/// `#file_info{}` as file.hrl declares it.
fn file_info<'h>(cx: &BifContext<'h>, info: &FileInfo) -> BifResult<'h> {
    let kind = match info.kind {
        FileKind::Device => "device",
        FileKind::Directory => "directory",
        FileKind::Regular => "regular",
        FileKind::Symlink => "symlink",
        FileKind::Other => "other",
    };
    let access = match info.access {
        Access { read: true, write: false } => "read",
        Access { read: false, write: true } => "write",
        Access { read: true, write: true } => "read_write",
        Access { read: false, write: false } => "none",
    };
    let time = |seconds: i64| Term::small(seconds.clamp(FILE_TIME_MIN, FILE_TIME_MAX));
    // OTP keeps these as 32-bit numbers.
    let narrow = |number: u64| Term::small(i64::from(number as u32));
    Ok(cx.heap.tuple(&[
        Term::atom(cx.intern("file_info")?),
        cx.heap.integer(info.size as i64),
        Term::atom(cx.intern(kind)?),
        Term::atom(cx.intern(access)?),
        time(info.access_time),
        time(info.modification_time),
        time(info.change_time),
        narrow(info.mode.into()),
        narrow(info.links),
        narrow(info.major_device),
        narrow(info.minor_device),
        narrow(info.inode),
        narrow(info.uid.into()),
        narrow(info.gid.into()),
    ]))
}

/// The `#file_info{}` of a path; of the link itself when `follow_links` is 0.
#[bif("prim_file:read_info_nif/2", nif)]
fn read_info<'h>(cx: &mut BifContext<'h>, path: Term<'h>, follow_links: i64) -> BifResult<'h> {
    let follow = follow_links != 0;
    match with_cached_path(cx, path, |path| cached_file::read_info(path, follow), |path| file::read_info(path, follow))?
    {
        Ok(info) => file_info(cx, &info),
        Err(errno) => posix(cx, errno),
    }
}

/// The `#file_info{}` of an open file.
#[bif("prim_file:read_handle_info_nif/1", nif, dirty_io)]
fn read_handle_info<'h>(cx: &mut BifContext<'h>, file: Term<'h>) -> BifResult<'h> {
    match with_file(cx, file, File::info)?.and_then(|outcome| outcome) {
        Ok(info) => file_info(cx, &info),
        Err(errno) => posix(cx, errno),
    }
}

/// Sets permission bits.
#[bif("prim_file:set_permissions_nif/2", nif, dirty_io)]
fn set_permissions<'h>(cx: &mut BifContext<'h>, path: Term<'h>, permissions: u32) -> BifResult<'h> {
    done(cx, with_path(path, |path| file::set_permissions(path, permissions)))
}

/// Sets owner and group; -1 leaves one alone.
#[bif("prim_file:set_owner_nif/3", nif, dirty_io)]
fn set_owner<'h>(cx: &mut BifContext<'h>, path: Term<'h>, user: i64, group: i64) -> BifResult<'h> {
    let (Ok(user), Ok(group)) = (i32::try_from(user), i32::try_from(group)) else { return cx.badarg() };
    done(cx, with_path(path, |path| file::set_owner(path, user, group)))
}

/// Sets the times of last access and modification; the third is for other systems.
#[bif("prim_file:set_time_nif/4", nif, dirty_io)]
fn set_time<'h>(cx: &mut BifContext<'h>, path: Term<'h>, access: i64, change: i64, creation: i64) -> BifResult<'h> {
    // The time of creation cannot be set here.
    let _ = creation;
    done(cx, with_path(path, |path| file::set_time(path, access, change)))
}

/// What a symbolic link says: `{ok, Path}`.
#[bif("prim_file:read_link_nif/1", nif, dirty_io)]
fn read_link<'h>(cx: &mut BifContext<'h>, path: Term<'h>) -> BifResult<'h> {
    binary(cx, with_path(path, file::read_link))
}

/// The names in a directory: `{ok, [Name]}`.
#[bif("prim_file:list_dir_nif/1", nif, dirty_io)]
fn list_dir<'h>(cx: &mut BifContext<'h>, path: Term<'h>) -> BifResult<'h> {
    match with_path(path, file::list_dir) {
        Ok(names) => {
            let names: Vec<Term<'h>> = names.into_iter().map(|name| cx.heap.binary_from_vec(name)).collect();
            Ok(cx.ok(cx.heap.list(&names)))
        }
        Err(errno) => posix(cx, errno),
    }
}

/// Renames a file.
#[bif("prim_file:rename_nif/2", nif, dirty_io)]
fn rename<'h>(cx: &mut BifContext<'h>, source: Term<'h>, destination: Term<'h>) -> BifResult<'h> {
    done(cx, with_paths(source, destination, file::rename))
}

/// Makes a hard link.
#[bif("prim_file:make_hard_link_nif/2", nif, dirty_io)]
fn make_hard_link<'h>(cx: &mut BifContext<'h>, existing: Term<'h>, new: Term<'h>) -> BifResult<'h> {
    done(cx, with_paths(existing, new, file::make_hard_link))
}

/// Makes a symbolic link.
#[bif("prim_file:make_soft_link_nif/2", nif, dirty_io)]
fn make_soft_link<'h>(cx: &mut BifContext<'h>, existing: Term<'h>, new: Term<'h>) -> BifResult<'h> {
    done(cx, with_paths(existing, new, file::make_soft_link))
}

/// Makes a directory.
#[bif("prim_file:make_dir_nif/1", nif, dirty_io)]
fn make_dir<'h>(cx: &mut BifContext<'h>, path: Term<'h>) -> BifResult<'h> {
    done(cx, with_path(path, file::make_dir))
}

/// Removes a file.
#[bif("prim_file:del_file_nif/1", nif, dirty_io)]
fn del_file<'h>(cx: &mut BifContext<'h>, path: Term<'h>) -> BifResult<'h> {
    done(cx, with_path(path, file::del_file))
}

/// Removes an empty directory.
#[bif("prim_file:del_dir_nif/1", nif, dirty_io)]
fn del_dir<'h>(cx: &mut BifContext<'h>, path: Term<'h>) -> BifResult<'h> {
    done(cx, with_path(path, file::del_dir))
}

/// `{error, enotsup}`: there are no drives here.
#[bif("prim_file:get_device_cwd_nif/1", nif, dirty_io)]
fn get_device_cwd<'h>(cx: &mut BifContext<'h>, drive: i64) -> BifResult<'h> {
    let _ = drive;
    posix(cx, Errno::ENOTSUP)
}

/// The working directory: `{ok, Path}`.
#[bif("prim_file:get_cwd_nif/0", nif)]
fn get_cwd<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    binary(cx, file::get_cwd())
}

/// Changes the working directory.
#[bif("prim_file:set_cwd_nif/1", nif, dirty_io)]
fn set_cwd<'h>(cx: &mut BifContext<'h>, path: Term<'h>) -> BifResult<'h> {
    done(cx, with_path(path, file::set_cwd))
}

/// The whole content of a file: `{ok, Binary}`.
#[bif("prim_file:read_file_nif/1", nif)]
fn read_file<'h>(cx: &mut BifContext<'h>, path: Term<'h>) -> BifResult<'h> {
    let outcome = with_cached_path(cx, path, cached_file::read_file, file::read_file)?;
    count_bytes(cx, &outcome);
    binary(cx, outcome)
}

/// `{error, enotsup}`: files have no other names here.
#[bif("prim_file:altname_nif/1", nif, dirty_io)]
fn altname<'h>(cx: &mut BifContext<'h>, path: Term<'h>) -> BifResult<'h> {
    posix(cx, native_path(path).err().unwrap_or(Errno::ENOTSUP))
}

#[cfg(test)]
mod tests {
    use crate::io::testing::{Session, call, in_process, text};
    use oxbeam_runtime::BifContext;
    use oxbeam_term::Term;
    use std::os::unix::ffi::OsStrExt;

    fn path<'h>(cx: &BifContext<'h>, path: &std::path::Path) -> Term<'h> {
        cx.heap.binary(&[path.as_os_str().as_bytes(), b"\0"].concat())
    }

    /// Answers of OTP 27.3.4 for the same calls.
    #[test]
    fn files() {
        let folder = std::env::temp_dir().join(format!("oxbeam-prim-file-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("f");
        let shared = file.clone();
        in_process(move |session: &mut Session<'_>| {
            let file = &shared;
            session.with(|cx| {
                let modes = cx.heap.list(&[Term::atom(cx.intern("write").ok().unwrap())]);
                let path_term = path(cx, file);
                let opened = call(cx, "prim_file:open_nif", &[path_term, modes]).unwrap();
                let [_, handle] = *opened.as_tuple_of::<2>().unwrap();
                let mut ask = |name: &str, arguments: &[Term<'_>]| {
                    let copied: Vec<Term<'_>> = arguments.iter().map(|one| cx.heap.copy_in(*one)).collect();
                    let answer = call(cx, name, &copied);
                    answer.map_or_else(|error| error, |term| text(cx.vm, term))
                };
                let heap = oxbeam_term::Heap::new(Default::default());
                let data = heap.list(&[heap.binary(b"\0\0\0\x03\0\0\0\x08"), heap.binary(b"abcdef")]);
                assert_eq!(ask("prim_file:write_nif", &[handle, data]), "ok");
                assert_eq!(ask("prim_file:read_nif", &[handle, Term::small(1)]), "{error,ebadf}");
                assert_eq!(ask("prim_file:close_nif", &[handle]), "ok");
                assert_eq!(ask("prim_file:close_nif", &[handle]), "{error,einval}");
                assert_eq!(ask("prim_file:read_nif", &[handle, Term::small(1)]), "{error,einval}");
                assert_eq!(ask("prim_file:close_nif", &[Term::NIL]), "error:badarg");
                let opened = call(cx, "prim_file:open_nif", &[path_term, Term::NIL]).unwrap();
                let [_, handle] = *opened.as_tuple_of::<2>().unwrap();
                let zero = Term::small(0);
                let mut ask = |name: &str, arguments: &[Term<'_>]| {
                    let copied: Vec<Term<'_>> = arguments.iter().map(|one| cx.heap.copy_in(*one)).collect();
                    let answer = call(cx, name, &copied);
                    answer.map_or_else(|error| error, |term| text(cx.vm, term))
                };
                let ipread = [handle, zero, Term::small(10)];
                assert_eq!(ask("prim_file:ipread_s32bu_p32bu_nif", &ipread), "{ok,{3,8,<<\"abc\">>}}");
                assert_eq!(
                    ask("prim_file:pread_nif", &[handle, Term::small(8), Term::small(99)]),
                    "{ok,<<\"abcdef\">>}"
                );
                assert_eq!(ask("prim_file:pread_nif", &[handle, Term::small(99), Term::small(1)]), "eof");
                assert_eq!(ask("prim_file:pread_nif", &[handle, Term::small(-1), Term::small(1)]), "{error,einval}");
                let missing = heap.binary(b"/nonexistent/x\0");
                assert_eq!(ask("prim_file:read_file_nif", &[missing]), "{error,enoent}");
                assert_eq!(ask("prim_file:read_file_nif", &[heap.binary(b"no zero")]), "{error,einval}");
                let info = ask("prim_file:read_info_nif", &[path_term, Term::small(1)]);
                assert!(info.starts_with("{file_info,14,regular,read_write,"), "{info}");
            });
        });
        std::fs::remove_dir_all(folder).unwrap();
    }
}
