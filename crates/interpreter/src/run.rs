//! The interpreter's loop: runs one process for one slice.

use crate::Interpreter;
use crate::instruction::{Instruction as I, SIZE_ALL};
use crate::old_construction::Builder;
use oxbeam_runtime::{
    BifContext, BifEntry, BifFunction, Class, Collected, DirtyKind, Exception, Interrupt, Outcome, Process,
    ProcessMain, ProcessState, Resume, SavedCall, Trace, Trap, Vm,
};
use oxbeam_term::arithmetic::{self, ArithmeticError};
use oxbeam_term::{Atom, Export, FunEntry, Heap, Kind, Term, Word, atoms};
use smallvec::SmallVec;
use std::cell::UnsafeCell;
use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::Ordering as Memory;

/// X registers that instructions can name.
const X_REGISTERS: usize = 1024;
/// Float registers.
const FLOAT_REGISTERS: usize = 1024;

struct Scratch {
    x: [u64; X_REGISTERS + 8],
    floats: [f64; FLOAT_REGISTERS],
}

thread_local! {
    /// The registers of the process that this scheduler thread runs; processes do not keep any.
    static SCRATCH: Box<UnsafeCell<Scratch>> =
        Box::new(UnsafeCell::new(Scratch { x: [0; X_REGISTERS + 8], floats: [0.0; FLOAT_REGISTERS] }));
}

/// What to do after an instruction that may leave the straight path.
pub enum Flow {
    /// Go on here.
    Go(*const u32),
    /// The slice is over.
    Stop(Outcome),
}

/// How a call stands in its function.
#[derive(Clone, Copy)]
pub enum Position {
    /// Something follows.
    Body,
    /// Last, without a frame.
    Only,
    /// Last, with a frame of this many words.
    Last(usize),
}

/// One slice of one process.
pub struct Run<'a> {
    pub(crate) interpreter: &'a Interpreter,
    pub(crate) vm: &'a Vm,
    pub(crate) process: &'a Arc<Process>,
    pub(crate) main: *mut ProcessMain,
    dirty: bool,
    pub(crate) reductions: i32,
    budget: i32,
    /// X registers, Y registers (the stack's top), constants.
    pub(crate) bases: [*mut u64; 3],
    floats: *mut f64,
    /// The binary that old instructions are building.
    pub(crate) builder: Option<Box<Builder>>,
}

macro_rules! stop_or {
    ($ip:ident, $flow:expr) => {
        match $flow {
            Flow::Go(next) => $ip = next,
            Flow::Stop(outcome) => return outcome,
        }
    };
}

/// Is this one of the functions of `erlang` that raise in the name of their caller?
fn raises_for_caller(function: Atom, arity: usize) -> bool {
    match arity {
        1 => matches!(function, atoms::ERROR | atoms::EXIT | atoms::THROW),
        2 | 3 => function == atoms::ERROR,
        _ => false,
    }
}

