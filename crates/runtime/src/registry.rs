//! Registered names of processes and ports.

use crate::monitor::LinkTarget;
use oxbeam_term::Atom;
use parking_lot::RwLock;
use std::collections::HashMap;

/// The names of one machine.
#[derive(Default)]
pub struct Registry {
    names: RwLock<HashMap<Atom, LinkTarget>>,
}

impl Registry {
    /// What is registered under `name`.
    pub fn whereis(&self, name: Atom) -> Option<LinkTarget> {
        self.names.read().get(&name).copied()
    }
    /// Registers; false when the name is taken.
    pub(crate) fn insert(&self, name: Atom, target: LinkTarget) -> bool {
        let mut names = self.names.write();
        if names.contains_key(&name) {
            return false;
        }
        names.insert(name, target);
        true
    }
    /// Removes a name; returns what it stood for.
    pub(crate) fn remove(&self, name: Atom) -> Option<LinkTarget> {
        self.names.write().remove(&name)
    }
    /// Removes a name if it stands for `target`.
    pub(crate) fn remove_exactly(&self, name: Atom, target: LinkTarget) {
        let mut names = self.names.write();
        if names.get(&name) == Some(&target) {
            names.remove(&name);
        }
    }
    /// All names.
    pub fn names(&self) -> Vec<Atom> {
        self.names.read().keys().copied().collect()
    }
}
