//! `prim_socket`: sockets as OTP's `socket` asks for them.
//!
//! A socket is a magic reference. What cannot be done at once is answered by `select`: the process becomes the *current*
//! one of its direction (reader, writer, acceptor, connector), and gets `{'$socket', Socket, select, Ref}` from the poll
//! thread when it may try again. It stays the current one until its call has succeeded or failed, or is cancelled;
//! others that call meanwhile wait in a queue, and the next of them is told then.
//!
//! ```text
//!   Open -> Closing   close/1, or the owner has ended: who waits gets an `abort`, every call fails with `closed`
//!   Closing -> Closed finalize_close/1, or with the last reference
//! ```
//!
//! A socket's lock is held while a call works on it and while a report of the poller is handled, but never while
//! anything waits. The owner's end closes its sockets (an exit hook); the end of a process that waits takes it out.

mod address;
pub(crate) mod ioctl;
mod message;
pub(crate) mod open;
pub(crate) mod options;
pub(crate) mod supports;
pub(crate) mod transfer;

pub(crate) use address::{decode as decode_address, domain_term, encode as encode_address, kind_term, map};

use crate::io::System;
use crate::io::system::Registration;
use oxbeam_runtime::{BifContext, BifResult, Holding, Interrupt, Vm};
use oxbeam_sys::poll::{Interest, Readiness};
use oxbeam_sys::socket::Socket;
use oxbeam_sys::{Errno, Result as SysResult};
use oxbeam_term::{Atom, Heap, LocalReference, MagicObject, OwnedTerm, Pid, Term, atoms};
use parking_lot::{Mutex, MutexGuard};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

/// Room for data and for ancillary data, unless told otherwise.
const RECEIVE_BUFFER: usize = 8192;
const CONTROL_BUFFER: usize = 1024;

type Raised<'h> = Box<Interrupt<'h>>;

/// What the magic reference of a socket keeps.
pub(crate) struct Handle {
    number: LocalReference,
    this: OnceLock<Weak<MagicObject>>,
    inner: Mutex<Inner>,
}

/// A process that waits, and the reference that it waits with.
struct Waiter {
    pid: Pid,
    reference: OwnedTerm,
    /// It has been told that it may try again.
    told: bool,
}

/// Those that wait for one direction; the first is the current one.
type Queue = VecDeque<Waiter>;

/// Why a process waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Purpose {
    Accept,
    Connect,
    Read,
    Write,
}

/// What `socket:info/1` counts, in both directions.
#[derive(Clone, Copy, Default)]
struct Counters {
    read_tries: u64,
    read_waits: u64,
    read_fails: u64,
    read_packets: u64,
    read_bytes: u64,
    read_largest: u64,
    write_tries: u64,
    write_waits: u64,
    write_fails: u64,
    write_packets: u64,
    write_bytes: u64,
    write_largest: u64,
    accept_tries: u64,
    accept_waits: u64,
    accept_fails: u64,
    accept_successes: u64,
}

/// Where a socket comes from.
#[derive(Clone, Copy)]
enum Origin {
    New,
    /// A descriptor that was given away.
    Descriptor,
    /// A descriptor that stays with its owner.
    CopyOf(i32),
}

/// What changes in a socket's life.
struct Inner {
    origin: Origin,
    registration: Option<Registration>,
    armed: Interest,
    /// `None` once it is closed.
    socket: Option<Socket>,
    is_closing: bool,
    domain: i32,
    kind: i32,
    protocol: i32,
    owner: Pid,
    is_bound: bool,
    is_listening: bool,
    is_connected: bool,
    readers: Queue,
    writers: Queue,
    acceptors: Queue,
    connector: Option<Waiter>,
    /// What a `recv` of a certain length has got so far.
    partial: Vec<u8>,
    counters: Counters,
    receive_buffer: usize,
    /// How often a full buffer may come in one `recv` before it is taken for everything; 0 is no limit.
    receive_repeats: usize,
    repeated: usize,
    control_receive_buffer: usize,
    control_send_buffer: usize,
    meta: OwnedTerm,
    debug: bool,
    counter_messages: bool,
    is_registered: bool,
    file: Option<oxbeam_sys::descriptor::Descriptor>,
}

/// The sockets of one machine by their owners, and those that processes wait for.
#[derive(Default)]
struct Sockets {
    of_processes: Mutex<HashMap<Pid, Vec<Weak<MagicObject>>>>,
    registry: Mutex<Option<Pid>>,
    /// Are new sockets kept from the registry, unless they ask for it?
    avoids_registry: AtomicBool,
    debug: AtomicBool,
    socket_debug: AtomicBool,
    global: Mutex<Vec<Weak<MagicObject>>>,
}

