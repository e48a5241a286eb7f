//! What processes are doing, for people: the break menu, crash dumps, debugging.

use crate::process::{Process, ProcessMain, RunStatus};
use crate::{LinkTarget, Message, Monitor, MonitorTarget, Paused, Priority, Vm};

use oxbeam_term::word::ImmediateKind;
use oxbeam_term::{Atom, Heap, Term, Word, display_text};
use std::fmt::Write as _;
use std::sync::atomic::Ordering;

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

impl Paused<'_> {
    /// All that is known of a process, as the break menu and crash dumps of OTP tell it (`print_process_info` in
    /// `break.c`). Of a process in the middle of a dirty call, what lies inside is not told.
    pub fn process_section(&self, process: &Process) -> String {
        let mut section = Section { vm: self.vm(), text: format!("=proc:{}\n", process.pid()) };
        self.with(process, |status, main| section.process(process, status, main));
        section.text
    }
}

/// A section while it is written. Writing to a string does not fail.
struct Section<'v> {
    vm: &'v Vm,
    text: String,
}

impl Section<'_> {
    fn line(&mut self, name: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.text, "{name}: {value}");
    }
    fn show(&self, word: Word) -> String {
        if word.is_immediate_of(ImmediateKind::None) {
            return "Nonvalue".to_owned();
        }
        // SAFETY: the word is a root of a heap at rest, or stands on its stack, and no return address or catch.
        display_text(unsafe { Term::from_raw(word) }, None, &self.vm.atoms)
    }
    fn message(&self, message: &Message) -> String {
        message.word().map_or_else(|| "<of another node, not decoded>".to_owned(), |word| self.show(word))
    }
    fn atom(&self, atom: Atom) -> String {
        display_text(Term::atom(atom), None, &self.vm.atoms)
    }
    fn function(&self, (module, function, arity): (Atom, Atom, u8)) -> String {
        format!("{}:{}/{arity}", self.atom(module), self.atom(function))
    }

    fn process(&mut self, process: &Process, status: RunStatus, main: Option<&ProcessMain>) {
        self.line(
            "State",
            match status {
                RunStatus::Queued => "Scheduled",
                RunStatus::Running | RunStatus::Dirty => "Running",
                RunStatus::Waiting => "Waiting",
                RunStatus::Dead => "Exiting",
            },
        );
        if let Some(name) = process.registered_name() {
            self.line("Name", self.atom(name));
        }
        if let Some(main) = main {
            self.facts(main);
        }
        self.line("Reductions", process.reductions.load(Ordering::Relaxed));
        if let Some(main) = main {
            self.memory(&main.heap);
            self.text.push_str("Stack dump:\n");
            self.stack(main);
        }
        let priority = match process.priority() {
            Priority::Low => "LOW",
            Priority::Normal => "NORMAL",
            Priority::High => "HIGH",
            Priority::Max => "MAX",
        };
        self.line("Internal State", format!("ACT_PRIO_{priority} | USR_PRIO_{priority} | PRQ_PRIO_{priority}"));
    }

    /// What comes before the reductions.
    fn facts(&mut self, main: &ProcessMain) {
        let state = &main.state;
        self.line("Spawned as", self.function(state.initial_call));
        if state.hibernating {
            self.line("Current call", "erlang:hibernate/3");
        }
        self.line("Spawned by", state.parent.map_or_else(|| "[]".to_owned(), |pid| pid.to_string()));
        self.line("Message queue length", state.messages.len());
        if !state.messages.is_empty() {
            let messages: Vec<String> = state.messages.iter().map(|message| self.message(message)).collect();
            self.line("Message queue", format!("[{}]", messages.join(",")));
        }
        let relations = self.relations(main);
        if !relations.is_empty() {
            self.line("Link list", format!("[{}]", relations.join(", ")));
        }
        if !state.dictionary.words.is_empty() {
            let pairs = state.dictionary.words.chunks_exact(2);
            let pairs: Vec<String> =
                pairs.map(|pair| format!("{{{},{}}}", self.show(pair[0]), self.show(pair[1]))).collect();
            self.line("Dictionary", format!("[{}]", pairs.join(",")));
        }
    }

    /// Links, and monitors of both directions.
    fn relations(&self, main: &ProcessMain) -> Vec<String> {
        let state = &main.state;
        let links = state.links.keys().map(|link| match link {
            LinkTarget::Process(pid) => pid.to_string(),
            LinkTarget::Port(port) => port.to_string(),
            LinkTarget::Remote(pid) => self.remote(*pid),
        });
        let monitors =
            state.monitors.iter().map(|(number, monitor)| format!("{{to,{},{}}}", self.monitored(monitor), number));
        let watchers = state.watchers.iter();
        let watchers = watchers.map(|(number, watcher)| format!("{{from,{},{}}}", watcher.watcher, number));
        links.chain(monitors).chain(watchers).collect()
    }
    fn remote(&self, pid: crate::RemotePid) -> String {
        format!("<{}.{}.{}>", self.atom(pid.node), pid.number, pid.serial)
    }
    fn monitored(&self, monitor: &Monitor) -> String {
        match monitor.target {
            MonitorTarget::Process(pid) => pid.to_string(),
            MonitorTarget::Port(port) => port.to_string(),
            MonitorTarget::Remote(pid) => self.remote(pid),
            MonitorTarget::RemoteName(name, node) => format!("{{{},{}}}", self.atom(name), self.atom(node)),
            MonitorTarget::TimeOffset => "clock_service".to_owned(),
            MonitorTarget::Name(name, _)
            | MonitorTarget::PortName(name, _)
            | MonitorTarget::Gone(name)
            | MonitorTarget::GonePort(name) => {
                format!("{{{},{}}}", self.atom(name), self.atom(self.vm.node().0))
            }
        }
    }

    fn memory(&mut self, heap: &Heap) {
        self.line("Stack+heap", heap.block_words());
        self.line("OldHeap", heap.old_block_words());
        let used = heap.used_words().saturating_sub(heap.old_used_words()) + heap.stack_words();
        self.line("Heap unused", heap.block_words().saturating_sub(used));
        self.line("OldHeap unused", heap.old_block_words().saturating_sub(heap.old_used_words()));
        self.line("Memory", heap.total_words() * 8);
    }

    /// The frames: live words and return addresses, the most recent first.
    fn stack(&mut self, main: &ProcessMain) {
        let state = &main.state;
        let place = self.place(state.current_address);
        self.line("Program counter", place);
        let _ = writeln!(self.text, "arity = {}", state.registers.len());
        for word in &state.registers {
            let shown = self.show(*word);
            let _ = writeln!(self.text, "   {shown}");
        }
        let mut number = 0;
        for word in main.heap.stack() {
            if word.is_return_address() {
                let place = self.place(word.code_address());
                let _ = writeln!(self.text, "\n{:#018x} Return addr {place}", std::ptr::from_ref(word).addr());
                number = 0;
                continue;
            }
            let shown = if word.is_immediate_of(ImmediateKind::Catch) {
                format!("Catch {}", self.place(word.payload()))
            } else {
                self.show(*word)
            };
            let _ = writeln!(self.text, "y({number})     {shown}");
            number += 1;
        }
    }
    /// An address and what is there.
    fn place(&self, address: u64) -> String {
        let Some((code, function, _)) = self.vm.code.describe(address.saturating_sub(4)) else {
            return format!("{address:#018x} (<terminate process normally>)");
        };
        let start = code.address(function.entry);
        let name = self.function((code.module, function.name, function.arity));
        format!("{address:#018x} ({name} + {})", address.saturating_sub(start))
    }
}
