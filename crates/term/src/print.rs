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
//! Terms as text for people: what `erlang:display/1`, `pid_to_list/1` and relatives show.
//!
//! The text is bytes: atoms are UTF-8, while lists that look like text have one byte a character, as in OTP's C code.

use crate::{Atom, AtomTable, Bits, External, LocalReference, MapIter, Reference, Term, Value, bits};
use std::io::Write as _;

/// The text of `term`. After about `limit` units (atoms' letters, elements, bytes) it is cut off and ends in `... `.
pub fn term(term: Term<'_>, atoms: &AtomTable, limit: usize) -> Vec<u8> {
    let left = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut printer = Printer { output: Vec::new(), atoms, left, pending: vec![Step::Term(term)] };
    while let Some(step) = printer.pending.pop() {
        if printer.step(step).is_none() {
            break;
        }
    }
    if printer.left <= 0 {
        printer.output.extend_from_slice(b"... ");
    }
    printer.output
}

/// An atom's name, quoted if need be.
pub fn atom(atom: Atom, atoms: &AtomTable) -> String {
    let name = atoms.text(atom);
    if is_plain(name) {
        return name.to_owned();
    }
    let mut text = String::from("'");
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
            '\x0c' => text.push_str("\\f"),
            '\t' => text.push_str("\\t"),
            '\r' => text.push_str("\\r"),
            '\x08' => text.push_str("\\b"),
            '\x0b' => text.push_str("\\v"),
            '\x00'..='\x1f' | '\u{80}'..='\u{9f}' => text.push_str(&format!("\\{:03o}", character as u32)),
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
fn is_letter(character: char) -> bool {
    character.is_ascii_alphabetic() || matches!(character, '\u{c0}'..='\u{ff}') && !matches!(character, '×' | '÷')
}

/// Needs an atom's name no quotes?
fn is_plain(name: &str) -> bool {
    let starts_low = |first: char| first.is_ascii_lowercase() || first >= 'ß' && is_letter(first);
    let goes_on = |other: char| is_letter(other) || other.is_ascii_digit() || other == '_' || other == '@';
    name.starts_with(starts_low) && name.chars().all(goes_on)
}

/// What is still to be written.
enum Step<'h> {
    Term(Term<'h>),
    Text(&'static str),
    /// The rest of a list behind an element.
    ListRest(Term<'h>),
    /// Elements of a tuple with a comma before each.
    Elements(&'h [Term<'h>]),
    /// Pairs of a map, and whether this is the first.
    Pairs(MapIter<'h>, bool),
}

struct Printer<'h, 'a> {
    output: Vec<u8>,
    atoms: &'a AtomTable,
    /// Units until the text is cut off.
    left: i64,
    pending: Vec<Step<'h>>,
}

impl<'h> Printer<'h, '_> {
    /// Writes a step; `None` when the text is cut off.
    fn step(&mut self, step: Step<'h>) -> Option<()> {
        match step {
            Step::Term(term) => self.term(term)?,
            Step::Text(text) => self.text(text),
            Step::ListRest(rest) => self.list_rest(rest),
            Step::Elements([]) => self.text("}"),
            Step::Elements([first, rest @ ..]) => {
                self.text(",");
                self.pending.extend([Step::Elements(rest), Step::Term(*first)]);
            }
            Step::Pairs(mut pairs, first) => match pairs.next() {
                None => self.text("}"),
                Some((key, value)) => {
                    self.text(if first { "" } else { "," });
                    let steps = [Step::Pairs(pairs, false), Step::Term(value), Step::Text("=>"), Step::Term(key)];
                    self.pending.extend(steps);
                }
            },
        }
        Some(())
    }
    fn text(&mut self, text: &str) {
        self.output.extend_from_slice(text.as_bytes());
    }
    fn format(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.output.write_fmt(arguments).expect("writing to a vector does not fail");
    }
    /// An atom's name; `None` when that was all there is room for.
    fn atom(&mut self, name: Atom) -> Option<()> {
        self.left -= self.atoms.text(name).len() as i64;
        self.text(&atom(name, self.atoms));
        (self.left > 0).then_some(())
    }
    fn term(&mut self, term: Term<'h>) -> Option<()> {
        if self.left <= 0 {
            return None;
        }
        self.left -= 1;
        match term.value() {
            Value::Small(value) => self.format(format_args!("{value}")),
            Value::Big(big) => self.format(format_args!("{}", big.to_bigint())),
            Value::Float(value) => self.float(value),
            Value::Atom(name) => self.atom(name)?,
            Value::Nil => self.text("[]"),
            Value::Cons(_) => self.list(term)?,
            Value::Tuple(tuple) => match tuple.elements() {
                [] => self.text("{}"),
                [first, rest @ ..] => {
                    self.text("{");
                    self.pending.extend([Step::Elements(rest), Step::Term(*first)]);
                }
            },
            Value::Map(map) => {
                self.text("#{");
                self.pending.push(Step::Pairs(map.map_iter(), true));
            }
            Value::Bits(bits) => self.bits(bits)?,
            Value::Fun(fun) => {
                let entry = fun.entry();
                self.text("#Fun<");
                self.text(&atom(entry.module, self.atoms));
                self.format(format_args!(".{}.{}>", entry.index, entry.old_uniq));
            }
            Value::ExternalFun(fun) => {
                let export = fun.export();
                self.left -= (self.atoms.text(export.module).len() + self.atoms.text(export.function).len()) as i64;
                let (module, function) = (atom(export.module, self.atoms), atom(export.function, self.atoms));
                self.format(format_args!("fun {module}:{function}/{}", export.arity));
            }
            Value::Pid(pid) => self.format(format_args!("<0.{}.{}>", pid.number, pid.serial)),
            Value::Port(port) => self.format(format_args!("#Port<0.{}>", port.0)),
            Value::Reference(reference) => self.reference(0, &reference_words(reference)),
            Value::ExternalPid(pid) => {
                let (number, serial) = (pid.id() as u32, pid.id() >> 32);
                self.format(format_args!("<{}.{number}.{serial}>", channel(pid)));
            }
            Value::ExternalPort(port) => self.format(format_args!("#Port<{}.{}>", channel(port), port.id())),
            Value::ExternalReference(reference) => self.reference(channel(reference), &reference.reference_ids()),
        }
        Some(())
    }
    fn float(&mut self, value: f64) {
        let text = format!("{value:.6e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let sign = if exponent < 0 { '-' } else { '+' };
        self.format(format_args!("{mantissa}e{sign}{:02}", exponent.abs()));
    }
    fn reference(&mut self, channel: u32, words: &[u32]) {
        self.format(format_args!("#Ref<{channel}"));
        words.iter().rev().for_each(|word| self.format(format_args!(".{word}")));
        self.text(">");
    }
    fn list(&mut self, list: Term<'h>) -> Option<()> {
        if let Some(cell) = list.as_cons().filter(|_| !looks_like_text(list)) {
            self.text("[");
            self.pending.extend([Step::ListRest(cell.tail()), Step::Term(cell.head())]);
            return Some(());
        }
        self.text("\"");
        for byte in list.list_iter().filter_map(Term::as_small) {
            if self.left <= 0 {
                return None;
            }
            self.left -= 1;
            match byte as u8 {
                b'\n' => self.text("\\n"),
                b'"' => self.text("\\\""),
                byte => self.output.push(byte),
            }
        }
        self.text("\"");
        Some(())
    }
    fn list_rest(&mut self, rest: Term<'h>) {
        if rest.is_nil() {
            self.text("]");
        } else if let Some(cell) = rest.as_cons() {
            self.text(",");
            self.pending.extend([Step::ListRest(cell.tail()), Step::Term(cell.head())]);
        } else {
            self.text("|");
            self.pending.extend([Step::Text("]"), Step::Term(rest)]);
        }
    }
    fn bits(&mut self, of: Bits<'h>) -> Option<()> {
        let bytes = of.to_bytes();
        let (whole, rest_bits) = (of.bit_size() / 8, of.bit_size() % 8);
        let is_text = rest_bits == 0 && whole > 0 && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
        self.text(if is_text { "<<\"" } else { "<<" });
        for (index, &byte) in bytes[..whole].iter().enumerate() {
            if is_text {
                self.output.push(byte);
            } else {
                self.text(if index > 0 { "," } else { "" });
                self.format(format_args!("{byte}"));
            }
            self.left -= 1;
            if self.left < 0 {
                return None;
            }
        }
        if rest_bits != 0 {
            self.text(if whole > 0 { "," } else { "" });
            let last = bits::read_bits8(&bytes, whole * 8, rest_bits);
            self.format(format_args!("{last}:{rest_bits}"));
        }
        self.text(if is_text { "\">>" } else { ">>" });
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
/// The number that stands for the node of an identifier from elsewhere.
fn channel(external: External<'_>) -> u32 {
    external.node().0
}

/// The words of a local reference as they are shown and sent: three, or five for an alias.
fn reference_words(reference: Reference<'_>) -> Vec<u32> {
    let LocalReference([first, second]) = reference.number();
    let mut words = vec![first as u32, (first >> 32) as u32, second as u32];
    if let Some(pid) = reference.alias_of() {
        let word = (u64::from(pid.number) | u64::from(pid.serial) << 28) << 4 | 3;
        words.extend([word as u32, (word >> 32) as u32]);
    }
    words
}

/// Is it a proper list of Latin-1 characters that can be shown?
fn looks_like_text(list: Term<'_>) -> bool {
    let mut walk = list.list_iter();
    let shown = |item: Term<'_>| matches!(item.as_small(), Some(9 | 10 | 13 | 32..=126 | 160..=255));
    walk.by_ref().all(shown) && walk.tail().is_nil()
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
    use crate::Heap;
    use crate::testing::parse;

    /// `erts_internal:term_to_string(Term, Limit)` of OTP 27.
    const SHOWN: &[(&str, usize, &str)] = &[
        ("'A b'", 0, "'A b'"),
        ("and", 0, "and"),
        ("and", 4, "and... "),
        ("[97,98,99]", 0, "\"abc\""),
        ("[97,98,99]", 4, "\"abc\"... "),
        ("[97,34,10]", 0, "\"a\\\"\\n\""),
        ("[97,11]", 0, "[97,11]"),
        ("[97,98|c]", 4, "[97,98|c... "),
        ("[1,2]", 4, "[1,2]"),
        ("[1,2]", 3, "[1,2]... "),
        ("[a,b|c]", 0, "[a,b|c]"),
        ("[a,b|c]", 6, "[a,b|c... "),
        ("[[a],[b,[c]],d]", 5, "[[a],[... "),
        ("{a,{b,c},[]}", 0, "{a,{b,c},[]}"),
        ("{a,{b,c},[]}", 4, "{a,{... "),
        ("{a,b,c,d,e,f}", 6, "{a,b,c... "),
        ("{}", 0, "{}"),
        ("<<1,2,3>>", 0, "<<1,2,3>>"),
        ("<<97,98,99>>", 4, "<<\"abc\">>... "),
        ("<<97,34,98,10>>", 4, "<<97,34,98,10... "),
        ("<<1,2:3>>", 0, "<<1,2:3>>"),
        ("<<1:1>>", 0, "<<1:1>>"),
        ("<<>>", 0, "<<>>"),
        ("1.5", 0, "1.500000e+00"),
        ("-0.0", 0, "-0.000000e+00"),
        ("1.0e100", 0, "1.000000e+100"),
        ("123456789.123", 0, "1.234568e+08"),
        ("#{a => 1}", 0, "#{a=>1}"),
        ("#{a => 1}", 4, "#{a=>1}... "),
        ("1267650600228229401496703205376", 0, "1267650600228229401496703205376"),
    ];

    #[test]
    fn terms_are_shown_as_otp_shows_them() {
        let (heap, atoms) = (Heap::new(Default::default()), AtomTable::new(10_000));
        for (text, limit, shown) in SHOWN {
            let limit = if *limit == 0 { usize::MAX } else { *limit };
            let bytes = term(parse(text, &heap, &atoms), &atoms, limit);
            assert_eq!(String::from_utf8_lossy(&bytes), *shown, "{text} to {limit}");
        }
    }
}
