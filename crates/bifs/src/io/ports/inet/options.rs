//! `setopts` and `getopts`.

use super::address::{take, take_u8, take_u16, take_u32};
use super::visit::Visit;
use super::{Protocol, State};
use oxbeam_sys::network::in_namespace;
use oxbeam_sys::numbers::*;
use oxbeam_sys::socket::{Socket, decode_control};
use oxbeam_sys::{Errno, Result as SysResult};
use oxbeam_term::atoms;

/// Smallest and largest limits of a port's queue of messages.
const MESSAGE_QUEUE_LIMITS: std::ops::RangeInclusive<i32> = 1..=i32::MAX;
/// Largest answer to `getopts`.
const ANSWER_MAX: usize = 64 * 1024;
/// What stands in front of a raw option's value in that answer: code, level, name, length.
const RAW_HEADER: usize = 13;
/// What a time-out of `infinity` is told as.
pub(super) const INFINITY: u32 = u32::MAX;
/// Largest buffer that is chosen for a datagram socket by itself.
const DATAGRAM_BUFFER_MAX: u32 = 1 << 16;
/// `INET_AF_INET` and `INET_AF_INET6` as options name them.
const FAMILY_INET: u32 = 1;
const FAMILY_INET6: u32 = 2;

/// Does the owner get what comes as messages?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Active {
    Passive,
    Always,
    Once,
    /// So many times.
    Count(i16),
}

/// Options that the driver keeps itself.
pub(super) struct Options {
    pub(super) active: Active,
    pub(super) binary: bool,
    /// Bytes of a packet that come as a list in front of the binary.
    pub(super) header: u32,
    /// Data come as `{Port, {data, Data}}`.
    pub(super) deliver_port: bool,
    /// Packet type, as `prim_inet` numbers it.
    pub(super) packet: u32,
    pub(super) packet_size: u32,
    pub(super) line_delimiter: u8,
    pub(super) buffer: u32,
    pub(super) buffer_was_set: bool,
    pub(super) exit_on_close: u32,
    /// Senders wait from so many bytes of waiting output on, until there are no more than `low_watermark`.
    pub(super) high_watermark: usize,
    pub(super) low_watermark: usize,
    pub(super) message_queue_watermarks: (i32, i32),
    /// In milliseconds.
    pub(super) send_timeout: u32,
    pub(super) send_timeout_close: u32,
    pub(super) delay_send: bool,
    pub(super) read_packets: u32,
    pub(super) show_econnreset: bool,
    pub(super) read_ahead: bool,
    pub(super) namespace: Option<Box<[u8]>>,
    pub(super) debug: bool,
    /// `linger` with a time of 0: output that waits is discarded by closing.
    pub(super) linger_zero: bool,
    /// `linger` with a time: closing may wait.
    pub(super) lingers: bool,
    /// How many kinds of ancillary data come with each datagram (bits for TOS, traffic class, TTL).
    pub(super) ancillary: u8,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            active: Active::Passive,
            binary: false,
            header: 0,
            deliver_port: false,
            packet: 0,
            packet_size: 0,
            line_delimiter: b'\n',
            buffer: 1460,
            buffer_was_set: false,
            exit_on_close: 1,
            high_watermark: 8192,
            low_watermark: 4096,
            message_queue_watermarks: (4096, 8192),
            send_timeout: INFINITY,
            send_timeout_close: 0,
            delay_send: false,
            read_packets: 5,
            show_econnreset: false,
            read_ahead: true,
            namespace: None,
            debug: false,
            linger_zero: false,
            lingers: false,
            ancillary: 0,
        }
    }
}

impl Options {
    /// Those of a socket that was accepted by one with these options.
    pub(super) fn inherited(&self) -> Options {
        Options {
            binary: self.binary,
            header: self.header,
            deliver_port: self.deliver_port,
            packet: self.packet,
            packet_size: self.packet_size,
            buffer: self.buffer,
            exit_on_close: self.exit_on_close,
            high_watermark: self.high_watermark,
            low_watermark: self.low_watermark,
            message_queue_watermarks: self.message_queue_watermarks,
            send_timeout: self.send_timeout,
            send_timeout_close: self.send_timeout_close,
            show_econnreset: self.show_econnreset,
            read_ahead: self.read_ahead,
            linger_zero: self.linger_zero,
            lingers: self.lingers,
            ..Options::default()
        }
    }
}

