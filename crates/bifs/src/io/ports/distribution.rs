//! Ports that carry signals between nodes: what they receive is for the machine, and it gives them what is to be sent.

use super::PortTable;
use super::inet::distribution_ready;
use super::port::{Device, PortObject};
use oxbeam_runtime::Vm;
use oxbeam_runtime::distribution::NodeEntry;
use oxbeam_term::Port;
use std::sync::Arc;

/// The channel that a port carries.
pub(crate) struct Carried {
    /// The node at the other end.
    pub(crate) entry: Arc<NodeEntry>,
    /// The connection's number; 0 until it is made.
    pub(crate) connection: u32,
}

/// Makes a socket the controller of the channel to a node; `None` unless it is open and carries none.
pub(crate) fn control(vm: &Vm, port: Port, entry: &Arc<NodeEntry>) -> Option<()> {
    let object = vm.extension::<PortTable>().get(port)?;
    let mut core = object.core.lock();
    if !core.is_open() || core.carried.is_some() || !matches!(core.device, Device::Inet(_)) {
        return None;
    }
    core.carried = Some(Box::new(Carried { entry: entry.clone(), connection: 0 }));
    Some(())
}

/// The connection is made: what waits may go.
pub(crate) fn connected(vm: &Vm, port: Port, connection: u32) {
    let Some(object) = vm.extension::<PortTable>().get(port) else { return };
    let mut core = object.core.lock();
    if let Some(carried) = &mut core.carried {
        carried.connection = connection;
    }
    distribution_ready(vm, &object, &mut core);
}

/// Something waits for the port. It is written at once, unless somebody works on the port just now.
pub(super) fn output(vm: &Vm, object: &Arc<PortObject>) {
    if let Some(mut core) = object.core.try_lock() {
        return distribution_ready(vm, object, &mut core);
    }
    let port = Arc::downgrade(object);
    vm.timers.start(0, move |vm| {
        if let Some(port) = port.upgrade() {
            distribution_ready(vm, &port, &mut port.core.lock());
        }
    });
}
