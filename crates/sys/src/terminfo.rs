//! What a terminal can do: the compiled terminfo database, read without a C library.
//!
//! A compiled entry (`term(5)`) is a header of six 16-bit numbers (magic, then sizes and counts), the
//! terminal's names, one byte per flag, the numbers, the offsets of the strings, and the strings. Which
//! capability a position means is fixed by the format: `terminfo_names.rs`. Later ncurses write a second
//! magic for 32-bit numbers, and append user-defined capabilities, which nothing here asks for.
//!
//! Capabilities go by their termcap names ([`Terminfo::flag`], `tgetflag` and so on, as `prim_tty` of OTP 27
//! asks) or by their terminfo names (`*_by_name`, as OTP 29 does).

use std::path::PathBuf;

use crate::terminfo_names::{BOOLEANS, NUMBERS, STRINGS};
use crate::{Errno, Result};

/// A terminal's description.
#[derive(Clone, Debug)]
pub struct Terminfo {
    flags: Vec<bool>,
    numbers: Vec<Option<i32>>,
    strings: Vec<Option<Vec<u8>>>,
}

impl Terminfo {
    /// Looks `terminal` up in `$TERMINFO`, `~/.terminfo`, `$TERMINFO_DIRS` and the system's folders.
    ///
    /// `environment` answers for environment variables, so that the machine's own ones count.
    pub fn load(terminal: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Terminfo> {
        let Some(first) = terminal.chars().next().filter(|_| !terminal.contains('/')) else {
            return Err(Errno::ENOENT);
        };
        for folder in folders(environment) {
            // Case-insensitive file systems use the letter's number as the folder.
            for letter in [first.to_string(), format!("{:x}", u32::from(first))] {
                if let Ok(bytes) = std::fs::read(folder.join(letter).join(terminal))
                    && let Some(terminfo) = Terminfo::parse(&bytes)
                {
                    return Ok(terminfo);
                }
            }
        }
        Err(Errno::ENOENT)
    }

    /// Reads a compiled entry; `None` if it is none.
    pub fn parse(bytes: &[u8]) -> Option<Terminfo> {
        let mut input = Input { bytes, position: 0 };
        let number_size = match input.u16()? {
            0o432 => 2,
            0o1036 => 4,
            _ => return None,
        };
        let names_size = input.u16()?;
        let flag_count = input.u16()?;
        let number_count = input.u16()?;
        let string_count = input.u16()?;
        let table_size = input.u16()?;
        input.take(names_size.into())?;
        let flags = input.take(flag_count.into())?.iter().map(|&flag| flag == 1).collect();
        input.align();
        let numbers = input.take(usize::from(number_count) * number_size)?;
        let offsets = input.take(usize::from(string_count) * 2)?;
        let table = input.take(table_size.into())?;
        let numbers = numbers.chunks_exact(number_size).map(number).collect();
        let strings = offsets.chunks_exact(2).map(|offset| string(table, number(offset)?)).collect();
        Some(Terminfo { flags, numbers, strings })
    }

    /// The flag with a termcap name such as `"xn"`. Only the first two characters count, as in ncurses.
    pub fn flag(&self, termcap_name: &str) -> bool {
        by_termcap(&BOOLEANS, termcap_name).is_some_and(|index| self.flags.get(index) == Some(&true))
    }

    /// The number with a termcap name such as `"co"`. Only the first two characters count, as in ncurses.
    pub fn number(&self, termcap_name: &str) -> Option<i32> {
        *self.numbers.get(by_termcap(&NUMBERS, termcap_name)?)?
    }

    /// The string with a termcap name such as `"cl"`. Only the first two characters count, as in ncurses.
    pub fn string(&self, termcap_name: &str) -> Option<&[u8]> {
        self.strings.get(by_termcap(&STRINGS, termcap_name)?)?.as_deref()
    }

    /// The flag with a terminfo name such as `"xenl"`; outer `None` if there is no such flag.
    pub fn flag_by_name(&self, name: &str) -> Option<bool> {
        by_name(&BOOLEANS, name).map(|index| self.flags.get(index) == Some(&true))
    }

    /// The number with a terminfo name such as `"cols"`; outer `None` if there is no such number.
    pub fn number_by_name(&self, name: &str) -> Option<Option<i32>> {
        by_name(&NUMBERS, name).map(|index| self.numbers.get(index).copied().flatten())
    }

    /// The string with a terminfo name such as `"clear"`; outer `None` if there is no such string.
    pub fn string_by_name(&self, name: &str) -> Option<Option<&[u8]>> {
        by_name(&STRINGS, name).map(|index| self.strings.get(index).and_then(|string| string.as_deref()))
    }
}

/// All capabilities the format knows, as (terminfo name, termcap name): flags, numbers, strings.
pub fn capabilities() -> [&'static [(&'static str, &'static str)]; 3] {
    [&BOOLEANS, &NUMBERS, &STRINGS]
}

/// Fills parameters into a capability and drops its padding: `tgoto` followed by `tputs`.
///
/// `tgoto` takes the column first; capabilities take the row first.
pub fn goto(capability: &[u8], column: i32, row: i32) -> Vec<u8> {
    without_padding(&parametrize(capability, &[row, column]))
}

/// The capability without its `$<milliseconds>` delays: `tputs` for a terminal that needs none.
pub fn without_padding(capability: &[u8]) -> Vec<u8> {
    let mut output = Vec::with_capacity(capability.len());
    let mut rest = capability;
    while let Some((&byte, tail)) = rest.split_first() {
        if let Some(length) = padding_length(rest) {
            rest = &rest[length..];
        } else {
            output.push(byte);
            rest = tail;
        }
    }
    output
}

fn padding_length(text: &[u8]) -> Option<usize> {
    let inside = text.strip_prefix(b"$<")?;
    let end = inside.iter().position(|&byte| byte == b'>')?;
    let valid = inside[..end].iter().all(|byte| byte.is_ascii_digit() || b".*/".contains(byte));
    (valid && inside[0].is_ascii_digit()).then_some(end + 3)
}

/// Runs a capability's little stack language (`terminfo(5)`, "Parameterized Strings"); `tparm`.
///
/// Parameters that are missing count as 0. Only numbers are parameters.
pub fn parametrize(capability: &[u8], parameters: &[i32]) -> Vec<u8> {
    let mut machine = Machine { parameters: [0; 9], stack: Vec::new(), variables: [0; 52], output: Vec::new() };
    for (slot, &parameter) in machine.parameters.iter_mut().zip(parameters) {
        *slot = parameter;
    }
    // Termcap's style: no `%p`, conversions take the parameters in order.
    if !capability.windows(2).any(|pair| pair == b"%p") {
        machine.stack.extend(machine.parameters.iter().rev());
    }
    machine.run(&mut Input { bytes: capability, position: 0 });
    machine.output
}

struct Machine {
    parameters: [i32; 9],
    stack: Vec<i32>,
    variables: [i32; 52],
    output: Vec<u8>,
}

impl Machine {
    fn run(&mut self, input: &mut Input<'_>) {
        while let Some(byte) = input.next() {
            if byte == b'%' {
                self.operation(input);
            } else {
                self.output.push(byte);
            }
        }
    }

