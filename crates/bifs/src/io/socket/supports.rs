//! What the machine's sockets can do: the tables of names and the kernel's numbers.

use super::options::OptionKind::{self, *};
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_sys::numbers::*;
use oxbeam_term::{Term, atoms};

/// The protocol that some kernels have and the machine cannot talk.
pub(super) const IPPROTO_SCTP: i32 = 132;

/// Protocols by name.
const PROTOCOLS: [(&str, i32); 6] =
    [("ip", 0), ("igmp", 2), ("tcp", 6), ("udp", 17), ("ipv6", 41), ("sctp", IPPROTO_SCTP)];

/// Requests of `ioctl/2` and its relatives.
pub(super) const IOCTL_REQUESTS: [(&str, u64); 20] = [
    ("atmark", 35077),
    ("gifaddr", 35093),
    ("gifbrdaddr", 35097),
    ("gifconf", 35090),
    ("gifdstaddr", 35095),
    ("gifflags", 35091),
    ("gifhwaddr", 35111),
    ("gifindex", 35123),
    ("gifmap", 35184),
    ("gifmtu", 35105),
    ("gifname", 35088),
    ("gifnetmask", 35099),
    ("giftxqlen", 35138),
    ("nread", 21531),
    ("sifaddr", 35094),
    ("sifbrdaddr", 35098),
    ("sifdstaddr", 35096),
    ("sifflags", 35092),
    ("sifmtu", 35106),
    ("siftxqlen", 35139),
];

/// Flags of interfaces; 0 for those that Linux does not have.
pub(super) const IOCTL_FLAGS: [(&str, i32); 34] = [
    ("allmulti", 512),
    ("automedia", 16384),
    ("broadcast", 2),
    ("cantconfig", 0),
    ("debug", 4),
    ("dhcprunning", 0),
    ("dormant", 131072),
    ("dying", 0),
    ("dynamic", 32768),
    ("echo", 262144),
    ("knowsepoch", 0),
    ("link0", 0),
    ("link1", 0),
    ("link2", 0),
    ("loopback", 8),
    ("lower_up", 65536),
    ("master", 1024),
    ("monitor", 0),
    ("multicast", 4096),
    ("noarp", 128),
    ("nogroup", 0),
    ("notrailers", 32),
    ("oactive", 0),
    ("pointopoint", 16),
    ("portsel", 8192),
    ("ppromisc", 0),
    ("private", 0),
    ("promisc", 256),
    ("renaming", 0),
    ("running", 64),
    ("simplex", 0),
    ("slave", 2048),
    ("staticarp", 0),
    ("up", 1),
];

/// Flags of messages.
pub(super) const MESSAGE_FLAGS: [(&str, i32); 11] = [
    ("cmsg_cloexec", 1073741824),
    ("confirm", 2048),
    ("ctrunc", 8),
    ("dontroute", 4),
    ("eor", 128),
    ("errqueue", 8192),
    ("more", 32768),
    ("nosignal", 16384),
    ("oob", 1),
    ("peek", 2),
    ("trunc", 32),
];

