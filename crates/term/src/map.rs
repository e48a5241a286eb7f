//! Maps: flat up to [`FLAT_MAP_KEYS_MAX`] keys, hash array mapped tries beyond.
//!
//! A flat map's keys stand in a fixed order: as [`Term::compare_exact`] has it, but atoms by index. So two flat maps with
//! the same keys have equal keys tuples, and often the same one.
//!
//! A trie's node has a bitmap of the up to 16 children it has; a child is a leaf, which is a cons cell `[key|value]`, or a
//! node. The key's hash picks the way, four bits a level, the lowest first. Keys whose hashes agree in all 64 bits
//! share a *collision node*, whose bitmap is [`COLLISION`] and whose leaves are sorted by [`Term::compare_exact`].
//! Below the root no node holds a lone leaf, so maps with the same keys have the same shape.

use crate::hash::internal_hash;
use crate::{AtomTable, Heap, Kind, Term, Word};
use smallvec::SmallVec;
use std::cmp::Ordering;

/// Maps with more keys are tries.
pub const FLAT_MAP_KEYS_MAX: usize = 32;

/// Keys and values of a flat map in the making.
type Pairs<'h> = SmallVec<[(Term<'h>, Term<'h>); FLAT_MAP_KEYS_MAX + 1]>;

/// The way down a trie: nodes, and which child was taken.
type Path<'h> = SmallVec<[(Term<'h>, usize); LEVELS as usize + 1]>;

/// The bitmap of a collision node.
pub(crate) const COLLISION: i64 = -1;

const BITS_PER_LEVEL: u32 = 4;
const LEVELS: u32 = 64 / BITS_PER_LEVEL;

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
    #[inline(always)]
    pub(crate) fn flat_keys(self) -> &'h [Term<'h>] {
        self.boxed_terms()[0].boxed_terms()
    }
    /// The values of a flat map, in the order of its keys.
    #[inline(always)]
    pub(crate) fn flat_values(self) -> &'h [Term<'h>] {
        &self.boxed_terms()[1..]
    }
    /// Where a flat map has `key`.
    #[inline]
    fn flat_position(self, key: Term<'_>) -> Option<usize> {
        let keys = self.flat_keys();
        if key.word().is_pointer() {
            keys.iter().position(|other| other.is_exactly(key))
        } else {
            keys.iter().position(|other| other.is_same(key))
        }
    }
    /// The tuple of a small map's keys, which maps with the same keys may share; `None` for other terms.
    pub fn map_key_tuple(self) -> Option<Term<'h>> {
        self.is_boxed_of(Kind::FlatMap).then(|| self.boxed_terms()[0])
    }
    /// The value of `key` in a map; `None` for other terms.
    #[inline]
    pub fn map_get(self, key: Term<'_>) -> Option<Term<'h>> {
        match self.boxed_kind() {
            Some(Kind::FlatMap) => self.flat_position(key).map(|position| self.flat_values()[position]),
            Some(Kind::HashMap) => hash_map_get(self, internal_hash(key), key),
            _ => None,
        }
    }
    /// Has a map this key?
    pub fn is_map_key(self, key: Term<'_>) -> bool {
        self.map_get(key).is_some()
    }
    /// The keys and values of a map, in the order of `maps:iterator/1`; nothing for other terms.
    pub fn map_iter(self) -> MapIter<'h> {
        match self.boxed_kind() {
            Some(Kind::FlatMap) => MapIter { keys: self.flat_keys(), values: self.flat_values(), nodes: Vec::new() },
            Some(Kind::HashMap) => MapIter { keys: &[], values: &[], nodes: vec![self.root_children()] },
            _ => MapIter { keys: &[], values: &[], nodes: Vec::new() },
        }
    }
    fn root_children(self) -> &'h [Term<'h>] {
        children(self.boxed_terms()[1])
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
                None => self.nodes.push(children(child)),
            }
        }
    }
}

// --- nodes -------------------------------------------------------------------------------------------------------

#[inline]
fn children<'h>(node: Term<'h>) -> &'h [Term<'h>] {
    &node.boxed_terms()[1..]
}

/// Bitmap of a node; `None` for a collision node.
#[inline]
fn bitmap(node: Term<'_>) -> Option<u32> {
    let word = node.boxed_terms()[0].word();
    if word == Word::small(COLLISION) { None } else { Some(word.small_value() as u32) }
}

#[inline]
fn nibble(hash: u64, level: u32) -> u32 {
    (hash >> (level * BITS_PER_LEVEL)) as u32 & 15
}

/// The place among a node's children that belongs to `bit`.
#[inline]
fn slot(bitmap: u32, bit: u32) -> usize {
    (bitmap & (bit - 1)).count_ones() as usize
}

