//! Names of hosts. The look-ups may take long: call them on a thread that may wait.

use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The name of this host.
pub fn hostname() -> Vec<u8> {
    rustix::system::uname().nodename().to_bytes().to_vec()
}

/// The operating system's name and version, as `uname` gives them: for `os:type/0` and `os:version/0`.
pub fn operating_system() -> (Vec<u8>, Vec<u8>) {
    let uname = rustix::system::uname();
    (uname.sysname().to_bytes().to_vec(), uname.release().to_bytes().to_vec())
}

/// The kind of addresses asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `inet`
    V4,
    /// `inet6`
    V6,
}

/// What is known about a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostEntry {
    /// the official name, then other names; the first is missing only if the system knows none
    pub names: Vec<Vec<u8>>,
    /// its addresses, all of one kind
    pub addresses: Vec<IpAddr>,
}

/// Why a look-up failed, in the words of OTP's `inet_gethost`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupError {
    /// no such host
    NotFound,
    /// perhaps later
    TryAgain,
    /// the name server failed
    NoRecovery,
    /// a host without such an address
    NoData,
    /// anything else
    Internal,
}

impl LookupError {
    /// The atom OTP knows it by.
    pub fn name(self) -> &'static str {
        match self {
            LookupError::NotFound => "notfound",
            LookupError::TryAgain => "try_again",
            LookupError::NoRecovery => "no_recovery",
            LookupError::NoData => "no_data",
            LookupError::Internal => "netdb_internal",
        }
    }

    fn from_h_errno(code: c_int) -> LookupError {
        match code {
            1 => LookupError::NotFound,
            2 => LookupError::TryAgain,
            3 => LookupError::NoRecovery,
            4 => LookupError::NoData,
            _ => LookupError::Internal,
        }
    }

    fn from_eai(code: c_int) -> LookupError {
        match code {
            libc::EAI_AGAIN => LookupError::TryAgain,
            libc::EAI_FAIL | libc::EAI_NODATA | libc::EAI_NONAME => LookupError::NotFound,
            _ => LookupError::Internal,
        }
    }
}

/// The addresses of a host.
pub fn host_by_name(name: &[u8], family: Family) -> Result<HostEntry, LookupError> {
    let name = CString::new(name).map_err(|_| LookupError::NotFound)?;
    match family {
        Family::V4 => host_entry(|entry, buffer, found, h_errno| {
            // SAFETY: the name is a C string; the other arguments are as `host_entry` makes them.
            unsafe {
                let (room, size) = (buffer.as_mut_ptr(), buffer.len());
                gethostbyname_r(name.as_ptr(), entry, room, size, found, h_errno)
            }
        }),
        Family::V6 => host_by_name_v6(&name),
    }
}

/// The names of the host with an address.
pub fn host_by_address(address: IpAddr) -> Result<HostEntry, LookupError> {
    match address {
        IpAddr::V4(address) => {
            let octets = address.octets();
            host_entry(|entry, buffer, found, h_errno| {
                // SAFETY: four octets are an address of this kind; the other arguments are as `host_entry`
                // makes them.
                unsafe {
                    let (room, size) = (buffer.as_mut_ptr(), buffer.len());
                    gethostbyaddr_r(octets.as_ptr().cast(), 4, libc::AF_INET, entry, room, size, found, h_errno)
                }
            })
        }
        IpAddr::V6(address) => host_by_address_v6(address),
    }
}

// The functions ERTS's own program uses for IPv4 (in their thread-safe form): unlike getaddrinfo they give
// aliases. They are not in the `libc` crate's list.
unsafe extern "C" {
    fn gethostbyname_r(
        name: *const c_char,
        entry: *mut libc::hostent,
        buffer: *mut c_char,
        size: usize,
        found: *mut *mut libc::hostent,
        h_errno: *mut c_int,
    ) -> c_int;
    #[allow(clippy::too_many_arguments, reason = "as many as the C function has")]
    fn gethostbyaddr_r(
        address: *const libc::c_void,
        length: libc::socklen_t,
        family: c_int,
        entry: *mut libc::hostent,
        buffer: *mut c_char,
        size: usize,
        found: *mut *mut libc::hostent,
        h_errno: *mut c_int,
    ) -> c_int;
}

/// The largest answer that is waited for.
const BUFFER_SIZE_MAX: usize = 1 << 20;

/// Calls one of the functions above with more and more room until the answer fits.
fn host_entry(
    ask: impl Fn(*mut libc::hostent, &mut [c_char], *mut *mut libc::hostent, *mut c_int) -> c_int,
) -> Result<HostEntry, LookupError> {
    let mut buffer: Vec<c_char> = vec![0; 1024];
    loop {
        let mut entry = MaybeUninit::<libc::hostent>::uninit();
        let mut found = std::ptr::null_mut();
        let mut h_errno = 0;
        let errno = ask(entry.as_mut_ptr(), &mut buffer, &mut found, &mut h_errno);
        if errno == libc::ERANGE && buffer.len() < BUFFER_SIZE_MAX {
            buffer.resize(buffer.len() * 2, 0);
        } else if errno != 0 || found.is_null() {
            return Err(LookupError::from_h_errno(h_errno));
        } else {
            // SAFETY: the call succeeded: `found` points to `entry`, which was filled and points into `buffer`.
            return Ok(unsafe { copy_entry(&*found) });
        }
    }
}

