//! Tables of types `set`, `bag` and `duplicate_bag`: keys are equal when they are `=:=`.
//!
//! The entries, one for each key, stand in an array and keep their places until they are removed; an index of open
//! addressing finds them by hash. A traversal is a walk over the array: its position is a number that no insertion
//! or removal invalidates, and what is there from its start to its end is met exactly once. While a table is fixed,
//! removed keys leave an entry behind, so that `next/2` can go on from them.

use crate::{Object, TableType};
use oxbeam_term::{Term, internal_hash};

const NO_ENTRY: u32 = u32::MAX;
const SLOTS_MIN: usize = 8;
/// An empty table gives more slots than this back.
const SLOTS_KEPT: usize = if cfg!(miri) { 16 } else { 1024 };

enum Entry {
    /// Unused; the next unused one.
    Free(u32),
    /// The only object with its key.
    One(Object),
    /// Several objects with one key, in the order of insertion. Never empty.
    Many(Vec<Object>),
    /// Removed while the table was fixed; the object keeps the key.
    Removed(Object),
}

impl Entry {
    fn key(&self) -> Option<Term<'_>> {
        match self {
            Entry::Free(_) => None,
            Entry::One(object) | Entry::Removed(object) => Some(object.key()),
            Entry::Many(objects) => objects.first().map(Object::key),
        }
    }
    fn objects(&self) -> &[Object] {
        match self {
            Entry::One(object) => std::slice::from_ref(object),
            Entry::Many(objects) => objects,
            Entry::Free(_) | Entry::Removed(_) => &[],
        }
    }
}

/// A table with hashed keys.
pub(crate) struct HashTable {
    entries: Vec<Entry>,
    first_free: u32,
    /// Hash in the upper half, number of the entry plus one in the lower; 0 where nothing is. Its length is a power of
    /// two.
    slots: Vec<u64>,
    keys: usize,
    objects: usize,
    words: usize,
    removed: Vec<u32>,
}

impl HashTable {
    pub(crate) fn new() -> HashTable {
        HashTable {
            entries: Vec::new(),
            first_free: NO_ENTRY,
            slots: Vec::new(),
            keys: 0,
            objects: 0,
            words: 0,
            removed: Vec::new(),
        }
    }
    /// Number of objects.
    pub(crate) fn len(&self) -> usize {
        self.objects
    }
    /// Words of memory.
    pub(crate) fn words(&self) -> usize {
        self.words + self.slots.len() + self.entries.len() * (size_of::<Entry>() / 8)
    }
    /// Positions end here.
    pub(crate) fn end(&self) -> usize {
        self.entries.len()
    }
    /// The objects at a position.
    #[inline]
    pub(crate) fn at(&self, position: usize) -> &[Object] {
        self.entries.get(position).map_or(&[], Entry::objects)
    }
    /// The first position at or behind `position` that has objects.
    pub(crate) fn occupied_from(&self, position: usize) -> Option<usize> {
        (position..self.entries.len()).find(|&at| !self.entries[at].objects().is_empty())
    }
    /// The position of a key, also of one that was removed while the table is fixed.
    #[inline]
    pub(crate) fn find(&self, key: Term<'_>) -> Option<usize> {
        self.slot_of(key, hash(key)).map(|slot| entry_of(self.slots[slot]))
    }
    /// The objects with a key.
    #[inline]
    pub(crate) fn get(&self, key: Term<'_>) -> &[Object] {
        self.find(key).map_or(&[], |position| self.at(position))
    }
    /// Lets `change` change the only object with a key (of a set), or replace it by one with the same key.
    pub(crate) fn update<R>(&mut self, key: Term<'_>, change: impl FnOnce(&mut Object) -> R) -> Option<R> {
        let position = self.find(key)?;
        let Entry::One(object) = &mut self.entries[position] else { return None };
        let before = object.words();
        let result = change(object);
        self.words = self.words - before + object.words();
        Some(result)
    }

