//! Signatures (`pkey.c`).

use crate::failure::{Failure, Place, badarg, error};
use crate::keys::{Algorithm, private_key, public_key};
use crate::library::{Digest, Library, atom_text, iodata, is_atom};
use openssl::error::ErrorStack;
use openssl::md::MdRef;
use openssl::md_ctx::MdCtx;
use openssl::pkey_ctx::{PkeyCtx, PkeyCtxRef};
use openssl::rsa::Padding;
use openssl::sign::RsaPssSaltlen;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::Term;

fn at(line: u32) -> Place {
    ("pkey.c", line)
}

/// `RSA_X931_PADDING`.
pub(crate) const X931: i32 = 5;
/// The longest salt that fits is meant when nothing is said.
const LONGEST_SALT: i32 = -2;

/// The digest that an option or argument names: none for `none` with RSA, and for EdDSA, which has its own.
pub(crate) fn digest_of<'l>(
    cx: &BifContext<'_>,
    library: &'l Library,
    algorithm: Algorithm,
    name: Term<'_>,
    position: u8,
) -> Result<Option<&'l Digest>, Failure> {
    if algorithm == Algorithm::Eddsa || algorithm == Algorithm::Rsa && is_atom(cx, name, "none") {
        return Ok(None);
    }
    let digest = library.digest(cx, name).ok_or_else(|| badarg(at(138), position, "Bad digest type"))?;
    if digest.md().is_none() {
        return Err(badarg(at(144), position, "Digest type not supported"));
    }
    Ok(Some(digest))
}

/// The options of a signature. What is not given is the library's default.
struct Options<'l> {
    mgf1: Option<&'l MdRef>,
    padding: Padding,
    salt_length: i32,
}

/// What is to be signed or verified.
struct Request<'l> {
    algorithm: Algorithm,
    digest: Option<&'l MdRef>,
    /// The digest of the data, or the data where the algorithm takes it whole.
    data: Vec<u8>,
    options: Options<'l>,
}

/// Reads `Algorithm`, `Digest`, `Data` or `{digest, Digest}`, and the options, which are argument `position`.
fn request<'l>(
    cx: &BifContext<'_>,
    library: &'l Library,
    [name, digest, data, options]: [Term<'_>; 4],
    position: u8,
) -> Result<Request<'l>, Failure> {
    let algorithm = Algorithm::of(cx, name)?;
    let digest = digest_of(cx, library, algorithm, digest, 1)?.and_then(Digest::md);
    let data = to_be_signed(cx, digest, data)?;
    let options = sign_options(cx, library, algorithm, digest, options, position)?;
    Ok(Request { algorithm, digest, data, options })
}

fn to_be_signed(cx: &BifContext<'_>, digest: Option<&MdRef>, data: Term<'_>) -> Result<Vec<u8>, Failure> {
    let wrong = |line, text| badarg(at(line), 2, text);
    if let Some(tuple) = data.as_tuple() {
        let [tag, bytes] = *tuple.elements() else { return Err(wrong(184, "Bad list")) };
        if !is_atom(cx, tag, "digest") {
            return Err(wrong(186, "Expected 'digest' as head"));
        }
        let bytes = iodata(bytes).ok_or_else(|| wrong(188, "Bad 2nd element in list"))?;
        if bytes.len() > i32::MAX as usize {
            return Err(wrong(190, "Too large binary"));
        }
        if digest.is_some_and(|digest| digest.size() != bytes.len()) {
            return Err(wrong(193, "Bad binary size for the algorithm"));
        }
        return Ok(bytes.into_owned());
    }
    let Some(digest) = digest else {
        let bytes = iodata(data).ok_or_else(|| wrong(201, "Expected a binary or a list"))?;
        return Ok(bytes.into_owned());
    };
    let bytes = iodata(data).ok_or_else(|| wrong(208, "Expected a binary or a list"))?;
    let mut context = MdCtx::new().map_err(|_| error(at(214), "Can't create MD_CTX"))?;
    context.digest_init(digest).map_err(|_| error(at(218), "Can't create EVP_DigestInit_ex"))?;
    context.digest_update(&bytes).map_err(|_| error(at(220), "Can't create EVP_DigestUpdate"))?;
    let mut value = vec![0; digest.size()];
    context.digest_final(&mut value).map_err(|_| error(at(222), "Can't create EVP_DigestFinal_ex"))?;
    Ok(value)
}

