//! Sending messages, and registered names.

use super::external::{TERMS_PER_REDUCTION, TERMS_PER_STEP};
use oxbeam_bif_macros::bif;
use oxbeam_etf::SystemLimit;
use oxbeam_runtime::distribution::{EncodedPayload, Interest, Payload, Prepared};
use oxbeam_runtime::{
    BifContext, BifResult, Destination, Interrupt, LinkTarget, RemotePid, RemoteReference, Trap, sequential,
};
use oxbeam_term::{Atom, Term, Value, atoms};

/// Sends `message`; `None` when `destination` names nobody and never can, or is a name that is not registered.
fn deliver<'h>(cx: &mut BifContext<'h>, destination: Term<'h>, message: Term<'h>) -> Option<()> {
    let to = destination;
    let destination = cx.vm.destination(destination).ok()?;
    // A name that nobody has is told too.
    cx.trace_send(to, message);
    let destination = destination?;
    if destination == Destination::Nobody {
        return Some(());
    }
    match destination {
        Destination::Process(pid) => {
            let words = cx.vm.send_from(cx, pid, None, Term::pid(pid), message);
            cx.spend(1 + words / 64);
        }
        Destination::Alias(pid, alias) => {
            let words = cx.vm.send_from(cx, pid, Some(alias), to, message);
            cx.spend(1 + words / 64);
        }
        Destination::Port(port) => {
            let owned = cx.own(message);
            cx.spend(1 + owned.words() / 64);
            if let Some(ports) = cx.vm.ports() {
                ports.message(cx.vm, port, cx.pid(), owned);
            }
        }
        Destination::Nobody => {}
    }
    Some(())
}

/// Options of `send/3`.
#[derive(Clone, Copy, Default)]
struct SendOptions {
    nosuspend: bool,
    noconnect: bool,
}

/// Does the destination name something on another node?
fn is_elsewhere(cx: &BifContext<'_>, destination: Term<'_>) -> bool {
    elsewhere(destination).is_some_and(|node| node != cx.vm.node().0)
}

/// The node of a destination that names one.
fn elsewhere(destination: Term<'_>) -> Option<Atom> {
    match destination.value() {
        Value::ExternalPid(external) | Value::ExternalReference(external) => Some(external.node()),
        Value::Tuple(_) => {
            let [name, node] = destination.as_tuple_of::<2>()?;
            name.as_atom()?;
            node.as_atom()
        }
        _ => None,
    }
}

/// Sends to another node: `ok`, `noconnect` or `nosuspend`. Waits while the channel is busy.
fn send_elsewhere<'h>(
    cx: &mut BifContext<'h>,
    destination: Term<'h>,
    message: Term<'h>,
    options: SendOptions,
) -> BifResult<'h> {
    let ok = Ok(Term::atom(atoms::OK));
    let Some(node) = elsewhere(destination) else { return cx.badarg() };
    no_longer_waits(cx);
    let Some(to) = cx.vm.prepare(node, !options.noconnect) else {
        return if options.noconnect && cx.vm.is_alive() { Ok(Term::atom(atoms::NOCONNECT)) } else { ok };
    };
    if options.nosuspend && to.entry.is_busy(cx.vm) {
        return Ok(Term::atom(atoms::NOSUSPEND));
    }
    wait_for_channel(cx, &to, Some(message))?;
    let payload = Payload::Encoded(encoded_payload(cx, &to, message)?);
    cx.trace_send(destination, message);
    let from = cx.pid();
    let token = cx.vm.next_token(cx.state, from);
    if let Some(token) = &token {
        cx.vm.tell_sequential(cx.state, token, sequential::SEND, destination, message, Some(from));
    }
    let token = token.as_ref();
    if let Some(pid) = RemotePid::of(destination) {
        cx.vm.send_remote(&to, from, pid, payload, token);
    } else if let Some(alias) = RemoteReference::of(destination) {
        cx.vm.send_remote_alias(&to, from, alias, payload, token);
    } else if let Some([name, _]) = destination.as_tuple_of::<2>() {
        cx.vm.send_remote_name(&to, from, name.as_atom().unwrap_or(atoms::UNDEFINED), payload, token);
    }
    cx.spend(10);
    ok
}

