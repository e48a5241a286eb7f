//! For tests only: a process that calls this folder's BIFs and reads its messages, with terms as text.

use oxbeam_beam_file::BeamFile;
use oxbeam_runtime::{
    BifContext, DirtyKind, DirtyState, Engine, Interrupt, LoadError, Outcome, Prepared, Process, ProcessMain,
    SpawnOptions, Trap, Vm, VmOptions,
};
use oxbeam_term::{Heap, Term, Value, atoms};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Work = Box<dyn FnOnce(&mut Session<'_>) + Send>;

struct TestEngine(Arc<Mutex<Option<Work>>>);

impl Engine for TestEngine {
    fn prepare(&self, _vm: &Vm, _file: BeamFile) -> Result<Prepared, LoadError> {
        Err(LoadError::BadFile("no code in tests of BIFs".to_owned()))
    }
    fn run(&self, vm: &Vm, process: &Arc<Process>, main: &mut ProcessMain, _dirty: bool, _budget: i32) -> Outcome {
        let Some(work) = self.0.lock().take() else { return Outcome::Wait };
        let mut session = Session { vm, process, main };
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&mut session)));
        vm.halt(i32::from(result.is_err()));
        Outcome::Exit(Vm::own_atom(atoms::NORMAL))
    }
    fn apply_address(&self) -> u64 {
        0
    }
}

/// A process under test.
pub(crate) struct Session<'a> {
    pub(crate) vm: &'a Vm,
    process: &'a Arc<Process>,
    main: &'a mut ProcessMain,
}

/// Runs `work` as a process of a machine that has this crate's BIFs.
pub(crate) fn in_process(work: impl FnOnce(&mut Session<'_>) + Send + 'static) {
    let slot: Arc<Mutex<Option<Work>>> = Arc::new(Mutex::new(None));
    let engine = TestEngine(slot.clone());
    let vm = Vm::new(VmOptions { schedulers: 1, ..VmOptions::default() }, Box::new(engine), crate::table());
    crate::io::install(&vm);
    *slot.lock() = Some(Box::new(work));
    assert!(vm.spawn(None, atoms::ERLANG, atoms::APPLY, &[], SpawnOptions::default()).is_some());
    vm.start();
    let status = vm.wait();
    vm.shut_down();
    assert_eq!(status, 0, "the test failed in its process, see above");
}

impl Session<'_> {
    /// Works with the process's context.
    pub(crate) fn with<R>(&mut self, work: impl for<'h> FnOnce(&mut BifContext<'h>) -> R) -> R {
        let ProcessMain { heap, state } = &mut *self.main;
        let heap: &Heap = heap;
        let mut reductions = 4000;
        work(&mut BifContext { vm: self.vm, heap, process: self.process, state, reductions: &mut reductions })
    }
    /// Sets `trap_exit`.
    pub(crate) fn trap_exits(&mut self) {
        self.main.state.flags.trap_exit = true;
    }
    /// Calls a BIF and gives its answer as text.
    pub(crate) fn call(
        &mut self,
        name: &str,
        arguments: impl for<'h> FnOnce(&mut BifContext<'h>) -> Vec<Term<'h>>,
    ) -> String {
        self.with(|cx| {
            let arguments = arguments(cx);
            let answer = call(cx, name, &arguments);
            answer.map_or_else(|error| error, |term| text(cx.vm, term))
        })
    }
    /// The next message as text, or `none` when there is none for a while.
    pub(crate) fn receive(&mut self) -> String {
        let start = Instant::now();
        loop {
            self.vm.handle_signals(self.process, self.main);
            let mut found = None;
            let vm = self.vm;
            self.main.state.messages.remove_where(vm, |message| {
                found = Some(text(vm, message));
                true
            });
            if let Some(found) = found {
                return found;
            }
            if start.elapsed() > Duration::from_secs(3) {
                return "none".into();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Calls a BIF by `module:function`.
pub(crate) fn call<'h>(cx: &mut BifContext<'h>, name: &str, arguments: &[Term<'h>]) -> Result<Term<'h>, String> {
    let (module, function) = name.split_once(':').expect("module:function");
    let find = |name: &str| cx.vm.atoms.existing(name).expect("the BIF exists");
    let entry = cx.vm.bif(find(module), find(function), arguments.len() as u8).expect("the BIF exists");
    let mut outcome = (entry.code)(cx, arguments);
    if let Err(interrupt) = &outcome
        && let Interrupt::Trap(Trap::HandOver(DirtyKind::Io)) = **interrupt
    {
        cx.vm.enter_dirty_call(cx.process, DirtyState::Running);
        outcome = (entry.code)(cx, arguments);
        assert!(cx.vm.leave_dirty_call(cx.process), "nobody kills the test's process");
    }
    outcome.map_err(|interrupt| match *interrupt {
        Interrupt::Raise(exception) => format!("error:{}", text(cx.vm, exception.reason)),
        Interrupt::Trap(Trap::Wait) => "wait".into(),
        Interrupt::Trap(_) => "trap".into(),
    })
}

/// A term as Erlang's `~w` shows it, with strings and binaries in quotes when they are printable.
pub(crate) fn text(vm: &Vm, term: Term<'_>) -> String {
    match term.value() {
        Value::Small(number) => number.to_string(),
        Value::Atom(atom) => vm.atoms.text(atom).to_owned(),
        Value::Pid(pid) => format!("<0.{}.{}>", pid.number, pid.serial),
        Value::Port(port) => format!("#Port<0.{}>", port.0),
        Value::Reference(_) => "#Ref".into(),
        Value::Nil => "[]".into(),
        Value::Bits(bits) => {
            let bytes = bits.to_bytes();
            match std::str::from_utf8(&bytes) {
                Ok(text) => format!("<<{text:?}>>"),
                Err(_) => format!("<<{bytes:?}>>"),
            }
        }
        Value::Tuple(tuple) => {
            let elements: Vec<String> = tuple.elements().iter().map(|element| text(vm, *element)).collect();
            format!("{{{}}}", elements.join(","))
        }
        Value::Cons(_) => {
            let elements = term.to_vec().expect("a proper list");
            let bytes: Option<Vec<u8>> =
                elements.iter().map(|element| u8::try_from(element.as_small()?).ok()).collect();
            match bytes.filter(|bytes| bytes.iter().all(|byte| *byte >= 9 && *byte < 127)) {
                Some(bytes) => format!("{:?}", String::from_utf8_lossy(&bytes)),
                None => {
                    let elements: Vec<String> = elements.iter().map(|element| text(vm, *element)).collect();
                    format!("[{}]", elements.join(","))
                }
            }
        }
        _ => "?".into(),
    }
}
