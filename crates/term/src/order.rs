//! Erlang's equality and term order, with an explicit stack: terms may be nested as deep as memory allows.
//!
//! number < atom < reference < fun < port < pid < tuple < map < `[]` < list < bitstring
//!
//! Two walks: [`equal`] needs no names of atoms and stops at the first difference; [`order`] also says which is
//! smaller. Both keep *runs*: pairs of arrays of terms that still have to be compared, from left to right.

use crate::term::{Bits, External, Fun, Reference};
use crate::{AtomTable, Big, Kind, Term, Value, Word, bits};
use smallvec::SmallVec;
use std::cmp::Ordering;
use std::marker::PhantomData;

impl Term<'_> {
    /// `=:=`: the same value of the same type. `+0.0` and `-0.0` differ.
    #[inline]
    pub fn is_exactly(self, other: Term<'_>) -> bool {
        self.is_same(other) || (may_be_equal(self, other) && equal(self, other, true))
    }
    /// `==`: as `=:=`, but integers and floats of the same value are equal (not in keys of maps).
    #[inline]
    pub fn equals(self, other: Term<'_>) -> bool {
        self.is_same(other) || (may_be_equal(self, other) && equal(self, other, false))
    }
    /// The order of `<`, `lists:sort/1` and so on: `1` and `1.0` are equal.
    #[inline]
    pub fn compare(self, other: Term<'_>, atoms: &AtomTable) -> Ordering {
        match (self.as_small(), other.as_small()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ if self.is_same(other) => Ordering::Equal,
            _ => order(self, other, false, atoms),
        }
    }
    /// The order of map keys and of `erts_internal:cmp_term/2`: as [`Term::compare`], but every integer is smaller than
    /// every float, and `-0.0` smaller than `+0.0`.
    #[inline]
    pub fn compare_exact(self, other: Term<'_>, atoms: &AtomTable) -> Ordering {
        match (self.as_small(), other.as_small()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ if self.is_same(other) => Ordering::Equal,
            _ => order(self, other, true, atoms),
        }
    }
}

/// False only for different words of which none is a pointer: those are different terms.
#[inline(always)]
fn may_be_equal(a: Term<'_>, b: Term<'_>) -> bool {
    a.word().is_pointer() || b.word().is_pointer()
}

/// Pairs that still have to be compared.
struct Run<'x> {
    a: *const Word,
    b: *const Word,
    count: u32,
    exact: bool,
    heap: PhantomData<Term<'x>>,
}

struct Pair<'x> {
    a: Term<'x>,
    b: Term<'x>,
    exact: bool,
}

/// The stack of runs, the one to go on with on top.
struct Runs<'x>(SmallVec<[Run<'x>; 4]>);

impl<'x> Runs<'x> {
    fn push(&mut self, a: &'x [Term<'x>], b: &'x [Term<'x>], exact: bool) {
        debug_assert_eq!(a.len(), b.len());
        if !a.is_empty() {
            let (a, b, count) = (a.as_ptr().cast(), b.as_ptr().cast(), a.len() as u32);
            self.0.push(Run { a, b, count, exact, heap: PhantomData });
        }
    }
    /// The next pair of different words, at or above `floor`.
    #[inline]
    fn next(&mut self, floor: usize) -> Option<Pair<'x>> {
        while self.0.len() > floor {
            let run = self.0.last_mut()?;
            // SAFETY: a run's pointers lead to `count` terms that live for `'x` (`push`).
            let (a, b) = unsafe { (Term::from_raw(*run.a), Term::from_raw(*run.b)) };
            let exact = run.exact;
            run.count -= 1;
            if run.count == 0 {
                self.0.pop();
            } else {
                (run.a, run.b) = (run.a.wrapping_add(1), run.b.wrapping_add(1));
            }
            if !a.is_same(b) {
                return Some(Pair { a, b, exact });
            }
        }
        None
    }
}

/// The two terms of a cons cell.
fn cell_terms<'x>(list: Term<'x>) -> &'x [Term<'x>; 2] {
    debug_assert!(list.word().is_cons());
    // SAFETY: a cons term points to two terms that live for `'x`.
    unsafe { &*list.word().pointer().cast::<[Term<'x>; 2]>() }
}

enum Step<'x> {
    Same,
    Different,
    Compare(Pair<'x>),
}

fn equal<'x>(a: Term<'x>, b: Term<'x>, exact: bool) -> bool {
    let Some((a, b)) = tuples_of_a_size(a, b) else { return equal_any(a, b, exact) };
    a.iter().zip(b).all(|(&a, &b)| a.is_same(b) || (may_be_equal(a, b) && equal_any(a, b, exact)))
}

fn equal_any<'x>(a: Term<'x>, b: Term<'x>, exact: bool) -> bool {
    let mut runs = Runs(SmallVec::new());
    let mut pair = Pair { a, b, exact };
    loop {
        let step = if pair.a.word().is_cons() && pair.b.word().is_cons() {
            next_in_lists(pair, &mut runs)
        } else {
            equal_step(pair, &mut runs)
        };
        pair = match step {
            Step::Different => return false,
            Step::Compare(next) => next,
            Step::Same => match runs.next(0) {
                Some(next) => next,
                None => return true,
            },
        };
    }
}