fn hash_map_get<'h>(map: Term<'h>, hash: u64, key: Term<'_>) -> Option<Term<'h>> {
    let mut node = map.boxed_terms()[1];
    let mut rest = hash;
    loop {
        let Some(bitmap) = bitmap(node) else {
            let mut leaves = children(node).iter().filter_map(|leaf| leaf.as_cons());
            return leaves.find(|leaf| leaf.head().is_exactly(key)).map(|leaf| leaf.tail());
        };
        let bit = 1 << (rest & 15);
        if bitmap & bit == 0 {
            return None;
        }
        let child = children(node)[slot(bitmap, bit)];
        if let Some(leaf) = child.as_cons() {
            return leaf.head().is_exactly(key).then(|| leaf.tail());
        }
        node = child;
        rest >>= BITS_PER_LEVEL;
    }
}

/// The order of keys in flat maps.
#[inline]
fn compare_flat_keys(a: Term<'_>, b: Term<'_>, atoms: &AtomTable) -> Ordering {
    match (a.as_atom(), b.as_atom()) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.compare_exact(b, atoms),
    }
}

/// What becomes of a key on the way down a trie.
enum Change<'h> {
    /// It has the value already, or it is not there to be changed.
    Nothing,
    /// The node's child or children are replaced; the flag tells whether the key is new.
    Node(Term<'h>, bool),
}

impl Heap {
    fn node<'h>(&'h self, bitmap: i64, children: &[Term<'h>]) -> Term<'h> {
        self.boxed_of_parts(Kind::HashNode, Term::small(bitmap), children)
    }
    /// A node like `node`, but with `child` in this place.
    fn node_with<'h>(&'h self, node: Term<'h>, place: usize, child: Term<'h>) -> Term<'h> {
        let copy = self.boxed_copy(node);
        // SAFETY: the copy was made just now and nobody else knows it; `place` is one of its children.
        unsafe { copy.word().pointer().add(2 + place).write(child.word().0) };
        copy
    }
    fn hash_map<'h>(&'h self, size: usize, root: Term<'h>) -> Term<'h> {
        self.boxed(Kind::HashMap, &[Word::small(size as i64).0, root.word().0])
    }
    /// A node for two leaves whose hashes agree below `level`.
    fn node_of_two<'h>(
        &'h self,
        level: u32,
        (old_hash, old): (u64, Term<'h>),
        (new_hash, new): (u64, Term<'h>),
        atoms: &AtomTable,
    ) -> Term<'h> {
        let mut split = level;
        while split < LEVELS && nibble(old_hash, split) == nibble(new_hash, split) {
            split += 1;
        }
        let mut node = if split == LEVELS {
            let mut leaves = [old, new];
            leaves.sort_by(|a, b| compare_leaves(*a, *b, atoms));
            self.node(COLLISION, &leaves)
        } else {
            let (old_index, new_index) = (nibble(old_hash, split), nibble(new_hash, split));
            let leaves = if old_index < new_index { [old, new] } else { [new, old] };
            self.node(1 << old_index | 1 << new_index, &leaves)
        };
        for upper in (level..split).rev() {
            node = self.node(1 << nibble(new_hash, upper), &[node]);
        }
        node
    }

    /// The trie with `key` set to `value`; only if it has the key already when `update` says so.
    fn trie_put<'h>(
        &'h self,
        root: Term<'h>,
        (key, value): (Term<'h>, Term<'h>),
        update: bool,
        atoms: &AtomTable,
    ) -> Change<'h> {
        let hash = internal_hash(key);
        let mut path: Path<'h> = SmallVec::new();
        let mut node = root;
        let changed = loop {
            let level = path.len() as u32;
            let Some(bitmap) = bitmap(node) else { break self.collision_put(node, key, value, update, atoms) };
            let bit = 1 << nibble(hash, level);
            let place = slot(bitmap, bit);
            if bitmap & bit == 0 {
                if update {
                    break Change::Nothing;
                }
                let mut all: SmallVec<[Term<'h>; 16]> = SmallVec::new();
                all.extend_from_slice(&children(node)[..place]);
                all.push(self.cons(key, value));
                all.extend_from_slice(&children(node)[place..]);
                break Change::Node(self.node(i64::from(bitmap | bit), &all), true);
            }
            let child = children(node)[place];
            let Some(leaf) = child.as_cons() else {
                path.push((node, place));
                node = child;
                continue;
            };
            if leaf.head().is_exactly(key) {
                if leaf.tail().is_same(value) {
                    break Change::Nothing;
                }
                break Change::Node(self.node_with(node, place, self.cons(key, value)), false);
            }
            if update {
                break Change::Nothing;
            }
            let (old, new) = ((internal_hash(leaf.head()), child), (hash, self.cons(key, value)));
            let below = self.node_of_two(level + 1, old, new, atoms);
            break Change::Node(self.node_with(node, place, below), true);
        };
        let Change::Node(mut node, new) = changed else { return Change::Nothing };
        for (parent, place) in path.into_iter().rev() {
            node = self.node_with(parent, place, node);
        }
        Change::Node(node, new)
    }

    fn collision_put<'h>(
        &'h self,
        node: Term<'h>,
        key: Term<'h>,
        value: Term<'h>,
        update: bool,
        atoms: &AtomTable,
    ) -> Change<'h> {
        let mut leaves = children(node).to_vec();
        let found = leaves.iter().position(|leaf| leaf_key(*leaf).is_exactly(key));
        match found {
            Some(place) if leaf_value(leaves[place]).is_same(value) => return Change::Nothing,
            Some(place) => leaves[place] = self.cons(key, value),
            None if update => return Change::Nothing,
            None => {
                let leaf = self.cons(key, value);
                let place = leaves.partition_point(|other| compare_leaves(*other, leaf, atoms).is_lt());
                leaves.insert(place, leaf);
            }
        }
        Change::Node(self.node(COLLISION, &leaves), found.is_none())
    }

    /// The trie without `key`, and the value it had.
    fn trie_remove<'h>(&'h self, root: Term<'h>, key: Term<'_>) -> Option<(Term<'h>, Term<'h>)> {
        let hash = internal_hash(key);
        let mut path: Path<'h> = SmallVec::new();
        let mut node = root;
        let (place, value) = loop {
            let Some(bitmap) = bitmap(node) else {
                let place = children(node).iter().position(|leaf| leaf_key(*leaf).is_exactly(key))?;
                break (place, leaf_value(children(node)[place]));
            };
            let bit = 1 << nibble(hash, path.len() as u32);
            if bitmap & bit == 0 {
                return None;
            }
            let place = slot(bitmap, bit);
            let child = children(node)[place];
            if let Some(leaf) = child.as_cons() {
                if !leaf.head().is_exactly(key) {
                    return None;
                }
                break (place, leaf.tail());
            }
            path.push((node, place));
            node = child;
        };
        let mut rest = children(node).to_vec();
        rest.remove(place);
        let bits = bitmap(node).map_or(COLLISION, |bits| i64::from(bits & !(1 << nibble(hash, path.len() as u32))));
        let mut changed = if rest.len() == 1 && rest[0].word().is_cons() && !path.is_empty() {
            rest[0]
        } else {
            self.node(bits, &rest)
        };
        while let Some((parent, place)) = path.pop() {
            let lone_leaf = changed.word().is_cons() && children(parent).len() == 1 && !path.is_empty();
            if !lone_leaf {
                changed = self.node_with(parent, place, changed);
            }
        }
        Some((changed, value))
    }
}

