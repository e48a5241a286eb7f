//! Libraries of native functions. Those of OTP's own modules are part of the machine; no other can be loaded.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, ModuleCode, return_addresses};
use oxbeam_term::{Term, atoms};
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

/// Versions of modules that have called `load_nif/2`.
#[derive(Default)]
struct LoadedLibraries(Mutex<Vec<Weak<ModuleCode>>>);

impl LoadedLibraries {
    fn has(&self, code: &ModuleCode) -> bool {
        self.0.lock().iter().any(|one| std::ptr::eq(one.as_ptr(), code))
    }
    /// Notes that `code` has called it; `false` when that was known.
    fn add(&self, code: &Arc<ModuleCode>) -> bool {
        let mut all = self.0.lock();
        all.retain(|one| one.strong_count() > 0);
        let is_new = !all.iter().any(|one| std::ptr::eq(one.as_ptr(), Arc::as_ptr(code)));
        if is_new {
            all.push(Arc::downgrade(code));
        }
        is_new
    }
}

/// Makes a library the implementation of the calling module's native functions: `ok` when they are part of the
/// machine, else `{error, {Reason, Text}}`.
///
/// # Errors
///
/// `badarg` for what is no file name, or without a calling module.
#[bif("erlang:load_nif/2")]
fn load_nif<'h>(cx: &mut BifContext<'h>, path: Term<'h>, information: Term<'h>) -> BifResult<'h> {
    let Some(path) = file_name(path) else { return cx.badarg() };
    let Some(code) = calling_code(cx) else { return cx.badarg() };
    let name = cx.text(code.module);
    let is_old = cx.vm.code.old(code.module).is_some_and(|old| Arc::ptr_eq(&old, &code));
    if is_old {
        let text = format!("Calling load_nif from old module '{name}' not allowed");
        return Ok(failed(cx, Term::atom(atoms::OLD_CODE), text.as_bytes()));
    }
    if has_native_functions(cx, name) {
        let libraries = cx.vm.extension::<LoadedLibraries>();
        if libraries.add(&code) {
            if name == "prim_file"
                && let Some(janitor) = information.as_pid()
            {
                crate::io::prim_file::set_janitor(cx.vm, janitor);
            }
            if name == "prim_socket" {
                crate::io::socket::set_extra(cx, information);
            }
            return Ok(Term::atom(atoms::OK));
        }
        let text = b"NIF library already loaded (reload disallowed since OTP 20).";
        return Ok(failed(cx, Term::atom(atoms::RELOAD), text));
    }
    let mut text = b"Failed to load NIF library: '".to_vec();
    text.extend_from_slice(&path);
    let there = std::path::Path::new(std::ffi::OsStr::new(&*String::from_utf8_lossy(&path))).with_added_extension("so");
    text.extend_from_slice(match there.exists() {
        true => b".so: this machine cannot load native code'",
        false => b".so: cannot open shared object file: No such file or directory'",
    });
    Ok(failed(cx, Term::atom(atoms::LOAD_FAILED), &text))
}

fn failed<'h>(cx: &BifContext<'h>, reason: Term<'h>, text: &[u8]) -> Term<'h> {
    let text = cx.heap.byte_list(text, Term::NIL);
    cx.heap.tuple(&[Term::atom(atoms::ERROR), cx.heap.tuple(&[reason, text])])
}

/// A file name as bytes: a list of characters or a binary.
fn file_name(name: Term<'_>) -> Option<Vec<u8>> {
    if let Some(bytes) = name.as_binary() {
        return Some(bytes.into_owned());
    }
    let characters = name.to_vec()?.into_iter().map(|item| char::from_u32(u32::try_from(item.as_i64()?).ok()?));
    Some(characters.collect::<Option<String>>()?.into_bytes())
}

/// The code that called the BIF. A BIF that was applied has its caller on the stack.
fn calling_code(cx: &BifContext<'_>) -> Option<Arc<ModuleCode>> {
    let addresses = std::iter::once(cx.state.current_address).chain(return_addresses(cx.heap, 8));
    let mut codes = addresses.filter_map(|address| cx.vm.code.find(address.checked_sub(4)?));
    codes.find(|code| code.module != atoms::ERLANG)
}

fn has_native_functions(cx: &BifContext<'_>, module: &str) -> bool {
    cx.vm.bifs.iter().any(|bif| bif.flags.nif && bif.module == module)
}

/// The native functions of a module, once it has loaded its library.
pub(super) fn nifs<'h>(cx: &BifContext<'h>, code: &ModuleCode) -> Term<'h> {
    if !cx.vm.extension::<LoadedLibraries>().has(code) {
        return Term::NIL;
    }
    let module = cx.text(code.module);
    let native = cx.vm.bifs.iter().filter(|bif| bif.flags.nif && bif.module == module);
    super::info::named(cx, native.filter_map(|bif| Some((cx.vm.atoms.intern(bif.function)?, bif.arity))))
}
