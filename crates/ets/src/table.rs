//! A table: its options, who may do what with it, and its objects.
//!
//! All that changes stands in [`TableState`], under one lock that many readers share. [`Table::read`] and
//! [`Table::write`] take it and check the caller's right; a table that was deleted stays as an empty shell while
//! references to it live.

use crate::Object;
use crate::hash_table::HashTable;
use crate::match_spec::KeyBound;
use crate::ordered_table::{OrderedTable, Place};
use oxbeam_term::{Atom, AtomTable, Heap, LocalReference, OwnedTerm, Pid, Term, Tuple, atoms};
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::cmp::Ordering;

/// How keys are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TableType {
    /// One object for each key; keys are equal when `=:=`.
    Set,
    /// One object for each key, in term order; keys are equal when `==`.
    OrderedSet,
    /// Different objects may have the same key.
    Bag,
    /// Objects may have the same key, and be equal.
    DuplicateBag,
}

impl TableType {
    /// Its atom.
    pub fn atom(self) -> Atom {
        match self {
            TableType::Set => atoms::SET,
            TableType::OrderedSet => atoms::ORDERED_SET,
            TableType::Bag => atoms::BAG,
            TableType::DuplicateBag => atoms::DUPLICATE_BAG,
        }
    }
    /// May a key have several objects?
    pub fn is_bag(self) -> bool {
        matches!(self, TableType::Bag | TableType::DuplicateBag)
    }
}

/// Who may read and write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protection {
    /// Everybody reads and writes.
    Public,
    /// Everybody reads, the owner writes.
    Protected,
    /// Only the owner.
    Private,
}

impl Protection {
    /// Its atom.
    pub fn atom(self) -> Atom {
        match self {
            Protection::Public => atoms::PUBLIC,
            Protection::Protected => atoms::PROTECTED,
            Protection::Private => atoms::PRIVATE,
        }
    }
}

/// The option `write_concurrency`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteConcurrency {
    /// `false`
    Off,
    /// `true`
    On,
    /// `auto`
    Auto,
    /// `{debug_hash_fixed_number_of_locks, Number}`, for tests.
    FixedLocks(u32),
}

impl WriteConcurrency {
    /// As `ets:info/2` tells it.
    pub fn term<'h>(self, heap: &'h Heap) -> Term<'h> {
        match self {
            WriteConcurrency::Off => Term::FALSE,
            WriteConcurrency::On => Term::TRUE,
            WriteConcurrency::Auto => Term::atom(atoms::AUTO),
            WriteConcurrency::FixedLocks(number) => {
                heap.tuple(&[Term::atom(atoms::DEBUG_HASH_FIXED_NUMBER_OF_LOCKS), Term::small(i64::from(number))])
            }
        }
    }
}

/// Who gets the table when its owner ends, with the data for the message.
pub struct Heir {
    /// The process.
    pub pid: Pid,
    /// What it is told.
    pub data: OwnedTerm,
}

/// How a table is made.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Type.
    pub kind: TableType,
    /// Protection.
    pub protection: Protection,
    /// Place of the key in the objects, from 0.
    pub key_index: usize,
    /// Is the name registered?
    pub named: bool,
    /// Accepted; reads are always concurrent.
    pub read_concurrency: bool,
    /// Accepted.
    pub write_concurrency: WriteConcurrency,
    /// Accepted.
    pub decentralized_counters: bool,
    /// Accepted; objects are kept as they are.
    pub compressed: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            kind: TableType::Set,
            protection: Protection::Protected,
            key_index: 0,
            named: false,
            read_concurrency: false,
            write_concurrency: WriteConcurrency::Off,
            decentralized_counters: false,
            compressed: false,
        }
    }
}

/// A process that fixed the table, and how often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fixation {
    /// The process.
    pub pid: Pid,
    /// How often.
    pub count: usize,
}

/// Why a table cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TableError {
    /// The term names no table of any time.
    Type,
    /// There is no such table (any more).
    Id,
    /// The caller may not do that.
    Access,
}

/// What a caller wants to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Look at objects.
    Read,
    /// Change objects.
    Write,
    /// Look at what everybody may know.
    Info,
    /// What only the owner may, whatever the protection says.
    Own,
}

/// A table.
pub struct Table {
    id: LocalReference,
    /// How it was made.
    pub options: Options,
    state: RwLock<TableState>,
}

