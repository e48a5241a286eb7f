//! Building binaries: `bs_create_bin`.

use crate::arithmetic::float_of;
use crate::instruction::{SIZE_ALL, flags, segment};
use crate::run::{Flow, Run};
use oxbeam_runtime::{Class, Exception, Trace};
use oxbeam_term::arithmetic;
use oxbeam_term::{Bits, HEAP_BINARY_BYTES_MAX, Integer, Term, atoms, bits};

/// A size that is more than memory holds, which is `system_limit`.
const TOO_BIG: &str = "too_big";

/// Why a segment cannot be built, in the words of `erl_erts_errors:format_bs_fail/2`.
struct SegmentError<'h> {
    /// Its number in the source, from 1.
    index: usize,
    kind: &'static str,
    error: &'static str,
    value: Term<'h>,
}

/// Words that a new binary takes on the heap at most: a small one with its header and size, or a view of a large one.
pub(crate) const BINARY_WORDS_MAX: usize = 2 + HEAP_BINARY_BYTES_MAX / 8;

/// Segments of one binary that are kept on the Rust stack; more go to the C heap.
const INLINE_SEGMENTS: usize = 6;

/// A segment with its size known.
#[derive(Clone, Copy)]
pub(crate) struct Segment<'h> {
    pub(crate) kind: u32,
    pub(crate) flags: u32,
    pub(crate) bits: usize,
    pub(crate) value: Value<'h>,
}

