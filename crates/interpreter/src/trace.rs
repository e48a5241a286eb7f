//! Trace points: what happens at breakpoints, and when traced calls end.
//!
//! A call whose end is to be told leaves a frame on the stack: the address of the `ReturnTrace` stub on top, below it
//! the two small integers of its [`TraceFrame`], then the true return address.

use crate::instruction::Instruction as I;
use crate::run::{Flow, Run};
use crate::state::number_at;
use oxbeam_runtime::{BifContext, BifEntry, Class, TraceFrame, TracePoint, Tracer};
use oxbeam_term::{Term, Word};
use std::sync::atomic::Ordering;

/// Words of a trace frame with its return address, and some more.
const ROOM_WORDS: usize = 8;

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
        let frame = unsafe {
            let top = self.heap().stack_top();
            [Word(*top), Word(*top.add(1))]
        };
        let frame = frame.map(Word::small_value);
        self.drop_frame(2);
        let (value, to) = (self.term(self.x(0)), self.return_address());
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
        let word = Word(unsafe { *self.heap().stack_top() });
        if word.is_return_address() { word.code_address() } else { 0 }
    }
    fn with_context<R>(&mut self, work: impl FnOnce(&mut BifContext<'a>) -> R) -> R {
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
