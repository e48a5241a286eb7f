//! Handlers of the instructions that match and build binaries; `binary_match.rs` and `binary_build.rs` do the work.

use crate::instruction::flags;
use crate::run::Run;
use crate::state::{G, Source, State, Target, handlers};
use oxbeam_term::word::TAG_MASK;
use oxbeam_term::{HEAP_BINARY_BYTES_MAX, Header, Kind, MatchContext, Word};

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
    bs_skip_utf8: |run, ip| run.bs_skip_utf8(ip);
    bs_get_utf16: |run, ip| run.bs_get_utf16(ip, true);
    bs_skip_utf16: |run, ip| run.bs_get_utf16(ip, false);
    bs_get_utf32: |run, ip| run.bs_get_utf32(ip, true);
    bs_skip_utf32: |run, ip| run.bs_get_utf32(ip, false);
    bs_create_bin: |run, ip| run.bs_create_bin(ip);
    bs_init_writable: |run, ip| run.bs_init_writable(ip);
    old_construction: |run, ip| run.old_construction(ip);
}

handlers! {
    fn bs_start_match[S: Source, T: Target](state, run) {
        let source = state.get::<S>(run, 1);
        if !source.is_boxed() {
            return state.go(run, state.label(3));
        }
        // SAFETY: a boxed object begins with its header; the size of bits on the heap follows theirs, and that of a part
        // of a binary what it is a part of and where it begins.
        let (origin, start, size) = unsafe {
            let object = source.pointer();
            match Header(*object).kind() {
                Kind::HeapBits => (source.0, 0, *object.add(1)),
                Kind::SubBits => (*object.add(1), *object.add(2), *object.add(3)),
                Kind::MatchContext => {
                    state.set::<T>(2, source);
                    return state.next(run, 4);
                }
                _ => return state.tail(run, bs_start_match_slowly::<S, T>),
            }
        };
        if !state.has_words(5) {
            return state.tail(run, bs_start_match_slowly::<S, T>);
        }
        let context = state.allocate(5);
        // SAFETY: there is room for header, origin, start, end and position.
        unsafe {
            *context = Header::new(Kind::MatchContext, 4).0;
            *context.add(1) = origin;
            *context.add(2) = start;
            *context.add(3) = start + size;
            *context.add(4) = start;
        }
        state.set::<T>(2, Word::from_boxed(context));
        state.next(run, 4)
    }
    fn bs_start_match_slowly[S: Source, T: Target](state, run) {
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

    fn bs_ensure[S: Source](state, run) {
        let holds = state.is_there(state.context::<S>(run), 3);
        state.branch(run, holds, 5, 2)
    }
    fn bs_ensure_unit[S: Source](state, run) {
        let context = state.context::<S>(run);
        let (left, size) = (context.end() - context.position(), state.bytes(3));
        let holds = left >= size && (left - size) % state.bytes(4) == 0;
        state.branch(run, holds, 5, 2)
    }
    fn bs_ensure_huge[S: Source](state, run) {
        let context = state.context::<S>(run);
        let left = ((context.end() - context.position()) as u64).checked_sub(state.wide(3));
        let holds = left.is_some_and(|left| left == 0 || left.is_multiple_of(state.number(5).into()));
        state.branch(run, holds, 6, 2)
    }
    fn bs_byte[S: Source, T: Target](state, run) {
        let context = state.context::<S>(run);
        let position = context.position();
        if context.end() - position < 8 {
            return state.go(run, state.label(3));
        }
        if position % 8 != 0 {
            return state.tail(run, bs_byte_slowly::<S, T>);
        }
        // SAFETY: the byte lies before the end of what is matched, thus within the data.
        let byte = unsafe { *context.data().get_unchecked(position / 8) };
        state.advance(context, position + 8);
        state.set::<T>(2, Word::small(i64::from(byte)));
        state.next(run, 4)
    }
    fn bs_byte_slowly[S: Source, T: Target](state, run) {
        let context = state.context::<S>(run);
        let position = context.position();
        let value = run.matched_bits(state.get::<S>(run, 1), 8);
        state.advance(context, position + 8);
        state.set::<T>(2, Word::small(value as i64));
        state.next(run, 4)
    }
    fn bs_unsigned[S: Source, T: Target](state, run) {
        let context = state.context::<S>(run);
        if !state.is_there(context, 4) {
            return state.go(run, state.label(3));
        }
        let (position, size) = (context.position(), state.bytes(6));
        let Some(window) = window(context, position) else { return state.tail(run, bs_unsigned_slowly::<S, T>) };
        state.advance(context, position + size);
        state.set::<T>(2, Word::small((window >> (64 - size)) as i64));
        state.next(run, 7)
    }
    fn bs_unsigned_slowly[S: Source, T: Target](state, run) {
        let context = state.context::<S>(run);
        let (position, size) = (context.position(), state.bytes(6));
        let value = run.matched_bits(state.get::<S>(run, 1), size);
        state.advance(context, position + size);
        state.set::<T>(2, Word::small(value as i64));
        state.next(run, 7)
    }
    fn bs_unsigned_run[S: Source](state, run) {
        let context = state.context::<S>(run);
        if !state.is_there(context, 3) {
            return state.go(run, state.label(2));
        }
        let (position, size) = (context.position(), state.bytes(5));
        let Some(window) = window(context, position) else { return state.tail(run, bs_unsigned_run_slowly::<S>) };
        state.advance(context, position + size);
        state.set_parts(run, window >> (64 - size))
    }
    fn bs_unsigned_run_slowly[S: Source](state, run) {
        let context = state.context::<S>(run);
        let (position, size) = (context.position(), state.bytes(5));
        let value = run.matched_bits(state.get::<S>(run, 1), size);
        state.advance(context, position + size);
        state.set_parts(run, value)
    }
    fn bs_integer[S: Source, T: Target](state, run) {
        let context = state.context::<S>(run);
        if !state.is_there(context, 4) {
            return state.go(run, state.label(3));
        }
        let (position, size, flag) = (context.position(), state.bytes(6), state.number(7));
        let little = flag & flags::LITTLE != 0;
        if size == 0 || size > 56 || little && size % 8 != 0 {
            return state.tail(run, bs_integer_slowly::<S, T>);
        }
        let Some(window) = window(context, position) else { return state.tail(run, bs_integer_slowly::<S, T>) };
        let mut value = window >> (64 - size);
        if little {
            value = value.swap_bytes() >> (64 - size);
        }
        let shift = if flag & flags::SIGNED != 0 { 64 - size } else { 0 };
        state.advance(context, position + size);
        state.set::<T>(2, Word::small((value << shift) as i64 >> shift));
        state.next(run, 8)
    }
    fn bs_integer_slowly[S: Source, T: Target](state, run) {
        let word = state.get::<S>(run, 1);
        let (size, flag) = (state.bytes(6), state.number(7));
        state.sync(run);
        let value = run.matched_integer(word, size, flag);
        state.reload(run);
        state.set::<T>(2, value);
        state.next(run, 8)
    }
    fn bs_part[S: Source, T: Target](state, run) {
        if !state.is_there(state.context::<S>(run), 4) {
            return state.go(run, state.label(3));
        }
        let (word, size) = (state.get::<S>(run, 1), state.bytes(6));
        state.sync(run);
        let part = run.matched_part(word, size);
        state.reload(run);
        state.set::<T>(2, part);
        state.next(run, 7)
    }
    fn bs_skip[S: Source](state, run) {
        let context = state.context::<S>(run);
        if !state.is_there(context, 3) {
            return state.go(run, state.label(2));
        }
        state.advance(context, context.position() + state.bytes(5));
        state.next(run, 6)
    }
    fn bs_value[S: Source](state, run) {
        let context = state.context::<S>(run);
        if !state.is_there(context, 3) {
            return state.go(run, state.label(2));
        }
        let (position, size) = (context.position(), state.bytes(5));
        if let Some(window) = window(context, position) && size <= 56 {
            if window >> (64 - size) != state.wide(6) {
                return state.go(run, state.label(2));
            }
            state.advance(context, position + size);
            return state.next(run, 8);
        }
        state.tail(run, bs_value_slowly::<S>)
    }
    fn bs_value_slowly[S: Source](state, run) {
        let context = state.context::<S>(run);
        let (position, size) = (context.position(), state.bytes(5));
        if run.matched_bits(state.get::<S>(run, 1), size) != state.wide(6) {
            return state.go(run, state.label(2));
        }
        state.advance(context, position + size);
        state.next(run, 8)
    }
    fn bs_get_tail[S: Source, T: Target](state, run) {
        let context = state.context::<S>(run);
        let (position, end) = (context.position(), context.end());
        if let Some(origin) = context.shared_origin()
            && end - position > HEAP_BINARY_BYTES_MAX * 8
            && state.has_words(4)
        {
            let object = state.allocate(4);
            // SAFETY: there is room for header, origin, start and size.
            unsafe {
                *object = Header::new(Kind::SubBits, 3).0;
                *object.add(1) = origin.0;
                *object.add(2) = position as u64;
                *object.add(3) = (end - position) as u64;
            }
            state.set::<T>(2, Word::from_boxed(object));
            return state.next(run, 3);
        }
        state.tail(run, bs_get_tail_slowly::<S, T>)
    }
    fn bs_get_tail_slowly[S: Source, T: Target](state, run) {
        let word = state.get::<S>(run, 1);
        state.sync(run);
        let tail = run.matched_tail(word);
        state.reload(run);
        state.set::<T>(2, tail);
        state.next(run, 3)
    }
    fn bs_get_utf8[S: Source, T: Target](state, run) {
        let context = state.context::<S>(run);
        let position = context.position();
        if position % 8 == 0 && context.end() - position >= 8 {
            // SAFETY: the byte lies before the end of what is matched, thus within the data.
            let byte = unsafe { *context.data().get_unchecked(position / 8) };
            if byte < 0x80 {
                state.advance(context, position + 8);
                state.set::<T>(2, Word::small(i64::from(byte)));
                return state.next(run, 4);
            }
        }
        state.tail(run, bs_get_utf8_other::<S, T>)
    }
    fn bs_get_utf8_other[S: Source, T: Target](state, run) {
        let character = run.matched_utf8(state.get::<S>(run, 1));
        if character == Word::NONE {
            return state.go(run, state.label(3));
        }
        state.set::<T>(2, character);
        state.next(run, 4)
    }
    fn bs_get_position[S: Source, T: Target](state, run) {
        let context = state.context::<S>(run);
        state.set::<T>(2, Word::small((context.position() - context.start()) as i64));
        state.next(run, 3)
    }
    fn bs_set_position[S: Source](state, run) {
        let context = state.context::<S>(run);
        let position = state.get::<G>(run, 2).small_value() as usize;
        state.advance(context, (context.start() + position).min(context.end()));
        state.next(run, 3)
    }
    fn bs_append_integers[](state, run) {
        let end = 6 + state.number(4) as usize * 6;
        let (mut value, mut tags) = (0u64, 0);
        let count = state.bytes(11);
        let mut at = 12;
        while at < end {
            let (bits, word) = (state.number(at + 5), state.get::<G>(run, at + 3));
            tags |= word.0;
            value = value << bits | word.small_value() as u64 & ((1 << bits) - 1);
            at += 6;
        }
        let room = state.number(5) as usize;
        if tags & TAG_MASK != 0 || room != 0 && !state.has_words(room) {
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
    fn bs_test_unit[](state, run) {
        let left = run.bits_left(state.get::<G>(run, 2));
        state.branch(run, left % state.number(3) as usize == 0, 4, 1)
    }
}

impl State {
    /// The match context in operand 1.
    #[inline(always)]
    fn context<S: Source>(&self, run: &Run<'static>) -> MatchContext<'static> {
        // SAFETY: the compiler gives these instructions a match context.
        unsafe { MatchContext::of_unchecked(run.term(self.get::<S>(run, 1))) }
    }
    /// Is there what operands `n` and `n + 1` ask for?
    #[inline(always)]
    fn is_there(&self, context: MatchContext<'static>, n: usize) -> bool {
        let (left, need) = (context.end() - context.position(), self.bytes(n));
        let mask = self.number(n + 1) as i32 as usize;
        left >= need && (left - need) & mask == 0
    }
    /// Moves a match context on.
    #[inline(always)]
    fn advance(&self, context: MatchContext<'static>, position: usize) {
        // SAFETY: match contexts live on this process's heap, and callers have checked the bounds, or the decoder has that
        // an earlier instruction checks them.
        unsafe { context.set_position(position) }
    }
    /// The end of `bs_unsigned_run`: its registers get their parts of `value`.
    #[inline(always)]
    fn set_parts(self, run: &mut Run<'static>, value: u64) -> bool {
        let end = 7 + self.number(6) as usize * 3;
        let mut at = 7;
        while at < end {
            let part = value >> self.number(at) & ((1 << self.number(at + 1)) - 1);
            self.set_general(at + 2, Word::small(part as i64));
            at += 3;
        }
        self.next(run, at)
    }
}

/// The bits from `position` on, the first one the most significant: at least 57 of them, or all there are, count. `None` if
/// the whole binary has less than eight bytes.
#[inline(always)]
fn window(context: MatchContext<'static>, position: usize) -> Option<u64> {
    let data = context.data();
    if let Some(bytes) = data.get(position / 8..)?.first_chunk::<8>() {
        return Some(u64::from_be_bytes(*bytes) << (position % 8));
    }
    // Near to the end: the last eight bytes, without those that lie before.
    let bytes = data.last_chunk::<8>()?;
    let before = position - (data.len() - bytes.len()) * 8;
    Some(u64::from_be_bytes(*bytes).unbounded_shl(before as u32))
}
