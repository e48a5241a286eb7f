//! The program `memsup`, which OTP's `os_mon` starts as a port to be told how much memory the computer has.
//!
//! It is a mode of our own command: OTP's is a program in C for the C library of the system that it was built on.
//!
//! Packets have a length of one byte in front. A request is one byte:
//!
//! - 1: the memory in use and all memory; two packets of hexadecimal digits, in bytes;
//! - 2: everything known; for each value a packet with its tag (one byte) and one with its digits, then the tag 0;
//! - 3: end. Anything else is ignored.

use std::io::{self, ErrorKind, Read, Write};

use super::clock::memory;

const SHOW_MEMORY: u8 = 1;
const SHOW_SYSTEM_MEMORY: u8 = 2;
const EXIT: u8 = 3;

const TAG_END: u8 = 0;
const TAG_SYSTEM_TOTAL: u8 = 1;

/// What `/proc/meminfo` (proc_meminfo(5)) calls a value, and its tag, in the order in which OTP's program sends them.
const VALUES: [(&str, u8); 8] = [
    ("MemTotal", 2),
    ("MemFree", 3),
    ("Buffers", 6),
    ("Cached", 7),
    ("SReclaimable", 11),
    ("MemAvailable", 12),
    ("SwapTotal", 9),
    ("SwapFree", 10),
];

/// Answers requests from `input` on `output` until it is told to end.
///
/// # Errors
///
/// What reading or writing gives; `UnexpectedEof` when the input ends first, `InvalidData` for a packet that is
/// not one byte long.
pub fn run(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    loop {
        let mut packet = [0; 2];
        input.read_exact(&mut packet)?;
        let [1, request] = packet else { return Err(ErrorKind::InvalidData.into()) };
        let mut answer = Vec::new();
        match request {
            SHOW_MEMORY => {
                let memory = memory();
                push_number(&mut answer, memory.total.saturating_sub(memory.free));
                push_number(&mut answer, memory.total);
            }
            SHOW_SYSTEM_MEMORY => {
                let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
                push_values(&mut answer, &values_of(&text));
            }
            EXIT => return Ok(()),
            _ => {}
        }
        output.write_all(&answer)?;
        output.flush()?;
    }
}

/// The tags and bytes of what the text of `/proc/meminfo` tells; of `sysinfo(2)` if it tells nothing.
fn values_of(text: &str) -> Vec<(u8, u64)> {
    let found: Vec<_> = VALUES.iter().filter_map(|&(name, tag)| Some((tag, bytes_of(text, name)?))).collect();
    if !found.is_empty() {
        return found;
    }
    let memory = memory();
    vec![(2, memory.total), (3, memory.free), (9, memory.swap_total), (10, memory.swap_free)]
}

/// The value of the line `NAME:    NUMBER kB`, in bytes.
fn bytes_of(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

fn push_values(answer: &mut Vec<u8>, values: &[(u8, u64)]) {
    let total = values.iter().find(|(tag, _)| *tag == VALUES[0].1).map(|&(_, bytes)| (TAG_SYSTEM_TOTAL, bytes));
    for &(tag, bytes) in values.iter().chain(&total) {
        answer.extend([1, tag]);
        push_number(answer, bytes);
    }
    answer.extend([1, TAG_END]);
}

fn push_number(answer: &mut Vec<u8>, number: u64) {
    let digits = format!("{number:x}");
    answer.push(digits.len() as u8);
    answer.extend(digits.into_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(requests: &[u8]) -> (io::Result<()>, Vec<u8>) {
        let mut output = Vec::new();
        let outcome = run(requests, &mut output);
        (outcome, output)
    }

    /// The contents of packets.
    fn packets(mut bytes: &[u8]) -> Vec<&[u8]> {
        let mut packets = Vec::new();
        while let [length, rest @ ..] = bytes {
            let (packet, rest) = rest.split_at(usize::from(*length));
            packets.push(packet);
            bytes = rest;
        }
        packets
    }

    #[test]
    fn values() {
        let text = "MemTotal:       24684092 kB\nMemFree:  16 kB\nSwapCached:  1 kB\nCached:   2 kB\n";
        let mut answer = Vec::new();
        push_values(&mut answer, &values_of(text));
        assert_eq!(
            packets(&answer),
            [&b"\x02"[..], b"5e298f000", b"\x03", b"4000", b"\x07", b"800", b"\x01", b"5e298f000", b"\0"]
        );
    }

    #[test]
    fn requests() {
        let (outcome, output) = ask(b"\x01\x01\x01\x09\x01\x02\x01\x03");
        outcome.unwrap();
        let packets = packets(&output);
        let number = |packet: &[u8]| u64::from_str_radix(std::str::from_utf8(packet).unwrap(), 16).unwrap();
        assert!(number(packets[0]) <= number(packets[1]));
        assert_eq!((packets[2], packets.last()), (&b"\x02"[..], Some(&&b"\0"[..])));
    }

    #[test]
    fn bad_input() {
        assert_eq!(ask(b"").0.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(ask(b"\x01").0.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(ask(b"\x02\x01\x01").0.unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
