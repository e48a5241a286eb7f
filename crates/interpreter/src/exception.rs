//! Raising, catching, and stack traces.
//!
//! While an exception travels its stack trace is *raw*: a tuple `{Class, First, Addresses}` of the class, a first entry
//! or `[]`, and a binary of return addresses. `build_stacktrace` makes of it what Erlang code sees. A trace that
//! `erlang:raise/3` was given travels as `{Class, List}`.

use crate::run::{Flow, Run};
use oxbeam_runtime::{Class, Exception, Frame, Outcome, Trace, return_addresses};
use oxbeam_term::{Atom, LiteralRange, OwnedTerm, Term, Word, atoms};
use std::sync::atomic::Ordering;

impl<'a> Run<'a> {
    /// `{tag, value}` with operand 1 as the value.
    #[cold]
    pub(crate) fn raise_tagged(&mut self, ip: *const u32, tag: Atom) -> Flow {
        self.sync();
        let value = self.term(self.source(ip, 1));
        let reason = self.heap().tuple(&[Term::atom(tag), value]);
        self.raise_code(ip, reason)
    }
    /// An error of the code itself, at the instruction at `ip`.
    #[cold]
    pub(crate) fn raise_code(&mut self, ip: *const u32, reason: Term<'a>) -> Flow {
        let trace = Trace::Caller { arguments: None, error_info: None };
        self.raise(ip.wrapping_add(1), Exception { class: Class::Error, reason, trace, cause: None })
    }
    /// No clause of the function matched.
    #[cold]
    pub(crate) fn raise_function_clause(&mut self, ip: *const u32) -> Flow {
        self.sync();
        let heap = self.heap();
        let arity = self.vm.code.describe(ip as u64).map_or(0, |(_, function, _)| function.arity);
        let arguments: Vec<Term<'a>> = (0..arity as usize).map(|index| self.term(self.x(index))).collect();
        let trace = Trace::Caller { arguments: Some(heap.list(&arguments)), error_info: None };
        let reason = Term::atom(atoms::FUNCTION_CLAUSE);
        self.raise(ip.wrapping_add(1), Exception { class: Class::Error, reason, trace, cause: None })
    }
    /// A function is not there, and nor is the error handler: `undef` with the function first.
    #[cold]
    pub(crate) fn raise_undefined(&mut self, (module, function, arguments): (Atom, Atom, Word)) -> Flow {
        self.sync();
        let heap = self.heap();
        let first = heap.tuple(&[Term::atom(module), Term::atom(function), self.term(arguments), Term::NIL]);
        self.throw(Class::Error, Term::atom(atoms::UNDEF), Some(first), None)
    }
    /// An exception with its trace starting at the function that holds the code before `address`.
    #[cold]
    pub(crate) fn raise(&mut self, address: *const u32, exception: Exception<'a>) -> Flow {
        self.sync();
        let (class, reason) = (exception.class, exception.reason);
        match exception.trace {
            Trace::Given(trace) => {
                let raw = self.heap().tuple(&[Term::atom(class.atom()), trace]);
                self.unwind(class, reason, raw)
            }
            Trace::Bif => self.throw(class, reason, None, Some(address as u64)),
            Trace::Caller { arguments, error_info } => {
                if arguments.is_none() && error_info.is_none() {
                    return self.throw(class, reason, None, Some(address as u64));
                }
                let first = self.current_entry(address, arguments, error_info);
                // When the caller is on the stack, the first entry was made of its return address.
                let skipped = usize::from(address.is_null());
                self.throw_from(class, reason, first, None, skipped)
            }
        }
    }
    /// The entry of the function that holds the code before `address`, with arguments and error information.
    fn current_entry(
        &self,
        address: *const u32,
        arguments: Option<Term<'a>>,
        error_info: Option<Term<'a>>,
    ) -> Option<Term<'a>> {
        let heap = self.heap();
        let address = if address.is_null() { return_addresses(heap, 1).first().copied()? } else { address as u64 };
        let frame = self.vm.frame_at(address)?;
        let mut location = self.vm.location_term(heap, frame.location.as_ref());
        if let Some(error_info) = error_info {
            let mut items = location.to_vec().unwrap_or_default();
            items.push(heap.tuple(&[Term::atom(atoms::ERROR_INFO), error_info]));
            location = heap.list(&items);
        }
        let arguments = arguments.unwrap_or(Term::small(i64::from(frame.arity)));
        Some(heap.tuple(&[Term::atom(frame.module), Term::atom(frame.function), arguments, location]))
    }
    /// A BIF raised. `address` is behind the call; null when the BIF was called as an ordinary function, so that its
    /// caller is on the stack.
    #[cold]
    pub(crate) fn raise_from_bif(
        &mut self,
        address: *const u32,
        exception: Exception<'a>,
        (module, function): (Atom, Atom),
        arguments: &[Word],
    ) -> Flow {
        if !matches!(exception.trace, Trace::Bif) {
            return self.raise(address, exception);
        }
        self.sync();
        let heap = self.heap();
        let arguments: Vec<Term<'a>> = arguments.iter().map(|word| self.term(*word)).collect();
        let mut info = vec![(Term::atom(atoms::MODULE), Term::atom(error_module(self.vm.atoms.text(module))))];
        if let Some(cause) = exception.cause {
            info.push((Term::atom(atoms::CAUSE), cause));
        }
        let info = heap.map_from_pairs(&info, &self.vm.atoms);
        let location = heap.list(&[heap.tuple(&[Term::atom(atoms::ERROR_INFO), info])]);
        let entry = [Term::atom(module), Term::atom(function), heap.list(&arguments), location];
        let current = (!address.is_null()).then_some(address as u64);
        self.throw(exception.class, exception.reason, Some(heap.tuple(&entry)), current)
    }
    /// Makes the raw trace and looks for a handler.
    pub(crate) fn throw(
        &mut self,
        class: Class,
        reason: Term<'a>,
        first: Option<Term<'a>>,
        current: Option<u64>,
    ) -> Flow {
        self.throw_from(class, reason, first, current, 0)
    }
    /// The same without the innermost `skipped` return addresses.
    fn throw_from(
        &mut self,
        class: Class,
        reason: Term<'a>,
        first: Option<Term<'a>>,
        current: Option<u64>,
        skipped: usize,
    ) -> Flow {
        self.sync();
        let heap = self.heap();
        let depth = self.vm.backtrace_depth.load(Ordering::Relaxed) as usize;
        let mut bytes = Vec::with_capacity(64);
        let mut add = |address: u64| bytes.extend_from_slice(&address.to_le_bytes());
        if let Some(current) = current {
            add(current);
        }
        return_addresses(heap, depth + skipped).into_iter().skip(skipped).for_each(add);
        let addresses = heap.binary(&bytes);
        let raw = heap.tuple(&[Term::atom(class.atom()), first.unwrap_or(Term::NIL), addresses]);
        self.unwind(class, reason, raw)
    }
    /// Finds the innermost handler; without one the process ends.
    fn unwind(&mut self, class: Class, reason: Term<'a>, raw: Term<'a>) -> Flow {
        if self.vm.tracing.is_active() {
            self.trace_raised(class, reason);
        }
        let stack = self.heap().stack();
        let mut frame = 0;
        for (index, word) in stack.iter().enumerate() {
            if word.is_return_address() {
                frame = index + 1;
            } else if word.is_immediate_of(oxbeam_term::word::ImmediateKind::Catch) {
                self.bases[1] = self.bases[1].wrapping_add(frame);
                self.set_x(0, Word::NONE);
                self.set_x(1, Word::atom(class.atom()));
                self.set_x(2, reason.word());
                self.set_x(3, raw.word());
                return Flow::Go(word.payload() as *const u32);
            }
        }
        self.uncaught(class, reason, raw)
    }
    fn uncaught(&mut self, class: Class, reason: Term<'a>, raw: Term<'a>) -> Flow {
        let heap = self.heap();
        let value = match class {
            Class::Exit => reason,
            Class::Error => heap.tuple(&[reason, self.build_stacktrace(raw)]),
            Class::Throw => {
                let nocatch = heap.tuple(&[Term::atom(atoms::NOCATCH), reason]);
                heap.tuple(&[nocatch, self.build_stacktrace(raw)])
            }
        };
        let value = OwnedTerm::copy(value, LiteralRange::EMPTY);
        if class != Class::Exit {
            let (pid, alive) = (self.process.pid(), self.vm.node().0 != atoms::NONODE_NOHOST);
            let format = if alive {
                "Error in process ~p on node ~p with exit value:~n~p~n"
            } else {
                "Error in process ~p with exit value:~n~p~n"
            };
            let node = self.vm.node().0;
            let leader = self.state().group_leader.clone();
            let shown = value.clone();
            self.vm.log_error(pid, &leader, format, |heap| {
                let mut arguments = vec![Term::pid(pid)];
                if alive {
                    arguments.push(Term::atom(node));
                }
                arguments.push(heap.copy_in(shown.term()));
                arguments
            });
        }
        Flow::Stop(Outcome::Exit(value))
    }

    /// What `catch` gives for an exception: class, reason and raw trace are in x1..x3, the value goes to x0.
    pub(crate) fn catch_value(&mut self) {
        self.sync();
        let heap = self.heap();
        let (class, reason, raw) = (self.term(self.x(1)), self.term(self.x(2)), self.term(self.x(3)));
        let exit = |value| heap.tuple(&[Term::atom(atoms::UPPER_EXIT), value]);
        let value = match class.as_atom() {
            Some(atoms::THROW) => reason,
            Some(atoms::EXIT) => exit(reason),
            _ => exit(heap.tuple(&[reason, self.build_stacktrace(raw)])),
        };
        self.set_x(0, value.word());
    }
    /// The list that Erlang code sees of a raw trace.
    pub(crate) fn build_stacktrace(&self, raw: Term<'a>) -> Term<'a> {
        let heap = self.heap();
        if let Some([_, list]) = raw.as_tuple_of::<2>() {
            return *list;
        }
        let Some([_, first, addresses]) = raw.as_tuple_of::<3>() else { return raw };
        let Some(bytes) = addresses.as_binary() else { return raw };
        let depth = self.vm.backtrace_depth.load(Ordering::Relaxed) as usize;
        let mut entries: Vec<Term<'a>> = Vec::with_capacity(9);
        if !first.is_nil() {
            entries.push(*first);
        }
        for chunk in bytes.chunks_exact(8) {
            let mut address = [0; 8];
            address.copy_from_slice(chunk);
            let frame: Option<Frame> = self.vm.frame_at(u64::from_le_bytes(address));
            entries.extend(frame.map(|frame| self.vm.frame_term(heap, &frame)));
        }
        entries.truncate(depth.max(1));
        heap.list(&entries)
    }
    /// `raise Trace Reason`: raises again what was caught.
    #[cold]
    pub(crate) fn reraise(&mut self, trace: Word, reason: Word) -> Flow {
        self.sync();
        let (trace, reason) = (self.term(trace), self.term(reason));
        let class = trace.as_tuple().and_then(|tuple| tuple.elements().first().copied()).and_then(Class::of);
        self.unwind(class.unwrap_or(Class::Error), reason, trace)
    }
    /// `raw_raise`: class, reason and raw trace in x0..x2.
    #[cold]
    pub(crate) fn raw_raise(&mut self, ip: *const u32) -> Flow {
        self.sync();
        let (class, reason, raw) = (self.term(self.x(0)), self.term(self.x(1)), self.term(self.x(2)));
        let Some(class) = Class::of(class) else {
            self.set_x(0, Word::atom(atoms::BADARG));
            return Flow::Go(ip.wrapping_add(1));
        };
        let heap = self.heap();
        // A trace keeps the class it was raised with; here another one may have been asked for.
        let raw = match raw.as_tuple().map(|tuple| tuple.elements()) {
            Some([_, list]) => heap.tuple(&[Term::atom(class.atom()), *list]),
            Some([_, first, addresses]) => heap.tuple(&[Term::atom(class.atom()), *first, *addresses]),
            _ => heap.tuple(&[Term::atom(class.atom()), raw]),
        };
        self.unwind(class, reason, raw)
    }
}

/// Which module of OTP knows the texts of a BIF's errors.
fn error_module(module: &str) -> Atom {
    match module {
        "binary" | "ets" | "lists" | "maps" | "math" | "re" | "unicode" => atoms::ERL_STDLIB_ERRORS,
        "os" => atoms::ERL_KERNEL_ERRORS,
        _ => atoms::ERL_ERTS_ERRORS,
    }
}
