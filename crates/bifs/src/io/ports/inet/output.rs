//! TCP: sending, the queue of what the kernel does not take now, busy ports, files.
//!
//! A port is *busy* from the moment that its queue holds `high_watermark` bytes until it holds no more than
//! `low_watermark`. The sender that filled it gets its answer when the port is not busy any more, or when its time
//! (`send_timeout`) is over; others that send meanwhile are suspended in `port_command/3`.

use super::options::{Active, INFINITY};
use super::visit::{TimeOut, Visit};
use super::{Sender, State};
use oxbeam_etf::{DecodeOptions, decode};
use oxbeam_runtime::{Signal, VmContext};
use oxbeam_sys::descriptor::Descriptor;
use oxbeam_sys::socket::{BUFFERS_MAX, Direction};
use oxbeam_sys::{Errno, Result as SysResult};
use oxbeam_term::{Atom, Pid, Term, atoms};
use std::collections::VecDeque;

/// At most so many bytes of a file are sent by one call.
const FILE_CHUNK_MAX: usize = (1 << 30) - 1;

/// What waits to be sent.
#[derive(Default)]
pub(super) struct Output {
    queue: VecDeque<Vec<u8>>,
    /// Bytes of the first element that are sent already.
    sent: usize,
    queued: usize,
    busy: bool,
    /// Processes that wait until the port is not busy.
    suspended: Vec<Pid>,
    /// Processes that want to know when the queue is empty.
    subscribers: Vec<Pid>,
    file: Option<Box<FileTransfer>>,
}

/// A file on its way (`prim_inet:sendfile/4`).
struct FileTransfer {
    file: Descriptor,
    offset: u64,
    left: u64,
    transferred: u64,
    /// Bytes of the queue that go before it.
    before: usize,
}

impl Output {
    pub(super) fn queued(&self) -> usize {
        self.queued
    }
    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }
    pub(super) fn sends_file(&self) -> bool {
        self.file.is_some()
    }
    /// Wakes this process when the port is not busy any more.
    pub(super) fn suspend(&mut self, pid: Pid) {
        if !self.suspended.contains(&pid) {
            self.suspended.push(pid);
        }
    }
    pub(super) fn clear(&mut self) {
        self.queue = VecDeque::new();
        (self.sent, self.queued) = (0, 0);
        self.subscribers = Vec::new();
        self.file = None;
    }
    fn push(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.queued += bytes.len();
            self.queue.push_back(bytes);
        }
    }
    /// Takes sent bytes off the queue.
    fn consume(&mut self, mut count: usize) {
        self.queued -= count;
        while let Some(first) = self.queue.front() {
            let left = first.len() - self.sent;
            if count < left {
                self.sent += count;
                return;
            }
            count -= left;
            self.sent = 0;
            self.queue.pop_front();
        }
    }
    /// The first bytes of the queue, at most `limit`.
    fn slices(&self, limit: usize) -> Vec<&[u8]> {
        let mut left = limit;
        let mut skip = self.sent;
        let mut slices = Vec::new();
        for bytes in self.queue.iter().take(BUFFERS_MAX) {
            let bytes = &bytes[skip..];
            skip = 0;
            slices.push(&bytes[..bytes.len().min(left)]);
            left -= bytes.len().min(left);
            if left == 0 {
                break;
            }
        }
        slices
    }
}

/// The bytes of several slices from `start` on.
fn rest_of(slices: &[&[u8]], mut start: usize) -> Vec<u8> {
    let mut rest = Vec::new();
    for slice in slices {
        let skipped = start.min(slice.len());
        start -= skipped;
        rest.extend_from_slice(&slice[skipped..]);
    }
    rest
}

