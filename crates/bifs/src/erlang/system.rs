//! The machine as a whole: halting, flags, showing text, memory, small internal questions.

use super::process::max_heap_size_map;
use super::spawn::{HEAP_WORDS_MIN, VIRTUAL_WORDS_MIN, heap_words, max_heap_size};
use crate::io::break_menu::halt_with_dump;
use crate::io::ports::PortTable;
use crate::io::restore_terminals;
use oxbeam_bif_macros::bif;
use oxbeam_ets::Tables;
use oxbeam_runtime::{BifContext, BifResult, Interrupt, SystemLogger, Trap, Vm};
use oxbeam_term::{Atom, LiteralRange, Term, atoms, large_binary_bytes, size_in_words};
use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Deepest stack trace that can be asked for, as in OTP.
const BACKTRACE_DEPTH_MAX: u32 = 64;
/// Bits of an exit status that count.
const STATUS_MASK: u64 = i32::MAX as u64;
/// Longest text that `halt/2` shows, in characters.
const SLOGAN_CHARACTERS_MAX: usize = 1023;

/// Settings that are only kept and told.
#[derive(Default)]
pub(crate) struct Settings {
    /// `trace_control_word`.
    pub(crate) trace_control_word: AtomicU32,
    /// `outstanding_system_requests_limit`, less its default.
    pub(crate) more_system_requests: AtomicU32,
}

/// The status when output has not been written in time (`flush_timeout`, `+zhft`).
const FLUSH_TIMEOUT_STATUS: i32 = 255;

/// Ends the machine with a status, a text and the status 1, or by `abort`.
///
/// # Errors
///
/// `badarg`, with the cause `badopt` for bad options.
#[bif("erlang:halt/2")]
fn halt<'h>(cx: &mut BifContext<'h>, status: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    let Some((flush, limit)) = halt_options(options) else { return cx.badarg_because(atoms::BADOPT) };
    if status.is_atom(atoms::ABORT) {
        restore_terminals(cx.vm);
        std::process::abort();
    }
    let (status, flush, dump) = if let Some(slogan) = text(status) {
        if slogan.chars().count() > SLOGAN_CHARACTERS_MAX {
            return cx.badarg();
        }
        // OTP ends the lines of its own messages for terminals in raw mode, wherever they go. That nobody reads them is
        // no reason to fail.
        let _ = write!(std::io::stderr(), "{}\r\n", slogan.replace('\n', "\r\n"));
        (1, false, Some(slogan))
    } else if let Some(integer) = status.as_integer().filter(|integer| !integer.is_negative()) {
        let bits = integer.to_u64().unwrap_or_else(|| integer.to_limbs(&mut 0).magnitude.first().copied().unwrap_or(0));
        ((bits & STATUS_MASK) as i32, flush, None)
    } else {
        return cx.badarg();
    };
    if let Some(slogan) = dump {
        halt_with_dump(&cx.vm.arc(), slogan);
    } else if flush {
        // Ports go on while their output is written. Processes do not, as in OTP (`erts_halt`): so a last prompt, which
        // a dirty scheduler would write, is not seen when the input has ended.
        let vm = cx.vm.arc();
        let limit = limit.into_iter().chain(cx.vm.options.halt_flush_limit).min();
        vm.stop_processes();
        let flusher = std::thread::Builder::new().name("halt".into()).spawn(move || {
            let flushed = vm.extension::<PortTable>().flush(limit);
            vm.halt(if flushed { status } else { FLUSH_TIMEOUT_STATUS });
        });
        if flusher.is_err() {
            cx.vm.halt(status);
        }
    } else {
        cx.vm.halt(status);
    }
    Err(Box::new(Interrupt::Trap(Trap::Hibernate {
        // Nobody wakes up from this: the machine ends first, or drops the process with everything else.
        export: cx.vm.code.export(atoms::ERLANG, atoms::HALT, 2),
        arguments: vec![Term::small(i64::from(status)), Term::NIL],
    })))
}

/// Flush, and for how long.
fn halt_options(list: Term<'_>) -> Option<(bool, Option<Duration>)> {
    let (mut flush, mut limit) = (true, None);
    for option in list.to_vec()? {
        let [name, value] = option.as_tuple_of::<2>()?;
        match name.as_atom()? {
            atoms::FLUSH => flush = value.as_boolean()?,
            atoms::FLUSH_TIMEOUT => {
                limit = Some(Duration::from_millis(u32::try_from(value.as_u64()?).ok()?.into()));
            }
            _ => return None,
        }
    }
    Some((flush, limit))
}

