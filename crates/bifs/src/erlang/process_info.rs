//! `process_info/1,2`: what a process tells about itself, to itself or to others.
//!
//! Another process is asked by a signal, so everything the caller has sent it before is accounted for. The caller asks
//! itself the same way when it has signals that it has not handled yet.

use super::process::{await_result, max_heap_size_map};
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{
    BifContext, BifResult, DirtyState, Frame, LastCall, MonitorTarget, Process, ProcessState, Resume, Signal,
    SystemTask, Vm, collection_sizes,
};
use oxbeam_term::{Atom, Heap, OwnedTerm, Pid, Term, Value, Word, atoms, word::ImmediateKind};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What `process_info/1` tells.
const DEFAULT_ITEMS: [Atom; 17] = [
    atoms::REGISTERED_NAME,
    atoms::CURRENT_FUNCTION,
    atoms::INITIAL_CALL,
    atoms::STATUS,
    atoms::MESSAGE_QUEUE_LEN,
    atoms::LINKS,
    atoms::DICTIONARY,
    atoms::TRAP_EXIT,
    atoms::ERROR_HANDLER,
    atoms::PRIORITY,
    atoms::GROUP_LEADER,
    atoms::TOTAL_HEAP_SIZE,
    atoms::HEAP_SIZE,
    atoms::STACK_SIZE,
    atoms::REDUCTIONS,
    atoms::GARBAGE_COLLECTION,
    atoms::SUSPENDING,
];

/// All items that can be asked for.
const ITEMS: [Atom; 24] = [
    atoms::ASYNC_DIST,
    atoms::BACKTRACE,
    atoms::BINARY,
    atoms::CATCHLEVEL,
    atoms::CURRENT_LOCATION,
    atoms::CURRENT_STACKTRACE,
    atoms::FULLSWEEP_AFTER,
    atoms::GARBAGE_COLLECTION_INFO,
    atoms::LABEL,
    atoms::LAST_CALLS,
    atoms::MAX_HEAP_SIZE,
    atoms::MEMORY,
    atoms::MESSAGE_QUEUE_DATA,
    atoms::MESSAGES,
    atoms::MIN_BIN_VHEAP_SIZE,
    atoms::MIN_HEAP_SIZE,
    atoms::MONITORED_BY,
    atoms::MONITORS,
    atoms::PARENT,
    atoms::SEQUENTIAL_TRACE_TOKEN,
    atoms::TRACE,
    atoms::TOTAL_HEAP_SIZE,
    atoms::SUSPENDING,
    atoms::REGISTERED_NAME,
];

/// All items, each once.
pub(crate) fn all_items() -> Vec<Atom> {
    let mut items: Vec<Atom> = DEFAULT_ITEMS.into_iter().chain(ITEMS).collect();
    items.sort_unstable();
    items.dedup();
    items
}

/// One thing asked for.
#[derive(Clone)]
enum Item {
    Plain(Atom),
    /// `{dictionary, Key}`.
    DictionaryKey(OwnedTerm),
}

/// What the answer looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A list without an unregistered name.
    Default,
    /// A list of everything asked for.
    List,
    /// One pair, or `[]` for no registered name.
    One,
}

/// Information about a process, or `undefined` when it has ended.
///
/// # Errors
///
/// `badarg` for anything that is no pid of this node.
#[bif("erlang:process_info/1")]
fn process_info<'h>(cx: &mut BifContext<'h>, pid: Term<'h>) -> BifResult<'h> {
    let items = DEFAULT_ITEMS.into_iter().map(Item::Plain).collect();
    inform(cx, pid, items, Form::Default)
}

/// As `process_info/1`: the item or items asked for.
///
/// # Errors
///
/// `badarg` for anything that is no pid of this node, and for unknown items.
#[bif("erlang:process_info/2")]
fn process_info_of<'h>(cx: &mut BifContext<'h>, pid: Term<'h>, what: Term<'h>) -> BifResult<'h> {
    if what.is_list() {
        let items = what.to_vec().and_then(|all| all.into_iter().map(|one| item(cx, one)).collect());
        return match items {
            Some(items) => inform(cx, pid, items, Form::List),
            None => cx.badarg(),
        };
    }
    match item(cx, what) {
        Some(item) => inform(cx, pid, vec![item], Form::One),
        None => cx.badarg(),
    }
}

