//! Ports that read and write descriptors: external programs, and `{fd, In, Out}`.
//!
//! Input is read on the poll thread and goes to the owner at once. Output that the descriptor does not take waits in a
//! queue, written on the poll thread as there is room.

use super::framing::{Cutter, Frame, Framing, packet_header};
use super::options::Settings;
use super::port::{Core, Device, PortObject, State};
use crate::io::System;
use crate::io::system::environment;
use oxbeam_runtime::{Signal, Vm};
use oxbeam_sys::child::{ExitStatus, OnExit, Program, SpawnRequest, StandardIo};
use oxbeam_sys::descriptor::{Descriptor, ReadOutcome};
use oxbeam_sys::poll::{Interest, Poller, Token};
use oxbeam_sys::{Errno, Result as SysResult};
use oxbeam_term::{Heap, Pid, Term, atoms};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes read at a time, as in OTP.
const READ_SIZE: usize = 64 * 1024;
/// Bytes written at a time to a descriptor that others share and that is left in the mode it is in: a pipe that has
/// room takes as many without blocking.
const CAUTIOUS_WRITE_SIZE: usize = 4096;

/// A descriptor that the poller knows.
struct Channel {
    descriptor: Descriptor,
    poller: Arc<Poller>,
    token: Token,
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.poller.deregister(self.token);
    }
}

/// What is known of an external program's end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// Nobody wants to know.
    Unwanted,
    Awaited,
    Known(i32),
}

/// The descriptors of a port and what waits for them.
pub(crate) struct Stream {
    reader: Option<Channel>,
    writer: Option<Channel>,
    /// Is the writing descriptor shared and perhaps blocking?
    cautious: bool,
    framing: Framing,
    cutter: Cutter,
    binary: bool,
    eof: bool,
    ended: Ended,
    queue: VecDeque<Vec<u8>>,
    /// Bytes of the first element that are written already.
    written: usize,
    queued: usize,
    busy_limits: Option<(usize, usize)>,
    busy: bool,
    /// Processes that wait until the port is not busy.
    suspended: Vec<Pid>,
}

impl Stream {
    fn new(settings: &Settings, cautious: bool) -> Stream {
        Stream {
            reader: None,
            writer: None,
            cautious,
            framing: settings.framing,
            cutter: Cutter::new(settings.framing),
            binary: settings.binary,
            eof: settings.eof,
            ended: if settings.exit_status { Ended::Awaited } else { Ended::Unwanted },
            queue: VecDeque::new(),
            written: 0,
            queued: 0,
            busy_limits: settings.busy_limits,
            busy: false,
            suspended: Vec::new(),
        }
    }
    pub(crate) fn stop_reading(&mut self) {
        self.reader = None;
    }
    pub(crate) fn has_output(&self) -> bool {
        self.queued > 0 && self.writer.is_some()
    }
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }
    pub(crate) fn is_busy(&self) -> bool {
        self.busy
    }
    /// Wakes this process when the port is not busy any more.
    pub(crate) fn suspend(&mut self, pid: Pid) {
        if !self.suspended.contains(&pid) {
            self.suspended.push(pid);
        }
    }
    pub(crate) fn wake_suspended(&mut self, vm: &Vm) {
        self.busy = false;
        for pid in std::mem::take(&mut self.suspended) {
            vm.signal_pid(pid, Signal::Wake);
        }
    }
    fn push(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.queued += bytes.len();
            self.queue.push_back(bytes);
        }
    }
    fn discard_output(&mut self) {
        self.queue.clear();
        (self.written, self.queued) = (0, 0);
    }
    /// Takes `count` written bytes off the queue.
    fn consume(&mut self, mut count: usize) {
        self.queued -= count;
        while let Some(first) = self.queue.front() {
            let left = first.len() - self.written;
            if count < left {
                self.written += count;
                return;
            }
            count -= left;
            self.written = 0;
            self.queue.pop_front();
        }
    }
    /// Writes what the descriptor takes.
    fn write(&mut self) -> SysResult<()> {
        while self.queued > 0 {
            let Some(writer) = &self.writer else { return Ok(()) };
            let mut slices: Vec<&[u8]> = self.queue.iter().take(64).map(Vec::as_slice).collect();
            slices[0] = &slices[0][self.written..];
            if self.cautious {
                if !writer.descriptor.has_room() {
                    break;
                }
                slices.truncate(1);
                slices[0] = &slices[0][..slices[0].len().min(CAUTIOUS_WRITE_SIZE)];
            }
            let count = writer.descriptor.write(&slices)?;
            self.consume(count);
            if count == 0 {
                break;
            }
        }
        Ok(())
    }
    fn arm_writer(&self) -> SysResult<()> {
        match &self.writer {
            Some(writer) if self.queued > 0 => writer.poller.arm(writer.token, Interest::WRITE),
            _ => Ok(()),
        }
    }
    /// Is the port busy now? Wakes who waited when it no longer is.
    fn update_busy(&mut self, vm: &Vm) {
        let Some((high, low)) = self.busy_limits else { return };
        if self.queued >= high {
            self.busy = true;
        } else if self.busy && self.queued <= low {
            self.wake_suspended(vm);
        }
    }
}

