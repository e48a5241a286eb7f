//! Processes: exit signals, flags of others, suspension, hibernation, collection.

use super::messages::{encoded_payload, prepared_for};
use super::process_info::runs_old_code;
use super::spawn::{HEAP_WORDS_MIN, VIRTUAL_WORDS_MIN, heap_words, max_heap_size, off_heap, priority};
use oxbeam_bif_macros::bif;
use oxbeam_runtime::RemotePid;
use oxbeam_runtime::distribution::NodesMonitorOptions;
use oxbeam_runtime::{
    BifContext, BifResult, DirtyHandling, DirtyState, Interrupt, LastCalls, MaxHeapSize, RunStatus, Signal, SystemTask,
    Trap, Vm,
};
use oxbeam_term::{Atom, AtomTable, Heap, OwnedTerm, Pid, Term, Value, atoms};

fn trap<'h>(trap: Trap<'h>) -> BifResult<'h> {
    Err(Box::new(Interrupt::Trap(trap)))
}

/// Sends `{reference, result}` to `requester`; `reference` is a term of its own.
pub(crate) fn reply(vm: &Vm, requester: Pid, reference: &OwnedTerm, result: impl for<'t> FnOnce(&'t Heap) -> Term<'t>) {
    vm.send_built(requester, |heap| {
        let reference = heap.copy_in(reference.term());
        let result = result(heap);
        heap.tuple(&[reference, result])
    });
}

/// The caller's pid.
#[bif("erlang:self/0")]
fn self_pid<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(Term::pid(cx.pid()))
}

/// Sends an exit signal.
///
/// # Errors
///
/// `badarg` for anything that is no pid or port.
#[bif("erlang:exit/2")]
fn exit<'h>(cx: &mut BifContext<'h>, target: Term<'h>, reason: Term<'h>) -> BifResult<'h> {
    if target.as_pid() == Some(cx.pid()) {
        // On oneself it works at once, and with `normal` too.
        if reason.is_atom(atoms::KILL) {
            return trap(Trap::Exit(Term::atom(atoms::KILLED)));
        }
        if !cx.state.flags.trap_exit {
            return trap(Trap::Exit(reason));
        }
    }
    exit_signal(cx, target, reason)
}

/// Sends an exit signal, to the caller as to any other process.
///
/// # Errors
///
/// `badarg` for anything that is no pid or port.
#[bif("erlang:exit_signal/2")]
fn exit_signal<'h>(cx: &mut BifContext<'h>, target: Term<'h>, reason: Term<'h>) -> BifResult<'h> {
    match target.value() {
        Value::Pid(pid) => {
            let from = OwnedTerm::immediate(Term::pid(cx.pid()).word());
            cx.vm.signal_pid(pid, Signal::Exit { from, reason: cx.own(reason) });
        }
        Value::Port(port) => {
            if let Some(ports) = cx.vm.ports() {
                ports.exit(cx.vm, port, cx.own(reason));
            }
        }
        Value::ExternalPid(_) => {
            let Some(pid) = RemotePid::of(target) else { return cx.badarg() };
            if let Some(to) = prepared_for(cx, pid.node, Some(reason))? {
                let encoded = encoded_payload(cx, &to, reason)?;
                cx.vm.send_remote_exit(&to, cx.pid(), pid, reason, encoded);
            }
        }
        Value::ExternalPort(port) if port.node() == cx.vm.node().0 => {}
        _ => return cx.badarg(),
    }
    Ok(Term::TRUE)
}

/// Is the process alive? Signals that the caller has sent it before count as handled.
///
/// # Errors
///
/// `badarg` for anything that is no pid of this node.
#[bif("erlang:is_process_alive/1")]
fn is_process_alive<'h>(cx: &mut BifContext<'h>, pid: Term<'h>) -> BifResult<'h> {
    let Some(pid) = pid.as_pid() else { return external_is_gone(cx, pid) };
    if pid == cx.pid() {
        return Ok(Term::TRUE);
    }
    let Some(process) = cx.vm.process(pid) else { return Ok(Term::FALSE) };
    if process.is_quiet() {
        return Ok(Term::TRUE);
    }
    let reference = cx.make_reference();
    if ask_alive(cx, pid, reference) { await_result(cx, reference) } else { Ok(Term::FALSE) }
}