/// What changes in a table.
pub struct TableState {
    kind: TableType,
    key_index: usize,
    store: Store,
    /// Its owner.
    pub owner: Pid,
    /// Who gets it next.
    pub heir: Option<Heir>,
    /// Who may read and write now.
    pub protection: Protection,
    /// Its name, registered or not.
    pub name: Atom,
    /// Who fixed it.
    pub fixations: Vec<Fixation>,
    /// When it was fixed first: monotonic time, and time of day in microseconds.
    pub fixed_since: (i64, i64),
    pub(crate) deleted: bool,
}

enum Store {
    Hash(HashTable),
    Ordered(OrderedTable),
}

/// What a deleted or emptied table held. Dropping it takes time for each object: large ones are freed in portions.
pub struct Garbage(Store);

impl Garbage {
    /// Frees some objects, about `count`; false when nothing is left.
    pub fn free(&mut self, count: usize) -> bool {
        match &mut self.0 {
            Store::Hash(table) => table.free(count),
            Store::Ordered(table) => table.free(count),
        }
    }
}

/// Where a traversal of a table stands.
#[derive(Clone, Copy)]
pub enum Position<'k> {
    /// At the beginning (the end, when going backwards).
    Start,
    /// Tables with hashed keys: next to be looked at.
    Index(usize),
    /// Ordered tables: the last key that was looked at.
    After(Term<'k>),
}

/// How a walk over a table ended.
pub enum Visit<'t> {
    /// Everything was looked at.
    Done,
    /// Tables with hashed keys: to be continued here.
    Index(usize),
    /// Ordered tables: to be continued after the key of this object.
    After(&'t Object),
}

/// What a walk does after an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Goes on.
    Continue,
    /// Stops behind this object's key.
    Stop,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(id: LocalReference, name: Atom, owner: Pid, heir: Option<Heir>, options: Options) -> Table {
        let store = match options.kind {
            TableType::OrderedSet => Store::Ordered(OrderedTable::new()),
            TableType::Set | TableType::Bag | TableType::DuplicateBag => Store::Hash(HashTable::new()),
        };
        let state = TableState {
            kind: options.kind,
            key_index: options.key_index,
            store,
            owner,
            heir,
            protection: options.protection,
            name,
            fixations: Vec::new(),
            fixed_since: (0, 0),
            deleted: false,
        };
        Table { id, options, state: RwLock::new(state) }
    }
    /// The numbers of its reference.
    pub fn id(&self) -> LocalReference {
        self.id
    }
    /// Its state, to be read by `caller`.
    ///
    /// # Errors
    /// When it was deleted, or `caller` may not.
    #[inline]
    pub fn read(&self, caller: Pid, access: Access) -> Result<RwLockReadGuard<'_, TableState>, TableError> {
        let state = self.state.read();
        state.check(caller, access)?;
        Ok(state)
    }
    /// Its state, to be changed by `caller`.
    ///
    /// # Errors
    /// When it was deleted, or `caller` may not.
    #[inline]
    pub fn write(&self, caller: Pid, access: Access) -> Result<RwLockWriteGuard<'_, TableState>, TableError> {
        let state = self.state.write();
        state.check(caller, access)?;
        Ok(state)
    }
    pub(crate) fn lock(&self) -> RwLockWriteGuard<'_, TableState> {
        self.state.write()
    }
    pub(crate) fn look(&self) -> RwLockReadGuard<'_, TableState> {
        self.state.read()
    }
}

impl TableState {
    #[inline]
    fn check(&self, caller: Pid, access: Access) -> Result<(), TableError> {
        if self.deleted {
            return Err(TableError::Id);
        }
        let allowed = match (access, self.protection) {
            (Access::Info, _) | (Access::Read | Access::Write, Protection::Public) => true,
            (Access::Read, Protection::Protected) => true,
            (Access::Read, Protection::Private) | (Access::Write, Protection::Protected | Protection::Private) => {
                self.owner == caller
            }
            (Access::Own, _) => self.owner == caller,
        };
        if allowed { Ok(()) } else { Err(TableError::Access) }
    }
    /// How keys are kept.
    pub fn kind(&self) -> TableType {
        self.kind
    }
    /// Place of the key, from 0.
    pub fn key_index(&self) -> usize {
        self.key_index
    }
    /// Number of objects.
    pub fn len(&self) -> usize {
        match &self.store {
            Store::Hash(table) => table.len(),
            Store::Ordered(table) => table.len(),
        }
    }
    /// Is there no object?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Words of memory.
    pub fn words(&self) -> usize {
        let store = match &self.store {
            Store::Hash(table) => table.words(),
            Store::Ordered(table) => table.words(),
        };
        store + size_of::<Table>() / 8 + 64
    }
    /// Is some process traversing it?
    pub fn is_fixed(&self) -> bool {
        !self.fixations.is_empty()
    }
    /// An object for this table: `None` unless `term` is a tuple with a key.
    pub fn object(&self, term: Term<'_>) -> Option<Object> {
        object(term, self.key_index)
    }

