//! Ancillary data and flags of messages.

use super::address::{ip_term, ipv4_of, item, map};
use super::options::{tos_number, tos_term};
use super::supports::MESSAGE_FLAGS;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_sys::numbers::*;
use oxbeam_sys::socket::ControlMessage;
use oxbeam_term::{Term, atoms};
use std::net::{Ipv4Addr, Ipv6Addr};

/// What the data of a control message are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Number,
    Boolean,
    TypeOfService,
    Time,
    PacketInfo4,
    PacketInfo6,
    Address,
    /// `struct sock_extended_err`, and an address.
    ErrorReport,
    /// Nothing but bytes.
    Bytes,
}

/// Level, type, name, content.
const KINDS: [(i32, i32, &str, Content); 15] = [
    (SOL_SOCKET, 1, "rights", Content::Bytes),
    (SOL_SOCKET, 2, "credentials", Content::Bytes),
    (SOL_SOCKET, 29, "timestamp", Content::Time),
    (IPPROTO_IP, IP_TOS, "tos", Content::TypeOfService),
    (IPPROTO_IP, IP_RECVTOS, "recvtos", Content::TypeOfService),
    (IPPROTO_IP, IP_TTL, "ttl", Content::Number),
    (IPPROTO_IP, IP_RECVTTL, "recvttl", Content::Number),
    (IPPROTO_IP, 8, "pktinfo", Content::PacketInfo4),
    (IPPROTO_IP, 20, "origdstaddr", Content::Address),
    (IPPROTO_IP, 11, "recverr", Content::ErrorReport),
    (IPPROTO_IPV6, 50, "pktinfo", Content::PacketInfo6),
    (IPPROTO_IPV6, 52, "hoplimit", Content::Number),
    (IPPROTO_IPV6, IPV6_TCLASS, "tclass", Content::Number),
    (IPPROTO_IPV6, IPV6_RECVTCLASS, "recvtclass", Content::Boolean),
    (IPPROTO_IPV6, 25, "recverr", Content::ErrorReport),
];

fn integer(data: &[u8]) -> Option<i64> {
    match data {
        [byte] => Some(i64::from(*byte)),
        _ => Some(i64::from(i32::from_ne_bytes(data.get(..4)?.try_into().ok()?))),
    }
}

/// The value of a control message; `None` when only its bytes are told.
fn value_term<'h>(cx: &BifContext<'h>, content: Content, data: &[u8]) -> Result<Option<Term<'h>>, super::Raised<'h>> {
    let heap = cx.heap;
    let word = |at: usize| data.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    Ok(match content {
        Content::Number => integer(data).map(|number| heap.integer(number)),
        Content::Boolean => integer(data).map(|number| Term::boolean(number != 0)),
        Content::TypeOfService => match integer(data) {
            Some(number) => Some(tos_term(cx, number as i32)?),
            None => None,
        },
        Content::Time => {
            let number = |at: usize| data.get(at..at + 8).and_then(|b| b.try_into().ok()).map(i64::from_ne_bytes);
            match (number(0), number(8)) {
                (Some(seconds), Some(micro)) => {
                    Some(map(cx, &[("sec", heap.integer(seconds)), ("usec", heap.integer(micro))])?)
                }
                _ => None,
            }
        }
        Content::PacketInfo4 => match (word(0), data.get(4..8), data.get(8..12)) {
            (Some(interface), Some(own), Some(address)) => {
                let ip = |bytes: &[u8]| Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]);
                let items = [
                    ("ifindex", heap.integer(interface.into())),
                    ("spec_dst", ip_term(cx, ip(own).into())),
                    ("addr", ip_term(cx, ip(address).into())),
                ];
                Some(map(cx, &items)?)
            }
            _ => None,
        },
        Content::PacketInfo6 => match (data.get(..16), word(16)) {
            (Some(address), Some(interface)) => {
                let octets: [u8; 16] = address.try_into().expect("sixteen bytes");
                let address = ip_term(cx, Ipv6Addr::from(octets).into());
                Some(map(cx, &[("addr", address), ("ifindex", heap.integer(interface.into()))])?)
            }
            _ => None,
        },
        Content::Address => match oxbeam_sys::address::Address::from_bytes(data) {
            Ok(address) => Some(super::address::encode(cx, &address)?),
            Err(_) => None,
        },
        Content::ErrorReport => error_report(cx, data)?,
        Content::Bytes => None,
    })
}

