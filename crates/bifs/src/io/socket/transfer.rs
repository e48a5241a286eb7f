//! Sending and receiving.

use super::address::{decode, encode, item, map};
use super::message::{control_of, control_terms, flag_terms};
use super::{Handle, Inner, Open, Purpose, open_or_closed, posix, tagged};
use crate::iolist::iodata_bytes;
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_sys::address::Address;
use oxbeam_sys::descriptor::Descriptor;
use oxbeam_sys::numbers::SOCK_STREAM;
use oxbeam_sys::socket::{BUFFERS_MAX, Socket};
use oxbeam_sys::{Errno, Result as SysResult};
use oxbeam_term::{MagicObject, Term, atoms};
use std::borrow::Cow;
use std::sync::Arc;

/// At most so many bytes are made room for at once, however many are asked for.
const READ_MAX: usize = 1 << 20;
/// At most so many bytes of a file are sent by one call.
const FILE_CHUNK_MAX: usize = (1 << 30) - 1;

fn is_zero(cx: &BifContext<'_>, reference: Term<'_>) -> bool {
    reference.as_atom().is_some_and(|atom| cx.text(atom) == "zero")
}

/// Sends what there is room for: `ok`, `{ok, Written}`, `select`, `{select, Written}`, `{iov, Written}`.
fn send_buffers<'h>(
    cx: &BifContext<'h>,
    open: Open<'h>,
    reference: Term<'h>,
    buffers: &[&[u8]],
    send: impl FnOnce(&Socket, &[&[u8]]) -> SysResult<usize>,
) -> BifResult<'h> {
    let Open { handle, object, mut inner } = open;
    if inner.connector.is_some() {
        return super::invalid(cx, "state");
    }
    if let Some(answer) = handle.check_turn(cx, &object, &mut inner, Purpose::Write, reference)? {
        return Ok(answer);
    }
    let is_cut = buffers.len() > BUFFERS_MAX;
    if is_cut && inner.kind != SOCK_STREAM {
        // A message cannot be sent in parts.
        return tagged(cx, "invalid", "iov");
    }
    let buffers = &buffers[..buffers.len().min(BUFFERS_MAX)];
    let size: usize = buffers.iter().map(|buffer| buffer.len()).sum();
    inner.counters.write_tries += 1;
    let outcome = inner.socket().and_then(|socket| send(socket, buffers));
    match outcome {
        Ok(written) => {
            let counters = &mut inner.counters;
            counters.write_bytes += written as u64;
            counters.write_largest = counters.write_largest.max(written as u64);
            let count = cx.heap.unsigned(written as u64);
            if written == size && is_cut {
                return Ok(cx.heap.tuple(&[Term::atom(cx.intern("iov")?), count]));
            }
            if written < size && inner.kind == SOCK_STREAM {
                return wait_to_write(cx, handle, &object, &mut inner, reference, Some(count));
            }
            inner.counters.write_packets += 1;
            handle.next(cx.vm, &mut inner, Purpose::Write, cx.pid());
            if written < size { Ok(cx.ok(count)) } else { Ok(Term::atom(atoms::OK)) }
        }
        Err(Errno::EAGAIN | Errno::EINTR) => wait_to_write(cx, handle, &object, &mut inner, reference, None),
        Err(error) => {
            inner.counters.write_fails += 1;
            let reason = cx.intern(error.name())?;
            handle.fail_queue(cx.vm, &mut inner, Purpose::Write, cx.pid(), reason);
            posix(cx, error)
        }
    }
}

/// `select`, or `{select, Written}`.
fn wait_to_write<'h>(
    cx: &BifContext<'h>,
    handle: &Handle,
    object: &Arc<MagicObject>,
    inner: &mut Inner,
    reference: Term<'h>,
    written: Option<Term<'h>>,
) -> BifResult<'h> {
    inner.counters.write_waits += 1;
    if let Err(error) = handle.wait(cx.vm, object, inner, Purpose::Write, cx.pid(), cx.own(reference)) {
        return posix(cx, error);
    }
    let select = Term::atom(cx.intern("select")?);
    Ok(written.map_or(select, |written| cx.heap.tuple(&[select, written])))
}

