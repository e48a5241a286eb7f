//! Match specifications: compiled once to a small program for a stack machine, run on many objects.
//!
//! [`compile`] makes the program, [`run`] executes it. A pattern's operations take apart what stands on the stack; those
//! of guards and bodies put values there. What ends up in a result is copied to the caller's heap when it is pushed, so
//! that nothing on that heap ever refers to a table.

mod compile;
mod function;
mod key;
mod print;
mod run;

pub use key::KeyBound;
pub use run::{GuardCaller, Runner};

use function::Function;
use oxbeam_term::{Atom, OwnedTerm, Word};

/// Where a match specification is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// On objects of tables.
    Table,
    /// On the arguments of traced calls.
    Trace,
    /// On receiver and message of messages sent.
    Send,
    /// On node, sender and message of messages received.
    Receive,
}

/// What a pattern without guards gives (`ets:match/2`, `ets:match_object/2`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body {
    /// The values of its variables, in a list.
    Bindings,
    /// The whole object.
    Object,
}

/// A compiled match specification.
pub struct MatchSpec {
    clauses: Vec<Clause>,
    keys: Keys,
}

/// What a match specification says about the keys of objects that it may match.
pub enum Keys {
    /// Nothing.
    Any,
    /// They are among these.
    Among(Vec<OwnedTerm>),
    /// They begin like this.
    Bound(KeyBound),
}

impl MatchSpec {
    /// What it says about keys, if it was compiled for a table.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }
}

struct Clause {
    pattern: Vec<PatternOperation>,
    guard: Vec<Operation>,
    body: Vec<Operation>,
    variables: usize,
}

/// Takes one value off the stack; the match fails unless it fits.
enum PatternOperation {
    /// `'_'`
    Any,
    /// Binds a variable.
    Bind(u32),
    /// Must be what the variable is bound to.
    Same(u32),
    /// Must be this word.
    Immediate(Word),
    /// Must be exactly this term.
    Equal(OwnedTerm),
    /// A tuple of this size; its elements go on the stack, the first on top.
    Tuple(u32),
    /// A cons cell; tail and head go on the stack, the head on top.
    Cons,
    /// A map with these keys; their values go on the stack, the first on top.
    Map(Box<[OwnedTerm]>),
}

/// An operation of a guard or body. `Copy...` put what they push on the result's heap.
enum Operation {
    /// A variable, where it is.
    Variable(u32),
    /// A variable's value.
    CopyVariable(u32),
    /// A constant that is no pointer.
    Immediate(Word),
    /// A constant, where it is.
    Constant(OwnedTerm),
    /// A constant.
    CopyConstant(OwnedTerm),
    /// The object, where it is.
    Object,
    /// The object.
    CopyObject,
    /// The values of these variables, in a list.
    Bindings(Box<[u32]>),
    /// A tuple of the values on top, the last on top.
    Tuple(u32),
    /// A cons cell: head below, tail on top.
    Cons,
    /// A map of keys and values, each value above its key.
    Map(u32),
    /// The value on top, on the result's heap.
    CopyTop,
    /// A function of the values on top, the last argument on top.
    Call(Function, u8),
    /// All are true?
    And(u32),
    /// Is one true?
    Or(u32),
    /// If false is on top: on with the operation of this number; if true, takes it away.
    AndAlso(u32),
    /// If true is on top: on with the operation of this number; if false, takes it away.
    OrElse(u32),
    /// The calling process.
    SelfPid,
    /// Ends the clause unless `true` is on top; takes it away.
    Check,
    /// Takes a value away.
    Drop,
    /// An action of this name on the values on top, done by whoever runs the specification (bodies of traces).
    Action(Atom, u8),
    /// Makes the value on top what the trace message says; leaves `true` (bodies of traces).
    SetMessage,
    /// What the trace message says, `true` unless something else was set.
    Message,
}
