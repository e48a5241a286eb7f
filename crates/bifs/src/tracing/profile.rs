//! `erlang:system_profile/2`: who is told when schedulers, processes and ports get work and run out of it.

use super::calls::function_term;
use super::message::{deliver, exists, stamp};
use super::{Messages, name, target_term};
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, LinkTarget, ProfileEvent, Vm, profile_flag, trace_flag as flag};
use oxbeam_term::{Term, atoms};
use parking_lot::RwLock;
use std::sync::atomic::Ordering;

/// Who is told of what.
#[derive(Clone, Copy)]
struct Profile {
    profiler: LinkTarget,
    /// See `oxbeam_runtime::profile_flag`.
    wanted: u32,
    exclusive: bool,
    /// A trace flag.
    stamp: u32,
}

/// The system profiler of one machine.
#[derive(Default)]
struct Profiler(RwLock<Option<Profile>>);

/// The settings, `{Profiler, Options}` or `undefined`.
fn shown<'h>(cx: &BifContext<'h>, profile: Option<Profile>) -> Term<'h> {
    let Some(profile) = profile.filter(|profile| exists(cx.vm, profile.profiler)) else {
        return Term::atom(atoms::UNDEFINED);
    };
    let options = [
        ("exclusive", profile.exclusive),
        ("scheduler", profile.wanted & profile_flag::SCHEDULER != 0),
        ("runnable_procs", profile.wanted & profile_flag::PROCESSES != 0),
        ("runnable_ports", profile.wanted & profile_flag::PORTS != 0),
    ];
    let options: Vec<Term<'h>> = options.into_iter().filter(|(_, on)| *on).map(|(text, _)| name(cx.vm, text)).collect();
    cx.heap.tuple(&[target_term(profile.profiler), cx.heap.list(&options)])
}

/// The system profiler's settings, `{Profiler, Options}` or `undefined`.
#[bif("erlang:system_profile/0")]
fn system_profile<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let profile = *cx.vm.extension::<Profiler>().0.read();
    Ok(shown(cx, profile))
}

fn parse(cx: &BifContext<'_>, profiler: Term<'_>, options: Term<'_>) -> Option<Profile> {
    let profiler = match (profiler.as_pid(), profiler.as_port()) {
        (Some(pid), _) => LinkTarget::Process(pid),
        (_, Some(port)) => LinkTarget::Port(port),
        _ => return None,
    };
    let mut profile = Profile { profiler, wanted: 0, exclusive: false, stamp: flag::TIMESTAMP };
    for option in options.to_vec()? {
        match cx.text(option.as_atom()?) {
            "runnable_procs" => profile.wanted |= profile_flag::PROCESSES,
            "runnable_ports" => profile.wanted |= profile_flag::PORTS,
            "scheduler" => profile.wanted |= profile_flag::SCHEDULER,
            "exclusive" => profile.exclusive = true,
            "timestamp" => profile.stamp = flag::TIMESTAMP,
            "strict_monotonic_timestamp" => profile.stamp = flag::STRICT_MONOTONIC_TIMESTAMP,
            "monotonic_timestamp" => profile.stamp = flag::MONOTONIC_TIMESTAMP,
            _ => return None,
        }
    }
    Some(profile).filter(|profile| exists(cx.vm, profile.profiler))
}

/// Sets the system profiler; returns the settings before.
///
/// # Errors
///
/// `badarg` for bad settings.
#[bif("erlang:system_profile/2")]
fn system_profile_set<'h>(cx: &mut BifContext<'h>, who: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    let new = match who.is_atom(atoms::UNDEFINED) || options.is_nil() {
        true => None,
        false => match parse(cx, who, options) {
            Some(profile) => Some(profile),
            None => return cx.badarg(),
        },
    };
    let old = {
        let profiler = cx.vm.extension::<Profiler>();
        let mut place = profiler.0.write();
        cx.vm.tracing.profile.store(new.map_or(0, |profile| profile.wanted), Ordering::Relaxed);
        std::mem::replace(&mut *place, new)
    };
    Ok(shown(cx, old))
}

impl Messages {
    pub(super) fn profile_event(&self, vm: &Vm, event: &ProfileEvent) {
        let Some(profile) = *vm.extension::<Profiler>().0.read() else { return };
        let about = match event {
            ProfileEvent::Scheduler { .. } => None,
            ProfileEvent::Process { pid, .. } => Some(LinkTarget::Process(*pid)),
            ProfileEvent::Port { port, .. } => Some(LinkTarget::Port(*port)),
        };
        // The profiler is not told of what telling it does.
        if about == Some(profile.profiler) || !exists(vm, profile.profiler) {
            return;
        }
        deliver(vm, profile.profiler, matches!(about, Some(LinkTarget::Port(_))), &|heap| {
            let status = |active: bool| name(vm, if active { "active" } else { "inactive" });
            let mut elements = vec![name(vm, "profile")];
            match event {
                ProfileEvent::Scheduler { number, active, count } => {
                    let numbers = [Term::small(*number as i64), status(*active), Term::small(*count as i64)];
                    elements.push(Term::atom(atoms::SCHEDULER));
                    elements.extend(numbers);
                }
                ProfileEvent::Process { pid, active, place } => {
                    let place = match place {
                        Some((module, function, arity)) => function_term(heap, *module, *function, *arity),
                        None => Term::atom(atoms::UNDEFINED),
                    };
                    elements.extend([Term::pid(*pid), status(*active), place]);
                }
                ProfileEvent::Port { port, active } => {
                    elements.extend([Term::port(*port), status(*active), Term::small(0)]);
                }
            }
            elements.extend(stamp(vm, heap, profile.stamp, false));
            heap.tuple(&elements)
        });
    }
}
