//! Rewrites a pattern where PCRE2 would read it otherwise than PCRE 8 did.
//!
//! - `{,3}`, `{ 1}`, `{1, 2}` are quantifiers in PCRE2 and plain text in PCRE 8: the brace is escaped.
//! - `[\B]`, and likewise `A C G K R X Z z`, are errors in PCRE2 and those letters in PCRE 8: the backslash goes.
//! - `[\d-z]` is an error in PCRE2 and has a plain hyphen in PCRE 8: the hyphen is escaped.
//! - `\8` and `\9` are those digits in PCRE 8 unless so many groups came before: the backslash goes.
//! - `\x` without digits is an error at the end of a pattern in PCRE2 and a zero in PCRE 8: zeros are added.
//! - `(?^`, `(?*`, `(?[`, option letters and `(*name:` that PCRE2 added are errors in PCRE 8: see `refused`.
//! - `(*UTF8)` at the start is called `(*UTF)`.

/// A rewritten pattern, and how to get back to offsets in the original.
pub(crate) struct Translation {
    pub text: Vec<u8>,
    /// Syntax that PCRE 8 does not know: its error, and where in the original pattern.
    pub refused: Option<(&'static str, usize)>,
    /// Offsets in `text`, ascending, after which it is this much longer than the original.
    shifts: Vec<(usize, isize)>,
}

impl Translation {
    /// The offset in the original pattern of an offset in the rewritten one.
    pub fn original_offset(&self, offset: usize) -> usize {
        let shift = self.shifts.iter().rev().find(|&&(at, _)| at <= offset).map_or(0, |&(_, by)| by);
        offset.saturating_add_signed(-shift)
    }
}

/// Rewrites `pattern` for PCRE2.
pub(crate) fn translate(pattern: &[u8]) -> Translation {
    let mut writer = Writer {
        pattern,
        read: 0,
        text: Vec::with_capacity(pattern.len()),
        shifts: Vec::new(),
        refused: None,
        groups: 0,
    };
    writer.leading_verbs();
    writer.body();
    Translation { text: writer.text, refused: writer.refused, shifts: writer.shifts }
}

struct Writer<'p> {
    pattern: &'p [u8],
    read: usize,
    text: Vec<u8>,
    shifts: Vec<(usize, isize)>,
    refused: Option<(&'static str, usize)>,
    /// Capturing groups opened so far.
    groups: u32,
}

impl Writer<'_> {
    fn rest(&self) -> &[u8] {
        &self.pattern[self.read..]
    }

    fn copy(&mut self, count: usize) {
        let end = (self.read + count).min(self.pattern.len());
        self.text.extend_from_slice(&self.pattern[self.read..end]);
        self.read = end;
    }

    fn note_shift(&mut self) {
        self.shifts.push((self.text.len(), self.text.len() as isize - self.read as isize));
    }

    fn leading_verbs(&mut self) {
        while self.rest().starts_with(b"(*") {
            let Some(end) = self.rest().iter().position(|&byte| byte == b')') else {
                return;
            };
            let name = &self.rest()[2..end];
            if name == b"UTF8" {
                self.text.extend_from_slice(b"(*UTF)");
                self.read += end + 1;
                self.note_shift();
            } else if name.iter().all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'=')) {
                self.copy(end + 1);
            } else {
                return;
            }
        }
    }

    fn body(&mut self) {
        while let Some(&byte) = self.rest().first() {
            match byte {
                b'\\' => self.escape(false),
                b'[' if is_class_start(self.rest()) => self.class(),
                b'(' => {
                    self.groups += is_capturing(self.rest()) as u32;
                    self.refused = self.refused.or_else(|| new_group(self.rest(), self.read));
                    self.copy(1);
                }
                b'{' if is_new_quantifier(self.rest()) => {
                    self.text.push(b'\\');
                    self.note_shift();
                    self.copy(1);
                }
                _ => self.copy(1),
            }
        }
    }

    fn escape(&mut self, in_class: bool) {
        match self.rest().get(1) {
            Some(b'Q') => {
                let rest = self.rest();
                let end = rest.windows(2).position(|pair| pair == b"\\E").map_or(rest.len(), |at| at + 2);
                self.copy(end);
            }
            Some(b'A' | b'B' | b'C' | b'G' | b'K' | b'R' | b'X' | b'Z' | b'z') if in_class => {
                self.read += 1;
                self.note_shift();
                self.copy(1);
            }
            Some(b'd' | b'D' | b'h' | b'H' | b's' | b'S' | b'v' | b'V' | b'w' | b'W') if in_class => {
                self.copy(2);
                if self.rest().first() == Some(&b'-') && self.rest().get(1) != Some(&b']') {
                    self.text.push(b'\\');
                    self.note_shift();
                    self.copy(1);
                }
            }
            Some(b'8' | b'9') if !in_class && decimal(&self.rest()[1..]) > self.groups => {
                self.read += 1;
                self.note_shift();
                self.copy(1);
            }
            Some(b'x') if !self.rest().get(2).is_some_and(|byte| *byte == b'{' || byte.is_ascii_hexdigit()) => {
                self.copy(2);
                self.text.extend_from_slice(b"00");
                self.note_shift();
            }
            // A brace after these belongs to the escape.
            Some(b'g' | b'k' | b'N' | b'o' | b'p' | b'P' | b'x') if self.rest().get(2) == Some(&b'{') => self.copy(3),
            _ => self.copy(2),
        }
    }

    fn class(&mut self) {
        self.copy(1);
        if self.rest().first() == Some(&b'^') {
            self.copy(1);
        }
        if self.rest().first() == Some(&b']') {
            self.copy(1);
        }
        while let Some(&byte) = self.rest().first() {
            match byte {
                b'\\' => self.escape(true),
                b'[' if posix_length(self.rest()) > 0 => {
                    let length = posix_length(self.rest());
                    self.copy(length);
                }
                b']' => return self.copy(1),
                _ => self.copy(1),
            }
        }
    }
}

