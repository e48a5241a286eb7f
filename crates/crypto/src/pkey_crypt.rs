//! Encryption with asymmetric keys (`pkey.c`).

use crate::failure::{Failure, Place, badarg, error, notsup, notsup_at_all};
use crate::keys::{Algorithm, private_key, public_key};
use crate::library::{Digest, Library, atom_text};
use crate::sign::{X931, digest_of};
use openssl::error::ErrorStack;
use openssl::md::MdRef;
use openssl::pkey_ctx::{PkeyCtx, PkeyCtxRef};
use openssl::rsa::Padding;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::Term;
use std::borrow::Cow;

fn at(line: u32) -> Place {
    ("pkey.c", line)
}

/// The options of a call.
struct Options<'h, 'l> {
    padding: Padding,
    mgf1: Option<&'l MdRef>,
    oaep_digest: Option<&'l MdRef>,
    oaep_label: Option<Cow<'h, [u8]>>,
    signature_digest: Option<&'l MdRef>,
}

/// Encrypts or decrypts with a public or private key.
#[bif("crypto:pkey_crypt_nif/6", nif)]
fn pkey_crypt<'h>(
    cx: &mut BifContext<'h>,
    algorithm: Term<'h>,
    data: Term<'h>,
    key: Term<'h>,
    options: Term<'h>,
    is_private: Term<'h>,
    encrypts: Term<'h>,
) -> BifResult<'h> {
    let is_true = |term: Term<'h>| term.as_boolean() == Some(true);
    let output = match is_true(is_private) {
        true => with_private(cx, [algorithm, data, key, options], is_true(encrypts)),
        false => with_public(cx, [algorithm, data, key, options], is_true(encrypts)),
    };
    Ok(cx.heap.binary(&output.map_err(|failure| failure.raise(cx))?))
}

fn input<'h>(cx: &BifContext<'h>, name: Term<'h>, data: Term<'h>) -> Result<(Algorithm, Cow<'h, [u8]>), Failure> {
    let algorithm = Algorithm::of(cx, name)?;
    Ok((algorithm, data.as_binary().ok_or_else(|| badarg(at(1047), 1, "Binary expected"))?))
}

