//! Terms as text the way the machine itself writes them: `erlang:display/1`, `erts_internal:term_to_string/2`, crash dumps.

use crate::{Atom, AtomTable, Bits, External, Pid, Term, Value};
use std::io::Write;

/// What is still to be written, the next on top.
enum Part<'h> {
    Term(Term<'h>),
    /// The rest of a list, without its opening bracket.
    Elements(Term<'h>),
    Text(&'static str),
}

/// The text of `term` in bytes: UTF-8, but Latin-1 in strings, as OTP writes them.
///
/// `limit` bounds the number of terms, characters of strings and bytes of names written; when it is reached the text
/// ends in `... `.
pub fn display(term: Term<'_>, limit: Option<usize>, atoms: &AtomTable) -> Vec<u8> {
    let left = limit.map_or(i64::MAX, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
    let mut printer = Printer { out: Vec::new(), left, parts: vec![Part::Term(term)], atoms };
    if printer.run().is_none() || printer.left <= 0 {
        printer.text("... ");
    }
    printer.out
}

/// As [`display`], for messages: bytes that are not UTF-8 are replaced.
pub fn display_text(term: Term<'_>, limit: Option<usize>, atoms: &AtomTable) -> String {
    String::from_utf8_lossy(&display(term, limit, atoms)).into_owned()
}

impl std::fmt::Display for Pid {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "<0.{}.{}>", self.number, self.serial)
    }
}

impl std::fmt::Display for crate::LocalReference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [low, middle, high] = self.ids();
        write!(formatter, "#Ref<0.{high}.{middle}.{low}>")
    }
}

impl std::fmt::Display for crate::Port {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "#Port<0.{}>", self.0)
    }
}

/// The name of `atom`, in quotes if it needs them.
pub fn atom_text(atom: Atom, atoms: &AtomTable) -> String {
    let name = atoms.text(atom);
    if !needs_quotes(name) {
        return name.to_owned();
    }
    let mut text = String::with_capacity(name.len() + 2);
    text.push('\'');
    for character in name.chars() {
        match character {
            '\'' => text.push_str("\\'"),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\u{c}' => text.push_str("\\f"),
            '\t' => text.push_str("\\t"),
            '\r' => text.push_str("\\r"),
            '\u{8}' => text.push_str("\\b"),
            '\u{b}' => text.push_str("\\v"),
            '\0'..='\u{1f}' | '\u{80}'..='\u{9f}' => text.push_str(&format!("\\{:03o}", character as u32)),
            _ => text.push(character),
        }
    }
    text.push('\'');
    text
}

/// Without quotes go names of Latin-1 letters, digits and `_` that start with a small letter. (`@` needs quotes here, though
/// not in source code.)
fn needs_quotes(name: &str) -> bool {
    let small = |c: char| matches!(c, 'a'..='z' | '\u{df}'..='\u{f6}' | '\u{f8}'..='\u{ff}');
    let large = |c: char| matches!(c, 'A'..='Z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{de}');
    // Letters of two bytes beyond Latin-1 do not count as letters either.
    let inside = |c: char| small(c) || large(c) || c.is_ascii_digit() || c == '_';
    let mut characters = name.chars();
    !characters.next().is_some_and(small) || !characters.all(inside)
}

struct Printer<'h, 'a> {
    out: Vec<u8>,
    left: i64,
    parts: Vec<Part<'h>>,
    atoms: &'a AtomTable,
}

