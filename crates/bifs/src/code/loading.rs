//! Loading: a file becomes prepared code, which a magic reference keeps until it is published.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, Interrupt, ModuleCode, Prepared, PublishError, Trap, Vm};
use oxbeam_term::{Atom, Bits, Reference, Term, atoms};
use parking_lot::Mutex;
use std::sync::Arc;

/// What the magic reference of prepared code keeps.
struct PreparedModule {
    /// Gone once it is published.
    code: Mutex<Option<Arc<ModuleCode>>>,
    has_on_load: bool,
}

/// Publishing prepared code is one step, whoever does it.
#[derive(Default)]
struct Publishing(Mutex<()>);

/// Prepared code of `module`, to be published by `finish_loading/1`; `{error, badfile}` for a file that does not hold
/// this module or cannot be loaded, and a message in the log that says why.
#[bif("erts_internal:prepare_loading/2")]
fn prepare_loading<'h>(cx: &mut BifContext<'h>, module: Atom, file: Bits<'h>) -> BifResult<'h> {
    if !file.is_binary() {
        return cx.badarg();
    }
    let bytes = file.to_bytes();
    cx.spend(bytes.len() / 64);
    match prepare(cx.vm, module, &bytes) {
        Ok(code) => {
            let has_on_load = code.on_load.is_some();
            let object = Vm::magic(PreparedModule { code: Mutex::new(Some(code)), has_on_load });
            Ok(cx.heap.magic_reference(cx.vm.next_reference().0, object))
        }
        Err(text) => {
            let text = format!("Error loading module {}:\n  {text}\n\n", cx.text(module));
            cx.vm.log_error(cx.pid(), &cx.state.group_leader, "~ts", |heap| vec![heap.string(&text)]);
            Ok(cx.error(atoms::BADFILE))
        }
    }
}

fn prepare(vm: &Vm, module: Atom, bytes: &[u8]) -> Result<Arc<ModuleCode>, String> {
    let file =
        super::parsed_ahead::parse(vm, vm.atoms.text(module), bytes).map_err(|error| error.message.into_owned())?;
    if file.module != vm.atoms.text(module) {
        return Err(format!("module name in object code is {}", file.module));
    }
    if file.has_latin1_atoms {
        return Err(format!("please re-compile this module with an Erlang/OTP 27 compiler: {}", file.module));
    }
    vm.engine().prepare(vm, file).map(|prepared| prepared.code).map_err(|error| error.to_string())
}

/// Has the prepared code an `on_load` function?
#[bif("erlang:has_prepared_code_on_load/1")]
fn has_prepared_code_on_load<'h>(cx: &mut BifContext<'h>, prepared: Reference<'h>) -> BifResult<'h> {
    match prepared.downcast::<PreparedModule>() {
        Some(prepared) => Ok(Term::boolean(prepared.has_on_load)),
        None => cx.badarg(),
    }
}

/// Publishes prepared code of several modules at once: `ok`, or, and then nothing is done,
/// `{duplicated, Modules}` or `{not_purged, Modules}`. Code with an `on_load` function waits for
/// `finish_after_on_load/2`, and the answer is `{on_load, [Module]}`.
///
/// # Errors
///
/// `badarg` for what is no list of prepared and unpublished code; `system_limit` for several modules of which one has
/// an `on_load` function.
#[bif("erlang:finish_loading/1")]
fn finish_loading<'h>(cx: &mut BifContext<'h>, list: Term<'h>) -> BifResult<'h> {
    let publishing = cx.vm.extension::<Publishing>();
    let _publishing = publishing.0.lock();
    let references = list.to_vec().and_then(|list| {
        list.into_iter().map(|term| term.as_reference()?.downcast::<PreparedModule>()).collect::<Option<Vec<_>>>()
    });
    let Some(references) = references else { return cx.badarg() };
    let codes: Option<Vec<Prepared>> =
        references.iter().map(|one| Some(Prepared { code: one.code.lock().clone()? })).collect();
    let Some(codes) = codes else { return cx.badarg() };
    match cx.vm.code.publish(&codes) {
        Ok(()) => {}
        Err(PublishError::OnLoad(_)) => return Err(cx.raise(atoms::SYSTEM_LIMIT)),
        Err(PublishError::Duplicated(modules)) => return Ok(modules_refused(cx, atoms::DUPLICATED, &modules)),
        Err(PublishError::NotPurged(modules)) => return Ok(modules_refused(cx, atoms::NOT_PURGED, &modules)),
    }
    for one in references {
        *one.code.lock() = None;
    }
    if let [one] = &codes[..] {
        super::ahead::decode_soon(cx.vm, &one.code);
    }
    for one in codes.iter().filter(|one| one.code.on_load.is_none()) {
        crate::tracing::module_loaded(cx.vm, one.code.module);
    }
    let on_load: Vec<Atom> = codes.iter().filter(|one| one.code.on_load.is_some()).map(|one| one.code.module).collect();
    Ok(if on_load.is_empty() { Term::atom(atoms::OK) } else { modules_refused(cx, atoms::ON_LOAD, &on_load) })
}