/// An option of the kernel that is one number: its level and name, and whether a failure to set it is told.
///
/// The failures of the others have never been told.
fn kernel_option(code: u8) -> Option<(i32, i32, bool)> {
    Some(match code {
        0 => (SOL_SOCKET, SO_REUSEADDR, false),
        1 => (SOL_SOCKET, SO_KEEPALIVE, false),
        2 => (SOL_SOCKET, SO_DONTROUTE, false),
        4 => (SOL_SOCKET, SO_BROADCAST, false),
        5 => (SOL_SOCKET, SO_OOBINLINE, false),
        6 => (SOL_SOCKET, SO_SNDBUF, false),
        7 => (SOL_SOCKET, SO_RCVBUF, false),
        8 => (SOL_SOCKET, SO_PRIORITY, true),
        9 => (IPPROTO_IP, IP_TOS, true),
        10 => (IPPROTO_TCP, TCP_NODELAY, false),
        12 => (IPPROTO_IP, IP_MULTICAST_TTL, false),
        13 => (IPPROTO_IP, IP_MULTICAST_LOOP, false),
        16 => (IPPROTO_IPV6, IPV6_V6ONLY, true),
        // Linux balances the load among sockets that share a port in either case.
        17 | 18 => (SOL_SOCKET, SO_REUSEPORT, false),
        41 => (IPPROTO_IPV6, IPV6_TCLASS, true),
        43 => (IPPROTO_IP, IP_RECVTOS, true),
        44 => (IPPROTO_IPV6, IPV6_RECVTCLASS, true),
        46 => (IPPROTO_IP, IP_TTL, true),
        47 => (IPPROTO_IP, IP_RECVTTL, true),
        48 => (IPPROTO_TCP, TCP_CORK, false),
        _ => return None,
    })
}

/// The bit of an option that lets ancillary data come.
fn ancillary_bit(code: u8) -> Option<u8> {
    match code {
        43 => Some(1),
        44 => Some(2),
        47 => Some(4),
        _ => None,
    }
}

/// Sets an option. Linux changes the priority with the type of service, which people do not expect: it is set back.
fn set_kernel_option(socket: &Socket, level: i32, name: i32, value: &[u8]) -> SysResult<()> {
    let changes_priority = (level, name) == (IPPROTO_IP, IP_TOS);
    let priority = if changes_priority { socket.number_option(SOL_SOCKET, SO_PRIORITY).ok() } else { None };
    socket.set_option(level, name, value)?;
    match priority.map(|priority| socket.set_number(SOL_SOCKET, SO_PRIORITY, priority)) {
        // Some priorities that the kernel chose may not be chosen by everybody.
        None | Some(Ok(()) | Err(Errno::EPERM)) => Ok(()),
        Some(Err(error)) => Err(error),
    }
}

/// `None` is `einval`.
type Done = Option<()>;