fn external_is_gone<'h>(cx: &BifContext<'h>, pid: Term<'h>) -> BifResult<'h> {
    match pid.value() {
        Value::ExternalPid(external) if external.node() == cx.vm.node().0 => Ok(Term::FALSE),
        _ => cx.badarg(),
    }
}

fn ask_alive<'h>(cx: &BifContext<'h>, pid: Pid, reference: Term<'h>) -> bool {
    let (requester, reference) = (cx.pid(), cx.own(reference));
    let task: SystemTask = Box::new(move |vm, _, main| {
        // What ends as soon as its signals are handled is not alive any more.
        let alive = main.is_some_and(|main| main.state.exiting.is_none());
        reply(vm, requester, &reference, |_| Term::boolean(alive));
    });
    cx.vm.signal_pid(pid, Signal::Task(task))
}

/// Sends `{reference, Alive}` to the caller once the process has handled its signals.
#[bif("erts_internal:is_process_alive/2")]
fn is_process_alive_request<'h>(cx: &mut BifContext<'h>, pid: Pid, reference: Term<'h>) -> BifResult<'h> {
    if !reference.is_reference() {
        return cx.badarg();
    }
    if !ask_alive(cx, pid, reference) {
        reply(cx.vm, cx.pid(), &cx.own(reference), |_| Term::FALSE);
    }
    Ok(Term::atom(atoms::OK))
}

/// Goes on in `erts_internal:await_result/1`, which returns the result that comes as `{reference, Result}`.
pub(crate) fn await_result<'h>(cx: &BifContext<'h>, reference: Term<'h>) -> BifResult<'h> {
    cx.call(atoms::ERTS_INTERNAL, atoms::AWAIT_RESULT, &[reference])
}

/// The pids of all processes.
#[bif("erlang:processes/0")]
fn processes<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let pids: Vec<Term<'h>> = cx.vm.processes.pids().into_iter().map(Term::pid).collect();
    cx.spend(pids.len() / 8);
    Ok(cx.heap.list(&pids))
}

/// The caller's group leader.
#[bif("erlang:group_leader/0")]
fn group_leader<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(cx.heap.copy_in(cx.state.group_leader.term()))
}

/// Sets the caller's group leader; `false` asks to send a request, `badarg` says what is wrong.
#[bif("erts_internal:group_leader/2")]
fn set_group_leader<'h>(cx: &mut BifContext<'h>, leader: Term<'h>, pid: Term<'h>) -> BifResult<'h> {
    if !leader.is_pid() {
        return Ok(Term::atom(atoms::BADARG));
    }
    match pid.value() {
        Value::Pid(pid) if pid == cx.pid() => {
            cx.state.group_leader = cx.own(leader);
            Ok(Term::TRUE)
        }
        Value::Pid(pid) if cx.vm.process(pid).is_some() => Ok(Term::FALSE),
        Value::ExternalPid(external) if external.node() != cx.vm.node().0 => {
            if let (Some(target), Some(to)) = (RemotePid::of(pid), cx.vm.prepare(external.node(), true)) {
                cx.vm.send_remote_group_leader(&to, leader, target);
            }
            Ok(Term::TRUE)
        }
        _ => Ok(Term::atom(atoms::BADARG)),
    }
}

/// Asks a process to set its group leader; it answers `{reference, true}`.
#[bif("erts_internal:group_leader/3")]
fn request_group_leader<'h>(cx: &mut BifContext<'h>, leader: Term<'h>, pid: Pid, reference: Term<'h>) -> BifResult<'h> {
    if !leader.is_pid() || !reference.is_reference() {
        return cx.badarg();
    }
    let (requester, leader, reference) = (cx.pid(), cx.own(leader), cx.own(reference));
    let dead_reference = reference.clone();
    let task: SystemTask = Box::new(move |vm, _, main| {
        let result = match main {
            Some(main) => {
                main.state.group_leader = leader;
                Term::TRUE
            }
            None => Term::atom(atoms::BADARG),
        };
        reply(vm, requester, &reference, |_| result);
    });
    if !cx.vm.signal_pid(pid, Signal::Task(task)) {
        reply(cx.vm, requester, &dead_reference, |_| Term::atom(atoms::BADARG));
    }
    Ok(Term::atom(atoms::OK))
}