fn leaf_key<'h>(leaf: Term<'h>) -> Term<'h> {
    leaf.as_cons().map_or(Term::NIL, |cell| cell.head())
}

fn leaf_value<'h>(leaf: Term<'h>) -> Term<'h> {
    leaf.as_cons().map_or(Term::NIL, |cell| cell.tail())
}

fn compare_leaves(a: Term<'_>, b: Term<'_>, atoms: &AtomTable) -> Ordering {
    leaf_key(a).compare_exact(leaf_key(b), atoms)
}

// --- maps --------------------------------------------------------------------------------------------------------

impl Heap {
    /// `#{}`.
    pub fn empty_map(&self) -> Term<'_> {
        self.flat_map(self.tuple(&[]), &[])
    }
    /// A flat map of keys in order and their values.
    fn flat_map_of<'h>(&'h self, pairs: &[(Term<'h>, Term<'h>)]) -> Term<'h> {
        debug_assert!(pairs.len() <= FLAT_MAP_KEYS_MAX);
        let mut buffer = [Term::NIL; FLAT_MAP_KEYS_MAX];
        let buffer = &mut buffer[..pairs.len()];
        pairs.iter().zip(buffer.iter_mut()).for_each(|((key, _), to)| *to = *key);
        let keys = self.tuple(buffer);
        pairs.iter().zip(buffer.iter_mut()).for_each(|((_, value), to)| *to = *value);
        self.flat_map(keys, buffer)
    }
    /// A flat map with the keys of `map`, but another value in this place.
    fn flat_map_with<'h>(&'h self, map: Term<'h>, position: usize, value: Term<'h>) -> Term<'h> {
        let copy = self.boxed_copy(map);
        // SAFETY: the copy was made just now and nobody else knows it; `position` is one of its values.
        unsafe { copy.word().pointer().add(2 + position).write(value.word().0) };
        copy
    }

    /// `Map#{K1 => V1, ...}` when `map` is small and has all the keys, which are immediates; `None` if not. The same map
    /// when it has the very values too.
    #[inline]
    pub fn map_update_small<'h>(
        &'h self,
        map: Term<'h>,
        pairs: impl Iterator<Item = (Term<'h>, Term<'h>)> + Clone,
    ) -> Option<Term<'h>> {
        if !map.is_boxed_of(Kind::FlatMap) {
            return None;
        }
        let keys = map.flat_keys();
        let mut changed = false;
        for (key, value) in pairs.clone() {
            let position = keys.iter().position(|other| other.is_same(key))?;
            changed |= !map.flat_values()[position].is_same(value);
        }
        if !changed {
            return Some(map);
        }
        let copy = self.boxed_copy(map);
        for (key, value) in pairs {
            let position = keys.iter().position(|other| other.is_same(key))?;
            // SAFETY: the copy was made just now and nobody else knows it; `position` is one of its values.
            unsafe { copy.word().pointer().add(2 + position).write(value.word().0) };
        }
        Some(copy)
    }

    /// `Map#{Key => Value}`; `map` must be a map. The same map when it has the key with the very value.
    pub fn map_put<'h>(&'h self, map: Term<'h>, key: Term<'h>, value: Term<'h>, atoms: &AtomTable) -> Term<'h> {
        debug_assert!(map.is_map());
        if !map.is_boxed_of(Kind::FlatMap) {
            let size = map.map_size();
            return match self.trie_put(map.boxed_terms()[1], (key, value), false, atoms) {
                Change::Nothing => map,
                Change::Node(root, new) => self.hash_map(size + usize::from(new), root),
            };
        }
        if let Some(position) = map.flat_position(key) {
            let same = map.flat_values()[position].is_same(value);
            return if same { map } else { self.flat_map_with(map, position, value) };
        }
        let mut pairs: Pairs<'h> = map.map_iter().collect();
        if pairs.len() >= FLAT_MAP_KEYS_MAX {
            pairs.push((key, value));
            return self.map_from_pairs(&pairs, atoms);
        }
        let place = pairs.partition_point(|(other, _)| compare_flat_keys(*other, key, atoms).is_lt());
        pairs.insert(place, (key, value));
        self.flat_map_of(&pairs)
    }
    /// `Map#{Key := Value}`; `None` when `map` has no such key.
    pub fn map_update_exact<'h>(
        &'h self,
        map: Term<'h>,
        key: Term<'h>,
        value: Term<'h>,
        atoms: &AtomTable,
    ) -> Option<Term<'h>> {
        if map.is_boxed_of(Kind::FlatMap) {
            let position = map.flat_position(key)?;
            let same = map.flat_values()[position].is_same(value);
            return Some(if same { map } else { self.flat_map_with(map, position, value) });
        }
        map.map_get(key)?;
        Some(self.map_put(map, key, value, atoms))
    }
    /// `Map#{K1 := V1, ...}` in one go; `Err` has the least of the keys that `map` lacks.
    pub fn map_update_all<'h>(
        &'h self,
        map: Term<'h>,
        pairs: &[(Term<'h>, Term<'h>)],
        atoms: &AtomTable,
    ) -> Result<Term<'h>, Term<'h>> {
        let updated = if map.is_boxed_of(Kind::FlatMap) {
            let mut values: SmallVec<[Term<'h>; FLAT_MAP_KEYS_MAX]> = SmallVec::from_slice(map.flat_values());
            let known = pairs
                .iter()
                .all(|&(key, value)| map.flat_position(key).map(|position| values[position] = value).is_some());
            known.then(|| self.flat_map(map.boxed_terms()[0], &values))
        } else {
            pairs.iter().try_fold(map, |map, &(key, value)| self.map_update_exact(map, key, value, atoms))
        };
        updated.ok_or_else(|| {
            let missing = pairs.iter().map(|&(key, _)| key).filter(|key| map.map_get(*key).is_none());
            missing.min_by(|a, b| compare_flat_keys(*a, *b, atoms)).expect("one key was missing")
        })
    }
    /// `Map#{K1 => V1, ...}` in one go; later pairs win.
    pub fn map_put_all<'h>(&'h self, map: Term<'h>, pairs: &[(Term<'h>, Term<'h>)], atoms: &AtomTable) -> Term<'h> {
        let large = map.map_size() + pairs.len() > FLAT_MAP_KEYS_MAX;
        if pairs.len() == 1 || large || !map.is_boxed_of(Kind::FlatMap) {
            return pairs.iter().fold(map, |map, &(key, value)| self.map_put(map, key, value, atoms));
        }
        let mut all: Pairs<'h> = map.map_iter().collect();
        pairs.iter().for_each(|&pair| insert_flat(&mut all, pair, atoms));
        if all.len() == map.map_size() {
            if all.iter().zip(map.flat_values()).all(|((_, new), old)| new.is_same(*old)) {
                return map;
            }
            let values: SmallVec<[Term<'h>; FLAT_MAP_KEYS_MAX]> = all.iter().map(|&(_, value)| value).collect();
            return self.flat_map(map.boxed_terms()[0], &values);
        }
        self.flat_map_of(&all)
    }
    /// `maps:remove/2`: the same map when it has no such key.
    pub fn map_remove<'h>(&'h self, map: Term<'h>, key: Term<'_>, atoms: &AtomTable) -> Term<'h> {
        self.map_take(map, key, atoms).map_or(map, |(_, rest)| rest)
    }
    /// The value of `key` and the map without it.
    pub fn map_take<'h>(&'h self, map: Term<'h>, key: Term<'_>, atoms: &AtomTable) -> Option<(Term<'h>, Term<'h>)> {
        if map.is_boxed_of(Kind::FlatMap) {
            let position = map.flat_position(key)?;
            let mut pairs: Pairs<'h> = map.map_iter().collect();
            let (_, value) = pairs.remove(position);
            return Some((value, self.flat_map_of(&pairs)));
        }
        if !map.is_map() {
            return None;
        }
        let size = map.map_size() - 1;
        if size <= FLAT_MAP_KEYS_MAX {
            let value = map.map_get(key)?;
            let pairs: Vec<(Term<'h>, Term<'h>)> = map.map_iter().filter(|(other, _)| !other.is_exactly(key)).collect();
            return Some((value, self.map_from_pairs(&pairs, atoms)));
        }
        let (root, value) = self.trie_remove(map.boxed_terms()[1], key)?;
        Some((value, self.hash_map(size, root)))
    }
    /// A map of these keys and values; of several pairs with the same key the last one counts.
    pub fn map_from_pairs<'h>(&'h self, pairs: &[(Term<'h>, Term<'h>)], atoms: &AtomTable) -> Term<'h> {
        if pairs.len() <= FLAT_MAP_KEYS_MAX {
            return self.flat_map_of(&flat_pairs(pairs, atoms));
        }
        let mut hashed: Vec<Hashed<'h>> = pairs
            .iter()
            .map(|&(key, value)| Hashed { order: in_walking_order(internal_hash(key)), key, value })
            .collect();
        // A stable sort: pairs with the same key stay in their order.
        hashed.sort_by_key(|pair| pair.order);
        let hashed = without_duplicates(hashed);
        if hashed.len() <= FLAT_MAP_KEYS_MAX {
            let pairs: Vec<_> = hashed.iter().map(|pair| (pair.key, pair.value)).collect();
            return self.flat_map_of(&flat_pairs(&pairs, atoms));
        }
        let root = self.trie(&hashed, 0, atoms);
        self.hash_map(hashed.len(), root)
    }
    /// A trie of pairs in walking order whose hashes agree below `level`. Recursion is bounded by the number of levels.
    fn trie<'h>(&'h self, pairs: &[Hashed<'h>], level: u32, atoms: &AtomTable) -> Term<'h> {
        if level == LEVELS {
            let mut leaves: Vec<_> = pairs.iter().map(|pair| self.cons(pair.key, pair.value)).collect();
            leaves.sort_by(|a, b| compare_leaves(*a, *b, atoms));
            return self.node(COLLISION, &leaves);
        }
        let (mut all, mut bits) = ([Term::NIL; 16], 0i64);
        let index = |pair: &Hashed<'h>| (pair.order >> (60 - level * BITS_PER_LEVEL)) & 15;
        let groups = pairs.chunk_by(|a, b| index(a) == index(b));
        for (group, place) in groups.zip(&mut all) {
            bits |= 1 << index(&group[0]);
            *place = match group {
                [pair] => self.cons(pair.key, pair.value),
                _ => self.trie(group, level + 1, atoms),
            };
        }
        self.node(bits, &all[..bits.count_ones() as usize])
    }
    /// `maps:merge/2`: values of `second` win.
    pub fn map_merge<'h>(&'h self, first: Term<'h>, second: Term<'h>, atoms: &AtomTable) -> Term<'h> {
        let (first_size, second_size) = (first.map_size(), second.map_size());
        if first_size == 0 {
            return second;
        }
        if second_size == 0 || first.is_same(second) {
            return first;
        }
        if first.is_boxed_of(Kind::FlatMap) && second.is_boxed_of(Kind::FlatMap) {
            return self.merge_flat(first, second, atoms);
        }
        if second_size * 4 < first_size {
            return second.map_iter().fold(first, |map, (key, value)| self.map_put(map, key, value, atoms));
        }
        if first_size * 4 < second_size {
            let missing = first.map_iter().filter(|(key, _)| !second.is_map_key(*key));
            return missing.fold(second, |map, (key, value)| self.map_put(map, key, value, atoms));
        }
        let pairs: Vec<_> = first.map_iter().chain(second.map_iter()).collect();
        self.map_from_pairs(&pairs, atoms)
    }
    fn merge_flat<'h>(&'h self, first: Term<'h>, second: Term<'h>, atoms: &AtomTable) -> Term<'h> {
        let mut pairs = Vec::with_capacity(2 * FLAT_MAP_KEYS_MAX);
        let (mut left, mut right) = (first.map_iter().peekable(), second.map_iter().peekable());
        loop {
            let (Some(&a), Some(&b)) = (left.peek(), right.peek()) else { break };
            let order = if a.0.is_same(b.0) { Ordering::Equal } else { compare_flat_keys(a.0, b.0, atoms) };
            pairs.push(if order.is_lt() { a } else { b });
            if order.is_le() {
                left.next();
            }
            if order.is_ge() {
                right.next();
            }
        }
        pairs.extend(left.chain(right));
        if pairs.len() == second.map_size() {
            return second;
        }
        if pairs.len() == first.map_size() {
            let values: Vec<_> = pairs.iter().map(|&(_, value)| value).collect();
            return self.flat_map(first.boxed_terms()[0], &values);
        }
        if pairs.len() > FLAT_MAP_KEYS_MAX { self.map_from_pairs(&pairs, atoms) } else { self.flat_map_of(&pairs) }
    }
    /// `maps:keys/1`, in its order.
    pub fn map_keys<'h>(&'h self, map: Term<'h>) -> Term<'h> {
        self.list_of_map(map, map.map_iter().map(|(key, _)| key).collect())
    }
    /// `maps:values/1`, in its order.
    pub fn map_values<'h>(&'h self, map: Term<'h>) -> Term<'h> {
        self.list_of_map(map, map.map_iter().map(|(_, value)| value).collect())
    }
    /// OTP conses what it walks over in a large map, so the list is the other way round.
    fn list_of_map<'h>(&'h self, map: Term<'h>, mut elements: Vec<Term<'h>>) -> Term<'h> {
        if map.is_boxed_of(Kind::HashMap) {
            elements.reverse();
        }
        self.list(&elements)
    }
}

