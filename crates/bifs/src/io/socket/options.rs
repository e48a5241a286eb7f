//! `setopt`, `getopt`: options of the kernel by their kinds, options of `otp`, and values in the kernel's own bytes.

use super::address::{domain_of, domain_term, ip_term, ipv4_of, ipv6_of, is_named, item, kind_term, map};
use super::open::set_owner;
use super::supports::option_kind;
use super::transfer::bytes_of;
use super::{Inner, Open, open_or_closed, posix, tagged};
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_sys::Errno;
use oxbeam_sys::numbers::*;
use oxbeam_sys::socket::{Socket, decode_control};
use oxbeam_term::{Term, atoms};
use std::net::Ipv4Addr;

/// What the value of an option is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OptionKind {
    Boolean,
    Number,
    /// A number up to 255, or `default`.
    Hops,
    Text,
    Linger,
    Domain,
    Kind,
    Protocol,
    TypeOfService,
    MtuDiscovery,
    Address4,
    Membership4,
    Source4,
    Filter4,
    Membership6,
    PacketOptions,
    /// Only in the kernel's own bytes.
    Unknown,
}

use OptionKind::*;

/// Largest value of an option of the kernel that is asked for without its size.
const TEXT_MAX: usize = 256;
/// Names of `IP_MTU_DISCOVER`, by number.
const DISCOVERY: [&str; 4] = ["dont", "want", "do", "probe"];
/// Names of types of service.
const SERVICES: [(&str, i32); 4] = [("lowdelay", 16), ("throughput", 8), ("reliability", 4), ("mincost", 2)];
/// The bits of a type of service that the names are told by.
const SERVICE_MASK: i32 = 0x1e;

/// Numbers of the options of `otp` (`prim_socket.erl`).
mod otp {
    pub(super) const DEBUG: i64 = 1001;
    pub(super) const COUNTER_MESSAGES: i64 = 1002;
    pub(super) const CONTROLLING_PROCESS: i64 = 1003;
    pub(super) const RECEIVE_BUFFER: i64 = 1004;
    pub(super) const CONTROL_RECEIVE_BUFFER: i64 = 1006;
    pub(super) const CONTROL_SEND_BUFFER: i64 = 1007;
    pub(super) const DESCRIPTOR: i64 = 1008;
    pub(super) const META: i64 = 1009;
    pub(super) const USE_REGISTRY: i64 = 1010;
    pub(super) const DOMAIN: i64 = 1999;
}

/// A type of service by name, or as a number.
pub(super) fn tos_term<'h>(cx: &BifContext<'h>, number: i32) -> BifResult<'h> {
    match SERVICES.iter().find(|(_, known)| *known == number & SERVICE_MASK && number & SERVICE_MASK == number) {
        Some((name, _)) => Ok(Term::atom(cx.intern(name)?)),
        None => Ok(Term::small(number.into())),
    }
}

/// The number of a type of service.
pub(super) fn tos_number(cx: &BifContext<'_>, term: Term<'_>) -> Option<i32> {
    match term.as_atom() {
        Some(name) => {
            let name = cx.text(name);
            SERVICES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
        }
        None => i32::try_from(term.as_i64()?).ok(),
    }
}

/// The kernel's bytes of a value; `None` when it is not one of this kind.
fn encode_value(cx: &BifContext<'_>, kind: OptionKind, value: Term<'_>) -> Option<Vec<u8>> {
    let number = |number: i64| i32::try_from(number).ok().map(|number| number.to_ne_bytes().to_vec());
    let part = |name: &str| item(cx, value, name);
    let host = |name: &str| ipv4_of(cx, part(name)?);
    match kind {
        Boolean => number(value.as_boolean()?.into()),
        Number => number(value.as_i64()?),
        Hops if is_named(cx, value, "default") => number(-1),
        Hops => number(value.as_i64().filter(|hops| (0..=255).contains(hops))?),
        Text => {
            let mut bytes = bytes_of(value)?;
            bytes.push(0);
            Some(bytes)
        }
        Linger => {
            let on = part("onoff")?.as_boolean()?;
            let seconds = i32::try_from(part("linger")?.as_i64()?).ok().filter(|&seconds| seconds >= 0)?;
            Some([i32::from(on).to_ne_bytes(), seconds.to_ne_bytes()].concat())
        }
        TypeOfService => number(tos_number(cx, value)?.into()),
        MtuDiscovery => match value.as_atom() {
            Some(name) => {
                let name = cx.text(name);
                number(DISCOVERY.iter().position(|known| *known == name)? as i64)
            }
            None => number(value.as_i64()?),
        },
        Address4 => Some(ipv4_of(cx, value)?.octets().to_vec()),
        Membership4 => Some([host("multiaddr")?.octets(), host("interface")?.octets()].concat()),
        Source4 => {
            Some([host("multiaddr")?.octets(), host("interface")?.octets(), host("sourceaddr")?.octets()].concat())
        }
        Filter4 => filter_bytes(cx, value),
        Membership6 => {
            let group = ipv6_of(cx, part("multiaddr")?)?;
            let interface = u32::try_from(part("interface")?.as_i64()?).ok()?;
            Some([&group.octets()[..], &interface.to_ne_bytes()].concat())
        }
        Domain => number(domain_of(cx, value)?.into()),
        Kind | Protocol | PacketOptions | Unknown => None,
    }
}

