//! What the format needs to know of the machine around it.

use oxbeam_term::{Atom, AtomTable, Export, Heap, LocalReference, Pid, Reference, Term};
use std::hash::Hasher;

/// A node's name and incarnation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Node {
    /// Its name; `nonode@nohost` until the node is named.
    pub name: Atom,
    /// Its creation; 0 until the node is named.
    pub creation: u32,
}

/// What encoding asks of the machine.
pub trait EncodeContext {
    /// The machine's atoms.
    fn atoms(&self) -> &AtomTable;
    /// The name that this node's pids, ports and references go out under.
    fn node(&self) -> Node;
    /// A secret of this machine that seals terms in the `local` format, so that only it takes them back.
    fn local_key(&self) -> u64;
    /// The index under which a distribution message refers to the atom ([`crate::EncodeOptions::atom_cache`]); `None` to
    /// spell it out.
    fn cache_index(&self, atom: Atom) -> Option<u8> {
        let _ = atom;
        None
    }
    /// The process given as the creator of every fun: OTP names `init`.
    fn init_process(&self) -> Pid {
        Pid { number: 0, serial: 0 }
    }
}

/// What decoding asks of the machine.
pub trait DecodeContext: EncodeContext {
    /// The export cell of a function, made if need be; with `existing_only` (`safe`), none is made.
    fn export(&self, module: Atom, function: Atom, arity: u8, existing_only: bool) -> Option<&'static Export>;
    /// A local fun: the context finds or makes the entry and builds the fun with [`Heap::fun`].
    fn fun<'h>(&self, heap: &'h Heap, identity: &FunIdentity, environment: &[Term<'h>]) -> Option<Term<'h>>;
    /// A reference of this node from its three or more words. A machine that has aliases or magic references looks
    /// them up here; `None` refuses the reference.
    fn reference<'h>(&self, heap: &'h Heap, words: &[u32]) -> Option<Term<'h>> {
        Some(reference_from_words(heap, words))
    }
    /// The atom that a distribution message's header put at `index`; `None` outside such messages.
    fn cached_atom(&self, index: u8) -> Option<Atom> {
        let _ = index;
        None
    }
}

/// Which function a local fun runs, as the format says it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FunIdentity {
    /// Module that made the fun.
    pub module: Atom,
    /// MD5 of the module.
    pub uniq: [u8; 16],
    /// Index in the module's table of lambdas.
    pub index: u32,
    /// The index as older formats had it: the same in everything a present compiler makes.
    pub old_index: u32,
    /// The table's own "old uniq" of the lambda.
    pub old_uniq: u32,
    /// Arity of the fun itself.
    pub arity: u8,
    /// Size of the environment, in terms.
    pub free_count: u32,
}

/// Bits of a local reference's first word; the format allows no more.
pub(crate) const REFERENCE_FIRST_BITS: u32 = 18;
const PID_WORD_TAG: u64 = 3;
const PID_WORD_SHIFT: u32 = 4;
const PID_NUMBER_BITS: u32 = 28;

/// The 32-bit words of a local reference: three, or five for an alias, whose last two name its process.
///
/// The first number holds the first two words (the first of 18 bits only), the second number the third word.
pub fn reference_words(reference: Reference<'_>) -> Vec<u32> {
    let LocalReference([first, second]) = reference.number();
    debug_assert!(first as u32 >> REFERENCE_FIRST_BITS == 0, "a reference's first word has 18 bits");
    let mut words = vec![first as u32, (first >> 32) as u32, second as u32];
    if let Some(pid) = reference.alias_of() {
        let data = u64::from(pid.number) | u64::from(pid.serial) << PID_NUMBER_BITS;
        let word = data << PID_WORD_SHIFT | PID_WORD_TAG;
        words.extend([word as u32, (word >> 32) as u32]);
    }
    words
}

/// The local reference with these words: the inverse of [`reference_words`], for references that are not magic.
pub fn reference_from_words<'h>(heap: &'h Heap, words: &[u32]) -> Term<'h> {
    let word = |index: usize| u64::from(words.get(index).copied().unwrap_or(0));
    let number = [word(0) | word(1) << 32, word(2)];
    let pid = word(3) | word(4) << 32;
    if words.len() == 5 && pid & ((1 << PID_WORD_SHIFT) - 1) == PID_WORD_TAG {
        let data = pid >> PID_WORD_SHIFT;
        let mask = (1 << PID_NUMBER_BITS) - 1;
        let pid = Pid { number: (data & mask) as u32, serial: (data >> PID_NUMBER_BITS & mask) as u32 };
        return heap.alias_reference(number, pid);
    }
    heap.reference(number)
}

/// The seal of a term in the `local` format.
pub(crate) fn local_seal(key: u64, bytes: &[u8]) -> u32 {
    let mut hasher = std::collections::hash_map::DefaultHasher::new();
    hasher.write_u64(key);
    hasher.write(bytes);
    hasher.finish() as u32
}