struct Hashed<'h> {
    order: u64,
    key: Term<'h>,
    value: Term<'h>,
}

/// The hash with its nibbles reversed: tries are walked in the order of these numbers.
fn in_walking_order(hash: u64) -> u64 {
    const LOW: u64 = 0x0f0f_0f0f_0f0f_0f0f;
    let bytes = hash.swap_bytes();
    (bytes & LOW) << 4 | bytes >> 4 & LOW
}

/// Keeps the last pair of each key.
fn without_duplicates<'h>(pairs: Vec<Hashed<'h>>) -> Vec<Hashed<'h>> {
    let mut unique: Vec<Hashed<'h>> = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let same_hash = unique.iter_mut().rev().take_while(|other| other.order == pair.order);
        match same_hash.into_iter().find(|other| other.key.is_exactly(pair.key)) {
            Some(earlier) => *earlier = pair,
            None => unique.push(pair),
        }
    }
    unique
}

fn insert_flat<'h>(sorted: &mut Pairs<'h>, pair: (Term<'h>, Term<'h>), atoms: &AtomTable) {
    // Keys mostly come in order: from another map, or from the external format.
    if sorted.last().is_none_or(|(last, _)| compare_flat_keys(*last, pair.0, atoms).is_lt()) {
        return sorted.push(pair);
    }
    match sorted.binary_search_by(|(other, _)| compare_flat_keys(*other, pair.0, atoms)) {
        Ok(place) => sorted[place].1 = pair.1,
        Err(place) => sorted.insert(place, pair),
    }
}

