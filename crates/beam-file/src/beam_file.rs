//! A parsed file.

use std::ops::Range;

use md5::{Digest, Md5};

use crate::code::{self, Code, Limits, Outline, TypeIndex};
use crate::container::{self, Chunks};
use crate::error::{ChunkName, LoadError};
use crate::reader::{Fault, Reader};
use crate::tables::{self, AtomIndex, Export, Import, Lambda, Lines, Literals, TypeEntry, Types};

/// A `.beam` file, taken apart.
pub struct BeamFile {
    /// The module's name: the first atom.
    pub module: String,
    /// The atoms; see [`AtomIndex`] for how they are counted.
    pub atoms: Vec<String>,
    /// Whether the atoms came from the chunk that compilers wrote before OTP 20. OTP 27 refuses such files with
    /// "please re-compile this module ..."; here that is left to the loader.
    pub has_latin1_atoms: bool,
    /// What functions there are.
    pub outline: Outline,
    /// Functions that the code calls by the external name.
    pub imports: Vec<Import>,
    /// Functions that others may call.
    pub exports: Vec<Export>,
    /// The other functions; empty when the chunk was stripped.
    pub locals: Vec<Export>,
    /// Functions that become funs.
    pub lambdas: Vec<Lambda>,
    /// Constant terms, encoded.
    pub literals: Literals,
    /// Source lines.
    pub lines: Lines,
    /// Types that operands name.
    pub types: Types,
    /// Identifies the code: what `Module:module_info(md5)` and `beam_lib:md5/1` give.
    pub md5: [u8; 16],
    atom_count: usize,
    code_chunk: Box<[u8]>,
    data: Vec<u8>,
    chunks: Chunks,
}

const ATOMS: ChunkName = ChunkName(*b"AtU8");
const LATIN1_ATOMS: ChunkName = ChunkName(*b"Atom");
const CODE: ChunkName = ChunkName(*b"Code");
const STRINGS: ChunkName = ChunkName(*b"StrT");
const IMPORTS: ChunkName = ChunkName(*b"ImpT");
const EXPORTS: ChunkName = ChunkName(*b"ExpT");
const LAMBDAS: ChunkName = ChunkName(*b"FunT");
const LITERALS: ChunkName = ChunkName(*b"LitT");
const META: ChunkName = ChunkName(*b"Meta");
const LOCALS: ChunkName = ChunkName(*b"LocT");
const LINES: ChunkName = ChunkName(*b"Line");
const TYPES: ChunkName = ChunkName(*b"Type");
const ATTRIBUTES: ChunkName = ChunkName(*b"Attr");
const COMPILE_INFO: ChunkName = ChunkName(*b"CInf");

impl BeamFile {
    /// Parses a file; it may be compressed with gzip as a whole.
    pub fn parse(data: &[u8]) -> Result<BeamFile, LoadError> {
        let data = container::file_bytes(data)?;
        let chunks = container::chunks(&data)?;
        let source = Source { data: &data, chunks: &chunks };

        let code_chunk = source.required(CODE, "missing code chunk")?;
        let (atoms, has_latin1_atoms) = source.atoms()?;
        let module = atoms.first().cloned().unwrap_or_default();
        let atom_count = atoms.len();
        source.required(IMPORTS, "missing import table")?;
        let imports = source.table(IMPORTS, "corrupt import table", |reader| tables::imports(reader, atom_count))?;
        source.required(EXPORTS, "missing export table")?;
        let exports = source.table(EXPORTS, "corrupt export table", |reader| tables::exports(reader, atom_count))?;
        let locals = source.table(LOCALS, "corrupt locals table", |reader| tables::exports(reader, atom_count))?;
        let lambdas = source.table(LAMBDAS, "corrupt lambda table", |reader| tables::lambdas(reader, atom_count))?;
        let literals = source.table(LITERALS, "corrupt literal table", tables::literals)?;
        let lines = source.table(LINES, "corrupt line table", |reader| tables::lines(reader, &module))?;
        let types = source.table(TYPES, "corrupt type table", tables::types)?;
        let limits = Limits {
            atoms: &atoms,
            atom_count,
            imports: imports.len(),
            lambdas: lambdas.len(),
            literals: literals.len(),
            lines: (!lines.entries.is_empty()).then_some(lines.entries.len()),
            types: (!types.entries.is_empty()).then_some(types.entries.len()),
        };
        let mut outline = code::outline(code_chunk, &limits)?;
        check_labels(&outline, &exports, EXPORTS, "corrupt export table")?;
        check_labels(&outline, &locals, LOCALS, "corrupt locals table")?;
        if lambdas.iter().any(|lambda| !outline.defines(lambda.label)) {
            return Err(LoadError::new(LAMBDAS, 0, "corrupt lambda table", "a label is not defined"));
        }
        outline.forget_labels();
        let md5 = source.md5();
        Ok(BeamFile {
            module,
            atoms,
            has_latin1_atoms,
            outline,
            imports,
            exports,
            locals,
            lambdas,
            literals,
            lines,
            types,
            md5,
            atom_count,
            code_chunk: code_chunk.into(),
            data,
            chunks,
        })
    }

    /// The code of one function, by its place in [`Outline::functions`].
    ///
    /// # Errors
    /// None for a function that is there: its code was checked when the file was parsed.
    pub fn function_code(&self, index: usize) -> Result<Code, LoadError> {
        code::parse_function(&self.code_chunk, &self.limits(), &self.outline, index)
    }

    /// The code of all functions.
    ///
    /// # Errors
    /// As [`BeamFile::function_code`].
    pub fn code(&self) -> Result<Code, LoadError> {
        code::parse(&self.code_chunk, &self.limits(), &self.outline)
    }

