//! Spawning for other nodes.

use super::control::{SPAWNED_LINK, SPAWNED_MONITOR};
use super::process::RemoteWatcher;
use super::receive::{Incoming, Token};
use crate::monitor::{LinkTarget, RemoteReference};
use crate::{Priority, Signal, SpawnOptions, Vm};
use oxbeam_etf::DecodeError;
use oxbeam_term::{Term, atoms};

const MALFORMED: DecodeError = DecodeError::Identifier;

/// `{Request, From, GroupLeader, {Module, Function, Arity}, Options}`: the arguments are the payload.
pub(super) fn request(incoming: &Incoming<'_>, token: Token) -> Result<(), DecodeError> {
    let vm = incoming.vm;
    let reference = RemoteReference::of(incoming.argument(0)?).ok_or(MALFORMED)?;
    let requester = incoming.remote_pid(1)?;
    let leader = incoming.own_argument(2)?;
    if !leader.term().is_pid() {
        return Err(MALFORMED);
    }
    let [module, function, arity] = *incoming.argument(3)?.as_tuple_of::<3>().ok_or(MALFORMED)?;
    let (Some(module), Some(function), Some(_)) = (module.as_atom(), function.as_atom(), arity.as_small()) else {
        return Err(MALFORMED);
    };
    let arguments = incoming.decoded_payload()?;
    let Some(arguments) = arguments.term().to_vec() else { return Err(MALFORMED) };
    let to = &incoming.from;
    let refuse = |reason: Term<'_>| vm.send_spawn_reply(to, reference, requester, 0, reason);
    let Some((options, link, monitor)) = options(incoming.argument(4)?) else {
        refuse(Term::atom(atoms::BADOPT));
        return Ok(());
    };
    let Some(process) = vm.create_process(None, module, function, &arguments, options) else {
        refuse(Term::atom(atoms::SYSTEM_LIMIT));
        return Ok(());
    };
    let pid = process.pid();
    let relate = {
        let to = to.clone();
        Signal::Task(Box::new(move |vm: &Vm, process, main| {
            let Some(main) = main else { return };
            main.state.group_leader = leader;
            if let Some(token) = token {
                main.state.inherit_token(token, true);
            }
            if !link && !monitor {
                return;
            }
            if !vm.take_interest_now(process, main, &to) {
                if link {
                    let from = oxbeam_term::OwnedTerm::build(vm.literals(), |heap| requester.term(heap));
                    vm.handle_signal(process, main, Signal::Exit { from, reason: Vm::own_atom(atoms::NOCONNECTION) });
                }
                return;
            }
            if link {
                main.state.links.insert(LinkTarget::Remote(requester), ());
            }
            if monitor {
                main.state.rare.remote_watchers.insert(reference, RemoteWatcher { watcher: requester, name: None });
            }
        }))
    };
    vm.signal(&process, relate);
    let flags = if link { SPAWNED_LINK } else { 0 } | if monitor { SPAWNED_MONITOR } else { 0 };
    vm.send_spawn_reply(to, reference, requester, flags, Term::pid(pid));
    vm.start_process(process);
    Ok(())
}

/// Options of a spawn request: also whether to link and to monitor. `None` for one that is none.
fn options(list: Term<'_>) -> Option<(SpawnOptions, bool, bool)> {
    let (mut options, mut link, mut monitor) = (SpawnOptions::default(), false, false);
    for option in list.to_vec()? {
        if option.is_atom(atoms::LINK) {
            link = true;
            continue;
        }
        if option.is_atom(atoms::MONITOR) {
            monitor = true;
            continue;
        }
        let [name, value] = *option.as_tuple_of::<2>()?;
        match name.as_atom()? {
            atoms::MONITOR => monitor = true,
            atoms::PRIORITY => options.priority = Priority::of(value)?,
            atoms::ASYNC_DIST => options.async_dist = Some(value.as_boolean()?),
            atoms::MESSAGE_QUEUE_DATA => options.off_heap = Some(value.is_atom(atoms::OFF_HEAP)),
            atoms::MIN_HEAP_SIZE => options.min_heap_words = Some(value.as_usize()?.clamp(233, 1 << 32)),
            atoms::MIN_BIN_VHEAP_SIZE => options.min_virtual_words = Some(value.as_usize()?.max(46_422)),
            atoms::FULLSWEEP_AFTER => options.fullsweep_after = Some(u32::from(value.as_usize()? as u16)),
            atoms::MAX_HEAP_SIZE | atoms::SCHEDULER => {}
            _ => return None,
        }
    }
    Some((options, link, monitor))
}
