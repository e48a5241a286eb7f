//! One port: who owns it, who is linked to it, and how it ends.
//!
//! ```text
//!   Open -> Flushing   closed while output waits: links and monitors have been told, nothing finds it any more
//!   Open | Flushing -> Closed
//! ```
//!
//! A port's core is locked while it sends signals: signals never call ports back. Poll callbacks hold ports weakly;
//! the table holds them while they are open, and among those that flush while their output waits.

use super::PortTable;
use super::distribution::Carried;
use super::inet::{self, Inet};
use super::ram_file::RamFile;
use super::stream::Stream;
use super::trace_file::TraceFile;
use crate::tracing::{PortEvent, port_closed};
use oxbeam_runtime::{EventParts, LinkTarget, Signal, Vm, trace_flag};
use oxbeam_sys::Errno;
use oxbeam_term::{Atom, Heap, LocalReference, OwnedTerm, Pid, Port, Term, atoms};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A port.
pub(crate) struct PortObject {
    /// Its identity.
    pub(crate) id: Port,
    /// Its command, executable, descriptors or driver.
    pub(crate) name: Vec<u8>,
    /// What of it is traced.
    pub(crate) trace_flags: AtomicU32,
    pub(crate) core: Mutex<Core>,
}

/// Where a port is in its life.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    Flushing,
    Closed,
}

/// What changes in a port's life.
pub(crate) struct Core {
    pub(crate) state: State,
    /// The connected process.
    pub(crate) owner: Pid,
    pub(crate) data: OwnedTerm,
    pub(crate) links: BTreeSet<Pid>,
    pub(crate) watchers: BTreeMap<LocalReference, Pid>,
    /// Bytes read and written.
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) os_pid: Option<i32>,
    pub(crate) parallelism: bool,
    pub(crate) device: Device,
    /// The channel to another node that it carries.
    pub(crate) carried: Option<Box<Carried>>,
}

/// What is behind a port.
pub(crate) enum Device {
    /// Nothing that answers: the `forker` port, and ports that are closed.
    None,
    /// Descriptors.
    Stream(Box<Stream>),
    /// A socket.
    Inet(Box<Inet>),
    /// A file of trace messages.
    TraceFile(Box<TraceFile>),
    /// A file in memory.
    RamFile(Box<RamFile>),
}

impl Core {
    /// Counts output that the port is given.
    pub(crate) fn count_output(&mut self, vm: &Vm, size: usize) {
        self.output += size as u64;
        vm.port_bytes.sent.fetch_add(size as u64, Ordering::Relaxed);
    }
    pub(crate) fn new(owner: Pid) -> Core {
        Core {
            state: State::Open,
            owner,
            data: Vm::own_atom(atoms::UNDEFINED),
            links: BTreeSet::new(),
            watchers: BTreeMap::new(),
            input: 0,
            output: 0,
            os_pid: None,
            parallelism: false,
            device: Device::None,
            carried: None,
        }
    }
    pub(crate) fn stream(&mut self) -> Option<&mut Stream> {
        match &mut self.device {
            Device::Stream(stream) => Some(stream),
            _ => None,
        }
    }
    /// Bytes of output that wait.
    pub(crate) fn queued(&self) -> usize {
        match &self.device {
            Device::Stream(stream) => stream.queued(),
            Device::Inet(inet) => inet.queued(),
            Device::TraceFile(_) | Device::RamFile(_) | Device::None => 0,
        }
    }
    /// Is there output that the machine's end waits for?
    pub(crate) fn has_output(&self) -> bool {
        match &self.device {
            Device::Stream(stream) => stream.has_output(),
            Device::Inet(inet) => inet.has_output(),
            Device::TraceFile(_) | Device::RamFile(_) | Device::None => false,
        }
    }
    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Open
    }
}

/// The name under which a port is registered.
pub(crate) fn registered_name(vm: &Vm, port: Port) -> Option<Atom> {
    vm.registry.names().into_iter().find(|name| vm.registry.whereis(*name) == Some(LinkTarget::Port(port)))
}

