//! `term_to_binary`: terms to bytes, with an explicit stack of what is left to write.

use crate::compress::deflate;
use crate::context::local_seal;
use crate::{EncodeContext, SystemLimit, reference_words, tag};
use oxbeam_term::{Atom, Big, Bits, Fun, HEAP_BINARY_BYTES_MAX, Kind, MapIter, Pid, Term, Value, bits};
use std::ops::Range;

/// Bytes in front of a term in the `local` format: two tags, and the seal of the rest.
pub const LOCAL_HEAD_BYTES: usize = 6;

/// zlib's default level, that of the option `compressed`.
pub const COMPRESSION_DEFAULT: u32 = 6;

/// Options of `term_to_binary/2`.
#[derive(Clone, Copy, Debug)]
pub struct EncodeOptions {
    /// Level of compression, 0 (none) to 9.
    pub compressed: u32,
    /// 0: floats as text; below 2: atoms in Latin-1 where possible.
    pub minor_version: u8,
    /// Maps in the order of their keys.
    pub deterministic: bool,
    /// In the format that only this machine takes back: [`EncodeContext::local_key`].
    pub local: bool,
    /// Atoms may be referred to by the indexes that [`EncodeContext::cache_index`] gives them.
    pub atom_cache: bool,
    /// Note where large binaries lie ([`Encoder::large_binaries`]).
    pub note_binaries: bool,
}

impl Default for EncodeOptions {
    fn default() -> EncodeOptions {
        EncodeOptions {
            compressed: 0,
            minor_version: 2,
            deterministic: false,
            local: false,
            atom_cache: false,
            note_binaries: false,
        }
    }
}

/// The external form of `term`.
pub fn encode(term: Term<'_>, context: &dyn EncodeContext, options: EncodeOptions) -> Result<Vec<u8>, SystemLimit> {
    let mut encoder = Encoder::new(term, options);
    loop {
        let mut budget = usize::MAX;
        if let Some(bytes) = encoder.step(context, &mut budget)? {
            return Ok(bytes);
        }
    }
}

/// Size of the external form of `term` without compression (`external_size`). Counts `budget` down as
/// [`Encoder::step`] does; `None` when it does not suffice.
pub fn encoded_size(
    term: Term<'_>,
    context: &dyn EncodeContext,
    options: EncodeOptions,
    budget: &mut usize,
) -> Result<Option<usize>, SystemLimit> {
    let mut walk = Walk::new(term, Count(0), options);
    Ok(walk.run(context, budget)?.then_some(walk.output.0))
}

/// Room that an encode begins with: most terms that are encoded one by one, such as references, fit.
const FIRST_ROOM: usize = 64;

/// An encode under way. It may be left between steps as long as the term's heap is not collected.
pub struct Encoder<'h> {
    walk: Walk<'h, Vec<u8>>,
}

