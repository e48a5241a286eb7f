//! How a port's input is cut into messages: as it comes, by length (`packet`) or by line.

/// A way of cutting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framing {
    /// As it comes.
    Stream,
    /// A length of 1, 2 or 4 bytes in front, most significant first.
    Packet(usize),
    /// Lines of at most this many bytes.
    Line(usize),
}

/// One message of input.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Frame {
    /// `{data, Data}`
    Data(Vec<u8>),
    /// `{data, {eol, Line}}`
    Line(Vec<u8>),
    /// `{data, {noeol, Part}}`
    Part(Vec<u8>),
}

/// Cuts input.
pub(crate) struct Cutter {
    framing: Framing,
    /// What has come of an unfinished message.
    pending: Vec<u8>,
    /// A carriage return whose line feed has not come yet (`Line` only).
    carriage_return: bool,
}

impl Cutter {
    pub(crate) fn new(framing: Framing) -> Cutter {
        Cutter { framing, pending: Vec::new(), carriage_return: false }
    }
    /// Takes input; returns the messages that are complete.
    pub(crate) fn feed(&mut self, input: Vec<u8>) -> Vec<Frame> {
        match self.framing {
            Framing::Stream => vec![Frame::Data(input)],
            Framing::Packet(header) => self.feed_packets(header, input),
            Framing::Line(length) => self.feed_lines(length, &input),
        }
    }
    /// The input has ended: what is left of a line.
    pub(crate) fn finish(&mut self) -> Vec<Frame> {
        let Framing::Line(length) = self.framing else { return Vec::new() };
        let mut frames = Vec::new();
        if std::mem::take(&mut self.carriage_return) {
            if self.pending.len() >= length {
                frames.push(Frame::Part(std::mem::take(&mut self.pending)));
            }
            self.pending.push(b'\r');
        }
        if !self.pending.is_empty() {
            frames.push(Frame::Part(std::mem::take(&mut self.pending)));
        }
        frames
    }
    fn feed_packets(&mut self, header: usize, input: Vec<u8>) -> Vec<Frame> {
        if self.pending.is_empty() {
            self.pending = input;
        } else {
            self.pending.extend_from_slice(&input);
        }
        let mut frames = Vec::new();
        let mut start = 0;
        while let Some(length) = self.pending.get(start..start + header) {
            let length = length.iter().fold(0usize, |length, &byte| length << 8 | usize::from(byte));
            let from = start + header;
            let Some(payload) = self.pending.get(from..from.saturating_add(length)) else { break };
            frames.push(Frame::Data(payload.to_vec()));
            start = from + length;
        }
        self.pending.drain(..start);
        frames
    }
    fn feed_lines(&mut self, length: usize, input: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        for &byte in input {
            if byte == b'\n' {
                self.carriage_return = false;
                frames.push(Frame::Line(std::mem::take(&mut self.pending)));
                continue;
            }
            if std::mem::take(&mut self.carriage_return) {
                self.push(length, b'\r', &mut frames);
            }
            if byte == b'\r' {
                self.carriage_return = true;
            } else {
                self.push(length, byte, &mut frames);
            }
        }
        frames
    }
    fn push(&mut self, length: usize, byte: u8, frames: &mut Vec<Frame>) {
        if self.pending.len() == length {
            frames.push(Frame::Part(std::mem::take(&mut self.pending)));
        }
        self.pending.push(byte);
    }
}

/// The length in front of a packet; `None` when the packet is too long for it.
pub(crate) fn packet_header(framing: Framing, length: usize) -> Option<Vec<u8>> {
    match framing {
        Framing::Packet(header) => {
            let fits = header >= 8 || length < 1usize << (8 * header);
            fits.then(|| length.to_be_bytes()[8 - header..].to_vec())
        }
        Framing::Stream | Framing::Line(_) => Some(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Frame {
        Frame::Line(text.as_bytes().to_vec())
    }
    fn part(text: &str) -> Frame {
        Frame::Part(text.as_bytes().to_vec())
    }

    /// `open_port({spawn,"printf 'abcdefgh\nij\nlast'"}, [{line,5},eof,exit_status])` on the real system.
    #[test]
    fn lines() {
        let mut cutter = Cutter::new(Framing::Line(5));
        assert_eq!(cutter.feed(b"abcdefgh\nij\nlast".to_vec()), [part("abcde"), line("fgh"), line("ij")]);
        assert_eq!(cutter.finish(), [part("last")]);
        assert_eq!(cutter.feed(b"12345\na\r\nb\rc\n".to_vec()), [line("12345"), line("a"), line("b\rc")]);
        assert_eq!(cutter.feed(b"12345\r".to_vec()), []);
        assert_eq!(cutter.feed(b"\n".to_vec()), [line("12345")]);
    }

    #[test]
    fn packets() {
        let mut cutter = Cutter::new(Framing::Packet(2));
        assert_eq!(cutter.feed(vec![0]), []);
        assert_eq!(
            cutter.feed(vec![2, b'a', b'b', 0, 0, 0, 1]),
            [Frame::Data(b"ab".to_vec()), Frame::Data(Vec::new())]
        );
        assert_eq!(cutter.feed(vec![b'c']), [Frame::Data(b"c".to_vec())]);
        assert_eq!(cutter.finish(), []);
        assert_eq!(packet_header(Framing::Packet(2), 258), Some(vec![1, 2]));
        assert_eq!(packet_header(Framing::Packet(1), 256), None);
        assert_eq!(packet_header(Framing::Stream, 9), Some(Vec::new()));
    }
}
