//! TCP: connecting, accepting, receiving.

use super::input::{Next, packet_kind};
use super::options::{Active, INFINITY};
use super::visit::{TimeOut, Visit, link};
use super::{Inet, Operation, Protocol, State};
use crate::erlang::packet::{PacketKind, packet_body, parsed_packet};
use crate::io::ports::PortTable;
use crate::io::ports::port::{Core, Device};
use oxbeam_sys::socket::{Direction, Socket};
use oxbeam_sys::{Errno, Result as SysResult};
use oxbeam_term::{Atom, Heap, Pid, Port, Term, atoms};
use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::Ordering;

/// Nobody may ask for more bytes at once.
const RECEIVE_MAX: usize = 64 << 20;

/// The answer to a request: bytes, or the name of an error.
pub(super) type Reply = Result<Vec<u8>, &'static str>;

/// Data as the options want them: a list, a binary, or a binary behind a list.
pub(super) fn data_term<'h>(heap: &'h Heap, binary: bool, header: usize, bytes: Vec<u8>) -> Term<'h> {
    if !binary || header > bytes.len() {
        return heap.byte_list(&bytes, Term::NIL);
    }
    if header == 0 {
        return heap.binary_from_vec(bytes);
    }
    heap.byte_list(&bytes[..header], heap.binary(&bytes[header..]))
}