/// What a message to another node carries. A large one is encoded on a dirty scheduler.
///
/// # Errors
///
/// `system_limit` when it is too large for the format.
pub(crate) fn encoded_payload<'h>(
    cx: &mut BifContext<'h>,
    to: &Prepared,
    term: Term<'h>,
) -> Result<EncodedPayload, Box<Interrupt<'h>>> {
    let mut encoder = to.payload_encoder(term);
    loop {
        let mut budget = TERMS_PER_STEP;
        match encoder.step(cx.vm, &mut budget) {
            Ok(Some(payload)) => {
                cx.spend((TERMS_PER_STEP - budget) / TERMS_PER_REDUCTION);
                return Ok(payload);
            }
            Ok(None) => cx.work(TERMS_PER_STEP / TERMS_PER_REDUCTION)?,
            Err(SystemLimit) => return Err(cx.raise(atoms::SYSTEM_LIMIT)),
        }
    }
}

/// Lets the caller wait while the channel is busy: it is woken, and calls again, when it is not any more.
fn wait_for_channel<'h>(
    cx: &mut BifContext<'h>,
    to: &Prepared,
    payload: Option<Term<'h>>,
) -> Result<(), Box<Interrupt<'h>>> {
    let (vm, pid) = (cx.vm, cx.pid());
    let is_large = || payload.is_some_and(|payload| vm.is_large(payload));
    // A call that was handed over to a dirty scheduler has waited already.
    if cx.state.flags.async_dist || cx.is_dirty() || !to.entry.suspend_if_busy(vm, pid, is_large) {
        return Ok(());
    }
    cx.state.rare.waits_for_channel = true;
    if let Some(controller) = to.entry.info().controller {
        cx.vm.waits_for_connection(cx.process, controller);
    }
    Err(Box::new(Interrupt::Trap(Trap::Wait)))
}

fn no_longer_waits(cx: &mut BifContext<'_>) {
    if let Some(rare) = cx.state.rare.if_set() {
        rare.waits_for_channel = false;
    }
}

/// Gets ready to send a signal to a node, connecting to it if need be; waits while it is busy. `None` when there is no connection.
pub(crate) fn prepared<'h>(cx: &mut BifContext<'h>, node: Atom) -> Result<Option<Prepared>, Box<Interrupt<'h>>> {
    prepared_for(cx, node, None)
}

/// As [`prepared`], for a signal that carries `payload`.
pub(crate) fn prepared_for<'h>(
    cx: &mut BifContext<'h>,
    node: Atom,
    payload: Option<Term<'h>>,
) -> Result<Option<Prepared>, Box<Interrupt<'h>>> {
    no_longer_waits(cx);
    let to = cx.vm.prepare(node, true);
    if let Some(to) = &to {
        wait_for_channel(cx, to, payload)?;
    }
    Ok(to)
}

/// Waits while the channel to a node is busy, if there is a connection.
pub(crate) fn wait_for_node<'h>(cx: &mut BifContext<'h>, node: Atom) -> Result<(), Box<Interrupt<'h>>> {
    no_longer_waits(cx);
    match cx.vm.prepare(node, false) {
        Some(to) => wait_for_channel(cx, &to, None),
        None => Ok(()),
    }
}

/// Has the caller be told when the connection ends: `None` when it has ended. When the caller has not handled the end of an
/// earlier one, it does that and calls again.
pub(crate) fn interested<'h>(
    cx: &mut BifContext<'h>,
    to: Option<Prepared>,
) -> Result<Option<Prepared>, Box<Interrupt<'h>>> {
    let Some(to) = to else { return Ok(None) };
    match cx.vm.take_interest(cx.process, cx.state, &to) {
        Interest::Taken => Ok(Some(to)),
        Interest::Gone => Ok(None),
        Interest::Stale => Err(Box::new(Interrupt::Trap(Trap::Wait))),
    }
}

