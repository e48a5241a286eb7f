//! What funs and calls point to: cells owned by the machine that never move.

use crate::Atom;
use std::sync::atomic::AtomicU64;

/// A local fun's entry: which function it runs, and where its code is now.
///
/// One for each (module, uniq, index); it outlives the module's code, so that a fun of purged code can say so.
#[derive(Debug)]
pub struct FunEntry {
    /// Module that made the fun.
    pub module: Atom,
    /// Name of the lifted function.
    pub function: Atom,
    /// Arity of the fun itself (without its environment).
    pub arity: u8,
    /// Size of the environment, in terms.
    pub free_count: u32,
    /// Index in the module's table of lambdas.
    pub index: u32,
    /// The table's own "old uniq" of the lambda.
    pub old_uniq: u32,
    /// MD5 of the module.
    pub uniq: [u8; 16],
    /// Address of its code; 0 when the code is not loaded.
    pub address: AtomicU64,
}

/// An export cell: every external call and external fun goes through one.
#[derive(Debug)]
pub struct Export {
    /// Module of the function.
    pub module: Atom,
    /// Name of the function.
    pub function: Atom,
    /// Arity of the function.
    pub arity: u8,
    /// Address of its current code; the engine's "not loaded" stub when there is none.
    pub address: AtomicU64,
    /// Index of the built-in function behind it plus one; 0 when there is none.
    pub bif: AtomicU64,
}
