//! X25519, X448, Ed25519 and Ed448 keys (`evp.c`).

use crate::failure::{Failure, Place, badarg, error, error_of};
use crate::keys::is_undefined;
use crate::library::atom_text;
use openssl::pkey::{Id, PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::Term;

fn at(line: u32) -> Place {
    ("evp.c", line)
}

/// The secret that the other's public key and one's own private key have in common.
#[bif("crypto:evp_compute_key_nif/3", nif)]
fn compute_key<'h>(cx: &mut BifContext<'h>, curve: Term<'h>, public: Term<'h>, private: Term<'h>) -> BifResult<'h> {
    let secret = secret(cx, curve, public, private).map_err(|failure| failure.raise(cx))?;
    Ok(cx.heap.binary_from_vec(secret))
}

fn secret(cx: &BifContext<'_>, curve: Term<'_>, public: Term<'_>, private: Term<'_>) -> Result<Vec<u8>, Failure> {
    let id = match atom_text(cx, curve) {
        Some("x25519") => Id::X25519,
        Some("x448") => Id::X448,
        _ => return Err(badarg(at(45), 0, "Bad curve")),
    };
    let private = private.as_binary().ok_or_else(|| badarg(at(49), 2, "Binary expected"))?;
    let own = PKey::private_key_from_raw_bytes(&private, id);
    let own = own.map_err(|_| badarg(at(52), 2, "Not a valid raw private key"))?;
    let mut context = PkeyCtx::new(&own).map_err(|_| error_of(at(55), 2, "Can't make context"))?;
    context.derive_init().map_err(|_| error(at(58), "Can't EVP_PKEY_derive_init"))?;
    let public = public.as_binary().ok_or_else(|| badarg(at(62), 1, "Binary expected"))?;
    let peer = PKey::public_key_from_raw_bytes(&public, id);
    let peer = peer.map_err(|_| badarg(at(65), 1, "Not a raw public peer key"))?;
    context.derive_set_peer(&peer).map_err(|_| error_of(at(68), 1, "Can't EVP_PKEY_derive_set_peer"))?;
    let mut secret = vec![0; context.derive(None).map_err(|_| error_of(at(72), 1, "Can't get max size"))?];
    let length = context.derive(Some(&mut secret)).map_err(|_| error(at(81), "Can't EVP_PKEY_derive"))?;
    secret.truncate(length);
    Ok(secret)
}

/// A pair `{Public, Private}`, the private key as given or new.
#[bif("crypto:evp_generate_key_nif/2", nif)]
fn generate_key<'h>(cx: &mut BifContext<'h>, curve: Term<'h>, private: Term<'h>) -> BifResult<'h> {
    let key = new_key(cx, curve, private).and_then(|key| {
        let public = key.raw_public_key().map_err(|_| error_of(at(155), 1, "Can't get max size"))?;
        let private = key.raw_private_key().map_err(|_| error_of(at(162), 1, "Can't get max size"))?;
        Ok([public, private])
    });
    let key = key.map_err(|failure| failure.raise(cx))?;
    Ok(cx.heap.tuple(&key.map(|bytes| cx.heap.binary(&bytes))))
}

fn new_key(cx: &BifContext<'_>, curve: Term<'_>, private: Term<'_>) -> Result<PKey<Private>, Failure> {
    let id = match atom_text(cx, curve) {
        Some("x25519") => Id::X25519,
        Some("x448") => Id::X448,
        Some("ed25519") => Id::ED25519,
        Some("ed448") => Id::ED448,
        _ => return Err(badarg(at(138), 0, "Bad curve")),
    };
    if is_undefined(cx, private) {
        let mut context = PkeyCtx::new_id(id).map_err(|_| error(at(142), "Can't make context"))?;
        context.keygen_init().map_err(|_| error(at(144), "Can't EVP_PKEY_keygen_init"))?;
        return context.keygen().map_err(|_| error(at(146), "Can't EVP_PKEY_keygen"));
    }
    let private = private.as_binary().ok_or_else(|| error_of(at(149), 1, "Can't get max size"))?;
    let key = PKey::private_key_from_raw_bytes(&private, id);
    key.map_err(|_| error_of(at(151), 1, "Can't EVP_PKEY_new_raw_private_key"))
}
