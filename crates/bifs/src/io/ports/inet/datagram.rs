//! UDP, and datagrams of unix-domain sockets.

use super::address::{encode, host_and_port, take, take_address, take_u8, take_u32};
use super::options::Active;
use super::stream::{Reply, data_term};
use super::visit::Visit;
use super::{Sender, State};
use oxbeam_sys::Errno;
use oxbeam_sys::address::Address;
use oxbeam_sys::numbers::*;
use oxbeam_sys::socket::{ControlMessage, Received};
use oxbeam_term::{Atom, Heap, Pid, Term, atoms};

/// Room for the ancillary data of one datagram.
const CONTROL_ROOM: usize = 512;

impl Visit<'_> {
    /// `connect`: time-out and address; nothing dissolves the association.
    pub(super) fn connect_datagram(&mut self, data: &[u8]) -> Reply {
        let socket = self.inet.socket.as_ref().ok_or("exbadport")?;
        let dissolve = || socket.connect(&Address::unspecified());
        if data.is_empty() {
            let _ = dissolve();
            self.inet.state = State::Open;
            return Ok(Vec::new());
        }
        let mut data = data.get(4..).filter(|address| address.len() >= 2).ok_or("einval")?;
        let address = take_address(self.inet.domain, &mut data)?;
        if self.inet.state == State::Connected {
            // Else Linux keeps the source address that it chose for the old destination.
            let _ = dissolve();
        }
        match socket.connect(&address) {
            Ok(()) => {
                self.inet.state = State::Connected;
                self.inet.remote = Some(Box::new(address));
                Ok(Vec::new())
            }
            Err(error) => {
                let _ = dissolve();
                self.inet.state = State::Open;
                Err(error.name())
            }
        }
    }
    /// `recv`: the length does not matter.
    pub(super) fn receive_datagram(&mut self, caller: Pid, timeout: u32) -> Reply {
        if !self.inet.is_open() {
            return Err("exbadport");
        }
        if self.inet.options.active != Active::Passive {
            return Err("einval");
        }
        if self.inet.operation.is_some() {
            return Err("ealready");
        }
        let number = self.begin_operation(caller);
        self.receive_datagrams();
        self.limit_operation(timeout);
        Ok(number)
    }
    /// Reads some datagrams, as many as `read_packets` allows, and asks for more if somebody wants them.
    pub(super) fn receive_datagrams(&mut self) {
        for _ in 0..self.inet.options.read_packets {
            let is_active = self.inet.options.active != Active::Passive;
            if !is_active && self.inet.operation.is_none() {
                return;
            }
            let Some(socket) = &self.inet.socket else { return };
            let mut data = Vec::new();
            let room = self.inet.options.buffer as usize;
            let control_room = if self.inet.options.ancillary != 0 { CONTROL_ROOM } else { 0 };
            match socket.receive_message(&mut data, room, control_room, 0) {
                Ok(received) => self.deliver_datagram(data, received),
                Err(Errno::EAGAIN | Errno::EINTR) => return self.want_read(),
                Err(error) if is_active => {
                    self.tell_error(atoms::UDP_ERROR, self.atom(error));
                    return self.want_read();
                }
                Err(error) => {
                    let reason = self.atom(error);
                    return self.fail_operation(reason);
                }
            }
        }
        if self.inet.options.active != Active::Passive || self.inet.operation.is_some() {
            self.want_read();
        }
    }
    fn deliver_datagram(&mut self, mut data: Vec<u8>, received: Received) {
        self.count_received(data.len());
        // The buffer is as large as the largest datagram: what is kept should not be.
        data.shrink_to_fit();
        let options = &self.inet.options;
        let (binary, header, deliver_port) = (options.binary, options.header as usize, options.deliver_port);
        let has_ancillary = options.ancillary != 0 && self.inet.state != State::Connected;
        let control = &received.control;
        let source = match (&self.inet.remote, self.inet.state) {
            (Some(remote), State::Connected) => **remote,
            _ => received.address,
        };
        if self.inet.options.active == Active::Passive {
            let Some(operation) = self.inet.operation.take() else { return };
            self.answer(&operation, |heap, _| {
                let content = with_address(heap, binary, header, &source, data);
                let content =
                    if has_ancillary { heap.tuple(&[content, ancillary_terms(heap, control)]) } else { content };
                heap.tuple(&[Term::atom(atoms::OK), content])
            });
            return;
        }
        self.send(self.owner, |heap, port| {
            if deliver_port {
                let content = with_address(heap, binary, header, &source, data);
                return heap.tuple(&[port, heap.tuple(&[Term::atom(atoms::DATA), content])]);
            }
            let [host, number] = host_and_port(heap, &source);
            let mut elements = vec![Term::atom(atoms::UDP), port, host, number];
            if has_ancillary {
                elements.push(ancillary_terms(heap, control));
            }
            elements.push(data_term(heap, binary, header, data));
            heap.tuple(&elements)
        });
        self.count_delivery();
    }
    /// Sends a datagram: address, options that go with it, data.
    pub(super) fn send_datagram(&mut self, caller: Pid, reference: Box<[u8]>, data: &[u8]) {
        let sender = Sender { caller, reference };
        let outcome = self.try_send_datagram(data);
        let error = outcome.err().map(|name| self.vm.atoms.intern(name).unwrap_or(atoms::EINVAL));
        self.reply(&sender, error);
    }
    fn try_send_datagram(&mut self, mut data: &[u8]) -> Result<(), &'static str> {
        if !self.inet.is_open() {
            return Err("einval");
        }
        let address = take_address(self.inet.domain, &mut data)?;
        let size = take_u32(&mut data).ok_or("einval")?;
        let control = control_messages(take(&mut data, size as usize).ok_or("einval")?).ok_or("einval")?;
        self.inet.statistics.count_sent(data.len());
        let socket = self.inet.socket.as_ref().ok_or("einval")?;
        // A connected socket has its destination, whatever is said here.
        let to = Some(&address).filter(|_| self.inet.state != State::Connected);
        socket.send_message(to, &[data], &control, 0).map(|_| ()).map_err(Errno::name)
    }
}