impl Item {
    /// May signals that have arrived, and were not handled yet, change the answer?
    fn follows_from_signals(&self) -> bool {
        let Item::Plain(name) = self else { return false };
        matches!(
            *name,
            atoms::BINARY
                | atoms::GROUP_LEADER
                | atoms::LINKS
                | atoms::MEMORY
                | atoms::MESSAGES
                | atoms::MESSAGE_QUEUE_LEN
                | atoms::MONITORED_BY
                | atoms::MONITORS
                | atoms::SUSPENDING
                | atoms::TOTAL_HEAP_SIZE
                | atoms::TRACE
        )
    }
}

fn item(cx: &BifContext<'_>, term: Term<'_>) -> Option<Item> {
    if let Some([name, key]) = term.as_tuple_of::<2>() {
        return name.is_atom(atoms::DICTIONARY).then(|| Item::DictionaryKey(cx.own(*key)));
    }
    let name = term.as_atom()?;
    (DEFAULT_ITEMS.contains(&name) || ITEMS.contains(&name)).then_some(Item::Plain(name))
}

fn inform<'h>(cx: &mut BifContext<'h>, pid: Term<'h>, items: Vec<Item>, form: Form) -> BifResult<'h> {
    let undefined = Term::atom(atoms::UNDEFINED);
    let pid = match pid.value() {
        Value::Pid(pid) => pid,
        Value::ExternalPid(external) if external.node() == cx.vm.node().0 => return Ok(undefined),
        _ => return cx.badarg(),
    };
    cx.spend(items.len());
    let is_self = pid == cx.pid();
    let frames = if is_self { Some(frames(cx.vm, cx.heap, cx.state)) } else { None };
    if is_self && !(cx.process.has_signals() && items.iter().any(Item::follows_from_signals)) {
        let spent = u64::try_from(oxbeam_runtime::SLICE_REDUCTIONS.saturating_sub(*cx.reductions)).unwrap_or(0);
        let mut subject = Subject {
            vm: cx.vm,
            process: cx.process,
            heap: cx.heap,
            state: cx.state,
            frames: frames.unwrap_or_default(),
            status: atoms::RUNNING,
            spent,
        };
        return Ok(subject.answer(cx.heap, &items, form));
    }
    let reference = cx.make_reference();
    let (requester, owned_reference) = (cx.pid(), cx.own(reference));
    let task: SystemTask = Box::new(move |vm, process, main| {
        let answer = OwnedTerm::build(vm.literals(), |heap| {
            let result = match main {
                None => Term::atom(atoms::UNDEFINED),
                Some(main) => {
                    let frames = frames.unwrap_or_else(|| self::frames(vm, &main.heap, &main.state));
                    let status = if is_self { atoms::RUNNING } else { status(&mut main.state) };
                    let (subject_heap, state) = (&main.heap, &mut main.state);
                    Subject { vm, process, heap: subject_heap, state, frames, status, spent: 0 }
                        .answer(heap, &items, form)
                }
            };
            heap.tuple(&[heap.copy_in(owned_reference.term()), result])
        });
        vm.send_message(requester, answer);
    });
    if cx.vm.signal_pid(pid, Signal::Task(task)) { await_result(cx, reference) } else { Ok(undefined) }
}

/// How `last_calls` tells a call.
fn last_call<'t>(target: &'t Heap, call: LastCall) -> Term<'t> {
    match call {
        LastCall::Function(module, function, arity) => {
            target.tuple(&[Term::atom(module), Term::atom(function), Term::small(i64::from(arity))])
        }
        LastCall::Send => Term::atom(atoms::SEND),
        LastCall::Receive => Term::atom(atoms::RECEIVE),
        LastCall::Timeout => Term::atom(atoms::TIMEOUT),
    }
}

