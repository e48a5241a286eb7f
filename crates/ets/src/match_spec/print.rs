//! Terms as the errors of match specifications show them.

use oxbeam_term::{Atom, AtomTable, Term, Value};
use std::collections::HashMap;

enum Piece<'t> {
    Term(Term<'t>),
    Text(&'static str),
}

/// The text of `term`, with other numbers for the variables in `renamed`; what match specifications hardly contain is shown by its kind only.
pub(super) fn print(term: Term<'_>, atoms: &AtomTable, renamed: &HashMap<Atom, usize>) -> String {
    let mut text = String::new();
    let mut pending = vec![Piece::Term(term)];
    while let Some(piece) = pending.pop() {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Term(term) => match term.as_atom().and_then(|atom| renamed.get(&atom)) {
                Some(number) => text.push_str(&format!("'${number}'")),
                None => push(term, atoms, &mut text, &mut pending),
            },
        }
    }
    text
}

fn push<'t>(term: Term<'t>, atoms: &AtomTable, text: &mut String, pending: &mut Vec<Piece<'t>>) {
    match term.value() {
        Value::Small(number) => text.push_str(&number.to_string()),
        Value::Big(number) => text.push_str(&number.to_bigint().to_string()),
        Value::Float(number) => text.push_str(&format!("{number:e}")),
        Value::Atom(atom) => push_atom(atoms.text(atom), text),
        Value::Nil => text.push_str("[]"),
        Value::Tuple(tuple) => {
            text.push('{');
            pending.push(Piece::Text("}"));
            push_elements(tuple.elements(), pending);
        }
        Value::Cons(_) => {
            let mut walk = term.list_iter();
            let elements: Vec<Term<'t>> = walk.by_ref().collect();
            let string: Option<String> = elements
                .iter()
                .map(|element| element.as_small().and_then(|code| u8::try_from(code).ok()))
                .map(|code| code.filter(|code| (32..127).contains(code)).map(char::from))
                .collect();
            match string {
                Some(string) if walk.tail().is_nil() => text.push_str(&format!("{string:?}")),
                _ => {
                    text.push('[');
                    pending.push(Piece::Text("]"));
                    if !walk.tail().is_nil() {
                        pending.push(Piece::Term(walk.tail()));
                        pending.push(Piece::Text("|"));
                    }
                    push_elements(&elements, pending);
                }
            }
        }
        Value::Map(_) => {
            text.push_str("#{");
            pending.push(Piece::Text("}"));
            let pairs: Vec<_> = term.map_iter().collect();
            for (index, (key, value)) in pairs.into_iter().enumerate().rev() {
                pending.push(Piece::Term(value));
                pending.push(Piece::Text("=>"));
                pending.push(Piece::Term(key));
                if index > 0 {
                    pending.push(Piece::Text(","));
                }
            }
        }
        Value::Pid(pid) => text.push_str(&format!("<0.{}.{}>", pid.number, pid.serial)),
        Value::Bits(_) => text.push_str("<<...>>"),
        Value::Reference(_) | Value::ExternalReference(_) => text.push_str("#Ref<>"),
        Value::Fun(_) | Value::ExternalFun(_) => text.push_str("#Fun<>"),
        Value::Port(_) | Value::ExternalPort(_) => text.push_str("#Port<>"),
        Value::ExternalPid(_) => text.push_str("<>"),
    }
}

fn push_elements<'t>(elements: &[Term<'t>], pending: &mut Vec<Piece<'t>>) {
    for (index, &element) in elements.iter().enumerate().rev() {
        pending.push(Piece::Term(element));
        if index > 0 {
            pending.push(Piece::Text(","));
        }
    }
}

fn push_atom(name: &str, text: &mut String) {
    let plain = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|character| character.is_alphanumeric() || character == '_' || character == '@');
    if plain {
        text.push_str(name);
    } else {
        text.push('\'');
        text.push_str(&name.replace('\\', "\\\\").replace('\'', "\\'"));
        text.push('\'');
    }
}
