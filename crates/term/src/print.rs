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