/// Where an error was met (`SO_EE_ORIGIN_*`), by number.
const ORIGINS: [&str; 7] = ["none", "local", "icmp", "icmp6", "txstatus", "zerocopy", "txtime"];
const ORIGIN_ICMP: usize = 2;
const ORIGIN_ICMP6: usize = 3;
/// Types and codes of messages of ICMP: origin, type, its name, names of its codes.
const REPORTS: [(usize, u8, &str, &[(u8, &str)]); 5] = [
    (
        ORIGIN_ICMP,
        3,
        "dest_unreach",
        &[
            (0, "net_unreach"),
            (1, "host_unreach"),
            (3, "port_unreach"),
            (4, "frag_needed"),
            (6, "net_unknown"),
            (7, "host_unknown"),
        ],
    ),
    (ORIGIN_ICMP, 11, "time_exceeded", &[]),
    (
        ORIGIN_ICMP6,
        1,
        "dest_unreach",
        &[
            (0, "noroute"),
            (1, "adm_prohibited"),
            (2, "not_neighbour"),
            (3, "addr_unreach"),
            (4, "port_unreach"),
            (5, "policy_fail"),
            (6, "reject_route"),
        ],
    ),
    (ORIGIN_ICMP6, 2, "pkt_toobig", &[]),
    (ORIGIN_ICMP6, 3, "time_exceeded", &[]),
];
/// Bytes of the report before the address.
const REPORT_SIZE: usize = 16;

/// What went wrong with a datagram that was sent.
fn error_report<'h>(cx: &BifContext<'h>, data: &[u8]) -> Result<Option<Term<'h>>, super::Raised<'h>> {
    let Some((report, offender)) = data.split_at_checked(REPORT_SIZE) else { return Ok(None) };
    let word = |at: usize| u32::from_ne_bytes(report[at..at + 4].try_into().expect("four bytes"));
    let number = |number: u8| Term::small(number.into());
    let name = |name: &str| cx.intern(name).map(Term::atom);
    let origin = usize::from(report[4]);
    let known = REPORTS.iter().find(|(of, kind, ..)| *of == origin && *kind == report[5]);
    let code = known.and_then(|(.., codes)| codes.iter().find(|(code, _)| *code == report[6]));
    let offender = match oxbeam_sys::address::Address::from_bytes(offender) {
        Ok(address) if address.family() != 0 => super::address::encode(cx, &address)?,
        _ => Term::atom(atoms::UNDEFINED),
    };
    let items = [
        ("error", name(oxbeam_sys::errno_name(word(0) as i32))?),
        ("origin", ORIGINS.get(origin).map_or(Ok(number(report[4])), |origin| name(origin))?),
        ("type", known.map_or(Ok(number(report[5])), |(_, _, kind, _)| name(kind))?),
        ("code", code.map_or(Ok(number(report[6])), |(_, code)| name(code))?),
        ("info", cx.heap.unsigned(word(8).into())),
        ("data", cx.heap.unsigned(word(12).into())),
        ("offender", offender),
    ];
    Ok(Some(map(cx, &items)?))
}