/// `struct ip_msfilter`.
fn filter_bytes(cx: &BifContext<'_>, value: Term<'_>) -> Option<Vec<u8>> {
    let part = |name: &str| item(cx, value, name);
    let group = ipv4_of(cx, part("multiaddr")?)?;
    let interface = ipv4_of(cx, part("interface")?)?;
    let mode: u32 = match part("mode") {
        Some(mode) if is_named(cx, mode, "exclude") => 0,
        Some(mode) if is_named(cx, mode, "include") => 1,
        _ => return None,
    };
    let sources: Vec<Ipv4Addr> =
        part("slist")?.to_vec()?.into_iter().map(|term| ipv4_of(cx, term)).collect::<Option<_>>()?;
    let mut bytes = [group.octets(), interface.octets(), mode.to_ne_bytes()].concat();
    bytes.extend((sources.len() as u32).to_ne_bytes());
    bytes.extend(sources.iter().flat_map(|source| source.octets()));
    Some(bytes)
}

/// How many bytes a value of this kind takes at most.
fn room(kind: OptionKind) -> usize {
    match kind {
        Text => TEXT_MAX,
        Linger => 8,
        PacketOptions => 512,
        _ => 4,
    }
}

fn number_of(bytes: &[u8]) -> i32 {
    let mut number = [0; 4];
    let count = bytes.len().min(4);
    number[..count].copy_from_slice(&bytes[..count]);
    i32::from_ne_bytes(number)
}

/// The value that the kernel's bytes mean.
fn decode_value<'h>(cx: &BifContext<'h>, kind: OptionKind, bytes: &[u8]) -> BifResult<'h> {
    let number = number_of(bytes);
    Ok(match kind {
        Boolean => Term::boolean(number != 0),
        Number | Hops | Protocol => Term::small(number.into()),
        Text => {
            let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
            cx.heap.byte_list(&bytes[..end], Term::NIL)
        }
        Linger => {
            let seconds = number_of(bytes.get(4..).unwrap_or_default());
            map(cx, &[("onoff", Term::boolean(number != 0)), ("linger", Term::small(seconds.into()))])?
        }
        Domain => domain_term(cx, number)?,
        Kind => kind_term(cx, number)?,
        TypeOfService => tos_term(cx, number)?,
        MtuDiscovery => match usize::try_from(number).ok().and_then(|number| DISCOVERY.get(number)) {
            Some(name) => Term::atom(cx.intern(name)?),
            None => Term::small(number.into()),
        },
        Address4 => {
            let octets: [u8; 4] = bytes.try_into().unwrap_or_default();
            ip_term(cx, Ipv4Addr::from(octets).into())
        }
        PacketOptions => super::message::control_terms(cx, &decode_control(bytes))?,
        Membership4 | Source4 | Filter4 | Membership6 | Unknown => Term::atom(atoms::UNDEFINED),
    })
}

/// The level of an option: a number, `socket`, or `otp`.
enum Level {
    Kernel(i32),
    Otp,
}

fn level_of(cx: &BifContext<'_>, term: Term<'_>) -> Option<Level> {
    match term.as_atom() {
        Some(atom) => match cx.text(atom) {
            "socket" => Some(Level::Kernel(SOL_SOCKET)),
            "otp" => Some(Level::Otp),
            _ => None,
        },
        None => Some(Level::Kernel(i32::try_from(term.as_i64()?).ok()?)),
    }
}

