//! `update_counter` and `update_element`: changing single elements of an object.

use crate::{Object, TableState};
use oxbeam_number::BigInt;
use oxbeam_term::{AtomTable, Heap, LiteralRange, OwnedTerm, Term, Word};

/// One step of `ets:update_counter/3`.
#[derive(Clone, Copy)]
pub struct CounterOperation<'h> {
    /// Element, counted from 1.
    pub position: usize,
    /// What is added: an integer.
    pub increment: Term<'h>,
    /// A limit, and the value that is set when the sum passes it.
    pub threshold: Option<(Term<'h>, Term<'h>)>,
}

/// Why a counter cannot be updated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CounterError {
    /// There is no such object.
    NoKey,
    /// The object has no such element.
    Position,
    /// The element is the key.
    Key,
    /// The element is not an integer.
    NotInteger,
    /// The sum has too many bits.
    SystemLimit,
}

/// Why an element cannot be updated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ElementError {
    /// There is no such object.
    NoKey,
    /// The object has no such element.
    Position,
    /// The element is the key.
    Key,
}

impl TableState {
    /// Applies the operations to the object with this key, from left to right, all or none. The new values stand on
    /// `heap`. When there is no such object, `default` with this key is inserted first.
    ///
    /// # Errors
    /// See [`CounterError`]; nothing has changed then.
    pub fn update_counters<'h>(
        &mut self,
        key: Term<'h>,
        operations: &[CounterOperation<'h>],
        default: Option<Term<'h>>,
        heap: &'h Heap,
        atoms: &AtomTable,
    ) -> Result<Vec<Term<'h>>, CounterError> {
        let key_index = self.key_index();
        let fresh = match (self.get(key, atoms).first(), default) {
            (Some(_), _) => None,
            (None, None) => return Err(CounterError::NoKey),
            (None, Some(default)) => Some(with_key(default, key, key_index).ok_or(CounterError::Position)?),
        };
        let object = match &fresh {
            Some(object) => object,
            None => self.get(key, atoms).first().ok_or(CounterError::NoKey)?,
        };
        let mut values: Vec<(usize, Term<'h>)> = Vec::with_capacity(operations.len());
        let mut results = Vec::with_capacity(operations.len());
        for operation in operations {
            let index = operation.position.checked_sub(1).ok_or(CounterError::Position)?;
            let stored = *object.elements().get(index).ok_or(CounterError::Position)?;
            if index == key_index {
                return Err(CounterError::Key);
            }
            let current = match values.iter().rev().find(|(other, _)| *other == index) {
                Some((_, value)) => *value,
                None => stored,
            };
            let value = count(current, operation, heap)?;
            values.push((index, value));
            results.push(value);
        }
        match fresh {
            Some(object) => {
                let object = rebuilt(&object, &values, key_index);
                self.insert(object, atoms);
            }
            None => self.set_elements(key, &values, atoms),
        }
        Ok(results)
    }

