//! Diffie-Hellman with numbers (`dh.c`).

use crate::failure::{Failure, Place, badarg, error};
use crate::keys::is_undefined;
use crate::number::{big_number, number_binary};
use openssl::bn::BigNum;
use openssl::pkey::{PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use oxbeam_bif_macros::bif;
use oxbeam_libcrypto::Parameters;
use oxbeam_libcrypto::key::{self, Step};
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::Term;

fn at(line: u32) -> Place {
    ("dh.c", line)
}

/// `[P, G]`, argument `position`; `lines` for a bad `P`, a bad `G` and a list of another length.
fn domain(term: Term<'_>, position: u8, lines: [u32; 3]) -> Result<[BigNum; 2], Failure> {
    let number =
        |term: Option<Term<'_>>, line, text| term.and_then(big_number).ok_or_else(|| badarg(at(line), position, text));
    let mut elements = term.list_iter();
    let prime = number(elements.next(), lines[0], "Bad value of 'p'")?;
    let generator = number(elements.next(), lines[1], "Bad value of 'g'")?;
    if elements.next().is_some() || !elements.tail().is_nil() {
        return Err(badarg(at(lines[2]), position, "Not a two-element list"));
    }
    Ok([prime, generator])
}

fn with_domain(parameters: Parameters, [prime, generator]: &[BigNum; 2]) -> Parameters {
    parameters.integer(c"p", prime).integer(c"g", generator)
}

fn made(made: Result<PKey<Private>, Step>, prepare: u32, make: u32) -> Result<PKey<Private>, Failure> {
    made.map_err(|step| match step {
        Step::Algorithm | Step::Prepare | Step::Parameters => error(at(prepare), "Can't init fromdata"),
        Step::Make => error(at(make), "Can't do fromdata"),
    })
}

/// A pair `{Public, Private}`, the private key as given or new; with so many bits unless that is 0.
#[bif("crypto:dh_generate_key_nif/4", nif)]
fn generate_key<'h>(
    cx: &mut BifContext<'h>,
    private: Term<'h>,
    domain: Term<'h>,
    _header: Term<'h>,
    length: Term<'h>,
) -> BifResult<'h> {
    let pair = new_pair(cx, private, domain, length).map_err(|failure| failure.raise(cx))?;
    Ok(cx.heap.tuple(&pair.map(|number| number_binary(cx, &number))))
}

fn new_pair(
    cx: &BifContext<'_>,
    private: Term<'_>,
    domain: Term<'_>,
    length: Term<'_>,
) -> Result<[BigNum; 2], Failure> {
    let mut parameters = Parameters::default();
    if !is_undefined(cx, private) {
        let private = big_number(private).ok_or_else(|| badarg(at(57), 0, "PrivKeyIn"))?;
        parameters = parameters.integer(c"priv", &private);
    }
    parameters = with_domain(parameters, &self::domain(domain, 1, [66, 71, 77])?);
    let length = length.as_u64().filter(|length| *length <= i64::MAX as u64);
    let length = length.ok_or_else(|| badarg(at(89), 3, "Bad value of length element"))?;
    if length > 0 {
        parameters = parameters.native(c"priv_len", &length.to_ne_bytes());
    }
    let template = made(key::private(c"DH", &mut parameters), 101, 105)?;
    let pair = key::generate_like(&template, &mut parameters).map_err(|step| match step {
        Step::Algorithm | Step::Prepare => error(at(114), "Can't init DH generation"),
        Step::Parameters => error(at(119), "Can't set params"),
        Step::Make => error(at(124), "Can't generate DH key pair"),
    })?;
    let public = key::integer(&pair, c"pub").map_err(|_| error(at(131), "Can't get public key"))?;
    let private = key::integer(&pair, c"priv").map_err(|_| error(at(143), "Can't get private key"))?;
    Ok([public, private])
}

/// The secret that the other's public key and one's own private key have in common.
#[bif("crypto:dh_compute_key_nif/3", nif)]
fn compute_key<'h>(cx: &mut BifContext<'h>, public: Term<'h>, private: Term<'h>, domain: Term<'h>) -> BifResult<'h> {
    let secret = secret(public, private, domain).map_err(|failure| failure.raise(cx))?;
    Ok(cx.heap.binary_from_vec(secret))
}

fn secret(public: Term<'_>, private: Term<'_>, domain: Term<'_>) -> Result<Vec<u8>, Failure> {
    let no_binary = |line| badarg(at(line), 0, "Bad peer public key; binary expected");
    let public = big_number(public).ok_or_else(|| no_binary(187))?;
    let domain = self::domain(domain, 2, [194, 197, 201])?;
    let mut parameters = with_domain(Parameters::default().integer(c"pub", &public), &domain);
    let peer = made(key::private(c"DH", &mut parameters), 209, 211)?;
    let private = big_number(private).ok_or_else(|| no_binary(215))?;
    let mut parameters = with_domain(Parameters::default().integer(c"priv", &private), &domain);
    let own = made(key::private(c"DH", &mut parameters), 220, 223)?;
    let mut context = PkeyCtx::new(&own).map_err(|_| error(at(230), "Can't EVP_PKEY_derive_init"))?;
    context.derive_init().map_err(|_| error(at(230), "Can't EVP_PKEY_derive_init"))?;
    // OTP does not see when the library refuses the other's key; then there is no size.
    let size = context.derive_set_peer(&peer).and_then(|()| context.derive(None));
    let mut secret = vec![0; size.map_err(|_| error(at(236), "Can't get result size"))?];
    let length = context.derive(Some(&mut secret)).map_err(|_| error(at(243), "Can't get result"))?;
    secret.truncate(length);
    Ok(secret)
}
