//! One slice of one process: what handlers and their helpers share.

use crate::Interpreter;
use crate::old_construction::Builder;
use crate::state::{LOOPS, State, number_at};
use oxbeam_runtime::{Collected, LastCall, Outcome, Process, ProcessMain, ProcessState, Resume, Vm};
use oxbeam_term::{Heap, Term, Word, atoms};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::instruction::{KIND_CONSTANT, KIND_MASK, KIND_Y};

/// X registers that instructions can name.
const X_REGISTERS: usize = 1024;
/// Float registers.
const FLOAT_REGISTERS: usize = 1024;

thread_local! {
    /// The registers of the process that this scheduler thread runs, and its slice: processes do not keep any. Only the
    /// registers are always initialised.
    static RUN: Box<UnsafeCell<MaybeUninit<Run<'static>>>> = Box::new(UnsafeCell::new(MaybeUninit::zeroed()));
}

/// Where to go on after a helper: at an instruction, or not at all when the slice is over. Then [`Run::outcome`] says why.
#[derive(Clone, Copy)]
pub struct Flow(*const u32);

impl Flow {
    const STOP: Flow = Flow(std::ptr::null());
    /// Go on here.
    #[inline(always)]
    pub(crate) fn go(ip: *const u32) -> Flow {
        debug_assert!(!ip.is_null());
        Flow(ip)
    }
    /// The instruction to go on with.
    #[inline(always)]
    pub(crate) fn target(self) -> Option<*const u32> {
        if self.0.is_null() { None } else { Some(self.0) }
    }
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

/// One slice of one process, and the registers. The X registers come first: handlers have one address for both.
#[repr(C)]
pub struct Run<'a> {
    x: [u64; X_REGISTERS + 8],
    floats: [f64; FLOAT_REGISTERS],
    slice: Slice<'a>,
}

/// One slice of one process.
///
/// While a handler runs, the stack's top, the heap's top and the reductions left are in its [`State`]; the heap and
/// [`Slice::reductions`] have them while a helper runs.
pub struct Slice<'a> {
    pub(crate) interpreter: &'a Interpreter,
    pub(crate) vm: &'a Vm,
    pub(crate) process: &'a Arc<Process>,
    pub(crate) main: *mut ProcessMain,
    pub(crate) dirty: bool,
    pub(crate) reductions: i32,
    budget: i32,
    /// Reductions that were put aside to make the next call a safepoint.
    pub(crate) put_aside: i32,
    /// X registers that are live where the reductions are used up.
    pub(crate) live: usize,
    /// Where a helper that was to give a value goes on instead.
    pub(crate) left: Flow,
    pub(crate) constants: *const u64,
    /// What addresses of exports are taken with: all ones, or 0 in a process that saves its calls, so that each call goes
    /// the long way.
    pub(crate) export_mask: u64,
    /// Why the slice is over.
    outcome: Option<Outcome>,
    /// Where the native stack was when the slice began.
    native_stack: usize,
    /// The binary that old instructions are building.
    pub(crate) builder: Option<Box<Builder>>,
    /// Where handlers go on, where they return after each instruction.
    pub(crate) state: State,
}

impl<'a> Deref for Run<'a> {
    type Target = Slice<'a>;
    #[inline(always)]
    fn deref(&self) -> &Slice<'a> {
        &self.slice
    }
}

impl<'a> DerefMut for Run<'a> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Slice<'a> {
        &mut self.slice
    }
}

/// What the helper that ends a slice may have used of the native stack since the slice began.
const NATIVE_STACK_BYTES_MAX: usize = 32 << 10;

/// About where the native stack is.
#[inline(never)]
fn native_stack() -> usize {
    let here = 0u8;
    (&raw const here).addr()
}

