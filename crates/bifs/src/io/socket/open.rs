//! Opening, binding, connecting, listening, accepting, closing; names and information.

use super::address::{decode, domain_of, domain_term, encode, item, kind_of, kind_term, map};
use super::{
    Counters, Inner, Open, Origin, Purpose, Sockets, done, handle, invalid, new_handle, open_or_closed, posix,
    raise_invalid, tagged,
};
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_sys::network::in_namespace;
use oxbeam_sys::numbers::*;
use oxbeam_sys::socket::{Direction, Socket};
use oxbeam_sys::{Errno, Result as SysResult};
use oxbeam_term::{Pid, Term, atoms};
use std::sync::atomic::Ordering;

/// Opens a socket: `{ok, Reference}`.
#[bif("prim_socket:nif_open/4", nif)]
fn open<'h>(
    cx: &mut BifContext<'h>,
    domain: Term<'h>,
    kind: Term<'h>,
    protocol: i64,
    options: Term<'h>,
) -> BifResult<'h> {
    if !options.is_map() {
        return cx.badarg();
    }
    let Some(domain) = domain_of(cx, domain) else { return tagged(cx, "invalid", "domain") };
    let Some(kind) = kind_of(cx, kind) else { return tagged(cx, "invalid", "type") };
    let Ok(protocol) = i32::try_from(protocol) else { return cx.badarg() };
    let namespace = item(cx, options, "netns").and_then(Term::as_binary);
    let opened = match namespace {
        Some(path) => in_namespace(&path, || Socket::open(domain, kind, protocol)),
        None => Socket::open(domain, kind, protocol),
    };
    match opened {
        Ok(socket) => {
            // The protocol that the kernel chose for 0.
            let protocol = match protocol {
                0 => socket.number_option(SOL_SOCKET, SO_PROTOCOL).unwrap_or(0),
                chosen => chosen,
            };
            let inner = Inner::new(socket, (domain, kind, protocol), cx.pid());
            let use_registry = item(cx, options, "use_registry").and_then(Term::as_boolean);
            Ok(cx.ok(new_handle(cx, inner, use_registry)))
        }
        Err(error) => posix(cx, error),
    }
}

/// Takes over a copy of an open descriptor: `{ok, Reference}`.
#[bif("prim_socket:nif_open/2", nif)]
fn open_descriptor<'h>(cx: &mut BifContext<'h>, descriptor: i64, options: Term<'h>) -> BifResult<'h> {
    if !options.is_map() {
        return cx.badarg();
    }
    let Ok(descriptor) = i32::try_from(descriptor) else { return cx.badarg() };
    // What is no socket has no domain.
    let Ok(socket) = Socket::copy_of(descriptor) else { return tagged(cx, "invalid", "domain") };
    let known = |name| socket.number_option(SOL_SOCKET, name);
    let given = |name: &str| item(cx, options, name);
    let domain = given("domain").and_then(|term| domain_of(cx, term)).map_or_else(|| known(SO_DOMAIN), Ok);
    let kind = given("type").and_then(|term| kind_of(cx, term)).map_or_else(|| known(SO_TYPE), Ok);
    let protocol = given("protocol").and_then(Term::as_small).map_or_else(|| known(SO_PROTOCOL), |n| Ok(n as i32));
    match (domain, kind, protocol) {
        (Ok(domain), Ok(kind), Ok(protocol)) => {
            let is_connected = socket.peer().is_ok();
            let mut inner = Inner::new(socket, (domain, kind, protocol), cx.pid());
            inner.is_connected = is_connected;
            inner.origin = match given("dup").and_then(Term::as_boolean) {
                Some(false) => Origin::Descriptor,
                _ => Origin::CopyOf(descriptor),
            };
            let use_registry = given("use_registry").and_then(Term::as_boolean);
            Ok(cx.ok(new_handle(cx, inner, use_registry)))
        }
        (Err(_), _, _) => tagged(cx, "invalid", "domain"),
        (_, Err(_), _) => tagged(cx, "invalid", "type"),
        (_, _, Err(error)) => posix(cx, error),
    }
}