/// Sends bytes.
#[bif("prim_socket:nif_send/4", nif)]
fn send<'h>(
    cx: &mut BifContext<'h>,
    socket: Term<'h>,
    data: Cow<'h, [u8]>,
    flags: i64,
    reference: Term<'h>,
) -> BifResult<'h> {
    let open = open_or_closed!(cx, socket);
    cx.spend(data.len() / 1024);
    send_buffers(cx, open, reference, &[&data], |socket, buffers| socket.send(buffers, flags as i32))
}

/// Sends bytes to an address.
#[bif("prim_socket:nif_sendto/5", nif)]
fn sendto<'h>(
    cx: &mut BifContext<'h>,
    socket: Term<'h>,
    data: Cow<'h, [u8]>,
    to: Term<'h>,
    flags: i64,
    reference: Term<'h>,
) -> BifResult<'h> {
    let open = open_or_closed!(cx, socket);
    let Some(address) = decode(cx, to) else { return tagged(cx, "invalid", "sockaddr") };
    send_buffers(cx, open, reference, &[&data], |socket, buffers| {
        socket.send_message(Some(&address), buffers, &[], flags as i32)
    })
}

/// The binaries of a list; `None` when there is anything else in it.
fn binaries<'h>(list: Term<'h>) -> Option<Vec<Cow<'h, [u8]>>> {
    list.to_vec()?.into_iter().map(Term::as_binary).collect()
}

/// Sends a message: address, ancillary data, binaries.
#[bif("prim_socket:nif_sendmsg/5", nif)]
fn sendmsg<'h>(
    cx: &mut BifContext<'h>,
    socket: Term<'h>,
    message: Term<'h>,
    flags: i64,
    reference: Term<'h>,
    data: Term<'h>,
) -> BifResult<'h> {
    if !message.is_map() {
        return cx.badarg();
    }
    let open = open_or_closed!(cx, socket);
    let Some(data) = binaries(data) else { return tagged(cx, "invalid", "iov") };
    let to: Option<Address> = match item(cx, message, "addr") {
        None => None,
        Some(address) => match decode(cx, address) {
            Some(address) => Some(address),
            None => return tagged(cx, "invalid", "addr"),
        },
    };
    let control = match item(cx, message, "ctrl") {
        None => Vec::new(),
        Some(list) => match control_of(cx, list) {
            Some(control) => control,
            None => return tagged(cx, "invalid", "ctrl"),
        },
    };
    let buffers: Vec<&[u8]> = data.iter().map(|binary| &**binary).collect();
    send_buffers(cx, open, reference, &buffers, |socket, buffers| {
        socket.send_message(to.as_ref(), buffers, &control, flags as i32)
    })
}

/// Sends binaries.
#[bif("prim_socket:nif_sendv/3", nif)]
fn sendv<'h>(cx: &mut BifContext<'h>, socket: Term<'h>, data: Term<'h>, reference: Term<'h>) -> BifResult<'h> {
    let open = open_or_closed!(cx, socket);
    let Some(data) = binaries(data) else { return tagged(cx, "invalid", "iov") };
    let buffers: Vec<&[u8]> = data.iter().map(|binary| &**binary).collect();
    cx.spend(buffers.iter().map(|buffer| buffer.len()).sum::<usize>() / 1024);
    send_buffers(cx, open, reference, &buffers, |socket, buffers| socket.send(buffers, 0))
}

/// Begins to send a file, whose descriptor is copied.
#[bif("prim_socket:nif_sendfile/5", nif)]
fn sendfile_start<'h>(
    cx: &mut BifContext<'h>,
    socket: Term<'h>,
    reference: Term<'h>,
    offset: i64,
    count: i64,
    file: Term<'h>,
) -> BifResult<'h> {
    let mut open = open_or_closed!(cx, socket);
    let copy = crate::io::prim_file::descriptor_of(cx, file)?.and_then(Descriptor::copy_of);
    match copy {
        Ok(file) => open.inner.file = Some(file),
        Err(error) => return posix(cx, error),
    }
    send_file(cx, open, reference, offset, count)
}

