//! For tests only: a machine without code, a process to call BIFs in, and answers recorded from the real system.

use oxbeam_beam_file::BeamFile;
use oxbeam_etf::{DecodeContext, DecodeOptions, EncodeContext, FunIdentity, Node, decode};
use oxbeam_runtime::{
    BifContext, Engine, Exception, Interrupt, LoadError, Outcome, Prepared, Process, ProcessMain, SpawnOptions, Trap,
    Vm, VmOptions,
};
use oxbeam_term::{Atom, AtomTable, Export, Heap, Pid, Term, atoms};
use parking_lot::Mutex;
use std::sync::Arc;

type Work = Box<dyn FnOnce(&Vm, &Arc<Process>, &mut ProcessMain) + Send>;

/// Runs a Rust function in place of a process's code.
#[derive(Default)]
struct TestEngine {
    work: Arc<Mutex<Option<Work>>>,
}

impl Engine for TestEngine {
    fn prepare(&self, _vm: &Vm, _file: BeamFile) -> Result<Prepared, LoadError> {
        Err(LoadError::BadFile("no code in tests of BIFs".to_owned()))
    }
    fn run(&self, vm: &Vm, process: &Arc<Process>, main: &mut ProcessMain, _dirty: bool, _budget: i32) -> Outcome {
        let work = self.work.lock().take();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            if let Some(work) = work {
                work(vm, process, main);
            }
        }));
        vm.halt(i32::from(result.is_err()));
        Outcome::Exit(Vm::own_atom(atoms::NORMAL))
    }
    fn apply_address(&self) -> u64 {
        0
    }
}

/// What a BIF did.
pub(crate) enum Answer<'h> {
    /// Returned.
    Value(Term<'h>),
    /// Raised.
    Raise(Exception<'h>),
    /// Went on in an Erlang function, this one with these arguments.
    #[allow(dead_code, reason = "for the tests that expect it")]
    Call(Atom, Atom, Vec<Term<'h>>),
}

/// Runs `work` as a process of a machine that has this crate's BIFs.
pub(crate) fn in_process(work: impl FnOnce(&mut BifContext<'_>) + Send + 'static) {
    let engine = TestEngine::default();
    let slot = engine.work.clone();
    let vm = Vm::new(VmOptions { schedulers: 1, ..VmOptions::default() }, Box::new(engine), crate::table());
    *slot.lock() = Some(Box::new(move |vm: &Vm, process: &Arc<Process>, main: &mut ProcessMain| {
        let ProcessMain { heap, state } = main;
        let mut reductions = 4000;
        let heap: &Heap = heap;
        work(&mut BifContext { vm, heap, process, state, reductions: &mut reductions });
    }));
    let spawned = vm.spawn(None, atoms::ERLANG, atoms::APPLY, &[], SpawnOptions::default());
    assert!(spawned.is_some());
    vm.start();
    let status = vm.wait();
    vm.shut_down();
    assert_eq!(status, 0, "the test failed in its process, see above");
}

/// Calls a BIF until it has an answer.
pub(crate) fn call<'h>(
    cx: &mut BifContext<'h>,
    module: Atom,
    function: Atom,
    arguments: &[Term<'h>],
) -> Option<Answer<'h>> {
    let vm = cx.vm;
    let mut code = vm.bif(module, function, arguments.len() as u8)?.code;
    let mut arguments = arguments.to_vec();
    let mut budget = 4000;
    loop {
        *cx.reductions = budget;
        match code(cx, &arguments).map_err(|interrupt| *interrupt) {
            Ok(value) => return Some(Answer::Value(value)),
            Err(Interrupt::Raise(exception)) => return Some(Answer::Raise(exception)),
            Err(Interrupt::Trap(
                Trap::Again { function, arguments: next } | Trap::Dirty { function, arguments: next, .. },
            )) => {
                code = function;
                arguments = next;
            }
            // There is no dirty scheduler here, so what it has time for is done at once.
            Err(Interrupt::Trap(Trap::HandOver(_))) => budget = i32::MAX,
            Err(Interrupt::Trap(Trap::Yield(value))) => return Some(Answer::Value(value)),
            Err(Interrupt::Trap(Trap::Call { export, arguments })) => {
                return Some(Answer::Call(export.module, export.function, arguments));
            }
            Err(Interrupt::Trap(_)) => panic!("a trap that this test does not know"),
        }
    }
}

struct Context<'v>(&'v Vm);

impl EncodeContext for Context<'_> {
    fn atoms(&self) -> &AtomTable {
        &self.0.atoms
    }
    fn node(&self) -> Node {
        Node { name: atoms::NONODE_NOHOST, creation: 0 }
    }
    fn local_key(&self) -> u64 {
        0
    }
    fn init_process(&self) -> Pid {
        Pid { number: 0, serial: 0 }
    }
}

