//! Trace points: what happens at breakpoints, and when traced calls end.
//!
//! A call whose end is to be told leaves frames on the stack: the address of the `ReturnTrace` stub on top, below it
//! the small integers of its [`TraceFrame`], then the next frame or the true return address.

use crate::instruction::Instruction as I;
use crate::run::{Flow, Position, Run};
use crate::state::number_at;
use oxbeam_runtime::{BifContext, BifEntry, Class, Sender, TraceFrame, TracePoint, trace_flag};
use oxbeam_term::{Term, Word, atoms};
use std::sync::atomic::Ordering;

/// Words of a trace frame with its return address.
const FRAME_WORDS: usize = 4;

/// The frame below the address of the stub.
fn frame_of(words: &[Word]) -> TraceFrame {
    [words[1].small_value(), words[2].small_value(), words[3].small_value()]
}

impl<'a> Run<'a> {
    /// For a jump within a function: the number of the instruction at `ip`, which shows `number`. A breakpoint at the
    /// function's entry is passed over.
    #[inline(always)]
    pub(crate) fn number_within(&self, ip: *const u32, number: u32) -> u32 {
        if number == I::Breakpoint.number() { self.original(ip) } else { number }
    }
    #[cold]
    fn original(&self, ip: *const u32) -> u32 {
        match self.vm.tracing.point(ip as u64) {
            Some(point) => point.original,
            // SAFETY: `ip` is at an instruction. The breakpoint was taken away meanwhile.
            None => unsafe { number_at(ip) },
        }
    }
    /// A traced function is called; gives the number of the instruction to go on with.
    #[cold]
    #[inline(never)]
    pub(crate) fn breakpoint(&mut self, ip: *const u32) -> u32 {
        if let Some(point) = self.vm.tracing.point(ip as u64) {
            self.traced_call(&point);
        }
        self.original(ip)
    }
    /// A traced function is called from outside its module.
    #[cold]
    #[inline(never)]
    pub(crate) fn export_breakpoint(&mut self, ip: *const u32) -> Flow {
        match self.vm.tracing.point(ip as u64) {
            Some(point) => {
                self.traced_call(&point);
                Flow::go(point.entry as *const u32)
            }
            None => self.raise_function_clause(ip),
        }
    }
    fn traced_call(&mut self, point: &TracePoint) {
        let Some(tracer) = self.vm.tracing.tracer() else { return };
        let arity = point.arity as usize;
        let words = self.x_slice(arity);
        let arguments: Vec<Term<'a>> = words.iter().map(|word| self.term(*word)).collect();
        let on_top = self.frames_on_top();
        let frames = self.with_context(|context| tracer.called(context, point, &arguments, &on_top));
        // The stack may have given room to what was built on the heap.
        self.ensure(FRAME_WORDS * (frames.len() + 1), arity);
        for frame in frames {
            for value in frame.into_iter().rev() {
                self.push_word(Word::small(value));
            }
            self.push_return(self.interpreter.return_trace_address() as *const u32);
        }
    }
    /// The trace frames at the top of the stack, the topmost first.
    fn frames_on_top(&self) -> Vec<TraceFrame> {
        let stub = self.interpreter.return_trace_address();
        let is_stub = |word: &Word| word.is_return_address() && word.code_address() == stub;
        let chunks = self.heap().stack().chunks_exact(FRAME_WORDS);
        chunks.take_while(|frame| is_stub(&frame[0])).map(frame_of).collect()
    }
    /// The first return address that is not that of a trace frame.
    fn true_return_address(&self) -> u64 {
        let skipped = self.frames_on_top().len() * FRAME_WORDS;
        let at = |index: usize| {
            let word = self.heap().stack().get(index).copied().unwrap_or(Word::NIL);
            if word.is_return_address() { word.code_address() } else { 0 }
        };
        match at(skipped) {
            address if address == self.interpreter.bif_return_address() => at(skipped + 2),
            address => address,
        }
    }
    /// A process that is traced or saves its calls sends x1 to x0.
    #[cold]
    pub(crate) fn trace_send(&mut self) {
        let (to, message) = (self.term(self.x(0)), self.term(self.x(1)));
        self.with_context(|context| context.trace_send(to, message));
    }
    /// A receive gives up: a process with the flag `RECEIVE` gets `timeout`.
    #[inline]
    pub(crate) fn trace_timeout(&mut self) {
        if self.process.trace_flags() & trace_flag::RECEIVE != 0
            && let Some(tracer) = self.vm.tracing.tracer()
        {
            self.with_context(|context| tracer.received(context, Sender::Clock, Term::atom(atoms::TIMEOUT)));
        }
    }
    /// A call of a BIF that has a trace point goes to the BIF's function, as any call; `None` without one.
    #[cold]
    #[inline(never)]
    pub(crate) fn call_traced_bif(&mut self, entry: &BifEntry, after: *const u32, position: Position) -> Option<Flow> {
        let atoms = &self.vm.atoms;
        let (module, function) = (atoms.existing(entry.module)?, atoms.existing(entry.function)?);
        let export = self.vm.code.existing_export(module, function, entry.arity)?;
        let address = export.address.load(Ordering::Acquire);
        self.vm.tracing.point(address)?;
        self.ensure(FRAME_WORDS, entry.arity as usize);
        match position {
            Position::Body => self.push_return(after),
            // No call of a BIF is one in tail position in OTP: the caller is seen, and is returned to.
            Position::Only => self.push_bif_return(after, 0),
            Position::Last(words) => self.push_bif_return(after, words),
        }
        Some(Flow::go(address as *const u32))
    }
    fn push_bif_return(&mut self, after: *const u32, words: usize) {
        self.push_return(after);
        self.push_word(Word::small(words as i64));
        self.push_return(self.interpreter.bif_return_address() as *const u32);
    }
    /// A BIF that was called in tail position returns: so does its caller.
    #[cold]
    pub(crate) fn traced_bif_return(&mut self) -> Flow {
        // SAFETY: `push_bif_return` has put the number there.
        let words = unsafe { Word(*self.heap().stack_top()) }.small_value() as usize;
        self.drop_frame(2 + words);
        Flow::go(self.pop_return())
    }
    /// A traced call returns the value in x0.
    #[cold]
    #[inline(never)]
    pub(crate) fn return_trace(&mut self) -> Flow {
        // SAFETY: the frame of a traced call is on top of the stack, without its return address.
        let frame = unsafe { [0, 1, 2].map(|at| Word(*self.heap().stack_top().add(at)).small_value()) };
        self.drop_frame(FRAME_WORDS - 1);
        let (value, to) = (self.term(self.x(0)), self.true_return_address());
        if let Some(tracer) = self.vm.tracing.tracer() {
            self.with_context(|context| tracer.returned(context, frame, value, to));
        }
        Flow::go(self.pop_return())
    }
    /// An exception passes by traced calls on its way to the innermost handler.
    #[cold]
    #[inline(never)]
    pub(crate) fn trace_raised(&mut self, class: Class, reason: Term<'a>) {
        let Some(tracer) = self.vm.tracing.tracer() else { return };
        let stub = self.interpreter.return_trace_address();
        let stack = self.heap().stack();
        let handler = stack.iter().position(|word| word.is_immediate_of(oxbeam_term::word::ImmediateKind::Catch));
        let passed = &stack[..handler.unwrap_or(stack.len())];
        let is_stub = |word: &Word| word.is_return_address() && word.code_address() == stub;
        let frames: Vec<TraceFrame> =
            passed.windows(FRAME_WORDS).filter(|window| is_stub(&window[0])).map(frame_of).collect();
        if frames.is_empty() {
            return;
        }
        // What nobody catches is an error, as the process will end with it.
        let (class, reason) = match (class, handler) {
            (Class::Throw, None) => (Class::Error, self.heap().tuple(&[Term::atom(atoms::NOCATCH), reason])),
            other => (other.0, reason),
        };
        let caught = passed.iter().rev().find(|word| word.is_return_address() && !is_stub(word));
        let handler = caught.filter(|_| handler.is_some()).map(|word| word.code_address());
        self.with_context(|context| tracer.raised(context, &frames, class, reason, handler));
    }
    pub(crate) fn with_context<R>(&mut self, work: impl FnOnce(&mut BifContext<'a>) -> R) -> R {
        let (state, heap) = (self.state(), self.heap());
        let reductions: *mut i32 = &raw mut self.reductions;
        let mut context = BifContext {
            vm: self.vm,
            heap,
            process: self.process,
            state,
            // SAFETY: the slice outlives the call, and nothing else touches the counter meanwhile.
            reductions: unsafe { &mut *reductions },
        };
        work(&mut context)
    }
}
