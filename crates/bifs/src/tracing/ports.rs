//! Tracing of ports.

use super::Traces;
use crate::io::PortTable;
use oxbeam_runtime::{EventParts, LinkTarget, Vm};
use oxbeam_term::Port;
use std::sync::atomic::Ordering;

/// Where the machine looks for a port's flags.
pub(super) fn set_trace_flags(vm: &Vm, port: Port, flags: u32) {
    if let Some(object) = vm.extension::<PortTable>().get(port) {
        object.trace_flags.store(flags, Ordering::Relaxed);
    }
}

/// Are ports traced from their birth?
pub(super) fn set_new_traced(vm: &Vm, traced: bool) {
    vm.extension::<PortTable>().trace_new.store(traced, Ordering::Relaxed);
}

/// What tells of something that happens to a port.
pub(crate) struct PortEvent<'e> {
    /// The flag that asks for it.
    pub(crate) flag: u32,
    /// Its name.
    pub(crate) name: &'e str,
    /// What stands behind it.
    pub(crate) parts: EventParts<'e>,
}

impl PortEvent<'_> {
    /// Tells it, of a port with these flags.
    #[inline]
    pub(crate) fn tell(&self, vm: &Vm, port: Port, flags: u32) {
        if flags & self.flag != 0
            && let Some(tracer) = vm.tracing.tracer()
        {
            tracer.event(vm, LinkTarget::Port(port), self.flag, self.name, self.parts);
        }
    }
}

/// A port is opened: it gets the flags that sessions have for new ports. The union of them.
pub(crate) fn port_opened(vm: &Vm, port: Port) -> u32 {
    let traces = vm.extension::<Traces>();
    let mut state = traces.write();
    let mut flags = 0;
    for session in state.sessions.values_mut() {
        if let Some(traced) = session.new_ports {
            session.tracees.insert(LinkTarget::Port(port), traced);
            flags |= traced.flags;
        }
    }
    flags
}

/// A port has closed.
pub(crate) fn port_closed(vm: &Vm, port: Port) {
    if let Some(tracer) = vm.tracing.tracer() {
        tracer.ended(vm, LinkTarget::Port(port));
    }
}
