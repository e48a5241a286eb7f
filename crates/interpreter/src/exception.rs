//! Raising, catching, and stack traces.
//!
//! While an exception travels its stack trace is *raw*: a tuple `{Class, First, Addresses}` of the class, a first entry
//! or `[]`, and a tuple of return addresses as small integers. `build_stacktrace` makes of it what Erlang code sees. A trace that
//! `erlang:raise/3` was given travels as `{Class, List}`.

use crate::run::{Flow, Run};
use crate::state::handlers;
use oxbeam_runtime::{Class, Exception, Outcome, Trace, return_addresses};
use oxbeam_term::{Atom, LiteralRange, OwnedTerm, Term, Word, atoms};
use smallvec::SmallVec;
use std::sync::atomic::Ordering;

handlers! {
    fn catch[](state, run) {
        state.set_y(1, Word::catch(state.label(2) as u64));
        state.next(run, 3)
    }
    fn try_end[](state, run) {
        state.set_y(1, Word::NIL);
        state.next(run, 2)
    }
    fn catch_end[](state, run) {
        state.set_y(1, Word::NIL);
        if state.x_register(0) == Word::NONE {
            return state.tail(run, catch_end_raised);
        }
        state.next(run, 2)
    }
    fn catch_end_raised[](state, run) {
        let next = state.ip.wrapping_add(2);
        state.help(run, |run| run.catch_value(next))
    }
    fn try_case[](state, run) {
        state.set_y(1, Word::NIL);
        for index in 0..3 {
            state.set_x(index, state.x_register(index + 1));
        }
        state.next(run, 2)
    }
    fn try_case_end[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.raise_tagged(ip, atoms::TRY_CLAUSE))
    }
    fn badmatch[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.raise_tagged(ip, atoms::BADMATCH))
    }
    fn case_end[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.raise_tagged(ip, atoms::CASE_CLAUSE))
    }
    fn badrecord[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.raise_tagged(ip, atoms::BADRECORD))
    }
    fn if_end[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.raise_if_clause(ip))
    }
    fn raise[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.reraise(ip))
    }
    fn raw_raise[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.raw_raise(ip))
    }
    fn build_stacktrace[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.stacktrace_in_x0(ip))
    }
}