/// An option: its name, and its number and kind if there is such an option here.
type Named = (&'static str, Option<(i32, OptionKind)>);

/// Options by level.
pub(super) const OPTIONS: [(i32, &[Named]); 6] = [
    (
        SOL_SOCKET,
        &[
            ("acceptconn", Some((30, Boolean))),
            ("acceptfilter", None),
            ("bindtodevice", Some((25, Text))),
            ("broadcast", Some((6, Boolean))),
            ("bsp_state", None),
            ("busy_poll", None),
            ("debug", Some((1, Number))),
            ("domain", Some((39, Domain))),
            ("dontroute", Some((5, Boolean))),
            ("error", None),
            ("exclusiveaddruse", None),
            ("keepalive", Some((9, Boolean))),
            ("linger", Some((13, Linger))),
            ("mark", None),
            ("max_msg_size", None),
            ("maxdg", None),
            ("oobinline", Some((10, Boolean))),
            ("passcred", Some((16, Boolean))),
            ("peek_off", Some((42, Number))),
            ("peercred", None),
            ("priority", Some((12, Number))),
            ("protocol", Some((38, Protocol))),
            ("rcvbuf", Some((8, Number))),
            ("rcvbufforce", None),
            ("rcvlowat", Some((18, Number))),
            ("rcvtimeo", None),
            ("reuseaddr", Some((2, Boolean))),
            ("reuseport", Some((15, Boolean))),
            ("rxq_ovfl", None),
            ("setfib", None),
            ("sndbuf", Some((7, Number))),
            ("sndbufforce", None),
            ("sndlowat", Some((19, Number))),
            ("sndtimeo", None),
            ("timestamp", Some((29, Boolean))),
            ("type", Some((3, Kind))),
        ],
    ),
    (
        IPPROTO_IP,
        &[
            ("add_membership", Some((35, Membership4))),
            ("add_source_membership", Some((39, Source4))),
            ("block_source", Some((38, Source4))),
            ("dontfrag", None),
            ("drop_membership", Some((36, Membership4))),
            ("drop_source_membership", Some((40, Source4))),
            ("freebind", Some((15, Boolean))),
            ("hdrincl", Some((3, Boolean))),
            ("minttl", Some((21, Number))),
            ("msfilter", Some((41, Filter4))),
            ("mtu", Some((14, Number))),
            ("mtu_discover", Some((10, MtuDiscovery))),
            ("multicast_all", Some((49, Boolean))),
            ("multicast_if", Some((32, Address4))),
            ("multicast_loop", Some((34, Boolean))),
            ("multicast_ttl", Some((33, Number))),
            ("nodefrag", Some((22, Boolean))),
            ("options", None),
            ("pktinfo", Some((8, Boolean))),
            ("pktoptions", Some((9, PacketOptions))),
            ("recvdstaddr", None),
            ("recverr", Some((11, Boolean))),
            ("recvif", None),
            ("recvopts", Some((6, Boolean))),
            ("recvorigdstaddr", Some((20, Boolean))),
            ("recvtos", Some((13, Boolean))),
            ("recvttl", Some((12, Boolean))),
            ("retopts", Some((7, Boolean))),
            ("router_alert", Some((5, Number))),
            ("sendsrcaddr", None),
            ("tos", Some((1, TypeOfService))),
            ("transparent", Some((19, Boolean))),
            ("ttl", Some((2, Number))),
            ("unblock_source", Some((37, Source4))),
        ],
    ),
    (
        IPPROTO_IPV6,
        &[
            ("add_membership", Some((20, Membership6))),
            ("addrform", Some((1, Domain))),
            ("auth_level", None),
            ("authhdr", Some((10, Boolean))),
            ("checksum", None),
            ("drop_membership", Some((21, Membership6))),
            ("dstopts", Some((59, Boolean))),
            ("esp_network_level", None),
            ("esp_trans_level", None),
            ("faith", None),
            ("flowinfo", Some((11, Boolean))),
            ("hoplimit", Some((52, Boolean))),
            ("hopopts", Some((54, Boolean))),
            ("ipcomp_level", None),
            ("join_group", None),
            ("leave_group", None),
            ("mtu", Some((24, Number))),
            ("mtu_discover", Some((23, MtuDiscovery))),
            ("multicast_hops", Some((18, Hops))),
            ("multicast_if", Some((17, Number))),
            ("multicast_loop", Some((19, Boolean))),
            ("pktoptions", None),
            ("portrange", None),
            ("recverr", Some((25, Boolean))),
            ("recvhoplimit", Some((51, Boolean))),
            ("recvpktinfo", Some((49, Boolean))),
            ("recvtclass", Some((66, Boolean))),
            ("router_alert", Some((22, Number))),
            ("rthdr", Some((57, Boolean))),
            ("tclass", Some((67, Number))),
            ("unicast_hops", Some((16, Hops))),
            ("use_min_mtu", None),
            ("v6only", Some((26, Boolean))),
        ],
    ),
    (
        IPPROTO_TCP,
        &[
            ("congestion", Some((13, Text))),
            ("cork", Some((3, Boolean))),
            ("info", None),
            ("keepcnt", Some((6, Number))),
            ("keepidle", Some((4, Number))),
            ("keepintvl", Some((5, Number))),
            ("maxseg", Some((2, Number))),
            ("md5sig", None),
            ("nodelay", Some((1, Boolean))),
            ("noopt", None),
            ("nopush", None),
            ("syncnt", None),
            ("user_timeout", None),
        ],
    ),
    (IPPROTO_UDP, &[("cork", Some((1, Boolean)))]),
    (
        IPPROTO_SCTP,
        &[
            ("adaption_layer", None),
            ("associnfo", Some((1, Unknown))),
            ("auth_active_key", None),
            ("auth_chunk", None),
            ("auth_delete_key", None),
            ("auth_key", None),
            ("autoclose", Some((4, Number))),
            ("context", None),
            ("default_send_params", None),
            ("delayed_ack_time", None),
            ("disable_fragments", Some((8, Boolean))),
            ("events", Some((11, Unknown))),
            ("explicit_eor", None),
            ("fragment_interleave", None),
            ("get_peer_addr_info", None),
            ("hmac_ident", None),
            ("i_want_mapped_v4_addr", None),
            ("initmsg", Some((2, Unknown))),
            ("local_auth_chunks", None),
            ("maxburst", None),
            ("maxseg", Some((13, Number))),
            ("nodelay", Some((3, Boolean))),
            ("partial_delivery_point", None),
            ("peer_addr_params", None),
            ("peer_auth_chunks", None),
            ("primary_addr", None),
            ("reset_streams", None),
            ("rtoinfo", Some((0, Unknown))),
            ("set_peer_primary_addr", None),
            ("status", None),
            ("use_ext_recvinfo", None),
        ],
    ),
];

/// The kind of an option.
pub(super) fn option_kind(level: i32, number: i32) -> Option<OptionKind> {
    let (_, options) = OPTIONS.iter().find(|(of, _)| *of == level)?;
    options.iter().filter_map(|(_, option)| *option).find(|(known, _)| *known == number).map(|(_, kind)| kind)
}

fn pairs<'h>(cx: &BifContext<'h>, pairs: impl Iterator<Item = (&'static str, i64)>) -> BifResult<'h> {
    let mut terms = Vec::new();
    for (name, number) in pairs {
        terms.push(cx.heap.tuple(&[Term::atom(cx.intern(name)?), cx.heap.integer(number)]));
    }
    Ok(cx.heap.list(&terms))
}

/// What is supported, beside options.
#[bif("prim_socket:nif_supports/0", nif)]
fn supports<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let mut terms = Vec::new();
    // Sockets of SCTP open where the kernel has them; there is no more to it than sending and receiving.
    for (name, is_there) in [("sctp", false), ("ipv6", true), ("local", true), ("netns", true), ("sendfile", true)] {
        terms.push(cx.heap.tuple(&[Term::atom(cx.intern(name)?), Term::boolean(is_there)]));
    }
    Ok(cx.heap.list(&terms))
}

/// One of the tables.
///
/// # Errors
///
/// `badarg` for others.
#[bif("prim_socket:nif_supports/1", nif)]
fn supports_table<'h>(cx: &mut BifContext<'h>, table: Term<'h>) -> BifResult<'h> {
    let of = |items: &'static [(&'static str, i32)]| items.iter().map(|&(name, number)| (name, i64::from(number)));
    match table.as_atom().map(|atom| cx.text(atom)) {
        Some("msg_flags") => pairs(cx, of(&MESSAGE_FLAGS)),
        Some("ioctl_flags") => pairs(cx, of(&IOCTL_FLAGS)),
        Some("ioctl_requests") => pairs(cx, IOCTL_REQUESTS.iter().map(|&(name, number)| (name, number as i64))),
        Some("protocols") => {
            let mut terms = Vec::new();
            for (name, number) in PROTOCOLS {
                let names = cx.heap.list(&[Term::atom(cx.intern(name)?)]);
                terms.push(cx.heap.tuple(&[names, Term::small(number.into())]));
            }
            Ok(cx.heap.list(&terms))
        }
        Some("options") => options_table(cx),
        _ => cx.badarg(),
    }
}

fn options_table<'h>(cx: &BifContext<'h>) -> BifResult<'h> {
    let mut levels = Vec::new();
    for (level, options) in OPTIONS {
        let mut terms = Vec::new();
        for (name, option) in options {
            let name = Term::atom(cx.intern(name)?);
            terms.push(match option {
                Some((number, _)) => cx.heap.tuple(&[name, Term::small((*number).into())]),
                None => name,
            });
        }
        let level = if level == SOL_SOCKET { Term::atom(atoms::SOCKET) } else { Term::small(level.into()) };
        levels.push(cx.heap.tuple(&[level, cx.heap.list(&terms)]));
    }
    Ok(cx.heap.list(&levels))
}
