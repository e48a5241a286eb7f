//! `open_port/2`.

use super::inet::{Inet, Protocol};
use super::options::{Name, Refused, Settings, parse};
use super::port::{Core, Device, PortObject};
use super::ram_file::{self, RamFile};
use super::trace_file::{self, TraceFile};
use super::{PortTable, stream};
use crate::io::System;
use crate::tracing::port_opened;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, LinkTarget, Vm, trace_flag};
use oxbeam_sys::Result as SysResult;
use oxbeam_sys::child::Program;
use oxbeam_term::{Atom, Term, atoms};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a port is to be connected with.
enum Target {
    Program(Program),
    Descriptors(i32, i32),
    Inet(Protocol),
    TraceFile(Vec<u8>),
    RamFile,
}

/// Opens a port and links the caller to it. Returns the port, or an atom that `erlang:open_port/2` makes an error of.
#[bif("erts_internal:open_port/2", dirty_io)]
fn open_port<'h>(cx: &mut BifContext<'h>, name: Term<'h>, settings: Term<'h>) -> BifResult<'h> {
    let (name, settings) = match parse(cx, name, settings) {
        Ok(parsed) => parsed,
        Err(Refused::BadOption) => return Ok(Term::atom(atoms::BADOPT)),
        Err(Refused::BadArgument) => return Ok(Term::atom(atoms::BADARG)),
    };
    let (shown, target) = match target(cx.vm, name, &settings) {
        Ok(found) => found,
        Err(refused) => return Ok(Term::atom(refused)),
    };
    let table = cx.vm.extension::<PortTable>();
    let mut core = Core::new(cx.pid());
    core.parallelism = settings.parallelism;
    core.links.insert(cx.pid());
    let Some(port) = table.create(cx.vm, shown, core) else { return Ok(Term::atom(atoms::SYSTEM_LIMIT)) };
    // What comes from the device waits for the lock until the port is complete and can be found.
    let mut core = port.core.lock();
    if let Err(errno) = connect(cx.vm, &port, &mut core, target, &settings) {
        return Ok(Term::atom(cx.intern(errno.name())?));
    }
    cx.state.links.insert(LinkTarget::Port(port.id), ());
    table.publish(&port);
    trace_open(cx, &table, &port);
    drop(core);
    Ok(Term::port(port.id))
}

/// Tells tracers of a new port, which may be traced from its birth.
fn trace_open(cx: &BifContext<'_>, table: &PortTable, port: &PortObject) {
    let owner = cx.pid();
    if table.trace_new.load(Ordering::Relaxed) {
        port.trace_flags.store(port_opened(cx.vm, port.id), Ordering::Relaxed);
        let name = String::from_utf8_lossy(&port.name);
        let name = cx.vm.atoms.intern(&name).unwrap_or(atoms::UNDEFINED);
        port.trace(cx.vm, trace_flag::PORTS, "open", &|_| vec![Term::pid(owner), Term::atom(name)]);
        port.trace(cx.vm, trace_flag::PORTS, "getting_linked", &|_| vec![Term::pid(owner)]);
    }
    cx.vm.trace_event(cx.process, trace_flag::PROCS, "link", &|_| vec![Term::port(port.id)]);
}

/// OTP's drivers that this machine does not have. Their names never go to the shell.
const MISSING_DRIVERS: [&[u8]; 1] = [b"sctp_inet"];

/// What the first argument asks for, and the name that `port_info/2` shows; the error's name for a driver that is not
/// there.
fn target(vm: &Vm, name: Name, settings: &Settings) -> Result<(Vec<u8>, Target), Atom> {
    Ok(match name {
        Name::Descriptors(input, output) => {
            (format!("{input}/{output}").into_bytes(), Target::Descriptors(input, output))
        }
        Name::Driver(command) => {
            let target = driver(&command).ok_or(atoms::BADARG)?;
            (command, target)
        }
        Name::Spawn(command) => match driver(&command) {
            Some(target) => (command, target),
            None if MISSING_DRIVERS.contains(&first_word(&command)) => return Err(atoms::ENOENT),
            None => (command.clone(), Target::Program(Program::Shell(command))),
        },
        Name::Executable(path) => {
            let program = executable(vm, path.clone(), settings);
            (path, Target::Program(program))
        }
    })
}

/// The driver that a command names.
fn driver(command: &[u8]) -> Option<Target> {
    let name = first_word(command);
    if name == trace_file::DRIVER {
        return Some(Target::TraceFile(command.to_vec()));
    }
    if name == ram_file::DRIVER {
        return Some(Target::RamFile);
    }
    Protocol::of_driver(name).map(Target::Inet)
}

fn first_word(command: &[u8]) -> &[u8] {
    command.split(u8::is_ascii_whitespace).next().unwrap_or_default()
}

fn executable(vm: &Vm, path: Vec<u8>, settings: &Settings) -> Program {
    let arguments = settings.arguments.clone().unwrap_or_default();
    // OTP's program for looking up hosts is part of the command here.
    let is_inet_gethost = path.rsplit(|&byte| byte == b'/').next() == Some(b"inet_gethost");
    if is_inet_gethost && let Some(program) = vm.extension::<System>().program() {
        let arguments = std::iter::once(b"inet_gethost".to_vec()).chain(arguments).collect();
        return Program::Executable { path: program, arg0: settings.arg0.clone(), arguments };
    }
    Program::Executable { path, arg0: settings.arg0.clone(), arguments }
}

fn connect(vm: &Vm, port: &Arc<PortObject>, core: &mut Core, target: Target, settings: &Settings) -> SysResult<()> {
    match target {
        Target::Program(program) => stream::open_program(vm, port, core, program, settings),
        Target::Descriptors(input, output) => stream::open_descriptors(vm, port, core, (input, output), settings),
        Target::Inet(protocol) => {
            core.device = Device::Inet(Box::new(Inet::new(protocol)));
            Ok(())
        }
        Target::TraceFile(command) => {
            core.device = Device::TraceFile(Box::new(TraceFile::open(&command)?));
            Ok(())
        }
        Target::RamFile => {
            core.device = Device::RamFile(Box::new(RamFile::new(settings.binary)));
            Ok(())
        }
    }
}
