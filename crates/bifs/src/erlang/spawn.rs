//! Spawning processes.

use super::messages::{interested, prepared};
use oxbeam_bif_macros::bif;
use oxbeam_runtime::distribution::{SpawnCall, SpawnRequest};
use oxbeam_runtime::{AliasKind, BifContext, BifResult, MaxHeapSize, Priority, Process, SpawnMonitor, SpawnOptions};
use oxbeam_term::{Atom, Term, atoms, next_heap_size};
use std::sync::Arc;

/// Smallest heap a process may ask for, in words.
pub(crate) const HEAP_WORDS_MIN: usize = 233;
/// Smallest virtual heap a process may ask for, in words.
pub(crate) const VIRTUAL_WORDS_MIN: usize = 46_422;

/// What a spawn was asked for beyond [`SpawnOptions`].
struct Request<'h> {
    options: SpawnOptions,
    /// `Some` when a monitor was asked for: its tag and alias.
    monitor: Option<(Option<Term<'h>>, Option<AliasKind>)>,
    reply_tag: Term<'h>,
    reply_success: bool,
    reply_error: bool,
}

/// Why an option list is refused.
enum BadOptions {
    /// It is no proper list.
    NoList,
    /// It holds something that is no option.
    Option,
}

/// Spawns a process that applies `module:function` to `arguments`.
///
/// # Errors
///
/// `badarg` unless `arguments` is a proper list; `system_limit` when there are too many processes.
#[bif("erlang:spawn/3")]
fn spawn<'h>(cx: &mut BifContext<'h>, module: Atom, function: Atom, arguments: Term<'h>) -> BifResult<'h> {
    spawn_plain(cx, module, function, arguments, SpawnOptions::default())
}

/// As `spawn/3`, linked to the caller.
#[bif("erlang:spawn_link/3")]
fn spawn_link<'h>(cx: &mut BifContext<'h>, module: Atom, function: Atom, arguments: Term<'h>) -> BifResult<'h> {
    spawn_plain(cx, module, function, arguments, SpawnOptions { link: true, ..SpawnOptions::default() })
}

/// Spawns a process whose end takes the machine down.
#[bif("erts_internal:spawn_system_process/3")]
fn spawn_system_process<'h>(
    cx: &mut BifContext<'h>,
    module: Atom,
    function: Atom,
    arguments: Term<'h>,
) -> BifResult<'h> {
    spawn_plain(cx, module, function, arguments, SpawnOptions { system: true, ..SpawnOptions::default() })
}

fn spawn_plain<'h>(
    cx: &mut BifContext<'h>,
    module: Atom,
    function: Atom,
    arguments: Term<'h>,
    options: SpawnOptions,
) -> BifResult<'h> {
    let Some(arguments) = arguments.to_vec() else { return cx.badarg() };
    match create(cx, module, function, &arguments, options) {
        Some(process) => {
            let pid = process.pid();
            cx.vm.start_process(process);
            Ok(Term::pid(pid))
        }
        None => Err(cx.raise(atoms::SYSTEM_LIMIT)),
    }
}

fn create<'h>(
    cx: &mut BifContext<'h>,
    module: Atom,
    function: Atom,
    arguments: &[Term<'h>],
    options: SpawnOptions,
) -> Option<Arc<Process>> {
    let pid = cx.pid();
    cx.spend(arguments.len());
    cx.vm.create_process(Some((pid, cx.state)), module, function, arguments, options)
}

/// Spawns a process as `options` say; returns its pid, or `{Pid, MonitorReference}`.
///
/// # Errors
///
/// `badarg`, with the cause `badopt` for bad options; `system_limit` when there are too many processes.
#[bif("erlang:spawn_opt/4")]
fn spawn_opt<'h>(
    cx: &mut BifContext<'h>,
    module: Term<'h>,
    function: Term<'h>,
    arguments: Term<'h>,
    options: Term<'h>,
) -> BifResult<'h> {
    let Ok(request) = parse_options(cx, options, false) else { return cx.badarg_because(atoms::BADOPT) };
    let (Some(module), Some(function), Some(arguments)) = (module.as_atom(), function.as_atom(), arguments.to_vec())
    else {
        return cx.badarg();
    };
    let Request { mut options, monitor, .. } = request;
    let reference = set_monitor(cx, &mut options, monitor);
    let Some(process) = create(cx, module, function, &arguments, options) else {
        return Err(cx.raise(atoms::SYSTEM_LIMIT));
    };
    let pid = Term::pid(process.pid());
    cx.vm.start_process(process);
    Ok(match reference {
        Some(reference) => cx.heap.tuple(&[pid, reference]),
        None => pid,
    })
}

