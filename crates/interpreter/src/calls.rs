//! Calls: of functions, exports, BIFs and funs, and `apply`.

use crate::instruction::Instruction as I;
use crate::run::{Flow, Position, Run};
use crate::state::{Source, State, Target, handlers, instruction_at};
use oxbeam_runtime::{BifEntry, Class, Exception, LastCall, Trace};
use oxbeam_term::{Atom, Export, FunEntry, Header, Kind, Term, Word, atoms};
use std::sync::atomic::Ordering;

/// Words of an environment that a handler copies without a helper.
const ENVIRONMENT_MAX: usize = 4;

impl State {
    /// Enters the function at `target`, of operand `arity` arguments.
    #[inline(always)]
    fn enter(mut self, run: &mut Run<'static>, target: *const u32, arity: usize) -> bool {
        self.reductions -= 1;
        if self.reductions > 0 {
            return self.go(run, target);
        }
        run.live = arity;
        self.ip = target;
        self.tail(run, out_of_reductions)
    }
    /// If `fun` is a local fun of `arity` arguments with a small environment, copies that behind the arguments; gives its
    /// entry.
    #[inline(always)]
    fn open_fun(&self, fun: Word, arity: usize) -> Option<(&'static FunEntry, *const u32)> {
        if !fun.is_boxed() {
            return None;
        }
        // SAFETY: a boxed object begins with its header; a fun's entry follows, then its environment. X registers beyond
        // the arguments are free for it: the compiler does not make more of them than there are registers.
        unsafe {
            let object = fun.pointer();
            let header = Header(*object);
            if !header.is(Kind::Fun) {
                return None;
            }
            let entry = &*(*object.add(1) as *const FunEntry);
            let target = entry.address.load(Ordering::Acquire) as *const u32;
            let (count, from, to) = (header.arity() - 1, object.add(2), self.x.add(arity));
            if usize::from(entry.arity) != arity || target.is_null() || count > ENVIRONMENT_MAX {
                return None;
            }
            // No loop: it would take more registers than there are for nothing.
            if count > 0 {
                *to = *from;
                if count > 1 {
                    *to.add(1) = *from.add(1);
                    if count > 2 {
                        *to.add(2) = *from.add(2);
                        if count > 3 {
                            *to.add(3) = *from.add(3);
                        }
                    }
                }
            }
            Some((entry, target))
        }
    }
}

