//! `ioctl`: network interfaces, and how much there is to read.

use super::address::{decode, encode, map};
use super::supports::{IOCTL_FLAGS, IOCTL_REQUESTS};
use super::transfer::bytes_of;
use super::{open_or_closed, posix, tagged};
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_sys::network::{
    InterfacePart, InterfaceValue, interface_name_by_socket, interface_value, interfaces, set_interface_value,
};
use oxbeam_sys::numbers::AF_INET;
use oxbeam_sys::socket::Socket;
use oxbeam_sys::{Errno, Result as SysResult};
use oxbeam_term::{Term, atoms};

fn name_of(request: u64) -> Option<&'static str> {
    IOCTL_REQUESTS.iter().find(|(_, number)| *number == request).map(|(name, _)| *name)
}

/// A request without an argument.
#[bif("prim_socket:nif_ioctl/2", nif)]
fn ioctl_get<'h>(cx: &mut BifContext<'h>, socket: Term<'h>, request: u64) -> BifResult<'h> {
    let open = open_or_closed!(cx, socket);
    let outcome = match name_of(request) {
        Some("gifconf") => return addresses(cx),
        Some("nread" | "atmark") => open.inner.socket().and_then(|socket| socket.ioctl_number(request)),
        _ => return tagged(cx, "error", "enotsup"),
    };
    match outcome {
        Ok(number) if name_of(request) == Some("atmark") => Ok(cx.ok(Term::boolean(number != 0))),
        Ok(number) => Ok(cx.ok(Term::small(number.into()))),
        Err(error) => posix(cx, error),
    }
}

/// Interfaces that have IPv4 addresses.
fn addresses<'h>(cx: &BifContext<'h>) -> BifResult<'h> {
    let all = match interfaces() {
        Ok(all) => all,
        Err(error) => return posix(cx, error),
    };
    let mut terms = Vec::new();
    for interface in all {
        if let Some(address) = interface.address.filter(|address| i32::from(address.family()) == AF_INET) {
            let name = cx.heap.byte_list(&interface.name, Term::NIL);
            terms.push(map(cx, &[("name", name), ("addr", encode(cx, &address)?)])?);
        }
    }
    Ok(cx.ok(cx.heap.list(&terms)))
}

/// A request about an interface: its name, or its number.
#[bif("prim_socket:nif_ioctl/3", nif)]
fn ioctl_about<'h>(cx: &mut BifContext<'h>, socket: Term<'h>, request: u64, about: Term<'h>) -> BifResult<'h> {
    let open = open_or_closed!(cx, socket);
    let socket = match open.inner.socket() {
        Ok(socket) => socket,
        Err(error) => return posix(cx, error),
    };
    let part = match name_of(request) {
        Some("gifname") => {
            let Some(index) = about.as_i64().and_then(|index| i32::try_from(index).ok()) else { return cx.badarg() };
            return match interface_name_by_socket(socket, index) {
                Ok(name) => Ok(cx.ok(cx.heap.byte_list(&name, Term::NIL))),
                Err(error) => posix(cx, error),
            };
        }
        Some("gifaddr" | "gifdstaddr" | "gifbrdaddr" | "gifnetmask" | "gifhwaddr") => InterfacePart::Address,
        Some("gifflags") => InterfacePart::Flags,
        Some("gifmtu" | "gifindex" | "giftxqlen") => InterfacePart::Number,
        Some("gifmap") => InterfacePart::Map,
        _ => return tagged(cx, "error", "enotsup"),
    };
    let Some(name) = bytes_of(about) else { return cx.badarg() };
    let value = match interface_value(socket, request, &name, part) {
        Ok(value) => value,
        Err(error) => return posix(cx, error),
    };
    Ok(cx.ok(match (value, name_of(request)) {
        (InterfaceValue::Address(address), Some("gifhwaddr")) => hardware(cx, &address)?,
        (InterfaceValue::Address(address), _) => encode(cx, &address)?,
        (InterfaceValue::Number(flags), Some("gifflags")) => flag_list(cx, flags)?,
        (InterfaceValue::Number(number), _) => Term::small(number.into()),
        (InterfaceValue::Name(name), _) => cx.heap.byte_list(&name, Term::NIL),
        (InterfaceValue::Map(numbers), _) => {
            let names = ["mem_start", "mem_end", "base_addr", "irq", "dma", "port"];
            let items: Vec<(&str, Term<'h>)> =
                names.into_iter().zip(numbers).map(|(name, number)| (name, cx.heap.unsigned(number))).collect();
            map(cx, &items)?
        }
    }))
}

