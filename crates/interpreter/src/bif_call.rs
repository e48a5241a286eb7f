//! Calling BIFs, and what becomes of those that do not return a value.

use crate::run::{Flow, Position, Run};
use oxbeam_runtime::{
    BifContext, BifEntry, BifFunction, DirtyKind, Interrupt, LastCall, Outcome, Resume, SavedCall, Trace, Trap,
};
use oxbeam_term::{Atom, Export, Term, Word, atoms};

impl<'a> Run<'a> {
    /// Calls a BIF function with the first X registers.
    #[inline(always)]
    pub(crate) fn invoke(
        &mut self,
        function: BifFunction,
        arguments: &[Word],
        address: u64,
    ) -> Result<Word, Box<Interrupt<'a>>> {
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
    /// Calls a BIF whose arguments are in X registers; `after` is the instruction behind the call.
    #[inline(never)]
    pub(crate) fn call_bif(&mut self, entry: &BifEntry, after: *const u32, position: Position) -> Flow {
        // Without `after` it is the function of a BIF: the call of that was saved.
        if self.saves_calls() && !after.is_null() {
            let (module, function) = (self.known_atom(entry.module), self.known_atom(entry.function));
            self.save_call(LastCall::Function(module, function, entry.arity));
        }
        self.call_unsaved_bif(entry, after, position)
    }
    /// As [`Run::call_bif`], for what counts as something else than a call.
    #[inline]
    pub(crate) fn call_unsaved_bif(&mut self, entry: &BifEntry, after: *const u32, position: Position) -> Flow {
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
            Err(interrupt) => self.bif_interrupted(*interrupt, entry, after, position),
        }
    }
    pub(crate) fn known_atom(&self, name: &str) -> Atom {
        self.vm.atoms.existing(name).unwrap_or(atoms::UNDEFINED)
    }
    #[inline(always)]
    fn bif_value(&mut self, value: Word, after: *const u32, position: Position) -> Flow {
        self.set_x(0, value);
        self.relieve(1);
        match position {
            Position::Body => Flow::go(after),
            Position::Only => Flow::go(self.pop_return()),
            Position::Last(words) => {
                self.drop_frame(words);
                Flow::go(self.pop_return())
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
        self.stop(Outcome::Dirty(kind))
    }
    fn save_bif(&mut self, saved: SavedCall, live: usize) {
        self.save(saved.return_to as *const u32, live);
        self.state().resume = Resume::Bif(saved);
    }
    /// Makes a saved BIF call; its arguments are in X registers again.
    pub(crate) fn resume_bif(&mut self, saved: SavedCall) -> Flow {
        let after = saved.return_to as *const u32;
        let position = if saved.tail { Position::Only } else { Position::Body };
        let arguments = self.x_slice(saved.arity as usize);
        let result = match self.dirty {
            false => self.invoke(saved.function, arguments, saved.return_to),
            true => match self.invoke_dirty(saved.function, arguments) {
                Some(result) => result,
                None => return self.stop(Outcome::Ended),
            },
        };
        let flow = match result {
            Ok(value) => self.bif_value(value, after, position),
            Err(interrupt) => self.interrupt(*interrupt, saved, position),
        };
        self.leave_dirty(flow)
    }
    /// A dirty scheduler makes its one call, then gives the process back.
    fn leave_dirty(&mut self, flow: Flow) -> Flow {
        match flow.target() {
            Some(ip) if self.dirty => {
                // A value is in x0, a caught exception in x0..x3.
                let live = if self.x(0) == Word::NONE { 4 } else { 1 };
                self.suspend(ip, live, Outcome::Clean)
            }
            _ => flow,
        }
    }
    /// A BIF that code called did not return a value.
    #[inline(never)]
    fn bif_interrupted(
        &mut self,
        interrupt: Interrupt<'a>,
        entry: &BifEntry,
        after: *const u32,
        position: Position,
    ) -> Flow {
        match interrupt {
            // Nobody asks for the BIF's name.
            Interrupt::Raise(exception) if !matches!(exception.trace, Trace::Bif) => self.raise(after, exception),
            _ => {
                let name = (self.known_atom(entry.module), self.known_atom(entry.function));
                let saved = self.saved_call(entry.code, entry.arity, name, after, position);
                self.interrupt(interrupt, saved, position)
            }
        }
    }
    /// A BIF did not return a value.
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
                    return self.stop(Outcome::Clean);
                }
                if self.reductions <= 0 || self.state().force_major {
                    if self.state().force_major {
                        self.collect(0, arguments.len());
                    }
                    self.save_bif(next, arguments.len());
                    return self.stop(Outcome::Yield);
                }
                self.resume_bif(next)
            }
            Trap::Dirty { kind, function, arguments } => {
                self.load_arguments(&arguments);
                let next = SavedCall { function, arity: arguments.len() as u8, dirty: true, ..saved };
                self.save_bif(next, arguments.len());
                self.stop(Outcome::Dirty(kind))
            }
            Trap::HandOver(kind) => {
                self.save_bif(SavedCall { dirty: true, ..saved }, saved.arity as usize);
                self.stop(Outcome::Dirty(kind))
            }
            Trap::Wait => {
                self.save_bif(saved, saved.arity as usize);
                self.stop(Outcome::Wait)
            }
            Trap::Yield(value) => {
                self.set_x(0, value.word());
                let next = if saved.tail { self.pop_return() } else { after };
                self.suspend(next, 1, Outcome::Yield)
            }
            Trap::Hibernate { export, arguments } => self.hibernate(export, &arguments),
            Trap::Exit(reason) => {
                let reason = oxbeam_term::OwnedTerm::copy(reason, oxbeam_term::LiteralRange::EMPTY);
                self.stop(Outcome::Exit(reason))
            }
        }
    }
    pub(crate) fn load_arguments(&mut self, arguments: &[Term<'a>]) {
        for (index, argument) in arguments.iter().enumerate() {
            self.set_x(index, argument.word());
        }
    }
    /// On a dirty scheduler: lets an ordinary one make the call, by way of the start-up stub that applies.
    pub(crate) fn call_later(&mut self, export: &Export, arguments: &[Term<'a>]) -> Flow {
        let list = self.heap().list(arguments).word();
        self.set_x(0, Word::atom(export.module));
        self.set_x(1, Word::atom(export.function));
        self.set_x(2, list);
        // The stub pushes the address that ends the process; here the return address is on the stack already.
        self.save(self.interpreter.apply_only_address() as *const u32, 3);
        self.stop(Outcome::Clean)
    }
    fn hibernate(&mut self, export: &'static Export, arguments: &[Term<'a>]) -> Flow {
        self.drop_stack();
        self.push_return(self.interpreter.normal_exit_address() as *const u32);
        let list = self.heap().list(arguments).word();
        self.set_x(0, Word::atom(export.module));
        self.set_x(1, Word::atom(export.function));
        self.set_x(2, list);
        if !self.state().messages.is_empty() {
            self.state().force_major = true;
            self.save(self.interpreter.apply_only_address() as *const u32, 3);
            return self.stop(Outcome::Yield);
        }
        self.collect_tightly(3);
        self.save(self.interpreter.apply_only_address() as *const u32, 3);
        self.state().hibernating = true;
        self.stop(Outcome::Wait)
    }
}
