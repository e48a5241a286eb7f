//! `select_val` and `select_tuple_arity`. Operands: source, fail, then the choices.

use crate::guards::tuple_elements;
use crate::state::{Source, State, handlers};
use oxbeam_term::{Header, Kind, Word};
use std::cmp::Ordering;

/// Up to so many choices are tried one after the other.
const LINEAR_MAX: usize = 8;

handlers! {
    fn select_immediate[S: Source](state, run) {
        let value = state.get::<S>(run, 1).0;
        let count = state.number(3) as usize;
        // A word that is not the sign extension of its low half is none of the choices.
        if value as i32 as i64 as u64 != value {
            return state.go(run, state.label(2));
        }
        let place = state.find(4, count, value as u32);
        let to = if place < count { state.label(4 + count + place) } else { state.label(2) };
        state.go(run, to)
    }
    fn select_wide[S: Source](state, run) {
        let value = state.get::<S>(run, 1).0;
        let (mut low, mut high) = (0, state.number(3) as usize);
        while low < high {
            let middle = (low + high) / 2;
            match state.wide(4 + middle * 3).cmp(&value) {
                Ordering::Equal => return state.go(run, state.label(6 + middle * 3)),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        state.go(run, state.label(2))
    }
    fn select_table[S: Source](state, run) {
        let value = state.get::<S>(run, 1);
        let low = i64::from(state.number(3) as i32);
        let index = value.small_value().wrapping_sub(low) as u64;
        let to = if value.is_small() && index < u64::from(state.number(4)) { 5 + index as usize } else { 2 };
        state.go(run, state.label(to))
    }
    fn select_generic[S: Source](state, run) {
        let value = state.get::<S>(run, 1);
        let count = state.number(3) as usize;
        let mut index = 0;
        while index < count && !run.is_exactly(value, state.get::<crate::state::G>(run, 4 + index * 2)) {
            index += 1;
        }
        let to = if index < count { state.label(5 + index * 2) } else { state.label(2) };
        state.go(run, to)
    }
    fn select_tuple_arity[S: Source](state, run) {
        let count = state.number(3) as usize;
        let place = match tuple_elements(state.get::<S>(run, 1)) {
            Some(elements) => state.find(4, count, header_of(elements)),
            None => count,
        };
        let to = if place < count { state.label(4 + count + place) } else { state.label(2) };
        state.go(run, to)
    }
}

/// The header of a tuple with these elements, as `select_tuple_arity` compares it.
#[inline(always)]
fn header_of(elements: &[Word]) -> u32 {
    Header::new(Kind::Tuple, elements.len()).0 as u32
}

impl State {
    /// Place of `value` among `count` numbers in ascending order from operand `first` on; `count` when it is not there.
    #[inline(always)]
    fn find(&self, first: usize, count: usize, value: u32) -> usize {
        if count <= LINEAR_MAX {
            let mut place = 0;
            while place < count && self.number(first + place) != value {
                place += 1;
            }
            return place;
        }
        let (mut low, mut size) = (0, count);
        while size > 1 {
            let half = size / 2;
            low = if self.number(first + low + half) <= value { low + half } else { low };
            size -= half;
        }
        if self.number(first + low) == value { low } else { count }
    }
}