    #[inline]
    fn slot_of(&self, key: Term<'_>, hash: u32) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let word = self.slots[slot];
            if word == 0 {
                return None;
            }
            if (word >> 32) as u32 == hash
                && self.entries[entry_of(word)].key().is_some_and(|other| other.is_exactly(key))
            {
                return Some(slot);
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Inserts an object as tables of this type do.
    pub(crate) fn insert(&mut self, object: Object, kind: TableType) {
        let hash = hash(object.key());
        self.words += object.words();
        let Some(slot) = self.slot_of(object.key(), hash) else {
            self.insert_new(object, hash);
            return;
        };
        let number = entry_of(self.slots[slot]);
        match (&mut self.entries[number], kind) {
            (entry @ Entry::Removed(_), _) => {
                let old = std::mem::replace(entry, Entry::One(object));
                self.objects += 1;
                drop(old);
            }
            (Entry::One(old), TableType::Set | TableType::OrderedSet) => {
                self.words -= old.words();
                *old = object;
            }
            (entry, TableType::Bag) if entry.objects().iter().any(|old| old.term().is_exactly(object.term())) => {
                // It is there, and keeps its place.
                self.words -= object.words();
            }
            (entry, _) => {
                self.objects += 1;
                push(entry, object);
            }
        }
    }

    fn insert_new(&mut self, object: Object, hash: u32) {
        if (self.keys + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let number = if self.first_free == NO_ENTRY {
            self.entries.push(Entry::One(object));
            self.entries.len() - 1
        } else {
            let number = self.first_free as usize;
            if let Entry::Free(next) = self.entries[number] {
                self.first_free = next;
            }
            self.entries[number] = Entry::One(object);
            number
        };
        self.place(u64::from(hash) << 32 | (number as u64 + 1));
        self.keys += 1;
        self.objects += 1;
    }

    fn place(&mut self, word: u64) {
        let mask = self.slots.len() - 1;
        let mut slot = (word >> 32) as usize & mask;
        while self.slots[slot] != 0 {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = word;
    }

    fn grow(&mut self) {
        let length = (self.slots.len() * 2).max(SLOTS_MIN);
        let old = std::mem::replace(&mut self.slots, vec![0; length]);
        for word in old.into_iter().filter(|&word| word != 0) {
            self.place(word);
        }
    }

    /// Removes all objects with a key and returns them.
    pub(crate) fn remove(&mut self, key: Term<'_>, fixed: bool) -> Vec<Object> {
        let Some(slot) = self.slot_of(key, hash(key)) else { return Vec::new() };
        self.remove_entry(slot, fixed, fixed)
    }

    /// Removes all objects with a key; cheaper than [`HashTable::remove`] for those that are not wanted.
    pub(crate) fn delete(&mut self, key: Term<'_>, fixed: bool) {
        if let Some(slot) = self.slot_of(key, hash(key)) {
            drop(self.remove_entry(slot, fixed, false));
        }
    }

    fn remove_entry(&mut self, slot: usize, fixed: bool, wanted: bool) -> Vec<Object> {
        let number = entry_of(self.slots[slot]);
        let entry = std::mem::replace(&mut self.entries[number], Entry::Free(self.first_free));
        let mut objects = match entry {
            Entry::One(object) => vec![object],
            Entry::Many(objects) => objects,
            other @ (Entry::Removed(_) | Entry::Free(_)) => {
                self.entries[number] = other;
                return Vec::new();
            }
        };
        self.objects -= objects.len();
        self.words -= objects.iter().map(Object::words).sum::<usize>();
        if fixed {
            // The caller may want all of them: the entry keeps a copy of the one with the key.
            let kept = if wanted { objects.first().map(copy_of) } else { objects.pop() };
            if let Some(kept) = kept {
                self.entries[number] = Entry::Removed(kept);
                self.removed.push(number as u32);
            }
        } else {
            self.release(slot, number);
        }
        objects
    }

    /// Frees entry `number`, which is `Free` already, and its slot; closes the gap that it leaves in the index.
    fn release(&mut self, slot: usize, number: usize) {
        self.first_free = number as u32;
        self.keys -= 1;
        let mask = self.slots.len() - 1;
        let mut gap = slot;
        let mut next = (slot + 1) & mask;
        while self.slots[next] != 0 {
            let home = (self.slots[next] >> 32) as usize & mask;
            // May the word at `next` move to the gap? Only when its home is not between the two.
            if next.wrapping_sub(home) & mask >= next.wrapping_sub(gap) & mask {
                self.slots[gap] = self.slots[next];
                gap = next;
            }
            next = (next + 1) & mask;
        }
        self.slots[gap] = 0;
        if self.keys == 0 {
            // Nothing is left: give the memory back.
            if self.slots.len() > SLOTS_KEPT {
                *self = HashTable::new();
            }
        }
    }

    /// Removes the objects with the key of `object` that are exactly it.
    pub(crate) fn delete_object(&mut self, key: Term<'_>, object: Term<'_>, fixed: bool) {
        let Some(slot) = self.slot_of(key, hash(key)) else { return };
        let number = entry_of(self.slots[slot]);
        self.delete_at(number, fixed, |other| other.term().is_exactly(object));
    }

    /// Removes the objects at a position for which `unwanted` says so. Returns how many there were.
    pub(crate) fn delete_at(
        &mut self,
        position: usize,
        fixed: bool,
        mut unwanted: impl FnMut(&Object) -> bool,
    ) -> usize {
        let gone: Vec<bool> = self.at(position).iter().map(&mut unwanted).collect();
        let count = gone.iter().filter(|&&gone| gone).count();
        if count == 0 {
            return 0;
        }
        if count < gone.len() {
            let Entry::Many(objects) = &mut self.entries[position] else { return 0 };
            let mut marks = gone.into_iter();
            let words = &mut self.words;
            objects.retain(|object| {
                let gone = marks.next().unwrap_or(false);
                if gone {
                    *words -= object.words();
                }
                !gone
            });
            self.objects -= count;
            return count;
        }
        let slot = self.entries[position].key().and_then(|key| self.slot_of(key, hash(key)));
        if let Some(slot) = slot {
            drop(self.remove_entry(slot, fixed, false));
        }
        count
    }

    /// Replaces the object at a position of a set, or one of those of a bag, by another with the same key.
    pub(crate) fn replace_at(&mut self, position: usize, index: usize, object: Object) {
        let place = match &mut self.entries[position] {
            Entry::One(old) => Some(old),
            Entry::Many(objects) => objects.get_mut(index),
            Entry::Free(_) | Entry::Removed(_) => None,
        };
        if let Some(place) = place {
            self.words = self.words - place.words() + object.words();
            *place = object;
        }
    }

    /// Forgets the keys that were removed while the table was fixed.
    pub(crate) fn purge(&mut self) {
        for number in std::mem::take(&mut self.removed) {
            let slot = match self.entries.get(number as usize) {
                Some(Entry::Removed(object)) => self.slot_of(object.key(), hash(object.key())),
                _ => None,
            };
            if let Some(slot) = slot {
                self.entries[number as usize] = Entry::Free(self.first_free);
                self.release(slot, number as usize);
            }
        }
    }

    /// Removes everything, and returns it for the caller to drop.
    pub(crate) fn clear(&mut self, fixed: bool) -> HashTable {
        if !fixed {
            return std::mem::replace(self, HashTable::new());
        }
        let mut gone = HashTable::new();
        for number in 0..self.entries.len() {
            if !self.entries[number].objects().is_empty()
                && let Some(slot) = self.entries[number].key().and_then(|key| self.slot_of(key, hash(key)))
            {
                let objects = self.remove_entry(slot, true, false);
                gone.entries.push(Entry::Many(objects));
            }
        }
        gone
    }

    /// Frees the last `count` entries of a table that is not used any more; false when nothing is left.
    pub(crate) fn free(&mut self, count: usize) -> bool {
        self.entries.truncate(self.entries.len().saturating_sub(count));
        !self.entries.is_empty()
    }

    /// Buckets of the index, the objects in them on average, and the keys that were removed while the table is fixed.
    pub(crate) fn statistics(&self) -> (usize, f64, usize) {
        let buckets = self.slots.len().max(256);
        let is_kept = |number: &&u32| matches!(self.entries.get(**number as usize), Some(Entry::Removed(_)));
        let kept = self.removed.iter().filter(is_kept).count();
        (buckets, self.objects as f64 / buckets as f64, kept)
    }
}

fn copy_of(object: &Object) -> Object {
    let tuple = object.term().as_tuple().expect("objects are tuples");
    let index = object.elements().iter().position(|element| element.is_same(object.key()));
    Object::copy(tuple, index.expect("the key is one of the elements"))
}

fn push(entry: &mut Entry, object: Object) {
    match std::mem::replace(entry, Entry::Free(NO_ENTRY)) {
        Entry::One(first) => *entry = Entry::Many(vec![first, object]),
        Entry::Many(mut objects) => {
            objects.push(object);
            *entry = Entry::Many(objects);
        }
        Entry::Free(_) | Entry::Removed(_) => *entry = Entry::One(object),
    }
}

#[inline]
fn entry_of(word: u64) -> usize {
    (word as u32 - 1) as usize
}

/// Equal for keys that are `=:=`.
#[inline]
fn hash(key: Term<'_>) -> u32 {
    let word = key.word();
    let mixed = if word.is_pointer() {
        internal_hash(key)
    } else {
        // Immediates are `=:=` only to themselves.
        word.0
    };
    let mixed = (mixed ^ mixed >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use oxbeam_term::{Heap, HeapOptions};
    use std::collections::BTreeMap;

    fn pair(heap: &Heap, key: i64, value: i64) -> Object {
        // Keys that are pointers and keys that are not.
        let number = Term::small(key);
        let key = if key % 3 == 0 { heap.tuple(&[number, number]) } else { number };
        let tuple = heap.tuple(&[key, Term::small(value)]);
        Object::copy(tuple.as_tuple().expect("a tuple"), 0)
    }
    fn values(objects: &[Object]) -> Vec<i64> {
        objects.iter().filter_map(|object| object.elements()[1].as_small()).collect()
    }
    fn next(seed: &mut u64) -> u64 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *seed >> 33
    }

    /// The same operations on a table and on a model of it.
    fn compare_with_model(kind: TableType, fixed: bool, seed: u64) {
        let heap = Heap::new(HeapOptions::default());
        let (mut table, mut model) = (HashTable::new(), BTreeMap::<i64, Vec<i64>>::new());
        let mut seed = seed;
        for _ in 0..if cfg!(miri) { 80 } else { 4000 } {
            let (key, value) = ((next(&mut seed) % 60) as i64, (next(&mut seed) % 4) as i64);
            let object = pair(&heap, key, value);
            match next(&mut seed) % 8 {
                0..=3 => {
                    table.insert(object, kind);
                    let entry = model.entry(key).or_default();
                    match kind {
                        TableType::Bag if entry.contains(&value) => {}
                        TableType::Bag | TableType::DuplicateBag => entry.push(value),
                        TableType::Set | TableType::OrderedSet => *entry = vec![value],
                    }
                }
                4 => {
                    table.delete(object.key(), fixed);
                    model.remove(&key);
                }
                5 => {
                    let removed = table.remove(object.key(), fixed);
                    assert_eq!(values(&removed), model.remove(&key).unwrap_or_default());
                }
                6 => {
                    table.delete_object(object.key(), object.term(), fixed);
                    if let Some(entry) = model.get_mut(&key) {
                        entry.retain(|other| *other != value);
                    }
                    model.retain(|_, entry| !entry.is_empty());
                }
                _ if next(&mut seed) % 50 == 0 => {
                    drop(table.clear(fixed));
                    model.clear();
                }
                _ if fixed && next(&mut seed) % 20 == 0 => table.purge(),
                _ => assert_eq!(values(table.get(object.key())), model.get(&key).cloned().unwrap_or_default()),
            }
            assert_eq!(table.len(), model.values().map(Vec::len).sum::<usize>());
        }
        table.purge();
        let mut walked = 0;
        let mut position = table.occupied_from(0);
        while let Some(at) = position {
            walked += table.at(at).len();
            position = table.occupied_from(at + 1);
        }
        assert_eq!(walked, table.len());
        drop(table.clear(false));
        assert_eq!(table.words(), 0);
    }

    #[test]
    fn does_what_a_map_does() {
        for kind in [TableType::Set, TableType::Bag, TableType::DuplicateBag] {
            for fixed in [false, true] {
                for seed in 1..if cfg!(miri) { 2 } else { 4 } {
                    compare_with_model(kind, fixed, seed);
                }
            }
        }
    }

    #[test]
    fn words_are_given_back() {
        let heap = Heap::new(HeapOptions::default());
        let mut table = HashTable::new();
        let count = if cfg!(miri) { 100 } else { 5000 };
        for key in 0..count {
            table.insert(pair(&heap, key, 1), TableType::Set);
        }
        for key in 0..count {
            table.delete(pair(&heap, key, 1).key(), false);
        }
        assert_eq!((table.len(), table.words()), (0, 0));
    }
}