/// A list of characters as text.
fn text(term: Term<'_>) -> Option<String> {
    if !term.is_list() {
        return None;
    }
    let mut text = String::new();
    for character in term.to_vec()? {
        text.push(char::from_u32(u32::try_from(character.as_u64()?).ok()?)?);
    }
    Some(text)
}

/// Prints a term to standard output.
#[bif("erlang:display/1")]
fn display<'h>(cx: &mut BifContext<'h>, term: Term<'h>) -> BifResult<'h> {
    let mut text = oxbeam_term::display(term, None, cx.atoms());
    // OTP has a carriage return here, terminal or not.
    text.extend_from_slice(b"\r\n");
    cx.spend(text.len() / 16);
    let _ = std::io::stdout().lock().write_all(&text);
    let _ = std::io::stdout().lock().flush();
    Ok(Term::TRUE)
}

/// Writes text to `stdout` or `stderr` as it is.
///
/// # Errors
///
/// `badarg` for another device, and for anything that is no text or binary.
#[bif("erlang:display_string/2")]
fn display_string<'h>(cx: &mut BifContext<'h>, device: Atom, string: Term<'h>) -> BifResult<'h> {
    let bytes = match (text(string), string.as_binary()) {
        (Some(text), _) => text.into_bytes(),
        (None, Some(bytes)) => bytes.into_owned(),
        (None, None) => return cx.badarg(),
    };
    let written = match device {
        atoms::STDOUT => std::io::stdout().lock().write_all(&bytes).and_then(|()| std::io::stdout().lock().flush()),
        atoms::STDERR => std::io::stderr().lock().write_all(&bytes),
        _ => return cx.badarg(),
    };
    match written {
        Ok(()) => Ok(Term::TRUE),
        Err(_) => cx.badarg(),
    }
}

/// Sets a flag of the machine; returns the old value.
///
/// # Errors
///
/// `badarg` for a bad value, with the cause `badopt` for an unknown flag.
#[bif("erlang:system_flag/2")]
fn system_flag<'h>(cx: &mut BifContext<'h>, flag: Term<'h>, value: Term<'h>) -> BifResult<'h> {
    let known =
        |name: &Atom| FLAGS.contains(name) || ["sequential_tracer", "reset_seq_trace"].contains(&cx.text(*name));
    let Some(name) = flag.as_atom().filter(known) else {
        return cx.badarg_because(atoms::BADOPT);
    };
    match name {
        atoms::MULTI_SCHEDULING | atoms::SCHEDULERS_ONLINE | atoms::DIRTY_CPU_SCHEDULERS_ONLINE => {
            return super::schedulers::set_flag(cx, name, value);
        }
        atoms::SCHEDULER_WALL_TIME if value.as_boolean().is_some() => {
            // OTP's own code counts who wants it, and ends that with them.
            let export = cx.vm.code.export(atoms::ERTS_INTERNAL, atoms::SYSTEM_FLAG_SCHEDULER_WALL_TIME, 1);
            return Err(Box::new(Interrupt::Trap(Trap::Call { export, arguments: vec![value] })));
        }
        _ => {}
    }
    match set_system_flag(cx, name, value) {
        Some(old) => Ok(old),
        None => cx.badarg(),
    }
}

const FLAGS: [Atom; 14] = [
    atoms::BACKTRACE_DEPTH,
    atoms::FULLSWEEP_AFTER,
    atoms::MIN_HEAP_SIZE,
    atoms::MIN_BIN_VHEAP_SIZE,
    atoms::MAX_HEAP_SIZE,
    atoms::MICROSTATE_ACCOUNTING,
    atoms::MULTI_SCHEDULING,
    atoms::OUTSTANDING_SYSTEM_REQUESTS_LIMIT,
    atoms::SCHEDULER_WALL_TIME,
    atoms::SCHEDULERS_ONLINE,
    atoms::DIRTY_CPU_SCHEDULERS_ONLINE,
    atoms::SYSTEM_LOGGER,
    atoms::TIME_OFFSET,
    atoms::TRACE_CONTROL_WORD,
];

