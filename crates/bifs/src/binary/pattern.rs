//! What `binary:match/2` and its relatives search for.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use memchr::memmem;
use oxbeam_runtime::{BifContext, BifResult, Vm};
use oxbeam_term::{Term, atoms};
use smallvec::{SmallVec, smallvec};
use std::borrow::Cow;
use std::sync::OnceLock;

/// Below this much work (bytes searched times bytes of patterns), several patterns are tried one by one: building an
/// automaton would take longer.
const AUTOMATON_WORK_MIN: usize = 1 << 17;

/// From this many bytes on, a search is worth a prepared finder.
const FINDER_BYTES_MIN: usize = 64;

/// A pattern that `binary:compile_pattern/1` has prepared, behind a magic reference.
pub(super) enum Compiled {
    /// One binary: `{bm, Reference}`. The first long search prepares it: many are made for one search in a few bytes.
    One { needle: Box<[u8]>, finder: OnceLock<Box<memmem::Finder<'static>>> },
    /// Several: `{ac, Reference}`. The automaton is built by the first long search; `None` when it would be too large.
    Many { few: Few<'static>, automaton: OnceLock<Option<AhoCorasick>> },
}

impl Compiled {
    fn many(patterns: &[Cow<'_, [u8]>]) -> Compiled {
        let patterns = patterns.iter().map(|pattern| Cow::Owned(pattern.to_vec())).collect();
        Compiled::Many { few: Few::new(patterns), automaton: OnceLock::new() }
    }
    fn find(&self, subject: &[u8]) -> Option<(usize, usize)> {
        match self {
            Compiled::One { needle, finder } => {
                let found = if needle.len() == 1 || subject.len() < FINDER_BYTES_MIN {
                    find_one(needle, subject)
                } else {
                    finder.get_or_init(|| Box::new(memmem::Finder::new(needle).into_owned())).find(subject)
                };
                found.map(|start| (start, needle.len()))
            }
            Compiled::Many { few, automaton } => {
                if work(&few.patterns, subject.len()) < AUTOMATON_WORK_MIN {
                    return few.find(subject);
                }
                let build = || {
                    let builder = AhoCorasickBuilder::new().match_kind(MatchKind::LeftmostLongest).build(&few.patterns);
                    builder.ok()
                };
                match automaton.get_or_init(build) {
                    Some(automaton) => automaton.find(subject).map(|found| (found.start(), found.len())),
                    None => few.find(subject),
                }
            }
        }
    }
    fn longest(&self) -> usize {
        match self {
            Compiled::One { needle, .. } => needle.len(),
            Compiled::Many { few, .. } => longest(&few.patterns),
        }
    }
}

fn find_one(needle: &[u8], subject: &[u8]) -> Option<usize> {
    if let [byte] = *needle { memchr::memchr(byte, subject) } else { memmem::find(subject, needle) }
}

fn longest(patterns: &[Cow<'_, [u8]>]) -> usize {
    patterns.iter().map(|pattern| pattern.len()).max().unwrap_or(0)
}

/// How much work it is to search so many bytes for patterns one by one.
fn work(patterns: &[Cow<'_, [u8]>], size: usize) -> usize {
    patterns.iter().map(|pattern| pattern.len()).sum::<usize>().saturating_mul(size)
}

/// A pattern as given to a search.
pub(super) enum Pattern<'h> {
    /// One binary.
    One(Cow<'h, [u8]>),
    /// Several, tried one by one where one of their first bytes stands.
    Few(Few<'h>),
    /// Prepared, by the caller or for a long search.
    Compiled(&'h Compiled),
    /// Prepared for this search.
    Owned(Box<Compiled>),
}

/// Several patterns and what they begin with.
pub(super) struct Few<'h> {
    patterns: Patterns<'h>,
    /// The first bytes, each once.
    first: SmallVec<[u8; 16]>,
    /// A bit for each byte that is among them.
    is_first: [u64; 4],
}

type Patterns<'h> = SmallVec<[Cow<'h, [u8]>; 4]>;

impl<'h> Pattern<'h> {
    /// The pattern for a search through `size` bytes; `None` if it is none.
    pub fn of(term: Term<'h>, size: usize) -> Option<Pattern<'h>> {
        if let Some(&[tag, reference]) = term.as_tuple_of::<2>() {
            let compiled = reference.as_reference()?.downcast::<Compiled>()?;
            let wanted = match compiled {
                Compiled::One { .. } => atoms::BM,
                Compiled::Many { .. } => atoms::AC,
            };
            return tag.is_atom(wanted).then_some(Pattern::Compiled(compiled));
        }
        if let Some(bytes) = term.as_binary() {
            return (!bytes.is_empty()).then_some(Pattern::One(bytes));
        }
        let mut patterns = binaries(term)?;
        if patterns.len() == 1 {
            return patterns.pop().map(Pattern::One);
        }
        Some(match work(&patterns, size) {
            0..AUTOMATON_WORK_MIN => Pattern::Few(Few::new(patterns)),
            _ => Pattern::Owned(Box::new(Compiled::many(&patterns))),
        })
    }
    /// The first match, the longest of those that start at the same place.
    pub fn find(&self, subject: &[u8]) -> Option<(usize, usize)> {
        match self {
            Pattern::One(needle) => find_one(needle, subject).map(|start| (start, needle.len())),
            Pattern::Few(few) => few.find(subject),
            Pattern::Compiled(compiled) => compiled.find(subject),
            Pattern::Owned(compiled) => compiled.find(subject),
        }
    }
    /// Length of the longest.
    pub fn longest(&self) -> usize {
        match self {
            Pattern::One(needle) => needle.len(),
            Pattern::Few(few) => longest(&few.patterns),
            Pattern::Compiled(compiled) => compiled.longest(),
            Pattern::Owned(compiled) => compiled.longest(),
        }
    }
}

impl<'h> Few<'h> {
    fn new(patterns: Patterns<'h>) -> Few<'h> {
        let mut few = Few { patterns, first: SmallVec::new(), is_first: [0; 4] };
        for pattern in &few.patterns {
            let byte = pattern[0];
            if !is_among(&few.is_first, byte) {
                few.is_first[usize::from(byte / 64)] |= 1 << (byte % 64);
                few.first.push(byte);
            }
        }
        few
    }
    fn find(&self, subject: &[u8]) -> Option<(usize, usize)> {
        let mut from = 0;
        loop {
            let rest = &subject[from..];
            let start = from
                + match *self.first {
                    [a] => memchr::memchr(a, rest),
                    [a, b] => memchr::memchr2(a, b, rest),
                    [a, b, c] => memchr::memchr3(a, b, c, rest),
                    _ => rest.iter().position(|byte| is_among(&self.is_first, *byte)),
                }?;
            let matching = self.patterns.iter().filter(|pattern| subject[start..].starts_with(pattern));
            if let Some(length) = matching.map(|pattern| pattern.len()).max() {
                return Some((start, length));
            }
            from = start + 1;
        }
    }
}

fn is_among(bytes: &[u64; 4], byte: u8) -> bool {
    bytes[usize::from(byte / 64)] >> (byte % 64) & 1 == 1
}

/// The binaries of a list of at least one, none of them empty.
fn binaries<'h>(list: Term<'h>) -> Option<Patterns<'h>> {
    let mut walk = list.list_iter();
    let binaries: Patterns<'h> = walk.by_ref().map(Term::as_binary).collect::<Option<_>>()?;
    (walk.tail().is_nil() && !binaries.is_empty() && binaries.iter().all(|binary| !binary.is_empty()))
        .then_some(binaries)
}

/// `{bm, Reference}` or `{ac, Reference}` for a binary or a list of binaries.
pub(super) fn compile<'h>(cx: &BifContext<'h>, pattern: Term<'h>) -> BifResult<'h> {
    if pattern.as_tuple().is_some() {
        return Ok(pattern);
    }
    let patterns = match pattern.as_binary() {
        Some(bytes) if bytes.is_empty() => return cx.badarg(),
        Some(bytes) => smallvec![bytes],
        None => match binaries(pattern) {
            Some(patterns) => patterns,
            None => return cx.badarg(),
        },
    };
    let (tag, compiled) = match &*patterns {
        [one] => (atoms::BM, Compiled::One { needle: one.to_vec().into(), finder: OnceLock::new() }),
        several => (atoms::AC, Compiled::many(several)),
    };
    let reference = cx.heap.magic_reference(cx.vm.next_reference().0, Vm::magic(compiled));
    Ok(cx.heap.tuple(&[Term::atom(tag), reference]))
}
