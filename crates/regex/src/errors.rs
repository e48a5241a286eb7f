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
            RunError::Internal(code) => write!(formatter, "regular expression library: error {code}"),
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
        124 | 126 | 179 => "malformed number or name after (?(",
        125 | 135 | 187 | 200 => "lookbehind assertion is not fixed length",
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
