//! `prim_net`: names of hosts, services and interfaces, as OTP's `net` asks for them.

use super::socket::{decode_address, encode_address};
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_sys::Errno;
use oxbeam_sys::name::hostname;
use oxbeam_sys::network::{
    Interface, address_info, in_namespace, interface_index, interface_name, interface_names, interfaces, name_info,
    service_by_name, service_by_port,
};
use oxbeam_term::{Term, atoms};

/// Flags of an interface by name, in the order in which they are told.
const INTERFACE_FLAGS: [(&str, u32); 16] = [
    ("up", 1),
    ("broadcast", 2),
    ("debug", 4),
    ("loopback", 8),
    ("pointopoint", 16),
    ("notrailers", 32),
    ("running", 64),
    ("noarp", 128),
    ("promisc", 256),
    ("master", 1024),
    ("slave", 2048),
    ("multicast", 4096),
    ("portsel", 8192),
    ("automedia", 16384),
    ("dynamic", 32768),
    ("allmulti", 0),
];
/// Flags of `getnameinfo(3)`.
const NAME_FLAGS: [(&str, i32); 6] =
    [("numerichost", 1), ("numericserv", 2), ("nofqdn", 4), ("namereqd", 8), ("dgram", 16), ("idn", 32)];

fn failed<'h>(cx: &BifContext<'h>, name: &str) -> BifResult<'h> {
    Ok(cx.error(cx.intern(name)?))
}

fn map<'h>(cx: &BifContext<'h>, pairs: &[(&str, Term<'h>)]) -> BifResult<'h> {
    super::socket::map(cx, pairs)
}

/// The characters of a string, if they are bytes.
fn string(term: Term<'_>) -> Option<Vec<u8>> {
    if !term.is_list() {
        return None;
    }
    term.to_vec()?.into_iter().map(|item| u8::try_from(item.as_small()?).ok()).collect()
}

/// A string, or nothing for `undefined`.
fn optional_string(term: Term<'_>) -> Option<Option<Vec<u8>>> {
    if term.is_atom(atoms::UNDEFINED) { Some(None) } else { string(term).map(Some) }
}

/// `#{debug => false}`.
#[bif("prim_net:nif_info/0", nif)]
fn info<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    map(cx, &[("debug", Term::FALSE)])
}

/// The name of this host.
#[bif("prim_net:nif_gethostname/0", nif)]
fn gethostname<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(cx.ok(cx.heap.byte_list(&hostname(), Term::NIL)))
}

/// Host and service of an address.
#[bif("prim_net:nif_getnameinfo/2", nif, dirty_io)]
fn getnameinfo<'h>(cx: &mut BifContext<'h>, address: Term<'h>, flags: Term<'h>) -> BifResult<'h> {
    let Some(address) = decode_address(cx, address) else { return cx.badarg() };
    let mut bits = 0;
    if !flags.is_atom(atoms::UNDEFINED) {
        let Some(flags) = flags.to_vec() else { return cx.badarg() };
        for flag in flags {
            let name = flag.as_atom().map(|atom| cx.text(atom));
            match NAME_FLAGS.iter().find(|(known, _)| Some(*known) == name) {
                Some((_, bit)) => bits |= bit,
                None => return cx.badarg(),
            }
        }
    }
    match name_info(&address, bits) {
        Ok((host, service)) => {
            let text = |bytes: &[u8]| cx.heap.byte_list(bytes, Term::NIL);
            Ok(cx.ok(map(cx, &[("host", text(&host)), ("service", text(&service))])?))
        }
        Err(error) => failed(cx, error.name()),
    }
}

/// Addresses of a host and a service. Hints are not taken.
#[bif("prim_net:nif_getaddrinfo/3", nif, dirty_io)]
fn getaddrinfo<'h>(cx: &mut BifContext<'h>, host: Term<'h>, service: Term<'h>, _hints: Term<'h>) -> BifResult<'h> {
    let (Some(host), Some(service)) = (optional_string(host), optional_string(service)) else { return cx.badarg() };
    if host.is_none() && service.is_none() {
        return cx.badarg();
    }
    let found = match address_info(host.as_deref(), service.as_deref()) {
        Ok(found) => found,
        Err(error) => return failed(cx, error.name()),
    };
    let mut terms = Vec::new();
    for info in found {
        terms.push(map(
            cx,
            &[
                ("family", super::socket::domain_term(cx, info.family)?),
                ("socktype", super::socket::kind_term(cx, info.kind)?),
                ("protocol", Term::small(info.protocol.into())),
                ("addr", encode_address(cx, &info.address)?),
            ],
        )?);
    }
    Ok(cx.ok(cx.heap.list(&terms)))
}

