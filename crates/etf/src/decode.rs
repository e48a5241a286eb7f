//! `binary_to_term`: bytes to terms, with an explicit stack of the containers that are not full yet.
//!
//! Finished terms wait on `values`; each open container knows how many it still lacks. When the last one arrives, the
//! container is built from the top of `values` and becomes a value itself.

use crate::compress::inflate;
use crate::context::{REFERENCE_FIRST_BITS, local_seal};
use crate::reader::Reader;
use crate::{DecodeContext, DecodeError, FunIdentity, tag};
use oxbeam_term::{ATOM_CHARACTERS_MAX, Atom, BIG_BITS_MAX, Heap, Pid, Port, Term};

/// Options of `binary_to_term/2`, and what the distribution needs.
#[derive(Clone, Copy, Default, Debug)]
pub struct DecodeOptions {
    /// Make no new atoms and exports.
    pub safe: bool,
    /// Accept references to a distribution message's atoms ([`DecodeContext::cached_atom`]).
    pub atom_cache: bool,
}

/// A decoded term.
#[derive(Clone, Copy, Debug)]
pub struct Decoded<'h> {
    /// The term.
    pub term: Term<'h>,
    /// How many bytes it took, from the 131 on (`used`).
    pub used: usize,
}

/// Decodes the external term that `bytes` start with.
pub fn decode<'h>(
    bytes: &[u8],
    heap: &'h Heap,
    context: &dyn DecodeContext,
    options: DecodeOptions,
) -> Result<Decoded<'h>, DecodeError> {
    let mut decoder = Decoder::new(options);
    loop {
        let mut budget = usize::MAX;
        if let Some(decoded) = decoder.step(bytes, heap, context, &mut budget)? {
            return Ok(decoded);
        }
    }
}

/// Largest creation that the old, one-byte formats may hold.
const TINY_CREATION_MAX: u32 = 3;
const REFERENCE_WORDS_MAX: usize = 5;
const PID_PART_MAX: u32 = (1 << 28) - 1;
const PORT_NUMBER_MAX: u64 = (1 << 56) - 1;
const FUN_FREE_MAX: u32 = 255;
const FLOAT_TEXT_BYTES: usize = 31;
/// Bytes of a binary copied for one unit of a step's budget.
const BYTES_PER_UNIT: usize = 64;

/// A container that lacks some of its terms.
struct Open {
    kind: OpenKind,
    /// How many terms it consists of.
    count: usize,
    /// How many of them are still to come.
    lacking: usize,
}

enum OpenKind {
    Tuple,
    /// The last term is the tail.
    List,
    /// Keys and values alternate.
    Map,
    Fun(Box<FunIdentity>),
    /// A term in the `local` format that starts at `start`.
    Local {
        start: usize,
        seal: u32,
    },
}

/// What a tag led to.
enum Read<'h> {
    Value(Term<'h>),
    Open(OpenKind, usize),
}

/// A decode under way. It may be left between steps as long as its heap is not collected.
pub struct Decoder<'h> {
    options: DecodeOptions,
    started: bool,
    /// What a compressed term inflated to, and how many input bytes that took.
    inflated: Option<(Vec<u8>, usize)>,
    position: usize,
    values: Vec<Term<'h>>,
    open: Vec<Open>,
    /// How many of `open` are [`OpenKind::Local`].
    local_depth: usize,
    recent: RecentAtoms,
}