/// `[[:<:]]` and `[[:>:]]` are word boundaries, not classes; copying them byte by byte is right.
fn is_class_start(rest: &[u8]) -> bool {
    !rest.starts_with(b"[[:<:]]") && !rest.starts_with(b"[[:>:]]")
}

/// Length of `[:name:]`, or 0.
fn posix_length(rest: &[u8]) -> usize {
    if !rest.starts_with(b"[:") {
        return 0;
    }
    let name = rest[2..].iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'^').count();
    if rest[2 + name..].starts_with(b":]") { name + 4 } else { 0 }
}

fn decimal(text: &[u8]) -> u32 {
    text.iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |value: u32, &byte| value.saturating_mul(10).saturating_add((byte - b'0') as u32))
}

fn is_capturing(group: &[u8]) -> bool {
    match group {
        [_, b'?', b'<', next, ..] => !matches!(next, b'=' | b'!'),
        [_, b'?', b'P', b'<', ..] | [_, b'?', b'\'', ..] => true,
        [_, b'?' | b'*', ..] => false,
        _ => true,
    }
}

/// Whether the group that starts here is of a kind that PCRE2 added.
fn new_group(rest: &[u8], at: usize) -> Option<(&'static str, usize)> {
    if let Some(name) = rest.strip_prefix(b"(*") {
        let end = rest.iter().position(|&byte| byte == b')').unwrap_or(rest.len());
        let length = name.iter().take_while(|byte| byte.is_ascii_lowercase() || **byte == b'_').count();
        if [&b"ACCEPT:"[..], b"FAIL:", b"F:", b"COMMIT:"].iter().any(|verb| name.starts_with(verb)) {
            let text = "an argument is not allowed for (*ACCEPT), (*FAIL), or (*COMMIT)";
            return Some((text, at + end));
        }
        let is_new = length > 0 && name.get(length) == Some(&b':');
        let end = rest.iter().position(|&byte| byte == b')').unwrap_or(rest.len());
        return is_new.then_some(("(*VERB) not recognized or malformed", at + end));
    }
    let options = rest.strip_prefix(b"(?")?;
    if options.starts_with(b"(VERSION") {
        return Some(("malformed number or name after (?(", at + 10));
    }
    let known = options.iter().take_while(|byte| b"imsxJUX-".contains(byte)).count();
    let is_new = match options.get(known)? {
        b'^' | b'*' | b'[' => known == 0,
        b'a' | b'n' | b'r' => true,
        _ => false,
    };
    is_new.then_some(("unrecognized character after (? or (?-", at + 2 + known))
}

/// Whether this brace starts a quantifier for PCRE2 but not for PCRE 8.
fn is_new_quantifier(rest: &[u8]) -> bool {
    let Some(end) = rest.iter().position(|&byte| byte == b'}') else {
        return false;
    };
    let inner = &rest[1..end];
    let is_digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let is_blank_or_digits = |text: &[u8]| {
        let text = text.trim_ascii();
        text.is_empty() || is_digits(text)
    };
    let mut parts = inner.splitn(2, |&byte| byte == b',');
    let (low, high) = (parts.next().unwrap_or_default(), parts.next());
    let is_new = is_blank_or_digits(low) && high.is_none_or(is_blank_or_digits) && inner.iter().any(u8::is_ascii_digit);
    let is_old = is_digits(low) && high.is_none_or(|high| high.is_empty() || is_digits(high));
    is_new && !is_old
}
