//! Running a compiled match specification.

use super::function::{Answer, Function};
use super::{Clause, MatchSpec, Operation, PatternOperation};
use oxbeam_term::{Atom, AtomTable, Heap, Pid, Term, Word, atoms};

/// What guards and bodies ask of the machine.
pub trait GuardCaller {
    /// Calls the guard BIF `erlang:function`; `None` when it fails. The arguments are on the caller's heap.
    fn call<'s>(&'s mut self, function: Atom, arguments: &[Term<'s>]) -> Option<Term<'s>>;
    /// Does what a trace specification asks for beside its message, such as `return_trace`.
    fn action<'s>(&'s mut self, _name: Atom, _arguments: &[Term<'s>]) -> Option<Term<'s>> {
        Some(Term::TRUE)
    }
    /// The calling process.
    fn caller(&self) -> Pid;
}

/// Working memory for running match specifications, used for one object after the other.
#[derive(Default)]
pub struct Runner {
    bindings: Vec<Word>,
    stack: Vec<Word>,
}

impl Runner {
    /// Matches an object; the result of the first clause that fits, on `heap`.
    pub fn run<'h>(
        &mut self,
        spec: &MatchSpec,
        object: Term<'_>,
        heap: &'h Heap,
        atoms: &AtomTable,
        caller: &mut dyn GuardCaller,
    ) -> Option<Term<'h>> {
        spec.clauses.iter().find_map(|clause| self.clause(clause, object, heap, atoms, caller))
    }

    fn clause<'h>(
        &mut self,
        clause: &Clause,
        object: Term<'_>,
        heap: &'h Heap,
        atoms: &AtomTable,
        caller: &mut dyn GuardCaller,
    ) -> Option<Term<'h>> {
        if !self.matches(clause, object) {
            return None;
        }
        let Runner { bindings, stack } = self;
        let mut machine = Machine { stack, bindings, object, heap, atoms, caller, catch: false, message: None };
        if !clause.guard.is_empty() {
            machine.stack.clear();
            machine.execute(&clause.guard)?;
        }
        machine.stack.clear();
        machine.catch = true;
        machine.execute(&clause.body)?;
        let result = self.stack.pop()?;
        // SAFETY: the last expression of a body was compiled to leave its value on `heap` (see the module).
        Some(unsafe { Term::from_raw(result) })
    }

    fn matches(&mut self, clause: &Clause, object: Term<'_>) -> bool {
        let Runner { bindings, stack } = self;
        bindings.clear();
        bindings.resize(clause.variables, Word::NONE);
        stack.clear();
        stack.push(object.word());
        for operation in &clause.pattern {
            let Some(word) = stack.pop() else { return false };
            // SAFETY: what stands on the stack are parts of the object, which lives until the match is over.
            let term: Term<'_> = unsafe { Term::from_raw(word) };
            let fits = match operation {
                PatternOperation::Any => true,
                PatternOperation::Bind(variable) => {
                    bindings[*variable as usize] = word;
                    true
                }
                // SAFETY: bindings are parts of the object too.
                PatternOperation::Same(variable) => term.is_exactly(unsafe { raw(bindings[*variable as usize]) }),
                PatternOperation::Immediate(other) => word == *other,
                PatternOperation::Equal(other) => term.is_exactly(other.term()),
                PatternOperation::Tuple(arity) => match term.as_tuple() {
                    Some(tuple) if tuple.elements().len() == *arity as usize => {
                        stack.extend(Term::words(tuple.elements()).iter().rev());
                        true
                    }
                    _ => false,
                },
                PatternOperation::Cons => match term.as_cons() {
                    Some(cell) => {
                        stack.push(cell.tail().word());
                        stack.push(cell.head().word());
                        true
                    }
                    None => false,
                },
                PatternOperation::Map(keys) => {
                    term.is_map()
                        && keys.iter().rev().all(|key| {
                            let value = term.map_get(key.term());
                            stack.extend(value.map(Term::word));
                            value.is_some()
                        })
                }
            };
            if !fits {
                return false;
            }
        }
        true
    }
}

/// # Safety
/// The word is a term that lives for `'x`, unmoved.
unsafe fn raw<'x>(word: Word) -> Term<'x> {
    // SAFETY: by the caller's promise.
    unsafe { Term::from_raw(word) }
}

/// What guards and bodies run on. Words on the stack are constants of the specification, parts of the object, or terms
/// on the heap: all of them stay where they are while the machine is in use.
struct Machine<'m, 'x> {
    stack: &'m mut Vec<Word>,
    bindings: &'m [Word],
    object: Term<'x>,
    heap: &'x Heap,
    atoms: &'m AtomTable,
    caller: &'m mut dyn GuardCaller,
    /// Does a failing function give `'EXIT'`, as in bodies?
    catch: bool,
    /// What a trace message says.
    message: Option<Word>,
}

