//! What a table holds: a tuple with its own memory, and its key at hand.

use oxbeam_term::{LiteralRange, OwnedTerm, Term, Tuple, Word};

/// A tuple in a table. Literals are copied too, so an object never depends on loaded code.
pub struct Object {
    /// The key's word: it lives in `owned`.
    key: Word,
    owned: OwnedTerm,
}

impl Object {
    /// A copy of `tuple`, whose key stands at `key_index` (from 0).
    pub fn copy(tuple: Tuple<'_>, key_index: usize) -> Object {
        let owned = OwnedTerm::copy(tuple.term(), LiteralRange::EMPTY);
        let key = elements(&owned)[key_index].word();
        Object { key, owned }
    }
    /// The tuple.
    #[inline]
    pub fn term(&self) -> Term<'_> {
        self.owned.term()
    }
    /// The tuple's elements.
    #[inline]
    pub fn elements(&self) -> &[Term<'_>] {
        elements(&self.owned)
    }
    /// The key.
    #[inline]
    pub fn key(&self) -> Term<'_> {
        // SAFETY: the word is an element of the tuple that `self` owns.
        unsafe { Term::from_raw(self.key) }
    }
    /// Words of memory it takes, apart from its place in the table.
    #[inline]
    pub fn words(&self) -> usize {
        self.owned.words()
    }
    /// Replaces an element that is no pointer by a value that is no pointer, in place; false when either is one.
    /// `index` is not the key's.
    pub fn set_immediate(&mut self, index: usize, value: Word) -> bool {
        let old = self.elements()[index].word();
        if old.is_pointer() || value.is_pointer() {
            return false;
        }
        debug_assert_eq!(value.is_header(), false);
        let tuple = self.owned.term().word().pointer();
        // SAFETY: the tuple lies in memory that `self` owns (nothing is left where literals are, see `copy`), `index`
        // is within its elements, which begin behind the header, and `&mut self` says that no term of it is in use.
        unsafe { *tuple.add(1 + index) = value.0 };
        true
    }
}

#[inline]
fn elements(owned: &OwnedTerm) -> &[Term<'_>] {
    owned.term().as_tuple().map_or(&[], Tuple::elements)
}
