//! Network interfaces, and the names of services and hosts as the C library knows them.
//!
//! The look-ups of hosts may take long: call them on a thread that may wait.

use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::ptr;

use super::address::{ADDRESS_SIZE_MAX, Address};
use super::socket::Socket;
use crate::{Errno, Result};

/// One entry of `getifaddrs(3)`: an interface appears once for each of its addresses.
#[derive(Clone, Debug)]
pub struct Interface {
    /// its name
    pub name: Vec<u8>,
    /// `IFF_*`
    pub flags: u32,
    /// one of its addresses
    pub address: Option<Address>,
    /// the mask that goes with the address
    pub netmask: Option<Address>,
    /// the broadcast address, or that of the other end (`IFF_POINTOPOINT`)
    pub peer: Option<Address>,
}

/// Does something in the network namespace that the file `path` names.
///
/// A thread of its own enters the namespace: that of the calling thread does not change.
pub fn in_namespace<T: Send>(path: &[u8], work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    use rustix::fs::{Mode, OFlags};
    let namespace = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    std::thread::scope(|scope| {
        let enter_and_work = || {
            // SAFETY: takes a descriptor that is open; changes only the namespace of this thread.
            if unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) } != 0 {
                return Err(Errno::last());
            }
            work()
        };
        let thread = std::thread::Builder::new().name("namespace".into()).spawn_scoped(scope, enter_and_work)?;
        thread.join().map_err(|_| Errno::EIO)?
    })
}

/// How many bytes an address of this family has.
fn address_size(family: i32) -> usize {
    match family {
        libc::AF_INET => size_of::<libc::sockaddr_in>(),
        libc::AF_INET6 => size_of::<libc::sockaddr_in6>(),
        libc::AF_PACKET => size_of::<libc::sockaddr_ll>(),
        libc::AF_UNIX => size_of::<libc::sockaddr_un>(),
        _ => size_of::<libc::sockaddr>(),
    }
}

/// # Safety
/// `address` is null or points to an address as the kernel lays it out, with all bytes of its family.
unsafe fn read_address(address: *const libc::sockaddr) -> Option<Address> {
    if address.is_null() {
        return None;
    }
    // SAFETY: by the caller's promise.
    let bytes = unsafe {
        let size = address_size(i32::from((*address).sa_family));
        std::slice::from_raw_parts(address.cast::<u8>(), size)
    };
    Address::from_bytes(bytes).ok()
}

/// All addresses of all interfaces.
pub fn interfaces() -> Result<Vec<Interface>> {
    let mut list = ptr::null_mut();
    // SAFETY: writes the list's address to where it is told.
    if unsafe { libc::getifaddrs(&mut list) } != 0 {
        return Err(Errno::last());
    }
    let mut found = Vec::new();
    let mut next: *const libc::ifaddrs = list;
    while !next.is_null() {
        // SAFETY: elements of the list stay as they are until `freeifaddrs`; names end in zero; the union of the
        // broadcast address and the peer holds an address or null in either reading.
        unsafe {
            let entry = &*next;
            found.push(Interface {
                name: CStr::from_ptr(entry.ifa_name).to_bytes().to_vec(),
                flags: entry.ifa_flags,
                address: read_address(entry.ifa_addr),
                netmask: read_address(entry.ifa_netmask),
                peer: read_address(entry.ifa_ifu),
            });
            next = entry.ifa_next;
        }
    }
    // SAFETY: the list is from `getifaddrs`, and nothing of it is used any more.
    unsafe { libc::freeifaddrs(list) };
    Ok(found)
}

/// The number of an interface; `enodev` when there is none of this name.
pub fn interface_index(name: &[u8]) -> Result<u32> {
    let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the name ends in zero.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(Errno::last()),
        index => Ok(index),
    }
}

/// The name of the interface with this number; `enxio` when there is none.
pub fn interface_name(index: u32) -> Result<Vec<u8>> {
    let mut name: [c_char; libc::IF_NAMESIZE] = [0; libc::IF_NAMESIZE];
    // SAFETY: the room is as large as the function demands.
    if unsafe { libc::if_indextoname(index, name.as_mut_ptr()) }.is_null() {
        return Err(Errno::last());
    }
    // SAFETY: the function has written a name that ends in zero.
    Ok(unsafe { CStr::from_ptr(name.as_ptr()) }.to_bytes().to_vec())
}

