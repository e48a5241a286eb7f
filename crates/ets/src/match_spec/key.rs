//! What a pattern says about keys, so that a traversal need not look at all objects.

use super::compile::is_variable;
use oxbeam_term::{AtomTable, Kind, LiteralRange, OwnedTerm, Term, atoms};
use smallvec::{SmallVec, smallvec};
use std::cmp::Ordering;

/// A pattern of keys, of which a part from the left is known: matching keys are neighbours in an ordered table.
pub struct KeyBound(OwnedTerm);

impl KeyBound {
    /// The bound that a key's pattern sets; `None` when it sets none.
    pub(super) fn of(pattern: Term<'_>) -> Option<KeyBound> {
        let structured = pattern.as_cons().is_some() || pattern.as_tuple().is_some();
        structured.then(|| KeyBound(OwnedTerm::copy(pattern, LiteralRange::EMPTY)))
    }
    /// Is this key before, among or behind those that the pattern may match?
    pub fn compare(&self, key: Term<'_>, atoms: &AtomTable) -> Ordering {
        let mut pending: SmallVec<[_; 8]> = smallvec![(key, self.0.term())];
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
