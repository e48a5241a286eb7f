//! Text of atoms, numbers and identifiers, both ways.

use oxbeam_bif_macros::bif;
use oxbeam_number::{self as number, Integer as Number, ParseIntegerError};
use oxbeam_runtime::{BifContext, BifResult, Interrupt};
use oxbeam_term::{ATOM_CHARACTERS_MAX, Atom, Integer, Pid, Port, Term, atoms};
use std::borrow::Cow;

/// Bytes of a number's text for one reduction.
const DIGITS_PER_REDUCTION: usize = 32;
/// Decimal digits in a limb of an integer, about.
const DIGITS_PER_LIMB: usize = 19;
/// The square of the number of limbs that a reduction is for.
const LIMBS_SQUARED_PER_REDUCTION: usize = 512;
/// Bits of a pid's number and serial.
const PID_PART_BITS: u32 = 28;
/// Bits of a reference's least significant word.
const REFERENCE_FIRST_BITS: u32 = 18;
/// Words of a reference that is not an alias.
const REFERENCE_WORDS: usize = 3;
/// Bits of a port's number.
const PORT_BITS: u32 = 56;

// --- atoms -----------------------------------------------------------------------------------------------------------

/// The characters of a list of code points.
fn characters(list: Term<'_>) -> Option<String> {
    let mut walk = list.list_iter();
    let code = |term: Term<'_>| term.as_small().and_then(|code| u32::try_from(code).ok()).and_then(char::from_u32);
    let text = walk.by_ref().map(code).collect::<Option<String>>()?;
    walk.tail().is_nil().then_some(text)
}

/// The first so many elements of a list tell whether it is too long for an atom.
fn is_too_long(list: Term<'_>) -> bool {
    list.list_iter().take(ATOM_CHARACTERS_MAX + 1).count() > ATOM_CHARACTERS_MAX
}

/// The characters of an atom's name.
#[bif("erlang:atom_to_list/1")]
fn atom_to_list<'h>(cx: &mut BifContext<'h>, atom: Atom) -> BifResult<'h> {
    Ok(cx.heap.string(cx.text(atom)))
}

/// The atom with this name.
///
/// # Errors
///
/// `badarg` for what is not a list of characters, `system_limit` for more than 255.
#[bif("erlang:list_to_atom/1")]
fn list_to_atom<'h>(cx: &mut BifContext<'h>, list: Term<'h>) -> BifResult<'h> {
    if is_too_long(list) {
        return Err(cx.raise(atoms::SYSTEM_LIMIT));
    }
    match characters(list) {
        Some(name) => Ok(Term::atom(cx.intern(&name)?)),
        None => cx.badarg(),
    }
}

/// The atom with this name; `badarg` when there is none.
#[bif("erlang:list_to_existing_atom/1")]
fn list_to_existing_atom<'h>(cx: &mut BifContext<'h>, list: Term<'h>) -> BifResult<'h> {
    if is_too_long(list) {
        return cx.badarg();
    }
    match characters(list).and_then(|name| cx.atoms().existing(&name)) {
        Some(atom) => Ok(Term::atom(atom)),
        None => cx.badarg(),
    }
}

/// An atom's name as a binary in `latin1`, `utf8` or `unicode` (the same).
///
/// # Errors
///
/// `badarg` for other encodings, and for names that Latin-1 cannot express.
#[bif("erlang:atom_to_binary/2")]
fn atom_to_binary<'h>(cx: &mut BifContext<'h>, atom: Atom, encoding: Atom) -> BifResult<'h> {
    let text = cx.text(atom);
    match encoding {
        atoms::UTF8 | atoms::UNICODE => Ok(cx.heap.binary(text.as_bytes())),
        atoms::LATIN1 => {
            match text.chars().map(|character| u8::try_from(character).ok()).collect::<Option<Vec<u8>>>() {
                Some(bytes) => Ok(cx.heap.binary_from_vec(bytes)),
                None => cx.badarg(),
            }
        }
        _ => cx.badarg(),
    }
}

