//! Processes, signals and schedulers together, with an engine that runs Rust closures in place of code.

use oxbeam_beam_file::BeamFile;
use oxbeam_runtime::{
    AliasKind, Engine, Holding, LinkTarget, LoadError, Monitor, MonitorTarget, Outcome, Peek, Prepared, Process,
    ProcessMain, Signal, SpawnOptions, Vm, VmOptions,
};
use oxbeam_term::{OwnedTerm, Pid, Term, atoms};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs each time its process is scheduled.
type Body = Box<dyn FnMut(&Vm, &Arc<Process>, &mut ProcessMain) -> Outcome + Send>;

/// Bodies by number, which is the only argument of a process's first function.
#[derive(Default, Clone)]
struct Bodies(Arc<Mutex<Vec<Option<Body>>>>);

impl Engine for Bodies {
    fn prepare(&self, _vm: &Vm, _file: BeamFile) -> Result<Prepared, LoadError> {
        Err(LoadError::BadFile("no code here".to_owned()))
    }
    fn run(&self, vm: &Vm, process: &Arc<Process>, main: &mut ProcessMain, _dirty: bool, _budget: i32) -> Outcome {
        let number = main.state.scratch() as usize;
        let mut body = self.0.lock()[number].take().expect("one process runs a body");
        let outcome = body(vm, process, main);
        self.0.lock()[number] = Some(body);
        outcome
    }
    fn apply_address(&self) -> u64 {
        0
    }
}

/// The number of a process's body.
trait Scratch {
    fn scratch(&self) -> i64;
}

impl Scratch for oxbeam_runtime::ProcessState {
    fn scratch(&self) -> i64 {
        self.initial_call.1.0.into()
    }
}

struct Node {
    vm: Arc<Vm>,
    bodies: Bodies,
}

impl Node {
    fn new(schedulers: usize) -> Node {
        let bodies = Bodies::default();
        let options = VmOptions { schedulers, dirty_cpu_schedulers: 1, dirty_io_schedulers: 1, ..VmOptions::default() };
        Node { vm: Vm::new(options, Box::new(bodies.clone()), Vec::new()), bodies }
    }
    fn spawn(&self, body: impl FnMut(&Vm, &Arc<Process>, &mut ProcessMain) -> Outcome + Send + 'static) -> Pid {
        let mut bodies = self.bodies.0.lock();
        let function = oxbeam_term::Atom(bodies.len() as u32);
        bodies.push(Some(Box::new(body)));
        drop(bodies);
        let pid = self.vm.spawn(None, atoms::ERLANG, function, &[], SpawnOptions::default());
        pid.expect("there is room for a process")
    }
    /// Runs until somebody halts the machine.
    fn run(self) {
        self.vm.start();
        assert_eq!(self.vm.wait(), 0);
        self.vm.shut_down();
    }
}

/// Takes the next message, if there is one, as a small integer.
fn receive(vm: &Vm, process: &Arc<Process>, main: &mut ProcessMain) -> Option<i64> {
    if main.state.messages.peek() == Peek::End {
        vm.handle_signals(process, main);
    }
    let Peek::Message(word) = main.state.messages.peek() else { return None };
    main.state.messages.take(&main.heap);
    Some(word.small_value())
}

fn number(value: i64) -> OwnedTerm {
    OwnedTerm::immediate(Term::small(value).word())
}

/// A token goes round a ring: whoever misses a wake-up stops it.
#[test]
fn a_ring_never_stops() {
    const PROCESSES: usize = 50;
    const ROUNDS: i64 = 400;
    let node = Node::new(4);
    let pids: Arc<Mutex<Vec<Pid>>> = Arc::default();
    for index in 0..PROCESSES {
        let all = pids.clone();
        let pid = node.spawn(move |vm, process, main| {
            while let Some(token) = receive(vm, process, main) {
                if token == ROUNDS * PROCESSES as i64 {
                    vm.halt(0);
                    return Outcome::Wait;
                }
                let next = all.lock()[(index + 1) % PROCESSES];
                vm.send_message(next, number(token + 1));
            }
            Outcome::Wait
        });
        pids.lock().push(pid);
    }
    let first = pids.lock()[0];
    node.vm.send_message(first, number(0));
    node.run();
}

/// Every message of many senders arrives once, in each sender's order, while the receiver also yields.
#[test]
fn messages_keep_their_order() {
    const SENDERS: i64 = 8;
    const EACH: i64 = 2000;
    let node = Node::new(3);
    let mut expected = [0i64; SENDERS as usize];
    let mut left = SENDERS * EACH;
    let receiver = node.spawn(move |vm, process, main| {
        for _ in 0..100 {
            let Some(value) = receive(vm, process, main) else { return Outcome::Wait };
            let (sender, count) = ((value / EACH) as usize, value % EACH);
            assert_eq!(count, expected[sender]);
            expected[sender] += 1;
            left -= 1;
            if left == 0 {
                vm.halt(0);
            }
        }
        Outcome::Yield
    });
    for sender in 0..SENDERS {
        let mut next = 0;
        node.spawn(move |vm, _, _| {
            for _ in 0..50 {
                vm.send_message(receiver, number(sender * EACH + next));
                next += 1;
            }
            if next == EACH { Outcome::Exit(Vm::own_atom(atoms::NORMAL)) } else { Outcome::Yield }
        });
    }
    node.run();
}

