//! BIFs that make one binary of an I/O list.

use crate::iolist::{Piece, iodata_work, walk};
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Term, bits};
use std::borrow::Cow;

/// Bytes that are written for one reduction.
pub(crate) const BYTES_PER_REDUCTION: usize = 64;
/// `iolist_to_iovec/1` keeps a binary of this size or more apart.
const VECTOR_BYTES_MIN: usize = 513;
/// Pieces of I/O data that are counted on an ordinary scheduler.
const PIECES_MAX: usize = 256 * 1024;

/// The bits of a list of bytes and bitstrings, and how many there are.
fn to_bits(term: Term<'_>) -> Option<(Vec<u8>, usize)> {
    let (mut bytes, mut bit_size) = (Vec::new(), 0usize);
    walk(term, |piece| {
        match piece {
            Piece::Byte(byte) if bit_size % 8 == 0 => {
                bytes.push(byte);
                bit_size += 8;
            }
            Piece::Byte(byte) => {
                bytes.push(0);
                bits::copy_bits(&[byte], 0, &mut bytes, bit_size, 8);
                bit_size += 8;
            }
            Piece::Bits(piece) => {
                let total = bit_size + piece.bit_size();
                bytes.resize(total.div_ceil(8), 0);
                bits::copy_bits(piece.data(), piece.bit_offset(), &mut bytes, bit_size, piece.bit_size());
                bit_size = total;
            }
        }
        Some(())
    })?;
    Some((bytes, bit_size))
}

fn binary<'h>(cx: &mut BifContext<'h>, bytes: Cow<'h, [u8]>) -> BifResult<'h> {
    Ok(match bytes {
        Cow::Borrowed(bytes) => cx.heap.binary(bytes),
        Cow::Owned(mut bytes) => {
            bytes.shrink_to_fit();
            cx.heap.binary_from_vec(bytes)
        }
    })
}

/// The bytes of a list of bytes, binaries and such lists as one binary; `badarg` for what is none.
#[bif("erlang:list_to_binary/1")]
fn list_to_binary<'h>(cx: &mut BifContext<'h>, list: Term<'h>) -> BifResult<'h> {
    match iodata_work(cx, list)? {
        Some(bytes) if list.is_list() => binary(cx, bytes),
        _ => cx.badarg(),
    }
}

/// As `list_to_binary/1`; a binary is given back as it is.
#[bif("erlang:iolist_to_binary/1")]
fn iolist_to_binary<'h>(cx: &mut BifContext<'h>, data: Term<'h>) -> BifResult<'h> {
    match data.as_bits() {
        Some(bits) if bits.is_binary() => Ok(data),
        Some(_) => cx.badarg(),
        None => list_to_binary(cx, data),
    }
}

/// As `list_to_binary/1`, but bitstrings need not be whole bytes.
#[bif("erlang:list_to_bitstring/1")]
fn list_to_bitstring<'h>(cx: &mut BifContext<'h>, list: Term<'h>) -> BifResult<'h> {
    match to_bits(list) {
        Some((bytes, bit_size)) if list.is_list() => {
            cx.spend(bytes.len() / BYTES_PER_REDUCTION);
            Ok(cx.heap.bitstring_from_vec(bytes, bit_size))
        }
        _ => cx.badarg(),
    }
}

/// Size of an I/O list in bytes; `badarg` for what is none.
#[bif("erlang:iolist_size/1")]
fn iolist_size<'h>(cx: &mut BifContext<'h>, data: Term<'h>) -> BifResult<'h> {
    let (mut size, mut pieces) = (0usize, 0usize);
    let pieces_max = if cx.is_dirty() { usize::MAX } else { PIECES_MAX };
    let walked = walk(data, |piece| {
        pieces += 1;
        if pieces > pieces_max {
            return None;
        }
        size = size.checked_add(match piece {
            Piece::Byte(_) => 1,
            Piece::Bits(bits) if bits.is_binary() => bits.byte_size(),
            Piece::Bits(_) => return None,
        })?;
        Some(())
    });
    if pieces > pieces_max {
        return Err(cx.hand_over());
    }
    cx.spend(pieces / BYTES_PER_REDUCTION);
    match walked {
        Some(()) => Ok(cx.heap.unsigned(size as u64)),
        None => cx.badarg(),
    }
}

/// The data of an I/O list as a list of binaries: large ones as they are, what lies between them joined.
#[bif("erlang:iolist_to_iovec/1")]
fn iolist_to_iovec<'h>(cx: &mut BifContext<'h>, data: Term<'h>) -> BifResult<'h> {
    let (mut vector, mut joined) = (Vec::new(), Vec::new());
    let heap = cx.heap;
    let walked = walk(data, |piece| {
        match piece {
            Piece::Byte(byte) => joined.push(byte),
            Piece::Bits(bits) if !bits.is_binary() => return None,
            Piece::Bits(bits) if bits.byte_size() >= VECTOR_BYTES_MIN && bits.aligned_bytes().is_some() => {
                if !joined.is_empty() {
                    vector.push(heap.binary_from_vec(std::mem::take(&mut joined)));
                }
                vector.push(heap.sub_bitstring(bits, bits.bit_offset(), bits.bit_size()));
            }
            Piece::Bits(bits) => joined.extend_from_slice(&bits.to_bytes()),
        }
        Some(())
    });
    if walked.is_none() {
        return cx.badarg();
    }
    if !joined.is_empty() {
        vector.push(heap.binary_from_vec(joined));
    }
    cx.spend(vector.len());
    Ok(heap.list(&vector))
}
