//! The Code chunk: instructions and their operands.
//!
//! A module's instructions are two flat vectors: [`Instruction`]s, and the [`Operand`]s of all of them one
//! after the other. A list operand stands last in its instruction; its items follow it in the same vector.
//!
//! A module is read in two steps. [`outline`] goes over all instructions once, checks them and notes where each function
//! is, and keeps nothing else; [`parse_function`] makes instructions of one function's bytes when somebody asks for them.
//!
//! What is checked here, so that readers of a [`Code`] need not: operands name existing atoms, literals and
//! types, X and Y registers below 1024; every label is defined once and every label that is named is defined;
//! the import, lambda and line operands of the instructions that have them are in their tables; the code is
//! a sequence of functions, each `label`, perhaps `line`, `func_info`, `label`, ..., and ends in
//! `int_code_end`. Not checked: that an operand's kind suits its instruction, nor offsets into the strings.

use std::ops::Range;

use crate::error::{ChunkName, LoadError};
use crate::opcodes::Op;
use crate::reader::{Fault, Reader, Value, tag};
use crate::tables::AtomIndex;

const CODE: ChunkName = ChunkName(*b"Code");

/// Number of X, Y and float registers that operands can name.
const REGISTER_COUNT: u64 = 1024;

/// The instruction set that this format number stands for is the only one there ever was.
const INSTRUCTION_SET: u32 = 0;

/// Greatest number of words, floats or funs in an allocation list.
const ALLOCATION_MAX: u32 = 0x0fff_ffff;

const OTHER_COMPILER: &str =
    "please re-compile this module with an Erlang/OTP 27 compiler or update your Erlang/OTP version";

/// Index into the types; [`TypeIndex::ANY`] says nothing about the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TypeIndex(pub u32);

impl TypeIndex {
    /// The first entry of every type table, and what registers without a type have.
    pub const ANY: TypeIndex = TypeIndex(0);
}

/// Where the items of a list operand are in [`Code::operands`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperandList {
    start: u32,
    length: u32,
}

impl OperandList {
    /// Number of items.
    pub fn len(self) -> usize {
        self.length as usize
    }

    /// Whether there are no items.
    pub fn is_empty(self) -> bool {
        self.length == 0
    }
}

/// An integer that 64 bits do not hold: bytes of the Code chunk, see [`Code::big_integer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BigInteger {
    start: u32,
    length: u32,
}

/// An operand of an instruction, or an item of a list operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A plain number: an arity, an index, a count of words, a label being defined ...; below 2^63.
    U(u64),
    /// A plain number of 2^63 or more. OTP's loader keeps no value of it: the segment size or the like
    /// cannot be met.
    UnsignedTooBig,
    /// An integer term.
    I(i64),
    /// An integer term outside 64 bits.
    BigInteger(BigInteger),
    /// An atom.
    Atom(AtomIndex),
    /// The empty list.
    Nil,
    /// An X register, and what is known of its value.
    X(u16, TypeIndex),
    /// A Y register, and what is known of its value.
    Y(u16, TypeIndex),
    /// A float register.
    F(u16),
    /// A label; 0 stands for none: raise instead of jumping.
    Label(u32),
    /// An entry of the literals.
    Literal(u32),
    /// A list, always the last operand: [`Code::list`] gives its items.
    List(OperandList),
    /// Heap need by kind; where a plain `U` stands, it is a number of words.
    AllocationList {
        /// Words.
        words: u32,
        /// Boxed floats, apart from `words`.
        floats: u32,
        /// Funs, apart from `words`; their free variables are in `words`.
        funs: u32,
    },
}

const _: () = assert!(size_of::<Operand>() == 16);

/// One instruction; [`Code::operands_of`] gives its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Which one.
    pub op: Op,
    /// Where its operands start in [`Code::operands`].
    pub first_operand: u32,
}

const _: () = assert!(size_of::<Instruction>() == 8);

/// A function of the module, in the order of the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: AtomIndex,
    /// Its number of arguments.
    pub arity: u32,
    /// The label in front of `func_info`: jump there for `function_clause`.
    pub info_label: u32,
    /// The label behind `func_info`: callers come in there.
    pub entry_label: u32,
    /// Its instructions, from the label in front of `func_info`.
    pub instructions: Range<usize>,
    /// Index of the instruction behind the entry label.
    pub body: usize,
}

