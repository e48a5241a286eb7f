//! Links, monitors and aliases.

use super::messages::{interested, prepared, wait_for_node};
use super::spawn::monitor_options;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{
    AliasKind, BifContext, BifResult, Interrupt, LinkTarget, Monitor, MonitorTarget, RemotePid, Signal, Vm, Watcher,
    trace_flag,
};
use oxbeam_term::{Atom, LocalReference, OwnedTerm, Pid, Reference, Term, Value, atoms};

fn noproc() -> OwnedTerm {
    Vm::own_atom(atoms::NOPROC)
}

/// Links the caller to a process or port.
///
/// # Errors
///
/// `noproc` when it is gone and the caller does not trap exits; `badarg` for anything that is no pid or port.
#[bif("erlang:link/1")]
fn link<'h>(cx: &mut BifContext<'h>, target: Term<'h>) -> BifResult<'h> {
    let caller = cx.pid();
    cx.vm.trace_event(cx.process, trace_flag::PROCS, "link", &|heap| vec![heap.copy_in(target)]);
    let end = match target.value() {
        Value::Pid(pid) if pid == caller => return Ok(Term::TRUE),
        Value::Pid(pid) => LinkTarget::Process(pid),
        Value::Port(port) => LinkTarget::Port(port),
        Value::ExternalPid(_) => return link_elsewhere(cx, target),
        _ => return cx.badarg(),
    };
    if cx.state.links.contains_key(&end) {
        return Ok(Term::TRUE);
    }
    cx.state.rare.if_set().map(|rare| rare.pending_unlinks.remove(&end));
    let linked = match end {
        LinkTarget::Process(pid) => {
            cx.vm.trace_linking(cx.process, pid);
            cx.vm.signal_pid(pid, Signal::Link { from: LinkTarget::Process(caller) })
        }
        LinkTarget::Port(port) => cx.vm.ports().is_some_and(|ports| ports.link(cx.vm, port, caller)),
        LinkTarget::Remote(_) => false,
    };
    if linked {
        cx.state.links.insert(end, ());
    } else if cx.state.flags.trap_exit {
        // As a signal, so that it comes after what that process sent while it lived.
        let from = OwnedTerm::immediate(target.word());
        cx.vm.signal(cx.process, Signal::Exit { from, reason: noproc() });
    } else {
        return Err(cx.raise(atoms::NOPROC));
    }
    Ok(Term::TRUE)
}

/// Removes the link between the caller and a process or port, if there is one.
///
/// # Errors
///
/// `badarg` for anything that is no pid or port.
#[bif("erlang:unlink/1")]
fn unlink<'h>(cx: &mut BifContext<'h>, target: Term<'h>) -> BifResult<'h> {
    let caller = cx.pid();
    if let Some(remote) = RemotePid::of(target).filter(|&pid| cx.state.links.contains_key(&LinkTarget::Remote(pid))) {
        wait_for_node(cx, remote.node)?;
    }
    cx.vm.trace_event(cx.process, trace_flag::PROCS, "unlink", &|heap| vec![heap.copy_in(target)]);
    match target.value() {
        Value::Pid(pid) => {
            if cx.state.links.remove(&LinkTarget::Process(pid)).is_some() {
                cx.state.rare.last_unlink += 1;
                let id = cx.state.rare.last_unlink;
                if cx.vm.signal_pid(pid, Signal::Unlink { from: LinkTarget::Process(caller), id }) {
                    cx.state.rare.pending_unlinks.insert(LinkTarget::Process(pid), id);
                }
            }
        }
        Value::Port(port) => {
            if cx.state.links.remove(&LinkTarget::Port(port)).is_some()
                && let Some(ports) = cx.vm.ports()
            {
                ports.unlink(cx.vm, port, caller);
            }
        }
        Value::ExternalPid(_) => {
            let Some(pid) = RemotePid::of(target) else { return cx.badarg() };
            let end = LinkTarget::Remote(pid);
            if cx.state.links.remove(&end).is_some() {
                cx.state.rare.last_unlink += 1;
                let id = cx.state.rare.last_unlink;
                cx.state.rare.pending_unlinks.insert(end, id);
                cx.vm.send_remote_unlink(caller, pid, id);
            }
        }
        _ => return cx.badarg(),
    }
    Ok(Term::TRUE)
}