impl<'h> Printer<'h, '_> {
    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
    fn format(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a vector does not fail.
        let _ = self.out.write_fmt(text);
    }
    /// Spends one of what is left; `None` when nothing is.
    fn spend(&mut self) -> Option<()> {
        let enough = self.left > 0;
        self.left -= 1;
        enough.then_some(())
    }
    fn run(&mut self) -> Option<()> {
        while let Some(part) = self.parts.pop() {
            match part {
                Part::Text(text) => self.text(text),
                Part::Term(term) => {
                    self.spend()?;
                    self.term(term)?;
                }
                Part::Elements(term) => {
                    let Some(cell) = term.as_cons() else { continue };
                    let tail = cell.tail();
                    if tail.word().is_cons() {
                        self.parts.extend([Part::Elements(tail), Part::Text(",")]);
                    } else if !tail.is_nil() {
                        self.parts.extend([Part::Term(tail), Part::Text("|")]);
                    }
                    self.parts.push(Part::Term(cell.head()));
                }
            }
        }
        Some(())
    }
    fn term(&mut self, term: Term<'h>) -> Option<()> {
        match term.value() {
            Value::Small(value) => self.format(format_args!("{value}")),
            Value::Big(big) => self.format(format_args!("{}", big.to_bigint())),
            Value::Float(float) => self.text(&scientific(float)),
            Value::Atom(atom) => {
                self.left -= self.atoms.text(atom).len() as i64;
                self.text(&atom_text(atom, self.atoms));
                return (self.left > 0).then_some(());
            }
            Value::Reference(reference) => {
                let number = reference.number();
                match reference.alias_of() {
                    None => self.format(format_args!("{number}")),
                    Some(pid) => {
                        let ([low, middle, high], word) = (number.ids(), crate::hash::pid_word(pid));
                        let (pid_low, pid_high) = (word as u32, word >> 32);
                        self.format(format_args!("#Ref<0.{pid_high}.{pid_low}.{high}.{middle}.{low}>"));
                    }
                }
            }
            Value::ExternalReference(external) => {
                self.format(format_args!("#Ref<{}", external.node().0));
                external.reference_ids().iter().rev().for_each(|id| self.format(format_args!(".{id}")));
                self.text(">");
            }
            Value::Fun(fun) => {
                let entry = fun.entry();
                let module = self.atoms.text(entry.module);
                self.format(format_args!("#Fun<{module}.{}.{}>", entry.index, entry.old_uniq as i32));
            }
            Value::ExternalFun(fun) => {
                let export = fun.export();
                let (module, function) = (atom_text(export.module, self.atoms), atom_text(export.function, self.atoms));
                self.left -= (self.atoms.text(export.module).len() + self.atoms.text(export.function).len()) as i64;
                self.format(format_args!("fun {module}:{function}/{}", export.arity));
            }
            Value::Port(port) => self.format(format_args!("{port}")),
            Value::ExternalPort(port) => self.format(format_args!("#Port<{}.{}>", port.node().0, port.id())),
            Value::Pid(pid) => self.format(format_args!("{pid}")),
            Value::ExternalPid(pid) => self.external_pid(pid),
            Value::Tuple(tuple) => {
                self.text("{");
                self.parts.push(Part::Text("}"));
                for (index, &element) in tuple.elements().iter().enumerate().rev() {
                    self.parts.push(Part::Term(element));
                    if index > 0 {
                        self.parts.push(Part::Text(","));
                    }
                }
            }
            Value::Map(map) => self.map(map),
            Value::Nil => self.text("[]"),
            Value::Cons(_) if is_printable(term) => return self.string(term),
            Value::Cons(_) => {
                self.text("[");
                self.parts.extend([Part::Text("]"), Part::Elements(term)]);
            }
            Value::Bits(bits) => return self.bits(bits),
        }
        Some(())
    }
    fn external_pid(&mut self, pid: External<'_>) {
        let id = pid.id();
        self.format(format_args!("<{}.{}.{}>", pid.node().0, id as u32, id >> 32));
    }
    fn map(&mut self, map: Term<'h>) {
        self.text("#{");
        let start = self.parts.len();
        for (index, (key, value)) in map.map_iter().enumerate() {
            if index > 0 {
                self.parts.push(Part::Text(","));
            }
            self.parts.extend([Part::Term(key), Part::Text("=>"), Part::Term(value)]);
        }
        self.parts.push(Part::Text("}"));
        self.parts[start..].reverse();
    }
    fn string(&mut self, list: Term<'_>) -> Option<()> {
        self.text("\"");
        for character in list.list_iter() {
            self.spend()?;
            match character.as_small().unwrap_or(0) as u8 {
                b'\n' => self.text("\\n"),
                b'"' => self.text("\\\""),
                byte => self.out.push(byte),
            }
        }
        self.text("\"");
        Some(())
    }
    fn bits(&mut self, bits: Bits<'_>) -> Option<()> {
        let bytes = bits.to_bytes();
        let rest = bits.bit_size() % 8;
        if rest == 0 && !bytes.is_empty() && bytes.iter().all(|byte| (b' '..127).contains(byte)) {
            self.text("<<\"");
            for &byte in bytes.iter() {
                if byte == b'"' {
                    self.text("\\");
                }
                self.out.push(byte);
                self.spend()?;
            }
            self.text("\">>");
            return Some(());
        }
        self.text("<<");
        for (index, &byte) in bytes.iter().enumerate() {
            if index > 0 {
                self.text(",");
            }
            if rest != 0 && index + 1 == bytes.len() {
                self.format(format_args!("{}:{rest}", byte >> (8 - rest)));
            } else {
                self.format(format_args!("{byte}"));
                self.spend()?;
            }
        }
        self.text(">>");
        Some(())
    }
}

