//! `re:run/3` with `global`: the loop that OTP has in Erlang, `re:grun/3`.
//!
//! Here the subject is checked and the pattern looked up once in a slice, not once in a match. Whatever is not in
//! order (options, captures, subjects) is left to the Erlang code, so that it fails as it does there.

use super::options::{Capture, CaptureType, Groups, Options};
use super::pattern::{self, Pattern};
use super::{BYTES_PER_REDUCTION, REDUCTIONS_PER_RUN, Source, limit, limit_attempt};
use crate::iolist::iolist_bytes;
use oxbeam_regex::{RunError, RunOptions, Span, Subject};
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Term, atoms};

/// Runs the whole loop.
pub(super) fn run<'h>(
    cx: &mut BifContext<'h>,
    subject: Term<'h>,
    given: Term<'h>,
    pattern: Pattern,
    options: &Options<'h>,
) -> BifResult<'h> {
    let compiled = pattern::term(cx.heap, &pattern.regex);
    let capture = Capture::of(options.capture, &pattern.regex, cx.atoms());
    let flat = match subject.is_list() {
        true => iolist_bytes(subject).map(|bytes| cx.heap.binary_from_vec(bytes)),
        false => subject.as_binary().map(|_| subject),
    };
    if let (Some(flat), Some(_), 0..=1) = (flat, capture, options.captures) {
        let start = cx.heap.unsigned(options.offset as u64);
        return step(cx, &[flat, compiled, options.term, start, Term::NIL, subject, given]);
    }
    in_erlang(cx, subject, given, compiled, options.term)
}

/// Leaves it to `re:grun/3`.
fn in_erlang<'h>(
    cx: &BifContext<'h>,
    subject: Term<'h>,
    given: Term<'h>,
    compiled: Term<'h>,
    options: Term<'h>,
) -> BifResult<'h> {
    let state = match given.as_tuple() {
        Some(_) => cx.heap.tuple(&[options, Term::boolean(false)]),
        None => cx.heap.tuple(&[options, Term::boolean(true), given]),
    };
    cx.call(atoms::RE, atoms::GRUN, &[subject, compiled, state])
}

/// Goes on from an offset, with the matches so far in reverse, until the end or until the slice is used up.
fn step<'h>(cx: &mut BifContext<'h>, arguments: &[Term<'h>]) -> BifResult<'h> {
    let &[flat, compiled, list, start, found, subject, given] = arguments else {
        return cx.badarg();
    };
    let in_erlang = |cx: &BifContext<'h>| in_erlang(cx, subject, given, compiled, list);
    let (Some(pattern), Some(mut options)) = (Pattern::of(cx.vm, compiled), Options::parse(list)) else {
        return in_erlang(cx);
    };
    let Some(mut capture) = Capture::of(options.capture, &pattern.regex, cx.atoms()) else { return in_erlang(cx) };
    let Some(bytes) = flat.as_binary() else { return in_erlang(cx) };
    let text = str::from_utf8(&bytes).ok();
    let none = matches!(capture.groups, Groups::None);
    if none {
        capture = Capture { groups: Groups::First, kind: CaptureType::Index };
    }
    let limited = limit_attempt(cx, &mut options.run);
    let mut search = Loop {
        pattern: &pattern,
        options: &options,
        limited,
        bytes: &bytes,
        subject: text.map_or(Subject::Bytes(&bytes), Subject::Text),
        offset: start.as_usize().unwrap_or(usize::MAX),
    };
    let source = Source { heap: cx.heap, subject: flat, bytes: &bytes, unicode: pattern.unicode };
    let mut found = found;
    cx.spend(bytes.len() / (BYTES_PER_REDUCTION * 64));
    loop {
        let before = search.offset;
        match search.next() {
            Ok(Some(matches)) => {
                for groups in &matches {
                    found = cx.heap.cons(source.captured(&capture, &pattern.regex, groups), found);
                }
            }
            Ok(None) => return Ok(finished(cx, found, none)),
            Err(RunError::MatchLimit) if limited => return Err(cx.hand_over()),
            Err(error) => match limit(error) {
                Some(limit) if options.report_errors => return Ok(cx.error(limit)),
                Some(_) => return Ok(finished(cx, found, none)),
                None => return in_erlang(cx),
            },
        }
        if cx.spend(REDUCTIONS_PER_RUN + search.offset.saturating_sub(before) / BYTES_PER_REDUCTION) {
            let offset = cx.heap.unsigned(search.offset as u64);
            return cx.again(step, &[flat, compiled, list, offset, found, subject, given]);
        }
    }
}

fn finished<'h>(cx: &BifContext<'h>, found: Term<'h>, none: bool) -> Term<'h> {
    if found.is_nil() {
        return Term::atom(atoms::NOMATCH);
    }
    if none {
        return Term::atom(atoms::MATCH);
    }
    let mut matches: Vec<Term<'h>> = found.list_iter().collect();
    matches.reverse();
    cx.heap.tuple(&[Term::atom(atoms::MATCH), cx.heap.list(&matches)])
}

struct Loop<'p, 'h, 's> {
    pattern: &'p Pattern,
    options: &'p Options<'h>,
    /// Is it a first attempt, whose match limit is not the one asked for?
    limited: bool,
    bytes: &'s [u8],
    subject: Subject<'s>,
    offset: usize,
}

impl Loop<'_, '_, '_> {
    /// The next match; after an empty one also the longer one at the same place, if there is one. `None` at the end.
    fn next(&mut self) -> Result<Option<Vec<oxbeam_regex::Groups>>, RunError> {
        if self.offset > self.bytes.len() {
            return Ok(None);
        }
        let regex = &self.pattern.regex;
        let Some(groups) = regex.run(self.subject, self.offset, &self.options.run)? else { return Ok(None) };
        let whole = whole_match(&groups);
        if whole.end > whole.start {
            self.offset = whole.end;
            return Ok(Some(vec![groups]));
        }
        let anchored = RunOptions { notempty_atstart: true, anchored: true, ..self.options.run.clone() };
        let longer = match regex.run(self.subject, self.offset, &anchored) {
            Ok(longer) => longer,
            // As without `report_errors`: the Erlang loop has no clause for an error here.
            Err(RunError::MatchLimit) if self.limited => return Err(RunError::MatchLimit),
            Err(RunError::MatchLimit | RunError::RecursionLimit) if !self.options.report_errors => None,
            Err(_) => return Err(RunError::Internal(0)),
        };
        let Some(longer) = longer else {
            self.offset = self.after(whole.start);
            return Ok(Some(vec![groups]));
        };
        let span = whole_match(&longer);
        self.offset = match span.end.checked_sub(span.start) {
            Some(length) if length > 0 => whole.start + length,
            _ => self.after(whole.start),
        };
        Ok(Some(vec![groups, longer]))
    }

    /// Where the next character starts.
    fn after(&self, at: usize) -> usize {
        let rest = self.bytes.get(at..).unwrap_or_default();
        if self.pattern.regex.crlf_is_newline() && rest.starts_with(b"\r\n") {
            return at + 2;
        }
        at + match rest.first() {
            Some(0xc0..0xe0) if self.pattern.unicode => 2,
            Some(0xe0..0xf0) if self.pattern.unicode => 3,
            Some(0xf0..0xf8) if self.pattern.unicode => 4,
            _ => 1,
        }
    }
}

fn whole_match(groups: &oxbeam_regex::Groups) -> Span {
    groups.first().copied().flatten().unwrap_or(Span { start: 0, end: 0 })
}