/// Walks two lists to where their words differ.
fn next_in_lists<'x>(pair: Pair<'x>, runs: &mut Runs<'x>) -> Step<'x> {
    let (mut a, mut b, exact) = (pair.a, pair.b, pair.exact);
    loop {
        let (cell_a, cell_b) = (cell_terms(a), cell_terms(b));
        if !cell_a[0].is_same(cell_b[0]) {
            if !cell_a[1].is_same(cell_b[1]) {
                runs.push(&cell_a[1..], &cell_b[1..], exact);
            }
            return Step::Compare(Pair { a: cell_a[0], b: cell_b[0], exact });
        }
        (a, b) = (cell_a[1], cell_b[1]);
        if a.is_same(b) {
            return Step::Same;
        }
        if !(a.word().is_cons() && b.word().is_cons()) {
            return Step::Compare(Pair { a, b, exact });
        }
    }
}

fn equal_step<'x>(pair: Pair<'x>, runs: &mut Runs<'x>) -> Step<'x> {
    let Pair { a, b, exact } = pair;
    let (Some(kind_a), Some(kind_b)) = (a.boxed_kind(), b.boxed_kind()) else {
        return truth(!exact && equal_numbers(a, b));
    };
    let (words_a, words_b) = (a.boxed_words(), b.boxed_words());
    match (kind_a, kind_b) {
        (Kind::Tuple, Kind::Tuple) | (Kind::HashMap, Kind::HashMap) => {
            // A hash map's size is its first word, so maps of different sizes part there.
            if words_a.len() != words_b.len() {
                return Step::Different;
            }
            runs.push(a.boxed_terms(), b.boxed_terms(), exact);
            Step::Same
        }
        (Kind::FlatMap, Kind::FlatMap) => {
            if words_a.len() != words_b.len() {
                return Step::Different;
            }
            let (terms_a, terms_b) = (a.boxed_terms(), b.boxed_terms());
            runs.push(&terms_a[1..], &terms_b[1..], exact);
            runs.push(&terms_a[..1], &terms_b[..1], true);
            Step::Same
        }
        (Kind::HashNode, Kind::HashNode) => equal_nodes(a, b, exact, runs),
        (Kind::BigPositive, Kind::BigPositive) | (Kind::BigNegative, Kind::BigNegative) => truth(words_a == words_b),
        (Kind::Float, Kind::Float) => {
            truth(words_a == words_b || !exact && f64::from_bits(words_a[0]) == f64::from_bits(words_b[0]))
        }
        (Kind::Fun, Kind::Fun) => match (a.as_fun(), b.as_fun()) {
            (Some(fun_a), Some(fun_b)) if same_function(fun_a, fun_b, exact) => {
                runs.push(fun_a.environment(), fun_b.environment(), exact);
                Step::Same
            }
            _ => Step::Different,
        },
        (Kind::ExternalFun, Kind::ExternalFun) => truth(export_key(a) == export_key(b)),
        (Kind::ExternalPid, Kind::ExternalPid) | (Kind::ExternalPort, Kind::ExternalPort) => truth(words_a == words_b),
        _ => match (a.value(), b.value()) {
            (Value::Bits(bits_a), Value::Bits(bits_b)) => {
                truth(bits_a.bit_size() == bits_b.bit_size() && compare_bits(bits_a, bits_b).is_eq())
            }
            (Value::Reference(a), Value::Reference(b)) => truth(reference_key(a) == reference_key(b)),
            (Value::ExternalReference(a), Value::ExternalReference(b)) => {
                truth(a.node() == b.node() && a.creation() == b.creation() && compare_ids(a, b).is_eq())
            }
            _ => truth(!exact && equal_numbers(a, b)),
        },
    }
}