impl<'h> Encoder<'h> {
    /// An encode that has not begun.
    pub fn new(term: Term<'h>, options: EncodeOptions) -> Encoder<'h> {
        Encoder { walk: Walk::new(term, Vec::with_capacity(FIRST_ROOM), options) }
    }
    /// Where in the output the whole bytes of binaries lie that OTP keeps outside of heaps, if that was asked for; of use
    /// when the output is not compressed.
    pub fn large_binaries(&mut self) -> Vec<Range<usize>> {
        std::mem::take(&mut self.walk.large_binaries)
    }
    /// Goes on for about `budget` terms, which it counts down; `None` when that is used up. (Compression is part of
    /// the last step.) After it gave the bytes it is not to be called again.
    pub fn step(&mut self, context: &dyn EncodeContext, budget: &mut usize) -> Result<Option<Vec<u8>>, SystemLimit> {
        if !self.walk.run(context, budget)? {
            return Ok(None);
        }
        let plain = std::mem::take(&mut self.walk.output);
        match self.walk.options.compressed {
            0 => Ok(Some(plain)),
            level => Ok(Some(compressed(plain, level))),
        }
    }
}

/// `plain` compressed, unless that would not make it smaller.
fn compressed(plain: Vec<u8>, level: u32) -> Vec<u8> {
    let body = plain.get(1..).unwrap_or(&[]);
    let Some(limit) = body.len().checked_sub(5) else { return plain };
    let Ok(size) = u32::try_from(body.len()) else { return plain };
    let Some(deflated) = deflate(body, level, limit) else { return plain };
    let mut output = Vec::with_capacity(deflated.len() + 6);
    output.extend([tag::VERSION, tag::COMPRESSED]);
    output.extend(size.to_be_bytes());
    output.extend(deflated);
    output
}

/// Terms of one container that are written in one go, and bytes after which no other is begun.
const RUN_TERMS: usize = 256;
const RUN_BYTES: usize = 4096;
/// Bytes of a binary or string written for one unit of a step's budget.
const BYTES_PER_UNIT: usize = 64;
const FLOAT_TEXT_BYTES: usize = 31;

/// Where the bytes go.
trait Output {
    fn put(&mut self, bytes: &[u8]);
    fn put_bits(&mut self, bits: Bits<'_>);
    /// Writes a list of so many bytes.
    fn put_string(&mut self, list: Term<'_>, length: u16);
    fn position(&self) -> usize;
    /// Writes `value` over the four bytes at `position`.
    fn patch(&mut self, position: usize, value: u32);
    fn since(&self, position: usize) -> &[u8];
}

impl Output for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
    fn put_bits(&mut self, from: Bits<'_>) {
        if from.is_binary()
            && let Some(bytes) = from.aligned_bytes()
        {
            self.extend_from_slice(bytes);
            return;
        }
        let start = self.len();
        self.resize(start + from.byte_size(), 0);
        bits::copy_bits(from.data(), from.bit_offset(), &mut self[start..], 0, from.bit_size());
    }
    fn put_string(&mut self, list: Term<'_>, _: u16) {
        self.extend(list.list_iter().map(|byte| byte.as_small().unwrap_or(0) as u8));
    }
    fn position(&self) -> usize {
        self.len()
    }
    fn patch(&mut self, position: usize, value: u32) {
        self[position..position + 4].copy_from_slice(&value.to_be_bytes());
    }
    fn since(&self, position: usize) -> &[u8] {
        &self[position..]
    }
}

/// Counts bytes instead of keeping them.
struct Count(usize);

impl Output for Count {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
    fn put_bits(&mut self, bits: Bits<'_>) {
        self.0 += bits.byte_size();
    }
    fn put_string(&mut self, _: Term<'_>, length: u16) {
        self.0 += usize::from(length);
    }
    fn position(&self) -> usize {
        self.0
    }
    fn patch(&mut self, _: usize, _: u32) {}
    fn since(&self, _: usize) -> &[u8] {
        &[]
    }
}

/// Something left to write.
enum Work<'h> {
    Term(Term<'h>),
    Terms(&'h [Term<'h>]),
    /// The rest of a list, of which `count` elements are written; their number goes to `count_at`.
    List {
        rest: Term<'h>,
        count: u32,
        count_at: usize,
    },
    Pairs(MapIter<'h>),
    /// Pairs of a map, the last one first.
    Stacked(Vec<(Term<'h>, Term<'h>)>),
    /// The size of a fun that starts at this position goes there.
    FunSize(usize),
    /// The seal of what follows this position goes to the four bytes before it.
    Seal(usize),
}

struct Walk<'h, O> {
    options: EncodeOptions,
    work: Vec<Work<'h>>,
    output: O,
    started: bool,
    large_binaries: Vec<Range<usize>>,
}

impl<'h, O: Output> Walk<'h, O> {
    fn new(term: Term<'h>, output: O, options: EncodeOptions) -> Walk<'h, O> {
        Walk { options, work: vec![Work::Term(term)], output, started: false, large_binaries: Vec::new() }
    }
    /// Writes on; true when all is written.
    fn run(&mut self, context: &dyn EncodeContext, budget: &mut usize) -> Result<bool, SystemLimit> {
        if !self.started {
            self.start();
        }
        while *budget > 0 {
            let Some(work) = self.work.pop() else { return Ok(true) };
            let before = self.output.position();
            let terms = self.go_on(work, context)?;
            *budget = budget.saturating_sub(terms + (self.output.position() - before) / BYTES_PER_UNIT);
        }
        Ok(self.work.is_empty())
    }
    fn start(&mut self) {
        self.started = true;
        self.byte(tag::VERSION);
        if self.options.local {
            self.byte(tag::LOCAL);
            self.u32(0);
            self.work.insert(0, Work::Seal(self.output.position()));
        }
    }
    /// Writes the first terms of `work` and puts the rest back: as many as have no parts, and the first one that has. Tells
    /// how many that were, at least one.
    fn go_on(&mut self, work: Work<'h>, context: &dyn EncodeContext) -> Result<usize, SystemLimit> {
        let limit = self.output.position() + RUN_BYTES;
        let mut done = 1;
        match work {
            Work::Term(term) => self.term(term, context)?,
            Work::Terms(mut terms) => {
                while let Some((&first, rest)) = terms.split_first() {
                    terms = rest;
                    if has_parts(first) || self.output.position() > limit || done == RUN_TERMS {
                        if !rest.is_empty() {
                            self.work.push(Work::Terms(rest));
                        }
                        self.term(first, context)?;
                        break;
                    }
                    self.term(first, context)?;
                    done += 1;
                }
            }
            Work::List { mut rest, mut count, count_at } => loop {
                let Some(cell) = rest.as_cons() else {
                    self.output.patch(count_at, count);
                    self.term(rest, context)?;
                    break;
                };
                count = count.checked_add(1).ok_or(SystemLimit)?;
                rest = cell.tail();
                if has_parts(cell.head()) || self.output.position() > limit || done == RUN_TERMS {
                    self.work.push(Work::List { rest, count, count_at });
                    self.term(cell.head(), context)?;
                    break;
                }
                self.term(cell.head(), context)?;
                done += 1;
            },
            Work::Pairs(mut pairs) => {
                while let Some((key, value)) = pairs.next() {
                    done += 1;
                    if has_parts(key) || has_parts(value) || self.output.position() > limit || done >= RUN_TERMS {
                        self.work.push(Work::Pairs(pairs));
                        self.work.push(Work::Term(value));
                        self.term(key, context)?;
                        break;
                    }
                    self.term(key, context)?;
                    self.term(value, context)?;
                    done += 1;
                }
            }
            Work::Stacked(mut pairs) => {
                if let Some((key, value)) = pairs.pop() {
                    self.work.push(Work::Stacked(pairs));
                    self.work.push(Work::Term(value));
                    self.term(key, context)?;
                }
            }
            Work::FunSize(start) => {
                let size = u32::try_from(self.output.position() - start).map_err(|_| SystemLimit)?;
                self.output.patch(start, size);
            }
            Work::Seal(start) => {
                let seal = local_seal(context.local_key(), self.output.since(start));
                self.output.patch(start - 4, seal);
            }
        }
        Ok(done)
    }
    fn term(&mut self, term: Term<'h>, context: &dyn EncodeContext) -> Result<(), SystemLimit> {
        match term.value() {
            Value::Small(value) => self.small(value),
            Value::Big(big) => self.big(big)?,
            Value::Float(value) => self.float(value),
            Value::Atom(atom) => self.atom(atom, context),
            Value::Nil => self.byte(tag::NIL),
            Value::Cons(_) => self.list(term),
            Value::Tuple(tuple) => {
                self.tuple_head(tuple.elements().len())?;
                self.work.push(Work::Terms(tuple.elements()));
            }
            Value::Map(map) => self.map(map, context)?,
            Value::Bits(bits) => self.bits(bits)?,
            Value::Pid(pid) => self.pid(pid, context),
            Value::ExternalPid(pid) => {
                self.byte(tag::NEW_PID);
                self.atom(pid.node(), context);
                self.u32(pid.id() as u32);
                self.u32((pid.id() >> 32) as u32);
                self.u32(pid.creation());
            }
            Value::Port(port) => {
                self.byte(tag::V4_PORT);
                let creation = self.this_node(context);
                self.output.put(&port.0.to_be_bytes());
                self.u32(creation);
            }
            Value::ExternalPort(port) => {
                self.byte(tag::V4_PORT);
                self.atom(port.node(), context);
                self.output.put(&port.id().to_be_bytes());
                self.u32(port.creation());
            }
            Value::Reference(reference) => {
                let words = reference_words(reference);
                self.reference_head(&words);
                let creation = self.this_node(context);
                self.reference_tail(creation, &words);
            }
            Value::ExternalReference(reference) => {
                let words = reference.reference_ids();
                self.reference_head(&words);
                self.atom(reference.node(), context);
                self.reference_tail(reference.creation(), &words);
            }
            Value::Fun(fun) => self.fun(fun, context)?,
            Value::ExternalFun(fun) => {
                let export = fun.export();
                self.byte(tag::EXPORT);
                self.atom(export.module, context);
                self.atom(export.function, context);
                self.small(export.arity.into());
            }
        }
        Ok(())
    }

    // --- numbers and bits ----------------------------------------------------------------------------------------

    fn byte(&mut self, byte: u8) {
        self.output.put(&[byte]);
    }
    fn u32(&mut self, value: u32) {
        self.output.put(&value.to_be_bytes());
    }
    fn length(&mut self, length: usize) -> Result<(), SystemLimit> {
        self.u32(u32::try_from(length).map_err(|_| SystemLimit)?);
        Ok(())
    }
    fn small(&mut self, value: i64) {
        if let Ok(byte) = u8::try_from(value) {
            self.output.put(&[tag::SMALL_INTEGER, byte]);
        } else if let Ok(word) = i32::try_from(value) {
            let [a, b, c, d] = word.to_be_bytes();
            self.output.put(&[tag::INTEGER, a, b, c, d]);
        } else {
            let magnitude = value.unsigned_abs().to_le_bytes();
            let length = magnitude.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            self.output.put(&[tag::SMALL_BIG, length as u8, u8::from(value < 0)]);
            self.output.put(&magnitude[..length]);
        }
    }
    fn big(&mut self, big: Big<'_>) -> Result<(), SystemLimit> {
        let limbs = big.limbs();
        let leading = limbs.last().map_or(0, |limb| limb.leading_zeros() as usize / 8);
        let length = limbs.len() * 8 - leading;
        match u8::try_from(length) {
            Ok(length) => self.output.put(&[tag::SMALL_BIG, length]),
            Err(_) => {
                self.byte(tag::LARGE_BIG);
                self.length(length)?;
            }
        }
        self.byte(big.is_negative().into());
        let mut left = length;
        for limb in limbs {
            let bytes = limb.to_le_bytes();
            let take = left.min(bytes.len());
            self.output.put(&bytes[..take]);
            left -= take;
        }
        Ok(())
    }
    fn float(&mut self, value: f64) {
        if self.options.minor_version > 0 {
            self.byte(tag::NEW_FLOAT);
            self.output.put(&value.to_bits().to_be_bytes());
            return;
        }
        self.byte(tag::FLOAT);
        let text = format!("{value:.20e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', exponent),
        };
        let mut text = format!("{mantissa}e{sign}{digits:0>2}").into_bytes();
        text.resize(FLOAT_TEXT_BYTES, 0);
        self.output.put(&text);
    }
    fn bits(&mut self, bits: Bits<'_>) -> Result<(), SystemLimit> {
        let last_bits = bits.bit_size() % 8;
        self.byte(if last_bits == 0 { tag::BINARY } else { tag::BIT_BINARY });
        self.length(bits.byte_size())?;
        if last_bits != 0 {
            self.byte(last_bits as u8);
        }
        if self.options.note_binaries && bits.bit_size() > 8 * HEAP_BINARY_BYTES_MAX && bits.bit_offset() % 8 == 0 {
            let start = self.output.position();
            self.large_binaries.push(start..start + bits.bit_size() / 8);
        }
        self.output.put_bits(bits);
        Ok(())
    }

    // --- atoms, pids, references ---------------------------------------------------------------------------------

    fn atom(&mut self, atom: Atom, context: &dyn EncodeContext) {
        if self.options.atom_cache
            && let Some(index) = context.cache_index(atom)
        {
            self.output.put(&[tag::ATOM_CACHE_REF, index]);
            return;
        }
        let text = context.atoms().text(atom);
        let latin1 = self.options.minor_version < 2 && text.chars().all(|character| u32::from(character) <= 0xff);
        if latin1 {
            let bytes: Vec<u8> = text.chars().map(|character| character as u8).collect();
            self.byte(tag::ATOM);
            self.output.put(&(bytes.len() as u16).to_be_bytes());
            self.output.put(&bytes);
            return;
        }
        match u8::try_from(text.len()) {
            Ok(length) => self.output.put(&[tag::SMALL_ATOM_UTF8, length]),
            Err(_) => {
                self.byte(tag::ATOM_UTF8);
                self.output.put(&(text.len() as u16).to_be_bytes());
            }
        }
        self.output.put(text.as_bytes());
    }
    /// Names this node, and gives the creation to write.
    fn this_node(&mut self, context: &dyn EncodeContext) -> u32 {
        if self.options.local {
            self.byte(tag::NIL);
            return 0;
        }
        let node = context.node();
        self.atom(node.name, context);
        node.creation
    }
    fn pid(&mut self, pid: Pid, context: &dyn EncodeContext) {
        self.byte(tag::NEW_PID);
        let creation = self.this_node(context);
        self.u32(pid.number);
        self.u32(pid.serial);
        self.u32(creation);
    }
    fn reference_head(&mut self, words: &[u32]) {
        self.byte(tag::NEWER_REFERENCE);
        self.output.put(&(words.len() as u16).to_be_bytes());
    }
    fn reference_tail(&mut self, creation: u32, words: &[u32]) {
        self.u32(creation);
        for &word in words {
            self.u32(word);
        }
    }

    // --- containers ----------------------------------------------------------------------------------------------

    fn list(&mut self, list: Term<'h>) {
        if let Some(length) = string_length(list) {
            let [high, low] = length.to_be_bytes();
            self.output.put(&[tag::STRING, high, low]);
            self.output.put_string(list, length);
            return;
        }
        self.byte(tag::LIST);
        let count_at = self.output.position();
        self.u32(0);
        self.work.push(Work::List { rest: list, count: 0, count_at });
    }
    fn tuple_head(&mut self, arity: usize) -> Result<(), SystemLimit> {
        match u8::try_from(arity) {
            Ok(arity) => self.output.put(&[tag::SMALL_TUPLE, arity]),
            Err(_) => {
                self.byte(tag::LARGE_TUPLE);
                self.length(arity)?;
            }
        }
        Ok(())
    }
    fn map(&mut self, map: Term<'h>, context: &dyn EncodeContext) -> Result<(), SystemLimit> {
        self.byte(tag::MAP);
        self.length(map.map_size())?;
        if self.options.deterministic {
            let mut pairs: Vec<(Term<'h>, Term<'h>)> = map.map_iter().collect();
            pairs.sort_by(|(a, _), (b, _)| b.compare_exact(*a, context.atoms()));
            self.work.push(Work::Stacked(pairs));
        } else if map.boxed_kind() == Some(Kind::HashMap) {
            // OTP 27 writes large maps in the order of `maps:keys/1`, which is that of iterators backwards.
            self.work.push(Work::Stacked(map.map_iter().collect()));
        } else {
            self.work.push(Work::Pairs(map.map_iter()));
        }
        Ok(())
    }
    fn fun(&mut self, fun: Fun<'h>, context: &dyn EncodeContext) -> Result<(), SystemLimit> {
        let (entry, environment) = (fun.entry(), fun.environment());
        self.byte(tag::NEW_FUN);
        self.work.push(Work::FunSize(self.output.position()));
        self.u32(0);
        self.byte(entry.arity);
        self.output.put(&entry.uniq);
        self.u32(entry.index);
        self.length(environment.len())?;
        self.atom(entry.module, context);
        self.small(entry.index.into());
        self.small(entry.old_uniq.into());
        self.pid(context.init_process(), context);
        self.work.push(Work::Terms(environment));
        Ok(())
    }
}

/// The length of a list of nothing but bytes that is short enough to be written as a string.
fn string_length(list: Term<'_>) -> Option<u16> {
    let mut walk = list.list_iter();
    let mut length = 0u16;
    for element in walk.by_ref() {
        u8::try_from(element.as_small()?).ok()?;
        length = length.checked_add(1)?;
    }
    walk.tail().is_nil().then_some(length)
}

/// Does writing the term leave work for later?
#[inline(always)]
fn has_parts(term: Term<'_>) -> bool {
    term.word().is_cons() || matches!(term.boxed_kind(), Some(Kind::Tuple | Kind::FlatMap | Kind::HashMap | Kind::Fun))
}
