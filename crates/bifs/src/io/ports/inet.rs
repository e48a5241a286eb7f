//! The drivers `udp_inet`, `tcp_inet` and `sctp_inet`, as far as starting the system needs them: a UDP socket that can
//! be opened and bound and tells the host's name. Every other request is refused with an error that names it.

use oxbeam_sys::name::hostname;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// What `prim_inet` adds to the number of each request.
const CONTROL_MAGIC: u32 = 0x03f1_a300;

const REPLY_ERROR: u8 = 0;
const REPLY_OK: u8 = 1;

const FAMILY_INET: u8 = 1;
const FAMILY_INET6: u8 = 2;
const FAMILY_ANY: u8 = 3;
const FAMILY_LOOPBACK: u8 = 4;
const TYPE_DATAGRAM: u8 = 2;
const SUBSCRIBE_EMPTY_OUT_QUEUE: u8 = 1;

/// Which driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Protocol {
    Udp,
    Tcp,
    Sctp,
}

impl Protocol {
    /// The driver with this name.
    pub(crate) fn of_driver(name: &[u8]) -> Option<Protocol> {
        match name {
            b"udp_inet" => Some(Protocol::Udp),
            b"tcp_inet" => Some(Protocol::Tcp),
            b"sctp_inet" => Some(Protocol::Sctp),
            _ => None,
        }
    }
    fn name(self) -> &'static str {
        match self {
            Protocol::Udp => "udp_inet",
            Protocol::Tcp => "tcp_inet",
            Protocol::Sctp => "sctp_inet",
        }
    }
}

/// One socket.
pub(crate) struct Inet {
    protocol: Protocol,
    /// Address family, once it is open.
    family: Option<u8>,
    socket: Option<UdpSocket>,
}

impl Inet {
    pub(crate) fn new(protocol: Protocol) -> Inet {
        Inet { protocol, family: None, socket: None }
    }
    /// Answers `port_control/3`; `None` is `badarg`.
    pub(crate) fn control(&mut self, operation: u32, data: &[u8]) -> Option<Vec<u8>> {
        let request = operation.checked_sub(CONTROL_MAGIC)?;
        let reply = match request {
            1 => self.open(data),
            5 => self.name(),
            6 => self.bind(data),
            // Options of a socket that cannot send or receive yet change nothing.
            7 if self.protocol == Protocol::Udp => Ok(Vec::new()),
            8 => Err("enoprotoopt".into()),
            12 => Ok(hostname()),
            24 => self.subscribe(data),
            other => Err(self.refusal(other)),
        };
        Some(match reply {
            Ok(reply) => [&[REPLY_OK][..], &reply].concat(),
            Err(reason) => [&[REPLY_ERROR][..], reason.as_bytes()].concat(),
        })
    }
    fn refusal(&self, request: u32) -> String {
        format!("{}_request_{request}_not_implemented", self.protocol.name())
    }
    fn open(&mut self, data: &[u8]) -> Result<Vec<u8>, String> {
        match (self.protocol, data) {
            (Protocol::Udp, &[family @ (FAMILY_INET | FAMILY_INET6), TYPE_DATAGRAM, ..]) => {
                self.family = Some(family);
                Ok(Vec::new())
            }
            (Protocol::Udp, _) => Err("einval".into()),
            (other, _) => Err(format!("{}_not_implemented", other.name())),
        }
    }
    fn bind(&mut self, data: &[u8]) -> Result<Vec<u8>, String> {
        let family = self.family.ok_or("einval")?;
        let address = address(family, data).ok_or("einval")?;
        let posix = |error: std::io::Error| oxbeam_sys::Errno::from(error).name().to_owned();
        let socket = UdpSocket::bind(address).map_err(posix)?;
        let port = socket.local_addr().map_err(posix)?.port();
        self.socket = Some(socket);
        Ok(port.to_be_bytes().to_vec())
    }
    fn name(&self) -> Result<Vec<u8>, String> {
        let socket = self.socket.as_ref().ok_or_else(|| self.refusal(5))?;
        let address = socket.local_addr().map_err(|error| oxbeam_sys::Errno::from(error).name().to_owned())?;
        let mut reply = vec![if address.is_ipv4() { FAMILY_INET } else { FAMILY_INET6 }];
        reply.extend(address.port().to_be_bytes());
        match address.ip() {
            IpAddr::V4(ip) => reply.extend(ip.octets()),
            IpAddr::V6(ip) => reply.extend(ip.octets()),
        }
        Ok(reply)
    }
    /// Nothing ever waits to be sent.
    fn subscribe(&self, data: &[u8]) -> Result<Vec<u8>, String> {
        match data {
            [SUBSCRIBE_EMPTY_OUT_QUEUE] => Ok(vec![SUBSCRIBE_EMPTY_OUT_QUEUE, 0, 0, 0, 0]),
            _ => Err("einval".into()),
        }
    }
}

/// An address as `prim_inet` encodes it: family, port, bytes.
fn address(family: u8, data: &[u8]) -> Option<SocketAddr> {
    let (&kind, rest) = data.split_first()?;
    let (port, ip) = rest.split_first_chunk::<2>()?;
    let port = u16::from_be_bytes(*port);
    let inet6 = family == FAMILY_INET6;
    let ip: IpAddr = match kind {
        FAMILY_INET => Ipv4Addr::from(*ip.first_chunk::<4>()?).into(),
        FAMILY_INET6 => Ipv6Addr::from(*ip.first_chunk::<16>()?).into(),
        FAMILY_ANY if inet6 => Ipv6Addr::UNSPECIFIED.into(),
        FAMILY_ANY => Ipv4Addr::UNSPECIFIED.into(),
        FAMILY_LOOPBACK if inet6 => Ipv6Addr::LOCALHOST.into(),
        FAMILY_LOOPBACK => Ipv4Addr::LOCALHOST.into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `inet:gethostname/0` asks.
    #[test]
    fn host_name() {
        let mut inet = Inet::new(Protocol::Udp);
        let mut ask = |request: u32, data: &[u8]| inet.control(CONTROL_MAGIC + request, data).unwrap();
        assert_eq!(ask(1, &[1, 2]), [1]);
        assert_eq!(ask(7, &[0, 0, 0, 0, 1]), [1]);
        let bound = ask(6, &[1, 0, 0, 0, 0, 0, 0]);
        assert_eq!((bound.len(), bound[0]), (3, 1));
        assert_ne!(&bound[1..], &[0, 0]);
        assert_eq!(&ask(12, &[])[1..], hostname());
        assert_eq!(ask(24, &[1]), [1, 1, 0, 0, 0, 0]);
        assert_eq!(ask(3, &[]), b"\0udp_inet_request_3_not_implemented");
        assert_eq!(inet.control(1, &[]), None);
        assert_eq!(
            Inet::new(Protocol::Tcp).control(CONTROL_MAGIC + 1, &[1, 1]).unwrap(),
            b"\0tcp_inet_not_implemented"
        );
    }
}