impl<'h> Decoder<'h> {
    /// A decode that has not begun.
    pub fn new(options: DecodeOptions) -> Decoder<'h> {
        Decoder {
            options,
            started: false,
            inflated: None,
            position: 1,
            values: Vec::new(),
            open: Vec::new(),
            local_depth: 0,
            recent: RecentAtoms::default(),
        }
    }
    /// A decode of a term without a version byte, as they stand in messages between nodes.
    pub(crate) fn without_version(options: DecodeOptions) -> Decoder<'h> {
        Decoder { started: true, position: 0, ..Decoder::new(options) }
    }
    /// Goes on for about `budget` terms, which it counts down; `None` when that is used up. `bytes`, `heap` and
    /// `context` are the same at each step. (Inflating a compressed term is part of the first step.)
    pub fn step(
        &mut self,
        bytes: &[u8],
        heap: &'h Heap,
        context: &dyn DecodeContext,
        budget: &mut usize,
    ) -> Result<Option<Decoded<'h>>, DecodeError> {
        if !self.started {
            self.start(bytes, budget)?;
        }
        let inflated = self.inflated.take();
        let source = inflated.as_ref().map_or(bytes, |(source, _)| source);
        let (reader, options, recent) = (Reader::new(source, self.position), self.options, self.recent);
        let mut terms = Terms { reader, heap, context, options, local: false, recent };
        let finished = self.run(&mut terms, budget);
        self.position = terms.reader.position();
        self.recent = terms.recent;
        let used = inflated.as_ref().map_or(self.position, |(_, used)| *used);
        self.inflated = inflated;
        Ok(finished?.map(|term| Decoded { term, used }))
    }
    fn start(&mut self, bytes: &[u8], budget: &mut usize) -> Result<(), DecodeError> {
        match bytes {
            [tag::VERSION, tag::COMPRESSED, a, b, c, d, compressed @ ..] => {
                let size = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
                let (inflated, used) = inflate(compressed, size)?;
                *budget = budget.saturating_sub(size / BYTES_PER_UNIT);
                self.inflated = Some((inflated, used + 6));
                self.position = 0;
            }
            [tag::VERSION, ..] => {}
            [] => return Err(DecodeError::Truncated),
            _ => return Err(DecodeError::Version),
        }
        self.started = true;
        Ok(())
    }
    fn run(&mut self, terms: &mut Terms<'_, 'h>, budget: &mut usize) -> Result<Option<Term<'h>>, DecodeError> {
        while *budget > 0 {
            let before = terms.reader.position();
            terms.local = self.local_depth > 0;
            match terms.read()? {
                Read::Value(value) => {
                    self.values.push(value);
                    self.close_full(terms)?;
                }
                Read::Open(kind, count) => {
                    self.local_depth += usize::from(matches!(kind, OpenKind::Local { .. }));
                    self.open.push(Open { kind, count, lacking: count });
                }
            }
            let work = 1 + (terms.reader.position() - before) / BYTES_PER_UNIT;
            *budget = budget.saturating_sub(work);
            if self.open.is_empty() {
                return Ok(self.values.pop());
            }
        }
        Ok(None)
    }
    /// A value has arrived: builds the containers that it makes full.
    fn close_full(&mut self, terms: &Terms<'_, 'h>) -> Result<(), DecodeError> {
        while let Some(container) = self.open.last_mut() {
            container.lacking -= 1;
            if container.lacking > 0 {
                break;
            }
            let count = container.count;
            let first = self.values.len() - count;
            let parts = &self.values[first..];
            let value = match &container.kind {
                OpenKind::Tuple => terms.heap.tuple(parts),
                OpenKind::List => terms.heap.list_with_tail(&parts[..count - 1], parts[count - 1]),
                OpenKind::Map => terms.map(parts)?,
                OpenKind::Fun(identity) => terms.fun(identity, parts)?,
                OpenKind::Local { start, seal } => {
                    if local_seal(terms.context.local_key(), terms.reader.since(*start)) != *seal {
                        return Err(DecodeError::Seal);
                    }
                    self.local_depth -= 1;
                    parts[0]
                }
            };
            self.values.truncate(first);
            self.values.push(value);
            self.open.pop();
        }
        Ok(())
    }
}

/// The name in a pid, port or reference.
#[derive(Clone, Copy)]
enum NodeName {
    /// This node, whatever it is called (only within the `local` format).
    This,
    Named(Atom),
}

/// Reads single terms and the heads of containers.
struct Terms<'c, 'h> {
    reader: Reader<'c>,
    heap: &'h Heap,
    context: &'c dyn DecodeContext,
    options: DecodeOptions,
    /// Within the `local` format?
    local: bool,
    recent: RecentAtoms,
}

const RECENT_ATOMS: usize = 16;

/// Atoms that were just read: most terms name few of them again and again, and to compare with a text that is known takes
/// less than to look it up.
#[derive(Clone, Copy)]
struct RecentAtoms([Atom; RECENT_ATOMS]);

impl Default for RecentAtoms {
    fn default() -> RecentAtoms {
        RecentAtoms([Atom(0); RECENT_ATOMS])
    }
}

