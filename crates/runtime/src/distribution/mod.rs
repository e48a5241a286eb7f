//! Other nodes: which are known, the channel to each, and the signals that go through it.
//!
//! OTP's `net_kernel` and `dist_util` make connections; the machine carries signals over them.
//!
//! ```text
//!   Idle -> Pending      a signal to the node (`net_kernel` is asked to connect), or `new_connection/1`
//!   Pending -> Connected `create_dist_channel/3`, after the handshake
//!   Pending -> Idle      `abort_pending_connection/2`
//!   Connected -> Idle    the controller (a port, or a process) ends
//! ```
//!
//! Each time that a channel leaves Idle it gets a new *connection number*. What a process has to do with another node (links,
//! monitors of both directions, spawn requests) lives in its own state, as with local ones. The channel knows only which
//! processes have anything (`interested`), and tells them when the connection is gone. A process notes under which number it is
//! known to a channel ([`Vm::take_interest`]); so what belonged to an earlier connection is never taken for the present one's.
//!
//! Locks: a port's before a channel's; a channel's is never held while a signal is sent to a process or a port is locked.
//! While messages wait in a channel somebody is *writing*: who sets that flag sees to it that the controller takes them.

mod control;
mod external;
mod output;
mod payload;
mod process;
mod receive;
mod receive_spawn;
mod send;

pub use control::flag;
pub use external::ExternalTerm;
pub use payload::{EncodedPayload, Payload, PayloadEncoder};
pub use process::{Interest, RemoteWatcher, SpawnRequest};
pub use send::{Prepared, SpawnCall};

use crate::{Signal, Vm};
use output::Output;
use oxbeam_etf::DecodeError;
use oxbeam_etf::distribution::{BadPacket, Framing, Message, MessageReader};
use oxbeam_term::{Atom, AtomTable, Heap, LocalReference, OwnedTerm, Pid, Port, Term, atoms};
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

/// Bytes that may wait in a channel before senders are suspended (`+zdbbl`).
const BUSY_LIMIT_DEFAULT: usize = 1 << 20;

/// Who carries a channel's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Controller {
    /// A port: bytes go through it directly.
    Port(Port),
    /// A process, which asks for data (`dist_ctrl_get_data/1`).
    Process(Pid),
}

/// Where a channel is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChannelState {
    /// There is no connection.
    Idle,
    /// `net_kernel` is making one.
    Pending,
    /// There is one.
    Connected,
}

/// What changes with the connection.
struct Channel {
    state: ChannelState,
    connection: u32,
    creation: u32,
    flags: u64,
    controller: Option<Controller>,
    output: Output,
    /// Bytes that wait in the controlling port.
    in_port: usize,
    writing: bool,
    suspended: BTreeSet<Pid>,
    /// Those that wait until fewer large messages are being sent.
    suspended_streams: BTreeSet<Pid>,
    /// Those that were suspended and may send once, though large messages of others wait.
    admitted: BTreeSet<Pid>,
    interested: HashSet<Pid>,
    /// Process that gives us data (`dist_ctrl_input_handler/2`).
    input_handler: Option<Pid>,
    /// The controlling process wants `dist_data` when there are data.
    notify: bool,
    /// `dist_ctrl_get_data/1` tells sizes.
    get_size: bool,
    received: u64,
    sent: u64,
}

/// Another node.
pub struct NodeEntry {
    name: Atom,
    /// The reference in its distribution handles.
    handle: LocalReference,
    channel: Mutex<Channel>,
    reader: Mutex<MessageReader>,
}

/// What stands behind the reference of a distribution handle.
pub struct NodeHandle(pub Arc<NodeEntry>);

/// Facts about a channel.
#[derive(Clone, Copy, Debug)]
pub struct ChannelInfo {
    /// Where it is in its life.
    pub state: ChannelState,
    /// Which connection.
    pub connection: u32,
    /// The node's incarnation.
    pub creation: u32,
    /// What both ends understand.
    pub flags: u64,
    /// Who carries it.
    pub controller: Option<Controller>,
}