/// Address and data as `prim_inet:recvfrom/3` takes them apart: one list, whose tail is a binary in that mode.
fn with_address<'h>(heap: &'h Heap, binary: bool, header: usize, source: &Address, data: Vec<u8>) -> Term<'h> {
    let address = encode(source);
    let content = data_term(heap, binary, header, data);
    heap.byte_list(&address, content)
}

/// Options for one datagram, as control messages; `None` for others than these.
fn control_messages(mut options: &[u8]) -> Option<Vec<ControlMessage>> {
    let mut messages = Vec::new();
    while let Some(code) = take_u8(&mut options) {
        let (level, kind) = match code {
            9 => (IPPROTO_IP, IP_TOS),
            46 => (IPPROTO_IP, IP_TTL),
            41 => (IPPROTO_IPV6, IPV6_TCLASS),
            _ => return None,
        };
        let value = take_u32(&mut options)?;
        messages.push(ControlMessage { level, kind, data: value.to_ne_bytes().to_vec() });
    }
    Some(messages)
}

fn ancillary_terms<'h>(heap: &'h Heap, control: &[ControlMessage]) -> Term<'h> {
    let item = |message: &ControlMessage| {
        let name: Atom = match (message.level, message.kind) {
            (IPPROTO_IP, IP_TOS | IP_RECVTOS) => atoms::TOS,
            (IPPROTO_IPV6, IPV6_TCLASS | IPV6_RECVTCLASS) => atoms::TCLASS,
            (IPPROTO_IP, IP_TTL | IP_RECVTTL) => atoms::TTL,
            _ => return None,
        };
        let value = match message.data[..] {
            [byte] => i64::from(byte),
            [a, b, c, d, ..] => i64::from(i32::from_ne_bytes([a, b, c, d])),
            _ => 0,
        };
        Some(heap.tuple(&[Term::atom(name), heap.integer(value)]))
    };
    let items: Vec<Term<'h>> = control.iter().filter_map(item).collect();
    heap.list(&items)
}
