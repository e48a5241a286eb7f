//! The program `cpu_sup`, which OTP's `os_mon` starts as a port to be told how busy the processors are.
//!
//! It is a mode of our own command: OTP's is a program in C for the C library of the system that it was built on.
//!
//! A request is one byte, an answer is numbers of four bytes (big-endian):
//!
//! - `p`: 4711, to show that the program is there;
//! - `n`: how many threads the computer runs; `1`, `5`, `f`: its load over one, five and fifteen minutes, times 256;
//! - `u`: the number of processors, the number of entries of each, and for each entry its kind and value, which
//!   are those of `/proc/stat` (proc_stat(5)), of which the low 32 bits are told;
//! - `q`: end.

use std::io::{self, ErrorKind, Read, Write};

/// What `p` is answered with.
const HERE: u32 = 4711;

/// The kinds of the values in a processor's line, in the line's order; 0 is the processor's number.
/// user, nice, system, idle, iowait, irq, softirq, steal
const KINDS: [u32; 8] = [1, 2, 3, 5, 4, 6, 7, 8];

/// Answers requests from `input` on `output` until it is told to end.
///
/// # Errors
///
/// What reading or writing gives; `UnexpectedEof` when the input ends first, `InvalidData` for an unknown request.
pub fn run(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    loop {
        let mut request = [0];
        input.read_exact(&mut request)?;
        let answer = match request[0] {
            b'p' => vec![HERE],
            b'n' => vec![u32::from(rustix::system::sysinfo().procs)],
            b'1' => vec![load(0)],
            b'5' => vec![load(1)],
            b'f' => vec![load(2)],
            b'u' => utilization(&std::fs::read_to_string("/proc/stat").unwrap_or_default()),
            b'q' => return Ok(()),
            _ => return Err(ErrorKind::InvalidData.into()),
        };
        // In one piece: the reader takes what one message holds for the whole answer.
        output.write_all(&answer.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>())?;
        output.flush()?;
    }
}

/// The load times 256; the kernel tells it times 65,536.
#[allow(clippy::unnecessary_cast, reason = "`unsigned long` differs between architectures")]
fn load(which: usize) -> u32 {
    (rustix::system::sysinfo().loads[which] as u64 / 256) as u32
}

/// What the lines `cpuN ...` in the text of `/proc/stat` tell, in their order.
fn utilization(text: &str) -> Vec<u32> {
    let rows: Vec<_> = text.lines().filter_map(processor).collect();
    let mut answer = vec![rows.len() as u32, KINDS.len() as u32 + 1];
    answer.extend(rows.iter().flatten());
    answer
}

/// The kinds and values of one line; `None` if it is not that of a single processor.
fn processor(line: &str) -> Option<Vec<u32>> {
    let mut words = line.strip_prefix("cpu")?.split(' ');
    let mut entries = vec![0, words.next()?.parse().ok()?];
    for kind in KINDS {
        let value: u64 = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        entries.extend([kind, value as u32]);
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(requests: &[u8]) -> (io::Result<()>, Vec<u8>) {
        let mut output = Vec::new();
        let outcome = run(requests, &mut output);
        (outcome, output)
    }

    #[test]
    fn processors() {
        let text = "cpu  3 3 3 3 3 3 3 3 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu1 4294967297 0 0 0\nintr 1 2\n";
        let mut expected = vec![2, 9, 0, 0, 1, 1, 2, 2, 3, 3, 5, 4, 4, 5, 6, 6, 7, 7, 8, 8];
        expected.extend([0, 1, 1, 1, 2, 0, 3, 0, 5, 0, 4, 0, 6, 0, 7, 0, 8, 0]);
        assert_eq!(utilization(text), expected);
        assert_eq!(utilization(""), [0, 9]);
    }

    #[test]
    fn requests() {
        let (outcome, output) = ask(b"pn15fuq");
        outcome.unwrap();
        assert!(output.starts_with(&HERE.to_be_bytes()));
        assert_eq!((output.len() - 5 * 4 - 2 * 4) % (9 * 2 * 4), 0);
    }

    #[test]
    fn bad_input() {
        assert_eq!(ask(b"p").0.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(ask(b"x").0.unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