/// A name in an encoding, as text.
fn decode_name<'b>(bytes: &'b [u8], encoding: Atom) -> Option<Cow<'b, str>> {
    match encoding {
        atoms::UTF8 | atoms::UNICODE => str::from_utf8(bytes).ok().map(Cow::Borrowed),
        atoms::LATIN1 => Some(bytes.iter().map(|&byte| char::from(byte)).collect()),
        _ => None,
    }
}

/// The atom with this name in `latin1`, `utf8` or `unicode`.
///
/// # Errors
///
/// `badarg` for what is not so encoded, `system_limit` for more than 255 characters, also when what follows them is not
/// so encoded.
#[bif("erlang:binary_to_atom/2")]
fn binary_to_atom<'h>(cx: &mut BifContext<'h>, name: Cow<'h, [u8]>, encoding: Atom) -> BifResult<'h> {
    match decode_name(&name, encoding) {
        Some(name) => Ok(Term::atom(cx.intern(&name)?)),
        None if matches!(encoding, atoms::UTF8 | atoms::UNICODE) && too_long_for_an_atom(&name) => {
            Err(cx.raise(atoms::SYSTEM_LIMIT))
        }
        None => cx.badarg(),
    }
}

/// Whether UTF-8 that is damaged somewhere is too long for an atom. OTP sees that first: it looks at the count of bytes,
/// then at no more characters than an atom may have (`binary_to_atom` in erl_unicode.c).
fn too_long_for_an_atom(bytes: &[u8]) -> bool {
    const BYTES_MAX: usize = oxbeam_term::ATOM_CHARACTERS_MAX * 4;
    let valid = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    bytes.len() > BYTES_MAX || valid.chars().count() >= oxbeam_term::ATOM_CHARACTERS_MAX
}

/// The atom with this name; `badarg` when there is none.
#[bif("erlang:binary_to_existing_atom/2")]
fn binary_to_existing_atom<'h>(cx: &mut BifContext<'h>, name: Cow<'h, [u8]>, encoding: Atom) -> BifResult<'h> {
    match decode_name(&name, encoding).and_then(|name| cx.atoms().existing(&name)) {
        Some(atom) => Ok(Term::atom(atom)),
        None => cx.badarg(),
    }
}

// --- integers --------------------------------------------------------------------------------------------------------

/// Claims the conversion of an integer of so many limbs to or from text, which takes as long as their number squared.
fn work_of_limbs<'h>(cx: &mut BifContext<'h>, limbs: usize) -> Result<(), Box<Interrupt<'h>>> {
    cx.work(limbs.saturating_mul(limbs) / LIMBS_SQUARED_PER_REDUCTION)
}

/// The digits of an integer; `None` for a radix that there is not.
fn digits<'h>(
    cx: &mut BifContext<'h>,
    integer: Integer<'h>,
    radix: i64,
) -> Result<Option<Vec<u8>>, Box<Interrupt<'h>>> {
    let Some(radix) = u32::try_from(radix).ok().filter(|radix| (2..=36).contains(radix)) else { return Ok(None) };
    let value = match integer {
        Integer::Small(value) => Number::Small(value),
        Integer::Big(big) => {
            work_of_limbs(cx, big.limbs().len())?;
            Number::Big(big.to_bigint())
        }
    };
    let text = number::integer_to_text(&value, radix);
    cx.spend(text.len() / DIGITS_PER_REDUCTION);
    Ok(Some(text))
}

fn digit_list<'h>(cx: &mut BifContext<'h>, integer: Integer<'h>, radix: i64) -> BifResult<'h> {
    match digits(cx, integer, radix)? {
        Some(text) => Ok(cx.heap.byte_list(&text, Term::NIL)),
        None => cx.badarg(),
    }
}

fn digit_binary<'h>(cx: &mut BifContext<'h>, integer: Integer<'h>, radix: i64) -> BifResult<'h> {
    match digits(cx, integer, radix)? {
        Some(text) => Ok(cx.heap.binary_from_vec(text)),
        None => cx.badarg(),
    }
}

