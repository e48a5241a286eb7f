//! Hashes of terms: OTP 27's internal hash (order of large maps), `phash2/1,2` and `phash/2`.
//!
//! The portable hashes are a contract: their values are stored on disks and sent between nodes. The internal hash is
//! OTP's too, so that maps are walked in the same order; only atoms, local pids and ports, external identifiers and
//! external funs hash by numbers that differ from machine to machine, in OTP as well.

use crate::term::{Fun, Reference};
use crate::{Atom, AtomTable, Bits, External, Kind, Port, Term, Value, Word};

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
        Value::Pid(pid) => pid_word(pid),
        Value::Port(Port(number)) => number << 4 | 0x7,
        _ => 0x3b,
    }
}

/// A local pid as OTP's word: it is also part of the numbers of an alias.
pub(crate) fn pid_word(pid: crate::Pid) -> u64 {
    (u64::from(pid.number) | u64::from(pid.serial) << 28) << 4 | 0x3
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
        // Leading zeros do not count for equality.
        let mut ids = external.reference_ids();
        ids.truncate(ids.iter().rposition(|&id| id != 0).map_or(0, |last| last + 1));
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

// --- phash2 ----------------------------------------------------------------------------------------------------------

/// Hash of an atom's name (Weinberger's), over bytes that are Latin-1 where they can be.
fn atom_hash(name: &str) -> u32 {
    let mut hash = 0u32;
    let mut bytes = name.bytes().peekable();
    while let Some(mut byte) = bytes.next() {
        if byte & 0xfe == 0xc2 {
            if let Some(next) = bytes.next_if(|next| next & 0xc0 == 0x80) {
                byte = byte << 6 | next & 0x3f;
            }
        }
        hash = (hash << 4).wrapping_add(byte.into());
        let high = hash & 0xf000_0000;
        hash = (hash ^ high >> 24) & !high;
    }
    hash
}

/// Jenkins' mixing of three words; the third is the result.
fn jenkins(mut a: u32, mut b: u32, mut c: u32) -> (u32, u32, u32) {
    const SHIFTS: [(u32, u32, u32); 3] = [(13, 8, 13), (12, 16, 5), (3, 10, 15)];
    for (first, second, third) in SHIFTS {
        a = a.wrapping_sub(b).wrapping_sub(c) ^ c >> first;
        b = b.wrapping_sub(c).wrapping_sub(a) ^ a << second;
        c = c.wrapping_sub(a).wrapping_sub(b) ^ b >> third;
    }
    (a, b, c)
}

const GOLDEN: u32 = 0x9e37_79b9;

/// What still has to be mixed in, the next on top.
enum Pending<'h> {
    Term(Term<'h>),
    /// The key and value hashed since the last one are a pair: pairs are mixed whatever their order.
    Pair,
    /// The map whose pairs were hashed is complete; the state before it.
    MapEnd {
        hash: u32,
        pairs: u32,
    },
}

struct PortableHash<'h, 'a> {
    hash: u32,
    pairs: u32,
    pending: Vec<Pending<'h>>,
    atoms: &'a AtomTable,
    budget: &'a mut usize,
}

/// Bytes of a binary, or of the front of a list, that are hashed for one unit of a budget.
const BYTES_PER_UNIT: usize = 32;

/// Counts a budget down; `None` when there is less left.
fn spend(budget: &mut usize, units: usize) -> Option<()> {
    *budget = budget.checked_sub(units)?;
    Some(())
}

/// `erlang:phash2/1` in full: all 32 bits. `phash2/1` has the low 27 bits; [`in_range`] makes the result of `phash2/2`.
///
/// Counts `budget` down, by one for each term or a few bytes; `None` when that does not suffice.
pub fn phash2(term: Term<'_>, atoms: &AtomTable, budget: &mut usize) -> Option<u32> {
    PortableHash { hash: 0, pairs: 0, pending: vec![Pending::Term(term)], atoms, budget }.run()
}

/// `erlang:phash2/2` of what [`phash2`] made; `range` lies within `1..=2^32`.
pub fn in_range(hash: u32, range: u64) -> u32 {
    (u64::from(hash) % range.max(1)) as u32
}

impl<'h> PortableHash<'h, '_> {
    fn mix(&mut self, first: u32, second: u32, constant: u32) {
        let constant = GOLDEN.wrapping_mul(constant);
        self.hash = jenkins(constant.wrapping_add(first), constant.wrapping_add(second), self.hash).2;
    }
    fn push_reversed(&mut self, terms: &[Term<'h>]) {
        self.pending.extend(terms.iter().rev().map(|&term| Pending::Term(term)));
    }
    fn run(mut self) -> Option<u32> {
        while let Some(next) = self.pending.pop() {
            spend(self.budget, 1)?;
            match next {
                Pending::Term(term) => self.term(term)?,
                Pending::Pair => {
                    self.pairs ^= self.hash;
                    self.hash = 0;
                }
                Pending::MapEnd { hash, pairs } => {
                    self.hash = hash;
                    self.mix(self.pairs, 0, 19);
                    self.pairs = pairs;
                }
            }
        }
        Some(self.hash)
    }
    fn term(&mut self, term: Term<'h>) -> Option<()> {
        match term.value() {
            Value::Small(value) => self.small(value),
            Value::Big(big) => {
                let constant = if big.is_negative() { 10 } else { 11 };
                big.limbs().iter().for_each(|&limb| self.mix(limb as u32, (limb >> 32) as u32, constant));
            }
            Value::Float(float) => {
                let bits = if float == 0.0 { 0 } else { float.to_bits() };
                self.mix((bits >> 32) as u32, bits as u32, 12);
            }
            Value::Atom(atom) => match atom_hash(self.atoms.text(atom)) {
                hash if self.hash == 0 => self.hash = hash,
                hash => self.mix(hash, 0, 3),
            },
            Value::Reference(reference) => self.mix(reference.ids()[0], 0, 7),
            Value::ExternalReference(external) => {
                self.mix(external.reference_ids().first().copied().unwrap_or(0), 0, 7);
            }
            Value::Fun(fun) => {
                let (entry, environment) = (fun.entry(), fun.environment());
                self.mix(environment.len() as u32, atom_hash(self.atoms.text(entry.module)), 1);
                self.mix(entry.index, entry.old_uniq, 1);
                self.push_reversed(environment);
            }
            Value::ExternalFun(fun) => {
                let export = fun.export();
                self.mix(export.arity.into(), atom_hash(self.atoms.text(export.module)), 1);
                self.mix(atom_hash(self.atoms.text(export.function)), 0, 14);
            }
            Value::Port(Port(number)) => self.mix(number as u32, (number >> 32) as u32, 6),
            Value::ExternalPort(port) => self.mix(port.id() as u32, (port.id() >> 32) as u32, 6),
            Value::Pid(pid) => self.mix(pid.number, 0, 5),
            Value::ExternalPid(pid) => self.mix(pid.id() as u32, 0, 5),
            Value::Tuple(tuple) => {
                self.mix(tuple.elements().len() as u32, 0, 9);
                self.push_reversed(tuple.elements());
            }
            Value::Map(map) => self.map(map),
            Value::Nil if self.hash == 0 => self.hash = 3_468_870_702,
            // The number is that of the empty list's tag in OTP.
            Value::Nil => self.mix(2, 0, 2),
            Value::Cons(_) => self.list(term)?,
            Value::Bits(bits) => {
                spend(self.budget, bits.byte_size() / BYTES_PER_UNIT)?;
                self.bits(bits);
            }
        }
        Some(())
    }
    fn small(&mut self, value: i64) {
        if (-(1 << 27)..1 << 27).contains(&value) {
            if value < 0 {
                self.mix(value.unsigned_abs() as u32, 0, 1);
            }
            self.mix(value as u32, 0, 1);
        } else {
            let magnitude = value.unsigned_abs();
            self.mix(magnitude as u32, (magnitude >> 32) as u32, if value < 0 { 10 } else { 11 });
        }
    }
    fn map(&mut self, map: Term<'h>) {
        let size = map.map_size();
        self.mix(size as u32, 0, 16);
        if size == 0 {
            return;
        }
        self.pending.push(Pending::MapEnd { hash: self.hash, pairs: self.pairs });
        (self.hash, self.pairs) = (0, 0);
        for (key, value) in map.map_iter() {
            self.pending.extend([Pending::Pair, Pending::Term(value), Pending::Term(key)]);
        }
    }
    /// Bytes at the front of a list go four at a time.
    fn list(&mut self, mut term: Term<'h>) -> Option<()> {
        let (mut value, mut bytes, mut count) = (0u32, 0, 0usize);
        while let Some(cell) = term.as_cons() {
            let Some(byte @ 0..=255) = cell.head().as_small() else { break };
            (value, bytes) = (value << 8 | byte as u32, bytes + 1);
            count += 1;
            if count.is_multiple_of(BYTES_PER_UNIT) {
                spend(self.budget, 1)?;
            }
            if bytes == 4 {
                self.mix(value, 0, 4);
                (value, bytes) = (0, 0);
            }
            term = cell.tail();
        }
        if bytes > 0 {
            self.mix(value, 0, 4);
        }
        match term.as_cons() {
            Some(cell) => self.pending.extend([Pending::Term(cell.tail()), Pending::Term(cell.head())]),
            None => self.pending.push(Pending::Term(term)),
        }
        Some(())
    }
    fn bits(&mut self, bits: Bits<'_>) {
        let bytes = bits.to_bytes();
        let (whole, rest) = (bits.bit_size() / 8, bits.bit_size() % 8);
        let start = self.hash.wrapping_add(GOLDEN.wrapping_mul(13));
        if bits.bit_size() == 0 {
            self.hash = start;
            return;
        }
        // OTP keeps the length of a binary in 32 bits here.
        self.hash = block_hash(&bytes[..whole & 0xffff_ffff], start);
        if rest != 0 {
            self.mix(rest as u32, u32::from(bytes[whole] >> (8 - rest)), 15);
        }
    }
}

/// Jenkins' hash of bytes, twelve at a time.
fn block_hash(bytes: &[u8], start: u32) -> u32 {
    let (mut a, mut b, mut c) = (GOLDEN, GOLDEN, start);
    let mut blocks = bytes.chunks_exact(12);
    for block in &mut blocks {
        let word = |at: usize| little_endian(&block[at..at + 4]) as u32;
        (a, b, c) = jenkins(a.wrapping_add(word(0)), b.wrapping_add(word(4)), c.wrapping_add(word(8)));
    }
    let mut last = [0u8; 12];
    let rest = blocks.remainder();
    // The lowest byte of the third word is kept for the length.
    for (index, &byte) in rest.iter().enumerate() {
        last[if index < 8 { index } else { index + 1 }] = byte;
    }
    let word = |at: usize| little_endian(&last[at..at + 4]) as u32;
    c = c.wrapping_add(bytes.len() as u32).wrapping_add(word(8));
    jenkins(a.wrapping_add(word(0)), b.wrapping_add(word(4)), c).2
}

// --- phash -----------------------------------------------------------------------------------------------------------

/// `erlang:phash/2`: `1..=range`; `range` lies within `1..=2^32`. Counts `budget` down as [`phash2`] does.
pub fn phash(term: Term<'_>, range: u64, atoms: &AtomTable, budget: &mut usize) -> Option<u64> {
    let hash = OldHash { hash: 0, pending: vec![OldPending::Term(term)], atoms, budget }.run()?;
    Some(1 + u64::from(hash) % range.max(1))
}

/// Primes above 2^28, as OTP's documentation of the algorithm lists them.
const PRIMES: [u32; 15] = [
    0,
    268_440_163,
    268_439_161,
    268_435_459,
    268_436_141,
    268_438_633,
    268_437_017,
    268_438_039,
    268_437_511,
    268_439_627,
    268_440_479,
    268_440_577,
    268_440_581,
    268_440_593,
    268_440_611,
];

enum OldPending<'h> {
    Term(Term<'h>),
    Tail(Term<'h>),
    ListEnd,
    TupleEnd(u32),
}

struct OldHash<'h, 'a> {
    hash: u32,
    pending: Vec<OldPending<'h>>,
    atoms: &'a AtomTable,
    budget: &'a mut usize,
}

impl<'h> OldHash<'h, '_> {
    fn run(mut self) -> Option<u32> {
        while let Some(next) = self.pending.pop() {
            spend(self.budget, 1)?;
            match next {
                OldPending::Term(term) => self.term(term)?,
                OldPending::Tail(term) if term.word().is_cons() => self.list(term)?,
                OldPending::Tail(term) => self.pending.extend([OldPending::ListEnd, OldPending::Term(term)]),
                OldPending::ListEnd => self.multiply(8),
                OldPending::TupleEnd(arity) => self.step(arity, 9),
            }
        }
        Some(self.hash)
    }
    fn multiply(&mut self, prime: usize) {
        self.hash = self.hash.wrapping_mul(PRIMES[prime]);
    }
    fn step(&mut self, value: u32, prime: usize) {
        self.multiply(prime);
        self.hash = self.hash.wrapping_add(value);
    }
    fn bytes(&mut self, value: u32, prime: usize) {
        value.to_le_bytes().into_iter().for_each(|byte| self.step(byte.into(), prime));
    }
    fn integer(&mut self, negative: bool, limbs: &[u64]) {
        for (index, &limb) in limbs.iter().enumerate() {
            self.bytes(limb as u32, 2);
            if limb >> 32 != 0 || index + 1 < limbs.len() {
                self.bytes((limb >> 32) as u32, 2);
            }
        }
        self.multiply(if negative { 4 } else { 3 });
    }
    fn atom(&mut self, atom: Atom) {
        self.step(atom_hash(self.atoms.text(atom)), 1);
    }
    fn push_reversed(&mut self, terms: &[Term<'h>]) {
        self.pending.extend(terms.iter().rev().map(|&term| OldPending::Term(term)));
    }
    fn term(&mut self, term: Term<'h>) -> Option<()> {
        match term.value() {
            Value::Small(value) => self.integer(value < 0, &[value.unsigned_abs()]),
            Value::Big(big) => self.integer(big.is_negative(), big.limbs()),
            Value::Float(float) => {
                let bits = if float == 0.0 { 0 } else { float.to_bits() };
                self.step(bits as u32 ^ (bits >> 32) as u32, 6);
            }
            Value::Atom(atom) => self.atom(atom),
            Value::Reference(reference) => self.identifier(reference.ids()[0], 9, 10),
            Value::ExternalReference(external) => {
                self.identifier(external.reference_ids().first().copied().unwrap_or(0), 9, 10);
            }
            Value::Fun(fun) => {
                let (entry, environment) = (fun.entry(), fun.environment());
                self.step(environment.len() as u32, 10);
                self.atom(entry.module);
                self.step(entry.index, 2);
                self.step(entry.old_uniq, 2);
                self.push_reversed(environment);
            }
            Value::ExternalFun(fun) => {
                let export = fun.export();
                self.step(export.arity.into(), 11);
                self.atom(export.module);
                self.atom(export.function);
            }
            Value::Port(Port(number)) => self.port(number),
            Value::ExternalPort(port) => self.port(port.id()),
            Value::Pid(pid) => self.identifier(pid.number, 5, 6),
            Value::ExternalPid(pid) => self.identifier(pid.id() as u32, 5, 6),
            Value::Tuple(tuple) => {
                self.pending.push(OldPending::TupleEnd(tuple.elements().len() as u32));
                self.push_reversed(tuple.elements());
            }
            Value::Map(map) => {
                self.step(PRIMES[14], 13);
                self.hash = self.hash.wrapping_add(phash2(map, self.atoms, self.budget)?);
            }
            Value::Nil => self.step(1, 3),
            Value::Cons(_) => self.list(term)?,
            Value::Bits(bits) => {
                spend(self.budget, bits.byte_size() / BYTES_PER_UNIT)?;
                self.bits(bits);
            }
        }
        Some(())
    }
    fn identifier(&mut self, number: u32, prime: usize, last: usize) {
        self.bytes(number, prime);
        self.multiply(last);
    }
    fn port(&mut self, number: u64) {
        if number >> 32 != 0 {
            self.bytes((number >> 32) as u32, 11);
        }
        self.identifier(number as u32, 9, 10);
    }
    fn list(&mut self, mut list: Term<'h>) -> Option<()> {
        let mut count = 0usize;
        while let Some(cell) = list.as_cons() {
            let Some(byte @ 0..=255) = cell.head().as_small() else {
                self.pending.extend([OldPending::Tail(cell.tail()), OldPending::Term(cell.head())]);
                return Some(());
            };
            self.step(byte as u32, 2);
            count += 1;
            if count.is_multiple_of(BYTES_PER_UNIT) {
                spend(self.budget, 1)?;
            }
            list = cell.tail();
        }
        self.pending.extend([OldPending::ListEnd, OldPending::Term(list)]);
        Some(())
    }
    fn bits(&mut self, bits: Bits<'_>) {
        let bytes = bits.to_bytes();
        let (whole, rest) = (bits.bit_size() / 8, bits.bit_size() % 8);
        bytes[..whole].iter().for_each(|&byte| self.step(byte.into(), 1));
        if rest != 0 {
            self.step(u32::from(bytes[whole] >> (8 - rest)), 1);
            self.step(rest as u32, 12);
        }
        self.step(whole as u32, 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::parse;
    use crate::{Heap, HeapOptions};

    /// Terms, their `phash2(T, 1 bsl 32)` and `phash(T, 1 bsl 32)`.
    const HASHES: &str = include_str!("../tests/data/hashes.tsv");

    #[test]
    fn portable_hashes_are_those_of_the_real_system() {
        let atoms = AtomTable::new(crate::ATOM_LIMIT_DEFAULT);
        for line in HASHES.lines().step_by(if cfg!(miri) { 30 } else { 1 }) {
            let heap = Heap::new(HeapOptions::default());
            let mut fields = line.split('\t');
            let mut field = || fields.next().unwrap();
            let (text, second, first) = (field(), field(), field());
            let term = parse(text, &heap, &atoms);
            let budget = &mut { usize::MAX };
            assert_eq!(
                phash2(term, &atoms, budget).map(|hash| hash.to_string()).as_deref(),
                Some(second),
                "phash2 of {text}"
            );
            let hash = phash(term, 1 << 32, &atoms, budget);
            assert_eq!(hash.map(|hash| hash.to_string()).as_deref(), Some(first), "phash of {text}");
        }
    }

    /// `erts_debug:get_internal_state({internal_hash, Term})` of the real system.
    #[test]
    fn internal_hashes_are_those_of_the_real_system() {
        let atoms = AtomTable::new(crate::ATOM_LIMIT_DEFAULT);
        let heap = Heap::new(HeapOptions::default());
        for (text, hash) in [
            ("1", 7938660269479274665),
            ("-1", 7256831767414464289),
            ("0", 15677855740172624429),
            ("123456789012", 4336241639136313627),
            ("[]", 16046243290777390298),
            ("18446744073709551616", 773736285751472253),
            ("-18446744073709551616", 3172865441596689284),
            ("1361129467683753853853498429727072845824", 15672931946983700453),
            ("1.5", 15485676177230109356),
            ("-0.0", 7012789198383875584),
            ("0.0", 8159373324831745810),
            ("<<>>", 13239095599208416018),
            ("<<97>>", 919659365495508815),
            ("<<104,101,108,108,111,32,119,111,114,108,100,32,49,50,51,52,53>>", 1177101435698637145),
            ("<<49,50,51,52,53,54,55,56>>", 10115115637456423250),
            ("<<49,50,51,52,53,54,55,56,57>>", 10429413774857539410),
            ("<<5:3>>", 18342605952617629842),
            ("<<1,2,5:3>>", 7915766221046392814),
            ("{}", 4510301282025278020),
            ("{1}", 831854150511400899),
            ("{<<97>>,1,{},2}", 16669233395374348764),
            ("[97,98,99,100,101,102,103]", 3580344014601737677),
            ("[1,1000|2]", 5538162600378165684),
            ("[{1}|2]", 3456229367265482790),
            ("#{1 => 2,3 => {4}}", 832533113804731839),
        ] {
            assert_eq!(internal_hash(parse(text, &heap, &atoms)), hash, "{text}");
        }
    }

    #[test]
    fn documented_values() {
        let atoms = AtomTable::new(crate::ATOM_LIMIT_DEFAULT);
        let heap = Heap::new(HeapOptions::default());
        for (text, hash) in [("hello", 7_258_927), ("<<97,98,99>>", 98_228_475), ("{a,1,2.0}", 37_790_355)] {
            let of_term = phash2(parse(text, &heap, &atoms), &atoms, &mut { usize::MAX });
            assert_eq!(of_term.map(|hash| hash & 0x7ff_ffff), Some(hash), "{text}");
        }
    }
}
