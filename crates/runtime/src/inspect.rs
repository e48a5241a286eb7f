//! What all processes are doing, for people: the break menu, crash dumps, debugging.

use crate::Vm;
use crate::process::RunStatus;
use std::fmt::Write as _;

impl Vm {
    /// A line for each process: pid, name, state, and where it is if it waits.
    pub fn process_overview(&self) -> String {
        let mut text = String::new();
        for pid in self.processes.pids() {
            let Some(process) = self.process(pid) else { continue };
            let incoming = process.incoming.freeze();
            let name = process.registered_name().map_or("", |name| self.atoms.text(name));
            let _ = write!(text, "{pid} {name} {:?}", incoming.status());
            if incoming.status() == RunStatus::Waiting {
                // SAFETY: a waiting process has no owner, and cannot get one while its queue is locked.
                let main = unsafe { process.main() };
                let (module, function, arity) = main.state.initial_call;
                let _ = write!(
                    text,
                    " initial {}:{}/{arity} messages {} at",
                    self.atoms.text(module),
                    self.atoms.text(function),
                    main.state.messages.len()
                );
                for frame in self.frames(Some(main.state.current_address), &main.heap, 4) {
                    let line = frame.location.as_ref().map_or(0, |(_, line)| *line);
                    let (module, function) = (self.atoms.text(frame.module), self.atoms.text(frame.function));
                    let _ = write!(text, " {module}:{function}/{}:{line}", frame.arity);
                }
            }
            text.push('\n');
        }
        text
    }
}