/// Goes on with a file.
#[bif("prim_socket:nif_sendfile/4", nif)]
fn sendfile_continue<'h>(
    cx: &mut BifContext<'h>,
    socket: Term<'h>,
    reference: Term<'h>,
    offset: i64,
    count: i64,
) -> BifResult<'h> {
    let open = open_or_closed!(cx, socket);
    send_file(cx, open, reference, offset, count)
}

/// Lets go of the file.
#[bif("prim_socket:nif_sendfile/1", nif)]
fn sendfile_end<'h>(cx: &mut BifContext<'h>, socket: Term<'h>) -> BifResult<'h> {
    let mut open = open_or_closed!(cx, socket);
    open.inner.file = None;
    Ok(Term::atom(atoms::OK))
}

fn send_file<'h>(cx: &BifContext<'h>, open: Open<'h>, reference: Term<'h>, offset: i64, count: i64) -> BifResult<'h> {
    let Open { handle, object, mut inner } = open;
    if let Some(answer) = handle.check_turn(cx, &object, &mut inner, Purpose::Write, reference)? {
        return Ok(answer);
    }
    let (Ok(mut offset), Ok(count)) = (u64::try_from(offset), usize::try_from(count)) else {
        return posix(cx, Errno::EINVAL);
    };
    let wanted = if count == 0 { FILE_CHUNK_MAX } else { count.min(FILE_CHUNK_MAX) };
    let outcome = match (&inner.socket, &inner.file) {
        (Some(socket), Some(file)) => socket.send_file(file, Some(&mut offset), wanted),
        _ => Err(Errno::EBADF),
    };
    inner.counters.write_tries += 1;
    match outcome {
        Ok(0) => {
            // The end of the file.
            handle.next(cx.vm, &mut inner, Purpose::Write, cx.pid());
            inner.file = None;
            Ok(cx.ok(Term::small(0)))
        }
        Ok(written) => {
            inner.counters.write_bytes += written as u64;
            let size = cx.heap.unsigned(written as u64);
            if count != 0 && written == count {
                handle.next(cx.vm, &mut inner, Purpose::Write, cx.pid());
                inner.file = None;
                return Ok(cx.ok(size));
            }
            wait_to_write(cx, handle, &object, &mut inner, reference, Some(size))
        }
        Err(Errno::EAGAIN | Errno::EINTR) => wait_to_write(cx, handle, &object, &mut inner, reference, None),
        Err(error) => {
            inner.file = None;
            inner.counters.write_fails += 1;
            let reason = cx.intern(error.name())?;
            handle.fail_queue(cx.vm, &mut inner, Purpose::Write, cx.pid(), reason);
            posix(cx, error)
        }
    }
}

/// What a read that failed is told as, after everybody who waits for the same has been told.
fn read_failed<'h>(
    cx: &BifContext<'h>,
    handle: &Handle,
    object: &Arc<MagicObject>,
    inner: &mut Inner,
    reference: Term<'h>,
    error: Errno,
) -> BifResult<'h> {
    inner.repeated = 0;
    match error {
        Errno::EAGAIN | Errno::EINTR if is_zero(cx, reference) => Ok(Term::atom(atoms::TIMEOUT)),
        Errno::EAGAIN | Errno::EINTR => {
            inner.counters.read_waits += 1;
            match handle.wait(cx.vm, object, inner, Purpose::Read, cx.pid(), cx.own(reference)) {
                Ok(()) => Ok(Term::atom(cx.intern("select")?)),
                Err(error) => posix(cx, error),
            }
        }
        error => {
            inner.counters.read_fails += 1;
            let reason = cx.intern(error.name())?;
            handle.fail_queue(cx.vm, inner, Purpose::Read, cx.pid(), reason);
            posix(cx, error)
        }
    }
}

/// Something was received: it is the next one's turn.
fn count_read(cx: &BifContext<'_>, handle: &Handle, inner: &mut Inner, size: usize) {
    let counters = &mut inner.counters;
    counters.read_packets += 1;
    counters.read_bytes += size as u64;
    counters.read_largest = counters.read_largest.max(size as u64);
    handle.next(cx.vm, inner, Purpose::Read, cx.pid());
}

