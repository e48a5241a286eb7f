//! ETS tables and match specifications.