/// A process that wants to know of all nodes coming and going (`process_flag(monitor_nodes, true)`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodesMonitor {
    /// The process.
    pub pid: Pid,
    /// What it wants to be told.
    pub options: NodesMonitorOptions,
    /// How often it has asked.
    pub count: u32,
}

/// What `monitor_nodes` is to tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NodesMonitorOptions {
    /// Options were given, so messages have a third element.
    pub with_info: bool,
    /// That element is a list and not a map.
    pub list: bool,
    /// The connection's number.
    pub connection_id: bool,
    /// Visible nodes, and the type of each.
    pub visible: bool,
    /// Hidden nodes, and the type of each.
    pub hidden: bool,
    /// Why a node went.
    pub reason: bool,
}

/// The other nodes that a machine knows.
pub struct NodeTable {
    nodes: RwLock<HashMap<Atom, Arc<NodeEntry>>>,
    next_connection: AtomicU32,
    monitors: Mutex<Vec<NodesMonitor>>,
    /// The process whose end ends distribution.
    kernel: Mutex<Option<Pid>>,
    busy_limit: AtomicUsize,
    /// Does the first node that this one connects to name it?
    named_by_others: AtomicBool,
}

impl Default for NodeTable {
    fn default() -> NodeTable {
        NodeTable {
            nodes: RwLock::default(),
            next_connection: AtomicU32::new(1),
            monitors: Mutex::default(),
            kernel: Mutex::default(),
            busy_limit: AtomicUsize::new(BUSY_LIMIT_DEFAULT),
            named_by_others: AtomicBool::new(false),
        }
    }
}

impl NodeTable {
    /// The entry of a node, if it is known.
    pub fn get(&self, name: Atom) -> Option<Arc<NodeEntry>> {
        self.nodes.read().get(&name).cloned()
    }
    /// All known nodes.
    pub fn all(&self) -> Vec<Arc<NodeEntry>> {
        self.nodes.read().values().cloned().collect()
    }
    /// The processes that want to know of all nodes, those that asked last first.
    pub fn nodes_monitors(&self) -> Vec<NodesMonitor> {
        self.monitors.lock().iter().rev().copied().collect()
    }
    /// Sets how many bytes may wait before senders are suspended.
    pub fn set_busy_limit(&self, bytes: usize) {
        self.busy_limit.store(bytes, Ordering::Relaxed);
    }
    /// How many bytes may wait before senders are suspended.
    pub fn busy_limit(&self) -> usize {
        self.busy_limit.load(Ordering::Relaxed)
    }
}

