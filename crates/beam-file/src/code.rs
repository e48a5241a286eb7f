//! The Code chunk: instructions and their operands.
//!
//! A module's instructions are two flat vectors: [`Instruction`]s, and the [`Operand`]s of all of them one
//! after the other. A list operand stands last in its instruction; its items follow it in the same vector.
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

/// The code of a module.
#[derive(Clone, Debug, Default)]
pub struct Code {
    /// Instructions of all functions, and `int_code_end`.
    pub instructions: Vec<Instruction>,
    /// Their operands and the items of list operands.
    pub operands: Vec<Operand>,
    /// The functions.
    pub functions: Vec<Function>,
    /// One more than the greatest label.
    pub label_count: u32,
    /// Number of functions.
    pub function_count: u32,
    /// The greatest instruction number the compiler used (or pretended to use).
    pub opcode_max: u32,
    /// By label, the index of its `label` instruction; labels that do not exist have `u32::MAX`.
    pub label_positions: Vec<u32>,
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
            .get(label as usize)
            .filter(|&&position| position != UNDEFINED)
            .map(|&position| position as usize)
    }
}

const UNDEFINED: u32 = u32::MAX;

/// What operands may refer to.
pub(crate) struct Limits<'a> {
    pub atoms: &'a [String],
    pub imports: usize,
    pub lambdas: usize,
    pub literals: usize,
    /// `None`: there is no table, so any index goes.
    pub lines: Option<usize>,
    /// `None`: there is no table, so type indices are dropped.
    pub types: Option<usize>,
}

/// Reads the Code chunk.
pub(crate) fn parse(chunk: &[u8], limits: &Limits<'_>) -> Result<Code, LoadError> {
    let mut reader = Reader::new(chunk);
    let (mut code, start) = header(&mut reader)
        .map_err(|Fault(detail)| LoadError::new(CODE, reader.position(), "corrupt code chunk", detail))?;
    if code.opcode_max as usize > Op::COUNT {
        return Err(later_version(code.opcode_max));
    }
    // Numbers may have gaps, but there is a limit to what a small file can ask for.
    if code.label_count as usize > chunk.len().max(1 << 16) {
        return Err(LoadError::new(CODE, 12, "corrupt code chunk", "there are fewer labels than it says"));
    }
    code.label_positions = vec![UNDEFINED; code.label_count as usize];
    code.instructions.reserve(chunk.len() / 4);
    code.operands.reserve(chunk.len() / 2);
    let mut decoder = Decoder {
        reader: Reader::at(chunk, start),
        label_is_named: vec![false; code.label_count as usize],
        code,
        limits,
    };
    decoder.instructions()?;
    decoder.check_labels_and_functions()?;
    Ok(decoder.code)
}

/// The header's values, and where the instructions start.
fn header(reader: &mut Reader<'_>) -> Result<(Code, usize), Fault> {
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
    Ok((Code { opcode_max, label_count, function_count, ..Code::default() }, start))
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

struct Decoder<'a> {
    reader: Reader<'a>,
    limits: &'a Limits<'a>,
    code: Code,
    label_is_named: Vec<bool>,
}

