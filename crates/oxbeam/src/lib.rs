//! Oxbeam as a library: build a machine, boot OTP in it, wait for its end.
//!
//! [`Boot`] starts OTP's own `init` from an installed OTP, as `erl` does.
#![forbid(unsafe_code)]

mod boot;
mod check;
mod start_modules;

pub use boot::{Boot, BootError, new_machine, wait_for_end};
pub use check::{CheckFailure, CheckReport, check_load, load_check};
pub use oxbeam_bifs::WarningsAs;
pub use oxbeam_bifs::io::signals::BreakHandling;
pub use oxbeam_bifs::io::{BadNames, NameEncoding};
pub use oxbeam_runtime::{ETS_TABLES_MIN, MaxHeapSize, Vm, VmOptions};