/// Binds a socket to an address.
#[bif("prim_socket:nif_bind/2", nif)]
fn bind<'h>(cx: &mut BifContext<'h>, socket: Term<'h>, address: Term<'h>) -> BifResult<'h> {
    let mut open = open_or_closed!(cx, socket);
    let address = match address.as_atom().map(|atom| cx.text(atom)) {
        Some("any" | "loopback" | "broadcast") | None if !address.is_map() => None,
        _ => decode(cx, address),
    };
    let Some(address) = address else { return tagged(cx, "invalid", "sockaddr") };
    let outcome = open.inner.socket().and_then(|socket| socket.bind(&address));
    open.inner.is_bound |= outcome.is_ok();
    done(cx, outcome)
}

/// Begins to connect a socket: `ok`, or `select`.
#[bif("prim_socket:nif_connect/3", nif)]
fn connect<'h>(cx: &mut BifContext<'h>, socket: Term<'h>, reference: Term<'h>, address: Term<'h>) -> BifResult<'h> {
    let open = open_or_closed!(cx, socket);
    let Some(address) = decode(cx, address) else { return tagged(cx, "invalid", "sockaddr") };
    let Open { handle, object, mut inner } = open;
    if !inner.writers.is_empty() {
        return invalid(cx, "state");
    }
    if let Some(connector) = &inner.connector {
        if connector.pid != cx.pid() {
            return tagged(cx, "error", "already");
        }
        return connected(cx, &mut inner);
    }
    match inner.socket().and_then(|socket| socket.connect(&address)) {
        Ok(()) => {
            inner.is_connected = true;
            Ok(Term::atom(atoms::OK))
        }
        Err(Errno::EINPROGRESS) => {
            let reference = cx.own(reference);
            let waits = handle.wait(cx.vm, &object, &mut inner, Purpose::Connect, cx.pid(), reference);
            match waits {
                Ok(()) => Ok(Term::atom(cx.intern("select")?)),
                Err(error) => posix(cx, error),
            }
        }
        Err(error) => posix(cx, error),
    }
}

/// The outcome of a connection, after `select`.
#[bif("prim_socket:nif_connect/1", nif)]
fn connect_finish<'h>(cx: &mut BifContext<'h>, socket: Term<'h>) -> BifResult<'h> {
    let mut open = open_or_closed!(cx, socket);
    match &open.inner.connector {
        Some(connector) if connector.pid == cx.pid() => connected(cx, &mut open.inner),
        _ => raise_invalid(cx, "state"),
    }
}

fn connected<'h>(cx: &BifContext<'h>, inner: &mut Inner) -> BifResult<'h> {
    inner.connector = None;
    let outcome = inner.socket().and_then(Socket::take_error);
    inner.is_connected |= outcome.is_ok();
    done(cx, outcome)
}

/// Lets a socket wait for connections.
#[bif("prim_socket:nif_listen/2", nif)]
fn listen<'h>(cx: &mut BifContext<'h>, socket: Term<'h>, backlog: i64) -> BifResult<'h> {
    let mut open = open_or_closed!(cx, socket);
    let Ok(backlog) = i32::try_from(backlog) else { return cx.badarg() };
    let outcome = open.inner.socket().and_then(|socket| socket.listen(backlog));
    open.inner.is_listening |= outcome.is_ok();
    done(cx, outcome)
}