impl<'x> Machine<'_, 'x> {
    /// `None` when a guard says no.
    fn execute(&mut self, operations: &[Operation]) -> Option<()> {
        let mut at = 0;
        while let Some(operation) = operations.get(at) {
            at += 1;
            match operation {
                Operation::Variable(variable) => self.stack.push(self.bindings[*variable as usize]),
                Operation::CopyVariable(variable) => {
                    let value = self.copied(self.bindings[*variable as usize]);
                    self.stack.push(value);
                }
                Operation::Immediate(word) => self.stack.push(*word),
                Operation::Constant(constant) => self.stack.push(constant.term().word()),
                Operation::CopyConstant(constant) => self.stack.push(self.heap.copy_in(constant.term()).word()),
                Operation::Object => self.stack.push(self.object.word()),
                Operation::CopyObject => self.stack.push(self.heap.copy_in(self.object).word()),
                Operation::Bindings(variables) => self.push_bindings(variables),
                Operation::Tuple(arity) => {
                    let elements = self.take(*arity as usize)?;
                    self.stack.push(self.heap.tuple(&elements).word());
                }
                Operation::Cons => {
                    let cell = self.take(2)?;
                    self.stack.push(self.heap.cons(cell[0], cell[1]).word());
                }
                Operation::Map(count) => self.push_map(*count as usize)?,
                Operation::CopyTop => {
                    let top = self.stack.pop()?;
                    let top = self.copied(top);
                    self.stack.push(top);
                }
                Operation::Call(function, arity) => self.call(*function, *arity as usize)?,
                Operation::And(count) => self.all(*count as usize, true)?,
                Operation::Or(count) => self.all(*count as usize, false)?,
                Operation::AndAlso(target) => at = self.branch(false, at, *target as usize)?,
                Operation::OrElse(target) => at = self.branch(true, at, *target as usize)?,
                Operation::SelfPid => self.stack.push(Term::pid(self.caller.caller()).word()),
                Operation::Check => {
                    if self.stack.pop()? != Term::TRUE.word() {
                        return None;
                    }
                }
                Operation::Drop => {
                    self.stack.pop()?;
                }
                Operation::Action(name, arity) => {
                    let arguments = self.take(*arity as usize)?;
                    let value = self.caller.action(*name, &arguments).map(|value| self.heap.copy_in(value).word());
                    match value {
                        Some(word) => self.stack.push(word),
                        None => self.fail()?,
                    }
                }
                Operation::SetMessage => {
                    self.message = Some(self.stack.pop()?);
                    self.stack.push(Term::TRUE.word());
                }
                Operation::Message => self.stack.push(self.message.unwrap_or(Term::TRUE.word())),
            }
        }
        Some(())
    }

    fn copied(&self, word: Word) -> Word {
        // SAFETY: as the type's documentation says.
        self.heap.copy_in(unsafe { raw(word) }).word()
    }

    fn push_bindings(&mut self, variables: &[u32]) {
        let values: Vec<Term<'x>> = variables
            .iter()
            // SAFETY: bindings are parts of the object; `copy_in` takes what is needed.
            .map(|&variable| self.heap.copy_in(unsafe { raw(self.bindings[variable as usize]) }))
            .collect();
        self.stack.push(self.heap.list(&values).word());
    }

    fn push_map(&mut self, count: usize) -> Option<()> {
        let parts = self.take(count * 2)?;
        let pairs: Vec<(Term<'x>, Term<'x>)> = parts.chunks(2).map(|pair| (pair[0], pair[1])).collect();
        self.stack.push(self.heap.map_from_pairs(&pairs, self.atoms).word());
        Some(())
    }

    /// The topmost values, in the order they were pushed.
    fn take(&mut self, count: usize) -> Option<Vec<Term<'x>>> {
        let from = self.stack.len().checked_sub(count)?;
        // SAFETY: as the type's documentation says.
        Some(self.stack.drain(from..).map(|word| unsafe { raw(word) }).collect())
    }

    /// Pushes what a failing function gives, or ends the guard.
    fn fail(&mut self) -> Option<()> {
        self.catch.then(|| self.stack.push(Word::atom(atoms::UPPER_EXIT)))
    }

    fn call(&mut self, function: Function, arity: usize) -> Option<()> {
        let from = self.stack.len().checked_sub(arity)?;
        let mut arguments = [Term::NIL; 3];
        for (place, &word) in arguments.iter_mut().zip(&self.stack[from..]) {
            // SAFETY: as the type's documentation says.
            *place = unsafe { raw(word) };
        }
        let arguments: &[Term<'x>] = &arguments[..arity];
        self.stack.truncate(from);
        let answer = match function {
            Function::Native(native) => native.apply(arguments, self.heap, self.atoms),
            Function::Outside(name) => Answer::Ask(name),
        };
        match answer {
            Answer::Value(value) => self.stack.push(value.word()),
            Answer::Failure => return self.fail(),
            Answer::Ask(name) => match self.caller.call(name, arguments).map(|value| self.heap.copy_in(value).word()) {
                Some(word) => self.stack.push(word),
                None => return self.fail(),
            },
        }
        Some(())
    }

    /// `and` (of which `true` is the neutral element) or `or` of the topmost values.
    fn all(&mut self, count: usize, neutral: bool) -> Option<()> {
        let values = self.take(count)?;
        let mut result = neutral;
        for value in values {
            match value.as_boolean() {
                Some(value) if value != neutral => result = !neutral,
                Some(_) => {}
                None => return self.fail(),
            }
        }
        self.stack.push(Term::boolean(result).word());
        Some(())
    }

    /// Where `andalso` (`decisive` is false) or `orelse` goes on.
    fn branch(&mut self, decisive: bool, next: usize, target: usize) -> Option<usize> {
        // SAFETY: as the type's documentation says.
        match unsafe { raw(self.stack.pop()?) }.as_boolean() {
            Some(value) if value == decisive => {
                self.stack.push(Term::boolean(value).word());
                Some(target)
            }
            Some(_) => Some(next),
            None => {
                self.fail()?;
                Some(target)
            }
        }
    }
}