    fn pop(&mut self) -> i32 {
        self.stack.pop().unwrap_or(0)
    }

    fn operation(&mut self, input: &mut Input<'_>) {
        let Some(operator) = input.next() else { return };
        match operator {
            b'%' => self.output.push(b'%'),
            b'c' => {
                let character = self.pop();
                self.output.push(character as u8);
            }
            b'i' => {
                self.parameters[0] = self.parameters[0].wrapping_add(1);
                self.parameters[1] = self.parameters[1].wrapping_add(1);
            }
            b'p' => {
                let index = input.next().map_or(0, |digit| digit.wrapping_sub(b'1'));
                self.stack.push(self.parameters.get(usize::from(index)).copied().unwrap_or(0));
            }
            b'P' => {
                let value = self.pop();
                if let Some(variable) = input.next().and_then(variable_index) {
                    self.variables[variable] = value;
                }
            }
            b'g' => {
                let variable = input.next().and_then(variable_index);
                self.stack.push(variable.map_or(0, |variable| self.variables[variable]));
            }
            b'\'' => {
                self.stack.push(input.next().map_or(0, i32::from));
                input.next();
            }
            b'{' => {
                let number = input.decimal();
                self.stack.push(number);
                input.next();
            }
            // Strings are no parameters here, so their length is 0.
            b'l' => {
                self.pop();
                self.stack.push(0);
            }
            b'!' => {
                let value = self.pop();
                self.stack.push((value == 0).into());
            }
            b'~' => {
                let value = self.pop();
                self.stack.push(!value);
            }
            b't' => {
                if self.pop() == 0 {
                    input.skip_branch(true);
                }
            }
            b'e' => input.skip_branch(false),
            b'?' | b';' => {}
            _ if b"+-*/m&|^=><AO".contains(&operator) => self.binary(operator),
            _ => {
                input.position -= 1;
                self.format(input);
            }
        }
    }