impl Visit<'_> {
    /// `connect`: time-out, address.
    pub(super) fn connect_stream(&mut self, caller: Pid, timeout: u32, mut data: &[u8]) -> Reply {
        match self.inet.state {
            State::Connected => return Err("eisconn"),
            State::Connecting => return Err("einval"),
            State::Closed | State::Open | State::Listening => {}
        }
        let address = super::address::take_address(self.inet.domain, &mut data)?;
        let socket = self.inet.socket.as_ref().ok_or("einval")?;
        match socket.connect(&address) {
            Ok(()) => {
                self.inet.state = State::Connected;
                if self.inet.options.active != Active::Passive {
                    self.want_read();
                }
                Ok(Vec::new())
            }
            Err(Errno::EINPROGRESS | Errno::EAGAIN) => {
                self.inet.state = State::Connecting;
                self.want_write();
                let number = self.begin_operation(caller);
                self.limit_operation(timeout);
                Ok(number)
            }
            Err(error) => Err(error.name()),
        }
    }
    /// Ends the operation that has just begun after so many milliseconds.
    pub(super) fn limit_operation(&mut self, timeout: u32) {
        if timeout == INFINITY {
            return;
        }
        let Some(number) = self.inet.operation.as_ref().map(|operation| operation.number) else { return };
        let timer = self.start_timer(timeout, TimeOut::Operation(number));
        if let Some(operation) = &mut self.inet.operation {
            operation.timer = Some(timer);
        }
    }
    /// The connection is made, or not.
    pub(super) fn connection_ready(&mut self) {
        let Some(socket) = &self.inet.socket else { return };
        let outcome = socket.take_error();
        let Some(operation) = self.inet.operation.take() else { return };
        match outcome {
            Ok(()) => {
                self.inet.state = State::Connected;
                if self.inet.options.active != Active::Passive {
                    self.want_read();
                }
                self.answer(&operation, |_, _| Term::atom(atoms::OK));
            }
            Err(error) => {
                self.inet.state = State::Open;
                self.answer_error(&operation, self.atom(error));
            }
        }
    }
    /// `listen`.
    pub(super) fn listen(&mut self, backlog: u16) -> Reply {
        if !self.inet.is_open() {
            return Err("exbadport");
        }
        let socket = self.inet.socket.as_ref().ok_or("exbadport")?;
        socket.listen(backlog.into()).map_err(Errno::name)?;
        self.inet.state = State::Listening;
        Ok(Vec::new())
    }
    /// `accept`: takes a connection that waits, or leaves the process in the queue of those that accept.
    pub(super) fn accept(&mut self, caller: Pid, timeout: u32) -> Reply {
        if self.inet.state != State::Listening {
            return Err("einval");
        }
        let socket = self.inet.socket.as_ref().ok_or("einval")?;
        let accepted = if self.inet.acceptors.is_empty() { socket.accept().map(Some) } else { Ok(None) };
        match accepted {
            Ok(Some((socket, _))) => {
                let port = self.connected_port(socket, caller)?;
                let number = self.inet.take_number();
                self.answer_port(&Operation { number, caller, timer: None }, port);
                Ok(number.to_be_bytes().to_vec())
            }
            Ok(None) | Err(Errno::EAGAIN) => {
                let number = self.inet.take_number();
                let timer = (timeout != INFINITY).then(|| self.start_timer(timeout, TimeOut::Acceptance(number)));
                self.inet.acceptors.push_back(Operation { number, caller, timer });
                self.remember_acceptor(caller);
                self.want_read();
                Ok(number.to_be_bytes().to_vec())
            }
            Err(error) => Err(error.name()),
        }
    }
    /// Gives connections to those that wait for them.
    pub(super) fn accept_ready(&mut self) {
        while !self.inet.acceptors.is_empty() {
            let Some(socket) = &self.inet.socket else { return };
            let accepted = match socket.accept() {
                Err(Errno::EAGAIN) => return self.want_read(),
                other => other,
            };
            let Some(acceptor) = self.inet.acceptors.pop_front() else { return };
            self.forget_acceptor(&acceptor);
            let port = match accepted {
                Ok((socket, _)) => self.connected_port(socket, acceptor.caller),
                Err(error) => Err(error.name()),
            };
            match port {
                Ok(port) => self.answer_port(&acceptor, port),
                Err(error) => {
                    let reason = self.vm.atoms.intern(error).unwrap_or(atoms::EINVAL);
                    return self.answer_error(&acceptor, reason);
                }
            }
        }
    }
    fn answer_port(&self, operation: &Operation, port: Port) {
        self.answer(operation, |heap, _| heap.tuple(&[Term::atom(atoms::OK), Term::port(port)]));
    }
    /// A new port for a connection, linked to the process that accepted it.
    fn connected_port(&mut self, socket: Socket, owner: Pid) -> Result<Port, &'static str> {
        let mut inet = Inet::new(Protocol::Tcp);
        inet.options = self.inet.options.inherited();
        (inet.domain, inet.kind) = (self.inet.domain, self.inet.kind);
        inet.socket = Some(socket);
        inet.state = State::Connected;
        let mut core = Core::new(owner);
        core.links.insert(owner);
        core.device = Device::Inet(Box::new(inet));
        let table = self.vm.extension::<PortTable>();
        let port = table.create(self.vm, b"tcp_inet".to_vec(), core).ok_or("system_limit")?;
        table.publish(&port);
        if self.asking == Some(owner) {
            self.accepted.push(port.id);
        } else if !link(self.vm, port.id, owner) {
            let mut core = port.core.lock();
            port.close(self.vm, &mut core, oxbeam_runtime::Vm::own_atom(atoms::NOPROC));
            return Err("noproc");
        }
        Ok(port.id)
    }
    /// `recv`: time-out and length, 0 for a packet.
    pub(super) fn receive_stream(&mut self, caller: Pid, timeout: u32, length: u32) -> Reply {
        if !self.inet.is_connected() {
            if !std::mem::take(&mut self.inet.tidings.receive) {
                return Err("enotconn");
            }
            self.inet.tidings.send = false;
            return Err(if std::mem::take(&mut self.inet.tidings.reset) { "econnreset" } else { "closed" });
        }
        let length = length as usize;
        let options = &self.inet.options;
        if options.active != Active::Passive || (options.packet != 0 && length != 0) {
            return Err("einval");
        }
        if length > RECEIVE_MAX {
            return Err("enomem");
        }
        if self.inet.operation.is_some() {
            return Err("ealready");
        }
        let number = self.begin_operation(caller);
        if length > 0 || self.inet.options.packet == 0 {
            self.inet.input.expect(length);
        }
        if !self.inet.ignored.ignored {
            self.receive_ready();
        }
        if self.inet.operation.is_some() {
            if timeout == 0 {
                self.operation_timed_out();
            } else {
                self.limit_operation(timeout);
                self.want_read();
            }
        }
        Ok(number)
    }
    /// The connection or reception has taken too long.
    pub(super) fn operation_timed_out(&mut self) {
        if self.inet.state == State::Connecting {
            // Nothing can be done with it any more.
            self.close_descriptor();
        } else {
            self.inet.input.expect(0);
        }
        self.fail_operation(atoms::TIMEOUT);
    }
    /// Reads once, delivers what is complete, and asks for more if somebody wants it.
    pub(super) fn receive_ready(&mut self) {
        let is_wanted =
            |inet: &Inet| inet.is_connected() && (inet.options.active != Active::Passive || inet.operation.is_some());
        let mut may_read = true;
        while is_wanted(self.inet) {
            match self.inet.input.next(&self.inet.options) {
                Next::Packet(length) => {
                    self.deliver(length);
                    may_read = false;
                }
                Next::Invalid => return self.receive_failed(Errno::EMSGSIZE),
                Next::Read(_) if !may_read => return self.want_read(),
                Next::Read(count) => {
                    let Some(socket) = &self.inet.socket else { return };
                    match self.inet.input.read(socket, count) {
                        Ok(0) => return self.stream_ended(),
                        Ok(size) => may_read = size == count,
                        Err(Errno::EAGAIN | Errno::EINTR) => return self.want_read(),
                        Err(Errno::ECONNRESET) if !self.inet.options.show_econnreset => return self.stream_ended(),
                        Err(error) => return self.receive_failed(error),
                    }
                }
            }
        }
    }
    /// Counts a packet or datagram that is delivered.
    pub(super) fn count_received(&mut self, size: usize) {
        self.inet.statistics.count_received(size);
        self.vm.port_bytes.received.fetch_add(size as u64, Ordering::Relaxed);
    }
    /// Gives the owner, or who waits, the packet of this length that the input starts with.
    fn deliver(&mut self, length: usize) {
        self.count_received(length);
        let options = &self.inet.options;
        let kind = packet_kind(options.packet, self.inet.input.in_headers);
        let packet = Packet {
            kind,
            binary: options.binary,
            header: options.header as usize,
            bytes: self.inet.input.take(length),
        };
        if let Some(carried) = self.carried {
            let body = packet_body(packet.kind, &packet.bytes);
            if carried.entry.received(self.vm, carried.connection, packet.bytes[body].to_vec()).is_err() {
                self.tell_closed();
                self.end = Some(self.killed());
                self.close_descriptor();
            }
            return;
        }
        let in_headers = &Cell::new(self.inet.input.in_headers);
        if options.deliver_port {
            self.send(self.owner, |heap, port| {
                let data = packet.data(heap);
                heap.tuple(&[port, heap.tuple(&[Term::atom(atoms::DATA), data])])
            });
        } else if options.active == Active::Passive {
            if let Some(operation) = self.inet.operation.take() {
                self.answer(&operation, |heap, port| {
                    let content = packet.parsed(heap, port, in_headers);
                    let content = content.unwrap_or_else(|| packet.data(heap));
                    heap.tuple(&[Term::atom(atoms::OK), content])
                });
            }
        } else {
            self.send(self.owner, |heap, port| match packet.parsed(heap, port, in_headers) {
                Some(content) if packet.kind == PacketKind::SslTls => content,
                Some(content) => heap.tuple(&[Term::atom(atoms::HTTP), port, content]),
                None => heap.tuple(&[Term::atom(atoms::TCP), port, packet.data(heap)]),
            });
        }
        self.inet.input.in_headers = in_headers.get();
        self.count_delivery();
    }
    /// The owner has got a packet: perhaps it was the last one that it wanted.
    pub(super) fn count_delivery(&mut self) {
        let active = &mut self.inet.options.active;
        match *active {
            Active::Once => *active = Active::Passive,
            Active::Count(1) => {
                *active = Active::Passive;
                self.tell_passive();
            }
            Active::Count(count) => *active = Active::Count(count - 1),
            Active::Passive | Active::Always => {}
        }
    }
    /// `unrecv`: puts bytes back.
    pub(super) fn put_back(&mut self, data: &[u8]) -> Reply {
        if !self.inet.is_connected() {
            return Err("enotconn");
        }
        self.inet.input.push_back(data);
        if self.inet.options.active != Active::Passive {
            self.receive_ready();
        }
        Ok(Vec::new())
    }
    /// The other end has closed the connection.
    fn stream_ended(&mut self) {
        let was_waiting = self.abandon_output(atoms::CLOSED, Errno::ENOTCONN);
        if !was_waiting {
            // A `send` that comes next is to fail with `closed`, not with `enotconn`.
            self.inet.tidings.send = true;
        }
        self.end_of_input(None);
    }
    /// Reading has failed.
    fn receive_failed(&mut self, error: Errno) {
        self.abandon_output(atoms::CLOSED, error);
        self.end_of_input(Some(error));
    }
    /// There will be no more input, because of an error or not.
    fn end_of_input(&mut self, error: Option<Errno>) {
        let exits = self.inet.options.exit_on_close != 0;
        self.inet.input.clear();
        if self.inet.options.active == Active::Passive {
            if exits {
                self.close_descriptor();
            }
            let reason = error.map_or(atoms::CLOSED, |error| self.atom(error));
            return self.fail_operation(reason);
        }
        if let Some(error) = error {
            self.tell_error(atoms::TCP_ERROR, self.atom(error));
        }
        self.tell_closed();
        if exits {
            self.end_port(error.map_or(atoms::NORMAL, |error| self.atom(error)));
        }
    }
    /// Why a port ends that carried a malformed packet.
    fn killed(&self) -> oxbeam_term::OwnedTerm {
        oxbeam_runtime::Vm::own_atom(atoms::KILLED)
    }
    /// `{tcp_closed, Port}`, once.
    pub(super) fn tell_closed(&mut self) {
        if !std::mem::replace(&mut self.inet.close_sent, true) {
            self.tell(atoms::TCP_CLOSED);
        }
    }
    /// Closes the descriptor with everything that waits; the port lives on.
    pub(super) fn close_descriptor(&mut self) {
        self.inet.input.clear();
        self.inet.output.clear();
        self.inet.release();
    }
    /// Tells all that wait for something that the socket is closed.
    pub(super) fn fail_all(&mut self, reason: Atom) {
        for acceptor in std::mem::take(&mut self.inet.acceptors) {
            self.forget_acceptor(&acceptor);
            self.answer_error(&acceptor, reason);
        }
        self.fail_operation(reason);
    }
    /// `shutdown`: at once, or when what waits is written.
    pub(super) fn shut_down(&mut self, direction: Direction) -> Reply {
        if !self.inet.is_connected() {
            return Err("enotconn");
        }
        if direction != Direction::Read && self.inet.output.queued() > 0 {
            self.inet.pending_shutdown = Some(direction);
            return Ok(Vec::new());
        }
        match self.shut_down_now(direction) {
            Ok(()) => Ok(Vec::new()),
            Err(error) => {
                self.inet.is_shut_down |= direction != Direction::Read;
                Err(error.name())
            }
        }
    }
    pub(super) fn shut_down_now(&mut self, direction: Direction) -> SysResult<()> {
        self.inet.socket.as_ref().ok_or(Errno::ENOTCONN)?.shut_down(direction)
    }
}

