//! I/O lists: deep lists of bytes and binaries, which may end in a binary.

use oxbeam_runtime::{BifContext, Interrupt};
use oxbeam_term::{Bits, Term};
use std::borrow::Cow;

/// Bytes that are copied for one reduction.
const BYTES_PER_REDUCTION: usize = 256;
/// Bytes and binaries of a list that are looked at for one reduction.
const PIECES_PER_REDUCTION: usize = 32;

/// What an I/O list consists of.
pub enum Piece<'h> {
    /// An integer from 0 to 255.
    Byte(u8),
    /// A bitstring.
    Bits(Bits<'h>),
}

/// Shows the pieces of a list (or bitstring) to `each`, from first to last. `None` when there is anything else in it,
/// or when `each` says so.
pub fn walk<'h>(term: Term<'h>, mut each: impl FnMut(Piece<'h>) -> Option<()>) -> Option<()> {
    let mut pending = Vec::new();
    let mut current = term;
    loop {
        while let Some(cell) = current.as_cons() {
            let head = cell.head();
            current = cell.tail();
            if let Some(byte) = head.as_small() {
                each(Piece::Byte(u8::try_from(byte).ok()?))?;
            } else if head.as_cons().is_some() {
                pending.push(current);
                current = head;
            } else if !head.is_nil() {
                each(Piece::Bits(head.as_bits()?))?;
            }
        }
        if !current.is_nil() {
            each(Piece::Bits(current.as_bits()?))?;
        }
        match pending.pop() {
            Some(next) => current = next,
            None => return Some(()),
        }
    }
}

/// The bytes of a binary or an I/O list; `None` for anything else.
pub fn iodata_bytes(data: Term<'_>) -> Option<Cow<'_, [u8]>> {
    if data.is_list() { iolist_bytes(data).map(Cow::Owned) } else { data.as_binary() }
}

/// As [`iodata_bytes`]; the walk over a long list counts as work.
pub(crate) fn iodata_work<'h>(
    cx: &mut BifContext<'h>,
    data: Term<'h>,
) -> Result<Option<Cow<'h, [u8]>>, Box<Interrupt<'h>>> {
    if !data.is_list() {
        return Ok(data.as_binary());
    }
    let (mut bytes, mut pieces, mut stopped) = (Vec::new(), 0usize, None);
    let walked = walk(data, |piece| {
        let mut work = 0;
        match piece {
            Piece::Byte(byte) => bytes.push(byte),
            Piece::Bits(bits) if bits.is_binary() => {
                work = bits.byte_size() / BYTES_PER_REDUCTION;
                bytes.extend_from_slice(&bits.to_bytes());
            }
            Piece::Bits(_) => return None,
        }
        pieces += 1;
        work += usize::from(pieces % PIECES_PER_REDUCTION == 0);
        if work != 0
            && let Err(interrupt) = cx.work(work)
        {
            stopped = Some(interrupt);
            return None;
        }
        Some(())
    });
    match stopped {
        Some(interrupt) => Err(interrupt),
        None => Ok(walked.map(|()| Cow::Owned(bytes))),
    }
}

/// As [`iodata_bytes`], in a vector of the caller's.
pub fn gather(data: Term<'_>) -> Option<Vec<u8>> {
    iodata_bytes(data).map(Cow::into_owned)
}

/// The bytes of an I/O list; `None` for anything else.
pub fn iolist_bytes(list: Term<'_>) -> Option<Vec<u8>> {
    if !list.is_list() {
        return None;
    }
    let mut bytes = Vec::new();
    walk(list, |piece| {
        match piece {
            Piece::Byte(byte) => bytes.push(byte),
            Piece::Bits(bits) if bits.is_binary() => bytes.extend_from_slice(&bits.to_bytes()),
            Piece::Bits(_) => return None,
        }
        Some(())
    })?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use oxbeam_term::{Heap, HeapOptions};

    #[test]
    fn gathers() {
        let heap = Heap::new(HeapOptions::default());
        let binary = heap.binary(b"cd");
        let deep = heap.list_with_tail(&[Term::small(97), heap.list(&[Term::small(98)]), Term::NIL], binary);
        assert_eq!(gather(deep).as_deref(), Some(&b"abcd"[..]));
        assert_eq!(gather(Term::NIL).as_deref(), Some(&b""[..]));
        assert_eq!(gather(Term::small(1)), None);
        assert_eq!(gather(heap.list(&[Term::small(256)])), None);
        assert_eq!(gather(heap.cons(binary, Term::small(1))), None);
        assert_eq!(iolist_bytes(binary), None);
        assert_eq!(iodata_bytes(binary).as_deref(), Some(&b"cd"[..]));
    }
}
