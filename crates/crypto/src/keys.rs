//! Keys as `crypto` passes them, made into the library's (`pkey.c`, `rsa.c`, `dss.c`, `eddsa.c`).

use crate::ec;
use crate::failure::{Failure, Place, badarg, notsup};
use crate::library::{atom_text, is_atom};
use crate::number::{big_number, number_binary};
use openssl::bn::BigNum;
use openssl::pkey::{Id, PKey, PKeyRef, Private, Public};
use oxbeam_bif_macros::bif;
use oxbeam_libcrypto::{Parameters, key};
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::Term;
use std::ffi::CStr;

fn at(line: u32) -> Place {
    ("pkey.c", line)
}

/// What a key is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Rsa,
    Dss,
    Ecdsa,
    Eddsa,
}

impl Algorithm {
    /// The algorithm that an atom names.
    pub(crate) fn of(cx: &BifContext<'_>, name: Term<'_>) -> Result<Algorithm, Failure> {
        match atom_text(cx, name) {
            Some("rsa") => Ok(Algorithm::Rsa),
            Some("dss") => Ok(Algorithm::Dss),
            Some("ecdsa") => Ok(Algorithm::Ecdsa),
            Some("eddsa") => Ok(Algorithm::Eddsa),
            _ => Err(badarg(at(112), 0, "Bad algorithm")),
        }
    }
}

/// The private key that is argument `position`.
pub(crate) fn private_key(
    cx: &BifContext<'_>,
    algorithm: Algorithm,
    term: Term<'_>,
    position: u8,
) -> Result<PKey<Private>, Failure> {
    if term.is_map() {
        return Err(badarg(at(345), position, "Couldn't get engine and/or key id"));
    }
    let (key, line, text) = match algorithm {
        Algorithm::Rsa => (rsa_private(term), 357, "Couldn't get RSA private key"),
        Algorithm::Ecdsa => (ec::private_key(cx, term), 362, "Couldn't get ECDSA private key"),
        Algorithm::Eddsa => {
            (edwards(cx, term, PKey::private_key_from_raw_bytes), 371, "Couldn't get EDDSA private key")
        }
        Algorithm::Dss => (dss(term, c"priv", key::private), 381, "Couldn't get DSA private key"),
    };
    key.ok_or_else(|| badarg(at(line), position, text))
}

/// The public key that is argument `position`.
pub(crate) fn public_key(
    cx: &BifContext<'_>,
    algorithm: Algorithm,
    term: Term<'_>,
    position: u8,
) -> Result<PKey<Public>, Failure> {
    if term.is_map() {
        return Err(badarg(at(423), position, "Couldn't get engine and/or key id"));
    }
    let (key, line, text) = match algorithm {
        Algorithm::Rsa => (rsa_public(term), 435, "Couldn't get RSA public key"),
        Algorithm::Ecdsa => (ec::public_key(cx, term), 440, "Couldn't get ECDSA public key"),
        Algorithm::Eddsa => (edwards(cx, term, PKey::public_key_from_raw_bytes), 449, "Couldn't get EDDSA public key"),
        Algorithm::Dss => (dss(term, c"pub", key::public), 459, "Couldn't get DSA public key"),
    };
    key.ok_or_else(|| badarg(at(line), position, text))
}

/// The elements of a list as numbers.
pub(crate) fn number_list(list: Term<'_>) -> Option<Vec<BigNum>> {
    list.to_vec()?.into_iter().map(big_number).collect()
}

/// Names for the elements of `[E, N, D, P1, P2, E1, E2, C]`.
pub(crate) const RSA_NAMES: [&CStr; 8] =
    [c"e", c"n", c"d", c"rsa-factor1", c"rsa-factor2", c"rsa-exponent1", c"rsa-exponent2", c"rsa-coefficient1"];

