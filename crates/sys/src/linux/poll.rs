//! Readiness: one thread that waits for descriptors and calls back.
//!
//! A registration names a descriptor and a callback; nothing is reported until it is armed.
//! [`Poller::arm`] adds interests; an interest that is reported is disarmed, so each report answers
//! one request (as `enif_select` and `driver_select` need it). An error or a hang-up satisfies every
//! armed interest: the read or write that follows tells what happened.
//!
//! Descriptors the kernel cannot wait for (regular files as standard input) are always ready.
//!
//! Who does what: `arm`, `register` and `deregister` may be called from any thread, callbacks included.
//! Each slot has a lock of its own, held by them and by the poll thread while they ask the kernel, but never while a
//! callback runs; so descriptors do not wait for each other. The list of slots only grows. A slot's
//! generation is part of the [`Token`] and of what the kernel hands back, so an event that was on its way
//! while its registration was removed (and the slot reused) is recognised and dropped.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use parking_lot::{Mutex, RwLock};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno as SysErrno;

use crate::{Errno, Result};

/// What a registration waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// wait until there is something to read
    pub read: bool,
    /// wait until there is room to write
    pub write: bool,
}

impl Interest {
    /// Only reading.
    pub const READ: Interest = Interest { read: true, write: false };
    /// Only writing.
    pub const WRITE: Interest = Interest { read: false, write: true };
    /// Both.
    pub const BOTH: Interest = Interest { read: true, write: true };

    fn is_empty(self) -> bool {
        !self.read && !self.write
    }

    fn union(self, other: Interest) -> Interest {
        Interest { read: self.read || other.read, write: self.write || other.write }
    }

    fn flags(self) -> EventFlags {
        let mut flags = EventFlags::ONESHOT;
        flags.set(EventFlags::IN | EventFlags::RDHUP, self.read);
        flags.set(EventFlags::OUT, self.write);
        flags
    }
}

/// What is reported: a subset of what was armed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// a read will not block (it may meet the end or an error)
    pub read: bool,
    /// a write will not block (it may meet an error)
    pub write: bool,
    /// the other side hung up or the descriptor has an error
    pub hangup: bool,
}

/// Called on the poll thread: hand the news on, do not block.
pub type Callback = Box<dyn Fn(Readiness) + Send + Sync>;

/// Names a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    slot: u32,
    generation: u32,
}

impl Token {
    fn to_data(self) -> EventData {
        EventData::new_u64(u64::from(self.generation) << 32 | u64::from(self.slot))
    }

    fn from_data(data: EventData) -> Token {
        let bits = data.u64();
        Token { slot: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// The slot number that stands for the wake-up descriptor.
const WAKE: Token = Token { slot: u32::MAX, generation: u32::MAX };

/// Waits for descriptors on a thread of its own; dropping it joins the thread.
pub struct Poller {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    epoll: OwnedFd,
    wake: OwnedFd,
    slots: RwLock<Vec<Arc<Mutex<Slot>>>>,
    free: Mutex<Vec<u32>>,
    /// Armed registrations of descriptors that are always ready.
    ready_now: Mutex<Vec<Token>>,
    /// Held by the poll thread while it calls back.
    calling: Mutex<()>,
    stopping: AtomicBool,
}

struct Slot {
    generation: u32,
    registration: Option<Registration>,
}

struct Registration {
    descriptor: RawFd,
    callback: Arc<dyn Fn(Readiness) + Send + Sync>,
    armed: Interest,
    always_ready: bool,
}

impl Registration {
    fn descriptor(&self) -> BorrowedFd<'_> {
        // SAFETY: the number is only handed to `epoll_ctl`, which answers a closed descriptor with an
        // error; `Poller::register` obliges the caller to deregister before closing it.
        unsafe { BorrowedFd::borrow_raw(self.descriptor) }
    }
}

impl std::fmt::Debug for Poller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poller").finish_non_exhaustive()
    }
}

impl Poller {
    /// Starts the thread.
    pub fn start() -> Result<Poller> {
        let shared = Arc::new(Shared {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            slots: RwLock::default(),
            free: Mutex::default(),
            ready_now: Mutex::default(),
            calling: Mutex::default(),
            stopping: AtomicBool::new(false),
        });
        epoll::add(&shared.epoll, &shared.wake, WAKE.to_data(), EventFlags::IN)?;
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("poll".into()).spawn(move || theirs.run())?;
        Ok(Poller { shared, thread: Some(thread) })
    }