impl Visit<'_> {
    /// `{inet_reply, Port, Status, Reference}`.
    pub(super) fn reply(&self, sender: &Sender, error: Option<Atom>) {
        self.send(sender.caller, |heap, port| {
            let status = match error {
                None => Term::atom(atoms::OK),
                Some(reason) => heap.tuple(&[Term::atom(atoms::ERROR), Term::atom(reason)]),
            };
            let context = VmContext { vm: self.vm };
            // It came from `prim_inet`, but anybody may send what is no term.
            let reference = decode(&sender.reference, heap, &context, DecodeOptions::default());
            let reference = reference.map_or(Term::NIL, |decoded| decoded.term);
            heap.tuple(&[Term::atom(atoms::INET_REPLY), port, status, reference])
        });
    }
    /// Answers the sender that waits for room, if there is one.
    fn reply_waiting(&mut self, error: Option<Atom>) {
        if let Some(sender) = self.inet.sender.take() {
            self.reply(&sender, error);
        }
    }
    /// The port is not busy any more.
    pub(super) fn end_busy(&mut self) {
        if let Some(timer) = self.inet.send_timer.take() {
            self.vm.timers.cancel(timer);
        }
        self.inet.output.busy = false;
        for pid in std::mem::take(&mut self.inet.output.suspended) {
            self.vm.signal_pid(pid, Signal::Wake);
        }
    }
    /// Sends what waits in the channel to another node, until as much waits here as makes a port busy.
    pub(super) fn write_channel(&mut self) {
        let Some(carried) = self.carried else { return };
        if !self.inet.is_connected() || carried.connection == 0 {
            return;
        }
        while self.inet.output.queued < self.inet.options.high_watermark {
            let Some(packet) = carried.entry.take_packet(self.vm, carried.connection) else { break };
            let length = (packet.len() as u32).to_be_bytes();
            self.inet.statistics.count_sent(packet.len() + length.len());
            let slices: [&[u8]; 2] = [&length, &packet];
            let socket = self.inet.socket.as_ref().filter(|_| self.inet.output.queued == 0);
            let sent = match socket.map(|socket| socket.send(&slices, 0)) {
                Some(Ok(sent)) => sent,
                None | Some(Err(Errno::EAGAIN | Errno::EINTR)) => 0,
                Some(Err(error)) => return self.send_failed(None, error),
            };
            if sent < packet.len() + length.len() {
                self.inet.output.push(rest_of(&slices, sent));
                self.want_write();
            }
        }
        carried.entry.set_in_port(self.vm, carried.connection, self.inet.output.queued);
    }
    /// Sends data of a process on a stream. The first slice is empty: the header's place.
    pub(super) fn send_stream(&mut self, caller: Pid, reference: Box<[u8]>, data: Vec<&[u8]>) {
        let sender = Sender { caller, reference };
        if !self.inet.is_connected() {
            let tidings = &mut self.inet.tidings;
            let reason = match std::mem::take(&mut tidings.send) {
                true if tidings.reset => atoms::ECONNRESET,
                true => atoms::CLOSED,
                false => self.atom(Errno::ENOTCONN),
            };
            return self.reply(&sender, Some(reason));
        }
        if self.inet.pending_shutdown.is_some() {
            return self.send_failed(Some(sender), Errno::EPIPE);
        }
        let size: usize = data.iter().map(|slice| slice.len()).sum();
        // A length that does not fit is cut off, as it always was.
        let length = (size as u32).to_be_bytes();
        let header: &[u8] = match self.inet.options.packet {
            1 => &length[3..],
            2 => &length[2..],
            3 => &length,
            _ => &[],
        };
        let total = size + header.len();
        self.inet.statistics.count_sent(total);
        let mut slices: Vec<&[u8]> = data;
        slices[0] = header;
        if self.inet.output.queued > 0 || self.inet.output.file.is_some() {
            return self.enqueue(sender, &slices);
        }
        let sent = if total == 0 {
            0
        } else if self.inet.ignored.ignored || self.inet.options.delay_send {
            0
        } else {
            let Some(socket) = &self.inet.socket else { return };
            match socket.send(&slices, 0) {
                Ok(sent) => sent,
                Err(Errno::EAGAIN | Errno::EINTR) => 0,
                Err(error) => return self.send_failed(Some(sender), error),
            }
        };
        if sent < total {
            self.inet.output.push(rest_of(&slices, sent));
            self.want_write();
        }
        self.reply(&sender, None);
    }
    /// Something waits already: this waits behind it, and the sender too when that is too much.
    fn enqueue(&mut self, sender: Sender, slices: &[&[u8]]) {
        self.inet.output.push(rest_of(slices, 0));
        let options = &self.inet.options;
        if self.inet.output.queued < options.high_watermark {
            return self.reply(&sender, None);
        }
        if options.send_timeout == 0 {
            return self.reply(&sender, Some(atoms::TIMEOUT));
        }
        self.inet.output.busy = true;
        self.inet.sender = Some(sender);
        if self.inet.options.send_timeout != INFINITY {
            self.inet.send_timer = Some(self.start_timer(self.inet.options.send_timeout, TimeOut::Send));
        }
    }
    /// The sender has waited too long.
    pub(super) fn send_timed_out(&mut self) {
        if self.inet.send_timer.is_none() {
            return;
        }
        // The next sender finds the port not busy, so that its time counts, too.
        self.end_busy();
        self.reply_waiting(Some(atoms::TIMEOUT));
        if self.inet.options.send_timeout_close != 0 {
            self.close_descriptor();
        }
    }
    /// There is room: sends what waits.
    pub(super) fn write_ready(&mut self) {
        if self.inet.output.file.is_some() {
            return self.send_file_ready();
        }
        loop {
            if self.inet.output.queued == 0 {
                return self.queue_is_empty();
            }
            let Some(socket) = &self.inet.socket else { return };
            match socket.send(&self.inet.output.slices(usize::MAX), 0) {
                Ok(count) => {
                    self.inet.output.consume(count);
                    self.check_low_watermark();
                }
                Err(Errno::EAGAIN | Errno::EINTR) => return self.want_write(),
                Err(error) => {
                    let sender = self.inet.sender.take();
                    return self.send_failed(sender, error);
                }
            }
        }
    }
    fn check_low_watermark(&mut self) {
        if self.inet.output.busy && self.inet.output.queued <= self.inet.options.low_watermark {
            self.end_busy();
            self.reply_waiting(None);
        }
    }
    fn queue_is_empty(&mut self) {
        for pid in std::mem::take(&mut self.inet.output.subscribers) {
            self.send(pid, |heap, port| heap.tuple(&[Term::atom(atoms::EMPTY_OUT_Q), port]));
        }
        if let Some(direction) = self.inet.pending_shutdown {
            self.shut_down_pending(direction);
        }
    }
    fn shut_down_pending(&mut self, direction: Direction) {
        match self.shut_down_now(direction) {
            Ok(()) => self.inet.is_shut_down = true,
            Err(error) => {
                let sender = self.inet.sender.take();
                self.connection_lost(sender, error);
            }
        }
    }
    /// `subscribe`: tells how much waits, and the process when nothing does.
    pub(super) fn subscribe(&mut self, caller: Pid) -> u32 {
        let output = &mut self.inet.output;
        if output.queued > 0 {
            output.subscribers.push(caller);
        }
        u32::try_from(output.queued).unwrap_or(u32::MAX)
    }
    /// Nobody will take what waits. Tells the sender that waits for room, and who sends a file; true if there is one.
    pub(super) fn abandon_output(&mut self, reason: Atom, error: Errno) -> bool {
        let mut was_waiting = false;
        if self.inet.output.busy {
            self.inet.output.queue.clear();
            (self.inet.output.sent, self.inet.output.queued) = (0, 0);
            self.end_busy();
            self.reply_waiting(Some(reason));
            was_waiting = true;
        }
        if self.inet.output.file.is_some() {
            self.file_failed(error);
            was_waiting = true;
        }
        was_waiting
    }
    /// Sending has failed. `epipe` means that the other end has reset the connection, unless we have shut it down.
    fn send_failed(&mut self, sender: Option<Sender>, error: Errno) {
        let error = if error == Errno::EPIPE && !self.inet.is_shut_down { Errno::ECONNRESET } else { error };
        self.connection_lost(sender, error);
    }
    fn connection_lost(&mut self, sender: Option<Sender>, error: Errno) {
        let is_reset = error == Errno::ECONNRESET && self.inet.options.show_econnreset;
        let reason = if is_reset { atoms::ECONNRESET } else { atoms::CLOSED };
        let sends_file = self.inet.output.file.is_some();
        self.end_busy();
        if self.inet.options.active != Active::Passive {
            if is_reset {
                self.tell_error(atoms::TCP_ERROR, atoms::ECONNRESET);
            }
            self.tell_closed();
            if let Some(sender) = sender.filter(|_| !sends_file) {
                self.reply(&sender, Some(reason));
            }
            if self.inet.options.exit_on_close != 0 {
                return self.end_port(atoms::NORMAL);
            }
            return self.close_descriptor();
        }
        self.fail_all(atoms::CLOSED);
        match sender {
            // The `send` that comes next is to fail with `closed`, not with `enotconn`.
            None => self.inet.tidings.send = true,
            Some(_) if sends_file => {}
            Some(sender) => self.reply(&sender, Some(reason)),
        }
        self.close_descriptor();
        self.inet.tidings.receive = true;
        self.inet.tidings.reset |= is_reset;
    }
    /// `sendfile`: the bytes of a C `int` (a descriptor), offset, length.
    pub(super) fn send_file(&mut self, descriptor: i32, offset: u64, length: u64) -> Result<Vec<u8>, &'static str> {
        if self.inet.state != State::Connected {
            return Err("enotconn");
        }
        if self.inet.output.file.is_some() {
            return Err("einval");
        }
        let file = Descriptor::copy_of(descriptor).map_err(Errno::name)?;
        let before = self.inet.output.queued;
        let transfer = FileTransfer { file, offset, left: length, transferred: 0, before };
        self.inet.output.file = Some(Box::new(transfer));
        self.send_file_ready();
        Ok(Vec::new())
    }
    /// Sends what is before the file, then the file, as far as there is room.
    fn send_file_ready(&mut self) {
        match self.send_file_part() {
            Ok(true) => self.file_sent(),
            Ok(false) => self.want_write(),
            Err(error) => {
                self.file_failed(error);
                let sender = self.inet.sender.take();
                self.send_failed(sender, error);
            }
        }
    }
    /// True when the whole file is sent.
    fn send_file_part(&mut self) -> SysResult<bool> {
        loop {
            let (Some(socket), Some(transfer)) = (&self.inet.socket, &self.inet.output.file) else { return Ok(false) };
            if transfer.before > 0 {
                match socket.send(&self.inet.output.slices(transfer.before), 0) {
                    Ok(count) => {
                        self.inet.output.consume(count);
                        if let Some(transfer) = &mut self.inet.output.file {
                            transfer.before -= count;
                        }
                    }
                    Err(Errno::EAGAIN) => return Ok(false),
                    Err(Errno::EINTR) => {}
                    Err(error) => return Err(error),
                }
                continue;
            }
            let count = usize::try_from(transfer.left).unwrap_or(usize::MAX).min(FILE_CHUNK_MAX);
            let mut offset = transfer.offset;
            let outcome = if count == 0 { Ok(0) } else { socket.send_file(&transfer.file, Some(&mut offset), count) };
            let Some(transfer) = &mut self.inet.output.file else { return Ok(false) };
            match outcome {
                Ok(0) => return Ok(true),
                Ok(count) => {
                    transfer.offset += count as u64;
                    transfer.transferred += count as u64;
                    transfer.left -= count as u64;
                }
                Err(Errno::EAGAIN) => return Ok(false),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
        }
    }
    fn file_sent(&mut self) {
        let Some(transfer) = self.inet.output.file.take() else { return };
        self.check_low_watermark();
        if self.inet.output.queued == 0 {
            self.queue_is_empty();
        } else {
            self.want_write();
        }
        let (low, high) = (transfer.transferred & 0xffff_ffff, transfer.transferred >> 32);
        self.send(self.owner, |heap, port| {
            let sent = [Term::atom(atoms::OK), heap.unsigned(low), heap.unsigned(high)];
            heap.tuple(&[Term::atom(atoms::SENDFILE), port, heap.tuple(&sent)])
        });
    }
    fn file_failed(&mut self, error: Errno) {
        let reason = match error {
            Errno::ECONNRESET | Errno::ENOTCONN | Errno::EPIPE => atoms::CLOSED,
            error => self.atom(error),
        };
        self.send(self.owner, |heap, port| {
            let failed = heap.tuple(&[Term::atom(atoms::ERROR), Term::atom(reason)]);
            heap.tuple(&[Term::atom(atoms::SENDFILE), port, failed])
        });
    }
}