/// The decimal digits as a list.
#[bif("erlang:integer_to_list/1")]
fn integer_to_list<'h>(cx: &mut BifContext<'h>, integer: Integer<'h>) -> BifResult<'h> {
    digit_list(cx, integer, 10)
}

/// The digits in a radix of 2 to 36 as a list; `badarg` for other radixes.
#[bif("erlang:integer_to_list/2")]
fn integer_to_list_of_radix<'h>(cx: &mut BifContext<'h>, integer: Integer<'h>, radix: i64) -> BifResult<'h> {
    digit_list(cx, integer, radix)
}

/// The decimal digits as a binary.
#[bif("erlang:integer_to_binary/1")]
fn integer_to_binary<'h>(cx: &mut BifContext<'h>, integer: Integer<'h>) -> BifResult<'h> {
    digit_binary(cx, integer, 10)
}

/// The digits in a radix of 2 to 36 as a binary; `badarg` for other radixes.
#[bif("erlang:integer_to_binary/2")]
fn integer_to_binary_of_radix<'h>(cx: &mut BifContext<'h>, integer: Integer<'h>, radix: i64) -> BifResult<'h> {
    digit_binary(cx, integer, radix)
}

fn radix_of(radix: Term<'_>) -> Option<u32> {
    radix.as_u64().filter(|radix| (2..=36).contains(radix)).map(|radix| radix as u32)
}

/// `{Integer, Rest}` of the digits that a list starts with, or why there are none: `no_integer`, `not_a_list`, `badarg`
/// (no such radix). `big` leaves what is too large to OTP's own code, which raises.
#[bif("erts_internal:list_to_integer/2")]
fn list_to_integer<'h>(cx: &mut BifContext<'h>, list: Term<'h>, radix: Term<'h>) -> BifResult<'h> {
    let Some(radix) = radix_of(radix) else { return Ok(Term::atom(atoms::BADARG)) };
    if !list.is_list() {
        return Ok(Term::atom(atoms::NOT_A_LIST));
    }
    let mut text = Vec::new();
    let mut walk = list.list_iter();
    let mut rest = list;
    while let Some(byte) = walk.next().and_then(|item| item.as_small()).and_then(|code| u8::try_from(code).ok()) {
        let is_sign = text.is_empty() && (byte == b'+' || byte == b'-');
        if !is_sign && !char::from(byte).is_digit(radix) {
            break;
        }
        text.push(byte);
        rest = walk.tail();
    }
    work_of_limbs(cx, text.len() / DIGITS_PER_LIMB)?;
    cx.spend(text.len() / DIGITS_PER_REDUCTION);
    match number::parse_integer(&text, radix) {
        Ok(value) => Ok(cx.heap.tuple(&[cx.heap.number(&value), rest])),
        Err(ParseIntegerError::NotAnInteger) => Ok(Term::atom(atoms::NO_INTEGER)),
        Err(ParseIntegerError::SystemLimit) => Ok(Term::atom(atoms::BIG)),
    }
}

/// The integer that a binary is the text of, or `badarg`. `big` leaves what is too large to OTP's own code.
#[bif("erts_internal:binary_to_integer/2")]
fn binary_to_integer<'h>(cx: &mut BifContext<'h>, text: Term<'h>, radix: Term<'h>) -> BifResult<'h> {
    let (Some(text), Some(radix)) = (text.as_binary(), radix_of(radix)) else { return Ok(Term::atom(atoms::BADARG)) };
    work_of_limbs(cx, text.len() / DIGITS_PER_LIMB)?;
    cx.spend(text.len() / DIGITS_PER_REDUCTION);
    match number::parse_integer(&text, radix) {
        Ok(value) => Ok(cx.heap.number(&value)),
        Err(ParseIntegerError::NotAnInteger) => Ok(Term::atom(atoms::BADARG)),
        Err(ParseIntegerError::SystemLimit) => Ok(Term::atom(atoms::BIG)),
    }
}

// --- floats ----------------------------------------------------------------------------------------------------------