    fn binary(&mut self, operator: u8) {
        let right = self.pop();
        let left = self.pop();
        self.stack.push(match operator {
            b'+' => left.wrapping_add(right),
            b'-' => left.wrapping_sub(right),
            b'*' => left.wrapping_mul(right),
            b'/' => left.checked_div(right).unwrap_or(0),
            b'm' => left.checked_rem(right).unwrap_or(0),
            b'&' => left & right,
            b'|' => left | right,
            b'^' => left ^ right,
            b'=' => (left == right).into(),
            b'>' => (left > right).into(),
            b'<' => (left < right).into(),
            b'A' => (left != 0 && right != 0).into(),
            _ => (left != 0 || right != 0).into(),
        });
    }

    /// `%[[:]flags][width[.precision]][doxXs]`
    fn format(&mut self, input: &mut Input<'_>) {
        let (mut left, mut zero, mut plus, mut space, mut alternate) = (false, false, false, false, false);
        let mut escaped = false;
        while let Some(byte) = input.peek() {
            match byte {
                b':' => escaped = true,
                b'-' if escaped => left = true,
                b'+' if escaped => plus = true,
                b' ' => space = true,
                b'#' => alternate = true,
                b'0' => zero = true,
                _ => break,
            }
            input.position += 1;
        }
        // Beyond this no terminal is that wide.
        let width = input.decimal().clamp(0, 1000) as usize;
        let precision = (input.peek() == Some(b'.')).then(|| {
            input.position += 1;
            input.decimal().clamp(0, 1000) as usize
        });
        let Some(conversion) = input.next() else {
            return;
        };
        let value = if b"doxXs".contains(&conversion) {
            self.pop()
        } else {
            return;
        };
        let digits = match conversion {
            b'o' => format!("{value:o}"),
            b'x' => format!("{value:x}"),
            b'X' => format!("{value:X}"),
            _ => value.unsigned_abs().to_string(),
        };
        let prefix = match conversion {
            b'o' if alternate => "0",
            b'x' if alternate => "0x",
            b'X' if alternate => "0X",
            b'o' | b'x' | b'X' => "",
            _ if value < 0 => "-",
            _ if plus => "+",
            _ if space => " ",
            _ => "",
        };
        let digits = format!("{digits:0>0$}", precision.unwrap_or(0));
        let room = width.saturating_sub(prefix.len());
        let text = if left {
            format!("{:<width$}", format!("{prefix}{digits}"))
        } else if zero && precision.is_none() {
            format!("{prefix}{digits:0>room$}")
        } else {
            format!("{:>width$}", format!("{prefix}{digits}"))
        };
        self.output.extend_from_slice(text.as_bytes());
    }
}

fn variable_index(name: u8) -> Option<usize> {
    match name {
        b'a'..=b'z' => Some(usize::from(name - b'a')),
        b'A'..=b'Z' => Some(usize::from(name - b'A') + 26),
        _ => None,
    }
}

struct Input<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Input<'a> {
    fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.position..self.position.checked_add(size)?)?;
        self.position += size;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    /// Numbers start at an even position.
    fn align(&mut self) {
        self.position += self.position % 2;
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.position += 1;
        Some(byte)
    }

    fn decimal(&mut self) -> i32 {
        let mut number = 0i32;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = number.saturating_mul(10).saturating_add(i32::from(digit - b'0'));
            self.position += 1;
        }
        number
    }

    /// Goes behind the `%;` of the current condition, or behind its `%e` if that may come first.
    fn skip_branch(&mut self, to_else: bool) {
        let mut depth = 0usize;
        while let Some(byte) = self.next() {
            if byte != b'%' {
                continue;
            }
            match self.next() {
                Some(b'?') => depth += 1,
                Some(b';') if depth == 0 => return,
                Some(b';') => depth -= 1,
                Some(b'e') if depth == 0 && to_else => return,
                // A quoted percent sign is no operation.
                Some(b'\'') => self.position += 2,
                _ => {}
            }
        }
    }
}

/// A number of 2 or 4 bytes; negative ones mean that the capability is absent.
fn number(bytes: &[u8]) -> Option<i32> {
    let value = match *bytes {
        [a, b] => i16::from_le_bytes([a, b]).into(),
        [a, b, c, d] => i32::from_le_bytes([a, b, c, d]),
        _ => return None,
    };
    (value >= 0).then_some(value)
}

fn string(table: &[u8], offset: i32) -> Option<Vec<u8>> {
    let rest = table.get(usize::try_from(offset).ok()?..)?;
    let end = rest.iter().position(|&byte| byte == 0)?;
    Some(rest[..end].to_vec())
}

fn by_termcap(table: &[(&str, &str)], name: &str) -> Option<usize> {
    let wanted = name.get(..2)?;
    table.iter().position(|(_, termcap)| *termcap == wanted)
}

fn by_name(table: &[(&str, &str)], name: &str) -> Option<usize> {
    table.iter().position(|(terminfo, _)| *terminfo == name)
}

