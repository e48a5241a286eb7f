//! The program `inet_gethost`, which OTP starts as a port to look up names of hosts.
//!
//! OTP's kernel opens it at every boot on a host without a domain and cannot do without it. It is a mode of our
//! own command here, so that nothing of OTP's native programs is needed.
//!
//! Packets have a length of four bytes in front (big-endian, as all numbers). A request is
//!
//! - serial (4 bytes), operation 1, protocol (1 byte: 1 is IPv4, 2 is IPv6), name, zero byte: a name's addresses;
//! - serial, operation 2, protocol, address (4 or 16 bytes): an address's names;
//! - serial, operation 3: the answer is not wanted any more;
//! - serial, operation 4: a setting; there are none here.
//!
//! The answer to the first two is serial, 0, error's name, zero byte; or serial, size of an address (4 or 16),
//! number of addresses (4 bytes), addresses, number of names (4 bytes), names each with a zero byte.

use std::collections::{HashSet, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::name::{Family, HostEntry, host_by_address, host_by_name};

/// Requests are a few hundred bytes long: whoever sends more is not OTP.
const REQUEST_LENGTH_MAX: usize = 64 * 1024;

/// Answers requests from `input` on `output` until it ends, looking up to `workers` names up at a time.
///
/// Look-ups that are under way when the input ends are left alone: the caller ends the program.
pub fn run(workers: usize, mut input: impl Read, output: impl Write + Send + 'static) -> io::Result<()> {
    let pool = Arc::new(Pool { state: Mutex::default(), work: Condvar::new(), output: Mutex::new(output) });
    for _ in 0..workers.max(1) {
        let pool = Arc::clone(&pool);
        std::thread::Builder::new().name("gethost".into()).spawn(move || pool.work())?;
    }
    let outcome = loop {
        match read_packet(&mut input) {
            Ok(Some(packet)) => pool.accept(&packet),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    pool.state.lock().ended = true;
    pool.work.notify_all();
    outcome
}

fn read_packet(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut header = [0; 4];
    match input.read_exact(&mut header) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_be_bytes(header) as usize;
    if length > REQUEST_LENGTH_MAX {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut packet = vec![0; length];
    input.read_exact(&mut packet)?;
    Ok(Some(packet))
}

type Serial = [u8; 4];

struct Pool<W> {
    state: Mutex<State>,
    work: Condvar,
    output: Mutex<W>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Serial, Query)>,
    /// Requests whose answers are wanted, waiting or under way.
    wanted: HashSet<Serial>,
    ended: bool,
}

enum Query {
    Name(Vec<u8>, Family),
    Address(IpAddr),
    Unsupported,
}

impl<W: Write> Pool<W> {
    fn accept(&self, packet: &[u8]) {
        let Some((&serial, [operation, rest @ ..])) = packet.split_first_chunk() else {
            return;
        };
        let mut state = self.state.lock();
        match operation {
            3 => {
                state.wanted.remove(&serial);
                state.waiting.retain(|(waiting, _)| *waiting != serial);
            }
            4 => {}
            _ => {
                state.wanted.insert(serial);
                state.waiting.push_back((serial, query(*operation, rest)));
                self.work.notify_one();
            }
        }
    }

    fn work(&self) {
        loop {
            let (serial, query) = {
                let mut state = self.state.lock();
                loop {
                    if state.ended {
                        return;
                    }
                    if let Some(next) = state.waiting.pop_front() {
                        break next;
                    }
                    self.work.wait(&mut state);
                }
            };
            let answer = answer(serial, &query);
            if self.state.lock().wanted.remove(&serial) {
                let mut output = self.output.lock();
                // If nobody reads, the input ends soon as well.
                let _ = output.write_all(&answer).and_then(|()| output.flush());
            }
        }
    }
}

fn query(operation: u8, rest: &[u8]) -> Query {
    match (operation, rest) {
        (1, [protocol @ (1 | 2), name @ ..]) => {
            let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
            Query::Name(name.to_vec(), if *protocol == 1 { Family::V4 } else { Family::V6 })
        }
        (2, [1, address @ ..]) => match address.first_chunk::<4>() {
            Some(octets) => Query::Address((*octets).into()),
            None => Query::Unsupported,
        },
        (2, [2, address @ ..]) => match address.first_chunk::<16>() {
            Some(octets) => Query::Address((*octets).into()),
            None => Query::Unsupported,
        },
        _ => Query::Unsupported,
    }
}

/// The whole packet.
fn answer(serial: Serial, query: &Query) -> Vec<u8> {
    let (size, outcome) = match query {
        Query::Name(name, Family::V4) => (4, host_by_name(name, Family::V4)),
        Query::Name(name, Family::V6) => (16, host_by_name(name, Family::V6)),
        Query::Address(address) => (if address.is_ipv4() { 4 } else { 16 }, host_by_address(*address)),
        Query::Unsupported => return error_packet(serial, "enotsup"),
    };
    match outcome {
        Ok(entry) => packet(serial, &entry_bytes(size, &entry)),
        Err(error) => error_packet(serial, error.name()),
    }
}

fn error_packet(serial: Serial, error: &str) -> Vec<u8> {
    packet(serial, format!("\0{error}\0").as_bytes())
}

fn packet(serial: Serial, content: &[u8]) -> Vec<u8> {
    let length = (serial.len() + content.len()) as u32;
    [&length.to_be_bytes(), serial.as_slice(), content].concat()
}

fn entry_bytes(size: u8, entry: &HostEntry) -> Vec<u8> {
    let mut bytes = vec![size];
    bytes.extend((entry.addresses.len() as u32).to_be_bytes());
    for address in &entry.addresses {
        match address {
            IpAddr::V4(address) => bytes.extend(address.octets()),
            IpAddr::V6(address) => bytes.extend(address.octets()),
        }
    }
    bytes.extend((entry.names.len() as u32).to_be_bytes());
    for name in &entry.names {
        bytes.extend(name);
        bytes.push(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What it answers to `requests`, which get their lengths here. The input stays open until then.
    fn ask(requests: &[&[u8]], answers: usize) -> Vec<Vec<u8>> {
        let (input, mut to_program) = io::pipe().unwrap();
        let (mut from_program, output) = io::pipe().unwrap();
        let program = std::thread::spawn(move || run(2, input, output));
        for request in requests {
            to_program.write_all(&(request.len() as u32).to_be_bytes()).unwrap();
            to_program.write_all(request).unwrap();
        }
        let packets = (0..answers).map(|_| read_packet(&mut from_program).unwrap().unwrap()).collect();
        drop(to_program);
        program.join().unwrap().unwrap();
        packets
    }

    #[test]
    fn localhost() {
        let answer = ask(&[b"\0\0\0\x07\x01\x01localhost\0"], 1).remove(0);
        assert!(answer.starts_with(b"\0\0\0\x07\x04\0\0\0\x01\x7f\0\0\x01"), "{answer:?}");
        assert_eq!(&answer[17..27], b"localhost\0");
        let answer = ask(&[b"\0\0\0\x08\x02\x01\x7f\0\0\x01"], 1).remove(0);
        assert!(answer.starts_with(b"\0\0\0\x08\x04\0\0\0\x01\x7f\0\0\x01"), "{answer:?}");
    }

    #[test]
    fn errors() {
        assert_eq!(ask(&[b"\xff\xff\xff\xff\x04\0\0\0\0\0", b"abcd\x09"], 1), [b"abcd\0enotsup\0"]);
        assert_eq!(ask(&[b"abcd\x01\x03x\0"], 1), [b"abcd\0enotsup\0"]);
        assert_eq!(ask(&[b"abcd\x02\x01\x7f\0"], 1), [b"abcd\0enotsup\0"]);
        let answer = ask(&[b"abcd\x01\x01no-such-host.invalid\0"], 1).remove(0);
        assert_eq!((&answer[..5], answer.last()), (b"abcd\0".as_slice(), Some(&0)));
    }

    #[test]
    fn bad_input() {
        ask(&[b"", b"abc", b"abcd\x03"], 0);
        assert!(run(1, b"\xff\xff\xff\xff".as_slice(), io::sink()).is_err());
        assert!(run(1, b"\0\0\0\x05ab".as_slice(), io::sink()).is_err());
    }
}
