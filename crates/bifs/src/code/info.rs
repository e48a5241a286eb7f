//! What is loaded, and what is known of it.

use oxbeam_bif_macros::bif;
use oxbeam_etf::{DecodeOptions, decode};
use oxbeam_runtime::{BifContext, BifResult, ModuleCode, VmContext};
use oxbeam_term::{Atom, Term, atoms};
use std::sync::atomic::Ordering;

/// Modules that are loaded before any Erlang code runs, in the order in which `pre_loaded/0` tells them.
const PRELOADED: [&str; 22] = [
    "persistent_term",
    "counters",
    "atomics",
    "erts_dirty_process_signal_handler",
    "erts_trace_cleaner",
    "erts_literal_area_collector",
    "erl_tracer",
    "erts_internal",
    "erlang",
    "erl_prim_loader",
    "prim_zip",
    "prim_net",
    "prim_socket",
    "socket_registry",
    "zlib",
    "prim_file",
    "prim_inet",
    "prim_eval",
    "prim_buffer",
    "init",
    "erl_init",
    "erts_code_purger",
];

/// Has the module current code whose `on_load` function, if any, has succeeded?
#[bif("erlang:module_loaded/1")]
fn module_loaded<'h>(cx: &mut BifContext<'h>, module: Atom) -> BifResult<'h> {
    Ok(Term::boolean(cx.vm.code.is_loaded(module)))
}

/// All modules with current or old code, the latest first.
#[bif("erlang:loaded/0")]
fn loaded<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let modules: Vec<Term<'h>> = cx.vm.code.loaded().into_iter().rev().map(Term::atom).collect();
    Ok(cx.heap.list(&modules))
}

/// The modules that are part of the machine.
#[bif("erlang:pre_loaded/0")]
fn pre_loaded<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let mut modules = Vec::with_capacity(PRELOADED.len());
    for name in PRELOADED {
        modules.push(Term::atom(cx.intern(name)?));
    }
    Ok(cx.heap.list(&modules))
}

/// Is the function one that the machine itself has? `apply` is an instruction of the engine.
fn is_built_in(cx: &BifContext<'_>, module: Atom, function: Atom, arity: i64) -> bool {
    let Ok(arity) = u8::try_from(arity) else { return false };
    let is_apply = module == atoms::ERLANG && function == atoms::APPLY && (arity == 2 || arity == 3);
    is_apply || cx.vm.bif(module, function, arity).is_some_and(|bif| !bif.flags.nif)
}

/// Is the function loaded and exported, or built in? Never loads anything.
#[bif("erlang:function_exported/3")]
fn function_exported<'h>(cx: &mut BifContext<'h>, module: Atom, function: Atom, arity: i64) -> BifResult<'h> {
    let exported = u8::try_from(arity).is_ok_and(|arity| cx.vm.code.is_exported(module, function, arity));
    Ok(Term::boolean(exported || is_built_in(cx, module, function, arity)))
}

/// Is the function built in?
#[bif("erlang:is_builtin/3")]
fn is_builtin<'h>(cx: &mut BifContext<'h>, module: Atom, function: Atom, arity: i64) -> BifResult<'h> {
    Ok(Term::boolean(is_built_in(cx, module, function, arity)))
}

/// What `Module:module_info()` gives; `badarg` for a module that is not loaded.
#[bif("erlang:get_module_info/1")]
fn get_module_info<'h>(cx: &mut BifContext<'h>, module: Atom) -> BifResult<'h> {
    let Some(code) = cx.vm.code.current(module) else { return cx.badarg() };
    let items = [atoms::MODULE, atoms::EXPORTS, atoms::ATTRIBUTES, atoms::COMPILE, atoms::MD5];
    let pairs: Vec<Term<'h>> = items
        .into_iter()
        .filter_map(|item| Some(cx.heap.tuple(&[Term::atom(item), module_item(cx, &code, item)?])))
        .collect();
    Ok(cx.heap.list(&pairs))
}