/// Sets an option. `native` is 1 for a value in the kernel's own bytes.
#[bif("prim_socket:nif_setopt/5", nif)]
fn setopt<'h>(
    cx: &mut BifContext<'h>,
    socket: Term<'h>,
    level: Term<'h>,
    number: i64,
    value: Term<'h>,
    native: i64,
) -> BifResult<'h> {
    let Some(level) = level_of(cx, level) else { return cx.badarg() };
    let mut open = open_or_closed!(cx, socket);
    let level = match level {
        Level::Otp => return set_otp(cx, &mut open, number, value),
        Level::Kernel(level) => level,
    };
    let Ok(number) = i32::try_from(number) else { return cx.badarg() };
    let bytes = if native != 0 {
        match (value.as_binary(), value.as_i64(), value.as_boolean()) {
            (Some(bytes), _, _) => bytes.into_owned(),
            (None, Some(integer), _) => (integer as i32).to_ne_bytes().to_vec(),
            (None, None, Some(boolean)) => i32::from(boolean).to_ne_bytes().to_vec(),
            _ => return tagged(cx, "invalid", "value"),
        }
    } else {
        let Some(kind) = option_kind(level, number) else { return tagged(cx, "invalid", "socket_option") };
        if matches!(kind, Kind | Protocol | PacketOptions | Unknown) || (kind == Domain && level == SOL_SOCKET) {
            return tagged(cx, "invalid", "socket_option");
        }
        match encode_value(cx, kind, value) {
            Some(bytes) => bytes,
            None => return tagged(cx, "invalid", "value"),
        }
    };
    super::done(cx, open.inner.socket().and_then(|socket| socket.set_option(level, number, &bytes)))
}

fn set_otp<'h>(cx: &BifContext<'h>, open: &mut Open<'h>, number: i64, value: Term<'h>) -> BifResult<'h> {
    if number == otp::USE_REGISTRY {
        return set_registered(cx, open, value);
    }
    if open.inner.owner != cx.pid() && matches!(number, otp::META | otp::CONTROLLING_PROCESS) {
        return super::invalid(cx, "not_owner");
    }
    let wrong = || tagged(cx, "invalid", "value");
    let size = |value: Term<'h>| match value.as_i64() {
        Some(size) => usize::try_from(size).ok().filter(|&size| size > 0),
        None => None,
    };
    let is_default = is_named(cx, value, "default");
    match number {
        otp::DEBUG => match value.as_boolean() {
            Some(debug) => open.inner.debug = debug,
            None => return wrong(),
        },
        otp::COUNTER_MESSAGES => match value.as_boolean() {
            Some(messages) => open.inner.counter_messages = messages,
            None => return wrong(),
        },
        otp::CONTROLLING_PROCESS => match value.as_pid() {
            Some(pid) => return set_owner(cx, open, pid),
            None => return wrong(),
        },
        otp::RECEIVE_BUFFER => {
            let (repeats, bytes) = match value.as_tuple_of::<2>() {
                Some([repeats, bytes]) => (size(*repeats), size(*bytes)),
                None if is_default => (Some(0), Some(super::RECEIVE_BUFFER)),
                None => (Some(0), size(value)),
            };
            let (Some(repeats), Some(bytes)) = (repeats, bytes) else { return wrong() };
            (open.inner.receive_repeats, open.inner.receive_buffer) = (repeats, bytes);
        }
        otp::CONTROL_RECEIVE_BUFFER | otp::CONTROL_SEND_BUFFER => {
            let bytes = if is_default { Some(super::CONTROL_BUFFER) } else { size(value) };
            let Some(bytes) = bytes else { return wrong() };
            if number == otp::CONTROL_RECEIVE_BUFFER {
                open.inner.control_receive_buffer = bytes;
            } else {
                open.inner.control_send_buffer = bytes;
            }
        }
        otp::META => open.inner.meta = cx.own(value),
        _ => return tagged(cx, "invalid", "socket_option"),
    }
    Ok(Term::atom(atoms::OK))
}

fn set_registered<'h>(cx: &BifContext<'h>, open: &mut Open<'h>, value: Term<'h>) -> BifResult<'h> {
    let Some(wanted) = value.as_boolean() else { return tagged(cx, "invalid", "value") };
    if wanted != open.inner.is_registered {
        open.inner.is_registered = wanted;
        open.handle.tell_registry(cx.vm, if wanted { "add" } else { "del" });
    }
    Ok(Term::atom(atoms::OK))
}

