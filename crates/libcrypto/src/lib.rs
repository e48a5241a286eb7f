//! OpenSSL's libcrypto where the `openssl` crate has no safe way to it: MACs, keys made of their numbers, and a few
//! single calls.
//!
//! Knows no terms. Everything else of libcrypto is used through the `openssl` crate, whose types these functions take
//! and return. Start with [`Parameters`], then [`key`].

mod cipher;
mod digest;
pub mod key;
mod mac;
mod parameters;

pub use cipher::{Mode, is_aead, mode, set_rc2_key_bits};
pub use digest::copy_digest;
pub use mac::MacContext;
pub use parameters::Parameters;

use openssl::error::ErrorStack;
use openssl::provider::Provider;

/// The providers that OTP loads: the usual algorithms and those that are only there for old data (MD4, RC4, DES, ...).
pub struct Providers(#[allow(dead_code, reason = "held so that they stay loaded")] Vec<Provider>);

impl Providers {
    /// Loads them. They stay until the value is dropped.
    ///
    /// # Errors
    ///
    /// When one is missing, which cannot be: they are part of the library.
    pub fn load() -> Result<Providers, ErrorStack> {
        ["default", "base", "legacy"]
            .into_iter()
            .map(|name| Provider::load(None, name))
            .collect::<Result<_, _>>()
            .map(Providers)
    }
}

/// Mixes `seed` into the random number generator, as `RAND_seed` does.
pub fn seed(seed: &[u8]) {
    for piece in seed.chunks(i32::MAX as usize) {
        // SAFETY: the pointer and the length are those of the slice, and the length fits.
        unsafe { openssl_sys::RAND_add(piece.as_ptr().cast(), piece.len() as i32, piece.len() as f64) };
    }
}

/// An error unless a function of the library returned a positive number.
fn checked(result: i32) -> Result<(), ErrorStack> {
    if result > 0 { Ok(()) } else { Err(ErrorStack::get()) }
}

/// An error when a function of the library returned no object.
fn present<T>(pointer: *mut T) -> Result<*mut T, ErrorStack> {
    if pointer.is_null() { Err(ErrorStack::get()) } else { Ok(pointer) }
}
