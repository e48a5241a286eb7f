//! From the generic instructions of a function to the engine's stream.

use crate::decode_match::Ensured;
use crate::instruction::{
    Instruction as I, KIND_CONSTANT, KIND_MASK, KIND_X, KIND_Y, OperandKind, SIZE_ALL, flags, segment,
};
use crate::prepare::ModuleDecoder;
use oxbeam_beam_file::{self as beam, BeamFile, Op, Operand};
use oxbeam_number::BigInt;
use oxbeam_runtime::{DecodedFunction, LineEntry, LoadError, Reference, Vm};
use oxbeam_term::{Atom, Header, Heap, HeapOptions, Kind, STACK_RESERVE_WORDS, Term, Word, atoms};
use smallvec::SmallVec;
use std::collections::HashMap;

/// Decodes one function of a module.
pub(crate) fn decode_function(vm: &Vm, module: &ModuleDecoder, index: u32) -> Result<DecodedFunction, LoadError> {
    let code = module.file.function_code(index as usize).map_err(|error| bad(error.to_string()))?;
    let text = |atom: beam::AtomIndex| module.atoms.get(atom.index()).map_or("", |atom| vm.atoms.text(*atom));
    beam::verify(&code, &beam::Surroundings { imports: &module.file.imports, text: &text })
        .map_err(|error| bad(error.to_string()))?;
    let [function] = &code.functions[..] else { return Err(bad("there is no such function")) };
    let mut decoder = Decoder::new(vm, module, &code);
    decoder.function(function)?;
    decoder.finish()
}

pub(crate) fn bad(text: impl Into<String>) -> LoadError {
    LoadError::BadFile(text.into())
}

pub(crate) struct Decoder<'a> {
    vm: &'a Vm,
    module: &'a ModuleDecoder,
    file: &'a BeamFile,
    source: &'a beam::Code,
    code: Vec<u32>,
    constants: Vec<u64>,
    constant_index: HashMap<u64, u32>,
    /// Places in `code` that hold a constant's index, to be moved to where the constants end up.
    constant_places: Vec<u32>,
    /// Offset of each label of the function, once known.
    labels: Vec<u32>,
    /// Places in `code` that hold a label of the function: place, start of the instruction, label.
    label_places: Vec<(u32, u32, u32)>,
    /// Places that hold the entry label of another function.
    references: Vec<Reference>,
    /// Offset of the entry.
    entry: u32,
    lines: Vec<LineEntry>,
    start: u32,
}

const UNKNOWN: u32 = u32::MAX;

impl<'a> Decoder<'a> {
    fn new(vm: &'a Vm, module: &'a ModuleDecoder, source: &'a beam::Code) -> Decoder<'a> {
        Decoder {
            vm,
            module,
            file: &module.file,
            source,
            code: Vec::with_capacity(source.operands.len() + source.instructions.len()),
            constants: Vec::new(),
            constant_index: HashMap::new(),
            constant_places: Vec::new(),
            labels: vec![UNKNOWN; source.label_positions.len()],
            label_places: Vec::new(),
            references: Vec::new(),
            entry: UNKNOWN,
            lines: Vec::new(),
            start: 0,
        }
    }

    /// An atom's text.
    pub(crate) fn atom_text(&self, index: beam::AtomIndex) -> &'a str {
        self.vm.atoms.text(self.atom(index))
    }
    fn atom(&self, index: beam::AtomIndex) -> Atom {
        self.module.atoms[index.index()]
    }

    fn function(&mut self, function: &beam::Function) -> Result<(), LoadError> {
        let name = self.atom(function.name);
        let arity = u8::try_from(function.arity).map_err(|_| bad("a function has more than 255 arguments"))?;
        let bif = self.vm.bif(self.module.module, name, arity);
        let code = self.source;
        let mut indexes = function.instructions.clone();
        while let Some(index) = indexes.next() {
            let instruction = code.instructions[index];
            if index == function.body {
                self.entry = self.offset();
                if let Some(bif) = bif {
                    self.emit(I::BifBody);
                    self.address(bif);
                    self.number(u32::from(arity));
                    break;
                }
            }
            let located = |decoder: &Self, error| decoder.locate(error, instruction.op, name, arity);
            let fused = self.fused(&code.instructions[index..indexes.end]).map_err(|error| located(self, error))?;
            if fused != 0 {
                indexes.start += fused - 1;
                continue;
            }
            self.instruction(instruction, index).map_err(|error| located(self, error))?;
        }
        if self.entry == UNKNOWN {
            self.entry = self.offset();
        }
        Ok(())
    }

    fn locate(&self, error: LoadError, op: Op, name: Atom, arity: u8) -> LoadError {
        let text = oxbeam_runtime::CodeTable::function_text(&self.vm.atoms, self.module.module, name, arity);
        bad(format!("{text}: {}: {error}", op.name()))
    }

    fn offset(&self) -> u32 {
        self.code.len() as u32
    }

    // --- operands ------------------------------------------------------------------------------------------------

