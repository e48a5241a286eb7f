//! What the BIFs of ports and the ends of ports ask of a socket.

use super::visit::visit;
use super::{Protocol, State};
use crate::io::ports::port::{Core, Device, PortObject};
use crate::iolist::{Piece, walk};
use oxbeam_runtime::Vm;
use oxbeam_term::{OwnedTerm, Pid, Port, Term, Word, atoms};
use std::sync::Arc;

/// What `prim_inet` adds to the number of each request.
const CONTROL_MAGIC: u32 = 0x03f1_a300;
const REPLY_ERROR: u8 = 0;
const REPLY_OK: u8 = 1;
/// Pieces of a command that are larger stay where they are; smaller ones are copied to stand beside each other.
const COPIED_MAX: usize = 256;
/// Room for the copied ones to begin with.
const FIRST_ROOM: usize = 128;

/// The answer to `port_control/3`.
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    /// Ports that were accepted: the caller is to be linked to them.
    pub(crate) accepted: Vec<Port>,
}

/// The outcome of `port_command/3`.
pub(crate) enum Command {
    /// It was taken; the answer is a message.
    Taken,
    /// The port is busy.
    Busy,
    /// The data are not bytes.
    BadArgument,
    /// The data do not begin as they must: the port ends.
    Malformed,
}

/// Answers `port_control/3`; `None` is `badarg`.
pub(crate) fn control(
    vm: &Vm,
    port: &Arc<PortObject>,
    core: &mut Core,
    caller: Pid,
    operation: u32,
    data: &[u8],
) -> Option<Answer> {
    let number = operation.checked_sub(CONTROL_MAGIC)?;
    let (reply, accepted) = visit(vm, port, core, Some(caller), |visit| visit.request(caller, number, data))?;
    let bytes = match reply {
        Ok(reply) => [&[REPLY_OK][..], &reply].concat(),
        Err(reason) => [&[REPLY_ERROR][..], reason.as_bytes()].concat(),
    };
    Some(Answer { bytes, accepted })
}

/// An I/O list as slices: large binaries where they are, the rest copied together.
struct Gathered<'h> {
    copied: Vec<u8>,
    /// Large binaries, each with the number of copied bytes in front of it.
    large: Vec<(usize, &'h [u8])>,
}

impl<'h> Gathered<'h> {
    fn of(data: Term<'h>) -> Option<Gathered<'h>> {
        let mut gathered = Gathered { copied: Vec::with_capacity(FIRST_ROOM), large: Vec::new() };
        walk(data, |piece| {
            match piece {
                Piece::Byte(byte) => gathered.copied.push(byte),
                Piece::Bits(bits) if !bits.is_binary() => return None,
                Piece::Bits(bits) => match bits.aligned_bytes() {
                    Some(bytes) if bytes.len() > COPIED_MAX => gathered.large.push((gathered.copied.len(), bytes)),
                    Some(bytes) => gathered.copied.extend_from_slice(bytes),
                    None => gathered.copied.extend_from_slice(&bits.to_bytes()),
                },
            }
            Some(())
        })?;
        Some(gathered)
    }
    /// The bytes from `start` of the copied ones on, behind an empty slice for a header.
    fn slices(&self, start: usize) -> Vec<&[u8]> {
        let mut slices = Vec::with_capacity(2 * self.large.len() + 2);
        slices.push(&[][..]);
        let mut from = start;
        for &(before, bytes) in &self.large {
            slices.push(&self.copied[from..before]);
            slices.push(bytes);
            from = before;
        }
        slices.push(&self.copied[from..]);
        slices
    }
    /// How many bytes.
    fn size(&self) -> usize {
        self.copied.len() + self.large.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
    }
}

/// The reference that a command begins with, and how many bytes it takes.
fn reference(copied: &[u8]) -> Option<(Box<[u8]>, usize)> {
    let (length, rest) = copied.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    Some((rest.get(..length)?.into(), 2 + length))
}

/// Sends data of `port_command/3`, or of `Port ! {Owner, {command, Data}}`: a reference, with its length in front, then
/// what is to be sent. Tells how many bytes there were.
pub(crate) fn command(
    vm: &Vm,
    port: &Arc<PortObject>,
    core: &mut Core,
    caller: Pid,
    data: Term<'_>,
) -> (Command, usize) {
    let Device::Inet(inet) = &core.device else { return (Command::BadArgument, 0) };
    if inet.output.is_busy() {
        return (Command::Busy, 0);
    }
    let Some(gathered) = Gathered::of(data) else { return (Command::BadArgument, 0) };
    let size = gathered.size();
    let Some((reference, start)) = reference(&gathered.copied) else {
        let reason = vm.atoms.intern("einval").unwrap_or(atoms::BADARG);
        port.close(vm, core, OwnedTerm::immediate(Word::atom(reason)));
        return (Command::Malformed, size);
    };
    core.count_output(vm, size);
    visit(vm, port, core, Some(caller), |visit| match visit.inet.protocol {
        Protocol::Tcp => visit.send_stream(caller, reference, gathered.slices(start)),
        Protocol::Udp => visit.send_datagram(caller, reference, &gathered.slices(start).concat()),
    });
    (Command::Taken, size)
}

/// Wakes this process when the port is not busy any more.
pub(crate) fn suspend(core: &mut Core, pid: Pid) {
    if let Device::Inet(inet) = &mut core.device {
        inet.output.suspend(pid);
    }
}

/// The port is closed: tells those that wait. False when output waits that is to be sent before the port is gone.
pub(crate) fn close(vm: &Vm, port: &Arc<PortObject>, core: &mut Core) -> bool {
    let outcome = visit(vm, port, core, None, |visit| {
        visit.end_busy();
        visit.inet.sender = None;
        visit.fail_all(atoms::CLOSED);
        let inet = &*visit.inet;
        let waits = inet.state == State::Connected && inet.has_output() && !inet.options.linger_zero;
        if waits && inet.armed.write && !inet.output.sends_file() {
            return false;
        }
        visit.close_descriptor();
        true
    });
    outcome.is_none_or(|(is_done, _)| is_done)
}
