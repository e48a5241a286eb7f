//! Operators as functions, numbers, and the tests of guards.

use super::tuple::is_tagged;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::arithmetic::{self, ArithmeticError, Outcome};
use oxbeam_term::{Atom, Term, Value, atoms};
use std::cmp::Ordering;

/// The value, or `badarith` or `system_limit`.
fn calculated<'h>(cx: &BifContext<'h>, outcome: Outcome<'h>) -> BifResult<'h> {
    outcome.map_err(|error| match error {
        ArithmeticError::BadArith => cx.raise(atoms::BADARITH),
        ArithmeticError::SystemLimit => cx.raise(atoms::SYSTEM_LIMIT),
    })
}

/// The value, or `badarg`: what is not an operator complains of its argument.
fn converted<'h>(cx: &BifContext<'h>, outcome: Outcome<'h>) -> BifResult<'h> {
    outcome.map_err(|error| match error {
        ArithmeticError::BadArith => cx.raise(atoms::BADARG),
        ArithmeticError::SystemLimit => cx.raise(atoms::SYSTEM_LIMIT),
    })
}

fn truth<'h>(value: bool) -> BifResult<'h> {
    Ok(Term::boolean(value))
}

/// `A + B`; `badarith` unless both are numbers and the result is one.
#[bif("erlang:+/2", guard)]
fn plus<'h>(cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    calculated(cx, arithmetic::add(cx.heap, a, b))
}

/// `A - B`; `badarith` unless both are numbers and the result is one.
#[bif("erlang:-/2", guard)]
fn minus<'h>(cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    calculated(cx, arithmetic::subtract(cx.heap, a, b))
}

/// `A * B`; `badarith` unless both are numbers and the result is one.
#[bif("erlang:*/2", guard)]
fn times<'h>(cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    calculated(cx, arithmetic::multiply(cx.heap, a, b))
}

/// `A / B`, always a float; `badarith` also when `B` is zero.
#[bif("erlang://2", guard)]
fn divided_by<'h>(cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    calculated(cx, arithmetic::divide(cx.heap, a, b))
}

/// `A div B`, truncated; `badarith` unless both are integers and `B` is not zero.
#[bif("erlang:div/2", guard)]
fn div<'h>(cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    calculated(cx, arithmetic::integer_divide(cx.heap, a, b))
}

/// `A rem B`, with the sign of `A`; `badarith` unless both are integers and `B` is not zero.
#[bif("erlang:rem/2", guard)]
fn rem<'h>(cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    calculated(cx, arithmetic::remainder(cx.heap, a, b))
}

/// `A band B`; `badarith` unless both are integers.
#[bif("erlang:band/2", guard)]
fn band<'h>(cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    calculated(cx, arithmetic::band(cx.heap, a, b))
}

/// `A bor B`; `badarith` unless both are integers.
#[bif("erlang:bor/2", guard)]
fn bor<'h>(cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    calculated(cx, arithmetic::bor(cx.heap, a, b))
}

/// `A bxor B`; `badarith` unless both are integers.
#[bif("erlang:bxor/2", guard)]
fn bxor<'h>(cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    calculated(cx, arithmetic::bxor(cx.heap, a, b))
}

/// `A bsl B`; `badarith` unless both are integers, `system_limit` when the result is too large.
#[bif("erlang:bsl/2", guard)]
fn bsl<'h>(cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    calculated(cx, arithmetic::shift_left(cx.heap, a, b))
}

/// `A bsr B`; `badarith` unless both are integers.
#[bif("erlang:bsr/2", guard)]
fn bsr<'h>(cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    calculated(cx, arithmetic::shift_right(cx.heap, a, b))
}

/// `+A`; `badarith` unless it is a number.
#[bif("erlang:+/1", guard)]
fn unary_plus<'h>(cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    if a.is_number() { Ok(a) } else { Err(cx.raise(atoms::BADARITH)) }
}

/// `-A`; `badarith` unless it is a number.
#[bif("erlang:-/1", guard)]
fn unary_minus<'h>(cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    calculated(cx, arithmetic::negate(cx.heap, a))
}

