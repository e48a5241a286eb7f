//! Numbers as the C library reads them: leading spaces, a sign, digits, and whatever follows is ignored.

/// Reads a number from the start of `text`; returns it with what follows, or nothing if there is no digit.
/// Too large a number becomes the largest.
pub(crate) fn leading_number(text: &[u8]) -> Option<(i64, &[u8])> {
    let start = text.iter().position(|byte| !byte.is_ascii_whitespace() && *byte != 0x0b)?;
    let text = &text[start..];
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let value = digits[..length].iter().fold(0i64, |value, digit| {
        let digit = i64::from(digit - b'0');
        value.saturating_mul(10).saturating_add(digit)
    });
    Some((if negative { -value } else { value }, &digits[length..]))
}

/// A number as `atoi` reads it: 0 if there is none.
pub(crate) fn number(text: &[u8]) -> i64 {
    leading_number(text).map_or(0, |(value, _)| value)
}

/// `A:B`, `A` or `:B`; nothing for anything else.
pub(crate) fn pair(text: &[u8]) -> Option<(Option<i64>, Option<i64>)> {
    if let Some((first, rest)) = leading_number(text) {
        let second = rest.strip_prefix(b":").and_then(leading_number);
        return Some((Some(first), second.map(|(value, _)| value)));
    }
    let (second, _) = leading_number(text.strip_prefix(b":")?)?;
    Some((None, Some(second)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_like_atoi() {
        assert_eq!(number(b"12"), 12);
        assert_eq!(number(b" -12x"), -12);
        assert_eq!(number(b"x"), 0);
        assert_eq!(number(b"99999999999999999999999"), i64::MAX);
    }

    #[test]
    fn pairs() {
        assert_eq!(pair(b"2:1"), Some((Some(2), Some(1))));
        assert_eq!(pair(b"2x"), Some((Some(2), None)));
        assert_eq!(pair(b":1"), Some((None, Some(1))));
        assert_eq!(pair(b"x"), None);
        assert_eq!(pair(b""), None);
    }
}