fn folders(environment: impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    const SYSTEM: [&str; 4] = ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/usr/lib/terminfo"];
    let mut folders: Vec<PathBuf> = Vec::new();
    folders.extend(environment("TERMINFO").map(PathBuf::from));
    folders.extend(environment("HOME").map(|home| PathBuf::from(home).join(".terminfo")));
    let listed = environment("TERMINFO_DIRS").unwrap_or_default();
    folders.extend(listed.split(':').filter(|folder| !folder.is_empty()).map(PathBuf::from));
    folders.extend(SYSTEM.map(PathBuf::from));
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xterm() -> Terminfo {
        Terminfo::load("xterm", |_| None).unwrap()
    }

    // What `infocmp xterm` says.
    #[test]
    fn xterm_capabilities() {
        let xterm = xterm();
        assert_eq!(xterm.number("co"), Some(80));
        assert_eq!(xterm.number("li"), Some(24));
        assert_eq!(xterm.string("up"), Some(b"\x1b[A".as_slice()));
        assert_eq!(xterm.string("do"), Some(b"\n".as_slice()));
        assert_eq!(xterm.string("nd"), Some(b"\x1b[C".as_slice()));
        assert_eq!(xterm.string("clear"), Some(b"\x1b[H\x1b[2J".as_slice()), "cl");
        assert_eq!(xterm.string("ce"), Some(b"\x1b[K".as_slice()));
        assert_eq!(xterm.string("cd"), Some(b"\x1b[J".as_slice()));
        assert_eq!(xterm.string("IC"), Some(b"\x1b[%p1%d@".as_slice()));
        assert_eq!(xterm.string("DC"), Some(b"\x1b[%p1%dP".as_slice()));
        assert_eq!(xterm.string("u7"), Some(b"\x1b[6n".as_slice()));
        assert_eq!(xterm.string("u6"), Some(b"\x1b[%i%d;%dR".as_slice()));
        assert_eq!(xterm.string("ta"), Some(b"\t".as_slice()));
        assert_eq!(xterm.string("bc"), None);
        assert!(xterm.flag("xn") && xterm.flag("am") && xterm.flag("bs") && !xterm.flag("hc"));
        assert_eq!(xterm.string_by_name("cuu1"), Some(xterm.string("up")));
        assert_eq!(xterm.flag_by_name("xenl"), Some(true));
        assert_eq!(xterm.number_by_name("nonsense"), None);
        assert_eq!(Terminfo::load("no-such-terminal", |_| None).unwrap_err(), Errno::ENOENT);
        assert_eq!(Terminfo::load("", |_| None).unwrap_err(), Errno::ENOENT);
    }

    #[test]
    fn broken_entries() {
        let bytes = std::fs::read("/lib/terminfo/x/xterm").unwrap();
        assert!(Terminfo::parse(&bytes).is_some());
        for length in 0..1000 {
            let _ = Terminfo::parse(&bytes[..length]);
        }
        assert!(Terminfo::parse(b"\x1a\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff").is_none());
    }

    // Answers of prim_tty:tgoto/1,2,3 on OTP 27.
    #[test]
    fn goto_as_the_real_one() {
        let go = |capability: &str, column, row| String::from_utf8(goto(capability.as_bytes(), column, row)).unwrap();
        assert_eq!(go("\x1b[%p1%dP", 5, 0), "\x1b[0P");
        assert_eq!(go("\x1b[%p1%dP", 5, 7), "\x1b[7P");
        assert_eq!(go("\x1b[%i%p1%d;%p2%dH", 5, 7), "\x1b[8;6H");
        assert_eq!(go("a$<5>b", 0, 0), "ab");
        assert_eq!(go("a$<5*/>b", 0, 0), "ab");
        assert_eq!(go("a$b", 0, 0), "a$b");
        assert_eq!(go("\x1b[C", 0, 0), "\x1b[C");
        assert_eq!(go("%d", 5, 0), "0");
        assert_eq!(go("%d,%d", 5, 7), "7,5");
        assert_eq!(go("%p1%{10}%+%d", 5, 7), "17");
        assert_eq!(go("%p2%'a'%+%c", 5, 7), "f");
        assert_eq!(go("%?%p2%{3}%>%tbig%esmall%;", 5, 7), "big");
        assert_eq!(go("%?%p2%{3}%<%tbig%esmall%;", 5, 7), "small");
        assert_eq!(go("%p2%03d|%p2%:-5d|%p2%x|%p2%o|%p2%X", 11, 7), "011|11   |b|13|B");
        assert_eq!(go("%p2%Pa%ga%ga%*%d", 5, 7), "25");
        assert_eq!(go("", 1, 0), "");
        assert_eq!(go("%", 1, 0), "");
        assert_eq!(go("%p1%{0}%/%d%{99999999999999}", 1, 0), "0");
    }
}
