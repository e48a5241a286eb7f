//! `bs_match`: one instruction of ours for each of its commands, or for several.

use crate::decode::{Decoder, bad};
use crate::instruction::{Instruction as I, SIZE_ALL, flags};
use oxbeam_beam_file::Operand;
use oxbeam_runtime::LoadError;
use oxbeam_term::Term;
use smallvec::SmallVec;

/// Bits that one reading gives at most, wherever in a byte it begins.
const READ_BITS_MAX: u32 = 56;

/// Bits that no binary has: a terabyte.
const HUGE_BITS_MAX: u64 = 1 << 43;
/// Bits that one instruction skips at most.
const SKIPPED_BITS_MAX: u64 = 1 << 31;

/// What must be there before anything is read, as instructions give it.
#[derive(Clone, Copy)]
pub(crate) struct Ensured {
    /// Bits that there must be.
    need: u32,
    /// Bits of the number of bits beyond that must be 0.
    mask: u32,
}

impl Ensured {
    const NOTHING: Ensured = Ensured { need: 0, mask: 0 };
    /// So many bits and no more.
    pub(crate) fn exactly(bits: u32) -> Ensured {
        Ensured { need: bits, mask: u32::MAX }
    }
}

/// How far a `bs_match` has been decoded.
struct Matching {
    fail: Operand,
    context: Operand,
    /// What the next instruction has to make sure of.
    ensured: Ensured,
    /// Bits that are known to be there, or will be with `ensured`.
    known: u32,
}