/// Puts the monitor into the options; returns its reference.
fn set_monitor<'h>(
    cx: &mut BifContext<'h>,
    options: &mut SpawnOptions,
    monitor: Option<(Option<Term<'h>>, Option<AliasKind>)>,
) -> Option<Term<'h>> {
    let (tag, alias) = monitor?;
    let reference = cx.vm.next_reference();
    options.monitor = Some(SpawnMonitor { reference, tag: tag.map(|tag| cx.own(tag)), alias });
    Some(match alias {
        Some(_) => cx.heap.alias_reference(reference.0, cx.pid()),
        None => cx.heap.reference(reference.0),
    })
}

/// Spawns a process and tells the caller by a message; returns the request's reference, or `badarg` or `badopt`.
#[bif("erts_internal:spawn_request/4")]
fn spawn_request<'h>(
    cx: &mut BifContext<'h>,
    module: Term<'h>,
    function: Term<'h>,
    arguments: Term<'h>,
    options: Term<'h>,
) -> BifResult<'h> {
    let (Some(module), Some(function), Some(arguments)) = (module.as_atom(), function.as_atom(), arguments.to_vec())
    else {
        return Ok(Term::atom(atoms::BADARG));
    };
    let request = match parse_options(cx, options, true) {
        Ok(request) => request,
        Err((BadOptions::NoList, _)) => return Ok(Term::atom(atoms::BADOPT)),
        Err((BadOptions::Option, partial)) => {
            let reference = cx.make_reference();
            if partial.reply_error {
                spawn_reply(cx, partial.reply_tag, reference, atoms::ERROR, Term::atom(atoms::BADOPT));
            }
            return Ok(reference);
        }
    };
    let Request { mut options, monitor, reply_tag, reply_success, reply_error } = request;
    let reference = set_monitor(cx, &mut options, monitor).unwrap_or_else(|| cx.make_reference());
    match create(cx, module, function, &arguments, options) {
        Some(process) => {
            // The reply comes before anything the new process may do.
            if reply_success {
                spawn_reply(cx, reply_tag, reference, atoms::OK, Term::pid(process.pid()));
            }
            cx.vm.start_process(process);
        }
        None if reply_error => {
            spawn_reply(cx, reply_tag, reference, atoms::ERROR, Term::atom(atoms::SYSTEM_LIMIT));
        }
        None => {}
    }
    Ok(reference)
}

/// Asks another node to spawn a process. The answer comes as a message, at once when there is no connection and will be none.
/// Returns the request's reference for `spawn_request`, `{Reference, IsMonitored}` for `spawn_opt`, or `badarg`.
#[bif("erts_internal:dist_spawn_request/4")]
fn dist_spawn_request<'h>(
    cx: &mut BifContext<'h>,
    node: Term<'h>,
    call: Term<'h>,
    options: Term<'h>,
    kind: Term<'h>,
) -> BifResult<'h> {
    let badarg = Ok(Term::atom(atoms::BADARG));
    let (Some(node), Some([module, function, arguments])) = (node.as_atom(), call.as_tuple_of::<3>()) else {
        return badarg;
    };
    let (Some(module), Some(function), Some(arity)) =
        (module.as_atom(), function.as_atom(), arguments.to_vec().map(|all| all.len()))
    else {
        return badarg;
    };
    let is_request = kind.is_atom(atoms::SPAWN_REQUEST);
    let (request, error) = match parse_options(cx, options, is_request) {
        Ok(request) => (request, None),
        Err((BadOptions::NoList, _)) => return badarg,
        Err((BadOptions::Option, _)) if !is_request => return badarg,
        Err((BadOptions::Option, partial)) => (partial, Some(atoms::BADOPT)),
    };
    let to = if error.is_none() { prepared(cx, node)? } else { None };
    let to = interested(cx, to)?;
    let number = cx.vm.next_reference();
    let reference = match request.monitor {
        Some((_, Some(_))) => cx.heap.alias_reference(number.0, cx.pid()),
        _ => cx.heap.reference(number.0),
    };
    let is_monitored = request.monitor.is_some();
    let spawn = SpawnCall {
        reference,
        from: cx.pid(),
        group_leader: cx.heap.copy_in(cx.state.group_leader.term()),
        function: (module, function),
        arguments: *arguments,
        arity,
        options: remote_options(cx, options),
        token: cx.vm.next_token(cx.state, cx.process.pid()),
    };
    let sent = to.is_some_and(|to| cx.vm.send_spawn_request(&to, &spawn));
    if sent {
        let pending = SpawnRequest {
            node,
            tag: cx.own(request.reply_tag),
            reply_success: request.reply_success,
            reply_error: request.reply_error,
            link: request.options.link,
            monitor: request.monitor.map(|(tag, alias)| (tag.map(|tag| cx.own(tag)), alias)),
            abandoned: false,
        };
        cx.state.rare.spawn_requests.insert(number, pending);
    } else if request.reply_error {
        let reason = error.unwrap_or(atoms::NOCONNECTION);
        spawn_reply(cx, request.reply_tag, reference, atoms::ERROR, Term::atom(reason));
    }
    if is_request {
        return Ok(reference);
    }
    Ok(cx.heap.tuple(&[reference, Term::boolean(is_monitored)]))
}