fn set_system_flag<'h>(cx: &mut BifContext<'h>, name: Atom, value: Term<'h>) -> Option<Term<'h>> {
    let defaults = &cx.vm.defaults;
    let settings = cx.vm.extension::<Settings>();
    Some(match name {
        atoms::MICROSTATE_ACCOUNTING => super::microstates::set(cx, value)?,
        atoms::BACKTRACE_DEPTH => {
            let depth = u32::try_from(value.as_u64()?).unwrap_or(u32::MAX).min(BACKTRACE_DEPTH_MAX);
            Term::small(cx.vm.backtrace_depth.swap(depth, Ordering::Relaxed).into())
        }
        atoms::FULLSWEEP_AFTER => {
            let count = u16::try_from(value.as_u64()?).unwrap_or(u16::MAX);
            Term::small(defaults.fullsweep_after.swap(count.into(), Ordering::Relaxed).into())
        }
        atoms::MIN_HEAP_SIZE => {
            let words = heap_words(value, HEAP_WORDS_MIN)?;
            cx.heap.unsigned(defaults.min_heap_words.swap(words, Ordering::Relaxed) as u64)
        }
        atoms::MIN_BIN_VHEAP_SIZE => {
            let words = heap_words(value, VIRTUAL_WORDS_MIN)?;
            cx.heap.unsigned(defaults.min_virtual_words.swap(words, Ordering::Relaxed) as u64)
        }
        atoms::MAX_HEAP_SIZE => {
            let mut current = defaults.max_heap_size.lock();
            let limit = max_heap_size(value, *current)?;
            if limit.size != 0 && limit.size < defaults.min_heap_words.load(Ordering::Relaxed) {
                return None;
            }
            let old = std::mem::replace(&mut *current, limit);
            drop(current);
            max_heap_size_map(cx.heap, cx.atoms(), old)
        }
        atoms::OUTSTANDING_SYSTEM_REQUESTS_LIMIT => {
            let limit = u32::try_from(value.as_u64()?).ok().filter(|limit| *limit > 0)?;
            let old = requests_limit(cx);
            let default = default_requests_limit(cx);
            settings.more_system_requests.store(limit.wrapping_sub(default), Ordering::Relaxed);
            Term::small(old.into())
        }
        atoms::TRACE_CONTROL_WORD => {
            let word = u32::try_from(value.as_u64()?).ok()?;
            cx.heap.unsigned(settings.trace_control_word.swap(word, Ordering::Relaxed).into())
        }
        atoms::TIME_OFFSET if value.is_atom(atoms::FINALIZE) => Term::atom(atoms::FINAL),
        _ if cx.text(name) == "reset_seq_trace" => {
            if !value.is_atom(atoms::TRUE) {
                return None;
            }
            crate::tracing::sequential::reset(cx);
            Term::TRUE
        }
        _ if cx.text(name) == "sequential_tracer" => return crate::tracing::sequential::set_tracer(cx.vm, value),
        atoms::SYSTEM_LOGGER => return set_system_logger(cx, value),
        _ => return None,
    })
}

fn default_requests_limit(cx: &BifContext<'_>) -> u32 {
    2 * u32::try_from(cx.vm.schedulers.count()).unwrap_or(1)
}

/// `outstanding_system_requests_limit`.
pub(crate) fn requests_limit(cx: &BifContext<'_>) -> u32 {
    let more = cx.vm.extension::<Settings>().more_system_requests.load(Ordering::Relaxed);
    default_requests_limit(cx).wrapping_add(more)
}

fn set_system_logger<'h>(cx: &mut BifContext<'h>, value: Term<'h>) -> Option<Term<'h>> {
    let logger = match (value.as_pid(), value.as_atom()) {
        (Some(pid), _) => Some(pid),
        (_, Some(atoms::LOGGER | atoms::UNDEFINED)) => None,
        _ => return None,
    };
    let old = cx.vm.extension::<SystemLogger>().set(logger);
    // One that has ended counts as none.
    Some(old.filter(|pid| cx.vm.process(*pid).is_some()).map_or(Term::atom(atoms::LOGGER), Term::pid))
}

/// Do all schedulers answer? They do when this runs.
///
/// # Errors
///
/// `badarg` unless asked about `schedulers`.
#[bif("erts_internal:system_check/1")]
fn system_check<'h>(cx: &mut BifContext<'h>, what: Atom) -> BifResult<'h> {
    if what == atoms::SCHEDULERS { Ok(Term::atom(atoms::OK)) } else { cx.badarg() }
}

/// Threads that do auxiliary work.
#[bif("erts_internal:no_aux_work_threads/0")]
fn no_aux_work_threads<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(cx.heap.unsigned(cx.vm.schedulers.count() as u64 + 1))
}

