//! `prim_tty`: the user's terminal, or what stands in for it.
//!
//! A terminal is a magic reference. Its reader asks to be told when there is input ([`select`]) and gets
//! `{select, Terminal, Tag, ready_input}` once for each request, as `enif_select` sends it.

use super::System;
use super::signals::SignalCenter;
use crate::iolist::gather;
use crate::os::Environment;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, DirtyKind, Holding, Interrupt, Vm};
use oxbeam_sys::descriptor::ReadOutcome;
use oxbeam_sys::poll::{Interest, Poller, Token};
use oxbeam_sys::terminal::{
    SavedModes, StandardStream, Terminal, TerminalGuard, TerminalModes, is_terminal, locale_is_utf8,
};
use oxbeam_sys::terminfo::{self, Terminfo};
use oxbeam_sys::{Errno, char_width};
use oxbeam_term::{Atom, LocalReference, MagicObject, OwnedTerm, Pid, Term, atoms};
use parking_lot::{Mutex, RwLock};
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::sync::{Arc, Weak};

/// Bytes read at a time, as in OTP.
const READ_SIZE: usize = 1024;

/// What a terminal's magic reference keeps.
pub(crate) struct Tty {
    reference: LocalReference,
    /// Changed only while its modes are prepared: a writer that waits for room keeps nobody from reading.
    terminal: RwLock<Terminal>,
    /// Were modes prepared for it?
    prepared: Mutex<bool>,
    waiting: Mutex<Waiting>,
}

/// Who waits for what.
#[derive(Default)]
struct Waiting {
    input: Option<Request>,
    signal: Option<Request>,
    /// Signals that nobody has read yet.
    signals: VecDeque<TtySignal>,
    registration: Option<(Arc<Poller>, Token)>,
}

/// A process that wants to be told, with its tag.
struct Request {
    process: Pid,
    tag: OwnedTerm,
}

/// A signal that a terminal's user handles.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum TtySignal {
    /// The window changed its size.
    WindowChange,
    /// The program goes on after it was stopped.
    Continue,
}

/// The terminals of one machine, and the description of their kind.
#[derive(Default)]
struct Terminals {
    /// Those whose modes were changed, by the process that did.
    owned: Mutex<HashMap<Pid, Vec<Weak<MagicObject>>>>,
    /// Those that are read, by their reader.
    read: Mutex<HashMap<Pid, Vec<Weak<MagicObject>>>>,
    description: Mutex<Option<Terminfo>>,
    /// Gives the terminal its modes back should the machine be killed.
    guard: Mutex<Option<TerminalGuard>>,
}

impl Drop for Tty {
    fn drop(&mut self) {
        if let Some((poller, token)) = self.waiting.get_mut().registration.take() {
            poller.deregister(token);
        }
    }
}

/// A terminal gets its modes back when the process that changed them ends, and is not read after its reader ended.
pub(crate) fn install(vm: &Vm) {
    vm.add_exit_hook(
        Holding::TERMINAL,
        Box::new(|vm, process, _| {
            let terminals = vm.extension::<Terminals>();
            let owned = terminals.owned.lock().remove(&process.pid());
            for_each_tty(owned, |tty| {
                let _ = tty.terminal.read().restore();
            });
            let read = terminals.read.lock().remove(&process.pid());
            for_each_tty(read, |tty| {
                let mut waiting = tty.waiting.lock();
                (waiting.input, waiting.signal) = (None, None);
                if let Some((poller, token)) = waiting.registration.take() {
                    drop(waiting);
                    poller.deregister(token);
                }
            });
        }),
    );
}

/// Gives all terminals their modes back: to be called when the program ends.
pub fn restore(vm: &Vm) {
    let guard = vm.extension::<Terminals>().guard.lock().take();
    let owned = std::mem::take(&mut *vm.extension::<Terminals>().owned.lock());
    for list in owned.into_values() {
        for_each_tty(Some(list), |tty| {
            let _ = tty.terminal.read().restore();
        });
    }
    drop(guard);
}

