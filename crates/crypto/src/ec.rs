//! Keys on elliptic curves (`ec.c`, `ecdh.c`).
//!
//! A curve comes as `{Definition, Name}`. The library is asked for the named curve first; when it does not know the
//! name, or the key does not suit that curve, for one with the definition's numbers.

use crate::failure::{Failure, Place, badarg, error, error_of, notsup};
use crate::keys::is_undefined;
use crate::library::{atom_text, is_atom, unsigned};
use crate::number::big_number;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcPoint, PointConversionForm};
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, PKeyRef, Private, Public};
use openssl::pkey_ctx::PkeyCtx;
use oxbeam_bif_macros::bif;
use oxbeam_libcrypto::Parameters;
use oxbeam_libcrypto::key::{self, Step};
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::Term;
use std::ffi::CString;

fn at(line: u32) -> Place {
    ("ec.c", line)
}

/// Bits of a field, at most (`OPENSSL_ECC_MAX_FIELD_BITS`).
const FIELD_BITS_MAX: i64 = 661;

/// A definition `{Field, {A, B, Seed}, Generator, Order, Cofactor}` that was told to the library.
struct Curve {
    parameters: Parameters,
    /// Bytes of the order, which are those of a private key.
    order_size: usize,
    /// Was the curve told by its name?
    by_name: bool,
}

impl Curve {
    /// Adds a curve to what is told already.
    fn tell(cx: &BifContext<'_>, curve: Term<'_>, told: Parameters, use_name: bool) -> Result<Curve, Failure> {
        let Some([definition, name]) = curve.as_tuple_of::<2>() else {
            return Err(error(at(77), "Tuple arity 2 expected."));
        };
        let Some([field, coefficients, generator, order, cofactor]) = definition.as_tuple_of::<5>() else {
            return Err(error_of(at(82), 1, "Bad curve def. Expect 5-tuple."));
        };
        let name = if use_name { atom_text(cx, *name).filter(|name| *name != "undefined") } else { None };
        if let Some(name) = name {
            let order = order.as_binary().ok_or_else(|| error_of(at(93), 1, "Bad order"))?;
            let parameters = told.text(c"group", &CString::new(name).unwrap_or_default());
            return Ok(Curve { parameters, order_size: order.len(), by_name: true });
        }
        let bytes = generator.as_binary().ok_or_else(|| error_of(at(102), 1, "Bad Generator (Point)"))?;
        let order_size = order.as_binary().map_or(0, |order| order.len());
        let order = big_number(*order).ok_or_else(|| error_of(at(105), 1, "Bad order"))?;
        let mut parameters = told.octets(c"generator", &bytes).integer(c"order", &order);
        if is_atom(cx, *cofactor, "none") {
            return Err(error_of(at(108), 1, "Cofactor must be != none"));
        }
        let cofactor = big_number(*cofactor).ok_or_else(|| error_of(at(111), 1, "Bad cofactor"))?;
        parameters = parameters.integer(c"cofactor", &cofactor);
        let Some([a, b, seed]) = coefficients.as_tuple_of::<3>() else {
            return Err(error_of(at(115), 1, "Bad Prime"));
        };
        let a = big_number(*a).ok_or_else(|| error_of(at(118), 1, "Bad a"))?;
        let b = big_number(*b).ok_or_else(|| error_of(at(121), 1, "Bad b"))?;
        parameters = parameters.integer(c"a", &a).integer(c"b", &b);
        if let Some(seed) = seed.as_binary() {
            parameters = parameters.octets(c"seed", &seed);
        }
        let (kind, prime) = field_of(cx, *field)?;
        let parameters = parameters.text(c"field-type", kind).integer(c"p", &prime);
        Ok(Curve { parameters, order_size, by_name: false })
    }
}