/// How a float's text looks.
enum FloatFormat {
    Scientific(i64),
    Decimals(i64),
    Short,
}

/// Decimals of `float_to_list/1`.
const SCIENTIFIC_DEFAULT: i64 = 20;

fn float_text(value: f64, options: Term<'_>) -> Option<String> {
    let (mut format, mut compact) = (FloatFormat::Scientific(SCIENTIFIC_DEFAULT), false);
    let mut walk = options.list_iter();
    for option in walk.by_ref() {
        match (option.as_atom(), option.as_tuple_of::<2>()) {
            (Some(atoms::COMPACT), _) => compact = true,
            (Some(atoms::SHORT), _) => format = FloatFormat::Short,
            (_, Some([name, count])) if name.is_atom(atoms::DECIMALS) => {
                format = FloatFormat::Decimals(count.as_small()?);
            }
            (_, Some([name, count])) if name.is_atom(atoms::SCIENTIFIC) => {
                format = FloatFormat::Scientific(count.as_small()?);
            }
            _ => return None,
        }
    }
    if !walk.tail().is_nil() {
        return None;
    }
    match format {
        FloatFormat::Short => Some(number::float_to_short(value)),
        FloatFormat::Decimals(count) => number::float_to_decimals(value, count, compact),
        FloatFormat::Scientific(count) => number::float_to_scientific(value, count),
    }
}

/// The float in scientific notation with 20 decimals, as a list.
#[bif("erlang:float_to_list/1")]
fn float_to_list<'h>(cx: &mut BifContext<'h>, value: f64) -> BifResult<'h> {
    float_to_list_with(cx, value, Term::NIL)
}

/// The float as a list, as the options say: `{decimals, N}`, `{scientific, N}`, `short`, `compact`.
///
/// # Errors
///
/// `badarg` for other options and numbers out of range.
#[bif("erlang:float_to_list/2")]
fn float_to_list_with<'h>(cx: &mut BifContext<'h>, value: f64, options: Term<'h>) -> BifResult<'h> {
    match float_text(value, options) {
        Some(text) => Ok(cx.heap.string(&text)),
        None => cx.badarg(),
    }
}

/// The float in scientific notation with 20 decimals, as a binary.
#[bif("erlang:float_to_binary/1")]
fn float_to_binary<'h>(cx: &mut BifContext<'h>, value: f64) -> BifResult<'h> {
    float_to_binary_with(cx, value, Term::NIL)
}

/// As `float_to_list/2`, as a binary.
#[bif("erlang:float_to_binary/2")]
fn float_to_binary_with<'h>(cx: &mut BifContext<'h>, value: f64, options: Term<'h>) -> BifResult<'h> {
    match float_text(value, options) {
        Some(text) => Ok(cx.heap.binary(text.as_bytes())),
        None => cx.badarg(),
    }
}

/// The bytes of a proper list of integers from 0 to 255.
fn bytes_of_list(list: Term<'_>) -> Option<Vec<u8>> {
    let mut walk = list.list_iter();
    let byte = |item: Term<'_>| item.as_small().and_then(|code| u8::try_from(code).ok());
    let bytes = walk.by_ref().map(byte).collect::<Option<Vec<u8>>>()?;
    walk.tail().is_nil().then_some(bytes)
}

fn parsed_float<'h>(cx: &BifContext<'h>, text: Option<&[u8]>) -> BifResult<'h> {
    match text.and_then(number::parse_float) {
        Some(value) => Ok(cx.heap.float(value)),
        None => cx.badarg(),
    }
}

/// The float that a list is the text of; `badarg` when it is none.
#[bif("erlang:list_to_float/1")]
fn list_to_float<'h>(cx: &mut BifContext<'h>, list: Term<'h>) -> BifResult<'h> {
    parsed_float(cx, bytes_of_list(list).as_deref())
}

/// The float that a binary is the text of; `badarg` when it is none.
#[bif("erlang:binary_to_float/1")]
fn binary_to_float<'h>(cx: &mut BifContext<'h>, text: Cow<'h, [u8]>) -> BifResult<'h> {
    parsed_float(cx, Some(&text))
}