/// Where a function is in the Code chunk, and what the loader wants to know of it before anybody calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionOutline {
    /// Its name.
    pub name: AtomIndex,
    /// Its number of arguments.
    pub arity: u32,
    /// The label behind `func_info`: callers come in there.
    pub entry_label: u32,
    /// Its bytes, from the label in front of `func_info`.
    pub bytes: Range<usize>,
    /// Heap words that the integers among its operands need, of those that a machine may keep on a heap; an upper bound.
    pub integer_words: usize,
    /// Is it what `-on_load` names?
    pub is_on_load: bool,
}

/// What a first look at the Code chunk tells.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    /// The functions, in the order of the code.
    pub functions: Vec<FunctionOutline>,
    /// One more than the greatest label.
    pub label_count: u32,
    /// Number of instructions.
    pub instruction_count: usize,
    /// By label: is it defined?
    label_is_defined: Vec<bool>,
}

impl Outline {
    /// Is there such a label in the code?
    pub fn defines(&self, label: u32) -> bool {
        self.label_is_defined.get(label as usize) == Some(&true)
    }
    /// Forgets which labels there are, which is of use only while the file's tables are checked.
    pub(crate) fn forget_labels(&mut self) {
        self.label_is_defined = Vec::new();
    }
}

/// The code of one function, or of a module's functions.
#[derive(Clone, Debug, Default)]
pub struct Code {
    /// Instructions of all functions, and `int_code_end`.
    pub instructions: Vec<Instruction>,
    /// Their operands and the items of list operands.
    pub operands: Vec<Operand>,
    /// The functions.
    pub functions: Vec<Function>,
    /// By label less the least one, the index of its `label` instruction; labels that are not defined here have
    /// `u32::MAX`.
    pub label_positions: Vec<u32>,
    /// The least label that is defined here.
    pub first_label: u32,
    /// Bytes of the big integers, one after the other.
    big_integer_bytes: Vec<u8>,
}

impl Code {
    /// The operands of an instruction of this code; the items of a list operand are not among them.
    #[inline]
    pub fn operands_of(&self, instruction: Instruction) -> &[Operand] {
        let first = instruction.first_operand as usize;
        self.operands.get(first..first + instruction.op.arity()).unwrap_or(&[])
    }

    /// The items of a list operand.
    #[inline]
    pub fn list(&self, list: OperandList) -> &[Operand] {
        let start = list.start as usize;
        self.operands.get(start..start + list.len()).unwrap_or(&[])
    }

    /// A big integer's bytes: big-endian two's complement.
    pub fn big_integer(&self, integer: BigInteger) -> &[u8] {
        let start = integer.start as usize;
        self.big_integer_bytes.get(start..start + integer.length as usize).unwrap_or(&[])
    }

    /// Index of the `label` instruction that defines `label`.
    #[inline]
    pub fn label_position(&self, label: u32) -> Option<usize> {
        self.label_positions
            .get(label.checked_sub(self.first_label)? as usize)
            .filter(|&&position| position != UNDEFINED)
            .map(|&position| position as usize)
    }
}

const UNDEFINED: u32 = u32::MAX;

/// Integers of so many bits, with a sign besides, are held in a word by every machine.
const SMALL_BITS: u32 = 58;

/// What operands may refer to.
pub(crate) struct Limits<'a> {
    /// For messages; may be empty.
    pub atoms: &'a [String],
    pub atom_count: usize,
    pub imports: usize,
    pub lambdas: usize,
    pub literals: usize,
    /// `None`: there is no table, so any index goes.
    pub lines: Option<usize>,
    /// `None`: there is no table, so type indices are dropped.
    pub types: Option<usize>,
}

/// The header of the Code chunk.
struct CodeHeader {
    start: usize,
    label_count: u32,
    function_count: u32,
}