/// Nodes of hash maps with the same keys have the same shape; keys are compared exactly whatever the mode.
fn equal_nodes<'x>(a: Term<'x>, b: Term<'x>, exact: bool, runs: &mut Runs<'x>) -> Step<'x> {
    let (terms_a, terms_b) = (a.boxed_terms(), b.boxed_terms());
    if terms_a.len() != terms_b.len() || !terms_a[0].is_same(terms_b[0]) {
        return Step::Different;
    }
    for (child_a, child_b) in terms_a[1..].iter().zip(&terms_b[1..]) {
        if child_a.is_same(*child_b) {
            continue;
        }
        match (child_a.word().is_cons(), child_b.word().is_cons()) {
            (true, true) => {
                let (leaf_a, leaf_b) = (cell_terms(*child_a), cell_terms(*child_b));
                runs.push(&leaf_a[1..], &leaf_b[1..], exact);
                runs.push(&leaf_a[..1], &leaf_b[..1], true);
            }
            (false, false) => runs.push(std::slice::from_ref(child_a), std::slice::from_ref(child_b), exact),
            _ => return Step::Different,
        }
    }
    Step::Same
}

fn truth<'x>(same: bool) -> Step<'x> {
    if same { Step::Same } else { Step::Different }
}

/// `=:=` tells apart the same fun of two versions of a module, `==` does not.
fn same_function(a: Fun<'_>, b: Fun<'_>, exact: bool) -> bool {
    a.environment().len() == b.environment().len()
        && (std::ptr::eq(a.entry(), b.entry()) || !exact && fun_key(a) == fun_key(b))
}

fn fun_key(fun: Fun<'_>) -> (crate::Atom, u32, u32) {
    let entry = fun.entry();
    (entry.module, entry.index, entry.old_uniq)
}

fn export_key(fun: Term<'_>) -> Option<(crate::Atom, crate::Atom, u8)> {
    let export = fun.as_external_fun()?.export();
    Some((export.module, export.function, export.arity))
}

/// An alias carries its process in front of the number, so it is greater than any other reference.
fn reference_key(reference: Reference<'_>) -> (Option<crate::Pid>, u64, u64) {
    let [low, high] = reference.number().0;
    (reference.alias_of(), high, low)
}

fn compare_bits(a: Bits<'_>, b: Bits<'_>) -> Ordering {
    bits::compare_bits(a.data(), a.bit_offset(), a.bit_size(), b.data(), b.bit_offset(), b.bit_size())
}

/// The numbers of two external references, the most significant first; a missing one counts as 0.
fn compare_ids(a: External<'_>, b: External<'_>) -> Ordering {
    let padded = |ids: Vec<u32>| {
        let mut all = [0u32; 5];
        all.iter_mut().zip(ids).for_each(|(to, from)| *to = from);
        all.reverse();
        all
    };
    padded(a.reference_ids()).cmp(&padded(b.reference_ids()))
}

// --- numbers -----------------------------------------------------------------------------------------------------

fn equal_numbers(a: Term<'_>, b: Term<'_>) -> bool {
    match (a.as_float(), b.as_float()) {
        (Some(_), None) if b.is_integer() => compare_integer_float(b, a).is_eq(),
        (None, Some(_)) if a.is_integer() => compare_integer_float(a, b).is_eq(),
        _ => false,
    }
}

fn compare_integer_float(integer: Term<'_>, float: Term<'_>) -> Ordering {
    let float = float.as_float().unwrap_or(0.0);
    match integer.value() {
        Value::Small(value) => compare_small_float(value, float),
        Value::Big(value) => compare_big_float(value, float),
        _ => Ordering::Equal,
    }
}

/// By value, exactly: no rounding beyond 2^53.
fn compare_small_float(integer: i64, float: f64) -> Ordering {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if float >= LIMIT {
        return Ordering::Less;
    }
    if float < -LIMIT {
        return Ordering::Greater;
    }
    let whole = float.trunc();
    integer.cmp(&(whole as i64)).then_with(|| whole.partial_cmp(&float).unwrap_or(Ordering::Equal))
}

fn compare_big_float(big: Big<'_>, float: f64) -> Ordering {
    if big.is_negative() != (float < 0.0) {
        return if big.is_negative() { Ordering::Less } else { Ordering::Greater };
    }
    let magnitude = compare_magnitude(big.limbs(), float.abs());
    if big.is_negative() { magnitude.reverse() } else { magnitude }
}

