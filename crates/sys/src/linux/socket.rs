//! Sockets that never wait: whatever cannot be done at once fails with `eagain` (or `einprogress` for a connection).
//!
//! Numbers of domains, types, protocols, levels and options are the kernel's own.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::address::{ADDRESS_SIZE_MAX, Address};
use crate::{Errno, Result};

/// Buffers that one call of the kernel takes at most (`IOV_MAX`).
pub const BUFFERS_MAX: usize = 1024;
/// Receptions of at most so many bytes go over the stack.
const ON_STACK_MAX: usize = 8 * 1024;

/// A socket; dropping it closes it.
#[derive(Debug)]
pub struct Socket {
    descriptor: OwnedFd,
}

/// A header of ancillary data (`struct cmsghdr`) and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlMessage {
    /// `cmsg_level`
    pub level: i32,
    /// `cmsg_type`
    pub kind: i32,
    /// its data
    pub data: Vec<u8>,
}

/// What a message that was received brought beside its data.
#[derive(Clone, Debug)]
pub struct Received {
    /// bytes written to the buffer
    pub size: usize,
    /// who sent it; of length 0 on connected streams
    pub address: Address,
    /// ancillary data
    pub control: Vec<ControlMessage>,
    /// `MSG_*`
    pub flags: i32,
}

/// Which direction a `shutdown` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// no more reading
    Read,
    /// no more writing
    Write,
    /// neither
    Both,
}

/// The outcome of a call of the C library.
fn check(result: impl Into<i64>) -> Result<usize> {
    usize::try_from(result.into()).map_err(|_| Errno::last())
}

fn length(size: usize) -> libc::socklen_t {
    libc::socklen_t::try_from(size).unwrap_or(libc::socklen_t::MAX)
}

impl Socket {
    /// `socket(2)`.
    pub fn open(domain: i32, kind: i32, protocol: i32) -> Result<Socket> {
        let kind = kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: takes numbers only; a descriptor that comes back is new and ours.
        let descriptor = unsafe {
            let descriptor = libc::socket(domain, kind, protocol);
            check(descriptor)?;
            OwnedFd::from_raw_fd(descriptor)
        };
        Ok(Socket { descriptor })
    }

    /// A copy of the socket `number` that somebody else has opened, which stays open. `ebadf` if there is none.
    pub fn copy_of(number: RawFd) -> Result<Socket> {
        let descriptor = OwnedFd::from(super::descriptor::Descriptor::copy_of(number)?);
        let socket = Socket { descriptor };
        socket.set_nonblocking()?;
        Ok(socket)
    }

    fn set_nonblocking(&self) -> Result<()> {
        let flags = rustix::fs::fcntl_getfl(&self.descriptor)?;
        Ok(rustix::fs::fcntl_setfl(&self.descriptor, flags | rustix::fs::OFlags::NONBLOCK)?)
    }

    /// Closes it. With `linger` that may take as long as was asked for: then it is done by a thread of its own.
    pub fn close_without_waiting(self) {
        let linger = self.option(libc::SOL_SOCKET, libc::SO_LINGER, vec![0; 8]).unwrap_or_default();
        // Two numbers: whether, and how many seconds.
        let lingers = linger.len() == 8 && linger[..4] != [0; 4] && linger[4..] != [0; 4];
        if lingers {
            // When there is no thread to be had, the socket is dropped here.
            let _ = std::thread::Builder::new().name("linger".into()).spawn(move || drop(self));
        }
    }

    /// Its number.
    pub fn number(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }

    /// `bind(2)`.
    pub fn bind(&self, address: &Address) -> Result<()> {
        let bytes = address.bytes();
        // SAFETY: the kernel reads as many bytes as it is told.
        check(unsafe { libc::bind(self.number(), bytes.as_ptr().cast(), length(bytes.len())) }).map(|_| ())
    }

    /// `connect(2)`; `einprogress` when it takes time: then the socket is writable when it is done.
    pub fn connect(&self, address: &Address) -> Result<()> {
        let bytes = address.bytes();
        // SAFETY: the kernel reads as many bytes as it is told.
        check(unsafe { libc::connect(self.number(), bytes.as_ptr().cast(), length(bytes.len())) }).map(|_| ())
    }

    /// `listen(2)`.
    pub fn listen(&self, backlog: i32) -> Result<()> {
        // SAFETY: takes numbers only.
        check(unsafe { libc::listen(self.number(), backlog) }).map(|_| ())
    }