/// `[#{level, type, data, value}]`.
pub(super) fn control_terms<'h>(cx: &BifContext<'h>, control: &[ControlMessage]) -> BifResult<'h> {
    let mut terms = Vec::new();
    for message in control {
        let level = match message.level {
            SOL_SOCKET => Term::atom(atoms::SOCKET),
            other => Term::small(other.into()),
        };
        let known = KINDS.iter().find(|(level, kind, ..)| (*level, *kind) == (message.level, message.kind));
        let (kind, value) = match known {
            Some(&(_, _, name, content)) => (Term::atom(cx.intern(name)?), value_term(cx, content, &message.data)?),
            None => (Term::small(message.kind.into()), None),
        };
        let mut items = vec![("level", level), ("type", kind), ("data", cx.heap.binary(&message.data))];
        items.extend(value.map(|value| ("value", value)));
        terms.push(map(cx, &items)?);
    }
    Ok(cx.heap.list(&terms))
}

/// The bytes of a value of a control message.
fn value_bytes(cx: &BifContext<'_>, content: Content, value: Term<'_>) -> Option<Vec<u8>> {
    let number = |number: i64| i32::try_from(number).ok().map(|number| number.to_ne_bytes().to_vec());
    match content {
        Content::Number => number(value.as_i64()?),
        Content::Boolean => number(value.as_boolean()?.into()),
        Content::TypeOfService => number(tos_number(cx, value)?.into()),
        Content::PacketInfo4 => {
            let interface = i32::try_from(item(cx, value, "ifindex")?.as_i64()?).ok()?;
            let address = ipv4_of(cx, item(cx, value, "addr")?)?;
            let own = item(cx, value, "spec_dst").and_then(|term| ipv4_of(cx, term)).unwrap_or(address);
            Some([&interface.to_ne_bytes()[..], &own.octets(), &address.octets()].concat())
        }
        Content::Time | Content::PacketInfo6 | Content::Address | Content::ErrorReport | Content::Bytes => None,
    }
}

/// Data in the kernel's own bytes: a binary, a number or a truth value.
fn native_bytes(data: Term<'_>) -> Option<Vec<u8>> {
    if let Some(bytes) = data.as_binary() {
        return Some(bytes.into_owned());
    }
    let number = data.as_i64().or_else(|| data.as_boolean().map(i64::from))?;
    Some(i32::try_from(number).ok()?.to_ne_bytes().to_vec())
}

/// The control messages of a list of maps; `None` when one is wrong.
pub(super) fn control_of(cx: &BifContext<'_>, list: Term<'_>) -> Option<Vec<ControlMessage>> {
    let message = |entry: Term<'_>| {
        let level = item(cx, entry, "level")?;
        let level = match level.as_atom() {
            Some(atoms::SOCKET) => SOL_SOCKET,
            Some(_) => return None,
            None => i32::try_from(level.as_i64()?).ok()?,
        };
        let kind = item(cx, entry, "type")?;
        let known = match kind.as_atom() {
            Some(name) => {
                let name = cx.text(name);
                Some(KINDS.iter().find(|(of, _, known, _)| *of == level && *known == name)?)
            }
            None => None,
        };
        let number = match known {
            Some((_, number, ..)) => *number,
            None => i32::try_from(kind.as_i64()?).ok()?,
        };
        let data = match (item(cx, entry, "data"), item(cx, entry, "value"), known) {
            (Some(data), None, _) => native_bytes(data)?,
            (None, Some(value), Some((.., content))) => value_bytes(cx, *content, value)?,
            _ => return None,
        };
        Some(ControlMessage { level, kind: number, data })
    };
    list.to_vec()?.into_iter().map(message).collect()
}

/// The names of flags that came with a message; what is left over as a number.
pub(super) fn flag_terms<'h>(cx: &BifContext<'h>, flags: i32) -> BifResult<'h> {
    let mut left = flags;
    let mut terms = Vec::new();
    for (name, bit) in MESSAGE_FLAGS {
        if bit != 0 && left & bit != 0 {
            left &= !bit;
            terms.push(Term::atom(cx.intern(name)?));
        }
    }
    if left != 0 {
        terms.push(Term::small(left.into()));
    }
    Ok(cx.heap.list(&terms))
}
