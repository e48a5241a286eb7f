//! Big integers on the heap: sign in the header, magnitude in 64-bit limbs.

use crate::{Heap, Integer, Kind, Term, Word};
use oxbeam_number::{self as number, BigInt, Build, Limbs, MAX_LIMBS, SystemLimit};

/// Bits in the largest integer the machine makes; beyond that is `system_limit`, as in OTP 27.
pub const BIG_BITS_MAX: u64 = 4_194_304;

/// A big integer on a heap: always outside the small range.
#[derive(Clone, Copy)]
pub struct Big<'h> {
    pub(crate) term: Term<'h>,
}

impl<'h> Big<'h> {
    /// The limbs of the magnitude, least significant first.
    pub fn limbs(self) -> &'h [u64] {
        self.term.boxed_words()
    }
    /// Is it below zero?
    pub fn is_negative(self) -> bool {
        self.term.header().is(Kind::BigNegative)
    }
    /// As an operand.
    pub fn to_limbs(self) -> Limbs<'h> {
        Limbs { magnitude: self.limbs(), negative: self.is_negative() }
    }
    /// As a number of the library.
    pub fn to_bigint(self) -> BigInt {
        number::from_limbs(self.to_limbs())
    }
}

impl<'h> Integer<'h> {
    /// As an operand; `place` keeps the limb of a small integer.
    pub fn to_limbs<'a>(self, place: &'a mut u64) -> Limbs<'a>
    where
        'h: 'a,
    {
        match self {
            Integer::Small(value) => Limbs::of_small(value, place),
            Integer::Big(big) => big.to_limbs(),
        }
    }
}

/// Results of up to this many limbs are made beside the heap first.
const FEW_LIMBS: usize = 4;

/// Results of arithmetic: small where they fit.
impl<'h> Build for &'h Heap {
    type Built = Term<'h>;
    fn build(self, limbs_max: usize, write: impl FnOnce(&mut [u64]) -> bool) -> Result<Term<'h>, SystemLimit> {
        self.integer_of(limbs_max, MAX_LIMBS, write).ok_or(SystemLimit)
    }
}

fn kind(negative: bool) -> Kind {
    if negative { Kind::BigNegative } else { Kind::BigPositive }
}

/// The small integer with these limbs, which have no leading zeros, if there is one.
fn small_of(negative: bool, limbs: &[u64]) -> Option<Word> {
    match *limbs {
        [] => Some(Word::small(0)),
        [limb] => {
            let value = i64::try_from(limb).ok()?;
            Word::try_small(if negative { -value } else { value })
        }
        _ => None,
    }
}

