//! Decoding ahead of the first call.
//!
//! A module that is loaded by itself is about to be used: somebody has called it. Once no more are loaded for a while, a
//! thread decodes their functions, so that first calls need not wait for that one after the other. While a program starts,
//! module follows module, and of most of them little is called: a program that is soon over pays nothing.

use oxbeam_runtime::{ModuleCode, Vm};
use parking_lot::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Where the thread takes its modules from, once it was started.
#[derive(Default)]
struct Ahead(Mutex<Option<Sender<Weak<ModuleCode>>>>);

/// Lets the functions of a module be decoded soon.
pub(super) fn decode_soon(vm: &Vm, code: &Arc<ModuleCode>) {
    let ahead = vm.extension::<Ahead>();
    let mut sender = ahead.0.lock();
    if sender.is_none() {
        let (to, from) = channel();
        let vm = Arc::downgrade(&vm.arc());
        let thread = std::thread::Builder::new().name("decoder".into());
        // Without the thread each function is decoded when it is called.
        if thread.spawn(move || decode(&vm, &from)).is_ok() {
            *sender = Some(to);
        }
    }
    if let Some(sender) = &*sender {
        // Nobody receives only when the thread is gone.
        let _ = sender.send(Arc::downgrade(code));
    }
}

/// How long no module must have been loaded.
const QUIET: Duration = Duration::from_millis(20);

/// The thread: it ends with the machine, which has the other end of the channel.
fn decode(vm: &Weak<Vm>, modules: &Receiver<Weak<ModuleCode>>) {
    let mut waiting = Vec::new();
    loop {
        match if waiting.is_empty() { modules.recv().map_err(Into::into) } else { modules.recv_timeout(QUIET) } {
            Ok(code) => waiting.push(code),
            Err(RecvTimeoutError::Timeout) if decode_all(vm, waiting.drain(..)) => {
                vm.upgrade().iter().for_each(|vm| super::parsed_ahead::forget(vm));
            }
            Err(_) => return,
        }
    }
}

/// Decodes all functions of these modules; false when the machine ends.
fn decode_all(vm: &Weak<Vm>, modules: impl Iterator<Item = Weak<ModuleCode>>) -> bool {
    for code in modules {
        let Some(code) = code.upgrade() else { continue };
        for function in 0..code.functions().count() as u32 {
            let Some(vm) = vm.upgrade().filter(|vm| !vm.is_halting()) else { return false };
            // What is wrong with a function is told when it is called.
            let _ = code.decode(&vm, function);
        }
    }
    true
}
