//! File names: between Erlang's strings and the bytes that the system knows.

use super::System;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{AtomTable, Bits, Term, atoms};
use std::borrow::Cow;

/// How file names are encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameEncoding {
    /// One byte a character.
    Latin1,
    /// UTF-8.
    Utf8,
}

/// What the file server does with the names in a folder that mean nothing in the encoding.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum BadNames {
    /// Leaves them out, with a warning.
    #[default]
    Warning,
    /// Leaves them out.
    Ignore,
    /// Fails.
    Error,
}

/// What a name may be beside a string or binary.
#[derive(Clone, Copy, Default)]
pub(crate) struct NameRules {
    /// An atom is its text.
    pub(crate) atom: bool,
    /// `[]` is the empty name.
    pub(crate) empty: bool,
}

impl NameEncoding {
    /// The native form of a name; `None` for what is no name. Zero bytes are refused.
    pub(crate) fn to_native(self, name: Term<'_>, rules: NameRules, atoms: &AtomTable) -> Option<Vec<u8>> {
        let native = if let Some(bytes) = name.as_binary() {
            bytes.into_owned()
        } else if let Some(atom) = name.as_atom() {
            if !rules.atom {
                return None;
            }
            let mut native = Vec::new();
            for character in atoms.text(atom).chars() {
                self.push(&mut native, u32::from(character))?;
            }
            native
        } else {
            self.string_to_native(name)?
        };
        (!native.contains(&0) && (rules.empty || !native.is_empty())).then_some(native)
    }
    fn string_to_native(self, string: Term<'_>) -> Option<Vec<u8>> {
        let mut native = Vec::new();
        let mut pending = vec![string];
        while let Some(term) = pending.pop() {
            let Some(cell) = term.as_cons() else {
                if term.is_nil() {
                    continue;
                }
                return None;
            };
            pending.push(cell.tail());
            match cell.head().as_small() {
                Some(character) => self.push(&mut native, u32::try_from(character).ok()?)?,
                None => pending.push(cell.head()),
            }
        }
        Some(native)
    }
    fn push(self, native: &mut Vec<u8>, character: u32) -> Option<()> {
        match self {
            NameEncoding::Latin1 => native.push(u8::try_from(character).ok()?),
            NameEncoding::Utf8 => {
                let character = char::from_u32(character)?;
                native.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        Some(())
    }
    /// The string for a native name; `None` if it is not valid in this encoding.
    pub(crate) fn to_string(self, native: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            NameEncoding::Latin1 => Some(native.iter().map(|&byte| char::from(byte)).collect()),
            NameEncoding::Utf8 => std::str::from_utf8(native).ok().map(Cow::Borrowed),
        }
    }
}

fn encoding(cx: &BifContext<'_>) -> NameEncoding {
    cx.vm.extension::<System>().name_encoding()
}

/// The native form of a file name, with a zero byte at its end.
///
/// # Errors
///
/// `badarg` for atoms, characters that cannot be encoded, and zero bytes.
#[bif("prim_file:internal_name2native/1")]
fn name_to_native<'h>(cx: &mut BifContext<'h>, name: Term<'h>) -> BifResult<'h> {
    let rules = NameRules { atom: false, empty: true };
    match encoding(cx).to_native(name, rules, cx.atoms()) {
        Some(mut native) => {
            native.push(0);
            Ok(cx.heap.binary_from_vec(native))
        }
        None => cx.badarg(),
    }
}

/// The string for a native name, or `{error, warning | ignore | error}`, as `+fn` says, when the bytes mean none.
#[bif("prim_file:internal_native2name/1")]
fn native_to_name<'h>(cx: &mut BifContext<'h>, native: Cow<'h, [u8]>) -> BifResult<'h> {
    match encoding(cx).to_string(&native) {
        Some(name) => Ok(cx.heap.string(&name)),
        None => Ok(cx.error(match cx.vm.extension::<System>().bad_names() {
            BadNames::Warning => atoms::WARNING,
            BadNames::Ignore => atoms::IGNORE,
            BadNames::Error => atoms::ERROR,
        })),
    }
}

/// The string for UTF-8, composed (as macOS's decomposed names need it).
///
/// # Errors
///
/// `badarg` for what is not UTF-8.
#[bif("prim_file:internal_normalize_utf8/1")]
fn normalize_utf8<'h>(cx: &mut BifContext<'h>, native: Cow<'h, [u8]>) -> BifResult<'h> {
    match std::str::from_utf8(&native) {
        Ok(name) if name.is_ascii() => Ok(cx.heap.string(name)),
        // Composing needs `unicode`'s own tables, which are Erlang code.
        Ok(_) => cx.call(cx.intern("unicode")?, cx.intern("characters_to_nfc_list")?, &[cx.heap.binary(&native)]),
        Err(_) => cx.badarg(),
    }
}

/// Does the binary mean a name in the native encoding?
#[bif("prim_file:is_translatable/1")]
fn is_translatable<'h>(cx: &mut BifContext<'h>, native: Bits<'h>) -> BifResult<'h> {
    if !native.is_binary() {
        return cx.badarg();
    }
    Ok(Term::boolean(encoding(cx).to_string(&native.to_bytes()).is_some()))
}

/// `utf8` or `latin1`.
#[bif("file:native_name_encoding/0")]
fn native_name_encoding<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(Term::atom(match encoding(cx) {
        NameEncoding::Latin1 => atoms::LATIN1,
        NameEncoding::Utf8 => atoms::UTF8,
    }))
}
