//! Keys from passwords (`pbkdf2_hmac.c`).

use crate::failure::{Failure, Place, badarg, error};
use crate::library::Library;
use openssl::hash::MessageDigest;
use openssl::pkcs5;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::Term;

fn at(line: u32) -> Place {
    ("pbkdf2_hmac.c", line)
}

/// What takes so many rounds or bytes at most is done at once.
const ROUNDS_MAX: u64 = 100;
const BYTES_MAX: u64 = 64;

/// A key of so many bytes, derived from a password and a salt in so many rounds. Long work is done by a dirty scheduler.
#[bif("crypto:pbkdf2_hmac_nif/5", nif)]
fn pbkdf2_hmac<'h>(
    cx: &mut BifContext<'h>,
    digest: Term<'h>,
    password: Term<'h>,
    salt: Term<'h>,
    rounds: Term<'h>,
    bytes: Term<'h>,
) -> BifResult<'h> {
    let arguments = [digest, password, salt, rounds, bytes];
    let positive = |term: Term<'h>, line, position| match term.as_u64() {
        None => Err(badarg(at(line), position, "Not integer")),
        Some(0) => Err(badarg(at(line + 2), position, "Must be > 0")),
        Some(number) => Ok(number),
    };
    let rounds = positive(rounds, 75, 3).map_err(|failure| failure.raise(cx))?;
    let bytes = positive(bytes, 80, 4).map_err(|failure| failure.raise(cx))?;
    if rounds <= ROUNDS_MAX && bytes <= BYTES_MAX { derive(cx, &arguments) } else { cx.dirty(derive, &arguments) }
}

fn derive<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    let key = key(cx, arguments).map_err(|failure| failure.raise(cx))?;
    Ok(cx.heap.binary_from_vec(key))
}

fn key(cx: &BifContext<'_>, arguments: &[Term<'_>]) -> Result<Vec<u8>, Failure> {
    let library = Library::of(cx);
    let digest = library.digest(cx, arguments[0]).ok_or_else(|| badarg(at(34), 0, "Bad digest type"))?;
    let md = digest.md().ok_or_else(|| badarg(at(36), 0, "md.p is not NULL"))?;
    let message_digest = match digest.name {
        "sha" | "sha224" | "sha256" | "sha384" | "sha512" => MessageDigest::from_nid(md.type_()),
        _ => None,
    };
    let message_digest = message_digest.ok_or_else(|| badarg(at(38), 0, "Not eligible digest type"))?;
    let password = arguments[1].as_binary().ok_or_else(|| badarg(at(41), 1, "Not binary"))?;
    let salt = arguments[2].as_binary().ok_or_else(|| badarg(at(44), 2, "Not binary"))?;
    let rounds = arguments[3].as_u64().ok_or_else(|| badarg(at(48), 3, "Not integer"))?;
    let bytes = arguments[4].as_u64().ok_or_else(|| badarg(at(51), 4, "Not integer"))?;
    let failed = || error(at(61), "Low-level call failed");
    let mut key = Vec::new();
    let bytes = usize::try_from(bytes).ok().filter(|bytes| key.try_reserve_exact(*bytes).is_ok());
    key.resize(bytes.ok_or_else(|| error(at(54), "Can't allocate binary"))?, 0);
    // The library takes a C int, to which OTP cuts the number.
    let rounds = usize::try_from(rounds as i32).map_err(|_| failed())?;
    if [key.len(), password.len(), salt.len()].into_iter().any(|length| length > i32::MAX as usize) {
        return Err(failed());
    }
    pkcs5::pbkdf2_hmac(&password, &salt, rounds, message_digest, &mut key).map_err(|_| failed())?;
    Ok(key)
}
