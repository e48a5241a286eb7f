//! `prim_buffer`: a queue of bytes that `prim_file` reads ahead into.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, FromTerm, Vm};
use oxbeam_term::{Term, atoms};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a buffer's magic reference keeps.
#[derive(Default)]
struct Buffer {
    queue: Mutex<Queue>,
    locked: AtomicBool,
}

#[derive(Default)]
struct Queue {
    parts: VecDeque<Vec<u8>>,
    /// Bytes of the first part that are read already.
    read: usize,
    size: usize,
}

impl Queue {
    fn push(&mut self, part: Vec<u8>) {
        if !part.is_empty() {
            self.size += part.len();
            self.parts.push_back(part);
        }
    }
    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let skip = |index: usize| if index == 0 { self.read } else { 0 };
        self.parts.iter().enumerate().map(move |(index, part)| &part[skip(index)..])
    }
    fn skip(&mut self, mut count: usize) {
        self.size -= count;
        while let Some(first) = self.parts.front() {
            let left = first.len() - self.read;
            if count < left {
                self.read += count;
                return;
            }
            count -= left;
            self.read = 0;
            self.parts.pop_front();
        }
    }
    fn copy(&self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count);
        for part in self.slices() {
            let take = part.len().min(count - bytes.len());
            bytes.extend_from_slice(&part[..take]);
            if bytes.len() == count {
                break;
            }
        }
        bytes
    }
}

impl<'h> FromTerm<'h> for &'h Buffer {
    fn from_term(term: Term<'h>) -> Option<&'h Buffer> {
        term.as_reference()?.downcast()
    }
}

/// An empty buffer.
#[bif("prim_buffer:new/0", nif)]
fn new<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(cx.heap.magic_reference(cx.vm.next_reference().0, Vm::magic(Buffer::default())))
}

/// Number of bytes.
#[bif("prim_buffer:size/1", nif)]
fn size<'h>(_cx: &mut BifContext<'h>, buffer: &'h Buffer) -> BifResult<'h> {
    Ok(Term::small(buffer.queue.lock().size as i64))
}

/// The first binary, as it was written.
///
/// # Errors
///
/// `badarg` when there is none.
#[bif("prim_buffer:peek_head/1", nif)]
fn peek_head<'h>(cx: &mut BifContext<'h>, buffer: &'h Buffer) -> BifResult<'h> {
    let queue = buffer.queue.lock();
    match queue.slices().next() {
        Some(head) => Ok(cx.heap.binary(head)),
        None => cx.badarg(),
    }
}

/// Takes `size` bytes.
///
/// # Errors
///
/// `badarg` when there are not as many.
#[bif("prim_buffer:copying_read/2", nif)]
fn copying_read<'h>(cx: &mut BifContext<'h>, buffer: &'h Buffer, size: usize) -> BifResult<'h> {
    let mut queue = buffer.queue.lock();
    if queue.size < size {
        return cx.badarg();
    }
    let bytes = queue.copy(size);
    queue.skip(size);
    Ok(cx.heap.binary_from_vec(bytes))
}

/// Adds a list of binaries.
#[bif("prim_buffer:write/2", nif)]
fn write<'h>(cx: &mut BifContext<'h>, buffer: &'h Buffer, binaries: Term<'h>) -> BifResult<'h> {
    let Some(elements) = binaries.to_vec() else { return cx.badarg() };
    let parts: Option<Vec<Vec<u8>>> =
        elements.into_iter().map(|element| Some(element.as_binary()?.into_owned())).collect();
    let Some(parts) = parts else { return cx.badarg() };
    let mut queue = buffer.queue.lock();
    parts.into_iter().for_each(|part| queue.push(part));
    Ok(Term::atom(atoms::OK))
}

/// Drops `size` bytes.
///
/// # Errors
///
/// `badarg` when there are not as many.
#[bif("prim_buffer:skip/2", nif)]
fn skip<'h>(cx: &mut BifContext<'h>, buffer: &'h Buffer, size: usize) -> BifResult<'h> {
    let mut queue = buffer.queue.lock();
    if queue.size < size {
        return cx.badarg();
    }
    queue.skip(size);
    Ok(Term::atom(atoms::OK))
}

/// Where a byte is first found: `{ok, Index}` or `not_found`.
#[bif("prim_buffer:find_byte_index/2", nif)]
fn find_byte_index<'h>(cx: &mut BifContext<'h>, buffer: &'h Buffer, byte: usize) -> BifResult<'h> {
    let Ok(byte) = u8::try_from(byte) else { return cx.badarg() };
    let queue = buffer.queue.lock();
    let mut before = 0;
    for part in queue.slices() {
        if let Some(index) = part.iter().position(|&other| other == byte) {
            return Ok(cx.ok(Term::small((before + index) as i64)));
        }
        before += part.len();
    }
    cx.spend(before / 4096);
    Ok(Term::atom(cx.intern("not_found")?))
}

/// `acquired`, or `busy` when somebody has the buffer's lock.
#[bif("prim_buffer:try_lock/1", nif)]
fn try_lock<'h>(cx: &mut BifContext<'h>, buffer: &'h Buffer) -> BifResult<'h> {
    let was_locked = buffer.locked.swap(true, Ordering::Acquire);
    Ok(Term::atom(if was_locked { atoms::BUSY } else { cx.intern("acquired")? }))
}

/// Gives the buffer's lock back.
///
/// # Errors
///
/// `lock_order_violation` when nobody has it.
#[bif("prim_buffer:unlock/1", nif)]
fn unlock<'h>(cx: &mut BifContext<'h>, buffer: &'h Buffer) -> BifResult<'h> {
    if !buffer.locked.swap(false, Ordering::Release) {
        return Err(cx.raise(cx.intern("lock_order_violation")?));
    }
    Ok(Term::atom(atoms::OK))
}
