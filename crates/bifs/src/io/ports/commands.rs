//! What processes ask of open ports.

use super::inet::{self, Answer, Command};
use super::port::{Core, Device, PortObject, registered_name};
use super::{PortTable, lookup};
use crate::iolist::gather;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, Interrupt, LinkTarget, Trap, Vm};
use oxbeam_term::{Term, atoms};

/// All open ports.
#[bif("erlang:ports/0")]
fn ports<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let ports: Vec<Term<'h>> = cx.vm.extension::<PortTable>().ports().into_iter().map(Term::port).collect();
    Ok(cx.heap.list(&ports))
}

/// Sends output: `true`; `false` when the port is busy and `nosuspend` is among the options; an atom for an error.
/// A caller without `nosuspend` waits until the port is not busy.
#[bif("erts_internal:port_command/3")]
fn port_command<'h>(cx: &mut BifContext<'h>, port: Term<'h>, data: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    let (mut force, mut nosuspend) = (false, false);
    let Some(options) = options.to_vec() else { return Ok(Term::atom(atoms::BADOPT)) };
    for option in options {
        match option.as_atom().map(|atom| cx.text(atom)) {
            Some("force") => force = true,
            Some("nosuspend") => nosuspend = true,
            _ => return Ok(Term::atom(atoms::BADOPT)),
        }
    }
    if let Some(rare) = cx.state.rare.if_set() {
        rare.waits_for_port = false;
    }
    let Some(object) = lookup(cx.vm, port) else { return Ok(Term::atom(atoms::BADARG)) };
    let mut core = object.core.lock();
    // Sockets take data although they are busy; others do not know how.
    if force && !matches!(core.device, Device::Inet(_)) {
        return Ok(Term::atom(atoms::NOTSUP));
    }
    if !core.is_open() {
        return Ok(Term::atom(atoms::BADARG));
    }
    let (outcome, size) = match &core.device {
        Device::Inet(_) => inet::command(cx.vm, &object, &mut core, cx.pid(), data),
        Device::Stream(stream) if stream.is_busy() => (Command::Busy, 0),
        Device::Stream(_) | Device::TraceFile(_) | Device::RamFile(_) => match gather(data) {
            Some(bytes) => {
                let size = bytes.len();
                object.trace_received(cx.vm, cx.pid(), |heap| {
                    heap.tuple(&[Term::atom(atoms::COMMAND), heap.binary(&bytes)])
                });
                object.output(cx.vm, &mut core, bytes);
                (Command::Taken, size)
            }
            None => (Command::BadArgument, 0),
        },
        Device::None => (Command::BadArgument, 0),
    };
    match outcome {
        Command::Taken | Command::Malformed => {
            cx.spend(1 + size / 256);
            Ok(Term::TRUE)
        }
        Command::BadArgument => Ok(Term::atom(atoms::BADARG)),
        Command::Busy if nosuspend => Ok(Term::FALSE),
        Command::Busy => {
            match &mut core.device {
                Device::Stream(stream) => stream.suspend(cx.pid()),
                Device::Inet(_) | Device::TraceFile(_) | Device::RamFile(_) | Device::None => {
                    inet::suspend(&mut core, cx.pid())
                }
            }
            cx.vm.waits_for_port(cx.process, object.id);
            cx.state.rare.waits_for_port = true;
            Err(Box::new(Interrupt::Trap(Trap::Wait)))
        }
    }
}

/// The number of an operation of `port_control/3` and `port_call/3`.
fn operation(term: Term<'_>) -> Option<u32> {
    u32::try_from(term.as_u64()?).ok()
}

/// Asks a driver: its answer, a list of bytes, or `badarg`.
#[bif("erts_internal:port_control/3")]
fn port_control<'h>(cx: &mut BifContext<'h>, port: Term<'h>, number: Term<'h>, data: Term<'h>) -> BifResult<'h> {
    let answer = (|| {
        let object = lookup(cx.vm, port)?;
        let (number, data) = (operation(number)?, gather(data)?);
        let mut core = object.core.lock();
        if !core.is_open() {
            return None;
        }
        if let Device::TraceFile(file) = &mut core.device {
            return match file.control(number)? {
                Ok(bytes) => Some(Answer { bytes, accepted: Vec::new() }),
                Err(errno) => {
                    object.fail(cx.vm, &mut core, errno);
                    None
                }
            };
        }
        inet::control(cx.vm, &object, &mut core, cx.pid(), number, &data)
    })();
    let Some(Answer { bytes, accepted }) = answer else { return Ok(Term::atom(atoms::BADARG)) };
    for port in accepted {
        cx.state.links.insert(LinkTarget::Port(port), ());
    }
    Ok(cx.heap.byte_list(&bytes, Term::NIL))
}

/// Asks a driver with a term: none of the drivers here takes one.
#[bif("erts_internal:port_call/3")]
fn port_call<'h>(_cx: &mut BifContext<'h>, port: Term<'h>, number: Term<'h>, data: Term<'h>) -> BifResult<'h> {
    let _ = (port, number, data);
    Ok(Term::atom(atoms::BADARG))
}

