//! Tables of type `ordered_set`: keys are equal when they are `==`, and stand in term order.
//!
//! A list of sorted runs of limited length: finding is two binary searches, inserting moves at most one run, and the
//! list of runs changes only when a run overflows or empties. The last key of each run stands in a list of its own, so that
//! the first search touches as little memory as possible.

use crate::Object;
use oxbeam_term::{AtomTable, Term, Word};
use std::cmp::Ordering;
use std::sync::atomic::{AtomicU64, Ordering as Memory};

/// Objects in a run at most.
const RUN_LENGTH_MAX: usize = if cfg!(test) { 4 } else { 128 };

/// A table with sorted keys.
pub(crate) struct OrderedTable {
    /// None of them is empty.
    runs: Vec<Vec<Object>>,
    /// The last key of each run, where it lives in its object.
    last_keys: Vec<Word>,
    objects: usize,
    words: usize,
    /// Where the last step of a traversal by keys ended, for the next one: a guess, to be checked.
    visited: AtomicU64,
}

/// Where an object is: its run, and its place there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    run: usize,
    index: usize,
}

impl OrderedTable {
    pub(crate) fn new() -> OrderedTable {
        OrderedTable { runs: Vec::new(), last_keys: Vec::new(), objects: 0, words: 0, visited: AtomicU64::new(0) }
    }
    /// Number of objects.
    pub(crate) fn len(&self) -> usize {
        self.objects
    }
    /// Words of memory.
    pub(crate) fn words(&self) -> usize {
        self.words + self.objects * (size_of::<Object>() / 8)
    }
    /// The place of the first object whose key is not below (`compare` says how an object's key compares to what is
    /// looked for), and whether it is equal. The place may be behind the last object of its run.
    fn search(&self, mut compare: impl FnMut(Term<'_>) -> Ordering) -> (Place, bool) {
        debug_assert_eq!(self.runs.len(), self.last_keys.len());
        // SAFETY: the words are keys of objects of the table, which is borrowed (`note_last`).
        let run = self.last_keys.partition_point(|key| compare(unsafe { Term::from_raw(*key) }) == Ordering::Less);
        let Some(objects) = self.runs.get(run) else { return (Place { run, index: 0 }, false) };
        let index = objects.partition_point(|object| compare(object.key()) == Ordering::Less);
        let equal = objects.get(index).is_some_and(|object| compare(object.key()) == Ordering::Equal);
        (Place { run, index }, equal)
    }
    pub(crate) fn at(&self, place: Place) -> Option<&Object> {
        self.runs.get(place.run)?.get(place.index)
    }
    pub(crate) fn find(&self, key: Term<'_>, atoms: &AtomTable) -> Option<Place> {
        let (place, equal) = self.search(|other| other.compare(key, atoms));
        equal.then_some(place)
    }
    pub(crate) fn get(&self, key: Term<'_>, atoms: &AtomTable) -> Option<&Object> {
        self.at(self.find(key, atoms)?)
    }
    /// Lets `change` change the object with a key, or replace it by one with the same key.
    pub(crate) fn update<R>(
        &mut self,
        key: Term<'_>,
        atoms: &AtomTable,
        change: impl FnOnce(&mut Object) -> R,
    ) -> Option<R> {
        let place = self.find(key, atoms)?;
        let object = self.runs.get_mut(place.run)?.get_mut(place.index)?;
        let before = object.words();
        let result = change(object);
        self.words = self.words - before + object.words();
        self.note_last(place.run);
        Some(result)
    }
    /// Must be called when the last object of a run may be another one.
    #[inline]
    fn note_last(&mut self, run: usize) {
        if let (Some(last), Some(key)) = (self.runs[run].last(), self.last_keys.get_mut(run)) {
            *key = last.key().word();
        }
    }
    /// The place behind that of a key, which is often where a traversal stopped.
    pub(crate) fn after(&self, key: Term<'_>, atoms: &AtomTable) -> Option<Place> {
        let next = match self.visited_place(key, atoms) {
            Some(place) => self.next(place),
            None => self.above(|other| other.compare(key, atoms)),
        };
        self.visit(next)
    }
    /// The place before that of a key.
    pub(crate) fn before(&self, key: Term<'_>, atoms: &AtomTable) -> Option<Place> {
        let previous = match self.visited_place(key, atoms) {
            Some(place) => self.previous(place),
            None => self.below(|other| other.compare(key, atoms)),
        };
        self.visit(previous)
    }
    /// The place that was visited last, if the key stands there.
    fn visited_place(&self, key: Term<'_>, atoms: &AtomTable) -> Option<Place> {
        let number = self.visited.load(Memory::Relaxed);
        let place = Place { run: (number >> 32) as usize, index: number as u32 as usize };
        self.at(place).filter(|object| object.key().compare(key, atoms).is_eq()).map(|_| place)
    }
    fn visit(&self, place: Option<Place>) -> Option<Place> {
        let Place { run, index } = place?;
        self.visited.store((run as u64) << 32 | index as u64, Memory::Relaxed);
        place
    }
    /// The place of the first object.
    pub(crate) fn first(&self) -> Option<Place> {
        (!self.runs.is_empty()).then_some(Place { run: 0, index: 0 })
    }
    /// The place of the last object.
    pub(crate) fn last(&self) -> Option<Place> {
        let run = self.runs.len().checked_sub(1)?;
        Some(Place { run, index: self.runs[run].len() - 1 })
    }
    /// The place behind.
    pub(crate) fn next(&self, place: Place) -> Option<Place> {
        if place.index + 1 < self.runs.get(place.run)?.len() {
            return Some(Place { run: place.run, index: place.index + 1 });
        }
        (place.run + 1 < self.runs.len()).then_some(Place { run: place.run + 1, index: 0 })
    }
    /// The place before.
    pub(crate) fn previous(&self, place: Place) -> Option<Place> {
        if place.index > 0 {
            return Some(Place { run: place.run, index: place.index - 1 });
        }
        let run = place.run.checked_sub(1)?;
        Some(Place { run, index: self.runs[run].len() - 1 })
    }
    /// The place of the first object whose key is greater, in the order that `compare` says; it finds what is looked
    /// for less than, equal to or greater than the key that it is given, like `key.compare(...)`.
    pub(crate) fn above(&self, mut compare: impl FnMut(Term<'_>) -> Ordering) -> Option<Place> {
        let order = |key: Term<'_>| match compare(key) {
            Ordering::Less | Ordering::Equal => Ordering::Less,
            Ordering::Greater => Ordering::Greater,
        };
        let (place, _) = self.search(order);
        self.at(place).map(|_| place)
    }
    /// The place of the first object whose key is equal or greater.
    pub(crate) fn not_below(&self, compare: impl FnMut(Term<'_>) -> Ordering) -> Option<Place> {
        let (place, _) = self.search(compare);
        self.at(place).map(|_| place)
    }
    /// The place of the last object whose key is less.
    pub(crate) fn below(&self, compare: impl FnMut(Term<'_>) -> Ordering) -> Option<Place> {
        let (place, _) = self.search(compare);
        self.previous(place)
    }
    /// The place of the last object whose key is equal or less.
    pub(crate) fn not_above(&self, compare: impl FnMut(Term<'_>) -> Ordering) -> Option<Place> {
        match self.above(compare) {
            Some(place) => self.previous(place),
            None => self.last(),
        }
    }
    /// The object at a rank, from 0.
    pub(crate) fn nth(&self, mut rank: usize) -> Option<&Object> {
        for run in &self.runs {
            match run.get(rank) {
                Some(object) => return Some(object),
                None => rank -= run.len(),
            }
        }
        None
    }

    /// Inserts an object, in place of one with an equal key.
    pub(crate) fn insert(&mut self, object: Object, atoms: &AtomTable) {
        self.words += object.words();
        let (mut place, equal) = self.search(|other| other.compare(object.key(), atoms));
        if equal {
            let old = &mut self.runs[place.run][place.index];
            self.words -= old.words();
            *old = object;
            self.note_last(place.run);
            return;
        }
        self.objects += 1;
        if place.run == self.runs.len() {
            // Behind everything: the last run takes it.
            let Some(last) = self.runs.len().checked_sub(1) else {
                self.last_keys.push(object.key().word());
                self.runs.push(vec![object]);
                return;
            };
            place = Place { run: last, index: self.runs[last].len() };
        }
        let Place { run, index } = place;
        if self.runs[run].len() < RUN_LENGTH_MAX {
            self.runs[run].insert(index, object);
            self.note_last(run);
            return;
        }
        // Keys that come in order fill runs to the brim; others split them in the middle.
        let cut = if run + 1 == self.runs.len() && index == RUN_LENGTH_MAX { index } else { RUN_LENGTH_MAX / 2 };
        let mut upper = self.runs[run].split_off(cut);
        if index < cut || index == cut && cut < RUN_LENGTH_MAX {
            self.runs[run].insert(index, object);
        } else {
            upper.insert(index - cut, object);
        }
        self.runs.insert(run + 1, upper);
        self.last_keys.insert(run + 1, Word::NIL);
        self.note_last(run);
        self.note_last(run + 1);
    }

    /// Removes the object with this key.
    pub(crate) fn remove(&mut self, key: Term<'_>, atoms: &AtomTable) -> Option<Object> {
        let place = self.find(key, atoms)?;
        Some(self.remove_at(place))
    }

    fn remove_at(&mut self, place: Place) -> Object {
        let object = self.runs[place.run].remove(place.index);
        self.objects -= 1;
        self.words -= object.words();
        if self.runs[place.run].is_empty() {
            self.runs.remove(place.run);
            self.last_keys.remove(place.run);
        } else {
            self.join(place.run);
            self.note_last(place.run);
        }
        object
    }

    /// Joins a run that has become short with the one behind it.
    fn join(&mut self, run: usize) {
        let short = RUN_LENGTH_MAX / 4;
        if self.runs[run].len() <= short && run + 1 < self.runs.len() && self.runs[run + 1].len() <= RUN_LENGTH_MAX / 2
        {
            let mut behind = self.runs.remove(run + 1);
            self.last_keys.remove(run + 1);
            self.runs[run].append(&mut behind);
        }
    }

    /// Frees about `count` objects of a table that is not used any more; false when nothing is left.
    pub(crate) fn free(&mut self, count: usize) -> bool {
        self.runs.truncate(self.runs.len().saturating_sub(count / RUN_LENGTH_MAX + 1));
        self.last_keys.truncate(self.runs.len());
        !self.runs.is_empty()
    }

    /// Removes everything, and returns it for the caller to drop.
    pub(crate) fn clear(&mut self) -> OrderedTable {
        std::mem::replace(self, OrderedTable::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oxbeam_term::{ATOM_LIMIT_DEFAULT, Heap, HeapOptions};
    use std::collections::BTreeMap;

    fn pair(heap: &Heap, key: i64, value: i64) -> Object {
        let tuple = heap.tuple(&[Term::small(key), Term::small(value)]);
        Object::copy(tuple.as_tuple().expect("a tuple"), 0)
    }
    fn key_at(table: &OrderedTable, place: Option<Place>) -> Option<i64> {
        table.at(place?)?.key().as_small()
    }

    #[test]
    fn does_what_a_sorted_map_does() {
        let heap = Heap::new(HeapOptions::default());
        let atoms = AtomTable::new(ATOM_LIMIT_DEFAULT);
        let (mut table, mut model) = (OrderedTable::new(), BTreeMap::new());
        let mut seed = 7u64;
        for round in 0..if cfg!(miri) { 150 } else { 6000 } {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = (seed >> 40) as i64 % 100;
            let probe = Term::small(key);
            match (seed >> 33) % 5 {
                0 | 1 => {
                    table.insert(pair(&heap, key, round), &atoms);
                    model.insert(key, round);
                }
                2 => {
                    let removed = table.remove(probe, &atoms).and_then(|object| object.elements()[1].as_small());
                    assert_eq!(removed, model.remove(&key));
                }
                3 => {
                    let found = table.get(probe, &atoms).and_then(|object| object.elements()[1].as_small());
                    assert_eq!(found, model.get(&key).copied());
                }
                _ => {
                    let above = table.above(|other| other.compare(probe, &atoms));
                    assert_eq!(key_at(&table, above), model.range(key + 1..).next().map(|(key, _)| *key));
                    let below = table.below(|other| other.compare(probe, &atoms));
                    assert_eq!(key_at(&table, below), model.range(..key).next_back().map(|(key, _)| *key));
                    // As traversals step: on from where the last step ended, unless the table has changed.
                    let mut step = table.after(probe, &atoms);
                    assert_eq!(step, above);
                    while let Some(reached) = key_at(&table, step) {
                        step = table.after(Term::small(reached), &atoms);
                        assert_eq!(key_at(&table, step), model.range(reached + 1..).next().map(|(key, _)| *key));
                    }
                    assert_eq!(table.before(probe, &atoms), below);
                    let from = table.not_below(|other| other.compare(probe, &atoms));
                    assert_eq!(key_at(&table, from), model.range(key..).next().map(|(key, _)| *key));
                    let to = table.not_above(|other| other.compare(probe, &atoms));
                    assert_eq!(key_at(&table, to), model.range(..=key).next_back().map(|(key, _)| *key));
                }
            }
            assert_eq!(table.len(), model.len());
            let lasts = table.runs.iter().map(|run| run.last().map(|object| object.key().word()));
            assert!(lasts.eq(table.last_keys.iter().map(|key| Some(*key))));
            assert!(table.runs.iter().all(|run| !run.is_empty() && run.len() <= RUN_LENGTH_MAX));
        }
        let mut walked = Vec::new();
        let mut place = table.first();
        while let Some(at) = place {
            walked.extend(key_at(&table, place));
            place = table.next(at);
        }
        assert_eq!(walked, model.keys().copied().collect::<Vec<_>>());
        let mut place = table.last();
        while let Some(at) = place {
            assert_eq!(key_at(&table, place), walked.pop());
            place = table.previous(at);
        }
        assert!(walked.is_empty());
        for key in model.keys() {
            table.remove(Term::small(*key), &atoms);
        }
        assert_eq!((table.len(), table.words()), (0, 0));
    }
}
