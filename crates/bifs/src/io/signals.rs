//! Signals of the operating system: to `erl_signal_server`, to the reader of the terminal, and to the break menu.

use super::break_menu::{self, BreakMenu};
use super::prim_tty::{TtySignal, signal_arrived};
use oxbeam_bif_macros::bif;
use oxbeam_runtime::{BifContext, BifResult, LinkTarget, Vm};
use oxbeam_sys::signals::{Disposition, Signal, Signals};
use oxbeam_term::{Atom, MagicObject, Term, atoms};
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

/// Signals that go to `erl_signal_server` unless a program says otherwise, as in OTP.
const HANDLED_FROM_THE_START: [Signal; 2] = [Signal::Terminate, Signal::User1];
/// The status of a program that a signal ended, as shells tell it: this and the signal's number.
const STATUS_OF_SIGNAL: i32 = 128;

/// What Ctrl-C does (`+B`). The key becomes SIGINT in the terminal; a shell never sees it, but for `InterruptShell`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BreakHandling {
    /// It shows the break menu.
    #[default]
    Menu,
    /// SIGINT does what it does by default: it ends the program. So does SIGQUIT.
    Terminate,
    /// Nothing, and neither do Ctrl-\ and Ctrl-Z.
    Ignore,
    /// The terminal has no key for SIGINT, so that the shell reads Ctrl-C as any other key.
    InterruptShell,
}

/// The signals of one machine. Nothing is handled unless the command gave it the process's signals
/// ([`install_signals`]).
#[derive(Default)]
pub struct SignalCenter {
    signals: Mutex<Option<Signals>>,
    terminals: Mutex<Vec<Weak<MagicObject>>>,
    break_handling: Mutex<BreakHandling>,
}

/// Takes over the process's signals for this machine: for the command to call on its first thread, before others start.
///
/// # Errors
/// When the operating system refuses.
pub fn install_signals(vm: &Arc<Vm>, break_handling: BreakHandling) -> oxbeam_sys::Result<()> {
    let menu = vm.extension::<BreakMenu>();
    menu.prepare();
    let weak = Arc::downgrade(vm);
    let signals = Signals::install(Box::new(move |signal| {
        if let Some(vm) = weak.upgrade() {
            arrived(&vm, signal);
        }
    }))?;
    for signal in HANDLED_FROM_THE_START {
        signals.set(signal, Disposition::Handle)?;
    }
    match break_handling {
        BreakHandling::Menu | BreakHandling::InterruptShell => {
            for signal in [Signal::Interrupt, Signal::Quit] {
                signals.set(signal, Disposition::Handle)?;
            }
        }
        BreakHandling::Ignore => {
            for signal in [Signal::Interrupt, Signal::Quit, Signal::TerminalStop] {
                signals.set(signal, Disposition::Ignore)?;
            }
        }
        BreakHandling::Terminate => {}
    }
    if break_handling == BreakHandling::InterruptShell {
        menu.give_key_to_shell();
    }
    let center = vm.extension::<SignalCenter>();
    *center.signals.lock() = Some(signals);
    *center.break_handling.lock() = break_handling;
    Ok(())
}

fn arrived(vm: &Arc<Vm>, signal: Signal) {
    if signal == Signal::Interrupt {
        break_menu::interrupted(vm);
        return;
    }
    let center = vm.extension::<SignalCenter>();
    let tty = match signal {
        Signal::WindowChange => Some(TtySignal::WindowChange),
        Signal::Continue => Some(TtySignal::Continue),
        _ => None,
    };
    if let Some(tty) = tty {
        let mut terminals = center.terminals.lock();
        terminals.retain(|terminal| terminal.strong_count() != 0);
        let alive: Vec<Arc<MagicObject>> = terminals.iter().filter_map(Weak::upgrade).collect();
        drop(terminals);
        for terminal in alive {
            signal_arrived(vm, &terminal, tty);
        }
        return;
    }
    let ends = HANDLED_FROM_THE_START.contains(&signal) || signal == Signal::Quit;
    if !notify(vm, signal.name()) && ends {
        // The machine is starting or ending: nobody else would heed the signal.
        vm.halt(STATUS_OF_SIGNAL + signal.number());
    }
}

/// `{notify, Signal}` to `erl_signal_server`; false when there is none.
pub fn notify(vm: &Vm, name: &str) -> bool {
    let Some(name) = vm.atoms.intern(name) else { return false };
    if let Some(LinkTarget::Process(server)) = vm.registry.whereis(atoms::ERL_SIGNAL_SERVER) {
        vm.send_built(server, |heap| heap.tuple(&[Term::atom(atoms::NOTIFY), Term::atom(name)]));
        return true;
    }
    false
}

impl SignalCenter {
    /// What `os:set_signal/2` does; nothing when the machine does not have the process's signals.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn set(&self, signal: Signal, disposition: Disposition) -> oxbeam_sys::Result<()> {
        match &*self.signals.lock() {
            Some(signals) => signals.set(signal, disposition),
            None => Ok(()),
        }
    }
    /// Does Ctrl-C do nothing (`+Bi`)?
    pub(crate) fn is_break_ignored(&self) -> bool {
        *self.break_handling.lock() == BreakHandling::Ignore
    }
    /// Does the machine have the process's signals?
    pub(crate) fn is_installed(&self) -> bool {
        self.signals.lock().is_some()
    }
    /// Tells the terminal's reader of SIGWINCH and SIGCONT from now on.
    pub(crate) fn watch_terminal(&self, terminal: &Arc<MagicObject>) {
        self.terminals.lock().push(Arc::downgrade(terminal));
        if let Some(signals) = &*self.signals.lock() {
            for signal in [Signal::WindowChange, Signal::Continue] {
                // A terminal works without them.
                let _ = signals.set(signal, Disposition::Handle);
            }
        }
    }
}

/// What a signal of the operating system does: `default`, `ignore`, or `handle`: a message to `erl_signal_server`.
///
/// # Errors
///
/// `badarg` for other signals and other actions.
#[bif("os:set_signal/2")]
fn set_signal<'h>(cx: &mut BifContext<'h>, signal: Atom, action: Atom) -> BifResult<'h> {
    let disposition = match cx.text(action) {
        "default" => Disposition::Default,
        "ignore" => Disposition::Ignore,
        "handle" => Disposition::Handle,
        _ => return cx.badarg(),
    };
    let signal = match Signal::from_name(cx.text(signal)) {
        // Those of the terminal are not for programs.
        None | Some(Signal::WindowChange | Signal::Continue | Signal::Interrupt) => return cx.badarg(),
        // It stops the program whatever anybody asks for.
        Some(Signal::Stop) => return Ok(Term::atom(atoms::OK)),
        Some(signal) => signal,
    };
    match cx.vm.extension::<SignalCenter>().set(signal, disposition) {
        Ok(()) => Ok(Term::atom(atoms::OK)),
        Err(_) => cx.badarg(),
    }
}
