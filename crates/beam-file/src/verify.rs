//! What the engine relies on, the compiler guarantees and no table of the file says: see [`verify`].
//!
//! A walk over the flow of control that knows, at each instruction, which stack frame is there. Where ways meet with
//! different frames the frame is unknown, and code may do little more than raise there: the compiler shares such ends.
//! Each label is looked at again only when more ways lead to it than before, so the work is in proportion to the code.

use crate::code::{Code, Function, Instruction, Operand};
use crate::error::{ChunkName, LoadError};
use crate::opcodes::Op;
use crate::tables::{AtomIndex, Import};

/// X registers that can be live: one of the 1024 is left for what is called.
const LIVE_MAX: u64 = 1023;
/// Words of a frame: Y registers have numbers below 1024.
const FRAME_WORDS_MAX: u64 = 1024;
/// Arguments of a function.
const ARITY_MAX: u64 = 255;

/// What of its file code is checked against.
pub struct Surroundings<'a> {
    /// The functions that it calls by the external name.
    pub imports: &'a [Import],
    /// The text of an atom.
    pub text: &'a dyn Fn(AtomIndex) -> &'a str,
}

/// Checks what numbers of live registers there are, that each Y register lies in the frame, and that what drops a frame
/// or leaves the function names the frame that is there.
///
/// It does not check what values are in registers: a file can still be wrong in ways that only a typed walk finds.
///
/// # Errors
///
/// "invalid code", with the function and the instruction.
pub fn verify<'a>(code: &'a Code, surroundings: &'a Surroundings<'a>) -> Result<(), LoadError> {
    let frames = vec![Frame::Unreached; code.label_positions.len()];
    let mut walk = Walk { code, surroundings, frames, todo: Vec::new() };
    for function in &code.functions {
        // Both are labels of the function.
        let _ = walk.reach(function.info_label, Frame::Absent);
        let _ = walk.reach(function.entry_label, Frame::Absent);
    }
    while let Some(label) = walk.todo.pop() {
        walk.block(label).map_err(|(index, detail)| walk.error(index, detail))?;
    }
    Ok(())
}

/// The frame of the function that runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Frame {
    /// Nothing leads here.
    Unreached,
    /// There is none.
    Absent,
    /// It has so many words; so many of them hold a catch or try that is not over.
    Present { words: u64, open: u64 },
    /// It depends on the way here; it has so many words at least.
    Unknown { least: u64 },
}

impl Frame {
    fn or(self, other: Frame) -> Frame {
        match (self, other) {
            (Frame::Unreached, frame) | (frame, Frame::Unreached) => frame,
            (a, b) if a == b => a,
            (a, b) => Frame::Unknown { least: a.words().min(b.words()) },
        }
    }
    /// Y registers that can be named.
    fn words(self) -> u64 {
        match self {
            Frame::Present { words, .. } | Frame::Unknown { least: words } => words,
            Frame::Unreached | Frame::Absent => 0,
        }
    }
    /// What is there once a frame of `words` has been dropped.
    fn without(self, words: u64) -> Result<Frame, &'static str> {
        match self {
            Frame::Present { words: all, open: 0 } if all == words => Ok(Frame::Absent),
            Frame::Present { open: 1.., .. } => Err("a frame is dropped with a catch in it"),
            _ => Err("a frame is dropped that is not there"),
        }
    }
    fn with_open(self, change: i64) -> Result<Frame, &'static str> {
        let Frame::Present { words, open } = self else { return Err("there is no frame for a catch") };
        let open = open.checked_add_signed(change).ok_or("a catch ends that did not begin")?;
        Ok(Frame::Present { words, open })
    }
}

/// Where control goes after an instruction.
enum Next {
    /// To the next one.
    Falls(Frame),
    /// Only where its labels lead.
    Ends,
}

struct Walk<'a> {
    code: &'a Code,
    surroundings: &'a Surroundings<'a>,
    /// The frame at each label, less the code's first.
    frames: Vec<Frame>,
    /// Labels whose frame has changed.
    todo: Vec<u32>,
}

