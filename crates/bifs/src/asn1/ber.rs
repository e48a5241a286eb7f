//! BER: tag, length, value. In terms, `{Tag, Binary}` or `{Tag, List}` of such pairs, the tag being its class (in bits
//! 16 and 17) and its number.

use crate::iolist::iodata_bytes;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Heap, Term, atoms};

const CONSTRUCTED: u8 = 0x20;
const INDEFINITE: u8 = 0x80;
/// The bits of a first tag byte that say that the number follows.
const LONG_TAG: u8 = 0x1f;
/// Elements within each other; OTP's C code refuses more, for its stack.
const DEPTH_MAX: usize = 585;
/// Bytes that one reduction pays for.
const BYTES_PER_REDUCTION: usize = 32;

/// Decodes one element: `{{Tag, Value}, Rest}`, or `{error, {Reason, Position}}`.
///
/// # Errors
///
/// `badarg` unless the argument is iodata.
#[bif("asn1rt_nif:decode_ber_tlv_raw/1", nif)]
fn decode_ber_tlv_raw<'h>(cx: &mut BifContext<'h>, data: Term<'h>) -> BifResult<'h> {
    let Some(bytes) = iodata_bytes(data) else { return cx.badarg() };
    cx.spend(bytes.len() / BYTES_PER_REDUCTION);
    let mut decoder = Decoder { heap: cx.heap, bytes: &bytes, at: 0, open: Vec::new() };
    match decoder.element() {
        Ok(element) => {
            let rest = cx.heap.binary(&bytes[decoder.at..]);
            Ok(cx.heap.tuple(&[element, rest]))
        }
        Err(bad) => {
            let reason = match bad {
                Bad::Tag => atoms::INVALID_TAG,
                Bad::Length => atoms::INVALID_LENGTH,
                Bad::Value => atoms::INVALID_VALUE,
                Bad::Depth => atoms::UNKNOWN,
            };
            let detail = cx.heap.tuple(&[Term::atom(reason), Term::small(decoder.at as i64)]);
            Ok(cx.heap.tuple(&[Term::atom(atoms::ERROR), detail]))
        }
    }
}

/// Encodes `{Tag, Value}`: a binary, or `{error, -1}`.
#[bif("asn1rt_nif:encode_ber_tlv/1", nif)]
fn encode_ber_tlv<'h>(cx: &mut BifContext<'h>, element: Term<'h>) -> BifResult<'h> {
    match encode(element) {
        Some(bytes) => {
            cx.spend(bytes.len() / BYTES_PER_REDUCTION);
            Ok(cx.heap.binary_from_vec(bytes))
        }
        None => Ok(cx.heap.tuple(&[Term::atom(atoms::ERROR), Term::small(-1)])),
    }
}

/// What is wrong with the bytes.
enum Bad {
    Tag,
    Length,
    Value,
    Depth,
}

/// A constructed element whose end has not come.
struct Open<'h> {
    tag: u32,
    end: End,
    /// Where everything inside must have ended.
    limit: usize,
    elements: Vec<Term<'h>>,
}

/// Where a constructed element ends: at this place, or at two zero bytes.
enum End {
    At(usize),
    Marked,
}

struct Decoder<'h, 'b> {
    heap: &'h Heap,
    bytes: &'b [u8],
    at: usize,
    open: Vec<Open<'h>>,
}

