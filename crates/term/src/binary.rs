//! Large binaries, shared between heaps by reference count.

use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering, fence};

/// Binaries of more bytes than this live outside the heaps (OTP's `ERL_ONHEAP_BIN_LIMIT`).
pub const HEAP_BINARY_BYTES_MAX: usize = 64;

/// How many counters there are for the bytes of all large binaries, so that threads do not wait for each other.
const COUNTERS: usize = 16;

/// Bytes that the threads with this number have made large binaries of, without those that they gave back.
#[repr(align(128))]
struct Counter(AtomicIsize);

/// Binaries belong to no machine and may outlive it: as an allocator, this counts for the whole program.
static COUNTED: [Counter; COUNTERS] = [const { Counter(AtomicIsize::new(0)) }; COUNTERS];

/// The number that the next thread gets.
static NEXT_THREAD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD: usize = NEXT_THREAD.fetch_add(1, Ordering::Relaxed) % COUNTERS;
}

fn count(bytes: isize) {
    // A thread that ends has no number any more.
    let counter = THREAD.try_with(|number| *number).unwrap_or(0);
    COUNTED[counter].0.fetch_add(bytes, Ordering::Relaxed);
}

/// Bytes of all large binaries in this program, those included that are kept for appends.
pub fn large_binary_bytes() -> usize {
    let sum: isize = COUNTED.iter().map(|counter| counter.0.load(Ordering::Relaxed)).sum();
    sum.max(0).cast_unsigned()
}

/// The shared part of a large binary.
pub(crate) struct SharedBinary {
    references: AtomicUsize,
    bytes: UnsafeCell<Vec<u8>>,
    /// Bits in use, from the start: an append may grow the binary in place only from here.
    bit_length: AtomicUsize,
}

/// A counted reference to a large binary's bytes.
pub struct BinaryHandle(NonNull<SharedBinary>);

// SAFETY: the count is atomic, and the bytes change only through `append_in_place`, which needs the only reference.
unsafe impl Send for BinaryHandle {}
// SAFETY: as above.
unsafe impl Sync for BinaryHandle {}

impl BinaryHandle {
    /// Takes over `bytes` without copying them.
    pub fn new(bytes: Vec<u8>) -> BinaryHandle {
        let bit_length = bytes.len() * 8;
        BinaryHandle::with_bit_length(bytes, bit_length)
    }
    /// As [`BinaryHandle::new`], when the last byte is only partly used.
    pub(crate) fn with_bit_length(bytes: Vec<u8>, bit_length: usize) -> BinaryHandle {
        count(bytes.capacity().cast_signed());
        let shared = Box::new(SharedBinary {
            references: AtomicUsize::new(1),
            bytes: UnsafeCell::new(bytes),
            bit_length: AtomicUsize::new(bit_length),
        });
        BinaryHandle(NonNull::from(Box::leak(shared)))
    }
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `self` keeps the object alive; bytes are only written by the single owner of the only reference,
        // who by the rule of `append_in_place` holds no slice meanwhile.
        unsafe { (*self.0.as_ref().bytes.get()).as_slice() }
    }
    /// The object, which lives as long as there are references.
    pub(crate) fn as_raw(&self) -> *const SharedBinary {
        self.0.as_ptr()
    }
    /// Gives up the reference; [`BinaryHandle::from_raw`] takes it back.
    pub(crate) fn into_raw(self) -> *const SharedBinary {
        let raw = self.0.as_ptr();
        std::mem::forget(self);
        raw
    }
    /// # Safety
    /// `raw` came from [`BinaryHandle::into_raw`], and this takes over that reference.
    pub(crate) unsafe fn from_raw(raw: *const SharedBinary) -> BinaryHandle {
        // SAFETY: a reference is never null.
        BinaryHandle(unsafe { NonNull::new_unchecked(raw.cast_mut()) })
    }
}

impl Clone for BinaryHandle {
    fn clone(&self) -> BinaryHandle {
        // SAFETY: `self` keeps the object alive.
        unsafe { self.0.as_ref() }.references.fetch_add(1, Ordering::Relaxed);
        BinaryHandle(self.0)
    }
}

impl Drop for BinaryHandle {
    fn drop(&mut self) {
        // SAFETY: `self` still counts as one reference.
        let shared = unsafe { self.0.as_ref() };
        if shared.references.fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::Acquire);
            // SAFETY: it was the last reference, and the object came from a `Box`.
            let shared = unsafe { Box::from_raw(self.0.as_ptr()) };
            count(-shared.bytes.into_inner().capacity().cast_signed());
        }
    }
}

impl SharedBinary {
    /// # Safety
    /// `raw` is a live shared binary for as long as the slice is used, and is not appended to meanwhile.
    pub(crate) unsafe fn slice<'a>(raw: *const SharedBinary) -> &'a [u8] {
        // SAFETY: by the caller's promise.
        unsafe { (*(*raw).bytes.get()).as_slice() }
    }
    /// Number of references.
    ///
    /// # Safety
    /// `raw` is a live shared binary.
    pub(crate) unsafe fn reference_count(raw: *const SharedBinary) -> usize {
        // SAFETY: by the caller's promise.
        unsafe { (*raw).references.load(Ordering::Acquire) }
    }
    /// Number of bits in use.
    ///
    /// # Safety
    /// `raw` is a live shared binary.
    pub(crate) unsafe fn bit_length(raw: *const SharedBinary) -> usize {
        // SAFETY: by the caller's promise.
        unsafe { (*raw).bit_length.load(Ordering::Relaxed) }
    }
    /// Number of bytes there is room for.
    ///
    /// # Safety
    /// `raw` is a live shared binary that is not appended to meanwhile.
    pub(crate) unsafe fn capacity(raw: *const SharedBinary) -> usize {
        // SAFETY: by the caller's promise.
        unsafe { (*(*raw).bytes.get()).capacity() }
    }
    /// The bytes, to be grown in place to `bit_length` bits.
    ///
    /// # Safety
    /// The caller owns the only reference, stays within the capacity, and writes only bits behind those in use.
    pub(crate) unsafe fn bytes_mut<'a>(raw: *const SharedBinary, bit_length: usize) -> &'a mut Vec<u8> {
        // SAFETY: by the caller's promise.
        unsafe { (*raw).bit_length.store(bit_length, Ordering::Relaxed) };
        // SAFETY: by the caller's promise.
        unsafe { &mut *(*raw).bytes.get() }
    }
}