impl<'a> Decoder<'a> {
    /// fail, context, commands
    pub(crate) fn bs_match(&mut self, operands: &[Operand]) -> Result<(), LoadError> {
        let [fail, context, commands] = *operands else { return Err(bad("a bs_match has three operands")) };
        let mut matching = Matching { fail, context, ensured: Ensured::NOTHING, known: 0 };
        let mut rest = self.list(commands)?;
        while let [Operand::Atom(command), arguments @ ..] = rest {
            rest = match self.match_run(&mut matching, rest)? {
                Some(rest) => rest,
                None => {
                    let text = self.atom_text(*command);
                    self.match_command(&mut matching, text, arguments)?
                }
            };
        }
        if !rest.is_empty() {
            return Err(bad("a bs_match command was expected"));
        }
        self.ensure(&mut matching)
    }
    /// Begins an instruction with context, register, fail, and what it makes sure of.
    pub(crate) fn match_step(
        &mut self,
        instruction: I,
        fail: Operand,
        context: Operand,
        register: Option<Operand>,
        ensured: Ensured,
    ) -> Result<(), LoadError> {
        self.put(instruction, &[context], register.as_slice())?;
        self.label(fail)?;
        self.number(ensured.need);
        self.number(ensured.mask);
        Ok(())
    }
    /// The same for an instruction that reads `bits`. They are looked for even if a file does not ask for it.
    fn reading(
        &mut self,
        of: &mut Matching,
        instruction: I,
        register: Option<Operand>,
        bits: u32,
    ) -> Result<(), LoadError> {
        if bits > of.known {
            self.ensure(of)?;
            (of.ensured, of.known) = (Ensured { need: bits, mask: 0 }, bits);
        }
        of.known -= bits;
        let ensured = std::mem::replace(&mut of.ensured, Ensured::NOTHING);
        self.match_step(instruction, of.fail, of.context, register, ensured)
    }
    /// An instruction for what is not in another's yet.
    fn ensure(&mut self, of: &mut Matching) -> Result<(), LoadError> {
        let Ensured { need, mask } = of.ensured;
        if need != 0 || mask != 0 {
            self.match_step(I::BsEnsure, of.fail, of.context, None, of.ensured)?;
        }
        of.ensured = Ensured::NOTHING;
        Ok(())
    }
    /// Several integers that one reading gives; what follows them. `None` if there are not at least two.
    fn match_run(&mut self, of: &mut Matching, items: &'a [Operand]) -> Result<Option<&'a [Operand]>, LoadError> {
        // integer, live, flags, size, unit, register
        let mut integers: SmallVec<[(u32, Operand); 8]> = SmallVec::new();
        let mut total = 0;
        for item in items.chunks_exact(6) {
            let Operand::Atom(name) = item[0] else { break };
            if self.atom_text(name) != "integer" || item[2] != Operand::Nil {
                break;
            }
            let bits = self.fixed_bits(item[3], item[4]);
            if bits == 0 || bits > READ_BITS_MAX || total + bits > READ_BITS_MAX {
                break;
            }
            total += bits;
            integers.push((bits, item[5]));
        }
        if integers.len() < 2 {
            return Ok(None);
        }
        self.reading(of, I::BsUnsignedRun, None, total)?;
        self.number(total);
        self.number(integers.len() as u32);
        let mut below = total;
        for (bits, register) in &integers {
            below -= bits;
            self.number(below);
            self.number(*bits);
            self.register(*register)?;
        }
        Ok(Some(&items[integers.len() * 6..]))
    }
    /// A command with these arguments and others behind them, which it gives.
    fn match_command(
        &mut self,
        of: &mut Matching,
        name: &str,
        rest: &'a [Operand],
    ) -> Result<&'a [Operand], LoadError> {
        let count = match name {
            "ensure_at_least" => 2,
            "ensure_exactly" | "skip" => 1,
            "integer" | "binary" => 5,
            "get_tail" | "=:=" => 3,
            _ => return Err(bad(format!("bs_match command {name} is unknown"))),
        };
        let (arguments, rest) = rest.split_at_checked(count).ok_or_else(|| bad("a bs_match command is too short"))?;
        match name {
            "ensure_at_least" | "ensure_exactly" | "skip" if let Some(bits) = self.huge(arguments[0]) => {
                self.match_huge(of, name, bits, arguments)?;
            }
            "ensure_at_least" => {
                let (bits, unit) = (self.unsigned(arguments[0])?, self.unsigned(arguments[1])?.max(1));
                self.ensure(of)?;
                (of.ensured, of.known) = (Ensured { need: bits, mask: unit - 1 }, bits);
                if !unit.is_power_of_two() {
                    self.put(I::BsEnsureUnit, &[of.context], &[])?;
                    self.label(of.fail)?;
                    self.number(bits);
                    self.number(unit);
                    of.ensured = Ensured::NOTHING;
                }
            }
            "ensure_exactly" => {
                let bits = self.unsigned(arguments[0])?;
                self.ensure(of)?;
                (of.ensured, of.known) = (Ensured::exactly(bits), bits);
            }
            "skip" => {
                let bits = self.unsigned(arguments[0])?;
                self.reading(of, I::BsSkip, None, bits)?;
                self.number(bits);
            }
            "integer" => self.match_integer(of, arguments)?,
            "binary" => {
                let bits = self.segment_bits(arguments)?;
                self.reading(of, I::BsPart, Some(arguments[4]), bits)?;
                self.number(bits);
            }
            "get_tail" => {
                self.ensure(of)?;
                self.put(I::BsGetTail, &[of.context], &arguments[2..3])?;
            }
            _ => {
                let (bits, value) = (self.unsigned(arguments[1])?, self.match_value(arguments[2])?);
                if bits > 64 {
                    return Err(bad("a value to match is too large"));
                }
                if bits != 0 {
                    self.reading(of, I::BsValue, None, bits)?;
                    self.number(bits);
                    self.wide(value);
                }
            }
        }
        Ok(rest)
    }
    /// A number of bits that the usual instructions have no room for; `u64::MAX` for what no number of 64 bits is.
    fn huge(&self, bits: Operand) -> Option<u64> {
        match bits {
            Operand::U(bits) => Some(bits),
            Operand::I(bits) => u64::try_from(bits).ok(),
            Operand::UnsignedTooBig | Operand::BigInteger(_) => Some(u64::MAX),
            _ => None,
        }
        .filter(|bits| *bits > u64::from(u32::MAX))
    }
    /// A command about more bits than most binaries have.
    fn match_huge(&mut self, of: &mut Matching, name: &str, bits: u64, arguments: &[Operand]) -> Result<(), LoadError> {
        let unit = match name {
            "ensure_at_least" => self.unsigned(arguments[1])?.max(1),
            "ensure_exactly" => 0,
            _ => 1,
        };
        self.ensure(of)?;
        self.put(I::BsEnsureHuge, &[of.context], &[])?;
        self.label(of.fail)?;
        self.wide(bits);
        self.number(unit);
        of.known = u32::MAX;
        if name != "skip" {
            return Ok(());
        }
        of.known = 0;
        // No binary has so many.
        let mut left = if bits > HUGE_BITS_MAX { 0 } else { bits };
        while left > 0 {
            let step = left.min(SKIPPED_BITS_MAX);
            self.reading(of, I::BsSkip, None, step as u32)?;
            self.number(step as u32);
            left -= step;
        }
        Ok(())
    }
    /// Size times unit of live, flags, size, unit, register.
    fn segment_bits(&self, arguments: &[Operand]) -> Result<u32, LoadError> {
        let bits = self.fixed_bits(arguments[2], arguments[3]);
        if bits == SIZE_ALL { Err(bad("a segment is too large")) } else { Ok(bits) }
    }
    /// live, flags, size, unit, register
    fn match_integer(&mut self, of: &mut Matching, arguments: &[Operand]) -> Result<(), LoadError> {
        let (flags, bits) = (self.flags(arguments[1])?, self.segment_bits(arguments)?);
        let register = arguments[4];
        let plain = flags & flags::SIGNED == 0 && (bits <= 8 || flags & flags::LITTLE == 0);
        if !plain || bits == 0 || bits > READ_BITS_MAX {
            self.reading(of, I::BsInteger, Some(register), bits)?;
            self.number(bits);
            self.number(flags);
            return Ok(());
        }
        if bits == 8 && of.known >= 8 && of.ensured.mask == 0 && of.ensured.need <= 8 {
            // It makes sure of 8 bits anyway.
            of.known -= 8;
            of.ensured = Ensured::NOTHING;
            self.put(I::BsByte, &[of.context], &[register])?;
            return self.label(of.fail);
        }
        self.reading(of, I::BsUnsigned, Some(register), bits)?;
        self.number(bits);
        Ok(())
    }
    fn match_value(&mut self, operand: Operand) -> Result<u64, LoadError> {
        match operand {
            Operand::I(value) => Ok(value as u64),
            Operand::U(value) => Ok(value),
            Operand::BigInteger(_) | Operand::Literal(_) => {
                let word = self.term_word(operand)?;
                // SAFETY: literals live as long as the machine.
                let value = unsafe { Term::from_raw(word) };
                value.as_u64().ok_or_else(|| bad("a value to match does not fit"))
            }
            _ => Err(bad("a value to match was expected")),
        }
    }
}
