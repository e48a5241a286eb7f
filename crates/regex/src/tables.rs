//! Character tables for ISO 8859-1, which OTP gives PCRE instead of those of the C locale: without `unicode`,
//! `\w` matches `é`, and `caseless` knows that `É` is its capital.

/// Lower case, other case, classes, types: PCRE2's layout.
const LENGTH: usize = OTHER_CASE + 256 + CLASS_BYTES + 256;
const OTHER_CASE: usize = 256;
const CLASSES: usize = 512;
const CLASS_BYTES: usize = 10 * 32;
const TYPES: usize = CLASSES + CLASS_BYTES;

/// The tables; compiled patterns point to them.
pub(crate) static LATIN1: [u8; LENGTH] = build();

const fn is_upper(c: u8) -> bool {
    c.is_ascii_uppercase() || (c >= 0xc0 && c <= 0xde && c != 0xd7)
}

const fn is_lower(c: u8) -> bool {
    c.is_ascii_lowercase() || matches!(c, 0xaa | 0xb5 | 0xba) || (c >= 0xdf && c != 0xf7)
}

const fn to_lower(c: u8) -> u8 {
    if is_upper(c) { c + 32 } else { c }
}

const fn other_case(c: u8) -> u8 {
    match c {
        // Lower case without a capital in this character set.
        0xaa | 0xb5 | 0xba | 0xdf | 0xff => c,
        _ if is_lower(c) => c - 32,
        _ => to_lower(c),
    }
}

const fn is_space(c: u8) -> bool {
    matches!(c, 9..=13 | b' ')
}

const fn is_control(c: u8) -> bool {
    c < 32 || (c >= 127 && c < 160)
}

const fn is_word(c: u8) -> bool {
    is_upper(c) || is_lower(c) || c.is_ascii_digit() || c == b'_'
}

/// In PCRE2's order of classes: space, xdigit, digit, upper, lower, word, graph, print, punct, cntrl.
const fn classes(c: u8) -> [bool; 10] {
    let graph = !is_control(c) && c != b' ';
    [
        is_space(c),
        c.is_ascii_hexdigit(),
        c.is_ascii_digit(),
        is_upper(c),
        is_lower(c),
        is_word(c),
        graph,
        graph || c == b' ',
        graph && (c == b'_' || !is_word(c)),
        is_control(c),
    ]
}

const fn types(c: u8) -> u8 {
    is_space(c) as u8
        | ((is_upper(c) || is_lower(c)) as u8 * 0x02)
        | (is_lower(c) as u8 * 0x04)
        | (c.is_ascii_digit() as u8 * 0x08)
        | (is_word(c) as u8 * 0x10)
}

const fn build() -> [u8; LENGTH] {
    let mut table = [0; LENGTH];
    let mut index = 0;
    while index < 256 {
        let c = index as u8;
        table[index] = to_lower(c);
        table[OTHER_CASE + index] = other_case(c);
        let classes = classes(c);
        let mut class = 0;
        while class < classes.len() {
            if classes[class] {
                table[CLASSES + class * 32 + index / 8] |= 1 << (index % 8);
            }
            class += 1;
        }
        table[TYPES + index] = types(c);
        index += 1;
    }
    table
}
