//! Module `os`: environment, signals, the operating system's process.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Heap, Term};
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStringExt;

/// The environment as Erlang code sees and changes it. Programs that the machine starts inherit it.
pub struct Environment {
    variables: RwLock<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl Default for Environment {
    fn default() -> Environment {
        let variables = std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec())).collect();
        Environment { variables: RwLock::new(variables) }
    }
}

impl Environment {
    /// The value of a variable.
    pub fn get(&self, name: &[u8]) -> Option<Vec<u8>> {
        self.variables.read().get(name).cloned()
    }
    /// Sets all variables at once.
    pub fn replace(&self, variables: Vec<(Vec<u8>, Vec<u8>)>) {
        *self.variables.write() = variables.into_iter().collect();
    }
    /// All variables, in order of their names.
    pub fn all(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.variables.read().iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// Text as the operating system takes it: characters in UTF-8, without zeros.
fn native(term: Term<'_>) -> Option<Vec<u8>> {
    let mut text = String::new();
    for character in term.to_vec()? {
        let character = char::from_u32(u32::try_from(character.as_u64()?).ok()?)?;
        if character == '\0' {
            return None;
        }
        text.push(character);
    }
    Some(text.into_bytes())
}

/// Text from the operating system as a list of characters; of bytes when it is not UTF-8.
fn characters<'t>(heap: &'t Heap, bytes: &[u8]) -> Term<'t> {
    match std::str::from_utf8(bytes) {
        Ok(text) => heap.string(text),
        Err(_) => heap.byte_list(bytes, Term::NIL),
    }
}

fn variable_name(term: Term<'_>) -> Option<Vec<u8>> {
    native(term).filter(|name| !name.contains(&b'='))
}

/// The value of an environment variable, or `false`.
///
/// # Errors
///
/// `badarg` unless the name is text.
#[bif("os:getenv/1")]
fn getenv<'h>(cx: &mut BifContext<'h>, name: Term<'h>) -> BifResult<'h> {
    let Some(name) = native(name) else { return cx.badarg() };
    Ok(match cx.vm.extension::<Environment>().get(&name) {
        Some(value) => characters(cx.heap, &value),
        None => Term::FALSE,
    })
}

/// Sets an environment variable.
///
/// # Errors
///
/// `badarg` unless both are text, the name without `=`.
#[bif("os:putenv/2")]
fn putenv<'h>(cx: &mut BifContext<'h>, name: Term<'h>, value: Term<'h>) -> BifResult<'h> {
    let (Some(name), Some(value)) = (variable_name(name), native(value)) else { return cx.badarg() };
    cx.vm.extension::<Environment>().variables.write().insert(name, value);
    Ok(Term::TRUE)
}

/// Removes an environment variable.
///
/// # Errors
///
/// `badarg` unless the name is text without `=`.
#[bif("os:unsetenv/1")]
fn unsetenv<'h>(cx: &mut BifContext<'h>, name: Term<'h>) -> BifResult<'h> {
    let Some(name) = variable_name(name) else { return cx.badarg() };
    cx.vm.extension::<Environment>().variables.write().remove(&name);
    Ok(Term::TRUE)
}

/// All environment variables as `{Name, Value}`.
#[bif("os:env/0")]
fn env<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let pairs: Vec<Term<'h>> = cx
        .vm
        .extension::<Environment>()
        .all()
        .iter()
        .map(|(name, value)| cx.heap.tuple(&[characters(cx.heap, name), characters(cx.heap, value)]))
        .collect();
    Ok(cx.heap.list(&pairs))
}

/// The number of this operating system process, as text.
#[bif("os:getpid/0")]
fn getpid<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(cx.heap.string(&std::process::id().to_string()))
}