/// Starts what restores the terminal when the machine cannot do it any more. Only a program that is the machine has one.
fn start_guard(vm: &Vm) {
    let terminals = vm.extension::<Terminals>();
    let mut guard = terminals.guard.lock();
    if guard.is_some() || !vm.extension::<SignalCenter>().is_installed() {
        return;
    }
    let program = vm.extension::<System>().program().map(OsString::from_vec);
    if let (Some(program), Some(modes)) = (program, SavedModes::of_input()) {
        *guard = TerminalGuard::start(program.as_ref(), &["guard-terminal"], &modes).ok();
    }
}

fn for_each_tty(list: Option<Vec<Weak<MagicObject>>>, mut action: impl FnMut(&Tty)) {
    for object in list.into_iter().flatten().filter_map(|object| object.upgrade()) {
        if let Some(tty) = object.0.downcast_ref::<Tty>() {
            action(tty);
        }
    }
}

type Raised<'h> = Box<Interrupt<'h>>;

fn tty<'h>(cx: &BifContext<'h>, term: Term<'h>) -> Result<(&'h Tty, Arc<MagicObject>), Raised<'h>> {
    let reference = term.as_reference();
    let found = reference.and_then(|reference| Some((reference.downcast::<Tty>()?, reference.shared_object()?)));
    found.ok_or_else(|| cx.raise(atoms::BADARG))
}

fn stream<'h>(cx: &BifContext<'h>, name: Atom) -> Result<StandardStream, Raised<'h>> {
    match cx.text(name) {
        "stdin" => Ok(StandardStream::Input),
        "stdout" => Ok(StandardStream::Output),
        "stderr" => Ok(StandardStream::Error),
        _ => Err(cx.raise(atoms::BADARG)),
    }
}

/// `{error, Reason}`.
fn error<'h>(cx: &BifContext<'h>, reason: &str) -> BifResult<'h> {
    let reason = cx.intern(reason)?;
    Ok(cx.error(reason))
}

/// `{error, {Function, Posix}}`.
fn errno_error<'h>(cx: &BifContext<'h>, function: &str, errno: Errno) -> BifResult<'h> {
    let reason = [Term::atom(cx.intern(function)?), Term::atom(cx.intern(errno.name())?)];
    Ok(cx.heap.tuple(&[Term::atom(atoms::ERROR), cx.heap.tuple(&reason)]))
}

/// `true` when a standard stream is a terminal, `ebadf` when it is closed.
#[bif("prim_tty:isatty/1", nif)]
fn isatty<'h>(cx: &mut BifContext<'h>, name: Atom) -> BifResult<'h> {
    Ok(match is_terminal(stream(cx, name)?) {
        Ok(answer) => Term::boolean(answer),
        Err(_) => Term::atom(atoms::EBADF),
    })
}

/// Standard input and output: `{ok, Terminal}`.
#[bif("prim_tty:tty_create/0", nif)]
fn create<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let terminal = match standard_terminal() {
        Ok(terminal) => terminal,
        Err(errno) => return errno_error(cx, "dup", errno),
    };
    let reference = cx.vm.next_reference();
    let tty = Tty {
        reference,
        terminal: RwLock::new(terminal),
        prepared: Mutex::new(false),
        waiting: Mutex::new(Waiting::default()),
    };
    Ok(cx.ok(cx.heap.magic_reference(reference.0, Vm::magic(tty))))
}

/// Standard input and output; a stream that is closed reads and writes nothing.
fn standard_terminal() -> oxbeam_sys::Result<Terminal> {
    Terminal::standard().or_else(|_| {
        let null = |write: bool| {
            std::fs::File::options().read(!write).write(write).open("/dev/null").map(std::os::fd::OwnedFd::from)
        };
        Ok(Terminal::new(null(false)?, null(true)?))
    })
}

