//! Guard BIFs: those with an instruction of their own, and the others.

use crate::run::{Flow, Run};
use crate::state::{Source, Target, handlers};
use crate::tests::bit_size;
use oxbeam_runtime::{BifEntry, BifFunction, Exception, Interrupt, Trap};
use oxbeam_term::{Atom, Header, Kind, Term, Word, atoms};

/// Word of operand `n` that is an argument's first in the general instructions.
const FIRST_ARGUMENT: usize = 5;

handlers! {
    fn guard_bif0[](state, run) {
        let (ip, entry) = (state.ip, state.cell(1));
        state.help(run, |run| run.guard_bif(ip, entry, &[], 3))
    }
    fn guard_bif1[](state, run) {
        let (ip, entry) = (state.ip, state.cell(1));
        state.help(run, |run| run.guard_bif_of::<1>(ip, entry))
    }
    fn guard_bif2[](state, run) {
        let (ip, entry) = (state.ip, state.cell(1));
        state.help(run, |run| run.guard_bif_of::<2>(ip, entry))
    }
    fn guard_bif3[](state, run) {
        let (ip, entry) = (state.ip, state.cell(1));
        state.help(run, |run| run.guard_bif_of::<3>(ip, entry))
    }

    fn element[A: Source, B: Source, T: Target](state, run) {
        let (index, tuple) = (state.get::<A>(run, 1), state.get::<B>(run, 2));
        if index.is_small() && let Some(elements) = tuple_elements(tuple) {
            let index = index.small_value().wrapping_sub(1) as usize;
            if let Some(element) = elements.get(index) {
                state.set::<T>(3, *element);
                return state.next(run, 5);
            }
        }
        state.tail(run, element_failed::<A, B>)
    }
    #[cold]
    fn element_failed[A: Source, B: Source](state, run) {
        let (ip, index, tuple) = (state.ip, state.get::<A>(run, 1), state.get::<B>(run, 2));
        state.help(run, |run| run.guard_failed(ip, 4, atoms::ELEMENT, index, Some(tuple), Failure::Argument))
    }
    fn hd[S: Source, T: Target](state, run) {
        let list = state.get::<S>(run, 1);
        if list.is_cons() {
            // SAFETY: a cons cell has a head.
            state.set::<T>(2, Word(unsafe { *list.pointer() }));
            return state.next(run, 4);
        }
        state.tail(run, hd_failed::<S>)
    }
    #[cold]
    fn hd_failed[S: Source](state, run) {
        let (ip, list) = (state.ip, state.get::<S>(run, 1));
        state.help(run, |run| run.guard_failed(ip, 3, atoms::HD, list, None, Failure::Argument))
    }
    fn tl[S: Source, T: Target](state, run) {
        let list = state.get::<S>(run, 1);
        if list.is_cons() {
            // SAFETY: a cons cell has a tail.
            state.set::<T>(2, Word(unsafe { *list.pointer().add(1) }));
            return state.next(run, 4);
        }
        state.tail(run, tl_failed::<S>)
    }
    #[cold]
    fn tl_failed[S: Source](state, run) {
        let (ip, list) = (state.ip, state.get::<S>(run, 1));
        state.help(run, |run| run.guard_failed(ip, 3, atoms::TL, list, None, Failure::Argument))
    }
    fn tuple_size[S: Source, T: Target](state, run) {
        let tuple = state.get::<S>(run, 1);
        if let Some(elements) = tuple_elements(tuple) {
            state.set::<T>(2, Word::small(elements.len() as i64));
            return state.next(run, 4);
        }
        state.tail(run, tuple_size_failed::<S>)
    }
    #[cold]
    fn tuple_size_failed[S: Source](state, run) {
        let (ip, tuple) = (state.ip, state.get::<S>(run, 1));
        state.help(run, |run| run.guard_failed(ip, 3, atoms::TUPLE_SIZE, tuple, None, Failure::Argument))
    }
    fn map_get[A: Source, B: Source, T: Target](state, run) {
        let (key, map) = (state.get::<A>(run, 1), state.get::<B>(run, 2));
        if let Some(value) = run.term(map).map_get(run.term(key)) {
            state.set::<T>(3, value.word());
            return state.next(run, 5);
        }
        state.tail(run, map_get_failed::<A, B>)
    }
    #[cold]
    fn map_get_failed[A: Source, B: Source](state, run) {
        let (ip, key, map) = (state.ip, state.get::<A>(run, 1), state.get::<B>(run, 2));
        state.help(run, |run| {
            let failure = if run.term(map).is_map() { Failure::Key } else { Failure::Map };
            run.guard_failed(ip, 4, atoms::MAP_GET, key, Some(map), failure)
        })
    }
    fn map_size[S: Source, T: Target](state, run) {
        let word = state.get::<S>(run, 1);
        let map = run.term(word);
        if map.is_map() {
            state.set::<T>(2, Word::small(map.map_size() as i64));
            return state.next(run, 4);
        }
        state.tail(run, map_size_failed::<S>)
    }
    #[cold]
    fn map_size_failed[S: Source](state, run) {
        let (ip, word) = (state.ip, state.get::<S>(run, 1));
        state.help(run, |run| run.guard_failed(ip, 3, atoms::MAP_SIZE, word, None, Failure::Map))
    }
    fn length[S: Source, T: Target](state, run) {
        let list = state.get::<S>(run, 1);
        let (mut rest, mut count) = (list, 0);
        while rest.is_cons() {
            // SAFETY: a cons cell has a tail.
            rest = Word(unsafe { *rest.pointer().add(1) });
            count += 1;
        }
        if rest == Word::NIL {
            state.reductions -= (count / 16) as i32;
            state.set::<T>(2, Word::small(count));
            return state.next(run, 4);
        }
        state.tail(run, length_failed::<S>)
    }
    #[cold]
    fn length_failed[S: Source](state, run) {
        let (ip, list) = (state.ip, state.get::<S>(run, 1));
        state.help(run, |run| run.guard_failed(ip, 3, atoms::LENGTH, list, None, Failure::Argument))
    }
    fn byte_size[S: Source, T: Target](state, run) {
        let word = state.get::<S>(run, 1);
        if let Some(bits) = bit_size(word) {
            state.set::<T>(2, Word::small(bits.div_ceil(8) as i64));
            return state.next(run, 4);
        }
        state.tail(run, byte_size_failed::<S>)
    }
    #[cold]
    fn byte_size_failed[S: Source](state, run) {
        let (ip, word) = (state.ip, state.get::<S>(run, 1));
        state.help(run, |run| run.guard_failed(ip, 3, atoms::BYTE_SIZE, word, None, Failure::Argument))
    }
    fn self_pid[T: Target](state, run) {
        state.set::<T>(1, Term::pid(run.process.pid()).word());
        state.next(run, 2)
    }
    fn node[T: Target](state, run) {
        state.set::<T>(1, Word::atom(run.vm.node().0));
        state.next(run, 2)
    }
}

