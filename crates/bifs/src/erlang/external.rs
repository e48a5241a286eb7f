//! The external term format: `term_to_binary/1,2`, `binary_to_term/1,2` and relatives.

use super::iolist::BYTES_PER_REDUCTION;
use oxbeam_bif_macros::bif;
use oxbeam_etf::{COMPRESSION_DEFAULT, DecodeError, DecodeOptions, Decoder, EncodeOptions, Encoder, SystemLimit};
use oxbeam_runtime::{BifContext, BifResult, Interrupt, VmContext};
use oxbeam_term::{Bits, HEAP_BINARY_BYTES_MAX, Term, atoms};
use std::ops::Range;

/// Terms (or parts of long binaries) that are written or read before the reductions are looked at.
pub(super) const TERMS_PER_STEP: usize = 16 * 1024;
/// Terms that `external_size` counts on an ordinary scheduler, which takes far less than to write them.
const SIZED_TERMS_MAX: usize = 4 * TERMS_PER_STEP;
/// Terms written or read for one reduction.
pub(super) const TERMS_PER_REDUCTION: usize = 8;

/// Options of `term_to_binary/2`; `None` when there are others among them.
fn encode_options(list: Term<'_>) -> Option<EncodeOptions> {
    let mut options = EncodeOptions::default();
    let mut walk = list.list_iter();
    for option in walk.by_ref() {
        match (option.as_atom(), option.as_tuple_of::<2>()) {
            (Some(atoms::COMPRESSED), _) => options.compressed = COMPRESSION_DEFAULT,
            (Some(atoms::DETERMINISTIC), _) => options.deterministic = true,
            (Some(atoms::LOCAL), _) => options.local = true,
            (_, Some([name, level])) if name.is_atom(atoms::COMPRESSED) => {
                options.compressed = level.as_u64().filter(|level| *level <= 9)? as u32;
            }
            (_, Some([name, version])) if name.is_atom(atoms::MINOR_VERSION) => {
                options.minor_version = version.as_u64().filter(|version| *version <= 2)? as u8;
            }
            _ => return None,
        }
    }
    walk.tail().is_nil().then_some(options)
}

fn encoded<'h>(cx: &mut BifContext<'h>, term: Term<'h>, options: EncodeOptions) -> BifResult<'h> {
    let (bytes, _) = encoded_bytes(cx, term, options)?;
    Ok(cx.heap.binary_from_vec(bytes))
}

/// As a list: large binaries are elements of their own, as in OTP. They share the memory of what is between them.
fn encoded_list<'h>(cx: &mut BifContext<'h>, term: Term<'h>, options: EncodeOptions) -> BifResult<'h> {
    let (bytes, large) = encoded_bytes(cx, term, EncodeOptions { note_binaries: options.compressed == 0, ..options })?;
    let size = bytes.len();
    let binary = cx.heap.binary_from_vec(bytes);
    let Some(bits) = binary.as_bits() else { return Ok(cx.heap.list(&[binary])) };
    cx.spend(large.len() / TERMS_PER_REDUCTION);
    let seal = options.local.then_some(oxbeam_etf::LOCAL_HEAD_BYTES);
    let bounds = seal.into_iter().chain(large.iter().flat_map(|part| [part.start, part.end])).chain([size]);
    let mut start = 0;
    let mut parts = Vec::with_capacity(2 * large.len() + 1);
    for end in bounds {
        if start == 0 && end == size {
            parts.push(binary);
        } else if start < end {
            parts.push(cx.heap.sub_bitstring(bits, start * 8, (end - start) * 8));
        }
        start = end;
    }
    Ok(cx.heap.list(&parts))
}

/// The bytes, and where large binaries lie in them if `options` ask for that.
fn encoded_bytes<'h>(
    cx: &mut BifContext<'h>,
    term: Term<'h>,
    options: EncodeOptions,
) -> Result<(Vec<u8>, Vec<Range<usize>>), Box<Interrupt<'h>>> {
    let mut encoder = Encoder::new(term, options);
    loop {
        let mut budget = TERMS_PER_STEP;
        let step = encoder.step(&VmContext { vm: cx.vm }, &mut budget);
        match step {
            Ok(Some(mut bytes)) => {
                cx.spend((TERMS_PER_STEP - budget) / TERMS_PER_REDUCTION);
                if bytes.len() > HEAP_BINARY_BYTES_MAX {
                    bytes.shrink_to_fit();
                }
                return Ok((bytes, encoder.large_binaries()));
            }
            Ok(None) => cx.work(work_of_step(options))?,
            Err(SystemLimit) => return Err(cx.raise(atoms::SYSTEM_LIMIT)),
        }
    }
}

/// Reductions for a step of encoding. What is compressed at the end costs far more there.
fn work_of_step(options: EncodeOptions) -> usize {
    let factor = if options.compressed == 0 { 1 } else { 8 };
    factor * TERMS_PER_STEP / TERMS_PER_REDUCTION
}

