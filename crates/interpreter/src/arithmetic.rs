//! Arithmetic on integers. Operands: two sources, register, fail, live.
//!
//! Small integers are handled here; the tag of small integers is 000, so sums of words are words of sums. Everything
//! else goes to [`oxbeam_term::arithmetic`].

use crate::run::{Flow, Run};
use crate::state::{Source, State, Target, handlers};
use oxbeam_runtime::Exception;
use oxbeam_term::arithmetic::{self, ArithmeticError};
use oxbeam_term::word::TAG_MASK;
use oxbeam_term::{Atom, Header, Heap, Kind, STACK_RESERVE_WORDS, Term, Word, atoms};

/// Words of an arithmetic instruction.
const WORDS: usize = 6;

/// What the slow path calls.
type Operation = for<'h> fn(&'h Heap, Term<'h>, Term<'h>) -> arithmetic::Outcome<'h>;

#[inline(always)]
fn are_small(a: Word, b: Word) -> bool {
    (a.0 | b.0) & TAG_MASK == 0
}
/// Quotient and remainder of the words of two small integers, the second of which is positive: both as words.
#[inline(always)]
fn divide(a: Word, b: Word) -> (Word, Word) {
    let (quotient, remainder) = if (a.0 | b.0) >> 32 == 0 {
        (u64::from(a.0 as u32 / b.0 as u32), u64::from(a.0 as u32 % b.0 as u32))
    } else {
        ((a.0 as i64 / b.0 as i64) as u64, (a.0 as i64 % b.0 as i64) as u64)
    };
    (Word(quotient << 3), Word(remainder))
}
#[inline(always)]
fn shift_amount(b: Word) -> Option<u32> {
    let by = b.small_value() as u64;
    if by < 61 { Some(by as u32) } else { None }
}
#[inline(always)]
fn shifted_left(a: Word, b: Word) -> Option<Word> {
    let by = shift_amount(b)?;
    let shifted = (a.0 as i64) << by;
    if shifted >> by == a.0 as i64 { Some(Word(shifted as u64)) } else { None }
}

macro_rules! operations {
    ($($name:ident [$($float:tt)?], $slow:ident, $atom:ident, |$a:ident, $b:ident| $fast:expr;)*) => {
        handlers! {$(
            fn $name[A: Source, B: Source, T: Target](state, run) {
                let ($a, $b) = (state.get::<A>(run, 1), state.get::<B>(run, 2));
                if are_small($a, $b) && let Some(value) = $fast {
                    state.set::<T>(3, value);
                    return state.next(run, WORDS);
                }
                state.tail(run, $slow::<A, B, T>)
            }
            fn $slow[A: Source, B: Source, T: Target](state, run) {
                let (ip, a, b) = (state.ip, state.get::<A>(run, 1), state.get::<B>(run, 2));
                $(if let (Some(a), Some(b)) = (float_of(a), float_of(b)) && state.has_room_for_float() {
                    let value = a $float b;
                    if value.is_finite() {
                        let float = state.new_float(value);
                        state.set::<T>(3, float);
                        return state.next(run, WORDS);
                    }
                })?
                state.sync(run);
                let value = run.arithmetic_slow(ip, a, b, atoms::$atom, arithmetic::$name);
                state.finish::<T>(run, value, 3, WORDS)
            }
        )*}
    };
}

operations! {
    add [+], add_slow, PLUS, |a, b| (a.0 as i64).checked_add(b.0 as i64).map(|sum| Word(sum as u64));
    subtract [-], subtract_slow, MINUS, |a, b| (a.0 as i64).checked_sub(b.0 as i64).map(|rest| Word(rest as u64));
    multiply [*], multiply_slow, MULTIPLY, |a, b| a.small_value().checked_mul(b.0 as i64).map(|product| Word(product as u64));
    integer_divide [], integer_divide_slow, DIV, |a, b| if b.0 as i64 > 0 { Some(divide(a, b).0) } else { None };
    remainder [], remainder_slow, REM, |a, b| if b.0 as i64 > 0 { Some(divide(a, b).1) } else { None };
    band [], band_slow, BAND, |a, b| Some(Word(a.0 & b.0));
    bor [], bor_slow, BOR, |a, b| Some(Word(a.0 | b.0));
    bxor [], bxor_slow, BXOR, |a, b| Some(Word(a.0 ^ b.0));
    shift_left [], shift_left_slow, BSL, |a, b| shifted_left(a, b);
    shift_right [], shift_right_slow, BSR, |a, b| shift_amount(b).map(|by| Word::small(a.small_value() >> by));
}

