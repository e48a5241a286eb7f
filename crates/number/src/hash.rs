#![doc = include_str!("../HASHES.md")]

use crate::arithmetic::to_limbs;
use num_bigint::BigInt;

/// The golden ratio; every kind of term mixes with its own multiple of it.
const GOLDEN: u32 = 0x9e37_79b9;

const fn golden(multiple: u32) -> u32 {
    GOLDEN.wrapping_mul(multiple)
}

/// The value that `phash2([])` starts from (and, from hash 0, is).
const EMPTY_LIST: u32 = 3_468_870_702;

/// Bob Jenkins' 96-bit mixing step.
pub fn mix(mut a: u32, mut b: u32, mut c: u32) -> (u32, u32, u32) {
    for (first, second, third) in [(13, 8, 13), (12, 16, 5), (3, 10, 15)] {
        a = a.wrapping_sub(b).wrapping_sub(c) ^ (c >> first);
        b = b.wrapping_sub(c).wrapping_sub(a) ^ (a << second);
        c = c.wrapping_sub(a).wrapping_sub(b) ^ (b >> third);
    }
    (a, b, c)
}

/// The name's own hash, which both portable hashes use for atoms: hashpjw over the characters' Latin-1
/// bytes; characters above 255 count as their UTF-8 bytes.
pub fn atom_hash(name: &str) -> u32 {
    let mut hash = 0u32;
    let mut step = |byte: u8| {
        hash = (hash << 4).wrapping_add(byte as u32);
        let high = hash & 0xf000_0000;
        hash ^= high >> 24;
        hash ^= high;
    };
    for character in name.chars() {
        match u8::try_from(character) {
            Ok(byte) => step(byte),
            Err(_) => character.encode_utf8(&mut [0; 4]).bytes().for_each(&mut step),
        }
    }
    hash
}

/// Jenkins' hash of a byte string that arrives in pieces.
///
/// Give every piece but the last in multiples of [`BlockHash::BLOCK`] bytes.
#[derive(Clone, Copy, Debug)]
pub struct BlockHash {
    a: u32,
    b: u32,
    c: u32,
}

impl BlockHash {
    /// Bytes taken at a time.
    pub const BLOCK: usize = 12;

    /// Starts from a previous hash.
    pub fn new(initial: u32) -> Self {
        BlockHash { a: GOLDEN, b: GOLDEN, c: initial }
    }

    /// Mixes in all whole blocks of `bytes` and returns the remainder, shorter than a block.
    pub fn blocks<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let (blocks, rest) = bytes.as_chunks::<{ Self::BLOCK }>();
        for block in blocks {
            let word = |at: usize| u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
            (self.a, self.b, self.c) =
                mix(self.a.wrapping_add(word(0)), self.b.wrapping_add(word(4)), self.c.wrapping_add(word(8)));
        }
        rest
    }

    /// Mixes in the last bytes (fewer than a block) and the length of the whole.
    pub fn finish(self, rest: &[u8], full_length: usize) -> u32 {
        let BlockHash { mut a, mut b, c } = self;
        // The lowest byte of c belongs to the length.
        let mut c = c.wrapping_add(full_length as u32);
        for (index, &byte) in rest.iter().take(Self::BLOCK - 1).enumerate() {
            let byte = byte as u32;
            match index {
                0..4 => a = a.wrapping_add(byte << (8 * index)),
                4..8 => b = b.wrapping_add(byte << (8 * (index - 4))),
                _ => c = c.wrapping_add(byte << (8 * (index - 7))),
            }
        }
        mix(a, b, c).2
    }
}

/// Jenkins' hash of `bytes`, starting from a previous hash.
pub fn block_hash(bytes: &[u8], initial: u32) -> u32 {
    let mut hash = BlockHash::new(initial);
    let rest = hash.blocks(bytes);
    hash.finish(rest, bytes.len())
}

/// The running value of `erlang:phash2/1,2` over a term: one method for each kind of term.
///
/// `Hash2::default()` is 0. The answer of `phash2/1` is [`Hash2::portable`]; `phash2/2` takes the whole
/// value modulo the range (range 2^32: the value itself).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hash2(pub u32);

