//! The port mapper: which node of this host listens on which port. Speaks the protocol of OTP's `epmd`.
//!
//! A request is a length (two bytes) and that many bytes, of which the first says what is asked:
//!
//! - `x`: a node is alive (port, kind, protocol, highest and lowest version, name, extra); the answer is `v`, a zero byte and a
//!   creation of four bytes (`y` and one of two bytes for old nodes); the name is given up when the connection ends;
//! - `z`: where is a node (name)? `w`, 0 and what it told, or `w` and 1;
//! - `n`, `d`: which nodes are there? Our own port (four bytes) and a text;
//! - `k`: end, if no node is alive or commands are not checked; `s`: forget a node (name), if commands are not checked.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The port that is used unless `ERL_EPMD_PORT` names another.
pub const PORT_DEFAULT: u16 = 4369;
/// A name is 255 characters of at most four bytes.
const NAME_BYTES_MAX: usize = 255 * 4;
/// A peer must send its request within this time.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(60);
/// Connections at once, nodes and questions together.
const CONNECTIONS_MAX: usize = 1024;
/// From this protocol version on nodes take creations of four bytes.
const WIDE_CREATION_VERSION: u16 = 6;

/// What a node told of itself.
#[derive(Clone)]
struct Registration {
    port: u16,
    /// Kind, protocol, versions: as they came.
    facts: Vec<u8>,
    extra: Vec<u8>,
    /// The connection that holds it.
    holder: usize,
}

struct Mapper {
    port: u16,
    /// May it be told to end while nodes are alive, and to forget nodes?
    relaxed: bool,
    nodes: Mutex<BTreeMap<Vec<u8>, Registration>>,
    next_creation: AtomicUsize,
    connections: AtomicUsize,
    next_holder: AtomicUsize,
}

/// Serves on `port` of these addresses (all, if there are none; loopback is always among them) until told to end. With `relaxed`
/// it ends also when nodes are alive, and forgets nodes when told to.
///
/// # Errors
/// When no address can be listened on: somebody else serves already, most likely.
pub fn serve(port: u16, addresses: &[IpAddr], relaxed: bool) -> io::Result<()> {
    let listeners = listen(port, addresses)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let mapper = Arc::new(Mapper {
        port,
        relaxed,
        nodes: Mutex::default(),
        next_creation: AtomicUsize::new(now as usize),
        connections: AtomicUsize::new(0),
        next_holder: AtomicUsize::new(0),
    });
    let threads = listeners.into_iter().map(|listener| {
        let mapper = mapper.clone();
        std::thread::spawn(move || mapper.accept(&listener))
    });
    for thread in threads.collect::<Vec<_>>() {
        let _ = thread.join();
    }
    Ok(())
}

/// Asks the port mapper on `port` of this host; its whole answer.
///
/// # Errors
/// When there is none.
pub fn ask(port: u16, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))?;
    stream.set_read_timeout(Some(REQUEST_TIME_MAX))?;
    stream.write_all(&[&(request.len() as u16).to_be_bytes(), request].concat())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

fn listen(port: u16, addresses: &[IpAddr]) -> io::Result<Vec<TcpListener>> {
    let mut all = addresses.to_vec();
    if all.is_empty() {
        all.push(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    } else if !all.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)) {
        all.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let mut listeners = Vec::new();
    for address in all {
        listeners.push(TcpListener::bind(SocketAddr::new(address, port))?);
    }
    // A host without IPv6 is none the worse for it.
    listeners.extend(TcpListener::bind(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)));
    Ok(listeners)
}

impl Mapper {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            let Ok(stream) = stream else {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            };
            if self.connections.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
                self.connections.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let mapper = self.clone();
            std::thread::spawn(move || {
                let _ = mapper.answer(stream);
                mapper.connections.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }
    fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(REQUEST_TIME_MAX))?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut request = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut request)?;
        let is_near = stream.peer_addr()?.ip().is_loopback();
        match request.split_first() {
            Some((b'x', node)) if is_near => self.register(stream, node),
            Some((b'z', name)) => stream.write_all(&self.find(name)),
            Some((b'n', _)) => stream.write_all(&self.list("name ", " at port ", "\n")),
            Some((b'd', _)) if is_near => {
                stream.write_all(&self.list("active name     <", "> at port = ", ", fd = 0\n"))
            }
            Some((b'k', _)) if is_near && (self.relaxed || self.nodes.lock().is_empty()) => {
                stream.write_all(b"OK")?;
                std::process::exit(0)
            }
            Some((b'k', _)) if is_near => stream.write_all(b"NO"),
            Some((b's', name)) if is_near && self.relaxed => {
                let is_known = self.nodes.lock().remove(name).is_some();
                stream.write_all(if is_known { b"STOPPED" } else { b"NOEXIST" })
            }
            _ => Ok(()),
        }
    }
    fn register(&self, mut stream: TcpStream, node: &[u8]) -> io::Result<()> {
        let holder = self.next_holder.fetch_add(1, Ordering::Relaxed);
        let Some((name, version, registration)) = registration(node, holder) else { return Ok(()) };
        let creation = self.next_creation.fetch_add(1, Ordering::Relaxed) as u32;
        let is_new = {
            let mut nodes = self.nodes.lock();
            let is_new = !nodes.contains_key(&name);
            if is_new {
                nodes.insert(name.clone(), registration);
            }
            is_new
        };
        let refused = u8::from(!is_new);
        let answer = if version >= WIDE_CREATION_VERSION {
            [&[b'v', refused][..], &creation.max(4).to_be_bytes()].concat()
        } else {
            vec![b'y', refused, 0, (creation % 3 + 1) as u8]
        };
        let outcome = stream.write_all(&answer);
        if !is_new {
            return outcome;
        }
        // The node is alive as long as the connection is.
        let mut ignored = [0; 64];
        let _ = stream.set_read_timeout(None);
        while outcome.is_ok() && matches!(stream.read(&mut ignored), Ok(1..)) {}
        let mut nodes = self.nodes.lock();
        if nodes.get(&name).is_some_and(|registered| registered.holder == holder) {
            nodes.remove(&name);
        }
        outcome
    }
    fn find(&self, name: &[u8]) -> Vec<u8> {
        let nodes = self.nodes.lock();
        let Some(node) = nodes.get(name) else { return vec![b'w', 1] };
        let length = |bytes: &[u8]| (bytes.len() as u16).to_be_bytes();
        let (name_length, extra_length) = (length(name), length(&node.extra));
        let port = node.port.to_be_bytes();
        [&[b'w', 0][..], &port, &node.facts, &name_length, name, &extra_length, &node.extra].concat()
    }
    fn list(&self, before: &str, between: &str, after: &str) -> Vec<u8> {
        let mut text = u32::from(self.port).to_be_bytes().to_vec();
        for (name, node) in self.nodes.lock().iter() {
            text.extend([before.as_bytes(), name, between.as_bytes()].concat());
            text.extend(format!("{}{after}", node.port).into_bytes());
        }
        text
    }
}

/// Name, highest version and the rest of what a node tells of itself.
fn registration(node: &[u8], holder: usize) -> Option<(Vec<u8>, u16, Registration)> {
    let (port, rest) = node.split_first_chunk::<2>()?;
    let (facts, rest) = rest.split_first_chunk::<6>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (name, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let extra = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    let is_name = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.contains(&0);
    let port = u16::from_be_bytes(*port);
    let registration = Registration { port, facts: facts.to_vec(), extra: extra.to_vec(), holder };
    is_name.then(|| (name.to_vec(), u16::from_be_bytes([facts[2], facts[3]]), registration))
}