/// Closes the sockets of processes that end, and takes them out of queues.
pub(crate) fn install(vm: &Vm) {
    vm.add_exit_hook(Holding::SOCKETS, Box::new(|vm, process, _| process_ended(vm, process.pid())));
}

/// What `erlang:load_nif("prim_socket", Extra)` says: the registry's process, and whether it is told of all sockets.
pub(crate) fn set_extra(cx: &BifContext<'_>, extra: Term<'_>) {
    let sockets = cx.vm.extension::<Sockets>();
    let item = |name| extra.map_get(Term::atom(cx.vm.atoms.intern(name)?));
    *sockets.registry.lock() = item("registry").and_then(Term::as_pid);
    let uses_registry = item("use_registry").and_then(Term::as_boolean).unwrap_or(true);
    sockets.avoids_registry.store(!uses_registry, Ordering::Relaxed);
}

fn process_ended(vm: &Vm, pid: Pid) {
    let sockets = vm.extension::<Sockets>();
    let Some(theirs) = sockets.of_processes.lock().remove(&pid) else { return };
    for object in theirs.iter().filter_map(Weak::upgrade) {
        let Some(handle) = object.0.downcast_ref::<Handle>() else { continue };
        let mut inner = handle.inner.lock();
        if inner.owner == pid {
            handle.stop(vm, &mut inner);
            handle.release(vm, &mut inner, Socket::close_without_waiting);
        } else {
            handle.forget_process(vm, &mut inner, pid);
        }
    }
}

/// The process has to do with the socket: its end will be noticed.
fn remember(vm: &Vm, pid: Pid, object: &Arc<MagicObject>) {
    if let Some(process) = vm.process(pid) {
        process.holds(Holding::SOCKETS);
    }
    let sockets = vm.extension::<Sockets>();
    let mut of_processes = sockets.of_processes.lock();
    let theirs = of_processes.entry(pid).or_default();
    let new = Arc::downgrade(object);
    if theirs.iter().any(|known| known.ptr_eq(&new)) {
        return;
    }
    // Sockets that are gone leave their places, so that a process with many short ones does not grow.
    if theirs.len() == theirs.capacity() {
        theirs.retain(|known| known.strong_count() > 0);
    }
    theirs.push(new);
}

/// The sockets that watch a process, once for each reason: they are its own, or it waits for them.
pub(crate) fn watching<'h>(vm: &Vm, heap: &'h Heap, pid: Pid) -> Vec<Term<'h>> {
    let theirs = vm.extension::<Sockets>().of_processes.lock().get(&pid).cloned().unwrap_or_default();
    let mut references = Vec::new();
    for object in theirs.iter().filter_map(Weak::upgrade) {
        let Some(handle) = object.0.downcast_ref::<Handle>() else { continue };
        let inner = handle.inner.lock();
        if inner.socket.is_none() {
            continue;
        }
        let queues = [&inner.acceptors, &inner.readers, &inner.writers];
        let waits = queues.into_iter().flatten().chain(&inner.connector).filter(|waiter| waiter.pid == pid).count();
        let reasons = waits + usize::from(inner.owner == pid);
        references.extend((0..reasons).map(|_| heap.magic_reference(handle.number.0, object.clone())));
    }
    references
}

/// `{error, Reason}` or `{invalid, Reason}` with an atom by name.
fn tagged<'h>(cx: &BifContext<'h>, tag: &str, reason: &str) -> BifResult<'h> {
    Ok(cx.heap.tuple(&[Term::atom(cx.intern(tag)?), Term::atom(cx.intern(reason)?)]))
}

/// `{error, Posix}`.
fn posix<'h>(cx: &BifContext<'h>, errno: Errno) -> BifResult<'h> {
    tagged(cx, "error", errno.name())
}

/// `{error, {invalid, What}}`.
fn invalid<'h>(cx: &BifContext<'h>, what: &str) -> BifResult<'h> {
    let inner = tagged(cx, "invalid", what)?;
    Ok(cx.heap.tuple(&[Term::atom(atoms::ERROR), inner]))
}

/// The error `{invalid, What}`, raised.
fn raise_invalid<'h, T>(cx: &BifContext<'h>, what: &str) -> Result<T, Raised<'h>> {
    Err(Interrupt::error(tagged(cx, "invalid", what)?))
}

/// `ok` or `{error, Posix}`.
fn done<'h>(cx: &BifContext<'h>, outcome: SysResult<()>) -> BifResult<'h> {
    match outcome {
        Ok(()) => Ok(Term::atom(atoms::OK)),
        Err(errno) => posix(cx, errno),
    }
}