    /// Registers a descriptor, disarmed. A descriptor has one registration at a time (else `eexist`).
    ///
    /// The caller deregisters it before closing it.
    pub fn register(&self, descriptor: impl AsFd, callback: Callback) -> Result<Token> {
        let descriptor = descriptor.as_fd();
        let (number, slot) = self.shared.take_slot();
        let mut slot = slot.lock();
        let token = Token { slot: number, generation: slot.generation };
        let always_ready = match epoll::add(&self.shared.epoll, descriptor, token.to_data(), EventFlags::ONESHOT) {
            Ok(()) => false,
            Err(SysErrno::PERM) => true,
            Err(errno) => {
                drop(slot);
                self.shared.free.lock().push(number);
                return Err(errno.into());
            }
        };
        slot.registration = Some(Registration {
            descriptor: descriptor.as_raw_fd(),
            callback: callback.into(),
            armed: Interest::default(),
            always_ready,
        });
        Ok(token)
    }

    /// Asks for one report of each interest, in addition to what is armed already.
    pub fn arm(&self, token: Token, interest: Interest) -> Result<()> {
        let slot = self.shared.slot(token).ok_or(Errno::ENOENT)?;
        let mut slot = slot.lock();
        let registration = slot.get_mut(token).ok_or(Errno::ENOENT)?;
        registration.armed = registration.armed.union(interest);
        if !registration.always_ready {
            return self.shared.modify(token, registration);
        }
        drop(slot);
        self.shared.ready_now.lock().push(token);
        self.shared.wake()
    }

    /// Takes interests back; a report that is on its way may still come.
    pub fn disarm(&self, token: Token, interest: Interest) -> Result<()> {
        let slot = self.shared.slot(token).ok_or(Errno::ENOENT)?;
        let mut slot = slot.lock();
        let registration = slot.get_mut(token).ok_or(Errno::ENOENT)?;
        registration.armed.read &= !interest.read;
        registration.armed.write &= !interest.write;
        if registration.always_ready { Ok(()) } else { self.shared.modify(token, registration) }
    }

    /// Removes a registration; no call begins after this returns, one may still be running.
    pub fn deregister(&self, token: Token) {
        let Some(slot) = self.shared.slot(token) else { return };
        let removed = {
            let mut slot = slot.lock();
            if slot.generation != token.generation {
                return;
            }
            let Some(removed) = slot.registration.take() else { return };
            slot.generation = slot.generation.wrapping_add(1);
            if !removed.always_ready {
                // Fails only for a descriptor that was closed, and then there is nothing to delete.
                let _ = epoll::delete(&self.shared.epoll, removed.descriptor());
            }
            removed
        };
        self.shared.free.lock().push(token.slot);
        // What the callback holds is dropped without the lock: it may use the poller.
        drop(removed);
    }

    /// Nothing is reported while the result lives, and no callback is running. Not for the poll thread.
    pub fn hold(&self) -> impl Drop + '_ {
        self.shared.calling.lock()
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        let woken = self.shared.wake();
        if let Some(thread) = self.thread.take()
            && woken.is_ok()
            // A callback may hold the last reference: its own thread cannot be joined.
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn wake(&self) -> Result<()> {
        match rustix::io::write(&self.wake, &1u64.to_ne_bytes()) {
            // A counter that is full wakes just as well.
            Ok(_) | Err(SysErrno::AGAIN) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn modify(&self, token: Token, registration: &Registration) -> Result<()> {
        let flags = registration.armed.flags();
        Ok(epoll::modify(&self.epoll, registration.descriptor(), token.to_data(), flags)?)
    }

    fn run(&self) {
        let mut events = Vec::with_capacity(64);
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(SysErrno::INTR) => {}
                Err(errno) => unreachable!("waiting on an epoll descriptor we own: {errno}"),
            }
            let _calling = self.calling.lock();
            for event in events.drain(..) {
                let token = Token::from_data(event.data);
                if token == WAKE {
                    let _ = rustix::io::read(&self.wake, &mut [0; 8]);
                } else {
                    self.report(token, event.flags);
                }
            }
            if self.stopping.load(Ordering::SeqCst) {
                return;
            }
            let ready_now = std::mem::take(&mut *self.ready_now.lock());
            for token in ready_now {
                self.report(token, EventFlags::IN | EventFlags::OUT);
            }
        }
    }

