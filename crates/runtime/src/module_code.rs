//! One version of a module's code, whose functions are decoded when they are called for the first time.
//!
//! Until then a function has a *stub*: an instruction that asks for it. Callers know the stub's address. Once the function
//! is decoded ([`ModuleCode::decode`]) the stub is a jump, and the callers that are known (calls in the module, exports,
//! funs) go straight to the code.
//!
//! All code of a machine is in one [`Area`]; an *offset* counts 32-bit words from its start.

use crate::area::{Area, Run};
use crate::code::LoadError;
use crate::{CodeTable, Vm};
use oxbeam_term::{Atom, FunEntry, LiteralBlock};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Words of a stub.
const STUB_WORDS: u32 = 2;

/// Where a function is.
#[derive(Clone, Copy, Debug)]
pub struct FunctionInfo {
    /// Offset of its `func_info` instruction, or of its stub.
    pub start: u32,
    /// Offset of its entry, or of its stub.
    pub entry: u32,
    /// Name.
    pub name: Atom,
    /// Arity.
    pub arity: u8,
    /// Its place among the module's functions.
    pub index: u32,
}

/// From where on a function's code belongs to a source line.
#[derive(Clone, Copy, Debug)]
pub struct LineEntry {
    /// Offset in 32-bit words from the function's start.
    pub offset: u32,
    /// Index in [`ModuleCode::files`].
    pub file: u16,
    /// Line number; 0 when unknown.
    pub line: u32,
}

/// An operand that names another function of the module.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// The operand's place, in words from the function's start.
    pub place: u32,
    /// Where the instruction starts that it belongs to: it holds the distance from there, in bytes.
    pub from: u32,
    /// The function it names.
    pub function: u32,
}

/// What the engine's decoder makes of a function.
pub struct DecodedFunction {
    /// Instructions. Operands that name other functions are not filled in.
    pub words: Vec<u32>,
    /// Where calls come in, in words from the start.
    pub entry: u32,
    /// Source lines by ascending offset.
    pub lines: Vec<LineEntry>,
    /// Operands that name other functions of the module.
    pub references: Vec<Reference>,
    /// The constants that the code refers to.
    pub constants: Run<u64>,
}

/// Decodes the functions of one module.
pub trait FunctionDecoder: Send + Sync {
    /// Decodes a function.
    ///
    /// # Errors
    /// When the file holds something that this machine cannot execute.
    fn decode(&self, vm: &Vm, function: u32) -> Result<DecodedFunction, LoadError>;
    /// The instruction that asks for the function it stands for.
    fn stub(&self) -> [u32; STUB_WORDS as usize];
    /// The instruction that jumps so many bytes.
    fn jump(&self, distance: u32) -> [u32; STUB_WORDS as usize];
}

/// A function of the module, decoded or not.
struct Function {
    name: Atom,
    arity: u8,
    /// Offset of the entry, or of the stub.
    entry: AtomicU32,
}

/// A decoded function.
pub(crate) struct Piece {
    run: Run<u32>,
    function: u32,
    lines: Vec<LineEntry>,
    /// Kept for the instructions.
    _constants: Run<u64>,
}

/// A stretch of code in the machine's table of addresses, where it stands by its first address.
pub(crate) struct CodeRange {
    /// The address behind it.
    end: u64,
    code: Arc<ModuleCode>,
    /// The function whose code it is; `None`: it is the stubs.
    piece: Option<Arc<Piece>>,
}

impl CodeRange {
    /// What is at this address, if it lies in this range.
    pub(crate) fn at(&self, address: u64) -> Option<Place<'_>> {
        let place = Place { code: &self.code, piece: self.piece.as_deref(), offset: self.code.offset(address) };
        (address < self.end).then_some(place)
    }
    /// Its module, at the range that every module has just one of.
    pub(crate) fn module(&self) -> Option<&Arc<ModuleCode>> {
        self.piece.is_none().then_some(&self.code)
    }
}

/// A place in code.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The module.
    pub code: &'a Arc<ModuleCode>,
    piece: Option<&'a Piece>,
    /// Offset.
    pub offset: u32,
}

