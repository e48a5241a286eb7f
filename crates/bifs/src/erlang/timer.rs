//! Timers that send a message.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, Destination, Holding, Process, ProcessState, TimerId, Vm};
use oxbeam_term::{Atom, LocalReference, NumberMap, OwnedTerm, Pid, Reference, Term, atoms};
use parking_lot::Mutex;
use std::sync::Arc;

const MILLISECOND: i64 = 1_000_000;

/// A running timer.
struct Running {
    id: TimerId,
    /// The process it is for, if given by pid: it ends with that.
    receiver: Option<Pid>,
    /// Its neighbours among the timers for the same process.
    before: Option<LocalReference>,
    after: Option<LocalReference>,
}

#[derive(Default)]
struct Tables {
    running: NumberMap<LocalReference, Running>,
    /// The last timer that was started for each process; the others stand before it.
    last_of: NumberMap<Pid, LocalReference>,
}

impl Tables {
    fn insert(&mut self, reference: LocalReference, id: TimerId, receiver: Option<Pid>) {
        let before = receiver.and_then(|pid| self.last_of.insert(pid, reference));
        if let Some(neighbour) = before.and_then(|before| self.running.get_mut(&before)) {
            neighbour.after = Some(reference);
        }
        self.running.insert(reference, Running { id, receiver, before, after: None });
    }
    fn remove(&mut self, reference: LocalReference) -> Option<Running> {
        let running = self.running.remove(&reference)?;
        let Some(pid) = running.receiver else { return Some(running) };
        if let Some(neighbour) = running.before.and_then(|before| self.running.get_mut(&before)) {
            neighbour.after = running.after;
        }
        match (running.after, running.before) {
            (Some(after), before) => {
                if let Some(neighbour) = self.running.get_mut(&after) {
                    neighbour.before = before;
                }
            }
            (None, Some(before)) => {
                self.last_of.insert(pid, before);
            }
            (None, None) => {
                self.last_of.remove(&pid);
            }
        }
        Some(running)
    }
    /// Takes out all timers for a process.
    fn remove_of(&mut self, pid: Pid) -> Vec<Running> {
        let mut all = Vec::new();
        let mut next = self.last_of.remove(&pid);
        while let Some(running) = next.and_then(|reference| self.running.remove(&reference)) {
            next = running.before;
            all.push(running);
        }
        all
    }
}

/// The machine's timers by reference.
#[derive(Default)]
pub(crate) struct MessageTimers {
    tables: Mutex<Tables>,
}

impl MessageTimers {
    /// Bytes that the timers take here, their messages not included.
    pub(super) fn bytes(&self) -> usize {
        self.tables.lock().running.len() * size_of::<(LocalReference, Running)>()
    }
}

/// Lets timers end with the process they are for.
pub(crate) fn install(vm: &Vm) {
    vm.add_exit_hook(
        Holding::TIMERS,
        Box::new(|vm: &Vm, process: &Arc<Process>, _: &mut ProcessState| {
            let timers = vm.extension::<MessageTimers>();
            let ended = timers.tables.lock().remove_of(process.pid());
            for timer in ended {
                vm.timers.cancel(timer.id);
            }
        }),
    );
}

/// The options of timers.
#[derive(Default)]
struct Options {
    absolute: bool,
    asynchronous: bool,
    no_info: bool,
}

fn parse(list: Term<'_>, allowed: &[Atom]) -> Option<Options> {
    let mut options = Options::default();
    for option in list.to_vec()? {
        let [name, value] = option.as_tuple_of::<2>()?;
        let (name, value) = (name.as_atom()?, value.as_boolean()?);
        if !allowed.contains(&name) {
            return None;
        }
        match name {
            atoms::ABS => options.absolute = value,
            atoms::ASYNC => options.asynchronous = value,
            _ => options.no_info = !value,
        }
    }
    Some(options)
}

/// When a timer is due, in nanoseconds since the machine was built.
fn due(cx: &BifContext<'_>, time: Term<'_>, absolute: bool) -> Option<u64> {
    let milliseconds = time.as_i64()?;
    let elapsed = i64::try_from(cx.vm.clock.elapsed()).ok()?;
    let nanoseconds = milliseconds.checked_mul(MILLISECOND)?;
    if absolute {
        let start = cx.vm.clock.monotonic().checked_sub(elapsed)?;
        return Some(u64::try_from(nanoseconds.checked_sub(start)?).unwrap_or(0));
    }
    if milliseconds < 0 {
        return None;
    }
    u64::try_from(elapsed.checked_add(nanoseconds)?).ok()
}

