//! What a cipher is, and the effective length of an RC2 key.

use crate::checked;
use foreign_types::ForeignTypeRef;
use openssl::cipher::CipherRef;
use openssl::cipher_ctx::CipherCtxRef;
use openssl::error::ErrorStack;
use openssl_sys::{EVP_CIPHER_CTX_ctrl, EVP_CIPHER_get_flags};
use std::ptr;

/// `EVP_CIPH_MODE`: the bits of a cipher's flags that say its mode.
const MODE_MASK: u64 = 0xf0007;
/// `EVP_CIPH_FLAG_AEAD_CIPHER`.
const AEAD: u64 = 0x20_0000;
/// `EVP_CTRL_SET_RC2_KEY_BITS`.
const SET_RC2_KEY_BITS: i32 = 3;

/// How a block cipher works through its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the modes' own names")]
pub enum Mode {
    Stream,
    Ecb,
    Cbc,
    Cfb,
    Ofb,
    Ctr,
    Gcm,
    Ccm,
    Xts,
    Wrap,
    Ocb,
    Other,
}

fn flags(cipher: &CipherRef) -> u64 {
    // SAFETY: the reference is to a live cipher.
    unsafe { EVP_CIPHER_get_flags(cipher.as_ptr()) }
}

/// A cipher's mode.
pub fn mode(cipher: &CipherRef) -> Mode {
    match flags(cipher) & MODE_MASK {
        0 => Mode::Stream,
        1 => Mode::Ecb,
        2 => Mode::Cbc,
        3 => Mode::Cfb,
        4 => Mode::Ofb,
        5 => Mode::Ctr,
        6 => Mode::Gcm,
        7 => Mode::Ccm,
        0x10001 => Mode::Xts,
        0x10002 => Mode::Wrap,
        0x10003 => Mode::Ocb,
        _ => Mode::Other,
    }
}

/// Does the cipher authenticate what it encrypts?
pub fn is_aead(cipher: &CipherRef) -> bool {
    flags(cipher) & AEAD != 0
}

/// Sets how many bits of an RC2 key count.
///
/// # Errors
///
/// For another cipher.
pub fn set_rc2_key_bits(context: &mut CipherCtxRef, bits: i32) -> Result<(), ErrorStack> {
    // SAFETY: the context is live; this control takes a number and no pointer.
    checked(unsafe { EVP_CIPHER_CTX_ctrl(context.as_ptr(), SET_RC2_KEY_BITS, bits, ptr::null_mut()) })
}
