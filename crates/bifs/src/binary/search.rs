//! `binary:match/2,3`, `matches/2,3`, `split/2,3` and `compile_pattern/1`.
//!
//! All searches are one loop ([`step`]) that goes on until it is done or the slice is used up; what it has found so
//! far travels in its arguments.

use super::pattern::{Pattern, compile};
use super::{BYTES_PER_REDUCTION, range};
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Atom, Bits, Term, atoms};

/// Least number of bytes that a slice looks at, so that every slice gets on.
const SLICE_BYTES_MIN: usize = 1 << 14;

/// Prepares a pattern for many searches: `{bm, Reference}` for one binary, `{ac, Reference}` for several.
///
/// # Errors
///
/// `badarg` unless it is a binary or a list of binaries, none of them empty.
#[bif("binary:compile_pattern/1")]
fn compile_pattern<'h>(cx: &mut BifContext<'h>, pattern: Term<'h>) -> BifResult<'h> {
    if pattern.as_tuple().is_some() {
        return cx.badarg();
    }
    compile(cx, pattern)
}

/// `binary:match(Subject, Pattern, [])`.
#[bif("binary:match/2")]
fn match_2<'h>(cx: &mut BifContext<'h>, subject: Bits<'h>, pattern: Term<'h>) -> BifResult<'h> {
    start(cx, Kind::Match, subject, pattern, Term::NIL)
}

/// `{Position, Length}` of the first match, or `nomatch`. Of several that start there it is the longest. The option
/// `{scope, {Position, Length}}` tells where to search.
///
/// # Errors
///
/// `badarg`
#[bif("binary:match/3")]
fn match_3<'h>(cx: &mut BifContext<'h>, subject: Bits<'h>, pattern: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    start(cx, Kind::Match, subject, pattern, options)
}

/// `binary:matches(Subject, Pattern, [])`.
#[bif("binary:matches/2")]
fn matches_2<'h>(cx: &mut BifContext<'h>, subject: Bits<'h>, pattern: Term<'h>) -> BifResult<'h> {
    start(cx, Kind::Matches, subject, pattern, Term::NIL)
}

/// As `binary:match/3`, for all matches that do not overlap; `[]` if there is none.
#[bif("binary:matches/3")]
fn matches_3<'h>(cx: &mut BifContext<'h>, subject: Bits<'h>, pattern: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    start(cx, Kind::Matches, subject, pattern, options)
}

/// `binary:split(Subject, Pattern, [])`.
#[bif("binary:split/2")]
fn split_2<'h>(cx: &mut BifContext<'h>, subject: Bits<'h>, pattern: Term<'h>) -> BifResult<'h> {
    start(cx, Kind::Split, subject, pattern, Term::NIL)
}

/// The parts before and after the first match, with `global` between all matches. `trim` removes empty parts at the
/// end, `trim_all` all empty parts; `{scope, {Position, Length}}` tells where to search.
#[bif("binary:split/3")]
fn split_3<'h>(cx: &mut BifContext<'h>, subject: Bits<'h>, pattern: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    start(cx, Kind::Split, subject, pattern, options)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Match,
    Matches,
    Split,
}

impl Kind {
    fn atom(self) -> Atom {
        match self {
            Kind::Match => atoms::MATCH,
            Kind::Matches => atoms::MATCHES,
            Kind::Split => atoms::SPLIT,
        }
    }
    fn of(term: Term<'_>) -> Option<Kind> {
        [Kind::Match, Kind::Matches, Kind::Split].into_iter().find(|kind| term.is_atom(kind.atom()))
    }
}

struct Options {
    start: usize,
    end: usize,
    global: bool,
    trim: bool,
    trim_all: bool,
}

impl Options {
    fn parse(list: Term<'_>, kind: Kind, subject: Bits<'_>) -> Option<Options> {
        let end = subject.byte_size();
        let mut options = Options { start: 0, end, global: false, trim: false, trim_all: false };
        let mut walk = list.list_iter();
        for option in walk.by_ref() {
            if let Some(&[tag, part]) = option.as_tuple_of::<2>() {
                let &[position, length] = part.as_tuple_of::<2>().filter(|_| tag.is_atom(atoms::SCOPE))?;
                (options.start, options.end) = range(subject, position.as_i64()?, length.as_i64()?)?;
                continue;
            }
            match option.as_atom().filter(|_| kind == Kind::Split)? {
                atoms::GLOBAL => options.global = true,
                atoms::TRIM => options.trim = true,
                atoms::TRIM_ALL => options.trim_all = true,
                _ => return None,
            }
        }
        // OTP's split/3 does not look at the tail of its options.
        (walk.tail().is_nil() || kind == Kind::Split && list.is_list()).then_some(options)
    }
}