    // --- one key -------------------------------------------------------------------------------------------------

    /// The objects with a key.
    #[inline]
    pub fn get(&self, key: Term<'_>, atoms: &AtomTable) -> &[Object] {
        match &self.store {
            Store::Hash(table) => table.get(key),
            Store::Ordered(table) => table.get(key, atoms).map_or(&[], std::slice::from_ref),
        }
    }
    /// Lets `change` change the only object with a key (not for bags), or replace it by one with the same key.
    pub(crate) fn update<R>(
        &mut self,
        key: Term<'_>,
        atoms: &AtomTable,
        change: impl FnOnce(&mut Object) -> R,
    ) -> Option<R> {
        match &mut self.store {
            Store::Hash(table) => table.update(key, change),
            Store::Ordered(table) => table.update(key, atoms, change),
        }
    }
    /// Inserts an object.
    #[inline]
    pub fn insert(&mut self, object: Object, atoms: &AtomTable) {
        match &mut self.store {
            Store::Hash(table) => table.insert(object, self.kind),
            Store::Ordered(table) => table.insert(object, atoms),
        }
    }
    /// Inserts all objects unless one of their keys is there; false then.
    pub fn insert_new(&mut self, objects: Vec<Object>, atoms: &AtomTable) -> bool {
        if objects.iter().any(|object| !self.get(object.key(), atoms).is_empty()) {
            return false;
        }
        for object in objects {
            self.insert(object, atoms);
        }
        true
    }
    /// Removes all objects with a key.
    pub fn delete(&mut self, key: Term<'_>, atoms: &AtomTable) {
        let fixed = self.is_fixed();
        match &mut self.store {
            Store::Hash(table) => table.delete(key, fixed),
            Store::Ordered(table) => drop(table.remove(key, atoms)),
        }
    }
    /// Removes all objects with a key and returns them.
    pub fn take(&mut self, key: Term<'_>, atoms: &AtomTable) -> Vec<Object> {
        let fixed = self.is_fixed();
        match &mut self.store {
            Store::Hash(table) => table.remove(key, fixed),
            Store::Ordered(table) => table.remove(key, atoms).into_iter().collect(),
        }
    }
    /// Removes the objects that are exactly `tuple`.
    pub fn delete_object(&mut self, tuple: Tuple<'_>, atoms: &AtomTable) {
        let Some(&key) = tuple.elements().get(self.key_index) else { return };
        let fixed = self.is_fixed();
        match &mut self.store {
            Store::Hash(table) => table.delete_object(key, tuple.term(), fixed),
            Store::Ordered(table) => {
                if table.get(key, atoms).is_some_and(|object| object.term().is_exactly(tuple.term())) {
                    table.remove(key, atoms);
                }
            }
        }
    }
    /// Removes everything, and returns it for the caller to drop without the lock.
    pub fn clear(&mut self) -> Garbage {
        let fixed = self.is_fixed();
        Garbage(match &mut self.store {
            Store::Hash(table) => Store::Hash(table.clear(fixed)),
            Store::Ordered(table) => Store::Ordered(table.clear()),
        })
    }
    pub(crate) fn release(&mut self) {
        if let Store::Hash(table) = &mut self.store {
            table.purge();
        }
    }

    // --- neighbours ------------------------------------------------------------------------------------------------

