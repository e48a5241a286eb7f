//! External programs.
//!
//! ERTS starts programs from a small helper process, because a copy of a threaded machine made by `fork`
//! may hold locks nobody will release. Here `posix_spawn` does the same job without a helper: the C library
//! starts the program from the caller's memory (`CLONE_VM | CLONE_VFORK`), runs none of our code in between,
//! and offers everything a port needs: working directory, descriptors, own session, signals. So a machine
//! that lives inside another program needs no second executable.
//!
//! What the program finds is what ERTS gives it: its own session, standard error inherited unless
//! redirected, no other descriptors, an empty signal mask, and the signals ignored that were ignored when
//! the machine started.
//!
//! Each child's end is watched through a pidfd on the [`Poller`]. Nobody else waits for that child, so its
//! status cannot be lost or mistaken for another's, and no handler for SIGCHLD is needed.

use std::ffi::{CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::fs::Access;
use rustix::process::{Pid, PidfdFlags, WaitOptions};

use super::file::retry;
use super::poll::{Interest, Poller, Token};
use crate::{Errno, Result};

/// What to run.
#[derive(Clone, Debug)]
pub enum Program {
    /// `{spawn, Command}`: a command line for `/bin/sh`
    Shell(Vec<u8>),
    /// `{spawn_executable, Path}`
    Executable {
        /// the file, not searched for in `PATH`
        path: Vec<u8>,
        /// `arg0`: what the program sees as its name, the path by default
        arg0: Option<Vec<u8>>,
        /// `args`
        arguments: Vec<Vec<u8>>,
    },
}

/// Which descriptors of the program are connected to the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandardIo {
    /// `use_stdio`: it reads from 0 and writes to 1
    Use,
    /// `nouse_stdio`: it reads from 3 and writes to 4
    Leave,
}

/// All about a program to start.
#[derive(Clone, Debug)]
pub struct SpawnRequest {
    /// the program
    pub program: Program,
    /// the complete environment, each entry `NAME=VALUE`; `None` is that of this process
    pub environment: Option<Vec<Vec<u8>>>,
    /// `cd`
    pub working_directory: Option<Vec<u8>>,
    /// `use_stdio` or `nouse_stdio`
    pub standard_io: StandardIo,
    /// the port reads what the program writes (not for `out` ports)
    pub read: bool,
    /// the port writes what the program reads (not for `in` ports)
    pub write: bool,
    /// `stderr_to_stdout`
    pub stderr_to_stdout: bool,
}

impl SpawnRequest {
    /// A request with the defaults of `open_port`.
    pub fn new(program: Program) -> SpawnRequest {
        SpawnRequest {
            program,
            environment: None,
            working_directory: None,
            standard_io: StandardIo::Use,
            read: true,
            write: true,
            stderr_to_stdout: false,
        }
    }
}

/// A program that was started. The descriptors are non-blocking.
#[derive(Debug)]
pub struct Child {
    /// its process id
    pub pid: i32,
    /// where its output comes from
    pub read: Option<OwnedFd>,
    /// where its input goes
    pub write: Option<OwnedFd>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// by itself, with this status
    Exited(i32),
    /// by this signal
    Signaled(i32),
}

impl ExitStatus {
    /// The number in Erlang's `{exit_status, Status}`.
    pub fn code(self) -> i32 {
        match self {
            ExitStatus::Exited(status) => status,
            ExitStatus::Signaled(signal) => 128 + signal,
        }
    }
}

/// Called once when a program has ended, on the poll thread: do not block.
pub type OnExit = Box<dyn FnOnce(ExitStatus) + Send>;

/// Starts programs and tells when they end.
pub struct Spawner {
    poller: Arc<Poller>,
    ignored_signals: Vec<c_int>,
}

impl Spawner {
    /// A spawner that watches its children through `poller`.
    ///
    /// Programs will find those signals ignored that are ignored now.
    pub fn start(poller: Arc<Poller>) -> Spawner {
        let ignored_signals = (1..=libc::SIGRTMAX()).filter(|&signal| is_ignored(signal)).collect();
        Spawner { poller, ignored_signals }
    }

