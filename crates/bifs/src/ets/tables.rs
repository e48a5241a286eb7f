//! Making, deleting, naming and fixing tables.

use super::{badarg, because, find, tables};
use oxbeam_bif_macros::bif;
use oxbeam_ets::{Access, Garbage, Heir, Options, Protection, TableType, WriteConcurrency};
use oxbeam_runtime::{BifContext, BifResult, Holding, Signal, Vm};
use oxbeam_term::{Atom, LiteralRange, OwnedTerm, Term, atoms};
use parking_lot::Mutex;

/// The number of locks that OTP's own tests ask for: a power of two.
fn fixed_locks(value: Term<'_>) -> Option<u32> {
    let [tag, number] = value.as_tuple_of::<2>()?;
    let number = u32::try_from(number.as_u64()?).ok()?;
    (tag.is_atom(atoms::DEBUG_HASH_FIXED_NUMBER_OF_LOCKS) && number.is_power_of_two()).then_some(number)
}

/// Makes a table: its name if `named_table` is among the options, else its reference.
///
/// # Errors
///
/// `badarg` for wrong options; cause `already_exists` when the name is taken.
#[bif("ets:new/2")]
fn new<'h>(cx: &mut BifContext<'h>, name: Atom, options: Term<'h>) -> BifResult<'h> {
    let Some((options, heir)) = parse_options(cx, options) else { return cx.badarg() };
    let id = cx.vm.next_reference();
    cx.process.holds(Holding::TABLES);
    match tables(cx).create(id, name, cx.pid(), heir, options) {
        None => Err(because(cx, atoms::ALREADY_EXISTS)),
        Some(_) if options.named => Ok(Term::atom(name)),
        Some(table) => Ok(cx.heap.magic_reference(id.0, table)),
    }
}

fn parse_options(cx: &BifContext<'_>, list: Term<'_>) -> Option<(Options, Option<Heir>)> {
    let mut options = Options { compressed: cx.vm.options.ets_always_compressed, ..Options::default() };
    let mut heir = None;
    let mut decentralized = None;
    for option in list.to_vec()? {
        if let Some(atom) = option.as_atom() {
            match atom {
                atoms::SET => options.kind = TableType::Set,
                atoms::ORDERED_SET => options.kind = TableType::OrderedSet,
                atoms::BAG => options.kind = TableType::Bag,
                atoms::DUPLICATE_BAG => options.kind = TableType::DuplicateBag,
                atoms::NAMED_TABLE => options.named = true,
                atoms::COMPRESSED => options.compressed = true,
                other => options.protection = protection(Term::atom(other))?,
            }
        } else if let Some([key, value]) = option.as_tuple_of::<2>() {
            match key.as_atom()? {
                atoms::KEYPOS => options.key_index = value.as_usize()?.checked_sub(1)?,
                atoms::READ_CONCURRENCY => options.read_concurrency = value.as_boolean()?,
                atoms::DECENTRALIZED_COUNTERS => decentralized = Some(value.as_boolean()?),
                atoms::WRITE_CONCURRENCY => {
                    options.write_concurrency = match value.as_atom() {
                        Some(atoms::TRUE) => WriteConcurrency::On,
                        Some(atoms::FALSE) => WriteConcurrency::Off,
                        Some(atoms::AUTO) => WriteConcurrency::Auto,
                        Some(_) => return None,
                        None => WriteConcurrency::FixedLocks(fixed_locks(*value)?),
                    }
                }
                atoms::HEIR if value.is_atom(atoms::NONE) => heir = None,
                _ => return None,
            }
        } else {
            heir = parse_heir(cx, option)?;
        }
    }
    if options.protection == Protection::Private {
        options.write_concurrency = WriteConcurrency::Off;
    }
    if matches!(options.write_concurrency, WriteConcurrency::FixedLocks(_)) && options.kind == TableType::OrderedSet {
        return None;
    }
    options.decentralized_counters = match options.write_concurrency {
        WriteConcurrency::Off => false,
        WriteConcurrency::FixedLocks(_) => decentralized.unwrap_or(false),
        WriteConcurrency::On => decentralized.unwrap_or(options.kind == TableType::OrderedSet),
        WriteConcurrency::Auto => decentralized.unwrap_or(true),
    };
    Some((options, heir))
}

fn protection(term: Term<'_>) -> Option<Protection> {
    match term.as_atom()? {
        atoms::PUBLIC => Some(Protection::Public),
        atoms::PROTECTED => Some(Protection::Protected),
        atoms::PRIVATE => Some(Protection::Private),
        _ => None,
    }
}

/// `{heir, Pid, Data}`; a process that has ended is no heir.
fn parse_heir(cx: &BifContext<'_>, option: Term<'_>) -> Option<Option<Heir>> {
    let [tag, pid, data] = option.as_tuple_of::<3>()?;
    let pid = pid.as_pid().filter(|_| tag.is_atom(atoms::HEIR))?;
    let alive = pid == cx.pid() || cx.vm.process(pid).is_some();
    Some(alive.then(|| Heir { pid, data: OwnedTerm::copy(*data, LiteralRange::EMPTY) }))
}