/// Goes over the Code chunk.
pub(crate) fn outline(chunk: &[u8], limits: &Limits<'_>) -> Result<Outline, LoadError> {
    let header = header(chunk)?;
    let label_count = header.label_count as usize;
    // Numbers may have gaps, but there is a limit to what a small file can ask for.
    if label_count > chunk.len().max(1 << 16) {
        return Err(LoadError::new(CODE, 12, "corrupt code chunk", "there are fewer labels than it says"));
    }
    let outline =
        Outline { label_count: header.label_count, label_is_defined: vec![false; label_count], ..Outline::default() };
    let mut decoder = Decoder::new(Reader::at(chunk, header.start), limits);
    decoder.label_is_named = Some(vec![false; label_count]);
    let mut surveyor = Surveyor { decoder, outline, function_count: header.function_count, before: [None; 2] };
    surveyor.instructions()?;
    surveyor.check_labels_and_functions()?;
    Ok(surveyor.outline)
}

/// Reads the code of one function that [`outline`] has found.
pub(crate) fn parse_function(
    chunk: &[u8],
    limits: &Limits<'_>,
    outline: &Outline,
    index: usize,
) -> Result<Code, LoadError> {
    let Some(function) = outline.functions.get(index) else {
        return Err(LoadError::new(CODE, 0, "corrupt code chunk", "there is no such function"));
    };
    let bytes = chunk.get(..function.bytes.end).unwrap_or(&[]);
    let mut decoder = Decoder::new(Reader::at(bytes, function.bytes.start), limits);
    decoder.code.instructions.reserve(function.bytes.len() / 4);
    decoder.code.operands.reserve(function.bytes.len() / 2);
    decoder.function(function)?;
    Ok(decoder.code)
}

/// Reads the code of all functions.
pub(crate) fn parse(chunk: &[u8], limits: &Limits<'_>, outline: &Outline) -> Result<Code, LoadError> {
    let start = header(chunk)?.start;
    let mut decoder = Decoder::new(Reader::at(chunk, start), limits);
    for function in &outline.functions {
        decoder.reader = Reader::at(chunk.get(..function.bytes.end).unwrap_or(&[]), function.bytes.start);
        decoder.function(function)?;
    }
    Ok(decoder.code)
}

/// Checks the header.
fn header(chunk: &[u8]) -> Result<CodeHeader, LoadError> {
    let mut reader = Reader::new(chunk);
    let (header, opcode_max) = read_header(&mut reader)
        .map_err(|Fault(detail)| LoadError::new(CODE, reader.position(), "corrupt code chunk", detail))?;
    if opcode_max as usize > Op::COUNT {
        return Err(later_version(opcode_max));
    }
    Ok(header)
}

/// The header, and the greatest instruction number the compiler used (or pretended to use).
fn read_header(reader: &mut Reader<'_>) -> Result<(CodeHeader, u32), Fault> {
    let size = reader.u32()? as usize;
    let start = reader.position() + size;
    if size > reader.remaining() {
        return Err(Fault("its header is longer than the chunk"));
    }
    if size < 16 {
        return Err(Fault("its header is too short"));
    }
    if reader.u32()? != INSTRUCTION_SET {
        return Err(Fault("it has another instruction set"));
    }
    let (opcode_max, label_count, function_count) = (reader.u32()?, reader.u32()?, reader.u32()?);
    Ok((CodeHeader { start, label_count, function_count }, opcode_max))
}

fn later_version(opcode: u32) -> LoadError {
    let message = format!(
        "This BEAM file was compiled for a later version of the runtime system than the current (Erlang/OTP 27).\n  \
         To fix this, please re-compile this module with an Erlang/OTP 27 compiler or update your Erlang/OTP \
         version.\n  (Use of opcode {opcode}; this emulator supports only up to {}.)",
        Op::COUNT
    );
    LoadError::new(CODE, 8, message, "")
}

/// Goes over the instructions of a module, and keeps those of none.
struct Surveyor<'a> {
    /// Its code holds the operands of the instruction that is looked at, if they matter.
    decoder: Decoder<'a>,
    outline: Outline,
    function_count: u32,
    /// The last instruction and the one before it: what, where it starts, and the label if it is one.
    before: [Option<(Op, usize, u32)>; 2],
}