    /// Starts a program; `on_exit` is called when it has ended.
    ///
    /// A missing executable is `enoent`, one that may not be run `eacces`. What only shows when the
    /// program is about to run (a working directory that is not there, a file in no known format) ends
    /// it with the error's number as its status, as in ERTS.
    pub fn spawn(&self, request: &SpawnRequest, on_exit: OnExit) -> Result<Child> {
        if let Program::Executable { path, .. } = &request.program {
            rustix::fs::access(path.as_slice(), Access::EXEC_OK)?;
        }
        let (read, output) = pipe_if(request.read, PipeEnd::Read)?;
        let (write, input) = pipe_if(request.write, PipeEnd::Write)?;
        let connections = self.connections(request, input.as_ref(), output.as_ref());
        let pid = match self.exec(&Command::new(request)?, request.working_directory.as_deref(), &connections) {
            Ok(pid) => pid,
            Err(errno) => self.exec(&Command::failing(request, errno)?, None, &connections)?,
        };
        // The program has its own copies now; ours would keep the pipes open.
        drop((input, output));
        self.watch(pid, on_exit)?;
        Ok(Child { pid: pid.as_raw_nonzero().get(), read, write })
    }

    /// Which descriptor of ours becomes which of the program's.
    fn connections(
        &self,
        request: &SpawnRequest,
        input: Option<&OwnedFd>,
        output: Option<&OwnedFd>,
    ) -> Vec<(c_int, c_int)> {
        let (input_number, output_number) = match request.standard_io {
            StandardIo::Use => (0, 1),
            StandardIo::Leave => (3, 4),
        };
        let mut connections = Vec::new();
        connections.extend(input.map(|fd| (fd.as_raw_fd(), input_number)));
        connections.extend(output.map(|fd| (fd.as_raw_fd(), output_number)));
        if request.stderr_to_stdout {
            connections.extend(output.map(|fd| (fd.as_raw_fd(), 2)));
        }
        connections
    }

    fn exec(&self, command: &Command, working_directory: Option<&[u8]>, connections: &[(c_int, c_int)]) -> Result<Pid> {
        let mut actions = FileActions::new()?;
        if let Some(directory) = working_directory {
            actions.change_directory(&c_string(directory)?)?;
        }
        for &(from, to) in connections {
            actions.duplicate(from, to)?;
        }
        let first_unused = connections.iter().map(|&(_, to)| to + 1).max().unwrap_or(0).max(3);
        actions.close_from(first_unused)?;
        let attributes = Attributes::new(&self.ignored_signals)?;
        command.start(&actions, &attributes)
    }

    fn watch(&self, pid: Pid, on_exit: OnExit) -> Result<()> {
        let Ok(pidfd) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else {
            return wait_on_a_thread(pid, on_exit);
        };
        let watch = Arc::new(Mutex::new(Some((on_exit, None::<Token>))));
        let poller = Arc::downgrade(&self.poller);
        let theirs = Arc::clone(&watch);
        let pidfd = Arc::new(pidfd);
        let kept_open = Arc::clone(&pidfd);
        let token = self.poller.register(
            pidfd.as_fd(),
            Box::new(move |_| {
                let Some((on_exit, token)) = theirs.lock().take() else {
                    return;
                };
                on_exit(reap(pid));
                if let (Some(poller), Some(token)) = (poller.upgrade(), token) {
                    poller.deregister(token);
                }
                let _ = &kept_open;
            }),
        )?;
        if let Some((_, kept)) = &mut *watch.lock() {
            *kept = Some(token);
        }
        self.poller.arm(token, Interest::READ)
    }
}

/// For kernels without pidfds.
fn wait_on_a_thread(pid: Pid, on_exit: OnExit) -> Result<()> {
    std::thread::Builder::new().name("child".into()).spawn(move || on_exit(reap(pid)))?;
    Ok(())
}