impl Visit<'_> {
    /// `setopts`: options are encoded as code, number, and for some codes more.
    pub(super) fn set_options(&mut self, mut data: &[u8]) -> Done {
        let (old_active, old_packet) = (self.inet.options.active, self.inet.options.packet);
        while data.len() >= 5 {
            let code = take_u8(&mut data)?;
            let value = take_u32(&mut data)?;
            self.set_option(code, value, &mut data)?;
            if self.end.is_some() {
                return Some(());
            }
        }
        self.options_changed(old_active, old_packet);
        Some(())
    }
    fn set_option(&mut self, code: u8, value: u32, rest: &mut &[u8]) -> Done {
        let is_stream = self.inet.is_stream();
        let options = &mut self.inet.options;
        let size = (value as i32).max(0) as usize;
        match code {
            20 => {
                options.buffer = (value as i32).max(1) as u32;
                options.buffer_was_set = true;
            }
            21 => options.header = value,
            22 => return self.set_active(value, rest),
            23 => options.packet = value,
            24 => options.binary = value != 0,
            25 => options.deliver_port = value == 0,
            26 => options.exit_on_close = value,
            27 if is_stream => {
                options.low_watermark = options.low_watermark.min(size);
                options.high_watermark = size;
            }
            28 if is_stream => {
                options.high_watermark = options.high_watermark.max(size);
                options.low_watermark = size;
            }
            30 if is_stream => options.send_timeout = value,
            31 if is_stream => options.delay_send = value != 0,
            32 => options.packet_size = value,
            33 if !is_stream => options.read_packets = u32::try_from(value as i32).ok().filter(|&count| count > 0)?,
            35 if is_stream => options.send_timeout_close = value,
            36 | 37 if !MESSAGE_QUEUE_LIMITS.contains(&(value as i32)) => return None,
            36 => {
                let (low, high) = &mut options.message_queue_watermarks;
                *high = value as i32;
                *low = (*low).min(*high);
            }
            37 => {
                let (low, high) = &mut options.message_queue_watermarks;
                *low = value as i32;
                *high = (*high).max(*low);
            }
            38 => options.namespace = Some(take(rest, usize::try_from(value as i32).ok()?)?.into()),
            39 => options.show_econnreset = value != 0 && self.inet.protocol == Protocol::Tcp,
            40 => options.line_delimiter = value as u8,
            49 => options.read_ahead = value != 0,
            99 => options.debug = value != 0,
            // Of other types of socket, of other systems, or of SCTP alone.
            19 | 27 | 28 | 30 | 31 | 33 | 35 | 50 => {}
            _ => return self.set_kernel_option(code, value, rest),
        }
        Some(())
    }
    fn set_kernel_option(&mut self, code: u8, value: u32, rest: &mut &[u8]) -> Done {
        let number = value.to_ne_bytes();
        let (level, name, value, told) = match code {
            3 => {
                let seconds = take_u32(rest)?;
                if self.inet.protocol == Protocol::Tcp {
                    self.inet.options.linger_zero = value != 0 && seconds == 0;
                }
                self.inet.options.lingers = value != 0 && seconds != 0;
                (SOL_SOCKET, SO_LINGER, [number, seconds.to_ne_bytes()].concat(), false)
            }
            11 => {
                let (level, name) = match self.inet.domain {
                    AF_INET => (IPPROTO_IP, IP_MULTICAST_IF),
                    AF_INET6 => (IPPROTO_IPV6, IPV6_MULTICAST_IF),
                    _ => return None,
                };
                (level, name, value.to_be_bytes().to_vec(), false)
            }
            14 | 15 => {
                let (level, name, value) = self.membership(code == 14, value, rest)?;
                (level, name, value, false)
            }
            34 => {
                let name = take_u32(rest)?;
                let size = take_u32(rest)?;
                let bytes = take(rest, usize::try_from(size as i32).ok()?)?;
                (value as i32, name as i32, bytes.to_vec(), false)
            }
            42 => {
                let name = take(rest, usize::try_from(value as i32).ok()?)?;
                if name.len() > 16 {
                    return None;
                }
                (SOL_SOCKET, SO_BINDTODEVICE, name.to_vec(), true)
            }
            _ => {
                let (level, name, told) = kernel_option(code)?;
                (level, name, number.to_vec(), told)
            }
        };
        let outcome = match &self.inet.socket {
            Some(socket) => set_kernel_option(socket, level, name, &value),
            None => Err(Errno::EBADF),
        };
        if code == 7 {
            self.follow_receive_buffer(i32::from_ne_bytes(number));
        }
        match (outcome, ancillary_bit(code)) {
            (Ok(()), Some(bit)) if value[0] != 0 => self.inet.options.ancillary |= bit,
            (Ok(()), Some(bit)) => self.inet.options.ancillary &= !bit,
            (Err(_), _) if told => return None,
            _ => {}
        }
        Some(())
    }
    /// Unless `buffer` was set, it is at least as large as the kernel's buffer.
    fn follow_receive_buffer(&mut self, size: i32) {
        let is_datagram = !self.inet.is_stream();
        let options = &mut self.inet.options;
        let size = size.max(0) as u32;
        if options.buffer_was_set {
            return;
        }
        if is_datagram && size > DATAGRAM_BUFFER_MAX {
            options.buffer = DATAGRAM_BUFFER_MAX;
        } else {
            options.buffer = options.buffer.max(size);
        }
    }
    /// `struct ip_mreqn` or `struct ipv6_mreq`.
    fn membership(&self, add: bool, family: u32, rest: &mut &[u8]) -> Option<(i32, i32, Vec<u8>)> {
        let interface = take_u32(rest)?.to_ne_bytes();
        match (family, self.inet.domain) {
            (FAMILY_INET, AF_INET) => {
                let (group, own) = (take(rest, 4)?, take(rest, 4)?);
                let name = if add { IP_ADD_MEMBERSHIP } else { IP_DROP_MEMBERSHIP };
                Some((IPPROTO_IP, name, [group, own, &interface].concat()))
            }
            (FAMILY_INET6, AF_INET6) => {
                let group = take(rest, 16)?;
                let name = if add { IPV6_ADD_MEMBERSHIP } else { IPV6_DROP_MEMBERSHIP };
                Some((IPPROTO_IPV6, name, [group, &interface].concat()))
            }
            _ => None,
        }
    }
    fn set_active(&mut self, value: u32, rest: &mut &[u8]) -> Done {
        let options = &mut self.inet.options;
        let before = match options.active {
            Active::Count(count) => count,
            Active::Passive | Active::Always | Active::Once => 0,
        };
        options.active = match value {
            0 => Active::Passive,
            1 => Active::Always,
            2 => Active::Once,
            3 => {
                let more = take_u16(rest)? as i16;
                let Some(count) = before.checked_add(more) else {
                    options.active = Active::Count(before);
                    return None;
                };
                if count > 0 { Active::Count(count) } else { Active::Passive }
            }
            _ => return None,
        };
        if value == 3 && options.active == Active::Passive {
            self.tell_passive();
        }
        let is_active = self.inet.options.active != Active::Passive;
        if is_active && self.inet.protocol == Protocol::Tcp && self.inet.state == State::Closed && self.inet.kind != 0 {
            self.activated_after_close();
        }
        Some(())
    }
    /// A closed socket that becomes active tells so.
    fn activated_after_close(&mut self) {
        if std::mem::take(&mut self.inet.tidings.reset) {
            self.tell_error(atoms::TCP_ERROR, atoms::ECONNRESET);
        }
        self.tell_closed();
        if self.inet.options.exit_on_close != 0 {
            self.end_port(atoms::NORMAL);
        }
    }
    /// `{tcp_passive, Port}` or `{udp_passive, Port}`.
    pub(super) fn tell_passive(&self) {
        self.tell(match self.inet.protocol {
            Protocol::Tcp => atoms::TCP_PASSIVE,
            Protocol::Udp => atoms::UDP_PASSIVE,
        });
    }
    /// Reads, now that somebody wants to, or what the buffer holds is cut otherwise.
    fn options_changed(&mut self, old_active: Active, old_packet: u32) {
        let options = &self.inet.options;
        let (was_active, is_active) = (old_active != Active::Passive, options.active != Active::Passive);
        match self.inet.protocol {
            Protocol::Udp if self.inet.is_open() => {
                if is_active && !was_active {
                    self.want_read();
                }
            }
            Protocol::Tcp if self.inet.is_connected() && is_active => {
                let packet_changed = options.packet != old_packet;
                if packet_changed {
                    self.inet.input.packet_changed();
                }
                if !was_active || packet_changed {
                    self.receive_ready();
                }
            }
            Protocol::Tcp | Protocol::Udp => {}
        }
    }
    /// `getopts`: the codes that are asked for, each with its value. `None` is `einval`.
    pub(super) fn get_options(&mut self, mut data: &[u8]) -> Option<Vec<u8>> {
        let mut reply = Vec::new();
        while let Some(code) = take_u8(&mut data) {
            self.get_option(code, &mut data, &mut reply)?;
            if reply.len() > ANSWER_MAX {
                return None;
            }
        }
        Some(reply)
    }
    fn get_option(&self, code: u8, data: &mut &[u8], reply: &mut Vec<u8>) -> Done {
        let is_stream = self.inet.is_stream();
        let is_tcp = self.inet.protocol == Protocol::Tcp;
        let options = &self.inet.options;
        let number = |size: usize| i32::try_from(size).unwrap_or(i32::MAX) as u32;
        let value = match code {
            20 => options.buffer,
            21 => options.header,
            22 => {
                let (kind, count) = match options.active {
                    Active::Passive => (0u32, None),
                    Active::Always => (1, None),
                    Active::Once => (2, None),
                    Active::Count(count) => (3, Some(count)),
                };
                put(reply, code, kind);
                reply.extend(count.into_iter().flat_map(i16::to_be_bytes));
                return Some(());
            }
            23 => options.packet,
            24 => options.binary.into(),
            25 => (!options.deliver_port).into(),
            26 => options.exit_on_close,
            27 if is_stream => number(options.high_watermark),
            28 if is_stream => number(options.low_watermark),
            30 if is_stream => options.send_timeout,
            31 if is_stream => options.delay_send.into(),
            32 => options.packet_size,
            33 if !is_stream => options.read_packets,
            35 if is_stream => options.send_timeout_close,
            36 => options.message_queue_watermarks.1 as u32,
            37 => options.message_queue_watermarks.0 as u32,
            38 => {
                if let Some(path) = &options.namespace {
                    put(reply, code, path.len() as u32);
                    reply.extend_from_slice(path);
                }
                return Some(());
            }
            39 if is_tcp => options.show_econnreset.into(),
            49 if is_tcp => options.read_ahead.into(),
            19 | 50 => 0,
            99 => options.debug.into(),
            // Left out of the answer: of other types of socket.
            27 | 28 | 30 | 31 | 33 | 35 | 39 | 49 => return Some(()),
            _ => return self.get_kernel_option(code, data, reply),
        };
        put(reply, code, value);
        Some(())
    }
    /// What the kernel does not know is left out of the answer.
    fn get_kernel_option(&self, code: u8, data: &mut &[u8], reply: &mut Vec<u8>) -> Done {
        let ask = |level: i32, name: i32, room: Vec<u8>| match &self.inet.socket {
            Some(socket) => socket.option(level, name, room),
            None => Err(Errno::EBADF),
        };
        match code {
            3 => {
                if let Ok(linger) = ask(SOL_SOCKET, SO_LINGER, vec![0; 8]) {
                    put(reply, code, native(&linger));
                    reply.extend(native(&linger[4..]).to_be_bytes());
                }
            }
            11 => {
                let (family, level, name) = match self.inet.domain {
                    AF_INET => (FAMILY_INET, IPPROTO_IP, IP_MULTICAST_IF),
                    AF_INET6 => (FAMILY_INET6, IPPROTO_IPV6, IPV6_MULTICAST_IF),
                    _ => return None,
                };
                // `prim_inet` reads an address or a number, then the family.
                if let Ok(value) = ask(level, name, vec![0; 4]) {
                    reply.push(code);
                    reply.extend(multicast_interface(family, &value));
                }
            }
            34 => {
                let (level, name) = (take_u32(data)?, take_u32(data)?);
                let provided = take_u8(data)? != 0;
                let size = take_u32(data)? as usize;
                // Room for as much as was asked for counts, with the status, however little comes.
                if reply.len().saturating_add(1 + RAW_HEADER).saturating_add(size) > ANSWER_MAX {
                    return None;
                }
                let room = if provided { take(data, size)?.to_vec() } else { vec![0; size] };
                if let Ok(value) = ask(level as i32, name as i32, room) {
                    put(reply, code, level);
                    reply.extend(name.to_be_bytes());
                    reply.extend((value.len() as u32).to_be_bytes());
                    reply.extend(value);
                }
            }
            42 => {
                if let Ok(name) = ask(SOL_SOCKET, SO_BINDTODEVICE, vec![0; 16]) {
                    let name: Vec<u8> = name.into_iter().take_while(|&byte| byte != 0).collect();
                    put(reply, code, name.len() as u32);
                    reply.extend(name);
                }
            }
            45 => {
                let (level, name) = match self.inet.domain {
                    AF_INET => (IPPROTO_IP, IP_PKTOPTIONS),
                    AF_INET6 => (IPPROTO_IPV6, IPV6_PKTOPTIONS),
                    _ => return None,
                };
                if let Ok(control) = ask(level, name, vec![0; 48]) {
                    let items = ancillary_options(&control);
                    put(reply, code, items.len() as u32);
                    reply.extend(items);
                }
            }
            _ => {
                let (level, name, _) = kernel_option(code)?;
                if let Ok(value) = ask(level, name, vec![0; 4]) {
                    put(reply, code, native(&value));
                }
            }
        }
        Some(())
    }
    /// Does something in the namespace that the socket was told to live in.
    pub(super) fn in_namespace<T: Send>(&self, work: impl FnOnce() -> SysResult<T> + Send) -> SysResult<T> {
        match &self.inet.options.namespace {
            Some(path) => in_namespace(path, work),
            None => work(),
        }
    }
}

