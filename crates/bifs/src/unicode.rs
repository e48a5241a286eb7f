//! Module `unicode`: character data to UTF-8 binaries and to lists.
//!
//! Character data is a deep list of code points and binaries. A character may be cut between two binaries, so the
//! bytes of an unfinished one are carried along ([`Encoder::pending`]). Where conversion stops, the rest is given back
//! as OTP does it: nested as deep as the walk was, not as the argument was.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, Interrupt};
use oxbeam_term::{Atom, Bits, Heap, Term, atoms};
use std::borrow::Cow;

/// Work that one reduction pays for, in bytes or list elements.
const PER_REDUCTION: usize = 64;

/// Steps, or bytes converted, before reductions are claimed.
const STEPS_PER_CLAIM: usize = 1 << 14;

/// What binaries in character data hold. Code points in lists are the same in both.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Latin1,
    Utf8,
}

impl Encoding {
    /// The encodings that are converted here; others are left to Erlang code.
    fn of(term: Term<'_>) -> Option<Encoding> {
        match term.as_atom()? {
            atoms::LATIN1 => Some(Encoding::Latin1),
            atoms::UNICODE | atoms::UTF8 => Some(Encoding::Utf8),
            _ => None,
        }
    }
}

/// How a conversion ended.
pub(crate) enum End<'h> {
    /// Everything was converted.
    Complete,
    /// The data ends within a character, of which these bytes are there.
    Incomplete(Term<'h>),
    /// What stands first in this rest is no character.
    Error(Term<'h>),
}

/// Converts character data to a UTF-8 binary. Data that is such a binary is returned as it is.
///
/// Returns `{error, Converted, Rest}` or `{incomplete, Converted, Rest}` when it cannot be converted. Encodings other
/// than `latin1`, `unicode` and `utf8` are left to `unicode:characters_to_binary_int/2`.
///
/// # Errors
///
/// `badarg` for what is not character data, whatever the encoding of its parts.
#[bif("unicode:characters_to_binary/2")]
fn characters_to_binary<'h>(cx: &mut BifContext<'h>, data: Term<'h>, encoding: Term<'h>) -> BifResult<'h> {
    let Some(kind) = Encoding::of(encoding) else {
        return cx.call(atoms::UNICODE, atoms::CHARACTERS_TO_BINARY_INT, &[data, encoding]);
    };
    let subject = sole_binary(data).unwrap_or(data);
    if let Some(bits) = subject.as_bits() {
        let bytes = whole_bytes(cx, bits)?;
        cx.work(bytes.len() / PER_REDUCTION)?;
        let unchanged = match kind {
            Encoding::Latin1 => bytes.is_ascii(),
            Encoding::Utf8 => std::str::from_utf8(&bytes).is_ok(),
        };
        if unchanged {
            return Ok(subject);
        }
    }
    let (converted, end) = convert(cx, subject, kind)?;
    let converted = cx.heap.binary_from_vec(converted);
    Ok(result(cx.heap, converted, end))
}

/// Converts character data to a list of code points.
///
/// Returns `{error, Converted, Rest}` or `{incomplete, Converted, Rest}` when it cannot be converted. Encodings other
/// than `latin1`, `unicode` and `utf8` are left to `unicode:characters_to_list_int/2`.
///
/// # Errors
///
/// `badarg` for what is not character data, whatever the encoding of its parts.
#[bif("unicode:characters_to_list/2")]
fn characters_to_list<'h>(cx: &mut BifContext<'h>, data: Term<'h>, encoding: Term<'h>) -> BifResult<'h> {
    let Some(kind) = Encoding::of(encoding) else {
        return cx.call(atoms::UNICODE, atoms::CHARACTERS_TO_LIST_INT, &[data, encoding]);
    };
    if let Some(bits) = data.as_bits() {
        let bytes = whole_bytes(cx, bits)?;
        cx.work(bytes.len() * 4 / PER_REDUCTION)?;
        if kind == Encoding::Latin1 || bytes.is_ascii() {
            return Ok(list_of_bytes(cx.heap, &bytes));
        }
        return Ok(list_of_utf8(cx.heap, bits, &bytes));
    }
    let (converted, end) = convert(cx, data, kind)?;
    let text = str::from_utf8(&converted).expect("the encoder makes UTF-8");
    let converted = list_of_text(cx.heap, text);
    Ok(result(cx.heap, converted, end))
}

/// Is this a binary of bytes below 128 only?
#[bif("unicode:bin_is_7bit/1")]
fn bin_is_7bit<'h>(cx: &mut BifContext<'h>, data: Term<'h>) -> BifResult<'h> {
    let bytes = data.as_binary();
    cx.spend(bytes.as_ref().map_or(0, |bytes| bytes.len()) / PER_REDUCTION);
    Ok(Term::boolean(bytes.is_some_and(|bytes| bytes.is_ascii())))
}