/// What `Module:module_info(Item)` gives; `badarg` for another item and for a module that is not loaded.
#[bif("erlang:get_module_info/2")]
fn get_module_info_item<'h>(cx: &mut BifContext<'h>, module: Atom, item: Atom) -> BifResult<'h> {
    let code = cx.vm.code.current(module);
    match code.and_then(|code| module_item(cx, &code, item)) {
        Some(value) => Ok(value),
        None => cx.badarg(),
    }
}

fn module_item<'h>(cx: &BifContext<'h>, code: &ModuleCode, item: Atom) -> Option<Term<'h>> {
    Some(match item {
        atoms::MODULE => Term::atom(code.module),
        atoms::EXPORTS => exports(cx, code.module),
        atoms::FUNCTIONS => named(cx, code.functions()),
        atoms::ATTRIBUTES => external(cx, &code.attributes),
        atoms::COMPILE => external(cx, &code.compile_info),
        atoms::MD5 => cx.heap.binary(&code.md5),
        atoms::NIFS => super::native::nifs(cx, code),
        atoms::NATIVE_ADDRESSES => Term::NIL,
        atoms::NATIVE => Term::FALSE,
        _ => return None,
    })
}

/// `[{Name, Arity}, ...]`.
pub(super) fn named<'h>(cx: &BifContext<'h>, functions: impl Iterator<Item = (Atom, u8)>) -> Term<'h> {
    let pairs: Vec<Term<'h>> =
        functions.map(|(name, arity)| cx.heap.tuple(&[Term::atom(name), Term::small(i64::from(arity))])).collect();
    cx.heap.list(&pairs)
}

/// The exports that can be called, those that were mentioned last first.
fn exports<'h>(cx: &BifContext<'h>, module: Atom) -> Term<'h> {
    let callable = cx.vm.code.exports().into_iter().rev().filter(|export| {
        export.module == module
            && (export.address.load(Ordering::Acquire) != 0 || export.bif.load(Ordering::Acquire) != 0)
    });
    named(cx, callable.map(|export| (export.function, export.arity)))
}

/// A chunk in the external term format; `[]` when it is absent.
fn external<'h>(cx: &BifContext<'h>, bytes: &[u8]) -> Term<'h> {
    let decoded = decode(bytes, cx.heap, &VmContext { vm: cx.vm }, DecodeOptions::default());
    decoded.map_or(Term::NIL, |decoded| decoded.term)
}

/// Can the machine count how often functions and lines run? Not this one.
#[bif("code:coverage_support/0")]
fn coverage_support<'h>(_cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(Term::FALSE)
}

/// What is counted in modules that are loaded from now on; `badarg` on a machine that cannot count.
#[bif("code:get_coverage_mode/0")]
fn get_coverage_mode<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    cx.badarg()
}

/// What is counted in a module; `badarg` on a machine that cannot count.
#[bif("code:get_coverage_mode/1")]
fn get_coverage_mode_of<'h>(cx: &mut BifContext<'h>, _module: Term<'h>) -> BifResult<'h> {
    cx.badarg()
}

/// Sets what is counted from now on; `badarg` on a machine that cannot count.
#[bif("code:set_coverage_mode/1")]
fn set_coverage_mode<'h>(cx: &mut BifContext<'h>, _mode: Term<'h>) -> BifResult<'h> {
    cx.badarg()
}

/// What was counted in a module; `badarg` on a machine that cannot count.
#[bif("code:get_coverage/2")]
fn get_coverage<'h>(cx: &mut BifContext<'h>, _level: Term<'h>, _module: Term<'h>) -> BifResult<'h> {
    cx.badarg()
}

/// Starts counting anew in a module; `badarg` on a machine that cannot count.
#[bif("code:reset_coverage/1")]
fn reset_coverage<'h>(cx: &mut BifContext<'h>, _module: Term<'h>) -> BifResult<'h> {
    cx.badarg()
}