type Fault = (usize, &'static str);

impl Walk<'_> {
    /// Notes that control may come to `label` with this frame. Another function is reached without one.
    fn reach(&mut self, label: u32, frame: Frame) -> Result<(), &'static str> {
        let place = label.checked_sub(self.code.first_label).and_then(|place| self.frames.get_mut(place as usize));
        let Some(known) = place else {
            return if frame == Frame::Absent { Ok(()) } else { Err("the function is left with its frame") };
        };
        let together = known.or(frame);
        if *known != together {
            *known = together;
            self.todo.push(label);
        }
        Ok(())
    }

    /// Walks from a label to where control cannot go on, or another label begins.
    fn block(&mut self, label: u32) -> Result<(), Fault> {
        let code = self.code;
        let Some(position) = code.label_position(label) else { return Ok(()) };
        let mut frame = self.frames[(label - code.first_label) as usize];
        for index in position + 1..code.instructions.len() {
            let instruction = code.instructions[index];
            let operands = code.operands_of(instruction);
            if let (Op::Label, [Operand::U(next)]) = (instruction.op, operands) {
                return self.reach(*next as u32, frame).map_err(|detail| (index, detail));
            }
            match self.instruction(instruction, operands, frame).map_err(|detail| (index, detail))? {
                Next::Falls(after) => frame = after,
                Next::Ends => return Ok(()),
            }
        }
        Ok(())
    }

    fn instruction(
        &mut self,
        instruction: Instruction,
        operands: &[Operand],
        frame: Frame,
    ) -> Result<Next, &'static str> {
        let op = instruction.op;
        self.numbers(op, operands)?;
        let number = |index: usize| number_of(operands[index]).ok_or("a number was expected");
        let at_labels = match op {
            Op::Call | Op::CallOnly | Op::CallLast => Frame::Absent,
            Op::Catch | Op::Try => frame.with_open(1)?,
            _ => frame,
        };
        self.operands(operands, frame, at_labels)?;
        if let Some(Operand::List(list)) = operands.last() {
            let items = self.code.list(*list);
            self.operands(items, frame, at_labels)?;
        }
        if self.never_returns(op, operands) {
            return Ok(Next::Ends);
        }
        let after = match op {
            Op::Allocate | Op::AllocateHeap => {
                let words = number(0)?;
                match frame {
                    Frame::Absent if words <= FRAME_WORDS_MAX => Frame::Present { words, open: 0 },
                    Frame::Absent => return Err("a frame is too large"),
                    _ => return Err("a frame is made where one may be"),
                }
            }
            Op::Deallocate => frame.without(number(0)?)?,
            Op::Trim => {
                let (dropped, left) = (number(0)?, number(1)?);
                frame.without(dropped.saturating_add(left))?;
                Frame::Present { words: left, open: 0 }
            }
            Op::CallLast | Op::CallExtLast => return frame.without(number(2)?).map(|_| Next::Ends),
            Op::ApplyLast => return frame.without(number(1)?).map(|_| Next::Ends),
            Op::CallOnly | Op::CallExtOnly | Op::Return if frame != Frame::Absent => {
                return Err("the function is left with its frame");
            }
            Op::Catch | Op::Try => frame.with_open(1)?,
            Op::CatchEnd | Op::TryEnd | Op::TryCase => frame.with_open(-1)?,
            _ => frame,
        };
        Ok(if op.is_last() { Next::Ends } else { Next::Falls(after) })
    }

    /// Counts of live registers and arguments.
    fn numbers(&self, op: Op, operands: &[Operand]) -> Result<(), &'static str> {
        let at_most = |index: usize, most: u64| number_of(operands[index]).is_some_and(|number| number <= most);
        if op.live_operand().is_some_and(|index| !at_most(index, LIVE_MAX)) {
            return Err("too many registers are live");
        }
        if op.arity_operand().is_some_and(|index| !at_most(index, ARITY_MAX)) {
            return Err("a call has too many arguments");
        }
        if op == Op::BsMatch
            && let Some(Operand::List(list)) = operands.last()
            && !self.match_commands_are_bounded(self.code.list(*list))
        {
            return Err("too many registers are live");
        }
        Ok(())
    }

    /// The live registers of the commands that have them; the other rules of commands are the decoder's.
    fn match_commands_are_bounded(&self, items: &[Operand]) -> bool {
        items.windows(2).all(|pair| match pair {
            [Operand::Atom(command), live] => match (self.surroundings.text)(*command) {
                "integer" | "binary" | "get_tail" | "=:=" => number_of(*live).is_none_or(|live| live <= LIVE_MAX),
                _ => true,
            },
            _ => true,
        })
    }

    /// Y registers lie in the frame; labels are reached.
    fn operands(&mut self, operands: &[Operand], frame: Frame, at_labels: Frame) -> Result<(), &'static str> {
        for operand in operands {
            match *operand {
                Operand::Y(register, _) if u64::from(register) >= frame.words() => {
                    return Err("a Y register lies outside the frame");
                }
                Operand::Label(label) if label != 0 => self.reach(label, at_labels)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// A call of a BIF that does nothing but raise: whatever frame it is called with, and whatever follows it.
    fn never_returns(&self, op: Op, operands: &[Operand]) -> bool {
        let (Op::CallExt | Op::CallExtOnly | Op::CallExtLast, [_, Operand::U(import), ..]) = (op, operands) else {
            return false;
        };
        self.surroundings.imports.get(*import as usize).is_some_and(|import| self.always_raises(import))
    }

    /// Is it a BIF that does nothing but raise?
    fn always_raises(&self, import: &Import) -> bool {
        let text = self.surroundings.text;
        text(import.module) == "erlang"
            && matches!(
                (text(import.function), import.arity),
                ("error", 1..=3) | ("exit" | "throw", 1) | ("nif_error", 1..=2)
            )
    }

    #[cold]
    fn error(&self, index: usize, detail: &'static str) -> LoadError {
        let mut error = LoadError::new(ChunkName(*b"Code"), 0, "invalid code", detail);
        error.op = self.code.instructions.get(index).map(|instruction| instruction.op.name());
        let text = self.surroundings.text;
        let function = self.code.functions.iter().find(|function| function.instructions.contains(&index));
        error.function =
            function.map(|&Function { name, arity, .. }| format!("{}:{}/{arity}", text(AtomIndex(0)), text(name)));
        error
    }
}

fn number_of(operand: Operand) -> Option<u64> {
    match operand {
        Operand::U(number) => Some(number),
        Operand::I(number) => u64::try_from(number).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BeamFile, TypeIndex};

    const SAMPLE: &[u8] = include_bytes!("../tests/data/sample.beam");

    fn verify_in(file: &BeamFile, code: &Code) -> Result<(), LoadError> {
        verify(code, &Surroundings { imports: &file.imports, text: &|index| file.atom(index) })
    }

    /// What is wrong with the sample after its first `op` has `operand` in this place.
    fn fault_with(op: Op, place: usize, operand: Operand) -> String {
        let file = BeamFile::parse(SAMPLE).unwrap();
        let mut code = file.code().unwrap();
        let instruction = *code.instructions.iter().find(|instruction| instruction.op == op).unwrap();
        code.operands[instruction.first_operand as usize + place] = operand;
        let error = verify_in(&file, &code).expect_err("it is wrong now");
        assert!(error.function.is_some() && error.op.is_some(), "{error}");
        error.detail.into_owned()
    }

    #[test]
    fn what_the_compiler_makes_is_right() {
        let file = BeamFile::parse(SAMPLE).unwrap();
        assert_eq!(verify_in(&file, &file.code().unwrap()), Ok(()));
        for index in 0..file.outline.functions.len() {
            assert_eq!(verify_in(&file, &file.function_code(index).unwrap()), Ok(()));
        }
    }

    #[test]
    fn live_registers_and_arguments_are_bounded() {
        assert_eq!(fault_with(Op::GcBif2, 1, Operand::U(1024)), "too many registers are live");
        assert_eq!(fault_with(Op::TestHeap, 1, Operand::U(1 << 40)), "too many registers are live");
        assert_eq!(fault_with(Op::Allocate, 1, Operand::UnsignedTooBig), "too many registers are live");
        assert_eq!(fault_with(Op::CallExtOnly, 0, Operand::U(256)), "a call has too many arguments");
    }

    #[test]
    fn frames_are_those_that_are_there() {
        let y = |number| Operand::Y(number, TypeIndex::ANY);
        assert_eq!(fault_with(Op::Allocate, 0, Operand::U(1025)), "a frame is too large");
        assert_eq!(fault_with(Op::Allocate, 0, Operand::U(1000)), "a frame is dropped that is not there");
        assert_eq!(fault_with(Op::Deallocate, 0, Operand::U(1000)), "a frame is dropped that is not there");
        assert_eq!(fault_with(Op::TryEnd, 0, y(1000)), "a Y register lies outside the frame");
        assert_eq!(fault_with(Op::GetTupleElement, 0, y(0)), "a Y register lies outside the frame");
        assert_eq!(fault_with(Op::GcBif2, 4, y(1023)), "a Y register lies outside the frame");
    }

    #[test]
    fn ways_that_meet_leave_what_they_have_in_common() {
        let frame = |words| Frame::Present { words, open: 0 };
        assert_eq!(Frame::Unreached.or(frame(3)), frame(3));
        assert_eq!(frame(3).or(frame(3)), frame(3));
        assert_eq!(frame(3).or(frame(2)), Frame::Unknown { least: 2 });
        assert_eq!(frame(3).or(frame(2)).or(Frame::Absent), Frame::Unknown { least: 0 });
        assert!(frame(3).or(frame(2)).without(2).is_err());
        assert!(frame(3).with_open(1).unwrap().without(3).is_err(), "a catch would be left on the stack");
    }

    /// Each step leads back to a label before it, which is then looked at again: this must not take forever.
    #[test]
    fn jumps_back_end() {
        let file = BeamFile::parse(SAMPLE).unwrap();
        let mut code = file.code().unwrap();
        let entry = code.functions[0].entry_label;
        for operand in &mut code.operands {
            if let Operand::Label(label) = operand {
                *label = entry;
            }
        }
        let _ = verify_in(&file, &code);
    }
}
