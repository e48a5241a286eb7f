//! The drivers `tcp_inet` and `udp_inet`: sockets as `prim_inet` asks for them by `port_control/3` and `port_command/3`.
//!
//! ```text
//!   Closed -> Open                          open, fdopen
//!   Open -> Listening                       listen (with a queue of processes that accept)
//!   Open -> Connecting -> Connected         connect; Open again when it fails
//!   Connected | Open -> Closed              an error, the other end, a time-out; the port may live on
//! ```
//!
//! Whoever works on a socket holds its port's lock, so a request, a readiness report and a time-out never meet. What
//! they need together is a [`Visit`]. A request reads or writes at once; only what cannot be done at once is left to
//! the poll thread, which calls [`PortObject::socket_ready`]. Interests are armed for one report each
//! (`oxbeam_sys::poll`), and [`Inet`] knows which are armed: a report that nobody waits for any more is ignored.
//! Time-outs carry the number of what they end, so one that comes late finds nothing.
//!
//! An idle socket has no buffer: what came becomes the message's binary, unless it fills its memory badly.

mod address;
mod control;
mod datagram;
mod device;
mod input;
mod options;
mod output;
mod requests;
mod statistics;
mod stream;
mod visit;

use crate::io::system::Registration;
pub(crate) use control::{Answer, Command, close, command, control, suspend};
pub(crate) use visit::{distribution_ready, install};

use input::Input;
use options::Options;
use output::Output;
use oxbeam_runtime::TimerId;
use oxbeam_sys::address::Address;
use oxbeam_sys::numbers;
use oxbeam_sys::poll::Interest;
use oxbeam_sys::socket::{Direction, Socket};
use oxbeam_term::Pid;
use statistics::Statistics;
use std::collections::VecDeque;

/// Which driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Protocol {
    Udp,
    Tcp,
}

impl Protocol {
    /// The driver with this name.
    pub(crate) fn of_driver(name: &[u8]) -> Option<Protocol> {
        match name {
            b"udp_inet" => Some(Protocol::Udp),
            b"tcp_inet" => Some(Protocol::Tcp),
            _ => None,
        }
    }
}

/// Where a socket is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Closed,
    Open,
    Listening,
    Connecting,
    /// A datagram socket that is connected is also in this state.
    Connected,
}

/// A process that waits for `{inet_async, Port, Number, Status}`.
struct Operation {
    number: u16,
    caller: Pid,
    timer: Option<TimerId>,
}

/// A process that waits for `{inet_reply, Port, Status, Reference}`, since its data filled the queue.
struct Sender {
    caller: Pid,
    /// The reference in the external format, as it came.
    reference: Box<[u8]>,
}

/// What is to be said to the next request of a passive socket that was closed meanwhile.
#[derive(Clone, Copy, Default)]
struct Tidings {
    /// The next `recv` fails with `closed`, not with `enotconn`.
    receive: bool,
    /// The next `send` does.
    send: bool,
    /// They fail with `econnreset`.
    reset: bool,
}

/// Does somebody else read and write the descriptor (`prim_inet:ignorefd/2`)?
#[derive(Clone, Copy, Default)]
struct Ignored {
    ignored: bool,
    /// Wanted to read when it was, or since.
    read: bool,
    write: bool,
}

/// One socket.
pub(crate) struct Inet {
    protocol: Protocol,
    state: State,
    /// Before `socket`, so that it is dropped first.
    registration: Option<Registration>,
    armed: Interest,
    socket: Option<Socket>,
    /// `AF_*` and `SOCK_*`, once it is open.
    domain: i32,
    kind: i32,
    ignored: Ignored,
    options: Options,
    /// Names that are told in place of the true ones (`prim_inet:setpeername/2`, `setsockname/2`).
    told_peer: Option<Box<Address>>,
    told_name: Option<Box<Address>>,
    /// With whom a datagram socket is connected.
    remote: Option<Box<Address>>,
    next_number: u16,
    /// The connection or reception that is waited for.
    operation: Option<Operation>,
    /// Processes that accept.
    acceptors: VecDeque<Operation>,
    sender: Option<Sender>,
    send_timer: Option<TimerId>,
    input: Input,
    output: Output,
    tidings: Tidings,
    /// `{tcp_closed, Port}` was sent.
    close_sent: bool,
    pending_shutdown: Option<Direction>,
    is_shut_down: bool,
    statistics: Statistics,
}

impl Inet {
    pub(crate) fn new(protocol: Protocol) -> Inet {
        Inet {
            protocol,
            state: State::Closed,
            registration: None,
            armed: Interest::default(),
            socket: None,
            domain: 0,
            kind: 0,
            ignored: Ignored::default(),
            options: Options::default(),
            told_peer: None,
            told_name: None,
            remote: None,
            next_number: 0,
            operation: None,
            acceptors: VecDeque::new(),
            sender: None,
            send_timer: None,
            input: Input::default(),
            output: Output::default(),
            tidings: Tidings::default(),
            close_sent: false,
            pending_shutdown: None,
            is_shut_down: false,
            statistics: Statistics::default(),
        }
    }
    /// Bytes that wait to be sent.
    pub(crate) fn queued(&self) -> usize {
        self.output.queued()
    }
    /// Is there output that the port's end waits for?
    pub(crate) fn has_output(&self) -> bool {
        self.output.queued() > 0 && self.socket.is_some()
    }
    fn is_open(&self) -> bool {
        self.state != State::Closed
    }
    fn is_connected(&self) -> bool {
        self.state == State::Connected
    }
    fn is_stream(&self) -> bool {
        self.kind == numbers::SOCK_STREAM
    }
    /// The number of a new operation.
    fn take_number(&mut self) -> u16 {
        let number = self.next_number;
        self.next_number = number.wrapping_add(1);
        number
    }
    /// Closes the descriptor.
    pub(crate) fn release(&mut self) {
        self.registration = None;
        self.armed = Interest::default();
        if let Some(socket) = self.socket.take()
            && self.options.lingers
        {
            socket.close_without_waiting();
        }
        self.state = State::Closed;
    }
}
