//! Compiled patterns as terms, and the machine's cache of what the library compiled.
//!
//! The binary in a `re_pattern` tuple: four letters and a version, two bytes of options, newline and `\R` convention
//! by number, then the source.

use oxbeam_regex::{Bsr, CompileError, CompileOptions, Newline, Regex};
use oxbeam_runtime::Vm;
use oxbeam_term::{Heap, Term, atoms};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;

const MAGIC: &[u8; 5] = b"OXRE\x01";
const HEADER_BYTES: usize = MAGIC.len() + 4;
/// Patterns that the cache holds before it starts anew.
const CACHE_PATTERNS_MAX: usize = 4096;
/// Sources longer than this are not kept.
const CACHE_SOURCE_MAX: usize = 1 << 16;

/// A compiled pattern, and whether its subjects are Unicode character data.
pub(super) struct Pattern {
    pub unicode: bool,
    pub regex: Arc<Regex>,
}

impl Pattern {
    /// The pattern in a `re_pattern` tuple of this system.
    pub fn of(vm: &Vm, term: Term<'_>) -> Option<Pattern> {
        let [tag, groups, unicode, crlf, binary] = *term.as_tuple_of::<5>()?;
        if !tag.is_atom(atoms::RE_PATTERN) || groups.as_small().is_none() || crlf.as_small().is_none() {
            return None;
        }
        let unicode = unicode.as_small()? != 0;
        let key = binary.as_binary()?;
        let cache = vm.extension::<Cache>();
        if let Some(regex) = cache.find(&key) {
            return Some(Pattern { unicode, regex });
        }
        let (options, source) = decode(&key)?;
        Some(Pattern { unicode, regex: cache.compile(&key, source, &options).ok()? })
    }
}

/// `{re_pattern, Groups, Unicode, UseCrlf, Binary}`.
pub(super) fn term<'h>(heap: &'h Heap, regex: &Regex) -> Term<'h> {
    heap.tuple(&[
        Term::atom(atoms::RE_PATTERN),
        Term::small(regex.capture_count() as i64),
        Term::small(i64::from(regex.options().unicode)),
        Term::small(i64::from(regex.crlf_is_newline())),
        heap.binary_from_vec(encode(regex.pattern(), regex.options())),
    ])
}

/// Compiles, or finds it compiled.
pub(super) fn compiled(vm: &Vm, source: &[u8], options: &CompileOptions) -> Result<Arc<Regex>, CompileError> {
    let key = encode(source, options);
    let cache = vm.extension::<Cache>();
    match cache.find(&key) {
        Some(regex) => Ok(regex),
        None => cache.compile(&key, source, options),
    }
}

/// Compiled patterns by the binary that stands for them.
#[derive(Default)]
struct Cache {
    patterns: RwLock<HashMap<Box<[u8]>, Arc<Regex>>>,
}

impl Cache {
    fn find(&self, key: &[u8]) -> Option<Arc<Regex>> {
        self.patterns.read().get(key).cloned()
    }

    fn compile(&self, key: &[u8], source: &[u8], options: &CompileOptions) -> Result<Arc<Regex>, CompileError> {
        let regex = Arc::new(Regex::compile(source, options.clone())?);
        if source.len() <= CACHE_SOURCE_MAX {
            let mut patterns = self.patterns.write();
            if patterns.len() >= CACHE_PATTERNS_MAX {
                patterns.clear();
            }
            patterns.insert(key.into(), regex.clone());
        }
        Ok(regex)
    }
}

const NEWLINES: [Newline; 5] = [Newline::Cr, Newline::Lf, Newline::CrLf, Newline::AnyCrLf, Newline::Any];
const BSRS: [Bsr; 2] = [Bsr::AnyCrLf, Bsr::Unicode];

/// The options that are on or off, in the order of their bits.
fn flags(options: &mut CompileOptions) -> [&mut bool; 14] {
    [
        &mut options.unicode,
        &mut options.anchored,
        &mut options.caseless,
        &mut options.dollar_endonly,
        &mut options.dotall,
        &mut options.extended,
        &mut options.firstline,
        &mut options.multiline,
        &mut options.no_auto_capture,
        &mut options.dupnames,
        &mut options.ungreedy,
        &mut options.no_start_optimize,
        &mut options.ucp,
        &mut options.never_utf,
    ]
}

fn encode(source: &[u8], options: &CompileOptions) -> Vec<u8> {
    let mut options = options.clone();
    let bits =
        flags(&mut options).into_iter().enumerate().fold(0u16, |bits, (bit, flag)| bits | u16::from(*flag) << bit);
    let number = |position: Option<usize>| position.map_or(0, |position| position as u8 + 1);
    let newline = number(options.newline.and_then(|own| NEWLINES.iter().position(|newline| *newline == own)));
    let bsr = number(options.bsr.and_then(|own| BSRS.iter().position(|bsr| *bsr == own)));
    let mut bytes = Vec::with_capacity(HEADER_BYTES + source.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&bits.to_be_bytes());
    bytes.extend_from_slice(&[newline, bsr]);
    bytes.extend_from_slice(source);
    bytes
}

/// Options and source of a pattern's binary.
fn decode(bytes: &[u8]) -> Option<(CompileOptions, &[u8])> {
    let (header, source) = bytes.split_at_checked(HEADER_BYTES)?;
    let &[high, low, newline, bsr] = header.strip_prefix(MAGIC)? else { return None };
    let bits = u16::from_be_bytes([high, low]);
    let mut options = CompileOptions::default();
    for (bit, flag) in flags(&mut options).into_iter().enumerate() {
        *flag = bits >> bit & 1 != 0;
    }
    if newline != 0 {
        options.newline = Some(*NEWLINES.get(usize::from(newline) - 1)?);
    }
    if bsr != 0 {
        options.bsr = Some(*BSRS.get(usize::from(bsr) - 1)?);
    }
    Some((options, source))
}
