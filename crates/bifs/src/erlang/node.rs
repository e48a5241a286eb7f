//! This node and others: names, connections, and watching them. What goes over connections is `oxbeam_runtime::distribution`.

use super::messages::interested;
use crate::iolist::gather;
use oxbeam_bif_macros::bif;
use oxbeam_etf::distribution::Message;
use oxbeam_runtime::distribution::{ChannelState, Controller, NodeEntry, NodeHandle, flag};
use oxbeam_runtime::{BifContext, BifResult, Holding, LinkTarget, Signal, Vm, VmContext};
use oxbeam_term::{Atom, Bits, Pid, Term, Tuple, Value, atoms};
use std::sync::{Arc, OnceLock};

/// Name of this node.
#[bif("erlang:node/0", guard)]
fn node<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(Term::atom(cx.vm.node().0))
}

/// Name of the node that a pid, port or reference comes from.
///
/// # Errors
///
/// `badarg` for anything else.
#[bif("erlang:node/1", guard)]
fn node_of<'h>(cx: &mut BifContext<'h>, identifier: Term<'h>) -> BifResult<'h> {
    match identifier.value() {
        Value::Pid(_) | Value::Port(_) | Value::Reference(_) => Ok(Term::atom(cx.vm.node().0)),
        Value::ExternalPid(external) | Value::ExternalPort(external) | Value::ExternalReference(external) => {
            Ok(Term::atom(external.node()))
        }
        _ => cx.badarg(),
    }
}

/// Visible nodes that this one is connected to.
#[bif("erlang:nodes/0")]
fn nodes<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let kinds = Kinds { visible: true, ..Kinds::default() };
    let names: Vec<Term<'h>> = kinds.nodes(cx).into_iter().map(|node| Term::atom(node.name)).collect();
    Ok(cx.heap.list(&names))
}

/// Kinds of nodes.
#[derive(Clone, Copy, Default)]
struct Kinds {
    this: bool,
    visible: bool,
    hidden: bool,
    known: bool,
}

/// A node as `nodes/1,2` tell of it.
struct Listed {
    name: Atom,
    kind: Atom,
    connection: Option<u32>,
}

impl Kinds {
    /// `None` for a bad argument.
    fn of(kinds: Term<'_>) -> Option<Kinds> {
        let kinds = if kinds.is_list() { kinds.to_vec()? } else { vec![kinds] };
        let mut chosen = Kinds::default();
        for kind in kinds {
            match kind.as_atom()? {
                atoms::THIS => chosen.this = true,
                atoms::KNOWN => chosen = Kinds { this: true, visible: true, hidden: true, known: true },
                atoms::VISIBLE => chosen.visible = true,
                atoms::HIDDEN => chosen.hidden = true,
                atoms::CONNECTED => (chosen.visible, chosen.hidden) = (true, true),
                _ => return None,
            }
        }
        Some(chosen)
    }
    fn nodes(self, cx: &BifContext<'_>) -> Vec<Listed> {
        let mut listed = Vec::new();
        if self.this {
            listed.push(Listed { name: cx.vm.node().0, kind: atoms::THIS, connection: None });
        }
        for entry in cx.vm.node_table().all() {
            let (info, name) = (entry.info(), entry.name());
            let is_visible = info.flags & flag::PUBLISHED != 0;
            if info.state == ChannelState::Connected {
                let (wanted, kind) =
                    if is_visible { (self.visible, atoms::VISIBLE) } else { (self.hidden, atoms::HIDDEN) };
                if wanted {
                    listed.push(Listed { name, kind, connection: Some(info.connection) });
                }
            } else if self.known && name != cx.vm.node().0 {
                listed.push(Listed { name, kind: atoms::KNOWN, connection: None });
            }
        }
        listed
    }
}

/// Who carries the channel to a connected node: a port or a pid.
pub(super) fn controller_of<'h>(entry: &NodeEntry) -> Option<Term<'h>> {
    let info = entry.info();
    match info.controller.filter(|_| info.state == ChannelState::Connected)? {
        Controller::Port(port) => Some(Term::port(port)),
        Controller::Process(pid) => Some(Term::pid(pid)),
    }
}

