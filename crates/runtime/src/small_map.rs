//! A map for the few links and monitors that most processes have, and the many that some have.

use std::collections::{BTreeMap, btree_map};
use std::fmt::Debug;

/// Entries kept in a plain vector; from the next one on they live in a tree.
const FEW: usize = 16;

/// An ordered map that takes no memory while it is empty and one small block while it has few entries.
#[derive(Debug)]
pub struct SmallMap<K, V>(Entries<K, V>);

#[derive(Debug)]
enum Entries<K, V> {
    /// At most [`FEW`], ordered by key.
    Few(Vec<(K, V)>),
    /// As many as there are; it stays a tree when it shrinks, until it is empty.
    Many(Box<BTreeMap<K, V>>),
}

impl<K, V> Default for SmallMap<K, V> {
    fn default() -> SmallMap<K, V> {
        SmallMap::new()
    }
}

impl<K, V> SmallMap<K, V> {
    /// An empty map.
    pub const fn new() -> SmallMap<K, V> {
        SmallMap(Entries::Few(Vec::new()))
    }
    /// Number of entries.
    pub fn len(&self) -> usize {
        match &self.0 {
            Entries::Few(entries) => entries.len(),
            Entries::Many(map) => map.len(),
        }
    }
    /// Has it no entries?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Entries in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (few, many) = match &self.0 {
            Entries::Few(entries) => (Some(entries.iter().map(|(key, value)| (key, value))), None),
            Entries::Many(map) => (None, Some(map.iter())),
        };
        few.into_iter().flatten().chain(many.into_iter().flatten())
    }
    /// Keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }
    /// Values in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

impl<K: Ord, V> SmallMap<K, V> {
    /// The value of `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        match &self.0 {
            Entries::Few(entries) => entries.iter().find(|(one, _)| one == key).map(|(_, value)| value),
            Entries::Many(map) => map.get(key),
        }
    }
    /// The value of `key`, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match &mut self.0 {
            Entries::Few(entries) => entries.iter_mut().find(|(one, _)| one == key).map(|(_, value)| value),
            Entries::Many(map) => map.get_mut(key),
        }
    }
    /// Is there an entry for `key`?
    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }
    /// Sets the value of `key`; returns the one it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let entries = match &mut self.0 {
            Entries::Many(map) => return map.insert(key, value),
            Entries::Few(entries) => entries,
        };
        match entries.binary_search_by(|(one, _)| one.cmp(&key)) {
            Ok(at) => return Some(std::mem::replace(&mut entries[at].1, value)),
            Err(at) if entries.len() < FEW => {
                if entries.capacity() == 0 {
                    entries.reserve_exact(1);
                }
                entries.insert(at, (key, value));
            }
            Err(_) => {
                let mut map: BTreeMap<K, V> = std::mem::take(entries).into_iter().collect();
                map.insert(key, value);
                self.0 = Entries::Many(Box::new(map));
            }
        }
        None
    }
    /// Removes `key`; returns its value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        match &mut self.0 {
            Entries::Few(entries) => {
                let at = entries.iter().position(|(one, _)| one == key)?;
                Some(entries.remove(at).1)
            }
            Entries::Many(map) => {
                let value = map.remove(key);
                if map.is_empty() {
                    self.0 = Entries::Few(Vec::new());
                }
                value
            }
        }
    }
}

impl<K, V> IntoIterator for SmallMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::iter::Chain<
        std::iter::Flatten<std::option::IntoIter<std::vec::IntoIter<(K, V)>>>,
        std::iter::Flatten<std::option::IntoIter<btree_map::IntoIter<K, V>>>,
    >;

    fn into_iter(self) -> Self::IntoIter {
        let (few, many) = match self.0 {
            Entries::Few(entries) => (Some(entries.into_iter()), None),
            Entries::Many(map) => (None, Some(map.into_iter())),
        };
        few.into_iter().flatten().chain(many.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::SmallMap;
    use std::collections::BTreeMap;

    /// Does what a `BTreeMap` does, on both sides of the border between few and many.
    #[test]
    fn as_a_tree() {
        let (mut map, mut model) = (SmallMap::new(), BTreeMap::new());
        let mut seed = 7_u32;
        for step in 0..4000_u32 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Fills up and empties in turns.
            let (key, adds) = ((seed >> 16) % 40, (step / 100) % 2 == 0);
            if adds == (seed % 4 != 0) {
                assert_eq!(map.insert(key, step), model.insert(key, step));
            } else {
                assert_eq!(map.remove(&key), model.remove(&key));
            }
            assert_eq!(map.get(&key), model.get(&key));
            assert_eq!(map.len(), model.len());
            assert!(map.iter().eq(model.iter()));
        }
        assert!(map.into_iter().eq(model));
    }
}