fn start<'h>(
    cx: &mut BifContext<'h>,
    time: Term<'h>,
    destination: Term<'h>,
    message: Term<'h>,
    absolute: bool,
    wrap: bool,
) -> BifResult<'h> {
    let Some(due) = due(cx, time, absolute) else { return cx.badarg_because(atoms::TIME) };
    let receiver = destination.as_pid();
    let name = destination.as_atom();
    if receiver.is_none() && name.is_none() {
        return cx.badarg();
    }
    let number = cx.vm.next_reference();
    let reference = cx.heap.reference(number.0);
    let message = match wrap {
        true => cx.heap.tuple(&[Term::atom(atoms::TIMEOUT), reference, message]),
        false => message,
    };
    if let Some(pid) = receiver {
        if pid == cx.pid() {
            cx.process.holds(Holding::TIMERS);
        } else {
            match cx.vm.process(pid) {
                Some(receiver) => receiver.holds(Holding::TIMERS),
                // As if it had been taken back at once.
                None => return Ok(reference),
            }
        }
    }
    let message = cx.own(message);
    let timers = cx.vm.extension::<MessageTimers>();
    let mut tables = timers.tables.lock();
    // Started under the lock, so that it finds itself in the table when it fires.
    let id = cx.vm.timers.start(due, move |vm| fire(vm, number, receiver, name, message));
    tables.insert(number, id, receiver);
    Ok(reference)
}

fn fire(vm: &Vm, number: LocalReference, receiver: Option<Pid>, name: Option<Atom>, message: OwnedTerm) {
    // Whoever takes it out of the table decides: fired, or taken back.
    if vm.extension::<MessageTimers>().tables.lock().remove(number).is_none() {
        return;
    }
    let named = || match vm.destination(Term::atom(name?)) {
        Ok(Some(Destination::Process(pid))) => Some(pid),
        _ => None,
    };
    if let Some(pid) = receiver.or_else(named) {
        vm.send_message(pid, message);
    }
}

/// Sends `message` after `time` milliseconds; returns the timer's reference.
///
/// # Errors
///
/// `badarg`, with the cause `time` for a bad time.
#[bif("erlang:send_after/3")]
fn send_after<'h>(cx: &mut BifContext<'h>, time: Term<'h>, to: Term<'h>, message: Term<'h>) -> BifResult<'h> {
    start(cx, time, to, message, false, false)
}

/// As `send_after/3`; with `{abs, true}` the time is Erlang monotonic time.
///
/// # Errors
///
/// As `send_after/3`, with the cause `badopt` for bad options.
#[bif("erlang:send_after/4")]
fn send_after_with<'h>(
    cx: &mut BifContext<'h>,
    time: Term<'h>,
    to: Term<'h>,
    message: Term<'h>,
    options: Term<'h>,
) -> BifResult<'h> {
    match parse(options, &[atoms::ABS]) {
        Some(options) => start(cx, time, to, message, options.absolute, false),
        None => cx.badarg_because(atoms::BADOPT),
    }
}

/// Sends `{timeout, Reference, message}` after `time` milliseconds; returns the timer's reference.
///
/// # Errors
///
/// As `send_after/3`.
#[bif("erlang:start_timer/3")]
fn start_timer<'h>(cx: &mut BifContext<'h>, time: Term<'h>, to: Term<'h>, message: Term<'h>) -> BifResult<'h> {
    start(cx, time, to, message, false, true)
}

/// As `start_timer/3`; with `{abs, true}` the time is Erlang monotonic time.
///
/// # Errors
///
/// As `send_after/4`.
#[bif("erlang:start_timer/4")]
fn start_timer_with<'h>(
    cx: &mut BifContext<'h>,
    time: Term<'h>,
    to: Term<'h>,
    message: Term<'h>,
    options: Term<'h>,
) -> BifResult<'h> {
    match parse(options, &[atoms::ABS]) {
        Some(options) => start(cx, time, to, message, options.absolute, true),
        None => cx.badarg_because(atoms::BADOPT),
    }
}

/// Milliseconds that are left, rounded up; `false` when there is no such timer. Takes the timer back if asked.
fn access<'h>(cx: &BifContext<'h>, reference: Reference<'h>, cancel: bool) -> Term<'h> {
    let timers = cx.vm.extension::<MessageTimers>();
    let number = reference.number();
    let id = match cancel {
        true => {
            let taken = timers.tables.lock().remove(number);
            if let Some(taken) = &taken {
                cx.vm.timers.cancel(taken.id);
            }
            taken.map(|running| running.id)
        }
        false => timers.tables.lock().running.get(&number).map(|running| running.id),
    };
    match id {
        Some(id) => cx.heap.unsigned(id.due.saturating_sub(cx.vm.clock.elapsed()).div_ceil(MILLISECOND as u64)),
        None => Term::FALSE,
    }
}