/// The term in the external format.
#[bif("erlang:term_to_binary/1")]
fn term_to_binary<'h>(cx: &mut BifContext<'h>, term: Term<'h>) -> BifResult<'h> {
    encoded(cx, term, EncodeOptions::default())
}

/// The term in the external format; options are `compressed`, `{compressed, 0..9}`, `{minor_version, 0..2}`,
/// `deterministic` and `local`, anything else is `badarg`.
#[bif("erlang:term_to_binary/2")]
fn term_to_binary_with<'h>(cx: &mut BifContext<'h>, term: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    match encode_options(options) {
        Some(options) => encoded(cx, term, options),
        None => cx.badarg(),
    }
}

/// As `term_to_binary/1`, as a list of binaries.
#[bif("erlang:term_to_iovec/1")]
fn term_to_iovec<'h>(cx: &mut BifContext<'h>, term: Term<'h>) -> BifResult<'h> {
    encoded_list(cx, term, EncodeOptions::default())
}

/// As `term_to_binary/2`, as a list of binaries.
#[bif("erlang:term_to_iovec/2")]
fn term_to_iovec_with<'h>(cx: &mut BifContext<'h>, term: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    match encode_options(options) {
        Some(options) => encoded_list(cx, term, options),
        None => cx.badarg(),
    }
}

fn size<'h>(cx: &mut BifContext<'h>, term: Term<'h>, options: EncodeOptions) -> BifResult<'h> {
    let mut budget = if cx.is_dirty() { usize::MAX } else { SIZED_TERMS_MAX };
    match oxbeam_etf::encoded_size(term, &VmContext { vm: cx.vm }, options, &mut budget) {
        Ok(Some(size)) => {
            cx.spend(size / BYTES_PER_REDUCTION);
            Ok(cx.heap.unsigned(size as u64))
        }
        Ok(None) => Err(cx.hand_over()),
        Err(SystemLimit) => Err(cx.raise(atoms::SYSTEM_LIMIT)),
    }
}

/// How many bytes `term_to_binary/1` gives at most.
#[bif("erlang:external_size/1")]
fn external_size<'h>(cx: &mut BifContext<'h>, term: Term<'h>) -> BifResult<'h> {
    size(cx, term, EncodeOptions::default())
}

/// How many bytes `term_to_binary/2` gives at most; `badarg` for other options than its.
#[bif("erlang:external_size/2")]
fn external_size_with<'h>(cx: &mut BifContext<'h>, term: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    match encode_options(options) {
        Some(options) => size(cx, term, options),
        None => cx.badarg(),
    }
}

/// Options of `binary_to_term/2`, and whether the result tells how many bytes were used.
fn decode_options(list: Term<'_>) -> Option<(DecodeOptions, bool)> {
    let (mut options, mut used) = (DecodeOptions::default(), false);
    let mut walk = list.list_iter();
    for option in walk.by_ref() {
        match option.as_atom()? {
            atoms::SAFE => options.safe = true,
            atoms::USED => used = true,
            _ => return None,
        }
    }
    walk.tail().is_nil().then_some((options, used))
}

fn decoded<'h>(cx: &mut BifContext<'h>, bytes: Bits<'h>, options: DecodeOptions, used: bool) -> BifResult<'h> {
    if !bytes.is_binary() {
        return cx.badarg();
    }
    let (source, mut decoder) = (bytes.to_bytes(), Decoder::new(options));
    let decoded = loop {
        let mut budget = TERMS_PER_STEP;
        match decoder.step(&source, cx.heap, &VmContext { vm: cx.vm }, &mut budget) {
            Ok(Some(decoded)) => break decoded,
            Ok(None) => cx.work(TERMS_PER_STEP / TERMS_PER_REDUCTION)?,
            Err(DecodeError::AtomTableFull) => return Err(cx.raise(atoms::SYSTEM_LIMIT)),
            Err(_) => return cx.badarg(),
        }
    };
    cx.spend(decoded.used.min(TERMS_PER_STEP) / BYTES_PER_REDUCTION);
    if used {
        let used = cx.heap.unsigned(decoded.used as u64);
        return Ok(cx.heap.tuple(&[decoded.term, used]));
    }
    Ok(decoded.term)
}

/// The term that the binary starts with, in the external format; `badarg` when it is none.
#[bif("erlang:binary_to_term/1")]
fn binary_to_term<'h>(cx: &mut BifContext<'h>, bytes: Bits<'h>) -> BifResult<'h> {
    decoded(cx, bytes, DecodeOptions::default(), false)
}

/// As `binary_to_term/1`; with `safe` no new atoms are made, with `used` the result is `{Term, BytesUsed}`.
///
/// # Errors
///
/// `badarg` for other options (cause `badopt`), and for what is not an external term.
#[bif("erlang:binary_to_term/2")]
fn binary_to_term_with<'h>(cx: &mut BifContext<'h>, bytes: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    let Some((options, used)) = decode_options(options) else { return cx.badarg_because(atoms::BADOPT) };
    match bytes.as_bits() {
        Some(bytes) => decoded(cx, bytes, options, used),
        None => cx.badarg(),
    }
}
