//! Atoms: a table of UTF-8 names that only grows, read without locks.

use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// An atom by its index in the machine's [`AtomTable`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct Atom(pub u32);

/// The number of atoms a machine may hold unless told otherwise (OTP's `+t` default).
pub const ATOM_LIMIT_DEFAULT: u32 = 1_048_576;
/// Longest atom name, in characters.
pub const ATOM_CHARACTERS_MAX: usize = 255;

// Under Miri each look at a chunk costs as much as the chunk is long.
const CHUNK_BITS: u32 = if cfg!(miri) { 6 } else { 10 };
const CHUNK_SIZE: usize = 1 << CHUNK_BITS;
const CHUNKS_MAX: usize = if cfg!(miri) { 1 << 7 } else { 1 << 15 };
const NAMES_AT_FIRST: usize = if cfg!(miri) { 0 } else { 1 << 14 };

type Chunk = Box<[OnceLock<Box<str>>]>;

/// The atoms of one machine.
///
/// Names are looked up under a lock; an atom's text is read without one, since entries never move nor go.
pub struct AtomTable {
    by_name: RwLock<HashMap<Box<str>, u32>>,
    chunks: Box<[OnceLock<Chunk>]>,
    count: AtomicU32,
    limit: u32,
    /// Name (low half) and creation of this node.
    this_node: AtomicU64,
}

impl AtomTable {
    /// A table that holds the well-known atoms of [`crate::atoms`] and may grow to `limit` atoms.
    pub fn new(limit: u32) -> AtomTable {
        let table = AtomTable {
            by_name: RwLock::new(HashMap::with_capacity(NAMES_AT_FIRST)),
            chunks: (0..CHUNKS_MAX).map(|_| OnceLock::new()).collect(),
            count: AtomicU32::new(0),
            limit: limit.clamp(8192, (CHUNKS_MAX * CHUNK_SIZE) as u32),
            this_node: AtomicU64::new(u64::from(crate::atoms::NONODE_NOHOST.0)),
        };
        for (index, name) in crate::atoms::NAMES.iter().enumerate() {
            let atom = table.intern(name);
            debug_assert_eq!(atom, Some(Atom(index as u32)), "well-known atom {name} is listed twice");
        }
        table
    }
    /// The atom with this name, made if need be; `None` when the table is full.
    pub fn intern(&self, name: &str) -> Option<Atom> {
        if let Some(atom) = self.existing(name) {
            return Some(atom);
        }
        let mut by_name = self.by_name.write();
        if let Some(&index) = by_name.get(name) {
            return Some(Atom(index));
        }
        let index = self.count.load(Ordering::Relaxed);
        if index >= self.limit {
            return None;
        }
        let chunk = self.chunks[index as usize >> CHUNK_BITS]
            .get_or_init(|| (0..CHUNK_SIZE).map(|_| OnceLock::new()).collect());
        let filled = chunk[index as usize & (CHUNK_SIZE - 1)].set(name.into());
        debug_assert!(filled.is_ok(), "an atom's slot is filled once, under the lock");
        by_name.insert(name.into(), index);
        self.count.store(index + 1, Ordering::Release);
        Some(Atom(index))
    }
    /// The atom with this name, if it exists.
    pub fn existing(&self, name: &str) -> Option<Atom> {
        self.by_name.read().get(name).map(|&index| Atom(index))
    }
    /// The text of `atom`.
    pub fn text(&self, atom: Atom) -> &str {
        self.chunks[atom.0 as usize >> CHUNK_BITS]
            .get()
            .and_then(|chunk| chunk[atom.0 as usize & (CHUNK_SIZE - 1)].get())
            .map_or("", |name| name)
    }
    /// How many atoms there are.
    pub fn count(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }
    /// How many atoms there may be.
    pub fn limit(&self) -> u32 {
        self.limit
    }
    /// Name and creation of this node, `nonode@nohost` and 0 unless it is alive. Kept here because the order of local
    /// and external identifiers depends on it.
    pub fn this_node(&self) -> (Atom, u32) {
        let node = self.this_node.load(Ordering::Acquire);
        (Atom(node as u32), (node >> 32) as u32)
    }
    /// Sets name and creation of this node.
    pub fn set_this_node(&self, name: Atom, creation: u32) {
        self.this_node.store(u64::from(name.0) | u64::from(creation) << 32, Ordering::Release);
    }
    /// Bytes held by names (for `erlang:memory/1`).
    pub fn text_bytes(&self) -> usize {
        (0..self.count()).map(|index| self.text(Atom(index)).len()).sum()
    }
}