/// Numbers and names of all interfaces.
pub fn interface_names() -> Result<Vec<(u32, Vec<u8>)>> {
    // SAFETY: the list stays as it is until it is freed; it ends with an entry of number 0.
    unsafe {
        let list = libc::if_nameindex();
        if list.is_null() {
            return Err(Errno::last());
        }
        let mut names = Vec::new();
        let mut next = list;
        while (*next).if_index != 0 {
            names.push(((*next).if_index, CStr::from_ptr((*next).if_name).to_bytes().to_vec()));
            next = next.add(1);
        }
        libc::if_freenameindex(list);
        Ok(names)
    }
}

/// What is asked or told of an interface by `ioctl` of any socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InterfaceValue {
    /// an address: bytes as of `struct sockaddr`
    Address(Address),
    /// a number (flags, MTU, index, ...)
    Number(i32),
    /// a name
    Name(Vec<u8>),
    /// six numbers of a device: memory start, memory end, base address, interrupt, DMA, port
    Map([u64; 6]),
}

/// Which part of `struct ifreq` a request uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterfacePart {
    /// `ifr_addr` and its relatives
    Address,
    /// `ifr_flags`: 16 bits
    Flags,
    /// `ifr_mtu` and its relatives: 32 bits
    Number,
    /// `ifr_name`, asked by `ifr_ifindex`
    Name,
    /// `ifr_map`
    Map,
}

fn request(name: &[u8]) -> libc::ifreq {
    // SAFETY: all zeros are a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero.
    for (place, byte) in request.ifr_name.iter_mut().zip(name.iter().take(libc::IFNAMSIZ - 1)) {
        *place = *byte as c_char;
    }
    request
}

/// The 16 bytes of the union in `struct ifreq`, an address as far as they go.
fn address_of(request: &libc::ifreq) -> Option<Address> {
    // SAFETY: every bit pattern is a `sockaddr`.
    let address = unsafe { request.ifr_ifru.ifru_addr };
    let mut bytes = address.sa_family.to_ne_bytes().to_vec();
    bytes.extend(address.sa_data.map(|byte| byte as u8));
    Address::from_bytes(&bytes).ok()
}

fn interface_ioctl(socket: &Socket, number: u64, request: &mut libc::ifreq) -> Result<()> {
    // SAFETY: the requests that `part` of the callers goes with read and write one `ifreq`.
    if unsafe { libc::ioctl(socket.number(), number as _, request as *mut libc::ifreq) } < 0 {
        return Err(Errno::last());
    }
    Ok(())
}

/// Asks the kernel about an interface (`SIOCGIF*`).
pub fn interface_value(socket: &Socket, number: u64, name: &[u8], part: InterfacePart) -> Result<InterfaceValue> {
    let mut asked = request(name);
    interface_ioctl(socket, number, &mut asked)?;
    // SAFETY: every bit pattern is a value of these members.
    Ok(unsafe {
        match part {
            InterfacePart::Address => InterfaceValue::Address(address_of(&asked).ok_or(Errno::EINVAL)?),
            InterfacePart::Flags => InterfaceValue::Number(i32::from(asked.ifr_ifru.ifru_flags)),
            InterfacePart::Number => InterfaceValue::Number(asked.ifr_ifru.ifru_mtu),
            InterfacePart::Name => {
                let name: Vec<u8> = asked.ifr_name.iter().map(|&byte| byte as u8).take_while(|&b| b != 0).collect();
                InterfaceValue::Name(name)
            }
            InterfacePart::Map => {
                let map = asked.ifr_ifru.ifru_map;
                InterfaceValue::Map([
                    map.mem_start as u64,
                    map.mem_end as u64,
                    u64::from(map.base_addr),
                    u64::from(map.irq),
                    u64::from(map.dma),
                    u64::from(map.port),
                ])
            }
        }
    })
}

/// The name of an interface, asked by its number through a socket (`SIOCGIFNAME`).
pub fn interface_name_by_socket(socket: &Socket, index: i32) -> Result<Vec<u8>> {
    let mut asked = request(b"");
    asked.ifr_ifru.ifru_ifindex = index;
    interface_ioctl(socket, libc::SIOCGIFNAME as u64, &mut asked)?;
    Ok(asked.ifr_name.iter().map(|&byte| byte as u8).take_while(|&byte| byte != 0).collect())
}

/// Tells the kernel a value of an interface (`SIOCSIF*`).
pub fn set_interface_value(
    socket: &Socket,
    number: u64,
    name: &[u8],
    part: InterfacePart,
    value: &InterfaceValue,
) -> Result<()> {
    let mut told = request(name);
    match (value, part) {
        (InterfaceValue::Address(address), _) => {
            let mut bytes = [0u8; 16];
            let given = address.bytes();
            let count = given.len().min(16);
            bytes[..count].copy_from_slice(&given[..count]);
            told.ifr_ifru.ifru_addr = libc::sockaddr {
                sa_family: u16::from_ne_bytes([bytes[0], bytes[1]]),
                sa_data: std::array::from_fn(|at| bytes[at + 2] as c_char),
            };
        }
        (InterfaceValue::Number(number), InterfacePart::Flags) => told.ifr_ifru.ifru_flags = *number as i16,
        (InterfaceValue::Number(number), _) => told.ifr_ifru.ifru_mtu = *number,
        (InterfaceValue::Name(_) | InterfaceValue::Map(_), _) => return Err(Errno::EINVAL),
    }
    interface_ioctl(socket, number, &mut told)
}

