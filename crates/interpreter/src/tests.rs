//! Tests. Operands: source[s], fail.

use crate::arithmetic::float_of;
use crate::run::Run;
use crate::state::{Source, Target, handlers};
use oxbeam_term::word::TAG_MASK;
use oxbeam_term::{Export, FunEntry, Header, Kind, Term, Word};
use std::cmp::Ordering;

/// Is `word` a boxed object of `kind`?
#[inline(always)]
fn is_boxed_of(word: Word, kind: Kind) -> bool {
    // SAFETY: a boxed object begins with its header.
    word.is_boxed() && Header(unsafe { *word.pointer() }).is(kind)
}
/// Size of a bitstring in bits; `None` for other terms.
#[inline(always)]
pub(crate) fn bit_size(word: Word) -> Option<u64> {
    if !word.is_boxed() {
        return None;
    }
    // SAFETY: a boxed object begins with its header; a bitstring of each kind keeps its size in the words that are read.
    unsafe {
        let object = word.pointer();
        match Header(*object).kind() {
            Kind::HeapBits => Some(*object.add(1)),
            Kind::SubBits => Some(*object.add(3)),
            // What is left of a bitstring that is being matched.
            Kind::MatchContext => Some(*object.add(3) - *object.add(4)),
            _ => None,
        }
    }
}
/// Is `word` a boxed object with this header?
#[inline(always)]
fn has_header(word: Word, header: u32) -> bool {
    // SAFETY: a boxed object begins with its header.
    word.is_boxed() && unsafe { *word.pointer() } == u64::from(header)
}

macro_rules! type_tests {
    ($($name:ident: |$run:ident, $word:ident| $condition:expr;)*) => {
        handlers! {$(
            fn $name[S: Source](state, $run) {
                let $word = state.get::<S>($run, 1);
                let holds = $condition;
                state.branch($run, holds, 3, 2)
            }
        )*}
    };
}

type_tests! {
    is_integer: |run, word| word.is_small()
        || is_boxed_of(word, Kind::BigPositive) || is_boxed_of(word, Kind::BigNegative);
    is_float: |run, word| is_boxed_of(word, Kind::Float);
    is_number: |run, word| word.is_small() || run.term(word).is_number();
    is_atom: |run, word| word.is_atom();
    is_pid: |run, word| run.term(word).is_pid();
    is_reference: |run, word| run.term(word).is_reference();
    is_port: |run, word| run.term(word).is_port();
    is_nil: |run, word| word == Word::NIL;
    is_binary: |run, word| bit_size(word).is_some_and(|size| size % 8 == 0);
    is_bitstr: |run, word| bit_size(word).is_some();
    is_list: |run, word| word.is_cons() || word == Word::NIL;
    is_nonempty_list: |run, word| word.is_cons();
    is_tuple: |run, word| is_boxed_of(word, Kind::Tuple);
    is_boolean: |run, word| word == Term::boolean(true).word() || word == Term::boolean(false).word();
    is_map: |run, word| is_boxed_of(word, Kind::FlatMap) || is_boxed_of(word, Kind::HashMap);
    is_function: |run, word| is_boxed_of(word, Kind::Fun) || is_boxed_of(word, Kind::ExternalFun);
}

