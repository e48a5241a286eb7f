//! The machine as the external term format sees it: names of this node, exports, funs.

use crate::Vm;
use oxbeam_etf::{DecodeContext, EncodeContext, FunIdentity, Node, reference_from_words};
use oxbeam_term::{Atom, AtomTable, Export, FunEntry, Heap, LocalReference, MagicObject, Reference, Term, atoms};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};

/// A machine as encoding and decoding see it.
#[derive(Clone, Copy)]
pub struct VmContext<'v> {
    /// The machine.
    pub vm: &'v Vm,
}

/// Seals terms in the `local` format: random for each machine.
struct LocalKey(u64);

impl Default for LocalKey {
    fn default() -> LocalKey {
        LocalKey(RandomState::new().hash_one(0u64))
    }
}

/// Magic references that left the machine as text or bytes, so that they can come back.
#[derive(Default)]
struct MagicReferences(Mutex<HashMap<LocalReference, Weak<MagicObject>>>);

impl EncodeContext for VmContext<'_> {
    fn atoms(&self) -> &AtomTable {
        &self.vm.atoms
    }
    fn node(&self) -> Node {
        let (name, creation) = self.vm.node();
        Node { name, creation }
    }
    fn local_key(&self) -> u64 {
        self.vm.extension::<LocalKey>().0
    }
}

impl DecodeContext for VmContext<'_> {
    fn export(&self, module: Atom, function: Atom, arity: u8, existing_only: bool) -> Option<&'static Export> {
        if existing_only {
            return self.vm.code.existing_export(module, function, arity);
        }
        Some(self.vm.code.export(module, function, arity))
    }
    fn fun<'h>(&self, heap: &'h Heap, identity: &FunIdentity, environment: &[Term<'h>]) -> Option<Term<'h>> {
        let entry = self.vm.code.fun_entry(FunEntry {
            module: identity.module,
            // Only the module's own table knows the name; the code tells it once it is loaded.
            function: atoms::UNDEFINED,
            arity: identity.arity,
            free_count: identity.free_count,
            index: identity.index,
            old_uniq: identity.old_uniq,
            uniq: identity.uniq,
            address: AtomicU64::new(0),
        });
        self.vm.make_fun(heap, entry, environment)
    }
    fn reference<'h>(&self, heap: &'h Heap, words: &[u32]) -> Option<Term<'h>> {
        let term = reference_from_words(heap, words);
        let number = term.as_reference()?.number();
        Some(self.vm.magic_reference(heap, number).unwrap_or(term))
    }
}

impl Vm {
    /// A local fun; `None` unless the environment has the size that the entry says.
    pub fn make_fun<'h>(&self, heap: &'h Heap, entry: &'static FunEntry, environment: &[Term<'h>]) -> Option<Term<'h>> {
        if environment.len() != entry.free_count as usize {
            return None;
        }
        // SAFETY: the machine's code table owns all entries and outlives its heaps.
        Some(unsafe { heap.fun(entry, environment) })
    }
    /// Remembers what a magic reference keeps alive: to be called when its numbers leave the machine's heaps.
    pub fn remember_magic(&self, reference: Reference<'_>) {
        let Some(object) = reference.shared_object() else { return };
        let known = self.extension::<MagicReferences>();
        let mut known = known.0.lock();
        if known.len() == known.capacity() {
            known.retain(|_, object| object.strong_count() != 0);
        }
        known.insert(reference.number(), Arc::downgrade(&object));
    }
    /// The magic reference with these numbers, if it left the machine before and its object still lives.
    pub fn magic_reference<'h>(&self, heap: &'h Heap, number: LocalReference) -> Option<Term<'h>> {
        let object = self.extension::<MagicReferences>().0.lock().get(&number)?.upgrade()?;
        Some(heap.magic_reference(number.0, object))
    }
}
