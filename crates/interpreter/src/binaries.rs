//! Handlers of the instructions that match and build binaries; `binary_match.rs` and `binary_build.rs` do the work.

use crate::instruction::match_command;
use crate::state::{G, Source, Target, handlers};
use oxbeam_term::word::TAG_MASK;
use oxbeam_term::{Header, Kind, MatchContext, Word, bits};

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
    bs_get_integer: |run, ip| run.bs_get_integer(ip);
    bs_get_float: |run, ip| run.bs_get_float(ip);
    bs_get_binary: |run, ip| run.bs_get_binary(ip);
    bs_skip_bits: |run, ip| run.bs_skip_bits(ip);
    bs_match_string: |run, ip| run.bs_match_string(ip);
    bs_get_utf8_other: |run, ip| run.bs_get_utf8(ip, true);
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
        // SAFETY: a boxed object begins with its header.
        if source.is_boxed() && Header(unsafe { *source.pointer() }).is(Kind::MatchContext) {
            state.set::<T>(2, source);
            return state.next(run, 4);
        }
        state.tail(run, bs_start_match_on::<S, T>)
    }
    fn bs_start_match_on[S: Source, T: Target](state, run) {
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
    fn bs_match[](state, run) {
        let word = state.get::<G>(run, 2);
        let Some(context) = MatchContext::of(run.term(word)) else { return state.go(run, state.label(1)) };
        let count = state.number(3);
        let data = context.data();
        let (end, mut position) = (context.end(), context.position());
        let mut at = 4;
        let mut done = 0;
        while done < count {
            let left = end - position;
            let size = state.number(at + 1) as usize;
            match state.number(at) {
                match_command::ENSURE_AT_LEAST => {
                    let unit = state.number(at + 2) as usize;
                    if left < size || (unit > 1 && (left - size) % unit != 0) {
                        return state.go(run, state.label(1));
                    }
                    at += 3;
                }
                match_command::ENSURE_EXACTLY => {
                    if left != size {
                        return state.go(run, state.label(1));
                    }
                    at += 2;
                }
                match_command::UNSIGNED => {
                    if left < size {
                        return state.go(run, state.label(1));
                    }
                    state.set_general(at + 2, Word::small(bits::read_bits64(data, position, size) as i64));
                    position += size;
                    at += 3;
                }
                match_command::UNSIGNED_RUN => {
                    if left < size {
                        return state.go(run, state.label(1));
                    }
                    let (value, end) = (bits::read_bits64(data, position, size), at + 3 + state.number(at + 2) as usize * 2);
                    at += 3;
                    let mut below = size;
                    while at < end {
                        let bits = state.number(at) as usize;
                        below -= bits;
                        let part = value >> below & ((1 << bits) - 1);
                        state.set_general(at + 1, Word::small(part as i64));
                        at += 2;
                    }
                    position += size;
                }
                match_command::INTEGER => {
                    if left < size {
                        return state.go(run, state.label(1));
                    }
                    state.sync(run);
                    let value = run.matched_integer(word, position, size, state.number(at + 2));
                    state.reload(run);
                    state.set_general(at + 3, value);
                    position += size;
                    at += 4;
                }
                match_command::BINARY => {
                    if left < size {
                        return state.go(run, state.label(1));
                    }
                    state.sync(run);
                    let part = run.matched_part(word, position, size);
                    state.reload(run);
                    state.set_general(at + 2, part);
                    position += size;
                    at += 3;
                }
                match_command::SKIP => {
                    if left < size {
                        return state.go(run, state.label(1));
                    }
                    position += size;
                    at += 2;
                }
                match_command::GET_TAIL => {
                    state.sync(run);
                    let part = run.matched_part(word, position, left);
                    state.reload(run);
                    // The rest stays to be matched: another register may want it too.
                    state.set_general(at + 1, part);
                    at += 2;
                }
                _ => {
                    if left < size || bits::read_bits64(data, position, size) != state.wide(at + 2) {
                        return state.go(run, state.label(1));
                    }
                    position += size;
                    at += 4;
                }
            }
            // SAFETY: match contexts live on this process's heap, and the bounds were checked.
            unsafe { context.set_position(position) };
            done += 1;
        }
        state.next(run, at)
    }
    fn bs_append_integers[](state, run) {
        let end = 6 + state.number(4) as usize * 6;
        let (mut value, mut count, mut tags) = (0u64, 0, 0);
        let mut at = 12;
        while at < end {
            let (bits, word) = (state.number(at + 5), state.get::<G>(run, at + 3));
            tags |= word.0;
            value = value << bits | word.small_value() as u64 & ((1 << bits) - 1);
            count += bits as usize;
            at += 6;
        }
        let room = state.number(5) as usize;
        if tags & TAG_MASK != 0 || count == 0 || room != 0 && !state.has_words(room) {
            return state.tail(run, bs_create_bin);
        }
        let accumulator = state.get::<G>(run, 9);
        // SAFETY: the compiler knows that nobody else has the accumulator.
        if !unsafe { run.heap().append_privately(accumulator, value << (64 - count), count) } {
            return state.tail(run, bs_create_bin);
        }
        state.set_general(3, accumulator);
        state.next(run, end)
    }
    fn bs_get_utf8[](state, run) {
        if let Some(context) = MatchContext::of(run.term(state.get::<G>(run, 2))) {
            let position = context.position();
            let byte = context.data().get(position / 8);
            if position % 8 == 0 && position + 8 <= context.end() && let Some(byte @ 0..=0x7f) = byte {
                state.set_general(3, Word::small(i64::from(*byte)));
                // SAFETY: match contexts live on this process's heap, and the bounds were checked.
                unsafe { context.set_position(position + 8) };
                return state.next(run, 4);
            }
        }
        state.tail(run, bs_get_utf8_other)
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
