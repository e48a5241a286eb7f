//! BIFs of module `erlang`, by family.

pub(crate) mod arithmetic;
pub(crate) mod binary;
pub(crate) mod conversion;
pub(crate) mod dictionary;
pub(crate) mod exception;
pub(crate) mod external;
pub(crate) mod fun;
pub(crate) mod hash;
pub(crate) mod iolist;
pub(crate) mod links;
pub(crate) mod list;
pub(crate) mod md5;
pub(crate) mod messages;
pub(crate) mod node;
pub(crate) mod process;
pub(crate) mod process_info;
pub(crate) mod spawn;
pub(crate) mod statistics;
pub(crate) mod system;
pub(crate) mod system_info;
pub(crate) mod term;
pub(crate) mod time;
pub(crate) mod timer;
pub(crate) mod trace;
pub(crate) mod tuple;