    /// Sets elements of the object with this key, all or none. When there is no such object, `default` with this key
    /// is inserted first.
    ///
    /// # Errors
    /// See [`ElementError`]; nothing has changed then.
    pub fn update_elements<'h>(
        &mut self,
        key: Term<'h>,
        values: &[(usize, Term<'h>)],
        default: Option<Term<'h>>,
        atoms: &AtomTable,
    ) -> Result<(), ElementError> {
        let key_index = self.key_index();
        let fresh = match (self.get(key, atoms).first(), default) {
            (Some(_), _) => None,
            (None, None) => return Err(ElementError::NoKey),
            (None, Some(default)) => Some(with_key(default, key, key_index).ok_or(ElementError::Position)?),
        };
        let arity = match &fresh {
            Some(object) => object.elements().len(),
            None => self.get(key, atoms).first().map_or(0, |object| object.elements().len()),
        };
        for &(index, _) in values {
            if index == key_index {
                return Err(ElementError::Key);
            }
            if index >= arity {
                return Err(ElementError::Position);
            }
        }
        match fresh {
            Some(object) => self.insert(rebuilt(&object, values, key_index), atoms),
            None => self.set_elements(key, values, atoms),
        }
        Ok(())
    }

    /// The usual case of [`TableState::update_counters`]: adds `increment` to the element at `position` (from 1) where both and
    /// the sum are small. `None`, with nothing changed, when anything is unusual.
    #[inline]
    pub fn add_small(&mut self, key: Term<'_>, position: usize, increment: i64, atoms: &AtomTable) -> Option<i64> {
        let key_index = self.key_index();
        let index = position.checked_sub(1).filter(|index| *index != key_index)?;
        let add = |object: &mut Object| {
            let sum = object.elements().get(index)?.as_small()?.checked_add(increment)?;
            object.set_immediate(index, Word::try_small(sum)?).then_some(sum)
        };
        self.update(key, atoms, add).flatten()
    }

    fn set_elements(&mut self, key: Term<'_>, values: &[(usize, Term<'_>)], atoms: &AtomTable) {
        let key_index = self.key_index();
        self.update(key, atoms, |object| {
            let in_place = values
                .iter()
                .all(|&(index, value)| !value.word().is_pointer() && !object.elements()[index].word().is_pointer());
            if !in_place {
                *object = rebuilt(object, values, key_index);
                return;
            }
            for &(index, value) in values {
                object.set_immediate(index, value.word());
            }
        });
    }
}

/// The value after an operation, on `heap`.
fn count<'h>(current: Term<'_>, operation: &CounterOperation<'h>, heap: &'h Heap) -> Result<Term<'h>, CounterError> {
    let sum = match (current.as_small(), operation.increment.as_small()) {
        (Some(a), Some(b)) => heap.integer(a + b),
        _ => {
            let (Some(a), Some(b)) = (to_bigint(current), to_bigint(operation.increment)) else {
                return Err(CounterError::NotInteger);
            };
            let sum = a + b;
            if sum.bits() > oxbeam_term::BIG_BITS_MAX {
                return Err(CounterError::SystemLimit);
            }
            heap.bigint(&sum)
        }
    };
    let Some((limit, reset)) = operation.threshold else { return Ok(sum) };
    let (Some(sum_value), Some(limit), Some(increment)) =
        (to_bigint(sum), to_bigint(limit), to_bigint(operation.increment))
    else {
        return Err(CounterError::NotInteger);
    };
    let passed = if increment < BigInt::ZERO { sum_value < limit } else { sum_value > limit };
    Ok(if passed { reset } else { sum })
}

fn to_bigint(term: Term<'_>) -> Option<BigInt> {
    term.as_integer().map(|integer| integer.to_bigint())
}

/// A copy of `default` with `key` in the key's place.
fn with_key(default: Term<'_>, key: Term<'_>, key_index: usize) -> Option<Object> {
    let elements = default.as_tuple()?.elements();
    if key_index >= elements.len() {
        return None;
    }
    Some(assembled(elements.len(), key_index, |index| if index == key_index { key } else { elements[index] }))
}

/// A copy of `object` with other values at some places; of several for one place the last counts.
fn rebuilt(object: &Object, values: &[(usize, Term<'_>)], key_index: usize) -> Object {
    let elements = object.elements();
    assembled(elements.len(), key_index, |index| match values.iter().rev().find(|(other, _)| *other == index) {
        Some((_, value)) => *value,
        None => elements[index],
    })
}

fn assembled<'a>(arity: usize, key_index: usize, element: impl Fn(usize) -> Term<'a>) -> Object {
    let owned = OwnedTerm::build(LiteralRange::EMPTY, |heap| {
        // The parts live elsewhere; `copy_in` brings each to the heap that the tuple is built on.
        let elements: Vec<Term<'_>> = (0..arity).map(|index| heap.copy_in(element(index))).collect();
        heap.tuple(&elements)
    });
    let tuple = owned.term().as_tuple().expect("a tuple was built");
    debug_assert!(key_index < arity);
    let _ = Word::NIL;
    Object::copy(tuple, key_index)
}
