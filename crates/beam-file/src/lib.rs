//! The `.beam` container: chunks, compact terms and the generic instruction table of OTP 27.
#![forbid(unsafe_code)]
