//! What the library is and what it has (`info.c`, `fips.c`, `algorithms.c`).

use crate::library::Library;
use crate::mac::MACS;
use openssl::version;
use oxbeam_bif_macros::bif;
use oxbeam_libcrypto::Parameters;
use oxbeam_libcrypto::key;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::Term;
use std::ffi::CString;

/// Public key algorithms.
const PUBLIC_KEYS: [&str; 9] = ["rsa", "dss", "dh", "ec_gf2m", "ecdsa", "ecdh", "eddsa", "eddh", "srp"];
/// Options and paddings of RSA.
const RSA_OPTIONS: [&str; 10] = [
    "rsa_pkcs1_pss_padding",
    "rsa_pss_saltlen",
    "rsa_mgf1_md",
    "rsa_pkcs1_oaep_padding",
    "rsa_oaep_label",
    "rsa_oaep_md",
    "signature_md",
    "rsa_pkcs1_padding",
    "rsa_x931_padding",
    "rsa_no_padding",
];
/// Curves in the order in which `crypto` lists them.
const CURVES: [&str; 81] = [
    "secp160k1",
    "secp160r1",
    "secp160r2",
    "secp192k1",
    "secp224k1",
    "secp224r1",
    "secp256k1",
    "secp384r1",
    "secp521r1",
    "secp192r1",
    "prime192v1",
    "prime192v2",
    "prime192v3",
    "prime239v1",
    "prime239v2",
    "prime239v3",
    "secp256r1",
    "prime256v1",
    "wtls7",
    "wtls9",
    "wtls12",
    "brainpoolP160r1",
    "brainpoolP160t1",
    "brainpoolP192r1",
    "brainpoolP192t1",
    "brainpoolP224r1",
    "brainpoolP224t1",
    "brainpoolP256r1",
    "brainpoolP256t1",
    "brainpoolP320r1",
    "brainpoolP320t1",
    "brainpoolP384r1",
    "brainpoolP384t1",
    "brainpoolP512r1",
    "brainpoolP512t1",
    "sect163k1",
    "sect163r1",
    "sect163r2",
    "sect193r1",
    "sect193r2",
    "sect233k1",
    "sect233r1",
    "sect239k1",
    "sect283k1",
    "sect283r1",
    "sect409k1",
    "sect409r1",
    "sect571k1",
    "sect571r1",
    "c2pnb163v1",
    "c2pnb163v2",
    "c2pnb163v3",
    "c2pnb176v1",
    "c2tnb191v1",
    "c2tnb191v2",
    "c2tnb191v3",
    "c2pnb208w1",
    "c2tnb239v1",
    "c2tnb239v2",
    "c2tnb239v3",
    "c2pnb272w1",
    "c2pnb304w1",
    "c2tnb359v1",
    "c2pnb368w1",
    "c2tnb431r1",
    "wtls3",
    "wtls5",
    "wtls10",
    "wtls11",
    "secp112r1",
    "secp112r2",
    "secp128r1",
    "secp128r2",
    "wtls6",
    "wtls8",
    "sect113r1",
    "sect113r2",
    "sect131r1",
    "sect131r2",
    "wtls1",
    "wtls4",
];
/// Two more, which the library names by their number in a protocol.
const OAKLEY: [(&str, &str); 2] = [("ipsec3", "Oakley-EC2N-3"), ("ipsec4", "Oakley-EC2N-4")];
/// Curves that are algorithms of their own.
const EDWARDS: [&str; 4] = ["ed25519", "ed448", "x25519", "x448"];

/// A list of atoms.
fn atom_list<'h>(cx: &BifContext<'h>, names: impl IntoIterator<Item = &'static str>) -> BifResult<'h> {
    let atoms: Result<Vec<Term<'h>>, _> = names.into_iter().map(|name| cx.intern(name).map(Term::atom)).collect();
    Ok(cx.heap.list(&atoms?))
}

/// What the library is: a map.
#[bif("crypto:info_nif/0", nif)]
fn info<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let pairs = [
        (Term::atom(cx.intern("compile_type")?), Term::atom(cx.intern("normal")?)),
        (Term::atom(cx.intern("link_type")?), Term::atom(cx.intern("static")?)),
        (Term::atom(cx.intern("cryptolib_version_compiled")?), cx.heap.string(version::version())),
        (Term::atom(cx.intern("cryptolib_version_linked")?), cx.heap.string(version::version())),
        (Term::atom(cx.intern("fips_provider_available")?), Term::boolean(false)),
    ];
    Ok(cx.heap.map_from_pairs(&pairs, cx.atoms()))
}

/// `[{Name, Version, VersionText}]`.
#[bif("crypto:info_lib/0", nif)]
fn info_lib<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let elements =
        [cx.heap.binary(b"OpenSSL"), Term::small(version::number()), cx.heap.binary(version::version().as_bytes())];
    Ok(cx.heap.list(&[cx.heap.tuple(&elements)]))
}

/// Always `not_supported`, as in an OTP that was built without FIPS.
#[bif("crypto:info_fips/0", nif)]
fn info_fips<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(Term::atom(cx.intern("not_supported")?))
}

/// Whether the mode is now as wished: it is always off.
///
/// # Errors
///
/// `badarg` for what is no boolean.
#[bif("crypto:enable_fips_mode_nif/1", nif)]
fn enable_fips_mode<'h>(_cx: &mut BifContext<'h>, enable: bool) -> BifResult<'h> {
    Ok(Term::boolean(!enable))
}

/// Names of the digests.
#[bif("crypto:hash_algorithms/0", nif)]
fn hash_algorithms<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let library = Library::of(cx);
    atom_list(cx, library.digests.iter().filter(|digest| digest.md().is_some()).map(|digest| digest.name))
}

/// Names of the ciphers.
#[bif("crypto:cipher_algorithms/0", nif)]
fn cipher_algorithms<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let library = Library::of(cx);
    atom_list(cx, library.ciphers.iter().filter(|cipher| cipher.cipher().is_some()).map(|cipher| cipher.name))
}

/// Names of the message authentication codes.
#[bif("crypto:mac_algorithms/0", nif)]
fn mac_algorithms<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    atom_list(cx, MACS)
}

/// Names of the public key algorithms.
#[bif("crypto:pubkey_algorithms/0", nif)]
fn pubkey_algorithms<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    atom_list(cx, PUBLIC_KEYS)
}

/// Names of RSA's options and paddings.
#[bif("crypto:rsa_opts_algorithms/0", nif)]
fn rsa_opts_algorithms<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    atom_list(cx, RSA_OPTIONS)
}

/// Names of the curves on which keys can be made.
#[bif("crypto:curve_algorithms/0", nif)]
fn curve_algorithms<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let library = Library::of(cx);
    let curves = library.curves.get_or_init(|| {
        let named = CURVES
            .into_iter()
            .map(|name| (name, library_name(name)))
            .chain(OAKLEY.map(|(name, other)| (name, other.into())));
        named.filter(|(_, name)| works(name)).map(|(name, _)| name).chain(EDWARDS).collect()
    });
    atom_list(cx, curves.iter().copied())
}

/// The library's name of a curve.
fn library_name(name: &str) -> String {
    match name {
        "secp192r1" => "prime192v1".into(),
        "secp256r1" => "prime256v1".into(),
        _ if name.starts_with("wtls") => format!("wap-wsg-idm-ecid-{name}"),
        _ => name.into(),
    }
}

/// Can a key be made on the curve?
fn works(name: &str) -> bool {
    let name = CString::new(name).unwrap_or_default();
    key::generate(c"EC", &mut Parameters::default().text(c"group", &name)).is_ok()
}