fn reap(pid: Pid) -> ExitStatus {
    match retry(|| rustix::process::waitpid(Some(pid), WaitOptions::empty())) {
        Ok(Some((_, status))) => match (status.exit_status(), status.terminating_signal()) {
            (Some(status), _) => ExitStatus::Exited(status),
            (None, Some(signal)) => ExitStatus::Signaled(signal),
            (None, None) => unreachable!("without WUNTRACED only ends are reported"),
        },
        // Somebody made the system discard statuses (SIGCHLD ignored): all that is known is the end.
        Ok(None) | Err(_) => ExitStatus::Exited(255),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PipeEnd {
    Read,
    Write,
}

/// A pipe as (our end, the program's end). Ours is non-blocking; the program's is above all numbers
/// programs find connections at, so that connecting one cannot overwrite another.
fn pipe_if(wanted: bool, ours: PipeEnd) -> Result<(Option<OwnedFd>, Option<OwnedFd>)> {
    if !wanted {
        return Ok((None, None));
    }
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let (ours, theirs) = if ours == PipeEnd::Read { (read, write) } else { (write, read) };
    rustix::fs::fcntl_setfl(&ours, rustix::fs::fcntl_getfl(&ours)? | rustix::fs::OFlags::NONBLOCK)?;
    let theirs = rustix::io::fcntl_dupfd_cloexec(&theirs, 5)?;
    Ok((Some(ours), Some(theirs)))
}

/// The arguments of `exec`, in the form the C library wants.
struct Command {
    path: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

const SHELL: &[u8] = b"/bin/sh";

impl Command {
    fn new(request: &SpawnRequest) -> Result<Command> {
        match &request.program {
            Program::Shell(line) => {
                let line = [b"exec ".as_slice(), line].concat();
                Command::with(SHELL, [b"sh".as_slice(), b"-c", &line].into_iter(), request)
            }
            Program::Executable { path, arg0, arguments } => {
                let name = arg0.as_deref().unwrap_or(path);
                let all = std::iter::once(name).chain(arguments.iter().map(Vec::as_slice));
                Command::with(path, all, request)
            }
        }
    }

    /// What runs instead of a program that could not be: it ends with the error's number.
    fn failing(request: &SpawnRequest, errno: Errno) -> Result<Command> {
        let missing_directory = request.working_directory.as_deref().filter(|directory| !is_usable(directory));
        let status = errno.0.to_string();
        let script: &[u8] = if missing_directory.is_some() {
            br#"printf 'spawn: Could not cd to %s\r\n' "$2" >&2; exit "$1""#
        } else {
            br#"exit "$1""#
        };
        let all = [b"sh".as_slice(), b"-c", script, b"sh", status.as_bytes(), missing_directory.unwrap_or(b"")];
        Command::with(SHELL, all.into_iter(), request)
    }

    fn with<'a>(path: &[u8], arguments: impl Iterator<Item = &'a [u8]>, request: &SpawnRequest) -> Result<Command> {
        let environment = match &request.environment {
            Some(entries) => entries.iter().map(|entry| c_string(entry)).collect::<Result<_>>()?,
            None => inherited_environment()?,
        };
        Ok(Command { path: c_string(path)?, arguments: arguments.map(c_string).collect::<Result<_>>()?, environment })
    }

    fn start(&self, actions: &FileActions, attributes: &Attributes) -> Result<Pid> {
        let arguments = null_terminated(&self.arguments);
        let environment = null_terminated(&self.environment);
        let mut pid = 0;
        // SAFETY: the path is a C string, both vectors hold pointers to C strings of `self` and end with
        // a null pointer, and actions and attributes are initialised; all of them outlive the call.
        let errno = unsafe {
            libc::posix_spawn(
                &mut pid,
                self.path.as_ptr(),
                &actions.0,
                &attributes.0,
                arguments.as_ptr().cast(),
                environment.as_ptr().cast(),
            )
        };
        check(errno)?;
        Pid::from_raw(pid).ok_or(Errno::ECHILD)
    }
}

fn is_usable(directory: &[u8]) -> bool {
    rustix::fs::access(directory, Access::EXEC_OK).is_ok()
        && rustix::fs::stat(directory)
            .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Directory)
}

fn inherited_environment() -> Result<Vec<CString>> {
    use std::os::unix::ffi::OsStrExt;
    std::env::vars_os().map(|(name, value)| c_string(&[name.as_bytes(), b"=", value.as_bytes()].concat())).collect()
}

fn c_string(bytes: &[u8]) -> Result<CString> {
    CString::new(bytes).map_err(|_| Errno::EINVAL)
}

fn null_terminated(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}

/// The C library's functions for spawning return the error's number.
fn check(errno: c_int) -> Result<()> {
    if errno == 0 { Ok(()) } else { Err(Errno(errno)) }
}

/// What happens to descriptors and directory between start and `exec`, in order.
struct FileActions(libc::posix_spawn_file_actions_t);

impl FileActions {
    fn new() -> Result<FileActions> {
        let mut actions = MaybeUninit::uninit();
        // SAFETY: the call initialises what it is given room for.
        check(unsafe { libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) })?;
        // SAFETY: it returned 0, so it did.
        Ok(FileActions(unsafe { actions.assume_init() }))
    }

    fn change_directory(&mut self, directory: &CString) -> Result<()> {
        // SAFETY: the actions are initialised; the library copies the path.
        check(unsafe { libc::posix_spawn_file_actions_addchdir_np(&mut self.0, directory.as_ptr()) })
    }

    fn duplicate(&mut self, from: c_int, to: c_int) -> Result<()> {
        // SAFETY: the actions are initialised.
        check(unsafe { libc::posix_spawn_file_actions_adddup2(&mut self.0, from, to) })
    }

    fn close_from(&mut self, first: c_int) -> Result<()> {
        // SAFETY: the actions are initialised.
        check(unsafe { libc::posix_spawn_file_actions_addclosefrom_np(&mut self.0, first) })
    }
}

