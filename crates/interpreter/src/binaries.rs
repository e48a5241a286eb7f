//! Handlers of the instructions that match and build binaries; `binary_match.rs` and `binary_build.rs` do the work.

use crate::state::{G, Source, Target, handlers};
use oxbeam_term::Word;

macro_rules! helped {
    ($($name:ident: |$run:ident, $ip:ident| $helper:expr;)*) => {
        handlers! {$(
            fn $name[](state, run) {
                let $ip = state.ip;
                state.help(run, |$run| $helper)
            }
        )*}
    };
}

helped! {
    bs_match: |run, ip| run.bs_match(ip);
    bs_get_integer: |run, ip| run.bs_get_integer(ip);
    bs_get_float: |run, ip| run.bs_get_float(ip);
    bs_get_binary: |run, ip| run.bs_get_binary(ip);
    bs_skip_bits: |run, ip| run.bs_skip_bits(ip);
    bs_match_string: |run, ip| run.bs_match_string(ip);
    bs_get_utf8: |run, ip| run.bs_get_utf8(ip, true);
    bs_skip_utf8: |run, ip| run.bs_get_utf8(ip, false);
    bs_get_utf16: |run, ip| run.bs_get_utf16(ip, true);
    bs_skip_utf16: |run, ip| run.bs_get_utf16(ip, false);
    bs_get_utf32: |run, ip| run.bs_get_utf32(ip, true);
    bs_skip_utf32: |run, ip| run.bs_get_utf32(ip, false);
    bs_get_tail: |run, ip| run.bs_get_tail(ip);
    bs_create_bin: |run, ip| run.bs_create_bin(ip);
    bs_init_writable: |run, ip| run.bs_init_writable(ip);
    old_construction: |run, ip| run.old_construction(ip);
}

handlers! {
    fn bs_start_match[S: Source, T: Target](state, run) {
        let source = state.get::<S>(run, 1);
        state.sync(run);
        let context = run.bs_start_match(source);
        if context == Word::NONE {
            return state.go(run, state.label(3));
        }
        state.reload(run);
        state.set::<T>(2, context);
        state.next(run, 4)
    }
    fn bs_test_tail[](state, run) {
        let left = run.bits_left(state.get::<G>(run, 2));
        state.branch(run, left == state.number(3) as usize, 4, 1)
    }
    fn bs_test_unit[](state, run) {
        let left = run.bits_left(state.get::<G>(run, 2));
        state.branch(run, left % state.number(3) as usize == 0, 4, 1)
    }
    fn bs_get_position[](state, run) {
        let position = run.match_position(state.get::<G>(run, 1));
        state.set_general(2, Word::small(position as i64));
        state.next(run, 3)
    }
    fn bs_set_position[](state, run) {
        run.set_match_position(state.get::<G>(run, 1), state.get::<G>(run, 2).small_value() as usize);
        state.next(run, 3)
    }
}