/// Prepares terminal modes: a map of `canon`, `echo` and `sig`.
#[bif("prim_tty:tty_init/3", nif)]
fn init<'h>(cx: &mut BifContext<'h>, terminal: Term<'h>, name: Atom, options: Term<'h>) -> BifResult<'h> {
    stream(cx, name)?;
    if !options.is_map() {
        return cx.badarg();
    }
    let (tty, _) = tty(cx, terminal)?;
    let mut modes = TerminalModes::default();
    for (key, value) in options.map_iter() {
        let value = value.as_boolean();
        match key.as_atom().map(|key| cx.text(key)) {
            Some("canon") => modes.canonical = value,
            Some("echo") => modes.echo = value,
            Some("sig") => modes.signals = value,
            _ => {}
        }
    }
    if let Err(errno) = tty.terminal.write().prepare(modes) {
        return errno_error(cx, "tcgetattr", errno);
    }
    *tty.prepared.lock() = true;
    Ok(Term::atom(atoms::OK))
}

/// Sets the prepared modes until the caller ends.
#[bif("prim_tty:tty_set/1", nif)]
fn set<'h>(cx: &mut BifContext<'h>, terminal: Term<'h>) -> BifResult<'h> {
    let (tty, object) = tty(cx, terminal)?;
    if *tty.prepared.lock() {
        start_guard(cx.vm);
        if let Err(errno) = tty.terminal.read().apply() {
            return errno_error(cx, "tcsetattr", errno);
        }
    }
    cx.process.holds(Holding::TERMINAL);
    let terminals = cx.vm.extension::<Terminals>();
    terminals.owned.lock().entry(cx.pid()).or_default().push(Arc::downgrade(&object));
    Ok(Term::atom(atoms::OK))
}

/// Is text UTF-8 according to the locale?
#[bif("prim_tty:setlocale/1", nif)]
fn setlocale<'h>(_cx: &mut BifContext<'h>, terminal: Term<'h>) -> BifResult<'h> {
    let _ = terminal;
    Ok(Term::boolean(locale_is_utf8()))
}

/// `utf8`.
#[bif("prim_tty:tty_encoding/1", nif)]
fn encoding<'h>(_cx: &mut BifContext<'h>, terminal: Term<'h>) -> BifResult<'h> {
    let _ = terminal;
    Ok(Term::atom(atoms::UTF8))
}

/// `{ok, {Columns, Rows}}`, or `{error, enotsup}` when there is no terminal.
#[bif("prim_tty:tty_window_size/1", nif)]
fn window_size<'h>(cx: &mut BifContext<'h>, terminal: Term<'h>) -> BifResult<'h> {
    let (tty, _) = tty(cx, terminal)?;
    let size = tty.terminal.read().window_size();
    let Ok((columns, rows)) = size else { return error(cx, "enotsup") };
    let known = |size: u16| Term::small(if size == 0 { -1 } else { i64::from(size) });
    Ok(cx.ok(cx.heap.tuple(&[known(columns), known(rows)])))
}

/// Asks for a message with `signal_tag` at the next signal of the window, and one with `input_tag` at the next input.
#[bif("prim_tty:tty_select/3", nif)]
fn select<'h>(cx: &mut BifContext<'h>, terminal: Term<'h>, signal_tag: Term<'h>, input_tag: Term<'h>) -> BifResult<'h> {
    let (tty, object) = tty(cx, terminal)?;
    let center = cx.vm.extension::<SignalCenter>();
    center.watch_terminal(&object);
    cx.process.holds(Holding::TERMINAL);
    let terminals = cx.vm.extension::<Terminals>();
    terminals.read.lock().entry(cx.pid()).or_default().push(Arc::downgrade(&object));
    tty.waiting.lock().signal = Some(Request { process: cx.pid(), tag: cx.own(signal_tag) });
    match wait_for_input(cx, tty, &object, input_tag) {
        Ok(()) => Ok(Term::atom(atoms::OK)),
        Err(errno) => errno_error(cx, "select", errno),
    }
}