/// Throws the caller's stack away, collects, and calls `module:function` when a message comes.
///
/// # Errors
///
/// `badarg` unless `arguments` is a proper list.
#[bif("erlang:hibernate/3")]
fn hibernate<'h>(cx: &mut BifContext<'h>, module: Atom, function: Atom, arguments: Term<'h>) -> BifResult<'h> {
    let Some(arguments) = arguments.to_vec() else { return cx.badarg() };
    let Ok(arity) = u8::try_from(arguments.len()) else { return Err(cx.raise(atoms::SYSTEM_LIMIT)) };
    trap(Trap::Hibernate { export: cx.vm.code.export(module, function, arity), arguments })
}

/// Collects the caller's garbage.
#[bif("erts_internal:garbage_collect/1")]
fn garbage_collect<'h>(cx: &mut BifContext<'h>, kind: Atom) -> BifResult<'h> {
    match kind {
        atoms::MAJOR => cx.state.force_major = true,
        atoms::MINOR => cx.state.force_minor = true,
        _ => return cx.badarg(),
    }
    cx.again(collected, &[])
}

fn collected<'h>(_cx: &mut BifContext<'h>, _arguments: &[Term<'h>]) -> BifResult<'h> {
    Ok(Term::TRUE)
}

/// Asks a process to collect its garbage or to look whether it runs old code; it answers `{Kind, Id, Result}`.
#[bif("erts_internal:request_system_task/3")]
fn request_system_task<'h>(
    cx: &mut BifContext<'h>,
    target: Term<'h>,
    priority: Term<'h>,
    request: Term<'h>,
) -> BifResult<'h> {
    let requester = cx.pid();
    system_task(cx, requester, target, priority, request)
}

/// As `request_system_task/3`, on behalf of another process.
#[bif("erts_internal:request_system_task/4")]
fn request_system_task_for<'h>(
    cx: &mut BifContext<'h>,
    requester: Pid,
    target: Term<'h>,
    priority: Term<'h>,
    request: Term<'h>,
) -> BifResult<'h> {
    system_task(cx, requester, target, priority, request)
}

enum SystemWork {
    Collect { major: bool },
    CheckCode { module: Atom },
}

fn system_task<'h>(
    cx: &mut BifContext<'h>,
    requester: Pid,
    target: Term<'h>,
    at_priority: Term<'h>,
    request: Term<'h>,
) -> BifResult<'h> {
    let known_priority = at_priority.is_atom(atoms::INHERIT) || priority(at_priority).is_some();
    let Some([kind, id, argument]) = request.as_tuple_of::<3>().filter(|_| known_priority) else {
        return cx.badarg();
    };
    let work = match (kind.as_atom(), argument.as_atom()) {
        (Some(atoms::GARBAGE_COLLECT), Some(atoms::MAJOR)) => SystemWork::Collect { major: true },
        (Some(atoms::GARBAGE_COLLECT), Some(atoms::MINOR)) => SystemWork::Collect { major: false },
        (Some(atoms::CHECK_PROCESS_CODE), Some(module)) => SystemWork::CheckCode { module },
        _ => return cx.badarg(),
    };
    let Some(pid) = target.as_pid() else {
        external_is_gone(cx, target)?;
        system_task_done(cx.vm, requester, &cx.own(*kind), &cx.own(*id), false);
        return Ok(Term::atom(atoms::OK));
    };
    let (kind, id) = (cx.own(*kind), cx.own(*id));
    let (dead_kind, dead_id) = (kind.clone(), id.clone());
    let task = system_work(work, requester, kind, id);
    if !cx.vm.signal_pid(pid, Signal::Task(task)) {
        system_task_done(cx.vm, requester, &dead_kind, &dead_id, false);
    }
    Ok(Term::atom(atoms::OK))
}

