//! State that families of BIFs keep in a machine, one value for each type.

use std::any::{Any, TypeId};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

/// Room for types; a program has a fixed, far smaller number of them.
const SLOTS: usize = 256;

/// Values by type. They are made once and never replaced, so looking one up takes no lock and counts no reference.
pub(crate) struct Extensions(Box<[OnceLock<Entry>]>);

struct Entry {
    key: TypeId,
    /// An `Arc<T>` for the `T` of the key.
    value: Box<dyn Any + Send + Sync>,
}

/// Takes the hash that a `TypeId` already is.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

impl Extensions {
    pub(crate) fn new() -> Extensions {
        Extensions((0..SLOTS).map(|_| OnceLock::new()).collect())
    }
    /// The value of type `T`, made on first use.
    pub(crate) fn get<T: Default + Send + Sync + 'static>(&self) -> &Arc<T> {
        let key = TypeId::of::<T>();
        let mut hasher = Identity::default();
        key.hash(&mut hasher);
        let first = hasher.finish() as usize;
        for offset in 0..SLOTS {
            let slot = &self.0[(first + offset) % SLOTS];
            let entry = slot.get_or_init(|| Entry { key, value: Box::new(Arc::new(T::default())) });
            if entry.key == key {
                return entry.value.downcast_ref().expect("stored under its own type");
            }
        }
        panic!("more than {SLOTS} kinds of state in one machine")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[derive(Default)]
    struct One(AtomicU32);
    #[derive(Default)]
    struct Other(AtomicU32);

    #[test]
    fn one_value_for_each_type() {
        let extensions = Extensions::new();
        extensions.get::<One>().0.store(1, Ordering::Relaxed);
        extensions.get::<Other>().0.store(2, Ordering::Relaxed);
        assert_eq!(extensions.get::<One>().0.load(Ordering::Relaxed), 1);
        assert_eq!(extensions.get::<Other>().0.load(Ordering::Relaxed), 2);
    }
}
