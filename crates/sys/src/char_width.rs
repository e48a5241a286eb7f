//! How many columns a character takes on a terminal, and whether it can be printed.
//!
//! The C library answers this for the locale of the whole process. The machine has no such global state:
//! here is the answer for C.UTF-8, the only case in which `prim_tty` asks for characters above 127.

use crate::char_width_table::RANGES;

/// Columns of the code point `character`; `None` if it cannot be printed (C's `wcwidth` is -1).
pub fn char_width(character: u32) -> Option<u8> {
    match character {
        0 => return Some(0),
        0x20..0x7f => return Some(1),
        0x11_0000.. => return None,
        _ => {}
    }
    let after = RANGES.partition_point(|&(first, _, _)| first <= character);
    match after.checked_sub(1).map(|index| RANGES[index]) {
        Some((_, last, columns)) if character <= last => u8::try_from(columns).ok(),
        _ => Some(1),
    }
}

/// Columns of all `characters` together; `None` if one of them cannot be printed (C's `wcswidth`).
pub fn string_width(characters: impl IntoIterator<Item = u32>) -> Option<usize> {
    // C's function ends at the first zero.
    let mut characters = characters.into_iter().take_while(|&character| character != 0);
    characters.try_fold(0, |total, character| Some(total + usize::from(char_width(character)?)))
}

/// C's `isprint` for one byte: only ASCII characters are printable in a UTF-8 locale.
pub fn is_printable(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Answers of prim_tty:wcswidth/1 on OTP 27, Debian 13, LANG=C.UTF-8.
    #[test]
    fn widths() {
        assert_eq!(char_width('a' as u32), Some(1));
        assert_eq!(char_width(0xe9), Some(1));
        assert_eq!(char_width(0x301), Some(0));
        assert_eq!(char_width('日' as u32), Some(2));
        assert_eq!(char_width(0x1f600), Some(2));
        assert_eq!(char_width(0x1b), None);
        assert_eq!(char_width(0x9f), None);
        assert_eq!(char_width(0xa0), Some(1));
        assert_eq!(char_width(0x378), None);
        assert_eq!(char_width(0x10ffff), None);
        assert_eq!(string_width("a日".chars().map(u32::from)), Some(3));
        assert_eq!(string_width([0x61, 7]), None);
    }

    #[test]
    fn ranges_are_in_order() {
        assert!(RANGES.windows(2).all(|pair| pair[0].0 <= pair[0].1 && pair[0].1 < pair[1].0));
    }
}
