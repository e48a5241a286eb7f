//! The node: processes, signals, schedulers, code, timers, and the contract of a BIF.
//!
//! Knows nothing of how code is executed: an [`Engine`] does that, given to the machine when it is built.
//! Start with [`Vm`], then `process.rs` and `signal.rs`.

mod area;
mod bif;
mod blocking;
mod clock;
mod code;
mod dirty;
mod dirty_pool;
pub mod distribution;
mod exception;
mod extensions;
mod external;
mod inbox;
mod inspect;
mod last_calls;
mod literal_release;
mod mailbox;
mod module_code;
mod monitor;
mod online;
mod pause;
mod process;
mod purge;
mod registry;
mod report;
mod run_queue;
mod scheduler;
mod send;
pub mod sequential;
mod signal;
mod sleep;
mod small_map;
mod spawn;
mod stacktrace;
mod sync;
mod system_monitor;
mod table;
mod timer;
mod trace;
mod vm;
mod wall_time;

pub use area::{Area, Run};
pub use bif::{BifContext, BifEntry, BifFlags, BifFunction, BifResult, FromTerm, Interrupt, Trap};
pub use blocking::{MultiScheduling, SchedulerCounts};
pub use clock::Clock;
pub use code::{CodeTable, LoadError, Module, ModuleState, Prepared, PublishError};
pub use dirty::{DirtyHandling, Shadow};
pub use exception::{Class, Exception, Trace};
pub use external::VmContext;
pub use last_calls::{LastCall, LastCalls};
pub use mailbox::{Mailbox, Message, Peek};
pub use module_code::{
    DecodedFunction, FunctionDecoder, FunctionInfo, LineEntry, ModuleCode, ModuleInformation, ModuleParts, Place,
    Reference,
};
pub use monitor::{AliasKind, LinkTarget, Monitor, MonitorTarget, RemotePid, RemoteReference, Watcher};
pub use pause::Paused;
pub use process::{
    Collected, DirtyState, Flags, Holding, MaxHeapSize, Priority, Process, ProcessMain, ProcessState, RareFields,
    RareState, Resume, RunStatus, SavedCall, SavedRegisters,
};
pub use registry::Registry;
pub use report::SystemLogger;
pub use scheduler::{DirtyKind, Outcome, SLICE_REDUCTIONS, SchedulerTotals, Schedulers, ThreadTimes};
pub use send::Destination;
pub use signal::{Signal, SystemTask};
pub use small_map::SmallMap;
pub use spawn::{SpawnMonitor, SpawnOptions};
pub use stacktrace::{Frame, return_addresses};
pub use system_monitor::{MonitorSettings, SystemMonitor, collection_sizes};
pub use table::ProcessTable;
pub use timer::{TimerId, TimerService};
pub use trace::{
    EventParts, ProfileEvent, Sender, SequentialEvent, TraceFrame, TracePoint, Tracer, Tracing, profile_flag,
    trace_flag,
};
pub use vm::{ETS_TABLES_MIN, Engine, ExitHook, MemoryCounters, PortBytes, Ports, SpawnDefaults, Vm, VmOptions};
