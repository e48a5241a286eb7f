//! The chunks that are tables: atoms, imports, exports, lambdas, literals, lines and types.

use std::ops::Range;

use flate2::{Decompress, FlushDecompress, Status};

use crate::container::INFLATED_SIZE_MAX;
use crate::reader::{Fault, Reader, TRUNCATED, tag};

/// Most arguments that a function may have.
const ARITY_MAX: u32 = 255;

/// Most characters that an atom may have.
const ATOM_CHARACTERS_MAX: usize = 255;

/// Index into [`BeamFile::atoms`](crate::BeamFile::atoms), counted from 0.
///
/// The file counts from 1: its atom operand *n* is our *n* - 1, and its 0, the empty list, is
/// [`Operand::Nil`](crate::Operand::Nil) here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AtomIndex(pub u32);

impl AtomIndex {
    /// The place in the table.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// From the file's number, which must be below or equal to the number of atoms.
    fn from_file(number: u32, atom_count: usize) -> Result<AtomIndex, Fault> {
        match number.checked_sub(1) {
            Some(index) if (index as usize) < atom_count => Ok(AtomIndex(index)),
            _ => Err(Fault("there is no such atom")),
        }
    }
}

/// A function of another module (or this one) that the code calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Import {
    /// Its module.
    pub module: AtomIndex,
    /// Its name.
    pub function: AtomIndex,
    /// Its number of arguments.
    pub arity: u32,
}

/// A function of this module: one that is exported, or one that is local.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its name.
    pub function: AtomIndex,
    /// Its number of arguments.
    pub arity: u32,
    /// Its entry label.
    pub label: u32,
}

/// A function that `make_fun3` makes funs of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lambda {
    /// Name of the local function that holds its code.
    pub function: AtomIndex,
    /// Number of arguments of that function: those of the fun and the free variables.
    pub arity: u32,
    /// That function's entry label.
    pub label: u32,
    /// Number of the fun within the module, as `erlang:fun_info/2` tells it.
    pub index: u32,
    /// Number of free variables; they are the last arguments.
    pub free_count: u32,
    /// Bits of the module's MD5, part of the fun's identity.
    pub old_uniq: u32,
}

/// The literals, each as bytes of the external term format (starting with 131).
#[derive(Clone, Debug, Default)]
pub struct Literals {
    bytes: Vec<u8>,
    ranges: Vec<Range<u32>>,
}

impl Literals {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Forgets the bytes; how many there are stays known.
    pub(crate) fn forget(&mut self) {
        self.bytes = Vec::new();
    }

    /// The bytes of one.
    pub fn get(&self, index: u32) -> Option<&[u8]> {
        let range = self.ranges.get(index as usize)?;
        self.bytes.get(range.start as usize..range.end as usize)
    }

    /// The bytes of each, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + '_ {
        self.ranges.iter().map(|range| self.bytes.get(range.start as usize..range.end as usize).unwrap_or(&[]))
    }
}

/// A place in a source file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineEntry {
    /// Index into [`Lines::files`].
    pub file: u32,
    /// Line, from 1; 0 when it is not known.
    pub line: u32,
}

/// Where instructions come from. The operand of `line` and `executable_line` indexes `entries`.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// Bit 0: there are `executable_line` instructions; bit 1: count them even without coverage.
    pub flags: u32,
    /// How many `line` and `executable_line` instructions there are.
    pub instruction_count: u32,
    /// The first is the module's name with `.erl`. Empty when there is no table.
    pub files: Vec<String>,
    /// The first is the unknown place. Empty when there is no table; then any operand is allowed.
    pub entries: Vec<LineEntry>,
}

/// What the compiler knows of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeEntry {
    /// A bit per type that the value may have, from bit 0: atom, bitstring, cons, float, fun, integer, map, nil,
    /// pid, port, reference, tuple.
    pub types: u16,
    /// Least value, if it is a number.
    pub minimum: Option<i64>,
    /// Greatest value, if it is a number.
    pub maximum: Option<i64>,
    /// Number that divides the size in bits, if it is a bitstring.
    pub unit: Option<u16>,
}

/// The types that operands name. Hints only: code is right without them.
#[derive(Clone, Debug, Default)]
pub struct Types {
    /// Version of the format; 0 when there is no table.
    pub version: u32,
    /// The first is "any". Empty for every version but 3, which is that of OTP 27: its loader ignores others too.
    pub entries: Vec<TypeEntry>,
}

