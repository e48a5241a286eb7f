//! OTP's `re` over the PCRE2 library, without Erlang terms: compile a pattern, run it, list its names.
//!
//! OTP 27 has PCRE 8.45 with Latin-1 character tables. PCRE2 is used so that it answers the same wherever
//! that is cheap: error texts, syntax that PCRE2 added and PCRE 8 took literally (`translate`), unknown
//! escapes as literals, lookbehinds of fixed length only, `\K` in lookarounds, and the same tables.
//! Start with [`Regex::compile`] and [`Regex::run`].
//!
//! # Where PCRE2 differs from PCRE 8 and we do not hide it
//!
//! - Recursion and subroutine calls (`(?R)`, `(?1)`) may be backtracked into; PCRE 8 treats them as atomic.
//! - `match_limit` and `match_limit_recursion` count different things, so the same number stops elsewhere.
//! - A pattern that starts with `(*CRLF)`, `(*BSR_ANYCRLF)` and the like keeps that over options of a run.
//! - Some syntax that PCRE 8 refuses compiles: `\N{U+hhh}` in unicode mode, callouts with strings.
//! - `\X`, `\p{..}` and caseless matching follow the newer Unicode tables of PCRE2.
//! - `(?X)`, and `(?(R1)...)` without a group 1, are errors.
//! - `(?R)` that must loop forever compiles; a lookbehind may hold a back reference of fixed length.
//! - With `caseless` and `unicode`, `\p{Lu}`, `\p{Ll}` and `\p{Lt}` match letters of any case.
//! - `\p{ L}` and `\p{script=greek}` are accepted.
//! - A group that refers to itself, as in `(a\1?){4}`, may match where PCRE 8 gives up.
//! - Positions in error reports can differ by a few characters for rare errors.
//! - The compiled form is not a binary that could be stored: whoever makes `re_pattern` tuples decides what
//!   stands in them.

mod code;
mod errors;
mod tables;
mod translate;

use code::Code;
pub use errors::{CompileError, RunError};
use std::sync::{Arc, Mutex, PoisonError};

/// What ends a line, for `^`, `$`, `.` and `\N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Newline {
    /// Carriage return.
    Cr,
    /// Line feed: what is used when nothing is said.
    Lf,
    /// Carriage return and line feed.
    CrLf,
    /// Any of the three above.
    AnyCrLf,
    /// Any Unicode newline sequence.
    Any,
}

/// What `\R` matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bsr {
    /// `bsr_anycrlf`.
    AnyCrLf,
    /// `bsr_unicode`, which is also what is used when nothing is said.
    Unicode,
}

/// Options of `re:compile/2`, by OTP's names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "OTP's own names")]
pub struct CompileOptions {
    pub unicode: bool,
    pub anchored: bool,
    pub caseless: bool,
    pub dollar_endonly: bool,
    pub dotall: bool,
    pub extended: bool,
    pub firstline: bool,
    pub multiline: bool,
    pub no_auto_capture: bool,
    pub dupnames: bool,
    pub ungreedy: bool,
    pub no_start_optimize: bool,
    pub ucp: bool,
    pub never_utf: bool,
    pub newline: Option<Newline>,
    pub bsr: Option<Bsr>,
}

/// Options of `re:run/3` that are not about compiling or about the shape of the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "OTP's own names")]
pub struct RunOptions {
    pub anchored: bool,
    pub notbol: bool,
    pub noteol: bool,
    pub notempty: bool,
    pub notempty_atstart: bool,
    pub newline: Option<Newline>,
    pub bsr: Option<Bsr>,
    pub match_limit: Option<u32>,
    pub match_limit_recursion: Option<u32>,
}

/// What is searched.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'s> {
    /// Any bytes; a unicode pattern checks that they are UTF-8, on every run.
    Bytes(&'s [u8]),
    /// Known to be UTF-8: not checked again. For repeated runs over one subject (`global`).
    Text(&'s str),
}

impl<'s> Subject<'s> {
    fn bytes(self) -> &'s [u8] {
        match self {
            Subject::Bytes(bytes) => bytes,
            Subject::Text(text) => text.as_bytes(),
        }
    }
}

/// Where a group matched. `end` may be before `start`, through `\K` in a lookahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset after the last byte.
    pub end: usize,
}

impl Span {
    /// As `re:run/3` gives it: offset and length, which `\K` can make negative.
    pub fn offset_and_length(self) -> (usize, isize) {
        (self.start, self.end as isize - self.start as isize)
    }
}

