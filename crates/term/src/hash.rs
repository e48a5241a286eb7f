//! Hashes of terms: OTP 27's internal hash (order of large maps), `phash2/1,2` and `phash/2`.
//!
//! The portable hashes are a contract: their values are stored on disks and sent between nodes. The internal hash is
//! OTP's too, so that maps are walked in the same order; only atoms, local pids and ports, external identifiers and
//! external funs hash by numbers that differ from machine to machine, in OTP as well.

use crate::term::{Fun, Reference};
use crate::{Atom, Bits, External, Kind, Port, Term, Value, Word};

// --- the internal hash -----------------------------------------------------------------------------------------------

/// Final scrambling of MurmurHash3.
#[inline(always)]
fn mix64(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ hash >> 33
}

/// The word that OTP hashes for a term that is immediate there: small integers have 60 bits.
#[inline(always)]
fn immediate_word(term: Term<'_>) -> Option<u64> {
    let word = term.word();
    if word.is_pointer() {
        return None;
    }
    if word.is_small() {
        let value = word.small_value();
        return (value << 4 >> 4 == value).then_some((value as u64) << 4 | 0xf);
    }
    Some(immediate_of_other_type(term))
}

fn immediate_of_other_type(term: Term<'_>) -> u64 {
    match term.value() {
        Value::Atom(atom) => atom_word(atom),
        Value::Pid(pid) => (u64::from(pid.number) | u64::from(pid.serial) << 28) << 4 | 0x3,
        Value::Port(Port(number)) => number << 4 | 0x7,
        _ => 0x3b,
    }
}

#[inline(always)]
fn atom_word(atom: Atom) -> u64 {
    u64::from(atom.0) << 6 | 0xb
}

/// OTP 27's internal hash: equal for terms that are `=:=`, valid within one machine.
#[inline]
pub fn internal_hash(term: Term<'_>) -> u64 {
    match immediate_word(term) {
        Some(word) => mix64(word),
        None => InternalHash::default().compound(term),
    }
}

/// What a mixed-in word says.
mod mark {
    pub const IMMEDIATE: u64 = 1;
    pub const ARRAY_ELEMENT: u64 = 2;
    pub const CAR: u64 = 3;
    pub const CDR: u64 = 4;
    pub const STRING: u64 = 5;
    pub const TUPLE: u64 = 6;
    pub const FLAT_MAP: u64 = 7;
    pub const HASH_MAP_FULL: u64 = 8;
    pub const HASH_MAP: u64 = 9;
    pub const HASH_NODE: u64 = 10;
    pub const BITS: u64 = 11;
    pub const LOCAL_FUN: u64 = 12;
    pub const EXTERNAL_FUN: u64 = 13;
    pub const NEGATIVE_BIG: u64 = 14;
    pub const POSITIVE_BIG: u64 = 15;
    pub const LOCAL_REFERENCE: u64 = 16;
    pub const EXTERNAL_REFERENCE: u64 = 17;
    pub const EXTERNAL_PID: u64 = 18;
    pub const EXTERNAL_PORT: u64 = 19;
    pub const FLOAT: u64 = 20;
}

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

/// Two 64-bit lanes, the number of mixings, and the terms still to come (last first).
///
/// `Word::NONE` on the stack says that the term below it is the tail of a list.
#[derive(Default)]
struct InternalHash {
    alpha: u64,
    beta: u64,
    ticks: u64,
    pending: Vec<Word>,
}

