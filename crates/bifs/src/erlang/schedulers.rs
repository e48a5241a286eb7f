//! Flags and numbers of schedulers: how many are online, who blocks them, how long they worked.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{
    BifContext, BifResult, DirtyKind, Holding, Interrupt, MultiScheduling, SchedulerCounts, Trap, Vm,
};
use oxbeam_term::{Atom, Term, atoms};
use parking_lot::Mutex;

/// What the working times of schedulers are measured from.
struct Beginning {
    /// Nanoseconds of the machine's clock.
    at: u64,
    /// How long each scheduler had been idle by then.
    idle: Vec<u64>,
}

/// The measuring of schedulers (`scheduler_wall_time`), while it is on.
#[derive(Default)]
struct WallTime(Mutex<Option<Beginning>>);

/// Sets one of the flags that say which schedulers work; the value is returned when they do so.
pub(super) fn set_flag<'h>(cx: &mut BifContext<'h>, flag: Atom, value: Term<'h>) -> BifResult<'h> {
    let result = match flag {
        atoms::SCHEDULERS_ONLINE => value.as_usize().and_then(|count| cx.vm.set_schedulers_online(count)),
        atoms::DIRTY_CPU_SCHEDULERS_ONLINE => {
            value.as_usize().and_then(|count| cx.vm.set_dirty_cpu_schedulers_online(count))
        }
        _ => return set_multi_scheduling(cx, value),
    };
    match result {
        Some(before) => {
            let before = cx.heap.unsigned(before as u64);
            settle(cx, before)
        }
        None => cx.badarg(),
    }
}

fn set_multi_scheduling<'h>(cx: &mut BifContext<'h>, value: Term<'h>) -> BifResult<'h> {
    let (vm, pid) = (cx.vm, cx.pid());
    match value.as_atom() {
        Some(what @ (atoms::BLOCK | atoms::BLOCK_NORMAL)) => {
            cx.process.holds(Holding::SCHEDULERS);
            vm.block_schedulers(pid, what == atoms::BLOCK_NORMAL);
        }
        Some(what @ (atoms::UNBLOCK | atoms::UNBLOCK_NORMAL)) => {
            vm.unblock_schedulers(pid, what == atoms::UNBLOCK_NORMAL);
        }
        _ => return cx.badarg(),
    }
    settle(cx, multi_scheduling(vm))
}

/// Returns `result` when all schedulers do as they were told.
fn settle<'h>(cx: &mut BifContext<'h>, result: Term<'h>) -> BifResult<'h> {
    match cx.vm.have_schedulers_settled(cx.pid()) {
        true => Ok(result),
        false => cx.again(await_schedulers, &[result]),
    }
}

fn await_schedulers<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    let &[result] = arguments else { return cx.badarg() };
    match cx.vm.have_schedulers_settled(cx.pid()) {
        true => Ok(result),
        false => Err(Box::new(Interrupt::Trap(Trap::Wait))),
    }
}

fn multi_scheduling<'h>(vm: &Vm) -> Term<'h> {
    Term::atom(match vm.multi_scheduling() {
        MultiScheduling::Enabled => atoms::ENABLED,
        MultiScheduling::Blocked => atoms::BLOCKED,
        MultiScheduling::BlockedNormal => atoms::BLOCKED_NORMAL,
    })
}

/// The items of `system_info/1` about schedulers that may change.
pub(super) fn item<'h>(cx: &BifContext<'h>, name: Atom) -> Option<Term<'h>> {
    let (vm, heap) = (cx.vm, cx.heap);
    let number = |number: usize| heap.unsigned(number as u64);
    let blockers = |normal| {
        let pids: Vec<Term<'h>> = vm.scheduler_blockers(normal).into_iter().map(Term::pid).collect();
        heap.list(&pids)
    };
    let dirty = |kind| vm.dirty_scheduler_counts(kind);
    Some(match name {
        atoms::MULTI_SCHEDULING => multi_scheduling(vm),
        atoms::MULTI_SCHEDULING_BLOCKERS => blockers(false),
        atoms::NORMAL_MULTI_SCHEDULING_BLOCKERS => blockers(true),
        atoms::SCHEDULERS_ONLINE => number(vm.scheduler_counts().online),
        atoms::DIRTY_CPU_SCHEDULERS_ONLINE => number(dirty(DirtyKind::Cpu).online),
        atoms::SCHEDULERS_STATE => {
            let SchedulerCounts { total, online, active } = vm.scheduler_counts();
            heap.tuple(&[number(total), number(online), number(active)])
        }
        atoms::ALL_SCHEDULERS_STATE => {
            let all = [
                (atoms::NORMAL, vm.scheduler_counts()),
                (atoms::DIRTY_CPU, dirty(DirtyKind::Cpu)),
                (atoms::DIRTY_IO, dirty(DirtyKind::Io)),
            ];
            let state = |(kind, counts): (Atom, SchedulerCounts)| {
                let SchedulerCounts { total, online, active } = counts;
                heap.tuple(&[Term::atom(kind), number(total), number(online), number(active)])
            };
            heap.list(&all.map(state))
        }
        _ => return None,
    })
}

/// Turns the measuring of schedulers on or off; returns whether it was on. `kernel_refc` counts who wants it.
#[bif("erts_internal:scheduler_wall_time/1")]
fn scheduler_wall_time<'h>(cx: &mut BifContext<'h>, on: Term<'h>) -> BifResult<'h> {
    let now = cx.vm.clock.elapsed();
    let mut beginning = cx.vm.extension::<WallTime>().0.lock();
    let was_on = beginning.is_some();
    if on.as_boolean() != Some(true) {
        *beginning = None;
    } else if !was_on {
        *beginning = Some(Beginning { at: now, idle: cx.vm.schedulers.idle_times(now) });
    }
    Ok(Term::boolean(was_on))
}

/// `{Number, Active, Total}` of each scheduler, in nanoseconds since the measuring was turned on; `undefined` while it is
/// off. Those for blocking work are told if asked for.
pub(super) fn wall_times<'h>(cx: &BifContext<'h>, all: bool) -> Term<'h> {
    let (vm, heap) = (cx.vm, cx.heap);
    let now = vm.clock.elapsed();
    let beginning = vm.extension::<WallTime>().0.lock();
    let Some(Beginning { at, idle }) = &*beginning else { return Term::atom(atoms::UNDEFINED) };
    let count = vm.schedulers.count()
        + vm.schedulers.dirty_count(DirtyKind::Cpu)
        + if all { vm.schedulers.dirty_count(DirtyKind::Io) } else { 0 };
    let total = now.saturating_sub(*at);
    let time = |(index, (now, before)): (usize, (&u64, &u64))| {
        let active = total.saturating_sub(now.saturating_sub(*before));
        heap.tuple(&[heap.unsigned(index as u64 + 1), heap.unsigned(active), heap.unsigned(total)])
    };
    let times: Vec<Term<'h>> =
        vm.schedulers.idle_times(now).iter().zip(idle).take(count).enumerate().map(time).collect();
    heap.list(&times)
}
