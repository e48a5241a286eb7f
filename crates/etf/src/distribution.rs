//! Messages between nodes: what stands in front of the terms, atom caches, fragments.
//!
//! A packet is empty (a tick), or begins with
//!
//! - 112: two terms, each with its version byte ("pass through");
//! - 131, 68: an atom cache header, then two terms without version bytes;
//! - 131, 69: numbers of a sequence and a fragment, an atom cache header, the first part of a message;
//! - 131, 70: numbers of a sequence and a fragment, a further part.
//!
//! Which of them come is agreed on when the connection is made ([`Framing`]).
//!
//! The first term is the control message; some have a second one, the payload.

use crate::atom_cache::{CACHE_SIZE, NEW_ENTRY, SEGMENT_MASK};
use crate::decode::{DecodeOptions, Decoder};
use crate::reader::Reader;
use crate::{DecodeContext, DecodeError, EncodeContext, FunIdentity, Node, tag};
use oxbeam_term::{Atom, AtomTable, Export, Heap, Term};
use std::collections::HashMap;

const PASS_THROUGH: u8 = 112;
const HEADER: u8 = 68;
const FIRST_FRAGMENT: u8 = 69;
const FRAGMENT: u8 = 70;
/// Messages of one peer that may be incomplete at once. Each of its processes has one at most; a peer that has more is
/// not believed.
const INCOMPLETE_MAX: usize = 1 << 16;

/// The receiving end of a connection: atoms that the peer has told, and messages of which parts are here.
pub struct MessageReader {
    framing: Framing,
    cache: Vec<Option<Atom>>,
    incomplete: HashMap<u64, Incomplete>,
}

/// A message of which fragments are missing.
struct Incomplete {
    /// Number of the fragment that comes next; the last one is 1.
    next: u64,
    message: Message,
}

/// A complete message, still in bytes.
#[derive(Debug)]
pub struct Message {
    atoms: Vec<Atom>,
    bytes: Vec<u8>,
    /// Where the control message begins.
    start: usize,
    /// Does each term begin with a version byte?
    versions: bool,
}

/// What a packet is.
enum Part {
    /// A tick.
    Nothing,
    Whole(Head),
    First {
        sequence: u64,
        next: u64,
        head: Head,
    },
    /// A further part, which may complete a message.
    Fragment(Option<Message>),
}

/// What stands in front of a message's terms.
struct Head {
    atoms: Vec<Atom>,
    start: usize,
    versions: bool,
}

impl Head {
    fn message(self, bytes: Vec<u8>) -> Message {
        let Head { atoms, start, versions } = self;
        Message { atoms, bytes, start, versions }
    }
}

/// A packet that is none.
#[derive(Debug)]
pub struct BadPacket {
    /// What is wrong with it.
    pub error: DecodeError,
    /// The packet.
    pub bytes: Vec<u8>,
}