/// The handle behind a term.
fn handle<'h>(cx: &BifContext<'h>, term: Term<'h>) -> Result<(&'h Handle, Arc<MagicObject>), Raised<'h>> {
    let found = term.as_reference().and_then(|reference| {
        let handle = reference.downcast::<Handle>()?;
        Some((handle, reference.shared_object()?))
    });
    found.ok_or_else(|| cx.raise(atoms::BADARG))
}

/// A handle that works, locked.
struct Open<'h> {
    handle: &'h Handle,
    object: Arc<MagicObject>,
    inner: MutexGuard<'h, Inner>,
}

/// The socket behind a term; `None` when it is closed.
fn open_handle<'h>(cx: &BifContext<'h>, term: Term<'h>) -> Result<Option<Open<'h>>, Raised<'h>> {
    let (handle, object) = handle(cx, term)?;
    let inner = handle.inner.lock();
    Ok((!inner.is_closing && inner.socket.is_some()).then_some(Open { handle, object, inner }))
}

/// Opens the socket behind a term for a call, or answers `{error, closed}`.
macro_rules! open_or_closed {
    ($cx:expr, $term:expr) => {
        match $crate::io::socket::open_handle($cx, $term)? {
            Some(open) => open,
            None => return $crate::io::socket::tagged($cx, "error", "closed"),
        }
    };
}
pub(crate) use open_or_closed;

impl Inner {
    fn new(socket: Socket, (domain, kind, protocol): (i32, i32, i32), owner: Pid) -> Inner {
        Inner {
            origin: Origin::New,
            registration: None,
            armed: Interest::default(),
            socket: Some(socket),
            is_closing: false,
            domain,
            kind,
            protocol,
            owner,
            is_bound: false,
            is_listening: false,
            is_connected: false,
            readers: Queue::new(),
            writers: Queue::new(),
            acceptors: Queue::new(),
            connector: None,
            partial: Vec::new(),
            counters: Counters::default(),
            receive_buffer: RECEIVE_BUFFER,
            receive_repeats: 0,
            repeated: 0,
            control_receive_buffer: CONTROL_BUFFER,
            control_send_buffer: CONTROL_BUFFER,
            meta: Vm::own_atom(atoms::UNDEFINED),
            debug: false,
            counter_messages: false,
            is_registered: false,
            file: None,
        }
    }
    fn queue(&mut self, purpose: Purpose) -> &mut Queue {
        match purpose {
            Purpose::Accept => &mut self.acceptors,
            Purpose::Read => &mut self.readers,
            Purpose::Write | Purpose::Connect => &mut self.writers,
        }
    }
    fn socket(&self) -> SysResult<&Socket> {
        self.socket.as_ref().ok_or(Errno::EBADF)
    }
}