fn system_work(work: SystemWork, requester: Pid, kind: OwnedTerm, id: OwnedTerm) -> SystemTask {
    Box::new(move |vm, _, main| {
        let result = match (work, main) {
            (_, None) => false,
            // The call uses its arguments, which a collection would move.
            (work @ SystemWork::Collect { .. }, Some(main)) if main.state.dirty != DirtyState::No => {
                main.state.postpone(system_work(work, requester, kind, id));
                return;
            }
            (SystemWork::Collect { major }, Some(main)) => {
                main.state.force_major |= major;
                main.state.force_minor |= !major;
                true
            }
            // A process that has been ended before the question came runs nothing any more.
            (SystemWork::CheckCode { module }, Some(main)) => {
                main.state.exiting.is_none() && runs_old_code(vm, module, &main.heap, &main.state)
            }
        };
        system_task_done(vm, requester, &kind, &id, result);
    })
}

fn system_task_done(vm: &Vm, requester: Pid, kind: &OwnedTerm, id: &OwnedTerm, result: bool) {
    vm.send_built(requester, |heap| {
        heap.tuple(&[heap.copy_in(kind.term()), heap.copy_in(id.term()), Term::boolean(result)])
    });
}

/// Does the caller run old code of `module`?
#[bif("erts_internal:check_process_code/1")]
fn check_process_code<'h>(cx: &mut BifContext<'h>, module: Atom) -> BifResult<'h> {
    Ok(Term::boolean(runs_old_code(cx.vm, module, cx.heap, cx.state)))
}

/// As `check_process_code/1` for a process in a dirty call. Such requests are signals here, so `normal` sends the
/// caller back to those.
#[bif("erts_internal:check_dirty_process_code/2")]
fn check_dirty_process_code<'h>(cx: &mut BifContext<'h>, pid: Pid, _module: Atom) -> BifResult<'h> {
    Ok(match cx.vm.process(pid) {
        Some(_) => Term::atom(atoms::NORMAL),
        None => Term::FALSE,
    })
}

/// Suspends a process: `true`, `false` with `unless_suspending`, `badarg`, `badopt`, or a reference of the answer.
#[bif("erts_internal:suspend_process/2")]
fn suspend_process<'h>(cx: &mut BifContext<'h>, pid: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    let badarg = Ok(Term::atom(atoms::BADARG));
    let Some(pid) = pid.as_pid().filter(|pid| *pid != cx.pid()) else { return badarg };
    let (mut unless_suspending, mut asynchronous, mut tag) = (false, false, None);
    let Some(options) = options.to_vec() else { return Ok(Term::atom(atoms::BADOPT)) };
    for option in options {
        match (option.as_atom(), option.as_tuple_of::<2>()) {
            (Some(atoms::UNLESS_SUSPENDING), _) => unless_suspending = true,
            (Some(atoms::ASYNCHRONOUS), _) => asynchronous = true,
            (_, Some([name, value])) if name.is_atom(atoms::ASYNCHRONOUS) => {
                asynchronous = true;
                tag = Some(*value);
            }
            _ => return Ok(Term::atom(atoms::BADOPT)),
        }
    }
    if unless_suspending && cx.state.rare.suspending.contains_key(&pid) {
        return Ok(Term::FALSE);
    }
    let requester = cx.pid();
    let reference = cx.make_reference();
    let answer = match tag {
        Some(tag) => Some((cx.own(tag), true)),
        None if !asynchronous => Some((cx.own(reference), false)),
        None => None,
    };
    let dead_answer = answer.clone();
    let task: SystemTask = Box::new(move |vm, _, main| {
        let alive = main.is_some();
        if let Some(main) = main {
            if main.state.rare.suspended == 0 {
                main.state.rare.suspended_waiting = main.state.was_waiting;
            }
            main.state.rare.suspended = main.state.rare.suspended.saturating_add(1);
        }
        suspend_answer(vm, requester, answer, alive);
    });
    if cx.vm.signal_pid(pid, Signal::Task(task)) {
        *cx.state.rare.suspending.entry(pid).or_insert(0) += 1;
        return Ok(if asynchronous { Term::TRUE } else { reference });
    }
    if !asynchronous {
        return badarg;
    }
    suspend_answer(cx.vm, requester, dead_answer, false);
    Ok(Term::TRUE)
}