impl InternalHash {
    #[inline]
    fn alpha(&mut self, word: u64) {
        self.alpha ^= scramble_alpha(word);
        self.alpha = self.alpha.rotate_left(27).wrapping_add(self.beta).wrapping_mul(5).wrapping_add(0x52dc_e729);
        self.ticks += 1;
    }
    #[inline]
    fn beta(&mut self, word: u64) {
        self.beta ^= scramble_beta(word);
        self.beta = self.beta.rotate_left(31).wrapping_add(self.alpha).wrapping_mul(5).wrapping_add(0x3849_5ab5);
        self.ticks += 1;
    }
    fn immediate(&mut self, word: u64) {
        self.alpha(mark::IMMEDIATE);
        self.beta(word);
    }
    /// Mixes an immediate in now, puts off another term.
    fn push(&mut self, term: Term<'_>) {
        match immediate_word(term) {
            Some(word) => self.immediate(word),
            None => {
                self.alpha(mark::ARRAY_ELEMENT);
                self.pending.push(term.word());
            }
        }
    }
    /// All but the last, which is to be hashed next.
    fn push_array<'h>(&mut self, terms: &[Term<'h>]) -> Option<Term<'h>> {
        let (&last, others) = terms.split_last()?;
        others.iter().for_each(|&term| self.push(term));
        Some(last)
    }

    fn compound<'h>(mut self, term: Term<'h>) -> u64 {
        let mut next = Some(term);
        loop {
            let Some(term) = next else {
                let Some(mut word) = self.pending.pop() else { return self.finish() };
                if word == Word::NONE {
                    self.beta(mark::CDR);
                    word = self.pending.pop().unwrap_or(Word::NIL);
                }
                // SAFETY: only words of parts of the term being hashed are pushed.
                next = Some(unsafe { Term::<'h>::from_raw(word) });
                continue;
            };
            next = if term.word().is_cons() {
                Some(self.list(term))
            } else if let Some(word) = immediate_word(term) {
                self.immediate(word);
                None
            } else {
                self.boxed(term)
            };
        }
    }

    /// Bytes at the front of the list go four at a time; then one element. Returns what comes next.
    fn list<'h>(&mut self, mut term: Term<'h>) -> Term<'h> {
        let (mut value, mut bytes) = (0u64, 0u64);
        while let Some(cell) = term.as_cons() {
            let Some(byte @ 0..=255) = cell.head().as_small() else { break };
            (value, bytes) = (value << 8 | byte as u64, bytes + 1);
            if bytes == 4 {
                self.alpha(mark::STRING | bytes << 8 | value << 32);
                (value, bytes) = (0, 0);
            }
            term = cell.tail();
        }
        if bytes > 0 {
            self.alpha(mark::STRING | bytes << 8 | value << 32);
        }
        let Some(cell) = term.as_cons() else { return term };
        let (head, tail) = (cell.head(), cell.tail());
        if let Some(word) = immediate_word(head) {
            self.alpha(mark::IMMEDIATE | mark::CAR << 32);
            self.beta(word);
            if !tail.word().is_cons() {
                self.alpha(mark::CDR);
            }
            return tail;
        }
        self.pending.push(tail.word());
        if !tail.word().is_cons() {
            self.pending.push(Word::NONE);
        }
        self.alpha(mark::CAR);
        head
    }

    /// Mixes a boxed term (or an integer that is big in OTP) in; returns what comes next, if that is not on the stack.
    fn boxed<'h>(&mut self, term: Term<'h>) -> Option<Term<'h>> {
        match term.value() {
            Value::Small(value) => self.big(value < 0, &[value.unsigned_abs()]),
            Value::Big(big) => self.big(big.is_negative(), big.limbs()),
            Value::Float(float) => {
                self.alpha(mark::FLOAT);
                self.beta(float.to_bits());
            }
            Value::Tuple(tuple) => {
                self.alpha(mark::TUPLE);
                self.beta(tuple.elements().len() as u64);
                return self.push_array(tuple.elements());
            }
            Value::Map(_) => return self.map(term),
            Value::Fun(fun) => return self.fun(fun),
            Value::ExternalFun(fun) => {
                let export = fun.export();
                self.alpha(mark::EXTERNAL_FUN);
                let function = u64::from(export.function.0) | u64::from(export.arity) << 32;
                self.beta(mix64(u64::from(export.module.0) << 32 | 1) ^ function);
            }
            Value::Reference(reference) => self.reference(reference),
            Value::ExternalReference(external) => self.external_reference(external),
            Value::ExternalPid(external) => self.external(mark::EXTERNAL_PID, external),
            Value::ExternalPort(external) => self.external(mark::EXTERNAL_PORT, external),
            Value::Bits(bits) => self.bits(bits),
            // Never boxed.
            Value::Atom(_) | Value::Pid(_) | Value::Port(_) | Value::Nil | Value::Cons(_) => {}
        }
        None
    }

    fn big(&mut self, negative: bool, limbs: &[u64]) {
        let kind = if negative { mark::NEGATIVE_BIG } else { mark::POSITIVE_BIG };
        self.alpha(kind | (limbs.len() as u64) << 32);
        for pair in limbs.chunks(2) {
            match *pair {
                [low, high] => {
                    self.alpha(low);
                    self.beta(high);
                }
                [last] => self.beta(last),
                _ => {}
            }
        }
    }

    fn map<'h>(&mut self, map: Term<'h>) -> Option<Term<'h>> {
        let children = map.boxed_terms();
        match map.boxed_kind() {
            Some(Kind::FlatMap) => {
                let (keys, values) = (map.flat_keys(), map.flat_values());
                self.alpha(mark::FLAT_MAP);
                self.beta(keys.len() as u64);
                let ((&last_key, keys), (&last_value, values)) = (keys.split_last()?, values.split_last()?);
                for (&key, &value) in keys.iter().zip(values) {
                    self.push(value);
                    self.push(key);
                }
                self.push(last_value);
                return Some(last_key);
            }
            Some(Kind::HashMap) => {
                let root = children[1].boxed_terms();
                let full = root.len() == 17;
                self.alpha(if full { mark::HASH_MAP_FULL } else { mark::HASH_MAP });
                self.beta(map.map_size() as u64);
                self.children(&root[1..]);
            }
            _ if children[0].as_small() == Some(crate::map::COLLISION) => {
                self.alpha(mark::TUPLE);
                self.beta(children.len() as u64 - 1);
                return self.push_array(&children[1..]);
            }
            _ => {
                self.alpha(mark::HASH_NODE);
                self.children(&children[1..]);
            }
        }
        None
    }

    fn children(&mut self, children: &[Term<'_>]) {
        for &child in children {
            match child.as_cons() {
                Some(leaf) => {
                    self.push(leaf.tail());
                    self.push(leaf.head());
                }
                None => self.pending.push(child.word()),
            }
        }
    }

    fn fun<'h>(&mut self, fun: Fun<'h>) -> Option<Term<'h>> {
        let (entry, environment) = (fun.entry(), fun.environment());
        self.alpha(mark::LOCAL_FUN | (environment.len() as u64) << 32);
        self.beta(u64::from(entry.index) | u64::from(entry.old_uniq) << 32);
        self.immediate(atom_word(entry.module));
        self.push_array(environment)
    }

    fn reference(&mut self, reference: Reference<'_>) {
        let ids = reference.ids();
        self.alpha(mark::LOCAL_REFERENCE | u64::from(ids[0]) << 32);
        self.beta(u64::from(ids[1]) | u64::from(ids[2]) << 32);
        if let Some(pid) = reference.alias_of() {
            self.alpha(immediate_of_other_type(Term::pid(pid)));
        }
    }

    fn external_reference(&mut self, external: External<'_>) {
        let ids = external.reference_ids();
        self.alpha(mark::EXTERNAL_REFERENCE | (ids.len() as u64) << 32);
        for pair in ids.chunks(2) {
            self.beta(u64::from(pair[0]) | u64::from(pair.get(1).copied().unwrap_or(0)) << 32);
        }
        self.alpha(node_word(external));
    }

    fn external(&mut self, kind: u64, external: External<'_>) {
        self.alpha(kind);
        self.beta(node_word(external));
        self.alpha(external.id());
    }

    fn bits(&mut self, bits: Bits<'_>) {
        let bit_size = bits.bit_size();
        self.alpha(mark::BITS);
        self.beta(bit_size as u64);
        let bytes = bits.to_bytes();
        let whole = &bytes[..bit_size / 8];
        let mut blocks = whole.chunks_exact(16);
        for block in &mut blocks {
            self.alpha(little_endian(&block[..8]));
            self.beta(little_endian(&block[8..]));
        }
        let rest = blocks.remainder();
        if rest.len() > 8 {
            self.beta ^= scramble_beta(little_endian(&rest[8..]));
        }
        if !rest.is_empty() {
            self.alpha ^= scramble_alpha(little_endian(&rest[..rest.len().min(8)]));
        }
        if bit_size % 8 != 0 {
            self.alpha(u64::from(bytes[bit_size / 8] >> (8 - bit_size % 8)));
        }
    }

    fn finish(self) -> u64 {
        let mut alpha = self.alpha ^ self.ticks;
        let mut beta = self.beta ^ self.ticks;
        alpha = alpha.wrapping_add(beta);
        beta = beta.wrapping_add(alpha);
        (alpha, beta) = (mix64(alpha), mix64(beta));
        alpha = alpha.wrapping_add(beta);
        beta = beta.wrapping_add(alpha);
        alpha ^ beta
    }
}

#[inline(always)]
fn scramble_alpha(word: u64) -> u64 {
    word.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

#[inline(always)]
fn scramble_beta(word: u64) -> u64 {
    word.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

fn node_word(external: External<'_>) -> u64 {
    u64::from(external.node().0) | u64::from(external.creation()) << 32
}