/// Starts an external program behind `port`.
pub(crate) fn open_program(
    vm: &Vm,
    port: &Arc<PortObject>,
    core: &mut Core,
    program: Program,
    settings: &Settings,
) -> SysResult<()> {
    let system = vm.extension::<System>();
    let request = SpawnRequest {
        environment: Some(settings.environment.clone().unwrap_or_else(|| environment(vm))),
        working_directory: settings.working_directory.clone(),
        standard_io: if settings.use_stdio { StandardIo::Use } else { StandardIo::Leave },
        read: settings.read,
        write: settings.write,
        stderr_to_stdout: settings.stderr_to_stdout,
        ..SpawnRequest::new(program)
    };
    let child = system.spawner()?.spawn(&request, on_exit(vm, port))?;
    core.os_pid = Some(child.pid);
    let mut stream = Stream::new(settings, false);
    let descriptors = (child.read.map(Descriptor::from), child.write.map(Descriptor::from));
    connect(vm, port, &mut stream, descriptors)?;
    core.device = super::port::Device::Stream(Box::new(stream));
    Ok(())
}

/// Reads and writes descriptors that are open already. One that is not gives an error with the first use.
pub(crate) fn open_descriptors(
    vm: &Vm,
    port: &Arc<PortObject>,
    core: &mut Core,
    (input, output): (i32, i32),
    settings: &Settings,
) -> SysResult<()> {
    let mut stream = Stream::new(settings, true);
    let reader = if settings.read { Some(Descriptor::copy_of(input)?) } else { None };
    let writer = if settings.write { Descriptor::copy_of(output).ok() } else { None };
    connect(vm, port, &mut stream, (reader, writer))?;
    core.device = super::port::Device::Stream(Box::new(stream));
    Ok(())
}

fn on_exit(vm: &Vm, port: &Arc<PortObject>) -> OnExit {
    let (vm, port) = (Arc::downgrade(&vm.arc()), Arc::downgrade(port));
    Box::new(move |status| {
        if let (Some(vm), Some(port)) = (vm.upgrade(), port.upgrade()) {
            port.program_ended(&vm, status);
        }
    })
}

/// Registers the descriptors with the poller.
fn connect(
    vm: &Vm,
    port: &Arc<PortObject>,
    stream: &mut Stream,
    (reader, writer): (Option<Descriptor>, Option<Descriptor>),
) -> SysResult<()> {
    let poller = vm.extension::<System>().poller()?;
    let register = |descriptor: Descriptor, action: fn(&Arc<PortObject>, &Vm)| -> SysResult<Channel> {
        let (vm, port) = (Arc::downgrade(&vm.arc()), Arc::downgrade(port));
        let token = poller.register(
            &descriptor,
            Box::new(move |_| {
                if let (Some(vm), Some(port)) = (vm.upgrade(), port.upgrade()) {
                    action(&port, &vm);
                }
            }),
        )?;
        Ok(Channel { descriptor, poller: poller.clone(), token })
    };
    stream.reader = reader.map(|descriptor| register(descriptor, PortObject::readable)).transpose()?;
    stream.writer = writer.map(|descriptor| register(descriptor, PortObject::writable)).transpose()?;
    if let Some(reader) = &stream.reader {
        reader.poller.arm(reader.token, Interest::READ)?;
    }
    Ok(())
}

/// Data as the owner wants it.
fn data<'h>(heap: &'h Heap, binary: bool, bytes: Vec<u8>) -> Term<'h> {
    if binary { heap.binary_from_vec(bytes) } else { heap.byte_list(&bytes, Term::NIL) }
}

