//! Matching binaries: integers, floats, characters and sub-binaries out of a match context.

use crate::instruction::{SIZE_ALL, flags};
use crate::run::{Flow, Run};
use oxbeam_term::{BIG_BITS_MAX, Heap, MatchContext, Term, Word, bits};

impl<'a> Run<'a> {
    #[inline(always)]
    fn context(&self, word: Word) -> MatchContext<'a> {
        // SAFETY: the compiler gives match instructions a match context.
        unsafe { MatchContext::of_unchecked(self.term(word)) }
    }
    #[inline(always)]
    fn advance_context(&self, context: MatchContext<'a>, position: usize) {
        // SAFETY: match contexts live on this process's heap, and callers checked the bounds.
        unsafe { context.set_position(position) }
    }
    pub(crate) fn bits_left(&self, word: Word) -> usize {
        let context = self.context(word);
        context.end() - context.position()
    }
    /// A match context for a bitstring, or for what is one already; [`Word::NONE`] for other terms.
    #[inline(never)]
    pub(crate) fn bs_start_match(&mut self, source: Word) -> Word {
        let term = self.term(source);
        if MatchContext::of(term).is_some() {
            return source;
        }
        term.as_bits().map_or(Word::NONE, |bits| self.heap().match_context(bits).word())
    }
    /// The next `size` bits of a match context as an integer.
    #[inline(never)]
    pub(crate) fn matched_integer(&mut self, context: Word, size: usize, flags: u32) -> Word {
        let context = self.context(context);
        let position = context.position();
        let value = read_integer(self.heap(), context.data(), position, size, flags).word();
        self.advance_context(context, position + size);
        value
    }
    /// The next `size` bits of a match context, at most 64, as a number: the most significant first.
    #[inline(never)]
    pub(crate) fn matched_bits(&self, context: Word, size: usize) -> u64 {
        let context = self.context(context);
        bits::read_bits64(context.data(), context.position(), size)
    }
    /// The next `size` bits of a match context.
    #[inline(never)]
    pub(crate) fn matched_part(&mut self, context: Word, size: usize) -> Word {
        let context = self.context(context);
        let position = context.position();
        let part = self.heap().matched_part(context, position, size).word();
        self.advance_context(context, position + size);
        part
    }
    /// What is left of a match context. It stays to be matched: another register may want it too.
    #[inline(never)]
    pub(crate) fn matched_tail(&mut self, context: Word) -> Word {
        let context = self.context(context);
        self.heap().matched_part(context, context.position(), context.end() - context.position()).word()
    }
    /// The next character of a match context, in UTF-8; [`Word::NONE`] if there is none.
    #[inline(never)]
    pub(crate) fn matched_utf8(&mut self, context: Word) -> Word {
        let context = self.context(context);
        let position = context.position();
        let Some((character, size)) = read_utf8(context.data(), position, context.end()) else { return Word::NONE };
        self.advance_context(context, position + size);
        Word::small(i64::from(character))
    }
    /// A size operand times its unit: `None` when it cannot be met.
    fn size_in_bits(&self, ip: *const u32, n: usize, unit: usize, left: usize) -> Option<usize> {
        if self.number(ip, n) == SIZE_ALL {
            return (unit == 0 || left % unit.max(1) == 0).then_some(left);
        }
        let size = self.term(self.source(ip, n)).as_usize()?;
        size.checked_mul(unit)
    }
    /// Operands: fail, context, size, unit, flags, register.
    #[inline(never)]
    pub(crate) fn bs_get_integer(&mut self, ip: *const u32) -> Flow {
        let context = self.context(self.source(ip, 2));
        let left = context.end() - context.position();
        match self.size_in_bits(ip, 3, self.number(ip, 4) as usize, left) {
            // What no integer can hold does not match one.
            Some(size) if size <= left && fits_an_integer(context, size, self.number(ip, 5)) => {
                let value = read_integer(self.heap(), context.data(), context.position(), size, self.number(ip, 5));
                self.advance_context(context, context.position() + size);
                self.write(ip, 6, value.word());
                Flow::go(ip.wrapping_add(7))
            }
            _ => Flow::go(self.label(ip, 1)),
        }
    }
    #[inline(never)]
    pub(crate) fn bs_get_float(&mut self, ip: *const u32) -> Flow {
        let context = self.context(self.source(ip, 2));
        let left = context.end() - context.position();
        let size = self.size_in_bits(ip, 3, self.number(ip, 4) as usize, left).filter(|size| *size <= left);
        let value = size.and_then(|size| read_float(context.data(), context.position(), size, self.number(ip, 5)));
        match (size, value) {
            (Some(size), Some(value)) => {
                let term = self.heap().float(value).word();
                self.advance_context(context, context.position() + size);
                self.write(ip, 6, term);
                Flow::go(ip.wrapping_add(7))
            }
            _ => Flow::go(self.label(ip, 1)),
        }
    }
    #[inline(never)]
    pub(crate) fn bs_get_binary(&mut self, ip: *const u32) -> Flow {
        let context = self.context(self.source(ip, 2));
        let left = context.end() - context.position();
        match self.size_in_bits(ip, 3, self.number(ip, 4) as usize, left) {
            Some(size) if size <= left => {
                let part = self.heap().matched_part(context, context.position(), size).word();
                self.advance_context(context, context.position() + size);
                self.write(ip, 6, part);
                Flow::go(ip.wrapping_add(7))
            }
            _ => Flow::go(self.label(ip, 1)),
        }
    }
    /// Operands: fail, context, size, unit.
    #[inline(never)]
    pub(crate) fn bs_skip_bits(&mut self, ip: *const u32) -> Flow {
        let context = self.context(self.source(ip, 2));
        let left = context.end() - context.position();
        match self.size_in_bits(ip, 3, self.number(ip, 4) as usize, left) {
            Some(size) if size <= left => {
                self.advance_context(context, context.position() + size);
                Flow::go(ip.wrapping_add(5))
            }
            _ => Flow::go(self.label(ip, 1)),
        }
    }
    /// Operands: fail, context, bits, address of the string.
    #[inline(never)]
    pub(crate) fn bs_match_string(&mut self, ip: *const u32) -> Flow {
        let context = self.context(self.source(ip, 2));
        let (left, size) = (context.end() - context.position(), self.number(ip, 3) as usize);
        let expected = self.wide(ip, 4) as *const u8;
        // SAFETY: the decoder checked that the string lies within the module's string table.
        let expected = unsafe { std::slice::from_raw_parts(expected, size.div_ceil(8)) };
        let same =
            left >= size && bits::compare_bits(context.data(), context.position(), size, expected, 0, size).is_eq();
        if !same {
            return Flow::go(self.label(ip, 1));
        }
        self.advance_context(context, context.position() + size);
        Flow::go(ip.wrapping_add(6))
    }
    fn character(&mut self, ip: *const u32, found: Option<(u32, usize)>, keep: bool, words: usize) -> Flow {
        let context = self.context(self.source(ip, 2));
        let Some((character, size)) = found else { return Flow::go(self.label(ip, 1)) };
        self.advance_context(context, context.position() + size);
        if keep {
            self.write(ip, 3, Word::small(i64::from(character)));
        }
        Flow::go(ip.wrapping_add(words))
    }
    #[inline(never)]
    pub(crate) fn bs_skip_utf8(&mut self, ip: *const u32) -> Flow {
        let context = self.context(self.source(ip, 2));
        let found = read_utf8(context.data(), context.position(), context.end());
        self.character(ip, found, false, 3)
    }
    #[inline(never)]
    pub(crate) fn bs_get_utf16(&mut self, ip: *const u32, keep: bool) -> Flow {
        let context = self.context(self.source(ip, 2));
        let flags = self.number(ip, if keep { 4 } else { 3 });
        let found = read_utf16(context.data(), context.position(), context.end(), flags);
        self.character(ip, found, keep, if keep { 5 } else { 4 })
    }
    #[inline(never)]
    pub(crate) fn bs_get_utf32(&mut self, ip: *const u32, keep: bool) -> Flow {
        let context = self.context(self.source(ip, 2));
        let flags = self.number(ip, if keep { 4 } else { 3 });
        let found = read_utf32(context.data(), context.position(), context.end(), flags);
        self.character(ip, found, keep, if keep { 5 } else { 4 })
    }
}