/// Links the caller to a process of another node.
fn link_elsewhere<'h>(cx: &mut BifContext<'h>, target: Term<'h>) -> BifResult<'h> {
    let Some(pid) = RemotePid::of(target) else { return cx.badarg() };
    let end = LinkTarget::Remote(pid);
    if cx.state.links.contains_key(&end) {
        return Ok(Term::TRUE);
    }
    let to = prepared(cx, pid.node)?;
    match interested(cx, to)? {
        Some(to) => {
            cx.state.rare.if_set().map(|rare| rare.pending_unlinks.remove(&end));
            cx.state.links.insert(end, ());
            cx.vm.send_remote_link(&to, cx.pid(), pid);
        }
        None => {
            let reason = if pid.node == cx.vm.node().0 { atoms::NOPROC } else { atoms::NOCONNECTION };
            let (from, reason) = (cx.own(target), Vm::own_atom(reason));
            cx.vm.signal(cx.process, Signal::Exit { from, reason });
        }
    }
    Ok(Term::TRUE)
}

/// Monitors a process, a port or the time offset; returns the monitor's reference.
///
/// # Errors
///
/// `badarg`, with the cause `badtype` for an unknown kind.
#[bif("erlang:monitor/2")]
fn monitor<'h>(cx: &mut BifContext<'h>, kind: Term<'h>, target: Term<'h>) -> BifResult<'h> {
    set_monitor(cx, kind, target, None, None)
}

/// As `monitor/2`, with a tag in place of `'DOWN'` and an alias.
///
/// # Errors
///
/// As `monitor/2`, and with the cause `badopt` for a bad option.
#[bif("erlang:monitor/3")]
fn monitor_with<'h>(cx: &mut BifContext<'h>, kind: Term<'h>, target: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    match monitor_options(options) {
        Some((tag, alias)) => set_monitor(cx, kind, target, tag, alias),
        None => cx.badarg_because(atoms::BADOPT),
    }
}

/// What a monitor is to watch.
enum Watched {
    /// The caller itself: nothing ever happens.
    Caller,
    /// Something of this node, which may be gone.
    Local(MonitorTarget),
    /// A process of another node.
    Remote(MonitorTarget),
    /// A process or port of an earlier life of this node.
    Elsewhere,
}

fn set_monitor<'h>(
    cx: &mut BifContext<'h>,
    kind: Term<'h>,
    target: Term<'h>,
    tag: Option<Term<'h>>,
    alias: Option<AliasKind>,
) -> BifResult<'h> {
    let watched = match kind.as_atom() {
        Some(atoms::PROCESS) => watched_process(cx, target),
        Some(atoms::PORT) => watched_port(cx, target),
        Some(atoms::TIME_OFFSET) if target.is_atom(atoms::CLOCK_SERVICE) => {
            Some(Watched::Local(MonitorTarget::TimeOffset))
        }
        Some(atoms::TIME_OFFSET) => None,
        _ => return cx.badarg_because(atoms::BADTYPE),
    };
    let Some(watched) = watched else { return cx.badarg() };
    let to = match &watched {
        Watched::Remote(MonitorTarget::Remote(RemotePid { node, .. }) | MonitorTarget::RemoteName(_, node)) => {
            let to = prepared(cx, *node)?;
            interested(cx, to)?
        }
        _ => None,
    };
    let reference = cx.vm.next_reference();
    let term = match alias {
        Some(_) => cx.heap.alias_reference(reference.0, cx.pid()),
        None => cx.heap.reference(reference.0),
    };
    match watched {
        Watched::Caller => {
            if let Some(kind) = alias {
                cx.state.rare.aliases.insert(reference, kind);
            }
        }
        Watched::Local(target) => {
            let tag = tag.map(|tag| cx.own(tag));
            cx.state.monitors.insert(reference, Monitor { target, tag, alias, carries_owner: alias.is_some() });
            if !ask_to_watch(cx, reference, target) {
                cx.vm.signal(cx.process, Signal::Down { reference, reason: noproc() });
            }
        }
        Watched::Remote(target) => {
            let tag = tag.map(|tag| cx.own(tag));
            let is_alias = alias.is_some();
            cx.state.monitors.insert(reference, Monitor { target, tag, alias, carries_owner: is_alias });
            let asked = to.is_some_and(|to| cx.vm.send_remote_monitor(&to, cx.pid(), target, reference, is_alias));
            if !asked {
                let reason = Vm::own_atom(atoms::NOCONNECTION);
                cx.vm.signal(cx.process, Signal::Down { reference, reason });
            }
        }
        Watched::Elsewhere => {
            let tag = tag.unwrap_or(Term::atom(atoms::DOWN));
            let reason = Term::atom(if is_this_node(cx, target) { atoms::NOPROC } else { atoms::NOCONNECTION });
            let down = cx.heap.tuple(&[tag, term, kind, target, reason]);
            let down = cx.own(down);
            cx.vm.signal(cx.process, Signal::SystemMessage(down));
            if alias == Some(AliasKind::Explicit) {
                cx.state.rare.aliases.insert(reference, AliasKind::Explicit);
            }
        }
    }
    Ok(term)
}