impl<'h> Decoder<'h, '_> {
    /// Where the innermost open element must end.
    fn limit(&self) -> usize {
        self.open.last().map_or(self.bytes.len(), |open| open.limit)
    }

    fn element(&mut self) -> Result<Term<'h>, Bad> {
        loop {
            let mut done = self.next()?;
            loop {
                if let Some(element) = done.take() {
                    match self.open.last_mut() {
                        None => return Ok(element),
                        Some(open) => {
                            open.elements.push(element);
                            if matches!(open.end, End::Marked) && self.at + 1 >= open.limit {
                                return Err(Bad::Length);
                            }
                        }
                    }
                }
                if !self.ends() {
                    break;
                }
                done = self.open.pop().map(|open| self.pair(open.tag, self.heap.list(&open.elements)));
            }
        }
    }

    /// Does the innermost open element end here? If with a mark, goes behind it.
    fn ends(&mut self) -> bool {
        match self.open.last() {
            None => false,
            Some(Open { end: End::At(end), .. }) => self.at >= *end,
            Some(Open { end: End::Marked, .. }) => {
                let ends = self.bytes[self.at..].starts_with(&[0, 0]);
                self.at += if ends { 2 } else { 0 };
                ends
            }
        }
    }

    fn pair(&self, tag: u32, value: Term<'h>) -> Term<'h> {
        self.heap.tuple(&[Term::small(i64::from(tag)), value])
    }

    /// Reads tag and length; returns a primitive element, or opens a constructed one.
    fn next(&mut self) -> Result<Option<Term<'h>>, Bad> {
        if self.at + 2 > self.limit() {
            return Err(Bad::Value);
        }
        let (tag, constructed) = self.tag()?;
        if self.at >= self.limit() {
            return Err(Bad::Tag);
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(Bad::Depth);
        }
        if self.bytes[self.at] == INDEFINITE {
            self.at += 1;
            if self.at + 1 >= self.limit() || !constructed {
                return Err(Bad::Length);
            }
            let limit = self.limit();
            self.open.push(Open { tag, end: End::Marked, limit, elements: Vec::new() });
            return Ok(None);
        }
        let length = self.length()?;
        if length > self.limit() - (self.at + 1) {
            return Err(Bad::Value);
        }
        self.at += 1;
        if constructed {
            let limit = self.at + length;
            self.open.push(Open { tag, end: End::At(limit), limit, elements: Vec::new() });
            return Ok(None);
        }
        let value = self.heap.binary(&self.bytes[self.at..self.at + length]);
        self.at += length;
        Ok(Some(self.pair(tag, value)))
    }

    /// The tag, and whether the element is constructed.
    fn tag(&mut self) -> Result<(u32, bool), Bad> {
        let first = self.bytes[self.at];
        let class = u32::from(first & 0xc0) << 10;
        let constructed = first & CONSTRUCTED != 0;
        if first & LONG_TAG != LONG_TAG {
            self.at += 1;
            return Ok((class | u32::from(first & LONG_TAG), constructed));
        }
        if self.at + 3 > self.limit() {
            return Err(Bad::Value);
        }
        self.at += 1;
        let mut number = 0;
        if self.bytes[self.at] >= 128 {
            number = u32::from(self.bytes[self.at] & 0x7f) << 7;
            self.at += 1;
        }
        if self.bytes[self.at] >= 128 {
            return Err(Bad::Tag);
        }
        number |= u32::from(self.bytes[self.at]);
        self.at += 1;
        Ok((class | number, constructed))
    }

    /// A definite length; stays at its last byte.
    fn length(&mut self) -> Result<usize, Bad> {
        let first = usize::from(self.bytes[self.at]);
        if first < 128 {
            return Ok(first);
        }
        let count = first & 0x7f;
        if count > self.limit() - (self.at + 1) {
            return Err(Bad::Length);
        }
        let mut length = 0usize;
        for _ in 0..count {
            self.at += 1;
            if length >= 1 << 24 {
                return Err(Bad::Length);
            }
            length = length << 8 | usize::from(self.bytes[self.at]);
        }
        Ok(length)
    }
}

/// A constructed element whose parts are being encoded, the last first.
struct Unfinished<'h> {
    tag: Term<'h>,
    parts: Vec<Term<'h>>,
    /// How many bytes there were before its parts.
    start: usize,
}

/// Encodes from the end to the start, so that lengths are known when they are needed.
fn encode(element: Term<'_>) -> Option<Vec<u8>> {
    let mut backwards = Vec::new();
    let mut unfinished: Vec<Unfinished<'_>> = Vec::new();
    let mut next = Some(element);
    loop {
        if let Some(element) = next.take() {
            let &[tag, value, ..] = element.as_tuple()?.elements() else { return None };
            if value.is_list() {
                unfinished.push(Unfinished { tag, parts: value.to_vec()?, start: backwards.len() });
            } else {
                let value = value.as_binary()?;
                backwards.extend(value.iter().rev());
                put_head(&mut backwards, tag, 0, value.len())?;
            }
        }
        let Some(innermost) = unfinished.last_mut() else { break };
        next = innermost.parts.pop();
        if next.is_none() {
            let length = backwards.len() - innermost.start;
            put_head(&mut backwards, innermost.tag, CONSTRUCTED, length)?;
            unfinished.pop();
        }
    }
    backwards.reverse();
    Some(backwards)
}

/// Puts length and tag in front.
fn put_head(backwards: &mut Vec<u8>, tag: Term<'_>, form: u8, length: usize) -> Option<()> {
    if length < 128 {
        backwards.push(length as u8);
    } else {
        let digits = length.to_be_bytes();
        let significant = digits.iter().skip_while(|digit| **digit == 0).count();
        backwards.extend(digits[digits.len() - significant..].iter().rev());
        backwards.push(0x80 | significant as u8);
    }
    let tag = u32::try_from(tag.as_u64()?).ok()?;
    let first = form | ((tag & 0x3_0000) >> 10) as u8;
    let mut number = tag & 0xffff;
    if number <= 30 {
        backwards.push(first | number as u8);
        return Some(());
    }
    backwards.push((number & 0x7f) as u8);
    number >>= 7;
    while number > 0 {
        backwards.push(0x80 | (number & 0x7f) as u8);
        number >>= 7;
    }
    backwards.push(first | LONG_TAG);
    Some(())
}