impl Handle {
    /// `{'$socket', Reference}`, the term that `socket` uses.
    fn term<'h>(&self, heap: &'h Heap, tag: Atom) -> Term<'h> {
        let object = self.this.get().and_then(Weak::upgrade);
        let reference = match object {
            Some(object) => heap.magic_reference(self.number.0, object),
            None => heap.reference(self.number.0),
        };
        heap.tuple(&[Term::atom(tag), reference])
    }
    /// `{'$socket', Socket, Tag, Information}` to a process.
    fn tell(&self, vm: &Vm, to: Pid, tag: &str, information: impl for<'h> FnOnce(&'h Heap) -> Term<'h>) {
        let (Some(socket), Some(tag)) = (vm.atoms.intern("$socket"), vm.atoms.intern(tag)) else { return };
        vm.send_built(to, |heap| {
            heap.tuple(&[Term::atom(socket), self.term(heap, socket), Term::atom(tag), information(heap)])
        });
    }
    fn tell_select(&self, vm: &Vm, waiter: &Waiter) {
        self.tell(vm, waiter.pid, "select", |heap| heap.copy_in(waiter.reference.term()));
    }
    /// `{'$socket', Socket, abort, {Reference, Reason}}`.
    fn tell_abort(&self, vm: &Vm, waiter: &Waiter, reason: Atom) {
        self.tell(vm, waiter.pid, "abort", |heap| {
            heap.tuple(&[heap.copy_in(waiter.reference.term()), Term::atom(reason)])
        });
    }
    /// Tells the registry that the socket is there, or not any more.
    fn tell_registry(&self, vm: &Vm, what: &str) {
        let registry = *vm.extension::<Sockets>().registry.lock();
        let (Some(registry), Some(tag), Some(what)) = (registry, vm.atoms.intern("$socket"), vm.atoms.intern(what))
        else {
            return;
        };
        vm.send_built(registry, |heap| heap.tuple(&[Term::atom(tag), Term::atom(what), self.term(heap, tag)]));
    }
    /// Asks for a report when there is something to read or to accept, or room to write.
    fn arm(&self, vm: &Vm, inner: &mut Inner, interest: Interest) -> SysResult<()> {
        if (inner.armed.read || !interest.read) && (inner.armed.write || !interest.write) {
            return Ok(());
        }
        if inner.registration.is_none() {
            let poller = vm.extension::<System>().poller()?;
            let weak_vm = Arc::downgrade(&vm.arc());
            let this = self.this.get().cloned().unwrap_or_default();
            let report = move |readiness: Readiness| {
                if let (Some(vm), Some(object)) = (weak_vm.upgrade(), this.upgrade())
                    && let Some(handle) = object.0.downcast_ref::<Handle>()
                {
                    handle.ready(&vm, readiness);
                }
            };
            let token = poller.register(inner.socket()?, Box::new(report))?;
            inner.registration = Some(Registration { poller, token });
        }
        let Some(registration) = &inner.registration else { return Ok(()) };
        registration.poller.arm(registration.token, interest)?;
        inner.armed.read |= interest.read;
        inner.armed.write |= interest.write;
        Ok(())
    }
    /// Called on the poll thread.
    fn ready(&self, vm: &Vm, readiness: Readiness) {
        let mut inner = self.inner.lock();
        inner.armed.read &= !readiness.read;
        inner.armed.write &= !readiness.write;
        if readiness.read {
            for purpose in [Purpose::Accept, Purpose::Read] {
                self.tell_current(vm, &mut inner, purpose);
            }
        }
        if readiness.write {
            if let Some(connector) = inner.connector.as_mut().filter(|connector| !connector.told) {
                connector.told = true;
                self.tell_select(vm, connector);
            }
            self.tell_current(vm, &mut inner, Purpose::Write);
        }
    }
    fn tell_current(&self, vm: &Vm, inner: &mut Inner, purpose: Purpose) {
        if let Some(current) = inner.queue(purpose).front_mut().filter(|current| !current.told) {
            current.told = true;
            self.tell_select(vm, current);
        }
    }
    /// Leaves the process waiting, as the current one, until it may try again.
    fn wait(
        &self,
        vm: &Vm,
        object: &Arc<MagicObject>,
        inner: &mut Inner,
        purpose: Purpose,
        pid: Pid,
        reference: OwnedTerm,
    ) -> SysResult<()> {
        let waiter = Waiter { pid, reference, told: false };
        let interest = match purpose {
            Purpose::Accept | Purpose::Read => Interest::READ,
            Purpose::Write | Purpose::Connect => Interest::WRITE,
        };
        if purpose == Purpose::Connect {
            inner.connector = Some(waiter);
        } else {
            let before = inner.queue(purpose).pop_front_if(|current| current.pid == pid);
            inner.queue(purpose).push_front(waiter);
            // Whoever accepts again gives up what it waited for before; who reads or writes does so without a word.
            if let Some(before) = before.filter(|before| purpose == Purpose::Accept && !before.told) {
                self.tell_abort(vm, &before, vm.atoms.intern("cancelled").unwrap_or(atoms::CLOSED));
            }
        }
        remember(vm, pid, object);
        self.arm(vm, inner, interest)
    }
    /// The current one has done what it waited for: the next is told to try.
    fn next(&self, vm: &Vm, inner: &mut Inner, purpose: Purpose, pid: Pid) {
        let queue = inner.queue(purpose);
        if queue.front().is_some_and(|current| current.pid == pid) {
            queue.pop_front();
            self.activate(vm, inner, purpose);
        }
    }
    /// Asks for a report for the one that is the current one now.
    fn activate(&self, vm: &Vm, inner: &mut Inner, purpose: Purpose) {
        if inner.queue(purpose).is_empty() {
            return;
        }
        let interest = if purpose == Purpose::Write { Interest::WRITE } else { Interest::READ };
        if self.arm(vm, inner, interest).is_err() {
            self.tell_current(vm, inner, purpose);
        }
    }
    /// May the process work in this direction now? `None` if so; else what it is to be told.
    fn check_turn<'h>(
        &self,
        cx: &BifContext<'h>,
        object: &Arc<MagicObject>,
        inner: &mut Inner,
        purpose: Purpose,
        reference: Term<'h>,
    ) -> Result<Option<Term<'h>>, Raised<'h>> {
        let pid = cx.pid();
        let queue = inner.queue(purpose);
        let Some(current) = queue.front() else { return Ok(None) };
        if current.pid == pid {
            return Ok(None);
        }
        if queue.iter().any(|waiter| waiter.pid == pid) {
            return raise_invalid(cx, "state");
        }
        if reference.is_atom(cx.intern("zero")?) {
            // It only looks: that harms nobody.
            return Ok(None);
        }
        queue.push_back(Waiter { pid, reference: cx.own(reference), told: false });
        remember(cx.vm, pid, object);
        Ok(Some(Term::atom(cx.intern("select")?)))
    }
    /// A process has ended: it does not wait any more.
    fn forget_process(&self, vm: &Vm, inner: &mut Inner, pid: Pid) {
        if inner.connector.as_ref().is_some_and(|connector| connector.pid == pid) {
            inner.connector = None;
        }
        for purpose in [Purpose::Accept, Purpose::Read, Purpose::Write] {
            let queue = inner.queue(purpose);
            let was_current = queue.front().is_some_and(|current| current.pid == pid);
            queue.retain(|waiter| waiter.pid != pid);
            if was_current {
                self.activate(vm, inner, purpose);
            }
        }
    }
    /// Everybody who waits is told that this will come to nothing.
    fn abort_all(&self, vm: &Vm, inner: &mut Inner, except: Option<Pid>, reason: Atom) {
        let mut waiters: Vec<Waiter> = inner.connector.take().into_iter().collect();
        for purpose in [Purpose::Accept, Purpose::Read, Purpose::Write] {
            waiters.extend(inner.queue(purpose).drain(..));
        }
        for waiter in waiters.iter().filter(|waiter| Some(waiter.pid) != except) {
            self.tell_abort(vm, waiter, reason);
        }
    }
    /// A failure of the current one ends all that wait in the same direction.
    fn fail_queue(&self, vm: &Vm, inner: &mut Inner, purpose: Purpose, pid: Pid, reason: Atom) {
        let waiters: Vec<Waiter> = inner.queue(purpose).drain(..).collect();
        for waiter in waiters.iter().filter(|waiter| waiter.pid != pid) {
            self.tell_abort(vm, waiter, reason);
        }
    }
    /// Begins to close: nothing works any more.
    fn stop(&self, vm: &Vm, inner: &mut Inner) {
        if inner.is_closing {
            return;
        }
        inner.is_closing = true;
        inner.registration = None;
        self.abort_all(vm, inner, None, atoms::CLOSED);
    }
    /// Closes the descriptor.
    fn release(&self, vm: &Vm, inner: &mut Inner, close: fn(Socket)) {
        inner.registration = None;
        let Some(socket) = inner.socket.take() else { return };
        close(socket);
        if std::mem::take(&mut inner.is_registered) {
            self.tell_registry(vm, "del");
        }
    }
}

