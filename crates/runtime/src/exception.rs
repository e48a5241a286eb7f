//! What Erlang code raises.

use oxbeam_term::{Atom, Term, atoms};

/// Class of an exception.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// `error/1` and failing BIFs.
    Error,
    /// `exit/1`.
    Exit,
    /// `throw/1`.
    Throw,
}

impl Class {
    /// The atom that `catch Class:Reason` binds.
    pub fn atom(self) -> Atom {
        match self {
            Class::Error => atoms::ERROR,
            Class::Exit => atoms::EXIT,
            Class::Throw => atoms::THROW,
        }
    }
    /// The class of this atom.
    pub fn of(term: Term<'_>) -> Option<Class> {
        match term.as_atom()? {
            atoms::ERROR => Some(Class::Error),
            atoms::EXIT => Some(Class::Exit),
            atoms::THROW => Some(Class::Throw),
            _ => None,
        }
    }
}

/// Where an exception's stack trace comes from.
#[derive(Clone, Copy)]
pub enum Trace<'h> {
    /// The BIF that failed stands first, with its arguments and `error_info`; then its callers.
    Bif,
    /// The caller of the BIF stands first (`error/1,2,3`, `exit/1`, `throw/1`), with these arguments and this
    /// `error_info` map if given.
    Caller {
        /// A list of arguments in place of the arity.
        arguments: Option<Term<'h>>,
        /// Value for `error_info` in the first entry.
        error_info: Option<Term<'h>>,
    },
    /// Given as it is (`erlang:raise/3`).
    Given(Term<'h>),
}

/// An exception on its way to a handler.
#[derive(Clone, Copy)]
pub struct Exception<'h> {
    /// Its class.
    pub class: Class,
    /// Its reason.
    pub reason: Term<'h>,
    /// Where its stack trace comes from.
    pub trace: Trace<'h>,
    /// `cause` in the `error_info` of a failing BIF, if it says more than the arguments do.
    pub cause: Option<Term<'h>>,
}

impl<'h> Exception<'h> {
    /// An error raised by a BIF, with this reason.
    pub fn error(reason: Term<'h>) -> Exception<'h> {
        Exception { class: Class::Error, reason, trace: Trace::Bif, cause: None }
    }
}
