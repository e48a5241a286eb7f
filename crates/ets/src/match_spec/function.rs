//! The functions that guards and bodies may call.

use oxbeam_term::{Atom, AtomTable, Heap, Kind, Term};
use std::cmp::Ordering;

/// A function of a match specification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Function {
    /// Computed here.
    Native(Native),
    /// A guard BIF of the machine.
    Outside(Atom),
}

/// Functions that are computed here: cheap ones that build nothing but small integers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Native {
    IsAtom,
    IsFloat,
    IsInteger,
    IsList,
    IsNumber,
    IsPid,
    IsPort,
    IsReference,
    IsTuple,
    IsMap,
    IsBinary,
    IsBitstring,
    IsBoolean,
    IsFunction,
    IsRecord,
    Element,
    Head,
    Tail,
    TupleSize,
    MapSize,
    MapGet,
    IsMapKey,
    Length,
    Not,
    Xor,
    Equal,
    NotEqual,
    Exactly,
    NotExactly,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Min,
    Max,
    /// These fall back to the machine's when the operands are not small integers.
    Add(Atom),
    Subtract(Atom),
    And(Atom),
    Or(Atom),
}

/// What a native function gives.
pub(super) enum Answer<'x> {
    /// A value.
    Value(Term<'x>),
    /// It fails.
    Failure,
    /// The machine's function of this name must be asked.
    Ask(Atom),
}

impl Function {
    /// The function of this name, if match specifications have it.
    pub(super) fn find(text: &str, name: Atom, arity: usize) -> Option<Function> {
        use Native as N;
        let native = match (text, arity) {
            ("is_atom", 1) => N::IsAtom,
            ("is_float", 1) => N::IsFloat,
            ("is_integer", 1) => N::IsInteger,
            ("is_list", 1) => N::IsList,
            ("is_number", 1) => N::IsNumber,
            ("is_pid", 1) => N::IsPid,
            ("is_port", 1) => N::IsPort,
            ("is_reference", 1) => N::IsReference,
            ("is_tuple", 1) => N::IsTuple,
            ("is_map", 1) => N::IsMap,
            ("is_binary", 1) => N::IsBinary,
            ("is_bitstring", 1) => N::IsBitstring,
            ("is_boolean", 1) => N::IsBoolean,
            ("is_function", 1) => N::IsFunction,
            ("is_record", 3) => N::IsRecord,
            ("element", 2) => N::Element,
            ("hd", 1) => N::Head,
            ("tl", 1) => N::Tail,
            ("tuple_size", 1) => N::TupleSize,
            ("map_size", 1) => N::MapSize,
            ("map_get", 2) => N::MapGet,
            ("is_map_key", 2) => N::IsMapKey,
            ("length", 1) => N::Length,
            ("not", 1) => N::Not,
            ("xor", 2) => N::Xor,
            ("==", 2) => N::Equal,
            ("/=", 2) => N::NotEqual,
            ("=:=", 2) => N::Exactly,
            ("=/=", 2) => N::NotExactly,
            ("<", 2) => N::Less,
            ("=<", 2) => N::LessEqual,
            (">", 2) => N::Greater,
            (">=", 2) => N::GreaterEqual,
            ("min", 2) => N::Min,
            ("max", 2) => N::Max,
            ("+", 2) => N::Add(name),
            ("-", 2) => N::Subtract(name),
            ("band", 2) => N::And(name),
            ("bor", 2) => N::Or(name),
            ("is_function", 2)
            | ("abs" | "round" | "trunc" | "float" | "ceil" | "floor" | "size" | "bit_size" | "byte_size", 1)
            | ("+" | "-" | "bnot", 1)
            | ("node", 0 | 1)
            | ("*" | "/" | "div" | "rem" | "bxor" | "bsl" | "bsr", 2)
            | ("binary_part", 2 | 3) => return Some(Function::Outside(name)),
            _ => return None,
        };
        Some(Function::Native(native))
    }
    /// Is the machine asked with copies of the arguments?
    pub(super) fn is_outside(self) -> bool {
        matches!(
            self,
            Function::Outside(_)
                | Function::Native(Native::Add(_) | Native::Subtract(_) | Native::And(_) | Native::Or(_))
        )
    }
}