/// Status of a process that handles a signal: what it was about before.
fn status(state: &mut ProcessState) -> Atom {
    if state.dirty == DirtyState::Running {
        atoms::RUNNING
    } else if state.rare.suspended > 0 || state.rare.waits_for_channel || state.rare.waits_for_port {
        atoms::SUSPENDED
    } else if state.was_waiting && !state.messages.has_next() {
        atoms::WAITING
    } else {
        atoms::RUNNABLE
    }
}

fn frames(vm: &Vm, heap: &Heap, state: &ProcessState) -> Vec<Frame> {
    if state.hibernating {
        return vec![Frame { module: atoms::ERLANG, function: atoms::HIBERNATE, arity: 3, location: None }];
    }
    let depth = vm.backtrace_depth.load(Ordering::Relaxed).max(1) as usize;
    let mut frames = vm.frames((state.current_address != 0).then_some(state.current_address), heap, depth);
    // Where OTP has a process that waits for a busy channel.
    if state.rare.waits_for_channel {
        frames.insert(0, Frame { module: atoms::ERLANG, function: atoms::BIF_RETURN_TRAP, arity: 2, location: None });
    }
    if frames.is_empty() {
        let (module, function, arity) = state.initial_call;
        frames.push(Frame { module, function, arity, location: None });
    }
    frames
}

/// The frames as text, one in a line (`backtrace`).
fn lines(vm: &Vm, frames: &[Frame]) -> String {
    let line =
        |frame: &Frame| format!("{}:{}/{}\n", vm.atoms.text(frame.module), vm.atoms.text(frame.function), frame.arity);
    frames.iter().map(line).collect()
}

/// Writes where a process is to standard error, unless nothing may be told of it. `badopt` unless that is asked for by
/// `backtrace`, `badarg` for what is no process of this node.
#[bif("erts_internal:process_display/2")]
fn process_display<'h>(cx: &mut BifContext<'h>, pid: Term<'h>, what: Term<'h>) -> BifResult<'h> {
    let show = |vm: &Vm, heap: &Heap, state: &ProcessState| {
        if !state.flags.sensitive {
            let _ = std::io::stderr().lock().write_all(lines(vm, &frames(vm, heap, state)).as_bytes());
        }
    };
    if !what.is_atom(atoms::BACKTRACE) {
        return Ok(Term::atom(atoms::BADOPT));
    }
    let Some(pid) = pid.as_pid() else { return Ok(Term::atom(atoms::BADARG)) };
    if pid == cx.pid() {
        show(cx.vm, cx.heap, cx.state);
        return Ok(Term::TRUE);
    }
    let reference = cx.make_reference();
    let (requester, owned) = (cx.pid(), cx.own(reference));
    let task: SystemTask = Box::new(move |vm, _, main| {
        let answer = if main.is_some() { Term::TRUE } else { Term::atom(atoms::BADARG) };
        if let Some(main) = main {
            show(vm, &main.heap, &main.state);
        }
        super::process::reply(vm, requester, &owned, |_| answer);
    });
    Ok(if cx.vm.signal_pid(pid, Signal::Task(task)) { reference } else { Term::atom(atoms::BADARG) })
}

/// The BIF of a dirty call.
fn dirty_function(state: &ProcessState) -> Option<Frame> {
    match state.resume {
        Resume::Bif(call) if state.dirty != DirtyState::No => {
            Some(Frame { module: call.module, function: call.name, arity: call.arity, location: None })
        }
        _ => None,
    }
}

/// A process that tells about itself.
struct Subject<'a> {
    vm: &'a Vm,
    process: &'a Arc<Process>,
    heap: &'a Heap,
    state: &'a mut ProcessState,
    frames: Vec<Frame>,
    status: Atom,
    /// Reductions of the current slice.
    spent: u64,
}