fn is_this_node(cx: &BifContext<'_>, target: Term<'_>) -> bool {
    match target.value() {
        Value::ExternalPid(pid) => pid.node() == cx.vm.node().0,
        Value::ExternalPort(port) => port.node() == cx.vm.node().0,
        _ => false,
    }
}

/// A name given as an atom or as `{Name, Node}` with this node.
fn local_name(cx: &BifContext<'_>, target: Term<'_>) -> Option<Atom> {
    if let Some(name) = target.as_atom() {
        return Some(name);
    }
    let [name, node] = target.as_tuple_of::<2>()?;
    let name = name.as_atom()?;
    (node.as_atom()? == cx.vm.node().0).then_some(name)
}

fn watched_process(cx: &BifContext<'_>, target: Term<'_>) -> Option<Watched> {
    match target.value() {
        Value::Pid(pid) if pid == cx.pid() => Some(Watched::Caller),
        Value::Pid(pid) => Some(Watched::Local(MonitorTarget::Process(pid))),
        Value::ExternalPid(pid) if pid.node() == cx.vm.node().0 => Some(Watched::Elsewhere),
        Value::ExternalPid(_) => Some(Watched::Remote(MonitorTarget::Remote(RemotePid::of(target)?))),
        Value::Tuple(_) if local_name(cx, target).is_none() => {
            let [name, node] = target.as_tuple_of::<2>()?;
            if !cx.vm.is_alive() {
                // A node without a name has no other nodes, as OTP says it: by a bad argument.
                return None;
            }
            Some(Watched::Remote(MonitorTarget::RemoteName(name.as_atom()?, node.as_atom()?)))
        }
        _ => {
            let name = local_name(cx, target)?;
            Some(match cx.vm.registry.whereis(name) {
                Some(LinkTarget::Process(pid)) if pid == cx.pid() => Watched::Caller,
                Some(LinkTarget::Process(pid)) => Watched::Local(MonitorTarget::Name(name, pid)),
                _ => Watched::Local(MonitorTarget::Gone(name)),
            })
        }
    }
}

fn watched_port(cx: &BifContext<'_>, target: Term<'_>) -> Option<Watched> {
    if let Some(port) = target.as_port() {
        return Some(Watched::Local(MonitorTarget::Port(port)));
    }
    if matches!(target.value(), Value::ExternalPort(port) if port.node() == cx.vm.node().0) {
        return Some(Watched::Elsewhere);
    }
    let name = local_name(cx, target)?;
    Some(Watched::Local(match cx.vm.registry.whereis(name) {
        Some(LinkTarget::Port(port)) => MonitorTarget::PortName(name, port),
        _ => MonitorTarget::GonePort(name),
    }))
}

/// Tells the target that it is watched; false when it is gone.
fn ask_to_watch(cx: &BifContext<'_>, reference: LocalReference, target: MonitorTarget) -> bool {
    let watcher = cx.pid();
    match target {
        MonitorTarget::Process(pid) => cx.vm.signal_watcher(pid, reference, Some(Watcher { watcher, name: None })),
        MonitorTarget::Name(name, pid) => {
            cx.vm.signal_watcher(pid, reference, Some(Watcher { watcher, name: Some(name) }))
        }
        MonitorTarget::Port(port) | MonitorTarget::PortName(_, port) => {
            cx.vm.ports().is_some_and(|ports| ports.monitor(cx.vm, port, reference, watcher))
        }
        MonitorTarget::TimeOffset => true,
        MonitorTarget::Gone(_)
        | MonitorTarget::GonePort(_)
        | MonitorTarget::Remote(_)
        | MonitorTarget::RemoteName(..) => false,
    }
}

