//! Links, monitors and aliases: what one process keeps about others.

use oxbeam_term::{Atom, Heap, OwnedTerm, Pid, Port, Term, Value};

/// The other end of a link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LinkTarget {
    /// A process of this node.
    Process(Pid),
    /// A port of this node.
    Port(Port),
    /// A process of another node.
    Remote(RemotePid),
}

/// What a monitor watches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MonitorTarget {
    /// A process by pid.
    Process(Pid),
    /// A process by registered name.
    Name(Atom, Pid),
    /// A port.
    Port(Port),
    /// A port by registered name.
    PortName(Atom, Port),
    /// A process of another node.
    Remote(RemotePid),
    /// A process of another node (the second one) by registered name.
    RemoteName(Atom, Atom),
    /// Changes of the time offset.
    TimeOffset,
    /// Something that was not there when the monitor was set, shown as this name.
    Gone(Atom),
    /// A port that was not there when the monitor was set, shown as this name.
    GonePort(Atom),
}

/// How an alias ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AliasKind {
    /// By `unalias/1` only.
    Explicit,
    /// Also when the monitor it came with ends.
    Demonitor,
    /// Also by the first message sent through it, which ends the monitor too.
    Reply,
    /// By the first message sent through it (`alias([reply])`).
    ReplyOnly,
}

/// A monitor that this process has set.
pub struct Monitor {
    /// What it watches.
    pub target: MonitorTarget,
    /// First element of its message in place of `'DOWN'`.
    pub tag: Option<OwnedTerm>,
    /// Is it an alias as well?
    pub alias: Option<AliasKind>,
    /// Was it made as an alias, so that its reference carries its owner's pid? (Stays so when the alias ends.)
    pub carries_owner: bool,
}

/// A monitor that another process has set on this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watcher {
    /// Who watches.
    pub watcher: Pid,
    /// Under which name, if not by pid.
    pub name: Option<Atom>,
}

/// A process of another node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RemotePid {
    /// Its node.
    pub node: Atom,
    /// The node's incarnation.
    pub creation: u32,
    /// First number shown.
    pub number: u32,
    /// Second number shown.
    pub serial: u32,
}

impl RemotePid {
    /// The process that a term names.
    pub fn of(term: Term<'_>) -> Option<RemotePid> {
        let Value::ExternalPid(pid) = term.value() else { return None };
        let (number, serial) = (pid.id() as u32, (pid.id() >> 32) as u32);
        Some(RemotePid { node: pid.node(), creation: pid.creation(), number, serial })
    }
    /// Its term.
    pub fn term(self, heap: &Heap) -> Term<'_> {
        heap.external_pid(self.node, self.creation, self.number, self.serial)
    }
}

impl LinkTarget {
    /// Its term.
    pub fn term(self, heap: &Heap) -> Term<'_> {
        match self {
            LinkTarget::Process(pid) => Term::pid(pid),
            LinkTarget::Port(port) => Term::port(port),
            LinkTarget::Remote(pid) => pid.term(heap),
        }
    }
}

/// A reference of another node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RemoteReference {
    node: Atom,
    creation: u32,
    words: [u32; 5],
    count: u8,
}

impl RemoteReference {
    /// The reference that a term is.
    pub fn of(term: Term<'_>) -> Option<RemoteReference> {
        let Value::ExternalReference(reference) = term.value() else { return None };
        let ids = reference.reference_ids();
        let mut words = [0; 5];
        words.get_mut(..ids.len())?.copy_from_slice(&ids);
        Some(RemoteReference { node: reference.node(), creation: reference.creation(), words, count: ids.len() as u8 })
    }
    /// Its term.
    pub fn term(self, heap: &Heap) -> Term<'_> {
        heap.external_reference(self.node, self.creation, &self.words[..usize::from(self.count)])
    }
}