impl<'a> Run<'a> {
    /// Runs a process that the caller owns until the slice is over.
    pub fn run(
        interpreter: &'a Interpreter,
        vm: &'a Vm,
        process: &'a Arc<Process>,
        main: &'a mut ProcessMain,
        dirty: bool,
        budget: i32,
    ) -> Outcome {
        let nowhere = std::ptr::null_mut::<u64>();
        let export_mask = if main.state.rare.last_calls.is_some() { 0 } else { u64::MAX };
        let slice = Slice {
            interpreter,
            vm,
            process,
            main,
            dirty,
            reductions: budget,
            budget,
            put_aside: 0,
            live: 0,
            left: Flow::STOP,
            constants: vm.code.constants.base(),
            export_mask,
            outcome: None,
            native_stack: 0,
            builder: None,
            state: State { ip: nowhere.cast(), x: nowhere, y: nowhere, heap: nowhere, reductions: 0 },
        };
        let run = RUN.with(|run| run.get()).cast::<Run<'a>>();
        // SAFETY: what this thread keeps is its own, and a thread runs one process at a time. The registers are
        // initialised; what is left of the last slice is nothing that would have to be dropped.
        unsafe {
            (&raw mut (*run).slice).write(slice);
            let outcome = (*run).run_slice();
            (&raw mut (*run).slice).drop_in_place();
            outcome
        }
    }
    fn run_slice(&mut self) -> Outcome {
        if let Some(start) = self.resume().target() {
            self.execute(start);
        }
        let used = self.budget - self.reductions - self.put_aside;
        // Only the owner changes it.
        let reductions = self.process.reductions.load(Ordering::Relaxed).wrapping_add(used.max(1) as u64);
        self.process.reductions.store(reductions, Ordering::Relaxed);
        self.outcome.take().expect("a slice that is over has an outcome")
    }
    fn execute(&mut self, start: *const u32) {
        // SAFETY: handlers do not keep anything of the run beyond this call; the lifetime only stands in their
        // signature because a table of functions cannot be generic.
        let run = unsafe { &mut *(&raw mut *self).cast::<Run<'static>>() };
        run.native_stack = native_stack();
        let mut state = State { ip: start, x: run.registers(), ..run.state };
        state.reload(run);
        if !LOOPS {
            state.go(run, start);
            return;
        }
        run.state = state;
        loop {
            let state = run.state;
            // SAFETY: the state's instruction was made by the decoder, or is a breakpoint put in its place.
            if !unsafe { state.go_as(run, state.ip, number_at(state.ip)) } {
                return;
            }
        }
    }
    /// The slice is over.
    ///
    /// # Panics
    /// When handlers have used the native stack: then not all of them end in a jump to the next.
    #[inline(never)]
    pub(crate) fn stop(&mut self, outcome: Outcome) -> Flow {
        let used = self.native_stack.wrapping_sub(native_stack());
        assert!(used < NATIVE_STACK_BYTES_MAX || self.native_stack == 0, "handlers used {used} bytes of stack");
        self.outcome = Some(outcome);
        Flow::STOP
    }

    // --- access --------------------------------------------------------------------------------------------------

    /// The X registers.
    #[inline(always)]
    pub(crate) fn registers(&mut self) -> *mut u64 {
        (&raw mut *self).cast()
    }
    /// The float register at this offset in bytes.
    #[inline(always)]
    pub(crate) fn float(&mut self, offset: usize) -> *mut f64 {
        (&raw mut self.floats).cast::<f64>().wrapping_byte_add(offset)
    }
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
        let main = self.main;
        // SAFETY: the slice owns the process; each use ends before the next begins.
        unsafe { &mut (*main).state }
    }
    #[inline(always)]
    pub(crate) fn x(&self, index: usize) -> Word {
        // SAFETY: indexes come from decoded instructions or arities, all below the number of registers.
        Word(unsafe { *self.x.get_unchecked(index) })
    }
    #[inline(always)]
    pub(crate) fn set_x(&mut self, index: usize, word: Word) {
        // SAFETY: as above.
        unsafe { *self.x.get_unchecked_mut(index) = word.0 }
    }
    pub(crate) fn x_slice(&self, count: usize) -> &'a [Word] {
        // SAFETY: `count` X registers hold the arguments.
        unsafe { std::slice::from_raw_parts((&raw const self.x).cast(), count) }
    }
    /// A word as a term that lives until the next collection.
    #[inline(always)]
    pub(crate) fn term(&self, word: Word) -> Term<'a> {
        // SAFETY: registers, stack and constants hold live terms; callers do not keep it across a collection.
        unsafe { Term::from_raw(word) }
    }
    /// General source operand `n` words behind `ip`.
    #[inline(always)]
    pub(crate) fn source(&self, ip: *const u32, n: usize) -> Word {
        let operand = self.number(ip, n);
        let base = match operand & KIND_MASK {
            KIND_Y => self.heap().stack_top().cast_const(),
            KIND_CONSTANT => self.constants,
            _ => (&raw const self.x).cast(),
        };
        // SAFETY: the decoder put a source operand there.
        Word(unsafe { *base.byte_add((operand & !KIND_MASK) as usize) })
    }
    /// Writes general register operand `n`.
    #[inline(always)]
    pub(crate) fn write(&mut self, ip: *const u32, n: usize, word: Word) {
        self.write_register(self.number(ip, n), word);
    }
    /// Writes the register that a general operand names.
    #[inline(always)]
    pub(crate) fn write_register(&mut self, operand: u32, word: Word) {
        let base = if operand & KIND_MASK == KIND_Y { self.heap().stack_top() } else { self.registers() };
        // SAFETY: the decoder made the operand.
        unsafe { *base.wrapping_byte_add((operand & !KIND_MASK) as usize) = word.0 }
    }
    /// Number operand `n`.
    #[inline(always)]
    pub(crate) fn number(&self, ip: *const u32, n: usize) -> u32 {
        // SAFETY: the decoder put an operand there.
        unsafe { *ip.add(n) }
    }
    /// The 64 bits in operands `n` and `n + 1`.
    #[inline(always)]
    pub(crate) fn wide(&self, ip: *const u32, n: usize) -> u64 {
        // SAFETY: the decoder put two words there.
        unsafe { ip.add(n).cast::<u64>().read_unaligned() }
    }
    /// Label operand `n`.
    #[inline(always)]
    pub(crate) fn label(&self, ip: *const u32, n: usize) -> *const u32 {
        // SAFETY: the decoder put an operand there; it may be changed atomically.
        ip.wrapping_byte_offset(unsafe { number_at(ip.add(n)) } as i32 as isize)
    }
    /// Is label operand `n` none?
    #[inline(always)]
    pub(crate) fn no_label(&self, ip: *const u32, n: usize) -> bool {
        self.number(ip, n) == 0
    }

    // --- saving calls --------------------------------------------------------------------------------------------

    /// Did the process save its calls when the slice began?
    #[inline(always)]
    pub(crate) fn saves_calls(&self) -> bool {
        self.export_mask == 0
    }
    /// Keeps `call` for a process that still saves its calls, and is not sensitive.
    #[cold]
    #[inline(never)]
    pub(crate) fn save_call(&mut self, call: LastCall) {
        self.with_context(|context| context.save_call(call));
    }

    // --- the stack -----------------------------------------------------------------------------------------------

    /// Moves the stack's top.
    #[inline(always)]
    fn move_stack(&mut self, words: isize) {
        let heap = self.heap();
        // SAFETY: callers drop whole frames, or write what they make room for before anybody looks; every frame leaves
        // room for return addresses below it (`STACK_RESERVE_WORDS`).
        unsafe { heap.set_stack_top(heap.stack_top().wrapping_offset(words)) }
    }
    pub(crate) fn push_word(&mut self, word: Word) {
        self.move_stack(-1);
        // SAFETY: the place was just made.
        unsafe { *self.heap().stack_top() = word.0 }
    }
    pub(crate) fn push_return(&mut self, address: *const u32) {
        self.push_word(Word::return_address(address as u64));
    }
    pub(crate) fn pop_return(&mut self) -> *const u32 {
        // SAFETY: a function returns with its frame gone, so the return address is on top.
        let word = Word(unsafe { *self.heap().stack_top() });
        debug_assert!(word.is_return_address(), "a return without a return address: {word:?}");
        self.move_stack(1);
        word.code_address() as *const u32
    }
    pub(crate) fn drop_frame(&mut self, words: usize) {
        self.move_stack(words as isize);
    }
    /// Drops everything on the stack.
    pub(crate) fn drop_stack(&mut self) {
        let heap = self.heap();
        // SAFETY: an empty stack is in order.
        unsafe { heap.set_stack_top(heap.stack_end()) }
    }

    // --- collecting and yielding ---------------------------------------------------------------------------------

    /// Collects, with `live` X registers.
    #[cold]
    #[inline(never)]
    pub(crate) fn collect(&mut self, need: usize, live: usize) {
        self.builder = None;
        let registers = self.registers().cast::<Word>();
        // SAFETY: `live` X registers hold terms; the slice owns the process.
        let (main, registers) = unsafe { (&mut *self.main, std::slice::from_raw_parts_mut(registers, live)) };
        if self.vm.collect(self.process, main, need, registers) == Collected::TooLarge {
            self.vm.report_heap_too_large(self.process, main);
            if main.state.rare.max_heap_size.kill {
                main.state.exiting = Some(Vm::own_atom(atoms::KILLED));
                self.put_aside = 0;
                self.reductions = -1;
            }
        }
    }
    /// Collects everything, for a process that will not run soon: the heap keeps no room at all, so somebody must collect
    /// before it goes on.
    pub(crate) fn collect_tightly(&mut self, live: usize) {
        self.state().force_major = true;
        self.collect(0, live);
        let registers = self.registers().cast::<Word>();
        // SAFETY: as in `collect`.
        let (main, registers) = unsafe { (&mut *self.main, std::slice::from_raw_parts_mut(registers, live)) };
        main.fit(registers);
    }
    /// Makes sure that the block has room for `words`.
    #[inline(always)]
    pub(crate) fn ensure(&mut self, words: usize, live: usize) {
        if !self.heap().has_room(words) || self.heap().wants_collection() {
            self.collect(words, live);
        }
    }
    /// Collects if fragments or large binaries ask for it.
    #[inline(always)]
    pub(crate) fn relieve(&mut self, live: usize) {
        if self.heap().wants_collection() {
            self.collect(0, live);
        }
    }
    /// As [`Run::relieve`], where nobody knows which registers are live: the next call does it.
    pub(crate) fn relieve_at_next_call(&mut self) {
        if self.put_aside == 0 && self.reductions > 0 && self.heap().wants_collection() {
            self.put_aside = self.reductions;
            self.reductions = 0;
        }
    }
    /// Saves `live` X registers, to go on at `ip`.
    pub(crate) fn save(&mut self, ip: *const u32, live: usize) {
        let state = self.state();
        state.registers.clear();
        state.registers.extend((0..live).map(|index| self.x(index)));
        state.resume = Resume::Code(ip as u64);
        state.current_address = ip as u64 + 4;
    }
    #[cold]
    pub(crate) fn suspend(&mut self, ip: *const u32, live: usize, outcome: Outcome) -> Flow {
        self.save(ip, live);
        self.stop(outcome)
    }
    /// Counts a call.
    #[inline(always)]
    pub(crate) fn count_call(&mut self, ip: *const u32, live: usize) -> Flow {
        self.reductions -= 1;
        if self.reductions > 0 { Flow::go(ip) } else { self.out_of_reductions(ip, live) }
    }
    /// The function at `ip` is called, and the reductions are used up or were put aside.
    #[cold]
    #[inline(never)]
    pub(crate) fn out_of_reductions(&mut self, ip: *const u32, live: usize) -> Flow {
        let put_aside = std::mem::take(&mut self.put_aside);
        self.reductions += put_aside;
        if put_aside != 0 {
            self.relieve(live);
        }
        if self.reductions > 0 { Flow::go(ip) } else { self.suspend(ip, live, Outcome::Yield) }
    }
    fn resume(&mut self) -> Flow {
        let state = self.state();
        for (index, word) in state.registers.iter().enumerate() {
            self.set_x(index, *word);
        }
        state.registers.clear();
        match state.resume {
            Resume::Code(address) => Flow::go(address as *const u32),
            Resume::Bif(saved) => self.resume_bif(saved),
        }
    }
}
