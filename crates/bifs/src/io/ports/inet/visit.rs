//! Working on a socket under its port's lock, and who does: readiness, time-outs, ends of processes.

use super::{Inet, Operation};
use crate::io::System;
use crate::io::ports::PortTable;
use crate::io::ports::distribution::Carried;
use crate::io::ports::port::{Core, Device, PortObject, State as PortState};
use crate::io::system::Registration;
use oxbeam_runtime::{Holding, LinkTarget, Signal, TimerId, Vm, trace_flag};
use oxbeam_sys::poll::{Interest, Readiness};
use oxbeam_sys::{Errno, Result as SysResult};
use oxbeam_term::{Atom, Heap, OwnedTerm, Pid, Port, Term, atoms};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a time-out ends.
#[derive(Clone, Copy)]
pub(super) enum TimeOut {
    /// The connection or reception of this number.
    Operation(u16),
    /// The acceptance of this number.
    Acceptance(u16),
    /// The `send` that waits for room.
    Send,
}

/// One socket, locked, and what works on it.
pub(super) struct Visit<'v> {
    pub(super) vm: &'v Vm,
    pub(super) port: &'v Arc<PortObject>,
    /// The connected process of the port.
    pub(super) owner: Pid,
    pub(super) inet: &'v mut Inet,
    /// The channel to another node that it carries.
    pub(super) carried: Option<&'v Carried>,
    /// The port ends with this reason when the visit is over.
    pub(super) end: Option<OwnedTerm>,
    /// The process that asks, if one does: ports that it accepts are linked to it by whoever serves it.
    pub(super) asking: Option<Pid>,
    /// Ports that were accepted for `asking`.
    pub(super) accepted: Vec<Port>,
}

