//! Asymmetric keys made of their numbers (`EVP_PKEY_fromdata`), and the numbers of a key.

use crate::{Parameters, checked, present};
use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::bn::BigNum;
use openssl::ec::EcGroup;
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, PKey, PKeyRef, Private, Public};
use openssl::pkey_ctx::PkeyCtxRef;
use openssl_sys::{
    EVP_PKEY_CTX, EVP_PKEY_CTX_free, EVP_PKEY_CTX_new, EVP_PKEY_CTX_new_from_name, EVP_PKEY_CTX_set_params,
    EVP_PKEY_KEYPAIR, EVP_PKEY_PUBLIC_KEY, EVP_PKEY_derive_set_peer_ex, EVP_PKEY_fromdata, EVP_PKEY_fromdata_init,
    EVP_PKEY_generate, EVP_PKEY_get_bn_param, EVP_PKEY_get_octet_string_param, EVP_PKEY_get_utf8_string_param,
    EVP_PKEY_keygen_init, OBJ_sn2nid,
};
use std::ffi::{CStr, c_char};
use std::ptr;

/// A context that belongs to us.
struct Context(*mut EVP_PKEY_CTX);

impl Context {
    fn by_name(algorithm: &CStr) -> Result<Context, ErrorStack> {
        // SAFETY: the name is a C string; null means the default library context and no properties.
        let context = unsafe { EVP_PKEY_CTX_new_from_name(ptr::null_mut(), algorithm.as_ptr(), ptr::null()) };
        present(context).map(Context)
    }
    fn of_key<T>(key: &PKeyRef<T>) -> Result<Context, ErrorStack> {
        // SAFETY: the key is live; the context takes a reference of its own.
        present(unsafe { EVP_PKEY_CTX_new(key.as_ptr(), ptr::null_mut()) }).map(Context)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context belongs to this value and is not used after it.
        unsafe { EVP_PKEY_CTX_free(self.0) };
    }
}

/// At which step making a key failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is no such algorithm.
    Algorithm,
    /// The context could not be prepared.
    Prepare,
    /// The parameters were refused.
    Parameters,
    /// The values make no key, or none could be generated.
    Make,
}

/// `Err(step)` for any failure of the library, whose own list of errors is emptied.
fn at<T>(step: Step, result: Result<T, ErrorStack>) -> Result<T, Step> {
    result.map_err(|_| step)
}

fn from_parameters<T>(algorithm: &CStr, selection: i32, parameters: &mut Parameters) -> Result<PKey<T>, Step> {
    let context = at(Step::Algorithm, Context::by_name(algorithm))?;
    // SAFETY: the context is live.
    at(Step::Prepare, checked(unsafe { EVP_PKEY_fromdata_init(context.0) }))?;
    let mut key = ptr::null_mut();
    let made = parameters.with_array(|array| {
        // SAFETY: the context is live and prepared, the array has its end mark, the key's place is ours.
        checked(unsafe { EVP_PKEY_fromdata(context.0, &mut key, selection, array) })
    });
    at(Step::Make, made)?;
    let key = at(Step::Make, present(key))?;
    // SAFETY: the key was made just now and nobody else has it.
    Ok(unsafe { PKey::from_ptr(key) })
}

/// The private key that `parameters` describe, of the algorithm with this name ("RSA", "EC", "DSA", "DH").
///
/// # Errors
///
/// The step that failed.
pub fn private(algorithm: &CStr, parameters: &mut Parameters) -> Result<PKey<Private>, Step> {
    from_parameters(algorithm, EVP_PKEY_KEYPAIR, parameters)
}

/// The public key that `parameters` describe.
///
/// # Errors
///
/// The step that failed.
pub fn public(algorithm: &CStr, parameters: &mut Parameters) -> Result<PKey<Public>, Step> {
    from_parameters(algorithm, EVP_PKEY_PUBLIC_KEY, parameters)
}

fn generate_in(context: &Context, parameters: &mut Parameters) -> Result<PKey<Private>, Step> {
    // SAFETY: the context is live.
    at(Step::Prepare, checked(unsafe { EVP_PKEY_keygen_init(context.0) }))?;
    let set = parameters.with_array(|array| {
        // SAFETY: the context is live and prepared, the array has its end mark.
        checked(unsafe { EVP_PKEY_CTX_set_params(context.0, array) })
    });
    at(Step::Parameters, set)?;
    let mut key = ptr::null_mut();
    // SAFETY: the context is live and prepared, the key's place is ours.
    at(Step::Make, checked(unsafe { EVP_PKEY_generate(context.0, &mut key) }))?;
    let key = at(Step::Make, present(key))?;
    // SAFETY: the key was made just now and nobody else has it.
    Ok(unsafe { PKey::from_ptr(key) })
}

