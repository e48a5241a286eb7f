//! `decode_packet/3`: where a packet ends, and what HTTP and TLS packets say.

use super::http;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Bits, Heap, Term, atoms};
use std::ops::Range;

/// Protocol of a stream of packets, as `inet:setopts/2` names them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PacketKind {
    Raw,
    /// A length of so many bytes, then the data.
    Length(usize),
    Asn1,
    SunRm,
    Cdr,
    Fcgi,
    Tpkt,
    Line,
    /// A request or response line; texts are binaries or lists.
    Http {
        binary: bool,
    },
    /// A header line.
    HttpHeader {
        binary: bool,
    },
    SslTls,
}

impl PacketKind {
    /// The kind that a term names.
    pub(crate) fn of(term: Term<'_>) -> Option<PacketKind> {
        if let Some(length) = term.as_small() {
            return match length {
                0 => Some(PacketKind::Raw),
                1 | 2 | 4 => Some(PacketKind::Length(length as usize)),
                _ => None,
            };
        }
        Some(match term.as_atom()? {
            atoms::RAW => PacketKind::Raw,
            atoms::ASN1 => PacketKind::Asn1,
            atoms::SUNRM => PacketKind::SunRm,
            atoms::CDR => PacketKind::Cdr,
            atoms::FCGI => PacketKind::Fcgi,
            atoms::TPKT => PacketKind::Tpkt,
            atoms::LINE => PacketKind::Line,
            atoms::HTTP => PacketKind::Http { binary: false },
            atoms::HTTP_BIN => PacketKind::Http { binary: true },
            atoms::HTTPH => PacketKind::HttpHeader { binary: false },
            atoms::HTTPH_BIN => PacketKind::HttpHeader { binary: true },
            atoms::SSL_TLS => PacketKind::SslTls,
            _ => return None,
        })
    }
}

/// Limits of a packet; 0 for none.
#[derive(Clone, Copy)]
pub(crate) struct PacketOptions {
    /// Largest length that a packet may state or a line may have.
    pub(crate) packet_size: usize,
    /// Longer lines are cut.
    pub(crate) line_length: usize,
    /// What ends a line.
    pub(crate) line_delimiter: u8,
}

/// Where the first packet ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PacketEnd {
    /// After so many bytes, which may be more than there are.
    At(usize),
    /// Nobody knows yet.
    Unknown,
    /// Not such a packet, or too long.
    Invalid,
}

use PacketEnd::{At, Invalid, Unknown};

/// An unsigned number, most significant byte first.
fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, &byte| number << 8 | usize::from(byte))
}

/// Where the first packet of `bytes` ends.
pub(crate) fn packet_end(kind: PacketKind, bytes: &[u8], options: &PacketOptions) -> PacketEnd {
    let stated = match kind {
        PacketKind::Raw if bytes.is_empty() => return Unknown,
        PacketKind::Raw => return At(bytes.len()),
        PacketKind::Line => return line_end(bytes, options),
        PacketKind::Http { .. } => return http_line_end(bytes, options, false),
        PacketKind::HttpHeader { .. } => return http_line_end(bytes, options, true),
        PacketKind::Length(header) => bytes.get(..header).map(|length| Ok((header, number(length)))),
        PacketKind::Asn1 => asn1(bytes),
        PacketKind::SunRm => bytes.get(..4).map(|length| Ok((4, number(length) & 0x7fff_ffff))),
        PacketKind::Cdr => bytes.get(..12).map(cdr),
        PacketKind::Fcgi => bytes.get(..8).map(|header| match header[0] {
            1 => Ok((8, number(&header[4..6]) + usize::from(header[6]))),
            _ => Err(()),
        }),
        PacketKind::Tpkt => bytes.get(..4).map(|header| match number(&header[2..4]).checked_sub(4) {
            Some(length) if header[0] == 3 => Ok((4, length)),
            _ => Err(()),
        }),
        PacketKind::SslTls => bytes.get(..5).map(|header| match is_old_hello(header) {
            true => (number(&header[..2]) & 0x7fff).checked_sub(3).map(|length| (5, length)).ok_or(()),
            false => Ok((5, number(&header[3..5]))),
        }),
    };
    match stated {
        None => Unknown,
        Some(Ok((header, length))) if header + length <= i32::MAX as usize => match options.packet_size {
            limit if limit != 0 && length > limit => Invalid,
            _ => At(header + length),
        },
        Some(_) => Invalid,
    }
}