/// `bnot A`; `badarith` unless it is an integer.
#[bif("erlang:bnot/1", guard)]
fn bnot<'h>(cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    calculated(cx, arithmetic::bnot(cx.heap, a))
}

/// Absolute value. `badarg` unless it is a number.
#[bif("erlang:abs/1", guard)]
fn abs<'h>(cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    converted(cx, arithmetic::absolute(cx.heap, a))
}

/// The integer towards zero. `badarg` unless it is a number.
#[bif("erlang:trunc/1", guard)]
fn trunc<'h>(cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    converted(cx, arithmetic::truncate(cx.heap, a))
}

/// The nearest integer, halves away from zero. `badarg` unless it is a number.
#[bif("erlang:round/1", guard)]
fn round<'h>(cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    converted(cx, arithmetic::round(cx.heap, a))
}

/// The integer above. `badarg` unless it is a number.
#[bif("erlang:ceil/1", guard)]
fn ceil<'h>(cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    converted(cx, arithmetic::ceiling(cx.heap, a))
}

/// The integer below. `badarg` unless it is a number.
#[bif("erlang:floor/1", guard)]
fn floor<'h>(cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    converted(cx, arithmetic::floor(cx.heap, a))
}

/// The number as a float; `badarg` when it is none or too large.
#[bif("erlang:float/1", guard)]
fn float<'h>(cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    match arithmetic::as_float(a) {
        Some(_) if a.as_float().is_some() => Ok(a),
        Some(value) => Ok(cx.heap.float(value)),
        None => cx.badarg(),
    }
}

/// `A == B`.
#[bif("erlang:==/2", guard)]
fn equal<'h>(_cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    truth(a.equals(b))
}

/// `A /= B`.
#[bif("erlang:/=/2", guard)]
fn not_equal<'h>(_cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    truth(!a.equals(b))
}

/// `A =:= B`.
#[bif("erlang:=:=/2", guard)]
fn exactly_equal<'h>(_cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    truth(a.is_exactly(b))
}

/// `A =/= B`.
#[bif("erlang:=/=/2", guard)]
fn not_exactly_equal<'h>(_cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    truth(!a.is_exactly(b))
}

/// `A < B` in the order of all terms.
#[bif("erlang:</2", guard)]
fn less<'h>(cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    truth(a.compare(b, cx.atoms()).is_lt())
}

/// `A =< B` in the order of all terms.
#[bif("erlang:=</2", guard)]
fn less_or_equal<'h>(cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    truth(a.compare(b, cx.atoms()).is_le())
}

/// `A > B` in the order of all terms.
#[bif("erlang:>/2", guard)]
fn greater<'h>(cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    truth(a.compare(b, cx.atoms()).is_gt())
}

/// `A >= B` in the order of all terms.
#[bif("erlang:>=/2", guard)]
fn greater_or_equal<'h>(cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    truth(a.compare(b, cx.atoms()).is_ge())
}

/// The larger of two terms; the first one when they are equal.
#[bif("erlang:max/2", guard)]
fn max<'h>(cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    Ok(if a.compare(b, cx.atoms()) == Ordering::Less { b } else { a })
}

/// The smaller of two terms; the first one when they are equal.
#[bif("erlang:min/2", guard)]
fn min<'h>(cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    Ok(if a.compare(b, cx.atoms()) == Ordering::Greater { b } else { a })
}

/// `A and B`; `badarg` unless both are booleans.
#[bif("erlang:and/2", guard)]
fn and<'h>(_cx: &mut BifContext<'h>, a: bool, b: bool) -> BifResult<'h> {
    truth(a & b)
}

/// `A or B`; `badarg` unless both are booleans.
#[bif("erlang:or/2", guard)]
fn or<'h>(_cx: &mut BifContext<'h>, a: bool, b: bool) -> BifResult<'h> {
    truth(a | b)
}

/// `A xor B`; `badarg` unless both are booleans.
#[bif("erlang:xor/2", guard)]
fn xor<'h>(_cx: &mut BifContext<'h>, a: bool, b: bool) -> BifResult<'h> {
    truth(a ^ b)
}

