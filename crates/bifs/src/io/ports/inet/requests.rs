//! The requests of `port_control/3`.

use super::address::{encode, encode_known, take_address, take_u8, take_u16, take_u32};
use super::stream::Reply;
use super::visit::Visit;
use super::{Ignored, Protocol, State};
use crate::io::ports::inet::options::Active;
use oxbeam_sys::Errno;
use oxbeam_sys::name::hostname;
use oxbeam_sys::network::{service_by_name, service_by_port};
use oxbeam_sys::numbers::*;
use oxbeam_sys::socket::{Direction, Socket};
use oxbeam_term::Pid;

/// `INET_SUBS_EMPTY_OUT_Q`.
const EMPTY_OUT_QUEUE: u8 = 1;
/// What a time-out and a length take in a request for input.
const RECEIVE_REQUEST_SIZE: usize = 8;

impl Visit<'_> {
    /// Answers one request. The numbers are those of `inet_int.hrl`.
    pub(super) fn request(&mut self, caller: Pid, number: u32, data: &[u8]) -> Reply {
        let is_tcp = self.inet.protocol == Protocol::Tcp;
        match number {
            1 => self.open(data),
            2 => {
                self.fail_all(oxbeam_term::atoms::CLOSED);
                self.close_descriptor();
                Ok(Vec::new())
            }
            3 => self.connect(caller, data),
            4 => self.peer(),
            5 => self.name(),
            6 => self.bind(data),
            7 => self.set_options(data).map(|()| Vec::new()).ok_or("einval"),
            8 => self.get_options(data).ok_or("einval"),
            11 => self.inet.statistics.answer(data, self.inet.queued()).ok_or("einval"),
            12 if data.is_empty() => Ok(hostname()),
            13 => self.open_descriptor(data),
            14 => match &self.inet.socket {
                Some(socket) => Ok(socket.number().to_be_bytes().to_vec()),
                None => Err("einval"),
            },
            15 => self.kind(),
            16 => Ok(self.status().to_be_bytes().to_vec()),
            17 => service_port(data).ok_or("einval"),
            18 => service_name(data).ok_or("einval"),
            19 | 20 => self.set_told_name(number == 20, data),
            21 => self.interface_list(),
            22 => self.interface_get(data),
            23 => self.interface_set(data),
            24 => self.subscriptions(caller, data),
            25 if self.inet.is_open() => self.interface_addresses(),
            26 if is_tcp => match take_u32(&mut &data[..]) {
                Some(timeout) if data.len() == 4 => self.accept(caller, timeout),
                _ => Err("einval"),
            },
            27 if is_tcp => match take_u16(&mut &data[..]) {
                Some(backlog) if data.len() == 2 => self.listen(backlog),
                _ => Err("einval"),
            },
            28 => self.ignore(data),
            29 | 30 => self.all_names(number == 30, data),
            42 if is_tcp => match receive_request(data) {
                Some((timeout, length)) => self.receive_stream(caller, timeout, length),
                None => Err("einval"),
            },
            43 if is_tcp => self.put_back(data),
            44 if is_tcp => match data {
                [0] => self.shut_down(Direction::Read),
                [1] => self.shut_down(Direction::Write),
                [2] => self.shut_down(Direction::Both),
                _ => Err("einval"),
            },
            45 if is_tcp => self.send_file_request(data),
            60 if !is_tcp => match receive_request(data) {
                Some((timeout, _)) => self.receive_datagram(caller, timeout),
                None => Err("einval"),
            },
            12 => Err("einval"),
            _ => Err("exbadport"),
        }
    }
    /// Domain and type of a socket that is to be opened.
    fn domain_and_type(&self, family: u8, kind: u8) -> Result<(i32, i32), &'static str> {
        let domain = match family {
            1 => AF_INET,
            2 => AF_INET6,
            5 => AF_UNIX,
            _ => return Err("eafnosupport"),
        };
        match (self.inet.protocol, kind) {
            (_, 1) => Ok((domain, SOCK_STREAM)),
            (Protocol::Udp, 2) => Ok((domain, SOCK_DGRAM)),
            _ => Err("einval"),
        }
    }
    fn open(&mut self, data: &[u8]) -> Reply {
        let &[family, kind] = data else { return Err("einval") };
        let (domain, kind) = self.domain_and_type(family, kind)?;
        if self.inet.is_open() {
            return Err("exbadseq");
        }
        let protocol = match self.inet.protocol {
            _ if domain == AF_UNIX => 0,
            Protocol::Tcp => IPPROTO_TCP,
            Protocol::Udp => IPPROTO_UDP,
        };
        let socket = self.in_namespace(|| Socket::open(domain, kind, protocol)).map_err(Errno::name)?;
        self.opened(socket, domain, kind, State::Open);
        Ok(Vec::new())
    }
    /// `fdopen`: family, type, descriptor, and whether it must be bound.
    fn open_descriptor(&mut self, data: &[u8]) -> Reply {
        let &[family, kind, ref rest @ ..] = data else { return Err("einval") };
        let mut rest = rest;
        let (domain, kind) = self.domain_and_type(family, kind)?;
        let number = take_u32(&mut rest).ok_or("einval")?;
        let is_bound = if rest.is_empty() { true } else { take_u32(&mut rest).ok_or("einval")? != 0 };
        let socket = Socket::copy_of(number as i32).map_err(Errno::name)?;
        if is_bound && i32::from(socket.name().map_err(Errno::name)?.family()) != domain {
            return Err("einval");
        }
        let is_connected = kind == SOCK_STREAM && socket.peer().is_ok();
        self.opened(socket, domain, kind, if is_connected { State::Connected } else { State::Open });
        Ok(Vec::new())
    }
    fn opened(&mut self, socket: Socket, domain: i32, kind: i32, state: State) {
        let inet = &mut *self.inet;
        (inet.domain, inet.kind, inet.state) = (domain, kind, state);
        inet.socket = Some(socket);
        if inet.protocol == Protocol::Udp && inet.options.active != Active::Passive {
            self.want_read();
        }
    }
    fn connect(&mut self, caller: Pid, data: &[u8]) -> Reply {
        if !self.inet.is_open() {
            return Err("exbadport");
        }
        if self.inet.protocol == Protocol::Udp {
            return self.connect_datagram(data);
        }
        let mut rest = data;
        match take_u32(&mut rest) {
            Some(timeout) if rest.len() >= 2 => self.connect_stream(caller, timeout, rest),
            _ => Err("einval"),
        }
    }
    fn bind(&mut self, mut data: &[u8]) -> Reply {
        if data.len() < 2 {
            return Err("einval");
        }
        if self.inet.state != State::Open {
            return Err("exbadport");
        }
        let socket = self.inet.socket.as_ref().ok_or("exbadport")?;
        let address = take_address(self.inet.domain, &mut data)?;
        socket.bind(&address).map_err(Errno::name)?;
        let port = match address.port() {
            Some(0) => socket.name().ok().and_then(|address| address.port()).unwrap_or(0),
            other => other.unwrap_or(0),
        };
        Ok(port.to_be_bytes().to_vec())
    }
    fn peer(&self) -> Reply {
        if !self.inet.is_connected() {
            return Err("enotconn");
        }
        let address = match (&self.inet.told_peer, &self.inet.socket) {
            (Some(told), _) => **told,
            (None, Some(socket)) => socket.peer().map_err(Errno::name)?,
            (None, None) => return Err("enotconn"),
        };
        encode_known(&address).ok_or("einval")
    }
    fn name(&self) -> Reply {
        let address = match (&self.inet.told_name, &self.inet.socket) {
            (Some(told), _) => **told,
            (None, Some(socket)) => socket.name().map_err(Errno::name)?,
            (None, None) => return Err("ebadf"),
        };
        encode_known(&address).ok_or("einval")
    }
    fn all_names(&self, of_peer: bool, data: &[u8]) -> Reply {
        if data.len() != 4 {
            return Err("einval");
        }
        let socket = self.inet.socket.as_ref().ok_or("exbadport")?;
        let address = if of_peer { socket.peer() } else { socket.name() };
        Ok(encode(&address.map_err(Errno::name)?))
    }
    fn set_told_name(&mut self, of_peer: bool, mut data: &[u8]) -> Reply {
        let told = match data.len() {
            0 => None,
            1 => return Err("einval"),
            _ => Some(Box::new(take_address(self.inet.domain, &mut data)?)),
        };
        if of_peer {
            self.inet.told_peer = told;
        } else {
            self.inet.told_name = told;
        }
        Ok(Vec::new())
    }
    fn kind(&self) -> Reply {
        let family: u32 = match self.inet.domain {
            AF_INET => 1,
            AF_INET6 => 2,
            AF_UNIX => 5,
            _ => return Err("einval"),
        };
        let kind: u32 = if self.inet.is_stream() { 1 } else { 2 };
        Ok([family.to_be_bytes(), kind.to_be_bytes()].concat())
    }
    /// The state as bits: open, connected, listen, connecting, accepting, busy.
    fn status(&self) -> u32 {
        let state = match self.inet.state {
            State::Closed => 0,
            State::Open => 1,
            State::Connected => 1 | 4,
            State::Connecting => 1 | 0x10,
            State::Listening => match self.inet.acceptors.len() {
                0 => 1 | 8,
                1 => 1 | 8 | 0x20,
                _ => 1 | 8 | 0x20 | 0x100,
            },
        };
        state | if self.inet.output.is_busy() { 0x80 } else { 0 }
    }
    fn subscriptions(&mut self, caller: Pid, codes: &[u8]) -> Reply {
        let mut reply = Vec::new();
        for &code in codes {
            if code != EMPTY_OUT_QUEUE {
                return Err("einval");
            }
            reply.push(code);
            reply.extend(self.subscribe(caller).to_be_bytes());
        }
        Ok(reply)
    }
    /// `ignorefd`: somebody else reads and writes the descriptor of a connection from now on, or not any more.
    fn ignore(&mut self, data: &[u8]) -> Reply {
        if !self.inet.is_connected() {
            return Err("enotconn");
        }
        if !self.inet.is_stream() {
            return Err("einval");
        }
        match (data.first(), self.inet.ignored.ignored) {
            (Some(1), false) => {
                // Reports that are on their way come to nothing.
                self.inet.registration = None;
                self.inet.armed = oxbeam_sys::poll::Interest::default();
                let read = self.inet.options.active != Active::Passive;
                self.inet.ignored = Ignored { ignored: true, read, write: false };
            }
            (Some(0), true) => {
                let Ignored { read, write, .. } = std::mem::take(&mut self.inet.ignored);
                if read {
                    self.want_read();
                }
                if write {
                    self.want_write();
                }
            }
            _ => return Err("einval"),
        }
        Ok(Vec::new())
    }
    fn send_file_request(&mut self, data: &[u8]) -> Reply {
        let Some((descriptor, rest)) = data.split_first_chunk::<4>() else { return Err("einval") };
        let (Some((offset, rest)), 16) = (rest.split_first_chunk::<8>(), rest.len()) else { return Err("einval") };
        let Some(length) = rest.first_chunk::<8>() else { return Err("einval") };
        let (offset, length) = (u64::from_be_bytes(*offset), u64::from_be_bytes(*length));
        self.send_file(i32::from_ne_bytes(*descriptor), offset, length)
    }
}

/// Time-out and length of a request for input.
fn receive_request(mut data: &[u8]) -> Option<(u32, u32)> {
    if data.len() != RECEIVE_REQUEST_SIZE {
        return None;
    }
    Some((take_u32(&mut data)?, take_u32(&mut data)?))
}

/// A string with its length in front.
fn take_string<'b>(data: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = take_u8(data)?;
    super::address::take(data, usize::from(length))
}

fn service_port(mut data: &[u8]) -> Option<Vec<u8>> {
    let (name, protocol) = (take_string(&mut data)?, take_string(&mut data)?);
    service_by_name(name, Some(protocol)).map(|port| port.to_be_bytes().to_vec())
}

fn service_name(mut data: &[u8]) -> Option<Vec<u8>> {
    let port = take_u16(&mut data)?;
    service_by_port(port, Some(take_string(&mut data)?))
}