fn optional_text(text: Option<&[u8]>) -> Option<Option<CString>> {
    text.map(CString::new).transpose().ok()
}

/// The text for the C library: null for none.
fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(ptr::null(), |text| text.as_ptr())
}

/// The port of a service; of any protocol if none is said.
pub fn service_by_name(name: &[u8], protocol: Option<&[u8]>) -> Option<u16> {
    let (name, protocol) = (CString::new(name).ok()?, optional_text(protocol)?);
    service(|entry, room, size, found| {
        // SAFETY: the names end in zero; the other arguments are as `service` makes them.
        unsafe { getservbyname_r(name.as_ptr(), pointer(&protocol), entry, room, size, found) }
    })
    .map(|(_, port)| port)
}

/// The service that has this port; of any protocol if none is said.
pub fn service_by_port(port: u16, protocol: Option<&[u8]>) -> Option<Vec<u8>> {
    let protocol = optional_text(protocol)?;
    service(|entry, room, size, found| {
        // SAFETY: the name ends in zero; the other arguments are as `service` makes them.
        unsafe { getservbyport_r(c_int::from(port.to_be()), pointer(&protocol), entry, room, size, found) }
    })
    .map(|(name, _)| name)
}

// The thread-safe forms; they are not in the `libc` crate's list.
unsafe extern "C" {
    fn getservbyname_r(
        name: *const c_char,
        protocol: *const c_char,
        entry: *mut libc::servent,
        room: *mut c_char,
        size: usize,
        found: *mut *mut libc::servent,
    ) -> c_int;
    fn getservbyport_r(
        port: c_int,
        protocol: *const c_char,
        entry: *mut libc::servent,
        room: *mut c_char,
        size: usize,
        found: *mut *mut libc::servent,
    ) -> c_int;
}

fn service(
    ask: impl Fn(*mut libc::servent, *mut c_char, usize, *mut *mut libc::servent) -> c_int,
) -> Option<(Vec<u8>, u16)> {
    let mut room: Vec<c_char> = vec![0; 1024];
    loop {
        let mut entry = MaybeUninit::<libc::servent>::uninit();
        let mut found = ptr::null_mut();
        match ask(entry.as_mut_ptr(), room.as_mut_ptr(), room.len(), &mut found) {
            libc::ERANGE if room.len() < 1 << 20 => room.resize(room.len() * 2, 0),
            0 if !found.is_null() => {
                // SAFETY: `found` points to the entry, filled now; its name ends in zero and lives in `room`.
                return Some(unsafe {
                    let name = CStr::from_ptr((*found).s_name).to_bytes().to_vec();
                    (name, u16::from_be((*found).s_port as u16))
                });
            }
            _ => return None,
        }
    }
}

/// One answer of `getaddrinfo(3)`.
#[derive(Clone, Debug)]
pub struct AddressInfo {
    /// `AF_*`
    pub family: i32,
    /// `SOCK_*`
    pub kind: i32,
    /// `IPPROTO_*`
    pub protocol: i32,
    /// the address
    pub address: Address,
}

/// A failure of `getaddrinfo(3)` or `getnameinfo(3)`: the name of its `EAI_*` as OTP's `net` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameError(c_int);

impl NameError {
    /// The atom of this error.
    pub fn name(self) -> &'static str {
        match self.0 {
            libc::EAI_AGAIN => "eagain",
            libc::EAI_BADFLAGS => "ebadflags",
            libc::EAI_FAIL => "efail",
            libc::EAI_FAMILY => "efamily",
            libc::EAI_MEMORY => "emem",
            libc::EAI_NODATA => "enodata",
            libc::EAI_NONAME => "enoname",
            libc::EAI_SERVICE => "eservice",
            libc::EAI_SOCKTYPE => "esocktype",
            libc::EAI_SYSTEM => "esystem",
            libc::EAI_OVERFLOW => "eoverflow",
            _ => "einval",
        }
    }
}