handlers! {
    #[cold]
    fn out_of_reductions[](state, run) {
        let (ip, live) = (state.ip, run.live);
        state.help(run, |run| run.out_of_reductions(ip, live))
    }
    fn call[](state, run) {
        state.push_return(3);
        state.enter(run, state.label(1), state.number(2) as usize)
    }
    fn call_only[](state, run) {
        state.enter(run, state.label(1), state.number(2) as usize)
    }
    fn call_last[](state, run) {
        state.drop_frame(3);
        state.enter(run, state.label(1), state.number(2) as usize)
    }
    fn move_call[S: Source, T: Target](state, run) {
        state.set::<T>(2, state.get::<S>(run, 1));
        state.push_return(5);
        state.enter(run, state.label(3), state.number(4) as usize)
    }
    fn move_call_only[S: Source, T: Target](state, run) {
        state.set::<T>(2, state.get::<S>(run, 1));
        state.enter(run, state.label(3), state.number(4) as usize)
    }
    fn move_call_last[S: Source, T: Target](state, run) {
        state.set::<T>(2, state.get::<S>(run, 1));
        state.drop_frame(5);
        state.enter(run, state.label(3), state.number(4) as usize)
    }
    fn call_ext[](state, run) {
        let address = state.cell::<Export>(1).address.load(Ordering::Acquire) & run.export_mask;
        if address == 0 {
            return state.tail(run, call_ext_slowly);
        }
        state.push_return(4);
        state.enter(run, address as *const u32, state.number(3) as usize)
    }
    fn call_ext_only[](state, run) {
        let address = state.cell::<Export>(1).address.load(Ordering::Acquire) & run.export_mask;
        if address == 0 {
            return state.tail(run, call_ext_only_slowly);
        }
        state.enter(run, address as *const u32, state.number(3) as usize)
    }
    fn call_ext_last[](state, run) {
        let address = state.cell::<Export>(1).address.load(Ordering::Acquire) & run.export_mask;
        if address == 0 {
            return state.tail(run, call_ext_last_slowly);
        }
        state.drop_frame(4);
        state.enter(run, address as *const u32, state.number(3) as usize)
    }
    #[cold]
    fn call_ext_slowly[](state, run) {
        state.push_return(4);
        state.tail(run, call_ext_only_slowly)
    }
    #[cold]
    fn call_ext_last_slowly[](state, run) {
        state.drop_frame(4);
        state.tail(run, call_ext_only_slowly)
    }
    #[cold]
    fn call_ext_only_slowly[](state, run) {
        let export = state.cell(1);
        state.help(run, |run| run.call_export(export, Position::Only))
    }

    fn call_bif[](state, run) {
        let (entry, after) = (state.cell(1), state.ip.wrapping_add(4));
        state.help(run, |run| run.call_bif(entry, after, Position::Body))
    }
    fn call_bif_only[](state, run) {
        let (entry, after) = (state.cell(1), state.ip.wrapping_add(4));
        state.help(run, |run| run.call_bif(entry, after, Position::Only))
    }
    fn call_bif_last[](state, run) {
        let (entry, after, words) = (state.cell(1), state.ip.wrapping_add(5), state.bytes(4) / 8);
        state.help(run, |run| run.call_bif(entry, after, Position::Last(words)))
    }
    fn bif_body[](state, run) {
        let entry = state.cell(1);
        state.help(run, |run| run.call_bif(entry, std::ptr::null(), Position::Only))
    }

    fn apply_start[](state, run) {
        let ip = state.ip;
        state.help(run, |run| {
            run.push_return(run.interpreter.normal_exit_address() as *const u32);
            run.apply_list(ip)
        })
    }
    fn apply3[](state, run) {
        state.push_return(1);
        state.tail(run, apply3_only)
    }
    fn apply3_last[](state, run) {
        state.drop_frame(1);
        state.tail(run, apply3_only)
    }
    fn apply3_only[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.apply_list(ip))
    }
    fn apply2[](state, run) {
        state.push_return(1);
        state.tail(run, apply2_only)
    }
    fn apply2_last[](state, run) {
        state.drop_frame(1);
        state.tail(run, apply2_only)
    }
    fn apply2_only[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.apply_fun_list(ip))
    }
    fn apply[](state, run) {
        state.push_return(2);
        state.tail(run, apply_names)
    }
    fn apply_last[](state, run) {
        state.drop_frame(2);
        state.tail(run, apply_names)
    }
    fn apply_names[](state, run) {
        let (ip, arity) = (state.ip, state.number(1) as usize);
        state.help(run, |run| run.apply_names(ip, arity))
    }

    fn call_fun[F: Source](state, run) {
        let arity = state.number(2) as usize;
        match state.open_fun(state.get::<F>(run, 1), arity) {
            Some((entry, target)) => {
                state.push_return(3);
                state.enter(run, target, arity + entry.free_count as usize)
            }
            None => state.tail(run, call_fun_slowly::<F>),
        }
    }
    fn call_fun_slowly[F: Source](state, run) {
        let (ip, fun, arity) = (state.ip, state.get::<F>(run, 1), state.number(2) as usize);
        state.push_return(3);
        state.help(run, |run| run.call_fun(ip, fun, arity))
    }
    fn call_fun_last[F: Source](state, run) {
        let arity = state.number(2) as usize;
        match state.open_fun(state.get::<F>(run, 1), arity) {
            Some((entry, target)) => {
                state.drop_frame(3);
                state.enter(run, target, arity + entry.free_count as usize)
            }
            None => state.tail(run, call_fun_last_slowly::<F>),
        }
    }
    fn call_fun_last_slowly[F: Source](state, run) {
        let (ip, fun, arity) = (state.ip, state.get::<F>(run, 1), state.number(2) as usize);
        let words = state.bytes(3) / 8;
        state.help(run, |run| run.call_fun_last(ip, fun, arity, words))
    }
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
    /// Calls what an export stands for; the frame is as the callee expects it when `position` is not `Body`.
    /// The arguments are in X registers, and a return address was pushed.
    #[inline(never)]
    pub(crate) fn call_export(&mut self, export: &'static Export, position: Position) -> Flow {
        if self.saves_calls() {
            self.save_call(LastCall::Function(export.module, export.function, export.arity));
        }
        let address = export.address.load(Ordering::Acquire);
        if address != 0 {
            let target = address as *const u32;
            return self.count_call(target, export.arity as usize);
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
        let list = heap.list(&self.x_slice(arity).iter().map(|word| self.term(*word)).collect::<Vec<_>>());
        let handler = self.state().error_handler;
        let target = self.vm.code.export(handler, atoms::UNDEFINED_FUNCTION, 3);
        if target.address.load(Ordering::Acquire) == 0 {
            let frame = (export.module, export.function, list.word());
            return self.raise_undefined(frame);
        }
        self.set_x(0, Word::atom(export.module));
        self.set_x(1, Word::atom(export.function));
        self.set_x(2, list.word());
        self.call_export(target, position)
    }
    /// `apply(x0, x1, x2)`; the return address is on the stack.
    #[inline(never)]
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
            let instruction = unsafe { instruction_at(ip) };
            if matches!(instruction, I::Apply3Only | I::Apply3Last | I::ApplyLast) {
                // It does not return; its caller shall be seen in the stack trace, though it has no frame any more.
                self.push_return(ip.wrapping_add(1));
            }
        }
        let export = self.vm.code.export(module, function, arity as u8);
        self.call_export(export, Position::Only)
    }
    /// `apply(x0, x1)` of a fun; the return address is on the stack.
    #[inline(never)]
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
    /// `apply` of x(arity):x(arity+1); the return address is on the stack.
    #[inline(never)]
    fn apply_names(&mut self, ip: *const u32, arity: usize) -> Flow {
        let names = (self.term(self.x(arity)).as_atom(), self.term(self.x(arity + 1)).as_atom());
        let (Some(module), Some(function)) = names else {
            let arguments: Vec<Term<'a>> = self.x_slice(arity).iter().map(|word| self.term(*word)).collect();
            let list = self.heap().list(&arguments).word();
            let all = [self.x(arity), self.x(arity + 1), list];
            let exception = Exception::error(Term::atom(atoms::BADARG));
            return self.raise_from_bif(ip.wrapping_add(2), exception, (atoms::ERLANG, atoms::APPLY), &all);
        };
        self.apply_function(module, function, arity, ip)
    }
    /// Calls a fun from the end of a function with a frame of this many words. A caller that calls what is no such fun is
    /// seen in the stack trace, so its frame goes only when the call is certain.
    #[inline(never)]
    fn call_fun_last(&mut self, ip: *const u32, fun: Word, arity: usize, words: usize) -> Flow {
        let term = self.term(fun);
        let takes = match term.as_fun() {
            Some(fun) => fun.entry().arity as usize == arity,
            None => term.as_external_fun().is_some_and(|fun| fun.export().arity as usize == arity),
        };
        if !takes {
            return self.bad_fun(ip, fun, arity);
        }
        self.drop_frame(words);
        self.call_fun(ip, fun, arity)
    }
    /// Calls a fun with the arguments in X registers; the return address is on the stack.
    #[inline(never)]
    fn call_fun(&mut self, ip: *const u32, fun: Word, arity: usize) -> Flow {
        let term = self.term(fun);
        if let Some(fun_view) = term.as_fun() {
            let entry = fun_view.entry();
            if entry.arity as usize == arity {
                for (index, word) in fun_view.environment().iter().enumerate() {
                    self.set_x(arity + index, word.word());
                }
                let target = entry.address.load(Ordering::Acquire) as *const u32;
                if !target.is_null() {
                    return self.count_call(target, arity + entry.free_count as usize);
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
    #[cold]
    fn call_unloaded_fun(&mut self, ip: *const u32, entry: &FunEntry, fun: Word, arity: usize) -> Flow {
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
        if waits {
            (self.reductions, self.put_aside) = (0, 0);
        }
        let target = self.vm.code.export(handler, name, 3);
        self.set_x(0, Word::atom(entry.module));
        self.set_x(1, fun);
        self.set_x(2, list.word());
        self.call_export(target, Position::Only)
    }
    #[cold]
    fn bad_fun(&mut self, ip: *const u32, fun: Word, arity: usize) -> Flow {
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
        // SAFETY: `ip` is at the instruction that makes the call, or at the breakpoint in its place.
        let instruction = unsafe { instruction_at(ip) };
        if instruction == I::ApplyStart {
            let heap = self.heap();
            let names = [Term::atom(atoms::ERLANG), Term::atom(atoms::APPLY), Term::small(2), Term::NIL];
            return self.throw(Class::Error, reason, Some(heap.tuple(&names)), None);
        }
        let pushed = matches!(instruction, I::CallFun | I::Apply2);
        let address = if pushed { self.pop_return() } else { ip.wrapping_add(1) };
        let trace = Trace::Caller { arguments: None, error_info: None };
        self.raise(address, Exception { class: Class::Error, reason, trace, cause: None })
    }
}
