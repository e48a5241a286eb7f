//! Network interfaces: `getifaddrs`, `getiflist`, `ifget`, `ifset`.

use super::address::{INET, INET6, take, take_u8, take_u16, take_u32};
use super::stream::Reply;
use super::visit::Visit;
use oxbeam_sys::Errno;
use oxbeam_sys::address::{Address, AddressView};
use oxbeam_sys::network::{Interface, InterfacePart, InterfaceValue, interface_value, interfaces, set_interface_value};
use oxbeam_sys::numbers::*;
use oxbeam_sys::socket::Socket;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV6};

/// Codes of interface options.
const ADDRESS: u8 = 1;
const BROADCAST: u8 = 2;
const DESTINATION: u8 = 3;
const MTU: u8 = 4;
const NETMASK: u8 = 5;
const FLAGS: u8 = 6;
const HARDWARE: u8 = 7;

/// Flags of an interface as `prim_inet` numbers them: the kernel's flag, the bit that says it is set, the bit that asks
/// for clearing it. `running` is told when the interface is up.
const FLAG_BITS: [(i32, u32, u32); 6] = [
    (IFF_UP, 0x01, 0x100),
    (IFF_BROADCAST, 0x02, 0x200),
    (IFF_LOOPBACK, 0x04, 0),
    (IFF_POINTOPOINT, 0x08, 0x800),
    (IFF_UP, 0x10, 0),
    (IFF_MULTICAST, 0x20, 0),
];
/// Those that `ifset` changes.
const SETTABLE: i32 = IFF_UP | IFF_BROADCAST | IFF_POINTOPOINT;
/// Bytes of a hardware address in `ifget`.
const HARDWARE_SIZE: usize = 6;

fn shown_flags(flags: i32) -> u32 {
    FLAG_BITS.iter().filter(|(flag, ..)| flags & flag != 0).map(|(_, bit, _)| bit).sum()
}

/// Code and address, if it is one of a host or a device.
fn put_address(reply: &mut Vec<u8>, code: u8, address: &Address) {
    match address.view() {
        AddressView::Inet { ip: IpAddr::V4(ip), .. } => {
            reply.extend([code, INET]);
            reply.extend(ip.octets());
        }
        AddressView::Inet { ip: IpAddr::V6(ip), .. } => {
            reply.extend([code, INET6]);
            reply.extend(ip.octets());
        }
        AddressView::Link { address, .. } => {
            reply.push(code);
            reply.extend((address.len() as u16).to_be_bytes());
            reply.extend_from_slice(address);
        }
        AddressView::Local(_) | AddressView::Unspecified | AddressView::Other(..) => {}
    }
}

fn put_interface(reply: &mut Vec<u8>, interface: &Interface) {
    // Names are bytes to the kernel; each is told as a character.
    reply.extend(interface.name.iter().map(|&byte| char::from(byte)).collect::<String>().into_bytes());
    reply.extend([0, FLAGS]);
    reply.extend(shown_flags(interface.flags as i32).to_be_bytes());
    if let Some(address) = &interface.address {
        match address.view() {
            AddressView::Inet { .. } => {
                put_address(reply, ADDRESS, address);
                if let Some(netmask) = &interface.netmask {
                    put_address(reply, NETMASK, netmask);
                }
                let flags = interface.flags as i32;
                match &interface.peer {
                    Some(peer) if flags & IFF_POINTOPOINT != 0 => put_address(reply, DESTINATION, peer),
                    Some(peer) if flags & IFF_BROADCAST != 0 => put_address(reply, BROADCAST, peer),
                    _ => {}
                }
            }
            AddressView::Link { address: hardware, .. } if hardware.len() > 1 => {
                put_address(reply, HARDWARE, address);
            }
            _ => {}
        }
    }
    reply.push(0);
}

/// The name that a request begins with, its length first.
fn take_name<'b>(data: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = take_u8(data)?;
    take(data, usize::from(length))
}

fn take_host(data: &mut &[u8]) -> Option<Address> {
    match take_u8(data)? {
        INET => {
            let octets: [u8; 4] = take(data, 4)?.try_into().ok()?;
            Some(Address::inet(Ipv4Addr::from(octets), 0))
        }
        INET6 => {
            let octets: [u8; 16] = take(data, 16)?.try_into().ok()?;
            Some(Address::inet6(SocketAddrV6::new(Ipv6Addr::from(octets), 0, 0, 0)))
        }
        _ => None,
    }
}