impl Hash2 {
    /// Range of `phash2/1`: 27 bits.
    pub fn portable(self) -> u32 {
        self.0 & ((1 << 27) - 1)
    }

    fn words(&mut self, x: u32, y: u32, multiple: u32) {
        let constant = golden(multiple);
        self.0 = mix(constant.wrapping_add(x), constant.wrapping_add(y), self.0).2;
    }

    fn word(&mut self, x: u32, multiple: u32) {
        self.words(x, 0, multiple);
    }

    /// An integer that fits in 64 bits, however it is represented.
    pub fn integer(&mut self, value: i64) {
        if (-(1 << 27)..1 << 27).contains(&value) {
            if value < 0 {
                self.word(-value as u32, 1);
            }
            self.word(value as u32, 1);
        } else {
            self.limbs(&[value.unsigned_abs()], value < 0);
        }
    }

    /// An integer outside 28 bits, as the 64-bit words of its absolute value, least significant first.
    pub fn limbs(&mut self, limbs: &[u64], negative: bool) {
        for &limb in limbs {
            self.words(limb as u32, (limb >> 32) as u32, if negative { 10 } else { 11 });
        }
    }

    /// An integer that does not fit in 64 bits.
    pub fn big(&mut self, value: &BigInt) {
        let (limbs, negative) = to_limbs(value);
        self.limbs(&limbs, negative);
    }

    /// A float; both zeros hash alike.
    pub fn float(&mut self, value: f64) {
        let bits = if value == 0.0 { 0 } else { value.to_bits() };
        self.words((bits >> 32) as u32, bits as u32, 12);
    }

    /// An atom, by its [`atom_hash`].
    pub fn atom(&mut self, atom_hash: u32) {
        if self.0 == 0 { self.0 = atom_hash } else { self.word(atom_hash, 3) }
    }

    /// The empty list, also where it ends a proper list.
    pub fn nil(&mut self) {
        if self.0 == 0 { self.0 = EMPTY_LIST } else { self.word(2, 2) }
    }

    /// One to four consecutive bytes of a list, the first one highest.
    pub fn list_bytes(&mut self, packed: u32) {
        self.word(packed, 4);
    }

    /// A bitstring aligned to bytes; `tail` has the value of the last bits (right-aligned) and their number.
    pub fn bitstring(&mut self, bytes: &[u8], tail: Option<(u8, u32)>) {
        let initial = self.bitstring_start();
        if bytes.is_empty() && tail.is_none() {
            self.0 = initial;
            return;
        }
        // Bug for bug: only the low 32 bits of the size count.
        let bytes = &bytes[..bytes.len() & 0xffff_ffff];
        self.bitstring_end(block_hash(bytes, initial), tail);
    }

    /// What to start a [`BlockHash`] from when a bitstring is hashed in pieces.
    pub fn bitstring_start(&self) -> u32 {
        golden(13).wrapping_add(self.0)
    }

    /// Ends a bitstring hashed in pieces, whose whole bytes hashed to `bytes_hash`.
    pub fn bitstring_end(&mut self, bytes_hash: u32, tail: Option<(u8, u32)>) {
        self.0 = bytes_hash;
        if let Some((value, bits)) = tail {
            self.words(bits, value as u32, 15);
        }
    }

    /// A tuple's header; its elements follow from first to last.
    pub fn tuple(&mut self, arity: u32) {
        self.word(arity, 9);
    }

    /// A map's header.
    pub fn map(&mut self, size: u32) {
        self.word(size, 16);
    }

    /// A map's end: the exclusive or of the hashes of all its associations.
    pub fn map_end(&mut self, associations: u32) {
        self.word(associations, 19);
    }

    /// A local fun; its environment follows from first to last.
    pub fn local_fun(&mut self, free: u32, module_hash: u32, index: u32, old_uniq: u32) {
        self.words(free, module_hash, 1);
        self.words(index, old_uniq, 1);
    }

    /// `fun Module:Function/Arity`.
    pub fn export_fun(&mut self, module_hash: u32, function_hash: u32, arity: u32) {
        self.words(arity, module_hash, 1);
        self.word(function_hash, 14);
    }

