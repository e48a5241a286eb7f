//! From a `.beam` file's generic instructions to the engine's stream.

use crate::instruction::{Instruction as I, KIND_CONSTANT, KIND_X, KIND_Y, SIZE_ALL, flags, match_command, segment};
use oxbeam_beam_file::{self as beam, BeamFile, Op, Operand};
use oxbeam_runtime::{BifEntry, FunctionInfo, LineEntry, LoadError, ModuleCode, Prepared, Vm, VmContext};
use oxbeam_term::{Atom, FunEntry, Heap, HeapOptions, LiteralBlock, LiteralRange, Term, Word, atoms};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// Decodes a module.
pub fn decode(vm: &Vm, file: &BeamFile) -> Result<Prepared, LoadError> {
    if file.has_latin1_atoms {
        return Err(bad("please re-compile this module with an Erlang/OTP 27 compiler"));
    }
    beam::verify(file).map_err(|error| bad(error.to_string()))?;
    let mut decoder = Decoder::new(vm, file)?;
    for function in &file.code.functions {
        decoder.function(function)?;
    }
    decoder.finish()
}

fn bad(text: impl Into<String>) -> LoadError {
    LoadError::BadFile(text.into())
}

struct Decoder<'a> {
    vm: &'a Vm,
    file: &'a BeamFile,
    module: Atom,
    atoms: Vec<Atom>,
    literals: Vec<Word>,
    literal_block: LiteralBlock,
    lambdas: Vec<&'static FunEntry>,
    strings: Arc<[u8]>,
    code: Vec<u32>,
    constants: Vec<u64>,
    constant_index: HashMap<u64, u32>,
    /// Places in `code` that hold a constant's index, to be moved to where the constants end up.
    constant_places: Vec<(u32, bool)>,
    /// Offset of each label, once known.
    labels: Vec<u32>,
    /// Places in `code` that hold a label: place, start of the instruction, label.
    label_places: Vec<(u32, u32, u32)>,
    functions: Vec<FunctionInfo>,
    lines: Vec<LineEntry>,
    on_load: Option<u32>,
    start: u32,
}

const UNKNOWN: u32 = u32::MAX;