/// Removes a monitor; true when it was there.
/// Waits while the channel to the node that is watched is busy.
fn wait_to_demonitor<'h>(cx: &mut BifContext<'h>, reference: LocalReference) -> Result<(), Box<Interrupt<'h>>> {
    match cx.state.monitors.get(&reference).map(|monitor| monitor.target) {
        Some(MonitorTarget::Remote(RemotePid { node, .. }) | MonitorTarget::RemoteName(_, node)) => {
            wait_for_node(cx, node)
        }
        _ => Ok(()),
    }
}

fn remove_monitor(cx: &mut BifContext<'_>, reference: LocalReference) -> bool {
    let Some(monitor) = cx.state.monitors.remove(&reference) else { return false };
    if monitor.alias == Some(AliasKind::Explicit) {
        cx.state.rare.aliases.insert(reference, AliasKind::Explicit);
    }
    cx.vm.send_demonitor(cx.pid(), reference, &monitor);
    true
}

/// Removes a monitor that the caller has set.
///
/// # Errors
///
/// `badarg` for anything that is no reference of this node.
#[bif("erlang:demonitor/1")]
fn demonitor<'h>(cx: &mut BifContext<'h>, reference: Reference<'h>) -> BifResult<'h> {
    wait_to_demonitor(cx, reference.number())?;
    remove_monitor(cx, reference.number());
    Ok(Term::TRUE)
}

/// Removes a monitor; `flush` also removes its message, `info` returns whether it was there.
///
/// # Errors
///
/// `badarg` for anything that is no reference of this node, and for bad options.
#[bif("erlang:demonitor/2")]
fn demonitor_with<'h>(cx: &mut BifContext<'h>, reference: Reference<'h>, options: Term<'h>) -> BifResult<'h> {
    let Some(options) = options.to_vec() else { return cx.badarg() };
    let (mut flush, mut info) = (false, false);
    for option in options {
        match option.as_atom() {
            Some(atoms::FLUSH) => flush = true,
            Some(atoms::INFO) => info = true,
            _ => return cx.badarg(),
        }
    }
    wait_to_demonitor(cx, reference.number())?;
    let found = remove_monitor(cx, reference.number());
    if flush && !found {
        let is_down = |message: Term<'_>| {
            message.as_tuple_of::<5>().is_some_and(|elements| elements[1].is_exactly(reference.term()))
        };
        cx.spend(cx.state.messages.len() / 16);
        cx.state.messages.remove_where(cx.vm, is_down);
    }
    Ok(Term::boolean(found || !info))
}

/// Makes an alias of the caller; with `reply` it ends with the first message sent through it.
///
/// # Errors
///
/// `badarg` for bad options.
#[bif("erlang:alias/1")]
fn alias_with<'h>(cx: &mut BifContext<'h>, options: Term<'h>) -> BifResult<'h> {
    let Some(options) = options.to_vec() else { return cx.badarg() };
    let mut kind = AliasKind::Explicit;
    for option in options {
        kind = match option.as_atom() {
            Some(atoms::EXPLICIT_UNALIAS) => AliasKind::Explicit,
            Some(atoms::REPLY) => AliasKind::ReplyOnly,
            _ => return cx.badarg(),
        };
    }
    Ok(make_alias(cx, kind))
}

fn make_alias<'h>(cx: &mut BifContext<'h>, kind: AliasKind) -> Term<'h> {
    let reference = cx.vm.next_reference();
    cx.state.rare.aliases.insert(reference, kind);
    cx.heap.alias_reference(reference.0, cx.pid())
}

/// Ends an alias of the caller; false when it is none.
///
/// # Errors
///
/// `badarg` for anything that is no reference.
#[bif("erlang:unalias/1")]
fn unalias<'h>(cx: &mut BifContext<'h>, alias: Term<'h>) -> BifResult<'h> {
    if !alias.is_reference() {
        return cx.badarg();
    }
    let owner: Option<Pid> = alias.as_reference().and_then(Reference::alias_of);
    let Some(reference) = alias.as_reference().filter(|_| owner == Some(cx.pid())) else {
        return Ok(Term::FALSE);
    };
    let number = reference.number();
    let of_monitor = cx.state.monitors.get_mut(&number).and_then(|monitor| monitor.alias.take()).is_some();
    let found = cx.state.rare.if_set().is_some_and(|rare| rare.aliases.remove(&number).is_some()) || of_monitor;
    Ok(Term::boolean(found))
}
