//! BIFs of module `ets`, by family, and what they share: from a term to the table, its errors, ends of owners.

pub(crate) mod cursor;
pub(crate) mod information;
pub(crate) mod objects;
pub(crate) mod ownership;
pub(crate) mod select;
pub(crate) mod specification;
pub(crate) mod tables;
#[cfg(test)]
mod tests;

use oxbeam_ets::{
    Access, Object, SharedTable, Table, TableError, TableState, TableType, Tables, WriteConcurrency, table_of,
};
use oxbeam_runtime::{BifContext, Holding, Interrupt, RunStatus, Vm};
use oxbeam_term::{OwnedTerm, Pid, Term, atoms};
use parking_lot::{RwLockReadGuard, RwLockWriteGuard};
use std::ops::Deref;

/// Prepares a machine for tables: what processes own or fixed is cleaned up when they end.
pub fn install(vm: &Vm) {
    let tables = vm.extension::<Tables>().clone();
    vm.add_exit_hook(Holding::TABLES, Box::new(move |vm, process, _| process_ended(vm, &tables, process.pid())));
}

/// Undoes what a process that has ended holds: fixations go, tables go to their heirs or are deleted.
fn process_ended(vm: &Vm, tables: &Tables, pid: Pid) {
    for shared in tables.held_by(pid) {
        let Some(table) = table_of(&shared) else { continue };
        tables.release(table, pid, true);
        let heir = match table.read(pid, Access::Own) {
            Ok(state) => state.heir.as_ref().map(|heir| (heir.pid, heir.data.clone())),
            Err(_) => continue,
        };
        match heir {
            Some((heir, data)) if heir != pid && vm.process(heir).is_some() => {
                transfer(vm, tables, &shared, pid, heir, &data);
            }
            _ => drop(tables.delete(table)),
        }
    }
}

/// Makes `to` the owner and tells it so.
fn transfer(vm: &Vm, tables: &Tables, shared: &SharedTable, from: Pid, to: Pid, data: &OwnedTerm) {
    let Some(table) = table_of(shared) else { return };
    let receiver = vm.process(to);
    if let Some(receiver) = &receiver {
        receiver.holds(Holding::TABLES);
    }
    tables.give(table, to);
    vm.send_built(to, |heap| {
        let name = table.read(to, Access::Info).ok().map(|state| state.name).filter(|_| table.options.named);
        let table = match name {
            Some(name) => Term::atom(name),
            None => heap.magic_reference(table.id().0, shared.clone()),
        };
        heap.tuple(&[Term::atom(atoms::ETS_TRANSFER), table, Term::pid(from), heap.copy_in(data.term())])
    });
    if receiver.is_none_or(|receiver| receiver.status() == RunStatus::Dead) {
        // It ended before it could be seen to hold the table.
        process_ended(vm, tables, to);
    }
}

type Failure<'h> = Box<Interrupt<'h>>;

/// A table that a term names.
enum Found<'h> {
    /// By name, or by a reference that had been sent away as bytes; with the term.
    Shared(SharedTable, Term<'h>),
    /// By its magic reference, which keeps it.
    Borrowed(&'h Table, Term<'h>),
}

impl Deref for Found<'_> {
    type Target = Table;
    fn deref(&self) -> &Table {
        match self {
            Found::Shared(shared, _) => table_of(shared).expect("the registry holds tables only"),
            Found::Borrowed(table, _) => table,
        }
    }
}

impl<'h> Found<'h> {
    /// The table's reference.
    fn reference(&self, cx: &BifContext<'h>) -> Term<'h> {
        match self {
            Found::Shared(shared, _) => cx.heap.magic_reference(self.id().0, shared.clone()),
            Found::Borrowed(_, term) => *term,
        }
    }
    /// The term that the caller named it by.
    fn given(&self) -> Term<'h> {
        match self {
            Found::Shared(_, term) | Found::Borrowed(_, term) => *term,
        }
    }
    /// The table, counted.
    fn shared(&self) -> Option<SharedTable> {
        match self {
            Found::Shared(shared, _) => Some(shared.clone()),
            Found::Borrowed(_, term) => term.as_reference()?.shared_object(),
        }
    }
    fn read<'t>(&'t self, cx: &BifContext<'h>, access: Access) -> Result<RwLockReadGuard<'t, TableState>, Failure<'h>> {
        self.deref().read(cx.pid(), access).map_err(|error| failure(cx, error))
    }
    fn write<'t>(
        &'t self,
        cx: &BifContext<'h>,
        access: Access,
    ) -> Result<RwLockWriteGuard<'t, TableState>, Failure<'h>> {
        self.deref().write(cx.pid(), access).map_err(|error| failure(cx, error))
    }
}

/// The machine's tables.
fn tables<'h>(cx: &BifContext<'h>) -> &'h Tables {
    cx.vm.extension::<Tables>()
}

/// The table that a term names.
#[inline]
fn look_up<'h>(cx: &BifContext<'h>, term: Term<'h>) -> Result<Found<'h>, TableError> {
    if let Some(reference) = term.as_reference() {
        if let Some(table) = reference.downcast::<Table>() {
            return Ok(Found::Borrowed(table, term));
        }
        return tables(cx).by_id(reference.number()).map(|shared| Found::Shared(shared, term)).ok_or(TableError::Type);
    }
    match term.as_atom() {
        Some(name) => tables(cx).named(name).map(|shared| Found::Shared(shared, term)).ok_or(TableError::Id),
        None => Err(TableError::Type),
    }
}

/// As [`look_up`]; raises `badarg`.
#[inline]
fn find<'h>(cx: &BifContext<'h>, term: Term<'h>) -> Result<Found<'h>, Failure<'h>> {
    look_up(cx, term).map_err(|error| failure(cx, error))
}

/// Whether a table is ordered and made for concurrent writers; `None` when it is no table.
pub(crate) fn ordered_for_many<'h>(cx: &BifContext<'h>, table: Term<'h>) -> Option<bool> {
    let table = look_up(cx, table).ok()?;
    let concurrent = table.options.write_concurrency != WriteConcurrency::Off;
    Some(table.options.kind == TableType::OrderedSet && concurrent)
}

/// `badarg` with the cause that error texts want.
#[cold]
fn failure<'h>(cx: &BifContext<'h>, error: TableError) -> Failure<'h> {
    let cause = match error {
        TableError::Type => atoms::TYPE,
        TableError::Id => atoms::ID,
        TableError::Access => atoms::ACCESS,
    };
    because(cx, cause)
}

#[cold]
fn because<'h>(cx: &BifContext<'h>, cause: oxbeam_term::Atom) -> Failure<'h> {
    match cx.badarg_because::<()>(cause) {
        Err(interrupt) => interrupt,
        Ok(()) => cx.raise(atoms::BADARG),
    }
}

#[cold]
fn badarg<'h>(cx: &BifContext<'h>) -> Failure<'h> {
    cx.raise(atoms::BADARG)
}

/// Objects as a list on the caller's heap.
fn list_of<'h>(cx: &BifContext<'h>, objects: &[Object]) -> Term<'h> {
    match objects {
        [] => Term::NIL,
        [object] => cx.heap.cons(cx.heap.copy_in(object.term()), Term::NIL),
        _ => {
            let copies: Vec<Term<'h>> = objects.iter().map(|object| cx.heap.copy_in(object.term())).collect();
            cx.heap.list(&copies)
        }
    }
}