/// Receives bytes: `{ok, Bin}`, `{more, Bin}` when there may be more at once, `select`, `timeout`, `{timeout, Bin}`.
#[bif("prim_socket:nif_recv/4", nif)]
fn recv<'h>(cx: &mut BifContext<'h>, socket: Term<'h>, length: i64, flags: i64, reference: Term<'h>) -> BifResult<'h> {
    let Ok(length) = usize::try_from(length) else { return cx.badarg() };
    let Open { handle, object, mut inner } = open_or_closed!(cx, socket);
    if !inner.acceptors.is_empty() {
        return super::invalid(cx, "state");
    }
    if let Some(answer) = handle.check_turn(cx, &object, &mut inner, Purpose::Read, reference)? {
        return Ok(answer);
    }
    let is_stream = inner.kind == SOCK_STREAM;
    let wanted = if length == 0 { inner.receive_buffer } else { length };
    let mut data = std::mem::take(&mut inner.partial);
    if !data.is_empty() && (length == 0 || data.len() >= wanted) {
        let rest = data.split_off(data.len().min(if length == 0 { usize::MAX } else { wanted }));
        inner.partial = rest;
        count_read(cx, handle, &mut inner, data.len());
        return Ok(cx.ok(cx.heap.binary_from_vec(data)));
    }
    loop {
        inner.counters.read_tries += 1;
        let room = (wanted - data.len()).min(READ_MAX);
        let outcome = inner.socket().and_then(|socket| socket.receive(&mut data, room, flags as i32));
        match outcome {
            Ok(0) if is_stream => return stream_ended(cx, handle, &mut inner, data),
            Ok(size) if is_stream && size == room && data.len() < wanted => {}
            Ok(_) => break,
            Err(error) => {
                // What a `recv` of a certain length has got is kept for the next, or told now.
                if data.is_empty() {
                    return read_failed(cx, handle, &object, &mut inner, reference, error);
                }
                if !matches!(error, Errno::EAGAIN | Errno::EINTR) {
                    return failed_with_data(cx, handle, &mut inner, data, cx.intern(error.name())?);
                }
                break;
            }
        }
    }
    cx.spend(data.len() / 1024);
    if data.len() < wanted && is_stream && length > 0 {
        return partial(cx, handle, &object, &mut inner, reference, data);
    }
    if data.len() == wanted && is_stream && length == 0 {
        inner.repeated += 1;
        if inner.receive_repeats == 0 || inner.repeated < inner.receive_repeats {
            inner.counters.read_bytes += data.len() as u64;
            return Ok(cx.heap.tuple(&[Term::atom(atoms::MORE), cx.heap.binary_from_vec(data)]));
        }
    }
    inner.repeated = 0;
    count_read(cx, handle, &mut inner, data.len());
    data.shrink_to_fit();
    Ok(cx.ok(cx.heap.binary_from_vec(data)))
}

/// Not all that was asked for: `{timeout, Bin}`, or `select` while what came is kept.
fn partial<'h>(
    cx: &BifContext<'h>,
    handle: &Handle,
    object: &Arc<MagicObject>,
    inner: &mut Inner,
    reference: Term<'h>,
    data: Vec<u8>,
) -> BifResult<'h> {
    inner.repeated = 0;
    if is_zero(cx, reference) {
        count_read(cx, handle, inner, data.len());
        return Ok(cx.heap.tuple(&[Term::atom(atoms::TIMEOUT), cx.heap.binary_from_vec(data)]));
    }
    inner.partial = data;
    inner.counters.read_waits += 1;
    match handle.wait(cx.vm, object, inner, Purpose::Read, cx.pid(), cx.own(reference)) {
        Ok(()) => Ok(Term::atom(cx.intern("select")?)),
        Err(error) => posix(cx, error),
    }
}

/// `{error, {Reason, Bin}}`.
fn failed_with_data<'h>(
    cx: &BifContext<'h>,
    handle: &Handle,
    inner: &mut Inner,
    data: Vec<u8>,
    reason: oxbeam_term::Atom,
) -> BifResult<'h> {
    handle.fail_queue(cx.vm, inner, Purpose::Read, cx.pid(), reason);
    let reason = cx.heap.tuple(&[Term::atom(reason), cx.heap.binary_from_vec(data)]);
    Ok(cx.heap.tuple(&[Term::atom(atoms::ERROR), reason]))
}