/// `#{family, addr}`: the kind of hardware as a family, as the kernel tells it.
fn hardware<'h>(cx: &BifContext<'h>, address: &oxbeam_sys::address::Address) -> BifResult<'h> {
    let family = match address.family() {
        1 => Term::atom(cx.intern("ether")?),
        772 => Term::atom(cx.intern("loopback")?),
        other => Term::small(other.into()),
    };
    map(cx, &[("family", family), ("addr", cx.heap.binary(&address.bytes()[2..16]))])
}

fn flag_list<'h>(cx: &BifContext<'h>, flags: i32) -> BifResult<'h> {
    let flags = flags & 0xffff;
    let mut terms = Vec::new();
    for (name, bit) in IOCTL_FLAGS {
        if bit != 0 && flags & bit != 0 {
            terms.push(Term::atom(cx.intern(name)?));
        }
    }
    Ok(cx.heap.list(&terms))
}

/// Tells the kernel something of an interface.
#[bif("prim_socket:nif_ioctl/4", nif)]
fn ioctl_set<'h>(
    cx: &mut BifContext<'h>,
    socket: Term<'h>,
    request: u64,
    interface: Term<'h>,
    value: Term<'h>,
) -> BifResult<'h> {
    let open = open_or_closed!(cx, socket);
    let Some(name) = bytes_of(interface) else { return cx.badarg() };
    let socket = match open.inner.socket() {
        Ok(socket) => socket,
        Err(error) => return posix(cx, error),
    };
    let outcome = match name_of(request) {
        Some("sifflags") => set_flags(socket, request, &name, value),
        Some("sifaddr" | "sifdstaddr" | "sifbrdaddr" | "sifnetmask" | "sifhwaddr") => match decode(cx, value) {
            Some(address) => {
                set_interface_value(socket, request, &name, InterfacePart::Address, &InterfaceValue::Address(address))
            }
            None => return cx.badarg(),
        },
        Some("sifmtu" | "siftxqlen") => match value.as_i64().and_then(|number| i32::try_from(number).ok()) {
            Some(number) => {
                set_interface_value(socket, request, &name, InterfacePart::Number, &InterfaceValue::Number(number))
            }
            None => return cx.badarg(),
        },
        _ => return tagged(cx, "error", "enotsup"),
    };
    match outcome {
        Ok(()) => Ok(Term::atom(atoms::OK)),
        Err(error) => posix(cx, error),
    }
}

/// Changes flags: a map of their numbers to `true` or `false`.
fn set_flags(socket: &Socket, request: u64, name: &[u8], changes: Term<'_>) -> SysResult<()> {
    let get = IOCTL_REQUESTS.iter().find(|(name, _)| *name == "gifflags").map_or(0, |(_, number)| *number);
    let InterfaceValue::Number(mut flags) = interface_value(socket, get, name, InterfacePart::Flags)? else {
        return Err(Errno::EINVAL);
    };
    if !changes.is_map() {
        return Err(Errno::EINVAL);
    }
    for (flag, set) in changes.map_iter() {
        let (Some(flag), Some(set)) = (flag.as_i64(), set.as_boolean()) else { return Err(Errno::EINVAL) };
        if set {
            flags |= flag as i32;
        } else {
            flags &= !(flag as i32);
        }
    }
    set_interface_value(socket, request, name, InterfacePart::Flags, &InterfaceValue::Number(flags))
}
