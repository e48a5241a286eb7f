//! Copies of digests that are under way.

use crate::checked;
use foreign_types::ForeignTypeRef;
use openssl::error::ErrorStack;
use openssl::md_ctx::{MdCtx, MdCtxRef};
use openssl_sys::EVP_MD_CTX_copy_ex;

/// A context in the same state, which goes on by itself.
///
/// # Errors
///
/// When the library has no memory for it.
pub fn copy_digest(context: &MdCtxRef) -> Result<MdCtx, ErrorStack> {
    let copy = MdCtx::new()?;
    // SAFETY: both contexts are live.
    checked(unsafe { EVP_MD_CTX_copy_ex(copy.as_ptr(), context.as_ptr()) })?;
    Ok(copy)
}