impl Drop for FileActions {
    fn drop(&mut self) {
        // SAFETY: initialised by `new`, destroyed once.
        unsafe { libc::posix_spawn_file_actions_destroy(&mut self.0) };
    }
}

/// Session and signals of the program.
struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    fn new(ignored_signals: &[c_int]) -> Result<Attributes> {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: the call initialises what it is given room for.
        check(unsafe { libc::posix_spawnattr_init(attributes.as_mut_ptr()) })?;
        // SAFETY: it returned 0, so it did.
        let mut attributes = Attributes(unsafe { attributes.assume_init() });
        let mut default = signal_set(true);
        for &signal in ignored_signals {
            // SAFETY: the set is initialised; a number that is no signal only gives an error.
            unsafe { libc::sigdelset(&mut default, signal) };
        }
        let flags = libc::POSIX_SPAWN_SETSID
            | libc::POSIX_SPAWN_SETSIGDEF as libc::c_short
            | libc::POSIX_SPAWN_SETSIGMASK as libc::c_short;
        // SAFETY: attributes and sets are initialised; the library copies the sets.
        unsafe {
            check(libc::posix_spawnattr_setsigdefault(&mut attributes.0, &default))?;
            check(libc::posix_spawnattr_setsigmask(&mut attributes.0, &signal_set(false)))?;
            check(libc::posix_spawnattr_setflags(&mut attributes.0, flags))?;
        }
        Ok(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised by `new`, destroyed once.
        unsafe { libc::posix_spawnattr_destroy(&mut self.0) };
    }
}

/// The set of all signals, or of none.
pub(super) fn signal_set(full: bool) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: either call initialises the set.
    unsafe {
        if full {
            libc::sigfillset(set.as_mut_ptr());
        } else {
            libc::sigemptyset(set.as_mut_ptr());
        }
        set.assume_init()
    }
}

