//! Moving words: registers, lists, tuples, funs.

use crate::run::Run;
use crate::state::{G, Register, Source, State, Target, handlers};
use oxbeam_term::{Header, Kind, Word};

/// Copies a few words.
///
/// # Safety
/// Both runs are there.
#[inline(always)]
pub(crate) unsafe fn copy_words(from: *const u64, to: *mut u64, count: usize) {
    for index in 0..count {
        // Volatile, so that nobody makes a call or a loop for long runs of it.
        // SAFETY: by the caller's promise.
        unsafe { *to.add(index) = from.add(index).read_volatile() };
    }
}

impl State {
    /// A cons cell of operands 1 and 2 to register operand 3.
    #[inline(always)]
    fn make_cons<A: Source, B: Source, T: Target>(&mut self, run: &Run<'static>) {
        let (head, tail) = (self.get::<A>(run, 1), self.get::<B>(run, 2));
        let cell = self.allocate(2);
        // SAFETY: there is room for two words.
        unsafe {
            *cell = head.0;
            *cell.add(1) = tail.0;
        }
        self.set::<T>(3, Word::from_cons(cell));
    }
    /// A tuple of operands 1 and 2 to register operand 3.
    #[inline(always)]
    fn make_pair<A: Source, B: Source, T: Target>(&mut self, run: &Run<'static>) {
        let (first, second) = (self.get::<A>(run, 1), self.get::<B>(run, 2));
        let object = self.allocate(3);
        // SAFETY: there is room for header and elements.
        unsafe {
            *object = Header::new(Kind::Tuple, 2).0;
            *object.add(1) = first.0;
            *object.add(2) = second.0;
        }
        self.set::<T>(3, Word::from_boxed(object));
    }
}

