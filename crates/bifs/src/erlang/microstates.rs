//! `microstate_accounting`: what the threads of schedulers spend their time on. Told apart are sleeping, collecting and
//! everything else (`emulator`); OTP's other states stay 0.

use oxbeam_runtime::{BifContext, DirtyKind, ThreadTimes, Vm};
use oxbeam_term::{Term, atoms};
use parking_lot::Mutex;

/// The measuring: what was counted while it was on, and what the threads had done when it was turned on last.
#[derive(Default)]
struct Accounting(Mutex<Account>);

#[derive(Default)]
struct Account {
    /// Of each thread, in nanoseconds.
    counted: Vec<Counters>,
    since: Option<(u64, ThreadTimes)>,
}

#[derive(Clone, Copy, Default)]
struct Counters {
    emulator: u64,
    collecting: u64,
    sleeping: u64,
}

impl Account {
    /// Adds what came since the last look, while it is on.
    fn update(&mut self, vm: &Vm) {
        let now = vm.clock.elapsed();
        let times = vm.schedulers.thread_times(now);
        self.counted.resize(times.idle.len(), Counters::default());
        let Some((before, old)) = self.since.replace((now, times)) else {
            self.since = None;
            return;
        };
        let Some((_, times)) = &self.since else { return };
        for (index, counters) in self.counted.iter_mut().enumerate() {
            let came = |new: &[u64], old: &[u64]| match (new.get(index), old.get(index)) {
                (Some(new), Some(old)) => new.saturating_sub(*old),
                _ => 0,
            };
            let (slept, collected) = (came(&times.idle, &old.idle), came(&times.collecting, &old.collecting));
            counters.sleeping += slept;
            counters.collecting += collected;
            counters.emulator += now.saturating_sub(before).saturating_sub(slept + collected);
        }
    }
}

/// `system_flag(microstate_accounting, true | false | reset)`: whether it was on. `None` for another value.
pub(super) fn set<'h>(cx: &BifContext<'h>, value: Term<'h>) -> Option<Term<'h>> {
    let vm = cx.vm;
    let mut account = vm.extension::<Accounting>().0.lock();
    let was_on = account.since.is_some();
    account.update(vm);
    match value.as_boolean() {
        Some(on) => {
            vm.schedulers.time_collections(on);
            let now = vm.clock.elapsed();
            account.since = on.then(|| (now, vm.schedulers.thread_times(now)));
        }
        None if value.as_atom().is_some_and(|name| cx.text(name) == "reset") => account.counted.clear(),
        None => return None,
    }
    Some(Term::boolean(was_on))
}

/// `statistics(microstate_accounting)`: a map for each thread, in parts of `perf_counter`.
pub(super) fn counters<'h>(cx: &BifContext<'h>) -> Term<'h> {
    let (vm, heap) = (cx.vm, cx.heap);
    let mut account = vm.extension::<Accounting>().0.lock();
    account.update(vm);
    let name = |text: &str| vm.atoms.intern(text).map_or(Term::atom(atoms::UNDEFINED), Term::atom);
    let (ordinary, cpu) = (vm.schedulers.count(), vm.schedulers.dirty_count(DirtyKind::Cpu));
    let threads = account.counted.iter().enumerate().map(|(index, counters)| {
        let (kind, before) = match index {
            _ if index < ordinary => ("scheduler", 0),
            _ if index < ordinary + cpu => ("dirty_cpu_scheduler", ordinary),
            _ => ("dirty_io_scheduler", ordinary + cpu),
        };
        let counted = [
            ("aux", 0),
            ("check_io", 0),
            ("emulator", counters.emulator),
            ("gc", counters.collecting),
            ("other", 0),
            ("port", 0),
            ("sleep", counters.sleeping),
        ];
        let counted = counted.map(|(state, time)| (name(state), heap.unsigned(time)));
        let thread = [
            (name("counters"), heap.map_from_pairs(&counted, cx.atoms())),
            (name("id"), heap.unsigned((index - before) as u64 + 1)),
            (name("type"), name(kind)),
        ];
        heap.map_from_pairs(&thread, cx.atoms())
    });
    heap.list(&threads.collect::<Vec<_>>())
}
