//! Addresses of sockets, in the kernel's own layout (`struct sockaddr`), made and read without unsafe code.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV6};

use crate::{Errno, Result};

/// Size of `struct sockaddr_storage`: no address is longer.
pub const ADDRESS_SIZE_MAX: usize = size_of::<libc::sockaddr_storage>();
/// Longest path of a unix-domain socket (`sun_path`).
pub const LOCAL_PATH_MAX: usize = 108;
/// Where the path stands in `struct sockaddr_un`.
const LOCAL_PATH_START: usize = 2;
const INET_SIZE: usize = size_of::<libc::sockaddr_in>();
const INET6_SIZE: usize = size_of::<libc::sockaddr_in6>();
const LINK_SIZE: usize = size_of::<libc::sockaddr_ll>();
/// Where `struct sockaddr_ll` keeps the hardware address.
const LINK_ADDRESS_START: usize = 12;

/// An address of any family.
#[derive(Clone, Copy)]
pub struct Address {
    length: u8,
    bytes: [u8; ADDRESS_SIZE_MAX],
}

/// What an address says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressView<'a> {
    /// IPv4 or IPv6; flow information and scope are 0 for IPv4. Flow information is as the kernel keeps it.
    Inet {
        /// the host
        ip: IpAddr,
        /// the port
        port: u16,
        /// `sin6_flowinfo`
        flow: u32,
        /// `sin6_scope_id`
        scope: u32,
    },
    /// A unix-domain socket: the bytes of its path, as many as the kernel tells.
    Local(&'a [u8]),
    /// A network device (`struct sockaddr_ll`).
    Link {
        /// `sll_protocol`, in the order of the network
        protocol: u16,
        /// number of the interface
        interface: i32,
        /// `ARPHRD_*`
        hardware: u16,
        /// `PACKET_*`
        packet: u8,
        /// the hardware address
        address: &'a [u8],
    },
    /// No address.
    Unspecified,
    /// Another family, with the bytes behind the family.
    Other(u16, &'a [u8]),
}

impl Address {
    /// Zeros of this length, for the kernel to fill.
    pub(super) fn empty() -> Address {
        Address { length: 0, bytes: [0; ADDRESS_SIZE_MAX] }
    }
    /// Makes an address of its bytes, the family first; `einval` when they are too many.
    pub fn from_bytes(bytes: &[u8]) -> Result<Address> {
        let mut address = Address::empty();
        address.bytes.get_mut(..bytes.len()).ok_or(Errno::EINVAL)?.copy_from_slice(bytes);
        address.length = bytes.len() as u8;
        Ok(address)
    }
    fn build(parts: &[&[u8]]) -> Address {
        let mut address = Address::empty();
        for part in parts {
            let start = usize::from(address.length);
            address.bytes[start..start + part.len()].copy_from_slice(part);
            address.length += part.len() as u8;
        }
        address
    }
    /// An IPv4 address.
    pub fn inet(ip: Ipv4Addr, port: u16) -> Address {
        Address::build(&[&family_bytes(libc::AF_INET), &port.to_be_bytes(), &ip.octets(), &[0; 8]])
    }
    /// An IPv6 address.
    pub fn inet6(address: SocketAddrV6) -> Address {
        Address::build(&[
            &family_bytes(libc::AF_INET6),
            &address.port().to_be_bytes(),
            &address.flowinfo().to_ne_bytes(),
            &address.ip().octets(),
            &address.scope_id().to_ne_bytes(),
        ])
    }
    /// The address of a unix-domain socket; `einval` when the path is too long. A path that does not start with a zero
    /// byte (as abstract ones do) must leave room for one at its end.
    pub fn local(path: &[u8]) -> Result<Address> {
        let terminator = usize::from(path.first() != Some(&0));
        if path.len() + terminator > LOCAL_PATH_MAX {
            return Err(Errno::EINVAL);
        }
        Ok(Address::build(&[&family_bytes(libc::AF_UNIX), path]))
    }
    /// The address of a network device. `protocol` is in the order of the network.
    pub fn link(protocol: u16, interface: i32, hardware: u16, packet: u8, address: &[u8]) -> Result<Address> {
        let mut octets = [0; 8];
        octets.get_mut(..address.len()).ok_or(Errno::EINVAL)?.copy_from_slice(address);
        Ok(Address::build(&[
            &family_bytes(libc::AF_PACKET),
            &protocol.to_ne_bytes(),
            &interface.to_ne_bytes(),
            &hardware.to_ne_bytes(),
            &[packet, address.len() as u8],
            &octets,
        ]))
    }
    /// The address that dissolves the association of a datagram socket.
    pub fn unspecified() -> Address {
        Address::build(&[&family_bytes(libc::AF_UNSPEC), &[0; INET_SIZE - 2]])
    }
    /// The kernel's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
    pub(super) fn storage(&mut self) -> &mut [u8; ADDRESS_SIZE_MAX] {
        &mut self.bytes
    }
    pub(super) fn set_length(&mut self, length: usize) {
        self.length = length.min(ADDRESS_SIZE_MAX) as u8;
    }
    /// The family's number, 0 when there is none.
    pub fn family(&self) -> u16 {
        if self.length < 2 { 0 } else { u16::from_ne_bytes([self.bytes[0], self.bytes[1]]) }
    }
    /// What it says.
    pub fn view(&self) -> AddressView<'_> {
        let bytes = self.bytes();
        match (i32::from(self.family()), bytes.len()) {
            (libc::AF_INET, INET_SIZE..) => AddressView::Inet {
                ip: Ipv4Addr::from(array(bytes, 4)).into(),
                port: u16::from_be_bytes(array(bytes, 2)),
                flow: 0,
                scope: 0,
            },
            (libc::AF_INET6, INET6_SIZE..) => AddressView::Inet {
                ip: Ipv6Addr::from(array::<16>(bytes, 8)).into(),
                port: u16::from_be_bytes(array(bytes, 2)),
                flow: u32::from_ne_bytes(array(bytes, 4)),
                scope: u32::from_ne_bytes(array(bytes, 24)),
            },
            (libc::AF_UNIX, LOCAL_PATH_START..) => AddressView::Local(&bytes[LOCAL_PATH_START..]),
            (libc::AF_PACKET, LINK_SIZE..) => {
                let count = usize::from(bytes[LINK_ADDRESS_START - 1]).min(8);
                AddressView::Link {
                    protocol: u16::from_ne_bytes(array(bytes, 2)),
                    interface: i32::from_ne_bytes(array(bytes, 4)),
                    hardware: u16::from_ne_bytes(array(bytes, 8)),
                    packet: bytes[10],
                    address: &bytes[LINK_ADDRESS_START..LINK_ADDRESS_START + count],
                }
            }
            (libc::AF_UNSPEC, _) => AddressView::Unspecified,
            (family, _) => AddressView::Other(family as u16, &bytes[2..]),
        }
    }
    /// The port; `None` for an address that has none.
    pub fn port(&self) -> Option<u16> {
        match self.view() {
            AddressView::Inet { port, .. } => Some(port),
            _ => None,
        }
    }
}

