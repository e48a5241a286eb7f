//! Building binaries as compilers before OTP 25 did: one instruction that says how large, then one for each segment.
//!
//! The bits are gathered in a [`Builder`] and become a term with the last of them. Nothing between the first and the
//! last instruction calls or collects; code that does so all the same finds its builder gone and gets `badarg`.

use crate::binary_build::{BINARY_WORDS_MAX, Segment, Value, utf8_length, write_segment};
use crate::instruction::{Instruction as I, SIZE_ALL, segment};
use crate::run::{Flow, Run};
use crate::state::instruction_at;
use oxbeam_term::arithmetic;
use oxbeam_term::{Atom, Term, Word, atoms, bits};

/// A binary under construction.
pub(crate) struct Builder {
    bytes: Vec<u8>,
    /// Bits written, and bits in all.
    position: usize,
    total: usize,
    /// What the bits are appended to.
    base: Option<Word>,
    /// Register operand that gets the binary.
    destination: u32,
}

/// Bits of the largest binary that anybody tries to allocate.
const BITS_MAX: u64 = 1 << 40;

type Built<T> = Result<T, Atom>;

impl<'a> Run<'a> {
    /// Runs one of the instructions.
    #[inline(never)]
    pub(crate) fn old_construction(&mut self, ip: *const u32) -> Flow {
        // SAFETY: `ip` is at the instruction that is executed.
        let instruction = unsafe { instruction_at(ip) };
        let words = match instruction {
            I::BsInit2 | I::BsInitBits => 6,
            I::BsAdd => 6,
            I::BsAppend => 8,
            I::BsPrivateAppend => 6,
            I::BsPutInteger | I::BsPutBinary | I::BsPutFloat => 6,
            I::BsPutString => 4,
            _ => 4,
        };
        match self.construct(ip, instruction) {
            Ok(()) => Flow::go(ip.wrapping_add(words)),
            Err(reason) => {
                self.builder = None;
                // A string has no label to jump to; it does not fail either, except without a builder.
                if instruction != I::BsPutString && !self.no_label(ip, 1) {
                    return Flow::go(self.label(ip, 1));
                }
                self.raise_code(ip, Term::atom(reason))
            }
        }
    }

    fn construct(&mut self, ip: *const u32, instruction: I) -> Built<()> {
        match instruction {
            // fail, size, live, destination, words of room for what follows
            I::BsInit2 | I::BsInitBits => {
                let unit = if instruction == I::BsInit2 { 8 } else { 1 };
                let total = self.count(ip, 2, unit)?;
                self.ensure(self.number(ip, 5) as usize + BINARY_WORDS_MAX, self.number(ip, 3) as usize);
                self.begin(total, None, self.number(ip, 4))
            }
            // fail, first, second, unit, destination
            I::BsAdd => {
                let sum = self.count(ip, 2, 1)? as u64 + self.count(ip, 3, self.number(ip, 4) as usize)? as u64;
                self.write(ip, 5, Word::small(sum as i64));
                Ok(())
            }
            // fail, size, live, unit, binary, destination, words of room for what follows
            I::BsAppend => {
                self.ensure(self.number(ip, 7) as usize + BINARY_WORDS_MAX, self.number(ip, 3) as usize);
                self.begin_append(ip, 4)
            }
            // fail, size, unit, binary, destination
            I::BsPrivateAppend => self.begin_append(ip, 3),
            // fail, source, destination
            I::BsUtf8Size | I::BsUtf16Size => {
                let character = self.term(self.source(ip, 2)).as_u64().unwrap_or(u64::MAX);
                let character = u32::try_from(character).unwrap_or(u32::MAX);
                let bytes = match instruction {
                    I::BsUtf8Size => utf8_length(character),
                    _ if character > 0xffff => 4,
                    _ => 2,
                };
                self.write(ip, 3, Word::small(bytes as i64));
                Ok(())
            }
            // length, string
            I::BsPutString => {
                let length = self.number(ip, 1) as usize;
                let address = self.wide(ip, 2) as *const u8;
                // SAFETY: the decoder checked that the string lies within the module's string table.
                let bytes = unsafe { std::slice::from_raw_parts(address, length) };
                self.put(&Segment { kind: segment::STRING, flags: 0, bits: length * 8, value: Value::Bytes(bytes) })
            }
            // fail, flags, source
            I::BsPutUtf8 | I::BsPutUtf16 | I::BsPutUtf32 => {
                let character = self.term(self.source(ip, 3)).as_u64().and_then(|value| u32::try_from(value).ok());
                let character = character.filter(|value| char::from_u32(*value).is_some()).ok_or(atoms::BADARG)?;
                let (kind, bits) = match instruction {
                    I::BsPutUtf8 => (segment::UTF8, utf8_length(character) * 8),
                    I::BsPutUtf16 => (segment::UTF16, if character > 0xffff { 32 } else { 16 }),
                    _ => (segment::UTF32, 32),
                };
                self.put(&Segment { kind, flags: self.number(ip, 2), bits, value: Value::Character(character) })
            }
            _ => self.put_value(ip, instruction),
        }
    }

