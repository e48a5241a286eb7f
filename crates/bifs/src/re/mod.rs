//! Module `re`: regular expressions over the regex crate.
//!
//! A compiled pattern is `{re_pattern, Groups, Unicode, UseCrlf, Binary}` as in OTP, but its binary holds the source
//! and the options ([`pattern`]): so patterns can be compared, sent and stored, and what the library compiled is found
//! again in a cache of the machine. Patterns that another system compiled are refused; [`version`] differs from
//! OTP's, so that Elixir compiles such patterns again from their source.
//!
//! OTP's Erlang code does two things: `re:urun/3` and `re:ucompile/2` make binaries of Unicode character lists, and
//! `re:grun/3` is the loop of `global`. The loop stands here too ([`global`]); `re:grun/3` is left with what fails.

mod global;
mod options;
mod pattern;

use crate::iolist::{iodata_bytes, iolist_bytes};
use crate::unicode::{list_of_bytes, list_of_utf8};
use options::{Capture, CaptureType, Groups, Options};
use oxbeam_bif_macros::bif;
use oxbeam_regex::{Regex, RunError, Span, Subject};
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Atom, Heap, Term, atoms};
use pattern::Pattern;

/// Bytes of a subject that one reduction pays for.
const BYTES_PER_REDUCTION: usize = 128;
/// What one run costs, however short the subject.
const REDUCTIONS_PER_RUN: usize = 2;

/// The library's version, as a binary. Never that of an OTP with other patterns: see the module's documentation.
#[bif("re:version/0")]
fn version<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(cx.heap.binary(b"10 (Oxbeam 1)"))
}

/// `re:compile(Pattern, [])`.
///
/// # Errors
///
/// `badarg` unless the pattern is iodata.
#[bif("re:compile/1")]
fn compile_1<'h>(cx: &mut BifContext<'h>, source: Term<'h>) -> BifResult<'h> {
    compile_2(cx, source, Term::NIL)
}

/// Compiles a pattern: `{ok, Pattern}` or `{error, {Text, Position}}`.
///
/// # Errors
///
/// `badarg`, with the cause `badopt` for options that are none or belong to `re:run/3`.
#[bif("re:compile/2")]
fn compile_2<'h>(cx: &mut BifContext<'h>, source: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    let Some(options) = Options::parse(options).filter(|options| !options.only_for_run) else {
        return cx.badarg_because(atoms::BADOPT);
    };
    let arguments = [source, options.term];
    if options.compile.unicode && source.as_binary().is_none() {
        return cx.call(atoms::RE, atoms::UCOMPILE, &arguments);
    }
    let Some(source) = iodata_bytes(source) else { return cx.badarg() };
    cx.spend(source.len() / 4);
    match pattern::compiled(cx.vm, &source, &options.compile) {
        Ok(regex) => {
            let pattern = pattern::term(cx.heap, &regex);
            Ok(cx.ok(pattern))
        }
        Err(error) => Ok(compile_error(cx.heap, &error)),
    }
}

fn compile_error<'h>(heap: &'h Heap, error: &oxbeam_regex::CompileError) -> Term<'h> {
    let position = Term::small(error.position as i64);
    let detail = heap.tuple(&[heap.string(&error.message), position]);
    heap.tuple(&[Term::atom(atoms::ERROR), detail])
}

/// `{namelist, Names}`: the names of a compiled pattern's groups, in alphabetical order.
///
/// # Errors
///
/// `badarg` unless the pattern is compiled and the item is `namelist`.
#[bif("re:inspect/2")]
fn inspect<'h>(cx: &mut BifContext<'h>, pattern: Term<'h>, item: Atom) -> BifResult<'h> {
    let Some(pattern) = Pattern::of(cx.vm, pattern).filter(|_| item == atoms::NAMELIST) else { return cx.badarg() };
    let names: Vec<Term<'h>> = pattern.regex.name_list().into_iter().map(|name| cx.heap.binary(name)).collect();
    Ok(cx.heap.tuple(&[Term::atom(atoms::NAMELIST), cx.heap.list(&names)]))
}