    /// `accept4(2)`: a connection and who it is with.
    pub fn accept(&self) -> Result<(Socket, Address)> {
        let mut address = Address::empty();
        let mut size = length(ADDRESS_SIZE_MAX);
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: the kernel writes at most `size` bytes of the storage; a descriptor that comes back is new and ours.
        let descriptor = unsafe {
            let storage = address.storage().as_mut_ptr().cast();
            let descriptor = libc::accept4(self.number(), storage, &mut size, flags);
            check(descriptor)?;
            OwnedFd::from_raw_fd(descriptor)
        };
        address.set_length(size as usize);
        Ok((Socket { descriptor }, address))
    }

    fn ask_address(
        &self,
        ask: unsafe extern "C" fn(RawFd, *mut libc::sockaddr, *mut libc::socklen_t) -> i32,
    ) -> Result<Address> {
        let mut address = Address::empty();
        let mut size = length(ADDRESS_SIZE_MAX);
        // SAFETY: the kernel writes at most `size` bytes of the storage.
        check(unsafe { ask(self.number(), address.storage().as_mut_ptr().cast(), &mut size) })?;
        address.set_length(size as usize);
        Ok(address)
    }

    /// `getsockname(2)`.
    pub fn name(&self) -> Result<Address> {
        self.ask_address(libc::getsockname)
    }

    /// `getpeername(2)`.
    pub fn peer(&self) -> Result<Address> {
        self.ask_address(libc::getpeername)
    }

    /// `shutdown(2)`.
    pub fn shut_down(&self, direction: Direction) -> Result<()> {
        let how = match direction {
            Direction::Read => libc::SHUT_RD,
            Direction::Write => libc::SHUT_WR,
            Direction::Both => libc::SHUT_RDWR,
        };
        // SAFETY: takes numbers only.
        check(unsafe { libc::shutdown(self.number(), how) }).map(|_| ())
    }

    /// `setsockopt(2)`.
    pub fn set_option(&self, level: i32, name: i32, value: &[u8]) -> Result<()> {
        // SAFETY: the kernel reads as many bytes as it is told.
        let result =
            unsafe { libc::setsockopt(self.number(), level, name, value.as_ptr().cast(), length(value.len())) };
        check(result).map(|_| ())
    }

    /// `getsockopt(2)`: `value` holds what the kernel reads first, and its length is the room for the answer.
    pub fn option(&self, level: i32, name: i32, mut value: Vec<u8>) -> Result<Vec<u8>> {
        let mut size = length(value.len());
        // SAFETY: the kernel writes at most `size` bytes of the vector.
        let result = unsafe { libc::getsockopt(self.number(), level, name, value.as_mut_ptr().cast(), &mut size) };
        check(result)?;
        value.truncate(size as usize);
        Ok(value)
    }

    /// Sets an option that is a number.
    pub fn set_number(&self, level: i32, name: i32, value: i32) -> Result<()> {
        self.set_option(level, name, &value.to_ne_bytes())
    }

    /// An option that is a number (one byte or four).
    pub fn number_option(&self, level: i32, name: i32) -> Result<i32> {
        let value = self.option(level, name, vec![0; 4])?;
        let mut bytes = [0; 4];
        bytes[..value.len()].copy_from_slice(&value);
        Ok(i32::from_ne_bytes(bytes))
    }

    /// The error that a connection or a transfer met in the background (`SO_ERROR`).
    pub fn take_error(&self) -> Result<()> {
        match self.number_option(libc::SOL_SOCKET, libc::SO_ERROR)? {
            0 => Ok(()),
            error => Err(Errno(error)),
        }
    }

    /// Sends what there is room for of some buffers (at most [`BUFFERS_MAX`] of them); its size.
    pub fn send(&self, buffers: &[&[u8]], flags: i32) -> Result<usize> {
        let mut filled = buffers.iter().filter(|buffer| !buffer.is_empty());
        if let (Some(only), None) = (filled.next(), filled.next()) {
            let flags = flags | libc::MSG_NOSIGNAL;
            // SAFETY: the kernel reads as many bytes as it is told.
            return check(unsafe { libc::send(self.number(), only.as_ptr().cast(), only.len(), flags) } as i64);
        }
        self.send_message(None, buffers, &[], flags)
    }