/// A proper list of printable Latin-1 characters and white space?
fn is_printable(list: Term<'_>) -> bool {
    let mut walk = list.list_iter();
    let printable = |term: Term<'_>| matches!(term.as_small(), Some(9 | 10 | 13 | 32..=126 | 160..=255));
    walk.by_ref().all(printable) && walk.tail().is_nil()
}

/// As C's `%.6e`.
fn scientific(float: f64) -> String {
    let text = format!("{float:.6e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::parse;
    use crate::{Heap, HeapOptions, LocalReference, Port};

    /// Terms, and what `erts_internal:term_to_string/1` makes of them, its bytes as numbers.
    const TEXTS: &str = include_str!("../tests/data/texts.tsv");

    #[test]
    fn displays_as_the_real_system() {
        let atoms = AtomTable::new(crate::ATOM_LIMIT_DEFAULT);
        for line in TEXTS.lines().step_by(if cfg!(miri) { 20 } else { 1 }) {
            let heap = Heap::new(HeapOptions::default());
            let (term, expected) = line.split_once('\t').unwrap();
            let text = display(parse(term, &heap, &atoms), None, &atoms);
            let expected = parse(expected, &heap, &atoms).as_binary().unwrap();
            assert_eq!(String::from_utf8_lossy(&text), String::from_utf8_lossy(&expected), "text of {term}");
        }
    }

    #[test]
    fn stops_at_the_limit() {
        let (heap, atoms) = (Heap::new(HeapOptions::default()), AtomTable::new(crate::ATOM_LIMIT_DEFAULT));
        let text = |term: &str, limit| display_text(parse(term, &heap, &atoms), Some(limit), &atoms);
        assert_eq!(text("{a,bcd,[1,2,300]}", 5), "{a,bcd... ");
        assert_eq!(text("{a,bcd,[1,2,300]}", 8), "{a,bcd,[... ");
        assert_eq!(text("{a,bcd,[1,2,300]}", 3), "{a... ");
        assert_eq!(text("[104,101,108,108,111]", 3), "\"he... ");
    }

    #[test]
    fn identifiers() {
        assert_eq!(Pid { number: 7, serial: 2 }.to_string(), "<0.7.2>");
        assert_eq!(Port(9).to_string(), "#Port<0.9>");
        assert_eq!(LocalReference([1 | 2 << 32, 3]).to_string(), "#Ref<0.3.2.1>");
        assert_eq!(LocalReference::from_ids([1, 2, 3]).ids(), [1, 2, 3]);
    }
}
