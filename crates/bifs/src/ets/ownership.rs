//! Who owns a table, and options that the owner may change.

use super::tables::{heir_option, parse_protection};
use super::{badarg, because, find, tables, transfer};
use oxbeam_bif_macros::bif;
use oxbeam_ets::{Access, Heir, Protection};
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Term, atoms};

/// Makes another process the owner; it gets a message `{'ETS-TRANSFER', Table, Caller, Gift}`.
///
/// # Errors
///
/// `badarg`, with cause `not_owner` or `owner` when the caller is not, or the other process is the owner.
#[bif("ets:give_away/3")]
fn give_away<'h>(cx: &mut BifContext<'h>, table: Term<'h>, pid: Term<'h>, gift: Term<'h>) -> BifResult<'h> {
    let found = find(cx, table)?;
    let owner = found.write(cx, Access::Write)?.owner;
    if owner != cx.pid() {
        return Err(because(cx, atoms::NOT_OWNER));
    }
    let Some(to) = pid.as_pid() else { return Err(badarg(cx)) };
    if to == owner {
        return Err(because(cx, atoms::OWNER));
    }
    let (Some(_), Some(shared)) = (cx.vm.process(to), found.shared()) else { return Err(badarg(cx)) };
    transfer(cx.vm, &tables(cx), &shared, owner, to, &cx.own(gift));
    Ok(Term::TRUE)
}

/// Changes `heir` or `protection`: one option or a list of different ones.
#[bif("ets:setopts/2")]
fn setopts<'h>(cx: &mut BifContext<'h>, table: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    let table = find(cx, table)?;
    if table.write(cx, Access::Write)?.owner != cx.pid() {
        return Err(badarg(cx));
    }
    let list = if options.is_list() { options.to_vec() } else { Some(vec![options]) };
    let mut heir: Option<Option<Heir>> = None;
    let mut protection: Option<Protection> = None;
    for option in list.ok_or_else(|| badarg(cx))? {
        let twice = match option.as_tuple_of::<2>() {
            Some([key, value]) if key.is_atom(atoms::HEIR) && value.is_atom(atoms::NONE) => {
                heir.replace(None).is_some()
            }
            Some([key, value]) if key.is_atom(atoms::PROTECTION) => {
                let value = parse_protection(*value).ok_or_else(|| badarg(cx))?;
                protection.replace(value).is_some()
            }
            Some(_) => true,
            None => heir.replace(heir_option(cx, option).ok_or_else(|| badarg(cx))?).is_some(),
        };
        if twice {
            return Err(badarg(cx));
        }
    }
    let mut state = table.write(cx, Access::Own)?;
    if let Some(heir) = heir {
        state.heir = heir;
    }
    if let Some(protection) = protection {
        state.protection = protection;
    }
    Ok(Term::TRUE)
}
