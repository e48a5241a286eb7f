//! Ports: external programs, descriptors and drivers as Erlang sees them.
//!
//! Start with [`PortTable`], then `port.rs` for a port's life and `stream.rs` for what flows through it.

pub(crate) mod commands;
pub(crate) mod distribution;
mod framing;
mod inet;
pub(crate) mod open;
mod options;
pub(crate) mod port;
mod ram_file;
mod stream;
#[cfg(test)]
mod tests;
mod trace_file;

use crate::iolist::gather;
use inet::Command;
use oxbeam_runtime::{LinkTarget, Ports, Vm, trace_flag};
use oxbeam_term::{Atom, LocalReference, OwnedTerm, Pid, Port, Term, atoms};
use parking_lot::{Mutex, RwLock};
use port::{Core, Device, PortObject};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The ports of one machine.
///
/// Numbers count up from 0, which is `forker`, as in OTP.
#[derive(Default)]
pub struct PortTable {
    open: RwLock<BTreeMap<u64, Arc<PortObject>>>,
    /// Closed ports whose output still waits.
    flushing: Mutex<HashMap<u64, Arc<PortObject>>>,
    next: AtomicU64,
    /// Are ports traced from their birth?
    pub(crate) trace_new: AtomicBool,
}

impl PortTable {
    /// A new port, not to be found before [`PortTable::publish`]; `None` when there are too many.
    fn create(&self, vm: &Vm, name: Vec<u8>, core: Core) -> Option<Arc<PortObject>> {
        if self.open.read().len() >= vm.options.port_limit {
            return None;
        }
        let id = Port(self.next.fetch_add(1, Ordering::Relaxed));
        Some(Arc::new(PortObject { id, name, trace_flags: AtomicU32::new(0), core: Mutex::new(core) }))
    }
    fn publish(&self, port: &Arc<PortObject>) {
        self.open.write().insert(port.id.0, port.clone());
    }
    pub(crate) fn get(&self, port: Port) -> Option<Arc<PortObject>> {
        self.open.read().get(&port.0).cloned()
    }
    fn remove(&self, port: Port) {
        self.open.write().remove(&port.0);
    }
    fn add_flushing(&self, port: &Arc<PortObject>) {
        self.flushing.lock().insert(port.id.0, port.clone());
    }
    fn remove_flushing(&self, port: Port) {
        self.flushing.lock().remove(&port.0);
    }
    /// All ports, in order of their numbers.
    pub fn ports(&self) -> Vec<Port> {
        self.open.read().keys().map(|&id| Port(id)).collect()
    }
    /// How many there are (`erlang:system_info(port_count)`).
    pub fn count(&self) -> usize {
        self.open.read().len()
    }
    /// Waits until no output waits, at most for `limit`: what `erlang:halt/2` does before the machine ends. Sockets that
    /// have none are closed first, so that two of one machine do not wait for each other. False when the time was over.
    pub fn flush(&self, limit: Option<Duration>) -> bool {
        let start = Instant::now();
        let open: Vec<Arc<PortObject>> = self.open.read().values().cloned().collect();
        for port in open {
            if let Device::Inet(inet) = &mut port.core.lock().device
                && !inet.has_output()
            {
                inet.release();
            }
        }
        loop {
            let mut ports: Vec<Arc<PortObject>> = self.open.read().values().cloned().collect();
            ports.extend(self.flushing.lock().values().cloned());
            let waiting = ports.iter().any(|port| port.core.lock().has_output());
            if !waiting || limit.is_some_and(|limit| start.elapsed() >= limit) {
                return !waiting;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Connects the machine with its ports and opens `forker`.
pub(crate) fn install(vm: &Vm) {
    let table = vm.extension::<PortTable>();
    let init = Pid { number: 0, serial: 0 };
    if let Some(forker) = table.create(vm, b"forker".to_vec(), Core::new(init)) {
        table.publish(&forker);
    }
    vm.set_ports(table.clone());
    inet::install(vm);
}

impl PortTable {
    /// Works on an open port; `None` when there is none.
    fn with<T>(&self, port: Port, action: impl FnOnce(&Arc<PortObject>, &mut Core) -> T) -> Option<T> {
        let object = self.get(port)?;
        let mut core = object.core.lock();
        core.is_open().then(|| action(&object, &mut core))
    }
}

impl Ports for PortTable {
    fn link_exit(&self, vm: &Vm, port: Port, from: LinkTarget, reason: OwnedTerm) {
        self.with(port, |object, core| {
            let LinkTarget::Process(from) = from else { return };
            core.links.remove(&from);
            object.link_exit(vm, core, from, reason);
        });
    }
    fn distribution_output(&self, vm: &Vm, port: Port) {
        if let Some(object) = self.get(port) {
            distribution::output(vm, &object);
        }
    }
    fn exit(&self, vm: &Vm, port: Port, reason: OwnedTerm) {
        self.with(port, |object, core| object.close(vm, core, reason));
    }
    fn demonitor(&self, _vm: &Vm, port: Port, reference: LocalReference) {
        self.with(port, |_, core| core.watchers.remove(&reference));
    }
    fn monitor(&self, _vm: &Vm, port: Port, reference: LocalReference, watcher: Pid) -> bool {
        self.with(port, |_, core| core.watchers.insert(reference, watcher)).is_some()
    }
    fn link(&self, vm: &Vm, port: Port, from: Pid) -> bool {
        let linked = self.with(port, |object, core| {
            core.links.insert(from);
            object.trace(vm, trace_flag::PORTS, "getting_linked", &|_| vec![Term::pid(from)]);
        });
        linked.is_some()
    }
    fn unlink(&self, vm: &Vm, port: Port, from: Pid) {
        self.with(port, |object, core| {
            core.links.remove(&from);
            object.trace(vm, trace_flag::PORTS, "getting_unlinked", &|_| vec![Term::pid(from)]);
        });
    }
    fn named(&self, vm: &Vm, port: Port, event: &str, name: Atom) {
        // Not through the lock: a port that closes loses its name while it is locked.
        if let Some(object) = self.get(port) {
            object.trace(vm, trace_flag::PORTS, event, &|_| vec![Term::atom(name)]);
        }
    }
    fn message(&self, vm: &Vm, port: Port, from: Pid, message: OwnedTerm) {
        self.with(port, |object, core| object.message(vm, core, from, message.term()));
    }
}

impl PortObject {
    /// `Port ! {Owner, {command, Data} | {connect, Pid} | close}`.
    fn message(self: &Arc<Self>, vm: &Vm, core: &mut Core, _from: Pid, message: Term<'_>) {
        let parts = message.as_tuple_of::<2>();
        let Some([owner, request]) = parts.filter(|[owner, _]| owner.as_pid() == Some(core.owner)) else {
            return self.bad_signal(vm, core);
        };
        let owner = owner.as_pid().unwrap_or(core.owner);
        self.trace_received(vm, owner, |heap| match request.as_tuple_of::<2>() {
            Some([kind, data]) if kind.is_atom(atoms::COMMAND) => {
                let bytes = gather(*data).unwrap_or_default();
                heap.tuple(&[Term::atom(atoms::COMMAND), heap.binary(&bytes)])
            }
            _ => heap.copy_in(*request),
        });
        if request.is_atom(atoms::CLOSE) {
            self.close(vm, core, Vm::own_atom(atoms::NORMAL));
            return self.send_atom(vm, owner, atoms::CLOSED);
        }
        match request.as_tuple_of::<2>() {
            Some([kind, data]) if kind.is_atom(atoms::COMMAND) => {
                let is_taken = match &core.device {
                    Device::Inet(_) => {
                        let (outcome, _) = inet::command(vm, self, core, owner, *data);
                        matches!(outcome, Command::Taken | Command::Malformed)
                    }
                    Device::Stream(_) | Device::TraceFile(_) | Device::RamFile(_) | Device::None => match gather(*data)
                    {
                        Some(bytes) => {
                            self.output(vm, core, bytes);
                            true
                        }
                        None => false,
                    },
                };
                if !is_taken {
                    self.bad_signal(vm, core);
                }
            }
            Some([kind, new]) if kind.is_atom(atoms::CONNECT) => match new.as_pid() {
                Some(new) if self.connect(vm, core, new) => self.send_atom(vm, owner, atoms::CONNECTED),
                _ => self.bad_signal(vm, core),
            },
            _ => self.bad_signal(vm, core),
        }
    }
}

/// The port that a term names: a port, or a registered name.
fn lookup(vm: &Vm, term: Term<'_>) -> Option<Arc<PortObject>> {
    let port = match term.as_atom() {
        Some(name) => match vm.registry.whereis(name)? {
            LinkTarget::Port(port) => port,
            LinkTarget::Process(_) | LinkTarget::Remote(_) => return None,
        },
        None => term.as_port()?,
    };
    vm.extension::<PortTable>().get(port)
}