fn sign_options<'l>(
    cx: &BifContext<'_>,
    library: &'l Library,
    algorithm: Algorithm,
    digest: Option<&'l MdRef>,
    list: Term<'_>,
    position: u8,
) -> Result<Options<'l>, Failure> {
    let wrong = |line, text| badarg(at(line), position, text);
    if !list.is_list() {
        return Err(wrong(254, "Expected a list"));
    }
    let mut options = Options { mgf1: None, padding: Padding::PKCS1, salt_length: LONGEST_SALT };
    if list.is_nil() {
        return Ok(options);
    }
    if algorithm != Algorithm::Rsa {
        return Err(wrong(271, "Only RSA supports Options"));
    }
    for option in list.list_iter() {
        let Some([name, value]) = option.as_tuple_of::<2>() else {
            return Err(wrong(277, "Expects only two-tuples in the list"));
        };
        match atom_text(cx, *name) {
            Some("rsa_mgf1_md") => {
                if value.as_atom().is_none() {
                    return Err(wrong(281, "Atom expected as argument to option rsa_mgf1_md"));
                }
                options.mgf1 = digest_of(cx, library, algorithm, *value, position)?.and_then(Digest::md);
            }
            Some("rsa_padding") => match atom_text(cx, *value) {
                Some("rsa_pkcs1_padding") => options.padding = Padding::PKCS1,
                Some("rsa_pkcs1_pss_padding") => {
                    options.padding = Padding::PKCS1_PSS;
                    options.mgf1 = options.mgf1.or(digest);
                }
                Some("rsa_x931_padding") => options.padding = Padding::from_raw(X931),
                Some("rsa_no_padding") => options.padding = Padding::NONE,
                _ => return Err(wrong(310, "Bad value in option rsa_padding")),
            },
            Some("rsa_pss_saltlen") => {
                let length = value.as_i64().and_then(|length| i32::try_from(length).ok());
                let length = length.filter(|length| *length >= LONGEST_SALT);
                options.salt_length = length.ok_or_else(|| wrong(316, "Bad value in option rsa_pss_saltlen"))?;
            }
            _ => return Err(wrong(319, "Bad option")),
        }
    }
    Ok(options)
}

/// Lines of the steps that signing and verifying both have, and the position of the options.
struct Lines {
    digest: u32,
    padding: u32,
    mgf1: u32,
    salt: u32,
    options: u8,
}

/// Tells the digest and the options.
fn configure<T>(context: &mut PkeyCtxRef<T>, request: &Request<'_>, lines: &Lines) -> Result<(), Failure> {
    if let Some(digest) = request.digest {
        let set = context.set_signature_md(digest);
        set.map_err(|_| error(at(lines.digest), "Can't EVP_PKEY_CTX_set_signature_md"))?;
    }
    if request.algorithm != Algorithm::Rsa {
        return Ok(());
    }
    let Options { mgf1, padding, salt_length } = request.options;
    let set = context.set_rsa_padding(padding);
    set.map_err(|_| error(at(lines.padding), "Can't EVP_PKEY_CTX_set_rsa_padding"))?;
    if padding != Padding::PKCS1_PSS {
        return Ok(());
    }
    if let Some(mgf1) = mgf1 {
        let set = context.set_rsa_mgf1_md(mgf1);
        set.map_err(|_| error(at(lines.mgf1), "Can't EVP_PKEY_CTX_set_rsa_mgf1_md"))?;
    }
    if salt_length > LONGEST_SALT {
        let set = context.set_rsa_pss_saltlen(RsaPssSaltlen::custom(salt_length));
        set.map_err(|_| badarg(at(lines.salt), lines.options, "Bad rsa_pss_saltlen"))?;
    }
    Ok(())
}