impl Visit<'_> {
    /// `getifaddrs`.
    pub(super) fn interface_addresses(&self) -> Reply {
        let all = self.in_namespace(interfaces).map_err(Errno::name)?;
        let mut reply = Vec::new();
        all.iter().for_each(|interface| put_interface(&mut reply, interface));
        Ok(reply)
    }
    /// `getiflist`: the names of interfaces that have an IPv4 address.
    pub(super) fn interface_list(&self) -> Reply {
        let mut reply = Vec::new();
        for interface in interfaces().map_err(Errno::name)? {
            if interface.address.is_some_and(|address| i32::from(address.family()) == AF_INET) {
                reply.extend(interface.name);
                reply.push(0);
            }
        }
        Ok(reply)
    }
    /// `ifget`: name, codes.
    pub(super) fn interface_get(&self, mut data: &[u8]) -> Reply {
        let socket = self.inet.socket.as_ref().ok_or("exbadport")?;
        let name = take_name(&mut data).ok_or("einval")?;
        let mut reply = Vec::new();
        for &code in data {
            get_item(socket, name, code, &mut reply).ok_or("einval")?;
        }
        Ok(reply)
    }
    /// `ifset`: name, codes with values. Failures to set one have never been told.
    pub(super) fn interface_set(&self, mut data: &[u8]) -> Reply {
        let socket = self.inet.socket.as_ref().ok_or("exbadport")?;
        let name = take_name(&mut data).ok_or("einval")?;
        while let Some(code) = take_u8(&mut data) {
            set_item(socket, name, code, &mut data).ok_or("einval")?;
        }
        Ok(Vec::new())
    }
}

fn get_item(socket: &Socket, name: &[u8], code: u8, reply: &mut Vec<u8>) -> Option<()> {
    let ask = |number: u64, part| interface_value(socket, number, name, part);
    let address = |number: u64| ask(number, InterfacePart::Address);
    let found = match code {
        ADDRESS => address(SIOCGIFADDR as u64),
        BROADCAST => address(SIOCGIFBRDADDR as u64),
        DESTINATION => address(SIOCGIFDSTADDR as u64),
        NETMASK => address(SIOCGIFNETMASK as u64),
        HARDWARE => {
            if let Ok(InterfaceValue::Address(address)) = address(SIOCGIFHWADDR as u64) {
                reply.push(HARDWARE);
                reply.extend((HARDWARE_SIZE as u16).to_be_bytes());
                reply.extend_from_slice(&address.bytes()[2..2 + HARDWARE_SIZE]);
            }
            return Some(());
        }
        MTU => ask(SIOCGIFMTU as u64, InterfacePart::Number),
        FLAGS => {
            let flags = ask(SIOCGIFFLAGS as u64, InterfacePart::Flags);
            let flags = if let Ok(InterfaceValue::Number(flags)) = flags { flags } else { 0 };
            reply.push(FLAGS);
            reply.extend(shown_flags(flags).to_be_bytes());
            return Some(());
        }
        _ => return None,
    };
    match found {
        Ok(InterfaceValue::Address(address)) => put_address(reply, code, &address),
        Ok(InterfaceValue::Number(number)) => {
            reply.push(code);
            reply.extend(number.to_be_bytes());
        }
        Ok(InterfaceValue::Name(_) | InterfaceValue::Map(_)) | Err(_) => {}
    }
    Some(())
}

fn set_item(socket: &Socket, name: &[u8], code: u8, data: &mut &[u8]) -> Option<()> {
    let tell = |number: u64, part, value: &InterfaceValue| {
        let _ = set_interface_value(socket, number, name, part, value);
    };
    let mut host = |number: u64| -> Option<()> {
        let address = take_host(data)?;
        tell(number, InterfacePart::Address, &InterfaceValue::Address(address));
        Some(())
    };
    match code {
        ADDRESS => host(SIOCSIFADDR as u64),
        BROADCAST => host(SIOCSIFBRDADDR as u64),
        DESTINATION => host(SIOCSIFDSTADDR as u64),
        NETMASK => host(SIOCSIFNETMASK as u64),
        HARDWARE => {
            let length = take_u16(data)?;
            let hardware = take(data, usize::from(length))?;
            let bytes = [&[0, 0][..], &hardware[..hardware.len().min(14)]].concat();
            let address = Address::from_bytes(&bytes).ok()?;
            tell(SIOCSIFHWADDR as u64, InterfacePart::Address, &InterfaceValue::Address(address));
            Some(())
        }
        MTU => {
            let number = take_u32(data)? as i32;
            tell(SIOCSIFMTU as u64, InterfacePart::Number, &InterfaceValue::Number(number));
            Some(())
        }
        FLAGS => {
            let wanted = take_u32(data)?;
            let old = interface_value(socket, SIOCGIFFLAGS as u64, name, InterfacePart::Flags);
            let old = if let Ok(InterfaceValue::Number(flags)) = old { flags } else { 0 };
            let mut new = old;
            for (flag, set, clear) in FLAG_BITS.into_iter().filter(|(flag, ..)| flag & SETTABLE != 0) {
                if wanted & set != 0 && set != 0x10 {
                    new |= flag;
                }
                if wanted & clear != 0 {
                    new &= !flag;
                }
            }
            if new != old {
                tell(SIOCSIFFLAGS as u64, InterfacePart::Flags, &InterfaceValue::Number(new));
            }
            Some(())
        }
        _ => None,
    }
}
