//! What `erts_internal` tells of any term: its kind, its place in the order of keys.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Kind, Term, Value, atoms};
use std::cmp::Ordering;

/// -1, 0 or 1 as `a` is before, equal to or after `b` in the order of map keys.
#[bif("erts_internal:cmp_term/2")]
fn cmp_term<'h>(cx: &mut BifContext<'h>, a: Term<'h>, b: Term<'h>) -> BifResult<'h> {
    Ok(Term::small(match a.compare_exact(b, cx.atoms()) {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }))
}

/// The kind of a term, as OTP names its representations.
#[bif("erts_internal:term_type/1")]
fn term_type<'h>(_cx: &mut BifContext<'h>, term: Term<'h>) -> BifResult<'h> {
    Ok(Term::atom(match term.value() {
        Value::Small(_) => atoms::FIXNUM,
        Value::Big(_) => atoms::BIGNUM,
        Value::Float(_) => atoms::HFLOAT,
        Value::Atom(_) => atoms::ATOM,
        Value::Reference(_) => atoms::REFERENCE,
        Value::ExternalReference(_) => atoms::EXTERNAL_REFERENCE,
        Value::Fun(_) => atoms::FUN,
        Value::ExternalFun(_) => atoms::EXPORT,
        Value::Port(_) => atoms::PORT,
        Value::ExternalPort(_) => atoms::EXTERNAL_PORT,
        Value::Pid(_) => atoms::PID,
        Value::ExternalPid(_) => atoms::EXTERNAL_PID,
        Value::Tuple(_) => atoms::TUPLE,
        Value::Map(map) if map.boxed_kind() == Some(Kind::FlatMap) => atoms::FLATMAP,
        Value::Map(_) => atoms::HASHMAP,
        Value::Nil => atoms::NIL,
        Value::Cons(_) => atoms::LIST,
        Value::Bits(bits) if bits.term().boxed_kind() == Some(Kind::HeapBits) => atoms::HEAP_BINARY,
        Value::Bits(_) => atoms::SUB_BINARY,
    }))
}