/// How many bytes of a text belong to the float that it starts with.
fn float_length(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = |at: usize| usize::from(matches!(text.get(at), Some(b'+' | b'-')));
    let point = sign(0) + digits(sign(0));
    if point == sign(0) || !matches!(text.get(point), Some(b'.' | b',')) || digits(point + 1) == 0 {
        return None;
    }
    let end = point + 1 + digits(point + 1);
    if !matches!(text.get(end), Some(b'e' | b'E')) {
        return Some(end);
    }
    let exponent = end + 1 + sign(end + 1);
    match digits(exponent) {
        0 => Some(end),
        count => Some(exponent + count),
    }
}

/// `{Float, Rest}` of the text that a list starts with, or `{error, no_float | not_a_list}`.
#[bif("string:list_to_float/1")]
fn string_list_to_float<'h>(cx: &mut BifContext<'h>, list: Term<'h>) -> BifResult<'h> {
    if !list.is_list() {
        return Ok(cx.error(atoms::NOT_A_LIST));
    }
    let code = |item: Term<'h>| item.as_small().and_then(|code| u8::try_from(code).ok());
    let is_part = |byte: &u8| byte.is_ascii_digit() || b"+-.,eE".contains(byte);
    let text: Vec<u8> = list.list_iter().map_while(code).take_while(is_part).collect();
    let parsed = float_length(&text).and_then(|length| Some((length, number::parse_float(&text[..length])?)));
    let Some((length, value)) = parsed else { return Ok(cx.error(atoms::NO_FLOAT)) };
    let mut walk = list.list_iter();
    walk.by_ref().take(length).for_each(drop);
    Ok(cx.heap.tuple(&[cx.heap.float(value), walk.tail()]))
}

// --- identifiers -----------------------------------------------------------------------------------------------------

/// `<0.N.S>`; the first number tells the node.
#[bif("erlang:pid_to_list/1")]
fn pid_to_list<'h>(cx: &mut BifContext<'h>, pid: Term<'h>) -> BifResult<'h> {
    if pid.is_pid() { text_of(cx, pid) } else { cx.badarg() }
}

/// `#Port<0.N>`; the first number tells the node.
#[bif("erlang:port_to_list/1")]
fn port_to_list<'h>(cx: &mut BifContext<'h>, port: Term<'h>) -> BifResult<'h> {
    if port.is_port() { text_of(cx, port) } else { cx.badarg() }
}

/// `#Ref<0.A.B.C>`; the first number tells the node.
#[bif("erlang:ref_to_list/1")]
fn ref_to_list<'h>(cx: &mut BifContext<'h>, reference: Term<'h>) -> BifResult<'h> {
    if let Some(local) = reference.as_reference() {
        cx.vm.remember_magic(local);
    }
    if reference.is_reference() { text_of(cx, reference) } else { cx.badarg() }
}

/// `#Fun<module.index.uniq>`, or `fun module:function/arity`.
#[bif("erlang:fun_to_list/1")]
fn fun_to_list<'h>(cx: &mut BifContext<'h>, fun: Term<'h>) -> BifResult<'h> {
    if fun.is_fun() { text_of(cx, fun) } else { cx.badarg() }
}

fn text_of<'h>(cx: &mut BifContext<'h>, term: Term<'h>) -> BifResult<'h> {
    Ok(cx.heap.byte_list(&oxbeam_term::display(term, None, cx.atoms()), Term::NIL))
}

/// The text of a term as `erlang:display/1` has it, at most `limit` units of it (`undefined`: all).
#[bif("erts_internal:term_to_string/2")]
fn term_to_string<'h>(cx: &mut BifContext<'h>, term: Term<'h>, limit: Term<'h>) -> BifResult<'h> {
    let limit = match limit.as_usize() {
        Some(limit) if limit > 0 => limit,
        _ if limit.is_atom(atoms::UNDEFINED) => usize::MAX,
        _ => return cx.badarg(),
    };
    let text = oxbeam_term::display(term, Some(limit), cx.atoms());
    cx.spend(text.len() / DIGITS_PER_REDUCTION);
    Ok(cx.heap.byte_list(&text, Term::NIL))
}

