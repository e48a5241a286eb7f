//! ETS: tables of tuples and match specifications, over the term API.
//!
//! Knows nothing of processes but their pids, and nothing of BIFs: what a guard needs of the machine it asks of a
//! [`GuardCaller`]. Start with [`Table`], then [`Tables`]; match specifications begin at [`MatchSpec`].

mod hash_table;
mod match_spec;
mod object;
mod ordered_table;
mod registry;
mod table;
mod update;

pub use match_spec::{Body, Dialect, GuardCaller, KeyBound, Keys, MatchSpec, Runner};
pub use object::Object;
pub use registry::{SharedTable, Tables, table_of};
pub use table::{
    Access, Change, Fixation, Garbage, Heir, Options, Position, Protection, Slot, Step, Table, TableError, TableState,
    TableType, Visit, VisitMut, WriteConcurrency, object,
};
pub use update::{CounterError, CounterOperation, ElementError};