impl<'a> Decoder<'a> {
    fn new(vm: &'a Vm, file: &'a BeamFile) -> Result<Decoder<'a>, LoadError> {
        let full = || bad("the atom table is full");
        let atoms: Vec<Atom> =
            file.atoms.iter().map(|name| vm.atoms.intern(name).ok_or_else(full)).collect::<Result<_, _>>()?;
        let module = vm.atoms.intern(&file.module).ok_or_else(full)?;
        check_information(vm, file)?;
        let (literal_block, literals) = decode_literals(vm, file)?;
        let lambdas = file.lambdas.iter().map(|lambda| fun_entry(vm, file, module, &atoms, lambda)).collect();
        Ok(Decoder {
            vm,
            file,
            module,
            atoms,
            literals,
            literal_block,
            lambdas,
            strings: file.strings().into(),
            code: Vec::with_capacity(file.code.operands.len() + file.code.instructions.len()),
            constants: Vec::new(),
            constant_index: HashMap::new(),
            constant_places: Vec::new(),
            labels: vec![UNKNOWN; file.code.label_count as usize + 1],
            label_places: Vec::new(),
            functions: Vec::with_capacity(file.code.functions.len()),
            lines: Vec::new(),
            on_load: None,
            start: 0,
        })
    }

    fn atom(&self, index: beam::AtomIndex) -> Atom {
        self.atoms[index.index()]
    }

    fn function(&mut self, function: &beam::Function) -> Result<(), LoadError> {
        let name = self.atom(function.name);
        let arity = u8::try_from(function.arity).map_err(|_| bad("a function has more than 255 arguments"))?;
        let bif = self.vm.bif(self.module, name, arity);
        let info = self.functions.len();
        self.functions.push(FunctionInfo { start: self.offset(), entry: UNKNOWN, name, arity });
        let code = &self.file.code;
        for index in function.instructions.clone() {
            let instruction = code.instructions[index];
            if index == function.body {
                self.functions[info].entry = self.offset();
                if let Some(bif) = bif {
                    self.emit(I::BifBody);
                    self.bif_entry(bif);
                    self.number(u32::from(arity));
                    break;
                }
            }
            self.instruction(instruction, index).map_err(|error| self.locate(error, instruction.op, name, arity))?;
        }
        if self.functions[info].entry == UNKNOWN {
            self.functions[info].entry = self.offset();
        }
        Ok(())
    }

    fn locate(&self, error: LoadError, op: Op, name: Atom, arity: u8) -> LoadError {
        let text = oxbeam_runtime::CodeTable::function_text(&self.vm.atoms, self.module, name, arity);
        bad(format!("{text}: {}: {error}", op.name()))
    }

    fn offset(&self) -> u32 {
        self.code.len() as u32
    }

    // --- operands ------------------------------------------------------------------------------------------------

    fn emit(&mut self, instruction: I) {
        self.start = self.offset();
        self.code.push(instruction as u32);
    }
    fn number(&mut self, value: u32) {
        self.code.push(value);
    }
    fn constant_of(&mut self, word: u64) -> u32 {
        let constants = &mut self.constants;
        *self.constant_index.entry(word).or_insert_with(|| {
            constants.push(word);
            constants.len() as u32 - 1
        })
    }
    /// A constant operand: a plain index.
    fn constant(&mut self, word: u64) {
        let index = self.constant_of(word);
        self.constant_places.push((self.offset(), false));
        self.code.push(index);
    }
    /// A constant as a source operand.
    fn constant_source(&mut self, word: Word) {
        let index = self.constant_of(word.0);
        self.constant_places.push((self.offset(), true));
        self.code.push(index << 2 | KIND_CONSTANT);
    }
    fn bif_entry(&mut self, entry: &BifEntry) {
        // The table of BIFs lives as long as the machine and never moves.
        self.constant(std::ptr::from_ref(entry) as u64);
    }
    fn label(&mut self, operand: Operand) -> Result<(), LoadError> {
        let label = match operand {
            Operand::Label(label) => label,
            // bs_start_match4's no_fail and resume.
            Operand::Atom(_) => 0,
            _ => return Err(bad("a label was expected")),
        };
        if label != 0 {
            self.label_places.push((self.offset(), self.start, label));
        }
        self.code.push(0);
        Ok(())
    }
    fn term_word(&mut self, operand: Operand) -> Result<Word, LoadError> {
        Ok(match operand {
            Operand::Atom(index) => Word::atom(self.atom(index)),
            Operand::Nil => Word::NIL,
            Operand::I(value) => match Word::try_small(value) {
                Some(word) => word,
                None => self.store(&num_bigint::BigInt::from(value))?,
            },
            Operand::BigInteger(integer) => {
                let value = num_bigint::BigInt::from_signed_bytes_be(self.file.code.big_integer(integer));
                self.store(&value)?
            }
            Operand::Literal(index) => self.literals[index as usize],
            _ => return Err(bad("a constant was expected")),
        })
    }
    fn store(&mut self, value: &num_bigint::BigInt) -> Result<Word, LoadError> {
        let heap = Heap::new(HeapOptions::default());
        let term = heap.bigint(value);
        self.literal_block.store(term).ok_or_else(|| bad("the literal area is full"))
    }
    fn source(&mut self, operand: Operand) -> Result<(), LoadError> {
        match operand {
            Operand::X(register, _) => self.number(u32::from(register) << 2 | KIND_X),
            Operand::Y(register, _) => self.number(u32::from(register) << 2 | KIND_Y),
            constant => {
                let word = self.term_word(constant)?;
                self.constant_source(word);
            }
        }
        Ok(())
    }
    fn register(&mut self, operand: Operand) -> Result<(), LoadError> {
        match operand {
            Operand::X(..) | Operand::Y(..) => self.source(operand),
            _ => Err(bad("a register was expected")),
        }
    }
    fn y_register(&mut self, operand: Operand) -> Result<(), LoadError> {
        match operand {
            Operand::Y(register, _) => {
                self.number(u32::from(register));
                Ok(())
            }
            _ => Err(bad("a Y register was expected")),
        }
    }
    fn float_register(&mut self, operand: Operand) -> Result<(), LoadError> {
        match operand {
            Operand::F(register) if register < 1024 => {
                self.number(u32::from(register));
                Ok(())
            }
            _ => Err(bad("a float register was expected")),
        }
    }
    fn unsigned(&self, operand: Operand) -> Result<u32, LoadError> {
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
    /// Heap need in words.
    fn need(&mut self, operand: Operand) -> Result<(), LoadError> {
        match operand {
            Operand::AllocationList { words, floats, funs } => {
                let total = u64::from(words) + u64::from(floats) * 2 + u64::from(funs) * 2;
                self.number(u32::try_from(total).map_err(|_| bad("a heap need is too large"))?);
                Ok(())
            }
            other => self.plain(other),
        }
    }
    fn flags(&mut self, operand: Operand) -> Result<u32, LoadError> {
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
    fn list(&self, operand: Operand) -> Result<&'a [Operand], LoadError> {
        match operand {
            Operand::List(list) => Ok(self.file.code.list(list)),
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
    fn last_call(&self, index: usize) -> Option<u32> {
        let code = &self.file.code;
        let [deallocate, end] = code.instructions.get(index + 1..index + 3)? else { return None };
        match (deallocate.op, end.op, code.operands_of(*deallocate)) {
            (Op::Deallocate, Op::Return, [words]) => self.unsigned(*words).ok(),
            _ => None,
        }
    }

    fn instruction(&mut self, instruction: beam::Instruction, index: usize) -> Result<(), LoadError> {
        let operands = self.file.code.operands_of(instruction);
        let o = |index: usize| operands[index];
        match instruction.op {
            Op::Label => {
                let label = self.unsigned(o(0))?;
                self.labels[label as usize] = self.offset();
            }
            Op::Line => self.line(o(0))?,
            Op::FuncInfo => self.emit(I::FuncInfo),
            Op::IntCodeEnd | Op::NifStart | Op::ExecutableLine => {}
            Op::OnLoad => self.on_load = Some(self.functions.len() as u32 - 1),
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
            Op::Allocate => self.numbers(I::Allocate, operands)?,
            Op::AllocateHeap => {
                self.emit(I::AllocateHeap);
                self.plain(o(0))?;
                self.need(o(1))?;
                self.plain(o(2))?;
            }
            Op::TestHeap => {
                self.emit(I::TestHeap);
                self.need(o(0))?;
                self.plain(o(1))?;
            }
            Op::Deallocate => self.numbers(I::Deallocate, operands)?,
            Op::Trim => self.numbers(I::Trim, &operands[..1])?,
            Op::Return => self.emit(I::Return),
            Op::InitYregs => {
                let registers = self.list(o(0))?;
                self.emit(I::InitYregs);
                self.number(registers.len() as u32);
                registers.iter().try_for_each(|register| self.y_register(*register))?;
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
            Op::IsLt => self.label_and(I::IsLt, o(0), &operands[1..], &[])?,
            Op::IsGe => self.label_and(I::IsGe, o(0), &operands[1..], &[])?,
            Op::IsEq => self.label_and(I::IsEq, o(0), &operands[1..], &[])?,
            Op::IsNe => self.label_and(I::IsNe, o(0), &operands[1..], &[])?,
            Op::IsEqExact => self.exact(I::IsEqExact, I::IsEqImmediate, operands)?,
            Op::IsNeExact => self.exact(I::IsNeExact, I::IsNeImmediate, operands)?,
            Op::IsInteger => self.label_and(I::IsInteger, o(0), &operands[1..], &[])?,
            Op::IsFloat => self.label_and(I::IsFloat, o(0), &operands[1..], &[])?,
            Op::IsNumber => self.label_and(I::IsNumber, o(0), &operands[1..], &[])?,
            Op::IsAtom => self.label_and(I::IsAtom, o(0), &operands[1..], &[])?,
            Op::IsPid => self.label_and(I::IsPid, o(0), &operands[1..], &[])?,
            Op::IsReference => self.label_and(I::IsReference, o(0), &operands[1..], &[])?,
            Op::IsPort => self.label_and(I::IsPort, o(0), &operands[1..], &[])?,
            Op::IsNil => self.label_and(I::IsNil, o(0), &operands[1..], &[])?,
            Op::IsBinary => self.label_and(I::IsBinary, o(0), &operands[1..], &[])?,
            Op::IsList => self.label_and(I::IsList, o(0), &operands[1..], &[])?,
            Op::IsNonemptyList => self.label_and(I::IsNonemptyList, o(0), &operands[1..], &[])?,
            Op::IsTuple => self.label_and(I::IsTuple, o(0), &operands[1..], &[])?,
            Op::IsBoolean => self.label_and(I::IsBoolean, o(0), &operands[1..], &[])?,
            Op::IsBitstr => self.label_and(I::IsBitstr, o(0), &operands[1..], &[])?,
            Op::IsMap => self.label_and(I::IsMap, o(0), &operands[1..], &[])?,
            Op::IsFunction => self.label_and(I::IsFunction, o(0), &operands[1..], &[])?,
            Op::IsFunction2 => {
                let arity = match o(2) {
                    Operand::U(value) => Operand::I(i64::try_from(value).map_err(|_| bad("an arity is too large"))?),
                    other => other,
                };
                self.label_and(I::IsFunction2, o(0), &[o(1), arity], &[])?;
            }
            Op::TestArity => {
                self.label_and(I::TestArity, o(0), &operands[1..2], &[])?;
                self.plain(o(2))?;
            }
            Op::IsTaggedTuple => {
                self.label_and(I::IsTaggedTuple, o(0), &operands[1..2], &[])?;
                self.plain(o(2))?;
                self.source(o(3))?;
            }
            Op::SelectVal => self.select_val(operands)?,
            Op::SelectTupleArity => self.select_tuple_arity(operands)?,
            Op::Jump => self.label_and(I::Jump, o(0), &[], &[])?,
            Op::Catch => self.protect(I::Catch, operands)?,
            Op::Try => self.protect(I::Try, operands)?,
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
            Op::Move => self.sources_to(I::Move, operands, 1)?,
            Op::Swap => self.sources_to(I::Swap, operands, 0)?,
            Op::GetList => self.sources_to(I::GetList, operands, 1)?,
            Op::GetHd => self.sources_to(I::GetHd, operands, 1)?,
            Op::GetTl => self.sources_to(I::GetTl, operands, 1)?,
            Op::GetTupleElement => {
                self.plain_sources(I::GetTupleElement, &operands[..1])?;
                self.plain(o(1))?;
                self.register(o(2))?;
            }
            Op::SetTupleElement => {
                self.plain_sources(I::SetTupleElement, &operands[..2])?;
                self.plain(o(2))?;
            }
            Op::PutList => self.sources_to(I::PutList, operands, 2)?,
            Op::PutTuple2 => {
                let elements = self.list(o(1))?;
                self.emit(I::PutTuple2);
                self.register(o(0))?;
                self.sources(elements)?;
            }
            Op::UpdateRecord => self.update_record(operands)?,
            Op::MakeFun3 => {
                let environment = self.list(o(2))?;
                let index = self.unsigned(o(0))? as usize;
                let entry = *self.lambdas.get(index).ok_or_else(|| bad("no such lambda"))?;
                self.emit(I::MakeFun3);
                self.constant(std::ptr::from_ref(entry) as u64);
                self.register(o(1))?;
                self.sources(environment)?;
            }
            Op::CallFun => match self.last_call(index) {
                Some(words) => {
                    self.numbers(I::CallFunLast, operands)?;
                    self.number(words);
                }
                None => self.numbers(I::CallFun, operands)?,
            },
            Op::CallFun2 => {
                let last = self.last_call(index);
                self.emit(if last.is_some() { I::CallFun2Last } else { I::CallFun2 });
                self.plain(o(1))?;
                self.source(o(2))?;
                if let Some(words) = last {
                    self.number(words);
                }
            }
            Op::Apply => self.numbers(I::Apply, operands)?,
            Op::ApplyLast => self.numbers(I::ApplyLast, operands)?,
            Op::PutMapAssoc => self.put_map(I::PutMapAssoc, operands)?,
            Op::PutMapExact => self.put_map(I::PutMapExact, operands)?,
            Op::HasMapFields | Op::GetMapElements => {
                let items = self.list(o(2))?;
                let kind = if instruction.op == Op::HasMapFields { I::HasMapFields } else { I::GetMapElements };
                self.label_and(kind, o(0), &operands[1..2], &[])?;
                self.sources(items)?;
            }
            Op::Fmove => match (o(0), o(1)) {
                (Operand::F(_), Operand::F(_)) => {
                    self.emit(I::FloatMove);
                    self.float_register(o(0))?;
                    self.float_register(o(1))?;
                }
                (Operand::F(_), _) => {
                    self.emit(I::FloatStore);
                    self.float_register(o(0))?;
                    self.register(o(1))?;
                }
                _ => {
                    self.emit(I::FloatLoad);
                    self.source(o(0))?;
                    self.float_register(o(1))?;
                }
            },
            Op::Fconv => {
                self.emit(I::Fconv);
                self.source(o(0))?;
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
        self.label_and(kind, operands[0], &operands[1..], &[])
    }
    fn float_operation(&mut self, instruction: I, operands: &[Operand]) -> Result<(), LoadError> {
        self.emit(instruction);
        operands[1..].iter().try_for_each(|operand| self.float_register(*operand))
    }
    fn call(&mut self, kind: I, label: Operand, words: Option<Operand>, arity: Operand) -> Result<(), LoadError> {
        self.emit(kind);
        self.label(label)?;
        self.plain(arity)?;
        words.map_or(Ok(()), |words| self.plain(words))
    }
    /// `kinds`: for code, for a BIF, for `apply/3`, for `apply/2`.
    fn call_ext(&mut self, kinds: [I; 4], import: Operand, words: Option<Operand>) -> Result<(), LoadError> {
        let import = self.import(import)?;
        let (module, function, arity) = import;
        if module == atoms::ERLANG && function == atoms::APPLY && (arity == 3 || arity == 2) {
            self.emit(if arity == 3 { kinds[2] } else { kinds[3] });
        } else if let Some(bif) = self.vm.bif(module, function, arity).filter(|bif| !bif.flags.nif) {
            self.emit(kinds[1]);
            self.bif_entry(bif);
            self.number(u32::from(arity));
        } else {
            let export = self.vm.code.export(module, function, arity);
            self.emit(kinds[0]);
            self.constant(std::ptr::from_ref(export) as u64);
            self.number(u32::from(arity));
        }
        words.map_or(Ok(()), |words| self.plain(words))
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
        if let Some(special) = special {
            self.emit(special);
        } else {
            let text = || oxbeam_runtime::CodeTable::function_text(&self.vm.atoms, module, function, arity);
            let bif = self.vm.bif(module, function, arity);
            let bif = bif.ok_or_else(|| bad(format!("guard BIF {} is not implemented", text())))?;
            self.emit([I::GuardBif0, I::GuardBif1, I::GuardBif2, I::GuardBif3][usize::from(arity)]);
            self.bif_entry(bif);
        }
        if arity != 0 {
            self.label(fail.unwrap_or(Operand::Label(0)))?;
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
            self.emit(I::SelectGeneric);
            self.source(operands[0])?;
            self.label(operands[1])?;
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
        entries.sort_by_key(|(word, _)| word.0);
        self.emit(I::SelectImmediate);
        self.source(operands[0])?;
        self.label(operands[1])?;
        self.number(entries.len() as u32);
        for (word, label) in entries {
            self.number(word.0 as u32);
            self.number((word.0 >> 32) as u32);
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
        self.emit(I::SelectTable);
        self.source(operands[0])?;
        self.label(operands[1])?;
        self.number(low as i32 as u32);
        self.number((high - low + 1) as u32);
        for value in low..=high {
            self.label(by_value.get(&value).copied().unwrap_or(operands[1]))?;
        }
        Ok(())
    }
    fn select_tuple_arity(&mut self, operands: &[Operand]) -> Result<(), LoadError> {
        let items = self.list(operands[2])?;
        self.emit(I::SelectTupleArity);
        self.source(operands[0])?;
        self.label(operands[1])?;
        self.number(items.len() as u32 / 2);
        for pair in items.chunks_exact(2) {
            self.plain(pair[0])?;
            self.label(pair[1])?;
        }
        Ok(())
    }
    fn update_record(&mut self, operands: &[Operand]) -> Result<(), LoadError> {
        let updates = self.list(operands[4])?;
        self.emit(I::UpdateRecord);
        self.plain(operands[1])?;
        self.source(operands[2])?;
        self.register(operands[3])?;
        self.number(updates.len() as u32 / 2);
        for pair in updates.chunks_exact(2) {
            self.plain(pair[0])?;
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
            Op::BsStartMatch3 => self.label_and(I::BsStartMatch, o(0), &operands[1..2], &operands[3..4])?,
            Op::BsStartMatch4 => self.label_and(I::BsStartMatch, o(0), &operands[2..3], &operands[3..4])?,
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
                self.label_and(I::BsTestTail2, o(0), &operands[1..2], &[])?;
                self.plain(o(2))?;
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
            Op::BsGetUtf8 => self.label_and(I::BsGetUtf8, o(0), &operands[1..2], &operands[4..5])?,
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
            Op::BsGetTail => self.sources_to(I::BsGetTail, &operands[..2], 1)?,
            Op::BsGetPosition => self.sources_to(I::BsGetPosition, &operands[..2], 1)?,
            Op::BsSetPosition => self.plain_sources(I::BsSetPosition, operands)?,
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
        if offset.checked_add(length).is_none_or(|end| end > self.strings.len()) {
            return Err(bad("a string lies outside the string table"));
        }
        // The table is kept by the module's code, which outlives its instructions.
        self.constant(self.strings.as_ptr().wrapping_add(offset) as u64);
        Ok(())
    }
    fn bs_match(&mut self, operands: &[Operand]) -> Result<(), LoadError> {
        let items = self.list(operands[2])?;
        self.label_and(I::BsMatch, operands[0], &operands[1..2], &[])?;
        let count_place = self.offset() as usize;
        self.number(0);
        let mut rest = items;
        let mut count = 0;
        while let [Operand::Atom(command), arguments @ ..] = rest {
            let name = self.atom(*command);
            rest = self.match_command(name, arguments)?;
            count += 1;
        }
        if !rest.is_empty() {
            return Err(bad("a bs_match command was expected"));
        }
        self.code[count_place] = count;
        Ok(())
    }
    fn match_command(&mut self, name: Atom, rest: &'a [Operand]) -> Result<&'a [Operand], LoadError> {
        let text = self.vm.atoms.text(name);
        let take =
            |count: usize| if rest.len() < count { Err(bad("a bs_match command is too short")) } else { Ok(count) };
        let used = match text {
            "ensure_at_least" => {
                self.number(match_command::ENSURE_AT_LEAST);
                take(2)?
            }
            "ensure_exactly" => {
                self.number(match_command::ENSURE_EXACTLY);
                take(1)?
            }
            "skip" => {
                self.number(match_command::SKIP);
                take(1)?
            }
            "integer" | "binary" => {
                self.number(if text == "integer" { match_command::INTEGER } else { match_command::BINARY });
                take(5)?;
                self.plain(rest[0])?;
                let flags = self.flags(rest[1])?;
                self.number(flags);
                let bits = u64::from(self.unsigned(rest[2])?) * u64::from(self.unsigned(rest[3])?);
                self.number(u32::try_from(bits).map_err(|_| bad("a segment is too large"))?);
                self.register(rest[4])?;
                return Ok(&rest[5..]);
            }
            "get_tail" => {
                self.number(match_command::GET_TAIL);
                take(3)?;
                self.register(rest[2])?;
                return Ok(&rest[3..]);
            }
            "=:=" => {
                self.number(match_command::EXACTLY);
                take(3)?;
                self.plain(rest[1])?;
                let value = match rest[2] {
                    Operand::I(value) => value as u64,
                    Operand::U(value) => value,
                    Operand::BigInteger(_) | Operand::Literal(_) => {
                        let word = self.term_word(rest[2])?;
                        // SAFETY: literals live as long as the machine.
                        let value = unsafe { Term::from_raw(word) };
                        value.as_u64().ok_or_else(|| bad("a value to match does not fit"))?
                    }
                    _ => return Err(bad("a value to match was expected")),
                };
                self.number(value as u32);
                self.number((value >> 32) as u32);
                return Ok(&rest[3..]);
            }
            _ => return Err(bad(format!("bs_match command {text} is unknown"))),
        };
        rest[..used].iter().try_for_each(|operand| self.plain(*operand))?;
        Ok(&rest[used..])
    }
    fn bs_create_bin(&mut self, operands: &[Operand]) -> Result<(), LoadError> {
        // fail, allocate, live, unit, destination, segments
        let items = self.list(operands[5])?;
        self.emit(I::BsCreateBin);
        self.label(operands[0])?;
        self.plain(operands[2])?;
        self.register(operands[4])?;
        self.number(items.len() as u32 / 6);
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
            let flags = self.flags(item[3])?;
            self.number(flags);
            if kind == segment::STRING {
                let length = self.unsigned(item[5])?;
                self.string(self.unsigned(item[4])? as usize, length as usize)?;
                self.number(length);
            } else {
                self.source(item[4])?;
                self.size(item[5])?;
            }
        }
        Ok(())
    }

    // --- the end -------------------------------------------------------------------------------------------------

    fn finish(mut self) -> Result<Prepared, LoadError> {
        // Behind the last function: what a jump astray would find.
        self.emit(I::FuncInfo);
        for &(place, start, label) in &self.label_places {
            let target = self.labels[label as usize];
            if target == UNKNOWN {
                return Err(bad(format!("label {label} is not in the code")));
            }
            self.code[place as usize] = target.wrapping_sub(start);
        }
        self.literal_block.finish();
        let constants = self.vm.code.constants.add(&self.constants);
        let constants = constants.ok_or_else(|| bad("the table of constants is full"))?;
        let first = constants.first();
        for &(place, shifted) in &self.constant_places {
            self.code[place as usize] += if shifted { first << 2 } else { first };
        }
        let entry = |name: beam::AtomIndex, arity: u32, label: u32| {
            let offset = self.labels[label as usize];
            if offset == UNKNOWN {
                Err(bad("an export has no code"))
            } else {
                Ok((self.atom(name), arity as u8, offset))
            }
        };
        let exports = self.file.exports.iter().map(|export| entry(export.function, export.arity, export.label));
        let exports = exports.collect::<Result<Vec<_>, _>>()?;
        let lambdas = self.lambdas.iter().zip(&self.file.lambdas);
        let lambdas = lambdas.map(|(entry, lambda)| (*entry, self.labels[lambda.label as usize]));
        let lambdas = lambdas.filter(|(_, offset)| *offset != UNKNOWN).collect();
        let on_load = self.on_load.map(|index| self.functions[index as usize].entry);
        let files = &self.file.lines.files;
        let files = if files.is_empty() { vec![format!("{}.erl", self.file.module)] } else { files.clone() };
        let code = ModuleCode {
            module: self.module,
            md5: self.file.md5,
            code: self.code.into_iter().map(AtomicU32::new).collect(),
            functions: self.functions,
            exports,
            lambdas,
            lines: self.lines,
            files,
            strings: self.strings,
            attributes: self.file.attributes().to_vec(),
            compile_info: self.file.compile_info().to_vec(),
            on_load,
            size: self.file.code.instructions.len() * 4,
            literals: self.literal_block,
            constants,
        };
        Ok(Prepared { code: Arc::new(code) })
    }
}

/// Guard BIFs that have an instruction of their own.
fn special_guard_bif(function: Atom, arity: u8) -> Option<I> {
    Some(match (function, arity) {
        (atoms::PLUS, 2) => I::Add,
        (atoms::MINUS, 2) => I::Subtract,
        (atoms::MULTIPLY, 2) => I::Multiply,
        (atoms::DIV, 2) => I::IntegerDivide,
        (atoms::REM, 2) => I::Remainder,
        (atoms::BAND, 2) => I::Band,
        (atoms::BOR, 2) => I::Bor,
        (atoms::BXOR, 2) => I::Bxor,
        (atoms::BSL, 2) => I::ShiftLeft,
        (atoms::BSR, 2) => I::ShiftRight,
        (atoms::ELEMENT, 2) => I::Element,
        (atoms::HD, 1) => I::Hd,
        (atoms::TL, 1) => I::Tl,
        (atoms::TUPLE_SIZE, 1) => I::TupleSize,
        (atoms::MAP_GET, 2) => I::MapGet,
        (atoms::MAP_SIZE, 1) => I::MapSize,
        (atoms::LENGTH, 1) => I::Length,
        (atoms::BYTE_SIZE, 1) => I::ByteSize,
        (atoms::SELF, 0) => I::SelfPid,
        (atoms::NODE, 0) => I::Node,
        (atoms::EQUAL, 2) => I::CompareEq,
        (atoms::NOT_EQUAL, 2) => I::CompareNe,
        (atoms::LESS, 2) => I::CompareLt,
        (atoms::GREATER_OR_EQUAL, 2) => I::CompareGe,
        (atoms::LESS_OR_EQUAL, 2) => I::CompareLe,
        (atoms::GREATER, 2) => I::CompareGt,
        (atoms::EXACTLY_EQUAL, 2) => I::CompareEqExact,
        (atoms::NOT_EXACTLY_EQUAL, 2) => I::CompareNeExact,
        _ => return None,
    })
}

/// The module's literals, in a block that has room for the large integers among the code's operands as well.
fn decode_literals(vm: &Vm, file: &BeamFile) -> Result<(LiteralBlock, Vec<Word>), LoadError> {
    let context = VmContext { vm };
    let heap = Heap::new(HeapOptions { min_heap_words: 1024, literals: vm.literals(), ..HeapOptions::default() });
    let mut terms = Vec::with_capacity(file.literals.len());
    for bytes in file.literals.iter() {
        let decoded = oxbeam_etf::decode(bytes, &heap, &context, oxbeam_etf::DecodeOptions::default());
        terms.push(decoded.map_err(|_| bad("a literal is malformed"))?.term);
    }
    let sizes = terms.iter().map(|term| oxbeam_term::size_in_words(*term, LiteralRange::EMPTY));
    let integers = file.code.operands.iter().map(|operand| match operand {
        Operand::I(value) if Word::try_small(*value).is_none() => 4,
        Operand::BigInteger(integer) => file.code.big_integer(*integer).len() / 8 + 4,
        _ => 0,
    });
    let full = || bad("the literal area is full");
    // A command of a match may look at an operand more than once.
    let mut block = vm.code.literals.block(sizes.sum::<usize>() + 2 * integers.sum::<usize>()).ok_or_else(full)?;
    let words = terms.into_iter().map(|term| block.store(term).ok_or_else(full)).collect::<Result<_, _>>()?;
    Ok((block, words))
}

/// Refuses a file whose attributes or compiler's options are there, but are no term.
fn check_information(vm: &Vm, file: &BeamFile) -> Result<(), LoadError> {
    let heap = Heap::new(HeapOptions { literals: vm.literals(), ..HeapOptions::default() });
    for bytes in [file.attributes(), file.compile_info()] {
        let options = oxbeam_etf::DecodeOptions::default();
        if !bytes.is_empty() && oxbeam_etf::decode(bytes, &heap, &VmContext { vm }, options).is_err() {
            return Err(bad("the attributes or the compiler's options are malformed"));
        }
    }
    Ok(())
}

fn fun_entry(vm: &Vm, file: &BeamFile, module: Atom, atoms: &[Atom], lambda: &beam::Lambda) -> &'static FunEntry {
    vm.code.fun_entry(FunEntry {
        module,
        function: atoms[lambda.function.index()],
        arity: lambda.arity.saturating_sub(lambda.free_count) as u8,
        free_count: lambda.free_count,
        index: lambda.index,
        old_uniq: lambda.old_uniq,
        uniq: file.md5,
        address: AtomicU64::new(0),
    })
}