impl RecentAtoms {
    /// Where the atom with this name stands, if it does.
    fn place(&mut self, name: &[u8]) -> &mut Atom {
        let ends =
            name.first().zip(name.last()).map_or(0, |(first, last)| usize::from(*first) * 7 + usize::from(*last));
        &mut self.0[(name.len() + ends) % RECENT_ATOMS]
    }
}

impl<'h> Terms<'_, 'h> {
    fn read(&mut self) -> Result<Read<'h>, DecodeError> {
        let tag = self.reader.u8()?;
        let value = match tag {
            tag::SMALL_INTEGER | tag::INTEGER | tag::SMALL_BIG | tag::LARGE_BIG => self.integer(tag)?,
            tag::NEW_FLOAT => finite(f64::from_bits(self.reader.u64()?)).map(|value| self.heap.float(value))?,
            tag::FLOAT => float_text(self.reader.take(FLOAT_TEXT_BYTES)?).map(|value| self.heap.float(value))?,
            tag::NIL => Term::NIL,
            tag::STRING => {
                let length = self.reader.u16()?;
                self.heap.byte_list(self.reader.take(length.into())?, Term::NIL)
            }
            tag::BINARY => {
                let length = self.reader.u32()? as usize;
                self.heap.binary(self.reader.take(length)?)
            }
            tag::BIT_BINARY => self.bitstring()?,
            tag::PID | tag::NEW_PID => self.pid(tag)?,
            tag::PORT | tag::NEW_PORT | tag::V4_PORT => self.port(tag)?,
            tag::REFERENCE | tag::NEW_REFERENCE | tag::NEWER_REFERENCE => self.reference(tag)?,
            tag::EXPORT => self.export()?,
            tag::NEW_FUN => return self.fun_head(),
            tag::SMALL_TUPLE | tag::LARGE_TUPLE => {
                let count = if tag == tag::SMALL_TUPLE { self.reader.u8()?.into() } else { self.reader.count()? };
                match count {
                    0 => self.heap.tuple(&[]),
                    _ => return Ok(Read::Open(OpenKind::Tuple, count)),
                }
            }
            tag::LIST => return Ok(Read::Open(OpenKind::List, self.reader.count()? + 1)),
            tag::MAP => {
                let count = self.reader.count()?.saturating_mul(2);
                match count {
                    0 => self.map(&[])?,
                    _ if count > self.reader.left() => return Err(DecodeError::Truncated),
                    _ => return Ok(Read::Open(OpenKind::Map, count)),
                }
            }
            tag::LOCAL => {
                let seal = self.reader.u32()?;
                return Ok(Read::Open(OpenKind::Local { start: self.reader.position(), seal }, 1));
            }
            other => Term::atom(self.atom_of(other)?),
        };
        Ok(Read::Value(value))
    }

    // --- numbers and bits ----------------------------------------------------------------------------------------

    fn integer(&mut self, tag: u8) -> Result<Term<'h>, DecodeError> {
        let length = match tag {
            tag::SMALL_INTEGER => return Ok(Term::small(self.reader.u8()?.into())),
            tag::INTEGER => return Ok(Term::small((self.reader.u32()? as i32).into())),
            tag::SMALL_BIG => self.reader.u8()?.into(),
            _ => self.reader.u32()? as usize,
        };
        let negative = self.reader.u8()? != 0;
        let magnitude = self.reader.take(length)?;
        // One limb less than the machine's limit, as in OTP, whatever zeros lead.
        if length as u64 > BIG_BITS_MAX / 8 - 8 {
            return Err(DecodeError::Integer);
        }
        if length < 8 {
            let mut bytes = [0; 8];
            bytes[..length].copy_from_slice(magnitude);
            let value = i64::from_le_bytes(bytes);
            return Ok(self.heap.integer(if negative { -value } else { value }));
        }
        Ok(self.heap.integer_from_bytes(magnitude, negative))
    }
    /// An integer within a fun or export, which fits 32 bits in all that compilers make.
    fn plain_integer(&mut self) -> Result<u32, DecodeError> {
        let tag = self.reader.u8()?;
        if !matches!(tag, tag::SMALL_INTEGER | tag::INTEGER | tag::SMALL_BIG) {
            return Err(DecodeError::Fun);
        }
        let value = self.integer(tag)?;
        value.as_small().and_then(|value| u32::try_from(value).ok()).ok_or(DecodeError::Fun)
    }
    fn bitstring(&mut self) -> Result<Term<'h>, DecodeError> {
        let length = self.reader.u32()? as usize;
        let last_bits = usize::from(self.reader.u8()?);
        if length == 0 || !(1..=8).contains(&last_bits) {
            return Err(DecodeError::Bits);
        }
        let bytes = self.reader.take(length)?;
        Ok(self.heap.bitstring_from_vec(bytes.to_vec(), (length - 1) * 8 + last_bits))
    }

    // --- atoms ---------------------------------------------------------------------------------------------------

    fn atom(&mut self) -> Result<Atom, DecodeError> {
        let tag = self.reader.u8()?;
        self.atom_of(tag)
    }
    fn atom_of(&mut self, tag: u8) -> Result<Atom, DecodeError> {
        let length = match tag {
            tag::SMALL_ATOM | tag::SMALL_ATOM_UTF8 => self.reader.u8()?.into(),
            tag::ATOM | tag::ATOM_UTF8 => self.reader.u16()?,
            tag::ATOM_CACHE_REF if self.options.atom_cache => {
                let index = self.reader.u8()?;
                return self.context.cached_atom(index).ok_or(DecodeError::Atom);
            }
            other => return Err(DecodeError::Tag(other)),
        };
        let bytes = self.reader.take(length.into())?;
        if matches!(tag, tag::ATOM_UTF8 | tag::SMALL_ATOM_UTF8) {
            let recent = *self.recent.place(bytes);
            if self.context.atoms().text(recent).as_bytes() == bytes {
                return Ok(recent);
            }
            let text = std::str::from_utf8(bytes).map_err(|_| DecodeError::Atom)?;
            if bytes.len() > ATOM_CHARACTERS_MAX && text.chars().count() > ATOM_CHARACTERS_MAX {
                return Err(DecodeError::Atom);
            }
            let atom = self.intern(text)?;
            *self.recent.place(bytes) = atom;
            return Ok(atom);
        }
        if bytes.len() > ATOM_CHARACTERS_MAX {
            return Err(DecodeError::Atom);
        }
        let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
        self.intern(&text)
    }
    fn intern(&self, text: &str) -> Result<Atom, DecodeError> {
        let atoms = self.context.atoms();
        if self.options.safe {
            return atoms.existing(text).ok_or(DecodeError::NotExisting);
        }
        atoms.intern(text).ok_or(DecodeError::AtomTableFull)
    }

    // --- pids, ports, references ---------------------------------------------------------------------------------

    fn node_name(&mut self) -> Result<NodeName, DecodeError> {
        match self.reader.u8()? {
            tag::NIL if self.local => Ok(NodeName::This),
            tag => Ok(NodeName::Named(self.atom_of(tag)?)),
        }
    }
    /// A creation of four bytes, or of one as the old formats had it.
    fn creation(&mut self, tiny: bool) -> Result<u32, DecodeError> {
        if !tiny {
            return self.reader.u32();
        }
        let creation = self.reader.u8()?.into();
        if creation <= TINY_CREATION_MAX { Ok(creation) } else { Err(DecodeError::Identifier) }
    }
    /// The name of another node; `None` for this one: its name and creation must both be the present ones.
    fn other_node(&self, name: NodeName, creation: u32) -> Option<Atom> {
        let this = self.context.node();
        match name {
            NodeName::Named(name) if name != this.name || creation != this.creation => Some(name),
            _ => None,
        }
    }
    fn pid(&mut self, tag: u8) -> Result<Term<'h>, DecodeError> {
        let name = self.node_name()?;
        let (number, serial) = (self.reader.u32()?, self.reader.u32()?);
        let creation = self.creation(tag == tag::PID)?;
        if let Some(node) = self.other_node(name, creation) {
            return Ok(self.heap.external_pid(node, creation, number, serial));
        }
        if number > PID_PART_MAX || serial > PID_PART_MAX {
            return Err(DecodeError::Identifier);
        }
        Ok(Term::pid(Pid { number, serial }))
    }
    fn port(&mut self, tag: u8) -> Result<Term<'h>, DecodeError> {
        let name = self.node_name()?;
        let number = if tag == tag::V4_PORT { self.reader.u64()? } else { self.reader.u32()?.into() };
        let creation = self.creation(tag == tag::PORT)?;
        if let Some(node) = self.other_node(name, creation) {
            return Ok(self.heap.external_port(node, creation, number));
        }
        if number > PORT_NUMBER_MAX {
            return Err(DecodeError::Identifier);
        }
        Ok(Term::port(Port(number)))
    }
    fn reference(&mut self, tag: u8) -> Result<Term<'h>, DecodeError> {
        let count = if tag == tag::REFERENCE { 1 } else { self.reader.u16()?.into() };
        if !(1..=REFERENCE_WORDS_MAX).contains(&count) {
            return Err(DecodeError::Identifier);
        }
        let name = self.node_name()?;
        let mut words = [0; REFERENCE_WORDS_MAX];
        let creation;
        if tag == tag::REFERENCE {
            words[0] = self.reader.u32()?;
            creation = self.creation(true)?;
        } else {
            creation = self.creation(tag == tag::NEW_REFERENCE)?;
            for word in &mut words[..count] {
                *word = self.reader.u32()?;
            }
        }
        let other = self.other_node(name, creation);
        if (other.is_none() || tag != tag::NEWER_REFERENCE) && words[0] >= 1 << REFERENCE_FIRST_BITS {
            return Err(DecodeError::Identifier);
        }
        match other {
            Some(node) => Ok(self.heap.external_reference(node, creation, &words[..count])),
            None => self.context.reference(self.heap, &words[..count.max(3)]).ok_or(DecodeError::Identifier),
        }
    }

    // --- funs and maps -------------------------------------------------------------------------------------------

    fn export(&mut self) -> Result<Term<'h>, DecodeError> {
        let (module, function) = (self.atom()?, self.atom()?);
        let arity = u8::try_from(self.plain_integer()?).map_err(|_| DecodeError::Fun)?;
        let export = self.context.export(module, function, arity, self.options.safe);
        Ok(self.heap.external_fun(export.ok_or(DecodeError::NotExisting)?))
    }
    fn fun_head(&mut self) -> Result<Read<'h>, DecodeError> {
        // The size is not used: OTP wrote wrong ones.
        self.reader.u32()?;
        let (arity, uniq, index) = (self.reader.u8()?, self.reader.array()?, self.reader.u32()?);
        let free_count = self.reader.u32()?;
        if free_count > FUN_FREE_MAX {
            return Err(DecodeError::Fun);
        }
        let module = self.atom()?;
        let (old_index, old_uniq) = (self.plain_integer()?, self.plain_integer()?);
        // The creator means nothing, but must be a pid.
        match self.reader.u8()? {
            tag @ (tag::PID | tag::NEW_PID) => self.pid(tag)?,
            _ => return Err(DecodeError::Fun),
        };
        let identity = FunIdentity { module, uniq, index, old_index, old_uniq, arity, free_count };
        match free_count {
            0 => Ok(Read::Value(self.fun(&identity, &[])?)),
            _ => Ok(Read::Open(OpenKind::Fun(Box::new(identity)), free_count as usize)),
        }
    }
    fn fun(&self, identity: &FunIdentity, environment: &[Term<'h>]) -> Result<Term<'h>, DecodeError> {
        self.context.fun(self.heap, identity, environment).ok_or(DecodeError::Fun)
    }
    fn map(&self, parts: &[Term<'h>]) -> Result<Term<'h>, DecodeError> {
        let pairs: Vec<(Term<'h>, Term<'h>)> = parts.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        let map = self.heap.map_from_pairs(&pairs, self.context.atoms());
        if map.map_size() == pairs.len() { Ok(map) } else { Err(DecodeError::DuplicateKey) }
    }
}

fn finite(value: f64) -> Result<f64, DecodeError> {
    if value.is_finite() { Ok(value) } else { Err(DecodeError::Float) }
}

/// A float's text, filled up with zeros: digits, a point or comma, digits, and maybe an exponent.
fn float_text(bytes: &[u8]) -> Result<f64, DecodeError> {
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or(&[]);
    let text = std::str::from_utf8(text).map_err(|_| DecodeError::Float)?.replace(',', ".");
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(&text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => (unsigned, "0"),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match mantissa.split_once('.') {
        Some((whole, fraction)) if digits(whole) && digits(fraction) && digits(exponent) => {
            finite(text.parse().map_err(|_| DecodeError::Float)?)
        }
        _ => Err(DecodeError::Float),
    }
}