/// A new socket, which the caller owns: its reference.
fn new_handle<'h>(cx: &BifContext<'h>, inner: Inner, use_registry: Option<bool>) -> Term<'h> {
    let sockets = cx.vm.extension::<Sockets>();
    let owner = inner.owner;
    let number = cx.vm.next_reference();
    let handle = Handle { number, this: OnceLock::new(), inner: Mutex::new(inner) };
    let object = Vm::magic(handle);
    if let Some(handle) = object.0.downcast_ref::<Handle>() {
        let _ = handle.this.set(Arc::downgrade(&object));
        let uses_registry = use_registry.unwrap_or_else(|| !sockets.avoids_registry.load(Ordering::Relaxed));
        if uses_registry {
            handle.inner.lock().is_registered = true;
            handle.tell_registry(cx.vm, "add");
        }
    }
    remember(cx.vm, owner, &object);
    let mut global = sockets.global.lock();
    if global.len() == global.capacity() {
        global.retain(|known| known.strong_count() > 0);
    }
    global.push(Arc::downgrade(&object));
    drop(global);
    cx.heap.magic_reference(number.0, object)
}

impl Sockets {
    /// Works on all sockets that are open.
    fn each(&self, mut work: impl FnMut(&Inner)) {
        let all: Vec<Arc<MagicObject>> = self.global.lock().iter().filter_map(Weak::upgrade).collect();
        for object in all {
            if let Some(handle) = object.0.downcast_ref::<Handle>() {
                let inner = handle.inner.lock();
                if inner.socket.is_some() {
                    work(&inner);
                }
            }
        }
    }
    fn is_debug(&self, socket: bool) -> bool {
        if socket { self.socket_debug.load(Ordering::Relaxed) } else { self.debug.load(Ordering::Relaxed) }
    }
}
