//! PER: the compiler's code gives a list of small instructions, and this packs the bits that they say.

use crate::iolist::iodata_bytes;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Term, atoms, bits::copy_bits};

/// Bytes that one reduction pays for.
const BYTES_PER_REDUCTION: usize = 32;

/// Packs a complete encoding: a binary, or `{error, $1}` for wrong instructions.
///
/// # Errors
///
/// `badarg` unless the argument is iodata.
#[bif("asn1rt_nif:encode_per_complete/1", nif)]
fn encode_per_complete<'h>(cx: &mut BifContext<'h>, instructions: Term<'h>) -> BifResult<'h> {
    let Some(bytes) = iodata_bytes(instructions) else { return cx.badarg() };
    cx.spend(bytes.len() / BYTES_PER_REDUCTION);
    if bytes.is_empty() {
        return Ok(cx.heap.binary(&[]));
    }
    let mut packer = Packer { input: &bytes, output: Vec::new(), bits: 0 };
    match packer.run() {
        Some(()) => {
            // An encoding has at least one byte.
            packer.output.resize(packer.output.len().max(1), 0);
            Ok(cx.heap.binary_from_vec(packer.output))
        }
        None => Ok(cx.heap.tuple(&[Term::atom(atoms::ERROR), Term::small(i64::from(b'1'))])),
    }
}

struct Packer<'b> {
    input: &'b [u8],
    output: Vec<u8>,
    /// Bits of the output in use.
    bits: usize,
}

impl<'b> Packer<'b> {
    fn run(&mut self) -> Option<()> {
        while let Some((&instruction, rest)) = self.input.split_first() {
            self.input = rest;
            self.step(instruction)?;
        }
        Some(())
    }

    fn step(&mut self, instruction: u8) -> Option<()> {
        match instruction {
            0 | 1 => self.put(&[instruction], 7, 1),
            2 => self.align(),
            10 => {
                let count = usize::from(self.byte()?);
                let value = self.byte()?;
                self.put(&[value], 8usize.checked_sub(count)?, count);
            }
            20 | 21 => {
                let length = self.number(instruction == 21)?;
                let octets = self.take(length)?;
                self.align();
                self.put(octets, 0, length * 8);
            }
            30 | 31 => {
                let unused = usize::from(self.byte()?);
                let length = self.number(instruction == 31)?;
                let octets = self.take(length)?;
                self.put(octets, 0, (length * 8).checked_sub(unused)?);
            }
            40..=43 => {
                let wanted = self.number(instruction >= 42)?;
                let length = self.number(instruction % 2 == 1)?;
                let flags = self.take(length)?;
                for flag in &flags[..length.min(wanted)] {
                    match flag {
                        0 | 1 => self.put(&[*flag], 7, 1),
                        _ => return None,
                    }
                }
                self.pad(wanted.saturating_sub(length));
            }
            45..=47 => {
                let wanted = self.number(instruction >= 46)?;
                let length = self.number(instruction == 47)?;
                let octets = self.take(length)?;
                self.put(octets, 0, wanted.min(length * 8));
                self.pad(wanted.saturating_sub(length * 8));
            }
            _ => return None,
        }
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.input.split_first()?;
        self.input = rest;
        Some(byte)
    }

    fn number(&mut self, two_bytes: bool) -> Option<usize> {
        let first = usize::from(self.byte()?);
        if two_bytes { Some(first << 8 | usize::from(self.byte()?)) } else { Some(first) }
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.input.split_at_checked(length)?;
        self.input = rest;
        Some(taken)
    }

    fn align(&mut self) {
        self.bits = self.output.len() * 8;
    }

    fn pad(&mut self, count: usize) {
        self.bits += count;
        self.output.resize(self.bits.div_ceil(8), 0);
    }

    fn put(&mut self, source: &[u8], from: usize, count: usize) {
        let at = self.bits;
        self.pad(count);
        copy_bits(source, from, &mut self.output, at, count);
    }
}