/// The signature of some data.
#[bif("crypto:pkey_sign_nif/5", nif)]
fn sign<'h>(
    cx: &mut BifContext<'h>,
    algorithm: Term<'h>,
    digest: Term<'h>,
    data: Term<'h>,
    key: Term<'h>,
    options: Term<'h>,
) -> BifResult<'h> {
    let signature = signature(cx, [algorithm, digest, data, options], key);
    Ok(cx.heap.binary(&signature.map_err(|failure| failure.raise(cx))?))
}

fn signature(cx: &BifContext<'_>, arguments: [Term<'_>; 4], key: Term<'_>) -> Result<Vec<u8>, Failure> {
    let library = Library::of(cx);
    let request = request(cx, library, arguments, 4)?;
    let key = private_key(cx, request.algorithm, key, 3)?;
    let mut signature = Vec::new();
    if request.algorithm == Algorithm::Eddsa {
        let mut context = MdCtx::new().map_err(|_| error(at(563), "Can't EVP_MD_CTX_new"))?;
        context.digest_sign_init(None, &key).map_err(|_| error(at(566), "Can't EVP_DigestSignInit"))?;
        let signed = context.digest_sign_to_vec(&request.data, &mut signature);
        signed.map_err(|_| error(at(576), "Can't EVP_DigestSign"))?;
        return Ok(signature);
    }
    let mut context = PkeyCtx::new(&key).map_err(|_| error(at(526), "Can't allocate new EVP_PKEY_CTX"))?;
    context.sign_init().map_err(|_| error(at(530), "Can't EVP_PKEY_sign_init"))?;
    configure(&mut context, &request, &Lines { digest: 533, padding: 539, mgf1: 545, salt: 552, options: 4 })?;
    let size = context.sign(&request.data, None).map_err(|_| error(at(586), "Can't EVP_PKEY_sign"))?;
    signature.resize(size, 0);
    let size = context.sign(&request.data, Some(&mut signature));
    signature.truncate(size.map_err(|_| error(at(596), "Can't EVP_PKEY_sign"))?);
    Ok(signature)
}

/// Is this the signature of the data?
#[bif("crypto:pkey_verify_nif/6", nif)]
fn verify<'h>(
    cx: &mut BifContext<'h>,
    algorithm: Term<'h>,
    digest: Term<'h>,
    data: Term<'h>,
    signature: Term<'h>,
    key: Term<'h>,
    options: Term<'h>,
) -> BifResult<'h> {
    let verified = verified(cx, [algorithm, digest, data, options], signature, key);
    Ok(Term::boolean(verified.map_err(|failure| failure.raise(cx))?))
}

fn verified(
    cx: &BifContext<'_>,
    arguments: [Term<'_>; 4],
    signature: Term<'_>,
    key: Term<'_>,
) -> Result<bool, Failure> {
    let library = Library::of(cx);
    let request = request(cx, library, arguments, 5)?;
    let signature = signature.as_binary().ok_or_else(|| badarg(at(753), 3, "Expected a binary"))?;
    let key = public_key(cx, request.algorithm, key, 4)?;
    let answer = |result: Result<bool, ErrorStack>| Ok(result.unwrap_or(false));
    if request.algorithm == Algorithm::Eddsa {
        let mut context = MdCtx::new().map_err(|_| error(at(799), "Can't EVP_MD_CTX_new"))?;
        context.digest_verify_init(None, &key).map_err(|_| error(at(802), "Can't EVP_DigestVerifyInit"))?;
        return answer(context.digest_verify(&request.data, &signature));
    }
    let mut context = PkeyCtx::new(&key).map_err(|_| error(at(762), "Can't allocate new EVP_PKEY_CTX"))?;
    context.verify_init().map_err(|_| error(at(766), "Can't EVP_PKEY_sign_init"))?;
    configure(&mut context, &request, &Lines { digest: 769, padding: 775, mgf1: 781, salt: 788, options: 5 })?;
    answer(context.verify(&request.data, &signature))
}
