//! RSA keys (`rsa.c`).

use crate::failure::{Failure, Place, badarg, error};
use crate::keys::{RSA_NAMES, numbers_of};
use crate::library::unsigned;
use oxbeam_bif_macros::bif;
use oxbeam_libcrypto::Parameters;
use oxbeam_libcrypto::key::{Step, generate};
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::Term;

fn at(line: u32) -> Place {
    ("rsa.c", line)
}

/// Bits of a modulus, at least.
const BITS_MIN: u32 = 256;

/// A new key `[E, N, D, P1, P2, E1, E2, C]` with so many bits in its modulus.
#[bif("crypto:rsa_generate_key_nif/2", nif, dirty_cpu)]
fn generate_key<'h>(cx: &mut BifContext<'h>, bits: Term<'h>, exponent: Term<'h>) -> BifResult<'h> {
    new_key(cx, bits, exponent).map_err(|failure| failure.raise(cx))
}

fn new_key<'h>(cx: &BifContext<'h>, bits: Term<'h>, exponent: Term<'h>) -> Result<Term<'h>, Failure> {
    let bits = unsigned(bits).ok_or_else(|| badarg(at(461), 0, "Can't get unsigned int"))?;
    if bits < BITS_MIN {
        return Err(badarg(at(465), 0, "Can't be < 256"));
    }
    let exponent = exponent.as_binary();
    let exponent = exponent.ok_or_else(|| badarg(at(470), 1, "Can't get binary public exponent"))?;
    // OTP passes the exponent's bytes on in the order in which they stand. Those in use read the same both ways.
    let mut parameters = Parameters::default().native(c"bits", &bits.to_ne_bytes()).native(c"e", &exponent);
    let key = generate(c"RSA", &mut parameters).map_err(|step| match step {
        Step::Algorithm | Step::Prepare => error(at(478), "Can't init RSA generation"),
        Step::Parameters => error(at(487), "Can't set params"),
        Step::Make => error(at(492), "Can't generate RSA key-pair"),
    })?;
    numbers_of(cx, &key, &RSA_NAMES).ok_or_else(|| error(at(522), "Can't get RSA keys"))
}