impl PortObject {
    /// Called on the poll thread when there is something to read.
    fn readable(self: &Arc<Self>, vm: &Vm) {
        let mut core = self.core.lock();
        let Some(stream) = core.stream() else { return };
        let Some(reader) = &stream.reader else { return };
        match reader.descriptor.read(READ_SIZE) {
            Ok(ReadOutcome::Data(mut bytes)) => {
                bytes.shrink_to_fit();
                let rearmed = reader.poller.arm(reader.token, Interest::READ);
                let count = bytes.len() as u64;
                let frames = stream.cutter.feed(bytes);
                core.input += count;
                vm.port_bytes.received.fetch_add(count, Ordering::Relaxed);
                self.deliver(vm, &mut core, frames);
                if let Err(errno) = rearmed {
                    self.fail(vm, &mut core, errno);
                }
            }
            Ok(ReadOutcome::WouldBlock) => {
                if let Err(errno) = reader.poller.arm(reader.token, Interest::READ) {
                    self.fail(vm, &mut core, errno);
                }
            }
            Ok(ReadOutcome::Closed) => {
                stream.reader = None;
                match stream.ended {
                    Ended::Awaited => {}
                    Ended::Known(status) => {
                        self.tell_exit_status(vm, &core, status);
                        self.input_ended(vm, &mut core);
                    }
                    Ended::Unwanted => self.input_ended(vm, &mut core),
                }
            }
            Err(errno) => self.fail(vm, &mut core, errno),
        }
    }
    /// Called on the poll thread when there is room to write.
    fn writable(self: &Arc<Self>, vm: &Vm) {
        let mut core = self.core.lock();
        self.write_queue(vm, &mut core);
    }
    fn write_queue(self: &Arc<Self>, vm: &Vm, core: &mut Core) {
        let Some(stream) = core.stream() else { return };
        let outcome = stream.write().and_then(|()| stream.arm_writer());
        stream.update_busy(vm);
        let done = stream.queued == 0;
        if let Err(errno) = outcome {
            // Nobody will take the rest: closing must not wait for that.
            if let Some(stream) = core.stream() {
                stream.discard_output();
            }
            self.fail(vm, core, errno);
        } else if done && core.state == State::Flushing {
            self.finish(vm, core);
        }
    }
    /// The program behind the port has ended. Its output may not have been read yet.
    fn program_ended(self: &Arc<Self>, vm: &Vm, status: ExitStatus) {
        let mut core = self.core.lock();
        let Some(stream) = core.stream() else { return };
        if stream.ended != Ended::Awaited {
            return;
        }
        stream.ended = Ended::Known(status.code());
        if stream.reader.is_none() && core.is_open() {
            self.tell_exit_status(vm, &core, status.code());
            self.input_ended(vm, &mut core);
        }
    }
    fn tell_exit_status(&self, vm: &Vm, core: &Core, status: i32) {
        self.send(vm, core.owner, |heap| heap.tuple(&[Term::atom(atoms::EXIT_STATUS), Term::small(status.into())]));
    }
    /// There will be no more input: `{Port, eof}`, or the port closes.
    fn input_ended(self: &Arc<Self>, vm: &Vm, core: &mut Core) {
        let Some(stream) = core.stream() else { return };
        let (rest, eof) = (stream.cutter.finish(), stream.eof);
        self.deliver(vm, core, rest);
        if eof {
            self.send_atom(vm, core.owner, atoms::EOF);
        } else {
            self.close(vm, core, Vm::own_atom(atoms::NORMAL));
        }
    }
    fn deliver(&self, vm: &Vm, core: &mut Core, frames: Vec<Frame>) {
        let owner = core.owner;
        let Some(stream) = core.stream() else { return };
        let binary = stream.binary;
        let (Some(eol), Some(noeol)) = (vm.atoms.intern("eol"), vm.atoms.intern("noeol")) else { return };
        for frame in frames {
            self.send(vm, owner, |heap| {
                let content = match frame {
                    Frame::Data(bytes) => data(heap, binary, bytes),
                    Frame::Line(bytes) => heap.tuple(&[Term::atom(eol), data(heap, binary, bytes)]),
                    Frame::Part(bytes) => heap.tuple(&[Term::atom(noeol), data(heap, binary, bytes)]),
                };
                heap.tuple(&[Term::atom(atoms::DATA), content])
            });
        }
    }
    /// Writes output, or queues what the descriptor does not take now.
    pub(crate) fn output(self: &Arc<Self>, vm: &Vm, core: &mut Core, bytes: Vec<u8>) {
        core.count_output(vm, bytes.len());
        if let Device::TraceFile(file) = &mut core.device {
            if let Err(errno) = file.put(&bytes) {
                self.fail(vm, core, errno);
            }
            return;
        }
        if let Device::RamFile(file) = &mut core.device {
            let binary = file.is_binary();
            if let Some(answer) = file.command(&bytes) {
                self.send(vm, core.owner, |heap| heap.tuple(&[Term::atom(atoms::DATA), answer.term(heap, binary)]));
            }
            return;
        }
        let Some(stream) = core.stream() else { return };
        let Some(header) = packet_header(stream.framing, bytes.len()) else {
            return self.fail(vm, core, Errno::EINVAL);
        };
        if stream.writer.is_none() {
            // Opened for reading only, or a descriptor that was never there.
            return self.fail(vm, core, Errno::EBADF);
        }
        let idle = stream.queued == 0;
        stream.push(header);
        stream.push(bytes);
        if !idle {
            stream.update_busy(vm);
        } else {
            // At once, so that who waited for the answer finds it written; the poller gets what there is no room for.
            self.write_queue(vm, core);
        }
    }
}
