//! Native coverage (`code:coverage_support/0` and relatives), as a system answers that has none.
//!
//! `cover` and `mix test --cover` then count by instrumenting modules, as they did before OTP 27.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::Term;

/// `false`: code is not counted natively.
#[bif("code:coverage_support/0")]
fn coverage_support<'h>(_cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(Term::boolean(false))
}

/// `badarg`, as documented for systems without coverage.
#[bif("code:get_coverage/2")]
fn get_coverage<'h>(cx: &mut BifContext<'h>, level: Term<'h>, module: Term<'h>) -> BifResult<'h> {
    let _ = (level, module);
    cx.badarg()
}

/// `badarg`, as documented for systems without coverage.
#[bif("code:get_coverage_mode/0")]
fn get_coverage_mode_0<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    cx.badarg()
}

/// `badarg`, as documented for systems without coverage.
#[bif("code:get_coverage_mode/1")]
fn get_coverage_mode_1<'h>(cx: &mut BifContext<'h>, module: Term<'h>) -> BifResult<'h> {
    let _ = module;
    cx.badarg()
}

/// `badarg`, as documented for systems without coverage.
#[bif("code:set_coverage_mode/1")]
fn set_coverage_mode<'h>(cx: &mut BifContext<'h>, mode: Term<'h>) -> BifResult<'h> {
    let _ = mode;
    cx.badarg()
}

/// `badarg`, as documented for systems without coverage.
#[bif("code:reset_coverage/1")]
fn reset_coverage<'h>(cx: &mut BifContext<'h>, module: Term<'h>) -> BifResult<'h> {
    let _ = module;
    cx.badarg()
}