    /// `sendmsg(2)`.
    pub fn send_message(
        &self,
        to: Option<&Address>,
        buffers: &[&[u8]],
        control: &[ControlMessage],
        flags: i32,
    ) -> Result<usize> {
        let slices: Vec<IoSlice<'_>> = buffers.iter().take(BUFFERS_MAX).map(|buffer| IoSlice::new(buffer)).collect();
        let control = encode_control(control);
        // SAFETY: all zeros are a valid `msghdr`.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        if let Some(to) = to {
            message.msg_name = to.bytes().as_ptr().cast_mut().cast();
            message.msg_namelen = length(to.bytes().len());
        }
        // An `IoSlice` is laid out as the kernel's `iovec`, as its documentation promises.
        message.msg_iov = slices.as_ptr().cast_mut().cast();
        message.msg_iovlen = slices.len();
        if !control.is_empty() {
            message.msg_control = control.as_ptr().cast_mut().cast();
            message.msg_controllen = control.len();
        }
        // SAFETY: all pointers are to live memory of the lengths beside them, which the kernel only reads.
        check(unsafe { libc::sendmsg(self.number(), &message, flags | libc::MSG_NOSIGNAL) } as i64)
    }

    /// Receives at most `room` bytes and appends them to `buffer`; how many. 0 is the end of a stream.
    pub fn receive(&self, buffer: &mut Vec<u8>, room: usize, flags: i32) -> Result<usize> {
        if room <= ON_STACK_MAX && buffer.capacity() - buffer.len() < room {
            return self.receive_exactly(buffer, room, flags);
        }
        buffer.reserve(room);
        let spare = buffer.spare_capacity_mut();
        let room = room.min(spare.len());
        // SAFETY: the kernel writes at most `room` bytes of the spare capacity.
        let size = check(unsafe { libc::recv(self.number(), spare.as_mut_ptr().cast(), room, flags) } as i64)?;
        let written = buffer.len() + size.min(room);
        // SAFETY: the kernel has filled the bytes up to there.
        unsafe { buffer.set_len(written) };
        Ok(size.min(room))
    }

    /// As [`Socket::receive`], with the stack between: the buffer gets no more memory than what came needs.
    fn receive_exactly(&self, buffer: &mut Vec<u8>, room: usize, flags: i32) -> Result<usize> {
        let mut scratch = [MaybeUninit::<u8>::uninit(); ON_STACK_MAX];
        let room = room.min(scratch.len());
        // SAFETY: the kernel writes at most `room` bytes of the array.
        let size = check(unsafe { libc::recv(self.number(), scratch.as_mut_ptr().cast(), room, flags) } as i64)?;
        let size = size.min(room);
        // SAFETY: the kernel has filled the bytes up to there.
        let bytes = unsafe { std::slice::from_raw_parts(scratch.as_ptr().cast::<u8>(), size) };
        buffer.reserve_exact(size);
        buffer.extend_from_slice(bytes);
        Ok(size)
    }

    /// `recvmsg(2)`: at most `room` bytes, appended to `buffer`, and at most `control_room` bytes of ancillary data.
    pub fn receive_message(
        &self,
        buffer: &mut Vec<u8>,
        room: usize,
        control_room: usize,
        flags: i32,
    ) -> Result<Received> {
        buffer.reserve(room);
        let spare = buffer.spare_capacity_mut();
        let room = room.min(spare.len());
        let mut slice = libc::iovec { iov_base: spare.as_mut_ptr().cast(), iov_len: room };
        let mut address = Address::empty();
        let mut control: Vec<u8> = vec![0; control_room];
        // SAFETY: all zeros are a valid `msghdr`.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_name = address.storage().as_mut_ptr().cast();
        message.msg_namelen = length(ADDRESS_SIZE_MAX);
        message.msg_iov = &mut slice;
        message.msg_iovlen = 1;
        if control_room > 0 {
            message.msg_control = control.as_mut_ptr().cast();
            message.msg_controllen = control.len();
        }
        // SAFETY: all pointers are to live memory of the lengths beside them, which nothing else uses meanwhile.
        let size = check(unsafe { libc::recvmsg(self.number(), &mut message, flags | libc::MSG_CMSG_CLOEXEC) } as i64)?;
        // With `MSG_TRUNC` the kernel tells the size of the whole message.
        let written = buffer.len() + size.min(room);
        // SAFETY: the kernel has filled the bytes up to there.
        unsafe { buffer.set_len(written) };
        address.set_length(message.msg_namelen as usize);
        control.truncate(message.msg_controllen);
        let flags = message.msg_flags & !libc::MSG_CMSG_CLOEXEC;
        Ok(Received { size: size.min(room), address, control: decode_control(&control), flags })
    }

    /// `sendfile(2)`: copies at most `count` bytes of `file` from `offset` on (the file's position when there is none)
    /// to the socket; how many. 0 is the end of the file.
    pub fn send_file(&self, file: impl AsFd, offset: Option<&mut u64>, count: usize) -> Result<usize> {
        Ok(rustix::fs::sendfile(&self.descriptor, file, offset, count)?)
    }

    /// `ioctl(2)` of a request whose argument is a number that the kernel writes.
    pub fn ioctl_number(&self, request: u64) -> Result<i32> {
        let mut number: libc::c_int = 0;
        // SAFETY: the requests of this kind write one `int`; the caller names only such.
        check(unsafe { libc::ioctl(self.number(), request as _, &mut number) })?;
        Ok(number)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Bytes of a `struct cmsghdr`: a length, a level, a type.
const CONTROL_HEADER: usize = size_of::<libc::cmsghdr>();

/// Control messages begin at multiples of the size of a word.
fn aligned(size: usize) -> usize {
    size.next_multiple_of(size_of::<usize>())
}

fn encode_control(messages: &[ControlMessage]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        bytes.extend((CONTROL_HEADER + message.data.len()).to_ne_bytes());
        bytes.extend(message.level.to_ne_bytes());
        bytes.extend(message.kind.to_ne_bytes());
        bytes.extend(&message.data);
        bytes.resize(aligned(bytes.len()), 0);
    }
    bytes
}