/// `{prime_field, Prime}` or `{characteristic_two_field, M, Basis}`.
fn field_of(cx: &BifContext<'_>, field: Term<'_>) -> Result<(&'static std::ffi::CStr, BigNum), Failure> {
    let Some(field) = field.as_tuple() else { return Err(error_of(at(129), 1, "Bad Field")) };
    match *field.elements() {
        [kind, prime] if is_atom(cx, kind, "prime_field") => {
            let prime = big_number(prime).ok_or_else(|| error_of(at(136), 1, "Bad p (Prime)"))?;
            Ok((c"prime-field", prime))
        }
        [kind, bits, basis] if is_atom(cx, kind, "characteristic_two_field") => {
            let bits = bits.as_i64().filter(|bits| *bits <= FIELD_BITS_MAX);
            let bits = bits.ok_or_else(|| error_of(at(156), 1, "Bad field-bits (M)"))?;
            Ok((c"characteristic-two-field", polynomial(cx, bits, basis)?))
        }
        _ => Err(error_of(at(216), 1, "Bad field-type")),
    }
}

/// The polynomial of a binary field: `{tpbasis, K}` or `{ppbasis, K1, K2, K3}`.
fn polynomial(cx: &BifContext<'_>, bits: i64, basis: Term<'_>) -> Result<BigNum, Failure> {
    let wrong = |line, text| error_of(at(line), 1, text);
    let Some(basis_tuple) = basis.as_tuple() else {
        return Err(match is_atom(cx, basis, "onbasis") {
            true => notsup(at(207), 1, "'onbasis' not supported"),
            false => wrong(209, "Bad last field"),
        });
    };
    let (name, exponents, lines) = match basis_tuple.elements() {
        [name, exponents @ ..] if exponents.len() == 1 => ("tpbasis", (*name, exponents), [163, 165, 169, 175]),
        [name, exponents @ ..] if exponents.len() == 3 => ("ppbasis", (*name, exponents), [182, 187, 191, 199]),
        _ => return Err(wrong(202, "Bad tuple")),
    };
    let (found, exponents) = exponents;
    if !is_atom(cx, found, name) {
        return Err(wrong(lines[0], "Bad atom"));
    }
    let is_three = name == "ppbasis";
    let numbers: Option<Vec<i64>> = exponents.iter().map(|term| unsigned(*term).map(i64::from)).collect();
    let expected = if is_three { "Expecting uint (k1,k2,k3)" } else { "uint expected (k1)" };
    let numbers = numbers.ok_or_else(|| wrong(lines[1], expected))?;
    let rising = numbers.windows(2).all(|pair| pair[0] < pair[1]);
    if !rising || numbers[0] == 0 || numbers.last().is_some_and(|last| bits <= *last) {
        let text = if is_three { "bad values (field_bits, k1, k2 or k3)" } else { "bad values (field_bits or k1)" };
        return Err(wrong(lines[2], text));
    }
    let mut polynomial = BigNum::new().map_err(|_| error(at(151), "Creating bignum failed"))?;
    for bit in numbers.into_iter().chain([bits, 0]) {
        polynomial.set_bit(bit as i32).map_err(|_| error(at(lines[3]), "Polynom bit setting failed"))?;
    }
    Ok(polynomial)
}

/// How the library makes a key of parameters.
type Make<T> = fn(&std::ffi::CStr, &mut Parameters) -> Result<PKey<T>, Step>;

/// A key on a curve, and the bytes of the curve's order. `told` are the parameters of the key itself; `lines` for a
/// context that cannot be prepared and for values that make no key.
fn make_key<T>(
    cx: &BifContext<'_>,
    curve: Term<'_>,
    told: impl Fn() -> Parameters,
    make: Make<T>,
    [prepare, failed]: [Place; 2],
) -> Result<(PKey<T>, Curve), Failure> {
    let mut use_name = true;
    loop {
        let mut curve = Curve::tell(cx, curve, told(), use_name)?;
        match make(c"EC", &mut curve.parameters) {
            Ok(key) => return Ok((key, curve)),
            Err(Step::Make) if curve.by_name => use_name = false,
            Err(Step::Make) => return Err(error(failed, "Can't do fromdata")),
            Err(_) => return Err(error(prepare, "Can't init fromdata")),
        }
    }
}