impl Native {
    /// Applies the function; the number of arguments is right.
    pub(super) fn apply<'x>(self, arguments: &[Term<'x>], heap: &'x Heap, atoms: &AtomTable) -> Answer<'x> {
        match (self, arguments) {
            (_, [a]) => self.apply_one(*a),
            (_, [a, b]) => self.apply_two(*a, *b, heap, atoms),
            (Native::IsRecord, [term, tag, size]) => {
                let (Some(_), Some(size)) = (tag.as_atom(), size.as_small()) else { return Answer::Failure };
                let fits = term.as_tuple().is_some_and(|tuple| {
                    let elements = tuple.elements();
                    elements.len() as i64 == size && elements.first().is_some_and(|first| first.is_same(*tag))
                });
                answer(fits)
            }
            _ => Answer::Failure,
        }
    }

    fn apply_one<'x>(self, a: Term<'x>) -> Answer<'x> {
        answer(match self {
            Native::IsAtom => a.as_atom().is_some(),
            Native::IsFloat => a.as_float().is_some(),
            Native::IsInteger => a.is_integer(),
            Native::IsList => a.is_list(),
            Native::IsNumber => a.is_number(),
            Native::IsPid => a.is_pid(),
            Native::IsPort => a.is_port(),
            Native::IsReference => a.is_reference(),
            Native::IsTuple => a.boxed_kind() == Some(Kind::Tuple),
            Native::IsMap => a.is_map(),
            Native::IsBinary => a.as_bits().is_some_and(|bits| bits.is_binary()),
            Native::IsBitstring => a.as_bits().is_some(),
            Native::IsBoolean => a.as_boolean().is_some(),
            Native::IsFunction => a.is_fun(),
            Native::Not => match a.as_boolean() {
                Some(value) => !value,
                None => return Answer::Failure,
            },
            Native::Head => return value(a.as_cons().map(|cell| cell.head())),
            Native::Tail => return value(a.as_cons().map(|cell| cell.tail())),
            Native::TupleSize => return count(a.as_tuple().map(|tuple| tuple.elements().len())),
            Native::MapSize => return count(a.is_map().then(|| a.map_size())),
            Native::Length => {
                let mut walk = a.list_iter();
                let length = walk.by_ref().count();
                return count(walk.tail().is_nil().then_some(length));
            }
            _ => return Answer::Failure,
        })
    }

    fn apply_two<'x>(self, a: Term<'x>, b: Term<'x>, heap: &'x Heap, atoms: &AtomTable) -> Answer<'x> {
        let order = || a.compare(b, atoms);
        answer(match self {
            Native::Equal => a.equals(b),
            Native::NotEqual => !a.equals(b),
            Native::Exactly => a.is_exactly(b),
            Native::NotExactly => !a.is_exactly(b),
            Native::Less => order() == Ordering::Less,
            Native::LessEqual => order() != Ordering::Greater,
            Native::Greater => order() == Ordering::Greater,
            Native::GreaterEqual => order() != Ordering::Less,
            Native::Min => return Answer::Value(if order() == Ordering::Greater { b } else { a }),
            Native::Max => return Answer::Value(if order() == Ordering::Less { b } else { a }),
            Native::Xor => match (a.as_boolean(), b.as_boolean()) {
                (Some(a), Some(b)) => a != b,
                _ => return Answer::Failure,
            },
            Native::Element => {
                let index = a.as_small().and_then(|index| usize::try_from(index).ok()?.checked_sub(1));
                let element = || b.as_tuple()?.elements().get(index?).copied();
                return value(element());
            }
            Native::MapGet => return value(b.is_map().then(|| b.map_get(a)).flatten()),
            Native::IsMapKey if b.is_map() => b.map_get(a).is_some(),
            Native::Add(name) => return small(a, b, name, heap, |a, b| a + b),
            Native::Subtract(name) => return small(a, b, name, heap, |a, b| a - b),
            Native::And(name) => return small(a, b, name, heap, |a, b| a & b),
            Native::Or(name) => return small(a, b, name, heap, |a, b| a | b),
            _ => return Answer::Failure,
        })
    }
}

fn answer<'x>(truth: bool) -> Answer<'x> {
    Answer::Value(Term::boolean(truth))
}
fn value(term: Option<Term<'_>>) -> Answer<'_> {
    term.map_or(Answer::Failure, Answer::Value)
}
fn count<'x>(number: Option<usize>) -> Answer<'x> {
    number.map_or(Answer::Failure, |number| Answer::Value(Term::small(number as i64)))
}
/// Small integers have 61 bits: neither sums nor differences of two overflow.
fn small<'x>(a: Term<'x>, b: Term<'x>, name: Atom, heap: &'x Heap, compute: fn(i64, i64) -> i64) -> Answer<'x> {
    match (a.as_small(), b.as_small()) {
        (Some(a), Some(b)) => Answer::Value(heap.integer(compute(a, b))),
        _ => Answer::Ask(name),
    }
}