handlers! {
    fn move_[S: Source, T: Target](state, run) {
        state.set::<T>(2, state.get::<S>(run, 1));
        state.next(run, 3)
    }
    fn move_two[S: Source, T: Target, S2: Source, T2: Target](state, run) {
        state.set::<T>(2, state.get::<S>(run, 1));
        state.set::<T2>(4, state.get::<S2>(run, 3));
        state.next(run, 5)
    }
    fn move_three[S: Source, T: Target, S2: Source, T2: Target, S3: Source, T3: Target](state, run) {
        state.set::<T>(2, state.get::<S>(run, 1));
        state.set::<T2>(4, state.get::<S2>(run, 3));
        state.set::<T3>(6, state.get::<S3>(run, 5));
        state.next(run, 7)
    }
    fn swap[A: Register, B: Register](state, run) {
        let (a, b) = (state.get::<A>(run, 1), state.get::<B>(run, 2));
        state.set::<A>(1, b);
        state.set::<B>(2, a);
        state.next(run, 3)
    }
    fn is_list_get[S: Source, H: Target, T: Target](state, run) {
        let list = state.get::<S>(run, 1);
        if !list.is_cons() {
            return state.go(run, state.label(4));
        }
        // SAFETY: a cons cell has head and tail.
        let (head, tail) = unsafe { (*list.pointer(), *list.pointer().add(1)) };
        state.set::<H>(2, Word(head));
        state.set::<T>(3, Word(tail));
        state.next(run, 5)
    }
    fn get_two_elements[S: Source, T: Target, T2: Target](state, run) {
        let tuple = state.get::<S>(run, 1).pointer();
        // SAFETY: the compiler tested for a tuple of sufficient size before.
        let (first, second) = unsafe { (*tuple.byte_add(state.bytes(4)), *tuple.byte_add(state.bytes(5))) };
        state.set::<T>(2, Word(first));
        state.set::<T2>(3, Word(second));
        state.next(run, 6)
    }
    fn get_list[S: Source, H: Target, T: Target](state, run) {
        let cell = state.get::<S>(run, 1).pointer();
        // SAFETY: the compiler tested for a cons cell before.
        let (head, tail) = unsafe { (*cell, *cell.add(1)) };
        state.set::<H>(2, Word(head));
        state.set::<T>(3, Word(tail));
        state.next(run, 4)
    }
    fn get_hd[S: Source, T: Target](state, run) {
        // SAFETY: as above.
        state.set::<T>(2, Word(unsafe { *state.get::<S>(run, 1).pointer() }));
        state.next(run, 3)
    }
    fn get_tl[S: Source, T: Target](state, run) {
        // SAFETY: as above.
        state.set::<T>(2, Word(unsafe { *state.get::<S>(run, 1).pointer().add(1) }));
        state.next(run, 3)
    }
    fn get_tuple_element[S: Source, T: Target](state, run) {
        let tuple = state.get::<S>(run, 1).pointer();
        // SAFETY: the compiler tested for a tuple of sufficient size before.
        state.set::<T>(2, Word(unsafe { *tuple.byte_add(state.bytes(3)) }));
        state.next(run, 4)
    }
    fn set_tuple_element[](state, run) {
        let (value, tuple) = (state.get::<G>(run, 1), state.get::<G>(run, 2));
        // SAFETY: the compiler emits this only for a tuple that was just copied and not collected since.
        unsafe { *tuple.pointer().byte_add(state.bytes(3)) = value.0 };
        state.next(run, 4)
    }
    fn put_list[A: Source, B: Source, T: Target](state, run) {
        state.make_cons::<A, B, T>(run);
        state.next(run, 4)
    }
    fn heap_put_list[A: Source, B: Source, T: Target](state, run) {
        if !state.has_room(run, 4) {
            return state.tail(run, heap_put_list_slowly::<A, B, T>);
        }
        state.make_cons::<A, B, T>(run);
        state.next(run, 6)
    }
    #[cold]
    fn heap_put_list_slowly[A: Source, B: Source, T: Target](state, run) {
        state.make_room(run, 4);
        state.make_cons::<A, B, T>(run);
        state.next(run, 6)
    }
    fn heap_put_pair[A: Source, B: Source, T: Target](state, run) {
        if !state.has_room(run, 4) {
            return state.tail(run, heap_put_pair_slowly::<A, B, T>);
        }
        state.make_pair::<A, B, T>(run);
        state.next(run, 6)
    }
    #[cold]
    fn heap_put_pair_slowly[A: Source, B: Source, T: Target](state, run) {
        state.make_room(run, 4);
        state.make_pair::<A, B, T>(run);
        state.next(run, 6)
    }
    fn put_pair[A: Source, B: Source, T: Target](state, run) {
        state.make_pair::<A, B, T>(run);
        state.next(run, 4)
    }
    fn put_tuple2[T: Target](state, run) {
        let (header, count) = (state.number(2), state.number(3) as usize);
        let object = state.allocate(count + 1);
        // SAFETY: there is room for header and elements.
        unsafe {
            *object = u64::from(header);
            for index in 0..count {
                *object.add(1 + index) = state.get::<G>(run, 4 + index).0;
            }
        }
        state.set::<T>(1, Word::from_boxed(object));
        state.next(run, 4 + count)
    }
    fn update_record[](state, run) {
        let (size, updates) = (state.number(1) as usize, state.number(4) as usize);
        let source = state.get::<G>(run, 2);
        let object = state.allocate(size + 1);
        // SAFETY: the compiler tested for a tuple of this size; there is room for a copy.
        unsafe {
            copy_words(source.pointer(), object, size + 1);
            for index in 0..updates {
                *object.byte_add(state.bytes(5 + index * 2)) = state.get::<G>(run, 6 + index * 2).0;
            }
        }
        state.set_general(3, Word::from_boxed(object));
        state.next(run, 5 + updates * 2)
    }
    fn make_fun3[T: Target](state, run) {
        let (entry, count) = (state.wide(2), state.number(4) as usize);
        let object = state.allocate(2 + count);
        // SAFETY: there is room for header, entry and environment.
        unsafe {
            *object = Header::new(Kind::Fun, 1 + count).0;
            *object.add(1) = entry;
            for index in 0..count {
                *object.add(2 + index) = state.get::<G>(run, 5 + index).0;
            }
        }
        state.set::<T>(1, Word::from_boxed(object));
        state.next(run, 5 + count)
    }
}
