//! Terms and the per-process heap: tags, atoms, allocation, collection, copying.
//!
//! Knows nothing of processes, modules or schedulers: the caller names the roots of a collection.
//! Start with [`word`] for the layout, then [`Term`] and [`Heap`].
//!
//! A [`Term`] borrows the heap it lives on: allocating takes `&Heap` and moves nothing, collecting takes
//! `&mut Heap`, so no Rust code can hold a term across a collection.

pub mod arithmetic;
mod atom;
pub mod atoms;
mod bigint;
mod binary;
pub mod bits;
mod block;
mod collect;
#[cfg(test)]
mod collect_tests;
mod copy;
mod fun;
mod hash;
mod heap;
mod literal;
mod map;
mod number_map;
mod order;
mod print;
mod take_in;
mod term;
#[cfg(test)]
mod testing;
pub mod word;

pub use atom::{ATOM_CHARACTERS_MAX, ATOM_LIMIT_DEFAULT, Atom, AtomTable};
pub use bigint::{BIG_BITS_MAX, Big};
pub use binary::{BinaryHandle, HEAP_BINARY_BYTES_MAX, large_binary_bytes};
pub use collect::{CollectionKind, next_heap_size};
pub use copy::{OwnedTerm, size_in_words, size_in_words_shared};
pub use fun::{Export, FunEntry};
pub use hash::{in_range, internal_hash, phash, phash2};
pub use heap::{Heap, HeapOptions, LiteralRange, MagicObject, STACK_RESERVE_WORDS};
pub use literal::{LeavingLiterals, LiteralArea, LiteralBlock};
pub use map::{FLAT_MAP_KEYS_MAX, MapIter};
pub use number_map::{NumberHasher, NumberMap};
pub use print::{atom_text, display, display_text};
pub use term::{
    Bits, Cons, External, ExternalFun, Fun, Integer, ListIter, LocalReference, MatchContext, Pid, Port, Reference,
    Term, Tuple, Value,
};
pub use word::{Header, Kind, Word};
