//! Looking into `.beam` files without loading them.

use oxbeam_beam_file::{BeamFile, chunk};
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Bits, Term, atoms};

/// The data of a chunk as a part of `file`; `undefined` when there is no such chunk, or an empty one.
///
/// # Errors
///
/// `badarg` unless `name` is a list of four bytes.
#[bif("erts_internal:beamfile_chunk/2")]
fn beamfile_chunk<'h>(cx: &mut BifContext<'h>, file: Bits<'h>, name: Term<'h>) -> BifResult<'h> {
    let Some(name) = chunk_name(name).filter(|_| file.is_binary()) else { return cx.badarg() };
    let bytes = file.to_bytes();
    Ok(match chunk(&bytes, name) {
        Some(place) => cx.heap.sub_bitstring(file, file.bit_offset() + place.start * 8, place.len() * 8),
        None => Term::atom(atoms::UNDEFINED),
    })
}

fn chunk_name(name: Term<'_>) -> Option<[u8; 4]> {
    let letters = name.to_vec()?.into_iter().map(|letter| u8::try_from(letter.as_i64()?).ok());
    letters.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

/// The MD5 of a module's essential chunks; `undefined` for what is no `.beam` file.
#[bif("erts_internal:beamfile_module_md5/1")]
fn beamfile_module_md5<'h>(cx: &mut BifContext<'h>, file: Bits<'h>) -> BifResult<'h> {
    if !file.is_binary() {
        return cx.badarg();
    }
    Ok(match BeamFile::parse(&file.to_bytes()) {
        Ok(file) => cx.heap.binary(&file.md5),
        Err(_) => Term::atom(atoms::UNDEFINED),
    })
}
