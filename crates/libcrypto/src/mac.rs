//! Message authentication codes (`EVP_MAC`).

use crate::{Parameters, checked, present};
use openssl::error::ErrorStack;
use openssl_sys::{
    EVP_MAC_CTX, EVP_MAC_CTX_free, EVP_MAC_CTX_new, EVP_MAC_fetch, EVP_MAC_final, EVP_MAC_free, EVP_MAC_init,
    EVP_MAC_update,
};
use std::ffi::CStr;
use std::ptr;

/// A code that is being computed.
pub struct MacContext {
    context: *mut EVP_MAC_CTX,
    /// The library does not say what happens to a context that is used after its end; with some kinds it crashes.
    is_finished: bool,
}

// SAFETY: the object belongs to this value alone and is not bound to a thread; `&MacContext` gives no access to it.
unsafe impl Send for MacContext {}
// SAFETY: as above.
unsafe impl Sync for MacContext {}

impl MacContext {
    /// Begins a code of the kind `name` ("HMAC", "CMAC", "POLY1305"); `parameters` has its digest or cipher.
    ///
    /// # Errors
    ///
    /// When there is no such kind, or the key or the parameters do not suit it.
    pub fn new(name: &CStr, key: &[u8], parameters: &mut Parameters) -> Result<MacContext, ErrorStack> {
        // SAFETY: the name is a C string; null means the default library context and no properties.
        let kind = present(unsafe { EVP_MAC_fetch(ptr::null_mut(), name.as_ptr(), ptr::null()) })?;
        // SAFETY: `kind` is live.
        let context = unsafe { EVP_MAC_CTX_new(kind) };
        // SAFETY: this gives up the reference got above; the context has its own.
        unsafe { EVP_MAC_free(kind) };
        let context = MacContext { context: present(context)?, is_finished: false };
        parameters.with_array(|array| {
            // SAFETY: the context is live, pointer and length are those of the slice, the array has its end mark.
            checked(unsafe { EVP_MAC_init(context.context, key.as_ptr(), key.len(), array) })
        })?;
        Ok(context)
    }
    fn check(&self) -> Result<(), ErrorStack> {
        if self.is_finished { Err(ErrorStack::get()) } else { Ok(()) }
    }
    /// Adds data.
    ///
    /// # Errors
    ///
    /// When the library fails, or the code was finished before.
    pub fn update(&mut self, data: &[u8]) -> Result<(), ErrorStack> {
        self.check()?;
        // SAFETY: the context is live and ours alone, pointer and length are those of the slice.
        checked(unsafe { EVP_MAC_update(self.context, data.as_ptr(), data.len()) })
    }
    /// The code's length in bytes.
    ///
    /// # Errors
    ///
    /// When the library fails.
    pub fn size(&mut self) -> Result<usize, ErrorStack> {
        let mut size = 0;
        // SAFETY: the context is live; without a buffer only the length is told.
        checked(unsafe { EVP_MAC_final(self.context, ptr::null_mut(), &mut size, 0) })?;
        Ok(size)
    }
    /// The code, in a buffer of [`Self::size`] bytes.
    ///
    /// # Errors
    ///
    /// When the library fails, or the code was finished before.
    pub fn finish(&mut self, size: usize) -> Result<Vec<u8>, ErrorStack> {
        self.check()?;
        self.is_finished = true;
        let mut code = vec![0; size];
        let mut written = 0;
        // SAFETY: the context is live and ours alone, pointer and length are those of the buffer.
        checked(unsafe { EVP_MAC_final(self.context, code.as_mut_ptr(), &mut written, code.len()) })?;
        code.truncate(written);
        Ok(code)
    }
}

impl Drop for MacContext {
    fn drop(&mut self) {
        // SAFETY: the context belongs to this value and is not used after it.
        unsafe { EVP_MAC_CTX_free(self.context) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2202, test case 2 of HMAC-MD5.
    #[test]
    fn computes_a_published_code() {
        let mut parameters = Parameters::default().text(c"digest", c"MD5");
        let mut context = MacContext::new(c"HMAC", b"Jefe", &mut parameters).expect("HMAC is there");
        context.update(b"what do ya want ").expect("data can be added");
        context.update(b"for nothing?").expect("data can be added");
        let size = context.size().expect("it has a size");
        let code = context.finish(size).expect("it can be finished");
        assert_eq!(code, 0x750c_783e_6ab0_b503_eaa8_6e31_0a5d_b738_u128.to_be_bytes());
        assert!(MacContext::new(c"NOMAC", b"", &mut Parameters::default()).is_err());
    }
}