impl<'a> Place<'a> {
    /// The function that holds it.
    pub fn function(&self) -> Option<FunctionInfo> {
        self.code.function_of(self.piece, self.offset)
    }
    /// Source file and line.
    pub fn line(&self) -> Option<(&'a str, u32)> {
        let piece = self.piece?;
        let offset = self.offset - piece.run.first();
        let index = piece.lines.partition_point(|entry| entry.offset <= offset);
        let entry = piece.lines.get(index.checked_sub(1)?).filter(|entry| entry.line != 0)?;
        Some((self.code.files.get(entry.file as usize)?, entry.line))
    }
}

/// What is known while functions are decoded one after the other.
#[derive(Default)]
struct Progress {
    /// Offsets of operands that name a function that is not decoded, each with that of its instruction.
    waiting: HashMap<u32, Vec<(u32, u32)>>,
    /// Is the code in the machine's table of addresses?
    registered: bool,
}

/// What is known of a module's code without decoding it.
pub struct ModuleInformation {
    /// Module name.
    pub module: Atom,
    /// MD5 of the module's essential chunks.
    pub md5: [u8; 16],
    /// Exports with the numbers of their functions.
    pub exports: Vec<(Atom, u8, u32)>,
    /// Funs with the numbers of their functions, in ascending order of these.
    pub lambdas: Vec<(&'static FunEntry, u32)>,
    /// Source file names.
    pub files: Vec<String>,
    /// `module_info(attributes)` in the external term format.
    pub attributes: Vec<u8>,
    /// `module_info(compile)` in the external term format.
    pub compile_info: Vec<u8>,
    /// Number of the `on_load` function.
    pub on_load: Option<u32>,
    /// Bytes of the `.beam` file's code chunk, for accounting.
    pub size: usize,
}

/// What a [`ModuleCode`] is made of.
pub struct ModuleParts {
    /// What is known of it.
    pub information: ModuleInformation,
    /// Names and arities of the functions, in the order of the code.
    pub functions: Vec<(Atom, u8)>,
    /// The literals that the code refers to.
    pub literals: LiteralBlock,
    /// Decodes the functions.
    pub decoder: Box<dyn FunctionDecoder>,
}

/// One version of a module's code. It never moves; it changes only as its functions are decoded, and by breakpoints.
pub struct ModuleCode {
    information: ModuleInformation,
    functions: Vec<Function>,
    stubs: Run<u32>,
    /// By ascending offset.
    pieces: RwLock<Vec<Arc<Piece>>>,
    progress: Mutex<Progress>,
    decoder: Box<dyn FunctionDecoder>,
    /// Kept for the instructions.
    _literals: LiteralBlock,
}

impl Deref for ModuleCode {
    type Target = ModuleInformation;

    fn deref(&self) -> &ModuleInformation {
        &self.information
    }
}

impl ModuleCode {
    /// Code of which no function is decoded; `None` when there is no room.
    pub fn new(area: &Area<u32>, mut parts: ModuleParts) -> Option<ModuleCode> {
        parts.information.lambdas.sort_unstable_by_key(|(_, function)| *function);
        let stub = parts.decoder.stub();
        let stubs: Vec<u32> = parts.functions.iter().flat_map(|_| stub).collect();
        let stubs = area.add(&stubs)?;
        let offsets = (stubs.first()..).step_by(STUB_WORDS as usize);
        let functions = parts.functions.into_iter().zip(offsets);
        let functions =
            functions.map(|((name, arity), offset)| Function { name, arity, entry: AtomicU32::new(offset) });
        Some(ModuleCode {
            information: parts.information,
            functions: functions.collect(),
            stubs,
            pieces: RwLock::default(),
            progress: Mutex::default(),
            decoder: parts.decoder,
            _literals: parts.literals,
        })
    }

    // --- functions -----------------------------------------------------------------------------------------------