/// Sends the caller a message when there is input.
fn wait_for_input<'h>(
    cx: &BifContext<'h>,
    tty: &Tty,
    object: &Arc<MagicObject>,
    tag: Term<'h>,
) -> oxbeam_sys::Result<()> {
    let mut waiting = tty.waiting.lock();
    waiting.input = Some(Request { process: cx.pid(), tag: cx.own(tag) });
    if waiting.registration.is_none() {
        let poller = cx.vm.extension::<System>().poller()?;
        let (vm, weak) = (Arc::downgrade(&cx.vm.arc()), Arc::downgrade(object));
        let token = poller.register(
            tty.terminal.read().input(),
            Box::new(move |_| {
                if let (Some(vm), Some(object)) = (vm.upgrade(), weak.upgrade())
                    && let Some(tty) = object.0.downcast_ref::<Tty>()
                    && let Some(request) = tty.waiting.lock().input.take()
                {
                    tell(&vm, tty.reference, &object, &request);
                }
            }),
        )?;
        waiting.registration = Some((poller, token));
    }
    let registration = waiting.registration.clone();
    drop(waiting);
    match registration {
        Some((poller, token)) => poller.arm(token, Interest::READ),
        None => Ok(()),
    }
}

/// `{select, Terminal, Tag, ready_input}`.
fn tell(vm: &Vm, reference: LocalReference, object: &Arc<MagicObject>, request: &Request) {
    let Some(ready) = vm.atoms.intern("ready_input") else { return };
    vm.send_built(request.process, |heap| {
        let terminal = heap.magic_reference(reference.0, object.clone());
        heap.tuple(&[Term::atom(atoms::SELECT), terminal, heap.copy_in(request.tag.term()), Term::atom(ready)])
    });
}

/// Hands a signal to the reader of a terminal.
pub(crate) fn signal_arrived(vm: &Vm, object: &Arc<MagicObject>, signal: TtySignal) {
    let Some(tty) = object.0.downcast_ref::<Tty>() else { return };
    let mut waiting = tty.waiting.lock();
    waiting.signals.push_back(signal);
    if let Some(request) = waiting.signal.take() {
        drop(waiting);
        tell(vm, tty.reference, object, &request);
    }
}

/// The signal that arrived: `{ok, winch | cont}`; asks for the next one.
#[bif("prim_tty:tty_read_signal/2", nif)]
fn read_signal<'h>(cx: &mut BifContext<'h>, terminal: Term<'h>, tag: Term<'h>) -> BifResult<'h> {
    let (tty, object) = tty(cx, terminal)?;
    let mut waiting = tty.waiting.lock();
    let Some(signal) = waiting.signals.pop_front() else {
        drop(waiting);
        return error(cx, "empty");
    };
    let request = Request { process: cx.pid(), tag: cx.own(tag) };
    if waiting.signals.is_empty() {
        waiting.signal = Some(request);
        drop(waiting);
    } else {
        drop(waiting);
        tell(cx.vm, tty.reference, &object, &request);
    }
    let name = match signal {
        TtySignal::WindowChange => "winch",
        TtySignal::Continue => "cont",
    };
    Ok(cx.ok(Term::atom(cx.intern(name)?)))
}

