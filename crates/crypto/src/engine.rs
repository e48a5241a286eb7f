//! Engines, OpenSSL's plug-ins (`engine.c`). There are none: an engine is foreign native code. Every function raises
//! `notsup`, as it does in an OTP that was built without them.

use crate::failure::raise_notsup;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::Term;

/// # Errors
///
/// Always `notsup`.
#[bif("crypto:engine_by_id_nif/1", nif)]
fn by_id<'h>(cx: &mut BifContext<'h>, _id: Term<'h>) -> BifResult<'h> {
    Err(raise_notsup(cx))
}

/// # Errors
///
/// Always `notsup`.
#[bif("crypto:engine_init_nif/1", nif)]
fn init<'h>(cx: &mut BifContext<'h>, _engine: Term<'h>) -> BifResult<'h> {
    Err(raise_notsup(cx))
}

/// # Errors
///
/// Always `notsup`.
#[bif("crypto:engine_free_nif/1", nif)]
fn free<'h>(cx: &mut BifContext<'h>, _engine: Term<'h>) -> BifResult<'h> {
    Err(raise_notsup(cx))
}

/// # Errors
///
/// Always `notsup`.
#[bif("crypto:engine_load_dynamic_nif/0", nif)]
fn load_dynamic<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Err(raise_notsup(cx))
}

/// # Errors
///
/// Always `notsup`.
#[bif("crypto:engine_ctrl_cmd_strings_nif/3", nif)]
fn control<'h>(cx: &mut BifContext<'h>, _engine: Term<'h>, _commands: Term<'h>, _optional: Term<'h>) -> BifResult<'h> {
    Err(raise_notsup(cx))
}

/// # Errors
///
/// Always `notsup`.
#[bif("crypto:engine_register_nif/2", nif)]
fn register<'h>(cx: &mut BifContext<'h>, _engine: Term<'h>, _method: Term<'h>) -> BifResult<'h> {
    Err(raise_notsup(cx))
}

/// # Errors
///
/// Always `notsup`.
#[bif("crypto:engine_unregister_nif/2", nif)]
fn unregister<'h>(cx: &mut BifContext<'h>, _engine: Term<'h>, _method: Term<'h>) -> BifResult<'h> {
    Err(raise_notsup(cx))
}

/// # Errors
///
/// Always `notsup`.
#[bif("crypto:engine_add_nif/1", nif)]
fn add<'h>(cx: &mut BifContext<'h>, _engine: Term<'h>) -> BifResult<'h> {
    Err(raise_notsup(cx))
}

/// # Errors
///
/// Always `notsup`.
#[bif("crypto:engine_remove_nif/1", nif)]
fn remove<'h>(cx: &mut BifContext<'h>, _engine: Term<'h>) -> BifResult<'h> {
    Err(raise_notsup(cx))
}

/// # Errors
///
/// Always `notsup`.
#[bif("crypto:engine_get_first_nif/0", nif)]
fn get_first<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Err(raise_notsup(cx))
}

/// # Errors
///
/// Always `notsup`.
#[bif("crypto:engine_get_next_nif/1", nif)]
fn get_next<'h>(cx: &mut BifContext<'h>, _engine: Term<'h>) -> BifResult<'h> {
    Err(raise_notsup(cx))
}

/// # Errors
///
/// Always `notsup`.
#[bif("crypto:engine_get_id_nif/1", nif)]
fn get_id<'h>(cx: &mut BifContext<'h>, _engine: Term<'h>) -> BifResult<'h> {
    Err(raise_notsup(cx))
}

/// # Errors
///
/// Always `notsup`.
#[bif("crypto:engine_get_name_nif/1", nif)]
fn get_name<'h>(cx: &mut BifContext<'h>, _engine: Term<'h>) -> BifResult<'h> {
    Err(raise_notsup(cx))
}

/// # Errors
///
/// Always `notsup`.
#[bif("crypto:engine_get_all_methods_nif/0", nif)]
fn get_all_methods<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Err(raise_notsup(cx))
}

/// # Errors
///
/// Always `notsup`.
#[bif("crypto:ensure_engine_loaded_nif/2", nif)]
fn ensure_loaded<'h>(cx: &mut BifContext<'h>, _id: Term<'h>, _path: Term<'h>) -> BifResult<'h> {
    Err(raise_notsup(cx))
}