/// Words of a term when nothing in it is shared.
#[bif("erts_debug:flat_size/1")]
fn flat_size<'h>(cx: &mut BifContext<'h>, term: Term<'h>) -> BifResult<'h> {
    let words = size_in_words(term, LiteralRange::EMPTY);
    cx.spend(words / 8);
    Ok(cx.heap.unsigned(words as u64))
}

/// Are both terms the very same, not only equal?
#[bif("erts_debug:same/2")]
fn same<'h>(_cx: &mut BifContext<'h>, first: Term<'h>, second: Term<'h>) -> BifResult<'h> {
    Ok(Term::boolean(first.is_same(second)))
}

/// Memory by kind, in bytes.
pub(super) struct Memory {
    pub(super) processes: u64,
    pub(super) atom: u64,
    atom_used: u64,
    pub(super) binary: u64,
    pub(super) code: u64,
    pub(super) ets: u64,
    system: u64,
}

pub(super) fn memory_now(vm: &Vm) -> Memory {
    let heaps = vm.memory.processes.load(Ordering::Relaxed).max(0).cast_unsigned();
    let processes = heaps + (vm.processes.count() * size_of::<oxbeam_runtime::Process>()) as u64;
    let atom_used = vm.atoms.text_bytes() as u64;
    let atom = atom_used + u64::from(vm.atoms.count()) * 16;
    let code = vm.code.bytes() as u64 + vm.code.literals.used_words() as u64 * 8;
    let ets = vm.extension::<Tables>().words() as u64 * 8;
    let binary = large_binary_bytes() as u64;
    Memory { processes, atom, atom_used, binary, code, ets, system: atom + binary + code + ets }
}

/// The kinds of memory in the order that `memory/0` tells them.
const MEMORY_KINDS: [Atom; 9] = [
    atoms::TOTAL,
    atoms::PROCESSES,
    atoms::PROCESSES_USED,
    atoms::SYSTEM,
    atoms::ATOM,
    atoms::ATOM_USED,
    atoms::BINARY,
    atoms::CODE,
    atoms::ETS,
];

fn memory_of(memory: &Memory, kind: Atom) -> Option<u64> {
    Some(match kind {
        atoms::TOTAL => memory.processes + memory.system,
        atoms::PROCESSES | atoms::PROCESSES_USED => memory.processes,
        atoms::SYSTEM => memory.system,
        atoms::ATOM => memory.atom,
        atoms::ATOM_USED => memory.atom_used,
        atoms::BINARY => memory.binary,
        atoms::CODE => memory.code,
        atoms::ETS => memory.ets,
        _ => return None,
    })
}

/// What `memory/0` tells, as lines of a crash dump.
pub(crate) fn memory_section(vm: &Vm) -> String {
    let memory = memory_now(vm);
    let lines = MEMORY_KINDS.iter().filter_map(|kind| Some((vm.atoms.text(*kind), memory_of(&memory, *kind)?)));
    lines.fold(String::from("=memory\n"), |text, (kind, bytes)| text + &format!("{kind}: {bytes}\n"))
}

fn memory_pairs<'h>(cx: &BifContext<'h>, kinds: &[Atom]) -> Option<Term<'h>> {
    let memory = memory_now(cx.vm);
    let pair = |kind: &Atom| Some(cx.heap.tuple(&[Term::atom(*kind), cx.heap.unsigned(memory_of(&memory, *kind)?)]));
    let pairs: Option<Vec<Term<'h>>> = kinds.iter().map(pair).collect();
    Some(cx.heap.list(&pairs?))
}

/// Memory in use, by kind. OTP's Erlang code adds up what its allocators tell; here the machine knows.
#[bif("erlang:memory/0")]
fn memory<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(memory_pairs(cx, &MEMORY_KINDS).unwrap_or(Term::NIL))
}

/// Memory of one kind, or of each kind in a list.
///
/// # Errors
///
/// `badarg` for an unknown kind.
#[bif("erlang:memory/1")]
fn memory_kind<'h>(cx: &mut BifContext<'h>, kind: Term<'h>) -> BifResult<'h> {
    if let Some(kind) = kind.as_atom() {
        return match memory_of(&memory_now(cx.vm), kind) {
            Some(bytes) => Ok(cx.heap.unsigned(bytes)),
            None => cx.badarg(),
        };
    }
    let kinds: Option<Vec<Atom>> = kind.to_vec().and_then(|kinds| kinds.into_iter().map(Term::as_atom).collect());
    match kinds.and_then(|kinds| memory_pairs(cx, &kinds)) {
        Some(pairs) => Ok(pairs),
        None => cx.badarg(),
    }
}