impl DecodeContext for Context<'_> {
    fn export(&self, module: Atom, function: Atom, arity: u8, _existing_only: bool) -> Option<&'static Export> {
        Some(self.0.code.export(module, function, arity))
    }
    fn fun<'h>(&self, _heap: &'h Heap, _identity: &FunIdentity, _environment: &[Term<'h>]) -> Option<Term<'h>> {
        None
    }
}

/// Compares BIFs with the real system. `recording` is an external term: a list of
/// `{Module, Function, Arguments, {value, Value} | {raise, Class, Reason, Cause}}`, `Cause` being `none` if there was
/// none. Calls that go on in Erlang code are passed over. Returns how many were compared.
pub(crate) fn check_recording(recording: &'static [u8]) -> usize {
    let compared = Arc::new(Mutex::new(0));
    let count = compared.clone();
    in_process(move |cx| {
        let decoded = decode(recording, cx.heap, &Context(cx.vm), DecodeOptions::default());
        let mut wrong = 0;
        for case in decoded.expect("the recording decodes").term.list_iter() {
            let [module, function, arguments, expected] = *case.as_tuple_of::<4>().expect("a case has four elements");
            let (module, function) = (module.as_atom().expect("a module"), function.as_atom().expect("a function"));
            let arguments = arguments.to_vec().expect("a list of arguments");
            let answer = call(cx, module, function, &arguments);
            let Some(answer) = answer else {
                panic!("no BIF {}:{}/{}", cx.text(module), cx.text(function), arguments.len());
            };
            let Some(answer) = described(cx, answer) else { continue };
            *count.lock() += 1;
            if !answer.is_exactly(expected) {
                wrong += 1;
                let arguments = cx.heap.list(&arguments);
                eprintln!(
                    "{}:{} {}\n  is {}\n  not {}",
                    cx.text(module),
                    cx.text(function),
                    text(cx, arguments),
                    text(cx, answer),
                    text(cx, expected)
                );
            }
        }
        assert_eq!(wrong, 0, "answers differ from the real system's");
    });
    let compared = *compared.lock();
    compared
}

fn described<'h>(cx: &BifContext<'h>, answer: Answer<'h>) -> Option<Term<'h>> {
    let atom = |name: &str| Term::atom(cx.vm.atoms.intern(name).expect("room for an atom"));
    Some(match answer {
        Answer::Value(value) => cx.heap.tuple(&[atom("value"), value]),
        Answer::Raise(exception) => {
            let cause = exception.cause.unwrap_or(atom("none"));
            cx.heap.tuple(&[atom("raise"), Term::atom(exception.class.atom()), exception.reason, cause])
        }
        Answer::Call(..) => return None,
    })
}

/// Short text of a term, for messages of tests.
pub(crate) fn text(cx: &BifContext<'_>, term: Term<'_>) -> String {
    use oxbeam_term::Value;
    match term.value() {
        Value::Atom(atom) => cx.text(atom).to_owned(),
        _ if term.is_nil() => "[]".to_owned(),
        _ => {
            if let Some(integer) = term.as_integer() {
                integer.to_bigint().to_string()
            } else if let Some(float) = term.as_float() {
                float.to_string()
            } else if let Some(bits) = term.as_bits() {
                format!("<<{:?}:{}>>", bits.to_bytes(), bits.bit_size())
            } else if let Some(tuple) = term.as_tuple() {
                let elements: Vec<String> = tuple.elements().iter().map(|element| text(cx, *element)).collect();
                format!("{{{}}}", elements.join(","))
            } else if term.is_list() {
                let mut walk = term.list_iter();
                let elements: Vec<String> = walk.by_ref().map(|element| text(cx, element)).collect();
                format!("[{}|{}]", elements.join(","), text(cx, walk.tail()))
            } else {
                format!("{term:?}")
            }
        }
    }
}