/// Can an integer hold the next `size` bits? Of more than it has, those in front must be 0.
fn fits_an_integer(context: MatchContext<'_>, size: usize, flag: u32) -> bool {
    let beyond = (size as u64).saturating_sub(BIG_BITS_MAX) as usize;
    let big_and_unsigned = flag & (flags::LITTLE | flags::SIGNED) == 0;
    let position = context.position();
    beyond == 0
        || big_and_unsigned
            && (0..beyond)
                .step_by(64)
                .all(|at| bits::read_bits64(context.data(), position + at, (beyond - at).min(64)) == 0)
}

/// An integer of `size` bits at `position`.
pub fn read_integer<'h>(heap: &'h Heap, data: &[u8], position: usize, size: usize, flag: u32) -> Term<'h> {
    let little = flag & flags::LITTLE != 0;
    let signed = flag & flags::SIGNED != 0;
    if size <= 64 {
        let mut value = bits::read_bits64(data, position, size);
        if little && size > 8 {
            value = swap_bytes(value, size);
        }
        if !signed {
            return heap.unsigned(value);
        }
        let shift = 64 - size.max(1);
        return heap.integer(if size == 0 { 0 } else { ((value << shift) as i64) >> shift });
    }
    let mut bytes = vec![0; size.div_ceil(8)];
    let rest = size % 8;
    if little {
        // The last, partial byte is the most significant and holds its bits at its low end.
        bits::copy_bits(data, position, &mut bytes, 0, size);
        if rest != 0 {
            let last = bytes.len() - 1;
            bytes[last] >>= 8 - rest;
        }
    } else {
        bits::copy_bits(data, position, &mut bytes, (8 - rest) % 8, size);
        bytes.reverse();
    }
    let last = bytes.len() - 1;
    let negative = signed && bytes[last] >> ((size + 7) % 8) & 1 == 1;
    if negative {
        if rest != 0 {
            bytes[last] |= 0xff << rest;
        }
        bits::negate(&mut bytes);
    }
    heap.integer_from_bytes(&bytes, negative)
}