impl PortObject {
    /// Sends `{Port, Content}` to a process.
    pub(crate) fn send(&self, vm: &Vm, to: Pid, content: impl for<'h> FnOnce(&'h Heap) -> Term<'h>) {
        self.send_message(vm, to, |heap| heap.tuple(&[Term::port(self.id), content(heap)]));
    }
    /// Sends a message to a process.
    pub(crate) fn send_message(&self, vm: &Vm, to: Pid, build: impl for<'h> FnOnce(&'h Heap) -> Term<'h>) {
        if self.trace_flags() & trace_flag::SEND == 0 {
            return vm.send_built(to, build);
        }
        let message = OwnedTerm::build(vm.literals(), build);
        let there = vm.process(to).is_some();
        let name = if there { "send" } else { "send_to_non_existing_process" };
        self.trace(vm, trace_flag::SEND, name, &|heap| vec![heap.copy_in(message.term()), Term::pid(to)]);
        vm.send_message(to, message);
    }
    /// What of it is traced.
    pub(crate) fn trace_flags(&self) -> u32 {
        self.trace_flags.load(Ordering::Relaxed)
    }
    /// Tells tracers of an event, if the port has this flag.
    pub(crate) fn trace(&self, vm: &Vm, flag: u32, name: &str, parts: EventParts<'_>) {
        PortEvent { flag, name, parts }.tell(vm, self.id, self.trace_flags());
    }
    /// A process gives the port something: `{Pid, What}`.
    pub(crate) fn trace_received(&self, vm: &Vm, from: Pid, what: impl for<'h> Fn(&'h Heap) -> Term<'h>) {
        self.trace(vm, trace_flag::RECEIVE, "receive", &|heap| vec![heap.tuple(&[Term::pid(from), what(heap)])]);
    }
    /// Takes output that comes from the machine itself, if the port is open.
    pub(crate) fn command(self: &Arc<Self>, vm: &Vm, bytes: Vec<u8>) {
        let mut core = self.core.lock();
        if core.is_open() {
            self.output(vm, &mut core, bytes);
        }
    }
    /// Sends `{Port, Atom}` to a process.
    pub(crate) fn send_atom(&self, vm: &Vm, to: Pid, content: Atom) {
        self.send(vm, to, |_| Term::atom(content));
    }
    /// Closes the port because of an error of the operating system.
    pub(crate) fn fail(self: &Arc<Self>, vm: &Vm, core: &mut Core, errno: Errno) {
        let reason = vm.atoms.intern(errno.name()).unwrap_or(atoms::EINVAL);
        self.close(vm, core, Vm::own_atom(reason));
    }
    /// Closes the port: its name goes, links and monitors are told, waiting output is written, then it is gone.
    pub(crate) fn close(self: &Arc<Self>, vm: &Vm, core: &mut Core, reason: OwnedTerm) {
        if core.state != State::Open {
            if core.state == State::Flushing {
                self.finish(vm, core);
            }
            return;
        }
        let reason = if reason.term().is_atom(atoms::KILL) { Vm::own_atom(atoms::KILLED) } else { reason };
        let table = vm.extension::<PortTable>();
        if let Some(name) = registered_name(vm, self.id) {
            vm.unregister(name);
        }
        self.trace(vm, trace_flag::PORTS, "closed", &|heap| vec![heap.copy_in(reason.term())]);
        if self.trace_flags() != 0 {
            port_closed(vm, self.id);
        }
        let from = LinkTarget::Port(self.id);
        for pid in std::mem::take(&mut core.links) {
            vm.signal_pid(pid, Signal::LinkExit { from, reason: reason.clone() });
        }
        for (reference, watcher) in std::mem::take(&mut core.watchers) {
            vm.signal_pid(watcher, Signal::Down { reference, reason: reason.clone() });
        }
        table.remove(self.id);
        if let Some(carried) = core.carried.take() {
            vm.connection_lost(&carried.entry, carried.connection, reason.clone());
        }
        core.state = State::Flushing;
        let is_done = match &mut core.device {
            Device::Stream(stream) => {
                stream.stop_reading();
                stream.wake_suspended(vm);
                !stream.has_output()
            }
            Device::Inet(_) => inet::close(vm, self, core),
            Device::TraceFile(_) | Device::RamFile(_) | Device::None => true,
        };
        if is_done {
            self.finish(vm, core);
        } else {
            table.add_flushing(self);
        }
    }
    /// Nothing is left to write.
    pub(crate) fn finish(&self, vm: &Vm, core: &mut Core) {
        core.state = State::Closed;
        core.device = Device::None;
        vm.extension::<PortTable>().remove_flushing(self.id);
    }
    /// A process linked to the port ended.
    pub(crate) fn link_exit(self: &Arc<Self>, vm: &Vm, core: &mut Core, from: Pid, reason: OwnedTerm) {
        if reason.term().is_atom(atoms::NORMAL) && from != core.owner {
            return;
        }
        self.close(vm, core, reason);
    }
    /// The port's owner did what may not be done to a port.
    pub(crate) fn bad_signal(&self, vm: &Vm, core: &Core) {
        let reason = vm.atoms.intern("badsig").unwrap_or(atoms::BADARG);
        let from = OwnedTerm::immediate(Term::port(self.id).word());
        vm.signal_pid(core.owner, Signal::Exit { from, reason: Vm::own_atom(reason) });
    }
    /// Connects the port with another process. False when there is no such process.
    pub(crate) fn connect(&self, vm: &Vm, core: &mut Core, owner: Pid) -> bool {
        let alive = vm.process(owner).is_some();
        if alive {
            core.owner = owner;
        }
        alive
    }
    /// As [`PortObject::connect`], and links the port to the process.
    pub(crate) fn connect_and_link(&self, vm: &Vm, core: &mut Core, owner: Pid) -> bool {
        let Some(process) = vm.process(owner) else { return false };
        if core.links.insert(owner) && !vm.signal(&process, Signal::Link { from: LinkTarget::Port(self.id) }) {
            core.links.remove(&owner);
            return false;
        }
        core.owner = owner;
        true
    }
}