impl Vm {
    /// Other nodes.
    pub fn node_table(&self) -> &Arc<NodeTable> {
        self.extension::<NodeTable>()
    }
    /// Has this node a name, or will it get one when it connects to another (`-sname undefined`)? As `erlang:is_alive/0`.
    pub fn is_alive(&self) -> bool {
        self.has_name() || self.node_table().named_by_others.load(Ordering::Relaxed)
    }
    /// Has it a name?
    fn has_name(&self) -> bool {
        self.node().0 != atoms::NONODE_NOHOST
    }
    /// Sets whether the first node that this one connects to names it.
    pub fn set_named_by_others(&self, on: bool) {
        self.node_table().named_by_others.store(on, Ordering::Relaxed);
    }
    /// The entry of a node, made if need be.
    pub fn node_entry(&self, name: Atom) -> Arc<NodeEntry> {
        if let Some(entry) = self.node_table().get(name) {
            return entry;
        }
        let handle = self.next_reference();
        let mut nodes = self.node_table().nodes.write();
        nodes.entry(name).or_insert_with(|| Arc::new(NodeEntry::new(name, handle))).clone()
    }
    /// Names this node; false when it has a name already. When the process `kernel` ends the name goes.
    pub fn become_alive(&self, name: Atom, creation: u32, kernel: Pid) -> bool {
        if self.has_name() {
            return false;
        }
        *self.node_table().kernel.lock() = Some(kernel);
        self.set_node(name, creation.max(4));
        self.tell_nodes_monitors(atoms::NODEUP, name, None, flag::PUBLISHED, None);
        true
    }
    /// Gets the channel going: its connection's number. Makes a new one when the channel was idle.
    pub fn new_connection(&self, entry: &NodeEntry) -> u32 {
        let mut channel = entry.channel.lock();
        self.leave_idle(&mut channel);
        channel.connection
    }
    /// True when the channel was idle.
    fn leave_idle(&self, channel: &mut Channel) -> bool {
        let was_idle = channel.state == ChannelState::Idle;
        if was_idle {
            let number = self.node_table().next_connection.fetch_add(1, Ordering::Relaxed);
            *channel = Channel::new();
            channel.state = ChannelState::Pending;
            channel.connection = number;
            channel.flags = flag::HOPED_FOR;
        }
        was_idle
    }
    /// Gives up a connection that is being made; false when it is not the one, or made already.
    pub fn abort_pending_connection(&self, entry: &NodeEntry, connection: u32) -> bool {
        self.drop_connection(entry, connection, ChannelState::Pending, None)
    }
    /// The handshake is over: signals flow. False when the channel is connected already.
    pub fn connection_made(&self, entry: &NodeEntry, controller: Controller, flags: u64, creation: u32) -> Option<u32> {
        let mut channel = entry.channel.lock();
        if channel.state == ChannelState::Connected {
            return None;
        }
        self.leave_idle(&mut channel);
        channel.state = ChannelState::Connected;
        (channel.flags, channel.creation, channel.controller) = (flags, creation, Some(controller));
        let connection = channel.connection;
        let waits = !channel.output.is_empty();
        channel.writing = waits;
        *entry.reader.lock() = MessageReader::new(channel.framing());
        drop(channel);
        self.tell_nodes_monitors(atoms::NODEUP, entry.name, Some(connection), flags, None);
        if waits {
            self.start_writing(entry, controller);
        }
        Some(connection)
    }
    /// The connection's controller has ended.
    pub fn connection_lost(&self, entry: &NodeEntry, connection: u32, reason: OwnedTerm) {
        let reason = match reason.term().as_atom() {
            Some(atoms::NORMAL) => self.atoms.intern("connection_closed").map_or(reason, Vm::own_atom),
            _ => reason,
        };
        self.drop_connection(entry, connection, ChannelState::Connected, Some(reason));
    }
    fn drop_connection(
        &self,
        entry: &NodeEntry,
        connection: u32,
        state: ChannelState,
        reason: Option<OwnedTerm>,
    ) -> bool {
        let mut channel = entry.channel.lock();
        if channel.state != state || channel.connection != connection {
            return false;
        }
        let old = std::mem::replace(&mut *channel, Channel::new());
        // Under the lock: what a new connection brings must come behind these.
        for pid in old.interested {
            self.signal_pid(pid, process::node_down(entry.name, connection));
        }
        for pid in old.suspended.into_iter().chain(old.suspended_streams) {
            self.signal_pid(pid, Signal::Wake);
        }
        drop(channel);
        if state == ChannelState::Connected {
            self.tell_nodes_monitors(atoms::NODEDOWN, entry.name, Some(connection), old.flags, reason);
        }
        true
    }
    /// A process has ended: if distribution hangs on it, that ends, too.
    pub(crate) fn distribution_process_ended(&self, pid: Pid, reason: &OwnedTerm) {
        let table = self.node_table();
        let is_kernel = *table.kernel.lock() == Some(pid);
        for entry in table.all() {
            let info = entry.info();
            if info.state == ChannelState::Connected && info.controller == Some(Controller::Process(pid)) {
                self.connection_lost(&entry, info.connection, reason.clone());
            }
        }
        if !is_kernel {
            return;
        }
        *table.kernel.lock() = None;
        for entry in table.all() {
            let info = entry.info();
            self.abort_pending_connection(&entry, info.connection);
            if let Some(Controller::Port(port)) = info.controller
                && let Some(ports) = self.ports()
            {
                ports.exit(self, port, Vm::own_atom(atoms::NORMAL));
            }
            self.connection_lost(&entry, info.connection, Vm::own_atom(atoms::NORMAL));
        }
        let name = self.node().0;
        self.set_node(atoms::NONODE_NOHOST, 0);
        let reason = self.atoms.intern("net_kernel_terminated").unwrap_or(atoms::NORMAL);
        self.tell_nodes_monitors(atoms::NODEDOWN, name, None, flag::PUBLISHED, Some(Vm::own_atom(reason)));
    }
    /// Has the controller take what waits. The caller has set `writing`.
    fn start_writing(&self, entry: &NodeEntry, controller: Controller) {
        match controller {
            Controller::Port(port) => {
                if let Some(ports) = self.ports() {
                    ports.distribution_output(self, port);
                }
            }
            Controller::Process(pid) => {
                let mut channel = entry.channel.lock();
                channel.writing = false;
                let notify = std::mem::take(&mut channel.notify);
                drop(channel);
                if notify && let Some(message) = self.atoms.intern("dist_data") {
                    self.send_message(pid, Vm::own_atom(message));
                }
            }
        }
    }
    /// Subscribes to nodes coming and going, or ends that; how often the process had asked with these options.
    pub fn monitor_nodes(&self, pid: Pid, on: bool, options: NodesMonitorOptions) -> u32 {
        let mut monitors = self.node_table().monitors.lock();
        let at = monitors.iter().position(|one| one.pid == pid && one.options == options);
        match (at, on) {
            (Some(at), true) => {
                monitors[at].count += 1;
                monitors[at].count - 1
            }
            (Some(at), false) => monitors.remove(at).count,
            (None, true) => {
                monitors.push(NodesMonitor { pid, options, count: 1 });
                0
            }
            (None, false) => 0,
        }
    }
    fn tell_nodes_monitors(
        &self,
        what: Atom,
        node: Atom,
        connection: Option<u32>,
        flags: u64,
        reason: Option<OwnedTerm>,
    ) {
        let visible = flags & flag::PUBLISHED != 0;
        let monitors = self.node_table().monitors.lock().clone();
        for NodesMonitor { pid, options, count } in monitors {
            let any_type = !options.visible && !options.hidden;
            let wanted = if visible { options.visible || any_type } else { options.hidden };
            for _ in 0..if wanted { count } else { 0 } {
                self.send_built(pid, |heap| {
                    let (what, node) = (Term::atom(what), Term::atom(node));
                    if !options.with_info {
                        return heap.tuple(&[what, node]);
                    }
                    let pairs = node_info(heap, options, connection, visible, reason.as_ref());
                    let info = if options.list {
                        let pairs: Vec<Term<'_>> =
                            pairs.iter().map(|(key, value)| heap.tuple(&[*key, *value])).collect();
                        heap.list(&pairs)
                    } else {
                        heap.map_from_pairs(&pairs, &self.atoms)
                    };
                    heap.tuple(&[what, node, info])
                });
            }
        }
    }
    /// A process that monitored nodes has ended.
    pub(crate) fn forget_nodes_monitor(&self, pid: Pid) {
        self.node_table().monitors.lock().retain(|one| one.pid != pid);
    }
}

