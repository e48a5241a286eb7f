//! What a pattern says about keys, so that a traversal need not look at all objects.

use super::compile::is_variable;
use oxbeam_term::{AtomTable, Kind, LiteralRange, OwnedTerm, Term, atoms};
use smallvec::{SmallVec, smallvec};
use std::cmp::Ordering;

/// A pattern of keys, of which a part from the left is known: matching keys are neighbours in an ordered table.
pub struct KeyBound {
    pattern: OwnedTerm,
    /// Of a tuple: how many elements from the left are known, when the next one is not known at all.
    known: Option<usize>,
}

impl KeyBound {
    /// The bound that a key's pattern sets; `None` when it sets none.
    pub(super) fn of(pattern: Term<'_>, atoms: &AtomTable) -> Option<KeyBound> {
        let structured = pattern.as_cons().is_some() || pattern.as_tuple().is_some();
        let known = pattern.as_tuple().and_then(|tuple| {
            let mut elements = tuple.elements().iter();
            let known = elements.by_ref().take_while(|element| is_ground(**element, atoms)).count();
            tuple.elements().get(known).filter(|element| is_open(**element, atoms)).map(|_| known)
        });
        structured.then(|| KeyBound { pattern: OwnedTerm::copy(pattern, LiteralRange::EMPTY), known })
    }
    /// Is this key before, among or behind those that the pattern may match?
    #[inline]
    pub fn compare(&self, key: Term<'_>, atoms: &AtomTable) -> Ordering {
        if let (Some(known), Some(pattern), Some(key)) = (self.known, self.pattern.term().as_tuple(), key.as_tuple()) {
            let (key, pattern) = (key.elements(), pattern.elements());
            let mut order = key.len().cmp(&pattern.len());
            for (key, pattern) in key.iter().zip(pattern).take(known) {
                order = order.then_with(|| key.compare(*pattern, atoms));
            }
            return order;
        }
        self.compare_parts(key, atoms)
    }
    fn compare_parts(&self, key: Term<'_>, atoms: &AtomTable) -> Ordering {
        let mut pending: SmallVec<[_; 8]> = smallvec![(key, self.pattern.term())];
        while let Some((key, pattern)) = pending.pop() {
            if is_open(pattern, atoms) {
                return Ordering::Equal;
            }
            match (key.as_tuple(), pattern.as_tuple()) {
                (Some(key), Some(pattern)) => {
                    let (key, pattern) = (key.elements(), pattern.elements());
                    if key.len() != pattern.len() {
                        return key.len().cmp(&pattern.len());
                    }
                    pending.extend(key.iter().copied().zip(pattern.iter().copied()).rev());
                    continue;
                }
                _ => {}
            }
            match (key.as_cons(), pattern.as_cons()) {
                (Some(key), Some(pattern)) => {
                    pending.push((key.tail(), pattern.tail()));
                    pending.push((key.head(), pattern.head()));
                }
                _ => {
                    let order = key.compare(pattern, atoms);
                    if order.is_ne() {
                        return order;
                    }
                }
            }
        }
        Ordering::Equal
    }
}

/// May this part of a pattern match different terms by itself?
fn is_open(pattern: Term<'_>, atoms: &AtomTable) -> bool {
    pattern.is_atom(atoms::UNDERSCORE) || is_variable(pattern, atoms) || pattern.is_map()
}

/// Does a pattern match one term only?
pub(super) fn is_ground(pattern: Term<'_>, atoms: &AtomTable) -> bool {
    let mut pending = vec![pattern];
    while let Some(term) = pending.pop() {
        if is_open(term, atoms) {
            return false;
        }
        if let Some(cell) = term.as_cons() {
            pending.push(cell.tail());
            pending.push(cell.head());
        } else if term.boxed_kind() == Some(Kind::Tuple)
            && let Some(tuple) = term.as_tuple()
        {
            pending.extend(tuple.elements());
        }
    }
    true
}