/// `{Node, Controller}` of each connected node (`system_info(dist_ctrl)`).
pub(super) fn controllers<'h>(cx: &BifContext<'h>) -> Term<'h> {
    let pair = |entry: &Arc<NodeEntry>| Some(cx.heap.tuple(&[Term::atom(entry.name()), controller_of(entry)?]));
    let pairs: Vec<Term<'h>> = cx.vm.node_table().all().iter().filter_map(pair).collect();
    cx.heap.list(&pairs)
}

/// Nodes of the kinds asked for.
///
/// # Errors
///
/// `badarg` for an unknown kind.
#[bif("erlang:nodes/1")]
fn nodes_of<'h>(cx: &mut BifContext<'h>, kinds: Term<'h>) -> BifResult<'h> {
    let Some(kinds) = Kinds::of(kinds) else { return cx.badarg() };
    let names: Vec<Term<'h>> = kinds.nodes(cx).into_iter().map(|node| Term::atom(node.name)).collect();
    Ok(cx.heap.list(&names))
}

/// Nodes of the kinds asked for, each with a map of what else was asked.
///
/// # Errors
///
/// `badarg` for an unknown kind or a bad map.
#[bif("erlang:nodes/2")]
fn nodes_with<'h>(cx: &mut BifContext<'h>, kinds: Term<'h>, wanted: Term<'h>) -> BifResult<'h> {
    let Some(kinds) = Kinds::of(kinds).filter(|_| wanted.is_map()) else { return cx.badarg() };
    let (mut connection_id, mut node_type) = (false, false);
    for (name, value) in wanted.map_iter() {
        let (Some(name), Some(value)) = (name.as_atom(), value.as_boolean()) else { return cx.badarg() };
        match name {
            atoms::CONNECTION_ID => connection_id = value,
            atoms::NODE_TYPE => node_type = value,
            _ => return cx.badarg(),
        }
    }
    let mut entries = Vec::new();
    for node in kinds.nodes(cx) {
        let mut pairs = Vec::new();
        if connection_id {
            let number = node.connection.map_or(Term::atom(atoms::UNDEFINED), |number| Term::small(number.into()));
            pairs.push((Term::atom(atoms::CONNECTION_ID), number));
        }
        if node_type {
            pairs.push((Term::atom(atoms::NODE_TYPE), Term::atom(node.kind)));
        }
        let info = cx.heap.map_from_pairs(&pairs, cx.atoms());
        entries.push(cx.heap.tuple(&[Term::atom(node.name), info]));
    }
    Ok(cx.heap.list(&entries))
}

/// Names this node. When the process that is registered as `net_kernel` ends the name goes, and all connections.
///
/// # Errors
///
/// `badarg` for a bad name or creation, without `net_kernel`, and when the node has a name.
#[bif("erlang:setnode/2")]
fn setnode<'h>(cx: &mut BifContext<'h>, name: Atom, creation: u32) -> BifResult<'h> {
    let Some(LinkTarget::Process(kernel)) = cx.vm.registry.whereis(atoms::NET_KERNEL) else { return cx.badarg() };
    let Some(kernel) = cx.vm.process(kernel) else { return cx.badarg() };
    if !is_node_name(cx.text(name)) || !cx.vm.become_alive(name, creation, kernel.pid()) {
        return cx.badarg();
    }
    kernel.holds(Holding::DISTRIBUTION);
    Ok(Term::TRUE)
}

fn is_node_name(name: &str) -> bool {
    name.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
}

/// Watches the connection to a node: `{nodedown, Node}` comes when it ends, or cannot be made.
///
/// # Errors
///
/// `notalive` when this node is not alive; `badarg` for bad arguments.
#[bif("erlang:monitor_node/2")]
fn monitor_node<'h>(cx: &mut BifContext<'h>, node: Term<'h>, on: Term<'h>) -> BifResult<'h> {
    monitor_node_with(cx, node, on, Term::NIL)
}