fn node_info<'h>(
    heap: &'h Heap,
    options: NodesMonitorOptions,
    connection: Option<u32>,
    visible: bool,
    reason: Option<&OwnedTerm>,
) -> Vec<(Term<'h>, Term<'h>)> {
    let mut pairs = Vec::new();
    if options.reason
        && let Some(reason) = reason
    {
        pairs.push((Term::atom(atoms::NODEDOWN_REASON), heap.copy_in(reason.term())));
    }
    if options.visible || options.hidden {
        let kind = if visible { atoms::VISIBLE } else { atoms::HIDDEN };
        pairs.push((Term::atom(atoms::NODE_TYPE), Term::atom(kind)));
    }
    if options.connection_id {
        let number = connection.map_or(Term::atom(atoms::UNDEFINED), |number| Term::small(number.into()));
        pairs.push((Term::atom(atoms::CONNECTION_ID), number));
    }
    pairs
}

impl Channel {
    fn new() -> Channel {
        Channel {
            state: ChannelState::Idle,
            connection: 0,
            creation: 0,
            flags: 0,
            controller: None,
            output: Output::default(),
            in_port: 0,
            writing: false,
            suspended: BTreeSet::new(),
            suspended_streams: BTreeSet::new(),
            admitted: BTreeSet::new(),
            interested: HashSet::new(),
            input_handler: None,
            notify: false,
            get_size: false,
            received: 0,
            sent: 0,
        }
    }
    fn framing(&self) -> Framing {
        if self.flags & flag::HEADER_ATOM_CACHE == 0 {
            Framing::PassThrough
        } else if self.flags & flag::FRAGMENTS == 0 {
            Framing::Header
        } else {
            Framing::Fragments
        }
    }
    /// The next packet, without a length in front.
    fn next_packet(&mut self, atoms: &AtomTable) -> Option<Vec<u8>> {
        let packet = self.output.next_packet(self.framing(), atoms)?;
        self.sent += 1;
        Some(packet)
    }
    /// Bytes that wait, here and in the port.
    fn waiting(&self) -> usize {
        self.output.size() + self.in_port
    }
}