fn modules_refused<'h>(cx: &BifContext<'h>, why: Atom, modules: &[Atom]) -> Term<'h> {
    let modules: Vec<Term<'h>> = modules.iter().map(|module| Term::atom(*module)).collect();
    cx.heap.tuple(&[Term::atom(why), cx.heap.list(&modules)])
}

/// Calls the `on_load` function of code that waits for it.
#[bif("erlang:call_on_load_function/1")]
fn call_on_load_function<'h>(cx: &mut BifContext<'h>, module: Atom) -> BifResult<'h> {
    let pending = cx.vm.code.with_module(module, |module| module.pending.clone()).flatten();
    let Some((code, function)) = pending.and_then(|code| code.on_load.map(|function| (code, function))) else {
        return cx.badarg();
    };
    let name = code.functions().nth(function as usize).map_or(atoms::ON_LOAD, |(name, _)| name);
    let export = cx.vm.code.anonymous_export(module, name, 0, code.entry_address(function));
    Err(Box::new(Interrupt::Trap(Trap::Call { export, arguments: Vec::new() })))
}

/// The `on_load` function has finished: `keep` makes the waiting code current; else it waits to be purged.
#[bif("erlang:finish_after_on_load/2")]
fn finish_after_on_load<'h>(cx: &mut BifContext<'h>, module: Atom, keep: bool) -> BifResult<'h> {
    let waits = cx.vm.code.with_module(module, |module| module.pending.is_some()).unwrap_or(false);
    if !waits || (keep && !cx.vm.code.finish_on_load(module, true)) {
        return cx.badarg();
    }
    if keep {
        crate::tracing::module_loaded(cx.vm, module);
    }
    Ok(Term::TRUE)
}

/// Makes the current code of a module old: `true`, or `undefined` for a module that was never loaded.
///
/// # Errors
///
/// `badarg` while the module has old code, and a message in the log.
#[bif("erlang:delete_module/1")]
fn delete_module<'h>(cx: &mut BifContext<'h>, module: Atom) -> BifResult<'h> {
    match cx.vm.code.delete(module) {
        None => Ok(Term::atom(atoms::UNDEFINED)),
        Some(Ok(())) => {
            crate::tracing::module_deleted(cx.vm, module);
            Ok(Term::TRUE)
        }
        Some(Err(_)) => {
            let text = format!("Module {} must be purged before deleting\n", cx.text(module));
            cx.vm.log_error(cx.pid(), &cx.state.group_leader, "~ts", |heap| vec![heap.string(&text)]);
            cx.badarg()
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Answer, call, in_process};
    use oxbeam_term::{Term, atoms};

    // Recorded from OTP 27.
    #[test]
    fn what_is_no_code_is_refused() {
        in_process(|cx| {
            let atom = |name: &str| cx.vm.atoms.intern(name).expect("room for an atom");
            let (internal, prepare) = (atom("erts_internal"), atom("prepare_loading"));
            let (finish, delete) = (atom("finish_loading"), atom("delete_module"));
            let bytes = cx.heap.binary(b"abc");
            let answer = call(cx, internal, prepare, &[Term::atom(prepare), bytes]);
            let expected = cx.error(atoms::BADFILE);
            assert!(matches!(answer, Some(Answer::Value(value)) if value.is_exactly(expected)));
            let answer = call(cx, atoms::ERLANG, finish, &[Term::NIL]);
            assert!(matches!(answer, Some(Answer::Value(value)) if value.is_atom(atoms::OK)));
            let list = cx.heap.list(&[Term::TRUE]);
            let answer = call(cx, atoms::ERLANG, finish, &[list]);
            assert!(matches!(answer, Some(Answer::Raise(raised)) if raised.reason.is_atom(atoms::BADARG)));
            let answer = call(cx, atoms::ERLANG, delete, &[Term::atom(prepare)]);
            assert!(matches!(answer, Some(Answer::Value(value)) if value.is_atom(atoms::UNDEFINED)));
        });
    }
}