impl Surveyor<'_> {
    fn instructions(&mut self) -> Result<(), LoadError> {
        loop {
            let offset = self.decoder.reader.position();
            let op = self.decoder.op(offset).map_err(|error| self.located(error))?;
            self.outline.instruction_count += 1;
            let label = self.instruction(op, offset)?;
            if op == Op::IntCodeEnd {
                self.end_function(offset);
                return Ok(());
            }
            self.before = [Some((op, offset, label)), self.before[0]];
        }
    }

    /// One instruction; the label if it is one.
    fn instruction(&mut self, op: Op, offset: usize) -> Result<u32, LoadError> {
        let matters = matters(op);
        self.decoder.code.operands.clear();
        for position in 0..op.arity() {
            if !matters && self.decoder.skip_plain() {
                continue;
            }
            let read = self.decoder.operand_and_items(position + 1 == op.arity(), matters);
            read.map_err(|Fault(detail)| self.error(offset, op, "invalid opcode", detail))?;
        }
        if !matters {
            return Ok(0);
        }
        let checked = match op {
            Op::Label => return self.define_label().map_err(|message| self.error(offset, op, message, "")),
            Op::FuncInfo => self.start_function(),
            Op::OnLoad => {
                self.outline.functions.last_mut().into_iter().for_each(|function| function.is_on_load = true);
                Ok(())
            }
            _ => self.decoder.check_instruction(op, 0),
        };
        checked.map(|()| 0).map_err(|message| self.error(offset, op, message, ""))
    }

    fn define_label(&mut self) -> Result<u32, String> {
        let [Operand::U(label)] = self.decoder.code.operands[..] else {
            return Err("no specific operation found".to_owned());
        };
        let label_count = self.outline.label_count;
        let defined = usize::try_from(label)
            .ok()
            .filter(|&label| 0 < label)
            .and_then(|label| self.outline.label_is_defined.get_mut(label))
            .ok_or_else(|| format!("invalid label num {label} (0 < label < {label_count})"))?;
        if std::mem::replace(defined, true) {
            return Err(format!("label {label} is defined twice"));
        }
        if matches!(self.before[0], Some((Op::FuncInfo, ..)))
            && let Some(function) = self.outline.functions.last_mut()
        {
            function.entry_label = label as u32;
        }
        Ok(label as u32)
    }

    fn start_function(&mut self) -> Result<(), String> {
        let [Operand::Atom(_), Operand::Atom(name), Operand::U(arity @ 0..=255)] = self.decoder.code.operands[..]
        else {
            return Err("no specific operation found".to_owned());
        };
        if self.outline.functions.len() as u32 >= self.function_count {
            return Err(format!("too many functions in module (header said {})", self.function_count));
        }
        let label = match self.before {
            [Some((Op::Line, ..)), label] | [label, _] => label,
        };
        let Some((Op::Label, start, _)) = label else {
            return Err("a function does not start with a label".to_owned());
        };
        self.end_function(start);
        self.outline.functions.push(FunctionOutline {
            name,
            arity: arity as u32,
            entry_label: 0,
            bytes: start..start,
            integer_words: 0,
            is_on_load: false,
        });
        Ok(())
    }

    /// The function that was read last ends here.
    fn end_function(&mut self, end: usize) {
        let integer_words = std::mem::take(&mut self.decoder.integer_words);
        if let Some(last) = self.outline.functions.last_mut() {
            last.bytes.end = end;
            last.integer_words = integer_words;
        }
    }

    fn check_labels_and_functions(&mut self) -> Result<(), LoadError> {
        let offset = self.decoder.reader.position();
        let fail = |message: String| LoadError::new(CODE, offset, message, "");
        let functions = &self.outline.functions;
        if (functions.len() as u32) < self.function_count {
            return Err(fail(format!(
                "too few functions ({}) in module (header said {})",
                functions.len(),
                self.function_count
            )));
        }
        if functions.iter().any(|function| function.entry_label == 0) {
            return Err(fail("a function has no entry label".to_owned()));
        }
        if functions.first().map_or(offset - 1, |function| function.bytes.start) != self.decoder.start {
            return Err(fail("there is code in front of the first function".to_owned()));
        }
        let named = self.decoder.label_is_named.as_deref().unwrap_or(&[]);
        match (0..named.len()).find(|&label| named[label] && !self.outline.label_is_defined[label]) {
            Some(label) => Err(fail(format!("label {label} is not defined"))),
            None => Ok(()),
        }
    }

    #[cold]
    fn error(
        &self,
        offset: usize,
        op: Op,
        message: impl Into<std::borrow::Cow<'static, str>>,
        detail: impl Into<std::borrow::Cow<'static, str>>,
    ) -> LoadError {
        let mut error = LoadError::new(CODE, offset, message, detail);
        error.op = Some(op.name());
        self.located(error)
    }

    /// Says in which function the error is.
    fn located(&self, mut error: LoadError) -> LoadError {
        let last = self.outline.functions.last();
        error.function = last.map(|function| self.decoder.limits.function_text(function.name, function.arity));
        error
    }
}