/// Closes a port: `true`, or `badarg`.
#[bif("erts_internal:port_close/1")]
fn port_close<'h>(cx: &mut BifContext<'h>, port: Term<'h>) -> BifResult<'h> {
    let Some(object) = lookup(cx.vm, port) else { return Ok(Term::atom(atoms::BADARG)) };
    let mut core = object.core.lock();
    if !core.is_open() {
        return Ok(Term::atom(atoms::BADARG));
    }
    object.trace_received(cx.vm, cx.pid(), |_| Term::atom(atoms::CLOSE));
    object.close(cx.vm, &mut core, Vm::own_atom(atoms::NORMAL));
    Ok(Term::TRUE)
}

/// Connects a port with another process: `true`, or `badarg`.
#[bif("erts_internal:port_connect/2")]
fn port_connect<'h>(cx: &mut BifContext<'h>, port: Term<'h>, owner: Term<'h>) -> BifResult<'h> {
    let (Some(object), Some(owner)) = (lookup(cx.vm, port), owner.as_pid()) else {
        return Ok(Term::atom(atoms::BADARG));
    };
    let mut core = object.core.lock();
    object.trace_received(cx.vm, cx.pid(), |heap| heap.tuple(&[Term::atom(atoms::CONNECT), Term::pid(owner)]));
    let connected = core.is_open() && object.connect_and_link(cx.vm, &mut core, owner);
    Ok(if connected { Term::TRUE } else { Term::atom(atoms::BADARG) })
}

/// Keeps a term with a port.
///
/// # Errors
///
/// `badarg` when there is no such port.
#[bif("erlang:port_set_data/2")]
fn port_set_data<'h>(cx: &mut BifContext<'h>, port: Term<'h>, data: Term<'h>) -> BifResult<'h> {
    let Some(object) = lookup(cx.vm, port) else { return cx.badarg() };
    object.core.lock().data = cx.own(data);
    Ok(Term::TRUE)
}

/// The term that is kept with a port.
///
/// # Errors
///
/// `badarg` when there is no such port.
#[bif("erlang:port_get_data/1")]
fn port_get_data<'h>(cx: &mut BifContext<'h>, port: Term<'h>) -> BifResult<'h> {
    let Some(object) = lookup(cx.vm, port) else { return cx.badarg() };
    let core = object.core.lock();
    Ok(cx.heap.copy_in(core.data.term()))
}

/// What `port_info/1` shows, in its order.
const INFO_ITEMS: [&str; 8] = ["registered_name", "name", "links", "id", "connected", "input", "output", "os_pid"];

/// Facts about a port, `undefined` when there is none.
#[bif("erts_internal:port_info/1")]
fn port_info<'h>(cx: &mut BifContext<'h>, port: Term<'h>) -> BifResult<'h> {
    if port.as_atom().is_none() && port.as_port().is_none() {
        return Ok(Term::atom(atoms::BADARG));
    }
    let Some(object) = lookup(cx.vm, port) else { return Ok(Term::atom(atoms::UNDEFINED)) };
    let mut core = object.core.lock();
    let mut items = Vec::new();
    for name in INFO_ITEMS {
        if let Some(item) = info_item(cx, &object, &mut core, name)?.filter(|item| !item.is_nil()) {
            items.push(item);
        }
    }
    Ok(cx.heap.list(&items))
}

/// One fact about a port, `undefined` when there is none.
#[bif("erts_internal:port_info/2")]
fn port_info_item<'h>(cx: &mut BifContext<'h>, port: Term<'h>, item: Term<'h>) -> BifResult<'h> {
    if port.as_atom().is_none() && port.as_port().is_none() {
        return Ok(Term::atom(cx.intern("badtype")?));
    }
    let Some(object) = lookup(cx.vm, port) else { return Ok(Term::atom(atoms::UNDEFINED)) };
    let Some(item) = item.as_atom() else { return Ok(Term::atom(atoms::BADARG)) };
    let mut core = object.core.lock();
    let found = info_item(cx, &object, &mut core, cx.text(item))?;
    Ok(found.unwrap_or(Term::atom(atoms::BADARG)))
}

/// `{Item, Value}`; `[]` for the name of a port that is not registered, `None` for an item that does not exist.
fn info_item<'h>(
    cx: &BifContext<'h>,
    port: &PortObject,
    core: &mut Core,
    item: &str,
) -> Result<Option<Term<'h>>, Box<Interrupt<'h>>> {
    let heap = cx.heap;
    let count = |count: u64| heap.integer(i64::try_from(count).unwrap_or(i64::MAX));
    let value = match item {
        "name" => heap.byte_list(&port.name, Term::NIL),
        "links" | "monitored_by" => {
            let pids: Vec<Term<'h>> = match item {
                "links" => core.links.iter().map(|pid| Term::pid(*pid)).collect(),
                _ => core.watchers.values().map(|pid| Term::pid(*pid)).collect(),
            };
            heap.list(&pids)
        }
        "monitors" => Term::NIL,
        "id" => count(port.id.0 << 3),
        "connected" => Term::pid(core.owner),
        "input" => count(core.input),
        "output" => count(core.output),
        "os_pid" => core.os_pid.map_or(Term::atom(atoms::UNDEFINED), |pid| Term::small(pid.into())),
        "registered_name" => match registered_name(cx.vm, port.id) {
            Some(name) => Term::atom(name),
            None => return Ok(Some(Term::NIL)),
        },
        "memory" => Term::small(0),
        "queue_size" => Term::small(core.queued() as i64),
        "locking" => Term::atom(cx.intern("port_level")?),
        "parallelism" => Term::boolean(core.parallelism),
        _ => return Ok(None),
    };
    Ok(Some(heap.tuple(&[Term::atom(cx.intern(item)?), value])))
}