/// Reads what is there, `{ok, Data}` or `{error, closed}`, and asks for the next message.
#[bif("prim_tty:read_nif/2", nif)]
fn read<'h>(cx: &mut BifContext<'h>, terminal: Term<'h>, tag: Term<'h>) -> BifResult<'h> {
    let (tty, object) = tty(cx, terminal)?;
    let guard = if cx.is_dirty() { Some(tty.terminal.read()) } else { tty.terminal.try_read() };
    let Some(guard) = guard else { return Err(cx.hand_over_as(DirtyKind::Io)) };
    let outcome = guard.read(READ_SIZE);
    drop(guard);
    let data = match outcome {
        Ok(ReadOutcome::Data(data)) => data,
        Ok(ReadOutcome::WouldBlock) => Vec::new(),
        Ok(ReadOutcome::Closed) => return error(cx, "closed"),
        Err(errno) => return errno_error(cx, "read", errno),
    };
    if let Err(errno) = wait_for_input(cx, tty, &object, tag) {
        return errno_error(cx, "select", errno);
    }
    Ok(cx.ok(cx.heap.binary_from_vec(data)))
}

/// Writes a list of binaries, all of it. Little is written at once, so that what a line asks for does not come before the line.
#[bif("prim_tty:write_nif/2", nif)]
fn write<'h>(cx: &mut BifContext<'h>, terminal: Term<'h>, data: Term<'h>) -> BifResult<'h> {
    let (tty, _) = tty(cx, terminal)?;
    let Some(elements) = data.to_vec() else { return cx.badarg() };
    let binaries: Option<Vec<Cow<'h, [u8]>>> = elements.into_iter().map(Term::as_binary).collect();
    let Some(binaries) = binaries else { return cx.badarg() };
    let slices: Vec<&[u8]> = binaries.iter().map(|binary| &**binary).collect();
    let size = slices.iter().map(|slice| slice.len()).sum();
    let guard = match cx.is_dirty() {
        true => Some(tty.terminal.read()),
        false => tty.terminal.try_read().filter(|terminal| terminal.has_room(size)),
    };
    let Some(guard) = guard else { return Err(cx.hand_over_as(DirtyKind::Io)) };
    let outcome = guard.write(&slices);
    drop(guard);
    match outcome {
        Ok(()) => Ok(Term::atom(atoms::OK)),
        Err(errno) => error(cx, errno.name()),
    }
}

fn not_printable<'h>(cx: &BifContext<'h>) -> BifResult<'h> {
    error(cx, "not_printable")
}

/// C's `isprint`.
#[bif("prim_tty:isprint/1", nif)]
fn isprint<'h>(cx: &mut BifContext<'h>, character: i64) -> BifResult<'h> {
    if i32::try_from(character).is_err() {
        return cx.badarg();
    }
    Ok(Term::boolean(u8::try_from(character).is_ok_and(char_width::is_printable)))
}

/// Columns of a character, or `{error, not_printable}`.
#[bif("prim_tty:wcwidth/1", nif)]
fn wcwidth<'h>(cx: &mut BifContext<'h>, character: i64) -> BifResult<'h> {
    if i32::try_from(character).is_err() {
        return cx.badarg();
    }
    match u32::try_from(character).ok().and_then(char_width::char_width) {
        Some(columns) => Ok(Term::small(columns.into())),
        None => not_printable(cx),
    }
}

/// Columns of a string of C's wide characters: `{ok, Columns}` or `{error, not_printable}`.
#[bif("prim_tty:wcswidth/1", nif)]
fn wcswidth<'h>(cx: &mut BifContext<'h>, string: Term<'h>) -> BifResult<'h> {
    let Some(bytes) = gather(string) else { return cx.badarg() };
    let characters = bytes.chunks_exact(4).map(|c| u32::from_ne_bytes([c[0], c[1], c[2], c[3]]));
    match char_width::string_width(characters) {
        Some(columns) => Ok(cx.ok(Term::small(columns as i64))),
        None => not_printable(cx),
    }
}

/// Bytes of C's wide character.
#[bif("prim_tty:sizeof_wchar/0", nif)]
fn sizeof_wchar<'h>(_cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(Term::small(4))
}

/// A string as C sees it: up to the first zero.
fn c_string(term: Term<'_>) -> Option<Vec<u8>> {
    let mut bytes = gather(term)?;
    if let Some(end) = bytes.iter().position(|&byte| byte == 0) {
        bytes.truncate(end);
    }
    Some(bytes)
}