/// # Safety
///
/// The entry's pointers are valid: names are C strings, both lists end with a null pointer, and addresses have
/// the length the entry says.
unsafe fn copy_entry(entry: &libc::hostent) -> HostEntry {
    let mut names = Vec::new();
    if !entry.h_name.is_null() {
        // SAFETY: a C string, as the caller promises.
        names.push(unsafe { CStr::from_ptr(entry.h_name) }.to_bytes().to_vec());
    }
    // SAFETY: a list that ends with a null pointer, as the caller promises.
    for alias in unsafe { pointers(entry.h_aliases) } {
        // SAFETY: a C string, as the caller promises.
        names.push(unsafe { CStr::from_ptr(alias) }.to_bytes().to_vec());
    }
    // SAFETY: a list that ends with a null pointer, as the caller promises.
    let list = unsafe { pointers(entry.h_addr_list) };
    let length = usize::try_from(entry.h_length).unwrap_or(0);
    let addresses = list.into_iter().filter_map(|address| {
        // SAFETY: addresses have `h_length` bytes, as the caller promises.
        address_from(unsafe { std::slice::from_raw_parts(address.cast::<u8>(), length) })
    });
    HostEntry { names, addresses: addresses.collect() }
}

/// # Safety
///
/// `list` is null or points to pointers, the last of which is null.
unsafe fn pointers(list: *mut *mut c_char) -> Vec<*mut c_char> {
    let mut all = Vec::new();
    if list.is_null() {
        return all;
    }
    loop {
        // SAFETY: no null pointer came before this one, so the list goes on up to here.
        let pointer = unsafe { *list.add(all.len()) };
        if pointer.is_null() {
            return all;
        }
        all.push(pointer);
    }
}

fn address_from(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(octets).into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|octets| Ipv6Addr::from(octets).into())
}

fn host_by_name_v6(name: &CStr) -> Result<HostEntry, LookupError> {
    // SAFETY: integers and null pointers are valid zeros.
    let mut hints: libc::addrinfo = unsafe { MaybeUninit::zeroed().assume_init() };
    hints.ai_flags = libc::AI_CANONNAME;
    hints.ai_socktype = libc::SOCK_STREAM;
    hints.ai_family = libc::AF_INET6;
    let mut first = std::ptr::null_mut();
    // SAFETY: the name is a C string, hints and answer are values of ours.
    let code = unsafe { libc::getaddrinfo(name.as_ptr(), std::ptr::null(), &hints, &mut first) };
    if code != 0 {
        return Err(LookupError::from_eai(code));
    }
    let mut entry = HostEntry { names: Vec::new(), addresses: Vec::new() };
    let mut next = first;
    while !next.is_null() {
        // SAFETY: a non-null pointer of the list the call made, which is freed below.
        let info = unsafe { &*next };
        if !info.ai_canonname.is_null() {
            // SAFETY: a C string of that list.
            entry.names.push(unsafe { CStr::from_ptr(info.ai_canonname) }.to_bytes().to_vec());
        }
        if !info.ai_addr.is_null() && info.ai_family == libc::AF_INET6 {
            // SAFETY: the family says which structure the pointer is to.
            let address = unsafe { &*info.ai_addr.cast::<libc::sockaddr_in6>() };
            entry.addresses.push(Ipv6Addr::from(address.sin6_addr.s6_addr).into());
        }
        next = info.ai_next;
    }
    // SAFETY: made by the call, and everything in it was copied.
    unsafe { libc::freeaddrinfo(first) };
    Ok(entry)
}

fn host_by_address_v6(address: Ipv6Addr) -> Result<HostEntry, LookupError> {
    // SAFETY: a structure of integers.
    let mut socket: libc::sockaddr_in6 = unsafe { MaybeUninit::zeroed().assume_init() };
    socket.sin6_family = libc::AF_INET6 as libc::sa_family_t;
    socket.sin6_addr.s6_addr = address.octets();
    let mut name: [c_char; libc::NI_MAXHOST as usize] = [0; libc::NI_MAXHOST as usize];
    // SAFETY: the address and its size belong together, and so do the room for the name and its size; a null
    // pointer of size 0 means that the service is not wanted.
    let code = unsafe {
        libc::getnameinfo(
            (&raw const socket).cast(),
            size_of_val(&socket) as libc::socklen_t,
            name.as_mut_ptr(),
            name.len() as libc::socklen_t,
            std::ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    };
    if code != 0 {
        return Err(LookupError::from_eai(code));
    }
    // SAFETY: the call succeeded and wrote a C string.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) }.to_bytes().to_vec();
    Ok(HostEntry { names: vec![name], addresses: vec![address.into()] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost() {
        let entry = host_by_name(b"localhost", Family::V4).unwrap();
        assert_eq!(entry.addresses, [IpAddr::from([127, 0, 0, 1])]);
        assert_eq!(entry.names[0], b"localhost");
        let entry = host_by_address([127, 0, 0, 1].into()).unwrap();
        assert!(entry.names.contains(&b"localhost".to_vec()));
        assert_eq!(entry.addresses, [IpAddr::from([127, 0, 0, 1])]);
        if let Ok(entry) = host_by_name(b"::1", Family::V6) {
            assert_eq!(entry.addresses, [IpAddr::from(Ipv6Addr::LOCALHOST)]);
        }
    }

    #[test]
    fn failures() {
        assert_eq!(host_by_name(b"a\0b", Family::V4), Err(LookupError::NotFound));
        assert!(host_by_name(b"no-such-host.invalid", Family::V4).is_err());
        assert!(host_by_name(b"no-such-host.invalid", Family::V6).is_err());
    }

    #[test]
    fn this_host() {
        assert_eq!(hostname(), std::fs::read("/proc/sys/kernel/hostname").unwrap().trim_ascii());
    }
}
