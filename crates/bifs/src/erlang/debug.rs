//! `erts_debug`: what test suites ask of the machine itself.
//!
//! Only what this machine has an answer for: any other state is `badarg`, as an unknown one is in OTP.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Atom, Term, atoms, size_in_words_shared};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::process::{await_result, reply};
use super::relations;
use crate::io::System;

/// May internal state be looked at and set (`available_internal_state`)?
#[derive(Default)]
struct Available(AtomicBool);

/// Longest time that a dirty wait takes, in milliseconds.
pub(super) const WAIT_MAX: u64 = 600_000;

/// Looks at internal state.
///
/// # Errors
///
/// `undef` while it is not made available, `badarg` for a state that this machine does not have.
#[bif("erts_debug:get_internal_state/1")]
fn get_internal_state<'h>(cx: &mut BifContext<'h>, what: Term<'h>) -> BifResult<'h> {
    let available = cx.vm.extension::<Available>().0.load(Ordering::Relaxed);
    if what.is_atom(atoms::AVAILABLE_INTERNAL_STATE) {
        return Ok(Term::boolean(available));
    }
    if !available {
        return Err(cx.raise(atoms::UNDEF));
    }
    if what.is_atom(atoms::PROCESSES) {
        let pids: Vec<Term<'h>> = cx.vm.processes.pids().into_iter().map(Term::pid).collect();
        return Ok(cx.heap.list(&pids));
    }
    if what.is_atom(atoms::PROCESS_INFO_ARGS) {
        let items: Vec<Term<'h>> = super::process_info::all_items().into_iter().map(Term::atom).collect();
        return Ok(cx.heap.list(&items));
    }
    if what.as_atom().is_some_and(|what| cx.text(what) == "monitoring_nodes") {
        return Ok(nodes_monitors(cx));
    }
    match what.as_atom().map(|what| cx.text(what)) {
        Some("node_and_dist_references") => return node_references(cx),
        Some("persistent_term") => return crate::persistent_term::internal_state(cx),
        // A setting of OTP's builds, off as usual.
        Some("force_heap_frags") => return Ok(Term::FALSE),
        _ => {}
    }
    if what.as_atom().is_some_and(|what| cx.text(what) == "max_atom_out_cache_index") {
        return Ok(cx.heap.unsigned(oxbeam_etf::CACHE_SIZE as u64 - 1));
    }
    let Some([what, subject]) = what.as_tuple_of::<2>() else { return cx.badarg() };
    if what.as_atom().is_some_and(|what| cx.text(what) == "atom_out_cache_index") {
        let Some(atom) = subject.as_atom() else { return cx.badarg() };
        return Ok(cx.heap.unsigned(oxbeam_etf::cache_place(atom) as u64));
    }
    match what.as_atom() {
        Some(atoms::INTERNAL_HASH) => Ok(cx.heap.unsigned(oxbeam_term::internal_hash(*subject) & 0xffff_ffff)),
        Some(atoms::PROCESS_STATUS) => {
            let Some(pid) = subject.as_pid() else { return cx.badarg() };
            let status = if cx.vm.process(pid).is_some() { atoms::RUNNABLE } else { atoms::UNDEFINED };
            Ok(Term::atom(status))
        }
        Some(atoms::DIST_CTRL) => {
            let Some(node) = subject.as_atom() else { return cx.badarg() };
            let entry = cx.vm.node_table().get(node);
            Ok(entry.and_then(|entry| super::node::controller_of(&entry)).unwrap_or(Term::atom(atoms::UNDEFINED)))
        }
        Some(atoms::LINK_LIST) => relations::links_of(cx, *subject),
        Some(atoms::MONITOR_LIST) => relations::monitors_of(cx, *subject),
        _ => cx.badarg(),
    }
}

/// Who has subscribed to nodes coming and going: `{Pid, Options}` for each time.
fn nodes_monitors<'h>(cx: &BifContext<'h>) -> Term<'h> {
    let mut listed = Vec::new();
    for monitor in cx.vm.node_table().nodes_monitors() {
        let kind = match (monitor.options.visible, monitor.options.hidden) {
            (true, true) => Some(atoms::ALL),
            (true, false) => Some(atoms::VISIBLE),
            (false, true) => Some(atoms::HIDDEN),
            (false, false) => None,
        };
        let reason = monitor.options.reason.then_some(Term::atom(atoms::NODEDOWN_REASON));
        let kind = kind.map(|kind| cx.heap.tuple(&[Term::atom(atoms::NODE_TYPE), Term::atom(kind)]));
        let options: Vec<Term<'h>> = reason.into_iter().chain(kind).collect();
        let entry = cx.heap.tuple(&[Term::pid(monitor.pid), cx.heap.list(&options)]);
        listed.extend(std::iter::repeat_n(entry, monitor.count as usize));
    }
    cx.heap.list(&listed)
}

