//! Trace points: what happens at breakpoints, and when traced calls end.
//!
//! A call whose end is to be told leaves a frame on the stack: the address of the `ReturnTrace` stub on top, below it
//! the two small integers of its [`TraceFrame`], then the true return address.

use crate::instruction::Instruction as I;
use crate::run::{Flow, Run};
use oxbeam_runtime::{BifContext, BifEntry, Class, TraceFrame, TracePoint, Tracer};
use oxbeam_term::{Term, Word};
use std::sync::atomic::{AtomicU32, Ordering};

/// Words of a trace frame with its return address, and some more.
const ROOM_WORDS: usize = 8;

impl<'a> Run<'a> {
    /// The instruction at `ip`.
    #[inline(always)]
    pub(crate) fn fetch(&self, ip: *const u32) -> I {
        // SAFETY: `ip` is at an instruction that the decoder made, or at a breakpoint put in its place; others replace
        // it atomically.
        unsafe { I::from_number(AtomicU32::from_ptr(ip.cast_mut()).load(Ordering::Relaxed)) }
    }
    /// As [`Run::fetch`], for a jump within a function: a breakpoint at its entry is passed over.
    #[inline(always)]
    pub(crate) fn fetch_within(&self, ip: *const u32) -> I {
        let instruction = self.fetch(ip);
        if instruction == I::Breakpoint { self.original(ip) } else { instruction }
    }
    #[cold]
    fn original(&self, ip: *const u32) -> I {
        match self.vm.tracing.point(ip as u64) {
            // SAFETY: the point keeps the number of the instruction that the decoder put there.
            Some(point) => unsafe { I::from_number(point.original) },
            // The breakpoint was taken away meanwhile.
            None => self.fetch(ip),
        }
    }
    /// A traced function is called; gives the instruction to go on with.
    #[cold]
    #[inline(never)]
    pub(crate) fn breakpoint(&mut self, ip: *const u32) -> I {
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
                Flow::Go(point.entry as *const u32)
            }
            None => self.raise_function_clause(ip),
        }
    }
    fn traced_call(&mut self, point: &TracePoint) {
        let Some(tracer) = self.vm.tracing.tracer() else { return };
        let arity = point.arity as usize;
        let nested = self.return_address() == self.interpreter.return_trace_address();
        let frame = self.ask(tracer, point, nested);
        // The stack may have given room to what was built on the heap.
        self.ensure(ROOM_WORDS, arity);
        if let Some([first, second]) = frame {
            self.push_word(Word::small(second));
            self.push_word(Word::small(first));
            self.push_return(self.interpreter.return_trace_address() as *const u32);
        }
    }
    fn ask(&mut self, tracer: &dyn Tracer, point: &TracePoint, nested: bool) -> Option<TraceFrame> {
        let words = self.x_slice(point.arity as usize);
        let arguments: Vec<Term<'a>> = words.iter().map(|word| self.term(*word)).collect();
        self.with_context(|context| tracer.called(context, point, &arguments, nested))
    }
    /// A BIF is called without going through its function.
    #[cold]
    #[inline(never)]
    pub(crate) fn trace_bif(&mut self, entry: &BifEntry) {
        let atoms = &self.vm.atoms;
        let names = (atoms.existing(entry.module), atoms.existing(entry.function));
        let (Some(module), Some(function)) = names else { return };
        let Some(export) = self.vm.code.existing_export(module, function, entry.arity) else { return };
        let address = export.address.load(Ordering::Acquire);
        if let (Some(point), Some(tracer)) = (self.vm.tracing.point(address), self.vm.tracing.tracer()) {
            self.ask(tracer, &point, true);
        }
    }
    /// A traced call returns the value in x0.
    #[cold]
    #[inline(never)]
    pub(crate) fn return_trace(&mut self) -> Flow {
        // SAFETY: the frame of a traced call is on top of the stack, without its return address.
        let frame = unsafe { [Word(*self.bases[1]), Word(*self.bases[1].add(1))] }.map(Word::small_value);
        self.drop_frame(2);
        let (value, to) = (self.term(self.x(0)), self.return_address());
        if let Some(tracer) = self.vm.tracing.tracer() {
            self.with_context(|context| tracer.returned(context, frame, value, to));
        }
        Flow::Go(self.pop_return())
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
        let frames: Vec<TraceFrame> = passed
            .windows(3)
            .filter(|window| is_stub(&window[0]))
            .map(|window| [window[1].small_value(), window[2].small_value()])
            .collect();
        for frame in frames {
            self.with_context(|context| tracer.raised(context, frame, class, reason));
        }
    }
    fn return_address(&self) -> u64 {
        // SAFETY: where a function is entered or left its return address is on top of the stack.
        let word = Word(unsafe { *self.bases[1] });
        if word.is_return_address() { word.code_address() } else { 0 }
    }
    fn push_word(&mut self, word: Word) {
        // SAFETY: the caller made room.
        unsafe {
            self.bases[1] = self.bases[1].sub(1);
            *self.bases[1] = word.0;
        }
    }
    fn with_context<R>(&mut self, work: impl FnOnce(&mut BifContext<'a>) -> R) -> R {
        self.sync();
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