/// `re:run(Subject, Pattern, [])`.
#[bif("re:run/2")]
fn run_2<'h>(cx: &mut BifContext<'h>, subject: Term<'h>, pattern: Term<'h>) -> BifResult<'h> {
    run_3(cx, subject, pattern, Term::NIL)
}

/// Searches `subject`: `{match, Captured}`, `match`, `nomatch`, or `{error, Reason}` if asked for.
///
/// # Errors
///
/// `badarg`, with the cause `badopt` for options that are none.
#[bif("re:run/3")]
fn run_3<'h>(cx: &mut BifContext<'h>, subject: Term<'h>, pattern: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    let Some(options) = Options::parse(options) else { return cx.badarg_because(atoms::BADOPT) };
    let compiled = if pattern.as_tuple_of::<5>().is_some() {
        if options.only_for_compile {
            return cx.badarg();
        }
        let Some(compiled) = Pattern::of(cx.vm, pattern) else { return cx.badarg() };
        compiled
    } else {
        if options.compile.unicode && (pattern.as_binary().is_none() || subject.as_binary().is_none()) {
            if !pattern.is_list() && pattern.as_bits().is_none() {
                return cx.badarg();
            }
            return cx.call(atoms::RE, atoms::URUN, &[subject, pattern, options.term]);
        }
        let Some(source) = iodata_bytes(pattern) else { return cx.badarg() };
        match pattern::compiled(cx.vm, &source, &options.compile) {
            Ok(regex) => Pattern { unicode: options.compile.unicode, regex },
            Err(error) if options.report_errors => {
                let [tag, detail] =
                    *compile_error(cx.heap, &error).as_tuple_of::<2>().expect("compile_error makes pairs");
                return Ok(cx.heap.tuple(&[tag, cx.heap.tuple(&[Term::atom(atoms::COMPILE), detail])]));
            }
            Err(_) => return cx.badarg(),
        }
    };
    if compiled.unicode && subject.as_binary().is_none() {
        return cx.call(atoms::RE, atoms::URUN, &[subject, pattern, options.term]);
    }
    if options.global {
        return global::run(cx, subject, pattern, compiled, &options);
    }
    run_once(cx, subject, &compiled, &options)
}

/// `re:run/3` as the loop of `global` in Erlang calls it. `first` tells whether the subject has been seen before.
///
/// # Errors
///
/// Those of `re:run/3`; `badarg` unless `first` is a boolean.
#[bif("re:internal_run/4")]
fn internal_run<'h>(
    cx: &mut BifContext<'h>,
    subject: Term<'h>,
    pattern: Term<'h>,
    options: Term<'h>,
    first: bool,
) -> BifResult<'h> {
    let _ = first;
    run_3(cx, subject, pattern, options)
}

/// How far a match may go on an ordinary scheduler: about as far as the rest of a slice. What needs more starts again
/// on a dirty one.
const FIRST_MATCH_LIMIT: u32 = 100_000;

/// Limits a first attempt; false when it need not be, so that reaching the limit is the answer.
fn limit_attempt(cx: &BifContext<'_>, run: &mut oxbeam_regex::RunOptions) -> bool {
    if run.match_limit.is_some_and(|limit| limit <= FIRST_MATCH_LIMIT) || cx.is_dirty() {
        return false;
    }
    run.match_limit = Some(FIRST_MATCH_LIMIT);
    true
}