/// A new key of the algorithm with this name. This can take seconds.
///
/// # Errors
///
/// The step that failed.
pub fn generate(algorithm: &CStr, parameters: &mut Parameters) -> Result<PKey<Private>, Step> {
    generate_in(&at(Step::Algorithm, Context::by_name(algorithm))?, parameters)
}

/// A new key with the domain parameters of `key`.
///
/// # Errors
///
/// The step that failed.
pub fn generate_like<T>(key: &PKeyRef<T>, parameters: &mut Parameters) -> Result<PKey<Private>, Step> {
    generate_in(&at(Step::Algorithm, Context::of_key(key))?, parameters)
}

/// One of a key's numbers ("n", "priv", ...).
///
/// # Errors
///
/// When the key has no such number.
pub fn integer<T>(key: &PKeyRef<T>, name: &CStr) -> Result<BigNum, ErrorStack> {
    let mut number = ptr::null_mut();
    // SAFETY: the key is live, the name a C string, and the number's place is ours; null makes a new number.
    checked(unsafe { EVP_PKEY_get_bn_param(key.as_ptr(), name.as_ptr(), &mut number) })?;
    // SAFETY: the number was made just now and nobody else has it.
    Ok(unsafe { BigNum::from_ptr(present(number)?) })
}

/// Bytes of a key ("encoded-pub-key").
///
/// # Errors
///
/// When the key has no such bytes.
pub fn octets<T>(key: &PKeyRef<T>, name: &CStr) -> Result<Vec<u8>, ErrorStack> {
    let mut size = 0;
    // SAFETY: the key is live, the name a C string; without a buffer only the length is told.
    checked(unsafe { EVP_PKEY_get_octet_string_param(key.as_ptr(), name.as_ptr(), ptr::null_mut(), 0, &mut size) })?;
    let mut bytes = vec![0; size];
    let (start, length) = (bytes.as_mut_ptr(), bytes.len());
    // SAFETY: as above; pointer and length are those of the buffer.
    checked(unsafe { EVP_PKEY_get_octet_string_param(key.as_ptr(), name.as_ptr(), start, length, &mut size) })?;
    bytes.truncate(size);
    Ok(bytes)
}

/// A text of a key ("group").
///
/// # Errors
///
/// When the key has no such text.
pub fn text<T>(key: &PKeyRef<T>, name: &CStr) -> Result<String, ErrorStack> {
    let mut size = 0;
    // SAFETY: the key is live, the name a C string; without a buffer only the length is told.
    checked(unsafe { EVP_PKEY_get_utf8_string_param(key.as_ptr(), name.as_ptr(), ptr::null_mut(), 0, &mut size) })?;
    // The library writes a zero behind the text.
    let mut bytes = vec![0_u8; size + 1];
    let (start, length) = (bytes.as_mut_ptr().cast::<c_char>(), bytes.len());
    // SAFETY: as above; pointer and length are those of the buffer.
    checked(unsafe { EVP_PKEY_get_utf8_string_param(key.as_ptr(), name.as_ptr(), start, length, &mut size) })?;
    bytes.truncate(size);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Sets the other side's key, without the library's test of it beyond that its point lies on the curve.
///
/// # Errors
///
/// When the key does not suit the context's own.
pub fn set_peer_unchecked<T, U: HasPublic>(context: &mut PkeyCtxRef<T>, key: &PKeyRef<U>) -> Result<(), ErrorStack> {
    // SAFETY: context and key are live; the context takes a reference of its own.
    checked(unsafe { EVP_PKEY_derive_set_peer_ex(context.as_ptr(), key.as_ptr(), 0) })
}

/// A built-in curve by the library's name for it.
pub fn named_curve(name: &CStr) -> Option<EcGroup> {
    // SAFETY: the name is a C string.
    let number = unsafe { OBJ_sn2nid(name.as_ptr()) };
    EcGroup::from_curve_name(Nid::from_raw(number)).ok()
}