impl Limits<'_> {
    fn function_text(&self, name: AtomIndex, arity: u32) -> String {
        let atom = |index: AtomIndex| self.atoms.get(index.index()).map_or("", String::as_str);
        format!("{}:{}/{arity}", atom(AtomIndex(0)), atom(name))
    }
}

/// Must the operands of this instruction be looked at when a module is loaded?
fn matters(op: Op) -> bool {
    matches!(op, Op::Label | Op::FuncInfo | Op::OnLoad | Op::Line | Op::ExecutableLine | Op::MakeFun3 | Op::CallFun2)
        || op.import_operand().is_some()
}

struct Decoder<'a> {
    reader: Reader<'a>,
    /// Where the reader began.
    start: usize,
    limits: &'a Limits<'a>,
    code: Code,
    /// By label: does an operand name it? Only while a module is checked.
    label_is_named: Option<Vec<bool>>,
    integer_words: usize,
}

impl<'a> Decoder<'a> {
    fn new(reader: Reader<'a>, limits: &'a Limits<'a>) -> Decoder<'a> {
        Decoder {
            start: reader.position(),
            reader,
            limits,
            code: Code::default(),
            label_is_named: None,
            integer_words: 0,
        }
    }

    /// Reads a function that has been checked already.
    fn function(&mut self, function: &FunctionOutline) -> Result<(), LoadError> {
        let first = self.code.instructions.len();
        while self.reader.remaining() > 0 {
            let offset = self.reader.position();
            let op = self.op(offset)?;
            let first_operand = self.code.operands.len() as u32;
            self.code.instructions.push(Instruction { op, first_operand });
            for position in 0..op.arity() {
                let read = self.operand_and_items(position + 1 == op.arity(), true);
                read.map_err(|Fault(detail)| LoadError::new(CODE, offset, "invalid opcode", detail))?;
            }
        }
        self.place_labels(first);
        let label_at =
            |index: usize| match self.code.operands.get(self.code.instructions.get(index)?.first_operand as usize)? {
                Operand::U(label) => Some(*label as u32),
                _ => None,
            };
        let info = self.code.instructions[first..].iter().position(|instruction| instruction.op == Op::FuncInfo);
        let body = first + info.unwrap_or(0) + 2;
        let (name, arity, entry_label) = (function.name, function.arity, function.entry_label);
        let (info_label, end) = (label_at(first).unwrap_or(0), self.code.instructions.len());
        self.code.functions.push(Function { name, arity, info_label, entry_label, instructions: first..end, body });
        Ok(())
    }

    /// Notes where the labels among the instructions from `first` on are.
    fn place_labels(&mut self, first: usize) {
        let code = &mut self.code;
        let label_of = |instruction: &Instruction| match code.operands.get(instruction.first_operand as usize) {
            Some(Operand::U(label)) if instruction.op == Op::Label => Some(*label as u32),
            _ => None,
        };
        let labels: Vec<(u32, u32)> = (first as u32..)
            .zip(&code.instructions[first..])
            .filter_map(|(index, instruction)| Some((label_of(instruction)?, index)))
            .collect();
        let Some(least) = labels.iter().map(|(label, _)| *label).min() else { return };
        let most = labels.iter().map(|(label, _)| *label).max().unwrap_or(least);
        if code.label_positions.is_empty() {
            code.first_label = least;
        } else if least < code.first_label {
            let more = (code.first_label - least) as usize;
            code.label_positions.splice(0..0, std::iter::repeat_n(UNDEFINED, more));
            code.first_label = least;
        }
        let needed = (most - code.first_label) as usize + 1;
        if code.label_positions.len() < needed {
            code.label_positions.resize(needed, UNDEFINED);
        }
        for (label, index) in labels {
            code.label_positions[(label - code.first_label) as usize] = index;
        }
    }

    /// Passes over an operand whose value needs no check, if it is one: most are.
    #[inline(always)]
    fn skip_plain(&mut self) -> bool {
        let Some(byte) = self.reader.peek() else { return false };
        let plain = match byte & 0x0f {
            tag::UNSIGNED | tag::INTEGER | tag::X | tag::Y => true,
            tag::ATOM => usize::from(byte >> 4) <= self.limits.atom_count,
            tag::LABEL => match self.label_is_named.as_mut().and_then(|named| named.get_mut(usize::from(byte >> 4))) {
                Some(named) => {
                    *named |= byte >> 4 != 0;
                    true
                }
                None => false,
            },
            _ => false,
        };
        if plain {
            self.reader.skip_byte();
        }
        plain
    }

    /// Reads an operand, and the items if it is a list; keeps them if they are wanted.
    fn operand_and_items(&mut self, is_last: bool, wanted: bool) -> Result<(), Fault> {
        let operand = self.operand(is_last)?;
        if wanted {
            self.code.operands.push(operand);
        }
        let Operand::List(list) = operand else { return Ok(()) };
        for _ in 0..list.length {
            if !wanted && self.skip_plain() {
                continue;
            }
            let item = self.operand(false)?;
            if wanted {
                self.code.operands.push(item);
            }
        }
        Ok(())
    }

    fn op(&mut self, offset: usize) -> Result<Op, LoadError> {
        let number = self
            .reader
            .byte()
            .map_err(|_| LoadError::new(CODE, offset, "invalid opcode", "the code does not end in int_code_end"))?;
        let unknown = || LoadError::new(CODE, offset, "invalid opcode", format!("there is no instruction {number}"));
        let op = Op::from_number(number).ok_or_else(unknown)?;
        if op.is_obsolete() {
            let mut error = LoadError::new(CODE, offset, OTHER_COMPILER, "");
            error.op = Some(op.name());
            return Err(error);
        }
        Ok(op)
    }

    #[inline]
    fn operand(&mut self, is_last: bool) -> Result<Operand, Fault> {
        let (tag, value) = self.reader.tagged()?;
        match tag {
            tag::INTEGER => self.integer(value),
            tag::UNSIGNED => Ok(self.reader.unsigned_value(value).map_or(Operand::UnsignedTooBig, Operand::U)),
            tag::X => Ok(Operand::X(self.register(value)?, TypeIndex::ANY)),
            tag::Y => Ok(Operand::Y(self.register(value)?, TypeIndex::ANY)),
            tag::ATOM => self.atom(value),
            tag::LABEL => self.label(value),
            tag::EXTENDED => self.extended(value, is_last),
            // Characters have not been written for decades; OTP refuses them too.
            _ => Err(Fault("an operand's tag is unknown")),
        }
    }

    #[inline]
    fn integer(&mut self, value: Value) -> Result<Operand, Fault> {
        if let Some(value) = self.reader.signed_value(value) {
            if value.unsigned_abs() >> SMALL_BITS != 0 {
                self.integer_words += 4;
            }
            return Ok(Operand::I(value));
        }
        let Value::Bytes { start, length } = value else {
            return Err(Fault("an integer is too big"));
        };
        let bytes = self.reader.value_bytes(start, length);
        self.integer_words += length / 8 + 4;
        let start = self.code.big_integer_bytes.len() as u32;
        self.code.big_integer_bytes.extend_from_slice(bytes);
        Ok(Operand::BigInteger(BigInteger { start, length: length as u32 }))
    }

    #[inline]
    fn register(&self, value: Value) -> Result<u16, Fault> {
        match self.reader.unsigned_value(value) {
            Some(number) if number < REGISTER_COUNT => Ok(number as u16),
            _ => Err(Fault("there is no such register")),
        }
    }

    #[inline]
    fn atom(&self, value: Value) -> Result<Operand, Fault> {
        match self.reader.unsigned_value(value) {
            Some(0) => Ok(Operand::Nil),
            Some(number) if number <= self.limits.atom_count as u64 => Ok(Operand::Atom(AtomIndex(number as u32 - 1))),
            _ => Err(Fault("there is no such atom")),
        }
    }

    #[inline]
    fn label(&mut self, value: Value) -> Result<Operand, Fault> {
        let label = self.reader.unsigned_value(value).and_then(|label| u32::try_from(label).ok());
        match label {
            Some(0) => Ok(Operand::Label(0)),
            Some(label) => {
                if let Some(named) = &mut self.label_is_named {
                    *named.get_mut(label as usize).ok_or(Fault("there is no such label"))? = true;
                }
                Ok(Operand::Label(label))
            }
            None => Err(Fault("there is no such label")),
        }
    }

    fn extended(&mut self, kind: Value, is_last: bool) -> Result<Operand, Fault> {
        match self.reader.unsigned_value(kind) {
            Some(0) => Err(Fault("a float operand is written as before Erlang/OTP R16B")),
            Some(1) if is_last => self.list(),
            Some(1) => Err(Fault("a list is not the last operand")),
            Some(2) => {
                let (tag, value) = self.reader.tagged()?;
                if tag == tag::UNSIGNED {
                    Ok(Operand::F(self.register(value)?))
                } else {
                    Err(Fault("a register has the wrong tag"))
                }
            }
            Some(3) => self.allocation_list(),
            Some(4) => {
                let index = self.reader.unsigned_u32()?;
                if (index as usize) < self.limits.literals {
                    Ok(Operand::Literal(index))
                } else {
                    Err(Fault("there is no such literal"))
                }
            }
            Some(5) => self.typed_register(),
            _ => Err(Fault("an operand's extended tag is unknown")),
        }
    }

    /// Only the length: the items are read after the operand itself has been stored.
    fn list(&mut self) -> Result<Operand, Fault> {
        let length = self.reader.unsigned_u32()?;
        if length as usize > self.reader.remaining() {
            return Err(Fault("a list is longer than the code"));
        }
        Ok(Operand::List(OperandList { start: self.code.operands.len() as u32 + 1, length }))
    }

    fn allocation_list(&mut self) -> Result<Operand, Fault> {
        let count = self.reader.unsigned_u32()?;
        let mut needs = [0u32; 3];
        if count as usize > needs.len() {
            return Err(Fault("an allocation list is too long"));
        }
        for _ in 0..count {
            let kind = self.reader.unsigned_u32()?;
            let number = self.reader.unsigned_u32()?;
            let need = needs.get_mut(kind as usize).ok_or(Fault("an allocation list has an unknown kind"))?;
            *need = need.saturating_add(number);
            if *need > ALLOCATION_MAX {
                return Err(Fault("an allocation list needs too much"));
            }
        }
        let [words, floats, funs] = needs;
        Ok(Operand::AllocationList { words, floats, funs })
    }

    fn typed_register(&mut self) -> Result<Operand, Fault> {
        let (tag, value) = self.reader.tagged()?;
        let register = self.register(value)?;
        let index = self.reader.unsigned_u32()?;
        let index = match self.limits.types {
            None => TypeIndex::ANY,
            Some(count) if (index as usize) < count => TypeIndex(index),
            Some(_) => return Err(Fault("there is no such type")),
        };
        match tag {
            tag::X => Ok(Operand::X(register, index)),
            tag::Y => Ok(Operand::Y(register, index)),
            _ => Err(Fault("a typed register has the wrong tag")),
        }
    }

    /// Checks operands that are indices into tables.
    #[inline]
    fn check_instruction(&self, op: Op, first_operand: usize) -> Result<(), String> {
        match op {
            Op::Line | Op::ExecutableLine => {
                if let Some(count) = self.limits.lines {
                    self.check_index(first_operand, count, "line instruction index overflow")?;
                }
            }
            Op::MakeFun3 => self.check_index(first_operand, self.limits.lambdas, "invalid lambda index")?,
            Op::CallFun2 if matches!(self.code.operands[first_operand], Operand::U(_)) => {
                self.check_index(first_operand, self.limits.lambdas, "invalid lambda index")?;
            }
            _ => {
                if let Some(position) = op.import_operand() {
                    self.check_index(first_operand + position, self.limits.imports, "invalid import table index")?;
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn check_index(&self, operand: usize, count: usize, message: &str) -> Result<(), String> {
        match self.code.operands[operand] {
            Operand::U(index) if index < count as u64 => Ok(()),
            Operand::U(index) => Err(format!("{message} {index}")),
            _ => Err("no specific operation found".to_owned()),
        }
    }
}