    /// A process identifier, by its number (not its serial).
    pub fn pid(&mut self, number: u32) {
        self.word(number, 5);
    }

    /// A port, by its number.
    pub fn port(&mut self, number: u64) {
        self.words(number as u32, (number >> 32) as u32, 6);
    }

    /// A reference, by its first (least significant) 32-bit number.
    pub fn reference(&mut self, first_number: u32) {
        self.word(first_number, 7);
    }
}

/// Primes of the older hash, numbered from 1 as in the documentation above.
const PRIME: [u32; 15] = [
    0, 268440163, 268439161, 268435459, 268436141, 268438633, 268437017, 268438039, 268437511, 268439627, 268440479,
    268440577, 268440581, 268440593, 268440611,
];

/// The running value of `erlang:phash/2` over a term: one method for each kind of term.
///
/// `Hash1::default()` is 0; the answer is [`Hash1::in_range`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hash1(pub u32);

impl Hash1 {
    /// The answer of `phash(Term, Range)`: 1 to `range`, which is 1 to 2^32.
    pub fn in_range(self, range: u64) -> u64 {
        self.0 as u64 % range.clamp(1, 1 << 32) + 1
    }

    fn step(&mut self, prime: usize, value: u32) {
        self.0 = self.0.wrapping_mul(PRIME[prime]).wrapping_add(value);
    }

    fn word(&mut self, value: u32, prime: usize) {
        for byte in value.to_le_bytes() {
            self.step(prime, byte as u32);
        }
    }

    /// The empty list, also where it ends a proper list.
    pub fn nil(&mut self) {
        self.step(3, 1);
    }

    /// An atom, by its [`atom_hash`].
    pub fn atom(&mut self, atom_hash: u32) {
        self.step(1, atom_hash);
    }

    /// An integer that fits in 64 bits, however it is represented.
    pub fn integer(&mut self, value: i64) {
        self.limbs(&[value.unsigned_abs()], value < 0);
    }

    /// An integer that does not fit in 64 bits.
    pub fn big(&mut self, value: &BigInt) {
        let (limbs, negative) = to_limbs(value);
        self.limbs(&limbs, negative);
    }

    /// Any integer, as the 64-bit words of its absolute value, least significant first; zero is one word.
    pub fn limbs(&mut self, limbs: &[u64], negative: bool) {
        let last = limbs.len().saturating_sub(1);
        for (index, &limb) in limbs.iter().enumerate() {
            self.word(limb as u32, 2);
            if index < last || limb >> 32 != 0 {
                self.word((limb >> 32) as u32, 2);
            }
        }
        self.0 = self.0.wrapping_mul(PRIME[if negative { 4 } else { 3 }]);
    }

    /// A float; both zeros hash alike.
    pub fn float(&mut self, value: f64) {
        let bits = if value == 0.0 { 0 } else { value.to_bits() };
        self.step(6, bits as u32 ^ (bits >> 32) as u32);
    }

    /// A bitstring aligned to bytes; `tail` has the value of the last bits (right-aligned) and their number.
    pub fn bitstring(&mut self, bytes: &[u8], tail: Option<(u8, u32)>) {
        for &byte in bytes {
            self.step(1, byte as u32);
        }
        self.bitstring_end(bytes.len(), tail);
    }

    /// Ends a bitstring whose `length` whole bytes were given by [`Hash1::bitstring_byte`].
    pub fn bitstring_end(&mut self, length: usize, tail: Option<(u8, u32)>) {
        if let Some((value, bits)) = tail {
            self.step(1, value as u32);
            self.step(12, bits);
        }
        self.step(4, length as u32);
    }

    /// One byte of a bitstring that is hashed in pieces.
    pub fn bitstring_byte(&mut self, byte: u8) {
        self.step(1, byte as u32);
    }

    /// An element of a list that is an integer from 0 to 255.
    pub fn list_byte(&mut self, byte: u8) {
        self.step(2, byte as u32);
    }

    /// After the tail of a list (`[]` of a proper one) was hashed.
    pub fn list_end(&mut self) {
        self.0 = self.0.wrapping_mul(PRIME[8]);
    }