fn interface_term<'h>(cx: &BifContext<'h>, interface: &Interface) -> BifResult<'h> {
    let mut flags = Vec::new();
    for (name, bit) in INTERFACE_FLAGS {
        if interface.flags & bit != 0 {
            flags.push(Term::atom(cx.intern(name)?));
        }
    }
    let mut items = vec![("name", cx.heap.byte_list(&interface.name, Term::NIL)), ("flags", cx.heap.list(&flags))];
    if let Some(address) = &interface.address {
        items.push(("addr", encode_address(cx, address)?));
    }
    if let Some(netmask) = &interface.netmask {
        items.push(("netmask", encode_address(cx, netmask)?));
    }
    let (is_broadcast, is_peer) = (interface.flags & 2 != 0, interface.flags & 16 != 0);
    match &interface.peer {
        Some(peer) if is_broadcast => items.push(("broadaddr", encode_address(cx, peer)?)),
        Some(peer) if is_peer => items.push(("dstaddr", encode_address(cx, peer)?)),
        _ => {}
    }
    map(cx, &items)
}

/// All addresses of all interfaces, perhaps of another network namespace.
#[bif("prim_net:nif_getifaddrs/1", nif, dirty_io)]
fn getifaddrs<'h>(cx: &mut BifContext<'h>, extra: Term<'h>) -> BifResult<'h> {
    if !extra.is_map() {
        return cx.badarg();
    }
    let found = match extra.map_get(Term::atom(cx.intern("netns")?)) {
        None => interfaces(),
        Some(path) => match string(path) {
            Some(path) => in_namespace(&path, interfaces),
            None => return cx.badarg(),
        },
    };
    match found {
        Ok(found) => {
            let mut terms = Vec::new();
            for interface in &found {
                terms.push(interface_term(cx, interface)?);
            }
            Ok(cx.ok(cx.heap.list(&terms)))
        }
        Err(error) => failed(cx, error.name()),
    }
}

/// The port of a service; protocol `any` means whichever there is.
#[bif("prim_net:nif_getservbyname/2", nif, dirty_io)]
fn getservbyname<'h>(cx: &mut BifContext<'h>, name: Term<'h>, protocol: Term<'h>) -> BifResult<'h> {
    let (Some(name), Some(protocol)) = (string(name), string(protocol)) else { return cx.badarg() };
    let protocol = Some(&protocol[..]).filter(|protocol| *protocol != b"any");
    match service_by_name(&name, protocol) {
        Some(port) => Ok(cx.ok(Term::small(port.into()))),
        None => failed(cx, "einval"),
    }
}

/// The service of a port; protocol `any` means whichever there is.
#[bif("prim_net:nif_getservbyport/2", nif, dirty_io)]
fn getservbyport<'h>(cx: &mut BifContext<'h>, port: i64, protocol: Term<'h>) -> BifResult<'h> {
    let (Ok(port), Some(protocol)) = (u16::try_from(port), string(protocol)) else { return cx.badarg() };
    let protocol = Some(&protocol[..]).filter(|protocol| *protocol != b"any");
    match service_by_port(port, protocol) {
        Some(name) => Ok(cx.ok(cx.heap.byte_list(&name, Term::NIL))),
        None => failed(cx, "einval"),
    }
}

/// The number of an interface.
#[bif("prim_net:nif_if_name2index/1", nif)]
fn if_name2index<'h>(cx: &mut BifContext<'h>, name: Term<'h>) -> BifResult<'h> {
    let Some(name) = string(name) else { return cx.badarg() };
    match interface_index(&name) {
        Ok(index) => Ok(cx.ok(Term::small(index.into()))),
        Err(error) => failed(cx, error.name()),
    }
}

/// The name of an interface.
#[bif("prim_net:nif_if_index2name/1", nif)]
fn if_index2name<'h>(cx: &mut BifContext<'h>, index: i64) -> BifResult<'h> {
    let Ok(index) = u32::try_from(index) else { return cx.badarg() };
    match interface_name(index) {
        Ok(name) => Ok(cx.ok(cx.heap.byte_list(&name, Term::NIL))),
        Err(_) => failed(cx, Errno::ENXIO.name()),
    }
}

/// Numbers and names of all interfaces.
#[bif("prim_net:nif_if_names/0", nif)]
fn if_names<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    match interface_names() {
        Ok(names) => {
            let pair = |(index, name): (u32, Vec<u8>)| {
                cx.heap.tuple(&[Term::small(index.into()), cx.heap.byte_list(&name, Term::NIL)])
            };
            let pairs: Vec<Term<'h>> = names.into_iter().map(pair).collect();
            Ok(cx.ok(cx.heap.list(&pairs)))
        }
        Err(error) => failed(cx, error.name()),
    }
}