/// As `monitor_node/2`, with options.
///
/// # Errors
///
/// As `monitor_node/2`.
#[bif("erlang:monitor_node/3")]
fn monitor_node_with<'h>(cx: &mut BifContext<'h>, node: Term<'h>, on: Term<'h>, options: Term<'h>) -> BifResult<'h> {
    let known = |option: &Term<'h>| option.is_atom(atoms::ALLOW_PASSIVE_CONNECT);
    let (Some(node), Some(listed)) = (node.as_atom(), options.to_vec()) else { return cx.badarg() };
    if !listed.iter().all(known) {
        return cx.badarg();
    }
    if !cx.vm.is_alive() && node != atoms::NONODE_NOHOST {
        return Err(cx.raise(atoms::NOTALIVE));
    }
    let Some(on) = on.as_boolean() else { return cx.badarg() };
    if node == cx.vm.node().0 {
        return Ok(Term::TRUE);
    }
    if !on {
        if let Some(rare) = cx.state.rare.if_set()
            && let Some(count) = rare.watched_nodes.get_mut(&node)
        {
            *count -= 1;
            if *count == 0 {
                rare.watched_nodes.remove(&node);
            }
        }
        return Ok(Term::TRUE);
    }
    // Who lets the other node connect waits in `net_kernel` until there is a connection, or will be none.
    let connected = || cx.vm.node_table().get(node).is_some_and(|entry| entry.info().state == ChannelState::Connected);
    if !listed.is_empty() && !connected() {
        return cx.call(atoms::ERLANG, cx.intern("dmonitor_node")?, &[Term::atom(node), Term::TRUE, options]);
    }
    let to = cx.vm.prepare(node, true);
    match interested(cx, to)? {
        Some(_) => *cx.state.rare.watched_nodes.entry(node).or_insert(0) += 1,
        None => cx.vm.tell_node_down(cx.pid(), node),
    }
    Ok(Term::TRUE)
}

/// Incarnation of this node; `undefined` while it is not alive.
#[bif("erts_internal:get_creation/0")]
fn get_creation<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(match cx.vm.node() {
        (_, 0) => Term::atom(atoms::UNDEFINED),
        (_, creation) => Term::small(i64::from(creation)),
    })
}

/// What this machine can do in distribution: OTP 27's flags, as `{erts_dflags, Default, Mandatory, Add, Rejectable,
/// Strict}`, which its own Erlang code takes apart.
#[bif("erts_internal:get_dflags/0")]
fn get_dflags<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    let flags = [55_966_662_588, 17_230_663_572, 55_966_662_588, 8_396_866, 8192];
    let mut elements = vec![Term::atom(atoms::ERTS_DFLAGS)];
    elements.extend(flags.map(|flags| cx.heap.integer(flags)));
    Ok(cx.heap.tuple(&elements))
}

/// Can the node of this pid take Unicode in messages of the I/O protocol?
///
/// # Errors
///
/// `badarg` for anything that is no pid.
#[bif("net_kernel:dflag_unicode_io/1")]
fn dflag_unicode_io<'h>(cx: &mut BifContext<'h>, pid: Term<'h>) -> BifResult<'h> {
    if pid.is_pid() { Ok(Term::TRUE) } else { cx.badarg() }
}

/// What `error_logger` makes of warnings (`+W`).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum WarningsAs {
    /// Errors.
    Error,
    /// Warnings.
    #[default]
    Warning,
    /// Information.
    Info,
}

/// What `error_logger:warning_map/0` answers.
#[derive(Default)]
struct WarningMap(OnceLock<WarningsAs>);

/// Sets what `error_logger:warning_map/0` answers. Only the first value counts: a second one would come too late, the
/// logger asks when it starts.
pub fn set_warning_map(vm: &Vm, level: WarningsAs) {
    vm.extension::<WarningMap>().0.get_or_init(|| level);
}

/// What `error_logger` makes of warnings.
#[bif("error_logger:warning_map/0")]
fn warning_map<'h>(cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(Term::atom(match cx.vm.extension::<WarningMap>().0.get().copied().unwrap_or_default() {
        WarningsAs::Error => atoms::ERROR,
        WarningsAs::Warning => atoms::WARNING,
        WarningsAs::Info => atoms::INFO,
    }))
}

/// The connection to a node that there is or is being made, or else a new one that somebody is about to make: its handle.
///
/// # Errors
///
/// `badarg` for this node.
#[bif("erts_internal:new_connection/1")]
fn new_connection<'h>(cx: &mut BifContext<'h>, node: Atom) -> BifResult<'h> {
    if node == cx.vm.node().0 {
        return cx.badarg();
    }
    let entry = cx.vm.node_entry(node);
    let connection = cx.vm.new_connection(&entry);
    Ok(entry.handle(connection, cx.heap))
}