/// Loads the description of a kind of terminal.
#[bif("prim_tty:tgetent_nif/1", nif)]
fn tgetent<'h>(cx: &mut BifContext<'h>, kind: Term<'h>) -> BifResult<'h> {
    let Some(kind) = c_string(kind) else { return cx.badarg() };
    let environment = cx.vm.extension::<Environment>();
    let variable =
        |name: &str| environment.get(name.as_bytes()).map(|value| String::from_utf8_lossy(&value).into_owned());
    match Terminfo::load(&String::from_utf8_lossy(&kind), variable) {
        Ok(description) => {
            *cx.vm.extension::<Terminals>().description.lock() = Some(description);
            Ok(Term::atom(atoms::OK))
        }
        Err(errno) => errno_error(cx, "tgetent", errno),
    }
}

/// Asks the loaded description; `missing` without one.
fn capability<'h, T>(
    cx: &BifContext<'h>,
    name: Term<'h>,
    missing: T,
    ask: impl FnOnce(&Terminfo, &str) -> T,
) -> Result<T, Raised<'h>> {
    let name = c_string(name).ok_or_else(|| cx.raise(atoms::BADARG))?;
    let terminals = cx.vm.extension::<Terminals>();
    let description = terminals.description.lock();
    Ok(description.as_ref().map_or(missing, |description| ask(description, &String::from_utf8_lossy(&name))))
}

/// A number of the terminal's description, -1 if it has none.
#[bif("prim_tty:tgetnum_nif/1", nif)]
fn tgetnum<'h>(cx: &mut BifContext<'h>, name: Term<'h>) -> BifResult<'h> {
    let number = capability(cx, name, None, Terminfo::number)?;
    Ok(Term::small(number.unwrap_or(-1).into()))
}

/// A flag of the terminal's description.
#[bif("prim_tty:tgetflag_nif/1", nif)]
fn tgetflag<'h>(cx: &mut BifContext<'h>, name: Term<'h>) -> BifResult<'h> {
    Ok(Term::boolean(capability(cx, name, false, Terminfo::flag)?))
}

/// A string of the terminal's description: `{ok, String}` or `false`.
#[bif("prim_tty:tgetstr_nif/1", nif)]
fn tgetstr<'h>(cx: &mut BifContext<'h>, name: Term<'h>) -> BifResult<'h> {
    let found = capability(cx, name, None, |description, name| description.string(name).map(<[u8]>::to_vec))?;
    Ok(found.map_or(Term::FALSE, |string| cx.ok(cx.heap.binary_from_vec(string))))
}

fn goto<'h>(cx: &BifContext<'h>, string: Term<'h>, column: i64, row: i64) -> BifResult<'h> {
    let (Some(string), Ok(column), Ok(row)) = (c_string(string), i32::try_from(column), i32::try_from(row)) else {
        return cx.badarg();
    };
    Ok(cx.ok(cx.heap.binary_from_vec(terminfo::goto(&string, column, row))))
}

/// A capability as it is sent: `{ok, Binary}`.
#[bif("prim_tty:tgoto_nif/1", nif)]
fn tgoto_1<'h>(cx: &mut BifContext<'h>, string: Term<'h>) -> BifResult<'h> {
    goto(cx, string, 0, 0)
}

/// A capability with one parameter.
#[bif("prim_tty:tgoto_nif/2", nif)]
fn tgoto_2<'h>(cx: &mut BifContext<'h>, string: Term<'h>, column: i64) -> BifResult<'h> {
    goto(cx, string, column, 0)
}

/// A capability with two parameters.
#[bif("prim_tty:tgoto_nif/3", nif)]
fn tgoto_3<'h>(cx: &mut BifContext<'h>, string: Term<'h>, column: i64, row: i64) -> BifResult<'h> {
    goto(cx, string, column, row)
}