macro_rules! comparisons {
    ($($name:ident: $condition:ident $holds:expr;)*) => {
        handlers! {$(
            fn $name[A: Source, B: Source, T: Target](state, run) {
                let (a, b) = (state.get::<A>(run, 1), state.get::<B>(run, 2));
                let value = $holds(run.$condition(a, b));
                state.set::<T>(3, Term::boolean(value).word());
                state.next(run, 4)
            }
        )*}
    };
}

comparisons! {
    compare_eq: equals |same: bool| same;
    compare_ne: equals |same: bool| !same;
    compare_eq_exact: is_exactly |same: bool| same;
    compare_ne_exact: is_exactly |same: bool| !same;
    compare_lt: compare |order: std::cmp::Ordering| order.is_lt();
    compare_ge: compare |order: std::cmp::Ordering| order.is_ge();
    compare_le: compare |order: std::cmp::Ordering| order.is_le();
    compare_gt: compare |order: std::cmp::Ordering| order.is_gt();
}

/// The elements of a tuple; `None` for other terms.
#[inline(always)]
pub(crate) fn tuple_elements(word: Word) -> Option<&'static [Word]> {
    if !word.is_boxed() {
        return None;
    }
    // SAFETY: a boxed object begins with its header, and a tuple's elements follow. Callers use them at once.
    unsafe {
        let header = Header(*word.pointer());
        header.is(Kind::Tuple).then(|| std::slice::from_raw_parts(word.pointer().add(1).cast(), header.arity()))
    }
}