/// Compares a magnitude of at least 2^60 with a float that is not negative.
fn compare_magnitude(limbs: &[u64], float: f64) -> Ordering {
    const SMALLEST_BIG: f64 = 1_152_921_504_606_846_976.0;
    if float < SMALLEST_BIG {
        return Ordering::Greater;
    }
    // Such a float is a whole number: `mantissa` times 2 to the `shift`, `mantissa` having 53 bits.
    let mantissa = float.to_bits() & ((1 << 52) - 1) | 1 << 52;
    let shift = (float.to_bits() >> 52) as usize - 1075;
    let bits = limbs.len() * 64 - limbs.last().map_or(0, |limb| limb.leading_zeros()) as usize;
    bits.cmp(&(53 + shift)).then_with(|| {
        let (limb, offset) = (shift / 64, shift % 64);
        let high = limbs.get(limb + 1).map_or(0, |&next| u128::from(next)) << 64;
        let top = ((high | u128::from(limbs[limb])) >> offset) as u64 & ((1 << 53) - 1);
        let rest = limbs[..limb].iter().any(|&limb| limb != 0) || limbs[limb] & ((1 << offset) - 1) != 0;
        top.cmp(&mantissa).then(if rest { Ordering::Greater } else { Ordering::Equal })
    })
}

fn compare_bigs(a: Big<'_>, b: Big<'_>) -> Ordering {
    if a.is_negative() != b.is_negative() {
        return b.is_negative().cmp(&a.is_negative());
    }
    let magnitude =
        a.limbs().len().cmp(&b.limbs().len()).then_with(|| a.limbs().iter().rev().cmp(b.limbs().iter().rev()));
    if a.is_negative() { magnitude.reverse() } else { magnitude }
}