/// Takes a connection: `{ok, Reference}`, or `select`.
#[bif("prim_socket:nif_accept/2", nif)]
fn accept<'h>(cx: &mut BifContext<'h>, socket: Term<'h>, reference: Term<'h>) -> BifResult<'h> {
    let Open { handle, object, mut inner } = open_or_closed!(cx, socket);
    if !inner.readers.is_empty() {
        return invalid(cx, "state");
    }
    if let Some(answer) = handle.check_turn(cx, &object, &mut inner, Purpose::Accept, reference)? {
        return Ok(answer);
    }
    inner.counters.accept_tries += 1;
    match inner.socket().and_then(Socket::accept) {
        Ok((socket, _)) => {
            inner.counters.accept_successes += 1;
            handle.next(cx.vm, &mut inner, Purpose::Accept, cx.pid());
            let kind = (inner.domain, inner.kind, inner.protocol);
            let mut accepted = Inner::new(socket, kind, cx.pid());
            accepted.is_connected = true;
            accepted.receive_buffer = inner.receive_buffer;
            accepted.receive_repeats = inner.receive_repeats;
            accepted.control_receive_buffer = inner.control_receive_buffer;
            accepted.control_send_buffer = inner.control_send_buffer;
            accepted.debug = inner.debug;
            accepted.counter_messages = inner.counter_messages;
            accepted.meta = inner.meta.clone();
            let use_registry = Some(inner.is_registered);
            drop(inner);
            Ok(cx.ok(new_handle(cx, accepted, use_registry)))
        }
        Err(Errno::EAGAIN) => {
            if reference.is_atom(cx.intern("zero")?) {
                return Ok(Term::atom(atoms::TIMEOUT));
            }
            inner.counters.accept_waits += 1;
            let waits = handle.wait(cx.vm, &object, &mut inner, Purpose::Accept, cx.pid(), cx.own(reference));
            match waits {
                Ok(()) => Ok(Term::atom(cx.intern("select")?)),
                Err(error) => posix(cx, error),
            }
        }
        Err(error) => {
            inner.counters.accept_fails += 1;
            let reason = cx.intern(error.name())?;
            handle.fail_queue(cx.vm, &mut inner, Purpose::Accept, cx.pid(), reason);
            posix(cx, error)
        }
    }
}

/// Ends one direction or both.
#[bif("prim_socket:nif_shutdown/2", nif)]
fn shutdown<'h>(cx: &mut BifContext<'h>, socket: Term<'h>, how: Term<'h>) -> BifResult<'h> {
    let open = open_or_closed!(cx, socket);
    let direction = match how.as_atom().map(|atom| cx.text(atom)) {
        Some("read") => Direction::Read,
        Some("write") => Direction::Write,
        Some("read_write") => Direction::Both,
        _ => return cx.badarg(),
    };
    done(cx, open.inner.socket().and_then(|socket| socket.shut_down(direction)))
}

/// Begins to close: who waits is told, nothing works any more.
#[bif("prim_socket:nif_close/1", nif)]
fn close<'h>(cx: &mut BifContext<'h>, socket: Term<'h>) -> BifResult<'h> {
    let mut open = open_or_closed!(cx, socket);
    open.handle.stop(cx.vm, &mut open.inner);
    Ok(Term::atom(atoms::OK))
}

/// Closes the descriptor, after `nif_close/1`. With `linger` this may take long.
#[bif("prim_socket:nif_finalize_close/1", nif, dirty_io)]
fn finalize_close<'h>(cx: &mut BifContext<'h>, socket: Term<'h>) -> BifResult<'h> {
    let (handle, _) = handle(cx, socket)?;
    let mut inner = handle.inner.lock();
    if inner.socket.is_none() {
        return tagged(cx, "error", "closed");
    }
    if !inner.is_closing {
        return raise_invalid(cx, "state");
    }
    handle.release(cx.vm, &mut inner, drop);
    Ok(Term::atom(atoms::OK))
}

/// Takes a process that waits with this reference out: `ok`, `select_sent`, or `not_found`.
#[bif("prim_socket:nif_cancel/3", nif)]
fn cancel<'h>(cx: &mut BifContext<'h>, socket: Term<'h>, operation: Term<'h>, reference: Term<'h>) -> BifResult<'h> {
    let mut open = open_or_closed!(cx, socket);
    let purpose = match operation.as_atom().map(|atom| cx.text(atom)) {
        Some("connect") => Purpose::Connect,
        Some("accept") => Purpose::Accept,
        Some("send" | "sendto" | "sendmsg" | "sendv" | "sendfile") => Purpose::Write,
        Some("recv" | "recvfrom" | "recvmsg") => Purpose::Read,
        _ => return cx.badarg(),
    };
    let inner = &mut *open.inner;
    let is_it = |waiter: &super::Waiter| waiter.reference.term().is_exactly(reference);
    let told = if purpose == Purpose::Connect {
        inner.connector.take_if(|connector| is_it(connector)).map(|connector| connector.told)
    } else {
        let at = inner.queue(purpose).iter().position(is_it);
        let waiter = at.and_then(|at| inner.queue(purpose).remove(at));
        if at == Some(0) {
            open.handle.activate(cx.vm, inner, purpose);
        }
        waiter.map(|waiter| waiter.told)
    };
    Ok(Term::atom(match told {
        None => cx.intern("not_found")?,
        Some(true) => cx.intern("select_sent")?,
        Some(false) => atoms::OK,
    }))
}