pub(crate) const ANY_TYPE: u16 = 0x0fff;
const TYPES_VERSION: u32 = 3;

pub(crate) fn atoms_utf8(reader: &mut Reader<'_>) -> Result<Vec<String>, Fault> {
    let count = reader.i32()?;
    // A negative count says that lengths are compact numbers (OTP 28).
    let lengths_are_compact = count < 0;
    let count = reader.check_count(count.checked_abs().ok_or(TRUNCATED)?, 1)?;
    let mut atoms = Vec::with_capacity(count);
    for _ in 0..count {
        let length = if lengths_are_compact { compact_length(reader)? } else { usize::from(reader.byte()?) };
        let text = std::str::from_utf8(reader.bytes(length)?).map_err(|_| Fault("an atom is not UTF-8"))?;
        if text.len() > ATOM_CHARACTERS_MAX && text.chars().count() > ATOM_CHARACTERS_MAX {
            return Err(Fault("an atom is too long"));
        }
        atoms.push(text.to_owned());
    }
    at_least_one(atoms)
}

// The real loader does not look at the tag.
fn compact_length(reader: &mut Reader<'_>) -> Result<usize, Fault> {
    let (_, value) = reader.tagged()?;
    reader.unsigned_value(value).and_then(|length| usize::try_from(length).ok()).ok_or(TRUNCATED)
}

pub(crate) fn atoms_latin1(reader: &mut Reader<'_>) -> Result<Vec<String>, Fault> {
    let count = reader.count(1)?;
    let mut atoms = Vec::with_capacity(count);
    for _ in 0..count {
        let length = usize::from(reader.byte()?);
        atoms.push(reader.bytes(length)?.iter().map(|&byte| char::from(byte)).collect());
    }
    at_least_one(atoms)
}

fn at_least_one(atoms: Vec<String>) -> Result<Vec<String>, Fault> {
    if atoms.is_empty() { Err(Fault("there is no module name")) } else { Ok(atoms) }
}

pub(crate) fn imports(reader: &mut Reader<'_>, atom_count: usize) -> Result<Vec<Import>, Fault> {
    let count = reader.count(12)?;
    (0..count)
        .map(|_| {
            Ok(Import {
                module: AtomIndex::from_file(reader.u32()?, atom_count)?,
                function: AtomIndex::from_file(reader.u32()?, atom_count)?,
                arity: arity(reader)?,
            })
        })
        .collect()
}

pub(crate) fn exports(reader: &mut Reader<'_>, atom_count: usize) -> Result<Vec<Export>, Fault> {
    let count = reader.count(12)?;
    (0..count)
        .map(|_| {
            Ok(Export {
                function: AtomIndex::from_file(reader.u32()?, atom_count)?,
                arity: arity(reader)?,
                label: reader.u32()?,
            })
        })
        .collect()
}

fn arity(reader: &mut Reader<'_>) -> Result<u32, Fault> {
    let arity = reader.u32()?;
    if arity <= ARITY_MAX { Ok(arity) } else { Err(Fault("an arity is too big")) }
}

pub(crate) fn lambdas(reader: &mut Reader<'_>, atom_count: usize) -> Result<Vec<Lambda>, Fault> {
    let count = reader.count(24)?;
    let lambdas = (0..count)
        .map(|_| {
            let lambda = Lambda {
                function: AtomIndex::from_file(reader.u32()?, atom_count)?,
                arity: arity(reader)?,
                label: reader.u32()?,
                index: reader.u32()?,
                free_count: reader.u32()?,
                old_uniq: reader.u32()?,
            };
            if lambda.free_count <= lambda.arity {
                Ok(lambda)
            } else {
                Err(Fault("a fun has more free variables than arguments"))
            }
        })
        .collect::<Result<Vec<Lambda>, Fault>>()?;
    // The checksum reads whole entries to the end of the chunk.
    if reader.remaining().is_multiple_of(24) { Ok(lambdas) } else { Err(Fault("it ends in half an entry")) }
}

pub(crate) fn literals(reader: &mut Reader<'_>) -> Result<Literals, Fault> {
    let inflated_size = reader.u32()? as usize;
    let rest = reader.bytes(reader.remaining())?;
    // Since OTP 28 the table is not compressed, and the size says 0.
    let bytes = if inflated_size == 0 { rest.to_vec() } else { inflate(rest, inflated_size)? };
    let mut reader = Reader::new(&bytes);
    let count = reader.count(4)?;
    let mut ranges = Vec::with_capacity(count);
    for _ in 0..count {
        let length = reader.u32()?;
        let start = reader.position() as u32;
        reader.bytes(length as usize)?;
        ranges.push(start..start + length);
    }
    Ok(Literals { bytes, ranges })
}