    /// The objects with the first key.
    pub fn first(&self) -> &[Object] {
        match &self.store {
            Store::Hash(table) => table.occupied_from(0).map_or(&[], |at| table.at(at)),
            Store::Ordered(table) => ordered_at(table, table.first()),
        }
    }
    /// The objects with the last key; as OTP has it, the first one where keys have no order.
    pub fn last(&self) -> &[Object] {
        match &self.store {
            Store::Hash(_) => self.first(),
            Store::Ordered(table) => ordered_at(table, table.last()),
        }
    }
    /// The objects with the key behind `key`: `None` when an unordered table does not have that.
    pub fn next(&self, key: Term<'_>, atoms: &AtomTable) -> Option<&[Object]> {
        match &self.store {
            Store::Hash(table) => {
                let position = table.find(key)?;
                Some(table.occupied_from(position + 1).map_or(&[], |at| table.at(at)))
            }
            Store::Ordered(table) => Some(ordered_at(table, table.after(key, atoms))),
        }
    }
    /// The objects with the key before `key`; the one behind it where keys have no order.
    pub fn previous(&self, key: Term<'_>, atoms: &AtomTable) -> Option<&[Object]> {
        match &self.store {
            Store::Hash(_) => self.next(key, atoms),
            Store::Ordered(table) => Some(ordered_at(table, table.before(key, atoms))),
        }
    }
    /// The objects in a slot: `None` behind the last one. The last slot of all is `Some` and empty.
    pub fn slot(&self, number: usize) -> Option<Slot<'_>> {
        match &self.store {
            Store::Hash(table) => match number.cmp(&table.end()) {
                Ordering::Less => Some(Slot::Objects(table.at(number))),
                Ordering::Equal => Some(Slot::End),
                Ordering::Greater => None,
            },
            Store::Ordered(table) => match number.cmp(&table.len()) {
                Ordering::Less => table.nth(number).map(|object| Slot::Objects(std::slice::from_ref(object))),
                Ordering::Equal => Some(Slot::End),
                Ordering::Greater => None,
            },
        }
    }
    /// Numbers for `ets:info(Table, stats)`: buckets and average length of their chains; `None` for ordered tables.
    pub fn statistics(&self) -> Option<(usize, f64, usize)> {
        match &self.store {
            Store::Hash(table) => Some(table.statistics()),
            Store::Ordered(_) => None,
        }
    }

    // --- traversal -------------------------------------------------------------------------------------------------

    /// Walks over objects from `position`, at most `budget` keys, until `each` stops it; `bound` limits the keys of an
    /// ordered table, and `reverse` turns its direction.
    pub fn visit(
        &self,
        position: Position<'_>,
        bound: Option<&KeyBound>,
        reverse: bool,
        budget: usize,
        atoms: &AtomTable,
        mut each: impl FnMut(&[Object]) -> Step,
    ) -> Visit<'_> {
        match &self.store {
            Store::Hash(table) => {
                let start = if let Position::Index(index) = position { index } else { 0 };
                let end = table.end();
                for at in start..end.min(start.saturating_add(budget)) {
                    if each(table.at(at)) == Step::Stop {
                        return if at + 1 < end { Visit::Index(at + 1) } else { Visit::Done };
                    }
                }
                if start.saturating_add(budget) < end { Visit::Index(start + budget) } else { Visit::Done }
            }
            Store::Ordered(table) => {
                let mut place = ordered_start(table, position, bound, reverse, atoms);
                let mut left = budget;
                while let Some(at) = place
                    && let Some(object) = table.at(at)
                {
                    if bound.is_some_and(|bound| bound.compare(object.key(), atoms).is_ne()) {
                        return Visit::Done;
                    }
                    left = left.saturating_sub(1);
                    if each(std::slice::from_ref(object)) == Step::Stop {
                        // As in OTP, whether there is more is found out by the next walk.
                        return Visit::After(object);
                    }
                    place = if reverse { table.previous(at) } else { table.next(at) };
                    if left == 0 && place.is_some() {
                        return Visit::After(object);
                    }
                }
                Visit::Done
            }
        }
    }

    /// As [`TableState::visit`], forwards; the objects that `each` says `Change` about are removed or replaced.
    /// Returns the key to go on after as a copy.
    pub fn visit_mut(
        &mut self,
        position: Position<'_>,
        bound: Option<&KeyBound>,
        budget: usize,
        atoms: &AtomTable,
        mut each: impl FnMut(&Object) -> Change,
    ) -> VisitMut {
        let fixed = self.is_fixed();
        match &mut self.store {
            Store::Hash(table) => {
                let start = if let Position::Index(index) = position { index } else { 0 };
                let end = table.end();
                let stop = end.min(start.saturating_add(budget));
                for at in start..stop {
                    change_at(table, at, fixed, &mut each);
                }
                // Removing the last key may have emptied the array.
                if stop < table.end() { VisitMut::Index(stop) } else { VisitMut::Done }
            }
            Store::Ordered(table) => {
                let mut place = ordered_start(table, position, bound, false, atoms);
                let mut unwanted = Vec::new();
                let mut replaced = Vec::new();
                let mut left = budget;
                let mut result = VisitMut::Done;
                while let Some(at) = place
                    && let Some(object) = table.at(at)
                    && bound.is_none_or(|bound| bound.compare(object.key(), atoms).is_eq())
                {
                    match each(object) {
                        Change::Keep => {}
                        Change::Remove => unwanted.push(own_key(object)),
                        Change::Replace(new) => replaced.push(new),
                    }
                    left = left.saturating_sub(1);
                    place = table.next(at);
                    if left == 0 && place.is_some() {
                        result = VisitMut::After(own_key(object));
                        break;
                    }
                }
                for key in unwanted {
                    table.remove(key.term(), atoms);
                }
                for object in replaced {
                    table.insert(object, atoms);
                }
                result
            }
        }
    }
    /// As [`TableState::visit_mut`], for the objects with one key.
    pub fn visit_key_mut(&mut self, key: Term<'_>, atoms: &AtomTable, mut each: impl FnMut(&Object) -> Change) {
        let fixed = self.is_fixed();
        match &mut self.store {
            Store::Hash(table) => {
                if let Some(position) = table.find(key) {
                    change_at(table, position, fixed, &mut each);
                }
            }
            Store::Ordered(table) => match table.get(key, atoms).map(&mut each) {
                Some(Change::Remove) => drop(table.remove(key, atoms)),
                Some(Change::Replace(object)) => table.insert(object, atoms),
                Some(Change::Keep) | None => {}
            },
        }
    }
}