/// Works on the socket behind a port; `None` when there is none. Afterwards the port ends if the work says so.
pub(super) fn visit<T>(
    vm: &Vm,
    port: &Arc<PortObject>,
    core: &mut Core,
    asking: Option<Pid>,
    work: impl FnOnce(&mut Visit<'_>) -> T,
) -> Option<(T, Vec<Port>)> {
    let owner = core.owner;
    let Device::Inet(inet) = &mut core.device else { return None };
    let carried = core.carried.as_deref();
    let mut visit = Visit { vm, port, owner, inet, carried, end: None, asking, accepted: Vec::new() };
    let result = work(&mut visit);
    let Visit { end, accepted, .. } = visit;
    if let Some(reason) = end {
        // A socket that ends by itself has told its owner by a message: there is no exit signal besides.
        if core.links.remove(&owner) {
            vm.signal_pid(owner, Signal::Unlink { from: LinkTarget::Port(port.id), id: 0 });
        }
        port.close(vm, core, reason);
    }
    Some((result, accepted))
}

/// Writes what waits in the channel that the port carries.
pub(crate) fn distribution_ready(vm: &Vm, port: &Arc<PortObject>, core: &mut Core) {
    visit(vm, port, core, None, |visit| visit.write_channel());
}

impl PortObject {
    /// Called on the poll thread.
    fn socket_ready(self: &Arc<Self>, vm: &Vm, readiness: Readiness) {
        let mut core = self.core.lock();
        let is_open = core.is_open();
        self.trace(vm, trace_flag::RUNNING_PORTS, "in", &|_| vec![Term::small(0)]);
        visit(vm, self, &mut core, None, |visit| {
            let armed = &mut visit.inet.armed;
            armed.read &= !readiness.read;
            armed.write &= !readiness.write;
            if visit.inet.ignored.ignored {
                return;
            }
            if readiness.write {
                visit.writable();
            }
            if readiness.read && is_open && visit.end.is_none() {
                visit.readable();
            }
            visit.write_channel();
        });
        self.trace(vm, trace_flag::RUNNING_PORTS, "out", &|_| vec![Term::small(0)]);
        self.finish_if_written(vm, &mut core);
    }
    /// A port that was closed while output waited is gone when nothing waits any more.
    fn finish_if_written(&self, vm: &Vm, core: &mut Core) {
        if core.state == PortState::Flushing
            && let Device::Inet(inet) = &core.device
            && !inet.has_output()
        {
            self.finish(vm, core);
        }
    }
    /// Called on the timer thread.
    fn socket_timed_out(self: &Arc<Self>, vm: &Vm, what: TimeOut) {
        let mut core = self.core.lock();
        visit(vm, self, &mut core, None, |visit| visit.timed_out(what));
        self.finish_if_written(vm, &mut core);
    }
}

impl Visit<'_> {
    /// Builds a message and sends it.
    pub(super) fn send(&self, to: Pid, build: impl for<'h> FnOnce(&'h Heap, Term<'h>) -> Term<'h>) {
        let port = Term::port(self.port.id);
        self.port.send_message(self.vm, to, |heap| build(heap, port));
    }
    /// `{Tag, Port}` to the owner.
    pub(super) fn tell(&self, tag: Atom) {
        self.send(self.owner, |heap, port| heap.tuple(&[Term::atom(tag), port]));
    }
    /// `{Tag, Port, Reason}` to the owner.
    pub(super) fn tell_error(&self, tag: Atom, reason: Atom) {
        self.send(self.owner, |heap, port| heap.tuple(&[Term::atom(tag), port, Term::atom(reason)]));
    }
    /// The atom of an error.
    pub(super) fn atom(&self, error: Errno) -> Atom {
        self.vm.atoms.intern(error.name()).unwrap_or(atoms::EINVAL)
    }
    /// `{inet_async, Port, Number, Status}`.
    pub(super) fn answer(&self, operation: &Operation, status: impl for<'h> FnOnce(&'h Heap, Term<'h>) -> Term<'h>) {
        if let Some(timer) = operation.timer {
            self.vm.timers.cancel(timer);
        }
        let number = Term::small(operation.number.into());
        self.send(operation.caller, |heap, port| {
            heap.tuple(&[Term::atom(atoms::INET_ASYNC), port, number, status(heap, port)])
        });
    }
    /// `{inet_async, Port, Number, {error, Reason}}`.
    pub(super) fn answer_error(&self, operation: &Operation, reason: Atom) {
        self.answer(operation, |heap, _| heap.tuple(&[Term::atom(atoms::ERROR), Term::atom(reason)]));
    }
    /// Ends the connection or reception that is waited for, if there is one, with an error.
    pub(super) fn fail_operation(&mut self, reason: Atom) {
        if let Some(operation) = self.inet.operation.take() {
            self.answer_error(&operation, reason);
        }
    }
    /// A new connection or reception that the asking process waits for; its number as it is told.
    pub(super) fn begin_operation(&mut self, caller: Pid) -> Vec<u8> {
        let number = self.inet.take_number();
        self.inet.operation = Some(Operation { number, caller, timer: None });
        number.to_be_bytes().to_vec()
    }
    /// The owner's port ends; its process sees `normal`.
    pub(super) fn end_port(&mut self, reason: Atom) {
        self.end = Some(Vm::own_atom(reason));
    }
    /// Starts a time-out.
    pub(super) fn start_timer(&self, milliseconds: u32, what: TimeOut) -> TimerId {
        let port = Arc::downgrade(self.port);
        let due = self.vm.clock.elapsed() + u64::from(milliseconds) * 1_000_000;
        self.vm.timers.start(due, move |vm| {
            if let Some(port) = port.upgrade() {
                port.socket_timed_out(vm, what);
            }
        })
    }
    fn timed_out(&mut self, what: TimeOut) {
        match what {
            TimeOut::Operation(number) => {
                if self.inet.operation.as_ref().is_some_and(|operation| operation.number == number) {
                    self.operation_timed_out();
                }
            }
            TimeOut::Acceptance(number) => {
                if let Some(at) = self.inet.acceptors.iter().position(|acceptor| acceptor.number == number)
                    && let Some(acceptor) = self.inet.acceptors.remove(at)
                {
                    self.forget_acceptor(&acceptor);
                    self.answer_error(&acceptor, atoms::TIMEOUT);
                }
            }
            TimeOut::Send => self.send_timed_out(),
        }
    }
    fn arm(&mut self, interest: Interest) -> SysResult<()> {
        if self.inet.registration.is_none() {
            let Some(socket) = &self.inet.socket else { return Ok(()) };
            let poller = self.vm.extension::<System>().poller()?;
            let (vm, port) = (Arc::downgrade(&self.vm.arc()), Arc::downgrade(self.port));
            let report = move |readiness: Readiness| {
                if let (Some(vm), Some(port)) = (vm.upgrade(), port.upgrade()) {
                    port.socket_ready(&vm, readiness);
                }
            };
            let token = poller.register(socket, Box::new(report))?;
            self.inet.registration = Some(Registration { poller, token });
        }
        let Some(registration) = &self.inet.registration else { return Ok(()) };
        registration.poller.arm(registration.token, interest)?;
        let armed = &mut self.inet.armed;
        *armed = Interest { read: armed.read || interest.read, write: armed.write || interest.write };
        Ok(())
    }
    /// Asks for a report when there is something to read (or accept).
    pub(super) fn want_read(&mut self) {
        if self.inet.ignored.ignored {
            self.inet.ignored.read = true;
        } else if !self.inet.armed.read
            && let Err(error) = self.arm(Interest::READ)
        {
            self.end_port(self.atom(error));
        }
    }
    /// Asks for a report when there is room to write (or the connection is made).
    pub(super) fn want_write(&mut self) {
        if self.inet.ignored.ignored {
            self.inet.ignored.write = true;
        } else if !self.inet.armed.write
            && let Err(error) = self.arm(Interest::WRITE)
        {
            self.end_port(self.atom(error));
        }
    }
    /// Something to read, or to accept.
    fn readable(&mut self) {
        if !self.inet.acceptors.is_empty() {
            self.accept_ready();
        } else if self.inet.protocol == super::Protocol::Udp {
            self.receive_datagrams();
        } else if self.inet.is_connected() {
            self.receive_ready();
        }
    }
    /// Room to write, or the connection is made.
    fn writable(&mut self) {
        match self.inet.state {
            super::State::Connecting => self.connection_ready(),
            super::State::Connected => self.write_ready(),
            super::State::Closed | super::State::Open | super::State::Listening => {}
        }
    }
}