/// What the other node is to know of the options: not how the caller wants to be answered.
fn remote_options<'h>(cx: &BifContext<'h>, options: Term<'h>) -> Term<'h> {
    let remote = |option: Term<'h>| match option.as_tuple_of::<2>().and_then(|[name, _]| name.as_atom()) {
        Some(atoms::REPLY | atoms::REPLY_TAG) => None,
        Some(atoms::MONITOR) => Some(Term::atom(atoms::MONITOR)),
        _ => Some(option),
    };
    let kept: Vec<Term<'h>> = options.list_iter().filter_map(remote).collect();
    cx.heap.list(&kept)
}

fn spawn_reply<'h>(cx: &BifContext<'h>, tag: Term<'h>, reference: Term<'h>, result: Atom, value: Term<'h>) {
    let message = cx.heap.tuple(&[tag, reference, Term::atom(result), value]);
    cx.vm.send_message(cx.pid(), cx.own(message));
}

/// Gives up a spawn request: the new process is not linked or monitored, and no reply comes. False when it was answered.
///
/// # Errors
///
/// `badarg` for what is no reference.
#[bif("erlang:spawn_request_abandon/1")]
fn spawn_request_abandon<'h>(cx: &mut BifContext<'h>, request: Term<'h>) -> BifResult<'h> {
    if !request.is_reference() {
        return cx.badarg();
    }
    let Some(number) = request.as_reference().map(|reference| reference.number()) else { return Ok(Term::FALSE) };
    let pending = cx.state.rare.if_set().and_then(|rare| rare.spawn_requests.get_mut(&number));
    Ok(Term::boolean(pending.is_some_and(|request| !std::mem::replace(&mut request.abandoned, true))))
}

fn parse_options<'h>(
    cx: &BifContext<'h>,
    list: Term<'h>,
    with_reply: bool,
) -> Result<Request<'h>, (BadOptions, Request<'h>)> {
    let mut request = Request {
        options: SpawnOptions::default(),
        monitor: None,
        reply_tag: Term::atom(atoms::SPAWN_REPLY),
        reply_success: true,
        reply_error: true,
    };
    let mut good = true;
    let mut walk = list.list_iter();
    for option in walk.by_ref() {
        good &= parse_option(cx, option, with_reply, &mut request).is_some();
    }
    if !walk.tail().is_nil() {
        return Err((BadOptions::NoList, request));
    }
    let least = request.options.min_heap_words.unwrap_or(HEAP_WORDS_MIN);
    let too_small = request.options.max_heap_size.is_some_and(|limit| limit.size != 0 && limit.size < least);
    if good && !too_small { Ok(request) } else { Err((BadOptions::Option, request)) }
}