    /// Names and arities of all functions, in the order of the code.
    pub fn functions(&self) -> impl Iterator<Item = (Atom, u8)> + '_ {
        self.functions.iter().map(|function| (function.name, function.arity))
    }
    /// Offset of a function's entry, or of its stub.
    pub fn entry(&self, function: u32) -> u32 {
        self.functions.get(function as usize).map_or(0, |function| function.entry.load(Ordering::Acquire))
    }
    /// Address of a function's entry, or of its stub.
    pub fn entry_address(&self, function: u32) -> u64 {
        self.address(self.entry(function))
    }
    /// Is the function decoded?
    fn is_decoded(&self, function: u32) -> bool {
        !self.stubs.holds(self.entry(function))
    }
    /// Decodes a function unless it is decoded; gives the offset of its entry.
    ///
    /// # Errors
    /// When the file holds something that this machine cannot execute, or there is no room.
    pub fn decode(self: &Arc<Self>, vm: &Vm, function: u32) -> Result<u32, LoadError> {
        let mut progress = self.progress.lock();
        if !self.is_decoded(function) {
            let decoded = self.decoder.decode(vm, function)?;
            self.add(&vm.code, &mut progress, function, decoded)?;
        }
        Ok(self.entry(function))
    }
    /// Decodes all functions.
    ///
    /// # Errors
    /// As [`ModuleCode::decode`].
    pub fn decode_all(self: &Arc<Self>, vm: &Vm) -> Result<(), LoadError> {
        (0..self.functions.len() as u32).try_for_each(|function| self.decode(vm, function).map(|_| ()))
    }
    /// Puts a decoded function into the area, then lets everybody know.
    fn add(
        self: &Arc<Self>,
        table: &CodeTable,
        progress: &mut Progress,
        function: u32,
        decoded: DecodedFunction,
    ) -> Result<(), LoadError> {
        let full = || LoadError::BadFile("the code area is full".to_owned());
        let run = table.area.add(&decoded.words).ok_or_else(full)?;
        let (start, entry) = (run.first(), run.first() + decoded.entry);
        for reference in decoded.references {
            let (place, from) = (start + reference.place, start + reference.from);
            let to = self.entry(reference.function);
            set(&run, place, distance(from, to));
            if self.stubs.holds(to) {
                progress.waiting.entry(reference.function).or_default().push((place, from));
            }
        }
        let piece = Arc::new(Piece { run, function, lines: decoded.lines, _constants: decoded.constants });
        let mut pieces = self.pieces.write();
        let at = pieces.partition_point(|piece| piece.run.first() < start);
        pieces.insert(at, piece.clone());
        drop(pieces);
        if progress.registered {
            let (start, range) = self.code_range(&piece.run, Some(&piece));
            table.ranges.write().insert(start, range);
        }
        self.announce(table, progress, function, entry);
        Ok(())
    }
    /// Lets callers of a function's stub know its entry.
    fn announce(&self, table: &CodeTable, progress: &mut Progress, function: u32, entry: u32) {
        let place = &self.functions[function as usize];
        let stub = place.entry.swap(entry, Ordering::AcqRel);
        let [instruction, operand] = self.decoder.jump(distance(stub, entry));
        // The operand comes first: whoever sees the instruction jumps there, or back to the stub once more.
        set(&self.stubs, stub + 1, operand);
        set(&self.stubs, stub, instruction);
        let pieces = self.pieces.read();
        for (place, from) in progress.waiting.remove(&function).into_iter().flatten() {
            if let Some(piece) = piece_at(&pieces, place) {
                set(&piece.run, place, distance(from, entry));
            }
        }
        let (old, new) = (self.address(stub), self.address(entry));
        if let Some(export) = table.existing_export(self.module, place.name, place.arity) {
            let _ = export.address.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed);
        }
        let first = self.lambdas.partition_point(|(_, other)| *other < function);
        for (fun, _) in self.lambdas[first..].iter().take_while(|(_, other)| *other == function) {
            let _ = fun.address.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    // --- addresses -----------------------------------------------------------------------------------------------

    /// Address of an offset.
    pub fn address(&self, offset: u32) -> u64 {
        self.stubs.base().wrapping_add(offset as usize) as u64
    }
    /// Offset of an address in this code.
    pub fn offset(&self, address: u64) -> u32 {
        ((address - self.stubs.base() as u64) / 4) as u32
    }
    /// The word at an offset.
    pub fn word(&self, offset: u32) -> u32 {
        self.with_word(offset, |word| word.load(Ordering::Relaxed)).unwrap_or(0)
    }
    /// Replaces the word at an offset, the first of an instruction that others may be executing.
    pub(crate) fn set_word(&self, offset: u32, word: u32) {
        self.with_word(offset, |place| place.store(word, Ordering::Release));
    }
    fn with_word<T>(&self, offset: u32, work: impl FnOnce(&AtomicU32) -> T) -> Option<T> {
        match self.stubs.word(offset) {
            Some(word) => Some(work(word)),
            None => piece_at(&self.pieces.read(), offset).and_then(|piece| piece.run.word(offset)).map(work),
        }
    }
    /// Forgets what OTP's preloaded modules do not have: attributes, the compiler's remarks, source files and so lines.
    pub fn strip(&mut self) {
        let ModuleInformation { attributes, compile_info, files, .. } = &mut self.information;
        (*attributes, *compile_info, *files) = (Vec::new(), Vec::new(), Vec::new());
    }
    /// Is there code of this module at this address?
    pub fn holds(&self, address: u64) -> bool {
        let base = self.stubs.base() as u64;
        let Some(offset) = address.checked_sub(base).and_then(|bytes| u32::try_from(bytes / 4).ok()) else {
            return false;
        };
        self.stubs.holds(offset) || piece_at(&self.pieces.read(), offset).is_some()
    }
    fn code_range(self: &Arc<Self>, run: &Run<u32>, piece: Option<&Arc<Piece>>) -> (u64, CodeRange) {
        let end = self.address(run.first() + run.count());
        (self.address(run.first()), CodeRange { end, code: self.clone(), piece: piece.cloned() })
    }
    /// Enters the code into the machine's table of addresses.
    pub(crate) fn register(self: &Arc<Self>, table: &CodeTable) {
        let mut progress = self.progress.lock();
        progress.registered = true;
        let pieces = self.pieces.read();
        let ranges = pieces.iter().map(|piece| self.code_range(&piece.run, Some(piece)));
        // Code without functions has no stubs.
        let stubs = (self.stubs.count() > 0).then(|| self.code_range(&self.stubs, None));
        table.ranges.write().extend(ranges.chain(stubs));
    }
    /// Takes it out again.
    pub(crate) fn unregister(&self, table: &CodeTable) {
        let mut progress = self.progress.lock();
        progress.registered = false;
        let mut ranges = table.ranges.write();
        ranges.remove(&self.address(self.stubs.first()));
        for piece in self.pieces.read().iter() {
            ranges.remove(&self.address(piece.run.first()));
        }
    }
    /// Bytes of the code as it is now.
    pub fn bytes(&self) -> usize {
        let pieces = self.pieces.read();
        let words = self.stubs.count() + pieces.iter().map(|piece| piece.run.count()).sum::<u32>();
        words as usize * 4
    }
    fn function_of(&self, piece: Option<&Piece>, offset: u32) -> Option<FunctionInfo> {
        let (index, start, entry) = match piece {
            Some(piece) => (piece.function, piece.run.first(), self.entry(piece.function)),
            None => {
                let index = offset.checked_sub(self.stubs.first())? / STUB_WORDS;
                let stub = self.stubs.first() + index * STUB_WORDS;
                (index, stub, stub)
            }
        };
        let function = self.functions.get(index as usize)?;
        Some(FunctionInfo { start, entry, name: function.name, arity: function.arity, index })
    }
}

/// The piece that holds this offset.
fn piece_at(pieces: &[Arc<Piece>], offset: u32) -> Option<&Arc<Piece>> {
    let index = pieces.partition_point(|piece| piece.run.first() <= offset);
    pieces.get(index.checked_sub(1)?).filter(|piece| piece.run.holds(offset))
}

fn set(run: &Run<u32>, offset: u32, word: u32) {
    if let Some(place) = run.word(offset) {
        place.store(word, Ordering::Release);
    }
}

/// What a label operand of the instruction at `from` holds to lead to `to`: bytes.
fn distance(from: u32, to: u32) -> u32 {
    to.wrapping_sub(from).wrapping_mul(4)
}