    /// Begins an instruction with its only or general variant.
    fn emit(&mut self, instruction: I) {
        self.start = self.offset();
        self.code.push(instruction.number() + instruction.shape().variants() as u32 - 1);
    }
    /// Begins an instruction with the variant for these sources and registers, and puts them.
    pub(crate) fn put(&mut self, instruction: I, sources: &[Operand], registers: &[Operand]) -> Result<(), LoadError> {
        let shape = instruction.shape();
        let kinds = sources.iter().map(|source| self.kind_of(*source)).collect::<Result<SmallVec<[_; 2]>, _>>()?;
        let place = shape.sources_for(&kinds);
        let mut variant = place;
        for register in registers {
            variant = variant << 1 | usize::from(matches!(register, Operand::Y(..)));
        }
        debug_assert!(registers.len() == shape.registers && shape.sources[place].len() == sources.len());
        self.start = self.offset();
        self.code.push(instruction.number() + variant as u32);
        for (source, kind) in sources.iter().zip(shape.sources[place]) {
            self.source_of_kind(*source, *kind)?;
        }
        for register in registers {
            match register {
                Operand::X(..) => self.source_of_kind(*register, OperandKind::X)?,
                Operand::Y(..) => self.source_of_kind(*register, OperandKind::Y)?,
                _ => return Err(bad("a register was expected")),
            }
        }
        Ok(())
    }
    /// As [`Decoder::put`], only if there is a variant for just these kinds of operands.
    fn put_exactly(&mut self, instruction: I, operands: &[Operand]) -> Result<bool, LoadError> {
        let kinds = operands.iter().map(|source| self.kind_of(*source)).collect::<Result<SmallVec<[_; 6]>, _>>()?;
        let there = instruction.shape().exactly(&kinds).is_some();
        if there {
            self.put(instruction, operands, &[])?;
        }
        Ok(there)
    }
    fn kind_of(&mut self, operand: Operand) -> Result<OperandKind, LoadError> {
        Ok(match operand {
            Operand::X(..) => OperandKind::X,
            Operand::Y(..) => OperandKind::Y,
            // Large integers are stored when they are put, once.
            Operand::BigInteger(_) | Operand::Literal(_) => OperandKind::C,
            Operand::I(value) if Word::try_small(value).is_none() => OperandKind::C,
            constant => {
                let word = self.term_word(constant)?;
                if fits_immediate(word) { OperandKind::I } else { OperandKind::C }
            }
        })
    }
    fn source_of_kind(&mut self, operand: Operand, kind: OperandKind) -> Result<(), LoadError> {
        match (kind, operand) {
            (OperandKind::X, Operand::X(register, _)) | (OperandKind::Y, Operand::Y(register, _)) => {
                self.number(u32::from(register) * 8);
            }
            (OperandKind::I, constant) => {
                let word = self.term_word(constant)?;
                self.number(word.0 as u32);
            }
            (OperandKind::C, constant) => {
                let word = self.term_word(constant)?;
                self.constant(word, 0);
            }
            _ => self.source(operand)?,
        }
        Ok(())
    }
    pub(crate) fn number(&mut self, value: u32) {
        self.code.push(value);
    }
    pub(crate) fn wide(&mut self, value: u64) {
        self.number(value as u32);
        self.number((value >> 32) as u32);
    }
    /// The address of something that lives as long as the machine.
    fn address<T>(&mut self, of: &T) {
        self.wide(std::ptr::from_ref(of) as u64);
    }
    /// A constant as a general source.
    fn constant_source(&mut self, word: Word) {
        self.constant(word, KIND_CONSTANT);
    }
    /// The offset of a constant, with `kind` in its low bits.
    fn constant(&mut self, word: Word, kind: u32) {
        let constants = &mut self.constants;
        let index = *self.constant_index.entry(word.0).or_insert_with(|| {
            constants.push(word.0);
            constants.len() as u32 - 1
        });
        self.constant_places.push(self.offset());
        self.code.push(index << 3 | kind);
    }
    pub(crate) fn label(&mut self, operand: Operand) -> Result<(), LoadError> {
        let label = match operand {
            Operand::Label(label) => label,
            // bs_start_match4's no_fail and resume.
            Operand::Atom(_) => 0,
            _ => return Err(bad("a label was expected")),
        };
        if label != 0 {
            let place = self.offset();
            match self.source.label_position(label) {
                Some(_) => self.label_places.push((place, self.start, label)),
                None => {
                    let function = self.module.function_of(label).ok_or_else(|| bad("a label of another function"))?;
                    self.references.push(Reference { place, from: self.start, function });
                }
            }
        }
        self.code.push(0);
        Ok(())
    }
    pub(crate) fn term_word(&mut self, operand: Operand) -> Result<Word, LoadError> {
        Ok(match operand {
            Operand::Atom(index) => Word::atom(self.atom(index)),
            Operand::Nil => Word::NIL,
            Operand::I(value) => match Word::try_small(value) {
                Some(word) => word,
                None => self.store(&BigInt::from(value))?,
            },
            Operand::BigInteger(integer) => {
                let value = BigInt::from_signed_bytes_be(self.source.big_integer(integer));
                self.store(&value)?
            }
            Operand::Literal(index) => self.module.literals[index as usize],
            _ => return Err(bad("a constant was expected")),
        })
    }
    fn store(&mut self, value: &BigInt) -> Result<Word, LoadError> {
        let heap = Heap::new(HeapOptions::default());
        let term = heap.bigint(value);
        let mut integers = self.module.integers.lock();
        integers.store(term).ok_or_else(|| bad("the literal area is full"))
    }
    fn source(&mut self, operand: Operand) -> Result<(), LoadError> {
        match operand {
            Operand::X(register, _) => self.number(u32::from(register) << 3 | KIND_X),
            Operand::Y(register, _) => self.number(u32::from(register) << 3 | KIND_Y),
            constant => {
                let word = self.term_word(constant)?;
                self.constant_source(word);
            }
        }
        Ok(())
    }
    pub(crate) fn register(&mut self, operand: Operand) -> Result<(), LoadError> {
        match operand {
            Operand::X(..) | Operand::Y(..) => self.source(operand),
            _ => Err(bad("a register was expected")),
        }
    }
    fn y_register(&mut self, operand: Operand) -> Result<(), LoadError> {
        match operand {
            Operand::Y(register, _) => {
                self.number(u32::from(register) * 8);
                Ok(())
            }
            _ => Err(bad("a Y register was expected")),
        }
    }
    fn float_register(&mut self, operand: Operand) -> Result<(), LoadError> {
        match operand {
            Operand::F(register) if register < 1024 => {
                self.number(u32::from(register) * 8);
                Ok(())
            }
            _ => Err(bad("a float register was expected")),
        }
    }
    pub(crate) fn unsigned(&self, operand: Operand) -> Result<u32, LoadError> {
        match operand {
            Operand::U(value) => u32::try_from(value).map_err(|_| bad("a number is too large")),
            Operand::I(value) => u32::try_from(value).map_err(|_| bad("a number is too large")),
            _ => Err(bad("a number was expected")),
        }
    }
    fn plain(&mut self, operand: Operand) -> Result<(), LoadError> {
        let value = self.unsigned(operand)?;
        self.number(value);
        Ok(())
    }
    /// A frame's size in bytes.
    fn frame(&mut self, operand: Operand) -> Result<(), LoadError> {
        let words = self.unsigned(operand)?;
        self.number(words.checked_mul(8).ok_or_else(|| bad("a frame is too large"))?);
        Ok(())
    }
    /// What an operand says is to be built on the heap, in words.
    fn heap_words(&self, need: Operand) -> Result<u64, LoadError> {
        match need {
            Operand::AllocationList { words, floats, funs } => {
                Ok(u64::from(words) + u64::from(floats) * 2 + u64::from(funs) * 2)
            }
            words => self.unsigned(words).map(u64::from),
        }
    }
    /// The same as an operand.
    fn words_of_room(&mut self, need: Operand) -> Result<(), LoadError> {
        let words = self.heap_words(need)?;
        self.number(u32::try_from(words).map_err(|_| bad("a heap need is too large"))?);
        Ok(())
    }
    /// Room for a frame and what is to be built on the heap, with what must stay free: in bytes.
    fn room(&mut self, frame: Option<Operand>, heap: Option<Operand>) -> Result<(), LoadError> {
        let frame = frame.map_or(Ok(0), |words| self.unsigned(words))?;
        let heap = heap.map_or(Ok(0), |need| self.heap_words(need))?;
        let bytes = (u64::from(frame) + heap + STACK_RESERVE_WORDS as u64) * 8;
        self.number(
            bytes.try_into().ok().filter(|bytes| *bytes < 1 << 31).ok_or_else(|| bad("a heap need is too large"))?,
        );
        Ok(())
    }
    pub(crate) fn flags(&mut self, operand: Operand) -> Result<u32, LoadError> {
        let value = match operand {
            Operand::U(_) | Operand::I(_) => self.unsigned(operand)?,
            Operand::Nil => 0,
            Operand::Literal(_) | Operand::Atom(_) => {
                let word = self.term_word(operand)?;
                // SAFETY: literals live as long as the machine.
                let list = unsafe { Term::from_raw(word) };
                list.list_iter().fold(0, |set, flag| {
                    set | match flag.as_atom() {
                        Some(atoms::LITTLE) => flags::LITTLE,
                        Some(atoms::SIGNED) => flags::SIGNED,
                        Some(atoms::NATIVE) => flags::NATIVE,
                        _ => 0,
                    }
                })
            }
            _ => return Err(bad("segment flags were expected")),
        };
        let little = cfg!(target_endian = "little") && value & flags::NATIVE != 0;
        Ok(if little { value | flags::LITTLE } else { value })
    }
    pub(crate) fn list(&self, operand: Operand) -> Result<&'a [Operand], LoadError> {
        match operand {
            Operand::List(list) => Ok(self.source.list(list)),
            _ => Err(bad("a list was expected")),
        }
    }
    fn sources(&mut self, operands: &[Operand]) -> Result<(), LoadError> {
        self.number(operands.len() as u32);
        operands.iter().try_for_each(|operand| self.source(*operand))
    }

    // --- instructions --------------------------------------------------------------------------------------------

    /// When `deallocate` and `return` follow the instruction, the call it makes is a last call: the frame's size. The
    /// compiler has no instruction for last calls of funs, yet they must not keep their frame.
    fn last_call(&self, index: usize) -> Option<Operand> {
        let code = self.source;
        let [deallocate, end] = code.instructions.get(index + 1..index + 3)? else { return None };
        match (deallocate.op, end.op, code.operands_of(*deallocate)) {
            (Op::Deallocate, Op::Return, [words]) => Some(*words),
            _ => None,
        }
    }

    /// Makes one instruction of the first few of `following`, if there is one for them; gives their number.
    fn fused(&mut self, following: &[beam::Instruction]) -> Result<usize, LoadError> {
        let code = self.source;
        let op = |index: usize| following.get(index).map(|instruction| instruction.op);
        let operands = |index: usize| code.operands_of(following[index]);
        let to_x0 = || matches!(operands(0)[1], Operand::X(0, _));
        match (op(0), op(1), op(2)) {
            (Some(Op::Move), Some(Op::Deallocate), Some(Op::Return)) if to_x0() => {
                self.put(I::MoveDeallocateReturn, &operands(0)[..1], &[])?;
                self.frame(operands(1)[0])?;
                Ok(3)
            }
            (Some(Op::Move), Some(Op::Return), _) if to_x0() => {
                self.put(I::MoveReturn, &operands(0)[..1], &[])?;
                Ok(2)
            }
            (Some(Op::Allocate | Op::AllocateHeap), Some(Op::Move | Op::InitYregs), _) => {
                self.fused_allocate(following)
            }
            // What follows fails for anything but maps too.
            (Some(Op::IsMap), Some(Op::GetMapElements), _)
                if same_register(operands(0)[1], operands(1)[1]) && operands(0)[0] == operands(1)[0] =>
            {
                Ok(1)
            }
            (Some(Op::Deallocate), Some(Op::Return), _) => {
                self.emit(I::DeallocateReturn);
                self.frame(operands(0)[0])?;
                Ok(2)
            }
            (Some(Op::Move), _, _) => self.fused_moves(following),
            (Some(Op::TestHeap), Some(Op::PutList | Op::PutTuple2), _) => self.fused_room(operands(0), following[1]),
            (Some(Op::IsTaggedTuple), Some(Op::GetTupleElement), _)
                if same_register(operands(0)[1], operands(1)[0]) && op(2) != Some(Op::GetTupleElement) =>
            {
                self.put(I::TaggedElement, &operands(0)[1..2], &operands(1)[2..3])?;
                self.label(operands(0)[0])?;
                self.tuple_header(operands(0)[2])?;
                let tag = self.term_word(operands(0)[3])?;
                self.wide(tag.0);
                self.element_offset(operands(1)[1])?;
                Ok(2)
            }
            (Some(Op::IsNonemptyList), Some(Op::GetList), _) if same_register(operands(0)[1], operands(1)[0]) => {
                self.put(I::IsListGet, &operands(1)[..1], &operands(1)[1..3])?;
                self.label(operands(0)[0])?;
                Ok(2)
            }
            (Some(Op::GetTupleElement), Some(Op::GetTupleElement), _)
                if same_register(operands(0)[0], operands(1)[0]) && !same_register(operands(0)[0], operands(0)[2]) =>
            {
                self.put(I::GetTwoElements, &operands(0)[..1], &[operands(0)[2], operands(1)[2]])?;
                self.element_offset(operands(0)[1])?;
                self.element_offset(operands(1)[1])?;
                Ok(2)
            }
            // What follows fails for anything but tuples too.
            (Some(Op::IsTuple), Some(Op::TestArity), _)
                if same_register(operands(0)[1], operands(1)[1]) && operands(0)[0] == operands(1)[0] =>
            {
                Ok(1)
            }
            (Some(Op::IsTuple), Some(Op::SelectTupleArity), _)
                if same_register(operands(0)[1], operands(1)[0]) && operands(0)[0] == operands(1)[1] =>
            {
                Ok(1)
            }
            _ => Ok(0),
        }
    }
    /// As [`Decoder::fused`], for a frame that is filled at once.
    fn fused_allocate(&mut self, following: &[beam::Instruction]) -> Result<usize, LoadError> {
        let code = self.source;
        let operands = |index: usize| code.operands_of(following[index]);
        if following[1].op == Op::InitYregs {
            self.emit(I::AllocateInit);
            self.room_and_frame(operands(0))?;
            self.y_registers(operands(1)[0])?;
            return Ok(2);
        }
        let is_save = |instruction: &&beam::Instruction| {
            let kinds = code.operands_of(**instruction);
            instruction.op == Op::Move && matches!(kinds, [Operand::X(..), Operand::Y(..)])
        };
        let count = following[1..].iter().take(3).take_while(is_save).count();
        if count == 0 {
            return Ok(0);
        }
        self.start = self.offset();
        self.number(I::AllocateSave.number() + count as u32 - 1);
        self.room_and_frame(operands(0))?;
        for index in 1..=count {
            self.source_of_kind(operands(index)[0], OperandKind::X)?;
            self.source_of_kind(operands(index)[1], OperandKind::Y)?;
        }
        Ok(1 + count)
    }
    /// Operands of `allocate` and `allocate_heap`: room, live, frame.
    fn room_and_frame(&mut self, operands: &[Operand]) -> Result<(), LoadError> {
        let (need, live) = match operands {
            [_, need, live] => (Some(*need), *live),
            _ => (None, operands[1]),
        };
        self.room(Some(operands[0]), need)?;
        self.plain(live)?;
        self.frame(operands[0])
    }
    fn y_registers(&mut self, list: Operand) -> Result<(), LoadError> {
        let registers = self.list(list)?;
        self.number(registers.len() as u32);
        registers.iter().try_for_each(|register| self.y_register(*register))
    }
    /// As [`Decoder::fused`], for room for what the next instruction builds, and maybe for more.
    fn fused_room(&mut self, room: &[Operand], next: beam::Instruction) -> Result<usize, LoadError> {
        let operands = self.source.operands_of(next);
        match next.op {
            Op::PutList => self.put(I::HeapPutList, &operands[..2], &operands[2..3])?,
            _ => match self.list(operands[1])? {
                pair @ [_, _] => self.put(I::HeapPutPair, pair, &operands[..1])?,
                _ => return Ok(0),
            },
        }
        self.room(None, Some(room[0]))?;
        self.plain(room[1])?;
        Ok(2)
    }
    /// As [`Decoder::fused`], for a move.
    fn fused_moves(&mut self, following: &[beam::Instruction]) -> Result<usize, LoadError> {
        let code = self.source;
        let moves = following.iter().take(3).take_while(|instruction| instruction.op == Op::Move).count();
        let operands: SmallVec<[Operand; 6]> =
            following[..moves].iter().flat_map(|instruction| code.operands_of(*instruction)).copied().collect();
        for (count, instruction) in [(3, I::MoveThree), (2, I::MoveTwo)] {
            if moves >= count && self.put_exactly(instruction, &operands[..count * 2])? {
                return Ok(count);
            }
        }
        let Some(next) = following.get(1) else { return Ok(0) };
        let call = match next.op {
            Op::Call => I::MoveCall,
            Op::CallOnly => I::MoveCallOnly,
            Op::CallLast => I::MoveCallLast,
            _ => return Ok(0),
        };
        if !self.put_exactly(call, &operands[..2])? {
            return Ok(0);
        }
        // Arity, label, and the frame of a last call.
        let of_call = code.operands_of(*next);
        self.label(of_call[1])?;
        self.plain(of_call[0])?;
        of_call.get(2).map_or(Ok(()), |words| self.frame(*words))?;
        Ok(2)
    }

    fn instruction(&mut self, instruction: beam::Instruction, index: usize) -> Result<(), LoadError> {
        let operands = self.source.operands_of(instruction);
        let o = |index: usize| operands[index];
        match instruction.op {
            Op::Label => {
                let label = self.unsigned(o(0))?;
                let place = (label - self.source.first_label) as usize;
                self.labels[place] = self.offset();
            }
            Op::Line => self.line(o(0))?,
            Op::FuncInfo => self.emit(I::FuncInfo),
            Op::IntCodeEnd | Op::NifStart | Op::ExecutableLine | Op::OnLoad => {}
            Op::Call => self.call(I::Call, o(1), None, o(0))?,
            Op::CallOnly => self.call(I::CallOnly, o(1), None, o(0))?,
            Op::CallLast => self.call(I::CallLast, o(1), Some(o(2)), o(0))?,
            Op::CallExt => self.call_ext([I::CallExt, I::CallBif, I::Apply3, I::Apply2], o(1), None)?,
            Op::CallExtOnly => {
                self.call_ext([I::CallExtOnly, I::CallBifOnly, I::Apply3Only, I::Apply2Only], o(1), None)?
            }
            Op::CallExtLast => {
                self.call_ext([I::CallExtLast, I::CallBifLast, I::Apply3Last, I::Apply2Last], o(1), Some(o(2)))?;
            }
            Op::Bif0 => self.guard_bif(None, None, o(0), &[], o(1))?,
            Op::Bif1 => self.guard_bif(Some(o(0)), None, o(1), &operands[2..3], o(3))?,
            Op::Bif2 => self.guard_bif(Some(o(0)), None, o(1), &operands[2..4], o(4))?,
            Op::GcBif1 => self.guard_bif(Some(o(0)), Some(o(1)), o(2), &operands[3..4], o(4))?,
            Op::GcBif2 => self.guard_bif(Some(o(0)), Some(o(1)), o(2), &operands[3..5], o(5))?,
            Op::GcBif3 => self.guard_bif(Some(o(0)), Some(o(1)), o(2), &operands[3..6], o(6))?,
            Op::Allocate | Op::AllocateHeap => {
                self.emit(I::Allocate);
                self.room_and_frame(operands)?;
            }
            Op::TestHeap => {
                self.emit(I::TestHeap);
                self.room(None, Some(o(0)))?;
                self.plain(o(1))?;
            }
            Op::Deallocate | Op::Trim => {
                self.emit(I::Deallocate);
                self.frame(o(0))?;
            }
            Op::Return => self.emit(I::Return),
            Op::InitYregs => {
                self.emit(I::InitYregs);
                self.y_registers(o(0))?;
            }
            Op::Send => self.emit(I::Send),
            Op::RemoveMessage => self.emit(I::RemoveMessage),
            Op::Timeout => self.emit(I::Timeout),
            Op::LoopRec => self.label_and(I::LoopRec, o(0), &[], &operands[1..])?,
            Op::LoopRecEnd => self.label_and(I::LoopRecEnd, o(0), &[], &[])?,
            Op::Wait => self.label_and(I::Wait, o(0), &[], &[])?,
            Op::WaitTimeout => self.label_and(I::WaitTimeout, o(0), &operands[1..], &[])?,
            Op::RecvMarkerBind => self.plain_sources(I::RecvMarkerBind, operands)?,
            Op::RecvMarkerClear => self.plain_sources(I::RecvMarkerClear, operands)?,
            Op::RecvMarkerReserve => self.sources_to(I::RecvMarkerReserve, operands, 0)?,
            Op::RecvMarkerUse => self.plain_sources(I::RecvMarkerUse, operands)?,
            Op::IsLt => self.test(I::IsLt, &operands[1..], o(0))?,
            Op::IsGe => self.test(I::IsGe, &operands[1..], o(0))?,
            Op::IsEq => self.test(I::IsEq, &operands[1..], o(0))?,
            Op::IsNe => self.test(I::IsNe, &operands[1..], o(0))?,
            Op::IsEqExact => self.exact(I::IsEqExact, I::IsEqImmediate, operands)?,
            Op::IsNeExact => self.exact(I::IsNeExact, I::IsNeImmediate, operands)?,
            Op::IsInteger => self.test(I::IsInteger, &operands[1..], o(0))?,
            Op::IsFloat => self.test(I::IsFloat, &operands[1..], o(0))?,
            Op::IsNumber => self.test(I::IsNumber, &operands[1..], o(0))?,
            Op::IsAtom => self.test(I::IsAtom, &operands[1..], o(0))?,
            Op::IsPid => self.test(I::IsPid, &operands[1..], o(0))?,
            Op::IsReference => self.test(I::IsReference, &operands[1..], o(0))?,
            Op::IsPort => self.test(I::IsPort, &operands[1..], o(0))?,
            Op::IsNil => self.test(I::IsNil, &operands[1..], o(0))?,
            Op::IsBinary => self.test(I::IsBinary, &operands[1..], o(0))?,
            Op::IsList => self.test(I::IsList, &operands[1..], o(0))?,
            Op::IsNonemptyList => self.test(I::IsNonemptyList, &operands[1..], o(0))?,
            Op::IsTuple => self.test(I::IsTuple, &operands[1..], o(0))?,
            Op::IsBoolean => self.test(I::IsBoolean, &operands[1..], o(0))?,
            Op::IsBitstr => self.test(I::IsBitstr, &operands[1..], o(0))?,
            Op::IsMap => self.test(I::IsMap, &operands[1..], o(0))?,
            Op::IsFunction => self.test(I::IsFunction, &operands[1..], o(0))?,
            Op::IsFunction2 => {
                let arity = match o(2) {
                    Operand::U(value) => Operand::I(i64::try_from(value).map_err(|_| bad("an arity is too large"))?),
                    other => other,
                };
                self.test(I::IsFunction2, &[o(1), arity], o(0))?;
            }
            Op::TestArity => {
                self.test(I::TestArity, &operands[1..2], o(0))?;
                self.tuple_header(o(2))?;
            }
            Op::IsTaggedTuple => {
                self.test(I::IsTaggedTuple, &operands[1..2], o(0))?;
                self.tuple_header(o(2))?;
                let tag = self.term_word(o(3))?;
                self.wide(tag.0);
            }
            Op::SelectVal => self.select_val(operands)?,
            Op::SelectTupleArity => self.select_tuple_arity(operands)?,
            Op::Jump => self.label_and(I::Jump, o(0), &[], &[])?,
            Op::Catch => self.protect(I::Catch, operands)?,
            Op::Try => self.protect(I::Catch, operands)?,
            Op::CatchEnd => self.y_only(I::CatchEnd, o(0))?,
            Op::TryEnd => self.y_only(I::TryEnd, o(0))?,
            Op::TryCase => self.y_only(I::TryCase, o(0))?,
            Op::TryCaseEnd => self.plain_sources(I::TryCaseEnd, operands)?,
            Op::Raise => self.plain_sources(I::Raise, operands)?,
            Op::BuildStacktrace => self.emit(I::BuildStacktrace),
            Op::RawRaise => self.emit(I::RawRaise),
            Op::Badmatch => self.plain_sources(I::Badmatch, operands)?,
            Op::CaseEnd => self.plain_sources(I::CaseEnd, operands)?,
            Op::Badrecord => self.plain_sources(I::Badrecord, operands)?,
            Op::IfEnd => self.emit(I::IfEnd),
            Op::Move => self.put(I::Move, &operands[..1], &operands[1..2])?,
            Op::Swap => self.put(I::Swap, &operands[..2], &[])?,
            Op::GetList => self.put(I::GetList, &operands[..1], &operands[1..3])?,
            Op::GetHd => self.put(I::GetHd, &operands[..1], &operands[1..2])?,
            Op::GetTl => self.put(I::GetTl, &operands[..1], &operands[1..2])?,
            Op::GetTupleElement => {
                self.put(I::GetTupleElement, &operands[..1], &operands[2..3])?;
                self.element_offset(o(1))?;
            }
            Op::SetTupleElement => {
                self.plain_sources(I::SetTupleElement, &operands[..2])?;
                self.element_offset(o(2))?;
            }
            Op::PutList => self.put(I::PutList, &operands[..2], &operands[2..3])?,
            Op::PutTuple2 => {
                let elements = self.list(o(1))?;
                if elements.len() == 2 {
                    return self.put(I::PutPair, elements, &operands[..1]);
                }
                self.put(I::PutTuple2, &[], &operands[..1])?;
                self.number(tuple_header(elements.len() as u32)?);
                self.sources(elements)?;
            }
            Op::UpdateRecord => self.update_record(operands)?,
            Op::MakeFun3 => {
                let environment = self.list(o(2))?;
                let index = self.unsigned(o(0))? as usize;
                let entry = *self.module.lambdas.get(index).ok_or_else(|| bad("no such lambda"))?;
                self.put(I::MakeFun3, &[], &operands[1..2])?;
                self.address(entry);
                self.sources(environment)?;
            }
            Op::CallFun => {
                let arity = self.unsigned(o(0))?;
                let fun = u16::try_from(arity).map_err(|_| bad("an arity is too large"))?;
                self.call_fun(index, Operand::X(fun, beam::TypeIndex::ANY), o(0))?;
            }
            Op::CallFun2 => self.call_fun(index, o(2), o(1))?,
            Op::Apply => self.numbers(I::Apply, operands)?,
            Op::ApplyLast => {
                self.numbers(I::ApplyLast, &operands[..1])?;
                self.frame(o(1))?;
            }
            Op::PutMapAssoc => self.put_map(I::PutMapAssoc, operands)?,
            Op::PutMapExact => self.put_map(I::PutMapExact, operands)?,
            Op::HasMapFields | Op::GetMapElements => {
                let items = self.list(o(2))?;
                let kind = match instruction.op {
                    Op::HasMapFields => I::HasMapFields,
                    _ if self.are_immediates(items.iter().step_by(2))? => I::GetMapImmediates,
                    _ => I::GetMapElements,
                };
                self.test(kind, &operands[1..2], o(0))?;
                self.sources(items)?;
            }
            Op::Fmove => match (o(0), o(1)) {
                (Operand::F(_), Operand::F(_)) => {
                    self.emit(I::FloatMove);
                    self.float_register(o(0))?;
                    self.float_register(o(1))?;
                }
                (Operand::F(_), _) => {
                    self.put(I::FloatStore, &[], &operands[1..2])?;
                    self.float_register(o(0))?;
                }
                _ => {
                    self.put(I::FloatLoad, &operands[..1], &[])?;
                    self.float_register(o(1))?;
                }
            },
            Op::Fconv => {
                self.put(I::Fconv, &operands[..1], &[])?;
                self.float_register(o(1))?;
            }
            Op::Fadd => self.float_operation(I::Fadd, operands)?,
            Op::Fsub => self.float_operation(I::Fsub, operands)?,
            Op::Fmul => self.float_operation(I::Fmul, operands)?,
            Op::Fdiv => self.float_operation(I::Fdiv, operands)?,
            Op::Fnegate => self.float_operation(I::Fnegate, operands)?,
            _ => self.binary_instruction(instruction.op, operands)?,
        }
        Ok(())
    }

    /// Are all these immediate constants?
    fn are_immediates<'o>(&mut self, mut operands: impl Iterator<Item = &'o Operand>) -> Result<bool, LoadError> {
        operands.try_fold(true, |all, operand| Ok(all && self.kind_of(*operand)? == OperandKind::I))
    }
    fn numbers(&mut self, instruction: I, operands: &[Operand]) -> Result<(), LoadError> {
        self.emit(instruction);
        operands.iter().try_for_each(|operand| self.plain(*operand))
    }
    fn plain_sources(&mut self, instruction: I, operands: &[Operand]) -> Result<(), LoadError> {
        self.emit(instruction);
        operands.iter().try_for_each(|operand| self.source(*operand))
    }
    /// Sources, and from number `first` on registers to be written.
    fn sources_to(&mut self, instruction: I, operands: &[Operand], first: usize) -> Result<(), LoadError> {
        self.plain_sources(instruction, &operands[..first])?;
        operands[first..].iter().try_for_each(|operand| self.register(*operand))
    }
    fn y_only(&mut self, instruction: I, operand: Operand) -> Result<(), LoadError> {
        self.emit(instruction);
        self.y_register(operand)
    }
    fn protect(&mut self, instruction: I, operands: &[Operand]) -> Result<(), LoadError> {
        self.emit(instruction);
        self.y_register(operands[0])?;
        self.label(operands[1])
    }
    fn label_and(
        &mut self,
        instruction: I,
        label: Operand,
        sources: &[Operand],
        registers: &[Operand],
    ) -> Result<(), LoadError> {
        self.emit(instruction);
        self.label(label)?;
        sources.iter().try_for_each(|operand| self.source(*operand))?;
        registers.iter().try_for_each(|operand| self.register(*operand))
    }
    fn exact(&mut self, general: I, immediate: I, operands: &[Operand]) -> Result<(), LoadError> {
        let is_immediate = |operand: &Operand| match operand {
            Operand::Atom(_) | Operand::Nil => true,
            Operand::I(value) => Word::try_small(*value).is_some(),
            _ => false,
        };
        let kind = if operands[1..].iter().any(is_immediate) { immediate } else { general };
        self.test(kind, &operands[1..], operands[0])
    }
    fn test(&mut self, instruction: I, sources: &[Operand], fail: Operand) -> Result<(), LoadError> {
        self.put(instruction, sources, &[])?;
        self.label(fail)
    }
    fn tuple_header(&mut self, arity: Operand) -> Result<(), LoadError> {
        let header = tuple_header(self.unsigned(arity)?)?;
        self.number(header);
        Ok(())
    }
    /// Where in a tuple its element lies, counted from 0: in bytes.
    fn element_offset(&mut self, position: Operand) -> Result<(), LoadError> {
        let position = self.unsigned(position)?;
        self.number(
            position.checked_add(1).and_then(|word| word.checked_mul(8)).ok_or_else(|| bad("no such element"))?,
        );
        Ok(())
    }
    fn call_fun(&mut self, index: usize, fun: Operand, arity: Operand) -> Result<(), LoadError> {
        let last = self.last_call(index);
        self.put(if last.is_some() { I::CallFunLast } else { I::CallFun }, &[fun], &[])?;
        self.plain(arity)?;
        last.map_or(Ok(()), |words| self.frame(words))
    }
    fn float_operation(&mut self, instruction: I, operands: &[Operand]) -> Result<(), LoadError> {
        self.emit(instruction);
        operands[1..].iter().try_for_each(|operand| self.float_register(*operand))
    }
    fn call(&mut self, kind: I, label: Operand, words: Option<Operand>, arity: Operand) -> Result<(), LoadError> {
        self.emit(kind);
        self.label(label)?;
        self.plain(arity)?;
        words.map_or(Ok(()), |words| self.frame(words))
    }
    /// `kinds`: for code, for a BIF, for `apply/3`, for `apply/2`.
    fn call_ext(&mut self, kinds: [I; 4], import: Operand, words: Option<Operand>) -> Result<(), LoadError> {
        let import = self.import(import)?;
        let (module, function, arity) = import;
        if module == atoms::ERLANG && function == atoms::APPLY && (arity == 3 || arity == 2) {
            self.emit(if arity == 3 { kinds[2] } else { kinds[3] });
        } else if let Some(bif) = self.vm.bif(module, function, arity).filter(|bif| !bif.flags.nif) {
            self.emit(kinds[1]);
            self.address(bif);
            self.number(u32::from(arity));
        } else {
            let export = self.vm.code.export(module, function, arity);
            self.emit(kinds[0]);
            self.address(export);
            self.number(u32::from(arity));
        }
        words.map_or(Ok(()), |words| self.frame(words))
    }
    fn import(&self, operand: Operand) -> Result<(Atom, Atom, u8), LoadError> {
        let index = self.unsigned(operand)? as usize;
        let import = self.file.imports.get(index).ok_or_else(|| bad("no such import"))?;
        let arity = u8::try_from(import.arity).map_err(|_| bad("an import has more than 255 arguments"))?;
        Ok((self.atom(import.module), self.atom(import.function), arity))
    }
    fn guard_bif(
        &mut self,
        fail: Option<Operand>,
        live: Option<Operand>,
        import: Operand,
        arguments: &[Operand],
        destination: Operand,
    ) -> Result<(), LoadError> {
        let (module, function, arity) = self.import(import)?;
        if arguments.len() != usize::from(arity) {
            return Err(bad("wrong number of arguments for a guard BIF"));
        }
        let special = if module == atoms::ERLANG { special_guard_bif(function, arity) } else { None };
        let fail = fail.unwrap_or(Operand::Label(0));
        if let Some((special, operands)) = special {
            self.put(special, arguments, &[destination])?;
            if operands != Operands::Plain {
                self.label(fail)?;
            }
            if operands == Operands::FailAndLive {
                self.plain(live.ok_or_else(|| bad("arithmetic that does not say what is live"))?)?;
            }
            return Ok(());
        }
        let text = || oxbeam_runtime::CodeTable::function_text(&self.vm.atoms, module, function, arity);
        let bif = self.vm.bif(module, function, arity);
        let bif = bif.ok_or_else(|| bad(format!("guard BIF {} is not implemented", text())))?;
        self.emit([I::GuardBif0, I::GuardBif1, I::GuardBif2, I::GuardBif3][usize::from(arity)]);
        self.address(bif);
        if arity != 0 {
            self.label(fail)?;
            match live {
                Some(live) => self.plain(live)?,
                None => self.number(SIZE_ALL),
            }
        }
        arguments.iter().try_for_each(|argument| self.source(*argument))?;
        self.register(destination)
    }
    fn line(&mut self, operand: Operand) -> Result<(), LoadError> {
        let index = self.unsigned(operand)? as usize;
        let entry = self.file.lines.entries.get(index);
        // As in OTP, a line number of more than 24 bits counts as none.
        let entry = entry.filter(|entry| entry.line < 1 << 24);
        let (file, line) = entry.map_or((0, 0), |entry| (entry.file, entry.line));
        let offset = self.offset();
        self.lines.push(LineEntry { offset, file: file as u16, line });
        Ok(())
    }
    fn select_val(&mut self, operands: &[Operand]) -> Result<(), LoadError> {
        let items = self.list(operands[2])?;
        let mut entries = Vec::with_capacity(items.len() / 2);
        for pair in items.chunks_exact(2) {
            entries.push((self.term_word(pair[0])?, pair[1]));
        }
        if entries.iter().any(|(word, _)| word.is_pointer()) {
            self.test(I::SelectGeneric, &operands[..1], operands[1])?;
            self.number(entries.len() as u32);
            for (word, label) in entries {
                self.constant_source(word);
                self.label(label)?;
            }
            return Ok(());
        }
        let smalls: Option<Vec<i64>> =
            entries.iter().map(|(word, _)| word.is_small().then(|| word.small_value())).collect();
        if let Some(values) = smalls
            && let (Some(&low), Some(&high)) = (values.iter().min(), values.iter().max())
            && values.len() >= 4
            && i32::try_from(low).is_ok()
            && high - low < values.len() as i64 * 3
        {
            return self.select_table(operands, &entries, low, high);
        }
        if entries.iter().all(|(word, _)| fits_immediate(*word)) {
            self.test(I::SelectImmediate, &operands[..1], operands[1])?;
            return self.choices(entries.into_iter().map(|(word, label)| (word.0 as u32, label)).collect());
        }
        entries.sort_by_key(|(word, _)| word.0);
        self.test(I::SelectWide, &operands[..1], operands[1])?;
        self.number(entries.len() as u32);
        for (word, label) in entries {
            self.wide(word.0);
            self.label(label)?;
        }
        Ok(())
    }
    fn select_table(
        &mut self,
        operands: &[Operand],
        entries: &[(Word, Operand)],
        low: i64,
        high: i64,
    ) -> Result<(), LoadError> {
        let by_value: HashMap<i64, Operand> =
            entries.iter().map(|(word, label)| (word.small_value(), *label)).collect();
        self.test(I::SelectTable, &operands[..1], operands[1])?;
        self.number(low as i32 as u32);
        self.number((high - low + 1) as u32);
        for value in low..=high {
            self.label(by_value.get(&value).copied().unwrap_or(operands[1]))?;
        }
        Ok(())
    }
    fn select_tuple_arity(&mut self, operands: &[Operand]) -> Result<(), LoadError> {
        let items = self.list(operands[2])?;
        self.test(I::SelectTupleArity, &operands[..1], operands[1])?;
        let mut choices = Vec::with_capacity(items.len() / 2);
        for pair in items.chunks_exact(2) {
            choices.push((tuple_header(self.unsigned(pair[0])?)?, pair[1]));
        }
        self.choices(choices)
    }
    /// Values in ascending order, then their labels.
    fn choices(&mut self, mut choices: Vec<(u32, Operand)>) -> Result<(), LoadError> {
        choices.sort_by_key(|(value, _)| *value);
        self.number(choices.len() as u32);
        choices.iter().for_each(|(value, _)| self.number(*value));
        choices.iter().try_for_each(|(_, label)| self.label(*label))
    }
    fn update_record(&mut self, operands: &[Operand]) -> Result<(), LoadError> {
        let updates = self.list(operands[4])?;
        self.emit(I::UpdateRecord);
        self.plain(operands[1])?;
        self.source(operands[2])?;
        self.register(operands[3])?;
        self.number(updates.len() as u32 / 2);
        for pair in updates.chunks_exact(2) {
            self.frame(pair[0])?;
            self.source(pair[1])?;
        }
        Ok(())
    }
    fn put_map(&mut self, instruction: I, operands: &[Operand]) -> Result<(), LoadError> {
        let pairs = self.list(operands[4])?;
        self.label_and(instruction, operands[0], &operands[1..2], &operands[2..3])?;
        self.plain(operands[3])?;
        self.sources(pairs)
    }

    fn binary_instruction(&mut self, op: Op, operands: &[Operand]) -> Result<(), LoadError> {
        let o = |index: usize| operands[index];
        match op {
            Op::BsStartMatch3 => self.start_match(o(1), o(3), o(0))?,
            Op::BsStartMatch4 => self.start_match(o(2), o(3), o(0))?,
            Op::BsMatch => self.bs_match(operands)?,
            Op::BsGetInteger2 => self.bs_get(I::BsGetInteger2, operands)?,
            Op::BsGetFloat2 => self.bs_get(I::BsGetFloat2, operands)?,
            Op::BsGetBinary2 => self.bs_get(I::BsGetBinary2, operands)?,
            Op::BsSkipBits2 => {
                self.label_and(I::BsSkipBits2, o(0), &operands[1..2], &[])?;
                self.size(o(2))?;
                self.plain(o(3))?;
            }
            Op::BsTestTail2 => {
                let bits = self.unsigned(o(2))?;
                self.match_step(I::BsEnsure, o(0), o(1), None, Ensured::exactly(bits))?;
            }
            Op::BsTestUnit => {
                self.label_and(I::BsTestUnit, o(0), &operands[1..2], &[])?;
                self.plain(o(2))?;
            }
            Op::BsMatchString => {
                self.label_and(I::BsMatchString, o(0), &operands[1..2], &[])?;
                self.plain(o(2))?;
                self.string(self.unsigned(o(3))? as usize, self.unsigned(o(2))?.div_ceil(8) as usize)?;
            }
            Op::BsGetUtf8 => {
                self.put(I::BsGetUtf8, &operands[1..2], &operands[4..5])?;
                self.label(o(0))?;
            }
            Op::BsSkipUtf8 => self.label_and(I::BsSkipUtf8, o(0), &operands[1..2], &[])?,
            Op::BsGetUtf16 | Op::BsGetUtf32 => {
                let kind = if op == Op::BsGetUtf16 { I::BsGetUtf16 } else { I::BsGetUtf32 };
                self.label_and(kind, o(0), &operands[1..2], &operands[4..5])?;
                let flags = self.flags(o(3))?;
                self.number(flags);
            }
            Op::BsSkipUtf16 | Op::BsSkipUtf32 => {
                let kind = if op == Op::BsSkipUtf16 { I::BsSkipUtf16 } else { I::BsSkipUtf32 };
                self.label_and(kind, o(0), &operands[1..2], &[])?;
                let flags = self.flags(o(3))?;
                self.number(flags);
            }
            Op::BsGetTail => self.put(I::BsGetTail, &operands[..1], &operands[1..2])?,
            Op::BsGetPosition => self.put(I::BsGetPosition, &operands[..1], &operands[1..2])?,
            Op::BsSetPosition => {
                self.put(I::BsSetPosition, &operands[..1], &[])?;
                self.source(o(1))?;
            }
            Op::BsCreateBin => self.bs_create_bin(operands)?,
            Op::BsInitWritable => self.emit(I::BsInitWritable),
            Op::BsInit2 | Op::BsInitBits => {
                // fail, size, extra words, live, flags, destination
                let kind = if op == Op::BsInit2 { I::BsInit2 } else { I::BsInitBits };
                self.emit(kind);
                self.label(o(0))?;
                self.size(o(1))?;
                self.plain(o(3))?;
                self.register(o(5))?;
                self.words_of_room(o(2))?;
            }
            Op::BsAdd => {
                self.label_and(I::BsAdd, o(0), &[], &[])?;
                self.size(o(1))?;
                self.size(o(2))?;
                self.plain(o(3))?;
                self.register(o(4))?;
            }
            Op::BsAppend => {
                // fail, size, extra, live, unit, binary, flags, destination
                self.emit(I::BsAppend);
                self.label(o(0))?;
                self.size(o(1))?;
                self.plain(o(3))?;
                self.plain(o(4))?;
                self.source(o(5))?;
                self.register(o(7))?;
                self.words_of_room(o(2))?;
            }
            Op::BsPrivateAppend => {
                // fail, size, unit, binary, flags, destination
                self.emit(I::BsPrivateAppend);
                self.label(o(0))?;
                self.size(o(1))?;
                self.plain(o(2))?;
                self.source(o(3))?;
                self.register(o(5))?;
            }
            Op::BsPutInteger | Op::BsPutBinary | Op::BsPutFloat => {
                // fail, size, unit, flags, source
                let kind = match op {
                    Op::BsPutInteger => I::BsPutInteger,
                    Op::BsPutBinary => I::BsPutBinary,
                    _ => I::BsPutFloat,
                };
                self.emit(kind);
                self.label(o(0))?;
                self.size(o(1))?;
                self.plain(o(2))?;
                let flags = self.flags(o(3))?;
                self.number(flags);
                self.source(o(4))?;
            }
            Op::BsPutString => {
                let length = self.unsigned(o(0))?;
                self.emit(I::BsPutString);
                self.number(length);
                self.string(self.unsigned(o(1))? as usize, length as usize)?;
            }
            Op::BsUtf8Size | Op::BsUtf16Size => {
                let kind = if op == Op::BsUtf8Size { I::BsUtf8Size } else { I::BsUtf16Size };
                self.label_and(kind, o(0), &operands[1..2], &operands[2..3])?;
            }
            Op::BsPutUtf8 | Op::BsPutUtf16 | Op::BsPutUtf32 => {
                let kind = match op {
                    Op::BsPutUtf8 => I::BsPutUtf8,
                    Op::BsPutUtf16 => I::BsPutUtf16,
                    _ => I::BsPutUtf32,
                };
                self.emit(kind);
                self.label(o(0))?;
                let flags = self.flags(o(1))?;
                self.number(flags);
                self.source(o(2))?;
            }
            other => return Err(bad(format!("instruction {} is not implemented", other.name()))),
        }
        Ok(())
    }
    fn start_match(&mut self, source: Operand, register: Operand, fail: Operand) -> Result<(), LoadError> {
        self.put(I::BsStartMatch, &[source], &[register])?;
        self.label(fail)
    }
    /// fail, context, live, size, unit, flags, destination
    fn bs_get(&mut self, instruction: I, operands: &[Operand]) -> Result<(), LoadError> {
        self.label_and(instruction, operands[0], &operands[1..2], &[])?;
        self.size(operands[3])?;
        self.plain(operands[4])?;
        let flags = self.flags(operands[5])?;
        self.number(flags);
        self.register(operands[6])
    }
    /// A segment size: a source, `SIZE_ALL` for `all`; one that cannot be is the atom `undefined`.
    fn size(&mut self, operand: Operand) -> Result<(), LoadError> {
        match operand {
            Operand::Atom(index) if self.atom(index) == atoms::ALL => self.number(SIZE_ALL),
            Operand::U(value) => {
                let value = i64::try_from(value).map_err(|_| bad("a size is too large"))?;
                self.source(Operand::I(value))?;
            }
            Operand::UnsignedTooBig => self.constant_source(Word::atom(atoms::UNDEFINED)),
            other => self.source(other)?,
        }
        Ok(())
    }
    fn string(&mut self, offset: usize, length: usize) -> Result<(), LoadError> {
        if offset.checked_add(length).is_none_or(|end| end > self.module.strings.len()) {
            return Err(bad("a string lies outside the string table"));
        }
        // The table is kept by the module's code, which outlives its instructions.
        self.wide(self.module.strings.as_ptr().wrapping_add(offset) as u64);
        Ok(())
    }
    fn bs_create_bin(&mut self, operands: &[Operand]) -> Result<(), LoadError> {
        // fail, allocate, live, unit, destination, segments
        let items = self.list(operands[5])?;
        let appended = self.appended_integers(items);
        self.emit(if appended.is_some() { I::BsAppendIntegers } else { I::BsCreateBin });
        self.label(operands[0])?;
        self.plain(operands[2])?;
        self.register(operands[4])?;
        self.number(items.len() as u32 / 6);
        self.words_of_room(operands[1])?;
        let accumulator = self.code.len() + 5;
        for item in items.chunks_exact(6) {
            let Operand::Atom(kind) = item[0] else { return Err(bad("a segment type was expected")) };
            let kind = match self.vm.atoms.text(self.atom(kind)) {
                "append" => segment::APPEND,
                "private_append" => segment::PRIVATE_APPEND,
                "binary" => segment::BINARY,
                "integer" => segment::INTEGER,
                "float" => segment::FLOAT,
                "string" => segment::STRING,
                "utf8" => segment::UTF8,
                "utf16" => segment::UTF16,
                "utf32" => segment::UTF32,
                other => return Err(bad(format!("segment type {other} is unknown"))),
            };
            self.number(kind);
            self.plain(item[2])?;
            let (flags, number) = (self.flags(item[3])?, self.unsigned(item[1])?);
            self.number(flags | number.min(u32::MAX >> flags::SEGMENT_SHIFT) << flags::SEGMENT_SHIFT);
            if kind == segment::STRING {
                let length = self.unsigned(item[5])?;
                self.string(self.unsigned(item[4])? as usize, length as usize)?;
                self.number(length);
            } else {
                self.source(item[4])?;
                self.size(item[5])?;
                let bits = self.fixed_bits(item[5], item[2]);
                self.number(if self.code.len() == accumulator { appended.unwrap_or(bits) } else { bits });
            }
        }
        Ok(())
    }

    /// If the segments are an accumulator and integers that [`I::BsAppendIntegers`] can append to it, the bits of those.
    fn appended_integers(&self, items: &[Operand]) -> Option<u32> {
        let is = |operand: Operand, name: &str| match operand {
            Operand::Atom(index) => self.atom_text(index) == name,
            _ => false,
        };
        let (accumulator, integers) = items.split_at_checked(6)?;
        let mut total = 0;
        for integer in integers.chunks_exact(6) {
            let bits = self.fixed_bits(integer[5], integer[2]);
            if !is(integer[0], "integer") || integer[3] != Operand::Nil || bits >= 64 {
                return None;
            }
            total += bits;
        }
        // Bits of any size may have been appended before: what is appended must be bytes.
        let bytes = total != 0 && total <= 64 && total % 8 == 0;
        (is(accumulator[0], "private_append") && is(accumulator[5], "all") && bytes).then_some(total)
    }
    /// Size times unit, if both are given as numbers; [`SIZE_ALL`] if not.
    pub(crate) fn fixed_bits(&self, size: Operand, unit: Operand) -> u32 {
        let number = |operand| self.unsigned(operand).ok();
        let bits = number(size).zip(number(unit)).and_then(|(size, unit)| size.checked_mul(unit));
        bits.unwrap_or(SIZE_ALL)
    }

    // --- the end -------------------------------------------------------------------------------------------------

    fn finish(mut self) -> Result<DecodedFunction, LoadError> {
        // Behind the function: what a jump astray would find.
        self.emit(I::FuncInfo);
        for &(place, start, label) in &self.label_places {
            let target = self.labels[(label - self.source.first_label) as usize];
            if target == UNKNOWN {
                return Err(bad(format!("label {label} is not in the code")));
            }
            self.code[place as usize] = target.wrapping_sub(start).wrapping_mul(4);
        }
        let constants = self.vm.code.constants.add(&self.constants);
        let constants = constants.ok_or_else(|| bad("the table of constants is full"))?;
        let first = constants.first();
        for &place in &self.constant_places {
            self.code[place as usize] += first << KIND_MASK.count_ones();
        }
        let (words, references) = (self.code, self.references);
        Ok(DecodedFunction { words, entry: self.entry, lines: self.lines, references, constants })
    }
}

