//! Addresses as `socket` has them: maps with a family.

use oxbeam_runtime::{BifContext, Interrupt};
use oxbeam_sys::address::{Address, AddressView};
use oxbeam_sys::numbers::*;
use oxbeam_term::{Term, atoms};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV6};

type Raised<'h> = Box<Interrupt<'h>>;

/// A map of atoms by name to terms.
pub(crate) fn map<'h>(cx: &BifContext<'h>, pairs: &[(&str, Term<'h>)]) -> Result<Term<'h>, Raised<'h>> {
    let mut terms = Vec::with_capacity(pairs.len());
    for &(name, value) in pairs {
        terms.push((Term::atom(cx.intern(name)?), value));
    }
    Ok(cx.heap.map_from_pairs(&terms, cx.atoms()))
}

/// The item of a map by its key's name.
pub(crate) fn item<'h>(cx: &BifContext<'h>, map: Term<'h>, name: &str) -> Option<Term<'h>> {
    if !map.is_map() {
        return None;
    }
    map.map_get(Term::atom(cx.vm.atoms.intern(name)?))
}

/// Is the term the atom of this name?
pub(crate) fn is_named(cx: &BifContext<'_>, term: Term<'_>, name: &str) -> bool {
    term.as_atom().is_some_and(|atom| cx.text(atom) == name)
}

/// A host of four numbers.
pub(crate) fn ipv4_of(cx: &BifContext<'_>, term: Term<'_>) -> Option<Ipv4Addr> {
    if let Some(atom) = term.as_atom() {
        return match cx.text(atom) {
            "any" => Some(Ipv4Addr::UNSPECIFIED),
            "loopback" => Some(Ipv4Addr::LOCALHOST),
            "broadcast" => Some(Ipv4Addr::BROADCAST),
            _ => None,
        };
    }
    let parts = term.as_tuple_of::<4>()?;
    let mut octets = [0u8; 4];
    for (octet, part) in octets.iter_mut().zip(parts) {
        *octet = u8::try_from(part.as_small()?).ok()?;
    }
    Some(octets.into())
}

/// A host of eight numbers.
pub(crate) fn ipv6_of(cx: &BifContext<'_>, term: Term<'_>) -> Option<Ipv6Addr> {
    if let Some(atom) = term.as_atom() {
        return match cx.text(atom) {
            "any" => Some(Ipv6Addr::UNSPECIFIED),
            "loopback" => Some(Ipv6Addr::LOCALHOST),
            _ => None,
        };
    }
    let parts = term.as_tuple_of::<8>()?;
    let mut segments = [0u16; 8];
    for (segment, part) in segments.iter_mut().zip(parts) {
        *segment = u16::try_from(part.as_small()?).ok()?;
    }
    Some(segments.into())
}

/// A host as a tuple.
pub(crate) fn ip_term<'h>(cx: &BifContext<'h>, ip: IpAddr) -> Term<'h> {
    match ip {
        IpAddr::V4(ip) => cx.heap.tuple(&ip.octets().map(|octet| Term::small(octet.into()))),
        IpAddr::V6(ip) => cx.heap.tuple(&ip.segments().map(|segment| Term::small(segment.into()))),
    }
}

fn number<T: TryFrom<i64>>(cx: &BifContext<'_>, address: Term<'_>, name: &str) -> Option<T> {
    let atom = cx.vm.atoms.intern(name)?;
    T::try_from(address.map_get(Term::atom(atom))?.as_i64()?).ok()
}

/// The address that a map means; `None` for one that means none.
pub(crate) fn decode(cx: &BifContext<'_>, address: Term<'_>) -> Option<Address> {
    if !address.is_map() {
        return None;
    }
    let get = |name: &str| address.map_get(Term::atom(cx.vm.atoms.intern(name)?));
    let family = get("family")?;
    if let Some(native) = family.as_small() {
        let native = u16::try_from(native).ok()?;
        let bytes = get("addr")?.as_binary()?.into_owned();
        return Address::from_bytes(&[&native.to_ne_bytes()[..], &bytes].concat()).ok();
    }
    match cx.text(family.as_atom()?) {
        "inet" => Some(Address::inet(ipv4_of(cx, get("addr")?)?, number(cx, address, "port")?)),
        "inet6" => {
            let (flow, scope) = (number(cx, address, "flowinfo")?, number(cx, address, "scope_id")?);
            let ip = ipv6_of(cx, get("addr")?)?;
            Some(Address::inet6(SocketAddrV6::new(ip, number(cx, address, "port")?, flow, scope)))
        }
        "local" => Address::local(&get("path")?.as_binary()?).ok(),
        "unspec" => {
            let bytes = get("addr")?.as_binary()?.into_owned();
            Address::from_bytes(&[&[0, 0][..], &bytes].concat()).ok()
        }
        "packet" => {
            let hardware = get("addr")?.as_binary()?.into_owned();
            let protocol: u16 = number(cx, address, "protocol")?;
            Address::link(protocol.to_be(), number(cx, address, "ifindex")?, 0, 0, &hardware).ok()
        }
        _ => None,
    }
}