fn run_once<'h>(cx: &mut BifContext<'h>, subject: Term<'h>, pattern: &Pattern, options: &Options<'h>) -> BifResult<'h> {
    let Some(capture) = Capture::of(options.capture, &pattern.regex, cx.atoms()) else { return cx.badarg() };
    // Captured binaries are parts of the subject.
    let subject = if subject.is_list() {
        let Some(bytes) = iolist_bytes(subject) else { return cx.badarg() };
        cx.heap.binary_from_vec(bytes)
    } else {
        subject
    };
    let Some(bytes) = subject.as_binary() else { return cx.badarg() };
    cx.spend(REDUCTIONS_PER_RUN + bytes.len().saturating_sub(options.offset) / BYTES_PER_REDUCTION);
    let mut run = options.run.clone();
    let limited = limit_attempt(cx, &mut run);
    match pattern.regex.run(Subject::Bytes(&bytes), options.offset, &run) {
        Err(RunError::MatchLimit) if limited => Err(cx.hand_over()),
        Ok(None) => Ok(Term::atom(atoms::NOMATCH)),
        Ok(Some(_)) if matches!(capture.groups, Groups::None) => Ok(Term::atom(atoms::MATCH)),
        Ok(Some(groups)) => {
            let source = Source { heap: cx.heap, subject, bytes: &bytes, unicode: pattern.unicode };
            let captured = source.captured(&capture, &pattern.regex, &groups);
            Ok(cx.heap.tuple(&[Term::atom(atoms::MATCH), captured]))
        }
        Err(error) => failed(cx, error, options),
    }
}

/// The result of a run that came to no end.
fn failed<'h>(cx: &BifContext<'h>, error: RunError, options: &Options<'h>) -> BifResult<'h> {
    match limit(error) {
        _ if matches!(error, RunError::BadOffset | RunError::BadUtf) => cx.badarg(),
        Some(limit) if options.report_errors => Ok(cx.error(limit)),
        _ => Ok(Term::atom(atoms::NOMATCH)),
    }
}

fn limit(error: RunError) -> Option<Atom> {
    match error {
        RunError::MatchLimit => Some(atoms::MATCH_LIMIT),
        RunError::RecursionLimit => Some(atoms::MATCH_LIMIT_RECURSION),
        _ => None,
    }
}

/// What captured text is taken from.
struct Source<'h, 's> {
    heap: &'h Heap,
    subject: Term<'h>,
    bytes: &'s [u8],
    unicode: bool,
}

impl<'h> Source<'h, '_> {
    /// The list that `re:run/3` returns for one match.
    fn captured(&self, capture: &Capture, regex: &Regex, groups: &oxbeam_regex::Groups) -> Term<'h> {
        let group = |number: usize| groups.get(number).copied().flatten();
        let term = |span: Option<Span>| self.span(span, capture.kind);
        let terms: Vec<Term<'h>> = match &capture.groups {
            Groups::None => Vec::new(),
            Groups::First => vec![term(group(0))],
            Groups::All => groups.iter().map(|span| term(*span)).collect(),
            Groups::AllButFirst => groups.iter().skip(1).map(|span| term(*span)).collect(),
            Groups::Listed(listed) => listed
                .iter()
                .map(|value| match value {
                    options::Value::Number(number) => term(group(*number)),
                    options::Value::Name(name) => term(regex.named(groups, name).flatten()),
                })
                .collect(),
        };
        self.heap.list(&terms)
    }

    fn span(&self, span: Option<Span>, kind: CaptureType) -> Term<'h> {
        // `\K` in a lookahead can put the end before the start.
        let text = span.filter(|span| span.start < span.end);
        match kind {
            CaptureType::Index => {
                let (start, length) =
                    span.map_or((-1, 0), |span| (span.start as i64, span.end as i64 - span.start as i64));
                self.heap.tuple(&[Term::small(start), Term::small(length)])
            }
            CaptureType::Binary => self.part(text),
            CaptureType::List => match text {
                None => Term::NIL,
                Some(span) if self.unicode => {
                    let part = self.part(text);
                    let bits = part.as_bits().expect("a part of a binary is one");
                    list_of_utf8(self.heap, bits, &self.bytes[span.start..span.end])
                }
                Some(span) => list_of_bytes(self.heap, &self.bytes[span.start..span.end]),
            },
        }
    }

    fn part(&self, text: Option<Span>) -> Term<'h> {
        let bits = self.subject.as_bits().expect("the subject is a binary");
        let (start, length) = text.map_or((0, 0), |span| (span.start, span.end - span.start));
        self.heap.sub_bitstring(bits, bits.bit_offset() + start * 8, length * 8)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn answers_as_the_real_system() {
        let compared = crate::testing::check_recording(include_bytes!("../../tests/data/re.etf"));
        assert!(compared > 1000);
    }
}