impl Subject<'_> {
    fn answer<'t>(&mut self, target: &'t Heap, items: &[Item], form: Form) -> Term<'t> {
        if self.looks_at_messages(items) {
            self.state.messages.decode_all(self.vm);
        }
        let mut pairs = Vec::with_capacity(items.len());
        for item in items {
            let (name, value) = match item {
                Item::Plain(name) => (Term::atom(*name), self.value(target, *name)),
                Item::DictionaryKey(key) => {
                    let key = key.term();
                    let value = match self.state.flags.sensitive {
                        true => None,
                        false => self.state.dictionary_value(key, target),
                    };
                    let name = target.tuple(&[Term::atom(atoms::DICTIONARY), target.copy_in(key)]);
                    (name, value.unwrap_or(Term::atom(atoms::UNDEFINED)))
                }
            };
            if name.is_atom(atoms::REGISTERED_NAME) && value.is_nil() {
                match form {
                    Form::Default => continue,
                    Form::One => return Term::NIL,
                    Form::List => {}
                }
            }
            pairs.push(target.tuple(&[name, value]));
        }
        if form == Form::One { pairs.first().copied().unwrap_or(Term::NIL) } else { target.list(&pairs) }
    }

    /// Does an item need messages of other nodes as terms? Their sizes count where they are part of the heap.
    fn looks_at_messages(&self, items: &[Item]) -> bool {
        let on_heap = !self.state.flags.off_heap;
        items.iter().any(|item| match item {
            Item::Plain(name) => *name == atoms::MESSAGES || (*name == atoms::TOTAL_HEAP_SIZE && on_heap),
            Item::DictionaryKey(_) => false,
        })
    }

    fn value<'t>(&mut self, target: &'t Heap, name: Atom) -> Term<'t> {
        let options = self.state.next_heap_options(self.heap);
        let count = |count: usize| target.unsigned(count as u64);
        match name {
            atoms::REGISTERED_NAME => self.process.registered_name().map_or(Term::NIL, Term::atom),
            atoms::CURRENT_FUNCTION | atoms::CURRENT_LOCATION | atoms::CURRENT_STACKTRACE | atoms::BACKTRACE => {
                self.place(target, name)
            }
            atoms::INITIAL_CALL => {
                let (module, function, arity) = self.state.initial_call;
                target.tuple(&[Term::atom(module), Term::atom(function), Term::small(i64::from(arity))])
            }
            atoms::STATUS => Term::atom(self.status),
            atoms::MESSAGES if self.state.flags.sensitive => Term::NIL,
            atoms::MESSAGES => target.list(&self.state.messages.copies(target)),
            atoms::MESSAGE_QUEUE_LEN => count(self.state.messages.len()),
            atoms::LINKS => self.links(target),
            atoms::MONITORS => self.monitors(target),
            atoms::MONITORED_BY => {
                let mut watchers: Vec<Term<'t>> =
                    self.state.watchers.values().map(|one| Term::pid(one.watcher)).collect();
                watchers.extend(self.state.rare.remote_watchers.values().map(|one| one.watcher.term(target)));
                watchers.extend(crate::io::socket::watching(self.vm, target, self.process.pid()));
                target.list(&watchers)
            }
            atoms::SUSPENDING => self.suspending(target),
            atoms::DICTIONARY => self.dictionary(target),
            atoms::TRAP_EXIT => Term::boolean(self.state.flags.trap_exit),
            atoms::ASYNC_DIST => Term::boolean(self.state.flags.async_dist),
            atoms::ERROR_HANDLER => Term::atom(self.state.error_handler),
            atoms::PRIORITY => Term::atom(self.process.priority().atom()),
            atoms::GROUP_LEADER => target.copy_in(self.state.group_leader.term()),
            atoms::MESSAGE_QUEUE_DATA => {
                Term::atom(if self.state.flags.off_heap { atoms::OFF_HEAP } else { atoms::ON_HEAP })
            }
            atoms::PARENT => self.state.parent.map_or(Term::atom(atoms::UNDEFINED), Term::pid),
            atoms::LABEL => self.label(target),
            atoms::LAST_CALLS => match &self.state.rare.last_calls {
                None => Term::FALSE,
                Some(calls) => target.list(&calls.iter().map(|call| last_call(target, call)).collect::<Vec<_>>()),
            },
            atoms::TRACE => Term::small(0),
            atoms::SEQUENTIAL_TRACE_TOKEN => {
                self.state.rare.seq_trace_token.as_ref().map_or(Term::NIL, |token| target.copy_in(token.term()))
            }
            atoms::CATCHLEVEL => {
                count(self.heap.stack().iter().filter(|word| word.is_immediate_of(ImmediateKind::Catch)).count())
            }
            atoms::REDUCTIONS => {
                target.unsigned(self.process.reductions.load(Ordering::Relaxed).saturating_add(self.spent))
            }
            atoms::HEAP_SIZE => count(self.heap.block_words()),
            atoms::STACK_SIZE => count(self.heap.stack_words()),
            atoms::TOTAL_HEAP_SIZE => count(self.heap.total_words() + self.message_words()),
            atoms::MEMORY => {
                let words = self.heap.total_words() + self.state.messages.words();
                count(words * 8 + size_of::<Process>())
            }
            atoms::FULLSWEEP_AFTER => count(options.fullsweep_after as usize),
            atoms::MIN_HEAP_SIZE => count(options.min_heap_words),
            atoms::MIN_BIN_VHEAP_SIZE => count(options.min_virtual_words),
            atoms::MAX_HEAP_SIZE => max_heap_size_map(target, &self.vm.atoms, self.state.rare.max_heap_size),
            atoms::GARBAGE_COLLECTION => self.garbage_collection(target),
            atoms::GARBAGE_COLLECTION_INFO => self.garbage_collection_info(target),
            _ => self.binaries(target),
        }
    }

    fn message_words(&self) -> usize {
        if self.state.flags.off_heap { 0 } else { self.state.messages.words() }
    }

    /// Where it is.
    fn place<'t>(&self, target: &'t Heap, name: Atom) -> Term<'t> {
        let dirty = dirty_function(self.state);
        match (name, dirty.as_ref().or(self.frames.first())) {
            (atoms::CURRENT_FUNCTION, Some(frame)) => target.tuple(&[
                Term::atom(frame.module),
                Term::atom(frame.function),
                Term::small(i64::from(frame.arity)),
            ]),
            (atoms::CURRENT_LOCATION, Some(frame)) => self.vm.frame_term(target, frame),
            (atoms::CURRENT_STACKTRACE, _) if self.state.hibernating => Term::NIL,
            (atoms::CURRENT_STACKTRACE, _) => {
                let depth = self.vm.backtrace_depth.load(Ordering::Relaxed) as usize;
                let frames = self.frames.iter().take(depth);
                let frames: Vec<Term<'t>> = frames.map(|frame| self.vm.frame_term(target, frame)).collect();
                target.list(&frames)
            }
            _ if self.state.flags.sensitive => target.binary(&[]),
            _ => target.binary(lines(self.vm, &self.frames).as_bytes()),
        }
    }

    fn links<'t>(&self, target: &'t Heap) -> Term<'t> {
        let links: Vec<Term<'t>> = self.state.links.keys().map(|end| end.term(target)).collect();
        target.list(&links)
    }

    fn monitors<'t>(&self, target: &'t Heap) -> Term<'t> {
        let named = |name: Atom| target.tuple(&[Term::atom(name), Term::atom(self.vm.node().0)]);
        let monitors: Vec<Term<'t>> = self
            .state
            .monitors
            .values()
            .map(|monitor| {
                let (kind, object) = match monitor.target {
                    MonitorTarget::Process(pid) => (atoms::PROCESS, Term::pid(pid)),
                    MonitorTarget::Name(name, _) | MonitorTarget::Gone(name) => (atoms::PROCESS, named(name)),
                    MonitorTarget::Port(port) => (atoms::PORT, Term::port(port)),
                    MonitorTarget::PortName(name, _) | MonitorTarget::GonePort(name) => (atoms::PORT, named(name)),
                    MonitorTarget::Remote(pid) => (atoms::PROCESS, pid.term(target)),
                    MonitorTarget::RemoteName(name, node) => {
                        (atoms::PROCESS, target.tuple(&[Term::atom(name), Term::atom(node)]))
                    }
                    MonitorTarget::TimeOffset => (atoms::TIME_OFFSET, Term::atom(atoms::CLOCK_SERVICE)),
                };
                target.tuple(&[Term::atom(kind), object])
            })
            .collect();
        target.list(&monitors)
    }

    fn suspending<'t>(&self, target: &'t Heap) -> Term<'t> {
        let entry = |(pid, count): (&Pid, &u32)| {
            target.tuple(&[Term::pid(*pid), Term::small(i64::from(*count)), Term::small(0)])
        };
        let entries: Vec<Term<'t>> = self.state.rare.suspending.iter().map(entry).collect();
        target.list(&entries)
    }

    fn dictionary<'t>(&self, target: &'t Heap) -> Term<'t> {
        if self.state.flags.sensitive {
            return Term::NIL;
        }
        let pairs: Vec<Term<'t>> =
            self.state.dictionary_copy(target).into_iter().map(|(key, value)| target.tuple(&[key, value])).collect();
        target.list(&pairs)
    }

    fn label<'t>(&self, target: &'t Heap) -> Term<'t> {
        let label = match self.state.flags.sensitive {
            true => None,
            false => self.state.dictionary_value(Term::atom(atoms::PROCESS_LABEL), target),
        };
        label.unwrap_or(Term::atom(atoms::UNDEFINED))
    }

    fn garbage_collection<'t>(&self, target: &'t Heap) -> Term<'t> {
        let options = self.state.next_heap_options(self.heap);
        let pair = |name, value| target.tuple(&[Term::atom(name), value]);
        let number = |number: usize| target.unsigned(number as u64);
        target.list(&[
            pair(atoms::MAX_HEAP_SIZE, max_heap_size_map(target, &self.vm.atoms, self.state.rare.max_heap_size)),
            pair(atoms::MIN_BIN_VHEAP_SIZE, number(options.min_virtual_words)),
            pair(atoms::MIN_HEAP_SIZE, number(options.min_heap_words)),
            pair(atoms::FULLSWEEP_AFTER, number(options.fullsweep_after as usize)),
            pair(atoms::MINOR_GCS, number(self.heap.minor_collections() as usize)),
        ])
    }

    fn garbage_collection_info<'t>(&self, target: &'t Heap) -> Term<'t> {
        let heap = self.heap;
        let pairs = collection_sizes(heap, self.state.next_heap_options(heap).min_virtual_words);
        let pairs: Vec<Term<'t>> = pairs
            .into_iter()
            .map(|(name, value)| target.tuple(&[Term::atom(name), target.unsigned(value as u64)]))
            .collect();
        target.list(&pairs)
    }

    fn binaries<'t>(&self, target: &'t Heap) -> Term<'t> {
        let numbers = |number: usize| target.unsigned(number as u64);
        let binaries: Vec<Term<'t>> = self
            .heap
            .large_binaries()
            .into_iter()
            .map(|(address, size, count)| target.tuple(&[numbers(address), numbers(size), numbers(count)]))
            .collect();
        target.list(&binaries)
    }
}

/// Would purging the old code of `module` pull the ground from under this process?
pub(crate) fn runs_old_code(vm: &Vm, module: Atom, heap: &Heap, state: &ProcessState) -> bool {
    let Some(old) = vm.code.old(module) else { return false };
    let inside = |address: u64| old.holds(address);
    // This is where it goes on when it does not run, and where it calls from when it asks for itself.
    let on_stack = |word: &Word| word.is_return_address() && inside(word.code_address());
    inside(state.current_address) || heap.stack().iter().any(on_stack)
}