/// The other end has closed the stream: `{error, closed}`, with what came before.
fn stream_ended<'h>(cx: &BifContext<'h>, handle: &Handle, inner: &mut Inner, data: Vec<u8>) -> BifResult<'h> {
    inner.counters.read_fails += 1;
    if !data.is_empty() {
        return failed_with_data(cx, handle, inner, data, atoms::CLOSED);
    }
    handle.fail_queue(cx.vm, inner, Purpose::Read, cx.pid(), atoms::CLOSED);
    tagged(cx, "error", "closed")
}

/// Receives a message: its parts are told by `build`.
fn receive_message<'h>(
    cx: &BifContext<'h>,
    open: Open<'h>,
    reference: Term<'h>,
    (room, control_room): (usize, usize),
    flags: i64,
    build: impl FnOnce(&BifContext<'h>, oxbeam_sys::socket::Received, Vec<u8>) -> BifResult<'h>,
) -> BifResult<'h> {
    let Open { handle, object, mut inner } = open;
    if !inner.acceptors.is_empty() {
        return super::invalid(cx, "state");
    }
    if let Some(answer) = handle.check_turn(cx, &object, &mut inner, Purpose::Read, reference)? {
        return Ok(answer);
    }
    inner.counters.read_tries += 1;
    let mut data = Vec::new();
    let room = if room == 0 { inner.receive_buffer } else { room };
    let outcome = inner
        .socket()
        .and_then(|socket| socket.receive_message(&mut data, room.min(READ_MAX), control_room, flags as i32));
    match outcome {
        Ok(received) if received.size == 0 && inner.kind == SOCK_STREAM => {
            stream_ended(cx, handle, &mut inner, Vec::new())
        }
        Ok(received) => {
            count_read(cx, handle, &mut inner, received.size);
            drop(inner);
            data.shrink_to_fit();
            build(cx, received, data)
        }
        Err(error) => read_failed(cx, handle, &object, &mut inner, reference, error),
    }
}

/// Receives bytes and who sent them: `{ok, {Address, Bin}}`.
#[bif("prim_socket:nif_recvfrom/4", nif)]
fn recvfrom<'h>(
    cx: &mut BifContext<'h>,
    socket: Term<'h>,
    length: i64,
    flags: i64,
    reference: Term<'h>,
) -> BifResult<'h> {
    let Ok(length) = usize::try_from(length) else { return cx.badarg() };
    let open = open_or_closed!(cx, socket);
    receive_message(cx, open, reference, (length, 0), flags, |cx, received, data| {
        let address = encode(cx, &received.address)?;
        Ok(cx.ok(cx.heap.tuple(&[address, cx.heap.binary_from_vec(data)])))
    })
}

/// Receives a message: `{ok, #{addr, iov, ctrl, flags}}`.
#[bif("prim_socket:nif_recvmsg/5", nif)]
fn recvmsg<'h>(
    cx: &mut BifContext<'h>,
    socket: Term<'h>,
    length: i64,
    control_length: i64,
    flags: i64,
    reference: Term<'h>,
) -> BifResult<'h> {
    let (Ok(length), Ok(control_length)) = (usize::try_from(length), usize::try_from(control_length)) else {
        return cx.badarg();
    };
    let open = open_or_closed!(cx, socket);
    let control_room = if control_length == 0 { open.inner.control_receive_buffer } else { control_length };
    let rooms = (length, control_room.min(READ_MAX));
    receive_message(cx, open, reference, rooms, flags, |cx, received, data| {
        let iov = cx.heap.list(&[cx.heap.binary_from_vec(data)]);
        let control = control_terms(cx, &received.control)?;
        let flags = flag_terms(cx, received.flags)?;
        let mut items = vec![("iov", iov), ("ctrl", control), ("flags", flags)];
        if !received.address.bytes().is_empty() {
            items.push(("addr", encode(cx, &received.address)?));
        }
        Ok(cx.ok(map(cx, &items)?))
    })
}

/// The bytes of a value that may be an I/O list or a binary.
pub(super) fn bytes_of(term: Term<'_>) -> Option<Vec<u8>> {
    iodata_bytes(term).map(Cow::into_owned)
}
