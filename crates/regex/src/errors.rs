//! Errors, in PCRE 8's words.

use std::fmt;

/// Why a pattern does not compile: `{error, {Message, Position}}` of `re:compile/2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// PCRE 8's text.
    pub message: String,
    /// Byte offset in the pattern.
    pub position: usize,
}

impl fmt::Display for CompileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at offset {}", self.message, self.position)
    }
}

impl std::error::Error for CompileError {}

/// Why a run gave neither a match nor `nomatch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunError {
    /// `{error, match_limit}` with `report_errors`, else `nomatch`.
    MatchLimit,
    /// `{error, match_limit_recursion}` with `report_errors`, else `nomatch`.
    RecursionLimit,
    /// The subject is not UTF-8, or the offset is inside a character: `badarg`.
    BadUtf,
    /// The offset is beyond the end. OTP 27 ends the process with an internal error.
    BadOffset,
    /// The library failed, with this code.
    Internal(i32),
}

impl fmt::Display for RunError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::MatchLimit => formatter.write_str("match limit reached"),
            RunError::RecursionLimit => formatter.write_str("recursion limit reached"),
            RunError::BadUtf => formatter.write_str("subject or offset is not valid UTF-8"),
            RunError::BadOffset => formatter.write_str("offset beyond the end of the subject"),
            RunError::Internal(code) => {
                write!(formatter, "regular expression library: error {code}")
            }
        }
    }
}

impl std::error::Error for RunError {}

/// PCRE 8's text for one of PCRE2's compile errors (numbered from 100), where it has another.
pub(crate) fn old_text(code: i32) -> Option<&'static str> {
    Some(match code {
        ..0 => "invalid UTF-8 string",
        107 => "invalid escape sequence in character class",
        109 => "nothing to repeat",
        114 => "missing )",
        118 => "missing ) after comment",
        121 => "failed to get memory",
        122 => "unmatched parentheses",
        124 | 179 => "malformed number or name after (?(",
        125 | 135 | 187 | 200 => "lookbehind assertion is not fixed length",
        126 => "a numbered reference must not be zero",
        127 => "conditional group contains more than two branches",
        128 => "assertion expected after (?( or (?(?C)",
        129 => "digit expected after (?+",
        134 => "character value in \\x{} or \\o{} is too large",
        136 => "\\C not allowed in lookbehind assertion",
        137 => "PCRE does not support \\L, \\l, \\N{name}, \\U, or \\u",
        138 => "number after (?C is > 255",
        139 | 181 | 182 => "closing ) for (?C expected",
        140 | 195 => "(*VERB) not recognized or malformed",
        142 => "syntax error in subpattern name (missing terminator)",
        143 => "two named subpatterns have the same name",
        144 => "group name must start with a non-digit",
        147 => "unknown property name after \\P or \\p",
        148 => NAME_TOO_LONG,
        154 => "DEFINE group contains more than one branch",
        158 => "(?R or (?[+-]digits must be followed by )",
        161 => "number is too big",
        168 => "\\c must be followed by an ASCII character",
        174 => "setting UTF is disabled by the application",
        177 => "character value in \\u.... sequence is too large",
        178 => "digits missing in \\x{} or \\o{}",
        194 => "unrecognized character after (? or (?-",
        _ => return None,
    })
}

/// PCRE 8's text for names longer than [`MAX_NAME`].
pub(crate) const NAME_TOO_LONG: &str = "subpattern name is too long (maximum 32 characters)";
/// PCRE 8's limit; PCRE2's is higher.
pub(crate) const MAX_NAME: usize = 32;