/// Answers `{Tag, suspended | exited}` to an asynchronous request, `{Reference, true | badarg}` to a synchronous one.
fn suspend_answer(vm: &Vm, requester: Pid, answer: Option<(OwnedTerm, bool)>, alive: bool) {
    let Some((tag, asynchronous)) = answer else { return };
    let result = match (asynchronous, alive) {
        (true, true) => Term::atom(atoms::SUSPENDED),
        (true, false) => Term::atom(atoms::EXITED),
        (false, true) => Term::TRUE,
        (false, false) => Term::atom(atoms::BADARG),
    };
    reply(vm, requester, &tag, |_| result);
}

/// Undoes one `suspend_process`.
///
/// # Errors
///
/// `badarg` unless the caller has suspended the process.
#[bif("erlang:resume_process/1")]
fn resume_process<'h>(cx: &mut BifContext<'h>, pid: Pid) -> BifResult<'h> {
    let Some(count) = cx.state.rare.if_set().and_then(|rare| rare.suspending.get_mut(&pid)) else { return cx.badarg() };
    *count -= 1;
    if *count == 0 {
        cx.state.rare.suspending.remove(&pid);
    }
    cx.vm.resume_process(pid, 1);
    Ok(Term::TRUE)
}

/// Would the end of this process take the machine down?
#[bif("erts_internal:is_system_process/1")]
fn is_system_process<'h>(cx: &mut BifContext<'h>, pid: Pid) -> BifResult<'h> {
    Ok(Term::boolean(cx.vm.process(pid).is_some_and(|process| process.is_system())))
}

/// Handles the signals of a process in a dirty call: `ok`; `normal` when it is in none, so that it handles them by
/// itself; `noproc` when it has ended.
///
/// # Errors
///
/// `notsup` unless a process of `erts_dirty_process_signal_handler` calls.
#[bif("erts_internal:dirty_process_handle_signals/1")]
fn dirty_process_handle_signals<'h>(cx: &mut BifContext<'h>, pid: Pid) -> BifResult<'h> {
    if !cx.process.is_system() {
        return Err(cx.raise(atoms::NOTSUP));
    }
    cx.spend(100);
    Ok(Term::atom(match cx.vm.handle_dirty_signals(pid) {
        DirtyHandling::Done => atoms::OK,
        DirtyHandling::Normal => atoms::NORMAL,
        DirtyHandling::Gone => atoms::NOPROC,
    }))
}

/// Is the process in a dirty call?
#[bif("erts_internal:is_process_executing_dirty/1")]
fn is_process_executing_dirty<'h>(cx: &mut BifContext<'h>, pid: Pid) -> BifResult<'h> {
    Ok(Term::boolean(cx.vm.process(pid).is_some_and(|process| process.status() == RunStatus::Dirty)))
}

/// Counts reductions as used.
///
/// # Errors
///
/// `badarg` unless `reductions` is a positive integer.
#[bif("erlang:bump_reductions/1")]
fn bump_reductions<'h>(cx: &mut BifContext<'h>, reductions: i64) -> BifResult<'h> {
    if reductions < 1 {
        return cx.badarg();
    }
    cx.spend(usize::try_from(reductions).unwrap_or(usize::MAX));
    Ok(Term::TRUE)
}

/// Lets others run.
#[bif("erlang:yield/0")]
fn yield_now<'h>(_cx: &mut BifContext<'h>) -> BifResult<'h> {
    trap(Trap::Yield(Term::TRUE))
}

/// A new reference.
#[bif("erlang:make_ref/0")]
fn make_ref<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(cx.make_reference())
}

/// `max_heap_size` as a map.
pub(crate) fn max_heap_size_map<'t>(heap: &'t Heap, atom_table: &AtomTable, limit: MaxHeapSize) -> Term<'t> {
    let pairs = [
        (Term::atom(atoms::ERROR_LOGGER), Term::boolean(limit.error_logger)),
        (Term::atom(atoms::INCLUDE_SHARED_BINARIES), Term::boolean(limit.include_shared_binaries)),
        (Term::atom(atoms::KILL), Term::boolean(limit.kill)),
        (Term::atom(atoms::SIZE), heap.unsigned(limit.size as u64)),
    ];
    heap.map_from_pairs(&pairs, atom_table)
}