    fn limits(&self) -> Limits<'_> {
        Limits {
            atoms: &self.atoms,
            atom_count: self.atom_count,
            imports: self.imports.len(),
            lambdas: self.lambdas.len(),
            literals: self.literals.len(),
            lines: (!self.lines.entries.is_empty()).then_some(self.lines.entries.len()),
            types: (!self.types.entries.is_empty()).then_some(self.types.entries.len()),
        }
    }

    /// Bytes of the file, until [`BeamFile::keep_code_only`].
    pub fn size(&self) -> usize {
        self.data.len()
    }

    /// Are these the bytes that were parsed? No for a file that is compressed as a whole.
    pub fn is_parsed_from(&self, bytes: &[u8]) -> bool {
        self.data == bytes
    }

    /// Forgets what [`BeamFile::function_code`] does not need: the texts of atoms, the literals' bytes, and the chunks.
    pub fn keep_code_only(&mut self) {
        (self.atoms, self.data, self.chunks) = (Vec::new(), Vec::new(), Chunks::default());
        self.locals = Vec::new();
        self.literals.forget();
    }

    /// An atom's text.
    pub fn atom(&self, index: AtomIndex) -> &str {
        self.atoms.get(index.index()).map_or("", String::as_str)
    }

    /// What is known of a register's value; `None`: nothing.
    pub fn type_entry(&self, index: TypeIndex) -> Option<&TypeEntry> {
        if index == TypeIndex::ANY { None } else { self.types.entries.get(index.0 as usize) }
    }

    /// The bytes of a chunk; empty ones count as absent.
    pub fn chunk(&self, name: [u8; 4]) -> Option<&[u8]> {
        self.chunks.find(ChunkName(name)).map(|range| bytes(&self.data, range))
    }

    /// The names of all chunks, in the order of the file.
    pub fn chunk_names(&self) -> impl Iterator<Item = ChunkName> + '_ {
        self.chunks.names()
    }

    /// The strings that `bs_create_bin`, `bs_match_string` and others take their bytes from.
    pub fn strings(&self) -> &[u8] {
        self.chunk(STRINGS.0).unwrap_or(&[])
    }

    /// The module's attributes in the external term format, or nothing.
    pub fn attributes(&self) -> &[u8] {
        self.chunk(ATTRIBUTES.0).unwrap_or(&[])
    }

    /// The compiler's remarks in the external term format, or nothing.
    pub fn compile_info(&self) -> &[u8] {
        self.chunk(COMPILE_INFO.0).unwrap_or(&[])
    }

    /// The language features that were used, in the external term format, or nothing.
    pub fn meta(&self) -> &[u8] {
        self.chunk(META.0).unwrap_or(&[])
    }
}

fn bytes(data: &[u8], range: Range<usize>) -> &[u8] {
    data.get(range).unwrap_or(&[])
}

fn check_labels(
    outline: &Outline,
    entries: &[Export],
    chunk: ChunkName,
    message: &'static str,
) -> Result<(), LoadError> {
    match entries.iter().position(|entry| !outline.defines(entry.label)) {
        None => Ok(()),
        Some(index) => Err(LoadError::new(chunk, 4 + 12 * index, message, "a label is not defined")),
    }
}

struct Source<'a> {
    data: &'a [u8],
    chunks: &'a Chunks,
}

impl<'a> Source<'a> {
    fn chunk(&self, name: ChunkName) -> Option<&'a [u8]> {
        self.chunks.find(name).map(|range| bytes(self.data, range))
    }

    fn required(&self, name: ChunkName, message: &'static str) -> Result<&'a [u8], LoadError> {
        self.chunk(name).ok_or_else(|| LoadError::new(name, 0, message, ""))
    }

    /// Reads a chunk; one that is absent gives the empty table.
    fn table<T: Default>(
        &self,
        name: ChunkName,
        message: &'static str,
        read: impl FnOnce(&mut Reader<'_>) -> Result<T, Fault>,
    ) -> Result<T, LoadError> {
        let Some(chunk) = self.chunk(name) else {
            return Ok(T::default());
        };
        let mut reader = Reader::new(chunk);
        read(&mut reader).map_err(|Fault(detail)| LoadError::new(name, reader.position(), message, detail))
    }

    fn atoms(&self) -> Result<(Vec<String>, bool), LoadError> {
        let message = "corrupt atom table";
        if self.chunk(ATOMS).is_some() {
            return Ok((self.table(ATOMS, message, tables::atoms_utf8)?, false));
        }
        self.required(LATIN1_ATOMS, "missing atom table")?;
        Ok((self.table(LATIN1_ATOMS, message, tables::atoms_latin1)?, true))
    }

    /// The checksum is over the data of these chunks in this order; a fun's `old_uniq` counts as zero, because
    /// it is made from the checksum.
    fn md5(&self) -> [u8; 16] {
        let mut md5 = Md5::new();
        for name in [LATIN1_ATOMS, ATOMS, CODE, STRINGS, IMPORTS, EXPORTS] {
            md5.update(self.chunk(name).unwrap_or(&[]));
        }
        if let Some((count, entries)) = self.chunk(LAMBDAS).and_then(<[u8]>::split_first_chunk::<4>) {
            md5.update(count);
            for entry in entries.chunks_exact(24) {
                md5.update(&entry[..20]);
                md5.update([0; 4]);
            }
        }
        for name in [LITERALS, META] {
            md5.update(self.chunk(name).unwrap_or(&[]));
        }
        md5.finalize().into()
    }
}