/// Are both operands the same register?
fn same_register(a: Operand, b: Operand) -> bool {
    match (a, b) {
        (Operand::X(a, _), Operand::X(b, _)) | (Operand::Y(a, _), Operand::Y(b, _)) => a == b,
        _ => false,
    }
}

/// Can the word be an immediate operand?
fn fits_immediate(word: Word) -> bool {
    !word.is_pointer() && word.0 as i32 as i64 as u64 == word.0
}

/// The header of a tuple, as instructions compare it.
fn tuple_header(arity: u32) -> Result<u32, LoadError> {
    u32::try_from(Header::new(Kind::Tuple, arity as usize).0).map_err(|_| bad("a tuple is too large"))
}

/// What stands behind sources and register of a guard BIF's own instruction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operands {
    Plain,
    Fail,
    FailAndLive,
}

/// Guard BIFs that have an instruction of their own.
fn special_guard_bif(function: Atom, arity: u8) -> Option<(I, Operands)> {
    use Operands::{Fail, FailAndLive, Plain};
    Some(match (function, arity) {
        (atoms::PLUS, 2) => (I::Add, FailAndLive),
        (atoms::MINUS, 2) => (I::Subtract, FailAndLive),
        (atoms::MULTIPLY, 2) => (I::Multiply, FailAndLive),
        (atoms::DIV, 2) => (I::IntegerDivide, FailAndLive),
        (atoms::REM, 2) => (I::Remainder, FailAndLive),
        (atoms::BAND, 2) => (I::Band, FailAndLive),
        (atoms::BOR, 2) => (I::Bor, FailAndLive),
        (atoms::BXOR, 2) => (I::Bxor, FailAndLive),
        (atoms::BSL, 2) => (I::ShiftLeft, FailAndLive),
        (atoms::BSR, 2) => (I::ShiftRight, FailAndLive),
        (atoms::ELEMENT, 2) => (I::Element, Fail),
        (atoms::HD, 1) => (I::Hd, Fail),
        (atoms::TL, 1) => (I::Tl, Fail),
        (atoms::TUPLE_SIZE, 1) => (I::TupleSize, Fail),
        (atoms::MAP_GET, 2) => (I::MapGet, Fail),
        (atoms::MAP_SIZE, 1) => (I::MapSize, Fail),
        (atoms::LENGTH, 1) => (I::Length, Fail),
        (atoms::BYTE_SIZE, 1) => (I::ByteSize, Fail),
        (atoms::SELF, 0) => (I::SelfPid, Plain),
        (atoms::NODE, 0) => (I::Node, Plain),
        (atoms::EQUAL, 2) => (I::CompareEq, Plain),
        (atoms::NOT_EQUAL, 2) => (I::CompareNe, Plain),
        (atoms::LESS, 2) => (I::CompareLt, Plain),
        (atoms::GREATER_OR_EQUAL, 2) => (I::CompareGe, Plain),
        (atoms::LESS_OR_EQUAL, 2) => (I::CompareLe, Plain),
        (atoms::GREATER, 2) => (I::CompareGt, Plain),
        (atoms::EXACTLY_EQUAL, 2) => (I::CompareEqExact, Plain),
        (atoms::NOT_EXACTLY_EQUAL, 2) => (I::CompareNeExact, Plain),
        _ => return None,
    })
}
