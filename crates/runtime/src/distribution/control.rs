//! Control messages: the operations of the distribution protocol by name, and the flags that connections agree on.

use oxbeam_term::{Pid, Term};

/// Numbers of operations, and how many elements their tuples have (ERTS' "Distribution Protocol", "Protocol between Connected
/// Nodes").
macro_rules! operations {
    ($($name:ident = $number:literal of $elements:literal),* $(,)?) => {
        $(pub(super) const $name: i64 = $number;)*

        /// How many elements the tuple of an operation has; `None` for an unknown one.
        pub(super) fn elements(operation: i64) -> Option<usize> {
            match operation {
                $($number => Some($elements),)*
                _ => None,
            }
        }
    };
}
operations! {
    LINK = 1 of 3,
    SEND = 2 of 3,
    EXIT = 3 of 4,
    REG_SEND = 6 of 4,
    GROUP_LEADER = 7 of 3,
    EXIT2 = 8 of 4,
    SEND_TT = 12 of 4,
    EXIT_TT = 13 of 5,
    REG_SEND_TT = 16 of 5,
    EXIT2_TT = 18 of 5,
    MONITOR_P = 19 of 4,
    DEMONITOR_P = 20 of 4,
    MONITOR_P_EXIT = 21 of 5,
    SEND_SENDER = 22 of 3,
    SEND_SENDER_TT = 23 of 4,
    PAYLOAD_EXIT = 24 of 3,
    PAYLOAD_EXIT_TT = 25 of 4,
    PAYLOAD_EXIT2 = 26 of 3,
    PAYLOAD_EXIT2_TT = 27 of 4,
    PAYLOAD_MONITOR_P_EXIT = 28 of 4,
    SPAWN_REQUEST = 29 of 6,
    SPAWN_REQUEST_TT = 30 of 7,
    SPAWN_REPLY = 31 of 5,
    SPAWN_REPLY_TT = 32 of 6,
    ALIAS_SEND = 33 of 3,
    ALIAS_SEND_TT = 34 of 4,
    UNLINK_ID = 35 of 4,
    UNLINK_ID_ACK = 36 of 4,
}

/// The process of this node that sends a control message, if the message says that.
pub(super) fn sender(control: Term<'_>) -> Option<Pid> {
    let elements = control.as_tuple()?.elements();
    let index = match elements.first()?.as_small()? {
        LINK
        | EXIT
        | EXIT2
        | EXIT_TT
        | EXIT2_TT
        | PAYLOAD_EXIT
        | PAYLOAD_EXIT_TT
        | PAYLOAD_EXIT2
        | PAYLOAD_EXIT2_TT
        | REG_SEND
        | REG_SEND_TT
        | SEND_SENDER
        | SEND_SENDER_TT
        | ALIAS_SEND
        | ALIAS_SEND_TT
        | MONITOR_P
        | DEMONITOR_P
        | MONITOR_P_EXIT
        | PAYLOAD_MONITOR_P_EXIT => 1,
        UNLINK_ID | UNLINK_ID_ACK | SPAWN_REQUEST | SPAWN_REQUEST_TT => 2,
        SPAWN_REPLY | SPAWN_REPLY_TT => 4,
        _ => return None,
    };
    elements.get(index)?.as_pid()
}

/// In a spawn reply: the new process is linked.
pub(super) const SPAWNED_LINK: i64 = 1;
/// In a spawn reply: the new process is monitored.
pub(super) const SPAWNED_MONITOR: i64 = 2;

/// Flags of connections.
pub mod flag {
    /// The node is visible.
    pub const PUBLISHED: u64 = 1;
    /// Monitors.
    pub const DIST_MONITOR: u64 = 8;
    /// Atom cache headers.
    pub const HEADER_ATOM_CACHE: u64 = 0x2000;
    /// The sender goes with a message.
    pub const SEND_SENDER: u64 = 0x8_0000;
    /// Reasons of exits are payloads.
    pub const EXIT_PAYLOAD: u64 = 0x40_0000;
    /// Fragments.
    pub const FRAGMENTS: u64 = 0x80_0000;
    /// Spawning by request.
    pub const SPAWN: u64 = 1 << 32;
    /// Aliases.
    pub const ALIAS: u64 = 8 << 32;
    /// What a node is taken to understand while the connection to it is being made.
    pub const HOPED_FOR: u64 = DIST_MONITOR | SPAWN | ALIAS;
}