fn compare_numbers(a: Term<'_>, b: Term<'_>, exact: bool) -> Ordering {
    match (a.value(), b.value()) {
        (Value::Small(a), Value::Small(b)) => a.cmp(&b),
        (Value::Small(_), Value::Big(b)) => {
            if b.is_negative() {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (Value::Big(a), Value::Small(_)) => {
            if a.is_negative() {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (Value::Big(a), Value::Big(b)) => compare_bigs(a, b),
        (Value::Float(a), Value::Float(b)) if exact => a.total_cmp(&b),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (Value::Float(_), _) if exact => Ordering::Greater,
        (_, Value::Float(_)) if exact => Ordering::Less,
        (Value::Float(_), _) => compare_integer_float(b, a).reverse(),
        _ => compare_integer_float(a, b),
    }
}

// --- order -------------------------------------------------------------------------------------------------------

/// The place of a term's type in the order.
fn rank(term: Term<'_>) -> u8 {
    match term.value() {
        Value::Small(_) | Value::Big(_) | Value::Float(_) => 0,
        Value::Atom(_) => 1,
        Value::Reference(_) | Value::ExternalReference(_) => 2,
        Value::Fun(_) | Value::ExternalFun(_) => 3,
        Value::Port(_) | Value::ExternalPort(_) => 4,
        Value::Pid(_) | Value::ExternalPid(_) => 5,
        Value::Tuple(_) => 6,
        Value::Map(_) => 7,
        Value::Nil => 8,
        Value::Cons(_) => 9,
        Value::Bits(_) => 10,
    }
}

/// A search for the smallest key among those in which two hash maps differ.
///
/// The comparison of two keys may itself meet hash maps, so searches are stacked: each one's comparisons use the runs
/// above its floor, and their result goes to the search on top.
struct Search<'x> {
    floor: usize,
    /// Keys with the two values (both maps have the key), or which map has the key.
    candidates: Vec<Candidate<'x>>,
    best: usize,
    next: usize,
    /// How values are compared.
    exact: bool,
}

#[derive(Clone, Copy)]
struct Candidate<'x> {
    key: Term<'x>,
    difference: Difference<'x>,
}

#[derive(Clone, Copy)]
enum Difference<'x> {
    OnlyInFirst,
    OnlyInSecond,
    Values(Term<'x>, Term<'x>),
}

struct Orderer<'x, 'a> {
    runs: Runs<'x>,
    searches: Vec<Search<'x>>,
    atoms: &'a AtomTable,
}

/// The elements of two tuples of the same size.
#[inline(always)]
fn tuples_of_a_size<'x>(a: Term<'x>, b: Term<'x>) -> Option<(&'x [Term<'x>], &'x [Term<'x>])> {
    let both = a.boxed_kind() == Some(Kind::Tuple) && b.boxed_kind() == Some(Kind::Tuple);
    (both && a.boxed_words().len() == b.boxed_words().len()).then(|| (a.boxed_terms(), b.boxed_terms()))
}

fn order<'x>(a: Term<'x>, b: Term<'x>, exact: bool, atoms: &AtomTable) -> Ordering {
    // Keys of tables are small tuples of numbers, names and binaries, as often as not: no stack is needed for those.
    let Some((a, b)) = tuples_of_a_size(a, b) else { return order_any(a, b, exact, atoms) };
    for (a, b) in a.iter().zip(b) {
        if a.is_same(*b) {
            continue;
        }
        let order = match (a.as_small(), b.as_small()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => order_any(*a, *b, exact, atoms),
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn order_any<'x>(a: Term<'x>, b: Term<'x>, exact: bool, atoms: &AtomTable) -> Ordering {
    // Keys are binaries, as often as not.
    const BITS: [Kind; 2] = [Kind::HeapBits, Kind::SubBits];
    if let (Some(kind_a), Some(kind_b)) = (a.boxed_kind(), b.boxed_kind())
        && BITS.contains(&kind_a)
        && BITS.contains(&kind_b)
        && let (Some(a), Some(b)) = (a.as_bits(), b.as_bits())
    {
        return compare_bits(a, b);
    }
    let mut orderer = Orderer { runs: Runs(SmallVec::new()), searches: Vec::new(), atoms };
    orderer.run(Pair { a, b, exact })
}

impl<'x> Orderer<'x, '_> {
    fn run(&mut self, mut pair: Pair<'x>) -> Ordering {
        loop {
            let mut result = Ordering::Equal;
            let mut next = None;
            if !pair.a.is_same(pair.b) {
                if pair.a.word().is_cons() && pair.b.word().is_cons() {
                    if let Step::Compare(deeper) = next_in_lists(pair, &mut self.runs) {
                        next = Some(deeper);
                    }
                } else {
                    result = self.step(pair);
                }
            }
            // What comes next: a pair found on the way, the rest of a run, or what a search does with the result.
            pair = loop {
                if let Some(found) = next.take() {
                    break found;
                }
                let floor = self.searches.last().map_or(0, |search| search.floor);
                if result.is_eq() {
                    if let Some(found) = self.runs.next(floor) {
                        break found;
                    }
                }
                self.runs.0.truncate(floor);
                let Some(search) = self.searches.last_mut() else { return result };
                match search.advance(result) {
                    Advance::Compare(found) => break found,
                    Advance::Done(found) => {
                        self.searches.pop();
                        result = found;
                    }
                    Advance::Values(found) => {
                        self.searches.pop();
                        break found;
                    }
                }
            };
        }
    }

    fn step(&mut self, pair: Pair<'x>) -> Ordering {
        let Pair { a, b, exact } = pair;
        let (rank_a, rank_b) = (rank(a), rank(b));
        if rank_a != rank_b {
            return rank_a.cmp(&rank_b);
        }
        match (a.value(), b.value()) {
            (Value::Atom(a), Value::Atom(b)) => self.atoms.text(a).cmp(self.atoms.text(b)),
            (Value::Tuple(a), Value::Tuple(b)) => {
                let (a, b) = (a.elements(), b.elements());
                if a.len() == b.len() {
                    self.runs.push(a, b, exact);
                }
                a.len().cmp(&b.len())
            }
            (Value::Map(a), Value::Map(b)) => self.maps(a, b, exact),
            (Value::Bits(a), Value::Bits(b)) => compare_bits(a, b),
            (Value::Fun(a), Value::Fun(b)) => self.funs(a, b, exact),
            (Value::Fun(_), _) => Ordering::Less,
            (_, Value::Fun(_)) => Ordering::Greater,
            (Value::ExternalFun(a), Value::ExternalFun(b)) => {
                let (a, b, text) = (a.export(), b.export(), |atom| self.atoms.text(atom));
                text(a.module)
                    .cmp(text(b.module))
                    .then_with(|| text(a.function).cmp(text(b.function)))
                    .then_with(|| a.arity.cmp(&b.arity))
            }
            _ if rank_a == 0 => compare_numbers(a, b, exact),
            _ => self.identifiers(a, b),
        }
    }

    fn funs(&mut self, a: Fun<'x>, b: Fun<'x>, exact: bool) -> Ordering {
        let ((module_a, index_a, uniq_a), (module_b, index_b, uniq_b)) = (fun_key(a), fun_key(b));
        let (environment_a, environment_b) = (a.environment(), b.environment());
        // OTP subtracts these 32-bit numbers, in 64 bits, so their order is the unsigned one.
        let order = self
            .atoms
            .text(module_a)
            .cmp(self.atoms.text(module_b))
            .then_with(|| index_a.cmp(&index_b))
            .then_with(|| uniq_a.cmp(&uniq_b))
            .then_with(|| environment_a.len().cmp(&environment_b.len()));
        if order.is_eq() {
            self.runs.push(environment_a, environment_b, exact);
        }
        order
    }

    fn nodes(&self, a: (crate::Atom, u32), b: (crate::Atom, u32)) -> Ordering {
        if a.0 == b.0 { a.1.cmp(&b.1) } else { self.atoms.text(a.0).cmp(self.atoms.text(b.0)) }
    }

    /// Pids, ports and references. Pids are ordered by number before node, the others by node first.
    fn identifiers(&self, a: Term<'x>, b: Term<'x>) -> Ordering {
        let here = self.atoms.this_node();
        let node = |external: External<'x>| (external.node(), external.creation());
        let pid = |term: Term<'x>| match term.value() {
            Value::Pid(pid) => (pid.serial, pid.number, here),
            Value::ExternalPid(pid) => ((pid.id() >> 32) as u32, pid.id() as u32, node(pid)),
            _ => (0, 0, here),
        };
        let port = |term: Term<'x>| match term.value() {
            Value::Port(port) => (port.0, here),
            Value::ExternalPort(port) => (port.id(), node(port)),
            _ => (0, here),
        };
        match (a.value(), b.value()) {
            (Value::Reference(a), Value::Reference(b)) => reference_key(a).cmp(&reference_key(b)),
            (Value::ExternalReference(a), Value::ExternalReference(b)) => {
                self.nodes(node(a), node(b)).then_with(|| compare_ids(a, b))
            }
            (Value::Reference(_), Value::ExternalReference(b)) => self.nodes(here, node(b)),
            (Value::ExternalReference(a), Value::Reference(_)) => self.nodes(node(a), here),
            _ if a.is_pid() => {
                let ((serial_a, number_a, node_a), (serial_b, number_b, node_b)) = (pid(a), pid(b));
                (serial_a, number_a).cmp(&(serial_b, number_b)).then_with(|| self.nodes(node_a, node_b))
            }
            _ => {
                let ((number_a, node_a), (number_b, node_b)) = (port(a), port(b));
                self.nodes(node_a, node_b).then_with(|| number_a.cmp(&number_b))
            }
        }
    }
}