/// `{Curve, Key}`.
fn curve_and_key(term: Term<'_>) -> Option<(Term<'_>, Term<'_>)> {
    let [curve, key] = term.as_tuple_of::<2>()?;
    (curve.as_tuple().is_some() && key.as_binary().is_some()).then_some((*curve, *key))
}

/// The key that `{Curve, Bytes}` stands for.
pub(crate) fn public_key(cx: &BifContext<'_>, term: Term<'_>) -> Option<PKey<Public>> {
    let (curve, key) = curve_and_key(term)?;
    let bytes = key.as_binary()?;
    let told = || Parameters::default().octets(c"pub", &bytes);
    Some(make_key(cx, curve, told, key::public, [at(256), at(264)]).ok()?.0)
}

/// The key that `{Curve, Bytes}` stands for.
pub(crate) fn private_key(cx: &BifContext<'_>, term: Term<'_>) -> Option<PKey<Private>> {
    let (curve, key) = curve_and_key(term)?;
    Some(make_private(cx, curve, key).ok()?.0)
}

fn make_private(cx: &BifContext<'_>, curve: Term<'_>, key: Term<'_>) -> Result<(PKey<Private>, Curve), Failure> {
    let number = big_number(key).ok_or_else(|| badarg(at(291), 0, "Bad private key"))?;
    let told = || Parameters::default().integer(c"priv", &number);
    make_key(cx, curve, told, key::private, [at(304), at(312)])
}

/// A pair `{Public, Private}`, the private key as given or new.
#[bif("crypto:ec_generate_key_nif/2", nif)]
fn generate_key<'h>(cx: &mut BifContext<'h>, curve: Term<'h>, private: Term<'h>) -> BifResult<'h> {
    let pair = match is_undefined(cx, private) {
        true => new_pair(cx, curve),
        false => pair_of(cx, curve, private),
    };
    let (public, private, size) = pair.map_err(|failure| failure.raise(cx))?;
    let size = if size == 0 { private.num_bytes() as usize } else { size };
    let Some(private) = i32::try_from(size).ok().and_then(|size| private.to_vec_padded(size).ok()) else {
        return cx.badarg();
    };
    Ok(cx.heap.tuple(&[cx.heap.binary(&public), cx.heap.binary(&private)]))
}

/// Public key, private key, and the private key's bytes.
type Pair = (Vec<u8>, BigNum, usize);

/// A new pair.
fn new_pair(cx: &BifContext<'_>, curve: Term<'_>) -> Result<Pair, Failure> {
    let mut use_name = true;
    loop {
        let told = Curve::tell(cx, curve, Parameters::default(), use_name);
        let mut told = told.map_err(|_| badarg(at(389), 0, "Couldn't get Curve definition"))?;
        match key::generate(c"EC", &mut told.parameters) {
            Ok(key) => {
                let public = key::octets(&key, c"encoded-pub-key");
                let public = public.map_err(|_| error(at(411), "Can't get pub octet string size"))?;
                let private = key::integer(&key, c"priv");
                let private = private.map_err(|_| badarg(at(423), 1, "Couldn't get priv key bytes"))?;
                return Ok((public, private, told.order_size));
            }
            Err(Step::Make) if told.by_name => use_name = false,
            Err(Step::Make) => return Err(error(at(405), "Couldn't generate EC key")),
            Err(Step::Parameters) => return Err(error(at(397), "Can't EVP_PKEY_CTX_set_params")),
            Err(Step::Algorithm | Step::Prepare) => return Err(error(at(394), "Can't EVP_PKEY_keygen_init")),
        }
    }
}

