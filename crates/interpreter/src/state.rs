//! What a handler works with: the machine state in registers, and how operands are read.

use crate::dispatch::HANDLERS;
use crate::instruction::{Instruction, KIND_CONSTANT, KIND_MASK, KIND_Y};
use crate::run::{Flow, Run};
use oxbeam_term::Word;
use std::sync::atomic::{AtomicU32, Ordering};

/// A handler: executes the instruction at the first argument, and with it all that follow. The result is whether the
/// outer loop goes on, which only exists where [`LOOPS`] is true.
///
/// All five arguments travel in registers, and every handler ends in a call of the next one with the same signature,
/// which the optimiser makes a jump. For that a handler must have no local whose address escapes and nothing to drop
/// at that point: whatever needs such things is a function of its own.
pub(crate) type Handler = unsafe fn(*const u32, &mut Run<'static>, *mut u64, *mut u64, i32) -> bool;

/// Do handlers return to a loop after each instruction? So it is where calls in tail position are not made jumps.
pub(crate) const LOOPS: bool = cfg!(any(debug_assertions, miri, gc_stress));

/// The machine state of a handler. It lives in processor registers; [`State::sync`] and [`State::reload`] bring it to
/// and from where everybody else looks for it.
#[derive(Clone, Copy)]
pub(crate) struct State {
    /// The instruction.
    pub(crate) ip: *const u32,
    /// X registers.
    pub(crate) x: *mut u64,
    /// Y registers: the stack's top.
    pub(crate) y: *mut u64,
    /// First free word of the heap.
    pub(crate) heap: *mut u64,
    /// Reductions left.
    pub(crate) reductions: i32,
}

/// Defines handlers: `fn name[generic parameters](state, run) { body }`.
macro_rules! handlers {
    ($($(#[$attribute:meta])* fn $name:ident[$($parameter:ident: $bound:path),*]($state:ident, $run:ident) $body:block)*) => {$(
        $(#[$attribute])*
        // Inlined into another handler it would make that one save registers before it knows whether it needs to.
        #[inline(never)]
        pub(crate) unsafe fn $name<$($parameter: $bound),*>(
            ip: *const u32,
            $run: &mut $crate::run::Run<'static>,
            y: *mut u64,
            heap: *mut u64,
            reductions: i32,
        ) -> bool {
            #[allow(unused_mut, reason = "not every handler changes the state")]
            let mut $state = $crate::state::State { ip, x: $run.registers(), y, heap, reductions };
            $body
        }
    )*};
}
pub(crate) use handlers;

impl State {
    // --- going on ------------------------------------------------------------------------------------------------

    /// Goes on with the instruction at `to`.
    #[inline(always)]
    pub(crate) fn go(self, run: &mut Run<'static>, to: *const u32) -> bool {
        if LOOPS {
            run.state = State { ip: to, ..self };
            return true;
        }
        // SAFETY: `to` is at an instruction that the decoder made, or at a breakpoint put in its place.
        unsafe { self.go_as(run, to, number_at(to)) }
    }
    /// Goes on with the instruction at `to`, taken for the one with this number.
    ///
    /// # Safety
    /// The operands at `to` are those of an instruction with this number.
    #[inline(always)]
    pub(crate) unsafe fn go_as(self, run: &mut Run<'static>, to: *const u32, number: u32) -> bool {
        debug_assert!((number as usize) < HANDLERS.len());
        // SAFETY: there is a handler for every number of an instruction, and the operands are its own.
        unsafe {
            let handler = *HANDLERS.get_unchecked(number as usize);
            handler(to, run, self.y, self.heap, self.reductions)
        }
    }
    /// Goes on behind an instruction of this many words.
    #[inline(always)]
    pub(crate) fn next(self, run: &mut Run<'static>, words: usize) -> bool {
        self.go(run, self.ip.wrapping_add(words))
    }
    /// Goes on behind an instruction of this many words, or at label operand `label`.
    #[inline(always)]
    pub(crate) fn branch(self, run: &mut Run<'static>, condition: bool, words: usize, label: usize) -> bool {
        if condition { self.next(run, words) } else { self.go(run, self.label(label)) }
    }
    /// Leaves for the handler `to`, at the same instruction: the rest of it that is rarely needed.
    #[inline(always)]
    pub(crate) fn tail(self, run: &mut Run<'static>, to: Handler) -> bool {
        // SAFETY: the instruction is the one that the caller is executing.
        unsafe { to(self.ip, run, self.y, self.heap, self.reductions) }
    }
    /// Goes on where a helper said, with what it left.
    #[inline(always)]
    pub(crate) fn follow(mut self, run: &mut Run<'static>, flow: Flow) -> bool {
        match flow.target() {
            Some(to) => {
                self.reload(run);
                self.go(run, to)
            }
            None => false,
        }
    }
    /// Runs a helper that says where to go on.
    #[inline(always)]
    pub(crate) fn help(self, run: &mut Run<'static>, helper: impl FnOnce(&mut Run<'static>) -> Flow) -> bool {
        self.sync(run);
        let flow = helper(run);
        self.follow(run, flow)
    }
    /// Writes the state to where the rest of the machine looks for it.
    #[inline(always)]
    pub(crate) fn sync(&self, run: &mut Run<'static>) {
        let heap = run.heap();
        // SAFETY: the registers hold the stack's top and the heap's; what lies between the latter and its old value has
        // been filled.
        unsafe {
            heap.set_stack_top(self.y);
            heap.set_top(self.heap);
        }
        run.reductions = self.reductions;
    }
    /// Reads the state back after [`State::sync`] and a helper.
    #[inline(always)]
    pub(crate) fn reload(&mut self, run: &Run<'static>) {
        let heap = run.heap();
        self.y = heap.stack_top();
        self.heap = heap.top();
        self.reductions = run.reductions;
    }

    // --- operands ------------------------------------------------------------------------------------------------

    /// Operand `n` as it is.
    #[inline(always)]
    pub(crate) fn number(&self, n: usize) -> u32 {
        // SAFETY: the decoder put an operand there.
        unsafe { *self.ip.add(n) }
    }
    /// Operand `n`, a number of bytes.
    #[inline(always)]
    pub(crate) fn bytes(&self, n: usize) -> usize {
        self.number(n) as usize
    }
    /// Label operand `n`.
    #[inline(always)]
    pub(crate) fn label(&self, n: usize) -> *const u32 {
        // SAFETY: the decoder put an operand there; when the function that it names is decoded it is changed atomically.
        let distance = unsafe { number_at(self.ip.add(n)) };
        self.ip.wrapping_byte_offset(distance as i32 as isize)
    }
    /// The 64 bits in operands `n` and `n + 1`.
    #[inline(always)]
    pub(crate) fn wide(&self, n: usize) -> u64 {
        // SAFETY: the decoder put two words there.
        unsafe { self.ip.add(n).cast::<u64>().read_unaligned() }
    }
    /// What operands `n` and `n + 1` are the address of.
    #[inline(always)]
    pub(crate) fn cell<T>(&self, n: usize) -> &'static T {
        // SAFETY: the decoder put the address of a `T` there: of something that lives as long as the machine.
        unsafe { &*(self.wide(n) as *const T) }
    }
    /// Source operand `n`, of kind `S`.
    #[inline(always)]
    pub(crate) fn get<S: Source>(&self, run: &Run<'static>, n: usize) -> Word {
        // SAFETY: the decoder put an operand of this kind there.
        unsafe { S::read(self, run, self.number(n)) }
    }
    /// Writes register operand `n`, of kind `T`.
    #[inline(always)]
    pub(crate) fn set<T: Target>(&self, n: usize, word: Word) {
        // SAFETY: the decoder put an operand of this kind there.
        unsafe { *T::place(self, self.number(n)) = word.0 }
    }
    /// Writes register operand `n`, of either kind.
    #[inline(always)]
    pub(crate) fn set_general(&self, n: usize, word: Word) {
        let operand = self.number(n);
        let base = if operand & KIND_MASK == KIND_Y { self.y } else { self.x };
        // SAFETY: the decoder put a register operand there.
        unsafe { *base.wrapping_byte_add((operand & !KIND_MASK) as usize) = word.0 }
    }
    /// X register `index`.
    #[inline(always)]
    pub(crate) fn x_register(&self, index: usize) -> Word {
        // SAFETY: indexes come from decoded instructions or arities, all below the number of registers.
        Word(unsafe { *self.x.add(index) })
    }
    /// Sets X register `index`.
    #[inline(always)]
    pub(crate) fn set_x(&self, index: usize, word: Word) {
        // SAFETY: as above.
        unsafe { *self.x.add(index) = word.0 }
    }
    /// The Y register that operand `n` names.
    #[inline(always)]
    pub(crate) fn set_y(&self, n: usize, word: Word) {
        self.set::<Y>(n, word);
    }

    // --- stack and heap ------------------------------------------------------------------------------------------

    /// Pushes the address of the instruction behind this one, which has `words` words.
    #[inline(always)]
    pub(crate) fn push_return(&mut self, words: usize) {
        // SAFETY: every frame leaves room for return addresses below it (`STACK_RESERVE_WORDS`).
        unsafe {
            self.y = self.y.sub(1);
            *self.y = Word::return_address(self.ip.wrapping_add(words) as u64).0;
        }
    }
    /// Takes the return address off the stack.
    #[inline(always)]
    pub(crate) fn pop_return(&mut self) -> *const u32 {
        // SAFETY: a function returns with its frame gone, so the return address is on top.
        unsafe {
            let word = Word(*self.y);
            debug_assert!(word.is_return_address(), "a return without a return address: {word:?}");
            self.y = self.y.add(1);
            word.code_address() as *const u32
        }
    }
    /// Drops a frame, whose size in bytes is operand `n`.
    #[inline(always)]
    pub(crate) fn drop_frame(&mut self, n: usize) {
        self.y = self.y.wrapping_byte_add(self.bytes(n));
    }
    /// Room for `words` that the compiler asked for with an earlier `test_heap`.
    #[inline(always)]
    pub(crate) fn allocate(&mut self, words: usize) -> *mut u64 {
        let object = self.heap;
        self.heap = object.wrapping_add(words);
        debug_assert!(self.heap <= self.y, "an object was built without asking for room");
        object
    }
}

/// The instruction number at `ip`.
///
/// # Safety
/// `ip` is at an instruction that the decoder made, or at a breakpoint put in its place, or at a label operand.
#[inline(always)]
pub(crate) unsafe fn number_at(ip: *const u32) -> u32 {
    // SAFETY: by the caller's promise; tracing replaces the word atomically.
    unsafe { AtomicU32::from_ptr(ip.cast_mut()).load(Ordering::Relaxed) }
}

/// The instruction at `ip`, whatever the kinds of its operands.
///
/// # Safety
/// As for [`number_at`].
pub(crate) unsafe fn instruction_at(ip: *const u32) -> Instruction {
    // SAFETY: by the caller's promise.
    Instruction::of_number(unsafe { number_at(ip) })
}

/// A kind of source operand.
pub(crate) trait Source {
    /// Reads it.
    ///
    /// # Safety
    /// `operand` is one of this kind, made by the decoder.
    unsafe fn read(state: &State, run: &Run<'static>, operand: u32) -> Word;
}

/// A kind of register operand.
pub(crate) trait Target {
    /// Where it is.
    ///
    /// # Safety
    /// `operand` is one of this kind, made by the decoder.
    unsafe fn place(state: &State, operand: u32) -> *mut u64;
}

/// A kind of operand that is read and written.
pub(crate) trait Register: Source + Target {}
impl<R: Source + Target> Register for R {}

/// An X register: the operand is its offset in bytes.
pub(crate) struct X;
/// A Y register: the operand is its offset in bytes.
pub(crate) struct Y;
/// An immediate: the operand is the word, which has its sign extended.
pub(crate) struct I;
/// A constant: the operand is its offset in bytes.
pub(crate) struct C;
/// Any source: three low bits say which, the rest is the offset in bytes.
pub(crate) struct G;

impl Source for X {
    #[inline(always)]
    unsafe fn read(state: &State, _run: &Run<'static>, operand: u32) -> Word {
        // SAFETY: by the caller's promise the register is there.
        Word(unsafe { *state.x.byte_add(operand as usize) })
    }
}
impl Source for Y {
    #[inline(always)]
    unsafe fn read(state: &State, _run: &Run<'static>, operand: u32) -> Word {
        // SAFETY: by the caller's promise the register is there.
        Word(unsafe { *state.y.byte_add(operand as usize) })
    }
}
impl Source for I {
    #[inline(always)]
    unsafe fn read(_state: &State, _run: &Run<'static>, operand: u32) -> Word {
        Word(operand as i32 as i64 as u64)
    }
}
impl Source for C {
    #[inline(always)]
    unsafe fn read(_state: &State, run: &Run<'static>, operand: u32) -> Word {
        // SAFETY: by the caller's promise the constant is there.
        Word(unsafe { *run.constants.byte_add(operand as usize) })
    }
}
impl Source for G {
    #[inline(always)]
    unsafe fn read(state: &State, run: &Run<'static>, operand: u32) -> Word {
        let base = match operand & KIND_MASK {
            KIND_Y => state.y.cast_const(),
            KIND_CONSTANT => run.constants,
            _ => state.x.cast_const(),
        };
        // SAFETY: by the caller's promise there is a word.
        Word(unsafe { *base.byte_add((operand & !KIND_MASK) as usize) })
    }
}
impl Target for X {
    #[inline(always)]
    unsafe fn place(state: &State, operand: u32) -> *mut u64 {
        state.x.wrapping_byte_add(operand as usize)
    }
}
impl Target for Y {
    #[inline(always)]
    unsafe fn place(state: &State, operand: u32) -> *mut u64 {
        state.y.wrapping_byte_add(operand as usize)
    }
}
