//! Atoms on their way to another node: told once, then referred to by their place in a cache that both ends keep.
//!
//! A message refers to its atoms by index ([`MessageAtoms`]), and its header says which place of the cache each has. Only the
//! header depends on what was sent before, so messages can be encoded in any order, and get their headers as they leave.

use crate::context::{EncodeContext, Node};
use oxbeam_term::{Atom, AtomTable, Pid};
use std::cell::RefCell;

/// Eight segments of 256 atoms.
pub const CACHE_SIZE: usize = 8 * 256;
/// In an atom's half byte of flags: it follows, and is to be remembered. The other bits are its segment.
pub(crate) const NEW_ENTRY: u8 = 8;
pub(crate) const SEGMENT_MASK: u8 = 7;
/// A header counts its atoms in one byte.
const MESSAGE_ATOMS_MAX: usize = 255;
/// So many are looked through; for more there is a table.
const SEARCHED_MAX: usize = 16;

/// The place that an atom has in the cache of every connection.
pub fn cache_place(atom: Atom) -> usize {
    atom.0 as usize % CACHE_SIZE
}

/// The atoms that the terms of one message refer to by index.
#[derive(Default)]
pub struct MessageAtoms {
    atoms: Vec<Atom>,
    /// For each place in the cache one more than the index of its atom, or 0.
    table: Option<Box<[u8; CACHE_SIZE]>>,
}

impl MessageAtoms {
    /// The atom's index; `None` when it has to be spelled out, since the header is full or its place is taken.
    fn index(&mut self, atom: Atom) -> Option<u8> {
        let place = cache_place(atom);
        let known = match &self.table {
            Some(table) => usize::from(table[place]).checked_sub(1),
            None => self.atoms.iter().position(|&other| cache_place(other) == place),
        };
        let index = match known {
            Some(index) if self.atoms[index] == atom => index,
            Some(_) => return None,
            None if self.atoms.len() == MESSAGE_ATOMS_MAX => return None,
            None => {
                self.push(atom);
                self.atoms.len() - 1
            }
        };
        u8::try_from(index).ok()
    }
    fn push(&mut self, atom: Atom) {
        self.atoms.push(atom);
        if self.table.is_none() && self.atoms.len() > SEARCHED_MAX {
            let mut table = Box::new([0; CACHE_SIZE]);
            for (number, &atom) in (1..).zip(&self.atoms) {
                table[cache_place(atom)] = number;
            }
            self.table = Some(table);
        } else if let Some(table) = &mut self.table {
            table[cache_place(atom)] = self.atoms.len() as u8;
        }
    }
    /// The atoms in the order of their indexes.
    pub fn into_atoms(self) -> Vec<Atom> {
        self.atoms
    }
}

/// A context that gives the atoms of one message indexes.
pub struct WithMessageAtoms<'c> {
    /// The context otherwise.
    pub context: &'c dyn EncodeContext,
    /// The atoms.
    pub atoms: RefCell<MessageAtoms>,
}

impl EncodeContext for WithMessageAtoms<'_> {
    fn atoms(&self) -> &AtomTable {
        self.context.atoms()
    }
    fn node(&self) -> Node {
        self.context.node()
    }
    fn local_key(&self) -> u64 {
        self.context.local_key()
    }
    fn init_process(&self) -> Pid {
        self.context.init_process()
    }
    fn cache_index(&self, atom: Atom) -> Option<u8> {
        self.atoms.borrow_mut().index(atom)
    }
}

/// The sending end of a connection: what the peer was told.
#[derive(Default)]
pub struct SentAtoms {
    /// By place; empty until something is sent.
    atoms: Vec<Option<Atom>>,
}

impl SentAtoms {
    /// The part of a message's header that is about atoms: how many, flags, and for each its place and, if the peer does
    /// not know it there, its text.
    pub fn header(&mut self, referred: &[Atom], table: &AtomTable) -> Vec<u8> {
        if referred.is_empty() {
            return vec![0];
        }
        if self.atoms.is_empty() {
            self.atoms = vec![None; CACHE_SIZE];
        }
        let is_long = referred
            .iter()
            .any(|&atom| self.atoms[cache_place(atom)] != Some(atom) && table.text(atom).len() > usize::from(u8::MAX));
        // Half a byte for each atom, and one more that says whether lengths have two bytes.
        let flags_end = 1 + referred.len() / 2 + 1;
        let mut header = Vec::with_capacity(flags_end + referred.len());
        header.push(referred.len() as u8);
        header.resize(flags_end, 0);
        let set_flags = |header: &mut Vec<u8>, index: usize, flags: u8| {
            header[1 + index / 2] |= flags << (index % 2 * 4);
        };
        set_flags(&mut header, referred.len(), u8::from(is_long));
        for (index, &atom) in referred.iter().enumerate() {
            let place = cache_place(atom);
            let is_new = self.atoms[place].replace(atom) != Some(atom);
            let flags = (place >> 8) as u8 & SEGMENT_MASK | if is_new { NEW_ENTRY } else { 0 };
            set_flags(&mut header, index, flags);
            header.push(place as u8);
            if is_new {
                let text = table.text(atom);
                let length = (text.len() as u16).to_be_bytes();
                header.extend(if is_long { &length[..] } else { &length[1..] });
                header.extend(text.bytes());
            }
        }
        header
    }
}