/// Gives up a connection that is being made; false when it is not the present one.
///
/// # Errors
///
/// `badarg` for what is no handle.
#[bif("erts_internal:abort_pending_connection/2")]
fn abort_pending_connection<'h>(cx: &mut BifContext<'h>, node: Atom, connection: Term<'h>) -> BifResult<'h> {
    let Some((entry, connection)) = handle(connection).filter(|(entry, _)| entry.name() == node) else {
        return cx.badarg();
    };
    Ok(Term::boolean(cx.vm.abort_pending_connection(&entry, connection)))
}

/// The node and connection of a distribution handle.
fn handle(term: Term<'_>) -> Option<(Arc<NodeEntry>, u32)> {
    let [connection, reference] = *term.as_tuple_of::<2>()?;
    let node = reference.as_reference()?.downcast::<NodeHandle>()?;
    Some((node.0.clone(), u32::try_from(connection.as_u64()?).ok()?))
}

/// The handshake with a node is over: its controller, a port or process, carries signals from now on. `{ok, Handle}`, or `badarg`.
#[bif("erts_internal:create_dist_channel/3")]
fn create_dist_channel<'h>(
    cx: &mut BifContext<'h>,
    node: Term<'h>,
    controller: Term<'h>,
    parameters: Term<'h>,
) -> BifResult<'h> {
    let badarg = Ok(Term::atom(atoms::BADARG));
    let parameters = parameters.as_tuple_of::<2>().map(|[flags, creation]| (flags.as_u64(), creation.as_u64()));
    let (Some(node), Some((Some(flags), Some(creation)))) = (node.as_atom(), parameters) else { return badarg };
    if !cx.vm.is_alive() || node == cx.vm.node().0 {
        return badarg;
    }
    let entry = cx.vm.node_entry(node);
    let made = |controller| cx.vm.connection_made(&entry, controller, flags, creation as u32);
    let connection = if let Some(port) = controller.as_port() {
        match crate::io::ports::distribution::control(cx.vm, port, &entry) {
            Some(()) => made(Controller::Port(port)),
            None => None,
        }
    } else if let Some(process) = controller.as_pid().and_then(|pid| cx.vm.process(pid)) {
        process.holds(Holding::DISTRIBUTION);
        made(Controller::Process(process.pid()))
    } else {
        None
    };
    match connection {
        Some(connection) => {
            // `net_kernel` links itself to the controller.
            let dist_ctrlr = Term::atom(cx.intern("dist_ctrlr")?);
            if let Some(LinkTarget::Process(kernel)) = cx.vm.registry.whereis(atoms::NET_KERNEL) {
                let setup = Term::pid(cx.pid());
                let message = cx.heap.tuple(&[dist_ctrlr, controller, Term::atom(node), setup]);
                cx.vm.send_message(kernel, cx.own(message));
            }
            if let Some(port) = controller.as_port() {
                crate::io::ports::distribution::connected(cx.vm, port, connection);
            }
            Ok(cx.ok(entry.handle(connection, cx.heap)))
        }
        None => badarg,
    }
}

/// Sets the process that gives the machine what comes from a node.
///
/// # Errors
///
/// `badarg` for a bad handle, and unless the process is one of this node.
#[bif("erlang:dist_ctrl_input_handler/2")]
fn dist_ctrl_input_handler<'h>(cx: &mut BifContext<'h>, channel: Term<'h>, pid: Pid) -> BifResult<'h> {
    let Some((entry, _)) = handle(channel) else { return cx.badarg() };
    entry.set_input_handler(pid);
    Ok(Term::atom(atoms::OK))
}

/// Gives the machine a packet that has come from a node. What is malformed ends the connection.
///
/// # Errors
///
/// `badarg` for a bad handle, data that are no bytes, and from a process that is not the channel's input handler.
#[bif("erlang:dist_ctrl_put_data/2")]
fn dist_ctrl_put_data<'h>(cx: &mut BifContext<'h>, channel: Term<'h>, data: Term<'h>) -> BifResult<'h> {
    let Some((entry, connection)) = handle(channel) else { return cx.badarg() };
    let Some(bytes) = gather(data).filter(|_| entry.input_handler() == Some(cx.pid())) else { return cx.badarg() };
    cx.spend(1 + bytes.len() / 64);
    if entry.received(cx.vm, connection, bytes).is_err()
        && let Some(Controller::Process(pid)) = entry.info().controller
    {
        let from = cx.own(Term::pid(cx.pid()));
        cx.vm.connection_lost(&entry, connection, Vm::own_atom(atoms::KILLED));
        cx.vm.signal_pid(pid, Signal::Exit { from, reason: Vm::own_atom(atoms::KILL) });
    }
    Ok(Term::atom(atoms::OK))
}