impl<'a> Run<'a> {
    /// Prepares to run a process that the caller owns.
    pub fn new(
        interpreter: &'a Interpreter,
        vm: &'a Vm,
        process: &'a Arc<Process>,
        main: &'a mut ProcessMain,
        dirty: bool,
        budget: i32,
    ) -> Run<'a> {
        let scratch = SCRATCH.with(|scratch| scratch.get());
        // SAFETY: the scratch registers belong to this thread, and a thread runs one process at a time.
        let (x, floats) =
            unsafe { ((&raw mut (*scratch).x).cast::<u64>(), (&raw mut (*scratch).floats).cast::<f64>()) };
        let stack = main.heap.stack_top();
        let constants = vm.code.constants.base().cast_mut();
        let bases = [x, stack, constants];
        Run { interpreter, vm, process, main, dirty, reductions: budget, budget, bases, floats, builder: None }
    }

    // --- access --------------------------------------------------------------------------------------------------

    /// The process's heap.
    #[inline(always)]
    pub(crate) fn heap(&self) -> &'a Heap {
        // SAFETY: the slice owns the process; the heap stays where it is, and nobody else refers to it.
        unsafe { &(*self.main).heap }
    }
    /// The process's state.
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "the slice owns the process; uses do not overlap")]
    pub(crate) fn state(&self) -> &'a mut ProcessState {
        // SAFETY: the slice owns the process; each use ends before the next begins.
        unsafe { &mut (*self.main).state }
    }
    #[inline(always)]
    pub(crate) fn x(&self, index: usize) -> Word {
        // SAFETY: indexes come from decoded instructions or arities, all below the number of registers.
        Word(unsafe { *self.bases[0].add(index) })
    }
    #[inline(always)]
    pub(crate) fn set_x(&mut self, index: usize, word: Word) {
        // SAFETY: as above.
        unsafe { *self.bases[0].add(index) = word.0 }
    }
    /// A word as a term that lives until the next collection.
    #[inline(always)]
    pub(crate) fn term(&self, word: Word) -> Term<'a> {
        // SAFETY: registers, stack and constants hold live terms; callers do not keep it across a collection.
        unsafe { Term::from_raw(word) }
    }
    /// Source operand `n` words behind `ip`.
    #[inline(always)]
    pub(crate) fn source(&self, ip: *const u32, n: usize) -> Word {
        // SAFETY: the decoder put a source operand there.
        unsafe {
            let operand = *ip.add(n);
            Word(*self.bases.get_unchecked((operand & 3) as usize).add((operand >> 2) as usize))
        }
    }
    /// Writes register operand `n`.
    #[inline(always)]
    pub(crate) fn write(&mut self, ip: *const u32, n: usize, word: Word) {
        // SAFETY: the decoder put a register operand there.
        unsafe {
            let operand = *ip.add(n);
            *self.bases.get_unchecked((operand & 3) as usize).add((operand >> 2) as usize) = word.0;
        }
    }
    /// Number operand `n`.
    #[inline(always)]
    pub(crate) fn number(&self, ip: *const u32, n: usize) -> u32 {
        // SAFETY: the decoder put an operand there.
        unsafe { *ip.add(n) }
    }
    /// Label operand `n`.
    #[inline(always)]
    pub(crate) fn label(&self, ip: *const u32, n: usize) -> *const u32 {
        ip.wrapping_offset(self.number(ip, n) as i32 as isize)
    }
    /// Is label operand `n` none?
    #[inline(always)]
    pub(crate) fn no_label(&self, ip: *const u32, n: usize) -> bool {
        self.number(ip, n) == 0
    }
    /// Constant operand `n`.
    #[inline(always)]
    pub(crate) fn constant(&self, ip: *const u32, n: usize) -> u64 {
        // SAFETY: the decoder put a constant's index there.
        unsafe { *self.bases[2].add(self.number(ip, n) as usize) }
    }
    #[inline(always)]
    fn y(&mut self, index: usize) -> &mut u64 {
        // SAFETY: the decoder checked that the operand is a Y register; the compiler, that the frame has it.
        unsafe { &mut *self.bases[1].add(index) }
    }
    /// Tells the heap where the stack ends, before anything that looks at it.
    #[inline(always)]
    pub(crate) fn sync(&self) {
        // SAFETY: the register holds the stack's top.
        unsafe { self.heap().set_stack_top(self.bases[1]) }
    }
    #[inline(always)]
    pub(crate) fn reload(&mut self) {
        self.bases[1] = self.heap().stack_top();
    }
    #[inline(always)]
    pub(crate) fn push_return(&mut self, address: *const u32) {
        // SAFETY: every frame leaves room for return addresses below it (`STACK_RESERVE_WORDS`).
        unsafe {
            self.bases[1] = self.bases[1].sub(1);
            *self.bases[1] = Word::return_address(address as u64).0;
        }
    }
    #[inline(always)]
    pub(crate) fn pop_return(&mut self) -> *const u32 {
        // SAFETY: a function returns with its frame gone, so the return address is on top.
        unsafe {
            let word = Word(*self.bases[1]);
            debug_assert!(word.is_return_address(), "a return without a return address: {word:?}");
            self.bases[1] = self.bases[1].add(1);
            word.code_address() as *const u32
        }
    }
    #[inline(always)]
    pub(crate) fn drop_frame(&mut self, words: usize) {
        self.bases[1] = self.bases[1].wrapping_add(words);
    }

    // --- collecting and yielding ---------------------------------------------------------------------------------

    /// Collects, with `live` X registers.
    #[cold]
    #[inline(never)]
    pub(crate) fn collect(&mut self, need: usize, live: usize) {
        self.sync();
        self.builder = None;
        // SAFETY: `live` X registers hold terms; the slice owns the process.
        let (main, registers) =
            unsafe { (&mut *self.main, std::slice::from_raw_parts_mut(self.bases[0].cast::<Word>(), live)) };
        if self.vm.collect(self.process, main, need, registers) == Collected::TooLarge {
            self.vm.report_heap_too_large(self.process, main);
            if main.state.rare.max_heap_size.kill {
                main.state.exiting = Some(Vm::own_atom(atoms::KILLED));
                self.reductions = -1;
            }
        }
        self.reload();
    }
    /// As [`Run::collect`] for a process that will not need room soon: the heap takes what it holds and no more.
    fn collect_tightly(&mut self, live: usize) {
        // SAFETY: the slice owns the process, and no other reference to its main part is in use here.
        let main = unsafe { &mut *self.main };
        if let Some(options) = main.state.rare.if_set().and_then(|rare| rare.heap_options.take()) {
            *main.heap.options_mut() = options;
        }
        let usual = std::mem::replace(&mut main.heap.options_mut().min_heap_words, 0);
        // The first collection has room for everything there was; the second knows how little is left.
        self.collect(0, live);
        self.collect(0, live);
        // SAFETY: as above.
        unsafe { &mut *self.main }.heap.options_mut().min_heap_words = usual;
    }
    /// Makes sure that the block has room for `words`.
    #[inline(always)]
    pub(crate) fn ensure(&mut self, words: usize, live: usize) {
        self.sync();
        if !self.heap().has_room(words) || self.heap().wants_collection() {
            self.collect(words, live);
        }
    }
    /// Collects if fragments or large binaries ask for it.
    #[inline(always)]
    fn relieve(&mut self, live: usize) {
        if self.heap().wants_collection() {
            self.collect(0, live);
        }
    }
    /// Saves `live` X registers, to go on at `ip`.
    pub(crate) fn save(&mut self, ip: *const u32, live: usize) {
        self.sync();
        let state = self.state();
        state.registers.clear();
        state.registers.extend((0..live).map(|index| self.x(index)));
        state.resume = Resume::Code(ip as u64);
        state.current_address = ip as u64 + 4;
    }
    #[cold]
    pub(crate) fn suspend(&mut self, ip: *const u32, live: usize, outcome: Outcome) -> Flow {
        self.save(ip, live);
        Flow::Stop(outcome)
    }
    /// Counts a call: `None` to go on, else the slice is over.
    #[inline(always)]
    fn count_call(&mut self, ip: *const u32, arity: usize) -> Option<Outcome> {
        self.reductions -= 1;
        if self.reductions > 0 {
            return None;
        }
        self.save(ip, arity);
        Some(Outcome::Yield)
    }
    fn resume(&mut self) -> Flow {
        let state = self.state();
        for (index, word) in state.registers.iter().enumerate() {
            self.set_x(index, *word);
        }
        state.registers.clear();
        match state.resume {
            Resume::Code(address) => Flow::Go(address as *const u32),
            Resume::Bif(saved) => self.resume_bif(saved),
        }
    }

    // --- BIFs ----------------------------------------------------------------------------------------------------

    /// Calls a BIF function with the first X registers.
    #[inline(always)]
    fn invoke(&mut self, function: BifFunction, arguments: &[Word], address: u64) -> Result<Word, Box<Interrupt<'a>>> {
        self.sync();
        let state = self.state();
        state.current_address = address;
        // SAFETY: the arguments are live terms; a BIF does not collect.
        let arguments: &'a [Term<'a>] =
            unsafe { std::slice::from_raw_parts(arguments.as_ptr().cast(), arguments.len()) };
        let reductions: *mut i32 = &raw mut self.reductions;
        let mut context = BifContext {
            vm: self.vm,
            heap: self.heap(),
            process: self.process,
            state,
            // SAFETY: the slice outlives the call, and nothing else touches the counter meanwhile.
            reductions: unsafe { &mut *reductions },
        };
        function(&mut context, arguments).map(Term::word)
    }
    pub(crate) fn x_slice(&self, count: usize) -> &'a [Word] {
        // SAFETY: `count` X registers hold the arguments.
        unsafe { std::slice::from_raw_parts(self.bases[0].cast(), count) }
    }
    /// Calls a BIF whose arguments are in X registers; `after` is the instruction behind the call.
    pub(crate) fn call_bif(&mut self, entry: &BifEntry, after: *const u32, position: Position) -> Flow {
        let arity = entry.arity as usize;
        if self.vm.tracing.traces_bifs()
            && !after.is_null()
            && let Some(flow) = self.call_traced_bif(entry, after, position)
        {
            return flow;
        }
        if (entry.flags.dirty_io || entry.flags.dirty_cpu) && !self.dirty {
            return self.go_dirty(entry, after, position);
        }
        self.reductions -= 1;
        if self.reductions < 0 && self.state().exiting.is_some() {
            return self.suspend(after, 0, Outcome::Yield);
        }
        match self.invoke(entry.code, self.x_slice(arity), after as u64) {
            Ok(value) => self.bif_value(value, after, position),
            Err(interrupt) => {
                let name = || (self.known_atom(entry.module), self.known_atom(entry.function));
                let saved = self.saved_call(entry.code, entry.arity, name(), after, position);
                self.interrupt(*interrupt, saved, position)
            }
        }
    }
    fn known_atom(&self, name: &str) -> Atom {
        self.vm.atoms.existing(name).unwrap_or(atoms::UNDEFINED)
    }
    #[inline(always)]
    fn bif_value(&mut self, value: Word, after: *const u32, position: Position) -> Flow {
        self.set_x(0, value);
        self.relieve(1);
        match position {
            Position::Body => Flow::Go(after),
            Position::Only => Flow::Go(self.pop_return()),
            Position::Last(words) => {
                self.drop_frame(words);
                Flow::Go(self.pop_return())
            }
        }
    }
    fn saved_call(
        &self,
        function: BifFunction,
        arity: u8,
        (module, name): (Atom, Atom),
        after: *const u32,
        position: Position,
    ) -> SavedCall {
        let tail = !matches!(position, Position::Body);
        SavedCall { function, arity, return_to: after as u64, tail, module, name, dirty: false }
    }
    /// Hands the process to a dirty scheduler, to make this call there.
    #[cold]
    fn go_dirty(&mut self, entry: &BifEntry, after: *const u32, position: Position) -> Flow {
        let name = (self.known_atom(entry.module), self.known_atom(entry.function));
        let mut saved = self.saved_call(entry.code, entry.arity, name, after, position);
        saved.dirty = true;
        if let Position::Last(words) = position {
            self.drop_frame(words);
        }
        let kind = if entry.flags.dirty_io { DirtyKind::Io } else { DirtyKind::Cpu };
        self.save_bif(saved, entry.arity as usize);
        Flow::Stop(Outcome::Dirty(kind))
    }
    fn save_bif(&mut self, saved: SavedCall, live: usize) {
        self.save(saved.return_to as *const u32, live);
        self.state().resume = Resume::Bif(saved);
    }
    /// Makes a saved BIF call; its arguments are in X registers again.
    fn resume_bif(&mut self, saved: SavedCall) -> Flow {
        let after = saved.return_to as *const u32;
        let position = if saved.tail { Position::Only } else { Position::Body };
        let arguments = self.x_slice(saved.arity as usize);
        let result = match self.dirty {
            false => self.invoke(saved.function, arguments, saved.return_to),
            true => match self.invoke_dirty(saved.function, arguments) {
                Some(result) => result,
                None => return Flow::Stop(Outcome::Ended),
            },
        };
        match result {
            Ok(value) => {
                let flow = self.bif_value(value, after, position);
                self.leave_dirty(flow)
            }
            Err(interrupt) => {
                let flow = self.interrupt(*interrupt, saved, position);
                self.leave_dirty(flow)
            }
        }
    }
    /// A dirty scheduler makes its one call, then gives the process back.
    fn leave_dirty(&mut self, flow: Flow) -> Flow {
        match flow {
            Flow::Go(ip) if self.dirty => {
                // A value is in x0, a caught exception in x0..x3.
                let live = if self.x(0) == Word::NONE { 4 } else { 1 };
                self.save(ip, live);
                Flow::Stop(Outcome::Clean)
            }
            other => other,
        }
    }
    /// A BIF did not return a value.
    #[cold]
    fn interrupt(&mut self, interrupt: Interrupt<'a>, saved: SavedCall, position: Position) -> Flow {
        let after = saved.return_to as *const u32;
        match interrupt {
            Interrupt::Raise(exception) => {
                let arguments = self.x_slice(saved.arity as usize).to_vec();
                self.raise_from_bif(after, exception, (saved.module, saved.name), &arguments)
            }
            Interrupt::Trap(trap) => {
                // From here on the frame of a last call is gone.
                if let Position::Last(words) = position {
                    self.drop_frame(words);
                }
                self.trap(trap, SavedCall { tail: !matches!(position, Position::Body), ..saved })
            }
        }
    }
    fn trap(&mut self, trap: Trap<'a>, saved: SavedCall) -> Flow {
        let after = saved.return_to as *const u32;
        match trap {
            Trap::Call { export, arguments } => {
                self.load_arguments(&arguments);
                if !saved.tail {
                    self.push_return(after);
                }
                if self.dirty {
                    return self.call_later(export, &arguments);
                }
                self.call_export(export, Position::Only)
            }
            Trap::Again { function, arguments } => {
                self.load_arguments(&arguments);
                let next = SavedCall { function, arity: arguments.len() as u8, ..saved };
                self.relieve(arguments.len());
                if self.dirty {
                    self.save_bif(next, arguments.len());
                    return Flow::Stop(Outcome::Clean);
                }
                if self.reductions <= 0 || self.state().force_major {
                    if self.state().force_major {
                        self.collect(0, arguments.len());
                    }
                    self.save_bif(next, arguments.len());
                    return Flow::Stop(Outcome::Yield);
                }
                self.resume_bif(next)
            }
            Trap::Dirty { function, arguments } => {
                self.load_arguments(&arguments);
                let next = SavedCall { function, arity: arguments.len() as u8, dirty: true, ..saved };
                if self.dirty {
                    return self.resume_bif(next);
                }
                self.save_bif(next, arguments.len());
                Flow::Stop(Outcome::Dirty(DirtyKind::Cpu))
            }
            Trap::HandOver => {
                self.save_bif(SavedCall { dirty: true, ..saved }, saved.arity as usize);
                Flow::Stop(Outcome::Dirty(DirtyKind::Cpu))
            }
            Trap::Wait => {
                self.save_bif(saved, saved.arity as usize);
                Flow::Stop(Outcome::Wait)
            }
            Trap::Yield(value) => {
                self.set_x(0, value.word());
                let next = if saved.tail { self.pop_return() } else { after };
                self.suspend(next, 1, Outcome::Yield)
            }
            Trap::Hibernate { export, arguments } => self.hibernate(export, &arguments),
            Trap::Exit(reason) => {
                let reason = oxbeam_term::OwnedTerm::copy(reason, oxbeam_term::LiteralRange::EMPTY);
                self.sync();
                Flow::Stop(Outcome::Exit(reason))
            }
        }
    }
    fn load_arguments(&mut self, arguments: &[Term<'a>]) {
        for (index, argument) in arguments.iter().enumerate() {
            self.set_x(index, argument.word());
        }
    }
    /// On a dirty scheduler: lets an ordinary one make the call, by way of the start-up stub that applies.
    fn call_later(&mut self, export: &Export, arguments: &[Term<'a>]) -> Flow {
        let list = self.heap().list(arguments).word();
        self.set_x(0, Word::atom(export.module));
        self.set_x(1, Word::atom(export.function));
        self.set_x(2, list);
        // The stub pushes the address that ends the process; here the return address is on the stack already.
        self.save(self.interpreter.apply_only_address() as *const u32, 3);
        Flow::Stop(Outcome::Clean)
    }
    fn hibernate(&mut self, export: &'static Export, arguments: &[Term<'a>]) -> Flow {
        self.bases[1] = self.heap().stack_end();
        self.push_return(self.interpreter.normal_exit_address() as *const u32);
        let list = self.heap().list(arguments).word();
        self.set_x(0, Word::atom(export.module));
        self.set_x(1, Word::atom(export.function));
        self.set_x(2, list);
        self.state().force_major = true;
        self.collect_tightly(3);
        self.save(self.interpreter.apply_only_address() as *const u32, 3);
        if !self.state().messages.is_empty() {
            return Flow::Stop(Outcome::Yield);
        }
        self.state().hibernating = true;
        Flow::Stop(Outcome::Wait)
    }

    // --- calls ---------------------------------------------------------------------------------------------------

    /// Calls what an export stands for; the frame is as the callee expects it when `position` is not `Body`.
    /// The arguments are in X registers, and a return address was pushed.
    #[inline(always)]
    pub(crate) fn call_export(&mut self, export: &'static Export, position: Position) -> Flow {
        let address = export.address.load(Memory::Acquire);
        if address != 0 {
            let target = address as *const u32;
            return match self.count_call(target, export.arity as usize) {
                None => Flow::Go(target),
                Some(outcome) => Flow::Stop(outcome),
            };
        }
        self.call_unloaded(export, position)
    }
    #[cold]
    fn call_unloaded(&mut self, export: &'static Export, position: Position) -> Flow {
        if let Some(entry) = self.vm.bif_of(export) {
            let entry: *const BifEntry = entry;
            // SAFETY: the table of BIFs lives as long as the machine.
            return self.call_bif(unsafe { &*entry }, std::ptr::null(), position);
        }
        let arity = export.arity as usize;
        let heap = self.heap();
        self.sync();
        let list = heap.list(&self.x_slice(arity).iter().map(|word| self.term(*word)).collect::<Vec<_>>());
        let handler = self.state().error_handler;
        let target = self.vm.code.export(handler, atoms::UNDEFINED_FUNCTION, 3);
        if target.address.load(Memory::Acquire) == 0 {
            let frame = (export.module, export.function, list.word());
            return self.raise_undefined(frame);
        }
        self.set_x(0, Word::atom(export.module));
        self.set_x(1, Word::atom(export.function));
        self.set_x(2, list.word());
        self.call_export(target, position)
    }
    /// `apply(x0, x1, x2)`; the return address is on the stack.
    fn apply_list(&mut self, ip: *const u32) -> Flow {
        let (module, function, list) = (self.x(0), self.x(1), self.term(self.x(2)));
        let arguments = list.to_vec();
        let names = (self.term(module).as_atom(), self.term(function).as_atom());
        let (Some(arguments), (Some(module), Some(function))) = (arguments, names) else {
            return self.badarg_in_apply(ip);
        };
        if arguments.len() > 255 {
            return self.raise(ip.wrapping_add(1), Exception::error(Term::atom(atoms::SYSTEM_LIMIT)));
        }
        self.load_arguments(&arguments);
        self.apply_function(module, function, arguments.len(), ip)
    }
    fn badarg_in_apply(&mut self, ip: *const u32) -> Flow {
        let arguments = self.x_slice(3).to_vec();
        let exception = Exception::error(Term::atom(atoms::BADARG));
        self.raise_from_bif(ip.wrapping_add(1), exception, (atoms::ERLANG, atoms::APPLY), &arguments)
    }
    /// Calls `module:function` with the arguments in X registers; the return address is on the stack.
    fn apply_function(&mut self, module: Atom, function: Atom, arity: usize, ip: *const u32) -> Flow {
        if module == atoms::ERLANG && function == atoms::APPLY {
            if arity == 3 {
                return self.apply_list(ip);
            }
            if arity == 2 {
                return self.apply_fun_list(ip);
            }
        }
        if module == atoms::ERLANG && raises_for_caller(function, arity) {
            // SAFETY: `ip` is at the instruction that makes the call.
            let instruction = unsafe { I::from_number(*ip) };
            if matches!(instruction, I::Apply3Only | I::Apply3Last | I::ApplyLast) {
                // It does not return; its caller shall be seen in the stack trace, though it has no frame any more.
                self.push_return(ip.wrapping_add(1));
            }
        }
        let export = self.vm.code.export(module, function, arity as u8);
        self.call_export(export, Position::Only)
    }
    /// `apply(x0, x1)` of a fun; the return address is on the stack.
    fn apply_fun_list(&mut self, ip: *const u32) -> Flow {
        let (fun, list) = (self.x(0), self.term(self.x(1)));
        let Some(arguments) = list.to_vec().filter(|arguments| arguments.len() <= 255) else {
            let arguments = self.x_slice(2).to_vec();
            let exception = Exception::error(Term::atom(atoms::BADARG));
            return self.raise_from_bif(ip.wrapping_add(1), exception, (atoms::ERLANG, atoms::APPLY), &arguments);
        };
        self.load_arguments(&arguments);
        self.call_fun(ip, fun, arguments.len())
    }
    /// Calls a fun with the arguments in X registers; the return address is on the stack.
    #[inline(always)]
    fn call_fun(&mut self, ip: *const u32, fun: Word, arity: usize) -> Flow {
        let term = self.term(fun);
        if let Some(fun_view) = term.as_fun() {
            let entry = fun_view.entry();
            if entry.arity as usize == arity {
                for (index, word) in fun_view.environment().iter().enumerate() {
                    self.set_x(arity + index, word.word());
                }
                let target = entry.address.load(Memory::Acquire) as *const u32;
                if !target.is_null() {
                    return match self.count_call(target, arity + entry.free_count as usize) {
                        None => Flow::Go(target),
                        Some(outcome) => Flow::Stop(outcome),
                    };
                }
                return self.call_unloaded_fun(ip, entry, fun, arity);
            }
        } else if let Some(external) = term.as_external_fun() {
            // SAFETY: exports live as long as the machine.
            let export: &'static Export = unsafe { &*std::ptr::from_ref(external.export()) };
            if export.arity as usize == arity {
                if export.module == atoms::ERLANG && export.function == atoms::APPLY {
                    return self.apply_function(export.module, export.function, arity, ip);
                }
                return self.call_export(export, Position::Only);
            }
        }
        self.bad_fun(ip, fun, arity)
    }
    /// The same as a last call; operand `words` is the size of the frame. A caller that calls what is no such fun is
    /// seen in the stack trace, so its frame goes only when the call is certain.
    #[inline(always)]
    fn call_fun_last(&mut self, ip: *const u32, fun: Word, arity: usize, words: usize) -> Flow {
        let term = self.term(fun);
        let takes = match term.as_fun() {
            Some(fun) => fun.entry().arity as usize == arity,
            None => term.as_external_fun().is_some_and(|fun| fun.export().arity as usize == arity),
        };
        if !takes {
            return self.bad_fun(ip, fun, arity);
        }
        self.drop_frame(self.number(ip, words) as usize);
        self.call_fun(ip, fun, arity)
    }
    #[cold]
    fn call_unloaded_fun(&mut self, ip: *const u32, entry: &FunEntry, fun: Word, arity: usize) -> Flow {
        self.sync();
        let waits = self.vm.waits_for_purge(self.process.pid(), self.state(), entry);
        // Another version of the module is there, and does not have the fun: the error handler could not help.
        if !waits && self.vm.code.is_loaded(entry.module) {
            let reason = self.heap().tuple(&[Term::atom(atoms::BADFUN), self.term(fun)]);
            return self.raise_here(ip, reason);
        }
        let list = self.heap().list(&self.x_slice(arity).iter().map(|word| self.term(*word)).collect::<Vec<_>>());
        let (handler, name) = match waits {
            // The slice ends with the call, and the process is suspended until the purge is over.
            true => (atoms::ERTS_CODE_PURGER, atoms::PENDING_PURGE_LAMBDA),
            false => (self.state().error_handler, atoms::UNDEFINED_LAMBDA),
        };
        self.reductions = if waits { 0 } else { self.reductions };
        let target = self.vm.code.export(handler, name, 3);
        self.set_x(0, Word::atom(entry.module));
        self.set_x(1, fun);
        self.set_x(2, list.word());
        self.call_export(target, Position::Only)
    }
    #[cold]
    fn bad_fun(&mut self, ip: *const u32, fun: Word, arity: usize) -> Flow {
        self.sync();
        let heap = self.heap();
        let term = self.term(fun);
        let reason = if term.is_fun() {
            let list = heap.list(&self.x_slice(arity).iter().map(|word| self.term(*word)).collect::<Vec<_>>());
            heap.tuple(&[Term::atom(atoms::BADARITY), heap.tuple(&[term, list])])
        } else {
            heap.tuple(&[Term::atom(atoms::BADFUN), term])
        };
        self.raise_here(ip, reason)
    }
    /// Raises at an instruction that calls a fun: the function that holds it is shown first, and once, even if the
    /// instruction has pushed its return address already.
    fn raise_here(&mut self, ip: *const u32, reason: Term<'a>) -> Flow {
        // SAFETY: `ip` is at the instruction that makes the call.
        let instruction = unsafe { I::from_number(*ip) };
        if instruction == I::ApplyStart {
            let heap = self.heap();
            let names = [Term::atom(atoms::ERLANG), Term::atom(atoms::APPLY), Term::small(2), Term::NIL];
            return self.throw(Class::Error, reason, Some(heap.tuple(&names)), None);
        }
        let pushed = matches!(instruction, I::CallFun | I::CallFun2 | I::Apply2);
        let address = if pushed { self.pop_return() } else { ip.wrapping_add(1) };
        self.raise(
            address,
            Exception {
                class: Class::Error,
                reason,
                trace: Trace::Caller { arguments: None, error_info: None },
                cause: None,
            },
        )
    }

    // --- guard BIFs and arithmetic -------------------------------------------------------------------------------

    /// Guard BIF with these arguments: the value goes to operand `destination`; failure jumps or raises.
    #[inline(never)]
    fn guard_bif(&mut self, ip: *const u32, entry: &BifEntry, arguments: &[Word], destination: usize) -> Flow {
        let after = ip.wrapping_add(destination + 1);
        match self.invoke(entry.code, arguments, after as u64) {
            Ok(value) => {
                self.write(ip, destination, value);
                Flow::Go(after)
            }
            Err(_) if destination > 2 && !self.no_label(ip, 2) => Flow::Go(self.label(ip, 2)),
            Err(interrupt) => match *interrupt {
                Interrupt::Raise(exception) => {
                    let name = (self.known_atom(entry.module), self.known_atom(entry.function));
                    self.raise_from_bif(after, exception, name, arguments)
                }
                Interrupt::Trap(Trap::Again { function, arguments }) => {
                    self.finish_guard(ip, function, arguments, destination, entry)
                }
                Interrupt::Trap(_) => {
                    let exception = Exception::error(Term::atom(atoms::BADARG));
                    let name = (self.known_atom(entry.module), self.known_atom(entry.function));
                    self.raise_from_bif(after, exception, name, arguments)
                }
            },
        }
    }
    /// A guard cannot be left in the middle: what traps there is finished at once.
    fn finish_guard(
        &mut self,
        ip: *const u32,
        mut function: BifFunction,
        mut arguments: Vec<Term<'a>>,
        destination: usize,
        entry: &BifEntry,
    ) -> Flow {
        let after = ip.wrapping_add(destination + 1);
        loop {
            let words: Vec<Word> = arguments.iter().map(|term| term.word()).collect();
            match self.invoke(function, &words, after as u64).map_err(|interrupt| *interrupt) {
                Ok(value) => {
                    self.write(ip, destination, value);
                    return Flow::Go(after);
                }
                Err(Interrupt::Trap(Trap::Again { function: next, arguments: more })) => {
                    (function, arguments) = (next, more);
                }
                Err(_) if !self.no_label(ip, 2) => return Flow::Go(self.label(ip, 2)),
                Err(_) => {
                    let name = (self.known_atom(entry.module), self.known_atom(entry.function));
                    return self.raise_from_bif(after, Exception::error(Term::atom(atoms::BADARG)), name, &words);
                }
            }
        }
    }
    /// Result of an instruction `op fail live a b destination`: value, or jump, or raise.
    #[cold]
    #[inline(never)]
    fn arithmetic_slow(&mut self, ip: *const u32, name: Atom, operation: Operation) -> Flow {
        let live = self.number(ip, 2);
        if live != SIZE_ALL {
            self.relieve(live as usize);
        }
        self.sync();
        let (a, b) = (self.term(self.source(ip, 3)), self.term(self.source(ip, 4)));
        match operation(self.heap(), a, b) {
            Ok(value) => {
                self.write(ip, 5, value.word());
                Flow::Go(ip.wrapping_add(6))
            }
            Err(_) if !self.no_label(ip, 1) => Flow::Go(self.label(ip, 1)),
            Err(error) => {
                let reason = match error {
                    ArithmeticError::BadArith => atoms::BADARITH,
                    ArithmeticError::SystemLimit => atoms::SYSTEM_LIMIT,
                };
                let arguments = [a.word(), b.word()];
                self.raise_from_bif(
                    ip.wrapping_add(6),
                    Exception::error(Term::atom(reason)),
                    (atoms::ERLANG, name),
                    &arguments,
                )
            }
        }
    }
    /// A guard BIF with its own instruction failed: jump, or raise as the BIF does. Operands: fail, live, arguments.
    #[cold]
    fn guard_failed(&mut self, ip: *const u32, name: Atom, arity: usize, reason: Term<'a>) -> Flow {
        if !self.no_label(ip, 1) {
            return Flow::Go(self.label(ip, 1));
        }
        let arguments: Vec<Word> = (0..arity).map(|index| self.source(ip, 3 + index)).collect();
        let after = ip.wrapping_add(4 + arity);
        self.raise_from_bif(after, Exception::error(reason), (atoms::ERLANG, name), &arguments)
    }
    #[inline(always)]
    fn compare(&self, a: Word, b: Word) -> Ordering {
        if a.is_small() && b.is_small() {
            return (a.0 as i64).cmp(&(b.0 as i64));
        }
        self.term(a).compare(self.term(b), &self.vm.atoms)
    }
    #[inline(always)]
    fn equals(&self, a: Word, b: Word) -> bool {
        a == b || (!(a.is_small() && b.is_small()) && self.term(a).equals(self.term(b)))
    }
    #[inline(always)]
    fn is_exactly(&self, a: Word, b: Word) -> bool {
        a == b || (a.is_pointer() && b.is_pointer() && self.term(a).is_exactly(self.term(b)))
    }
    fn float_register(&mut self, ip: *const u32, n: usize) -> &mut f64 {
        // SAFETY: the decoder checked the register's number.
        unsafe { &mut *self.floats.add(self.number(ip, n) as usize) }
    }
    fn finish_float(&mut self, ip: *const u32, destination: usize, value: f64) -> Flow {
        if value.is_finite() {
            *self.float_register(ip, destination) = value;
            return Flow::Go(ip.wrapping_add(destination + 1));
        }
        self.raise_code(ip, Term::atom(atoms::BADARITH))
    }

    /// Runs until the slice is over.
    pub fn run(mut self) -> Outcome {
        let outcome = self.execute();
        let used = self.budget - self.reductions;
        self.process.reductions.fetch_add(used.max(1) as u64, Memory::Relaxed);
        outcome
    }

    #[allow(clippy::too_many_lines, reason = "one arm an instruction")]
    fn execute(&mut self) -> Outcome {
        let mut ip: *const u32 = match self.resume() {
            Flow::Go(ip) => ip,
            Flow::Stop(outcome) => return outcome,
        };
        let mut instruction = self.fetch(ip);
        macro_rules! next {
            ($words:expr) => {{
                ip = ip.wrapping_add($words);
                instruction = self.fetch(ip);
                continue;
            }};
        }
        macro_rules! flow {
            ($flow:expr) => {{
                stop_or!(ip, $flow);
                instruction = self.fetch(ip);
                continue;
            }};
        }
        // A jump back within a function is no call, though a breakpoint may stand there.
        macro_rules! flow_within {
            ($flow:expr) => {{
                stop_or!(ip, $flow);
                instruction = self.fetch_within(ip);
                continue;
            }};
        }
        macro_rules! test {
            ($condition:expr, $words:expr) => {{
                ip = if $condition { ip.wrapping_add($words) } else { self.label(ip, 1) };
                instruction = self.fetch(ip);
                continue;
            }};
        }
        macro_rules! arithmetic {
            ($checked:ident, $slow:path, $name:expr) => {{
                let (a, b) = (self.source(ip, 3), self.source(ip, 4));
                if a.is_small()
                    && b.is_small()
                    && let Some(value) = (a.0 as i64).$checked(b.0 as i64)
                {
                    self.write(ip, 5, Word(value as u64));
                    next!(6);
                }
                flow!(self.arithmetic_slow(ip, $name, $slow))
            }};
        }
        macro_rules! bitwise {
            ($operator:tt, $slow:path, $name:expr) => {{
                let (a, b) = (self.source(ip, 3), self.source(ip, 4));
                if a.is_small() && b.is_small() {
                    self.write(ip, 5, Word(a.0 $operator b.0));
                    next!(6);
                }
                flow!(self.arithmetic_slow(ip, $name, $slow))
            }};
        }
        macro_rules! comparison {
            ($condition:expr) => {{
                let value = $condition;
                self.write(ip, 5, Term::boolean(value).word());
                next!(6)
            }};
        }
        macro_rules! float_operation {
            ($operator:tt) => {{
                let value = *self.float_register(ip, 1) $operator *self.float_register(ip, 2);
                flow!(self.finish_float(ip, 3, value))
            }};
        }
        loop {
            match instruction {
                I::Breakpoint => {
                    instruction = self.breakpoint(ip);
                    continue;
                }
                I::ExportBreakpoint => flow!(self.export_breakpoint(ip)),
                I::ReturnTrace => flow!(self.return_trace()),
                I::TracedBifReturn => flow!(self.traced_bif_return()),
                I::ApplyStart => {
                    self.push_return(self.interpreter.normal_exit_address() as *const u32);
                    flow!(self.apply_list(ip))
                }
                I::NormalExit => {
                    self.sync();
                    return Outcome::Exit(Vm::own_atom(atoms::NORMAL));
                }
                I::FuncInfo => flow!(self.raise_function_clause(ip)),

                // --- calls
                I::Call => {
                    self.push_return(ip.wrapping_add(3));
                    let target = self.label(ip, 1);
                    if let Some(outcome) = self.count_call(target, self.number(ip, 2) as usize) {
                        return outcome;
                    }
                    ip = target;
                }
                I::CallOnly => {
                    let target = self.label(ip, 1);
                    if let Some(outcome) = self.count_call(target, self.number(ip, 2) as usize) {
                        return outcome;
                    }
                    ip = target;
                }
                I::CallLast => {
                    self.drop_frame(self.number(ip, 3) as usize);
                    let target = self.label(ip, 1);
                    if let Some(outcome) = self.count_call(target, self.number(ip, 2) as usize) {
                        return outcome;
                    }
                    ip = target;
                }
                I::CallExt => {
                    self.push_return(ip.wrapping_add(3));
                    flow!(self.call_export(self.export(ip, 1), Position::Only))
                }
                I::CallExtOnly => flow!(self.call_export(self.export(ip, 1), Position::Only)),
                I::CallExtLast => {
                    self.drop_frame(self.number(ip, 3) as usize);
                    flow!(self.call_export(self.export(ip, 1), Position::Only))
                }
                I::CallBif => flow!(self.call_bif(self.entry(ip, 1), ip.wrapping_add(3), Position::Body)),
                I::CallBifOnly => flow!(self.call_bif(self.entry(ip, 1), ip.wrapping_add(3), Position::Only)),
                I::CallBifLast => {
                    let words = self.number(ip, 3) as usize;
                    flow!(self.call_bif(self.entry(ip, 1), ip.wrapping_add(4), Position::Last(words)))
                }
                I::BifBody => flow!(self.call_bif(self.entry(ip, 1), std::ptr::null(), Position::Only)),
                I::Apply3 => {
                    self.push_return(ip.wrapping_add(1));
                    flow!(self.apply_list(ip))
                }
                I::Apply3Only => flow!(self.apply_list(ip)),
                I::Apply3Last => {
                    self.drop_frame(self.number(ip, 1) as usize);
                    flow!(self.apply_list(ip))
                }
                I::Apply2 => {
                    self.push_return(ip.wrapping_add(1));
                    flow!(self.apply_fun_list(ip))
                }
                I::Apply2Only => flow!(self.apply_fun_list(ip)),
                I::Apply2Last => {
                    self.drop_frame(self.number(ip, 1) as usize);
                    flow!(self.apply_fun_list(ip))
                }
                I::Apply | I::ApplyLast => {
                    let arity = self.number(ip, 1) as usize;
                    if instruction == I::Apply {
                        self.push_return(ip.wrapping_add(2));
                    } else {
                        self.drop_frame(self.number(ip, 2) as usize);
                    }
                    let names = (self.term(self.x(arity)).as_atom(), self.term(self.x(arity + 1)).as_atom());
                    let (Some(module), Some(function)) = names else {
                        self.sync();
                        let arguments: Vec<Term<'a>> =
                            self.x_slice(arity).iter().map(|word| self.term(*word)).collect();
                        let list = self.heap().list(&arguments).word();
                        let all = [self.x(arity), self.x(arity + 1), list];
                        let exception = Exception::error(Term::atom(atoms::BADARG));
                        flow!(self.raise_from_bif(ip.wrapping_add(2), exception, (atoms::ERLANG, atoms::APPLY), &all))
                    };
                    flow!(self.apply_function(module, function, arity, ip))
                }
                I::CallFun => {
                    let arity = self.number(ip, 1) as usize;
                    self.push_return(ip.wrapping_add(2));
                    flow!(self.call_fun(ip, self.x(arity), arity))
                }
                I::CallFun2 => {
                    let (arity, fun) = (self.number(ip, 1) as usize, self.source(ip, 2));
                    self.push_return(ip.wrapping_add(3));
                    flow!(self.call_fun(ip, fun, arity))
                }
                I::CallFunLast => {
                    let arity = self.number(ip, 1) as usize;
                    flow!(self.call_fun_last(ip, self.x(arity), arity, 2))
                }
                I::CallFun2Last => {
                    let (arity, fun) = (self.number(ip, 1) as usize, self.source(ip, 2));
                    flow!(self.call_fun_last(ip, fun, arity, 3))
                }
                I::Return => ip = self.pop_return(),

                // --- guard BIFs
                I::GuardBif0 => flow!(self.guard_bif(ip, self.entry(ip, 1), &[], 2)),
                I::GuardBif1 => {
                    self.relieve_guard(ip, 3);
                    flow!(self.guard_bif(ip, self.entry(ip, 1), &[self.source(ip, 4)], 5))
                }
                I::GuardBif2 => {
                    self.relieve_guard(ip, 3);
                    flow!(self.guard_bif(ip, self.entry(ip, 1), &[self.source(ip, 4), self.source(ip, 5)], 6))
                }
                I::GuardBif3 => {
                    self.relieve_guard(ip, 3);
                    let arguments = [self.source(ip, 4), self.source(ip, 5), self.source(ip, 6)];
                    flow!(self.guard_bif(ip, self.entry(ip, 1), &arguments, 7))
                }
                // The tag of small integers is 000, so sums of words are words of sums.
                I::Add => arithmetic!(checked_add, arithmetic::add, atoms::PLUS),
                I::Subtract => arithmetic!(checked_sub, arithmetic::subtract, atoms::MINUS),
                I::Multiply => {
                    let (a, b) = (self.source(ip, 3), self.source(ip, 4));
                    if a.is_small()
                        && b.is_small()
                        && let Some(value) = a.small_value().checked_mul(b.0 as i64)
                    {
                        self.write(ip, 5, Word(value as u64));
                        next!(6);
                    }
                    flow!(self.arithmetic_slow(ip, atoms::MULTIPLY, arithmetic::multiply))
                }
                I::IntegerDivide => {
                    let (a, b) = (self.source(ip, 3), self.source(ip, 4));
                    if a.is_small() && b.is_small() && b.small_value() > 0 {
                        self.write(ip, 5, Word::small(a.small_value() / b.small_value()));
                        next!(6);
                    }
                    flow!(self.arithmetic_slow(ip, atoms::DIV, arithmetic::integer_divide))
                }
                I::Remainder => {
                    let (a, b) = (self.source(ip, 3), self.source(ip, 4));
                    if a.is_small() && b.is_small() && b.small_value() > 0 {
                        self.write(ip, 5, Word::small(a.small_value() % b.small_value()));
                        next!(6);
                    }
                    flow!(self.arithmetic_slow(ip, atoms::REM, arithmetic::remainder))
                }
                I::Band => bitwise!(&, arithmetic::band, atoms::BAND),
                I::Bor => bitwise!(|, arithmetic::bor, atoms::BOR),
                I::Bxor => bitwise!(^, arithmetic::bxor, atoms::BXOR),
                I::ShiftLeft => {
                    let (a, b) = (self.source(ip, 3), self.source(ip, 4));
                    if a.is_small() && b.is_small() && (0..61).contains(&b.small_value()) {
                        let by = b.small_value() as u32;
                        let shifted = (a.0 as i64) << by;
                        if shifted >> by == a.0 as i64 {
                            self.write(ip, 5, Word(shifted as u64));
                            next!(6);
                        }
                    }
                    flow!(self.arithmetic_slow(ip, atoms::BSL, arithmetic::shift_left))
                }
                I::ShiftRight => {
                    let (a, b) = (self.source(ip, 3), self.source(ip, 4));
                    if a.is_small() && b.is_small() && (0..61).contains(&b.small_value()) {
                        self.write(ip, 5, Word::small(a.small_value() >> b.small_value()));
                        next!(6);
                    }
                    flow!(self.arithmetic_slow(ip, atoms::BSR, arithmetic::shift_right))
                }
                I::Element => {
                    let (index, tuple) = (self.source(ip, 3), self.term(self.source(ip, 4)));
                    if index.is_small()
                        && let Some(tuple) = tuple.as_tuple()
                        && let Some(element) = tuple.elements().get((index.small_value() as usize).wrapping_sub(1))
                    {
                        self.write(ip, 5, element.word());
                        next!(6);
                    }
                    flow!(self.guard_failed(ip, atoms::ELEMENT, 2, Term::atom(atoms::BADARG)))
                }
                I::Hd => match self.term(self.source(ip, 3)).as_cons() {
                    Some(cell) => {
                        self.write(ip, 4, cell.head().word());
                        next!(5)
                    }
                    None => flow!(self.guard_failed(ip, atoms::HD, 1, Term::atom(atoms::BADARG))),
                },
                I::Tl => match self.term(self.source(ip, 3)).as_cons() {
                    Some(cell) => {
                        self.write(ip, 4, cell.tail().word());
                        next!(5)
                    }
                    None => flow!(self.guard_failed(ip, atoms::TL, 1, Term::atom(atoms::BADARG))),
                },
                I::TupleSize => match self.term(self.source(ip, 3)).as_tuple() {
                    Some(tuple) => {
                        self.write(ip, 4, Word::small(tuple.elements().len() as i64));
                        next!(5)
                    }
                    None => flow!(self.guard_failed(ip, atoms::TUPLE_SIZE, 1, Term::atom(atoms::BADARG))),
                },
                I::MapGet => {
                    let (key, map) = (self.term(self.source(ip, 3)), self.term(self.source(ip, 4)));
                    let value = if map.is_map() { map.map_get(key) } else { None };
                    match value {
                        Some(value) => {
                            self.write(ip, 5, value.word());
                            next!(6)
                        }
                        None => {
                            self.sync();
                            let (tag, culprit) = if map.is_map() { (atoms::BADKEY, key) } else { (atoms::BADMAP, map) };
                            let reason = self.heap().tuple(&[Term::atom(tag), culprit]);
                            flow!(self.guard_failed(ip, atoms::MAP_GET, 2, reason))
                        }
                    }
                }
                I::MapSize => {
                    let map = self.term(self.source(ip, 3));
                    if map.is_map() {
                        self.write(ip, 4, Word::small(map.map_size() as i64));
                        next!(5);
                    }
                    self.sync();
                    let reason = self.heap().tuple(&[Term::atom(atoms::BADMAP), map]);
                    flow!(self.guard_failed(ip, atoms::MAP_SIZE, 1, reason))
                }
                I::Length => {
                    let mut walk = self.term(self.source(ip, 3)).list_iter();
                    let count = walk.by_ref().count();
                    if walk.tail().is_nil() {
                        self.reductions -= (count / 16) as i32;
                        self.write(ip, 4, Word::small(count as i64));
                        next!(5);
                    }
                    flow!(self.guard_failed(ip, atoms::LENGTH, 1, Term::atom(atoms::BADARG)))
                }
                I::ByteSize => match self.term(self.source(ip, 3)).as_bits() {
                    Some(bits) => {
                        self.write(ip, 4, Word::small(bits.byte_size() as i64));
                        next!(5)
                    }
                    None => flow!(self.guard_failed(ip, atoms::BYTE_SIZE, 1, Term::atom(atoms::BADARG))),
                },
                I::SelfPid => {
                    self.write(ip, 1, Term::pid(self.process.pid()).word());
                    next!(2)
                }
                I::Node => {
                    self.write(ip, 1, Word::atom(self.vm.node().0));
                    next!(2)
                }
                I::CompareEq => comparison!(self.equals(self.source(ip, 3), self.source(ip, 4))),
                I::CompareNe => comparison!(!self.equals(self.source(ip, 3), self.source(ip, 4))),
                I::CompareEqExact => comparison!(self.is_exactly(self.source(ip, 3), self.source(ip, 4))),
                I::CompareNeExact => comparison!(!self.is_exactly(self.source(ip, 3), self.source(ip, 4))),
                I::CompareLt => comparison!(self.compare(self.source(ip, 3), self.source(ip, 4)).is_lt()),
                I::CompareGe => comparison!(self.compare(self.source(ip, 3), self.source(ip, 4)).is_ge()),
                I::CompareLe => comparison!(self.compare(self.source(ip, 3), self.source(ip, 4)).is_le()),
                I::CompareGt => comparison!(self.compare(self.source(ip, 3), self.source(ip, 4)).is_gt()),

                // --- frames and heap
                I::Allocate => {
                    let words = self.number(ip, 1) as usize;
                    self.ensure(words, self.number(ip, 2) as usize);
                    self.bases[1] = self.bases[1].wrapping_sub(words);
                    if cfg!(debug_assertions) {
                        self.clear_frame(words);
                    }
                    next!(3)
                }
                I::AllocateHeap => {
                    let words = self.number(ip, 1) as usize;
                    self.ensure(words + self.number(ip, 2) as usize, self.number(ip, 3) as usize);
                    self.bases[1] = self.bases[1].wrapping_sub(words);
                    if cfg!(debug_assertions) {
                        self.clear_frame(words);
                    }
                    next!(4)
                }
                I::TestHeap => {
                    self.ensure(self.number(ip, 1) as usize, self.number(ip, 2) as usize);
                    next!(3)
                }
                I::Deallocate | I::Trim => {
                    self.drop_frame(self.number(ip, 1) as usize);
                    next!(2)
                }
                I::InitYregs => {
                    let count = self.number(ip, 1) as usize;
                    for index in 0..count {
                        let register = self.number(ip, 2 + index) as usize;
                        *self.y(register) = Word::NIL.0;
                    }
                    next!(2 + count)
                }

                // --- messages
                I::Send => flow!(self.send(ip)),
                I::RemoveMessage => {
                    self.remove_message();
                    next!(1)
                }
                I::Timeout => {
                    self.timeout();
                    next!(1)
                }
                I::LoopRec => flow!(self.loop_rec(ip)),
                I::LoopRecEnd => {
                    self.state().messages.advance();
                    self.reductions -= 1;
                    ip = self.label(ip, 1);
                    if self.reductions <= 0 {
                        self.save(ip, 0);
                        return Outcome::Yield;
                    }
                    instruction = self.fetch_within(ip);
                    continue;
                }
                I::Wait => flow_within!(self.wait(ip)),
                I::WaitTimeout => flow_within!(self.wait_timeout(ip)),
                I::RecvMarkerReserve => {
                    let position = self.state().messages.reserve_marker();
                    self.write(ip, 1, Word::small(position));
                    next!(2)
                }
                I::RecvMarkerBind => {
                    let (marker, reference) = (self.source(ip, 1), self.term(self.source(ip, 2)));
                    if let (true, Some(reference)) = (marker.is_small(), reference.as_reference()) {
                        self.state().messages.set_marker(reference.number(), marker.small_value());
                    }
                    next!(3)
                }
                I::RecvMarkerClear => {
                    if let Some(reference) = self.term(self.source(ip, 1)).as_reference() {
                        self.state().messages.clear_marker(reference.number());
                    }
                    next!(2)
                }
                I::RecvMarkerUse => {
                    if let Some(reference) = self.term(self.source(ip, 1)).as_reference() {
                        self.state().messages.use_marker(reference.number());
                    }
                    next!(2)
                }

                // --- tests
                I::IsLt => test!(self.compare(self.source(ip, 2), self.source(ip, 3)).is_lt(), 4),
                I::IsGe => test!(self.compare(self.source(ip, 2), self.source(ip, 3)).is_ge(), 4),
                I::IsEq => test!(self.equals(self.source(ip, 2), self.source(ip, 3)), 4),
                I::IsNe => test!(!self.equals(self.source(ip, 2), self.source(ip, 3)), 4),
                I::IsEqExact => test!(self.is_exactly(self.source(ip, 2), self.source(ip, 3)), 4),
                I::IsNeExact => test!(!self.is_exactly(self.source(ip, 2), self.source(ip, 3)), 4),
                I::IsEqImmediate => test!(self.source(ip, 2) == self.source(ip, 3), 4),
                I::IsNeImmediate => test!(self.source(ip, 2) != self.source(ip, 3), 4),
                I::IsInteger => test!(self.term(self.source(ip, 2)).is_integer(), 3),
                I::IsFloat => test!(self.term(self.source(ip, 2)).as_float().is_some(), 3),
                I::IsNumber => test!(self.term(self.source(ip, 2)).is_number(), 3),
                I::IsAtom => test!(self.source(ip, 2).is_atom(), 3),
                I::IsPid => test!(self.term(self.source(ip, 2)).is_pid(), 3),
                I::IsReference => test!(self.term(self.source(ip, 2)).is_reference(), 3),
                I::IsPort => test!(self.term(self.source(ip, 2)).is_port(), 3),
                I::IsNil => test!(self.source(ip, 2) == Word::NIL, 3),
                I::IsBinary => test!(self.is_bitstring(self.source(ip, 2), true), 3),
                I::IsBitstr => test!(self.is_bitstring(self.source(ip, 2), false), 3),
                I::IsList => test!(self.term(self.source(ip, 2)).is_list(), 3),
                I::IsNonemptyList => test!(self.source(ip, 2).is_cons(), 3),
                I::IsTuple => test!(self.term(self.source(ip, 2)).as_tuple().is_some(), 3),
                I::IsBoolean => test!(self.term(self.source(ip, 2)).as_boolean().is_some(), 3),
                I::IsMap => test!(self.term(self.source(ip, 2)).is_map(), 3),
                I::IsFunction => test!(self.term(self.source(ip, 2)).is_fun(), 3),
                I::IsFunction2 => test!(self.is_function_of(self.source(ip, 2), self.source(ip, 3)), 4),
                I::TestArity => {
                    let arity = self.number(ip, 3) as usize;
                    let tuple = self.term(self.source(ip, 2)).as_tuple();
                    test!(tuple.is_some_and(|tuple| tuple.elements().len() == arity), 4)
                }
                I::IsTaggedTuple => {
                    let (arity, tag) = (self.number(ip, 3) as usize, self.source(ip, 4));
                    let tuple = self.term(self.source(ip, 2)).as_tuple();
                    test!(
                        tuple.is_some_and(|tuple| tuple.elements().len() == arity
                            && tuple.elements().first().is_some_and(|first| first.word() == tag)),
                        5
                    )
                }
                I::SelectImmediate => ip = self.select_immediate(ip),
                I::SelectTable => {
                    let value = self.source(ip, 1);
                    let low = i64::from(self.number(ip, 3) as i32);
                    let index = value.small_value().wrapping_sub(low) as u64;
                    ip = if value.is_small() && index < u64::from(self.number(ip, 4)) {
                        self.label(ip, 5 + index as usize)
                    } else {
                        self.label(ip, 2)
                    };
                }
                I::SelectGeneric => {
                    let value = self.source(ip, 1);
                    let count = self.number(ip, 3) as usize;
                    let found = (0..count).find(|index| self.is_exactly(value, self.source(ip, 4 + index * 2)));
                    ip = found.map_or(self.label(ip, 2), |index| self.label(ip, 5 + index * 2));
                }
                I::SelectTupleArity => {
                    let count = self.number(ip, 3) as usize;
                    let arity = self.term(self.source(ip, 1)).as_tuple().map(|tuple| tuple.elements().len() as u32);
                    let found = (0..count).find(|index| arity == Some(self.number(ip, 4 + index * 2)));
                    ip = found.map_or(self.label(ip, 2), |index| self.label(ip, 5 + index * 2));
                }
                I::Jump => ip = self.label(ip, 1),

                // --- exceptions
                I::Catch | I::Try => {
                    let handler = Word::catch(self.label(ip, 2) as u64);
                    let register = self.number(ip, 1) as usize;
                    *self.y(register) = handler.0;
                    next!(3)
                }
                I::TryEnd => {
                    let register = self.number(ip, 1) as usize;
                    *self.y(register) = Word::NIL.0;
                    next!(2)
                }
                I::CatchEnd => {
                    let register = self.number(ip, 1) as usize;
                    *self.y(register) = Word::NIL.0;
                    if self.x(0) == Word::NONE {
                        self.catch_value();
                        self.relieve(1);
                    }
                    next!(2)
                }
                I::TryCase => {
                    let register = self.number(ip, 1) as usize;
                    *self.y(register) = Word::NIL.0;
                    for index in 0..3 {
                        self.set_x(index, self.x(index + 1));
                    }
                    next!(2)
                }
                I::TryCaseEnd => flow!(self.raise_tagged(ip, atoms::TRY_CLAUSE)),
                I::Badmatch => flow!(self.raise_tagged(ip, atoms::BADMATCH)),
                I::CaseEnd => flow!(self.raise_tagged(ip, atoms::CASE_CLAUSE)),
                I::Badrecord => flow!(self.raise_tagged(ip, atoms::BADRECORD)),
                I::IfEnd => flow!(self.raise_code(ip, Term::atom(atoms::IF_CLAUSE))),
                I::Raise => flow!(self.reraise(self.source(ip, 1), self.source(ip, 2))),
                I::BuildStacktrace => {
                    self.sync();
                    let trace = self.build_stacktrace(self.term(self.x(0))).word();
                    self.set_x(0, trace);
                    next!(1)
                }
                I::RawRaise => flow!(self.raw_raise(ip)),

                // --- data
                I::Move => {
                    let word = self.source(ip, 1);
                    self.write(ip, 2, word);
                    next!(3)
                }
                I::Swap => {
                    let (a, b) = (self.source(ip, 1), self.source(ip, 2));
                    self.write(ip, 1, b);
                    self.write(ip, 2, a);
                    next!(3)
                }
                I::GetList => {
                    // SAFETY: the compiler tested for a cons cell before.
                    let (head, tail) = unsafe { self.cell(self.source(ip, 1)) };
                    self.write(ip, 2, head);
                    self.write(ip, 3, tail);
                    next!(4)
                }
                I::GetHd => {
                    // SAFETY: as above.
                    let (head, _) = unsafe { self.cell(self.source(ip, 1)) };
                    self.write(ip, 2, head);
                    next!(3)
                }
                I::GetTl => {
                    // SAFETY: as above.
                    let (_, tail) = unsafe { self.cell(self.source(ip, 1)) };
                    self.write(ip, 2, tail);
                    next!(3)
                }
                I::GetTupleElement => {
                    let (tuple, position) = (self.source(ip, 1), self.number(ip, 2) as usize);
                    // SAFETY: the compiler tested for a tuple of sufficient size before.
                    let element = unsafe { *tuple.pointer().add(1 + position) };
                    self.write(ip, 3, Word(element));
                    next!(4)
                }
                I::SetTupleElement => {
                    let (value, tuple) = (self.source(ip, 1), self.source(ip, 2));
                    // SAFETY: the compiler emits this only for a tuple that was just copied and not collected since.
                    unsafe { *tuple.pointer().add(1 + self.number(ip, 3) as usize) = value.0 };
                    next!(4)
                }
                I::PutList => {
                    let (head, tail) = (self.source(ip, 1), self.source(ip, 2));
                    self.sync();
                    let cell = self.heap().cons(self.term(head), self.term(tail)).word();
                    self.write(ip, 3, cell);
                    next!(4)
                }
                I::PutTuple2 => {
                    let count = self.number(ip, 2) as usize;
                    self.sync();
                    let object = self.heap().allocate(count + 1);
                    // SAFETY: `allocate` gave room for header and elements.
                    unsafe {
                        *object = oxbeam_term::Header::new(Kind::Tuple, count).0;
                        for index in 0..count {
                            *object.add(1 + index) = self.source(ip, 3 + index).0;
                        }
                    }
                    self.write(ip, 1, Word::from_boxed(object));
                    next!(3 + count)
                }
                I::UpdateRecord => {
                    let (size, updates) = (self.number(ip, 1) as usize, self.number(ip, 4) as usize);
                    let source = self.source(ip, 2);
                    self.sync();
                    let object = self.heap().allocate(size + 1);
                    // SAFETY: the compiler tested for a tuple of this size; `allocate` gave room for a copy.
                    unsafe {
                        std::ptr::copy_nonoverlapping(source.pointer(), object, size + 1);
                        for index in 0..updates {
                            let position = self.number(ip, 5 + index * 2) as usize;
                            *object.add(position) = self.source(ip, 6 + index * 2).0;
                        }
                    }
                    self.write(ip, 3, Word::from_boxed(object));
                    next!(5 + updates * 2)
                }
                I::MakeFun3 => {
                    let count = self.number(ip, 3) as usize;
                    let entry = self.constant(ip, 1) as *const FunEntry;
                    self.sync();
                    let environment: SmallVec<[Term<'a>; 8]> =
                        (0..count).map(|index| self.term(self.source(ip, 4 + index))).collect();
                    // SAFETY: fun entries live as long as the machine.
                    let fun = unsafe { self.heap().fun(entry, &environment) };
                    self.write(ip, 2, fun.word());
                    next!(4 + count)
                }
                I::PutMapAssoc => flow!(self.put_map_assoc(ip)),
                I::PutMapExact => flow!(self.put_map_exact(ip)),
                I::HasMapFields => {
                    let map = self.term(self.source(ip, 2));
                    let count = self.number(ip, 3) as usize;
                    let all = (0..count).all(|index| map.is_map_key(self.term(self.source(ip, 4 + index))));
                    test!(all, 4 + count)
                }
                I::GetMapElements => {
                    let map = self.term(self.source(ip, 2));
                    let count = self.number(ip, 3) as usize;
                    let mut index = 0;
                    while index < count {
                        let Some(value) = map.map_get(self.term(self.source(ip, 4 + index))) else { break };
                        self.write(ip, 5 + index, value.word());
                        index += 2;
                    }
                    test!(index >= count, 4 + count)
                }

                // --- floats
                I::FloatLoad => {
                    let value = self.term(self.source(ip, 1)).as_float().unwrap_or(0.0);
                    *self.float_register(ip, 2) = value;
                    next!(3)
                }
                I::FloatStore => {
                    self.sync();
                    let value = *self.float_register(ip, 1);
                    let term = self.heap().float(value).word();
                    self.write(ip, 2, term);
                    next!(3)
                }
                I::FloatMove => {
                    let value = *self.float_register(ip, 1);
                    *self.float_register(ip, 2) = value;
                    next!(3)
                }
                I::Fconv => {
                    let source = self.source(ip, 1);
                    match arithmetic::as_float(self.term(source)) {
                        Some(value) => {
                            *self.float_register(ip, 2) = value;
                            next!(3)
                        }
                        None => flow!(self.raise_code(ip, Term::atom(atoms::BADARITH))),
                    }
                }
                I::Fadd => float_operation!(+),
                I::Fsub => float_operation!(-),
                I::Fmul => float_operation!(*),
                I::Fdiv => float_operation!(/),
                I::Fnegate => {
                    let value = -*self.float_register(ip, 1);
                    *self.float_register(ip, 2) = value;
                    next!(3)
                }

                // --- binaries
                I::BsStartMatch => flow!(self.bs_start_match(ip)),
                I::BsMatch => flow!(self.bs_match(ip)),
                I::BsGetInteger2 => flow!(self.bs_get_integer(ip)),
                I::BsGetFloat2 => flow!(self.bs_get_float(ip)),
                I::BsGetBinary2 => flow!(self.bs_get_binary(ip)),
                I::BsSkipBits2 => flow!(self.bs_skip_bits(ip)),
                I::BsTestTail2 => test!(self.bits_left(self.source(ip, 2)) == self.number(ip, 3) as usize, 4),
                I::BsTestUnit => test!(self.bits_left(self.source(ip, 2)) % self.number(ip, 3) as usize == 0, 4),
                I::BsMatchString => flow!(self.bs_match_string(ip)),
                I::BsGetUtf8 => flow!(self.bs_get_utf8(ip, true)),
                I::BsSkipUtf8 => flow!(self.bs_get_utf8(ip, false)),
                I::BsGetUtf16 => flow!(self.bs_get_utf16(ip, true)),
                I::BsSkipUtf16 => flow!(self.bs_get_utf16(ip, false)),
                I::BsGetUtf32 => flow!(self.bs_get_utf32(ip, true)),
                I::BsSkipUtf32 => flow!(self.bs_get_utf32(ip, false)),
                I::BsGetTail => {
                    self.bs_get_tail(ip);
                    next!(3)
                }
                I::BsGetPosition => {
                    let position = self.match_position(self.source(ip, 1));
                    self.write(ip, 2, Word::small(position as i64));
                    next!(3)
                }
                I::BsSetPosition => {
                    self.set_match_position(self.source(ip, 1), self.source(ip, 2).small_value() as usize);
                    next!(3)
                }
                I::BsCreateBin => flow!(self.bs_create_bin(ip)),
                I::BsInitWritable => {
                    self.bs_init_writable();
                    next!(1)
                }
                I::BsInit2
                | I::BsInitBits
                | I::BsAdd
                | I::BsAppend
                | I::BsPrivateAppend
                | I::BsPutInteger
                | I::BsPutBinary
                | I::BsPutFloat
                | I::BsPutString
                | I::BsUtf8Size
                | I::BsUtf16Size
                | I::BsPutUtf8
                | I::BsPutUtf16
                | I::BsPutUtf32 => flow!(self.old_construction(ip, instruction)),
            }
            instruction = self.fetch(ip);
        }
    }

    // --- helpers of single instructions --------------------------------------------------------------------------

    #[inline(always)]
    fn export(&self, ip: *const u32, n: usize) -> &'static Export {
        // SAFETY: the decoder put the address of an export there, and those live as long as the machine.
        unsafe { &*(self.constant(ip, n) as *const Export) }
    }
    #[inline(always)]
    fn entry(&self, ip: *const u32, n: usize) -> &'static BifEntry {
        // SAFETY: the decoder put the address of a table entry there; the table lives as long as the machine.
        unsafe { &*(self.constant(ip, n) as *const BifEntry) }
    }
    #[inline(always)]
    unsafe fn cell(&self, word: Word) -> (Word, Word) {
        // SAFETY: the caller knows that it is a cons cell.
        unsafe { (Word(*word.pointer()), Word(*word.pointer().add(1))) }
    }
    fn clear_frame(&mut self, words: usize) {
        for index in 0..words {
            *self.y(index) = Word::NIL.0;
        }
    }
    #[inline(always)]
    fn relieve_guard(&mut self, ip: *const u32, live: usize) {
        let live = self.number(ip, live);
        if live != SIZE_ALL && self.heap().wants_collection() {
            self.collect(0, live as usize);
        }
    }
    fn is_bitstring(&self, word: Word, whole: bool) -> bool {
        self.term(word).as_bits().is_some_and(|bits| !whole || bits.is_binary())
    }
    fn is_function_of(&self, fun: Word, arity: Word) -> bool {
        let term = self.term(fun);
        let has = match (term.as_fun(), term.as_external_fun()) {
            (Some(fun), _) => i64::from(fun.entry().arity),
            (_, Some(external)) => i64::from(external.export().arity),
            _ => return false,
        };
        arity.is_small() && arity.small_value() == has
    }
    #[inline(always)]
    fn select_immediate(&self, ip: *const u32) -> *const u32 {
        let value = self.source(ip, 1).0;
        let word = |index: usize| {
            let at = 4 + index * 3;
            u64::from(self.number(ip, at)) | u64::from(self.number(ip, at + 1)) << 32
        };
        let (mut low, mut high) = (0, self.number(ip, 3) as usize);
        while low < high {
            let middle = (low + high) / 2;
            match word(middle).cmp(&value) {
                Ordering::Equal => return self.label(ip, 6 + middle * 3),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        self.label(ip, 2)
    }
    fn map_pairs(&self, ip: *const u32) -> (SmallVec<[(Term<'a>, Term<'a>); 8]>, usize) {
        let count = self.number(ip, 5) as usize;
        let term = |index: usize| self.term(self.source(ip, 6 + index));
        ((0..count / 2).map(|pair| (term(pair * 2), term(pair * 2 + 1))).collect(), 6 + count)
    }
    fn put_map_assoc(&mut self, ip: *const u32) -> Flow {
        self.ensure(0, self.number(ip, 4) as usize);
        let map = self.term(self.source(ip, 2));
        if !map.is_map() {
            return self.bad_map(ip, map);
        }
        let (pairs, words) = self.map_pairs(ip);
        let updated = self.heap().map_put_all(map, &pairs, &self.vm.atoms).word();
        self.write(ip, 3, updated);
        Flow::Go(ip.wrapping_add(words))
    }
    fn put_map_exact(&mut self, ip: *const u32) -> Flow {
        self.ensure(0, self.number(ip, 4) as usize);
        let map = self.term(self.source(ip, 2));
        if !map.is_map() {
            return self.bad_map(ip, map);
        }
        let (pairs, words) = self.map_pairs(ip);
        match self.heap().map_update_all(map, &pairs, &self.vm.atoms) {
            Ok(updated) => {
                self.write(ip, 3, updated.word());
                Flow::Go(ip.wrapping_add(words))
            }
            Err(_) if !self.no_label(ip, 1) => Flow::Go(self.label(ip, 1)),
            Err(key) => {
                let reason = self.heap().tuple(&[Term::atom(atoms::BADKEY), key]);
                self.raise_code(ip, reason)
            }
        }
    }
    fn bad_map(&mut self, ip: *const u32, map: Term<'a>) -> Flow {
        if !self.no_label(ip, 1) {
            return Flow::Go(self.label(ip, 1));
        }
        let reason = self.heap().tuple(&[Term::atom(atoms::BADMAP), map]);
        self.raise_code(ip, reason)
    }
}

/// A slow path of an arithmetic instruction.
type Operation = for<'h> fn(&'h Heap, Term<'h>, Term<'h>) -> arithmetic::Outcome<'h>;
