//! Addresses as `prim_inet` writes and reads them: a family, then port and host, or a path.

use oxbeam_sys::address::{Address, AddressView};
use oxbeam_sys::numbers::{AF_INET, AF_INET6};
use oxbeam_term::{Heap, Term, atoms};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV6};

pub(super) const UNSPECIFIED: u8 = 0;
pub(super) const INET: u8 = 1;
pub(super) const INET6: u8 = 2;
const ANY: u8 = 3;
const LOOPBACK: u8 = 4;
pub(super) const LOCAL: u8 = 5;
const UNDEFINED: u8 = 6;

/// The error atom of a request.
pub(super) type Refusal = &'static str;

/// Takes bytes from the front of a request.
pub(super) fn take<'b>(data: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (taken, rest) = data.split_at_checked(count)?;
    *data = rest;
    Some(taken)
}

/// Takes a byte.
pub(super) fn take_u8(data: &mut &[u8]) -> Option<u8> {
    take(data, 1).map(|bytes| bytes[0])
}

/// Takes a number, most significant byte first.
pub(super) fn take_u16(data: &mut &[u8]) -> Option<u16> {
    take(data, 2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
}

/// Takes a number, most significant byte first.
pub(super) fn take_u32(data: &mut &[u8]) -> Option<u32> {
    take(data, 4).map(|bytes| u32::from_be_bytes(bytes.try_into().expect("four bytes")))
}

/// Takes an address. `domain` is that of the socket, which decides what `any` and `loopback` are.
pub(super) fn take_address(domain: i32, data: &mut &[u8]) -> Result<Address, Refusal> {
    let invalid = "einval";
    let family = take_u8(data).ok_or(invalid)?;
    if family == LOCAL {
        let length = take_u8(data).ok_or(invalid)?;
        let path = take(data, usize::from(length)).ok_or(invalid)?;
        return Address::local(path).map_err(|_| invalid);
    }
    if !matches!(family, INET | INET6 | ANY | LOOPBACK) {
        return Err("eafnosupport");
    }
    let port = take_u16(data).ok_or(invalid)?;
    let inet6 = |ip: Ipv6Addr, flow, scope| Address::inet6(SocketAddrV6::new(ip, port, flow, scope));
    Ok(match (family, domain) {
        (INET, _) => {
            let octets: [u8; 4] = take(data, 4).ok_or(invalid)?.try_into().expect("four bytes");
            Address::inet(octets.into(), port)
        }
        (INET6, _) => {
            let octets: [u8; 16] = take(data, 16).ok_or(invalid)?.try_into().expect("sixteen bytes");
            let (flow, scope) = (take_u32(data).ok_or(invalid)?, take_u32(data).ok_or(invalid)?);
            inet6(octets.into(), flow, scope)
        }
        (ANY, AF_INET) => Address::inet(Ipv4Addr::UNSPECIFIED, port),
        (ANY, AF_INET6) => inet6(Ipv6Addr::UNSPECIFIED, 0, 0),
        (LOOPBACK, AF_INET) => Address::inet(Ipv4Addr::LOCALHOST, port),
        (LOOPBACK, AF_INET6) => inet6(Ipv6Addr::LOCALHOST, 0, 0),
        _ => return Err(invalid),
    })
}

/// A path up to the zero byte at its end; all of it when it begins with one, as Linux's abstract addresses do.
fn shown_path(path: &[u8]) -> &[u8] {
    match path.iter().position(|&byte| byte == 0) {
        Some(0) | None => path,
        Some(end) => &path[..end],
    }
}

/// An address for `prim_inet:get_addr/2`.
pub(super) fn encode(address: &Address) -> Vec<u8> {
    match address.view() {
        AddressView::Inet { ip: IpAddr::V4(ip), port, .. } => [&[INET][..], &port.to_be_bytes(), &ip.octets()].concat(),
        AddressView::Inet { ip: IpAddr::V6(ip), port, .. } => {
            [&[INET6][..], &port.to_be_bytes(), &ip.octets()].concat()
        }
        AddressView::Local(path) => {
            let path = shown_path(path);
            [&[LOCAL, path.len() as u8][..], path].concat()
        }
        AddressView::Unspecified => vec![UNSPECIFIED],
        AddressView::Link { .. } | AddressView::Other(..) => vec![UNDEFINED],
    }
}

/// As [`encode`]; `None` for an address that has no host or path.
pub(super) fn encode_known(address: &Address) -> Option<Vec<u8>> {
    Some(encode(address)).filter(|bytes| bytes.len() > 1)
}

/// `Host, Port` of a message of an active datagram socket.
pub(super) fn host_and_port<'h>(heap: &'h Heap, address: &Address) -> [Term<'h>; 2] {
    let small = |number: u16| Term::small(number.into());
    let tagged = |tag, bytes: &[u8]| [heap.tuple(&[Term::atom(tag), heap.binary(bytes)]), Term::small(0)];
    match address.view() {
        AddressView::Inet { ip: IpAddr::V4(ip), port, .. } => {
            [heap.tuple(&ip.octets().map(|octet| Term::small(octet.into()))), small(port)]
        }
        AddressView::Inet { ip: IpAddr::V6(ip), port, .. } => [heap.tuple(&ip.segments().map(small)), small(port)],
        AddressView::Local(path) => tagged(atoms::LOCAL, shown_path(path)),
        AddressView::Unspecified => tagged(atoms::UNSPEC, b""),
        AddressView::Link { .. } | AddressView::Other(..) => tagged(atoms::UNDEFINED, b""),
    }
}