/// The bytes of a number of `size` bits in reverse order; the last may be partial.
fn swap_bytes(value: u64, size: usize) -> u64 {
    let mut result = 0;
    let (mut shift, mut left) = (0, size);
    while left > 0 {
        let take = left.min(8);
        left -= take;
        result |= (value >> left & (0xff >> (8 - take))) << shift;
        shift += take;
    }
    result
}

fn read_float(data: &[u8], position: usize, size: usize, flag: u32) -> Option<f64> {
    if !matches!(size, 16 | 32 | 64) {
        return None;
    }
    let mut value = bits::read_bits64(data, position, size);
    if flag & flags::LITTLE != 0 {
        value = swap_bytes(value, size);
    }
    let float = match size {
        64 => f64::from_bits(value),
        32 => f64::from(f32::from_bits(value as u32)),
        _ => half_to_f64(value as u16),
    };
    float.is_finite().then_some(float)
}

fn half_to_f64(half: u16) -> f64 {
    let sign = if half & 0x8000 != 0 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(half >> 10 & 0x1f), f64::from(half & 0x3ff));
    match exponent {
        0 => sign * fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN,
        _ => sign * (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
    }
}

/// A valid character at `position`, and its size in bits.
fn read_utf8(data: &[u8], position: usize, end: usize) -> Option<(u32, usize)> {
    let left = end - position;
    if left < 8 {
        return None;
    }
    if position % 8 == 0 && data[position / 8] < 0x80 {
        return Some((u32::from(data[position / 8]), 8));
    }
    let byte = |index: usize| bits::read_bits64(data, position + index * 8, 8) as u32;
    let first = byte(0);
    let (length, low, start) = match first {
        0..=0x7f => return Some((first, 8)),
        0xc2..=0xdf => (2, 0x80, first & 0x1f),
        0xe0..=0xef => (3, 0x800, first & 0x0f),
        0xf0..=0xf4 => (4, 0x1_0000, first & 0x07),
        _ => return None,
    };
    if left < length * 8 {
        return None;
    }
    let mut character = start;
    for index in 1..length {
        let next = byte(index);
        if next & 0xc0 != 0x80 {
            return None;
        }
        character = character << 6 | next & 0x3f;
    }
    (character >= low && char::from_u32(character).is_some()).then_some((character, length * 8))
}

fn read_utf16(data: &[u8], position: usize, end: usize, flag: u32) -> Option<(u32, usize)> {
    let left = end - position;
    let unit = |index: usize| {
        let value = bits::read_bits64(data, position + index * 16, 16);
        (if flag & flags::LITTLE != 0 { swap_bytes(value, 16) } else { value }) as u32
    };
    if left < 16 {
        return None;
    }
    match unit(0) {
        high @ 0xd800..=0xdbff if left >= 32 => match unit(1) {
            low @ 0xdc00..=0xdfff => Some((0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00), 32)),
            _ => None,
        },
        0xd800..=0xdfff => None,
        other => Some((other, 16)),
    }
}

fn read_utf32(data: &[u8], position: usize, end: usize, flag: u32) -> Option<(u32, usize)> {
    if end - position < 32 {
        return None;
    }
    let value = bits::read_bits64(data, position, 32);
    let value = (if flag & flags::LITTLE != 0 { swap_bytes(value, 32) } else { value }) as u32;
    char::from_u32(value).map(|_| (value, 32))
}