/// The value of an option: `{ok, Value}`.
#[bif("prim_socket:nif_getopt/3", nif)]
fn getopt<'h>(cx: &mut BifContext<'h>, socket: Term<'h>, level: Term<'h>, number: i64) -> BifResult<'h> {
    let Some(level) = level_of(cx, level) else { return cx.badarg() };
    if matches!(level, Level::Otp) {
        let (handle, _) = super::handle(cx, socket)?;
        let inner = handle.inner.lock();
        if inner.is_closing && number != otp::META {
            return tagged(cx, "error", "closed");
        }
        return get_otp(cx, &inner, number);
    }
    let open = open_or_closed!(cx, socket);
    let (Level::Kernel(level), Ok(number)) = (level, i32::try_from(number)) else { return cx.badarg() };
    let kind = match option_kind(level, number) {
        None | Some(Membership4 | Source4 | Filter4 | Membership6 | Unknown) => {
            return tagged(cx, "invalid", "socket_option");
        }
        Some(Domain) if level != SOL_SOCKET => return tagged(cx, "invalid", "socket_option"),
        Some(kind) => kind,
    };
    match open.inner.socket().and_then(|socket| socket.option(level, number, vec![0; room(kind)])) {
        // Sockets of the local domain have no protocol but their own.
        Ok(bytes) if kind == Protocol && open.inner.domain == AF_UNIX && number_of(&bytes) == 0 => {
            Ok(cx.ok(Term::atom(cx.intern("default")?)))
        }
        Ok(bytes) => Ok(cx.ok(decode_value(cx, kind, &bytes)?)),
        Err(error) => posix(cx, error),
    }
}

fn get_otp<'h>(cx: &BifContext<'h>, inner: &Inner, number: i64) -> BifResult<'h> {
    let size = |size: usize| Term::small(size as i64);
    let value = match number {
        otp::DEBUG => Term::boolean(inner.debug),
        otp::COUNTER_MESSAGES => Term::boolean(inner.counter_messages),
        otp::CONTROLLING_PROCESS => Term::pid(inner.owner),
        otp::RECEIVE_BUFFER if inner.receive_repeats > 0 => {
            cx.heap.tuple(&[size(inner.receive_repeats), size(inner.receive_buffer)])
        }
        otp::RECEIVE_BUFFER => size(inner.receive_buffer),
        otp::CONTROL_RECEIVE_BUFFER => size(inner.control_receive_buffer),
        otp::CONTROL_SEND_BUFFER => size(inner.control_send_buffer),
        otp::DESCRIPTOR => match &inner.socket {
            Some(socket) => Term::small(socket.number().into()),
            None => return tagged(cx, "error", "closed"),
        },
        otp::META => cx.heap.copy_in(inner.meta.term()),
        otp::USE_REGISTRY => Term::boolean(inner.is_registered),
        otp::DOMAIN => domain_term(cx, inner.domain)?,
        _ => return tagged(cx, "invalid", "socket_option"),
    };
    Ok(cx.ok(value))
}

/// The value of an option as `specification` says: `integer`, `boolean`, a number of bytes, or what the kernel reads
/// first.
#[bif("prim_socket:nif_getopt/4", nif)]
fn getopt_native<'h>(
    cx: &mut BifContext<'h>,
    socket: Term<'h>,
    level: Term<'h>,
    number: i64,
    specification: Term<'h>,
) -> BifResult<'h> {
    let (Some(Level::Kernel(level)), Ok(number)) = (level_of(cx, level), i32::try_from(number)) else {
        return cx.badarg();
    };
    let open = open_or_closed!(cx, socket);
    let ask = |room: Vec<u8>| open.inner.socket().and_then(|socket: &Socket| socket.option(level, number, room));
    let answer = |outcome: Result<Vec<u8>, Errno>, build: &dyn Fn(&[u8]) -> Term<'h>| match outcome {
        Ok(bytes) => Ok(cx.ok(build(&bytes))),
        Err(error) => posix(cx, error),
    };
    if is_named(cx, specification, "integer") {
        return answer(ask(vec![0; 4]), &|bytes| Term::small(number_of(bytes).into()));
    }
    if is_named(cx, specification, "boolean") {
        return answer(ask(vec![0; 4]), &|bytes| Term::boolean(number_of(bytes) != 0));
    }
    let room = match (specification.as_i64(), specification.as_binary()) {
        (Some(size), _) => usize::try_from(size).ok().filter(|&size| size <= 1 << 20).map(|size| vec![0; size]),
        (None, Some(bytes)) => Some(bytes.into_owned()),
        (None, None) => None,
    };
    match room {
        Some(room) => answer(ask(room), &|bytes| cx.heap.binary(bytes)),
        None => tagged(cx, "invalid", "value"),
    }
}
