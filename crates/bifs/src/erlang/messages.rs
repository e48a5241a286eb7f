//! Sending messages, and registered names.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, Destination, LinkTarget, Signal};
use oxbeam_term::{Atom, Term, atoms};

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
    let owned = match destination {
        Destination::Port(_) => cx.own(message),
        _ => cx.own_message(message),
    };
    cx.spend(1 + owned.words() / 64);
    match destination {
        Destination::Process(pid) if pid == cx.pid() => {
            let message = cx.vm.with_token(cx.state, pid, Term::pid(pid), Signal::Message(owned));
            cx.vm.signal_from(pid, cx.process, message);
        }
        Destination::Process(pid) => {
            if let Some(process) = cx.vm.process(pid) {
                let message = cx.vm.with_token(cx.state, cx.process.pid(), Term::pid(pid), Signal::Message(owned));
                cx.vm.signal_from(cx.pid(), &process, message);
            }
        }
        Destination::Alias(pid, alias) => {
            let message = Signal::AliasMessage { alias, message: owned };
            let message = cx.vm.with_token(cx.state, cx.process.pid(), to, message);
            if let Some(process) = cx.vm.process(pid) {
                cx.vm.signal_from(cx.pid(), &process, message);
            }
        }
        Destination::Port(port) => {
            if let Some(ports) = cx.vm.ports() {
                ports.message(cx.vm, port, cx.pid(), owned);
            }
        }
        Destination::Nobody => {}
    }
    Some(())
}

/// Sends a message; returns it.
///
/// # Errors
///
/// `badarg` when `destination` is not a pid, port, reference, registered name or `{Name, Node}`.
#[bif("erlang:!/2")]
fn send_operator<'h>(cx: &mut BifContext<'h>, destination: Term<'h>, message: Term<'h>) -> BifResult<'h> {
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
    let is_option = |option: &Term<'h>| option.is_atom(atoms::NOSUSPEND) || option.is_atom(atoms::NOCONNECT);
    if !options.to_vec().is_some_and(|options| options.iter().all(is_option)) {
        return cx.badarg_because(atoms::BADOPT);
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