/// Lengths of header and data, an error, or nothing when the header is not complete.
type Stated = Option<Result<(usize, usize), ()>>;

fn asn1(bytes: &[u8]) -> Stated {
    let mut place = 1;
    if bytes.len() < 2 {
        return None;
    }
    if bytes[0] & 0x1f == 0x1f {
        // A tag of several bytes; the last one has no high bit.
        place += bytes[1..].iter().take_while(|&&byte| byte & 0x80 != 0).count() + 1;
    }
    let first = *bytes.get(place)?;
    let count = usize::from(first & 0x7f);
    place += 1;
    if first & 0x80 == 0 {
        return Some(Ok((place, count)));
    }
    let length = bytes.get(place..place + count)?;
    Some(if count <= 4 { Ok((place + count, number(length))) } else { Err(()) })
}

fn cdr(header: &[u8]) -> Result<(usize, usize), ()> {
    if !header.starts_with(b"GIOP") {
        return Err(());
    }
    let little_endian = header[6] & 1 != 0;
    let length = [header[8], header[9], header[10], header[11]];
    let length = if little_endian { u32::from_le_bytes(length) } else { u32::from_be_bytes(length) };
    Ok((12, length as usize))
}

/// A "hello" of SSL 2, which has a header of its own.
fn is_old_hello(header: &[u8]) -> bool {
    header[0] & 0x80 != 0 && header[2] == 1
}

fn line_end(bytes: &[u8], options: &PacketOptions) -> PacketEnd {
    let end = bytes.iter().position(|&byte| byte == options.line_delimiter).map(|place| place + 1);
    let length = end.unwrap_or(bytes.len());
    if options.packet_size != 0 && length > options.packet_size {
        return Invalid;
    }
    let cut = options.line_length;
    match end {
        Some(end) if cut != 0 && end > cut => At(cut),
        Some(end) => At(end),
        None if cut != 0 && length >= cut => At(cut),
        None => Unknown,
    }
}

/// A header line goes on as long as the next line starts with white space. `line_length` is a limit here, unless there
/// is one for packets.
fn http_line_end(bytes: &[u8], options: &PacketOptions, is_header: bool) -> PacketEnd {
    let limit = if options.packet_size != 0 { options.packet_size } else { options.line_length };
    let is_too_long = |end: usize| limit != 0 && end > limit;
    let mut start = 0;
    loop {
        let Some(newline) = bytes[start..].iter().position(|&byte| byte == b'\n') else {
            let is_full = limit != 0 && bytes.len() >= limit;
            return if is_full { Invalid } else { Unknown };
        };
        let end = start + newline + 1;
        let is_empty = matches!(&bytes[..end], b"\n" | b"\r\n");
        if is_header && !is_empty {
            match bytes.get(end) {
                Some(b' ' | b'\t') => {
                    start = end;
                    continue;
                }
                None if !is_too_long(end) => return Unknown,
                _ => {}
            }
        }
        return if is_too_long(end) { Invalid } else { At(end) };
    }
}

/// Which bytes of a whole packet are its data, without headers and padding.
pub(crate) fn packet_body(kind: PacketKind, bytes: &[u8]) -> Range<usize> {
    match kind {
        PacketKind::Length(header) => header..bytes.len(),
        PacketKind::Fcgi => 0..bytes.len() - usize::from(bytes[6]),
        _ => 0..bytes.len(),
    }
}