/// `{{node_references, Nodes}, {dist_references, Channels}}`, each a list of `{Entry, Count, Referrers}`.
///
/// Identifiers carry the name and the creation of their node themselves, so there is no table of nodes and nobody refers to
/// an entry; the entry of a channel is held by the table of channels, and stays.
fn node_references<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let name = |cx: &BifContext<'h>, text: &str| cx.intern(text).map(Term::atom);
    let (nodes, channels) = (name(cx, "node_references")?, name(cx, "dist_references")?);
    let (system, table) = (Term::atom(atoms::SYSTEM), name(cx, "table")?);
    let heap = cx.heap;
    let (this, creation) = cx.vm.node();
    let identity = heap.tuple(&[Term::atom(this), heap.unsigned(creation.into())]);
    let unreferenced = |entry: Term<'h>| heap.tuple(&[entry, Term::small(0), Term::NIL]);
    let mut listed = vec![unreferenced(Term::atom(this))];
    for entry in cx.vm.node_table().all() {
        let referrer = heap.tuple(&[system, heap.list(&[heap.tuple(&[table, Term::small(1)])])]);
        listed.push(heap.tuple(&[Term::atom(entry.name()), Term::small(1), heap.list(&[referrer])]));
    }
    let nodes = heap.tuple(&[nodes, heap.list(&[unreferenced(identity)])]);
    Ok(heap.tuple(&[nodes, heap.tuple(&[channels, heap.list(&listed)])]))
}

/// Changes internal state.
///
/// # Errors
///
/// `undef` while it is not made available, `badarg` for a state that this machine does not have.
#[bif("erts_debug:set_internal_state/2")]
fn set_internal_state<'h>(cx: &mut BifContext<'h>, what: Atom, value: Term<'h>) -> BifResult<'h> {
    let available = cx.vm.extension::<Available>();
    if what == atoms::AVAILABLE_INTERNAL_STATE {
        let Some(value) = value.as_boolean() else { return cx.badarg() };
        return Ok(Term::boolean(available.0.swap(value, Ordering::Relaxed)));
    }
    if !available.0.load(Ordering::Relaxed) {
        return Err(cx.raise(atoms::UNDEF));
    }
    match what {
        atoms::REDS_LEFT => {
            let Some(left) = value.as_u64() else { return cx.badarg() };
            *cx.reductions = i32::try_from(left).unwrap_or(i32::MAX).min(oxbeam_runtime::SLICE_REDUCTIONS);
            Ok(Term::TRUE)
        }
        // The scheduler itself sleeps: that is what it is for.
        atoms::SLEEP => {
            let Some(milliseconds) = value.as_u64() else { return cx.badarg() };
            std::thread::sleep(Duration::from_millis(milliseconds.min(WAIT_MAX)));
            Ok(Term::TRUE)
        }
        atoms::BLOCK => {
            let Some(milliseconds) = value.as_u64() else { return cx.badarg() };
            block(cx, Duration::from_millis(milliseconds.min(WAIT_MAX)))
        }
        // Memory is given back by whoever drops it last, at once: there is nothing left to wait for.
        atoms::WAIT => match value.as_atom() {
            Some(atoms::THREAD_PROGRESS | atoms::DEALLOCATIONS | atoms::TIMER_CANCELLATIONS) => {
                Ok(Term::atom(atoms::OK))
            }
            _ => cx.badarg(),
        },
        // Signals of all senders meet in one queue, in the order they came; there is no other kind to switch to.
        atoms::PROC_SIG_BUFFERS => Ok(Term::boolean(value.as_boolean() == Some(true))),
        _ if cx.text(what) == "test_long_gc_sleep" => {
            let Some(milliseconds) = value.as_u64() else { return cx.badarg() };
            let sleep = u32::try_from(milliseconds.min(WAIT_MAX)).unwrap_or(0);
            cx.vm.system_monitor.collection_sleep.store(sleep, Ordering::Relaxed);
            Ok(Term::TRUE)
        }
        // Tables have one lock each: there is nothing to split.
        atoms::ETS_FORCE_SPLIT => {
            let table = value.as_tuple_of::<2>().and_then(|[table, _]| crate::ets::ordered_for_many(cx, *table));
            if table == Some(true) { Ok(Term::atom(atoms::OK)) } else { cx.badarg() }
        }
        atoms::ETS_FORCE_TRAP => Ok(Term::atom(atoms::NOTSUP)),
        // Long work is measured in reductions here, so there is no limit of its own.
        atoms::BINARY_LOOP_LIMIT | atoms::UNICODE_LOOP_LIMIT | atoms::RE_LOOP_LIMIT => Ok(Term::small(-1)),
        _ => cx.badarg(),
    }
}