/// Inflates a zlib stream that claims to give `size` bytes.
fn inflate(compressed: &[u8], size: usize) -> Result<Vec<u8>, Fault> {
    // No stream gives more than 1032 times its own size, so a claim of more is a lie that would cost memory.
    if size > compressed.len().saturating_mul(1032) || size > INFLATED_SIZE_MAX {
        return Err(Fault("its size is a lie"));
    }
    let mut inflated = Vec::with_capacity(size);
    match Decompress::new(true).decompress_vec(compressed, &mut inflated, FlushDecompress::Finish) {
        Ok(Status::StreamEnd) => Ok(inflated),
        Ok(_) => Err(Fault("its compressed data has the wrong size")),
        Err(_) => Err(Fault("its compression is corrupt")),
    }
}

pub(crate) fn lines(reader: &mut Reader<'_>, module: &str) -> Result<Lines, Fault> {
    if reader.u32()? != 0 {
        // Another version: the real loader goes on without it.
        return Ok(Lines::default());
    }
    let flags = reader.u32()?;
    let instruction_count = reader.u32()?;
    let entry_count = reader.count(1)?;
    let file_count = reader.count(2)?;
    let entries = line_entries(reader, entry_count, file_count)?;
    let mut files = Vec::with_capacity(file_count + 1);
    files.push(format!("{module}.erl"));
    for _ in 0..file_count {
        let length = usize::from(reader.u16()?);
        let name = std::str::from_utf8(reader.bytes(length)?).map_err(|_| Fault("a file name is not UTF-8"))?;
        // OTP's loader gives a file without a name the module's.
        files.push(if name.is_empty() { files[0].clone() } else { name.to_owned() });
    }
    Ok(Lines { flags, instruction_count, files, entries })
}

/// Line numbers in the file that the last atom-tagged number named; at first that is the module's own.
fn line_entries(reader: &mut Reader<'_>, entry_count: usize, file_count: usize) -> Result<Vec<LineEntry>, Fault> {
    let mut entries = Vec::with_capacity(entry_count + 1);
    entries.push(LineEntry::default());
    let mut file = 0;
    while entries.len() <= entry_count {
        let (tag, value) = reader.tagged()?;
        let number = match tag {
            tag::ATOM => reader.unsigned_value(value),
            tag::INTEGER => reader.signed_value(value).and_then(|line| u64::try_from(line).ok()),
            _ => return Err(Fault("a line has the wrong tag")),
        };
        let number = number.and_then(|number| u32::try_from(number).ok()).ok_or(Fault("a line is too big"))?;
        if tag == tag::INTEGER {
            entries.push(LineEntry { file, line: number });
        } else if number as usize <= file_count {
            file = number;
        } else {
            return Err(Fault("there is no such file name"));
        }
    }
    Ok(entries)
}

const HAS_MINIMUM: u16 = 1 << 12;
const HAS_MAXIMUM: u16 = 1 << 13;
const HAS_UNIT: u16 = 1 << 14;

pub(crate) fn types(reader: &mut Reader<'_>) -> Result<Types, Fault> {
    let version = reader.u32()?;
    if version != TYPES_VERSION {
        return Ok(Types { version, entries: Vec::new() });
    }
    let count = reader.count(2)?;
    let entries = (0..count).map(|_| type_entry(reader)).collect::<Result<Vec<TypeEntry>, Fault>>()?;
    let any = TypeEntry { types: ANY_TYPE, minimum: None, maximum: None, unit: None };
    match entries.first() {
        Some(first) if TypeEntry { unit: None, ..*first } == any => Ok(Types { version, entries }),
        _ => Err(Fault("the first type is not \"any\"")),
    }
}

fn type_entry(reader: &mut Reader<'_>) -> Result<TypeEntry, Fault> {
    let bits = reader.u16()?;
    let types = bits & ANY_TYPE;
    if types == 0 {
        return Err(Fault("a type is empty"));
    }
    let minimum = if bits & HAS_MINIMUM == 0 { None } else { Some(reader.i64()?) };
    let maximum = if bits & HAS_MAXIMUM == 0 { None } else { Some(reader.i64()?) };
    let unit = if bits & HAS_UNIT == 0 { None } else { Some(u16::from(reader.byte()?) + 1) };
    Ok(TypeEntry { types, minimum, maximum, unit })
}