impl Decoder<'_> {
    fn instructions(&mut self) -> Result<(), LoadError> {
        loop {
            let offset = self.reader.position();
            let op = self.op(offset)?;
            let first_operand = self.code.operands.len();
            let index = self.code.instructions.len();
            self.code.instructions.push(Instruction { op, first_operand: first_operand as u32 });
            for position in 0..op.arity() {
                let is_last = position + 1 == op.arity();
                let operand = self
                    .operand(is_last)
                    .map_err(|Fault(detail)| self.error(offset, Some(op), "invalid opcode", detail))?;
                self.code.operands.push(operand);
                if let Operand::List(list) = operand {
                    self.items(list).map_err(|Fault(detail)| self.error(offset, Some(op), "invalid opcode", detail))?;
                }
            }
            self.check_instruction(op, index, first_operand)
                .map_err(|message| self.error(offset, Some(op), message, ""))?;
            if op == Op::IntCodeEnd {
                return Ok(());
            }
        }
    }

    fn op(&mut self, offset: usize) -> Result<Op, LoadError> {
        let number = self
            .reader
            .byte()
            .map_err(|_| self.error(offset, None, "invalid opcode", "the code does not end in int_code_end"))?;
        let op = Op::from_number(number)
            .ok_or_else(|| self.error(offset, None, "invalid opcode", format!("there is no instruction {number}")))?;
        if op.is_obsolete() {
            return Err(self.error(offset, Some(op), OTHER_COMPILER, ""));
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
            return Ok(Operand::I(value));
        }
        let Value::Bytes { start, length } = value else {
            return Err(Fault("an integer is too big"));
        };
        let bytes = self.reader.value_bytes(start, length);
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
            Some(number) if number <= self.limits.atoms.len() as u64 => Ok(Operand::Atom(AtomIndex(number as u32 - 1))),
            _ => Err(Fault("there is no such atom")),
        }
    }

    #[inline]
    fn label(&mut self, value: Value) -> Result<Operand, Fault> {
        let label = self.reader.unsigned_value(value).and_then(|label| u32::try_from(label).ok());
        match label {
            Some(0) => Ok(Operand::Label(0)),
            Some(label) => {
                *self.label_is_named.get_mut(label as usize).ok_or(Fault("there is no such label"))? = true;
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

    fn items(&mut self, list: OperandList) -> Result<(), Fault> {
        for _ in 0..list.length {
            let item = self.operand(false)?;
            self.code.operands.push(item);
        }
        Ok(())
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

    /// Checks operands that are indices into tables, and notes where labels and functions are.
    #[inline]
    fn check_instruction(&mut self, op: Op, index: usize, first_operand: usize) -> Result<(), String> {
        match op {
            Op::Label => return self.define_label(index, first_operand),
            Op::FuncInfo => return self.start_function(index, first_operand),
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

    fn define_label(&mut self, index: usize, operand: usize) -> Result<(), String> {
        let Operand::U(label) = self.code.operands[operand] else {
            return Err("no specific operation found".to_owned());
        };
        let label_count = self.code.label_count;
        let position = usize::try_from(label)
            .ok()
            .filter(|&label| 0 < label)
            .and_then(|label| self.code.label_positions.get_mut(label))
            .ok_or_else(|| format!("invalid label num {label} (0 < label < {label_count})"))?;
        if *position != UNDEFINED {
            return Err(format!("label {label} is defined twice"));
        }
        *position = index as u32;
        Ok(())
    }

    fn start_function(&mut self, index: usize, operand: usize) -> Result<(), String> {
        let [Operand::Atom(_), Operand::Atom(name), Operand::U(arity @ 0..=255)] = self.code.operands[operand..] else {
            return Err("no specific operation found".to_owned());
        };
        if self.code.functions.len() as u32 >= self.code.function_count {
            return Err(format!("too many functions in module (header said {})", self.code.function_count));
        }
        let has_line = index >= 1 && self.code.instructions[index - 1].op == Op::Line;
        let start = index.checked_sub(1 + usize::from(has_line)).ok_or("a function does not start with a label")?;
        let info_label = self.label_at(start).ok_or("a function does not start with a label")?;
        if let Some(previous) = self.code.functions.last_mut() {
            previous.instructions.end = start;
        }
        self.code.functions.push(Function {
            name,
            arity: arity as u32,
            info_label,
            entry_label: 0,
            instructions: start..start,
            body: index + 2,
        });
        Ok(())
    }

    fn label_at(&self, index: usize) -> Option<u32> {
        let instruction = self.code.instructions.get(index)?;
        match self.code.operands.get(instruction.first_operand as usize)? {
            Operand::U(label) if instruction.op == Op::Label => Some(*label as u32),
            _ => None,
        }
    }

    fn check_labels_and_functions(&mut self) -> Result<(), LoadError> {
        let end = self.code.instructions.len() - 1;
        let offset = self.reader.position();
        let fail = |message: String| LoadError::new(CODE, offset, message, "");
        if (self.code.functions.len() as u32) < self.code.function_count {
            return Err(fail(format!(
                "too few functions ({}) in module (header said {})",
                self.code.functions.len(),
                self.code.function_count
            )));
        }
        for index in 0..self.code.functions.len() {
            let body = self.code.functions[index].body;
            let entry = self.label_at(body - 1);
            self.code.functions[index].entry_label =
                entry.ok_or_else(|| fail("a function has no entry label".to_owned()))?;
        }
        if let Some(last) = self.code.functions.last_mut() {
            last.instructions.end = end;
        }
        let first = self.code.functions.first().map_or(end, |function| function.instructions.start);
        if first != 0 {
            return Err(fail("there is code in front of the first function".to_owned()));
        }
        match (0..self.label_is_named.len())
            .find(|&label| self.label_is_named[label] && self.code.label_positions[label] == UNDEFINED)
        {
            Some(label) => Err(fail(format!("label {label} is not defined"))),
            None => Ok(()),
        }
    }

    #[cold]
    fn error(
        &self,
        offset: usize,
        op: Option<Op>,
        message: impl Into<std::borrow::Cow<'static, str>>,
        detail: impl Into<std::borrow::Cow<'static, str>>,
    ) -> LoadError {
        let mut error = LoadError::new(CODE, offset, message, detail);
        error.op = op.map(Op::name);
        error.function = self.code.functions.last().map(|function| {
            let atom = |index: AtomIndex| self.limits.atoms.get(index.index()).map_or("", String::as_str);
            format!("{}:{}/{}", atom(AtomIndex(0)), atom(function.name), function.arity)
        });
        error
    }
}