/// Addresses of a host and a service. May wait for name servers.
pub fn address_info(host: Option<&[u8]>, service: Option<&[u8]>) -> std::result::Result<Vec<AddressInfo>, NameError> {
    let c_string = |text: Option<&[u8]>| text.map(CString::new).transpose().map_err(|_| NameError(libc::EAI_NONAME));
    let (host, service) = (c_string(host)?, c_string(service)?);
    let mut list = ptr::null_mut();
    // SAFETY: the names are null or end in zero; the list's address is written to where it is told.
    let outcome = unsafe { libc::getaddrinfo(pointer(&host), pointer(&service), ptr::null(), &mut list) };
    if outcome != 0 {
        return Err(NameError(outcome));
    }
    let mut found = Vec::new();
    let mut next: *const libc::addrinfo = list;
    while !next.is_null() {
        // SAFETY: elements of the list stay as they are until `freeaddrinfo`; each address has the length beside it.
        unsafe {
            let entry = &*next;
            let bytes = std::slice::from_raw_parts(entry.ai_addr.cast::<u8>(), entry.ai_addrlen as usize);
            if let Ok(address) = Address::from_bytes(bytes) {
                let (family, kind, protocol) = (entry.ai_family, entry.ai_socktype, entry.ai_protocol);
                found.push(AddressInfo { family, kind, protocol, address });
            }
            next = entry.ai_next;
        }
    }
    // SAFETY: the list is from `getaddrinfo`, and nothing of it is used any more.
    unsafe { libc::freeaddrinfo(list) };
    Ok(found)
}

/// Longest names of hosts and services (`NI_MAXHOST`, `NI_MAXSERV`).
const HOST_NAME_MAX: usize = 1025;
const SERVICE_NAME_MAX: usize = 32;

/// Host and service of an address (`getnameinfo(3)`). May wait for name servers.
pub fn name_info(address: &Address, flags: i32) -> std::result::Result<(Vec<u8>, Vec<u8>), NameError> {
    let bytes = address.bytes();
    let mut host: [c_char; HOST_NAME_MAX] = [0; HOST_NAME_MAX];
    let mut service: [c_char; SERVICE_NAME_MAX] = [0; SERVICE_NAME_MAX];
    // SAFETY: the address has the length beside it, and both names have the room that is told.
    let outcome = unsafe {
        libc::getnameinfo(
            bytes.as_ptr().cast(),
            bytes.len().min(ADDRESS_SIZE_MAX) as libc::socklen_t,
            host.as_mut_ptr(),
            HOST_NAME_MAX as libc::socklen_t,
            service.as_mut_ptr(),
            SERVICE_NAME_MAX as libc::socklen_t,
            flags,
        )
    };
    if outcome != 0 {
        return Err(NameError(outcome));
    }
    let text = |name: &[c_char]| name.iter().map(|&byte| byte as u8).take_while(|&byte| byte != 0).collect();
    Ok((text(&host), text(&service)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn loopback() {
        let all = interfaces().unwrap();
        let address = Address::inet(Ipv4Addr::LOCALHOST, 0);
        let loopback = all.iter().find(|interface| interface.address == Some(address)).expect("there is a loopback");
        assert_ne!(loopback.flags & libc::IFF_LOOPBACK as u32, 0);
        let index = interface_index(&loopback.name).unwrap();
        assert_eq!(interface_name(index).unwrap(), loopback.name);
        assert!(interface_names().unwrap().contains(&(index, loopback.name.clone())));
        let socket = Socket::open(libc::AF_INET, libc::SOCK_DGRAM, 0).unwrap();
        let value = interface_value(&socket, libc::SIOCGIFADDR as u64, &loopback.name, InterfacePart::Address);
        assert_eq!(value.unwrap(), InterfaceValue::Address(address));
        assert_eq!(interface_name_by_socket(&socket, index as i32).unwrap(), loopback.name);
        assert_eq!(interface_index(b"none-such"), Err(Errno::ENODEV));
        assert_eq!(in_namespace(b"/nonexistent", || Ok(())), Err(Errno::ENOENT));
    }

    #[test]
    fn names() {
        assert_eq!(service_by_name(b"none-such", Some(b"tcp")), None);
        let found = address_info(Some(b"127.0.0.1"), Some(b"80")).unwrap();
        assert!(found.iter().any(|info| info.kind == libc::SOCK_STREAM && info.address.port() == Some(80)));
        let numeric = libc::NI_NUMERICHOST | libc::NI_NUMERICSERV;
        let names = name_info(&Address::inet(Ipv4Addr::LOCALHOST, 80), numeric).unwrap();
        assert_eq!(names, (b"127.0.0.1".to_vec(), b"80".to_vec()));
        assert_eq!(name_info(&Address::unspecified(), numeric).unwrap_err().name(), "efamily");
    }
}