/// Pairs by the order of keys in flat maps, the last one of each key.
fn flat_pairs<'h>(pairs: &[(Term<'h>, Term<'h>)], atoms: &AtomTable) -> Pairs<'h> {
    let mut sorted = Pairs::with_capacity(pairs.len());
    pairs.iter().for_each(|&pair| insert_flat(&mut sorted, pair, atoms));
    sorted
}

// --- iterators ---------------------------------------------------------------------------------------------------

/// A node on the way to a leaf, and which of its children comes next.
struct Stop<'h> {
    children: &'h [Term<'h>],
    next: usize,
    collision: bool,
}

impl Heap {
    /// `erts_internal:map_next(Path, Map, Mode)`: at most `limit` keys and values from `path` on. `None` is `badarg`.
    ///
    /// `mode` is `iterator`, giving `{K1, V1, {K2, V2, none | [Path | Map]}}`, or a list to put in front of:
    /// `[{K2, V2}, {K1, V1} | Mode]`, and `[Path, Map | ...]` before that if there is more. A path is a number that has the
    /// place at each level in four bits, the root's lowest; or for an ordered iterator the list of keys.
    pub fn map_next<'h>(&'h self, path: Term<'h>, map: Term<'h>, mode: Term<'h>, limit: usize) -> Option<Term<'h>> {
        let iterator = mode.is_atom(crate::atoms::ITERATOR);
        if !map.is_map() || !(iterator || mode.is_list()) {
            return None;
        }
        let limit = limit.max(1);
        if iterator && path.is_list() {
            return self.ordered_next(path, map, limit);
        }
        if map.is_boxed_of(Kind::FlatMap) {
            if usize::try_from(path.as_small()?).ok()? > map.map_size() {
                return None;
            }
            let pairs: Vec<_> = map.map_iter().collect();
            return Some(if iterator {
                self.iterator_of(&pairs, Term::atom(crate::atoms::NONE))
            } else {
                let pairs: Vec<_> = pairs.iter().map(|&(key, value)| self.tuple(&[key, value])).collect();
                self.list_with_tail(&pairs, mode)
            });
        }
        let start = path_number(path)?;
        let limit = if start == 0 { limit.min(FLAT_MAP_KEYS_MAX) } else { limit };
        let (pairs, next) = walk_from(map, start, limit)?;
        let next = next.map(|next| self.double_integer(next as i128));
        Some(if iterator {
            let rest = next.map_or(Term::atom(crate::atoms::NONE), |next| self.cons(next, map));
            self.iterator_of(&pairs, rest)
        } else {
            let list = pairs.iter().fold(mode, |list, &(key, value)| self.cons(self.tuple(&[key, value]), list));
            next.map_or(list, |next| self.cons(next, self.cons(map, list)))
        })
    }