/// Stops all schedulers, timers and the poll thread for a time, as in OTP's progress of threads: to others the node is as
/// good as hung. The caller gets its answer afterwards.
fn block<'h>(cx: &mut BifContext<'h>, time: Duration) -> BifResult<'h> {
    let reference = cx.make_reference();
    let (requester, owned, vm) = (cx.pid(), cx.own(reference), cx.vm.arc());
    let Ok(poller) = vm.extension::<System>().poller() else { return Err(cx.raise(atoms::SYSTEM_LIMIT)) };
    let work = move || {
        if let Some(paused) = vm.pause() {
            // Callbacks set timers, so the poll thread comes first.
            let _poll_thread = poller.hold();
            let _timers = paused.hold_timers();
            std::thread::sleep(time);
        }
        reply(&vm, requester, &owned, |_| Term::TRUE);
    };
    match std::thread::Builder::new().name("block".into()).spawn(work) {
        Ok(_) => await_result(cx, reference),
        Err(_) => Err(cx.raise(atoms::SYSTEM_LIMIT)),
    }
}

/// Words of a term, each shared part counted once.
#[bif("erts_debug:size_shared/1")]
fn size_shared<'h>(cx: &mut BifContext<'h>, term: Term<'h>) -> BifResult<'h> {
    let words = size_in_words_shared(term, cx.literals());
    cx.spend(words / 4);
    Ok(cx.heap.unsigned(words as u64))
}

/// A copy of a term in which what is referred to several times is one object again; of literals as well, if `all`.
#[bif("erts_debug:copy_shared/2")]
fn copy_shared<'h>(cx: &mut BifContext<'h>, term: Term<'h>, all: bool) -> BifResult<'h> {
    let copy = cx.heap.copy_in_shared(term, all);
    cx.spend(size_in_words_shared(copy, cx.literals()) / 4);
    Ok(copy)
}

/// Locks are not counted: `error`, as in a build without lock counting.
#[bif("erts_debug:lcnt_clear/0")]
fn lcnt_clear<'h>(_cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(Term::atom(atoms::ERROR))
}

/// Locks are not counted: `error`, as in a build without lock counting.
#[bif("erts_debug:lcnt_collect/0")]
fn lcnt_collect<'h>(_cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(Term::atom(atoms::ERROR))
}

/// A setting of lock counting: there are none.
///
/// # Errors
///
/// Always `badarg`, as in a build without lock counting.
#[bif("erts_debug:lcnt_control/1")]
fn lcnt_control<'h>(cx: &mut BifContext<'h>, _what: Term<'h>) -> BifResult<'h> {
    cx.badarg()
}

/// Changes a setting of lock counting: there are none.
///
/// # Errors
///
/// Always `badarg`, as in a build without lock counting.
#[bif("erts_debug:lcnt_control/2")]
fn lcnt_control_set<'h>(cx: &mut BifContext<'h>, _what: Term<'h>, _value: Term<'h>) -> BifResult<'h> {
    cx.badarg()
}

/// The size of the emulator's instruction table: not told, as by OTP's machine with a compiler to machine code.
#[bif("erts_debug:interpreter_size/0")]
fn interpreter_size<'h>(_cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(Term::small(0))
}

/// The text of loaded code: `false`, as by OTP's machine with a compiler to machine code. `oxbeam disasm` shows files.
#[bif("erts_debug:disassemble/1")]
fn disassemble<'h>(_cx: &mut BifContext<'h>, _what: Term<'h>) -> BifResult<'h> {
    Ok(Term::FALSE)
}
