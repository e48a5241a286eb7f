//! Gathering I/O data.

use oxbeam_term::Term;

/// The bytes of an iolist or binary; `None` for other terms.
pub(crate) fn gather(data: Term<'_>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut pending = vec![data];
    while let Some(term) = pending.pop() {
        if let Some(cell) = term.as_cons() {
            let (head, tail) = (cell.head(), cell.tail());
            // A tail may be a binary, but not a byte.
            if !tail.is_nil() {
                if tail.as_cons().is_none() && tail.as_bits().is_none() {
                    return None;
                }
                pending.push(tail);
            }
            match head.as_small() {
                Some(byte) => bytes.push(u8::try_from(byte).ok()?),
                None => pending.push(head),
            }
        } else if let Some(part) = term.as_binary() {
            bytes.extend_from_slice(&part);
        } else if !term.is_nil() {
            return None;
        }
    }
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
    }
}