    fn report(&self, token: Token, flags: EventFlags) {
        let hangup = flags.intersects(EventFlags::HUP | EventFlags::ERR);
        let readable = hangup || flags.intersects(EventFlags::IN | EventFlags::RDHUP);
        let writable = hangup || flags.intersects(EventFlags::OUT);
        let (callback, readiness) = {
            let Some(slot) = self.slot(token) else { return };
            let mut slot = slot.lock();
            let Some(registration) = slot.get_mut(token) else { return };
            let armed = registration.armed;
            let readiness = Readiness { read: readable && armed.read, write: writable && armed.write, hangup };
            registration.armed =
                Interest { read: armed.read && !readiness.read, write: armed.write && !readiness.write };
            if !registration.always_ready && !registration.armed.is_empty() {
                // Fails only for a descriptor that was closed: nothing will come from it any more.
                let _ = self.modify(token, registration);
            }
            if !readiness.read && !readiness.write {
                return;
            }
            (Arc::clone(&registration.callback), readiness)
        };
        callback(readiness);
    }
}

impl Shared {
    /// A slot that nobody uses.
    fn take_slot(&self) -> (u32, Arc<Mutex<Slot>>) {
        // Bound, so that the lock is given back before the list is taken.
        let free = self.free.lock().pop();
        if let Some(number) = free
            && let Some(slot) = self.slots.read().get(number as usize)
        {
            return (number, Arc::clone(slot));
        }
        let slot = Arc::new(Mutex::new(Slot { generation: 0, registration: None }));
        let mut slots = self.slots.write();
        slots.push(Arc::clone(&slot));
        ((slots.len() - 1) as u32, slot)
    }

    fn slot(&self, token: Token) -> Option<Arc<Mutex<Slot>>> {
        self.slots.read().get(token.slot as usize).cloned()
    }
}

impl Slot {
    fn get_mut(&mut self, token: Token) -> Option<&mut Registration> {
        if self.generation == token.generation { self.registration.as_mut() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);
    const NOT_NOW: Duration = Duration::from_millis(50);

    fn registered(poller: &Poller, descriptor: impl AsFd) -> (Token, mpsc::Receiver<Readiness>) {
        let (sender, receiver) = mpsc::channel();
        let token = poller.register(descriptor, Box::new(move |readiness| _ = sender.send(readiness))).unwrap();
        (token, receiver)
    }

    #[test]
    fn reports_once_per_arming() {
        let poller = Poller::start().unwrap();
        let (read, write) = std::io::pipe().unwrap();
        let (token, reports) = registered(&poller, &read);
        rustix::io::write(&write, b"x").unwrap();
        assert!(reports.recv_timeout(NOT_NOW).is_err(), "nothing is armed");
        poller.arm(token, Interest::READ).unwrap();
        assert_eq!(reports.recv_timeout(SOON).unwrap(), Readiness { read: true, ..Readiness::default() });
        assert!(reports.recv_timeout(NOT_NOW).is_err(), "reported once");
        poller.arm(token, Interest::READ).unwrap();
        assert!(reports.recv_timeout(SOON).unwrap().read);
        poller.deregister(token);
        assert_eq!(poller.arm(token, Interest::READ), Err(Errno::ENOENT));
    }

    #[test]
    fn one_report_leaves_the_other_interest_armed() {
        let poller = Poller::start().unwrap();
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let (token, reports) = registered(&poller, &ours);
        poller.arm(token, Interest::READ).unwrap();
        poller.arm(token, Interest::WRITE).unwrap();
        assert_eq!(reports.recv_timeout(SOON).unwrap(), Readiness { write: true, ..Readiness::default() });
        assert!(reports.recv_timeout(NOT_NOW).is_err());
        drop(theirs);
        let last = reports.recv_timeout(SOON).unwrap();
        assert!(last.read && last.hangup && !last.write);
    }

    #[test]
    fn regular_files_are_always_ready() {
        let poller = Poller::start().unwrap();
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        let (token, reports) = registered(&poller, &file);
        poller.arm(token, Interest::READ).unwrap();
        assert!(reports.recv_timeout(SOON).unwrap().read);
        assert!(reports.recv_timeout(NOT_NOW).is_err());
    }

    #[test]
    fn a_callback_may_arm_and_deregister() {
        let poller = Arc::new(Poller::start().unwrap());
        let (read, write) = std::io::pipe().unwrap();
        let (sender, receiver) = mpsc::channel();
        let theirs = Arc::downgrade(&poller);
        let (hand_over, token) = mpsc::channel::<Token>();
        let token_of_callback = Mutex::new(token);
        let token = poller
            .register(
                &read,
                Box::new(move |_| {
                    let token = token_of_callback.lock().recv().unwrap();
                    theirs.upgrade().unwrap().deregister(token);
                    sender.send(()).unwrap();
                }),
            )
            .unwrap();
        hand_over.send(token).unwrap();
        poller.arm(token, Interest::READ).unwrap();
        drop(write);
        receiver.recv_timeout(SOON).unwrap();
        assert_eq!(poller.arm(token, Interest::READ), Err(Errno::ENOENT));
    }
}
