//! Floats. Float registers are named by their offsets in bytes.

use crate::arithmetic::float_of;
use crate::run::{Flow, Run};
use crate::state::{Source, State, Target, handlers};
use oxbeam_term::{Term, Word, arithmetic, atoms};

impl State {
    #[inline(always)]
    fn float(&self, run: &mut Run<'static>, n: usize) -> f64 {
        // SAFETY: the decoder checked the register's number.
        unsafe { *run.float(self.bytes(n)) }
    }
    #[inline(always)]
    fn set_float(&self, run: &mut Run<'static>, n: usize, value: f64) {
        // SAFETY: as above.
        unsafe { *run.float(self.bytes(n)) = value }
    }
}

macro_rules! float_operations {
    ($($name:ident $operator:tt;)*) => {
        handlers! {$(
            fn $name[](state, run) {
                let value = state.float(run, 1) $operator state.float(run, 2);
                if !value.is_finite() {
                    return state.tail(run, bad_result);
                }
                state.set_float(run, 3, value);
                state.next(run, 4)
            }
        )*}
    };
}

float_operations! {
    fadd +;
    fsub -;
    fmul *;
    fdiv /;
}

handlers! {
    fn float_load[S: Source](state, run) {
        let word = state.get::<S>(run, 1);
        debug_assert!(run.term(word).as_float().is_some());
        // SAFETY: the compiler knows that it is a float: its header and its bits.
        state.set_float(run, 2, f64::from_bits(unsafe { *word.pointer().add(1) }));
        state.next(run, 3)
    }
    fn float_store[T: Target](state, run) {
        let value = state.float(run, 2);
        let float = state.new_float(value);
        state.set::<T>(1, float);
        state.next(run, 3)
    }
    fn float_move[](state, run) {
        let value = state.float(run, 1);
        state.set_float(run, 2, value);
        state.next(run, 3)
    }
    fn fconv[S: Source](state, run) {
        let word = state.get::<S>(run, 1);
        if word.is_small() {
            state.set_float(run, 2, word.small_value() as f64);
            return state.next(run, 3);
        }
        if let Some(value) = float_of(word) {
            state.set_float(run, 2, value);
            return state.next(run, 3);
        }
        state.tail(run, fconv_slowly::<S>)
    }
    fn fconv_slowly[S: Source](state, run) {
        let word = state.get::<S>(run, 1);
        let value = run.as_float(word);
        if value.is_nan() {
            return state.tail(run, bad_result);
        }
        state.set_float(run, 2, value);
        state.next(run, 3)
    }
    fn fnegate[](state, run) {
        let value = -state.float(run, 1);
        state.set_float(run, 2, value);
        state.next(run, 3)
    }
    #[cold]
    fn bad_result[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.bad_result(ip))
    }
}

impl Run<'_> {
    /// A number as a float; not a number for other terms and for integers that are too large.
    #[inline(never)]
    fn as_float(&self, word: Word) -> f64 {
        arithmetic::as_float(self.term(word)).unwrap_or(f64::NAN)
    }
    #[inline(never)]
    fn bad_result(&mut self, ip: *const u32) -> Flow {
        self.raise_code(ip, Term::atom(atoms::BADARITH))
    }
}
