//! Readable text of a module's code.

use std::fmt::{self, Write};

use crate::beam_file::BeamFile;
use crate::code::{Code, Instruction, Operand};
use crate::opcodes::Op;
use crate::tables::AtomIndex;

/// The module as text: a header, then each function with an instruction per line.
pub fn disassemble(file: &BeamFile) -> String {
    let mut text = String::new();
    write_module(&mut text, file).expect("writing to a string does not fail");
    text
}

fn write_module(out: &mut String, file: &BeamFile) -> fmt::Result {
    write!(out, "module {}, md5 ", Atom(&file.module))?;
    for byte in file.md5 {
        write!(out, "{byte:02x}")?;
    }
    writeln!(out)?;
    for export in &file.exports {
        writeln!(out, "export {}/{}", Atom(file.atom(export.function)), export.arity)?;
    }
    for (index, function) in file.outline.functions.iter().enumerate() {
        writeln!(out, "\n{}/{}:", Atom(file.atom(function.name)), function.arity)?;
        let Ok(code) = file.function_code(index) else { continue };
        for instruction in &code.instructions {
            write_instruction(out, file, &code, *instruction)?;
        }
    }
    Ok(())
}

fn write_instruction(out: &mut String, file: &BeamFile, code: &Code, instruction: Instruction) -> fmt::Result {
    let op = instruction.op;
    let operands = code.operands_of(instruction);
    match (op, operands) {
        (Op::Label, [Operand::U(label)]) => return writeln!(out, "  L{label}:"),
        (Op::Line | Op::ExecutableLine, [Operand::U(index), ..]) => {
            return writeln!(out, "    {}{}", op.name(), Place(file, *index));
        }
        _ => write!(out, "    {}", op.name())?,
    }
    for (position, operand) in operands.iter().enumerate() {
        out.push_str(if position == 0 { " " } else { ", " });
        match *operand {
            Operand::U(index) if op.import_operand() == Some(position) => write_import(out, file, index)?,
            Operand::U(index) if op == Op::MakeFun3 && position == 0 => write_lambda(out, file, index)?,
            Operand::List(list) => {
                out.push('[');
                for (index, item) in code.list(list).iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { ", " });
                    write_operand(out, file, code, *item)?;
                }
                out.push(']');
            }
            operand => write_operand(out, file, code, operand)?,
        }
    }
    writeln!(out)
}

fn write_operand(out: &mut String, file: &BeamFile, code: &Code, operand: Operand) -> fmt::Result {
    match operand {
        Operand::U(number) => write!(out, "{number}"),
        Operand::UnsignedTooBig => write!(out, "too_big"),
        Operand::I(number) => write!(out, "#{number}"),
        Operand::BigInteger(integer) => {
            write!(out, "#0x")?;
            code.big_integer(integer).iter().try_for_each(|byte| write!(out, "{byte:02x}"))
        }
        Operand::Atom(index) => write!(out, "{}", Atom(file.atom(index))),
        Operand::Nil => write!(out, "[]"),
        Operand::X(register, _) => write!(out, "x{register}"),
        Operand::Y(register, _) => write!(out, "y{register}"),
        Operand::F(register) => write!(out, "f{register}"),
        Operand::Label(0) => write!(out, "-"),
        Operand::Label(label) => write!(out, "L{label}"),
        Operand::Literal(index) => write!(out, "literal({index})"),
        Operand::List(list) => write!(out, "list({})", list.len()),
        Operand::AllocationList { words, floats, funs } => {
            write!(out, "{{words {words}, floats {floats}, funs {funs}}}")
        }
    }
}

fn write_import(out: &mut String, file: &BeamFile, index: u64) -> fmt::Result {
    let Some(import) = usize::try_from(index).ok().and_then(|index| file.imports.get(index)) else {
        return write!(out, "import({index})");
    };
    let atom = |index: AtomIndex| Atom(file.atom(index));
    write!(out, "{}:{}/{}", atom(import.module), atom(import.function), import.arity)
}

fn write_lambda(out: &mut String, file: &BeamFile, index: u64) -> fmt::Result {
    let Some(lambda) = usize::try_from(index).ok().and_then(|index| file.lambdas.get(index)) else {
        return write!(out, "lambda({index})");
    };
    write!(out, "{}/{}", Atom(file.atom(lambda.function)), lambda.arity)
}

/// ` file:line`, or nothing when it is not known.
struct Place<'a>(&'a BeamFile, u64);

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place(file, index) = *self;
        let entry = usize::try_from(index).ok().and_then(|index| file.lines.entries.get(index));
        match entry {
            Some(entry) if entry.line != 0 => {
                let name = file.lines.files.get(entry.file as usize).map_or("", String::as_str);
                write!(formatter, " {name}:{}", entry.line)
            }
            _ => Ok(()),
        }
    }
}

/// An atom, in quotes unless it is a plain one.
struct Atom<'a>(&'a str);

impl fmt::Display for Atom<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = self.0.starts_with(|first: char| first.is_ascii_lowercase())
            && self.0.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '@'));
        if is_plain { formatter.write_str(self.0) } else { write!(formatter, "'{}'", self.0.escape_debug()) }
    }
}

// The code's own view is enough for a debugger too.
impl fmt::Debug for BeamFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("BeamFile")
            .field("module", &self.module)
            .field("functions", &self.outline.functions.len())
            .field("instructions", &self.outline.instruction_count)
            .finish_non_exhaustive()
    }
}