impl<'a> Run<'a> {
    /// `{tag, value}` with operand 1 as the value.
    #[cold]
    #[inline(never)]
    pub(crate) fn raise_tagged(&mut self, ip: *const u32, tag: Atom) -> Flow {
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
    #[cold]
    #[inline(never)]
    fn raise_if_clause(&mut self, ip: *const u32) -> Flow {
        self.raise_code(ip, Term::atom(atoms::IF_CLAUSE))
    }
    /// No clause of the function matched.
    #[cold]
    #[inline(never)]
    pub(crate) fn raise_function_clause(&mut self, ip: *const u32) -> Flow {
        let heap = self.heap();
        let arity = self.vm.code.describe(ip as u64).map_or(0, |(_, function, _)| function.arity);
        let arguments: Vec<Term<'a>> = (0..arity as usize).map(|index| self.term(self.x(index))).collect();
        let trace = Trace::Caller { arguments: Some(heap.list(&arguments)), error_info: None };
        let reason = Term::atom(atoms::FUNCTION_CLAUSE);
        self.raise(ip.wrapping_add(1), Exception { class: Class::Error, reason, trace, cause: None })
    }
    /// The function at the stub `ip` is called for the first time: decodes it, and goes on there. Code that cannot be executed
    /// raises `{badfile, Why}`.
    #[cold]
    #[inline(never)]
    pub(crate) fn decode_function(&mut self, ip: *const u32) -> Flow {
        let Some((code, function, _)) = self.vm.code.describe(ip as u64) else { return self.raise_function_clause(ip) };
        match code.decode(self.vm, function.index) {
            Ok(entry) => Flow::go(code.address(entry) as *const u32),
            Err(error) => {
                let heap = self.heap();
                let reason = heap.tuple(&[Term::atom(atoms::BADFILE), heap.binary(error.to_string().as_bytes())]);
                self.raise_code(ip, reason)
            }
        }
    }
    /// A function is not there, and nor is the error handler: `undef` with the function first.
    #[cold]
    pub(crate) fn raise_undefined(&mut self, (module, function, arguments): (Atom, Atom, Word)) -> Flow {
        let heap = self.heap();
        let first = heap.tuple(&[Term::atom(module), Term::atom(function), self.term(arguments), Term::NIL]);
        self.throw(Class::Error, Term::atom(atoms::UNDEF), Some(first), None)
    }
    /// An exception with its trace starting at the function that holds the code before `address`.
    #[cold]
    pub(crate) fn raise(&mut self, address: *const u32, exception: Exception<'a>) -> Flow {
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
        let address = if address.is_null() { return_addresses(heap, 1).next()? } else { address as u64 };
        let frame = self.vm.frame_at(address)?;
        let mut location = self.vm.location_term(heap, frame.location());
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
        let heap = self.heap();
        let arguments: SmallVec<[Term<'a>; 8]> = arguments.iter().map(|word| self.term(*word)).collect();
        let helper = error_module(self.vm.atoms.text(module));
        let mut info: SmallVec<[_; 2]> = SmallVec::new();
        info.push((Term::atom(atoms::MODULE), Term::atom(helper)));
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
        let heap = self.heap();
        let depth = self.vm.backtrace_depth.load(Ordering::Relaxed) as usize;
        let addresses = current.into_iter().chain(return_addresses(heap, depth + skipped).skip(skipped));
        let addresses: SmallVec<[Term<'a>; 12]> = addresses.map(|address| Term::small(address as i64)).collect();
        let raw = heap.tuple(&[Term::atom(class.atom()), first.unwrap_or(Term::NIL), heap.tuple(&addresses)]);
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
                self.drop_frame(frame);
                self.set_x(0, Word::NONE);
                self.set_x(1, Word::atom(class.atom()));
                self.set_x(2, reason.word());
                self.set_x(3, raw.word());
                return Flow::go(word.payload() as *const u32);
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
        self.stop(Outcome::Exit(value))
    }

    /// What `catch` gives for an exception: class, reason and raw trace are in x1..x3, the value goes to x0.
    #[inline(never)]
    fn catch_value(&mut self, next: *const u32) -> Flow {
        let heap = self.heap();
        let (class, reason, raw) = (self.term(self.x(1)), self.term(self.x(2)), self.term(self.x(3)));
        let exit = |value| heap.tuple(&[Term::atom(atoms::UPPER_EXIT), value]);
        let value = match class.as_atom() {
            Some(atoms::THROW) => reason,
            Some(atoms::EXIT) => exit(reason),
            _ => exit(heap.tuple(&[reason, self.build_stacktrace(raw)])),
        };
        self.set_x(0, value.word());
        self.relieve(1);
        Flow::go(next)
    }
    /// `build_stacktrace`: makes the list of the raw trace in x0.
    #[inline(never)]
    fn stacktrace_in_x0(&mut self, ip: *const u32) -> Flow {
        let trace = self.build_stacktrace(self.term(self.x(0))).word();
        self.set_x(0, trace);
        Flow::go(ip.wrapping_add(1))
    }
    /// The list that Erlang code sees of a raw trace.
    pub(crate) fn build_stacktrace(&self, raw: Term<'a>) -> Term<'a> {
        let heap = self.heap();
        if let Some([_, list]) = raw.as_tuple_of::<2>() {
            return *list;
        }
        let Some([_, first, addresses]) = raw.as_tuple_of::<3>() else { return raw };
        let Some(addresses) = addresses.as_tuple() else { return raw };
        let depth = self.vm.backtrace_depth.load(Ordering::Relaxed) as usize;
        let mut entries: SmallVec<[Term<'a>; 12]> = SmallVec::new();
        if !first.is_nil() {
            entries.push(*first);
        }
        for address in addresses.elements().iter().filter_map(|address| address.as_small()) {
            entries.extend(self.vm.frame_term_at(heap, address as u64));
        }
        entries.truncate(depth.max(1));
        heap.list(&entries)
    }
    /// `raise Trace Reason`: raises again what was caught.
    #[inline(never)]
    fn reraise(&mut self, ip: *const u32) -> Flow {
        let (trace, reason) = (self.term(self.source(ip, 1)), self.term(self.source(ip, 2)));
        let class = trace.as_tuple().and_then(|tuple| tuple.elements().first().copied()).and_then(Class::of);
        self.unwind(class.unwrap_or(Class::Error), reason, trace)
    }
    /// `raw_raise`: class, reason and raw trace in x0..x2.
    #[inline(never)]
    fn raw_raise(&mut self, ip: *const u32) -> Flow {
        let (class, reason, raw) = (self.term(self.x(0)), self.term(self.x(1)), self.term(self.x(2)));
        let Some(class) = Class::of(class) else {
            self.set_x(0, Word::atom(atoms::BADARG));
            return Flow::go(ip.wrapping_add(1));
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