/// The value of a float; `None` for other terms.
#[inline(always)]
pub(crate) fn float_of(word: Word) -> Option<f64> {
    if !word.is_boxed() {
        return None;
    }
    // SAFETY: a boxed object begins with its header, and a float's bits follow.
    unsafe { Header(*word.pointer()).is(Kind::Float).then(|| f64::from_bits(*word.pointer().add(1))) }
}

impl State {
    /// Is there room for a float that nobody asked for?
    #[inline(always)]
    fn has_room_for_float(&self) -> bool {
        self.has_words(2)
    }
    /// Is there room for so many words?
    #[inline(always)]
    pub(crate) fn has_words(&self, words: usize) -> bool {
        let room = (self.y as usize).wrapping_sub(self.heap as usize) as isize;
        room >= ((words + STACK_RESERVE_WORDS) * 8) as isize
    }
    /// A float; there is room.
    #[inline(always)]
    pub(crate) fn new_float(&mut self, value: f64) -> Word {
        let object = self.allocate(2);
        // SAFETY: there is room for header and bits.
        unsafe {
            *object = Header::new(Kind::Float, 1).0;
            *object.add(1) = value.to_bits();
        }
        Word::from_boxed(object)
    }
    /// Goes on with what a helper gave: a value for operand `register` of an instruction of `words` words, or
    /// [`Word::NONE`] when it left a way to go on in [`Run::left`].
    #[inline(always)]
    pub(crate) fn finish<T: Target>(
        mut self,
        run: &mut Run<'static>,
        value: Word,
        register: usize,
        words: usize,
    ) -> bool {
        if value == Word::NONE {
            return self.follow(run, run.left);
        }
        self.reload(run);
        self.set::<T>(register, value);
        self.next(run, words)
    }
}

impl<'a> Run<'a> {
    /// Result of an arithmetic instruction, or [`Word::NONE`] with [`Run::left`].
    #[cold]
    #[inline(never)]
    fn arithmetic_slow(&mut self, ip: *const u32, first: Word, second: Word, name: Atom, operation: Operation) -> Word {
        let (a, b) = (self.term(first), self.term(second));
        match operation(self.heap(), a, b) {
            Ok(value) => self.relieve_with(value.word(), self.number(ip, 5) as usize),
            Err(_) if !self.no_label(ip, 4) => self.leave_for(ip, 4),
            Err(error) => {
                let reason = match error {
                    ArithmeticError::BadArith => atoms::BADARITH,
                    ArithmeticError::SystemLimit => atoms::SYSTEM_LIMIT,
                };
                let exception = Exception::error(Term::atom(reason));
                let after = ip.wrapping_add(WORDS);
                self.left = self.raise_from_bif(after, exception, (atoms::ERLANG, name), &[first, second]);
                Word::NONE
            }
        }
    }
    /// Goes on at label operand `n`.
    pub(crate) fn leave_for(&mut self, ip: *const u32, n: usize) -> Word {
        self.left = Flow::go(self.label(ip, n));
        Word::NONE
    }
    /// Collects if the heap asks for it, with `live` X registers and a value on its way to a register.
    pub(crate) fn relieve_with(&mut self, value: Word, live: usize) -> Word {
        if !self.heap().wants_collection() {
            return value;
        }
        // There is room for a few more registers than an instruction can name.
        self.set_x(live, value);
        self.collect(0, live + 1);
        self.x(live)
    }
}
