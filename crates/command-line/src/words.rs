//! Splitting a variable or an arguments file into words.

/// Whether `#` begins a comment: it does in a file, and does not in a variable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comments {
    Allowed,
    Literal,
}

pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r' | 0x0b | 0x0c)
}

/// Splits at white space. `'…'` and `"…"` keep everything inside as it is (there are no escapes in them, and both
/// may miss their end); elsewhere a backslash keeps the next character.
pub(crate) fn split(text: &[u8], comments: Comments) -> Vec<Vec<u8>> {
    // As in C, the text ends at the first zero byte.
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let mut words = Vec::new();
    let mut bytes = text.iter().copied().peekable();
    loop {
        while bytes.next_if(|byte| is_space(*byte)).is_some() {}
        let Some(&first) = bytes.peek() else { return words };
        if first == b'#' && comments == Comments::Allowed {
            while bytes.next_if(|byte| *byte != b'\n').is_some() {}
            continue;
        }
        let mut word = Vec::new();
        while let Some(byte) = bytes.next_if(|byte| !ends_word(*byte, comments)) {
            match byte {
                b'\'' | b'"' => word.extend(bytes.by_ref().take_while(|inside| *inside != byte)),
                b'\\' => word.extend(bytes.next()),
                _ => word.push(byte),
            }
        }
        words.push(word);
    }
}

fn ends_word(byte: u8, comments: Comments) -> bool {
    is_space(byte) || (byte == b'#' && comments == Comments::Allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, comments: Comments) -> Vec<String> {
        split(text.as_bytes(), comments).into_iter().map(|word| String::from_utf8(word).unwrap()).collect()
    }

    // The expected words are what `erl -emu_args_exit` printed for these values of ERL_AFLAGS.
    #[test]
    fn quotes_and_backslashes() {
        assert_eq!(words("-a \"b c\" +S 1", Comments::Literal), ["-a", "b c", "+S", "1"]);
        assert_eq!(words("-f x\\ y", Comments::Literal), ["-f", "x y"]);
        assert_eq!(words("a''b '' \"x'y", Comments::Literal), ["ab", "", "x'y"]);
        assert_eq!(words("  ", Comments::Literal), [""; 0]);
        assert_eq!(words("a#b", Comments::Literal), ["a#b"]);
    }

    #[test]
    fn comments_in_files() {
        assert_eq!(words("# x\n-a b#c\n#d", Comments::Allowed), ["-a", "b"]);
    }
}