/// The message about a monitored process carries the very reference that the monitor returned, alias or not; the
/// process's name is free by then.
#[test]
fn down_messages_and_names() {
    let node = Node::new(2);
    let watched = node.spawn(|_, _, main| {
        let done = main.state.messages.has_next();
        if done { Outcome::Exit(Vm::own_atom(atoms::KILLED)) } else { Outcome::Wait }
    });
    let name = atoms::LOGGER;
    let process = node.vm.process(watched).expect("it has not run yet");
    assert!(node.vm.register_process(name, &process));
    drop(process);
    let mut references = Vec::new();
    node.spawn(move |vm, process, main| {
        let watcher = process.pid();
        if references.is_empty() {
            for alias in [None, Some(AliasKind::Demonitor)] {
                let reference = vm.next_reference();
                let target = MonitorTarget::Process(watched);
                let monitor = Monitor { target, tag: None, alias, carries_owner: alias.is_some() };
                main.state.monitors.insert(reference, monitor);
                assert!(vm.signal_pid(watched, Signal::Monitor { reference, watcher, name: None }));
                references.push((reference, alias));
            }
            vm.send_message(watched, number(1));
            return Outcome::Wait;
        }
        vm.handle_signals(process, main);
        if main.state.messages.len() < 2 {
            return Outcome::Wait;
        }
        assert!(vm.registry.whereis(name).is_none());
        let mut seen = 0;
        for message in main.state.messages.copies(&main.heap) {
            let [down, reference, kind, pid, reason] = *message.as_tuple_of::<5>().expect("five elements");
            assert!(down.is_atom(atoms::DOWN) && kind.is_atom(atoms::PROCESS) && reason.is_atom(atoms::KILLED));
            assert_eq!(pid.as_pid(), Some(watched));
            let reference = reference.as_reference().expect("a reference");
            let alias = references.iter().find(|(number, _)| *number == reference.number()).expect("one of ours").1;
            assert_eq!(reference.alias_of(), alias.map(|_| watcher));
            seen += 1;
        }
        assert_eq!(seen, 2);
        vm.halt(0);
        Outcome::Wait
    });
    node.run();
}

/// A chain of linked processes falls when its last one exits, except behind one that traps exits.
#[test]
fn links_pull_down_a_chain() {
    const LENGTH: usize = 100;
    let node = Node::new(2);
    let ended = Arc::new(AtomicUsize::new(0));
    let count = ended.clone();
    node.vm.add_exit_hook(
        Holding::FILES,
        Box::new(move |_, _, _| {
            count.fetch_add(1, Ordering::SeqCst);
        }),
    );
    let guardian = node.spawn(move |vm, process, main| {
        main.state.flags.trap_exit = true;
        vm.handle_signals(process, main);
        let Some(message) = main.state.messages.copies(&main.heap).first().copied() else { return Outcome::Wait };
        let [tag, _, reason] = *message.as_tuple_of::<3>().expect("three elements");
        assert!(tag.is_atom(atoms::UPPER_EXIT) && reason.is_atom(atoms::BADARG));
        assert!(ended.load(Ordering::SeqCst) >= LENGTH);
        vm.halt(0);
        Outcome::Wait
    });
    let all_linked = Arc::new(AtomicUsize::new(0));
    let mut previous = guardian;
    for index in 0..LENGTH {
        let before = previous;
        let mut linked = false;
        let count = all_linked.clone();
        previous = node.spawn(move |vm, process, main| {
            if !linked {
                linked = true;
                process.holds(Holding::FILES);
                let from = LinkTarget::Process(process.pid());
                assert!(vm.signal_pid(before, Signal::Link { from }));
                main.state.links.insert(LinkTarget::Process(before), ());
                count.fetch_add(1, Ordering::SeqCst);
            }
            if index + 1 == LENGTH && main.state.messages.has_next() {
                return Outcome::Exit(Vm::own_atom(atoms::BADARG));
            }
            Outcome::Wait
        });
    }
    let last = previous;
    node.spawn(move |vm, _, _| {
        if all_linked.load(Ordering::SeqCst) < LENGTH {
            return Outcome::Yield;
        }
        vm.send_message(last, number(1));
        Outcome::Exit(Vm::own_atom(atoms::NORMAL))
    });
    node.run();
}
