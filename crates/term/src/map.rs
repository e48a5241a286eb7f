//! Maps: flat up to [`FLAT_MAP_KEYS_MAX`] keys, hash array mapped tries beyond.
//!
//! A flat map's keys stand in a fixed order: as [`Term::compare_exact`] has it, but atoms by index. So two flat maps with
//! the same keys have equal keys tuples, and often the same one.

use crate::{Kind, Term};

/// Maps with more keys are tries.
pub const FLAT_MAP_KEYS_MAX: usize = 32;

impl<'h> Term<'h> {
    /// Number of keys of a map; 0 for other terms.
    #[inline]
    pub fn map_size(self) -> usize {
        match self.boxed_kind() {
            Some(Kind::FlatMap) => self.boxed_words().len() - 1,
            Some(Kind::HashMap) => self.boxed_terms()[0].as_small().unwrap_or(0) as usize,
            _ => 0,
        }
    }
    /// The keys of a flat map, in its order.
    #[inline]
    pub(crate) fn flat_keys(self) -> &'h [Term<'h>] {
        self.boxed_terms()[0].boxed_terms()
    }
    /// The values of a flat map, in the order of its keys.
    #[inline]
    pub(crate) fn flat_values(self) -> &'h [Term<'h>] {
        &self.boxed_terms()[1..]
    }
    /// The value of `key` in a map.
    pub fn map_get(self, key: Term<'_>) -> Option<Term<'h>> {
        self.map_iter().find(|(other, _)| other.is_exactly(key)).map(|(_, value)| value)
    }
    /// The keys and values of a map, in OTP's order; nothing for other terms.
    pub fn map_iter(self) -> MapIter<'h> {
        match self.boxed_kind() {
            Some(Kind::FlatMap) => MapIter { keys: self.flat_keys(), values: self.flat_values(), nodes: Vec::new() },
            Some(Kind::HashMap) => MapIter { keys: &[], values: &[], nodes: vec![&self.boxed_terms()[1..]] },
            _ => MapIter { keys: &[], values: &[], nodes: Vec::new() },
        }
    }
}

/// Walks a map, see [`Term::map_iter`].
#[derive(Clone)]
pub struct MapIter<'h> {
    keys: &'h [Term<'h>],
    values: &'h [Term<'h>],
    /// What is left of the nodes of a trie, the innermost last.
    nodes: Vec<&'h [Term<'h>]>,
}

impl<'h> Iterator for MapIter<'h> {
    type Item = (Term<'h>, Term<'h>);
    fn next(&mut self) -> Option<(Term<'h>, Term<'h>)> {
        if let (Some((&key, keys)), Some((&value, values))) = (self.keys.split_first(), self.values.split_first()) {
            (self.keys, self.values) = (keys, values);
            return Some((key, value));
        }
        loop {
            let rest = self.nodes.last_mut()?;
            let Some((&child, others)) = rest.split_first() else {
                self.nodes.pop();
                continue;
            };
            *rest = others;
            match child.as_cons() {
                Some(leaf) => return Some((leaf.head(), leaf.tail())),
                None => self.nodes.push(&child.boxed_terms()[1..]),
            }
        }
    }
}
