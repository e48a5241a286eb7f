//! Links, monitors and aliases: what one process keeps about others.

use oxbeam_term::{Atom, OwnedTerm, Pid, Port};

/// The other end of a link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LinkTarget {
    /// A process of this node.
    Process(Pid),
    /// A port of this node.
    Port(Port),
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
    /// Changes of the time offset.
    TimeOffset,
    /// Something that was not there when the monitor was set, shown as this name.
    Gone(Atom),
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