fn put(reply: &mut Vec<u8>, code: u8, value: u32) {
    reply.push(code);
    reply.extend(value.to_be_bytes());
}

/// A number of one to four bytes in the kernel's order.
fn native(bytes: &[u8]) -> u32 {
    let mut number = [0; 4];
    let count = bytes.len().min(4);
    number[..count].copy_from_slice(&bytes[..count]);
    u32::from_ne_bytes(number)
}

/// The interface for multicast as `prim_inet` decodes it: address or number, then the family.
fn multicast_interface(family: u32, value: &[u8]) -> Vec<u8> {
    let first = match family {
        FAMILY_INET => value.to_vec(),
        _ => native(value).to_be_bytes().to_vec(),
    };
    [first, family.to_be_bytes().to_vec()].concat()
}

/// Ancillary data that came with a connection, as options.
fn ancillary_options(control: &[u8]) -> Vec<u8> {
    let mut items = Vec::new();
    for message in decode_control(control) {
        let code = match (message.level, message.kind) {
            (IPPROTO_IP, IP_TOS | IP_RECVTOS) => 9,
            (IPPROTO_IPV6, IPV6_TCLASS | IPV6_RECVTCLASS) => 41,
            (IPPROTO_IP, IP_TTL | IP_RECVTTL) => 46,
            _ => continue,
        };
        put(&mut items, code, native(&message.data));
    }
    items
}
