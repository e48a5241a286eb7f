//! Named values that the library takes (`OSSL_PARAM`).

use openssl::bn::BigNum;
use openssl_sys::OSSL_PARAM;
use std::ffi::{CStr, CString, c_void};
use std::ptr;

/// `OSSL_PARAM_UNSIGNED_INTEGER`, `OSSL_PARAM_UTF8_STRING` and `OSSL_PARAM_OCTET_STRING`.
const UNSIGNED_INTEGER: u32 = 2;
const UTF8_STRING: u32 = 4;
const OCTET_STRING: u32 = 5;
/// `OSSL_PARAM_UNMODIFIED`: nothing was written here.
const UNMODIFIED: usize = usize::MAX;

/// A list of named values. They own what they name.
#[derive(Default)]
pub struct Parameters(Vec<Parameter>);

struct Parameter {
    key: &'static CStr,
    kind: u32,
    /// An integer's bytes have the machine's order.
    bytes: Vec<u8>,
    /// Bytes that count; a text's last one, the zero, does not.
    size: usize,
}

impl Parameters {
    fn add(mut self, key: &'static CStr, kind: u32, bytes: Vec<u8>, size: usize) -> Parameters {
        self.0.push(Parameter { key, kind, bytes, size });
        self
    }
    /// Adds a number of any size that is not negative.
    pub fn integer(self, key: &'static CStr, value: &BigNum) -> Parameters {
        self.big_endian(key, &value.to_vec())
    }
    /// Adds a number given by its bytes, the most significant first.
    pub fn big_endian(self, key: &'static CStr, bytes: &[u8]) -> Parameters {
        let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
        let mut native = bytes[first..].to_vec();
        if cfg!(target_endian = "little") {
            native.reverse();
        }
        let size = native.len();
        self.add(key, UNSIGNED_INTEGER, native, size)
    }
    /// Adds a number given by bytes in the machine's order.
    pub fn native(self, key: &'static CStr, bytes: &[u8]) -> Parameters {
        self.add(key, UNSIGNED_INTEGER, bytes.to_vec(), bytes.len())
    }
    /// Adds bytes.
    pub fn octets(self, key: &'static CStr, bytes: &[u8]) -> Parameters {
        self.add(key, OCTET_STRING, bytes.to_vec(), bytes.len())
    }
    /// Adds a text.
    pub fn text(self, key: &'static CStr, text: &CStr) -> Parameters {
        let size = text.to_bytes().len();
        self.add(key, UTF8_STRING, CString::from(text).into_bytes_with_nul(), size)
    }
    /// Shows `each` the list as the library wants it: an array behind whose last value stands an empty one.
    pub(crate) fn with_array<T>(&mut self, each: impl FnOnce(*mut OSSL_PARAM) -> T) -> T {
        let mut array: Vec<OSSL_PARAM> = self.0.iter_mut().map(Parameter::as_raw).collect();
        array.push(OSSL_PARAM { key: ptr::null(), data_type: 0, data: ptr::null_mut(), data_size: 0, return_size: 0 });
        each(array.as_mut_ptr())
    }
}

impl Parameter {
    fn as_raw(&mut self) -> OSSL_PARAM {
        OSSL_PARAM {
            key: self.key.as_ptr(),
            data_type: self.kind,
            data: self.bytes.as_mut_ptr().cast::<c_void>(),
            data_size: self.size,
            return_size: UNMODIFIED,
        }
    }
}

impl Drop for Parameter {
    fn drop(&mut self) {
        // Keys stand here: they must not stay in memory that is given away.
        self.bytes.fill(0);
        std::hint::black_box(&self.bytes);
    }
}