fn access_with<'h>(cx: &mut BifContext<'h>, reference: Reference<'h>, options: Options, name: Atom) -> Term<'h> {
    let left = access(cx, reference, name == atoms::CANCEL_TIMER);
    if options.no_info {
        return Term::atom(atoms::OK);
    }
    if options.asynchronous {
        let message = cx.heap.tuple(&[Term::atom(name), reference.term(), left]);
        cx.vm.send_message(cx.pid(), cx.own(message));
        return Term::atom(atoms::OK);
    }
    left
}

/// Takes a timer back; returns the milliseconds that were left, or `false`.
///
/// # Errors
///
/// `badarg` for anything that is no reference of this node.
#[bif("erlang:cancel_timer/1")]
fn cancel_timer<'h>(cx: &mut BifContext<'h>, reference: Reference<'h>) -> BifResult<'h> {
    Ok(access(cx, reference, true))
}

/// As `cancel_timer/1`; with `{async, true}` the result comes as a message, with `{info, false}` not at all.
///
/// # Errors
///
/// As `cancel_timer/1`, with the cause `badopt` for bad options.
#[bif("erlang:cancel_timer/2")]
fn cancel_timer_with<'h>(cx: &mut BifContext<'h>, reference: Reference<'h>, options: Term<'h>) -> BifResult<'h> {
    match parse(options, &[atoms::ASYNC, atoms::INFO]) {
        Some(options) => Ok(access_with(cx, reference, options, atoms::CANCEL_TIMER)),
        None => cx.badarg_because(atoms::BADOPT),
    }
}

/// Milliseconds left of a timer, or `false`.
///
/// # Errors
///
/// `badarg` for anything that is no reference of this node.
#[bif("erlang:read_timer/1")]
fn read_timer<'h>(cx: &mut BifContext<'h>, reference: Reference<'h>) -> BifResult<'h> {
    Ok(access(cx, reference, false))
}

/// As `read_timer/1`; with `{async, true}` the result comes as a message.
///
/// # Errors
///
/// As `read_timer/1`, with the cause `badopt` for bad options.
#[bif("erlang:read_timer/2")]
fn read_timer_with<'h>(cx: &mut BifContext<'h>, reference: Reference<'h>, options: Term<'h>) -> BifResult<'h> {
    match parse(options, &[atoms::ASYNC]) {
        Some(options) => Ok(access_with(cx, reference, options, atoms::READ_TIMER)),
        None => cx.badarg_because(atoms::BADOPT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Whatever the order in which timers come and go: those of a process are found at its end, and no others.
    #[test]
    fn timers_by_receiver() {
        let (mut tables, mut model) = (Tables::default(), BTreeMap::new());
        let pid = |number: u64| (number % 4 != 3).then(|| Pid { number: (number % 4) as u32, serial: 0 });
        let mut seed = 11_u64;
        for number in 0..3000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (pick, what) = (seed >> 33, (seed >> 60) % 8);
            match what {
                0..4 => {
                    tables.insert(LocalReference([number, 0]), TimerId { due: number, number }, pid(pick));
                    model.insert(number, pid(pick));
                }
                4..7 => {
                    let Some(&one) = model.keys().nth(pick as usize % model.len().max(1)) else { continue };
                    let receiver = model.remove(&one);
                    let removed = tables.remove(LocalReference([one, 0]));
                    assert_eq!(
                        removed.map(|running| (running.id.number, running.receiver)),
                        receiver.map(|pid| (one, pid))
                    );
                }
                _ => {
                    let Some(receiver) = pid(pick) else { continue };
                    let mut ended: Vec<u64> =
                        tables.remove_of(receiver).iter().map(|running| running.id.number).collect();
                    ended.sort_unstable();
                    let of_it = |entry: &(&u64, &Option<Pid>)| *entry.1 == Some(receiver);
                    assert_eq!(ended, model.iter().filter(of_it).map(|(number, _)| *number).collect::<Vec<_>>());
                    model.retain(|_, of| *of != Some(receiver));
                }
            }
            assert_eq!(tables.running.len(), model.len());
        }
        assert!(tables.remove(LocalReference([9999, 0])).is_none());
    }
}