impl MessageReader {
    /// A connection on which nothing has come. Its packets begin as `framing` says.
    pub fn new(framing: Framing) -> MessageReader {
        MessageReader { framing, cache: Vec::new(), incomplete: HashMap::new() }
    }
    /// Takes a packet; gives a message when it completes one. After an error the connection is of no use any more.
    ///
    /// # Errors
    /// When the packet is none: it comes back.
    pub fn packet(&mut self, bytes: Vec<u8>, atoms: &AtomTable) -> Result<Option<Message>, BadPacket> {
        match self.read(&bytes, atoms) {
            Ok(Part::Nothing) => Ok(None),
            Ok(Part::Whole(head)) => Ok(Some(head.message(bytes))),
            Ok(Part::First { sequence, next, head }) => {
                self.incomplete.insert(sequence, Incomplete { next, message: head.message(bytes) });
                Ok(None)
            }
            Ok(Part::Fragment(completed)) => Ok(completed),
            Err(error) => Err(BadPacket { error, bytes }),
        }
    }
    fn read(&mut self, bytes: &[u8], atoms: &AtomTable) -> Result<Part, DecodeError> {
        let mut reader = Reader::new(bytes, 0);
        if reader.left() == 0 {
            return Ok(Part::Nothing);
        }
        match (reader.u8()?, self.framing) {
            (PASS_THROUGH, Framing::PassThrough) => {
                Ok(Part::Whole(Head { atoms: Vec::new(), start: 1, versions: true }))
            }
            (tag::VERSION, Framing::Header | Framing::Fragments) => match reader.u8()? {
                HEADER => Ok(Part::Whole(self.head(&mut reader, atoms)?)),
                kind if self.framing == Framing::Header => Err(DecodeError::Tag(kind)),
                FIRST_FRAGMENT => {
                    let (sequence, fragment) = (reader.u64()?, reader.u64()?);
                    let head = self.head(&mut reader, atoms)?;
                    self.first_fragment(sequence, fragment, head)
                }
                FRAGMENT => {
                    let (sequence, fragment) = (reader.u64()?, reader.u64()?);
                    let start = reader.position();
                    self.fragment(sequence, fragment, bytes.get(start..).unwrap_or(&[])).map(Part::Fragment)
                }
                other => Err(DecodeError::Tag(other)),
            },
            _ => Err(DecodeError::Version),
        }
    }
    fn head(&mut self, reader: &mut Reader<'_>, atoms: &AtomTable) -> Result<Head, DecodeError> {
        let atoms = self.header(reader, atoms)?;
        Ok(Head { atoms, start: reader.position(), versions: false })
    }
    fn first_fragment(&mut self, sequence: u64, fragment: u64, head: Head) -> Result<Part, DecodeError> {
        match fragment {
            0 => Err(DecodeError::Truncated),
            1 => Ok(Part::Whole(head)),
            _ if self.incomplete.len() >= INCOMPLETE_MAX || self.incomplete.contains_key(&sequence) => {
                Err(DecodeError::Truncated)
            }
            _ => Ok(Part::First { sequence, next: fragment - 1, head }),
        }
    }
    fn fragment(&mut self, sequence: u64, fragment: u64, bytes: &[u8]) -> Result<Option<Message>, DecodeError> {
        let known = self.incomplete.get_mut(&sequence).filter(|known| known.next == fragment);
        let known = known.ok_or(DecodeError::Truncated)?;
        known.message.bytes.extend_from_slice(bytes);
        known.next -= 1;
        if known.next > 0 {
            return Ok(None);
        }
        Ok(self.incomplete.remove(&sequence).map(|complete| complete.message))
    }
    /// Reads an atom cache header: the atoms that the terms refer to by index. Takes new ones into the cache.
    fn header(&mut self, reader: &mut Reader<'_>, atoms: &AtomTable) -> Result<Vec<Atom>, DecodeError> {
        let count = usize::from(reader.u8()?);
        if count == 0 {
            return Ok(Vec::new());
        }
        if self.cache.is_empty() {
            self.cache = vec![None; CACHE_SIZE];
        }
        // Half a byte for each atom, and one more that says whether lengths have two bytes.
        let flags = reader.take(count / 2 + 1)?;
        let flag = |index: usize| flags[index / 2] >> (index % 2 * 4) & 0xf;
        let long = flag(count) & 1 != 0;
        let mut referred = Vec::with_capacity(count);
        for index in 0..count {
            let flag = flag(index);
            let at = usize::from(flag & SEGMENT_MASK) << 8 | usize::from(reader.u8()?);
            if flag & NEW_ENTRY != 0 {
                let length = if long { usize::from(reader.u16()?) } else { usize::from(reader.u8()?) };
                let text = std::str::from_utf8(reader.take(length)?).map_err(|_| DecodeError::Atom)?;
                if text.chars().count() > oxbeam_term::ATOM_CHARACTERS_MAX {
                    return Err(DecodeError::Atom);
                }
                self.cache[at] = Some(atoms.intern(text).ok_or(DecodeError::AtomTableFull)?);
            }
            referred.push(self.cache[at].ok_or(DecodeError::Atom)?);
        }
        Ok(referred)
    }
}

impl Message {
    /// A message of one term with its version byte and without any header, as `erts_debug:dist_ext_to_term/2` takes it.
    pub fn with_atoms(atoms: Vec<Atom>, bytes: Vec<u8>) -> Message {
        Message { atoms, bytes, start: 0, versions: true }
    }
    /// Where its control message begins.
    pub fn start(&self) -> usize {
        self.start
    }
    /// The atoms that its terms refer to by index.
    pub fn atoms(&self) -> &[Atom] {
        &self.atoms
    }
    /// Its bytes from `position` to the end.
    pub fn bytes_from(&self, position: usize) -> &[u8] {
        self.bytes.get(position..).unwrap_or(&[])
    }
    /// Bytes of memory that it takes.
    pub fn size(&self) -> usize {
        self.bytes.capacity() + self.atoms.capacity() * size_of::<Atom>()
    }
    /// The control message, and where it ends.
    ///
    /// # Errors
    /// When it is no term.
    pub fn control<'h>(&self, heap: &'h Heap, context: &dyn DecodeContext) -> Result<(Term<'h>, usize), DecodeError> {
        self.term(self.start, heap, context)
    }
    /// The payload that begins where the control message ends.
    ///
    /// # Errors
    /// When it is no term.
    pub fn payload<'h>(
        &self,
        position: usize,
        heap: &'h Heap,
        context: &dyn DecodeContext,
    ) -> Result<Term<'h>, DecodeError> {
        Ok(self.term(position, heap, context)?.0)
    }
    fn term<'h>(
        &self,
        position: usize,
        heap: &'h Heap,
        context: &dyn DecodeContext,
    ) -> Result<(Term<'h>, usize), DecodeError> {
        let context = WithAtoms { context, atoms: &self.atoms };
        let bytes = self.bytes.get(position..).unwrap_or(&[]);
        let options = DecodeOptions { safe: false, atom_cache: true };
        let mut decoder = if self.versions { Decoder::new(options) } else { Decoder::without_version(options) };
        loop {
            let mut budget = usize::MAX;
            if let Some(decoded) = decoder.step(bytes, heap, &context, &mut budget)? {
                return Ok((decoded.term, position + decoded.used));
            }
        }
    }
}

