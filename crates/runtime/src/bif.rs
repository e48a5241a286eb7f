//! What a BIF is, and what it may ask of the machine.
//!
//! A BIF returns a value, raises an exception, or traps: it never blocks and never collects. NIFs of OTP's own
//! modules (`prim_file`, `prim_tty`, ...) are BIFs too, marked [`BifFlags::nif`].

use crate::{DirtyKind, Exception, Process, ProcessState, RunStatus, Vm};
use oxbeam_term::{Atom, AtomTable, Export, Heap, Integer, LiteralRange, OwnedTerm, Pid, Term, Tuple, atoms};
use std::borrow::Cow;

/// The Rust function behind a BIF. The slice holds exactly as many terms as the BIF's arity.
pub type BifFunction = for<'h> fn(&mut BifContext<'h>, &[Term<'h>]) -> BifResult<'h>;

/// What a BIF returns.
pub type BifResult<'h> = Result<Term<'h>, Box<Interrupt<'h>>>;

/// Why a BIF returns no value.
pub enum Interrupt<'h> {
    /// It failed.
    Raise(Exception<'h>),
    /// It is not finished.
    Trap(Trap<'h>),
}

/// How a BIF that is not finished goes on.
pub enum Trap<'h> {
    /// Call this Erlang function; its result is the BIF's.
    Call {
        /// The function.
        export: &'static Export,
        /// Its arguments.
        arguments: Vec<Term<'h>>,
    },
    /// Call this BIF function again with these arguments, after yielding if the process's reductions are used up, and
    /// after a collection if the heap wants one.
    Again {
        /// The function.
        function: BifFunction,
        /// Its arguments.
        arguments: Vec<Term<'h>>,
    },
    /// Call this BIF function with these arguments on a dirty scheduler.
    Dirty {
        /// Which kind.
        kind: DirtyKind,
        /// The function.
        function: BifFunction,
        /// Its arguments.
        arguments: Vec<Term<'h>>,
    },
    /// Call the same BIF with the same arguments again, from the start, on a dirty scheduler of this kind.
    HandOver(DirtyKind),
    /// Wait until a signal arrives, then call the same BIF with the same arguments.
    Wait,
    /// Yield, then return this value.
    Yield(Term<'h>),
    /// Throw away the stack, collect everything and wait for a message, then call this function.
    Hibernate {
        /// The function.
        export: &'static Export,
        /// Its arguments.
        arguments: Vec<Term<'h>>,
    },
    /// End the process with this reason, uncatchably.
    Exit(Term<'h>),
}

/// What kind of BIF it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct BifFlags {
    /// May be called in guards: no side effects, failure is not an error there.
    pub guard: bool,
    /// OTP has it as a NIF of the module.
    pub nif: bool,
    /// Runs on a dirty scheduler for blocking work.
    pub dirty_io: bool,
    /// Runs on a dirty scheduler for long computations.
    pub dirty_cpu: bool,
}

/// A BIF as the table lists it.
#[derive(Clone, Copy)]
pub struct BifEntry {
    /// Module name.
    pub module: &'static str,
    /// Function name.
    pub function: &'static str,
    /// Arity.
    pub arity: u8,
    /// What it runs.
    pub code: BifFunction,
    /// What kind it is.
    pub flags: BifFlags,
}

/// How far a BIF may overdraw its slice before its work is handed over to a dirty scheduler: another slice.
const OVERDRAWN_MAX: i32 = crate::SLICE_REDUCTIONS;

/// What a BIF works with: the process that called it and the machine.
pub struct BifContext<'h> {
    /// The machine.
    pub vm: &'h Vm,
    /// The caller's heap.
    pub heap: &'h Heap,
    /// The caller, as others see it.
    pub process: &'h std::sync::Arc<Process>,
    /// The caller, as only it may see it.
    pub state: &'h mut ProcessState,
    /// Reductions left in this slice; long work subtracts from it.
    pub reductions: &'h mut i32,
}

impl<'h> BifContext<'h> {
    /// The machine's atoms.
    pub fn atoms(&self) -> &'h AtomTable {
        &self.vm.atoms
    }
    /// Where the machine's literals live.
    pub fn literals(&self) -> LiteralRange {
        self.vm.literals()
    }
    /// The caller's pid.
    pub fn pid(&self) -> Pid {
        self.process.pid()
    }
    /// The atom with this name; raises `system_limit` when the table is full.
    pub fn intern(&self, name: &str) -> Result<Atom, Box<Interrupt<'h>>> {
        if name.chars().count() > oxbeam_term::ATOM_CHARACTERS_MAX {
            return Err(self.raise(atoms::SYSTEM_LIMIT));
        }
        self.vm.atoms.intern(name).ok_or_else(|| self.raise(atoms::SYSTEM_LIMIT))
    }
    /// The text of an atom.
    pub fn text(&self, atom: Atom) -> &'h str {
        self.vm.atoms.text(atom)
    }
    /// An error with an atom as its reason.
    pub fn raise(&self, reason: Atom) -> Box<Interrupt<'h>> {
        Interrupt::error(Term::atom(reason))
    }
    /// `badarg`.
    pub fn badarg<T>(&self) -> Result<T, Box<Interrupt<'h>>> {
        Err(self.raise(atoms::BADARG))
    }
    /// `badarg` with a `cause` for the text of the error.
    pub fn badarg_because<T>(&self, cause: Atom) -> Result<T, Box<Interrupt<'h>>> {
        let mut exception = Exception::error(Term::atom(atoms::BADARG));
        exception.cause = Some(Term::atom(cause));
        Err(Box::new(Interrupt::Raise(exception)))
    }
    /// Counts `amount` reductions; true when the slice is used up and the BIF should trap.
    pub fn spend(&mut self, amount: usize) -> bool {
        // Far from the end of the range, so that the engine can go on counting.
        let left = self.reductions.saturating_sub(i32::try_from(amount).unwrap_or(i32::MAX));
        *self.reductions = left.max(i32::MIN / 2);
        *self.reductions <= 0
    }
    /// Claims `amount` reductions for work that is about to be done. What is too much for an ordinary scheduler, which
    /// others wait for, is handed over: the BIF starts again on a dirty one. So it must not have had any effect yet.
    ///
    /// # Errors
    /// The trap that hands over, to be returned.
    pub fn work(&mut self, amount: usize) -> Result<(), Box<Interrupt<'h>>> {
        let before = *self.reductions;
        self.spend(amount);
        if *self.reductions >= -OVERDRAWN_MAX || self.is_dirty() {
            return Ok(());
        }
        *self.reductions = before;
        Err(self.hand_over())
    }
    /// The trap by which the BIF starts again on a dirty scheduler for computations, where it must not ask for that again.
    pub fn hand_over(&self) -> Box<Interrupt<'h>> {
        self.hand_over_as(DirtyKind::Cpu)
    }
    /// As [`hand_over`](Self::hand_over), to a dirty scheduler of this kind.
    pub fn hand_over_as(&self, kind: DirtyKind) -> Box<Interrupt<'h>> {
        Box::new(Interrupt::Trap(Trap::HandOver(kind)))
    }
    /// Does the BIF run on a dirty scheduler?
    pub fn is_dirty(&self) -> bool {
        self.process.status() == RunStatus::Dirty
    }
    /// Calls the BIF function again later.
    pub fn again(&self, function: BifFunction, arguments: &[Term<'h>]) -> BifResult<'h> {
        Err(Box::new(Interrupt::Trap(Trap::Again { function, arguments: arguments.to_vec() })))
    }
    /// Goes on in this BIF function on a dirty scheduler: for computations that are long only with some arguments. Those
    /// of the BIF should be the function's too, since they are what a stack trace shows.
    pub fn dirty(&self, function: BifFunction, arguments: &[Term<'h>]) -> BifResult<'h> {
        self.dirty_as(DirtyKind::Cpu, function, arguments)
    }
    /// As [`dirty`](Self::dirty), on a dirty scheduler of this kind.
    pub fn dirty_as(&self, kind: DirtyKind, function: BifFunction, arguments: &[Term<'h>]) -> BifResult<'h> {
        Err(Box::new(Interrupt::Trap(Trap::Dirty { kind, function, arguments: arguments.to_vec() })))
    }
    /// Goes on in an Erlang function.
    pub fn call(&self, module: Atom, function: Atom, arguments: &[Term<'h>]) -> BifResult<'h> {
        let export = self.vm.code.export(module, function, arguments.len() as u8);
        Err(Box::new(Interrupt::Trap(Trap::Call { export, arguments: arguments.to_vec() })))
    }
    /// A copy of `term` with its own memory, literals included: it may be kept anywhere.
    pub fn own(&self, term: Term<'_>) -> OwnedTerm {
        OwnedTerm::copy(term, LiteralRange::EMPTY)
    }
    /// A copy of `term` that shares literals: for messages, which are found when literals are released.
    pub fn own_message(&self, term: Term<'_>) -> OwnedTerm {
        OwnedTerm::copy(term, self.literals())
    }
    /// A new reference, unique within the machine.
    pub fn make_reference(&self) -> Term<'h> {
        self.heap.reference(self.vm.next_reference().0)
    }
    /// `{ok, value}`.
    pub fn ok(&self, value: Term<'h>) -> Term<'h> {
        self.heap.tuple(&[Term::atom(atoms::OK), value])
    }
    /// `{error, reason}`.
    pub fn error(&self, reason: Atom) -> Term<'h> {
        self.heap.tuple(&[Term::atom(atoms::ERROR), Term::atom(reason)])
    }
}

impl<'h> Interrupt<'h> {
    /// An error with this reason, raised by the BIF.
    pub fn error(reason: Term<'h>) -> Box<Interrupt<'h>> {
        Box::new(Interrupt::Raise(Exception::error(reason)))
    }
}

/// A BIF argument of a certain type; what does not convert is `badarg`.
pub trait FromTerm<'h>: Sized {
    /// The argument, or `None` when `term` is something else.
    fn from_term(term: Term<'h>) -> Option<Self>;
}

impl<'h> FromTerm<'h> for Term<'h> {
    fn from_term(term: Term<'h>) -> Option<Self> {
        Some(term)
    }
}
macro_rules! from_term {
    ($($type:ty => $method:ident),* $(,)?) => {
        $(impl<'h> FromTerm<'h> for $type {
            fn from_term(term: Term<'h>) -> Option<Self> {
                term.$method()
            }
        })*
    };
}
from_term! {
    Atom => as_atom,
    bool => as_boolean,
    i64 => as_i64,
    u64 => as_u64,
    usize => as_usize,
    f64 => as_float,
    Pid => as_pid,
    Tuple<'h> => as_tuple,
    Integer<'h> => as_integer,
    oxbeam_term::Bits<'h> => as_bits,
    oxbeam_term::Reference<'h> => as_reference,
    Cow<'h, [u8]> => as_binary,
}
impl<'h> FromTerm<'h> for u32 {
    fn from_term(term: Term<'h>) -> Option<Self> {
        term.as_u64()?.try_into().ok()
    }
}
