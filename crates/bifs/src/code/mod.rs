//! Code: loading and purging modules, what is known of them.

mod ahead;
pub(crate) mod chunks;
pub(crate) mod info;
pub(crate) mod loading;
pub(crate) mod native;
pub(crate) mod parsed_ahead;
pub(crate) mod purging;
