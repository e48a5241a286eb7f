//! Deep lists of bytes and binaries, made flat.

use oxbeam_term::Term;
use std::borrow::Cow;

/// The bytes of a binary or of a deep list of bytes and binaries; `None` for anything else.
pub(crate) fn iodata_bytes(data: Term<'_>) -> Option<Cow<'_, [u8]>> {
    if data.is_list() { iolist_bytes(data).map(Cow::Owned) } else { data.as_binary() }
}

/// The bytes of a deep list of bytes and binaries, which may end in a binary; `None` for anything else.
pub(crate) fn iolist_bytes(list: Term<'_>) -> Option<Vec<u8>> {
    if !list.is_list() {
        return None;
    }
    let mut bytes = Vec::new();
    let mut open = Vec::new();
    let mut rest = list;
    loop {
        if let Some(cell) = rest.as_cons() {
            let head = cell.head();
            rest = cell.tail();
            if let Some(byte) = head.as_small() {
                bytes.push(u8::try_from(byte).ok()?);
            } else if head.is_list() {
                open.push(rest);
                rest = head;
            } else {
                bytes.extend_from_slice(&head.as_binary()?);
            }
        } else {
            if !rest.is_nil() {
                bytes.extend_from_slice(&rest.as_binary()?);
            }
            match open.pop() {
                Some(outer) => rest = outer,
                None => return Some(bytes),
            }
        }
    }
}