fn family_bytes(family: i32) -> [u8; 2] {
    (family as u16).to_ne_bytes()
}

fn array<const N: usize>(bytes: &[u8], start: usize) -> [u8; N] {
    bytes[start..start + N].try_into().expect("the caller has checked the length")
}

impl PartialEq for Address {
    fn eq(&self, other: &Address) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Address {}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views() {
        let inet = Address::inet(Ipv4Addr::LOCALHOST, 80);
        assert_eq!(inet.view(), AddressView::Inet { ip: Ipv4Addr::LOCALHOST.into(), port: 80, flow: 0, scope: 0 });
        let inet6 = Address::inet6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 81, 5, 6));
        assert_eq!(inet6.view(), AddressView::Inet { ip: Ipv6Addr::LOCALHOST.into(), port: 81, flow: 5, scope: 6 });
        assert_eq!(inet6.port(), Some(81));
        assert_eq!(Address::local(b"/tmp/x").unwrap().view(), AddressView::Local(b"/tmp/x"));
        assert_eq!(Address::local(&[b'x'; 108]), Err(Errno::EINVAL));
        assert_eq!(Address::local(&[0; 108]).unwrap().bytes().len(), 110);
        assert_eq!(Address::from_bytes(&[]).unwrap().view(), AddressView::Unspecified);
        assert_eq!(Address::from_bytes(&[0; 129]), Err(Errno::EINVAL));
        let link = Address::link(3, 1, 772, 0, &[1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(link.bytes().len(), LINK_SIZE);
        assert!(matches!(link.view(), AddressView::Link { interface: 1, address: [1, 2, 3, 4, 5, 6], .. }));
    }
}