/// `not A`; `badarg` unless it is a boolean.
#[bif("erlang:not/1", guard)]
fn not<'h>(_cx: &mut BifContext<'h>, a: bool) -> BifResult<'h> {
    truth(!a)
}

/// Is it an atom?
#[bif("erlang:is_atom/1", guard)]
fn is_atom<'h>(_cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    truth(a.as_atom().is_some())
}

/// Is it `true` or `false`?
#[bif("erlang:is_boolean/1", guard)]
fn is_boolean<'h>(_cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    truth(a.as_boolean().is_some())
}

/// Is it an integer?
#[bif("erlang:is_integer/1", guard)]
fn is_integer<'h>(_cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    truth(a.is_integer())
}

/// Is it a float?
#[bif("erlang:is_float/1", guard)]
fn is_float<'h>(_cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    truth(a.as_float().is_some())
}

/// Is it a number?
#[bif("erlang:is_number/1", guard)]
fn is_number<'h>(_cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    truth(a.is_number())
}

/// Is it a pid?
#[bif("erlang:is_pid/1", guard)]
fn is_pid<'h>(_cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    truth(a.is_pid())
}

/// Is it a port?
#[bif("erlang:is_port/1", guard)]
fn is_port<'h>(_cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    truth(a.is_port())
}

/// Is it a reference?
#[bif("erlang:is_reference/1", guard)]
fn is_reference<'h>(_cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    truth(a.is_reference())
}

/// Is it a cons cell or `[]`?
#[bif("erlang:is_list/1", guard)]
fn is_list<'h>(_cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    truth(a.is_list())
}

/// Is it a tuple?
#[bif("erlang:is_tuple/1", guard)]
fn is_tuple<'h>(_cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    truth(a.as_tuple().is_some())
}

/// Is it a map?
#[bif("erlang:is_map/1", guard)]
fn is_map<'h>(_cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    truth(a.is_map())
}

/// Is it a bitstring of whole bytes?
#[bif("erlang:is_binary/1", guard)]
fn is_binary<'h>(_cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    truth(a.as_bits().is_some_and(|bits| bits.is_binary()))
}

/// Is it a bitstring?
#[bif("erlang:is_bitstring/1", guard)]
fn is_bitstring<'h>(_cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    truth(a.as_bits().is_some())
}

/// Is it a fun?
#[bif("erlang:is_function/1", guard)]
fn is_function<'h>(_cx: &mut BifContext<'h>, a: Term<'h>) -> BifResult<'h> {
    truth(a.is_fun())
}

/// Is it a fun that takes `arity` arguments?
///
/// # Errors
///
/// `badarg` unless `arity` is an integer of zero or more.
#[bif("erlang:is_function/2", guard)]
fn is_function_of_arity<'h>(cx: &mut BifContext<'h>, a: Term<'h>, arity: Term<'h>) -> BifResult<'h> {
    let Some(arity) = arity.as_integer().filter(|arity| !arity.is_negative()) else { return cx.badarg() };
    let actual = match a.value() {
        Value::Fun(fun) => fun.entry().arity,
        Value::ExternalFun(fun) => fun.export().arity,
        _ => return truth(false),
    };
    truth(arity.to_i64() == Some(actual.into()))
}

/// Is it a tuple whose first element is `tag`? `badarg` unless `tag` is an atom.
#[bif("erlang:is_record/2", guard)]
fn is_record<'h>(_cx: &mut BifContext<'h>, a: Term<'h>, tag: Atom) -> BifResult<'h> {
    truth(is_tagged(a, tag).is_some())
}

/// Is it a tuple of `size` elements whose first one is `tag`?
///
/// # Errors
///
/// `badarg` unless `tag` is an atom and `size` an integer.
#[bif("erlang:is_record/3", guard)]
fn is_record_of_size<'h>(cx: &mut BifContext<'h>, a: Term<'h>, tag: Atom, size: Term<'h>) -> BifResult<'h> {
    let Some(size) = size.as_small() else { return cx.badarg() };
    truth(is_tagged(a, tag).is_some_and(|elements| elements.len() as i64 == size))
}
