//! Locks and atomics of the protocols that `cargo xtask loom` checks: the ordinary ones, or loom's.

#[cfg(loom)]
pub(crate) use loom_sync::*;
#[cfg(not(loom))]
pub(crate) use ordinary::*;

#[cfg(not(loom))]
mod ordinary {
    pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    /// Orders what comes before it before what comes after it. The `SeqCst` operations around it do that already.
    #[inline(always)]
    pub(crate) fn full_fence() {}

    /// Something that one thread at a time uses.
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) fn new(value: T) -> UnsafeCell<T> {
            UnsafeCell(std::cell::UnsafeCell::new(value))
        }
        /// # Safety
        /// Nobody else uses it meanwhile.
        #[inline(always)]
        pub(crate) unsafe fn with_mut<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
            // SAFETY: by the caller's promise.
            work(unsafe { &mut *self.0.get() })
        }
    }

    /// Waits for the condition with the lock given up meanwhile.
    pub(crate) fn wait<'a, T>(condition: &Condvar, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        condition.wait(&mut guard);
        guard
    }
    /// As [`wait`], but not longer than this.
    pub(crate) fn wait_for<'a, T>(
        condition: &Condvar,
        mut guard: MutexGuard<'a, T>,
        time: std::time::Duration,
    ) -> MutexGuard<'a, T> {
        condition.wait_for(&mut guard, time);
        guard
    }
}

#[cfg(loom)]
mod loom_sync {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    pub(crate) use loom::sync::{Condvar, MutexGuard};

    /// loom's lock, without poisoning.
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Mutex<T> {
            Mutex(loom::sync::Mutex::new(value))
        }
        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().expect("a model that panics has failed already")
        }
    }

    /// loom's cell, which notices when two threads use it at once.
    pub(crate) struct UnsafeCell<T>(loom::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) fn new(value: T) -> UnsafeCell<T> {
            UnsafeCell(loom::cell::UnsafeCell::new(value))
        }
        /// # Safety
        /// Nobody else uses it meanwhile.
        pub(crate) unsafe fn with_mut<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
            // SAFETY: by the caller's promise, which loom checks.
            self.0.with_mut(|value| work(unsafe { &mut *value }))
        }
    }

    /// loom takes `SeqCst` operations for acquire and release ones; only its fences are that strong.
    pub(crate) fn full_fence() {
        loom::sync::atomic::fence(Ordering::SeqCst);
    }

    pub(crate) fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        condition.wait(guard).expect("a model that panics has failed already")
    }

    /// Time does not pass in a model: it waits until it is told.
    pub(crate) fn wait_for<'a, T>(
        condition: &Condvar,
        guard: MutexGuard<'a, T>,
        _time: std::time::Duration,
    ) -> MutexGuard<'a, T> {
        wait(condition, guard)
    }
}