fn is_ignored(signal: c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: a null pointer as the new action only asks for the current one, which is written to `action`.
    let known = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) } == 0;
    // SAFETY: the call succeeded, so `action` was written.
    known && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::sync::mpsc::{self, Receiver};
    use std::time::Duration;

    use super::*;

    fn start(request: &SpawnRequest) -> Result<(Child, Receiver<ExitStatus>, Arc<Poller>)> {
        let poller = Arc::new(Poller::start().unwrap());
        let (sender, receiver) = mpsc::channel();
        let spawner = Spawner::start(Arc::clone(&poller));
        let child = spawner.spawn(request, Box::new(move |status| _ = sender.send(status)))?;
        Ok((child, receiver, poller))
    }

    /// All it writes, and its status.
    fn run(request: &SpawnRequest) -> (Vec<u8>, i32) {
        let (mut child, statuses, _poller) = start(request).unwrap();
        drop(child.write.take());
        let output = child.read.map(read_all).unwrap_or_default();
        (output, statuses.recv_timeout(Duration::from_secs(10)).unwrap().code())
    }

    fn read_all(descriptor: OwnedFd) -> Vec<u8> {
        let flags = rustix::fs::fcntl_getfl(&descriptor).unwrap();
        rustix::fs::fcntl_setfl(&descriptor, flags - rustix::fs::OFlags::NONBLOCK).unwrap();
        let mut output = Vec::new();
        std::fs::File::from(descriptor).read_to_end(&mut output).unwrap();
        output
    }

    fn shell(line: &str) -> SpawnRequest {
        SpawnRequest::new(Program::Shell(line.into()))
    }

    fn executable(path: &str, arguments: &[&str]) -> SpawnRequest {
        let arguments = arguments.iter().map(|argument| argument.as_bytes().to_vec()).collect();
        SpawnRequest::new(Program::Executable { path: path.into(), arg0: None, arguments })
    }

    #[test]
    fn both_directions() {
        let (mut child, statuses, _poller) = start(&shell("cat")).unwrap();
        let mut input = std::fs::File::from(child.write.take().unwrap());
        input.write_all(b"one\0two").unwrap();
        assert!(statuses.recv_timeout(Duration::from_millis(50)).is_err());
        drop(input);
        assert_eq!(read_all(child.read.unwrap()), b"one\0two");
        assert_eq!(statuses.recv_timeout(Duration::from_secs(10)), Ok(ExitStatus::Exited(0)));
    }

    #[test]
    fn statuses_as_on_the_real_machine() {
        assert_eq!(run(&shell("/bin/sh -c \"exit 7\"")).1, 7);
        assert_eq!(run(&executable("/bin/sh", &["-c", "kill -9 $$"])).1, 137);
        assert_eq!(run(&executable("/bin/sh", &["-c", "exit 300"])).1, 44);
        let mut missing = shell("/nonexistent foo");
        missing.stderr_to_stdout = true;
        assert_eq!(run(&missing), (b"sh: 1: exec: /nonexistent: not found\n".to_vec(), 127));
        assert_eq!(start(&executable("/nonexistent", &[])).unwrap_err(), Errno::ENOENT);
        assert_eq!(start(&executable("/etc/passwd", &[])).unwrap_err(), Errno::EACCES);
    }

    #[test]
    fn failing_late() {
        let mut request = shell("cat");
        request.working_directory = Some(b"/nonexistent".to_vec());
        request.stderr_to_stdout = true;
        assert_eq!(run(&request), (b"spawn: Could not cd to /nonexistent\r\n".to_vec(), 2));
        let script = std::env::temp_dir().join(format!("oxbeam-sys-{}-script", std::process::id()));
        std::fs::write(&script, "echo hi\n").unwrap();
        let path = script.to_str().unwrap();
        super::super::file::set_permissions(path.as_bytes(), 0o755).unwrap();
        assert_eq!(run(&executable(path, &[])), (Vec::new(), 8));
        std::fs::remove_file(&script).unwrap();
    }

    #[test]
    fn arguments_environment_directory() {
        let mut request = executable("/bin/sh", &["-c", "echo $0 $1 $A; pwd; env", "zero", "one"]);
        request.environment = Some(vec![b"A=b".to_vec(), b"PATH=/bin:/usr/bin".to_vec()]);
        request.working_directory = Some(b"/".to_vec());
        let (output, status) = run(&request);
        let output = String::from_utf8(output).unwrap();
        assert!(output.starts_with("zero one b\n/\n"), "{output}");
        assert!(output.contains("A=b\n") && !output.contains("HOME="), "{output}");
        assert_eq!(status, 0);
        let mut request = executable("/bin/sh", &["-c", "cat /proc/$$/cmdline"]);
        if let Program::Executable { arg0, .. } = &mut request.program {
            *arg0 = Some(b"other".to_vec());
        }
        assert!(run(&request).0.starts_with(b"other\0-c\0"));
    }

    #[test]
    fn descriptors_session_and_signals() {
        let leak = std::fs::File::open("/dev/null").unwrap();
        rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
        let (output, _) =
            run(&shell("sh -c \"ls /proc/self/fd; grep SigBlk /proc/self/status; ps -o sid= -p $$; echo $$\""));
        let output = String::from_utf8(output).unwrap();
        let lines: Vec<&str> = output.lines().map(str::trim).collect();
        // 3 is the directory `ls` reads.
        assert_eq!(&lines[..4], ["0", "1", "2", "3"]);
        assert_eq!(lines[4].split_whitespace().last(), Some("0000000000000000"));
        assert_eq!(lines[5], lines[6], "the program leads its own session");
    }

    #[test]
    fn three_and_four() {
        let mut request = shell("sh -c \"cat <&3 >&4\"");
        request.standard_io = StandardIo::Leave;
        let (mut child, statuses, _poller) = start(&request).unwrap();
        let mut input = std::fs::File::from(child.write.take().unwrap());
        input.write_all(b"through").unwrap();
        drop(input);
        assert_eq!(read_all(child.read.unwrap()), b"through");
        assert_eq!(statuses.recv_timeout(Duration::from_secs(10)), Ok(ExitStatus::Exited(0)));
    }

    #[test]
    fn many_at_once() {
        let poller = Arc::new(Poller::start().unwrap());
        let spawner = Spawner::start(Arc::clone(&poller));
        let (sender, receiver) = mpsc::channel();
        for number in 0..50 {
            let sender = sender.clone();
            let request = executable("/bin/sh", &["-c", &format!("exit {number}")]);
            spawner.spawn(&request, Box::new(move |status| sender.send((number, status)).unwrap())).unwrap();
        }
        for _ in 0..50 {
            let (number, status) = receiver.recv_timeout(Duration::from_secs(10)).unwrap();
            assert_eq!(status, ExitStatus::Exited(number));
        }
    }
}