    /// After the elements of a tuple were hashed, from first to last.
    pub fn tuple_end(&mut self, arity: u32) {
        self.step(9, arity);
    }

    /// A map, by its whole [`Hash2`] (of the map alone, starting from 0).
    pub fn map(&mut self, hash2: u32) {
        self.step(13, PRIME[14].wrapping_add(hash2));
    }

    /// A local fun; its environment follows from first to last.
    pub fn local_fun(&mut self, free: u32, module_hash: u32, index: u32, old_uniq: u32) {
        self.step(10, free);
        self.step(1, module_hash);
        self.step(2, index);
        self.step(2, old_uniq);
    }

    /// `fun Module:Function/Arity`.
    pub fn export_fun(&mut self, module_hash: u32, function_hash: u32, arity: u32) {
        self.step(11, arity);
        self.step(1, module_hash);
        self.step(1, function_hash);
    }

    /// A process identifier, by its number (not its serial).
    pub fn pid(&mut self, number: u32) {
        self.word(number, 5);
        self.0 = self.0.wrapping_mul(PRIME[6]);
    }

    /// A port, by its number.
    pub fn port(&mut self, number: u64) {
        if number >> 32 != 0 {
            self.word((number >> 32) as u32, 11);
        }
        self.word(number as u32, 9);
        self.0 = self.0.wrapping_mul(PRIME[10]);
    }

    /// A reference, by its first (least significant) 32-bit number.
    pub fn reference(&mut self, first_number: u32) {
        self.word(first_number, 9);
        self.0 = self.0.wrapping_mul(PRIME[10]);
    }
}

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

/// The hash of an immediate term, given as the word that the real system would have (see above): the order
/// of keys in large maps.
pub fn immediate_hash(word: u64) -> u64 {
    finalize(word)
}

fn finalize(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// The real system's word for the small integer `value`, which must fit in 60 bits.
pub fn small_word(value: i64) -> u64 {
    ((value as u64) << 4) | 0xf
}

/// The real system's word for an atom with this index in the atom table.
pub fn atom_word(index: u32) -> u64 {
    ((index as u64) << 6) | 0xb
}

/// The real system's word for `[]`.
pub const NIL_WORD: u64 = 0x3b;

/// The internal hash of a term that is not immediate (MurmurHash3, fed piece by piece); see above for the
/// order of the pieces.
#[derive(Clone, Copy, Debug)]
pub struct InternalHash {
    alpha: u64,
    beta: u64,
    ticks: u64,
}

impl InternalHash {
    /// Starts with a salt: 0 for the keys of maps.
    pub fn new(salt: u64) -> Self {
        InternalHash { alpha: salt, beta: salt, ticks: 0 }
    }

    fn scramble_alpha(value: u64) -> u64 {
        value.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
    }

    fn scramble_beta(value: u64) -> u64 {
        value.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
    }

    /// Mixes into the first half ("alpha").
    pub fn alpha(&mut self, value: u64) {
        self.alpha = (self.alpha ^ Self::scramble_alpha(value))
            .rotate_left(27)
            .wrapping_add(self.beta)
            .wrapping_mul(5)
            .wrapping_add(0x52dc_e729);
        self.ticks += 1;
    }

    /// Mixes into the second half ("beta").
    pub fn beta(&mut self, value: u64) {
        self.beta = (self.beta ^ Self::scramble_beta(value))
            .rotate_left(31)
            .wrapping_add(self.alpha)
            .wrapping_mul(5)
            .wrapping_add(0x3849_5ab5);
        self.ticks += 1;
    }

    /// An immediate element, by the real system's word for it.
    pub fn immediate(&mut self, word: u64) {
        self.alpha(kind::IMMEDIATE);
        self.beta(word);
    }

    /// A whole bitstring, aligned to bytes; `tail` has the last bits (right-aligned) and their number.
    pub fn bitstring(&mut self, bytes: &[u8], tail: Option<(u8, u32)>) {
        let bits = bytes.len() as u64 * 8 + tail.map_or(0, |(_, bits)| bits as u64);
        self.alpha(kind::BITSTRING);
        self.beta(bits);
        let (blocks, rest) = bytes.as_chunks::<16>();
        for block in blocks {
            let (low, high) = block.split_at(8);
            self.alpha(word_of(low));
            self.beta(word_of(high));
        }
        // The odd bytes are mixed in lightly and are not counted.
        let (low, high) = rest.split_at(rest.len().min(8));
        if !high.is_empty() {
            self.beta ^= Self::scramble_beta(word_of(high));
        }
        if !low.is_empty() {
            self.alpha ^= Self::scramble_alpha(word_of(low));
        }
        if let Some((value, _)) = tail {
            self.alpha(value as u64);
        }
    }

    /// A float; unlike the portable hashes, the two zeros differ.
    pub fn float(&mut self, value: f64) {
        self.alpha(kind::FLOAT);
        self.beta(value.to_bits());
    }

    /// An integer too large for the real system's small (60 bits), by the words of its absolute value.
    pub fn big(&mut self, limbs: &[u64], negative: bool) {
        let kind = if negative { kind::NEGATIVE_BIG } else { kind::POSITIVE_BIG };
        self.alpha(kind | (limbs.len() as u64) << 32);
        let (pairs, rest) = limbs.as_chunks::<2>();
        for &[first, second] in pairs {
            self.alpha(first);
            self.beta(second);
        }
        if let [last] = rest {
            self.beta(*last);
        }
    }

    /// One to four consecutive bytes of a list, the first one highest, and how many they are.
    pub fn list_bytes(&mut self, packed: u32, count: u32) {
        self.alpha(kind::STRING | (count as u64) << 8 | (packed as u64) << 32);
    }

    /// The finished hash.
    pub fn finish(self) -> u64 {
        let mut alpha = self.alpha ^ self.ticks;
        let mut beta = self.beta ^ self.ticks;
        alpha = alpha.wrapping_add(beta);
        beta = beta.wrapping_add(alpha);
        alpha = finalize(alpha);
        beta = finalize(beta);
        alpha = alpha.wrapping_add(beta);
        beta = beta.wrapping_add(alpha);
        alpha ^ beta
    }
}

/// Up to eight bytes as a little-endian word.
fn word_of(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, &byte| (word << 8) | byte as u64)
}