    fn iterator_of<'h>(&'h self, pairs: &[(Term<'h>, Term<'h>)], rest: Term<'h>) -> Term<'h> {
        pairs.iter().rev().fold(rest, |rest, &(key, value)| self.tuple(&[key, value, rest]))
    }

    fn ordered_next<'h>(&'h self, keys: Term<'h>, map: Term<'h>, limit: usize) -> Option<Term<'h>> {
        let mut walk = keys.list_iter();
        let found = walk.by_ref().take(limit).map(|key| map.map_get(key).map(|value| (key, value)));
        let pairs = found.collect::<Option<Vec<_>>>()?;
        let rest = match walk.tail() {
            tail if tail.is_nil() => Term::atom(crate::atoms::NONE),
            tail if tail.word().is_cons() => self.cons(tail, map),
            _ => return None,
        };
        Some(self.iterator_of(&pairs, rest))
    }
}

/// A path has up to 17 places of four bits.
fn path_number(path: Term<'_>) -> Option<u128> {
    match path.as_integer()? {
        integer if integer.is_negative() => None,
        crate::Integer::Small(value) => u128::try_from(value).ok(),
        crate::Integer::Big(big) => match *big.limbs() {
            [low] => Some(u128::from(low)),
            [low, high] => Some(u128::from(low) | u128::from(high) << 64),
            _ => None,
        },
    }
}