/// Sets a flag of the caller; returns the old value.
///
/// # Errors
///
/// `badarg` for a bad value, with the cause `badopt` for an unknown flag.
#[bif("erlang:process_flag/2")]
fn process_flag<'h>(cx: &mut BifContext<'h>, flag: Term<'h>, value: Term<'h>) -> BifResult<'h> {
    if let Some([name, options]) = flag.as_tuple_of::<2>()
        && name.is_atom(atoms::MONITOR_NODES)
    {
        return monitor_nodes(cx, *options, value);
    }
    let old = match flag.as_atom() {
        Some(atoms::MONITOR_NODES) => return monitor_nodes(cx, Term::NIL, value),
        Some(atoms::SAVE_CALLS) => {
            let old = save_calls(cx.state, value);
            // Behind it begins another slice: whether calls are saved is settled when one begins.
            return if old.is_atom(atoms::BADARG) { cx.badarg() } else { trap(Trap::Yield(old)) };
        }
        Some(name) if FLAGS.contains(&name) => set_flag(cx, name, value),
        _ => return cx.badarg_because(atoms::BADOPT),
    };
    match old {
        Some(old) => Ok(old),
        None => cx.badarg(),
    }
}

/// The flags that `set_flag` knows.
const FLAGS: [Atom; 11] = [
    atoms::ASYNC_DIST,
    atoms::ERROR_HANDLER,
    atoms::FULLSWEEP_AFTER,
    atoms::MAX_HEAP_SIZE,
    atoms::MESSAGE_QUEUE_DATA,
    atoms::MIN_BIN_VHEAP_SIZE,
    atoms::MIN_HEAP_SIZE,
    atoms::PRIORITY,
    atoms::SCHEDULER,
    atoms::SENSITIVE,
    atoms::TRAP_EXIT,
];

fn set_flag<'h>(cx: &mut BifContext<'h>, name: Atom, value: Term<'h>) -> Option<Term<'h>> {
    let boolean = |place: &mut bool| Some(Term::boolean(std::mem::replace(place, value.as_boolean()?)));
    let flags = &mut cx.state.flags;
    match name {
        atoms::TRAP_EXIT => boolean(&mut flags.trap_exit),
        atoms::ASYNC_DIST => boolean(&mut flags.async_dist),
        atoms::SENSITIVE => {
            cx.process.set_sensitive(value.as_boolean()?);
            boolean(&mut flags.sensitive)
        }
        atoms::MESSAGE_QUEUE_DATA => {
            let old = std::mem::replace(&mut flags.off_heap, off_heap(value)?);
            Some(Term::atom(if old { atoms::OFF_HEAP } else { atoms::ON_HEAP }))
        }
        atoms::ERROR_HANDLER => Some(Term::atom(std::mem::replace(&mut cx.state.error_handler, value.as_atom()?))),
        atoms::PRIORITY => {
            let old = cx.process.priority();
            cx.process.set_priority(priority(value)?);
            Some(Term::atom(old.atom()))
        }
        atoms::SCHEDULER => (value.as_usize()? <= cx.vm.schedulers.count()).then_some(Term::small(0)),
        atoms::MAX_HEAP_SIZE => {
            let limit = max_heap_size(value, *cx.vm.defaults.max_heap_size.lock())?;
            if limit.size != 0 && limit.size < cx.state.next_heap_options(cx.heap).min_heap_words {
                return None;
            }
            let old = std::mem::replace(&mut cx.state.rare.max_heap_size, limit);
            Some(max_heap_size_map(cx.heap, cx.atoms(), old))
        }
        atoms::FULLSWEEP_AFTER | atoms::MIN_HEAP_SIZE | atoms::MIN_BIN_VHEAP_SIZE => set_heap_flag(cx, name, value),
        _ => None,
    }
}

fn set_heap_flag<'h>(cx: &mut BifContext<'h>, name: Atom, value: Term<'h>) -> Option<Term<'h>> {
    let mut options = cx.state.next_heap_options(cx.heap);
    let old = match name {
        atoms::FULLSWEEP_AFTER => {
            u64::from(std::mem::replace(&mut options.fullsweep_after, u32::from(value.as_usize()? as u16)))
        }
        atoms::MIN_HEAP_SIZE => {
            std::mem::replace(&mut options.min_heap_words, heap_words(value, HEAP_WORDS_MIN)?) as u64
        }
        _ => std::mem::replace(&mut options.min_virtual_words, heap_words(value, VIRTUAL_WORDS_MIN)?) as u64,
    };
    cx.state.rare.heap_options = Some(options);
    Some(cx.heap.unsigned(old))
}