/// The numbers of `PREFIX A.B...>`.
fn numbers_in(list: Term<'_>, prefix: &str) -> Option<Vec<u64>> {
    let text = bytes_of_list(list)?;
    let text = str::from_utf8(&text).ok()?.strip_prefix(prefix)?.strip_suffix('>')?;
    let number = |part: &str| if part.bytes().all(|byte| byte.is_ascii_digit()) { part.parse().ok() } else { None };
    text.split('.').map(number).collect()
}

/// The connected node that texts of its identifiers begin with this number, and its incarnation.
fn node_of_number(cx: &BifContext<'_>, number: u64) -> Option<(Atom, u32)> {
    let entry = cx.vm.node_table().all().into_iter().find(|entry| u64::from(entry.name().0) == number)?;
    let creation = entry.info().creation;
    (creation != 0).then(|| (entry.name(), creation))
}

/// The pid with this text, of this node or of one that is connected; `badarg` when it is none.
#[bif("erlang:list_to_pid/1")]
fn list_to_pid<'h>(cx: &mut BifContext<'h>, list: Term<'h>) -> BifResult<'h> {
    match numbers_in(list, "<").as_deref() {
        Some(&[0, number, serial]) if number >> PID_PART_BITS == 0 && serial >> PID_PART_BITS == 0 => {
            Ok(Term::pid(Pid { number: number as u32, serial: serial as u32 }))
        }
        Some(&[node, number, serial]) => match (node_of_number(cx, node), u32::try_from(number), u32::try_from(serial))
        {
            (Some((node, creation)), Ok(number), Ok(serial)) => {
                Ok(cx.heap.external_pid(node, creation, number, serial))
            }
            _ => cx.badarg(),
        },
        _ => cx.badarg(),
    }
}

/// The port with this text, of this node or of one that is connected; `badarg` when it is none.
#[bif("erlang:list_to_port/1")]
fn list_to_port<'h>(cx: &mut BifContext<'h>, list: Term<'h>) -> BifResult<'h> {
    match numbers_in(list, "#Port<").as_deref() {
        Some(&[0, number]) if number >> PORT_BITS == 0 => Ok(Term::port(Port(number))),
        Some(&[node, number]) => match node_of_number(cx, node) {
            Some((node, creation)) => Ok(cx.heap.external_port(node, creation, number)),
            None => cx.badarg(),
        },
        _ => cx.badarg(),
    }
}

/// The reference with this text, of this node or of one that is connected; `badarg` when it is none.
#[bif("erlang:list_to_ref/1")]
fn list_to_ref<'h>(cx: &mut BifContext<'h>, list: Term<'h>) -> BifResult<'h> {
    let Some(numbers) = numbers_in(list, "#Ref<") else { return cx.badarg() };
    let words: Option<Vec<u32>> = numbers.iter().skip(1).rev().map(|&word| u32::try_from(word).ok()).collect();
    let Some(words) = words else { return cx.badarg() };
    if let Some((node, creation)) = node_of_number(cx, numbers[0])
        && (REFERENCE_WORDS..=5).contains(&words.len())
    {
        return Ok(cx.heap.external_reference(node, creation, &words));
    }
    let known = numbers[0] == 0 && matches!(words.len(), REFERENCE_WORDS | 5) && words[0] >> REFERENCE_FIRST_BITS == 0;
    if !known {
        return cx.badarg();
    }
    let term = oxbeam_etf::reference_from_words(cx.heap, &words);
    match term.as_reference() {
        Some(reference) if words.len() == REFERENCE_WORDS || reference.alias_of().is_some() => {
            Ok(cx.vm.magic_reference(cx.heap, reference.number()).unwrap_or(term))
        }
        _ => cx.badarg(),
    }
}