/// A slot of a table, for `ets:slot/2`.
pub enum Slot<'t> {
    /// Its objects.
    Objects(&'t [Object]),
    /// The place behind the last slot.
    End,
}

/// What happens to an object that was visited.
pub enum Change {
    /// Nothing.
    Keep,
    /// It is removed.
    Remove,
    /// Another one with the same key takes its place.
    Replace(Object),
}

/// How a changing walk ended.
pub enum VisitMut {
    /// Everything was looked at.
    Done,
    /// To be continued here.
    Index(usize),
    /// To be continued after this key.
    After(OwnedTerm),
}

/// An object of a table whose key stands at `key_index`: `None` unless `term` is a tuple with a key.
#[inline]
pub fn object(term: Term<'_>, key_index: usize) -> Option<Object> {
    let tuple = term.as_tuple()?;
    (key_index < tuple.elements().len()).then(|| Object::copy(tuple, key_index))
}

fn change_at(table: &mut HashTable, position: usize, fixed: bool, each: &mut impl FnMut(&Object) -> Change) {
    let changes: Vec<Change> = table.at(position).iter().map(each).collect();
    if changes.iter().all(|change| matches!(change, Change::Keep)) {
        return;
    }
    let mut removals = Vec::with_capacity(changes.len());
    for (index, change) in changes.into_iter().enumerate() {
        removals.push(matches!(change, Change::Remove));
        if let Change::Replace(object) = change {
            table.replace_at(position, index, object);
        }
    }
    let mut marks = removals.into_iter();
    table.delete_at(position, fixed, |_| marks.next().unwrap_or(false));
}

fn own_key(object: &Object) -> OwnedTerm {
    OwnedTerm::copy(object.key(), oxbeam_term::LiteralRange::EMPTY)
}

fn ordered_at(table: &OrderedTable, place: Option<Place>) -> &[Object] {
    place.and_then(|place| table.at(place)).map_or(&[], std::slice::from_ref)
}

fn ordered_start(
    table: &OrderedTable,
    position: Position<'_>,
    bound: Option<&KeyBound>,
    reverse: bool,
    atoms: &AtomTable,
) -> Option<Place> {
    match (position, bound, reverse) {
        (Position::After(key), _, false) => table.above(|other| other.compare(key, atoms)),
        (Position::After(key), _, true) => table.below(|other| other.compare(key, atoms)),
        (_, Some(bound), false) => table.not_below(|other| bound.compare(other, atoms)),
        (_, Some(bound), true) => table.not_above(|other| bound.compare(other, atoms)),
        (_, None, false) => table.first(),
        (_, None, true) => table.last(),
    }
}