/// Keys and values of a trie from a path on, and the path of the first one left out.
type Walked<'h> = (Vec<(Term<'h>, Term<'h>)>, Option<u128>);

fn walk_from<'h>(map: Term<'h>, mut path: u128, limit: usize) -> Option<Walked<'h>> {
    let stop = |node: Term<'h>, next| Stop { children: children(node), next, collision: bitmap(node).is_none() };
    let mut stops = vec![stop(map.boxed_terms()[1], (path & 15) as usize)];
    let mut pairs = Vec::with_capacity(limit.min(map.map_size()));
    while let Some(child) = stops.last().and_then(|last| last.children.get(last.next)) {
        if child.word().is_cons() {
            break;
        }
        path >>= BITS_PER_LEVEL;
        stops.push(stop(*child, (path & 15) as usize));
    }
    let last = stops.last()?;
    if last.next >= last.children.len() {
        return None;
    }
    while let Some(last) = stops.last_mut() {
        let Some(&child) = last.children.get(last.next) else {
            stops.pop();
            if let Some(parent) = stops.last_mut() {
                parent.next += 1;
            }
            continue;
        };
        let Some(leaf) = child.as_cons() else {
            stops.push(stop(child, 0));
            continue;
        };
        // A collision node is never left in the middle: it may have more leaves than four bits can count.
        if pairs.len() >= limit && !(last.collision && last.next > 0) {
            let place = |path: u128, stop: &Stop<'h>| path << BITS_PER_LEVEL | stop.next as u128;
            return Some((pairs, Some(stops.iter().rev().fold(0, place))));
        }
        pairs.push((leaf.head(), leaf.tail()));
        last.next += 1;
    }
    Some((pairs, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HeapOptions;
    use crate::testing::{Random, parse};
    use std::collections::BTreeMap;

    fn setting() -> (Heap, AtomTable) {
        (Heap::new(HeapOptions::default()), AtomTable::new(crate::ATOM_LIMIT_DEFAULT))
    }

    /// Lists of keys, and what `maps:keys/1` made of them.
    const KEYS: &str = include_str!("../tests/data/map_keys.tsv");

    #[test]
    fn walks_in_the_order_of_the_real_system() {
        for line in KEYS.lines().take(if cfg!(miri) { 1 } else { usize::MAX }) {
            let (heap, atoms) = setting();
            let (keys, expected) = line.split_once('\t').unwrap();
            let (keys, expected) = (parse(keys, &heap, &atoms), parse(expected, &heap, &atoms));
            let pairs: Vec<_> = keys.list_iter().map(|key| (key, Term::small(0))).collect();
            let map = heap.map_from_pairs(&pairs, &atoms);
            assert!(heap.map_keys(map).is_exactly(expected), "keys of {line}");
            let put = pairs.iter().fold(heap.empty_map(), |map, &(key, value)| heap.map_put(map, key, value, &atoms));
            assert!(put.is_exactly(map) && heap.map_keys(put).is_exactly(expected), "one by one: {line}");
        }
    }

    #[test]
    fn behaves_as_a_dictionary() {
        let (heap, atoms) = setting();
        let mut random = Random::new(7);
        let rounds = if cfg!(miri) { 101 } else { 20_000 };
        let (mut map, mut model) = (heap.empty_map(), BTreeMap::new());
        for round in 0..rounds {
            let (number, value) = (random.below(if round / 1000 % 2 == 0 { 200 } else { 30 }) as i64, round as i64);
            let key = if number % 3 == 0 { heap.tuple(&[Term::small(number)]) } else { Term::small(number) };
            match random.below(4) {
                0 | 1 => {
                    map = heap.map_put(map, key, Term::small(value), &atoms);
                    model.insert(number, value);
                }
                2 => {
                    let taken = heap.map_take(map, key, &atoms);
                    assert_eq!(taken.map(|(value, _)| value.as_small().unwrap()), model.remove(&number));
                    map = taken.map_or(map, |(_, rest)| rest);
                }
                _ => {
                    let updated = heap.map_update_exact(map, key, Term::small(value), &atoms);
                    assert_eq!(updated.is_some(), model.contains_key(&number));
                    if let Some(updated) = updated {
                        map = updated;
                        model.insert(number, value);
                    }
                }
            }
            assert_eq!(map.map_size(), model.len());
            assert_eq!(map.map_get(key).map(|value| value.as_small().unwrap()), model.get(&number).copied());
            if round % 100 == 0 {
                check_against(map, &model, &heap, &atoms);
            }
        }
    }

    fn check_against<'h>(map: Term<'h>, model: &BTreeMap<i64, i64>, heap: &'h Heap, atoms: &AtomTable) {
        let key = |number: i64| if number % 3 == 0 { heap.tuple(&[Term::small(number)]) } else { Term::small(number) };
        let pairs: Vec<_> = model.iter().map(|(&number, &value)| (key(number), Term::small(value))).collect();
        let built = heap.map_from_pairs(&pairs, atoms);
        assert!(built.is_exactly(map), "built at once and step by step differ");
        assert_eq!(built.boxed_kind(), map.boxed_kind());
        let (left, right) = pairs.split_at(pairs.len() / 3);
        let merged = heap.map_merge(heap.map_from_pairs(left, atoms), heap.map_from_pairs(right, atoms), atoms);
        assert!(merged.is_exactly(map), "merged differs");
        assert!(built.compare(map, atoms).is_eq());
    }

    #[test]
    fn same_value_gives_the_same_map() {
        let (heap, atoms) = setting();
        for size in [1, 32, 33, if cfg!(miri) { 100 } else { 1000 }] {
            let pairs: Vec<_> = (0..size).map(|i| (Term::small(i), Term::small(-i))).collect();
            let map = heap.map_from_pairs(&pairs, &atoms);
            assert!(heap.map_put(map, Term::small(0), Term::small(0), &atoms).is_same(map));
            assert!(heap.map_remove(map, Term::small(-1), &atoms).is_same(map));
            assert!(heap.map_merge(map, map, &atoms).is_exactly(map));
        }
    }

    #[test]
    fn colliding_keys_share_a_node() {
        let (heap, atoms) = setting();
        let leaf = |i: i64| heap.cons(Term::small(i), Term::small(i));
        // Keys with one hash cannot be had; this is the node as `node_of_two` makes it.
        let node = heap.node_of_two(1, (5, leaf(2)), (5, leaf(1)), &atoms);
        let mut deepest = node;
        let mut depth = 1;
        while bitmap(deepest).is_some() {
            assert_eq!(children(deepest).len(), 1);
            (deepest, depth) = (children(deepest)[0], depth + 1);
        }
        assert_eq!((depth, children(deepest).len()), (16, 2));
        assert_eq!(leaf_key(children(deepest)[0]).as_small(), Some(1));
        let Change::Node(three, true) = heap.collision_put(deepest, Term::small(0), Term::NIL, false, &atoms) else {
            panic!("a third key is new")
        };
        assert_eq!(leaf_key(children(three)[0]).as_small(), Some(0));
    }

    #[test]
    fn iterators_go_on_where_they_stopped() {
        let (heap, atoms) = setting();
        for size in if cfg!(miri) { [0i64, 1, 33] } else { [1, 32, 1000] } {
            let pairs: Vec<_> = (0..size).map(|i| (Term::small(i), Term::small(-i))).collect();
            let map = heap.map_from_pairs(&pairs, &atoms);
            let walked: Vec<i64> = map.map_iter().map(|(key, _)| key.as_small().unwrap()).collect();
            for limit in if cfg!(miri) { [1, 7, 32] } else { [1, 7, 5000] } {
                assert_eq!(through_iterator(map, limit, &heap), walked);
                let mut list = heap.map_next(Term::small(0), map, Term::NIL, limit).unwrap();
                while let Some(cell) = list.as_cons().filter(|cell| cell.head().is_integer()) {
                    let rest = cell.tail().as_cons().unwrap();
                    list = heap.map_next(cell.head(), rest.head(), rest.tail(), limit).unwrap();
                }
                let mut keys: Vec<_> =
                    list.list_iter().map(|pair| pair.as_tuple().unwrap().elements()[0].as_small().unwrap()).collect();
                if size > 32 {
                    keys.reverse();
                }
                assert_eq!(keys, walked);
            }
            let iterator = Term::atom(crate::atoms::ITERATOR);
            assert!(heap.map_next(Term::small(0x1ffff), map, iterator, 10).is_none());
            assert!(heap.map_next(Term::small(-1), map, iterator, 10).is_none());
        }
    }

    fn through_iterator(map: Term<'_>, limit: usize, heap: &Heap) -> Vec<i64> {
        let iterator = Term::atom(crate::atoms::ITERATOR);
        let mut keys = Vec::new();
        let mut state = heap.map_next(Term::small(0), map, iterator, limit).unwrap();
        loop {
            if let Some(tuple) = state.as_tuple() {
                keys.push(tuple.elements()[0].as_small().unwrap());
                state = tuple.elements()[2];
            } else if let Some(cell) = state.as_cons() {
                state = heap.map_next(cell.head(), cell.tail(), iterator, limit).unwrap();
            } else {
                assert!(state.is_atom(crate::atoms::NONE));
                return keys;
            }
        }
    }
}