/// The binary in a list of just one binary.
fn sole_binary(data: Term<'_>) -> Option<Term<'_>> {
    let cell = data.as_cons()?;
    (cell.tail().is_nil() && cell.head().as_bits().is_some()).then(|| cell.head())
}

fn whole_bytes<'h>(cx: &BifContext<'h>, bits: Bits<'h>) -> Result<Cow<'h, [u8]>, Box<Interrupt<'h>>> {
    if bits.is_binary() { Ok(bits.to_bytes()) } else { cx.badarg() }
}

fn result<'h>(heap: &'h Heap, converted: Term<'h>, end: End<'h>) -> Term<'h> {
    let tagged = |tag: Atom, rest: Term<'h>| heap.tuple(&[Term::atom(tag), converted, rest]);
    match end {
        End::Complete => converted,
        End::Incomplete(rest) => tagged(atoms::INCOMPLETE, rest),
        End::Error(rest) => tagged(atoms::ERROR, rest),
    }
}

/// The code points of `text`.
pub(crate) fn list_of_text<'h>(heap: &'h Heap, text: &str) -> Term<'h> {
    if text.is_ascii() { list_of_bytes(heap, text.as_bytes()) } else { heap.string(text) }
}

/// The bytes as a list.
pub(crate) fn list_of_bytes<'h>(heap: &'h Heap, bytes: &[u8]) -> Term<'h> {
    let elements: Vec<Term<'h>> = bytes.iter().map(|&byte| Term::small(i64::from(byte))).collect();
    heap.list(&elements)
}

/// What `characters_to_list/2` makes of a UTF-8 binary, whose bytes are given.
pub(crate) fn list_of_utf8<'h>(heap: &'h Heap, bits: Bits<'h>, bytes: &[u8]) -> Term<'h> {
    let mut encoder = Encoder::default();
    let error = encoder.utf8(bytes).err();
    let valid = bytes.len() - error.map_or(encoder.pending.len(), |at| bytes.len() - at);
    let text = str::from_utf8(&encoder.output).expect("the encoder makes UTF-8");
    let converted = list_of_text(heap, text);
    let rest = || heap.sub_bitstring(bits, bits.bit_offset() + valid * 8, bits.bit_size() - valid * 8);
    let end = match error {
        Some(_) => End::Error(rest()),
        None if encoder.pending.is_empty() => End::Complete,
        None if may_go_on(&encoder.pending) => End::Incomplete(rest()),
        None => End::Error(rest()),
    };
    result(heap, converted, end)
}

/// UTF-8 made so far.
#[derive(Default)]
struct Encoder {
    output: Vec<u8>,
    /// The first bytes of a character whose others are to come in the next binary.
    pending: Vec<u8>,
}

impl Encoder {
    /// Adds a code point of a list; false when it is none or a character is unfinished.
    fn code_point(&mut self, term: Term<'_>, encoding: Encoding) -> bool {
        let Some(character) = term.as_u64().and_then(|code| char::from_u32(u32::try_from(code).ok()?)) else {
            return false;
        };
        if !self.pending.is_empty() || encoding == Encoding::Latin1 && character as u32 > 255 {
            return false;
        }
        match character.is_ascii() {
            true => self.output.push(character as u8),
            false => self.output.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        true
    }

    fn latin1(&mut self, bytes: &[u8]) {
        if bytes.is_ascii() {
            self.output.extend_from_slice(bytes);
        } else {
            self.output.reserve(bytes.len() * 2);
            for &byte in bytes {
                match byte {
                    0..0x80 => self.output.push(byte),
                    _ => self.output.extend_from_slice(&[0xc0 | byte >> 6, 0x80 | byte & 0x3f]),
                }
            }
        }
    }

    /// Adds bytes of UTF-8; fails with the place of what is no UTF-8. Too few bytes at the end become pending,
    /// whatever they are: OTP looks at them only when it knows that nothing follows.
    fn utf8(&mut self, bytes: &[u8]) -> Result<(), usize> {
        let mut start = 0;
        if let Some(&lead) = self.pending.first() {
            start = character_length(lead).saturating_sub(self.pending.len());
            if bytes.len() < start {
                self.pending.extend_from_slice(bytes);
                return Ok(());
            }
            let mut character = self.pending.clone();
            character.extend_from_slice(&bytes[..start]);
            if str::from_utf8(&character).is_err() {
                return Err(0);
            }
            self.output.append(&mut character);
            self.pending.clear();
        }
        let rest = &bytes[start..];
        let Err(error) = str::from_utf8(rest) else {
            self.output.extend_from_slice(rest);
            return Ok(());
        };
        let (valid, invalid) = rest.split_at(error.valid_up_to());
        self.output.extend_from_slice(valid);
        if invalid.len() >= character_length(invalid[0]) {
            return Err(start + valid.len());
        }
        self.pending.extend_from_slice(invalid);
        Ok(())
    }
}

/// How many bytes a character has that starts with `lead`; 0 if none does.
fn character_length(lead: u8) -> usize {
    match lead {
        0..0x80 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0..0xf8 => 4,
        _ => 0,
    }
}

/// Could these first bytes of a character be followed by others? As in OTP, only the marks are looked at.
fn may_go_on(pending: &[u8]) -> bool {
    pending.iter().skip(1).all(|byte| byte & 0xc0 == 0x80)
}

/// Converts character data to UTF-8, as far as it goes.
fn convert<'h>(
    cx: &mut BifContext<'h>,
    data: Term<'h>,
    encoding: Encoding,
) -> Result<(Vec<u8>, End<'h>), Box<Interrupt<'h>>> {
    let mut encoder = Encoder::default();
    let mut walk = Walk { rest: data, open: Vec::new(), steps: 0 };
    let stopped = walk.run(cx, &mut encoder, encoding)?;
    cx.spend((walk.steps % STEPS_PER_CLAIM) / PER_REDUCTION);
    let pending = || cx.heap.binary(&encoder.pending);
    let end = match stopped {
        Some(rest) if encoder.pending.is_empty() => End::Error(rest),
        Some(rest) => End::Error(cx.heap.list(&[pending(), rest])),
        None if encoder.pending.is_empty() => End::Complete,
        None if may_go_on(&encoder.pending) => End::Incomplete(pending()),
        None => End::Error(pending()),
    };
    Ok((encoder.output, end))
}

/// Where in a deep list we are: what is left of the innermost list, and the tails of those around it.
struct Walk<'h> {
    rest: Term<'h>,
    open: Vec<Term<'h>>,
    steps: usize,
}