/// A packet on its way to a process.
struct Packet {
    kind: PacketKind,
    binary: bool,
    header: usize,
    bytes: Vec<u8>,
}

impl Packet {
    /// Its data without headers.
    fn data<'h>(self, heap: &'h Heap) -> Term<'h> {
        let body = packet_body(self.kind, &self.bytes);
        let bytes = if body == (0..self.bytes.len()) { self.bytes } else { self.bytes[body].to_vec() };
        data_term(heap, self.binary, self.header, bytes)
    }
    /// What a packet of HTTP or TLS says; `None` for others. Tells whether header lines follow.
    fn parsed<'h>(&self, heap: &'h Heap, port: Term<'h>, in_headers: &Cell<bool>) -> Option<Term<'h>> {
        let part = |range: Range<usize>| heap.binary(&self.bytes[range]);
        let parsed = parsed_packet(heap, self.kind, &self.bytes, port, part)?;
        let tag = parsed.as_tuple().map_or(parsed, |tuple| tuple.elements()[0]);
        match tag.as_atom() {
            Some(atoms::HTTP_REQUEST | atoms::HTTP_RESPONSE) => in_headers.set(true),
            Some(atoms::HTTP_EOH) => in_headers.set(false),
            _ => {}
        }
        Some(parsed)
    }
}