/// Kinds of hardware by their numbers (`ARPHRD_*`).
fn hardware_name(number: u16) -> Option<&'static str> {
    Some(match number {
        0 => "netrom",
        1 => "ether",
        2 => "eether",
        3 => "ax25",
        4 => "pronet",
        5 => "chaos",
        6 => "ieee802",
        7 => "arcnet",
        8 => "appletlk",
        15 => "dlci",
        19 => "atm",
        23 => "metricom",
        24 => "ieee1394",
        27 => "eui64",
        32 => "infiniband",
        768 => "tunnel",
        769 => "tunnel6",
        772 => "loopback",
        773 => "localtlk",
        _ => return None,
    })
}

/// Whom a packet is for (`PACKET_*`).
fn packet_name(number: u8) -> Option<&'static str> {
    ["host", "broadcast", "multicast", "otherhost", "outgoing", "loopback", "user", "kernel", "fastroute"]
        .get(usize::from(number))
        .copied()
}

/// The map of an address.
pub(crate) fn encode<'h>(cx: &BifContext<'h>, address: &Address) -> Result<Term<'h>, Raised<'h>> {
    let small = |number: i64| cx.heap.integer(number);
    let family = |name: &str| cx.intern(name).map(Term::atom);
    match address.view() {
        AddressView::Inet { ip: ip @ IpAddr::V4(_), port, .. } => {
            map(cx, &[("family", family("inet")?), ("port", small(port.into())), ("addr", ip_term(cx, ip))])
        }
        AddressView::Inet { ip, port, flow, scope } => map(
            cx,
            &[
                ("family", family("inet6")?),
                ("port", small(port.into())),
                ("addr", ip_term(cx, ip)),
                ("flowinfo", small(flow.into())),
                ("scope_id", small(scope.into())),
            ],
        ),
        AddressView::Local(path) => {
            let end = match path.iter().position(|&byte| byte == 0) {
                Some(0) | None => path.len(),
                Some(end) => end,
            };
            map(cx, &[("family", Term::atom(atoms::LOCAL)), ("path", cx.heap.binary(&path[..end]))])
        }
        AddressView::Link { protocol, interface, hardware, packet, address } => {
            let hardware = match hardware_name(hardware) {
                Some(name) => family(name)?,
                None => small(hardware.into()),
            };
            let packet = match packet_name(packet) {
                Some(name) => family(name)?,
                None => small(packet.into()),
            };
            map(
                cx,
                &[
                    ("family", family("packet")?),
                    ("protocol", small(u16::from_be(protocol).into())),
                    ("ifindex", small(interface.into())),
                    ("hatype", hardware),
                    ("pkttype", packet),
                    ("addr", cx.heap.binary(address)),
                ],
            )
        }
        AddressView::Unspecified => {
            let rest = address.bytes().get(2..).unwrap_or_default();
            map(cx, &[("family", Term::atom(atoms::UNSPEC)), ("addr", cx.heap.binary(rest))])
        }
        AddressView::Other(number, rest) => {
            map(cx, &[("family", small(number.into())), ("addr", cx.heap.binary(rest))])
        }
    }
}

/// The number of a domain.
pub(crate) fn domain_of(cx: &BifContext<'_>, term: Term<'_>) -> Option<i32> {
    if let Some(number) = term.as_small() {
        return i32::try_from(number).ok();
    }
    Some(match cx.text(term.as_atom()?) {
        "inet" => AF_INET,
        "inet6" => AF_INET6,
        "local" => AF_UNIX,
        "unspec" => AF_UNSPEC,
        "packet" => AF_PACKET,
        _ => return None,
    })
}

/// The name of a domain, or its number.
pub(crate) fn domain_term<'h>(cx: &BifContext<'h>, domain: i32) -> Result<Term<'h>, Raised<'h>> {
    let name = match domain {
        AF_INET => "inet",
        AF_INET6 => "inet6",
        AF_UNIX => "local",
        AF_UNSPEC => "unspec",
        AF_PACKET => "packet",
        other => return Ok(Term::small(other.into())),
    };
    Ok(Term::atom(cx.intern(name)?))
}

/// Names of types of sockets.
const KINDS: [(&str, i32); 5] = [("stream", 1), ("dgram", 2), ("raw", 3), ("rdm", 4), ("seqpacket", 5)];

/// The number of a type.
pub(crate) fn kind_of(cx: &BifContext<'_>, term: Term<'_>) -> Option<i32> {
    if let Some(number) = term.as_small() {
        return i32::try_from(number).ok();
    }
    let name = cx.text(term.as_atom()?);
    KINDS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// The name of a type, or its number.
pub(crate) fn kind_term<'h>(cx: &BifContext<'h>, kind: i32) -> Result<Term<'h>, Raised<'h>> {
    match KINDS.iter().find(|(_, number)| *number == kind) {
        Some((name, _)) => Ok(Term::atom(cx.intern(name)?)),
        None => Ok(Term::small(kind.into())),
    }
}
