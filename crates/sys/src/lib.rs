//! What the machine asks of the operating system: files, child processes, terminals, readiness.