fn parse_option<'h>(cx: &BifContext<'h>, option: Term<'h>, with_reply: bool, request: &mut Request<'h>) -> Option<()> {
    if option.is_atom(atoms::LINK) {
        request.options.link = true;
        return Some(());
    }
    if option.is_atom(atoms::MONITOR) {
        request.monitor = Some((None, None));
        return Some(());
    }
    let [name, value] = *option.as_tuple_of::<2>()?;
    let options = &mut request.options;
    match name.as_atom()? {
        atoms::PRIORITY => options.priority = priority(value)?,
        atoms::ASYNC_DIST => options.async_dist = Some(value.as_boolean()?),
        atoms::MESSAGE_QUEUE_DATA => options.off_heap = Some(off_heap(value)?),
        atoms::MIN_HEAP_SIZE => options.min_heap_words = Some(heap_words(value, HEAP_WORDS_MIN)?),
        atoms::MIN_BIN_VHEAP_SIZE => options.min_virtual_words = Some(heap_words(value, VIRTUAL_WORDS_MIN)?),
        atoms::MAX_HEAP_SIZE => {
            options.max_heap_size = Some(max_heap_size(value, *cx.vm.defaults.max_heap_size.lock())?);
        }
        atoms::FULLSWEEP_AFTER => options.fullsweep_after = Some(u32::from(value.as_usize()? as u16)),
        atoms::SCHEDULER => {
            if value.as_usize()? > cx.vm.schedulers.count() {
                return None;
            }
        }
        atoms::MONITOR => request.monitor = Some(monitor_options(value)?),
        atoms::REPLY if with_reply => {
            (request.reply_success, request.reply_error) = match value.as_atom()? {
                atoms::ERROR_ONLY => (false, true),
                atoms::SUCCESS_ONLY => (true, false),
                atoms::NO => (false, false),
                atoms::YES => (true, true),
                _ => return None,
            }
        }
        atoms::REPLY_TAG if with_reply => request.reply_tag = value,
        _ => return None,
    }
    Some(())
}

/// The options of `monitor/3`: tag and alias.
pub(crate) fn monitor_options<'h>(list: Term<'h>) -> Option<(Option<Term<'h>>, Option<AliasKind>)> {
    let (mut tag, mut alias) = (None, None);
    for option in list.to_vec()? {
        let [name, value] = *option.as_tuple_of::<2>()?;
        match name.as_atom()? {
            atoms::TAG => tag = Some(value),
            atoms::ALIAS => {
                alias = Some(match value.as_atom()? {
                    atoms::EXPLICIT_UNALIAS => AliasKind::Explicit,
                    atoms::DEMONITOR => AliasKind::Demonitor,
                    atoms::REPLY_DEMONITOR => AliasKind::Reply,
                    _ => return None,
                });
            }
            _ => return None,
        }
    }
    Some((tag, alias))
}

/// `low`, `normal`, `high` or `max`.
pub(crate) fn priority(term: Term<'_>) -> Option<Priority> {
    Priority::of(term)
}

/// `on_heap` or `off_heap`.
pub(crate) fn off_heap(term: Term<'_>) -> Option<bool> {
    match term.as_atom()? {
        atoms::OFF_HEAP => Some(true),
        atoms::ON_HEAP => Some(false),
        _ => None,
    }
}

/// A heap size that a process asks for, rounded up as OTP does.
pub(crate) fn heap_words(term: Term<'_>, least: usize) -> Option<usize> {
    let words = term.as_small().and_then(|words| usize::try_from(words).ok())?;
    Some(if words < least { least } else { next_heap_size(words.min(1 << 40)) })
}

/// A `max_heap_size`: a number of words or a map. What the map leaves out is taken from `default`.
pub(crate) fn max_heap_size(term: Term<'_>, default: MaxHeapSize) -> Option<MaxHeapSize> {
    if let Some(size) = term.as_small() {
        return Some(MaxHeapSize { size: usize::try_from(size).ok()?, ..default });
    }
    if !term.is_map() {
        return None;
    }
    let flag = |key: Atom, default: bool| match term.map_get(Term::atom(key)) {
        Some(value) => value.as_boolean(),
        None => Some(default),
    };
    Some(MaxHeapSize {
        size: usize::try_from(term.map_get(Term::atom(atoms::SIZE))?.as_small()?).ok()?,
        kill: flag(atoms::KILL, default.kill)?,
        error_logger: flag(atoms::ERROR_LOGGER, default.error_logger)?,
        include_shared_binaries: flag(atoms::INCLUDE_SHARED_BINARIES, default.include_shared_binaries)?,
    })
}