fn with_private(
    cx: &BifContext<'_>,
    [name, data, key, options]: [Term<'_>; 4],
    encrypts: bool,
) -> Result<Vec<u8>, Failure> {
    let (algorithm, data) = input(cx, name, data)?;
    let key = private_key(cx, algorithm, key, 2)?;
    let library = Library::of(cx);
    let options = crypt_options(cx, library, algorithm, options)?;
    let mut context = PkeyCtx::new(&key).map_err(|_| error(at(1070), "Can't allocate new EVP_PKEY_CTX"))?;
    let prepared = if encrypts { context.sign_init() } else { context.decrypt_init() };
    configure(&mut context, prepared, algorithm, &options)?;
    match encrypts {
        true => sized(|output| context.sign(&data, output)),
        false => sized(|output| context.decrypt(&data, output)),
    }
}

fn with_public(
    cx: &BifContext<'_>,
    [name, data, key, options]: [Term<'_>; 4],
    encrypts: bool,
) -> Result<Vec<u8>, Failure> {
    let (algorithm, data) = input(cx, name, data)?;
    let key = public_key(cx, algorithm, key, 2)?;
    let library = Library::of(cx);
    let options = crypt_options(cx, library, algorithm, options)?;
    let mut context = PkeyCtx::new(&key).map_err(|_| error(at(1070), "Can't allocate new EVP_PKEY_CTX"))?;
    let prepared = if encrypts { context.encrypt_init() } else { context.verify_recover_init() };
    configure(&mut context, prepared, algorithm, &options)?;
    match encrypts {
        true => sized(|output| context.encrypt(&data, output)),
        false => sized(|output| context.verify_recover(&data, output)),
    }
}

/// Asks for the size of the output, then for the output.
fn sized(mut work: impl FnMut(Option<&mut [u8]>) -> Result<usize, ErrorStack>) -> Result<Vec<u8>, Failure> {
    let mut output = vec![0; work(None).map_err(|_| error(at(1160), "Couldn't get size of result"))?];
    let length = work(Some(&mut output)).map_err(|_| error(at(1179), "Couldn't get the result"))?;
    output.truncate(length);
    Ok(output)
}

/// Tells the options to a context that is `prepared` for its work, or not.
fn configure<T>(
    context: &mut PkeyCtxRef<T>,
    prepared: Result<(), ErrorStack>,
    algorithm: Algorithm,
    options: &Options<'_, '_>,
) -> Result<(), Failure> {
    prepared.map_err(|_| notsup_at_all(at(1086), "Can't initiate encrypt/decrypt"))?;
    if algorithm != Algorithm::Rsa {
        return Ok(());
    }
    if let Some(digest) = options.signature_digest {
        let set = context.set_signature_md(digest);
        set.map_err(|_| error(at(1092), "Can't EVP_PKEY_CTX_set_signature_md"))?;
    }
    context.set_rsa_padding(options.padding).map_err(|_| error(at(1115), "Couldn't set rsa padding"))?;
    if options.padding != Padding::PKCS1_OAEP {
        return Ok(());
    }
    if let Some(digest) = options.oaep_digest {
        let set = context.set_rsa_oaep_md(digest);
        set.map_err(|_| error(at(1121), "Couldn't EVP_PKEY_CTX_set_rsa_oaep_md"))?;
    }
    if let Some(digest) = options.mgf1 {
        let set = context.set_rsa_mgf1_md(digest);
        set.map_err(|_| error(at(1126), "Couldn't EVP_PKEY_CTX_set_rsa_mgf1_md"))?;
    }
    if let Some(label) = options.oaep_label.as_deref().filter(|label| !label.is_empty()) {
        if label.len() > i32::MAX as usize {
            return Err(badarg(at(1131), 3, "RSA oep label too large"));
        }
        context.set_rsa_oaep_label(label).map_err(|_| error(at(1140), "Couldn't set RSA oaep label"))?;
    }
    Ok(())
}

fn crypt_options<'h, 'l>(
    cx: &BifContext<'_>,
    library: &'l Library,
    algorithm: Algorithm,
    list: Term<'h>,
) -> Result<Options<'h, 'l>, Failure> {
    let wrong = |line, text| badarg(at(line), 3, text);
    if !list.is_list() {
        return Err(wrong(890, "Expected a list"));
    }
    let mut options =
        Options { padding: Padding::PKCS1, mgf1: None, oaep_digest: None, oaep_label: None, signature_digest: None };
    if list.is_nil() {
        return Ok(options);
    }
    if algorithm != Algorithm::Rsa {
        return Err(wrong(913, "Only RSA supports Options"));
    }
    let digest = |value: Term<'_>, no_atom: Failure| match value.as_atom() {
        None => Err(no_atom),
        Some(_) => digest_of(cx, library, algorithm, value, 3).map(|digest| digest.and_then(Digest::md)),
    };
    for option in list.list_iter() {
        let Some(&[name, value]) = option.as_tuple_of::<2>() else {
            return Err(wrong(919, "Expect only two-tuples in the list"));
        };
        match atom_text(cx, name) {
            Some("rsa_padding" | "rsa_pad") => {
                options.padding = match atom_text(cx, value) {
                    Some("rsa_pkcs1_padding") => Padding::PKCS1,
                    Some("rsa_pkcs1_oaep_padding") => Padding::PKCS1_OAEP,
                    Some("rsa_x931_padding") => Padding::from_raw(X931),
                    Some("rsa_no_padding") => Padding::NONE,
                    _ => return Err(wrong(944, "Bad padding type in option rsa_padding")),
                };
            }
            Some("signature_md") => {
                let no_atom = wrong(948, "Atom expected as argument to option signature_md");
                options.signature_digest = digest(value, no_atom)?;
            }
            Some("rsa_mgf1_md") => {
                options.mgf1 = digest(value, wrong(959, "Atom expected as argument to option rsa_mgf1_md"))?;
            }
            Some("rsa_oaep_label") => {
                let label = value.as_binary();
                let label = label.ok_or_else(|| wrong(973, "Binary expected for option rsa_oaep_label"))?;
                options.oaep_label = Some(label);
            }
            Some("rsa_oaep_md") => {
                let no_atom = notsup(at(981), 3, "Atom expected as argument to option rsa_oaep_md");
                options.oaep_digest = digest(value, no_atom)?;
            }
            _ => return Err(wrong(992, "Unknown option")),
        }
    }
    Ok(options)
}