// --- maps --------------------------------------------------------------------------------------------------------

enum Advance<'x> {
    /// Compare two keys.
    Compare(Pair<'x>),
    /// The smallest key says how the maps are ordered.
    Done(Ordering),
    /// The values of the smallest key say how the maps are ordered.
    Values(Pair<'x>),
}

impl<'x> Search<'x> {
    /// Goes on, `result` being how the next candidate's key compares with the best so far.
    fn advance(&mut self, result: Ordering) -> Advance<'x> {
        if result.is_lt() {
            self.best = self.next;
        }
        self.next += 1;
        if let Some(candidate) = self.candidates.get(self.next) {
            return Advance::Compare(Pair { a: candidate.key, b: self.candidates[self.best].key, exact: true });
        }
        match self.candidates[self.best].difference {
            // The other map has a larger key in this place.
            Difference::OnlyInFirst => Advance::Done(Ordering::Less),
            Difference::OnlyInSecond => Advance::Done(Ordering::Greater),
            Difference::Values(a, b) => Advance::Values(Pair { a, b, exact: self.exact }),
        }
    }
}

impl<'x> Orderer<'x, '_> {
    fn maps(&mut self, a: Term<'x>, b: Term<'x>, exact: bool) -> Ordering {
        let order = a.map_size().cmp(&b.map_size());
        if order.is_ne() {
            return order;
        }
        match (a.boxed_kind(), b.boxed_kind()) {
            (Some(Kind::FlatMap), Some(Kind::FlatMap)) => {
                self.flat_maps(a, b, exact);
                Ordering::Equal
            }
            _ => self.hash_maps(a, b, exact),
        }
    }

    /// Queues keys, then values, in the order of keys.
    fn flat_maps(&mut self, a: Term<'x>, b: Term<'x>, exact: bool) {
        let (keys_a, keys_b) = (a.flat_keys(), b.flat_keys());
        let (order_a, order_b) = (self.sorted_positions(keys_a), self.sorted_positions(keys_b));
        let (values_a, values_b) = (a.flat_values(), b.flat_values());
        let positions = || order_a.iter().zip(&order_b).rev();
        for (&i, &j) in positions() {
            self.runs.push(&values_a[i..=i], &values_b[j..=j], exact);
        }
        for (&i, &j) in positions() {
            self.runs.push(&keys_a[i..=i], &keys_b[j..=j], true);
        }
    }

    /// Positions of a flat map's keys by their order: only atoms stand elsewhere in the map.
    fn sorted_positions(&self, keys: &[Term<'x>]) -> Vec<usize> {
        let mut positions: Vec<usize> = (0..keys.len()).collect();
        let start = keys.iter().take_while(|key| key.as_atom().is_none()).count();
        let count = keys[start..].iter().take_while(|key| key.as_atom().is_some()).count();
        let text = |position: usize| keys[position].as_atom().map(|atom| self.atoms.text(atom));
        positions[start..start + count].sort_by_key(|&position| text(position));
        positions
    }

    /// The order of two hash maps of the same size, or a search that will tell.
    fn hash_maps(&mut self, a: Term<'x>, b: Term<'x>, exact: bool) -> Ordering {
        let same_keys = a.map_iter().zip(b.map_iter()).all(|((key_a, _), (key_b, _))| key_a.is_exactly(key_b));
        let candidates: Vec<Candidate<'x>> = if same_keys {
            let differ = |a: Term<'x>, b: Term<'x>| if exact { !a.is_exactly(b) } else { !a.equals(b) };
            a.map_iter()
                .zip(b.map_iter())
                .filter(|((_, value_a), (_, value_b))| differ(*value_a, *value_b))
                .map(|((key, value_a), (_, value_b))| Candidate {
                    key,
                    difference: Difference::Values(value_a, value_b),
                })
                .collect()
        } else {
            let only = |first: Term<'x>, second: Term<'x>, difference: Difference<'x>| {
                let missing = first.map_iter().filter(move |(key, _)| second.map_get(*key).is_none());
                missing.map(move |(key, _)| Candidate { key, difference })
            };
            only(a, b, Difference::OnlyInFirst).chain(only(b, a, Difference::OnlyInSecond)).collect()
        };
        if !candidates.is_empty() {
            // "Equal" makes the search go on to the second candidate; the first is the best so far.
            self.searches.push(Search { floor: self.runs.0.len(), candidates, best: 0, next: 0, exact });
        }
        Ordering::Equal
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::parse;
    use crate::{Heap, HeapOptions};

    fn setting() -> (Heap, AtomTable) {
        (Heap::new(HeapOptions::default()), AtomTable::new(crate::ATOM_LIMIT_DEFAULT))
    }

    /// Terms as `lists:sort/1` sorted them; `=` says that a term is `==` to the one before.
    const SORTED: &str = include_str!("../tests/data/order.tsv");
    /// The same by `erts_internal:cmp_term/2`; `=` is `=:=`.
    const SORTED_EXACTLY: &str = include_str!("../tests/data/order_exact.tsv");

    /// Large maps of the same size, sorted in the same two ways.
    const MAPS_SORTED: &str = include_str!("../tests/data/order_maps.tsv");
    const MAPS_SORTED_EXACTLY: &str = include_str!("../tests/data/order_maps_exact.tsv");

    fn groups<'h>(text: &'static str, heap: &'h Heap, atoms: &AtomTable) -> Vec<(usize, &'static str, Term<'h>)> {
        let mut group = 0;
        let line = |line: &'static str| {
            let (sign, term) = line.split_once('\t').unwrap();
            group += usize::from(sign == "<");
            (group, term)
        };
        let step = if cfg!(miri) { 60 } else { 1 };
        let terms = text.lines().map(line).step_by(step);
        terms.map(|(group, term)| (group, term, parse(term, heap, atoms))).collect()
    }

    #[test]
    fn orders_as_the_real_system() {
        let (heap, atoms) = setting();
        for sorted in [SORTED, MAPS_SORTED].map(|text| groups(text, &heap, &atoms)) {
            check_order(&sorted, &atoms);
        }
    }

    fn check_order(sorted: &[(usize, &str, Term<'_>)], atoms: &AtomTable) {
        for &(group_a, text_a, a) in sorted {
            for &(group_b, text_b, b) in sorted {
                assert_eq!(a.compare(b, atoms), group_a.cmp(&group_b), "{text_a} and {text_b}");
                assert_eq!(a.equals(b), group_a == group_b, "{text_a} == {text_b}");
            }
        }
    }

    #[test]
    fn orders_exactly_as_the_real_system() {
        let (heap, atoms) = setting();
        for sorted in [SORTED_EXACTLY, MAPS_SORTED_EXACTLY].map(|text| groups(text, &heap, &atoms)) {
            check_exact_order(&sorted, &atoms);
        }
    }

    fn check_exact_order(sorted: &[(usize, &str, Term<'_>)], atoms: &AtomTable) {
        for &(group_a, text_a, a) in sorted {
            for &(group_b, text_b, b) in sorted {
                assert_eq!(a.compare_exact(b, atoms), group_a.cmp(&group_b), "{text_a} and {text_b}");
                assert_eq!(a.is_exactly(b), group_a == group_b, "{text_a} =:= {text_b}");
                let same_hash = crate::internal_hash(a) == crate::internal_hash(b);
                assert_eq!(same_hash, group_a == group_b, "hashes of {text_a} and {text_b}");
            }
        }
    }

    #[test]
    fn integers_and_floats_by_value() {
        let (heap, atoms) = setting();
        let compare = |a: &str, b: &str| parse(a, &heap, &atoms).compare(parse(b, &heap, &atoms), &atoms);
        for (integer, float, expected) in [
            ("9007199254740993", "9007199254740992.0", Ordering::Greater),
            ("9007199254740992", "9007199254740992.0", Ordering::Equal),
            ("9007199254740991", "9007199254740992.0", Ordering::Less),
            ("1152921504606846975", "1152921504606846976.0", Ordering::Less),
            ("1152921504606846976", "1152921504606846976.0", Ordering::Equal),
            ("1152921504606846977", "1152921504606846976.0", Ordering::Greater),
            ("-1152921504606846977", "-1152921504606846976.0", Ordering::Less),
            ("18446744073709551616", "18446744073709551616.0", Ordering::Equal),
            ("18446744073709551617", "18446744073709551616.0", Ordering::Greater),
            ("18446744073709551615", "18446744073709551616.0", Ordering::Less),
            ("9223372036854775807", "9223372036854775808.0", Ordering::Less),
            ("-9223372036854775808", "-9223372036854775808.0", Ordering::Equal),
            ("1", "1.5", Ordering::Less),
            ("-1", "-1.5", Ordering::Greater),
            ("0", "-0.0", Ordering::Equal),
            ("2000000000000000000000", "1.0e300", Ordering::Less),
            ("-2000000000000000000000", "-1.0e300", Ordering::Greater),
            ("2000000000000000000000", "1.5", Ordering::Greater),
        ] {
            assert_eq!(compare(integer, float), expected, "{integer} and {float}");
            assert_eq!(compare(float, integer), expected.reverse(), "{float} and {integer}");
        }
    }

    #[test]
    fn deep_terms_need_no_stack() {
        let (heap, atoms) = setting();
        let depth = if cfg!(miri) { 200 } else { 10_000_000 };
        let deep = |innermost: i64| {
            (0..depth).fold(Term::small(innermost), |inner, level| match level % 4 {
                0 => heap.tuple(&[inner]),
                _ => heap.cons(inner, Term::NIL),
            })
        };
        let (a, b, c) = (deep(1), deep(1), deep(2));
        assert!(a.is_exactly(b) && a.equals(b) && !a.is_exactly(c));
        assert_eq!((a.compare(b, &atoms), a.compare(c, &atoms)), (Ordering::Equal, Ordering::Less));
        assert_eq!(crate::internal_hash(a), crate::internal_hash(b));
        let hash = |term| crate::phash2(term, &atoms, &mut { usize::MAX });
        assert_eq!(hash(a), hash(b));
    }

    #[test]
    fn identifiers_of_other_nodes() {
        let (heap, atoms) = setting();
        let node = |name| atoms.intern(name).unwrap();
        let local = Term::pid(crate::Pid { number: 5, serial: 1 });
        let less = |a: Term<'_>, b: Term<'_>| {
            assert_eq!((a.compare(b, &atoms), b.compare(a, &atoms)), (Ordering::Less, Ordering::Greater));
            assert!(!a.equals(b));
        };
        // Numbers before nodes, serials before numbers; this node is nonode@nohost.
        less(heap.external_pid(node("a@b"), 1, 5, 1), local);
        less(local, heap.external_pid(node("z@b"), 1, 5, 1));
        less(local, heap.external_pid(node("a@b"), 1, 6, 1));
        less(heap.external_pid(node("z@b"), 1, 9, 0), local);
        less(heap.external_pid(node("a@b"), 1, 5, 1), heap.external_pid(node("a@b"), 2, 5, 1));
        less(Term::port(crate::Port(9)), heap.external_port(node("z@b"), 1, 1));
        less(heap.external_port(node("a@b"), 1, 10), Term::port(crate::Port(9)));
        less(heap.reference([1, 0]), heap.reference([0, 1]));
        less(heap.external_reference(node("a@b"), 1, &[9, 9, 9]), heap.reference([1, 0]));
        less(heap.external_reference(node("a@b"), 1, &[9, 9]), heap.external_reference(node("a@b"), 1, &[0, 0, 1]));
        assert!(heap.external_reference(node("a@b"), 1, &[9]).is_exactly(heap.external_reference(
            node("a@b"),
            1,
            &[9, 0, 0]
        )));
    }
}