impl<'h> Walk<'h> {
    /// Goes through all of it; stops with the rest at what cannot be converted.
    fn run(
        &mut self,
        cx: &mut BifContext<'h>,
        encoder: &mut Encoder,
        encoding: Encoding,
    ) -> Result<Option<Term<'h>>, Box<Interrupt<'h>>> {
        let mut converted = 0;
        loop {
            self.steps += 1;
            if self.steps % STEPS_PER_CLAIM == 0 || encoder.output.len() - converted > STEPS_PER_CLAIM {
                let work = STEPS_PER_CLAIM.max(encoder.output.len() - converted);
                cx.work(work / PER_REDUCTION)?;
                converted = encoder.output.len();
            }
            if let Some(cell) = self.rest.as_cons() {
                let (head, tail) = (cell.head(), cell.tail());
                if head.is_integer() {
                    if !encoder.code_point(head, encoding) {
                        return self.stop(cx, self.rest).map(Some);
                    }
                    self.rest = tail;
                } else if let Some(bits) = head.as_bits() {
                    if let Some(left) = add_binary(cx, bits, encoder, encoding)? {
                        return self.stop(cx, cx.heap.cons(left, tail)).map(Some);
                    }
                    self.rest = tail;
                } else if head.is_nil() {
                    self.rest = tail;
                } else if head.is_list() {
                    self.open.push(tail);
                    self.rest = head;
                } else {
                    return cx.badarg();
                }
            } else if self.rest.is_nil() {
                match self.open.pop() {
                    Some(outer) => self.rest = outer,
                    None => return Ok(None),
                }
            } else if let Some(bits) = self.rest.as_bits() {
                if let Some(left) = add_binary(cx, bits, encoder, encoding)? {
                    return self.stop(cx, left).map(Some);
                }
                self.rest = Term::NIL;
            } else {
                return cx.badarg();
            }
        }
    }

    /// What is given back when conversion stops before `rest`, all of which must be character data all the same.
    fn stop(&self, cx: &BifContext<'h>, rest: Term<'h>) -> Result<Term<'h>, Box<Interrupt<'h>>> {
        let whole = self.open.iter().rev().fold(rest, |inner, outer| cx.heap.cons(inner, *outer));
        if is_character_data(whole) { Ok(whole) } else { cx.badarg() }
    }
}

/// Adds a binary; returns what is left of it from where it cannot be converted.
fn add_binary<'h>(
    cx: &BifContext<'h>,
    bits: Bits<'h>,
    encoder: &mut Encoder,
    encoding: Encoding,
) -> Result<Option<Term<'h>>, Box<Interrupt<'h>>> {
    let bytes = whole_bytes(cx, bits)?;
    match encoding {
        Encoding::Latin1 => encoder.latin1(&bytes),
        Encoding::Utf8 => {
            if let Err(at) = encoder.utf8(&bytes) {
                let left = cx.heap.sub_bitstring(bits, bits.bit_offset() + at * 8, bits.bit_size() - at * 8);
                return Ok(Some(left));
            }
        }
    }
    Ok(None)
}

/// Is it a deep list of integers and binaries, or a binary?
fn is_character_data(data: Term<'_>) -> bool {
    let is_binary = |term: Term<'_>| term.as_bits().is_some_and(Bits::is_binary);
    let mut open = vec![data];
    while let Some(mut rest) = open.pop() {
        while let Some(cell) = rest.as_cons() {
            let head = cell.head();
            if head.is_list() {
                open.push(head);
            } else if !head.is_integer() && !is_binary(head) {
                return false;
            }
            rest = cell.tail();
        }
        if !rest.is_nil() && !is_binary(rest) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    #[test]
    fn answers_as_the_real_system() {
        let compared = crate::testing::check_recording(include_bytes!("../tests/data/unicode.etf"));
        assert!(compared > 1000);
    }
}
