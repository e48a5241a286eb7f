//! All tables of one machine: by name, by number, by owner; and who fixed what.

use crate::table::{Fixation, Garbage, Heir, Options, Table};
use oxbeam_term::{Atom, LocalReference, MagicObject, NumberMap, Pid};
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A table as its magic reference keeps it.
pub type SharedTable = Arc<MagicObject>;

/// The tables of one machine.
#[derive(Default)]
pub struct Tables {
    names: RwLock<NumberMap<Atom, SharedTable>>,
    /// In order of creation.
    tables: RwLock<BTreeMap<LocalReference, SharedTable>>,
    /// What each process owns or has fixed, to be undone when it ends.
    held: Mutex<HashMap<Pid, Vec<LocalReference>>>,
}

/// The table behind a shared one.
pub fn table_of(shared: &MagicObject) -> Option<&Table> {
    shared.0.downcast_ref()
}

impl Tables {
    /// Makes a table; `None` when its name is taken.
    pub fn create(
        &self,
        id: LocalReference,
        name: Atom,
        owner: Pid,
        heir: Option<Heir>,
        options: Options,
    ) -> Option<SharedTable> {
        let table = Arc::new(MagicObject(Box::new(Table::new(id, name, owner, heir, options))));
        if options.named {
            let mut names = self.names.write();
            if names.contains_key(&name) {
                return None;
            }
            names.insert(name, table.clone());
        }
        self.tables.write().insert(id, table.clone());
        self.hold(owner, id);
        Some(table)
    }
    /// The table with a name.
    pub fn named(&self, name: Atom) -> Option<SharedTable> {
        self.names.read().get(&name).cloned()
    }
    /// The table with these numbers.
    pub fn by_id(&self, id: LocalReference) -> Option<SharedTable> {
        self.tables.read().get(&id).cloned()
    }
    /// All tables.
    pub fn all(&self) -> Vec<SharedTable> {
        self.tables.read().values().cloned().collect()
    }
    /// Number of tables.
    pub fn count(&self) -> usize {
        self.tables.read().len()
    }
    /// Words of memory of all tables.
    pub fn words(&self) -> usize {
        self.tables.read().values().filter_map(|shared| table_of(shared)).map(|table| table.look().words()).sum()
    }

    fn hold(&self, pid: Pid, id: LocalReference) {
        self.held.lock().entry(pid).or_default().push(id);
    }
    fn let_go(&self, pid: Pid, id: LocalReference) {
        let mut held = self.held.lock();
        if let Some(ids) = held.get_mut(&pid) {
            if let Some(at) = ids.iter().position(|other| *other == id) {
                ids.swap_remove(at);
            }
            if ids.is_empty() {
                held.remove(&pid);
            }
        }
    }

    /// Deletes a table: its name is free, later uses fail. Returns its objects, for the caller to drop.
    pub fn delete(&self, table: &Table) -> Option<Garbage> {
        let mut state = table.lock();
        if state.deleted {
            return None;
        }
        state.deleted = true;
        if table.options.named {
            self.names.write().remove(&state.name);
        }
        self.tables.write().remove(&table.id());
        self.let_go(state.owner, table.id());
        for fixation in std::mem::take(&mut state.fixations) {
            self.let_go(fixation.pid, table.id());
        }
        Some(state.clear())
    }
    /// Gives a table another name; false when a named table's new one is taken.
    pub fn rename(&self, shared: &SharedTable, name: Atom) -> bool {
        let Some(table) = table_of(shared) else { return false };
        let mut state = table.lock();
        if table.options.named {
            let mut names = self.names.write();
            if names.contains_key(&name) {
                return false;
            }
            names.remove(&state.name);
            names.insert(name, shared.clone());
        }
        state.name = name;
        true
    }
    /// Gives a table to another process.
    pub fn give(&self, table: &Table, to: Pid) {
        let mut state = table.lock();
        if state.deleted {
            return;
        }
        self.let_go(state.owner, table.id());
        state.owner = to;
        self.hold(to, table.id());
    }
    /// Fixes a table for a process. `now` is monotonic time and time of day.
    pub fn fix(&self, table: &Table, pid: Pid, now: impl FnOnce() -> (i64, i64)) {
        let mut state = table.lock();
        if state.deleted {
            return;
        }
        if state.fixations.is_empty() {
            state.fixed_since = now();
        }
        match state.fixations.iter_mut().find(|fixation| fixation.pid == pid) {
            Some(fixation) => fixation.count += 1,
            None => {
                state.fixations.push(Fixation { pid, count: 1 });
                self.hold(pid, table.id());
            }
        }
    }
    /// Undoes one `fix`, or all of a process that has ended.
    pub fn release(&self, table: &Table, pid: Pid, all: bool) {
        let mut state = table.lock();
        let Some(at) = state.fixations.iter().position(|fixation| fixation.pid == pid) else { return };
        state.fixations[at].count -= 1;
        if all || state.fixations[at].count == 0 {
            state.fixations.remove(at);
            self.let_go(pid, table.id());
        }
        if state.fixations.is_empty() {
            state.release();
        }
    }
    /// The tables that a process holds: owned ones and fixed ones.
    pub fn held_by(&self, pid: Pid) -> Vec<SharedTable> {
        let ids = self.held.lock().get(&pid).cloned().unwrap_or_default();
        ids.into_iter().filter_map(|id| self.by_id(id)).collect()
    }
}