    /// `bs_put_integer`, `bs_put_binary`, `bs_put_float`: fail, size, unit, flags, source.
    fn put_value(&mut self, ip: *const u32, instruction: I) -> Built<()> {
        let (unit, flags) = (self.number(ip, 3) as usize, self.number(ip, 4));
        let value = self.term(self.source(ip, 5));
        let segment = match instruction {
            I::BsPutBinary => {
                let source = value.as_bits().ok_or(atoms::BADARG)?;
                let all = self.number(ip, 2) == SIZE_ALL;
                let bits = if all { source.bit_size() } else { self.count(ip, 2, unit)? };
                if bits > source.bit_size() || all && bits % unit.max(1) != 0 {
                    return Err(atoms::BADARG);
                }
                Segment { kind: segment::BINARY, flags, bits, value: Value::Bits(source) }
            }
            I::BsPutFloat => {
                let bits = self.count(ip, 2, unit)?;
                if arithmetic::as_float(value).is_none() || !matches!(bits, 16 | 32 | 64) {
                    return Err(atoms::BADARG);
                }
                Segment { kind: segment::FLOAT, flags, bits, value: Value::Term(value) }
            }
            _ => {
                let bits = self.count(ip, 2, unit)?;
                if !value.is_integer() {
                    return Err(atoms::BADARG);
                }
                Segment { kind: segment::INTEGER, flags, bits, value: Value::Term(value) }
            }
        };
        self.put(&segment)
    }

    /// Size operand `n` in units, as a number of bits.
    fn count(&self, ip: *const u32, n: usize, unit: usize) -> Built<usize> {
        if self.number(ip, n) == SIZE_ALL {
            return Err(atoms::BADARG);
        }
        let size = self.term(self.source(ip, n));
        let integer = size.as_integer().filter(|integer| !integer.is_negative()).ok_or(atoms::BADARG)?;
        let bits = integer.to_u64().and_then(|size| size.checked_mul(unit as u64));
        bits.filter(|bits| *bits <= BITS_MAX).map(|bits| bits as usize).ok_or(atoms::SYSTEM_LIMIT)
    }

    /// Operands: size in bits second, then unit, binary and destination from `at` on.
    fn begin_append(&mut self, ip: *const u32, at: usize) -> Built<()> {
        let extra = self.count(ip, 2, 1)?;
        let base = self.source(ip, at + 1);
        let whole = self.term(base).as_bits().map(|bits| bits.bit_size() % self.number(ip, at).max(1) as usize == 0);
        if whole != Some(true) {
            return Err(atoms::BADARG);
        }
        self.begin(extra, Some(base), self.number(ip, at + 2))
    }

    fn begin(&mut self, total: usize, base: Option<Word>, destination: u32) -> Built<()> {
        self.builder =
            Some(Box::new(Builder { bytes: vec![0; total.div_ceil(8)], position: 0, total, base, destination }));
        if total == 0 {
            self.finish_construction();
        }
        Ok(())
    }

    fn put(&mut self, segment: &Segment<'a>) -> Built<()> {
        let Some(builder) = &mut self.builder else {
            // Segments without bits may follow the last one that has some.
            return if segment.bits == 0 { Ok(()) } else { Err(atoms::BADARG) };
        };
        if segment.bits > builder.total - builder.position {
            return Err(atoms::BADARG);
        }
        write_segment(segment, &mut builder.bytes, builder.position);
        builder.position += segment.bits;
        if builder.position == builder.total {
            self.finish_construction();
        }
        Ok(())
    }

    fn finish_construction(&mut self) {
        let Some(builder) = self.builder.take() else { return };
        let Builder { bytes, total, base, destination, .. } = *builder;
        let heap = self.heap();
        let binary = match base.and_then(|base| self.term(base).as_bits()) {
            None => heap.bitstring_from_vec(bytes, total),
            Some(base) => heap.append_bits(base, total, |target, position| {
                bits::copy_bits(&bytes, 0, target, position, total);
            }),
        };
        self.write_register(destination, binary.word());
    }
}