impl Heap {
    /// An integer term: small if it fits.
    pub fn integer(&self, value: i64) -> Term<'_> {
        match Word::try_small(value) {
            Some(word) => Term::from_word(word),
            None => self.big_from_limbs(value < 0, &[value.unsigned_abs()]),
        }
    }
    /// An unsigned integer term.
    pub fn unsigned(&self, value: u64) -> Term<'_> {
        match i64::try_from(value) {
            Ok(value) => self.integer(value),
            Err(_) => self.big_from_limbs(false, &[value]),
        }
    }
    /// An integer term of two words at most.
    pub fn double_integer(&self, value: i128) -> Term<'_> {
        let limbs = [value.unsigned_abs() as u64, (value.unsigned_abs() >> 64) as u64];
        self.integer_from_limbs(value < 0, &limbs[..number::significant(&limbs)])
    }
    /// An integer term of any size.
    pub fn bigint(&self, value: &BigInt) -> Term<'_> {
        self.integer_from_limbs(value.sign() == number::Sign::Minus, &value.magnitude().to_u64_digits())
    }
    /// An integer term from the bytes of its absolute value, the least significant first. It may have any size.
    pub fn integer_from_bytes(&self, bytes: &[u8], negative: bool) -> Term<'_> {
        let written = self.integer_of(bytes.len().div_ceil(8), usize::MAX, |limbs| {
            for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks(8)) {
                *limb = match chunk.try_into() {
                    Ok(chunk) => u64::from_le_bytes(chunk),
                    Err(_) => chunk.iter().rev().fold(0, |limb, &byte| limb << 8 | u64::from(byte)),
                };
            }
            negative
        });
        written.unwrap_or(Term::small(0))
    }
    /// An integer term of at most `room` limbs, which `write` fills (they are zero before), saying whether it is below zero.
    /// `None` if more than `limit` limbs are left without leading zeros.
    fn integer_of(&self, room: usize, limit: usize, write: impl FnOnce(&mut [u64]) -> bool) -> Option<Term<'_>> {
        if room <= FEW_LIMBS {
            // Most of these turn out to be small: no room is taken before that is known.
            let mut limbs = [0; FEW_LIMBS];
            let negative = write(&mut limbs[..room]);
            return Some(self.integer_from_limbs(negative, &limbs[..number::significant(&limbs)]));
        }
        let mut small = None;
        let big = self.boxed_up_to(room, |limbs| {
            let negative = write(limbs);
            let kept = number::significant(limbs);
            small = small_of(negative, &limbs[..kept]);
            (small.is_none() && kept <= limit).then_some((kind(negative), kept))
        });
        small.map(Term::from_word).or(big)
    }
    /// An integer term from limbs without leading zeros.
    fn integer_from_limbs(&self, negative: bool, limbs: &[u64]) -> Term<'_> {
        small_of(negative, limbs).map_or_else(|| self.big_from_limbs(negative, limbs), Term::from_word)
    }
    /// A big integer from its limbs, which must be outside the small range and have no leading zero limb.
    fn big_from_limbs(&self, negative: bool, limbs: &[u64]) -> Term<'_> {
        self.boxed(kind(negative), limbs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HeapOptions;

    /// Makes `limbs` in room for two more, and tells how many words of the heap that took.
    fn built(heap: &Heap, limbs: &[u64], negative: bool) -> (Option<i64>, usize) {
        let before = heap.used_words();
        let term = heap.build(limbs.len() + 2, |room| {
            room[..limbs.len()].copy_from_slice(limbs);
            negative
        });
        let term = term.unwrap();
        assert_eq!(term.as_integer().is_some_and(|integer| integer.is_negative()), negative && limbs != [0; 6]);
        (term.as_small(), heap.used_words() - before)
    }

    #[test]
    fn results_take_the_room_they_need() {
        // A heap with room, and one that is full from the start.
        for words in [1000, 8] {
            let heap = Heap::with_first_block(HeapOptions::default(), words);
            assert_eq!(built(&heap, &[0; 6], true), (Some(0), 0));
            assert_eq!(built(&heap, &[7, 0, 0, 0, 0, 0], true), (Some(-7), 0));
            assert_eq!(built(&heap, &[1 << 60, 0, 0, 0, 0, 0], true), (Some(-1 << 60), 0));
            assert_eq!(built(&heap, &[1 << 60, 0, 0, 0, 0, 0], false), (None, 2));
            assert_eq!(built(&heap, &[0, 0, 0, 0, 0, 1], true), (None, 7));
            assert_eq!(built(&heap, &[1, 1], false), (None, 3));
            let before = heap.used_words();
            let too_large = heap.build(MAX_LIMBS + 1, |room| {
                room[MAX_LIMBS] = 1;
                false
            });
            assert!(too_large.is_err());
            assert_eq!(heap.used_words(), before);
        }
    }

    #[test]
    fn integers_of_bytes() {
        let heap = Heap::new(HeapOptions::default());
        assert_eq!(heap.integer_from_bytes(&[], true).as_small(), Some(0));
        assert_eq!(heap.integer_from_bytes(&[1, 2, 0, 0, 0, 0, 0, 0, 0, 0], true).as_small(), Some(-513));
        let term = heap.integer_from_bytes(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0], true);
        let Some(Integer::Big(big)) = term.as_integer() else { panic!("an integer of two limbs") };
        assert_eq!((big.limbs(), big.is_negative()), (&[0, 768][..], true));
        assert_eq!(heap.integer_from_bytes(&[0xff; 8], false).as_u64(), Some(u64::MAX));
        assert_eq!(heap.integer_from_bytes(&[0, 0, 0, 0, 0, 0, 0, 0x80], true).as_i64(), Some(i64::MIN));
    }
}