/// The pair with this private key.
fn pair_of(cx: &BifContext<'_>, curve: Term<'_>, private: Term<'_>) -> Result<Pair, Failure> {
    let (key, curve) = make_private(cx, curve, private)?;
    let public = computed_public(&key)?;
    let private = key::integer(&key, c"priv");
    let private = private.map_err(|_| badarg(at(375), 1, "Couldn't get peer priv key bytes"))?;
    Ok((public, private, curve.order_size))
}

/// The public key of a private key that has only its number.
fn computed_public(key: &PKeyRef<Private>) -> Result<Vec<u8>, Failure> {
    let name = key::text(key, c"group").map_err(|_| error(at(465), "Couldn't get EC group name size"))?;
    let name = CString::new(name).map_err(|_| error(at(472), "Couldn't get EC group name"))?;
    let group = key::named_curve(&name).ok_or_else(|| error(at(476), "Couldn't get EC group nid"))?;
    let number = key::integer(key, c"priv");
    let number = number.map_err(|_| badarg(at(487), 1, "Couldn't get peer priv key bytes"))?;
    let point = || -> Result<Vec<u8>, ErrorStack> {
        let mut context = BigNumContext::new()?;
        let mut point = EcPoint::new(&group)?;
        point.mul_generator2(&group, &number, &mut context)?;
        point.to_bytes(&group, PointConversionForm::UNCOMPRESSED, &mut context)
    };
    point().map_err(|_| error(at(490), "Couldn't multiply POINT"))
}

fn at_ecdh(line: u32) -> Place {
    ("ecdh.c", line)
}

/// The secret that the other's public key and one's own private key have in common.
#[bif("crypto:ecdh_compute_key_nif/3", nif)]
fn compute_key<'h>(cx: &mut BifContext<'h>, public: Term<'h>, curve: Term<'h>, private: Term<'h>) -> BifResult<'h> {
    let secret = secret(cx, public, curve, private).map_err(|failure| failure.raise(cx))?;
    Ok(cx.heap.binary_from_vec(secret))
}

fn secret(cx: &BifContext<'_>, public: Term<'_>, curve: Term<'_>, private: Term<'_>) -> Result<Vec<u8>, Failure> {
    let no_binary = |line| badarg(at_ecdh(line), 0, "Bad peer public key; binary expected");
    let bytes = public.as_binary().ok_or_else(|| no_binary(55))?;
    let told = || Parameters::default().octets(c"pub", &bytes);
    let lines = [at_ecdh(70), at_ecdh(78)];
    let (peer, by_name) = make_key(cx, curve, told, key::public, lines).map(|(peer, told)| (peer, told.by_name))?;
    let number = big_number(private).ok_or_else(|| no_binary(90))?;
    let told = Parameters::default().integer(c"priv", &number);
    let mut told = Curve::tell(cx, curve, told, by_name)?;
    let own = key::private(c"EC", &mut told.parameters).map_err(|step| match step {
        Step::Make => error(at_ecdh(98), "Can't do fromdata"),
        Step::Algorithm | Step::Prepare | Step::Parameters => error(at_ecdh(95), "Can't init fromdata"),
    })?;
    let mut context = PkeyCtx::new(&own).map_err(|_| error(at_ecdh(106), "Can't EVP_PKEY_CTX_init"))?;
    context.derive_init().map_err(|_| error(at_ecdh(109), "Can't EVP_PKEY_derive_init"))?;
    let set = key::set_peer_unchecked(&mut context, &peer);
    set.map_err(|_| error(at_ecdh(112), "Can't derive secret or set peer"))?;
    let mut secret = vec![0; context.derive(None).map_err(|_| error(at_ecdh(115), "Can't get result size"))?];
    let length = context.derive(Some(&mut secret)).map_err(|_| error(at_ecdh(122), "Can't get result"))?;
    secret.truncate(length);
    Ok(secret)
}