handlers! {
    fn is_function2[A: Source, B: Source](state, run) {
        let holds = is_function_of(state.get::<A>(run, 1), state.get::<B>(run, 2));
        state.branch(run, holds, 4, 3)
    }
    fn test_arity[S: Source](state, run) {
        state.branch(run, has_header(state.get::<S>(run, 1), state.number(3)), 4, 2)
    }
    fn is_tagged_tuple[S: Source](state, run) {
        let word = state.get::<S>(run, 1);
        // SAFETY: such a tuple has a first element.
        let holds = has_header(word, state.number(3)) && unsafe { *word.pointer().add(1) } == state.wide(4);
        state.branch(run, holds, 6, 2)
    }
    fn tagged_element[S: Source, T: Target](state, run) {
        let word = state.get::<S>(run, 1);
        // SAFETY: such a tuple has a first element, and the compiler knows that it has the other.
        unsafe {
            if !has_header(word, state.number(4)) || *word.pointer().add(1) != state.wide(5) {
                return state.go(run, state.label(3));
            }
            state.set::<T>(2, Word(*word.pointer().byte_add(state.bytes(7))));
        }
        state.next(run, 8)
    }
    fn is_eq_immediate[A: Source, B: Source](state, run) {
        state.branch(run, state.get::<A>(run, 1) == state.get::<B>(run, 2), 4, 3)
    }
    fn is_ne_immediate[A: Source, B: Source](state, run) {
        state.branch(run, state.get::<A>(run, 1) != state.get::<B>(run, 2), 4, 3)
    }
    fn is_eq_exact[A: Source, B: Source](state, run) {
        let (a, b) = (state.get::<A>(run, 1), state.get::<B>(run, 2));
        if a == b {
            return state.next(run, 4);
        }
        if a.is_pointer() && b.is_pointer() {
            return state.tail(run, is_eq_exact_slow::<A, B>);
        }
        state.go(run, state.label(3))
    }
    fn is_eq_exact_slow[A: Source, B: Source](state, run) {
        let (a, b) = (state.get::<A>(run, 1), state.get::<B>(run, 2));
        let holds = run.is_exactly(a, b);
        state.branch(run, holds, 4, 3)
    }
    fn is_ne_exact[A: Source, B: Source](state, run) {
        let (a, b) = (state.get::<A>(run, 1), state.get::<B>(run, 2));
        if a == b {
            return state.go(run, state.label(3));
        }
        if a.is_pointer() && b.is_pointer() {
            return state.tail(run, is_ne_exact_slow::<A, B>);
        }
        state.next(run, 4)
    }
    fn is_ne_exact_slow[A: Source, B: Source](state, run) {
        let (a, b) = (state.get::<A>(run, 1), state.get::<B>(run, 2));
        let holds = !run.is_exactly(a, b);
        state.branch(run, holds, 4, 3)
    }
}

macro_rules! order_tests {
    ($($name:ident, $slow:ident: |$a:ident, $b:ident| $small:expr, $float:expr, |$run:ident| $general:expr;)*) => {
        handlers! {$(
            fn $name[A: Source, B: Source](state, run) {
                let ($a, $b) = (state.get::<A>(run, 1), state.get::<B>(run, 2));
                if ($a.0 | $b.0) & TAG_MASK == 0 {
                    return state.branch(run, $small, 4, 3);
                }
                state.tail(run, $slow::<A, B>)
            }
            fn $slow[A: Source, B: Source](state, $run) {
                let ($a, $b) = (state.get::<A>($run, 1), state.get::<B>($run, 2));
                let holds = match (float_of($a), float_of($b)) {
                    (Some($a), Some($b)) => $float,
                    _ => $general,
                };
                state.branch($run, holds, 4, 3)
            }
        )*}
    };
}

order_tests! {
    is_lt, is_lt_slow: |a, b| (a.0 as i64) < b.0 as i64, a < b, |run| run.compare(a, b).is_lt();
    is_ge, is_ge_slow: |a, b| a.0 as i64 >= b.0 as i64, a >= b, |run| run.compare(a, b).is_ge();
    is_eq, is_eq_slow: |a, b| a == b, a == b, |run| run.equals(a, b);
    is_ne, is_ne_slow: |a, b| a != b, a != b, |run| !run.equals(a, b);
}

impl Run<'_> {
    #[inline(always)]
    pub(crate) fn compare(&self, a: Word, b: Word) -> Ordering {
        if a.is_small() && b.is_small() {
            return (a.0 as i64).cmp(&(b.0 as i64));
        }
        self.term(a).compare(self.term(b), &self.vm.atoms)
    }
    #[inline(always)]
    pub(crate) fn equals(&self, a: Word, b: Word) -> bool {
        a == b || (!(a.is_small() && b.is_small()) && self.term(a).equals(self.term(b)))
    }
    #[inline(always)]
    pub(crate) fn is_exactly(&self, a: Word, b: Word) -> bool {
        a == b || (a.is_pointer() && b.is_pointer() && self.term(a).is_exactly(self.term(b)))
    }
}

/// Is `fun` a fun of `arity` arguments?
#[inline(always)]
fn is_function_of(fun: Word, arity: Word) -> bool {
    if !fun.is_boxed() || !arity.is_small() {
        return false;
    }
    // SAFETY: a boxed object begins with its header; that of a fun is followed by the address of its entry, or of its
    // export, both of which live as long as the machine.
    let has = unsafe {
        let object = fun.pointer();
        match Header(*object).kind() {
            Kind::Fun => (*(*object.add(1) as *const FunEntry)).arity,
            Kind::ExternalFun => (*(*object.add(1) as *const Export)).arity,
            _ => return false,
        }
    };
    arity.small_value() == i64::from(has)
}
