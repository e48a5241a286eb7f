//! `erts_debug:dirty_cpu/2`, `dirty_io/2` and `dirty/3`: calls on a scheduler of one kind, for tests of dirty schedulers.
//!
//! The commands are those of OTP's `dirty_test` in `beam_debug.c`.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, DirtyKind, RunStatus, Signal};
use oxbeam_term::{Atom, Pid, Term, atoms};
use std::time::Duration;

use super::debug::WAIT_MAX;

/// How many copies `copy` makes.
const COPIES: usize = 1000;
/// How long `ready_wait6_done` takes.
const READY_WAIT: Duration = Duration::from_secs(6);
/// How often `alive_waitexiting` looks whether its process has ended.
const EXIT_PERIOD: Duration = Duration::from_millis(20);
/// How long it goes on afterwards.
const AFTER_EXIT: Duration = Duration::from_secs(1);
/// Bits of the integer that it builds in the end: 10000 words.
const LATE_INTEGER_BITS: u64 = 640_000;

/// Where a call runs, as the commands name it.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Normal,
    Cpu,
    Io,
}

/// Runs a command on a dirty scheduler for computations.
///
/// # Errors
///
/// `badarg` for an unknown command; `error` raises what it is given.
#[bif("erts_debug:dirty_cpu/2", dirty_cpu)]
fn dirty_cpu<'h>(cx: &mut BifContext<'h>, command: Term<'h>, argument: Term<'h>) -> BifResult<'h> {
    perform(cx, Kind::Cpu, command, argument)
}

/// Runs a command on a dirty scheduler for blocking work.
///
/// # Errors
///
/// As `dirty_cpu/2`.
#[bif("erts_debug:dirty_io/2", dirty_io)]
fn dirty_io<'h>(cx: &mut BifContext<'h>, command: Term<'h>, argument: Term<'h>) -> BifResult<'h> {
    perform(cx, Kind::Io, command, argument)
}

/// Runs a command on a scheduler of the kind that the first argument names; the call begins on an ordinary one.
///
/// # Errors
///
/// As `dirty_cpu/2`, and `badarg` for a kind that is none.
#[bif("erts_debug:dirty/3")]
fn dirty<'h>(cx: &mut BifContext<'h>, kind: Atom, command: Term<'h>, argument: Term<'h>) -> BifResult<'h> {
    let arguments = [Term::atom(kind), command, argument];
    match kind {
        atoms::NORMAL => perform(cx, Kind::Normal, command, argument),
        atoms::DIRTY_CPU => cx.dirty_as(DirtyKind::Cpu, on_cpu, &arguments),
        atoms::DIRTY_IO => cx.dirty_as(DirtyKind::Io, on_io, &arguments),
        _ => cx.badarg(),
    }
}

fn on_cpu<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    perform(cx, Kind::Cpu, arguments[1], arguments[2])
}
fn on_io<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    perform(cx, Kind::Io, arguments[1], arguments[2])
}
fn on_normal<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    perform(cx, Kind::Normal, arguments[1], arguments[2])
}

fn perform<'h>(cx: &mut BifContext<'h>, kind: Kind, command: Term<'h>, argument: Term<'h>) -> BifResult<'h> {
    let Some(name) = command.as_atom() else { return cx.badarg() };
    match cx.text(name) {
        "scheduler" if argument.is_atom(atoms::TYPE) => Ok(Term::atom(match kind {
            Kind::Normal => atoms::NORMAL,
            Kind::Cpu => atoms::DIRTY_CPU,
            Kind::Io => atoms::DIRTY_IO,
        })),
        "error" => match argument.as_atom() {
            Some(reason @ (atoms::NOTSUP | atoms::UNDEF | atoms::BADARITH | atoms::NOPROC | atoms::SYSTEM_LIMIT)) => {
                Err(cx.raise(reason))
            }
            _ => cx.badarg(),
        },
        "copy" => {
            let copies: Vec<Term<'h>> = (0..COPIES).map(|_| cx.heap.copy_in(argument)).collect();
            Ok(cx.heap.list(&copies))
        }
        "send" => {
            tell(cx, argument, atoms::OK);
            Ok(Term::atom(atoms::OK))
        }
        "wait" => {
            let Some(milliseconds) = argument.as_i64() else { return cx.badarg() };
            std::thread::sleep(Duration::from_millis(milliseconds.max(0).unsigned_abs().min(WAIT_MAX)));
            Ok(Term::atom(atoms::OK))
        }
        "reschedule" => reschedule(cx, kind, command, argument),
        "ready_wait6_done" => {
            let (ready, done) = (cx.intern("ready")?, cx.intern("done")?);
            tell(cx, argument, ready);
            std::thread::sleep(READY_WAIT);
            tell(cx, argument, done);
            Ok(Term::atom(atoms::OK))
        }
        "alive_waitexiting" => outlive(cx, argument, true),
        "alive_waitexitingonly" => outlive(cx, argument, false),
        _ => cx.badarg(),
    }
}

/// Sends `{What, Caller}`; nothing happens when nobody is there.
fn tell(cx: &BifContext<'_>, to: Term<'_>, what: Atom) {
    let Some(to) = to.as_pid() else { return };
    let from: Pid = cx.pid();
    let message = oxbeam_term::OwnedTerm::build(cx.literals(), |heap| heap.tuple(&[Term::atom(what), Term::pid(from)]));
    cx.vm.signal_pid(to, Signal::Message(message));
}

/// Counts down by two, each step a call of its own; every other step runs on a scheduler of another kind.
fn reschedule<'h>(cx: &mut BifContext<'h>, kind: Kind, command: Term<'h>, argument: Term<'h>) -> BifResult<'h> {
    // An odd number would miss zero in the end.
    let Some(left) = argument.as_i64().filter(|left| *left >= 0 && left % 2 == 0) else { return cx.badarg() };
    if left == 0 {
        return Ok(Term::atom(atoms::OK));
    }
    let next = match (left % 4, kind) {
        (0, Kind::Cpu) => Kind::Io,
        (0, Kind::Io) => Kind::Normal,
        (0, Kind::Normal) => Kind::Cpu,
        _ => kind,
    };
    let arguments = |kind: Atom| [Term::atom(kind), command, cx.heap.integer(left - 2)];
    match next {
        Kind::Normal => cx.again(on_normal, &arguments(atoms::NORMAL)),
        Kind::Cpu => cx.dirty_as(DirtyKind::Cpu, on_cpu, &arguments(atoms::DIRTY_CPU)),
        Kind::Io => cx.dirty_as(DirtyKind::Io, on_io, &arguments(atoms::DIRTY_IO)),
    }
}

/// Says `alive`, and waits until the caller has been ended by others. With `late`, goes on for a while after that and
/// builds a term. A process that does not end is waited for in a dirty call only, and not longer than `WAIT_MAX`.
fn outlive<'h>(cx: &mut BifContext<'h>, to: Term<'h>, late: bool) -> BifResult<'h> {
    if !cx.is_dirty() {
        return cx.badarg();
    }
    let alive = cx.intern("alive")?;
    tell(cx, to, alive);
    for _ in 0..WAIT_MAX / EXIT_PERIOD.as_millis() as u64 {
        if cx.process.status() == RunStatus::Dead {
            break;
        }
        std::thread::sleep(EXIT_PERIOD);
    }
    if !late {
        return Ok(Term::atom(atoms::OK));
    }
    std::thread::sleep(AFTER_EXIT);
    let large = cx.heap.bigint(&(oxbeam_number::BigInt::from(4711) << LATE_INTEGER_BITS));
    Ok(cx.ok(large))
}