/// A context that knows the atoms of one message.
struct WithAtoms<'c> {
    context: &'c dyn DecodeContext,
    atoms: &'c [Atom],
}

impl EncodeContext for WithAtoms<'_> {
    fn atoms(&self) -> &AtomTable {
        self.context.atoms()
    }
    fn node(&self) -> Node {
        self.context.node()
    }
    fn local_key(&self) -> u64 {
        self.context.local_key()
    }
}

impl DecodeContext for WithAtoms<'_> {
    fn export(&self, module: Atom, function: Atom, arity: u8, existing_only: bool) -> Option<&'static Export> {
        self.context.export(module, function, arity, existing_only)
    }
    fn fun<'h>(&self, heap: &'h Heap, identity: &FunIdentity, environment: &[Term<'h>]) -> Option<Term<'h>> {
        self.context.fun(heap, identity, environment)
    }
    fn reference<'h>(&self, heap: &'h Heap, words: &[u32]) -> Option<Term<'h>> {
        self.context.reference(heap, words)
    }
    fn cached_atom(&self, index: u8) -> Option<Atom> {
        self.atoms.get(usize::from(index)).copied()
    }
}

/// Bytes of a message that one fragment carries.
pub const FRAGMENT_SIZE: usize = 64 * 1024;

/// How a connection's packets begin, as its flags say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// Two terms with version bytes.
    PassThrough,
    /// An atom cache header.
    Header,
    /// As `Header`, and large messages are cut into fragments.
    Fragments,
}

/// A message that goes in one packet: a control message and a payload as [`crate::encode`] writes them. `atoms` is what its header
/// says of atoms ([`crate::SentAtoms::header`]).
pub fn packet(framing: Framing, atoms: &[u8], control: &[u8], payload: &[u8]) -> Vec<u8> {
    if framing == Framing::PassThrough {
        return [&[PASS_THROUGH], control, payload].concat();
    }
    [&[tag::VERSION, HEADER], atoms, without_version(control), without_version(payload)].concat()
}

/// Is the message to be cut into [`Fragments`]?
pub fn needs_fragments(framing: Framing, control: &[u8], payload: &[u8]) -> bool {
    framing == Framing::Fragments && control.len() + payload.len() > FRAGMENT_SIZE + 2
}

fn without_version(term: &[u8]) -> &[u8] {
    term.get(1..).unwrap_or(&[])
}

/// A large message on its way out, packet by packet.
pub struct Fragments {
    sequence: u64,
    /// What the first packet has besides payload, until that has gone.
    head: Option<Vec<u8>>,
    payload: Vec<u8>,
    /// Where the next packet's part of the payload begins.
    position: usize,
}

impl Fragments {
    /// The arguments are those of [`packet`]; `sequence` is a number that no other message in fragments has.
    pub fn new(sequence: u64, atoms: &[u8], control: &[u8], payload: Vec<u8>) -> Fragments {
        // The control message belongs to the first fragment whole.
        let head = Some([atoms, without_version(control)].concat());
        let position = payload.len().min(1);
        Fragments { sequence, head, payload, position }
    }
    /// Bytes that are left.
    pub fn size(&self) -> usize {
        self.head.as_ref().map_or(0, Vec::len) + self.payload.len() - self.position
    }
    /// The next packet; `None` when all have gone.
    pub fn next_packet(&mut self) -> Option<Vec<u8>> {
        let left = self.payload.get(self.position..).unwrap_or(&[]);
        let head = self.head.take();
        if head.is_none() && left.is_empty() {
            return None;
        }
        // They are counted downwards; the last one has the number 1.
        let number = (left.len().div_ceil(FRAGMENT_SIZE) as u64).max(1);
        let kind = if head.is_some() { FIRST_FRAGMENT } else { FRAGMENT };
        let part = &left[..left.len().min(FRAGMENT_SIZE)];
        let numbers = [self.sequence.to_be_bytes(), number.to_be_bytes()].concat();
        let packet = [&[tag::VERSION, kind], &numbers[..], head.as_deref().unwrap_or(&[]), part].concat();
        self.position += part.len();
        Some(packet)
    }
}