fn start<'h>(
    cx: &mut BifContext<'h>,
    kind: Kind,
    subject: Bits<'h>,
    pattern: Term<'h>,
    options: Term<'h>,
) -> BifResult<'h> {
    if !subject.is_binary() {
        return cx.badarg();
    }
    let Some(parsed) = Options::parse(options, kind, subject) else { return cx.badarg() };
    let (from, part) = (cx.heap.unsigned(parsed.start as u64), Term::small(0));
    step(cx, &[subject.term(), pattern, options, Term::atom(kind.atom()), from, part, Term::NIL])
}

/// Searches on. Arguments: subject, pattern, options, kind, where to go on, where the present part of a split begins,
/// and the matches or parts so far in reverse.
fn step<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    let &[term, needle, list, kind_term, from, part, found] = arguments else { return cx.badarg() };
    let (Some(subject), Some(kind)) = (term.as_bits(), Kind::of(kind_term)) else { return cx.badarg() };
    let Some(options) = Options::parse(list, kind, subject) else { return cx.badarg() };
    let (Some(mut from), Some(part)) = (from.as_usize(), part.as_usize()) else { return cx.badarg() };
    let Some(pattern) = Pattern::of(needle, options.end.saturating_sub(from)) else { return cx.badarg() };
    let bytes = subject.to_bytes();
    let mut search = Search { subject, part, found, options: &options };
    let slice = usize::try_from(*cx.reductions).unwrap_or(0) * BYTES_PER_REDUCTION;
    let limit = options.end.min(from.saturating_add(slice.max(SLICE_BYTES_MIN)).saturating_add(pattern.longest()));
    loop {
        let match_found = pattern.find(&bytes[from..limit]).map(|(start, length)| (from + start, length));
        // A longer match may reach over the limit.
        let certain = |start: usize| limit == options.end || start + pattern.longest() <= limit;
        match match_found {
            Some((start, length)) if certain(start) => {
                cx.spend(1 + (start - from) / BYTES_PER_REDUCTION);
                if kind == Kind::Match {
                    return Ok(position(cx, start, length));
                }
                search.add(cx, kind, start, length);
                from = start + length;
                if kind == Kind::Split && !options.global {
                    return Ok(search.finish(cx, kind));
                }
            }
            None if limit == options.end => {
                cx.spend((limit - from) / BYTES_PER_REDUCTION);
                return Ok(search.finish(cx, kind));
            }
            later => {
                let next = later.map_or(limit + 1 - pattern.longest(), |(start, _)| start).max(from);
                cx.spend((next - from) / BYTES_PER_REDUCTION);
                let compiled = compile(cx, needle)?;
                let (next, part) = (cx.heap.unsigned(next as u64), cx.heap.unsigned(search.part as u64));
                return cx.again(step, &[term, compiled, list, kind_term, next, part, search.found]);
            }
        }
    }
}

fn position<'h>(cx: &BifContext<'h>, start: usize, length: usize) -> Term<'h> {
    cx.heap.tuple(&[cx.heap.unsigned(start as u64), cx.heap.unsigned(length as u64)])
}

struct Search<'h, 'o> {
    subject: Bits<'h>,
    part: usize,
    found: Term<'h>,
    options: &'o Options,
}

impl<'h> Search<'h, '_> {
    fn add(&mut self, cx: &BifContext<'h>, kind: Kind, start: usize, length: usize) {
        if kind == Kind::Matches {
            self.found = cx.heap.cons(position(cx, start, length), self.found);
        } else {
            self.add_part(cx, start);
            self.part = start + length;
        }
    }
    /// Adds the part that ends at `end`.
    fn add_part(&mut self, cx: &BifContext<'h>, end: usize) {
        if end == self.part && self.options.trim_all {
            return;
        }
        let offset = self.subject.bit_offset() + self.part * 8;
        let part = cx.heap.sub_bitstring(self.subject, offset, (end - self.part) * 8);
        self.found = cx.heap.cons(part, self.found);
    }
    fn finish(mut self, cx: &BifContext<'h>, kind: Kind) -> Term<'h> {
        match kind {
            Kind::Match => return Term::atom(atoms::NOMATCH),
            Kind::Matches => {}
            Kind::Split => self.finish_split(cx),
        }
        let mut all: Vec<Term<'h>> = self.found.list_iter().collect();
        all.reverse();
        cx.heap.list(&all)
    }
    fn finish_split(&mut self, cx: &BifContext<'h>) {
        let size = self.subject.byte_size();
        if self.part == 0 && self.found.is_nil() && size > 0 {
            self.found = cx.heap.cons(self.subject.term(), Term::NIL);
            return;
        }
        self.add_part(cx, size);
        while let Some(last) = self.found.as_cons().filter(|_| self.options.trim) {
            if last.head().as_bits().is_none_or(|bits| bits.bit_size() != 0) {
                break;
            }
            self.found = last.tail();
        }
    }
}