fn with_names(names: &[&'static CStr], numbers: &[BigNum]) -> Parameters {
    names.iter().zip(numbers).fold(Parameters::default(), |parameters, (name, number)| parameters.integer(name, number))
}

fn rsa_private(term: Term<'_>) -> Option<PKey<Private>> {
    let numbers = number_list(term).filter(|numbers| [3, 8].contains(&numbers.len()))?;
    key::private(c"RSA", &mut with_names(&RSA_NAMES, &numbers)).ok()
}

fn rsa_public(term: Term<'_>) -> Option<PKey<Public>> {
    let numbers = number_list(term).filter(|numbers| numbers.len() == 2)?;
    key::public(c"RSA", &mut with_names(&RSA_NAMES, &numbers)).ok()
}

/// How the library makes a key of parameters.
type FromParameters<T> = fn(&CStr, &mut Parameters) -> Result<PKey<T>, key::Step>;

/// `[P, Q, G, Key]`.
fn dss<T>(term: Term<'_>, name: &'static CStr, make: FromParameters<T>) -> Option<PKey<T>> {
    let numbers = number_list(term).filter(|numbers| numbers.len() == 4)?;
    make(c"DSA", &mut with_names(&[c"p", c"q", c"g", name], &numbers)).ok()
}

/// How the library makes a key of its bytes.
type FromBytes<T> = fn(&[u8], Id) -> Result<PKey<T>, openssl::error::ErrorStack>;

/// `[Key, Curve]`.
fn edwards<T>(cx: &BifContext<'_>, term: Term<'_>, make: FromBytes<T>) -> Option<PKey<T>> {
    let elements = term.to_vec()?;
    let [bytes, curve] = elements[..] else { return None };
    let bytes = bytes.as_binary()?;
    let id = match atom_text(cx, curve)? {
        "ed25519" => Id::ED25519,
        "ed448" => Id::ED448,
        _ => return None,
    };
    make(&bytes, id).ok()
}

/// The numbers of a key, as a list of binaries.
pub(crate) fn numbers_of<'h, T>(cx: &BifContext<'h>, key: &PKeyRef<T>, names: &[&CStr]) -> Option<Term<'h>> {
    let numbers: Option<Vec<BigNum>> = names.iter().map(|name| key::integer(key, name).ok()).collect();
    let binaries: Vec<Term<'h>> = numbers?.iter().map(|number| number_binary(cx, number)).collect();
    Some(cx.heap.list(&binaries))
}

/// The public key that belongs to a private one: `[E, N]` or `[P, Q, G, Y]`.
#[bif("crypto:privkey_to_pubkey_nif/2", nif)]
fn privkey_to_pubkey<'h>(cx: &mut BifContext<'h>, algorithm: Term<'h>, private: Term<'h>) -> BifResult<'h> {
    public_of(cx, algorithm, private).map_err(|failure| failure.raise(cx))
}

fn public_of<'h>(cx: &BifContext<'h>, name: Term<'h>, private: Term<'h>) -> Result<Term<'h>, Failure> {
    let algorithm = Algorithm::of(cx, name)?;
    let private = private_key(cx, algorithm, private, 1)?;
    let missing = |line, text| badarg(at(line), 1, text);
    match algorithm {
        Algorithm::Rsa => numbers_of(cx, &private, &RSA_NAMES[..2])
            .ok_or_else(|| missing(1303, "Couldn't get RSA public key from private key")),
        Algorithm::Dss => numbers_of(cx, &private, &[c"p", c"q", c"g", c"pub"])
            .ok_or_else(|| missing(1308, "Couldn't get DSA public key from private key")),
        Algorithm::Ecdsa => Err(notsup(at(1345), 0, "ECDSA not implemented")),
        Algorithm::Eddsa => Err(badarg(at(1347), 0, "Bad algorithm")),
    }
}

/// Is the argument left out?
pub(crate) fn is_undefined(cx: &BifContext<'_>, term: Term<'_>) -> bool {
    is_atom(cx, term, "undefined")
}