/// The groups of a match, the whole match first, up to the last group that was set.
///
/// A group that was not set is `None`, `{-1, 0}` in Erlang. Groups after the last one set are absent here, as in
/// `re:run/3` without a capture list; with a list they count as not set ([`Regex::capture_count`] of them exist).
pub type Groups = Vec<Option<Span>>;

/// A compiled pattern. Sharing it between threads is fine: matching does not change it.
pub struct Regex {
    pattern: Box<[u8]>,
    options: CompileOptions,
    code: Arc<Code>,
    /// The same pattern for runs that ask for other newlines, which PCRE2 fixes when compiling.
    variants: Mutex<Vec<(CompileOptions, Arc<Code>)>>,
}

impl Regex {
    /// Compiles `pattern`, which must be UTF-8 if `options.unicode`.
    ///
    /// As in OTP 27, a zero byte ends the pattern.
    pub fn compile(pattern: &[u8], options: CompileOptions) -> Result<Regex, CompileError> {
        let end = pattern.iter().position(|&byte| byte == 0).unwrap_or(pattern.len());
        let pattern = &pattern[..end];
        let code = Arc::new(Code::compile(pattern, &options)?);
        Ok(Regex { pattern: pattern.into(), options, code, variants: Mutex::default() })
    }

    /// Searches `subject` from byte `offset` on. `Ok(None)` is `nomatch`.
    pub fn run(&self, subject: Subject<'_>, offset: usize, options: &RunOptions) -> Result<Option<Groups>, RunError> {
        let bytes = subject.bytes();
        if offset > bytes.len() {
            return Err(RunError::BadOffset);
        }
        if self.code.is_utf() {
            let text = match subject {
                Subject::Text(text) => text,
                Subject::Bytes(bytes) => str::from_utf8(bytes).map_err(|_| RunError::BadUtf)?,
            };
            if !text.is_char_boundary(offset) {
                return Err(RunError::BadUtf);
            }
        }
        self.code_for(options)?.run(bytes, offset, options)
    }

    /// The code whose newlines are those asked for.
    fn code_for(&self, options: &RunOptions) -> Result<Arc<Code>, RunError> {
        let mut wanted = self.options.clone();
        wanted.newline = options.newline.or(wanted.newline);
        wanted.bsr = options.bsr.or(wanted.bsr);
        if wanted == self.options {
            return Ok(self.code.clone());
        }
        let mut variants = self.variants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, code)) = variants.iter().find(|(options, _)| *options == wanted) {
            return Ok(code.clone());
        }
        let code = Code::compile(&self.pattern, &wanted).map_err(|_| RunError::Internal(0))?;
        let code = Arc::new(code);
        variants.push((wanted, code.clone()));
        Ok(code)
    }

    /// The options it was compiled with.
    pub fn options(&self) -> &CompileOptions {
        &self.options
    }

    /// The pattern's text.
    pub fn pattern(&self) -> &[u8] {
        &self.pattern
    }

    /// How many groups the pattern has, the whole match not counted.
    pub fn capture_count(&self) -> usize {
        self.code.capture_count()
    }

    /// Whether a carriage return and a line feed together end a line: the fourth element of `re_pattern`.
    pub fn crlf_is_newline(&self) -> bool {
        self.code.crlf_is_newline()
    }

    /// Size of the compiled code in bytes.
    pub fn size(&self) -> usize {
        self.code.size()
    }

    /// The named groups in alphabetical order of names; duplicate names appear once for each group.
    pub fn names(&self) -> &[(Box<[u8]>, usize)] {
        self.code.names()
    }

    /// The names as `re:inspect(_, namelist)` lists them: without repetition if `dupnames` was an option.
    pub fn name_list(&self) -> Vec<&[u8]> {
        let mut names: Vec<&[u8]> = self.names().iter().map(|(name, _)| &**name).collect();
        if self.options.dupnames {
            names.dedup();
        }
        names
    }

    /// What the group called `name` matched: with duplicate names the first one that is set.
    ///
    /// The outer `None`: there is no such name.
    pub fn named(&self, groups: &Groups, name: &[u8]) -> Option<Option<Span>> {
        let mut numbers = self.names().iter().filter(|(own, _)| **own == *name).map(|(_, n)| *n);
        let first = numbers.next()?;
        let span = |number: usize| groups.get(number).copied().flatten();
        if !self.options.dupnames {
            return Some(span(first));
        }
        Some(span(first).or_else(|| numbers.find_map(span)))
    }
}

#[cfg(test)]
mod tests;