/// Sends a message; returns it.
///
/// # Errors
///
/// `badarg` when `destination` is not a pid, port, reference, registered name or `{Name, Node}`.
#[bif("erlang:!/2")]
fn send_operator<'h>(cx: &mut BifContext<'h>, destination: Term<'h>, message: Term<'h>) -> BifResult<'h> {
    if is_elsewhere(cx, destination) {
        return send_elsewhere(cx, destination, message, SendOptions::default()).map(|_| message);
    }
    match deliver(cx, destination, message) {
        Some(()) => Ok(message),
        None => cx.badarg(),
    }
}

/// As `!`.
#[bif("erlang:send/2")]
fn send<'h>(cx: &mut BifContext<'h>, destination: Term<'h>, message: Term<'h>) -> BifResult<'h> {
    send_operator(cx, destination, message)
}

/// Sends a message without waiting (`nosuspend`) or connecting to another node (`noconnect`); returns `ok`.
///
/// # Errors
///
/// `badarg` as for `!`, with the cause `badopt` for a bad option.
#[bif("erlang:send/3")]
fn send_options<'h>(
    cx: &mut BifContext<'h>,
    destination: Term<'h>,
    message: Term<'h>,
    options: Term<'h>,
) -> BifResult<'h> {
    let mut chosen = SendOptions::default();
    let Some(options) = options.to_vec() else { return cx.badarg_because(atoms::BADOPT) };
    for option in options {
        match option.as_atom() {
            Some(atoms::NOSUSPEND) => chosen.nosuspend = true,
            Some(atoms::NOCONNECT) => chosen.noconnect = true,
            _ => return cx.badarg_because(atoms::BADOPT),
        }
    }
    if is_elsewhere(cx, destination) {
        return send_elsewhere(cx, destination, message, chosen);
    }
    match deliver(cx, destination, message) {
        Some(()) => Ok(Term::atom(atoms::OK)),
        None => cx.badarg(),
    }
}

/// Registers a process or port under a name.
///
/// # Errors
///
/// `badarg` when the name is taken or `undefined`, the process is gone, or it has a name already.
#[bif("erlang:register/2")]
fn register<'h>(cx: &mut BifContext<'h>, name: Atom, target: Term<'h>) -> BifResult<'h> {
    let done = name != atoms::UNDEFINED
        && if let Some(pid) = target.as_pid() {
            cx.vm.process(pid).is_some_and(|process| cx.vm.register_process(name, &process))
        } else if let Some(port) = target.as_port() {
            cx.vm.register_port(name, port)
        } else {
            false
        };
    if done { Ok(Term::TRUE) } else { cx.badarg() }
}

/// Frees a registered name.
///
/// # Errors
///
/// `badarg` when nothing is registered under it.
#[bif("erlang:unregister/1")]
fn unregister<'h>(cx: &mut BifContext<'h>, name: Atom) -> BifResult<'h> {
    match cx.vm.unregister(name) {
        Some(_) => Ok(Term::TRUE),
        None => cx.badarg(),
    }
}

/// The process or port with this name, or `undefined`.
#[bif("erlang:whereis/1")]
fn whereis<'h>(cx: &mut BifContext<'h>, name: Atom) -> BifResult<'h> {
    Ok(match cx.vm.registry.whereis(name) {
        Some(LinkTarget::Process(pid)) => Term::pid(pid),
        Some(LinkTarget::Port(port)) => Term::port(port),
        Some(LinkTarget::Remote(pid)) => pid.term(cx.heap),
        None => Term::atom(atoms::UNDEFINED),
    })
}

/// All registered names.
#[bif("erlang:registered/0")]
fn registered<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let names: Vec<Term<'h>> = cx.vm.registry.names().into_iter().map(Term::atom).collect();
    cx.spend(names.len() / 8);
    Ok(cx.heap.list(&names))
}