/// Marks that the internal hash mixes in to tell kinds of terms apart.
pub mod kind {
    /// An immediate term.
    pub const IMMEDIATE: u64 = 1;
    /// A non-immediate element, postponed.
    pub const ARRAY_ELEMENT: u64 = 2;
    /// A list cell whose head is not a byte.
    pub const CAR: u64 = 3;
    /// A tail that is not a cell.
    pub const CDR: u64 = 4;
    /// Bytes of a list.
    pub const STRING: u64 = 5;
    /// A tuple.
    pub const TUPLE: u64 = 6;
    /// A map of at most 32 associations.
    pub const FLATMAP: u64 = 7;
    /// The root of a large map with all 16 slots filled.
    pub const HASHMAP_HEAD_ARRAY: u64 = 8;
    /// The root of a large map with some of its slots filled.
    pub const HASHMAP_HEAD_BITMAP: u64 = 9;
    /// An inner node of a large map.
    pub const HASHMAP_NODE: u64 = 10;
    /// A bitstring.
    pub const BITSTRING: u64 = 11;
    /// A local fun.
    pub const LOCAL_FUN: u64 = 12;
    /// An external fun.
    pub const EXTERNAL_FUN: u64 = 13;
    /// A negative big integer.
    pub const NEGATIVE_BIG: u64 = 14;
    /// A positive big integer.
    pub const POSITIVE_BIG: u64 = 15;
    /// A reference of this node.
    pub const LOCAL_REFERENCE: u64 = 16;
    /// A reference of another node.
    pub const EXTERNAL_REFERENCE: u64 = 17;
    /// A pid of another node.
    pub const EXTERNAL_PID: u64 = 18;
    /// A port of another node.
    pub const EXTERNAL_PORT: u64 = 19;
    /// A float.
    pub const FLOAT: u64 = 20;
}

#[cfg(test)]
#[path = "hash_tests.rs"]
mod tests;