fn name_answer<'h>(cx: &BifContext<'h>, outcome: SysResult<oxbeam_sys::address::Address>) -> BifResult<'h> {
    match outcome {
        Ok(address) => Ok(cx.ok(encode(cx, &address)?)),
        Err(error) => posix(cx, error),
    }
}

/// The socket's own address.
#[bif("prim_socket:nif_sockname/1", nif)]
fn sockname<'h>(cx: &mut BifContext<'h>, socket: Term<'h>) -> BifResult<'h> {
    let open = open_or_closed!(cx, socket);
    name_answer(cx, open.inner.socket().and_then(Socket::name))
}

/// The address of the other end.
#[bif("prim_socket:nif_peername/1", nif)]
fn peername<'h>(cx: &mut BifContext<'h>, socket: Term<'h>) -> BifResult<'h> {
    let open = open_or_closed!(cx, socket);
    name_answer(cx, open.inner.socket().and_then(Socket::peer))
}

fn counters_map<'h>(cx: &BifContext<'h>, counters: &Counters) -> BifResult<'h> {
    let number = |number: u64| cx.heap.unsigned(number);
    map(
        cx,
        &[
            ("read_byte", number(counters.read_bytes)),
            ("read_fails", number(counters.read_fails)),
            ("read_pkg", number(counters.read_packets)),
            ("read_pkg_max", number(counters.read_largest)),
            ("read_tries", number(counters.read_tries)),
            ("read_waits", number(counters.read_waits)),
            ("write_byte", number(counters.write_bytes)),
            ("write_fails", number(counters.write_fails)),
            ("write_pkg", number(counters.write_packets)),
            ("write_pkg_max", number(counters.write_largest)),
            ("write_tries", number(counters.write_tries)),
            ("write_waits", number(counters.write_waits)),
            ("acc_success", number(counters.accept_successes)),
            ("acc_fails", number(counters.accept_fails)),
            ("acc_tries", number(counters.accept_tries)),
            ("acc_waits", number(counters.accept_waits)),
        ],
    )
}

/// Facts about a socket.
#[bif("prim_socket:nif_info/1", nif)]
fn info<'h>(cx: &mut BifContext<'h>, socket: Term<'h>) -> BifResult<'h> {
    let (handle, _) = handle(cx, socket)?;
    let inner = handle.inner.lock();
    let heap = cx.heap;
    let states = |names: &[(bool, &str)]| -> BifResult<'h> {
        let mut states = Vec::new();
        for (_, name) in names.iter().filter(|(is, _)| *is) {
            states.push(Term::atom(cx.intern(name)?));
        }
        Ok(heap.list(&states))
    };
    let is_closed = inner.socket.is_none();
    let read_states = states(&[
        (inner.armed.read, "selected"),
        (!inner.acceptors.is_empty(), "accepting"),
        (inner.is_listening, "listening"),
        (inner.is_closing, "closing"),
        (is_closed, "closed"),
    ])?;
    let write_states = states(&[
        (inner.armed.write, "selected"),
        (inner.is_bound, "bound"),
        (inner.is_connected, "connected"),
        (inner.connector.is_some(), "connecting"),
        (inner.is_closing, "closing"),
        (is_closed, "closed"),
    ])?;
    let count = |count: usize| Term::small(count as i64);
    let from_descriptor = Term::atom(cx.intern("fromfd")?);
    let origin = match inner.origin {
        Origin::New => Term::atom(cx.intern("normal")?),
        Origin::Descriptor => from_descriptor,
        Origin::CopyOf(number) => heap.tuple(&[from_descriptor, Term::small(number.into())]),
    };
    map(
        cx,
        &[
            ("owner", Term::pid(inner.owner)),
            ("domain", domain_term(cx, inner.domain)?),
            ("type", kind_term(cx, inner.kind)?),
            ("protocol", Term::small(inner.protocol.into())),
            ("ctype", origin),
            ("rstates", read_states),
            ("wstates", write_states),
            ("num_readers", count(inner.readers.len())),
            ("num_writers", count(inner.writers.len())),
            ("num_acceptors", count(inner.acceptors.len())),
            ("counters", counters_map(cx, &inner.counters)?),
        ],
    )
}