/// Subscribes to nodes coming and going; returns how often the caller had asked with the same options.
fn monitor_nodes<'h>(cx: &mut BifContext<'h>, options: Term<'h>, value: Term<'h>) -> BifResult<'h> {
    let (Some(on), Some(options)) = (value.as_boolean(), nodes_monitor_options(options)) else { return cx.badarg() };
    cx.state.rare.monitors_nodes = true;
    Ok(Term::small(cx.vm.monitor_nodes(cx.pid(), on, options).into()))
}

/// The options of `{monitor_nodes, Options}`: `[]` or a map, as `net_kernel` makes them.
fn nodes_monitor_options(options: Term<'_>) -> Option<NodesMonitorOptions> {
    let mut chosen = NodesMonitorOptions::default();
    if options.is_nil() {
        return Some(chosen);
    }
    if !options.is_map() {
        return None;
    }
    for (key, value) in options.map_iter() {
        match key.as_atom()? {
            atoms::LIST => chosen.list = value.as_boolean().filter(|on| *on)?,
            atoms::CONNECTION_ID => chosen.connection_id = value.as_boolean()?,
            atoms::NODEDOWN_REASON => chosen.reason = value.as_boolean()?,
            atoms::NODE_TYPE => {
                let kind = value.as_atom()?;
                chosen.visible = matches!(kind, atoms::VISIBLE | atoms::ALL);
                chosen.hidden = matches!(kind, atoms::HIDDEN | atoms::ALL);
                if !chosen.visible && !chosen.hidden {
                    return None;
                }
            }
            _ => return None,
        }
    }
    // Old-style options of which none asks for anything mean messages without facts.
    chosen.with_info = !chosen.list || chosen.connection_id || chosen.reason || chosen.visible || chosen.hidden;
    Some(chosen)
}

/// Saves the last `value` calls from now on, none for 0: how many were saved before, or `badarg`.
fn save_calls<'t>(state: &mut oxbeam_runtime::ProcessState, value: Term<'_>) -> Term<'t> {
    let depth = value.as_small().and_then(|depth| u32::try_from(depth).ok());
    let Some(depth) = depth.filter(|depth| *depth <= LastCalls::DEPTH_MAX) else { return Term::atom(atoms::BADARG) };
    let calls = (depth > 0).then(|| LastCalls::new(depth));
    let old = std::mem::replace(&mut state.rare.last_calls, calls);
    Term::small(old.map_or(0, |calls| i64::from(calls.depth())))
}

/// Sets a flag of another process (`save_calls` only): the old value, `badarg`, `badtype`, or a reference of the answer.
#[bif("erts_internal:process_flag/3")]
fn process_flag_of<'h>(cx: &mut BifContext<'h>, pid: Term<'h>, flag: Term<'h>, value: Term<'h>) -> BifResult<'h> {
    if !flag.is_atom(atoms::SAVE_CALLS) {
        return Ok(Term::atom(if pid.as_pid().is_some() { atoms::BADARG } else { atoms::BADTYPE }));
    }
    match pid.as_pid() {
        None => Ok(Term::atom(atoms::BADTYPE)),
        Some(pid) if pid == cx.pid() => trap(Trap::Yield(save_calls(cx.state, value))),
        Some(pid) => {
            let reference = cx.make_reference();
            let (requester, value, answer) = (cx.pid(), cx.own(value), cx.own(reference));
            let task: SystemTask = Box::new(move |vm, _, main| {
                let old = main.map_or(Term::atom(atoms::BADARG), |main| save_calls(&mut main.state, value.term()));
                reply(vm, requester, &answer, |_| old);
            });
            let sent = cx.vm.signal_pid(pid, Signal::Task(task));
            Ok(if sent { reference } else { Term::atom(atoms::BADTYPE) })
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn answers_of_the_real_system() {
        let compared = crate::testing::check_recording(include_bytes!("../../tests/data/process.etf"));
        assert!(compared > 500);
    }
}