/// Ports on which processes accept, by process, so that a process that ends is taken off.
#[derive(Default)]
struct Acceptors {
    count: AtomicUsize,
    ports: Mutex<HashMap<Pid, Vec<Port>>>,
}

impl Visit<'_> {
    /// The process will be taken off when it ends.
    pub(super) fn remember_acceptor(&self, caller: Pid) {
        let acceptors = self.vm.extension::<Acceptors>();
        acceptors.count.fetch_add(1, Ordering::Relaxed);
        if let Some(process) = self.vm.process(caller) {
            process.holds(Holding::SOCKETS);
        }
        acceptors.ports.lock().entry(caller).or_default().push(self.port.id);
    }
    /// The process does not accept any more.
    pub(super) fn forget_acceptor(&self, acceptor: &Operation) {
        let acceptors = self.vm.extension::<Acceptors>();
        let mut ports = acceptors.ports.lock();
        if let Some(of_process) = ports.get_mut(&acceptor.caller)
            && let Some(at) = of_process.iter().position(|&port| port == self.port.id)
        {
            of_process.swap_remove(at);
            if of_process.is_empty() {
                ports.remove(&acceptor.caller);
            }
            acceptors.count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn process_ended(vm: &Vm, pid: Pid) {
    let acceptors = vm.extension::<Acceptors>();
    if acceptors.count.load(Ordering::Relaxed) == 0 {
        return;
    }
    let Some(ports) = acceptors.ports.lock().remove(&pid) else { return };
    acceptors.count.fetch_sub(ports.len(), Ordering::Relaxed);
    for port in ports {
        let Some(object) = vm.extension::<PortTable>().get(port) else { continue };
        let mut core = object.core.lock();
        visit(vm, &object, &mut core, None, |visit| {
            for acceptor in visit.inet.acceptors.extract_if_caller(pid) {
                if let Some(timer) = acceptor.timer {
                    vm.timers.cancel(timer);
                }
            }
        });
    }
}

/// Takes the operations of one process out.
trait ExtractIfCaller {
    fn extract_if_caller(&mut self, caller: Pid) -> Vec<Operation>;
}

impl ExtractIfCaller for std::collections::VecDeque<Operation> {
    fn extract_if_caller(&mut self, caller: Pid) -> Vec<Operation> {
        let (theirs, others): (Vec<_>, Vec<_>) = self.drain(..).partition(|operation| operation.caller == caller);
        self.extend(others);
        theirs
    }
}

/// Takes processes that end off the sockets on which they accept.
pub(crate) fn install(vm: &Vm) {
    vm.add_exit_hook(Holding::SOCKETS, Box::new(|vm, process, _| process_ended(vm, process.pid())));
}

/// Links a port that was accepted for a process that is not asking now; false when the process has ended.
pub(super) fn link(vm: &Vm, port: Port, to: Pid) -> bool {
    vm.signal_pid(to, Signal::Link { from: LinkTarget::Port(port) })
}