/// What a segment holds.
#[derive(Clone, Copy)]
pub(crate) enum Value<'h> {
    Bits(Bits<'h>),
    Term(Term<'h>),
    Bytes(&'h [u8]),
    Character(u32),
}

impl<'a> Run<'a> {
    /// Operands: fail, live, register, count, words of room for what follows, then six words a segment (kind, unit, flags, source, size,
    /// bits or [`SIZE_ALL`] if the code does not say; for a string kind, unit,
    /// flags, its address in two words, its length).
    #[inline(never)]
    pub(crate) fn bs_create_bin(&mut self, ip: *const u32) -> Flow {
        self.ensure(self.number(ip, 5) as usize + BINARY_WORDS_MAX, self.number(ip, 2) as usize);
        let count = self.number(ip, 4) as usize;
        if let Some(term) = self.create_simply(ip, count) {
            self.write(ip, 3, term.word());
            return Flow::go(ip.wrapping_add(6 + count * 6));
        }
        self.create(ip, count)
    }
    /// Binaries of segments whose size and type need no second look; `None` for others, and for errors.
    #[inline(always)]
    fn create_simply(&self, ip: *const u32, count: usize) -> Option<Term<'a>> {
        let appends = matches!(self.number(ip, 6), segment::APPEND | segment::PRIVATE_APPEND);
        let mut bits = 0;
        for index in usize::from(appends)..count {
            bits += self.simple_bits(ip, 6 + index * 6)?;
        }
        let fill = |first: usize, bytes: &mut [u8], mut position: usize| {
            for index in first..count {
                position = self.write_simple(ip, 6 + index * 6, bytes, position);
            }
        };
        if !appends {
            return Some(self.heap().bitstring_with(bits, |bytes| fill(0, bytes, 0)));
        }
        let base = self.term(self.source(ip, 9)).as_bits()?;
        let (unit, all) = (self.number(ip, 7) as usize, self.number(ip, 10) == SIZE_ALL);
        if !all || base.bit_size() % unit.max(1) != 0 {
            return None;
        }
        Some(self.heap().append_bits(base, bits, |bytes, position| fill(1, bytes, position)))
    }
    /// Size of a simple segment.
    #[inline(always)]
    fn simple_bits(&self, ip: *const u32, at: usize) -> Option<usize> {
        match self.number(ip, at) {
            segment::INTEGER => {
                let bits = self.number(ip, at + 5) as usize;
                let plain = self.number(ip, at + 2) & flags::LITTLE == 0 || (bits % 8 == 0 && bits != 0);
                (bits <= 64 && plain && self.source(ip, at + 3).is_small()).then_some(bits)
            }
            segment::FLOAT => {
                let plain = self.number(ip, at + 5) == 64 && self.number(ip, at + 2) & flags::LITTLE == 0;
                (plain && float_of(self.source(ip, at + 3)).is_some()).then_some(64)
            }
            segment::BINARY if self.number(ip, at + 4) == SIZE_ALL => {
                let bits = self.term(self.source(ip, at + 3)).as_bits()?.bit_size();
                (bits % (self.number(ip, at + 1) as usize).max(1) == 0).then_some(bits)
            }
            segment::STRING => Some(self.number(ip, at + 5) as usize * 8),
            segment::UTF8 => {
                let character = self.source(ip, at + 3);
                (character.is_small() && character.small_value() as u64 <= 0x7f).then_some(8)
            }
            _ => None,
        }
    }
    /// Writes a simple segment; gives the place behind it.
    #[inline(always)]
    fn write_simple(&self, ip: *const u32, at: usize, bytes: &mut [u8], position: usize) -> usize {
        let (kind, count) = (self.number(ip, at), self.number(ip, at + 5) as usize);
        match kind {
            segment::STRING => {
                // SAFETY: the decoder checked that the string lies within the module's string table.
                let string = unsafe { std::slice::from_raw_parts(self.wide(ip, at + 3) as *const u8, count) };
                bits::copy_bits(string, 0, bytes, position, count * 8);
                position + count * 8
            }
            segment::BINARY => {
                let Some(source) = self.term(self.source(ip, at + 3)).as_bits() else { return position };
                bits::copy_bits(source.data(), source.bit_offset(), bytes, position, source.bit_size());
                position + source.bit_size()
            }
            _ => {
                let source = self.source(ip, at + 3);
                let (mut value, count) = match kind {
                    segment::INTEGER => (source.small_value() as u64, count),
                    segment::FLOAT => (float_of(source).unwrap_or(0.0).to_bits(), 64),
                    _ => (source.small_value() as u64, 8),
                };
                if count > 8 && self.number(ip, at + 2) & flags::LITTLE != 0 {
                    value = value.swap_bytes() >> (64 - count);
                }
                if count > 56 {
                    bits::write_bits(bytes, position, value >> 32, count - 32);
                    bits::write_bits(bytes, position + count - 32, value, 32);
                } else {
                    bits::write_bits(bytes, position, value, count);
                }
                position + count
            }
        }
    }
    #[inline(never)]
    fn create(&mut self, ip: *const u32, count: usize) -> Flow {
        let next = ip.wrapping_add(6 + count * 6);
        let none = Segment { kind: 0, flags: 0, bits: 0, value: Value::Character(0) };
        let (mut few, mut many) = ([none; INLINE_SEGMENTS], Vec::new());
        let segments = match few.get_mut(..count) {
            Some(few) => few,
            None => {
                many.resize(count, none);
                &mut many[..]
            }
        };
        for (index, place) in segments.iter_mut().enumerate() {
            match self.segment(ip, 6 + index * 6) {
                Ok(segment) => *place = segment,
                Err(_) if !self.no_label(ip, 1) => return Flow::go(self.label(ip, 1)),
                Err(error) => return self.segment_failed(ip, &error),
            }
        }
        let term = self.build(segments).word();
        self.write(ip, 3, term);
        Flow::go(next)
    }

    fn build(&self, segments: &[Segment<'a>]) -> Term<'a> {
        let heap = self.heap();
        if let [first, rest @ ..] = segments
            && matches!(first.kind, segment::APPEND | segment::PRIVATE_APPEND)
            && let Value::Bits(accumulator) = first.value
        {
            let extra: usize = rest.iter().map(|segment| segment.bits).sum();
            return heap.append_bits(accumulator, extra, |bytes, position| write_all(rest, bytes, position));
        }
        let total: usize = segments.iter().map(|segment| segment.bits).sum();
        heap.bitstring_with(total, |bytes| write_all(segments, bytes, 0))
    }

    fn segment(&self, ip: *const u32, at: usize) -> Result<Segment<'a>, SegmentError<'a>> {
        let (kind, unit, flags) = (self.number(ip, at), self.number(ip, at + 1) as usize, self.number(ip, at + 2));
        let index = (flags >> flags::SEGMENT_SHIFT) as usize;
        if kind == segment::STRING {
            let length = self.number(ip, at + 5) as usize;
            let address = self.wide(ip, at + 3) as *const u8;
            // SAFETY: the decoder checked that the string lies within the module's string table.
            let bytes = unsafe { std::slice::from_raw_parts(address, length) };
            return Ok(Segment { kind, flags, bits: length * 8, value: Value::Bytes(bytes) });
        }
        let value = self.term(self.source(ip, at + 3));
        let kind_text = segment_text(kind);
        let fail = |error, value| SegmentError { index, kind: kind_text, error, value };
        match kind {
            segment::UTF8 | segment::UTF16 | segment::UTF32 => {
                let character = value.as_small().and_then(|value| u32::try_from(value).ok());
                let character = character.filter(|value| char::from_u32(*value).is_some());
                let character = character.ok_or_else(|| fail("type", value))?;
                let bits = match kind {
                    segment::UTF8 => utf8_length(character) * 8,
                    segment::UTF16 if character > 0xffff => 32,
                    segment::UTF16 => 16,
                    _ => 32,
                };
                Ok(Segment { kind, flags, bits, value: Value::Character(character) })
            }
            segment::APPEND | segment::PRIVATE_APPEND | segment::BINARY => {
                let bits = match self.number(ip, at + 4) {
                    SIZE_ALL => None,
                    _ => Some(self.segment_size(ip, at + 4, unit, index, kind_text)?),
                };
                let source = value.as_bits().ok_or_else(|| fail("type", value))?;
                let bits = match bits {
                    None if source.bit_size() % unit.max(1) != 0 => return Err(fail("unit", value)),
                    None => source.bit_size(),
                    Some(bits) if bits > source.bit_size() => return Err(fail("short", value)),
                    Some(bits) => bits,
                };
                Ok(Segment { kind, flags, bits, value: Value::Bits(source) })
            }
            segment::FLOAT => {
                let bits = self.segment_size(ip, at + 4, unit, index, kind_text)?;
                // An integer may be too large for a float.
                let wrong = if value.is_integer() { "no_float" } else { "type" };
                arithmetic::as_float(value).ok_or_else(|| fail(wrong, value))?;
                if !matches!(bits, 16 | 32 | 64) {
                    return Err(fail("invalid", self.term(self.source(ip, at + 4))));
                }
                Ok(Segment { kind, flags, bits, value: Value::Term(value) })
            }
            _ => {
                let bits = self.segment_size(ip, at + 4, unit, index, kind_text)?;
                if !value.is_integer() {
                    return Err(fail("type", value));
                }
                Ok(Segment { kind, flags, bits, value: Value::Term(value) })
            }
        }
    }

    fn segment_size(
        &self,
        ip: *const u32,
        n: usize,
        unit: usize,
        index: usize,
        kind: &'static str,
    ) -> Result<usize, SegmentError<'a>> {
        let size = self.term(self.source(ip, n));
        let fail = |error| SegmentError { index, kind, error, value: size };
        let Some(integer) = size.as_integer() else { return Err(fail("size")) };
        if integer.is_negative() {
            return Err(fail("size"));
        }
        let bits = integer.to_u64().and_then(|size| size.checked_mul(unit as u64));
        // What does not fit into memory is refused before anybody tries.
        match bits {
            Some(bits) if bits <= 1 << 40 => Ok(bits as usize),
            _ => Err(fail(TOO_BIG)),
        }
    }

    #[cold]
    fn segment_failed(&mut self, ip: *const u32, error: &SegmentError<'a>) -> Flow {
        let heap = self.heap();
        let atom = |text: &str| self.vm.atoms.intern(text).map_or(Term::atom(atoms::UNDEFINED), Term::atom);
        let too_big = error.error == TOO_BIG;
        let what = if too_big { "size" } else { error.error };
        let cause = heap.tuple(&[Term::small(error.index as i64), atom(error.kind), atom(what), error.value]);
        let info = [
            (Term::atom(atoms::CAUSE), cause),
            (atom("function"), atom("format_bs_fail")),
            (Term::atom(atoms::MODULE), Term::atom(atoms::ERL_ERTS_ERRORS)),
        ];
        let info = heap.map_from_pairs(&info, &self.vm.atoms);
        let reason = if too_big { atoms::SYSTEM_LIMIT } else { atoms::BADARG };
        let trace = Trace::Caller { arguments: None, error_info: Some(info) };
        let exception = Exception { class: Class::Error, reason: Term::atom(reason), trace, cause: None };
        self.raise(ip.wrapping_add(1), exception)
    }

    /// An empty accumulator, with room for x0 bytes as a hint.
    #[inline(never)]
    pub(crate) fn bs_init_writable(&mut self, ip: *const u32) -> Flow {
        let empty = self.heap().binary(&[]).word();
        self.set_x(0, empty);
        Flow::go(ip.wrapping_add(1))
    }
}

fn segment_text(kind: u32) -> &'static str {
    match kind {
        segment::FLOAT => "float",
        segment::UTF8 => "utf8",
        segment::UTF16 => "utf16",
        segment::UTF32 => "utf32",
        segment::INTEGER => "integer",
        _ => "binary",
    }
}

pub(crate) fn utf8_length(character: u32) -> usize {
    match character {
        0..=0x7f => 1,
        0x80..=0x7ff => 2,
        0x800..=0xffff => 3,
        _ => 4,
    }
}

fn write_all(segments: &[Segment<'_>], bytes: &mut [u8], mut position: usize) {
    for segment in segments {
        write_segment(segment, bytes, position);
        position += segment.bits;
    }
}

pub(crate) fn write_segment(segment: &Segment<'_>, bytes: &mut [u8], position: usize) {
    let little = segment.flags & flags::LITTLE != 0;
    match segment.value {
        Value::Bits(source) => bits::copy_bits(source.data(), source.bit_offset(), bytes, position, segment.bits),
        Value::Bytes(source) => bits::copy_bits(source, 0, bytes, position, segment.bits),
        Value::Character(character) => {
            let mut buffer = [0; 4];
            let encoded: &[u8] = match segment.kind {
                segment::UTF8 => char::from_u32(character).unwrap_or('\0').encode_utf8(&mut buffer).as_bytes(),
                segment::UTF16 => {
                    let mut units = [0; 2];
                    let units = char::from_u32(character).unwrap_or('\0').encode_utf16(&mut units);
                    for (index, unit) in units.iter().enumerate() {
                        let pair = if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
                        buffer[index * 2..index * 2 + 2].copy_from_slice(&pair);
                    }
                    &buffer[..units.len() * 2]
                }
                _ => {
                    buffer = if little { character.to_le_bytes() } else { character.to_be_bytes() };
                    &buffer
                }
            };
            bits::copy_bits(encoded, 0, bytes, position, segment.bits);
        }
        Value::Term(term) if segment.kind == segment::FLOAT => {
            let float = arithmetic::as_float(term).unwrap_or(0.0);
            let encoded = match segment.bits {
                64 => float.to_bits(),
                32 => u64::from((float as f32).to_bits()),
                _ => u64::from(f64_to_half(float)),
            };
            write_small(encoded, segment.bits, little, bytes, position);
        }
        Value::Term(term) => write_integer(term, segment.bits, little, bytes, position),
    }
}

/// Writes the low `size` bits of an integer.
fn write_integer(term: Term<'_>, size: usize, little: bool, bytes: &mut [u8], position: usize) {
    if size == 8
        && position % 8 == 0
        && let Some(value) = term.as_small()
    {
        bytes[position / 8] = value as u8;
        return;
    }
    if size <= 64
        && let Some(value) = term.as_small()
    {
        return write_small(value as u64, size, little, bytes, position);
    }
    let length = size.div_ceil(8);
    // Least significant byte first.
    let mut encoded = match term.as_small() {
        Some(value) => {
            let mut encoded = vec![if value < 0 { 0xff } else { 0 }; length.max(8)];
            encoded[..8].copy_from_slice(&value.to_le_bytes());
            encoded
        }
        None => {
            let value = term.as_integer().unwrap_or(Integer::Small(0));
            let mut place = 0;
            let limbs = value.to_limbs(&mut place).magnitude;
            let mut encoded: Vec<u8> = limbs.iter().flat_map(|limb| limb.to_le_bytes()).take(length).collect();
            encoded.resize(length, 0);
            if value.is_negative() {
                bits::negate(&mut encoded);
            }
            encoded
        }
    };
    encoded.truncate(length);
    let rest = size % 8;
    if little {
        if rest != 0 {
            encoded[length - 1] <<= 8 - rest;
        }
        bits::copy_bits(&encoded, 0, bytes, position, size);
    } else {
        encoded.reverse();
        bits::copy_bits(&encoded, (8 - rest) % 8, bytes, position, size);
    }
}

/// Writes the low `size` (at most 64) bits of `value`.
fn write_small(value: u64, size: usize, little: bool, bytes: &mut [u8], position: usize) {
    if little {
        let mut encoded = value.to_le_bytes();
        if size % 8 != 0 {
            encoded[size / 8] <<= 8 - size % 8;
        }
        return bits::copy_bits(&encoded, 0, bytes, position, size);
    }
    let used = position % 8;
    let at = position / 8;
    if used + size <= 8 {
        // All in one byte, as the digits of encodings are.
        let shift = 8 - used - size;
        let mask = ((1u16 << size) - 1) as u8;
        let byte = bytes.get_mut(at).filter(|_| size != 0);
        if let Some(byte) = byte {
            *byte = *byte & !(mask << shift) | (value as u8 & mask) << shift;
        }
        return;
    }
    bits::copy_bits(&value.to_be_bytes(), 64 - size, bytes, position, size);
}

fn f64_to_half(value: f64) -> u16 {
    let sign = if value.is_sign_negative() { 0x8000u16 } else { 0 };
    let magnitude = value.abs();
    if magnitude >= 65520.0 {
        return sign | 0x7c00;
    }
    if magnitude < 2f64.powi(-14) {
        let units = (magnitude * 2f64.powi(24)).round_ties_even();
        return sign | units as u16;
    }
    let mut exponent = magnitude.log2().floor() as i32;
    let mut fraction = ((magnitude / 2f64.powi(exponent) - 1.0) * 1024.0).round_ties_even();
    if fraction >= 1024.0 {
        fraction = 0.0;
        exponent += 1;
    }
    sign | ((exponent + 15) as u16) << 10 | fraction as u16
}
