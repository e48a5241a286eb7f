//! Maps.

use crate::run::{Flow, Run};
use crate::state::{G, Source, handlers};
use oxbeam_term::{Header, Kind, Term, Word, atoms};
use smallvec::SmallVec;

handlers! {
    fn put_map_assoc[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.put_map_assoc(ip))
    }
    fn put_map_exact[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.put_map_exact(ip))
    }
    fn has_map_fields[S: Source](state, run) {
        let map = run.term(state.get::<S>(run, 1));
        let count = state.number(3) as usize;
        let mut index = 0;
        while index < count && map.is_map_key(run.term(state.get::<G>(run, 4 + index))) {
            index += 1;
        }
        state.branch(run, index == count, 4 + count, 2)
    }
    fn get_map_immediates[S: Source](state, run) {
        let map = state.get::<S>(run, 1);
        // SAFETY: a boxed object begins with its header.
        if !map.is_boxed() || !Header(unsafe { *map.pointer() }).is(Kind::FlatMap) {
            return state.tail(run, get_map_elements::<S>);
        }
        let count = state.number(3) as usize;
        // SAFETY: the tuple of the keys follows, then as many values.
        let (keys, values) = unsafe {
            let object = map.pointer();
            let keys = std::slice::from_raw_parts(Word(*object.add(1)).pointer().add(1), Header(*object).arity() - 1);
            (keys, object.add(2))
        };
        let mut index = 0;
        while index < count {
            let key = state.get::<G>(run, 4 + index).0;
            let mut place = 0;
            loop {
                if place == keys.len() {
                    return state.go(run, state.label(2));
                }
                if keys[place] == key {
                    break;
                }
                place += 1;
            }
            // SAFETY: there are as many values as keys.
            state.set_general(5 + index, Word(unsafe { *values.add(place) }));
            index += 2;
        }
        state.next(run, 4 + count)
    }
    fn get_map_elements[S: Source](state, run) {
        let map = run.term(state.get::<S>(run, 1));
        let count = state.number(3) as usize;
        let mut index = 0;
        while index < count {
            let Some(value) = map.map_get(run.term(state.get::<G>(run, 4 + index))) else { break };
            state.set_general(5 + index, value.word());
            index += 2;
        }
        state.branch(run, index >= count, 4 + count, 2)
    }
}

impl<'a> Run<'a> {
    fn map_pairs(&self, ip: *const u32) -> (SmallVec<[(Term<'a>, Term<'a>); 8]>, usize) {
        let count = self.number(ip, 5) as usize;
        let term = |index: usize| self.term(self.source(ip, 6 + index));
        ((0..count / 2).map(|pair| (term(pair * 2), term(pair * 2 + 1))).collect(), 6 + count)
    }
    /// Sets keys that a small map has to new values; `None` when it is not as simple as that.
    #[inline(always)]
    fn update_small(&mut self, ip: *const u32, map: Term<'a>) -> Option<usize> {
        let count = self.number(ip, 5) as usize;
        let term = |index: usize| self.term(self.source(ip, 6 + index));
        if (0..count).step_by(2).any(|index| term(index).word().is_pointer()) {
            return None;
        }
        let pairs = (0..count).step_by(2).map(|index| (term(index), term(index + 1)));
        let updated = self.heap().map_update_small(map, pairs)?.word();
        self.write(ip, 3, updated);
        Some(6 + count)
    }
    /// The map to change; or where to go on, since it is none or was simple to change.
    #[inline(always)]
    fn map_to_change(&mut self, ip: *const u32) -> Result<Term<'a>, Flow> {
        self.ensure(0, self.number(ip, 4) as usize);
        let map = self.term(self.source(ip, 2));
        if !map.is_map() {
            return Err(self.bad_map(ip, map));
        }
        match self.update_small(ip, map) {
            Some(words) => Err(Flow::go(ip.wrapping_add(words))),
            None => Ok(map),
        }
    }
    #[inline(never)]
    fn put_map_assoc(&mut self, ip: *const u32) -> Flow {
        let map = match self.map_to_change(ip) {
            Ok(map) => map,
            Err(flow) => return flow,
        };
        let (pairs, words) = self.map_pairs(ip);
        let updated = self.heap().map_put_all(map, &pairs, &self.vm.atoms).word();
        self.write(ip, 3, updated);
        Flow::go(ip.wrapping_add(words))
    }
    #[inline(never)]
    fn put_map_exact(&mut self, ip: *const u32) -> Flow {
        let map = match self.map_to_change(ip) {
            Ok(map) => map,
            Err(flow) => return flow,
        };
        let (pairs, words) = self.map_pairs(ip);
        match self.heap().map_update_all(map, &pairs, &self.vm.atoms) {
            Ok(updated) => {
                self.write(ip, 3, updated.word());
                Flow::go(ip.wrapping_add(words))
            }
            Err(_) if !self.no_label(ip, 1) => Flow::go(self.label(ip, 1)),
            Err(key) => {
                let reason = self.heap().tuple(&[Term::atom(atoms::BADKEY), key]);
                self.raise_code(ip, reason)
            }
        }
    }
    fn bad_map(&mut self, ip: *const u32, map: Term<'a>) -> Flow {
        if !self.no_label(ip, 1) {
            return Flow::go(self.label(ip, 1));
        }
        let reason = self.heap().tuple(&[Term::atom(atoms::BADMAP), map]);
        self.raise_code(ip, reason)
    }
}
