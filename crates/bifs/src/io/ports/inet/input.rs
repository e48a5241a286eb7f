//! What a stream has received and nobody has taken, and how it is cut into packets.

use super::options::Options;
use crate::erlang::packet::{PacketEnd, PacketKind, PacketOptions, packet_end};
use oxbeam_sys::Result as SysResult;
use oxbeam_sys::socket::Socket;

/// At most so many bytes are made room for at once, however long a packet says that it is.
const READ_MAX: usize = 256 * 1024;

/// What the buffer lacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// A packet of so many bytes is there.
    Packet(usize),
    /// So many bytes should be read next.
    Read(usize),
    /// What is there is no packet, or too long.
    Invalid,
}

/// Received bytes. No memory while there are none.
#[derive(Default)]
pub(super) struct Input {
    buffer: Vec<u8>,
    /// Bytes of the buffer that were delivered already.
    start: usize,
    /// Length of the packet at the start, once it is known; for `recv` of a certain length, that.
    expected: usize,
    /// Does a header line of HTTP come next, and not a request or response line?
    pub(super) in_headers: bool,
}

/// The type of packets that `prim_inet` numbers so. `None` is raw. `http_headers` says what comes next with `http`.
pub(super) fn packet_kind(number: u32, in_headers: bool) -> PacketKind {
    let http = |binary| if in_headers { PacketKind::HttpHeader { binary } } else { PacketKind::Http { binary } };
    match number {
        1 => PacketKind::Length(1),
        2 => PacketKind::Length(2),
        3 => PacketKind::Length(4),
        4 => PacketKind::Asn1,
        5 => PacketKind::SunRm,
        6 => PacketKind::Cdr,
        7 => PacketKind::Fcgi,
        8 => PacketKind::Line,
        9 => PacketKind::Tpkt,
        10 => http(false),
        11 => PacketKind::HttpHeader { binary: false },
        12 => PacketKind::SslTls,
        13 => http(true),
        14 => PacketKind::HttpHeader { binary: true },
        _ => PacketKind::Raw,
    }
}

/// How many bytes tell the length of a packet, at least, if nothing may be read beyond it.
fn header_length(kind: PacketKind) -> usize {
    match kind {
        PacketKind::Length(header) => header,
        PacketKind::Asn1 => 2,
        PacketKind::SunRm | PacketKind::Tpkt => 4,
        PacketKind::Cdr => 12,
        PacketKind::Fcgi => 8,
        PacketKind::SslTls => 5,
        // Lines are read byte by byte then.
        PacketKind::Raw | PacketKind::Line | PacketKind::Http { .. } | PacketKind::HttpHeader { .. } => 1,
    }
}

impl Input {
    /// What is there.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }
    /// Packets are cut otherwise from now on.
    pub(super) fn packet_changed(&mut self) {
        self.expected = 0;
    }
    /// Somebody wants exactly so many bytes; 0 for a packet of any length.
    pub(super) fn expect(&mut self, length: usize) {
        self.expected = length;
    }
    /// Throws everything away.
    pub(super) fn clear(&mut self) {
        *self = Input { in_headers: self.in_headers, ..Input::default() };
    }
    /// Puts bytes in front.
    pub(super) fn push_back(&mut self, bytes: &[u8]) {
        let rest = self.buffer.split_off(self.start);
        self.buffer = [bytes, &rest].concat();
        (self.start, self.expected) = (0, 0);
    }
    /// What comes next.
    pub(super) fn next(&mut self, options: &Options) -> Next {
        let have = self.bytes().len();
        if self.expected > 0 {
            let missing = self.expected.saturating_sub(have);
            return if missing == 0 { Next::Packet(self.expected) } else { Next::Read(missing) };
        }
        let kind = packet_kind(options.packet, self.in_headers);
        let (buffer, limit) = (options.buffer as usize, options.packet_size as usize);
        let packet = PacketOptions { packet_size: limit, line_length: buffer, line_delimiter: options.line_delimiter };
        match packet_end(kind, self.bytes(), &packet) {
            PacketEnd::At(end) if end <= have => Next::Packet(end),
            PacketEnd::At(end) => {
                self.expected = end;
                Next::Read(end - have)
            }
            PacketEnd::Invalid => Next::Invalid,
            PacketEnd::Unknown if !options.read_ahead && kind != PacketKind::Raw => {
                Next::Read(header_length(kind).saturating_sub(have).max(1))
            }
            PacketEnd::Unknown if have < buffer => Next::Read(buffer - have),
            PacketEnd::Unknown if have < limit => Next::Read(limit - have),
            PacketEnd::Unknown => Next::Invalid,
        }
    }
    /// Reads at most so many bytes; how many.
    pub(super) fn read(&mut self, socket: &Socket, count: usize) -> SysResult<usize> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let outcome = socket.receive(&mut self.buffer, count.min(READ_MAX), 0);
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
        outcome
    }
    /// Takes a packet, with its header. The memory goes along when the packet fills it well.
    pub(super) fn take(&mut self, length: usize) -> Vec<u8> {
        self.expected = 0;
        let all = self.start == 0 && length == self.buffer.len();
        if all && length >= self.buffer.capacity() / 4 * 3 {
            return std::mem::take(&mut self.buffer);
        }
        let packet = self.bytes()[..length].to_vec();
        self.start += length;
        if self.start == self.buffer.len() {
            self.buffer = Vec::new();
            self.start = 0;
        }
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &[u8]) -> Input {
        Input { buffer: bytes.to_vec(), ..Input::default() }
    }
    fn options(packet: u32) -> Options {
        Options { packet, buffer: 10, ..Options::default() }
    }

    #[test]
    fn raw_and_exact() {
        assert_eq!(input(b"").next(&options(0)), Next::Read(10));
        assert_eq!(input(b"abc").next(&options(0)), Next::Packet(3));
        let mut exact = input(b"abc");
        exact.expect(5);
        assert_eq!(exact.next(&options(0)), Next::Read(2));
        exact.push_back(b"xy");
        exact.expect(4);
        assert_eq!(exact.next(&options(0)), Next::Packet(4));
        assert_eq!(exact.take(4), b"xyab");
        assert_eq!(exact.bytes(), b"c");
    }

    #[test]
    fn packets() {
        let mut one = input(&[3, b'a', b'b']);
        assert_eq!(one.next(&options(1)), Next::Read(1));
        // Known by now: what else the buffer holds does not matter.
        assert_eq!(one.next(&options(1)), Next::Read(1));
        one.packet_changed();
        assert_eq!(one.next(&options(2)), Next::Read(0x0361 - 1));
        assert_eq!(input(&[0, 0]).next(&options(3)), Next::Read(8));
        assert_eq!(input(&[0, 0]).next(&Options { read_ahead: false, ..options(3) }), Next::Read(2));
        assert_eq!(input(&[0, 0, 0, 9]).next(&Options { packet_size: 8, ..options(3) }), Next::Invalid);
        assert_eq!(input(b"0123456789ab").next(&options(8)), Next::Packet(10));
        assert_eq!(input(b"0123456789").next(&options(10)), Next::Invalid);
    }
}
