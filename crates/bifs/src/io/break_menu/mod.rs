//! The break menu: what Ctrl-C shows, as OTP's `break.c` does.
//!
//! SIGINT starts a thread of its own. It stops all schedulers, gives the terminal the modes it had when the program began,
//! shows the menu and reads keys from standard input until one of them ends the menu or the machine. A second SIGINT
//! meanwhile ends the machine at once. The shell, if there is one, knows nothing of all this: what it had shown
//! stays as it is, and it shows no new prompt.

pub(crate) mod sections;

use super::ports::PortTable;
use super::restore_terminals;
use oxbeam_ets::Tables;
use oxbeam_runtime::{Paused, Signal, Vm};
use oxbeam_sys::terminal::{SavedModes, StandardStream, is_terminal, read_key};
use oxbeam_term::{OwnedTerm, Pid, Term, atoms};
use parking_lot::Mutex;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const MENU: &str = "BREAK: (a)bort (A)bort with dump (c)ontinue (p)roc info (i)nfo\n       \
                    (l)oaded (v)ersion (k)ill (D)b-tables (d)istribution\n";
/// Clears the rest of the screen: a shell may have listed completions there.
const CLEAR: &str = "\x1b[J";

/// Whether the menu is shown, and the terminal's modes when the program began.
#[derive(Default)]
pub(super) struct BreakMenu {
    requested: AtomicBool,
    initial_modes: Mutex<Option<SavedModes>>,
    /// Was the key that sends SIGINT taken away?
    without_key: AtomicBool,
}

/// What the menu goes on with after a key.
enum Next {
    Key,
    Continue,
    End,
    Dump,
}

impl BreakMenu {
    /// Remembers the terminal's modes. To be called before anything changes them.
    pub(super) fn prepare(&self) {
        *self.initial_modes.lock() = SavedModes::of_input();
    }
    /// Takes away the key that sends SIGINT, so that the shell reads Ctrl-C itself (`+Bc`).
    pub(super) fn give_key_to_shell(&self) {
        self.without_key.store(true, Ordering::SeqCst);
        if let Some(modes) = &*self.initial_modes.lock() {
            // Without a terminal there is no key either.
            let _ = modes.without_interrupt_key().restore();
        }
    }
    /// Undoes [`BreakMenu::give_key_to_shell`].
    pub(super) fn take_key_back(&self) {
        if self.without_key.load(Ordering::SeqCst) {
            self.restore_initial_modes();
        }
    }
    /// Gives the terminal the modes it had when the program began.
    fn restore_initial_modes(&self) {
        if let Some(modes) = &*self.initial_modes.lock() {
            let _ = modes.restore();
        }
    }
}

/// SIGINT came.
pub(super) fn interrupted(vm: &Arc<Vm>) {
    let menu = vm.extension::<BreakMenu>();
    if menu.requested.swap(true, Ordering::SeqCst) {
        menu.restore_initial_modes();
        vm.halt(0);
        return;
    }
    let machine = vm.clone();
    let thread = std::thread::Builder::new().name("break".into()).spawn(move || {
        let menu = machine.extension::<BreakMenu>();
        show(&machine, &menu);
        menu.requested.store(false, Ordering::SeqCst);
    });
    if thread.is_err() {
        vm.halt(0);
    }
}

fn show(vm: &Vm, menu: &BreakMenu) {
    let Some(paused) = vm.pause() else { return };
    let modes = SavedModes::of_input();
    menu.restore_initial_modes();
    let terminals = [StandardStream::Input, StandardStream::Output];
    let on_terminal = terminals.into_iter().all(|stream| is_terminal(stream).unwrap_or(false));
    print(&format!("\n{}{MENU}", if on_terminal { CLEAR } else { "" }));
    let next = loop {
        match read_key().map_or(Next::End, |key| answer(&paused, key)) {
            Next::Key => {}
            next => break next,
        }
    };
    match next {
        Next::Key | Next::Continue => {
            if let Some(modes) = modes {
                let _ = modes.restore();
            }
        }
        // The schedulers never run again.
        Next::End => vm.halt(0),
        Next::Dump => {
            let slogan = "Crash dump requested by user";
            eprint!("{slogan}");
            write_crash_dump(&paused, slogan);
            std::process::abort();
        }
    }
}

/// Shows text as OTP's emulator does: lines end as a terminal in raw mode needs it, wherever they go.
fn print(text: &str) {
    let mut output = std::io::stdout().lock();
    // That nobody reads it is no reason to fail.
    let _ = output.write_all(text.replace('\n', "\r\n").as_bytes()).and_then(|()| output.flush());
}

