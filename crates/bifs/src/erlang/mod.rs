//! BIFs of module `erlang`, by family.

pub(crate) mod tuple;
