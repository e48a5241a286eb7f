//! Errors as `crypto` raises them: `{Tag, #{c_file_name, c_file_line_num, c_function_arg_num}, Text}`, of which
//! `crypto.erl` makes `{Tag, {File, Line}, Text}`.
//!
//! Files and lines are those of OTP 27.3.4's C sources, since programs and OTP's own tests see them.

use oxbeam_runtime::{BifContext, Interrupt};
use oxbeam_term::{Term, atoms};
use std::borrow::Cow;

/// A place in OTP's C sources.
pub(crate) type Place = (&'static str, u32);

/// What went wrong.
pub(crate) struct Failure {
    tag: &'static str,
    place: Place,
    /// Index of the argument of the NIF that was wrong, from 0.
    argument: Option<u8>,
    text: Cow<'static, str>,
}

/// An argument is wrong.
pub(crate) fn badarg(place: Place, argument: u8, text: impl Into<Cow<'static, str>>) -> Failure {
    Failure { tag: "badarg", place, argument: Some(argument), text: text.into() }
}

/// What an argument asks for is not there.
pub(crate) fn notsup(place: Place, argument: u8, text: &'static str) -> Failure {
    Failure { tag: "notsup", place, argument: Some(argument), text: text.into() }
}

/// What is asked for is not there, whatever the argument.
pub(crate) fn notsup_at_all(place: Place, text: &'static str) -> Failure {
    Failure { tag: "notsup", place, argument: None, text: text.into() }
}

/// The library failed.
pub(crate) fn error(place: Place, text: &'static str) -> Failure {
    Failure { tag: "error", place, argument: None, text: text.into() }
}

/// The library failed because of an argument.
pub(crate) fn error_of(place: Place, argument: u8, text: &'static str) -> Failure {
    Failure { tag: "error", place, argument: Some(argument), text: text.into() }
}

impl Failure {
    /// The exception.
    pub(crate) fn raise<'h>(self, cx: &BifContext<'h>) -> Box<Interrupt<'h>> {
        self.reason(cx).map_or_else(|full| full, Interrupt::error)
    }
    fn reason<'h>(&self, cx: &BifContext<'h>) -> Result<Term<'h>, Box<Interrupt<'h>>> {
        let argument = self.argument.map_or(-1, i64::from);
        let pairs = [
            (Term::atom(cx.intern("c_file_name")?), cx.heap.string(self.place.0)),
            (Term::atom(cx.intern("c_file_line_num")?), Term::small(self.place.1.into())),
            (Term::atom(cx.intern("c_function_arg_num")?), Term::small(argument)),
        ];
        let place = cx.heap.map_from_pairs(&pairs, cx.atoms());
        // The C sources make the text of bytes, whatever they mean.
        let text = cx.heap.byte_list(self.text.as_bytes(), Term::NIL);
        Ok(cx.heap.tuple(&[Term::atom(cx.intern(self.tag)?), place, text]))
    }
}

/// `error:notsup`, without a place.
pub(crate) fn raise_notsup<'h>(cx: &BifContext<'h>) -> Box<Interrupt<'h>> {
    cx.intern("notsup").map_or_else(|full| full, |notsup| cx.raise(notsup))
}

/// The atom `error`, which some functions return.
pub(crate) fn error_atom<'h>() -> Term<'h> {
    Term::atom(atoms::ERROR)
}