/// What PCRE 8 says, and where, given what PCRE2 said of the original pattern.
pub(crate) fn as_pcre8(pattern: &[u8], code: i32, offset: usize, text: String) -> CompileError {
    let offset = offset.min(pattern.len());
    let before = &pattern[..offset];
    let report = |message: &str, position| CompileError { message: message.to_owned(), position };
    if offset == pattern.len()
        && let Some(message) = unfinished_group(before, code)
    {
        return report(message, offset);
    }
    let position = match code {
        // PCRE 8 points at the last character of what is wrong, PCRE2 behind it.
        150 if let Some(at) = last_of(before, b"-[") => at + 1,
        137 | 143 | 147 | 150 | 151 | 165 | 169 | 171 => offset.saturating_sub(1),
        178 if before.ends_with(b"\\o{") => offset - 2,
        155 if before.ends_with(b"o") => offset - 1,
        105 => {
            // It gives up at the sixth digit.
            let digits = digits_at_end(before);
            offset - digits + digits.min(6)
        }
        127 => closing(pattern, offset).unwrap_or(offset),
        128 if before.ends_with(b"(?") => offset + 1,
        129 if pattern.get(offset) == Some(&b'+') => offset + 1,
        174 => 0,
        130 => last_of(before, b"[:").map_or(offset, |at| at + 2),
        113 => last_of(before, b"[.").max(last_of(before, b"[=")).unwrap_or(offset),
        125 | 135 | 136 | 187 | 200 => closing(pattern, offset).unwrap_or(offset),
        154 => closing(pattern, offset.saturating_sub(3)).unwrap_or(offset),
        115 if before.ends_with(b"(?(0") => {
            return report("invalid condition (?(0)", offset + 1);
        }
        115 if after_back_reference(before) => pattern.len(),
        115 if before.ends_with(b"\\g") && pattern.get(offset).is_some_and(u8::is_ascii_digit) => pattern.len(),
        115 => end_of_reference(pattern, offset),
        162 if before.ends_with(b"(?<") && pattern.get(offset) == Some(&b'>') => {
            return report("unrecognized character after (?<", offset);
        }
        _ => offset,
    };
    CompileError { message: text, position }
}

/// Does `before` end with a back reference by number? Those PCRE 8 looks up when it has read the whole pattern.
fn after_back_reference(before: &[u8]) -> bool {
    let before = before.strip_suffix(b"}").unwrap_or(before);
    let prefix = &before[..before.len() - digits_at_end(before)];
    prefix.len() < before.len() && [&b"\\"[..], b"\\g", b"\\g{"].iter().any(|start| prefix.ends_with(start))
}

/// A pattern that ends within `(?...`: PCRE 8 says what it expected, PCRE2 often just misses the parenthesis.
fn unfinished_group(before: &[u8], code: i32) -> Option<&'static str> {
    let start = last_of(before, b"(?")?;
    match (code, &before[start + 2..]) {
        (114, b"(") => Some("assertion expected after (?( or (?(?C)"),
        (114, b"C") => Some("closing ) for (?C expected"),
        (114, b"P") => Some("unrecognized character after (?P"),
        (162, b"<") => Some("unrecognized character after (?<"),
        (162, b"P<") => Some("syntax error in subpattern name (missing terminator)"),
        (114, options) if options.iter().all(|option| b"imsxJUX-".contains(option)) => {
            Some("unrecognized character after (? or (?-")
        }
        _ => None,
    }
}

fn last_of(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).rposition(|window| window == part)
}

fn digits_at_end(text: &[u8]) -> usize {
    text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Where PCRE 8 notices that a group does not exist: behind a condition, behind a name, or, for numbers
/// after a backslash, at the end of the pattern.
fn end_of_reference(pattern: &[u8], offset: usize) -> usize {
    let rest = &pattern[offset..];
    let digits = pattern[..offset].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let start = offset - digits;
    if [&b"(?("[..], b"(?(<", b"(?('", b"(?(R&", b"(?(-", b"(?(+"].iter().any(|mark| pattern[..start].ends_with(mark)) {
        return offset + rest.iter().position(|&byte| byte == b')').map_or(0, |at| at + 1);
    }
    if pattern[..start].ends_with(b"(?") && rest.starts_with(b"(") {
        return offset + rest.iter().position(|&byte| byte == b')').map_or(0, |at| at + 1);
    }
    if pattern[..start].ends_with(b"\\g") && rest.starts_with(b"{") {
        return offset + rest.iter().position(|&byte| byte == b'}').unwrap_or(0);
    }
    let name = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    match pattern[..start].last() {
        Some(b'<' | b'{' | b'\'' | b'&' | b'>' | b'=') if digits == 0 => offset + name,
        Some(b'\\') => pattern.len(),
        _ => offset,
    }
}

/// The parenthesis that closes the group opened at `open`.
fn closing(pattern: &[u8], open: usize) -> Option<usize> {
    let (mut depth, mut index, mut in_class) = (0u32, open, false);
    while let Some(&byte) = pattern.get(index) {
        match byte {
            b'\\' => index += 1,
            b'[' if !in_class => {
                in_class = true;
                // A bracket that comes first does not close the class.
                index += pattern[index + 1..].starts_with(b"^") as usize;
                index += pattern[index + 1..].starts_with(b"]") as usize;
            }
            b']' => in_class = false,
            b'(' if !in_class => depth += 1,
            b')' if !in_class => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(index);
                }
            }
            _ => {}
        }
        index += 1;
    }
    None
}
