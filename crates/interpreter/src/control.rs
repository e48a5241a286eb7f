//! Frames, jumps, and the instructions around a function.

use crate::run::{Flow, Run};
use crate::state::{Source, State, X, Y, handlers};
use oxbeam_runtime::{Outcome, Vm};
use oxbeam_term::{Word, atoms};

impl State {
    /// Is there room for operand `n` bytes between heap and stack?
    #[inline(always)]
    pub(crate) fn has_room(&self, run: &Run<'static>, n: usize) -> bool {
        let room = (self.y as usize).wrapping_sub(self.heap as usize) as isize;
        room >= self.number(n) as isize && !(cfg!(gc_stress) && run.heap().wants_collection())
    }
    /// Makes a frame of operand `n` bytes.
    #[inline(always)]
    fn make_frame(&mut self, n: usize) {
        let bytes = self.bytes(n);
        self.y = self.y.wrapping_byte_sub(bytes);
        if cfg!(debug_assertions) {
            for index in 0..bytes / 8 {
                // SAFETY: there is room for the frame.
                unsafe { *self.y.add(index) = Word::NIL.0 };
            }
        }
    }
    /// Drops the frame of operand `n` bytes and returns.
    #[inline(always)]
    fn leave(mut self, run: &mut Run<'static>, n: usize) -> bool {
        self.drop_frame(n);
        let to = self.pop_return();
        self.go(run, to)
    }
}

/// How many registers an instruction saves.
pub(crate) trait Count {
    /// The number.
    const COUNT: usize;
}
/// One register.
pub(crate) struct One;
/// Two registers.
pub(crate) struct Two;
/// Three registers.
pub(crate) struct Three;
impl Count for One {
    const COUNT: usize = 1;
}
impl Count for Two {
    const COUNT: usize = 2;
}
impl Count for Three {
    const COUNT: usize = 3;
}

impl State {
    /// Makes room with a collection: operand `n` says how much, the next how many registers are live.
    #[inline(always)]
    pub(crate) fn make_room(&mut self, run: &mut Run<'static>, n: usize) {
        self.sync(run);
        run.make_room(self.bytes(n), self.number(n + 1) as usize);
        self.reload(run);
    }
    /// The rest of `allocate_save`.
    #[inline(always)]
    fn save_registers(mut self, run: &mut Run<'static>, count: usize) -> bool {
        self.make_frame(3);
        for index in 0..count {
            self.set::<Y>(5 + index * 2, self.get::<X>(run, 4 + index * 2));
        }
        self.next(run, 4 + count * 2)
    }
    /// Makes the Y registers in the list at operand `n` nil, and goes on behind it.
    #[inline(always)]
    fn clear_registers(self, run: &mut Run<'static>, n: usize) -> bool {
        let count = self.number(n) as usize;
        for index in 0..count {
            self.set::<Y>(n + 1 + index, Word::NIL);
        }
        self.next(run, n + 1 + count)
    }
}

handlers! {
    fn normal_exit[](state, run) {
        state.help(run, Run::exit_normally)
    }
    fn func_info[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.raise_function_clause(ip))
    }
    #[cold]
    fn undecoded[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.decode_function(ip))
    }
    #[cold]
    fn breakpoint[](state, run) {
        state.sync(run);
        let number = run.breakpoint(state.ip);
        state.reload(run);
        // SAFETY: it is the number of the instruction that the breakpoint replaces.
        unsafe { state.go_as(run, state.ip, number) }
    }
    fn export_breakpoint[](state, run) {
        let ip = state.ip;
        state.help(run, |run| run.export_breakpoint(ip))
    }
    fn traced_bif_return[](state, run) {
        state.help(run, Run::traced_bif_return)
    }
    fn return_trace[](state, run) {
        state.help(run, Run::return_trace)
    }

    fn allocate[](state, run) {
        if !state.has_room(run, 1) {
            return state.tail(run, allocate_slowly);
        }
        state.make_frame(3);
        state.next(run, 4)
    }
    #[cold]
    fn allocate_slowly[](state, run) {
        state.make_room(run, 1);
        state.make_frame(3);
        state.next(run, 4)
    }
    fn allocate_save[C: Count](state, run) {
        if !state.has_room(run, 1) {
            return state.tail(run, allocate_save_slowly::<C>);
        }
        state.save_registers(run, C::COUNT)
    }
    #[cold]
    fn allocate_save_slowly[C: Count](state, run) {
        state.make_room(run, 1);
        state.save_registers(run, C::COUNT)
    }
    fn allocate_init[](state, run) {
        if !state.has_room(run, 1) {
            return state.tail(run, allocate_init_slowly);
        }
        state.make_frame(3);
        state.clear_registers(run, 4)
    }
    #[cold]
    fn allocate_init_slowly[](state, run) {
        state.make_room(run, 1);
        state.make_frame(3);
        state.clear_registers(run, 4)
    }
    fn test_heap[](state, run) {
        if !state.has_room(run, 1) {
            return state.tail(run, test_heap_slowly);
        }
        state.next(run, 3)
    }
    #[cold]
    fn test_heap_slowly[](state, run) {
        state.make_room(run, 1);
        state.next(run, 3)
    }
    fn deallocate[](state, run) {
        state.drop_frame(1);
        state.next(run, 2)
    }
    fn return_[](state, run) {
        let to = state.pop_return();
        state.go(run, to)
    }
    fn deallocate_return[](state, run) {
        state.leave(run, 1)
    }
    fn move_return[S: Source](state, run) {
        state.set_x(0, state.get::<S>(run, 1));
        let to = state.pop_return();
        state.go(run, to)
    }
    fn move_deallocate_return[S: Source](state, run) {
        state.set_x(0, state.get::<S>(run, 1));
        state.leave(run, 2)
    }
    fn init_yregs[](state, run) {
        state.clear_registers(run, 1)
    }
    fn jump[](state, run) {
        state.go(run, state.label(1))
    }
}

impl Run<'_> {
    fn exit_normally(&mut self) -> Flow {
        self.stop(Outcome::Exit(Vm::own_atom(atoms::NORMAL)))
    }
    /// Collects to make room for this many bytes between heap and stack.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, bytes: usize, live: usize) {
        self.collect(bytes / 8, live);
    }
}