fn answer(paused: &Paused<'_>, key: u8) -> Next {
    match key {
        b'q' | b'a' | b'*' => return Next::End,
        b'A' => return Next::Dump,
        b'\n' => return Next::Key,
        b'c' | b'm' => {}
        b'p' => {
            for_each_process(paused, |section| print(&section));
            print(&ports(paused.vm()));
        }
        b'o' => print(&ports(paused.vm())),
        b'i' => print(&sections::information(paused.vm())),
        b'l' => print(&sections::loaded(paused.vm())),
        b'v' => print(&format!("Erlang (BEAM) emulator version {}\n", crate::erlang::system_info::ERTS_VERSION)),
        b'd' => print(&sections::distribution(paused.vm())),
        b'D' => print(&tables(paused.vm())),
        b'k' => return kill(paused),
        _ => {
            let key = char::from(key);
            print(&format!("Invalid option '{key}'. Please enter one of the following:\n{MENU}"));
            return Next::Key;
        }
    }
    Next::Continue
}

fn for_each_process(paused: &Paused<'_>, mut each: impl FnMut(String)) {
    let vm = paused.vm();
    for process in vm.processes.pids().into_iter().filter_map(|pid| vm.process(pid)) {
        each(paused.process_section(&process));
    }
}

fn ports(vm: &Vm) -> String {
    let table = vm.extension::<PortTable>();
    table.ports().into_iter().filter_map(|port| table.get(port)).map(|port| sections::port(&port)).collect()
}

fn tables(vm: &Vm) -> String {
    let tables = vm.extension::<Tables>().all();
    tables.iter().filter_map(|shared| sections::table(vm, shared, true)).collect()
}

/// Walks through the processes, the last first, and asks which to kill.
fn kill(paused: &Paused<'_>) -> Next {
    let vm = paused.vm();
    print("\n\nProcess Information\n\n");
    print("--------------------------------------------------\n");
    for process in vm.processes.pids().into_iter().rev().filter_map(|pid| vm.process(pid)) {
        print(&paused.process_section(&process));
        print("(k)ill (n)ext (r)eturn:\n");
        match read_key() {
            Some(b'k') => {
                let init = Pid { number: 0, serial: 0 };
                let from = OwnedTerm::immediate(Term::pid(init).word());
                vm.signal_pid(process.pid(), Signal::Exit { from, reason: Vm::own_atom(atoms::KILL) });
            }
            Some(b'n') => {}
            Some(_) => return Next::Continue,
            None => return Next::End,
        }
    }
    Next::Continue
}

/// Ends the machine with a crash dump and the status 1, as `erlang:halt(Slogan)` does. Returns at once: the caller is
/// a scheduler, and has to rest before anything can be written.
pub(crate) fn halt_with_dump(vm: &Arc<Vm>, slogan: String) {
    let machine = vm.clone();
    let thread = std::thread::Builder::new().name("crash dump".into()).spawn(move || {
        if let Some(paused) = machine.pause() {
            write_crash_dump(&paused, &slogan);
        }
        machine.halt(1);
    });
    if thread.is_err() {
        vm.halt(1);
    }
}

/// Writes a crash dump to where `ERL_CRASH_DUMP` says, `erl_crash.dump` otherwise, and tells so.
fn write_crash_dump(paused: &Paused<'_>, slogan: &str) {
    let vm = paused.vm();
    let variable = |name: &str| {
        let value = vm.extension::<crate::os::Environment>().get(name.as_bytes())?;
        Some(String::from_utf8_lossy(&value).into_owned())
    };
    let number = |name: &str| variable(name).and_then(|text| text.parse::<usize>().ok());
    let bytes_max = number("ERL_CRASH_DUMP_BYTES").unwrap_or(usize::MAX);
    if bytes_max == 0 || number("ERL_CRASH_DUMP_SECONDS") == Some(0) {
        restore_terminals(vm);
        return;
    }
    let path = PathBuf::from(variable("ERL_CRASH_DUMP").unwrap_or_else(|| "erl_crash.dump".to_owned()));
    eprint!("\r\nCrash dump is being written to: {}...", path.display());
    let mut dump = sections::header(vm, slogan);
    dump.push_str(&sections::information(vm));
    for_each_process(paused, |section| dump.push_str(&section));
    dump.push_str(&ports(vm));
    let tables = vm.extension::<Tables>().all();
    dump.extend(tables.iter().filter_map(|shared| sections::table(vm, shared, false)));
    dump.push_str(&sections::distribution(vm));
    dump.push_str("=loaded_modules\n");
    dump.push_str(&sections::modules(vm));
    dump.push_str("=end\n");
    dump.truncate(dump.floor_char_boundary(bytes_max));
    match std::fs::write(&path, dump) {
        Ok(()) => eprint!("done\r\n"),
        Err(error) => eprint!("cannot be written: {error}\r\n"),
    }
    // What the schedulers do not do any more: the terminal belongs to the person again.
    restore_terminals(vm);
}