/// Why a guard BIF failed.
#[derive(Clone, Copy)]
pub(crate) enum Failure {
    /// `badarg`.
    Argument,
    /// `{badkey, Key}`: the first argument.
    Key,
    /// `{badmap, Term}`: the last argument.
    Map,
}

impl<'a> Run<'a> {
    #[inline(never)]
    fn guard_bif_of<const N: usize>(&mut self, ip: *const u32, entry: &BifEntry) -> Flow {
        let live = self.number(ip, 4);
        if live != crate::instruction::SIZE_ALL {
            self.relieve(live as usize);
        }
        let arguments: [Word; N] = std::array::from_fn(|index| self.source(ip, FIRST_ARGUMENT + index));
        self.guard_bif(ip, entry, &arguments, FIRST_ARGUMENT + N)
    }
    /// Guard BIF with these arguments: the value goes to operand `destination`; failure jumps or raises.
    #[inline(never)]
    fn guard_bif(&mut self, ip: *const u32, entry: &BifEntry, arguments: &[Word], destination: usize) -> Flow {
        let after = ip.wrapping_add(destination + 1);
        match self.invoke(entry.code, arguments, after as u64) {
            Ok(value) => {
                self.write(ip, destination, value);
                Flow::go(after)
            }
            Err(_) if !arguments.is_empty() && !self.no_label(ip, 3) => Flow::go(self.label(ip, 3)),
            Err(interrupt) => match *interrupt {
                Interrupt::Raise(exception) => {
                    let name = (self.known_atom(entry.module), self.known_atom(entry.function));
                    self.raise_from_bif(after, exception, name, arguments)
                }
                Interrupt::Trap(Trap::Again { function, arguments }) => {
                    self.finish_guard(ip, function, arguments, destination, entry)
                }
                Interrupt::Trap(_) => {
                    let exception = Exception::error(Term::atom(atoms::BADARG));
                    let name = (self.known_atom(entry.module), self.known_atom(entry.function));
                    self.raise_from_bif(after, exception, name, arguments)
                }
            },
        }
    }
    /// A guard cannot be left in the middle: what traps there is finished at once.
    fn finish_guard(
        &mut self,
        ip: *const u32,
        mut function: BifFunction,
        mut arguments: Vec<Term<'a>>,
        destination: usize,
        entry: &BifEntry,
    ) -> Flow {
        let after = ip.wrapping_add(destination + 1);
        loop {
            let words: Vec<Word> = arguments.iter().map(|term| term.word()).collect();
            match self.invoke(function, &words, after as u64).map_err(|interrupt| *interrupt) {
                Ok(value) => {
                    self.write(ip, destination, value);
                    return Flow::go(after);
                }
                Err(Interrupt::Trap(Trap::Again { function: next, arguments: more })) => {
                    (function, arguments) = (next, more);
                }
                Err(_) if !self.no_label(ip, 3) => return Flow::go(self.label(ip, 3)),
                Err(_) => {
                    let name = (self.known_atom(entry.module), self.known_atom(entry.function));
                    return self.raise_from_bif(after, Exception::error(Term::atom(atoms::BADARG)), name, &words);
                }
            }
        }
    }
    /// A guard BIF with its own instruction failed: jump to label operand `fail`, the last one, or raise as the BIF does.
    #[cold]
    #[inline(never)]
    fn guard_failed(
        &mut self,
        ip: *const u32,
        fail: usize,
        name: Atom,
        first: Word,
        second: Option<Word>,
        failure: Failure,
    ) -> Flow {
        // Before anything is built: the room that there is on the heap may have been asked for already.
        if !self.no_label(ip, fail) {
            return Flow::go(self.label(ip, fail));
        }
        let tagged = |tag, word| self.heap().tuple(&[Term::atom(tag), self.term(word)]);
        let reason = match failure {
            Failure::Argument => Term::atom(atoms::BADARG),
            Failure::Key => tagged(atoms::BADKEY, first),
            Failure::Map => tagged(atoms::BADMAP, second.unwrap_or(first)),
        };
        let after = ip.wrapping_add(fail + 1);
        let arguments: Vec<Word> = [first].into_iter().chain(second).collect();
        self.raise_from_bif(after, Exception::error(reason), (atoms::ERLANG, name), &arguments)
    }
}
