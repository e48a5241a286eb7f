//! The node: processes, signals, schedulers, code, timers, and the contract of a BIF.