/// The control messages in bytes that the kernel wrote (also as the value of `IP_PKTOPTIONS`).
pub fn decode_control(mut bytes: &[u8]) -> Vec<ControlMessage> {
    let mut messages = Vec::new();
    while let Some((header, _)) = bytes.split_at_checked(CONTROL_HEADER) {
        let size = usize::from_ne_bytes(header[..8].try_into().expect("eight bytes"));
        let number = |at: usize| i32::from_ne_bytes(header[at..at + 4].try_into().expect("four bytes"));
        let size = size.min(bytes.len());
        let Some(data) = bytes.get(CONTROL_HEADER..size) else { break };
        messages.push(ControlMessage { level: number(8), kind: number(12), data: data.to_vec() });
        bytes = bytes.get(aligned(size)..).unwrap_or_default();
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn listener() -> (Socket, Address) {
        let listener = Socket::open(libc::AF_INET, libc::SOCK_STREAM, 0).unwrap();
        listener.bind(&Address::inet(Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.listen(5).unwrap();
        let address = listener.name().unwrap();
        (listener, address)
    }

    #[test]
    fn stream() {
        let (listener, address) = listener();
        assert_eq!(listener.accept().unwrap_err(), Errno::EAGAIN);
        let client = Socket::open(libc::AF_INET, libc::SOCK_STREAM, 0).unwrap();
        match client.connect(&address) {
            Ok(()) | Err(Errno::EINPROGRESS) => {}
            Err(error) => panic!("{error}"),
        }
        let (server, peer) = loop {
            match listener.accept() {
                Ok(accepted) => break accepted,
                Err(error) => assert_eq!(error, Errno::EAGAIN),
            }
        };
        assert_eq!(client.take_error(), Ok(()));
        assert_eq!(client.name().unwrap(), peer);
        assert_eq!(server.receive(&mut Vec::new(), 10, 0), Err(Errno::EAGAIN));
        assert_eq!(client.send(&[b"ab", b"c"], 0), Ok(3));
        let mut data = b"x".to_vec();
        while server.receive(&mut data, 10, 0) == Err(Errno::EAGAIN) {}
        assert_eq!(data, b"xabc");
        client.shut_down(Direction::Write).unwrap();
        let mut rest = Vec::new();
        while server.receive(&mut rest, 10, 0) == Err(Errno::EAGAIN) {}
        assert!(rest.is_empty());
        server.set_number(libc::IPPROTO_TCP, libc::TCP_NODELAY, 1).unwrap();
        assert_eq!(server.number_option(libc::IPPROTO_TCP, libc::TCP_NODELAY), Ok(1));
        assert_eq!(server.set_number(libc::SOL_SOCKET, 9999, 1), Err(Errno::ENOPROTOOPT));
    }

    #[test]
    fn datagrams_with_ancillary_data() {
        let socket = Socket::open(libc::AF_INET, libc::SOCK_DGRAM, 0).unwrap();
        socket.bind(&Address::inet(Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_number(libc::IPPROTO_IP, libc::IP_RECVTTL, 1).unwrap();
        let address = socket.name().unwrap();
        let ttl = ControlMessage { level: libc::IPPROTO_IP, kind: libc::IP_TTL, data: 9i32.to_ne_bytes().to_vec() };
        socket.send_message(Some(&address), &[b"abc"], std::slice::from_ref(&ttl), 0).unwrap();
        let mut data = Vec::new();
        let received = loop {
            match socket.receive_message(&mut data, 2, 256, 0) {
                Ok(received) => break received,
                Err(error) => assert_eq!(error, Errno::EAGAIN),
            }
        };
        assert_eq!(data, b"ab");
        assert_eq!((received.size, received.address), (2, address));
        assert_eq!(received.control, [ttl]);
        assert_ne!(received.flags & libc::MSG_TRUNC, 0);
        assert_eq!(decode_control(&encode_control(&received.control)), received.control);
        assert_eq!(decode_control(&[255; 20]).len(), 1);
    }

    #[test]
    fn errors() {
        assert_eq!(Socket::copy_of(1_000_000).unwrap_err(), Errno::EBADF);
        assert_eq!(Socket::open(-1, 0, 0).unwrap_err(), Errno::EAFNOSUPPORT);
    }
}