/// What a whole packet of HTTP or TLS says; `None` for other kinds. `socket` is told with TLS, `part` makes a binary
/// of some bytes.
pub(crate) fn parsed_packet<'h>(
    heap: &'h Heap,
    kind: PacketKind,
    bytes: &[u8],
    socket: Term<'h>,
    part: impl Fn(Range<usize>) -> Term<'h>,
) -> Option<Term<'h>> {
    Some(match kind {
        PacketKind::Http { binary } => http::start_line(heap, bytes, binary),
        PacketKind::HttpHeader { binary } => http::header(heap, bytes, binary),
        PacketKind::SslTls => {
            let (kind, version, data) = if is_old_hello(bytes) {
                let length = (bytes.len() - 3) as u32;
                let mut data = vec![1];
                data.extend_from_slice(&length.to_be_bytes()[1..]);
                data.extend_from_slice(&bytes[3..]);
                (22, bytes.get(3..5).unwrap_or(&[0, 0]), heap.binary_from_vec(data))
            } else {
                (bytes[0], &bytes[1..3], part(5..bytes.len()))
            };
            let small = |byte: u8| Term::small(byte.into());
            let version = heap.tuple(&[small(version[0]), small(version[1])]);
            heap.tuple(&[Term::atom(atoms::SSL_TLS), socket, small(kind), version, data])
        }
        _ => return None,
    })
}

/// What a whole packet says, as `decode_packet/3` gives it. `whole` is the binary whose bytes it is.
fn packet<'h>(heap: &'h Heap, kind: PacketKind, whole: Bits<'h>, bytes: &[u8]) -> Term<'h> {
    let part = |range: Range<usize>| heap.sub_bitstring(whole, whole.bit_offset() + range.start * 8, range.len() * 8);
    parsed_packet(heap, kind, bytes, Term::NIL, part).unwrap_or_else(|| part(packet_body(kind, bytes)))
}

fn options_of(kind: PacketKind, list: Term<'_>) -> Option<PacketOptions> {
    let mut options = PacketOptions { packet_size: 0, line_length: 0, line_delimiter: b'\n' };
    let mut walk = list.list_iter();
    for option in walk.by_ref() {
        let [name, value] = option.as_tuple_of()?;
        let value = value.as_u64().and_then(|value| u32::try_from(value).ok())?;
        match name.as_atom()? {
            atoms::PACKET_SIZE => options.packet_size = value as usize,
            atoms::LINE_LENGTH => options.line_length = value as usize,
            atoms::LINE_DELIMITER if kind == PacketKind::Line => options.line_delimiter = u8::try_from(value).ok()?,
            _ => return None,
        }
    }
    walk.tail().is_nil().then_some(options)
}

/// `{ok, Packet, Rest}` of the first packet in a binary, `{more, Length | undefined}`, or `{error, invalid}`.
///
/// # Errors
///
/// `badarg` for what is no binary and no option, with cause `badopt` for a packet type that there is not.
#[bif("erlang:decode_packet/3")]
fn decode_packet<'h>(cx: &mut BifContext<'h>, kind: Term<'h>, data: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    let Some(kind) = PacketKind::of(kind) else { return cx.badarg_because(atoms::BADOPT) };
    let Some(data) = data.as_bits().filter(|data| data.is_binary()) else { return cx.badarg() };
    let Some(options) = options_of(kind, options) else { return cx.badarg() };
    let (heap, bytes) = (cx.heap, data.to_bytes());
    Ok(match packet_end(kind, &bytes, &options) {
        Invalid => cx.error(atoms::INVALID),
        Unknown => heap.tuple(&[Term::atom(atoms::MORE), Term::atom(atoms::UNDEFINED)]),
        At(end) if end > bytes.len() => heap.tuple(&[Term::atom(atoms::MORE), heap.unsigned(end as u64)]),
        At(end) => {
            let packet = packet(heap, kind, data, &bytes[..end]);
            let rest = heap.sub_bitstring(data, data.bit_offset() + end * 8, data.bit_size() - end * 8);
            heap.tuple(&[Term::atom(atoms::OK), packet, rest])
        }
    })
}
