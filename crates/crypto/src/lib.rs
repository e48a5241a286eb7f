//! The NIFs of OTP's `crypto` application, over OpenSSL.
//!
//! Each is one item, as in `oxbeam-bifs`; the build script collects them into [`table`]. What `crypto.erl` asks for is
//! found by name in [`library`]; errors name OTP's own C file and line ([`failure`]), as the real ones do, since
//! programs see them.
//!
//! Knows processes and terms through the contract of a BIF only. Engines (OpenSSL's plug-ins) are deliberately absent:
//! they are foreign native code. Start with `hash.rs` as the model.
#![forbid(unsafe_code)]

pub(crate) mod aead;
pub(crate) mod cipher;
pub(crate) mod dh;
pub(crate) mod ec;
pub(crate) mod edwards;
pub(crate) mod engine;
pub(crate) mod failure;
pub(crate) mod hash;
pub(crate) mod information;
pub(crate) mod keys;
pub(crate) mod library;
pub(crate) mod mac;
pub(crate) mod number;
pub(crate) mod pbkdf2;
pub(crate) mod pkey_crypt;
pub(crate) mod random;
pub(crate) mod rsa;
pub(crate) mod sign;
pub(crate) mod srp;

include!(concat!(env!("OUT_DIR"), "/table.rs"));
