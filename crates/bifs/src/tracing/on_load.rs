//! Patterns of `on_load`: what is traced of modules that will be loaded.

use super::functions::{Kinds, Order, set_points, update_breakpoints};
use super::{Condition, Traces};
use oxbeam_runtime::{LinkTarget, Vm};
use oxbeam_term::{Atom, atoms};

/// The pattern of a session.
#[derive(Default)]
pub(super) struct OnLoad {
    pub(super) on: bool,
    pub(super) kinds: Kinds,
    pub(super) condition: Condition,
    pub(super) meta_condition: Condition,
    pub(super) meta_tracer: Option<LinkTarget>,
}

impl OnLoad {
    /// Changes it as OTP's `change_on_load_trace_pattern` does.
    pub(super) fn change(&mut self, order: &Order, kinds: Kinds, tracer: Option<LinkTarget>) {
        let breakpoint = kinds.breakpoint();
        if kinds.local || !breakpoint {
            self.condition = order.condition();
        }
        if kinds.meta {
            (self.meta_condition, self.meta_tracer) = (order.condition(), tracer);
        } else if !breakpoint {
            (self.meta_condition, self.meta_tracer) = (Condition::default(), None);
        }
        // Only what really begins counts.
        let begins = matches!(order, Order::On(_));
        let counts = |has: bool| has && begins;
        match (self.kinds.breakpoint(), breakpoint, order.is_on()) {
            (true, true, true) => {
                self.kinds.local |= kinds.local;
                self.kinds.meta |= kinds.meta;
                self.kinds.count |= counts(kinds.count);
                self.kinds.time |= counts(kinds.time);
                self.kinds.memory |= counts(kinds.memory);
            }
            (true, true, false) => {
                self.kinds.local &= !kinds.local;
                self.kinds.meta &= !kinds.meta;
                self.kinds.count &= !kinds.count;
                self.kinds.time &= !kinds.time;
                self.kinds.memory &= !kinds.memory;
                self.on &= self.kinds.breakpoint();
            }
            (false, false, on) => self.on = on,
            (true, false, true) => (self.kinds, self.on) = (kinds, true),
            (false, true, true) => {
                self.kinds = Kinds {
                    count: counts(kinds.count),
                    time: counts(kinds.time),
                    memory: counts(kinds.memory),
                    ..kinds
                };
                self.on = self.kinds.breakpoint();
            }
            (true, false, false) | (false, true, false) => {}
        }
    }
}

/// A module has new code: points of the code before are gone, and what sessions want of new modules is set.
pub(crate) fn module_loaded(vm: &Vm, module: Atom) {
    let traces = vm.extension::<Traces>();
    {
        let state = traces.read();
        if state.sessions.values().all(|session| !session.on_load.on && session.points.is_empty()) {
            return;
        }
    }
    let mut state = traces.write();
    forget_points(vm, &mut state, module);
    let wanted: Vec<u64> =
        state.sessions.iter().filter(|(_, session)| session.on_load.on).map(|(number, _)| *number).collect();
    for number in wanted {
        let Some(session) = state.sessions.get(&number) else { continue };
        let pattern = &session.on_load;
        let (kinds, tracer) = (pattern.kinds, pattern.meta_tracer);
        let (condition, meta) = (pattern.condition.clone(), pattern.meta_condition.clone());
        let all = (module, atoms::UNDERSCORE, None);
        let own = Kinds { meta: false, ..kinds };
        if own.breakpoint() || !kinds.meta {
            set_points(vm, &mut state, number, all, &Order::On(condition), own, None);
        }
        if kinds.meta {
            let only = Kinds { meta: true, ..Kinds::default() };
            set_points(vm, &mut state, number, all, &Order::On(meta), only, tracer);
        }
    }
}

/// A module has no current code any more: what it had is traced no more.
pub(crate) fn module_deleted(vm: &Vm, module: Atom) {
    forget_points(vm, &mut vm.extension::<Traces>().write(), module);
}

/// The module's old code is traced no more.
fn forget_points(vm: &Vm, state: &mut super::State, module: Atom) {
    let Some(old) = vm.code.old(module) else { return };
    let mut gone = Vec::new();
    for session in state.sessions.values_mut() {
        gone.extend(session.points.extract_if(|entry, _| old.holds(*entry)).map(|(entry, _)| entry));
    }
    for entry in gone {
        update_breakpoints(vm, state, entry);
    }
}