/// Facts about all sockets.
#[bif("prim_socket:nif_info/0", nif)]
fn info_all<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let sockets = cx.vm.extension::<Sockets>();
    let mut counts: [(&str, u64); 11] = [
        ("num_sockets", 0),
        ("num_tdgrams", 0),
        ("num_tseqpkgs", 0),
        ("num_tstreams", 0),
        ("num_dlocal", 0),
        ("num_dinet", 0),
        ("num_dinet6", 0),
        ("num_pip", 0),
        ("num_psctp", 0),
        ("num_ptcp", 0),
        ("num_pudp", 0),
    ];
    sockets.each(|inner| {
        let mut count = |name: &str, is: bool| {
            if let Some((_, counter)) = counts.iter_mut().find(|(known, _)| *known == name) {
                *counter += u64::from(is);
            }
        };
        count("num_sockets", true);
        count("num_tdgrams", inner.kind == SOCK_DGRAM);
        count("num_tstreams", inner.kind == SOCK_STREAM);
        count("num_tseqpkgs", inner.kind == 5);
        count("num_dlocal", inner.domain == AF_UNIX);
        count("num_dinet", inner.domain == AF_INET);
        count("num_dinet6", inner.domain == AF_INET6);
        let of_inet = inner.domain != AF_UNIX;
        count("num_pip", of_inet && inner.protocol == IPPROTO_IP);
        count("num_ptcp", inner.protocol == IPPROTO_TCP);
        count("num_pudp", inner.protocol == IPPROTO_UDP);
        count("num_psctp", inner.protocol == 132);
    });
    let mut items: Vec<(&str, Term<'h>)> =
        counts.iter().map(|&(name, count)| (name, cx.heap.unsigned(count))).collect();
    items.push(("num_cnt_bits", Term::small(64)));
    let counters = map(cx, &items)?;
    let backend = map(cx, &[("name", Term::atom(cx.intern("unix_essio")?))])?;
    let uses_registry = !sockets.avoids_registry.load(Ordering::Relaxed);
    map(
        cx,
        &[
            ("debug", Term::boolean(sockets.is_debug(false))),
            ("socket_debug", Term::boolean(sockets.is_debug(true))),
            ("use_registry", Term::boolean(uses_registry)),
            ("eei", Term::TRUE),
            ("iow", Term::FALSE),
            ("counters", counters),
            ("iov_max", Term::small(oxbeam_sys::socket::BUFFERS_MAX as i64)),
            ("io_backend", backend),
        ],
    )
}

/// Sets `debug`, `socket_debug` (kept and told) or `use_registry`.
#[bif("prim_socket:nif_command/1", nif)]
fn command<'h>(cx: &mut BifContext<'h>, command: Term<'h>) -> BifResult<'h> {
    let (Some(name), Some(data)) = (item(cx, command, "command"), item(cx, command, "data")) else {
        return cx.badarg();
    };
    let Some(value) = data.as_boolean() else { return cx.badarg() };
    let sockets = cx.vm.extension::<Sockets>();
    match name.as_atom().map(|atom| cx.text(atom)) {
        Some("debug") => sockets.debug.store(value, Ordering::Relaxed),
        Some("socket_debug") => sockets.socket_debug.store(value, Ordering::Relaxed),
        Some("use_registry") => sockets.avoids_registry.store(!value, Ordering::Relaxed),
        _ => return cx.badarg(),
    }
    Ok(Term::atom(atoms::OK))
}

/// Gives a socket to another process. The caller has checked who asks.
pub(super) fn set_owner<'h>(cx: &BifContext<'h>, open: &mut Open<'h>, owner: Pid) -> BifResult<'h> {
    if cx.vm.process(owner).is_none() {
        return tagged(cx, "error", "einval");
    }
    open.inner.owner = owner;
    super::remember(cx.vm, owner, &open.object);
    Ok(Term::atom(atoms::OK))
}
