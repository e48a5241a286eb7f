//! This node and others. Distribution is not here yet: the node is `nonode@nohost`, and there are no others.

use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult};
use oxbeam_term::{Atom, Term, Value, atoms};

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
fn nodes<'h>(_cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(Term::NIL)
}

/// Which of the nodes asked for are known: none or this one. `None` for a bad argument.
fn includes_this(kinds: Term<'_>) -> Option<bool> {
    let kinds = if kinds.is_list() { kinds.to_vec()? } else { vec![kinds] };
    let mut this = false;
    for kind in kinds {
        match kind.as_atom()? {
            atoms::THIS | atoms::KNOWN => this = true,
            atoms::VISIBLE | atoms::HIDDEN | atoms::CONNECTED => {}
            _ => return None,
        }
    }
    Some(this)
}

/// Nodes of the kinds asked for.
///
/// # Errors
///
/// `badarg` for an unknown kind.
#[bif("erlang:nodes/1")]
fn nodes_of<'h>(cx: &mut BifContext<'h>, kinds: Term<'h>) -> BifResult<'h> {
    match includes_this(kinds) {
        Some(true) => Ok(cx.heap.list(&[Term::atom(cx.vm.node().0)])),
        Some(false) => Ok(Term::NIL),
        None => cx.badarg(),
    }
}

/// Nodes of the kinds asked for, each with a map of what else was asked.
///
/// # Errors
///
/// `badarg` for an unknown kind or a bad map.
#[bif("erlang:nodes/2")]
fn nodes_with<'h>(cx: &mut BifContext<'h>, kinds: Term<'h>, wanted: Term<'h>) -> BifResult<'h> {
    let Some(this) = includes_this(kinds).filter(|_| wanted.is_map()) else { return cx.badarg() };
    let mut pairs = Vec::new();
    for (name, value) in wanted.map_iter() {
        let (Some(name), Some(value)) = (name.as_atom(), value.as_boolean()) else { return cx.badarg() };
        let answer = match name {
            atoms::CONNECTION_ID => atoms::UNDEFINED,
            atoms::NODE_TYPE => atoms::THIS,
            _ => return cx.badarg(),
        };
        if value {
            pairs.push((Term::atom(name), Term::atom(answer)));
        }
    }
    if !this {
        return Ok(Term::NIL);
    }
    let info = cx.heap.map_from_pairs(&pairs, cx.atoms());
    let entry = cx.heap.tuple(&[Term::atom(cx.vm.node().0), info]);
    Ok(cx.heap.list(&[entry]))
}

/// Starts distribution under a name: not here yet.
///
/// # Errors
///
/// Always `badarg`.
#[bif("erlang:setnode/2")]
fn setnode<'h>(cx: &mut BifContext<'h>, _name: Term<'h>, _creation: Term<'h>) -> BifResult<'h> {
    cx.badarg()
}

/// Watches the connection to a node.
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
    let options = options.to_vec().is_some_and(|options| options.iter().all(known));
    let (Some(node), true) = (node.as_atom(), options) else { return cx.badarg() };
    if cx.vm.node().0 == atoms::NONODE_NOHOST && node != atoms::NONODE_NOHOST {
        return Err(cx.raise(atoms::NOTALIVE));
    }
    if on.as_boolean().is_some() { Ok(Term::TRUE) } else { cx.badarg() }
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

/// What `error_logger` makes of warnings.
#[bif("error_logger:warning_map/0")]
fn warning_map<'h>(_cx: &mut BifContext<'h>) -> BifResult<'h> {
    Ok(Term::atom(atoms::WARNING))
}

/// Starts a connection to another node: not here yet.
///
/// # Errors
///
/// Always `badarg`.
#[bif("erts_internal:new_connection/1")]
fn new_connection<'h>(cx: &mut BifContext<'h>, _node: Atom) -> BifResult<'h> {
    cx.badarg()
}

/// Gives up a connection that is being made: there is none.
#[bif("erts_internal:abort_pending_connection/2")]
fn abort_pending_connection<'h>(_cx: &mut BifContext<'h>, _node: Atom, _connection: Term<'h>) -> BifResult<'h> {
    Ok(Term::FALSE)
}
