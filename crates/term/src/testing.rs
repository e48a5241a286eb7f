//! For tests only: terms from their text, as `io:format("~w")` writes it, and repeatable random terms.

use crate::{AtomTable, Heap, Term};
use oxbeam_number::BigInt;

/// Marsaglia's xorshift: the same numbers in every run.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 11) as usize % limit
    }
}

/// The term that `text` says.
pub fn parse<'h>(text: &str, heap: &'h Heap, atoms: &AtomTable) -> Term<'h> {
    let mut parser = Parser { text: text.as_bytes(), at: 0, heap, atoms };
    let term = parser.term();
    assert_eq!(parser.at, text.len(), "text behind the term in {text}");
    term
}

struct Parser<'t, 'h, 'a> {
    text: &'t [u8],
    at: usize,
    heap: &'h Heap,
    atoms: &'a AtomTable,
}

impl<'h> Parser<'_, 'h, '_> {
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }
    fn take(&mut self, expected: &str) -> bool {
        let found = self.text[self.at..].starts_with(expected.as_bytes());
        if found {
            self.at += expected.len();
        }
        found
    }
    /// Terms up to `end`, and what stands behind a bar.
    fn sequence(&mut self, end: &str) -> (Vec<Term<'h>>, Term<'h>) {
        let mut all = Vec::new();
        while !self.take(end) {
            if self.take("|") {
                let tail = self.term();
                assert!(self.take(end));
                return (all, tail);
            }
            all.push(self.term());
            self.take(",");
        }
        (all, Term::NIL)
    }
    fn term(&mut self) -> Term<'h> {
        if self.take("<<") {
            return self.bits();
        }
        if self.take("#{") {
            let mut pairs = Vec::new();
            while !self.take("}") {
                let key = self.term();
                assert!(self.take(" => "));
                pairs.push((key, self.term()));
                self.take(",");
            }
            return self.heap.map_from_pairs(&pairs, self.atoms);
        }
        match self.peek() {
            b'{' => {
                self.at += 1;
                let (elements, _) = self.sequence("}");
                self.heap.tuple(&elements)
            }
            b'[' => {
                self.at += 1;
                let (elements, tail) = self.sequence("]");
                self.heap.list_with_tail(&elements, tail)
            }
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.atom(),
        }
    }
    fn number(&mut self) -> Term<'h> {
        let start = self.at;
        while matches!(self.peek(), b'0'..=b'9' | b'-' | b'+' | b'.' | b'e') {
            self.at += 1;
        }
        let text = std::str::from_utf8(&self.text[start..self.at]).unwrap();
        if text.contains('.') {
            return self.heap.float(text.parse().unwrap());
        }
        self.heap.bigint(&text.parse::<BigInt>().unwrap())
    }
    fn atom(&mut self) -> Term<'h> {
        let rest = std::str::from_utf8(&self.text[self.at..]).unwrap();
        let (name, length) = match rest.strip_prefix('\'') {
            Some(quoted) => {
                let end = quoted.find('\'').unwrap();
                (&quoted[..end], end + 2)
            }
            None => {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '@')).unwrap_or(rest.len());
                (&rest[..end], end)
            }
        };
        assert!(length > 0, "no term at {rest:.20} in {}", String::from_utf8_lossy(&self.text[..self.at]));
        self.at += length;
        Term::atom(self.atoms.intern(name).unwrap())
    }
    fn bits(&mut self) -> Term<'h> {
        let (mut bytes, mut bit_size) = (Vec::new(), 0);
        while !self.take(">>") {
            let byte = self.number().as_small().unwrap() as u8;
            let size = if self.take(":") { self.number().as_small().unwrap() as usize } else { 8 };
            bytes.push(byte << (8 - size));
            bit_size += size;
            self.take(",");
        }
        self.heap.bitstring_from_vec(bytes, bit_size)
    }
}