/// Takes the next packet for a node, or `none`; as `{Size, Packet}` if that was asked for.
///
/// # Errors
///
/// `badarg` for a bad handle.
#[bif("erlang:dist_ctrl_get_data/1")]
fn dist_ctrl_get_data<'h>(cx: &mut BifContext<'h>, channel: Term<'h>) -> BifResult<'h> {
    let Some((entry, connection)) = handle(channel) else { return cx.badarg() };
    let (packet, with_size) = entry.get_data(cx.vm, connection);
    let Some(packet) = packet else { return Ok(Term::atom(atoms::NONE)) };
    let size = cx.heap.unsigned(packet.len() as u64);
    let packet = cx.heap.list(&[cx.heap.binary_from_vec(packet)]);
    Ok(if with_size { cx.heap.tuple(&[size, packet]) } else { packet })
}

/// Asks for the message `dist_data` when there is something to be taken.
///
/// # Errors
///
/// `badarg` for a bad handle.
#[bif("erlang:dist_ctrl_get_data_notification/1")]
fn dist_ctrl_get_data_notification<'h>(cx: &mut BifContext<'h>, channel: Term<'h>) -> BifResult<'h> {
    let Some((entry, connection)) = handle(channel) else { return cx.badarg() };
    if entry.notify(connection) {
        let message = Vm::own_atom(cx.intern("dist_data")?);
        cx.vm.send_message(cx.pid(), message);
    }
    Ok(Term::atom(atoms::OK))
}

/// Sets the option `get_size`; the old value.
///
/// # Errors
///
/// `badarg` for a bad handle, option or value.
#[bif("erlang:dist_ctrl_set_opt/3")]
fn dist_ctrl_set_opt<'h>(cx: &mut BifContext<'h>, channel: Term<'h>, name: Atom, value: bool) -> BifResult<'h> {
    match handle(channel).filter(|_| cx.text(name) == "get_size") {
        Some((entry, _)) => Ok(Term::boolean(entry.set_get_size(value))),
        None => cx.badarg(),
    }
}

/// The option `get_size`.
///
/// # Errors
///
/// `badarg` for a bad handle or option.
#[bif("erlang:dist_ctrl_get_opt/2")]
fn dist_ctrl_get_opt<'h>(cx: &mut BifContext<'h>, channel: Term<'h>, name: Atom) -> BifResult<'h> {
    match handle(channel).filter(|_| cx.text(name) == "get_size") {
        Some((entry, _)) => Ok(Term::boolean(entry.get_size())),
        None => cx.badarg(),
    }
}

/// `{ok, Received, Sent, Waiting}`: packets, and bytes that wait.
///
/// # Errors
///
/// `badarg` for a bad handle.
#[bif("erlang:dist_get_stat/1")]
fn dist_get_stat<'h>(cx: &mut BifContext<'h>, channel: Term<'h>) -> BifResult<'h> {
    let Some((entry, _)) = handle(channel) else { return cx.badarg() };
    let (received, sent, waiting) = entry.statistics();
    let numbers = [received, sent, waiting as u64].map(|number| cx.heap.unsigned(number));
    Ok(cx.heap.tuple(&[Term::atom(atoms::OK), numbers[0], numbers[1], numbers[2]]))
}

/// Decodes the external term of a message between nodes: `atoms` is a tuple of those that it refers to by number.
///
/// # Errors
///
/// `badarg` for what is no tuple of atoms, no bytes, or no such term.
#[bif("erts_debug:dist_ext_to_term/2")]
fn dist_ext_to_term<'h>(cx: &mut BifContext<'h>, atoms: Tuple<'h>, bytes: Bits<'h>) -> BifResult<'h> {
    let atoms: Option<Vec<Atom>> = atoms.elements().iter().map(|element| element.as_atom()).collect();
    let Some(atoms) = atoms.filter(|_| bytes.is_binary()) else { return cx.badarg() };
    let bytes = bytes.to_bytes();
    cx.spend(1 + bytes.len() / 64);
    match Message::with_atoms(atoms, bytes.to_vec()).control(cx.heap, &VmContext { vm: cx.vm }) {
        Ok((term, _)) => Ok(term),
        Err(_) => cx.badarg(),
    }
}