/// Deletes a table.
#[bif("ets:delete/1")]
fn delete_table<'h>(cx: &mut BifContext<'h>, table: Term<'h>) -> BifResult<'h> {
    let table = find(cx, table)?;
    drop(table.write(cx, Access::Write)?);
    match tables(cx).delete(&table) {
        Some(garbage) => free(cx, garbage, Term::TRUE),
        None => Ok(Term::TRUE),
    }
}

/// Objects that are freed at once.
const FREE_OBJECTS: usize = 10_000;

/// Frees what a table held, yielding now and then, and returns `result`.
fn free<'h>(cx: &mut BifContext<'h>, mut garbage: Garbage, result: Term<'h>) -> BifResult<'h> {
    while garbage.free(FREE_OBJECTS) {
        if cx.spend(FREE_OBJECTS / 10) {
            let garbage = Vm::magic(Mutex::new(Some(garbage)));
            let reference = cx.heap.magic_reference(cx.vm.next_reference().0, garbage);
            return cx.again(free_again, &[reference, result]);
        }
    }
    Ok(result)
}

fn free_again<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    let &[reference, result] = arguments else { return cx.badarg() };
    let held = reference.as_reference().and_then(|reference| reference.downcast::<Mutex<Option<Garbage>>>());
    match held.and_then(|held| held.lock().take()) {
        Some(garbage) => free(cx, garbage, result),
        None => Ok(result),
    }
}

/// Gives a table another name and returns that, or for a table without registered name the table.
///
/// # Errors
///
/// `badarg` when the name is taken or no atom.
#[bif("ets:rename/2")]
fn rename<'h>(cx: &mut BifContext<'h>, table: Term<'h>, name: Term<'h>) -> BifResult<'h> {
    let found = find(cx, table)?;
    drop(found.write(cx, Access::Write)?);
    let (Some(name), Some(shared)) = (name.as_atom(), found.shared()) else { return cx.badarg() };
    if !tables(cx).rename(&shared, name) {
        return cx.badarg();
    }
    if found.options.named { Ok(Term::atom(name)) } else { Ok(found.reference(cx)) }
}

/// Fixes a table for traversal, or undoes one fixation of the caller's.
#[bif("ets:safe_fixtable/2")]
fn safe_fixtable<'h>(cx: &mut BifContext<'h>, table: Term<'h>, fix: Term<'h>) -> BifResult<'h> {
    let table = find(cx, table)?;
    drop(table.read(cx, Access::Read)?);
    let pid = cx.pid();
    let clock = &cx.vm.clock;
    cx.process.holds(Holding::TABLES);
    match fix.as_boolean() {
        Some(true) => tables(cx).fix(&table, pid, || {
            let monotonic = clock.monotonic();
            (monotonic, (monotonic + clock.offset()) / 1000)
        }),
        Some(false) => tables(cx).release(&table, pid, false),
        None => return Err(badarg(cx)),
    }
    Ok(Term::TRUE)
}

/// The reference of the table with this name, or `undefined`.
#[bif("ets:whereis/1")]
fn whereis<'h>(cx: &mut BifContext<'h>, name: Atom) -> BifResult<'h> {
    match tables(cx).named(name) {
        Some(shared) => Ok(super::Found::Shared(shared, Term::atom(name)).reference(cx)),
        None => Ok(Term::atom(atoms::UNDEFINED)),
    }
}

/// Sends the caller a message `{Reference, Tables}` for each scheduler, all tables in the first; returns the reference.
#[bif("ets:internal_request_all/0")]
fn internal_request_all<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let number = cx.vm.next_reference().0;
    let all = tables(cx).all();
    for scheduler in 0..cx.vm.schedulers.count() {
        let message = OwnedTerm::build(cx.literals(), |heap| {
            let part = if scheduler == 0 { all.as_slice() } else { &[] };
            let terms: Vec<Term<'_>> = part
                .iter()
                .filter_map(|shared| {
                    let table = oxbeam_ets::table_of(shared)?;
                    let state = table.read(cx.pid(), Access::Info).ok()?;
                    Some(match table.options.named {
                        true => Term::atom(state.name),
                        false => heap.magic_reference(table.id().0, shared.clone()),
                    })
                })
                .collect();
            heap.tuple(&[heap.reference(number), heap.list(&terms)])
        });
        cx.vm.signal(cx.process, Signal::Message(message));
    }
    cx.spend(all.len());
    Ok(cx.heap.reference(number))
}

/// Removes all objects. Returns how many there were when `count` is `undefined`, else `count`.
#[bif("ets:internal_delete_all/2")]
fn internal_delete_all<'h>(cx: &mut BifContext<'h>, table: Term<'h>, count: Term<'h>) -> BifResult<'h> {
    let table = find(cx, table)?;
    let (objects, gone) = {
        let mut state = table.write(cx, Access::Write)?;
        (state.len(), state.clear())
    };
    let count = if count.is_atom(atoms::UNDEFINED) { cx.heap.integer(objects as i64) } else { count };
    free(cx, gone, count)
}

pub(super) fn parse_protection(term: Term<'_>) -> Option<Protection> {
    protection(term)
}
pub(super) fn heir_option(cx: &BifContext<'_>, option: Term<'_>) -> Option<Option<Heir>> {
    parse_heir(cx, option)
}
