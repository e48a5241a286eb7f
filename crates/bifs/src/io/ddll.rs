//! `erl_ddll`: drivers in shared libraries, of which this machine loads none.

use super::System;
use super::names::NameRules;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, Interrupt};
use oxbeam_term::{Term, atoms};

/// The drivers that are part of the machine.
const LINKED_IN: [&str; 2] = ["tcp_inet", "udp_inet"];
/// OTP's number for a library that cannot be opened.
const CANNOT_OPEN: i64 = -10;

fn error<'h>(cx: &BifContext<'h>, reason: &str) -> BifResult<'h> {
    let reason = cx.intern(reason)?;
    Ok(cx.error(reason))
}

fn driver_name<'h>(cx: &BifContext<'h>, name: Term<'h>) -> Result<Vec<u8>, Box<Interrupt<'h>>> {
    let rules = NameRules { atom: true, empty: false };
    let encoding = cx.vm.extension::<System>().name_encoding();
    encoding.to_native(name, rules, cx.atoms()).ok_or_else(|| cx.raise(atoms::BADARG))
}

fn is_linked_in(name: &[u8]) -> bool {
    LINKED_IN.iter().any(|driver| driver.as_bytes() == name)
}

/// Loads a driver: `{error, {open_error, Number}}`, as for a library that is not there; `{error, linked_in_driver}` for
/// one that is part of the machine.
#[bif("erl_ddll:try_load/3")]
fn try_load<'h>(cx: &mut BifContext<'h>, path: Term<'h>, name: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    driver_name(cx, path)?;
    let name = driver_name(cx, name)?;
    if !options.is_list() {
        return cx.badarg();
    }
    if is_linked_in(&name) {
        return error(cx, "linked_in_driver");
    }
    let reason = cx.heap.tuple(&[Term::atom(cx.intern("open_error")?), Term::small(CANNOT_OPEN)]);
    Ok(cx.heap.tuple(&[Term::atom(atoms::ERROR), reason]))
}

/// Unloads a driver: an error, since none is loaded.
#[bif("erl_ddll:try_unload/2")]
fn try_unload<'h>(cx: &mut BifContext<'h>, name: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    let name = driver_name(cx, name)?;
    if !options.is_list() {
        return cx.badarg();
    }
    error(cx, if is_linked_in(&name) { "linked_in_driver" } else { "not_loaded" })
}

/// The drivers there are: `{ok, [Name]}`.
#[bif("erl_ddll:loaded_drivers/0")]
fn loaded_drivers<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let names: Vec<Term<'h>> = LINKED_IN.iter().map(|name| cx.heap.string(name)).collect();
    Ok(cx.ok(cx.heap.list(&names)))
}

/// Tells when a driver is loaded (`'UP'`) or unloaded (`'DOWN'`): returns a reference, and sends the message at once,
/// since for all drivers that there can be it is decided.
///
/// # Errors
///
/// `badarg` for anything but `driver` and `{Name, loaded | unloaded | unloaded_only}`.
#[bif("erl_ddll:monitor/2")]
fn monitor<'h>(cx: &mut BifContext<'h>, kind: Term<'h>, what: Term<'h>) -> BifResult<'h> {
    let is_driver = kind.as_atom().is_some_and(|kind| cx.text(kind) == "driver");
    let Some([name, when]) = what.as_tuple_of::<2>().filter(|_| is_driver) else { return cx.badarg() };
    let name = driver_name(cx, *name)?;
    if !when.as_atom().is_some_and(|when| ["loaded", "unloaded", "unloaded_only"].contains(&cx.text(when))) {
        return cx.badarg();
    }
    let (tag, why) = if is_linked_in(&name) { ("UP", "permanent") } else { ("DOWN", "unloaded") };
    let reference = cx.make_reference();
    let shown = Term::atom(cx.intern(&String::from_utf8_lossy(&name))?);
    let (tag, why) = (Term::atom(cx.intern(tag)?), Term::atom(cx.intern(why)?));
    let message = cx.heap.tuple(&[tag, reference, kind, shown, why]);
    cx.vm.send_message(cx.pid(), cx.own(message));
    Ok(reference)
}

/// Ends a monitor of a driver: none waits, since each has been answered.
///
/// # Errors
///
/// `badarg` for what is no reference.
#[bif("erl_ddll:demonitor/1")]
fn demonitor<'h>(cx: &mut BifContext<'h>, reference: Term<'h>) -> BifResult<'h> {
    if reference.is_reference() { Ok(Term::TRUE) } else { cx.badarg() }
}

/// A fact about a driver: they are all part of the machine.
///
/// # Errors
///
/// `badarg` for a driver that is not there, and for unknown items.
#[bif("erl_ddll:info/2")]
fn info<'h>(cx: &mut BifContext<'h>, name: Term<'h>, item: Term<'h>) -> BifResult<'h> {
    let name = driver_name(cx, name)?;
    let item = item.as_atom().map(|item| cx.text(item)).filter(|_| is_linked_in(&name));
    Ok(match item {
        Some("processes" | "driver_options" | "port_count" | "awaiting_load" | "awaiting_unload") => {
            Term::atom(cx.intern("linked_in_driver")?)
        }
        Some("linked_in_driver") => Term::TRUE,
        Some("permanent") => Term::FALSE,
        _ => return cx.badarg(),
    })
}

/// The text of an error.
///
/// # Errors
///
/// `badarg` for what is none.
#[bif("erl_ddll:format_error_int/1")]
fn format_error<'h>(cx: &mut BifContext<'h>, code: Term<'h>) -> BifResult<'h> {
    if let Some([kind, number]) = code.as_tuple_of::<2>()
        && kind.as_atom().is_some_and(|kind| cx.text(kind) == "open_error")
        && number.as_small() == Some(CANNOT_OPEN)
    {
        return Ok(cx.heap.string("cannot open shared object file: No such file or directory"));
    }
    let text = match code.as_atom().map(|code| cx.text(code)) {
        Some("inconsistent") => "Driver name and/or driver options are inconsistent with currently loaded driver",
        Some("linked_in_driver") => "Driver is statically linked and cannot be loaded/unloaded",
        Some("permanent") => "DDLL driver is permanent an cannot be unloaded/loaded",
        Some("not_loaded") => "DDLL driver is not loaded",
        Some("not_loaded_by_this_process") => "DDLL driver was not loaded by this process",
        Some("not_pending") => "DDLL load not pending for this driver name",
        Some("already_loaded") => "DDLL driver is already loaded successfully",
        _ => return cx.badarg(),
    };
    Ok(cx.heap.string(text))
}
