//! `statistics/1`.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, DirtyKind, SLICE_REDUCTIONS};
use oxbeam_sys::clock;
use oxbeam_term::{Atom, Heap, Term, atoms};
use std::sync::atomic::{AtomicU64, Ordering};

/// What was told last, to tell what came since.
#[derive(Default)]
struct Last {
    reductions: AtomicU64,
    exact_reductions: AtomicU64,
    runtime: AtomicU64,
    wall_clock: AtomicU64,
}

/// `{Total, SinceLastCall}`.
fn with_last<'h>(heap: &'h Heap, last: &AtomicU64, now: u64) -> Term<'h> {
    let since = now.saturating_sub(last.swap(now, Ordering::Relaxed));
    heap.tuple(&[heap.unsigned(now), heap.unsigned(since)])
}

/// Lengths of the run queues: of each scheduler, then those of dirty work asked for.
fn queue_lengths(cx: &BifContext<'_>, all: bool) -> Vec<u64> {
    let schedulers = &cx.vm.schedulers;
    let mut lengths: Vec<u64> = schedulers.queue_lengths().into_iter().map(|length| length as u64).collect();
    lengths.push(schedulers.dirty_queue_length(DirtyKind::Cpu) as u64);
    if all {
        lengths.push(schedulers.dirty_queue_length(DirtyKind::Io) as u64);
    }
    lengths
}

/// As [`queue_lengths`], with those that run.
fn active(cx: &BifContext<'_>, all: bool) -> Vec<u64> {
    let mut lengths = queue_lengths(cx, all);
    for (length, busy) in lengths.iter_mut().zip(cx.vm.schedulers.busy_counts()) {
        *length += busy as u64;
    }
    lengths
}

/// Numbers about the machine.
///
/// # Errors
///
/// `badarg` for an unknown item.
#[bif("erlang:statistics/1")]
fn statistics<'h>(cx: &mut BifContext<'h>, item: Atom) -> BifResult<'h> {
    let (heap, vm) = (cx.heap, cx.vm);
    let last = vm.extension::<Last>();
    let list = |numbers: Vec<u64>| {
        let numbers: Vec<Term<'h>> = numbers.into_iter().map(|number| heap.unsigned(number)).collect();
        heap.list(&numbers)
    };
    let total = |numbers: Vec<u64>| heap.unsigned(numbers.iter().sum());
    Ok(match item {
        atoms::CONTEXT_SWITCHES => {
            let count = vm.schedulers.totals().slices;
            heap.tuple(&[heap.unsigned(count), Term::small(0)])
        }
        atoms::REDUCTIONS | atoms::EXACT_REDUCTIONS => {
            let spent = u64::try_from(SLICE_REDUCTIONS.saturating_sub(*cx.reductions)).unwrap_or(0);
            let now = vm.schedulers.totals().reductions + spent;
            let exact = item == atoms::EXACT_REDUCTIONS;
            with_last(heap, if exact { &last.exact_reductions } else { &last.reductions }, now)
        }
        atoms::GARBAGE_COLLECTION => {
            let count = vm.schedulers.totals().collections;
            let reclaimed = vm.schedulers.totals().reclaimed_words;
            heap.tuple(&[heap.unsigned(count), heap.unsigned(reclaimed), Term::small(0)])
        }
        atoms::IO => {
            let direction =
                |name, bytes: &AtomicU64| heap.tuple(&[Term::atom(name), heap.unsigned(bytes.load(Ordering::Relaxed))]);
            let bytes = &vm.port_bytes;
            heap.tuple(&[direction(atoms::INPUT, &bytes.received), direction(atoms::OUTPUT, &bytes.sent)])
        }
        atoms::RUNTIME => {
            let times = clock::cpu_times();
            let milliseconds = (times.user_us + times.system_us) / 1000;
            with_last(heap, &last.runtime, u64::try_from(milliseconds).unwrap_or(0))
        }
        atoms::WALL_CLOCK => with_last(heap, &last.wall_clock, vm.clock.elapsed() / 1_000_000),
        atoms::RUN_QUEUE | atoms::TOTAL_RUN_QUEUE_LENGTHS => total(queue_lengths(cx, false)),
        atoms::TOTAL_RUN_QUEUE_LENGTHS_ALL => total(queue_lengths(cx, true)),
        atoms::RUN_QUEUE_LENGTHS => list(queue_lengths(cx, false)),
        atoms::RUN_QUEUE_LENGTHS_ALL => list(queue_lengths(cx, true)),
        atoms::ACTIVE_TASKS => list(active(cx, false)),
        atoms::ACTIVE_TASKS_ALL => list(active(cx, true)),
        atoms::TOTAL_ACTIVE_TASKS => total(active(cx, false)),
        atoms::TOTAL_ACTIVE_TASKS_ALL => total(active(cx, true)),
        atoms::MICROSTATE_ACCOUNTING => super::microstates::counters(cx),
        atoms::SCHEDULER_WALL_TIME => super::schedulers::wall_times(cx, false),
        atoms::SCHEDULER_WALL_TIME_ALL => super::schedulers::wall_times(cx, true),
        _ => return cx.badarg(),
    })
}