impl NodeEntry {
    fn new(name: Atom, handle: LocalReference) -> NodeEntry {
        NodeEntry {
            name,
            handle,
            channel: Mutex::new(Channel::new()),
            reader: Mutex::new(MessageReader::new(Framing::PassThrough)),
        }
    }
    /// The node's name.
    pub fn name(&self) -> Atom {
        self.name
    }
    /// How its channel is.
    pub fn info(&self) -> ChannelInfo {
        let channel = self.channel.lock();
        ChannelInfo {
            state: channel.state,
            connection: channel.connection,
            creation: channel.creation,
            flags: channel.flags,
            controller: channel.controller,
        }
    }
    /// The distribution handle of a connection: `{Number, Reference}`.
    pub fn handle<'h>(self: &Arc<Self>, connection: u32, heap: &'h Heap) -> Term<'h> {
        let reference = heap.magic_reference(self.handle.0, Vm::magic(NodeHandle(self.clone())));
        heap.tuple(&[Term::small(connection.into()), reference])
    }
    /// The next packet for the controller, without a length; `None` when nothing waits: the next message will be announced.
    pub fn take_packet(&self, vm: &Vm, connection: u32) -> Option<Vec<u8>> {
        let mut channel = self.channel.lock();
        if channel.state != ChannelState::Connected || channel.connection != connection {
            return None;
        }
        let packet = channel.next_packet(&vm.atoms);
        if packet.is_none() {
            channel.writing = false;
        }
        self.wake_suspended(vm, &mut channel);
        packet
    }
    /// The controlling port tells how many bytes wait in it. Senders go on when little enough waits.
    pub fn set_in_port(&self, vm: &Vm, connection: u32, bytes: usize) {
        let mut channel = self.channel.lock();
        if channel.connection != connection {
            return;
        }
        channel.in_port = bytes;
        self.wake_suspended(vm, &mut channel);
    }
    /// Something has been sent. Who waits goes on when little enough is left, or when what is left is large messages of others
    /// that are being sent: then it may send once.
    fn wake_suspended(&self, vm: &Vm, channel: &mut Channel) {
        if !channel.output.is_full_of_streams() {
            for pid in std::mem::take(&mut channel.suspended_streams) {
                vm.signal_pid(pid, Signal::Wake);
            }
        }
        if channel.suspended.is_empty() {
            return;
        }
        let limit = vm.node_table().busy_limit();
        let is_free = channel.waiting() < limit;
        if !is_free && channel.output.queued() + channel.in_port >= limit {
            return;
        }
        let (stay, go) = std::mem::take(&mut channel.suspended)
            .into_iter()
            .partition(|pid| !is_free && channel.output.sends_stream_of(*pid));
        channel.suspended = stay;
        for pid in &go {
            vm.signal_pid(*pid, Signal::Wake);
        }
        if is_free {
            channel.admitted.clear();
        } else {
            channel.admitted.extend(go);
        }
    }
    /// A controlling process takes a packet; with `None` for nothing. The flag says whether it wants to be told the size.
    pub fn get_data(&self, vm: &Vm, connection: u32) -> (Option<Vec<u8>>, bool) {
        let mut channel = self.channel.lock();
        if channel.connection != connection {
            return (None, false);
        }
        let packet = channel.next_packet(&vm.atoms);
        self.wake_suspended(vm, &mut channel);
        (packet, channel.get_size)
    }
    /// The controlling process wants `dist_data` when data wait; true when some do already.
    pub fn notify(&self, connection: u32) -> bool {
        let mut channel = self.channel.lock();
        let waits = !channel.output.is_empty();
        channel.notify = channel.connection == connection && !waits;
        waits
    }
    /// Sets whether sizes are told; the old setting.
    pub fn set_get_size(&self, on: bool) -> bool {
        std::mem::replace(&mut self.channel.lock().get_size, on)
    }
    /// Are sizes told?
    pub fn get_size(&self) -> bool {
        self.channel.lock().get_size
    }
    /// Sets the process that gives data.
    pub fn set_input_handler(&self, pid: Pid) {
        self.channel.lock().input_handler = Some(pid);
    }
    /// Who may give data: the input handler, or the controller.
    pub fn input_handler(&self) -> Option<Pid> {
        let channel = self.channel.lock();
        channel.input_handler.or(match channel.controller {
            Some(Controller::Process(pid)) => Some(pid),
            _ => None,
        })
    }
    /// Packets received and sent, and bytes that wait.
    pub fn statistics(&self) -> (u64, u64, usize) {
        let channel = self.channel.lock();
        (channel.received, channel.sent, channel.waiting())
    }
    /// Suspends the process until it may send; false when it may now. `is_large` says whether it is a large message, and is
    /// asked when that matters.
    pub fn suspend_if_busy(&self, vm: &Vm, pid: Pid, is_large: impl FnOnce() -> bool) -> bool {
        let mut channel = self.channel.lock();
        let is_full = channel.waiting() >= vm.node_table().busy_limit();
        if channel.state == ChannelState::Idle {
            return false;
        }
        if is_full && channel.output.is_full_of_streams() && is_large() {
            channel.suspended_streams.insert(pid);
            return true;
        }
        let busy = is_full && (channel.output.sends_stream_of(pid) || !channel.admitted.remove(&pid));
        if busy {
            channel.suspended.insert(pid);
        }
        busy
    }
    /// Would a sender be suspended?
    pub fn is_busy(&self, vm: &Vm) -> bool {
        let channel = self.channel.lock();
        channel.waiting() >= vm.node_table().busy_limit()
    }
    /// Takes a packet from the peer and does what it says.
    ///
    /// # Errors
    /// When it is malformed: the caller ends the connection.
    pub fn received(self: &Arc<Self>, vm: &Vm, connection: u32, bytes: Vec<u8>) -> Result<(), DecodeError> {
        {
            let mut channel = self.channel.lock();
            if channel.connection != connection {
                return Ok(());
            }
            channel.received += 1;
        }
        let message: Result<Option<Message>, BadPacket> = self.reader.lock().packet(bytes, &vm.atoms);
        match message {
            Ok(Some(message)) => receive::dispatch(vm, self, connection, message),
            Ok(None) => Ok(()),
            Err(BadPacket { error, bytes }) => {
                vm.report_corrupted_header(self, &bytes);
                Err(error)
            }
        }
    }
}
