//! Signals, for `os:set_signal/2` and the terminal.
//!
//! There are no handler functions: code that runs in the middle of anything needs global state, and hardly
//! anything is allowed in it. Instead [`Signals::install`] blocks the signals of [`Signal`] in the calling
//! thread, before other threads exist, so that all threads inherit this; one thread of its own then decides
//! what each signal does:
//!
//! - `Default`: that thread lets the signal through, and the kernel does what it does without a handler.
//! - `Ignore`: the same, with the disposition `SIG_IGN`.
//! - `Handle`: that thread blocks it too; it becomes readable from a signalfd, and the callback is called.
//!
//! Programs started by `child.rs` begin with nothing blocked.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd};

use super::child::signal_set;
use super::file::retry;
use crate::{Errno, Result};

macro_rules! signals {
    ($($(#[$documentation:meta])* $variant:ident = $number:ident, $name:literal;)*) => {
        /// The signals a program may care about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Signal {
            $($(#[$documentation])* $variant,)*
        }

        impl Signal {
            /// All of them.
            pub const ALL: &'static [Signal] = &[$(Signal::$variant,)*];

            /// The atom `os:set_signal/2` and `erl_signal_server` use.
            pub fn name(self) -> &'static str {
                match self {
                    $(Signal::$variant => $name,)*
                }
            }

            /// The system's number.
            pub fn number(self) -> i32 {
                match self {
                    $(Signal::$variant => libc::$number,)*
                }
            }
        }
    };
}

signals! {
    /// the terminal is gone
    HangUp = SIGHUP, "sighup";
    /// Ctrl-C
    Interrupt = SIGINT, "sigint";
    /// Ctrl-\
    Quit = SIGQUIT, "sigquit";
    /// `abort`
    Abort = SIGABRT, "sigabrt";
    /// `alarm`
    Alarm = SIGALRM, "sigalrm";
    /// polite termination
    Terminate = SIGTERM, "sigterm";
    /// user-defined
    User1 = SIGUSR1, "sigusr1";
    /// user-defined
    User2 = SIGUSR2, "sigusr2";
    /// a child changed state
    Child = SIGCHLD, "sigchld";
    /// cannot be caught
    Stop = SIGSTOP, "sigstop";
    /// Ctrl-Z
    TerminalStop = SIGTSTP, "sigtstp";
    /// resumed after a stop
    Continue = SIGCONT, "sigcont";
    /// the window changed size
    WindowChange = SIGWINCH, "sigwinch";
}

impl Signal {
    /// The signal with an atom's name.
    pub fn from_name(name: &str) -> Option<Signal> {
        Signal::ALL.iter().copied().find(|signal| signal.name() == name)
    }

    fn from_number(number: i32) -> Option<Signal> {
        Signal::ALL.iter().copied().find(|signal| signal.number() == number)
    }
}

/// What a signal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// what the system does by default
    Default,
    /// nothing
    Ignore,
    /// the callback is called
    Handle,
}

/// Called on the signal thread.
pub type OnSignal = Box<dyn Fn(Signal) + Send>;

/// The signal thread.
#[derive(Debug)]
pub struct Signals {
    requests: Option<Sender<Request>>,
    wake: OwnedFd,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Request {
    signal: Signal,
    disposition: Disposition,
    done: Sender<Result<()>>,
}

impl Signals {
    /// Takes over the process's signals: for the command to call, on the main thread, before it starts others.
    ///
    /// Every signal begins as [`Disposition::Default`].
    pub fn install(on_signal: OnSignal) -> Result<Signals> {
        let mut blocked = signal_set(false);
        for &signal in Signal::ALL {
            // SAFETY: the set is initialised and the number is a signal.
            unsafe { libc::sigaddset(&mut blocked, signal.number()) };
        }
        mask_thread(libc::SIG_BLOCK, &blocked)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC)?;
        let (requests, inbox) = mpsc::channel();
        let worker = Worker {
            on_signal,
            inbox,
            wake: wake.try_clone()?,
            arrivals: new_signalfd(&signal_set(false))?,
            dispositions: BTreeMap::new(),
        };
        let thread = thread::Builder::new().name("signals".into()).spawn(move || worker.run())?;
        Ok(Signals { requests: Some(requests), wake, thread: Some(thread) })
    }

    /// Changes what a signal does; in force when it returns. SIGSTOP cannot be changed: `einval`.
    pub fn set(&self, signal: Signal, disposition: Disposition) -> Result<()> {
        let (done, answer) = mpsc::channel();
        let requests = self.requests.as_ref().expect("only dropping takes it");
        requests.send(Request { signal, disposition, done }).map_err(|_| Errno::ESRCH)?;
        wake(&self.wake)?;
        answer.recv().unwrap_or(Err(Errno::ESRCH))
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.requests = None;
        if wake(&self.wake).is_ok()
            && let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

fn wake(descriptor: &OwnedFd) -> Result<()> {
    rustix::io::write(descriptor, &1u64.to_ne_bytes())?;
    Ok(())
}

struct Worker {
    on_signal: OnSignal,
    inbox: Receiver<Request>,
    wake: OwnedFd,
    arrivals: OwnedFd,
    dispositions: BTreeMap<Signal, Disposition>,
}

impl Worker {
    fn run(mut self) {
        // Nothing is handled yet: let everything through.
        let _ = self.update_masks();
        loop {
            let mut descriptors = [PollFd::new(&self.wake, PollFlags::IN), PollFd::new(&self.arrivals, PollFlags::IN)];
            if retry(|| rustix::event::poll(&mut descriptors, None)).is_err() {
                return;
            }
            let [woken, arrived] = descriptors.map(|descriptor| descriptor.revents().contains(PollFlags::IN));
            if arrived {
                self.take_signals();
            }
            if woken {
                let _ = rustix::io::read(&self.wake, &mut [0; 8]);
                if !self.take_requests() {
                    return;
                }
            }
        }
    }

    fn take_signals(&self) {
        let mut record = [0; size_of::<libc::signalfd_siginfo>()];
        while let Ok(count) = retry(|| rustix::io::read(&self.arrivals, &mut record)) {
            let Some(number) = record[..count].first_chunk() else {
                return;
            };
            // The record begins with the signal's number.
            if let Some(signal) = Signal::from_number(i32::from_ne_bytes(*number)) {
                (self.on_signal)(signal);
            }
        }
    }

    /// False when nobody can ask any more.
    fn take_requests(&mut self) -> bool {
        loop {
            match self.inbox.try_recv() {
                Ok(request) => {
                    let outcome = self.change(request.signal, request.disposition);
                    let _ = request.done.send(outcome);
                }
                Err(mpsc::TryRecvError::Empty) => return true,
                Err(mpsc::TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn change(&mut self, signal: Signal, disposition: Disposition) -> Result<()> {
        if signal == Signal::Stop {
            return Err(Errno::EINVAL);
        }
        // Ignoring SIGCHLD would make the system throw away the statuses `child.rs` waits for.
        let ignore = disposition == Disposition::Ignore && signal != Signal::Child;
        set_action(signal.number(), if ignore { libc::SIG_IGN } else { libc::SIG_DFL })?;
        self.dispositions.insert(signal, disposition);
        self.update_masks()
    }

    fn update_masks(&self) -> Result<()> {
        let mut handled = signal_set(false);
        for (signal, _) in self.dispositions.iter().filter(|&(_, &disposition)| disposition == Disposition::Handle) {
            // SAFETY: the set is initialised and the number is a signal.
            unsafe { libc::sigaddset(&mut handled, signal.number()) };
        }
        // SAFETY: the descriptor is our signalfd and the set is initialised.
        if unsafe { libc::signalfd(self.arrivals.as_raw_fd(), &handled, 0) } < 0 {
            return Err(Errno::last());
        }
        mask_thread(libc::SIG_SETMASK, &handled)
    }
}

fn new_signalfd(set: &libc::sigset_t) -> Result<OwnedFd> {
    // SAFETY: -1 asks for a new descriptor; the set is initialised.
    let descriptor = unsafe { libc::signalfd(-1, set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    if descriptor < 0 {
        return Err(Errno::last());
    }
    // SAFETY: a new descriptor that nobody else knows.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn mask_thread(how: c_int, set: &libc::sigset_t) -> Result<()> {
    // SAFETY: the set is initialised; a null pointer means that the old mask is not wanted.
    match unsafe { libc::pthread_sigmask(how, set, std::ptr::null_mut()) } {
        0 => Ok(()),
        errno => Err(Errno(errno)),
    }
}

/// Ignores a signal by its number, for programs that do not take over all signals.
pub(super) fn ignore_signal(signal: c_int) -> Result<()> {
    set_action(signal, libc::SIG_IGN)
}

fn set_action(signal: c_int, action: libc::sighandler_t) -> Result<()> {
    // SAFETY: only SIG_DFL and SIG_IGN are ever set: no function of ours runs as a handler.
    if unsafe { libc::signal(signal, action) } == libc::SIG_ERR {
        return Err(Errno::last());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // What signals do is tested by `tests/signals.rs`: it needs a process of its own.

    #[test]
    fn names() {
        assert_eq!(Signal::from_name("sigterm"), Some(Signal::Terminate));
        assert_eq!(Signal::from_name("sigkill"), None);
        assert_eq!(Signal::WindowChange.number(), libc::SIGWINCH);
    }
}
